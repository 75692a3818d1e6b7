float f(float x, int n) { return x * (float)n; }
