/* codegen/lines.h: loops over lines and planes of results, shared by convolutions and windows. */
#ifndef SEQC_LINES_H
#define SEQC_LINES_H
#include "codegen/emit.h"
#include "ir/window.h"

/* Opens the loop over the task's lines of a shape, or planes: what `leading` axes leave. The nest
 * goes over the whole shape, with these names for its axes ("0" where there is one element). */
Nest lines_open(Kern *k, const Shape *s, int leading, const char *const *name);
/* Opens, and closes, the loops over the axes of a line. */
void line_open(Out *o, Emit *e, const Nest *nest, int leading);
void line_close(Out *o, const Nest *nest, int leading);
/* These loops with `sum` as the root's value, and the members' stores. */
void line_epilogue(Kern *k, const Nest *nest, int leading, const char *sum);

/* array + where a row of a [samples, channels, rows, cols] tensor begins; without rows: a line. */
const char *row_at(Emit *e, const char *array, const Shape *s, const char *image,
                   const char *channel, const char *row);
/* The place of tap `tap` of window `window`. */
const char *place_text(Emit *e, const WindowAxis *a, const char *window, const char *tap);
/* image, channel, row (where there are rows), col */
const char *const *line_names(int rank);
#endif
