static float g(float x);
float f(float x) { return g(x - 1.0f); }
static float g(float x) { return x > 0 ? f(x) : x; }
