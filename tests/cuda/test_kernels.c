/* tests/cuda/test_kernels.c: generated kernels for CUDA in the emulator against the interpreter:
 * the graphs of tests/e2e/kernels_cases.def whose ops they compute, fused and with every node
 * its own kernel, in float and double, in five orders of threads. */
#define _POSIX_C_SOURCE 200809L
#include "tests/e2e/cases.h"
#include "tests/e2e/kernels_run.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Does it hold an op that no kernel for CUDA computes, or a layout for a processor? */
static bool is_refused(const Case *c)
{
    static const char *const layouts[] = { "]{panel", "]{c" };
    for (int i = 0; i < 2; i++)
        if (strstr(c->states, layouts[i]) || strstr(c->body, layouts[i])) return true;
    for (int op = 1; op < OP_COUNT; op++) {
        char word[64];
        snprintf(word, sizeof word, "= %s ", ir_op[op].name);
        if ((ir_op[op].kind == KIND_CONV || ir_op[op].kind == KIND_WINDOW) && strstr(c->body, word))
            return true;
    }
    return false;
}

static void one(int i, const char *real, Variant v)
{
    const Case *c = &cases[i];
    if (is_refused(c)) return;
    char *text = case_text(c, real), name[160];
    snprintf(name, sizeof name, "cuda, %s %s%s", c->name, real, v.no_fuse ? ", not fused" : "");
    const char *only = getenv("ONLY");
    v.cuda = true;
    if (!only || strstr(name, only)) check_text(name, text, v);
    free(text);
}

START_TEST(test_fused) { one(_i, "f32", (Variant){ .quick = false }); } END_TEST
START_TEST(test_unfused) { one(_i, "f32", (Variant){ .no_fuse = true, .quick = true }); } END_TEST
START_TEST(test_double) { one(_i, "f64", (Variant){ .quick = true }); } END_TEST

START_TEST(test_elementwise)
{
    char *text = elementwise_text(_i ? "f64" : "f32");
    check_text("cuda, every elementwise op", text, (Variant){ .cuda = true });
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cuda kernels");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_fused, 0, N_CASES);
    tcase_add_loop_test(t, test_unfused, 0, N_CASES);
    tcase_add_loop_test(t, test_double, 0, N_CASES);
    tcase_add_loop_test(t, test_elementwise, 0, 2);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
