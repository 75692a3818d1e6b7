float f(float x, float n)
{
    float s = 0.0f;
    for (int i = 0; (float)i < n; i++)
        s += x;
    return s;
}
