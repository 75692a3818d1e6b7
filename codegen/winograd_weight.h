/* codegen/winograd_weight.h: conv_weight by Winograd's algorithm: the kernel being written, and the
 * functions that transform for it. Private to the room. */
#ifndef SEQC_CODEGEN_WINOGRAD_WEIGHT_H
#define SEQC_CODEGEN_WINOGRAD_WEIGHT_H
#include "codegen/winograd.h"

typedef struct Weight {
    Kern *k;
    Emit *e;
    Out *o;
    int n_piece;
    WinogradPiece piece[IR_MOST_PIECES];
    WinogradWeight sums[IR_MOST_PIECES];   /* how each piece's sums are taken */
    int64_t sum_elems;                     /* of all pieces, of the same lines */
    int64_t taps_x;                        /* of all pieces */
    Frame f;                               /* the piece at hand */
    WinogradWeight w;
    int64_t elem, channels, turns;         /* channels: in whole panels */
    int64_t tile_rows;
    const char *row0, *rows, *chunk;       /* of the task: expressions or numbers */
} WeightKern;

/* Their names. Where points are cut, one line of them: winograd_line(x, top, y, lines), whose lines
 * are then turned round to the frame. */
const char *winograd_line_function(WeightKern *w);
/* (frame, parts): a band's tiles. */
const char *winograd_source_function(WeightKern *w);
/* (d_y, y where points are cut, band, bands, lines, parts): a row's. */
const char *winograd_slopes_function(WeightKern *w);
/* (lanes, parts, taps) */
const char *winograd_back_function(WeightKern *w);
#endif
