/* frontend/forward_index.c: x[…] in forward: integers, slices, None, the ellipsis. */
#include "frontend/eval.h"
#include "frontend/forward.h"
#include <string.h>

/* What an index makes of a tensor, axis by axis: a part of each, and the shape that is left. */
typedef struct Pick { Val x; Shape s; int axis; } Pick;

static bool whole(const Expr *key)
{
    return key->kind == X_SLICE && !key->item[0] && !key->item[1] && !key->item[2];
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
        if (b[0] >= b[1] || b[2] != 1) {
            fe_misfit(f, b[2] != 1 ? "steps other than 1 are not in this version"
                                   : "the part is empty");
            return false;
        }
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
    if (!v) return p->axis++, true;
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
    Pick p = { x, ir_type(t->g, x)->shape, 0 };
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
    Value *v = fe_made(&f, fe_reshaped(&f, p.x, p.s), true);
    return fe_is_mask(of) ? fe_as_mask(v) : v;
}
