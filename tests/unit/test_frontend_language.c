/* tests/unit/test_frontend_language.c: what the language means.
 *
 * The files of tests/unit/language are Python that PyTorch runs without complaint: every assertion
 * in them was checked there. Here each must compile, so that each assertion holds, and with any one
 * of them turned around it must be refused there. Then the limits of an evaluation. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/frontend.h"
#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 16, MAX_SAID = 1 << 15 };

/* What is said goes to `said`. */
static bool compile(const char *text, size_t len, char said[MAX_SAID])
{
    FeDiags *d = fe_diags_new();
    FeOpts o = { .real = DT_f32 };
    Module *m = fe_compile("language.py", text, len, &o, d);
    FILE *out = fmemopen(said, MAX_SAID, "w");
    fe_diags_text(d, out, false);
    fclose(out);
    bool compiled = m != NULL;
    ir_module_free(m);
    fe_diags_free(d);
    return compiled;
}

static size_t slurp(const char *path, char *text)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, MAX_FILE - 1, f);
    fclose(f);
    text[n] = 0;
    return n;
}

/* The file with `assert x` of the line at `at` turned to `assert not (x)`. */
static size_t turned(const char *text, const char *at, char *to)
{
    size_t head = (size_t)(at - text) + strlen("assert ");
    size_t line = strcspn(at, "\n") - strlen("assert ");
    const char *rest = at + strlen("assert ") + line;
    return (size_t)sprintf(to, "%.*snot (%.*s)%s", (int)head, text, (int)line, text + head, rest);
}

START_TEST(assertions)
{
    static char text[MAX_FILE], other[MAX_FILE + 64], said[MAX_SAID];
    glob_t g;
    int count = 0;
    ck_assert_int_eq(glob("tests/unit/language/*.py", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        size_t n = slurp(g.gl_pathv[i], text);
        ck_assert_msg(compile(text, n, said), "%s: %s", g.gl_pathv[i], said);
        for (const char *p = text; (p = strstr(p, "\nassert ")) != NULL; p++, count++) {
            size_t len = turned(text, p + 1, other);
            ck_assert_msg(!compile(other, len, said) && strstr(said, "this assertion fails"),
                          "%s: not noticed: %.60s\n%s", g.gl_pathv[i], p + 1, said);
        }
    }
    globfree(&g);
    ck_assert_int_ge(count, 100);
}
END_TEST

static void refused(const char *text, const char *why)
{
    static char said[MAX_SAID];
    ck_assert_msg(!compile(text, strlen(text), said) && strstr(said, why), "%s\n%s", text, said);
}

/* Endless and enormous: each ends, soon and in bounded memory. */
START_TEST(limits)
{
    static const char budget[] = "takes too long or needs too much memory";
    refused("while True:\n    pass\n", budget);
    refused("def f():\n    while True:\n        continue\nf()\n", budget);
    refused("x = [1]\nfor i in x:\n    x.append(i)\n", "longer than 100000 elements");
    refused("s = 'a'\nwhile True:\n    s = s + s\n", "longer than");
    refused("s = 'a'\nwhile True:\n    s = f'{s}{s}'\n", "longer than");
    refused("x = 2\nwhile True:\n    x = x * x\n", "does not fit into 64 bits");
    refused("f = lambda x: f(x)\nf(1)\n", "more than 60 deep");
    refused("def f(n):\n    return [f(n) for i in range(2)]\nf(1)\n", "more than 60 deep");
    refused("def f(n):\n    return f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(n"
            "))))))))))))))))))))))))))))))\nf(1)\n", "more than 60 deep");
    refused("x = [[a, b, c, d] for a in range(99) for b in range(99) for c in range(99) "
            "for d in range(99)]\n", budget);
    refused("n = sum(1 for a in range(9999) for b in range(9999))\n", "longer than");
    refused("d = {}\nfor i in range(90000):\n    d[i] = i\n", budget);
    refused("import torch\nx = []\nfor i in range(99999):\n    x += [torch.zeros(1000, 1000)]\n",
            budget);
    refused("import torch\nfor i in torch.zeros(1000000):\n    pass\n", "longer than");
    refused("x = sorted(range(50000), key=lambda i: [j for j in range(i)])\n", budget);
}
END_TEST

/* Functions of the epoch: what makes no formula is refused, also where it is only kept for later. */
START_TEST(no_formula)
{
    static const struct { const char *f, *why; } all[] = {
        { "    for i in range(60):\n        e = e + e\n    return e\n", "it would be too long" },
        { "    return max([e] * 5000)\n", "no formula has this call" },
        { "    for i in range(99):\n        if e < i:\n            return 1\n", "asks more than 16" },
        { "    n = 0\n    for i in range(8):\n        n += 1 if e % (i + 2) else 2\n    return n\n",
          "more than 200 branches" },
        { "    return {0: 1.0}.get(e, 0.5)\n", "looked up in a list or dict" },
        { "    return [1, 2].count(e)\n", "looked up in a list or dict" },
        { "    return 1 if 3 in [e] else 2\n", "looked up in a list or dict" },
        { "    return 1 if e in (1, 2) else 2\n", "compared with something else" },
        { "    return 1 if e == 'a' else 2\n", "compared with something else" },
        { "    return e + 'a'\n", "something else than numbers" },
        { "    return e | 1\n", "no formula has this operator" },
        { "    return ~e\n", "no formula has this operator" },
        { "    return math.log10(e)\n", "no formula has this call" },
        { "    return round(e)\n", "" },
        { "    return [1, 2][e]\n", "an index must be an integer" },
        { "    return range(e)\n", "an integer" },
        { "    return 1 if any([e]) else 2\n", "depends on data" },
        { "    return 'a'\n", "its result is no number" },
        { "    return torch.rand(1)\n", "its result is no number" },
        { "    optim.lr_scheduler.LambdaLR(optimizer, lambda x: x)\n    return 1\n",
          "it is made in such a function" },
        { "    kept.append(e)\n    return 1\n", "the function is over" },
    };
    char text[1000];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(text, sizeof text,
                 "model = nn.Linear(2, 1)\noptimizer = optim.SGD(model.parameters())\nkept = []\n"
                 "def f(e):\n%sscheduler = optim.lr_scheduler.LambdaLR(optimizer, f)\n"
                 "x = 1 if kept and kept[0] * 2 < 5 else 2\n", all[i].f);
        refused(text, all[i].why);
    }
}
END_TEST

/* `head`, `count` times the piece with its number (and nothing, for "%*s": as many blanks), `tail`. */
static char *repeated(const char *head, const char *piece, int count, const char *tail)
{
    static char text[MAX_FILE];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", head);
    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, piece, i, "");
    ck_assert_uint_lt(n + strlen(tail), sizeof text);
    strcpy(text + n, tail);
    return text;
}

/* What the parser has room for, and one more. */
START_TEST(sizes)
{
    static char said[MAX_SAID];
    refused(repeated("def f(", "a%d, ", 1001, "):\n    pass\n"), "too many parameters");
    refused(repeated("def f():\n", "    a%d = 1\n", 1001, ""), "too many names");
    refused(repeated("", "%*sif 1:\n", 102, ""), "blocks are nested too deep");
    refused(repeated("x = ", "[", 65, ""), "nested too deep");
    refused(repeated("x = 1", " + (1", 301, ""), "nested too deep");
    refused(repeated("x = 1", "_%d", 400, ""), "this is not a number");
    refused("x = 1e5j", "this is not a number");
    refused("x = 0x", "this is not a number");
    refused("x = 1.2.3", "this is not a number");
    refused("x = 9223372036854775808", "does not fit into 64 bits");
    const char *good = repeated("def f(", "a%d, ", 1000, "):\n    pass\nfrom torch import nn\n"
                                "model = nn.Linear(4, 2)\n");
    ck_assert_msg(compile(good, strlen(good), said), "%s", said);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frontend_language");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, assertions);
    tcase_add_test(t, limits);
    tcase_add_test(t, no_formula);
    tcase_add_test(t, sizes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
