/* ir/winograd.c: see the header.
 *
 * An axis with n = m + r - 1 points evaluates polynomials at n - 1 numbers p and takes the leading
 * coefficient for the last one, infinity. With M(x) the product of all x - p, and M_p that of all
 * others: row p of A is 1, p, p^2 …, that of B' the coefficients of M_p, that of G 1, p, p^2 …
 * over M_p(p); the last ones are the last unit, the coefficients of M, and the last unit.
 *
 * The numbers decide how sums err: 0, 5/8 and 3/2 with both signs stay near float32's own error,
 * the usual 1 and 2 do not.
 * Sources: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015; Barabasz et
 * al., Error Analysis and Improving the Accuracy of Winograd Convolution, 2020 (points). */
#include "ir/winograd.h"
#include "ir/tasks.h"
#include <math.h>

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- matrices ---- */

/* The points but for infinity, by their number with it; each follows its negative's negative. */
static const double all_points[IR_MOST_POINTS + 1][IR_MOST_POINTS - 1] = {
    [2] = { 0 },
    [4] = { 0, 1, -1 },
    [6] = { 0, 5. / 8, -5. / 8, 3. / 2, -3. / 2 },
    [7] = { 1. / 3, -1. / 3, 7. / 8, -7. / 8, 5. / 3, -5. / 3 },
    [8] = { 0, 1. / 2, -1. / 2, 1, -1, 7. / 4, -7. / 4 },
    [9] = { 1. / 4, -1. / 4, 2. / 3, -2. / 3, 9. / 8, -9. / 8, 9. / 4, -9. / 4 },
    [10] = { 0, 3. / 8, -3. / 8, 7. / 8, -7. / 8, 5. / 4, -5. / 4, 9. / 4, -9. / 4 },
};

/* Coefficients of the product of x - p over all points but `without`. */
static void coefficients(const double *p, int n, int without, double c[IR_MOST_POINTS])
{
    int degree = 0;
    c[0] = 1;
    for (int i = 0; i < n; i++) {
        if (i == without) continue;
        c[degree + 1] = c[degree];
        for (int k = degree; k > 0; k--) c[k] = c[k - 1] - p[i] * c[k];
        c[0] *= -p[i];
        degree++;
    }
}

WinogradMatrix ir_winograd_matrix(WinogradSide side, int64_t results, int64_t taps)
{
    int n = (int)(results + taps - 1);
    const double *p = all_points[n];
    WinogradMatrix m = { .points = n,
                         .values = side == IR_OF_SOURCE ? n : (int)(side == IR_OF_TAPS ? taps
                                                                                       : results) };
    if (side == IR_OF_SOURCE) {
        for (int i = 0; i < n; i++) coefficients(p, n - 1, i, m.at[i]);
        return m;
    }
    for (int i = 0; i < n - 1; i++) {
        double power = 1, over = 1;
        for (int j = 0; j < n - 1 && side == IR_OF_TAPS; j++)
            if (j != i) over *= p[i] - p[j];
        for (int k = 0; k < m.values; k++, power *= p[i]) m.at[i][k] = power / over;
    }
    m.at[n - 1][m.values - 1] = 1;
    return m;
}

/* ---- cuts ---- */

bool ir_is_winograd(Algo algo) { return algo == ALGO_winograd || algo == ALGO_winograd_fast; }

/* Of a few numbers of panels whose source stays in the second cache, or of two where none does, the
 * one whose lanes are used best; at least as many as a band needs. */
static void choose_panels(Winograd *w, int64_t panel_bytes)
{
    enum { KEPT_BYTES = 3 << 17, MOST_PANELS = 4, FEW_PANELS = 2 };
    int64_t least = ceil_div(w->across, w->lanes), more = KEPT_BYTES / panel_bytes;
    double best = 0;
    if (more > MOST_PANELS) more = MOST_PANELS;
    more = most(more, most(least, FEW_PANELS));
    for (int64_t panels = least; panels <= more; panels++) {
        int64_t block = panels * w->lanes / w->across;
        double used = (double)(block * w->across) / (double)(panels * w->lanes);
        if (used <= best) continue;
        best = used;
        w->panels = panels;
        w->block = block;
    }
}

/* Tiles, and how many of them. */
static void tiles(Winograd *w, const Frame *f, WinogradTile t)
{
    w->tile[0] = t.lines;
    w->tile[1] = t.columns;
    for (int i = 0; i < 2; i++) w->size[i] = w->tile[i] + f->taps[i] - 1;
    w->points = w->size[0] * w->size[1];
    w->bands = ceil_div(f->pixels[0], w->tile[0]);
    w->across = ceil_div(most(f->pixels[1], f->places[1]), w->tile[1]);
}

enum { WIDEST_LANES = 16, ELEM_BYTES = 4 };      /* float32s of a vector */

/* Multiplications of a row and a channel, of all tiles of an image, in panels of the widest vectors. */
static double products(const Frame *f, WinogradTile t)
{
    Winograd w = { .lanes = 2 * WIDEST_LANES };
    tiles(&w, f, t);
    if (f->op == OP_conv_weight)
        return (double)(w.points * w.bands * ceil_div(f->pixels[1], t.columns));
    choose_panels(&w, w.points * f->channels * w.lanes * ELEM_BYTES);
    return (double)(w.points * w.bands * w.panels * w.lanes) / (double)w.block;
}

/* What winograd_fast's tiles take, in multiplications: those of all images, since tiles are so large
 * that panels are not filled where images are few, in panels of half of the widest vectors, as winograd
 * is there for whoever has wider ones; an element of the source at a point, and one of results, the
 * more the more points an axis has: of F(4x4,3x3) as passes/cost.c has them, twice where columns are no
 * power of 2, as these are read and written one by one (F(5x5,5x5) of 27x27 pixels, with 0.87 of the
 * multiplications, took as long as F(4x4,5x5)), the source by both halves of the rows where there is
 * but one block; and each weight, which comes from far and is there once, for however few images. */
static double work(const Frame *f, WinogradTile t)
{
    static const double source = 16. / 12, result = 8. / 12, weight = 8;
    Winograd w = { .lanes = WIDEST_LANES };
    tiles(&w, f, t);
    choose_panels(&w, w.points * f->channels * w.lanes * ELEM_BYTES);
    int64_t bands = f->images * w.bands, rest = bands % w.block * w.across;
    double panels = (double)(bands / w.block * w.panels + ceil_div(rest, w.lanes));
    double rows = (double)f->rows, channels = (double)f->channels;
    double read = source * channels * (bands > w.block ? 1 : 2), written = result * rows;
    double moved = (read + written) * (double)(w.size[0] + w.size[1]);
    if (t.columns & (t.columns - 1)) moved *= 2;
    return (double)w.points * (panels * (double)w.lanes * (rows * channels + moved)
                               + weight * rows * channels);
}

typedef enum { CONV, WEIGHT } Of;
enum { ANY = 1 << 30 };
typedef struct Row { Algo algo; Of of; int64_t taps[2], least, most; WinogradTile tile; } Row;
static const Row rows[] = {
#define WINOGRAD(algo, of, taps_y, taps_x, least, most, lines, columns) \
    { ALGO_##algo, of, { taps_y, taps_x }, least, most, { lines, columns } },
#include "ir/winograd.def"
#undef WINOGRAD
};

static WinogradTile best_tile(const Frame *f, Algo algo)
{
    enum { MOST_ACROSS = 128 };
    WinogradTile best = { 0 };
    double fewest = HUGE_VAL;
    bool weight = f->op == OP_conv_weight;
    int64_t terms = weight ? ir_frame_pixels(f) : f->channels;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Row *r = &rows[i];
        int64_t across = ceil_div(most(f->pixels[1], f->places[1]), r->tile.columns);
        if (r->algo != algo || r->of != (weight ? WEIGHT : CONV) || r->taps[0] != f->taps[0]
            || r->taps[1] != f->taps[1] || across > MOST_ACROSS
            || r->least > terms || r->most < terms) continue;
        bool fast = algo == ALGO_winograd_fast && !weight;
        double own = fast ? work(f, r->tile) : products(f, r->tile);
        if (own >= fewest) continue;
        fewest = own;
        best = r->tile;
    }
    return best;
}

static bool side_by_side(const Frame *f)
{
    for (int i = 0; i < 2; i++)
        if (f->stride[i] != 1 || f->dilation[i] != 1 || f->spread[i] != 1 || f->low[i] < 0
            || f->low[i] >= f->taps[i]) return false;
    return true;
}

WinogradTile ir_winograd_tile(const Frame *f, Algo algo)
{
    return side_by_side(f) ? best_tile(f, algo) : (WinogradTile){ 0 };
}

/* Taps from first[0] and first[1] on, so many. */
static WinogradPiece piece_of(const Frame *f, Algo algo, const int64_t first[2],
                              const int64_t taps[2])
{
    WinogradPiece p = { .frame = *f };
    for (int i = 0; i < 2; i++) {
        p.first[i] = first[i];
        p.frame.taps[i] = taps[i];
        p.frame.low[i] = f->low[i] - first[i];
    }
    p.tile = best_tile(&p.frame, algo);
    return p;
}

int ir_winograd_pieces(const Frame *f, Algo algo, WinogradPiece piece[IR_MOST_PIECES])
{
    enum { MOST_TAPS = 3 };
    const int64_t none[2] = { 0, 0 };
    if (f->op != OP_conv_weight || !side_by_side(f)) return 0;
    piece[0] = piece_of(f, algo, none, f->taps);
    if (piece[0].tile.lines) return 1;
    int64_t cuts[2] = { ceil_div(f->taps[0], MOST_TAPS), ceil_div(f->taps[1], MOST_TAPS) };
    if (cuts[0] * cuts[1] > IR_MOST_PIECES) return 0;
    int n = 0;
    for (int64_t i = 0; i < cuts[0]; i++)
        for (int64_t j = 0; j < cuts[1]; j++) {
            const int64_t at[2] = { i, j };
            int64_t first[2], taps[2];
            for (int a = 0; a < 2; a++) {
                first[a] = ceil_div(f->taps[a] * at[a], cuts[a]);
                taps[a] = ceil_div(f->taps[a] * (at[a] + 1), cuts[a]) - first[a];
            }
            piece[n] = piece_of(f, algo, first, taps);
            if (!piece[n++].tile.lines) return 0;
        }
    return n;
}

bool ir_winograd_fits(const Frame *f, Algo algo)
{
    WinogradPiece piece[IR_MOST_PIECES];
    return f->op == OP_conv_weight ? ir_winograd_pieces(f, algo, piece) > 0
                                   : ir_winograd_tile(f, algo).lines > 0;
}

Winograd ir_winograd(const Frame *f, const Kernel *k, int64_t vector, int64_t elem_bytes)
{
    enum { LINE_BYTES = 64, KEPT_BYTES = 3 << 17, FEW_CHANNELS = 4 };
    Winograd w = { .few = f->channels <= FEW_CHANNELS,
                   .vector = vector, .lanes = k->micro[1] * vector,
                   .channels = round_up(f->channels, vector) };
    tiles(&w, f, ir_winograd_tile(f, k->algo));
    choose_panels(&w, w.points * f->channels * w.lanes * elem_bytes);
    int64_t height = ir_strip(f->rows, k->tile[0], k->micro[0]), pad = LINE_BYTES / elem_bytes;
    int64_t row_bytes = w.points * w.panels * w.lanes * elem_bytes;
    int64_t groups = ceil_div(k->tile[0] * row_bytes, KEPT_BYTES);
    w.group = round_up(ceil_div(k->tile[0], groups), height);
    w.line = w.tile[1] * w.panels * w.lanes + 2 * IR_LINE_EDGE;
    w.source_step = w.panels * f->channels * w.lanes + pad;
    w.result_step = w.panels * w.group * w.lanes + pad;
    w.weight_step = f->rows * w.channels + pad;
    return w;
}

WinogradBytes ir_winograd_bytes(const Frame *f, const Winograd *w, int64_t elem_bytes)
{
    int64_t lines = IR_TOGETHER * w->size[0] * w->line;
    int64_t taps = ir_frame_taps(f) * w->channels;
    return (WinogradBytes){
        .source = ir_round64(w->points * w->source_step * elem_bytes),
        .products = w->few ? 0 : ir_round64((w->points * w->result_step + w->group * w->lanes)
                                            * elem_bytes),
        .lines = ir_round64((lines > taps ? lines : taps) * elem_bytes),
        .shared = ir_round64(w->points * w->weight_step * elem_bytes) };
}

static int64_t points_of(const WinogradPiece *p)
{
    return (p->tile.lines + p->frame.taps[0] - 1) * (p->tile.columns + p->frame.taps[1] - 1);
}

enum { SUMS_BYTES = 3 << 18 };                   /* stay in the second cache */

/* Panels of the widest vectors, so that tasks do not depend on a target. */
static bool points_cut(const Frame *f, const Kernel *k, int64_t elem_bytes)
{
    enum { WIDEST_BYTES = 64 };
    int64_t lanes = k->micro[1] * WIDEST_BYTES / elem_bytes, points = 1;
    WinogradPiece piece[IR_MOST_PIECES];
    for (int i = ir_winograd_pieces(f, k->algo, piece); i-- > 0;)
        points = most(points, points_of(&piece[i]));
    return points * f->rows * round_up(f->channels, lanes) * elem_bytes > SUMS_BYTES;
}

int64_t ir_winograd_turns(const Frame *f, const Kernel *k, int64_t elem_bytes)
{
    WinogradPiece piece[IR_MOST_PIECES];
    int64_t turns = 0;
    if (!points_cut(f, k, elem_bytes)) return 1;
    for (int i = ir_winograd_pieces(f, k->algo, piece); i-- > 0;)
        turns += piece[i].tile.lines + piece[i].frame.taps[0] - 1;
    return turns;
}

WinogradWeight ir_winograd_weight(const Frame *f, const Kernel *k, const WinogradPiece *p,
                                  int64_t vector, int64_t elem_bytes)
{
    enum { MOST_TILES = 128, LINE_BYTES = 64, FINISH_TASKS = 8 };
    WinogradWeight w = { .vector = vector, .lanes = k->micro[1] * vector,
                         .points = points_of(p), .cut = points_cut(f, k, elem_bytes),
                         .finish_rows = ceil_div(f->rows, FINISH_TASKS) };
    w.tile[0] = p->tile.lines;
    w.tile[1] = p->tile.columns;
    for (int i = 0; i < 2; i++) w.size[i] = w.tile[i] + p->frame.taps[i] - 1;
    w.point_lines = w.cut ? 1 : w.size[0];
    w.bands = ceil_div(f->pixels[0], w.tile[0]);
    w.across = ceil_div(f->pixels[1], w.tile[1]);
    w.panels = ceil_div(f->channels, w.lanes);
    int64_t channels = w.panels * w.lanes, pad = LINE_BYTES / elem_bytes;
    int64_t together = w.cut ? 1 : w.points;     /* points that are in a cache at a time */
    int64_t tiles = SUMS_BYTES / (together * (channels + k->tile[0]) * elem_bytes);
    w.block = most((tiles < MOST_TILES ? tiles : MOST_TILES) / w.across, 1);
    w.tiles = w.block * w.across;
    w.columns = most(w.tile[1] * (w.across - 1) + w.size[1], p->frame.low[1] + f->places[1]);
    w.source_step = channels * w.tiles + pad;
    w.slope_step = k->tile[0] * w.tiles + pad;
    w.sum_step = f->rows * channels + pad;
    w.sum_elems = w.points * w.sum_step;
    return w;
}

WeightBytes ir_winograd_weight_bytes(const Frame *f, const WinogradWeight *w,
                                     int64_t elem_bytes)
{
    enum { VECTOR_BYTES = 64 };
    int64_t channels = w->panels * w->lanes, points = w->point_lines * w->size[1];
    int64_t lines = w->point_lines * w->tile[1] * w->tiles;
    if (w->cut) lines = most(lines, f->channels * f->places[1]);
    return (WeightBytes){
        .frame = ir_round64(w->point_lines * w->columns * channels * elem_bytes),
        .source = ir_round64(points * w->source_step * elem_bytes),
        .slopes = ir_round64(points * w->slope_step * elem_bytes) + VECTOR_BYTES,
        .lines = ir_round64(lines * elem_bytes) + VECTOR_BYTES };
}
