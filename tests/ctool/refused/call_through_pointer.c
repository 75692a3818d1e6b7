static float g(float x) { return x; }
static float (*const h)(float) = g;

float f(float x) { return h(x); }
