/* tests/unit/test_lex_parse.c: no bytes make the frontend crash, and what it refuses it explains.
 *
 * Every model file of the tree is cut at every byte and has bytes changed by a fixed generator;
 * then come the texts that are hostile on purpose. Meant to run under the sanitizers, too. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/frontend.h"
#include "tests/e2e/turns.h"
#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* Either a module or at least one error, which can be printed. True: a module. */
static bool compile(const char *text, size_t len)
{
    FeDiags *d = fe_diags_new();
    FeOpts o = { .real = DT_f32 };
    char *said = NULL;
    size_t n;
    char *copy = malloc(len + 1); /* exactly as long as said, so that reading beyond is found */
    memcpy(copy, text, len);
    Module *m = fe_compile("hostile.py", copy, len, &o, d);
    free(copy);
    bool compiled = m != NULL;
    ck_assert_int_eq(compiled, fe_error_count(d) == 0);
    FILE *out = open_memstream(&said, &n);
    fe_diags_text(d, out, false);
    fe_diags_json(d, out);
    fclose(out);
    free(said);
    ir_module_free(m);
    fe_diags_free(d);
    return compiled;
}

static char *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    char *text = malloc(1 << 16);
    *len = fread(text, 1, 1 << 16, f);
    fclose(f);
    return text;
}

typedef void Visit(const char *text, size_t len);

static void each_file(Visit *visit, size_t step)
{
    glob_t g;
    ck_assert_int_eq(glob("samples/*/*.py", 0, NULL, &g), 0);
    glob("tests/errors/*.py", GLOB_APPEND, NULL, &g);
    glob("tests/unit/language/*.py", GLOB_APPEND, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i += step) {
        size_t len;
        char *text = slurp(g.gl_pathv[i], &len);
        visit(text, len);
        free(text);
    }
    globfree(&g);
}

static void cut(const char *text, size_t len)
{
    for (size_t n = 0; n <= len; n++) compile(text, n);
}

static uint32_t state = 1;
static uint32_t next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void flip(const char *text, size_t len)
{
    static const char likely[] = "()[]{}.,:=*-+'\"\\\n\t #0e\x80\xff";
    char *copy = malloc(len + 1);
    const int rounds = its_turn(1) ? 100 : 40;
    for (int round = 0; round < rounds && len > 0; round++) {
        memcpy(copy, text, len);
        for (uint32_t k = 1 + next_random() % 4; k > 0; k--)
            copy[next_random() % len] = round % 2 ? (char)next_random()
                                                  : likely[next_random() % (sizeof likely)];
        compile(copy, len);
    }
    free(copy);
}

START_TEST(cut_anywhere) { each_file(cut, 5); }
END_TEST

START_TEST(changed_bytes) { each_file(flip, 1); }
END_TEST

/* `times` copies of a between head and tail. */
static bool repeated(const char *head, const char *a, size_t times, const char *tail)
{
    size_t h = strlen(head), n = strlen(a), t = strlen(tail);
    char *text = malloc(h + n * times + t + 1);
    memcpy(text, head, h);
    for (size_t i = 0; i < times; i++) memcpy(text + h + i * n, a, n);
    memcpy(text + h + n * times, tail, t);
    bool compiled = compile(text, h + n * times + t);
    free(text);
    return compiled;
}

START_TEST(hostile)
{
    static const char good[] = "\nmodel = nn.Linear(4, 2)\n";
    enum { MANY = 100000 };
    ck_assert(repeated("", "#", 1 << 20, good));                      /* a line of 1 MB */
    ck_assert(repeated("a = '", "x", 1 << 20, "'\nmodel = nn.Linear(4, 2)\n"));
    ck_assert(repeated("a = [", "1,", 50000, "]\nmodel = nn.Linear(4, 2)\n"));
    ck_assert(!repeated("a = ", "(", MANY, good));
    ck_assert(!repeated("a = ", "[", MANY, good));
    ck_assert(!repeated("a = ", "{", MANY, good));
    ck_assert(!repeated("a = ", "-", MANY, "1\n"));
    ck_assert(!repeated("a = ", "not ", MANY, "1\n"));
    ck_assert(!repeated("a = 1", "+1", MANY, good));
    ck_assert(!repeated("a = 1", "**1", MANY, good));
    ck_assert(!repeated("a = 1", " if 1 else 1", MANY, good));
    ck_assert(!repeated("a = 1", "<1", MANY, good));
    ck_assert(!repeated("a = x", ".y", MANY, good));
    ck_assert(!repeated("a = x", "[0]", MANY, good));
    ck_assert(!repeated("a = x", "()", MANY, good));
    ck_assert(!repeated("a = [1]\n", "a = a + a\n", 40, good));
    ck_assert(!repeated("a = 'x'\n", "a = a * 1000\n", 40, good));
    ck_assert(!repeated("model = nn.ReLU()\n", "model = nn.Sequential(model)\n", 1000, ""));
    ck_assert(!repeated("model = nn.ReLU()\n", "model = nn.Sequential(model, model)\n", 60, ""));
    ck_assert(!repeated("", "if a:\n", MANY, good));
    ck_assert(!repeated("a", "= a", MANY, "\n"));
    ck_assert(!repeated("import a", ".a", MANY, good));
    ck_assert(!repeated("x = ", "9", MANY, good));
    ck_assert(repeated("l = []\n", "l.append(l)\nprint(l)\n", 100, good));
    ck_assert(!repeated("\n", "  ", 1000, "a = 1\n"));
}
END_TEST

START_TEST(bytes)
{
    static const char nul[] = "model = nn.Linear(4, 2)\0\n",
                      utf[] = "model = nn.Linear(4, 2)\xff\xfe\n";
    static const char bom[] = "\xef\xbb\xbfmodel = nn.Linear(4, 2)\r\n",
                      cr[] = "a = 1\rmodel = nn.Linear(4, a)\r";
    ck_assert(!compile(nul, sizeof nul - 1));
    ck_assert(!compile(utf, sizeof utf - 1));
    ck_assert(compile(bom, sizeof bom - 1));
    ck_assert(compile(cr, sizeof cr - 1));
    ck_assert(!compile("", 0));
    ck_assert(!compile("\\", 1));
}
END_TEST

/* What Python reads as this value. */
START_TEST(values)
{
    static const char *const equal[] = { "0x1f == 31",
                                         "1_000 == 1000",
                                         "7 // -2 == -4",
                                         "-7 % 3 == 2",
                                         "2 ** 10 == 1024",
                                         "2 ** -1 == 0.5",
                                         "'a' 'b' == \"ab\"",
                                         "'\\x41\\n' == '''A\n'''",
                                         "r'\\n' == '\\\\n'",
                                         "[1, 2, 3][-1] == 3",
                                         "(1, 2, 3)[1:] == (2, 3)",
                                         "1 < 2 < 3",
                                         "not 1 > 2",
                                         "(4 if False else 5) == 5",
                                         "math.sqrt(16) == 4.0",
                                         "len([1, 2]) == 2",
                                         "max(1, 3, 2) == 3",
                                         "sum([1, 2], 3) == 6",
                                         "round(2.5) == 2",
                                         "int(3.9) == 3",
                                         "'x' in ['x', 'y']",
                                         "None is None",
                                         "{'a': 1}['a'] == 1",
                                         "1e3 == 1000",
                                         ".5 == 1 / 2",
                                         "-2 ** 2 == -4",
                                         "[0] * 3 == [0, 0, 0]",
                                         "(1 or 2) == 1",
                                         "(0 and 2) == 0",
                                         "5 & 3 == 1",
                                         "1 << 4 == 16" };
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
        char text[300];
        snprintf(text, sizeof text, "import math\nmodel = nn.Linear(4, 2 if (%s) else 'wrong')\n",
                 equal[i]);
        ck_assert_msg(compile(text, strlen(text)), "%s", equal[i]);
    }
}
END_TEST

/* The block for PyTorch is skipped unread, however it is written. */
START_TEST(main_guard)
{
    static const char *const guards[] = {
        "if __name__ == \"__main__\":\n    for x in y: pass\n    z = $ ?\n",
        "if '__main__' == __name__ :\n\n    # x\n  \n    while 1:\n        a = 1\n    b = [\n1]\n",
        "if (__name__ == '__main__'):\n\tmain()\n", "if __name__ == '__main__': main()\n"
    };
    for (size_t i = 0; i < sizeof guards / sizeof *guards; i++) {
        char text[300];
        snprintf(text, sizeof text, "%smodel = nn.Linear(4, 2)\n", guards[i]);
        ck_assert_msg(compile(text, strlen(text)), "%s", guards[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lex_parse");
    TCase *t = tcase_create("lex_parse");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, cut_anywhere);
    tcase_add_test(t, changed_bytes);
    tcase_add_test(t, hostile);
    tcase_add_test(t, bytes);
    tcase_add_test(t, values);
    tcase_add_test(t, main_guard);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
