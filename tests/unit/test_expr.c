/* tests/unit/test_expr.c: scalar expressions: text and back, exact simplification, derivatives.
 *
 * Tables say what people should see; random expressions say what must hold for all: text reads back to
 * the same handle, simplification changes no bit, derivatives agree with finite differences. */
#define _POSIX_C_SOURCE 200809L
#include "ir/expr.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static Arena *arena;
static ExPool *pool;

static void setup(void)
{
    arena = arena_new();
    pool = ex_pool(arena);
}

static void teardown(void)
{
    arena_free(arena);
}

static const char *const names[] = {"slope", "alpha", NULL};

static Ex parsed(const char *text)
{
    char err[EX_ERR];
    Ex e = ex_parse(pool, text, names, err);
    ck_assert_msg(e.i != 0, "'%s': %s", text, err);
    return e;
}

static const char *shown(Ex e)
{
    return e.i ? ex_print(arena, pool, e) : "none";
}

static bool same_bits(double x, double y)
{
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

static const double extremes[] = {0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3.75, -7.25, 1e-300, -1e-300, 5e-324,
                                  -5e-324, 1e300, -1e300, 700, -700, 40, -40, INFINITY, -INFINITY, NAN};

/* ---- numbers that look random ---- */

static uint64_t state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static Ex leaf(ExType t)
{
    static const double reals[] = {0, -0.0, 1, -1, 2, 0.5, -3, 0.1, 1e15, 1e-9, 1e300, INFINITY, NAN};
    if (t == EXT_REAL && draw(3))
        return ex_arg(pool, (int)draw(3));
    if (t == EXT_REAL)
        return ex_num(pool, reals[draw(COUNT(reals))]);
    if (t == EXT_BOOL)
        return parsed(draw(2) ? "a < b" : draw(2) ? "c != 0" : "true");
    static const char *const ints[] = {"int(a)", "int(3)", "int(-2)", "int(9e18)", "int(-1e30)", "int(b)"};
    return parsed(ints[draw(COUNT(ints))]);
}

/* Any expression that the language has, of that type. */
static Ex any(ExType t, int depth)
{
    Ex none = {0};
    if (depth == 0 || draw(8) == 0)
        return leaf(t);
    if (draw(6) == 0)
        return ex_op(pool, EX_SELECT, any(EXT_BOOL, depth - 1), any(t, depth - 1), any(t, depth - 1));
    if (t == EXT_BOOL) {
        if (draw(2))
            return draw(3) ? ex_op(pool, draw(2) ? EX_AND : EX_OR, any(t, depth - 1), any(t, depth - 1), none)
                           : ex_op(pool, EX_NOT, any(t, depth - 1), none, none);
        ExType in = draw(3) ? EXT_REAL : EXT_INT;
        return ex_op(pool, (ExOp)(EX_LT + draw(6)), any(in, depth - 1), any(in, depth - 1), none);
    }
    if (draw(6) == 0)
        return t == EXT_INT ? ex_op(pool, EX_TO_INT, any(EXT_REAL, depth - 1), none, none)
                            : ex_op(pool, EX_TO_REAL, any(EXT_INT, depth - 1), none, none);
    if (draw(6) == 0)
        return ex_op(pool, EX_NEG, any(t, depth - 1), none, none);
    if (t == EXT_REAL && draw(3) == 0) {
        int fn = (int)draw(EX_COUNT - EX_exp);
        Ex b = ex_fn_arity[fn] == 2 ? any(t, depth - 1) : none;
        return ex_op(pool, (ExOp)(EX_exp + fn), any(t, depth - 1), b, none);
    }
    return ex_op(pool, (ExOp)(EX_ADD + draw(t == EXT_REAL ? 4 : 3)), any(t, depth - 1), any(t, depth - 1), none);
}

/* ---- text ---- */

START_TEST(prints_canonically)
{
    static const char *const rows[][2] = {
        {"0.9*a+b", "0.9*a + b"},
        {"a-c*b", "a - c*b"},
        {"b>0?a:0", "b > 0 ? a : 0"},
        {"((a))", "a"},
        {"a - (b - c)", "a - (b - c)"},
        {"(a - b) - c", "a - b - c"},
        {"a + (b + c)", "a + (b + c)"},
        {"a / (b * c)", "a/(b*c)"},
        {"(a + b) * c", "(a + b)*c"},
        {"-(a * b)", "-(a*b)"},
        {"-a * b", "-a*b"},
        {"- - a", "--a"},
        {"a - -3", "a - -3"},
        {"a * -0.5", "a*-0.5"},
        {"3 * a", "3*a"},
        {"3.0 * a", "3*a"},
        {"1e2 + a", "100 + a"},
        {"0x1.8p1 + a", "3 + a"},
        {"-0.0 + a", "-0 + a"},
        {"a + inf - nan", "a + inf - nan"},
        {"a * -inf", "a*-inf"},
        {"0.1 * a", "0.1*a"},
        {"max( a,b )", "max(a, b)"},
        {"pow(a, b ? 1 : 2)", NULL},
        {"!(a < b) || a == c && b != c", "!(a < b) || a == c && b != c"},
        {"(a < b || b < c) && c < a", "(a < b || b < c) && c < a"},
        {"(a < b ? a : b) + c", "(a < b ? a : b) + c"},
        {"a < b ? a < c ? a : c : b < c ? b : c", "a < b ? a < c ? a : c : b < c ? b : c"},
        {"(a < b ? c < 0 : c > 0) ? 1 : 2", "(a < b ? c < 0 : c > 0) ? 1 : 2"},
        {"slope * a + alpha", "slope*a + alpha"},
        {"real(int(a) + 1)", "real(int(a) + 1)"},
        {"int(a) == 3 ? 1 : 0", "int(a) == 3 ? 1 : 0"},
        {"int(3)", "int(3)"},
        {"int(0) + 9007199254740993", "(int(0) + 9007199254740993)"},
        {"2 * 3 + a", "6 + a"},
        {"1 / 2 + a", "0.5 + a"},
        {"real(a < b ? 1 : 2)", "real(a < b ? 1 : 2)"},
        {"(a < b ? 9223372036854775807 : 2) == int(a)", "(a < b ? 9223372036854775807 : 2) == int(a)"},
        {"9007199254740993 * a", "9007199254740992*a"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        char err[EX_ERR];
        Ex e = ex_parse(pool, rows[i][0], names, err);
        if (!rows[i][1]) {
            ck_assert_msg(!e.i, "'%s' must be refused", rows[i][0]);
            continue;
        }
        ck_assert_msg(e.i != 0, "'%s': %s", rows[i][0], err);
        ck_assert_str_eq(shown(e), rows[i][1]);
        ck_assert_msg(parsed(shown(e)).i == e.i, "'%s' reads back as another expression", shown(e));
    }
}
END_TEST

START_TEST(refuses_with_a_place)
{
    static const char *const rows[][2] = {
        {"", "column 1: expected a number, a name or '(', found the end"},
        {"a +", "column 4: expected a number, a name or '(', found the end"},
        {"a b", "column 3: expected an operator or the end, found 'b'"},
        {"(a", "column 3: expected ')', found the end"},
        {"a ? b : c", "column 3: '?' takes a condition, not a real"},
        {"a > 0 ? b", "column 10: expected ':', found the end"},
        {"a > 0 ? b : c < 1", "column 7: '?:' takes numbers, not a condition"},
        {"a && b", "column 3: '&&' takes conditions, not a real"},
        {"a < 0 || 1", "column 7: '||' takes conditions, not a number"},
        {"!a", "column 1: '!' takes a condition, not a real"},
        {"-(a < b)", "column 1: '-' takes a number, not a condition"},
        {"a < b < c", "column 7: '<' takes numbers, not a condition"},
        {"(a < b) + 1", "column 9: '+' takes numbers, not a condition"},
        {"int(a) + b", "column 8: '+' mixes real and int; write real() or int()"},
        {"int(a) / 2", "column 8: '/' divides reals only; write real()"},
        {"int(a) + 1.5", "column 8: '+' mixes real and int; write real() or int()"},
        {"foo(a)", "column 1: unknown function 'foo'"},
        {"a * gamma", "column 5: unknown name 'gamma'"},
        {"max(a)", "column 6: expected ',', found ')'"},
        {"exp(a, b)", "column 6: expected ')', found ','"},
        {"exp(a < b)", "column 5: exp() takes a real, not a condition"},
        {"real(a)", "column 6: real() takes an int, not a real"},
        {"int(int(a))", "column 5: int() takes a real, not an int"},
        {"1e999", "column 1: number too large; infinity is written inf"},
        {"2 + 0x", "column 5: a hexadecimal number needs digits"},
        {"1.2.3", "column 1: malformed number"},
        {"12abc", "column 1: malformed number"},
        {"a = b", "column 3: expected an operator or the end, found '='"},
        {"a \x01", "column 3: expected an operator or the end, found byte 0x01"},
        {"\xc3\xa4 + 1", "column 1: expected a number, a name or '(', found byte 0xc3"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        char err[EX_ERR];
        ck_assert_msg(!ex_parse(pool, rows[i][0], names, err).i, "'%s' must be refused", rows[i][0]);
        ck_assert_str_eq(err, rows[i][1]);
    }
}
END_TEST

/* n times open, then middle, then n times close. */
static char *nested(int n, const char *open, const char *middle, const char *close)
{
    char *s = arena_alloc(arena, (size_t)n * (strlen(open) + strlen(close)) + strlen(middle) + 1, 1), *at = s;
    for (int i = 0; i < n; i++)
        at = stpcpy(at, open);
    at = stpcpy(at, middle);
    for (int i = 0; i < n; i++)
        at = stpcpy(at, close);
    return s;
}

START_TEST(limits_nesting_and_length)
{
    char err[EX_ERR];
    ck_assert(ex_parse(pool, nested(150, "(", "a", ")"), NULL, err).i);
    ck_assert(!ex_parse(pool, nested(300, "(", "a", ")"), NULL, err).i);
    ck_assert_str_eq(err, "column 201: nested deeper than 200");
    ck_assert(!ex_parse(pool, nested(1000, "-", "a", ""), NULL, err).i);
    ck_assert(!ex_parse(pool, nested(500, "a<b?a:", "a", ""), NULL, err).i);
    ck_assert(!ex_parse(pool, nested(1000, "abs(", "a", ")"), NULL, err).i);
    ck_assert(ex_parse(pool, nested(2000, "a+", "a", ""), NULL, err).i);
    ck_assert(!ex_parse(pool, nested(3000, "a+", "a", ""), NULL, err).i);
    ck_assert_str_eq(err, "column 4097: expression longer than 4096 characters");
}
END_TEST

START_TEST(random_text_reads_back)
{
    for (int i = 0; i < 20000; i++) {
        if (i % 500 == 0) {
            teardown();
            setup();
        }
        char err[EX_ERR];
        Ex e = any((ExType)draw(3), 5);
        const char *text = shown(e);
        if (strlen(text) > 4000)
            continue;
        Ex again = ex_parse(pool, text, names, err);
        ck_assert_msg(again.i == e.i, "%s reads back as %s (%s)", text, shown(again), err);
    }
}
END_TEST

/* Broken text is refused or read, and what is read can be printed and read again. */
START_TEST(survives_hostile_text)
{
    static const char alphabet[] = "ab01.,()?:<>=!&|+-*/ eExpmaxint\x80\xff\n";
    for (int i = 0; i < 60000; i++) {
        if (i % 500 == 0) {
            teardown();
            setup();
        }
        char text[512], err[EX_ERR];
        if (i % 2) {
            snprintf(text, sizeof text, "%.500s", shown(any(EXT_REAL, 4)));
            for (uint64_t k = draw(4) + 1; k > 0; k--)
                text[draw(strlen(text))] = alphabet[draw(sizeof alphabet - 1)];
        } else {
            size_t n = draw(40);
            for (size_t k = 0; k < n; k++)
                text[k] = alphabet[draw(sizeof alphabet - 1)];
            text[n] = 0;
        }
        Ex e = ex_parse(pool, text, names, err);
        if (e.i)
            ck_assert_uint_eq(parsed(shown(e)).i, e.i);
        else
            ck_assert_msg(strncmp(err, "column ", 7) == 0, "'%s': %s", text, err);
    }
}
END_TEST

/* ---- simplification ---- */

START_TEST(simplifies_exactly)
{
    static const char *const rows[][2] = {
        {"a * 1", "a"}, {"1 * a", "a"}, {"a / 1", "a"}, {"a - 0", "a"}, {"a + -0.0", "a"},
        {"-0.0 + a", "a"}, {"--a", "a"}, {"-a * -b", "a*b"}, {"a - -b", "a + b"}, {"a + -b", "a - b"},
        {"-a + b", "b - a"}, {"a * -1", "-a"}, {"a / -1", "-a"}, {"-0.0 - a", "-a"}, {"a - -3", "a + 3"},
        {"a + -3", "a - 3"}, {"a + a", "2*a"}, {"-a - a", "-2*a"}, {"a / 4", "a*0.25"}, {"-(a * 3)", "a*-3"},
        {"-a * 3", "a*-3"}, {"abs(-a)", "abs(a)"}, {"pow(a, 1)", "a"}, {"max(a, a)", "a"},
        {"a < b ? c : c", "c"}, {"1 < 2 ? a : b", "a"}, {"!(!(a < b)) ? a : b", "a < b ? a : b"},
        {"!(a < b) ? a : b", "a < b ? b : a"}, {"a < b ? a < b ? a : b : c", "a < b ? a : c"},
        {"a < b ? a : a < b ? b : c", "a < b ? a : c"}, {"(a < b ? a + (a < b ? 1 : 2) : c)", "a < b ? a + 1 : c"},
        {"0 < a ? a : b", "a > 0 ? a : b"}, {"!(a == b) ? a : b", "a != b ? a : b"},
        {"a < b && 1 < 2 ? a : b", "a < b ? a : b"}, {"2 * 3 * a", "6*a"}, {"exp(0) * a", "a"},
        /* what stays: it would lose a NaN, an infinity, a -0 or a bit */
        {"a + 0", "a + 0"}, {"0 * a", "0*a"}, {"a * 0", "a*0"}, {"a - a", "a - a"}, {"a / a", "a/a"},
        {"0 - a", "0 - a"}, {"-(a - b)", "-(a - b)"}, {"a / 3", "a/3"}, {"a + b - b", "a + b - b"},
        {"a * 3 / 3", "a*3/3"}, {"!(a < b) ? 1 : 2", "a < b ? 2 : 1"}, {"a == a ? a : b", "a == a ? a : b"},
        {"log(1 + a)", "log(1 + a)"}, {"2 * (3 * a)", "2*(3*a)"}, {"sqrt(a * a)", "sqrt(a*a)"},
    };
    for (int i = 0; i < COUNT(rows); i++)
        ck_assert_str_eq(shown(ex_simplify(pool, parsed(rows[i][0]))), rows[i][1]);
}
END_TEST

START_TEST(simplification_changes_no_bit)
{
    for (int i = 0; i < 4000; i++) {
        if (i % 500 == 0) {
            teardown();
            setup();
        }
        Ex e = any((ExType)draw(3), 4), s = ex_simplify(pool, e);
        ck_assert_msg(ex_simplify(pool, s).i == s.i, "%s is not final", shown(s));
        for (int k = 0; k < 60; k++) {
            double arg[3];
            for (int j = 0; j < 3; j++)
                arg[j] = extremes[draw(COUNT(extremes))];
            double x = ex_eval(pool, e, arg), y = ex_eval(pool, s, arg);
            ck_assert_msg(same_bits(x, y), "%s = %a, but %s = %a at %g %g %g", shown(e), x, shown(s), y,
                          arg[0], arg[1], arg[2]);
        }
    }
}
END_TEST

START_TEST(stable_forms)
{
    static const char *const rows[][2] = {
        {"log(1 + exp(a))", "-logsigmoid(-a)"}, {"log1p(exp(a))", "-logsigmoid(-a)"},
        {"log(1 + a)", "log1p(a)"}, {"log(1 - a)", "log1p(-a)"}, {"1 / (1 + exp(-a))", "sigmoid(a)"},
        {"1 / (exp(a) + 1)", "sigmoid(-a)"}, {"exp(a) / (1 + exp(a))", "sigmoid(a)"},
        {"a / (1 + exp(-a))", "a*sigmoid(a)"}, {"exp(a) - 1", "expm1(a)"}, {"log(sigmoid(a))", "logsigmoid(a)"},
        {"log(1 - sigmoid(a))", "logsigmoid(-a)"}, {"a * 3 / 3", "a"},
        {"(exp(a) - exp(-a)) / (exp(a) + exp(-a))", "tanh(a)"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Ex e = parsed(rows[i][0]), s = ex_stable(pool, e);
        ck_assert_str_eq(shown(s), rows[i][1]);
        for (double a = -3; a < 3; a += 0.37) {
            double x = ex_eval(pool, e, &a), y = ex_eval(pool, s, &a);
            ck_assert_msg((isnan(x) && isnan(y)) || fabs(x - y) <= 1e-13 * (1 + fabs(x)), "%s at %g: %g %g",
                          rows[i][0], a, x, y);
        }
    }
    double far[] = {1e3, -1e3, 1e300, -1e300};
    for (int i = 0; i < COUNT(far); i++)
        for (int k = 0; k < 11; k++) {
            if (k == 2 || k == 3 || k == 8)      /* those have poles, or overflow truly */
                continue;
            double y = ex_eval(pool, ex_diff(pool, parsed(rows[k][0]), 0), &far[i]);
            ck_assert_msg(!isnan(y), "derivative of %s at %g", rows[k][0], far[i]);
        }
}
END_TEST

/* ---- derivatives ---- */

START_TEST(derivatives_read_well)
{
    /* expression, derivative, times cotangent b, in terms of the output c */
    static const char *const rows[][4] = {
        {"a <= 0 ? 0 : a", "a <= 0 ? 0 : 1", "a <= 0 ? 0 : b", "c <= 0 ? 0 : 1"},
        {"a > 0 ? a : 0.01*a", "a > 0 ? 1 : 0.01", "a > 0 ? b : b*0.01", "c > 0 ? 1 : 0.01"},
        {"a > 0 ? a : 1.5*expm1(a)", "a > 0 ? 1 : 1.5*(expm1(a) + 1)",
         "a > 0 ? b : b*(1.5*(expm1(a) + 1))", "c > 0 ? 1 : c + 1.5"},
        {"a > 0 ? a : expm1(a)", "a > 0 ? 1 : expm1(a) + 1", "a > 0 ? b : b*(expm1(a) + 1)", "c > 0 ? 1 : c + 1"},
        {"sigmoid(a)", "sigmoid(a)*(1 - sigmoid(a))", "b*(sigmoid(a)*(1 - sigmoid(a)))", "c*(1 - c)"},
        {"1/(1 + exp(-a))", "sigmoid(a)*(1 - sigmoid(a))", "b*(sigmoid(a)*(1 - sigmoid(a)))", "c*(1 - c)"},
        {"tanh(a)", "1 - tanh(a)*tanh(a)", "b*(1 - tanh(a)*tanh(a))", "1 - c*c"},
        {"exp(a)", "exp(a)", "b*exp(a)", "c"},
        {"-a", "-1", "-b", "-1"},
        {"a*2 > 20 ? a : log1p(exp(a*2))/2", "a*2 > 20 ? 1 : sigmoid(a*2)", "a*2 > 20 ? b : b*sigmoid(a*2)", "none"},
        {"a*sigmoid(a)", "sigmoid(a) + a*(sigmoid(a)*(1 - sigmoid(a)))", NULL, "none"},
        {"abs(a)", "sign(a)", "b*sign(a)", "none"},
        {"a > 0 ? a : -0.5*a", "a > 0 ? 1 : -0.5", NULL, "none"},
        {"a > 0 ? a : -1.5*expm1(a)", "a > 0 ? 1 : -1.5*(expm1(a) + 1)", NULL, "none"},
        {"a > 1 ? a : 0", "a > 1 ? 1 : 0", "a > 1 ? b : 0", "none"},
        {"floor(a)", "0", "0", "0"},
        {"floor(a) + a*3", "3", "b*3", "3"},
        {"pow(a, 3)", "3*pow(a, 2)", NULL, "none"},
        {"(a - 0.25)*(a - 0.25)", "2*(a - 0.25)", NULL, "none"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Ex e = parsed(rows[i][0]), d = ex_diff(pool, e, 0);
        ck_assert_str_eq(shown(d), rows[i][1]);
        if (rows[i][2])
            ck_assert_str_eq(shown(ex_chain(pool, ex_arg(pool, 1), d)), rows[i][2]);
        ck_assert_str_eq(shown(ex_in_output(pool, e, d, 0, 2)), rows[i][3]);
    }
    ck_assert_str_eq(shown(ex_diff(pool, parsed("(1 - b)*a - logsigmoid(a)"), 0)), "sigmoid(a) - b");
    ck_assert_str_eq(shown(ex_diff(pool, parsed("b/a"), 0)), "-(b/a/a)");
    ck_assert_str_eq(shown(ex_diff(pool, parsed("(a - b)*(a - b)"), 1)), "-2*(a - b)");
}
END_TEST

/* The form in the output has the derivative's values, at extremes too. */
START_TEST(output_form_is_equal)
{
    static const char *const rows[] = {"a <= 0 ? 0 : a", "a > 0 ? a : 0.01*a", "a > 0 ? a : 1.5*expm1(a)",
                                       "a > 0 ? a : expm1(a)", "sigmoid(a)", "tanh(a)", "exp(a)", "sqrt(a)",
                                       "a > 0 ? a : tanh(a)", "a > 0 ? a : 0"};
    for (int i = 0; i < COUNT(rows); i++) {
        Ex f = parsed(rows[i]), d = ex_diff(pool, f, 0), o = ex_in_output(pool, f, d, 0, 2);
        ck_assert_msg(o.i && !(ex_args_used(pool, o) & 1), "%s has no form in its output", rows[i]);
        for (int k = 0; k < COUNT(extremes) + 200; k++) {
            double a = k < COUNT(extremes) ? extremes[k] : (k - 120) / 9.0;
            double arg[3] = {a, 0, ex_eval(pool, f, &a)};
            double x = ex_eval(pool, d, arg), y = ex_eval(pool, o, arg);
            ck_assert_msg(same_bits(x, y) || fabs(x - y) <= 4e-16 * (1 + fabs(x)), "%s at %g: %a, but %s = %a",
                          rows[i], a, x, shown(o), y);
        }
    }
}
END_TEST

/* A smooth expression of a and b whose values stay small. */
static Ex smooth(int depth)
{
    static const ExOp fns[] = {EX_sigmoid, EX_logsigmoid, EX_tanh, EX_erf, EX_sin, EX_cos};
    Ex none = {0};
    if (depth == 0)
        return draw(4) ? ex_arg(pool, (int)draw(2)) : ex_num(pool, (double)draw(9) / 4 - 1);
    uint64_t k = draw(7);
    if (k < 3)
        return ex_op(pool, (ExOp)(EX_ADD + k), smooth(depth - 1), smooth(depth - 1), none);
    if (k == 3)
        return ex_op(pool, EX_DIV, smooth(depth - 1),
                     ex_op(pool, EX_ADD, ex_num(pool, 1.5), ex_op(pool, EX_sigmoid, smooth(depth - 1), none, none),
                           none), none);
    Ex in = ex_op(pool, fns[draw(COUNT(fns))], smooth(depth - 1), none, none);
    if (k == 4)
        return ex_op(pool, EX_exp, in, none, none);
    if (k == 5)
        return ex_op(pool, EX_log1p, ex_op(pool, EX_exp, in, none, none), none, none);
    return in;
}

START_TEST(derivatives_agree_with_differences)
{
    for (int i = 0; i < 3000; i++) {
        if (i % 100 == 0) {
            teardown();
            setup();
        }
        Ex e = smooth(4);
        for (int k = 0; k < 2; k++) {
            double at[2] = {(double)draw(401) / 200 - 1, (double)draw(401) / 200 - 1}, h = 1e-5;
            double up[2] = {at[0], at[1]}, down[2] = {at[0], at[1]};
            up[k] += h;
            down[k] -= h;
            double wanted = (ex_eval(pool, e, up) - ex_eval(pool, e, down)) / (2 * h);
            double got = ex_eval(pool, ex_diff(pool, e, k), at);
            double size = 1 + fabs(ex_eval(pool, e, at));
            ck_assert_msg(fabs(got - wanted) <= 1e-6 * (size + fabs(wanted)), "%s by %c at %g %g: %.12g, not %.12g",
                          shown(e), 'a' + k, at[0], at[1], got, wanted);
        }
    }
}
END_TEST

/* ---- the rest of the interface ---- */

START_TEST(evaluates_at_the_edges)
{
    static const struct { const char *text; double a, wanted; } rows[] = {
        {"sigmoid(a)", -1e4, 0}, {"sigmoid(a)", 1e4, 1}, {"sigmoid(a)", NAN, NAN},
        {"logsigmoid(a)", -1e4, -1e4}, {"logsigmoid(a)", INFINITY, 0}, {"logsigmoid(a)", -INFINITY, -INFINITY},
        {"sign(a)", NAN, 0}, {"sign(a)", -0.0, 0}, {"sign(a)", -3, -1}, {"max(a, 0)", NAN, NAN},
        {"max(0, a)", NAN, NAN}, {"min(a, 0)", NAN, NAN}, {"max(a, 0)", -2, 0}, {"min(a, 0)", -2, -2},
        {"round(a)", 2.5, 2}, {"round(a)", -0.5, -0.0}, {"trunc(a)", -1.5, -1},
        {"real(int(a))", 1e30, 9223372036854775807.0}, {"real(int(a))", -1e30, -9223372036854775808.0},
        {"real(int(a))", NAN, 0}, {"real(int(a))", -1.9, -1}, {"a < 0 ? 1 : a >= 0 ? 2 : 3", NAN, 3},
        {"a <= 0 ? 0 : a", NAN, NAN}, {"a <= 0 ? 0 : a", -0.0, 0}, {"int(a) + 9223372036854775807 < 0 ? 1 : 2", 1, 1},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        double got = ex_eval(pool, parsed(rows[i].text), &rows[i].a);
        ck_assert_msg(same_bits(got, rows[i].wanted), "%s at %g is %g, not %g", rows[i].text, rows[i].a, got,
                      rows[i].wanted);
    }
}
END_TEST

START_TEST(substitutes_and_counts)
{
    Ex e = parsed("slope*a + b*b");
    ck_assert_str_eq(shown(ex_name_value(pool, e, "slope", 0.5)), "0.5*a + b*b");
    Ex args[2] = {parsed("c + 1"), {0}};
    ck_assert_str_eq(shown(ex_subst(pool, e, args, 2)), "slope*(c + 1) + b*b");
    Ex swap[2] = {ex_arg(pool, 1), ex_arg(pool, 0)};
    ck_assert_str_eq(shown(ex_subst(pool, e, swap, 2)), "slope*b + a*a");
    ck_assert_uint_eq(ex_args_used(pool, e), 3);
    ck_assert_uint_eq(ex_args_used(pool, parsed("z + 1")), 1u << 25);
    ck_assert_int_eq(ex_cost(pool, e), 3);
    ck_assert_int_eq(ex_cost(pool, parsed("exp(a)*exp(a)")), 2);
    ck_assert(ex_is_num(pool, ex_num(pool, 0), 0) && !ex_is_num(pool, ex_num(pool, -0.0), 0));
    ck_assert_uint_eq(parsed("a + b").i, parsed("a+b").i);
    ck_assert_uint_eq(parsed("a + -0.0").i == parsed("a + 0").i, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("expr");
    TCase *t = tcase_create("expr");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, prints_canonically);
    tcase_add_test(t, refuses_with_a_place);
    tcase_add_test(t, limits_nesting_and_length);
    tcase_add_test(t, random_text_reads_back);
    tcase_add_test(t, survives_hostile_text);
    tcase_add_test(t, simplifies_exactly);
    tcase_add_test(t, simplification_changes_no_bit);
    tcase_add_test(t, stable_forms);
    tcase_add_test(t, derivatives_read_well);
    tcase_add_test(t, output_form_is_equal);
    tcase_add_test(t, derivatives_agree_with_differences);
    tcase_add_test(t, evaluates_at_the_edges);
    tcase_add_test(t, substitutes_and_counts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
