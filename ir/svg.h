/* ir/svg.h: the picture of a graph: what ir/svg_layout.c places and ir/svg.c draws. */
#ifndef SEQC_IR_SVG_H
#define SEQC_IR_SVG_H
#include "ir/priv.h"

enum { SVG_ROW = 38, SVG_HEAD = 20, SVG_PAD = 8, SVG_LAYER_GAP = 46, SVG_BOX_GAP = 26 };

/* A box on the picture: a kernel with its members, or one node; or a bend of a long edge. */
typedef struct Box {
    int kernel;                      /* -1: a single node */
    int first, n;                    /* its rows in Picture.row */
    int layer;
    double width, height, x, y;      /* x: middle; y: top */
    double floor;                    /* lower edge of its layer */
    bool bend;
} Box;

/* From a box to one of the next layer. src: whose value; last: it ends at a real box. */
typedef struct Link { int from, to; uint32_t src; } Link;

typedef struct Picture {
    const Graph *g;
    Arena *a;
    const int *number;
    Box *box; int n_box, cap_box;
    Link *link; int n_link, cap_link;
    uint32_t *row;                   /* nodes, grouped by box */
    int *box_of;                     /* [n_node]: -1: drawn as text in its readers */
    double *row_width;               /* [n_node] */
    double width, height;
} Picture;

/* boxes with sizes in, places out. */
void ir_svg_layout(Picture *p);
#endif
