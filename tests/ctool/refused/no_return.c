float f(float x)
{
    x += 1.0f;
}
