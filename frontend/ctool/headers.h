/* frontend/ctool/headers.h: the headers of C that are read: in memory, so that no C library need be
 * installed and a function means the same everywhere. Macros of <math.h> that classify are written
 * with comparisons. */
#ifndef SEQC_CTOOL_HEADERS_H
#define SEQC_CTOOL_HEADERS_H

namespace ctool {

#define MATH1(name, ex) "double " #name "(double); float " #name "f(float);\n"
#define MATH2(name, ex) "double " #name "(double, double); float " #name "f(float, float);\n"
constexpr const char *math_header =
    "#pragma once\n"
#include "frontend/ctool/math.def"
    "double fma(double, double, double); float fmaf(float, float, float);\n"
    "double frexp(double, int *); float frexpf(float, int *);\n"
    "double ldexp(double, int); float ldexpf(float, int);\n"
    "double modf(double, double *); float modff(float, float *);\n"
    "double scalbn(double, int); float scalbnf(float, int);\n"
    "int ilogb(double); int ilogbf(float);\n"
    "long lrint(double); long lrintf(float); long lround(double); long lroundf(float);\n"
    "long long llrint(double); long long llrintf(float);\n"
    "long long llround(double); long long llroundf(float);\n"
    "double nan(const char *); float nanf(const char *);\n"
    "#define signbit(x) (_Generic((x), float: copysignf(1.0f, x), default: copysign(1.0, x)) < 0)\n"
    "#define INFINITY (1e999f)\n"
    "#define HUGE_VALF (1e999f)\n"
    "#define HUGE_VAL (1e999)\n"
    "#define NAN (0.0f / 0.0f)\n"
    "#define isnan(x) ((x) != (x))\n"
    "#define isinf(x) ((x) == INFINITY || (x) == -INFINITY)\n"
    "#define isfinite(x) ((x) < INFINITY && (x) > -INFINITY)\n"
    "#define isgreater(x, y) ((x) > (y))\n"
    "#define isgreaterequal(x, y) ((x) >= (y))\n"
    "#define isless(x, y) ((x) < (y))\n"
    "#define islessequal(x, y) ((x) <= (y))\n"
    "#define islessgreater(x, y) ((x) < (y) || (x) > (y))\n"
    "#define isunordered(x, y) ((x) != (x) || (y) != (y))\n"
    "#define M_E 2.7182818284590452354\n"
    "#define M_LOG2E 1.4426950408889634074\n"
    "#define M_LOG10E 0.43429448190325182765\n"
    "#define M_LN2 0.69314718055994530942\n"
    "#define M_LN10 2.30258509299404568402\n"
    "#define M_PI 3.14159265358979323846\n"
    "#define M_PI_2 1.57079632679489661923\n"
    "#define M_PI_4 0.78539816339744830962\n"
    "#define M_1_PI 0.31830988618379067154\n"
    "#define M_2_PI 0.63661977236758134308\n"
    "#define M_2_SQRTPI 1.12837916709551257390\n"
    "#define M_SQRT2 1.41421356237309504880\n"
    "#define M_SQRT1_2 0.70710678118654752440\n";
#undef MATH1
#undef MATH2

#define LIMIT(prefix, name) "#define " prefix "_" name " __" prefix "_" name "__\n"
#define LIMITS(prefix) LIMIT(prefix, "MAX") LIMIT(prefix, "MIN") LIMIT(prefix, "EPSILON") \
    LIMIT(prefix, "DIG") LIMIT(prefix, "MANT_DIG") LIMIT(prefix, "MAX_EXP") LIMIT(prefix, "MIN_EXP") \
    LIMIT(prefix, "MAX_10_EXP") LIMIT(prefix, "MIN_10_EXP") LIMIT(prefix, "DECIMAL_DIG") \
    "#define " prefix "_TRUE_MIN __" prefix "_DENORM_MIN__\n"
constexpr const char *float_header = "#pragma once\n#define FLT_RADIX __FLT_RADIX__\n"
    "#define FLT_EVAL_METHOD 0\n"
    LIMITS("FLT") LIMITS("DBL");
#undef LIMIT
#undef LIMITS

constexpr const char *stdbool_header =
    "#pragma once\n#define bool _Bool\n#define true 1\n#define false 0\n";

constexpr const char *stddef_header = "#pragma once\ntypedef __SIZE_TYPE__ size_t;\n";

#define LIMITS(name, type) "#define " name "_MAX __" type "_MAX__\n" \
    "#define " name "_MIN (-__" type "_MAX__ - 1)\n"
constexpr const char *limits_header =
    "#pragma once\n#define CHAR_BIT 8\n" LIMITS("SCHAR", "SCHAR") LIMITS("SHRT", "SHRT")
    LIMITS("INT", "INT") LIMITS("LONG", "LONG") LIMITS("LLONG", "LONG_LONG")
    "#define UCHAR_MAX 255\n#define USHRT_MAX 65535\n#define UINT_MAX (__INT_MAX__ * 2U + 1U)\n";
#undef LIMITS

#define INTEGER(bits) "typedef __INT" bits "_TYPE__ int" bits "_t;\n" \
    "typedef __UINT" bits "_TYPE__ uint" bits "_t;\n"
constexpr const char *stdint_header =
    "#pragma once\n" INTEGER("8") INTEGER("16") INTEGER("32") INTEGER("64");
#undef INTEGER

struct Header { const char *name, *text; };
constexpr Header headers[] = {
    {"math.h", math_header}, {"float.h", float_header}, {"limits.h", limits_header},
    {"stdbool.h", stdbool_header}, {"stddef.h", stddef_header}, {"stdint.h", stdint_header},
};
constexpr const char *headers_read =
    "<math.h>, <float.h>, <limits.h>, <stdbool.h>, <stddef.h>, <stdint.h> and files beside this one "
    "are read";

} // namespace ctool
#endif
