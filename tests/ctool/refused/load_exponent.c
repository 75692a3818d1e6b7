#include <math.h>

float f(float x) { return ldexpf(x, 3); }
