/* tests/unit/test_svg.c: the chart of a training run is well-formed text for every input. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/svg.h"
#include "tests/unit/rt_test.h"
#include <math.h>

static double loss[60], val[60], accuracy[60], val_accuracy[60];

static void fill(void)
{
    for (int i = 0; i < 60; i++) {
        loss[i] = 0.24 + 0.4 * exp(-i / 3.0);
        val[i] = 0.33 + 0.16 * exp(-i / 2.0) + 0.004 * i;
        accuracy[i] = 91.5 - 11 * exp(-i / 3.0);
        val_accuracy[i] = 88.4 - 5 * exp(-i / 2.5);
    }
}

static rt_chart whole(int64_t n)
{
    fill();
    return (rt_chart){"fashion", "784-256-10, Adam(lr=0.001), batch 128", n, loss, val,
                      "accuracy, %", accuracy, val_accuracy, n > 4 ? 5 : n};
}

/* Every tag is closed, in order; no bare ampersand. */
static void check_well_formed(const char *text)
{
    char open[16][16];
    int depth = 0;
    for (const char *at = text; *at; at++) {
        ck_assert_msg((unsigned char)*at >= 0x20 || *at == '\n', "a control character");
        if (*at == '&')
            ck_assert(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4)
                      || !strncmp(at, "&gt;", 4) || !strncmp(at, "&quot;", 6));
        if (*at != '<')
            continue;
        const char *end = strchr(at, '>');
        ck_assert_ptr_nonnull(end);
        size_t name = strcspn(at + 1, " >/");
        if (at[1] == '/') {
            name = strcspn(at + 2, ">");
            ck_assert_int_gt(depth, 0);
            depth--;
            ck_assert(strlen(open[depth]) == name && !memcmp(open[depth], at + 2, name));
        } else if (end[-1] != '/') {
            ck_assert_int_lt(depth, 16);
            ck_assert_uint_lt(name, 16);
            memcpy(open[depth], at + 1, name);
            open[depth++][name] = 0;
        }
        at = end;
    }
    ck_assert_int_eq(depth, 0);
    ck_assert(!strstr(text, "nan") && !strstr(text, "inf"));
}

static void check(const rt_chart *chart, const char *says)
{
    rt_buf b = {0}, again = {0};
    ck_assert(rt_svg_curves(NULL, chart, &b));
    ck_assert(rt_svg_curves(NULL, chart, &again));
    ck_assert_str_eq(b.data, again.data);
    check_well_formed(b.data);
    ck_assert_msg(strstr(b.data, says) != NULL, "%s is not in the chart", says);
    rt_buf_free(&b);
    rt_buf_free(&again);
}

START_TEST(all_lengths)
{
    for (int64_t n = 1; n <= 60; n++) {
        rt_chart chart = whole(n);
        check(&chart, "best: epoch ");
    }
    rt_chart none = whole(0);
    check(&none, "no epoch was trained");
}
END_TEST

START_TEST(few_curves)
{
    rt_chart chart = whole(12);
    chart.val_loss = chart.val_metric = NULL;
    check(&chart, "accuracy, %");
    chart.metric = NULL;
    check(&chart, "training");
    chart.best = 0;
    check(&chart, ">loss<");
}
END_TEST

START_TEST(strange_values)
{
    rt_chart chart = whole(8);
    loss[0] = NAN;
    val[3] = INFINITY;
    check(&chart, "M");
    for (int i = 0; i < 8; i++)
        loss[i] = val[i] = NAN;
    check(&chart, "epoch");
    for (int i = 0; i < 8; i++)
        loss[i] = val[i] = 0;
    check(&chart, "epoch");
    for (int i = 0; i < 8; i++)
        loss[i] = val[i] = pow(10, -4 * i);    /* a logarithmic axis over 28 decades */
    check(&chart, "1e-");
    for (int i = 0; i < 8; i++)
        loss[i] = val[i] = i % 2 ? 1.7e308 : -1.7e308;
    chart.val_loss = NULL;
    rt_buf b = {0};
    ck_assert(rt_svg_curves(NULL, &chart, &b));
    rt_buf_free(&b);
}
END_TEST

START_TEST(hostile_text)
{
    rt_chart chart = whole(3);
    chart.title = "</title><script>&\"\x01\xff";
    chart.subtitle = "a<b>&";
    check(&chart, "&lt;script&gt;&amp;&quot;\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

static bool draw(rt_err *e)
{
    rt_buf b = {0};
    rt_chart chart = whole(20);
    bool ok = rt_svg_curves(e, &chart, &b);
    rt_buf_free(&b);
    return ok;
}

static void nothing(void) {}

START_TEST(memory) { fail_every_alloc(draw, nothing); }
END_TEST

/* A line of many epochs has few points, but every spike. */
START_TEST(many_epochs)
{
    enum { N = 300000 };
    double *value = malloc(N * sizeof *value);
    ck_assert_ptr_nonnull(value);
    rt_buf plain = { 0 }, spike = { 0 };
    for (int i = 0; i < N; i++)
        value[i] = 2 + sin(i / 1e4);
    value[7] = 9;                          /* the scale's end, in both */
    rt_chart chart = { "many", NULL, N, value, NULL, NULL, NULL, NULL, 0 };
    check(&chart, "300000");
    ck_assert(rt_svg_curves(NULL, &chart, &plain));
    value[123457] = 8.5;
    ck_assert(rt_svg_curves(NULL, &chart, &spike));
    ck_assert_int_lt(plain.length, 60000);
    ck_assert(spike.length != plain.length || memcmp(spike.data, plain.data, (size_t)plain.length));
    rt_buf_free(&plain);
    rt_buf_free(&spike);
    free(value);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 2) {    /* to look at it: test_svg 12 > curves.svg */
        rt_buf b = {0};
        rt_chart chart = whole(atoi(argv[1]));
        bool ok = rt_svg_curves(NULL, &chart, &b) && fputs(b.data, stdout) >= 0;
        rt_buf_free(&b);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    Suite *suite = suite_create("svg");
    TCase *c = case_create("chart");
    tcase_add_test(c, all_lengths);
    tcase_add_test(c, few_curves);
    tcase_add_test(c, many_epochs);
    tcase_add_test(c, strange_values);
    tcase_add_test(c, hostile_text);
    tcase_add_test(c, memory);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
