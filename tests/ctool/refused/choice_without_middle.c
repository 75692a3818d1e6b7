float f(float x) { return x ?: 1.0f; }
