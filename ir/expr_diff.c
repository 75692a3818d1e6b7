/* ir/expr_diff.c: derivatives of scalar expressions, and derivatives in terms of the output.
 *
 * One forward loop over handles: the derivative of a node from those of its operands. "Identically
 * zero" is no expression at all (none), so that zero terms are never made; nothing is dropped
 * later. Derivatives of functions are the texts of exfuncs.def. Branches are differentiated as
 * written.
 *
 * ex_in_output proves what it uses: that a condition on the argument's sign is the same condition
 * on the output's, by following the six classes of numbers (-inf, negative, 0, positive, inf, NaN)
 * through the function, with underflow and overflow. */
#include "ir/expr_pool.h"
#include "ir/ir.h"
#include <math.h>

static const Ex none = {0};

static const char *const d_fn[][2] = {
#define EXFN(name, arity, da, db, ...) {da, db},
#include "ir/exfuncs.def"
#undef EXFN
};

static Ex simp2(ExPool *p, ExOp op, Ex a, Ex b) { return ex_simp(p, op, a, b, none); }
static Ex simp1(ExPool *p, ExOp op, Ex a) { return ex_simp(p, op, a, none, none); }

/* ---- products of derivatives ---- */

/* A tree of branches: how many leaves, how many of them are not 0, and whether one is a mask's 0, 1
 * or -1. */
typedef struct { int leaves, kept; bool mask; } Branches;
enum { MAX_BRANCHES = 8, SMALL = 16 };

static void count_branches(const ExPool *p, Ex e, Branches *b)
{
    const ExNode *x = ex_node(p, e);
    if (b->leaves > MAX_BRANCHES)
        return;
    if (x->op == EX_SELECT) {
        count_branches(p, x->in[1], b);
        count_branches(p, x->in[2], b);
        return;
    }
    b->leaves++;
    b->kept += !(x->op == EX_NUM && x->u.num == 0);
    b->mask = b->mask || (x->op == EX_NUM && (x->u.num == 0 || fabs(x->u.num) == 1));
}

/* Counts down what is left of a limit by the nodes that the text of e shows. */
static void count_shown(const ExPool *p, Ex e, int *left)
{
    if (ex_some(e) && --*left > 0)
        for (int k = 0; k < 3; k++)
            count_shown(p, ex_node(p, e)->in[k], left);
}

/* Should `factor` go into the branches of e? A large one may, if that does not repeat it: else
 * texts would grow exponentially with the depth of expressions. */
static bool takes(const ExPool *p, Ex e, Ex factor)
{
    Branches b = {0};
    int left = SMALL;
    if (ex_op_of(p, e) != EX_SELECT)
        return false;
    count_branches(p, e, &b);
    if (!b.mask || b.leaves > MAX_BRANCHES)
        return false;
    count_shown(p, factor, &left);
    return b.kept <= 1 || left > 0;
}

Ex ex_chain(ExPool *p, Ex g, Ex d)
{
    if (ex_is_num(p, d, 0) || ex_is_num(p, g, 0))
        return ex_num(p, 0);
    bool into_d = takes(p, d, g);
    if (!into_d && !takes(p, g, d))
        return simp2(p, EX_MUL, g, d);
    const ExNode x = *ex_node(p, into_d ? d : g);
    Ex yes = into_d ? ex_chain(p, g, x.in[1]) : ex_chain(p, x.in[1], d);
    Ex no = into_d ? ex_chain(p, g, x.in[2]) : ex_chain(p, x.in[2], d);
    return ex_simp(p, EX_SELECT, x.in[0], yes, no);
}

/* du / v, in the branches of a masked du */
static Ex divided(ExPool *p, Ex du, Ex v)
{
    if (ex_is_num(p, du, 0) || !takes(p, du, v))
        return ex_is_num(p, du, 0) ? du : simp2(p, EX_DIV, du, v);
    const ExNode x = *ex_node(p, du);
    return ex_simp(p, EX_SELECT, x.in[0], divided(p, x.in[1], v), divided(p, x.in[2], v));
}

/* ---- derivatives ---- */

/* The same for derivatives that may be none. */
static Ex times(ExPool *p, Ex g, Ex d)
{
    return ex_some(d) ? ex_chain(p, g, d) : none;
}

static Ex plus(ExPool *p, Ex a, Ex b)
{
    return !ex_some(a) ? b : !ex_some(b) ? a : simp2(p, EX_ADD, a, b);
}

static Ex negated(ExPool *p, Ex a) { return ex_some(a) ? simp1(p, EX_NEG, a) : none; }

/* u / v: du / v - u / v / v * dv */
static Ex d_quotient(ExPool *p, Ex e, Ex v, Ex du, Ex dv)
{
    Ex a = ex_some(du) ? divided(p, du, v) : none;
    Ex b = times(p, simp2(p, EX_DIV, e, v), dv);
    if (!ex_some(b))
        return a;
    return ex_some(a) ? simp2(p, EX_SUB, a, b) : negated(p, b);
}

static Ex d_select(ExPool *p, Ex c, Ex da, Ex db)
{
    if (!ex_some(da) && !ex_some(db))
        return none;
    Ex zero = ex_num(p, 0);
    return ex_simp(p, EX_SELECT, c, ex_some(da) ? da : zero, ex_some(db) ? db : zero);
}

/* e = fn(u, v): the table's text with a, b, y put in, times the operand's derivative. */
static Ex d_function(ExPool *p, Ex e, const ExNode *x, const Ex du[2])
{
    Ex sum = none;
    for (int k = 0; k < 2; k++) {
        const char *text = d_fn[x->op - EX_exp][k];
        if (!ex_some(du[k]) || !text)
            continue;
        char err[EX_ERR];
        Ex d = ex_parse(p, text, NULL, err);
        if (!ex_some(d))
            ir_die(NULL, "derivative %s of %s: %s", text, ex_fn_names[x->op - EX_exp], err);
        if (ex_is_num(p, d, 0))
            continue;
        const Ex args['y' - 'a' + 1] = {x->in[0], x->in[1], ['y' - 'a'] = e};
        d = ex_simplify(p, ex_subst(p, d, args, 'y' - 'a' + 1));
        sum = plus(p, sum, times(p, d, du[k]));
    }
    return sum;
}

static Ex d_node(ExPool *p, Ex e, const Ex *d, int arg)
{
    const ExNode x = *ex_node(p, e);
    Ex u = x.in[0], v = x.in[1], du = d[u.i], dv = d[v.i];
    if (x.type != EXT_REAL)
        return none;
    switch (x.op) {
    case EX_ARG: return x.u.arg == (uint32_t)arg ? ex_num(p, 1) : none;
    case EX_NUM: case EX_NAME: case EX_TO_REAL: return none;
    case EX_ADD: return plus(p, du, dv);
    case EX_SUB: return plus(p, du, negated(p, dv));
    case EX_MUL: return plus(p, times(p, v, du), times(p, u, dv));
    case EX_DIV: return d_quotient(p, e, v, du, dv);
    case EX_NEG: return negated(p, du);
    case EX_SELECT: return d_select(p, u, dv, d[x.in[2].i]);
    default: return d_function(p, e, &x, (Ex[2]){du, dv});
    }
}

Ex ex_diff(ExPool *p, Ex e, int arg)
{
    e = ex_stable(p, e);
    Arena *scratch = arena_new();
    bool *reach = ex_reach(p, e, scratch);
    Ex *d = arena_alloc(scratch, (size_t)e.i + 1, sizeof *d);
    for (uint32_t i = 1; i <= e.i; i++)
        if (reach[i])
            d[i] = d_node(p, (Ex){i}, d, arg);
    Ex out = ex_some(d[e.i]) ? ex_stable(p, d[e.i]) : ex_num(p, 0);
    arena_free(scratch);
    return out;
}

/* ---- in terms of the output ---- */

/* Sets of classes of numbers. */
enum { NEG_INF = 1, NEGATIVE = 2, ZERO = 4, POSITIVE = 8, POS_INF = 16, NOT_NUM = 32, ANY = 63 };

static int class_of(double x)
{
    return isnan(x) ? NOT_NUM : isinf(x) ? (x < 0 ? NEG_INF : POS_INF) :
           x < 0 ? NEGATIVE : x > 0 ? POSITIVE : ZERO;
}

static int mirror(int s)
{
    return (s & (ZERO | NOT_NUM)) | (s & NEG_INF ? POS_INF : 0) | (s & NEGATIVE ? POSITIVE : 0) |
           (s & POSITIVE ? NEGATIVE : 0) | (s & POS_INF ? NEG_INF : 0);
}

/* Of two single classes; finite products may underflow and overflow. */
static int product_class(int a, int b)
{
    int inf = NEG_INF | POS_INF, below = NEG_INF | NEGATIVE;
    if ((a | b) & NOT_NUM)
        return NOT_NUM;
    if ((a | b) & ZERO)
        return (a | b) & inf ? NOT_NUM : ZERO;
    bool less = !(a & below) != !(b & below);
    if ((a | b) & inf)
        return less ? NEG_INF : POS_INF;
    return ZERO | (less ? NEGATIVE | NEG_INF : POSITIVE | POS_INF);
}

static int product_set(int a, int b)
{
    int out = 0;
    for (int i = 1; i < ANY; i <<= 1)
        for (int j = 1; j < ANY; j <<= 1)
            if ((a & i) && (b & j))
                out |= product_class(i, j);
    return out;
}

/* expm1, tanh, erf: the argument's sign, or 0. */
static int odd_set(int a)
{
    return (a & (ZERO | NOT_NUM)) | (a & (NEG_INF | NEGATIVE) ? NEGATIVE | ZERO : 0) |
           (a & (POSITIVE | POS_INF) ? POSITIVE | POS_INF | ZERO : 0);
}

static bool compare_zero(ExOp op, int s)
{
    bool below = s & (NEG_INF | NEGATIVE), above = s & (POSITIVE | POS_INF), at = s & ZERO;
    return op == EX_LT ? below : op == EX_LE ? below || at : op == EX_GT ? above :
           op == EX_GE ? above || at : op == EX_EQ ? at : !at;
}

/* Is e "argument against 0"? */
static bool sign_test(const ExPool *p, Ex e, int arg)
{
    const ExNode *x = ex_node(p, e);
    if (x->op < EX_LT || x->op > EX_NE)
        return false;
    const ExNode *l = ex_node(p, x->in[0]), *r = ex_node(p, x->in[1]);
    return l->op == EX_ARG && l->u.arg == (uint32_t)arg && r->op == EX_NUM && r->u.num == 0;
}

/* Which classes f may have where the argument is in the class `in`. */
static int set_of(const ExPool *p, Ex f, int arg, int in)
{
    const ExNode *x = ex_node(p, f);
    switch (x->op) {
    case EX_NUM: return class_of(x->u.num);
    case EX_ARG: return x->u.arg == (uint32_t)arg ? in : ANY;
    case EX_NEG: return mirror(set_of(p, x->in[0], arg, in));
    case EX_MUL: return product_set(set_of(p, x->in[0], arg, in), set_of(p, x->in[1], arg, in));
    case EX_expm1: case EX_tanh: case EX_erf: return odd_set(set_of(p, x->in[0], arg, in));
    case EX_SELECT:
        if (!sign_test(p, x->in[0], arg))
            return ANY;
        return set_of(p, x->in[compare_zero(ex_op_of(p, x->in[0]), in) ? 1 : 2], arg, in);
    default: return ANY;
    }
}

/* Does the test `c` of the argument come out the same on f's value, for every number? */
static bool same_on_output(const ExPool *p, Ex f, Ex c, int arg)
{
    ExOp op = ex_op_of(p, c);
    for (int in = 1; in < ANY; in <<= 1) {
        int out = set_of(p, f, arg, in);
        for (int s = 1; s < ANY; s <<= 1)
            if ((out & s) && compare_zero(op, s) != compare_zero(op, in))
                return false;
    }
    return true;
}

/* Knowing that the output equals `value`: reads it instead of computing it again. With
 * value = k * expm1(u), also k * (expm1(u) + 1) = output + k. */
static Ex put_output(ExPool *p, Ex d, Ex value, Ex out)
{
    const ExNode x = *ex_node(p, value);
    if (ex_const(p, value))
        return d;
    Ex k = none;
    if (x.op == EX_MUL && ex_op_of(p, x.in[1]) == EX_expm1)
        k = x.in[0];
    if (ex_some(k) && ex_op_of(p, k) == EX_NUM) {
        Ex whole = simp2(p, EX_MUL, k, simp2(p, EX_ADD, x.in[1], ex_num(p, 1)));
        d = ex_replace(p, d, whole, simp2(p, EX_ADD, out, k));
    }
    return ex_replace(p, d, value, out);
}

typedef struct { Ex test, out_test, yes, no, out; } Split;

static Ex split_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    const Split *s = ctx;
    const ExNode was = *ex_node(p, old);
    if (x->op != EX_SELECT || !ex_eq(was.in[0], s->test))
        return ex_eq(old, s->test) ? s->out_test : ex_again(p, old, x);
    return ex_op(p, EX_SELECT, s->out_test, put_output(p, was.in[1], s->yes, s->out),
                 put_output(p, was.in[2], s->no, s->out));
}

Ex ex_in_output(ExPool *p, Ex f, Ex d, int arg, int out)
{
    uint32_t own = 1u << arg, used = ex_args_used(p, d);
    if (!(used & own))
        return d;
    f = ex_stable(p, f);
    if ((used & 1u << out) || ex_args_used(p, f) != own)
        return none;
    Ex y = ex_arg(p, out);
    d = put_output(p, ex_simplify(p, d), f, y);
    const ExNode x = *ex_node(p, f);
    if (x.op == EX_SELECT && sign_test(p, x.in[0], arg) && same_on_output(p, f, x.in[0], arg)) {
        const ExNode c = *ex_node(p, x.in[0]);
        Split s = {x.in[0], ex_op(p, c.op, y, c.in[1], none), x.in[1], x.in[2], y};
        d = ex_rewrite(p, d, split_rule, &s);
    }
    return ex_args_used(p, d) & own ? none : d;
}
