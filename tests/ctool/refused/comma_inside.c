float f(float x) { return 2.0f * (x, 3.0f); }
