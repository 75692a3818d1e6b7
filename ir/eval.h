/* ir/eval.h: what the files of the interpreter share; nobody else includes it. */
#ifndef SEQC_IR_EVAL_H
#define SEQC_IR_EVAL_H
#include "ir/ir.h"

typedef struct Eval {
    const Graph *g;
    const EvalIn *in;
    Arena *arena;
    double **value;                      /* [n_node]: elements in row-major order */
} Eval;

/* A rule writes out: elements of x's type in row-major order, zeros before. */
typedef void EvalRule(const Eval *e, const Node *x, double *out);
EvalRule eval_softmax, eval_cross_entropy, eval_nll, eval_one_hot, eval_correct;
EvalRule eval_copy, eval_increment, eval_cat, eval_slice, eval_permute;
EvalRule eval_conv, eval_pool, eval_pool_index, eval_pad, eval_pad_grad, eval_upsample,
    eval_upsample_grad;
EvalRule eval_quantize, eval_linear_int8, eval_conv_int8, eval_pool_max;

static inline const double *eval_operand(const Eval *e, const Node *x, int i)
{
    return e->value[x->in[i].i];
}

static inline const Shape *eval_shape(const Eval *e, const Node *x, int i)
{
    return &ir_type(e->g, x->in[i])->shape;
}

static inline int64_t eval_size(const Eval *e, const Shape *s, int axis)
{
    return ir_dim_at(s->dim[axis], e->in->n);
}

#endif
