float f(float x)
{
    float t = 0.0f;
    int big = x > 1.0f || (t += x) > 1.0f;
    return big ? t : x;
}
