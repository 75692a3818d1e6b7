/* tests/e2e/test_fixtures.c: built programs against PyTorch's float64 results.
 *
 * Each model of tests/fixtures/models goes the whole way: seqc build, then the program's initial
 * weights, outputs, gradients, losses of steps and weights after them are compared with the file that
 * make_models.py wrote. Tolerances: outputs, and weights after steps, 1.3e-6 relative plus 1e-5;
 * gradients 1e-5 * max|b| + 1e-6 * G, G the model's largest gradient; initial weights 1e-6.
 *
 * For programs of another machine: BUILD_OPTIONS in place of --math strict, RUNNER runs programs
 * (qemu-aarch64). */
#define _XOPEN_SOURCE 700
#include "tests/e2e/fixtures.h"

/* One model's files. */
typedef struct Case {
    rt_tensors want;
    double tight;                /* what tolerances are multiplied by */
    char dir[512], program[800], weights[600];        /* program: the command that runs it */
} Case;

static const rt_tensor *want(const Case *c, const char *key)
{
    return rt_tensors_find(&c->want, key);
}

static const char *file(const Case *c, const char *name)
{
    static char path[4][700];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", c->dir, name);
    return path[turn];
}

static void write_npy(const Case *c, const char *key, const char *name)
{
    rt_err e = {0};
    ck_assert_msg(want(c, key) != NULL, "no %s", key);
    ck_assert_msg(rt_npy_write(&e, file(c, name), want(c, key)), "%s", e.message);
}

/* more: options of the build. */
static void open_case(Case *c, const char *name, const char *more)
{
    memset(c, 0, sizeof *c);
    c->tight = 1;
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s.safetensors", name);
    c->want = read_tensors(path);
    snprintf(c->dir, sizeof c->dir, "%s/%s", scratch(), name);
    run("rm -rf %s", c->dir);
    ck_assert(mkdir(c->dir, 0777) == 0);
    const char *runner = getenv("RUNNER"), *options = getenv("BUILD_OPTIONS");
    snprintf(c->program, sizeof c->program, "%s %s", runner ? runner : "", file(c, "program"));
    snprintf(c->weights, sizeof c->weights, "%s", file(c, "w.safetensors"));
    rt_err e = {0};
    rt_tensors w = {0};
    for (int64_t i = 0; i < c->want.count; i++) {
        rt_tensor *t = &c->want.item[i];
        if (strncmp(t->name, "w.", 2) == 0)
            ck_assert(rt_tensors_add(&e, &w, t->name + 2, t->dtype, t->rank, t->shape, t->data) != NULL);
    }
    ck_assert_msg(rt_safetensors_write(&e, c->weights, &w), "%s", e.message);
    rt_tensors_free(&w);
    const char *seqc = getenv("SEQC");
    run("%s build " FOLDER "/%s.py %s %s -o %s", seqc ? seqc : "seqc", name,
        options ? options : "--math strict", more, file(c, "program"));
}

/* Every tensor PREFIX.KEY of the fixture against KEY, with its own prefix, in `got`. */
static void compare_all(const Case *c, const char *prefix, rt_tensors *got, const char *got_prefix,
                        double rel, double of_max, double abs)
{
    size_t n = strlen(prefix);
    for (int64_t i = 0; i < c->want.count; i++) {
        const rt_tensor *b = &c->want.item[i];
        char key[256];
        if (strncmp(b->name, prefix, n) != 0)
            continue;
        snprintf(key, sizeof key, "%s%s", got_prefix, b->name + n);
        compare(key, rt_tensors_find(got, key), b, rel, of_max, abs);
    }
}

static void check_predict(const Case *c, const char *weights, const char *key)
{
    write_npy(c, "x", "x.npy");
    run("%s predict --quiet --weights %s --input %s --output %s", c->program, weights,
        file(c, "x.npy"), file(c, "y.npy"));
    rt_err e = {0};
    rt_tensor y = {0};
    ck_assert_msg(rt_npy_read(&e, file(c, "y.npy"), &y), "%s", e.message);
    compare(key, &y, want(c, key), 1.3e-6 * c->tight, 0, 1e-5 * c->tight);
    rt_tensor_free(&y);
}

static void check_grad(const Case *c)
{
    write_npy(c, "target", "t.npy");
    run("%s grad --weights %s --input %s --target %s -o %s", c->program, c->weights, file(c, "x.npy"),
        file(c, "t.npy"), file(c, "g.safetensors"));
    rt_tensors got = read_tensors(file(c, "g.safetensors"));
    compare("output", rt_tensors_find(&got, "output"), want(c, "output"), 1.3e-6 * c->tight, 0,
            1e-5 * c->tight);
    compare("loss", rt_tensors_find(&got, "loss"), want(c, "loss"), 1.3e-6 * c->tight, 0, 1e-5 * c->tight);
    double G = largest(want(c, "d_input"));
    for (int64_t i = 0; i < c->want.count; i++)
        if (strncmp(c->want.item[i].name, "d.", 2) == 0)
            G = fmax(G, largest(&c->want.item[i]));
    G *= c->tight;
    compare("d_input", rt_tensors_find(&got, "d_input"), want(c, "d_input"), 0, 1e-5 * c->tight, 1e-6 * G);
    compare_all(c, "d.", &got, "d_", 0, 1e-5 * c->tight, 1e-6 * G);
    rt_tensors_free(&got);
}

static void check_init(const Case *c)
{
    run("%s train --quiet --data %s --labels %s --epochs 0 --out %s", c->program, file(c, "dx.npy"),
        file(c, "dy.npy"), file(c, "run0"));
    rt_tensors got = read_tensors(file(c, "run0/last.safetensors"));
    compare_all(c, "init.", &got, "", 0, 0, 1e-6);
    rt_tensors_free(&got);
}

static void check_step_losses(const Case *c)
{
    FILE *f = fopen(file(c, "run/steps.csv"), "r");
    ck_assert_msg(f != NULL, "no steps.csv");
    char line[256];
    ck_assert(fgets(line, sizeof line, f) != NULL);
    ck_assert_str_eq(line, "step,epoch,loss,lr\n");
    const rt_tensor *losses = want(c, "step_loss");
    int64_t i = 0;
    for (; fgets(line, sizeof line, f); i++) {
        long step;
        double loss;
        ck_assert_msg(sscanf(line, "%ld,%*d,%lf,", &step, &loss) == 2, "steps.csv: %s", line);
        ck_assert_int_eq(step, i + 1);
        ck_assert(i < losses->elems);
        double wanted = rt_tensor_number(losses, i);
        ck_assert_msg(fabs(loss - wanted) <= 1e-5 * fabs(wanted) + 1e-6,
                      "loss of step %ld is %.9g, PyTorch has %.9g", step, loss, wanted);
    }
    fclose(f);
    ck_assert_int_eq(i, losses->elems);
}

static void check_train(const Case *c)
{
    run("%s train --quiet --weights %s --data %s --labels %s --no-shuffle --batch 4 --epochs 2 "
        "--log-steps --out %s", c->program, c->weights, file(c, "dx.npy"), file(c, "dy.npy"),
        file(c, "run"));
    check_step_losses(c);
    rt_tensors got = read_tensors(file(c, "run/last.safetensors"));
    compare_all(c, "after.", &got, "", 1.3e-6, 0, 1e-5);
    rt_tensors_free(&got);
    if (want(c, "output_after")) check_predict(c, file(c, "run/last.safetensors"), "output_after");
}

START_TEST(model)
{
    Case c;
    open_case(&c, model_name[_i], "");
    check_predict(&c, c.weights, "output_eval");
    if (want(&c, "target")) {
        check_grad(&c);
        write_npy(&c, "data_x", "dx.npy");
        write_npy(&c, "data_y", "dy.npy");
        check_init(&c);
        check_train(&c);
    }
    rt_tensors_free(&c.want);
    run("rm -rf %s", c.dir);
}
END_TEST

/* Functions in C, computed in double: nearer by far than 1e-6. */
START_TEST(own_in_double)
{
    Case c;
    if (strncmp(model_name[_i], "own_", 4) != 0) return;
    open_case(&c, model_name[_i], "--dtype f64");
    c.tight = 1e-3;
    check_predict(&c, c.weights, "output_eval");
    check_grad(&c);
    rt_tensors_free(&c.want);
    run("rm -rf %s", c.dir);
}
END_TEST

int main(void)
{
    /* The same source in a sixth of the compiler's time; tests/full.sh asks for -O3, as users get
     * it, and so do the samples and the comparison with PyTorch. */
    setenv("SEQC_CFLAGS", "-O0", 0);
    if (!find_models())
        return 1;
    Suite *s = suite_create("fixtures");
    TCase *t = tcase_create("models");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, model, 0, n_models);
    tcase_add_loop_test(t, own_in_double, 0, n_models);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed || !n_models;
}
