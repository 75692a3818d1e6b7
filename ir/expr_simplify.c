/* ir/expr_simplify.c: exact simplification, and stable forms.
 *
 * ex_simplify keeps every bit: x + 0 stays (it turns -0 into 0), 0 * x stays (NaN, infinity),
 * nothing is reassociated. One function per operation, `simp_*`, gets operands in normal form and
 * returns normal form or none for "no rule"; what a rule builds goes through `ex_simp` again, and
 * every rule makes the expression smaller or moves a sign to where it is looked for, so this ends.
 *
 * ex_stable adds the forms that programs use against overflow and cancellation; each is an identity
 * of real numbers that holds at the infinities as well, but for log(exp(u) + exp(v)) where both are
 * the same infinity. */
#include "ir/expr_pool.h"
#include "ir/ir.h"
#include <math.h>

static const Ex none = {0};

static Ex in(const ExPool *p, Ex e, int k) { return ex_node(p, e)->in[k]; }
static bool is(const ExPool *p, Ex e, ExOp op) { return ex_op_of(p, e) == op; }
static double num(const ExPool *p, Ex e) { return ex_node(p, e)->u.num; }
static Ex two(ExPool *p, ExOp op, Ex a, Ex b) { return ex_simp(p, op, a, b, none); }
static Ex one(ExPool *p, ExOp op, Ex a) { return ex_simp(p, op, a, none, none); }
static Ex minus(ExPool *p, Ex a) { return one(p, EX_NEG, a); }

/* A literal with the sign bit set. */
static bool negative(const ExPool *p, Ex e)
{
    return is(p, e, EX_NUM) && signbit(num(p, e)) && !isnan(num(p, e));
}

/* ---- arithmetic of reals ---- */

static Ex simp_add(ExPool *p, Ex a, Ex b)
{
    if (ex_is_num(p, a, -0.0))
        return b;
    if (ex_is_num(p, b, -0.0))
        return a;
    if (is(p, b, EX_NEG))
        return two(p, EX_SUB, a, in(p, b, 0));
    if (is(p, a, EX_NEG))
        return two(p, EX_SUB, b, in(p, a, 0));
    if (negative(p, b))
        return two(p, EX_SUB, a, minus(p, b));
    if (ex_eq(a, b))
        return two(p, EX_MUL, ex_num(p, 2), a);
    return none;
}

static Ex simp_sub(ExPool *p, Ex a, Ex b)
{
    if (ex_is_num(p, b, 0))
        return a;
    if (ex_is_num(p, a, -0.0))
        return minus(p, b);
    if (is(p, b, EX_NEG))
        return two(p, EX_ADD, a, in(p, b, 0));
    if (negative(p, b))
        return two(p, EX_ADD, a, minus(p, b));
    if (is(p, a, EX_NEG) && ex_eq(in(p, a, 0), b))
        return two(p, EX_MUL, ex_num(p, -2), b);
    return none;
}

static Ex simp_mul(ExPool *p, Ex a, Ex b)
{
    if (ex_is_num(p, a, 1))
        return b;
    if (ex_is_num(p, b, 1))
        return a;
    if (ex_is_num(p, a, -1))
        return minus(p, b);
    if (ex_is_num(p, b, -1))
        return minus(p, a);
    bool na = is(p, a, EX_NEG), nb = is(p, b, EX_NEG);
    if (na && nb)
        return two(p, EX_MUL, in(p, a, 0), in(p, b, 0));
    if (na && is(p, b, EX_NUM))
        return two(p, EX_MUL, in(p, a, 0), minus(p, b));
    if (nb && is(p, a, EX_NUM))
        return two(p, EX_MUL, minus(p, a), in(p, b, 0));
    return none;
}

/* Division by a power of two is an exact product; far exponents could overflow in float. */
static bool power_of_two(double x)
{
    int e;
    return isfinite(x) && fabs(frexp(x, &e)) == 0.5 && e > -100 && e < 100;
}

static Ex simp_div(ExPool *p, Ex a, Ex b)
{
    if (ex_is_num(p, b, 1))
        return a;
    if (ex_is_num(p, b, -1))
        return minus(p, a);
    bool na = is(p, a, EX_NEG), nb = is(p, b, EX_NEG);
    if (na && nb)
        return two(p, EX_DIV, in(p, a, 0), in(p, b, 0));
    if (na && is(p, b, EX_NUM))
        return two(p, EX_DIV, in(p, a, 0), minus(p, b));
    if (nb && is(p, a, EX_NUM))
        return two(p, EX_DIV, minus(p, a), in(p, b, 0));
    if (is(p, b, EX_NUM) && power_of_two(num(p, b)))
        return two(p, EX_MUL, a, ex_num(p, 1 / num(p, b)));
    return none;
}

static Ex simp_neg(ExPool *p, Ex a)
{
    if (is(p, a, EX_NEG))
        return in(p, a, 0);
    if (ex_node(p, a)->type != EXT_REAL)
        return none;
    if (is(p, a, EX_MUL) || is(p, a, EX_DIV)) {
        ExOp op = ex_op_of(p, a);
        Ex x = in(p, a, 0), y = in(p, a, 1);
        if (is(p, x, EX_NUM) || is(p, x, EX_NEG))
            return two(p, op, minus(p, x), y);
        if (is(p, y, EX_NUM) || is(p, y, EX_NEG))
            return two(p, op, x, minus(p, y));
    }
    if (is(p, a, EX_SELECT) && is(p, in(p, a, 1), EX_NUM) && is(p, in(p, a, 2), EX_NUM))
        return ex_simp(p, EX_SELECT, in(p, a, 0), minus(p, in(p, a, 1)), minus(p, in(p, a, 2)));
    return none;
}

/* ---- conditions ---- */

static ExOp mirrored(ExOp op)
{
    return op == EX_LT   ? EX_GT
           : op == EX_GT ? EX_LT
           : op == EX_LE ? EX_GE
           : op == EX_GE ? EX_LE
                         : op;
}

static Ex simp_compare(ExPool *p, ExOp op, Ex a, Ex b)
{
    if (ex_const(p, a))
        return two(p, mirrored(op), b, a);
    if (ex_node(p, a)->type == EXT_REAL && is(p, a, EX_NEG) && is(p, b, EX_NUM))
        return two(p, mirrored(op), in(p, a, 0), minus(p, b));
    return none;
}

static Ex simp_not(ExPool *p, Ex a)
{
    if (is(p, a, EX_NOT))
        return in(p, a, 0);
    if (is(p, a, EX_EQ) || is(p, a, EX_NE))
        return two(p, is(p, a, EX_EQ) ? EX_NE : EX_EQ, in(p, a, 0), in(p, a, 1));
    return none;
}

/* Conditions have no effects, so both sides are alike: true && c is c, true || c is true. */
static Ex simp_logic(ExPool *p, ExOp op, Ex a, Ex b)
{
    bool neutral = op == EX_AND;
    if (ex_eq(a, b))
        return a;
    if (is(p, a, EX_BOOL))
        return ex_node(p, a)->u.i == neutral ? b : a;
    if (is(p, b, EX_BOOL))
        return ex_node(p, b)->u.i == neutral ? a : b;
    return none;
}

/* A branch, knowing how its condition came out. */
static Ex knowing(ExPool *p, Ex branch, Ex c, bool truth)
{
    Ex e = ex_replace(p, branch, c, ex_bool(p, truth));
    return ex_eq(e, branch) ? e : ex_simplify(p, e);
}

static Ex simp_select(ExPool *p, Ex c, Ex a, Ex b)
{
    if (is(p, c, EX_NOT))
        return ex_simp(p, EX_SELECT, in(p, c, 0), b, a);
    if (ex_eq(a, b))
        return a;
    Ex x = knowing(p, a, c, true), y = knowing(p, b, c, false);
    if (!ex_eq(x, a) || !ex_eq(y, b))
        return ex_simp(p, EX_SELECT, c, x, y);
    if (is(p, a, EX_BOOL) && is(p, b, EX_BOOL))
        return ex_node(p, a)->u.i ? c : one(p, EX_NOT, c);
    return none;
}

static Ex simp_fn(ExPool *p, ExOp op, Ex a, Ex b)
{
    if (op == EX_abs && (is(p, a, EX_NEG) || is(p, a, EX_abs)))
        return one(p, EX_abs, in(p, a, 0));
    if ((op == EX_max || op == EX_min) && ex_eq(a, b))
        return a;
    if (op == EX_pow && is(p, b, EX_NUM) && num(p, b) == 0)
        return ex_num(p, 1);             /* of a NaN too */
    if (op == EX_pow && ex_is_num(p, b, 1))
        return a;
    return none;
}

/* ---- dispatch ---- */

static Ex rule_for(ExPool *p, ExOp op, Ex a, Ex b, Ex c)
{
    bool real = ex_node(p, a)->type == EXT_REAL;
    switch (op) {
    case EX_ADD: return real ? simp_add(p, a, b) : none;
    case EX_SUB: return real ? simp_sub(p, a, b) : none;
    case EX_MUL: return real ? simp_mul(p, a, b) : none;
    case EX_DIV: return simp_div(p, a, b);
    case EX_NEG: return simp_neg(p, a);
    case EX_LT: case EX_LE: case EX_GT: case EX_GE: case EX_EQ: case EX_NE:
        return simp_compare(p, op, a, b);
    case EX_AND: case EX_OR: return simp_logic(p, op, a, b);
    case EX_NOT: return simp_not(p, a);
    case EX_SELECT: return simp_select(p, a, b, c);
    case EX_TO_INT: case EX_TO_REAL: return none;
    default: return simp_fn(p, op, a, b);
    }
}

Ex ex_simp(ExPool *p, ExOp op, Ex a, Ex b, Ex c)
{
    Ex e = ex_op(p, op, a, b, c);
    if (!ex_some(ex_node(p, e)->in[0]) || ex_op_of(p, e) != op || !ex_eq(in(p, e, 0), a))
        return e;                        /* folded */
    Ex r = rule_for(p, op, a, b, c);
    return ex_some(r) ? r : e;
}

static Ex simplify_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    (void)ctx;
    return ex_some(x->in[0]) ? ex_simp(p, x->op, x->in[0], x->in[1], x->in[2]) : old;
}

Ex ex_simplify(ExPool *p, Ex e) { return ex_rewrite(p, e, simplify_rule, NULL); }

/* ---- stable forms ---- */

/* u of 1 + u or u + 1, else none. */
static Ex beside_one(const ExPool *p, Ex e)
{
    if (!is(p, e, EX_ADD))
        return none;
    Ex a = in(p, e, 0), b = in(p, e, 1);
    return ex_is_num(p, a, 1) ? b : ex_is_num(p, b, 1) ? a : none;
}

/* log(1 + u) */
static Ex stable_log1p(ExPool *p, Ex u)
{
    if (is(p, u, EX_exp))                /* log(1 + exp(v)) = -log(sigmoid(-v)) */
        return minus(p, one(p, EX_logsigmoid, minus(p, in(p, u, 0))));
    if (is(p, u, EX_NEG) && is(p, in(p, u, 0), EX_sigmoid))   /* 1 - sigmoid(v) = sigmoid(-v) */
        return one(p, EX_logsigmoid, minus(p, in(p, in(p, u, 0), 0)));
    return one(p, EX_log1p, u);
}

/* log(exp(u) + exp(v)) = v + log(1 + exp(u - v)) */
static Ex stable_log_sum(ExPool *p, Ex u, Ex v)
{
    return two(p, EX_SUB, v, one(p, EX_logsigmoid, two(p, EX_SUB, v, u)));
}

/* log(cosh(u)) = |u| + log(1 + exp(-2 |u|)) - log(2) */
static Ex stable_log_cosh(ExPool *p, Ex u)
{
    Ex a = one(p, EX_abs, u), twice = two(p, EX_MUL, ex_num(p, 2), a);
    return two(p, EX_SUB, two(p, EX_SUB, a, one(p, EX_logsigmoid, twice)), ex_num(p, log(2)));
}

static Ex stable_log(ExPool *p, Ex a)
{
    if (is(p, a, EX_cosh))
        return stable_log_cosh(p, in(p, a, 0));
    if (is(p, a, EX_ADD) && is(p, in(p, a, 0), EX_exp) && is(p, in(p, a, 1), EX_exp))
        return stable_log_sum(p, in(p, in(p, a, 0), 0), in(p, in(p, a, 1), 0));
    if (ex_some(beside_one(p, a)))
        return stable_log1p(p, beside_one(p, a));
    if (is(p, a, EX_SUB) && ex_is_num(p, in(p, a, 0), 1))
        return stable_log1p(p, minus(p, in(p, a, 1)));
    if (is(p, a, EX_sigmoid))
        return one(p, EX_logsigmoid, in(p, a, 0));
    return none;
}

/* u of exp(u) ∓ exp(-u), else none. */
static Ex hyperbolic(ExPool *p, Ex e, ExOp op)
{
    if (!is(p, e, op) || !is(p, in(p, e, 0), EX_exp) || !is(p, in(p, e, 1), EX_exp))
        return none;
    Ex u = in(p, in(p, e, 0), 0), v = in(p, in(p, e, 1), 0);
    return ex_eq(v, minus(p, u)) ? u : none;
}

static Ex stable_div(ExPool *p, Ex a, Ex b)
{
    Ex u = beside_one(p, b), top = is(p, a, EX_NEG) ? in(p, a, 0) : a;
    if (ex_some(u) && is(p, u, EX_exp) && is(p, top, EX_expm1) && ex_eq(in(p, top, 0), in(p, u, 0))) {
        u = one(p, EX_tanh, two(p, EX_MUL, ex_num(p, 0.5), in(p, u, 0)));
        return ex_eq(top, a) ? u : minus(p, u);       /* (exp(v) - 1) / (exp(v) + 1) = tanh(v / 2) */
    }
    if (ex_some(u) && is(p, u, EX_exp)) {             /* a / (1 + exp(v)) */
        if (ex_eq(a, u))
            return one(p, EX_sigmoid, in(p, u, 0));
        return two(p, EX_MUL, a, one(p, EX_sigmoid, minus(p, in(p, u, 0))));
    }
    u = hyperbolic(p, a, EX_SUB);
    if (ex_some(u) && ex_eq(u, hyperbolic(p, b, EX_ADD)))
        return one(p, EX_tanh, u);
    if (is(p, b, EX_NUM) && is(p, a, EX_MUL) && isfinite(num(p, b)) && num(p, b) != 0) {
        if (ex_eq(in(p, a, 1), b))                    /* a * k / k */
            return in(p, a, 0);
        if (ex_eq(in(p, a, 0), b))
            return in(p, a, 1);
    }
    return none;
}

/* 1 - x - sigmoid(v) = sigmoid(-v) - x, exp(v) - 1, 1 - exp(v), and k - (k - x) of a finite k */
static Ex stable_sub(ExPool *p, Ex a, Ex b)
{
    if (is(p, a, EX_NUM) && isfinite(num(p, a)) && is(p, b, EX_SUB) && ex_eq(in(p, b, 0), a))
        return in(p, b, 1);
    if (is(p, a, EX_exp) && ex_is_num(p, b, 1))
        return one(p, EX_expm1, in(p, a, 0));
    if (ex_is_num(p, a, 1) && is(p, b, EX_exp))
        return minus(p, one(p, EX_expm1, in(p, b, 0)));
    if (is(p, b, EX_sigmoid) && is(p, a, EX_SUB) && ex_is_num(p, in(p, a, 0), 1))
        return two(p, EX_SUB, one(p, EX_sigmoid, minus(p, in(p, b, 0))), in(p, a, 1));
    return none;
}

/* k * (x * m) where k and m are powers of two whose product is 1, as chains of scales make it */
static Ex stable_mul(ExPool *p, Ex a, Ex b)
{
    if (!is(p, a, EX_NUM) || !is(p, b, EX_MUL) || !is(p, in(p, b, 1), EX_NUM))
        return none;
    double k = num(p, a), m = num(p, in(p, b, 1));
    return power_of_two(k) && power_of_two(m) && k * m == 1 ? in(p, b, 0) : none;
}

/* Roots of squares do not overflow, and have a derivative at 0. */
static Ex stable_sqrt(ExPool *p, Ex a)
{
    if (is(p, a, EX_MUL) && ex_eq(in(p, a, 0), in(p, a, 1)))
        return one(p, EX_abs, in(p, a, 0));
    if (!is(p, a, EX_ADD))
        return none;
    Ex u = in(p, a, 0), v = in(p, a, 1);
    bool squares = is(p, u, EX_MUL) && ex_eq(in(p, u, 0), in(p, u, 1)) && is(p, v, EX_MUL) &&
                   ex_eq(in(p, v, 0), in(p, v, 1));
    return squares ? two(p, EX_hypot, in(p, u, 0), in(p, v, 0)) : none;
}

static Ex stable_pow(ExPool *p, Ex a, Ex b)
{
    return ex_is_num(p, b, 2) ? two(p, EX_MUL, a, a) : none;
}

static Ex stable_rule(ExPool *p, Ex old, const ExNode *x, void *ctx)
{
    Ex e = simplify_rule(p, old, x, ctx);
    const ExNode *y = ex_node(p, e);
    Ex a = y->in[0], b = y->in[1], r = none;
    if (y->op == EX_log)
        r = stable_log(p, a);
    else if (y->op == EX_log1p)
        r = stable_log1p(p, a);
    else if (y->op == EX_sqrt)
        r = stable_sqrt(p, a);
    else if (y->op == EX_pow)
        r = stable_pow(p, a, b);
    else if (y->op == EX_DIV)
        r = stable_div(p, a, b);
    else if (y->op == EX_SUB)
        r = stable_sub(p, a, b);
    else if (y->op == EX_MUL)
        r = stable_mul(p, a, b);
    return ex_some(r) ? r : e;
}

Ex ex_stable(ExPool *p, Ex e) { return ex_rewrite(p, e, stable_rule, NULL); }
