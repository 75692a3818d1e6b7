float f(float x)
{
    int n = (int)1e10f;
    return x * (float)n;
}
