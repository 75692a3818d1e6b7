float f(float x)
{
    int n = 0;
    for (int i = 0; i < 1000; i++)
        for (int k = 0; k < 1000; k++)
            n = i ^ k;
    return x * (float)n;
}
