/* passes/halves.c: a model whose linear layers have weights of 16 bits. As passes/quantize.c no pass of
 * the pipeline: the weights are rounded.
 *
 *     state "1.weight" : f32[256,784]               state "1.weight" : bf16[256,784]{panel16}
 *     %2 = linear %1, "1.weight", "1.bias"    ->    %2 = linear_half %1, "1.weight", "1.bias" */
#include "passes/passes.h"

static bool is_layer(const Graph *g, const Node *x, const int *readers)
{
    return x->op == OP_linear && ir_is(g, x->in[1], OP_state) && readers[x->in[1].i] == 1;
}

static int *count_readers(const Graph *g, Arena *a)
{
    int *readers = arena_alloc(a, g->n_node, sizeof *readers);
    for (uint32_t i = 1; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++) readers[g->node[i].in[k].i]++;
    for (int r = 0; r < g->n_root; r++) readers[g->root[r].val.i]++;
    return readers;
}

QuantLayer *pass_half_layers(const Graph *g, int *n, Arena *a)
{
    const int *readers = count_readers(g, a);
    QuantLayer *list = pass_quantize_layers(g, n, a);
    for (int i = 0; i < *n; i++) {
        const Node *x = ir_node(g, list[i].product);
        list[i].why = is_layer(g, x, readers) ? NULL
                    : x->op == OP_linear ? "its weights serve other layers, too, or are computed"
                                         : "only linear layers read weights of 16 bits";
    }
    return list;
}

Quantized pass_halves(const Module *m, DType d, const QuantizeIn *in, Arena *a)
{
    const Graph *from = ir_graph_find(m, "infer");
    Module *to = ir_module_like(m);
    Graph *g = ir_graph_add(to, "infer");
    Val *map = arena_alloc(a, from->n_node, sizeof *map);
    bool *half = arena_alloc(a, from->n_node, sizeof *half);
    const double **value = arena_alloc(a, m->n_state, sizeof *value);
    int width = in->target->vector_bytes / 4;
    for (uint32_t s = 1; s < m->n_state; s++) value[s] = in->state[s];
    for (int i = 0; i < in->n_layer; i++) {
        const Node *x = ir_node(from, in->layer[i].product);
        if (in->layer[i].why) continue;
        State w = ir_node(from, x->in[1])->state;
        int64_t n = ir_elems_at(&to->state[w.i].type.shape, 1);
        double *rounded = arena_alloc(a, (size_t)n, sizeof *rounded);
        for (int64_t k = 0; k < n; k++)
            rounded[k] = ir_from_half(d, ir_to_half(d, in->state[w.i][k]));
        value[w.i] = rounded;
        half[in->layer[i].product.i] = true;
        to->state[w.i].role = ROLE_FROZEN;
        to->state[w.i].type.dtype = d;
        to->state[w.i].type.layout = (Layout){ LAYOUT_panel, width < 16 ? width : 16 };
    }
    to->prog.n_draw = to->prog.n_load = to->prog.n_group = to->prog.n_scalar = 0;
    to->prog.optimizer = NULL;
    for (uint32_t v = 1; v < from->n_node; v++) {
        const Node *x = &from->node[v];
        Val operand[3];
        for (int i = 0; half[v] && i < x->n_in; i++) operand[i] = map[x->in[i].i];
        map[v] = half[v] ? ir_add(g, OP_linear_half, x->loc, operand, x->n_in, IR_NO_ATTRS)
                         : ir_copy_node(g, from, (Val){ v }, map);
    }
    ir_copy_roots(g, from, map);
    return (Quantized){ to, value };
}
