float gain = 2.0f;

float f(float x) { return gain * x; }
