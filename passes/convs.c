/* passes/convs.c: algorithm, tile and register tile of one convolution.
 *
 * With one group and work enough, by patches (codegen/emit_patches.c). Tiles follow from shapes at
 * capacity and from the target, never from the number of threads. */
#include "passes/cost.h"
#include "ir/frame.h"

static const double task_flop = 2e6, least_flop = 2e4, most_bytes = 64e6;
enum { ENOUGH_TASKS = 16 };

static int64_t held(const Target *t) { return t->registers >= 32 ? 28 : 12; }

/* A task is whole images, or, while tasks are few and large, some of one's pixels, and then some of
 * its channels. */
static void tile_pixels(const Frame *f, int64_t images, int64_t lanes, const Target *t, Choice *c)
{
    int64_t pixels = ir_frame_pixels(f), vectors = pixels > lanes ? 2 : 1, panel = vectors * lanes;
    double flop = 2.0 * (double)f->rows * (double)ir_frame_depth(f);     /* of a pixel */
    int64_t rows = f->rows, cols = pixels, tasks = images;
    c->micro[0] = ir_strip(rows, rows, held(t) / vectors);
    c->micro[1] = vectors;
    while (tasks > ENOUGH_TASKS && flop * (double)cols < task_flop) {
        cols += pixels;
        tasks = ceil_div(images, cols / pixels);
    }
    while (tasks < ENOUGH_TASKS && flop * (double)(cols * rows) / (double)f->rows > 2 * task_flop) {
        if (cols > 4 * panel) cols = round_up(ceil_div(cols, 2), panel);
        else if (rows > 2 * c->micro[0]) rows = round_up(ceil_div(rows, 2), c->micro[0]);
        else break;
        tasks = images * ceil_div(pixels, cols) * ceil_div(f->rows, rows);
    }
    c->tile[0] = rows;
    c->tile[1] = cols;
}

/* No sum is cut: a task is some channels of x by some of the results'. What it packs of x serves
 * all its rows, so these stay together for longest. */
static void tile_weight(const Frame *f, const Target *t, Choice *c)
{
    enum { MOST_ROWS = 128, MOST_COLS = 160 };
    int64_t taps = ir_frame_taps(f), rows = f->rows, channels = f->channels;
    c->micro[0] = t->registers >= 32 ? 5 : 3;
    c->micro[1] = t->registers >= 32 ? 5 : 3;
    if (rows > MOST_ROWS) rows = ceil_div(rows, ceil_div(rows, MOST_ROWS));
    while (channels > 1 && channels * taps > MOST_COLS) channels = ceil_div(channels, 2);
    while (ceil_div(f->rows, rows) * ceil_div(f->channels, channels) < ENOUGH_TASKS / 2) {
        if (channels > 8) channels = ceil_div(channels, 2);
        else if (rows > 32) rows = ceil_div(rows, 2);
        else if (channels > 1) channels = ceil_div(channels, 2);
        else break;
    }
    c->tile[0] = rows;
    c->tile[1] = channels * taps;
}

/* Does the worker's memory stay in bounds? In double, as sizes may be anything. */
static bool fits(const Frame *f, double elem_bytes)
{
    double plane = (double)f->height * (double)f->phases * (double)f->length;
    double taps = (double)f->taps[0] * (double)f->taps[1], weights = (double)f->rows;
    double row = (double)ir_frame_pixels(f) + (double)held(&ir_targets[0]) * 16;
    double bytes = (double)f->channels * (plane + taps * weights) + taps * row * 128;
    return bytes * elem_bytes < most_bytes && f->phases <= 16;
}

Choice pass_choose_conv(const Graph *g, Val root, const PassCtx *ctx)
{
    const Target *t = ctx->target ? ctx->target : &ir_targets[ir_n_targets - 1];
    const Node *x = ir_node(g, root);
    Choice c = { .algo = ALGO_direct };
    double elem = (double)ir_dtype_bytes(x->type.dtype);
    if (ir_attr_int(x, AT_groups) != 1 || ir_flop(g, root) < least_flop) return c;
    Frame f = ir_frame(g, root);
    if (!fits(&f, elem)) return c;
    int64_t images = ir_dim_at(ir_type(g, x->in[0])->shape.dim[0], g->module->capacity);
    c.algo = ALGO_patches;
    if (x->op == OP_conv_weight) tile_weight(&f, t, &c);
    else tile_pixels(&f, most(images, 1), most(t->vector_bytes / (int64_t)elem, 1), t, &c);
    return c;
}
