/* codegen/winograd.h: Winograd's transforms as text, for all kernels that use them. Private to the
 * room. */
#ifndef SEQC_CODEGEN_WINOGRAD_H
#define SEQC_CODEGEN_WINOGRAD_H
#include "codegen/patches.h"
#include "ir/winograd.h"

/* Statements that take a side's values to their points, or points to values (the transpose), at so
 * many columns of indentation. `#` in `in` and `to` is the number of what is read and written.
 * type: of locals, "$R" of the program or vec. Signs come in pairs of points: what both have in
 * common is computed once. */
typedef struct AxisTransform {
    WinogradMatrix matrix;
    const char *type, *in, *to;
    int indent;
} AxisTransform;
const char *points_text(Kern *k, const AxisTransform *t);
const char *point_text(Kern *k, const AxisTransform *t, int point);     /* of one, an expression */
const char *values_text(Kern *k, const AxisTransform *t);

/* "4x2_3x3": tile and taps, as names of functions have it. */
const char *winograd_id(Kern *k, const int64_t tile[2], const Frame *f);
/* weights_<id>(rows, channels, weights …): [points][rows][channels] = G w G'. */
const char *weights_function(Kern *k, const Frame *f, const Winograd *w);
#endif
