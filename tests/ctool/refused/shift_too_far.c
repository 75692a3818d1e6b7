float f(float x)
{
    int n = 32;
    return x * (float)(1 << n);
}
