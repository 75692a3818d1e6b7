float f(float x)
{
    int n = 0;
    for (int i = 0; i < 100000; i++)
        n += i % 3;
    return x * (float)n;
}
