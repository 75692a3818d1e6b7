float f(float x)
{
    __fp16 y = x;
    return y;
}
