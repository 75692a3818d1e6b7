/* codegen/loss.c: kernels of a GPU that have a loss, for training and for what evaluates alike: NVIDIA's
 * compiler takes some 90 ms for each. */
#include "codegen/emit.h"
#include <string.h>

Val loss_part(const Graph *g, const Kernel *k, Op op)
{
    Val found = { 0 }, loss = { 0 };
    for (int i = 0; i < k->n_member; i++) {
        Op own = ir_node(g, k->member[i])->op;
        if (own == OP_cross_entropy && i == 0) loss = k->member[0];
        else if ((own != OP_correct || i != 1) && (own != OP_cross_entropy_grad || i != 2)) return (Val){ 0 };
        if (own == op) found = k->member[i];
    }
    return loss.i && k->n_member > 1 ? found : (Val){ 0 };
}

bool loss_may_lack_gradient(const Kern *k)
{
    const Module *m = k->e->m;
    Place p[4];
    Val slope = loss_part(k->g, k->k, OP_cross_entropy_grad);
    if (!k->e->l->blocks || k->g->one_block || !loss_part(k->g, k->k, OP_correct).i) return false;
    if (slope.i) return stores_of(k, slope, p) == 1;
    for (int i = 0; i < m->n_graph; i++)
        for (int j = 0; j < m->graph[i]->n_kernel && !strncmp(m->graph[i]->name, "train", 5); j++)
            if (loss_part(m->graph[i], &m->graph[i]->kernel[j], OP_cross_entropy_grad).i) return true;
    return false;
}
