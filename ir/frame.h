/* ir/frame.h: a convolution as a product of weights and patches, for cost, memory and code alike.
 *
 *     result(r, p) = sum over k = (c, t) of weight(r, k) * source(c, place of tap t of pixel p)
 *
 * conv reads x, and its pixels are the places of y. conv_transpose reads y, spread by the stride,
 * with the taps turned round, and its pixels are the places of x. conv_weight has the same sums
 * over pixels instead: weight(o, k) = sum of d_y(o, p) * x(c, place of tap t of pixel p).
 *
 * A frame is one image with what its taps read around it, as zeros: [channels][height][phases]
 * [length]. Neighbouring pixels read places `stride` apart; columns lie by their number modulo the
 * stride (phases), so that they are neighbours in the frame. Then a patch is a constant distance
 * from its pixel, and pixels of a line are copied together. */
#ifndef SEQC_FRAME_H
#define SEQC_FRAME_H
#include "ir/window.h"

typedef struct Frame {
    Op op;
    Val source, weight, bias;        /* of conv_weight, weight: d_y. bias: none or [rows] */
    int64_t images;                  /* of the largest batch */
    int64_t rows, channels;          /* channels of results, and of the source */
    int64_t places[2], pixels[2];    /* lines and columns of the source, and of results */
    int64_t taps[2], stride[2], dilation[2];
    int64_t low[2], spread[2];       /* place i of the source stands at i * spread + low */
    int64_t height, phases, length;
    bool turned;                     /* conv_transpose: weight is [channels][rows][taps], from the
                                        last tap to the first */
} Frame;
/* Of a node of kind CONV; rows and channels of all groups. */
Frame ir_frame(const Graph *g, Val root);

int64_t ir_frame_plane(const Frame *f);          /* elements of a channel */
int64_t ir_frame_taps(const Frame *f);           /* of all lines */
int64_t ir_frame_pixels(const Frame *f);
int64_t ir_frame_depth(const Frame *f);          /* channels * taps */
int64_t ir_frame_tap(const Frame *f, int64_t t); /* how far from its pixel tap t reads */
int64_t ir_frame_pixel(const Frame *f, int64_t line, int64_t column);   /* where pixels stand */

/* Where an image has all that taps read, side by side, it is its own frame. Elements of a channel
 * from its first pixel to its last, those beside lines included. */
bool ir_frame_is_image(const Frame *f);
int64_t ir_frame_span(const Frame *f);

/* Whole channels whose patches are packed at a time. */
int64_t ir_frame_block(const Frame *f);
/* Do tasks of so many pixels, in panels of so many of the widest vectors, read the frame where it
 * lies, as lines of results are whole panels? Then nothing is packed. */
bool ir_frame_in_lines(const Frame *f, int64_t pixels, int64_t vectors, int64_t elem_bytes);
/* conv_weight: images whose products are summed together, so that rows of pixels are long; bytes
 * from one row to the next; are d_y's rows so long that they are read where they lie? */
int64_t ir_frame_images(const Frame *f);
int64_t ir_frame_row_bytes(const Frame *f, int64_t elem_bytes);
bool ir_frame_in_place(const Frame *f);
/* Are they whole vectors on each line? Then no patches are packed, the frame is read where it lies. */
bool ir_frame_weight_in_lines(const Frame *f);
/* Or are lines of taps so long that they are copied whole, into lanes, IR_PIXELS pixels at a time
 * (codegen/emit_patches_lanes.c)? A register tile is then rows by vectors of columns, and the frame
 * in the image's order: of one phase. */
enum { IR_PIXELS = 256 };
bool ir_frame_long_taps(const Frame *f);
Frame ir_frame_in_order(const Frame *f);

/* Height of the nearly equal strips that a tile of `whole` is cut into, none above `most`, nor
 * above the last tile: a strip that would stand out overlaps the one before it. */
int64_t ir_strip(int64_t whole, int64_t tile, int64_t most);

/* The worker's memory of a kernel of algorithm `patches`, each a multiple of 64 bytes: the frame;
 * packed patches; sums that are kept; weights turned round, or rows of d_y where these are packed.
 * Of implicit: sums that are kept. Of grouped: the frame of a group; of a weight a row's sums, and
 * the totals of all. */
typedef struct ConvBytes { int64_t frame, pack, sums, weights; } ConvBytes;
ConvBytes ir_conv_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes);
/* All of it, of algorithm patches or Winograd's; and what all tasks share: weights, or sums of
 * each. */
int64_t ir_conv_worker_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes);
int64_t ir_conv_scratch_bytes(const Graph *g, const Kernel *k);

/* Max pooling of what a convolution computes, in its kernel: windows side by side on all of a
 * channel, each within a tile of Winograd's, or within lines that `patches` keeps. Neither the
 * convolution's results nor the taps that were found are stored. taps 1, 1: there is none. */
typedef struct Pooled { Val index, take; int64_t taps[2], windows[2]; } Pooled;
Pooled ir_pooled(const Graph *g, const Kernel *k);
/* Can this kernel's convolution take the pooling that begins with `index`? */
bool ir_pools(const Graph *g, const Kernel *k, Val index);

/* Does a kernel of algorithm `patches` read its frame where it lies? Windows of few taps are pooled
 * in registers then, and no sums are kept. */
enum { IR_POOLED_TAPS = 4 };
bool ir_patches_in_lines(const Graph *g, const Kernel *k);

/* May algorithm `patches` compute this CONV node? One group, and memory within bounds. */
bool ir_patches_fit(const Graph *g, Val root);
/* May algorithm `implicit`, with panels of vectors, the widest there are, in so many lines? One
 * group, an image that is its own frame, no long sums, and no panel larger than a channel. */
bool ir_implicit_fit(const Graph *g, Val root, int64_t vectors);
/* May algorithm `grouped`? Several groups of few channels. */
bool ir_grouped_fit(const Graph *g, Val root);
/* The same of a kernel, and its tile; else why not. */
bool ir_conv_check(const Graph *g, const Kernel *k, char err[IR_ERR]);
#endif
