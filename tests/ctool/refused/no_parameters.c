float f(void) { return 1.0f; }
