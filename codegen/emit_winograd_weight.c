/* codegen/emit_winograd_weight.c: conv_weight by Winograd's algorithm (ir/winograd.h).
 *
 *     d_w = G' (sum over tiles of (B' x B) * (A d_y A')) G          * is element by element
 *
 * At each point that is a product of matrices [rows][tiles] and [tiles][channels] by the register
 * tile of products: lanes are channels of x, so x is turned round, band by band, to
 * [line][column][channel]; d_y's tiles lie side by side. A task adds up the products of its lines
 * of d_y and rows: of all points in its own memory, for a piece of the taps after the other; or,
 * where a cache does not hold these sums, of one line of points, which takes one line of B' x and
 * of A d_y for each band. When all are through, tasks over rows of results add these sums up in the
 * order of lines and transform them back. */
#include "codegen/winograd.h"

static const char source_text[] =
    "/* parts[$points]$in_panels[..][$lanes] = $what of the $across tiles of a band, from its\n"
    " * lines frame$frame_lines[$columns][$channels]; points are $source_step apart. */\n"
    "ONCE void winograd_source_$id(const $R *restrict frame, $R *restrict parts)\n"
    "{\n"
    "    for (int64_t tile = 0; tile < $across; tile++)\n"
    "        for (int64_t c = 0; c < $channels; c += $vector) {\n"
    "            const $R *const from = frame + $tile_x * tile * $channels + c;\n"
    "            $R *const to\n"
    "                = parts + (c / $lanes * $tiles + tile) * $lanes + c % $lanes;\n"
    "$at_lines"
    "$at_columns"
    "        }\n"
    "}\n";

/* Where points are cut: what source_text takes, before it is turned round. */
static const char line_text[] =
    "/* lines[$x_channels][$x_w] = line y of B' x, of the lines from `top` on of an image\n"
    " * x[$x_channels][$x_h][$x_w]. */\n"
    "ONCE void winograd_line_$id(const $R *restrict x, int64_t top, int64_t y, $R *restrict lines)\n"
    "{\n"
    "    static const $R none[$x_w] = { 0 };\n"
    "    const $R *line[$size_y];\n"
    "    int64_t step[$size_y];\n"
    "    for (int64_t i = 0; i < $size_y; i++) {\n"
    "        const bool inside = top + i >= 0 && top + i < $x_h;\n"
    "        line[i] = inside ? x + (top + i) * $x_w : none;\n"
    "        step[i] = inside ? $x_h * $x_w : 0;\n"
    "    }\n"
    "    for (int64_t c = 0; c < $x_channels; c++) {\n"
    "$names"
    "        $R *restrict const to = lines + c * $x_w;\n"
    "$at_lines"
    "    }\n"
    "}\n";

static const char slopes_text[] =
    "/* parts[$points][..][$tiles] = $what of a row y of images [$h][$w], of `bands` lines of\n"
    " * tiles from the one `band` on; points are $slope_step apart. lines$frame_lines[$line]: what\n"
    " * is between the two. */\n"
    "ONCE void winograd_slopes_$id(const $R *restrict d_y, $bands_from,\n"
    "    $R *restrict lines, $R *restrict parts)\n"
    "{\n"
    "    static const $R none[$w] = { 0 };\n"
    "    for (int64_t b = 0; b < bands; b++) {\n"
    "        const int64_t image = (band + b) / $bands, top = (band + b) % $bands * $tile_y;\n"
    "        const $R *line[$tile_y];\n"
    "        for (int i = 0; i < $tile_y; i++)\n"
    "            line[i] = top + i < $h ? d_y + (image * $rows * $h + top + i) * $w : none;\n"
    "$names"
    "        $R *restrict const to = lines + b * $across_x;\n"
    "$at_lines"
    "$rest"
    "    }\n"
    "    for (int i = 0; i < $lines_y; i++) {\n"
    "        const $R *restrict const from = lines + i * $line;\n"
    "        $R *restrict const to = parts + $size_x * i * $slope_step;\n"
    "        for (int t = 0; t < $tiles; t++) {\n"
    "$at_columns"
    "        }\n"
    "    }\n"
    "}\n";

static const char back_text[] =
    "/* taps[$taps_y][$taps_x][lanes] = G' x G of parts[$points][lanes]; lines of taps are $pitch\n"
    " * apart. */\n"
    "ONCE void winograd_back_$id(int lanes, const $R *restrict parts, $R *restrict taps)\n"
    "{\n"
    "    for (int t = 0; t < lanes; t++) {\n"
    "        $R part[$taps_y][$size_x];\n"
    "        for (int j = 0; j < $size_x; j++) {\n"
    "            const $R *const x = parts + j * lanes + t;\n"
    "$at_lines"
    "        }\n"
    "        for (int i = 0; i < $taps_y; i++) {\n"
    "            $R *const to = taps + i * $pitch * lanes + t;\n"
    "$at_columns"
    "        }\n"
    "    }\n"
    "}\n";

typedef struct Weight {
    Kern *k;
    Emit *e;
    Out *o;
    int n_piece;
    WinogradPiece piece[IR_MOST_PIECES];
    WinogradWeight sums[IR_MOST_PIECES];   /* how each piece's sums are taken */
    int64_t sum_elems;                     /* of all pieces, of the same lines */
    int64_t taps_x;                        /* of all pieces */
    Frame f;                               /* the piece at hand */
    WinogradWeight w;
    int64_t elem, channels, turns;         /* channels: in whole panels */
    int64_t tile_rows;
    const char *row0, *rows, *chunk;       /* of the task: expressions or numbers */
} Weight;

/* Of d_y, of all images. */
static Extent all_lines(const Weight *w)
{
    return extent_mul(extent_of(&ir_type(w->k->g, w->f.source)->shape, 0, 1),
                      extent(w->f.pixels[0], 0));
}

/* Adds the function that the template makes for these shapes, named by what it depends on. */
static const char *add_function(Weight *w, const char *template, const char *name, const char *id,
                                const Hole *piece, int n_piece)
{
    const Frame *f = &w->f;
    const WinogradWeight *g = &w->w;
    const Number number[] = {
        { "h", f->pixels[0] }, { "w", f->pixels[1] }, { "rows", f->rows },
        { "x_channels", f->channels }, { "x_h", f->places[0] }, { "x_w", f->places[1] },
        { "channels", w->channels }, { "bands", g->bands }, { "across", g->across },
        { "lanes", g->lanes }, { "tiles", g->tiles }, { "columns", g->columns },
        { "across_x", g->tile[1] * g->across }, { "line", g->tile[1] * g->tiles },
        { "pitch", w->taps_x }, { "source_step", g->source_step }, { "slope_step", g->slope_step },
        { "vector", g->vector }, { "points", g->point_lines * g->size[1] },
        { "lines_y", g->point_lines }, { "tile_y", g->tile[0] }, { "tile_x", g->tile[1] },
        { "size_y", g->size[0] }, { "size_x", g->size[1] }, { "taps_y", f->taps[0] },
        { "taps_x", f->taps[1] } };
    const Shaped shaped = { template, name,
                            text(w->e, "%s%s", winograd_id(w->k, g->tile, f), id), number,
                            (int)(sizeof number / sizeof *number), piece, n_piece };
    return shaped_function(w->k, &shaped);
}

/* A transform along lines, or along columns. */
static AxisTransform along(const Weight *w, WinogradSide side, int axis, const char *type,
                       const char *in, const char *to, int indent)
{
    return (AxisTransform){ ir_winograd_matrix(side, w->w.tile[axis], w->f.taps[axis]), type, in,
                            to, indent };
}

/* A loop over so many columns that makes points of lines: all or, where these are cut, line y. */
static const char *lines_text(Weight *w, AxisTransform t, int64_t columns)
{
    Emit *e = w->e;
    const char *loop = text(e, "for (int64_t i = 0; i < %lld; i++)", (long long)columns);
    const char *in = text(e, "%*s", t.indent, ""), *all = "";
    t.indent += 4;
    if (!w->w.cut) return text(e, "%s%s {\n%s%s}\n", in, loop, points_text(w->k, &t), in);
    for (int p = 0; p < t.matrix.points; p++) {
        const char *label = p + 1 < t.matrix.points ? text(e, "case %d", p) : "default";
        all = text(e, "%s%s%s:\n%s    %s\n%s        to[i] = %s;\n%s    break;\n", all, in, label, in,
                   loop, in, point_text(w->k, &t, p), in);
    }
    return text(e, "%sswitch (y) {\n%s%s}\n", in, all, in);
}

/* Names for the elements of `line`, moved by step[] for each channel. */
static const char *name_lines(Weight *w, char name, int64_t n, bool steps)
{
    const char *all = "";
    for (int i = 0; i < n; i++)
        all = text(w->e, "%s        const %s *restrict const %c%d = line[%d]%s;\n", all,
                   real_type(w->k), name, i, i, steps ? text(w->e, " + c * step[%d]", i) : "");
    return all;
}

/* What functions have in their names besides the shape. */
static const char *cut_name(const Weight *w) { return w->w.cut ? "_cut" : ""; }

static const char *line_function(Weight *w)
{
    const Frame *f = &w->f;
    AxisTransform lines = along(w, IR_OF_SOURCE, 0, real_type(w->k), "x#[i]", "to[i]", 8);
    const Hole piece[] = { { "names", name_lines(w, 'x', w->w.size[0], true) },
                           { "at_lines", lines_text(w, lines, f->places[1]) } };
    return add_function(w, line_text, "winograd_line_",
                        text(w->e, "_%lldx%lldx%lld", (long long)f->channels,
                             (long long)f->places[0], (long long)f->places[1]), piece, 2);
}

static const char *source_function(Weight *w)
{
    Emit *e = w->e;
    long long channels = (long long)w->channels, columns = (long long)w->w.columns;
    long long points = (long long)w->w.size[1], step = (long long)w->w.source_step;
    const char *all_lines = "", *what = "line y of B' x B", *in_lines = "";
    const char *in = text(e, "(*(const vec *)(from + # * %lld))", channels), *in_columns;
    AxisTransform across = along(w, IR_OF_SOURCE, 1, "vec", in,
                                 text(e, "*(vec *)(to + # * %lld)", step), 12);
    if (!w->w.cut) {
        in = text(e, "(*(const vec *)(from + (# * %lld + j) * %lld))", columns, channels);
        AxisTransform lines = along(w, IR_OF_SOURCE, 0, "vec", in, "part[#][j]", 16);
        all_lines = text(e, "            vec part[%lld][%lld];\n"
                            "            for (int64_t j = 0; j < %lld; j++) {\n%s            }\n",
                         (long long)w->w.size[0], points, points, points_text(w->k, &lines));
        across.in = "part[i][#]";
        across.to = text(e, "*(vec *)(to + (i * %lld + #) * %lld)", points, step);
        across.indent = 16;
        what = "B' x B";
        in_lines = text(e, "[%lld]", (long long)w->w.size[0]);
    }
    in_columns = points_text(w->k, &across);
    if (!w->w.cut)
        in_columns = text(e, "            for (int64_t i = 0; i < %lld; i++) {\n%s            }\n",
                          (long long)w->w.size[0], in_columns);
    const Hole piece[] = {
        { "at_lines", all_lines }, { "at_columns", in_columns }, { "what", what },
        { "frame_lines", in_lines },
        { "in_panels", w->w.panels > 1 ? text(e, "[%lld]", (long long)w->w.panels) : "" } };
    return add_function(w, source_text, "winograd_source_",
                        text(e, "%s_%lldx%lldx%lldx%lld", cut_name(w), channels,
                             (long long)w->w.panels, (long long)w->w.across,
                             (long long)w->w.tiles), piece, 5);
}

static const char *slopes_function(Weight *w)
{
    Emit *e = w->e;
    const Frame *f = &w->f;
    const WinogradWeight *g = &w->w;
    const char *real = real_type(w->k), *rest = "";
    long long line = (long long)(g->tile[1] * g->tiles), width = (long long)g->tile[1];
    if (f->pixels[1] < g->tile[1] * g->across)
        rest = text(e, "        for (int i = 0; i < %lld; i++)\n"
                       "            for (int j = %lld; j < %lld; j++)\n"
                       "                to[i * %lld + j] = 0;\n", (long long)g->point_lines,
                    (long long)f->pixels[1], width * (long long)g->across, line);
    AxisTransform lines = along(w, IR_OF_RESULTS, 0, real, "y#[i]",
                                text(e, "to[# * %lld + i]", line), 8);
    AxisTransform across = along(w, IR_OF_RESULTS, 1, real, text(e, "from[%lld * t + #]", width),
                             text(e, "to[# * %lld + t]", (long long)g->slope_step), 12);
    const Hole piece[] = {
        { "at_lines", lines_text(w, lines, f->pixels[1]) },
        { "at_columns", points_text(w->k, &across) },
        { "names", name_lines(w, 'y', g->tile[0], false) }, { "rest", rest },
        { "what", g->cut ? "line y of A d_y A'" : "A d_y A'" },
        { "frame_lines", g->cut ? "" : text(e, "[%lld]", (long long)g->size[0]) },
        { "bands_from", g->cut ? "int64_t y, int64_t band, int64_t bands"
                               : "int64_t band, int64_t bands" } };
    return add_function(w, slopes_text, "winograd_slopes_",
                        text(e, "%s_%lldx%lldx%lld_%lldx%lld", cut_name(w), (long long)f->rows,
                             (long long)f->pixels[0], (long long)f->pixels[1],
                             (long long)w->tile_rows, (long long)g->tiles), piece, 7);
}

static const char *back_function(Weight *w)
{
    Emit *e = w->e;
    const char *real = real_type(w->k);
    AxisTransform lines = along(w, IR_OF_TAPS, 0, real,
                            text(e, "x[# * %lld * lanes]", (long long)w->w.size[1]), "part[#][j]",
                            12);
    AxisTransform across = along(w, IR_OF_TAPS, 1, real, "part[i][#]", "to[# * lanes]", 12);
    const Hole piece[] = { { "at_lines", values_text(w->k, &lines) },
                           { "at_columns", values_text(w->k, &across) } };
    return add_function(w, back_text, "winograd_back_", "", piece, 2);
}

/* The task's rows, line of points, and lines of d_y. */
static void place(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    long long tile = (long long)w->tile_rows, rows = (long long)w->f.rows;
    long long down = (rows + tile - 1) / tile, turns = (long long)w->turns;
    long long lines = (long long)w->k->tasks.tile_cols;
    w->chunk = turns * down > 1 ? text(e, "task / %lld", turns * down) : "task";
    w->row0 = "0";
    w->rows = text(e, "%lld", rows);
    if (turns > 1) {
        const char *at = text(e, "task / %lld %% %lld", down, turns);
        out_line(o, "const int64_t turn = %s;", down > 1 ? at : text(e, "task %% %lld", turns));
    }
    if (down > 1) {
        out_line(o, "const int64_t row0 = task %% %lld * %lld;", down, tile);
        w->row0 = "row0";
        w->rows = text(e, "%lld", tile);
        if (rows % tile) {
            out_line(o, "const int64_t rows = smaller(%lld, %lld - row0);", tile, rows);
            w->rows = "rows";
        }
    }
    out_line(o, "const int64_t first = %s * %lld, last = smaller(first + %lld, %s);", w->chunk,
             lines, lines, extent_text(e, all_lines(w)));
}

/* The first band that begins at this line of all images or behind it. */
static const char *band_from(const Weight *w, const char *line)
{
    long long height = (long long)w->f.pixels[0], tile = (long long)w->w.tile[0];
    if (height % tile == 0) return text(w->e, "(%s + %lld) / %lld", line, tile - 1, tile);
    return text(w->e, "%s / %lld * %lld + (%s %% %lld + %lld) / %lld", line, height,
                (long long)w->w.bands, line, height, tile - 1, tile);
}

/* Parts of the worker's memory, as ir_worker_bytes has them, and the task's sums of the piece. */
static void place_piece(Weight *w, int64_t sums_before)
{
    Emit *e = w->e;
    Out *o = w->o;
    WeightBytes b = ir_winograd_weight_bytes(&w->f, &w->w, w->elem);
    const Piece memory[] = { { "frame", b.frame }, { "source", b.source }, { "slopes", b.slopes },
                             { "lines", b.lines } };
    out_line(o, "const int64_t begin = %s,", band_from(w, "first"));
    out_line(o, "    end = %s;", band_from(w, "last"));
    scratch_pieces(w->k, memory, 4);
    const char *at = text_mul(e, w->chunk, extent(w->sum_elems, 0));
    at = text_shift(e, at, sums_before);
    if (w->w.cut) at = text_add(e, at, text_mul(e, "point_y", extent(w->w.sum_elems / w->w.size[0], 0)));
    out_line(o, "%s *const sums = %s;", real_type(w->k),
             text_add(e, slot_parts(w->k, e->m->real), at));
    out_line(o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
}

/* Lines of the frame from columns that taps read, [columns][channels]; `from`: [channels] such
 * columns, `step` apart. */
static void turn_round(Weight *w, const char *from, int64_t step, const char *to)
{
    const Frame *f = &w->f;
    long long before = f->low[1] < 0 ? (long long)-f->low[1] : 0;
    out_line(w->o, "pack_columns(%lld, %lld, %lld,", (long long)f->places[1] - before,
             (long long)f->channels, (long long)w->channels);
    out_line(w->o, "    %s, %lld, %s);", text_shift(w->e, from, before), (long long)step, to);
}

/* All lines that a band's tiles read. */
static void write_frame(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long columns = (long long)f->places[1], lines = (long long)f->places[0];
    long long before = f->low[1] < 0 ? (long long)-f->low[1] : 0;
    out_open(o, "for (int i = 0; i < %lld; i++)", (long long)w->w.size[0]);
    out_line(o, "const int64_t line = top + i;");
    out_line(o, "%s *const to = frame + %s;", real_type(w->k),
             text_mul(e, text_shift(e, text(e, "i * %lld", (long long)w->w.columns),
                                    f->low[1] > 0 ? f->low[1] : 0), extent(w->channels, 0)));
    out_open(o, "if (line < 0 || line >= %lld)", lines);
    out_line(o, "memset(to, 0, %lld * sizeof *to);", (columns - before) * (long long)w->channels);
    out_close(o, " else {");
    out_deeper(o, 1);
    turn_round(w, text(e, "%s + (image * %lld + line) * %lld", slot_read(w->k, f->source),
                       (long long)f->channels * lines, columns), lines * columns, "to");
    out_close(o, "");
    out_close(o, "");
}

/* The lines of band b, and its tiles. */
static void write_source(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long bands = (long long)w->w.bands;
    reach(e, SNIP_pack_columns);
    out_open(o, "for (int64_t b = 0; b < bands; b++)");
    out_line(o, "const int64_t image = (band + b) / %lld;", bands);
    const char *top = text(e, "(band + b) %% %lld * %lld", bands, (long long)w->w.tile[0]);
    out_line(o, "const int64_t top = %s;", text_shift(e, top, -f->low[0]));
    if (w->w.cut) {
        out_line(o, "%s(%s + image * %lld, top, point_y, lines);", line_function(w),
                 slot_read(w->k, f->source), (long long)(f->channels * f->places[0] * f->places[1]));
        turn_round(w, "lines", f->places[1],
                   f->low[1] > 0 ? text(e, "frame + %lld", (long long)(f->low[1] * w->channels))
                                 : "frame");
    } else {
        write_frame(w);
    }
    out_line(o, "%s(frame, source + b * %lld);", source_function(w),
             (long long)(w->w.across * w->w.lanes));
    out_close(o, "");
}

/* At each point, panel by panel: sums[point][panel][rows][lanes]. */
static void multiply(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long rows = (long long)f->rows, lanes = (long long)w->w.lanes;
    long long panels = (long long)w->w.panels, tiles = (long long)w->w.tiles;
    int64_t height = ir_strip(f->rows, w->tile_rows, w->k->k->micro[0]);
    const char *from = text(e, "source + point * %lld", (long long)w->w.source_step);
    const char *panel = "point";
    out_open(o, "for (int64_t point = 0; point < %lld; point++)",
             (long long)(w->w.point_lines * w->w.size[1]));
    out_open(o, "for (int64_t r = 0; r < %s; r += %lld)", w->rows, (long long)height);
    out_line(o, "const int64_t top = smaller(r, %s - %lld);    /* the last strip overlaps */",
             w->rows, (long long)height);
    if (panels > 1) {
        out_open(o, "for (int64_t panel = 0; panel < %lld; panel++)", panels);
        from = text(e, "%s + panel * %lld", from, tiles * lanes);
        panel = text(e, "(point * %lld + panel)", panels);
    }
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(w->k),
             (long long)height * lanes);
    out_line(o, "%s *const to = sums + %s * %lld + (%s) * %lld;", real_type(w->k), panel,
             rows * lanes, text_add(e, w->row0, "top"), lanes);
    if (w->w.cut) {
        reach(e, SNIP_fetch);
        out_line(o, "fetch(to, %lld);", (long long)height * lanes);
    }
    out_line(o, "%s(bands * %lld, slopes + point * %lld + top * %lld, %lld, 1,",
             micro_tile(e, (int)height, (int)w->k->k->micro[1]), (long long)w->w.across,
             (long long)w->w.slope_step, tiles, tiles);
    out_line(o, "    %s, %lld, strip);", from, lanes);
    out_line(o, "for (int64_t i = (r - top) * %lld; i < %lld; i++)", lanes,
             (long long)height * lanes);
    out_line(o, "    to[i] = band > begin ? to[i] + strip[i] : strip[i];");
    if (panels > 1) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

/* Where no band begins in these lines, sums of none are written. */
static void write_bands(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long block = (long long)w->w.block;
    out_open(o, "for (int64_t band = begin; band == begin || band < end; band += %lld)", block);
    out_line(o, "const int64_t bands = smaller(%lld, end - band);", block);
    write_source(w);
    out_line(o, "for (int64_t r = 0; r < %s; r++)", w->rows);
    out_line(o, "    %s(%s + (%s) * %lld, %sband, bands, lines,", slopes_function(w),
             slot_read(w->k, f->weight), text_add(e, w->row0, "r"),
             (long long)(f->pixels[0] * f->pixels[1]), w->w.cut ? "point_y, " : "");
    out_line(o, "        slopes + r * %lld);", (long long)w->w.tiles);
    multiply(w);
    out_close(o, "");
}

/* A piece's taps of a row: its sums in the order of lines, G' and G. */
static void write_taps(Weight *w, const WinogradPiece *p, int64_t sums_before)
{
    Emit *e = w->e;
    Out *o = w->o;
    const char *real = real_type(w->k), *parts = slot_parts(w->k, e->m->real);
    long long lanes = (long long)w->w.lanes, points = (long long)w->w.points;
    long long panels = (long long)w->w.panels, lines = (long long)w->k->tasks.tile_cols;
    const char *all = extent_text(e, all_lines(w));
    out_line(o, "%s point[%lld][%lld] = { { 0 } };", real, points, lanes);
    out_open(o, "for (int64_t part = 0; part < (%s + %lld) / %lld; part++)", all, lines - 1, lines);
    out_open(o, "for (int64_t p = 0; p < %lld; p++)", points);
    const char *panel = panels > 1 ? text(e, "(p * %lld + c0 / %lld)", panels, lanes) : "p";
    out_line(o, "const %s *const from = %s", real,
             text_shift(e, text(e, "%s + part * %lld", parts, (long long)w->sum_elems),
                        sums_before));
    out_line(o, "    + (%s * %lld + row) * %lld;", panel, (long long)w->f.rows, lanes);
    reach(e, SNIP_ahead);
    out_line(o, "ahead(from + %lld, %lld);    /* two rows on */", 2 * lanes, lanes);
    out_line(o, "for (int64_t i = 0; i < %lld; i++)", lanes);
    out_line(o, "    point[p][i] += from[i];");
    out_close(o, "");
    out_close(o, "");
    out_line(o, "%s(%lld, &point[0][0], &tap[%lld][0]);", back_function(w), lanes,
             (long long)(p->first[0] * w->taps_x + p->first[1]));
}

/* Makes piece i the one at hand. Returns how many sums stand before its own. */
static int64_t take_piece(Weight *w, int i)
{
    int64_t before = 0;
    for (int j = 0; j < i; j++) before += w->sums[j].sum_elems;
    w->f = w->piece[i].frame;
    w->w = w->sums[i];
    if (w->n_piece > 1) {
        const WinogradPiece *p = &w->piece[i];
        long long y = (long long)p->first[0], x = (long long)p->first[1];
        out_line(w->o, "/* taps %lld to %lld, %lld to %lld */", y,
                 y + (long long)p->frame.taps[0] - 1, x, x + (long long)p->frame.taps[1] - 1);
    }
    return before;
}

/* The first stage's block for piece i: each of its lines of points, where these are cut, is the turn
 * of a task. */
static void write_piece(Weight *w, int i)
{
    Emit *e = w->e;
    Out *o = w->o;
    int64_t before = take_piece(w, i), first = 0;
    for (int j = 0; j < i; j++) first += w->sums[j].size[0];
    if (w->w.cut && w->n_piece > 1) {
        const char *least = first ? text(e, "turn >= %lld && ", (long long)first) : "";
        out_open(o, "if (%sturn < %lld)", least, (long long)(first + w->w.size[0]));
    } else if (w->n_piece > 1) {
        out_open(o, "%s", "");
    }
    if (w->w.cut)
        out_line(o, "const int64_t point_y = %s;",
                 text_shift(e, "turn", -first));
    place_piece(w, before);
    write_bands(w);
    if (w->n_piece > 1) out_close(o, "");
}

/* The second stage, with the epilogue. */
static void write_results(Weight *w)
{
    Kern *k = w->k;
    Out *o = w->o;
    Frame f = ir_frame(k->g, k->root);
    const char *real = real_type(k);
    long long rows = (long long)f.rows, lanes = (long long)w->w.lanes;
    long long tile = (long long)w->w.finish_rows, taps = (long long)ir_frame_taps(&f);
    out_line(o, "%s tap[%lld][%lld], line[%lld];", real, taps, lanes, lanes * taps);
    out_open(o, "for (int64_t c0 = 0; c0 < %lld; c0 += %lld)", (long long)f.channels, lanes);
    out_open(o, "for (int64_t row = task * %lld; row < smaller(task * %lld + %lld, %lld); row++)",
             tile, tile, tile, rows);
    for (int i = 0; i < w->n_piece; i++) {
        int64_t before = take_piece(w, i);
        if (w->n_piece > 1) out_open(o, "%s", "");
        write_taps(w, &w->piece[i], before);
        if (w->n_piece > 1) out_close(o, "");
    }
    out_line(o, "for (int64_t j = 0; j < %lld; j++)", taps);
    out_line(o, "    for (int64_t i = 0; i < %lld; i++)", lanes);
    out_line(o, "        line[i * %lld + j] = tap[j][i];", taps);
    out_open(o, "for (int64_t col = c0 * %lld; col < smaller(c0 + %lld, %lld) * %lld; col++)", taps,
             lanes, (long long)f.channels, taps);
    out_line(o, "const %s sum = line[col - c0 * %lld];", real, taps);
    for (uint32_t i = 0; i < k->g->n_node; i++) k->name[i] = NULL;
    k->name[k->root.i] = "sum";
    Nest nest = { 2, { { extent(f.rows, 0), "row" }, { extent(ir_frame_depth(&f), 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

void emit_winograd_weight(Kern *k)
{
    Frame f = ir_frame(k->g, k->root);
    Weight w = { .k = k, .e = k->e, .o = k->out, .elem = ir_dtype_bytes(k->e->m->real),
                 .taps_x = f.taps[1], .tile_rows = k->k->tile[0] };
    w.n_piece = ir_winograd_pieces(&f, k->k->algo, w.piece);
    for (int i = 0; i < w.n_piece; i++) {
        w.sums[i] = ir_winograd_weight(&f, k->k, &w.piece[i],
                                       k->e->o->target->vector_bytes / w.elem, w.elem);
        w.sum_elems += w.sums[i].sum_elems;
    }
    w.f = w.piece[0].frame;
    w.w = w.sums[0];
    w.channels = w.w.panels * w.w.lanes;
    w.turns = ir_winograd_turns(&f, k->k, w.elem);
    k->note = text(k->e, "A task adds up %lld lines of d_y, by tiles of %lldx%lld and %lld lines\n"
                         " * of these at a time, for %lld channels of results%s; then %lld of\n"
                         " * results are one.",
                   (long long)k->tasks.tile_cols, (long long)w.w.tile[0], (long long)w.w.tile[1],
                   (long long)w.w.block, (long long)w.tile_rows,
                   w.w.cut ? " and a line of points" : "", (long long)w.w.finish_rows);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    place(&w);
    for (int i = 0; i < w.n_piece; i++) write_piece(&w, i);
    Out *first = k->out;
    w.o = k->finish = k->out = out_new(k->e->a);
    out_open(k->out, "%s", "");
    write_results(&w);
    out_close(k->out, "");
    k->out = first;
    k->finish_tasks = (f.rows + w.w.finish_rows - 1) / w.w.finish_rows;
}
