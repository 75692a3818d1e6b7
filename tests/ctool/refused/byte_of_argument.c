float f(float x)
{
    signed char c = (signed char)x;
    return (float)c;
}
