/* codegen/emit_int8.c: kernels of a quantized model (ir/ops.def, ir/int8.h).
 *
 * A tile of sums is computed in registers by micro_int8.c, stored, and finished: a convolution's tile
 * is of neighbouring pixels, whose windows are found where they lie in an image, or in a worker's
 * frame of it with its surroundings. A task is some images, or rows of codes. */
#include "codegen/emit_int8.h"
#include "ir/int8.h"

typedef struct Int8 {
    Kern *k;
    Emit *e;
    Out *o;
    const Node *x;
    Codes c;
    int width;                       /* of the weights' panels */
    int64_t panels, panel_bytes;
    int64_t fours, rest;             /* of a run */
    const char *w, *start, *factor;
} Int8;

static long long ll(int64_t x) { return (long long)x; }
static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static const char *code(const Int8 *t, double x)
{
    return dialect_literal(t->e->l, DT_f32, x, t->e->a);
}

/* ---- sums ---- */

/* A tile that fills the accumulators; of so many rows as few tiles, of equal height. */
static CodeTile tile_of(const Int8 *t, int64_t rows)
{
    const Target *target = t->e->o->target;
    int64_t lanes = at_most(t->width, target->vector_bytes / 4), each = t->width / lanes;
    int64_t sums = target->accumulators - 4, panels = at_most(rows == 1 ? 4 : 2, t->panels);
    while (panels > 1 && panels * each > sums / 2) panels--;
    int64_t most = panels * each < sums ? sums / (panels * each) : 1;
    int64_t tiles = ceil_div(rows, at_most(rows, most));
    return (CodeTile){ (int)ceil_div(rows, tiles), (int)panels, t->width, (int)lanes };
}

/* The sums of the tile's rows with so many panels from `panel` on, and what becomes of them. Rows
 * begin at `a`, steps are in codes; the results' first are at `to`, in results' rows. */
typedef struct Rows { const char *a, *to; int64_t row_step, run_step; } Rows;

static void write_panels(const Int8 *t, CodeTile tile, const Rows *r, const char *panel)
{
    Emit *e = t->e;
    Out *o = t->o;
    Place p[4];
    int lanes = tile.panels * tile.width;
    bool whole = t->c.results % lanes == 0;
    const char *n = text(e, "%d", lanes);
    const char *col = text_mul(e, panel, extent(tile.width, 0));
    if (!whole) n = text(e, "smaller(%d, %s)", lanes, text_add(e, text(e, "%lld", ll(t->c.results)),
                                                            text(e, "-%s", text_atom(e, col))));
    out_line(o, "%s(%lld, %lld, %lld, %s, %lld, %lld, %s + %s, %lld, sums);", micro_codes(e, &tile),
             ll(t->c.runs), ll(t->fours), ll(t->rest), r->a, ll(r->row_step), ll(r->run_step), t->w,
             text_mul(e, panel, extent(t->panel_bytes, 0)), ll(t->panel_bytes));
    out_open(o, "for (int64_t i = 0; i < %d; i++)", tile.rows);
    for (int i = 0, m = stores_of(t->k, t->k->root, p); i < m; i++) {
        const char *y = slot_write(t->k, p[i], &t->x->type);
        const char *to = text(e, "%s + (%s + i) * %lld + %s", y, r->to, ll(t->c.results), col);
        const char *limits = "", *finish = t->c.coded ? micro_finish(e, tile.lanes) : "finish_reals";
        if (t->c.coded)
            limits = text(e, ", %s, %s, %d", code(t, t->c.low), code(t, t->c.high),
                          (int)t->c.zero_point);
        out_line(o, "%s(sums + i * %d, %s + %s, %s + %s, %s%s,", finish, lanes, t->start, col,
                 t->factor, col, n, limits);
        out_line(o, "    %s);", to);
    }
    out_close(o, "");
}

/* All results of a tile's rows. */
static void write_rows(const Int8 *t, CodeTile tile, const Rows *r)
{
    Out *o = t->o;
    int64_t whole = t->panels / tile.panels * tile.panels;
    if (whole == tile.panels) {
        write_panels(t, tile, r, "0");
    } else {
        out_open(o, "for (int64_t panel = 0; panel < %lld; panel += %d)", ll(whole), tile.panels);
        write_panels(t, tile, r, "panel");
        out_close(o, "");
    }
    tile.panels = 1;
    for (int64_t i = whole; i < t->panels; i++)
        write_panels(t, tile, r, text(t->e, "%lld", ll(i)));
}

static void open_sums(Int8 *t, CodeTile tile)
{
    Kern *k = t->k;
    t->w = slot_read(k, t->x->in[1]);
    t->start = slot_read(k, t->x->in[2]);
    t->factor = slot_read(k, t->x->in[3]);
    if (!t->c.coded) reach(t->e, SNIP_finish_reals);
    reach(t->e, SNIP_smaller);
    out_line(t->o, "uint32_t sums[%d];", tile.rows * tile.panels * tile.width);
}

static void emit_linear_int8(Int8 *t)
{
    Emit *e = t->e;
    Out *o = t->o;
    int64_t depth = t->c.channels, rows = at_most(t->k->tasks.tile_rows, t->k->tasks.rows);
    CodeTile tile = tile_of(t, rows > 1 ? rows : 1);
    open_sums(t, tile);
    const char *a = text(e, "%s + row * %lld", slot_read(t->k, t->x->in[0]), ll(depth));
    const Rows r = { a, "row", depth, 0 };
    out_line(o, "int64_t row = begin;");
    out_open(o, "for (; row + %d <= end; row += %d)", tile.rows, tile.rows);
    write_rows(t, tile, &r);
    out_close(o, "");
    if (tile.rows == 1) return;
    out_open(o, "for (; row < end; row++)");
    tile.rows = 1;
    write_rows(t, tile, &r);
    out_close(o, "");
}

/* Names the image that windows slide over; its rows are returned. */
static int64_t open_image(const Int8 *t)
{
    Emit *e = t->e;
    const WindowAxis *row = &t->c.window.axis[0], *col = &t->c.window.axis[1];
    CodesFrame f = ir_codes_frame(&t->c);
    int64_t bytes = col->places * t->c.channels, step = f.cols * t->c.channels;
    const char *image = text(e, "%s + image * %lld", slot_read(t->k, t->x->in[0]),
                             ll(row->places * bytes));
    if (!f.bytes) {
        out_line(t->o, "const uint8_t *const from = %s;", image);
        return bytes;
    }
    reach(e, SNIP_frame_codes);
    int64_t rows = at_most(row->places, f.rows - row->low), cols = at_most(col->places, f.cols - col->low);
    out_line(t->o, "uint8_t *const from = (uint8_t *)scratch;");
    out_line(t->o, "frame_codes(%s, %lld, %lld, %lld, from, %lld, %lld, %lld, %lld, %d);", image,
             ll(rows > 0 && cols > 0 ? rows : 0), ll(cols > 0 ? cols * t->c.channels : 0), ll(bytes),
             ll(step), ll(f.rows), ll(row->low), ll(col->low * t->c.channels), (int)t->c.padding);
    return step;
}

static void emit_conv_int8(Int8 *t)
{
    Emit *e = t->e;
    Out *o = t->o;
    const WindowAxis *row = &t->c.window.axis[0], *col = &t->c.window.axis[1];
    CodeTile tile = tile_of(t, col->windows);
    open_sums(t, tile);
    out_open(o, "for (int64_t image = begin; image < end; image++)");
    int64_t step = open_image(t);
    out_open(o, "for (int64_t line = 0; line < %lld; line++)", ll(row->windows));
    out_open(o, "for (int64_t j = 0; j < %lld; j += %d)", ll(col->windows), tile.rows);
    out_line(o, "const int64_t at = smaller(j, %lld);",
             ll(col->windows - tile.rows));
    const char *a = text(e, "from + line * %lld + at * %lld", ll(row->stride * step),
                         ll(col->stride * t->c.channels));
    const Rows r = { a, text(e, "(image * %lld + line) * %lld + at", ll(row->windows), ll(col->windows)),
                     col->stride * t->c.channels, row->dilation * step };
    write_rows(t, tile, &r);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* ---- windows ---- */

/* Opens the loop over the taps of a window that are places, whose number is `at`. */
static void open_taps(const Int8 *t, const WindowAxis *a, const char *window, const char *tap,
                      const char *at)
{
    Emit *e = t->e;
    Out *o = t->o;
    const char *begin = text(e, "%s * %lld - %lld", window, ll(a->stride), ll(a->low));
    const char *taps = text(e, "%lld", ll(a->taps));
    if (a->adaptive) {
        begin = text(e, "%s * %lld / %lld", window, ll(a->places), ll(a->windows));
        taps = text(e, "((%s + 1) * %lld + %lld) / %lld - %s", window, ll(a->places),
                    ll(a->windows - 1), ll(a->windows), begin);
    }
    out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", tap, tap, taps, tap);
    out_line(o, "const int64_t %s = %s + %s * %lld;", at, begin, tap, ll(a->dilation));
    if (ir_window_inside(a)) return;
    out_line(o, "if (%s < 0 || %s >= %lld)", at, at, ll(a->places));
    out_line(o, "    continue;");
}

static void emit_pool_max(Int8 *t)
{
    Emit *e = t->e;
    Out *o = t->o;
    Window w;
    char err[IR_ERR];
    Place p[4];
    const Shape *x = &ir_type(t->k->g, t->x->in[0])->shape;
    if (!ir_int8_window(t->x->attr, t->x->n_attr, x, &w, err)) ir_die(e->m, "pool_max: %s", err);
    const WindowAxis *row = &w.axis[0], *col = &w.axis[1];
    const char *channels = text(e, "%lld", ll(x->dim[x->rank - 1].k));
    out_open(o, "for (int64_t image = begin; image < end; image++)");
    out_open(o, "for (int64_t i = 0; i < %lld; i++)", ll(row->windows));
    out_open(o, "for (int64_t j = 0; j < %lld; j++)", ll(col->windows));
    const char *to = text(e, "((image * %lld + i) * %lld + j) * %s", ll(row->windows),
                          ll(col->windows), channels);
    for (int i = 0, m = stores_of(t->k, t->k->root, p); i < m; i++) {
        const char *best = i ? text(e, "best%d", i + 1) : "best";
        out_line(o, "uint8_t *const %s = %s + %s;", best, slot_write(t->k, p[i], &t->x->type), to);
        out_line(o, "memset(%s, 0, %s);", best, channels);
        open_taps(t, row, "i", "a", "at_row");
        open_taps(t, col, "j", "b", "at_col");
        out_line(o, "const uint8_t *const from = %s + ((image * %lld + at_row) * %lld + at_col) * %s;",
                 slot_read(t->k, t->x->in[0]), ll(row->places), ll(col->places), channels);
        out_line(o, "for (int64_t c = 0; c < %s; c++)", channels);
        out_line(o, "    %s[c] = from[c] > %s[c] ? from[c] : %s[c];", best, best, best);
        out_close(o, "");
        out_close(o, "");
    }
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* ---- reals ---- */

static void emit_quantize(Int8 *t)
{
    Emit *e = t->e;
    Place p[4];
    double step = ir_attr(t->x, AT_step)->u.r, zero = ir_attr(t->x, AT_zero_point)->u.r;
    Extent each = t->k->cols;
    reach(e, SNIP_code_of);
    out_open(t->o, "for (int64_t i = %s; i < %s; i++)", text_mul(e, "begin", each),
             text_mul(e, "end", each));
    for (int i = 0, m = stores_of(t->k, t->k->root, p); i < m; i++)
        out_line(t->o, "%s[i] = code_of(%s[i] / %s, %s, %s, %d);",
                 slot_write(t->k, p[i], &t->x->type), slot_read(t->k, t->x->in[0]), code(t, step),
                 code(t, -zero), code(t, 255 - zero), (int)zero);
    out_close(t->o, "");
}

void emit_int8(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    Int8 t = { .k = k, .e = k->e, .o = k->out, .x = x };
    k->note = text(k->e, "A task is %lld row%s.", ll(k->tasks.tile_rows),
                   k->tasks.tile_rows > 1 ? "s" : "");
    task_range(k, k->tasks.tile_rows, k->rows);
    if (x->op == OP_quantize || x->op == OP_pool_max) {
        if (x->op == OP_quantize) emit_quantize(&t);
        else emit_pool_max(&t);
        return;
    }
    const Type *w = ir_type(k->g, x->in[1]);
    t.c = ir_codes(k->g, x);
    t.width = w->layout.width;
    t.panels = ceil_div(t.c.results, t.width);
    t.panel_bytes = ir_stored_bytes(w, 1) / t.panels;
    /* A frame may be read beyond a run; rows of codes end where their memory may end. */
    bool framed = x->op == OP_conv_int8;
    t.fours = framed ? ceil_div(t.c.run, 4) : t.c.run / 4;
    t.rest = framed ? 0 : t.c.run % 4;
    if (framed) emit_conv_int8(&t);
    else emit_linear_int8(&t);
}
