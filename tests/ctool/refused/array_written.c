float f(float x)
{
    const float c[2] = {1.0f, 2.0f};
    ((float *)c)[0] = x;
    return c[0];
}
