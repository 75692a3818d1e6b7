/* frontend/cmd_beside.c: two models of one file, as code compiled for the library's target: sizes,
 * times, outputs. */
#include "codegen/codegen.h"
#include "frontend/cmd_beside.h"
#include "passes/passes.h"
#include "ir/trial.h"
#include "runtime/base.h"
#include <math.h>
#include <string.h>

int beside_check(const Emission *e, const char *option)
{
    const Cmd *c = e->c;
    if (e->opts.trains)
        return cmd_fail(c, EXIT_USAGE, "%s: a library that trains computes in float\n"
                        "help: leave --mode train out, or %s", option, option);
    if (e->start->real != DT_f32)
        return cmd_fail(c, EXIT_USAGE, "%s: the model is in double\nhelp: --dtype f32", option);
    if (ir_graph_find(e->start, "infer")->has_kernels || strcmp(e->start->stage, "shape") != 0)
        return cmd_fail(c, EXIT_REFUSED, "%s: it is past the stage shape\nhelp: `seqc ir FILE --stage "
                        "shape` makes text that %s takes", c->file, option);
    return EXIT_OK;
}

Module *beside_tidy(Emission *e, const PassCtx *ctx)
{
    e->start->graph[0] = ir_graph_find(e->start, "infer");
    e->start->n_graph = 1;
    Module *m = pass_run(e->start, ctx, "tidy");
    m->prog.n_scalar = 0;            /* of training */
    return m;
}

int beside_values(const Cmd *c, const Module *planned, const double ***value)
{
    char *block = NULL;
    int code = cmd_states(c, planned, &block);
    const double **list = arena_alloc(c->arena, planned->n_state, sizeof *list);
    for (uint32_t s = 1; !code && s < planned->n_state; s++)
        list[s] = emit_state_get(planned, (State){ s }, block, c->arena);
    rt_free(block);
    *value = list;
    return code;
}

const char *beside_layer(const Cmd *c, const Module *m, const char *name)
{
    for (int i = 0; i < m->prog.n_layer; i++)
        if (!strcmp(m->prog.layer[i].path, name))
            return arena_printf(c->arena, "%s  %s", name, m->prog.layer[i].text);
    return name;
}

void beside_noise(Noise *to, const double *real, const double *other, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double gap = real[i] - other[i];
        to->signal += real[i] * real[i];
        to->noise += gap * gap;
    }
}

double beside_decibels(Noise n) { return n.noise > 0 ? 10 * log10(n.signal / n.noise) : HUGE_VAL; }

/* ---- side by side ---- */

/* us 0, output null: it does not run here. */
typedef struct Side { double us; int64_t bytes; double *output; int64_t n; } Side;
typedef struct Run { Trial trial; const double *const *value; } Run;

static const double *input_of(void *ctx, const char *name)
{
    return ir_trial_input(&((Run *)ctx)->trial, name);
}

static const double *state_of(void *ctx, State s) { return ((Run *)ctx)->value[s.i]; }

static void run_once(const Emission *e, Replay *r, const Module *m, Variety x, Side *s)
{
    Arena *a = e->c->arena;
    const Graph *g = m->graph[0];
    Run run = { { .g = g, .n = m->capacity, .low = -1, .arena = a }, x.value };
    EvalIn in = ir_trial(&run.trial);
    in.input = input_of;
    in.state = state_of;
    in.ctx = &run;
    s->output = emit_run(r, g, &in, &(ReplayHow){ .workers = 1 }, a)[0];
    s->n = ir_elems_at(&ir_type(g, g->root[0].val)->shape, m->capacity);
}

static int measure(const Emission *e, const PassCtx *given, Variety x, const char *what, bool outputs,
                   Side *s)
{
    PassCtx ctx = *given;
    ctx.target = e->opts.target;
    Module *m = pass_run(x.m, &ctx, NULL);
    Replay *r = NULL;
    int code = EXIT_OK;
    *s = (Side){ .bytes = emit_library_bytes(m, &e->opts) };
    if (!ir_target_foreign(ctx.target) && rt_cpu_runs(ctx.target->features))
        code = cmd_replay(e->c, m, (CmdTarget){ ctx.target, e->opts.native }, what,
                          "both models are timed here", &r);
    if (r) s->us = 1e6 * emit_seconds(r, m->graph[0], 0.3);
    if (r && outputs) run_once(e, r, m, x, s);
    emit_close(r);
    ir_module_free(m);
    return code;
}

/* "3.9x smaller than float's 101 kB", or that it is not. */
static const char *share(const Cmd *c, double own, double real, const char *less, const char *more,
                         const char *text)
{
    bool gains = own < real;
    if (own == real) return arena_printf(c->arena, "as much as float's %s", text);
    return arena_printf(c->arena, "%.2gx %s than float's %s", gains ? real / own : own / real,
                        gains ? less : more, text);
}

int beside_print(const Emission *e, const PassCtx *ctx, Variety real, Variety other, bool outputs)
{
    const Cmd *c = e->c;
    FILE *out = cmd_told(c);
    Side a, b;
    Noise noise = { 0 };
    int code = measure(e, ctx, real, "float", outputs, &a);
    if (!code) code = measure(e, ctx, other, "other", outputs, &b);
    if (code || c->text[OPT_quiet]) return code;
    if (a.output && b.output) {
        beside_noise(&noise, a.output, b.output, a.n);
        fprintf(out, "  %-42s signal to noise %5.1f dB, of inputs made up\n", "outputs",
                beside_decibels(noise));
    }
    fprintf(out, "  %-42s %s, %s\n", "weights", cmd_bytes(c->arena, b.bytes),
           share(c, (double)b.bytes, (double)a.bytes, "smaller", "larger", cmd_bytes(c->arena, a.bytes)));
    if (a.us > 0)
        fprintf(out, "  %-42s %.3g us, %s\n", "a call, on this machine", b.us,
               share(c, b.us, a.us, "faster", "slower", arena_printf(c->arena, "%.3g us", a.us)));
    return EXIT_OK;
}
