/* runtime/image.c: moving the pixels of images: crop, flip, pad, turn, and shades of grey (see
 * image.h). Sources: Pillow's documentation, and its results. */
#define _XOPEN_SOURCE 700
#include "runtime/image.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t plane_bytes(const rt_image *x) { return (int64_t)x->height * x->width; }

static const uint8_t *row_of(const rt_image *x, int channel, int row)
{
    return x->plane + channel * plane_bytes(x) + (int64_t)row * x->width;
}

void rt_image_crop(const rt_image *x, rt_image *y, int top, int left)
{
    int from = left < 0 ? -left : 0, to = x->width - left < y->width ? x->width - left : y->width;
    uint8_t *out = y->plane;
    for (int c = 0; c < y->channels; c++)
        for (int i = 0; i < y->height; i++, out += y->width) {
            bool inside = top + i >= 0 && top + i < x->height && from < to;
            if (!inside || from > 0 || to < y->width)
                memset(out, 0, (size_t)y->width);
            if (inside)
                memcpy(out + from, row_of(x, c, top + i) + left + from, (size_t)(to - from));
        }
}

void rt_image_flip(const rt_image *x, rt_image *y, bool vertical)
{
    uint8_t *out = y->plane;
    for (int c = 0; c < x->channels; c++)
        for (int i = 0; i < x->height; i++, out += x->width) {
            const uint8_t *row = row_of(x, c, vertical ? x->height - 1 - i : i);
            if (vertical)
                memcpy(out, row, (size_t)x->width);
            for (int k = 0; k < x->width && !vertical; k++)
                out[k] = row[x->width - 1 - k];
        }
}

/* The place of x that a place of y shows; -1: none. */
static int source(int at, int size, rt_pad_mode mode)
{
    if (at >= 0 && at < size)
        return at;
    if (mode == RT_PAD_CONSTANT)
        return -1;
    if (mode == RT_PAD_EDGE || size == 1)
        return at < 0 ? 0 : size - 1;
    /* There and back again: ... 2 1 0 1 2 ..., symmetric with the ends twice. */
    int period = mode == RT_PAD_REFLECT ? 2 * size - 2 : 2 * size;
    int place = (at % period + period) % period;
    if (place < size)
        return place;
    return mode == RT_PAD_REFLECT ? period - place : period - 1 - place;
}

void rt_image_pad(const rt_image *x, rt_image *y, int top, int left, rt_pad_mode mode,
                  const double fill[3])
{
    uint8_t *out = y->plane;
    for (int c = 0; c < x->channels; c++)
        for (int i = 0; i < y->height; i++, out += y->width) {
            int from = source(i - top, x->height, mode);
            const uint8_t *row = from < 0 ? NULL : row_of(x, c, from);
            if (!row || mode == RT_PAD_CONSTANT)
                memset(out, (int)fill[c], (size_t)y->width);
            if (row && mode == RT_PAD_CONSTANT)
                memcpy(out + left, row, (size_t)x->width);
            for (int k = 0; row && mode != RT_PAD_CONSTANT && k < y->width; k++)
                out[k] = row[source(k - left, x->width, mode)];
        }
}

/* ITU-R 601-2 luma in 16-bit fixed point. */
static uint8_t luma(uint8_t r, uint8_t g, uint8_t b)
{
    return (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
}

void rt_image_grey(const rt_image *x, rt_image *y)
{
    int64_t n = plane_bytes(x);
    const uint8_t *r = x->plane, *g = x->channels == 3 ? r + n : r, *b = g + (g - r);
    for (int64_t i = 0; i < n; i++)
        y->plane[i] = x->channels == 3 ? luma(r[i], g[i], b[i]) : r[i];
    for (int c = 1; c < y->channels; c++)
        memcpy(y->plane + c * n, y->plane, (size_t)n);
}

/* ---- turning ---- */

/* Where a pixel of y comes from: (a0 k + a1 i + a2, a3 k + a4 i + a5), pixels having their middles
 * at halves. */
typedef struct affine { double a[6]; } affine;

/* As Python's round(x, 15). */
static double rounded(double x)
{
    char text[40];
    snprintf(text, sizeof text, "%.15f", x);
    return strtod(text, NULL);
}

static affine turn(const rt_image *x, double angle)
{
    double radians = -(angle * (M_PI / 180));
    double c = rounded(cos(radians)), s = rounded(sin(radians)), m = rounded(-sin(radians));
    double mid_x = x->width / 2.0, mid_y = x->height / 2.0;
    affine t = {{c, s, 0, m, c, 0}};
    t.a[2] = c * -mid_x + s * -mid_y + 0.0 + mid_x;
    t.a[5] = m * -mid_x + c * -mid_y + 0.0 + mid_y;
    return t;
}

static int64_t fixed(double x) { return (int64_t)floor(x * 65536 + 0.5); }

/* The nearest pixel, in fixed point of 16 bits as Pillow steps it. */
static void turn_nearest(const rt_image *x, rt_image *y, const affine *t)
{
    const double *a = t->a;
    int64_t row_x = fixed(a[2] + a[0] * 0.5 + a[1] * 0.5);
    int64_t row_y = fixed(a[5] + a[3] * 0.5 + a[4] * 0.5), n = plane_bytes(x);
    for (int i = 0; i < y->height; i++, row_x += fixed(a[1]), row_y += fixed(a[4])) {
        int64_t at_x = row_x, at_y = row_y;
        for (int k = 0; k < y->width; k++, at_x += fixed(a[0]), at_y += fixed(a[3])) {
            int64_t px = at_x >> 16, py = at_y >> 16;
            if (px < 0 || px >= x->width || py < 0 || py >= x->height)
                continue;
            for (int c = 0; c < x->channels; c++)
                y->plane[c * n + (int64_t)i * y->width + k] =
                    x->plane[c * n + py * x->width + px];
        }
    }
}

static int within(int at, int size) { return at < 0 ? 0 : at < size ? at : size - 1; }

static void turn_bilinear(const rt_image *x, rt_image *y, const affine *t)
{
    const double *a = t->a;
    for (int64_t i = 0, at = 0, n = plane_bytes(x); i < y->height; i++)
        for (int64_t k = 0; k < y->width; k++, at++) {
            double px = a[0] * ((double)k + 0.5) + a[1] * ((double)i + 0.5) + a[2];
            double py = a[3] * ((double)k + 0.5) + a[4] * ((double)i + 0.5) + a[5];
            if (px < 0 || px >= x->width || py < 0 || py >= x->height)
                continue;
            px -= 0.5;
            py -= 0.5;
            int left = (int)floor(px), top = (int)floor(py);
            int x0 = within(left, x->width), x1 = within(left + 1, x->width);
            int y0 = within(top, x->height);
            double dx = px - left, dy = py - top;
            for (int c = 0; c < x->channels; c++) {
                const uint8_t *row = row_of(x, c, y0);
                double above = row[x0] + (row[x1] - row[x0]) * dx, below = above;
                if (top + 1 >= 0 && top + 1 < x->height) {
                    row = row_of(x, c, top + 1);
                    below = row[x0] + (row[x1] - row[x0]) * dx;
                }
                y->plane[c * n + at] = (uint8_t)(above + (below - above) * dy);
            }
        }
}

/* A quarter turn of a square, or a half turn: pixels only change places. */
static void turn_quarters(const rt_image *x, rt_image *y, int quarters)
{
    uint8_t *out = y->plane;
    for (int c = 0; c < x->channels; c++)
        for (int i = 0; i < y->height; i++)
            for (int k = 0; k < y->width; k++)
                *out++ = quarters == 1   ? row_of(x, c, k)[x->width - 1 - i]
                         : quarters == 2 ? row_of(x, c, x->height - 1 - i)[x->width - 1 - k]
                         : quarters == 3 ? row_of(x, c, x->height - 1 - k)[i]
                                         : row_of(x, c, i)[k];
}

void rt_image_rotate(const rt_image *x, rt_image *y, double angle, rt_filter filter,
                     const double fill[3])
{
    angle = fmod(angle, 360);
    angle += angle < 0 ? 360 : 0;
    int quarters = (int)(angle / 90);
    if (angle == quarters * 90 && (quarters % 2 == 0 || x->width == x->height)) {
        turn_quarters(x, y, quarters % 4);
        return;
    }
    affine t = turn(x, angle);
    for (int c = 0; c < x->channels; c++)
        memset(y->plane + c * plane_bytes(x), (int)fill[c], (size_t)plane_bytes(x));
    if (filter == RT_NEAREST)
        turn_nearest(x, y, &t);
    else
        turn_bilinear(x, y, &t);
}
