/* ir/workspace.c: one block of memory for a graph that somebody else's threads run: the plan's arena,
 * and in it, where nothing lives while a kernel runs, the memory of its workers.
 *
 * The plan stays as it is, so the block has the arena's bytes at least, and never more than those and
 * the workers' behind them. */
#include "ir/tasks.h"
#include <stdlib.h>

static int by_offset(const void *a, const void *b)
{
    const Buffer *x = *(const Buffer *const *)a, *y = *(const Buffer *const *)b;
    return (x->offset_bytes > y->offset_bytes) - (x->offset_bytes < y->offset_bytes);
}

int64_t ir_workspace_place(const Graph *g, int k, int64_t bytes)
{
    Arena *scratch = arena_new();
    const Buffer **live = arena_alloc(scratch, (size_t)g->n_buffer + 1, sizeof *live);
    int n = 0;
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (ir_in_arena(b) && b->first <= k && k <= b->last) live[n++] = b;
    }
    qsort(live, (size_t)n, sizeof *live, by_offset);
    int64_t at = 0;
    for (int i = 0; i < n && live[i]->offset_bytes < at + bytes; i++) {
        int64_t end = live[i]->offset_bytes + live[i]->bytes;
        if (end > at) at = end;
    }
    arena_free(scratch);
    return at;
}

int64_t ir_workspace_bytes(const Graph *g, int64_t vector_bytes, int64_t workers)
{
    int64_t most = g->arena_bytes;
    for (int k = 0; k < g->n_kernel; k++) {
        int64_t bytes = workers * ir_worker_bytes(g, &g->kernel[k], vector_bytes);
        int64_t end = bytes ? ir_workspace_place(g, k, bytes) + bytes : 0;
        if (end > most) most = end;
    }
    return most;
}
