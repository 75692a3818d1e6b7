/* tests/cuda/test_kernels.c: generated kernels for CUDA in the emulator against the interpreter:
 * the graphs of tests/e2e/kernels_cases.def whose ops they compute, fused and with every node
 * its own kernel, in float and double, in five orders of threads; and by one block, which gives
 * the same bits. */
#define _POSIX_C_SOURCE 200809L
#include "tests/e2e/cases.h"
#include "tests/e2e/kernels_run.h"
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

/* More than the emulator does in seconds? On tensor cores it does more. */
static bool is_large(const char *text)
{
    const double most_flop = strstr(text, "\nmath ") ? 1e7 : 3e6;
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

START_TEST(test_fused) { one(_i, "f32", (Variant){ .quick = false }); } END_TEST
START_TEST(test_unfused) { one(_i, "f32", (Variant){ .no_fuse = true, .quick = true }); } END_TEST
START_TEST(test_tf32) { in(_i, MATH_tf32); } END_TEST
START_TEST(test_bf16) { in(_i, MATH_bf16); } END_TEST
START_TEST(test_one_block) { one(_i, "f32", (Variant){ .one_block = true }); } END_TEST
START_TEST(test_double) { one(_i, "f64", (Variant){ .quick = true }); } END_TEST

START_TEST(test_elementwise)
{
    const char *real = _i ? "f64" : "f32";
    run("every elementwise op", elementwise_text(real), real, (Variant){ .quick = true });
}
END_TEST

/* Places are 32 bits wide where all that a kernel touches has fewer elements, at capacity. */
START_TEST(test_widths)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "plan" };
    static const struct { int capacity; const char *has, *has_not; } size[] = {
        { 1000, "const int row0 = ", "int64_t row0" }, { 100000, "const int64_t row0 = ", "int row0" },
    };
    char text[512], err[IR_ERR], *source;
    size_t bytes;
    snprintf(text, sizeof text, "seqc.ir 1\nbatch n <= %d\nreal f32\nstage tidy\n\n"
             "state \"w\" : f32[64,20000] param\n\nprogram \"p\"\ninput [20000]\noutput [64]\n\n"
             "graph infer\n%%0 = input \"x\" : f32[n,20000]\n%%1 = linear %%0, \"w\" : f32[n,64]\n"
             "return output=%%1\n", size[_i].capacity);
    ParseErr parse;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = ir_gpu("cuda"), .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 4, err);
    ck_assert_msg(p != NULL, "%s", err);
    FILE *f = open_memstream(&source, &bytes);
    EmitOpts o = { .target = c.target, .version = "test", .source = "test.py" };
    emit_kernels(p, &o, f);
    ck_assert(fclose(f) == 0);
    ck_assert(strstr(source, size[_i].has) && !strstr(source, size[_i].has_not));
    free(source);
    ir_module_free(p);
    ir_module_free(m);
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
    tcase_add_loop_test(t, test_one_block, 0, N_CASES);
    tcase_add_loop_test(t, test_elementwise, 0, 2);
    tcase_add_loop_test(t, test_widths, 0, 2);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
