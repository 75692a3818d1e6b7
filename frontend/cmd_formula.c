/* frontend/cmd_formula.c: a formula as a function in C, and as people write mathematics.
 *
 * What occurs more than once gets a name: a local in C, "where s = …" in mathematics. */
#include "frontend/cmd_diff.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LV_SELECT, LV_OR, LV_AND, LV_EQ, LV_REL, LV_ADD, LV_MUL, LV_UNARY, LV_ATOM };

static const struct { const char *c, *math; int level; } binary[EX_COUNT] = {
    [EX_ADD] = { " + ", " + ", LV_ADD }, [EX_SUB] = { " - ", " − ", LV_ADD },
    [EX_MUL] = { " * ", "·", LV_MUL },   [EX_DIV] = { " / ", " / ", LV_MUL },
    [EX_LT] = { " < ", " < ", LV_REL },  [EX_LE] = { " <= ", " ≤ ", LV_REL },
    [EX_GT] = { " > ", " > ", LV_REL },  [EX_GE] = { " >= ", " ≥ ", LV_REL },
    [EX_EQ] = { " == ", " = ", LV_EQ },  [EX_NE] = { " != ", " ≠ ", LV_EQ },
    [EX_AND] = { " && ", " and ", LV_AND }, [EX_OR] = { " || ", " or ", LV_OR },
};

/* Names where they are not the function's own; in C those of <math.h> get an f for float. */
static const struct { ExOp op; const char *c, *math; } named[] = {
    { EX_abs, "fabs", NULL },       { EX_round, "rint", "round" }, { EX_sigmoid, NULL, "σ" },
    { EX_log, NULL, "ln" },         { EX_sign, NULL, "sgn" },      { EX_logsigmoid, NULL, "ln σ" },
    { EX_sqrt, NULL, "√" },
};

/* What <math.h> lacks, of a type and the suffix of its functions. */
#define SIGMOID(T, F) \
    "static " T " sigmoid(" T " x)\n{\n    const " T " e = exp" F "(-fabs" F "(x));\n" \
    "    return (x < 0 ? e : 1) / (1 + e);\n}\n"
#define LOGSIGMOID(T, F) \
    "static " T " logsigmoid(" T " x)\n{\n" \
    "    return (x < 0 ? x : 0) - log1p" F "(exp" F "(-fabs" F "(x)));\n}\n"
#define SIGN(T, F) "static " T " sign(" T " x) { return (" T ")((x > 0) - (x < 0)); }\n"
#define MAX(T, F) "static " T " max(" T " a, " T " b) { return a > b || a != a ? a : b; }\n"
#define MIN(T, F) "static " T " min(" T " a, " T " b) { return a < b || a != a ? a : b; }\n"
static const struct { ExOp op; const char *text[2]; } helpers[] = {    /* float, double */
#define BOTH(op, H) { op, { H("float", "f"), H("double", "") } }
    BOTH(EX_sigmoid, SIGMOID), BOTH(EX_logsigmoid, LOGSIGMOID), BOTH(EX_sign, SIGN),
    BOTH(EX_max, MAX), BOTH(EX_min, MIN),
};
enum { N_HELPERS = sizeof helpers / sizeof *helpers };

typedef struct Show {
    Arena *a;
    const ExPool *p;
    const CFunc *f;
    bool math;
    int *uses;                       /* by handle */
    const char **name;               /* by handle, of locals that stand already */
    const char *locals;              /* their definitions */
    int n_local;
} Show;

typedef struct { const char *s; int level; } Piece;

static Piece piece(Show *w, Ex e);

static const char *at_level(Show *w, Ex e, int level)
{
    Piece p = piece(w, e);
    return p.level < level ? arena_printf(w->a, "(%s)", p.s) : p.s;
}

/* The shortest digits that read back as the float or double. */
static Piece number(Show *w, double x)
{
    char s[40];
    bool narrow = !w->f->is_double;
    int level = signbit(x) ? LV_UNARY : LV_ATOM;
    if (isnan(x)) return (Piece){ w->math ? "nan" : "NAN", LV_ATOM };
    if (isinf(x)) {
        const char *name = w->math ? "∞" : "INFINITY";
        return (Piece){ x > 0 ? name : arena_printf(w->a, w->math ? "−%s" : "-%s", name), level };
    }
    double wanted = narrow ? (double)(float)x : x;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, wanted);
        if ((narrow ? (double)strtof(s, NULL) : strtod(s, NULL)) == wanted) break;
    }
    if (w->math) return (Piece){ *s == '-' ? arena_printf(w->a, "−%s", s + 1) : arena_str(w->a, s),
                                 level };
    return (Piece){ arena_printf(w->a, "%s%s%s", s, strpbrk(s, ".e") ? "" : ".0", narrow ? "f" : ""),
                    level };
}

/* Greek letters, as people write them. */
static const char *parameter(Show *w, uint32_t i)
{
    static const char *const greek[][2] = {
        { "alpha", "α" }, { "beta", "β" }, { "gamma", "γ" }, { "delta", "δ" }, { "eps", "ε" },
        { "epsilon", "ε" }, { "theta", "θ" }, { "lambda", "λ" }, { "lambd", "λ" }, { "mu", "μ" },
        { "tau", "τ" }, { "sigma", "σ" }, { "rho", "ρ" }, { "omega", "ω" }, { "phi", "φ" },
    };
    const char *name = w->f->param[i];
    for (size_t k = 0; w->math && k < sizeof greek / sizeof *greek; k++)
        if (strcmp(greek[k][0], name) == 0) return greek[k][1];
    return name;
}

static bool is_helper(ExOp op)
{
    for (int i = 0; i < N_HELPERS; i++)
        if (helpers[i].op == op) return true;
    return false;
}

static Piece function(Show *w, const ExNode *x)
{
    const char *name = ex_op_name(x->op), *suffix = "";
    const char *a = at_level(w, x->in[0], LV_SELECT);
    if (w->math && x->op == EX_abs) return (Piece){ arena_printf(w->a, "|%s|", a), LV_ATOM };
    if (w->math && x->op == EX_floor) return (Piece){ arena_printf(w->a, "⌊%s⌋", a), LV_ATOM };
    if (w->math && x->op == EX_ceil) return (Piece){ arena_printf(w->a, "⌈%s⌉", a), LV_ATOM };
    if (w->math && x->op == EX_pow)
        return (Piece){ arena_printf(w->a, "%s^%s", at_level(w, x->in[0], LV_ATOM),
                                     at_level(w, x->in[1], LV_ATOM)), LV_UNARY };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        const char *other = w->math ? named[i].math : named[i].c;
        if (named[i].op == x->op && other) name = other;
    }
    if (!w->math && !w->f->is_double && !is_helper(x->op)) suffix = "f";
    const char *b = x->in[1].i ? arena_printf(w->a, ", %s", at_level(w, x->in[1], LV_SELECT)) : "";
    return (Piece){ arena_printf(w->a, "%s%s(%s%s)", name, suffix, a, b), LV_ATOM };
}

static Piece select_piece(Show *w, const ExNode *x)
{
    const char *c = at_level(w, x->in[0], w->math ? LV_SELECT : LV_EQ);
    const char *a = at_level(w, x->in[1], LV_SELECT + 1), *b = at_level(w, x->in[2], LV_SELECT);
    return (Piece){ w->math ? arena_printf(w->a, "%s if %s, else %s", a, c, b)
                            : arena_printf(w->a, "%s ? %s : %s", c, a, b), LV_SELECT };
}

static Piece whole(Show *w, const ExNode *x)
{
    Arena *a = w->a;
    switch (x->op) {
    case EX_NUM: return number(w, x->u.num);
    case EX_INT: return (Piece){ arena_printf(a, "%lld", (long long)x->u.i), LV_ATOM };
    case EX_BOOL: return (Piece){ x->u.i ? "true" : "false", LV_ATOM };
    case EX_ARG: return (Piece){ parameter(w, x->u.arg), LV_ATOM };
    case EX_NAME: return (Piece){ x->u.name, LV_ATOM };
    case EX_NEG: {
        const char *s = at_level(w, x->in[0], LV_UNARY), *sign = w->math ? "−" : "-";
        bool twice = strncmp(s, sign, strlen(sign)) == 0;
        return (Piece){ arena_printf(a, twice ? "%s(%s)" : "%s%s", sign, s), LV_UNARY };
    }
    case EX_NOT:
        return (Piece){ arena_printf(a, w->math ? "not %s" : "!%s", at_level(w, x->in[0], LV_UNARY)),
                        LV_UNARY };
    case EX_SELECT: return select_piece(w, x);
    case EX_TO_REAL: case EX_TO_INT: {
        const char *type = x->op == EX_TO_INT ? "long" : w->f->is_double ? "double" : "float";
        if (w->math) return (Piece){ at_level(w, x->in[0], LV_ATOM), LV_ATOM };
        return (Piece){ arena_printf(a, "(%s)%s", type, at_level(w, x->in[0], LV_UNARY)), LV_UNARY };
    }
    default: break;
    }
    if (!binary[x->op].c) return function(w, x);
    int level = binary[x->op].level, left = level == LV_OR ? LV_EQ : level >= LV_ADD ? level : level + 1;
    const char *l = at_level(w, x->in[0], left), *r = at_level(w, x->in[1], level + 1);
    return (Piece){ arena_printf(a, "%s%s%s", l, w->math ? binary[x->op].math : binary[x->op].c, r),
                    level };
}

/* s, t, u …, then s2, t2 … */
static const char *local_name(Show *w)
{
    static const char letters[] = "stuvw";
    int i = w->n_local++, n = sizeof letters - 1;
    return i < n ? arena_printf(w->a, "%c", letters[i])
                 : arena_printf(w->a, "%c%d", letters[i % n], i / n + 1);
}

static bool is_parameter(const CFunc *f, const char *name)
{
    for (int i = 0; i < f->n_param; i++)
        if (strcmp(f->param[i], name) == 0) return true;
    return false;
}

static Piece piece(Show *w, Ex e)
{
    const ExNode *x = ex_node(w->p, e);
    if (w->name[e.i]) return (Piece){ w->name[e.i], LV_ATOM };
    Piece p = whole(w, x);
    bool small = x->op < EX_ADD || (x->op == EX_NEG && ex_node(w->p, x->in[0])->op < EX_ADD);
    if (w->uses[e.i] < 2 || small) return p;
    const char *name = local_name(w);
    while (is_parameter(w->f, name)) name = local_name(w);
    const char *type = x->type == EXT_BOOL ? "_Bool" : x->type == EXT_INT ? "long"
                     : w->f->is_double ? "double" : "float";
    w->locals = w->math ? arena_printf(w->a, "%s%s%s = %s", w->locals, *w->locals ? ", " : "", name, p.s)
              : arena_printf(w->a, "%s    const %s %s = %s;\n", w->locals, type, name, p.s);
    w->name[e.i] = name;
    return (Piece){ name, LV_ATOM };
}

static Show begin(Arena *a, const CFunc *f, const ExPool *p, Ex e, bool math)
{
    Show w = { .a = a, .p = p, .f = f, .math = math, .locals = "" };
    w.uses = arena_alloc(a, (size_t)e.i + 1, sizeof *w.uses);
    w.name = arena_alloc(a, (size_t)e.i + 1, sizeof *w.name);
    w.uses[e.i] = 1;
    for (uint32_t i = e.i; i > 0; i--)
        for (int k = 0; w.uses[i] && k < 3; k++) w.uses[ex_node(p, (Ex){ i })->in[k].i]++;
    return w;
}

const char *cmd_formula_math(Arena *a, const CFunc *f, ExPool *p, Ex e)
{
    Show w = begin(a, f, p, e, true);
    const char *s = piece(&w, e).s;
    return *w.locals ? arena_printf(a, "%s  where %s", s, w.locals) : s;
}

const char *cmd_formula_c(Arena *a, const CFunc *f, const char *name, ExPool *p, Ex e)
{
    Show w = begin(a, f, p, e, false);
    const char *type = f->is_double ? "double" : "float", *s = piece(&w, e).s, *params = "";
    for (int i = 0; i < f->n_param; i++)
        params = arena_printf(a, "%s%s%s %s", params, i ? ", " : "", type, f->param[i]);
    return arena_printf(a, "%s %s(%s)\n{\n%s    return %s;\n}\n", type, name,
                        f->n_param ? params : "void", w.locals, s);
}

static void add_needed(Arena *a, const CFunc *f, const ExPool *p, Ex e, bool needed[N_HELPERS])
{
    Show w = begin(a, f, p, e, false);
    for (uint32_t n = e.i; n > 0; n--)
        for (int k = 0; k < N_HELPERS; k++)
            needed[k] = needed[k] || (w.uses[n] && ex_node(p, (Ex){ n })->op == helpers[k].op);
}

const char *cmd_formula_helpers(Arena *a, const CFunc *f, ExPool *p, bool second)
{
    const char *text = "";
    bool needed[N_HELPERS] = { false };
    add_needed(a, f, p, ex_stable(p, f->value), needed);
    for (int i = 0; i < f->n_param; i++) {
        Ex e = ex_diff(p, f->value, i);
        add_needed(a, f, p, e, needed);
        for (int k = i; k < f->n_param && second; k++) add_needed(a, f, p, ex_diff(p, e, k), needed);
    }
    for (int k = 0; k < N_HELPERS; k++)
        if (needed[k])
            text = arena_printf(a, "%s\n%s", text, helpers[k].text[f->is_double]);
    return text;
}
