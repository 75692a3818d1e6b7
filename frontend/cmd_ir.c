/* frontend/cmd_ir.c: `seqc ir` and `seqc opt`: the graphs as they are after any pass.
 *
 * `ir` starts from a model file, or from IR text at its stage; `opt` reads IR text and runs the
 * passes that it is told. Their text is input for both and for `build`. */
#include "frontend/cmd.h"
#include "passes/passes.h"
#include <string.h>

typedef struct {
    const Module *module;
    int64_t format;
    const char *const *graphs;       /* null: all */
} View;

/* The table, and where the graphs have a plan, its map of the arena. */
static void print_table(FILE *out, const View *v)
{
    ir_print_table(v->module, out, v->graphs);
    for (int i = 0; i < v->module->n_graph; i++) {
        const Graph *g = v->module->graph[i];
        bool chosen = !v->graphs;
        for (const char *const *name = v->graphs; name && *name; name++)
            chosen = chosen || strcmp(*name, g->name) == 0;
        if (chosen && g->has_plan) {
            fputc('\n', out);
            pass_print_plan(g, out);
        }
    }
}

static void print_view(FILE *out, const void *ctx)
{
    const View *v = ctx;
    switch (v->format) {
    case FORMAT_JSON: ir_print_json(v->module, out, v->graphs); break;
    case FORMAT_DOT: ir_print_dot(v->module, out, v->graphs); break;
    case FORMAT_SVG: ir_print_svg(v->module, out, v->graphs); break;
    case FORMAT_TABLE: print_table(out, v); break;
    default: ir_print(v->module, out, v->graphs); break;
    }
}

/* --mode's graphs. Without a loss there is no training step, and inference is shown alone. */
static const char *const *choose_graphs(const Module *m, int64_t mode)
{
    static const char *const train[] = {"train", NULL};
    static const char *const infer[] = {"infer", "infer_one", NULL};
    static const char *const eval[] = {"eval", NULL};
    static const char *const grad[] = {"grad", "grad_eval", "loss", "loss_prob", NULL};
    switch (mode) {
    case MODE_TRAIN: return ir_graph_find(m, "train") ? train : infer;
    case MODE_EVAL: return ir_graph_find(m, "eval") ? eval : infer;
    case MODE_INFER: return infer;
    case MODE_GRAD: return grad;
    default: return NULL;
    }
}

static int unknown_pass(const Cmd *c, const char *word)
{
    char list[512] = "";
    const char *names[64];
    int n = 0;
    for (int i = 0; i < pass_count && n < 64; i++) {
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, "%s%s", i ? " " : "", pass_table[i].name);
        names[n++] = pass_table[i].name;
    }
    const char *near = cmd_nearest(word, names, n);
    return cmd_fail(c, EXIT_USAGE, "there is no pass '%.60s'%s%s%s\nhelp: the passes are %s", word,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", list);
}

/* In the pipeline. */
static int position(const char *stage)
{
    for (int i = 0; i < pass_count; i++)
        if (strcmp(pass_table[i].name, stage) == 0)
            return i;
    return -1;
}

int cmd_ir(const Cmd *c)
{
    const char *stage = c->text[OPT_stage];
    if (stage && !pass_find(stage))
        return unknown_pass(c, stage);
    PassCtx ctx;
    Module *m = NULL;
    int code = cmd_pass_ctx(c, &ctx);
    if (!code)
        code = cmd_load(c, &m);
    if (code)
        return code;
    Module *done = NULL;
    CmdTarget target[CMD_MAX_TARGETS];
    int n;
    code = cmd_targets(c, target, &n);
    if (!code)
        code = cmd_tune(c, target[0], &ctx);
    if (code)
        return code;
    if (stage && position(stage) < position(m->stage))
        code = cmd_fail(c, EXIT_REFUSED, "%s is at stage %s already, which is after %s", c->file,
                        m->stage, stage);
    else if (!stage || position(stage) > position(m->stage))
        done = pass_run(m, &ctx, stage);
    if (!code)
        code = cmd_tune_end(c);
    if (!code) {
        const Module *shown = done ? done : m;
        View v = {shown, c->number[OPT_format], choose_graphs(shown, c->number[OPT_mode])};
        code = cmd_output(c, print_view, &v);
    }
    if (done)
        ir_module_free(done);
    ir_module_free(m);
    return code;
}

enum { MAX_PASSES = 64 };

/* --passes a,b,c; the number of them, or -1 after a message and *code. */
static int split_passes(const Cmd *c, const char *names[MAX_PASSES], int *code)
{
    int n = 0;
    for (const char *s = c->text[OPT_passes]; s && *s;) {
        size_t length = strcspn(s, ",");
        if (n == MAX_PASSES) {
            *code = cmd_fail(c, EXIT_USAGE, "more than %d passes", MAX_PASSES);
            return -1;
        }
        names[n] = arena_strn(c->arena, s, length);
        if (!pass_find(names[n])) {
            *code = unknown_pass(c, names[n]);
            return -1;
        }
        n++;
        s += length + (s[length] == ',');
    }
    return n;
}

int cmd_opt(const Cmd *c)
{
    const char *names[MAX_PASSES];
    PassCtx ctx;
    Module *m = NULL;
    int code = EXIT_OK;
    int n = split_passes(c, names, &code);
    if (n < 0)
        return code;
    code = cmd_pass_ctx(c, &ctx);
    if (!code)
        code = cmd_load(c, &m);
    if (code)
        return code;
    char err[IR_ERR];
    Module *done = n ? pass_run_list(m, &ctx, names, n, err) : NULL;
    if (n && !done) {
        code = cmd_fail(c, EXIT_REFUSED, "%s: %s", c->file, err);
    } else {
        View v = {done ? done : m, FORMAT_TEXT, NULL};
        code = cmd_output(c, print_view, &v);
    }
    if (done)
        ir_module_free(done);
    ir_module_free(m);
    return code;
}
