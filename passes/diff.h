/* passes/diff.h: what the files of derivatives share: differentiate.c, diff_sums.c and
 * diff_windows.c. Private to the room. */
#ifndef SEQC_DIFF_H
#define SEQC_DIFF_H
#include "ir/ir.h"

typedef struct Diff {
    Graph *g;
    Arena *scratch;
    ExPool *pool;
    uint32_t n_forward;
    bool *wanted;                    /* [n_forward] a wanted leaf is among what it is made of */
    Val *d;                          /* [n_forward] the derivative so far, or none */
} Diff;

/* Adds to the derivatives of y's operands what d_y gives them. */
typedef void GradRule(Diff *c, Val y, Val d_y);

/* Operand i is there, and leads to a wanted leaf. */
bool diff_wants(const Diff *c, const Node *x, int i);
/* Contributions of several readers are summed in the order in which the loop meets them. */
void diff_add(Diff *c, Val v, Val d, Loc loc);
/* v summed over the axes in which it is wider than `to`, with exactly that shape. */
Val diff_sum_to(Diff *c, Val v, Shape to, Loc loc);

GradRule grad_conv, grad_conv_transpose, grad_conv_weight, grad_pool_take, grad_pool_put,
    grad_pool_sum, grad_pool_spread, grad_pad, grad_pad_grad, grad_upsample, grad_upsample_grad;
#endif
