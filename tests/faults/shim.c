/* tests/faults/shim.c: a library for LD_PRELOAD that makes the n-th call of one kind fail.
 *
 * FAULT_CALL is one of: memory open read write stdout fsync close rename unlink mkdir temp (a
 * temporary file or folder is made) stat (access too) list (a folder is opened or read) spawn
 * thread. FAULT_AT is n, from 1; 0 or nothing: none fails. FAULT_HOW is EIO, ENOSPC, EINTR,
 * EAGAIN (the call fails so, once), "full" (ENOSPC from the n-th on), "out" (memory: none from
 * the n-th on) or "short" (from the n-th on, reads and writes do at most 7 bytes). FAULT_COUNT
 * names a file that gets the number of such calls at exit.
 *
 * Only the first process is touched: what it starts runs without the library. Calls that the C
 * library makes for itself do not come by here, but for its allocations and, as "stdout", its
 * writes to standard output. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SHORT_BYTES = 7 };

static const char *call = "", *how = "";
static long at;
static atomic_long count;

static int is_how(const char *word) { return strcmp(how, word) == 0; }

static ssize_t to_stdout(void *unused, const char *bytes, size_t count);

__attribute__((constructor)) static void start(void)
{
    const char *n = getenv("FAULT_AT");
    if (getenv("FAULT_HOW"))
        how = getenv("FAULT_HOW");
    at = n ? atol(n) : 0;
    if (getenv("FAULT_CALL"))
        call = getenv("FAULT_CALL");
    if (strcmp(call, "stdout") == 0)
        stdout = fopencookie(NULL, "w", (cookie_io_functions_t){.write = to_stdout});
    atomic_store(&count, 0);
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void finish(void)
{
    char text[32];
    const char *path = getenv("FAULT_COUNT");
    if (!path)
        return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    syscall(SYS_write, file, text, (size_t)length);
    syscall(SYS_close, file);
}

/* Does this call fail? Then errno says how. */
static int fails(const char *name)
{
    if (strcmp(call, name) != 0)
        return 0;
    long n = atomic_fetch_add(&count, 1) + 1;
    int lasts = is_how("full") || is_how("out");
    if (at <= 0 || is_how("short") || (lasts ? n < at : n != at))
        return 0;
    errno = strcmp(call, "memory") == 0 ? ENOMEM
            : is_how("EINTR")           ? EINTR
            : is_how("EAGAIN")          ? EAGAIN
            : is_how("EIO")             ? EIO
                                        : ENOSPC;
    return 1;
}

static size_t shortened(const char *name, size_t bytes)
{
    int now = is_how("short") && at > 0 && strcmp(call, name) == 0 && atomic_load(&count) >= at;
    return now && bytes > SHORT_BYTES ? SHORT_BYTES : bytes;
}

/* ---- memory: glibc's own entries, so that nothing must be looked up ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t items, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) { return fails("memory") ? NULL : __libc_malloc(bytes); }
void *calloc(size_t items, size_t bytes)
{
    return fails("memory") ? NULL : __libc_calloc(items, bytes);
}
void *realloc(void *old, size_t bytes)
{
    return fails("memory") ? NULL : __libc_realloc(old, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails("memory") ? NULL : __libc_memalign(alignment, bytes);
}
int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    if (fails("memory"))
        return ENOMEM;
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

/* ---- files: straight to the kernel ---- */

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return fails("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
ssize_t read(int file, void *bytes, size_t wanted)
{
    return fails("read") ? -1 : syscall(SYS_read, file, bytes, shortened("read", wanted));
}
ssize_t write(int file, const void *bytes, size_t wanted)
{
    return fails("write") ? -1 : syscall(SYS_write, file, bytes, shortened("write", wanted));
}
int fsync(int file) { return fails("fsync") ? -1 : (int)syscall(SYS_fsync, file); }
/* A descriptor is gone even where closing it failed. */
int close(int file)
{
    int result = (int)syscall(SYS_close, file);
    return fails("close") ? -1 : result;
}
int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}
int unlink(const char *path)
{
    return fails("unlink") ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir") ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* What the C library's stream asks for; an error is nothing written. */
static ssize_t to_stdout(void *unused, const char *bytes, size_t bytes_left)
{
    (void)unused;
    for (size_t at = 0; at < bytes_left;) {
        ssize_t done = fails("stdout") ? -1 : syscall(SYS_write, 1, bytes + at, bytes_left - at);
        if (done < 0)
            return 0;
        at += (size_t)done;
    }
    return (ssize_t)bytes_left;
}

/* ---- questions about files: straight to the kernel ---- */

static int stat_at(int folder, const char *path, struct stat *out, int flags)
{
    return fails("stat") ? -1 : (int)syscall(SYS_newfstatat, folder, path, out, flags);
}
int stat(const char *path, struct stat *out) { return stat_at(AT_FDCWD, path, out, 0); }
int lstat(const char *path, struct stat *out)
{
    return stat_at(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}
int fstat(int file, struct stat *out) { return stat_at(file, "", out, AT_EMPTY_PATH); }
int access(const char *path, int mode)
{
    return fails("stat") ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

/* ---- what the C library alone can do ---- */

/* Null if the call fails; else the C library's function of this name. */
static void *unless(const char *kind, const char *name)
{
    return fails(kind) ? NULL : dlsym(RTLD_NEXT, name);
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = unless("list", "opendir");
    return real ? real(path) : NULL;
}
struct dirent *readdir(DIR *folder)
{
    struct dirent *(*real)(DIR *) = unless("list", "readdir");
    return real ? real(folder) : NULL;
}
int mkstemp(char *path)
{
    int (*real)(char *) = unless("temp", "mkstemp");
    return real ? real(path) : -1;
}
char *mkdtemp(char *path)
{
    char *(*real)(char *) = unless("temp", "mkdtemp");
    return real ? real(path) : NULL;
}
int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const arguments[],
                 char *const environment[])
{
    int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                const posix_spawnattr_t *, char *const *, char *const *) =
        unless("spawn", "posix_spawnp");
    return real ? real(pid, file, actions, attributes, arguments, environment) : errno;
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        unless("thread", "pthread_create");
    return real ? real(thread, attributes, run, argument) : errno;
}
