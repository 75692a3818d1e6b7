/* passes/rules.h: what several passes know about graphs and maps. Private to the room. */
#ifndef SEQC_RULES_H
#define SEQC_RULES_H
#include "passes/passes.h"

/* What the module is compiled for: the context's target, else any processor. */
static inline const Target *pass_target(const PassCtx *ctx)
{
    return ctx->target ? ctx->target : &ir_targets[ir_n_targets - 1];
}

typedef enum { GRAPH_PLAIN, GRAPH_TRAIN, GRAPH_GRAD, GRAPH_LOSS } GraphKind;
GraphKind pass_graph_kind(const Graph *g);   /* from its name: train and train_prob are TRAIN */

/* A map by its expression; an arithmetic op by its name where the expression is one. The operands
 * are those that the expression reads, renumbered in the order of `in`. A bare argument that has
 * the type already gives no node. type: of the result, for expressions without operands. */
Val pass_emit_map(Graph *g, ExPool *p, Arena *scratch, Ex f, const Val *in, int n_in, Type type,
                  Loc loc);

/* v summed over the axes in which it is wider than `to`, with exactly that shape. */
Val pass_sum_to(Graph *g, Val v, Shape to, Loc loc);

/* The graph, but for its gradients, under map ([n_node], 0). */
void pass_copy_but_gradients(Graph *to, const Graph *from, Val *map);
/* A module like m without graphs, at a stage. */
Module *pass_begin(const Module *m, const char *stage);

/* What may compute a product whose second operand and result have these layouts. */
Candidates pass_products(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx);
/* Tiles of both gradients of a linear layer in one kernel; false: they are better apart, or no
 * strips fit. */
bool pass_tile_back(const Graph *g, Val d_w, const Target *t, Choice *c);
/* A convolution's register tile and tile on a GPU. */
void pass_tile_simt_conv(const Graph *g, Val root, Choice *c);
/* The same of a convolution. */
Candidates pass_convs(const Graph *g, Val root, const PassCtx *ctx);
/* choose.c: the fastest of them, by what this machine takes where the context can tell. Layouts are
 * for products alone. */
Candidates pass_candidates(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx);
Choice pass_fastest(const Candidates *c);
Choice pass_choose(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx);

/* The layout in which every state is best stored: plain, or panels of a weight and of what its
 * optimizer keeps of it. */
typedef struct Panels Panels;
Panels *pass_panels(const Module *m, const PassCtx *ctx, Arena *a);
Layout pass_panels_state(const Panels *p, State s);
Layout pass_panels_value(const Panels *p, int graph, Val v);

bool pass_is_filled(const Graph *g, Val v, double x);   /* a const with all elements x */
#endif
