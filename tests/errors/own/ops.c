/* What the model files of tests/errors name. */
#include <math.h>

float swish(float x, float beta) { return x / (1.0f + expf(-beta * x)); }

float gate(float x, float y) { return x * y; }

float huber(float x, float y, float delta)
{
    float d = fabsf(x - y);
    return d > delta ? delta * (d - 0.5f * delta) : 0.5f * d * d;
}

float lion(float p, float g, float m, float lr, float beta)
{
    float s = beta * m + (1.0f - beta) * g;
    return p - lr * (s > 0.0f ? 1.0f : s < 0.0f ? -1.0f : 0.0f);
}

float lion_m(float p, float g, float m, float beta) { return beta * m + (1.0f - beta) * g; }

float fixed(float p, float g) { return p - 0.1f * g; }
