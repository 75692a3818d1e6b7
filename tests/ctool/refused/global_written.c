static float seen;

float f(float x)
{
    seen = x;
    return x;
}
