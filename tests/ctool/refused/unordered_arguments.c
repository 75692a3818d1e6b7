static float sum(float a, float b) { return a + b; }

float f(float x)
{
    float t = x;
    return sum(t, t += 1.0f);
}
