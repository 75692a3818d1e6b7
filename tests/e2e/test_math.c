/* tests/e2e/test_math.c: the functions that generated code carries, against the C library's, those of
 * float against double, those of double against long double.
 *
 * Every snippet is compiled as a program gets it, for each instruction set. Arguments run over the
 * whole range of float: every 4001st bit pattern (EVERY=61: every 61st, as tests/full.sh asks; EVERY=1: each one, a
 * quarter of an hour a function), and a sample of double's, all near the ends and the seams, infinities,
 * NaN, denormals. The error is counted in units of the last place of the exact result; what a function may
 * have stands here and beside it. SHOW=1 prints. */
#define _GNU_SOURCE
#include "codegen/snippets.h"
#include "turns.h"
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

/* Powers of x, whose other argument stands in the call. */
static double root3(double x) { return pow(x, 0x1.555556p-2); }
static double power7(double x) { return pow(x, -7); }
static long double root3_l(long double x) { return powl(x, (long double)(1.0 / 3)); }
static long double power_l(long double x) { return powl(x, -131.25L); }
static long double power2_l(long double x) { return powl(1.0009765625L, x); }

static double hypot_d(double x) { return hypot(x, 3.5); }
static double angle_d(double x) { return atan2(x, -3.5); }
static double rest_d(double x) { return fmod(x, 0.75); }
static long double hypot_l(long double x) { return hypotl(x, 3.5L); }
static long double hypot_far_l(long double x) { return hypotl((long double)1e300, x); }
static long double angle_l(long double x) { return atan2l(x, 3.5L); }
static long double angle_below_l(long double x) { return atan2l(-2.5L, x); }
static long double rest_l(long double x) { return fmodl(x, (long double)-0.7); }
static long double rest_far_l(long double x) { return fmodl((long double)1e18, x); }

/* Of float, or of double where it is known in long double. */
typedef struct Fn {
    const char *call;                 /* of x */
    Snippet snippet;
    double ulp;
    double (*exact)(double);
    long double (*exact_long)(long double);
} Fn;
static const Fn fns[] = {
    { "exp_f32(x)", SNIP_exp_f32, 1.1, exp, NULL },
    { "expm1_f32(x)", SNIP_expm1_f32, 1.6, expm1, NULL },
    { "log_f32(x)", SNIP_log_f32, 1.1, log, NULL },
    { "log1p_f32(x)", SNIP_log1p_f32, 1.6, log1p, NULL },
    { "tanh_f32(x)", SNIP_tanh_f32, 2.5, tanh, NULL },
    { "sigmoid_f32(x)", SNIP_sigmoid_f32, 2.5, sigmoid, NULL },
    { "logsigmoid_f32(x)", SNIP_logsigmoid_f32, 2.1, logsigmoid, NULL },
    { "erf_f32(x)", SNIP_erf_f32, 1.6, erf, NULL },
    /* those of --no-libm */
    { "erfc_f32(x)", SNIP_erfc_f32, 0.51, erfc, NULL },
    { "sin_f32(x)", SNIP_sin_f32, 0.51, sin, NULL },
    { "cos_f32(x)", SNIP_cos_f32, 0.51, cos, NULL },
    { "pow_f32(x, 0x1.555556p-2f)", SNIP_pow_f32, 0.51, root3, NULL },
    { "pow_f32(x, -7.0f)", SNIP_pow_f32, 0.51, power7, NULL },
    { "sqrt_f32(x)", SNIP_sqrt_f32, 0, sqrt, NULL },
    { "floor_f32(x)", SNIP_floor_f32, 0, floor, NULL },
    { "ceil_f32(x)", SNIP_ceil_f32, 0, ceil, NULL },
    { "trunc_f32(x)", SNIP_trunc_f32, 0, trunc, NULL },
    { "rint_f32(x)", SNIP_rint_f32, 0, rint, NULL },
    { "atan_f32(x)", SNIP_atan_f32, 0.51, atan, NULL },
    { "hypot_f32(x, 3.5f)", SNIP_hypot_f32, 0.51, hypot_d, NULL },
    { "atan2_f32(x, -3.5f)", SNIP_atan2_f32, 0.51, angle_d, NULL },
    { "fmod_f32(x, 0.75f)", SNIP_fmod_f32, 0, rest_d, NULL },
    { "exp_f64(x)", SNIP_exp_f64, 1.1, NULL, expl },
    { "expm1_f64(x)", SNIP_expm1_f64, 1.6, NULL, expm1l },
    { "log_f64(x)", SNIP_log_f64, 1.1, NULL, logl },
    { "log1p_f64(x)", SNIP_log1p_f64, 1.6, NULL, log1pl },
    { "tanh_f64(x)", SNIP_tanh_f64, 2.5, NULL, tanhl },
    { "erf_f64(x)", SNIP_erf_f64, 1.6, NULL, erfl },
    { "erfc_f64(x)", SNIP_erfc_f64, 2.6, NULL, erfcl },
    { "sin_f64(x)", SNIP_sin_f64, 1, NULL, sinl },
    { "cos_f64(x)", SNIP_cos_f64, 1, NULL, cosl },
    { "pow_f64(x, 1.0 / 3)", SNIP_pow_f64, 1.3, NULL, root3_l },
    { "pow_f64(x, -131.25)", SNIP_pow_f64, 1.3, NULL, power_l },
    { "pow_f64(1.0009765625, x)", SNIP_pow_f64, 1.3, NULL, power2_l },
    { "sqrt_f64(x)", SNIP_sqrt_f64, 0.501, NULL, sqrtl },    /* sqrtl rounds first */
    { "floor_f64(x)", SNIP_floor_f64, 0, NULL, floorl },
    { "ceil_f64(x)", SNIP_ceil_f64, 0, NULL, ceill },
    { "trunc_f64(x)", SNIP_trunc_f64, 0, NULL, truncl },
    { "rint_f64(x)", SNIP_rint_f64, 0, NULL, rintl },
    { "atan_f64(x)", SNIP_atan_f64, 1.5, NULL, atanl },
    { "asin_f64(x)", SNIP_asin_f64, 2.5, NULL, asinl },
    { "acos_f64(x)", SNIP_acos_f64, 2.5, NULL, acosl },
    { "tan_f64(x)", SNIP_tan_f64, 2.5, NULL, tanl },
    { "sinh_f64(x)", SNIP_sinh_f64, 3, NULL, sinhl },
    { "cosh_f64(x)", SNIP_cosh_f64, 3, NULL, coshl },
    { "asinh_f64(x)", SNIP_asinh_f64, 2.5, NULL, asinhl },
    { "acosh_f64(x)", SNIP_acosh_f64, 2.5, NULL, acoshl },
    { "atanh_f64(x)", SNIP_atanh_f64, 2.5, NULL, atanhl },
    { "exp2_f64(x)", SNIP_exp2_f64, 1.3, NULL, exp2l },
    { "log2_f64(x)", SNIP_log2_f64, 2, NULL, log2l },
    { "log10_f64(x)", SNIP_log10_f64, 2, NULL, log10l },
    { "cbrt_f64(x)", SNIP_cbrt_f64, 1, NULL, cbrtl },
    { "hypot_f64(x, 3.5)", SNIP_hypot_f64, 2.5, NULL, hypot_l },
    { "hypot_f64(1e300, x)", SNIP_hypot_f64, 2.5, NULL, hypot_far_l },
    { "atan2_f64(x, 3.5)", SNIP_atan2_f64, 2.5, NULL, angle_l },
    { "atan2_f64(-2.5, x)", SNIP_atan2_f64, 2.5, NULL, angle_below_l },
    { "fmod_f64(x, -0.7)", SNIP_fmod_f64, 0, NULL, rest_l },
    { "fmod_f64(1e18, x)", SNIP_fmod_f64, 0, NULL, rest_far_l },
};
enum { N_FNS = sizeof fns / sizeof *fns };
/* The last calls the compiler's functions for nothing: roots are drawn bit by bit. */
static const char *const march[] = { "x86-64", "x86-64-v3", "x86-64-v4", "x86-64 -fmath-errno" };

static bool runs(const char *m)
{
    if (!strcmp(m, "x86-64-v4"))
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return strcmp(m, "x86-64-v3") != 0 ||
           (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static float from_bits(uint32_t i)
{
    float x;
    memcpy(&x, &i, sizeof x);
    return x;
}

static double from_bits_f64(uint64_t i)
{
    double x;
    memcpy(&x, &i, sizeof x);
    return x;
}

/* A float, or a double, by its digits, its least exponent and its largest number. */
typedef struct Kind { int digits, least; double most; } Kind;
static const Kind kind_f32 = { 24, -149, 3.40282347e38 }, kind_f64 = { 53, -1074, 1.7976931348623157e308 };

/* Distance of y from the exact result, in units of the last place of a number of its size. */
static double ulps(const Kind *k, double y, long double exact)
{
    if (isnan(exact)) return isnan(y) ? 0 : INFINITY;
    double nearest = k == &kind_f32 ? (double)(float)exact : (double)exact;
    if (nearest == y) return signbit(nearest) == signbit(y) || exact != 0 ? 0 : INFINITY;
    if (isinf(y) || isnan(y))
        return fabsl(exact) > (long double)k->most && (exact > 0) == (y > 0) ? 0 : INFINITY;
    int e;
    frexpl(exact, &e);
    return (double)(fabsl((long double)y - exact)
                    / ldexpl(1, e - k->digits < k->least ? k->least : e - k->digits));
}

typedef void Loop(const void *x, void *y, int64_t n);

static Loop *build(const Fn *f, const char *m, void **so)
{
    const char *dir = getenv("SCRATCH"), *cc = getenv("CC"), *real = f->exact ? "float" : "double";
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
    out_line(o, "void loop(const %s *restrict in, %s *restrict out, int64_t n)", real, real);
    out_open(o, "%s", "");
    out_open(o, "for (int64_t i = 0; i < n; i++)");
    out_line(o, "const %s x = in[i];", real);
    out_line(o, "out[i] = %s;", f->call);
    out_close(o, "");
    out_close(o, "");
    FILE *file = fopen(source, "w");
    ck_assert(file != NULL && fputs(out_text(o), file) >= 0 && fclose(file) == 0);
    arena_free(a);
    snprintf(
        command, sizeof command,
        "%s -std=c11 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -march=%s "
        "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Wno-missing-prototypes "
             "-shared -fPIC -o %s %s -lm",
        cc ? cc : "cc", m, object, source);
    ck_assert_msg(system(command) == 0, "%s does not compile", f->call);
    *so = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(*so != NULL, "%s", dlerror());
    unlink(source);
    unlink(object);
    Loop *loop;
    *(void **)&loop = dlsym(*so, "loop");
    return loop;
}

enum { BLOCK = 1024 };
typedef struct Worst { double ulp, at, got; } Worst;

/* Arguments that are gathered until there is a block of them. */
typedef struct Sweep {
    const Fn *f;
    Loop *loop;
    Worst worst;
    int n;
    float x32[BLOCK], y32[BLOCK];
    double x64[BLOCK], y64[BLOCK];
} Sweep;

static void measure(Sweep *s)
{
    const Fn *f = s->f;
    bool narrow = f->exact != NULL;
    if (narrow) s->loop(s->x32, s->y32, s->n);
    else s->loop(s->x64, s->y64, s->n);
    for (int i = 0; i < s->n; i++) {
        double x = narrow ? (double)s->x32[i] : s->x64[i], y = narrow ? (double)s->y32[i] : s->y64[i];
        long double exact = narrow ? (long double)f->exact(x) : f->exact_long((long double)x);
        double u = ulps(narrow ? &kind_f32 : &kind_f64, y, exact);
        if (!(u <= s->worst.ulp)) s->worst = (Worst){ u, x, y };
    }
    s->n = 0;
}

static void add(Sweep *s, float x32, double x64)
{
    s->x32[s->n] = x32;
    s->x64[s->n++] = x64;
    if (s->n == BLOCK) measure(s);
}

static uint64_t usual_step(void)
{
    const char *every = getenv("EVERY");
    return (every && atoi(every) > 0 ? (uint64_t)atoi(every) : 4001) * (uint64_t)fewer();
}

static void sweep_f32(Sweep *s)
{
    static const uint32_t around[] = { 0,          0x00800000, 0x7f800000, 0x7fc00000, 0x3f800000,
                                       0xbf800000, 0x42b17218, 0xc2aeac50, 0xc2cff1b5, 0x3f3504f3,
                                       0x41200000, 0x40800000, 0x80000000, 0xff800000, 0x38d1b717,
                                       0x4b000000, 0xcb000000, 0x49800000, 0x3f000000, 0x40200000 };
    const uint64_t step = usual_step();
    for (uint64_t i = 0; i < UINT64_C(1) << 32; i += step) add(s, from_bits((uint32_t)i), 0);
    for (size_t k = 0; k < sizeof around / sizeof *around; k++)
        for (uint32_t i = 0; i < BLOCK; i++) add(s, from_bits(around[k] + i - BLOCK / 2), 0);
}

/* All exponents, and numbers of usual sizes, as often; then the same edges. */
static void sweep_f64(Sweep *s)
{
    static const double around[] = { 0,      -0.0, 2.2250738585072014e-308, INFINITY, -INFINITY, NAN, 1,
                                     -1,     2.5,  -0.5, 709.782712893384, -745.1332191019411,
                                     -36.73, 22,   6, 0.70710678118654752, 1048576, 4503599627370496,
                                     1e-8,   1e-9, 1.5707963267948966, 3.141592653589793, 355, 1e22 };
    uint64_t state = 1, n = 400000000 / usual_step();
    for (uint64_t i = 0; i < n && i < 4000000; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double unit = (double)(state >> 11) / 9007199254740992.0, both = 2 * unit - 1;
        add(s, 0, i % 4 == 0 ? from_bits_f64(state) : i % 4 == 1 ? both : i % 4 == 2
                 ? 12 * both : 800 * both);
    }
    for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
        uint64_t bits;
        memcpy(&bits, &around[k], sizeof bits);
        for (uint64_t i = 0; i < BLOCK; i++) add(s, 0, from_bits_f64(bits + i - BLOCK / 2));
    }
}

START_TEST(test_ulp)
{
    const Fn *f = &fns[_i];
    for (size_t m = 0; m < sizeof march / sizeof *march; m++) {
        if (!runs(march[m])) continue;
        void *so;
        static Sweep s;
        s = (Sweep){ .f = f, .loop = build(f, march[m], &so) };
        if (f->exact) sweep_f32(&s);
        else sweep_f64(&s);
        measure(&s);
        const Worst *w = &s.worst;
        if (getenv("SHOW"))
            printf("%-28s %-20s %.3f ulp at %a\n", f->call, march[m], w->ulp, w->at);
        ck_assert_msg(w->ulp <= f->ulp, "%s (%s): %.2f ulp at %a: %a", f->call, march[m], w->ulp,
                      w->at, w->got);
        dlclose(so);
    }
}
END_TEST

/* What C says of pow where an argument is no usual number. */
START_TEST(test_pow)
{
    static const double number[] = { 0,   -0.0, 1,      -1,      INFINITY, -INFINITY, NAN, 2, -2, 3, -3,
                                     0.5, -0.5, 1e300, -1e300, 5e-324, 9007199254740993.0, -7e15 };
    enum { N = sizeof number / sizeof *number };
    for (int k = 0; k < N; k++) {
        char call[64];
        void *so;
        double got[N];
        snprintf(call, sizeof call, isnan(number[k]) ? "pow_f64(x, NAN)" : isinf(number[k])
                 ? number[k] > 0 ? "pow_f64(x, INFINITY)" : "pow_f64(x, -INFINITY)"
                 : "pow_f64(x, %.17g)", number[k]);
        const Fn f = { call, SNIP_pow_f64, 0, NULL, sinl };
        Loop *loop = build(&f, march[0], &so);
        loop(number, got, N);
        for (int i = 0; i < N; i++) {
            double want = pow(number[i], number[k]);
            bool same = isnan(want) ? isnan(got[i])
                      : signbit(want) == signbit(got[i]) && fabs(got[i] - want) <= 4e-16 * fabs(want);
            ck_assert_msg(same || got[i] == want, "%g to the %g: %g, not %g", number[i], number[k],
                          got[i], want);
        }
        dlclose(so);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("math");
    TCase *t = tcase_create("ulp");
    tcase_add_loop_test(t, test_ulp, 0, N_FNS);
    tcase_add_test(t, test_pow);
    tcase_set_timeout(t, 3600);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
