/* tests/unit/test_trial.c: what `seqc check` judges by: gaps between results, and slopes. */
#include "ir/trial.h"
#include <check.h>
#include <math.h>

static const char head[] = "seqc.ir 1\nfile \"t.py\"\nbatch n <= 4\nreal f64\nstage shape\n\n"
                           "state \"w\" : f64[2] param\n\nprogram \"t\"\n\n";

static Module *parse(Arena *a, const char *body)
{
    ParseErr err;
    const char *text = arena_printf(a, "%s%s", head, body);
    Module *m = ir_parse(text, strlen(text), &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

static double **values(const Graph *g, Arena *a)
{
    Trial t = { .g = g, .n = 3, .low = -1, .arena = a };
    EvalIn in = ir_trial(&t);
    return ir_root_values(g, ir_eval(g, &in, a), a);
}

/* Its root, where there is a gap, points to what is no more. */
static Gap gap_of(const char *one, const char *other)
{
    Arena *a = arena_new();
    Module *x = parse(a, one), *y = parse(a, other);
    double **v = values(x->graph[0], a), **w = values(y->graph[0], a);
    Gap gap = ir_gap(x->graph[0], v, y->graph[0], w, 3);
    ir_module_free(x);
    ir_module_free(y);
    arena_free(a);
    return gap;
}

static const char plain[] = "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                            "%1 = map %0, \"w\" {f=\"a * b\"} : f64[n,2]\nreturn output=%1\n";

START_TEST(equal_graphs_have_no_gap)
{
    ck_assert(gap_of(plain, plain).share == 0);
    ck_assert(gap_of(plain, plain).root == NULL);
}
END_TEST

START_TEST(a_gap_is_measured_against_the_largest_value)
{
    Gap g = gap_of(plain, "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                          "%1 = map %0, \"w\" {f=\"1.01 * (a * b)\"} : f64[n,2]\n"
                          "return output=%1\n");
    ck_assert(g.root != NULL && fabs(g.b / g.a - 1.01) < 1e-12);
    ck_assert(g.share > 0.009 && g.share < 0.0101);
}
END_TEST

START_TEST(a_lost_root_is_an_infinite_gap)
{
    ck_assert(isinf(gap_of(plain, "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                                  "%1 = map %0, \"w\" {f=\"a * b\"} : f64[n,2]\n"
                                  "return other=%1\n").share));
}
END_TEST

START_TEST(no_number_is_a_gap_but_equals_itself)
{
    static const char none[] = "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                               "%1 = map %0, \"w\" {f=\"log(a * b - 9.0)\"} : f64[n,2]\n"
                               "return output=%1\n";
    ck_assert(isinf(gap_of(plain, none).share));
    ck_assert(gap_of(none, none).share == 0);
}
END_TEST

/* What layout adds is no other value; another constant is. */
START_TEST(graphs_are_alike_by_what_they_compute)
{
    Arena *a = arena_new();
    Module *m[] = {
        parse(a, "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                 "%1 = matmul %0, %0 {ta} : f64[2,2]\nreturn output=%1\n"),
        parse(a, "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                 "%1 = matmul %0, %0 {ta algo=\"gemm\" tile=[2,8] micro=[2,1]} : f64[2,2]\n"
                 "return output=%1\n"),
        parse(a, "graph infer\n%0 = input \"x\" : f64[n,2]\n"
                 "%1 = matmul %0, %0 {ta} : f64[2,2]\n%2 = neg %1 : f64[2,2]\nreturn output=%2\n"),
        parse(a, plain),
    };
    ck_assert(ir_same_values(m[0]->graph[0], m[1]->graph[0]));
    ck_assert(!ir_same_values(m[0]->graph[0], m[2]->graph[0]));
    ck_assert(!ir_same_values(m[0]->graph[0], m[3]->graph[0]));
    for (int i = 0; i < 4; i++) ir_module_free(m[i]);
    arena_free(a);
}
END_TEST

/* ---- slopes ---- */

static double smooth(void *ctx, double x) { (void)ctx; return exp(2 * x) + 1; }
static double kink(void *ctx, double x) { return fmax(x - *(double *)ctx, 0) + x; }
static double steep(void *ctx, double x) { (void)ctx; return sin(50 * x); }

START_TEST(slopes_of_smooth_functions)
{
    ck_assert(ir_slope(smooth, NULL).smooth);
    ck_assert(fabs(ir_slope(smooth, NULL).value - 2) < 1e-9);
    ck_assert(ir_slope(steep, NULL).smooth && fabs(ir_slope(steep, NULL).value - 50) < 1e-5);
}
END_TEST

/* A kink at the point has no slope; one nearby is stepped around, wherever it lies. */
START_TEST(kinks_are_seen)
{
    double at = 0;
    ck_assert(!ir_slope(kink, &at).smooth);
    for (at = -1.2e-3; at < 1.2e-3; at += 0.7e-5) {
        Slope s = ir_slope(kink, &at);
        double want = at < 0 ? 2 : 1;
        ck_assert_msg(!s.smooth || fabs(s.value - want) < 1e-6, "kink at %g: %.9g", at, s.value);
        ck_assert_msg(s.smooth || fabs(at) < 1.1e-5, "kink at %g is not stepped around", at);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trial");
    TCase *t = tcase_create("gaps and slopes");
    tcase_add_test(t, equal_graphs_have_no_gap);
    tcase_add_test(t, a_gap_is_measured_against_the_largest_value);
    tcase_add_test(t, a_lost_root_is_an_infinite_gap);
    tcase_add_test(t, no_number_is_a_gap_but_equals_itself);
    tcase_add_test(t, graphs_are_alike_by_what_they_compute);
    tcase_add_test(t, slopes_of_smooth_functions);
    tcase_add_test(t, kinks_are_seen);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
