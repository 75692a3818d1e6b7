/* tests/unit/test_schedules.c: learning rates and cycled momenta against PyTorch's, over 30 epochs.
 *
 * Each file of tests/fixtures/schedules is compiled; its formulas are evaluated, and the runtime
 * turns them into rates, epoch by epoch. Tolerance: 1e-12 relative and 1e-15. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/frontend.h"
#include "runtime/program.h"
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/fixtures/schedules"
enum { MAX_MODELS = 64, MAX_GROUPS = 4, EPOCHS = 30, EPOCH_STEPS = 5 };
static char *name[MAX_MODELS];
static int n_names;

static Module *compile(const char *path)
{
    static char text[1 << 14];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    FeDiags *d = fe_diags_new();
    FeOpts opts = { .real = DT_f32 };
    Module *m = fe_compile(path, text, n, &opts, d);
    if (!m) fe_diags_text(d, stderr, false);
    ck_assert_ptr_nonnull(m);
    fe_diags_free(d);
    return m;
}

static double value(const char *f, double a, double b, double c)
{
    Arena *scratch = arena_new();
    ExPool *p = ex_pool(scratch);
    char err[EX_ERR];
    Ex e = ex_parse(p, f, NULL, err);
    ck_assert_msg(e.i != 0, "%s: %s", f, err);
    double x = ex_eval(p, e, (const double[]){ a, b, c });
    arena_free(scratch);
    return x;
}

static const char *formula;
static double schedule(double lr, double done, double steps)
{
    return value(formula, lr, done, steps);
}

/* What a generated program would say of itself. */
static rt_model model_of(const Module *m, double lrs[MAX_GROUPS])
{
    const Program *p = &m->prog;
    rt_model r = { .lr = p->lr, .lrs = lrs, .n_lrs = p->n_group };
    ck_assert_int_le(p->n_group, MAX_GROUPS);
    for (int i = 0; i < p->n_group; i++)
        lrs[i] = p->group[i].lr < 0 ? p->lr : p->group[i].lr;
    formula = p->schedule;
    r.schedule = p->schedule ? schedule : NULL;
    r.schedule_steps = p->schedule_steps;
    const double *x = p->plateau;
    r.plateau = (rt_plateau){ x[PLATEAU_factor], x[PLATEAU_patience], x[PLATEAU_threshold],
                              x[PLATEAU_relative], x[PLATEAU_cooldown], x[PLATEAU_min_lr],
                              x[PLATEAU_eps] };
    return r;
}

static double momentum(const OptGroup *g, double step)
{
    for (int i = 0; i < g->n_setting; i++) {
        const OptSetting *s = &g->setting[i];
        if (!strcmp(s->name, "momentum") || !strcmp(s->name, "beta1"))
            return s->f ? value(s->f, NAN, step, EPOCH_STEPS) : s->value;
    }
    return NAN;
}

static void same(const char *what, int epoch, int group, double got, FILE *f)
{
    double want;
    ck_assert_int_eq(fscanf(f, "%lf", &want), 1);
    ck_assert_msg(fabs(got - want) <= 1e-12 * fabs(want) + 1e-15,
                  "%s of group %d at %d is %.17g, PyTorch has %.17g", what, group, epoch, got,
                  want);
}

static FILE *numbers(const char *model)
{
    char path[256];
    snprintf(path, sizeof path, FOLDER "/%s.txt", model);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    return f;
}

START_TEST(rates)
{
    char path[256];
    snprintf(path, sizeof path, FOLDER "/%s.py", name[_i]);
    Module *m = compile(path);
    double lrs[MAX_GROUPS], lr[MAX_GROUPS];
    rt_model model = model_of(m, lrs);
    rt_prog p = { .model = &model, .lr = lr, .epoch_steps = EPOCH_STEPS };
    rt_point point = { .plateau = INFINITY };
    FILE *f = numbers(name[_i]);
    for (int i = 0; i < EPOCHS; i++) {
        point.step = point.epoch = i;
        if (model.plateau.factor > 0) ck_assert_int_eq(fscanf(f, "%lf", &point.loss), 1);
        rt_rates_set(&p, m->prog.lr, &point);
        for (int k = 0; k < m->prog.n_group; k++) {
            same("the rate", i, k, lr[k], f);
            same("the momentum", i, k, momentum(&m->prog.group[k], i + 1), f);
        }
        rt_plateau_step(&model, &point);
    }
    fclose(f);
    ir_module_free(m);
}
END_TEST

/* --lr is the first rate; rates of other groups keep their ratio to it. */
START_TEST(other_rate)
{
    Module *m = compile(FOLDER "/step_groups.py");
    double lrs[MAX_GROUPS], lr[MAX_GROUPS];
    rt_model model = model_of(m, lrs);
    rt_prog p = { .model = &model, .lr = lr, .epoch_steps = EPOCH_STEPS };
    rt_rates_set(&p, 0.25, &(rt_point){ .epoch = 4 });
    ck_assert_double_eq_tol(lr[0], 0.25 * 0.6, 1e-15);
    ck_assert_double_eq_tol(lr[1], 0.01 * 0.6, 1e-15);
    ir_module_free(m);
}
END_TEST

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void)
{
    DIR *d = opendir(FOLDER);
    if (!d) {
        fputs("run this from the source root: no " FOLDER "\n", stderr);
        return 1;
    }
    for (struct dirent *f; n_names < MAX_MODELS && (f = readdir(d)) != NULL;) {
        char *dot = strrchr(f->d_name, '.');
        if (!dot || strcmp(dot, ".txt") != 0) continue;
        *dot = 0;
        name[n_names++] = strdup(f->d_name);
    }
    closedir(d);
    qsort(name, (size_t)n_names, sizeof *name, by_name);
    Suite *s = suite_create("schedules");
    TCase *t = tcase_create("schedules");
    tcase_add_loop_test(t, rates, 0, n_names);
    tcase_add_test(t, other_rate);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed || !n_names;
}
