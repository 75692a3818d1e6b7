/* ir/expr.c: the pool of scalar expressions, folding of constants, evaluation, substitution.
 *
 * Parsing, printing, simplification and derivatives are in expr_parse.c, expr_print.c,
 * expr_simplify.c and expr_diff.c. One function, `apply`, says what every operation computes;
 * folding and ex_eval both call it, so that a folded constant has the bits that evaluation would
 * give.
 *
 * Ints wrap around; sums are taken in uint64_t, where that is defined. */
#include "ir/expr_pool.h"
#include "ir/ir.h"
#include <math.h>
#include <string.h>

const char *const ex_fn_names[] = {
#define EXFN(name, ...) #name,
#include "ir/exfuncs.def"
#undef EXFN
};

const int ex_fn_arity[] = {
#define EXFN(name, arity, ...) arity,
#include "ir/exfuncs.def"
#undef EXFN
};

static const char *const op_names[EX_exp] = {
    "none", "num", "int", "bool", "arg", "name", "add", "sub", "mul", "div", "neg", "lt", "le",
    "gt", "ge", "eq", "ne", "and", "or", "not", "select", "to_int", "to_real",
};

const char *ex_op_name(ExOp op) { return op < EX_exp ? op_names[op] : ex_fn_names[op - EX_exp]; }

ExOp ex_op_named(const char *name)
{
    for (ExOp op = EX_NUM; op < EX_COUNT; op++)
        if (strcmp(ex_op_name(op), name) == 0)
            return op;
    return EX_NONE;
}

bool ex_eq(Ex a, Ex b) { return a.i == b.i; }
bool ex_some(Ex e) { return e.i != 0; }

/* ---- what operations compute ---- */

static double fn_sigmoid(double a)
{
    if (a >= 0)
        return 1 / (1 + exp(-a));
    double e = exp(a);
    return e / (1 + e);
}

static double fn_logsigmoid(double a) { return (a < 0 ? a : 0) - log1p(exp(-fabs(a))); }
static double fn_sign(double a) { return (a > 0) - (a < 0); }
static double fn_max(double a, double b) { return isnan(a) ? a : isnan(b) ? b : a < b ? b : a; }
static double fn_min(double a, double b) { return isnan(a) ? a : isnan(b) ? b : b < a ? b : a; }

static double apply_fn(ExOp op, double a, double b)
{
    switch (op) {
    case EX_exp: return exp(a);
    case EX_expm1: return expm1(a);
    case EX_log: return log(a);
    case EX_log1p: return log1p(a);
    case EX_sqrt: return sqrt(a);
    case EX_sigmoid: return fn_sigmoid(a);
    case EX_logsigmoid: return fn_logsigmoid(a);
    case EX_tanh: return tanh(a);
    case EX_erf: return erf(a);
    case EX_erfc: return erfc(a);
    case EX_sin: return sin(a);
    case EX_cos: return cos(a);
    case EX_abs: return fabs(a);
    case EX_sign: return fn_sign(a);
    case EX_floor: return floor(a);
    case EX_ceil: return ceil(a);
    case EX_trunc: return trunc(a);
    case EX_round: return nearbyint(a);
    case EX_max: return fn_max(a, b);
    case EX_min: return fn_min(a, b);
    case EX_pow: return pow(a, b);
    case EX_tan: return tan(a);
    case EX_asin: return asin(a);
    case EX_acos: return acos(a);
    case EX_atan: return atan(a);
    case EX_sinh: return sinh(a);
    case EX_cosh: return cosh(a);
    case EX_asinh: return asinh(a);
    case EX_acosh: return acosh(a);
    case EX_atanh: return atanh(a);
    case EX_exp2: return exp2(a);
    case EX_log2: return log2(a);
    case EX_log10: return log10(a);
    case EX_cbrt: return cbrt(a);
    case EX_hypot: return hypot(a, b);
    case EX_atan2: return atan2(a, b);
    case EX_fmod: return fmod(a, b);
    case EX_copysign: return isnan(b) ? fabs(a) : copysign(a, b);   /* NaNs have no sign here */
    default: ir_die(NULL, "expression: %d is no function", (int)op);
    }
}

static double apply_real(ExOp op, double a, double b)
{
    switch (op) {
    case EX_ADD: return a + b;
    case EX_SUB: return a - b;
    case EX_MUL: return a * b;
    case EX_DIV: return a / b;
    case EX_NEG: return -a;
    default: return apply_fn(op, a, b);
    }
}

static int64_t apply_int(ExOp op, int64_t a, int64_t b)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (op) {
    case EX_ADD: return (int64_t)(x + y);
    case EX_SUB: return (int64_t)(x - y);
    case EX_MUL: return (int64_t)(x * y);
    case EX_NEG: return (int64_t)(0 - x);
    default: ir_die(NULL, "expression: no operation %d of ints", (int)op);
    }
}

#define COMPARE(a, b) \
    (op == EX_LT ? (a) < (b) : op == EX_LE ? (a) <= (b) : op == EX_GT ? (a) > (b) : \
     op == EX_GE ? (a) >= (b) : op == EX_EQ ? (a) == (b) : (a) != (b))

static int64_t saturated(double a)
{
    if (isnan(a))
        return 0;
    return a >= 0x1p63 ? INT64_MAX : a <= -0x1p63 ? INT64_MIN : (int64_t)a;
}

/* The value of an operation on values; `of` is the type of the first operand. */
static ExValue apply(const ExNode *x, ExType of, ExValue a, ExValue b, ExValue c)
{
    ExOp op = x->op;
    switch (op) {
    case EX_LT: case EX_LE: case EX_GT: case EX_GE: case EX_EQ: case EX_NE:
        return (ExValue){.i = of == EXT_REAL ? COMPARE(a.r, b.r) : COMPARE(a.i, b.i)};
    case EX_AND: return (ExValue){.i = a.i && b.i};
    case EX_OR: return (ExValue){.i = a.i || b.i};
    case EX_NOT: return (ExValue){.i = !a.i};
    case EX_SELECT: return a.i ? b : c;
    case EX_TO_INT: return (ExValue){.i = saturated(a.r)};
    case EX_TO_REAL: return (ExValue){.r = (double)a.i};
    default:
        if (x->type == EXT_REAL)
            return (ExValue){.r = apply_real(op, a.r, b.r)};
        return (ExValue){.i = apply_int(op, a.i, b.i)};
    }
}

/* ---- the pool ---- */

ExPool *ex_pool(Arena *a)
{
    ExPool *p = arena_alloc(a, 1, sizeof *p);
    p->arena = a;
    p->n = 1;
    p->cap = 64;
    p->node = arena_alloc(a, p->cap, sizeof *p->node);
    p->n_slot = 128;
    p->slot = arena_alloc(a, p->n_slot, sizeof *p->slot);
    return p;
}

const ExNode *ex_node(const ExPool *p, Ex e)
{
    if (e.i >= p->n)
        ir_die(NULL, "expression: handle %u of %u", (unsigned)e.i, (unsigned)p->n);
    return &p->node[e.i];
}

ExOp ex_op_of(const ExPool *p, Ex e) { return ex_node(p, e)->op; }

static uint64_t bits_of(const ExNode *x)
{
    uint64_t u = 0;
    if (x->op == EX_NUM)
        memcpy(&u, &x->u.num, sizeof u);
    else if (x->op == EX_INT || x->op == EX_BOOL)
        u = (uint64_t)x->u.i;
    else if (x->op == EX_ARG)
        u = x->u.arg;
    else if (x->op == EX_NAME)
        for (const char *s = x->u.name; *s; s++)
            u = (u ^ (unsigned char)*s) * 0x100000001b3u;
    return u;
}

static uint32_t hash_of(const ExNode *x)
{
    uint64_t h = bits_of(x) + (uint64_t)x->op * 31 + (uint64_t)x->type;
    for (int k = 0; k < 3; k++) {
        h = (h ^ x->in[k].i) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (uint32_t)(h ^ h >> 32);
}

static bool same_node(const ExNode *x, const ExNode *y)
{
    if (x->op != y->op || x->type != y->type || !ex_eq(x->in[0], y->in[0]) ||
        !ex_eq(x->in[1], y->in[1]) || !ex_eq(x->in[2], y->in[2]))
        return false;
    return x->op == EX_NAME ? strcmp(x->u.name, y->u.name) == 0 : bits_of(x) == bits_of(y);
}

/* The slot where x stands, or the free one where it belongs. */
static uint32_t slot_of(const ExPool *p, const ExNode *x)
{
    uint32_t at = hash_of(x) & (p->n_slot - 1);
    while (p->slot[at] && !same_node(&p->node[p->slot[at]], x))
        at = (at + 1) & (p->n_slot - 1);
    return at;
}

static void grow(ExPool *p)
{
    if (p->cap > UINT32_MAX / 8)
        ir_die(NULL, "expression: more than %u nodes in a pool", (unsigned)p->n);
    p->node = arena_grow(p->arena, p->node, p->cap, (size_t)p->cap * 2, sizeof *p->node);
    p->cap *= 2;
    p->n_slot = p->cap * 2;
    p->slot = arena_alloc(p->arena, p->n_slot, sizeof *p->slot);
    for (uint32_t i = 1; i < p->n; i++)
        p->slot[slot_of(p, &p->node[i])] = i;
}

Ex ex_make(ExPool *p, ExNode x)
{
    uint32_t at = slot_of(p, &x);
    if (p->slot[at])
        return (Ex){p->slot[at]};
    if (p->n == p->cap) {
        grow(p);
        at = slot_of(p, &x);
    }
    if (x.op == EX_NAME)
        x.u.name = arena_str(p->arena, x.u.name);
    p->node[p->n] = x;
    p->slot[at] = p->n;
    return (Ex){p->n++};
}

/* All NaNs are one: their bits carry no meaning here. */
Ex ex_num(ExPool *p, double x)
{
    return ex_make(p,
                   (ExNode){.op = EX_NUM, .type = EXT_REAL, .u.num = isnan(x) ? (double)NAN : x});
}

Ex ex_int(ExPool *p, int64_t i)
{
    return ex_make(p, (ExNode){.op = EX_INT, .type = EXT_INT, .u.i = i});
}

Ex ex_bool(ExPool *p, bool b)
{
    return ex_make(p, (ExNode){.op = EX_BOOL, .type = EXT_BOOL, .u.i = b});
}

Ex ex_arg(ExPool *p, int i)
{
    if (i < 0 || i >= EX_MAX_ARGS)
        ir_die(NULL, "expression: argument %d of %d", i, (int)EX_MAX_ARGS);
    return ex_make(p, (ExNode){.op = EX_ARG, .type = EXT_REAL, .u.arg = (uint32_t)i});
}

Ex ex_named(ExPool *p, const char *name)
{
    return ex_make(p, (ExNode){.op = EX_NAME, .type = EXT_REAL, .u.name = name});
}

bool ex_const(const ExPool *p, Ex e)
{
    ExOp op = ex_op_of(p, e);
    return op == EX_NUM || op == EX_INT || op == EX_BOOL;
}

bool ex_is_num(const ExPool *p, Ex e, double x)
{
    const ExNode *n = ex_node(p, e);
    return n->op == EX_NUM && memcmp(&n->u.num, &x, sizeof x) == 0;
}

/* ---- building ---- */

/* How many operands an operation has and which type they share; its own type. Those of `select` are
 * a condition and two of one type, which is its own. */
static int signature(const ExPool *p, ExOp op, Ex a, ExType *in, ExType *out)
{
    *in = *out = EXT_REAL;
    switch (op) {
    case EX_NEG: case EX_ADD: case EX_SUB: case EX_MUL:
        if (ex_node(p, a)->type == EXT_INT)
            *in = *out = EXT_INT;
        return op == EX_NEG ? 1 : 2;
    case EX_DIV: return 2;
    case EX_LT: case EX_LE: case EX_GT: case EX_GE: case EX_EQ: case EX_NE:
        *in = ex_node(p, a)->type == EXT_INT ? EXT_INT : EXT_REAL;
        *out = EXT_BOOL;
        return 2;
    case EX_AND: case EX_OR: case EX_NOT:
        *in = *out = EXT_BOOL;
        return op == EX_NOT ? 1 : 2;
    case EX_TO_INT: *out = EXT_INT; return 1;
    case EX_TO_REAL: *in = EXT_INT; return 1;
    case EX_SELECT: return 3;
    default:
        if (op < EX_exp || op >= EX_COUNT)
            ir_die(NULL, "expression: %d is no operation", (int)op);
        return ex_fn_arity[op - EX_exp];
    }
}

static Ex literal(ExPool *p, ExType t, ExValue v)
{
    return t == EXT_REAL ? ex_num(p, v.r) : t == EXT_INT ? ex_int(p, v.i) : ex_bool(p, v.i != 0);
}

static ExValue value_of(const ExPool *p, Ex e)
{
    const ExNode *x = ex_node(p, e);
    return x->op == EX_NUM ? (ExValue){.r = x->u.num} : (ExValue){.i = x->u.i};
}

/* The first operand that has no business there or a wrong type, from 1; 0: all fit. */
static int misfit(const ExPool *p, const ExNode *x, int n, ExType in)
{
    if (x->op == EX_SELECT)
        in = EXT_BOOL;
    for (int k = 0; k < 3; k++) {
        if (ex_some(x->in[k]) != (k < n) || (k < n && ex_node(p, x->in[k])->type != in))
            return k + 1;
        if (x->op == EX_SELECT && k == 0 && ex_some(x->in[1]))
            in = ex_node(p, x->in[1])->type;
    }
    return 0;
}

bool ex_fits(const ExPool *p, ExOp op, Ex a, Ex b, Ex c)
{
    ExNode x = {.op = op, .in = {a, b, c}};
    ExType in;
    if (op < EX_ADD || op >= EX_COUNT || !ex_some(a))
        return false;
    int n = signature(p, op, a, &in, &x.type);
    return !misfit(p, &x, n, in);
}

Ex ex_op(ExPool *p, ExOp op, Ex a, Ex b, Ex c)
{
    ExNode x = {.op = op, .in = {a, b, c}};
    ExType in;
    int n = signature(p, op, a, &in, &x.type);
    int wrong = misfit(p, &x, n, in);
    if (wrong)
        ir_die(NULL, "expression: operation %s has a wrong operand %d", ex_op_name(op), wrong);
    if (op == EX_SELECT) {
        if (ex_op_of(p, a) == EX_BOOL)
            return ex_node(p, a)->u.i ? b : c;
        x.type = ex_node(p, b)->type;
        return ex_make(p, x);
    }
    ExValue v[3] = {{0}};
    for (int k = 0; k < n; k++) {
        if (!ex_const(p, x.in[k]))
            return ex_make(p, x);
        v[k] = value_of(p, x.in[k]);
    }
    return literal(p, x.type, apply(&x, in, v[0], v[1], v[2]));
}

/* ---- walking ---- */

bool *ex_reach(const ExPool *p, Ex e, Arena *scratch)
{
    bool *r = arena_alloc(scratch, (size_t)e.i + 1, sizeof *r);
    r[e.i] = true;
    for (uint32_t i = e.i; i > 0; i--)
        for (int k = 0; r[i] && k < 3; k++)
            r[p->node[i].in[k].i] = true;
    r[0] = false;
    return r;
}

Ex ex_again(ExPool *p, Ex old, const ExNode *x)
{
    return ex_some(x->in[0]) ? ex_op(p, x->op, x->in[0], x->in[1], x->in[2]) : old;
}

Ex ex_rewrite(ExPool *p, Ex e, ExRule *rule, void *ctx)
{
    Arena *scratch = arena_new();
    bool *reach = ex_reach(p, e, scratch);
    Ex *map = arena_alloc(scratch, (size_t)e.i + 1, sizeof *map);
    for (uint32_t i = 1; i <= e.i; i++) {
        if (!reach[i])
            continue;
        ExNode x = p->node[i];
        for (int k = 0; k < 3; k++)
            x.in[k] = map[x.in[k].i];
        map[i] = rule(p, (Ex){i}, &x, ctx);
    }
    Ex out = map[e.i];
    arena_free(scratch);
    return out;
}

typedef struct { const Ex *args; int n; } Subst;

static Ex subst_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    const Subst *s = ctx;
    if (x->op == EX_ARG && x->u.arg < (uint32_t)s->n && ex_some(s->args[x->u.arg]))
        return s->args[x->u.arg];
    return ex_again(p, old, x);
}

Ex ex_subst(ExPool *p, Ex e, const Ex *args, int n)
{
    return ex_rewrite(p, e, subst_rule, &(Subst){args, n});
}

typedef struct { const char *name; double value; } NameValue;

static Ex name_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    const NameValue *v = ctx;
    if (x->op == EX_NAME && strcmp(x->u.name, v->name) == 0)
        return ex_num(p, v->value);
    return ex_again(p, old, x);
}

Ex ex_name_value(ExPool *p, Ex e, const char *name, double value)
{
    return ex_rewrite(p, e, name_rule, &(NameValue){name, value});
}

static Ex replace_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    const Ex *pair = ctx;
    return ex_eq(old, pair[0]) ? pair[1] : ex_again(p, old, x);
}

Ex ex_replace(ExPool *p, Ex e, Ex from, Ex to)
{
    return ex_rewrite(p, e, replace_rule, (Ex[2]){from, to});
}

/* ---- looking ---- */

uint32_t ex_args_used(const ExPool *p, Ex e)
{
    Arena *scratch = arena_new();
    bool *reach = ex_reach(p, e, scratch);
    uint32_t used = 0;
    for (uint32_t i = 1; i <= e.i; i++)
        if (reach[i] && p->node[i].op == EX_ARG)
            used |= 1u << p->node[i].u.arg;
    arena_free(scratch);
    return used;
}

int ex_cost(const ExPool *p, Ex e)
{
    Arena *scratch = arena_new();
    bool *reach = ex_reach(p, e, scratch);
    int cost = 0;
    for (uint32_t i = 1; i <= e.i; i++)
        cost += reach[i] && ex_some(p->node[i].in[0]);
    arena_free(scratch);
    return cost;
}

static ExValue leaf_value(const ExNode *x, const double *args)
{
    switch (x->op) {
    case EX_NUM: return (ExValue){.r = x->u.num};
    case EX_INT: case EX_BOOL: return (ExValue){.i = x->u.i};
    case EX_ARG: return (ExValue){.r = args[x->u.arg]};
    default: ir_die(NULL, "expression: '%s' has no value",
                    x->op == EX_NAME ? x->u.name : "none");
    }
}

double ex_eval(const ExPool *p, Ex e, const double *args)
{
    enum { SMALL = 256 };                /* most expressions need no memory */
    ExValue near_value[SMALL];
    bool near_reach[SMALL] = {false};
    Arena *scratch = e.i < SMALL ? NULL : arena_new();
    ExValue *v = scratch ? arena_alloc(scratch, (size_t)e.i + 1, sizeof *v) : near_value;
    bool *reach = scratch ? arena_alloc(scratch, (size_t)e.i + 1, sizeof *reach) : near_reach;
    reach[e.i] = true;
    for (uint32_t i = e.i; i > 0; i--)
        for (int k = 0; reach[i] && k < 3; k++)
            reach[p->node[i].in[k].i] = true;
    v[0] = (ExValue){.i = 0};
    for (uint32_t i = 1; i <= e.i; i++) {
        const ExNode *x = &p->node[i];
        if (!reach[i])
            continue;
        const Ex *in = x->in;
        v[i] = ex_some(in[0])
            ? apply(x, p->node[in[0].i].type, v[in[0].i], v[in[1].i], v[in[2].i])
            : leaf_value(x, args);
    }
    double out = ex_node(p, e)->type == EXT_REAL ? v[e.i].r : (double)v[e.i].i;
    arena_free(scratch);
    return out;
}
