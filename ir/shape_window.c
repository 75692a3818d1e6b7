/* ir/shape_window.c: types of convolutions, pooling, padding and stretching. Where several operands
 * give one result, as in the adjoints, the result's shape is given and checked. */
#include "ir/shape.h"
#include "ir/window.h"
#include <string.h>

/* The first n operands are real, and all lie plain. */
static bool real_plain(const ShapeIn *s, int n, char err[IR_ERR])
{
    for (int i = 0; i < s->n_in; i++) {
        if (i < n && !need_real(s, i, err))
            return false;
        if (s->in[i]->layout.kind)
            return ir_fail(err, "operand %d is %s, but must lie plain", i + 1, T(s->in[i]));
    }
    return true;
}

/* ---- convolutions ---- */

static bool channels_fit(const Conv *c, char err[IR_ERR])
{
    int64_t in = c->x.dim[1].k, out = c->w.dim[0].k, per_group = c->w.dim[1].k, all;
    if (c->w.dim[0].n || c->w.dim[1].n)
        return ir_fail(err, "a weight has no batch axis");
    if (c->groups < 1 || __builtin_mul_overflow(per_group, c->groups, &all) || all != in)
        return ir_fail(err, "%lld groups of %lld channels are not the %lld of the data",
                       (long long)c->groups, (long long)per_group, (long long)in);
    return out % c->groups == 0
        || ir_fail(err, "%lld groups do not divide %lld channels", (long long)c->groups,
                   (long long)out);
}

/* The result of the windows: its shape from the wide one's. */
static Shape narrow_shape(const Shape *wide, Dim channels, const Window *w)
{
    Shape s = *wide;
    s.dim[1] = channels;
    for (int i = 0; i < w->rank; i++)
        s.dim[2 + i] = ir_dim(w->axis[2 - w->rank + i].windows);
    return s;
}

/* A weight's derivative has a line of sums under each tap: their bytes must be a number. */
static bool sums_fit(const Window *w, char err[IR_ERR])
{
    int64_t taps = w->axis[0].taps * w->axis[1].taps, sums;
    return (!__builtin_mul_overflow(taps, w->axis[1].windows, &sums) && sums <= INT64_C(1) << 56)
        || ir_fail(err, "%lld taps on lines of %lld are too many", (long long)taps,
                   (long long)w->axis[1].windows);
}

/* x and w belong together; their windows, and y's shape. */
static bool conv_of(const ShapeIn *s, const Shape *x, const Shape *w, Conv *c, char err[IR_ERR])
{
    char sizes[2][IR_TYPE_TEXT];
    const Attr *groups = attr_of(s, AT_groups);
    *c = (Conv){.x = *x, .w = *w, .groups = groups ? groups->u.i : 1};
    if (!real_plain(s, s->n_in, err) || !same_real(s, err))
        return false;
    if (x->rank != w->rank)
        return ir_fail(err, "data %s and weight %s differ in their axes",
                       ir_shape_text(x, sizes[0]), ir_shape_text(w, sizes[1]));
    if (!ir_window_read(s->attr, s->n_attr, x, w, &c->window, err) || !channels_fit(c, err)
        || !sums_fit(&c->window, err))
        return false;
    c->y = narrow_shape(x, w->dim[0], &c->window);
    return true;
}

static bool bias_fits(const ShapeIn *s, Dim channels, char err[IR_ERR])
{
    if (s->n_in < 3)
        return true;
    const Shape *bias = &s->in[2]->shape;
    return (bias->rank == 1 && ir_dim_eq(bias->dim[0], channels))
        || ir_fail(err, "bias %s does not match %lld channels", T(s->in[2]),
                   (long long)channels.k);
}

static bool must_equal(const Shape *is, const Shape *wanted, const char *what, char err[IR_ERR])
{
    return ir_shape_eq(is, wanted)
        || ir_fail(err, "%s is %s, but %s follows", what,
                   ir_shape_text(is, (char[IR_TYPE_TEXT]){0}),
                   ir_shape_text(wanted, (char[IR_TYPE_TEXT]){0}));
}

bool shape_conv(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Conv c;
    if (!conv_of(s, &s->in[0]->shape, &s->in[1]->shape, &c, err)
        || !bias_fits(s, c.w.dim[0], err))
        return false;
    *out = ir_type_of(s->in[0]->dtype, c.y);
    return true;
}

static bool given_like(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    return shape_given(s, out, err)
        && ((out->dtype == s->in[0]->dtype && !out->layout.kind)
            || ir_fail(err, "the result %s and operand %s differ in element type or layout", T(out),
                       T(s->in[0])));
}

bool shape_conv_transpose(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Conv c;
    return given_like(s, out, err) && conv_of(s, &out->shape, &s->in[1]->shape, &c, err)
        && bias_fits(s, c.x.dim[1], err)
        && must_equal(&s->in[0]->shape, &c.y, "operand 1", err);
}

bool shape_conv_weight(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Conv c;
    return given_like(s, out, err) && conv_of(s, &s->in[0]->shape, &out->shape, &c, err)
        && must_equal(&s->in[1]->shape, &c.y, "operand 2", err);
}

/* ---- pooling ---- */

static bool none_empty(const WindowAxis *a, char err[IR_ERR])
{
    int64_t empty = ir_window_empty(a);
    return empty < 0 || ir_fail(err, "window %lld holds padding only", (long long)empty);
}

/* Windows over `wide`, and the type of their places. */
static bool pool_of(const ShapeIn *s, const Shape *wide, Window *w, Type *index, char err[IR_ERR])
{
    if (!ir_window_read(s->attr, s->n_attr, wide, NULL, w, err) || !none_empty(&w->axis[0], err)
        || !none_empty(&w->axis[1], err))
        return false;
    int64_t taps = w->axis[0].taps * w->axis[1].taps;
    if (taps > INT32_MAX)
        return ir_fail(err, "a window has %lld elements, which are too many", (long long)taps);
    *index = ir_type_of(taps <= 256 ? DT_u8 : DT_i32, narrow_shape(wide, wide->dim[1], w));
    return true;
}

static bool index_fits(const ShapeIn *s, const Type *index, char err[IR_ERR])
{
    return ir_type_eq(s->in[1], index)
        || ir_fail(err, "taps are %s, but those of these windows are %s", T(s->in[1]), T(index));
}

bool shape_pool_index(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    return real_plain(s, 1, err) && pool_of(s, &s->in[0]->shape, &w, out, err);
}

bool shape_pool_take(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    Type index;
    if (!real_plain(s, 1, err) || !pool_of(s, &s->in[0]->shape, &w, &index, err)
        || !index_fits(s, &index, err))
        return false;
    *out = ir_type_of(s->in[0]->dtype, index.shape);
    return true;
}

bool shape_pool_put(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    Type index;
    return real_plain(s, 1, err) && given_like(s, out, err)
        && pool_of(s, &out->shape, &w, &index, err) && index_fits(s, &index, err)
        && must_equal(&s->in[0]->shape, &index.shape, "operand 1", err);
}

bool shape_pool_sum(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    Type index;
    if (!real_plain(s, 1, err) || !pool_of(s, &s->in[0]->shape, &w, &index, err))
        return false;
    *out = ir_type_of(s->in[0]->dtype, index.shape);
    return true;
}

bool shape_pool_spread(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    Type index;
    return real_plain(s, 1, err) && given_like(s, out, err)
        && pool_of(s, &out->shape, &w, &index, err)
        && must_equal(&s->in[0]->shape, &index.shape, "operand 1", err);
}

/* ---- padding and stretching ---- */

/* Samples, channels, and one or two axes of constant size. */
static bool spatial_real(const ShapeIn *s, char err[IR_ERR])
{
    const Shape *x = &s->in[0]->shape;
    if (!real_plain(s, 1, err))
        return false;
    if (x->rank != 3 && x->rank != 4)
        return ir_fail(err, "operand 1 is %s, but must have 3 or 4 axes", T(s->in[0]));
    for (int i = 1; i < x->rank; i++)
        if (x->dim[i].n || x->dim[i].k > IR_MAX_CAPACITY)
            return ir_fail(err, "operand 1 is %s, but only axis 0 may be the batch", T(s->in[0]));
    return true;
}

/* One axis with its padding; a mirror shows no more than there is behind it. */
static bool padded(PadMode mode, int64_t size, int64_t low, int64_t high, int64_t *wide,
                   char err[IR_ERR])
{
    int64_t most = low > high ? low : high, seen = mode == PAD_reflect ? size - 1 : size;
    if (low > IR_MAX_WINDOW || high > IR_MAX_WINDOW || low < -size || high < -size)
        return ir_fail(err, "padding of %lld and %lld does not fit an axis of %lld", (long long)low,
                       (long long)high, (long long)size);
    if ((mode == PAD_reflect || mode == PAD_circular) && most > seen)
        return ir_fail(err, "%s padding of %lld is more than the %lld places of an axis of %lld",
                       ir_pad[mode].name, (long long)most, (long long)seen, (long long)size);
    *wide = low + size + high;
    return *wide >= 1
        || ir_fail(err, "padding of %lld and %lld leaves nothing of an axis of %lld",
                   (long long)low, (long long)high, (long long)size);
}

/* The shape that padding makes of `from`. */
static bool pad_to(const ShapeIn *s, const Shape *from, Shape *to, char err[IR_ERR])
{
    const Attr *padding = attr_of(s, AT_padding);
    const char *mode = attr_of(s, AT_mode)->u.s;
    int rank = from->rank - 2;
    if (ir_pad_named(mode) == PAD_COUNT)
        return ir_fail(err, "\"%.40s\" is no way to pad", mode);
    if (attr_of(s, AT_value) && ir_pad_named(mode) != PAD_constant)
        return ir_fail(err, "%s padding has no value of its own", mode);
    if ((rank != 1 && rank != 2) || padding->count != 2 * rank)
        return ir_fail(err, "padding has %d numbers for %d axes", padding->count, from->rank);
    *to = *from;
    for (int i = 0; i < rank; i++)
        if (!padded(ir_pad_named(mode), from->dim[2 + i].k, padding->u.ints[i],
                    padding->u.ints[rank + i], &to->dim[2 + i].k, err))
            return false;
    return true;
}

bool shape_pad(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Shape to;
    if (!spatial_real(s, err) || !pad_to(s, &s->in[0]->shape, &to, err))
        return false;
    *out = ir_type_of(s->in[0]->dtype, to);
    return true;
}

bool shape_pad_grad(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Shape to;
    return spatial_real(s, err) && given_like(s, out, err) && pad_to(s, &out->shape, &to, err)
        && must_equal(&s->in[0]->shape, &to, "operand 1", err);
}

bool shape_upsample(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    const Attr *scale = attr_of(s, AT_scale);
    const char *mode = attr_of(s, AT_mode)->u.s;
    if (!spatial_real(s, err) || !given_like(s, out, err))
        return false;
    const Shape *in = &s->in[0]->shape;
    if (strcmp(mode, "nearest") && strcmp(mode, "linear"))
        return ir_fail(err, "\"%.40s\" is no way to stretch", mode);
    bool same = out->shape.rank == in->rank && ir_dim_eq(out->shape.dim[0], in->dim[0])
             && ir_dim_eq(out->shape.dim[1], in->dim[1]);
    for (int i = 2; i < in->rank && same; i++)
        same = !out->shape.dim[i].n && out->shape.dim[i].k <= IR_MAX_CAPACITY;
    if (!same)
        return ir_fail(err, "%s cannot become %s: only spatial axes are stretched", T(s->in[0]),
                       T(out));
    for (int i = 0; scale && i < scale->count; i++)
        if (!(scale->u.reals[i] > 0 && scale->u.reals[i] <= IR_MAX_WINDOW))
            return ir_fail(err, "scale %g is not between 0 and %d", scale->u.reals[i],
                           IR_MAX_WINDOW);
    return !scale || scale->count == in->rank - 2
        || ir_fail(err, "%d scales for %d axes", scale->count, in->rank);
}
