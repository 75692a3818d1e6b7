/* tests/unit/test_expr_random.c: what must hold for all scalar expressions, tried on random ones.
 *
 * Text reads back to the same handle, broken text is refused, simplification changes no bit,
 * derivatives agree with finite differences. The same numbers every run. */
#include "tests/unit/expr_test.h"

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
    static const double reals[] = {0,   -0.0, 1,    -1,    2,        0.5, -3,
                                   0.1, 1e15, 1e-9, 1e300, INFINITY, NAN};
    if (t == EXT_REAL && draw(3))
        return ex_arg(pool, (int)draw(3));
    if (t == EXT_REAL)
        return ex_num(pool, reals[draw(COUNT(reals))]);
    if (t == EXT_BOOL)
        return parsed(draw(2) ? "a < b" : draw(2) ? "c != 0" : "true");
    static const char *const ints[] = {"int(a)",    "int(3)",     "int(-2)",
                                       "int(9e18)", "int(-1e30)", "int(b)"};
    return parsed(ints[draw(COUNT(ints))]);
}

/* Any expression that the language has, of that type. */
static Ex any(ExType t, int depth)
{
    Ex none = {0};
    if (depth == 0 || draw(8) == 0)
        return leaf(t);
    if (draw(6) == 0)
        return ex_op(pool, EX_SELECT, any(EXT_BOOL, depth - 1), any(t, depth - 1),
                     any(t, depth - 1));
    if (t == EXT_BOOL) {
        if (draw(2))
            return draw(3) ? ex_op(pool, draw(2) ? EX_AND : EX_OR, any(t, depth - 1),
                                   any(t, depth - 1), none)
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
    return ex_op(pool, (ExOp)(EX_ADD + draw(t == EXT_REAL ? 4 : 3)), any(t, depth - 1),
                 any(t, depth - 1), none);
}

/* ---- text ---- */

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

/* ---- values ---- */

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
            ck_assert_msg(same_bits(x, y), "%s = %a, but %s = %a at %g %g %g", shown(e), x,
                          shown(s), y, arg[0], arg[1], arg[2]);
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
                     ex_op(pool, EX_ADD, ex_num(pool, 1.5),
                           ex_op(pool, EX_sigmoid, smooth(depth - 1), none, none), none),
                     none);
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
            ck_assert_msg(fabs(got - wanted) <= 1e-6 * (size + fabs(wanted)),
                          "%s by %c at %g %g: %.12g, not %.12g", shown(e), 'a' + k, at[0], at[1],
                          got, wanted);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("expr_random");
    TCase *t = tcase_create("expr_random");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, random_text_reads_back);
    tcase_add_test(t, survives_hostile_text);
    tcase_add_test(t, simplification_changes_no_bit);
    tcase_add_test(t, derivatives_agree_with_differences);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
