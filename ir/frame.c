/* ir/frame.c: see the header. */
#include "ir/frame.h"
#include "ir/priv.h"
#include "ir/tasks.h"
#include "ir/tiles.h"
#include "ir/winograd.h"

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static void slide(Frame *f, int axis, const WindowAxis *a)
{
    f->places[axis] = a->places;
    f->pixels[axis] = a->windows;
    f->taps[axis] = a->taps;
    f->stride[axis] = a->stride;
    f->dilation[axis] = a->dilation;
    f->low[axis] = a->low;
    f->spread[axis] = 1;
}

/* x(i) takes y(o) * w(k) where i = o * stride + k * dilation - low. From the last tap to the first,
 * i reads place i + k' * dilation of the spread y, which begins at (taps - 1) * dilation - low. */
static void turn(Frame *f, int axis, const WindowAxis *a)
{
    slide(f, axis, a);
    f->places[axis] = a->windows;
    f->pixels[axis] = a->places;
    f->stride[axis] = 1;
    f->low[axis] = (a->taps - 1) * a->dilation - a->low;
    f->spread[axis] = a->stride;
}

Frame ir_frame(const Graph *g, Val root)
{
    const Node *x = ir_node(g, root);
    Conv c = ir_conv(g, x);
    Frame f = { .op = x->op, .source = x->in[0], .weight = x->in[1],
                .turned = x->op == OP_conv_transpose };
    if (x->n_in > 2) f.bias = x->in[2];
    f.images = ir_dim_at(c.x.dim[0], g->module->capacity);
    f.rows = (f.turned ? c.x : c.y).dim[1].k;
    f.channels = (f.turned ? c.y : c.x).dim[1].k;
    for (int i = 0; i < 2; i++) {
        if (f.turned) turn(&f, i, &c.window.axis[i]);
        else slide(&f, i, &c.window.axis[i]);
    }
    int64_t width = (f.pixels[1] - 1) * f.stride[1] + (f.taps[1] - 1) * f.dilation[1] + 1;
    f.height = (f.pixels[0] - 1) * f.stride[0] + (f.taps[0] - 1) * f.dilation[0] + 1;
    f.phases = f.stride[1];
    f.length = ceil_div(width, f.phases);
    return f;
}

int64_t ir_frame_plane(const Frame *f) { return f->height * f->phases * f->length; }
int64_t ir_frame_taps(const Frame *f) { return f->taps[0] * f->taps[1]; }
int64_t ir_frame_pixels(const Frame *f) { return f->pixels[0] * f->pixels[1]; }
int64_t ir_frame_depth(const Frame *f) { return f->channels * ir_frame_taps(f); }

int64_t ir_frame_tap(const Frame *f, int64_t t)
{
    int64_t line = t / f->taps[1] * f->dilation[0], column = t % f->taps[1] * f->dilation[1];
    return (line * f->phases + column % f->phases) * f->length + column / f->phases;
}

int64_t ir_frame_pixel(const Frame *f, int64_t line, int64_t column)
{
    return line * f->stride[0] * f->phases * f->length + column;
}

int64_t ir_frame_block(const Frame *f)
{
    int64_t block = IR_K_BLOCK / ir_frame_taps(f);
    return block < 1 ? 1 : block < f->channels ? block : f->channels;
}

bool ir_frame_is_image(const Frame *f)
{
    bool same = true;
    for (int i = 0; i < 2; i++)
        same = same && f->stride[i] == 1 && f->spread[i] == 1 && !f->low[i]
            && f->pixels[i] + (f->taps[i] - 1) * f->dilation[i] == f->places[i];
    return same;
}

int64_t ir_frame_span(const Frame *f) { return ir_frame_pixel(f, f->pixels[0] - 1, f->pixels[1]); }

enum { VECTOR_BYTES = 64, LONG_ROW = 512 };      /* of the widest target; pixels */

int64_t ir_frame_images(const Frame *f) { return ceil_div(LONG_ROW, ir_frame_pixels(f)); }

/* A line more: rows a multiple of 4096 bytes apart would share a set of the first cache. */
int64_t ir_frame_row_bytes(const Frame *f, int64_t elem_bytes)
{
    return ir_round64(ir_frame_images(f) * ir_frame_pixels(f) * elem_bytes) + VECTOR_BYTES;
}

bool ir_frame_in_place(const Frame *f)
{
    int64_t pixels = ir_frame_pixels(f);
    return pixels >= LONG_ROW && pixels % (VECTOR_BYTES / 4) == 0;
}

bool ir_frame_weight_in_lines(const Frame *f)
{
    return f->op == OP_conv_weight && ir_frame_in_place(f)
        && f->pixels[1] % (VECTOR_BYTES / 4) == 0;
}

bool ir_frame_in_lines(const Frame *f, int64_t pixels, int64_t vectors, int64_t elem_bytes)
{
    int64_t panel = vectors * VECTOR_BYTES / elem_bytes;
    return f->op != OP_conv_weight && f->stride[1] == 1 && ir_frame_block(f) == f->channels
        && f->pixels[1] % panel == 0 && pixels % panel == 0;
}

bool ir_frame_long_taps(const Frame *f)
{
    enum { LONG_LINE = 8 };
    return f->op == OP_conv_weight && f->taps[1] >= LONG_LINE && f->dilation[1] == 1;
}

Frame ir_frame_in_order(const Frame *f)
{
    Frame g = *f;
    g.phases = 1;
    g.length = (f->pixels[1] - 1) * f->stride[1] + (f->taps[1] - 1) * f->dilation[1] + 1;
    return g;
}

int64_t ir_strip(int64_t whole, int64_t tile, int64_t most)
{
    if (tile > whole) tile = whole;
    int64_t last = whole - (whole - 1) / tile * tile, even = ceil_div(tile, ceil_div(tile, most));
    return even < last ? even : last;
}

/* Frames are read, and patches written, to a vector beyond their end. */
static int64_t beyond(int64_t bytes, int64_t vector_bytes)
{
    return ir_round64(bytes + vector_bytes);
}

static ConvBytes lanes_bytes(const Frame *f, const Kernel *k, int64_t vector_bytes, int64_t elem)
{
    Frame g = ir_frame_in_order(f);
    int64_t channels = k->tile[1] / ir_frame_taps(f), panel = k->micro[1] * vector_bytes;
    int64_t width = ceil_div(k->tile[1] * elem, panel) * panel;      /* bytes */
    return (ConvBytes){ .frame = beyond(channels * ir_frame_plane(&g) * elem, vector_bytes),
                        .pack = beyond(IR_PIXELS * width, vector_bytes),
                        .sums = ir_round64(k->tile[0] * width) };
}

/* Rows of pixels by rows of patches, in register tiles of which the last ones overlap. */
static ConvBytes weight_bytes(const Frame *f, const Kernel *k, int64_t vector_bytes, int64_t elem)
{
    int64_t row = ir_frame_row_bytes(f, elem), channels = k->tile[1] / ir_frame_taps(f);
    int64_t height = ir_strip(f->rows, k->tile[0], k->micro[0]);
    int64_t width = ir_strip(ir_frame_depth(f), k->tile[1], k->micro[1]);
    int64_t tiles = ceil_div(k->tile[0], height) * ceil_div(k->tile[1], width);
    return (ConvBytes){
        .frame = beyond(channels * ir_frame_plane(f) * elem, vector_bytes),
        .pack = ir_frame_weight_in_lines(f) ? 0 : k->tile[1] * row,
        .sums = ir_round64(tiles * height * width * vector_bytes),
        .weights = ir_frame_in_place(f) ? 0 : k->tile[0] * row };
}

/* The frame of a group; under each of a weight's taps a line of sums, and a total in double. */
static ConvBytes grouped_bytes(const Graph *g, Val root)
{
    Frame f = ir_frame(g, root);
    int64_t groups = ir_attr_int(ir_node(g, root), AT_groups), channels = f.channels / groups;
    int64_t elem = ir_dtype_bytes(ir_type(g, root)->dtype), terms = channels * ir_frame_taps(&f);
    ConvBytes b = { .frame = ir_round64(channels * ir_frame_plane(&f) * elem) };
    if (f.op != OP_conv_weight) return b;
    b.sums = ir_round64(terms * f.pixels[1] * elem);
    b.weights = ir_round64(f.rows / groups * terms * (int64_t)sizeof(double));
    return b;
}

bool ir_patches_in_lines(const Graph *g, const Kernel *k)
{
    Val root = ir_kernel_root(g, k);
    Frame f = ir_frame(g, root);
    Pooled pool = ir_pooled(g, k);
    int64_t across = pool.taps[1], elem = ir_dtype_bytes(ir_type(g, root)->dtype);
    if (!pool.index.i) return ir_frame_in_lines(&f, k->tile[1], k->micro[1], elem);
    return pool.taps[0] * across <= IR_POOLED_TAPS && (across & (across - 1)) == 0
        && ir_frame_in_lines(&f, k->tile[1], across, elem);
}

ConvBytes ir_conv_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes)
{
    Val root = ir_kernel_root(g, k);
    Frame f = ir_frame(g, root);
    int64_t elem = ir_dtype_bytes(ir_type(g, root)->dtype), block = ir_frame_block(&f);
    if (k->algo == ALGO_patches && f.op == OP_conv_weight)
        return ir_frame_long_taps(&f) ? lanes_bytes(&f, k, vector_bytes, elem)
                                      : weight_bytes(&f, k, vector_bytes, elem);
    if (k->algo == ALGO_grouped) return grouped_bytes(g, root);
    int64_t panel = k->micro[1] * vector_bytes;
    Pooled pool = ir_pooled(g, k);
    int64_t pooled = pool.index.i ? ir_round64(k->tile[0] * pool.taps[0] * f.pixels[1] * elem) : 0;
    if (k->algo == ALGO_implicit) return (ConvBytes){ .sums = pooled };
    bool in_lines = k->algo == ALGO_patches && ir_patches_in_lines(g, k);
    /* Whole vectors are read from the frame's end, and written to the end of what is packed. */
    return (ConvBytes){
        .frame = beyond(f.channels * ir_frame_plane(&f) * elem, vector_bytes),
        .pack = in_lines ? 0 : beyond(block * ir_frame_taps(&f) * panel, vector_bytes),
        .sums = block < f.channels ? ir_round64(k->tile[0] * panel)
              : in_lines           ? 0
                                   : pooled,
        .weights = f.turned ? ir_round64(k->tile[0] * ir_frame_depth(&f) * elem) : 0 };
}

/* Bytes of the worker, or (shared) of all tasks, where vectors have that many bytes. */
static int64_t weight_pieces_bytes(const Graph *g, const Kernel *k, const Frame *f,
                                   int64_t vector_bytes, int64_t elem, bool shared)
{
    WinogradPiece piece[IR_MOST_PIECES];
    int64_t sums = 0, own = 0;
    for (int i = ir_winograd_pieces(f, k->algo, piece); i-- > 0;) {
        WinogradWeight w = ir_winograd_weight(f, k, &piece[i], vector_bytes / elem, elem);
        WeightBytes b = ir_winograd_weight_bytes(f, &w, elem);
        int64_t all = b.frame + b.source + b.slopes + b.lines;
        if (all > own) own = all;
        sums += w.sum_elems;
    }
    return shared ? ir_round64(ir_tasks_of(g, k, g->module->capacity).across * sums * elem) : own;
}

static int64_t winograd_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes, bool shared)
{
    Val root = ir_kernel_root(g, k);
    Frame f = ir_frame(g, root);
    int64_t elem = ir_dtype_bytes(ir_type(g, root)->dtype);
    if (f.op == OP_conv_weight) return weight_pieces_bytes(g, k, &f, vector_bytes, elem, shared);
    Winograd w = ir_winograd(&f, k, vector_bytes / elem, elem);
    WinogradBytes b = ir_winograd_bytes(&f, &w, elem);
    return shared ? b.shared : b.source + b.products + b.lines;
}

/* Buffers are checked where nobody says how wide vectors are, and blocks follow from it: the most of
 * all widths. */
static int64_t winograd_shared_bytes(const Graph *g, const Kernel *k)
{
    int64_t most = 0;
    for (int64_t bytes = VECTOR_BYTES; bytes >= 16; bytes /= 2) {
        int64_t shared = winograd_bytes(g, k, bytes, true);
        if (shared > most) most = shared;
    }
    return most;
}

static TileBytes tile_bytes(const Graph *g, const Kernel *k)
{
    Frame f = ir_frame(g, ir_kernel_root(g, k));
    TileConv t = ir_tile_conv(&f, k);
    return ir_tile_bytes(&t);
}

int64_t ir_conv_scratch_bytes(const Graph *g, const Kernel *k)
{
    if (ir_is_tile_conv(k->algo)) return tile_bytes(g, k).shared;
    return ir_is_winograd(k->algo) ? winograd_shared_bytes(g, k) : 0;
}

int64_t ir_conv_worker_bytes(const Graph *g, const Kernel *k, int64_t vector_bytes)
{
    if (ir_is_winograd(k->algo)) return winograd_bytes(g, k, vector_bytes, false);
    if (ir_is_tile_conv(k->algo)) {
        TileBytes b = tile_bytes(g, k);
        return b.frame + b.parts + b.line + b.slopes + b.sums;
    }
    ConvBytes b = ir_conv_bytes(g, k, vector_bytes);
    return ir_round64(b.frame + b.pack + b.sums + b.weights);
}

/* In double, as sizes may be anything. */
bool ir_patches_fit(const Graph *g, Val root)
{
    static const double most_bytes = 64e6;
    enum { MOST_PHASES = 16, MOST_PANEL = 128 };
    const Node *x = ir_node(g, root);
    if (ir_attr_int(x, AT_groups) != 1) return false;
    Frame f = ir_frame(g, root);
    double plane = (double)f.height * (double)f.phases * (double)f.length;
    double taps = (double)f.taps[0] * (double)f.taps[1];
    double row = (double)f.pixels[0] * (double)f.pixels[1] + LONG_ROW + MOST_PANEL;
    double elems = (double)f.channels * (plane + taps * (double)f.rows)
                 + (taps + MOST_PANEL) * row * 2;
    return f.phases <= MOST_PHASES && elems * (double)ir_dtype_bytes(x->type.dtype) < most_bytes;
}

bool ir_implicit_fit(const Graph *g, Val root, int64_t vectors)
{
    if (!ir_is(g, root, OP_conv) || !ir_patches_fit(g, root)) return false;
    Frame f = ir_frame(g, root);
    int64_t beyond = (f.pixels[0] - vectors) * f.places[1] + f.pixels[1];    /* from a panel on */
    return ir_frame_is_image(&f) && ir_frame_block(&f) == f.channels && f.pixels[0] >= vectors
        && beyond * ir_dtype_bytes(ir_type(g, root)->dtype) >= VECTOR_BYTES;
}

/* All taps of a result are one expression. */
bool ir_grouped_fit(const Graph *g, Val root)
{
    static const double most_elems = 1e6;
    enum { MOST_PHASES = 16, MOST_TERMS = 64 };
    const Node *x = ir_node(g, root);
    int64_t groups = ir_attr_int(x, AT_groups);
    if (groups < 2) return false;
    Frame f = ir_frame(g, root);
    double channels = (double)f.channels / (double)groups;
    double terms = channels * (double)f.taps[0] * (double)f.taps[1];
    double plane = (double)f.height * (double)f.phases * (double)f.length;
    double sums = x->op == OP_conv_weight
                ? terms * ((double)f.rows / (double)groups + (double)f.pixels[1]) : 0;
    return f.phases <= MOST_PHASES && terms <= MOST_TERMS
        && channels * plane + sums < most_elems;
}

bool ir_conv_check(const Graph *g, const Kernel *k, char err[IR_ERR])
{
    enum { MOST_MICRO = 64 };
    Val root = ir_kernel_root(g, k);
    const char *name = ir_algo[k->algo].name;
    if (k->algo == ALGO_grouped    ? !ir_grouped_fit(g, root)
        : k->algo == ALGO_implicit ? !ir_implicit_fit(g, root, k->micro[1])
                                   : !ir_patches_fit(g, root))
        return ir_fail(err, "algorithm %s does not take this convolution", name);
    if (k->algo == ALGO_grouped) return true;
    Frame f = ir_frame(g, root);
    bool tiles = ir_is_tile_conv(k->algo);
    int64_t pixels = tiles ? f.pixels[0] : ir_frame_pixels(&f);
    int64_t taps = ir_frame_taps(&f), most = INT32_MAX;
    if (ir_is_winograd(k->algo) && !ir_winograd_fits(&f, k->algo))
        return ir_fail(err, "algorithm %s has no tile for these taps, strides and paddings, or errs "
                       "too much for sums of so few terms", name);
    bool whole = ir_is_winograd(k->algo) || k->tile[1] < pixels || k->tile[1] % pixels == 0;
    if (k->algo == ALGO_implicit && k->tile[1] < pixels) whole = k->tile[1] % f.pixels[1] == 0;
    if (tiles && f.op != OP_conv_weight)
        whole = whole && (k->tile[0] == f.rows || k->tile[0] % IR_SIDE == 0);
    if (f.op == OP_conv_weight && !ir_is_winograd(k->algo)) {
        whole = k->tile[1] % taps == 0;
        most = ir_frame_depth(&f);
    }
    if (k->tile[0] < 1 || k->tile[0] > f.rows || k->tile[1] < 1 || k->tile[1] > most || !whole)
        return ir_fail(err, "a tile of %lld by %lld does not divide its work",
                       (long long)k->tile[0], (long long)k->tile[1]);
    if (tiles) {
        bool fits = ir_type(g, root)->dtype == DT_f32 && ir_tile_conv_fits(&f, k);
        return fits || ir_fail(err, "algorithm %s does not take this convolution", name);
    }
    for (int i = 0; i < 2; i++)
        if (k->micro[i] < 1 || k->micro[i] > MOST_MICRO)
            return ir_fail(err, "a register tile of %lld by %lld", (long long)k->micro[0],
                           (long long)k->micro[1]);
    Pooled pool = ir_pooled(g, k);
    if (pool.index.i && !ir_pools(g, k, pool.index))
        return ir_fail(err, "algorithm %s does not take this pooling", name);
    return true;
}
