/* runtime/cpu.c: which instructions the processor has, by the names that the compilers give them.
 * A name that is not known here counts as missing. */
#include "runtime/base.h"
#include <string.h>

static bool has(const char *name, size_t length)
{
#if defined __x86_64__
#define HAS(feature) \
    if (length == sizeof feature - 1 && memcmp(name, feature, length) == 0) \
        return __builtin_cpu_supports(feature) != 0;
    __builtin_cpu_init();
    HAS("sse2") HAS("avx") HAS("avx2") HAS("fma") HAS("bmi") HAS("bmi2")
    HAS("avx512f") HAS("avx512vl") HAS("avx512dq") HAS("avx512bw") HAS("avx512cd")
    HAS("avx512ifma") HAS("avx512vbmi") HAS("avx512vbmi2") HAS("avx512vnni") HAS("avx512bitalg")
    HAS("avx512vpopcntdq")
#undef HAS
#else
    (void)name;
    (void)length;
#endif
    return false;
}

bool rt_cpu_runs(const char *features)
{
    for (const char *p = features; *p;) {
        size_t length = strcspn(p, " ");
        if (length && !has(p, length))
            return false;
        p += length + strspn(p + length, " ");
    }
    return true;
}
