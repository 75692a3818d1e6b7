/* codegen/simt.h: a product in tiles, as emit_simt.c writes it, of factors that the caller describes.
 * Private to it, emit_simt_conv.c, emit_mma.c and emit_wide.c. */
#ifndef SEQC_SIMT_H
#define SEQC_SIMT_H
#include "codegen/emit.h"
#include "ir/window.h"

typedef struct Simt {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;                             /* of a product */
    Conv c;                                /* of a convolution */
    int64_t groups, parts;
    Extent m, l, depth;                    /* of a group */
    int64_t step;                          /* of k, that is in shared memory at a time */
    const char *index;                     /* the type of places: int, or int64_t for large tensors */
    const char *first, *last;              /* what the block has of k */
    const char *real, *bias;               /* bias: an element's text, or null */
    Nest nest;                             /* of the result */
    void (*of_row)(struct Simt *s);        /* write the nest's variables that follow from row, and */
    void (*of_col)(struct Simt *s);        /* from col; or null */
} Simt;

/* A factor, of `lines` rows or columns of the tile. along: threads fetch neighbours in k, else
 * neighbouring lines. */
typedef struct Factor Factor;
struct Factor {
    char name;                             /* a or b */
    const char *line;                      /* row or col */
    int64_t lines;
    Extent size;
    bool along;
    bool fours;                            /* four that are fetched together lie so, from a multiple
                                            * of 16 bytes on, and all are in the factor or none */
    /* Write what follows from the line alone, and from k alone; null: nothing does. */
    void (*of_line)(Simt *s, const Factor *f);
    void (*of_k)(Simt *s, const Factor *f);
    /* Writes what else it needs to find its element of that line and of k, whose text it returns;
     * and the condition under which there is one, or "". */
    const char *(*element)(Simt *s, const Factor *f, const char **inside);
    Val operand;
};

/* The kernel of rows f[0] and columns f[1]. */
void simt_product(Simt *s, const Factor f[2]);
/* On tensor cores: the type of its shared memory, and sums[i][j][e], of fragment i, j the e-th of
 * the lane's four. */
const char *mma_type(Simt *s, const Factor f[2]);
void mma_sums(Simt *s, const Factor f[2]);
/* The same of factors that are rounded first, in a stage of its own; and how many fragments a
 * warp has, on each axis. */
const char *wide_type(Simt *s);
const char *wide_note(Simt *s);
void wide_sums(Simt *s, const Factor f[2]);
const char *wide_bound(Simt *s, int axis);
/* " * x", or nothing for 1. */
const char *simt_times(Emit *e, int64_t x);
#endif
