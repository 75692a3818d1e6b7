float g(float) __asm__("sinf");
float g(float x) { return x; }

float f(float x) { return g(x); }
