float f(float x)
{
    long double y = x;
    return (float)y;
}
