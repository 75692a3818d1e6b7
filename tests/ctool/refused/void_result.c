void f(float x) { (void)x; }
