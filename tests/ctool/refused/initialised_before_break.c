float f(float x)
{
    float y;
    for (int i = 0; i < 3; i++) {
        if (x > (float)i)
            continue;
        y = (float)i;
    }
    return y;
}
