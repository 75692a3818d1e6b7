/* codegen/patches.h: what convolutions by patches share. Private to the room. */
#ifndef SEQC_PATCHES_H
#define SEQC_PATCHES_H
#include "codegen/emit.h"
#include "ir/frame.h"

/* Copies `channels` channels of image `image` from channel `first` on into `frame`, whose zeros
 * around them stay. All are C expressions. */
void patches_frame(Kern *k, const Frame *f, const char *image, const char *first,
                   const char *channels);
/* The same with the frame of a band, which begins at line `top` of results. */
void patches_band(Kern *k, const Frame *f, const char *top, const char *image, const char *first,
                  const char *channels);
/* Pointers to pieces of the worker's memory, one after the other, but for those of no bytes. */
typedef struct Piece { const char *name; int64_t bytes; } Piece;
void scratch_pieces(Kern *k, const Piece *piece, int n);
/* Adds the function that a template makes for some shapes: $R, $id (its name is name and id),
 * numbers, and pieces of text. Returns its name, which has a number more where another function for
 * other shapes has it. */
typedef struct Number { const char *name; int64_t value; } Number;
typedef struct Shaped {
    const char *text, *name, *id;
    const Number *number; int n_number;
    const Hole *piece; int n_piece;
} Shaped;
const char *shaped_function(Kern *k, const Shaped *s);
/* lines_<id>(weight, frame, sums): a register tile of `height` rows and `vectors` vectors of pixels
 * of a line of the frame; pool: of as many lines as windows have, and the largest of each window,
 * as wide as there are vectors. sums: [height] such pixels, or windows. */
const char *lines_tile(Kern *k, const Frame *f, const Pooled *pool, int height, int vectors);
/* static const int32_t taps[]: how far from its pixel each tap reads. */
void patches_taps(Kern *k, const Frame *f);
/* A part of `all`, those from at * tile on: where it begins and how many there are, expressions or
 * numbers. name: "row" gives row0 and rows. */
void patches_part(Kern *k, const char *name, const char *at, int64_t parts, int64_t tile,
                  int64_t all, const char **first, const char **count);
/* The worker's memory of this kernel. */
ConvBytes conv_bytes(const Kern *k);
/* The task's rows, where its tasks follow each other down. */
void patches_rows(Kern *k, int64_t all, const char **row0, const char **rows);
/* How many images there are. */
const char *patches_images(Kern *k, const Frame *f);
/* row: a result's channel; image and pixel: its place. */
Nest patches_nest(Kern *k, const Frame *f, const char *image, const char *row, const char *pixel);
/* The epilogue on windows of a line of results: `largest` is that of the one in column `col`. */
void patches_pooled_epilogue(Kern *k, const Frame *f, const Pooled *pool, const char *largest,
                             const char *col);
/* Elements of the lines that a line of windows reads; the epilogue on a line of windows of each row,
 * whose results are found in sums[row][those elements]. */
int64_t patches_pooled_elems(const Frame *f, const Pooled *pool);
void patches_pooled(Kern *k, const Frame *f, const Pooled *pool, const char *row0,
                    const char *rows);
/* The gradient of weights, by the same patches, with taps in lanes, and by Winograd. */
void emit_patches_weight(Kern *k, const Frame *f);
void emit_patches_lanes(Kern *k, const Frame *f);
void emit_winograd_weight(Kern *k);
#endif
