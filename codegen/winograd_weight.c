/* codegen/winograd_weight.c: the transforms of emit_winograd_weight.c as functions. */
#include "codegen/winograd_weight.h"

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
    "ONCE void winograd_line_$id(const $R *restrict x, int64_t top, int64_t y,\n"
    "    $R *restrict lines)\n"
    "{\n"
    "    static const $R none[$x_w] = { 0 };\n"
    "    for (int64_t c = 0; c < $x_channels; c++) {\n"
    "        const $R *line[$size_y];\n"
    "        for (int i = 0; i < $size_y; i++)\n"
    "            line[i] = top + i >= 0 && top + i < $x_h\n"
    "                ? x + (c * $x_h + top + i) * $x_w : none;\n"
    "$names"
    "        $R *restrict const to = lines + c * $x_w;\n"
    "$at_lines"
    "    }\n"
    "}\n";

static const char slopes_text[] =
    "/* parts[$points][..][$tiles] = $what of a row y of images [$h][$w], of `bands` lines of\n"
    " * tiles from the one `band` on; points are $slope_step apart. lines$frame_lines[$line]:\n"
    " * what is between the two. */\n"
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

/* Adds the function that the template makes for these shapes, named by what it depends on. */
static const char *add_function(WeightKern *w, const char *template, const char *name,
                                const char *id, const Hole *piece, int n_piece)
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
static AxisTransform along(const WeightKern *w, WinogradSide side, int axis, const char *type,
                       const char *in, const char *to, int indent)
{
    return (AxisTransform){ ir_winograd_matrix(side, w->w.tile[axis], w->f.taps[axis]), type, in,
                            to, indent };
}

/* A loop over so many columns that makes points of lines: all or, where these are cut, line y. */
static const char *lines_text(WeightKern *w, AxisTransform t, int64_t columns)
{
    Emit *e = w->e;
    const char *loop = text(e, "for (int64_t i = 0; i < %lld; i++)", (long long)columns);
    const char *in = text(e, "%*s", t.indent, ""), *all = "";
    t.indent += 4;
    if (!w->w.cut) return text(e, "%s%s {\n%s%s}\n", in, loop, points_text(w->k, &t), in);
    for (int p = 0; p < t.matrix.points; p++) {
        const char *label = p + 1 < t.matrix.points ? text(e, "case %d", p) : "default";
        all = text(e, "%s%s%s:\n%s    %s\n%s        to[i] = %s;\n%s    break;\n", all, in, label,
                   in, loop, in, point_text(w->k, &t, p), in);
    }
    return text(e, "%sswitch (y) {\n%s%s}\n", in, all, in);
}

/* Names for the elements of `line`. */
static const char *name_lines(WeightKern *w, char name, int64_t n)
{
    const char *all = "";
    for (int i = 0; i < n; i++)
        all = text(w->e, "%s        const %s *restrict const %c%d = line[%d];\n", all,
                   real_type(w->k), name, i, i);
    return all;
}

/* What functions have in their names besides the shape. */
static const char *cut_name(const WeightKern *w) { return w->w.cut ? "_cut" : ""; }

const char *winograd_line_function(WeightKern *w)
{
    const Frame *f = &w->f;
    AxisTransform lines = along(w, IR_OF_SOURCE, 0, real_type(w->k), "x#[i]", "to[i]", 8);
    const Hole piece[] = { { "names", name_lines(w, 'x', w->w.size[0]) },
                           { "at_lines", lines_text(w, lines, f->places[1]) } };
    return add_function(w, line_text, "winograd_line_",
                        text(w->e, "_%lldx%lldx%lld", (long long)f->channels,
                             (long long)f->places[0], (long long)f->places[1]), piece, 2);
}

const char *winograd_source_function(WeightKern *w)
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

const char *winograd_slopes_function(WeightKern *w)
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
        { "names", name_lines(w, 'y', g->tile[0]) }, { "rest", rest },
        { "what", g->cut ? "line y of A d_y A'" : "A d_y A'" },
        { "frame_lines", g->cut ? "" : text(e, "[%lld]", (long long)g->size[0]) },
        { "bands_from", g->cut ? "int64_t y, int64_t band, int64_t bands"
                               : "int64_t band, int64_t bands" } };
    return add_function(w, slopes_text, "winograd_slopes_",
                        text(e, "%s_%lldx%lldx%lld_%lldx%lld", cut_name(w), (long long)f->rows,
                             (long long)f->pixels[0], (long long)f->pixels[1],
                             (long long)w->tile_rows, (long long)g->tiles), piece, 7);
}

const char *winograd_back_function(WeightKern *w)
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
