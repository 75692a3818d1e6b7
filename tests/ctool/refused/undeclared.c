float f(float x) { return mystery(x); }
