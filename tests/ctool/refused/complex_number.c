float f(float x)
{
    float _Complex z = x;
    return __real__ z;
}
