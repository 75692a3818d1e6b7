/* passes/fuse.c: groups nodes into kernels.
 *
 * needs   nothing (layout's choices are taken over; where there are none they are made here)
 * keeps   every value of every root
 * breaks  algo, tile and micro move from nodes to kernels; roots that no kernel computes get a copy
 *
 *     %4 = linear %3, "1.weight", "1.bias" {algo="gemm", …}     kernels train
 *     %5 = relu %4                               -> k0 { %4 %5 } gemm tile 140x32 … takes 310 us
 *     %8 = cross_entropy %6, %1, %9 = correct %6, %1            k1 { %8 %9 } row
 *
 * Greedy: every node starts alone; normalisations, products, row programs, reductions, then maps
 * take neighbours for as long as passes/forms.c accepts the group and no path leads out of it and
 * back. A path may run through memory: who reads a state must come before who replaces it.
 * It does not decide the order in which kernels run, only that there is one. */
#include "passes/cost.h"
#include "passes/kernels.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <ctype.h>
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

/* A returned leaf, and a value that is a root twice. An update that is no MAP is copied too, as a
 * product or a reduction cannot write over what it reads. */
static void copy_roots(Graph *g, bool all_updates, Arena *scratch)
{
    uint32_t n = g->n_node;
    bool *taken = arena_alloc(scratch, n, sizeof *taken);
    for (int r = 0; r < g->n_root; r++) {
        Val base = ir_view_base(g, g->root[r].val);
        OpKind kind = ir_op[ir_node(g, base)->op].kind;
        bool update = g->root[r].kind == ROOT_UPDATE;
        bool copy = kind == KIND_LEAF || taken[base.i] || (update && kind != KIND_MAP);
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
               || kind == KIND_VIEW;
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
    if (ir_op[x->op].kind == KIND_CONV) return pass_choose_conv(g, v, ctx);
    return pass_choose_product(g, v, ir_type(g, x->in[1])->layout, x->type.layout, ctx);
}

static Choice choice_of(const Graph *g, Val v, const PassCtx *ctx)
{
    const Node *x = ir_node(g, v);
    Choice c = { .algo = ALGO_gemm };
    const Attr *tile = ir_attr(x, AT_tile), *micro = ir_attr(x, AT_micro);
    if (!ir_has(x, AT_algo)) return chosen_here(g, v, ctx);
    for (int a = ALGO_NONE + 1; a < ALGO_COUNT; a++)
        if (!strcmp(ir_algo[a].name, ir_attr_str(x, AT_algo))) c.algo = (Algo)a;
    bool tiled = c.algo != ALGO_direct, registers = tiled && (c.algo == ALGO_gemm
              || ir_algo[c.algo].root == KIND_CONV);
    bool usable = ir_admits(g->module->math, c.algo) && tiled <= (tile != NULL)
               && registers <= (micro != NULL);
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

/* ---- groups ---- */

typedef struct Group { Val *member; int n; } Group;

typedef struct Fuse {
    const Graph *g;
    Flow flow;
    Group *group;                    /* by the group's number, which is its first node's */
    uint32_t *of;                    /* [n_node] group of a node; 0: none */
    uint32_t *before, *before_at;    /* the flow's edges the other way round */
    uint32_t *reader, *reader_at;    /* nodes of kernels that read a base, leaves' too */
    uint32_t *stack[2];              /* of groups, for walks down and up */
    uint32_t *seen[2], walk;         /* seen[..][group] == walk: met in this walk */
    bool normalising;                /* reductions may become row programs */
    Arena *scratch;
} Fuse;

/* Counted, summed, filled. */
static void turn_round(Fuse *f)
{
    uint32_t n = f->g->n_node, edges = f->flow.at[n];
    f->before = arena_alloc(f->scratch, (size_t)edges + 1, sizeof *f->before);
    f->before_at = arena_alloc(f->scratch, (size_t)n + 2, sizeof *f->before_at);
    for (uint32_t e = 0; e < edges; e++) f->before_at[f->flow.next[e] + 1]++;
    for (uint32_t v = 0; v <= n; v++) f->before_at[v + 1] += f->before_at[v];
    for (uint32_t v = n; v-- > 1;)
        for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++)
            f->before[--f->before_at[f->flow.next[e] + 1]] = v;
    /* Filling moved each start down from the next one's place. */
    for (uint32_t v = 0; v <= n; v++) f->before_at[v] = f->before_at[v + 1];
}

/* The same walk twice: counted, summed, filled. */
static void find_readers(Fuse *f)
{
    uint32_t n = f->g->n_node;
    f->reader_at = arena_alloc(f->scratch, (size_t)n + 2, sizeof *f->reader_at);
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t v = n; v-- > 1;)
            for (int k = 0; f->flow.grouped[v] && k < f->g->node[v].n_in; k++) {
                uint32_t *at = &f->reader_at[f->flow.base[f->g->node[v].in[k].i].i + 1];
                if (fill) f->reader[--*at] = v;
                else ++*at;
            }
        for (uint32_t v = 0; v <= n && !fill; v++) f->reader_at[v + 1] += f->reader_at[v];
        if (!fill)
            f->reader = arena_alloc(f->scratch, (size_t)f->reader_at[n + 1] + 1, sizeof *f->reader);
    }
    /* Filling moved each start down from the next one's place. */
    for (uint32_t v = 0; v <= n; v++) f->reader_at[v] = f->reader_at[v + 1];
}

static Fuse start(const Graph *g, Arena *scratch)
{
    size_t n = g->n_node;
    Fuse f = { .g = g, .flow = pass_flow(g, scratch), .scratch = scratch,
               .group = arena_alloc(scratch, n, sizeof(Group)),
               .of = arena_alloc(scratch, n, sizeof(uint32_t)) };
    for (int i = 0; i < 2; i++) {
        f.stack[i] = arena_alloc(scratch, n, sizeof(uint32_t));
        f.seen[i] = arena_alloc(scratch, n, sizeof(uint32_t));
    }
    turn_round(&f);
    find_readers(&f);
    for (uint32_t i = 1; i < n; i++) {
        if (!f.flow.grouped[i]) continue;
        f.of[i] = i;
        f.group[i].n = 1;
        f.group[i].member = arena_alloc(scratch, 1, sizeof(Val));
        f.group[i].member[0] = (Val){ i };
    }
    return f;
}

static bool edge_between(const Fuse *f, uint32_t a, uint32_t b)
{
    for (int i = 0; i < f->group[a].n; i++) {
        uint32_t v = f->group[a].member[i].i;
        for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++)
            if (f->of[f->flow.next[e]] == b) return true;
    }
    return false;
}

/* One group's step of a walk from `from`, down the edges or up: true if it meets `goal` by way of
 * another group. */
static bool step(Fuse *f, int up, uint32_t from, uint32_t goal, uint32_t *top)
{
    const uint32_t *edge = up ? f->before : f->flow.next;
    const uint32_t *start = up ? f->before_at : f->flow.at;
    uint32_t at = f->stack[up][--*top];
    for (int i = 0; i < f->group[at].n; i++) {
        uint32_t v = f->group[at].member[i].i;
        for (uint32_t e = start[v]; e < start[v + 1]; e++) {
            uint32_t to = f->of[edge[e]];
            if (to == goal && at != from) return true;
            if (to == goal || f->seen[up][to] == f->walk) continue;
            f->seen[up][to] = f->walk;
            f->stack[up][(*top)++] = to;
        }
    }
    return false;
}

/* Whether a path of at least one other group leads from a to b: walks down from a and up from b in
 * turn, so that the side on which little hangs decides soon. */
static bool path_between(Fuse *f, uint32_t a, uint32_t b)
{
    uint32_t down = 1, up = 1;
    f->walk++;
    f->stack[0][0] = a;
    f->stack[1][0] = b;
    f->seen[0][a] = f->seen[1][b] = f->walk;
    while (down && up)
        if (step(f, 0, a, b, &down) || step(f, 1, b, a, &up)) return true;
    return false;
}

/* Whether joining them makes a circle. Groups are in an order: an edge one way leaves no path the
 * other way. */
static bool circle(Fuse *f, uint32_t a, uint32_t b)
{
    bool down = edge_between(f, a, b), up = edge_between(f, b, a);
    return (!up && path_between(f, a, b)) || (!down && path_between(f, b, a));
}

static int by_handle(const void *a, const void *b)
{
    uint32_t x = ((const Val *)a)->i, y = ((const Val *)b)->i;
    return (x > y) - (x < y);
}

/* Randoms that the members read will be members too. */
static bool too_wide(const Fuse *f, const Val *member, int n)
{
    int randoms = 0;
    for (int i = 0; i < n; i++) {
        const Node *x = ir_node(f->g, member[i]);
        for (int k = 0; k < x->n_in; k++) randoms += ir_is(f->g, x->in[k], OP_random);
    }
    return ir_touched(f->g, member, n) + 2 * randoms > IR_MAX_TOUCHED;
}

static bool is_row(const Fuse *f, const Group *x)
{
    Algo algo;
    return pass_form(f->g, &f->flow, x->member, x->n, &algo) && algo == ALGO_row;
}

/* Joins the groups a and b if that is a kernel and leaves an order. The result is group a. */
static bool join(Fuse *f, uint32_t a, uint32_t b)
{
    Algo algo;
    if (!a || !b || a == b) return false;
    Group *x = &f->group[a], *y = &f->group[b];
    int n = x->n + y->n;
    Val *all = arena_alloc(f->scratch, (size_t)n, sizeof *all);
    memcpy(all, x->member, (size_t)x->n * sizeof *all);
    memcpy(all + x->n, y->member, (size_t)y->n * sizeof *all);
    if (too_wide(f, all, n)) return false;
    qsort(all, (size_t)n, sizeof *all, by_handle);
    if (!pass_form(f->g, &f->flow, all, n, &algo)) return false;
    if (algo == ALGO_row && !f->normalising && !is_row(f, x) && !is_row(f, y)) return false;
    if (circle(f, a, b)) return false;
    for (int i = 0; i < y->n; i++) f->of[y->member[i].i] = a;
    *x = (Group){ all, n };
    *y = (Group){ NULL, 0 };
    return true;
}

static OpKind kind_of(const Fuse *f, uint32_t v) { return ir_op[f->g->node[v].op].kind; }

/* Not every edge is one: who replaces a state comes after its readers. */
static bool reads(const Fuse *f, uint32_t reader, uint32_t v)
{
    const Node *x = &f->g->node[reader];
    for (int k = 0; k < x->n_in; k++)
        if (f->flow.base[x->in[k].i].i == v) return true;
    return false;
}

/* A map for one reduction alone is better computed there than stored for it. */
static bool only_reduced(const Fuse *f, uint32_t v)
{
    uint32_t reader = 0;
    for (int r = 0; r < f->g->n_root; r++)
        if (f->flow.base[f->g->root[r].val.i].i == v) return false;
    for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++) {
        if (!reads(f, f->flow.next[e], v)) continue;
        if (reader && reader != f->flow.next[e]) return false;
        reader = f->flow.next[e];
    }
    return reader && kind_of(f, reader) == KIND_REDUCE;
}

/* Takes readers of members that are maps, nearest first, until none fits. */
static void take_readers(Fuse *f, uint32_t group)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < f->group[group].n && !again; i++) {
            uint32_t v = f->group[group].member[i].i;
            for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1] && !again; e++) {
                uint32_t to = f->flow.next[e];
                bool alone = f->of[to] != group && f->group[f->of[to]].n == 1;
                alone = alone && kind_of(f, to) == KIND_MAP && !only_reduced(f, to);
                again = alone && join(f, group, f->of[to]);
            }
        }
    }
}

/* Max pooling: the kernel that finds the largest elements' taps has the elements. */
static void take_found(Fuse *f, uint32_t group)
{
    if (f->g->node[group].op != OP_pool_index) return;
    for (uint32_t e = f->flow.at[group]; e < f->flow.at[group + 1]; e++)
        if (f->g->node[f->flow.next[e]].op == OP_pool_take
            && join(f, group, f->of[f->flow.next[e]])) return;
}

/* Takes what members read, where that is a map on its own. */
static void take_sources(Fuse *f, uint32_t group)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < f->group[group].n && !again; i++) {
            const Node *x = &f->g->node[f->group[group].member[i].i];
            for (int k = 0; k < x->n_in && !again; k++) {
                uint32_t from = f->flow.base[x->in[k].i].i;
                if (!f->of[from] || f->of[from] == group || f->group[f->of[from]].n > 1) continue;
                again = kind_of(f, from) == KIND_MAP && join(f, group, f->of[from]);
            }
        }
    }
}

/* Nodes that a group may take, each once, lowest first. */
typedef struct Near { Val *v; int n, cap; } Near;

static void near_add(Fuse *f, Near *near, uint32_t v)
{
    if (near->n == near->cap) {
        int cap = 2 * near->cap + 16;
        near->v = arena_grow(f->scratch, near->v, (size_t)near->cap, (size_t)cap, sizeof *near->v);
        near->cap = cap;
    }
    near->v[near->n++] = (Val){ v };
}

static void near_sort(Near *near)
{
    int n = 0;
    if (near->n) qsort(near->v, (size_t)near->n, sizeof *near->v, by_handle);
    for (int i = 0; i < near->n; i++)
        if (!n || near->v[i].i != near->v[n - 1].i) near->v[n++] = near->v[i];
    near->n = n;
}

static bool is_single(const Fuse *f, uint32_t v, uint32_t group)
{
    return f->of[v] && f->of[v] != group && f->group[f->of[v]].n == 1;
}

static void add_readers(Fuse *f, Near *near, uint32_t group, uint32_t base, bool rows)
{
    for (uint32_t e = f->reader_at[base]; e < f->reader_at[base + 1]; e++) {
        uint32_t v = f->reader[e];
        OpKind kind = kind_of(f, v);
        bool fits = rows ? kind == KIND_ROW && f->flow.base[f->g->node[v].in[0].i].i == base
                         : kind == KIND_ROW || kind == KIND_REDUCE || kind == KIND_MAP;
        if (fits && is_single(f, v, group)) near_add(f, near, v);
    }
}

/* Takes row programs and reductions that read a member or read the same tensor as a row member. */
static void take_rows(Fuse *f, uint32_t group)
{
    for (bool again = true; again;) {
        Near near = { 0 };
        again = false;
        for (int i = 0; i < f->group[group].n; i++) {
            Val v = f->group[group].member[i];
            add_readers(f, &near, group, v.i, false);
            if (kind_of(f, v.i) == KIND_ROW)
                add_readers(f, &near, group, f->flow.base[f->g->node[v.i].in[0].i].i, true);
        }
        near_sort(&near);
        for (int i = 0; i < near.n && !again; i++) again = join(f, group, near.v[i].i);
    }
}

/* ---- normalisations: reductions of rows that wait for each other ---- */

/* Whether maps lead from the reduction v to another one over the same rows. */
static bool leads_to_row(Fuse *f, uint32_t v)
{
    const Shape *rows = &ir_type(f->g, f->g->node[v].in[0])->shape;
    uint32_t top = 0;
    uint32_t *stack = f->stack[0], *seen = f->seen[0];
    f->walk++;
    stack[top++] = v;
    seen[v] = f->walk;
    while (top) {
        uint32_t at = stack[--top];
        for (uint32_t e = f->flow.at[at]; e < f->flow.at[at + 1]; e++) {
            uint32_t to = f->flow.next[e];
            if (seen[to] == f->walk || !reads(f, to, at)) continue;
            seen[to] = f->walk;
            if (pass_along_rows(f->g, (Val){ to })
                && ir_shape_eq(&ir_type(f->g, f->g->node[to].in[0])->shape, rows)) return true;
            if (kind_of(f, to) == KIND_MAP) stack[top++] = to;
        }
    }
    return false;
}

/* Each loop over the row computes it again, so it must be no more than a few operations. */
static bool is_cheap(const Fuse *f, uint32_t v)
{
    ExPool *p = ex_pool(f->scratch);
    const char *text = ex_print(f->scratch, p, ir_scalar_expr(p, &f->g->node[v]));
    for (const char *c = text; *c; c++)
        if (*c == '(' && c > text && isalpha((unsigned char)c[-1])) return false;
    return true;
}

static bool is_own(const Fuse *f, uint32_t v, uint32_t group)
{
    for (uint32_t e = f->reader_at[v]; e < f->reader_at[v + 1]; e++)
        if (f->of[f->reader[e]] != group) return false;
    return true;
}

/* Takes cheap maps that nobody else reads. */
static void take_own_sources(Fuse *f, uint32_t group)
{
    for (bool again = true; again;) {
        Near near = { 0 };
        again = false;
        for (int i = 0; i < f->group[group].n; i++) {
            const Node *x = &f->g->node[f->group[group].member[i].i];
            for (int k = 0; k < x->n_in; k++) {
                uint32_t v = f->flow.base[x->in[k].i].i;
                if (is_single(f, v, group) && kind_of(f, v) == KIND_MAP) near_add(f, &near, v);
            }
        }
        near_sort(&near);
        for (int i = 0; i < near.n && !again; i++) {
            uint32_t v = near.v[i].i;
            again = is_own(f, v, group) && is_cheap(f, v) && join(f, group, v);
        }
    }
}

static void grow_groups(Fuse *f)
{
    uint32_t n = f->g->n_node;
    f->normalising = true;
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && f->group[v].n == 1 && pass_along_rows(f->g, (Val){ v })
            && leads_to_row(f, v)) {
            take_rows(f, v);
            take_own_sources(f, v);
        }
    f->normalising = false;
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_PROD) take_readers(f, v);
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && (kind_of(f, v) == KIND_CONV || kind_of(f, v) == KIND_WINDOW)) {
            take_found(f, v);
            take_readers(f, v);
        }
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_ROW) take_rows(f, v);
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_REDUCE && f->group[v].n == 1) {
            take_readers(f, v);
            take_sources(f, v);
        }
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] == v && kind_of(f, v) == KIND_MAP && f->group[v].n == 1) take_readers(f, v);
    /* Epilogues whose operands were maps of their own: compute those inside as well. */
    for (uint32_t v = 1; v < n; v++)
        if (f->of[v] && f->group[f->of[v]].n > 1) take_sources(f, f->of[v]);
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
static bool order_groups(const Fuse *f, uint32_t *order, int *n_order)
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
            for (uint32_t e = f->flow.at[v]; e < f->flow.at[v + 1]; e++) {
                uint32_t to = f->of[f->flow.next[e]];
                if (to != now && !--waits[to]) push(&ready, to);
            }
        }
    }
    return *n_order == groups;
}

static Val *with_random(const Fuse *f, const Group *x, int *n)
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
    qsort(all, (size_t)*n, sizeof *all, by_handle);
    return all;
}

static void write_kernels(const Fuse *f, Graph *g, const Choice *choice, const uint32_t *order,
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
            const Choice *c = &choice[x->member[j].i];
            to->algo = c->algo;
            memcpy(to->tile, c->tile, sizeof to->tile);
            memcpy(to->micro, c->micro, sizeof to->micro);
            break;
        }
    }
    ir_set_kernels(g, k, n);
}

/* Two updates may each need the other's old value. Then no order writes in place, and all updates
 * are computed aside first and copied last. */
static void fuse_graph(Graph *to, const Graph *from, const PassCtx *ctx, Arena *scratch)
{
    /* A random node or a constant may get one copy more. */
    Choice *choice = arena_alloc(scratch, (size_t)from->n_node * 2 + 1, sizeof *choice);
    copy_plain(to, from, ctx, choice, scratch);
    copy_roots(to, false, scratch);
    Fuse f = start(to, scratch);
    uint32_t *order = arena_alloc(scratch, (size_t)to->n_node * 2 + 64, sizeof *order);
    int n_order;
    if (!order_groups(&f, order, &n_order)) {
        copy_roots(to, true, scratch);
        f = start(to, scratch);
        order = arena_alloc(scratch, to->n_node, sizeof *order);
    }
    if (!ctx->no_fuse) grow_groups(&f);
    if (!order_groups(&f, order, &n_order)) ir_die(to->module, "fuse: kernels in a circle");
    write_kernels(&f, to, choice, order, n_order);
    pass_predict(to, ctx->target ? ctx->target : &ir_targets[ir_n_targets - 1]);
}

Module *pass_fuse(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "fuse");
    Arena *scratch = arena_new();
    for (int i = 0; i < in->n_graph; i++)
        fuse_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], ctx, scratch);
    arena_free(scratch);
    return m;
}
