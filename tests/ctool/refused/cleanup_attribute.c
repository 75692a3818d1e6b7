static void end(float *x) { (void)x; }

float f(float x)
{
    __attribute__((cleanup(end))) float y = x;
    return y;
}
