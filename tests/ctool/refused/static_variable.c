float f(float x)
{
    static float last;
    last = x;
    return last;
}
