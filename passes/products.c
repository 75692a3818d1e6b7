/* passes/products.c: algorithm, tile and register tile of one product.
 *
 * The module's precision mode says which algorithms may serve (ir/math.def). Tiles follow from
 * shapes at capacity and from the target, never from the number of threads. Our own algorithm is
 * the first candidate: others cost size and start-up time. */
#include "passes/cost.h"

/* Work that is worth a task of its own, and tasks that are enough for any machine. */
static const double task_flop = 2e6;
enum { ENOUGH_TASKS = 16, ROWS_PER_PACK = 128 };

/* ---- tiles ---- */

/* A weight gradient that no cache holds is written (and its optimizer's tensors read and written)
 * row by row: wide tiles, whose sums stay in L2. Where sums are long, narrow tiles hide memory; in
 * panels a narrow tile is all in one piece. */
static void tile_wide(const Problem *p, const Target *t, Choice *c)
{
    enum { COLS = 1024, DEEPEST = 256 };
    int64_t rows = c->micro[0], panel = c->tile[1];
    if (!p->transposed_a || p->k > DEEPEST || p->l <= IR_WIDE_COLS || p->panel) return;
    if (p->m * p->l * p->elem_bytes <= 2 * t->l2_bytes) return;
    int64_t across = ceil_div(p->l, COLS), tall = 128;
    while (tall > 2 * rows && ceil_div(p->m, tall) * across < 2 * ENOUGH_TASKS) tall /= 2;
    c->tile[0] = least(round_up(tall, rows), round_up(p->m, rows));
    c->tile[1] = round_up(ceil_div(p->l, across), panel);
}

/* Rows of A at one place modulo 4096 share a set of the first cache; the columns want some of its
 * ways, too. */
static int64_t rows_in_l1(const Problem *p, const Target *t)
{
    enum { WAY_BYTES = 4096, OTHER_WAYS = 2 };
    int64_t places = ir_places(p->k * p->elem_bytes);
    return p->transposed_a ? p->m : places * most(t->l1_bytes / WAY_BYTES - OTHER_WAYS, 1);
}

/* Strips of at most `high` of m rows, all alike, the last one overlapping the one before: as few as
 * there can be, and up to a quarter lower where fewer rows are summed twice (256: 13, not 14) and
 * latency stays hidden all the same. */
static int64_t strip_rows(int64_t m, int64_t high, int64_t vectors)
{
    int64_t even = ceil_div(m, ceil_div(m, least(high, m))), best = even;
    int64_t low = most((3 * even + 3) / 4, ceil_div(2 * PASS_ACCUMULATORS, vectors));
    for (int64_t rows = even; rows >= low; rows--)
        if (round_up(m, rows) < round_up(m, best)) best = rows;
    return best;
}

/* 14x2 or 28x1 of 28 accumulators, 10x2 or 20x1 of 20, 6x2 or 12x1 of 12. Few rows take more
 * vectors, so that latency stays hidden. */
static void tile_gemm(const Problem *p, const Target *t, Choice *c)
{
    int64_t across = ceil_div(p->l, p->lanes), vectors = across < 2 ? 1 : 2;
    while (vectors < across && p->m * vectors < PASS_ACCUMULATORS && vectors < 8) vectors *= 2;
    if (p->panel) vectors = ceil_div(p->panel, p->lanes);
    int64_t rows = most(t->accumulators / vectors, 1);
    rows = strip_rows(p->m, least(rows, rows_in_l1(p, t)), vectors);
    int64_t cols = vectors * p->lanes, panels = ceil_div(p->l, cols);
    int64_t down = most(least(ceil_div(ENOUGH_TASKS, panels),
                              (int64_t)(pass_flop(p) / task_flop) / panels), 1);
    bool slow_pack = ((p->transposed_b && !p->in_panels) || p->across) && !pass_by_dots(p);
    int64_t tall = most(ceil_div(p->m, down), slow_pack ? ROWS_PER_PACK : 4 * rows);
    int64_t depth = least(p->k, IR_K_BLOCK);
    tall = least(tall, most(t->l2_bytes / 2 / (depth * p->elem_bytes), 4 * rows));
    c->micro[0] = rows;
    c->micro[1] = vectors;
    c->tile[0] = round_up(least(tall, p->m), rows);
    c->tile[1] = cols;
    tile_wide(p, t, c);
}

/* Tiles of a few strips, so that a panel's block is some pages of memory, and the last tile has a
 * strip, too. It pays where weights come from memory and few samples fill the registers. */
bool pass_tile_back(const Graph *g, Val d_w, const Target *t, Choice *c)
{
    enum { FEWEST = 4, MOST = 8, MOST_VECTORS = 2 };       /* strips of a tile; samples */
    const Type *w = ir_type(g, d_w);
    Problem p = pass_problem(g, d_w, ir_type(g, ir_node(g, d_w)->in[1])->layout, w->layout, t);
    int64_t vectors = ceil_div(p.panel, p.lanes), high = t->accumulators / most(vectors, 1);
    if (ir_stored_bytes(w, 1) <= t->l2_bytes || ceil_div(p.k, p.lanes) > MOST_VECTORS) return false;
    *c = (Choice){ .algo = ALGO_gemm_back, .micro = { high, vectors },
                   .tile = { 0, round_up(p.l, p.panel) } };
    for (; c->micro[0] > high / 2; c->micro[0]--)
        for (int strips = FEWEST; strips <= MOST; strips++) {
            c->tile[0] = strips * c->micro[0];
            int64_t rest = p.m % c->tile[0];
            if (c->tile[0] <= p.m && (!rest || rest >= c->micro[0])) return true;
        }
    return false;
}

/* Squarish tiles in whole steps, halved while there are few of them and each is still worth a
 * call. */
static void tile_square(const Problem *p, int64_t step, Choice *c)
{
    int64_t rows = least(p->m, 256), cols = least(p->l, 512);
    while (ceil_div(p->m, rows) * ceil_div(p->l, cols) < ENOUGH_TASKS
           && 2.0 * (double)(rows * cols) * (double)p->k > 8 * task_flop) {
        if (rows > cols) rows = round_up(ceil_div(rows, 2), step);
        else cols = round_up(ceil_div(cols, 2), step);
        if (rows <= step && cols <= step) break;
    }
    c->tile[0] = rows;
    c->tile[1] = cols;
    c->micro[0] = c->micro[1] = 0;
}

static void tile_blas(const Problem *p, const Target *t, Choice *c)
{
    (void)t;
    tile_square(p, 16, c);
}

static void tile_split(const Problem *p, const Target *t, Choice *c)
{
    (void)t;
    tile_square(p, 32, c);
    for (int i = 0; i < 2; i++) c->tile[i] = round_up(c->tile[i], 32);
}
static void tile_loops(const Problem *p, const Target *t, Choice *c)
{
    (void)t;
    tile_square(p, 1, c);
}

#define tile_bf16x6 tile_split
#define tile_bf16x3 tile_split
#define tile_bf16x1 tile_split

/* ---- on a GPU ---- */

enum { ENOUGH_BLOCKS = 128 };

/* Few results of long sums, both factors contiguous along k. No tile: not such a product. */
static void tile_simt_dots(const Problem *p, const Target *t, Choice *c)
{
    enum { MOST_RESULTS = 4096, LEAST_DEPTH = 128 };
    if (p->transposed_a || !p->transposed_b) return;
    if (p->m * p->l > MOST_RESULTS || p->k < LEAST_DEPTH) return;
    c->tile[0] = 1;
    c->tile[1] = t->block_threads / IR_WARP;
}

/* The largest one that has no more than the results, halved while there are not enough blocks. */
void pass_tile_results(Algo algo, const int64_t size[2], int64_t groups, int64_t elem_bytes,
                       int64_t enough, int64_t sums, int64_t tile[2], int64_t micro[2])
{
    BlockTile b = ir_block_tile(algo);
    int64_t most_results = elem_bytes > 4 ? b.most / 2 : b.most;
    for (int i = 0; i < 2; i++)
        for (micro[i] = 1; micro[i] < most_results && b.side * micro[i] < size[i]; micro[i] *= 2)
            continue;
    while (micro[0] * micro[1] > sums) micro[micro[1] > micro[0]] /= 2;
    while (micro[0] * micro[1] > 1
           && groups * ceil_div(size[0], b.side * micro[0]) * ceil_div(size[1], b.side * micro[1])
              < enough)
        micro[micro[1] > micro[0]] /= 2;
    for (int i = 0; i < 2; i++) tile[i] = b.side * micro[i];
}

static void tile_simt(const Problem *p, const Target *t, Choice *c)
{
    BlockTile b = ir_block_tile(c->algo);
    (void)t;
    pass_tile_results(c->algo, (const int64_t[]){ p->m, p->l }, 1, p->elem_bytes, ENOUGH_BLOCKS,
                      b.most * b.most, c->tile, c->micro);
}

/* Are tensor cores worth their while? Rows, columns and k of a fragment are 16, 8 and up to 16. */
static bool suits_mma(int64_t m, int64_t l, int64_t k, int64_t elem_bytes)
{
    enum { LEAST = 16 };
    return elem_bytes == 4 && m >= LEAST && l >= LEAST && k >= LEAST;
}

static void tile_mma(const Problem *p, const Target *t, Choice *c)
{
    if (suits_mma(p->m, p->l, p->k, p->elem_bytes)) tile_simt(p, t, c);
}

/* Factors in tiles of their own: the wider tile where there are enough. Those of tf32 are no smaller than
 * float32, so that they gain by the wider tile alone. */
static void tile_rounded(const Problem *p, const Target *t, Choice *c)
{
    Choice wider = *c;
    (void)t;
    if (!suits_mma(p->m, p->l, p->k, p->elem_bytes)) return;
    for (int i = 0; i < 2; i++) c->tile[i] = wider.tile[i] = IR_WIDE_LINES;
    wider.tile[1] *= 2;
    c->micro[0] = c->micro[1] = wider.micro[0] = 1;
    wider.micro[1] = 2;
    bool gains = p->l > IR_WIDE_LINES && pass_gpu_seconds(p, &wider) < pass_gpu_seconds(p, c);
    if (gains || c->algo == ALGO_wide_tf32) *c = wider;
}
#define tile_wide_tf32 tile_rounded
#define tile_wide_bf16 tile_rounded
#define tile_mma_tf32 tile_mma
#define tile_mma_bf16 tile_mma

/* Results and k of a convolution's group, as a product. */
typedef struct GroupSize { int64_t rows, cols, depth, groups; } GroupSize;

static GroupSize group_size(const Graph *g, Val root)
{
    const Node *x = ir_node(g, root);
    Kernel one = { .algo = ALGO_simt_conv, .n_member = 1, .member = &root, .tile = { 1, 1 } };
    Tasks t = ir_tasks_of(g, &one, g->module->capacity);
    GroupSize s = { .cols = t.cols,
                    .groups = ir_has(x, AT_groups) ? ir_attr_int(x, AT_groups) : 1 };
    s.rows = t.rows / ir_simt_parts(g, &one) / s.groups;
    s.depth = (int64_t)(ir_flop(g, root) / 2 / (double)(s.rows * s.cols * s.groups));
    return s;
}

void pass_tile_simt_conv(const Graph *g, Val root, Choice *c)
{
    static const Algo algo[] = { ALGO_conv_mma_bf16, ALGO_conv_mma_tf32, ALGO_simt_conv };
    enum { MOST_SUMS = 32 };               /* places of patches want registers, too */
    GroupSize s = group_size(g, root);
    int64_t elem_bytes = ir_dtype_bytes(ir_type(g, root)->dtype);
    bool weight = ir_is(g, root, OP_conv_weight);      /* its sums are cut instead: ir_simt_parts */
    int i = suits_mma(s.rows, s.cols, s.depth, elem_bytes) ? 0 : 2;
    while (!ir_admits(g->module->math, algo[i])) i++;
    c->algo = algo[i];
    pass_tile_results(c->algo, (const int64_t[]){ s.rows, s.cols }, s.groups, elem_bytes,
                      weight ? 1 : ENOUGH_BLOCKS, MOST_SUMS, c->tile, c->micro);
}

/* One product is not two, and no convolution, window, map, row, reduction or move, nor what
 * computes with narrow numbers. */
#define tile_gemm_back NULL
#define tile_simt_conv NULL
#define tile_conv_mma_tf32 NULL
#define tile_conv_mma_bf16 NULL
#define tile_direct NULL
#define tile_patches NULL
#define tile_implicit NULL
#define tile_grouped NULL
#define tile_winograd NULL
#define tile_winograd_fast NULL
#define tile_conv_bf16x6 NULL
#define tile_conv_bf16x3 NULL
#define tile_conv_bf16x1 NULL
#define tile_window NULL
#define tile_map NULL
#define tile_row NULL
#define tile_reduce NULL
#define tile_int8 NULL
#define tile_half NULL
#define tile_move NULL

static void (*const tile[ALGO_COUNT])(const Problem *p, const Target *t, Choice *c) = {
#define ALGO(name, ...) [ALGO_##name] = tile_##name,
#include "ir/algos.def"
#undef ALGO
};

Candidates pass_products(const Graph *g, Val root, Layout b, Layout result, const PassCtx *ctx)
{
    const Target *t = pass_target(ctx);
    Problem p = pass_problem(g, root, b, result, t);
    Candidates all = { .g = g, .root = root, .b = b, .result = result };
    bool plain = b.kind == LAYOUT_plain && result.kind == LAYOUT_plain;
    bool tiles = t->tile_per_cycle && g->module->real == DT_f32;
    for (int a = ALGO_gemm; a < ALGO_COUNT && (plain || a <= ALGO_loops); a++) {
        if (!tile[a] || !ir_serves(t, (Algo)a) || !ir_admits(g->module->math, (Algo)a)) continue;
        if (a == ALGO_blas && ctx->blas == BLAS_NONE) continue;
        if ((a == ALGO_loops) != ctx->as_written) continue;
        if (ir_split_parts((Algo)a) && !tiles) continue;
        Choice c = { .algo = (Algo)a };
        tile[a](&p, t, &c);
        if (t->block_threads) {           /* by the first that suits it, but for large products */
            bool wide = ir_wide_bytes((Algo)a);
            if (!c.tile[0] || (wide && ctx->tier == TIER_BLOCK)) continue;
            if (wide || all.n) c.seconds = pass_gpu_seconds(&p, &c);
            if (all.n) all.choice[1] = all.choice[0];
            all.choice[0] = c;
            all.n++;
            if (wide) continue;
            break;
        }
        c.seconds = pass_cost(&p, t, &c);
        bool only = a == ALGO_blas && ctx->blas == BLAS_OPENBLAS;
        all.choice[only ? 0 : all.n] = c;
        all.n = only ? 1 : all.n + 1;
        if (only) break;
    }
    return all;
}
