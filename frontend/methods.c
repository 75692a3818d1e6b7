/* frontend/methods.c: methods of strings, lists and dicts, and what looks at types.
 *
 * The common ones; another method of a string gives data, as its result is seldom needed. */
#include "frontend/eval.h"
#include "frontend/tensor.h"
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

static Value *unsuited(Interp *in, const Call *c, const Value *v)
{
    fe_report(in->d, c->at, DG(method_argument), c->name, fe_repr(in->a, v));
    return fe_bad(in, c->at);
}

/* ---- strings ---- */

static int at_edge(const Value *s, const Value *part, bool end)
{
    if (part->kind != V_STR) return -1;
    if (part->len > s->len) return 0;
    return memcmp(s->u.s + (end ? s->len - part->len : 0), part->u.s, part->len) == 0;
}

Value *fe_s_edge(Interp *in, const Call *c)
{
    bool end = c->name[0] == 'e';
    const Value *x = c->v[0];
    int r = x->kind == V_TUPLE ? 0 : at_edge(c->self, x, end);
    for (int i = 0; x->kind == V_TUPLE && i < x->u.list->n && r == 0; i++)
        r = at_edge(c->self, x->u.list->item[i], end);
    return r < 0 ? unsuited(in, c, x) : fe_bool(in, r, c->at);
}

static bool letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* lower, upper, capitalize, title: of ASCII letters; others stay. */
Value *fe_s_case(Interp *in, const Call *c)
{
    char *s = arena_strn(in->a, c->self->u.s, c->self->len);
    bool start = true;
    for (uint32_t i = 0; i < c->self->len; i++) {
        bool up =
            c->name[0] == 'u' || (c->name[0] == 't' && start) || (c->name[0] == 'c' && i == 0);
        start = !letter(s[i]);
        if (letter(s[i])) s[i] = (char)(up ? s[i] & ~32 : s[i] | 32);
    }
    return fe_str(in, s, c->self->len, c->at);
}

static bool has_char(const char *set, char c) { return c && strchr(set, c) != NULL; }

Value *fe_s_strip(Interp *in, const Call *c)
{
    const char *set = c->v[0]->kind == V_STR ? c->v[0]->u.s : " \t\n\r\f\v";
    size_t a = 0, b = c->self->len;
    const char *s = c->self->u.s;
    if (c->name[0] != 'r') while (a < b && has_char(set, s[a])) a++;
    if (c->name[0] != 'l') while (b > a && has_char(set, s[b - 1])) b--;
    return fe_str(in, s + a, b - a, c->at);
}

static const char *find(Interp *in, const char *s, size_t n, const Value *x)
{
    if (!fe_spend(in, (int64_t)(n / 4 * (1 + x->len / 64)), x->at)) return NULL;
    for (size_t i = 0; i + x->len <= n; i++)
        if (memcmp(s + i, x->u.s, x->len) == 0) return s + i;
    return NULL;
}

Value *fe_s_split(Interp *in, const Call *c)
{
    const Value *by = c->v[0];
    const char *s = c->self->u.s, *end = s + c->self->len, *p;
    int64_t left = c->v[1]->u.i;
    Value *r = fe_list(in, V_LIST, c->at);
    if (by->kind == V_STR && by->len == 0) return unsuited(in, c, by);
    while (by->kind == V_NONE) {
        while (s < end && has_char(" \t\n\r\f\v", *s)) s++;
        for (p = s; p < end && !has_char(" \t\n\r\f\v", *p);) p++;
        if (p == s) return r;
        if (left-- == 0) p = end;
        if (!fe_push(in, r, fe_str(in, s, (size_t)(p - s), c->at))) return fe_bad(in, c->at);
        s = p;
    }
    while (left-- != 0 && (p = find(in, s, (size_t)(end - s), by)) != NULL) {
        if (!fe_push(in, r, fe_str(in, s, (size_t)(p - s), c->at))) return fe_bad(in, c->at);
        s = p + by->len;
    }
    fe_push(in, r, fe_str(in, s, (size_t)(end - s), c->at));
    return r;
}

/* Strings one after another; false: too long. */
typedef struct Out { char *s; size_t n, cap; } Out;

static bool put(Interp *in, Out *o, const char *s, size_t n, Span at)
{
    if (o->n + n > FE_MAX_TEXT || !fe_spend(in, (int64_t)n, at)) {
        fe_report(in->d, at, DG(too_long), FE_MAX_TEXT);
        return false;
    }
    if (o->n + n + 1 > o->cap) {
        size_t cap = 2 * (o->n + n) + 16;
        o->s = arena_grow(in->a, o->s, o->cap, cap, 1);
        o->cap = cap;
    }
    memcpy(o->s + o->n, s, n);
    o->n += n;
    return true;
}

static Value *text(Interp *in, const Out *o, Span at)
{
    return fe_str(in, o->s ? o->s : "", o->n, at);
}

Value *fe_s_join(Interp *in, const Call *c)
{
    Out o = { 0 };
    const Value *all = fe_items(in, c->v[0], c->v_at[0]);
    if (!all) return fe_bad(in, c->at);
    if (all->kind == V_DATA) return fe_data(in, "a string of data", c->at);
    for (int i = 0; i < all->u.list->n; i++) {
        const Value *v = all->u.list->item[i];
        if (v->kind == V_DATA) return fe_data(in, "a string of data", c->at);
        if (v->kind != V_STR) return unsuited(in, c, v);
        if ((i > 0 && !put(in, &o, c->self->u.s, c->self->len, c->at))
            || !put(in, &o, v->u.s, v->len, c->at)) return fe_bad(in, c->at);
    }
    return text(in, &o, c->at);
}

Value *fe_s_replace(Interp *in, const Call *c)
{
    Out o = { 0 };
    const Value *from = c->v[0], *to = c->v[1];
    const char *s = c->self->u.s, *end = s + c->self->len, *p;
    if (from->len == 0) return unsuited(in, c, from);
    while ((p = find(in, s, (size_t)(end - s), from)) != NULL) {
        if (!put(in, &o, s, (size_t)(p - s), c->at) || !put(in, &o, to->u.s, to->len, c->at))
            return fe_bad(in, c->at);
        s = p + from->len;
    }
    return put(in, &o, s, (size_t)(end - s), c->at) ? text(in, &o, c->at) : fe_bad(in, c->at);
}

Value *fe_s_find(Interp *in, const Call *c)
{
    const char *s = c->self->u.s, *end = s + c->self->len, *p = find(in, s, c->self->len, c->v[0]);
    int64_t n = 0;
    if (c->name[0] == 'f') return fe_int(in, p ? p - s : -1, c->at);
    if (c->v[0]->len == 0) return unsuited(in, c, c->v[0]);
    for (; p; n++) p = find(in, p + c->v[0]->len, (size_t)(end - p) - c->v[0]->len, c->v[0]);
    return fe_int(in, n, c->at);
}

Value *fe_s_is(Interp *in, const Call *c)
{
    bool digit = strcmp(c->name, "isdigit") == 0, all = c->self->len > 0;
    for (uint32_t i = 0; i < c->self->len; i++) {
        char x = c->self->u.s[i];
        bool is_digit = x >= '0' && x <= '9';
        all &= digit ? is_digit : letter(x);
    }
    return fe_bool(in, all, c->at);
}

static Value *fields(Interp *in, Span at)
{
    fe_report(in->d, at, DG(format_fields));
    return fe_bad(in, at);
}

/* The value that the field `{name}` means; null: there is none. */
static const Value *field_value(const Call *c, const char *name, size_t n, int *next)
{
    const List *l = c->positional->u.list;
    if (n == 0) return *next < l->n ? l->item[(*next)++] : NULL;
    if (name[0] >= '0' && name[0] <= '9') {
        int i = 0;
        for (size_t k = 0; k < n && i < 1000; k++) {
            if (name[k] < '0' || name[k] > '9') return NULL;
            i = i * 10 + (name[k] - '0');
        }
        return i < l->n ? l->item[i] : NULL;
    }
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name && strlen(c->arg[i].name) == n && memcmp(c->arg[i].name, name, n) == 0)
            return c->arg[i].v;
    return NULL;
}

Value *fe_s_format(Interp *in, const Call *c)
{
    Out o = { 0 };
    int next = 0;
    const char *s = c->self->u.s, *end = s + c->self->len;
    while (s < end) {
        size_t n = strcspn(s, "{}");
        if (n > (size_t)(end - s)) n = (size_t)(end - s);
        if (!put(in, &o, s, n, c->at)) return fe_bad(in, c->at);
        s += n;
        if (s >= end) break;
        if (*s == 0 || s[1] == *s) {
            if (!put(in, &o, s, 1, c->at)) return fe_bad(in, c->at);
            s += *s == 0 ? 1 : 2;
            continue;
        }
        const char *close = *s == '{' ? strchr(s, '}') : NULL;
        if (!close) return fields(in, c->at);
        size_t name = strcspn(s + 1, ":}");
        const Value *v = field_value(c, s + 1, name, &next);
        if (!v) return fields(in, c->at);
        if (v->kind == V_DATA || v->kind == V_PARAM)
            return fe_data(in, "a formatted string", c->at);
        const char *format = s[1 + name] == ':'
            ? arena_strn(in->a, s + 2 + name, (size_t)(close - s) - 2 - name) : "";
        v = fe_format(in, v, format, c->at);
        if (!v || !put(in, &o, v->u.s, v->len, c->at)) return fe_bad(in, c->at);
        s = close + 1;
    }
    return text(in, &o, c->at);
}

/* '%s has %d' % (a, b) */
Value *fe_percent(Interp *in, Value *format, Value *v, Span at)
{
    Out o = { 0 };
    int next = 0, n = v->kind == V_TUPLE ? v->u.list->n : 1;
    const char *s = format->u.s, *end = s + format->len;
    while (s < end) {
        const char *p = memchr(s, '%', (size_t)(end - s));
        if (!put(in, &o, s, (size_t)((p ? p : end) - s), at)) return fe_bad(in, at);
        if (!p) break;
        size_t plan = strspn(p + 1, "0123456789.+-");
        char type = p[1 + plan];
        s = p + 2 + plan;
        if (type == '%' && plan == 0) {
            if (!put(in, &o, "%", 1, at)) return fe_bad(in, at);
            continue;
        }
        if (next >= n || !type || !strchr("sdifgexX", type)) return fields(in, at);
        const Value *x = v->kind == V_TUPLE ? v->u.list->item[next] : v;
        next++;
        if (x->kind == V_DATA || x->kind == V_PARAM) return fe_data(in, "a formatted string", at);
        double f = 0;
        Value whole = { .kind = V_INT };
        if (strchr("di", type) && fe_number(x, &f) && x->kind == V_FLOAT && f > -1e18 && f < 1e18)
            whole.u.i = (int64_t)f, x = &whole;
        const char *spec = type == 's' && plan == 0
                               ? ""
                               : arena_printf(in->a, "%s%.*s%c",
                                              type == 's' && p[1] != '-' ? ">"
                                              : p[1] == '-'              ? "<"
                                                                         : "",
                                              (int)plan - (p[1] == '-'), p + 1 + (p[1] == '-'),
                                              type == 'i' ? 'd' : type);
        x = fe_format(in, x, spec, at);
        if (!x || !put(in, &o, x->u.s, x->len, at)) return fe_bad(in, at);
    }
    return next == n || v->kind == V_DICT ? text(in, &o, at) : fields(in, at);
}

/* ---- lists ---- */

Value *fe_l_insert(Interp *in, const Call *c)
{
    List *l = c->self->u.list;
    int64_t i = c->v[0]->u.i, n = l->n;
    if (i < 0) i = i < -n ? 0 : i + n;
    if (i > n) i = n;
    if (!fe_push(in, c->self, c->v[1])) return fe_bad(in, c->at);
    memmove(l->item + i + 1, l->item + i, (size_t)(n - i) * sizeof *l->item);
    l->item[i] = c->v[1];
    return fe_val(in, V_NONE, c->at);
}

Value *fe_l_pop(Interp *in, const Call *c)
{
    List *l = c->self->u.list;
    int64_t i = c->v[0]->u.i;
    if (i < -l->n || i >= l->n) {
        fe_report(in->d, c->at, DG(index_range), (long long)i, "a list", (long long)l->n);
        return fe_bad(in, c->at);
    }
    if (i < 0) i += l->n;
    fe_spend(in, l->n, c->at);
    Value *v = l->item[i];
    memmove(l->item + i, l->item + i + 1, (size_t)(l->n - i - 1) * sizeof *l->item);
    l->n--;
    return v;
}

static int position(const List *l, const Value *v)
{
    for (int i = 0; i < l->n; i++)
        if (fe_equal(l->item[i], v)) return i;
    return -1;
}

Value *fe_l_index(Interp *in, const Call *c)
{
    List *l = c->self->u.list;
    int64_t n = 0;
    if (!fe_spend(in, 4 * l->n, c->at)) return fe_bad(in, c->at);
    for (int i = 0; i < l->n; i++) n += fe_equal(l->item[i], c->v[0]);
    if (c->name[0] == 'c') return fe_int(in, n, c->at);
    if (n == 0) return unsuited(in, c, c->v[0]);
    int i = position(l, c->v[0]);
    if (c->name[0] == 'i') return fe_int(in, i, c->at);
    memmove(l->item + i, l->item + i + 1, (size_t)(l->n - i - 1) * sizeof *l->item);
    l->n--;
    return fe_val(in, V_NONE, c->at);
}

Value *fe_l_reverse(Interp *in, const Call *c)
{
    List *l = c->self->u.list;
    for (int i = 0; i < l->n / 2; i++) {
        Value *v = l->item[i];
        l->item[i] = l->item[l->n - 1 - i], l->item[l->n - 1 - i] = v;
    }
    return fe_val(in, V_NONE, c->at);
}

Value *fe_l_copy(Interp *in, const Call *c)
{
    Value *r = fe_list(in, c->self->kind, c->at);
    for (int i = 0; i < c->self->u.list->n; i++)
        if (!fe_push(in, r, c->self->u.list->item[i])) return fe_bad(in, c->at);
    return r;
}

/* torch.Size is a tuple here. */
Value *fe_l_numel(Interp *in, const Call *c)
{
    int64_t n = 1;
    for (int i = 0; i < c->self->u.list->n; i++) {
        const Value *v = c->self->u.list->item[i];
        if (v->kind != V_INT || __builtin_mul_overflow(n, v->u.i, &n)) return unsuited(in, c, v);
    }
    return fe_int(in, n, c->at);
}

Value *fe_l_clear(Interp *in, const Call *c)
{
    c->self->u.list->n = 0;
    return fe_val(in, V_NONE, c->at);
}

Value *fe_l_add(Interp *in, const Call *c)
{
    if (!c->self->u.list->is_set) return unsuited(in, c, c->self);
    return fe_set_put(in, c->self, c->v[0]) ? fe_val(in, V_NONE, c->at) : fe_bad(in, c->at);
}

/* ---- dicts ---- */

static int entry(const List *l, const Value *key)
{
    for (int i = 0; i + 1 < l->n; i += 2)
        if (fe_equal(l->item[i], key)) return i;
    return -1;
}

/* get, setdefault, pop */
Value *fe_d_get(Interp *in, const Call *c)
{
    List *l = c->self->u.list;
    fe_spend(in, 4 * l->n, c->at);
    int i = entry(l, c->v[0]);
    bool pop = c->name[0] == 'p';
    if (i < 0 && pop && !c->given[1]) {
        fe_report(in->d, c->v_at[0], DG(no_key), fe_repr(in->a, c->v[0]));
        return fe_bad(in, c->at);
    }
    if (i < 0 && c->name[0] == 's' && !fe_dict_put(in, c->self, c->v[0], c->v[1]))
        return fe_bad(in, c->at);
    if (i < 0) return c->v[1];
    Value *v = l->item[i + 1];
    if (pop) {
        memmove(l->item + i, l->item + i + 2, (size_t)(l->n - i - 2) * sizeof *l->item);
        l->n -= 2;
    }
    return v;
}

Value *fe_d_update(Interp *in, const Call *c)
{
    const List *given = c->positional->u.list;
    if (given->n > 1 || (given->n == 1 && given->item[0]->kind != V_DICT))
        return unsuited(in, c, given->item[0]);
    for (int k = 0; given->n == 1 && k + 1 < given->item[0]->u.list->n; k += 2)
        if (!fe_dict_put(in, c->self, given->item[0]->u.list->item[k],
                         given->item[0]->u.list->item[k + 1])) return fe_bad(in, c->at);
    for (int i = 0; i < c->n_arg; i++) {
        const char *s = c->arg[i].name;
        if (s && !fe_dict_put(in, c->self, fe_str(in, s, strlen(s), c->at), c->arg[i].v))
            return fe_bad(in, c->at);
    }
    return fe_val(in, V_NONE, c->at);
}

/* ---- types ---- */

/* Is v of the class? -1: not known. */
static int is_of(const Value *v, const Value *type)
{
    static const struct { const char *path; ValueKind kind[3]; } types[] = {
        { "int", { V_INT, V_BOOL } }, { "float", { V_FLOAT } }, { "bool", { V_BOOL } },
        { "str", { V_STR } }, { "list", { V_LIST } }, { "tuple", { V_TUPLE } },
        { "dict", { V_DICT } }, { "torch.nn.Module", { V_MODULE, V_LOSS } },
        { "torch.Tensor", { V_TENSOR, V_PARAM } }, { "torch.nn.Parameter", { V_PARAM } },
        { "collections.OrderedDict", { V_DICT } }, { "torch.utils.data.DataLoader", { V_LOADER } },
        { "torch.optim.Optimizer", { V_OPTIM } } };
    if (type->kind == V_TUPLE || type->kind == V_LIST) {
        int any = 0;
        for (int i = 0; i < type->u.list->n && any == 0; i++) any = is_of(v, type->u.list->item[i]);
        return any;
    }
    if (type->kind == V_CLASS)
        return v->kind == V_DATA ? -1
            : v->kind == V_MODULE && fe_is_subclass(v->u.mod->cls, type->u.cls);
    const char *path = type->kind == V_FN      ? type->u.fn->path
                       : type->kind == V_SPACE ? type->u.s
                                               : NULL;
    if (!path || v->kind == V_DATA) return -1;
    if (v->kind == V_TRACED) return strcmp(path, "torch.Tensor") == 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].path, path) == 0) {
            if (v->kind == V_TENSOR && v->u.tensor->numpy) return 0;
            if (v->kind == V_LIST && (v->u.list->once || v->u.list->is_set || v->u.list->view))
                return 0;
            for (int k = 0; k < 3; k++)
                if (types[i].kind[k] != V_BAD && types[i].kind[k] == v->kind) return 1;
            return 0;
        }
    if (v->kind == V_MODULE)
        return strncmp(path, "torch.nn.", 9) == 0
            && strcmp(fe_last_part(path), fe_base_name(v->u.mod)) == 0;
    if (v->kind == V_LOSS || v->kind == V_OPTIM) return -1;
    return type->kind == V_FN || strncmp(path, "torch.nn.", 9) == 0 ? 0 : -1;
}

Value *fe_fn_isinstance(Interp *in, const Call *c)
{
    int t = is_of(c->v[0], c->v[1]);
    return t < 0 ? fe_data(in, "a type that is not known here", c->at) : fe_bool(in, t, c->at);
}

/* Of a layer the class; other types are only compared. */
Value *fe_class_of(Interp *in, const Value *v, Span at)
{
    static const struct { ValueKind kind; const char *name; } plain[] = {
        { V_INT, "int" }, { V_FLOAT, "float" }, { V_BOOL, "bool" }, { V_STR, "str" },
        { V_LIST, "list" }, { V_TUPLE, "tuple" }, { V_DICT, "dict" } };
    const char *name = NULL;
    if (v->kind == V_MODULE && v->u.mod->cls) {
        Value *r = fe_val(in, V_CLASS, at);
        r->u.cls = v->u.mod->cls;
        return r;
    }
    if (v->kind == V_MODULE)
        name = arena_printf(in->a, "torch.nn.%s", fe_base_name(v->u.mod));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (plain[i].kind == v->kind) name = plain[i].name;
    const Fn *fn = name ? fe_fn(name) : NULL;
    if (!fn) return fe_data(in, "a type", at);
    Value *r = fe_val(in, V_FN, at);
    r->u.fn = fn;
    return r;
}

Value *fe_fn_type(Interp *in, const Call *c)
{
    const List *l = c->positional->u.list;
    return l->n == 1 ? fe_class_of(in, l->item[0], c->at) : fe_data(in, "a type", c->at);
}

/* hasattr(m, 'weight'), getattr(m, 'bias', None): of layers. */
Value *fe_fn_getattr(Interp *in, const Call *c)
{
    static const char *const always[] = { "weight", "bias" };
    bool has = c->name[0] == 'h', there = false;
    const Value *name = c->v[1];
    if (c->v[0]->kind == V_DATA || c->v[0]->kind != V_MODULE) {
        if (has || c->given[2]) return fe_data(in, "an attribute", c->at);
        return fe_attr(in, c->v[0], name->u.s, c->at, c->at);
    }
    const Mod *m = c->v[0]->u.mod;
    if (m->cls) {
        Value *v = fe_find_attr(in, c->v[0], name->u.s, c->at);
        if (has) return fe_bool(in, v != NULL, c->at);
        if (!v && c->given[2]) return c->v[2];
    }
    for (int i = 0; i < m->n_param; i++) {
        there |= strcmp(m->param[i]->name, name->u.s) == 0;
        for (int k = 0; k < 2; k++) there |= strcmp(always[k], name->u.s) == 0;
    }
    for (int i = 0; i < m->n_child; i++) there |= strcmp(m->child_name[i], name->u.s) == 0;
    bool weight = strcmp(name->u.s, "weight") == 0 || strcmp(name->u.s, "bias") == 0;
    if (has && !weight && !there) {
        Fn fn = { .signature = m->info ? m->info->signature : "" };
        Call sig = { .fn = &fn };
        there = m->info && fe_arg(&sig, name->u.s) >= 0;
    }
    if (has) return fe_bool(in, there, c->at);
    return !there && c->given[2] ? c->v[2] : fe_attr(in, c->v[0], name->u.s, c->at, c->at);
}

Value *fe_fn_module_class(Interp *in, const Call *c)
{
    fe_report(in->d, c->at, DG(no_forward), c->name);
    fe_help(in->d, "a model is an object of a class of it: class Net(nn.Module):");
    return fe_bad(in, c->at);
}
