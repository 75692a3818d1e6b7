struct pair { float a, b; };

float f(float x)
{
    struct pair p = {x, x};
    return p.a + p.b;
}
