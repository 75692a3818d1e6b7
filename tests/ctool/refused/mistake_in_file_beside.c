#include "effects_beside.h"

float f(float x) { return remembered(x); }
