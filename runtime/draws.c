/* runtime/draws.c: initial values that are made from drawn ones: truncated normal, orthogonal,
 * sparse, identity.
 *
 * They follow torch.nn.init step by step and within a few roundings; an orthogonal matrix is the Q
 * of a QR factorisation whose R has a positive diagonal, of which there is only one. */
#define _XOPEN_SOURCE 700
#include "runtime/states.h"
#include <math.h>
#include <string.h>

/* The x with erf(x) = y: Winitzki's approximation and three of Halley's steps. */
static double erf_inverse(double y)
{
    if (!(fabs(y) < 1))
        return fabs(y) == 1 ? copysign(INFINITY, y) : (double)NAN;
    double k = log1p(-y * y), t = 2 / (M_PI * 0.147) + k / 2;
    double x = copysign(sqrt(sqrt(t * t - k / 0.147) - t), y);
    for (int i = 0; i < 3; i++) {
        double step = (erf(x) - y) / (M_2_SQRTPI * exp(-x * x));
        x -= step / (1 + x * step);
    }
    return x;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Gram and Schmidt, twice over, which leaves nothing to be lost: `count` vectors of `size`. */
static void orthonormal(double *v, int64_t count, int64_t size)
{
    for (int64_t i = 0; i < count; i++) {
        double *x = v + i * size;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t j = 0; j < i; j++) {
                const double *y = v + j * size;
                double by = dot(x, y, size);
                for (int64_t k = 0; k < size; k++)
                    x[k] -= by * y[k];
            }
        double length = sqrt(dot(x, x, size));
        for (int64_t k = 0; k < size && length > 0; k++)
            x[k] /= length;
    }
}

/* The shorter side's vectors become orthogonal. */
static bool orthogonal(rt_err *e, float *x, int64_t rows, int64_t cols, float gain)
{
    bool tall = rows >= cols;
    int64_t count = tall ? cols : rows, size = tall ? rows : cols;
    int64_t along = tall ? cols : 1, across = tall ? 1 : cols;
    double *v = rt_alloc_raw(e, rows * cols, sizeof *v, "an orthogonal matrix");
    if (!v)
        return false;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < size; k++)
            v[i * size + k] = (double)x[i * across + k * along];
    orthonormal(v, count, size);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < size; k++)
            x[i * across + k * along] = (float)v[i * size + k] * gain;
    rt_free(v);
    return true;
}

/* In each column, `zeros` rows that a permutation chooses become 0. */
static bool sparse(rt_err *e, rt_random *r, float *x, int64_t rows, int64_t cols, int64_t zeros)
{
    int64_t *order = rt_alloc_raw(e, rows, sizeof *order, "an order of rows");
    if (!order)
        return false;
    for (int64_t j = 0; j < cols; j++) {
        rt_random_perm(r, order, rows);
        for (int64_t i = 0; i < rows && i < zeros; i++)
            x[order[i] * cols + j] = 0;
    }
    rt_free(order);
    return true;
}

static void constant(float *x, int64_t elems, float value)
{
    for (int64_t i = 0; i < elems; i++)
        x[i] = value;
}

bool rt_draw_values(rt_err *e, rt_random *r, const rt_draw *draw, float *x, int64_t elems,
                    int64_t rows)
{
    int64_t cols = rows > 0 ? elems / rows : 0;
    float a = (float)draw->a, b = (float)draw->b;
    switch (draw->kind) {
    case RT_DRAW_UNIFORM: rt_random_uniform(r, x, elems, draw->a, draw->b); return true;
    case RT_DRAW_NORMAL: rt_random_normal(r, x, elems, draw->a, draw->b); return true;
    case RT_DRAW_ERFINV:
        for (int64_t i = 0; i < elems; i++)
            x[i] = (float)erf_inverse((double)x[i]) * a + b;
        return true;
    case RT_DRAW_CLAMP:
        for (int64_t i = 0; i < elems; i++)
            x[i] = x[i] < a ? a : x[i] > b ? b : x[i];
        return true;
    case RT_DRAW_ORTHOGONAL: return orthogonal(e, x, rows, cols, a);
    case RT_DRAW_EYE:
        constant(x, elems, 0);
        for (int64_t i = 0; i < rows && i < cols; i++)
            x[i * cols + i] = 1;
        return true;
    case RT_DRAW_SPARSE: return sparse(e, r, x, rows, cols, (int64_t)draw->a);
    default: return true;
    }
}
