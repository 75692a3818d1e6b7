/* frontend/tensor_fns.c: functions that make constant tensors, their attributes and methods.
 *
 * What is not listed gives data: it may be passed on, and is refused where its content matters.
 * Methods that change a tensor in place are refused. */
#include "frontend/tensor.h"
#include <math.h>
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

static bool of_numpy(const Call *c) { return strncmp(c->fn->path, "numpy.", 6) == 0; }

static const Value *keyword(const Call *c, const char *name)
{
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name && strcmp(c->arg[i].name, name) == 0) return c->arg[i].v;
    return NULL;
}

/* The type that `dtype=` says; otherwise that. EL_OTHER with *known false: a type that no constant
 * has here. */
static ElemType dtype_of(const Value *v, bool numpy, ElemType otherwise, bool *known)
{
    static const char *const of_fn[] = { "float", "int", "bool" };
    static const ElemType fn_type[] = { EL_FLOAT64, EL_INT64, EL_BOOL };
    *known = true;
    if (!v || v->kind == V_NONE) return otherwise;
    if (v->kind == V_FN)
        for (int i = 0; i < 3; i++)
            if (strcmp(v->u.fn->path, of_fn[i]) == 0)
                return i == 0 && !numpy ? EL_FLOAT64 : fn_type[i];
    ElemType t = v->kind == V_DTYPE ? fe_elem_type(v->u.s) : EL_OTHER;
    *known = t != EL_OTHER;
    return t;
}

/* A tensor that gradients flow into is no constant. */
static bool has_gradient(const Call *c)
{
    const Value *v = keyword(c, "requires_grad");
    return (v && fe_truth(v) != 0) || keyword(c, "out");
}

Value *fe_fn_tensor(Interp *in, const Call *c)
{
    bool known, numpy = of_numpy(c);
    const List *l = c->self->u.list;
    if (l->n == 0 || has_gradient(c)) return fe_data(in, c->fn->path, c->at);
    const Value *dtype = keyword(c, "dtype");
    if (numpy && !dtype && l->n > 1) dtype = l->item[1];
    ElemType type = dtype_of(dtype, numpy, EL_OTHER, &known);
    return known ? fe_tensor_from(in, l->item[0], type, numpy, c->at)
                 : fe_data(in, c->fn->path, c->at);
}

/* torch.Tensor([1, 2]), LongTensor, FloatTensor: the type is the class's. */
Value *fe_fn_old_tensor(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    if (c->name[0] != 'L' && l->n > 0 && l->item[0]->kind == V_INT) return fe_fn_rand(in, c);   /* sizes */
    if (l->n != 1 || l->item[0]->kind == V_INT) return fe_data(in, c->fn->path, c->at);
    return fe_tensor_from(in, l->item[0], c->name[0] == 'L' ? EL_INT64 : EL_FLOAT32, false, c->at);
}

/* from_numpy shares the memory. */
Value *fe_fn_from_numpy(Interp *in, const Call *c)
{
    Value *v = c->v[0];
    if (v->kind != V_TENSOR || !v->u.tensor->numpy) return fe_data(in, c->fn->path, c->at);
    Value *r = fe_tensor_from(in, v, EL_OTHER, false, c->at);
    if (r->kind == V_TENSOR) r->u.tensor->shared = v->u.tensor->shared = true;
    return r;
}

/* Sizes given one by one or as one tuple, up to `n` arguments; the rank, or -1. */
static int sizes(const List *l, int n, int64_t *dim)
{
    if (n > 0 && (l->item[0]->kind == V_LIST || l->item[0]->kind == V_TUPLE))
        l = l->item[0]->u.list, n = l->n;
    if (n > FE_TENSOR_RANK) return -1;
    for (int i = 0; i < n; i++) {
        if (l->item[i]->kind != V_INT || l->item[i]->u.i < 0) return -1;
        dim[i] = l->item[i]->u.i;
    }
    return n;
}

static Value *filled(Interp *in, const Call *c, ElemType type, int rank, const int64_t *dim,
                     double x)
{
    Value *r = fe_tensor(in, type, of_numpy(c), rank, dim, c->at);
    for (int64_t i = 0; r->kind == V_TENSOR && i < r->u.tensor->n; i++)
        if (!fe_tensor_put(r->u.tensor, i, x)) return fe_data(in, c->fn->path, c->at);
    return r;
}

/* zeros, ones, full, and their _like. */
Value *fe_fn_filled(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    int64_t dim[FE_TENSOR_RANK];
    bool known, numpy = of_numpy(c), full = c->name[0] == 'f', like = strstr(c->name, "_like");
    ElemType plain = numpy ? EL_FLOAT64 : EL_FLOAT32;
    int rank = -1, n = l->n;
    double x = c->name[0] == 'o';
    if (like && n > 0 && l->item[0]->kind == V_TENSOR) {
        const Tensor *t = l->item[0]->u.tensor;
        rank = t->rank, plain = t->type;
        memcpy(dim, t->dim, sizeof dim);
    } else if (!like && n > 0) {
        rank = sizes(l, full || numpy ? 1 : n, dim);
    }
    if (full) {
        const Value *v = n > 1 ? l->item[1] : keyword(c, "fill_value");
        if (!v || !fe_number(v, &x)) rank = -1;
        else if (!like) plain = v->kind == V_BOOL ? EL_BOOL : v->kind == V_INT ? EL_INT64 : plain;
    }
    ElemType type = dtype_of(keyword(c, "dtype"), numpy, plain, &known);
    if (rank < 0 || !known || has_gradient(c)) return fe_data(in, c->fn->path, c->at);
    return filled(in, c, type, rank, dim, x);
}

Value *fe_fn_eye(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    int64_t dim[FE_TENSOR_RANK];
    bool known, numpy = of_numpy(c);
    ElemType type = dtype_of(keyword(c, "dtype"), numpy, numpy ? EL_FLOAT64 : EL_FLOAT32, &known);
    int rank = sizes(l, l->n, dim);
    if (rank == 1) dim[1] = dim[0];
    if (rank < 1 || rank > 2 || !known || has_gradient(c)) return fe_data(in, c->fn->path, c->at);
    Value *r = filled(in, c, type, 2, dim, 0);
    for (int64_t i = 0; r->kind == V_TENSOR && i < dim[0] && i < dim[1]; i++)
        r->u.tensor->x[i * dim[1] + i] = 1;
    return r;
}

Value *fe_fn_arange(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    double a = 0, b = 0, step = 1;
    bool known, numpy = of_numpy(c), whole = true;
    for (int i = 0; i < l->n; i++) whole &= l->item[i]->kind == V_INT;
    bool good =
        l->n >= 1 && l->n <= 3 && !has_gradient(c) && !keyword(c, "step") && !keyword(c, "end");
    if (good && l->n == 1) good = fe_number(l->item[0], &b);
    if (good && l->n > 1) good = fe_number(l->item[0], &a) && fe_number(l->item[1], &b);
    if (good && l->n > 2) good = fe_number(l->item[2], &step);
    double n = good && step != 0 ? ceil((b - a) / step) : -1;
    ElemType plain = whole ? EL_INT64 : numpy ? EL_FLOAT64 : EL_FLOAT32;
    ElemType type = dtype_of(keyword(c, "dtype"), numpy, plain, &known);
    if (!(n >= 0 && n <= FE_MAX_TENSOR) || !known) return fe_data(in, c->fn->path, c->at);
    int64_t dim = (int64_t)n;
    Value *r = fe_tensor(in, type, numpy, 1, &dim, c->at);
    for (int64_t i = 0; r->kind == V_TENSOR && i < dim; i++)
        if (!fe_tensor_put(r->u.tensor, i, a + (double)i * step))
            return fe_data(in, c->fn->path, c->at);
    return r;
}

Value *fe_fn_linspace(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    const Value *count = l->n > 2 ? l->item[2] : keyword(c, of_numpy(c) ? "num" : "steps");
    double a, b;
    bool known, numpy = of_numpy(c);
    ElemType type = dtype_of(keyword(c, "dtype"), numpy, numpy ? EL_FLOAT64 : EL_FLOAT32, &known);
    if (l->n < 2 || !fe_number(l->item[0], &a) || !fe_number(l->item[1], &b) || !known || !count
        || count->kind != V_INT || count->u.i < 1 || has_gradient(c) || keyword(c, "endpoint"))
        return fe_data(in, c->fn->path, c->at);
    int64_t n = count->u.i;
    Value *r = fe_tensor(in, type, numpy, 1, &n, c->at);
    double step = n > 1 ? (b - a) / (double)(n - 1) : 0;
    for (int64_t i = 0; r->kind == V_TENSOR && i < n; i++) {
        double x = i < n / 2 || numpy ? a + step * (double)i : b - step * (double)(n - 1 - i);
        if (!fe_tensor_put(r->u.tensor, i, numpy && i == n - 1 && n > 1 ? b : x))
            return fe_data(in, c->fn->path, c->at);
    }
    return r;
}

Value *fe_fn_one_hot(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    const Value *count = l->n > 1 ? l->item[1] : keyword(c, "num_classes");
    if (l->n < 1 || l->item[0]->kind != V_TENSOR || l->item[0]->u.tensor->type != EL_INT64 || !count
        || count->kind != V_INT || count->u.i < 1 || l->item[0]->u.tensor->rank >= FE_TENSOR_RANK)
        return fe_data(in, c->fn->path, c->at);
    const Tensor *t = l->item[0]->u.tensor;
    int64_t dim[FE_TENSOR_RANK], n = count->u.i;
    memcpy(dim, t->dim, sizeof dim);
    dim[t->rank] = n;
    Value *r = fe_tensor(in, EL_INT64, false, t->rank + 1, dim, c->at);
    for (int64_t i = 0; r->kind == V_TENSOR && i < t->n; i++) {
        if (!(t->x[i] >= 0 && t->x[i] < (double)n)) {
            fe_report(in->d, c->at, DG(one_hot), (long long)t->x[i], (long long)n);
            return fe_bad(in, c->at);
        }
        r->u.tensor->x[i * n + (int64_t)t->x[i]] = 1;
    }
    return r;
}

/* ---- methods ---- */

static Value *scalar(Interp *in, const Tensor *t, ElemType type, double x, Span at)
{
    if (t->numpy) return fe_scalar(in, type, x, at);
    Value *r = fe_tensor(in, type, false, 0, NULL, at);
    if (r->kind == V_TENSOR && !fe_tensor_put(r->u.tensor, 0, x))
        return fe_data(in, "a tensor", at);
    return r;
}

/* sum, mean, min, max, prod over everything; over an axis they are data. */
Value *fe_t_reduce(Interp *in, const Call *c)
{
    const Tensor *t = c->self->u.tensor;
    bool real = t->type >= EL_FLOAT32, mean = strcmp(c->name, "mean") == 0;
    double r = c->name[0] == 'p' ? 1 : c->name[0] == 'm' && t->n > 0 ? t->x[0] : 0;
    if (c->n_given > 0 || (c->name[0] == 'm' && t->n == 0) || (mean && !real && !t->numpy))
        return fe_data(in, "the result of a method", c->at);
    if (!fe_spend(in, t->n, c->at)) return fe_bad(in, c->at);
    if (mean) r = 0;
    for (int64_t i = 0; i < t->n; i++) {
        double x = t->x[i];
        if (c->name[0] == 's' || mean) r += x;
        else if (c->name[0] == 'p') r *= x;
        else if (c->name[1] == 'i' ? x < r : x > r) r = x;
    }
    ElemType type = t->type;
    if (mean) r /= (double)t->n, type = real ? type : EL_FLOAT64;
    else if (!real && c->name[0] != 'm') type = EL_INT64;
    return scalar(in, t, type, r, c->at);
}

/* numpy.mean(a), torch.sum(t) */
Value *fe_fn_reduce(Interp *in, const Call *c)
{
    Value *v = c->n_arg > 0 ? c->arg[0].v : NULL;
    double x;
    bool list = v && of_numpy(c) && (v->kind == V_LIST || v->kind == V_TUPLE || fe_number(v, &x));
    if (!v || c->n_given != 1 || (v->kind != V_TENSOR && !list))
        return fe_data(in, c->fn->path, c->at);
    Call m = *c;
    m.n_given = 0;
    m.self = list ? fe_tensor_from(in, v, EL_OTHER, true, c->at) : v;
    return m.self->kind == V_TENSOR ? fe_t_reduce(in, &m) : m.self;
}

Value *fe_t_item(Interp *in, const Call *c)
{
    const Tensor *t = c->self->u.tensor;
    if (t->n == 1) return fe_scalar(in, t->type, t->x[0], c->at);
    fe_report(in->d, c->at, DG(item_count), (long long)t->n);
    return fe_bad(in, c->at);
}

Value *fe_t_tolist(Interp *in, const Call *c)
{
    return fe_tensor_list(in, c->self->u.tensor, c->at);
}

Value *fe_t_size(Interp *in, const Call *c)
{
    const Tensor *t = c->self->u.tensor;
    if (c->name[0] == 'd') return fe_int(in, t->rank, c->at);
    if (c->name[0] == 'n') return fe_int(in, t->n, c->at);
    int64_t i = c->v[0]->kind == V_INT ? c->v[0]->u.i : 0;
    if (c->v[0]->kind != V_INT) return fe_shape_value(in, t->rank, t->dim, c->at);
    if (i >= -t->rank && i < t->rank) return fe_int(in, t->dim[i < 0 ? i + t->rank : i], c->at);
    fe_report(in->d, c->at, DG(tensor_axes), t->rank);
    return fe_bad(in, c->at);
}

/* float, long, double, int, bool; to(dtype), astype(dtype), to(device). */
Value *fe_t_to(Interp *in, const Call *c)
{
    Tensor *t = c->self->u.tensor;
    ElemType type = fe_elem_type(c->name);
    bool known = true;
    for (int i = 0; i < c->n_arg; i++) {
        const Value *v = c->arg[i].v;
        if (v->kind == V_DTYPE || v->kind == V_FN) type = dtype_of(v, t->numpy, EL_OTHER, &known);
    }
    if (!known) return fe_data(in, "a tensor", c->at);
    if (type == EL_OTHER || (type == t->type && !t->numpy)) return c->self;
    return fe_tensor_from(in, c->self, type, t->numpy, c->at);
}

Value *fe_t_same(Interp *in, const Call *c)
{
    Tensor *t = c->self->u.tensor;
    bool copy = c->name[0] == 'c' && c->name[1] == 'l', numpy = strcmp(c->name, "numpy") == 0;
    if (c->name[0] == 'c' && !copy)
        return t->numpy ? fe_tensor_from(in, c->self, EL_OTHER, true, c->at) : c->self;
    Value *r = fe_tensor_from(in, c->self, EL_OTHER, numpy, c->at);
    if (!copy && r->kind == V_TENSOR) r->u.tensor->shared = t->shared = true;
    return r;
}

/* view, reshape, flatten, squeeze, unsqueeze, t: the same elements in another shape. */
Value *fe_t_view(Interp *in, const Call *c)
{
    Tensor *t = c->self->u.tensor;
    const List *l = c->positional->u.list;
    int64_t dim[FE_TENSOR_RANK], known = 1, n = 1;
    int rank = 0, open = -1;
    if (l->n == 1 && (l->item[0]->kind == V_TUPLE || l->item[0]->kind == V_LIST))
        l = l->item[0]->u.list;
    if (l->n > FE_TENSOR_RANK || c->n_given > c->positional->u.list->n)
        return fe_data(in, "a tensor", c->at);
    for (int i = 0; i < l->n; i++) {
        if (l->item[i]->kind != V_INT) return fe_data(in, "a tensor", c->at);
        dim[rank++] = l->item[i]->u.i;
        if (dim[i] == -1 && open < 0) open = i;
        else if (dim[i] < 0 || __builtin_mul_overflow(known, dim[i], &known)) known = 0;
    }
    if (c->name[0] == 'f' && l->n == 0) dim[0] = t->n, known = t->n, rank = 1;
    if (open >= 0) dim[open] = known > 0 ? t->n / known : 0;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(n, dim[i], &n)) n = -1;
    if (n != t->n || (c->name[0] == 'f' && l->n > 0)) {
        if (c->name[0] == 'f') return fe_data(in, "a tensor", c->at);
        fe_report(in->d, c->at, DG(view_size), c->name, (long long)t->n);
        return fe_bad(in, c->at);
    }
    Value *r = fe_tensor(in, t->type, t->numpy, rank, dim, c->at);
    if (r->kind != V_TENSOR) return r;
    memcpy(r->u.tensor->x, t->x, (size_t)t->n * sizeof *t->x);
    r->u.tensor->shared = t->shared = true;
    return r;
}

/* Elementwise functions: methods, torch.f(t) and numpy.f(t). */
Value *fe_t_map(Interp *in, const Call *c)
{
    static const struct { const char *name; double (*f)(double); } fns[] = {
        { "sqrt", sqrt }, { "exp", exp }, { "log", log }, { "abs", fabs }, { "tanh", tanh },
        { "log1p", log1p }, { "log2", log2 }, { "log10", log10 }, { "floor", floor },
        { "ceil", ceil } };
    const Value *v = c->fn->path[0] == '.' ? c->self : c->n_arg > 0 ? c->arg[0].v : NULL;
    double x;
    for (size_t k = 0; v && c->n_given <= 1 && k < sizeof fns / sizeof *fns; k++) {
        if (strcmp(fns[k].name, c->name) != 0) continue;
        if (of_numpy(c) && fe_number(v, &x)) return fe_float(in, fns[k].f(x), c->at);
        if (v->kind != V_TENSOR) break;
        const Tensor *t = v->u.tensor;
        ElemType type = t->type >= EL_FLOAT32 || c->name[0] == 'a' ? t->type
            : t->numpy ? EL_FLOAT64 : EL_FLOAT32;
        Value *r = fe_tensor(in, type, t->numpy, t->rank, t->dim, c->at);
        for (int64_t i = 0; r->kind == V_TENSOR && i < t->n; i++)
            if (!fe_tensor_put(r->u.tensor, i, fns[k].f(t->x[i])))
                return fe_data(in, "a tensor", c->at);
        return r;
    }
    return fe_data(in, c->fn->path[0] == '.' ? "the result of a method" : c->fn->path, c->at);
}

Value *fe_tensor_attr(Interp *in, Value *v, const char *name, Span at, Span name_at)
{
    Tensor *t = v->u.tensor;
    if (strcmp(name, "shape") == 0) return fe_shape_value(in, t->rank, t->dim, at);
    if (strcmp(name, "ndim") == 0) return fe_int(in, t->rank, at);
    if (strcmp(name, "size") == 0 && t->numpy) return fe_int(in, t->n, at);
    if (strcmp(name, "requires_grad") == 0) return fe_bool(in, false, at);
    if (strcmp(name, "dtype") == 0) {
        Value *d = fe_val(in, V_DTYPE, at);
        d->u.s = fe_elem_name(t->type);
        return d;
    }
    const Fn *fn = fe_fn(arena_printf(in->a, ".tensor.%.100s", name));
    if (fn) {
        Value *m = fe_val(in, V_METHOD, at);
        m->u.fn = fn, m->self = v;
        return m;
    }
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '_' && name[0] != '_') {
        fe_report(in->d, name_at, DG(tensor_in_place));
        fe_help(in->d, "make a new tensor: torch.tensor([…]), or t = t * 2");
        return fe_bad(in, at);
    }
    t->shared = true;
    return fe_data(in, "the result of a method", at);
}
