/* frontend/forward_products.c: products of matrices in forward, of batches of them, and attention. */
#include "frontend/forward.h"
#include <math.h>
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

static Shape without_axis(Shape s, int axis)
{
    memmove(&s.dim[axis], &s.dim[axis + 1], sizeof s.dim[0] * (size_t)(s.rank - axis - 1));
    s.rank--;
    return s;
}

/* [.., i, k] @ [.., k, j] as the sum over k of [.., i, k, 1] * [.., 1, k, j], which is one kernel; none: reported. */
static Val batched(const Forward *f, Val a, Val b)
{
    Shape p = *shape_of(f, a), q = *shape_of(f, b), all;
    const int64_t k = (p.rank > q.rank ? p.rank : q.rank) - 1;      /* where that axis is then */
    if (k + 2 > IR_MAX_RANK) return fe_misfit(f, "a product has at most 3 axes of matrices"), (Val){ 0 };
    if (p.dim[p.rank - 1].n)
        return fe_misfit(f, "a sum over the samples of a batch is no product here"), (Val){ 0 };
    Shape left = all = fe_with_axis(p, p.rank), right = fe_with_axis(q, q.rank - 2);
    if (!ir_dim_eq(p.dim[p.rank - 1], q.dim[q.rank - 2]) || !ir_broadcast(&all, &right))
        return fe_two_shapes(f, a, b), (Val){ 0 };
    if (!fe_fits(f->t, f->at, &all)) return (Val){ 0 };
    Val both = ir_add(f->g, OP_mul, f->loc, IR_IN(fe_reshaped(f, a, left), fe_reshaped(f, b, right)), IR_NO_ATTRS);
    return ir_add(f->g, OP_sum, f->loc, IR_IN(both), IR_ATTRS(ir_ints(AT_axes, &k, 1)));
}

/* A vector on either side is a matrix of one row or column, which goes again. */
static Value *batch(const Forward *f, Val a, Val b, bool vector)
{
    Shape p = *shape_of(f, a);
    if (p.rank == 1) a = fe_reshaped(f, a, fe_with_axis(p, 0));
    Val y = batched(f, a, b);
    if (!y.i) return fe_bad(f->in, f->at);
    Shape s = *shape_of(f, y);
    if (vector) s = without_axis(s, s.rank - 1);
    if (p.rank == 1) s = without_axis(s, s.rank - 2 + vector);
    return fe_made(f, fe_reshaped(f, y, s), false);
}

/* [.., k] @ [k, l] */
Value *fe_product(const Forward *f, Val a, Val b)
{
    if (!a.i || !b.i) return fe_bad(f->in, f->at);
    Shape p = *shape_of(f, a), q = *shape_of(f, b), rows = { 2, { ir_dim(1), ir_dim(1) } };
    bool vector = q.rank == 1, one_row = p.rank == 1;
    if (vector) b = fe_reshaped(f, b, q = (Shape){ 2, { q.dim[0], ir_dim(1) } });
    int axes_with_n = 0;
    for (int i = 0; i + 1 < p.rank; i++) {
        rows.dim[0].k *= p.dim[i].k, rows.dim[0].n |= p.dim[i].n;
        axes_with_n += p.dim[i].n;
    }
    if (q.rank != 2 || p.rank < 1 || axes_with_n > 1)
        return batch(f, a, b, vector);
    rows.dim[1] = p.dim[p.rank - 1];
    if (!ir_dim_eq(rows.dim[1], q.dim[0])) return fe_two_shapes(f, a, b);
    /* A transposed factor is read as it lies. */
    const Node *x = ir_node(f->g, b);
    bool tb = x->op == OP_permute;
    if (tb) b = x->in[0];
    Attr flag = ir_flag(AT_tb);
    Val y = ir_add(f->g, OP_matmul, f->loc, IR_IN(fe_reshaped(f, a, rows), b), &flag, tb);
    Shape s = p;
    s.dim[p.rank - 1] = q.dim[1];
    if (vector) s.rank--;
    if (one_row) {
        s = (Shape){ .rank = !vector, .dim = { q.dim[1] } };
    }
    return fe_made(f, fe_reshaped(f, y, s), false);
}

/* bmm takes no vectors and broadcasts nothing. */
Value *fe_form_product(const Forward *f)
{
    Val b = fe_tensor_val(f->t, f->c->v[1], f->c->v_at[1]);
    int rank = strcmp(f->name, "bmm") == 0 ? 3 : strcmp(f->name, "mm") == 0 ? 2 : 0;
    if (b.i && rank && (shape_of(f, f->x)->rank != rank || shape_of(f, b)->rank != rank
                        || (rank == 3 && !ir_dim_eq(shape_of(f, f->x)->dim[0], shape_of(f, b)->dim[0]))))
        return fe_two_shapes(f, f->x, b);
    return fe_product(f, f->x, b);
}

/* ---- attention ---- */

/* 0 where j <= i, else -inf: what place i sees of the places before it. */
static Val causal(const Forward *f, Shape s)
{
    Shape m = { 2, { s.dim[s.rank - 2], s.dim[s.rank - 1] } };
    int64_t rows = m.dim[0].k, cols = m.dim[1].k;
    double *x = arena_alloc(f->in->a, (size_t)(rows * cols), sizeof *x);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < cols; j++) x[i * cols + j] = -INFINITY;
    return ir_const(f->g, ir_type_of(f->g->module->real, m), x, (int)(rows * cols), f->loc);
}

/* softmax(query key' scale + mask) value */
Value *fe_form_attention(const Forward *f)
{
    const Call *c = f->c;
    enum { KEY = 1, VALUE, MASK, DROPOUT, CAUSAL, SCALE, MOST = 1 << 20 };
    Val key = fe_tensor_val(f->t, c->v[KEY], c->v_at[KEY]), value = fe_tensor_val(f->t, c->v[VALUE], c->v_at[VALUE]);
    double scale = 0, p = 0;
    if (!key.i || !value.i) return fe_bad(f->in, f->at);
    Shape q = *shape_of(f, f->x), k = *shape_of(f, key);
    bool is_causal = c->v[CAUSAL]->u.b, mask = c->v[MASK]->kind != V_NONE;
    fe_number(c->v[DROPOUT], &p);
    if (c->v[SCALE + 1]->u.b) return fe_misfit(f, "enable_gqa is not in this version");
    if (p != 0) return fe_misfit(f, "dropout_p is not in this version");
    if (q.rank < 3 || k.rank < 3 || shape_of(f, value)->rank < 3)
        return fe_misfit(f, "it takes tensors of three axes and more: [.., length, width]");
    if (is_causal && mask) return fe_misfit(f, "attn_mask and is_causal are not both given");
    if (!fe_number(c->v[SCALE], &scale)) scale = 1 / sqrt((double)q.dim[q.rank - 1].k);
    int64_t order[IR_MAX_RANK];
    for (int i = 0; i < k.rank; i++) order[i] = i;
    order[k.rank - 2] = k.rank - 1, order[k.rank - 1] = k.rank - 2;
    key = ir_add(f->g, OP_permute, f->loc, IR_IN(key), IR_ATTRS(ir_ints(AT_order, order, k.rank)));
    Val s = batched(f, f->x, key);
    if (!s.i) return fe_bad(f->in, f->at);
    s = ir_map(f->g, arena_printf(f->in->a, "a * %s", ir_real_string(scale, f->in->a)), IR_IN(s), f->loc);
    Shape t = *shape_of(f, s), both = t;
    if (is_causal && (t.dim[t.rank - 1].n || t.dim[t.rank - 2].n
                      || t.dim[t.rank - 1].k * t.dim[t.rank - 2].k > MOST))
        return fe_misfit(f, "is_causal takes lengths of up to 1024");
    if (is_causal) s = ir_add(f->g, OP_add, f->loc, IR_IN(s, causal(f, t)), IR_NO_ATTRS);
    if (mask) {
        Val m = fe_any_val(f->t, c->v[MASK], c->v_at[MASK]);
        if (!m.i) return fe_bad(f->in, f->at);
        if (!ir_broadcast(&both, shape_of(f, m)) || !ir_shape_eq(&both, &t)) return fe_two_shapes(f, s, m);
        const double none = -INFINITY;
        Val minus = ir_const(f->g, ir_type_of(f->g->module->real, ir_shape(0, NULL)), &none, 1, f->loc);
        s = fe_is_mask(c->v[MASK]) ? ir_map(f->g, "b == 0 ? c : a", IR_IN(s, m, minus), f->loc)
                                   : ir_add(f->g, OP_add, f->loc, IR_IN(s, m), IR_NO_ATTRS);
    }
    s = ir_add(f->g, OP_softmax, f->loc, IR_IN(s), IR_ATTRS(ir_int(AT_axis, t.rank - 1)));
    return batch(f, s, value, false);
}
