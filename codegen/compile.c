/* codegen/compile.c: from source text to an executable. The C compiler runs by posix_spawn with an
 * argument vector, never through a shell; what it prints goes to a file without a name beside the
 * output and becomes our message, with the command line. A failed build leaves no output. */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ARGS = 96, MAX_OUTPUT = 1 << 16 };

typedef struct Args { const char *v[MAX_ARGS]; int n; Arena *a; } Args;

static void arg(Args *x, const char *s)
{
    if (x->n + 1 == MAX_ARGS) ir_die(NULL, "compile: more than %d arguments", MAX_ARGS);
    x->v[x->n++] = s;
}

static bool is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static bool is_program(const char *path) { return is_file(path) && access(path, X_OK) == 0; }

/* Is there a program of this name on $PATH, or at this path? */
static bool find_program(const char *name, Arena *a)
{
    if (strchr(name, '/')) return is_program(name);
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        if (len && is_program(arena_printf(a, "%.*s/%s", (int)len, p, name))) return true;
        p += len + (p[len] == ':');
    }
    return false;
}

/* $CC may hold arguments: "ccache gcc". */
static void words(Args *x, const char *s)
{
    while (*(s += strspn(s, " \t"))) {
        size_t len = strcspn(s, " \t");
        arg(x, arena_strn(x->a, s, len));
        s += len;
    }
}

static bool choose_compiler(Args *x, const CompileOpts *o, char **message)
{
    static const char *const usual[] = { "cc", "gcc", "clang", NULL };
    const char *cc = o->cc ? o->cc : getenv("CC");
    if (cc && cc[strspn(cc, " \t")]) {
        words(x, cc);
        if (find_program(x->v[0], x->a)) return true;
        *message = arena_printf(
            x->a,
            "there is no C compiler %s\nhelp: install gcc, or name another one by --cc or $CC",
            x->v[0]);
        return false;
    }
    for (int i = 0; usual[i]; i++)
        if (find_program(usual[i], x->a)) {
            arg(x, usual[i]);
            return true;
        }
    *message = arena_str(
        x->a,
        "there is no C compiler (cc, gcc or clang)\nhelp: install gcc, or name one by --cc or $CC");
    return false;
}

/* A library's archive, where the system keeps such files; null: not there. */
static const char *archive(Arena *a, const char *name)
{
    static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu/openblas-pthread",
                                           "/usr/lib/aarch64-linux-gnu/openblas-pthread",
                                           "/usr/lib/x86_64-linux-gnu",
                                           "/usr/lib/aarch64-linux-gnu",
                                           "/usr/lib64",
                                           "/usr/lib",
                                           "/usr/local/lib",
                                           NULL };
    for (int i = 0; folders[i]; i++) {
        const char *path = arena_printf(a, "%s/%s", folders[i], name);
        if (is_file(path)) return path;
    }
    return NULL;
}

static void arguments(Args *x, const char *source, const char *output, const CompileOpts *o)
{
    static const char *const flags[] = {
        "-std=c11",      "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
        "-fopenmp-simd", NULL
    };
    Arena *a = x->a;
    for (int i = 0; flags[i]; i++) arg(x, flags[i]);
    if (o->native) arg(x, "-march=native");
    else if (*o->target->march) arg(x, arena_printf(a, "-march=%s", o->target->march));
    /* Both compilers would halve vectors of 512 bits; clang even those of the register tiles. */
    if (o->target->vector_bytes == 64)
        arg(x, o->half_vectors ? "-mprefer-vector-width=256" : "-mprefer-vector-width=512");
    for (int i = 0; o->extra && o->extra[i]; i++) arg(x, o->extra[i]);
    arg(x, arena_printf(a, "-I%s/include", o->runtime_dir));
    arg(x, "-o");
    arg(x, output);
    arg(x, source);
    arg(x, arena_printf(a, "%s/libseqc_rt.a", o->runtime_dir));
    if (o->blas) {
        const char *blas = archive(a, "libopenblas.a");
        arg(x, blas ? blas : "-lopenblas");
        /* GNU ld takes most of a second for the archive, gold and lld a fraction. */
        if (find_program("ld.gold", a)) arg(x, "-fuse-ld=gold");
    }
    const char *zlib = archive(a, "libz.a");
    arg(x, zlib ? zlib : "-lz");
    arg(x, "-lm");
    arg(x, "-lpthread");
    x->v[x->n] = NULL;
}

static char *command_line(const Args *x)
{
    char *s = arena_str(x->a, "");
    for (int i = 0; i < x->n; i++) {
        bool quote = x->v[i][strcspn(x->v[i], " \t\"'$\\")] != '\0';
        s = arena_printf(x->a, quote ? "%s%s'%s'" : "%s%s%s", s, i ? " " : "", x->v[i]);
    }
    return s;
}

static char *read_back(int fd, Arena *a)
{
    char *s = arena_alloc(a, MAX_OUTPUT + 1, 1);
    size_t n = 0;
    if (lseek(fd, 0, SEEK_SET) < 0) return s;
    for (ssize_t got; n < MAX_OUTPUT && (got = read(fd, s + n, MAX_OUTPUT - n)) > 0;)
        n += (size_t)got;
    return s;
}

/* Runs the command with both outputs in `fd`. The exit status, or -1 with errno. */
static int run(const Args *x, int fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1, e = posix_spawn_file_actions_init(&actions);
    if (e) {
        errno = e;
        return -1;
    }
    posix_spawn_file_actions_adddup2(&actions, fd, 1);
    posix_spawn_file_actions_adddup2(&actions, fd, 2);
    e = posix_spawnp(&pid, x->v[0], &actions, NULL, (char *const *)(uintptr_t)x->v, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (e) {
        errno = e;
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return status;
}

static bool compile_to(const char *source, const char *output, int fd, const CompileOpts *o,
                       char **message, Arena *a)
{
    Args x = { .a = a };
    if (!choose_compiler(&x, o, message)) return false;
    arguments(&x, source, output, o);
    const char *line = command_line(&x);
    if (o->verbose) fprintf(stderr, "%s\n", line);
    int status = run(&x, fd);
    if (status == 0) return true;
    const char *printed = read_back(fd, a);
    if (status < 0)
        *message = arena_printf(a, "cannot run the C compiler %s: %s", x.v[0], strerror(errno));
    else if (WIFSIGNALED(status))
        *message = arena_printf(a, "the C compiler was ended by signal %d\n%s\n%s",
                                WTERMSIG(status), line, printed);
    else
        *message = arena_printf(a, "the C compiler failed (exit %d)\n%s\n%s", WEXITSTATUS(status),
                                line, printed);
    return false;
}

bool emit_compile(const char *source, const char *output, const CompileOpts *o, char **message,
                  Arena *a)
{
    *message = NULL;
    const char *library = arena_printf(a, "%s/libseqc_rt.a", o->runtime_dir);
    errno = 0;
    if (!is_file(library)) {
        *message = arena_printf(
            a,
            "the runtime library %s is missing%s%s\nhelp: install seqc whole, or set SEQC_HOME to "
            "the folder that holds it",
            library, errno ? ": " : "", errno ? strerror(errno) : "");
        return false;
    }
    char *log = arena_printf(a, "%s.log-XXXXXX", output);
    int fd = mkstemp(log);
    if (fd < 0) {
        *message = arena_printf(a, "cannot write beside %s: %s", output, strerror(errno));
        return false;
    }
    unlink(log);                             /* the descriptor is enough, and nothing can be left */
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    bool ok = compile_to(source, output, fd, o, message, a);
    if (!ok) unlink(output);
    close(fd);
    return ok;
}
