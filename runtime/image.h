/* runtime/image.h: images of bytes, changed as Pillow changes them, to the byte.
 *
 * Planes lie one after another: [channels][height][width], one channel (grey) or three (RGB). Each
 * function reads x and fills y, whose size the caller has set and whose plane has room for it; x
 * and y do not overlap. References: Pillow 9 to 13 (tests/fixtures/make_images.py). */
#ifndef SEQC_RT_IMAGE_H
#define SEQC_RT_IMAGE_H
#include "runtime/base.h"

enum { RT_IMAGE_SIDE = 32767 };          /* of an image at most */
typedef struct rt_image { int channels, height, width; uint8_t *plane; } rt_image;
typedef enum rt_pad_mode { RT_PAD_CONSTANT, RT_PAD_EDGE, RT_PAD_REFLECT, RT_PAD_SYMMETRIC }
    rt_pad_mode;
typedef enum rt_filter { RT_NEAREST, RT_BILINEAR, RT_BICUBIC } rt_filter;

/* y is the part of x from (top, left) on; what lies outside of x is 0. */
void rt_image_crop(const rt_image *x, rt_image *y, int top, int left);
void rt_image_flip(const rt_image *x, rt_image *y, bool vertical);
/* x lies in y at (top, left). reflect and symmetric go back and forth, as numpy.pad does. */
void rt_image_pad(const rt_image *x, rt_image *y, int top, int left, rt_pad_mode mode,
                  const double fill[3]);
/* convert("L"), in each channel of y. */
void rt_image_grey(const rt_image *x, rt_image *y);
/* By `angle` degrees, counter-clockwise, about the centre; y has x's size. NEAREST or BILINEAR. */
void rt_image_rotate(const rt_image *x, rt_image *y, double angle, rt_filter filter,
                     const double fill[3]);
/* To y's size, with antialiasing, but for NEAREST. `scratch` grows as it must. */
bool rt_image_resize(rt_err *e, const rt_image *x, rt_image *y, rt_filter filter,
                     rt_buf *scratch);

/* In place: ImageEnhance's Brightness, Contrast and Color, and a turn of the hue, -0.5 to 0.5. */
void rt_image_brightness(rt_image *x, double factor);
void rt_image_contrast(rt_image *x, double factor);
void rt_image_saturation(rt_image *x, double factor);
void rt_image_hue(rt_image *x, double turn);

#endif
