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
