float f(float x)
{
    const float p[2] = {x, x * x};
    return p[0] + p[1];
}
