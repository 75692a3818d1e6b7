/* frontend/tensor.c: constants that are tensors: making them, arithmetic, indexing.
 *
 * PyTorch's and numpy's rules for element types and broadcasting. What would need memory that two
 * names share and change is refused, so that a value never differs from PyTorch's; what is larger
 * or stranger becomes data. */
#include "frontend/tensor.h"
#include "frontend/eval.h"
#include <math.h>
#include <string.h>

static const char *const elem_name[] = { "bool",    "uint8",   "int32", "int64",
                                         "float32", "float64", "other" };

const char *fe_elem_name(ElemType type) { return elem_name[type]; }

ElemType fe_elem_type(const char *name)
{
    static const struct { const char *name; ElemType type; } other[] = {
        { "float", EL_FLOAT32 }, { "double", EL_FLOAT64 }, { "long", EL_INT64 }, { "int", EL_INT32 }
    };
    for (int i = 0; i < EL_OTHER; i++)
        if (strcmp(elem_name[i], name) == 0) return (ElemType)i;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(other[i].name, name) == 0) return other[i].type;
    return EL_OTHER;
}

static bool is_real(ElemType t) { return t >= EL_FLOAT32; }

bool fe_tensor_put(Tensor *t, int64_t i, double x)
{
    static const double low[] = { 0, 0, INT32_MIN, -0x1p53 }, high[] = { 1, 255, INT32_MAX,
                                                                        0x1p53 };
    if (t->type == EL_BOOL) x = x != 0;
    if (t->type == EL_FLOAT32) x = (double)(float)x;
    if (!is_real(t->type)) {
        x = trunc(x);
        if (!(x >= low[t->type] && x <= high[t->type])) return false;
    }
    t->x[i] = x;
    return true;
}

Value *fe_tensor(Interp *in, ElemType type, bool numpy, int rank, const int64_t *dim, Span at)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0 || __builtin_mul_overflow(n, dim[i], &n)) n = FE_MAX_TENSOR + 1;
    if (n > FE_MAX_TENSOR || rank > FE_TENSOR_RANK || type == EL_OTHER)
        return fe_data(in, numpy ? "an array" : "a tensor", at);
    if (!fe_spend(in, 2 * n, at)) return fe_bad(in, at);
    Tensor *t = arena_alloc(in->a, 1, sizeof *t);
    *t = (Tensor){ .type = type, .numpy = numpy, .rank = rank, .n = n };
    for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
    t->x = arena_alloc(in->a, n > 0 ? (size_t)n : 1, sizeof *t->x);
    Value *v = fe_val(in, V_TENSOR, at);
    v->u.tensor = t;
    return v;
}

Value *fe_scalar(Interp *in, ElemType type, double x, Span at)
{
    return type == EL_BOOL ? fe_bool(in, x != 0, at)
        : is_real(type)    ? fe_float(in, x, at)
                           : fe_int(in, (int64_t)x, at);
}

Value *fe_shape_value(Interp *in, int rank, const int64_t *dim, Span at)
{
    Value *t = fe_list(in, V_TUPLE, at);
    for (int i = 0; i < rank; i++) fe_push(in, t, fe_int(in, dim[i], at));
    return t;
}

/* ---- from lists ---- */

typedef struct Nest { int rank; int64_t dim[FE_TENSOR_RANK], n; ElemType type; bool data; } Nest;

static void measure(const Value *v, int depth, Nest *s)
{
    ElemType type = v->kind == V_BOOL ? EL_BOOL : v->kind == V_INT ? EL_INT64 : EL_FLOAT64;
    bool list = v->kind == V_LIST || v->kind == V_TUPLE;
    bool tensor = v->kind == V_TENSOR && v->u.tensor->rank == 0;
    double x;
    if (s->n < 0) return;
    if (tensor) type = v->u.tensor->type;
    if (list && depth < FE_TENSOR_RANK) {
        int64_t n = v->u.list->n;
        if (s->rank == depth && s->n == 0) s->rank = depth + 1, s->dim[depth] = n;
        if (depth >= s->rank || s->dim[depth] != n) s->n = -1;
        for (int64_t i = 0; i < n && s->n >= 0; i++) measure(v->u.list->item[i], depth + 1, s);
    } else if ((fe_number(v, &x) || tensor) && (depth == s->rank)) {
        s->n++;
        if (type > s->type) s->type = type;
    } else {
        s->data |= v->kind == V_DATA || v->kind == V_TENSOR || v->kind == V_PARAM;
        s->n = -1;
    }
}

static bool fill(Tensor *t, const Value *v, int64_t *at)
{
    double x = 0;
    if (v->kind == V_TENSOR) return fe_tensor_put(t, (*at)++, v->u.tensor->x[0]);
    if (fe_number(v, &x)) {
        bool exact =
            v->kind != V_INT || (v->u.i <= (int64_t)1 << 53 && v->u.i >= -((int64_t)1 << 53));
        return exact && fe_tensor_put(t, (*at)++, x);
    }
    for (int i = 0; i < v->u.list->n; i++)
        if (!fill(t, v->u.list->item[i], at)) return false;
    return true;
}

/* type EL_OTHER: by the elements. */
Value *fe_tensor_from(Interp *in, Value *v, ElemType type, bool numpy, Span at)
{
    if (v->kind == V_BAD || v->kind == V_DATA) return v;
    if (v->kind == V_TENSOR) {
        const Tensor *s = v->u.tensor;
        Value *r = fe_tensor(in, type == EL_OTHER ? s->type : type, numpy, s->rank, s->dim, at);
        for (int64_t i = 0; r->kind == V_TENSOR && i < s->n; i++)
            if (!fe_tensor_put(r->u.tensor, i, s->x[i])) return fe_data(in, "a tensor", at);
        return r;
    }
    Nest s = { .n = 0, .type = EL_BOOL };
    measure(v, 0, &s);
    if (s.data) return fe_data(in, "a tensor of data", at);
    if (s.n < 0) {
        fe_report(in->d, at, DG(tensor_list), fe_repr(in->a, v));
        return fe_bad(in, at);
    }
    if (s.n == 0) s.type = EL_FLOAT64;
    if (s.type == EL_FLOAT64 && !numpy) s.type = EL_FLOAT32;
    Value *r = fe_tensor(in, type == EL_OTHER ? s.type : type, numpy, s.rank, s.dim, at);
    int64_t k = 0;
    if (r->kind == V_TENSOR && !fill(r->u.tensor, v, &k)) return fe_data(in, "a tensor", at);
    return r;
}

static Value *nested(Interp *in, const Tensor *t, int axis, int64_t from, int64_t n, Span at)
{
    if (axis == t->rank) return fe_scalar(in, t->type, t->x[from], at);
    Value *l = fe_list(in, V_LIST, at);
    int64_t each = t->dim[axis] ? n / t->dim[axis] : 0;
    for (int64_t i = 0; i < t->dim[axis]; i++)
        if (!fe_push(in, l, nested(in, t, axis + 1, from + i * each, each, at))) break;
    return l;
}

Value *fe_tensor_list(Interp *in, const Tensor *t, Span at)
{
    return fe_spend(in, 16 * t->n, at) ? nested(in, t, 0, 0, t->n, at) : fe_bad(in, at);
}

/* ---- arithmetic ---- */

/* A tensor with axes decides over one without, and that over a number of Python, as long as the
 * kinds (bool, integer, real) agree. */
static ElemType combine(ElemType high, ElemType low)
{
    if (high == EL_OTHER) return low;
    if (low == EL_OTHER || is_real(high)) return high;
    if (high == EL_BOOL || is_real(low)) return high > low ? high : low;
    return high;
}

static ElemType result_type(const Value *a, const Value *b, bool numpy)
{
    ElemType type[3] = { EL_OTHER, EL_OTHER, EL_OTHER };
    const Value *both[2] = { a, b };
    for (int i = 0; i < 2; i++) {
        const Value *v = both[i];
        ElemType t = v->kind == V_TENSOR ? v->u.tensor->type : v->kind == V_BOOL ? EL_BOOL
            : v->kind == V_INT ? EL_INT64 : numpy ? EL_FLOAT64 : EL_FLOAT32;
        int k = v->kind != V_TENSOR ? 2 : v->u.tensor->rank > 0 ? 0 : 1;
        type[k] = type[k] == EL_OTHER || t > type[k] ? t : type[k];
    }
    return combine(type[0], combine(type[1], type[2]));
}

static double apply(Oper op, double a, double b, bool *zero)
{
    switch (op) {
    case O_ADD: return a + b;
    case O_SUB: return a - b;
    case O_MUL: return a * b;
    case O_DIV: return a / b;
    case O_POW: return pow(a, b);
    case O_FLOORDIV: *zero |= b == 0; return floor(a / b);
    case O_MOD: *zero |= b == 0; return a - floor(a / b) * b;
    case O_LT: return a < b;
    case O_LE: return a <= b;
    case O_GT: return a > b;
    case O_GE: return a >= b;
    case O_EQ: return a == b;
    case O_NE: return a != b;
    case O_BITAND: return a != 0 && b != 0;
    case O_BITOR: return a != 0 || b != 0;
    default: return NAN;
    }
}

typedef struct Operand { const double *x; double own; int rank; const int64_t *dim; } Operand;

static Operand operand(const Value *v)
{
    Operand o = { 0 };
    if (v->kind == V_TENSOR)
        return (Operand){ v->u.tensor->x, 0, v->u.tensor->rank, v->u.tensor->dim };
    fe_number(v, &o.own);
    return o;
}

/* Broadcast: the element of o that goes with element i of the result. */
static double element(const Operand *o, int rank, const int64_t *dim, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = rank - 1; k >= rank - o->rank; k--) {
        int64_t d = o->dim[k - (rank - o->rank)];
        if (d > 1) at += i % dim[k] * stride;
        i /= dim[k];
        stride *= d;
    }
    return o->x ? o->x[at] : o->own;
}

static bool broadcast(const Operand *a, const Operand *b, int *rank, int64_t *dim)
{
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int k = 1; k <= *rank; k++) {
        int64_t p = k <= a->rank ? a->dim[a->rank - k] : 1,
                q = k <= b->rank ? b->dim[b->rank - k] : 1;
        if (p != q && p != 1 && q != 1) return false;
        dim[*rank - k] = p == 1 ? q : p;
    }
    return true;
}

static bool compares(Oper op) { return op >= O_LT && op <= O_NE; }

Value *fe_tensor_binary(Interp *in, Oper op, Value *a, Value *b, Span at)
{
    const Value *t = a->kind == V_TENSOR ? a : b;
    bool numpy = t->u.tensor->numpy, zero = false;
    Operand p = operand(a), q = operand(b);
    int64_t dim[FE_TENSOR_RANK];
    int rank;
    double x;
    if ((a->kind != V_TENSOR && !fe_number(a, &x)) || (b->kind != V_TENSOR && !fe_number(b, &x)))
        return NULL;
    if (a->kind == b->kind && a->u.tensor->numpy != b->u.tensor->numpy)
        return fe_data(in, "a tensor", at);
    if (!broadcast(&p, &q, &rank, dim)) {
        fe_report(in->d, at, DG(tensor_shapes),
                  fe_repr(in->a, fe_shape_value(in, p.rank, p.dim, at)),
                  fe_repr(in->a, fe_shape_value(in, q.rank, q.dim, at)));
        return fe_bad(in, at);
    }
    ElemType type = result_type(a, b, numpy);
    bool logic = op == O_BITAND || op == O_BITOR;
    if (op == O_DIV && !is_real(type)) type = numpy ? EL_FLOAT64 : EL_FLOAT32;
    if (op == O_MATMUL || (logic && type != EL_BOOL) || (type == EL_BOOL && !compares(op) && !logic)
        || op == O_BITXOR || op == O_SHL || op == O_SHR || (op == O_POW && !is_real(type)))
        return fe_data(in, "a tensor", at);
    bool whole = !is_real(type) && !compares(op), good = true;
    Value *r = fe_tensor(in, compares(op) ? EL_BOOL : type, numpy, rank, dim, at);
    if (r->kind != V_TENSOR) return r;
    Tensor *to = r->u.tensor;
    for (int64_t i = 0; i < to->n && good; i++) {
        double u = element(&p, rank, dim, i), v = element(&q, rank, dim, i);
        if (type == EL_FLOAT32) u = (double)(float)u, v = (double)(float)v;
        good = fe_tensor_put(to, i, apply(op, u, v, &zero));
    }
    if (zero && whole) {
        fe_report(in->d, at, DG(divide_by_zero));
        return fe_bad(in, at);
    }
    if (!good) return fe_data(in, "a tensor", at);
    return numpy && rank == 0 ? fe_scalar(in, to->type, to->x[0], at) : r;
}

Value *fe_tensor_unary(Interp *in, Oper op, Value *a, Span at)
{
    const Tensor *t = a->u.tensor;
    if ((op == O_INVERT) != (t->type == EL_BOOL)) return fe_data(in, "a tensor", at);
    Value *r = fe_tensor(in, t->type, t->numpy, t->rank, t->dim, at);
    for (int64_t i = 0; r->kind == V_TENSOR && i < t->n; i++) {
        double x = t->x[i];
        if (!fe_tensor_put(r->u.tensor, i, op == O_NEG ? -x : op == O_INVERT ? x == 0 : x))
            return fe_data(in, "a tensor", at);
    }
    return r;
}

/* ---- indexing ---- */

/* Per axis: first element, count, distance; count -1 takes the axis away. */
typedef struct Pick { int64_t from[FE_TENSOR_RANK], n[FE_TENSOR_RANK], step[FE_TENSOR_RANK]; } Pick;

/* 1: good; 0: reported; -1: an index that is not followed here (masks, lists, None). */
static int pick_axis(Interp *in, const Tensor *t, int axis, const Expr *key, Pick *p)
{
    if (axis == t->rank) {
        fe_report(in->d, key->at, DG(tensor_axes), t->rank);
        return 0;
    }
    if (key->kind == X_SLICE) {
        int64_t b[3];
        if (!fe_slice_bounds(in, key, t->dim[axis], b)) return 0;
        p->from[axis] = b[0], p->step[axis] = b[2];
        p->n[axis] = b[1] > b[0] ? (b[1] - b[0] - 1) / b[2] + 1 : 0;
        return 1;
    }
    const Value *v = fe_eval(in, key);
    if (v->kind == V_BAD) return 0;
    if (v->kind != V_INT) return -1;
    int64_t i = v->u.i;
    if (i < -t->dim[axis] || i >= t->dim[axis]) {
        fe_report(in->d, key->at, DG(index_range), (long long)i, "an axis",
                  (long long)t->dim[axis]);
        return 0;
    }
    p->from[axis] = i < 0 ? i + t->dim[axis] : i, p->n[axis] = -1, p->step[axis] = 1;
    return 1;
}

static int pick(Interp *in, const Tensor *t, const Expr *key, Pick *p)
{
    int n = key->kind == X_TUPLE ? key->n_item : 1, good = 1;
    for (int i = 0; i < t->rank; i++) p->from[i] = 0, p->n[i] = t->dim[i], p->step[i] = 1;
    for (int i = 0; i < n && good == 1; i++)
        good = pick_axis(in, t, i, key->kind == X_TUPLE ? key->item[i] : key, p);
    return good;
}

static int picked_shape(const Tensor *t, const Pick *p, int64_t *dim)
{
    int rank = 0;
    for (int i = 0; i < t->rank; i++)
        if (p->n[i] >= 0) dim[rank++] = p->n[i];
    return rank;
}

/* Where element i of the picked part lies in t. */
static int64_t place(const Tensor *t, const Pick *p, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = t->rank - 1; k >= 0; k--) {
        int64_t own = p->n[k] > 0 ? i % p->n[k] : 0;
        if (p->n[k] > 0) i /= p->n[k];
        at += (p->from[k] + own * p->step[k]) * stride;
        stride *= t->dim[k];
    }
    return at;
}

static Value *take(Interp *in, Tensor *t, const Pick *p, Span at)
{
    int64_t dim[FE_TENSOR_RANK];
    int rank = picked_shape(t, p, dim);
    Value *r = fe_tensor(in, t->type, t->numpy, rank, dim, at);
    if (r->kind != V_TENSOR) return r;
    for (int64_t i = 0; i < r->u.tensor->n; i++) r->u.tensor->x[i] = t->x[place(t, p, i)];
    if (t->numpy && rank == 0) return fe_scalar(in, t->type, r->u.tensor->x[0], at);
    r->u.tensor->shared = t->shared = true;
    return r;
}

Value *fe_tensor_index(Interp *in, Value *of, const Expr *key, Span at)
{
    Pick p;
    int good = pick(in, of->u.tensor, key, &p);
    if (good <= 0) return good ? fe_data(in, "an element of a tensor", at) : fe_bad(in, at);
    return take(in, of->u.tensor, &p, at);
}

Value *fe_tensor_row(Interp *in, Value *of, int64_t i, Span at)
{
    Tensor *t = of->u.tensor;
    Pick p;
    for (int k = 0; k < t->rank; k++) p.from[k] = 0, p.n[k] = t->dim[k], p.step[k] = 1;
    p.from[0] = i, p.n[0] = -1;
    return take(in, t, &p, at);
}

/* t[key] = to, in place. False: reported. */
bool fe_tensor_assign(Interp *in, Value *of, const Expr *key, Value *to, Span at)
{
    Tensor *t = of->u.tensor;
    Pick p;
    double x;
    int64_t dim[FE_TENSOR_RANK], n = 1, wide[FE_TENSOR_RANK];
    int rank = 0, all = 0, good = pick(in, t, key, &p);
    if (good == 0) return false;
    if (good > 0) rank = picked_shape(t, &p, dim);
    bool number = fe_number(to, &x) || to->kind == V_TENSOR;
    Operand q = operand(to), own = { .rank = rank, .dim = dim };
    if (good < 0 || !number || t->shared || !broadcast(&own, &q, &all, wide) || all != rank) {
        fe_report(in->d, at, DG(tensor_in_place));
        fe_help(in->d, "make a new tensor: torch.tensor([…]), or t = t * 2");
        return false;
    }
    for (int i = 0; i < rank; i++) n *= dim[i];
    for (int64_t i = 0; i < n; i++)
        if (!fe_tensor_put(t, place(t, &p, i), element(&q, rank, dim, i))) {
            fe_report(in->d, at, DG(big_result));
            return false;
        }
    return true;
}
