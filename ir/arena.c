/* ir/arena.c: memory that is freed whole.
 *
 * Chunks of growing size, handed out from the front; a large request gets a chunk of its own.
 * Nothing is ever returned to a chunk: what a pass throws away costs memory until its arena dies,
 * which is what makes handles and interned strings safe to keep. One arena is for one thread. */
#include "ir/arena.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The address sanitizer is told what was handed out, so that it sees a byte too many. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__
#define ARENA_SANITIZED
#endif
#ifdef ARENA_SANITIZED
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
enum { GAP_BYTES = 0 };
#endif

enum {
    FIRST_CHUNK_BYTES = 16 << 10,
    LAST_CHUNK_BYTES = 4 << 20,
    ALIGN_BYTES = 16,
    EXIT_MEMORY = 5
};

typedef struct Chunk {
    struct Chunk *next;
    size_t used_bytes, cap_bytes;    /* of what follows the header */
} Chunk;

struct Arena {
    Chunk *chunk;                    /* the newest that small requests are served from */
    size_t next_bytes;
};

enum { HEAD_BYTES = (sizeof(Chunk) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES };

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr, "seqc: out of memory (%zu bytes asked for)\n", bytes);
    exit(EXIT_MEMORY);
}

static Chunk *chunk_new(size_t cap_bytes)
{
    Chunk *c = cap_bytes > SIZE_MAX - HEAD_BYTES ? NULL : calloc(1, HEAD_BYTES + cap_bytes);
    if (!c)
        out_of_memory(cap_bytes);
    c->cap_bytes = cap_bytes;
    ASAN_POISON_MEMORY_REGION((char *)c + HEAD_BYTES, cap_bytes);
    return c;
}

Arena *arena_new(void)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory(sizeof *a);
    a->next_bytes = FIRST_CHUNK_BYTES;
    return a;
}

void arena_free(Arena *a)
{
    if (!a)
        return;
    for (Chunk *c = a->chunk; c;) {
        Chunk *next = c->next;
        free(c);
        c = next;
    }
    free(a);
}

/* `bytes` at the end of what is used of c. */
static void *take(Chunk *c, size_t bytes)
{
    void *p = (char *)c + HEAD_BYTES + c->used_bytes;
    c->used_bytes += bytes;
    return p;
}

static void *take_from(Arena *a, size_t bytes)
{
    Chunk *c = a->chunk;
    if (!c || bytes > c->cap_bytes - c->used_bytes) {
        if (c && bytes > a->next_bytes / 4) {
            /* Behind the current chunk, so that its rest stays in use. */
            Chunk *own = chunk_new(bytes);
            own->next = c->next;
            c->next = own;
            return take(own, bytes);
        }
        Chunk *fresh = chunk_new(bytes > a->next_bytes ? bytes : a->next_bytes);
        fresh->next = c;
        a->chunk = c = fresh;
        if (a->next_bytes < LAST_CHUNK_BYTES)
            a->next_bytes *= 2;
    }
    return take(c, bytes);
}

void *arena_alloc(Arena *a, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGN_BYTES - GAP_BYTES) / size)
        out_of_memory(SIZE_MAX);
    size_t bytes = count * size;
    void *p = take_from(a, (bytes + GAP_BYTES + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES);
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return p;
}

void *arena_grow(Arena *a, void *old, size_t old_count, size_t new_count, size_t size)
{
    void *fresh = arena_alloc(a, new_count, size);
    if (old && old_count)
        memcpy(fresh, old, (old_count < new_count ? old_count : new_count) * size);
    return fresh;
}

char *arena_strn(Arena *a, const char *s, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory(n);
    char *copy = arena_alloc(a, n + 1, 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_str(Arena *a, const char *s)
{
    return arena_strn(a, s, strlen(s));
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    int n = vsnprintf(NULL, 0, fmt, list);
    va_end(list);
    if (n < 0)
        out_of_memory(0);
    char *text = arena_alloc(a, (size_t)n + 1, 1);
    va_start(list, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, list);
    va_end(list);
    return text;
}
