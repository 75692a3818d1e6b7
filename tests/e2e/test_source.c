/* tests/e2e/test_source.c: the text of generated programs.
 *
 * Every case of the catalogue: the same bytes twice, no warning from gcc, and in its turn (turns.h)
 * from clang, as C11 at the optimization that users get (out of turn by -O1), none as C++17 (the language's own: what the
 * optimizer warns of is the same in both), no line that is absurdly long. Hostile names (of states,
 * files, layers, losses) neither end a comment or string nor become code. */
#define _POSIX_C_SOURCE 200809L   /* open_memstream */
#include "cases.h"
#include "turns.h"
#include "codegen/codegen.h"
#include "passes/passes.h"
#include <check.h>
#include <unistd.h>

static const char *scratch(void)
{
    const char *dir = getenv("SCRATCH");
    return dir ? dir : "/tmp";
}

/* Parses, plans and writes `text`, alone or as one of several variants, or the file with main of
 * these, or for a target with matrix tiles; the caller frees. */
typedef enum { ALONE, VARIANT, MAIN, TILES } Kind;
static char *source_of(const char *text, const char *stages, Kind kind)
{
    static const char *const all[] = { "layout", "fuse", "schedule", "plan" };
    ParseErr parse;
    char err[IR_ERR], *out = NULL;
    size_t len = 0;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s: %s", stages, parse.text);
    PassCtx c = { .target = ir_target(kind == TILES ? "sapphirerapids" : "x86-64-v4"),
                  .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, all, 4, err);
    ck_assert_msg(p != NULL, "%s: %s", stages, err);
    FILE *f = open_memstream(&out, &len);
    EmitOpts o[] = { { .target = c.target, .version = "test", .source = "model.py",
                       .variant = kind == VARIANT },
                     { .target = ir_target("generic"), .version = "test", .source = "model.py",
                       .variant = true } };
    if (kind == MAIN) emit_main(p, o, 2, f);
    else emit_program(p, o, f);
    fclose(f);
    ir_module_free(p);
    ir_module_free(m);
    return out;
}

static bool there(const char *program)
{
    char command[200];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static void write_source(const char *path, const char *source)
{
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL && fputs(source, f) >= 0 && fclose(f) == 0);
}

/* By gcc or clang, as the language that options say. */
static void compile(const char *name, const char *cc, const char *options, const char *march, const char *path)
{
    char command[2000];
    snprintf(command, sizeof command,
             "%s %s -march=%s -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd "
             "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I. -I%s %s",
             cc, options, march, scratch(), path);
    ck_assert_msg(system(command) == 0, "%s: %s has something to say about %s", name, cc, path);
}

static void compile_c(int turn, const char *name, const char *source, const char *march)
{
    char path[512], options[600];
    snprintf(path, sizeof path, "%s/source-%ld.c", scratch(), (long)getpid());
    snprintf(options, sizeof options, "-std=c11 %s -c -o %s.o", its_turn(turn) ? "-O3" : "-O1", path);
    write_source(path, source);
    compile(name, "gcc", options, march, path);
    /* Clang takes longest, half of it for machine code, of which it says nothing. */
    snprintf(options, sizeof options, "-std=c11 -O3 -emit-llvm -c -o %s.o", path);
    if (there("clang") && its_turn(turn)) compile(name, "clang", options, march, path);
    snprintf(options, sizeof options, "%s.o", path);
    unlink(options);
    unlink(path);
}

/* Sources as C++, some in one file, each in a namespace: what they include, most of it, is read once. */
typedef struct Together { FILE *f; char path[512]; } Together;

static Together together(void)
{
    Together t;
    snprintf(t.path, sizeof t.path, "%s/together-%ld.cc", scratch(), (long)getpid());
    t.f = fopen(t.path, "w");
    ck_assert(t.f != NULL);
    fputs("#include \"runtime/rt.h\"\n#if defined __AMX_BF16__ || defined __AMXBF16__\n#include <immintrin.h>\n#endif\n"
          "#include <math.h>\n#include <stdio.h>\n#include <string.h>\n", t.f);
    return t;
}

static void add(Together *t, int i, const char *name, const char *source)
{
    fprintf(t->f, "namespace part_%d {\n#line 1 \"%s\"\n%s}\n", i, name, source);
}

static void compile_cxx(Together *t, const char *march)
{
    static const char *const cc[] = { "g++", "clang++" };
    ck_assert(fclose(t->f) == 0);
    for (int i = 0; i < 2; i++)
        if (there(cc[i])) compile("as C++", cc[i], "-std=c++17 -fsyntax-only", march, t->path);
    unlink(t->path);
}

static void both(int turn, const char *name, const char *source, const char *march)
{
    Together t = together();
    add(&t, 0, name, source);
    compile_cxx(&t, march);
    compile_c(turn, name, source, march);
}

enum { N_FILES = 6 };       /* of the cases as C++ */
static const char *real_of(int i) { return i % 3 == 2 ? "f64" : "f32"; }

START_TEST(test_cases)
{
    const Case *c = &cases[_i];
    char *text = case_text(c, real_of(_i));
    char *one = source_of(text, c->name, ALONE), *two = source_of(text, c->name, ALONE);
    ck_assert_msg(!strcmp(one, two), "%s: another text the second time", c->name);
    for (const char *line = one; *line; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") >= 400) ck_abort_msg("%s: %.60s… is a long line", c->name, line);
    compile_c(_i, c->name, one, "x86-64-v4");
    free(one);
    free(two);
    free(text);
}
END_TEST

/* Products and convolutions on matrix tiles, for processors that have them and in C. Every compiler
 * has a name of its own for what it has. */
static const char *const wants_tiles = "#ifndef TILE_INSTRUCTIONS\n#error no tiles\n#endif\n";
static bool is_tiled(int i) { return strstr(cases[i].name, "tiles") != NULL; }

static char *tiled_source(int i)
{
    char *text = case_text(&cases[i], "f32"), *s = source_of(text, cases[i].name, TILES);
    ck_assert_msg(strstr(s, "void tiles_") != NULL, "%s: no tiles", cases[i].name);
    free(text);
    return s;
}

START_TEST(test_tiles)
{
    if (!is_tiled(_i)) return;
    char *s = tiled_source(_i);
    compile_c(_i, cases[_i].name, s, "x86-64-v4");
    s = realloc(s, strlen(s) + strlen(wants_tiles) + 1);
    compile_c(_i, cases[_i].name, strcat(s, wants_tiles), "sapphirerapids");
    free(s);
}
END_TEST

/* A share of all cases, some in each file. */
START_TEST(test_cxx)
{
    Together t = together();
    for (int i = _i; i < N_CASES; i += N_FILES) {
        char *text = case_text(&cases[i], real_of(i)), *s = source_of(text, cases[i].name, ALONE);
        add(&t, i, cases[i].name, s);
        free(text);
        free(s);
    }
    compile_cxx(&t, "x86-64-v4");
}
END_TEST

START_TEST(test_cxx_tiles)
{
    Together t = together();
    for (int i = 0; i < N_CASES; i++) {
        if (!is_tiled(i)) continue;
        char *s = tiled_source(i);
        add(&t, i, cases[i].name, s);
        free(s);
    }
    if (_i) fputs(wants_tiles, t.f);
    compile_cxx(&t, _i ? "sapphirerapids" : "x86-64-v4");
}
END_TEST

/* A program for several instruction sets. */
START_TEST(test_variant)
{
    char *text = case_text(&cases[0], "f32");
    char *variant = source_of(text, "variant", VARIANT), *program = source_of(text, "main", MAIN);
    both(0, "variant", variant, "x86-64-v4");
    both(0, "main", program, "x86-64");
    ck_assert(!strstr(variant, "int main(") && strstr(variant, "const rt_model model_x86_64_v4 ="));
    ck_assert(strstr(program, "&model_x86_64_v4,\n        &model_generic,\n        0 }"));
    free(variant);
    free(program);
    free(text);
}
END_TEST

/* Names that try to get out of where they stand. */
START_TEST(test_hostile)
{
    static const char *const text =
        "seqc.ir 1\nfile \"\\\" int evil;\\n.py\"\nbatch n <= 4\nreal f32\nstage tidy\n\n"
        "state \"\\\"; int evil; //\" : f32[3] param\nstate \"*/ int evil; /*\" : f32[3] param\n"
        "state \"a\\nint evil;\" : f32[3] param\nstate \"?\?/\\\\\" : f32[3] param\n"
        "state \"\\xff\\x01int\" : f32[3] param\n\n"
        "program \"*/ evil\"\nloss \"*/ int evil; /*\"\n"
        "optimizer \"\\\\\\n#include <evil.h>\"\ninput [3]\noutput [3]\n"
        "layer \"*/\" \"\\\" evil \\\\\" : f32[n,3] params 0\n\n"
        "graph infer\n%0 = input \"x\" : f32[n,3]\n"
        "%1 = map %0, \"\\\"; int evil; //\", \"*/ int evil; /*\", \"a\\nint evil;\", "
        "\"?\?/\\\\\", \"\\xff\\x01int\""
        " {f=\"a + b + c + d + e + f\"} : f32[n,3] @ \"\\\" int evil;\\n.py\":1:1\nreturn output=%1\n";
    char *s = source_of(text, "hostile", ALONE);
    both(0, "hostile", s, "x86-64-v4");
    for (const char *p = s; *p; p++)
        if (*p != '\n' && (*p < 0x20 || *p >= 0x7f)) ck_abort_msg("byte %d", *p);
    /* Without comments and strings no word of a user is left. */
    bool comment = false, string = false;
    for (char *p = s; *p; p++) {
        if (!string && !comment && p[0] == '/' && p[1] == '*') comment = true;
        if (comment && p[0] == '*' && p[1] == '/' ) comment = false;
        if (!comment && *p == '"') string = !string;
        if (string && *p == '\\') p++;
        if (!comment && !string && !strncmp(p, "evil", 4))
            ck_abort_msg("a user's word is code: %.40s", p);
    }
    free(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("source");
    TCase *t = tcase_create("text");
    tcase_add_loop_test(t, test_cases, 0, N_CASES);
    tcase_add_test(t, test_hostile);
    tcase_add_test(t, test_variant);
    tcase_add_loop_test(t, test_tiles, 0, N_CASES);
    tcase_add_loop_test(t, test_cxx, 0, N_FILES);
    tcase_add_loop_test(t, test_cxx_tiles, 0, 2);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
