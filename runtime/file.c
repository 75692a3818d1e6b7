/* runtime/file.c: whole files, read with a limit and replaced atomically (see base.h).
 *
 * Replacing: temporary file in the same directory, fsync, rename, fsync of the directory. At every
 * moment the name holds the old bytes or the new ones, whatever is killed or full. A kill can leave
 * a temporary file `.seqc-PID-N.tmp` behind; nothing reads it, and the next run in its directory
 * removes it. What is no regular file (a terminal, a pipe) is written straight. */
#define _XOPEN_SOURCE 700
#include "runtime/base.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- reading ---- */

static bool make_room(rt_err *e, const char *path, rt_buf *b, int64_t more)
{
    char size[RT_SIZE_TEXT];
    if (rt_buf_reserve(NULL, b, more))
        return true;
    rt_fail(e, RT_E_MEMORY, "%s: out of memory: reading it would need %s", path,
            rt_size_text(size, b->length + more));
    return false;
}

static bool read_all(rt_err *e, const char *path, int file, int64_t limit_bytes, rt_buf *b)
{
    char size[RT_SIZE_TEXT];
    for (;;) {
        /* One byte more than the limit is asked for, so that too long a file shows itself. */
        if (b->capacity - b->length < 2 && !make_room(e, path, b, b->length + (1 << 16)))
            return false;
        ssize_t got = rt_os.read(file, b->data + b->length, (size_t)(b->capacity - b->length - 1));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rt_fail_errno(e, errno, path, "cannot be read");
        if (got == 0)
            break;
        b->length += got;
        if (limit_bytes >= 0 && b->length > limit_bytes)
            return rt_fail(e, RT_E_DATA, "%s: longer than %s, the most that such a file may have",
                           path, rt_size_text(size, limit_bytes));
    }
    b->data[b->length] = 0;
    return true;
}

bool rt_file_read(rt_err *e, const char *path, int64_t limit_bytes, rt_buf *b)
{
    rt_buf_free(b);
    int file = rt_os.open(path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    struct stat info;
    bool known = fstat(file, &info) == 0;
    bool ok = true;
    if (known && S_ISDIR(info.st_mode))
        ok = rt_fail(e, RT_E_IO, "%s: is a directory, but a file is needed here", path);
    int64_t hint = known && S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0;
    if (limit_bytes >= 0 && hint > limit_bytes)
        hint = limit_bytes;
    ok = ok && make_room(e, path, b, hint + 1) && read_all(e, path, file, limit_bytes, b);
    rt_os.close(file);
    if (!ok)
        rt_buf_free(b);
    return ok;
}

bool rt_file_open(rt_err *e, const char *path, int *file, int64_t *bytes)
{
    struct stat info;
    *bytes = 0;
    *file = rt_os.open(path, O_RDONLY | O_CLOEXEC, 0);
    if (*file < 0)
        return rt_fail_errno(e, errno, path, "cannot be opened");
    if (fstat(*file, &info) != 0 || !S_ISREG(info.st_mode)) {
        rt_os.close(*file);
        *file = -1;
    } else {
        *bytes = (int64_t)info.st_size;
    }
    return true;
}

bool rt_file_read_at(rt_err *e, const char *path, int file, int64_t at, int64_t count, void *to)
{
    if (lseek(file, (off_t)at, SEEK_SET) < 0)
        return rt_fail_errno(e, errno, path, "cannot be read");
    while (count > 0) {
        ssize_t got = rt_os.read(file, to, count > (1 << 30) ? (size_t)1 << 30 : (size_t)count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rt_fail_errno(e, errno, path, "cannot be read");
        if (got == 0)
            return rt_fail(e, RT_E_IO, "%s: became shorter while it was read", path);
        to = (char *)to + got;
        count -= got;
    }
    return true;
}

bool rt_file_there(rt_err *e, const char *path, bool *there)
{
    struct stat info;
    *there = stat(path, &info) == 0;
    return *there || errno == ENOENT || errno == ENOTDIR ||
           rt_fail_errno(e, errno, path, "cannot be looked at");
}

/* ---- replacing ---- */

bool rt_fail_write(rt_err *e, int error_number, const char *path, int64_t needed_bytes)
{
    if (error_number != ENOSPC && error_number != EDQUOT)
        return rt_fail_errno(e, error_number, path, "cannot be written");
    char needed[RT_SIZE_TEXT], available[RT_SIZE_TEXT];
    struct statvfs disk;
    const char *slash = strrchr(path, '/');
    char *directory = slash ? rt_strndup(NULL, path, (size_t)(slash - path) + 1)
                            : rt_strdup(NULL, ".");
    bool known = error_number == ENOSPC && directory && statvfs(directory, &disk) == 0;
    int64_t unused = known ? (int64_t)(disk.f_bavail * disk.f_frsize) : 0;
    rt_free(directory);
    rt_size_text(needed, needed_bytes);
    if (!known)
        rt_fail(e, RT_E_IO, "%s: %s: it needs %s (%" PRId64 " bytes)", path, strerror(error_number),
                needed, needed_bytes);
    else
        rt_fail(e, RT_E_IO, "%s: the disk is full: it needs %s (%" PRId64 " bytes), free are %s "
                "(%" PRId64 " bytes)", path, needed, needed_bytes, rt_size_text(available, unused),
                unused);
    return rt_help(e, "make room and try again; a file that was there before is unchanged");
}

/* These return 0, or the errno of what failed. */

static int write_bytes(int file, const char *bytes, int64_t count)
{
    while (count > 0) {
        ssize_t done = rt_os.write(file, bytes, count > (1 << 30) ? (size_t)1 << 30 : (size_t)count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? errno : EIO;
        bytes += done;
        count -= done;
    }
    return 0;
}

/* A part at a time: what is made needs no room beside what it is made from. */
static int write_made(int file, const rt_piece *piece)
{
    enum { PART_BYTES = 1 << 20 };
    int64_t elems = piece->count / piece->elem_bytes, most = PART_BYTES / piece->elem_bytes;
    most = elems < most ? elems : most;
    char *part = rt_alloc_raw(NULL, most, piece->elem_bytes, "a part of a file");
    int failure = part ? 0 : ENOMEM;
    for (int64_t first = 0; !failure && first < elems; first += most) {
        int64_t n = elems - first < most ? elems - first : most;
        piece->make(piece->bytes, first, n, part);
        failure = write_bytes(file, part, n * piece->elem_bytes);
    }
    rt_free(part);
    return failure;
}

static int write_pieces(int file, const rt_piece *pieces, int n_pieces)
{
    int failure = 0;
    for (int i = 0; !failure && i < n_pieces; i++)
        failure = pieces[i].make ? write_made(file, &pieces[i])
                                 : write_bytes(file, pieces[i].bytes, pieces[i].count);
    return failure;
}

static int sync_file(int file)
{
    /* EINVAL: the file system has no such notion, so there is nothing to wait for. */
    return rt_os.fsync(file) == 0 || errno == EINVAL ? 0 : errno;
}

static bool write_straight(rt_err *e, const char *path, const rt_piece *pieces, int n_pieces)
{
    int file = rt_os.open(path, O_WRONLY | O_CLOEXEC, 0);
    if (file < 0)
        return rt_fail_errno(e, errno, path, "cannot be opened for writing");
    int failure = write_pieces(file, pieces, n_pieces);
    if (rt_os.close(file) != 0 && !failure)
        failure = errno;
    return !failure || rt_fail_errno(e, failure, path, "cannot be written");
}

/* The temporary file, open for writing, its name in *name; or -1. */
static int open_temporary(rt_err *e, const char *path, const char *directory, char **name)
{
    for (int i = 0; i < 100; i++) {
        *name = rt_format(e, "%s/.seqc-%ld-%d.tmp", directory, (long)getpid(), i);
        if (!*name)
            return -1;
        int file = rt_os.open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0)
            return file;
        int failure = errno;
        rt_free(*name);
        *name = NULL;
        if (failure != EEXIST) {
            rt_fail(e, failure == ENOMEM ? RT_E_MEMORY : RT_E_IO,
                    "%s: cannot be written: no file can be made in '%s': %s", path, directory,
                    strerror(failure));
            return -1;
        }
    }
    rt_fail(e, RT_E_IO, "%s: cannot be written: '%s' is full of temporary files", path, directory);
    return -1;
}

static bool sync_directory(rt_err *e, const char *path, const char *directory)
{
    int file = rt_os.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    /* A directory that may be written but not read cannot be synced; the rename stands. */
    if (file < 0 && errno == EACCES)
        return true;
    int failure = file < 0 ? errno : sync_file(file);
    if (file >= 0)
        rt_os.close(file);
    return !failure || rt_fail_errno(e, failure, path, "was written, but the disk did not confirm");
}

static bool replace_at(rt_err *e, const char *path, const char *real, const char *directory,
                       const rt_piece *pieces, int n_pieces, int64_t bytes, const struct stat *old)
{
    char *temporary = NULL;
    int file = open_temporary(e, path, directory, &temporary);
    if (file < 0)
        return false;
    int failure = write_pieces(file, pieces, n_pieces);
    if (!failure && old && fchmod(file, old->st_mode & 07777) != 0 && errno != EPERM)
        failure = errno;
    if (!failure)
        failure = sync_file(file);
    if (rt_os.close(file) != 0 && !failure)
        failure = errno;
    if (!failure && rt_os.rename(temporary, real) != 0)
        failure = errno;
    /* Free space is looked at while the temporary file is gone: that is what the user has. */
    if (failure)
        rt_os.unlink(temporary);
    rt_free(temporary);
    if (failure)
        return rt_fail_write(e, failure, path, bytes);
    return sync_directory(e, path, directory);
}

bool rt_file_replace(rt_err *e, const char *path, const rt_piece *pieces, int n_pieces)
{
    struct stat old;
    bool there = stat(path, &old) == 0;
    if (there && S_ISDIR(old.st_mode))
        return rt_fail(e, RT_E_IO, "%s: cannot be written: it is a directory", path);
    if (there && !S_ISREG(old.st_mode))
        return write_straight(e, path, pieces, n_pieces);
    int64_t bytes = 0;
    for (int i = 0; i < n_pieces; i++)
        if (!rt_add(bytes, pieces[i].count, &bytes))
            return rt_fail(e, RT_E_DATA, "%s: its size is impossible", path);

    char *resolved = there ? realpath(path, NULL) : NULL;
    const char *real = resolved ? resolved : path;
    const char *slash = strrchr(real, '/');
    char *directory = !slash ? rt_strdup(e, ".")
                    : slash == real ? rt_strdup(e, "/")
                                    : rt_strndup(e, real, (size_t)(slash - real));
    bool ok = directory && replace_at(e, path, real, directory, pieces, n_pieces, bytes,
                                      there ? &old : NULL);
    rt_free(directory);
    free(resolved);
    return ok;
}

bool rt_file_put(rt_err *e, const char *path, const void *bytes, int64_t count)
{
    return rt_file_replace(e, path, &(rt_piece){ .bytes = bytes, .count = count }, 1);
}
