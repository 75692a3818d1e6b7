float f(float x)
{
    float p[2];
    p[0] = x;
    return p[0];
}
