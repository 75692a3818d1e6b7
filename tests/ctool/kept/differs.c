/* Another function where the compiler is told so: -DOTHER, -DBAD or -DCRASH. -DHOSTILE="FILE" leaves
 * the file as soon as the object is opened, if nothing stops it, by itself or by another process. */
#ifdef BAD
#error "no"
#endif

#ifdef HOSTILE
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void leave(void)
{
    FILE *f = fopen(HOSTILE, "w");
    if (f) fclose(f);
    if (system("touch " HOSTILE)) remove(HOSTILE ".victim");
}
#endif

static int divided(int n)
{
#ifdef CRASH
    volatile int zero = 0;
    return n / zero;
#else
    return n;
#endif
}

float twice(float x)
{
#ifdef OTHER
    return x * 2.5f;
#else
    return x * (float)divided(2);
#endif
}
