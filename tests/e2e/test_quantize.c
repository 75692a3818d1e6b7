/* tests/e2e/test_quantize.c: quantized models of small graphs: which of their values are codes, how far
 * their results are from the real ones, and that generated code has the interpreter's bits. */
#define _POSIX_C_SOURCE 200809L
#include "ir/trial.h"
#include "loaded.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

enum { SAMPLES = 5 };

/* A graph at tidy, and the ops that it becomes, in order. `stays`: layers in float. */
typedef struct Net { const char *name, *states, *body, *becomes; int stays; } Net;

static const Net nets[] = {
    { "layers in a row",
      "state \"0.weight\" : f32[40,30] param\nstate \"0.bias\" : f32[40] param\n"
      "state \"2.weight\" : f32[37,40] param\nstate \"4.weight\" : f32[5,37] param\n"
      "state \"4.bias\" : f32[5] param\n",
      "%0 = input \"x\" : f32[n,30]\n%1 = linear %0, \"0.weight\", \"0.bias\" : f32[n,40]\n"
      "%2 = relu %1 : f32[n,40]\n%3 = linear %2, \"2.weight\" : f32[n,37]\n"
      "%4 = hardtanh %3 {min_val=-0.5 max_val=0.75} : f32[n,37]\n"
      "%5 = linear %4, \"4.weight\", \"4.bias\" : f32[n,5]\nreturn output=%5\n",
      "quantize linear_int8 linear_int8 linear_int8", 0 },
    { "images, pooled and flattened",
      "state \"0.weight\" : f32[9,3,3,2] param\nstate \"0.bias\" : f32[9] param\n"
      "state \"3.weight\" : f32[20,9,2,3] param\nstate \"3.bias\" : f32[20] param\n"
      "state \"7.weight\" : f32[6,240] param\nstate \"7.bias\" : f32[6] param\n",
      "%0 = input \"x\" : f32[n,3,13,11]\n"
      "%1 = conv %0, \"0.weight\", \"0.bias\" {stride=[1,2] padding=[1,0,1,1]} : f32[n,9,13,6]\n"
      "%2 = pool_index %1 {kernel=[3,2] stride=[2,1] padding=[1,0,0,0]} : u8[n,9,6,5]\n"
      "%3 = pool_take %1, %2 {kernel=[3,2] stride=[2,1] padding=[1,0,0,0]} : f32[n,9,6,5]\n"
      "%4 = relu6 %3 : f32[n,9,6,5]\n"
      "%5 = conv %4, \"3.weight\", \"3.bias\" {dilation=[2,1]} : f32[n,20,4,3]\n"
      "%6 = reshape %5 : f32[n,240]\n%7 = relu %6 : f32[n,240]\n"
      "%8 = linear %7, \"7.weight\", \"7.bias\" : f32[n,6]\nreturn output=%8\n",
      "quantize permute conv_int8 pool_max conv_int8 reshape linear_int8", 0 },
    { "what others read stays real, what has groups does",
      "state \"a.weight\" : f32[8,4,3,3] param\nstate \"b.weight\" : f32[8,4,3,3] param\n"
      "state \"c.weight\" : f32[4,8,1,1] param\n",
      "%0 = input \"x\" : f32[n,4,6,6]\n"
      "%1 = conv %0, \"a.weight\" {padding=[1,1,1,1]} : f32[n,8,6,6]\n%2 = relu %1 : f32[n,8,6,6]\n"
      "%3 = conv %2, \"b.weight\" {padding=[1,1,1,1] groups=2} : f32[n,8,6,6]\n"
      "%4 = add %3, %2 : f32[n,8,6,6]\n%5 = conv %4, \"c.weight\" : f32[n,4,6,6]\n"
      "%6 = tanh %5 : f32[n,4,6,6]\nreturn output=%6\n",
      "quantize permute conv_int8 permute relu conv add quantize permute conv_int8 permute tanh", 1 },
    { "batch norm is part of its convolution",
      "state \"0.weight\" : f32[8,3,3,3] param\nstate \"1.weight\" : f32[8] param\n"
      "state \"1.bias\" : f32[8] param\nstate \"1.running_mean\" : f32[8] buffer\n"
      "state \"1.running_var\" : f32[8] buffer\nstate \"4.weight\" : f32[8,8,3,3] param\n"
      "state \"4.bias\" : f32[8] param\nstate \"s\" : f32[] param\nstate \"7.weight\" : f32[5,8] param\n",
      "%0 = input \"x\" : f32[n,3,8,8]\n%1 = conv %0, \"0.weight\" {padding=[1,1,1,1]} : f32[n,8,8,8]\n"
      "%2 = map \"1.weight\", \"1.running_var\" {f=\"a/sqrt(b + 1e-05)\"} : f32[8]\n"
      "%3 = reshape \"1.running_mean\" : f32[8,1,1]\n%4 = reshape %2 : f32[8,1,1]\n"
      "%5 = reshape \"1.bias\" : f32[8,1,1]\n"
      "%6 = map %1, %3, %4, %5 {f=\"(a - b)*c + d\"} : f32[n,8,8,8]\n"
      "%7 = pool_index %6 {kernel=[2,2] stride=[2,2]} : u8[n,8,4,4]\n"
      "%8 = pool_take %6, %7 {kernel=[2,2] stride=[2,2]} : f32[n,8,4,4]\n%9 = relu %8 : f32[n,8,4,4]\n"
      "%10 = conv %9, \"4.weight\", \"4.bias\" {padding=[1,1,1,1]} : f32[n,8,4,4]\n"
      "%11 = map \"s\", %10 {f=\"3 - b*a/4\"} : f32[n,8,4,4]\n"
      "%12 = add %11, %9 : f32[n,8,4,4]\n%13 = mean %12 {axes=[2,3]} : f32[n,8]\n"
      "%14 = linear %13, \"7.weight\" : f32[n,5]\n%15 = map %14 {f=\"a*a\"} : f32[n,5]\n"
      "return output=%15\n",
      "quantize permute conv_int8 permute pool_index pool_take relu quantize permute conv_int8 permute add "
      "mean quantize linear_int8 map", 0 },
    { "sequences, whose weights serve twice",
      "state \"0.weight\" : f32[6,2,5] param\nstate \"1.weight\" : f32[6,6] param\n",
      "%0 = input \"x\" : f32[n,2,20]\n%1 = conv %0, \"0.weight\" {padding=[2,2]} : f32[n,6,20]\n"
      "%2 = mean %1 {axes=[2]} : f32[n,6]\n%3 = linear %2, \"1.weight\" : f32[n,6]\n"
      "%4 = relu %3 : f32[n,6]\n%5 = linear %4, \"1.weight\" : f32[n,6]\nreturn output=%5\n",
      "quantize permute conv_int8 permute mean linear relu linear", 2 },
};
enum { NETS = sizeof nets / sizeof *nets };

/* A real net with its values, and the quantized one. */
typedef struct Bench {
    Arena *a;
    Module *m;
    Trial trial;
    EvalIn in;
    double **real;                       /* of all nodes */
    const double **state;
    Extremes *range;
    QuantLayer *layer; int n_layer;
    Quantized q;
} Bench;

static void open_bench(Bench *b, const Net *net, const char *march, bool watched)
{
    *b = (Bench){ .a = arena_new() };
    ParseErr err;
    char *text = arena_printf(b->a, "seqc.ir 1\nbatch n <= %d\nreal f32\nstage tidy\n\n%s\nprogram \"t\"\n\n"
                              "graph infer\n%s", SAMPLES, net->states, net->body);
    b->m = ir_parse(text, strlen(text), &err);
    ck_assert_msg(b->m != NULL, "%s: %d: %s", net->name, err.line, err.text);
    const Graph *g = b->m->graph[0];
    b->trial = (Trial){ .g = g, .n = SAMPLES, .low = -1, .arena = b->a };
    b->in = ir_trial(&b->trial);
    b->real = ir_eval(g, &b->in, b->a);
    b->state = arena_alloc(b->a, b->m->n_state, sizeof *b->state);
    for (uint32_t s = 1; s < b->m->n_state; s++) {
        /* Around 0, and every row of its own size: steps are the rows'. */
        const Type *t = &b->m->state[s].type;
        bool positive = strstr(b->m->state[s].key, "var") != NULL;
        int64_t rows = t->shape.rank ? t->shape.dim[0].k : 1, n = ir_elems_at(&t->shape, 1);
        double *x = ir_trial_state(&b->trial, (State){ s });
        for (int64_t i = 0; i < n; i++)
            x[i] = (double)(float)(positive ? x[i] + 0.1 : (x[i] - 0.5) * (1 + (double)(i / (n / rows)) / 4));
        b->state[s] = x;
    }
    b->real = ir_eval(g, &b->in, b->a);
    b->range = arena_alloc(b->a, g->n_node, sizeof *b->range);
    for (uint32_t v = 1; v < g->n_node; v++)
        for (int64_t i = 0, n = ir_elems_at(&g->node[v].type.shape, SAMPLES); b->real[v] && i < n; i++) {
            b->range[v].low = fmin(b->range[v].low, b->real[v][i]);
            b->range[v].high = fmax(b->range[v].high, b->real[v][i]);
        }
    b->layer = pass_quantize_layers(g, &b->n_layer, b->a);
    const QuantizeIn in = { ir_target(march), b->state, b->range, b->layer, b->n_layer };
    b->q = pass_quantize(b->m, &in, watched, b->a);
}

static void close_bench(Bench *b)
{
    ir_module_free(b->q.m);
    ir_module_free(b->m);
    arena_free(b->a);
}

static const double *input_of(void *ctx, const char *name)
{
    return ir_trial_input(&((Bench *)ctx)->trial, name);
}

static const double *value_of(void *ctx, State s) { return ((Bench *)ctx)->q.value[s.i]; }

static EvalIn quantized_in(Bench *b)
{
    return (EvalIn){ .n = SAMPLES, .input = input_of, .state = value_of, .ctx = b };
}

/* Signal to noise, in decibels. */
static double decibels(const double *real, const double *x, int64_t n)
{
    double signal = 0, noise = 1e-300;
    for (int64_t i = 0; i < n; i++) {
        signal += real[i] * real[i];
        noise += (real[i] - x[i]) * (real[i] - x[i]);
    }
    return 10 * log10(signal / noise);
}

START_TEST(becomes_codes)
{
    const Net *net = &nets[_i];
    char why[IR_ERR], ops[512] = "";
    Bench b;
    open_bench(&b, net, "x86-64-v4", false);
    const Graph *g = b.q.m->graph[0];
    ck_assert_msg(ir_verify(b.q.m, why), "%s: %s", net->name, why);
    ParseErr err;
    const char *once = ir_print_string(b.q.m, b.a);
    Module *again = ir_parse(once, strlen(once), &err);
    ck_assert_msg(again != NULL, "%s: %s", net->name, err.text);
    ck_assert_str_eq(once, ir_print_string(again, b.a));
    ir_module_free(again);
    for (uint32_t v = 1; v < g->n_node; v++)
        if (ir_op[g->node[v].op].kind != KIND_LEAF)
            sprintf(ops + strlen(ops), "%s%s", *ops ? " " : "", ir_op[g->node[v].op].name);
    ck_assert_str_eq(ops, net->becomes);
    int stays = 0;
    for (int i = 0; i < b.n_layer; i++) stays += b.layer[i].why != NULL;
    ck_assert_int_eq(stays, net->stays);
    close_bench(&b);
}
END_TEST

/* Codes of 8 bits carry some 40 dB, fewer where sums are differences; weights in wrong places none. */
START_TEST(is_near_the_real_one)
{
    const Net *net = &nets[_i];
    Bench b;
    open_bench(&b, net, "x86-64-v3", true);
    const Graph *g = b.q.m->graph[0];
    EvalIn in = quantized_in(&b);
    double **x = ir_eval(g, &in, b.a);
    for (int r = 0; r < g->n_root; r++) {
        const Root *root = &g->root[r];
        int layer = -1;
        sscanf(root->name, "layer%d", &layer);
        Val real = layer < 0 ? b.m->graph[0]->root[0].val : b.layer[layer].seen;
        const Type *t = ir_type(b.m->graph[0], real);
        ck_assert(ir_shape_eq(&t->shape, &ir_type(g, root->val)->shape));
        double db = decibels(b.real[real.i], x[root->val.i], ir_elems_at(&t->shape, SAMPLES));
        ck_assert_msg(db > 20, "%s: %s has %.1f dB", net->name, root->name, db);
    }
    close_bench(&b);
}
END_TEST

/* Every row's largest weight is 127 steps, every weight at most half a step off. */
START_TEST(rows_have_their_own_steps)
{
    Bench b;
    open_bench(&b, &nets[0], "x86-64-v3", false);
    const Module *q = b.q.m;
    const double step_x = pass_affine(b.range[1]).step;
    State w = ir_state_find(q, "0.weight"), factor = ir_state_find(q, "0.weight#factor");
    Val end = b.layer[0].seen;
    const double step_y = pass_affine(b.range[end.i]).step;
    for (int i = 0; i < 40; i++) {
        double step = b.q.value[factor.i][i] * step_y / step_x, most = 0;
        for (int k = 0; k < 30; k++) {
            double code = b.q.value[w.i][i * 30 + k], real = b.state[w.i][i * 30 + k];
            most = fmax(most, fabs(code));
            ck_assert_msg(fabs(real - code * step) <= 0.5001 * step, "row %d, weight %d: %g as %g steps of "
                          "%g", i, k, real, code, step);
        }
        ck_assert(most == 127);
    }
    close_bench(&b);
}
END_TEST

static const char *const marches[] = { "x86-64-v4", "x86-64-v3", "x86-64", "generic" };

/* Of the nets whose reals are inputs and results alone. */
START_TEST(code_has_the_interpreters_bits)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "plan" };
    const Target *t = ir_target(marches[_i % 4]);
    const Net *net = &nets[_i / 4];
    char err[IR_ERR];
    Bench b;
    if (!rt_cpu_runs(t->features)) return;
    open_bench(&b, net, marches[_i % 4], false);
    Module *planned = pass_run_list(b.q.m, &(PassCtx){ .target = t, .blas = BLAS_NONE }, steps, 4, err);
    ck_assert_msg(planned != NULL, "%s: %s", net->name, err);
    Replay *r = loaded_open(net->name, planned, t, "-O1", NULL, b.a);
    const Graph *g = planned->graph[0];
    EvalIn in = quantized_in(&b);
    double **want = ir_root_values(g, ir_eval(g, &in, b.a), b.a);
    rt_pool *pool = rt_pool_open(2);
    double **got = emit_run(r, g, &in, &(ReplayHow){ .fill = 0xff, .workers = 2, .pool = pool }, b.a);
    rt_pool_close(pool);
    int64_t n = ir_elems_at(&ir_type(g, g->root[0].val)->shape, SAMPLES);
    ck_assert_msg(memcmp(want[0], got[0], (size_t)n * sizeof **got) == 0, "%s for %s: not the same bits",
                  net->name, marches[_i % 4]);
    emit_close(r);
    ir_module_free(planned);
    close_bench(&b);
}
END_TEST

/* All that a layer reads may be 0, and all its weights. */
START_TEST(zeros)
{
    Affine a = pass_affine((Extremes){ 0, 0 }), positive = pass_affine((Extremes){ 3, 5 });
    Affine both = pass_affine((Extremes){ -1, 3 });
    ck_assert(a.step == 1 && a.zero == 0);
    ck_assert(positive.zero == 0 && positive.step == (double)(float)(5.0 / 255));
    ck_assert(both.zero == 64 && both.step == (double)(float)(4.0 / 255));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quantize");
    TCase *t = tcase_create("quantize");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, becomes_codes, 0, NETS);
    tcase_add_loop_test(t, is_near_the_real_one, 0, NETS);
    tcase_add_test(t, rows_have_their_own_steps);
    tcase_add_loop_test(t, code_has_the_interpreters_bits, 0, 2 * 4);
    tcase_add_test(t, zeros);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
