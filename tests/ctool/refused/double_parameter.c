float f(float x, double y) { return x * (float)y; }
