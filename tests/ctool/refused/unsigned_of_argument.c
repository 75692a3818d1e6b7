float f(float x) { return (float)(unsigned)x; }
