float f(float x)
{
    float t = x;
    return (t = 2.0f) + t;
}
