float f(float x)
{
    __int128 n = 3;
    return x * (float)n;
}
