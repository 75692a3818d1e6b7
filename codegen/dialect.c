/* codegen/dialect.c: what the languages have in common.
 *
 * float functions that a loop over elements should keep in vector registers are our own
 * snippets, in both languages, so that both compute the same numbers; sin, cos, pow and what people
 * write less often are the language's library's, as are all of double. */
#include "codegen/dialect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const DialectFn dialect_fn32[EX_COUNT] = {
    [EX_exp] = { "exp_f32", SNIP_exp_f32, SNIP_none },
    [EX_expm1] = { "expm1_f32", SNIP_expm1_f32, SNIP_none },
    [EX_log] = { "log_f32", SNIP_log_f32, SNIP_none },
    [EX_log1p] = { "log1p_f32", SNIP_log1p_f32, SNIP_none },
    [EX_sqrt] = { "sqrtf", SNIP_none, SNIP_sqrt_f32 },
    [EX_sigmoid] = { "sigmoid_f32", SNIP_sigmoid_f32, SNIP_none },
    [EX_logsigmoid] = { "logsigmoid_f32", SNIP_logsigmoid_f32, SNIP_none },
    [EX_tanh] = { "tanh_f32", SNIP_tanh_f32, SNIP_none },
    [EX_erf] = { "erf_f32", SNIP_erf_f32, SNIP_none },
    [EX_erfc] = { "erfcf", SNIP_none, SNIP_erfc_f32 },
    [EX_sin] = { "sinf", SNIP_none, SNIP_sin_f32 },
    [EX_cos] = { "cosf", SNIP_none, SNIP_cos_f32 },
    [EX_abs] = { "fabsf", SNIP_none, SNIP_none },
    [EX_sign] = { "sign_f32", SNIP_sign_f32, SNIP_none },
    [EX_floor] = { "floorf", SNIP_none, SNIP_floor_f32 },
    [EX_ceil] = { "ceilf", SNIP_none, SNIP_ceil_f32 },
    [EX_trunc] = { "truncf", SNIP_none, SNIP_trunc_f32 },
    [EX_round] = { "rintf", SNIP_none, SNIP_rint_f32 },
    [EX_max] = { "max_f32", SNIP_max_f32, SNIP_none },
    [EX_min] = { "min_f32", SNIP_min_f32, SNIP_none },
    [EX_pow] = { "powf", SNIP_none, SNIP_pow_f32 },
    [EX_tan] = { "tanf", SNIP_none, SNIP_tan_f32 },
    [EX_asin] = { "asinf", SNIP_none, SNIP_asin_f32 },
    [EX_acos] = { "acosf", SNIP_none, SNIP_acos_f32 },
    [EX_atan] = { "atanf", SNIP_none, SNIP_atan_f32 },
    [EX_sinh] = { "sinhf", SNIP_none, SNIP_sinh_f32 },
    [EX_cosh] = { "coshf", SNIP_none, SNIP_cosh_f32 },
    [EX_asinh] = { "asinhf", SNIP_none, SNIP_asinh_f32 },
    [EX_acosh] = { "acoshf", SNIP_none, SNIP_acosh_f32 },
    [EX_atanh] = { "atanhf", SNIP_none, SNIP_atanh_f32 },
    [EX_exp2] = { "exp2f", SNIP_none, SNIP_exp2_f32 },
    [EX_log2] = { "log2f", SNIP_none, SNIP_log2_f32 },
    [EX_log10] = { "log10f", SNIP_none, SNIP_log10_f32 },
    [EX_cbrt] = { "cbrtf", SNIP_none, SNIP_cbrt_f32 },
    [EX_hypot] = { "hypotf", SNIP_none, SNIP_hypot_f32 },
    [EX_atan2] = { "atan2f", SNIP_none, SNIP_atan2_f32 },
    [EX_fmod] = { "fmodf", SNIP_none, SNIP_fmod_f32 },
    [EX_copysign] = { "copysignf", SNIP_none, SNIP_none },
};

const DialectFn dialect_fn64[EX_COUNT] = {
    [EX_exp] = { "exp", SNIP_none, SNIP_exp_f64 },
    [EX_expm1] = { "expm1", SNIP_none, SNIP_expm1_f64 },
    [EX_log] = { "log", SNIP_none, SNIP_log_f64 },
    [EX_log1p] = { "log1p", SNIP_none, SNIP_log1p_f64 },
    [EX_sqrt] = { "sqrt", SNIP_none, SNIP_sqrt_f64 },
    [EX_sigmoid] = { "sigmoid_f64", SNIP_sigmoid_f64, SNIP_none },
    [EX_logsigmoid] = { "logsigmoid_f64", SNIP_logsigmoid_f64, SNIP_none },
    [EX_tanh] = { "tanh", SNIP_none, SNIP_tanh_f64 },
    [EX_erf] = { "erf", SNIP_none, SNIP_erf_f64 },
    [EX_erfc] = { "erfc", SNIP_none, SNIP_erfc_f64 },
    [EX_sin] = { "sin", SNIP_none, SNIP_sin_f64 },
    [EX_cos] = { "cos", SNIP_none, SNIP_cos_f64 },
    [EX_abs] = { "fabs", SNIP_none, SNIP_none },
    [EX_sign] = { "sign_f64", SNIP_sign_f64, SNIP_none },
    [EX_floor] = { "floor", SNIP_none, SNIP_floor_f64 },
    [EX_ceil] = { "ceil", SNIP_none, SNIP_ceil_f64 },
    [EX_trunc] = { "trunc", SNIP_none, SNIP_trunc_f64 },
    [EX_round] = { "rint", SNIP_none, SNIP_rint_f64 },
    [EX_max] = { "max_f64", SNIP_max_f64, SNIP_none },
    [EX_min] = { "min_f64", SNIP_min_f64, SNIP_none },
    [EX_pow] = { "pow", SNIP_none, SNIP_pow_f64 },
    [EX_tan] = { "tan", SNIP_none, SNIP_tan_f64 },
    [EX_asin] = { "asin", SNIP_none, SNIP_asin_f64 },
    [EX_acos] = { "acos", SNIP_none, SNIP_acos_f64 },
    [EX_atan] = { "atan", SNIP_none, SNIP_atan_f64 },
    [EX_sinh] = { "sinh", SNIP_none, SNIP_sinh_f64 },
    [EX_cosh] = { "cosh", SNIP_none, SNIP_cosh_f64 },
    [EX_asinh] = { "asinh", SNIP_none, SNIP_asinh_f64 },
    [EX_acosh] = { "acosh", SNIP_none, SNIP_acosh_f64 },
    [EX_atanh] = { "atanh", SNIP_none, SNIP_atanh_f64 },
    [EX_exp2] = { "exp2", SNIP_none, SNIP_exp2_f64 },
    [EX_log2] = { "log2", SNIP_none, SNIP_log2_f64 },
    [EX_log10] = { "log10", SNIP_none, SNIP_log10_f64 },
    [EX_cbrt] = { "cbrt", SNIP_none, SNIP_cbrt_f64 },
    [EX_hypot] = { "hypot", SNIP_none, SNIP_hypot_f64 },
    [EX_atan2] = { "atan2", SNIP_none, SNIP_atan2_f64 },
    [EX_fmod] = { "fmod", SNIP_none, SNIP_fmod_f64 },
    [EX_copysign] = { "copysign", SNIP_none, SNIP_none },
};

const Dialect *dialect_of(const Target *t)
{
    return t->block_threads ? &dialect_cuda : &dialect_c;
}
const char *dialect_literal(const Dialect *l, DType d, double x, Arena *a)
{
    if (d == DT_bf16 || d == DT_f16) return arena_printf(a, "0x%04x", ir_to_half(d, x));
    if (!ir_dtype_real(d)) return arena_printf(a, "%lld", (long long)x);
    if (isnan(x)) return l->nan;
    if (isinf(x)) return x > 0 ? l->infinity : arena_printf(a, "-%s", l->infinity);
    bool narrow = d == DT_f32;
    double want = narrow ? (double)(float)x : x;
    if (isinf(want)) return dialect_literal(l, d, want, a);
    char s[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, want);
        if ((narrow ? (double)strtof(s, NULL) : strtod(s, NULL)) == want) break;
    }
    const char *point = "";
    if (s[0] && !strpbrk(s, ".e")) point = ".0";
    return arena_printf(a, "%s%s%s", s, point, l->literal_suffix[d]);
}
