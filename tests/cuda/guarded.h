/* tests/cuda/guarded.h: memory that finds what kernels do wrong with it. Its bytes begin as NaNs, so
 * that what nobody writes is seen; it ends, but for the alignment of 256 that CUDA gives, at a page
 * that is not there, and begins behind one. What lies between is looked at by guarded_intact. */
#ifndef SEQC_GUARDED_H
#define SEQC_GUARDED_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { GUARDED_PAGE = 4096, GUARDED_ALIGN = 256, GUARDED_FILL = 0xa5, GUARDED_POISON = 0xff };

typedef struct guarded { unsigned char *bytes, *pages; size_t n_bytes, n_mapped; } guarded;

/* bytes null: the system has no memory. */
static guarded guarded_alloc(size_t bytes)
{
    size_t room = (bytes + GUARDED_ALIGN - 1) / GUARDED_ALIGN * GUARDED_ALIGN;
    size_t pages = (room + GUARDED_PAGE - 1) / GUARDED_PAGE * GUARDED_PAGE;
    guarded g = { .n_bytes = bytes, .n_mapped = pages + 2 * GUARDED_PAGE };
    void *at = mmap(NULL, g.n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return (guarded){ 0 };
    g.pages = at;
    memset(g.pages + GUARDED_PAGE, GUARDED_FILL, pages);
    mprotect(g.pages, GUARDED_PAGE, PROT_NONE);
    mprotect(g.pages + GUARDED_PAGE + pages, GUARDED_PAGE, PROT_NONE);
    g.bytes = g.pages + GUARDED_PAGE + pages - room;
    memset(g.bytes, GUARDED_POISON, bytes);
    return g;
}

/* Has nobody written beside it? */
static bool guarded_intact(const guarded *g)
{
    const unsigned char *end = g->pages + g->n_mapped - GUARDED_PAGE;
    for (const unsigned char *at = g->pages + GUARDED_PAGE; at < g->bytes; at++)
        if (*at != GUARDED_FILL) return false;
    for (const unsigned char *at = g->bytes + g->n_bytes; at < end; at++)
        if (*at != GUARDED_FILL) return false;
    return true;
}

static void guarded_free(guarded *g)
{
    if (g->pages) munmap(g->pages, g->n_mapped);
    *g = (guarded){ 0 };
}

#endif
