/* codegen/tiles.h: what kernels on matrix tiles share. Private to the room. */
#ifndef SEQC_CODEGEN_TILES_H
#define SEQC_CODEGEN_TILES_H
#include "codegen/patches.h"
#include "ir/tiles.h"

/* The second operand of four tiles of sums, or of two: where its two tiles begin (the second may be
 * null), words from one part to the next, and bytes from row to row. The first is `a`: [part]
 * [2 tiles]. */
typedef struct TileSide { const char *first, *second, *part, *step; } TileSide;
/* Tiles 0 to 3 (0 and 2 without a second) += the products of parts in the algorithm's order. */
void tiles_products(Emit *e, Out *o, Algo algo, const TileSide *b);
/* The beginning of a function that uses tiles, and how sums leave them (null: there are none), to
 * rows of `width`. */
void tiles_begin(Out *o);
void tiles_store(Out *o, const char *const sums[4]);
/* Pointers to pieces of the worker's memory, one after the other; words: of uint32_t, else of the
 * program's numbers. */
typedef struct TilePiece { const char *name; int64_t bytes; bool words; } TilePiece;
void tiles_memory(Kern *k, const TilePiece *piece, int n);

/* The gradient of weights. */
void emit_tiles_weight(Kern *k);
#endif
