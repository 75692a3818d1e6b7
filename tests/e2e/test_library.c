/* tests/e2e/test_library.c: what `seqc emit` writes, against PyTorch's float64 results.
 *
 * Each model of tests/fixtures/models becomes a library, which is compiled by strict compilers of C99,
 * C11, C++11 and C++20 in turns, with its weights in each form in turns, and computes the fixture's
 * outputs in evaluation. Its object defines what its header says, and nothing that is written to. Those
 * of models that train take the fixture's steps. */
#define _XOPEN_SOURCE 700
#include "tests/e2e/fixtures.h"

/* Those of C++, and of Clang, where there is a compiler for it. */
static const char *const languages[2][4] = {
    { "gcc -std=c99", "g++ -x c++ -std=c++11", "gcc -std=c11", "g++ -x c++ -std=c++20" },
    { "clang -std=c99", "clang++ -x c++ -std=c++11", "clang -std=c11", "clang++ -x c++ -std=c++20" },
};
static bool has_cxx, has_clang;

static bool own_math(int i) { return i % 5 == 0 || i % 5 == 3; }

static int threads(int i) { return i % 3 == 1 ? 3 : 0; }

static const char *language(int i)
{
    return languages[has_clang && i / 4 % 2][has_cxx ? i % 4 : i % 2 * 2];
}

/* How the text is written, for that language, in how many files, with whose functions, for how many
 * threads. */
static const char *written(int i)
{
    static char options[96];
    bool c11 = strstr(language(i), "c11") || strstr(language(i), "c++11");
    snprintf(options, sizeof options, "--std %s --layout %s%s --threads %d", c11 ? "c11" : "c99",
             i / 2 % 2 ? "one" : "split", own_math(i) ? " --no-libm" : "", threads(i));
    return options;
}
static const char *const forms[] = { "const", "incbin", "bin" };
static const char *const strict =
    "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Wvla -Werror -O0";

/* The file of a fixture's tensors of this prefix. */
static void write_weights(const rt_tensors *want, const char *path)
{
    rt_err e = { 0 };
    rt_tensors w = { 0 };
    for (int64_t i = 0; i < want->count; i++) {
        rt_tensor *t = &want->item[i];
        if (strncmp(t->name, "w.", 2) == 0)
            ck_assert(rt_tensors_add(&e, &w, t->name + 2, t->dtype, t->rank, t->shape, t->data) != NULL);
    }
    ck_assert_msg(rt_safetensors_write(&e, path, &w), "%s", e.message);
    rt_tensors_free(&w);
}

static void write_floats(const rt_tensor *t, const char *path)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL);
    for (int64_t i = 0; i < t->elems; i++) {
        float x = (float)rt_tensor_number(t, i);
        ck_assert(fwrite(&x, sizeof x, 1, f) == 1);
    }
    ck_assert(fclose(f) == 0);
}

/* Reads as many floats as b has; its shape is b's. */
static rt_tensor read_floats(const rt_tensor *b, const char *path)
{
    rt_err e = { 0 };
    rt_tensor t = { 0 };
    FILE *f = fopen(path, "rb");
    ck_assert(rt_tensor_make(&e, &t, RT_F32, b->rank, b->shape));
    ck_assert(f != NULL);
    ck_assert_msg(fread(t.data, sizeof(float), (size_t)t.elems, f) == (size_t)t.elems
                  && fgetc(f) == EOF, "the output has another size");
    fclose(f);
    return t;
}

/* A model's library, compiled by `compiler` in a folder of its own, and its fixture. */
typedef struct Made {
    rt_tensors want;
    const rt_tensor *x, *y;
    char dir[600], weights[700];
} Made;

static const char *in_folder(const Made *m, const char *name)
{
    static char path[2][700];
    static int turn;
    turn = 1 - turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", m->dir, name);
    return path[turn];
}

static Made make(const char *name, const char *options, const char *form, const char *compiler)
{
    Made m = { .dir = "" };
    const char *seqc = getenv("SEQC");
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s.safetensors", name);
    m.want = read_tensors(path);
    m.x = rt_tensors_find(&m.want, "x");
    m.y = rt_tensors_find(&m.want, "output_eval");
    ck_assert(m.x != NULL && m.y != NULL);
    snprintf(m.dir, sizeof m.dir, "%s/library-%s", scratch(), name);
    snprintf(m.weights, sizeof m.weights, "%s.safetensors", m.dir);
    run("rm -rf %s", m.dir);
    write_weights(&m.want, m.weights);
    char batch[32] = "";
    bool trains = strstr(options, "train") != NULL;
    if (!trains) snprintf(batch, sizeof batch, "--batch %lld", (long long)m.x->shape[0]);
    run("%s emit " FOLDER "/%s.py --name net %s --weights %s --weights-as %s %s -o %s",
        seqc ? seqc : "seqc", name, batch, m.weights, form, options, m.dir);
    run("cd %s && for f in net*.c; do %s -DNET_WEIGHTS='\"net_weights.bin\"' -c $f || exit 1; done",
        m.dir, compiler);
    if (trains) return m;
    run("gcc -std=c11 -O0 %s -I%s tests/e2e/driver.c %s/*.o $(sed -n 's/^Libs:.* -lnet//p' %s) -o %s",
        strcmp(form, "bin") ? "" : "-DNET_LOADED", m.dir, m.dir, in_folder(&m, "net.pc.in"),
        in_folder(&m, "driver"));
    write_floats(m.x, in_folder(&m, "x"));
    run("cd %s && OPENBLAS_NUM_THREADS=1 ./driver x y net_weights.bin", m.dir);
    return m;
}

static void unmake(Made *m)
{
    rt_tensors_free(&m->want);
    run("rm -rf %s %s", m->dir, m->weights);
}

/* No object is written to; nothing is called but its own and, where it has not its own, the functions of
 * math.h. */
static void check_symbols(const Made *m, bool own)
{
    run("nm %s/net.o %s/net_w*.o 2>/dev/null | awk '$2 ~ /[BbDdCc]/ || ($1 == \"U\" && $2 !~ "
        "/^(mem(cpy|set)|net_.*%s)$/) { print; bad = 1 } END { exit bad }'", m->dir, m->dir, own ? "" :
        "|(a?(sin|cos|tan)h?|erfc?|exp2?|expm1|log|log1p|log2|pow|sqrt|floor|ceil|rint|nearbyint|trunc|"
        "round|fmod)f?");
}

START_TEST(library)
{
    char compiler[512], options[160];
    bool here = _i % 2 == 0;
    snprintf(compiler, sizeof compiler, "%s %s %s", language(_i), strict,
             here ? "-march=native" : "");
    snprintf(options, sizeof options, "--math strict --march %s %s", here ? "native" : "generic",
             written(_i));
    Made m = make(model_name[_i], options, forms[_i % 3], compiler);
    check_symbols(&m, own_math(_i));
    rt_tensor got = read_floats(m.y, in_folder(&m, "y"));
    compare("output_eval", &got, m.y, 1.3e-6, 0, 1e-5);
    rt_tensor_free(&got);
    unmake(&m);
}
END_TEST

/* Tensors of the driver's file that the fixture has, too. */
static void compare_after(const Made *m)
{
    FILE *f = fopen(in_folder(m, "tensors"), "rb");
    int64_t length, count, found = 0, wanted = 0;
    ck_assert(f != NULL);
    while (fread(&length, sizeof length, 1, f) == 1) {
        char key[256] = "after.";
        rt_err e = { 0 };
        rt_tensor t = { 0 };
        ck_assert(length > 0 && length < 200);
        ck_assert(fread(key + strlen("after."), 1, (size_t)length, f) == (size_t)length);
        ck_assert(fread(&count, sizeof count, 1, f) == 1);
        const rt_tensor *b = rt_tensors_find(&m->want, key);
        ck_assert(rt_tensor_make(&e, &t, RT_F64, b ? b->rank : 1, b ? b->shape : &count));
        ck_assert_int_eq(t.elems, count);
        ck_assert(fread(t.data, sizeof(double), (size_t)count, f) == (size_t)count);
        if (b) compare(key, &t, b, 1.3e-6, 0, 1e-5);
        found += b != NULL;
        rt_tensor_free(&t);
    }
    fclose(f);
    for (int64_t i = 0; i < m->want.count; i++)
        wanted += !strncmp(m->want.item[i].name, "after.", 6) && m->want.item[i].elems
               && !strstr(m->want.item[i].name, "num_batches");
    ck_assert_msg(found >= wanted, "%lld of %lld tensors", (long long)found, (long long)wanted);
}

static void write_raw(const rt_tensor *t, const char *path)
{
    if (t->dtype != RT_I64) {
        write_floats(t, path);
        return;
    }
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL && fwrite(t->data, 8, (size_t)t->elems, f) == (size_t)t->elems && !fclose(f));
}

/* Does the training step take class indices? Those of losses that take probabilities, too, do. */
static bool takes_indices(const Made *m)
{
    char line[800];
    snprintf(line, sizeof line, "grep -q 'const int64_t .target' %s", in_folder(m, "net.h"));
    return system(line) == 0;
}

/* Losses of six steps and the weights after them, as PyTorch has them. */
static void trains_alike(Made *m)
{
    const rt_tensor *x = rt_tensors_find(&m->want, "data_x"), *y = rt_tensors_find(&m->want, "data_y");
    if (takes_indices(m) && y->dtype != RT_I64) return;
    write_raw(x, in_folder(m, "data_x"));
    write_raw(y, in_folder(m, "data_y"));
    run("gcc -std=c11 -O0 %s $(sed -n 's/.*after so many steps, .*/-DNET_SCHEDULED=1/p; "
        "s/.*after so many epochs, .*/-DNET_SCHEDULED=0/p' %s) -I%s "
        "tests/e2e/driver_train.c %s/*.o -lm -lpthread -o %s/driver_train",
        y->dtype == RT_I64 ? "-DNET_INDEX" : "", in_folder(m, "net.h"), m->dir, m->dir, m->dir);
    run("cd %s && ./driver_train %lld data_x data_y losses tensors", m->dir, (long long)x->shape[0]);
    const rt_tensor *wanted = rt_tensors_find(&m->want, "step_loss");
    rt_tensor losses = read_floats(wanted, in_folder(m, "losses"));
    compare("step_loss", &losses, wanted, 1e-5, 0, 1e-6);
    rt_tensor_free(&losses);
    compare_after(m);
}

START_TEST(training)
{
    char compiler[512], options[160], path[512];
    snprintf(path, sizeof path, FOLDER "/%s.safetensors", model_name[_i]);
    rt_tensors look = read_tensors(path);
    if (rt_tensors_find(&look, "data_x")) {
        bool here = _i % 2 != 0;
        snprintf(compiler, sizeof compiler, "%s %s %s", language(_i), strict,
                 here ? "-march=native" : "");
        snprintf(options, sizeof options, "--mode train --batch 4 --math strict --march %s%s "
                 "--threads %d", here ? "native" : "generic", own_math(_i) ? " --no-libm" : "",
                 threads(_i));
        Made m = make(model_name[_i], options, "const", compiler);
        check_symbols(&m, own_math(_i));
        trains_alike(&m);
        unmake(&m);
    }
    rt_tensors_free(&look);
}
END_TEST

/* ---- --ram-budget ---- */

/* The smallest budget that works, of a refusal. */
static long long smallest(const char *name, const char *options)
{
    const char *seqc = getenv("SEQC");
    char line[1024];
    long long bytes = 0;
    snprintf(line, sizeof line, "%s emit " FOLDER "/%s.py --name net %s --ram-budget 1 -o %s/none 2>&1 "
             "| sed -n 's/^help: --ram-budget \\([0-9]*\\) is.*/\\1/p'", seqc ? seqc : "seqc", name,
             options, scratch());
    FILE *f = popen(line, "r");
    ck_assert(f != NULL && fscanf(f, "%lld", &bytes) == 1 && pclose(f) == 0);
    return bytes;
}

/* What a header says that its caller writes to, in bytes; a byte less is refused. */
static void keeps_budget(const Made *m, const char *name, const char *options, long long budget)
{
    const char *seqc = getenv("SEQC"), *macro = strstr(options, "train") ? "RAM" : "WORKSPACE";
    run("awk '$2 == \"NET_%s_BYTES\" { exit !($3 > 0 && $3 <= %lld) }' %s", macro, budget,
        in_folder(m, "net.h"));
    run("%s emit " FOLDER "/%s.py --name net %s --ram-budget %lld -o %s/none 2>/dev/null; [ $? = 1 ]",
        seqc ? seqc : "seqc", name, options, budget - 1, scratch());
}

/* In the smallest budget a model trains as ever, a sample at a time. The last ones do not: one has
 * fewer values than weights, one statistics of the batch, one labels that do not count. */
static const char *const tight[] = { "lenet", "conv_modes", "pads", "conv_transpose",
                                     "cross_entropy_images", "conv", "wide_frozen_clip",
                                     "batch_norm_2d", "cross_entropy_ignore" };
enum { N_TIGHT = sizeof tight / sizeof *tight, N_WHOLE = 3 };

START_TEST(budget_training)
{
    char options[200];
    const char *base = "--mode train --batch 4 --math strict --embed";
    long long bytes = smallest(tight[_i], base);
    snprintf(options, sizeof options, "%s --ram-budget %lld", base, bytes);
    char compiler[512];
    snprintf(compiler, sizeof compiler, "%s %s", language(_i), strict);
    Made m = make(tight[_i], options, "const", compiler);
    keeps_budget(&m, tight[_i], base, bytes);
    run("grep -q add_gradients %s; [ $? = %d ]", in_folder(&m, "net.c"), _i >= N_TIGHT - N_WHOLE);
    check_symbols(&m, false);
    trains_alike(&m);
    unmake(&m);
}
END_TEST

/* So does an inference. */
static const char *const small[] = { "lenet", "conv_modes", "pads", "wide", "class_image" };

START_TEST(budget_inference)
{
    char base[64], options[200], compiler[512], path[512];
    snprintf(path, sizeof path, FOLDER "/%s.safetensors", small[_i]);
    rt_tensors look = read_tensors(path);
    snprintf(base, sizeof base, "--math strict --march native --batch %lld",
             (long long)rt_tensors_find(&look, "x")->shape[0]);
    rt_tensors_free(&look);
    long long bytes = smallest(small[_i], base);
    snprintf(options, sizeof options, "%s --ram-budget %lld", base, bytes);
    snprintf(compiler, sizeof compiler, "%s %s -march=native", language(_i), strict);
    Made m = make(small[_i], options, "const", compiler);
    keeps_budget(&m, small[_i], base, bytes);
    rt_tensor got = read_floats(m.y, in_folder(&m, "y"));
    compare("output_eval", &got, m.y, 1.3e-6, 0, 1e-5);
    rt_tensor_free(&got);
    unmake(&m);
}
END_TEST

/* What a program of the same batch, target and mode predicts, to the bit: its kernels compiled by the
 * flags that the library's page names. */
static const char *const alike[] = { "wide_frozen_clip", "batch_norm_2d", "conv", "lenet", "class_image" };

static void compare_program(const char *name, const char *options)
{
    const char *seqc = getenv("SEQC"), *flags = getenv("SEQC_CFLAGS");
    if (strstr(flags, "-fsanitize") || strstr(flags, "--coverage")) {   /* so is the runtime library */
        printf("%s as a program: skipped: its flags are %s\n", name, flags);
        return;
    }
    unsetenv("SEQC_CFLAGS");
    Made m = make(name, options, "incbin",
                  "cc -std=c99 $(sed -n 's/^ *cc -std=c99 \\(.*\\) -c net.c$/\\1/p' README.md)");
    rt_err e = { 0 };
    rt_tensor want = { 0 };
    run("%s build " FOLDER "/%s.py --batch %lld %s -o %s", seqc ? seqc : "seqc", name,
        (long long)m.x->shape[0], options, in_folder(&m, "program"));
    ck_assert_msg(rt_npy_write(&e, in_folder(&m, "x.npy"), m.x), "%s", e.message);
    run("%s predict --quiet --weights %s --input %s --output %s/y.npy", in_folder(&m, "program"),
        m.weights, in_folder(&m, "x.npy"), m.dir);
    ck_assert_msg(rt_npy_read(&e, in_folder(&m, "y.npy"), &want), "%s", e.message);
    rt_tensor got = read_floats(&want, in_folder(&m, "y"));
    ck_assert_msg(memcmp(got.data, want.data, (size_t)want.bytes) == 0, "%s: other bits", name);
    rt_tensor_free(&got);
    rt_tensor_free(&want);
    unmake(&m);
}

START_TEST(program)
{
    if (its_turn(_i)) compare_program(alike[_i], "");
}
END_TEST

/* The same where OpenBLAS computes products. */
START_TEST(blas)
{
    if (system("echo 'int main(void) { return 0; }' | cc -xc - -lopenblas -o /dev/null 2>/dev/null")) {
        printf("blas: skipped: OpenBLAS is not installed\n");
        return;
    }
    unsetenv("OPENBLAS_CORETYPE");
    compare_program("wide_frozen_clip", "--blas openblas");
}
END_TEST

/* Every fifth model, or all of them where $EVERY is 1: kernels are the same that programs have, and
 * test_fixtures.c looks at those of all. */
static void thin_out(void)
{
    const char *every = getenv("EVERY");
    keep_every(getenv("ONLY") ? 1 : every ? atoi(every) : 5);
}

int main(void)
{
    setenv("SEQC_CFLAGS", "-O0", 0);      /* what prepares weights runs for a moment */
    if (!find_models()) return 1;
    has_cxx = system("command -v g++ >/dev/null") == 0;
    has_clang = system("command -v clang >/dev/null && command -v clang++ >/dev/null") == 0;
    thin_out();
    Suite *s = suite_create("library");
    TCase *t = tcase_create("models");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, library, 0, n_models);
    tcase_add_loop_test(t, training, 0, n_models);
    tcase_add_loop_test(t, program, 0, sizeof alike / sizeof *alike);
    tcase_add_test(t, blas);
    suite_add_tcase(s, t);
    TCase *b = tcase_create("budgets");
    tcase_set_timeout(b, 120);
    tcase_add_loop_test(b, budget_training, 0, N_TIGHT);
    tcase_add_loop_test(b, budget_inference, 0, sizeof small / sizeof *small);
    suite_add_tcase(s, b);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed || !n_models;
}
