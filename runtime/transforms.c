/* runtime/transforms.c: torchvision's transforms on bytes of images (see transforms.h).
 *
 * Images go back and forth between two buffers of a studio. ToTensor and Normalize are functions of
 * one byte, so they are a table; each of their operations is rounded to the real type, as PyTorch
 * does one after another on a tensor. */
#define _XOPEN_SOURCE 700
#include "runtime/transforms.h"
#include "runtime/dice.h"
#include <math.h>
#include <string.h>

enum { TRIES = 10 };             /* for a part whose area and aspect fit, as torchvision */

void rt_studio_free(rt_studio *s)
{
    rt_buf_free(&s->file);
    rt_buf_free(&s->pixels);
    rt_buf_free(&s->front);
    rt_buf_free(&s->back);
    rt_buf_free(&s->scratch);
}

static bool of_image(rt_transform_kind kind) { return kind > RT_RANDOM_ERASING; }

bool rt_transforms_change(const rt_transforms *t)
{
    for (int i = 0; i < t->n; i++)
        if (t->step[i].kind != RT_TO_TENSOR && t->step[i].kind != RT_NORMALIZE)
            return true;
    return false;
}

/* ---- sizes ---- */

static const char *name_of(rt_transform_kind kind)
{
    return kind == RT_RANDOM_CROP ? "RandomCrop" : kind == RT_PAD ? "Pad" : "Resize";
}

/* Of torchvision's Resize. */
static void resized(const double *v, rt_size *s)
{
    int64_t height = (int64_t)v[0], width = (int64_t)v[1], most = (int64_t)v[2];
    bool tall = s->width <= s->height;
    if (!width) {
        int64_t along = tall ? s->height : s->width, across = tall ? s->width : s->height;
        int64_t small = height, large = small * along / across;
        if (most && large > most) {
            small = most * small / large;
            large = most;
        }
        height = tall ? large : small;
        width = tall ? small : large;
    }
    s->height = (int)(height > RT_IMAGE_SIDE ? RT_IMAGE_SIDE + 1 : height);
    s->width = (int)(width > RT_IMAGE_SIDE ? RT_IMAGE_SIDE + 1 : width);
}

static bool step_size(rt_err *e, const rt_transform *t, const char *name, rt_size *s)
{
    const double *v = t->value;
    rt_size was = *s;
    switch (t->kind) {
    case RT_RESIZE: resized(v, s); break;
    case RT_PAD:
        s->width += (int)v[0] + (int)v[2];
        s->height += (int)v[1] + (int)v[3];
        break;
    case RT_CENTER_CROP:
    case RT_RANDOM_CROP:
    case RT_RANDOM_RESIZED_CROP:
        s->height = (int)v[0];
        s->width = (int)v[1];
        break;
    case RT_GRAYSCALE: s->channels = (int)v[0]; break;
    default: break;
    }
    if (t->kind == RT_RANDOM_CROP && (was.height < s->height || was.width < s->width))
        return rt_fail(e, RT_E_DATA, "%s: an image of %dx%d (height, width) is smaller than "
                       "RandomCrop's %dx%d", name, was.height, was.width, s->height, s->width) ||
               rt_help(e, "a Resize before it, or padding, makes room");
    if (s->height < 1 || s->width < 1 || s->height > RT_IMAGE_SIDE || s->width > RT_IMAGE_SIDE)
        return rt_fail(e, RT_E_DATA, "%s: %s makes %dx%d (height, width) of an image of %dx%d", name,
                       name_of(t->kind), s->height, s->width, was.height, was.width);
    return true;
}

bool rt_transforms_size(rt_err *e, const rt_transforms *t, const char *name, rt_size *size)
{
    for (int i = 0; i < t->n; i++)
        if (of_image(t->step[i].kind) && !step_size(e, &t->step[i], name, size))
            return false;
    return true;
}

/* ---- steps on images ---- */

/* An image on its way: x, and where the next one goes. */
typedef struct work {
    rt_err *e;
    rt_studio *studio;
    rt_dice dice;
    rt_image x, y;
} work;

/* Makes room for y; it becomes x when it is done. */
static bool make(work *w, int channels, int height, int width)
{
    rt_buf *to = (char *)w->x.plane == w->studio->front.data ? &w->studio->back
                                                             : &w->studio->front;
    to->length = 0;
    if (!rt_buf_reserve(w->e, to, (int64_t)channels * height * width))
        return false;
    w->y = (rt_image){channels, height, width, (uint8_t *)to->data};
    return true;
}

static bool same_size(work *w) { return make(w, w->x.channels, w->x.height, w->x.width); }

static bool done(work *w)
{
    w->x = w->y;
    return true;
}

/* A part of x; parts are never copied twice over. */
static bool cut(work *w, int top, int left, int height, int width)
{
    if (top == 0 && left == 0 && height == w->x.height && width == w->x.width)
        return true;
    if (!make(w, w->x.channels, height, width))
        return false;
    rt_image_crop(&w->x, &w->y, top, left);
    return done(w);
}

static bool resize(work *w, int height, int width, rt_filter filter)
{
    if (height == w->x.height && width == w->x.width)
        return true;
    return make(w, w->x.channels, height, width)
        && rt_image_resize(w->e, &w->x, &w->y, filter, &w->studio->scratch) && done(w);
}

static bool flip(work *w, double p, bool vertical)
{
    if (rt_dice_unit(&w->dice) >= p)
        return true;
    if (!same_size(w))
        return false;
    rt_image_flip(&w->x, &w->y, vertical);
    return done(w);
}

static bool center_crop(work *w, const double *v)
{
    int height = (int)v[0], width = (int)v[1];
    int down = w->x.height - height, right = w->x.width - width;
    return cut(w, down < 0 ? -(-down / 2) : (int)rint(down / 2.0),
               right < 0 ? -(-right / 2) : (int)rint(right / 2.0), height, width);
}

static bool random_crop(work *w, const double *v)
{
    int height = (int)v[0], width = (int)v[1];
    int top = rt_dice_below(&w->dice, w->x.height - height + 1);
    int left = rt_dice_below(&w->dice, w->x.width - width + 1);
    return cut(w, top, left, height, width);
}

/* A part's height and width, whose share of the area and whose aspect are drawn from v. */
static void draw_part(rt_dice *d, const double *v, double area, bool tall, double *height,
                      double *width)
{
    double part = area * rt_dice_between(d, v[0], v[1]);
    double aspect = exp(rt_dice_between(d, log(v[2]), log(v[3])));
    *height = rint(sqrt(tall ? part * aspect : part / aspect));
    *width = rint(sqrt(tall ? part / aspect : part * aspect));
}

static bool random_resized_crop(work *w, const double *v)
{
    int H = w->x.height, W = w->x.width;
    double height, width, aspect = (double)W / H, low = v[4], high = v[5];
    for (int i = 0; i < TRIES; i++) {
        draw_part(&w->dice, v + 2, (double)H * W, false, &height, &width);
        if (width <= 0 || width > W || height <= 0 || height > H)
            continue;
        int top = rt_dice_below(&w->dice, H - (int)height + 1);
        int left = rt_dice_below(&w->dice, W - (int)width + 1);
        return cut(w, top, left, (int)height, (int)width)
            && resize(w, (int)v[0], (int)v[1], (rt_filter)v[6]);
    }
    height = aspect < low ? rint(W / low) : H;
    width = aspect > high ? rint(H * high) : W;
    height = height < 1 ? 1 : height > H ? H : height;
    width = width < 1 ? 1 : width > W ? W : width;
    return cut(w, (H - (int)height) / 2, (W - (int)width) / 2, (int)height, (int)width)
        && resize(w, (int)v[0], (int)v[1], (rt_filter)v[6]);
}

static bool rotate(work *w, const double *v)
{
    double angle = (double)(float)rt_dice_between(&w->dice, v[0], v[1]);
    if (!same_size(w))
        return false;
    rt_image_rotate(&w->x, &w->y, angle, (rt_filter)v[2], v + 3);
    return done(w);
}

/* The four in an order that is drawn; one whose range is its neutral value alone is left out. */
static bool jitter(work *w, const double *v)
{
    static void (*const change[4])(rt_image *, double) = {
        rt_image_brightness, rt_image_contrast, rt_image_saturation, rt_image_hue};
    int order[4] = {0, 1, 2, 3};
    double factor[4];
    for (int i = 0; i < 3; i++) {
        int other = i + rt_dice_below(&w->dice, 4 - i), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < 4; i++)
        factor[i] = rt_dice_between(&w->dice, v[2 * i], v[2 * i + 1]);
    if (!same_size(w))
        return false;
    memcpy(w->y.plane, w->x.plane, (size_t)w->x.channels * (size_t)w->x.height * (size_t)w->x.width);
    for (int i = 0; i < 4; i++) {
        int k = order[i];
        double neutral = k == 3 ? 0 : 1;
        if (v[2 * k] != neutral || v[2 * k + 1] != neutral)
            change[k](&w->y, factor[k]);
    }
    return done(w);
}

static bool apply(work *w, const rt_transform *t)
{
    const double *v = t->value;
    rt_size size = {w->x.channels, w->x.height, w->x.width};
    switch (t->kind) {
    case RT_RESIZE:
        resized(v, &size);
        return resize(w, size.height, size.width, (rt_filter)v[3]);
    case RT_CENTER_CROP: return center_crop(w, v);
    case RT_PAD:
        if (!make(w, size.channels, size.height + (int)v[1] + (int)v[3],
                  size.width + (int)v[0] + (int)v[2]))
            return false;
        rt_image_pad(&w->x, &w->y, (int)v[1], (int)v[0], (rt_pad_mode)v[4], v + 5);
        return done(w);
    case RT_RANDOM_CROP: return random_crop(w, v);
    case RT_RANDOM_RESIZED_CROP: return random_resized_crop(w, v);
    case RT_RANDOM_HORIZONTAL_FLIP: return flip(w, v[0], false);
    case RT_RANDOM_VERTICAL_FLIP: return flip(w, v[0], true);
    case RT_RANDOM_ROTATION: return rotate(w, v);
    case RT_COLOR_JITTER: return jitter(w, v);
    case RT_GRAYSCALE:
        if (!make(w, (int)v[0], size.height, size.width))
            return false;
        rt_image_grey(&w->x, &w->y);
        return done(w);
    default: return true;
    }
}

bool rt_transforms_image(rt_err *e, const rt_transforms *t, const rt_shot *shot, rt_studio *s,
                         rt_image *x)
{
    work w = {.e = e, .studio = s, .x = *x};
    for (int i = 0; i < t->n; i++) {
        if (!of_image(t->step[i].kind))
            continue;
        w.dice = rt_dice_start(shot->seed, shot->epoch, shot->row, i);
        if (!apply(&w, &t->step[i]))
            return false;
    }
    *x = w.x;
    return true;
}

/* ---- from ToTensor on ---- */

enum { CHANNELS_AT = 0, MEAN_AT = 1, STD_AT = 4 };    /* values of RT_NORMALIZE */

int64_t rt_transforms_channels(const rt_transforms *t)
{
    int64_t channels = 0;
    for (int i = 0; i < t->n; i++)
        if (t->step[i].kind == RT_NORMALIZE && (int64_t)t->step[i].value[CHANNELS_AT] > channels)
            channels = (int64_t)t->step[i].value[CHANNELS_AT];
    return channels;
}

/* x through the Normalize steps from step `from` on. */
static double normalized(const rt_transforms *t, int from, rt_dtype real, int64_t channel, double x)
{
    double wide = x;
    float narrow = (float)x;
    for (int i = from; i < t->n; i++) {
        const double *value = t->step[i].value;
        if (t->step[i].kind != RT_NORMALIZE)
            continue;
        double mean = value[MEAN_AT + channel], std = value[STD_AT + channel];
        wide = (wide - mean) / std;
        narrow = (narrow - (float)mean) / (float)std;
    }
    return real == RT_F32 ? (double)narrow : wide;
}

double rt_transforms_value(const rt_transforms *t, rt_dtype real, int64_t channel, int byte)
{
    return normalized(t, 0, real, channel,
                      real == RT_F32 ? (double)((float)byte / 255) : (double)byte / 255);
}

/* The step at index `at` erases a rectangle, whose value the Normalize steps behind it change. */
static void erase(const rt_transforms *t, int at, rt_dice *d, rt_dtype real, rt_size size, void *x)
{
    const double *v = t->step[at].value;
    double height, width;
    bool fits = false;
    for (int i = 0; i < TRIES && !fits; i++) {
        draw_part(d, v + 1, (double)size.height * size.width, true, &height, &width);
        fits = height < size.height && width < size.width;
    }
    if (!fits)
        return;
    int top = rt_dice_below(d, size.height - (int)height + 1);
    int left = rt_dice_below(d, size.width - (int)width + 1);
    for (int c = 0; c < size.channels; c++)
        for (int i = top; i < top + (int)height; i++)
            for (int k = left; k < left + (int)width; k++) {
                int64_t place = ((int64_t)c * size.height + i) * size.width + k;
                double value = normalized(t, at, real, c, v[5] != 0 ? rt_dice_normal(d) : v[6 + c]);
                if (real == RT_F32)
                    ((float *)x)[place] = (float)value;
                else
                    ((double *)x)[place] = value;
            }
}

void rt_transforms_erase(const rt_transforms *t, const rt_shot *shot, rt_dtype real, rt_size size,
                         void *x)
{
    for (int i = 0; i < t->n; i++) {
        if (t->step[i].kind != RT_RANDOM_ERASING)
            continue;
        rt_dice d = rt_dice_start(shot->seed, shot->epoch, shot->row, i);
        if (rt_dice_unit(&d) < t->step[i].value[0])
            erase(t, i, &d, real, size, x);
    }
}
