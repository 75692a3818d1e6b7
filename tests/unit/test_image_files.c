/* tests/unit/test_image_files.c: PNG and JPEG files: what Pillow reads from them, damage, folders
 * of them as data, one to predict. Left out where seqc is built without libpng and libjpeg. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/ahead.h"
#include "runtime/decode.h"
#include "runtime/folder.h"
#include "tests/unit/data_test.h"

#include "tests/fixtures/images.inc"

static rt_buf pixels, scratch;

static void free_pixels(void)
{
    rt_buf_free(&pixels);
    rt_buf_free(&scratch);
}

static bool decode(rt_err *e, const char *path, rt_image *x)
{
    rt_buf file = {0};
    bool ok = rt_file_read(e, path, -1, &file)
           && rt_image_decode(e, "x", &file, &pixels, &scratch, x);
    rt_buf_free(&file);
    return ok;
}

static const char *fixture(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "tests/fixtures/images/%s", name);
    return path;
}

/* ---- files ---- */

START_TEST(as_pillow)
{
    for (size_t i = 0; i < sizeof decoded / sizeof *decoded; i++) {
        rt_err e = {0};
        rt_image x;
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        ck_assert_msg(decode(&e, fixture(decoded[i].name), &x), "%s", e.message);
        ck_assert(x.channels == 3 && x.height == 10 && x.width == 13);
        for (int k = 0; k < 3 * 10 * 13; k++)
            h = (h ^ x.plane[k]) * UINT64_C(0x100000001b3);
        ck_assert_msg(h == decoded[i].hash, "%s", decoded[i].name);
    }
}
END_TEST

/* Forms that Pillow does not write: interlaced, and 16 bits a channel, whose upper ones count. */
START_TEST(rare_forms)
{
    rt_err e = {0};
    rt_image x;
    ck_assert_msg(decode(&e, "tests/fuzz/corpus/image/interlaced.png", &x), "%s", e.message);
    ck_assert(x.height == 8 && x.width == 8);
    for (int i = 0; i < 64; i++)
        ck_assert(x.plane[i] == i * 4 % 256 && x.plane[128 + i] == x.plane[i]);
    ck_assert_msg(decode(&e, "tests/fuzz/corpus/image/deep.png", &x), "%s", e.message);
    for (int i = 0; i < 6; i++)
        ck_assert(x.plane[i] == 6 * (i % 3) && x.plane[12 + i] == 6 * (i % 3) + 4);
}
END_TEST

START_TEST(damage)
{
    static const struct { const char *path, *says; } rows[] = {
        {"tests/fixtures/images/grey16.png", "x: is grey with 16 bits, which Pillow would cut off "
                                             "at 255\nhelp: store it with 8 bits"},
        {"tests/fixtures/images/cmyk.jpg", "x: is a JPEG image in CMYK, the colours of print\n"
                                           "help: store it in RGB"},
        {"tests/fuzz/corpus/image/huge.png", "x: 32767x32767 pixels cannot be packed into "},
        {"tests/fuzz/corpus/image/no_palette.png", "x: is a damaged PNG image: "},
        {"tests/fuzz/corpus/image/short.jpg", "x: is a damaged JPEG image: "},
        {"tests/unit/test_image_files.c", "x: is neither a PNG nor a JPEG image"},
    };
    rt_image x;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rt_err e = {0};
        ck_assert_msg(!decode(&e, rows[i].path, &x), "%s is taken", rows[i].path);
        ck_says(e, rows[i].says);
        ck_assert_int_eq(e.code, RT_E_DATA);
    }
    /* Cut off anywhere, no file is taken. */
    for (int which = 0; which < 2; which++) {
        rt_buf file = {0};
        ck_assert(rt_file_read(NULL, fixture(which ? "rgb.jpg" : "rgb.png"), -1, &file));
        /* The end of a JPEG file is a mark of two bytes, without which its pixels are whole. */
        for (int64_t end = file.length - 3; end >= 0; end--) {
            rt_err e = {0};
            rt_buf part = buf_of(file.data, (size_t)end);
            ck_assert_msg(!rt_image_decode(&e, "x", &part, &pixels, &scratch, &x),
                          "%d of %d bytes", (int)end, (int)file.length);
            ck_assert(e.code == RT_E_DATA && e.message[0]);
            rt_buf_free(&part);
        }
        rt_buf_free(&file);
    }
}
END_TEST

static bool decode_failing(rt_err *e)
{
    rt_image x;
    bool ok = decode(e, fixture("palette.png"), &x);
    if (!ok)
        free_pixels();
    return ok;
}

START_TEST(decoding_without_memory) { fail_every_alloc(decode_failing, free_pixels); }
END_TEST

/* ---- folders ---- */

static const char *const made[] = {
    "a", "a/y", "a/y/s", "a/y-z", "b", "b/x", 0,
    "a/2.PNG", "a/10.png", "a/notes.txt", "a/y/1.jpg", "a/y/s/1.png", "a/y-z/1.png",
    "b/x/9.jpeg", "c.png", 0};

static void copy(const char *from, const char *to)
{
    rt_buf file = {0};
    ck_assert(rt_file_read(NULL, from, -1, &file));
    file_with(to, file.data, (size_t)file.length);
    rt_buf_free(&file);
}

static void make_folders(void)
{
    int i = 0;
    folder_make();
    for (; made[i]; i++)
        ck_assert_int_eq(mkdir(in_folder(made[i]), 0777), 0);
    for (i++; made[i]; i++)
        copy(fixture(strstr(made[i], ".j") ? "rgb.jpg" : "rgb.png"), made[i]);
}

static void remove_folders(void)
{
    int n = 0;
    rt_os = rt_os_real;
    while (made[n])
        n++;
    for (int i = n + 1; made[i]; i++)
        unlink(in_folder(made[i]));
    unlink(in_folder("a/more.bmp"));
    for (int i = n - 1; i >= 0; i--)
        rmdir(in_folder(made[i]));
    rmdir(in_folder("d"));
    folder_remove();
    free_pixels();
}

START_TEST(order_of_a_folder)
{
    static const char *const want[] = {"a/10.png", "a/2.PNG", "a/y/1.jpg", "a/y-z/1.png",
                                       "a/y/s/1.png", "b/x/9.jpeg"};
    rt_err e = {0};
    rt_folder f = {0};
    ck_assert_msg(rt_folder_list(&e, test_folder, &f), "%s", e.message);
    ck_assert(f.n == 6 && f.n_classes == 2);
    ck_assert_str_eq(f.classes[0], "a");
    ck_assert_str_eq(f.classes[1], "b");
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(f.path[i] + strlen(test_folder) + 1, want[i]);
        ck_assert_int_eq(f.label[i], i == 5);
    }
    rt_folder_free(&f);
    file_with_text("a/more.bmp", "");
    ck_assert(!rt_folder_list(&e, test_folder, &f));
    ck_says(e, "a/more.bmp: is an image that this program does not read\nhelp: PNG and JPEG");
    unlink(in_folder("a/more.bmp"));
    ck_assert_int_eq(mkdir(in_folder("d"), 0777), 0);
    ck_assert(!rt_folder_list(&e, test_folder, &f));
    ck_says(e, "/d: is the folder of a class, but has no images (.png, .jpg, .jpeg)");
}
END_TEST

static const rt_transform shrink[] = {{RT_RESIZE, {5, 6, 0, RT_BILINEAR}}, {RT_TO_TENSOR, {0}}};
static const rt_transform to_grey[] = {
    {RT_RESIZE, {5, 6, 0, RT_BILINEAR}}, {RT_GRAYSCALE, {1}}, {RT_TO_TENSOR, {0}}};

static rt_model photos(int64_t channels, int64_t classes)
{
    return (rt_model){.real = RT_F32, .input_rank = 3, .input = {channels, 5, 6}, .output_rank = 1,
                      .output = {classes}, .target_kind = RT_TARGET_INDEX, .n_classes = classes,
                      .train = {shrink, 2}, .test = {shrink, 2}, .data = "ImageFolder"};
}

START_TEST(folder_as_data)
{
    rt_model m = photos(3, 2);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder, .val_split = 0.4};
    rt_studio studio = {0};
    rt_data d, eval;
    float x[90];
    int64_t y;
    loads(&d, &m, &o);
    ck_assert(d.train.n == 4 && d.val.n == 2 && d.prep.n_classes == 2);
    ck_assert_str_eq(d.prep.classes[1], "b");
    for (int i = 0; i < 4; i++) {
        rt_err e = {0};
        ck_assert_msg(rt_data_gather(&e, &d.train, &studio, &(rt_pick){.first = i, .n = 1}, x, &y),
                      "%s", e.message);
        ck_assert(x[0] >= 0 && x[0] <= .3f && x[30] > .7f);    /* dark red, bright green */
    }
    /* The weights' names number the classes of another folder. */
    rt_prep known = {.classes = (char *[]){"b", "q", "a"}, .n_classes = 3};
    rt_model three = photos(3, 3);
    rt_data_options later = {.purpose = RT_FOR_EVAL, .data = test_folder, .prep = &known};
    loads(&eval, &three, &later);
    ck_assert(rt_data_gather(NULL, &eval.test, &studio, &(rt_pick){.n = 1}, x, &y) && y == 2);
    rt_data_free(&eval);
    known.n_classes = 2;
    refused(&three, &later, RT_E_DATA, "the folder 'a' is a class that the model was not trained");
    rt_data_free(&d);
    rt_studio_free(&studio);
}
END_TEST

START_TEST(folder_mistakes)
{
    rt_model one = photos(3, 1), flat = photos(3, 2), grey = photos(1, 2), large = photos(3, 2);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    rt_studio studio = {0};
    rt_err e = {0};
    rt_data d;
    float x[90];
    int64_t y;
    flat.input_rank = 1;
    refused(&one, &o, RT_E_DATA, ": 2 folders are as many classes, but the model has 1");
    refused(&flat, &o, RT_E_DATA, ": holds images, but the model takes (3,)");
    o.norm = RT_NORM_ZSCORE;
    refused(&grey, &o, RT_E_USAGE, "--normalize zscore, but the model file says what is done");
    o.norm = RT_NORM_NONE;
    loads(&d, &grey, &o);
    ck_assert(!rt_data_gather(&e, &d.train, &studio, &(rt_pick){.n = 1}, x, &y));
    ck_says(e, "a/10.png: an image of 10x13 (height, width) becomes (3, 5, 6), but the model takes "
               "(1, 5, 6)\nhelp: Grayscale");
    rt_data_free(&d);
    large.train = large.test = (rt_transforms){shrink + 1, 1};
    loads(&d, &large, &o);
    ck_assert(!rt_data_gather(&e, &d.train, &studio, &(rt_pick){.n = 1}, x, &y));
    ck_says(e, "becomes (3, 10, 13), but the model takes (3, 5, 6)\nhelp: Resize with both sides");
    rt_data_free(&d);
    loads(&d, &large, &o);
    file_with_text("a/10.png", "\x89PNG\r\n\x1a\n");
    ck_assert(!rt_data_gather(&e, &d.train, &studio, &(rt_pick){.n = 1}, x, &y));
    ck_says(e, "a/10.png: is a damaged PNG image: ");
    unlink(in_folder("a/10.png"));
    ck_assert(!rt_data_gather(&e, &d.train, &studio, &(rt_pick){.n = 1}, x, &y));
    ck_says(e, "a/10.png: cannot be opened: No such file");
    ck_assert_int_eq(e.code, RT_E_IO);
    rt_data_free(&d);
    rt_studio_free(&studio);
}
END_TEST

static rt_data failing;

static bool load_failing(rt_err *e)
{
    static rt_model m;
    m = photos(3, 2);
    return rt_data_load(e, &failing, &m,
                        &(rt_data_options){.purpose = RT_FOR_TRAIN, .data = test_folder,
                                           .val_split = 0.4});
}

static void free_failing(void) { rt_data_free(&failing); }

START_TEST(folder_without_memory) { fail_every_alloc(load_failing, free_failing); }
END_TEST

/* ---- ahead of the step ---- */

enum { PASSES = 40, ROWS = 6, IMAGE = 3 * 5 * 6 };

/* Whoever makes the images, they are the same; batches that nobody planned are left to the caller. */
START_TEST(ahead)
{
    static const rt_transform steps[] = {{RT_RANDOM_RESIZED_CROP, {5, 6, .2, 1, .5, 2, RT_BILINEAR}},
                                         {RT_RANDOM_HORIZONTAL_FLIP, {.5}}, {RT_TO_TENSOR, {0}}};
    static float want[ROWS * IMAGE], got[ROWS * IMAGE];
    rt_model m = photos(3, 2);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    rt_studio studio = {0};
    rt_data d;
    int64_t y[ROWS], order[ROWS] = {3, 1, 5, 0, 4, 2};
    const uint8_t *images;
    m.train = (rt_transforms){steps, 3};
    loads(&d, &m, &o);
    rt_ahead *a = rt_ahead_open(3);
    ck_assert_ptr_nonnull(a);
    for (int pass = 0; pass < PASSES; pass++) {
        int64_t batch = 1 + pass % 4;
        rt_ahead_rest(a);        /* of some passes batches are left */
        d.train.epoch = (uint64_t)pass;
        const int64_t *in = pass % 3 ? order : NULL;
        ck_assert(rt_ahead_plan(NULL, a, &d.train, in, pass % 2, ROWS, batch));
        for (int64_t at = pass % 2; at < ROWS && !(pass == 7 && at > 2); at += batch) {
            int64_t n = ROWS - at < batch ? ROWS - at : batch;
            rt_pick pick = {.index = in ? in + at : NULL, .first = in ? 0 : at, .n = n};
            rt_pick other = {.index = order + 1, .n = n};
            ck_assert(rt_ahead_take(NULL, a, &d.train, &other, &images) && (!images || at == 1));
            if (images)
                break;
            ck_assert(rt_data_gather(NULL, &d.train, &studio, &pick, want, y));
            ck_assert(rt_ahead_take(NULL, a, &d.train, &pick, &pick.images) && pick.images);
            ck_assert(rt_data_gather(NULL, &d.train, NULL, &pick, got, y));
            ck_assert_mem_eq(want, got, (size_t)(n * IMAGE) * sizeof *want);
        }
    }
    /* Of several images that cannot be read the first one of the batch is named. */
    rt_err e = {0};
    unlink(in_folder("a/2.PNG"));
    unlink(in_folder("b/x/9.jpeg"));
    rt_pick all = {.index = order, .n = ROWS};
    ck_assert(rt_ahead_plan(NULL, a, &d.train, order, 0, ROWS, ROWS));
    ck_assert(!rt_ahead_take(&e, a, &d.train, &all, &images));
    ck_says(e, "a/2.PNG: cannot be opened");
    rt_ahead_close(a);
    rt_data_free(&d);
    rt_studio_free(&studio);
}
END_TEST

/* ---- one image ---- */

START_TEST(photo)
{
    rt_model m = photos(3, 2), grey = photos(1, 2), plain = photos(3, 2), flat = photos(3, 2);
    rt_studio studio = {0};
    rt_err e = {0};
    rt_set s;
    float x[90];
    ck_assert_msg(rt_data_load_inputs(&e, &s, &m, fixture("rgb.jpg"), NULL), "%s", e.message);
    ck_assert(s.n == 1 && !s.note);
    ck_assert(rt_data_gather(&e, &s, &studio, &(rt_pick){.n = 1}, x, NULL));
    rt_set_free(&s);
    /* Without transforms that make its size, it is resized; a grey model sees it in grey. */
    plain.test = (rt_transforms){0};
    ck_assert_msg(rt_data_load_inputs(&e, &s, &plain, fixture("rgb.jpg"), NULL), "%s", e.message);
    ck_assert_str_eq(s.note, "tests/fixtures/images/rgb.jpg: 10x13 (height, width) was resized to "
                             "5x6: the model file's transform does not make the model's input of "
                             "it");
    rt_set_free(&s);
    ck_assert_msg(rt_data_load_inputs(&e, &s, &grey, fixture("rgb.png"), NULL), "%s", e.message);
    ck_assert(s.stored.channels == 1 && !s.note);
    rt_set_free(&s);
    grey.test = (rt_transforms){to_grey, 3};
    ck_assert_msg(rt_data_load_inputs(&e, &s, &grey, fixture("rgb.png"), NULL), "%s", e.message);
    ck_assert(s.stored.channels == 3 && s.taken.channels == 1);
    rt_set_free(&s);
    flat.input_rank = 1;
    ck_assert(!rt_data_load_inputs(&e, &s, &flat, fixture("rgb.png"), NULL));
    ck_says(e, "rgb.png: is an image, but the model takes (3,)");
    rt_studio_free(&studio);
}
END_TEST

int main(void)
{
    if (!&rt_image_decoders)
        return EXIT_SUCCESS;
    Suite *suite = suite_create("image_files");
    TCase *t = case_create("files"), *f = case_create("folders");
    tcase_add_checked_fixture(t, NULL, free_pixels);
    tcase_add_test(t, as_pillow);
    tcase_add_test(t, rare_forms);
    tcase_add_test(t, damage);
    tcase_add_test(t, decoding_without_memory);
    tcase_add_test(t, photo);
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(f, make_folders, remove_folders);
    tcase_add_test(f, order_of_a_folder);
    tcase_add_test(f, folder_as_data);
    tcase_add_test(f, folder_mistakes);
    tcase_add_test(f, folder_without_memory);
    tcase_add_test(f, ahead);
    suite_add_tcase(suite, f);
    return run_suite(suite);
}
