#include <math.h>

float f(float x)
{
    int e;
    return frexpf(x, &e);
}
