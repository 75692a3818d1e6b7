/* runtime/base.h: what every part of the runtime stands on: errors, checked sizes, memory, bytes,
 * and the operating system seen through hooks.
 *
 * Nothing here prints or exits. A function that can fail returns false (or null) and has filled an
 * rt_err; the program's face prints the message and returns the code. Memory and files are reached
 * through `rt_os` alone, so that a test can make the n-th allocation or the k-th written byte
 * fail. */
#ifndef SEQC_RT_BASE_H
#define SEQC_RT_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#if defined __GNUC__
#define RT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define RT_PRINTF(text, first)
#endif

/* ---- errors ---- */

/* Exit codes of a generated program; 130 and 143 follow a signal that saved first. */
typedef enum rt_code {
    RT_E_OK = 0,
    RT_E_DATA = 1,      /* the model, its weights or the data are refused */
    RT_E_USAGE = 2,     /* the command line */
    RT_E_IO = 3,        /* a file, the disk or a device */
    RT_E_NUMERIC = 4,   /* NaN or infinity where training cannot go on */
    RT_E_MEMORY = 5
} rt_code;

/* `message` is what went wrong, where and why, without "error: " and without a newline at its end;
 * further lines start with "note: " or "help: ". Longer text is cut at a character's border. */
typedef struct rt_err { rt_code code; char message[1536]; } rt_err;

/* Fills `e` (which may be null) and returns false, so that `return rt_fail(…)` reads well. */
bool rt_fail(rt_err *e, rt_code code, const char *format, ...) RT_PRINTF(3, 4);
/* Adds "\nhelp: …" to a failure; returns false. */
bool rt_help(rt_err *e, const char *format, ...) RT_PRINTF(2, 3);
/* "PATH: WHAT: strerror(error_number)", code RT_E_IO (RT_E_MEMORY for ENOMEM); returns false. */
bool rt_fail_errno(rt_err *e, int error_number, const char *path, const char *what);

/* The same for writing; where the disk is full, with needed and free bytes. In file.c. */
bool rt_fail_write(rt_err *e, int error_number, const char *path, int64_t needed_bytes);

/* ---- sizes ---- */

/* Both return false on overflow (or a negative factor) and leave *result alone. */
bool rt_mul(int64_t a, int64_t b, int64_t *result);
bool rt_add(int64_t a, int64_t b, int64_t *result);
/* Product of `rank` dimensions, none negative; 1 for rank 0. */
bool rt_elems(const int64_t *shape, int rank, int64_t *elems);

/* "1.5 GiB", "832 bytes"; returns `text`. */
enum { RT_SIZE_TEXT = 32 };
char *rt_size_text(char text[RT_SIZE_TEXT], int64_t bytes);
/* "(3, 32, 32)", "(5,)", "()"; returns `text`. */
enum { RT_SHAPE_TEXT = 192 };
char *rt_shape_text(char text[RT_SHAPE_TEXT], const int64_t *shape, int rank);
/* Text from outside, quoted for a message: control characters and broken UTF-8 as \xNN, long text
 * cut with "…"; returns `text`. */
enum { RT_SHOW_TEXT = 192 };
char *rt_show(char text[RT_SHOW_TEXT], const char *bytes, size_t length);
/* Length of the UTF-8 character that starts here, 0 where there is none (RFC 3629). */
int rt_utf8_length(const char *bytes, size_t available);

/* ---- the operating system ---- */

/* Each hook behaves as the call of its name. `alloc` gives memory aligned to 64, not cleared. */
typedef struct rt_hooks {
    void *(*alloc)(size_t bytes);
    void (*release)(void *memory);
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int file, void *bytes, size_t count);
    ssize_t (*write)(int file, const void *bytes, size_t count);
    int (*fsync)(int file);
    int (*close)(int file);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
} rt_hooks;

extern const rt_hooks rt_os_real;
extern rt_hooks rt_os;   /* rt_os_real unless a test replaced something */

/* Does the processor have all of these instructions, "avx2 fma"? In cpu.c. */
bool rt_cpu_runs(const char *features);

/* ---- memory ---- */

/* count * size bytes, cleared, aligned to 64; null after filling `e` (code RT_E_MEMORY, or
 * RT_E_DATA where the product overflows). `what` names the thing: "the training data". Zero bytes
 * give a pointer that may be freed. */
void *rt_alloc(rt_err *e, int64_t count, int64_t size, const char *what);
/* The same, not cleared: for what is written whole at once. */
void *rt_alloc_raw(rt_err *e, int64_t count, int64_t size, const char *what);
void rt_free(void *memory);             /* null is fine */
char *rt_strdup(rt_err *e, const char *text);
char *rt_strndup(rt_err *e, const char *text, size_t length);
/* printf into memory of its own. */
char *rt_format(rt_err *e, const char *format, ...) RT_PRINTF(2, 3);

/* ---- growing bytes ---- */

/* Starts as {0}. `data` is rt_alloc memory and, where not null, always followed by a zero byte that
 * `length` does not count. */
typedef struct rt_buf { char *data; int64_t length, capacity; } rt_buf;

bool rt_buf_reserve(rt_err *e, rt_buf *b, int64_t more);    /* room for `more` bytes */
bool rt_buf_add(rt_err *e, rt_buf *b, const void *bytes, int64_t count);
bool rt_buf_printf(rt_err *e, rt_buf *b, const char *format, ...) RT_PRINTF(3, 4);
void rt_buf_free(rt_buf *b);

/* ---- whole files ---- */

/* Reads a whole file into `b` (which is emptied first); more than `limit_bytes` is an error
 * (limit < 0: none). Works for pipes too: the size that the system reports is only a hint. */
bool rt_file_read(rt_err *e, const char *path, int64_t limit_bytes, rt_buf *b);

/* Opens a regular file whose bytes are wanted place by place, and says how many it has. *file is
 * -1 where it is something else, a pipe for example, which can only be read whole. */
bool rt_file_open(rt_err *e, const char *path, int *file, int64_t *bytes);
/* Reads `count` bytes from byte `at` on; fewer are RT_E_IO: the file has shrunk since. */
bool rt_file_read_at(rt_err *e, const char *path, int file, int64_t at, int64_t count, void *to);

/* Is there anything at `path`? Fails where that cannot be told: a disk that does not answer is no
 * empty disk. */
bool rt_file_there(rt_err *e, const char *path, bool *there);

/* Makes `path` hold exactly these bytes, or leaves what was there: temporary file in the same
 * directory, fsync, rename, fsync of the directory. The message of a full disk names needed and
 * free bytes. A symbolic link is followed, so that it keeps pointing. */
typedef struct rt_piece {
    const void *bytes;
    int64_t count;               /* of bytes */
    /* Null, or makes the bytes a part at a time from what `bytes` points at, `elem_bytes` apiece. */
    void (*make)(const void *source, int64_t first, int64_t elems, void *to);
    int64_t elem_bytes;
} rt_piece;
bool rt_file_replace(rt_err *e, const char *path, const rt_piece *pieces, int n_pieces);
bool rt_file_put(rt_err *e, const char *path, const void *bytes, int64_t count);   /* of one piece */

#endif
