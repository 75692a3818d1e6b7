/* ir/type.c: dimensions, shapes, layouts and types.
 *
 * A dimension is a constant or a multiple of the batch n, so a shape is known for every batch
 * before there is one. Sizes are computed with overflow checks; nothing here looks at a graph. */
#include "ir/priv.h"
#include <stdarg.h>
#include <string.h>

enum { DOTS = 4 };                   /* bytes whose products one instruction adds up */

static const struct { const char *name; int bytes; bool real; } dtype[DT_COUNT] = {
    {"none", 0, false},
#define REAL true
#define INT false
#define HALF false
#define DTYPE(name, bytes, kind, doc) {#name, bytes, kind},
#include "ir/types.def"
#undef DTYPE
#undef REAL
#undef INT
#undef HALF
};

const LayoutInfo ir_layout[LAYOUT_COUNT] = {
#define LAYOUT(name, axis, doc) {#name, axis, doc},
#include "ir/layouts.def"
#undef LAYOUT
};

bool ir_fail(char err[IR_ERR], const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    vsnprintf(err, IR_ERR, fmt, list);
    va_end(list);
    return false;
}

Dim ir_dim(int64_t k)
{
    return (Dim){k, false};
}

Dim ir_dim_n(int64_t k)
{
    return (Dim){k, true};
}

Shape ir_shape(int rank, const int64_t *dims)
{
    if (rank < 0 || rank > IR_MAX_RANK)
        ir_die(NULL, "a shape of rank %d", rank);
    Shape s = {.rank = (uint8_t)rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = ir_dim(dims[i]);
    return s;
}

Type ir_type_of(DType d, Shape s)
{
    return (Type){d, s, {LAYOUT_plain, 0}};
}

bool ir_dim_eq(Dim a, Dim b)
{
    return a.k == b.k && a.n == b.n;
}

bool ir_shape_eq(const Shape *a, const Shape *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = ir_dim_eq(a->dim[i], b->dim[i]);
    return same;
}

bool ir_type_eq(const Type *a, const Type *b)
{
    return a->dtype == b->dtype && ir_shape_eq(&a->shape, &b->shape)
        && a->layout.kind == b->layout.kind && a->layout.width == b->layout.width;
}

int64_t ir_dim_at(Dim d, int64_t n)
{
    int64_t size = d.k;
    if (d.n && __builtin_mul_overflow(d.k, n, &size))
        ir_die(NULL, "a dimension of %lld times %lld overflows", (long long)d.k, (long long)n);
    return size;
}

bool ir_elems_ok(const Shape *s, int64_t n, int64_t *elems)
{
    int64_t total = 1;
    for (int i = 0; i < s->rank; i++) {
        Dim d = s->dim[i];
        if (__builtin_mul_overflow(total, d.k, &total)
            || (d.n && __builtin_mul_overflow(total, n, &total)))
            return false;
    }
    *elems = total;
    return true;
}

int64_t ir_elems_at(const Shape *s, int64_t n)
{
    int64_t elems;
    if (!ir_elems_ok(s, n, &elems))
        ir_die(NULL, "the number of elements of a shape overflows");
    return elems;
}

bool ir_has_n(const Shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i].n)
            return true;
    return false;
}

/* The axis whose elements lie in blocks; -1: none. */
static int blocked_axis(const Type *t)
{
    return t->layout.kind == LAYOUT_plain ? -1 : ir_layout[t->layout.kind].axis;
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        ir_die(NULL, "the stored size of a tensor overflows");
    return product;
}

/* How many elements of an axis lie together in a block, the last one of which is padded. */
static int64_t block_of(const Type *t, int axis)
{
    if (t->layout.kind == LAYOUT_dots && axis == t->shape.rank - 1)
        return DOTS;
    return axis == blocked_axis(t) ? t->layout.width : 1;
}

void ir_stored_axes(const Type *t, int64_t n, StoredAxis axis[IR_MAX_RANK])
{
    int64_t inside = t->layout.kind == LAYOUT_dots ? DOTS : 1;
    int64_t stride = inside * (blocked_axis(t) < 0 ? 1 : t->layout.width);
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        int64_t size = ir_dim_at(t->shape.dim[i], n), block = block_of(t, i);
        if (block > 1 || i == blocked_axis(t)) {
            axis[i] = (StoredAxis){size, block, stride, i == blocked_axis(t) ? inside : 1};
            stride = times(stride, (size + block - 1) / block);
        } else {
            axis[i] = (StoredAxis){size, 1, stride, 0};
            stride = times(stride, size);
        }
    }
}

int64_t ir_stored_bytes(const Type *t, int64_t n)
{
    int64_t elems = 1;
    for (int i = 0; i < t->shape.rank; i++) {
        int64_t block = block_of(t, i), size = ir_dim_at(t->shape.dim[i], n);
        elems = times(elems, (size + block - 1) / block * block);
    }
    return times(elems, ir_dtype_bytes(t->dtype));
}

int64_t ir_round_bytes(int64_t bytes)
{
    return (bytes + IR_ALIGN_BYTES - 1) / IR_ALIGN_BYTES * IR_ALIGN_BYTES;
}

int64_t ir_dtype_bytes(DType d)
{
    return dtype[d].bytes;
}

bool ir_dtype_real(DType d)
{
    return dtype[d].real;
}

const char *ir_dtype_name(DType d)
{
    return dtype[d].name;
}

DType ir_dtype_named(const char *name, size_t len)
{
    for (int d = DT_NONE + 1; d < DT_COUNT; d++)
        if (strlen(dtype[d].name) == len && !memcmp(dtype[d].name, name, len))
            return (DType)d;
    return DT_NONE;
}

const char *ir_shape_text(const Shape *s, char buf[IR_TYPE_TEXT])
{
    int at = snprintf(buf, IR_TYPE_TEXT, "[");
    for (int i = 0; i < s->rank; i++) {
        Dim d = s->dim[i];
        const char *comma = i ? "," : "";
        if (d.n && d.k == 1)
            at += snprintf(buf + at, (size_t)(IR_TYPE_TEXT - at), "%sn", comma);
        else
            at += snprintf(buf + at, (size_t)(IR_TYPE_TEXT - at), "%s%lld%s", comma, (long long)d.k,
                           d.n ? "n" : "");
    }
    snprintf(buf + at, (size_t)(IR_TYPE_TEXT - at), "]");
    return buf;
}

const char *ir_type_text(const Type *t, char buf[IR_TYPE_TEXT])
{
    char shape[IR_TYPE_TEXT], layout[40] = "";
    if (t->layout.kind != LAYOUT_plain)
        snprintf(layout, sizeof layout, "{%s%d}", ir_layout[t->layout.kind].name, t->layout.width);
    ir_shape_text(&t->shape, shape);
    snprintf(buf, IR_TYPE_TEXT, "%s%.140s%s", dtype[t->dtype].name, shape, layout);
    return buf;
}

const char *ir_type_string(const Type *t, Arena *a)
{
    char buf[IR_TYPE_TEXT];
    return arena_str(a, ir_type_text(t, buf));
}

bool ir_type_sound(const Type *t, int64_t capacity, char err[IR_ERR])
{
    int64_t elems;
    if (t->dtype <= DT_NONE || t->dtype >= DT_COUNT)
        return ir_fail(err, "the type has no element type");
    if (t->shape.rank > IR_MAX_RANK)
        return ir_fail(err, "the type has %d axes, but %d are the most", t->shape.rank,
                       IR_MAX_RANK);
    for (int i = 0; i < t->shape.rank; i++)
        if (t->shape.dim[i].k < 1)
            return ir_fail(err, "axis %d has size %lld, but sizes are at least 1", i,
                           (long long)t->shape.dim[i].k);
    if (!ir_elems_ok(&t->shape, capacity, &elems) || elems > IR_MAX_ELEMS)
        return ir_fail(err, "the type has more than 2^46 elements in a batch of %lld",
                       (long long)capacity);
    if (t->layout.kind != LAYOUT_plain) {
        const LayoutInfo *l = &ir_layout[t->layout.kind];
        if (l->axis >= t->shape.rank)
            return ir_fail(err, "layout %s blocks axis %d, but the type has %d axes", l->name,
                           l->axis, t->shape.rank);
        if (t->layout.width < 1 || t->layout.width > IR_MAX_WIDTH)
            return ir_fail(err, "layout %s has width %d, but widths go from 1 to %d", l->name,
                           t->layout.width, IR_MAX_WIDTH);
        if (t->layout.kind == LAYOUT_dots && (t->shape.rank < 2 || ir_dtype_bytes(t->dtype) != 1))
            return ir_fail(err, "layout %s is for rows of bytes, not for %s of %d axes", l->name,
                           ir_dtype_name(t->dtype), t->shape.rank);
    } else if (t->layout.width) {
        return ir_fail(err, "the plain layout has no width");
    }
    return true;
}
