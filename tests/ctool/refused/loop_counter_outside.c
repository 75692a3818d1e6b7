float f(float x)
{
    int i;
    for (i = 0; i < 4; i++)
        if (x > (float)i)
            break;
    return (float)i;
}
