/* passes/panels.c: which weights lie in panels.
 *
 * A linear layer reads its weight [o,i] in panels of rows: {panel32} is [o/32][i][32], the lanes of
 * its register tile together. Kept so between steps, nothing is packed; the weight's gradient comes
 * out in the same panels, so that the optimizer's maps and states follow.
 *
 * Values and states that maps and updates tie together element by element lie in one layout: they
 * are a family. A family may lie in panels if its values are states, maps and products, and if
 * only maps of its shape, products that take it as their second operand, and updates read it; what
 * callers get or give is in PyTorch's order, and reductions and rows are emitted for it. It does if
 * that makes the products of a training step faster together (without one, those of all graphs). */
#include "passes/rules.h"

enum { LEAST_ELEMS = 1024 };             /* smaller weights are packed in no time */

/* Elements of the forest of families are states, then the values of one graph after the other. */
struct Panels {
    const Module *m;
    uint32_t *parent;
    uint32_t *first;                     /* [n_graph] value 0 of a graph */
    Layout *layout;                      /* [of a family's root] */
    bool *barred;                        /* something that it touches is no matter of panels */
    double *saving;                      /* seconds */
};

static uint32_t find(const Panels *p, uint32_t x)
{
    while (p->parent[x] != x) x = p->parent[x] = p->parent[p->parent[x]];
    return x;
}

static void bar(Panels *p, uint32_t x) { p->barred[find(p, x)] = true; }

static void tie(Panels *p, uint32_t a, uint32_t b) { p->parent[find(p, a)] = find(p, b); }

static uint32_t of_value(const Panels *p, int graph, Val v) { return p->first[graph] + v.i; }

static bool is_matrix(const Type *t)
{
    const Shape *s = &t->shape;
    return s->rank == 2 && !ir_has_n(s) && ir_dtype_real(t->dtype)
        && t->layout.kind == LAYOUT_plain && s->dim[0].k > 1;
}

/* An operand that a map reads element by element. */
static bool whole(const Graph *g, const Node *x, Val in)
{
    return ir_shape_eq(&x->type.shape, &ir_type(g, in)->shape);
}

static void tie_graph(Panels *p, int graph, const bool *live)
{
    const Graph *g = p->m->graph[graph];
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        if (!live[v]) continue;
        if (x->op == OP_state) tie(p, of_value(p, graph, (Val){ v }), x->state.i);
        for (int i = 0; ir_op[x->op].kind == KIND_MAP && i < x->n_in; i++)
            if (whole(g, x, x->in[i]))
                tie(p, of_value(p, graph, (Val){ v }), of_value(p, graph, x->in[i]));
    }
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_UPDATE)
            tie(p, of_value(p, graph, g->root[r].val), g->root[r].state.i);
}

/* Who may not be in a family, or may not read one. */
static void bar_graph(Panels *p, int graph, const bool *live)
{
    const Graph *g = p->m->graph[graph];
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        OpKind kind = ir_op[x->op].kind;
        if (!live[v]) continue;
        bool member = x->op == OP_state || kind == KIND_MAP || x->op == OP_matmul;
        if (!member || !is_matrix(&x->type)) bar(p, of_value(p, graph, (Val){ v }));
        for (int i = 0; i < x->n_in; i++) {
            bool reads = kind == KIND_MAP ? whole(g, x, x->in[i]) : kind == KIND_PROD && i == 1;
            if (!reads) bar(p, of_value(p, graph, x->in[i]));
        }
    }
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind != ROOT_UPDATE) bar(p, of_value(p, graph, g->root[r].val));
}

/* The panels that the linear layers of a graph ask for; the first of a family decides. */
static void widths(Panels *p, int graph, const PassCtx *ctx)
{
    static const Layout plain = { LAYOUT_plain, 0 };
    const Graph *g = p->m->graph[graph];
    const Target *t = pass_target(ctx);
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        if (x->op != OP_linear) continue;
        uint32_t family = find(p, of_value(p, graph, x->in[1]));
        const Shape *w = &ir_type(g, x->in[1])->shape;
        if (p->barred[family] || p->layout[family].width || ir_elems_at(w, 1) < LEAST_ELEMS)
            continue;
        Choice c = pass_choose(g, (Val){ v }, plain, plain, ctx);
        int64_t lanes = t->vector_bytes / ir_dtype_bytes(x->type.dtype);
        if (c.algo == ALGO_gemm && lanes > 1)
            p->layout[family] = (Layout){ LAYOUT_panel, (int)(c.micro[1] * lanes) };
    }
}

static void savings(Panels *p, int graph, const PassCtx *ctx)
{
    static const Layout plain = { LAYOUT_plain, 0 };
    const Graph *g = p->m->graph[graph];
    for (uint32_t v = 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        if (ir_op[x->op].kind != KIND_PROD) continue;
        uint32_t b = find(p, of_value(p, graph, x->in[1]));
        uint32_t result = find(p, of_value(p, graph, (Val){ v }));
        if (!p->layout[b].width && !p->layout[result].width) continue;
        double now = pass_choose(g, (Val){ v }, plain, plain, ctx).seconds;
        Layout of_b = p->layout[b], of_result = p->layout[result];
        if (of_b.width)
            p->saving[b] += now - pass_choose(g, (Val){ v }, of_b, plain, ctx).seconds;
        if (of_result.width && result != b)
            p->saving[result] +=
                now - pass_choose(g, (Val){ v }, plain, of_result, ctx).seconds;
    }
}

static bool has_training(const Module *m)
{
    for (int i = 0; i < m->n_graph; i++)
        if (pass_graph_kind(m->graph[i]) == GRAPH_TRAIN) return true;
    return false;
}

Panels *pass_panels(const Module *m, const PassCtx *ctx, Arena *a)
{
    uint32_t n = m->n_state;
    Panels *p = arena_alloc(a, 1, sizeof *p);
    *p = (Panels){ .m = m, .first = arena_alloc(a, (size_t)m->n_graph + 1, sizeof *p->first) };
    for (int i = 0; i < m->n_graph; i++) {
        p->first[i] = n;
        n += m->graph[i]->n_node;
    }
    p->parent = arena_alloc(a, n, sizeof *p->parent);
    p->layout = arena_alloc(a, n, sizeof *p->layout);
    p->barred = arena_alloc(a, n, sizeof *p->barred);
    p->saving = arena_alloc(a, n, sizeof *p->saving);
    for (uint32_t i = 0; i < n; i++) p->parent[i] = i;
    bool training = has_training(m);
    for (int i = 0; i < m->n_graph; i++) tie_graph(p, i, ir_live(m->graph[i], a));
    for (uint32_t i = 1; i < m->n_state; i++)
        if (!is_matrix(&m->state[i].type)) bar(p, i);
    for (int i = 0; i < m->n_graph; i++) bar_graph(p, i, ir_live(m->graph[i], a));
    for (int i = 0; i < m->n_graph; i++) widths(p, i, ctx);
    for (int i = 0; i < m->n_graph; i++)
        if (!training || pass_graph_kind(m->graph[i]) == GRAPH_TRAIN) savings(p, i, ctx);
    for (uint32_t i = 0; i < n; i++)
        if (p->saving[i] <= 0) p->layout[i] = (Layout){ LAYOUT_plain, 0 };
    return p;
}

Layout pass_panels_state(const Panels *p, State s) { return p->layout[find(p, s.i)]; }

Layout pass_panels_value(const Panels *p, int graph, Val v)
{
    return p->layout[find(p, of_value(p, graph, v))];
}
