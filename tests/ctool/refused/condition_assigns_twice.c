float f(float x)
{
    float t;
    if ((t = x) > 0 || (t = -x) > 1)
        return t;
    return 0.0f;
}
