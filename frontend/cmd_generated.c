/* frontend/cmd_generated.c: variants of the pipeline as generated code, against the interpreter.
 *
 * Each is compiled in a process that calls the C compiler, while the interpreter works, and runs in
 * a process of its own: if it crashes, that is a finding. Both speak through pipes. */
#define _XOPEN_SOURCE 700
#include "frontend/cmd_check.h"
#include "codegen/codegen.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Compiled {
    const Variant *v;
    const char *source, *object;
    const char *kernels, *images;    /* for CUDA */
    pid_t compiler;
    int pipe;                        /* what the compiler said */
} Compiled;

/* In the variants' order. The end of this process looks at them, however it comes. */
enum { MAX_PROGRAMS = 16 };
static struct {
    Compiled at[MAX_PROGRAMS];
    int n, started, ended, at_once;
    CompileOpts options;
} programs;

/* ---- pipes ---- */

/* Up to n bytes, fewer where the other side ends; errno is 0 unless reading fails. */
static size_t read_all(int file, void *to, size_t n)
{
    size_t done = 0;
    errno = 0;
    while (done < n) {
        ssize_t got = read(file, (char *)to + done, n - done);
        if (got < 0 && errno == EINTR) {
            errno = 0;
            continue;
        }
        if (got <= 0) break;
        done += (size_t)got;
    }
    return done;
}

static bool write_all(int file, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(file, (const char *)from + done, n - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        done += (size_t)put;
    }
    return true;
}

/* The status of a process that has ended. */
static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) { }
    return status;
}

/* ---- compiling ---- */

typedef struct Source { const Module *module; EmitOpts options; const char *images; } Source;

static void print_source(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    if (s->images) emit_replay_cuda(s->module, &s->options, s->images, out);
    else emit_replay(s->module, &s->options, out);
}

static void print_kernels(FILE *out, const void *ctx)
{
    const Source *s = ctx;
    emit_kernels(s->module, &s->options, out);
}

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A variant's files. An exit code. */
static int write_sources(const Check *k, const char *dir, Compiled *p, int i)
{
    Arena *a = k->c->arena;
    Source s = { p->v->m, { .target = k->ctx->target, .version = SEQC_VERSION,
                            .source = base(k->c->file) }, NULL };
    p->source = cmd_folder_file(k->c, dir, arena_printf(a, "-%d.c", i));
    p->object = cmd_folder_file(k->c, dir, arena_printf(a, "-%d.so", i));
    if (!k->arch) return cmd_write(k->c, p->source, print_source, &s);
    p->kernels = cmd_folder_file(k->c, dir, arena_printf(a, "-%d.cu", i));
    p->images = cmd_folder_file(k->c, dir, arena_printf(a, "-%d_images.c", i));
    s.images = base(p->images);
    int code = cmd_write(k->c, p->source, print_source, &s);
    return code ? code : cmd_write(k->c, p->kernels, print_kernels, &s);
}

/* A process that calls the C compiler and writes what it says into the pipe. Variants beside the
 * program's own are compiled with less care: what is compared are the values. */
static int start_compiler(const Check *k, Compiled *p)
{
    const Variant *v = p->v;
    int ends[2];
    if (pipe(ends)) return cmd_fail(k->c, EXIT_IO, "no pipe: %s", strerror(errno));
    fflush(stdout);
    p->pipe = ends[0];
    p->compiler = fork();
    if (p->compiler < 0) return cmd_fail(k->c, EXIT_IO, "no process: %s", strerror(errno));
    if (p->compiler) {
        close(ends[1]);
        return EXIT_OK;
    }
    static const char *const quick[] = { "-O1", NULL };
    char *message = NULL;
    CompileOpts o = programs.options;
    CompileUnit unit = { p->source, NULL, k->target.target, k->target.native,
                         emit_is_short(v->m, k->target.target), NULL };
    o.blas = emit_uses_blas(v->m);
    o.shared = true;
    if (v->without || v->no_fuse || v->no_reuse) o.extra = quick;
    const ImageOpts images = { .arch = &k->arch, .n_arch = 1, .cache = cmd_kernel_cache(k->c->arena),
                               .interrupted = cmd_interrupted };
    bool ok = (!k->arch || emit_images(p->kernels, &images, p->images, &message, k->c->arena))
           && emit_compile(&unit, 1, p->object, &o, &message, k->c->arena);
    if (!ok && message && !write_all(ends[1], message, strlen(message))) _exit(EXIT_IO);
    _exit(ok ? EXIT_OK : EXIT_IO);
}

static int finish_compiler(const Check *k, const Compiled *p)
{
    char text[4096];
    text[read_all(p->pipe, text, sizeof text - 1)] = '\0';
    close(p->pipe);
    int status = wait_for(p->compiler);
    if (cmd_interrupted()) return cmd_interrupted();
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MEMORY) return EXIT_MEMORY;
    return status ? cmd_fail(k->c, EXIT_IO, "%s", *text ? text : "the C compiler failed") : EXIT_OK;
}

static int start_compilers(const Check *k)
{
    int code = EXIT_OK;
    while (!code && programs.started < programs.n
           && programs.started < programs.ended + programs.at_once) {
        code = start_compiler(k, &programs.at[programs.started]);
        programs.started += !code;
    }
    return code;
}

int check_code_start(const Check *k, const Variant *list, int n, const CompileOpts *o)
{
    const char *dir;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int code = cmd_folder(k->c, &dir);
    if (!code) atexit(check_code_end);
    programs.options = *o;
    programs.at_once = processors < 1 ? 1 : processors > 8 ? 8 : (int)processors;
    for (int i = 0; !code && i < n && programs.n < MAX_PROGRAMS; i++) {
        if (!list[i].m || list[i].alike) continue;
        Compiled *p = &programs.at[programs.n++];
        *p = (Compiled){ .v = &list[i] };
        code = write_sources(k, dir, p, i);
    }
    return code ? code : start_compilers(k);
}

void check_code_end(void)
{
    for (; programs.ended < programs.started; programs.ended++)
        wait_for(programs.at[programs.ended].compiler);
}

/* ---- running ---- */

/* What a process that ran generated code found. kinks: what the worst was off by with them. */
typedef struct Finding { Gap gap; int graph, root; double kinks; } Finding;

/* Where algorithms round factors the interpreter does, too, and what is left are numbers that are rounded
 * the other way. */
static double bound_of(const Module *m)
{
    const double rounds = ir_error[ERR_FAST].net;
    return fmin(check_bound(m), rounds);
}

/* What g's code computed, against the interpreter's values of ref. kinks: if it holds but for them, what it
 * is off by with them; else 0. */
static Gap gap_of(const Graph *ref, double **want, const Graph *g, double **got, const Trial *t,
                  double *kinks)
{
    const double bound = bound_of(g->module);
    Gap gap = ir_gap(ref, want, g, got, t->n);
    Trial own = *t;
    EvalIn in = ir_trial(&own);
    *kinks = 0;
    in.rounds = check_bound(g->module) > bound;
    if (g->module->real == DT_f64 || !isfinite(gap.share) || (gap.share <= bound && !in.rounds)) return gap;
    double **exact = ir_root_values(g, ir_eval(g, &in, t->arena), t->arena);
    gap = ir_gap(g, exact, g, got, t->n);
    if (gap.share > bound) {
        double **smooth = check_kinks(&(Computed){ g, t->n, &in, got }, exact, bound, t->arena);
        if (smooth) *kinks = gap.share;
        if (smooth) gap = ir_gap(g, smooth, g, got, t->n);
    }
    if (gap.root) gap.root = ir_root_like(ref, g, gap.root);
    return gap;
}

/* In the process: each graph against what the interpreter made of it. */
static Finding run_graphs(const Check *k, const Compiled *p, const Values *want, const Given *given)
{
    char *message = NULL;
    Arena *a = arena_new();
    const Module *m = p->v->m;
    Finding f = { { 0 }, 0, 0, 0 };
    Replay *r = emit_open(m, p->object, &message, a);
    if (!r) _exit(cmd_fail(k->c, EXIT_IO, "%s", message));
    ReplayHow how = { .fill = 0xff, .workers = 1 };
    if (k->arch) how = check_device_open(k->c, r);
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        Trial t = check_trial(g, want->n, given, a);
        EvalIn in = ir_trial(&t);
        double **got = emit_run(r, g, &in, &how, a);
        for (int w = 0; w < want->m->n_graph; w++) {
            const Graph *ref = want->m->graph[w];
            if (strcmp(ref->name, g->name)) continue;
            double kinks;
            Gap gap = gap_of(ref, want->root[w], g, got, &t, &kinks);
            kinks = fmax(kinks, f.kinks);
            if (gap.share > f.gap.share) f = (Finding){ gap, w, (int)(gap.root - ref->root), kinks };
            f.kinks = kinks;
        }
    }
    if (k->arch) check_device_close(how);
    return f;
}

static int run_program(Check *k, const Compiled *p, const Values *want, const Given *given)
{
    int ends[2];
    Finding f;
    Arena *a = k->c->arena;
    double bound = bound_of(p->v->m);
    if (pipe(ends)) return cmd_fail(k->c, EXIT_IO, "no pipe: %s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return cmd_fail(k->c, EXIT_IO, "no process: %s", strerror(errno));
    if (!child) {
        f = run_graphs(k, p, want, given);
        if (write_all(ends[1], &f, sizeof f)) _exit(EXIT_OK);
        _exit(cmd_fail(k->c, EXIT_IO, "a result cannot be handed on: %s", strerror(errno)));
    }
    close(ends[1]);
    bool whole = read_all(ends[0], &f, sizeof f) == sizeof f;
    int failed = errno;
    close(ends[0]);
    int status = wait_for(child);
    if (cmd_interrupted()) return cmd_interrupted();
    const char *what = arena_printf(a, "%s, n = %lld", p->v->name, (long long)want->n);
    if (WIFSIGNALED(status)) {
        check_line(&k->report, what, INFINITY, bound,
                   arena_printf(a, "the generated code ended by signal %d", WTERMSIG(status)));
        return EXIT_OK;
    }
    if (status) return WEXITSTATUS(status);
    if (!whole)
        return cmd_fail(k->c, EXIT_IO, "a result cannot be read: %s",
                        failed ? strerror(failed) : "it is not whole");
    const Graph *g = want->m->graph[f.graph];
    f.gap.root = &g->root[f.root];
    Worst w = { f.gap, f.gap.share > 0 ? g : NULL };
    const char *where = check_worst_text(&w, bound, a);
    if (f.kinks > 0) where = arena_printf(a, "%s, kinks aside (with them %.2g)", where, f.kinks);
    check_line(&k->report, what, f.gap.share, bound, where);
    return EXIT_OK;
}

int check_code_run(Check *k)
{
    Values want[2];
    Given given[2];
    int code = EXIT_OK;
    for (int b = 0; b < k->n_batch; b++) {
        given[b] = k->given;
        given[b].output = check_outputs(k->done, k->batch[b], &k->given);
        want[b] = check_values(k->done, k->batch[b], &given[b], NULL);
    }
    printf("\ngenerated code against the interpreter\n");
    while (programs.ended < programs.n && !code) {
        const Compiled *p = &programs.at[programs.ended++];
        code = finish_compiler(k, p);
        if (!code) code = start_compilers(k);
        for (int b = 0; b < k->n_batch && !code; b++)
            code = run_program(k, p, &want[b], &given[b]);
    }
    return code;
}
