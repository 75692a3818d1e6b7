#include <math.h>
#include "beside.h"

float swish(float x, float beta) { return x / (1.0f + expf(-beta * x)); }

float swish_by_helper(float x, float beta) { return x * logistic(beta * x); }

float huber(float p, float t, float delta)
{
    float r = p - t;
    if (fabsf(r) <= delta)
        return 0.5f * r * r;
    return delta * (fabsf(r) - 0.5f * delta);
}

float poly_gate(float x, float a)
{
    static const float c[] = {1.0f, -0.5f, 0.25f, -0.125f};
    float y = 0.0f;
    for (int i = 3; i >= 0; i--)
        y = y * x + c[i];
    if (x > a)
        y *= 2.0f;
    else
        y += x;
    return y > 0 ? y : 0.01f * y;
}

float gelu(float x) { return 0.5f * x * (1.0f + erff(x * (float)M_SQRT1_2)); }
