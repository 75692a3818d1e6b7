/* codegen/windows.h: what pooling, padding and stretching, and their adjoints, are emitted by. Private
 * to emit_window.c (windows, and tasks of lines and planes), emit_pad.c (padding and stretching) and
 * emit_window_blocks.c (tasks of blocks of threads). */
#ifndef SEQC_WINDOWS_H
#define SEQC_WINDOWS_H
#include "codegen/lines.h"

typedef struct Win {
    Kern *k;
    Emit *e;
    Out *o;
    const Node *x;
    const Shape *in, *own;           /* shapes of operand and result */
    Nest nest;                       /* over the result */
    int leading;
    bool flat;                       /* windows are walked without their rows: `at` is the place */
    int64_t wide;                    /* windows of a line that are looked at; 0: just its own */
    const char *index;               /* the type of places */
} Win;

static inline const char *win_col(const Nest *n) { return n->dim[n->rank - 1].var; }
static inline const char *win_row(const Nest *n) { return n->rank == 4 ? n->dim[2].var : "0"; }

/* The element of operand i at row and column of the result's sample and channel. */
const char *win_element(const Win *w, int i, const char *row, const char *col);

/* ---- emit_window.c ---- */

/* Computes the result, and what follows it, at the place of the nest; stores it. */
void win_line(Win *w);

/* ---- emit_pad.c ---- */

/* The value of a padded, or a stretched, tensor at the place of the nest. */
const char *win_padded(const Win *w);
const char *win_stretched(const Win *w);
/* Adds the operand's element at the place of the nest over it to the sums that it was made of. */
void win_unpadded(const Win *w, const Nest *padded, const char *sum);
void win_unstretched(const Win *w, const Nest *wide, const char *sum);
/* The padding; the file has its pad_<mode>(at, size) from then on. */
Pad win_pad(const Win *w);
/* Between which places of an axis element `at` of the stretched planes stands: rows at_row and
 * next_row, the latter with weight by_row; the nearest is one alone. */
void win_between(const Win *w, const Stretch *s, const char *axis, const char *at);

/* ---- emit_window_blocks.c ---- */

void win_in_blocks(Win *w);
#endif
