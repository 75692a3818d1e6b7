/* runtime/resample.c: images in another size, as Pillow's resize gives them, to the byte (see
 * image.h).
 *
 * A filter is a function of distance; where the image shrinks it is as much wider, which is the
 * antialiasing. Weights of each target pixel are taken in double, add up to 1, and are rounded to
 * 22 bits of fraction; first rows are resampled, their bytes rounded, then columns. Source: the
 * "Concepts: Filters" page of Pillow's documentation, and its results. */
#define _XOPEN_SOURCE 700
#include "runtime/image.h"
#include <math.h>
#include <string.h>

enum { BITS = 22 };

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Target pixel i is the sum of weight[i * most + k] * source[from[i] + k] for k < count[i]. */
typedef struct kernel { int most, *from, *count; int32_t *weight; } kernel;

static int most_weights(int size, int target, double support)
{
    double scale = (double)size / target;
    return (int)ceil(support * (scale < 1 ? 1 : scale)) * 2 + 1;
}

static void fill_kernel(kernel *w, int size, int target, rt_filter filter)
{
    double (*const f)(double) = filter == RT_BICUBIC ? cubic : triangle;
    double scale = (double)size / target, wide = scale < 1 ? 1 : scale;
    double support = (filter == RT_BICUBIC ? 2 : 1) * wide, step = 1 / wide;
    for (int i = 0; i < target; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        int from = (int)(center - support + 0.5), to = (int)(center + support + 0.5);
        from = from < 0 ? 0 : from;
        to = to > size ? size : to;
        for (int k = from; k < to; k++)
            sum += f((k - center + 0.5) * step);
        for (int k = from; k < to; k++) {
            double x = f((k - center + 0.5) * step);
            x = sum != 0 ? x / sum : x;
            w->weight[i * w->most + k - from] =
                (int32_t)((x < 0 ? -0.5 : 0.5) + x * (1 << BITS));
        }
        w->from[i] = from;
        w->count[i] = to - from;
    }
}

static uint8_t clipped(int32_t sum)
{
    sum >>= BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Of `rows` rows of `size` pixels, each becomes `target` ones. */
static void along_rows(const kernel *w, const uint8_t *x, uint8_t *y, int64_t rows, int size,
                       int target)
{
    for (int64_t r = 0; r < rows; r++, x += size)
        for (int i = 0; i < target; i++) {
            const int32_t *weight = w->weight + (int64_t)i * w->most;
            const uint8_t *from = x + w->from[i];
            int32_t sum = 1 << (BITS - 1);
            for (int k = 0; k < w->count[i]; k++)
                sum += from[k] * weight[k];
            *y++ = clipped(sum);
        }
}

/* A row of the target at a time, all of its pixels with the same weights. */
static void along_columns(const kernel *w, const uint8_t *x, uint8_t *y, int width, int target)
{
    enum { BLOCK = 64 };
    for (int i = 0; i < target; i++, y += width)
        for (int at = 0; at < width; at += BLOCK) {
            int32_t sum[BLOCK];
            int n = width - at < BLOCK ? width - at : BLOCK;
            const uint8_t *row = x + (int64_t)w->from[i] * width + at;
            for (int c = 0; c < n; c++)
                sum[c] = 1 << (BITS - 1);
            for (int k = 0; k < w->count[i]; k++, row += width) {
                int32_t weight = w->weight[(int64_t)i * w->most + k];
                for (int c = 0; c < n; c++)
                    sum[c] += row[c] * weight;
            }
            for (int c = 0; c < n; c++)
                y[at + c] = clipped(sum[c]);
        }
}

static void nearest(const rt_image *x, rt_image *y)
{
    double step_x = (double)x->width / y->width, step_y = (double)x->height / y->height;
    const uint8_t *plane = x->plane;
    uint8_t *out = y->plane;
    for (int c = 0; c < x->channels; c++, plane += (int64_t)x->height * x->width) {
        double at_y = step_y * 0.5;
        for (int i = 0; i < y->height; i++, at_y += step_y) {
            const uint8_t *row = plane + (int64_t)at_y * x->width;
            double at_x = step_x * 0.5;
            for (int k = 0; k < y->width; k++, at_x += step_x)
                *out++ = row[(int)at_x];
        }
    }
}

/* Memory for both kernels and the image between the passes. */
static bool make_room(rt_err *e, const rt_image *x, const rt_image *y, double support,
                      rt_buf *scratch, kernel *across, kernel *down, uint8_t **between)
{
    int64_t wide = most_weights(x->width, y->width, support);
    int64_t high = most_weights(x->height, y->height, support);
    int64_t ints = y->width * (wide + 2) + y->height * (high + 2);
    int64_t bytes = (int64_t)x->channels * x->height * y->width;
    if (!rt_buf_reserve(e, scratch, ints * (int64_t)sizeof(int32_t) + bytes))
        return false;
    int32_t *at = (int32_t *)(void *)scratch->data;
    *across = (kernel){(int)wide, at, at + y->width, at + 2 * (int64_t)y->width};
    at += y->width * (wide + 2);
    *down = (kernel){(int)high, at, at + y->height, at + 2 * (int64_t)y->height};
    *between = (uint8_t *)(at + y->height * (high + 2));
    return true;
}

bool rt_image_resize(rt_err *e, const rt_image *x, rt_image *y, rt_filter filter, rt_buf *scratch)
{
    kernel across, down;
    uint8_t *between;
    int64_t rows = (int64_t)x->channels * x->height;
    if (x->width == y->width && x->height == y->height) {
        memcpy(y->plane, x->plane, (size_t)(rows * x->width));
        return true;
    }
    if (filter == RT_NEAREST) {
        nearest(x, y);
        return true;
    }
    scratch->length = 0;
    if (!make_room(e, x, y, filter == RT_BICUBIC ? 2 : 1, scratch, &across, &down, &between))
        return false;
    const uint8_t *from = x->plane;
    if (x->width != y->width) {
        fill_kernel(&across, x->width, y->width, filter);
        along_rows(&across, x->plane, x->height == y->height ? y->plane : between, rows, x->width,
                   y->width);
        from = between;
    }
    if (x->height == y->height)
        return true;
    fill_kernel(&down, x->height, y->height, filter);
    for (int c = 0; c < x->channels; c++)
        along_columns(&down, from + (int64_t)c * x->height * y->width,
                      y->plane + (int64_t)c * y->height * y->width, y->width, y->height);
    return true;
}
