/* tests/e2e/test_kernels.c: every op, algorithm and type of generated code against the interpreter.
 *
 * A case is a graph as text; kernels_run.c takes it through layout, fuse, schedule, plan and codegen,
 * compiles and runs it. Each case runs fused and with every node its own kernel, in float and double. */
#include "kernels_run.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    const char *name;
    int capacity, classes;
    const char *states, *body;           /* types written with `real` */
} Case;

static const Case cases[] = {
#define CASE(name, capacity, classes, states, body) { name, capacity, classes, states, body },
#include "kernels_cases.def"
#undef CASE
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* The case as a module, `real` replaced by the type. */
static char *module_text(const Case *c, const char *real)
{
    size_t room = 4096 + 2 * (strlen(c->states) + strlen(c->body));
    char *s = calloc(room, 1), *w = s;
    char *raw = calloc(room, 1);
    bool update = strstr(c->body, "update ") != NULL;
    int at = snprintf(raw, room, "seqc.ir 1\nfile \"t.py\"\nbatch n <= %d\nreal %s\nstage tidy\n\n%s\nprogram \"t\"\n", c->capacity,
                      real, c->states);
    if (c->classes) at += snprintf(raw + at, room - (size_t)at, "target class %d\n", c->classes);
    at += snprintf(raw + at, room - (size_t)at, "input [3]\noutput [3]\nscalar \"lr\" \"a\"\nscalar \"bias2_sqrt\" \"sqrt(1 - pow(0.999, b))\"\n"
                   "scalar \"step_size\" \"a / (1 - pow(0.9, b))\"\n\ngraph %s\n%s", update ? "train" : "infer", c->body);
    for (const char *r = raw; *r;) {
        bool word = !strncmp(r, "real[", 5);
        if (word) {
            w += sprintf(w, "%s", real);
            r += 4;
        } else {
            *w++ = *r++;
        }
    }
    free(raw);
    return s;
}

static void one(int i, const char *real, Variant v)
{
    const Case *c = &cases[i];
    char *text = module_text(c, real), name[128];
    snprintf(name, sizeof name, "%s %s%s%s", c->name, real, v.no_fuse ? ", not fused" : "", v.blas ? ", blas" : "");
    const char *only = getenv("ONLY");
    if (!only || strstr(name, only)) check_text(name, text, v);
    free(text);
}

static const char *march(void)
{
    static const char *best;
    if (!best) best = __builtin_cpu_supports("avx512bw") ? "x86-64-v4" : __builtin_cpu_supports("avx2") ? "x86-64-v3" : "x86-64";
    return best;
}

START_TEST(test_fused) { one(_i, "f32", (Variant){ .march = march() }); } END_TEST
START_TEST(test_unfused) { one(_i, "f32", (Variant){ .no_fuse = true, .march = march() }); } END_TEST
START_TEST(test_double) { one(_i, "f64", (Variant){ .march = march() }); } END_TEST
START_TEST(test_plain_machine) { one(_i, "f32", (Variant){ .march = "x86-64" }); } END_TEST

int main(void)
{
    Suite *s = suite_create("kernels");
    TCase *t = tcase_create("cases");
    tcase_add_loop_test(t, test_fused, 0, N_CASES);
    tcase_add_loop_test(t, test_unfused, 0, N_CASES);
    tcase_add_loop_test(t, test_double, 0, N_CASES);
    tcase_add_loop_test(t, test_plain_machine, 0, N_CASES);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
