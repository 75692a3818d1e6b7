/* ir/shape_int8.c: types of ops on numbers of 8 and 16 bits, and what those on codes read
 * (ir/int8.h). */
#include "ir/int8.h"
#include "ir/shape.h"
#include <float.h>

/* Channels last become channels first. */
static Shape channels_first(const Shape *x)
{
    Shape s = *x;
    for (int i = 2; i < x->rank; i++)
        s.dim[i] = x->dim[i - 1];
    if (x->rank > 1)
        s.dim[1] = x->dim[x->rank - 1];
    return s;
}

bool ir_int8_window(const Attr *attr, int n_attr, const Shape *x, Window *w, char err[IR_ERR])
{
    Shape wide = channels_first(x);
    return ir_window_read(attr, n_attr, &wide, NULL, w, err);
}

/* ---- what a sum reads ---- */

static double attr_or(const Attr *attr, int n, AttrId id, double otherwise)
{
    for (int i = 0; i < n; i++)
        if (attr[i].id == id)
            return attr[i].u.r;
    return otherwise;
}

static const WindowAxis one = {.places = 1, .windows = 1, .taps = 1, .stride = 1, .dilation = 1};

static bool codes_of(Op op, const Attr *attr, int n, const Shape *x, const Shape *w, Codes *c,
                     char err[IR_ERR])
{
    bool given = false;
    for (int i = 0; i < n; i++)
        given = given || attr[i].id == AT_zero_point;
    double zero = attr_or(attr, n, AT_zero_point, 0);
    *c = (Codes){.x = *x, .window = {.rank = 2, .axis = {one, one}}, .runs = 1, .coded = given,
                 .channels = x->dim[x->rank - 1].k, .results = w->dim[0].k, .zero_point = zero,
                 .padding = attr_or(attr, n, AT_value, 0),
                 .low = attr_or(attr, n, AT_min_val, 0) - zero,
                 .high = attr_or(attr, n, AT_max_val, 255) - zero};
    c->run = c->channels;
    if (op == OP_linear_int8)
        return true;
    if (!ir_int8_window(attr, n, x, &c->window, err))
        return false;
    const WindowAxis *row = &c->window.axis[0], *col = &c->window.axis[1];
    c->runs = row->taps;
    if (col->dilation != 1 && col->taps > 1)
        return ir_fail(err, "taps of a line stand %lld places apart, but must be neighbours",
                       (long long)col->dilation);
    return !__builtin_mul_overflow(c->channels, col->taps, &c->run)
        || ir_fail(err, "a window has too many codes");
}

Codes ir_codes(const Graph *g, const Node *x)
{
    char err[IR_ERR];
    Codes c;
    if (!codes_of(x->op, x->attr, x->n_attr, &ir_type(g, x->in[0])->shape,
                  &ir_type(g, x->in[1])->shape, &c, err))
        ir_die(g->module, "%s: %s", ir_op[x->op].name, err);
    return c;
}

static int64_t reach(const WindowAxis *a)
{
    return (a->windows - 1) * a->stride + (a->taps - 1) * a->dilation + 1;
}

CodesFrame ir_codes_frame(const Codes *c)
{
    enum { DOTS = 4 };                   /* the last run's may be read beyond its end */
    const WindowAxis *row = &c->window.axis[0], *col = &c->window.axis[1];
    CodesFrame f = {reach(row), reach(col), 0};
    bool inside = !row->low && !col->low && f.rows <= row->places && f.cols <= col->places;
    if (!inside || c->run % DOTS)
        f.bytes = f.rows * f.cols * c->channels + DOTS;
    return f;
}

/* ---- types ---- */

static bool need(const ShapeIn *s, int i, DType d, int rank, char err[IR_ERR])
{
    const Type *t = s->in[i];
    return (t->dtype == d && (!rank || t->shape.rank == rank))
        || ir_fail(err, "operand %d is %s, but must be %s", i + 1, T(t), ir_dtype_name(d));
}

/* An attribute that is a code. */
static bool code_ok(const ShapeIn *s, AttrId id, char err[IR_ERR])
{
    const Attr *a = attr_of(s, id);
    return !a || (a->u.r >= 0 && a->u.r <= 255 && a->u.r == (double)(int)a->u.r)
        || ir_fail(err, "%s is %g, but codes go from 0 to 255", ir_attr_info[id].name, a->u.r);
}

static bool step_ok(const ShapeIn *s, char err[IR_ERR])
{
    const Attr *a = attr_of(s, AT_step);
    return !a || (a->u.r >= FLT_MIN && a->u.r <= FLT_MAX)
        || ir_fail(err, "step is %g, but must be a float above 0", a->u.r);
}

bool shape_quantize(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    *out = ir_type_of(DT_u8, s->in[0]->shape);
    return need(s, 0, DT_f32, 0, err) && step_ok(s, err) && code_ok(s, AT_zero_point, err)
        && (!s->in[0]->layout.kind || ir_fail(err, "operand 1 is %s, but must lie plain",
                                              T(s->in[0])));
}

static bool width_ok(int width) { return width == 4 || width == 8 || width == 16; }

bool shape_linear_half(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    const Type *w = s->in[1];
    if (!need(s, 0, DT_f32, 2, err) || (s->n_in > 2 && !need(s, 2, DT_f32, 1, err)))
        return false;
    const Dim *x = s->in[0]->shape.dim, *row = w->shape.dim;
    if ((w->dtype != DT_bf16 && w->dtype != DT_f16) || w->shape.rank != 2
        || w->layout.kind != LAYOUT_panel || !width_ok(w->layout.width))
        return ir_fail(err, "weights are %s, but must be bf16 or f16 in panels of 4, 8 or 16 rows", T(w));
    if (row[0].n || row[1].n || !ir_dim_eq(x[1], row[1])
        || (s->n_in > 2 && !ir_dim_eq(s->in[2]->shape.dim[0], row[0])))
        return ir_fail(err, "%s does not go with weights %s", T(s->in[0]), T(w));
    for (int i = 0; i < s->n_in; i += 2)
        if (s->in[i]->layout.kind)
            return ir_fail(err, "operand %d is %s, but must lie plain", i + 1, T(s->in[i]));
    *out = ir_type_of(DT_f32, (Shape){.rank = 2, .dim = {x[0], row[0]}});
    return true;
}

/* Codes that lie plain, weights in dots, starts and factors in panels of the same width. */
static bool operands_ok(const ShapeIn *s, int rank, char err[IR_ERR])
{
    if (!need(s, 0, DT_u8, 0, err) || !need(s, 1, DT_i8, rank, err)
        || !need(s, 2, DT_i32, 1, err) || !need(s, 3, DT_f32, 1, err))
        return false;
    if (s->in[0]->layout.kind)
        return ir_fail(err, "operand 1 is %s, but must lie plain", T(s->in[0]));
    const Type *w = s->in[1];
    if (w->layout.kind != LAYOUT_dots || !width_ok(w->layout.width))
        return ir_fail(err, "weights are %s, but must lie in dots of 4, 8 or 16 rows", T(w));
    for (int i = 2; i < 4; i++)
        if (!ir_dim_eq(s->in[i]->shape.dim[0], w->shape.dim[0])
            || s->in[i]->layout.kind != LAYOUT_panel || s->in[i]->layout.width != w->layout.width)
            return ir_fail(err, "operand %d is %s, which does not go with weights %s", i + 1,
                           T(s->in[i]), T(w));
    for (int i = 0; i < rank; i++)
        if (w->shape.dim[i].n)
            return ir_fail(err, "a weight has no batch axis");
    return true;
}

static bool result(const ShapeIn *s, const Shape *shape, Type *out, char err[IR_ERR])
{
    bool coded = attr_of(s, AT_zero_point) != NULL;
    const Attr *low = attr_of(s, AT_min_val), *high = attr_of(s, AT_max_val);
    *out = ir_type_of(coded ? DT_u8 : DT_f32, *shape);
    if (!coded && (low || high || attr_of(s, AT_step)))
        return ir_fail(err, "a result without a zero_point is real: it has no step and no limits");
    if (low && high && low->u.r > high->u.r)
        return ir_fail(err, "min_val is %g, above max_val %g", low->u.r, high->u.r);
    return step_ok(s, err) && code_ok(s, AT_zero_point, err) && code_ok(s, AT_min_val, err)
        && code_ok(s, AT_max_val, err) && code_ok(s, AT_value, err);
}

bool shape_linear_int8(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    if (!operands_ok(s, 2, err) || !need(s, 0, DT_u8, 2, err))
        return false;
    const Dim *x = s->in[0]->shape.dim, *w = s->in[1]->shape.dim;
    Shape y = {.rank = 2, .dim = {x[0], w[0]}};
    if (x[1].n || !ir_dim_eq(x[1], w[1]))
        return ir_fail(err, "codes %s do not go with weights %s", T(s->in[0]), T(s->in[1]));
    return result(s, &y, out, err);
}

/* x with other places and channels. */
static Shape windows_of(const Shape *x, const Window *w, Dim channels)
{
    Shape y = *x;
    for (int i = 0; i < w->rank; i++)
        y.dim[1 + i] = ir_dim(w->axis[2 - w->rank + i].windows);
    y.dim[y.rank - 1] = channels;
    return y;
}

bool shape_conv_int8(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Codes c;
    if (!operands_ok(s, 3, err) || !codes_of(s->op, s->attr, s->n_attr, &s->in[0]->shape,
                                             &s->in[1]->shape, &c, err))
        return false;
    const Dim *w = s->in[1]->shape.dim;
    if (w[1].k != c.runs || w[2].k != c.run)
        return ir_fail(err, "weights are %s, but a window is %lld runs of %lld codes", T(s->in[1]),
                       (long long)c.runs, (long long)c.run);
    Shape y = windows_of(&s->in[0]->shape, &c.window, w[0]);
    CodesFrame f = ir_codes_frame(&c);
    int64_t bytes;
    if (__builtin_mul_overflow(f.rows, f.cols, &bytes)
        || __builtin_mul_overflow(bytes, c.channels, &bytes) || bytes > IR_MAX_ELEMS)
        return ir_fail(err, "an image with its surroundings is too large");
    return result(s, &y, out, err);
}

bool shape_pool_max(const ShapeIn *s, Type *out, char err[IR_ERR])
{
    Window w;
    if (!need(s, 0, DT_u8, 0, err)
        || !ir_int8_window(s->attr, s->n_attr, &s->in[0]->shape, &w, err))
        return false;
    const Shape *x = &s->in[0]->shape;
    *out = ir_type_of(DT_u8, windows_of(x, &w, x->dim[x->rank - 1]));
    for (int i = 0; i < 2; i++) {
        int64_t empty = ir_window_empty(&w.axis[i]);
        if (empty >= 0)
            return ir_fail(err, "window %lld holds padding only", (long long)empty);
    }
    return !s->in[0]->layout.kind
        || ir_fail(err, "operand 1 is %s, but must lie plain", T(s->in[0]));
}
