#include <stdlib.h>

float f(float x) { return x; }
