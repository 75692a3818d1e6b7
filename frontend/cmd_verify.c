/* frontend/cmd_verify.c: `seqc verify`: does a library of `seqc emit` compute what its model says?
 *
 * NAME.ir has the graphs from before the passes and the options that the library was made by. So the
 * passes find again how its weights lie in memory; the graphs, interpreted in float64 on these
 * weights, say what should come out. The library is compiled as it stands in its folder, with a
 * program around it (codegen/library_driver.c) that runs it twice on memory between guards; then once
 * more by the compiler's sanitizers. Inputs are made up, or those of a file. */
#define _XOPEN_SOURCE 700
#include "codegen/codegen.h"
#include "runtime/files.h"
#include "frontend/cmd_certify.h"
#include "frontend/cmd_verify.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { MOST_CALLS = 8, MAX_IR_BYTES = 64 << 20, WHAT_WIDTH = 34 };
/* What the interpreter may compute for all inferences. */
static const double budget_flop = 2e9;

/* ---- the library ---- */

/* How many files of graphs are in the folder; v->name is the last one's. */
static int count_graphs(Verify *v, int *found)
{
    const Cmd *c = v->c;
    rt_err err = { 0 };
    const struct dirent *d;
    *found = 0;
    DIR *dir = opendir(v->dir);
    if (!dir) {
        rt_fail_errno(&err, errno, v->dir, "cannot be opened as a folder");
        return cmd_fail_rt(c, &err);
    }
    for (errno = 0; (d = readdir(dir)) != NULL; errno = 0) {
        size_t length = strlen(d->d_name);
        if (length < 4 || strcmp(d->d_name + length - 3, ".ir") != 0) continue;
        v->name = arena_strn(c->arena, d->d_name, length - 3);
        ++*found;
    }
    if (errno) rt_fail_errno(&err, errno, v->dir, "cannot be read");
    closedir(dir);
    return err.code ? cmd_fail_rt(c, &err) : EXIT_OK;
}

/* The one that a library has. */
static int find_graphs(Verify *v)
{
    int found, code = count_graphs(v, &found);
    if (code || found == 1) return code;
    return cmd_fail(v->c, EXIT_REFUSED, found ? "%s: several files end in .ir\nhelp: a library has one"
                    : "%s: it has no NAME.ir\nhelp: `seqc emit` writes one beside the library; emit "
                    "it again", v->dir);
}

/* The options of NAME.ir's second line, as those of `seqc emit DIR/NAME.ir`. */
static int read_options(Verify *v)
{
    Arena *a = v->c->arena;
    rt_err err = { 0 };
    rt_buf text = { 0 };
    char *path = arena_printf(a, "%s/%s.ir", v->dir, v->name);
    if (!rt_file_read(&err, path, MAX_IR_BYTES, &text)) return cmd_fail_rt(v->c, &err);
    const char *all = arena_strn(a, text.data ? text.data : "", (size_t)text.length);
    rt_buf_free(&text);
    const char *line = strstr(all, "\n" EMISSION_OPTIONS);
    if (!line)
        return cmd_fail(v->c, EXIT_REFUSED, "%s: it does not say by which options its library was "
                        "made\nhelp: emit it again", path);
    line += strlen("\n" EMISSION_OPTIONS);
    char *argv[64] = { "seqc", "emit", path, "--quiet" };
    int argc = 4;
    for (size_t n; *(line += strspn(line, " ")) && *line != '\n' && argc < 64; line += n) {
        n = strcspn(line, " \n");
        argv[argc++] = arena_strn(a, line, n);
    }
    v->emit = (Cmd){ .arena = a };
    int code = cmd_parse(&v->emit, argc, argv);
    v->emit.json = v->c->json;
    if (code || strcmp(v->emit.file, path) != 0 || v->emit.help)
        return code ? code : cmd_fail(v->c, EXIT_REFUSED, "%s: its options are damaged", path);
    return emission_plan(&v->e, &v->emit);
}

static int open_library(Verify *v)
{
    PassCtx ctx = { 0 };
    int code = find_graphs(v);
    if (!code) code = read_options(v);
    if (code) return code;
    if (strcmp(v->e.opts.name, v->name) != 0)
        return cmd_fail(v->c, EXIT_REFUSED, "%s/%s.ir: it is that of a library called %s", v->dir,
                        v->name, v->e.opts.name);
    ctx.target = v->e.opts.target;
    v->reference = v->e.opts.trains ? pass_run(v->e.start, &ctx, "optimizer") : v->e.start;
    v->states = emit_library_states(v->e.m, &v->e.opts, v->c->arena);
    v->seen = arena_alloc(v->c->arena, (size_t)v->states.n + 1, sizeof *v->seen);
    for (int i = 0; i < v->states.n; i++)
        v->seen[i] = ir_state_find(v->reference, v->e.m->state[v->states.state[i]].key);
    return verify_files(v);
}

/* ---- cases ---- */

/* What a graph is given in a case, where it is not made up. */
static const double *given_value(void *ctx, const char *name, const Type *type)
{
    const Case *k = ctx;
    const Module *m = k->v->reference;
    if (!strcmp(name, "x")) return k->x;
    if (!strcmp(name, "target")) return k->target;
    for (uint32_t i = 1; i < m->n_state; i++)
        if (!strcmp(m->state[i].key, name) && m->state[i].role != ROLE_OPTIMIZER)
            return k->v->weight[i];
    (void)type;
    return NULL;
}

/* Every second call has numbers of some size, and the last one zeros alone. */
static double *made_up(const Verify *v, int64_t elems, int call, int calls)
{
    uint64_t state = (uint64_t)call;
    double *x = arena_alloc(v->c->arena, (size_t)elems + 1, sizeof *x);
    for (int64_t i = 0; i < elems && (call == 0 || call + 1 < calls); i++)
        x[i] = check_drawn(&state) * (call % 2 ? 4 : 1);
    return x;
}

/* Rows [first, first + n) of a given tensor, zeros behind its last; null: none is given. */
static double *rows_of(const Verify *v, const rt_tensor *t, int64_t row, int64_t first, int64_t n)
{
    if (!t || !t->data) return NULL;
    double *x = arena_alloc(v->c->arena, (size_t)(row * n) + 1, sizeof *x);
    for (int64_t i = 0; i < row * n && first * row + i < t->elems; i++)
        x[i] = rt_tensor_number(t, first * row + i);
    return x;
}

static Case *add_case(Verify *v, const Graph *g, int64_t n)
{
    Case *k = &v->cases[v->n_case++];
    *k = (Case){ .v = v, .trains = g != ir_graph_find(v->reference, "infer") };
    k->trial = (Trial){ .g = g, .n = n, .low = -1, .given = given_value, .ctx = k,
                        .arena = v->c->arena };
    k->in = ir_trial(&k->trial);
    return k;
}

static int64_t row_elems(const Graph *g, const char *input)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, input))
            return ir_elems_at(&g->node[i].type.shape, 1);
    return 0;
}

/* A tensor that --inputs gives, of whole rows; null and EXIT_OK: it gives none of this name. */
static int take_rows(const Verify *v, const char *name, int64_t row, const rt_tensor **t)
{
    const rt_tensors *given = &v->inputs;
    *t = rt_tensors_find(given, name);
    if (*t && (row < 1 || (*t)->elems < row || (*t)->elems % row))
        return cmd_fail(v->c, EXIT_REFUSED, "%s: %s has %lld numbers, and a sample %lld",
                        v->c->text[OPT_inputs], name, (long long)(*t)->elems, (long long)row);
    return EXIT_OK;
}

static int make_inferences(Verify *v)
{
    const Graph *g = ir_graph_find(v->reference, "infer");
    int64_t n = v->e.start->capacity, row = row_elems(g, "x"), calls;
    const rt_tensor *x;
    double flop = 1;
    int code = take_rows(v, "x", row, &x);
    if (code) return code;
    for (uint32_t i = 1; i < g->n_node; i++) flop += ir_flop(g, (Val){ i });
    if (x) calls = (x->elems / row + n - 1) / n;
    else calls = flop * MOST_CALLS < budget_flop ? MOST_CALLS : (int64_t)(budget_flop / flop) + 1;
    v->cases = arena_alloc(v->c->arena, (size_t)calls + 2, sizeof *v->cases);
    for (int64_t i = 0; i < calls; i++) {
        Case *k = add_case(v, g, n);
        k->x = x ? rows_of(v, x, row, i * n, n) : made_up(v, row * n, (int)i, (int)calls);
    }
    v->n_inference = v->n_case;
    return EXIT_OK;
}

/* A full batch, and a smaller one. */
static int make_steps(Verify *v)
{
    const Graph *g = ir_graph_find(v->reference, "train");
    if (!v->e.opts.trains) return EXIT_OK;
    int64_t row = row_elems(g, "x"), labels = row_elems(g, "target"), n = v->e.start->capacity, at = 0;
    const rt_tensor *x, *target;
    int code = take_rows(v, "x", row, &x);
    if (!code) code = take_rows(v, "target", labels, &target);
    if (code) return code;
    if (target && (!x || target->elems / labels != x->elems / row))
        return cmd_fail(v->c, EXIT_REFUSED, "%s: it has %lld targets for %lld samples",
                        v->c->text[OPT_inputs], (long long)(target->elems / labels),
                        (long long)(x ? x->elems / row : 0));
    for (int i = 0; i < 2; i++, at += n, n = n / 2 + 1) {
        if (x && x->elems / row - at < n) n = x->elems / row - at;
        if (n < 1 || n < v->e.m->prog.least_batch || (i && v->e.start->capacity == 1)) break;
        Case *k = add_case(v, g, n);
        k->x = rows_of(v, x, row, at, n);
        k->target = rows_of(v, target, labels, at, n);
    }
    return EXIT_OK;
}

/* ---- lines ---- */

/* The distance of neighbouring numbers of a type at x. Source: IEEE 754-2019, 3.3. */
static double ulp_at(DType d, double x)
{
    int digits = d == DT_f64 ? 53 : 24, least = d == DT_f64 ? -1074 : -149, exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - digits > least ? exponent - digits : least);
}

/* The most that two tensors are apart, in ulp of the largest and of the number itself. */
typedef struct Ulps { double largest, own; } Ulps;

static void take_ulps(Ulps *u, DType d, const double *want, const double *got, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(want[i])) most = fmax(most, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        if (want[i] == got[i] || (isnan(want[i]) && isnan(got[i]))) continue;
        double apart = fabs(want[i] - got[i]);
        if (isnan(apart)) apart = INFINITY;
        u->largest = fmax(u->largest, apart / ulp_at(d, most));
        u->own = fmax(u->own, apart / ulp_at(d, isfinite(want[i]) ? want[i] : most));
    }
}

static void say(Verify *v, const char *what, bool holds, const char *text)
{
    int width = printf("  %s", what);
    for (const char *p = what; *p; p++) width -= ((unsigned char)*p & 0xc0) == 0x80;
    printf("%*s%s%s\n", width < WHAT_WIDTH ? WHAT_WIDTH - width : 1, "", text,
           holds ? "" : "  FAILS");
    v->report.compared++;
    v->report.failed += !holds;
}

/* ---- what is compared ---- */

typedef double **Roots(void *ctx, int i, Arena *scratch);    /* of case i; null: none */

static double **interpreted(void *ctx, int i, Arena *scratch)
{
    const Verify *v = ctx;
    const Graph *g = v->cases[i].trial.g;
    return ir_root_values(g, ir_eval(g, &v->cases[i].in, scratch), scratch);
}

static double **of_torch(void *ctx, int i, Arena *scratch)
{
    const Torch *t = ctx;
    (void)scratch;
    return t->root[i];
}

/* Errors of one kind, over all cases. */
typedef struct Errors {
    Ulps ulps, kinks;                /* kinks: with these, of the cases that hold but for them */
    bool aside;                      /* kinks are what one was beyond the bound by */
    Gap gap;
    const Graph *g;
    int cases;
} Errors;

static void say_errors(Verify *v, const char *what, const char *unit, const Errors *e)
{
    bool holds = e->gap.share <= check_bound(v->e.m);
    Arena *a = v->c->arena;
    const char *text = arena_printf(a, e->ulps.own < 99.5
                                           ? "%.2g ulp of the largest, %.2g of its own"
                                           : "%.2g ulp of the largest, %.0f of its own",
                                    e->ulps.largest, e->ulps.own);
    if (e->aside)
        text = arena_printf(a, "%s, kinks aside (with them %.2g)", text, e->kinks.largest);
    if (!holds)
        text = arena_printf(a, "%s: %s: [%lld] is %.9g, should be %.9g", text,
                            check_root_text(e->g, e->gap.root, a), (long long)e->gap.at, e->gap.b,
                            e->gap.a);
    say(v, arena_printf(a, "%s of %d %s%s", what, e->cases, unit, e->cases == 1 ? "" : "s"), holds,
        text);
}

/* Inferences' outputs, steps' losses and what steps leave. */
enum { OUTPUT, LOSS, STATE };

static Errors *errors_of(const Case *k, const Gap *gap, Errors *e)
{
    return &e[!k->trains ? OUTPUT : gap->root && gap->root->kind == ROOT_RETURN ? LOSS : STATE];
}

/* Inferences' outputs, steps' losses and what steps leave, with what they should be. */
static void compare(Verify *v, Roots *roots, void *ctx)
{
    Errors e[3] = { { .cases = 0 } };
    const double bound = check_bound(v->e.m);
    for (int i = 0; i < v->n_case; i++) {
        Arena *scratch = arena_new();
        const Case *k = &v->cases[i];
        const Graph *g = k->trial.g;
        double **want = roots(ctx, i, scratch);
        if (want) {
            Gap gap = ir_gap(g, want, g, k->got, k->trial.n);
            const Computed computed = { g, k->trial.n, &k->in, k->got };
            double **smooth = gap.share > bound ? check_kinks(&computed, want, bound, scratch) : NULL;
            if (smooth) errors_of(k, &gap, e)->aside = true;
            if (smooth) gap = ir_gap(g, smooth, g, k->got, k->trial.n);
            Errors *where = errors_of(k, &gap, e);
            if (gap.share > where->gap.share) {
                where->gap = gap;
                where->g = g;
            }
            for (int r = 0; r < g->n_root; r++) {
                const Type *t = ir_type(g, g->root[r].val);
                Errors *of = errors_of(k, &(Gap){ .root = &g->root[r] }, e);
                int64_t n = ir_elems_at(&t->shape, k->trial.n);
                if (!ir_dtype_real(t->dtype)) continue;
                take_ulps(&of->ulps, v->e.m->real, smooth ? smooth[r] : want[r], k->got[r], n);
                if (smooth) take_ulps(&of->kinks, v->e.m->real, want[r], k->got[r], n);
            }
            e[OUTPUT].cases += !k->trains;
            e[LOSS].cases += k->trains;
            e[STATE].cases += k->trains;
        }
        arena_free(scratch);
    }
    if (e[OUTPUT].cases) say_errors(v, "output", "call", &e[OUTPUT]);
    if (e[LOSS].cases) say_errors(v, "loss", "step", &e[LOSS]);
    if (e[STATE].cases) say_errors(v, "what is left", "step", &e[STATE]);
}

static int compare_torch(Verify *v)
{
    Torch t = { 0 };
    int code = verify_torch(v, &t);
    if (code) return code;
    if (!t.version) {
        printf("\nPyTorch: skipped: %s\n", t.why);
        return EXIT_OK;
    }
    printf("\nagainst PyTorch %s in float64\n", t.version);
    compare(v, of_torch, &t);
    if (t.why) printf("  training step: skipped: %s\n", t.why);
    return EXIT_OK;
}

static int compare_all(Verify *v)
{
    bool clean = true;
    const char *wrong, *found;
    int code = verify_run(v, &wrong);
    if (code) return code;
    printf("\nas it is compiled for use\n");
    say(v, "weights", v->intact, v->intact ? "those that were emitted" : "changed since");
    say(v, "memory, bits of a second call", !wrong, wrong ? wrong : "as promised");
    code = verify_sanitize(v, &clean, &found);
    if (code) return code;
    say(v, "address, undefined behaviour", clean, found);
    if (wrong) return EXIT_OK;
    printf("\nagainst the interpreter in float64\n");
    compare(v, interpreted, v);
    return compare_torch(v);
}

static void print_head(const Verify *v)
{
    const Module *m = v->e.m;
    printf("%s  the network %s in C, %s, math %s, %s, %lld sample%s a call%s\n", v->dir, v->name,
           ir_dtype_name(m->real), ir_math[m->math].name, v->e.opts.target->name,
           (long long)v->e.start->capacity, v->e.start->capacity == 1 ? "" : "s",
           v->e.opts.trains ? ", and its training step" : "");
    printf("inputs %s\n", v->c->text[OPT_inputs] ? v->c->text[OPT_inputs] : "made up");
}

/* ---- the verb ---- */

/* An NPY file has one tensor, x. */
static int read_inputs(Verify *v)
{
    rt_err e = { 0 };
    const char *path = v->c->text[OPT_inputs];
    rt_file_kind kind;
    rt_tensor one;
    if (!path) return EXIT_OK;
    bool ok = rt_file_sniff(&e, path, &kind);
    if (ok && kind == RT_FILE_NPY) {
        ok = rt_npy_read(&e, path, &one);
        ok = ok && rt_tensors_add(&e, &v->inputs, "x", one.dtype, one.rank, one.shape, one.data);
    } else if (ok) {
        ok = kind == RT_FILE_ZIP ? rt_npz_read(&e, path, &v->inputs)
                                 : rt_safetensors_read(&e, path, &v->inputs);
    }
    if (!ok) return cmd_fail_rt(v->c, &e);
    return rt_tensors_find(&v->inputs, "x") ? EXIT_OK
         : cmd_fail(v->c, EXIT_REFUSED, "%s: it has no tensor \"x\"\nhelp: x is what the network is "
                    "given, target what it learns from", path);
}

static int verify(Verify *v)
{
    int code = open_library(v);
    if (!code) code = read_inputs(v);
    if (!code) code = verify_compile(v);
    if (!code) code = make_inferences(v);
    if (!code) code = make_steps(v);
    if (code) return code;
    print_head(v);
    return compare_all(v);
}

/* The folder's C as it stands, whoever changed it: a library's for the contract of what it says that it
 * is; what `seqc build --keep` left for the contract beside it. */
static int certify_folder(Verify *v)
{
    int graphs, kept = 0, code = certify_ready(v->c);
    if (!code) code = count_graphs(v, &graphs);
    if (!code && !graphs) code = certify_kept(v->c, v->dir, &kept);
    if (code || kept) return code;
    code = find_graphs(v);
    if (!code) code = read_options(v);
    return code ? code : certify_library(&v->e, v->c, v->dir);
}

int cmd_verify(const Cmd *c)
{
    Verify v = { .c = c, .report = { .c = c } };
    size_t length = strlen(c->file);
    while (length > 1 && c->file[length - 1] == '/') length--;
    v.dir = arena_strn(c->arena, c->file, length);
    cmd_catch_signals();
    int code = c->text[OPT_certify] ? certify_folder(&v) : verify(&v);
    cmd_folder_remove();
    rt_tensors_free(&v.inputs);
    if (v.reference && v.reference != v.e.start) ir_module_free((Module *)(uintptr_t)v.reference);
    emission_free(&v.e);
    if (code || c->text[OPT_certify]) return code;
    printf("\n%d comparisons, %d fail\n", v.report.compared, v.report.failed);
    return v.report.failed ? EXIT_REFUSED : EXIT_OK;
}
