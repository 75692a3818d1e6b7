#include <math.h>

static float state;
int rand(void);

float keeps(float x)
{
    static float last;
    last = x;
    return last;
}

float calls(float x) { return x + (float)rand(); }

float reads(float x) { return x * state; }

float writes(float x)
{
    state = x;
    return x;
}

float dropped(float x)
{
    float t = x;
    float y = x > 0 ? (t = 2.0f * x) : x;
    return y + t;
}

float unordered(float x)
{
    int i = 1;
    i = i++ + 1;
    return x * (float)i;
}
