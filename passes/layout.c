/* passes/layout.c: the stored layout of every weight; algorithm, tile and register tile of each
 * product.
 *
 * needs   nothing
 * keeps   nodes, roots; inputs and returns stay in PyTorch's order
 * breaks  earlier choices of algorithms are made anew; plain states may become panels, and with
 *         them the values that become theirs
 *
 *     state "1.weight" : f32[128,784]
 *     %4 = linear %3, "1.weight", "1.bias" : f32[n,128]
 *     state "1.weight" : f32[128,784]{panel32}
 *     %4 = linear %3, "1.weight", "1.bias" {algo="gemm", tile=[140,32], micro=[14,2]} : f32[n,128]
 *
 * Which weights: passes/panels.c. Which algorithm: passes/products.c and passes/convs.c, by
 * passes/cost.c. Images stay plain: kernels frame and pack what taps read of them. */
#include "passes/rules.h"
#include "passes/stages.h"

/* The layout that the pass gives a value, or that it has already. */
static Layout layout_of(const Graph *g, const Panels *p, int graph, Val v)
{
    Layout own = ir_type(g, v)->layout;
    return own.kind == LAYOUT_plain ? pass_panels_value(p, graph, v) : own;
}

static Val choose(Graph *to, const Graph *from, Val v, const Val *map, Layout b, Layout result,
                  const PassCtx *ctx)
{
    const Node *x = ir_node(from, v);
    Val in[EX_MAX_ARGS];
    Attr attr[8];
    int n = 0;
    for (int i = 0; i < x->n_in; i++) in[i] = map[x->in[i].i];
    for (int i = 0; i < x->n_attr; i++)
        if (x->attr[i].id < AT_algo) attr[n++] = x->attr[i];
    Choice c = ir_op[x->op].kind == KIND_CONV ? pass_choose_conv(from, v, ctx)
                                              : pass_choose_product(from, v, b, result, ctx);
    attr[n++] = ir_str(AT_algo, ir_algo[c.algo].name);
    if (c.tile[0]) attr[n++] = ir_ints(AT_tile, c.tile, 2);
    if (c.micro[0]) attr[n++] = ir_ints(AT_micro, c.micro, 2);
    Type t = x->type;
    t.layout = result;
    return ir_add_typed(to, x->op, x->loc, t, in, x->n_in, attr, n);
}

Module *pass_layout(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "layout");
    Arena *scratch = arena_new();
    const Panels *panels = pass_panels(in, ctx, scratch);
    for (uint32_t i = 1; i < m->n_state; i++)
        if (m->state[i].type.layout.kind == LAYOUT_plain)
            m->state[i].type.layout = pass_panels_state(panels, (State){ i });
    for (int i = 0; i < in->n_graph; i++) {
        const Graph *from = in->graph[i];
        Graph *to = ir_graph_add(m, from->name);
        const bool *live = ir_live(from, scratch);
        Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
        for (uint32_t v = 1; v < from->n_node; v++) {
            const Node *x = &from->node[v];
            if (!live[v] && x->op != OP_input) continue;
            OpKind kind = ir_op[x->op].kind;
            map[v] = kind == KIND_PROD || kind == KIND_CONV
                ? choose(to, from, (Val){ v }, map, layout_of(from, panels, i, x->in[1]),
                         layout_of(from, panels, i, (Val){ v }), ctx)
                : ir_copy_node(to, from, (Val){ v }, map);
        }
        ir_copy_roots(to, from, map);
    }
    arena_free(scratch);
    return m;
}
