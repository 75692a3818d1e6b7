static const float c[3] = {1.0f, 2.0f, 3.0f};

float f(float x) { return x * c[-1]; }
