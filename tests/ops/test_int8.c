/* tests/ops/test_int8.c: ops on numbers of 8 and 16 bits: codes against integers computed here, a place at a time, from padded
 * copies. Rounding is to the nearest integer, of two equally near ones to the even one, by fmod. */
#include "runtime/files.h"
#include "tests/ops/case.h"

enum { IMAGES = 2, MOST = 4096 };

/* What a float y is as a code: no function that the interpreter uses. */
static double coded(float y, int zero, int low, int high)
{
    double below = floor((double)y), rest = (double)y - below;
    double near_y = rest > 0.5 || (rest == 0.5 && fmod(below, 2) != 0) ? below + 1 : below;
    double code = near_y + zero;
    return isnan(y) || code < low ? low : code > high ? high : code;
}

/* An op on x and, where it has weights, on these; the text of a graph. */
static void run(const char *states, const char *op, const char *x_type, const char *type, const Feed *feed,
                int n_feed, double *out)
{
    Bench b = {.arena = arena_new(), .n = IMAGES, .n_feed = n_feed};
    memcpy(b.feed, feed, (size_t)n_feed * sizeof *feed);
    ParseErr err;
    char why[IR_ERR];
    char *text = arena_printf(b.arena, "seqc.ir 1\nbatch n <= 4\nreal f32\nstage shape\n\n%s\n"
                              "graph infer\n%%0 = input \"x\" : %s\n%%1 = %s : %s\nreturn y=%%1\n",
                              states, x_type, op, type);
    b.m = ir_parse(text, strlen(text), &err);
    ck_assert_msg(b.m != NULL, "%s: %s", op, err.text);
    ck_assert_msg(ir_verify(b.m, why), "%s: %s", op, why);
    const char *said = ir_print_string(b.m, b.arena);
    Module *again = ir_parse(said, strlen(said), &err);
    ck_assert_str_eq(said, ir_print_string(again, b.arena));
    ir_module_free(again);
    const Graph *g = b.m->graph[0];
    EvalIn in = {.n = IMAGES, .input = feed_input, .state = feed_state, .ctx = &b};
    Val y = g->root[0].val;
    memcpy(out, ir_eval(g, &in, b.arena)[y.i],
           (size_t)ir_elems_at(&ir_type(g, y)->shape, IMAGES) * sizeof *out);
    bench_free(&b);
}

static void same(const char *what, const double *got, const double *wanted, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(got[i] == wanted[i], "%s: element %d is %.17g, not %.17g", what, i, got[i],
                      wanted[i]);
}

static void whole(double *x, int n, double lo, double hi)
{
    fill(x, n, lo, hi + 1);
    for (int i = 0; i < n; i++)
        x[i] = floor(x[i]);
}

START_TEST(quantize)
{
    double x[] = {0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30, NAN, INFINITY, -INFINITY, 100.49999, -3, 7.25};
    double got[28], wanted[28], in[28];
    for (int i = 0; i < 28; i++)
        in[i] = x[i % 14];
    run("", "quantize %0 {step=1 zero_point=5}", "f32[n,14]", "u8[n,14]", (Feed[]){{"x", in}}, 1, got);
    for (int i = 0; i < 28; i++)
        wanted[i] = coded((float)in[i], 5, 0, 255);
    same("step 1", got, wanted, 28);
    run("", "quantize %0 {step=0.3 zero_point=128}", "f32[n,14]", "u8[n,14]", (Feed[]){{"x", in}}, 1, got);
    for (int i = 0; i < 28; i++) {
        volatile float quotient = (float)in[i] / 0.3f;
        wanted[i] = coded(quotient, 128, 0, 255);
    }
    same("step 0.3", got, wanted, 28);
}
END_TEST

/* ---- sums ---- */

static const char linear_states[] =
    "state \"w\" : i8[5,23]{dots8} param\nstate \"b\" : i32[5]{panel8} param\n"
    "state \"f\" : f32[5]{panel8} param\n";

START_TEST(linear)
{
    double x[IMAGES * 23], w[5 * 23], start[] = {0, -70000, 2147483647, 5, -3}, got[10], real[10], code[10];
    double factor[] = {0.001, 0.0005, 1e-7, 0.25, -0.002};
    const Feed feed[] = {{"x", x}, {"w", w}, {"b", start}, {"f", factor}};
    whole(x, IMAGES * 23, 0, 255);
    whole(w, 5 * 23, -127, 127);
    for (int i = 0; i < IMAGES; i++)
        for (int j = 0; j < 5; j++) {
            uint32_t sum = (uint32_t)(int32_t)start[j];
            for (int k = 0; k < 23; k++)
                sum += (uint32_t)((int32_t)x[i * 23 + k] * (int32_t)w[j * 23 + k]);
            volatile float y = (float)(int32_t)sum * (float)factor[j];
            real[i * 5 + j] = (double)y;
            code[i * 5 + j] = coded(y, 20, 20, 200);
        }
    run(linear_states, "linear_int8 %0, \"w\", \"b\", \"f\"", "u8[n,23]", "f32[n,5]", feed, 4, got);
    same("reals", got, real, 10);
    run(linear_states, "linear_int8 %0, \"w\", \"b\", \"f\" {min_val=20 max_val=200 zero_point=20}",
        "u8[n,23]", "u8[n,5]", feed, 4, got);
    same("codes", got, code, 10);
}
END_TEST

/* Places of [n,h,w,c] with its surroundings. */
typedef struct Image { int h, w, c, top, left, bottom, right; } Image;

static void padded(const Image *s, const double *x, double padding, double *to)
{
    int rows = s->h + s->top + s->bottom, cols = s->w + s->left + s->right;
    for (int n = 0; n < IMAGES; n++)
        for (int i = 0; i < rows * cols * s->c; i++) {
            int row = i / s->c / cols - s->top, col = i / s->c % cols - s->left, c = i % s->c;
            bool inside = row >= 0 && row < s->h && col >= 0 && col < s->w;
            to[n * rows * cols * s->c + i] = inside ? x[((n * s->h + row) * s->w + col) * s->c + c]
                                                    : padding;
        }
}

/* 3 channels of 6 x 7 to 4, by 2 x 3 taps that stand 2 apart by rows, in steps of 2 and 1. */
START_TEST(conv)
{
    static double x[MOST], w[MOST], wide[MOST], got[MOST], wanted[MOST];
    double start[] = {100, -200, 30000, 0}, factor[] = {0.01, 0.002, 0.003, 0.0001};
    const Image s = {6, 7, 3, 1, 2, 0, 1};
    const int rows = 7, cols = 10, down = 3, across = 8;
    const Feed feed[] = {{"x", x}, {"w", w}, {"b", start}, {"f", factor}};
    whole(x, IMAGES * 6 * 7 * 3, 0, 255);
    whole(w, 4 * 2 * 9, -127, 127);
    padded(&s, x, 77, wide);
    int at = 0;
    for (int n = 0; n < IMAGES; n++)
        for (int i = 0; i < down; i++)
            for (int j = 0; j < across; j++)
                for (int o = 0; o < 4; o++) {
                    int32_t sum = (int32_t)start[o];
                    for (int a = 0; a < 2; a++)
                        for (int b = 0; b < 3; b++)
                            for (int c = 0; c < 3; c++)
                                sum += (int32_t)wide[((n * rows + 2 * i + 2 * a) * cols + j + b) * 3 + c]
                                     * (int32_t)w[((o * 2 + a) * 3 + b) * 3 + c];
                    volatile float y = (float)sum * (float)factor[o];
                    wanted[at++] = coded(y, 9, 0, 255);
                }
    run("state \"w\" : i8[4,2,9]{dots4} param\nstate \"b\" : i32[4]{panel4} param\n"
        "state \"f\" : f32[4]{panel4} param\n",
        "conv_int8 %0, \"w\", \"b\", \"f\" {kernel=[2,3] stride=[2,1] padding=[1,2,0,1] dilation=[2,1] "
        "value=77 zero_point=9}", "u8[n,6,7,3]", "u8[n,3,8,4]", feed, 4, got);
    same("conv_int8", got, wanted, at);
}
END_TEST

START_TEST(pool)
{
    static double x[MOST], wide[MOST], got[MOST], wanted[MOST];
    const Image s = {5, 7, 2, 1, 0, 0, 1};
    whole(x, IMAGES * 5 * 7 * 2, 0, 255);
    padded(&s, x, 0, wide);
    int at = 0;
    for (int n = 0; n < IMAGES; n++)
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                for (int c = 0; c < 2; c++, at++)
                    for (int tap = 0; tap < 6; tap++)
                        wanted[at] = fmax(wanted[at], wide[((n * 6 + 2 * i + tap / 3) * 8 + 2 * j
                                                            + tap % 3) * 2 + c]);
    run("", "pool_max %0 {kernel=[2,3] stride=[2,2] padding=[1,0,0,1]}", "u8[n,5,7,2]", "u8[n,3,3,2]",
        (Feed[]){{"x", x}}, 1, got);
    same("pool_max", got, wanted, at);
}
END_TEST

/* ---- weights of 16 bits ---- */

/* All that the two types hold, by the runtime's functions, which read files of PyTorch's. */
START_TEST(halves)
{
    for (uint32_t h = 0; h < 65536; h++) {
        double f16 = (double)rt_from_f16((uint16_t)h), bf16 = (double)rt_from_bf16((uint16_t)h);
        double x = ir_from_half(DT_f16, (uint16_t)h), y = ir_from_half(DT_bf16, (uint16_t)h);
        ck_assert_msg(x == f16 || (isnan(x) && isnan(f16)), "f16 %04x: %g, not %g", h, x, f16);
        ck_assert_msg(y == bf16 || (isnan(y) && isnan(bf16)), "bf16 %04x: %g, not %g", h, y, bf16);
        if (!isnan(x)) ck_assert_uint_eq(ir_to_half(DT_f16, x), h);
        if (!isnan(y)) ck_assert_uint_eq(ir_to_half(DT_bf16, y), h);
    }
    ck_assert(isnan(ir_from_half(DT_f16, ir_to_half(DT_f16, NAN))));
    ck_assert(isnan(ir_from_half(DT_bf16, ir_to_half(DT_bf16, NAN))));
}
END_TEST

/* Between two neighbours the nearer one, half way the even one. */
START_TEST(halves_are_rounded)
{
    for (int d = 0; d < 2; d++) {
        DType type = d ? DT_f16 : DT_bf16;
        for (uint32_t h = 0; h < (d ? 0x7bffu : 0x7f7fu); h++) {
            double low = ir_from_half(type, (uint16_t)h), high = ir_from_half(type, (uint16_t)(h + 1));
            double middle = low + (high - low) / 2, nearer = low + (high - low) / 8;
            ck_assert_uint_eq(ir_to_half(type, middle), h % 2 ? h + 1 : h);
            ck_assert_uint_eq(ir_to_half(type, nearer), h);
            ck_assert_uint_eq(ir_to_half(type, -high + (high - low) / 8), 0x8000 | (h + 1));
        }
    }
    ck_assert(isinf(ir_from_half(DT_f16, ir_to_half(DT_f16, 65520))));
    ck_assert(ir_from_half(DT_f16, ir_to_half(DT_f16, 65519)) == 65504);
}
END_TEST

START_TEST(linear_of_halves)
{
    double x[IMAGES * 7], w[5 * 7], b[] = {1, -2, 0.5, 0, 4}, got[10], wanted[10];
    const Feed feed[] = {{"x", x}, {"w", w}, {"b", b}};
    whole(x, IMAGES * 7, -9, 9);
    whole(w, 5 * 7, -9, 9);
    for (int i = 0; i < IMAGES; i++)
        for (int j = 0; j < 5; j++) {
            wanted[i * 5 + j] = b[j];
            for (int k = 0; k < 7; k++) wanted[i * 5 + j] += x[i * 7 + k] * w[j * 7 + k];
        }
    run("state \"w\" : bf16[5,7]{panel8} param\nstate \"b\" : f32[5] param\n",
        "linear_half %0, \"w\", \"b\"", "f32[n,7]", "f32[n,5]", feed, 3, got);
    same("linear_half", got, wanted, 10);
}
END_TEST

/* ---- what is none ---- */

static const struct { const char *states, *op, *x_type, *type, *says; } wrong[] = {
    {"", "quantize %0 {step=0 zero_point=0}", "f32[n,3]", "u8[n,3]", "a float above 0"},
    {"", "quantize %0 {step=1 zero_point=256}", "f32[n,3]", "u8[n,3]", "from 0 to 255"},
    {"", "quantize %0 {step=1 zero_point=1.5}", "f32[n,3]", "u8[n,3]", "from 0 to 255"},
    {"", "quantize %0 {step=1 zero_point=0}", "f64[n,3]", "u8[n,3]", "must be f32"},
    {linear_states, "linear_int8 %0, \"w\", \"b\", \"f\"", "u8[n,22]", "f32[n,5]", "do not go with"},
    {linear_states, "linear_int8 %0, \"w\", \"b\", \"f\" {min_val=3}", "u8[n,23]", "f32[n,5]", "no limits"},
    {linear_states, "linear_int8 %0, \"w\", \"b\", \"f\" {min_val=9 max_val=3 zero_point=0}", "u8[n,23]",
     "u8[n,5]", "above max_val"},
    {"state \"w\" : i8[5,23] param\nstate \"b\" : i32[5]{panel8} param\nstate \"f\" : f32[5]{panel8} param\n",
     "linear_int8 %0, \"w\", \"b\", \"f\"", "u8[n,23]", "f32[n,5]", "in dots of 4, 8 or 16"},
    {"state \"w\" : i8[5,23]{dots8} param\nstate \"b\" : i32[5]{panel4} param\n"
     "state \"f\" : f32[5]{panel8} param\n",
     "linear_int8 %0, \"w\", \"b\", \"f\"", "u8[n,23]", "f32[n,5]", "does not go with weights"},
    {"state \"w\" : bf16[5,23] param\n", "linear_half %0, \"w\"", "f32[n,23]", "f32[n,5]", "in panels of 4, 8"},
    {"state \"w\" : f32[5,23]{panel8} param\n", "linear_half %0, \"w\"", "f32[n,23]", "f32[n,5]", "bf16 or f16"},
    {"state \"w\" : f16[5,22]{panel8} param\n", "linear_half %0, \"w\"", "f32[n,23]", "f32[n,5]",
     "does not go with"},
    {"state \"w\" : bf16[3] param\n", "relu \"w\"", "f32[n,3]", "bf16[3]", "must be real"},
    {"state \"w\" : f32[5,23]{dots8} param\n", "relu %0", "f32[n,3]", "f32[n,3]", "rows of bytes"},
    {"state \"w\" : i8[4,2,9]{dots4} param\nstate \"b\" : i32[4]{panel4} param\n"
     "state \"f\" : f32[4]{panel4} param\n",
     "conv_int8 %0, \"w\", \"b\", \"f\" {kernel=[3,3]}", "u8[n,6,7,3]", "f32[n,4,5,4]", "3 runs of 9"},
    {"state \"w\" : i8[4,2,9]{dots4} param\nstate \"b\" : i32[4]{panel4} param\n"
     "state \"f\" : f32[4]{panel4} param\n",
     "conv_int8 %0, \"w\", \"b\", \"f\" {kernel=[2,3] dilation=[1,2]}", "u8[n,6,7,3]", "f32[n,5,3,4]",
     "must be neighbours"},
    {"", "pool_max %0 {kernel=[2,2] padding=[2,0,0,0]}", "u8[n,5,7,2]", "u8[n,6,6,2]", "padding only"},
};

START_TEST(refused)
{
    ParseErr err;
    Arena *a = arena_new();
    char *text = arena_printf(a, "seqc.ir 1\nbatch n <= 4\nreal f32\nstage shape\n\n%s\ngraph infer\n"
                              "%%0 = input \"x\" : %s\n%%1 = %s : %s\nreturn y=%%1\n", wrong[_i].states,
                              wrong[_i].x_type, wrong[_i].op, wrong[_i].type);
    ck_assert_msg(!ir_parse(text, strlen(text), &err), "%s is taken", wrong[_i].op);
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s: %s", wrong[_i].op, err.text);
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("int8");
    TCase *t = tcase_create("int8");
    tcase_add_test(t, quantize);
    tcase_add_test(t, linear);
    tcase_add_test(t, conv);
    tcase_add_test(t, pool);
    tcase_add_test(t, halves);
    tcase_add_test(t, halves_are_rounded);
    tcase_add_test(t, linear_of_halves);
    tcase_add_loop_test(t, refused, 0, COUNT(wrong));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
