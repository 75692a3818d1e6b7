float f(float x) { return expf(x); }
