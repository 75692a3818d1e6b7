/* ir/winograd.h: a 3x3 convolution by Winograd's F(4x2): how it is cut, and what memory it takes.
 *
 * A tile is 4 x 2 results; its 6 x 4 source places, transformed, are 24 points; at each point
 * channels are summed as in a product of matrices. A band is a line of tiles across an image. Whole
 * bands are taken together, as many as fill panels of lanes. */
#ifndef SEQC_WINOGRAD_H
#define SEQC_WINOGRAD_H
#include "ir/frame.h"

enum { IR_TILE_LINES = 4, IR_TILE_COLUMNS = 2, IR_POINTS = 24 };

/* 3x3 taps side by side, one place of padding on all sides: results stand where the source does. */
bool ir_winograd_fits(const Frame *f);

typedef struct Winograd {
    int64_t bands, across;           /* of an image; tiles of a band */
    int64_t panels, lanes;           /* panels of a block, their lanes */
    int64_t block;                   /* bands of a block: what is transformed at a time */
} Winograd;
/* lanes: of a panel. */
Winograd ir_winograd(const Frame *f, int64_t lanes, int64_t elem_bytes);

/* The worker's memory, each a multiple of 64 bytes: weights [24][rows][channels]; the source
 * [24][panels][channels][lanes]; products [24][panels][rows][lanes]; lines between two steps of
 * transforms, of IR_TOGETHER channels. Points of source and products are a line further apart than
 * that says: at multiples of 4096 bytes all would share a set of the first cache. */
int64_t ir_point_step(const Winograd *w, int64_t rows, int64_t elem_bytes);   /* in elements */
enum { IR_TOGETHER = 4, IR_LINE_EDGE = 16 };     /* elements before and after a line's own */
typedef struct WinogradBytes { int64_t weights, source, products, lines; } WinogradBytes;
WinogradBytes ir_winograd_bytes(const Frame *f, const Winograd *w, int64_t rows,
                                int64_t elem_bytes);

/* conv_weight the other way round: tiles are what is summed over, and lanes are channels, in panels
 * of `lanes`. A task adds up the products of some bands, [24][panels][rows][lanes]; a second stage
 * adds the tasks up and transforms back, some rows a task. */
typedef struct WinogradWeight {
    int64_t bands, across;           /* of an image; tiles of a band */
    int64_t panels, lanes;           /* of channels */
    int64_t block, tiles;            /* bands of a block, and its tiles */
    int64_t columns;                 /* of a frame: lanes and places of a band's six lines */
    int64_t source_step, slope_step; /* elements between points */
    int64_t sum_elems;               /* of a task's sums */
} WinogradWeight;
WinogradWeight ir_winograd_weight(const Frame *f, int64_t lanes, int64_t elem_bytes);
/* The worker's memory: the frame [6][columns][panels][lanes]; the source [24][panels][tiles]
 * [lanes]; slopes, d_y's points, [24][rows][tiles]; lines between two steps of their transform. */
typedef struct WeightBytes { int64_t frame, source, slopes, lines; } WeightBytes;
WeightBytes ir_winograd_weight_bytes(const WinogradWeight *w, int64_t elem_bytes);
#endif
