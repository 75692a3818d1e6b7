/* passes/quantize_fold.c: a map that scales and shifts the channels of what a layer computes, as batch
 * norm does in evaluation, becomes part of the layer: of its rows of weights, and of its bias. */
#include "passes/quantize.h"

/* How often `arg` is multiplied by itself in e, which has no more than sums and products of it; 2: it
 * is something else. */
static int degree(const ExPool *p, Ex e, int arg)
{
    const ExNode *x = ex_node(p, e);
    if (!(ex_args_used(p, e) >> arg & 1)) return 0;
    int a = x->in[0].i ? degree(p, x->in[0], arg) : 0, b = x->in[1].i ? degree(p, x->in[1], arg) : 0;
    switch (x->op) {
    case EX_ARG: return 1;
    case EX_NEG: return a;
    case EX_ADD: case EX_SUB: return a > b ? a : b;
    case EX_MUL: return a + b < 2 ? a + b : 2;
    case EX_DIV: return b ? 2 : a;
    default: return 2;
    }
}

/* One number, or one for each channel of what a layer computes. */
static bool by_channel(const Shape *s, const Shape *result)
{
    int lead = result->rank - s->rank;
    for (int i = 0; i < s->rank; i++) {
        bool one = ir_dim_eq(s->dim[i], ir_dim(1));
        if (!one && !(i + lead == 1 && ir_dim_eq(s->dim[i], result->dim[1]))) return false;
    }
    return true;
}

/* Does it follow from states and constants alone? */
static bool is_fixed(const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    if (x->op == OP_state || x->op == OP_const) return true;
    for (int i = 0; i < x->n_in; i++)
        if (!is_fixed(g, x->in[i])) return false;
    return x->n_in > 0;
}

bool pass_folds(const Graph *g, Val map, Val product, Arena *a)
{
    const Node *x = ir_node(g, map);
    ExPool *p = ex_pool(a);
    int at = -1;
    if (ir_op[x->op].kind != KIND_MAP || !ir_shape_eq(&x->type.shape, &ir_type(g, product)->shape))
        return false;
    for (int i = 0; i < x->n_in; i++) {
        if (ir_val_eq(x->in[i], product)) at = i;
        else if (!is_fixed(g, x->in[i]) || !by_channel(&ir_type(g, x->in[i])->shape, &x->type.shape))
            return false;
    }
    return at >= 0 && degree(p, ir_scalar_expr(p, x), at) == 1;
}

/* ---- what it multiplies by, and adds ---- */

static Val copy_fixed(Graph *to, const Graph *from, Val v, Val *map)
{
    const Node *x = ir_node(from, v);
    for (int i = 0; i < x->n_in && !map[v.i].i; i++) copy_fixed(to, from, x->in[i], map);
    if (!map[v.i].i) map[v.i] = ir_copy_node(to, from, v, map);
    return map[v.i];
}

static const double *state_of(void *ctx, State s) { return ((const QuantizeIn *)ctx)->state[s.i]; }

void pass_fold_values(const Quant *q, Val map, Val product, int64_t rows, double *scale, double *shift)
{
    const Node *x = ir_node(q->from, map);
    Module *m = ir_module_like(q->from->module);
    Graph *g = ir_graph_add(m, "fold");
    Val *copy = arena_alloc(q->a, q->from->n_node, sizeof *copy);
    for (int i = 0; i < x->n_in; i++)
        if (!ir_val_eq(x->in[i], product))
            ir_return(g, arena_printf(q->a, "a%d", i), copy_fixed(g, q->from, x->in[i], copy));
    const EvalIn in = { .n = 1, .state = state_of, .ctx = (void *)(uintptr_t)q->in };
    double **value = ir_eval(g, &in, q->a);
    ExPool *p = ex_pool(q->a);
    Ex f = ir_scalar_expr(p, x);
    for (int64_t r = 0; r < rows; r++) {
        double arg[2][EX_MAX_ARGS];
        for (int i = 0; i < x->n_in; i++)
            for (int k = 0; k < 2; k++) {
                bool own = ir_val_eq(x->in[i], product);
                bool one = !own && ir_elems_at(&ir_type(q->from, x->in[i])->shape, 1) == 1;
                arg[k][i] = own ? k : value[copy[x->in[i].i].i][one ? 0 : r];
            }
        shift[r] = ex_eval(p, f, arg[0]);
        scale[r] = ex_eval(p, f, arg[1]) - shift[r];
    }
    ir_module_free(m);
}
