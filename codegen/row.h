/* codegen/row.h: a program per row while it is being written (emit_row.c), and its losses (loss.c). */
#ifndef SEQC_CODEGEN_ROW_H
#define SEQC_CODEGEN_ROW_H
#include "codegen/emit.h"

typedef struct Row {
    Kern *k;
    Emit *e;
    Out *o;
    Nest element, row;
    Extent parts, cols;              /* parts: of a row; 0: it is one */
    const char **max, **sum; /* [n_node]: names of a row's largest and sum of exponentials */
    /* [n_node], of a target: its index, the weight of the other classes; the sum of probabilities
     */
    const char **wanted, **other, **weights;
    const char **hot,
        **cold;        /* of a one_hot: its index; what else is in the row */
    const char *inner; /* elements between those of a row; null: they are neighbours */
    const char **summed;             /* [n_node]: of a REDUCE, its sum where it is there */
    bool fetched;                    /* a loop over the parts has read the row from memory */
    const char *indices, *shares;    /* both kinds of targets, one of them without memory; or null */
    Type share;                      /* of the second */
    int slot;
} Row;

/* ---- emit_row.c ---- */

/* A loop over the row, in which `sums` are added to unless that is null; what is named in it is forgotten
 * at its end. */
const char **cols_open(Row *r, const char *sums);
void cols_close(Row *r, const char **before);
/* The name of the sum of a row's exponentials. */
const char *row_exponentials(Row *r, Val x);
/* The place of x's largest element. */
const char *row_argmax(Row *r, Val x);

/* ---- loss.c ---- */

/* Has the kernel a target of either kind? Then it gets both of them as parameters. */
void loss_targets(Row *r);
/* A target's class, or -1; what classes weigh that it does not name; the sum of its probabilities; the name
 * of its class, that of the largest probability. */
const char *loss_wanted(Row *r, Val target);
void loss_other(Row *r, Val target);
const char *loss_class(Row *r, Val target);
/* What elements of a gradient need per row; the factor of a class's probability (""), its target. */
void loss_prepare(Row *r, const Node *x);
const char *loss_factor(Row *r, const Node *x);
const char *loss_weight(Row *r, const Node *x, const Nest *nest);
/* The name of a row's loss. */
const char *loss_row(Row *r, const Node *x);

#endif
