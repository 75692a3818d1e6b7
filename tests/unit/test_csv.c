/* tests/unit/test_csv.c: what a CSV file may look like, and what is said where it may not. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include "tests/unit/rt_test.h"
#include <math.h>

/* All records as text: fields in brackets, lines by number. */
static void reads(const char *content, const char *header, const char *want)
{
    rt_csv c;
    rt_err e = {0};
    rt_buf got = {0}, names = {0};
    bool more = true;
    ck_assert_msg(rt_csv_open(&e, &c, file_with_text("x.csv", content)), "%s", e.message);
    for (int64_t i = 0; c.names && i < c.n_columns; i++)
        ck_assert(rt_buf_printf(NULL, &names, "[%s]", c.names[i]));
    int64_t bound = rt_csv_record_bound(&c), records = 0;
    for (;; records++) {
        ck_assert_msg(rt_csv_next(&e, &c, &more), "%s", e.message);
        if (!more)
            break;
        ck_assert(rt_buf_printf(NULL, &got, "%d:", (int)c.line));
        for (int64_t i = 0; i < c.n_columns; i++)
            ck_assert(rt_buf_printf(NULL, &got, "[%.*s]", (int)c.field[i].length, c.field[i].text));
    }
    ck_assert_int_le(records, bound);
    ck_assert_str_eq(names.data ? names.data : "", header);
    ck_assert_str_eq(got.data ? got.data : "", want);
    rt_csv_close(&c);
    rt_buf_free(&got);
    rt_buf_free(&names);
}

START_TEST(shapes)
{
    reads("a,b\n1,2\n3,4\n", "[a][b]", "2:[1][2]3:[3][4]");
    reads("a,b\r\n1,2\r\n3,4", "[a][b]", "2:[1][2]3:[3][4]");
    reads("1,2\r3,4\r", "", "1:[1][2]2:[3][4]");
    reads("\n\n 1 , 2\t\n\n  \n3,4\n\n", "", "3:[1][2]6:[3][4]");
    reads("\xef\xbb\xbf" "a\n1\n", "[a]", "2:[1]");
    reads("a;b,c;d\n1;2;3\n", "[a][b,c][d]", "2:[1][2][3]");
    reads("a\tb\n1\t\n", "[a][b]", "2:[1][]");
    reads("1,2,\n", "", "1:[1][2][]");
    reads("7", "", "1:[7]");
    reads("a,b\n", "[a][b]", "");
}
END_TEST

START_TEST(quotes)
{
    reads("\"a, b\",\"c\"\"d\"\n1,2\n", "[a, b][c\"d]", "2:[1][2]");
    reads("a,b\n\"1\n2\" , \"\"\nx,3\n", "[a][b]", "2:[1\n2][]4:[x][3]");
    reads("a,b,c\n\"\"\"\",\"x\"\"y\"\"\",\"\"\"z\"\n", "[a][b][c]", "2:[\"][x\"y\"][\"z]");
    reads("a,b\n5\" pipe,2\n", "[a][b]", "2:[5\" pipe][2]");
    reads("\"1;2;3\",b\n1,2\n", "[1;2;3][b]", "2:[1][2]");
}
END_TEST

START_TEST(headers)
{
    reads("5.1,3.5,setosa\n4.9,3.0,virginica\n", "", "1:[5.1][3.5][setosa]2:[4.9][3.0][virginica]");
    reads("0,1,target\n4,5,6\n", "[0][1][target]", "2:[4][5][6]");
    reads("0,1,target\n4,5,name\n", "", "1:[0][1][target]2:[4][5][name]");
    reads("5.1,abc,1\n4.9,3.0,2\n", "", "1:[5.1][abc][1]2:[4.9][3.0][2]");
    reads("1,2,3\n4,5,6\n", "", "1:[1][2][3]2:[4][5][6]");
    reads("label,1x1,1x2\n5,0,0\n", "[label][1x1][1x2]", "2:[5][0][0]");
}
END_TEST

static void refused(const char *content, const char *says)
{
    rt_csv c;
    rt_err e = {0};
    bool more = true;
    bool ok = rt_csv_open(&e, &c, file_with_text("x.csv", content));
    while (ok && more)
        ok = rt_csv_next(&e, &c, &more);
    ck_assert_msg(!ok, "taken: %s", content);
    ck_assert_int_eq(e.code, RT_E_DATA);
    ck_says(e, says);
    rt_csv_close(&c);
}

START_TEST(mistakes)
{
    refused("", "is empty");
    refused("\xef\xbb\xbf\n \n", "is empty");
    refused("a,b\n1,2\n3\n", "x.csv:3: 1 field, but the header has 2");
    refused("a,b\n1,2\n\n3,4,5\n", "x.csv:4: 3 fields, but the header has 2");
    refused("1,2\n3\n", "x.csv:2: 1 field, but the first line has 2");
    refused("a,b\n1,\"2\n3,4\n", "x.csv:2: a quote is opened and never closed");
    refused("a,b\n1,\"2\"x\n", "x.csv:2: text follows a closing quote");
    refused("a,b\n1,\"2\n\"x\n", "x.csv:3: text follows a closing quote");
    rt_csv c;
    rt_err e = {0};
    ck_assert(!rt_csv_open(&e, &c, file_with("x.csv", "a,b\0\n", 5)));
    ck_says(e, "zero bytes");
    ck_assert(!rt_csv_open(&e, &c, in_folder("missing.csv")));
    ck_assert_int_eq(e.code, RT_E_IO);
    ck_says(e, "No such file");
    ck_assert(!rt_csv_open(&e, &c, test_folder));
    ck_says(e, "is a directory");
}
END_TEST

START_TEST(numbers)
{
    static const char *const good[] = {
        "0", "-0", "1", "+1.5", ".5", "5.", "1e3", "1E-3", "123456789012345678901234567890",
        "0.1", "3.14159265358979323846", "1e22", "1e23", "9007199254740993", "4.9e-324", "1e-400",
        "2.2250738585072011e-308", "1.7976931348623157e308", "0.000000000000000000000000001234",
        "179769313486231570000000000000000000000e270", "00000000000000000000000000000000012.5"};
    static const char *const bad[] = {
        "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1,5", "0x10", "inf", "nan", "1 2", "1e999",
        "--1", "1f", "½"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(rt_parse_number(good[i], (int64_t)strlen(good[i]), &value), "%s", good[i]);
        double want = strtod(good[i], NULL);
        ck_assert_msg(!memcmp(&value, &want, sizeof want), "%s: %.17g", good[i], value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!rt_parse_number(bad[i], (int64_t)strlen(bad[i]), &value), "%s", bad[i]);
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t whole = (int64_t)(state >> 33) - (1 << 30);
        snprintf(text, sizeof text, "%.*ge%d", (int)(state % 18) + 1, (double)whole / 977.0,
                 (int)(state >> 20 & 63) - 32);
        if (strchr(text, 'e') != strrchr(text, 'e'))
            continue;
        ck_assert(rt_parse_number(text, (int64_t)strlen(text), &value));
        ck_assert_msg(value == strtod(text, NULL), "%s: %.17g", text, value);
    }
}
END_TEST

START_TEST(fields_that_are_no_numbers)
{
    rt_csv c;
    rt_err e = {0};
    bool more;
    double value;
    ck_assert(rt_csv_open(&e, &c, file_with_text("x.csv", "age,size\n,abc\x1b[2J\nNaN,1e999\n")));
    ck_assert(rt_csv_next(&e, &c, &more) && more);
    ck_assert(!rt_csv_number(&e, &c, 0, &value));
    ck_says(e, "x.csv:2: column 'age' has no value\nhelp: ");
    ck_assert(!rt_csv_number(&e, &c, 1, &value));
    ck_says(e, "x.csv:2: column 'size' holds 'abc\\x1b[2J', which is no number\nhelp: ");
    ck_assert(rt_csv_next(&e, &c, &more) && more);
    ck_assert(!rt_csv_number(&e, &c, 0, &value));
    ck_says(e, "x.csv:3: column 'age' has no value: 'NaN'");
    ck_assert(!rt_csv_number(&e, &c, 1, &value));
    ck_says(e, "holds '1e999'");
    rt_csv_close(&c);
}
END_TEST

START_TEST(columns)
{
    rt_csv c;
    rt_err e = {0};
    int64_t column;
    ck_assert(rt_csv_open(&e, &c, file_with_text("x.csv", "a,b,a,1\nx,1,y,z\n")));
    ck_assert(rt_csv_column(&e, &c, "b", 1, &column) && column == 1);
    ck_assert(rt_csv_column(&e, &c, "3", 1, &column) && column == 2);
    ck_assert(rt_csv_column(&e, &c, "1", 1, &column) && column == 3);
    ck_assert(!rt_csv_column(&e, &c, "a", 1, &column));
    ck_says(e, "has two columns 'a'");
    const char *const none[] = {"c", "0", "5", "", "-1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        ck_assert(!rt_csv_column(&e, &c, none[i], strlen(none[i]), &column));
        ck_assert_int_eq(e.code, RT_E_USAGE);
        ck_says(e, "its columns are 'a', 'b', 'a', '1'");
    }
    rt_csv_close(&c);
    ck_assert(rt_csv_open(&e, &c, file_with_text("x.csv", "1,2\n")));
    ck_assert(!rt_csv_column(&e, &c, "b", 1, &column));
    ck_says(e, "no header; its columns are 1 to 2");
    rt_csv_close(&c);
}
END_TEST

/* Any bytes: refused or read, with the bound kept. */
START_TEST(any_bytes)
{
    static const char alphabet[] = "\"\",,;\t\n\r 1a.\xff";
    uint64_t state = 7;
    for (int round = 0; round < 3000; round++) {
        char content[25];
        size_t length = (size_t)(round % 24);
        for (size_t i = 0; i < length; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            content[i] = alphabet[(state >> 40) % (sizeof alphabet - 1)];
        }
        rt_csv c;
        rt_err e = {0};
        bool more = true;
        int64_t records = 0;
        if (!rt_csv_open(&e, &c, file_with("x.csv", content, length)))
            continue;
        int64_t bound = rt_csv_record_bound(&c);
        while (rt_csv_next(&e, &c, &more) && more)
            records++;
        ck_assert_int_le(records, bound);
        rt_csv_close(&c);
    }
}
END_TEST

static rt_csv opened;

static bool read_one(rt_err *e)
{
    bool more = true, ok = rt_csv_open(e, &opened, in_folder("x.csv"));
    while (ok && more)
        ok = rt_csv_next(e, &opened, &more);
    if (!ok)
        rt_csv_close(&opened);
    return ok;
}

static void close_one(void) { rt_csv_close(&opened); }

START_TEST(memory)
{
    file_with_text("x.csv", "0,1,\"a\"\"b\"\n1,2,\"x\"\"y\"\n3,4,5\n");
    fail_every_alloc(read_one, close_one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *c = case_create("files");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_add_test(c, shapes);
    tcase_add_test(c, quotes);
    tcase_add_test(c, headers);
    tcase_add_test(c, mistakes);
    tcase_add_test(c, numbers);
    tcase_add_test(c, fields_that_are_no_numbers);
    tcase_add_test(c, columns);
    tcase_add_test(c, any_bytes);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
