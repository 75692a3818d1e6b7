/* tests/e2e/test_math.c: the float functions that generated code carries, against the C library's
 * double ones.
 *
 * Every snippet is compiled as a program gets it, for each instruction set. Arguments run over the
 * whole range of float: every 997th bit pattern (EVERY=1: each one, as tests/full.sh asks), all near
 * the ends and the seams, infinities, NaN, denormals. The error is counted in units of the last
 * place of the exact result; what a function may have stands here and beside it. SHOW=1 prints. */
#define _GNU_SOURCE
#include "codegen/snippets.h"
#include <check.h>
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double logsigmoid(double x) { return (x < 0 ? x : 0) - log1p(exp(-fabs(x))); }

typedef struct Fn { const char *name; Snippet snippet; double (*exact)(double), ulp; } Fn;
static const Fn fns[] = {
    { "exp_f32", SNIP_exp_f32, exp, 1.1 },
    { "expm1_f32", SNIP_expm1_f32, expm1, 1.6 },
    { "log_f32", SNIP_log_f32, log, 1.1 },
    { "log1p_f32", SNIP_log1p_f32, log1p, 1.6 },
    { "tanh_f32", SNIP_tanh_f32, tanh, 2.5 },
    { "sigmoid_f32", SNIP_sigmoid_f32, sigmoid, 2.5 },
    { "logsigmoid_f32", SNIP_logsigmoid_f32, logsigmoid, 2.1 },
    { "erf_f32", SNIP_erf_f32, erf, 1.6 },
};
enum { N_FNS = sizeof fns / sizeof *fns };
static const char *const march[] = { "x86-64", "x86-64-v3", "x86-64-v4" };

static bool runs(const char *m)
{
    if (!strcmp(m, "x86-64-v4"))
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return strcmp(m, "x86-64-v3") ||
           (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static float from_bits(uint32_t i)
{
    float x;
    memcpy(&x, &i, sizeof x);
    return x;
}

/* Distance of y from the exact result, in units of the last place of a float of its size. */
static double ulps(float y, double exact)
{
    if (isnan(exact)) return isnan(y) ? 0 : INFINITY;
    if (y == exact || (float)exact == y) return 0;
    if (isinf(y) || isnan(y))
        return fabs(exact) > 3.40282347e38 && (exact > 0) == (y > 0) ? 0 : INFINITY;
    int e;
    frexp(exact, &e);
    double unit = ldexp(1, e - 24 < -149 ? -149 : e - 24);
    return fabs((double)y - exact) / unit;
}

typedef void Loop(const float *x, float *y, int64_t n);

static Loop *build(const Fn *f, const char *m, void **so)
{
    const char *dir = getenv("SCRATCH"), *cc = getenv("CC");
    char source[512], object[512], command[2000];
    snprintf(source, sizeof source, "%s/math-%ld.c", dir ? dir : "/tmp", (long)getpid());
    snprintf(object, sizeof object, "%s/math-%ld.so", dir ? dir : "/tmp", (long)getpid());
    Arena *a = arena_new();
    Out *o = out_new(a);
    bool reached[SNIP_COUNT] = { false };
    snippet_reach(reached, f->snippet);
    out_raw(o,
            "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n#include <string.h>\n");
    const Hole holes[] = { { "function", "static inline" } };
    snippets_write(o, reached, holes, 1);
    out_line(o, "void loop(const float *restrict x, float *restrict y, int64_t n)");
    out_open(o, "%s", "");
    out_line(o, "for (int64_t i = 0; i < n; i++) y[i] = %s(x[i]);", f->name);
    out_close(o, "");
    FILE *file = fopen(source, "w");
    ck_assert(file != NULL && fputs(out_text(o), file) >= 0 && fclose(file) == 0);
    arena_free(a);
    snprintf(
        command, sizeof command,
        "%s -std=c11 -O3 -march=%s -fno-math-errno -fno-trapping-math -ffp-contract=fast "
        "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Wno-missing-prototypes "
             "-shared -fPIC -o %s %s -lm",
        cc ? cc : "cc", m, object, source);
    ck_assert_msg(system(command) == 0, "%s does not compile", f->name);
    *so = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(*so != NULL, "%s", dlerror());
    unlink(source);
    unlink(object);
    Loop *loop;
    *(void **)&loop = dlsym(*so, "loop");
    return loop;
}

enum { BLOCK = 1024 };
typedef struct Worst { double ulp; float at, got; } Worst;

static void measure(const Fn *f, Loop *loop, const float *x, int n, Worst *w)
{
    float y[BLOCK];
    loop(x, y, n);
    for (int i = 0; i < n; i++) {
        double u = ulps(y[i], f->exact((double)x[i]));
        if (!(u <= w->ulp)) *w = (Worst){ u, x[i], y[i] };
    }
}

static void sweep(const Fn *f, Loop *loop, Worst *w)
{
    static const uint32_t around[] = { 0,          0x00800000, 0x7f800000, 0x7fc00000, 0x3f800000,
                                       0xbf800000, 0x42b17218, 0xc2aeac50, 0xc2cff1b5, 0x3f3504f3,
                                       0x41200000, 0x40800000, 0x80000000, 0xff800000, 0x38d1b717 };
    float x[BLOCK];
    int n = 0;
    const char *every = getenv("EVERY");
    uint64_t step = every && atoi(every) > 0 ? (uint64_t)atoi(every) : 997;
    for (uint64_t i = 0; i < UINT64_C(1) << 32; i += step) {
        x[n++] = from_bits((uint32_t)i);
        if (n == BLOCK) {
            measure(f, loop, x, n, w);
            n = 0;
        }
    }
    measure(f, loop, x, n, w);
    for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
        for (int i = 0; i < BLOCK; i++) x[i] = from_bits(around[k] + (uint32_t)(i - BLOCK / 2));
        measure(f, loop, x, BLOCK, w);
    }
}

START_TEST(test_ulp)
{
    const Fn *f = &fns[_i];
    for (size_t m = 0; m < sizeof march / sizeof *march; m++) {
        if (!runs(march[m])) continue;
        void *so;
        Loop *loop = build(f, march[m], &so);
        Worst w = { 0, 0, 0 };
        sweep(f, loop, &w);
        if (getenv("SHOW"))
            printf("%-16s %-10s %.2f ulp at %a\n", f->name, march[m], w.ulp, (double)w.at);
        ck_assert_msg(w.ulp <= f->ulp, "%s (%s): %.1f ulp at %a: %a, exactly %a", f->name, march[m],
                      w.ulp, (double)w.at, (double)w.got, f->exact((double)w.at));
        dlclose(so);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("math");
    TCase *t = tcase_create("ulp");
    tcase_add_loop_test(t, test_ulp, 0, N_FNS);
    tcase_set_timeout(t, 3600);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
