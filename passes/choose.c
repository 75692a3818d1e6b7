/* passes/choose.c: which of its candidates computes a product or a convolution.
 *
 * passes/products.c and passes/convs.c list them with predictions; a context that measures replaces
 * these. Layouts are compared by the seconds of their products, so a product is measured even where
 * it has one candidate. */
#include "passes/rules.h"

Candidates pass_candidates(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx)
{
    bool conv = ir_op[ir_node(g, root)->op].kind == KIND_CONV;
    Candidates all = conv ? pass_convs(g, root, ctx) : pass_products(g, root, b, result, ctx);
    if (ctx->measure && (all.n > 1 || !conv)) ctx->measure(ctx->tuning, &all);
    return all;
}

Choice pass_fastest(const Candidates *c)
{
    int best = 0;
    double bound = 0.9 * c->choice[0].seconds;
    for (int i = 1; i < c->n; i++)
        if (c->choice[i].seconds < bound) bound = c->choice[best = i].seconds;
    return c->choice[best];
}

Choice pass_choose(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx)
{
    Candidates all = pass_candidates(g, root, b, result, ctx);
    return pass_fastest(&all);
}

Val pass_chosen(Graph *to, const Node *x, const Val *in, const Choice *c, Layout result,
                const char *why)
{
    Attr attr[12];
    int n = 0;
    for (int i = 0; i < x->n_attr; i++)
        if (x->attr[i].id < AT_algo) attr[n++] = x->attr[i];
    attr[n++] = ir_str(AT_algo, ir_algo[c->algo].name);
    if (c->tile[0]) attr[n++] = ir_ints(AT_tile, c->tile, 2);
    if (c->micro[0]) attr[n++] = ir_ints(AT_micro, c->micro, 2);
    if (why) attr[n++] = ir_str(AT_why, why);
    Type t = x->type;
    t.layout = result;
    return ir_add_typed(to, x->op, x->loc, t, in, x->n_in, attr, n);
}
