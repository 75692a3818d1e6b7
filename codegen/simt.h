/* codegen/simt.h: a product in tiles, as emit_simt.c writes it, of factors that the caller describes.
 * Private to it, simt_fetch.c, emit_simt_conv.c, emit_mma.c and emit_wide.c. */
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
    const char *group;                     /* of several the block's; a lane of tensor cores has a group, too */
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
    /* Writes what else it needs to find its element of that line and of k, and returns where in the operand
     * that is; and the condition under which there is one, or "". */
    const char *(*place)(Simt *s, const Factor *f, const char **inside);
    Val operand;
    bool mapped;                           /* maps in this kernel make the operand of others; then */
    bool channel_of_k;                     /* an element's channel of its group is k, else the line, by */
    int64_t taps;                          /* so many; */
    int64_t pixels;                        /* and its image the other one of them, by so many */
    int64_t channels;                      /* of a group */
};

/* ---- simt_fetch.c ---- */

bool simt_is_copied(const Simt *s);        /* does the processor copy factors to shared memory? */
long long simt_fetched(const Simt *s, const Factor *f);      /* elements that each thread fetches, a step */
void simt_line(Simt *s, const Factor *f);  /* the line of those that a thread fetches, if it is one */
/* Fetches a step of a factor; puts it into shared memory, where it is not copied; has maps change what the thread
 * has put or copied there. */
void simt_fetch(Simt *s, const Factor *f);
void simt_put(Simt *s, const Factor *f);
void simt_change(Simt *s, const Factor *f);
const char *factor_name(Simt *s, const Factor *f);           /* the parameter that it is fetched from */
/* Of a factor that is mapped. What a thread keeps of so many elements: which of them are there, and those of
 * further tensors; of the i-th, whose place and condition become names; the change of the i-th, whose bit that is, in
 * shared memory, of a line and k in the tile of a step from k0 on; the line before a loop over
 * them. */
typedef struct MappedAt { const char *line, *k, *k0, *bit, *to; } MappedAt;
void mapped_declare(Simt *s, const Factor *f, long long each);
const char *mapped_fetch(Simt *s, const Factor *f, const char **place, const char *there);
void mapped_change(Simt *s, const Factor *f, const MappedAt *at);
void mapped_age(Simt *s, const Factor *f, long long each);   /* the i-th becomes the one so many further on */
void mapped_unroll(Simt *s, const Factor *f);

/* ---- emit_simt.c and its kin ---- */

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
