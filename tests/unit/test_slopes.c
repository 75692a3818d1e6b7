/* tests/unit/test_slopes.c: derivatives against differences: right ones agree at most points, planted
 * mistakes are found in the order and at the arguments where they are, and differences are not taken
 * across kinks and jumps. */
#include "frontend/caudit.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Arena *arena;
static ExPool *pool;

static void setup(void) { pool = ex_pool(arena = arena_new()); }
static void teardown(void) { arena_free(arena); }

static CFunc function(const char *text, int n)
{
    static const char *params[] = { "a", "b", "c" };
    char err[EX_ERR];
    CFunc f = { .name = "f", .param = params, .n_param = n, .is_double = true };
    f.value = ex_parse(pool, text, NULL, err);
    ck_assert_msg(f.value.i != 0, "%s: %s", text, err);
    return f;
}

static const struct { const char *text; int n; } right[] = {
    { "a*sigmoid(b*a)", 2 }, { "log(1 + exp(a))", 1 }, { "tanh(a)", 1 }, { "erf(a)*a", 1 }, { "a*erfc(-a)", 1 },
    { "abs(a)", 1 }, { "a > b ? a*a : b*a", 2 }, { "max(a, b)*c", 3 }, { "sqrt(a*a + b*b + 0.01)", 2 },
    { "pow(abs(a) + 0.1, 1 + b*b)", 2 }, { "fmod(a, b)", 2 }, { "copysign(sqrt(abs(a)), b)", 2 },
    { "atan2(a, b)", 2 }, { "floor(a)*b", 2 }, { "hypot(a, b)", 2 }, { "log(cosh(a - b))", 2 },
    { "tan(a)", 1 }, { "cbrt(a)", 1 },
    { "1/(a - b)", 2 }, { "real(int(a))*a", 1 }, { "sin(10*a)", 1 }, { "exp(-a*a)", 1 },
};

START_TEST(right_ones_agree)
{
    CFunc f = function(right[_i].text, right[_i].n);
    Slopes order[2];
    ck_assert(fe_slopes(pool, &f, NULL, ex_diff, order));
    for (int i = 0; i < 2; i++) {
        Slopes *s = &order[i];
        ck_assert_msg(s->share <= SLOPES_BOUND, "%s, order %d: %g, but %g, at %s", right[_i].text, i + 1,
                      s->symbolic, s->differences, fe_audit_point(arena, &f, s->at));
        ck_assert_msg(s->compared > 200, "%s, order %d: %d compared, %d left out", right[_i].text, i + 1,
                      (int)s->compared, (int)s->left_out);
    }
}
END_TEST

/* ---- planted mistakes ---- */

static Ex first[3];
static double by;

/* All first derivatives too large by one part in 100,000. */
static Ex wrong_first(ExPool *p, Ex e, int arg)
{
    Ex d = ex_diff(p, e, arg);
    for (int i = 0; i < 3; i++)
        if (first[i].i == e.i) return d;
    return first[arg] = ex_op(p, EX_MUL, d, ex_num(p, by), (Ex){ 0 });
}

/* First ones are right; the one by b of that by a is not. */
static Ex wrong_second(ExPool *p, Ex e, int arg)
{
    Ex d = ex_diff(p, e, arg);
    bool is_first = !first[0].i || (!first[1].i && arg == 1);
    if (is_first) return first[arg] = d;
    return e.i == first[0].i && arg == 1 ? ex_op(p, EX_MUL, d, ex_num(p, by), (Ex){ 0 }) : d;
}

START_TEST(planted_mistakes_are_found)
{
    static const char *const texts[] = {
        "a*sigmoid(b*a)", "log(1 + exp(a*b))", "a > b ? a*a*b : b*b*a*a", "exp(-a*a)*erf(b)",
    };
    Slopes order[2];
    CFunc f = function(texts[_i], 2);
    by = 1.00001;
    memset(first, 0, sizeof first);
    fe_slopes(pool, &f, NULL, wrong_first, order);
    ck_assert_msg(order[0].share > 5e-6 && order[0].share < 2e-5, "%g: %g, but %g, at %s", order[0].share,
                  order[0].symbolic, order[0].differences, fe_audit_point(arena, &f, order[0].at));
    ck_assert(order[0].by[0] >= 0 && order[0].by[1] < 0);
    memset(first, 0, sizeof first);
    fe_slopes(pool, &f, NULL, wrong_second, order);
    ck_assert(order[0].share <= SLOPES_BOUND);
    ck_assert(order[1].share > 5e-6 && order[1].share < 2e-5);
    ck_assert(order[1].by[0] == 0 && order[1].by[1] == 1);
    /* Both numbers of the worst point. */
    ck_assert(fabs(order[1].symbolic / order[1].differences - by) < 1e-8);
    by = (double)NAN;
    memset(first, 0, sizeof first);
    fe_slopes(pool, &f, NULL, wrong_first, order);
    ck_assert(isinf(order[0].share));
}
END_TEST

START_TEST(numbers_stay)
{
    CFunc f = function("sin(a)*b", 2);
    Slopes order[2];
    fe_slopes(pool, &f, (double[]){ (double)NAN, 0.25 }, ex_diff, order);
    ck_assert(order[0].share > 0 && order[0].at[1] == 0.25 && order[0].compared > 500);
}
END_TEST

/* ---- differences ---- */

static bool slope_at(const char *text, double a, double b, int k, double *slope)
{
    Estimate e = { 0, 0 };
    Tape *t = fe_tape(arena, pool, function(text, 2).value, true);
    bool known = fe_difference(t, (double[]){ a, b }, 2, k, 1e-10, &e);
    *slope = e.slope;
    return known;
}

START_TEST(differences_stay_on_a_piece)
{
    double s;
    ck_assert(slope_at("exp(a)", 1, 0, 0, &s) && fabs(s - exp(1)) < 1e-11);
    ck_assert(slope_at("log(a)", 1e-3, 0, 0, &s) && fabs(s - 1000) < 1e-5);
    ck_assert(slope_at("abs(a)", 0.001, 0, 0, &s) && fabs(s - 1) < 1e-9);
    ck_assert(!slope_at("abs(a)", 0, 0, 0, &s));
    ck_assert(!slope_at("max(a, b)", 2, 2, 0, &s));
    ck_assert(!slope_at("hypot(a, 0*b) + a", 0, 1, 0, &s));      /* a kink that no branch shows */
    ck_assert(!slope_at("floor(a)", 3, 0, 0, &s));
    ck_assert(slope_at("fmod(a, b)", 5, 3, 1, &s) && fabs(s + 1) < 1e-9);
    ck_assert(!slope_at("fmod(a, b)", 5, 1e-5, 1, &s));          /* the quotient changes */
    ck_assert(!slope_at("fmod(a, b)", 6, 3, 0, &s));
    ck_assert(!slope_at("a > 1 ? a : b", 1, 5, 0, &s));
    ck_assert(!slope_at("1/a", 0, 0, 0, &s));
    /* Widths that are whole periods: 2 pi is 6.25 nearly. */
    ck_assert(slope_at("cos(26.666666666666668*a)", 60, 0, 0, &s) && fabs(s + 26.7 * sin(1600)) < 0.1);
    /* Rounding is known, too: 1e8 takes what a has. */
    Tape *t = fe_tape(arena, pool, function("(a + 100000000) - 100000000", 1).value, true);
    fe_tape_run(t, (double[]){ 0.1 });
    ck_assert(fe_tape_error(t) >= 0.5e-8 && fe_tape_error(t) < 1e-7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slopes");
    TCase *t = tcase_create("slopes");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, right_ones_agree, 0, (int)(sizeof right / sizeof *right));
    tcase_add_loop_test(t, planted_mistakes_are_found, 0, 4);
    tcase_add_test(t, numbers_stay);
    tcase_add_test(t, differences_stay_on_a_piece);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
