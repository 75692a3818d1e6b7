/* passes/accumulate.c: a training step on pieces of a batch: their gradients are added up, then the
 * optimizer has them all.
 *
 * needs   gradients, and a loss that is a mean or a sum over samples
 * keeps   other graphs
 * breaks  `train` is of a piece; adds `apply`, the states "key#gradient" and the scalar `share`
 *
 *     graph train                    graph train
 *     …                              %18 = map "w#gradient", %17, share {f="a + b * c"}
 *     grad "w"=%17                   update "w#gradient"=%18
 *                             ->     graph apply
 *                                    grad "w"="w#gradient"
 *
 * Whoever runs them sets the sums to 0 first, and `share` for each piece: of a mean, its samples over
 * those of the step; of a sum, 1, which is what the scalar is otherwise. What is not a sum over samples
 * is refused: statistics of the batch, values that samples share, and random numbers, which count
 * samples from the first one. */
#include "passes/rules.h"
#include "passes/passes.h"
#include <string.h>

static const char *place(const Graph *g, const Node *x, Arena *a)
{
    return x->loc.file ? arena_printf(a, " (%s:%u)", g->module->file[x->loc.file], x->loc.line) : "";
}

static Val loss_of(const Graph *g)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN && !strcmp(g->root[i].name, "loss"))
            return g->root[i].val;
    return (Val){ 0 };
}

/* Is it over the samples, too? */
static bool over_samples(const Node *x)
{
    const Attr *axes = ir_attr(x, AT_axes);
    for (int i = 0; axes && i < axes->count; i++)
        if (!axes->u.ints[i]) return true;
    return false;
}

LossSum pass_loss_sum(const Graph *g)
{
    Val loss = loss_of(g);
    if (!loss.i) return LOSS_OTHER;
    const Node *x = ir_node(g, loss);
    if (x->op == OP_mean && over_samples(x)) return LOSS_MEAN;
    if (x->op == OP_sum && over_samples(x)) return LOSS_TOTAL;
    if (x->op == OP_cross_entropy || x->op == OP_nll)
        return ir_has(x, AT_total) ? LOSS_TOTAL : LOSS_MEAN;
    return LOSS_OTHER;
}

static const char *draws(const Graph *g, Arena *a)
{
    for (uint32_t v = 1; v < g->n_node; v++)
        if (g->node[v].op == OP_random)
            return arena_printf(a, "\"%s\"%s draws numbers for the whole batch",
                                ir_attr_str(&g->node[v], AT_stream), place(g, &g->node[v], a));
    return NULL;
}

static bool of_batch(const Type *t)
{
    for (int i = 0; i < t->shape.rank; i++)
        if (t->shape.dim[i].n) return true;
    return false;
}

/* Does what leads to the loss make one value of all samples before it? */
static const char *mixes(const Graph *g, Val loss, Arena *a)
{
    bool *leads = arena_alloc(a, g->n_node, sizeof *leads);
    leads[loss.i] = true;
    for (uint32_t v = loss.i; v > 0; v--) {
        const Node *x = &g->node[v];
        for (int i = 0; leads[v] && i < x->n_in; i++) {
            leads[x->in[i].i] = true;
            if (v != loss.i && of_batch(ir_type(g, x->in[i])) && !of_batch(&x->type))
                return arena_printf(a, "%s%s makes one value of all samples", ir_op[x->op].name,
                                    place(g, x, a));
        }
    }
    return NULL;
}

const char *pass_whole_batch(const Module *m, Arena *a)
{
    const Graph *g = ir_graph_find(m, "train"), *infer = ir_graph_find(m, "infer");
    const char *why = infer ? draws(infer, a) : NULL;
    if (why || !g) return why;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_UPDATE)
            return arena_printf(a, "the statistics of \"%s\"%s are the whole batch's",
                                ir_state(m, g->root[i].state)->key,
                                place(g, ir_node(g, g->root[i].val), a));
    if (draws(g, a)) return draws(g, a);
    if (pass_loss_sum(g) == LOSS_OTHER)
        return arena_printf(a, "%s is no plain mean or sum over samples", m->prog.loss);
    return mixes(g, loss_of(g), a);
}

/* The state that sums the gradient of p. */
static State sum_state(Module *m, State p, Arena *a)
{
    StateInfo info = *ir_state(m, p);
    const char *key = arena_printf(a, "%s#gradient", info.key);
    while (ir_state_find(m, key).i) key = arena_printf(a, "%s_", key);
    return ir_state_add(m, key, ROLE_OPTIMIZER, info.type, info.loc);
}

static void add_up(Graph *to, Graph *apply, const Graph *from, Arena *scratch)
{
    Module *m = to->module;
    Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
    pass_copy_but_gradients(to, from, map);
    for (int i = 0; i < from->n_root; i++) {
        const Root *r = &from->root[i];
        if (r->kind != ROOT_GRAD) continue;
        Loc loc = ir_node(from, r->val)->loc;
        State sum = sum_state(m, r->state, scratch);
        Val all = ir_map(to, "a + b * c", IR_IN(ir_state_val(to, sum), map[r->val.i],
                                                ir_scalar(to, "share", loc)), loc);
        ir_update(to, sum, all);
        ir_grad(apply, r->state, ir_state_val(apply, sum));
    }
}

Module *pass_accumulate(const Module *in)
{
    Module *m = pass_begin(in, in->stage);
    Arena *scratch = arena_new();
    ir_scalar_def(m, "share", "1", 0);
    for (int i = 0; i < in->n_graph; i++) {
        const Graph *from = in->graph[i];
        Graph *to = ir_graph_add(m, from->name);
        if (strcmp(from->name, "train")) ir_copy_graph(to, from, NULL);
        else add_up(to, ir_graph_add(m, "apply"), from, scratch);
    }
    arena_free(scratch);
    return m;
}
