/* frontend/forward.c: what a model computes with tensors: operators, and how functions of torch and
 * torch.nn.functional, methods and attributes are found. The functions are in files by what they do: of
 * elements in forward_maps.c, comparisons in forward_masks.c, what moves elements in forward_shape.c,
 * forward_axes.c and forward_index.c, reductions in forward_reduce.c, products in forward_products.c,
 * layers that are called as functions in forward_layers.c.
 *
 * A tensor is a node of the graph that is being built (V_TRACED). Values that share memory share a
 * Storage: an operation in place changes the one on which it is called, and whoever reads another
 * of them later is told so, as PyTorch would give that the new numbers. */
#include "frontend/forward.h"
#include "frontend/tensor.h"
#include <string.h>

/* ---- values ---- */

Value *fe_traced(Trace *t, Val v, const Value *of, Span at)
{
    Value *r = fe_val(t->in, V_TRACED, at);
    Storage *store = of && of->kind == V_TRACED ? of->u.traced->store : NULL;
    if (!store) store = arena_alloc(t->in->a, 1, sizeof *store);
    r->u.traced = arena_alloc(t->in->a, 1, sizeof *r->u.traced);
    *r->u.traced = (Traced){ t->g, v, store, store->version, false };
    return r;
}

void fe_change(Trace *t, Value *v, Val y)
{
    Traced *x = v->u.traced;
    (void)t;
    x->v = y;
    x->version = ++x->store->version;
}

bool fe_in_forward(const Interp *in, const Value *v)
{
    return in->trace && (v->kind == V_TRACED || v->kind == V_SIZE || v->kind == V_PARAM);
}

bool fe_gets_tensor(const Interp *in, const Call *c)
{
    if (!in->trace || (c->fn && strncmp(c->fn->path, "torch.", 6) != 0)) return false;
    for (int i = 0; i < c->n_arg; i++) {
        const Value *v = c->arg[i].v;
        bool list = v->kind == V_LIST || v->kind == V_TUPLE;
        if (fe_in_forward(in, v)) return true;
        for (int k = 0; list && k < v->u.list->n; k++)
            if (fe_in_forward(in, v->u.list->item[k])) return true;
    }
    return false;
}

/* What to write for a function that forward cannot call; false: nothing is said. */
static bool help_instead(Interp *in, const char *name)
{
    const char *instead = NULL;
    if (!fe_known_elsewhere(arena_printf(in->a, "forward.%.60s", name), &instead)) return false;
    fe_help(in->d, "%s", instead);
    return true;
}

Value *fe_not_in_forward(Interp *in, const char *path, Span at)
{
    fe_report(in->d, at, DG(forward_function), path);
    help_instead(in, fe_last_part(path));
    return fe_bad(in, at);
}

static Val constant(Trace *t, const Value *v, Span at)
{
    const Tensor *x = v->u.tensor;
    Type type = ir_type_of(t->g->module->real, ir_shape(x->rank, x->dim));
    bool same = x->n > 0;
    for (int64_t i = 1; i < x->n && same; i++) same = memcmp(&x->x[i], x->x, sizeof *x->x) == 0;
    if (x->n == 0 || (x->type == EL_FLOAT64 && x->rank && t->g->module->real != DT_f64)) {
        fe_report(t->in->d, at, DG(forward_constant), x->n ? "float64" : "empty");
        return (Val){ 0 };
    }
    return ir_const(t->g, type, x->x, same ? 1 : (int)x->n, fe_loc(t->g->module, t->in->d, at));
}

static Val size_val(Trace *t, int64_t k, Loc loc)
{
    const int64_t axis = 0;
    Val n = ir_add(t->g, OP_count, loc, IR_IN(t->x), IR_ATTRS(ir_ints(AT_axes, &axis, 1)));
    if (k == 1) return n;
    return ir_map(t->g, arena_printf(t->in->a, "a * %lld.0", (long long)k), IR_IN(n), loc);
}

Val fe_tensor_val(Trace *t, const Value *v, Span at)
{
    if (!fe_is_mask(v)) return fe_any_val(t, v, at);
    fe_report(t->in->d, at, DG(forward_mask));
    fe_help(t->in->d, "torch.where(x > 0, x, y), x.masked_fill(x < 0, 0.0), x * (x > 0), ~, & and | take it; "
                      "(x > 0).float() is a tensor of numbers");
    return (Val){ 0 };
}

Val fe_any_val(Trace *t, const Value *v, Span at)
{
    Interp *in = t->in;
    Loc loc = fe_loc(t->g->module, in->d, at);
    double x;
    if (v->kind == V_BAD) return (Val){ 0 };
    if (v->kind == V_TRACED) {
        const Traced *r = v->u.traced;
        if (r->g == t->g && r->version == r->store->version) return r->v;
        fe_report(in->d, at, DG(forward_stale), r->g != t->g
                  ? "was made when the model ran another time"
                  : "shares memory with one that was changed in place");
        if (r->g == t->g) fe_help(in->d, "write the operation that is in place as y = f(x)");
        return (Val){ 0 };
    }
    if (v->kind == V_PARAM && v->u.param->state.i) return ir_state_val(t->g, v->u.param->state);
    if (v->kind == V_PARAM) {
        fe_report(in->d, at, DG(stray_param));
        fe_help(in->d, "keep it in __init__: self.weight = nn.Parameter(…)");
        return (Val){ 0 };
    }
    if (v->kind == V_TENSOR) return constant(t, v, at);
    if (v->kind == V_SIZE) return size_val(t, v->u.i, loc);
    if (fe_number(v, &x))
        return ir_const(t->g, ir_type_of(t->g->module->real, ir_shape(0, NULL)), &x, 1, loc);
    if (v->kind == V_DATA) {
        fe_report(in->d, at, DG(forward_data), v->u.s);
        if (strncmp(v->u.s, "torch.", 6) == 0)
            fe_help(in->d, "that function is not in this version");
    } else {
        fe_report(in->d, at, DG(forward_type), "this operation", fe_kind_name(v));
        if (v->kind == V_MODULE)
            fe_help(in->d, "a layer is called with a tensor, and gives one: self.layer(x)");
        fe_help_extremes(in, v);
    }
    return (Val){ 0 };
}

void fe_help_extremes(Interp *in, const Value *v)
{
    if (v->kind == V_TUPLE && v->u.list->extremes)
        fe_help(in->d, "it has values and indices: x.max(dim=1).values is the tensor");
}

Forward fe_operation(Interp *in, const Call *c, const char *name, Span at)
{
    Trace *t = in->trace;
    return (Forward){ .in = in, .t = t, .g = t->g, .c = c, .at = at, .name = name,
                      .loc = fe_loc(t->g->module, in->d, at) };
}

const char *fe_owner_path(const Forward *f)
{
    return f->t->owner && f->t->owner->path ? f->t->owner->path : "";
}

Val fe_result(Trace *t, Val y, Loc loc)
{
    return t->no_grad ? ir_add(t->g, OP_stop, loc, IR_IN(y), IR_NO_ATTRS) : y;
}

Value *fe_made(const Forward *f, Val y, bool shares)
{
    if (!y.i) return fe_bad(f->in, f->at);
    y = fe_result(f->t, y, f->loc);
    Shape s = ir_type(f->g, y)->shape;
    if (!fe_fits(f->t, f->at, &s)) return fe_bad(f->in, f->at);
    const char *text = f->c ? fe_call_text(f->in, f->c, "", false) : f->name;
    fe_add_step(f->t, (Step){ NULL, fe_owner_path(f), text, f->at, s, y, shares });
    return fe_traced(f->t, y, shares ? f->x_value : NULL, f->at);
}

Value *fe_misfit(const Forward *f, const char *what)
{
    fe_report(f->in->d, f->at, DG(forward_shape), f->name, what);
    fe_note_chain(f->in, &f->t->chain);
    return fe_bad(f->in, f->at);
}

Val fe_reshaped(const Forward *f, Val x, Shape s)
{
    if (ir_shape_eq(&ir_type(f->g, x)->shape, &s)) return x;
    return ir_add_typed(f->g, OP_reshape, f->loc, ir_type_of(f->g->module->real, s), IR_IN(x),
                        IR_NO_ATTRS);
}

int fe_axis_of(const Forward *f, const Value *v, const Shape *s, int more)
{
    int64_t rank = s->rank + more, i = v->u.i;
    if (v->kind == V_INT && i >= -rank && i < rank) return (int)(i < 0 ? i + rank : i);
    fe_misfit(f, arena_printf(f->in->a, "dim=%s is no axis of %s", fe_repr(f->in->a, v),
                              fe_shape_text(f->in->a, s, f->t->chain.batch)));
    return -1;
}

/* ---- operators ---- */

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

Value *fe_two_shapes(const Forward *f, Val a, Val b)
{
    Arena *m = f->in->a;
    return fe_misfit(f, arena_printf(m, "%s and %s do not fit together",
                                     fe_shape_text(m, shape_of(f, a), f->t->chain.batch),
                                     fe_shape_text(m, shape_of(f, b), f->t->chain.batch)));
}

/* x to a power: products for small whole ones, as everyone computes them. */
static Val power(const Forward *f, Val x, Val by, const Value *exponent)
{
    double e;
    if (!fe_number(exponent, &e)) return ir_map(f->g, "pow(a, b)", IR_IN(x, by), f->loc);
    if (e == 1) return x;
    if (e == 2) return ir_add(f->g, OP_mul, f->loc, IR_IN(x, x), IR_NO_ATTRS);
    if (e == 3) return ir_map(f->g, "a * a * a", IR_IN(x), f->loc);
    if (e == 0.5) return ir_add(f->g, OP_sqrt, f->loc, IR_IN(x), IR_NO_ATTRS);
    return ir_map(f->g, "pow(a, b)", IR_IN(x, by), f->loc);
}

Value *fe_combine(const Forward *f, Oper op, Val a, Val b, const Value *second)
{
    if (!a.i || !b.i) return fe_bad(f->in, f->at);
    Shape s = *shape_of(f, a);
    if (!ir_broadcast(&s, shape_of(f, b))) return fe_two_shapes(f, a, b);
    if (!fe_fits(f->t, f->at, &s)) return fe_bad(f->in, f->at);
    switch (op) {
    case O_ADD: return fe_made(f, ir_add(f->g, OP_add, f->loc, IR_IN(a, b), IR_NO_ATTRS), false);
    case O_SUB: return fe_made(f, ir_add(f->g, OP_sub, f->loc, IR_IN(a, b), IR_NO_ATTRS), false);
    case O_MUL: return fe_made(f, ir_add(f->g, OP_mul, f->loc, IR_IN(a, b), IR_NO_ATTRS), false);
    case O_DIV: return fe_made(f, ir_add(f->g, OP_div, f->loc, IR_IN(a, b), IR_NO_ATTRS), false);
    default: return fe_made(f, power(f, a, b, second), false);
    }
}

/* Multiples of the batch's size stay that where they can. */
static Value *size_binary(Interp *in, Oper op, const Value *a, const Value *b, Span at)
{
    int64_t k, p = a->u.i, q = b->u.i;
    Value *v = fe_val(in, V_SIZE, at);
    bool times = op == O_MUL && a->kind != b->kind && !__builtin_mul_overflow(p, q, &k) && k > 0;
    bool over = op == O_FLOORDIV && a->kind == V_SIZE && b->kind == V_INT && q > 0 && p % q == 0;
    if (!times && !over) return NULL;
    v->u.i = times ? k : p / q;
    return v;
}

/* Numbers that make a sum or product of real numbers with a mask. */
static bool is_real(const Value *v)
{
    return v->kind == V_TRACED || v->kind == V_PARAM || v->kind == V_FLOAT
        || (v->kind == V_TENSOR && (v->u.tensor->type == EL_FLOAT32 || v->u.tensor->type == EL_FLOAT64));
}

Value *fe_traced_binary(Interp *in, Oper op, Value *a, Value *b, Span at)
{
    bool logic = op == O_BITAND || op == O_BITOR || op == O_BITXOR;
    Value *mask = logic || (fe_is_mask(a) && fe_is_mask(b)) ? fe_mask_binary(in, op, a, b, at) : NULL;
    if (mask) return mask;
    static const char *const name[] = { [O_ADD] = "+", [O_SUB] = "-", [O_MUL] = "*", [O_DIV] = "/",
                                        [O_POW] = "**", [O_MATMUL] = "@", [O_FLOORDIV] = "//",
                                        [O_MOD] = "%" };
    bool tensors = a->kind == V_TRACED || b->kind == V_TRACED || a->kind == V_PARAM
                || b->kind == V_PARAM || a->kind == V_TENSOR || b->kind == V_TENSOR;
    const char *sign = (size_t)op < sizeof name / sizeof *name ? name[op] : NULL;
    Forward f = fe_operation(in, NULL, sign ? sign : "?", at);
    if (!tensors && (a->kind == V_INT || b->kind == V_INT)) {
        Value *v = size_binary(in, op, a, b, at);
        if (v) return v;
    }
    if (!tensors || !sign || op == O_FLOORDIV || op == O_MOD) {
        fe_report(in->d, at, DG(bad_operands), sign ? sign : "this operator", fe_kind_name(a),
                  fe_kind_name(b));
        if (!tensors)
            fe_help(in->d, "the size of a batch is a number only when the program runs; view and "
                           "reshape take it, and -1");
        return fe_bad(in, at);
    }
    bool p = fe_is_mask(a), q = fe_is_mask(b), computes = op == O_ADD || op == O_MUL || op == O_DIV;
    Val x = p && !q && computes && is_real(b) ? fe_any_val(in->trace, a, at) : fe_tensor_val(in->trace, a, at);
    Val y = q && !p && computes && is_real(a) ? fe_any_val(in->trace, b, at) : fe_tensor_val(in->trace, b, at);
    return op == O_MATMUL ? fe_product(&f, x, y) : fe_combine(&f, op, x, y, b);
}

Value *fe_traced_unary(Interp *in, Oper op, Value *a, Span at)
{
    Forward f = fe_operation(in, NULL, "-", at);
    if (op == O_INVERT && a->kind != V_SIZE) return fe_mask_not(in, a, at);
    if (op == O_POS) return a;
    if (op != O_NEG || a->kind == V_SIZE) {
        fe_report(in->d, at, DG(forward_values));
        return fe_bad(in, at);
    }
    Val x = fe_tensor_val(in->trace, a, at);
    if (!x.i) return fe_bad(in, at);
    return fe_made(&f, ir_add(f.g, OP_neg, f.loc, IR_IN(x), IR_NO_ATTRS), false);
}

void fe_traced_in_place(Interp *in, Value *a, const Value *b, Span at)
{
    Forward f = fe_operation(in, NULL, "+=", at);
    Val x = fe_tensor_val(in->trace, a, at), y = fe_tensor_val(in->trace, b, at);
    if (!x.i || !y.i) return;
    if (ir_shape_eq(shape_of(&f, x), shape_of(&f, y))) fe_change(in->trace, a, y);
    else fe_two_shapes(&f, x, y);
}

/* ---- the functions ---- */

enum {
#define LAYER(name, ...) ROW_##name,
#include "frontend/layers.def"
#undef LAYER
};

static const FormInfo forms[] = {
#define FORM(name, forms, signature, rule, layer) { #name, fe_form_##rule, ROW_##layer },
#include "frontend/forward.def"
#undef FORM
};

/* The tensor on which the function is called, or its first argument. */
static Value *first(const Call *c)
{
    return c->fn->signature ? c->v[0]
        : c->positional->u.list->n > 0 ? c->positional->u.list->item[0] : NULL;
}

/* Arguments that ask for what is not here: other element types, filters of an image. */
static bool asks_too_much(const Forward *f)
{
    const char *real = f->g->module->real == DT_f64 ? "float64" : "float32";
    for (int i = 0; i < f->c->n_arg; i++) {
        const ArgVal *x = &f->c->arg[i];
        bool type = x->v->kind == V_DTYPE
            && fe_elem_type(x->v->u.s) != fe_elem_type(real);
        if (type)
            fe_misfit(f, arena_printf(f->in->a, "elements are of %s in the whole program", real));
        bool filter = x->name && strcmp(x->name, "antialias") == 0 && fe_truth(x->v) != 0;
        if (filter) fe_misfit(f, "`antialias` is not in this version");
        if (type || filter) return true;
    }
    return false;
}

static Value *run_form(Interp *in, const Call *c, const FormInfo *form)
{
    Forward f = fe_operation(in, c, form->name, c->at);
    f.form = form;
    f.x_value = first(c);
    if (asks_too_much(&f)) return fe_bad(in, c->at);
    bool list = f.x_value && (f.x_value->kind == V_LIST || f.x_value->kind == V_TUPLE);
    if (!f.x_value) {
        fe_report(in->d, c->at, DG(missing), c->name, "input");
        return fe_bad(in, c->at);
    }
    if (!list) {
        Span at = c->n_arg ? c->arg[0].at : c->at;
        f.x = fe_takes_mask(form->rule) ? fe_any_val(f.t, f.x_value, at) : fe_tensor_val(f.t, f.x_value, at);
        if (!f.x.i) return fe_bad(in, c->at);
    } else if (form->rule != fe_form_cat) {
        fe_report(in->d, c->at, DG(forward_type), form->name, fe_kind_name(f.x_value));
        return fe_bad(in, c->at);
    }
    Value *v = form->rule(&f);
    if (fe_is_mask(f.x_value) && fe_moves(form->rule)) fe_as_mask(v);
    size_t n = strlen(form->name);
    const Value *inplace = NULL;
    int i = c->fn->signature ? fe_arg(c, "inplace") : -1;
    if (i >= 0) inplace = c->v[i];
    bool changes = form->name[n - 1] == '_' || (inplace && fe_truth(inplace) == 1);
    if (!changes || v->kind != V_TRACED || f.x_value->kind != V_TRACED) return v;
    fe_change(f.t, f.x_value, v->u.traced->v);
    return f.x_value;
}

Value *fe_forward(Interp *in, const Call *c)
{
    if (in->trace) return run_form(in, c, &forms[c->fn->row]);
    return fe_data(in, c->fn->path, c->at);
}

Value *fe_form_detach(const Forward *f)
{
    return fe_made(f, ir_add(f->g, OP_stop, f->loc, IR_IN(f->x), IR_NO_ATTRS), true);
}

/* ---- attributes ---- */

Value *fe_traced_attr(Interp *in, Value *v, const char *name, Span at, Span name_at)
{
    const Fn *fn = fe_fn(arena_printf(in->a, ".traced.%.100s", name));
    if (fn) {
        Value *m = fe_val(in, V_METHOD, at);
        m->u.fn = fn;
        m->self = v;
        return m;
    }
    Val x = fe_any_val(in->trace, v, at);
    if (!x.i) return fe_bad(in, at);
    const Shape *s = &ir_type(in->trace->g, x)->shape;
    if (strcmp(name, "shape") == 0) return fe_shape_tuple(in, s, at);
    if (strcmp(name, "ndim") == 0) return fe_int(in, s->rank, at);
    if (strcmp(name, "dtype") == 0) {
        Value *type = fe_val(in, V_DTYPE, at);
        type->u.s = fe_is_mask(v) ? "bool" : in->trace->g->module->real == DT_f64 ? "float64" : "float32";
        return type;
    }
    bool swaps = strcmp(name, "mT") == 0 && s->rank != 2;
    if (swaps || strcmp(name, "T") == 0 || strcmp(name, "mT") == 0 || strcmp(name, "data") == 0) {
        Value *last[] = { fe_int(in, -2, at), fe_int(in, -1, at) };
        const char *method = swaps ? "transpose" : *name == 'd' ? "detach" : "t";
        return fe_call_value(in, fe_traced_attr(in, v, method, at, name_at), last, swaps ? 2 : 0, at);
    }
    static const char *const plain[] = { "device", "requires_grad", "is_cuda" };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i]) == 0) return fe_data(in, "what a tensor is like", at);
    Nearest n = { name, NULL, 0 };
    fe_consider_space(&n, ".traced");
    fe_report(in->d, name_at, DG(no_attribute), "a tensor of forward", name);
    if (!help_instead(in, name) && fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
    return fe_bad(in, at);
}
