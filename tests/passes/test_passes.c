/* tests/passes/test_passes.c: golden pairs and properties of the passes.
 *
 * tests/passes/NAME/case.ir goes through the pass NAME, or through those that a comment `# run: a b
 * c` in it lists, and must become case.out to the byte. SEQC_UPDATE=1 writes the .out files anew:
 * read the difference before you believe it.
 * Every case also runs the whole pipeline: values of returns, gradients and updates before and
 * after each pass agree on random inputs, by the float64 interpreter. */
#define _POSIX_C_SOURCE 200809L
#include "ir/trial.h"
#include "passes/passes.h"
#include "ir/tasks.h"
#include "tests/e2e/turns.h"
#include "tests/passes/random_graph.h"
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef SEQC_TEST_DIR
#define SEQC_TEST_DIR "tests/passes"
#endif

enum { MAX_CASES = 512, PATH = 1024, BATCH = 5 };

static char cases[MAX_CASES][PATH];          /* without .ir */
static char folders[MAX_CASES][64];
static int n_cases;

static const PassCtx strict = { .blas = BLAS_NONE, .verify = true };

static PassCtx context(const char *march)
{
    PassCtx c = strict;
    c.target = ir_target(march);
    return c;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    size_t n = 0, cap = 1 << 20;
    char *text = calloc(cap, 1);
    n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static Module *parse(const char *text, const char *path)
{
    ParseErr err;
    Module *m = ir_parse(text, strlen(text), &err);
    if (!m) ck_abort_msg("%s:%d:%d: %s", path, err.line, err.col, err.text);
    char why[IR_ERR];
    if (!ir_verify(m, why)) ck_abort_msg("%s: %s", path, why);
    return m;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* Folders and files are sorted: a failing case has the same number everywhere. */
static void collect(void)
{
    for (int p = 0; p < pass_count; p++) {
        char dir[PATH], names[MAX_CASES][128];
        int n = 0;
        snprintf(dir, sizeof dir, "%s/%s", SEQC_TEST_DIR, pass_table[p].name);
        DIR *d = opendir(dir);
        for (struct dirent *e; d && (e = readdir(d));) {
            size_t len = strlen(e->d_name);
            if (len < 4 || len >= 128 || strcmp(e->d_name + len - 3, ".ir")) continue;
            memcpy(names[n], e->d_name, len - 3);
            names[n++][len - 3] = '\0';
        }
        if (d) closedir(d);
        qsort(names, (size_t)n, sizeof *names, by_name);
        for (int i = 0; i < n; i++) {
            snprintf(folders[n_cases], sizeof *folders, "%s", pass_table[p].name);
            snprintf(cases[n_cases++], PATH, "%.800s/%.120s", dir, names[i]);
        }
    }
}

/* The passes of a case: the folder's, or those of its comment. Words point into `line`. */
static int passes_of(const char *text, const char *folder, char line[256], const char **names)
{
    const char *at = strstr(text, "# run: ");
    snprintf(line, 256, "%.*s", at ? (int)strcspn(at + 7, "\n") : 255, at ? at + 7 : folder);
    int n = 0;
    for (char *word = strtok(line, " "); word && n < 16; word = strtok(NULL, " "))
        names[n++] = word;
    return n;
}

static void compare_text(const char *path, const char *got)
{
    if (getenv("SEQC_UPDATE")) {
        FILE *f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        fputs(got, f);
        fclose(f);
        return;
    }
    char *want = read_all(path);
    if (!want) ck_abort_msg("%s is missing", path);
    int line = 1;
    size_t at = 0, start = 0;
    for (; want[at] && want[at] == got[at]; at++)
        if (want[at] == '\n') {
            line++;
            start = at + 1;
        }
    if (want[at] || got[at])
        ck_abort_msg("%s:%d differs\nwant %.*s\ngot  %.*s", path, line,
                     (int)strcspn(want + start, "\n"), want + start,
                     (int)strcspn(got + start, "\n"), got + start);
    free(want);
}

/* Predicted times follow the model of costs; the files are about what passes make. */
static void drop_times(Module *m)
{
    for (int i = 0; i < m->n_graph; i++)
        for (int k = 0; k < m->graph[i]->n_kernel; k++) m->graph[i]->kernel[k].us = 0;
}

START_TEST(golden)
{
    char path[PATH + 8], line[256], err[IR_ERR];
    const char *names[16];
    snprintf(path, sizeof path, "%.1000s.ir", cases[_i]);
    char *text = read_all(path);
    Module *m = parse(text, path);
    PassCtx c = context("x86-64-v4");
    if (strstr(text, "# cuda")) c.target = ir_gpu("cuda");
    c.no_fuse = strstr(text, "# no_fuse") != NULL;
    c.no_reuse = strstr(text, "# no_reuse") != NULL;
    c.most_arena_bytes = strstr(text, "# again") != NULL;
    c.blas = strstr(text, "# blas") ? BLAS_AUTO : BLAS_NONE;
    int n = passes_of(text, folders[_i], line, names);
    Module *out = pass_run_list(m, &c, names, n, err);
    if (!out) ck_abort_msg("%s: %s", path, err);
    Arena *a = arena_new();
    snprintf(path, sizeof path, "%.1000s.out", cases[_i]);
    drop_times(out);
    compare_text(path, ir_print_string(out, a));
    arena_free(a);
    ir_module_free(out);
    ir_module_free(m);
    free(text);
}
END_TEST

/* ---- predicted times ---- */

/* Microseconds of the first kernel of a product of n rows, on one instruction set. */
static double predicted(const char *march, int64_t n, int columns)
{
    char text[512], err[IR_ERR];
    static const char *const names[] = { "layout", "fuse" };
    snprintf(text, sizeof text,
             "seqc.ir 1\nbatch n <= %lld\nreal f32\nstage tidy\n\nstate \"w\" : f32[%d,512] param\n"
             "\ngraph infer\n%%0 = input \"x\" : f32[n,512]\n%%1 = linear %%0, \"w\" : f32[n,%d]\n"
             "return output=%%1\n",
             (long long)n, columns, columns);
    Module *m = parse(text, "a product");
    PassCtx c = context(march);
    Module *out = pass_run_list(m, &c, names, 2, err);
    ck_assert_msg(out != NULL, "%s", err);
    double us = out->graph[0]->kernel[0].us;
    ir_module_free(out);
    ir_module_free(m);
    return us;
}

/* No less than the peak of the instruction set allows, and not ten times as much; twice the work
 * takes about twice as long. */
START_TEST(times_are_predicted)
{
    double wide = predicted("x86-64-v4", 256, 512), flop = 2.0 * 256 * 512 * 512;
    double least = flop / (2 * 16 * 2) / 3e9 * 1e6;
    ck_assert_msg(wide >= least && wide < 10 * least, "%g us, at least %g", wide, least);
    ck_assert(predicted("x86-64-v3", 256, 512) > 1.5 * wide);
    double twice = predicted("x86-64-v4", 512, 512);
    ck_assert_msg(twice > 1.7 * wide && twice < 2.3 * wide, "%g us, then %g", wide, twice);
}
END_TEST

/* ---- algorithms ---- */

/* Matrix tiles serve a convolution with strides where the target has them, with as many parts as
 * the mode asks for. */
static const struct { const char *march, *math, *algo; } on_tiles[] = {
    { "sapphirerapids", "default", "conv_bf16x6" }, { "sapphirerapids", "fast", "conv_bf16x3" },
    { "sapphirerapids", "bf16", "conv_bf16x1" },    { "sapphirerapids", "strict", "patches" },
    { "x86-64-v4", "default", "patches" },          { "x86-64-v4", "bf16", "patches" },
};

START_TEST(tiles_are_chosen)
{
    static const char *const names[] = { "layout" };
    char text[1024], err[IR_ERR];
    snprintf(text, sizeof text,
             "seqc.ir 1\nbatch n <= 32\nreal f32\nmath %s\nstage tidy\n\n"
             "state \"w\" : f32[128,64,3,3] param\n\ngraph infer\n"
             "%%0 = input \"x\" : f32[n,64,32,32]\n%%1 = conv %%0, \"w\" {stride=[2,2] "
             "padding=[1,1,1,1] dilation=[1,1] groups=1} : f32[n,128,16,16]\nreturn output=%%1\n",
             on_tiles[_i].math);
    Module *m = parse(text, "a convolution");
    PassCtx c = context(on_tiles[_i].march);
    Module *out = pass_run_list(m, &c, names, 1, err);
    ck_assert_msg(out != NULL, "%s", err);
    const Graph *g = out->graph[0];
    const Node *x = ir_node(g, g->root[0].val);
    ck_assert_str_eq(ir_attr_str(x, AT_algo), on_tiles[_i].algo);
    bool said = ir_has(x, AT_why) && strstr(ir_attr_str(x, AT_why), "conv_bf16") != NULL;
    bool may = strcmp(on_tiles[_i].march, "sapphirerapids") == 0
            && strcmp(on_tiles[_i].math, "strict") != 0;
    ck_assert_msg(said == may, "%s, %s", on_tiles[_i].march, on_tiles[_i].math);
    ir_module_free(out);
    ir_module_free(m);
}
END_TEST

/* ---- a batch as its samples ---- */

/* A batch of so many images and two convolutions, with what follows them: does it go by sample; may it, as
 * the verifier says; or not? */
enum { NEVER, MAY, DOES };
static int by_sample(const char *march, int n, const char *state, const char *rest)
{
    char text[1024], err[IR_ERR];
    static const char *const names[] = { "single", "layout", "fuse", "schedule", "plan" };
    snprintf(text, sizeof text,
             "seqc.ir 1\nbatch n <= %d\nreal f32\nstage tidy\n\nstate \"v\" : f32[16,3,3,3] param\n"
             "state \"w\" : f32[16,16,3,3] param\n%s\ngraph infer\n"
             "%%0 = input \"x\" : f32[n,3,16,16]\n"
             "%%1 = conv %%0, \"v\" {padding=[1,1,1,1]} : f32[n,16,16,16]\n"
             "%%2 = relu %%1 : f32[n,16,16,16]\n"
             "%%3 = conv %%2, \"w\" {padding=[1,1,1,1]} : f32[n,16,16,16]\n%s", n, state, rest);
    Module *m = parse(text, "two convolutions");
    PassCtx c = context(march);
    Module *out = pass_run_list(m, &c, names, 5, err);
    ck_assert_msg(out != NULL, "%s", err);
    Graph *infer = ir_graph_find(out, "infer");
    int is = infer->by_sample ? DOES : MAY;
    infer->by_sample = true;
    if (!ir_verify(out, err)) {
        ck_assert_ptr_nonnull(strstr(err, "samples one by one have one input"));
        is = NEVER;
    }
    ck_assert(ir_graph_find(out, "infer_one") && !ir_graph_find(out, "infer_one")->by_sample);
    ir_module_free(out);
    ir_module_free(m);
    return is;
}

/* 16 kB lie between the kernels of an image, 256 kB are in a core's second cache. Not where a batch
 * is near it; where each image would read 2 MB of weights; where a layer draws, whose numbers
 * belong to places in the batch; never where there are two inputs. */
START_TEST(samples_one_by_one)
{
    static const char end[] = "return output=%3\n";
    ck_assert_int_eq(by_sample("generic", 256, "", end), DOES);
    ck_assert_int_eq(by_sample("generic", 64, "", end), MAY);
    ck_assert_int_eq(by_sample("generic", 256, "state \"u\" : f32[512,1024] param\n",
                               "%4 = pool_sum %3 {kernel=[2,2] stride=[2,2]} : f32[n,16,8,8]\n"
                               "%5 = reshape %4 : f32[n,1024]\n%6 = linear %5, \"u\" : f32[n,512]\n"
                               "return output=%6\n"), MAY);
    ck_assert_int_eq(by_sample("generic", 256, "",
                               "%4 = random {stream=\"d\"} : f32[n,16,16,16]\n"
                               "%5 = mul %3, %4 : f32[n,16,16,16]\nreturn output=%5\n"), NEVER);
    ck_assert_int_eq(by_sample("generic", 256, "",
                               "%4 = input \"y\" : f32[n,16,16,16]\n"
                               "%5 = mul %3, %4 : f32[n,16,16,16]\nreturn output=%5\n"), NEVER);
}
END_TEST

/* ---- the same values before and after ---- */

/* Reals in (0, 1), where every function of the table is defined. */
static double **values(Trial *t)
{
    EvalIn in = ir_trial(t);
    return ir_root_values(t->g, ir_eval(t->g, &in, t->arena), t->arena);
}

static void same_values(const Module *before, const Module *after, const char *what)
{
    for (int i = 0; i < before->n_graph; i++) {
        const Graph *b = before->graph[i], *a = ir_graph_find(after, b->name);
        ck_assert_ptr_nonnull(a);
        Arena *arena = arena_new();
        Trial tb = { .g = b, .n = BATCH, .arena = arena }, ta = tb;
        ta.g = a;
        Gap gap = ir_gap(b, values(&tb), a, values(&ta), BATCH);
        if (gap.share > 1e-12)
            ck_abort_msg("%s: %s root %d element %d: %.17g became %.17g", what, b->name,
                         (int)(gap.root - b->root), (int)gap.at, gap.a, gap.b);
        arena_free(arena);
    }
}

typedef struct { Module *last; const char *path; int kept; } Watch;

static void after_pass(void *ctx, const char *pass, const Module *m, double seconds)
{
    Watch *w = ctx;
    (void)seconds;
    char what[PATH + 64];
    snprintf(what, sizeof what, "%s, after %s", w->path, pass);
    same_values(w->last, m, what);
    Arena *a = arena_new();
    char *text = ir_print_string(m, a);
    ir_module_free(w->last);
    w->last = parse(text, what);
    arena_free(a);
    w->kept++;
}

static void reaches_bound(const Module *m, const char *path)
{
    for (int i = 0; i < m->n_graph; i++)
        if (m->graph[i]->arena_bytes != m->graph[i]->bound_bytes)
            ck_abort_msg("%s: %s: the arena is above its bound", path, m->graph[i]->name);
}

/* Workers' memory in the arena is apart from all that lives while the kernel runs. */
static void workers_apart(const Module *m, const Target *t, const char *path)
{
    static const int64_t sizes[] = { 64, 640, 1 << 20 };
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        for (int at = 0; at < 3 * g->n_kernel; at++) {
            int k = at / 3;
            int64_t bytes = sizes[at % 3], place = ir_workspace_place(g, k, bytes);
            ck_assert(place >= 0 && place % 64 == 0 && place <= g->arena_bytes);
            for (int j = 0; j < g->n_buffer; j++) {
                const Buffer *b = &g->buffer[j];
                bool lives = ir_in_arena(b) && b->first <= k && k <= b->last;
                if (lives && b->offset_bytes < place + bytes && place < b->offset_bytes + b->bytes)
                    ck_abort_msg("%s: %s: k%d's workers lie on buffer %d", path, g->name, k, j);
            }
        }
        int64_t both = ir_workspace_bytes(g, t->vector_bytes, 1);
        ck_assert(both >= g->arena_bytes && both <= g->arena_bytes + g->worker_bytes);
    }
}

/* The whole pipeline on a text, with the values compared after each pass. */
static void run_pipeline(const char *text, const char *path, PassCtx c)
{
    Watch w = { parse(text, path), path, 0 };
    c.after = after_pass;
    c.ctx = &w;
    Module *m = parse(text, path), *out = pass_run(m, &c, NULL);
    ck_assert_str_eq(out->stage, "plan");
    ck_assert_int_gt(w.kept, 0);
    if (c.target) workers_apart(out, c.target, path);
    ir_module_free(out);
    ir_module_free(m);
    ir_module_free(w.last);
}

/* turn: of two; the other has every other case. */
static void keeps_values(int turn, const char *march, bool no_fuse, bool no_reuse, bool again)
{
    for (int i = 0; i < n_cases; i++) {
        if (!its_turn_of(i + turn, 2)) continue;
        char path[PATH + 8];
        snprintf(path, sizeof path, "%.1000s.ir", cases[i]);
        char *text = read_all(path);
        PassCtx c = context(march);
        c.no_fuse = no_fuse;
        c.no_reuse = no_reuse;
        c.most_arena_bytes = again;
        run_pipeline(text, path, c);
        if (!no_reuse) {
            Module *m = parse(text, path), *out = pass_run(m, &c, NULL);
            reaches_bound(out, path);
            ir_module_free(out);
            ir_module_free(m);
        }
        free(text);
    }
}

START_TEST(values_fused) { keeps_values(0, "x86-64-v4", false, false, false); } END_TEST
START_TEST(values_alone) { keeps_values(1, "x86-64-v3", true, false, false); } END_TEST
START_TEST(values_apart) { keeps_values(0, "", false, true, false); } END_TEST
START_TEST(values_again) { keeps_values(1, "", false, false, true); } END_TEST

/* ---- random graphs ---- */

START_TEST(random_graphs)
{
    for (uint64_t k = 0; k < 40; k++) {
        uint64_t seed = (uint64_t)_i * 1000 + k;
        char *text = random_graph(seed), what[64];
        snprintf(what, sizeof what, "random graph %d", (int)seed);
        PassCtx c = context("x86-64-v4");
        c.no_fuse = k % 8 == 7;
        c.most_arena_bytes = k % 3 == 1;      /* as many values as can be are computed again */
        run_pipeline(text, what, c);
        free(text);
    }
}
END_TEST

START_TEST(deterministic)
{
    for (int i = 0; i < n_cases; i++) {
        char path[PATH + 8];
        snprintf(path, sizeof path, "%.1000s.ir", cases[i]);
        char *text = read_all(path);
        PassCtx c = context("x86-64-v4");
        Module *m = parse(text, path), *p = pass_run(m, &c, NULL), *q = pass_run(m, &c, NULL);
        Arena *a = arena_new();
        ck_assert_str_eq(ir_print_string(p, a), ir_print_string(q, a));
        arena_free(a);
        ir_module_free(p);
        ir_module_free(q);
        ir_module_free(m);
        free(text);
    }
}
END_TEST

START_TEST(shown)
{
    char *text = read_all(SEQC_TEST_DIR "/plan/regression.ir"), *got = NULL;
    PassCtx c = context("x86-64-v4");
    Module *m = parse(text, "regression"), *out = pass_run(m, &c, NULL);
    size_t n;
    FILE *f = open_memstream(&got, &n);
    for (int i = 0; i < out->n_graph; i++) pass_print_plan(out->graph[i], f);
    fclose(f);
    compare_text(SEQC_TEST_DIR "/plan/regression.show", got);
    free(got);
    ir_module_free(out);
    ir_module_free(m);
    free(text);
}
END_TEST

/* ---- the runner ---- */

static const char tiny[] = "seqc.ir 1\nbatch n <= 4\nreal f32\nstage shape\n\nprogram \"t\"\n\n"
                           "graph infer\n%0 = input \"x\" : f32[n,3]\n%1 = relu %0 : f32[n,3]\n"
                           "return output=%1\n";

START_TEST(refusals)
{
    char err[IR_ERR];
    PassCtx c = context("x86-64-v4");
    Module *m = parse(tiny, "tiny");
    ck_assert_ptr_null(pass_run_list(m, &c, (const char *[]){ "fold" }, 1, err));
    ck_assert_str_eq(err, "there is no pass `fold`");
    ck_assert_ptr_null(pass_run_list(m, &c, (const char *[]){ "plan" }, 1, err));
    ck_assert_str_eq(err, "the pass `plan` needs kernels; run `fuse` first");
    Module *same = pass_run_list(m, &c, NULL, 0, err);
    Arena *a = arena_new();
    ck_assert_str_eq(ir_print_string(m, a), ir_print_string(same, a));
    arena_free(a);
    ir_module_free(same);
    ir_module_free(m);
}
END_TEST

START_TEST(stops)
{
    PassCtx c = context("x86-64-v4");
    Module *m = parse(tiny, "tiny");
    for (int i = 1; i < pass_count; i++) {
        Module *out = pass_run(m, &c, pass_table[i].name);
        ck_assert_str_eq(out->stage, pass_table[i].name);
        Module *rest = pass_run(out, &c, NULL);
        ck_assert_str_eq(rest->stage, "plan");
        ir_module_free(rest);
        ir_module_free(out);
    }
    ir_module_free(m);
}
END_TEST

int main(void)
{
    collect();
    Suite *s = suite_create("passes");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, golden, 0, n_cases);
    tcase_add_test(t, times_are_predicted);
    tcase_add_test(t, samples_one_by_one);
    tcase_add_loop_test(t, tiles_are_chosen, 0, (int)(sizeof on_tiles / sizeof *on_tiles));
    tcase_add_test(t, values_fused);
    tcase_add_test(t, values_alone);
    tcase_add_test(t, values_apart);
    tcase_add_test(t, values_again);
    tcase_add_test(t, deterministic);
    tcase_add_loop_test(t, random_graphs, 0, 8);
    tcase_add_test(t, shown);
    tcase_add_test(t, refusals);
    tcase_add_test(t, stops);
    suite_add_tcase(s, t);
    if (!n_cases) {
        fprintf(stderr, "no cases under %s\n", SEQC_TEST_DIR);
        return 1;
    }
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
