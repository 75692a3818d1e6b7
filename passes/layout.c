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
 * Which weights: passes/panels.c. Which algorithm: passes/choose.c, of what passes/products.c and
 * passes/convs.c list, by passes/cost.c or by measurements; `why` says what each one takes. Images
 * stay plain: kernels frame and pack what taps read of them. */
#include "ir/winograd.h"
#include "passes/rules.h"
#include "passes/stages.h"

/* The layout that the pass gives a value, or that it has already. */
static Layout layout_of(const Graph *g, const Panels *p, int graph, Val v)
{
    Layout own = ir_type(g, v)->layout;
    return own.kind == LAYOUT_plain ? pass_panels_value(p, graph, v) : own;
}

/* " F(4x4,3x3)" of Winograd's algorithm: results of a tile, taps; of a gradient's pieces the first. */
static const char *tile_text(const Candidates *c, Algo algo, Arena *a)
{
    if (!ir_is_winograd(algo)) return "";
    Frame f = ir_frame(c->g, c->root);
    WinogradPiece piece[IR_MOST_PIECES] = { { .frame = f, .tile = ir_winograd_tile(&f, algo) } };
    if (f.op == OP_conv_weight) ir_winograd_pieces(&f, algo, piece);
    return arena_printf(a, " F(%dx%d,%dx%d)", (int)piece->tile.lines, (int)piece->tile.columns,
                        (int)piece->frame.taps[0], (int)piece->frame.taps[1]);
}

/* "measured: winograd F(4x4,3x3) 2.56 ms, patches 4.41 ms", the fastest first; null: there was no choice. */
static const char *reason(const Candidates *c, Arena *a)
{
    bool said[PASS_MAX_CHOICES] = { false };
    char *text = arena_str(a, c->measured ? "measured:" : "predicted:");
    for (int k = 0; k < c->n; k++) {
        int least = -1;
        for (int i = 0; i < c->n; i++)
            if (!said[i] && (least < 0 || c->choice[i].seconds < c->choice[least].seconds))
                least = i;
        said[least] = true;
        double us = 1e6 * c->choice[least].seconds;
        Algo algo = c->choice[least].algo;
        text = arena_printf(a, "%s%s %s%s %.3g %s", text, k ? "," : "", ir_algo[algo].name,
                            tile_text(c, algo, a), us < 1000 ? us : us / 1000, us < 1000 ? "us" : "ms");
    }
    return c->n > 1 ? text : NULL;
}

static Val choose(Graph *to, const Graph *from, Val v, const Val *map, Layout b, Layout result,
                  const PassCtx *ctx, Arena *scratch)
{
    const Node *x = ir_node(from, v);
    Val in[EX_MAX_ARGS];
    for (int i = 0; i < x->n_in; i++) in[i] = map[x->in[i].i];
    Candidates all = pass_candidates(from, v, b, result, ctx);
    Choice c = pass_fastest(&all);
    return pass_chosen(to, x, in, &c, result, reason(&all, scratch));
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
                         layout_of(from, panels, i, (Val){ v }), ctx, scratch)
                : ir_copy_node(to, from, (Val){ v }, map);
        }
        ir_copy_roots(to, from, map);
    }
    arena_free(scratch);
    return m;
}
