/* tests/ops/windows.h: graphs of one convolution, pooling, padding or stretching, for the tests of
 * gradients. */
#ifndef SEQC_TESTS_OPS_WINDOWS_H
#define SEQC_TESTS_OPS_WINDOWS_H
#include "ir/window.h"
#include "tests/ops/case.h"

static inline Val x_input(Graph *g, Type t) { return ir_input(g, "x", t, (Loc){0}); }

static inline Val param(Graph *g, const char *key, Type t)
{
    return ir_state_val(g, ir_state_add(g->module, key, ROLE_PARAM, t, (Loc){0}));
}

/* Builds variant 0, 1, … of a case; none after the last. */
typedef Val Build(Graph *g, int variant);

#define INTS(id, ...) \
    ir_ints(AT_##id, (const int64_t[]){__VA_ARGS__}, COUNT(((const int64_t[]){__VA_ARGS__})))

/* ---- convolutions of images in two groups, then of sequences ---- */

static inline Val conv_node(Graph *g, Op op, int variant, Type t, const Val *in, int n_in)
{
    const Attr images[] = {INTS(stride, 2, 1), INTS(padding, 1, 0, 0, 1), INTS(dilation, 1, 2),
                           ir_int(AT_groups, 2)};
    const Attr sequences[] = {INTS(stride, 2), INTS(padding, 2, 1), INTS(dilation, 1),
                              ir_int(AT_groups, 1)};
    const Attr *attr = variant ? sequences : images;
    return op == OP_conv ? ir_add(g, op, (Loc){0}, in, n_in, attr, 4)
                         : ir_add_typed(g, op, (Loc){0}, t, in, n_in, attr, 4);
}

static inline Type conv_x(int variant)
{
    return variant ? TYPE(DT_f64, -1, 2, 6) : TYPE(DT_f64, -1, 2, 3, 4);
}

static inline Type conv_w(int variant)
{
    return variant ? TYPE(DT_f64, 3, 2, 3) : TYPE(DT_f64, 4, 1, 2, 2);
}

static inline Type conv_y(int variant)
{
    return variant ? TYPE(DT_f64, -1, 3, 4) : TYPE(DT_f64, -1, 4, 2, 3);
}

static inline Val build_conv(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Val in[] = {x_input(g, conv_x(variant)), param(g, "w", conv_w(variant)),
                param(g, "bias", variant ? TYPE(DT_f64, 3) : TYPE(DT_f64, 4))};
    return conv_node(g, OP_conv, variant, conv_y(variant), in, 3);
}

static inline Val build_conv_transpose(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Val in[] = {x_input(g, conv_y(variant)), param(g, "w", conv_w(variant)),
                param(g, "bias", TYPE(DT_f64, 2))};
    return conv_node(g, OP_conv_transpose, variant, conv_x(variant), in, 3);
}

static inline Val build_conv_weight(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Val x = x_input(g, conv_x(variant));
    Val y = ir_map(g, "sin(a)", IR_IN(conv_node(g, OP_conv, variant, conv_y(variant),
                                                IR_IN(x, param(g, "w", conv_w(variant))))),
                   (Loc){0});
    return conv_node(g, OP_conv_weight, variant, conv_w(variant), IR_IN(x, y));
}

/* ---- pooling: windows that overlap and reach into the padding, then even ones ---- */

static inline int pool_attrs(int variant, Attr attr[4])
{
    static const int64_t size[] = {2, 2}, stride[] = {1, 2}, padding[] = {1, 0, 0, 1},
                         one[] = {1, 1}, even[] = {2, 3};
    if (variant) {
        attr[0] = ir_ints(AT_adaptive, even, 2);
        return 1;
    }
    attr[0] = ir_ints(AT_kernel, size, 2);
    attr[1] = ir_ints(AT_stride, stride, 2);
    attr[2] = ir_ints(AT_padding, padding, 4);
    attr[3] = ir_ints(AT_dilation, one, 2);
    return 4;
}

static inline Type pool_wide(void) { return TYPE(DT_f64, -1, 2, 3, 4); }

static inline Type pool_narrow(int variant)
{
    return variant ? TYPE(DT_f64, -1, 2, 2, 3) : TYPE(DT_f64, -1, 2, 3, 2);
}

static inline Val pool_node(Graph *g, Op op, int variant, Type t, const Val *in, int n_in)
{
    Attr attr[4];
    int n = pool_attrs(variant, attr);
    return op == OP_pool_put || op == OP_pool_spread
               ? ir_add_typed(g, op, (Loc){0}, t, in, n_in, attr, n)
               : ir_add(g, op, (Loc){0}, in, n_in, attr, n);
}

static inline Val build_pool_take(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Val x = x_input(g, pool_wide());
    Val index = pool_node(g, OP_pool_index, variant, pool_wide(), &x, 1);
    return pool_node(g, OP_pool_take, variant, pool_wide(), IR_IN(x, index));
}

static inline Val build_pool_put(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Type narrow = pool_narrow(variant), wide = pool_wide();
    narrow.shape.dim[0] = wide.shape.dim[0] = ir_dim(3);     /* a parameter has no batch */
    Val x = x_input(g, narrow), other = param(g, "w", wide);
    Val index = pool_node(g, OP_pool_index, variant, wide, &other, 1);
    return pool_node(g, OP_pool_put, variant, wide, IR_IN(x, index));
}

static inline Val build_pool_sum(Graph *g, int variant)
{
    Val x = x_input(g, pool_wide());
    return variant > 1 ? (Val){0} : pool_node(g, OP_pool_sum, variant, pool_wide(), &x, 1);
}

static inline Val build_pool_spread(Graph *g, int variant)
{
    Val x = x_input(g, pool_narrow(variant));
    return variant > 1 ? (Val){0} : pool_node(g, OP_pool_spread, variant, pool_wide(), &x, 1);
}

/* ---- places around and between ---- */

static inline Val pad_node(Graph *g, bool back, int variant)
{
    if (variant >= PAD_COUNT)
        return (Val){0};
    const Attr attr[] = {ir_str(AT_mode, ir_pad[variant].name), INTS(padding, 2, 1, 1, 3)};
    Type narrow = TYPE(DT_f64, -1, 1, 3, 4), wide = TYPE(DT_f64, -1, 1, 6, 8);
    Val x = x_input(g, back ? wide : narrow);
    return back ? ir_add_typed(g, OP_pad_grad, (Loc){0}, narrow, &x, 1, attr, 2)
                : ir_add(g, OP_pad, (Loc){0}, &x, 1, attr, 2);
}

static inline Val build_pad(Graph *g, int variant) { return pad_node(g, false, variant); }
static inline Val build_pad_grad(Graph *g, int variant) { return pad_node(g, true, variant); }

/* Nearest, linear, linear with corners, linear by given factors. */
static inline Val stretch_node(Graph *g, bool back, int variant)
{
    static const double factors[] = {1.7, 1.9};
    Attr attr[] = {ir_str(AT_mode, variant ? "linear" : "nearest"), ir_flag(AT_corners)};
    if (variant == 3)
        attr[1] = ir_reals(AT_scale, factors, 2);
    Type narrow = TYPE(DT_f64, -1, 1, 3, 4), wide = TYPE(DT_f64, -1, 1, 5, 7);
    Val x = x_input(g, back ? wide : narrow);
    return variant > 3 ? (Val){0}
                       : ir_add_typed(g, back ? OP_upsample_grad : OP_upsample, (Loc){0},
                                      back ? narrow : wide, &x, 1, attr, variant > 1 ? 2 : 1);
}

static inline Val build_upsample(Graph *g, int variant) { return stretch_node(g, false, variant); }
static inline Val build_upsample_grad(Graph *g, int variant)
{
    return stretch_node(g, true, variant);
}
#endif
