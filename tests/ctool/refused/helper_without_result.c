static void nothing(float x) { (void)x; }

float f(float x)
{
    nothing(x);
    return x;
}
