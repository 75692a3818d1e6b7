/* tests/unit/test_images.c: images as data: CIFAR's files, what the model file's transforms make of
 * bytes. References are torchvision's (tests/fixtures/make_images.py) or worked out by hand. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/cifar.h"
#include "runtime/image.h"
#include "tests/fixtures/images.inc"
#include "tests/unit/data_test.h"
#include <math.h>

/* ---- models ---- */

static const rt_transform colours[] = {
    {RT_TO_TENSOR, {0}},
    {RT_NORMALIZE, {3, 0.4914, 0.48216, 0.44653, 0.24703, 0.24349, 0.26159}}};

static rt_model ten_classes(rt_dtype real)
{
    return (rt_model){.real = real, .input_rank = 3, .input = {3, 32, 32}, .output_rank = 1,
                      .output = {10}, .target_kind = RT_TARGET_INDEX, .n_classes = 10,
                      .data = "CIFAR10"};
}

/* ---- CIFAR ---- */

/* Record i of a file holds the label i % 10 and bytes that count on from `start` + i. */
static void records(const char *name, int n, int head, int start)
{
    char *bytes = malloc((size_t)n * (size_t)(head + RT_CIFAR_BYTES)), *at = bytes;
    for (int i = 0; i < n; i++) {
        memset(at, 99, (size_t)head);
        at[head - 1] = (char)(i % 10);
        for (int k = 0; k < RT_CIFAR_BYTES; k++)
            at[head + k] = (char)(start + i + k);
        at += head + RT_CIFAR_BYTES;
    }
    file_with(name, bytes, (size_t)(at - bytes));
    free(bytes);
}

static const char ten_names[] = "airplane\r\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\n"
                                "truck\n\n";

START_TEST(cifar10)
{
    rt_data d;
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    float x[RT_CIFAR_BYTES];
    int64_t y;
    records("data_batch_1.bin", 3, 1, 0);
    records("data_batch_2.bin", 2, 1, 100);
    records("test_batch.bin", 4, 1, 200);
    file_with_text("batches.meta.txt", ten_names);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 5 && d.test.n == 4 && d.train.x_bytes);
    ck_assert(d.train.rank == 3 && d.train.shape[0] == 3 && d.train.shape[2] == 32);
    ck_assert(d.prep.n_classes == 10 && !strcmp(d.prep.classes[9], "truck")
              && !strcmp(d.prep.classes[0], "airplane"));
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.first = 4, .n = 1}, x, &y));
    ck_assert_int_eq(y, 1);
    for (int k = 0; k < RT_CIFAR_BYTES; k++)
        ck_assert(x[k] == (float)((101 + k) % 256) / 255.0f);
    rt_data_free(&d);

    rt_data_options eval = {.purpose = RT_FOR_EVAL, .data = test_folder};
    loads(&d, &m, &eval);
    ck_assert(d.test.n == 4 && d.train.n == 0);
    rt_data_free(&d);
}
END_TEST

START_TEST(cifar100)
{
    rt_data d;
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    int64_t y[3];
    float *x = malloc(sizeof *x * 3 * RT_CIFAR_BYTES);
    records("train.bin", 3, 2, 7);
    records("test.bin", 1, 2, 0);
    file_with_text("fine_label_names.txt", "a\nb\n");
    loads(&d, &m, &o);
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 3}, x, y));
    ck_assert(y[0] == 0 && y[1] == 1 && y[2] == 2 && x[0] == 7 / 255.0f && d.test.n == 1);
    ck_assert(d.prep.n_classes == 2 && !strcmp(d.prep.classes[1], "b"));
    rt_data_free(&d);
    free(x);
}
END_TEST

/* The folders of the archives are found in the folder that holds them. */
START_TEST(cifar_folders)
{
    rt_data d;
    rt_model m = ten_classes(RT_F32), hundred = m;
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    hundred.data = "CIFAR100";
    ck_assert_int_eq(mkdir(in_folder("cifar-10-batches-py"), 0777), 0);
    file_with_text("cifar-10-batches-py/data_batch_1", "");
    refused(&m, &o, RT_E_DATA,
            "cifar-10-batches-py: is the Python version of CIFAR, whose pickles this program does "
            "not read\nhelp: the binary version");
    ck_assert_int_eq(mkdir(in_folder("cifar-10-batches-bin"), 0777), 0);
    ck_assert_int_eq(mkdir(in_folder("cifar-100-binary"), 0777), 0);
    records("cifar-10-batches-bin/data_batch_1.bin", 3, 1, 0);
    records("cifar-100-binary/train.bin", 2, 2, 0);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 3 && d.test.n == 0 && !d.prep.classes);
    rt_data_free(&d);
    loads(&d, &hundred, &o);
    ck_assert(d.train.n == 2);
    rt_data_free(&d);
    static const char *const files[] = {"cifar-10-batches-py/data_batch_1",
                                        "cifar-10-batches-bin/data_batch_1.bin",
                                        "cifar-100-binary/train.bin"};
    static const char *const folders[] = {"cifar-10-batches-py", "cifar-10-batches-bin",
                                          "cifar-100-binary"};
    for (int i = 0; i < 3; i++) {
        unlink(in_folder(files[i]));
        rmdir(in_folder(folders[i]));
    }
}
END_TEST

START_TEST(cifar_mistakes)
{
    rt_model m = ten_classes(RT_F32), five = m, grey = m;
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    five.n_classes = five.output[0] = 5;
    grey.input[0] = 1;
    file_with_text("data_batch_1.bin", "short");
    refused(&m, &o, RT_E_DATA, "data_batch_1.bin: 5 bytes are no whole records of 3073 bytes, as "
                               "CIFAR-10 has them\nhelp: is it the binary version, and whole?");
    records("data_batch_1.bin", 8, 1, 0);
    refused(&five, &o, RT_E_DATA, "the label of sample 5 (the first is 0) is 5, but the model's 5 "
                                  "classes are 0 to 4");
    refused(&grey, &o, RT_E_DATA, "samples of shape (3, 32, 32), but the model takes (1, 32, 32)");
    records("data_batch_3.bin", 1, 1, 0);
    refused(&m, &o, RT_E_DATA, "has data_batch_3.bin, but no data_batch_2.bin");
    unlink(in_folder("data_batch_3.bin"));
    records("test_batch.bin", 1, 2, 0);
    refused(&m, &o, RT_E_DATA, "test_batch.bin: 3074 bytes are no whole records");
    unlink(in_folder("test_batch.bin"));
    file_with("batches.meta.txt", "a\0b\n", 4);
    refused(&m, &o, RT_E_DATA, "batches.meta.txt: is no list of up to 100 class names");
    unlink(in_folder("batches.meta.txt"));
    unlink(in_folder("data_batch_1.bin"));
    records("test_batch.bin", 1, 1, 0);
    refused(&m, &o, RT_E_DATA, "has a test set, but none for training");
    unlink(in_folder("test_batch.bin"));
    char *record = calloc(1, 2 + RT_CIFAR_BYTES);
    record[1] = 100;
    file_with("train.bin", record, 2 + RT_CIFAR_BYTES);
    free(record);
    refused(&m, &o, RT_E_DATA, "train.bin: the label of record 0 (the first is 0) is 100, but "
                               "CIFAR-100 has 100 classes");
}
END_TEST

static rt_data failing_data;

static bool load_failing(rt_err *e)
{
    static rt_model m;
    m = ten_classes(RT_F32);
    m.train = m.test = (rt_transforms){colours, 2};
    return rt_data_load(e, &failing_data, &m,
                        &(rt_data_options){.purpose = RT_FOR_TRAIN, .data = test_folder,
                                           .val_split = 0.25});
}

static void free_failing(void) { rt_data_free(&failing_data); }

START_TEST(cifar_without_memory)
{
    records("data_batch_1.bin", 8, 1, 0);
    records("test_batch.bin", 2, 1, 0);
    file_with_text("batches.meta.txt", ten_names);
    fail_every_alloc(load_failing, free_failing);
}
END_TEST

/* ---- ToTensor and Normalize ---- */

/* An image with every byte, in each channel; the first bytes in another order. */
static const char *every_byte(void)
{
    char record[1 + RT_CIFAR_BYTES];
    record[0] = 0;
    for (int k = 0; k < RT_CIFAR_BYTES; k++)
        record[1 + k] = (char)(k * 7);
    return file_with("data_batch_1.bin", record, sizeof record);
}

START_TEST(normalize)
{
    rt_data d;
    rt_model m = ten_classes(RT_F32), wide = ten_classes(RT_F64);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    float x[RT_CIFAR_BYTES];
    double w[RT_CIFAR_BYTES];
    int64_t y;
    m.train = wide.train = (rt_transforms){colours, 2};
    every_byte();
    loads(&d, &m, &o);
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 1}, x, &y));
    rt_data_free(&d);
    loads(&d, &wide, &o);
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 1}, w, &y));
    rt_data_free(&d);
    for (int k = 0; k < RT_CIFAR_BYTES; k++) {
        int channel = k / 1024, byte = k * 7 % 256;
        const double *v = colours[1].value;
        uint32_t bits;
        memcpy(&bits, &x[k], sizeof bits);
        ck_assert_msg(bits == normalized[channel * 256 + byte], "byte %d of channel %d: %.9g",
                      byte, channel, (double)x[k]);
        ck_assert_double_eq(w[k], (byte / 255.0 - v[1 + channel]) / v[4 + channel]);
    }
}
END_TEST

/* The rows that a split puts aside are validated, so they take the test set's transforms. */
START_TEST(normalize_of_a_split)
{
    static const rt_transform half[] = {{RT_TO_TENSOR, {0}},
                                        {RT_NORMALIZE, {1, .5, .5, .5, .5, .5, .5}}};
    rt_data d;
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder, .val_split = 0.5};
    float x[RT_CIFAR_BYTES];
    int64_t y;
    m.train = (rt_transforms){half, 2};
    records("data_batch_1.bin", 2, 1, 0);
    records("test_batch.bin", 1, 1, 255);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 1 && d.val.n == 1 && d.test.n == 1);
    ck_assert(rt_data_gather(NULL, &d.train, NULL, &(rt_pick){.n = 1}, x, &y));
    ck_assert(x[0] == ((float)y / 255.0f - 0.5f) / 0.5f);
    ck_assert(rt_data_gather(NULL, &d.val, NULL, &(rt_pick){.n = 1}, x, &y));
    ck_assert(x[0] == (float)y / 255.0f);
    ck_assert(rt_data_gather(NULL, &d.test, NULL, &(rt_pick){.n = 1}, x, &y));
    ck_assert(x[0] == 1);
    rt_data_free(&d);
}
END_TEST

START_TEST(normalize_mistakes)
{
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder, .norm = RT_NORM_ZSCORE};
    unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4};
    m.train = m.test = (rt_transforms){colours, 2};
    every_byte();
    refused(&m, &o, RT_E_USAGE, "--normalize zscore, but the model file says what is done to its "
                                "images\nhelp: leave --normalize out");
    folder_empty();
    o.norm = RT_NORM_NONE;
    file_with("train-images-idx3-ubyte", images, sizeof images);
    file_with("train-labels-idx1-ubyte", (char[]){0, 0, 8, 1, 0, 0, 0, 1, 0}, 9);
    m.input[0] = 1, m.input[1] = m.input[2] = 2;
    refused(&m, &o, RT_E_DATA, "images of 1 channel, but Normalize in the model file is for 3");
}
END_TEST

/* ---- steps that change images ---- */

/* Training shifts and mirrors; validation and tests do not. */
START_TEST(changes_in_training_alone)
{
    static const rt_transform steps[] = {
        {RT_PAD, {4, 4, 4, 4, RT_PAD_CONSTANT, 0, 0, 0}}, {RT_RANDOM_CROP, {32, 32}},
        {RT_RANDOM_HORIZONTAL_FLIP, {.5}}, {RT_TO_TENSOR, {0}}};
    rt_data d;
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder, .seed = 5};
    static float x[3][RT_CIFAR_BYTES], again[RT_CIFAR_BYTES];
    rt_studio studio = {0};
    int64_t y;
    m.train = (rt_transforms){steps, 4};
    records("data_batch_1.bin", 2, 1, 0);
    records("test_batch.bin", 1, 1, 0);
    loads(&d, &m, &o);
    ck_assert(d.train.changes && !d.test.changes && d.train.seed == 5);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        d.train.epoch = epoch;
        ck_assert(rt_data_gather(NULL, &d.train, &studio, &(rt_pick){.n = 1}, x[epoch], &y));
    }
    ck_assert(memcmp(x[0], x[1], sizeof *x) && memcmp(x[0], x[2], sizeof *x)
              && memcmp(x[1], x[2], sizeof *x));
    rt_pick first = {.index = (int64_t[]){0}, .n = 1};
    ck_assert(rt_data_gather(NULL, &d.train, &studio, &first, again, &y));
    ck_assert_mem_eq(again, x[2], sizeof again);
    ck_assert(rt_data_gather(NULL, &d.test, &studio, &(rt_pick){.n = 1}, again, &y));
    ck_assert(again[1] == 1 / 255.0f);
    rt_data_free(&d);
    rt_studio_free(&studio);
}
END_TEST

/* Images may have another size than the model's, where transforms make it of them. */
START_TEST(images_are_resized)
{
    static const rt_transform steps[] = {{RT_RESIZE, {2, 4, 0, RT_BILINEAR}}, {RT_TO_TENSOR, {0}}};
    unsigned char images[16 + 2 * 16] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4};
    rt_data d;
    rt_model m = ten_classes(RT_F32);
    rt_data_options o = {.purpose = RT_FOR_TRAIN, .data = test_folder};
    rt_studio studio = {0};
    rt_set s;
    float x[8];
    int64_t y;
    for (int i = 0; i < 16; i++)
        images[16 + i] = images[32 + i] = (unsigned char)(i / 4 % 2 ? 51 : 0);
    m.train = m.test = (rt_transforms){steps, 2};
    m.input[0] = 1, m.input[1] = 2, m.input[2] = 4;
    file_with("train-images-idx3-ubyte", images, sizeof images);
    file_with("train-labels-idx1-ubyte", (char[]){0, 0, 8, 1, 0, 0, 0, 2, 0, 9}, 10);
    loads(&d, &m, &o);
    ck_assert(d.train.n == 2 && d.train.changes && d.train.taken.height == 2);
    ck_assert(rt_data_gather(NULL, &d.train, &studio, &(rt_pick){.first = 1, .n = 1}, x, &y));
    ck_assert(y == 9 && x[0] > 0 && x[0] < .2f && x[0] == x[3] && x[0] < x[4]);
    rt_data_free(&d);
    rt_err e = {0};
    ck_assert(rt_data_load_inputs(&e, &s, &m, in_folder("train-images-idx3-ubyte"), NULL));
    ck_assert(s.n == 2 && s.changes);
    rt_set_free(&s);
    m.input[2] = 5;
    refused(&m, &o, RT_E_DATA, ": transforms make (1, 2, 4) of images (4, 4), but the model takes "
                               "(1, 2, 5)");
    m.input[2] = 4;
    m.test = (rt_transforms){0};
    o.val_split = 0.5;
    refused(&m, &o, RT_E_DATA, ": samples of shape (4, 4), but the model takes (1, 2, 4)");
    images[3] = 1;
    images[7] = 32;
    file_with("train-images-idx3-ubyte", images, 8 + 32);
    file_with("train-labels-idx1-ubyte", (char[40]){0, 0, 8, 1, 0, 0, 0, 32}, 40);
    refused(&m, &o, RT_E_DATA, ": samples of shape () are no images, which the model file's "
                               "transforms change\nhelp: an image is (height, width)");
    rt_studio_free(&studio);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("images");
    TCase *t = case_create("images");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, cifar10);
    tcase_add_test(t, cifar100);
    tcase_add_test(t, cifar_folders);
    tcase_add_test(t, cifar_mistakes);
    tcase_add_test(t, cifar_without_memory);
    tcase_add_test(t, normalize);
    tcase_add_test(t, normalize_of_a_split);
    tcase_add_test(t, normalize_mistakes);
    tcase_add_test(t, changes_in_training_alone);
    tcase_add_test(t, images_are_resized);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
