/* tests/ctool/test_random.c: C functions that are drawn, and files that are mutated.
 *
 * Drawn functions have all that is read: variables, if and else, early returns, loops with break and
 * continue, nested ?:, comparisons as numbers, integers, tables, calls, <math.h>. The audit compares
 * each with what the C compiler makes of it, bit by bit at 1,700 points, so that a difference ends a
 * test here; and derivatives of both orders agree with differences. Mutants are files of read/ and refused/ with tokens changed: whatever comes of them must
 * not crash, and what is still read must agree, too.
 *
 * RANDOM_FILES=N in the environment draws N files, RANDOM_SEED=S others. Ends with 77, "skipped",
 * where seqc was built without Clang. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/caudit.h"
#include <check.h>
#include <ctype.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 6, FUNCTIONS = 8, MUTANTS = 60 };

static uint64_t seed;
static int64_t compared;                 /* derivatives, with differences */

static uint64_t draw(uint64_t below)     /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * UINT64_C(0x2545F4914F6CDD1D) >> 11) % below;
}

static void start(uint64_t number)
{
    const char *other = getenv("RANDOM_SEED");
    seed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + (other ? strtoull(other, NULL, 10) : 0);
    draw(2);
}

/* ---- drawn functions ---- */

static FILE *out;
static bool is_double;
static int names, counters, in_loop, helpers, returns;

static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
}

static const char *suffix(void) { return is_double ? "" : "f"; }
static const char *real(void) { return is_double ? "double" : "float"; }

static void put_expr(int depth);

static void put_number(void)
{
    /* No 0.0: of 0.0 - (float)i gcc 12 makes -(float)i, which is -0 where i is 0. */
    static const char *const number[] = { "1.0", "0.5", "2.0", "0.1", "3.0", "1e-3", "10.0",
                                          "0x1.8p-2", "1e10", "6.25" };
    put("%s%s", number[draw(sizeof number / sizeof *number)], suffix());
}

static void put_condition(int depth)
{
    static const char *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };
    switch (depth > 0 ? draw(7) : 0) {
    case 0: case 1: case 2:
        put_expr(depth - 1), put(" %s ", compare[draw(6)]), put_expr(depth - 1);
        break;
    case 3: put("("), put_condition(depth - 1), put(") && ("), put_condition(depth - 1), put(")"); break;
    case 4: put("("), put_condition(depth - 1), put(") || ("), put_condition(depth - 1), put(")"); break;
    case 5: put("!("), put_condition(depth - 1), put(")"); break;
    default: put("isnan("), put_expr(0), put(")");
    }
}

static void put_leaf(void)
{
    if (counters && draw(6) == 0) put("(%s)i%d", real(), (int)draw((uint64_t)counters));
    else if (draw(8) == 0) put("%s[%d]", is_double ? "wide" : "table", (int)draw(4));
    else if (draw(4) == 0) put_number();
    else put("v%d", (int)draw((uint64_t)names));
}

static void put_call(int depth)
{
    static const char *const one[] = { "exp", "tanh", "sqrt", "fabs", "floor", "log", "sin", "round",
                                       "trunc", "cos", "erf", "rint", "log1p", "expm1", "ceil", "erfc",
                                       "cbrt", "atan", "asinh", "exp2", "cosh" };
    static const char *const two[] = { "fmax", "fmin", "pow", "fdim", "hypot", "atan2", "fmod",
                                       "copysign" };
    if (draw(3)) {
        put("%s%s(", one[draw(sizeof one / sizeof *one)], suffix());
    } else {
        put("%s%s(", two[draw(sizeof two / sizeof *two)], suffix());
        put_expr(depth - 1), put(", ");
    }
    put_expr(depth - 1), put(")");
}

static void put_expr(int depth)
{
    static const char *const binary[] = { "+", "-", "*", "/" };
    switch (depth > 0 ? draw(10) : 0) {
    case 0: put_leaf(); break;
    case 1: case 2: case 3: case 4:
        put("("), put_expr(depth - 1), put(" %s ", binary[draw(4)]), put_expr(depth - 1), put(")");
        break;
    case 5: put("-"), put_leaf(); break;
    case 6: put_call(depth); break;
    case 7:
        put("("), put_condition(depth - 1), put(" ? "), put_expr(depth - 1), put(" : ");
        put_expr(depth - 1), put(")");
        break;
    case 8:
        if (helpers) {
            put("h%d%s(", (int)draw(2), is_double ? "d" : "");
            put_expr(depth - 1), put(", "), put_expr(depth - 1), put(")");
        } else put_leaf();
        break;
    default:
        if (draw(2)) put("(%s)(", real()), put_condition(depth - 1), put(")");
        else put("(%s)(int)fmin%s(fmax%s(", real(), suffix(), suffix()), put_expr(depth - 1),
            put(", -50.0%s), 50.0%s)", suffix(), suffix());
    }
}

static void put_statements(int count, int depth);

static void put_loop(int depth)
{
    int i = counters++, outer = in_loop;
    in_loop = 1;
    put("for (int i%d = 0; i%d < %d; i%d++) {\n", i, i, 1 + (int)draw(3), i);
    put_statements(1 + (int)draw(3), depth - 1);
    put("}\n");
    in_loop = outer;
    counters--;
}

static void put_statement(int depth)
{
    static const char *const assign[] = { "=", "+=", "-=", "*=", "/=" };
    int known = names;
    switch (draw(depth > 0 ? 10 : 4)) {
    case 0: case 1:
        put("v%d %s ", (int)draw((uint64_t)names), assign[draw(5)]), put_expr(2), put(";\n");
        break;
    case 2: put("v%d%s;\n", (int)draw((uint64_t)names), draw(2) ? "++" : "--"); break;
    case 3:
        put("if ("), put_condition(1), put(")\n");
        if (in_loop && draw(2)) put(draw(2) ? "break;\n" : "continue;\n");
        else if (returns && draw(2)) put("return "), put_expr(2), put(";\n");
        else put("v%d = ", (int)draw((uint64_t)names)), put_expr(2), put(";\n");
        break;
    case 4: case 5:
        put("if ("), put_condition(2), put(") {\n");
        put_statements(1 + (int)draw(2), depth - 1);
        names = known;
        if (draw(2)) put("} else {\n"), put_statements(1 + (int)draw(2), depth - 1);
        put("}\n");
        break;
    case 6: case 7: put_loop(depth); break;
    default:
        put("int n%d = ", names), put_condition(1), put(";\n");
        put("%s v%d = ", real(), names), put_expr(2), put(" * (n%d %s 2);\n", names, draw(2) ? "+" : "*");
        names++;
        return;
    }
    names = known;
}

static void put_statements(int count, int depth)
{
    int known = names;
    for (int i = 0; i < count; i++) put_statement(depth);
    names = known;
}

static void put_function(const char *kind, const char *name, int params, int statements)
{
    put("%s%s %s(", kind, real(), name);
    for (int i = 0; i < params; i++) put("%s%s v%d", i ? ", " : "", real(), i);
    put(")\n{\n");
    names = params, counters = in_loop = 0;
    for (int i = 0; i < statements; i++) put_statement(2);   /* names of the outermost block stay */
    put("return "), put_expr(2), put(";\n}\n\n");
}

static void put_file(int functions)
{
    put("#include <math.h>\n\nstatic const float table[4] = {1.0f, -0.5f, 0.25f};\n"
        "static const double wide[4] = {2.0, [3] = -0.75};\n\n");
    for (int i = 0; i < 4; i++) {
        char name[16];
        is_double = i % 2, helpers = returns = 0;
        snprintf(name, sizeof name, "h%d%s", i / 2, is_double ? "d" : "");
        put_function("static ", name, 2, 1);
    }
    helpers = returns = 1;
    for (int i = 0; i < functions; i++) {
        char name[16];
        is_double = draw(4) == 0;
        snprintf(name, sizeof name, "f%d", i);
        put_function("", name, 1 + (int)draw(3), 2 + (int)draw(4));
    }
}

/* ---- reading ---- */

enum { READ = 1, DIFFERS = 2, OTHER_ERROR = 4, SLOPE = 8 };

/* Derivatives of both orders against differences; the first that is wrong goes to stderr. */
static bool slopes_agree(Arena *a, const CFuncs *c)
{
    for (int i = 0; i < c->n; i++) {
        Slopes order[2];
        const CFunc *f = &c->f[i];
        bool second = fe_slopes(c->pool, f, NULL, ex_diff, order);
        for (int k = 0; k < 1 + second; k++) {
            compared += order[k].compared;
            if (order[k].share <= SLOPES_BOUND) continue;
            fprintf(stderr, "order %d of %s: %.9g, differences say %.9g, at %s\n", k + 1, f->name,
                    order[k].symbolic, order[k].differences, fe_audit_point(a, f, order[k].at));
            return false;
        }
    }
    return true;
}

/* What comes of the file; its errors, if any, in *said, which the caller frees. */
static int read_one(const char *path, char **said)
{
    FeOpts o = { .real = DT_f32, .home = getenv("SEQC_HOME"), .cc = "cc" };
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    char *text = calloc(1, (size_t)info.st_size + 1);
    FILE *f = fopen(path, "rb");
    size_t size, len = fread(text, 1, (size_t)info.st_size, f);
    fclose(f);
    Arena *a = arena_new();
    FeDiags *d = fe_diags_new();
    const CFuncs *c = fe_cfuncs_clang(d, a, &o, &(CSource){ path, path, text, len }, (Span){ 0 });
    FILE *to = open_memstream(said, &size);
    fe_diags_text(d, to, false);
    fclose(to);
    int result = c ? READ : 0;
    if (c && !slopes_agree(a, c)) result |= SLOPE;
    for (int i = 0; i < d->n_item; i++) {
        if (d->item[i].id == DIAG_c_differs) result |= DIFFERS;
        else if (d->item[i].severity == SEV_ERROR && d->item[i].id != DIAG_c_size) result |= OTHER_ERROR;
    }
    fe_diags_free(d);
    arena_free(a);
    free(text);
    return result;
}

START_TEST(drawn_functions_agree)
{
    char path[512];
    int files = getenv("RANDOM_FILES") ? atoi(getenv("RANDOM_FILES")) : FILES, read = 0;
    for (int i = 0; i < files; i++) {
        char *said;
        snprintf(path, sizeof path, "%s/drawn%d.c", getenv("SCRATCH"), i);
        start((uint64_t)i);
        out = fopen(path, "wb");
        put_file(FUNCTIONS);
        fclose(out);
        int result = read_one(path, &said);
        ck_assert_msg(!(result & (DIFFERS | OTHER_ERROR | SLOPE)), "%s:\n%s", path, said);
        read += result & READ;
        free(said);
    }
    printf("%d of %d drawn files with %d functions each were read, %lld derivatives compared\n", read, files,
           FUNCTIONS, (long long)compared);
    ck_assert_int_gt(3 * read, 2 * files);
}
END_TEST

/* ---- mutants ---- */

enum { MAX_TEXT = 1 << 16 };

static int kind_of(char c)
{
    return isalpha((unsigned char)c) || c == '_' ? 1 : isdigit((unsigned char)c) || c == '.' ? 2
         : isspace((unsigned char)c) ? 3 : 4;
}

/* The token around byte `at`: its first byte and its length. */
static size_t token(const char *s, size_t n, size_t *at)
{
    size_t from = *at, to = *at + 1;
    bool word = kind_of(s[from]) < 3;
    while (word && from > 0 && kind_of(s[from - 1]) < 3) from--;
    while (word && to < n && kind_of(s[to]) < 3) to++;
    *at = from;
    return to - from;
}

/* A token goes, is doubled, or becomes another one, mostly of its own kind. */
static size_t mutate(char *text, size_t len)
{
    static const char *const word[] = { "0", "-", "x", "1.0f", "0.1", "(", ")", "&&", "?", "return x;",
                                        "int", "double", "2147483647", "++", "=", "{", "}", "break;" };
    size_t at = draw(len), from = draw(len), n = token(text, len, &at), m = token(text, len, &from);
    for (int i = 0; i < 60 && kind_of(text[at]) != kind_of(text[from]); i++) {
        from = draw(len);
        m = token(text, len, &from);
    }
    const char *by = text + from;
    char piece[256];
    if (draw(8) == 0) by = word[draw(sizeof word / sizeof *word)], m = strlen(by);
    if (m >= sizeof piece || len + m + 1 >= MAX_TEXT) return len;
    memcpy(piece, by, m);
    if (draw(10) == 0) m = 0;
    size_t gone = draw(10) ? n : 0;
    memmove(text + at + m, text + at + gone, len - at - gone);
    memcpy(text + at, piece, m);
    return len + m - gone;
}

/* A drawn function, or a file of the folders. */
static size_t original(char *text, const glob_t *g)
{
    bool drawn = draw(4) > 0;
    FILE *f = drawn ? tmpfile() : fopen(g->gl_pathv[draw(g->gl_pathc)], "rb");
    ck_assert_ptr_nonnull(f);
    if (drawn) {
        out = f;
        put_file(1);
        rewind(f);
    }
    size_t len = fread(text, 1, MAX_TEXT / 2, f);
    fclose(f);
    return len;
}

START_TEST(mutants_are_refused_or_agree)
{
    glob_t g;
    char path[512], *text = calloc(1, MAX_TEXT);
    int count = getenv("RANDOM_FILES") ? 20 * atoi(getenv("RANDOM_FILES")) : MUTANTS, read = 0;
    ck_assert_int_eq(glob("tests/ctool/read/*.c", 0, NULL, &g), 0);
    ck_assert_int_eq(glob("tests/ctool/refused/*.c", GLOB_APPEND, NULL, &g), 0);
    for (int i = 0; i < count; i++) {
        start(1000000 + (uint64_t)i);
        size_t len = original(text, &g);
        for (uint64_t k = 1 + draw(2); k > 0 && len > 0; k--) len = mutate(text, len);
        snprintf(path, sizeof path, "%s/mutant%d.c", getenv("SCRATCH"), i);
        FILE *f = fopen(path, "wb");
        fwrite(text, 1, len, f);
        fclose(f);
        char *said;
        int result = read_one(path, &said);
        ck_assert_msg(!(result & (DIFFERS | SLOPE)), "%s:\n%s", path, said);
        read += result & READ;
        free(said);
        unlink(path);
    }
    printf("%d of %d mutants were read\n", read, count);
    ck_assert_int_gt(12 * read, count);
    globfree(&g);
    free(text);
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
    Suite *suite = suite_create("ctool_random");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 1500);
    tcase_add_test(t, drawn_functions_agree);
    tcase_add_test(t, mutants_are_refused_or_agree);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
