#include <math.h>

float f(float x) { return lgammaf(x); }
