/* codegen/image_cache.c: images that NVIDIA's compiler made before, a file a part in a folder of the user's.
 *
 * A file's name is a hash of all that its bytes depend on, so nothing in it is ever out of date. It begins
 * with a line that says what follows:
 *
 *     seqc images 1 HASH CODE-BYTES PTX-BYTES
 *
 * and is written beside its place and renamed; one that is not whole is compiled anew and replaced. A folder
 * that cannot be read or written is as one that is empty: builds take longer, no more. */
#define _POSIX_C_SOURCE 200809L
#include "codegen/images.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 256 << 20, LINE_BYTES = 96 };

/* ---- keys ---- */

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)

static uint64_t hash(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The text without comments, numbers of lines and blank lines. */
static const char *code_of(const char *text, Arena *a)
{
    char *code = arena_alloc(a, strlen(text) + 1, 1), *to = code;
    while (*text) {
        const bool begins = to == code || to[-1] == '\n';
        if (!strncmp(text, "/*", 2) && strstr(text + 2, "*/")) text = strstr(text + 2, "*/") + 2;
        else if (begins && !strncmp(text, "#line ", 6)) text += strcspn(text, "\n");
        else if (begins && (*text == '\n' || *text == ' ')) text++;
        else *to++ = *text++;
    }
    *to = '\0';
    return code;
}

const char *cache_key(const char *text, const char *how, Arena *a)
{
    const char *const all[] = { how, code_of(text, a) };
    uint64_t h[2] = { FNV_BASIS, ~FNV_BASIS };
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) h[k] = hash(h[k], all[i], strlen(all[i]) + 1);
    return arena_printf(a, "%016" PRIx64 "%016" PRIx64, h[0], h[1]);
}

/* ---- a file ---- */

static const char *path_of(const char *folder, const char *key, Arena *a)
{
    return arena_printf(a, "%s/%s", folder, key);
}

static uint64_t hash_of(const char *code, size_t n_code, const char *ptx, size_t n_ptx)
{
    return hash(hash(FNV_BASIS, code, n_code), ptx, n_ptx);
}

static char *read_whole(int file, size_t *n, Arena *a)
{
    struct stat s;
    if (fstat(file, &s) || !S_ISREG(s.st_mode) || s.st_size > MOST_BYTES) return NULL;
    char *bytes = arena_alloc(a, (size_t)s.st_size + 1, 1);
    ssize_t got = 1;
    for (*n = 0; got > 0 && *n < (size_t)s.st_size; *n += got > 0 ? (size_t)got : 0)
        got = read(file, bytes + *n, (size_t)s.st_size - *n);
    return *n == (size_t)s.st_size ? bytes : NULL;
}

/* Their sizes, and where they begin; null: the bytes are none that were kept whole. */
static char *checked(char *bytes, size_t n, size_t *n_code, size_t *n_ptx)
{
    uint64_t said;
    int length = 0;
    if (sscanf(bytes, "seqc images 1 %16" SCNx64 " %9zu %9zu%n", &said, n_code, n_ptx, &length) != 3
        || bytes[length] != '\n') return NULL;
    size_t begin = (size_t)length + 1, left = n - begin;
    if (*n_code > left || *n_ptx != left - *n_code) return NULL;
    char *code = bytes + begin;
    return hash_of(code, *n_code, code + *n_code, *n_ptx) == said ? code : NULL;
}

bool cache_take(const char *folder, const char *key, Image *code, Image *ptx, Arena *a)
{
    size_t n = 0, n_code, n_ptx;
    int file = open(path_of(folder, key, a), O_RDONLY | O_CLOEXEC | O_NONBLOCK);    /* should it be a pipe */
    if (file < 0) return false;
    char *bytes = read_whole(file, &n, a), *begin = bytes ? checked(bytes, n, &n_code, &n_ptx) : NULL;
    bool wanted = begin && !n_code == !code && !n_ptx == !ptx;
    if (wanted) futimens(file, NULL);
    close(file);
    if (!wanted) return false;
    if (code) code->bytes = begin, code->n_bytes = n_code;
    if (ptx) ptx->bytes = begin + n_code, ptx->n_bytes = n_ptx;
    return true;
}

static void make_folders(const char *folder, Arena *a)
{
    char *up = arena_str(a, folder);
    for (char *s = strchr(up + 1, '/'); s; s = strchr(s + 1, '/')) {
        *s = '\0';
        mkdir(up, 0777);
        *s = '/';
    }
    mkdir(up, 0777);
}

void cache_keep(const char *folder, const char *key, const Image *code, const Image *ptx, Arena *a)
{
    const char *path = path_of(folder, key, a), *part = arena_printf(a, "%s.%ld.part", path, (long)getpid());
    const Image none = { .bytes = arena_str(a, "") };
    if (!code) code = &none;
    if (!ptx) ptx = &none;
    make_folders(folder, a);
    int file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *f = file < 0 ? NULL : fdopen(file, "wb");
    if (!f) return;
    fprintf(f, "seqc images 1 %016" PRIx64 " %zu %zu\n",
            hash_of(code->bytes, code->n_bytes, ptx->bytes, ptx->n_bytes), code->n_bytes, ptx->n_bytes);
    fwrite(code->bytes, 1, code->n_bytes, f);
    fwrite(ptx->bytes, 1, ptx->n_bytes, f);
    bool ok = !ferror(f);
    if (fclose(f) || !ok || rename(part, path)) unlink(part);
}

/* ---- all of them ---- */

typedef struct Kept { const char *path; off_t bytes; struct timespec used; } Kept;

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const Kept *)a)->used, *y = &((const Kept *)b)->used;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

void cache_tidy(const char *folder, Arena *a)
{
    Kept *kept = NULL;
    size_t n = 0;
    off_t all = 0;
    DIR *d = opendir(folder);
    for (struct dirent *x; d && (x = readdir(d));) {
        struct stat s;
        const char *path = path_of(folder, x->d_name, a);
        if (stat(path, &s) || !S_ISREG(s.st_mode)) continue;
        kept = arena_grow(a, kept, n, n + 1, sizeof *kept);
        kept[n++] = (Kept){ path, s.st_size, s.st_mtim };
        all += s.st_size;
    }
    if (d) closedir(d);
    if (all <= MOST_BYTES) return;
    qsort(kept, n, sizeof *kept, by_use);
    for (size_t i = 0; i < n && all > MOST_BYTES / 2; all -= kept[i++].bytes) unlink(kept[i].path);
}
