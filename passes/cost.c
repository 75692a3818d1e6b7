/* passes/cost.c: what kernels cost on a target: layout chooses by it, fuse says it.
 *
 * The model, in cycles, for m x l x k on vectors of v lanes and f fused multiply-adds a cycle:
 *   gemm  m l' k / (v f e) + p l' k t + A, where l' is l in whole register tiles, e = 0.85
 *         (less where the register tile has fewer than 8 accumulators to hide latency), p the
 *         cycles to pack one element (0 where the columns lie in panels, or are rows that are
 *         read where they lie), t the tasks that pack the same columns, and A = the first
 *         operand once for each panel at 8 bytes a cycle where it exceeds half of L2, as far as
 *         computing does not hide it; few columns of long sums (ir_narrow) m l (k / (v f e) + 6)
 *   gemm_back  the same twice, once with whole vectors of samples
 *   blas  m l k / (4 0.9 m/(m+32) l/(l+32)) + 2000 t: near the peak of SSE on large products, a
 *         third of it at 16 rows. OpenBLAS is counted with the kernels that it certainly has: on a
 *         CPU that is newer than itself it falls back to those of SSE3 (0.3.21 on a server of 2023:
 *         a fifth of gemm's speed).
 *   bf16  q m l k / (0.8 T) + 1.2 s, all in 32s: q products of parts, T multiply-adds of the matrix
 *         tiles, s elements that are split, each by all tasks that read it. The share of T is that
 *         of a prototype on a Sapphire Rapids; what splitting takes was measured with AVX-512
 *   conv_bf16  the same with places of the frame (ir/tiles.h), those between lines too; and half a
 *         cycle for each element that conv_weight turns round, 3 for one of the weights
 *   patches  m l' k / (0.9 v f) + 3 k l' / v a task's rows: for each vector that is packed of
 *         patches 3 cycles, unless lines of results are whole panels; l' in whole panels.
 *         conv_weight the same with k for l, and vectors that are packed of both operands; long
 *         lines of taps are packed for each pixel
 *   implicit  m p k / (0.9 v f), p in whole vectors of each line, and panels of lines
 *   both  where a pooling follows that the kernel can take, panels have pixels of its lines alone
 *   winograd  at each point a product of m, channels and tiles at the same share, 8 cycles for
 *         each vector of tiles and channel of the source (by each task that reads it), 4 of
 *         results, and half of one for each pair of channels, for its weights, unless they are kept
 *         conv_weight: at each point a product of m, channels and tiles, 3.3 cycles for each vector
 *         of channels and tile, and half of one for each row and tile, a cycle for each element
 *         that is turned round, 4 of a line of points, which is several lines (all by each task that
 *         reads them), 3 for each vector of sums, by block, and 2 by task
 *   direct, loops  its operations at a twentieth of the peak: every sum is loaded and stored for each tap,
 *         and lines are short
 *   grouped  its operations at a quarter of the peak, half of which loads would permit
 *   else  the longer of bytes and operations: what is read and written outside the kernel at 32
 *         bytes a cycle where it fits half of L2, else at 8, and the operations at v a cycle
 *   row   the operations, and for each member that reduces and row 25 cycles and 8 a vector; or
 *         the bytes
 * A product's kernel takes the longer of product and bytes, and the operations of its epilogue.
 * Every kernel takes 100 cycles to start. Seconds are those of 3 GHz. (Measured on a Zen 5 at 4.3
 * GHz, a step of 784-128-10 with 256 samples: 673 us predicted, 471 of them at that clock, 449
 * taken.) */
#include "ir/tiles.h"
#include "ir/winograd.h"
#include "passes/cost.h"
#include <math.h>
#include <stdlib.h>

static const double clock_hz = 3e9, tile_share = 0.8, split_cycles = 1.2;
static const double direct_share = 0.05, grouped_share = 0.25, conv_share = 0.9;
enum { BLAS_CALL_CYCLES = 2000, BYTES_PER_CYCLE = 8, SUM_CYCLES = 6 };
enum { BLAS_SURE_BYTES = 16 };                     /* the vectors that OpenBLAS surely has */

Problem pass_problem(const Graph *g, Val root, Layout b, Layout result, const Target *t)
{
    Product p = ir_product(g, root);
    if ((result.kind == LAYOUT_panel) != p.transposed) p = ir_transposed(p);
    int64_t n = g->module->capacity, bytes = ir_dtype_bytes(ir_type(g, root)->dtype);
    Problem q = { .m = most(ir_dim_at(p.m, n), 1), .l = most(ir_dim_at(p.l, n), 1),
                  .k = most(ir_dim_at(p.k, n), 1), .elem_bytes = bytes,
                  .lanes = most(t->vector_bytes / bytes, 1),
                  .transposed_a = p.ta, .transposed_b = p.tb };
    bool panels = b.kind == LAYOUT_panel && !p.transposed;
    q.in_panels = panels && p.tb;
    q.across = panels && !p.tb;
    if (q.in_panels) q.panel = b.width;
    if (p.transposed) q.panel = result.width;
    return q;
}

double pass_flop(const Problem *p)
{
    return 2.0 * (double)p->m * (double)p->l * (double)p->k;
}

static double peak_per_cycle(const Problem *p, const Target *t)
{
    return (double)p->lanes * t->fma_per_cycle;
}

bool pass_by_dots(const Problem *p)
{
    return p->transposed_b && !p->in_panels && !p->transposed_a
        && ir_narrow(p->l, p->k, p->lanes);
}

static double cost_gemm(const Problem *p, const Target *t, const Choice *c)
{
    double m = (double)p->m, k = (double)p->k, padded = (double)round_up(p->l, c->tile[1]);
    double hidden = (double)least(c->micro[0] * c->micro[1], PASS_ACCUMULATORS) / PASS_ACCUMULATORS;
    double compute = m * padded * k / (peak_per_cycle(p, t) * 0.85 * hidden);
    bool in_place = ir_rows_in_place(ceil_div(c->tile[0], c->micro[0]), p->k, p->l * p->elem_bytes,
                                     c->micro[1] * p->lanes * p->elem_bytes, t);
    double per_element = p->in_panels    ? 0
                       : p->transposed_b ? 1
                       : p->across       ? 0.6
                       : in_place        ? 0
                                         : 0.25;
    double pack = per_element * padded * k * (double)ceil_div(p->m, c->tile[0]);
    if (pass_by_dots(p)) {
        compute = m * (double)p->l * (k / (peak_per_cycle(p, t) * 0.85) + SUM_CYCLES);
        pack = 0;
    }
    double a_bytes = m * k * (double)p->elem_bytes;
    double reread = a_bytes > (double)t->l2_bytes / 2
                  ? a_bytes * padded / (double)c->tile[1] / BYTES_PER_CYCLE : 0;
    return (compute > reread ? compute : reread) + pack;
}

static double cost_blas(const Problem *p, const Target *t, const Choice *c)
{
    double m = (double)p->m, l = (double)p->l;
    double share = 0.9 * m / (m + 32) * l / (l + 32);
    double tasks = (double)(ceil_div(p->m, c->tile[0]) * ceil_div(p->l, c->tile[1]));
    double sure = BLAS_SURE_BYTES / (double)p->elem_bytes, peak = peak_per_cycle(p, t);
    double compute = m * l * (double)p->k / ((peak < sure ? peak : sure) * share);
    return compute + BLAS_CALL_CYCLES * tasks;
}

/* Rows, columns and k in whole tiles; an element is split once for each tile across from it. */
static double cost_tiles(const Problem *p, const Target *t, const Choice *c)
{
    int parts = ir_split_parts(c->algo), products = parts * (parts + 1) / 2;
    double m = (double)round_up(p->m, 32), l = (double)round_up(p->l, 32);
    double k = (double)round_up(p->k, 32);
    double compute = products * m * l * k / (tile_share * t->tile_per_cycle);
    double split = m * k * (double)ceil_div(p->l, c->tile[1])
                 + l * k * (double)ceil_div(p->m, c->tile[0]);
    return compute + split_cycles * split;
}

double pass_cost(const Problem *p, const Target *t, const Choice *c)
{
    double cycles = ir_split_parts(c->algo) ? cost_tiles(p, t, c)
                  : c->algo == ALGO_blas    ? cost_blas(p, t, c)
                  : c->algo == ALGO_loops   ? pass_flop(p) / (2 * peak_per_cycle(p, t) * direct_share)
                                            : cost_gemm(p, t, c);
    return cycles / clock_hz;
}

/* ---- convolutions ---- */

enum { PACK_CYCLES = 3, ADD_CYCLES = 3, TASK_CYCLES = 2, CUT_CYCLES = 4 };
/* Of a point: a vector of tiles and a channel of the source, of results; a pair of channels' taps;
 * conv_weight's vector of channels and a tile; a row and a tile. */
static const double source_cycles = 8, result_cycles = 4, weight_cycles = 0.5;
static const double pixel_cycles = 3.3, slope_cycles = 0.5;

static double vectors(int64_t elems, int64_t lanes) { return (double)ceil_div(elems, lanes); }

/* With taps in lanes: a line of them is copied for each pixel. */
static double lanes_cycles(const Frame *f, double images, int64_t lanes, const Choice *c)
{
    double rows = (double)f->rows, down = (double)ceil_div(f->rows, c->tile[0]);
    double across = (double)ceil_div(ir_frame_depth(f), c->tile[1]);
    double panels = across * vectors(c->tile[1], c->micro[1] * lanes);
    return images * (double)ir_frame_pixels(f)
         * (rows * panels * (double)c->micro[1] / conv_share
            + PACK_CYCLES * down * (double)(f->channels * f->taps[0]));
}

/* Does nobody but this max pooling read the convolution, and nobody else which taps it found? */
static bool pooled_alone(const Graph *g, Val root, Val index)
{
    for (uint32_t v = root.i + 1; v < g->n_node; v++) {
        const Node *x = &g->node[v];
        bool take = x->op == OP_pool_take && ir_val_eq(x->in[0], root)
                 && ir_val_eq(x->in[1], index);
        for (int i = 0; i < x->n_in && v != index.i && !take; i++)
            if (ir_val_eq(x->in[i], root) || ir_val_eq(x->in[i], index)) return false;
    }
    return true;
}

/* Lines of results whose pixels share panels: all, or those of a line of windows where the kernel can
 * take the max pooling that follows. */
static int64_t lines_together(const Graph *g, Val root, const Frame *f, const Choice *c)
{
    Kernel k = { .algo = c->algo, .member = &root, .n_member = 1,
                 .tile = { c->tile[0], c->tile[1] }, .micro = { c->micro[0], c->micro[1] } };
    for (uint32_t v = root.i + 1; v < g->n_node; v++)
        if (g->node[v].op == OP_pool_index && ir_pools(g, &k, (Val){ v })
            && pooled_alone(g, root, (Val){ v }))
            return ir_window(g, &g->node[v]).axis[0].taps;
    return f->pixels[0];
}

static double patches_cycles(const Graph *g, Val root, const Frame *f, double images,
                             int64_t lanes, int64_t elem, const Choice *c)
{
    bool weight = f->op == OP_conv_weight;
    if (weight && ir_frame_long_taps(f)) return lanes_cycles(f, images, lanes, c);
    double depth = (double)ir_frame_depth(f), pixels = vectors(ir_frame_pixels(f), lanes);
    double rows = (double)f->rows, down = (double)ceil_div(f->rows, c->tile[0]);
    double across = weight ? (double)ceil_div(ir_frame_depth(f), c->tile[1]) : 0;
    int64_t together = lines_together(g, root, f, c);
    if (!weight)
        pixels = (double)(ceil_div(f->pixels[0], together) * c->micro[1])
               * vectors(together * f->pixels[1], c->micro[1] * lanes);
    if (ir_frame_weight_in_lines(f) || ir_frame_in_lines(f, c->tile[1], c->micro[1], elem))
        down = 0;                                                            /* nothing is packed */
    return images * pixels
         * (rows * depth / conv_share + PACK_CYCLES * (depth * down + rows * across));
}

static double implicit_cycles(const Frame *f, double images, int64_t lanes, const Choice *c)
{
    double vectors = (double)(ceil_div(f->pixels[1], lanes) * round_up(f->pixels[0], c->micro[1]));
    return images * vectors * (double)(f->rows * ir_frame_depth(f)) / conv_share;
}

static Kernel as_kernel(const Choice *c)
{
    return (Kernel){ .algo = c->algo, .tile = { c->tile[0], c->tile[1] },
                     .micro = { c->micro[0], c->micro[1] } };
}

static double winograd_cycles(const Frame *f, double images, int64_t lanes, int64_t elem,
                              bool kept, const Choice *c)
{
    Kernel k = as_kernel(c);
    Winograd w = ir_winograd(f, &k, lanes, elem);
    double rows = (double)f->rows, channels = (double)f->channels, points = (double)w.points;
    double down = (double)ceil_div(f->rows, c->tile[0]);
    int64_t bands = (int64_t)images * w.bands, rest = bands % w.block * w.across;
    double panels = (double)((bands / w.block * w.panels + ceil_div(rest, w.lanes)) * c->micro[1]);
    double each = rows * channels / conv_share + source_cycles * channels * down
                + result_cycles * rows;
    return points * (panels * each + (kept ? 0 : weight_cycles * rows * (double)w.channels));
}

static double weight_piece_cycles(const Frame *f, const WinogradPiece *p, double images,
                                  int64_t lanes, int64_t elem, const Choice *c)
{
    Kernel k = as_kernel(c);
    WinogradWeight w = ir_winograd_weight(f, &k, p, lanes, elem);
    double rows = (double)f->rows, bands = images * (double)w.bands, points = (double)w.points;
    double down = (double)ceil_div(f->rows, c->tile[0]);
    double channels = (double)(w.panels * c->micro[1]);          /* vectors of them */
    double tiles = bands * (double)w.across, sums = points * rows * channels;
    double turned = (double)w.size[0] * bands * (double)f->places[1] * channels * (double)lanes;
    double tasks = images * (double)f->pixels[0] / (double)c->tile[1] + 1;
    if (w.cut) turned *= CUT_CYCLES;
    return tiles * (sums / conv_share
                    + points * (pixel_cycles * channels * down + slope_cycles * rows))
         + turned * down + sums * (ADD_CYCLES * bands / (double)w.block + TASK_CYCLES * tasks);
}

static double winograd_weight_cycles(const Frame *f, double images, int64_t lanes, int64_t elem,
                                     const Choice *c)
{
    WinogradPiece piece[IR_MOST_PIECES];
    double cycles = 0;
    for (int i = ir_winograd_pieces(f, c->algo, piece); i-- > 0;)
        cycles += weight_piece_cycles(f, &piece[i], images, lanes, elem, c);
    return cycles;
}

/* An element of the source is split by each task that reads it; conv_weight's is turned round. */
static double tiles_cycles(const Frame *f, double images, const Target *t, bool kept,
                           const Choice *c)
{
    static const double turn_cycles = 0.5, gather_cycles = 3;
    Kernel k = as_kernel(c);
    TileConv s = ir_tile_conv(f, &k);
    bool weight = f->op == OP_conv_weight;
    double products = s.parts * (s.parts + 1) / 2, taps = (double)ir_frame_taps(f);
    double down = (double)ceil_div(f->rows, s.rows), rows = (double)round_up(f->rows, IR_SIDE);
    double across = weight ? (double)ceil_div(f->channels, s.channels) : 1;
    double bands = (double)s.bands * (weight ? ceil(images / 2) : images);
    double places = weight ? 2.0 * (double)s.places : (double)s.places;
    double plane = (double)ir_frame_plane(&s.band), channels = across * (double)s.deep;
    double compute = bands * places * rows * taps * channels * products;
    double split = weight ? bands * (places * (double)f->rows * across * split_cycles
                                     + 2 * plane * channels * down * (split_cycles + turn_cycles))
                          : bands * plane * channels * down * split_cycles
                            + (kept ? 0 : rows * taps * channels * gather_cycles);
    return compute / (tile_share * t->tile_per_cycle) + split;
}

double pass_conv_cost(const Graph *g, Val root, const Target *t, const Choice *c)
{
    const Node *x = ir_node(g, root);
    int64_t elem = ir_dtype_bytes(x->type.dtype), lanes = most(t->vector_bytes / elem, 1);
    double images = (double)ir_dim_at(ir_type(g, x->in[0])->shape.dim[0], g->module->capacity);
    double peak = t->fma_per_cycle, cycles;
    if (c->algo == ALGO_direct || c->algo == ALGO_grouped) {
        double share = c->algo == ALGO_direct ? direct_share : grouped_share;
        cycles = ir_flop(g, root) / (2 * (double)lanes * peak * share);
    } else {
        Frame f = ir_frame(g, root);
        bool weight = x->op == OP_conv_weight;
        bool kept = ir_keeps(g) && ir_is(g, ir_view_base(g, x->in[1]), OP_state);
        cycles = ir_is_tile_conv(c->algo)  ? tiles_cycles(&f, images, t, kept, c) * peak
               : c->algo == ALGO_implicit ? implicit_cycles(&f, images, lanes, c)
               : c->algo == ALGO_patches ? patches_cycles(g, root, &f, images, lanes, elem, c)
               : weight                  ? winograd_weight_cycles(&f, images, lanes, elem, c)
                                         : winograd_cycles(&f, images, lanes, elem, kept, c);
        cycles /= peak;
    }
    return cycles / clock_hz;
}

/* ---- whole kernels ---- */

enum { NEAR_BYTES_PER_CYCLE = 32, START_CYCLES = 100, ROW_CYCLES = 25, ROW_VECTOR_CYCLES = 8 };

static double bytes_cycles(double bytes, const Target *t)
{
    return bytes / (bytes <= (double)t->l2_bytes / 2 ? NEAR_BYTES_PER_CYCLE : BYTES_PER_CYCLE);
}

static double product_cycles(const Graph *g, const Kernel *k, Val root, const Target *t)
{
    const Node *x = ir_node(g, root);
    Choice c = { .algo = k->algo };
    for (int i = 0; i < 2; i++) {
        c.tile[i] = most(k->tile[i], 1);
        c.micro[i] = k->micro[i];
    }
    Problem p = pass_problem(g, root, ir_type(g, x->in[1])->layout, x->type.layout, t);
    return pass_cost(&p, t, &c) * clock_hz;
}

/* gemm_back's other product, whose strips are a vector or two wide. */
static double other_cycles(const Graph *g, const Kernel *k, Val root, const Target *t)
{
    Back back;
    if (k->algo != ALGO_gemm_back || !ir_back(g, k->member, k->n_member, &back)) return 0;
    Problem p = pass_problem(g, root, ir_type(g, root)->layout, ir_type(g, root)->layout, t);
    return (double)(p.m * p.l * round_up(p.k, p.lanes)) / (peak_per_cycle(&p, t) * 0.85);
}

/* Members that a row program has a loop for. */
static int reducing(const Graph *g, const Kernel *k)
{
    int n = 0;
    for (int i = 0; i < k->n_member; i++) {
        OpKind kind = ir_op[ir_node(g, k->member[i])->op].kind;
        n += kind == KIND_ROW || kind == KIND_REDUCE;
    }
    return n;
}

static double kernel_seconds(const Graph *g, int i, int64_t bytes, const Target *t)
{
    const Kernel *k = &g->kernel[i];
    Val root = ir_kernel_root(g, k);
    int64_t lanes = most(t->vector_bytes / most(ir_dtype_bytes(ir_type(g, root)->dtype), 1), 1);
    double moving = bytes_cycles((double)bytes, t);
    double computing = ir_kernel_flop(g, i) / (double)lanes, after = 0;
    if (ir_op[ir_node(g, root)->op].kind == KIND_PROD) {
        int products = k->algo == ALGO_gemm_back ? 2 : 1;
        after = computing - products * ir_flop(g, root) / (double)lanes;
        computing = product_cycles(g, k, root, t) + other_cycles(g, k, root, t);
    } else if (ir_algo[k->algo].root == KIND_CONV) {
        Choice c = { .algo = k->algo, .tile = { k->tile[0], k->tile[1] },
                     .micro = { k->micro[0], k->micro[1] } };
        after = computing - ir_flop(g, root) / (double)lanes;
        computing = pass_conv_cost(g, root, t, &c) * clock_hz;
    } else if (k->algo == ALGO_row) {
        Tasks row = ir_tasks(g, i, g->module->capacity);
        int64_t each = ceil_div(row.cols, lanes) * ROW_VECTOR_CYCLES + ROW_CYCLES;
        computing += (double)row.rows * (double)each * (double)reducing(g, k);
    }
    return ((computing > moving ? computing : moving) + after + START_CYCLES) / clock_hz;
}

/* Three digits are more than a prediction is worth, and short text. */
void pass_predict(Graph *g, const Target *t)
{
    Arena *scratch = arena_new();
    const int64_t *bytes = ir_kernels_bytes(g, scratch);
    for (int i = 0; i < g->n_kernel; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.3g", 1e6 * kernel_seconds(g, i, bytes[i], t));
        g->kernel[i].us = strtod(text, NULL);
    }
    arena_free(scratch);
}
