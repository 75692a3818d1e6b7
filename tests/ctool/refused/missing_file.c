#include "nowhere.h"

float f(float x) { return x; }
