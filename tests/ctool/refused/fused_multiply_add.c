#include <math.h>

float f(float x) { return fmaf(x, x, 1.0f); }
