/* ir/winograd.c: see the header. */
#include "ir/winograd.h"
#include "ir/tasks.h"

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool ir_winograd_fits(const Frame *f)
{
    enum { MOST_ACROSS = 128 };
    for (int i = 0; i < 2; i++)
        if (f->taps[i] != 3 || f->stride[i] != 1 || f->dilation[i] != 1 || f->spread[i] != 1
            || f->low[i] != 1 || f->pixels[i] != f->places[i]) return false;
    return ceil_div(f->pixels[1], IR_TILE_COLUMNS) <= MOST_ACROSS;
}

/* Of a few numbers of panels that stay in half a cache of 1 MB, the one whose lanes are used best;
 * at least as many as a band needs. */
Winograd ir_winograd(const Frame *f, int64_t lanes, int64_t elem_bytes)
{
    enum { KEPT_BYTES = 1 << 19, MOST_PANELS = 4 };
    Winograd w = { .bands = ceil_div(f->pixels[0], IR_TILE_LINES),
                   .across = ceil_div(f->pixels[1], IR_TILE_COLUMNS), .lanes = lanes };
    int64_t panel = IR_POINTS * (f->channels + f->rows) * lanes * elem_bytes;
    int64_t least = ceil_div(w.across, lanes), most = KEPT_BYTES / panel;
    double best = 0;
    if (most > MOST_PANELS) most = MOST_PANELS;
    if (most < least) most = least;
    for (int64_t panels = least; panels <= most; panels++) {
        int64_t block = panels * lanes / w.across;
        double used = (double)(block * w.across) / (double)(panels * lanes);
        if (used <= best) continue;
        best = used;
        w.panels = panels;
        w.block = block;
    }
    return w;
}

int64_t ir_point_step(const Winograd *w, int64_t rows, int64_t elem_bytes)
{
    enum { LINE_BYTES = 64 };
    return w->panels * rows * w->lanes + LINE_BYTES / elem_bytes;
}

WinogradBytes ir_winograd_bytes(const Frame *f, const Winograd *w, int64_t rows,
                                int64_t elem_bytes)
{
    enum { LINES = 6 };
    int64_t line = IR_TILE_COLUMNS * w->panels * w->lanes + 2 * IR_LINE_EDGE;
    int64_t lines = IR_TOGETHER * LINES * line, taps = 9 * f->channels;
    return (WinogradBytes){
        .weights = ir_round64(IR_POINTS * rows * f->channels * elem_bytes),
        .source = ir_round64(IR_POINTS * ir_point_step(w, f->channels, elem_bytes) * elem_bytes),
        .products = ir_round64(IR_POINTS * ir_point_step(w, rows, elem_bytes) * elem_bytes),
        .lines = ir_round64((lines > taps ? lines : taps) * elem_bytes) };
}

WinogradWeight ir_winograd_weight(const Frame *f, int64_t lanes, int64_t elem_bytes)
{
    enum { KEPT_BYTES = 3 << 18, MOST_TILES = 128, LINE_BYTES = 64 };
    WinogradWeight w = { .bands = ceil_div(f->pixels[0], IR_TILE_LINES),
                         .across = ceil_div(f->pixels[1], IR_TILE_COLUMNS),
                         .panels = ceil_div(f->channels, lanes), .lanes = lanes };
    int64_t channels = w.panels * lanes, pad = LINE_BYTES / elem_bytes;
    int64_t tiles = KEPT_BYTES / (IR_POINTS * (channels + f->rows) * elem_bytes);
    w.block = (tiles < MOST_TILES ? tiles : MOST_TILES) / w.across;
    if (w.block < 1) w.block = 1;
    w.tiles = w.block * w.across;
    w.columns = IR_TILE_COLUMNS * (w.across + 1);
    w.source_step = channels * w.tiles + pad;
    w.slope_step = f->rows * w.tiles + pad;
    w.sum_elems = IR_POINTS * f->rows * channels;
    return w;
}

WeightBytes ir_winograd_weight_bytes(const WinogradWeight *w, int64_t elem_bytes)
{
    enum { LINES = 6, VECTOR_BYTES = 64 };
    int64_t channels = w->panels * w->lanes, line = IR_TILE_COLUMNS * w->tiles;
    return (WeightBytes){
        .frame = ir_round64(LINES * w->columns * channels * elem_bytes),
        .source = ir_round64(IR_POINTS * w->source_step * elem_bytes),
        .slopes = ir_round64(IR_POINTS * w->slope_step * elem_bytes) + VECTOR_BYTES,
        .lines = ir_round64(LINES * line * elem_bytes) + VECTOR_BYTES };
}
