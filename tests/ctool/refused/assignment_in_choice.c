float f(float x)
{
    float t = x;
    float y = x > 0 ? (t = 2.0f * x) : x;
    return y + t;
}
