/* ir/contract.c: what a program that is made of the module counts on, beyond what ir_verify checks.
 *
 * The runtime knows graphs by name and gives them their inputs in a fixed order (runtime/rt.h). The
 * frontend makes modules so; IR text can say anything. Graphs of other names are nobody's business:
 * they are compiled and never run. */
#include "ir/priv.h"
#include "ir/tasks.h"
#include <math.h>
#include <string.h>

#define T(t) ir_type_text(t, (char[IR_TYPE_TEXT]){0})

/* What a value holds for one sample. */
typedef enum { X, OUTPUT, TARGET, SHARES, LOSS, ONE_X, ONE_OUTPUT } What;
typedef struct { const char *name; What what; } Part;

static const struct { const char *graph; Part in[2], result[3]; } contract[] = {
    {"infer", {{"x", X}}, {{"output", OUTPUT}}},
    {"infer_one", {{"x", ONE_X}}, {{"output", ONE_OUTPUT}}},
    {"train", {{"x", X}, {"target", TARGET}}, {{"loss", LOSS}}},
    {"eval", {{"x", X}, {"target", TARGET}}, {{"loss", LOSS}}},
    {"train_prob", {{"x", X}, {"target", SHARES}}, {{"loss", LOSS}}},
    {"eval_prob", {{"x", X}, {"target", SHARES}}, {{"loss", LOSS}}},
    {"grad", {{"x", X}, {"cotangent", OUTPUT}}, {{"output", OUTPUT}}},
    {"grad_eval", {{"x", X}, {"cotangent", OUTPUT}}, {{"output", OUTPUT}}},
    {"loss", {{"output", OUTPUT}, {"target", TARGET}}, {{"loss", LOSS}, {"d_output", OUTPUT}}},
    {"loss_prob", {{"output", OUTPUT}, {"target", SHARES}}, {{"loss", LOSS}, {"d_output", OUTPUT}}},
};
enum { N_CONTRACTS = sizeof contract / sizeof *contract };

/* [1, sample…] */
static Type single(DType dtype, const Shape *sample)
{
    Type t = {.dtype = dtype, .shape = {.rank = (uint8_t)(sample->rank + 1)}};
    t.shape.dim[0] = ir_dim(1);
    memcpy(t.shape.dim + 1, sample->dim, sample->rank * sizeof *sample->dim);
    return t;
}

/* [n, sample…] */
static Type batched(DType dtype, const Shape *sample)
{
    Type t = single(dtype, sample);
    t.shape.dim[0] = ir_dim_n(1);
    return t;
}

static Type wanted(const Module *m, What what)
{
    const Program *p = &m->prog;
    const Shape classes = ir_shape(1, &p->n_classes), none = {0};
    switch (what) {
    case X: return batched(m->real, &p->input);
    case OUTPUT: return batched(m->real, &p->output);
    case SHARES: return batched(m->real, &classes);
    case TARGET:
        return p->target == TARGET_REAL ? batched(m->real, &p->target_shape)
                                        : batched(DT_i64, &none);
    case ONE_X: return single(m->real, &p->input);
    case ONE_OUTPUT: return single(m->real, &p->output);
    case LOSS: break;
    }
    return ir_type_of(m->real, none);
}

static bool must_be(const Module *m, const char *kind, Part part, const Type *is, char err[IR_ERR])
{
    Type want = wanted(m, part.what);
    return ir_type_eq(is, &want)
        || ir_fail(err, "the program has its %s \"%s\" as %s, not as %s", kind, part.name,
                   T(&want), T(is));
}

/* A class beyond the program's would be read beyond the row's end. */
static bool check_classes(const Graph *g, char err[IR_ERR])
{
    int64_t classes = g->module->prog.n_classes;
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (x->n_in != 2 || ir_type(g, x->in[1])->dtype != DT_i64)
            continue;
        const Shape *s = &ir_type(g, x->in[0])->shape;
        if (s->rank && s->dim[s->rank - 1].k != classes)
            return ir_fail(err, "%%%d reads targets of %lld classes, but the program has %lld",
                           ir_printed_number(g, (Val){i}), (long long)s->dim[s->rank - 1].k,
                           (long long)classes);
    }
    return true;
}

static bool check_graph(const Graph *g, int row, char err[IR_ERR])
{
    const Module *m = g->module;
    const Part *in = contract[row].in;
    int n_in = 0;
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (x->op != OP_input)
            continue;
        if (ir_mask_find(m, x->name)) {
            if (!ir_dtype_real(x->type.dtype))
                return ir_fail(err, "its mask \"%.100s\" is not of real numbers", x->name);
            continue;
        }
        const Part *part = n_in < 2 ? &in[n_in] : NULL;
        if (!part || !part->name || strcmp(part->name, x->name))
            return ir_fail(err, "its input %d is \"%.100s\"; a program gives it \"%s\"%s%s",
                           n_in + 1, x->name, in[0].name, in[1].name ? ", then " : "",
                           in[1].name ? in[1].name : "");
        if (!must_be(m, "input", *part, &x->type, err))
            return false;
        n_in++;
    }
    for (const Part *part = contract[row].result; part->name; part++) {
        int i = 0;
        while (i < g->n_root &&
               (g->root[i].kind != ROOT_RETURN || strcmp(g->root[i].name, part->name)))
            i++;
        if (i == g->n_root)
            return ir_fail(err, "it does not return %s", part->name);
        if (!must_be(m, "result", *part, ir_type(g, g->root[i].val), err))
            return false;
    }
    return check_classes(g, err);
}

static bool check_scalars(const Graph *g, char err[IR_ERR])
{
    const Program *p = &g->module->prog;
    for (uint32_t i = 1; i < g->n_node; i++) {
        int j = 0;
        if (g->node[i].op != OP_scalar)
            continue;
        while (j < p->n_scalar && p->scalar[j].name != g->node[i].name)
            j++;
        if (j == p->n_scalar)
            return ir_fail(err, "nothing defines its scalar \"%.100s\": the program needs a line "
                           "such as scalar \"lr\" \"a\"", g->node[i].name);
    }
    return true;
}

static bool check_draw(const Module *m, const Draw *d, char err[IR_ERR])
{
    if (d->kind == DRAW_SEED)
        return (d->a == floor(d->a) && fabs(d->a) < 0x1p63)
            || ir_fail(err, "the seed %g is no integer of 64 bits", d->a);
    if (!d->state.i)
        return true;
    const StateInfo *s = ir_state(m, d->state);
    return ir_dtype_real(s->type.dtype)
        || ir_fail(err, "\"%.100s\" is %s and cannot be drawn", s->key, T(&s->type));
}

bool ir_program_check(const Module *m, char err[IR_ERR])
{
    const Program *p = &m->prog;
    char why[IR_ERR];
    if (p->input.rank >= IR_MAX_RANK || p->output.rank >= IR_MAX_RANK
        || p->target_shape.rank >= IR_MAX_RANK)
        return ir_fail(err, "a sample has at most %d axes", IR_MAX_RANK - 1);
    for (int i = 0; i < p->n_draw; i++)
        if (!check_draw(m, &p->draw[i], err))
            return false;
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        bool ok = check_scalars(g, why);
        for (int row = 0; row < N_CONTRACTS && ok; row++)
            ok = strcmp(g->name, contract[row].graph) != 0 || check_graph(g, row, why);
        if (!ok)
            return ir_fail(err, "graph %.60s: %.440s", g->name, why);
    }
    return true;
}

bool ir_target_check(const Module *m, const Target *t, char err[IR_ERR])
{
    bool gpu = t->block_threads > 0;
    for (uint32_t s = 1; s < m->n_state && gpu; s++)
        if (m->state[s].type.layout.kind != LAYOUT_plain)
            return ir_fail(err, "\"%.80s\" is laid out for a processor; %s takes text of the stage "
                           "tidy or an earlier one", m->state[s].key, t->name);
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        if (g->one_block && !gpu)
            return ir_fail(err, "the kernels of %s are one block's, which is for another machine than "
                           "%s; text of the stage tidy or an earlier one serves any", g->name, t->name);
        for (uint32_t v = 1; v < g->n_node && gpu; v++)
            if (g->node[v].type.layout.kind != LAYOUT_plain)
                return ir_fail(err, "%%%d (%s) is laid out for a processor; %s takes text of the "
                               "stage tidy or an earlier one", ir_printed_number(g, (Val){v}),
                               ir_op[g->node[v].op].name, t->name);
        for (int k = 0; k < g->n_kernel; k++) {
            if (!ir_serves(t, g->kernel[k].algo))
                return ir_fail(err, "k%d of %s is by %s, which is for another machine than %s; text "
                               "of the stage tidy or an earlier one serves any", k, g->name,
                               ir_algo[g->kernel[k].algo].name, t->name);
            int64_t bytes = ir_worker_bytes(g, &g->kernel[k], t->vector_bytes);
            if (g->has_plan && bytes > g->worker_bytes)
                return ir_fail(err, "k%d of %s takes %lld bytes of a thread on %s, and the plan has "
                               "%lld; text of the stage schedule or an earlier one serves any", k,
                               g->name, (long long)bytes, t->name, (long long)g->worker_bytes);
        }
    }
    return true;
}
