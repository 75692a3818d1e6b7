/* frontend/cmd_quantize.c: `seqc emit --quantize int8 --calibrate DATA`: the ranges that values have
 * on samples, the quantized model that follows from them, and how it compares with the real one.
 *
 * Both models run as code compiled for this machine, and return what their layers compute
 * (passes/quantize.c says which values stand for each other). The noise of a layer is all that has
 * gone wrong up to it. The same samples, weights and options give the same model. */
#include "codegen/codegen.h"
#include "frontend/cmd_quantize.h"
#include "frontend/cmd_beside.h"
#include "frontend/cmd_samples.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 1024, LEAST_SAMPLES = 16, BATCH = 32 };
static const double budget_flop = 4e11;      /* of all samples: seconds */

typedef struct Quantization {
    Emission *e;
    const Cmd *c;
    PassCtx ctx;                     /* of models that run here */
    CmdTarget here;
    Module *m;                       /* the real one at tidy, infer alone */
    const Graph *infer;
    QuantLayer *layer; int n_layer;
    const double **value;            /* [m->n_state] */
    Extremes *range;                 /* [infer->n_node] */
    Samples samples;
    double *real;                    /* [samples][elems] outputs of the real model */
    int64_t elems;
    Noise *noise, output;            /* [n_layer] */
    int64_t same, right[2];          /* samples: same class; of the label's class, real and quantized */
} Quantization;

/* ---- the model ---- */

static int refuse_options(const Emission *e)
{
    const Cmd *c = e->c;
    if (!c->text[OPT_quantize] || !c->text[OPT_calibrate])
        return cmd_fail(c, EXIT_USAGE, "%s wants %s\nhelp: --quantize int8 --calibrate DATA, with "
                        "samples like those that the model will see",
                        c->text[OPT_quantize] ? "--quantize" : "--calibrate",
                        c->text[OPT_quantize] ? "--calibrate DATA" : "--quantize int8");
    return beside_check(e, "--quantize");
}

/* Products that stay real are said in the report; without others there is nothing to do. */
static int find_layers(Quantization *q)
{
    q->layer = pass_quantize_layers(q->infer, &q->n_layer, q->c->arena);
    for (int i = 0; i < q->n_layer; i++)
        if (!q->layer[i].why) return EXIT_OK;
    return cmd_fail(q->c, EXIT_REFUSED, "%s: no layer can be computed in integers%s%s%s%s\nhelp: leave "
                    "--quantize out", q->c->file, q->n_layer ? ": of " : "",
                    q->n_layer ? q->layer[0].name : "", q->n_layer ? ", " : "",
                    q->n_layer ? q->layer[0].why : "");
}

/* The module with what layers read and compute among its results. */
static Module *watched(const Quantization *q)
{
    Module *m = ir_module_like(q->m);
    Graph *g = ir_graph_add(m, "infer");
    Val *map = arena_alloc(q->c->arena, q->infer->n_node, sizeof *map);
    ir_copy_graph(g, q->infer, map);
    for (int i = 0; i < q->n_layer; i++) {
        const Node *x = ir_node(q->infer, q->layer[i].product);
        if (q->layer[i].why) continue;
        ir_return(g, arena_printf(q->c->arena, "x%d", i), map[x->in[0].i]);
        ir_return(g, arena_printf(q->c->arena, "y%d", i), map[q->layer[i].result.i]);
    }
    return m;
}

static int root_named(const Graph *g, const char *name)
{
    for (int i = 0; i < g->n_root; i++)
        if (!strcmp(g->root[i].name, name)) return i;
    ir_die(g->module, "quantize: no result %s", name);
}

/* ---- running ---- */

/* A planned, compiled module on the samples. */
typedef struct Running {
    Module *m;
    Replay *r;
    const double *const *value;
    const double *x;                 /* of the batch */
} Running;

static const double *input_of(void *ctx, const char *name)
{
    (void)name;
    return ((const Running *)ctx)->x;
}

static const double *state_of(void *ctx, State s) { return ((const Running *)ctx)->value[s.i]; }

static int open_running(const Quantization *q, Module *tidy, const double *const *value,
                        const char *what, Running *r)
{
    *r = (Running){ .m = pass_run(tidy, &q->ctx, NULL), .value = value };
    ir_module_free(tidy);
    return cmd_replay(q->c, r->m, q->here, what, "calibration compiles and runs the model here", &r->r);
}

static void close_running(Running *r)
{
    emit_close(r->r);
    if (r->m) ir_module_free(r->m);
}

/* All results of the batch from sample `first` on. */
static double **run_batch(const Quantization *q, Running *r, int64_t first, int64_t n, Arena *a)
{
    EvalIn in = { .n = n, .input = input_of, .state = state_of, .ctx = r };
    r->x = q->samples.x + first * q->samples.elems;
    return emit_run(r->r, r->m->graph[0], &in, &(ReplayHow){ .workers = 1 }, a);
}

static int64_t size_of(const Graph *g, int root, int64_t n)
{
    return ir_elems_at(&ir_type(g, g->root[root].val)->shape, n);
}

/* ---- calibration ---- */

static void widen(Extremes *e, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        /* Not a number widens to infinity, which is refused. */
        if (!(x[i] >= e->low)) e->low = isnan(x[i]) ? -HUGE_VAL : x[i];
        if (!(x[i] <= e->high)) e->high = isnan(x[i]) ? HUGE_VAL : x[i];
    }
}

static int calibrate(Quantization *q, Running *r)
{
    const Graph *g = r->m->graph[0];
    int output = root_named(g, "output");
    q->elems = size_of(g, output, 1);
    rt_err err = { 0 };
    q->real = rt_alloc(&err, q->samples.n, q->elems * (int64_t)sizeof *q->real, "outputs");
    if (!q->real) return cmd_fail_rt(q->c, &err);
    for (int64_t at = 0; at < q->samples.n && !cmd_interrupted(); at += BATCH) {
        Arena *a = arena_new();
        int64_t n = q->samples.n - at < BATCH ? q->samples.n - at : BATCH;
        double **root = run_batch(q, r, at, n, a);
        memcpy(q->real + at * q->elems, root[output], (size_t)(n * q->elems) * sizeof *q->real);
        for (int i = 0; i < q->n_layer; i++) {
            if (q->layer[i].why) continue;
            int x = root_named(g, arena_printf(a, "x%d", i));
            widen(&q->range[ir_node(q->infer, q->layer[i].product)->in[0].i], root[x],
                  size_of(g, x, n));
        }
        arena_free(a);
    }
    for (int i = 0; i < q->n_layer; i++) {
        Extremes x = q->range[ir_node(q->infer, q->layer[i].product)->in[0].i];
        if (!q->layer[i].why && !(isfinite(x.low) && isfinite(x.high) && x.high - x.low < 1e37))
            return cmd_fail(q->c, EXIT_REFUSED, "%s: layer %s reads numbers from %g to %g on %s\nhelp: "
                            "weights and samples have to be finite", q->c->file, q->layer[i].name, x.low,
                            x.high, q->samples.name);
    }
    return cmd_interrupted();
}

/* ---- comparison ---- */

static int64_t largest(const double *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

static void count_classes(Quantization *q, int64_t sample, const double *quantized)
{
    int64_t a = largest(q->real + sample * q->elems, q->elems), b = largest(quantized, q->elems);
    q->same += a == b;
    if (!q->samples.label) return;
    q->right[0] += a == q->samples.label[sample];
    q->right[1] += b == q->samples.label[sample];
}

/* Where the real model returns the value that a layer's integers stand for. */
static int seen_root(const Quantization *q, const Graph *g, int layer, Arena *a)
{
    Val seen = q->layer[layer].seen;
    for (int i = 0; i < q->n_layer; i++) {
        if (q->layer[i].why) continue;
        if (ir_val_eq(q->layer[i].result, seen)) return root_named(g, arena_printf(a, "y%d", i));
        if (ir_val_eq(ir_node(q->infer, q->layer[i].product)->in[0], seen))
            return root_named(g, arena_printf(a, "x%d", i));
    }
    ir_die(q->m, "quantize: layer %s is seen nowhere", q->layer[layer].name);
}

static int compare(Quantization *q, Running *real, Running *quantized)
{
    const Graph *g = real->m->graph[0], *h = quantized->m->graph[0];
    for (int64_t at = 0; at < q->samples.n && !cmd_interrupted(); at += BATCH) {
        Arena *a = arena_new();
        int64_t n = q->samples.n - at < BATCH ? q->samples.n - at : BATCH;
        double **x = run_batch(q, real, at, n, a), **y = run_batch(q, quantized, at, n, a);
        const double *output = y[root_named(h, "output")];
        for (int i = 0; i < q->n_layer; i++) {
            if (q->layer[i].why) continue;
            int from = seen_root(q, g, i, a), to = root_named(h, arena_printf(a, "layer%d", i));
            beside_noise(&q->noise[i], x[from], y[to], size_of(g, from, n));
        }
        beside_noise(&q->output, q->real + at * q->elems, output, n * q->elems);
        for (int64_t i = 0; i < n; i++) count_classes(q, at + i, output + i * q->elems);
        arena_free(a);
    }
    return cmd_interrupted();
}

/* ---- the report ---- */

static void print_layers(const Quantization *q)
{
    FILE *out = cmd_told(q->c);
    int worst = -1, integers = 0;
    for (int i = 0; i < q->n_layer; i++) {
        if (q->layer[i].why) continue;
        integers++;
        if (worst < 0 || beside_decibels(q->noise[i]) < beside_decibels(q->noise[worst])) worst = i;
    }
    fprintf(out, "quantized %d of %d layers by %lld of %lld samples of %s\n", integers, q->n_layer,
           (long long)q->samples.n, (long long)q->samples.all, q->samples.name);
    for (int i = 0; i < q->n_layer; i++) {
        const QuantLayer *x = &q->layer[i];
        fprintf(out, "  %-42s ", beside_layer(q->c, q->m, x->name));
        if (x->why) fprintf(out, "stays float: %s\n", x->why);
        else fprintf(out, "signal to noise %5.1f dB%s%s\n", beside_decibels(q->noise[i]),
                    x->coded ? "" : ", result in float", i == worst ? "  <- the worst layer" : "");
    }
}

static void print_outputs(const Quantization *q)
{
    FILE *out = cmd_told(q->c);
    double n = (double)q->samples.n / 100;
    fprintf(out, "  %-42s signal to noise %5.1f dB", "outputs", beside_decibels(q->output));
    if (q->m->prog.target == TARGET_CLASS || q->m->prog.target == TARGET_INDEX)
        fprintf(out, ", the same class for %.2f%%", (double)q->same / n);
    if (q->samples.label)
        fprintf(out, ", %.2f%% right (float %.2f%%)", (double)q->right[1] / n, (double)q->right[0] / n);
    fputc('\n', out);
}

/* ---- all of it ---- */

static int begin(Quantization *q)
{
    Emission *e = q->e;
    const Cmd *c = q->c;
    q->m = beside_tidy(e, &q->ctx);
    q->infer = q->m->graph[0];
    int code = find_layers(q);
    if (code) return code;
    double flop = 1;
    for (uint32_t v = 1; v < q->infer->n_node; v++) flop += ir_flop(q->infer, (Val){ v });
    double most = budget_flop / (flop / (double)q->m->capacity);
    if (most > MOST_SAMPLES) most = MOST_SAMPLES;
    if (most < LEAST_SAMPLES) most = LEAST_SAMPLES;
    q->m->capacity = BATCH;
    q->range = arena_alloc(c->arena, q->infer->n_node, sizeof *q->range);
    q->noise = arena_alloc(c->arena, (size_t)q->n_layer, sizeof *q->noise);
    return cmd_samples(c, q->m, c->text[OPT_calibrate], (int64_t)most, &q->samples);
}

static int make(Quantization *q)
{
    Emission *e = q->e;
    Running real = { 0 }, quantized = { 0 };
    QuantizeIn in = { .target = q->here.target, .range = q->range };
    int64_t capacity = e->start->capacity;
    int code = open_running(q, watched(q), NULL, "calibrate", &real);
    if (!code) code = beside_values(q->c, real.m, &q->value);
    real.value = in.state = q->value;
    in.layer = q->layer;
    in.n_layer = q->n_layer;
    if (!code) code = calibrate(q, &real);
    if (!code) {
        Quantized w = pass_quantize(q->m, &in, true, q->c->arena);
        code = open_running(q, w.m, w.value, "compare", &quantized);
    }
    if (!code) code = compare(q, &real, &quantized);
    close_running(&real);
    close_running(&quantized);
    if (code) return code;
    in.target = e->opts.target;
    Quantized done = pass_quantize(q->m, &in, false, q->c->arena);
    done.m->capacity = q->m->capacity = capacity;
    ir_module_free(e->start);
    e->start = done.m;
    e->value = done.value;
    return EXIT_OK;
}

int emission_quantize(Emission *e, const PassCtx *ctx)
{
    int code = refuse_options(e);
    if (code) return code;
    Quantization q = { .e = e, .c = e->c, .ctx = *ctx,
                       .here = { cmd_native_target(), true } };
    if (q.here.target->tile_per_cycle) q.here.target = ir_target("x86_64_v4");
    q.ctx.target = q.here.target;
    code = begin(&q);
    if (!code) code = make(&q);
    if (!code && !e->c->text[OPT_quiet]) {
        print_layers(&q);
        print_outputs(&q);
    }
    if (!code)
        code = beside_print(e, ctx, (Variety){ q.m, q.value }, (Variety){ e->start, e->value }, false);
    cmd_folder_remove();
    rt_free(q.samples.x);
    rt_free(q.samples.label);
    rt_free(q.real);
    if (q.m) ir_module_free(q.m);
    return code;
}
