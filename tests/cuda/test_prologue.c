/* tests/cuda/test_prologue.c: convolutions that compute maps of what they read, in the emulator: what the
 * interpreter gives, and the bits of one kernel a node. Of all that reads such a map: a convolution, its two
 * derivatives, both operands of a weight's; padding, which stays zero whatever the maps make of zeros; strides,
 * groups, dilation, sequences; what is one for each channel, or each image. In float and double, on tensor cores and
 * by one block. */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include "ir/tasks.h"
#include "passes/passes.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/kernels_run.h"
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

static void run(int i, const char *real, MathMode math, Variant v)
{
    const char *only = getenv("ONLY");
    char name[160], *text = case_text(&prologues[i].c, real);
    int kernels, with;
    snprintf(name, sizeof name, "%s, %s %s%s", prologues[i].c.name, ir_math[math].name, real,
             v.one_block ? ", one block" : "");
    if (math != MATH_default) {
        char *loose = malloc(strlen(text) + 64), *rest = strstr(text, "stage tidy");
        sprintf(loose, "%.*smath %s\n%s", (int)(rest - text), text, ir_math[math].name, rest);
        free(text);
        text = loose;
    }
    v.quick = v.cuda = true;
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

int main(void)
{
    Suite *s = suite_create("cuda prologues");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_unfused, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_double, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_tf32, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_bf16, 0, N_PROLOGUES);
    tcase_add_loop_test(t, test_one_block, 0, N_PROLOGUES);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
