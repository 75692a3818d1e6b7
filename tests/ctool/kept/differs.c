/* Another function where the compiler is told so: -DOTHER, -DBAD or -DCRASH. */
#ifdef BAD
#error "no"
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
