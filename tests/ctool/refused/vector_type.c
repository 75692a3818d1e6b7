typedef float four __attribute__((vector_size(16)));

float f(float x)
{
    four v = {x, x, x, x};
    return v[0];
}
