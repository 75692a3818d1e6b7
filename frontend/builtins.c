/* frontend/builtins.c: functions of Python, math and torch that a model file may call. */
#include "frontend/tensor.h"
#include <math.h>
#include <string.h>

/* The rows of builtins.def, declared so that a body of another type does not compile. */
#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

static Value *none(Interp *in, const Call *c) { return fe_val(in, V_NONE, c->at); }
Value *fe_fn_none(Interp *in, const Call *c) { return none(in, c); }
Value *fe_fn_false(Interp *in, const Call *c) { return fe_bool(in, false, c->at); }
Value *fe_fn_zero(Interp *in, const Call *c) { return fe_int(in, 0, c->at); }
Value *fe_fn_same(Interp *in, const Call *c) { (void)in; return c->v[0]; }
Value *fe_fn_data(Interp *in, const Call *c)
{
    return fe_data(in, c->fn->path[0] == '.' ? fe_last_part(c->fn->path) : c->fn->path, c->at);
}

static Value *wrong(Interp *in, const Call *c, int i, const char *wants)
{
    if (c->v[i]->kind == V_DATA)
        fe_report(in->d, c->v_at[i], DG(needs_content), c->name, "the argument", wants,
                  c->v[i]->u.s);
    else
        fe_wrong_type(in, c, i, "the argument", wants);
    return fe_bad(in, c->at);
}

Value *fe_fn_print(Interp *in, const Call *c)
{
    if (in->o->verbose) {
        for (int i = 0; i < c->self->u.list->n; i++) {
            const Value *v = c->self->u.list->item[i];
            fprintf(stderr, "%s%s", i ? " " : "", v->kind == V_STR ? v->u.s : fe_repr(in->a, v));
        }
        fputc('\n', stderr);
    }
    return none(in, c);
}

Value *fe_fn_len(Interp *in, const Call *c)
{
    const Value *v = c->v[0];
    switch (v->kind) {
    case V_STR: return fe_int(in, v->len, c->at);
    case V_LIST: case V_TUPLE: return fe_int(in, v->u.list->n, c->at);
    case V_DICT: return fe_int(in, v->u.list->n / 2, c->at);
    case V_MODULE: if (!v->u.mod->info) return fe_int(in, v->u.mod->n_child, c->at); break;
    case V_DATA: case V_LOADER: return fe_data(in, "the length of data", c->at);
    case V_TENSOR:
        if (v->u.tensor->rank > 0) return fe_int(in, v->u.tensor->dim[0], c->at);
        break;
    default: break;
    }
    return wrong(in, c, 0, "something with a length");
}

static bool to_int(double x, int64_t *i)
{
    if (!(x > -9.2e18 && x < 9.2e18)) return false;
    *i = (int64_t)x;
    return true;
}

Value *fe_fn_int(Interp *in, const Call *c)
{
    double x;
    int64_t i;
    if (c->v[0]->kind == V_INT) return c->v[0];
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    const Tensor *t = c->v[0]->kind == V_TENSOR ? c->v[0]->u.tensor : NULL;
    if (t && t->n == 1 && to_int(t->x[0], &i)) return fe_int(in, i, c->at);
    return fe_number(c->v[0], &x) && to_int(x, &i) ? fe_int(in, i, c->at)
                                                   : wrong(in, c, 0, "a number");
}

Value *fe_fn_float(Interp *in, const Call *c)
{
    double x;
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    if (c->v[0]->kind == V_STR && strcmp(c->v[0]->u.s, "inf") == 0)
        return fe_float(in, INFINITY, c->at);
    if (c->v[0]->kind == V_TENSOR && c->v[0]->u.tensor->n == 1)
        return fe_float(in, c->v[0]->u.tensor->x[0], c->at);
    return fe_number(c->v[0], &x) ? fe_float(in, x, c->at) : wrong(in, c, 0, "a number");
}

Value *fe_fn_bool(Interp *in, const Call *c)
{
    int t = fe_truth(c->v[0]);
    return t < 0 ? fe_data(in, "a condition on data", c->at) : fe_bool(in, t, c->at);
}

Value *fe_fn_str(Interp *in, const Call *c)
{
    if (c->v[0]->kind == V_STR) return c->v[0];
    const char *s = fe_repr(in->a, c->v[0]);
    return fe_str(in, s, strlen(s), c->at);
}

Value *fe_fn_abs(Interp *in, const Call *c)
{
    double x;
    if (c->v[0]->kind == V_INT && c->v[0]->u.i > INT64_MIN)
        return fe_int(in, c->v[0]->u.i < 0 ? -c->v[0]->u.i : c->v[0]->u.i, c->at);
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    return fe_number(c->v[0], &x) ? fe_float(in, fabs(x), c->at) : wrong(in, c, 0, "a number");
}

Value *fe_fn_round(Interp *in, const Call *c)
{
    double x;
    int64_t i;
    if (c->v[0]->kind == V_INT) return c->v[0];
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    if (!fe_number(c->v[0], &x)) return wrong(in, c, 0, "a number");
    if (c->v[1]->kind == V_INT) {
        double scale = pow(10, (double)c->v[1]->u.i), r = rint(x * scale) / scale;
        return fe_float(in, isfinite(r) ? r : x, c->at);
    }
    return to_int(rint(x), &i) ? fe_int(in, i, c->at) : wrong(in, c, 0, "a number");
}

/* The elements of a call's only argument where that is a list, else its arguments. */
static const List *operands(const Call *c)
{
    const List *l = c->self->u.list;
    if (l->n == 1 && (l->item[0]->kind == V_LIST || l->item[0]->kind == V_TUPLE))
        return l->item[0]->u.list;
    return l;
}

Value *fe_fn_minmax(Interp *in, const Call *c)
{
    const List *l = operands(c);
    Value *best = NULL;
    double x, y = 0;
    for (int i = 0; i < l->n; i++) {
        if (l->item[i]->kind == V_DATA) return fe_data(in, l->item[i]->u.s, c->at);
        if (!fe_number(l->item[i], &x)) best = NULL, i = l->n;
        else if (!best || (c->name[1] == 'i' ? x < y : x > y)) best = l->item[i], y = x;
    }
    if (best) return best;
    fe_report(in->d, c->at, DG(wants_numbers), c->name);
    return fe_bad(in, c->at);
}

static Value *fold(Interp *in, const Call *c, bool product)
{
    double r, x;
    int64_t i;
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    if (c->v[0]->kind != V_LIST && c->v[0]->kind != V_TUPLE)
        return wrong(in, c, 0, "a list of numbers");
    const List *l = c->v[0]->u.list;
    bool whole = c->v[1]->kind == V_INT;
    if (!fe_number(c->v[1], &r)) return wrong(in, c, 1, "a number");
    i = whole ? c->v[1]->u.i : 0;
    for (int k = 0; k < l->n; k++) {
        if (l->item[k]->kind == V_DATA) return fe_data(in, l->item[k]->u.s, c->at);
        if (!fe_number(l->item[k], &x)) return wrong(in, c, 0, "a list of numbers");
        r = product ? r * x : r + x;
        int64_t v = l->item[k]->kind == V_INT ? l->item[k]->u.i : 0;
        whole = whole && l->item[k]->kind == V_INT
            && !(product ? __builtin_mul_overflow(i, v, &i) : __builtin_add_overflow(i, v, &i));
    }
    return whole ? fe_int(in, i, c->at) : fe_float(in, r, c->at);
}

Value *fe_fn_sum(Interp *in, const Call *c) { return fold(in, c, false); }
Value *fe_fn_prod(Interp *in, const Call *c) { return fold(in, c, true); }

Value *fe_fn_list(Interp *in, const Call *c)
{
    Value *v = c->v[0], *r = fe_list(in, strcmp(c->name, "tuple") == 0 ? V_TUPLE : V_LIST, c->at);
    if (v->kind == V_DATA) return fe_data(in, v->u.s, c->at);
    if (v->kind == V_MODULE && !v->u.mod->info)
        for (int i = 0; i < v->u.mod->n_child; i++)
            fe_push(in, r, fe_module_value(in, v->u.mod->child[i], c->at));
    else if (v->kind == V_LIST || v->kind == V_TUPLE || v->kind == V_DICT)
        for (int i = 0; i < v->u.list->n; i += v->kind == V_DICT ? 2 : 1)
            fe_push(in, r, v->u.list->item[i]);
    else return wrong(in, c, 0, "a list");
    return r;
}

Value *fe_fn_dict(Interp *in, const Call *c)
{
    Value *r = fe_list(in, V_DICT, c->at);
    for (int i = 0; i < c->n_arg; i++) {
        if (!c->arg[i].name) return fe_data(in, "a dict", c->at);
        fe_push(in, r, fe_str(in, c->arg[i].name, strlen(c->arg[i].name), c->arg[i].name_at));
        fe_push(in, r, c->arg[i].v);
    }
    return r;
}

Value *fe_fn_range(Interp *in, const Call *c)
{
    bool one = c->v[1]->kind == V_NONE;
    int64_t a = one ? 0 : c->v[0]->u.i, b = one ? c->v[0]->u.i : c->v[1]->u.i, step = c->v[2]->u.i;
    Value *r = fe_list(in, V_LIST, c->at);
    if (step == 0) return wrong(in, c, 2, "a step other than 0");
    while (step > 0 ? a < b : a > b) {
        if (!fe_push(in, r, fe_int(in, a, c->at))) return fe_bad(in, c->at);
        if (__builtin_add_overflow(a, step, &a)) break;
    }
    return r;
}

Value *fe_fn_ordered(Interp *in, const Call *c)
{
    const Value *v = c->v[0];
    Value *r = fe_list(in, V_DICT, c->at);
    if (v->kind == V_DICT) return c->v[0];
    if (v->kind != V_LIST && v->kind != V_TUPLE)
        return wrong(in, c, 0, "a list of (name, value) pairs");
    for (int i = 0; i < v->u.list->n; i++) {
        const Value *pair = v->u.list->item[i];
        if ((pair->kind != V_TUPLE && pair->kind != V_LIST) || pair->u.list->n != 2)
            return wrong(in, c, 0, "a list of (name, value) pairs");
        fe_push(in, r, pair->u.list->item[0]);
        fe_push(in, r, pair->u.list->item[1]);
    }
    return r;
}

/* ---- math ---- */

Value *fe_fn_math(Interp *in, const Call *c)
{
    static const struct { const char *name; double (*f)(double); } fns[] = {
        { "sqrt", sqrt }, { "exp", exp }, { "log", log }, { "log2", log2 }, { "log10", log10 },
        { "sin", sin }, { "cos", cos }, { "tanh", tanh }, { "floor", floor }, { "ceil", ceil },
    };
    double x, y, r = NAN;
    int64_t i;
    fe_number(c->v[0], &x);
    for (size_t k = 0; k < sizeof fns / sizeof *fns; k++)
        if (strcmp(fns[k].name, c->name) == 0) r = fns[k].f(x);
    if (strcmp(c->name, "pow") == 0 && fe_number(c->v[1], &y)) r = pow(x, y);
    if (strcmp(c->name, "log") == 0 && fe_number(c->v[1], &y)) r = log(x) / log(y);
    if ((isnan(r) && !isnan(x)) || (isinf(r) && isfinite(x))) {
        fe_report(in->d, c->at, DG(math_domain), c->name, fe_repr(in->a, c->v[0]));
        return fe_bad(in, c->at);
    }
    bool whole = strcmp(c->name, "floor") == 0 || strcmp(c->name, "ceil") == 0;
    return whole && to_int(r, &i) ? fe_int(in, i, c->at) : fe_float(in, r, c->at);
}

/* ---- torch ---- */

void fe_draw(Interp *in, DrawRec r)
{
    if (in->n_draw == in->cap_draw) {
        int cap = in->cap_draw ? 2 * in->cap_draw : 32;
        in->draw = arena_grow(in->a, in->draw, (size_t)in->cap_draw, (size_t)cap, sizeof *in->draw);
        in->cap_draw = cap;
    }
    in->draw[in->n_draw++] = r;
}

Value *fe_fn_manual_seed(Interp *in, const Call *c)
{
    int64_t seed = c->v[0]->u.i;
    if (!in->has_seed) in->has_seed = true, in->seed = seed;
    fe_draw(in, (DrawRec){ .kind = DRAW_SEED, .a = (double)seed });
    if (seed > (int64_t)1 << 53 || seed < 0) {
        fe_report(in->d, c->v_at[0], DG(seed_range), (long long)seed);
        return fe_bad(in, c->at);
    }
    return fe_data(in, "a generator", c->at);
}

/* torch.rand and friends draw from the generator that initialises weights, so later layers are
 * drawn after them; their numbers themselves are data. */
Value *fe_fn_rand(Interp *in, const Call *c)
{
    const List *l = operands(c);
    int64_t n = 1;
    bool known = true;
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name && strcmp(c->arg[i].name, "generator") == 0)
            return fe_data(in, c->name, c->at);
    for (int i = 0; i < l->n && known; i++)
        known = l->item[i]->kind == V_INT && l->item[i]->u.i >= 0
            && !__builtin_mul_overflow(n, l->item[i]->u.i, &n) && n < (int64_t)1 << 40;
    if (strcmp(c->name, "randperm") == 0) n = n > 0 ? n - 1 : 0;
    if (known && n > 0)
        fe_draw(in, (DrawRec){ .kind = strcmp(c->name, "randn") == 0 ? DRAW_SKIP_NORMAL
                                                                     : DRAW_SKIP_UNIFORM,
                               .elems = n });
    return fe_data(in, arena_printf(in->a, "torch.%s", c->name), c->at);
}

static void say_device(Interp *in, Span at)
{
    if (in->said_device) return;
    in->said_device = true;
    fe_report(in->d, at, DG(device));
}

Value *fe_fn_device(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    if (l->n > 0 && l->item[0]->kind == V_STR && strncmp(l->item[0]->u.s, "cuda", 4) == 0)
        say_device(in, c->at);
    return fe_data(in, "a device", c->at);
}

Value *fe_fn_default_dtype(Interp *in, const Call *c)
{
    const Value *v = c->v[0];
    bool f64 =
        v->kind == V_DTYPE && (strcmp(v->u.s, "float64") == 0 || strcmp(v->u.s, "double") == 0);
    bool f32 =
        v->kind == V_DTYPE && (strcmp(v->u.s, "float32") == 0 || strcmp(v->u.s, "float") == 0);
    if ((f64 && in->o->real == DT_f64) || (f32 && in->o->real == DT_f32)) return none(in, c);
    fe_report(in->d, c->v_at[0], DG(other_dtype), fe_repr(in->a, v));
    fe_help(in->d, "the element type is an option of the compiler: --dtype %s",
            f64 ? "f64" : "f32");
    return fe_bad(in, c->at);
}

Value *fe_fn_save(Interp *in, const Call *c)
{
    fe_report(in->d, c->at, DG(no_effect), "torch.save");
    fe_help(in->d, "the generated program writes its weights itself: PROGRAM train --out DIR");
    return none(in, c);
}

Value *fe_m_to(Interp *in, const Call *c)
{
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].v->kind == V_DTYPE) return fe_m_double(in, c);
    if (strcmp(c->name, "cpu") != 0) say_device(in, c->at);
    return c->self;
}

Value *fe_m_self(Interp *in, const Call *c) { (void)in; return c->self; }

Value *fe_m_double(Interp *in, const Call *c)
{
    if (strcmp(c->name, "double") == 0 && in->o->real == DT_f64) return c->self;
    fe_report(in->d, c->at, DG(other_dtype), c->name);
    fe_help(in->d, "the element type is an option of the compiler: --dtype f32 or --dtype f64");
    return fe_bad(in, c->at);
}

Value *fe_o_step(Interp *in, const Call *c)
{
    fe_report(in->d, c->at, DG(no_effect), "step()");
    fe_help(in->d, "the generated program takes the training steps: PROGRAM train --data …");
    return none(in, c);
}

Value *fe_l_append(Interp *in, const Call *c)
{
    return fe_push(in, c->self, c->v[0]) ? none(in, c) : fe_bad(in, c->at);
}

Value *fe_l_extend(Interp *in, const Call *c)
{
    if (c->v[0]->kind != V_LIST && c->v[0]->kind != V_TUPLE) return wrong(in, c, 0, "a list");
    for (int i = 0, n = c->v[0]->u.list->n; i < n; i++)
        if (!fe_push(in, c->self, c->v[0]->u.list->item[i])) return fe_bad(in, c->at);
    return none(in, c);
}

Value *fe_d_items(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    Value *r = fe_list(in, V_LIST, c->at);
    for (int i = 0; i + 1 < l->n; i += 2) {
        Value *pair = fe_list(in, V_TUPLE, c->at);
        fe_push(in, pair, l->item[i]);
        fe_push(in, pair, l->item[i + 1]);
        fe_push(in, r, c->name[0] == 'i' ? pair : l->item[c->name[0] == 'k' ? i : i + 1]);
    }
    return r;
}
