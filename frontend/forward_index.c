/* frontend/forward_index.c: x[…] in forward: integers, slices, lists of places, None, the ellipsis. */
#include "frontend/eval.h"
#include "frontend/forward.h"
#include "frontend/tensor.h"
#include "ir/window.h"
#include <string.h>

/* What an index makes of a tensor, axis by axis: a part of each, and the shape that is left. */
/* listed, placed: a list and an integer named places. */
typedef struct Pick { Val x; Shape s; int axis; bool listed, placed; } Pick;

static bool whole(const Expr *key)
{
    return key->kind == X_SLICE && !key->item[0] && !key->item[1] && !key->item[2];
}

/* Each step-th place of the axis, from its first on: windows of one element. */
static bool every(const Forward *f, Pick *p, int64_t step)
{
    Shape s = p->s, four = { 4, { ir_dim(1), ir_dim(1), s.dim[p->axis], ir_dim(1) } };
    int64_t kernel[] = { 1, 1 }, stride[] = { step, 1 };
    if (step > IR_MAX_WINDOW) stride[0] = IR_MAX_WINDOW;
    if (s.dim[p->axis].k <= stride[0]) {
        p->x = fe_cut(f, p->x, p->axis, 0, 1);
        p->s.dim[p->axis] = ir_dim(1);
        return true;
    }
    if (step > stride[0]) return fe_misfit(f, "the step is too large"), false;
    for (int i = 0; i < s.rank; i++) {
        Dim *to = &four.dim[i < p->axis ? 0 : 3];
        if (i == p->axis) continue;
        if (i > p->axis && s.dim[i].n)
            return fe_misfit(f, "a step is taken on an axis behind that of the samples"), false;
        to->k *= s.dim[i].k, to->n |= s.dim[i].n;
    }
    Val x = ir_add(f->g, OP_pool_sum, f->loc, IR_IN(fe_reshaped(f, p->x, four)),
                   IR_ATTRS(ir_ints(AT_kernel, kernel, 2), ir_ints(AT_stride, stride, 2)));
    p->s.dim[p->axis] = ir_dim((s.dim[p->axis].k - 1) / step + 1);
    p->x = fe_reshaped(f, x, p->s);
    return true;
}

/* x[:, [2, 1, 0]]: places of the axis by a list of integers, one list in an index. */
static bool pick_places(const Forward *f, Pick *p, const Value *v, Span at)
{
    enum { MOST = 4096 };
    bool list = v->kind == V_LIST;
    int64_t n = list ? v->u.list->n : v->u.tensor->n, size = p->s.dim[p->axis].k;
    bool whole_numbers = list || (v->u.tensor->type == EL_INT64 && v->u.tensor->rank == 1);
    if (n < 1 || n > MOST || !whole_numbers || p->listed)
        return fe_misfit(f, p->listed ? "one list of places is the most"
                                      : "a list of places holds integers, 4096 at the most"), false;
    p->listed = true;
    p->x = fe_reshaped(f, p->x, p->s);
    Val *part = arena_alloc(f->in->a, (size_t)n, sizeof *part);
    for (int64_t i = 0; i < n; i++) {
        const Value *item = list ? v->u.list->item[i] : NULL;
        if (item && item->kind != V_INT) {
            fe_report(f->in->d, at, DG(bad_index), fe_kind_name(item));
            return false;
        }
        int64_t k = item ? item->u.i : (int64_t)v->u.tensor->x[i];
        if (k < -size || k >= size) {
            fe_report(f->in->d, at, DG(index_range), (long long)k, "an axis", (long long)size);
            return false;
        }
        k += k < 0 ? size : 0;
        part[i] = fe_cut(f, p->x, p->axis, k, k + 1);
    }
    p->s.dim[p->axis] = ir_dim(n);
    p->x = fe_join(f, part, (int)n, p->axis++);
    return true;
}

/* One item of the index; false: reported. */
static bool pick(const Forward *f, Pick *p, const Expr *key)
{
    Interp *in = f->in;
    const Value *v = key->kind == X_SLICE || key->kind == X_ELLIPSIS ? NULL : fe_eval(in, key);
    if (v && v->kind == V_BAD) return false;
    if (v && v->kind == V_NONE && p->s.rank < IR_MAX_RANK) {
        p->s = fe_with_axis(p->s, p->axis++);
        return true;
    }
    if (p->axis >= p->s.rank) {
        fe_misfit(f, "it has more indices than the tensor has axes");
        return false;
    }
    Dim d = p->s.dim[p->axis];
    if (whole(key)) return p->axis++, true;
    if (d.n) {
        fe_misfit(f, "the samples of a batch are not known here: x[:, …] takes all of them");
        return false;
    }
    int64_t b[3] = { 0, 0, 1 };
    if (!v) {
        if (!fe_slice_bounds(in, key, d.k, b)) return false;
        if (b[2] < 1 || b[0] >= b[1]) {
            fe_misfit(f, b[2] < 1 ? "a step is at least 1" : "the part is empty");
            return false;
        }
    } else if (v->kind == V_LIST || v->kind == V_TENSOR) {
        return pick_places(f, p, v, key->at);
    } else if (v->kind == V_INT && v->u.i >= -d.k && v->u.i < d.k) {
        b[0] = v->u.i < 0 ? v->u.i + d.k : v->u.i;
        b[1] = b[0] + 1;
    } else {
        if (v->kind == V_INT)
            fe_report(in->d, key->at, DG(index_range), (long long)v->u.i, "an axis",
                      (long long)d.k);
        else fe_report(in->d, key->at, DG(bad_index), fe_kind_name(v));
        return false;
    }
    /* The axes before this one may have gone or come: cut in the shape as it is now. */
    p->x = fe_cut(f, fe_reshaped(f, p->x, p->s), p->axis, b[0], b[1]);
    p->s.dim[p->axis] = ir_dim(b[1] - b[0]);
    if (b[2] > 1 && !every(f, p, b[2])) return false;
    if (!v) return p->axis++, true;
    p->placed = true;
    memmove(&p->s.dim[p->axis], &p->s.dim[p->axis + 1],
            sizeof p->s.dim[0] * (size_t)(p->s.rank - p->axis - 1));
    p->s.rank--;
    return true;
}

Value *fe_traced_index(Interp *in, Value *of, const Expr *key, Span at)
{
    Trace *t = in->trace;
    Val x = fe_any_val(t, of, at);
    if (!x.i) return fe_bad(in, at);
    Forward f = { .in = in, .t = t, .g = t->g, .at = at, .name = "[…]", .x = x, .x_value = of,
                  .loc = fe_loc(t->g->module, in->d, at) };
    Pick p = { x, ir_type(t->g, x)->shape, 0, false, false };
    int n = key->kind == X_TUPLE ? key->n_item : 1, named = 0;
    for (int i = 0; i < n; i++) {
        const Expr *k = key->kind == X_TUPLE ? key->item[i] : key;
        named += k->kind != X_ELLIPSIS && k->kind != X_NONE;
    }
    for (int i = 0; i < n; i++) {
        const Expr *k = key->kind == X_TUPLE ? key->item[i] : key;
        if (k->kind == X_ELLIPSIS) p.axis += ir_type(t->g, x)->shape.rank - named;
        else if (!pick(&f, &p, k)) return fe_bad(in, at);
    }
    if (p.listed && p.placed)        /* where such axes go depends on what stands between them */
        return fe_misfit(&f, "a list of places and an integer are two indices: x[:, [0, 2]][:, :, 1]");
    Value *v = fe_made(&f, fe_reshaped(&f, p.x, p.s), true);
    return fe_is_mask(of) ? fe_as_mask(v) : v;
}
