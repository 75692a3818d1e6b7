/* An activation, a loss and an optimizer in plain C, for model.py beside this file. */
#include <math.h>

/* x times a sigmoid whose steepness is learnt */
float swish(float x, float beta) { return x / (1.0f + expf(-beta * x)); }

/* squares near the target, lines far from it */
float huber(float prediction, float target, float delta)
{
    float d = fabsf(prediction - target);
    if (d <= delta) return 0.5f * d * d;
    return delta * (d - 0.5f * delta);
}

/* Lion (Chen et al., arXiv:2302.06675): steps of one size, in the direction of a running mean. What
 * the optimizer keeps, m, is the mean; lion_m is its new value. */
float lion(float p, float g, float m, float lr, float beta1, float decay)
{
    float s = beta1 * m + (1.0f - beta1) * g;
    float direction = s > 0.0f ? 1.0f : s < 0.0f ? -1.0f : 0.0f;
    return p - lr * (direction + decay * p);
}

float lion_m(float p, float g, float m, float beta2) { return beta2 * m + (1.0f - beta2) * g; }
