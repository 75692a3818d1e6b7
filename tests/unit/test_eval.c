/* tests/unit/test_eval.c: the float64 interpreter on whole graphs. Single ops are in tests/ops. */
#include "ir/ir.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A module with one graph that uses every way in: input, target, state, scalar, random. */
static const char text[] =
    "seqc.ir 1\n"
    "batch n <= 4\n"
    "real f32\n"
    "stage shape\n"
    "\n"
    "state \"0.weight\" : f32[2,3] param\n"
    "state \"0.bias\" : f32[2] param\n"
    "\n"
    "graph train\n"
    "%0 = input \"x\" : f32[n,3]\n"
    "%1 = input \"target\" : i64[n]\n"
    "%2 = scalar \"lr\" : f32[]\n"
    "%3 = linear %0, \"0.weight\", \"0.bias\" : f32[n,2]\n"
    "%4 = relu %3 : f32[n,2]\n"
    "%5 = random {stream=\"1#0\"} : f32[n,2]\n"
    "%6 = map %4, %5 {f=\"b < 0.5 ? 0 : a*2\"} : f32[n,2]\n"
    "%7 = cross_entropy %6, %1 : f32[]\n"
    "%8 = map \"0.bias\", %2 {f=\"a - b\"} : f32[2]\n"
    "%9 = exp %3 : f32[n,2]\n"
    "return loss=%7\n"
    "update \"0.bias\"=%8\n";

static const double x[4][3] = {{1, 2, 3}, {-1, 0, 1}, {0.5, 0.5, 0.5}, {-3, 1, 2}};
static const double target[4] = {1, 0, 1, 0};
static const double weight[2][3] = {{0.5, -1, 0.25}, {1, 0.125, -0.5}}, bias[2] = {0.75, -0.25};

static const double *input(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "x") == 0 ? &x[0][0] : strcmp(name, "target") == 0 ? target : NULL;
}

static const double *state(void *ctx, State s)
{
    const Module *m = ctx;
    return strcmp(ir_state(m, s)->key, "0.bias") == 0 ? bias : &weight[0][0];
}

static double scalar(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "lr") == 0 ? 0.125 : (double)NAN;
}

static Module *parsed(void)
{
    ParseErr err;
    Module *m = ir_parse(text, strlen(text), &err);
    ck_assert_msg(m != NULL, "%d:%d: %s", err.line, err.col, err.text);
    return m;
}

/* The loss of n samples by hand: linear, relu, dropout of one half, cross entropy. */
static double loss_by_hand(int n, uint64_t seed, uint64_t step)
{
    double loss = 0;
    for (int i = 0; i < n; i++) {
        double y[2];
        for (int j = 0; j < 2; j++) {
            y[j] = bias[j];
            for (int k = 0; k < 3; k++)
                y[j] += x[i][k] * weight[j][k];
            bool kept = ir_random(seed, "1#0", step, (uint64_t)(i * 2 + j)) >= 0.5;
            y[j] = kept && y[j] > 0 ? 2 * y[j] : 0;
        }
        loss += log(exp(y[0]) + exp(y[1])) - y[(int)target[i]];
    }
    return loss / n;
}

START_TEST(a_step_is_what_it_says)
{
    Module *m = parsed();
    const Graph *g = ir_graph_find(m, "train");
    for (int n = 1; n <= 4; n++)
        for (uint64_t step = 1; step < 5; step++) {
            Arena *a = arena_new();
            const EvalIn in = {.n = n, .input = input, .state = state, .scalar = scalar, .ctx = m,
                               .seed = 77, .step = step};
            double **value = ir_eval(g, &in, a);
            double loss = value[g->root[0].val.i][0], wanted = loss_by_hand(n, 77, step);
            ck_assert_msg(fabs(loss - wanted) < 1e-14, "n = %d: %.17g, not %.17g", n, loss, wanted);
            const double *updated = value[g->root[1].val.i];
            ck_assert(updated[0] == 0.625 && updated[1] == -0.375);
            arena_free(a);
        }
    ir_module_free(m);
}
END_TEST

START_TEST(dead_nodes_are_not_computed)
{
    Module *m = parsed();
    const Graph *g = ir_graph_find(m, "train");
    Arena *a = arena_new();
    const EvalIn in = {.n = 2, .input = input, .state = state, .scalar = scalar, .ctx = m};
    double **value = ir_eval(g, &in, a);
    int dead = 0;
    for (uint32_t i = 1; i < g->n_node; i++) {
        ck_assert((value[i] == NULL) == (g->node[i].op == OP_exp));
        dead += value[i] == NULL;
    }
    ck_assert_int_eq(dead, 1);
    arena_free(a);
    ir_module_free(m);
}
END_TEST

/* Six axes, every second one reduced, then broadcast back and subtracted: all zeros if x is the
 * same along the reduced axes. */
static const double *six_axes(void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

/* The first product's algorithm rounds its factors, halves to even numbers or away from zero; that of the
 * second one does not, and all else reads what was not rounded. */
static const double halves[2][3] = { { 1 + 0x1p-8, 1 + 3 * 0x1p-8, -1 - 0x1p-11 },
                                     { 3 * 0x1p-8, 0, -0x1p-140 } };

static const double *halves_in(void *ctx, const char *name)
{
    (void)ctx, (void)name;
    return &halves[0][0];
}

static const double *units(void *ctx, State s)
{
    static const double one[9] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    (void)ctx, (void)s;
    return one;
}

START_TEST(factors_that_are_rounded)
{
    static const struct { const char *algo; double want[2][3]; } row[] = {
        { "mma_bf16", { { 1, 1 + 0x1p-6, -1 }, { 3 * 0x1p-8, 0, -0x1p-140 } } },
        { "mma_tf32", { { 1 + 0x1p-8, 1 + 3 * 0x1p-8, -1 - 0x1p-10 }, { 3 * 0x1p-8, 0, -0x1p-140 } } },
        { "simt", { { 1 + 0x1p-8, 1 + 3 * 0x1p-8, -1 - 0x1p-11 }, { 3 * 0x1p-8, 0, -0x1p-140 } } },
    };
    char rounds[1024];
    ParseErr err;
    snprintf(rounds, sizeof rounds,
             "seqc.ir 1\nbatch n <= 2\nreal f32\nmath bf16\nstage fuse\nstate \"w\" : f32[3,3] param\n"
             "graph infer\n%%0 = input \"x\" : f32[n,3]\n%%1 = linear %%0, \"w\" : f32[n,3]\n"
             "%%2 = linear %%0, \"w\" : f32[n,3]\n%%3 = cat %%0, %%1, %%2 {axis=1} : f32[n,9]\n"
             "return output=%%3\nkernels infer\nk0 a { %%1 } %s tile %s micro 1x1\n"
             "k1 b { %%2 } simt tile 16x16 micro 1x1\nk2 c { %%3 } move\n",
             row[_i].algo, strcmp(row[_i].algo, "simt") ? "32x32" : "16x16");
    Module *m = ir_parse(rounds, strlen(rounds), &err);
    ck_assert_msg(m != NULL, "%d:%d: %s", err.line, err.col, err.text);
    Arena *a = arena_new();
    EvalIn in = { .n = 2, .input = halves_in, .state = units };
    for (in.rounds = false;; in.rounds = true) {
        const Graph *g = m->graph[0];
        const double *y = ir_eval(g, &in, a)[g->root[0].val.i];
        for (int i = 0; i < 18; i++) {
            const double from = halves[i / 9][i % 3];
            ck_assert_double_eq(y[i], in.rounds && i % 9 / 3 == 1 ? row[_i].want[i / 9][i % 3] : from);
        }
        if (in.rounds) break;
    }
    arena_free(a);
    ir_module_free(m);
}
END_TEST

START_TEST(six_axes_reduce_and_broadcast)
{
    const int size[6] = {2, 3, 2, 2, 3, 2};
    double in_x[144];
    for (int i = 0; i < 144; i++)
        in_x[i] = i / 72 * 100 + i / 12 % 2 * 10 + i / 2 % 3;      /* axes 0, 2 and 4 */
    Module *m = ir_module_new();
    Graph *g = ir_graph_add(m, "infer");
    m->capacity = 2;
    m->real = DT_f64;
    Type t = {.dtype = DT_f64, .shape = {.rank = 6}};
    for (int k = 0; k < 6; k++)
        t.shape.dim[k] = k ? ir_dim(size[k]) : ir_dim_n(1);
    const int64_t axes[] = {1, 3, 5};
    Val v = ir_input(g, "x", t, (Loc){0});
    Val mean =
        ir_add(g, OP_mean, (Loc){0}, &v, 1, IR_ATTRS(ir_ints(AT_axes, axes, 3), ir_flag(AT_keep)));
    Val rest = ir_map(g, "a - b", IR_IN(v, mean), (Loc){0});
    ir_return(g, "rest", rest);
    ir_return(g, "mean", mean);
    Arena *a = arena_new();
    double **value = ir_eval(g, &(EvalIn){.n = 2, .input = six_axes, .ctx = in_x}, a);
    for (int i = 0; i < 144; i++)
        ck_assert_msg(value[rest.i][i] == 0, "element %d: %g", i, value[rest.i][i]);
    for (int i = 0; i < 12; i++)
        ck_assert(value[mean.i][i] == i / 6 * 100 + i / 3 % 2 * 10 + i % 3);
    arena_free(a);
    ir_module_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("eval");
    TCase *t = tcase_create("eval");
    tcase_add_test(t, a_step_is_what_it_says);
    tcase_add_test(t, dead_nodes_are_not_computed);
    tcase_add_loop_test(t, factors_that_are_rounded, 0, 3);
    tcase_add_test(t, six_axes_reduce_and_broadcast);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
