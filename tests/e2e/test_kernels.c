/* tests/e2e/test_kernels.c: every op, algorithm and type of generated code against the interpreter.
 *
 * A case is a graph as text; kernels_run.c takes it through layout, fuse, schedule, plan and codegen,
 * compiles and runs it. Each case runs fused in float, and in its turn (turns.h) with every node its
 * own kernel, in double, and for the plainest machine. Most of the time is the C compiler's, so that
 * it optimizes where users' programs run: float, fused. */
#define _POSIX_C_SOURCE 200809L   /* setenv */
#include "cases.h"
#include "kernels_run.h"
#include "turns.h"
#include "openblas.h"
#include "runtime/base.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void one(int i, const char *real, Variant v)
{
    const Case *c = &cases[i];
    char *text = case_text(c, real), name[128];
    snprintf(name, sizeof name, "%s %s%s%s", c->name, real, v.no_fuse ? ", not fused" : "",
             v.blas ? ", blas" : "");
    const char *only = getenv("ONLY");
    if (!only || strstr(name, only)) check_text(name, text, v);
    free(text);
}

static const char *march(void)
{
    static const char *best;
    if (!best)
        best = __builtin_cpu_supports("avx512bw") ? "x86-64-v4"
               : __builtin_cpu_supports("avx2")   ? "x86-64-v3"
                                                  : "x86-64";
    return best;
}

START_TEST(test_fused) { one(_i, "f32", (Variant){ .march = march(), .quick = !its_turn(_i) }); } END_TEST
START_TEST(test_unfused)
{
    if (its_turn(_i)) one(_i, "f32", (Variant){ .no_fuse = true, .quick = true, .march = march() });
} END_TEST
/* But for weights of 16 bits, whose sums are floats in any module. */
START_TEST(test_double)
{
    if (its_turn(_i + 1) && !strstr(cases[_i].body, "linear_half"))
        one(_i, "f64", (Variant){ .quick = true, .march = march() });
} END_TEST
START_TEST(test_elementwise)
{
    char *text = elementwise_text(_i ? "f64" : "f32");
    check_text("every elementwise op", text, (Variant){ .march = march() });
    free(text);
}
END_TEST

/* Every other op stands in some case. */
START_TEST(test_no_op_is_left_out)
{
    for (int op = 1; op < OP_COUNT; op++) {
        bool found = op == OP_state || (ir_op[op].kind == KIND_MAP && ir_op[op].scalar);
        char word[64];
        snprintf(word, sizeof word, "= %s ", ir_op[op].name);
        for (int i = 0; i < N_CASES && !found; i++) found = strstr(cases[i].body, word) != NULL;
        ck_assert_msg(found, "no case of kernels_cases.def has the op %s", ir_op[op].name);
    }
}
END_TEST

/* A target with matrix tiles, for the graphs that are large enough for them. */
START_TEST(test_tiles)
{
    if (strstr(cases[_i].name, "tiles") && rt_cpu_runs(ir_target("x86-64-v4")->features))
        one(_i, "f32", (Variant){ .march = "sapphirerapids" });
}
END_TEST

/* By that algorithm, in the strictest mode that takes it. */
static void by(const Case *c, Algo algo, const char *march)
{
    char *text = case_text(c, "f32"), *loose = calloc(strlen(text) + 16, 1), name[128];
    const char *rest = strstr(text, "stage tidy"), *math = "default";
    if (ir_algo[algo].error == ERR_FAST) math = "fast";
    if (ir_algo[algo].error == ERR_BF16) math = "bf16";
    sprintf(loose, "%.*smath %s\n%s", (int)(rest - text), text, math, rest);
    snprintf(name, sizeof name, "%s, %s", c->name, ir_algo[algo].name);
    const char *only = getenv("ONLY");
    if (!only || strstr(name, only))
        check_text(name, loose, (Variant){ .march = march, .algo = algo });
    free(loose);
    free(text);
}

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

/* Winograd's larger tiles. */
START_TEST(test_fast)
{
    if (begins(cases[_i].name, "Winograd")) by(&cases[_i], ALGO_winograd_fast, march());
}
END_TEST

/* Convolutions on matrix tiles: with all numbers of parts where strides and dilations are. */
START_TEST(test_conv_tiles)
{
    static const Algo algos[] = { ALGO_conv_bf16x6, ALGO_conv_bf16x3, ALGO_conv_bf16x1 };
    const Case *c = &cases[_i / 3];
    bool patches = begins(c->name, "convolution by patches");
    if (!patches && !(begins(c->name, "Winograd") && _i % 3 == 0)) return;
    if (rt_cpu_runs(ir_target("x86-64-v4")->features)) by(c, algos[_i % 3], "sapphirerapids");
}
END_TEST

/* Products by OpenBLAS where it is installed, in both types in turn. */
START_TEST(test_blas)
{
    if (strstr(cases[_i].body, "linear %") || strstr(cases[_i].body, "matmul"))
        for (int f64 = 0; f64 < 2; f64++)
            if (its_turn_of(_i + f64, 2))
                one(_i, f64 ? "f64" : "f32",
                    (Variant){ .blas = true, .quick = true, .march = march() });
}
END_TEST
START_TEST(test_plain_machine)
{
    if (its_turn(_i + 2)) one(_i, "f32", (Variant){ .march = "x86-64", .quick = true });
}
END_TEST

/* Sums of codes by each instruction that this processor has, and by C: the interpreter's bits. The same of
 * weights of 16 bits, to float's rounding. */
static const struct { const char *march, *features, *flag; } instructions[] = {
    { "x86-64-v4", "avx512vnni avx512vl", "-mavx512vnni" },
    { "x86-64-v4", "avx512vnni avx512vl", "-U__AVX512VNNI__" },
    { "x86-64-v3", "avx2", NULL },
    { "x86-64-v3", "avx2", "-U__AVX2__" },
    { "x86-64", "sse2", "-U__SSE2__" },
    { "generic", "", NULL },
    { "x86-64-v3", "avx2", "-U__F16C__" },
    { "x86-64-v4", "avx512bw", "-U__AVX512F__" },
};
enum { N_INSTRUCTIONS = sizeof instructions / sizeof *instructions };

START_TEST(test_codes)
{
    const Case *c = &cases[_i / N_INSTRUCTIONS];
    int i = _i % N_INSTRUCTIONS;
    const Target *t = ir_target(instructions[i].march);
    if ((begins(c->name, "codes") || begins(c->name, "weights of 16 bits")) && rt_cpu_runs(t->features) && rt_cpu_runs(instructions[i].features))
        one(_i / N_INSTRUCTIONS, "f32", (Variant){ .march = instructions[i].march,
                                                   .flag = instructions[i].flag });
}
END_TEST

/* A training step of convolutions, norms and masks, with values computed again. */
START_TEST(test_again)
{
    static const char *const marches[] = { NULL, "x86-64-v3", "generic" };
    const char *name = marches[_i] ? marches[_i] : march();
    FILE *f = fopen("tests/e2e/again.ir", "rb");
    char *text = calloc(1, 1 << 16);
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_gt(fread(text, 1, (1 << 16) - 1, f), 0);
    fclose(f);
    if (rt_cpu_runs(ir_target(name)->features))
        check_text("values again", text, (Variant){ .again = true, .march = name });
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernels");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_fused, 0, N_CASES);
    tcase_add_loop_test(t, test_unfused, 0, N_CASES);
    tcase_add_loop_test(t, test_double, 0, N_CASES);
    tcase_add_loop_test(t, test_plain_machine, 0, N_CASES);
    tcase_add_loop_test(t, test_tiles, 0, N_CASES);
    tcase_add_loop_test(t, test_fast, 0, N_CASES);
    tcase_add_loop_test(t, test_codes, 0, N_CASES * N_INSTRUCTIONS);
    tcase_add_loop_test(t, test_elementwise, 0, 2);
    tcase_add_loop_test(t, test_again, 0, 3);
    tcase_add_test(t, test_no_op_is_left_out);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (openblas()) tcase_add_loop_test(t, test_blas, 0, N_CASES);
    else puts("skipped: products by OpenBLAS, which is not installed");
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    TCase *tiles = tcase_create("convolutions on tiles");
    tcase_add_loop_test(tiles, test_conv_tiles, 0, 3 * N_CASES);
    tcase_set_timeout(tiles, 300);
    suite_add_tcase(s, tiles);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
