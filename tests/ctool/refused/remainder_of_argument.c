float f(float x) { return (float)((int)x % 2); }
