static int calls;

float f(float x)
{
    ++calls;
    return x;
}
