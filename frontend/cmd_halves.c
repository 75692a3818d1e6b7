/* frontend/cmd_halves.c: `seqc emit --store bf16|fp16`: a library whose linear layers have weights of 16
 * bits, which are widened as they are read. */
#include "codegen/codegen.h"
#include "frontend/cmd_beside.h"
#include "frontend/cmd_quantize.h"
#include "passes/passes.h"
#include "runtime/base.h"
#include <math.h>

typedef struct Halves {
    Emission *e;
    const Cmd *c;
    const PassCtx *ctx;
    DType dtype;
    Module *m;                       /* the file's model at tidy */
    const double **value;
    QuantizeIn in;
} Halves;

static int find_layers(Halves *h)
{
    h->in.layer = pass_half_layers(h->m->graph[0], &h->in.n_layer, h->c->arena);
    for (int i = 0; i < h->in.n_layer; i++)
        if (!h->in.layer[i].why) return EXIT_OK;
    return cmd_fail(h->c, EXIT_REFUSED, "%s: --store %s: it has no linear layer with weights of its own, "
                    "and others read float\nhelp: leave --store out", h->c->file, h->c->text[OPT_store]);
}

static State weights_of(const Halves *h, const QuantLayer *x)
{
    const Graph *g = h->m->graph[0];
    return ir_node(g, ir_node(g, x->product)->in[1])->state;
}

static int64_t elems_of(const Halves *h, State w) { return ir_elems_at(&h->m->state[w.i].type.shape, 1); }

static int check_range(const Halves *h)
{
    for (int i = 0; i < h->in.n_layer; i++) {
        if (h->in.layer[i].why) continue;
        State w = weights_of(h, &h->in.layer[i]);
        for (int64_t k = 0; k < elems_of(h, w); k++) {
            double x = h->value[w.i][k];
            if (!isfinite(x) || !isfinite(ir_from_half(h->dtype, ir_to_half(h->dtype, x))))
                return cmd_fail(h->c, EXIT_REFUSED, "%s: layer %s has a weight of %g, which %s does not "
                                "hold%s", h->c->file, h->in.layer[i].name, x, h->c->text[OPT_store],
                                isfinite(x) && h->dtype == DT_f16 ? "\nhelp: --store bf16" : "");
        }
    }
    return EXIT_OK;
}

static void print_layers(const Halves *h, const double *const *rounded)
{
    FILE *out = cmd_told(h->c);
    int worst = -1, stored = 0;
    Noise *noise = arena_alloc(h->c->arena, (size_t)h->in.n_layer, sizeof *noise);
    for (int i = 0; i < h->in.n_layer; i++) {
        if (h->in.layer[i].why) continue;
        State w = weights_of(h, &h->in.layer[i]);
        beside_noise(&noise[i], h->value[w.i], rounded[w.i], elems_of(h, w));
        if (worst < 0 || beside_decibels(noise[i]) < beside_decibels(noise[worst])) worst = i;
        stored++;
    }
    fprintf(out, "stored %d of %d layers in %s\n", stored, h->in.n_layer, h->c->text[OPT_store]);
    for (int i = 0; i < h->in.n_layer; i++) {
        const QuantLayer *x = &h->in.layer[i];
        fprintf(out, "  %-42s ", beside_layer(h->c, h->m, x->name));
        if (x->why) fprintf(out, "stays float: %s\n", x->why);
        else fprintf(out, "weights' signal to noise %5.1f dB%s\n", beside_decibels(noise[i]),
                    i == worst ? "  <- the worst layer" : "");
    }
}

static int make(Halves *h)
{
    Emission *e = h->e;
    PassCtx ctx = *h->ctx;
    Module *planned = pass_run(h->m, &ctx, NULL);
    int code = beside_values(h->c, planned, &h->value);
    ir_module_free(planned);
    h->in.target = e->opts.target;
    h->in.state = h->value;
    if (!code) code = check_range(h);
    if (code) return code;
    Quantized done = pass_halves(h->m, h->dtype, &h->in, h->c->arena);
    ir_module_free(e->start);
    e->start = done.m;
    e->value = done.value;
    if (!h->c->text[OPT_quiet]) print_layers(h, done.value);
    return beside_print(e, h->ctx, (Variety){ h->m, h->value }, (Variety){ done.m, done.value }, true);
}

int emission_store(Emission *e, const PassCtx *ctx)
{
    const Cmd *c = e->c;
    Halves h = { .e = e, .c = c, .ctx = ctx, .dtype = c->number[OPT_store] ? DT_f16 : DT_bf16 };
    if (c->text[OPT_quantize] || c->text[OPT_calibrate])
        return cmd_fail(c, EXIT_USAGE, "--store %s: weights of --quantize have 8 bits\nhelp: one of the "
                        "two", c->text[OPT_store]);
    int code = beside_check(e, "--store");
    if (code) return code;
    h.m = beside_tidy(e, ctx);
    code = find_layers(&h);
    if (!code) code = make(&h);
    cmd_folder_remove();
    ir_module_free(h.m);
    return code;
}
