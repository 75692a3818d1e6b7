/* frontend/builtins.c: functions of Python, math and torch that a model file may call, with the
 * signatures of builtins.def. Those that walk are in iter.c, those of tensors in tensor_fns.c. */
#include "frontend/tensor.h"
#include <math.h>
#include <stdlib.h>
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
    case V_LIST: case V_TUPLE:
        if (v->u.list->once) break;
        return fe_int(in, v->u.list->n, c->at);
    case V_DICT: return fe_int(in, v->u.list->n / 2, c->at);
    case V_MODULE:
        if (!v->u.mod->info && v->u.mod->holds != HOLDS_BY_CLASS)
            return fe_int(in, v->u.mod->n_child, c->at);
        break;
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
    if (c->v[0]->kind == V_SYMBOL) return fe_symbol_call(in, c, (const Value *const *)c->v, 1);
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    const Tensor *t = c->v[0]->kind == V_TENSOR ? c->v[0]->u.tensor : NULL;
    if (t && t->n == 1 && to_int(t->x[0], &i)) return fe_int(in, i, c->at);
    return fe_number(c->v[0], &x) && to_int(x, &i) ? fe_int(in, i, c->at)
                                                   : wrong(in, c, 0, "a number");
}

/* A number as Python's float reads it; false: it is none. */
static bool real_text(const char *s, double *x)
{
    char *end;
    *x = strtod(s, &end);                          /* which takes inf and nan in either case, too */
    const char *word = s + strspn(s, " \t\n+-");
    bool hexadecimal = word[0] == '0' && (word[1] == 'x' || word[1] == 'X'), payload = strchr(s, '(') != NULL;
    return end > s && end[strspn(end, " \t\n")] == 0 && !hexadecimal && !payload;
}

Value *fe_fn_float(Interp *in, const Call *c)
{
    double x;
    if (c->v[0]->kind == V_SYMBOL) return fe_symbol_call(in, c, (const Value *const *)c->v, 1);
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    if (c->v[0]->kind == V_STR && real_text(c->v[0]->u.s, &x)) return fe_float(in, x, c->at);
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
    if (c->v[0]->kind == V_SYMBOL) return fe_symbol_call(in, c, (const Value *const *)c->v, 1);
    if (c->v[0]->kind == V_INT && c->v[0]->u.i > INT64_MIN)
        return fe_int(in, c->v[0]->u.i < 0 ? -c->v[0]->u.i : c->v[0]->u.i, c->at);
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    if (in->trace && (c->v[0]->kind == V_TRACED || c->v[0]->kind == V_PARAM))
        return fe_call_value(in, fe_traced_attr(in, c->v[0], "abs", c->at, c->at), NULL, 0, c->at);
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

static Value *named(const Call *c, const char *name)
{
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name && strcmp(c->arg[i].name, name) == 0) return c->arg[i].v;
    return NULL;
}

Value *fe_fn_minmax(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    Value *by = named(c, "key"), *best = NULL, *best_key = NULL;
    if (l->n == 1) {
        const Value *v = l->item[0], *all = l->item[0];
        bool set = v->kind == V_LIST && v->u.list->is_set;
        if (!set) all = fe_items(in, l->item[0], c->at);
        if (!all) return fe_bad(in, c->at);
        if (all->kind == V_DATA) return fe_data(in, all->u.s, c->at);
        l = all->u.list;
    }
    for (int i = 0; i < l->n && !by; i++)
        if (l->item[i]->kind == V_SYMBOL)
            return fe_symbol_call(in, c, (const Value *const *)l->item, l->n);
    for (int i = 0; i < l->n; i++) {
        Value *v = l->item[i], *key = by ? fe_call_value(in, by, &v, 1, c->at) : v;
        if (key->kind == V_BAD) return key;
        if (key->kind == V_DATA || key->kind == V_TENSOR) return fe_data(in, c->name, c->at);
        int order = best ? fe_order(key, best_key, 0) : 0;
        double x;
        if (order == 2
            || (!best && key->kind != V_STR && key->kind != V_TUPLE && !fe_number(key, &x))) {
            best = NULL;
            break;
        }
        if (!best || (c->name[1] == 'i' ? order < 0 : order > 0)) best = v, best_key = key;
    }
    if (!best && l->n == 0 && named(c, "default")) return named(c, "default");
    if (best) return best;
    fe_report(in->d, c->at, DG(wants_numbers), c->name);
    return fe_bad(in, c->at);
}

/* start + a + b + …, for lists, tensors and data. */
static Value *added(Interp *in, const Call *c, const List *l)
{
    Value *sum = c->v[1];
    for (int k = 0; k < l->n; k++) {
        sum = fe_binary(in, O_ADD, sum, l->item[k], c->at);
        if (sum->kind == V_BAD) break;
    }
    return sum;
}

static Value *fold(Interp *in, const Call *c, bool product)
{
    double r, x;
    int64_t i;
    if (c->v[0]->kind == V_DATA) return fe_data(in, c->v[0]->u.s, c->at);
    const Value *all = fe_items(in, c->v[0], c->v_at[0]);
    if (!all) return fe_bad(in, c->at);
    if (all->kind == V_DATA) return fe_data(in, all->u.s, c->at);
    const List *l = all->u.list;
    if (c->v[1]->kind != V_INT && c->v[1]->kind != V_FLOAT) return added(in, c, l);
    for (int k = 0; k < l->n; k++)
        if (l->item[k]->kind == V_TENSOR || l->item[k]->kind == V_DATA
            || l->item[k]->kind == V_PARAM || l->item[k]->kind == V_TRACED) return product ? fe_data(in, "a product", c->at)
                                                           : added(in, c, l);
    bool whole = c->v[1]->kind == V_INT;
    if (!fe_number(c->v[1], &r)) return wrong(in, c, 1, "a number");
    i = whole ? c->v[1]->u.i : 0;
    for (int k = 0; k < l->n; k++) {
        bool is_int = l->item[k]->kind == V_INT || l->item[k]->kind == V_BOOL;
        if (!fe_number(l->item[k], &x)) return wrong(in, c, 0, "a list of numbers");
        r = product ? r * x : r + x;
        int64_t v =
            l->item[k]->kind == V_INT ? l->item[k]->u.i : l->item[k]->kind == V_BOOL && x != 0;
        whole = whole && is_int
            && !(product ? __builtin_mul_overflow(i, v, &i) : __builtin_add_overflow(i, v, &i));
    }
    return whole ? fe_int(in, i, c->at) : fe_float(in, r, c->at);
}

Value *fe_fn_sum(Interp *in, const Call *c) { return fold(in, c, false); }
Value *fe_fn_prod(Interp *in, const Call *c) { return fold(in, c, true); }

Value *fe_fn_list(Interp *in, const Call *c)
{
    Value *v = c->v[0], *r = fe_list(in, strcmp(c->name, "tuple") == 0 ? V_TUPLE : V_LIST, c->at);
    const Value *all = fe_items(in, v, c->v_at[0]);
    if (!all) return fe_bad(in, c->at);
    if (all->kind == V_DATA) return fe_data(in, all->u.s, c->at);
    for (int i = 0; i < all->u.list->n; i++)
        if (!fe_push(in, r, all->u.list->item[i])) return fe_bad(in, c->at);
    return r;
}

/* Entries from pairs or another dict; null: reported, or data. */
static Value *entries(Interp *in, Value *to, Value *from, const Call *c)
{
    if (from->kind == V_DICT) {
        for (int i = 0; i + 1 < from->u.list->n; i += 2)
            if (!fe_dict_put(in, to, from->u.list->item[i], from->u.list->item[i + 1])) return NULL;
        return to;
    }
    const Value *all = fe_items(in, from, c->at);
    if (!all) return NULL;
    if (all->kind == V_DATA) return fe_data(in, "a dict", c->at);
    for (int i = 0; i < all->u.list->n; i++) {
        Value *pair = all->u.list->item[i];
        if (pair->kind == V_LIST || pair->kind == V_STR) pair = fe_items(in, pair, c->at);
        if (pair && pair->kind == V_DATA) return pair;
        if (!pair || (pair->kind != V_LIST && pair->kind != V_TUPLE) || pair->u.list->n != 2) {
            fe_report(in->d, c->at, DG(pairs), c->name);
            return NULL;
        }
        if (!fe_dict_put(in, to, pair->u.list->item[0], pair->u.list->item[1])) return NULL;
    }
    return to;
}

/* dict and OrderedDict */
Value *fe_fn_dict(Interp *in, const Call *c)
{
    Value *r = fe_list(in, V_DICT, c->at);
    const List *given = c->self->u.list;
    if (given->n > 1) return fe_data(in, "a dict", c->at);
    if (given->n == 1) r = entries(in, r, given->item[0], c);
    if (!r) return fe_bad(in, c->at);
    for (int i = 0; i < c->n_arg && r->kind == V_DICT; i++)
        if (c->arg[i].name
            && !fe_dict_put(in, r,
                            fe_str(in, c->arg[i].name, strlen(c->arg[i].name), c->arg[i].name_at),
                            c->arg[i].v))
            return fe_bad(in, c->at);
    return r;
}

Value *fe_fn_range(Interp *in, const Call *c)
{
    bool one = c->v[1]->kind == V_NONE;
    int64_t a = one ? 0 : c->v[0]->u.i, b = one ? c->v[0]->u.i : c->v[1]->u.i, step = c->v[2]->u.i;
    Value *r = fe_list(in, V_TUPLE, c->at);       /* walked, indexed, not changed */
    if (step == 0) return wrong(in, c, 2, "a step other than 0");
    while (step > 0 ? a < b : a > b) {
        if (!fe_push(in, r, fe_int(in, a, c->at))) return fe_bad(in, c->at);
        if (__builtin_add_overflow(a, step, &a)) break;
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
    bool two = strcmp(c->name, "pow") == 0
        || (strcmp(c->name, "log") == 0 && c->v[1]->kind != V_NONE);
    for (int k = 0; k <= two; k++)
        if (c->v[k]->kind == V_SYMBOL)
            return fe_symbol_call(in, c, (const Value *const *)c->v, 1 + two);
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
/* What is drawn becomes a parameter's values if nn.Parameter takes it; else it is thrown away. */
static Value *drawn(Interp *in, const Call *c, const List *sizes, int64_t elems)
{
    Value *v = fe_val(in, V_PARAM, c->at);
    v->u.param = arena_alloc(in->a, 1, sizeof *v->u.param);
    *v->u.param = (Param){ .name = c->name, .rank = sizes->n, .at = c->at };
    for (int i = 0; i < sizes->n; i++) v->u.param->dim[i] = sizes->item[i]->u.i;
    DrawRec r = { .kind = DRAW_NORMAL, .param = v->u.param, .a = 0, .b = 1, .elems = elems };
    if (strcmp(c->name, "rand") == 0) r.kind = DRAW_UNIFORM;
    if (strncmp(c->name, "rand", 4) == 0) fe_draw(in, r);        /* else its memory is as it is */
    return v;
}

void fe_scale_draw(Interp *in, Value *a, Value *b, Value *product)
{
    Value *data = a->kind == V_DATA ? a : b, *by = data == a ? b : a;
    double k;
    if (!data->self || data->self->kind != V_PARAM || data->self->u.param->owner
        || !fe_number(by, &k) || !(k > 0 && isfinite(k))) return;
    for (int i = in->n_draw - 1; i >= 0; i--) {
        DrawRec *r = &in->draw[i];
        if (r->param != data->self->u.param) continue;
        r->a *= k, r->b *= k;
        if (r->kind == DRAW_UNIFORM) r->b = (double)(float)r->b;
        product->self = data->self;
        data->self = NULL;               /* its own numbers are gone */
        return;
    }
}

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
    Value *data = fe_data(in, arena_printf(in->a, "torch.%s", c->name), c->at);
    if (known && n > 0 && l->n <= IR_MAX_RANK && strcmp(c->name, "randperm") != 0) {
        data->self = drawn(in, c, l, n);
        return data;
    }
    if (strcmp(c->name, "randperm") == 0) n = n > 0 ? n - 1 : 0;
    if (known && n > 0) fe_draw(in, (DrawRec){ .kind = DRAW_SKIP_UNIFORM, .elems = n });
    return data;
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
    const Value *all = fe_items(in, c->v[0], c->v_at[0]);
    if (!all) return fe_bad(in, c->at);
    if (all->kind == V_DATA) return wrong(in, c, 0, "a list");
    for (int i = 0, n = all->u.list->n; i < n; i++)
        if (!fe_push(in, c->self, all->u.list->item[i])) return fe_bad(in, c->at);
    return none(in, c);
}

Value *fe_d_items(Interp *in, const Call *c)
{
    const List *l = c->self->u.list;
    Value *r = fe_list(in, V_LIST, c->at);
    r->u.list->view = true;
    for (int i = 0; i + 1 < l->n; i += 2) {
        Value *pair = fe_list(in, V_TUPLE, c->at);
        fe_push(in, pair, l->item[i]);
        fe_push(in, pair, l->item[i + 1]);
        fe_push(in, r, c->name[0] == 'i' ? pair : l->item[c->name[0] == 'k' ? i : i + 1]);
    }
    return r;
}
