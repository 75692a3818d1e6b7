/* passes/convs.c: algorithm, tile and register tile of one convolution.
 *
 * With one group and work enough, by patches (codegen/emit_patches.c), or without copying them
 * (codegen/emit_implicit.c), or, where the precision mode takes it and it is faster by passes/cost.c,
 * by Winograd (codegen/emit_winograd.c) or on matrix tiles (codegen/emit_tiles_conv.c). Tiles follow
 * from shapes at capacity and from the target, never from the number of threads. */
#include "ir/tiles.h"
#include "ir/winograd.h"
#include "passes/cost.h"

static const double task_flop = 2e6, least_flop = 2e4;
enum { ENOUGH_TASKS = 16 };

/* A task is whole images, or, while tasks are few and large, some of one's pixels, and then some of
 * its channels. */
static void tile_pixels(const Frame *f, int64_t images, int64_t lanes, const Target *t, Choice *c)
{
    int64_t pixels = ir_frame_pixels(f), vectors = pixels > lanes ? 2 : 1, panel = vectors * lanes;
    double flop = 2.0 * (double)f->rows * (double)ir_frame_depth(f);     /* of a pixel */
    int64_t rows = f->rows, cols = pixels, tasks = images;
    c->micro[0] = ir_strip(rows, rows, t->accumulators / vectors);
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

/* Comes before patches, as it takes no memory: parts of an image are whole lines. */
static bool tile_implicit(const Graph *g, Val root, const Frame *f, int64_t images, int64_t lanes,
                          const Target *t, Choice *c)
{
    c->algo = ALGO_implicit;
    tile_pixels(f, images, lanes, t, c);
    c->tile[1] = round_up(c->tile[1], f->pixels[1]);
    c->seconds = pass_conv_cost(g, root, t, c);
    return ir_implicit_fit(g, root, c->micro[1]);
}

/* No sum is cut: a task is some channels of x by some of the results'. What it packs of x serves
 * all its rows, so these stay together for longest; where nothing is packed few channels do, as each
 * of their tasks would read all of d_y. */
static void tile_weight(const Frame *f, const Target *t, Choice *c)
{
    enum { MOST_ROWS = 128, MOST_COLS = 160, LEAST_ROWS = 8 };
    int64_t taps = ir_frame_taps(f), rows = f->rows, channels = f->channels;
    int64_t cut = ir_frame_weight_in_lines(f) ? LEAST_ROWS : 32;
    if (rows > MOST_ROWS) rows = ceil_div(rows, ceil_div(rows, MOST_ROWS));
    while (channels > 1 && channels * taps > MOST_COLS) channels = ceil_div(channels, 2);
    for (;;) {
        int64_t tasks = ceil_div(f->rows, rows) * ceil_div(f->channels, channels);
        if (tasks >= ENOUGH_TASKS / 2) break;
        if (channels > 8) channels = ceil_div(channels, 2);
        else if (rows > cut) rows = ceil_div(rows, 2);
        else if (channels > 1 && (cut > LEAST_ROWS || tasks < ENOUGH_TASKS / 4))
            channels = ceil_div(channels, 2);
        else break;
    }
    c->tile[0] = rows;
    c->tile[1] = channels * taps;
    c->micro[0] = c->micro[1] = t->accumulators >= 28 ? 5 : t->accumulators >= 20 ? 4 : 3;
    if (ir_frame_long_taps(f)) {
        c->micro[1] = 2;
        c->micro[0] = ir_strip(f->rows, rows, t->accumulators / 2);
    }
}

/* Whole blocks of tiles; where that leaves few tasks, the channels of results are divided: each half
 * transforms the source for itself, so that of winograd_fast, whose tiles are fewer, there are more
 * than two tasks only where that is a quarter of a half's multiplications or less. */
static void tile_winograd(const Frame *f, int64_t images, int64_t lanes, int64_t elem_bytes,
                          const Target *t, Choice *c)
{
    enum { FEW_TASKS = ENOUGH_TASKS / 4, LEAST_ROWS = 64 };
    c->micro[1] = 2;
    c->micro[0] = ir_strip(f->rows, f->rows, t->accumulators / 2);
    c->tile[0] = f->rows;
    Kernel k = { .algo = c->algo, .tile = { f->rows, 1 }, .micro = { c->micro[0], 2 } };
    Winograd w = ir_winograd(f, &k, lanes, elem_bytes);
    int64_t blocks = ceil_div(images * w.bands, w.block), rows = f->rows;
    int64_t each = ceil_div(blocks, ENOUGH_TASKS);
    for (;;) {
        int64_t tasks = ceil_div(blocks, each) * ceil_div(f->rows, rows);
        bool dear = c->algo == ALGO_winograd_fast && rows < 2 * LEAST_ROWS;
        if (rows <= 4 * c->micro[0] || tasks >= (dear ? 2 : FEW_TASKS)) break;
        rows = round_up(ceil_div(rows, 2), c->micro[0]);
    }
    c->tile[0] = least(rows, f->rows);
    c->tile[1] = each * w.block;
}

/* A task is some lines of all images, whole blocks of tiles of the first piece of the taps; or,
 * where the sums of all points are too many for a cache, a line of points of all images. Rows stay
 * together, as each task transforms the source for its own, unless tasks are too few. */
static void tile_winograd_weight(const Frame *f, int64_t images, int64_t lanes,
                                 int64_t elem_bytes, const Target *t, Choice *c)
{
    enum { TASKS = ENOUGH_TASKS / 2 };
    WinogradPiece piece[IR_MOST_PIECES];
    ir_winograd_pieces(f, c->algo, piece);
    WinogradTile tile = piece->tile;
    c->micro[1] = f->channels > lanes ? 2 : 1;
    Kernel k = { .algo = c->algo, .tile = { f->rows, 1 }, .micro = { 1, c->micro[1] } };
    int64_t turns = ir_winograd_turns(f, &k, elem_bytes), down = 1;
    if (turns > 1) down = least(ceil_div(TASKS, turns), f->rows);
    k.tile[0] = c->tile[0] = ceil_div(f->rows, down);
    c->micro[0] = ir_strip(f->rows, c->tile[0], t->accumulators / c->micro[1]);
    WinogradWeight w = ir_winograd_weight(f, &k, piece, lanes, elem_bytes);
    int64_t blocks = ceil_div(images * w.bands, w.block), sums = ceil_div(TASKS, turns * down);
    c->tile[1] = ceil_div(blocks, sums) * w.block * tile.lines;
}

/* Whole images, or, while tasks are few or frames large, some of one's lines, and then some
 * channels. */
static void tile_lines(const Frame *f, int64_t images, const Target *t, Choice *c)
{
    enum { FEW_LINES = 4 };
    static const double each_flop = 4 * task_flop;
    double flop = 2.0 * (double)ir_frame_depth(f) * (double)(f->rows * f->pixels[1]);  /* a line */
    int64_t lines = f->pixels[0], rows = f->rows, tasks = images;
    while (tasks > ENOUGH_TASKS && flop * (double)lines < each_flop) {
        lines += f->pixels[0];
        tasks = ceil_div(images, lines / f->pixels[0]);
    }
    for (;;) {
        c->tile[0] = rows;
        c->tile[1] = lines;
        Kernel k = { .algo = c->algo, .tile = { rows, lines } };
        TileConv conv = ir_tile_conv(f, &k);
        tasks = ceil_div(images * f->pixels[0], lines) * ceil_div(f->rows, rows);
        bool few = tasks < ENOUGH_TASKS && flop * (double)(lines * rows / f->rows) > 2 * each_flop;
        bool large = ir_tile_bytes(&conv).parts > t->l2_bytes / 2;
        if (large && lines > f->pixels[0]) lines = f->pixels[0];
        else if ((few || large) && lines > FEW_LINES) lines = ceil_div(lines, 2);
        else if (few && rows > 2 * IR_SIDE) rows = round_up(ceil_div(rows, 2), IR_SIDE);
        else break;
    }
}

/* No sum is cut, and all sums stay in the second cache. */
static void tile_lines_weight(const Frame *f, const Target *t, Choice *c)
{
    int64_t taps = ir_frame_taps(f), rows = f->rows, channels = f->channels;
    while (rows * channels * taps * 4 > t->l2_bytes / 4
           || ceil_div(f->rows, rows) * ceil_div(f->channels, channels) < ENOUGH_TASKS / 4) {
        if (channels > IR_SIDE && channels >= rows)
            channels = round_up(ceil_div(channels, 2), IR_SIDE);
        else if (rows > IR_SIDE) rows = round_up(ceil_div(rows, 2), IR_SIDE);
        else break;
    }
    c->tile[0] = rows;
    c->tile[1] = channels * taps;
}

/* What comes into question beside patches; tiles and the predicted time. */
static bool other(const Graph *g, Val root, const Frame *f, const Target *t, Choice *c)
{
    bool weight = f->op == OP_conv_weight;
    int64_t images = ir_dim_at(ir_type(g, f->source)->shape.dim[0], g->module->capacity);
    int64_t elem = ir_dtype_bytes(ir_type(g, root)->dtype), lanes = most(t->vector_bytes / elem, 1);
    images = most(images, 1);
    if (!ir_admits(g->module->math, c->algo)) return false;
    if (ir_is_winograd(c->algo) && ir_winograd_fits(f, c->algo)) {
        if (weight) tile_winograd_weight(f, images, lanes, elem, t, c);
        else tile_winograd(f, images, lanes, elem, t, c);
    } else if (ir_is_tile_conv(c->algo) && t->tile_per_cycle) {
        if (weight) tile_lines_weight(f, t, c);
        else tile_lines(f, images, t, c);
        Kernel k = { .algo = c->algo, .tile = { c->tile[0], c->tile[1] } };
        if (!ir_tile_conv_fits(f, &k)) return false;
    } else {
        return false;
    }
    c->seconds = pass_conv_cost(g, root, t, c);
    return true;
}

/* Winograd's weights and points take many times the bytes of images that are read where they lie: it
 * has to gain a third. (LeNet's second layer, one sample: 337 kB for 6, and 0.8 us more at that.) */
static bool worth_memory(const Candidates *all)
{
    const Choice *plain = &all->choice[0], *c = &all->choice[all->n];
    return plain->algo != ALGO_implicit || c->algo != ALGO_winograd
        || c->seconds * 1.5 < plain->seconds;
}

Candidates pass_convs(const Graph *g, Val root, const PassCtx *ctx)
{
    const Target *t = pass_target(ctx);
    const Node *x = ir_node(g, root);
    Candidates all = { .g = g, .root = root, .choice = { { .algo = ALGO_direct } }, .n = 1 };
    if (t->block_threads) {
        pass_tile_simt_conv(g, root, &all.choice[0]);
        return all;
    }
    if (ctx->as_written || ir_flop(g, root) < least_flop) return all;
    if (ir_grouped_fit(g, root)) {
        all.choice[all.n++].algo = ALGO_grouped;
        for (int i = 0; i < all.n; i++)
            all.choice[i].seconds = pass_conv_cost(g, root, t, &all.choice[i]);
        return all;
    }
    if (!ir_patches_fit(g, root)) return all;
    Frame f = ir_frame(g, root);
    int64_t elem = ir_dtype_bytes(x->type.dtype), lanes = most(t->vector_bytes / elem, 1);
    int64_t images = ir_dim_at(ir_type(g, x->in[0])->shape.dim[0], g->module->capacity);
    bool weight = x->op == OP_conv_weight;
    all.n = 0;
    if (tile_implicit(g, root, &f, most(images, 1), lanes, t, all.choice)) all.n++;
    Choice *c = &all.choice[all.n++];
    *c = (Choice){ .algo = ALGO_patches };
    if (weight) tile_weight(&f, t, c);
    else tile_pixels(&f, most(images, 1), lanes, t, c);
    c->seconds = pass_conv_cost(g, root, t, c);
    for (int a = ALGO_NONE + 1; a < ALGO_COUNT && x->type.dtype == DT_f32; a++) {
        all.choice[all.n] = (Choice){ .algo = (Algo)a };
        if (other(g, root, &f, t, &all.choice[all.n]) && worth_memory(&all)) all.n++;
    }
    return all;
}
