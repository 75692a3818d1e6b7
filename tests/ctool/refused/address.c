static float id(float x) { return x; }

float f(float x) { return &x ? id(x) : 0.0f; }
