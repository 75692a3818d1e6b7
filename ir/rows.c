/* ir/rows.c: see the header. */
#include "ir/rows.h"

/* Rows in parts: a shorter part is not worth a loop, and fewer rows are too few tasks. */
enum { MIN_PART_ELEMS = 16, MIN_ROWS = 8 };

static bool is_one(Dim d) { return ir_dim_eq(d, ir_dim(1)); }

/* Axes [first, end) have as many elements in each batch. */
static bool spans(const Shape *s, int first, int end, int64_t elems)
{
    int64_t k = 1;
    for (int i = first; i < end; i++) k *= s->dim[i].k;
    return k >= elems;
}

bool ir_rows(const Graph *g, Val v, Rows *r)
{
    const Node *x = ir_node(g, v);
    OpKind kind = ir_op[x->op].kind;
    if (kind != KIND_ROW && kind != KIND_REDUCE) return false;
    const Shape *s = &ir_type(g, x->in[0])->shape;
    *r = (Rows){ .frame = s, .end = s->rank - 1 };
    if (kind == KIND_ROW)
        return s->rank && (!ir_has(x, AT_axis) || ir_attr_int(x, AT_axis) == s->rank - 1);
    const Attr *axes = ir_attr(x, AT_axes);
    uint64_t reduced = 0;
    for (int i = 0; i < axes->count; i++) reduced |= UINT64_C(1) << axes->u.ints[i];
    while (r->first < s->rank && reduced >> r->first & 1) r->first++;
    r->end = r->first;
    while (r->end < s->rank && !(reduced >> r->end & 1)) r->end++;
    for (int i = r->end; i < s->rank; i++)
        if (!(reduced >> i & 1)) return false;
    if (r->end == r->first || r->end == s->rank) return false;
    return !r->first || (spans(s, r->end, s->rank, MIN_PART_ELEMS)
                         && spans(s, r->first, r->end, MIN_ROWS));
}

bool ir_rows_eq(const Rows *a, const Rows *b)
{
    return ir_shape_eq(a->frame, b->frame) && a->first == b->first && a->end == b->end;
}

bool ir_row_result(const Shape *s, const Rows *r)
{
    if (s->rank != r->end - r->first) return false;
    for (int i = 0; i < s->rank; i++)
        if (!ir_dim_eq(s->dim[i], r->frame->dim[r->first + i])) return false;
    return true;
}

bool ir_row_beside(const Shape *s, const Rows *r)
{
    int missing = r->frame->rank - s->rank;
    if (missing < 0 || missing > r->first) return false;
    for (int i = 0; i < s->rank; i++) {
        int axis = missing + i;
        bool kept = axis >= r->first && axis < r->end;
        if (!(kept ? ir_dim_eq(s->dim[i], r->frame->dim[axis]) : is_one(s->dim[i]))) return false;
    }
    return true;
}
