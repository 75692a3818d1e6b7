/* ir/verify_replay.c: a plan is run with names instead of numbers: who wrote this range last?
 *
 * Independent of the sweep and of the lives that the plan claims: it knows the kernels, the
 * operands and the offsets alone, so it also catches wrong views, wrong in-place and readers of a
 * state that come after its update. Memory is a tree over the offsets that occur; a node of it
 * knows its owner where its whole range has one, so that a write or a look is O(log n). */
#include "ir/priv.h"
#include "ir/rows.h"
#include "ir/tasks.h"
#include <stdlib.h>
#include <string.h>

enum { NOBODY = -1, MIXED = -2, UNREAD = -1 };

typedef struct Replay {
    const Graph *g;
    Stored s;
    int64_t *cut; int n_cut;         /* offsets where something begins or ends, ascending */
    int *owner;                      /* [4 * n_cut]: a buffer, NOBODY or MIXED */
    int *buffer_of;                  /* [n_node]: -1: none */
    int *read_at;                    /* [n_buffer]: the kernel that read it last */
    int *written_at;                 /* [n_state]: the kernel that wrote it; -1 */
    uint32_t *writer;                /* [n_state]: the value that it wrote */
    int *by_first;                   /* buffers by their first kernel */
} Replay;

#define NAME(buffer) ir_buffer_text(r->g, buffer, (char[64]){0})

static void write_range(Replay *r, int node, int low, int high, int from, int to, int who)
{
    if (from >= high || to <= low)
        return;
    if (from <= low && high <= to) {
        r->owner[node] = who;
        return;
    }
    if (r->owner[node] != MIXED)
        r->owner[2 * node] = r->owner[2 * node + 1] = r->owner[node];
    int middle = low + (high - low) / 2;
    write_range(r, 2 * node, low, middle, from, to, who);
    write_range(r, 2 * node + 1, middle, high, from, to, who);
    int a = r->owner[2 * node], b = r->owner[2 * node + 1];
    r->owner[node] = a == b ? a : MIXED;
}

/* The owner of the whole range, or MIXED. */
static int look_range(const Replay *r, int node, int low, int high, int from, int to)
{
    if (r->owner[node] != MIXED || (from <= low && high <= to))
        return r->owner[node];
    int middle = low + (high - low) / 2;
    if (to <= middle)
        return look_range(r, 2 * node, low, middle, from, to);
    if (from >= middle)
        return look_range(r, 2 * node + 1, middle, high, from, to);
    int a = look_range(r, 2 * node, low, middle, from, to);
    int b = look_range(r, 2 * node + 1, middle, high, from, to);
    return a == b ? a : MIXED;
}

static int cut_index(const Replay *r, int64_t offset_bytes)
{
    int low = 0;
    for (int high = r->n_cut; low < high;) {
        int middle = low + (high - low) / 2;
        if (r->cut[middle] < offset_bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void write_buffer(Replay *r, int i)
{
    const Buffer *b = &r->g->buffer[i];
    write_range(r, 1, 0, r->n_cut - 1, cut_index(r, b->offset_bytes),
                cut_index(r, b->offset_bytes + b->bytes), i);
}

static int look_bytes(const Replay *r, int64_t from_bytes, int64_t to_bytes)
{
    return look_range(r, 1, 0, r->n_cut - 1, cut_index(r, from_bytes), cut_index(r, to_bytes));
}

static int look_buffer(const Replay *r, int i)
{
    const Buffer *b = &r->g->buffer[i];
    return look_bytes(r, b->offset_bytes, b->offset_bytes + b->bytes);
}

/* ---- in place ---- */

static bool same_elems(const Shape *a, const Shape *b)
{
    int64_t k[2] = {1, 1};
    int n[2] = {0, 0};
    for (int i = 0; i < a->rank; i++) {
        k[0] *= a->dim[i].k;
        n[0] += a->dim[i].n;
    }
    for (int i = 0; i < b->rank; i++) {
        k[1] *= b->dim[i].k;
        n[1] += b->dim[i].n;
    }
    return k[0] == k[1] && n[0] == n[1];
}

static bool same_rows(const Shape *a, const Shape *b)
{
    return a->rank && b->rank && same_elems(a, b)
        && ir_dim_eq(a->dim[a->rank - 1], b->dim[b->rank - 1]);
}

/* A map on elements reads what is one for each row, as the value written there is: a row's values
 * are written after its elements. */
static bool each_row(const Graph *g, const Kernel *k, const Shape *read, const Shape *reader,
                     const Shape *to)
{
    Rows r;
    return ir_rows(g, ir_kernel_root(g, k), &r) && ir_row_beside(read, &r)
        && ir_shape_eq(reader, r.frame) && ir_per_row(to, &r);
}

/* Kernel k may write v where it reads `old`: every reader in it takes the element that it writes,
 * or the block of it, or, in a row program, the row. */
static bool element_by_element(const Replay *r, int k, Val old, Val v)
{
    const Graph *g = r->g;
    const Kernel *kernel = &g->kernel[k];
    const Type *to = &g->node[v.i].type, *from = &g->node[old.i].type;
    if (ir_dtype_bytes(to->dtype) != ir_dtype_bytes(from->dtype)
        || to->layout.kind != from->layout.kind || to->layout.width != from->layout.width)
        return false;
    for (int i = 0; i < kernel->n_member; i++) {
        const Node *x = &g->node[kernel->member[i].i];
        for (int j = 0; j < x->n_in; j++) {
            if (r->s.base[x->in[j].i].i != old.i)
                continue;
            const Shape *read = &g->node[x->in[j].i].type.shape;
            OpKind kind = ir_op[x->op].kind;
            bool element = (kind == KIND_MAP || x->op == OP_increment) && same_elems(read, &x->type.shape)
                        && same_elems(read, &to->shape);
            /* A block of weights, before any of it is replaced. */
            bool block = kernel->algo == ALGO_gemm_back && kind == KIND_PROD
                      && g->node[old.i].op == OP_state;
            bool row_value = kernel->algo == ALGO_row && kind == KIND_MAP
                          && each_row(g, kernel, read, &x->type.shape, &to->shape);
            bool row = kernel->algo == ALGO_row && (kind == KIND_ROW || kind == KIND_REDUCE)
                    && same_rows(read, &to->shape);
            if (!element && !block && !row && !row_value)
                return false;
        }
    }
    return true;
}

/* ---- a kernel ---- */

static bool read_state(Replay *r, int k, State s, char err[IR_ERR])
{
    if (r->written_at[s.i] < 0)
        return true;
    return ir_fail(err, "replay: k%d reads the old \"%.100s\", but k%d has updated it", k,
                   ir_state(r->g->module, s)->key, r->written_at[s.i]);
}

static bool read_value(Replay *r, int k, Val v, char err[IR_ERR])
{
    const Node *x = &r->g->node[v.i];
    if (x->op == OP_state)
        return read_state(r, k, x->state, err);
    int i = r->buffer_of[v.i];
    if (i < 0)
        return true;
    const Buffer *b = &r->g->buffer[i];
    if (b->kind == BUF_STATE)
        return r->writer[b->state.i] == v.i
            || ir_fail(err, "replay: k%d reads %s, which \"%.100s\" does not hold", k, NAME(i),
                       ir_state(r->g->module, b->state)->key);
    if (b->kind != BUF_ARENA)
        return true;
    r->read_at[i] = k;
    int who = look_buffer(r, i);
    if (who == i)
        return true;
    if (who < 0)
        return ir_fail(err, "replay: k%d reads %s, but %s", k, NAME(i),
                       who == MIXED ? "part of it was overwritten" : "nothing was written there");
    return ir_fail(err, "replay: k%d reads %s, but %s was written over it", k, NAME(i), NAME(who));
}

static bool write_state(Replay *r, int k, int i, char err[IR_ERR])
{
    const Buffer *b = &r->g->buffer[i];
    const Kernel *kernel = &r->g->kernel[k];
    Val old = {0};
    for (int m = 0; m < kernel->n_member && !old.i; m++)
        for (int j = 0; j < r->g->node[kernel->member[m].i].n_in; j++) {
            Val from = r->s.base[r->g->node[kernel->member[m].i].in[j].i];
            if (r->g->node[from.i].op == OP_state && r->g->node[from.i].state.i == b->state.i)
                old = from;
        }
    r->written_at[b->state.i] = k;
    r->writer[b->state.i] = b->val.i;
    return !old.i || element_by_element(r, k, old, b->val)
        || ir_fail(err, "replay: k%d updates \"%.100s\" while it reads more of it than one element",
                   k, ir_state(r->g->module, b->state)->key);
}

/* After k's writes: what it read is whole, or was taken over element by element. */
static bool reads_survive(Replay *r, int k, int i, const int *taker, char err[IR_ERR])
{
    const Buffer *b = &r->g->buffer[i];
    if (r->read_at[i] != k || look_buffer(r, i) == i)
        return true;
    int by = taker[i];
    const Buffer *w = by >= 0 && r->g->buffer[by].first == k ? &r->g->buffer[by] : NULL;
    int64_t end = b->offset_bytes + b->bytes, cut = w ? w->offset_bytes + w->bytes : 0;
    if (!w || (cut < end && look_bytes(r, cut, end) != i))
        return ir_fail(err, "replay: k%d writes over %s while it reads it", k, NAME(i));
    return element_by_element(r, k, b->val, w->val)
        || ir_fail(err,
                   "replay: k%d writes %s in place of %s, but does not read it element by element",
                   k, NAME(by), NAME(i));
}

static bool run_kernel(Replay *r, int k, const int *write, int n_write, const int *taker,
                       char err[IR_ERR])
{
    const Kernel *kernel = &r->g->kernel[k];
    for (int m = 0; m < kernel->n_member; m++) {
        const Node *x = &r->g->node[kernel->member[m].i];
        for (int j = 0; j < x->n_in; j++) {
            Val v = r->s.base[x->in[j].i];
            if (!ir_is_member(&r->s, v, k) && !read_value(r, k, v, err))
                return false;
        }
    }
    for (int i = 0; i < n_write; i++) {
        const Buffer *b = &r->g->buffer[write[i]];
        if (ir_in_arena(b))
            write_buffer(r, write[i]);
        else if (b->kind == BUF_STATE && !write_state(r, k, write[i], err))
            return false;
    }
    for (int i = 0; i < n_write; i++)
        if (ir_in_arena(&r->g->buffer[write[i]]) && look_buffer(r, write[i]) != write[i])
            return ir_fail(err, "replay: k%d writes %s and something else over it", k,
                           NAME(write[i]));
    for (int m = 0; m < kernel->n_member; m++) {
        const Node *x = &r->g->node[kernel->member[m].i];
        for (int j = 0; j < x->n_in; j++) {
            int i = r->buffer_of[r->s.base[x->in[j].i].i];
            if (i >= 0 && r->g->buffer[i].kind == BUF_ARENA && !reads_survive(r, k, i, taker, err))
                return false;
        }
    }
    return true;
}

/* ---- setting up ---- */

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void find_cuts(Replay *r, Arena *a)
{
    const Graph *g = r->g;
    r->cut = arena_alloc(a, (size_t)g->n_buffer * 2 + 2, sizeof *r->cut);
    int n = 1;
    for (int i = 0; i < g->n_buffer; i++)
        if (ir_in_arena(&g->buffer[i])) {
            r->cut[n++] = g->buffer[i].offset_bytes;
            r->cut[n++] = g->buffer[i].offset_bytes + g->buffer[i].bytes;
        }
    qsort(r->cut, (size_t)n, sizeof *r->cut, ascending);
    for (int i = 0; i < n; i++)
        if (!i || r->cut[i] != r->cut[i - 1])
            r->cut[r->n_cut++] = r->cut[i];
    r->owner = arena_alloc(a, (size_t)r->n_cut * 4 + 4, sizeof *r->owner);
    for (int i = 0; i < r->n_cut * 4 + 4; i++)
        r->owner[i] = NOBODY;
}

/* Buffers grouped by first kernel; start[k] is where k's begin. */
static int *group_writes(Replay *r, Arena *a)
{
    const Graph *g = r->g;
    int *start = arena_alloc(a, (size_t)g->n_kernel + 2, sizeof *start);
    for (int i = 0; i < g->n_buffer; i++)
        start[g->buffer[i].first + 1]++;
    for (int k = 0; k < g->n_kernel; k++)
        start[k + 1] += start[k];
    int *at = arena_grow(a, start, (size_t)g->n_kernel + 1, (size_t)g->n_kernel + 1, sizeof *at);
    r->by_first = arena_alloc(a, (size_t)g->n_buffer + 1, sizeof *r->by_first);
    for (int i = 0; i < g->n_buffer; i++)
        r->by_first[at[g->buffer[i].first]++] = i;
    return start;
}

static int *filled(Arena *a, size_t n, int value)
{
    int *x = arena_alloc(a, n + 1, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = value;
    return x;
}

bool ir_verify_replay(const Graph *g, char err[IR_ERR])
{
    Arena *a = arena_new();
    Replay r = {.g = g, .s = ir_stored(g, a)};
    find_cuts(&r, a);
    int *start = group_writes(&r, a);
    r.buffer_of = filled(a, g->n_node, -1);
    r.read_at = filled(a, (size_t)g->n_buffer, UNREAD);
    r.written_at = filled(a, g->module->n_state, -1);
    r.writer = arena_alloc(a, g->module->n_state, sizeof *r.writer);
    int *taker = filled(a, (size_t)g->n_buffer, -1);
    for (int i = 0; i < g->n_buffer; i++)
        if (g->buffer[i].val.i)
            r.buffer_of[g->buffer[i].val.i] = i;
    for (int i = 0; i < g->n_buffer; i++)
        if (g->buffer[i].in_place_of.i && r.buffer_of[g->buffer[i].in_place_of.i] >= 0)
            taker[r.buffer_of[g->buffer[i].in_place_of.i]] = i;
    bool ok = true;
    for (int k = 0; k < g->n_kernel && ok; k++)
        ok = run_kernel(&r, k, r.by_first + start[k], start[k + 1] - start[k], taker, err);
    arena_free(a);
    return ok;
}
