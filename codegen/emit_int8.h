/* codegen/emit_int8.h: what the files of kernels of codes share. */
#ifndef SEQC_EMIT_INT8_H
#define SEQC_EMIT_INT8_H
#include "codegen/emit.h"

/* A register tile: rows of codes times panels of `width` rows of weights, `lanes` of them a vector. */
typedef struct CodeTile { int rows, panels, width, lanes; } CodeTile;

/* The name of the function that computes its sums. */
const char *micro_codes(Emit *e, const CodeTile *t);
/* The name of the function that makes codes of sums, so many at once. */
const char *micro_finish(Emit *e, int lanes);

#endif
