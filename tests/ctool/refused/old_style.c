float f(x) float x; { return x; }
