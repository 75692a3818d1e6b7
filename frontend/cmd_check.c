/* frontend/cmd_check.c: `seqc check`: is what the compiler makes of a model what the model says?
 *
 * The model in float64, on weights and inputs made up from names, so that every run and every
 * variant sees the same numbers:
 *   the values of every graph before and after each pass, by the interpreter;
 *   first and second derivatives of its functions against differences (cmd_slopes.c);
 *   symbolic gradients against differences (cmd_differences.c);
 *   the pipeline with each pass left out that can be, by the interpreter and as generated code,
 *   compiled and run at the whole batch and at a smaller last one (cmd_generated.c), for CUDA on
 *   the device (cmd_device.c).
 * Random masks follow from seed, step and place alone, so they are the same everywhere. Errors are
 * relative to a tensor's largest value (ir/trial.h). */
#define _XOPEN_SOURCE 700
#include "frontend/cmd_check.h"
#include "codegen/codegen.h"
#include "passes/passes.h"
#include "runtime/files.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SMALL_BATCH = 3, WHAT_WIDTH = 36 };
/* What the interpreter may compute for one variant; a larger batch is made smaller. */
static const double budget_flop = 2e9;

double check_bound(const Module *m)
{
    double most = m->real == DT_f64 ? CHECK_SAME : ir_error[ERR_EXACT].net;
    for (int i = 0; i < m->n_graph && m->real != DT_f64; i++)
        for (int k = 0; k < m->graph[i]->n_kernel; k++)
            most = fmax(most, ir_error[ir_algo[m->graph[i]->kernel[k].algo].error].net);
    return most;
}

/* ---- lines ---- */

bool check_line(Report *r, const char *what, double share, double bound, const char *where)
{
    bool holds = share <= bound;
    int width = printf("  %s", what);
    for (const char *p = what; *p; p++) width -= ((unsigned char)*p & 0xc0) == 0x80;
    printf("%*s%8.2g of %.0e%s%s%s\n", width < WHAT_WIDTH ? WHAT_WIDTH - width : 1, "", share,
           bound, holds ? "" : "  FAILS", *where ? "  " : "", where);
    r->compared++;
    r->failed += !holds;
    if (!holds && !r->first) r->first = arena_str(r->c->arena, what);
    return holds;
}

static const char *place_of(const Graph *g, const Root *r, Arena *a)
{
    Loc loc = ir_node(g, r->val)->loc;
    return loc.file ? arena_printf(a, "  %s:%u", g->module->file[loc.file], loc.line) : "";
}

const char *check_root_text(const Graph *g, const Root *r, Arena *a)
{
    const char *name = r->kind == ROOT_RETURN ? r->name : ir_state(g->module, r->state)->key;
    return arena_printf(a, "%s in %s%s", name, g->name, place_of(g, r, a));
}

/* ---- values ---- */

static const double *given_value(void *ctx, const char *name, const Type *type)
{
    const Given *g = ctx;
    if (!strcmp(name, "output")) return g->output;
    const rt_tensor *t = g->weights ? rt_tensors_find(g->weights, name) : NULL;
    if (!t || t->elems != ir_elems_at(&type->shape, 1)) return NULL;
    double *x = arena_alloc(g->arena, (size_t)t->elems + 1, sizeof *x);
    for (int64_t i = 0; i < t->elems; i++) x[i] = rt_tensor_number(t, i);
    return x;
}

Trial check_trial(const Graph *g, int64_t n, const Given *given, Arena *a)
{
    return (Trial){ .g = g, .n = n, .low = -1, .given = given_value,
                    .ctx = (void *)(uintptr_t)given, .arena = a };
}

static double **interpret(const Graph *g, int64_t n, const Given *given)
{
    Arena *scratch = arena_new();
    Trial t = check_trial(g, n, given, scratch);
    EvalIn in = ir_trial(&t);
    double **value = ir_eval(g, &in, scratch);
    double **root = arena_alloc(given->arena, (size_t)g->n_root + 1, sizeof *root);
    for (int r = 0; r < g->n_root; r++) {
        int64_t elems = ir_elems_at(&ir_type(g, g->root[r].val)->shape, n);
        root[r] = arena_alloc(given->arena, (size_t)elems + 1, sizeof **root);
        memcpy(root[r], value[g->root[r].val.i], (size_t)elems * sizeof **root);
    }
    arena_free(scratch);
    return root;
}

Values check_values(const Module *m, int64_t n, const Given *given, const Values *known)
{
    Values v = { m, n, arena_alloc(given->arena, (size_t)m->n_graph + 1, sizeof(double **)) };
    for (int i = 0; i < m->n_graph; i++) {
        for (int k = 0; known && k < known->m->n_graph && !v.root[i]; k++)
            if (!strcmp(known->m->graph[k]->name, m->graph[i]->name)
                && ir_same_values(known->m->graph[k], m->graph[i]))
                v.root[i] = known->root[k];
        if (!v.root[i]) v.root[i] = interpret(m->graph[i], n, given);
    }
    return v;
}

const double *check_outputs(const Module *m, int64_t n, const Given *given)
{
    const Graph *g = ir_graph_find(m, "infer");
    for (int r = 0; g && r < g->n_root; r++)
        if (!strcmp(g->root[r].name ? g->root[r].name : "", "output"))
            return interpret(g, n, given)[r];
    return NULL;
}

static void take_worse(Worst *w, Gap gap, const Graph *g)
{
    if (gap.share > w->gap.share) *w = (Worst){ gap, g };
}

static Worst worst_of(const Values *a, const Values *b)
{
    Worst w = { { 0 }, NULL };
    for (int i = 0; i < a->m->n_graph; i++)
        for (int k = 0; k < b->m->n_graph; k++)
            if (!strcmp(a->m->graph[i]->name, b->m->graph[k]->name))
                take_worse(&w, ir_gap(a->m->graph[i], a->root[i], b->m->graph[k], b->root[k], a->n),
                           a->m->graph[i]);
    return w;
}

const char *check_worst_text(const Worst *w, double bound, Arena *a)
{
    if (!w->g) return "";
    const char *where = check_root_text(w->g, w->gap.root, a);
    return w->gap.share <= bound ? where
         : arena_printf(a, "%s: [%lld] is %.9g, should be %.9g", where, (long long)w->gap.at,
                        w->gap.b, w->gap.a);
}

/* ---- pass after pass ---- */

static int position(const char *stage)
{
    for (int i = 0; i < pass_count; i++)
        if (stage && !strcmp(pass_table[i].name, stage)) return i;
    return -1;
}

/* `derived` keeps the first module that holds gradients. */
static void each_pass(Check *k)
{
    Arena *a = arena_new();
    Values before = check_values(k->start, k->small, &k->given, NULL);
    Module *now = k->start;
    const char *stage = k->start->stage;
    printf("\neach pass, interpreted at n = %lld\n", (long long)k->small);
    for (int i = position(stage) + 1; i < pass_count; i++) {
        const char *name = pass_table[i].name;
        Module *next = pass_run(now, k->ctx, name);
        Values after = check_values(next, k->small, &k->given, &before);
        Worst w = worst_of(&before, &after);
        check_line(&k->report, name, w.gap.share, CHECK_SAME, check_worst_text(&w, CHECK_SAME, a));
        if (now != k->start && now != k->derived) ir_module_free(now);
        if (i == position("differentiate")) k->derived = next;
        before = after;
        now = next;
    }
    k->done = now == k->start ? pass_run(now, k->ctx, NULL) : now;
    if (!k->derived) k->derived = k->start;
    k->small_values = now == k->start ? check_values(k->done, k->small, &k->given, &before) : before;
    arena_free(a);
}

/* ---- variants of the pipeline ---- */

static const Variant variants[] = {
    { .name = "all passes" },
    { .name = "without simplify", .without = "simplify" },
    { .name = "without tidy", .without = "tidy" },
    { .name = "without layout", .without = "layout" },
    { .name = "without fusion", .no_fuse = true },
    { .name = "without schedule", .without = "schedule" },
    { .name = "without sharing memory", .no_reuse = true },
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

static Module *make_variant(const Check *k, const Variant *v)
{
    const char *names[64];
    char err[IR_ERR];
    int n = 0, from = position(k->start->stage) + 1;
    PassCtx ctx = *k->ctx;
    ctx.no_fuse = v->no_fuse;
    ctx.no_reuse = v->no_reuse;
    bool all = !v->without && !v->no_fuse && !v->no_reuse;
    const char *changed = v->without ? v->without : v->no_fuse ? "fuse" : "plan";
    if (all) return pass_run(k->start, &ctx, NULL);
    if (position(changed) < from) return NULL;
    for (int i = from; i < pass_count && n < 64; i++)
        if (!v->without || strcmp(pass_table[i].name, v->without)) names[n++] = pass_table[i].name;
    Module *m = pass_run_list(k->start, &ctx, names, n, err);
    if (!m) ir_die(k->start, "check: %s", err);
    return m;
}

static void make_variants(const Check *k, Variant *list)
{
    Arena *a = arena_new();
    for (int i = 0; i < N_VARIANTS; i++) {
        list[i] = variants[i];
        list[i].m = make_variant(k, &variants[i]);
        list[i].alike = i && list[i].m
            && !strcmp(ir_print_string(list[i].m, a), ir_print_string(list[0].m, a));
    }
    arena_free(a);
}

static void interpret_variants(Check *k, const Variant *list)
{
    Arena *a = arena_new();
    printf("\nthe pipeline, interpreted at n = %lld\n", (long long)k->small);
    for (int i = 1; i < N_VARIANTS; i++) {
        if (!list[i].m) continue;
        if (list[i].alike) {
            printf("  %-*s the same program\n", WHAT_WIDTH - 1, list[i].name);
            continue;
        }
        Values v = check_values(list[i].m, k->small, &k->given, &k->small_values);
        Worst w = worst_of(&k->small_values, &v);
        check_line(&k->report, list[i].name, w.gap.share, CHECK_SAME,
                   check_worst_text(&w, CHECK_SAME, a));
    }
    arena_free(a);
}

/* ---- the verb ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Tiles and plans are made for a capacity, so text at a stage after layout keeps its own. */
static void choose_batches(Check *k)
{
    Module *m = k->start;
    double flop = 0;
    for (int i = 0; i < m->n_graph; i++)
        for (uint32_t v = 1; v < m->graph[i]->n_node; v++)
            flop += 3 * ir_flop(m->graph[i], (Val){ v });
    if (flop > budget_flop && !k->c->text[OPT_batch] && position(m->stage) < position("layout")) {
        int64_t fits = (int64_t)((double)m->capacity * budget_flop / flop);
        int64_t least = m->prog.least_batch > SMALL_BATCH ? m->prog.least_batch : SMALL_BATCH;
        if (fits < least) fits = least;
        if (fits < m->capacity) m->capacity = fits;
        if (m->prog.batch > m->capacity) m->prog.batch = m->capacity;
    }
    k->small = m->capacity < SMALL_BATCH ? m->capacity : SMALL_BATCH;
    k->batch[k->n_batch++] = m->capacity;
    int64_t last = m->capacity / 2 + 1;
    if (last < m->capacity && last >= m->prog.least_batch) k->batch[k->n_batch++] = last;
}

static void print_head(const Check *k, int64_t capacity)
{
    const Module *m = k->start;
    int64_t params = 0;
    for (uint32_t i = 1; i < m->n_state; i++)
        if (m->state[i].role == ROLE_PARAM || m->state[i].role == ROLE_FROZEN)
            params += ir_elems_at(&m->state[i].type.shape, 1);
    printf("%s  %s, %s parameters, %s, batch %lld", k->c->file, ir_dtype_name(m->real),
           cmd_commas(k->c->arena, params), k->ctx->target->name, (long long)m->capacity);
    if (m->capacity != capacity)
        printf(" of %lld (--batch says otherwise)", (long long)capacity);
    printf("; %s\n", k->c->text[OPT_weights] ? k->c->text[OPT_weights] : "made-up weights");
    if (k->device) printf("generated code runs on %s\n", k->device);
    if (!m->prog.loss)
        printf("no loss: no training step; gradients are those of the weighted output\n");
    else if (!m->prog.optimizer)
        printf("no optimizer: a training step changes nothing\n");
}

static int compare_all(Check *k)
{
    Variant list[N_VARIANTS];
    char why[IR_ERR];
    CompileOpts options;
    int code = cmd_compile_opts(k->c, &options);
    if (code) return code;
    make_variants(k, list);
    if (!ir_program_check(list[0].m, why) || !ir_target_check(list[0].m, k->ctx->target, why))
        return cmd_fail(k->c, EXIT_REFUSED, "%s: %s", k->c->file, why);
    code = check_code_start(k, list, N_VARIANTS, &options);
    if (!code) {
        k->given.output = check_outputs(k->start, k->small, &k->given);
        each_pass(k);
        check_functions(k);
        check_gradients(&k->report, k->derived, k->small, &k->given);
        interpret_variants(k, list);
        code = check_code_run(k);
    }
    check_code_end();
    cmd_folder_remove();
    return code;
}

int cmd_check(const Cmd *c)
{
    double start = now();
    Check k = { .c = c, .report = { .c = c }, .given = { .arena = c->arena } };
    rt_tensors weights = { 0 };
    CmdTarget targets[CMD_MAX_TARGETS] = { { 0 } };
    PassCtx ctx = { 0 };
    int n_targets, code = cmd_pass_ctx(c, &ctx);
    if (!code) code = cmd_targets(c, targets, &n_targets);
    k.target = targets[0];
    if (!code && k.target.target->block_threads) code = check_device(c, &k.arch, &k.device);
    ctx.after = NULL;
    ctx.verify = true;
    k.ctx = &ctx;
    if (!code) code = cmd_load_own(c, check_own, &k, &k.start);
    if (!code && c->text[OPT_weights]) {
        code = cmd_weights_read(c, k.start, &weights);
        k.given.weights = &weights;
    }
    if (code) return code;
    int64_t capacity = k.start->capacity;
    choose_batches(&k);
    print_head(&k, capacity);
    cmd_catch_signals();
    code = compare_all(&k);
    rt_tensors_free(&weights);
    if (code) return code;
    Report *r = &k.report;
    printf("\n%d comparisons, %d fail  %.1f s\n", r->compared, r->failed, now() - start);
    if (r->first) printf("the first that fails: %s\n", r->first);
    return r->failed ? EXIT_REFUSED : EXIT_OK;
}
