/* tests/unit/test_safetensors.c: weight files both ways, and hostile ones. Expected bytes are
 * written out by hand from the format's description. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include "tests/unit/rt_test.h"

#define T(name, shape, offsets) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* A file of this header (its length is put before it) and these data. */
static rt_buf file_of(const char *header, const void *data, size_t count)
{
    rt_buf b = {0};
    uint64_t length = strlen(header);
    ck_assert(rt_buf_add(NULL, &b, &length, 8) && rt_buf_add(NULL, &b, header, (int64_t)length)
              && rt_buf_add(NULL, &b, data, (int64_t)count));
    return b;
}

static const float six[6] = {1, 2, 3, 4, 5, -0.5f};

static void refused(const char *header, size_t data_bytes, const char *says)
{
    static const char zeros[256];
    rt_err e = {0};
    rt_tensors t;
    rt_buf b = file_of(header, zeros, data_bytes);
    ck_assert_msg(!rt_safetensors_parse(&e, "w", &b, &t), "taken: %s", header);
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_says(e, says);
    ck_assert_ptr_null(t.item);
    ck_assert_ptr_null(b.data);
}

START_TEST(reads)
{
    static const char header[] =
        " \n{\"__metadata__\":{\"a\":\"b\\u00e9\\ud83d\\ude00\\n\"},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"h\":{\"shape\":[3],\"data_offsets\":[24,30],\"dtype\":\"F16\"},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[30,32]},"
        "\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[33,41]},"
        "\"none\":{\"dtype\":\"F64\",\"shape\":[0,9223372036854775807],\"data_offsets\":[32,32]},"
        "\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[32,33]}}  ";
    unsigned char data[41] = {0};
    memcpy(data, six, 24);
    static const unsigned char halves[] = {0x00, 0x3c, 0x01, 0x80, 0x00, 0xfc, 0xc0, 0x3f, 200};
    memcpy(data + 24, halves, 9);
    data[33] = 7;
    rt_buf b = file_of(header + 2, data, sizeof data);
    rt_tensors t;
    rt_err e = {0};
    ck_assert_msg(rt_safetensors_parse(&e, "w", &b, &t), "%s", e.message);
    ck_assert_int_eq(t.count, 6);
    ck_assert_str_eq(rt_meta_get(&t, "a"), "b\xc3\xa9\xf0\x9f\x98\x80\n");
    rt_tensor *w = rt_tensors_find(&t, "w"), *h = rt_tensors_find(&t, "h");
    ck_assert(w && w->rank == 2 && w->shape[0] == 2 && w->shape[1] == 3 && w->dtype == RT_F32);
    ck_assert(!memcmp(w->data, six, 24));
    const float *half = h->data;
    ck_assert(h->dtype == RT_F32 && half[0] == 1 && half[1] == -0x1p-24f && half[2] < -1e38f);
    ck_assert(*(float *)rt_tensors_find(&t, "b")->data == 1.5f);
    ck_assert_int_eq(*(int64_t *)rt_tensors_find(&t, "i")->data, 7);
    ck_assert_int_eq(*(uint8_t *)rt_tensors_find(&t, "u")->data, 200);
    ck_assert_int_eq(rt_tensors_find(&t, "none")->elems, 0);
    ck_assert_ptr_null(rt_tensors_find(&t, "x"));
    rt_tensors_free(&t);
}
END_TEST

/* Writes `b` to a file, and frees it. */
static const char *put_file(rt_buf *b)
{
    rt_err e = {0};
    const char *path = in_folder("w.safetensors");
    ck_assert(rt_file_put(&e, path, b->data, b->length));
    rt_buf_free(b);
    return path;
}

/* Whatever part is asked for, it is what a reader of the whole file has. */
START_TEST(opens)
{
    static const char header[] = "{" T("w", "[2,3]", "[2,26]") ","
        "\"h\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[26,34]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]},"
        "\"none\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[34,34]}}";
    static const uint16_t halves[] = {0x3c00, 0x8001, 0xc000, 0x3555}, brain = 0x3fc0;
    char data[34];
    memcpy(data, &brain, 2);
    memcpy(data + 2, six, 24);
    memcpy(data + 26, halves, 8);
    rt_buf b = file_of(header, data, sizeof data);
    const char *path = put_file(&b);
    rt_tensors whole, opened;
    rt_err e = {0};
    ck_assert(rt_safetensors_read(&e, path, &whole));
    ck_assert_msg(rt_safetensors_open(&e, path, &opened), "%s", e.message);
    ck_assert_int_eq(opened.count, 4);
    for (int64_t i = 0; i < 4; i++) {
        const rt_tensor *t = &opened.item[i], *want = rt_tensors_find(&whole, t->name);
        int64_t size = rt_dtype_bytes(want->dtype);
        ck_assert(!t->data && t->dtype == want->dtype && t->elems == want->elems);
        for (int64_t first = 0; first < t->elems; first++)
            for (int64_t n = 1; n <= t->elems - first; n++) {
                char part[6 * 4];
                ck_assert(rt_tensor_get(&e, &opened, t, first, n, part));
                ck_assert(!memcmp(part, (char *)want->data + first * size, (size_t)(n * size)));
            }
    }
    rt_tensors_free(&opened);
    rt_tensors_free(&whole);
}
END_TEST

START_TEST(opens_what_shrinks)
{
    static const char header[] = "{" T("w", "[2,3]", "[0,24]") "}";
    rt_buf b = file_of(header, six, sizeof six);
    int64_t bytes = b.length;
    const char *path = put_file(&b);
    rt_tensors t;
    rt_err e = {0};
    float part[6];
    ck_assert(rt_safetensors_open(&e, path, &t));
    ck_assert_int_eq(truncate(path, (off_t)bytes - 1), 0);
    ck_assert(rt_tensor_get(&e, &t, t.item, 0, 5, part));
    ck_assert(!rt_tensor_get(&e, &t, t.item, 0, 6, part));
    ck_assert_int_eq(e.code, RT_E_IO);
    ck_says(e, "became shorter while it was read");
    rt_tensors_free(&t);
    e = (rt_err){0};
    ck_assert(!rt_safetensors_open(&e, path, &t));
    ck_says(e, "ends at byte 24 of the data, but there are only 23");
    ck_assert_int_eq(truncate(path, 5), 0);
    ck_assert(!rt_safetensors_open(&e, path, &t));
    ck_says(e, "5 bytes are too few");
}
END_TEST

/* All 65536 halves, by their definition. */
START_TEST(half_floats)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
        float got = rt_from_f16((uint16_t)bits);
        double value = exponent ? (double)(1024 + fraction) : (double)fraction;
        for (uint32_t k = exponent ? exponent : 1; k < 25; k++)
            value /= 2;
        for (uint32_t k = 25; k < exponent; k++)
            value *= 2;
        if (exponent == 31)
            ck_assert(fraction ? got != got : got > 3e38f || got < -3e38f);
        else
            ck_assert_double_eq((double)got, bits >> 15 ? -value : value);
    }
}
END_TEST

START_TEST(writes)
{
    static const char want[] = "{\"__metadata__\":{\"k\":\"v\\\"\\u0001\"},"
        "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
        "\"n\\\\\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[32,33]}}";
    rt_tensors list = {0};
    rt_err e = {0};
    rt_buf b = {0};
    const char *path = in_folder("w.safetensors");
    float copy[6];
    int64_t number = 7;
    uint8_t byte = 9;
    memcpy(copy, six, sizeof copy);
    ck_assert(rt_tensors_add(&e, &list, "0.weight", RT_F32, 2, (int64_t[]){2, 3}, copy));
    ck_assert(rt_tensors_add(&e, &list, "n\\", RT_I64, 0, NULL, &number));
    ck_assert(rt_tensors_add(&e, &list, "u", RT_U8, 1, (int64_t[]){1}, &byte));
    ck_assert_ptr_null(rt_tensors_add(&e, &list, "u", RT_U8, 1, (int64_t[]){1}, &byte));
    ck_says(e, "two tensors have the name 'u'");
    ck_assert(rt_meta_set(&e, &list, "k", "old") && rt_meta_set(&e, &list, "k", "v\"\x01"));
    ck_assert_msg(rt_safetensors_write(&e, path, &list), "%s", e.message);
    ck_assert(rt_file_read(&e, path, -1, &b));
    uint64_t length;
    memcpy(&length, b.data, 8);
    ck_assert_uint_eq(length % 8, 0);
    ck_assert(length >= strlen(want) && !memcmp(b.data + 8, want, strlen(want)));
    ck_assert_int_eq(b.length, (int64_t)length + 8 + 33);
    ck_assert(!memcmp(b.data + 8 + length, &number, 8));
    ck_assert(!memcmp(b.data + 16 + length, six, 24) && b.data[40 + length] == 9);

    rt_tensors back;
    ck_assert(rt_safetensors_read(&e, path, &back));
    ck_assert_int_eq(back.count, 3);
    ck_assert_str_eq(back.item[1].name, "n\\");
    ck_assert(!memcmp(back.item[0].data, six, 24));
    ck_assert_str_eq(rt_meta_get(&back, "k"), "v\"\x01");
    rt_tensors_free(&back);
    rt_tensors_free(&list);
    ck_assert(rt_safetensors_write(&e, path, &list) && rt_safetensors_read(&e, path, &back));
    ck_assert_int_eq(back.count, 0);
    rt_tensors_free(&back);
    rt_buf_free(&b);
}
END_TEST

/* Element i is i and `source`. */
static void make_sum(const void *source, int64_t first, int64_t elems, void *to)
{
    for (int64_t i = 0; i < elems; i++)
        ((float *)to)[i] = *(const float *)source + (float)(first + i);
}

/* More elements than are made at once. */
START_TEST(writes_what_is_made)
{
    enum { ELEMS = 700001 };
    rt_tensors list = {0}, back;
    rt_err e = {0};
    float half = 0.5f;
    const char *path = in_folder("w.safetensors");
    rt_tensor *t = rt_tensors_add(&e, &list, "w", RT_F32, 1, (int64_t[]){ELEMS}, &half);
    t->data = NULL;
    t->make = make_sum;
    t->source = &half;
    ck_assert(rt_safetensors_write(&e, path, &list) && rt_safetensors_read(&e, path, &back));
    const float *got = back.item[0].data;
    for (int i = 0; i < ELEMS; i++)
        ck_assert(got[i] == 0.5f + (float)i);
    rt_tensors_free(&back);
    rt_tensors_free(&list);
}
END_TEST

START_TEST(hostile_headers)
{
    refused("{" T("a", "[2]", "[0,8]") "," T("a", "[2]", "[8,16]") "}", 16, "two tensors");
    refused("{" T("a", "[2]", "[0,8]") "," T("b", "[2]", "[4,12]") "}", 12, "inside another");
    refused("{" T("a", "[2]", "[0,8]") "," T("b", "[2]", "[0,8]") "}", 8, "inside another");
    refused("{" T("a", "[2]", "[0,8]") "," T("b", "[2]", "[12,20]") "}", 20, "but the one before");
    refused("{" T("a", "[2]", "[0,8]") "}", 7, "cut off");
    refused("{" T("a", "[2]", "[0,8]") "}", 9, "1 bytes follow");
    refused("{" T("a", "[2]", "[8,0]") "}", 8, "offsets are 8 to 0");
    refused("{" T("a", "[3]", "[0,8]") "}", 8, "takes 12 bytes");
    refused("{" T("a", "[4611686018427387904,4]", "[0,0]") "}", 0, "impossible shape");
    refused("{" T("a", "[4611686018427387904,4,0]", "[0,0]") "}", 0, "impossible shape");
    refused("{" T("a", "[2305843009213693952]", "[0,0]") "}", 0, "impossible shape");
    refused("{" T("a", "[9223372036854775808]", "[0,8]") "}", 8, "whole number");
    refused("{" T("a", "[-1]", "[0,8]") "}", 8, "whole number");
    refused("{" T("a", "[2.0]", "[0,8]") "}", 8, "whole number");
    refused("{" T("a", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, "more than 8 dimensions");
    refused("{" T("a", "[2]", "[0,8,9]") "}", 8, "two numbers");
    refused("{" T("a", "[2]", "[0]") "}", 8, "two data_offsets");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "a tensor needs");
    refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
            "a key twice");
    refused("{\"a\":{\"dtype\":\"F32\",\"x\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
            "a key other than");
    refused("{\"a\":{\"dtype\":\"I16\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "'I16'");
    refused("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "two metadata strings");
    refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "a string is expected");
    refused("{\"__metadata__\":[]}", 0, "an object is expected");
    refused("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, "an object is expected");
    refused("{\"a\\u0000b\":{}}", 0, "zero character");
    refused("{\"a\xff\":{}}", 0, "not UTF-8");
    refused("{\"\\ud800\":{}}", 0, "surrogate");
    refused("{\"\\x\":{}}", 0, "escape");
    refused("{}x", 0, "something follows");
    refused("{,}", 0, "a key is missing");
    refused("{\"a\" 1}", 0, "colon");
    refused("{\"\x1b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
            "control character");
}
END_TEST

START_TEST(hostile_lengths)
{
    static const struct { uint64_t length; const char *says; } cases[] = {
        {0, "is not a safetensors"}, {1, "is not a safetensors"}, {3, "are there"},
        {UINT64_MAX, "are there"}, {(uint64_t)1 << 63, "are there"}, {INT64_MAX, "are there"},
        {(uint64_t)INT64_MAX - 7, "are there"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rt_buf b = file_of("{}", "", 0);
        memcpy(b.data, &cases[i].length, 8);
        rt_err e = {0};
        rt_tensors t;
        watch_memory();
        rt_os.release = rt_os_real.release;
        ck_assert(!rt_safetensors_parse(&e, "w", &b, &t));
        ck_says(e, cases[i].says);
        ck_assert_int_lt(alloc_largest, 4096);
    }
}
END_TEST

/* Cut off at every byte, and with every byte turned over: refused or read, never worse. */
START_TEST(damage)
{
    static const char header[] = "{\"__metadata__\":{\"a\":\"b\\n\"},"
                                 T("w", "[2,3]", "[0,24]") "," T("v", "[]", "[24,28]") "}  ";
    char data[28] = {0};
    rt_buf whole = file_of(header, data, sizeof data);
    rt_err e = {0};
    rt_tensors t;
    for (int64_t n = 0; n < whole.length; n++) {
        rt_buf b = buf_of(whole.data, (size_t)n);
        ck_assert(!rt_safetensors_parse(&e, "w", &b, &t));
        ck_assert_int_eq(e.code, RT_E_DATA);
    }
    for (int64_t n = 0; n < whole.length; n++)
        for (int bit = 0; bit < 8; bit++) {
            rt_buf b = buf_of(whole.data, (size_t)whole.length);
            b.data[n] = (char)(b.data[n] ^ 1 << bit);
            if (rt_safetensors_parse(&e, "w", &b, &t))
                rt_tensors_free(&t);
        }
    rt_buf_free(&whole);
}
END_TEST

/* A header of a hundred thousand tensors must not take quadratic time. */
START_TEST(many_tensors)
{
    rt_buf b = {0};
    ck_assert(rt_buf_printf(NULL, &b, "{"));
    for (int i = 0; i < 100000; i++)
        ck_assert(rt_buf_printf(NULL, &b, "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],"
                                          "\"data_offsets\":[0,0]}", i ? "," : "", i));
    ck_assert(rt_buf_printf(NULL, &b, "}"));
    rt_buf file = file_of(b.data, "", 0);
    rt_tensors t;
    ck_assert(rt_safetensors_parse(NULL, "w", &file, &t));
    ck_assert_int_eq(t.count, 100000);
    rt_tensors_free(&t);
    rt_buf_free(&b);
}
END_TEST

static rt_tensors made;

static bool parse_one(rt_err *e)
{
    static const char header[] = "{\"__metadata__\":{\"a\":\"b\"}," T("w", "[2,3]", "[0,24]") ","
        "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]}}";
    char data[28] = {0};
    uint64_t length = strlen(header);
    rt_buf b = {0};
    made = (rt_tensors){0};
    if (rt_buf_add(e, &b, &length, 8) && rt_buf_add(e, &b, header, (int64_t)length)
        && rt_buf_add(e, &b, data, sizeof data))
        return rt_safetensors_parse(e, "w", &b, &made);
    rt_buf_free(&b);
    return false;
}

static void free_one(void) { rt_tensors_free(&made); }

START_TEST(memory) { fail_every_alloc(parse_one, free_one); }
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *c = case_create("files");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, reads);
    tcase_add_test(c, opens);
    tcase_add_test(c, opens_what_shrinks);
    tcase_add_test(c, half_floats);
    tcase_add_test(c, writes);
    tcase_add_test(c, writes_what_is_made);
    tcase_add_test(c, hostile_headers);
    tcase_add_test(c, hostile_lengths);
    tcase_add_test(c, damage);
    tcase_add_test(c, many_tensors);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
