/* passes/quantize.h: what passes/quantize.c and quantize_weights.c share. */
#ifndef SEQC_QUANTIZE_H
#define SEQC_QUANTIZE_H
#include "ir/window.h"
#include "passes/passes.h"

typedef struct Quant {
    const Graph *from;
    Graph *to;
    Module *m;                       /* of `to` */
    const QuantizeIn *in;
    Arena *a;
    Val *map;                        /* all [from->n_node]: reals of `to` */
    Val *codes;                      /* codes, images channels last */
    Val *end;                        /* of a layer: the value whose codes it computes; none: reals */
    Val *of;                         /* the layer whose result a value is */
    bool *inside;                    /* it lies on a layer's way to its end */
    const Shape **image;             /* what was flattened; null: nothing */
    int *users, *readers;            /* layers that read a value; all */
    const double **value;            /* [m->n_state] */
} Quant;

/* Does the map scale and shift the product's channels, and nothing else? */
bool pass_folds(const Graph *g, Val map, Val product, Arena *a);
/* By what, for each row: in double, f(product) = scale * product + shift. */
void pass_fold_values(const Quant *q, Val map, Val product, int64_t rows, double *scale, double *shift);
/* Operands 2 to 4 of a layer in integers: its weights, what sums start from, their factors. */
void pass_quantize_weights(Quant *q, const QuantLayer *layer, Val in[4]);
#endif
