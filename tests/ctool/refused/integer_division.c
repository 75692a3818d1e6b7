float f(float x) { return x * (float)(7 / (3 - 3)); }
