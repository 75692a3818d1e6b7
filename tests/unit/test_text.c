/* tests/unit/test_text.c: numbers as people read them, at the edges where their form changes. */
#define _XOPEN_SOURCE 700
#include "runtime/text.h"
#include "tests/unit/rt_test.h"
#include <math.h>

static char text[RT_TEXT];

START_TEST(counts)
{
    static const struct { int64_t count; const char *want; } row[] = {
        { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 101770, "101,770" },
        { -1234567, "-1,234,567" }, { -123, "-123" },
        { INT64_MAX, "9,223,372,036,854,775,807" }, { INT64_MIN, "-9,223,372,036,854,775,808" },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        ck_assert_str_eq(rt_count_text(text, row[i].count), row[i].want);
}
END_TEST

/* Losses keep their column: at most six characters, seven with a sign. */
START_TEST(losses)
{
    static const struct { double loss; const char *want; } row[] = {
        { 0, "0.0000" }, { 0.12344, "0.1234" }, { 9.99994, "9.9999" }, { 9.99996, "10.000" },
        { 99.9996, "100.00" }, { 999.996, "1000.0" }, { 9999.96, "10000" }, { 1e6, "1.0e6" },
        { 0.001, "0.0010" }, { 0.00099, "9.9e-4" }, { 1.25e-12, "1.2e-12" }, { -2, "-2.0000" },
        { 2.58e29, "2.6e29" }, { NAN, "nan" }, { INFINITY, "inf" }, { -INFINITY, "-inf" },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ck_assert_str_eq(rt_loss_text(text, row[i].loss), row[i].want);
        ck_assert_uint_le(strlen(text), 7);
    }
}
END_TEST

/* To the character what printf writes: all ranges, short decimals, halves of the last digit,
 * numbers beside a power of ten. */
START_TEST(reals)
{
    rt_err e = { 0 };
    rt_buf b = { 0 };
    char want[64];
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 300000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int digits = 1 + (int)(x >> 60) % 10, power = (int)(x >> 32 & 63) - 40;
        double value = (double)(x >> 12) * pow(10, power);
        if (i % 6 == 1) value = (double)(x % 100000) / 1000;
        if (i % 6 == 2) value = (double)(x % 2000001) / 2 / pow(10, (int)(x >> 40 & 7));
        if (i % 6 == 3) value = nextafter(pow(10, power % 20), x & 1 ? 0 : INFINITY);
        if (i % 6 == 4) memcpy(&value, &x, sizeof value);
        if (i % 6 == 5) value = -(float)value;
        b.length = 0;
        ck_assert(rt_buf_real(&e, &b, value, digits) && rt_buf_add(&e, &b, "", 1));
        snprintf(want, sizeof want, "%.*g", digits, value);
        ck_assert_msg(strcmp(b.data, want) == 0, "%a, %d digits: %s, not %s", value, digits, b.data,
                      want);
    }
    static const double edge[] = {
        0, -0.0, NAN, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308, 9.9999999996e-5,
        999999999.6, 99999.95, 0.5, 2.5, 1e-22, 1e22
    };
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++)
        for (int digits = 1; digits <= 17; digits++) {
            b.length = 0;
            ck_assert(rt_buf_real(&e, &b, edge[i], digits) && rt_buf_add(&e, &b, "", 1));
            snprintf(want, sizeof want, "%.*g", digits, edge[i]);
            ck_assert_str_eq(b.data, want);
        }
    rt_buf_free(&b);
}
END_TEST

START_TEST(times_and_rates)
{
    ck_assert_str_eq(rt_time_text(text, 0.0031), "3.1ms");
    ck_assert_str_eq(rt_time_text(text, 0.214), "0.21s");
    ck_assert_str_eq(rt_time_text(text, 9.996), "10s");
    ck_assert_str_eq(rt_time_text(text, 59.6), "1m00s");
    ck_assert_str_eq(rt_time_text(text, 245), "4m05s");
    ck_assert_str_eq(rt_time_text(text, 7800), "2h10m");
    ck_assert_str_eq(rt_time_text(text, 3599.7), "1h00m");
    ck_assert_str_eq(rt_time_text(text, NAN), "-");
    ck_assert_str_eq(rt_rate_text(text, 850), "850/s");
    ck_assert_str_eq(rt_rate_text(text, 999.6), "1.0k/s");
    ck_assert_str_eq(rt_rate_text(text, 286400), "286k/s");
    ck_assert_str_eq(rt_rate_text(text, 1.23e6), "1.2M/s");
    ck_assert_str_eq(rt_rate_text(text, NAN), "0/s");
    ck_assert_str_eq(rt_short_time_text(text, 8.2e-6), "8.20 us");
    ck_assert_str_eq(rt_short_time_text(text, 0.00173), "1.73 ms");
    ck_assert_str_eq(rt_short_time_text(text, 2.5e-10), "0.25 ns");
    ck_assert_str_eq(rt_bytes_text(text, 999), "999 B");
    ck_assert_str_eq(rt_bytes_text(text, 1000), "1.0 kB");
    ck_assert_str_eq(rt_bytes_text(text, 138240), "138 kB");
    ck_assert_str_eq(rt_bytes_text(text, 999600), "1.0 MB");
    ck_assert_str_eq(rt_bytes_text(text, INT64_MAX), "9.2 EB");
}
END_TEST

START_TEST(shapes)
{
    char dims[RT_DIMS];
    ck_assert_str_eq(rt_dims_text(dims, (int64_t[]){ 1, 28, 28 }, 3), "1x28x28");
    ck_assert_str_eq(rt_dims_text(dims, NULL, 0), "scalar");
    ck_assert_str_eq(rt_dim_text(dims, (rt_dim[]){ { 1, true }, { 128, false } }, 2), "n x 128");
    ck_assert_str_eq(rt_dim_text(dims, (rt_dim[]){ { 196, true }, { 8, false } }, 2), "196n x 8");
    int64_t large[RT_MAX_RANK];
    for (int i = 0; i < RT_MAX_RANK; i++)
        large[i] = INT64_MAX;
    rt_dims_text(dims, large, RT_MAX_RANK);
    ck_assert_str_eq(dims + strlen(dims) - 3, "...");
}
END_TEST

START_TEST(json_numbers)
{
    rt_buf b = { 0 };
    ck_assert(rt_json_real(NULL, &b, 0.1) && rt_buf_add(NULL, &b, " ", 1));
    ck_assert(rt_json_real(NULL, &b, NAN) && rt_buf_add(NULL, &b, " ", 1));
    ck_assert(rt_json_real(NULL, &b, -INFINITY));
    ck_assert_str_eq(b.data, "0.1 null null");
    rt_buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = case_create("text");
    tcase_add_test(tests, counts);
    tcase_add_test(tests, losses);
    tcase_add_test(tests, reals);
    tcase_add_test(tests, times_and_rates);
    tcase_add_test(tests, shapes);
    tcase_add_test(tests, json_numbers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
