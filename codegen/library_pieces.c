/* codegen/library_pieces.c: a library whose kernels take a piece of the batch at a time, so that values
 * of that many samples are enough. An inference computes one piece after the other; a training step
 * sums the gradients of all pieces, and then the optimizer has them (passes/accumulate.c). */
#include "codegen/library.h"
#include <string.h>

/* A function that calls the graph's kernels, with what they name as parameters: those of its first
 * lines. */
static void piece_function(Library *l, Out *o, const Graph *g, const char *first, const Hole *hole,
                           int n_hole, const char *const *parameters)
{
    static const char *const own[][2] = { { "x", "in" }, { "output", "out" }, { "target", "target" },
                                          { "loss", "loss" }, { NULL, NULL } };
    Emit *e = &l->e;
    bool infers = g == l->infer;
    const Names at = { .own = own, .keeps = !l->train, .full = infers, .state = "p",
                       .arena = "arena", .kept = l->train ? "kept" : "p->prepared", .n_workers = 1,
                       .scalars = "values",
                       .n = infers ? text(e, "%lld", (long long)e->m->capacity) : "n",
                       .seed = "t->seed", .step = "t->step" };
    Out *calls = out_new(e->a);
    out_deeper(calls, 1);
    graph_calls(e, g, &at, NULL, calls);
    const char *body = out_text(calls);
    library_text(l, o, first, hole, n_hole);
    out_deeper(o, 1);
    const char *memory = library_memory(l, o, g, body, infers ? "workspace" : "t->workspace");
    const char *used = text(e, "%s %s", memory, body);
    if (!infers && out_mentions(body, "p"))
        out_line(o, "%s_params *const p = t->params;", l->o->name);
    for (int i = 0; parameters[i]; i++)
        if (!out_mentions(used, parameters[i]))
            out_line(o, "(void)%s;", parameters[i]);
    out_raw(o, body);
    out_deeper(o, -1);
    out_line(o, "}");
    out_line(o, "%s", "");
}

static const char *const piece_text =
    "/* $piece samples of an inference. */\n"
    "static void infer_piece(const $n_params *p, const $real *in, $real *out, void *workspace)\n"
    "{\n";

static const char *const forward_text =
    "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                void *workspace)\n"
    "{\n"
    "    for (int64_t i = 0; i < $N_BATCH; i += $piece)\n"
    "        infer_piece(p, in + i * $x, out + i * $y, workspace);\n"
    "}\n"
    "\n";

static const char *const gradients_text =
    "/* Adds the gradients of n samples, $piece at most, to those of the step; values[$share] is their\n"
    " * share of it. */\n"
    "static void add_gradients(const $n_training *t, const $real *in, const $target *target,\n"
    "                          $real *loss, int64_t n, const $real *values)\n"
    "{\n";

static const char *const apply_text =
    "/* The optimizer's part of a step. */\n"
    "static void apply_gradients(const $n_training *t, const $real *values)\n"
    "{\n";

static const char *const step_text =
    "void $n_train_step($n_training *t, const $real *in, const $target *target, $real *loss)\n"
    "{\n"
    "    const int64_t n = t->n;\n"
    "    $real values[$values], sum = 0;\n"
    "    t->step++;\n"
    "    scalars(t->lr, (double)t->step, t->steps, values);\n"
    "$zero\n"
    "    for (int64_t i = 0; i < n; i += $piece) {\n"
    "        const int64_t count = n - i < $piece ? n - i : $piece;\n"
    "        $real part;\n"
    "        values[$share] = $weight;\n"
    "        add_gradients(t, in + i * $x, target + i * $y, &part, count, values);\n"
    "        sum += values[$share] * part;\n"
    "    }\n"
    "    apply_gradients(t, values);\n"
    "    *loss = sum;\n"
    "}\n"
    "\n";

static const char *elems_text(Library *l, const Graph *g, const char *value)
{
    return text(&l->e, "%lld", (long long)ir_elems_at(&library_value(l, g, value)->shape, 1));
}

Out *library_forward_pieces(Library *l)
{
    Out *o = out_new(l->e.a);
    static const char *const parameters[] = { "p", "in", "workspace", NULL };
    const Hole holes[] = { { "real", l->elems },
                           { "piece", text(&l->e, "%lld", (long long)l->e.m->capacity) },
                           { "x", elems_text(l, l->infer, "x") },
                           { "y", elems_text(l, l->infer, "output") } };
    piece_function(l, o, l->infer, piece_text, holes, 2, parameters);
    library_text(l, o, forward_text, holes, 4);
    return o;
}

/* The sums start from 0. */
static const char *zeros(Library *l)
{
    const char *s = "";
    for (int i = 0; i < l->train->n_root; i++) {
        const Root *r = &l->train->root[i];
        if (r->kind != ROOT_UPDATE) continue;
        const char *name = state_name(&l->e, r->state);
        s = text(&l->e, "%s%s    memset(t->params->%s, 0, sizeof t->params->%s);", s, *s ? "\n" : "",
                 name, name);
    }
    return s;
}

static int share_index(const Module *m)
{
    int i = 0;
    while (i < m->prog.n_scalar && strcmp(m->prog.scalar[i].name, "share")) i++;
    return i;
}

Out *library_step_pieces(Library *l)
{
    static const char *const of_sum[] = { "in", "target", "n", "values", NULL };
    static const char *const of_apply[] = { "values", NULL };
    Emit *e = &l->e;
    Out *o = out_new(e->a);
    const Hole holes[] = {
        { "real", l->elems },
        { "target", e->l->type[library_value(l, l->train, "target")->dtype] },
        { "piece", text(e, "%lld", (long long)e->m->capacity) },
        { "share", text(e, "%d", share_index(e->m)) },
        { "values", text(e, "%d", e->m->prog.n_scalar) },
        { "x", elems_text(l, l->train, "x") },
        { "y", elems_text(l, l->train, "target") },
        { "zero", zeros(l) },
        { "weight", l->o->total ? "1" : text(e, "(%s)count / (%s)n", l->elems, l->elems) },
    };
    int n = (int)(sizeof holes / sizeof *holes);
    piece_function(l, o, l->train, gradients_text, holes, n, of_sum);
    piece_function(l, o, l->apply, apply_text, holes, n, of_apply);
    library_text(l, o, step_text, holes, n);
    return o;
}
