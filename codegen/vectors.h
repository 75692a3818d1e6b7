/* codegen/vectors.h: expressions that move elements between vectors. Private to the room.
 *
 * All take and give expressions of type vec; the n vectors that are dealt and zipped are a power of
 * 2. The functions that they call are added to the program. */
#ifndef SEQC_CODEGEN_VECTORS_H
#define SEQC_CODEGEN_VECTORS_H
#include "codegen/emit.h"

/* Elements k, k + n, k + 2n … of n vectors that follow each other. */
const char *vec_dealt(Emit *e, const char *const *x, int64_t n, int64_t k);
/* The k-th of the n vectors that vec_dealt takes apart to these. */
const char *vec_zipped(Emit *e, const char *const *x, int64_t n, int64_t k);
/* The same element by element, whatever n is: one of those vectors from memory, and to it, a call. */
const char *vec_strided(Emit *e, const char *from, int64_t n);
const char *vec_scattered(Emit *e, const char *to, const char *x, int64_t n);
/* x, one of those that vec_dealt gives, as it would be `by` times n elements further on, or back
 * where that is negative. band: lanes of which only those within matter, others may be any; a
 * multiple of it begins each vector. from: where the elements begin, a pointer. */
const char *vec_moved(Emit *e, const char *x, int64_t n, int64_t by, int64_t band,
                      const char *from);
/* The larger of each pair. As in PyTorch, a NaN is larger than what stands before it: `best`. */
const char *vec_larger(Emit *e, const char *x, const char *best);
/* x where place[i] + by is one of `width` places, else 0. Floats only. */
const char *vec_inside(Emit *e, const char *x, const char *place, int64_t by, int64_t width);
#endif
