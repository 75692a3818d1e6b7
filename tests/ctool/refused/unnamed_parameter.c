float f(float x, float) { return x; }
