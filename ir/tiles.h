/* ir/tiles.h: convolutions on matrix tiles of bfloat16: how work is cut, and what memory it takes.
 *
 * A band is some lines of results of an image. Its frame (ir/frame.h) is split into parts once, and
 * each tap reads these at a distance, so that no patch is ever copied. Tiles take runs of 16 places
 * of the frame, where lines of results are `pitch` apart: runs go on from line to line where lines
 * nearly touch, and results of the places between are computed for nothing; else each line has runs
 * of its own. */
#ifndef SEQC_TILES_H
#define SEQC_TILES_H
#include "ir/frame.h"

enum {
    IR_RUN = 16,                     /* places of a run; rows and words of a tile */
    IR_SIDE = 32                     /* rows and columns of four tiles of sums */
};

typedef struct TileConv {
    Frame band;                      /* with its lines of results, and room for all runs */
    int parts;                       /* of a number */
    int64_t bands;                   /* of an image */
    int64_t lines, across, pitch;    /* of runs; runs of each; places from one to the next */
    int64_t places;                  /* of all runs */
    int64_t line;                    /* of these, between the beginnings of lines of results */
    int64_t rows, channels;          /* of a task */
    int64_t tall, deep;              /* the same in whole 32s */
    int64_t plane;                   /* words of two channels' parts, or of two images' */
} TileConv;
TileConv ir_tile_conv(const Frame *f, const Kernel *k);

/* bf16x6 and its kin, of a convolution? */
bool ir_is_tile_conv(Algo algo);

/* The worker's memory, each a multiple of 64 bytes. The frame [channels][plane]; the source's parts
 * [part][pair of channels][plane]; sums of 32 rows [32][places]. All tasks share the weights: for
 * 32 rows each their largest magnitude, and parts [tap][32 channels][part][16 rows each][16 pairs].
 *
 * conv_weight: pairs are numbers of two images, and sums run over places. Frames of both; the
 * source's parts [part][16 channels][plane][16]; a line of d_y of both [places]; its parts
 * [32 rows][run][part][16 rows each][16 places]; sums [tap][rows][channels]. */
typedef struct TileBytes { int64_t frame, parts, line, slopes, sums, shared; } TileBytes;
TileBytes ir_tile_bytes(const TileConv *t);
bool ir_tile_conv_fits(const Frame *f, const Kernel *k);      /* is that within bounds? */
int64_t ir_tile_weight_words(const TileConv *t);     /* of 32 rows of the shared weights */
#endif
