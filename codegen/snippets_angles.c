/* codegen/snippets_angles.c: more functions of the C library for source that has none (seqc emit
 * --no-libm): angles, hyperbolas, roots, rests, other bases, which functions of users call.
 *
 * They are made of those in snippets_libm.c; each says within how many units in the last place it is
 * (tests/e2e/test_math.c measures that), however products and sums are contracted. */
#include "codegen/snippets.h"

const char *const snippet_angles_text[SNIP_COUNT] = {
    [SNIP_atan_f64] =
    "/* atan(x) = atan(c) + atan(t), c the nearest of the places k / 8, t = (x - c) / (1 + x c) by its\n"
    " * series; beyond 1, of 1 / x. At most 1.5 ulp. */\n"
    "$function double atan_f64(double x)\n"
    "{\n"
    "    static const double known[9][2] = {                      /* atan(k / 8) in two parts */\n"
    "        { 0.0, 0.0 },\n"
    "        { 0.12435499454676144, -3.1253241424539383e-18 },\n"
    "        { 0.24497866312686414, 1.0698755618734451e-17 },\n"
    "        { 0.35877067027057225, -2.4623815582638635e-17 },\n"
    "        { 0.4636476090008061, 2.2698777452961687e-17 },\n"
    "        { 0.5585993153435624, -5.4556305485916264e-18 },\n"
    "        { 0.6435011087932844, 1.5834785051444286e-17 },\n"
    "        { 0.7188299996216245, -2.1478388444456983e-17 },\n"
    "        { 0.7853981633974483, 3.061616997868383e-17 },\n"
    "    };\n"
    "    const double a = fabs(x);\n"
    "    if (a != a) return x;\n"
    "    const double place = rint_f64(8.0 * (a > 1.0 ? 1.0 / a : a)), c = place / 8.0;\n"
    "    const double *const at = known[(int)place];\n"
    "    const double t = a > 1e300 ? 0.0 : a > 1.0 ? (1.0 - c * a) / (a + c) : (a - c) / (1.0 + a * c);\n"
    "    const double z = t * t;\n"
    "    double p = 0.06666666666666667;\n"
    "    p = p * z - 0.07692307692307693;\n"
    "    p = p * z + 0.09090909090909091;\n"
    "    p = p * z - 0.1111111111111111;\n"
    "    p = p * z + 0.14285714285714285;\n"
    "    p = p * z - 0.2;\n"
    "    p = p * z + 0.3333333333333333;\n"
    "    const double low = at[1] - t * z * p, turned = 1.5707963267948966 - at[0];\n"
    "    const double lost = (1.5707963267948966 - turned) - at[0] + 6.123233995736766e-17;\n"
    "    return copysign(a > 1.0 ? turned - (t - (lost - low)) : at[0] + (t + low), x);\n"
    "}\n",
    [SNIP_asin_f64] =
    "/* At most 2.5 ulp. */\n"
    "$function double asin_f64(double x)\n"
    "{\n"
    "    return fabs(x) < 1e-8 ? x : atan_f64(x / sqrt_f64((1.0 - x) * (1.0 + x)));\n"
    "}\n",
    [SNIP_acos_f64] =
    "/* acos(x) = 2 atan(sqrt((1 - x) / (1 + x))), at most 2.5 ulp. */\n"
    "$function double acos_f64(double x) { return 2.0 * atan_f64(sqrt_f64((1.0 - x) / (1.0 + x))); }\n",
    [SNIP_tan_f64] =
    "/* At most 2.5 ulp. */\n"
    "$function double tan_f64(double x) { return fabs(x) < 1e-8 ? x : sin_f64(x) / cos_f64(x); }\n",
    [SNIP_sinh_f64] =
    "/* sinh(x) = (t + t / (t + 1)) / 2, t = exp(|x|) - 1; far out exp(|x| / 2)^2 / 2, which does not\n"
    " * overflow early. At most 3 ulp. */\n"
    "$function double sinh_f64(double x)\n"
    "{\n"
    "    const double a = fabs(x), half = exp_f64(0.5 * a), t = expm1_f64(a);\n"
    "    const double y = a > 40.0 ? 0.5 * half * half : 0.5 * (t + t / (t + 1.0));\n"
    "    return a < 1e-8 ? x : copysign(y, x);\n"
    "}\n",
    [SNIP_cosh_f64] =
    "/* At most 3 ulp. */\n"
    "$function double cosh_f64(double x)\n"
    "{\n"
    "    const double a = fabs(x), half = exp_f64(0.5 * a), t = exp_f64(a);\n"
    "    return a > 40.0 ? 0.5 * half * half : 0.5 * (t + 1.0 / t);\n"
    "}\n",
    [SNIP_asinh_f64] =
    "/* At most 2.5 ulp. */\n"
    "$function double asinh_f64(double x)\n"
    "{\n"
    "    const double a = fabs(x), s = a * a;\n"
    "    const double near = log1p_f64(a + s / (1.0 + sqrt_f64(s + 1.0)));\n"
    "    return a < 1e-8 ? x : copysign(a > 1e9 ? log_f64(a) + 0.6931471805599453 : near, x);\n"
    "}\n",
    [SNIP_acosh_f64] =
    "/* At most 2.5 ulp. */\n"
    "$function double acosh_f64(double x)\n"
    "{\n"
    "    const double t = x - 1.0;\n"
    "    if (!(x >= 1.0)) return __builtin_nan(\"\");\n"
    "    return x > 1e9 ? log_f64(x) + 0.6931471805599453 : log1p_f64(t + sqrt_f64(t * (x + 1.0)));\n"
    "}\n",
    [SNIP_atanh_f64] =
    "/* At most 2.5 ulp. */\n"
    "$function double atanh_f64(double x)\n"
    "{\n"
    "    const double a = fabs(x);\n"
    "    return a < 1e-8 ? x : copysign(0.5 * log1p_f64((a + a) / (1.0 - a)), x);\n"
    "}\n",
    [SNIP_exp2_f64] =
    "/* At most 1.3 ulp. */\n"
    "$function double exp2_f64(double x) { return pow_f64(2.0, x); }\n",
    [SNIP_log2_f64] =
    "/* log2(x) = k + log(m) / log(2), sqrt(1/2) <= m < sqrt(2). At most 2 ulp. */\n"
    "$function double log2_f64(double x)\n"
    "{\n"
    "    const bool tiny = x < 2.2250738585072014e-308;\n"
    "    const uint64_t i = bits_of_f64(tiny ? x * 18014398509481984.0 : x) - 0x3fe6a09e667f3bcd;\n"
    "    const double m = f64_of((i & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);\n"
    "    const double k = (double)((int64_t)i >> 52) - (tiny ? 54.0 : 0.0);\n"
    "    return x > 0.0 && x < __builtin_inf() ? k + log_f64(m) * 1.4426950408889634 : log_f64(x);\n"
    "}\n",
    [SNIP_log10_f64] =
    "/* At most 2 ulp. */\n"
    "$function double log10_f64(double x) { return log_f64(x) * 0.4342944819032518; }\n",
    [SNIP_cbrt_f64] =
    "/* A third of the exponent, then Newton's steps. At most 1 ulp. */\n"
    "$function double cbrt_f64(double x)\n"
    "{\n"
    "    const double a = fabs(x);\n"
    "    const bool tiny = a < 1e-290;\n"
    "    const double s = tiny ? a * 18014398509481984.0 : a;     /* 2^54 */\n"
    "    double y = f64_of(bits_of_f64(s) / 3 + 0x2a9f7893782da1ce);\n"
    "    for (int i = 0; i < 4; i++) y = y - (y - s / (y * y)) / 3.0;\n"
    "    return a > 0.0 && a < __builtin_inf() ? copysign(tiny ? y / 262144.0 : y, x) : x;\n"
    "}\n",
    [SNIP_hypot_f64] =
    "/* The larger times sqrt(1 + r^2), r the ratio. At most 2.5 ulp. */\n"
    "$function double hypot_f64(double x, double y)\n"
    "{\n"
    "    const double a = fabs(x), b = fabs(y), most = a > b ? a : b, least = a > b ? b : a;\n"
    "    if (a == __builtin_inf() || b == __builtin_inf()) return __builtin_inf();\n"
    "    const double r = least / most;\n"
    "    return most > 0.0 ? most * sqrt_f64(1.0 + r * r) : a + b;\n"
    "}\n",
    [SNIP_atan2_f64] =
    "/* atan(|y / x|), in its quarter. At most 2.5 ulp. */\n"
    "$function double atan2_f64(double y, double x)\n"
    "{\n"
    "    const double a = fabs(x), b = fabs(y);\n"
    "    if (x != x || y != y) return x + y;\n"
    "    const double t = atan_f64(b == 0.0 ? 0.0 : a == __builtin_inf() && b == __builtin_inf() ? 1.0 : b / a);\n"
    "    const bool left = copysign(1.0, x) < 0.0;\n"
    "    return copysign(left ? 3.141592653589793 - (t - 1.2246467991473532e-16) : t, y);\n"
    "}\n",
    [SNIP_fmod_f64] =
    "/* x without the largest multiples b 2^k of b = |y|, one after the other: differences of numbers of\n"
    " * neighbouring sizes are exact. Exact. */\n"
    "$function double fmod_f64(double x, double y)\n"
    "{\n"
    "    const double b = fabs(y);\n"
    "    const uint64_t own = bits_of_f64(b), places = (uint64_t)1 << 52;\n"
    "    double a = fabs(x);\n"
    "    if (x != x || y != y) return x + y;\n"
    "    if (!(a < __builtin_inf()) || b == 0.0) return __builtin_nan(\"\");\n"
    "    if (!(b < __builtin_inf())) return x;\n"
    "    while (a >= b) {\n"
    "        double c = b;\n"
    "        const uint64_t e = bits_of_f64(a) / places;\n"
    "        if (own >= places && e > own / places + 1) c = f64_of((e - 1) * places + own % places);\n"
    "        while (c + c <= a) c += c;\n"
    "        a -= c;\n"
    "    }\n"
    "    return copysign(a, x);\n"
    "}\n",
    [SNIP_atan_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float atan_f32(float x) { return (float)atan_f64((double)x); }\n",
    [SNIP_asin_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float asin_f32(float x) { return (float)asin_f64((double)x); }\n",
    [SNIP_acos_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float acos_f32(float x) { return (float)acos_f64((double)x); }\n",
    [SNIP_tan_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float tan_f32(float x) { return (float)tan_f64((double)x); }\n",
    [SNIP_sinh_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float sinh_f32(float x) { return (float)sinh_f64((double)x); }\n",
    [SNIP_cosh_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float cosh_f32(float x) { return (float)cosh_f64((double)x); }\n",
    [SNIP_asinh_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float asinh_f32(float x) { return (float)asinh_f64((double)x); }\n",
    [SNIP_acosh_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float acosh_f32(float x) { return (float)acosh_f64((double)x); }\n",
    [SNIP_atanh_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float atanh_f32(float x) { return (float)atanh_f64((double)x); }\n",
    [SNIP_exp2_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float exp2_f32(float x) { return (float)exp2_f64((double)x); }\n",
    [SNIP_log2_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float log2_f32(float x) { return (float)log2_f64((double)x); }\n",
    [SNIP_log10_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float log10_f32(float x) { return (float)log10_f64((double)x); }\n",
    [SNIP_cbrt_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float cbrt_f32(float x) { return (float)cbrt_f64((double)x); }\n",
    [SNIP_hypot_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float hypot_f32(float x, float y)\n"
    "{\n"
    "    return (float)hypot_f64((double)x, (double)y);\n"
    "}\n",
    [SNIP_atan2_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float atan2_f32(float x, float y)\n"
    "{\n"
    "    return (float)atan2_f64((double)x, (double)y);\n"
    "}\n",
    [SNIP_fmod_f32] =
    "/* By that of double: rounded once more. */\n"
    "$function float fmod_f32(float x, float y)\n"
    "{\n"
    "    return (float)fmod_f64((double)x, (double)y);\n"
    "}\n",
};
