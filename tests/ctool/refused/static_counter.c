float f(float x)
{
    static int calls = 0;
    calls++;
    return x * (float)calls;
}
