static float g(float x) { return x; }

float f(float x)
{
    float (*h)(float) = g;
    return h(x);
}
