/* ir/shape.c: the type of a node's result, one rule for each `shape` column of ops.def.
 *
 * A rule sees the operands' types and the attributes and says the result, or what is wrong in words
 * that name both sides. Where the result's stored layout is a choice (products, leaves, relayout)
 * the given type may differ from the derived one in its layout, and in nothing else. Rules of
 * convolutions, pooling and padding are in shape_window.c. */
#include "ir/shape.h"
#include <string.h>

static Type plain(DType d, int rank, Dim a, Dim b)
{
    Type t = {.dtype = d, .shape = {.rank = (uint8_t)rank, .dim = {a, b}}};
    return t;
}

static bool need_rank(const ShapeIn *s, int i, int rank, char err[IR_ERR])
{
    return s->in[i]->shape.rank == rank
        || ir_fail(err, "operand %d is %s, but must have %d axes", i + 1, T(s->in[i]), rank);
}

/* ---- leaves and views ---- */

bool shape_given(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!s->given)
        return ir_fail(err, "its type must be given");
    *out = *s->given;
    if ((s->op == OP_random || s->op == OP_scalar) && !ir_dtype_real(out->dtype))
        return ir_fail(err, "its type is %s, but must be real", T(out));
    if (s->op == OP_scalar && out->shape.rank)
        return ir_fail(err, "its type is %s, but a scalar has no axes", T(out));
    if ((s->op == OP_input || s->op == OP_scalar || s->op == OP_const) && out->layout.kind)
        return ir_fail(err, "its type is %s, but what callers give lies plain", T(out));
    const Attr *values = attr_of(s, AT_values);
    int64_t elems = 0;
    if (s->op != OP_const || !values)
        return true;
    if (values->count != 1 && (ir_has_n(&out->shape) || !ir_elems_ok(&out->shape, 1, &elems)
                               || elems != values->count))
        return ir_fail(err, "%d values do not fill %s", values->count, T(out));
    for (int i = 0; i < values->count && !ir_dtype_real(out->dtype); i++) {
        double x = values->u.reals[i];
        if (!(x > -0x1p53 && x < 0x1p53) || x != (double)(int64_t)x)
            return ir_fail(err, "value %d is %g, but the type is %s", i + 1, x, T(out));
    }
    return true;
}

static bool axes_ok(const ShapeIn *s, char err[IR_ERR])
{
    const Attr *axes = attr_of(s, AT_axes);
    int rank = s->in[0]->shape.rank;
    if (!axes->count)
        return ir_fail(err, "axes names no axis");
    for (int i = 0; i < axes->count; i++) {
        if (axes->u.ints[i] < 0 || axes->u.ints[i] >= rank)
            return ir_fail(err, "axis %lld is not one of the %d of %s", (long long)axes->u.ints[i],
                           rank, T(s->in[0]));
        if (i && axes->u.ints[i] <= axes->u.ints[i - 1])
            return ir_fail(err, "axes must ascend");
    }
    return true;
}

static bool shape_count(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = plain(s->g->module->real, 0, ir_dim(0), ir_dim(0));
    return axes_ok(s, err);
}

/* Both sides as k * n^power; equal for every n only if both parts are. */
static bool shape_reshape(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    int64_t k[2] = {1, 1};
    int power[2] = {0, 0};
    if (!shape_given(s, out, err))
        return false;
    for (int side = 0; side < 2; side++) {
        const Shape *shape = side ? &out->shape : &s->in[0]->shape;
        for (int i = 0; i < shape->rank; i++) {
            power[side] += shape->dim[i].n;
            if (__builtin_mul_overflow(k[side], shape->dim[i].k, &k[side]))
                return ir_fail(err, "the number of elements overflows");
        }
    }
    if (out->dtype != s->in[0]->dtype)
        return ir_fail(err, "%s cannot become %s: the element types differ", T(s->in[0]), T(out));
    if (power[0] != power[1])
        return ir_fail(err, "%s cannot become %s: the batch must stay a factor", T(s->in[0]),
                       T(out));
    if (k[0] != k[1])
        return ir_fail(err, "%s cannot become %s: %lld elements%s are not %lld", T(s->in[0]),
                       T(out), (long long)k[0], power[0] ? " a sample" : "", (long long)k[1]);
    if (out->layout.kind || s->in[0]->layout.kind)
        return ir_fail(err, "%s cannot become %s: a view needs the plain layout", T(s->in[0]),
                       T(out));
    return true;
}

/* ---- elementwise ---- */

bool ir_broadcast(Shape *into, const Shape *from)
{
    Shape wide = into->rank >= from->rank ? *into : *from;
    const Shape *thin = into->rank >= from->rank ? from : into;
    for (int i = 0; i < thin->rank; i++) {
        Dim *w = &wide.dim[wide.rank - thin->rank + i];
        Dim t = thin->dim[i];
        if (ir_dim_eq(*w, ir_dim(1)))
            *w = t;
        else if (!ir_dim_eq(*w, t) && !ir_dim_eq(t, ir_dim(1)))
            return false;
    }
    *into = wide;
    return true;
}

/* The stored layout is that of the operands of the full shape, which must agree; where none has it,
 * the given one. */
static bool map_layout(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    const Type *full = NULL;
    for (int i = 0; i < s->n_in; i++) {
        if (!ir_shape_eq(&s->in[i]->shape, &out->shape))
            continue;
        if (full && (full->layout.kind != s->in[i]->layout.kind
                     || full->layout.width != s->in[i]->layout.width))
            return ir_fail(err, "operands %s and %s differ in their layout", T(full), T(s->in[i]));
        full = s->in[i];
    }
    if (full)
        out->layout = full->layout;
    else if (s->given)
        out->layout = s->given->layout;
    return true;
}

static bool shape_map(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = plain(DT_NONE, 0, ir_dim(0), ir_dim(0));
    for (int i = 0; i < s->n_in; i++) {
        const Type *t = s->in[i];
        if (!need_real(s, i, err))
            return false;
        if (!ir_broadcast(&out->shape, &t->shape))
            return ir_fail(err, "operand %d, %s, does not broadcast with %s", i + 1, T(t),
                           ir_shape_text(&out->shape, (char[IR_TYPE_TEXT]){0}));
        if (out->dtype != DT_NONE && out->dtype != t->dtype)
            return ir_fail(err, "operand %d is %s, but an earlier one has elements of %s", i + 1,
                           T(t), ir_dtype_name(out->dtype));
        out->dtype = t->dtype;
    }
    return map_layout(s, out, err);
}

static bool shape_expand(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!shape_given(s, out, err) || !need_real(s, 0, err))
        return false;
    Shape wide = out->shape;
    if (out->dtype != s->in[0]->dtype || !ir_broadcast(&wide, &s->in[0]->shape)
        || !ir_shape_eq(&wide, &out->shape))
        return ir_fail(err, "%s does not broadcast to %s", T(s->in[0]), T(out));
    return map_layout(s, out, err);
}

/* ---- products ---- */

static bool product(const ShapeIn *s, Dim m, Dim k, Dim k2, Dim l, Type *out, char err[IR_ERR])
{
    if (!ir_dim_eq(k, k2)) {
        Shape one = {.rank = 2, .dim = {k, k2}};
        return ir_fail(err, "%s and %s do not match: inner sizes %s", T(s->in[0]), T(s->in[1]),
                       ir_shape_text(&one, (char[IR_TYPE_TEXT]){0}));
    }
    *out = plain(s->in[0]->dtype, 2, m, l);
    if (s->given)
        out->layout = s->given->layout;
    return true;
}

static bool shape_linear(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!need_rank(s, 0, 2, err) || !need_rank(s, 1, 2, err) || !same_real(s, err)
        || (s->n_in > 2 && !need_rank(s, 2, 1, err)))
        return false;
    const Dim *x = s->in[0]->shape.dim, *w = s->in[1]->shape.dim;
    if (!product(s, x[0], x[1], w[1], w[0], out, err))
        return false;
    return s->n_in < 3 || ir_dim_eq(s->in[2]->shape.dim[0], w[0])
        || ir_fail(err, "bias %s does not match weight %s", T(s->in[2]), T(s->in[1]));
}

static bool shape_matmul(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!need_rank(s, 0, 2, err) || !need_rank(s, 1, 2, err) || !same_real(s, err))
        return false;
    const Dim *a = s->in[0]->shape.dim, *b = s->in[1]->shape.dim;
    int ta = attr_of(s, AT_ta) != NULL, tb = attr_of(s, AT_tb) != NULL;
    return product(s, a[ta], a[!ta], b[tb], b[!tb], out, err);
}

/* ---- reductions ---- */

static bool shape_reduce(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!axes_ok(s, err) || (s->op == OP_mean && !need_real(s, 0, err)))
        return false;
    const Attr *axes = attr_of(s, AT_axes);
    bool keep = attr_of(s, AT_keep) != NULL;
    const Shape *in = &s->in[0]->shape;
    *out = plain(s->in[0]->dtype, 0, ir_dim(0), ir_dim(0));
    for (int i = 0, next = 0; i < in->rank; i++) {
        bool reduced = next < axes->count && axes->u.ints[next] == i;
        next += reduced;
        if (!reduced || keep)
            out->shape.dim[out->shape.rank++] = reduced ? ir_dim(1) : in->dim[i];
    }
    return true;
}

/* ---- rows ---- */

/* Rows [n,c] and a target: indices [n], or probabilities [n,c] where the op takes them. */
static bool row_target(const ShapeIn *s, bool probabilities, char err[IR_ERR])
{
    if (!need_rank(s, 0, 2, err) || !need_real(s, 0, err))
        return false;
    const Type *x = s->in[0], *t = s->in[1];
    bool index = !ir_dtype_real(t->dtype) && t->shape.rank == 1
              && ir_dim_eq(t->shape.dim[0], x->shape.dim[0]);
    bool dense = probabilities && t->dtype == x->dtype && ir_shape_eq(&t->shape, &x->shape);
    return index || dense
        || ir_fail(err, "target %s does not fit rows %s: indices [%s]%s are wanted", T(t), T(x),
                   x->shape.dim[0].n ? "n" : "rows", probabilities ? " or probabilities" : "");
}

static bool shape_loss(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = plain(s->in[0]->dtype, 0, ir_dim(0), ir_dim(0));
    return row_target(s, s->op != OP_nll, err);
}

static bool shape_correct(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = plain(DT_i64, 0, ir_dim(0), ir_dim(0));
    return row_target(s, true, err);
}

static bool shape_same(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = *s->in[0];
    if (s->n_in == 2)
        return row_target(s, s->op == OP_cross_entropy_grad, err);
    const Attr *axis = attr_of(s, AT_axis);
    if (!need_real(s, 0, err))
        return false;
    return !axis || (axis->u.i >= 0 && axis->u.i < out->shape.rank)
        || ir_fail(err, "axis %lld is not one of the %d of %s", (long long)axis->u.i,
                   out->shape.rank, T(out));
}

/* ---- moves ---- */

static bool shape_relayout(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!shape_given(s, out, err))
        return false;
    return (out->dtype == s->in[0]->dtype && ir_shape_eq(&out->shape, &s->in[0]->shape))
        || ir_fail(err, "%s cannot become %s: only the layout may change", T(s->in[0]), T(out));
}

static bool need_integer(const ShapeIn *s, char err[IR_ERR])
{
    return !ir_dtype_real(s->in[0]->dtype)
        || ir_fail(err, "operand 1 is %s, but must be integer", T(s->in[0]));
}

static bool shape_cast(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!shape_given(s, out, err) || !need_integer(s, err))
        return false;
    return (ir_dtype_real(out->dtype) && ir_shape_eq(&out->shape, &s->in[0]->shape)
            && !out->layout.kind && !s->in[0]->layout.kind)
        || ir_fail(err, "%s cannot become %s: only the element type may change, to a real",
                   T(s->in[0]), T(out));
}

static bool shape_increment(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = *s->in[0];
    return need_integer(s, err);
}

/* Only the layout in which axes lie apart can be joined, cut or reordered. */
static bool need_plain(const ShapeIn *s, char err[IR_ERR])
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i]->layout.kind)
            return ir_fail(err, "operand %d is %s, but must lie plain", i + 1, T(s->in[i]));
    return true;
}

/* The axis of `axis`: one of the operand's, and not the batch's, whose size is known later. */
static bool fixed_axis(const ShapeIn *s, int operand, int *axis, char err[IR_ERR])
{
    const Attr *a = attr_of(s, AT_axis);
    const Shape *shape = &s->in[operand]->shape;
    if (a->u.i < 0 || a->u.i >= shape->rank)
        return ir_fail(err, "axis %lld is not one of the %d of %s", (long long)a->u.i, shape->rank,
                       T(s->in[operand]));
    *axis = (int)a->u.i;
    return !shape->dim[*axis].n
        || ir_fail(err, "axis %d of %s is the batch's", *axis, T(s->in[operand]));
}

static bool shape_cat(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    int axis = 0;
    if (!need_plain(s, err) || !fixed_axis(s, 0, &axis, err))
        return false;
    *out = *s->in[0];
    for (int i = 1; i < s->n_in; i++) {
        Shape rest = s->in[i]->shape;
        if (!fixed_axis(s, i, &axis, err))
            return false;
        /* Sizes are below 2^46 each: so few cannot overflow. */
        out->shape.dim[axis].k += rest.dim[axis].k;
        rest.dim[axis] = out->shape.dim[axis];
        if (s->in[i]->dtype != out->dtype || !ir_shape_eq(&rest, &out->shape))
            return ir_fail(err, "operands %s and %s differ in more than the size of axis %d",
                           T(s->in[0]), T(s->in[i]), axis);
    }
    return true;
}

static bool shape_slice(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    int64_t from = attr_of(s, AT_from)->u.i, to = attr_of(s, AT_to)->u.i;
    int axis = 0;
    if (!need_plain(s, err) || !fixed_axis(s, 0, &axis, err))
        return false;
    *out = *s->in[0];
    if (from < 0 || from >= to || to > out->shape.dim[axis].k)
        return ir_fail(err, "places %lld to %lld are not in axis %d of %s", (long long)from,
                       (long long)to, axis, T(out));
    out->shape.dim[axis] = ir_dim(to - from);
    return true;
}

static bool shape_permute(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    const Attr *order = attr_of(s, AT_order);
    const Shape *in = &s->in[0]->shape;
    unsigned seen = 0;
    *out = *s->in[0];
    if (!need_plain(s, err))
        return false;
    for (int i = 0; i < order->count && order->count == in->rank; i++)
        if (order->u.ints[i] >= 0 && order->u.ints[i] < in->rank) {
            out->shape.dim[i] = in->dim[order->u.ints[i]];
            seen |= 1u << order->u.ints[i];
        }
    return seen == (1u << in->rank) - 1
        || ir_fail(err, "order does not name each axis of %s once", T(s->in[0]));
}

/* ---- the table ---- */

static ShapeRule *const rule[OP_COUNT] = {
    NULL,
#define OP(name, min_in, max_in, kind, shape, ...) shape_##shape,
#include "ir/ops.def"
#undef OP
};

bool ir_type_is_given(Op op)
{
    static ShapeRule *const given[] = {
        shape_given, shape_reshape, shape_expand, shape_relayout, shape_cast, shape_conv_transpose,
        shape_conv_weight, shape_pool_put, shape_pool_spread, shape_pad_grad, shape_upsample};
    bool is = false;
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        is = is || rule[op] == given[i];
    return is;
}

bool ir_shape_derive(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    char why[IR_ERR];
    const int64_t capacity = s->g->module->capacity;
    if (ir_type_is_given(s->op) && s->given && !ir_type_sound(s->given, capacity, err))
        return false;
    memset(out, 0, sizeof *out);
    if (!rule[s->op](s, out, err))
        return false;
    if (!ir_type_sound(out, capacity, why))
        return ir_fail(err, "its result is too large or malformed: %.400s", why);
    if (s->given && !ir_type_eq(out, s->given))
        return ir_fail(err, "its type is %s, not %s", T(out), T(s->given));
    return true;
}
