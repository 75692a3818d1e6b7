float f(float x)
{
    float t = 0.0f;
    if (x > 0 && (t = x) > 1.0f)
        return t;
    return t - x;
}
