float f(float x) { return x > 0 ? f(x - 1.0f) : x; }
