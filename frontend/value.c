/* frontend/value.c: making, comparing and showing values. */
#include "frontend/tensor.h"
#include <math.h>
#include <string.h>

Value *fe_val(Interp *in, ValueKind kind, Span at)
{
    Value *v = arena_alloc(in->a, 1, sizeof *v);
    v->kind = kind;
    v->at = at;
    return v;
}

Value *fe_int(Interp *in, int64_t i, Span at)
{
    Value *v = fe_val(in, V_INT, at);
    v->u.i = i;
    return v;
}

Value *fe_float(Interp *in, double f, Span at)
{
    Value *v = fe_val(in, V_FLOAT, at);
    v->u.f = f;
    return v;
}

Value *fe_bool(Interp *in, bool b, Span at)
{
    Value *v = fe_val(in, V_BOOL, at);
    v->u.b = b;
    return v;
}

Value *fe_str(Interp *in, const char *s, size_t n, Span at)
{
    Value *v = fe_val(in, V_STR, at);
    fe_spend(in, (int64_t)n, at);
    v->u.s = arena_strn(in->a, s, n);
    v->len = (uint32_t)n;
    return v;
}

Value *fe_data(Interp *in, const char *what, Span at)
{
    Value *v = fe_val(in, V_DATA, at);
    v->u.s = what;
    return v;
}

Value *fe_bad(Interp *in, Span at) { return fe_val(in, V_BAD, at); }

Value *fe_list(Interp *in, ValueKind kind, Span at)
{
    Value *v = fe_val(in, kind, at);
    v->u.list = arena_alloc(in->a, 1, sizeof *v->u.list);
    return v;
}

bool fe_push(Interp *in, Value *list, Value *item)
{
    List *l = list->u.list;
    if (!fe_spend(in, 8, list->at)) return false;
    if (l->n >= FE_MAX_ITEMS) {
        fe_report(in->d, list->at, DG(too_long), FE_MAX_ITEMS);
        return false;
    }
    if (l->n == l->cap) {
        int cap = l->cap ? 2 * l->cap : 4;
        l->item = arena_grow(in->a, l->item, (size_t)l->cap, (size_t)cap, sizeof *l->item);
        l->cap = cap;
    }
    l->item[l->n++] = item;
    return true;
}

bool fe_number(const Value *v, double *x)
{
    if (v->kind == V_INT) *x = (double)v->u.i;
    else if (v->kind == V_FLOAT) *x = v->u.f;
    else if (v->kind == V_BOOL) *x = v->u.b;
    else return false;
    return true;
}

static bool equal(const Value *a, const Value *b, int *budget);

static bool contains_all(const List *all, const List *some, int *budget)
{
    for (int i = 0, k = 0; i < some->n; i++) {
        for (k = 0; k < all->n && !equal(all->item[k], some->item[i], budget);) k++;
        if (k == all->n) return false;
    }
    return true;
}

static bool equal(const Value *a, const Value *b, int *budget)
{
    double x, y;
    if (a->kind == V_SYMBOL) a->self->u.b = true;
    if (b->kind == V_SYMBOL) b->self->u.b = true;
    if (a == b) return true;
    if (--*budget < 0) return false;
    if (a->kind == V_INT && b->kind == V_INT) return a->u.i == b->u.i;
    if (fe_number(a, &x) && fe_number(b, &y)) return x == y;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case V_NONE: return true;
    case V_STR: return a->len == b->len && memcmp(a->u.s, b->u.s, a->len) == 0;
    case V_DTYPE:
        if (fe_elem_type(a->u.s) != EL_OTHER) return fe_elem_type(a->u.s) == fe_elem_type(b->u.s);
        return strcmp(a->u.s, b->u.s) == 0;
    case V_SPACE: return strcmp(a->u.s, b->u.s) == 0;
    case V_FN: return a->u.fn == b->u.fn;
    case V_MODULE: return a->u.mod == b->u.mod;
    case V_FUNC: return a->u.func == b->u.func;
    case V_PARAM: return a->u.param == b->u.param;
    case V_CLASS: return a->u.cls == b->u.cls;
    case V_SIZE: return a->u.i == b->u.i;
    case V_DICT:
        if (a->u.list->n != b->u.list->n) return false;
        for (int i = 0; i + 1 < a->u.list->n; i += 2) {
            int k = 0;
            while (k < b->u.list->n && !equal(a->u.list->item[i], b->u.list->item[k], budget))
                k += 2;
            if (k >= b->u.list->n
                || !equal(a->u.list->item[i + 1], b->u.list->item[k + 1], budget)) return false;
        }
        return true;
    case V_TUPLE: case V_LIST:
        if (a->u.list->n != b->u.list->n || a->u.list->is_set != b->u.list->is_set) return false;
        if (a->u.list->is_set) return contains_all(b->u.list, a->u.list, budget);
        for (int i = 0; i < a->u.list->n; i++)
            if (!equal(a->u.list->item[i], b->u.list->item[i], budget)) return false;
        return true;
    default: return false;
    }
}

/* The budget bounds the walk through lists that hold themselves or share their parts many times. */
bool fe_equal(const Value *a, const Value *b)
{
    int budget = 2 * FE_MAX_ITEMS;
    return equal(a, b, &budget);
}

int fe_truth(const Value *v)
{
    double x;
    if (fe_number(v, &x)) return x != 0;
    switch (v->kind) {
    case V_NONE: return 0;
    case V_STR: return v->len > 0;
    case V_TUPLE: case V_LIST: case V_DICT: return v->u.list->n > 0;
    case V_BAD: case V_DATA: case V_SYMBOL: case V_TRACED: return -1;
    case V_TENSOR: return v->u.tensor->n == 1 ? v->u.tensor->x[0] != 0 : -1;
    default: return 1;
    }
}

const char *fe_kind_name(const Value *v)
{
    static const char *const name[] = {
        [V_BAD] = "a mistake", [V_NONE] = "None", [V_BOOL] = "a bool", [V_INT] = "an integer",
        [V_FLOAT] = "a float", [V_STR] = "a string", [V_TUPLE] = "a tuple", [V_LIST] = "a list",
        [V_DICT] = "a dict", [V_SPACE] = "a Python module", [V_FN] = "a function",
        [V_METHOD] = "a method", [V_MODULE] = "a layer", [V_PARAM] = "a parameter",
        [V_LOSS] = "a loss", [V_OPTIM] = "an optimizer", [V_LOADER] = "a DataLoader",
        [V_SCHED] = "a scheduler", [V_TRANSFORM] = "a transform", [V_IMAGES] = "a data set",
        [V_DTYPE] = "a data type", [V_DATA] = "data", [V_TENSOR] = "a tensor",
        [V_PARTIAL] = "a function", [V_FUNC] = "a function", [V_SYMBOL] = "a number that changes", [V_GONE] = "nothing",
        [V_CLASS] = "a class", [V_SUPER] = "super()", [V_TRACED] = "a tensor",
        [V_SIZE] = "the size of a batch",
    };
    if (v->kind == V_MODULE && v->u.mod->cls) return "a module";
    if (v->kind == V_MODULE && !v->u.mod->info)
        return v->u.mod->holds == HOLDS_IN_ORDER ? "a Sequential"
            : v->u.mod->holds == HOLDS_LIST      ? "a ModuleList" : "a ModuleDict";
    if (v->kind == V_LIST && v->u.list->once) return "a generator";
    if (v->kind == V_LIST && v->u.list->is_set) return "a set";
    if (v->kind == V_LIST && v->u.list->view) return "a view of a dict";
    if (v->kind == V_TENSOR && v->u.tensor->numpy) return "an array";
    return name[v->kind];
}

/* ---- showing ---- */

typedef struct Text { Arena *a; char *s; size_t n, cap; int depth; } Text;
enum { MAX_SHOWN = 400 };

static void put(Text *t, const char *s, size_t n)
{
    if (t->n >= MAX_SHOWN) return;
    if (t->n + n + 8 > t->cap) {
        size_t cap = t->cap * 2 + n + 64;
        t->s = arena_grow(t->a, t->s, t->cap, cap, 1);
        t->cap = cap;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    if (t->n >= MAX_SHOWN) {
        memcpy(t->s + t->n, "…", 3);
        t->n += 3;
    }
}
static void puts_(Text *t, const char *s) { put(t, s, strlen(s)); }

/* Shortest digits that read back the same, as Python's repr has them. */
static void put_float(Text *t, double x)
{
    if (isnan(x) || isinf(x)) {
        puts_(t, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
        return;
    }
    const char *s = ir_real_string(x, t->a);
    puts_(t, s);
    if (!strpbrk(s, ".en")) puts_(t, ".0");
}

static void put_string(Text *t, const Value *v)
{
    puts_(t, "'");
    for (uint32_t i = 0; i < v->len && t->n < MAX_SHOWN; i++) {
        char c = v->u.s[i];
        if (c == '\'' || c == '\\') put(t, "\\", 1);
        if (c == '\n') puts_(t, "\\n");
        else put(t, &c, 1);
    }
    puts_(t, "'");
}

static void show_elements(Text *t, const Tensor *x, int axis, int64_t from, int64_t n)
{
    if (t->n >= MAX_SHOWN) return;
    if (axis == x->rank) {
        if (x->type == EL_BOOL) puts_(t, x->x[from] != 0 ? "True" : "False");
        else if (x->type < EL_FLOAT32) puts_(t, arena_printf(t->a, "%.0f", x->x[from]));
        else {
            const char *s = arena_printf(t->a, "%.5g", x->x[from]);
            puts_(t, s);
            if (!strpbrk(s, ".en")) puts_(t, ".");
        }
        return;
    }
    puts_(t, "[");
    int64_t each = x->dim[axis] ? n / x->dim[axis] : 0;
    for (int64_t i = 0; i < x->dim[axis] && t->n < MAX_SHOWN; i++) {
        if (i > 0) puts_(t, ", ");
        show_elements(t, x, axis + 1, from + i * each, each);
    }
    puts_(t, "]");
}

static void show_tensor(Text *t, const Tensor *x)
{
    puts_(t, x->numpy ? "array(" : "tensor(");
    show_elements(t, x, 0, 0, x->n);
    puts_(t, ")");
}

static void show(Text *t, const Value *v)
{
    if (++t->depth > 20) puts_(t, "…");
    else switch (v->kind) {
    case V_NONE: puts_(t, "None"); break;
    case V_BOOL: puts_(t, v->u.b ? "True" : "False"); break;
    case V_INT: puts_(t, arena_printf(t->a, "%lld", (long long)v->u.i)); break;
    case V_FLOAT: put_float(t, v->u.f); break;
    case V_STR: put_string(t, v); break;
    case V_TUPLE: case V_LIST: case V_DICT: {
        const List *l = v->u.list;
        bool set = l->is_set;
        puts_(t, v->kind == V_TUPLE ? "(" : v->kind == V_LIST && !set ? "[" : "{");
        for (int i = 0; i < l->n && t->n < MAX_SHOWN; i++) {
            if (i > 0) puts_(t, v->kind == V_DICT && i % 2 ? ": " : ", ");
            show(t, l->item[i]);
        }
        puts_(t, v->kind == V_TUPLE          ? (l->n == 1 ? ",)" : ")")
                 : v->kind == V_LIST && !set ? "]"
                                             : "}");
        break;
    }
    case V_SPACE: case V_DTYPE: puts_(t, v->u.s); break;
    case V_PARTIAL:
        puts_(t, "partial("), show(t, v->u.list->item[0]), puts_(t, ", …)");
        break;
    case V_FN: case V_METHOD: puts_(t, fe_last_part(v->u.fn->path)); break;
    case V_MODULE:
        if (v->u.mod->info || v->u.mod->holds == HOLDS_BY_CLASS) puts_(t, v->u.mod->text);
        else {
            puts_(t, fe_module_name(v->u.mod)), puts_(t, "(");
            for (int i = 0; i < v->u.mod->n_child && t->n < MAX_SHOWN; i++) {
                if (i > 0) puts_(t, ", ");
                Value child = { .kind = V_MODULE, .u.mod = v->u.mod->child[i] };
                show(t, &child);
            }
            puts_(t, ")");
        }
        break;
    case V_PARAM: puts_(t, arena_printf(t->a, "<parameter %s>", v->u.param->name)); break;
    case V_LOSS: puts_(t, v->u.loss->text); break;
    case V_OPTIM: puts_(t, v->u.optim->text); break;
    case V_LOADER: puts_(t, "<DataLoader>"); break;
    case V_SCHED: puts_(t, "<scheduler>"); break;
    case V_TRANSFORM: puts_(t, "<transform>"); break;
    case V_IMAGES: puts_(t, "<data set>"); break;
    case V_DATA: puts_(t, "<data>"); break;
    case V_TENSOR: show_tensor(t, v->u.tensor); break;
    case V_FUNC: puts_(t, "<function "), puts_(t, v->u.func->def->name), puts_(t, ">"); break;
    case V_SYMBOL: puts_(t, "<number>"); break;
    case V_CLASS: puts_(t, v->u.cls->def->name); break;
    case V_SUPER: puts_(t, "<super>"); break;
    case V_TRACED: puts_(t, "<tensor>"); break;
    case V_SIZE: puts_(t, v->u.i == 1 ? "n" : arena_printf(t->a, "%lldn", (long long)v->u.i)); break;
    case V_BAD: case V_GONE: puts_(t, "?"); break;
    }
    t->depth--;
}

const char *fe_repr(Arena *a, const Value *v)
{
    Text t = { .a = a, .cap = 64, .s = arena_alloc(a, 64, 1) };
    show(&t, v);
    t.s = arena_grow(a, t.s, t.cap, t.n + 8 > t.cap ? t.n + 8 : t.cap, 1);
    t.s[t.n] = 0;
    return t.s;
}
