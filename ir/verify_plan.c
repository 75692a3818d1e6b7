/* ir/verify_plan.c: what holds for a plan: every stored value has one place for as long as it is
 * read, and, by a sweep, no two live values overlap. ir/verify_replay.c proves the latter again in
 * another way.
 *
 * The sweep goes over kernels in time and keeps the live buffers sorted by offset: one that is new
 * can only collide with its neighbours, so O(n log n) comparisons do. A value in place of another
 * takes over its bytes after the kernel that ends the one and begins the other. */
#include "ir/priv.h"
#include "ir/tasks.h"
#include <stdlib.h>
#include <string.h>

const char *ir_buffer_text(const Graph *g, int buffer, char buf[64])
{
    const Buffer *b = &g->buffer[buffer];
    if (!b->val.i)
        snprintf(buf, 64, "the scratch of k%d", b->first);
    else
        snprintf(buf, 64, "%%%d", ir_printed_number(g, b->val));
    return buf;
}

#define NAME(buffer) ir_buffer_text(g, buffer, (char[64]){0})

/* The root whose value, through views, is v; null: none. */
static const Root *root_of(const Graph *g, const Stored *s, Val v, int *out)
{
    *out = 0;
    for (int i = 0; i < g->n_root; i++) {
        if (s->base[g->root[i].val.i].i == v.i)
            return &g->root[i];
        *out += g->root[i].kind == ROOT_RETURN;
    }
    return NULL;
}

static bool verify_place(const Graph *g, int i, const Stored *s, char err[IR_ERR])
{
    const Buffer *b = &g->buffer[i];
    int64_t end;
    if (ir_in_arena(b) || b->kind == BUF_KEPT) {
        if (b->offset_bytes < 0 || b->offset_bytes % IR_ALIGN_BYTES || b->bytes <= 0
            || b->bytes % IR_ALIGN_BYTES)
            return ir_fail(err, "%s at %lld, %lld bytes: not multiples of %d", NAME(i),
                           (long long)b->offset_bytes, (long long)b->bytes, IR_ALIGN_BYTES);
        bool kept = b->kind == BUF_KEPT;
        int64_t whole = kept ? g->kept_bytes : g->arena_bytes;
        if (__builtin_add_overflow(b->offset_bytes, b->bytes, &end) || end > whole)
            return ir_fail(err, "%s ends beyond the %s of %lld bytes", NAME(i),
                           kept ? "kept memory" : "arena", (long long)whole);
    }
    if (!b->val.i)
        return b->first == b->last || ir_fail(err, "%s lives for several kernels", NAME(i));
    int64_t bytes = ir_stored_bytes(&g->node[b->val.i].type, g->module->capacity);
    if (b->bytes < bytes)
        return ir_fail(err, "%s has %lld bytes, but needs %lld", NAME(i), (long long)b->bytes,
                       (long long)bytes);
    int out;
    const Root *r = s->rooted[b->val.i] ? root_of(g, s, b->val, &out) : NULL;
    if (!r)
        return b->kind == BUF_ARENA || b->kind == BUF_KEPT
            || ir_fail(err, "%s is no root, but lies in a %s", NAME(i),
                       b->kind == BUF_STATE ? "state" : "result");
    if (r->kind == ROOT_RETURN)
        return (b->kind == BUF_OUT && b->out == out)
            || ir_fail(err, "%s is returned, but does not lie in result %d", NAME(i), out);
    return (b->kind == BUF_STATE && b->state.i == r->state.i)
        || ir_fail(err, "%s updates \"%.100s\", but does not lie in it", NAME(i),
                   ir_state(g->module, r->state)->key);
}

static bool verify_life(const Graph *g, int i, const Stored *s, char err[IR_ERR])
{
    const Buffer *b = &g->buffer[i];
    if (b->first < 0 || b->last < b->first || b->last >= g->n_kernel)
        return ir_fail(err, "%s lives from k%d to k%d of %d kernels", NAME(i), b->first, b->last,
                       g->n_kernel);
    if (!b->val.i)
        return true;
    if (s->by[b->val.i] != b->first)
        return ir_fail(err, "%s lives from k%d on, but k%d stores it", NAME(i), b->first,
                       s->by[b->val.i]);
    return b->last >= s->last[b->val.i]
        || ir_fail(err, "%s lives until k%d, but k%d reads it", NAME(i), b->last,
                   s->last[b->val.i]);
}

static bool verify_in_place(const Graph *g, int i, const int *buffer_of, bool *taken,
                            char err[IR_ERR])
{
    const Buffer *b = &g->buffer[i];
    if (!b->in_place_of.i)
        return true;
    int old = b->in_place_of.i < g->n_node ? buffer_of[b->in_place_of.i] : -1;
    const Buffer *u = old >= 0 ? &g->buffer[old] : NULL;
    if (!u || b->kind != BUF_ARENA || u->kind != BUF_ARENA)
        return ir_fail(err, "%s takes the place of a value that is not in the arena", NAME(i));
    if (taken[old])
        return ir_fail(err, "%s is taken over twice", NAME(old));
    taken[old] = true;
    return (u->last == b->first && u->offset_bytes == b->offset_bytes && u->bytes >= b->bytes)
        || ir_fail(err, "%s cannot take over %s: k%d..k%d at %lld, %lld bytes", NAME(i), NAME(old),
                   u->first, u->last, (long long)u->offset_bytes, (long long)u->bytes);
}

/* Each stored value has one buffer, and each buffer a stored value. */
static bool verify_complete(const Graph *g, const Stored *s, int *buffer_of, char err[IR_ERR])
{
    for (uint32_t i = 0; i < g->n_node; i++)
        buffer_of[i] = -1;
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (!b->val.i && (b->kind == BUF_SCRATCH || b->kind == BUF_KEPT))
            continue;
        if (!b->val.i || b->val.i >= g->n_node)
            return ir_fail(err, "buffer %d holds no value", i);
        if (buffer_of[b->val.i] >= 0)
            return ir_fail(err, "%s has two buffers", NAME(i));
        if (s->by[b->val.i] < 0)
            return ir_fail(err, "%s has a buffer, but no kernel stores it", NAME(i));
        buffer_of[b->val.i] = i;
    }
    for (uint32_t i = 1; i < g->n_node; i++)
        if (s->by[i] >= 0 && buffer_of[i] < 0)
            return ir_fail(err, "%%%d is stored by k%d, but has no buffer",
                           ir_printed_number(g, (Val){i}), s->by[i]);
    return true;
}

/* A value in two roots would need two places. */
static bool verify_root_once(const Graph *g, const Stored *s, Arena *scratch, char err[IR_ERR])
{
    bool *seen = arena_alloc(scratch, g->n_node, sizeof *seen);
    for (int i = 0; i < g->n_root; i++) {
        Val v = s->base[g->root[i].val.i];
        if (seen[v.i])
            return ir_fail(err, "%%%d is in two roots, but has one place", ir_printed_number(g, v));
        seen[v.i] = true;
    }
    return true;
}

/* What is kept follows from states and constants alone; a kernel that runs once leaves nothing in
 * the arena. */
static bool verify_kept(const Graph *g, const Stored *s, Arena *scratch, char err[IR_ERR])
{
    Kept kept = ir_kept(g, g->kernel, g->n_kernel, s->by, scratch);
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (b->kind == BUF_KEPT && !(b->val.i ? kept.whole : kept.shared)[b->first])
            return ir_fail(err, "%s is kept, but does not follow from states and constants alone",
                           NAME(i));
        if (b->kind == BUF_ARENA && ir_runs_once(g, b->first))
            return ir_fail(err, "%s lies in the arena, but k%d runs once", NAME(i), b->first);
    }
    return true;
}

/* The one input; null: there is none, or more. */
static const Type *only_input(const Graph *g)
{
    const Type *found = NULL;
    for (uint32_t v = 1; v < g->n_node; v++) {
        if (g->node[v].op != OP_input) continue;
        if (found) return NULL;
        found = &g->node[v].type;
    }
    return found;
}

/* A sample of each takes as much memory. */
static bool same_sample(const Type *x, const Type *y)
{
    return x->dtype == y->dtype && ir_elems_at(&x->shape, 1) == ir_elems_at(&y->shape, 1);
}

bool ir_may_go_by_sample(const Graph *infer, const Graph *one)
{
    const Type *x = only_input(infer), *y = only_input(one);
    if (!x || !y || !same_sample(x, y) || infer->n_root != 1 || one->n_root != 1
        || !same_sample(ir_type(infer, infer->root[0].val), ir_type(one, one->root[0].val))) return false;
    for (uint32_t v = 1; v < infer->n_node; v++)
        if (infer->node[v].op == OP_random) return false;
    return true;
}

static bool verify_by_sample(const Graph *g, char err[IR_ERR])
{
    const Graph *one = ir_graph_find(g->module, "infer_one");
    if (strcmp(g->name, "infer") != 0 || !one)
        return ir_fail(err, "samples one by one are `infer`'s, where there is an infer_one");
    if (!ir_may_go_by_sample(g, one))
        return ir_fail(err, "samples one by one have one input and one result, which infer_one has, too, and "
                            "nothing that is drawn");
    return true;
}

bool ir_verify_plan(const Graph *g, char err[IR_ERR])
{
    if (!g->has_kernels)
        return ir_fail(err, "there are buffers, but no kernels");
    if (g->arena_bytes < 0 || g->bound_bytes < 0 || g->worker_bytes < 0)
        return ir_fail(err, "a size of the plan is negative");
    if (g->by_sample && !verify_by_sample(g, err))
        return false;
    if (g->bound_bytes > g->arena_bytes)
        return ir_fail(err, "the arena of %lld bytes is below its lower bound of %lld",
                       (long long)g->arena_bytes, (long long)g->bound_bytes);
    Arena *scratch = arena_new();
    Stored s = ir_stored(g, scratch);
    int *buffer_of = arena_alloc(scratch, g->n_node, sizeof *buffer_of);
    bool *taken = arena_alloc(scratch, (size_t)g->n_buffer + 1, sizeof *taken);
    bool ok = verify_root_once(g, &s, scratch, err) && verify_complete(g, &s, buffer_of, err);
    for (int i = 0; i < g->n_buffer && ok; i++)
        ok = verify_life(g, i, &s, err) && verify_place(g, i, &s, err)
          && verify_in_place(g, i, buffer_of, taken, err);
    ok = ok && verify_kept(g, &s, scratch, err);
    arena_free(scratch);
    return ok;
}

/* ---- the sweep ---- */

/* What lies where from kernel `begin` to kernel `end`. */
typedef struct { int64_t offset_bytes, end_bytes; int begin, end, buffer; } Live;

static int by_begin(const void *a, const void *b)
{
    const Live *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->buffer > y->buffer) - (x->buffer < y->buffer);
}

static int by_end(const void *a, const void *b)
{
    const Live *x = a, *y = b;
    return x->end != y->end ? (x->end > y->end) - (x->end < y->end)
                            : (x->buffer > y->buffer) - (x->buffer < y->buffer);
}

/* Where an offset stands, or would, among the sorted live ones. */
static int position(const Live *live, int n, int64_t offset_bytes)
{
    int low = 0;
    for (int high = n; low < high;) {
        int middle = low + (high - low) / 2;
        if (live[middle].offset_bytes < offset_bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool sweep_add(const Graph *g, Live *live, int *n, const Live *x, char err[IR_ERR])
{
    int at = position(live, *n, x->offset_bytes);
    const Live *hit = at && live[at - 1].end_bytes > x->offset_bytes ? &live[at - 1]
                    : at < *n && live[at].offset_bytes < x->end_bytes ? &live[at] : NULL;
    if (hit)
        return ir_fail(err, "sweep: %s and %s are both live at k%d and overlap", NAME(hit->buffer),
                       NAME(x->buffer), x->begin);
    memmove(&live[at + 1], &live[at], (size_t)(*n - at) * sizeof *live);
    live[at] = *x;
    ++*n;
    return true;
}

/* Over the arena, or over what is kept, which lives for ever. */
static bool sweep(const Graph *g, bool kept, char err[IR_ERR])
{
    Arena *scratch = arena_new();
    size_t room = (size_t)g->n_buffer + 1;
    Live *start = arena_alloc(scratch, room, sizeof *start),
         *live = arena_alloc(scratch, room, sizeof *live);
    int n = 0, n_live = 0, gone = 0;
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        int begin = b->first + (b->in_place_of.i != 0), end = b->last;
        if (kept) {
            begin = 0;
            end = g->n_kernel;
        }
        if ((kept ? b->kind == BUF_KEPT : ir_in_arena(b)) && begin <= end)
            start[n++] = (Live){b->offset_bytes, b->offset_bytes + b->bytes, begin, end, i};
    }
    Live *end = arena_grow(scratch, start, (size_t)n, room, sizeof *end);
    qsort(start, (size_t)n, sizeof *start, by_begin);
    qsort(end, (size_t)n, sizeof *end, by_end);
    bool ok = true;
    for (int i = 0; i < n && ok; i++) {
        for (; gone < n && end[gone].end < start[i].begin; gone++) {
            int at = position(live, n_live, end[gone].offset_bytes);
            memmove(&live[at], &live[at + 1], (size_t)(n_live - at - 1) * sizeof *live);
            n_live--;
        }
        ok = sweep_add(g, live, &n_live, &start[i], err);
    }
    arena_free(scratch);
    return ok;
}

bool ir_verify_sweep(const Graph *g, char err[IR_ERR])
{
    return sweep(g, false, err) && sweep(g, true, err);
}

/* ---- the block of states ---- */

static int by_offset(const void *a, const void *b)
{
    const StateInfo *const *x = a, *const *y = b;
    return ((*x)->offset_bytes > (*y)->offset_bytes) - ((*x)->offset_bytes < (*y)->offset_bytes);
}

bool ir_verify_states(const Module *m, char err[IR_ERR])
{
    Arena *scratch = arena_new();
    const StateInfo **s = arena_alloc(scratch, m->n_state, sizeof *s);
    bool ok = true;
    for (uint32_t i = 1; i < m->n_state; i++)
        s[i - 1] = &m->state[i];
    qsort(s, m->n_state - 1, sizeof *s, by_offset);
    int64_t end_bytes = 0;
    for (uint32_t i = 0; i + 1 < m->n_state && ok; i++) {
        if (s[i]->offset_bytes < 0)
            ok = ir_fail(err, "state \"%.100s\" has no place", s[i]->key);
        else if (s[i]->offset_bytes % IR_ALIGN_BYTES)
            ok = ir_fail(err, "state \"%.100s\" lies at %lld, not at a multiple of %d", s[i]->key,
                         (long long)s[i]->offset_bytes, IR_ALIGN_BYTES);
        else if (s[i]->offset_bytes < end_bytes)
            ok = ir_fail(err, "states \"%.100s\" and \"%.100s\" overlap", s[i - 1]->key, s[i]->key);
        else if (__builtin_add_overflow(s[i]->offset_bytes, ir_stored_bytes(&s[i]->type, 1),
                                        &end_bytes)
                 || end_bytes > m->state_bytes)
            ok = ir_fail(err, "state \"%.100s\" ends beyond the %lld bytes of all states",
                         s[i]->key, (long long)m->state_bytes);
    }
    arena_free(scratch);
    return ok;
}
