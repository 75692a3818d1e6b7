/* ir/int8.h: what ops on codes read, for shapes, the interpreter and generated code alike. What codes
 * are stands in ir/ops.def. */
#ifndef SEQC_INT8_H
#define SEQC_INT8_H
#include "ir/window.h"

/* The windows that attributes say over the axes between the first and the last. */
bool ir_int8_window(const Attr *attr, int n_attr, const Shape *x, Window *w, char err[IR_ERR]);

/* A linear_int8 or conv_int8: results from sums over runs of codes that lie together, run by run. Of
 * conv_int8 a run is a line of taps with all their channels. */
typedef struct Codes {
    Shape x;
    Window window;                       /* of linear_int8 one place in one window */
    int64_t channels, results, runs, run;
    double padding;                      /* the code that stands around images */
    bool coded;                          /* results are codes, else reals */
    double zero_point, low, high;        /* of results; sums are rounded within low and high */
} Codes;
Codes ir_codes(const Graph *g, const Node *x);

/* An image as far as windows reach, with its surroundings, in a worker's memory. bytes 0: there are
 * none, and the image is read where it lies. */
typedef struct CodesFrame { int64_t rows, cols, bytes; } CodesFrame;
CodesFrame ir_codes_frame(const Codes *c);

#endif
