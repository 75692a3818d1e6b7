/* ir/eval_window.c: the interpreter's rules of convolutions, pooling, padding and stretching.
 *
 * Each visits every pair of result and tap, whatever the node computes of it; a tap outside its
 * axis is skipped. */
#include "ir/eval.h"
#include "ir/window.h"
#include <math.h>

/* The place of tap k of window o; -1: padding. */
static int64_t place_of(const WindowAxis *a, int64_t o, int64_t k)
{
    int64_t at = ir_window_begin(a, o) + k * a->dilation;
    return at >= 0 && at < a->places ? at : -1;
}

/* ---- convolutions ---- */

/* The windows whose tap k is a place are [first, end) of a convolution's axis. */
typedef struct Span { int64_t first, end; } Span;

static Span span_of(const WindowAxis *a, int64_t k)
{
    int64_t shift = a->low - k * a->dilation;    /* window o has it at o * stride - shift */
    int64_t first = shift > 0 ? (shift + a->stride - 1) / a->stride : 0;
    int64_t end = a->places + shift > 0 ? (a->places + shift - 1) / a->stride + 1 : 0;
    return (Span){first, end < a->windows ? end : a->windows};
}

typedef struct Terms { Op op; const double *a, *b; double *out; } Terms;

/* Tap w of a pair of channels, whose planes begin at y and at x: the terms of all its windows. */
static void convolve_tap(const Terms *s, const Window *window, int64_t tap, int64_t y, int64_t x, int64_t w)
{
    const WindowAxis *row = &window->axis[0], *col = &window->axis[1];
    int64_t k = tap / col->taps, l = tap % col->taps, step = col->stride;
    Span rows = span_of(row, k), cols = span_of(col, l);
    for (int64_t r = rows.first; r < rows.end; r++) {
        int64_t i = x + (ir_window_begin(row, r) + k * row->dilation) * col->places +
                    ir_window_begin(col, cols.first) + l * col->dilation;
        int64_t p = y + r * col->windows + cols.first, end = y + r * col->windows + cols.end;
        if (s->op == OP_conv)
            for (; p < end; p++, i += step) s->out[p] += s->a[i] * s->b[w];
        else if (s->op == OP_conv_transpose)
            for (; p < end; p++, i += step) s->out[i] += s->a[p] * s->b[w];
        else
            for (; p < end; p++, i += step) s->out[w] += s->a[i] * s->b[p];
    }
}

/* y[n,o,p] += x[n,c,p + tap] w[o,c,tap], or one of the other two from two of them. */
static void convolve(const Eval *e, const Conv *c, const Terms *s)
{
    const WindowAxis *row = &c->window.axis[0], *col = &c->window.axis[1];
    int64_t in = c->x.dim[1].k, results = c->w.dim[0].k, per = c->w.dim[1].k;
    int64_t places = row->places * col->places, windows = row->windows * col->windows;
    int64_t taps = row->taps * col->taps;
    for (int64_t n = 0; n < eval_size(e, &c->x, 0); n++)
        for (int64_t o = 0; o < results; o++)
            for (int64_t k = 0; k < per; k++)
                for (int64_t t = 0; t < taps; t++)
                    convolve_tap(s, &c->window, t, (n * results + o) * windows,
                                 (n * in + o / (results / c->groups) * per + k) * places,
                                 (o * per + k) * taps + t);
}

/* A bias starts the sums of its channel. */
void eval_conv(const Eval *e, const Node *x, double *out)
{
    Conv c = ir_conv(e->g, x);
    int64_t n = ir_elems_at(&x->type.shape, e->in->n), channels = x->type.shape.dim[1].k;
    int64_t plane = n / (eval_size(e, &x->type.shape, 0) * channels);
    for (int64_t i = 0; x->n_in > 2 && i < n; i++)
        out[i] = eval_operand(e, x, 2)[i / plane % channels];
    convolve(e, &c, &(Terms){x->op, eval_operand(e, x, 0), eval_operand(e, x, 1), out});
}

/* ---- pooling ---- */

/* All samples and channels: planes of places and of windows. */
static int64_t planes(const Eval *e, const Node *x)
{
    return eval_size(e, &x->type.shape, 0) * x->type.shape.dim[1].k;
}

/* Calls `each` for every window p of every plane and every tap of it that is a place. */
typedef void EachTap(void *ctx, int64_t window, int64_t tap, int64_t place);
static void each_tap(const Window *w, int64_t n_planes, EachTap *each, void *ctx)
{
    const WindowAxis *row = &w->axis[0], *col = &w->axis[1];
    int64_t windows = row->windows * col->windows, places = row->places * col->places;
    for (int64_t p = 0; p < n_planes * windows; p++) {
        int64_t r = p % windows / col->windows, c = p % col->windows;
        for (int64_t i = 0; i < ir_window_taps(row, r); i++)
            for (int64_t j = 0; j < ir_window_taps(col, c); j++) {
                int64_t a = place_of(row, r, i), b = place_of(col, c, j);
                if (a >= 0 && b >= 0)
                    each(ctx, p, i * col->taps + j, p / windows * places + a * col->places + b);
            }
    }
}

typedef struct Pool { Op op; const double *a, *index; double *out; } Pool;

static void pool_tap(void *ctx, int64_t window, int64_t tap, int64_t place)
{
    Pool *p = ctx;
    switch (p->op) {
    case OP_pool_take:
        if (p->index[window] == (double)tap)
            p->out[window] = p->a[place];
        break;
    case OP_pool_put:
        if (p->index[window] == (double)tap)
            p->out[place] += p->a[window];
        break;
    case OP_pool_sum: p->out[window] += p->a[place]; break;
    default: p->out[place] += p->a[window];
    }
}

void eval_pool(const Eval *e, const Node *x, double *out)
{
    Window w = ir_window(e->g, x);
    Pool p = {.op = x->op, .a = eval_operand(e, x, 0), .out = out,
              .index = x->n_in > 1 ? eval_operand(e, x, 1) : NULL};
    each_tap(&w, planes(e, x), pool_tap, &p);
}

/* best: the largest element of each window so far. A NaN is larger than all before it, as in
 * PyTorch. */
typedef struct Best { const double *x; double *tap, *best; bool *any; } Best;

static void best_tap(void *ctx, int64_t window, int64_t tap, int64_t place)
{
    Best *b = ctx;
    double v = b->x[place];
    if (b->any[window] && !(v > b->best[window] || isnan(v)))
        return;
    b->any[window] = true;
    b->best[window] = v;
    b->tap[window] = (double)tap;
}

void eval_pool_index(const Eval *e, const Node *x, double *out)
{
    Window w = ir_window(e->g, x);
    Arena *scratch = arena_new();
    size_t n = (size_t)ir_elems_at(&x->type.shape, e->in->n) + 1;
    Best b = {eval_operand(e, x, 0), out, arena_alloc(scratch, n, sizeof *b.best),
              arena_alloc(scratch, n, sizeof *b.any)};
    each_tap(&w, planes(e, x), best_tap, &b);
    arena_free(scratch);
}

/* ---- padding and stretching ---- */

void eval_pad(const Eval *e, const Node *x, double *out)
{
    Pad p = ir_pad_of(x);
    const Shape *from = eval_shape(e, x, 0), *to = &x->type.shape;
    int64_t rows = p.rank > 1 ? from->dim[2].k : 1, cols = from->dim[from->rank - 1].k;
    int64_t height = p.rank > 1 ? to->dim[2].k : 1, width = to->dim[to->rank - 1].k;
    const Attr *value = ir_attr(x, AT_value);
    for (int64_t i = 0; i < planes(e, x) * height * width; i++) {
        int64_t r = ir_pad_source(p.mode, i / width % height - p.low[0], rows);
        int64_t c = ir_pad_source(p.mode, i % width - p.low[1], cols);
        int64_t at = (i / (height * width) * rows + r) * cols + c;
        out[i] = r >= 0 && c >= 0 ? eval_operand(e, x, 0)[at] : value ? value->u.r : 0;
    }
}

void eval_pad_grad(const Eval *e, const Node *x, double *out)
{
    Pad p = ir_pad_of(x);
    const Shape *from = eval_shape(e, x, 0), *to = &x->type.shape;
    int64_t rows = p.rank > 1 ? to->dim[2].k : 1, cols = to->dim[to->rank - 1].k;
    int64_t height = p.rank > 1 ? from->dim[2].k : 1, width = from->dim[from->rank - 1].k;
    for (int64_t i = 0; i < planes(e, x) * height * width; i++) {
        int64_t r = ir_pad_source(p.mode, i / width % height - p.low[0], rows);
        int64_t c = ir_pad_source(p.mode, i % width - p.low[1], cols);
        if (r >= 0 && c >= 0)
            out[(i / (height * width) * rows + r) * cols + c] += eval_operand(e, x, 0)[i];
    }
}

/* The four places between which result i of the stretched planes stands, with their weights. */
typedef struct Corner { int64_t at; double weight; } Corner;
static void corners(const Stretch s[2], int64_t i, Corner corner[4])
{
    int64_t width = s[1].results, plane = s[0].results * width;
    Between r = ir_stretch_source(&s[0], i % plane / width), c = ir_stretch_source(&s[1], i % width);
    for (int k = 0; k < 4; k++) {
        int64_t row = k / 2 ? r.next : r.at, col = k % 2 ? c.next : c.at;
        corner[k].at = (i / plane * s[0].places + row) * s[1].places + col;
        corner[k].weight = (k / 2 ? r.weight : 1 - r.weight) * (k % 2 ? c.weight : 1 - c.weight);
    }
}

void eval_upsample(const Eval *e, const Node *x, double *out)
{
    Stretch s[2];
    Corner corner[4];
    ir_stretch(e->g, x, s);
    for (int64_t i = 0; i < planes(e, x) * s[0].results * s[1].results; i++) {
        corners(s, i, corner);
        for (int k = 0; k < 4; k++)
            if (corner[k].weight != 0)
                out[i] += corner[k].weight * eval_operand(e, x, 0)[corner[k].at];
    }
}

void eval_upsample_grad(const Eval *e, const Node *x, double *out)
{
    Stretch s[2];
    Corner corner[4];
    ir_stretch(e->g, x, s);
    for (int64_t i = 0; i < planes(e, x) * s[0].results * s[1].results; i++) {
        corners(s, i, corner);
        for (int k = 0; k < 4; k++)
            out[corner[k].at] += corner[k].weight * eval_operand(e, x, 0)[i];
    }
}
