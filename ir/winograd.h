/* ir/winograd.h: convolutions by Winograd's algorithm: its matrices, how work is cut, and what
 * memory it takes.
 *
 *     results = A' (sum over channels of (G w G') * (B' source B)) A        * is element by element
 *
 * of a tile of results, ir/winograd.def says how many. On an axis with m results and r taps B'
 * takes the m + r - 1 places that they read, and G the taps, to their values at as many points; at each
 * point of both axes channels are summed as in a product of matrices. A band is a line of tiles
 * across an image. Whole bands are taken together, as many as fill panels of lanes. */
#ifndef SEQC_WINOGRAD_H
#define SEQC_WINOGRAD_H
#include "ir/frame.h"

/* The matrices of F(m, r), rows are points; and whose transposes apply them the other way. */
typedef enum { IR_OF_SOURCE, IR_OF_TAPS, IR_OF_RESULTS } WinogradSide;     /* B', G, A */
enum { IR_MOST_POINTS = 10 };                    /* of an axis */
typedef struct WinogradMatrix {
    int points, values;
    double at[IR_MOST_POINTS][IR_MOST_POINTS];   /* [point][value] */
} WinogradMatrix;
WinogradMatrix ir_winograd_matrix(WinogradSide side, int64_t results, int64_t taps);

/* The tile of results, on each axis; 0 lines: the algorithm does not take the convolution. */
typedef struct WinogradTile { int64_t lines, columns; } WinogradTile;
WinogradTile ir_winograd_tile(const Frame *f, Algo algo);
bool ir_is_winograd(Algo algo);

/* The taps of conv_weight that are taken together, from first[0] and first[1] on: all of them or,
 * where that would err too much, two or three on each axis. frame: as if there were no others, so
 * that its `low` may be negative. */
enum { IR_MOST_PIECES = 16 };
typedef struct WinogradPiece { int64_t first[2]; Frame frame; WinogradTile tile; } WinogradPiece;
/* How many there are; 0: the algorithm does not take it. */
int ir_winograd_pieces(const Frame *f, Algo algo, WinogradPiece piece[IR_MOST_PIECES]);
/* Does it take the convolution, whatever its op is? */
bool ir_winograd_fits(const Frame *f, Algo algo);

typedef struct Winograd {
    int64_t tile[2], size[2];        /* results, and the places that they read, on each axis */
    int64_t points;                  /* of a tile */
    int64_t bands, across;           /* of an image; tiles of a band */
    int64_t panels, lanes, vector;   /* panels of a block, their lanes, and those of a vector */
    int64_t block;                   /* bands of a block: what is transformed at a time */
    int64_t group;                   /* rows whose products are kept at a time */
    bool few;                        /* channels: their sums stay in registers, none are kept */
    int64_t channels;                /* of a row of weights, in whole vectors */
    int64_t line;                    /* elements of a line between two steps of transforms */
    int64_t source_step, result_step, weight_step;         /* elements between points */
} Winograd;
/* Of a kernel with this tile and register tile, where vectors have so many elements. */
Winograd ir_winograd(const Frame *f, const Kernel *k, int64_t vector, int64_t elem_bytes);

/* The worker's memory, each a multiple of 64 bytes: the source [points][panels][channels][lanes];
 * products [points][panels][group][lanes], before which a strip may begin, unless channels are few;
 * lines between two steps of transforms, of IR_TOGETHER channels. All tasks share the weights,
 * [points][rows][channels]. Points are a line further apart than that says, here and below: at
 * multiples of 4096 bytes all would share a set of each cache. */
enum { IR_TOGETHER = 4, IR_LINE_EDGE = 16 };     /* elements before and after a line's own */
typedef struct WinogradBytes { int64_t source, products, lines, shared; } WinogradBytes;
WinogradBytes ir_winograd_bytes(const Frame *f, const Winograd *w, int64_t elem_bytes);

/* conv_weight the other way round: tiles are what is summed over, and lanes are channels. A task
 * adds up the products of the bands that begin in its lines of d_y, for some rows and all channels.
 * Where the sums of all points stay in the second cache it has all pieces of the taps, one after
 * the other; else one line of points of one piece (`cut`), so that no task transforms what another
 * does, but for rows. [points][panels][rows][lanes] are the sums of the same lines. A second stage
 * adds them up over all lines and transforms back, some rows a task. */
typedef struct WinogradWeight {
    int64_t tile[2], size[2], points;
    bool cut;
    int64_t point_lines;             /* of a task */
    int64_t bands, across;           /* of an image; tiles of a band */
    int64_t panels, lanes, vector;   /* of the channels */
    int64_t block, tiles;            /* bands of a block, and its tiles */
    int64_t columns;                 /* of a frame: lanes and places of a band's lines */
    int64_t source_step, slope_step, sum_step;     /* elements between points */
    int64_t sum_elems;               /* of the piece's sums of the same lines */
    int64_t finish_rows;             /* of a task of the second stage */
} WinogradWeight;
WinogradWeight ir_winograd_weight(const Frame *f, const Kernel *k, const WinogradPiece *p,
                                  int64_t vector, int64_t elem_bytes);
/* Tasks of the same rows and lines: one, or as many as all pieces have lines of points. */
int64_t ir_winograd_turns(const Frame *f, const Kernel *k, int64_t elem_bytes);
/* The worker's memory: the frame [lines][columns][panels][lanes], of one line where points are cut;
 * the source [points of a task][panels][tiles][lanes]; slopes, d_y's points, [points of a task]
 * [rows of a task][tiles]; lines between two steps of transforms. */
typedef struct WeightBytes { int64_t frame, source, slopes, lines; } WeightBytes;
WeightBytes ir_winograd_weight_bytes(const Frame *f, const WinogradWeight *w,
                                     int64_t elem_bytes);
#endif
