/* codegen/expr.c: a scalar expression as C. What occurs more than once becomes a local; the rest is
 * one expression with as few parentheses as C's precedence allows. */
#include "codegen/emit.h"
#include <math.h>
#include <string.h>

/* C's levels, tighter is higher. */
enum { LV_SELECT, LV_OR, LV_AND, LV_EQ, LV_REL, LV_ADD, LV_MUL, LV_UNARY, LV_ATOM };

static const struct { const char *sign; int level; } binary[EX_COUNT] = {
    [EX_ADD] = { "+", LV_ADD }, [EX_SUB] = { "-", LV_ADD }, [EX_MUL] = { "*", LV_MUL },
    [EX_DIV] = { "/", LV_MUL }, [EX_LT] = { "<", LV_REL },  [EX_LE] = { "<=", LV_REL },
    [EX_GT] = { ">", LV_REL },  [EX_GE] = { ">=", LV_REL }, [EX_EQ] = { "==", LV_EQ },
    [EX_NE] = { "!=", LV_EQ },  [EX_AND] = { "&&", LV_AND }, [EX_OR] = { "||", LV_OR },
};

typedef struct Walk {
    Kern *k;
    Out *o;
    const char *const *args;
    uint8_t *uses;                    /* [e.i + 1], up to 2 */
    const char **name;                /* [e.i + 1] of what is a local */
} Walk;

typedef struct { const char *s; int level; } Piece;

const char *real_type(const Kern *k) { return k->e->l->type[k->real]; }
const char *literal(Kern *k, double x) { return dialect_literal(k->e->l, k->real, x, k->e->a); }

static void count(Walk *w, Ex e)
{
    const ExNode *x = ex_node(w->k->pool, e);
    if (w->uses[e.i]++) {
        w->uses[e.i] = 2;
        return;
    }
    for (int i = 0; i < 3 && x->in[i].i; i++) count(w, x->in[i]);
}

static Piece emit(Walk *w, Ex e);

static const char *in_level(Walk *w, Ex e, int level)
{
    Piece p = emit(w, e);
    return p.level < level ? text(w->k->e, "(%s)", p.s) : p.s;
}

static Piece number(Walk *w, double x)
{
    return (Piece){ literal(w->k, x), x < 0 || (x == 0 && signbit(x)) ? LV_UNARY : LV_ATOM };
}

static Piece build(Walk *w, const ExNode *x)
{
    Emit *e = w->k->e;
    switch (x->op) {
    case EX_NUM: return number(w, x->u.num);
    case EX_INT: return (Piece){ text(e, "INT64_C(%lld)", (long long)x->u.i), LV_ATOM };
    case EX_BOOL: return (Piece){ x->u.i ? "true" : "false", LV_ATOM };
    case EX_ARG: return (Piece){ w->args[x->u.arg], LV_ATOM };
    case EX_NEG: {
        const char *s = in_level(w, x->in[0], LV_UNARY);
        return (Piece){ text(e, s[0] == '-' ? "-(%s)" : "-%s", s), LV_UNARY };
    }
    case EX_NOT: return (Piece){ text(e, "!%s", in_level(w, x->in[0], LV_UNARY)), LV_UNARY };
    case EX_SELECT: {
        const char *c = in_level(w, x->in[0], LV_EQ), *a = in_level(w, x->in[1], LV_SELECT + 1);
        return (Piece){ text(e, "%s ? %s : %s", c, a, in_level(w, x->in[2], LV_SELECT)),
                        LV_SELECT };
    }
    case EX_TO_REAL:
        return (Piece){ text(e, "(%s)%s", real_type(w->k), in_level(w, x->in[0], LV_UNARY)),
                        LV_UNARY };
    case EX_TO_INT:
        reach(e, w->k->real == DT_f32 ? SNIP_to_int_f32 : SNIP_to_int_f64);
        return (Piece){ text(e, "to_int_%s(%s)", ir_dtype_name(w->k->real),
                             in_level(w, x->in[0], LV_SELECT)), LV_ATOM };
    default: break;
    }
    if (binary[x->op].sign) {
        int level = binary[x->op].level;
        /* gcc asks for parentheses where && stands in ||, and comparisons are easier read with
         * them. */
        int left = level == LV_OR ? LV_EQ : level >= LV_ADD ? level : level + 1;
        const char *a = in_level(w, x->in[0], left);
        return (Piece){
            text(e, "%s %s %s", a, binary[x->op].sign, in_level(w, x->in[1], level + 1)), level
        };
    }
    const char *name = fn_name(e, w->k->real, x->op), *a = in_level(w, x->in[0], LV_SELECT);
    if (!x->in[1].i) return (Piece){ text(e, "%s(%s)", name, a), LV_ATOM };
    return (Piece){ text(e, "%s(%s, %s)", name, a, in_level(w, x->in[1], LV_SELECT)), LV_ATOM };
}

static Piece emit(Walk *w, Ex e)
{
    const ExNode *x = ex_node(w->k->pool, e);
    if (w->name[e.i]) return (Piece){ w->name[e.i], LV_ATOM };
    Piece p = build(w, x);
    if (w->uses[e.i] < 2 || p.level == LV_ATOM || x->op == EX_NUM) {
        bool call = x->op >= EX_exp;
        if (!call || w->uses[e.i] < 2) return p;
    }
    const char *type = x->type == EXT_REAL  ? real_type(w->k)
                       : x->type == EXT_INT ? "int64_t"
                                            : "bool";
    const char *name = local_name(w->k, "s");
    out_line(w->o, "const %s %s = %s;", type, name, p.s);
    w->name[e.i] = name;
    return (Piece){ name, LV_ATOM };
}

const char *expr_emit(Kern *k, Out *o, Ex e, const char *const *args, DType d)
{
    Arena *a = k->e->a;
    Walk w = { k, o, args, arena_alloc(a, e.i + 1, 1), arena_alloc(a, e.i + 1, sizeof(char *)) };
    count(&w, e);
    Piece p = emit(&w, e);
    ExType t = ex_node(k->pool, e)->type;
    bool same = t == EXT_REAL ? d == k->real : t == EXT_INT && d == DT_i64;
    if (same) return p.s;
    return text(k->e, p.level < LV_UNARY ? "(%s)(%s)" : "(%s)%s", k->e->l->type[d], p.s);
}
