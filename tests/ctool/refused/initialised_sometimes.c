float f(float x)
{
    float y;
    if (x > 0)
        y = x;
    return y;
}
