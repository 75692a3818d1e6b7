float f(float x)
{
    int n = 0;
    float y = x > 0 ? (float)n++ : x;
    return y + (float)n;
}
