static float state;

float f(float x) { return x * state; }

float g(float *x) { return *x; }

float h(float x) { return x; }
