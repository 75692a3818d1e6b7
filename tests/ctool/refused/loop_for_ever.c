float f(float x)
{
    for (;;)
        x += 1.0f;
}
