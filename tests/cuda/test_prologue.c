/* tests/cuda/test_prologue.c: convolutions that compute maps of what they read, in the emulator: what the
 * interpreter gives, and the bits of one kernel a node. Of all that reads such a map: a convolution, its two
 * derivatives, both operands of a weight's; padding, which stays zero whatever the maps make of zeros; strides,
 * groups, dilation, sequences; what is one for each channel, or each image. In float and double, on tensor cores and
 * by one block; and layers that are drawn, of which a run takes some (turns.h). */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include "ir/tasks.h"
#include "passes/passes.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/kernels_run.h"
#include "tests/e2e/turns.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* kernels: all; prologues: those that begin with maps. */
static const struct { Case c; int kernels, prologues; } prologues[] = {
    { { "padding is zero, not what maps make of it", 9, 0,
        "state \"w\" : real[20,3,3,3] param\nstate \"b\" : real[20] param\n",
        "%0 = input \"x\" : real[n,3,9,7]\n"
        "%1 = map %0 {f=\"2*a\"} : real[n,3,9,7]\n"
        "%2 = map %1 {f=\"a + 3\"} : real[n,3,9,7]\n"
        "%3 = conv %2, \"w\", \"b\" {padding=[2,0,0,2]} : real[n,20,9,7]\n"
        "%4 = relu %3 : real[n,20,9,7]\n"
        "return output=%4\n" }, 1, 1 },
    { { "each channel its own, and a layer's derivatives", 7, 0,
        "state \"w\" : real[6,2,3,2] param\nstate \"mean\" : real[4,1,1] buffer\n"
        "state \"scale\" : real[1,4,1,1] buffer\n",
        "%0 = input \"x\" : real[n,4,7,6]\n"
        "%1 = map %0, \"mean\" {f=\"a - b\"} : real[n,4,7,6]\n"
        "%2 = map %1, \"scale\" {f=\"a*b + 1\"} : real[n,4,7,6]\n"
        "%3 = conv %2, \"w\" {stride=[2,1] padding=[1,0,0,2] dilation=[1,3] groups=2} : real[n,6,3,5]\n"
        "%4 = tanh %3 : real[n,6,3,5]\n"
        "%5 = conv_weight %2, %4 {stride=[2,1] padding=[1,0,0,2] dilation=[1,3] groups=2} : real[6,2,3,2]\n"
        "%6 = map \"w\", %5 {f=\"a - 0.1*b\"} : real[6,2,3,2]\n"
        "return output=%3\n"
        "update \"w\"=%6\n" }, 2, 2 },
    { { "slopes, of which a weight's derivative and an operand's are made", 6, 0,
        "state \"w\" : real[6,2,3,2] param\nstate \"s\" : real[6,1,1] buffer\n",
        "%0 = input \"x\" : real[n,4,7,6]\n"
        "%1 = input \"y\" : real[n,6,3,5]\n"
        "%2 = input \"z\" : real[n,6,3,5]\n"
        "%3 = map %1, %2, \"s\" {f=\"b > 0 ? a*c : 0.25\"} : real[n,6,3,5]\n"
        "%4 = map %0 {f=\"a - 2\"} : real[n,4,7,6]\n"
        "%5 = conv_transpose %3, \"w\" {stride=[2,1] padding=[1,0,0,2] dilation=[1,3] groups=2} : real[n,4,7,6]\n"
        "%6 = conv_weight %4, %3 {stride=[2,1] padding=[1,0,0,2] dilation=[1,3] groups=2} : real[6,2,3,2]\n"
        "return back=%5 weight=%6\n" }, 2, 2 },
    { { "sequences, each channel alone", 6, 0, "state \"w\" : real[6,1,4] param\nstate \"m\" : real[3,1] buffer\n",
        "%0 = input \"x\" : real[n,3,20]\n"
        "%1 = map %0, \"m\" {f=\"tanh(a) + b\"} : real[n,3,20]\n"
        "%2 = conv %1, \"w\" {stride=[3] padding=[2,1] dilation=[2] groups=3} : real[n,6,6]\n"
        "%3 = conv_weight %1, %2 {stride=[3] padding=[2,1] dilation=[2] groups=3} : real[6,1,4]\n"
        "return output=%2 weight=%3\n" }, 2, 2 },
    { { "each image its own, and of one image all the same", 5, 0,
        "state \"w\" : real[9,8,1,1] param\nstate \"v\" : real[2,8,3,3] param\n",
        "%0 = input \"x\" : real[n,8,6,5]\n"
        "%1 = input \"gate\" : real[n,8,1,1]\n"
        "%2 = input \"shift\" : real[n,1,1,1]\n"
        "%3 = map %0, %1 {f=\"a*b\"} : real[n,8,6,5]\n"
        "%4 = map %3, %2 {f=\"max(a, b)\"} : real[n,8,6,5]\n"
        "%5 = conv %4, \"w\" : real[n,9,6,5]\n"
        "%6 = conv %3, \"v\" {padding=[1,1,1,1]} : real[n,2,6,5]\n"
        "%7 = conv_weight %4, %5 : real[9,8,1,1]\n"
        "return a=%5 b=%6 c=%7\n" }, 3, 3 },
    { { "two convolutions of one map, the second of the first's result, too", 5, 0,
        "state \"w\" : real[8,8,3,3] param\nstate \"v\" : real[8,8,1,1] param\n",
        "%0 = input \"x\" : real[n,8,6,5]\n"
        "%1 = map %0 {f=\"a + 1\"} : real[n,8,6,5]\n"
        "%2 = conv %1, \"v\" : real[n,8,6,5]\n"
        "%3 = conv %1, \"w\" {padding=[1,1,1,1]} : real[n,8,6,5]\n"
        "%4 = mul %2, %3 : real[n,8,6,5]\n"
        "%5 = conv_weight %1, %4 {padding=[1,1,1,1]} : real[8,8,3,3]\n"
        "return a=%4 b=%5\n" }, 3, 3 },
    { { "two tensors, several steps of both factors", 9, 0,
        "state \"w\" : real[12,6,3,3] param\nstate \"s\" : real[6,1,1] buffer\n",
        "%0 = input \"x\" : real[n,6,7,5]\n"
        "%1 = input \"y\" : real[n,6,7,5]\n"
        "%2 = input \"z\" : real[n,12,7,5]\n"
        "%3 = input \"u\" : real[n,12,7,5]\n"
        "%4 = map %0, %1, \"s\" {f=\"b > 0 ? a - c : 0.25\"} : real[n,6,7,5]\n"
        "%5 = map %2, %3 {f=\"max(a, b) + 1\"} : real[n,12,7,5]\n"
        "%6 = conv %4, \"w\" {padding=[1,1,1,1]} : real[n,12,7,5]\n"
        "%7 = conv_weight %4, %5 {padding=[1,1,1,1]} : real[12,6,3,3]\n"
        "%8 = conv_transpose %5, \"w\" {padding=[1,1,1,1]} : real[n,6,7,5]\n"
        "return a=%6 b=%7 c=%8\n" }, 3, 3 },
    { { "groups wide enough for tensor cores", 6, 0,
        "state \"w\" : real[64,32,1,1] param\nstate \"s\" : real[64,1,1] buffer\n",
        "%0 = input \"x\" : real[n,64,4,4]\n"
        "%1 = map %0, \"s\" {f=\"a - b\"} : real[n,64,4,4]\n"
        "%2 = conv %1, \"w\" {padding=[1,0,0,1] groups=2} : real[n,64,5,5]\n"
        "%3 = relu %2 : real[n,64,5,5]\n"
        "return a=%3\n" }, 1, 1 },
};
enum { N_PROLOGUES = sizeof prologues / sizeof *prologues };

/* Kernels, and those of a convolution that begin with maps. */
static void count(const char *text, int *kernels, int *with)
{
    static const char *const steps[] = { "layout", "fuse" };
    ParseErr parse;
    char err[IR_ERR];
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE, .verify = true };
    Module *p = pass_run_list(m, &c, steps, 2, err);
    ck_assert_msg(p != NULL, "%s", err);
    const Graph *g = p->graph[0];
    *kernels = g->n_kernel;
    *with = 0;
    for (int k = 0; k < g->n_kernel; k++) {
        Val root = ir_kernel_root(g, &g->kernel[k]);
        *with += ir_op[ir_node(g, root)->op].kind == KIND_CONV && g->kernel[k].member[0].i < root.i;
    }
    ir_module_free(p);
    ir_module_free(m);
}

/* In that mode. */
static char *text_of(const Case *c, const char *real, MathMode math)
{
    char *text = case_text(c, real);
    if (math == MATH_default) return text;
    char *loose = malloc(strlen(text) + 64), *rest = strstr(text, "stage tidy");
    sprintf(loose, "%.*smath %s\n%s", (int)(rest - text), text, ir_math[math].name, rest);
    free(text);
    return loose;
}

static void run(int i, const char *real, MathMode math, Variant v)
{
    const char *only = getenv("ONLY");
    char name[160], *text = text_of(&prologues[i].c, real, math);
    int kernels, with;
    snprintf(name, sizeof name, "%s, %s %s%s", prologues[i].c.name, ir_math[math].name, real,
             v.one_block ? ", one block" : "");
    v.quick = v.cuda = true;
    v.flag = "-ffp-contract=off";
    if (!only || strstr(name, only)) {
        count(text, &kernels, &with);
        ck_assert_int_eq(kernels, prologues[i].kernels);
        ck_assert_int_eq(with, prologues[i].prologues);
        check_text(name, text, v);
    }
    free(text);
}

START_TEST(test_unfused) { run(_i, "f32", MATH_default, (Variant){ .as_unfused = true }); } END_TEST
START_TEST(test_double) { run(_i, "f64", MATH_default, (Variant){ .as_unfused = true }); } END_TEST
START_TEST(test_tf32) { run(_i, "f32", MATH_tf32, (Variant){ .as_unfused = true }); } END_TEST
START_TEST(test_bf16) { run(_i, "f32", MATH_bf16, (Variant){ .as_unfused = true }); } END_TEST
START_TEST(test_one_block) { run(_i, "f32", MATH_default, (Variant){ .one_block = true }); } END_TEST

/* Convolutions of the same maps launch one kernel, whatever is on them; one of none has its own. */
static const Case twins = {
    "the same maps before them, others on them", 6, 0, "state \"w\" : real[8,3,3,3] param\n",
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = map %0 {f=\"a + 3\"} : real[n,3,9,7]\n"
    "%2 = conv %1, \"w\" {padding=[1,1,1,1]} : real[n,8,9,7]\n"
    "return output=%2\n"
    "\ngraph eval\n"
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = map %0 {f=\"a + 3\"} : real[n,3,9,7]\n"
    "%2 = conv %1, \"w\" {padding=[1,1,1,1]} : real[n,8,9,7]\n"
    "%3 = relu %2 : real[n,8,9,7]\n"
    "return output=%3\n"
    "\ngraph more\n"
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = conv %0, \"w\" {padding=[1,1,1,1]} : real[n,8,9,7]\n"
    "%2 = relu %1 : real[n,8,9,7]\n"
    "return output=%2\n"
};

START_TEST(test_twins)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "plan" };
    char *text = text_of(&twins, "f32", MATH_default), *source, err[IR_ERR];
    check_text(twins.name, text, (Variant){ .quick = true, .cuda = true });
    ParseErr parse;
    size_t bytes;
    int n = 0;
    Module *m = ir_parse(text, strlen(text), &parse);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 4, err);
    FILE *f = open_memstream(&source, &bytes);
    emit_kernels(p, &(EmitOpts){ .target = c.target, .version = "test", .source = "test.py" }, f);
    ck_assert(fclose(f) == 0);
    for (const char *k = source; (k = strstr(k, "\nKERNEL(")); k++) n++;
    ck_assert_int_eq(n, 2);
    ir_module_free(p);
    ir_module_free(m);
    free(source);
    free(text);
}
END_TEST

/* ---- drawn ---- */

typedef struct Drawing { uint64_t state; FILE *out; int n; } Drawing;

static int below(Drawing *d, int n)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (int)((d->state >> 33) % (uint64_t)n);
}

/* Maps on %from of that shape, as many as are drawn: of it alone, by channel, by image and channel, with another
 * tensor. The last one's number. */
static int maps(Drawing *d, int from, int other, const char *states, const char *shape)
{
    for (int left = 1 + below(d, 3); left > 0; left--) {
        int number = d->n++;
        fprintf(d->out, "%%%d = map %%%d", number, from);
        switch (below(d, 7)) {
        case 0: fprintf(d->out, ", \"%s_mean\" {f=\"a - b\"}", states); break;
        case 1: fprintf(d->out, ", \"%s_scale\" {f=\"a*b\"}", states); break;
        case 2: fprintf(d->out, " {f=\"a + 0.5\"}"); break;
        case 3: fprintf(d->out, ", %%%d {f=\"max(a, b)\"}", other); break;
        case 4: fprintf(d->out, ", %%%d {f=\"b > 0 ? a : 0.25\"}", other); break;
        case 5: fprintf(d->out, " {f=\"tanh(a)\"}"); break;
        default: fprintf(d->out, ", %%%d {f=\"a*b\"}", other + 1); break;
        }
        fprintf(d->out, " : real[%s]\n", shape);
        from = number;
    }
    return from;
}

/* A layer, its weight's and its operand's derivative, some of them; returns the text's graph and states. */
static void draw(uint64_t seed, char **states, char **body)
{
    Drawing d = { .state = seed * 2654435761u + 1 };
    size_t bytes[2];
    const bool lines = below(&d, 3) > 0;
    const int groups = 1 + below(&d, 3), in = groups * (2 + below(&d, 2)), out = groups * (2 + below(&d, 2));
    int size[2], taps[2], stride[2], low[2], high[2], dilation[2], made[2];
    for (int i = 0; i < 2; i++) {
        taps[i] = 1 + below(&d, 3);
        stride[i] = 1 + below(&d, 2);
        dilation[i] = 1 + below(&d, 2);
        low[i] = below(&d, 3);
        high[i] = below(&d, 3);
        size[i] = 1 + (taps[i] - 1) * dilation[i] + below(&d, 4);
        made[i] = (size[i] + low[i] + high[i] - (taps[i] - 1) * dilation[i] - 1) / stride[i] + 1;
    }
    char x[32], y[32], w[32], how[120], one[8];
    snprintf(one, sizeof one, lines ? "1,1" : "1");
    const char *const of = lines ? "n,%d,%d,%d" : "n,%d,%d";
    snprintf(x, sizeof x, of, in, size[0], size[1]);
    snprintf(y, sizeof y, of, out, made[0], made[1]);
    snprintf(w, sizeof w, lines ? "%d,%d,%d,%d" : "%d,%d,%d", out, in / groups, taps[0], taps[1]);
    if (lines)
        snprintf(how, sizeof how, "{stride=[%d,%d] padding=[%d,%d,%d,%d] dilation=[%d,%d] groups=%d}", stride[0],
                 stride[1], low[0], low[1], high[0], high[1], dilation[0], dilation[1], groups);
    else
        snprintf(how, sizeof how, "{stride=[%d] padding=[%d,%d] dilation=[%d] groups=%d}", stride[0], low[0],
                 high[0], dilation[0], groups);
    d.out = open_memstream(states, &bytes[0]);
    fprintf(d.out, "state \"w\" : real[%s] param\n", w);
    for (int i = 0; i < 2; i++) {
        const int channels = i ? out : in;
        fprintf(d.out, "state \"%c_mean\" : real[%d,%s] buffer\n", "xy"[i], channels, one);
        fprintf(d.out, "state \"%c_scale\" : real[1,%d,%s] buffer\n", "xy"[i], channels, one);
    }
    fclose(d.out);
    d.out = open_memstream(body, &bytes[1]);
    fprintf(d.out, "%%0 = input \"x\" : real[%s]\n%%1 = input \"x2\" : real[%s]\n"
            "%%2 = input \"x3\" : real[n,%d,%s]\n%%3 = input \"y\" : real[%s]\n%%4 = input \"y2\" : real[%s]\n"
            "%%5 = input \"y3\" : real[n,%d,%s]\n", x, x, in, one, y, y, out, one);
    d.n = 6;
    const int images = maps(&d, 0, 1, "x", x), slopes = below(&d, 2) ? maps(&d, 3, 4, "y", y) : 3;
    fprintf(d.out, "%%%d = conv %%%d, \"w\" %s : real[%s]\n", d.n, images, how, y);
    fprintf(d.out, "%%%d = relu %%%d : real[%s]\n", d.n + 1, d.n, y);
    fprintf(d.out, "%%%d = conv_weight %%%d, %%%d %s : real[%s]\n", d.n + 2, images, slopes, how, w);
    fprintf(d.out, "%%%d = conv_transpose %%%d, \"w\" %s : real[%s]\n", d.n + 3, slopes, how, x);
    const int all = below(&d, 7) + 1;
    if (all & 1) fprintf(d.out, "return a=%%%d\n", d.n + 1);
    if (all & 2) fprintf(d.out, "return b=%%%d\n", d.n + 2);
    if (all & 4) fprintf(d.out, "return c=%%%d\n", d.n + 3);
    if (!below(&d, 6)) fprintf(d.out, "return d=%%%d\n", images);
    fclose(d.out);
}

/* Whatever is drawn, the bits are those of one kernel a node; most have prologues. */
static void run_drawn(int first, int n)
{
    static const MathMode math[] = { MATH_default, MATH_tf32, MATH_default, MATH_bf16 };
    int some = 0;
    for (int i = first; i < first + n; i++) {
        char *states, *body, name[64];
        int kernels, with;
        draw((uint64_t)i, &states, &body);
        const Case c = { "drawn", 1 + i % 9, 0, states, body };
        const char *real = i % 4 == 2 ? "f64" : "f32";
        char *text = text_of(&c, real, math[i % 4]);
        snprintf(name, sizeof name, "drawn %d, %s %s", i, ir_math[math[i % 4]].name, real);
        count(text, &kernels, &with);
        some += with > 0;
        Variant v = { .as_unfused = true, .quick = true, .cuda = true, .flag = "-ffp-contract=off" };
        check_text(name, text, v);
        free(text);
        free(states);
        free(body);
    }
    ck_assert_int_gt(2 * some, n);
}

START_TEST(test_drawn) { if (its_turn(_i)) run_drawn(5 * _i, 5); } END_TEST

int main(void)
{
    Suite *s = suite_create("cuda prologues");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_unfused, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_double, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_tf32, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_bf16, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_one_block, 0, N_PROLOGUES);
    tcase_add_test(t, test_twins);
    if (!getenv("ONLY")) tcase_add_loop_test(t, test_drawn, 0, 20);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
