/* tests/ctool/test_ctool.c: C functions as expressions, and every mistake with the exact text that
 * it gives.
 *
 * read/NAME.c holds functions, read/NAME.txt what each becomes; refused/NAME.c mistakes, and
 * refused/NAME.txt what is said about them. With CTOOL_WRITE=1 in the environment the texts are
 * written instead of compared: read every line of the difference before you keep it. Where seqc was
 * built without Clang the program ends with 77, "skipped". */
#define _POSIX_C_SOURCE 200809L
#include "frontend/caudit.h"
#include <check.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void say_all(FeDiags *d, const CFuncs *c)
{
    fe_cfuncs_say(d, c, NULL, (Span){ 0 });
    for (int i = 0; i < c->n; i++) fe_cfuncs_say(d, c, &c->f[i], (Span){ 0 });
}

/* What is said and what is read, as one text that the caller frees. What is read is compared with
 * what cc makes of it, so that every expression here is right at the points of the audit. */
static char *outcome(const char *path, const char *cc, bool *read)
{
    FeOpts o = { .real = DT_f32, .home = getenv("SEQC_HOME"), .cc = cc };
    Arena *a = arena_new();
    FeDiags *d = fe_diags_new();
    size_t n, len;
    char *text = slurp(path, &len), *said;
    const CSource source = { strrchr(path, '/') + 1, path, text, len };
    const CFuncs *c = fe_cfuncs_clang(d, a, &o, &source, (Span){ 0 });
    ck_assert_int_eq(c == NULL, fe_error_count(d) > 0);
    *read = c != NULL;
    if (c) say_all(d, c);
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
        char *said = outcome(path, reads ? "cc" : NULL, &read), expected_path[512];
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

START_TEST(functions_are_read) { ck_assert_int_eq(compare("tests/ctool/read/*.c", true, 5), 0); }
END_TEST

START_TEST(mistakes_are_refused)
{
    ck_assert_int_eq(compare("tests/ctool/refused/*.c", false, 100), 0);
}
END_TEST

/* ---- the audit ---- */

static char *audited(const char *cc)
{
    bool read;
    return outcome("tests/ctool/kept/differs.c", cc, &read);
}

START_TEST(what_differs_is_refused)
{
    static const struct { const char *cc, *says; } rows[] = {
        { "cc", "28:7 float twice(x) = a*2\n" },
        { "cc -DOTHER", "error: `twice` gives 1.25 in C, but 1 as a formula, at x = 0.5" },
        { "cc -DBAD", "note: the C functions were not compared with compiled ones: the C compiler does "
                      "not take the file" },
        { "cc -DCRASH", "what the C compiler made of it does not run here" },
        { "no-such-compiler", "there is no C compiler" },
    };
    char *said = audited(rows[_i].cc);
    ck_assert_msg(strstr(said, rows[_i].says) != NULL, "%s", said);
    free(said);
}
END_TEST

/* What a C file becomes runs when it is opened, but can only compute. */
START_TEST(what_is_compiled_is_confined)
{
    char cc[600], file[512], victim[560];
    snprintf(file, sizeof file, "%s/left", getenv("SCRATCH"));
    snprintf(victim, sizeof victim, "%s.victim", file);
    snprintf(cc, sizeof cc, "cc -DHOSTILE=\"%s\"", file);
    remove(file);
    FILE *f = fopen(victim, "wb");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    char *said = audited(cc);
    ck_assert_str_eq(said, "28:7 float twice(x) = a*2\n");
    ck_assert_int_ne(access(file, F_OK), 0);
    ck_assert_int_eq(access(victim, F_OK), 0);
    free(said);
}
END_TEST

/* Every function that a formula or its derivative may have is known to the audit. */
START_TEST(all_functions_are_evaluated)
{
    static const double point[2] = { 0.3, 0.6 };
    Arena *a = arena_new();
    ExPool *p = ex_pool(a);
    for (ExOp op = EX_exp; op < EX_COUNT; op++) {
        bool two = ex_fn_arity[op - EX_exp] > 1;
        Ex e = ex_op(p, op, ex_arg(p, 0), two ? ex_arg(p, 1) : (Ex){ 0 }, (Ex){ 0 });
        double want = ex_eval(p, e, point), f32 = fe_tape_run(fe_tape(a, p, e, false), point);
        if (isnan(want)) continue;
        ck_assert_double_eq(fe_tape_run(fe_tape(a, p, e, true), point), want);
        ck_assert(fabs(f32 - want) <= 1e-6 * fabs(want));
    }
    arena_free(a);
}
END_TEST

/* ---- what is kept ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

enum { FOLDER = 512 };

static void make_folder(char folder[FOLDER], const char *name)
{
    snprintf(folder, FOLDER, "%s/%sXXXXXX", getenv("SCRATCH"), name);
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* The formula of `f` in folder/ops.c, by Clang or without it; "" where there is none. */
static const char *formula(Arena *a, const char *folder, bool clang, bool *lacks)
{
    FeOpts o = { .real = DT_f32, .home = clang ? getenv("SEQC_HOME") : NULL };
    FeDiags *d = fe_diags_new();
    const CFuncs *c = fe_cfuncs(d, a, &o, arena_printf(a, "%s/model.py", folder), "ops.c", (Span){ 0 });
    const char *text = c ? ex_print(a, c->pool, fe_cfunc(c, "f")->value) : "";
    if (c) ck_assert_str_eq(c->source, "ops.c");
    *lacks = fe_lacks_tool(d);
    fe_diags_free(d);
    return text;
}

START_TEST(what_was_read_is_kept)
{
    char folder[FOLDER], sub[FOLDER + 50];
    bool lacks;
    Arena *a = arena_new();
    make_folder(folder, "kept");
    snprintf(sub, sizeof sub, "%s/sub", folder);
    ck_assert_int_eq(mkdir(sub, 0777), 0);
    write_file(folder, "ops.c", "#include \"sub/a.h\"\nfloat f(float x) { return twice(x) + K; }\n");
    write_file(sub, "a.h", "#include \"b.h\"\n#define K 1.0f\n");
    write_file(sub, "b.h", "static inline float twice(float x) { return 2.0f * x; }\n");
    ck_assert_str_eq(formula(a, folder, false, &lacks), "");
    ck_assert(lacks);
    ck_assert_str_eq(formula(a, folder, true, &lacks), "2*a + 1");
    ck_assert(!lacks);
    ck_assert_str_eq(formula(a, folder, false, &lacks), "2*a + 1");
    write_file(sub, "b.h", "static inline float twice(float x) { return x + x; }\n");
    ck_assert_str_eq(formula(a, folder, false, &lacks), "");
    ck_assert_str_eq(formula(a, folder, true, &lacks), "a + a + 1");
    ck_assert_str_eq(formula(a, folder, false, &lacks), "a + a + 1");
    arena_free(a);
}
END_TEST

/* What is said about folder/ops.c, which the caller frees. */
static char *said_of(Arena *a, const char *folder, const char *home, const char *cc)
{
    FeOpts o = { .real = DT_f32, .home = home, .cc = cc };
    FeDiags *d = fe_diags_new();
    char *said;
    size_t n;
    const CFuncs *c = fe_cfuncs(d, a, &o, arena_printf(a, "%s/model.py", folder), "ops.c", (Span){ 0 });
    if (c) say_all(d, c);
    FILE *out = open_memstream(&said, &n);
    fe_diags_text(d, out, false);
    fclose(out);
    fe_diags_free(d);
    return said;
}

/* A damaged file is read again, here without Clang: nothing of it is believed. */
static void damaged(Arena *a, const char *folder, const char *good, const char *from, const char *to)
{
    const char *at = strstr(good, from);
    ck_assert_ptr_nonnull(at);
    write_file(folder, ".seqc/ops.json", arena_printf(a, "%.*s%s%s", (int)(at - good), good, to,
                                                      at + strlen(from)));
    char *said = said_of(a, folder, NULL, NULL);
    ck_assert_msg(strstr(said, "has to be read by Clang") != NULL, "%s: %s", to, said);
    free(said);
}

START_TEST(warnings_are_said_again)
{
    char folder[FOLDER];
    const char *home = getenv("SEQC_HOME");
    Arena *a = arena_new();
    make_folder(folder, "warns");
    write_file(folder, "beside.h", "static inline float step(float x) { return x > 1.0f ? 1.0f : 0.0f; }\n");
    write_file(folder, "ops.c", "#include <math.h>\n#include \"beside.h\"\n"
               "float root(float x) { return sqrtf(fabsf(x)) + 0.1 * x; }\n"
               "float f(float x) { return step(x) + x; }\n");
    char *first = said_of(a, folder, home, "cc"), *again = said_of(a, folder, NULL, NULL);
    ck_assert_msg(strstr(first, "ops.c:3:30: warning: C computes this in double") != NULL, "%s", first);
    ck_assert_msg(strstr(first, "help: float literals and functions") != NULL, "%s", first);
    ck_assert_msg(strstr(first, "ops.c:3:7: warning: the derivative of `root` by `x` is") != NULL, "%s",
                  first);
    ck_assert_msg(strstr(first, "beside.h:1:44: warning: `f` jumps from 1 to 2") != NULL, "%s", first);
    ck_assert_str_eq(first, again);
    size_t len;
    char *good = slurp(arena_printf(a, "%s/.seqc/ops.json", folder), &len);
    damaged(a, folder, good, "\"at\": [0, ", "\"at\": [0, 9");
    damaged(a, folder, good, "\"at\": [0, ", "\"at\": [2, ");
    damaged(a, folder, good, "\"at\": [0, ", "\"at\": [0, 4294967295, ");
    damaged(a, folder, good, "W809", "E811");
    damaged(a, folder, good, "\"seqc_functions\": 2", "\"seqc_functions\": 1");
    free(first), free(again), free(good);
    arena_free(a);
}
END_TEST

/* What was not compared with compiled functions says so until it is. */
START_TEST(what_is_kept_is_compared_later)
{
    static const char alone[] = "were not compared with compiled ones";
    char folder[FOLDER];
    const char *home = getenv("SEQC_HOME");
    Arena *a = arena_new();
    make_folder(folder, "alone");
    write_file(folder, "ops.c", "float f(float x) { return -x; }\n");
    static const struct { bool clang; const char *cc; bool alone; } rows[] = {
        { true, NULL, true }, { true, NULL, true }, { false, "cc", true }, { true, "cc", false },
        { true, NULL, false }, { false, NULL, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *said = said_of(a, folder, rows[i].clang ? home : NULL, rows[i].cc);
        ck_assert_msg((strstr(said, alone) != NULL) == rows[i].alone, "row %zu: %s", i, said);
        free(said);
    }
    arena_free(a);
}
END_TEST

START_TEST(a_folder_may_be_read_only)
{
    char folder[FOLDER];
    bool lacks;
    Arena *a = arena_new();
    make_folder(folder, "fixed");
    write_file(folder, "ops.c", "float f(float x) { return -x; }\n");
    write_file(folder, ".seqc", "a file where the folder would be\n");
    ck_assert_str_eq(formula(a, folder, true, &lacks), "-a");
    arena_free(a);
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
    t = tcase_create("audit");
    tcase_add_loop_test(t, what_differs_is_refused, 0, 5);
    tcase_add_test(t, what_is_compiled_is_confined);
    tcase_add_test(t, all_functions_are_evaluated);
    suite_add_tcase(suite, t);
    t = tcase_create("kept");
    tcase_add_test(t, what_was_read_is_kept);
    tcase_add_test(t, warnings_are_said_again);
    tcase_add_test(t, what_is_kept_is_compared_later);
    tcase_add_test(t, a_folder_may_be_read_only);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
