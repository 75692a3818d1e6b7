#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COUNT = 4 };
static const float table[COUNT] = {1.0f, 0.5f, [3] = 0.125f};
static const double weights[2][3] = {{1, 2, 3}, {4, 5}};

/* Comparisons are integers. */
float sign(float x) { return (float)((x > 0) - (x < 0)); }

float both(float x, float y) { return (x > 0) & (y > 0) ? x * y : 0; }

float steps(float x)
{
    int n = x > 1 ? 2 : x > 0;
    return x * n;
}

float truncated(float x) { return x - (float)(int)x; }

float counted(float x)
{
    int n = (int)floorf(x);
    bool odd = n > 2;
    return odd ? x + n * 2 : -x;
}

float sum(float x)
{
    float s = 0;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        s += table[i] * (x + i);
    return s;
}

double bilinear(double x, double y)
{
    double s = 0;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++)
            s += weights[i][k] * (i ? x : y);
    return s;
}

float power(float x)
{
    float y = 1;
    for (int n = 13; n; n >>= 1, x *= x)
        if (n & 1)
            y *= x;
    return y;
}

float constants(float x)
{
    const unsigned char wraps = 255 + 2;
    return x * (7 / 2) + x * (-7 % 3) + (1.0f / 3.0f) * wraps + (float)(1 << 4 | 'A') + 0x1p-3f;
}

float halves(float x)
{
    short s = 3;
    s /= 2;
    s += 0.75;
    return x * s;
}

float sizes(float x)
{
    float s = x;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        s += (uint8_t)(200 * (i + 1));
    const int64_t big = (int64_t)1 << 40;
    return s + (float)(INT_MAX % 1000) + (float)(INT_MIN / 1000) + (float)(big >> 38) * (UINT_MAX > 0);
}
