float f(float x)
{
    if (x > 0)
        return x;
}
