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

/* A kernel of conv or conv_transpose: its sizes, and the task's rows, expressions or numbers. */
typedef struct Wino {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    Winograd w;
    Pooled pool;
    int64_t elem, tile_rows, tile_bands;
    int height, vectors;
    const char *row0, *rows;
} Wino;
/* Adds the function that the template makes for these sizes, named by what it depends on. */
const char *winograd_function(Wino *w, const char *template, const char *name, const char *id,
                              const Hole *piece, int n_piece);
const char *winograd_in_panels(const Wino *w);   /* "[3]", where there are several */
/* winograd_results_<id>(products, lines): a row's lines of results. */
const char *winograd_results_function(Wino *w);
/* winograd_sums_<id>(points, source, lines): those of `height` rows from their weights, where
 * channels are few (Winograd.few). */
const char *winograd_sums_function(Wino *w, int height);

/* Images of so many planes each, of which a kernel takes the lines of `bands` bands, one after the
 * other, `band` elements each. */
typedef struct Planes { int64_t images, planes, plane, bands, band; } Planes;
/* A line of the task that asks the second cache for what is read and written behind the products,
 * while these leave it time, a line of memory of each of `n` planes from the one `first` on: at
 * `point`, one of so many, the one of that number, and every points-th further, of `bands` bands from the one `band`
 * on. Nothing where a cache keeps all images. */
void winograd_ask(Kern *k, const Planes *p, const char *x, const char *band, const char *bands,
                  const char *first, int64_t n, const char *point, int64_t points);

/* "4x2_3x3": tile and taps, as names of functions have it. */
const char *winograd_id(Kern *k, const int64_t tile[2], const Frame *f);
/* weights_<id>(rows, channels, weights …): [points][rows][channels] = G w G'. */
const char *weights_function(Kern *k, const Frame *f, const Winograd *w);
#endif
