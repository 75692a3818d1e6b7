/* runtime/colour.c: brighter, flatter, paler and other hues (see image.h).
 *
 * Pillow blends an image with one that lacks the property: black, the mean grey, the grey image. In
 * float, cut off to a byte; a factor above 1 goes beyond the image and is kept within bytes. Hue
 * goes through HSV in bytes. Sources: Pillow's ImageEnhance and Python's colorsys. */
#define _XOPEN_SOURCE 700
#include "runtime/image.h"
#include <math.h>

static int64_t pixels(const rt_image *x) { return (int64_t)x->height * x->width; }

static uint8_t blend(int without, int with, float factor)
{
    float value = (float)without + factor * (float)(with - without);
    if (factor >= 0 && factor <= 1)
        return (uint8_t)value;
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

static void blend_all(rt_image *x, int without, double factor)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = factor == 0 ? (uint8_t)without : factor == 1 ? (uint8_t)i
                                                  : blend(without, i, (float)factor);
    for (int64_t i = 0, n = x->channels * pixels(x); i < n; i++)
        x->plane[i] = table[x->plane[i]];
}

static int luma_at(const rt_image *x, int64_t i)
{
    int64_t n = pixels(x);
    if (x->channels == 1)
        return x->plane[i];
    return (x->plane[i] * 19595 + x->plane[n + i] * 38470 + x->plane[2 * n + i] * 7471 + 0x8000)
           >> 16;
}

void rt_image_brightness(rt_image *x, double factor) { blend_all(x, 0, factor); }

void rt_image_contrast(rt_image *x, double factor)
{
    int64_t n = pixels(x), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += luma_at(x, i);
    blend_all(x, (int)((double)sum / (double)n + 0.5), factor);
}

void rt_image_saturation(rt_image *x, double factor)
{
    float by = (float)factor;
    for (int64_t i = 0, n = pixels(x); i < n && x->channels == 3 && factor != 1; i++) {
        int grey = luma_at(x, i);
        for (int c = 0; c < 3; c++)
            x->plane[c * n + i] = blend(grey, x->plane[c * n + i], by);
    }
}

/* ---- hue ---- */

static int clipped(int x) { return x < 0 ? 0 : x > 255 ? 255 : x; }

static void to_hsv(int r, int g, int b, int hsv[3])
{
    int high = r > g ? r : g, low = r < g ? r : g;
    high = b > high ? b : high;
    low = b < low ? b : low;
    hsv[0] = hsv[1] = 0;
    hsv[2] = high;
    if (high == low)
        return;
    float range = (float)(high - low), s = range / (float)high, h;
    float rc = (float)(high - r) / range, gc = (float)(high - g) / range;
    float bc = (float)(high - b) / range;
    if (r == high)
        h = bc - gc;
    else if (g == high)
        h = (float)(2.0 + (double)rc - (double)bc);
    else
        h = (float)(4.0 + (double)gc - (double)rc);
    h = (float)fmod((double)h / 6.0 + 1.0, 1.0);
    hsv[0] = clipped((int)((double)h * 255.0));
    hsv[1] = clipped((int)((double)s * 255.0));
}

static void from_hsv(const int hsv[3], int rgb[3])
{
    int v = hsv[2];
    rgb[0] = rgb[1] = rgb[2] = v;
    if (hsv[1] == 0)
        return;
    int sector = (int)floor((double)((float)hsv[0] * 6.0f) / 255.0);
    float f = (float)((double)((float)hsv[0] * 6.0f) / 255.0 - (double)(float)sector);
    float s = (float)((double)(float)hsv[1] / 255.0);
    int p = clipped((int)round((double)v * (1.0 - (double)s)));
    int q = clipped((int)round((double)v * (1.0 - (double)(s * f))));
    int t = clipped((int)round((double)v * (1.0 - (double)s * (1.0 - (double)f))));
    const int sectors[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
    for (int c = 0; c < 3; c++)
        rgb[c] = sectors[sector % 6][c];
}

void rt_image_hue(rt_image *x, double turn)
{
    int by = (int)(turn * 255);
    for (int64_t i = 0, n = pixels(x); i < n && x->channels == 3; i++) {
        uint8_t *r = x->plane + i, *g = r + n, *b = g + n;
        int hsv[3], rgb[3];
        to_hsv(*r, *g, *b, hsv);
        hsv[0] = (hsv[0] + by) & 255;
        from_hsv(hsv, rgb);
        *r = (uint8_t)rgb[0];
        *g = (uint8_t)rgb[1];
        *b = (uint8_t)rgb[2];
    }
}
