/* passes/choose.c: which of its candidates computes a product or a convolution.
 *
 * passes/products.c and passes/convs.c list them with predictions; a context that measures replaces
 * these. Layouts are compared by the seconds of their products, so a product is measured even where
 * it has one candidate. */
#include "ir/tasks.h"
#include "passes/cost.h"

/* What a kernel takes for itself by this choice, however it is fused. */
static int64_t scratch_bytes(const Candidates *all, const Choice *c, const PassCtx *ctx)
{
    const Graph *g = all->g;
    Val root = all->root;
    const Target *t = pass_target(ctx);
    Kernel k = { .algo = c->algo, .member = &root, .n_member = 1,
                 .tile = { c->tile[0], c->tile[1] }, .micro = { c->micro[0], c->micro[1] } };
    int64_t bytes = ir_worker_bytes(g, &k, t->vector_bytes);
    if (ir_op[ir_node(g, root)->op].kind == KIND_CONV || ir_wide_bytes(k.algo))
        return bytes + ir_scratch_bytes(g, &k);
    Problem p = pass_problem(g, root, all->b, all->result, t);
    return p.in_panels ? bytes - ir_pack_bytes(g, &k) : bytes;
}

/* The same product one vector of columns at a time, which packs the least. */
static void narrow(Candidates *all, const PassCtx *ctx)
{
    const Target *t = pass_target(ctx);
    Choice c = all->choice[0];
    if (c.algo != ALGO_gemm || all->b.kind == LAYOUT_panel || all->result.kind == LAYOUT_panel)
        return;
    c.micro[1] = 1;
    c.tile[1] = most(t->vector_bytes / ir_dtype_bytes(ir_type(all->g, all->root)->dtype), 1);
    Problem p = pass_problem(all->g, all->root, all->b, all->result, t);
    c.seconds = pass_cost(&p, t, &c);
    all->choice[all->n++] = c;
}

/* Leaves those that take no more than a kernel may; where there are none, the definition. */
static void keep_small(Candidates *all, const PassCtx *ctx)
{
    int n = 0;
    bool conv = ir_op[ir_node(all->g, all->root)->op].kind == KIND_CONV;
    if (!conv) narrow(all, ctx);
    for (int i = 0; i < all->n; i++)
        if (scratch_bytes(all, &all->choice[i], ctx) <= ctx->most_scratch_bytes)
            all->choice[n++] = all->choice[i];
    all->n = n;
    if (n) return;
    PassCtx plain = *ctx;
    plain.as_written = true;
    *all = conv ? pass_convs(all->g, all->root, &plain)
                : pass_products(all->g, all->root, all->b, all->result, &plain);
}

Candidates pass_candidates(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx)
{
    bool conv = ir_op[ir_node(g, root)->op].kind == KIND_CONV;
    Candidates all = conv ? pass_convs(g, root, ctx) : pass_products(g, root, b, result, ctx);
    if (ctx->most_scratch_bytes) keep_small(&all, ctx);
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
