float f(float x)
{
    float y;
    return x + y;
}
