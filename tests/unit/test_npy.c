/* tests/unit/test_npy.c: NPY and NPZ files both ways, and hostile ones. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/files.h"
#include "tests/unit/rt_test.h"
#include <zlib.h>

/* An NPY file of this version, header and data. */
static rt_buf npy(int version, const char *header, const void *data, size_t count)
{
    rt_buf b = {0};
    unsigned length = (unsigned)strlen(header);
    unsigned char head[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0,
                              (unsigned char)length, (unsigned char)(length >> 8), 0, 0};
    ck_assert(rt_buf_add(NULL, &b, head, version == 1 ? 10 : 12)
              && rt_buf_add(NULL, &b, header, (int64_t)length)
              && rt_buf_add(NULL, &b, data, (int64_t)count));
    return b;
}

static void refused(const char *header, size_t data_bytes, const char *says)
{
    static const char zeros[256];
    rt_err e = {0};
    rt_tensor t;
    rt_buf b = npy(1, header, zeros, data_bytes);
    ck_assert_msg(!rt_npy_parse(&e, "x.npy", &b, &t), "taken: %s", header);
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_says(e, says);
    ck_assert_ptr_null(b.data);
}

START_TEST(reads_every_type)
{
    static const unsigned char bytes[16] = {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0,
                                            1, 0, 0, 0, 0, 0, 0, 0};
    static const struct { const char *descr; rt_dtype dtype; int64_t elems; } rows[] = {
        {"<f4", RT_F32, 4}, {"<f8", RT_F64, 2}, {"<i8", RT_I64, 2}, {"<i4", RT_I32, 4},
        {"|u1", RT_U8, 16}, {"|b1", RT_U8, 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int version = 1; version <= 3; version++) {
            char header[128];
            rt_tensor t;
            snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }   \n",
                     rows[i].descr, (int)rows[i].elems);
            rt_buf b = npy(version, header, bytes, 16);
            ck_assert(rt_npy_parse(NULL, "x.npy", &b, &t));
            ck_assert(t.dtype == rows[i].dtype && t.rank == 1 && t.elems == rows[i].elems);
            ck_assert(!memcmp(t.data, bytes, 16));
            rt_tensor_free(&t);
        }
}
END_TEST

START_TEST(reads_other_spellings)
{
    static const float value = 2.5f;
    static const char *const headers[] = {
        "{\"shape\":(),\"descr\":\"<f4\",\"fortran_order\":True}",
        "{'descr':'<f4','fortran_order':False,'shape':(1,1,1,1,1,1,1,1)}",
        "{'descr':'<f4','fortran_order':False,'shape':( 1 , 1 , ) , }\n"};
    for (size_t i = 0; i < 3; i++) {
        rt_tensor t;
        rt_buf b = npy(1, headers[i], &value, 4);
        ck_assert(rt_npy_parse(NULL, "x.npy", &b, &t));
        ck_assert(t.elems == 1 && *(float *)t.data == value);
        rt_tensor_free(&t);
    }
    static const unsigned char half[2] = {0, 0x42};
    rt_tensor t;
    rt_buf b = npy(1, "{'descr':'<f2','fortran_order':False,'shape':(1,)}", half, 2);
    ck_assert(rt_npy_parse(NULL, "x.npy", &b, &t));
    ck_assert(t.dtype == RT_F32 && *(float *)t.data == 3);
    rt_tensor_free(&t);
}
END_TEST

START_TEST(fortran_order)
{
    static const int32_t columns[24] = {0,  12, 4, 16, 8,  20, 1, 13, 5, 17, 9,  21,
                                        2,  14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23};
    rt_tensor t;
    rt_buf b = npy(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 4), }", columns,
                   sizeof columns);
    ck_assert(rt_npy_parse(NULL, "x.npy", &b, &t));
    for (int i = 0; i < 24; i++)
        ck_assert_int_eq(((int32_t *)t.data)[i], i);
    rt_tensor_free(&t);
}
END_TEST

START_TEST(writes)
{
    static const char head[] = "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (2, 1), }";
    float data[2] = {1, -2};
    rt_tensor t = {.dtype = RT_F32, .rank = 2, .shape = {2, 1}, .elems = 2, .bytes = 8,
                   .data = data}, back;
    rt_buf b = {0};
    const char *path = in_folder("x.npy");
    ck_assert(rt_npy_write(NULL, path, &t) && rt_file_read(NULL, path, -1, &b));
    ck_assert_int_eq(b.length, 128 + 8);
    ck_assert(!memcmp(b.data, head, sizeof head - 1) && b.data[127] == '\n' && b.data[126] == ' ');
    ck_assert(!memcmp(b.data + 128, data, 8));
    rt_buf_free(&b);
    for (int rank = 0; rank <= RT_FILE_RANK; rank++)
        for (rt_dtype d = RT_F32; d <= RT_U8; d++) {
            const int64_t shape[RT_FILE_RANK] = {2, 1, 3, 1, 1, 2, 1, 1};
            rt_tensor some;
            ck_assert(rt_tensor_make(NULL, &some, d, rank, shape));
            for (int64_t i = 0; i < some.bytes; i++)
                ((char *)some.data)[i] = (char)(i * 7);
            ck_assert(rt_npy_write(NULL, path, &some) && rt_npy_read(NULL, path, &back));
            ck_assert(back.dtype == d && back.rank == rank && back.bytes == some.bytes);
            ck_assert(!memcmp(back.shape, some.shape, sizeof some.shape));
            ck_assert(!memcmp(back.data, some.data, (size_t)some.bytes));
            rt_tensor_free(&some);
            rt_tensor_free(&back);
        }
}
END_TEST

#define H(descr, order, shape) \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

START_TEST(hostile_headers)
{
    refused(H("'>f4'", "False", "(1,)"), 4, "'>f4'");
    refused(H("'|O'", "False", "(1,)"), 8, "dtype");
    refused(H("'<f4", "False", "(1,)"), 4, "");
    refused(H("[('a', '<f4')]", "False", "(1,)"), 4, "structures");
    refused(H("'<f4'", "Maybe", "(1,)"), 4, "neither True nor False");
    refused(H("'<f4'", "False", "(-1,)"), 4, "no whole number");
    refused(H("'<f4'", "False", "(1 2)"), 8, "not a tuple");
    refused(H("'<f4'", "False", "(1,,)"), 4, "no whole number");
    refused(H("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, "more than 8");
    refused(H("'<f4'", "False", "(99999999999999999999,)"), 4, "impossibly large");
    refused(H("'<f4'", "False", "(4611686018427387904,4)"), 4, "impossible shape");
    refused(H("'<f4'", "False", "(0,4611686018427387904,4)"), 0, "impossible shape");
    refused(H("'<f8'", "False", "(576460752303423488,)"), 8, "need");
    refused(H("'<f4'", "False", "(2,)"), 7, "cut off");
    refused(H("'<f4'", "False", "(2,)"), 9, "but 9 are there");
    refused(H("'<f4'", "False", "(2,)") "x", 8, "follows the dictionary");
    refused("{'descr': '<f4', 'descr': '<f4'}", 4, "twice");
    refused("{'descr': '<f4', 'shape': (1,)}", 4, "is missing");
    refused("{'other': 1}", 4, "unknown key");
    refused("{'descr' '<f4'}", 4, "a key is missing");
    refused("", 4, "no dictionary");
    refused("{", 4, "a key is missing");
}
END_TEST

START_TEST(damage)
{
    static const char data[24];
    rt_buf whole = npy(2, H("'<f4'", "True", "(2, 3)"), data, 24);
    rt_err e = {0};
    rt_tensor t;
    for (int64_t n = 0; n < whole.length; n++) {
        rt_buf b = buf_of(whole.data, (size_t)n);
        ck_assert(!rt_npy_parse(&e, "x.npy", &b, &t));
        ck_assert_int_eq(e.code, RT_E_DATA);
    }
    for (int64_t n = 0; n < whole.length; n++)
        for (int bit = 0; bit < 8; bit++) {
            rt_buf b = buf_of(whole.data, (size_t)whole.length);
            b.data[n] = (char)(b.data[n] ^ 1 << bit);
            if (rt_npy_parse(&e, "x.npy", &b, &t))
                rt_tensor_free(&t);
        }
    rt_buf_free(&whole);
}
END_TEST

/* ---- NPZ ---- */

static void put(rt_buf *b, uint32_t value, int bytes)
{
    unsigned char out[4];
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * i);
    ck_assert(rt_buf_add(NULL, b, out, bytes));
}

/* Appends a member to `zip` and its entry to `directory`; claims `unpacked` bytes where >= 0. */
static void add_member(rt_buf *zip, rt_buf *directory, const char *name, rt_buf *npy_file,
                       bool deflated, int64_t unpacked)
{
    uint32_t at = (uint32_t)zip->length, name_length = (uint32_t)strlen(name);
    uint32_t sum = (uint32_t)crc32(0, (const Bytef *)npy_file->data, (uInt)npy_file->length);
    unsigned char packed[4096];
    z_stream z = {.next_in = (Bytef *)npy_file->data, .avail_in = (uInt)npy_file->length,
                  .next_out = packed, .avail_out = sizeof packed};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    uint32_t length = deflated ? (uint32_t)z.total_out : (uint32_t)npy_file->length;
    uint32_t claimed = unpacked >= 0 ? (uint32_t)unpacked : (uint32_t)npy_file->length;
    deflateEnd(&z);
    for (int entry = 0; entry < 2; entry++) {
        rt_buf *b = entry ? directory : zip;
        put(b, entry ? 0x02014b50 : 0x04034b50, 4);
        if (entry)
            put(b, 20, 2);
        put(b, 20, 2);
        put(b, 0, 2);
        put(b, deflated ? 8 : 0, 2);
        put(b, 0, 4);
        put(b, sum, 4);
        put(b, length, 4);
        put(b, claimed, 4);
        put(b, name_length, 2);
        put(b, 0, 2);
        if (entry) {
            put(b, 0, 4);
            put(b, 0, 2);
            put(b, 0, 4);
            put(b, at, 4);
        }
        ck_assert(rt_buf_add(NULL, b, name, (int64_t)name_length));
    }
    ck_assert(rt_buf_add(NULL, zip, deflated ? (void *)packed : npy_file->data, (int64_t)length));
    rt_buf_free(npy_file);
}

static void end_zip(rt_buf *zip, rt_buf *directory, uint32_t members)
{
    uint32_t at = (uint32_t)zip->length;
    ck_assert(rt_buf_add(NULL, zip, directory->data, directory->length));
    put(zip, 0x06054b50, 4);
    put(zip, 0, 4);
    put(zip, members, 2);
    put(zip, members, 2);
    put(zip, (uint32_t)directory->length, 4);
    put(zip, at, 4);
    put(zip, 0, 2);
    rt_buf_free(directory);
}

static rt_buf two_arrays(const char *first, const char *second, int64_t claimed)
{
    static const float f[2] = {1, 2};
    static const int64_t i[1] = {-7};
    rt_buf zip = {0}, directory = {0};
    rt_buf a = npy(1, H("'<f4'", "False", "(2,)"), f, 8);
    rt_buf b = npy(1, H("'<i8'", "False", "()"), i, 8);
    add_member(&zip, &directory, first, &a, true, claimed);
    add_member(&zip, &directory, second, &b, false, -1);
    end_zip(&zip, &directory, 2);
    return zip;
}

START_TEST(npz)
{
    rt_err e = {0};
    rt_tensors t;
    rt_buf zip = two_arrays("x.npy", "1.weight.npy", -1);
    ck_assert_msg(rt_npz_parse(&e, "a.npz", &zip, &t), "%s", e.message);
    ck_assert_int_eq(t.count, 2);
    ck_assert_str_eq(t.item[0].name, "x");
    ck_assert_str_eq(t.item[1].name, "1.weight");
    ck_assert(((float *)t.item[0].data)[1] == 2 && *(int64_t *)t.item[1].data == -7);
    rt_tensors_free(&t);
}
END_TEST

START_TEST(hostile_npz)
{
    static const struct { const char *first, *second; int64_t claimed; const char *says; }
    rows[] = {
        {"x.npy", "x.npy", -1, "twice"},
        {"x.npy", "evil.pkl", -1, "no NPY file"},
        {"x.npy", ".npy", -1, "no NPY file"},
        {"x.npy", "y.npy", 4000000, "packed size cannot hold"},
        {"x.npy", "y.npy", 200, "more were announced"},
        {"x.npy", "y.npy", 20, "more than the announced"},
        {"x.npy", "y.npy", 0xffffffff, "larger than 4 GiB"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rt_err e = {0};
        rt_tensors t;
        rt_buf zip = two_arrays(rows[i].first, rows[i].second, rows[i].claimed);
        ck_assert(!rt_npz_parse(&e, "a.npz", &zip, &t));
        ck_assert_int_eq(e.code, RT_E_DATA);
        ck_says(e, rows[i].says);
    }
}
END_TEST

/* Bytes of the directory's first entry (from its start) or of the end record (from the end, so
 * negative) are changed. */
START_TEST(hostile_directory)
{
    static const struct { int at, count; const char *bytes, *says; } rows[] = {
        {20, 4, "\xff\xff\xff\xff", "its members overlap"},
        {42, 4, "\xff\xff\xff\xff", "larger than 4 GiB"},
        {42, 4, "\xff\xff\0\0", "no local header"},
        {46, 1, "\0", "no NPY file"},
        {28, 2, "\xff\xff", "its directory is cut off"},
        {10, 1, "\1", "packed by method 1"},
        {8, 1, "\1", "is encrypted"},
        {16, 1, "", "its checksum is wrong"},
        {-12, 2, "\xff\xff", "beyond 4 GiB or 65534 members"},
        {-6, 4, "\xff\xff\xff\xff", "beyond 4 GiB or 65534 members"},
        {-6, 4, "\xff\xff\xff\x7f", "contradicts itself"},
        {-10, 4, "\xff\xff\xff\x7f", "contradicts itself"},
        {-18, 1, "\1", "contradicts itself"},
        {-16, 1, "\1", "contradicts itself"},
        {-14, 2, "\1\0", "contradicts itself"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rt_err e = {0};
        rt_tensors t;
        rt_buf zip = two_arrays("x.npy", "y.npy", -1);
        const unsigned char *end = (unsigned char *)zip.data + zip.length - 22;
        char *at = rows[i].at < 0 ? zip.data + zip.length + rows[i].at
                                  : zip.data + (end[16] | end[17] << 8) + rows[i].at;
        if (*rows[i].bytes || rows[i].at == 46)
            memcpy(at, rows[i].bytes, (size_t)rows[i].count);
        else
            *at = (char)(*at ^ 1);
        ck_assert(!rt_npz_parse(&e, "a.npz", &zip, &t));
        ck_says(e, rows[i].says);
    }
}
END_TEST

START_TEST(npz_file)
{
    rt_err e = {0};
    rt_tensors t;
    rt_buf zip = two_arrays("x.npy", "y.npy", -1);
    const char *path = file_with("a.npz", zip.data, (size_t)zip.length);
    rt_buf_free(&zip);
    ck_assert_msg(rt_npz_read(&e, path, &t), "%s", e.message);
    ck_assert_int_eq(t.count, 2);
    rt_tensors_free(&t);
    ck_assert(!rt_npz_read(&e, in_folder("none.npz"), &t));
    ck_assert_int_eq(e.code, RT_E_IO);
}
END_TEST

START_TEST(damaged_npz)
{
    rt_buf whole = two_arrays("x.npy", "y.npy", -1);
    rt_err e = {0};
    rt_tensors t;
    for (int64_t n = 0; n < whole.length; n++) {
        rt_buf b = buf_of(whole.data, (size_t)n);
        ck_assert(!rt_npz_parse(&e, "a.npz", &b, &t));
    }
    for (int64_t n = 0; n < whole.length; n++)
        for (int bit = 0; bit < 8; bit++) {
            rt_buf b = buf_of(whole.data, (size_t)whole.length);
            b.data[n] = (char)(b.data[n] ^ 1 << bit);
            if (rt_npz_parse(&e, "a.npz", &b, &t))
                rt_tensors_free(&t);
        }
    rt_buf_free(&whole);
}
END_TEST

/* ---- memory ---- */

static rt_buf source;
static rt_tensors made;

static bool parse_source(rt_err *e)
{
    rt_buf b = {0};
    made = (rt_tensors){0};
    return rt_buf_add(e, &b, source.data, source.length) && rt_npz_parse(e, "a.npz", &b, &made);
}

static void free_made(void) { rt_tensors_free(&made); }

START_TEST(memory)
{
    source = two_arrays("x.npy", "y.npy", -1);
    fail_every_alloc(parse_source, free_made);
    rt_buf_free(&source);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy");
    TCase *c = case_create("files");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, reads_every_type);
    tcase_add_test(c, reads_other_spellings);
    tcase_add_test(c, fortran_order);
    tcase_add_test(c, writes);
    tcase_add_test(c, hostile_headers);
    tcase_add_test(c, damage);
    tcase_add_test(c, npz);
    tcase_add_test(c, hostile_npz);
    tcase_add_test(c, hostile_directory);
    tcase_add_test(c, npz_file);
    tcase_add_test(c, damaged_npz);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
