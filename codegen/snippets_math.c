/* codegen/snippets_math.c: elementary functions, as text of generated source.
 *
 * float functions are straight-line polynomials, so that loops over them stay in vector registers;
 * each says within how many units in the last place it is (tests/e2e/test_math.c measures that).
 * The constants are minimax fits of our own. Double uses the C library, whose functions are exact
 * to one unit and slower. Not here: sin, cos, pow, which are the C library's for float too. */
#include "codegen/snippets.h"

const char *const snippet_math_text[SNIP_COUNT] = {
    [SNIP_bits] =
    "/* The bits of a float as an integer, and back. */\n"
    "$function int32_t bits_of(float x)\n"
    "{\n"
    "    int32_t i;\n"
    "    memcpy(&i, &x, sizeof i);\n"
    "    return i;\n"
    "}\n"
    "$function float float_of(int32_t i)\n"
    "{\n"
    "    float x;\n"
    "    memcpy(&x, &i, sizeof x);\n"
    "    return x;\n"
    "}\n",
    [SNIP_exp_f32] =
    "/* exp(x) = 2^k exp(r), |r| <= log(2)/2. The power goes in by two factors, so that the ends\n"
    " * of the range, denormals included, are rounded once. Straight-line: loops vectorise. At most\n"
    " * 1.1 ulp. */\n"
    "$function float exp_f32(float x)\n"
    "{\n"
    "    const float c = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;\n"
    "    const float shifted = c * 1.44269504f + 12582912.0f;     /* k stands in the low bits */\n"
    "    const float k = shifted - 12582912.0f;\n"
    "    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;\n"
    "    float p = 0.00019914140f;\n"
    "    p = p * r + 0.0013940970f;\n"
    "    p = p * r + 0.0083332733f;\n"
    "    p = p * r + 0.041666355f;\n"
    "    p = p * r + 0.16666667f;\n"
    "    p = p * r + 0.5f;\n"
    "    p = p * r * r + r + 1.0f;\n"
    "    const int32_t e = bits_of(shifted) - 0x4b400000, half = e >> 1;\n"
    "    return p * float_of((half + 127) * 0x800000) * float_of((e - half + 127) * 0x800000);\n"
    "}\n",
    [SNIP_expm1_f32] =
    "/* exp(x) - 1 = 2^k (exp(r) - 1) + (2^k - 1), exact near 0; half of it first: 2^128 fits.\n"
    " * At most 1.6 ulp. */\n"
    "$function float expm1_f32(float x)\n"
    "{\n"
    "    const float c = x > 89.0f ? 89.0f : x < -18.0f ? -18.0f : x;\n"
    "    const float shifted = c * 1.44269504f + 12582912.0f;\n"
    "    const float k = shifted - 12582912.0f;\n"
    "    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;\n"
    "    float p = 0.00019914140f;\n"
    "    p = p * r + 0.0013940970f;\n"
    "    p = p * r + 0.0083332733f;\n"
    "    p = p * r + 0.041666355f;\n"
    "    p = p * r + 0.16666667f;\n"
    "    p = p * r + 0.5f;\n"
    "    p = p * r * r + r;\n"
    "    const float half = float_of((bits_of(shifted) - 0x4b400000 + 126) * 0x800000);\n"
    "    const float y = half * p + (half - 0.5f);\n"
    "    return k == 0.0f ? (r == 0.0f ? x : p) : y + y;\n"
    "}\n",
    [SNIP_log_f32] =
    "/* log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]: f - f^2/2 + f^3 P(f). */\n"
    "$function float log_near_1(float f)\n"
    "{\n"
    "    float p = 0.069161050f;\n"
    "    p = p * f - 0.11788961f;\n"
    "    p = p * f + 0.11872146f;\n"
    "    p = p * f - 0.12384455f;\n"
    "    p = p * f + 0.14218800f;\n"
    "    p = p * f - 0.16669248f;\n"
    "    p = p * f + 0.20002218f;\n"
    "    p = p * f - 0.24999987f;\n"
    "    p = p * f + 0.33333310f;\n"
    "    return p * f * f * f - 0.5f * f * f;                     /* without the leading f */\n"
    "}\n"
    "/* log(x) = k log(2) + log(m); a denormal x is scaled up first. At most 1.1 ulp. */\n"
    "$function float log_f32(float x)\n"
    "{\n"
    "    const bool tiny = x < 1.17549435e-38f;\n"
    "    const float y = tiny ? x * 8388608.0f : x;\n"
    "    const int32_t i = bits_of(y) - 0x3f3504f3;               /* sqrt(1/2) */\n"
    "    const float m = float_of((i & 0x7fffff) + 0x3f3504f3);\n"
    "    const float k = (float)(i >> 23) - (tiny ? 23.0f : 0.0f);\n"
    "    const float f = m - 1.0f;\n"
    "    const float r = (log_near_1(f) + k * -2.12194440e-4f) + f + k * 0.693359375f;\n"
    "    const float edge = x == 0.0f ? -INFINITY : x > 0.0f ? x : NAN;  /* 0, inf; else NaN */\n"
    "    return x > 0.0f && x < INFINITY ? r : edge;\n"
    "}\n",
    [SNIP_log1p_f32] =
    "/* log(1 + x) = log(u) + (x - (u - 1)) / u with u = 1 + x rounded. At most 1.6 ulp. */\n"
    "$function float log1p_f32(float x)\n"
    "{\n"
    "    const float u = 1.0f + x;\n"
    "    const float rest = (x - (u - 1.0f)) / u;\n"
    "    const float y = log_f32(u) + rest;\n"
    "    return u == 1.0f ? x : u > 0.0f && u < INFINITY ? y : log_f32(u);\n"
    "}\n",
    [SNIP_tanh_f32] =
    "/* tanh(x) = t / (t + 2), t = exp(2 |x|) - 1. At most 2.5 ulp. */\n"
    "$function float tanh_f32(float x)\n"
    "{\n"
    "    const float a = fabsf(x);\n"
    "    const float t = expm1_f32(a > 10.0f ? 20.0f : a + a);\n"
    "    return a < 1e-4f ? x : copysignf(t / (t + 2.0f), x);\n"
    "}\n",
    [SNIP_sigmoid_f32] =
    "/* 1 / (1 + exp(-x)), small values exact too. At most 2.5 ulp. */\n"
    "$function float sigmoid_f32(float x)\n"
    "{\n"
    "    const float e = exp_f32(-fabsf(x));\n"
    "    return (x < 0.0f ? e : 1.0f) / (1.0f + e);\n"
    "}\n",
    [SNIP_logsigmoid_f32] =
    "/* log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)). At most 2.1 ulp. */\n"
    "$function float logsigmoid_f32(float x)\n"
    "{\n"
    "    return (x < 0.0f ? x : 0.0f) - log1p_f32(exp_f32(-fabsf(x)));\n"
    "}\n",
    [SNIP_erf_f32] =
    "/* erf(x): x + x P(x^2) up to 1, then 1 - exp(Q(|x|)). At most 1.6 ulp. */\n"
    "$function float erf_f32(float x)\n"
    "{\n"
    "    const float a = fabsf(x), s = x * x;\n"
    "    float p = 7.8891229e-05f;\n"
    "    p = p * s - 0.00080208422f;\n"
    "    p = p * s + 0.0051895357f;\n"
    "    p = p * s - 0.026854444f;\n"
    "    p = p * s + 0.11283600f;\n"
    "    p = p * s - 0.37612626f;\n"
    "    p = p * s + 0.12837917f;\n"
    "    const float t = a > 4.0f ? 4.0f : a;\n"
    "    float q = -2.1686710e-05f;\n"
    "    q = q * t + 0.00044133465f;\n"
    "    q = q * t - 0.0042045526f;\n"
    "    q = q * t + 0.025208231f;\n"
    "    q = q * t - 0.10841853f;\n"
    "    q = q * t - 0.63321996f;\n"
    "    q = q * t - 1.1295784f;\n"
    "    q = q * t + 0.00018803506f;\n"
    "    return a < 1.0f ? x + x * p : copysignf(1.0f - exp_f32(q), x);\n"
    "}\n",
    [SNIP_sigmoid_f64] =
    "/* 1 / (1 + exp(-x)), small values exact too. */\n"
    "$function double sigmoid_f64(double x)\n"
    "{\n"
    "    const double e = exp(-fabs(x));\n"
    "    return (x < 0.0 ? e : 1.0) / (1.0 + e);\n"
    "}\n",
    [SNIP_logsigmoid_f64] =
    "/* log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)). */\n"
    "$function double logsigmoid_f64(double x)\n"
    "{\n"
    "    return (x < 0.0 ? x : 0.0) - log1p(exp(-fabs(x)));\n"
    "}\n",
    [SNIP_sign_f32] =
    "/* -1, 0 or 1; 0 for NaN. */\n"
    "$function float sign_f32(float x)\n"
    "{\n"
    "    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;\n"
    "}\n",
    [SNIP_max_f32] =
    "/* The larger; NaN if either is NaN. */\n"
    "$function float max_f32(float a, float b)\n"
    "{\n"
    "    return a > b || a != a ? a : b;\n"
    "}\n",
    [SNIP_min_f32] =
    "/* The smaller; NaN if either is NaN. */\n"
    "$function float min_f32(float a, float b)\n"
    "{\n"
    "    return a < b || a != a ? a : b;\n"
    "}\n",
    [SNIP_to_int_f32] =
    "/* Towards 0, saturating; 0 for NaN. */\n"
    "$function int64_t to_int_f32(float x)\n"
    "{\n"
    "    const float end = 9223372036854775808.0f;\n"
    "    return x >= end ? INT64_MAX : x <= -end ? INT64_MIN : x != x ? 0 : (int64_t)x;\n"
    "}\n",
    [SNIP_sign_f64] =
    "/* -1, 0 or 1; 0 for NaN. */\n"
    "$function double sign_f64(double x)\n"
    "{\n"
    "    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;\n"
    "}\n",
    [SNIP_max_f64] =
    "/* The larger; NaN if either is NaN. */\n"
    "$function double max_f64(double a, double b)\n"
    "{\n"
    "    return a > b || a != a ? a : b;\n"
    "}\n",
    [SNIP_min_f64] =
    "/* The smaller; NaN if either is NaN. */\n"
    "$function double min_f64(double a, double b)\n"
    "{\n"
    "    return a < b || a != a ? a : b;\n"
    "}\n",
    [SNIP_to_int_f64] =
    "/* Towards 0, saturating; 0 for NaN. */\n"
    "$function int64_t to_int_f64(double x)\n"
    "{\n"
    "    const double end = 9223372036854775808.0;\n"
    "    return x >= end ? INT64_MAX : x <= -end ? INT64_MIN : x != x ? 0 : (int64_t)x;\n"
    "}\n",
};
