/* ir/shape.h: what the files of shape rules share; nobody else includes it. */
#ifndef SEQC_IR_SHAPE_H
#define SEQC_IR_SHAPE_H
#include "ir/priv.h"

#define T(t) ir_type_text(t, (char[IR_TYPE_TEXT]){0})

/* The type of a node's result, or false and what is wrong. */
typedef bool ShapeRule(const ShapeIn *s, Type *out, char err[IR_ERR]);
ShapeRule shape_given, shape_conv, shape_conv_transpose, shape_conv_weight, shape_pool_index,
    shape_pool_take, shape_pool_put, shape_pool_sum, shape_pool_spread, shape_pad, shape_pad_grad,
    shape_upsample, shape_quantize, shape_linear_int8, shape_conv_int8, shape_pool_max, shape_linear_half;

static inline const Attr *attr_of(const ShapeIn *s, AttrId id)
{
    for (int i = 0; i < s->n_attr; i++)
        if (s->attr[i].id == id)
            return &s->attr[i];
    return NULL;
}

static inline bool need_real(const ShapeIn *s, int i, char err[IR_ERR])
{
    return ir_dtype_real(s->in[i]->dtype)
        || ir_fail(err, "operand %d is %s, but must be real", i + 1, T(s->in[i]));
}

/* All operands are real, of one dtype. */
static inline bool same_real(const ShapeIn *s, char err[IR_ERR])
{
    for (int i = 0; i < s->n_in; i++) {
        if (!need_real(s, i, err))
            return false;
        if (s->in[i]->dtype != s->in[0]->dtype)
            return ir_fail(err, "operands %s and %s differ in their element type", T(s->in[0]),
                           T(s->in[i]));
    }
    return true;
}

#endif
