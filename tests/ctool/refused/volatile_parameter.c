float f(volatile float x) { return x; }
