/* tests/e2e/test_compile.c: the C compiler as a tool: what people see when it is missing or fails. */
#define _POSIX_C_SOURCE 200809L   /* setenv, mkdtemp */
#include "codegen/codegen.h"
#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char dir[512], source[600], output[600];

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* A folder with a runtime library that is empty, which is enough for programs that need none. */
static void setup(void)
{
    const char *base = getenv("SCRATCH");
    snprintf(dir, sizeof dir, "%s/compile-XXXXXX", base ? base : "/tmp");
    ck_assert(mkdtemp(dir) != NULL);
    snprintf(source, sizeof source, "%s/a b.c", dir);
    snprintf(output, sizeof output, "%s/program", dir);
    char library[600];
    snprintf(library, sizeof library, "%s/libseqc_rt.a", dir);
    write_text(library, "!<arch>\n");
}

static int count_files(void)
{
    DIR *d = opendir(dir);
    int n = 0;
    ck_assert(d != NULL);
    for (struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

static void teardown(void)
{
    char command[700];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert(system(command) == 0);
}

static bool compile(const char *cc, const char *text, char **message, Arena *a)
{
    write_text(source, text);
    CompileOpts o = { .cc = cc, .runtime_dir = dir };
    CompileUnit unit = { .source = source, .target = ir_target("x86-64") };
    return emit_compile(&unit, 1, output, &o, message, a);
}

/* main and the unit that it calls, which is what `seven` says. early: compiled before, not from what its
 * source says when both are. */
static bool compile_two(const char *seven, bool early, char **message, Arena *a)
{
    char second[700], objects[2][700];
    snprintf(second, sizeof second, "%s/second.c", dir);
    for (int i = 0; i < 2; i++) snprintf(objects[i], sizeof objects[i], "%s/%d.o", dir, i);
    write_text(source, "int seven(void);\nint main(void) { return seven(); }\n");
    write_text(second, seven);
    CompileOpts o = { .runtime_dir = dir };
    CompileUnit unit[] = { { source, objects[0], ir_target("generic"), false, false, NULL },
                           { second, objects[1], ir_target("x86-64"), false, false, NULL } };
    if (early) {
        ck_assert(emit_compile_start(&unit[1], &o, message, a));
        emit_compile_wait(&(CompileUnit){ .job = NULL });
        const struct timespec pause = { 0, 1000000 };
        for (int i = 0; i < 3000 && access(objects[1], R_OK); i++) nanosleep(&pause, NULL);
        write_text(second, "this is no C\n");
    }
    bool ok = emit_compile(unit, 2, output, &o, message, a);
    emit_compile_wait(&unit[1]);             /* does not wait again */
    unlink(objects[0]);
    unlink(objects[1]);
    return ok;
}

START_TEST(test_works)
{
    Arena *a = arena_new();
    char *message;
    ck_assert_msg(compile(NULL, "int main(void) { return 7; }\n", &message, a), "%s", message);
    ck_assert_int_eq(access(output, X_OK), 0);
    ck_assert_int_eq(count_files(), 3);      /* library, source, program */
    arena_free(a);
}
END_TEST

START_TEST(test_two_units)
{
    Arena *a = arena_new();
    char *message, command[700];
    snprintf(command, sizeof command, "'%s'", output);
    for (int early = 0; early < 2; early++) {
        bool ok = compile_two("int seven(void) { return 7; }\n", early, &message, a);
        ck_assert_msg(ok, "%s", message);
        ck_assert_int_eq(WEXITSTATUS(system(command)), 7);
        ck_assert_int_eq(count_files(), 4);      /* library, two sources, program */
        unlink(output);
    }
    ck_assert(!compile_two("int seven(void) { return missing; }\n", false, &message, a));
    ck_assert_msg(strstr(message, "second.c") != NULL, "not whose fault: %s", message);
    ck_assert(!compile_two("int eight(void) { return 8; }\n", false, &message, a));
    ck_assert_msg(strstr(message, "seven") != NULL, "not what the linker says: %s", message);
    ck_assert_int_eq(count_files(), 3);
    arena_free(a);
}
END_TEST

START_TEST(test_fails)
{
    Arena *a = arena_new();
    char *message;
    ck_assert(!compile(NULL, "int main(void) { return missing; }\n", &message, a));
    ck_assert_msg(strstr(message, "the C compiler failed (exit 1)") != NULL, "%s", message);
    ck_assert_msg(strstr(message, "-std=c11 -O3") != NULL, "no command line: %s", message);
    ck_assert_msg(strstr(message, "missing") != NULL, "not what it printed: %s", message);
    ck_assert_int_eq(count_files(), 2);      /* nothing is left */
    arena_free(a);
}
END_TEST

START_TEST(test_no_compiler)
{
    Arena *a = arena_new();
    char *message;
    ck_assert(!compile("no-such-compiler -x", "int main(void) { return 0; }\n", &message, a));
    ck_assert_msg(strstr(message, "there is no C compiler no-such-compiler") != NULL, "%s", message);
    ck_assert_int_eq(count_files(), 2);
    arena_free(a);
}
END_TEST

/* $CC may hold arguments, and --cc comes first. */
START_TEST(test_choice)
{
    Arena *a = arena_new();
    char *message;
    setenv("CC", "cc -DSEVEN=7", 1);
    ck_assert_msg(compile(NULL, "int main(void) { return SEVEN; }\n", &message, a), "%s", message);
    ck_assert(!compile("cc", "int main(void) { return SEVEN; }\n", &message, a));
    arena_free(a);
}
END_TEST

START_TEST(test_no_library)
{
    Arena *a = arena_new();
    char *message, library[600];
    snprintf(library, sizeof library, "%s/libseqc_rt.a", dir);
    ck_assert_int_eq(unlink(library), 0);
    ck_assert(!compile(NULL, "int main(void) { return 0; }\n", &message, a));
    ck_assert_msg(strstr(message, "is missing") != NULL && strstr(message, "SEQC_HOME") != NULL, "%s", message);
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compile");
    TCase *t = tcase_create("toolchain");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_works);
    tcase_add_test(t, test_two_units);
    tcase_add_test(t, test_fails);
    tcase_add_test(t, test_no_compiler);
    tcase_add_test(t, test_choice);
    tcase_add_test(t, test_no_library);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
