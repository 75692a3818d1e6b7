/* ir/window.h: which places of a tensor convolutions, pooling, padding and upsampling read, for
 * shapes, the interpreter, gradients and generated code alike.
 *
 * Of a sample's spatial axes there are one or two, after the channels. Here there are always two,
 * rows and columns: of a single one the rows are one place under one tap. */
#ifndef SEQC_WINDOW_H
#define SEQC_WINDOW_H
#include "ir/ir.h"

enum { IR_MAX_WINDOW = 1 << 20 };    /* of taps, strides, dilations and paddings */

/* One axis on which windows slide: tap k of window o stands at place
 * ir_window_begin(o) + k * dilation, which is none where it is outside [0, places). */
typedef struct WindowAxis {
    int64_t places, windows, taps;
    int64_t stride, dilation, low;   /* low: places before the first that are padding */
    bool adaptive;                   /* taps: an upper bound; window o has ir_window_taps(o) */
} WindowAxis;
typedef struct Window { int rank; WindowAxis axis[2]; } Window;

int64_t ir_window_begin(const WindowAxis *a, int64_t o);
int64_t ir_window_taps(const WindowAxis *a, int64_t o);
bool ir_window_inside(const WindowAxis *a);      /* no tap of any window is padding */
/* The first window all of whose taps are padding; -1: none. */
int64_t ir_window_empty(const WindowAxis *a);

/* The windows that a node's attributes say over the axes of `wide` from the third on. kernel: the
 * shape whose axes from the third on are the taps; null: attribute `kernel`, or `adaptive`. False
 * and why where there is no window. */
bool ir_window_read(const Attr *attr, int n_attr, const Shape *wide, const Shape *kernel,
                    Window *w, char err[IR_ERR]);
/* Of a node of kind CONV or a pooling. */
Window ir_window(const Graph *g, const Node *x);

/* A convolution y = x * w, whatever node computes one of the three from the other two. */
typedef struct Conv {
    Shape x, y, w;                   /* [n,c,…] [n,o,…] [o,c/groups,…] */
    int64_t groups;
    Window window;                   /* over x */
} Conv;
Conv ir_conv(const Graph *g, const Node *x);

/* Element `at` of an axis of that size and of its surroundings: the place that holds its value; -1:
 * none. */
typedef enum {
#define PAD(name, ...) PAD_##name,
#include "ir/pads.def"
#undef PAD
    PAD_COUNT
} PadMode;
typedef struct { const char *name, *source, *doc; } PadInfo;   /* source: in C, of at and size */
extern const PadInfo ir_pad[PAD_COUNT];
int64_t ir_pad_source(PadMode mode, int64_t at, int64_t size);
/* The mode of that name; PAD_COUNT: none. */
PadMode ir_pad_named(const char *name);
/* A `pad` or `pad_grad`: mode, and the padding before each spatial axis, rows and columns. */
typedef struct Pad { PadMode mode; int rank; int64_t low[2], high[2]; } Pad;
Pad ir_pad_of(const Node *x);

/* One axis that is stretched: element i is (1 - weight) of place `at` and weight of place `next`.
 * Nearest: the weight is 0. Else at i * scale + shift, not below 0, between two places. */
typedef struct Stretch { int64_t places, results; bool nearest; double scale, shift; } Stretch;
typedef struct Between { int64_t at, next; double weight; } Between;
Between ir_stretch_source(const Stretch *s, int64_t i);
/* Of an `upsample` or `upsample_grad`: rows and columns. */
void ir_stretch(const Graph *g, const Node *x, Stretch axis[2]);
#endif
