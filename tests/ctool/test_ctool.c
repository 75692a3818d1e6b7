/* tests/ctool/test_ctool.c: C functions as expressions, and every mistake with the exact text that
 * it gives.
 *
 * read/NAME.c holds functions, read/NAME.txt what each becomes; refused/NAME.c mistakes, and
 * refused/NAME.txt what is said about them. With CTOOL_WRITE=1 in the environment the texts are
 * written instead of compared: read every line of the difference before you keep it. Where seqc was
 * built without Clang the program ends with 77, "skipped". */
#define _POSIX_C_SOURCE 200809L
#include "frontend/cfuncs.h"
#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = calloc(1, 1 << 20);
    *len = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return text;
}

static void print_functions(FILE *out, Arena *a, const CFuncs *c)
{
    for (int i = 0; i < c->n_include; i++) fprintf(out, "includes %s\n", c->include[i].file);
    for (int i = 0; i < c->n; i++) {
        const CFunc *f = &c->f[i];
        fprintf(out, "%d:%d %s %s(", f->line, f->column, f->is_double ? "double" : "float", f->name);
        for (int k = 0; k < f->n_param; k++) fprintf(out, "%s%s", k ? ", " : "", f->param[k]);
        fprintf(out, ") = %s\n", ex_print(a, c->pool, f->value));
    }
}

/* What is said and what is read, as one text that the caller frees. */
static char *outcome(const char *path, bool *read)
{
    FeOpts o = { .real = DT_f32, .home = getenv("SEQC_HOME") };
    Arena *a = arena_new();
    FeDiags *d = fe_diags_new();
    size_t n, len;
    char *text = slurp(path, &len), *said;
    const CSource source = { strrchr(path, '/') + 1, path, text, len };
    const CFuncs *c = fe_cfuncs_clang(d, a, &o, &source, (Span){ 0 });
    ck_assert_int_eq(c == NULL, fe_error_count(d) > 0);
    *read = c != NULL;
    FILE *out = open_memstream(&said, &n);
    fe_diags_text(d, out, false);
    if (c) print_functions(out, a, c);
    fclose(out);
    fe_diags_free(d);
    arena_free(a);
    free(text);
    return said;
}

/* All files of the folder; those that differ. */
static int compare(const char *pattern, bool reads, size_t least)
{
    glob_t g;
    int wrong = 0;
    ck_assert_int_eq(glob(pattern, 0, NULL, &g), 0);
    ck_assert_uint_ge(g.gl_pathc, least);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        const char *path = g.gl_pathv[i];
        bool read;
        char *said = outcome(path, &read), expected_path[512];
        snprintf(expected_path, sizeof expected_path, "%.*s.txt", (int)strlen(path) - 2, path);
        if (getenv("CTOOL_WRITE")) {
            FILE *f = fopen(expected_path, "wb");
            fputs(said, f);
            fclose(f);
        }
        size_t len = 0;
        char *expected = slurp(expected_path, &len);
        if (!expected || strcmp(expected, said) != 0 || read != reads) {
            fprintf(stderr, "%s: expected\n%s--- but is\n%s\n", path, expected ? expected : "", said);
            wrong++;
        }
        free(expected);
        free(said);
    }
    globfree(&g);
    return wrong;
}

START_TEST(functions_are_read) { ck_assert_int_eq(compare("tests/ctool/read/*.c", true, 1), 0); }
END_TEST

START_TEST(mistakes_are_refused)
{
    ck_assert_int_eq(compare("tests/ctool/refused/*.c", false, 1), 0);
}
END_TEST

int main(void)
{
    char module[4096];
    const char *home = getenv("SEQC_HOME");
    snprintf(module, sizeof module, "%s/libseqc_ctool.so", home ? home : "");
    if (access(module, R_OK) != 0) {
        puts("skipped: seqc was built without Clang");
        return 77;
    }
    Suite *suite = suite_create("ctool");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, functions_are_read);
    tcase_add_test(t, mistakes_are_refused);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
