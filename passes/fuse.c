/* passes/fuse.c: groups nodes into kernels; passes/groups.c says which.
 *
 * needs   nothing (layout's choices are taken over; where there are none they are made here)
 * keeps   every value of every root
 * breaks  algo, tile and micro move from nodes to kernels; roots that no kernel computes get a copy
 *
 *     %4 = linear %3, "1.weight", "1.bias" {algo="gemm", …}     kernels train
 *     %5 = relu %4                               -> k0 { %4 %5 } gemm tile 140x32 … takes 310 us
 *     %8 = cross_entropy %6, %1, %9 = correct %6, %1            k1 { %8 %9 } row
 *
 * It does not decide the order in which kernels run, only that there is one. */
#include "passes/cost.h"
#include "passes/groups.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <stdlib.h>
#include <string.h>

/* ---- roots that need a kernel of their own ---- */

/* Maps compute reals; other elements are moved. */
static Val copy_of(Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    Loc loc = x->loc;
    if (ir_dtype_real(x->type.dtype)) return ir_map(g, "a", &v, 1, loc);
    return ir_add_typed(g, OP_relayout, loc, x->type, &v, 1, NULL, 0);
}

/* Does each element of it take the place of the one that it is made of? A product or a reduction cannot
 * write over what it reads. */
static bool is_elementwise(const Node *x)
{
    return ir_op[x->op].kind == KIND_MAP || x->op == OP_increment;
}

/* A returned leaf, and a value that is a root twice. An update that is not elementwise is copied too. */
static void copy_roots(Graph *g, bool all_updates, Arena *scratch)
{
    uint32_t n = g->n_node;
    bool *taken = arena_alloc(scratch, n, sizeof *taken);
    for (int r = 0; r < g->n_root; r++) {
        Val base = ir_view_base(g, g->root[r].val);
        OpKind kind = ir_op[ir_node(g, base)->op].kind;
        bool update = g->root[r].kind == ROOT_UPDATE;
        bool copy = kind == KIND_LEAF || taken[base.i] || (update && !is_elementwise(ir_node(g, base)));
        copy = copy || (update && (all_updates || base.i != g->root[r].val.i));
        if (all_updates && update && kind == KIND_LEAF) g->root[r].val = copy_of(g, g->root[r].val);
        if (copy) g->root[r].val = copy_of(g, g->root[r].val);
        else taken[base.i] = true;
    }
}

/* A map computes the random numbers that it reads element by element itself. Every other reader
 * finds them stored, as a copy; so do products, convolutions, windows and views find constants. */
static bool inlines(const Graph *g, const Node *reader, Val operand)
{
    const Node *x = ir_node(g, operand);
    OpKind kind = ir_op[reader->op].kind;
    if (x->op == OP_random)
        return kind == KIND_MAP && ir_shape_eq(&x->type.shape, &reader->type.shape);
    bool stored = kind == KIND_PROD || kind == KIND_CONV || kind == KIND_WINDOW
               || kind == KIND_VIEW || kind == KIND_NARROW;
    return x->op != OP_const || !stored;
}

static bool inlines_all(const Graph *g, const Node *reader)
{
    for (int k = 0; k < reader->n_in; k++)
        if (!inlines(g, reader, reader->in[k])) return false;
    return true;
}

static bool *stored_leaves(const Graph *g, const bool *live, Arena *scratch)
{
    bool *stored = arena_alloc(scratch, g->n_node, sizeof *stored);
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        for (int k = 0; live[v] && k < x->n_in; k++)
            if (!inlines(g, x, x->in[k])) stored[x->in[k].i] = true;
    }
    return stored;
}

static Choice chosen_here(const Graph *g, Val v, const PassCtx *ctx)
{
    const Node *x = ir_node(g, v);
    return pass_choose(g, v, ir_type(g, x->in[1])->layout, x->type.layout, ctx);
}

static Choice choice_of(const Graph *g, Val v, const PassCtx *ctx)
{
    const Node *x = ir_node(g, v);
    Choice c = { .algo = ALGO_gemm };
    const Attr *tile = ir_attr(x, AT_tile), *micro = ir_attr(x, AT_micro);
    if (!ir_has(x, AT_algo)) return chosen_here(g, v, ctx);
    for (int a = ALGO_NONE + 1; a < ALGO_COUNT; a++)
        if (!strcmp(ir_algo[a].name, ir_attr_str(x, AT_algo))) c.algo = (Algo)a;
    bool tiled = c.algo != ALGO_direct && c.algo != ALGO_grouped;
    bool registers = tiled && !ir_split_parts(c.algo) && c.algo != ALGO_blas
                  && c.algo != ALGO_loops && c.algo != ALGO_simt_dots;
    bool usable = ir_admits(g->module->math, c.algo) && ir_serves(pass_target(ctx), c.algo)
               && tiled <= (tile != NULL) && registers <= (micro != NULL);
    for (int i = 0; i < 2; i++) {
        c.tile[i] = tile ? tile->u.ints[i] : 0;
        c.micro[i] = micro ? micro->u.ints[i] : 0;
        usable = usable && (!tiled || c.tile[i] > 0) && (!registers || c.micro[i] > 0);
    }
    return usable ? c : chosen_here(g, v, ctx);
}

/* The graph without layout's attributes, which go to kernels; choice[new node] keeps them. */
static void copy_plain(Graph *to, const Graph *from, const PassCtx *ctx, Choice *choice,
                       Arena *scratch)
{
    const bool *live = ir_live(from, scratch), *aside = stored_leaves(from, live, scratch);
    Val *plain = arena_alloc(scratch, from->n_node, sizeof *plain);
    Val *stored = arena_alloc(scratch, from->n_node, sizeof *stored);
    for (uint32_t v = 1; v < from->n_node; v++) {
        const Node *x = &from->node[v];
        if (!live[v] && x->op != OP_input) continue;
        const Val *map = inlines_all(from, x) ? plain : stored;
        OpKind kind = ir_op[x->op].kind;
        if (kind == KIND_PROD || kind == KIND_CONV) {
            Val in[EX_MAX_ARGS];
            Attr attr[8];
            int n = 0;
            for (int i = 0; i < x->n_in; i++) in[i] = map[x->in[i].i];
            for (int i = 0; i < x->n_attr; i++)
                if (x->attr[i].id < AT_algo) attr[n++] = x->attr[i];
            plain[v] = ir_add_typed(to, x->op, x->loc, x->type, in, x->n_in, attr, n);
            choice[plain[v].i] = choice_of(from, (Val){ v }, ctx);
        } else {
            plain[v] = ir_copy_node(to, from, (Val){ v }, map);
        }
        stored[v] = aside[v] ? copy_of(to, plain[v]) : plain[v];
    }
    ir_copy_roots(to, from, plain);
}

/* ---- kernels ---- */

/* A heap of groups, the one with the lowest first member on top. */
typedef struct Heap { const Group *group; uint32_t *at; uint32_t n; } Heap;

static bool is_before(const Heap *h, uint32_t i, uint32_t j)
{
    return h->group[h->at[i]].member[0].i < h->group[h->at[j]].member[0].i;
}

static void swap(Heap *h, uint32_t i, uint32_t j)
{
    uint32_t x = h->at[i];
    h->at[i] = h->at[j];
    h->at[j] = x;
}

static void push(Heap *h, uint32_t group)
{
    uint32_t i = h->n++;
    for (h->at[i] = group; i && is_before(h, i, (i - 1) / 2); i = (i - 1) / 2)
        swap(h, i, (i - 1) / 2);
}

static uint32_t pop(Heap *h)
{
    uint32_t top = h->at[0], i = 0, child;
    h->at[0] = h->at[--h->n];
    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && is_before(h, child + 1, child)) child++;
        if (!is_before(h, child, i)) break;
        swap(h, i, child);
        i = child;
    }
    return top;
}

/* Groups in an order that their edges allow; the one with the lowest first member goes first. False
 * if there is none. */
static bool order_groups(const Groups *f, uint32_t *order, int *n_order)
{
    uint32_t n = f->g->n_node;
    int *waits = arena_alloc(f->scratch, n, sizeof *waits), groups = 0;
    Heap ready = { f->group, arena_alloc(f->scratch, n, sizeof *ready.at), 0 };
    for (uint32_t v = 1; v < n; v++)
        for (uint32_t e = f->flow.at[v]; f->of[v] && e < f->flow.at[v + 1]; e++)
            waits[f->of[f->flow.next[e]]] += f->of[f->flow.next[e]] != f->of[v];
    for (uint32_t v = 1; v < n; v++) {
        groups += f->group[v].n > 0;
        if (f->group[v].n && !waits[v]) push(&ready, v);
    }
    for (*n_order = 0; ready.n; ++*n_order) {
        uint32_t now = order[*n_order] = pop(&ready);
        for (int i = 0; i < f->group[now].n; i++) {
            uint32_t v = f->group[now].member[i].i;
            bool own = f->of[v] == now;              /* several groups may have it; one stands for it */
            for (uint32_t e = f->flow.at[v]; own && e < f->flow.at[v + 1]; e++) {
                uint32_t to = f->of[f->flow.next[e]];
                if (to != now && !--waits[to]) push(&ready, to);
            }
        }
    }
    return *n_order == groups;
}

static Val *with_random(const Groups *f, const Group *x, int *n)
{
    const Graph *g = f->g;
    size_t cap = (size_t)x->n;
    for (int i = 0; i < x->n; i++) cap += (size_t)g->node[x->member[i].i].n_in;
    Val *all = arena_alloc(f->scratch, cap, sizeof *all);
    memcpy(all, x->member, (size_t)x->n * sizeof *all);
    *n = x->n;
    for (int i = 0; i < x->n; i++) {
        const Node *reader = &g->node[x->member[i].i];
        for (int k = 0; k < reader->n_in; k++) {
            Val v = reader->in[k];
            if (!ir_is(g, v, OP_random)) continue;
            bool there = false;
            for (int j = 0; j < *n; j++) there = there || all[j].i == v.i;
            if (!there) all[(*n)++] = v;
        }
    }
    qsort(all, (size_t)*n, sizeof *all, pass_by_handle);
    return all;
}

static void write_kernels(const Groups *f, Graph *g, const Choice *choice, const uint32_t *order,
                          int n_order)
{
    Kernel *k = arena_alloc(f->scratch, g->n_node, sizeof *k);
    int n = 0;
    for (int i = 0; i < n_order; i++) {
        const Group *x = &f->group[order[i]];
        Kernel *to = &k[n++];
        to->member = with_random(f, x, &to->n_member);
        pass_form(g, &f->flow, x->member, x->n, &to->algo);
        for (int j = 0; j < x->n; j++) {
            OpKind kind = ir_op[ir_node(g, x->member[j])->op].kind;
            if (kind != KIND_PROD && kind != KIND_CONV) continue;
            Choice c = choice[x->member[j].i];
            if (to->algo == ALGO_gemm_back)
                pass_tile_back(g, ir_kernel_root(g, to), f->target, &c);
            to->algo = c.algo;
            memcpy(to->tile, c.tile, sizeof to->tile);
            memcpy(to->micro, c.micro, sizeof to->micro);
            break;
        }
    }
    ir_set_kernels(g, k, n);
}

/* Convolutions say why they have a prologue, or none. */
static void write_why(const Groups *f, Graph *g)
{
    for (uint32_t v = 1; v < g->n_node; v++) {
        Node *x = &g->node[v];
        if (!f->why[v]) continue;
        Attr *attr = arena_alloc(g->module->arena, (size_t)x->n_attr + 1, sizeof *attr);
        if (x->n_attr) memcpy(attr, x->attr, (size_t)x->n_attr * sizeof *attr);
        attr[x->n_attr++] = ir_str(AT_why, arena_str(g->module->arena, f->why[v]));
        x->attr = attr;
    }
}

/* Two updates may each need the other's old value. Then no order writes in place, and all updates
 * are computed aside first and copied last. */
static void fuse_graph(Graph *to, const Graph *from, Apart *apart, const PassCtx *ctx, Arena *scratch)
{
    /* A random node or a constant may get one copy more. */
    Choice *choice = arena_alloc(scratch, (size_t)from->n_node * 2 + 1, sizeof *choice);
    copy_plain(to, from, ctx, choice, scratch);
    copy_roots(to, false, scratch);
    Groups f = pass_groups(to, choice, pass_target(ctx), scratch);
    uint32_t *order = arena_alloc(scratch, (size_t)to->n_node * 2 + 64, sizeof *order);
    int n_order;
    if (!order_groups(&f, order, &n_order)) {
        copy_roots(to, true, scratch);
        f = pass_groups(to, choice, pass_target(ctx), scratch);
        order = arena_alloc(scratch, to->n_node, sizeof *order);
    }
    f.apart = apart;
    if (!ctx->no_fuse) pass_groups_grow(&f);
    if (!order_groups(&f, order, &n_order)) ir_die(to->module, "fuse: kernels in a circle");
    write_kernels(&f, to, choice, order, n_order);
    write_why(&f, to);
    if (pass_target(ctx)->block_threads) pass_blocks(to, ctx);
    else pass_predict(to, pass_target(ctx));
}

Module *pass_fuse(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "fuse");
    Arena *scratch = arena_new();
    Apart apart = { 0 };
    for (int i = 0; i < in->n_graph; i++)
        fuse_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], &apart, ctx, scratch);
    arena_free(scratch);
    return m;
}
