float f(float x)
{
    int i = 1;
    i = i++ + 1;
    return x * (float)i;
}
