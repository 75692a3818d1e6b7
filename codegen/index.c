/* codegen/index.c: where an element lies. One mechanism for all kernels: a loop nest walks the
 * elements of a shape in row-major order, a tensor is broadcast to that shape (numpy's rule) and
 * stored in some layout; out comes the text of the element's index.
 *
 * The idea: dimensions of the nest and of the shape are matched from the right into blocks of equal
 * product. In a block where the tensor is contiguous or constant the index needs no division. */
#include "codegen/emit.h"
#include <ctype.h>
#include <string.h>

Extent extent(int64_t k, int n) { return (Extent){ k, n, NULL }; }
Extent extent_named(Extent x, const char *role) { return (Extent){ x.k, x.n, role }; }
Extent extent_mul(Extent a, Extent b) { return extent(a.k * b.k, a.n + b.n); }
bool extent_eq(Extent a, Extent b) { return a.k == b.k && a.n == b.n; }

static Extent extent_dim(Dim d) { return extent(d.k, d.n ? 1 : 0); }

Extent extent_of(const Shape *s, int first, int end)
{
    Extent x = extent(1, 0);
    for (int i = first; i < end; i++) x = extent_mul(x, extent_dim(s->dim[i]));
    return x;
}

Nest product_nest(const Product *p, NestDim row, NestDim col)
{
    return (Nest){ 2, { p->transposed ? col : row, p->transposed ? row : col } };
}

static bool is_one(Extent x) { return x.k == 1 && x.n == 0; }

const char *extent_type(const Emit *e, Extent x)
{
    int64_t elems = x.k;
    for (int i = 0; i < x.n; i++) elems *= e->m->capacity;
    return elems < INT32_MAX / 2 ? "int" : "int64_t";
}

const char *extent_text(Emit *e, Extent x)
{
    const bool marked = e->marks && x.k > 1;
    const char *role = marked && x.role ? text(e, "%s:", x.role) : "";
    const char *s = x.n && x.k == 1 ? "n" : text(e, "%s%s%lld", marked ? "@" : "", role, (long long)x.k);
    for (int i = x.k == 1 ? 1 : 0; i < x.n; i++) s = text(e, "%s * n", s);
    return s;
}

const char *size_text(Emit *e, int64_t x, const char *role)
{
    return e->marks && x >= 0 ? text(e, "@%s:%lld", role, (long long)x) : text(e, "%lld", (long long)x);
}

bool text_simple(const char *s)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != SIZE_MARK && *s != ':') return false;
    return true;
}

/* Is all of it inside one pair of parentheses? */
static bool enclosed(const char *s)
{
    int depth = 0;
    for (; *s; s++) {
        depth += (*s == '(') - (*s == ')');
        if (!depth) return *s == ')' && !s[1];
    }
    return false;
}

const char *text_double(Emit *e, const char *s)
{
    return e->m->real == DT_f64 ? s : text(e, "(double)%s", text_atom(e, s));
}

const char *text_atom(Emit *e, const char *s)
{
    return text_simple(s) || enclosed(s) ? s : text(e, "(%s)", s);
}

const char *extent_atom(Emit *e, Extent x) { return text_atom(e, extent_text(e, x)); }

const char *text_mul(Emit *e, const char *index, Extent by)
{
    if (!strcmp(index, "0") || is_one(by)) return index;
    if (!strcmp(index, "1")) return extent_text(e, by);
    return text(e, "%s * %s", text_atom(e, index), extent_text(e, by));
}

const char *text_add(Emit *e, const char *a, const char *b)
{
    if (!strcmp(a, "0")) return b;
    if (!strcmp(b, "0")) return a;
    return text(e, "%s + %s", a, b);
}

const char *text_shift(Emit *e, const char *s, int64_t by)
{
    if (!by) return s;
    return text(e, "%s %c %lld", s, by < 0 ? '-' : '+', (long long)(by < 0 ? -by : by));
}

/* Row-major strides of t's axes, aligned to the right with consumer's; 0 where it is broadcast. */
static void strides(const Type *t, const Shape *consumer, Extent *stride)
{
    int lead = consumer->rank - t->shape.rank;
    for (int i = 0; i < consumer->rank; i++) {
        stride[i] = extent(0, 0);
        int own = i - lead;
        if (own < 0) continue;
        Extent size = extent_dim(t->shape.dim[own]);
        if (is_one(size) && !is_one(extent_dim(consumer->dim[i]))) continue;
        stride[i] = extent_of(&t->shape, own + 1, t->shape.rank);
    }
}

/* Contiguous (1), constant (0) or neither (-1) over axes [first, end) of the consumer; step: the
 * stride of the innermost of them. */
static int pattern(const Shape *consumer, const Extent *stride, int first, int end, Extent *step)
{
    Extent inner = extent(1, 0);
    bool constant = true, contiguous = true;
    *step = extent(0, 0);
    for (int i = end; i-- > first;) {
        Extent size = extent_dim(consumer->dim[i]);
        if (is_one(size)) continue;
        if (stride[i].k) {
            if (constant && is_one(inner)) *step = stride[i];
            constant = false;
        }
        if (!step->k || !extent_eq(stride[i], extent_mul(*step, inner))) contiguous = false;
        inner = extent_mul(inner, size);
    }
    return constant ? 0 : contiguous ? 1 : -1;
}

Extent index_run(const Type *t, const Shape *consumer)
{
    Extent stride[IR_MAX_RANK], step, best = extent(1, 0);
    strides(t, consumer, stride);
    if (t->layout.kind != LAYOUT_plain) return best;
    for (int first = consumer->rank; first-- > 0;)
        if (pattern(consumer, stride, first, consumer->rank, &step) >= 0
            && (!step.k || is_one(step)))
            best = extent_of(consumer, first, consumer->rank);
    return best;
}

void index_shorten(const Kern *k, Val v, Extent *run)
{
    const Node *x = ir_node(k->g, v);
    for (int i = 0; i <= x->n_in; i++) {
        if (i == x->n_in && x->op == OP_count) continue;
        const Type *t = i < x->n_in ? ir_type(k->g, x->in[i]) : &x->type;
        if (t->layout.kind == LAYOUT_plain &&
            (!t->shape.rank || ir_shape_eq(&t->shape, &x->type.shape)))
            continue;
        Extent own = index_run(t, &x->type.shape);
        if (own.n < run->n || (own.n == run->n && own.k < run->k)) *run = own;
    }
}

/* One block: axes [first, end) of the consumer lie on nest dimensions of joint index `flat`. */
static const char *block(Emit *e, const Shape *consumer, const Extent *stride, int first, int end,
                         const char *flat)
{
    Extent step;
    int p = pattern(consumer, stride, first, end, &step);
    if (p == 0) return "0";
    if (p == 1) return text_mul(e, flat, step);
    const char *sum = "0";
    for (int i = first; i < end; i++) {
        if (!stride[i].k) continue;
        const char *at = flat;
        Extent below = extent_of(consumer, i + 1, end);
        if (!is_one(below)) at = text(e, "%s / %s", text_atom(e, at), extent_atom(e, below));
        if (i > first)
            at = text(e, "%s %% %s", is_one(below) ? text_atom(e, at) : at,
                      extent_atom(e, extent_dim(consumer->dim[i])));
        sum = text_add(e, sum, text_mul(e, at, stride[i]));
    }
    return sum;
}

static bool less(Extent a, Extent b) { return a.n != b.n ? a.n < b.n : a.k < b.k; }

/* Walks nest and consumer from the right and adds up the matched blocks. */
static const char *match(Emit *e, const Shape *consumer, const Extent *stride, const Nest *nest)
{
    const char *sum = "0";
    int axis = consumer->rank, dim = nest->rank;
    while (axis > 0) {
        int end = axis;
        const char *flat = "0";
        Extent a = extent_dim(consumer->dim[--axis]), b = extent(1, 0);
        while (!extent_eq(a, b)) {
            if (axis > 0 && (dim == 0 || less(a, b))) {
                a = extent_mul(a, extent_dim(consumer->dim[--axis]));
            } else if (dim > 0) {
                dim--;
                flat = text_add(e, text_mul(e, nest->dim[dim].var, b), flat);
                b = extent_mul(b, nest->dim[dim].size);
            } else {
                break;
            }
        }
        sum = text_add(e, block(e, consumer, stride, axis, end, flat), sum);
    }
    return sum;
}

/* at = whole * block + part: as its text says, or by division. */
static void split(Emit *e, const char *at, int64_t block, const char **whole, const char **part)
{
    const char *times = text(e, " * %lld + ", (long long)block), *found = strstr(at, times);
    *whole = found ? text(e, "%.*s", (int)(found - at), at) : "";
    *part = found ? found + strlen(times) : "";
    if (text_simple(*whole) && text_simple(*part) && found) return;
    *whole = text(e, "%s / %lld", text_atom(e, at), (long long)block);
    *part = text(e, "%s %% %lld", text_atom(e, at), (long long)block);
}

/* The coordinate of one axis alone, for layouts that are not row major. */
static const char *blocked(Emit *e, const Type *t, const Shape *consumer, const Nest *nest)
{
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(t, 1, axis);
    const char *sum = "0", *inside = "0";
    int lead = consumer->rank - t->shape.rank;
    for (int i = 0; i < t->shape.rank; i++) {
        if (is_one(extent_dim(t->shape.dim[i]))) continue;
        Extent only[IR_MAX_RANK] = { { 0 } };
        only[i + lead] = extent(1, 0);
        const char *at = match(e, consumer, only, nest);
        StoredAxis s = axis[i];
        if (s.block > 1) {
            const char *whole = "0", *part = at;
            if (t->shape.dim[i].n || s.size > s.block) split(e, at, s.block, &whole, &part);
            sum = text_add(e, sum, text_mul(e, whole, extent(s.outer, 0)));
            inside = text_mul(e, part, extent(s.inner, 0));
        } else {
            sum = text_add(e, sum, text_mul(e, at, extent(s.outer, 0)));
        }
    }
    return text_add(e, sum, inside);
}

const char *index_text(Emit *e, const Type *t, const Shape *consumer, const Nest *nest)
{
    if (t->layout.kind != LAYOUT_plain) return blocked(e, t, consumer, nest);
    Extent stride[IR_MAX_RANK];
    strides(t, consumer, stride);
    return match(e, consumer, stride, nest);
}
