/* passes/remat.c: computes values again, where more would live at a time than ctx->most_arena_bytes.
 *
 * needs   kernels in a valid order
 * keeps   every value of every root, bit for bit: what computes one again is the kernel that made it
 * breaks  nothing; a kernel may come several times
 *
 *     k0 { %2 } k1 { %3 } k8 (reads %2)  ->  k0 { %2 } k1 { %3 } k8 { %14 } k9 (reads %14)
 *
 * A list says which kernels run, in order, some of them again; who reads a value reads what was
 * computed last. Where the most lives at a time, of the values that wait there for a later reader one
 * is let go, and computed again right before that reader; with it what it is computed of, as far as
 * that would not wait there anyway. What takes the least time for the bytes that it frees goes first,
 * for as long as the most is too much and gets less.
 *
 * It lets go nothing that a caller sees, and computes nothing of weights that have changed since. A
 * kernel that stores several tensors of reals stays: without one of them it would be another kernel,
 * and its bits others.
 * Source: Kirisame et al., Dynamic Tensor Rematerialization, ICLR 2021: the choice by time and bytes. */
#include "passes/kernels.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <string.h>

/* What a kernel does to values that live between kernels. */
typedef struct Does {
    int *reads, n_reads, *makes, n_makes;      /* indices into keep */
    int real;                                  /* of them the tensor of reals; -1: none, or several */
    bool again;                                /* it may come again */
    int64_t scratch_bytes;
} Does;

typedef struct Remat {
    const Graph *g;
    Memory memory;
    int *keep_of;                    /* [n_node] of a value's base; -1: it is not stored */
    Val *base;                       /* [n_node] */
    Does *does;                      /* [n_kernel] */
    Arena *a;
} Remat;

/* Kernels in order; what lives while each runs. */
typedef struct List { int *kernel, n; int64_t *live, peak_bytes; int peak, peaks; double us; } List;

/* ---- what kernels do ---- */

static bool is_member(const Kernel *k, Val v)
{
    for (int i = 0; i < k->n_member; i++)
        if (k->member[i].i == v.i) return true;
    return false;
}

static void add_once(int *list, int *n, int x)
{
    for (int i = 0; i < *n; i++)
        if (list[i] == x) return;
    list[(*n)++] = x;
}

static void find_reads(Remat *r, int kernel)
{
    const Kernel *k = &r->g->kernel[kernel];
    Does *d = &r->does[kernel];
    size_t cap = 1;
    for (int i = 0; i < k->n_member; i++) cap += (size_t)ir_node(r->g, k->member[i])->n_in;
    d->reads = arena_alloc(r->a, cap, sizeof *d->reads);
    for (int i = 0; i < k->n_member; i++) {
        const Node *x = ir_node(r->g, k->member[i]);
        for (int j = 0; j < x->n_in; j++) {
            Val v = r->base[x->in[j].i];
            int keep = r->keep_of[v.i];
            if (keep < 0 || is_member(k, v)) continue;
            if (r->memory.keep[keep].kind == BUF_ARENA) add_once(d->reads, &d->n_reads, keep);
            else d->again = false;
        }
    }
}

static void find_makes(Remat *r)
{
    for (int k = 0; k < r->g->n_kernel; k++) r->does[k] = (Does){ .real = -1, .again = true };
    for (int i = 0; i < r->memory.n_keep; i++) {
        const Keep *b = &r->memory.keep[i];
        Does *d = &r->does[b->first];
        if (b->kind == BUF_SCRATCH) d->scratch_bytes += b->bytes;
        if (b->kind == BUF_STATE || b->kind == BUF_OUT || b->kind == BUF_KEPT) d->again = false;
        if (b->kind != BUF_ARENA) continue;
        d->makes = arena_grow(r->a, d->makes, (size_t)d->n_makes, (size_t)d->n_makes + 1, sizeof(int));
        d->makes[d->n_makes++] = i;
        if (!ir_dtype_real(ir_type(r->g, b->val)->dtype)) continue;
        if (d->real >= 0) d->again = false;
        d->real = i;
    }
}

/* Is all that the kernel stores computed on the way to its reals? Then who reads those alone has the same
 * kernel. */
static bool leads_to_real(const Remat *r, int kernel)
{
    const Kernel *k = &r->g->kernel[kernel];
    const Does *d = &r->does[kernel];
    if (d->real < 0) return false;
    Arena *a = arena_new();
    bool *leads = arena_alloc(a, r->g->n_node, sizeof *leads), all = true;
    leads[r->memory.keep[d->real].val.i] = true;
    for (int i = k->n_member; i-- > 0;) {
        const Node *x = ir_node(r->g, k->member[i]);
        for (int j = 0; j < x->n_in && leads[k->member[i].i]; j++) leads[r->base[x->in[j].i].i] = true;
    }
    for (int i = 0; i < k->n_member; i++) all = all && leads[k->member[i].i];
    arena_free(a);
    return all;
}

static Remat remat_of(const Graph *g, const PassCtx *ctx, Arena *a)
{
    Remat r = { .g = g, .memory = pass_memory(g, g->kernel, g->n_kernel, ctx, a), .a = a,
                .keep_of = arena_alloc(a, g->n_node, sizeof *r.keep_of),
                .base = arena_alloc(a, g->n_node, sizeof *r.base),
                .does = arena_alloc(a, (size_t)g->n_kernel + 1, sizeof *r.does) };
    for (uint32_t v = 1; v < g->n_node; v++) {
        r.base[v] = ir_view_base(g, (Val){ v });
        r.keep_of[v] = -1;
    }
    for (int i = 0; i < r.memory.n_keep; i++)
        if (r.memory.keep[i].val.i) r.keep_of[r.memory.keep[i].val.i] = i;
    find_makes(&r);
    for (int k = 0; k < g->n_kernel; k++) {
        find_reads(&r, k);
        r.does[k].again = r.does[k].again && leads_to_real(&r, k);
    }
    return r;
}

/* Does the kernel read a state that one of the list before `at` replaces? */
static bool outdated(const Remat *r, int kernel, const List *l, int at)
{
    const Kernel *k = &r->g->kernel[kernel];
    for (int i = 0; i < r->memory.n_keep; i++) {
        const Keep *b = &r->memory.keep[i];
        bool reads = false;
        if (b->kind != BUF_STATE) continue;
        for (int m = 0; m < k->n_member && !reads; m++) {
            const Node *x = ir_node(r->g, k->member[m]);
            for (int j = 0; j < x->n_in; j++) {
                const Node *from = ir_node(r->g, r->base[x->in[j].i]);
                reads = reads || (from->op == OP_state && from->state.i == b->state.i);
            }
        }
        for (int s = 0; s < at && reads; s++)
            if (l->kernel[s] == b->first) return true;
    }
    return false;
}

/* ---- what lives ---- */

/* A value as one kernel of the list made it. */
typedef struct Version { int keep, first, last; } Version;
typedef struct Versions { Version *v; int n; int *now; } Versions;

/* now: of each value of keep, what is read at the end of the list's first `n`. */
static Versions versions_of(const Remat *r, const List *l, int n, Arena *a)
{
    size_t makes = 1;
    for (int s = 0; s < n; s++) makes += (size_t)r->does[l->kernel[s]].n_makes;
    Versions all = { arena_alloc(a, makes, sizeof *all.v), 0,
                     arena_alloc(a, (size_t)r->memory.n_keep + 1, sizeof *all.now) };
    for (int i = 0; i < r->memory.n_keep; i++) all.now[i] = -1;
    for (int s = 0; s < n; s++) {
        const Does *d = &r->does[l->kernel[s]];
        for (int i = 0; i < d->n_reads; i++) all.v[all.now[d->reads[i]]].last = s;
        for (int i = 0; i < d->n_makes; i++) {
            all.now[d->makes[i]] = all.n;
            all.v[all.n++] = (Version){ d->makes[i], s, s };
        }
    }
    return all;
}

/* A value that is made in place of another that dies there takes none of its own. */
static int64_t in_place_bytes(const Remat *r, const Versions *all, const Version *made)
{
    const Keep *b = &r->memory.keep[made->keep];
    if (!b->in_place_of.i) return 0;
    int old = r->keep_of[b->in_place_of.i];
    for (int i = all->n; i-- > 0;)
        if (all->v[i].keep == old && all->v[i].first < made->first)
            return all->v[i].last == made->first ? b->bytes : 0;
    return 0;
}

static void measure(const Remat *r, List *l)
{
    Arena *a = arena_new();
    Versions all = versions_of(r, l, l->n, a);
    int64_t *change = arena_alloc(a, (size_t)l->n + 2, sizeof *change), live = 0;
    l->peak_bytes = 0;
    l->us = 0;
    for (int i = 0; i < all.n; i++) {
        const Version *v = &all.v[i];
        int64_t bytes = r->memory.keep[v->keep].bytes, taken = in_place_bytes(r, &all, v);
        change[v->first] += bytes - taken;
        change[v->first + 1] += taken;
        change[v->last + 1] -= bytes;
    }
    for (int s = 0; s < l->n; s++) {
        live += change[s];
        l->live[s] = live + r->does[l->kernel[s]].scratch_bytes;
        l->us += r->g->kernel[l->kernel[s]].us;
        if (l->live[s] > l->peak_bytes) {
            l->peak_bytes = l->live[s];
            l->peak = s;
            l->peaks = 0;
        }
        l->peaks += l->live[s] == l->peak_bytes;
    }
    arena_free(a);
}

/* ---- what comes again ---- */

typedef struct Chain { int *kernel, n; } Chain;

/* Adds what makes a value of keep again, at `at`; if wide, after what makes its operands, as far as they
 * do not wait at the peak anyway. False: it cannot be made there. */
static bool add_chain(const Remat *r, const List *l, const Versions *there, int at, int keep, bool wide,
                      Chain *c)
{
    int kernel = r->memory.keep[keep].first;
    const Does *d = &r->does[kernel];
    for (int i = 0; i < c->n; i++)
        if (c->kernel[i] == kernel) return true;
    if (!d->again || outdated(r, kernel, l, at)) return false;
    for (int i = 0; i < d->n_reads; i++) {
        const Version *v = &there->v[there->now[d->reads[i]]];
        bool waits = v->first >= l->peak || v->last >= l->peak;
        if (!waits && wide) add_chain(r, l, there, at, d->reads[i], wide, c);
    }
    c->kernel[c->n++] = kernel;
    return true;
}

static List with_chain(const List *l, int at, const Chain *c, Arena *a)
{
    size_t n = (size_t)(l->n + c->n);
    List to = { .kernel = arena_alloc(a, n, sizeof *to.kernel), .n = (int)n,
                .live = arena_alloc(a, n, sizeof *to.live) };
    memcpy(to.kernel, l->kernel, (size_t)at * sizeof *to.kernel);
    if (c->n) memcpy(to.kernel + at, c->kernel, (size_t)c->n * sizeof *to.kernel);
    memcpy(to.kernel + at + c->n, l->kernel + at, (size_t)(l->n - at) * sizeof *to.kernel);
    return to;
}

/* Leaves out kernels whose values nobody reads any more. */
static void drop_unread(const Remat *r, List *l)
{
    for (bool any = true; any;) {
        Arena *a = arena_new();
        Versions all = versions_of(r, l, l->n, a);
        bool *read = arena_alloc(a, (size_t)l->n, sizeof *read);
        for (int i = 0; i < all.n; i++)
            if (all.v[i].last > all.v[i].first) read[all.v[i].first] = true;
        int n = 0;
        for (int s = 0; s < l->n; s++)
            if (read[s] || !r->does[l->kernel[s]].again) l->kernel[n++] = l->kernel[s];
        any = n < l->n;
        l->n = n;
        arena_free(a);
    }
}

/* Are the reals of what comes several times read each time? */
static bool all_read(const Remat *r, const List *l)
{
    Arena *a = arena_new();
    Versions all = versions_of(r, l, l->n, a);
    int *times = arena_alloc(a, (size_t)r->g->n_kernel + 1, sizeof *times);
    bool read = true;
    for (int s = 0; s < l->n; s++) times[l->kernel[s]]++;
    for (int i = 0; i < all.n; i++) {
        int kernel = l->kernel[all.v[i].first];
        bool real = r->does[kernel].real == all.v[i].keep;
        read = read && !(times[kernel] > 1 && real && all.v[i].last == all.v[i].first);
    }
    arena_free(a);
    return read;
}

/* Where version v is read next after the peak; -1: nowhere, or the peak reads it or makes it. */
static int next_reader(const Remat *r, const List *l, const Version *v)
{
    if (v->first >= l->peak || v->last <= l->peak) return -1;
    for (int s = l->peak; s <= v->last; s++) {
        const Does *d = &r->does[l->kernel[s]];
        for (int i = 0; i < d->n_reads; i++)
            if (d->reads[i] == v->keep) return s == l->peak ? -1 : s;
    }
    return -1;
}

static bool less(const List *x, const List *y)
{
    return x->peak_bytes != y->peak_bytes ? x->peak_bytes < y->peak_bytes : x->peaks < y->peaks;
}

/* Time for each byte that is free where most lived. */
static double price(const List *from, const List *to)
{
    double freed = (double)(from->live[from->peak] - to->live[from->peak]);
    return freed > 0 ? (to->us - from->us) / freed : 1e300;
}

/* The list with a value computed again; false: none makes the peak less. */
static bool improve(const Remat *r, List *l)
{
    Arena *a = arena_new();
    const Versions all = versions_of(r, l, l->n, a);
    List best = { .n = 0 };
    for (int i = 0; i < 2 * all.n; i++) {
        const Version *v = &all.v[i / 2];
        int at = next_reader(r, l, v);
        if (at < 0) continue;
        Versions there = versions_of(r, l, at, a);
        for (int k = 0; k < there.n; k++) there.v[k].last = all.v[k].last;      /* in all of the list */
        Chain c = { arena_alloc(a, (size_t)r->g->n_kernel + 1, sizeof *c.kernel), 0 };
        if (!add_chain(r, l, &there, at, v->keep, i % 2, &c)) continue;
        List to = with_chain(l, at, &c, a);
        drop_unread(r, &to);
        measure(r, &to);
        if (!all_read(r, &to)) continue;
        if (less(&to, l) && (!best.n || price(l, &to) < price(l, &best))) best = to;
    }
    if (best.n) {
        *l = with_chain(&best, 0, &(Chain){ .n = 0 }, r->a);
        measure(r, l);
    }
    arena_free(a);
    return best.n > 0;
}

/* ---- the graph ---- */

typedef struct Copy { const Remat *r; Graph *to; Val *now, *use; } Copy;

/* What an operand is now: a leaf, a value as it was made last, or a view of one. */
static Val operand(Copy *c, Val v)
{
    const Node *x = ir_node(c->r->g, v);
    OpKind kind = ir_op[x->op].kind;
    if (kind == KIND_LEAF || kind == KIND_VIEW) {
        Val in = x->n_in ? operand(c, x->in[0]) : v;
        bool same = c->now[v.i].i && (!x->n_in || ir_node(c->to, c->now[v.i])->in[0].i == in.i);
        if (x->n_in) c->use[x->in[0].i] = in;
        if (!same) c->now[v.i] = ir_copy_node(c->to, c->r->g, v, c->use);
    }
    return c->now[v.i];
}

static Kernel copy_kernel(Copy *c, const Kernel *k)
{
    const Graph *g = c->r->g;
    Kernel to = *k;
    Val *old = arena_alloc(c->r->a, (size_t)k->n_member, sizeof *old);
    Val *member = arena_alloc(c->r->a, (size_t)k->n_member, sizeof *member);
    to.member = member;
    for (int i = 0; i < k->n_member; i++) {
        const Node *x = ir_node(g, k->member[i]);
        for (int j = 0; j < x->n_in; j++) c->use[x->in[j].i] = operand(c, x->in[j]);
        old[i] = c->now[k->member[i].i];
        member[i] = c->now[k->member[i].i] = ir_copy_node(c->to, g, k->member[i], c->use);
    }
    /* What another kernel stores is that one's for all other readers. */
    for (int i = 0; i < k->n_member; i++) {
        int keep = c->r->keep_of[k->member[i].i];
        if (keep >= 0 && c->r->memory.keep[keep].first != (int)(k - g->kernel) && old[i].i)
            c->now[k->member[i].i] = old[i];
    }
    return to;
}

static void copy_list(Graph *to, const Remat *r, const List *l)
{
    const Graph *g = r->g;
    Copy c = { r, to, arena_alloc(r->a, g->n_node, sizeof *c.now),
               arena_alloc(r->a, g->n_node, sizeof *c.use) };
    Kernel *k = arena_alloc(r->a, (size_t)l->n + 1, sizeof *k);
    for (uint32_t v = 1; v < g->n_node; v++)
        if (g->node[v].op == OP_input) operand(&c, (Val){ v });
    for (int s = 0; s < l->n; s++) k[s] = copy_kernel(&c, &g->kernel[l->kernel[s]]);
    for (int i = 0; i < g->n_root; i++) c.use[g->root[i].val.i] = operand(&c, g->root[i].val);
    ir_copy_roots(to, g, c.use);
    ir_set_kernels(to, k, l->n);
    to->one_block = g->one_block;
}

/* Are a kernel's operands among the nodes of kernels before it? Elements may be counted of a value that a
 * later one computes: then the list's order is none of nodes. */
static bool orders_nodes(const Remat *r)
{
    const Graph *g = r->g;
    int *at = arena_alloc(r->a, g->n_node, sizeof *at);
    for (int k = g->n_kernel; k-- > 0;)
        for (int i = 0; i < g->kernel[k].n_member; i++) at[g->kernel[k].member[i].i] = k;
    for (int k = 0; k < g->n_kernel; k++)
        for (int i = 0; i < g->kernel[k].n_member; i++) {
            const Node *x = ir_node(g, g->kernel[k].member[i]);
            for (int j = 0; j < x->n_in; j++) {
                Val v = x->in[j];
                while (!at[v.i] && ir_node(g, v)->n_in) v = ir_node(g, v)->in[0];
                if (at[v.i] > k) return false;
            }
        }
    return true;
}

static void remat_graph(Graph *to, const Graph *from, const PassCtx *ctx)
{
    Arena *a = arena_new();
    Remat r = remat_of(from, ctx, a);
    size_t n = (size_t)from->n_kernel + 1;
    List l = { .kernel = arena_alloc(a, n, sizeof *l.kernel), .n = from->n_kernel,
               .live = arena_alloc(a, n, sizeof *l.live) };
    for (int k = 0; k < from->n_kernel; k++) l.kernel[k] = k;
    measure(&r, &l);
    if (!orders_nodes(&r)) l.peak_bytes = 0;
    while (l.peak_bytes > ctx->most_arena_bytes && l.n < 4 * from->n_kernel && improve(&r, &l)) { }
    if (l.n > from->n_kernel) copy_list(to, &r, &l);
    else pass_copy_kernels(to, from, from->kernel, a);
    arena_free(a);
}

Module *pass_remat(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "remat");
    Arena *a = arena_new();
    for (int i = 0; i < in->n_graph; i++) {
        const Graph *from = in->graph[i];
        Graph *to = ir_graph_add(m, from->name);
        if (ctx->most_arena_bytes) remat_graph(to, from, ctx);
        else pass_copy_kernels(to, from, from->kernel, a);
    }
    arena_free(a);
    return m;
}
