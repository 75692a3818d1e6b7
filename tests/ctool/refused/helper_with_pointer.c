static float first(const float *p) { return p[0]; }

float f(float x) { return first(&x); }
