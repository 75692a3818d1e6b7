/* tests/cuda/test_kernels.c: generated kernels for CUDA in the emulator against the interpreter:
 * the graphs of tests/e2e/kernels_cases.def whose ops they compute, fused, in five orders of threads;
 * in its turn (turns.h) each with every node its own kernel, in double, on tensor cores, and by one
 * block, which gives the same bits. */
#define _POSIX_C_SOURCE 200809L
#include "tests/e2e/cases.h"
#include "tests/e2e/kernels_run.h"
#include "tests/e2e/turns.h"
#include "codegen/codegen.h"
#include "ir/tasks.h"
#include "passes/passes.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Is something laid out for a processor? */
static bool is_refused(const Case *c)
{
    static const char *const layouts[] = { "]{panel", "]{c" };
    for (int i = 0; i < 2; i++)
        if (strstr(c->states, layouts[i]) || strstr(c->body, layouts[i])) return true;
    return false;
}

/* More than the emulator does in a second, or, if all is asked for (turns.h), in some? On tensor cores it
 * does more. */
static bool is_large(const char *text)
{
    const double most_flop = (strstr(text, "\nmath ") ? 1e7 : 3e6) / (its_turn(1) ? 1 : 4);
    ParseErr err;
    double flop = 0;
    Module *m = ir_parse(text, strlen(text), &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    for (uint32_t v = 1; v < m->graph[0]->n_node; v++) flop += ir_flop(m->graph[0], (Val){ v });
    ir_module_free(m);
    return flop > most_flop;
}

/* In that mode: the text, or null where no tensor core computes anything. */
static char *in_mode(char *text, MathMode math)
{
    static const char *const steps[] = { "layout", "fuse" };
    ParseErr parse;
    char err[IR_ERR], *loose = malloc(strlen(text) + 64), *rest = strstr(text, "stage tidy");
    int served = 0;
    sprintf(loose, "%.*smath %s\n%s", (int)(rest - text), text, ir_math[math].name, rest);
    free(text);
    Module *m = ir_parse(loose, strlen(loose), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 2, err);
    ck_assert_msg(p != NULL, "%s", err);
    for (int g = 0; g < p->n_graph; g++)
        for (int k = 0; k < p->graph[g]->n_kernel; k++)
            served += ir_is_mma(p->graph[g]->kernel[k].algo);
    ir_module_free(m);
    ir_module_free(p);
    if (served) return loose;
    free(loose);
    return NULL;
}

static void run(const char *what, char *text, const char *real, Variant v)
{
    const char *only = getenv("ONLY");
    char name[160];
    snprintf(name, sizeof name, "cuda, %s %s%s", what, real,
             v.no_fuse ? ", not fused" : v.one_block ? ", one block" : "");
    v.cuda = true;
    if ((!only || strstr(name, only)) && !is_large(text)) check_text(name, text, v);
    free(text);
}

static void one(int i, const char *real, Variant v)
{
    const Case *c = &cases[i];
    if (!is_refused(c)) run(c->name, case_text(c, real), real, v);
}

static void in(int i, MathMode math)
{
    const Case *c = &cases[i];
    if (is_refused(c) || strstr(c->name, "Adam")) return;    /* it divides errors by others */
    char *text = in_mode(case_text(c, "f32"), math);
    if (text) run(c->name, text, ir_math[math].name, (Variant){ .quick = true });
}

START_TEST(test_fused) { one(_i, "f32", (Variant){ .quick = !its_turn(_i) }); } END_TEST
START_TEST(test_unfused)
{
    if (its_turn(_i)) one(_i, "f32", (Variant){ .no_fuse = true, .quick = true });
}
END_TEST
START_TEST(test_tf32) { if (its_turn(_i)) in(_i, MATH_tf32); } END_TEST
START_TEST(test_bf16) { if (its_turn(_i + 1)) in(_i, MATH_bf16); } END_TEST
START_TEST(test_one_block)
{
    if (its_turn(_i + 2)) one(_i, "f32", (Variant){ .one_block = true, .quick = true });
}
END_TEST
START_TEST(test_double)
{
    if (its_turn(_i + 1)) one(_i, "f64", (Variant){ .quick = true });
}
END_TEST

START_TEST(test_elementwise)
{
    const char *real = _i ? "f64" : "f32";
    run("every elementwise op", elementwise_text(real), real, (Variant){ .quick = true });
}
END_TEST

/* Products whose factors are rounded first, by warpgroups and by warps. They are chosen for sizes that the
 * emulator does not do in seconds; here they are whatever the sizes: ends of tiles and steps, both ways
 * that factors lie, k = n, an update behind it. */
static const Case wide[] = {
    { "wide, factors along k", 150, 0, "state \"w\" : real[130,72] param\nstate \"b\" : real[130] param\n",
      "%0 = input \"x\" : real[n,72]\n"
      "%1 = linear %0, \"w\", \"b\" : real[n,130]\n"
      "%2 = relu %1 : real[n,130]\n"
      "return output=%2\n" },
    { "wide, one of them across k", 130, 0, "state \"w\" : real[45,300] param\n",
      "%0 = input \"x\" : real[n,45]\n"
      "%1 = matmul %0, \"w\" : real[n,300]\n"
      "return output=%1\n" },
    { "wide, both across k, with an update", 90, 0, "state \"w\" : real[140,300] param\n",
      "%0 = input \"x\" : real[n,300]\n"
      "%1 = input \"cotangent\" : real[n,140]\n"
      "%2 = matmul %1, %0 {ta} : real[140,300]\n"
      "%3 = map \"w\", %2 {f=\"a - 0.1*b\"} : real[140,300]\n"
      "update \"w\" = %3\n" },
};

START_TEST(test_wide)
{
    const Case *c = &wide[_i / 4];
    bool tf32 = _i / 2 % 2, warps = _i % 2;
    Variant v = { .quick = true, .algo = tf32 ? ALGO_wide_tf32 : ALGO_wide_bf16,
                  .flag = warps ? "-DEMU_WARPS" : NULL };
    char *text = in_mode(case_text(c, "f32"), tf32 ? MATH_tf32 : MATH_bf16), what[32];
    ck_assert(text != NULL);
    snprintf(what, sizeof what, "%s, %s", tf32 ? "tf32" : "bf16", warps ? "warps" : "warpgroups");
    run(c->name, text, what, v);
}
END_TEST

/* The larger the product, the wider: what copies of factors cost must be little beside it. */
START_TEST(test_choice)
{
    static const char *const steps[] = { "layout", "fuse" };
    static const struct { int n, size; MathMode math; Algo algo; int64_t cols; } choice[] = {
        { 4096, 4096, MATH_bf16, ALGO_wide_bf16, 256 }, { 4096, 4096, MATH_tf32, ALGO_wide_tf32, 256 },
        { 4096, 4096, MATH_default, ALGO_simt, 128 }, { 512, 512, MATH_bf16, ALGO_mma_bf16, 64 },
        { 128, 4096, MATH_bf16, ALGO_mma_bf16, 64 }, { 1024, 1024, MATH_tf32, ALGO_mma_tf32, 128 },
    };
    char text[512], err[IR_ERR];
    snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= %d\nreal f32\nmath %s\nstage tidy\n\n"
             "state \"w\" : f32[%d,%d] param\n\nprogram \"p\"\ninput [%d]\noutput [%d]\n\n"
             "graph infer\n%%0 = input \"x\" : f32[n,%d]\n%%1 = linear %%0, \"w\" : f32[n,%d]\n"
             "return output=%%1\n", choice[_i].n, ir_math[choice[_i].math].name, choice[_i].size,
             choice[_i].size, choice[_i].size, choice[_i].size, choice[_i].size, choice[_i].size);
    ParseErr parse;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 2, err);
    ck_assert_msg(p != NULL, "%s", err);
    const Kernel *k = &p->graph[0]->kernel[0];
    ck_assert_str_eq(ir_algo[k->algo].name, ir_algo[choice[_i].algo].name);
    ck_assert_int_eq(k->tile[1], choice[_i].cols);
    ir_module_free(p);
    ir_module_free(m);
}
END_TEST

/* The text of its kernels, which the caller frees. */
static char *kernels_of(const char *text)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "plan" };
    ParseErr parse;
    char err[IR_ERR], *kernels;
    size_t bytes;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 4, err);
    ck_assert_msg(p != NULL, "%s", err);
    FILE *f = open_memstream(&kernels, &bytes);
    EmitOpts o = { .target = c.target, .version = "test", .source = "test.py" };
    emit_kernels(p, &o, f);
    ck_assert(fclose(f) == 0);
    ir_module_free(p);
    ir_module_free(m);
    return kernels;
}

static int count_kernels(char *text)
{
    char *kernels = kernels_of(text);
    int n = 0;
    for (const char *k = kernels; (k = strstr(k, "\nKERNEL(")); k++) n++;
    free(kernels);
    free(text);
    return n;
}

/* A loss of indices and of probabilities, of 10, 100 and 1000 classes, which a thread, a warp or a block adds
 * up: one kernel, and what follows it. */
START_TEST(test_losses)
{
    static const int classes[] = { 10, 100, 1000 };
    const int c = classes[_i];
    char body[2000];
    const char *graph = "%%0 = input \"x\" : real[n,%d]\n%%1 = input \"target\" : %s%s\n"
                        "%%2 = cross_entropy %%0, %%1 : real[]\n%%3 = correct %%0, %%1 : i64[]\n"
                        "%%4 = cross_entropy_grad %%0, %%1 : real[n,%d]\n"
                        "return loss=%%2\nreturn correct=%%3\nreturn slope=%%4\n";
    char shares[40];
    snprintf(shares, sizeof shares, "[n,%d]", c);
    int at = snprintf(body, sizeof body, graph, c, "i64", "[n]", c);
    at += snprintf(body + at, sizeof body - (size_t)at, "\ngraph infer_prob\n");
    snprintf(body + at, sizeof body - (size_t)at, graph, c, "real", shares, c);
    const Case both = { "losses", 70, c, "", body };
    run("losses", case_text(&both, "f32"), "f32", (Variant){ .quick = true });
    ck_assert_int_eq(count_kernels(case_text(&both, "f32")), 2);
}
END_TEST

/* A convolution as it is, and with a batch norm on it, with and without what is added: the second does the
 * first, too. */
static const Case twins = {
    "convolutions with more on them", 6, 0,
    "state \"w\" : real[20,3,3,3] param\nstate \"b\" : real[20] param\nstate \"mean\" : real[20,1,1] buffer\n"
    "state \"scale\" : real[20,1,1] param\n",
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = conv %0, \"w\", \"b\" {padding=[1,1,1,1]} : real[n,20,9,7]\n"
    "return output=%1\n"
    "\ngraph eval\n"
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = conv %0, \"w\", \"b\" {padding=[1,1,1,1]} : real[n,20,9,7]\n"
    "%2 = map %1, \"mean\", \"scale\" {f=\"(a - b)*c\"} : real[n,20,9,7]\n"
    "%3 = relu %2 : real[n,20,9,7]\n"
    "return output=%3\n"
    "\ngraph more\n"
    "%0 = input \"x\" : real[n,3,9,7]\n"
    "%1 = input \"y\" : real[n,20,9,7]\n"
    "%2 = conv %0, \"w\", \"b\" {padding=[1,1,1,1]} : real[n,20,9,7]\n"
    "%3 = map %2, \"mean\", \"scale\" {f=\"(a - b)*c\"} : real[n,20,9,7]\n"
    "%4 = add %3, %1 : real[n,20,9,7]\n"
    "return output=%4\n"
};

START_TEST(test_twins)
{
    static const MathMode math[] = { MATH_default, MATH_tf32, MATH_bf16 };
    char *text = case_text(&twins, "f32");
    if (_i) text = in_mode(text, math[_i]);
    ck_assert(text != NULL);
    char *copy = strdup(text);
    run(twins.name, text, ir_math[math[_i]].name, (Variant){ .quick = true });
    ck_assert_int_eq(count_kernels(copy), 2);
}
END_TEST

/* Batch norms of images of two sizes, by the statistics of the batch: these alone, with a relu, and with what is
 * added, as it is, or scaled and with running statistics: one kernel does it all. */
#define STATISTICS(size) \
    "%0 = input \"x\" : real[n,16," size "]\n" \
    "%1 = mean %0 {axes=[0,2,3]} : real[16]\n" \
    "%2 = reshape %1 : real[16,1,1]\n" \
    "%3 = map %0, %2 {f=\"a - b\"} : real[n,16," size "]\n" \
    "%4 = map %3 {f=\"a*a\"} : real[n,16," size "]\n" \
    "%5 = mean %4 {axes=[0,2,3]} : real[16]\n" \
    "%6 = map %5 {f=\"1/sqrt(a + 0.5)\"} : real[16]\n" \
    "%7 = reshape %6 : real[16,1,1]\n"
#define SCALED(size) "%8 = map %3, %7, \"w\" {f=\"a*b*c\"} : real[n,16," size "]\n"
static const Case norms = {
    "batch norms with more on them", 6, 0,
    "state \"w\" : real[16,1,1] param\nstate \"running\" : real[16] buffer\n",
    STATISTICS("8,6") SCALED("8,6")
    "%9 = input \"y\" : real[n,16,8,6]\n"
    "%10 = map %9, \"w\" {f=\"a*b\"} : real[n,16,8,6]\n"
    "%11 = add %8, %10 : real[n,16,8,6]\n"
    "%12 = relu %11 : real[n,16,8,6]\n"
    "%13 = map \"running\", %1 {f=\"a*0.9 + b*0.1\"} : real[16]\n"
    "return output=%12\nreturn mean=%1\nreturn scale=%6\nreturn running=%13\n"
    "\ngraph more\n"
    STATISTICS("9,7") SCALED("9,7")
    "%9 = input \"y\" : real[n,16,9,7]\n"
    "%10 = add %8, %9 : real[n,16,9,7]\n"
    "%11 = relu %10 : real[n,16,9,7]\n"
    "return output=%11\nreturn mean=%1\nreturn scale=%6\n"
    "\ngraph eval\n"
    STATISTICS("9,7") SCALED("9,7")
    "%9 = relu %8 : real[n,16,9,7]\n"
    "return output=%9\nreturn scale=%6\n"
    "\ngraph least\n"
    STATISTICS("9,7")
    "return output=%1\nreturn scale=%6\n"
};

START_TEST(test_norms)
{
    run(norms.name, case_text(&norms, "f32"), "f32", (Variant){ .quick = true });
    ck_assert_int_eq(count_kernels(case_text(&norms, "f32")), 1);
}
END_TEST

/* Places are 32 bits wide where all that a kernel touches has fewer elements, at capacity. */
START_TEST(test_widths)
{
    static const struct { int capacity; const char *has, *has_not; } size[] = {
        { 1000, "const int row0 = ", "int64_t row0" }, { 100000, "const int64_t row0 = ", "int row0" },
    };
    char text[512], *source;
    snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= %d\nreal f32\nstage tidy\n\n"
             "state \"w\" : f32[64,20000] param\n\nprogram \"p\"\ninput [20000]\noutput [64]\n\n"
             "graph infer\n%%0 = input \"x\" : f32[n,20000]\n%%1 = linear %%0, \"w\" : f32[n,64]\n"
             "return output=%%1\n", size[_i].capacity);
    source = kernels_of(text);
    ck_assert(strstr(source, size[_i].has) && !strstr(source, size[_i].has_not));
    free(source);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cuda kernels");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_fused, 0, N_CASES);
    tcase_add_loop_test(t, test_unfused, 0, N_CASES);
    tcase_add_loop_test(t, test_double, 0, N_CASES);
    tcase_add_loop_test(t, test_tf32, 0, N_CASES);
    tcase_add_loop_test(t, test_bf16, 0, N_CASES);
    tcase_add_loop_test(t, test_wide, 0, 4 * (int)(sizeof wide / sizeof *wide));
    tcase_add_loop_test(t, test_choice, 0, 6);
    tcase_add_loop_test(t, test_one_block, 0, N_CASES);
    tcase_add_loop_test(t, test_elementwise, 0, 2);
    tcase_add_loop_test(t, test_widths, 0, 2);
    tcase_add_loop_test(t, test_losses, 0, 3);
    tcase_add_loop_test(t, test_twins, 0, 3);
    tcase_add_test(t, test_norms);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
