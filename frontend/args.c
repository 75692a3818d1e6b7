/* frontend/args.c: binds the arguments of a call to a signature, as Python does.
 *
 * Signatures are text as in PyTorch's documentation, with types: "dim:int?=None, *, fused=None".
 * Bound values have that type, ints being reals and 0 and 1 being flags, as in Python. */
#include "frontend/value.h"
#include <stdlib.h>
#include <string.h>

typedef struct Sig {
    char name[40], type[8];
    bool none_ok, by_name, has_default;
    const char *value; size_t value_len;
} Sig;

typedef struct Sigs { Sig s[FE_MAX_ARGS]; int n, positional; bool any; } Sigs;

static void copy_word(char *to, size_t cap, const char **p)
{
    size_t n = 0;
    while (**p && !strchr(":=,? ", **p)) {
        if (n + 1 < cap) to[n++] = **p;
        (*p)++;
    }
    to[n] = 0;
}

/* Up to the comma that ends this parameter; a default may hold commas in brackets. */
static size_t value_length(const char *p)
{
    int depth = 0;
    size_t n = 0;
    for (; p[n] && !(p[n] == ',' && depth == 0); n++) depth += (p[n] == '(') - (p[n] == ')');
    return n;
}

static Sigs parse(const char *p)
{
    Sigs r = { 0 };
    bool by_name = false;
    while (*p && r.n < FE_MAX_ARGS) {
        Sig *s = &r.s[r.n];
        *s = (Sig){ .by_name = by_name };
        if (*p == '*') {
            r.any |= p[1] != ',';
            by_name |= p[1] == ',';
            p += value_length(p);
        } else {
            copy_word(s->name, sizeof s->name, &p);
            if (*p == ':') p++, copy_word(s->type, sizeof s->type, &p);
            if (*p == '?') s->none_ok = true, p++;
            if (*p == '=') {
                s->has_default = true;
                s->value = ++p;
                p += s->value_len = value_length(p);
            }
            r.n++;
            r.positional += !by_name;
        }
        while (*p == ',' || *p == ' ') p++;
    }
    return r;
}

int fe_arg(const Call *c, const char *name)
{
    Sigs r = parse(c->fn->signature);
    for (int i = 0; i < r.n; i++)
        if (strcmp(r.s[i].name, name) == 0) return i;
    return -1;
}

const char *fe_arg_name(Arena *a, const Call *c, int i)
{
    Sigs r = parse(c->fn->signature);
    return i < r.n ? arena_str(a, r.s[i].name) : NULL;
}

const char *fe_signature(Arena *a, const Fn *fn)
{
    if (!fn->signature) return arena_printf(a, "%s(…)", fe_last_part(fn->path));
    Sigs r = parse(fn->signature);
    static const char *const rare[] = { "device",       "dtype",      "generator",      "foreach",
                                        "fused",        "capturable", "differentiable", "maximize",
                                        "size_average", "reduce" };
    const char *text = r.any ? "…" : "";
    for (int i = 0; i < r.n; i++) {
        const Sig *s = &r.s[i];
        bool skip = false;
        for (size_t k = 0; k < sizeof rare / sizeof *rare; k++)
            skip |= strcmp(rare[k], s->name) == 0;
        if (skip) continue;
        text = arena_printf(a, "%s%s%s%s%.*s", text, *text ? ", " : "", s->name,
                            s->has_default ? "=" : "", (int)s->value_len,
                            s->has_default ? s->value : "");
    }
    return arena_printf(a, "%s(%s)", fe_last_part(fn->path), text);
}

static Value *default_value(Interp *in, const Sig *s, Span at)
{
    const char *p = s->value;
    if (strncmp(p, "None", 4) == 0) return fe_val(in, V_NONE, at);
    if (strncmp(p, "True", 4) == 0) return fe_bool(in, true, at);
    if (strncmp(p, "False", 5) == 0) return fe_bool(in, false, at);
    if (*p == '\'') return fe_str(in, p + 1, s->value_len - 2, at);
    if (*p == '(') {
        Value *t = fe_list(in, V_TUPLE, at);
        for (p++; *p && *p != ')';) {
            char *end;
            fe_push(in, t, fe_float(in, strtod(p, &end), at));
            for (p = end; *p == ',' || *p == ' ';) p++;
        }
        return t;
    }
    char *end;
    double x = strtod(p, &end);
    if (memchr(p, '.', s->value_len) || memchr(p, 'e', s->value_len)) return fe_float(in, x, at);
    return fe_int(in, (int64_t)x, at);
}

/* ---- types ---- */

static const char *type_name(const char *type)
{
    static const struct { const char *type, *name; } names[] = {
        { "int", "an integer" }, { "real", "a number" }, { "flag", "True or False" },
        { "str", "a string" }, { "param", "a parameter such as model[0].weight" },
        { "tensor", "a tensor such as torch.tensor([1.0, 2.0])" },
        { "params", "parameters such as model.parameters()" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].type, type) == 0) return names[i].name;
    return "a value";
}

static bool has_type(Interp *in, Value **v, const char *type)
{
    ValueKind k = (*v)->kind;
    double x;
    if (strcmp(type, "int") == 0) {
        if (k == V_BOOL) *v = fe_int(in, (*v)->u.b, (*v)->at);
        return k == V_INT || k == V_BOOL;
    }
    if (strcmp(type, "real") == 0) {
        if (!fe_number(*v, &x)) return false;
        if (k == V_BOOL) *v = fe_int(in, (*v)->u.b, (*v)->at);
        return true;
    }
    if (strcmp(type, "flag") == 0) {
        if (k == V_INT && ((*v)->u.i == 0 || (*v)->u.i == 1))
            *v = fe_bool(in, (*v)->u.i == 1, (*v)->at);
        return (*v)->kind == V_BOOL;
    }
    if (strcmp(type, "str") == 0) return k == V_STR;
    if (strcmp(type, "param") == 0) return k == V_PARAM;
    if (strcmp(type, "tensor") == 0) return k == V_TENSOR;
    if (strcmp(type, "params") == 0) {
        if (k == V_LIST && (*v)->u.list->once) *v = fe_items(in, *v, (*v)->at);
        return k == V_LIST || k == V_TUPLE || k == V_PARAM || k == V_MODULE;
    }
    return true;
}

void fe_wrong_type(Interp *in, const Call *c, int i, const char *name, const char *wants)
{
    const Value *v = c->v[i];
    fe_report(in->d, c->v_at[i], DG(wrong_type), c->name, name, wants, fe_kind_name(v),
              v->kind == V_NONE ? "" : ": ", v->kind == V_NONE ? "" : fe_repr(in->a, v));
}

/* The variable that holds the value, or null. */
static const char *variable_of(const Interp *in, const Value *v)
{
    for (uint32_t i = 0; i < in->n_name; i++)
        if (in->name[i].v == v) return in->name[i].name;
    return NULL;
}

static bool check_type(Interp *in, Call *c, int i, const Sig *s)
{
    Value *v = c->v[i];
    if (v->kind == V_BAD) return false;
    if (v->kind == V_SYMBOL && strncmp(c->fn->path, "math.", 5) == 0) return true;
    if (s->type[0] == 0 || (s->none_ok && v->kind == V_NONE) || has_type(in, &c->v[i], s->type))
        return true;
    if (v->kind == V_DATA) {
        fe_report(in->d, c->v_at[i], DG(needs_content), c->name, s->name, type_name(s->type),
                  v->u.s);
        if (v->at.src && v->at.at != c->v_at[i].at) fe_note(in->d, v->at, "it comes from here");
        const char *name = variable_of(in, v);
        if (name)
            fe_help(in->d, "write the value, or give it on the command line: -D %s=VALUE", name);
        else fe_help(in->d, "write the value, or give it a name and that with -D NAME=VALUE");
        return false;
    }
    fe_wrong_type(in, c, i, s->name, type_name(s->type));
    if (v->kind == V_FLOAT && strcmp(s->type, "int") == 0 && v->u.f >= -1e15 && v->u.f <= 1e15
        && v->u.f == (double)(int64_t)v->u.f)
        fe_help(in->d, "write %lld, or divide with // instead of /", (long long)v->u.f);
    return false;
}

/* ---- binding ---- */

static bool too_many(Interp *in, const Call *c, const Sigs *r)
{
    int given = 0;
    for (int i = 0; i < c->n_arg; i++) given += c->arg[i].name == NULL;
    if (r->positional == 0)
        fe_report(in->d, c->arg[0].at, DG(takes_none), c->name, given);
    else
        fe_report(in->d, c->arg[r->positional].at, DG(too_many), c->name, r->positional,
                  r->positional == 1 ? "" : "s", given);
    fe_help(in->d, "the signature is %s", fe_signature(in->a, c->fn));
    return false;
}

static bool unknown_keyword(Interp *in, const Call *c, const Sigs *r, const ArgVal *x)
{
    Nearest n = { x->name, NULL, 0 };
    fe_report(in->d, x->name_at, DG(unknown_keyword), c->name, x->name);
    static const struct { const char *said, *meant; } other_words[] = { { "learning_rate", "lr" },
                        { "rate", "p" },
                        { "prob", "p" },
                        { "axis", "dim" },
                        { "units", "out_features" },
                        { "input_size", "in_features" },
                        { "output_size", "out_features" },
                        { "slope", "negative_slope" } };
    for (int i = 0; i < r->n; i++) {
        fe_consider(&n, r->s[i].name);
        for (size_t k = 0; k < sizeof other_words / sizeof *other_words; k++)
            if (strcmp(other_words[k].said, x->name) == 0
                && strcmp(other_words[k].meant, r->s[i].name) == 0)
                n = (Nearest){ x->name, r->s[i].name, 0 };
    }
    if (fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
    fe_help(in->d, "the signature is %s", fe_signature(in->a, c->fn));
    return false;
}

static bool place_args(Interp *in, Call *c, const Sigs *r)
{
    int next = 0;
    for (int k = 0; k < c->n_arg; k++) {
        ArgVal *x = &c->arg[k];
        int i = next;
        if (!x->name) {
            if (next == r->positional) return r->any || too_many(in, c, r);
            next++;
        } else {
            for (i = 0; i < r->n && strcmp(r->s[i].name, x->name) != 0;) i++;
            if (i == r->n) {
                if (r->any) continue;
                return unknown_keyword(in, c, r, x);
            }
        }
        if (c->given[i]) {
            fe_report(in->d, x->name ? x->name_at : x->at, DG(given_twice), c->name, r->s[i].name);
            return false;
        }
        c->given[i] = true;
        c->v[i] = x->v;
        c->v_at[i] = x->at;
    }
    return true;
}

/* c's own signature, from the bound arguments of another call that have the same names. What is a
 * tensor there is none for c. */
bool fe_bind_by_names(Interp *in, Call *c, const Call *from)
{
    Sigs r = parse(c->fn->signature), s = parse(from->fn->signature);
    for (int i = 0; i < r.n; i++)
        for (int k = 0; k < s.n; k++)
            if (strcmp(r.s[i].name, s.s[k].name) == 0 && from->given[k]
                && !fe_in_forward(in, from->v[k])) {
                c->v[i] = from->v[k];
                c->v_at[i] = from->v_at[k];
                c->given[i] = true;
            }
    return fe_bind_args(in, c);
}

bool fe_bind_args(Interp *in, Call *c)
{
    Sigs r = parse(c->fn->signature);
    bool good = place_args(in, c, &r);
    for (int i = 0; good && i < r.n; i++) {
        if (c->given[i]) continue;
        c->v_at[i] = c->of_at;
        if (r.s[i].has_default) {
            c->v[i] = default_value(in, &r.s[i], c->of_at);
        } else {
            fe_report(in->d, c->of_at, DG(missing), c->name, r.s[i].name);
            fe_help(in->d, "the signature is %s", fe_signature(in->a, c->fn));
            return false;
        }
    }
    for (int i = 0; good && i < r.n; i++)
        if (c->given[i] && !check_type(in, c, i, &r.s[i])) return false;
    return good;
}
