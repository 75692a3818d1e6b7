float f(float x)
{
    volatile float y = x;
    return y;
}
