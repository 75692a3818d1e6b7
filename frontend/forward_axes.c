/* frontend/forward_axes.c: what takes axes apart and repeats them in forward, and shapes that are taken
 * from another tensor. Everything here is made of views, slices and broadcasts. */
#include "frontend/forward.h"
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

static const char *shape_text(const Forward *f, const Shape *s)
{
    return fe_shape_text(f->in->a, s, f->t->chain.batch);
}

/* ---- shapes of other tensors ---- */

/* expand_as, view_as, reshape_as, type_as: the second tensor's numbers do not matter. */
Value *fe_form_like(const Forward *f)
{
    Val other = fe_tensor_val(f->t, f->c->v[1], f->c->v_at[1]);
    if (!other.i) return fe_bad(f->in, f->at);
    Shape s = *shape_of(f, f->x), to = *shape_of(f, other), both = s;
    bool mask = fe_is_mask(f->x_value) && f->name[0] != 't';
    if (mask) return fe_misfit(f, "a comparison's result keeps its shape; expand takes sizes");
    if (f->name[0] == 't') return fe_traced(f->t, f->x, fe_is_mask(f->x_value) ? NULL : f->x_value, f->at);
    if (f->name[0] == 'e')
        return ir_broadcast(&both, &to) && ir_shape_eq(&both, &to)
            ? fe_made(f, fe_expanded(f, f->x, to), true) : fe_two_shapes(f, f->x, other);
    int64_t have = 1, want = 1;
    int n = 0;
    for (int i = 0; i < s.rank; i++) have *= s.dim[i].k, n += s.dim[i].n;
    for (int i = 0; i < to.rank; i++) want *= to.dim[i].k, n -= to.dim[i].n;
    return have == want && n == 0 ? fe_made(f, fe_reshaped(f, f->x, to), true)
                                  : fe_two_shapes(f, f->x, other);
}

/* ---- repeated ---- */

/* Axis k, `times` over; each: every place by itself, else the whole axis. Of the batch: false, reported. */
static bool repeated(const Forward *f, Val *x, int axis, int64_t times, bool each)
{
    Shape s = *shape_of(f, *x), to = s;
    if (times == 1) return true;
    if (times < 1 || __builtin_mul_overflow(s.dim[axis].k, times, &to.dim[axis].k) || s.dim[axis].n
        || s.rank == IR_MAX_RANK) {
        fe_misfit(f, times < 1 ? "an axis is repeated once or more"
                     : s.dim[axis].n ? "the samples of a batch are not repeated here"
                                     : arena_printf(f->in->a, "axis %d of %s is repeated %lld times", axis,
                                                    shape_text(f, &s), (long long)times));
        return false;
    }
    if (!fe_fits(f->t, f->at, &to)) return false;
    Shape apart = fe_with_axis(s, axis + each), wide = apart;
    wide.dim[axis + each] = ir_dim(times);
    *x = fe_reshaped(f, fe_expanded(f, fe_reshaped(f, *x, apart), wide), to);
    return true;
}

/* x.repeat(2, 1, 3), torch.tile(x, (2, 1, 3)): how often each axis, the last ones of more or fewer. */
Value *fe_form_repeat(const Forward *f)
{
    List l = fe_rest(f->c);
    Shape s = *shape_of(f, f->x);
    Val x = f->x;
    bool tile = f->name[0] == 't';
    if (l.n > IR_MAX_RANK || (!tile && l.n < s.rank))
        return fe_misfit(f, arena_printf(f->in->a, "it takes a number for each axis of %s, but gets %d",
                                         shape_text(f, &s), l.n));
    while (s.rank < l.n) s = fe_with_axis(s, 0);
    x = fe_reshaped(f, x, s);
    for (int i = 0; i < l.n; i++) {
        const Value *v = l.item[i];
        if (v->kind == V_BAD) return fe_bad(f->in, f->at);
        if (v->kind != V_INT) return fe_misfit(f, "how often an axis is repeated is an integer");
        if (!repeated(f, &x, s.rank - l.n + i, v->u.i, false)) return fe_bad(f->in, f->at);
    }
    return fe_made(f, x, false);
}

Value *fe_form_repeat_interleave(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    Val x = f->x;
    int axis = fe_axis_of(f, f->c->v[2], &s, 0);
    if (axis < 0 || !repeated(f, &x, axis, f->c->v[1]->u.i, true)) return fe_bad(f->in, f->at);
    return fe_made(f, x, false);
}

/* ---- apart ---- */

static Val place(const Forward *f, int axis, int64_t i)
{
    Shape s = *shape_of(f, f->x);
    Val x = fe_cut(f, f->x, axis, i, i + 1);
    memmove(&s.dim[axis], &s.dim[axis + 1], sizeof s.dim[0] * (size_t)(s.rank - axis - 1));
    s.rank--;
    return fe_reshaped(f, x, s);
}

Value *fe_form_unbind(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    int axis = fe_fixed_axis(f, f->c->v[1], &s, 0);
    if (axis < 0) return fe_bad(f->in, f->at);
    Value *all = fe_list(f->in, V_TUPLE, f->at);
    for (int64_t i = 0; i < s.dim[axis].k; i++) {
        Value *part = fe_made(f, place(f, axis, i), true);
        if (part->kind == V_BAD || !fe_push(f->in, all, part)) return fe_bad(f->in, f->at);
    }
    return all;
}

Value *fe_form_select(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    int axis = fe_fixed_axis(f, f->c->v[1], &s, 0);
    int64_t i = f->c->v[2]->u.i;
    if (axis < 0) return fe_bad(f->in, f->at);
    if (i < -s.dim[axis].k || i >= s.dim[axis].k)
        return fe_misfit(f, arena_printf(f->in->a, "axis %d of %s has no place %lld", axis,
                                         shape_text(f, &s), (long long)i));
    return fe_made(f, place(f, axis, i < 0 ? i + s.dim[axis].k : i), true);
}
