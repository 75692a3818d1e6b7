extern const float gain;

float f(float x) { return gain * x; }
