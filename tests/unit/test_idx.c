/* tests/unit/test_idx.c: IDX files, plain and packed, whole, damaged and hostile. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/idx.h"
#include "tests/unit/rt_test.h"
#include <zlib.h>

static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3,
                                       1, 2, 3, 250, 0, 6};

static rt_buf pack(const void *bytes, size_t count)
{
    unsigned char out[70000];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)count, .next_out = out,
                  .avail_out = sizeof out};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    rt_buf b = buf_of(out, z.total_out);
    deflateEnd(&z);
    return b;
}

static void refused(rt_buf b, const char *says)
{
    rt_err e = {0};
    rt_tensor t;
    watch_memory();
    rt_os.release = rt_os_real.release;
    ck_assert(!rt_idx_parse(&e, "x-idx3-ubyte", &b, &t));
    rt_os = rt_os_real;
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_says(e, says);
    /* zlib's window is the most that a refused file may cost. */
    ck_assert_int_lt(alloc_largest, 100000);
    ck_assert_ptr_null(b.data);
}

static void is_images(rt_tensor *t)
{
    ck_assert(t->rank == 3 && t->shape[0] == 2 && t->shape[1] == 1 && t->shape[2] == 3);
    ck_assert(t->dtype == RT_U8 && !memcmp(t->data, images + 16, 6));
    rt_tensor_free(t);
}

START_TEST(reads)
{
    rt_tensor t;
    rt_err e = {0};
    rt_buf b = buf_of(images, sizeof images);
    ck_assert(rt_idx_parse(&e, "x", &b, &t));
    is_images(&t);
    b = pack(images, sizeof images);
    ck_assert_msg(rt_idx_parse(&e, "x", &b, &t), "%s", e.message);
    is_images(&t);
    ck_assert(rt_idx_read(&e, file_with("x", images, sizeof images), &t));
    is_images(&t);
}
END_TEST

START_TEST(several_packed_streams)
{
    for (size_t cut = 0; cut <= sizeof images; cut++) {
        rt_tensor t;
        rt_err e = {0};
        rt_buf b = pack(images, cut), second = pack(images + cut, sizeof images - cut);
        ck_assert(rt_buf_add(NULL, &b, second.data, second.length));
        rt_buf_free(&second);
        ck_assert_msg(rt_idx_parse(&e, "x", &b, &t), "%s", e.message);
        is_images(&t);
    }
}
END_TEST

START_TEST(big_endian)
{
    static const unsigned char ints[] = {0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 1, 2, 255, 255, 255, 254};
    static const unsigned char floats[] = {0, 0, 13, 1, 0, 0, 0, 1, 0xc0, 0, 0, 0};
    static const unsigned char doubles[] = {0, 0, 14, 2, 0, 0, 0, 1, 0, 0, 0, 1,
                                            0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
    rt_tensor t;
    rt_buf b = buf_of(ints, sizeof ints);
    ck_assert(rt_idx_parse(NULL, "x", &b, &t));
    ck_assert(((int32_t *)t.data)[0] == 258 && ((int32_t *)t.data)[1] == -2);
    rt_tensor_free(&t);
    b = buf_of(floats, sizeof floats);
    ck_assert(rt_idx_parse(NULL, "x", &b, &t));
    ck_assert(*(float *)t.data == -2);
    rt_tensor_free(&t);
    b = buf_of(doubles, sizeof doubles);
    ck_assert(rt_idx_parse(NULL, "x", &b, &t));
    ck_assert(*(double *)t.data == 1.5);
    rt_tensor_free(&t);
}
END_TEST

START_TEST(hostile_headers)
{
    unsigned char head[16 + 4];
    memcpy(head, images, sizeof head);
    memset(head + 4, 0xff, 12);    /* 2^96 elements */
    refused(buf_of(head, sizeof head), "impossible shape");
    refused(pack(head, sizeof head), "impossible shape");
    memset(head + 4, 0, 12);
    head[4] = head[11] = head[15] = 1;    /* 16 Mi samples of one byte */
    refused(buf_of(head, sizeof head), "cut off");
    refused(pack(head, sizeof head), "cannot be packed into");
    memcpy(head, images, sizeof head);
    head[2] = 0x0b;
    refused(buf_of(head, sizeof head), "IDX type is 0x0b");
    head[2] = 8;
    head[3] = 0;
    refused(buf_of(head, sizeof head), "0 dimensions");
    head[3] = 255;
    refused(buf_of(head, sizeof head), "255 dimensions");
    refused(buf_of("PNG?", 4), "not an IDX file");
    refused(buf_of("", 0), "too few");
    refused(buf_of("\x1f\x8b", 2), "cut off");
}
END_TEST

/* A small file that would unpack to 64 KiB where the header says 6 bytes. */
START_TEST(bomb)
{
    static unsigned char much[65536];
    memcpy(much, images, sizeof images);
    refused(pack(much, sizeof much), "more than the announced");
}
END_TEST

START_TEST(damage)
{
    rt_buf packed = pack(images, sizeof images);
    rt_err e = {0};
    rt_tensor t;
    for (size_t n = 0; n < sizeof images; n++)
        refused(buf_of(images, n), "");
    for (int64_t n = 0; n < packed.length; n++)
        refused(buf_of(packed.data, (size_t)n), "");
    for (int64_t n = 0; n < packed.length; n++)
        for (int bit = 0; bit < 8; bit++) {
            rt_buf b = buf_of(packed.data, (size_t)packed.length);
            b.data[n] = (char)(b.data[n] ^ 1 << bit);
            /* Bytes 3 to 9 of gzip's header are a date and the like, and the last byte of the
             * stream before the checksum is not full; the rest is checked. */
            bool taken = rt_idx_parse(&e, "x", &b, &t);
            ck_assert_msg(!taken || (n >= 3 && n < 10) || n == packed.length - 9,
                          "byte %d, bit %d", (int)n, bit);
            if (taken)
                rt_tensor_free(&t);
        }
    ck_assert(rt_buf_add(NULL, &packed, "x", 1));
    refused(packed, "1 bytes follow the packed data");
    rt_buf longer = buf_of(images, sizeof images);
    ck_assert(rt_buf_add(NULL, &longer, "x", 1));
    refused(longer, "7 are there");
}
END_TEST

static rt_tensor made;
static bool packed_file;

static bool read_one(rt_err *e)
{
    return rt_idx_read(e, in_folder(packed_file ? "x.gz" : "x"), &made);
}

static void free_one(void) { rt_tensor_free(&made); }

START_TEST(memory)
{
    rt_buf b = pack(images, sizeof images);
    file_with("x", images, sizeof images);
    file_with("x.gz", b.data, (size_t)b.length);
    rt_buf_free(&b);
    for (int i = 0; i < 2; i++) {
        packed_file = i == 1;
        fail_every_alloc(read_one, free_one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("idx");
    TCase *c = case_create("files");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, reads);
    tcase_add_test(c, several_packed_streams);
    tcase_add_test(c, big_endian);
    tcase_add_test(c, hostile_headers);
    tcase_add_test(c, bomb);
    tcase_add_test(c, damage);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
