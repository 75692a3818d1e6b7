/* frontend/cmd_verify_run.c: a library at work: its sources are compiled with the program around it,
 * which runs in a process of its own, speaks through files, and may be run by an emulator. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "codegen/stored.h"
#include "runtime/files.h"
#include "frontend/cmd_verify.h"
#include "runtime/base.h"
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SOURCES = 8, MOST_WORDS = 16 };
enum { NO_DEVICE = 3 };              /* the exit code of a program that finds none, or whose driver fails */

/* ---- its files ---- */

static const char *file_of(const Verify *v, const char *end)
{
    return arena_printf(v->c->arena, "%s/%s%s", v->dir, v->name, end);
}

int verify_files(Verify *v)
{
    rt_err err = { 0 };
    const char *const file[] = { file_of(v, ".c"), file_of(v, ".h") };
    for (int i = 0; i < 2; i++)
        if (access(file[i], R_OK)) {
            rt_fail_errno(&err, errno, file[i], "cannot be read");
            return cmd_fail_rt(v->c, &err);
        }
    const char *images = file_of(v, "_images.c");
    if (v->e.opts.n_arch && access(images, R_OK))
        return cmd_fail(v->c, EXIT_IO, "%s: it cannot be read: %s\nhelp: it has the compiled kernels: emit the "
                        "library where there is NVRTC, or copy what CMake has made by nvcc", images,
                        strerror(errno));
    v->e.opts.weights = v->emit.number[OPT_weights_as] == AS_BIN ? WEIGHTS_BIN : WEIGHTS_CONST;
    return EXIT_OK;
}

/* The library's, then the program's. */
static void sources_of(const Verify *v, const char *driver, const char *list[MOST_SOURCES + 1])
{
    int n = 0;
    list[n++] = file_of(v, ".c");
    if (emit_library_has_weights(&v->e.opts)) list[n++] = file_of(v, "_weights.c");
    if (v->e.opts.n_arch) list[n++] = file_of(v, "_images.c");
    if (v->e.opts.threads) list[n++] = file_of(v, "_threads.c");
    list[n++] = driver;
    list[n] = NULL;
}

static void print_driver(FILE *out, const void *ctx)
{
    const Verify *v = ctx;
    emit_library_driver(v->e.m, &v->e.opts, out);
}

/* An exit code; *message: the compiler's, with EXIT_OK. */
static int compile(const Verify *v, const char *program, const char *const *more, char **message)
{
    const Cmd *c = v->c;
    Arena *a = c->arena;
    const char *dir, *sources[MOST_SOURCES + 1], *extra[16];
    CompileOpts o;
    int n = 0, code = cmd_compile_opts(c, &o);
    if (!code) code = cmd_folder(c, &dir);
    if (code) return code;
    const char *driver = cmd_folder_file(c, dir, "-driver.c");
    code = cmd_write(c, driver, print_driver, v);
    if (code) return code;
    sources_of(v, driver, sources);
    extra[n++] = arena_printf(a, "-I%s", v->dir);
    extra[n++] = arena_printf(a, "-D%s_WEIGHTS=\"%s_weights.bin\"", emit_upper(v->name, a),
                              file_of(v, ""));
    for (int i = 0; o.extra && o.extra[i] && n < 10; i++) extra[n++] = o.extra[i];
    for (int i = 0; more && more[i]; i++) extra[n++] = more[i];
    extra[n] = NULL;
    o.extra = extra;
    emit_compile_library(v->e.m, &v->e.opts, sources, program, &o, message, a);
    return cmd_interrupted();
}

/* ---- cases, as numbers ---- */

static void put(FILE *out, DType d, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        char bytes[8];
        stored_put(d, bytes, 0, x[i]);
        fwrite(bytes, 1, (size_t)ir_dtype_bytes(d), out);
    }
}

static void put_input(FILE *out, Case *k, const char *name)
{
    const Graph *g = k->trial.g;
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name))
            put(out, g->node[i].type.dtype, ir_trial_input(&k->trial, name),
                ir_elems_at(&g->node[i].type.shape, k->trial.n));
}

/* Rates are those of ir_trial's scalars. */
static void put_step(FILE *out, const Verify *v, Case *k)
{
    const int rates = v->e.m->prog.n_group ? v->e.m->prog.n_group : 1;
    const uint64_t head[3] = { (uint64_t)k->trial.n, trial_seed, TRIAL_STEP };
    const double steps = TRIAL_STEPS;
    fwrite(head, sizeof head, 1, out);
    fwrite(&steps, sizeof steps, 1, out);
    for (int i = 0; i < rates; i++)
        fwrite(&trial_lr[(size_t)i % (sizeof trial_lr / sizeof *trial_lr)], sizeof *trial_lr, 1, out);
    put_input(out, k, "x");
    put_input(out, k, "target");
    for (int i = 0; i < v->states.n; i++) {
        const Type *t = &v->e.m->state[v->states.state[i]].type;
        int64_t n = ir_elems_at(&t->shape, 1);
        put(out, t->dtype, v->seen[i].i ? ir_trial_state(&k->trial, v->seen[i])
                                        : arena_alloc(v->c->arena, (size_t)n + 1, sizeof(double)), n);
    }
}

static void print_cases(FILE *out, const void *ctx)
{
    const Verify *v = ctx;
    const int64_t calls[2] = { v->n_inference, v->n_case - v->n_inference };
    fwrite(calls, sizeof calls, 1, out);
    for (int i = 0; i < v->n_case; i++) {
        if (i < v->n_inference) put_input(out, &v->cases[i], "x");
        else put_step(out, v, &v->cases[i]);
    }
}

/* ---- running ---- */

/* The words of --runner, the program, its files. *printed: null, or what it said as it failed. An
 * exit code. */
static int execute(const Verify *v, const char *program, const char *cases, const char *results,
                   const char **wrong)
{
    Arena *a = v->c->arena;
    const char *argv[MOST_WORDS + 6], *s = v->c->text[OPT_runner];
    int n = 0, status = 0;
    char *printed = NULL;
    while (s && *(s += strspn(s, " ")) && n < MOST_WORDS) {
        size_t length = strcspn(s, " ");
        argv[n++] = arena_strn(a, s, length);
        s += length;
    }
    argv[n++] = program;
    argv[n++] = cases;
    argv[n++] = results;
    argv[n++] = file_of(v, "_weights.bin");
    argv[n] = NULL;
    if (!emit_execute(argv, results, v->c->text[OPT_verbose] != NULL, &status, &printed, a))
        return cmd_fail(v->c, EXIT_IO, "%s", printed);
    if (cmd_interrupted()) return cmd_interrupted();
    *wrong = NULL;
    if (v->e.opts.n_arch && WIFEXITED(status) && WEXITSTATUS(status) == NO_DEVICE)
        return cmd_fail(v->c, EXIT_IO, "%s: %.*s", v->dir, (int)strcspn(printed, "\n"), printed);
    if (WIFSIGNALED(status))
        *wrong = arena_printf(a, "it ends by signal %d", WTERMSIG(status));
    else if (status)
        *wrong = *printed ? arena_strn(a, printed, strcspn(printed, "\n"))
                          : arena_printf(a, "it ends with exit code %d", WEXITSTATUS(status));
    return EXIT_OK;
}

static double *decoded(const Verify *v, const Type *t, int64_t n, const char *from, bool by_axes)
{
    StoredAxis axis[IR_MAX_RANK];
    double *x = arena_alloc(v->c->arena, (size_t)n + 1, sizeof *x);
    if (by_axes) ir_stored_axes(t, 1, axis);
    for (int64_t i = 0; i < n; i++)
        x[i] = stored_get(t->dtype, from, by_axes ? stored_at(t, axis, i) : i);
    return x;
}

/* The weights that are compiled in, or that it reads. */
static int take_weights(Verify *v, const rt_buf *b)
{
    const LibraryStates *s = &v->states;
    int64_t length = (int64_t)sizeof s->about + (int64_t)s->about[2];
    if (b->length != length || memcmp(b->data, s->about, sizeof s->about) != 0)
        return cmd_fail(v->c, EXIT_REFUSED, "%s: %s.c is not what %s.ir makes: one of them has been "
                        "changed, or seqc has\nhelp: emit it again", v->dir, v->name, v->name);
    v->intact = emit_library_intact(b->data + sizeof s->about, (int64_t)s->about[2]);
    v->weight = arena_alloc(v->c->arena, v->reference->n_state, sizeof *v->weight);
    for (int i = 0; i < s->n; i++) {
        const Type *t = &v->e.m->state[s->state[i]].type;
        if (v->seen[i].i) v->weight[v->seen[i].i] = decoded(v, t, ir_elems_at(&t->shape, 1),
                                         b->data + sizeof s->about + s->offset_bytes[i], true);
    }
    return EXIT_OK;
}

/* At `at` elements as the type holds them, or doubles; then it is behind them. */
static double *taken(const Verify *v, const Type *t, int64_t n, bool doubles, const char **at)
{
    const Type plain = { .dtype = doubles ? DT_f64 : t->dtype };
    double *x = decoded(v, &plain, n, *at, false);
    *at += n * ir_dtype_bytes(plain.dtype);
    return x;
}

const char *verify_take(const Verify *v, const Case *k, bool doubles, const char *at, double ***root)
{
    const Graph *g = k->trial.g;
    *root = arena_alloc(v->c->arena, (size_t)g->n_root + 1, sizeof **root);
    for (int r = 0; r < g->n_root; r++) {
        const Type *t = ir_type(g, g->root[r].val);
        if (g->root[r].kind == ROOT_RETURN)
            (*root)[r] = taken(v, t, ir_elems_at(&t->shape, k->trial.n), doubles, &at);
    }
    for (int i = 0; k->trains && i < v->states.n; i++) {
        const Type *t = &v->e.m->state[v->states.state[i]].type;
        if (doubles && !v->seen[i].i) continue;
        double *x = taken(v, t, ir_elems_at(&t->shape, 1), doubles, &at);
        for (int r = 0; r < g->n_root; r++)
            if (g->root[r].kind == ROOT_UPDATE && g->root[r].state.i == v->seen[i].i)
                (*root)[r] = x;
    }
    return at;
}

static int take_results(Verify *v, const rt_buf *b)
{
    const char *at = b->data + sizeof v->states.about + v->states.about[2];
    for (int i = 0; i < v->n_case; i++)
        at = verify_take(v, &v->cases[i], false, at, &v->cases[i].got);
    return at == b->data + b->length ? EXIT_OK
         : cmd_fail(v->c, EXIT_IO, "%s: the results are not whole", v->dir);
}

/* Runs the cases that there are. */
static int run(Verify *v, const char *program, rt_buf *results, const char **wrong)
{
    rt_err e = { 0 };
    const char *dir;
    int code = cmd_folder(v->c, &dir);
    if (code) return code;
    const char *in = cmd_folder_file(v->c, dir, "-cases"), *out = cmd_folder_file(v->c, dir, "-results");
    code = cmd_write(v->c, in, print_cases, v);
    if (!code) code = execute(v, program, in, out, wrong);
    if (!code && !*wrong && !rt_file_read(&e, out, -1, results)) code = cmd_fail_rt(v->c, &e);
    return code;
}

static const char *program_of(const Verify *v, const char *end)
{
    const char *dir;
    return cmd_folder(v->c, &dir) ? NULL : cmd_folder_file(v->c, dir, end);
}

int verify_compile(Verify *v)
{
    if (ir_target_foreign(v->e.opts.target) && !v->c->text[OPT_runner])
        return cmd_fail(v->c, EXIT_USAGE, "%s: it is for another processor (%s)\nhelp: name a compiler "
                        "and an emulator: --cc aarch64-linux-gnu-gcc "
                        "--runner 'qemu-aarch64 -L /usr/aarch64-linux-gnu'", v->dir,
                        v->e.opts.target->name);
    char *message = NULL;
    const char *wrong = NULL, *program = program_of(v, "-driver");
    rt_buf results = { 0 };
    if (!program) return EXIT_IO;
    int code = compile(v, program, NULL, &message);
    if (!code && message) code = cmd_fail(v->c, EXIT_IO, "%s", message);
    if (!code) code = run(v, program, &results, &wrong);
    if (!code && wrong) code = cmd_fail(v->c, EXIT_REFUSED, "%s: %s", v->dir, wrong);
    if (!code) code = take_weights(v, &results);
    rt_buf_free(&results);
    return code;
}

int verify_run(Verify *v, const char **wrong)
{
    rt_buf results = { 0 };
    int code = run(v, program_of(v, "-driver"), &results, wrong);
    if (!code && !*wrong) code = take_results(v, &results);
    rt_buf_free(&results);
    return code;
}

int verify_sanitize(Verify *v, bool *clean, const char **text)
{
    static const char *const flags[] = { "-O1", "-g", "-fsanitize=address,undefined",
                                         "-fno-sanitize-recover=all", NULL };
    char *message = NULL;
    const char *program = program_of(v, "-sanitized"), *wrong = NULL;
    rt_buf results = { 0 };
    *clean = true;
    *text = v->e.opts.n_arch ? "skipped: it runs on the device" : "skipped: it runs by --runner";
    if (v->c->text[OPT_runner] || v->e.opts.n_arch) return EXIT_OK;
    int code = compile(v, program, flags, &message);
    *text = "skipped: the C compiler has no sanitizers";
    if (code || message) return code;
    code = run(v, program, &results, &wrong);
    *clean = !wrong;
    *text = wrong ? wrong : "nothing found";
    rt_buf_free(&results);
    return code;
}
