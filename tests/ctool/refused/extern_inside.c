float f(float x)
{
    extern float gain;
    return gain * x;
}
