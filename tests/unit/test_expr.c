/* tests/unit/test_expr.c: scalar expressions, by tables: what people should see, what is refused, what
 * simplifies, what derivatives look like. What must hold for all is in test_expr_random.c. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/expr_test.h"

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
        {"(a < b ? 9223372036854775807 : 2) == int(a)", "(a < b ? 9223372036854775807 : 2) == "
                                                        "int(a)"},
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
        ck_assert_msg(!ex_parse(pool, rows[i][0], names, err).i, "'%s' must be refused",
                      rows[i][0]);
        ck_assert_str_eq(err, rows[i][1]);
    }
}
END_TEST

/* n times open, then middle, then n times close. */
static char *nested(int n, const char *open, const char *middle, const char *close)
{
    char *s =
             arena_alloc(arena, (size_t)n * (strlen(open) + strlen(close)) + strlen(middle) + 1, 1),
         *at = s;
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
    ck_assert(ex_parse(pool, nested(1000, "a+", "a", ""), NULL, err).i);
    ck_assert(ex_parse(pool, nested(3000, "a+", "a", ""), NULL, err).i);
    ck_assert(!ex_parse(pool, nested(4050, "a+", "a", ""), NULL, err).i);
    ck_assert_str_eq(err, "column 1: operations deeper than 4000");
    ck_assert(!ex_parse(pool, nested(5000, "a+", "a", ""), NULL, err).i);
    ck_assert_str_eq(err, "column 1: a part longer than 8192 characters");
    ck_assert(!ex_parse(pool, nested(40000, "a+", "a", ""), NULL, err).i);
    ck_assert_str_eq(err, "column 65537: expression longer than 65536 characters");
}
END_TEST

/* Text of many locals, each twice the one before. */
static const char *doubled(int n, const char *first)
{
    const char *s = arena_printf(arena, "t0 = %s; ", first);
    for (int i = 1; i < n; i++) s = arena_printf(arena, "%st%d = t%d*t%d + a; ", s, i, i - 1, i - 1);
    return arena_printf(arena, "%st%d", s, n - 1);
}

START_TEST(locals_are_read)
{
    static const char *const rows[][2] = {
        {"t0 = a*b; t0 + t0", "a*b + a*b"},
        {" t0=a ;t1 = t0<b;t1?t0:b", "a < b ? a : b"},
        {"t0 = int(a); t1 = t0 + 1; real(t1)", "real(int(a) + 1)"},
        {"t0 = 3; a*t0", "a*3"},
        {"t0 = a; t1 = b; t0 - t1 - t0", "a - b - a"},
    };
    for (int i = 0; i < COUNT(rows); i++) ck_assert_str_eq(shown(parsed(rows[i][0])), rows[i][1]);
    static const char *const wrong[][2] = {
        {"t1 = a; t1", "column 1: unknown name 't1'"},
        {"t0 = a; t1", "column 9: unknown name 't1'"},
        {"t0 = t0; t0", "column 6: unknown name 't0'"},
        {"t0 = a t0", "column 8: expected an operator or ';', found 't'"},
        {"t0 = ; t0", "column 6: expected a number, a name or '(', found ';'"},
        {"t0 = a; t0 = b; t0", "column 12: expected an operator or the end, found '='"},
        {"t0 == a ? 1 : 0", "column 1: unknown name 't0'"},
        {"t0 = a; t00", "column 9: unknown name 't00'"},
        {"t0 = a < b; t0 + 1", "column 16: '+' takes numbers, not a condition"},
        {"t0 = int(a); t0", ""},
        {"t0 = a;", "column 8: expected a number, a name or '(', found the end"},
    };
    for (int i = 0; i < COUNT(wrong); i++) {
        char err[EX_ERR];
        ex_parse(pool, wrong[i][0], names, err);
        ck_assert_str_eq(err, wrong[i][1]);
    }
}
END_TEST

/* What is long as a tree is printed with locals, as long as it has nodes, and reads back. */
START_TEST(locals_are_printed)
{
    const char *texts[] = {
        doubled(60, "a"), doubled(60, "int(a) < 3 ? b : exp(b)"), nested(3000, "a+", "b", ""),
        nested(150, "1/(a+", "b", ")"), nested(95, "(a<b?c:", "b", ")"),
        nested(180, "-", "a", ""), nested(120, "b - exp(", "a", ")"),
    };
    for (int i = 0; i < COUNT(texts); i++) {
        Ex e = parsed(texts[i]);
        const char *once = shown(e);
        ck_assert_msg(strncmp(once, "t0 = ", 5) == 0, "%.60s …", once);
        ck_assert_uint_lt(strlen(once), 20000);
        ck_assert_msg(parsed(once).i == e.i, "'%s' reads back as another expression", once);
        ExPool *other = ex_pool(arena);
        char err[EX_ERR];
        ck_assert_str_eq(ex_print(arena, other, ex_parse(other, once, names, err)), once);
    }
    ck_assert_str_eq(shown(parsed(doubled(3, "a"))), "(a*a + a)*(a*a + a) + a");
    const char *last = strrchr(shown(parsed(doubled(40, "b"))), ';');
    ck_assert_str_eq(last, "; t37*t37 + a");
    /* Derivatives of what shares share, too. */
    ck_assert_uint_lt(strlen(shown(ex_diff(pool, parsed(doubled(40, "b")), 1))), 20000);
}
END_TEST

/* ---- simplification ---- */

START_TEST(simplifies_exactly)
{
    static const char *const rows[][2] = {
        {"a * 1", "a"},
        {"1 * a", "a"},
        {"a / 1", "a"},
        {"a - 0", "a"},
        {"a + -0.0", "a"},
        {"-0.0 + a", "a"},
        {"--a", "a"},
        {"-a * -b", "a*b"},
        {"a - -b", "a + b"},
        {"a + -b", "a - b"},
        {"-a + b", "b - a"},
        {"a * -1", "-a"},
        {"a / -1", "-a"},
        {"-0.0 - a", "-a"},
        {"a - -3", "a + 3"},
        {"a + -3", "a - 3"},
        {"a + a", "2*a"},
        {"-a - a", "-2*a"},
        {"a / 4", "a*0.25"},
        {"-(a * 3)", "a*-3"},
        {"-a * 3", "a*-3"},
        {"abs(-a)", "abs(a)"},
        {"pow(a, 1)", "a"},
        {"max(a, a)", "a"},
        {"a < b ? c : c", "c"},
        {"1 < 2 ? a : b", "a"},
        {"!(!(a < b)) ? a : b", "a < b ? a : b"},
        {"!(a < b) ? a : b", "a < b ? b : a"},
        {"a < b ? a < b ? a : b : c", "a < b ? a : c"},
        {"a < b ? a : a < b ? b : c", "a < b ? a : c"},
        {"(a < b ? a + (a < b ? 1 : 2) : c)", "a < b ? a + 1 : c"},
        {"0 < a ? a : b", "a > 0 ? a : b"},
        {"!(a == b) ? a : b", "a != b ? a : b"},
        {"a < b && 1 < 2 ? a : b", "a < b ? a : b"},
        {"2 * 3 * a", "6*a"},
        {"exp(0) * a", "a"},
        /* what stays: it would lose a NaN, an infinity, a -0 or a bit */
        {"a + 0", "a + 0"},
        {"0 * a", "0*a"},
        {"a * 0", "a*0"},
        {"a - a", "a - a"},
        {"a / a", "a/a"},
        {"0 - a", "0 - a"},
        {"-(a - b)", "-(a - b)"},
        {"a / 3", "a/3"},
        {"a + b - b", "a + b - b"},
        {"a * 3 / 3", "a*3/3"},
        {"!(a < b) ? 1 : 2", "a < b ? 2 : 1"},
        {"a == a ? a : b", "a == a ? a : b"},
        {"log(1 + a)", "log(1 + a)"},
        {"2 * (3 * a)", "2*(3*a)"},
        {"sqrt(a * a)", "sqrt(a*a)"},
    };
    for (int i = 0; i < COUNT(rows); i++)
        ck_assert_str_eq(shown(ex_simplify(pool, parsed(rows[i][0]))), rows[i][1]);
}
END_TEST

START_TEST(stable_forms)
{
    static const char *const rows[][2] = {
        {"log(1 + exp(a))", "-logsigmoid(-a)"},
        {"log1p(exp(a))", "-logsigmoid(-a)"},
        {"log(1 + a)", "log1p(a)"},
        {"log(1 - a)", "log1p(-a)"},
        {"1 / (1 + exp(-a))", "sigmoid(a)"},
        {"1 / (exp(a) + 1)", "sigmoid(-a)"},
        {"exp(a) / (1 + exp(a))", "sigmoid(a)"},
        {"a / (1 + exp(-a))", "a*sigmoid(a)"},
        {"exp(a) - 1", "expm1(a)"},
        {"log(sigmoid(a))", "logsigmoid(a)"},
        {"log(1 - sigmoid(a))", "logsigmoid(-a)"},
        {"a * 3 / 3", "a"},
        {"1 - (1 - a*a)", "a*a"},
        {"(exp(a) - exp(-a)) / (exp(a) + exp(-a))", "tanh(a)"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Ex e = parsed(rows[i][0]), s = ex_stable(pool, e);
        ck_assert_str_eq(shown(s), rows[i][1]);
        for (double a = -3; a < 3; a += 0.37) {
            double x = ex_eval(pool, e, &a), y = ex_eval(pool, s, &a);
            ck_assert_msg((isnan(x) && isnan(y)) || fabs(x - y) <= 1e-13 * (1 + fabs(x)),
                          "%s at %g: %g %g", rows[i][0], a, x, y);
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
        {"a > 0 ? a : expm1(a)", "a > 0 ? 1 : expm1(a) + 1", "a > 0 ? b : b*(expm1(a) + 1)",
         "c > 0 ? 1 : c + 1"},
        {"sigmoid(a)", "sigmoid(a)*(1 - sigmoid(a))", "b*(sigmoid(a)*(1 - sigmoid(a)))",
         "c*(1 - c)"},
        {"1/(1 + exp(-a))", "sigmoid(a)*(1 - sigmoid(a))", "b*(sigmoid(a)*(1 - sigmoid(a)))",
         "c*(1 - c)"},
        {"tanh(a)", "1 - tanh(a)*tanh(a)", "b*(1 - tanh(a)*tanh(a))", "1 - c*c"},
        {"exp(a)", "exp(a)", "b*exp(a)", "c"},
        {"-a", "-1", "-b", "-1"},
        {"a*2 > 20 ? a : log1p(exp(a*2))/2", "a*2 > 20 ? 1 : sigmoid(a*2)",
         "a*2 > 20 ? b : b*sigmoid(a*2)", "none"},
        {"a*sigmoid(a)", "sigmoid(a) + a*(sigmoid(a)*(1 - sigmoid(a)))", NULL, "none"},
        {"abs(a)", "sign(a)", "b*sign(a)", "none"},
        {"a > 0 ? a : -0.5*a", "a > 0 ? 1 : -0.5", NULL, "none"},
        {"a > 0 ? a : -1.5*expm1(a)", "a > 0 ? 1 : -1.5*(expm1(a) + 1)", NULL, "none"},
        {"a > 1 ? a : 0", "a > 1 ? 1 : 0", "a > 1 ? b : 0", "none"},
        {"floor(a)", "0", "0", "0"},
        {"floor(a) + a*3", "3", "b*3", "3"},
        {"pow(a, 3)", "3*(a*a)", NULL, "none"},
        {"(a - 0.25)*(a - 0.25)", "2*(a - 0.25)", NULL, "none"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Ex e = parsed(rows[i][0]), d = ex_diff(pool, e, 0);
        ck_assert_str_eq(shown(d), rows[i][1]);
        if (rows[i][2])
            ck_assert_str_eq(shown(ex_chain(pool, ex_arg(pool, 1), d)), rows[i][2]);
        ck_assert_str_eq(shown(ex_in_output(pool, e, d, 0, 2)), rows[i][3]);
    }
    ck_assert_str_eq(shown(ex_diff(pool, parsed("(1 - b)*a - logsigmoid(a)"), 0)), "sigmoid(a) - "
                                                                                   "b");
    ck_assert_str_eq(shown(ex_diff(pool, parsed("b/a"), 0)), "-(b/a/a)");
    ck_assert_str_eq(shown(ex_diff(pool, parsed("(a - b)*(a - b)"), 1)), "-2*(a - b)");
}
END_TEST

/* The form in the output has the derivative's values, at extremes too. */
START_TEST(output_form_is_equal)
{
    static const char *const rows[] = {"a <= 0 ? 0 : a",
                                       "a > 0 ? a : 0.01*a",
                                       "a > 0 ? a : 1.5*expm1(a)",
                                       "a > 0 ? a : expm1(a)",
                                       "sigmoid(a)",
                                       "tanh(a)",
                                       "exp(a)",
                                       "sqrt(a)",
                                       "a > 0 ? a : tanh(a)",
                                       "a > 0 ? a : 0"};
    for (int i = 0; i < COUNT(rows); i++) {
        Ex f = parsed(rows[i]), d = ex_diff(pool, f, 0), o = ex_in_output(pool, f, d, 0, 2);
        ck_assert_msg(o.i && !(ex_args_used(pool, o) & 1), "%s has no form in its output", rows[i]);
        for (int k = 0; k < COUNT(extremes) + 200; k++) {
            double a = k < COUNT(extremes) ? extremes[k] : (k - 120) / 9.0;
            double arg[3] = {a, 0, ex_eval(pool, f, &a)};
            double x = ex_eval(pool, d, arg), y = ex_eval(pool, o, arg);
            ck_assert_msg(same_bits(x, y) || fabs(x - y) <= 4e-16 * (1 + fabs(x)),
                          "%s at %g: %a, but %s = %a", rows[i], a, x, shown(o), y);
        }
    }
}
END_TEST

/* Derivatives of deep expressions stay polynomial in text and time: none doubles with every level.
 */
START_TEST(derivatives_stay_small)
{
    static const char *const open[] = {"max(a,b*",   "tanh(a*",   "pow(a,",
                                       "(a<=b?0:b*", "(a>b?a:2*", "sigmoid(a-"};
    for (int i = 0; i < COUNT(open); i++) {
        Ex d = ex_diff(pool, parsed(nested(60, open[i], "a", ")")), 0);
        ck_assert_msg(strlen(shown(d)) < 200000, "%s: %zu characters", open[i], strlen(shown(d)));
    }
}
END_TEST

/* ---- the rest of the interface ---- */

START_TEST(evaluates_at_the_edges)
{
    static const struct { const char *text; double a, wanted;
    } rows[] = {
        {"sigmoid(a)", -1e4, 0},
        {"sigmoid(a)", 1e4, 1},
        {"sigmoid(a)", NAN, NAN},
        {"logsigmoid(a)", -1e4, -1e4},
        {"logsigmoid(a)", INFINITY, 0},
        {"logsigmoid(a)", -INFINITY, -INFINITY},
        {"sign(a)", NAN, 0},
        {"sign(a)", -0.0, 0},
        {"sign(a)", -3, -1},
        {"max(a, 0)", NAN, NAN},
        {"max(0, a)", NAN, NAN},
        {"min(a, 0)", NAN, NAN},
        {"max(a, 0)", -2, 0},
        {"min(a, 0)", -2, -2},
        {"round(a)", 2.5, 2},
        {"round(a)", -0.5, -0.0},
        {"trunc(a)", -1.5, -1},
        {"real(int(a))", 1e30, 9223372036854775807.0},
        {"real(int(a))", -1e30, -9223372036854775808.0},
        {"real(int(a))", NAN, 0},
        {"real(int(a))", -1.9, -1},
        {"a < 0 ? 1 : a >= 0 ? 2 : 3", NAN, 3},
        {"a <= 0 ? 0 : a", NAN, NAN},
        {"a <= 0 ? 0 : a", -0.0, 0},
        {"int(a) + 9223372036854775807 < 0 ? 1 : 2", 1, 1},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        double got = ex_eval(pool, parsed(rows[i].text), &rows[i].a);
        ck_assert_msg(same_bits(got, rows[i].wanted), "%s at %g is %g, not %g", rows[i].text,
                      rows[i].a, got, rows[i].wanted);
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

static double central(Ex e, double x, double h)
{
    double up = ex_eval(pool, e, (double[]){x + h, 0.7}), down = ex_eval(pool, e, (double[]){x - h, 0.7});
    return (up - down) / (2 * h);
}

/* First and second derivatives of every function of exfuncs.def, and of forms that are stabilised,
 * against differences, where they are smooth. */
START_TEST(derivatives_twice)
{
    static const char *const forms[] = {
        "log(exp(a) + exp(b))", "log(cosh(a))", "sqrt(a*a + b*b)", "sqrt(a*a)", "pow(a, 2)", "pow(a*a + 1, 1.5)",
        "(exp(a) - 1)/(exp(a) + 1)", "(1 - exp(a))/(1 + exp(a))", "(1 - exp(-a))/(1 + exp(-a))", "a/(1 + exp(-b*a))",
        "log(1/(1 + exp(-a)))", "exp(a)/(1 + exp(a))", "a*tanh(log(1 + exp(a)))", "a > 0 ? a*a : sin(a)",
    };
    static const double at[] = {-2.3, -0.41, 0.37, 0.83, 1.6};
    const char *texts[EX_COUNT - EX_exp + COUNT(forms)];
    int n = 0;
    for (ExOp op = EX_exp; op < EX_COUNT; op++)
        texts[n++] = arena_printf(arena, ex_fn_arity[op - EX_exp] == 1 ? "%s(a)" : "%s(a, b)", ex_op_name(op));
    for (int i = 0; i < COUNT(forms); i++) texts[n++] = forms[i];
    for (int i = 0; i < n; i++) {
        Ex e = parsed(texts[i]), stable = ex_stable(pool, e), d = ex_diff(pool, e, 0), dd = ex_diff(pool, d, 0);
        for (int k = 0; k < COUNT(at); k++) {
            double args[2] = {at[k], 0.7}, f = ex_eval(pool, e, args), first = ex_eval(pool, d, args);
            if (!isfinite(f)) continue;              /* outside of its domain */
            ck_assert_msg(fabs(ex_eval(pool, stable, args) - f) <= 1e-14 * (1 + fabs(f)), "%s is not %s at %g",
                          shown(stable), texts[i], at[k]);
            double want = central(e, at[k], 1e-6), second = central(d, at[k], 1e-6);
            ck_assert_msg(!(fabs(first - want) > 1e-7 * (1 + fabs(want))), "d %s at %g is %.12g, not %.12g", texts[i],
                          at[k], first, want);
            double twice = ex_eval(pool, dd, args);
            ck_assert_msg(!(fabs(twice - second) > 1e-6 * (1 + fabs(second))), "d2 %s at %g is %.12g, not %.12g",
                          texts[i], at[k], twice, second);
            ck_assert_msg(isfinite(first) && isfinite(twice), "%s: no derivative at %g", texts[i], at[k]);
        }
    }
    /* Where the definition overflows, the form that is computed does not. */
    static const struct { const char *text; double a, value, slope; } far[] = {
        {"a/(1 + exp(-b*a))", -2000, 0, 0}, {"log(1 + exp(a))", 2000, 2000, 1}, {"log(cosh(a))", 2000, 1999.3068528194400, 1},
        {"log(exp(a) + exp(b))", 2000, 2000, 1}, {"sqrt(a*a + b*b)", 1e200, 1e200, 1}, {"sqrt(a*a)", 0, 0, 0},
        {"(exp(a) - 1)/(exp(a) + 1)", 2000, 1, 0}, {"hypot(a, 0)", 0, 0, 0}, {"exp(a)/(1 + exp(a))", 2000, 1, 0},
    };
    for (int i = 0; i < COUNT(far); i++) {
        Ex e = parsed(far[i].text);
        double args[2] = {far[i].a, 0.7}, y = ex_eval(pool, ex_stable(pool, e), args);
        double slope = ex_eval(pool, ex_diff(pool, e, 0), args);
        ck_assert_msg(fabs(y - far[i].value) <= 1e-12 * fabs(far[i].value), "%s is %.17g", far[i].text, y);
        ck_assert_msg(fabs(slope - far[i].slope) <= 1e-12, "%s: its slope is %.17g", far[i].text, slope);
    }
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
    tcase_add_test(t, locals_are_read);
    tcase_add_test(t, locals_are_printed);
    tcase_add_test(t, simplifies_exactly);
    tcase_add_test(t, stable_forms);
    tcase_add_test(t, derivatives_read_well);
    tcase_add_test(t, derivatives_twice);
    tcase_add_test(t, output_form_is_equal);
    tcase_add_test(t, derivatives_stay_small);
    tcase_add_test(t, evaluates_at_the_edges);
    tcase_add_test(t, substitutes_and_counts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
