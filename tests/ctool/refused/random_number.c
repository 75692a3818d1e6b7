int rand(void);

float f(float x) { return x + (float)rand(); }
