float f(float x) { return __builtin_expf(x); }
