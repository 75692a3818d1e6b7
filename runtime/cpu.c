/* runtime/cpu.c: which instructions the processor has, by the names that the compilers give them.
 * A name that is not known here counts as missing.
 *
 * AMX wants more than the processor: the system has to save tiles (XCR0), and on Linux a process
 * asks for them once, before its threads use any.
 * Source: Intel's Software Developer's Manual, volume 1, chapter 18; the kernel's
 * Documentation/arch/x86/xstate.rst. */
#define _DEFAULT_SOURCE   /* syscall */
#include "runtime/base.h"
#include <string.h>
#if defined __x86_64__ && defined __linux__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined __x86_64__
static bool has_tiles(void)
{
#if defined __linux__
    enum { OSXSAVE = 1 << 27, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, TILE_STATE = 3 << 17 };
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || !(c & OSXSAVE))
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE))
        return false;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & TILE_STATE) == TILE_STATE &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

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
    if (length == 8 && (memcmp(name, "amx-tile", 8) == 0 || memcmp(name, "amx-bf16", 8) == 0))
        return has_tiles();
#elif defined __aarch64__
    return length == 4 && memcmp(name, "neon", 4) == 0;      /* all of them have it */
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
