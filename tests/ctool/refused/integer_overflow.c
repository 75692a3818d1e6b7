float f(float x)
{
    int n = 1;
    for (int i = 0; i < 40; i++)
        n *= 2;
    return x * (float)n;
}
