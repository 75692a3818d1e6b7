/* passes/diff_windows.c: derivatives of convolutions, pooling, padding and stretching. All are
 * linear in what they take: a derivative is the adjoint, an op of the same table again. */
#include "passes/diff.h"
#include <string.h>

/* The op of x on other operands, with the result's type given where it does not follow. */
static Val same_windows(Diff *c, const Node *x, Op op, Val a, Val b, Type type)
{
    Val in[] = { a, b };
    int n = b.i ? 2 : 1;
    if (op == OP_conv || op == OP_pool_take || op == OP_pool_sum || op == OP_pad)
        return ir_add(c->g, op, x->loc, in, n, x->attr, x->n_attr);
    return ir_add_typed(c->g, op, x->loc, type, in, n, x->attr, x->n_attr);
}

/* A bias belongs to a channel: d_b = sum of d_y over all other axes */
static void grad_channels(Diff *c, const Node *x, Val d_y)
{
    static const int64_t axes[] = { 0, 2, 3 };
    Attr over = ir_ints(AT_axes, axes, x->type.shape.rank - 1);
    if (diff_wants(c, x, 2))
        diff_add(c, x->in[2], ir_add(c->g, OP_sum, x->loc, IR_IN(d_y), &over, 1), x->loc);
}

/* y = conv(x, w) + b:  d_x = conv_transpose(d_y, w),  d_w = conv_weight(x, d_y) */
void grad_conv(Diff *c, Val y, Val d_y)
{
    const Node n = *ir_node(c->g, y);
    Val x = n.in[0], w = n.in[1];
    Type of_x = *ir_type(c->g, x), of_w = *ir_type(c->g, w);
    if (diff_wants(c, &n, 1))
        diff_add(c, w, same_windows(c, &n, OP_conv_weight, x, d_y, of_w), n.loc);
    grad_channels(c, &n, d_y);
    if (diff_wants(c, &n, 0))
        diff_add(c, x, same_windows(c, &n, OP_conv_transpose, d_y, w, of_x), n.loc);
}

/* x = conv_transpose(y, w) + b:  d_y = conv(d_x, w),  d_w = conv_weight(d_x, y) */
void grad_conv_transpose(Diff *c, Val x, Val d_x)
{
    const Node n = *ir_node(c->g, x);
    Val y = n.in[0], w = n.in[1];
    Type of_y = *ir_type(c->g, y), of_w = *ir_type(c->g, w);
    if (diff_wants(c, &n, 1))
        diff_add(c, w, same_windows(c, &n, OP_conv_weight, d_x, y, of_w), n.loc);
    grad_channels(c, &n, d_x);
    if (diff_wants(c, &n, 0)) diff_add(c, y, same_windows(c, &n, OP_conv, d_x, w, of_y), n.loc);
}

/* w = conv_weight(x, y):  d_x = conv_transpose(y, d_w),  d_y = conv(x, d_w) */
void grad_conv_weight(Diff *c, Val w, Val d_w)
{
    const Node n = *ir_node(c->g, w);
    Val x = n.in[0], y = n.in[1];
    Type of_x = *ir_type(c->g, x), of_y = *ir_type(c->g, y);
    if (diff_wants(c, &n, 0))
        diff_add(c, x, same_windows(c, &n, OP_conv_transpose, y, d_w, of_x), n.loc);
    if (diff_wants(c, &n, 1)) diff_add(c, y, same_windows(c, &n, OP_conv, x, d_w, of_y), n.loc);
}

/* Linear ops of one operand, and perhaps taps, whose adjoint is a row of the table:
 * d_x = adjoint(d_y) */
static void by_adjoint(Diff *c, Val y, Val d_y, Op adjoint)
{
    const Node n = *ir_node(c->g, y);
    Val taps = n.n_in > 1 ? n.in[1] : (Val){ 0 };
    diff_add(c, n.in[0], same_windows(c, &n, adjoint, d_y, taps, *ir_type(c->g, n.in[0])), n.loc);
}

void grad_pool_take(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_pool_put); }
void grad_pool_put(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_pool_take); }
void grad_pool_sum(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_pool_spread); }
void grad_pool_spread(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_pool_sum); }
void grad_upsample(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_upsample_grad); }
void grad_upsample_grad(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_upsample); }
void grad_pad_grad(Diff *c, Val y, Val d) { by_adjoint(c, y, d, OP_pad); }

/* y = x between constants:  d_x = d_y cut; else d_x = pad_grad(d_y) */
void grad_pad(Diff *c, Val y, Val d_y)
{
    const Node n = *ir_node(c->g, y);
    const Attr *mode = ir_attr(&n, AT_mode), *padding = ir_attr(&n, AT_padding);
    int64_t cut[4];
    if (strcmp(mode->u.s, "constant")) {
        by_adjoint(c, y, d_y, OP_pad_grad);
        return;
    }
    for (int i = 0; i < padding->count; i++) cut[i] = -padding->u.ints[i];
    Attr attr[] = { *mode, ir_ints(AT_padding, cut, padding->count) };
    diff_add(c, n.in[0], ir_add(c->g, OP_pad, n.loc, IR_IN(d_y), attr, 2), n.loc);
}
