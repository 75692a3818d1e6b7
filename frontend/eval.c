/* frontend/eval.c: evaluates names, operators, comparisons and indices. Calls, displays and the
 * entry of evaluation are in eval_call.c, statements in run.c. */
#include "frontend/eval.h"
#include "frontend/tensor.h"
#include <math.h>
#include <string.h>

/* ---- names ---- */

static Value *fn_value(Interp *in, const Fn *fn, Span at)
{
    Value *v = fe_val(in, V_FN, at);
    v->u.fn = fn;
    return v;
}

/* Names that need no import: Python's functions, PyTorch's modules, and in options the classes. */
static Value *known_name(Interp *in, const char *name, Span at)
{
    static const char *const spaces[] = { "torch.nn", "torch.optim", "torch.utils.data" };
    const char *path = fe_predeclared(name);
    if (path) {
        Value *v = fe_val(in, V_SPACE, at);
        v->u.s = path;
        return v;
    }
    const Fn *fn = strchr(name, '.') ? NULL : fe_fn(name);
    if (!fn && (strcmp(name, "DataLoader") == 0 || strcmp(name, "TensorDataset") == 0))
        fn = fe_fn(arena_printf(in->a, "torch.utils.data.%s", name));
    for (int i = 0; !fn && i < in->n_star; i++)
        fn = fe_fn(arena_printf(in->a, "%s.%.100s", in->star[i], name));
    for (size_t i = 0; !fn && in->option && i < sizeof spaces / sizeof *spaces; i++)
        fn = fe_fn(arena_printf(in->a, "%s.%.100s", spaces[i], name));
    if (fn) return fn_value(in, fn, at);
    if (strcmp(name, "__name__") == 0) return fe_str(in, "model", 5, at);
    if (in->option && in->model && strcmp(name, "model") == 0)
        return fe_module_value(in, in->model, at);
    return NULL;
}

static void unknown_name(Interp *in, const char *name, Span at)
{
    static const char *const homes[] = { "torch.nn", "torch.optim", "torch.nn.init",
                                         "torch.utils.data", "torchvision.transforms",
                                         "torchvision.datasets" };
    Nearest n = { name, NULL, 0 };
    for (uint32_t i = 0; i < in->n_name && i < 2000; i++)
        if (in->name[i].v->kind != V_BAD && in->name[i].v->kind != V_GONE)
            fe_consider(&n, in->name[i].name);
    fe_consider_space(&n, "");
    static const char *const usual[] = { "torch", "nn",         "optim",     "math",
                                         "np",    "DataLoader", "transforms" };
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) fe_consider(&n, usual[i]);
    fe_report(in->d, at, DG(unknown_name), name);
    static const struct {
        const char *name, *how;
    } roles[] = { { "model", "nn.Sequential(nn.Linear(4, 2))" },
                  { "net", "nn.Sequential(nn.Linear(4, 2))" },
                  { "criterion", "nn.CrossEntropyLoss()" },
                  { "optimizer", "optim.SGD(model.parameters(), lr=0.01)" } };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0) {
            fe_help(in->d, "define it above this line: %s = %s", name, roles[i].how);
            return;
        }
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        const char *path = arena_printf(in->a, "%s.%.100s", homes[i], name), *instead;
        if (!fe_fn(path) && !fe_known_elsewhere(path, &instead)) continue;
        fe_help(in->d, "write %s.%s, or first: from %s import %s",
                strcmp(homes[i], "torch.nn") == 0      ? "nn"
                : strcmp(homes[i], "torch.optim") == 0 ? "optim"
                                                       : homes[i],
                name, homes[i], name);
        return;
    }
    if (fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
    fe_help(in->d, "a name that the file leaves open is given on the command line: -D %s=VALUE",
            name);
}

/* The name in the functions around this place; null: it is none of theirs. V_BAD: it is one's, but
 * has no value yet. */
static Value *local_value(Interp *in, const Expr *x)
{
    for (const Frame *f = in->frame; f; f = f->outer) {
        const Local *l = fe_local_name(f, x->text);
        if (l && l->v) return l->v;
        bool own = l != NULL;
        fe_spend(in, f->n / 4 + (f->fn ? f->fn->n_local / 4 : 0), x->at);
        for (int i = 0; f->fn && i < f->fn->n_local && !own; i++)
            own = strcmp(f->fn->local[i], x->text) == 0;
        if (!own) continue;
        fe_report(in->d, x->at, DG(unbound_local), x->text, f->fn ? f->fn->name : "?");
        fe_help(in->d, "give it a value above, or make it a parameter");
        return fe_bad(in, x->at);
    }
    return NULL;
}

Value *fe_eval_name(Interp *in, const Expr *x)
{
    Value *local = in->frame ? local_value(in, x) : NULL;
    if (local) return local;
    Binding *b = fe_lookup(in, x->text);
    if (b && b->v->kind != V_GONE) {
        b->used = true;
        return b->v;
    }
    Value *v = known_name(in, x->text, x->at);
    if (v) return v;
    if (b) {                                      /* `del` took its value */
        unknown_name(in, x->text, x->at);
        b->v = fe_bad(in, x->at);
        return b->v;
    }
    if (in->quiet > 0) return fe_bad(in, x->at);
    if (in->lenient > 0) {
        fe_report(in->d, x->at, DG(name_as_data), x->text);
        v = fe_data(in, arena_printf(in->a, "`%s`, which the file does not define", x->text),
                    x->at);
        fe_bind_name(in, x->text, v, x->at);
        return v;
    }
    unknown_name(in, x->text, x->at);
    v = fe_bad(in, x->at);
    fe_bind_name(in, x->text, v, x->at);          /* said once */
    return v;
}

Value *fe_attr_of_space(Interp *in, const char *space, const char *name, Span at, Span name_at)
{
    const char *path = arena_printf(in->a, "%s.%.100s", space, name), *instead;
    const Fn *fn = fe_fn(path);
    if (fn) return fn_value(in, fn, at);
    if (fe_space(path) != SPACE_NONE) {
        Value *v = fe_val(in, V_SPACE, at);
        v->u.s = path;
        return v;
    }
    if (strncmp(path, "math.", 5) == 0) {
        static const struct { const char *name; double value; } constants[] = {
            { "pi", 3.141592653589793 }, { "e", 2.718281828459045 }, { "tau", 6.283185307179586 },
            { "inf", INFINITY }, { "nan", NAN } };
        for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
            if (strcmp(name, constants[i].name) == 0) return fe_float(in, constants[i].value, at);
    }
    if (strcmp(space, "torch") == 0) {
        static const char *const types[] = { "float", "float32",  "float64", "double", "float16",
                                             "half",  "bfloat16", "int",     "int32",  "int64",
                                             "long",  "uint8",    "bool" };
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strcmp(name, types[i]) == 0) {
                Value *v = fe_val(in, V_DTYPE, at);
                v->u.s = types[i];
                return v;
            }
    }
    if (in->types > 0 && fe_known_elsewhere(path, &instead)) {   /* a type that no layer here has */
        Value *v = fe_val(in, V_SPACE, at);
        v->u.s = path;
        return v;
    }
    if (fe_known_elsewhere(path, &instead)) {
        fe_report(in->d, at, DG(not_this_version), path);
        if (instead) fe_help(in->d, "%s", instead);
        bool list = strcmp(space, "torch.nn") == 0 || strcmp(space, "torch.optim") == 0
            || strncmp(space, "torchvision.", 12) == 0;
        if (list && !in->said_vocabulary)
            fe_help(in->d, "this version has %s%s",
                    fe_names_here(in->a, space, strstr(name, "Loss") != NULL),
                    strcmp(space, "torch.nn") == 0 && !strstr(name, "Loss")
                        ? " and elementwise activations" : "");
        in->said_vocabulary |= list;
        return fe_bad(in, at);
    }
    SpaceKind kind = fe_space(space);
    Nearest n = { name, NULL, 0 };
    fe_consider_space(&n, space);
    const char *near = fe_nearest(&n);
    if (kind == SPACE_STRICT
        || (kind == SPACE_NEAR && near && n.distance <= 3 && strlen(name) > 4)) {
        fe_report(in->d, name_at, DG(unknown_member), space, name);
        if (near) fe_help(in->d, "did you mean `%s`?", near);
        return fe_bad(in, at);
    }
    return fe_data(in, path, at);
}

/* ---- operators ---- */

static const char *const oper_text[] = {
    [O_ADD] = "+",    [O_SUB] = "-",        [O_MUL] = "*",    [O_DIV] = "/",  [O_FLOORDIV] = "//",
    [O_MOD] = "%",    [O_POW] = "**",       [O_MATMUL] = "@", [O_SHL] = "<<", [O_SHR] = ">>",
    [O_BITAND] = "&", [O_BITOR] = "|",      [O_BITXOR] = "^", [O_NEG] = "-",  [O_POS] = "+",
    [O_NOT] = "not",  [O_INVERT] = "~",     [O_LT] = "<",     [O_LE] = "<=",  [O_GT] = ">",
    [O_GE] = ">=",    [O_EQ] = "==",        [O_NE] = "!=",    [O_IS] = "is",  [O_IS_NOT] = "is not",
    [O_IN] = "in",    [O_NOT_IN] = "not in"
};

static bool is_data(const Value *v) { return v->kind == V_DATA || v->kind == V_PARAM; }

static bool int_power(int64_t a, int64_t b, int64_t *r)
{
    for (*r = 1; b > 0; b--) {
        if (__builtin_mul_overflow(*r, a, r)) return false;
        if (a == 1 || a == 0) break;
        if (a == -1) b = 1 + (b & 1);
        if (b > 64) return false;
    }
    return true;
}

/* 1: done; 0: too large; -1: dividing by zero; -2: not for integers. */
static int int_op(Oper op, int64_t a, int64_t b, int64_t *r)
{
    switch (op) {
    case O_ADD: return !__builtin_add_overflow(a, b, r);
    case O_SUB: return !__builtin_sub_overflow(a, b, r);
    case O_MUL: return !__builtin_mul_overflow(a, b, r);
    case O_FLOORDIV: case O_MOD: {
        if (b == 0) return -1;
        if (b == -1) return op == O_MOD ? (*r = 0, 1) : !__builtin_sub_overflow((int64_t)0, a, r);
        int64_t q = a / b, m = a % b;
        if (m != 0 && (m < 0) != (b < 0)) q--, m += b;
        *r = op == O_MOD ? m : q;
        return 1;
    }
    case O_POW: return b < 0 ? -2 : int_power(a, b, r);
    case O_SHL: case O_SHR:
        if (b < 0 || b > 62) return 0;
        if (op == O_SHR) return *r = a >> b, 1;
        return !__builtin_mul_overflow(a, (int64_t)1 << b, r);
    case O_BITAND: return *r = a & b, 1;
    case O_BITOR: return *r = a | b, 1;
    case O_BITXOR: return *r = a ^ b, 1;
    default: return -2;
    }
}

static bool float_op(Oper op, double a, double b, double *r)
{
    switch (op) {
    case O_ADD: *r = a + b; return true;
    case O_SUB: *r = a - b; return true;
    case O_MUL: *r = a * b; return true;
    case O_DIV: *r = a / b; return true;
    case O_FLOORDIV: *r = floor(a / b); return true;
    case O_MOD: *r = a - floor(a / b) * b; return true;
    case O_POW: *r = pow(a, b); return true;
    default: return false;
    }
}

static Value *numbers(Interp *in, Oper op, const Value *a, const Value *b, Span at)
{
    double x = 0, y = 0, r;
    int64_t i;
    fe_number(a, &x);
    fe_number(b, &y);
    if (a->kind != V_FLOAT && b->kind != V_FLOAT) {
        int64_t p = a->kind == V_INT ? a->u.i : a->u.b, q = b->kind == V_INT ? b->u.i : b->u.b;
        int done = int_op(op, p, q, &i);
        if (done == 1) return fe_int(in, i, at);
        if (done == 0) {
            fe_report(in->d, at, DG(big_result));
            return fe_bad(in, at);
        }
    }
    if ((op == O_DIV || op == O_FLOORDIV || op == O_MOD) && y == 0) {
        fe_report(in->d, at, DG(divide_by_zero));
        return fe_bad(in, at);
    }
    if (float_op(op, x, y, &r)) return fe_float(in, r, at);
    fe_report(in->d, at, DG(bad_operands), oper_text[op], fe_kind_name(a), fe_kind_name(b));
    return fe_bad(in, at);
}

static Value *repeat(Interp *in, const Value *list, int64_t times, Span at)
{
    if (list->kind == V_STR) {
        int64_t n = times < 0 ? 0 : times;
        if (list->len > 0 && n > FE_MAX_TEXT / (int64_t)list->len) {
            fe_report(in->d, at, DG(too_long), FE_MAX_TEXT);
            return fe_bad(in, at);
        }
        char *s = arena_alloc(in->a, (size_t)n * list->len + 1, 1);
        for (int64_t i = 0; i < n && list->len > 0; i++)
            memcpy(s + i * list->len, list->u.s, list->len);
        return fe_str(in, s, (size_t)n * list->len, at);
    }
    Value *r = fe_list(in, list->kind, at);
    for (int64_t i = 0; i < times && list->u.list->n > 0; i++)
        for (int k = 0; k < list->u.list->n; k++)
            if (!fe_push(in, r, list->u.list->item[k])) return fe_bad(in, at);
    return r;
}

static Value *concat(Interp *in, const Value *a, const Value *b, Span at)
{
    if (a->kind == V_STR) {
        if ((size_t)a->len + b->len > FE_MAX_TEXT) {
            fe_report(in->d, at, DG(too_long), FE_MAX_TEXT);
            return fe_bad(in, at);
        }
        char *s = arena_alloc(in->a, (size_t)a->len + b->len + 1, 1);
        memcpy(s, a->u.s, a->len);
        memcpy(s + a->len, b->u.s, b->len);
        return fe_str(in, s, (size_t)a->len + b->len, at);
    }
    Value *r = fe_list(in, a->kind, at);
    for (int k = 0; k < a->u.list->n; k++)
        if (!fe_push(in, r, a->u.list->item[k])) return fe_bad(in, at);
    for (int k = 0; k < b->u.list->n; k++)
        if (!fe_push(in, r, b->u.list->item[k])) return fe_bad(in, at);
    return r;
}

static bool is_seq(const Value *v)
{
    return v->kind == V_LIST || v->kind == V_TUPLE || v->kind == V_STR;
}

Value *fe_binary(Interp *in, Oper op, Value *a, Value *b, Span at)
{
    double p, q;
    if (a->kind == V_BAD || b->kind == V_BAD) return fe_bad(in, at);
    if (fe_in_forward(in, a) || fe_in_forward(in, b)) return fe_traced_binary(in, op, a, b, at);
    if (is_data(a) || is_data(b)) {
        Value *data = fe_data(in, "arithmetic on data", at);
        if (op == O_MUL) fe_scale_draw(in, a, b, data);
        return data;
    }
    if (a->kind == V_SYMBOL || b->kind == V_SYMBOL) return fe_symbol_binary(in, op, a, b, at);
    if (fe_number(a, &p) && fe_number(b, &q)) return numbers(in, op, a, b, at);
    if (a->kind == V_TENSOR || b->kind == V_TENSOR) {
        Value *r = fe_tensor_binary(in, op, a, b, at);
        if (r) return r;
    }
    if (op == O_ADD && is_seq(a) && a->kind == b->kind) return concat(in, a, b, at);
    if (op == O_MUL && is_seq(a) && b->kind == V_INT) return repeat(in, a, b->u.i, at);
    if (op == O_MUL && is_seq(b) && a->kind == V_INT) return repeat(in, b, a->u.i, at);
    if (op == O_MOD && a->kind == V_STR) return fe_percent(in, a, b, at);
    fe_report(in->d, at, DG(bad_operands), oper_text[op], fe_kind_name(a), fe_kind_name(b));
    return fe_bad(in, at);
}

Value *fe_eval_binary(Interp *in, const Expr *x)
{
    Value *a = fe_eval(in, x->item[0]), *b = fe_eval(in, x->item[1]);
    return fe_binary(in, x->op, a, b, x->at);
}

Value *fe_eval_unary(Interp *in, const Expr *x)
{
    Value *a = fe_eval(in, x->item[0]);
    if (a->kind == V_BAD) return a;
    if (x->op == O_NOT) {
        int t = fe_holds(in, a, x->at);
        if (t < 0 && a->kind == V_TRACED) {
            fe_condition_on(in, a, x->at);
            return fe_bad(in, x->at);
        }
        return t < 0 ? fe_data(in, "a condition on data", x->at) : fe_bool(in, !t, x->at);
    }
    if (fe_in_forward(in, a)) return fe_traced_unary(in, x->op, a, x->at);
    if (is_data(a)) return fe_data(in, "arithmetic on data", x->at);
    if (a->kind == V_TENSOR) return fe_tensor_unary(in, x->op, a, x->at);
    if (a->kind == V_SYMBOL) return fe_symbol_unary(in, x->op, a, x->at);
    if (a->kind == V_FLOAT && x->op != O_INVERT)
        return fe_float(in, x->op == O_NEG ? -a->u.f : a->u.f, x->at);
    if (a->kind == V_INT || a->kind == V_BOOL) {
        int64_t i = a->kind == V_INT ? a->u.i : a->u.b;
        if (!(x->op == O_NEG && i == INT64_MIN))
            return fe_int(in, x->op == O_NEG ? -i : x->op == O_INVERT ? ~i : i, x->at);
    }
    fe_report(in->d, x->at, DG(bad_operand), oper_text[x->op], fe_kind_name(a));
    return fe_bad(in, x->at);
}

/* Lists, dicts and tensors are the same where they share their elements; numbers and strings where
 * they are equal. */
static bool is_same(const Value *a, const Value *b)
{
    if (a == b || a->kind != b->kind) return a == b;
    switch (a->kind) {
    case V_LIST: case V_TUPLE: case V_DICT: return a->u.list == b->u.list;
    case V_TENSOR: return a->u.tensor == b->u.tensor;
    case V_LOSS: return a->u.loss == b->u.loss;
    case V_OPTIM: return a->u.optim == b->u.optim;
    default: return fe_equal(a, b);
    }
}

/* 1, 0; -1: on data; -2: cannot be compared. */
static int compare(Oper op, const Value *a, const Value *b)
{
    double p, q;
    if (a->kind == V_BAD || b->kind == V_BAD || a->kind == V_DATA || b->kind == V_DATA) return -1;
    if (op == O_IS || op == O_IS_NOT) return is_same(a, b) == (op == O_IS);
    if (is_data(a) || is_data(b)) return -1;
    switch (op) {
    case O_EQ: return fe_equal(a, b);
    case O_NE: return !fe_equal(a, b);
    case O_IN: case O_NOT_IN: {
        if (b->kind == V_STR && a->kind == V_STR)
            return (strstr(b->u.s, a->u.s) != NULL) == (op == O_IN);
        if (b->kind == V_MODULE || b->kind == V_TENSOR || b->kind == V_LOADER) return -1;
        if (b->kind != V_LIST && b->kind != V_TUPLE && b->kind != V_DICT) return -2;
        bool found = false;
        for (int i = 0; i < b->u.list->n && !found; i += b->kind == V_DICT ? 2 : 1)
            found = fe_equal(a, b->u.list->item[i]);
        return found == (op == O_IN);
    }
    default: break;
    }
    int order;
    if (fe_number(a, &p) && fe_number(b, &q)) {
        if (isnan(p) || isnan(q)) return 0;
        order = p < q ? -1 : p > q;
    } else if ((order = fe_order(a, b, 0)) == 2) return -2;
    return op == O_LT ? order < 0 : op == O_LE ? order <= 0 : op == O_GT ? order > 0 : order >= 0;
}

/* Does the answer depend on what a tensor holds, or on how many samples a batch has? Shapes with
 * the same multiple of it are equal. */
static bool asks_values(const Interp *in, Oper op, const Value *a, const Value *b)
{
    if (op == O_IS || op == O_IS_NOT) return false;
    bool equality = op == O_EQ || op == O_NE;
    if (a->kind == V_SIZE && b->kind == V_SIZE && equality) return false;
    if (fe_in_forward(in, a) || fe_in_forward(in, b)) return true;
    bool lists = a->kind == b->kind && (a->kind == V_TUPLE || a->kind == V_LIST);
    for (int i = 0; lists && equality && i < a->u.list->n && i < b->u.list->n; i++)
        if ((a->u.list->item[i]->kind == V_SIZE) != (b->u.list->item[i]->kind == V_SIZE))
            return true;
    return false;
}

Value *fe_eval_compare(Interp *in, const Expr *x)
{
    Value *a = fe_eval(in, x->item[0]);
    for (int i = 0; i + 1 < x->n_item; i++) {
        Value *b = fe_eval(in, x->item[i + 1]);
        bool tensor = (a->kind == V_TENSOR || b->kind == V_TENSOR) && x->ops[i] <= O_NE;
        Value *each = tensor && a->kind != V_BAD && b->kind != V_BAD && x->n_item == 2
            && !is_data(a) && !is_data(b)
            ? fe_tensor_binary(in, x->ops[i], a, b, x->at) : NULL;
        if (each) return each;
        Value *mask = NULL;
        if (x->n_item == 2 && (a->kind == V_TRACED || b->kind == V_TRACED || a->kind == V_PARAM || b->kind == V_PARAM)
            && fe_in_forward(in, a->kind == V_TRACED || a->kind == V_PARAM ? a : b))
            mask = fe_traced_compare(in, x->ops[i], a, b, x->at);
        if (mask) return mask;
        if (asks_values(in, x->ops[i], a, b)) {
            fe_report(in->d, x->at, DG(forward_values));
            return fe_bad(in, x->at);
        }
        bool many = b->kind == V_LIST || b->kind == V_TUPLE || b->kind == V_DICT;
        if (!fe_spend(in, many ? 4 * (int64_t)b->u.list->n : b->kind == V_STR ? b->len : 0, x->at))
            return fe_bad(in, x->at);
        bool asks = (a->kind == V_SYMBOL || b->kind == V_SYMBOL) && a->kind != V_BAD
            && b->kind != V_BAD && !is_data(a) && !is_data(b);
        int r = asks ? fe_symbol_compare(in, x->ops[i], a, b, x->at) : compare(x->ops[i], a, b);
        if (asks && r < 0) return fe_bad(in, x->at);
        if (r == -1) return a->kind == V_BAD || b->kind == V_BAD ? fe_bad(in, x->at)
            : fe_data(in, "a comparison of data", x->at);
        if (r == -2) {
            fe_report(in->d, x->at, DG(bad_operands), oper_text[x->ops[i]], fe_kind_name(a),
                      fe_kind_name(b));
            return fe_bad(in, x->at);
        }
        if (r == 0) return fe_bool(in, false, x->at);
        a = b;
    }
    return fe_bool(in, true, x->at);
}

void fe_condition_on(Interp *in, const Value *v, Span at)
{
    fe_report(in->d, at, DG(condition_on_data),
              v->kind == V_DATA     ? v->u.s
              : v->kind == V_TRACED ? "a tensor of forward"
              : v->kind == V_SIZE   ? "the size of a batch" : "more than one element");
    if (v->kind == V_TRACED)
        fe_help(in->d, "torch.where(condition, a, b) chooses element by element");
}

Value *fe_eval_cond(Interp *in, const Expr *x)
{
    Value *c = fe_eval(in, x->item[1]);
    int t = fe_holds(in, c, x->item[1]->at);
    if (t >= 0) return fe_eval(in, x->item[t ? 0 : 2]);
    if (c->kind != V_BAD && c->kind != V_SYMBOL) fe_condition_on(in, c, x->item[1]->at);
    return fe_bad(in, x->at);
}

/* ---- indexing ---- */

/* Start, stop and step of a slice of n elements, as Python's slice.indices. */
bool fe_slice_bounds(Interp *in, const Expr *s, int64_t n, int64_t b[3])
{
    for (int i = 2; i >= 0; i--) {
        Value *v = s->item[i] ? fe_eval(in, s->item[i]) : NULL;
        if (v && v->kind == V_BAD) return false;
        if (v && v->kind != V_INT && v->kind != V_NONE) {
            fe_report(in->d, s->item[i]->at, DG(bad_index), fe_kind_name(v));
            return false;
        }
        bool given = v && v->kind == V_INT;
        b[i] = given ? v->u.i : i == 2 ? 1 : (i == 0) == (b[2] > 0) ? 0 : n;
        if (i == 2 && b[2] <= 0) {
            fe_report(in->d, s->at, DG(bad_step));
            return false;
        }
        if (i < 2) {
            if (b[i] < 0) b[i] = b[i] < -n ? 0 : b[i] + n;
            if (b[i] > n) b[i] = n;
        }
    }
    return true;
}

static Value *eval_slice(Interp *in, const Expr *x, Value *of)
{
    int64_t b[3], n = of->kind == V_STR ? (int64_t)of->len : of->u.list->n;
    if (!fe_slice_bounds(in, x->item[0], n, b)) return fe_bad(in, x->at);
    if (of->kind == V_STR) {
        char *s = arena_alloc(in->a, of->len + 1, 1);
        size_t k = 0;
        for (int64_t i = b[0]; i < b[1]; i += b[2] < n ? b[2] : n) s[k++] = of->u.s[i];
        return fe_str(in, s, k, x->at);
    }
    Value *r = fe_list(in, of->kind, x->at);
    for (int64_t i = b[0]; i < b[1]; i += b[2] < n ? b[2] : n) fe_push(in, r, of->u.list->item[i]);
    return r;
}

Value *fe_eval_index(Interp *in, const Expr *x)
{
    Value *of = fe_eval(in, x->of);
    if (of->kind == V_BAD) return of;
    bool seq = of->kind == V_LIST || of->kind == V_TUPLE || of->kind == V_STR;
    bool walks = seq && of->kind != V_STR
        && (of->u.list->once || of->u.list->is_set || of->u.list->view);
    if (seq && !walks && x->item[0]->kind == X_SLICE) return eval_slice(in, x, of);
    if (fe_in_forward(in, of)) return fe_traced_index(in, of, x->item[0], x->at);
    if (is_data(of))
        return fe_data(in, of->kind == V_DATA ? of->u.s : "an element of a parameter", x->at);
    if (of->kind == V_TENSOR) return fe_tensor_index(in, of, x->item[0], x->at);
    Value *key = x->item[0]->kind == X_SLICE ? fe_val(in, V_NONE, x->at) : fe_eval(in, x->item[0]);
    if (key->kind == V_BAD || key->kind == V_DATA) return key;
    if (walks) {
        fe_report(in->d, x->at, DG(not_indexable), fe_kind_name(of));
        fe_help(in->d, "list(…) makes a list of it");
        return fe_bad(in, x->at);
    }
    if (of->kind == V_DICT) {
        fe_spend(in, of->u.list->n, x->at);
        for (int i = 0; i + 1 < of->u.list->n; i += 2)
            if (fe_equal(of->u.list->item[i], key)) return of->u.list->item[i + 1];
        fe_report(in->d, x->item[0]->at, DG(no_key), fe_repr(in->a, key));
        return fe_bad(in, x->at);
    }
    bool mod = of->kind == V_MODULE && !of->u.mod->info && of->u.mod->holds != HOLDS_BY_CLASS;
    if (mod && of->u.mod->holds == HOLDS_DICT && key->kind == V_STR) {
        for (int k = 0; k < of->u.mod->n_child; k++)
            if (strcmp(of->u.mod->child_name[k], key->u.s) == 0)
                return fe_module_value(in, of->u.mod->child[k], x->at);
        fe_report(in->d, x->item[0]->at, DG(no_key), fe_repr(in->a, key));
        return fe_bad(in, x->at);
    }
    if (!seq && !mod) {
        fe_report(in->d, x->at, DG(not_indexable), fe_kind_name(of));
        return fe_bad(in, x->at);
    }
    if (key->kind != V_INT) {
        fe_report(in->d, x->item[0]->at, DG(bad_index), x->item[0]->kind == X_SLICE ? "a slice"
                  : fe_kind_name(key));
        return fe_bad(in, x->at);
    }
    int64_t i = key->u.i, n = mod                 ? of->u.mod->n_child
                              : of->kind == V_STR ? (int64_t)of->len
                                                  : of->u.list->n;
    if (i < -n || i >= n) {
        fe_report(in->d, x->item[0]->at, DG(index_range), (long long)i, fe_kind_name(of),
                  (long long)n);
        return fe_bad(in, x->at);
    }
    if (i < 0) i += n;
    if (mod) return fe_module_value(in, of->u.mod->child[i], x->at);
    return of->kind == V_STR ? fe_str(in, of->u.s + i, 1, x->at) : of->u.list->item[i];
}
