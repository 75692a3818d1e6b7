/* tests/unit/test_transforms.c: what the steps before and behind ToTensor make of images. Results
 * that are certain equal torchvision's on Pillow's images, to the byte; of random ones, ranges and
 * shares are looked at. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/dice.h"
#include "runtime/transforms.h"
#include "tests/fixtures/images.inc"
#include "tests/unit/rt_test.h"
#include <math.h>

static rt_studio studio;
static uint8_t plane[3 * 100 * 100];

static void open_studio(void) { studio = (rt_studio){0}; }
static void close_studio(void) { rt_studio_free(&studio); }

/* As make_images.py makes it. */
static rt_image pattern(int channels, int height, int width)
{
    uint8_t *at = plane;
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < height; i++)
            for (int k = 0; k < width; k++)
                *at++ = (uint8_t)(31 * i + 17 * k + 101 * c + i * k);
    return (rt_image){channels, height, width, plane};
}

static uint64_t fnv(const rt_image *x)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int64_t i = 0; i < (int64_t)x->channels * x->height * x->width; i++)
        h = (h ^ x->plane[i]) * UINT64_C(0x100000001b3);
    return h;
}

static rt_image one_step(const rt_transform *t, rt_image x, int64_t row)
{
    rt_err e = {0};
    const rt_transforms list = {t, 1};
    rt_size size = {x.channels, x.height, x.width};
    ck_assert_msg(rt_transforms_size(&e, &list, "x", &size), "%s", e.message);
    ck_assert_msg(rt_transforms_image(&e, &list, &(rt_shot){7, 3, row}, &studio, &x), "%s",
                  e.message);
    ck_assert(size.channels == x.channels && size.height == x.height && size.width == x.width);
    return x;
}

START_TEST(as_torchvision)
{
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        rt_image x = changed[i].grey ? pattern(1, 20, 12) : pattern(3, 13, 17);
        x = one_step(&changed[i].t, x, 0);
        ck_assert_msg(x.channels == changed[i].channels && x.height == changed[i].height
                      && x.width == changed[i].width && fnv(&x) == changed[i].hash,
                      "row %d, kind %d: %dx%dx%d", (int)i, (int)changed[i].t.kind, x.channels,
                      x.height, x.width);
    }
}
END_TEST

START_TEST(square_turns_and_hues)
{
    for (int i = 0; i < 3; i++) {
        double angle = 90 * (i + 1);
        const rt_transform t = {RT_RANDOM_ROTATION, {angle, angle, 0, 1, 2, 3}};
        rt_image x = one_step(&t, pattern(3, 12, 12), 0);
        ck_assert_uint_eq(fnv(&x), square_turns[i]);
    }
    enum { SIDE = 52, ALL = SIDE * SIDE * SIDE };
    uint8_t *cube = malloc(3 * ALL);
    for (int i = 0; i < ALL; i++) {
        cube[i] = (uint8_t)(5 * (i / (SIDE * SIDE)));
        cube[ALL + i] = (uint8_t)(5 * (i / SIDE % SIDE));
        cube[2 * ALL + i] = (uint8_t)(5 * (i % SIDE));
    }
    rt_image x = {3, SIDE * SIDE, SIDE, cube};
    rt_image_hue(&x, 0.25);
    ck_assert_uint_eq(fnv(&x), turned_cube[0]);
    free(cube);
}
END_TEST

/* ---- random steps ---- */

/* Row and column of a pixel are its first two channels. */
static rt_image places(int side)
{
    for (int i = 0; i < side; i++)
        for (int k = 0; k < side; k++) {
            plane[i * side + k] = (uint8_t)i;
            plane[side * side + i * side + k] = (uint8_t)k;
            plane[2 * side * side + i * side + k] = 0;
        }
    return (rt_image){3, side, side, plane};
}

static int at(const rt_image *x, int c, int i, int k)
{
    return x->plane[(c * x->height + i) * x->width + k];
}

START_TEST(numbers_by_counter)
{
    rt_dice a = rt_dice_start(1, 2, 3, 4), b = rt_dice_start(1, 2, 3, 4);
    rt_dice other[4] = {rt_dice_start(2, 2, 3, 4), rt_dice_start(1, 3, 3, 4),
                        rt_dice_start(1, 2, 4, 4), rt_dice_start(1, 2, 3, 5)};
    double sum = 0, squares = 0;
    int same = 0, below[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint32_t x = rt_dice_u32(&a);
        ck_assert_uint_eq(x, rt_dice_u32(&b));
        for (int k = 0; k < 4; k++)
            same += x == rt_dice_u32(&other[k]);
    }
    ck_assert_int_lt(same, 3);
    for (int i = 0; i < 7000; i++) {
        double x = rt_dice_normal(&a);
        sum += x;
        squares += x * x;
        below[rt_dice_below(&a, 7)]++;
        x = rt_dice_between(&a, -2, 3);
        ck_assert(x >= -2 && x < 3);
    }
    ck_assert(fabs(sum / 7000) < 0.04 && fabs(squares / 7000 - 1) < 0.06);
    for (int i = 0; i < 7; i++)
        ck_assert_msg(abs(below[i] - 1000) < 120, "%d of %d", below[i], i);
}
END_TEST

START_TEST(flips_are_as_frequent_as_said)
{
    const rt_transform t = {RT_RANDOM_HORIZONTAL_FLIP, {0.25}};
    int flipped = 0;
    for (int64_t row = 0; row < 4000; row++) {
        rt_image x = one_step(&t, places(4), row);
        flipped += at(&x, 1, 0, 0) == 3;
    }
    ck_assert_msg(abs(flipped - 1000) < 110, "%d of 4000", flipped);
}
END_TEST

START_TEST(crops_lie_anywhere)
{
    const rt_transform t = {RT_RANDOM_CROP, {8, 5}};
    int top[5] = {0}, left[8] = {0};
    for (int64_t row = 0; row < 4000; row++) {
        rt_image x = one_step(&t, places(12), row);
        int i = at(&x, 0, 0, 0), k = at(&x, 1, 0, 0);
        ck_assert(at(&x, 0, 7, 4) == i + 7 && at(&x, 1, 7, 4) == k + 4);
        top[i]++;
        left[k]++;
    }
    for (int i = 0; i < 5; i++)
        ck_assert_msg(abs(top[i] - 800) < 110, "row %d: %d", i, top[i]);
    for (int k = 0; k < 8; k++)
        ck_assert_msg(abs(left[k] - 500) < 90, "column %d: %d", k, left[k]);
}
END_TEST

/* By the nearest pixel, corners of the result are corners of the part. */
START_TEST(resized_crops)
{
    enum { SIDE = 90 };
    const rt_transform t = {RT_RANDOM_RESIZED_CROP, {SIDE, SIDE, .1, .5, .5, 2, RT_NEAREST}};
    double least = 1, most = 0, flat = 1, tall = 1;
    for (int64_t row = 0; row < 1500; row++) {
        rt_image x = one_step(&t, places(SIDE), row);
        double height = at(&x, 0, SIDE - 1, 0) - at(&x, 0, 0, 0) + 1;
        double width = at(&x, 1, 0, SIDE - 1) - at(&x, 1, 0, 0) + 1;
        double share = height * width / (SIDE * SIDE), aspect = width / height;
        least = fmin(least, share);
        most = fmax(most, share);
        flat = fmax(flat, aspect);
        tall = fmin(tall, aspect);
    }
    ck_assert_msg(least > .09 && least < .11 && most < .52 && most > .48, "%g %g", least, most);
    ck_assert_msg(tall > .47 && tall < .54 && flat < 2.1 && flat > 1.85, "%g %g", tall, flat);

    /* A part that cannot be: the largest one in the middle whose aspect is allowed. */
    const rt_transform wide = {RT_RANDOM_RESIZED_CROP, {SIDE, SIDE, 2, 2, 3, 4, RT_NEAREST}};
    rt_image x = one_step(&wide, places(SIDE), 0);
    ck_assert(at(&x, 0, 0, 0) == 30 && at(&x, 0, SIDE - 1, 0) == 59 && at(&x, 1, 0, 0) == 0);
}
END_TEST

START_TEST(jitter_within_its_range)
{
    const rt_transform t = {RT_COLOR_JITTER, {.5, 1.5, 1, 1, 1, 1, 0, 0}};
    int low = 255, high = 0;
    for (int64_t row = 0; row < 1000; row++) {
        memset(plane, 100, 3);
        rt_image x = one_step(&t, (rt_image){3, 1, 1, plane}, row);
        low = x.plane[0] < low ? x.plane[0] : low;
        high = x.plane[0] > high ? x.plane[0] : high;
    }
    ck_assert_msg(low >= 50 && low < 53 && high < 150 && high > 146, "%d %d", low, high);
}
END_TEST

/* ---- numbers behind ToTensor ---- */

START_TEST(erasing)
{
    enum { SIDE = 40 };
    static const rt_transform steps[] = {
        {RT_TO_TENSOR, {0}},
        {RT_RANDOM_ERASING, {.5, .1, .3, .5, 2, 0, 1, .5, .25}},
        {RT_NORMALIZE, {3, .5, .25, 0, .5, 2, 1}}};
    static float x[3 * SIDE * SIDE];
    const rt_transforms list = {steps, 3};
    const rt_size size = {3, SIDE, SIDE};
    const float want[3] = {1, .125f, .25f};
    int erased = 0;
    double least = 1, most = 0;
    for (int64_t row = 0; row < 1000; row++) {
        int count[3] = {0};
        for (int i = 0; i < 3 * SIDE * SIDE; i++)
            x[i] = -1;
        rt_transforms_erase(&list, &(rt_shot){7, 3, row}, RT_F32, size, x);
        for (int i = 0; i < 3 * SIDE * SIDE; i++) {
            int c = i / (SIDE * SIDE);
            ck_assert(x[i] == -1 || x[i] == want[c]);
            count[c] += x[i] != -1;
        }
        ck_assert(count[0] == count[1] && count[1] == count[2]);
        erased += count[0] > 0;
        if (count[0] == 0)
            continue;
        least = fmin(least, count[0] / (double)(SIDE * SIDE));
        most = fmax(most, count[0] / (double)(SIDE * SIDE));
    }
    ck_assert_msg(abs(erased - 500) < 60, "%d of 1000", erased);
    ck_assert_msg(least > .09 && least < .12 && most > .27 && most < .32, "%g %g", least, most);
}
END_TEST

START_TEST(erasing_with_noise)
{
    static const rt_transform steps[] = {
        {RT_TO_TENSOR, {0}}, {RT_RANDOM_ERASING, {1, .5, .5, 1, 1, 1, 0, 0, 0}}};
    static double x[64 * 64];
    double sum = 0, squares = 0;
    int n = 0;
    rt_transforms_erase(&(rt_transforms){steps, 2}, &(rt_shot){1, 0, 0}, RT_F64,
                        (rt_size){1, 64, 64}, x);
    for (int i = 0; i < 64 * 64; i++) {
        n += x[i] != 0;
        sum += x[i];
        squares += x[i] * x[i];
    }
    ck_assert_int_eq(n, 45 * 45);
    ck_assert(fabs(sum / n) < .07 && fabs(squares / n - 1) < .1);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(sizes_that_cannot_be)
{
    const rt_transform crop = {RT_RANDOM_CROP, {8, 5}}, large = {RT_RESIZE, {32767, 0, 0, 1}};
    rt_err e = {0};
    rt_size size = {1, 7, 9};
    ck_assert(!rt_transforms_size(&e, &(rt_transforms){&crop, 1}, "cat.png", &size));
    ck_assert_str_eq(e.message, "cat.png: an image of 7x9 (height, width) is smaller than "
                                "RandomCrop's 8x5\nhelp: a Resize before it, or padding, makes "
                                "room");
    size = (rt_size){1, 7, 9};
    ck_assert(!rt_transforms_size(&e, &(rt_transforms){&large, 1}, "cat.png", &size));
    ck_assert_str_eq(e.message, "cat.png: Resize makes 32767x32768 (height, width) of an image of "
                                "7x9");
}
END_TEST

static bool change_failing(rt_err *e)
{
    static const rt_transform steps[] = {
        {RT_PAD, {1, 1, 1, 1, 2, 0, 0, 0}}, {RT_RESIZE, {7, 5, 0, 1}}, {RT_GRAYSCALE, {1}},
        {RT_COLOR_JITTER, {.5, 2, .5, 2, .5, 2, -.5, .5}}};
    rt_image x = pattern(3, 13, 17);
    bool ok = rt_transforms_image(e, &(rt_transforms){steps, 4}, &(rt_shot){0}, &studio, &x);
    if (!ok)
        rt_studio_free(&studio);
    return ok;
}

START_TEST(without_memory) { fail_every_alloc(change_failing, close_studio); }
END_TEST

int main(void)
{
    Suite *suite = suite_create("transforms");
    TCase *t = case_create("transforms");
    tcase_add_checked_fixture(t, open_studio, close_studio);
    tcase_add_test(t, as_torchvision);
    tcase_add_test(t, square_turns_and_hues);
    tcase_add_test(t, numbers_by_counter);
    tcase_add_test(t, flips_are_as_frequent_as_said);
    tcase_add_test(t, crops_lie_anywhere);
    tcase_add_test(t, resized_crops);
    tcase_add_test(t, jitter_within_its_range);
    tcase_add_test(t, erasing);
    tcase_add_test(t, erasing_with_noise);
    tcase_add_test(t, sizes_that_cannot_be);
    tcase_add_test(t, without_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
