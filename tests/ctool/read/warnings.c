/* Read, with a warning. */
#include <math.h>

float tenth(float x) { return 0.1 * x; }
float wider(float x) { return (float)(1e-30 * x * x * 1e30); }
double narrower(double x) { return expf(x); }
float root(float x) { return sqrtf(fabsf(x)); }
float softplus(float x) { return logf(1.0f + expf(x)); }
float square_of_exp(float x) { return x > 20.0f ? x : logf(1.0f + expf(x) * expf(x)); }
float step(float x) { return x > 1.0f ? 1.0f : 0.0f; }
float gap(float x, float y)
{
    if (x > 2.0f * y)
        return x;
    return y;
}
