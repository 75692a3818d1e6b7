int printf(const char *, ...);

float f(float x)
{
    printf("%f\n", x);
    return x;
}
