/* passes/shape.c: derives all types again and verifies.
 *
 * needs   nothing
 * keeps   nodes, roots, types
 * breaks  kernels and buffers are dropped
 *
 *     %1 = relu %0 : f32[n,8]          %1 = relu %0 : f32[n,8]
 *     %2 = exp %0  : f32[n,8]     ->   return output=%1
 *     return output=%1
 *
 * Copying adds each node anew, which derives its type; the verifier does so a second time and
 * checks everything else. Types cannot come out otherwise than they went in. */
#include "passes/rules.h"
#include "passes/stages.h"

Module *pass_shape(const Module *in, const PassCtx *ctx)
{
    (void)ctx;
    char err[IR_ERR];
    Module *m = pass_begin(in, "shape");
    for (int i = 0; i < in->n_graph; i++)
        ir_copy_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], NULL);
    if (!ir_verify(m, err)) ir_die(m, "shape: %s", err);
    return m;
}
