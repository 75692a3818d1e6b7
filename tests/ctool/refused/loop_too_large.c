float f(float x)
{
    for (int i = 0; i < 3000; i++)
        x = x * x + (float)i;
    return x;
}
