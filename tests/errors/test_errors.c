/* tests/errors/test_errors.c: every mistake of this folder and the exact text that it gives.
 *
 * NAME.py is a model file with a mistake, NAME.txt what the compiler says about it. A first line
 * "# options: --loss X -D a=1" is the command line. With ERRORS_WRITE=1 in the environment the
 * texts are written instead of compared: read every line of the difference before you keep it. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/frontend.h"
#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = calloc(1, 1 << 20);
    *len = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return text;
}

enum { MAX_DEFINES = 8 };

/* The words after "# options:" in the first line. Cuts `line` up. */
static void read_options(char *line, FeOpts *o, const char **define)
{
    o->define = define;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        const char *value = strtok(NULL, " ");
        ck_assert_ptr_nonnull(value);
        if (strcmp(word, "-D") == 0) {
            ck_assert_int_lt(o->n_define, MAX_DEFINES);
            define[o->n_define++] = value;
        }
        else if (strcmp(word, "--loss") == 0) o->loss = value;
        else if (strcmp(word, "--optimizer") == 0) o->optimizer = value;
        else if (strcmp(word, "--model") == 0) o->model = value;
        else if (strcmp(word, "--input") == 0) o->input = value;
        else if (strcmp(word, "--dropout") == 0) o->drawn_masks = !strcmp(value, "torch");
        else ck_abort_msg("unknown option %s", word);
    }
}

static char *messages_of(const char *path, bool *compiled)
{
    static const char mark[] = "# options: ";
    size_t len, n;
    char *text = slurp(path, &len), *line = NULL, *said;
    const char *define[MAX_DEFINES];
    FeOpts o = { .real = DT_f32 };
    if (strncmp(text, mark, sizeof mark - 1) == 0) {
        size_t end = strcspn(text, "\n");
        line = calloc(1, end + 1);
        memcpy(line, text + sizeof mark - 1, end - (sizeof mark - 1));
        read_options(line, &o, define);
    }
    FeDiags *d = fe_diags_new();
    Module *m = fe_compile(path, text, len, &o, d);
    *compiled = m != NULL;
    ck_assert_int_eq(m == NULL, fe_error_count(d) > 0);
    FILE *out = open_memstream(&said, &n);
    fe_diags_text(d, out, false);
    fclose(out);
    ir_module_free(m);
    fe_diags_free(d);
    free(text);
    free(line);
    return said;
}

START_TEST(exact_text)
{
    glob_t g;
    ck_assert_int_eq(glob("tests/errors/*.py", 0, NULL, &g), 0);
    ck_assert_uint_ge(g.gl_pathc, 60);
    int wrong = 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        size_t len = 0;
        bool compiled;
        char *said = messages_of(g.gl_pathv[i], &compiled), expected_path[512];
        snprintf(expected_path, sizeof expected_path, "%.*s.txt", (int)strlen(g.gl_pathv[i]) - 3,
                 g.gl_pathv[i]);
        if (getenv("ERRORS_WRITE")) {
            FILE *f = fopen(expected_path, "wb");
            fputs(said, f);
            fclose(f);
        }
        char *expected = slurp(expected_path, &len);
        if (!expected || strcmp(expected, said) != 0 || *said == 0) {
            fprintf(stderr, "%s: expected\n%s--- but is\n%s\n", g.gl_pathv[i],
                    expected ? expected : "", said);
            wrong++;
        }
        free(expected);
        free(said);
    }
    globfree(&g);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Every code has an explanation, and no two rows share a code. */
START_TEST(codes)
{
    static const char *const code[] = {
#define DIAG(id, code, ...) code,
#include "frontend/diags.def"
#undef DIAG
    };
    size_t n = sizeof code / sizeof *code;
    for (size_t i = 0; i < n; i++) {
        ck_assert_ptr_nonnull(fe_explain(code[i]));
        for (size_t k = 0; k < i; k++) ck_assert_str_ne(code[i], code[k]);
    }
    ck_assert_ptr_null(fe_explain("E999"));
}
END_TEST

START_TEST(json)
{
    static const char text[] = "model = nn.Relu(\"\\x41\xff\")\n";
    FeDiags *d = fe_diags_new();
    FeOpts o = { .real = DT_f32 };
    char *said;
    size_t n;
    ck_assert_ptr_null(fe_compile("a \"b\".py", text, sizeof text - 1, &o, d));
    FILE *out = open_memstream(&said, &n);
    fe_diags_json(d, out);
    fclose(out);
    ck_assert_str_eq(
        said, "[\n  {\"file\": \"a \\\"b\\\".py\", \"line\": 1, \"column\": 12, \"end_line\": 1, "
              "\"end_column\": 16, \"severity\": \"error\", \"code\": \"E302\", \"message\": "
              "\"torch.nn has no `Relu`\", "
              "\"notes\": [], \"help\": [\"did you mean `ReLU`?\"]}\n]\n");
    free(said);
    fe_diags_free(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("errors");
    TCase *t = tcase_create("errors");
    tcase_add_test(t, exact_text);
    tcase_add_test(t, codes);
    tcase_add_test(t, json);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
