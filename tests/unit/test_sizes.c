/* tests/unit/test_sizes.c: sizes as parameters of kernels: what becomes of a text, which texts keep their
 * numbers, and that the numbers by which sizes divide give the quotients of C. */
#include "codegen/sizes.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static void becomes(const char *text, const char *wanted, int n)
{
    Arena *a = arena_new();
    Sizes s;
    ck_assert_str_eq(sizes_named(text, &s, a), wanted);
    ck_assert_int_eq(s.n, n);
    arena_free(a);
}

START_TEST(names)
{
    becomes("y[i * @12 + j] = t[i * @5 + @12 * n];", "y[i * size + j] = t[i * size_2 + size * n];", 2);
    becomes("const int a = at / @49, b = at % @49;\n",
            "const int a = at / size, b = at % size;\n", 1);      /* of a number that is none of ints */
    becomes("for (int at = lane; at < @49 * n; at += 256) t[(at / @49) * @98 + at % @49];",
            "for (int at = lane; at < size * n; at += 256) t[(whole_by(at, by_size)) * size_2 + "
            "left_by(at, by_size, size)];", 3);
    becomes("int i = 0;\nx[i / @784 % @16];",
            "int i = 0;\nx[left_by(whole_by(i, by_size), by_size_2, size_2)];", 3);
    becomes("double sum = 0;\nv = sum / @49;", "double sum = 0;\nv = sum / size;", 1);
    becomes("nothing of a shape", "nothing of a shape", 0);
}
END_TEST

/* Numbers with a role have its name, whatever others are as large. */
START_TEST(roles)
{
    becomes("y[i * @cols:12 + j] = t[i * @12 + @rows:12];", "y[i * cols + j] = t[i * size + rows];", 3);
    becomes("x[@width:7 + @width:8 + @width:7 + @low:0];", "x[width + width_2 + width + low];", 3);
    becomes("const int image = k / @pixels:49, pixel = k % @pixels:49;\nint k = 0;",
            "const int image = whole_by(k, by_pixels), pixel = left_by(k, by_pixels, pixels);\nint k = 0;", 2);
    becomes("int i = 0;\nx[i / @784 % @rows:16];",
            "int i = 0;\nx[left_by(whole_by(i, by_size), by_rows, rows)];", 3);
    becomes("for (int part = 0; part < @n_parts:25; part++)", "for (int part = 0; part < n_parts; part++)", 1);
}
END_TEST

START_TEST(numbers)
{
    becomes("int64_t i = 0;\nx[i / @784 % @16];", "int64_t i = 0;\nx[i / 784 % 16];", 0);
    becomes("int i = 0;\n{ int64_t i = 0;\nx[i / @784]; }", "int i = 0;\n{ int64_t i = 0;\nx[i / 784]; }", 0);
    becomes("x[(a + b) % @10]", "x[(a + b) % 10]", 0);
    becomes("for (int64_t col = 0; col < @10; col++) x[col * @7];",
            "for (int64_t col = 0; col < 10; col++) x[col * 7];", 0);
    becomes("x[@2147483648 + i]", "x[2147483648 + i]", 0);
    becomes("const int size = @7;", "const int size = 7;", 0);
    becomes("@2 @3 @4 @5 @6 @7 @8 @9 @10 @11 @12 @13 @14 @15 @16 @17 @n:18",
            "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", 0);
    becomes("const int64_t i = 0;\nx[i / @pixels:784 + @low:0];", "const int64_t i = 0;\nx[i / 784 + 0];", 0);
}
END_TEST

START_TEST(divides)
{
    Arena *a = arena_new();
    for (int64_t by = 2; by < INT32_MAX; by += by < 3000 ? 1 : by / 7) {
        const Size s = { "by_size", "size", by, 1, true };
        const uint64_t word = strtoull(size_value(&s, a), NULL, 16);
        const uint32_t times = (uint32_t)word, shift = (uint32_t)(word >> 32);
        for (int64_t k = 0; k < 40; k++) {
            const int64_t near = INT32_MAX / by * (k / 4 * INT64_C(123457) % 10) / 9 * by;
            const int64_t x = k < 3 ? INT32_MAX - k : k < 6 ? k : near + k % 4 - 1;
            if (x < 0 || x > INT32_MAX) continue;
            ck_assert_int_eq((int64_t)((uint64_t)x * times >> shift), x / by);
        }
    }
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sizes");
    TCase *c = tcase_create("text");
    tcase_add_test(c, names);
    tcase_add_test(c, roles);
    tcase_add_test(c, numbers);
    tcase_add_test(c, divides);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
