/* passes/single.c: a graph of its own for a single sample.
 *
 * needs   nothing
 * keeps   all graphs
 * breaks  nothing; adds `infer_one`
 *
 *     graph infer                                    graph infer_one
 *     %0 = input "x" : f32[n,3,32,32]                %0 = input "x" : f32[1,3,32,32]
 *     %1 = conv %0, "w" : f32[n,64,32,32]       ->   %1 = conv %0, "w" : f32[1,64,32,32]
 *
 * Algorithms and tiles are chosen for a full batch. Of one image that is one task, so that no second
 * thread has any, and tiles are empty for the most part; where n is 1, both follow from what is
 * there. Convolutions alone, of work enough, are worth the code; on a GPU launches take longer than the
 * work of small images, and kernels are compiled longer. */
#include "passes/rules.h"
#include "passes/stages.h"

static const double least_flop = 1e6, least_gpu_flop = 1e8;            /* of a sample */

static double conv_flop(const Graph *g)
{
    double flop = 0;
    for (uint32_t v = 1; v < g->n_node; v++)
        if (ir_op[g->node[v].op].kind == KIND_CONV) flop += ir_flop(g, (Val){ v });
    return flop / (double)g->module->capacity;
}

static Type of_one(Type t)
{
    for (int i = 0; i < t.shape.rank; i++) t.shape.dim[i].n = false;
    return t;
}

static void copy_one(Graph *to, const Graph *from, Arena *scratch)
{
    const bool *live = ir_live(from, scratch);
    Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
    for (uint32_t v = 1; v < from->n_node; v++) {
        const Node *x = &from->node[v];
        Val in[EX_MAX_ARGS];
        if (x->op == OP_input) map[v] = ir_input(to, x->name, of_one(x->type), x->loc);
        if (!live[v] || x->op == OP_input) continue;
        if (x->op == OP_state) {
            map[v] = ir_state_val(to, x->state);
            continue;
        }
        for (int i = 0; i < x->n_in; i++) in[i] = map[x->in[i].i];
        map[v] = ir_add_typed(to, x->op, x->loc, of_one(x->type), in, x->n_in, x->attr, x->n_attr);
    }
    ir_copy_roots(to, from, map);
}

Module *pass_single(const Module *in, const PassCtx *ctx)
{
    double least = pass_target(ctx)->block_threads ? least_gpu_flop : least_flop;
    Module *m = pass_begin(in, "single");
    Arena *scratch = arena_new();
    for (int i = 0; i < in->n_graph; i++)
        ir_copy_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], NULL);
    const Graph *infer = ir_graph_find(in, "infer");
    if (infer && !ir_graph_find(in, "infer_one") && in->capacity > 1
        && conv_flop(infer) >= least)
        copy_one(ir_graph_add(m, "infer_one"), infer, scratch);
    arena_free(scratch);
    return m;
}
