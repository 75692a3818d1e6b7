/* passes/run.c: runs passes one after the other, checks what they need and what they made.
 *
 * With ctx->verify each result is verified, printed, parsed, printed again and compared, and the
 * next pass runs on what was parsed: so text is as good as memory, everywhere. */
#include "ir/tasks.h"
#include "passes/passes.h"
#include "passes/stages.h"
#include <string.h>
#include <time.h>

const PassInfo pass_table[] = {
#define PASS(name, needs, gives, doc) { #name, needs, gives, doc, pass_##name },
#include "passes/passes.def"
#undef PASS
};
const int pass_count = (int)(sizeof pass_table / sizeof *pass_table);

const PassInfo *pass_find(const char *name)
{
    for (int i = 0; i < pass_count; i++)
        if (!strcmp(pass_table[i].name, name)) return &pass_table[i];
    return NULL;
}

/* ---- facts that passes need ---- */

/* Running statistics are updated by the forward pass; every other update is the optimizer's. */
static bool is_forward(const Module *m)
{
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        bool derived = ir_derives(g);
        for (int r = 0; r < g->n_root; r++) {
            const Root *x = &g->root[r];
            bool buffer = x->kind == ROOT_UPDATE
                       && ir_state(m, x->state)->role == ROLE_BUFFER;
            if (x->kind != ROOT_RETURN && !buffer) return false;
            if (derived && !strncmp(x->name, "d_", 2)) return false;
        }
        /* Second derivatives of losses have no rule. */
        for (uint32_t v = 1; v < g->n_node; v++) {
            Op op = g->node[v].op;
            if (op == OP_cross_entropy_grad || op == OP_nll_grad) return false;
        }
    }
    return true;
}

static bool has_kernels(const Module *m)
{
    for (int i = 0; i < m->n_graph; i++)
        if (!m->graph[i]->has_kernels) return false;
    return true;
}

static bool has_plans(const Module *m)
{
    for (int i = 0; i < m->n_graph; i++)
        if (!m->graph[i]->has_plan) return false;
    return true;
}

static const struct { const char *name, *lack; bool (*holds)(const Module *m); } facts[] = {
    { "forward", "a module without derivatives, and this one has some", is_forward },
    { "kernels", "kernels; run `fuse` first", has_kernels },
    { "buffers", "a plan; run `plan` first", has_plans },
};

/* What the module lacks of a fact; null: nothing, or no fact that can be seen. */
static const char *lacks_fact(const char *name, const Module *m)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (!strcmp(facts[i].name, name) && !facts[i].holds(m)) return facts[i].lack;
    return NULL;
}

static const char *lacks(const PassInfo *p, const Module *m) { return lacks_fact(p->needs, m); }

/* ---- one pass ---- */

static double seconds(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Module *round_trip(const Module *m, const char *pass)
{
    Arena *a = arena_new();
    ParseErr err;
    char *once = ir_print_string(m, a);
    Module *again = ir_parse(once, strlen(once), &err);
    if (!again)
        ir_die(m, "after %s: the text does not parse: %d:%d: %s", pass, err.line, err.col,
               err.text);
    char *twice = ir_print_string(again, a);
    size_t at = 0;
    while (once[at] && once[at] == twice[at]) at++;
    if (once[at] || twice[at])
        ir_die(m, "after %s: the text changes when it is read and printed again, from here: %.60s",
               pass, once + at);
    arena_free(a);
    return again;
}

static Module *run_one(const PassInfo *p, const Module *in, const PassCtx *c)
{
    char err[IR_ERR];
    double start = seconds();
    Module *out = p->run(in, c);
    double took = seconds() - start;
    if (c->verify) {
        if (!ir_verify(out, err)) ir_die(out, "after %s: %s", p->name, err);
        Module *again = round_trip(out, p->name);
        ir_module_free(out);
        out = again;
    }
    if (c->after) c->after(c->ctx, p->name, out, took);
    return out;
}

/* ---- many ---- */

static int stage_index(const char *stage)
{
    for (int i = 0; i < pass_count; i++)
        if (stage && !strcmp(pass_table[i].name, stage)) return i;
    return -1;
}

static bool simplifies(const PassInfo *p) { return p->run == pass_simplify || p->run == pass_tidy; }

/* Runs table[from .. to]; a copy if that is nothing. `forward` is skipped where it does not hold:
 * its pass has been there. */
static Module *run_range(const Module *m, const PassCtx *c, int from, int to)
{
    Module *now = NULL;
    for (int i = from; i <= to; i++) {
        const Module *in = now ? now : m;
        if (lacks(&pass_table[i], in) || (c->as_written && simplifies(&pass_table[i]))) continue;
        Module *next = run_one(&pass_table[i], in, c);
        ir_module_free(now);
        now = next;
    }
    return now ? now : round_trip(m, m->stage ? m->stage : "reading");
}

Module *pass_run(const Module *m, const PassCtx *c, const char *stop)
{
    int from = stage_index(m->stage) + 1, to = stop ? stage_index(stop) : pass_count - 1;
    /* Text may claim a stage without holding what the passes up to it give. */
    for (int i = from - 1; i >= 0; i--)
        if (lacks_fact(pass_table[i].gives, m)) from = i;
    return run_range(m, c, from, to);
}

Module *pass_run_list(const Module *m, const PassCtx *c, const char *const *names, int n,
                      char err[IR_ERR])
{
    Module *now = NULL;
    for (int i = 0; i < n; i++) {
        const PassInfo *p = pass_find(names[i]);
        const Module *in = now ? now : m;
        const char *lack = p ? lacks(p, in) : NULL;
        if (!p) snprintf(err, IR_ERR, "there is no pass `%s`", names[i]);
        else if (lack) snprintf(err, IR_ERR, "the pass `%s` needs %s", p->name, lack);
        if (!p || lack) {
            ir_module_free(now);
            return NULL;
        }
        Module *next = run_one(p, in, c);
        ir_module_free(now);
        now = next;
    }
    return now ? now : round_trip(m, m->stage ? m->stage : "reading");
}
