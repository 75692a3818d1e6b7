/* frontend/forward_shape.c: what moves elements of tensors in forward: views, axes in another
 * order, tensors joined and cut.
 *
 * The batch is a factor of axis sizes that has no number yet: x.size(0) is a value (V_SIZE) that
 * view takes like a number. No axis that holds it is joined or cut. */
#include "frontend/forward.h"
#include "frontend/tensor.h"
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

static const char *shape_text(const Forward *f, const Shape *s)
{
    return fe_shape_text(f->in->a, s, f->t->chain.batch);
}

/* ---- sizes ---- */

static Value *size_value(Interp *in, Dim d, Span at)
{
    if (!d.n) return fe_int(in, d.k, at);
    Value *v = fe_val(in, V_SIZE, at);
    v->u.i = d.k;
    return v;
}

Value *fe_shape_tuple(Interp *in, const Shape *s, Span at)
{
    Value *t = fe_list(in, V_TUPLE, at);
    for (int i = 0; i < s->rank; i++) fe_push(in, t, size_value(in, s->dim[i], at));
    return t;
}

Value *fe_form_size(const Forward *f)
{
    const Shape *s = shape_of(f, f->x);
    if (f->name[0] == 'd') return fe_int(f->in, s->rank, f->at);
    if (f->name[0] == 'n') {
        Dim all = { 1, false };
        for (int i = 0; i < s->rank; i++) {
            if (s->dim[i].n && all.n) return fe_misfit(f, "the batch counts twice in it");
            all.k *= s->dim[i].k, all.n |= s->dim[i].n;
        }
        return size_value(f->in, all, f->at);
    }
    if (f->c->v[1]->kind == V_NONE) return fe_shape_tuple(f->in, s, f->at);
    int axis = fe_axis_of(f, f->c->v[1], s, 0);
    return axis < 0 ? fe_bad(f->in, f->at) : size_value(f->in, s->dim[axis], f->at);
}

/* ---- views ---- */

/* The arguments behind the tensor, one by one or as one list. */
List fe_rest(const Call *c)
{
    List l = *c->positional->u.list;
    l.item++, l.n--;
    if (l.n == 1 && (l.item[0]->kind == V_TUPLE || l.item[0]->kind == V_LIST))
        l = *l.item[0]->u.list;
    return l;
}

static const char *list_text(const Forward *f, const List *l)
{
    List copy = *l;
    Value v = { .kind = V_TUPLE, .u.list = &copy };
    return fe_repr(f->in->a, &v);
}

/* Sizes for as many elements as `from` has, one of them perhaps -1; false: they do not fit. */
static bool view_shape(const Shape *from, const List *l, Shape *to)
{
    int64_t have = 1, known = 1;
    int open = -1, n = 0;
    for (int i = 0; i < from->rank; i++) have *= from->dim[i].k, n += from->dim[i].n;
    *to = (Shape){ .rank = (uint8_t)l->n };
    for (int i = 0; i < l->n; i++) {
        const Value *v = l->item[i];
        to->dim[i] = (Dim){ v->u.i, v->kind == V_SIZE };
        n -= v->kind == V_SIZE;
        if (v->kind != V_SIZE && v->kind != V_INT) return false;
        if (v->u.i == -1 && open < 0) open = i;
        else if (v->u.i < 1 || __builtin_mul_overflow(known, v->u.i, &known)) return false;
    }
    if (open < 0) return n == 0 && have == known;
    if (have % known != 0 || n < 0 || n > 1) return false;
    to->dim[open] = (Dim){ have / known, n == 1 };
    return true;
}

/* What would fit: the last size such that the others stay as they are. */
static void help_view(const Forward *f, const Shape *s, const List *l)
{
    int64_t have = 1, known = 1;
    for (int i = 1; i < s->rank; i++) have *= s->dim[i].k;
    for (int i = 1; i + 1 < l->n; i++)
        if (l->item[i]->kind == V_INT && l->item[i]->u.i > 0) known *= l->item[i]->u.i;
    if (l->n >= 2 && have % known == 0)
        fe_help(f->in->d, "a sample has %lld elements here: the last size is %lld, or -1",
                (long long)have, (long long)(have / known));
}

Value *fe_form_view(const Forward *f)
{
    Shape s = *shape_of(f, f->x), to;
    List l = fe_rest(f->c);
    if (l.n > IR_MAX_RANK)
        return fe_misfit(f, arena_printf(f->in->a, "a tensor has at most %d axes", IR_MAX_RANK));
    for (int i = 0; i < l.n; i++)
        if (l.item[i]->kind == V_BAD) return l.item[i];
    bool fits = view_shape(&s, &l, &to), rows = s.rank && s.dim[0].n;
    bool counts = l.n > 0 && (l.item[0]->kind == V_SIZE || l.item[0]->u.i == -1);
    if (!fits || (rows && !to.dim[0].n)) {
        Value *bad = fe_misfit(f, arena_printf(f->in->a, "%s cannot become %s",
                                               fe_shape_text(f->in->a, &s, 0), list_text(f, &l)));
        if (rows && !counts)
            fe_help(f->in->d, "the first axis counts the samples of any batch: %s(x.size(0), …)",
                    f->name);
        else help_view(f, &s, &l);
        return bad;
    }
    return fe_made(f, fe_reshaped(f, f->x, to), true);
}

Value *fe_form_squeeze(const Forward *f)
{
    Shape s = *shape_of(f, f->x), to = { .rank = 0 };
    const Value *v = f->c->v[1];
    int axis = v->kind == V_NONE ? -1 : fe_axis_of(f, v, &s, 0);
    if (v->kind != V_NONE && axis < 0) return fe_bad(f->in, f->at);
    for (int i = 0; i < s.rank; i++)
        if (!ir_dim_eq(s.dim[i], ir_dim(1)) || (axis >= 0 && i != axis))
            to.dim[to.rank++] = s.dim[i];
    return fe_made(f, fe_reshaped(f, f->x, to), true);
}

Shape fe_with_axis(Shape s, int axis)
{
    memmove(&s.dim[axis + 1], &s.dim[axis], sizeof s.dim[0] * (size_t)(s.rank - axis));
    s.dim[axis] = ir_dim(1);
    s.rank++;
    return s;
}

Value *fe_form_unsqueeze(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    if (s.rank == IR_MAX_RANK) return fe_misfit(f, "a tensor has at most 6 axes");
    int axis = fe_axis_of(f, f->c->v[1], &s, 1);
    return axis < 0 ? fe_bad(f->in, f->at)
                    : fe_made(f, fe_reshaped(f, f->x, fe_with_axis(s, axis)), true);
}

Value *fe_form_same(const Forward *f)
{
    bool mask = fe_is_mask(f->x_value), clone = strcmp(f->name, "clone") == 0;
    bool real = strcmp(f->name, "float") == 0;
    for (int i = 0; i < f->c->n_arg && mask; i++)
        real |= f->c->arg[i].v->kind == V_DTYPE && fe_elem_type(f->c->arg[i].v->u.s) != EL_BOOL;
    Value *v = fe_traced(f->t, f->x, clone || (mask && real) ? NULL : f->x_value, f->at);
    return mask && !real ? fe_as_mask(v) : v;
}

/* ---- axes in another order ---- */

static Value *reorder(const Forward *f, const int64_t *order, int rank)
{
    bool same = true;
    for (int i = 0; i < rank; i++) same = same && order[i] == i;
    if (same) return fe_traced(f->t, f->x, f->x_value, f->at);
    return fe_made(f, ir_add(f->g, OP_permute, f->loc, IR_IN(f->x),
                             IR_ATTRS(ir_ints(AT_order, order, rank))), true);
}

static bool is_list(const Value *v) { return v->kind == V_TUPLE || v->kind == V_LIST; }

Value *fe_form_permute(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    List l = fe_rest(f->c);
    int64_t order[IR_MAX_RANK];
    unsigned seen = 0;
    for (int i = 0; i < l.n && l.n == s.rank; i++) {
        int axis = fe_axis_of(f, l.item[i], &s, 0);
        if (axis < 0) return fe_bad(f->in, f->at);
        order[i] = axis;
        seen |= 1u << axis;
    }
    if (l.n == s.rank && seen == (1u << s.rank) - 1) return reorder(f, order, s.rank);
    return fe_misfit(f, arena_printf(f->in->a, "%s does not name each axis of %s once",
                                     list_text(f, &l), shape_text(f, &s)));
}

/* The axes `from` go to the places `to`, the others keep their order. */
Value *fe_form_movedim(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    int64_t order[IR_MAX_RANK];
    unsigned moved = 0, filled = 0;
    const Value *v[2] = { f->c->v[1], f->c->v[2] };
    int n[2], axis[2];
    for (int k = 0; k < 2; k++) n[k] = is_list(v[k]) ? v[k]->u.list->n : 1;
    if (n[0] != n[1]) return fe_misfit(f, "`source` and `destination` name as many axes");
    for (int i = 0; i < n[0]; i++) {
        for (int k = 0; k < 2; k++) {
            axis[k] = fe_axis_of(f, is_list(v[k]) ? v[k]->u.list->item[i] : v[k], &s, 0);
            if (axis[k] < 0) return fe_bad(f->in, f->at);
        }
        if (moved >> axis[0] & 1 || filled >> axis[1] & 1) return fe_misfit(f, "an axis is named twice");
        order[axis[1]] = axis[0];
        moved |= 1u << axis[0], filled |= 1u << axis[1];
    }
    for (int i = 0, next = 0; i < s.rank; i++) {
        if (moved >> i & 1) continue;
        while (filled >> next & 1) next++;
        order[next++] = i;
    }
    return reorder(f, order, s.rank);
}

Value *fe_form_transpose(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    int64_t order[IR_MAX_RANK] = { 0, 1, 2, 3, 4, 5 };
    bool named = f->name[1] != 0;
    if (!named && s.rank > 2) return fe_misfit(f, "t() takes a matrix; transpose names two axes");
    if (!named && s.rank < 2) return fe_traced(f->t, f->x, f->x_value, f->at);
    int a = named ? fe_axis_of(f, f->c->v[1], &s, 0) : 0;
    int b = named && a >= 0 ? fe_axis_of(f, f->c->v[2], &s, 0) : 1;
    if (a < 0 || b < 0) return fe_bad(f->in, f->at);
    order[a] = b, order[b] = a;
    return reorder(f, order, s.rank);
}

/* ---- joined and cut ---- */

/* Of an axis that does not count samples; -1: reported. */
int fe_fixed_axis(const Forward *f, const Value *v, const Shape *s, int more)
{
    int axis = fe_axis_of(f, v, s, more);
    if (axis < 0 || axis == s->rank || more || !s->dim[axis].n) return axis;
    fe_misfit(f, arena_printf(f->in->a, "dim=%d of %s counts the samples of a batch, whose number "
                              "is not known here", axis, fe_shape_text(f->in->a, s, 0)));
    fe_help(f->in->d, "dim=1 joins and cuts what samples have");
    return -1;
}

static Value *same_but(const Forward *f, const Shape *a, const Shape *b, int axis)
{
    return fe_misfit(f, arena_printf(f->in->a, "%s and %s differ in more than axis %d",
                                     shape_text(f, a), shape_text(f, b), axis));
}

/* As many as an op takes at a time. */
Val fe_join(const Forward *f, Val *part, int n, int axis)
{
    enum { MOST = 26 };
    while (n > 1) {
        int groups = 0;
        for (int i = 0; i < n; i += MOST, groups++) {
            int k = n - i < MOST ? n - i : MOST;
            part[groups] = k == 1 ? part[i]
                : ir_add(f->g, OP_cat, f->loc, part + i, k, IR_ATTRS(ir_int(AT_axis, axis)));
        }
        n = groups;
    }
    return part[0];
}

Value *fe_form_cat(const Forward *f)
{
    const List *l = f->x_value->u.list;
    bool stack = f->name[0] == 's';
    if (f->x_value->kind != V_LIST && f->x_value->kind != V_TUPLE)
        return fe_misfit(f, "it takes a list of tensors");
    if (l->n == 0) return fe_misfit(f, "the list is empty");
    Val *part = arena_alloc(f->in->a, (size_t)l->n, sizeof *part);
    int axis = -1;
    for (int i = 0; i < l->n; i++) {
        part[i] = fe_tensor_val(f->t, l->item[i], l->item[i]->at);
        if (!part[i].i) return fe_bad(f->in, f->at);
        Shape s = *shape_of(f, part[i]), first = *shape_of(f, part[0]);
        if (stack && s.rank == IR_MAX_RANK) return fe_misfit(f, "a tensor has at most 6 axes");
        if (i == 0) axis = fe_fixed_axis(f, f->c->v[1], &s, stack);
        if (axis < 0) return fe_bad(f->in, f->at);
        if (stack) part[i] = fe_reshaped(f, part[i], s = fe_with_axis(s, axis));
        if (s.rank == first.rank && axis < s.rank && !first.dim[axis].n)
            first.dim[axis] = s.dim[axis];
        if (i > 0 && (!ir_shape_eq(&s, &first) || s.dim[axis].n))
            return same_but(f, shape_of(f, part[0]), shape_of(f, part[i]), axis);
    }
    return fe_made(f, fe_join(f, part, l->n, axis), false);
}

Val fe_cut(const Forward *f, Val x, int axis, int64_t from, int64_t to)
{
    if (from == 0 && to == shape_of(f, x)->dim[axis].k) return x;
    return ir_add(f->g, OP_slice, f->loc, IR_IN(x),
                  IR_ATTRS(ir_int(AT_axis, axis), ir_int(AT_from, from), ir_int(AT_to, to)));
}

Value *fe_form_narrow(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    int axis = fe_fixed_axis(f, f->c->v[1], &s, 0);
    int64_t from = f->c->v[2]->u.i, n = f->c->v[3]->u.i;
    if (axis < 0) return fe_bad(f->in, f->at);
    if (from < 0 || n < 1 || from > s.dim[axis].k || n > s.dim[axis].k - from)
        return fe_misfit(f, arena_printf(f->in->a, "axis %d of %s has not these places", axis,
                                         shape_text(f, &s)));
    return fe_made(f, fe_cut(f, f->x, axis, from, from + n), true);
}

/* A value before and behind the places of an axis; less than none of them cuts. */
static Val padded(const Forward *f, Val x, int axis, int64_t low, int64_t high, double value)
{
    Type t = *ir_type(f->g, x);
    int64_t size = t.shape.dim[axis].k;
    Val part[3];
    int n = 0;
    x = fe_cut(f, x, axis, low < 0 ? -low : 0, high < 0 ? size + high : size);
    for (int k = 0; k < 3; k++) {
        int64_t more = k == 0 ? low : high;
        t.shape.dim[axis] = ir_dim(more);
        if (k == 1) part[n++] = x;
        else if (more > 0) part[n++] = ir_const(f->g, t, &value, 1, f->loc);
    }
    return fe_join(f, part, n, axis);
}

/* Pairs of numbers, for the last axis first. */
Value *fe_form_pad(const Forward *f)
{
    const Value *v = f->c->v[1];
    bool list = v->kind == V_TUPLE || v->kind == V_LIST;
    double value = 0;
    Val x = f->x;
    if (strcmp(f->c->v[2]->u.s, "constant") != 0)
        return fe_misfit(f, "only mode='constant' is in this version; nn.ReflectionPad2d and its "
                            "kin have the others");
    fe_number(f->c->v[3], &value);
    for (int i = 0; list && 2 * i + 1 < v->u.list->n; i++) {
        Shape s = *shape_of(f, x);
        const Value *low = v->u.list->item[2 * i], *high = v->u.list->item[2 * i + 1];
        int axis = s.rank - 1 - i;
        bool whole = low->kind == V_INT && high->kind == V_INT;
        int64_t most = (int64_t)1 << 32, size = axis < 0 ? 0 : s.dim[axis].k;
        if (!whole || axis < 0 || s.dim[axis].n || low->u.i > most || high->u.i > most
            || low->u.i <= -size || high->u.i <= -size || low->u.i + high->u.i + size < 1
            || (low->u.i < 0 && high->u.i < 0 && low->u.i + high->u.i <= -size))
            return fe_misfit(f, arena_printf(f->in->a, "%s does not fit %s", fe_repr(f->in->a, v),
                                             shape_text(f, &s)));
        s.dim[axis].k += low->u.i + high->u.i;
        if (!fe_fits(f->t, f->at, &s)) return fe_bad(f->in, f->at);
        x = padded(f, x, axis, low->u.i, high->u.i, value);
    }
    if (!list || v->u.list->n % 2) return fe_misfit(f, "`pad` is a list of pairs of sizes");
    return fe_made(f, x, false);
}

/* Parts of that size, or of the sizes in a list; the last may be smaller. */
Value *fe_form_split(const Forward *f)
{
    Shape s = *shape_of(f, f->x);
    const Value *by = f->c->v[1];
    int axis = fe_fixed_axis(f, f->c->v[2], &s, 0);
    if (axis < 0) return fe_bad(f->in, f->at);
    int64_t whole = s.dim[axis].k, each = by->u.i, at = 0;
    bool list = by->kind == V_LIST || by->kind == V_TUPLE;
    if (!list && (by->kind != V_INT || each < 1))
        return fe_misfit(f, "sizes of parts are integers above 0");
    if (f->name[0] == 'c') each = (whole + each - 1) / each;
    Value *all = fe_list(f->in, V_TUPLE, f->at);
    for (int i = 0; list ? i < by->u.list->n : at < whole; i++) {
        int64_t size = list ? by->u.list->item[i]->u.i : each < whole - at ? each : whole - at;
        if ((list && by->u.list->item[i]->kind != V_INT) || size < 1 || size > whole - at) break;
        Value *part = fe_made(f, fe_cut(f, f->x, axis, at, at + size), true);
        if (part->kind == V_BAD || !fe_push(f->in, all, part)) return fe_bad(f->in, f->at);
        at += size;
    }
    if (at == whole) return all;
    return fe_misfit(f, arena_printf(f->in->a, "the parts do not fill axis %d of %s", axis,
                                     shape_text(f, &s)));
}

Val fe_expanded(const Forward *f, Val x, Shape to)
{
    return ir_add_typed(f->g, OP_expand, f->loc, ir_type_of(f->g->module->real, to), IR_IN(x), IR_NO_ATTRS);
}

Value *fe_form_expand(const Forward *f)
{
    Shape s = *shape_of(f, f->x), to;
    List l = fe_rest(f->c);
    to = (Shape){ .rank = (uint8_t)(l.n <= IR_MAX_RANK ? l.n : 0) };
    bool fits = l.n >= s.rank && l.n <= IR_MAX_RANK;
    for (int i = 0; i < l.n && fits; i++) {
        const Value *v = l.item[i];
        int own = i - (l.n - s.rank);
        Dim d = { v->u.i, v->kind == V_SIZE };
        if (v->kind == V_INT && v->u.i == -1 && own >= 0) d = s.dim[own];
        fits = (v->kind == V_INT || v->kind == V_SIZE) && d.k >= 1
            && (own < 0 || ir_dim_eq(s.dim[own], d) || ir_dim_eq(s.dim[own], ir_dim(1)));
        to.dim[i] = d;
    }
    if (!fits)
        return fe_misfit(f, arena_printf(f->in->a, "%s does not expand to %s", shape_text(f, &s),
                                         list_text(f, &l)));
    if (!fe_fits(f->t, f->at, &to)) return fe_bad(f->in, f->at);
    return fe_made(f, fe_expanded(f, f->x, to), true);
}
