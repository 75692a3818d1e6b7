float f(float x)
{
    while (x > 1.0f)
        x *= 0.5f;
    return x;
}
