float f(float x) { return x * (float){2.0f}; }
