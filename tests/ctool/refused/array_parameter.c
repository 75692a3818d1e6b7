float f(float x[2]) { return x[0]; }
