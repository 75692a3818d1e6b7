float f(float x)
{
    switch ((int)x) {
    case 0: return 1.0f;
    default: return x;
    }
}
