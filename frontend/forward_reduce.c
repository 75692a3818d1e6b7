/* frontend/forward_reduce.c: reductions of tensors in forward: sums, means, spreads, norms,
 * largest elements.
 *
 * The largest of an axis is a pooling whose one window is the whole axis: its derivative goes to the
 * element that was taken, as PyTorch's does. */
#include "frontend/forward.h"
#include "ir/window.h"
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

/* The axes of `dim`: one, several, or all of them; false: reported. */
static bool axes_of(const Forward *f, const Value *v, bool marked[IR_MAX_RANK])
{
    const Shape *s = shape_of(f, f->x);
    bool many = v->kind == V_TUPLE || v->kind == V_LIST;
    for (int i = 0; i < s->rank; i++) marked[i] = v->kind == V_NONE;
    for (int i = 0; v->kind != V_NONE && i < (many ? v->u.list->n : 1); i++) {
        int axis = fe_axis_of(f, many ? v->u.list->item[i] : v, s, 0);
        if (axis < 0) return false;
        marked[axis] = true;
    }
    return true;
}

/* The axes of an argument, ascending, in which op is taken. */
typedef struct Over { int64_t axis[IR_MAX_RANK]; int n; int64_t elems; bool samples; } Over;

static bool over(const Forward *f, const Value *dim, Over *o)
{
    bool marked[IR_MAX_RANK] = { false };
    const Shape *s = shape_of(f, f->x);
    *o = (Over){ .elems = 1 };
    if (!axes_of(f, dim, marked)) return false;
    for (int i = 0; i < s->rank; i++) {
        if (!marked[i]) continue;
        o->axis[o->n++] = i;
        o->elems *= s->dim[i].k;
        o->samples |= s->dim[i].n;
    }
    return true;
}

static Val reduced(const Forward *f, Op op, Val x, const Over *o, bool keep)
{
    Attr attr[] = { ir_ints(AT_axes, o->axis, o->n), ir_flag(AT_keep) };
    return o->n ? ir_add(f->g, op, f->loc, IR_IN(x), attr, 1 + keep) : x;
}

Value *fe_form_reduction(const Forward *f)
{
    Over o;
    if (!over(f, f->c->v[1], &o)) return fe_bad(f->in, f->at);
    Op op = f->name[0] == 's' ? OP_sum : OP_mean;
    return fe_made(f, reduced(f, op, f->x, &o, f->c->v[2]->u.b), false);
}

/* sum((x - mean)^2) / (N - correction), and the root of it, whose derivative at 0 is 0 */
Value *fe_form_spread(const Forward *f)
{
    Over o;
    double correction = f->c->v[2]->u.b ? 1 : 0;
    if (!over(f, f->c->v[1], &o)) return fe_bad(f->in, f->at);
    if (f->c->given[4]) fe_number(f->c->v[4], &correction);
    if (o.samples)
        return fe_misfit(f, "it takes axes of a sample here, not the batch's: dim=1");
    Val by = ir_map(f->g, "a - b", IR_IN(f->x, reduced(f, OP_mean, f->x, &o, true)), f->loc);
    Val sq = ir_add(f->g, OP_mul, f->loc, IR_IN(by, by), IR_NO_ATTRS);
    const char *share = ir_real_string((double)o.elems - correction, f->in->a);
    const char *e = arena_printf(f->in->a, f->name[0] == 's' ? "a > 0 ? sqrt(a / %s) : a / %s" : "a / %s", share,
                                 share);
    Val sum = reduced(f, OP_sum, sq, &o, f->c->v[3]->u.b);
    return fe_made(f, ir_map(f->g, e, IR_IN(sum), f->loc), false);
}

/* The root of the sum of squares, whose derivative at 0 is 0; or the sum of absolute values. */
Value *fe_form_norm(const Forward *f)
{
    Over o;
    const Value *p = f->c->v[1];
    double power = 0;
    bool fro = p->kind == V_STR && strcmp(p->u.s, "fro") == 0;
    if (!fro && !fe_number(p, &power)) power = 0;
    if (!fro && power != 1 && power != 2) return fe_misfit(f, "only p=1 and p=2 are in this version");
    if (!over(f, f->c->v[2], &o)) return fe_bad(f->in, f->at);
    Val each = ir_map(f->g, power == 1 ? "abs(a)" : "a * a", IR_IN(f->x), f->loc);
    Val y = reduced(f, OP_sum, each, &o, f->c->v[3]->u.b);
    if (power != 1) y = ir_map(f->g, "a > 0 ? sqrt(a) : a", IR_IN(y), f->loc);
    return fe_made(f, y, false);
}

/* ---- largest and smallest ---- */

/* x with the axis behind the others, as rows of it: [k, rest, size], where k has the samples. */
static Val rows_of(const Forward *f, int axis)
{
    Shape s = *shape_of(f, f->x), rows = { 3, { ir_dim(1), ir_dim(1), s.dim[axis] } };
    int64_t order[IR_MAX_RANK];
    int n = 0, samples = axis == 0;
    for (int i = 0; i < s.rank; i++) if (s.dim[i].n) samples = i;
    for (int i = 0; i < s.rank; i++) {
        if (i == axis) continue;
        Dim *to = &rows.dim[i > samples];
        to->k *= s.dim[i].k, to->n |= s.dim[i].n;
        order[n++] = i;
    }
    order[n] = axis;
    Val x = axis == n ? f->x : ir_add(f->g, OP_permute, f->loc, IR_IN(f->x),
                                      IR_ATTRS(ir_ints(AT_order, order, s.rank)));
    return fe_reshaped(f, x, rows);
}

static Val largest(const Forward *f, int axis, bool smallest)
{
    const int64_t one = 1;
    Attr whole = ir_ints(AT_adaptive, &one, 1);
    Val x = rows_of(f, axis);
    if (smallest) x = ir_add(f->g, OP_neg, f->loc, IR_IN(x), IR_NO_ATTRS);
    Val at = ir_add(f->g, OP_pool_index, f->loc, IR_IN(x), &whole, 1);
    Val y = ir_add(f->g, OP_pool_take, f->loc, IR_IN(x, at), &whole, 1);
    return smallest ? ir_add(f->g, OP_neg, f->loc, IR_IN(y), IR_NO_ATTRS) : y;
}

/* The largest over several axes, which are kept: the last ones as one, others one after the other. */
static Val largest_over(const Forward *f, const Over *o, bool smallest)
{
    Forward part = *f;
    Shape s = *shape_of(f, f->x), rows = s;
    bool last = o->n > 0 && o->axis[0] == s.rank - o->n && o->axis[0] > 0;
    rows.rank = (uint8_t)(s.rank - o->n + 1);
    rows.dim[rows.rank - 1] = ir_dim(o->elems);
    if (last) part.x = fe_reshaped(f, f->x, rows);
    for (int i = 0; i < o->n; i++) {
        int axis = (int)o->axis[i];
        s.dim[axis] = ir_dim(1);
        if (!last || i == 0) part.x = largest(&part, axis, smallest);
        if (!last || i == o->n - 1) part.x = fe_reshaped(&part, part.x, s);
    }
    return part.x;
}

/* Axes of samples, of which the largest can be taken; false: reported. */
static bool over_places(const Forward *f, const Value *dim, Over *o)
{
    const Shape *s = shape_of(f, f->x);
    if (!over(f, dim, o)) return false;
    bool good = !o->samples && s->rank > 1;
    good = good && o->elems <= IR_MAX_WINDOW;
    if (!good) fe_misfit(f, "it takes axes of a sample here, not the batch's: dim=1");
    return good;
}

static Val without(const Forward *f, Val x, const Over *o)
{
    Shape s = *shape_of(f, x), to = { .rank = 0 };
    for (int i = 0, k = 0; i < s.rank; i++) {
        if (k < o->n && o->axis[k] == i) k++;
        else to.dim[to.rank++] = s.dim[i];
    }
    return fe_reshaped(f, x, to);
}

/* torch.amax: equal elements share the derivative. */
Value *fe_form_amax(const Forward *f)
{
    Over o;
    if (!over_places(f, f->c->v[1], &o)) return fe_bad(f->in, f->at);
    Val top = largest_over(f, &o, f->name[2] == 'i');
    top = ir_add(f->g, OP_stop, f->loc, IR_IN(top), IR_NO_ATTRS);
    Val is_top = ir_map(f->g, "a == b ? 1 : 0", IR_IN(f->x, top), f->loc);
    Val over_it = ir_map(f->g, "a == b ? a - b : 0", IR_IN(f->x, top), f->loc);
    Val y = ir_map(f->g, "a / b + c", IR_IN(reduced(f, OP_sum, over_it, &o, true),
                                            reduced(f, OP_sum, is_top, &o, true), top), f->loc);
    return fe_made(f, f->c->v[2]->u.b ? y : without(f, y, &o), false);
}

/* log(sum(exp(x))): what is largest is taken off first, unless it is infinite. */
Value *fe_form_logsumexp(const Forward *f)
{
    Over o;
    if (!over_places(f, f->c->v[1], &o)) return fe_bad(f->in, f->at);
    const char *most = f->g->module->real == DT_f64 ? "1.7976931348623157e308" : "3.4028234663852886e38";
    Val top = ir_map(f->g, arena_printf(f->in->a, "abs(a) <= %s ? a : 0", most),
                     IR_IN(largest_over(f, &o, false)), f->loc);
    top = ir_add(f->g, OP_stop, f->loc, IR_IN(top), IR_NO_ATTRS);
    Val each = ir_map(f->g, "exp(a - b)", IR_IN(f->x, top), f->loc);
    Val y = ir_map(f->g, "log(a) + b", IR_IN(reduced(f, OP_sum, each, &o, true), top), f->loc);
    return fe_made(f, f->c->v[2]->u.b ? y : without(f, y, &o), false);
}

/* x.max(dim) as PyTorch gives it: values, and where they were, which is not known here. */
static Value *values_and_indices(const Forward *f, Value *values)
{
    Value *pair = fe_list(f->in, V_TUPLE, f->at);
    pair->u.list->extremes = true;
    fe_push(f->in, pair, values);
    fe_push(f->in, pair, fe_data(f->in, "the places of largest or smallest elements", f->at));
    return pair;
}

/* max(dim), max(other); max() of everything would join the samples of a batch. */
Value *fe_form_max(const Forward *f)
{
    const Value *dim = f->c->v[1];
    Shape s = *shape_of(f, f->x);
    if (dim->kind == V_TRACED || dim->kind == V_PARAM || dim->kind == V_TENSOR)
        return fe_form_pair(f);
    if (dim->kind == V_NONE)
        return fe_misfit(f, "it takes an axis here: x.max(dim=1).values");
    int axis = fe_axis_of(f, dim, &s, 0);
    if (axis < 0) return fe_bad(f->in, f->at);
    if (s.dim[axis].n)
        return fe_misfit(f, arena_printf(f->in->a, "dim=%d counts the samples of a batch, which do "
                                         "not see each other here", axis));
    if (s.dim[axis].k > IR_MAX_WINDOW)
        return fe_misfit(f, arena_printf(f->in->a, "dim=%d has %lld places, more than %d", axis,
                                         (long long)s.dim[axis].k, IR_MAX_WINDOW));
    if (s.rank == 1) return fe_misfit(f, "it takes more than one axis here");
    Shape to = s;
    to.dim[axis] = ir_dim(1);
    if (!f->c->v[2]->u.b) {
        memmove(&to.dim[axis], &to.dim[axis + 1],
                sizeof to.dim[0] * (size_t)(to.rank - axis - 1));
        to.rank--;
    }
    Value *v = fe_made(f, fe_reshaped(f, largest(f, axis, f->name[1] == 'i'), to), false);
    return v->kind == V_BAD ? v : values_and_indices(f, v);
}
