union bits { float f; unsigned u; };

float f(float x) { return ((union bits){x}).f; }
