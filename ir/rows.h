/* ir/rows.h: the rows of a row program. Its frame is [parts, rows, cols]: a row is what lies in all
 * parts and columns at one place of the axes between, so a channel of a batch of images is one. */
#ifndef SEQC_ROWS_H
#define SEQC_ROWS_H
#include "ir/ir.h"

/* Axes [first, end) of the frame count the rows; those before are parts, those behind columns. */
typedef struct Rows { const Shape *frame; int first, end; } Rows;

/* The rows over which v, a ROW node along the last axis or a REDUCE node, is computed. False where
 * it is another node, where it keeps no axis, or several with reduced ones between them, and where
 * neighbours in memory are of different rows or rows of several parts are few or their parts short. */
bool ir_rows(const Graph *g, Val v, Rows *r);
bool ir_rows_eq(const Rows *a, const Rows *b);

/* s has an element for each row: the kept axes alone. */
bool ir_row_result(const Shape *s, const Rows *r);
/* The same, broadcast to the frame: other axes are 1, or missing in front. */
bool ir_row_beside(const Shape *s, const Rows *r);
static inline bool ir_per_row(const Shape *s, const Rows *r)
{
    return ir_row_result(s, r) || ir_row_beside(s, r);
}
#endif
