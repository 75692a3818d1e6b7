float f(float x)
{
    float y = x
    return y;
}
