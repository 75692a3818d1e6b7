float f(float x) { return ({ float y = x; y * y; }); }
