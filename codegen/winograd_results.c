/* codegen/winograd_results.c: from sums at Winograd's points to results, or to the largest of each
 * window of them. Lanes are tiles, and a tile's results stay in registers. Where channels are few
 * their sums do, too: of so few terms that storing the sums would take longer than making them. */
#include "codegen/vectors.h"
#include "codegen/winograd.h"

static const char results_text[] =
    "/* lines[$found_y][$tiles tiles][$found_x] = A' x A$pooled of a row of\n"
    " * parts[$points]$in_panels[$group][$lanes], whose points are $result_step apart. */\n"
    "ONCE void winograd_results_$id(const $R *restrict parts, $R *restrict lines)\n"
    "{\n"
    "    for (int i = 0; i < $panels * $lanes; i += $vector) {\n"
    "        const int panel = i / $lanes, t = i % $lanes;\n"
    "        vec part[$tile_y][$size_x];\n"
    "        for (int j = 0; j < $size_x; j++) {\n"
    "            const $R *restrict const from\n"
    "                = parts + j * $result_step + panel * $group * $lanes + t;\n"
    "$column"
    "$lines"
    "        }\n"
    "        for (int line = 0; line < $found_y; line++) {\n"
    "            $R *restrict const to = lines + (line * $tiles + i) * $found_x;\n"
    "$ends"
    "        }\n"
    "    }\n"
    "}\n";

/* `vectors` of a panel are summed at a time. */
static const char sums_text[] =
    "/* lines[$height rows][$found_y][$tiles tiles][$found_x] = A' x A$pooled of the sums over\n"
    " * channels of weights[$points][..][channels], whose points are $weight_step apart, times\n"
    " * source[$points]$in_panels[$channels][$lanes], whose are $source_step. */\n"
    "ONCE void winograd_sums_$id(const $R *restrict weights, const $R *restrict source,\n"
    "    $R *restrict lines)\n"
    "{\n"
    "    for (int i = 0; i < $tiles; i += $lanes) {\n"
    "        vec all[$sums][$tile_y][$size_x];\n"
    "        for (int j = 0; j < $size_x; j++) {\n"
    "            const $R *a = weights + j * $weight_step;\n"
    "            const $R *b = source + j * $source_step + i * $channels;\n"
    "$zeros"
    "            for (int c = 0; c < $channels; c++, a++, b += $lanes) {\n"
    "$steps"
    "            }\n"
    "$lines"
    "        }\n"
    "        for (int n = 0; n < $sums * $found_y; n++) {\n"
    "            const int sum = n / $found_y, line = n % $found_y;\n"
    "            vec (*const part)[$size_x] = all[sum];\n"
    "            $R *restrict const to = lines + ((sum / $vectors * $found_y + line) * $tiles\n"
    "                + i + sum % $vectors * $vector) * $found_x;\n"
    "$ends"
    "        }\n"
    "    }\n"
    "}\n";

const char *winograd_function(Wino *w, const char *template, const char *name, const char *id,
                              const Hole *piece, int n_piece)
{
    const Frame *f = &w->f;
    const Winograd *g = &w->w;
    const Number number[] = {
        { "h", f->places[0] }, { "w", f->places[1] }, { "channels", f->channels },
        { "low", f->low[0] }, { "group", g->group }, { "bands", g->bands },
        { "across", g->across }, { "panels", g->panels }, { "lanes", g->lanes },
        { "pitch", g->tile[1] * g->across }, { "line", g->line }, { "edge", IR_LINE_EDGE },
        { "vector", g->vector },
        { "together", IR_TOGETHER * f->places[0] * f->places[1] },
        { "tiles", g->panels * g->lanes }, { "points", g->points }, { "tile_y", g->tile[0] },
        { "tile_x", g->tile[1] }, { "size_y", g->size[0] }, { "size_x", g->size[1] },
        { "source_step", g->source_step }, { "result_step", g->result_step },
        { "weight_step", g->weight_step },
        { "found_y", g->tile[0] / w->pool.taps[0] }, { "found_x", g->tile[1] / w->pool.taps[1] } };
    const Shaped shaped = { template, name, id, number, (int)(sizeof number / sizeof *number),
                            piece, n_piece };
    return shaped_function(w->k, &shaped);
}

const char *winograd_in_panels(const Wino *w)
{
    return w->w.panels > 1 ? text(w->e, "[%lld]", (long long)w->w.panels) : "";
}

/* A line of a tile's results from its columns. in: as points_text has it. */
static const char *columns_text(Wino *w, const char *in, const char *to, int indent)
{
    const AxisTransform columns = {
        ir_winograd_matrix(IR_OF_RESULTS, w->w.tile[1], w->f.taps[1]), "vec", in, to, indent };
    return values_text(w->k, &columns);
}

/* Lines of tiles from vectors of their columns. */
static const char *store_text(Wino *w, const char *const *column, int64_t n)
{
    bool odd = n > 1 && n % 2 == 1;
    const char *all = "";
    for (int64_t k = 0; k < n; k++) {
        const char *to = text_shift(w->e, "to", odd ? k : k * w->w.vector);
        all = odd ? text(w->e, "%s            %s;\n", all, vec_scattered(w->e, to, column[k], n))
                  : text(w->e, "%s            *(vec *)(%s) = %s;\n", all, to,
                         vec_zipped(w->e, column, n, k));
    }
    return all;
}

/* Columns of a line of tiles, or the largest of each window of their lines. */
static const char *line_text(Wino *w)
{
    Emit *e = w->e;
    int64_t down = w->pool.taps[0], across = w->pool.taps[1], width = w->w.tile[1] / across;
    const char *column[IR_MOST_POINTS], *all;
    if (!w->pool.index.i) {
        for (int64_t j = 0; j < width; j++) column[j] = text(e, "y%lld", (long long)j);
        all = columns_text(w, "part[line][#]", "const vec y#", 12);
        return text(e, "%s%s", all, store_text(w, column, width));
    }
    all = text(e, "            vec y[%lld][%lld];\n"
                  "            for (int k = 0; k < %lld; k++) {\n%s            }\n",
               (long long)down, (long long)w->w.tile[1], (long long)down,
               columns_text(w, text(e, "part[line * %lld + k][#]", (long long)down), "y[k][#]",
                            16));
    for (int64_t j = 0; j < width; j++) {
        column[j] = text(e, "best%lld", (long long)j);
        all = text(e, "%s            vec %s = y[0][%lld];\n", all, column[j],
                   (long long)(j * across));
        for (int64_t tap = 1; tap < down * across; tap++)
            all = text(e, "%s            %s = %s;\n", all, column[j],
                       vec_larger(e, text(e, "y[%lld][%lld]", (long long)(tap / across),
                                          (long long)(j * across + tap % across)), column[j]));
    }
    return text(e, "%s%s", all, store_text(w, column, width));
}

/* A column of a tile's points to its lines. */
static const char *column_text(Wino *w, const char *in, const char *to, int indent)
{
    const AxisTransform lines = {
        ir_winograd_matrix(IR_OF_RESULTS, w->w.tile[0], w->f.taps[0]), "vec", in, to, indent };
    return values_text(w->k, &lines);
}

static const char *pooled_text(const Wino *w, const char *form)
{
    if (!w->pool.index.i) return "";
    return text(w->e, form, (long long)w->pool.taps[0], (long long)w->pool.taps[1]);
}

const char *winograd_results_function(Wino *w)
{
    const Winograd *g = &w->w;
    Emit *e = w->e;
    const char *points = "";
    for (int64_t i = 0; i < g->size[0]; i++)
        points = text(e, "%s            const vec x%lld = *(const vec *)(from + %lld);\n", points,
                      (long long)i, (long long)(i * g->size[1] * g->result_step));
    const char *id = text(e, "%s_%lld_%lld%s", winograd_id(w->k, g->tile, &w->f),
                          (long long)g->group, (long long)g->panels,
                          pooled_text(w, "_max%lldx%lld"));
    const Hole piece[] = {
        { "in_panels", winograd_in_panels(w) }, { "column", points },
        { "lines", column_text(w, "x#", "part[#][j]", 12) }, { "ends", line_text(w) },
        { "pooled", pooled_text(w, ", the largest of %lldx%lld,") } };
    return winograd_function(w, results_text, "winograd_results_", id, piece, 5);
}

/* A channel's products, at a column of points. */
static const char *steps_text(Wino *w, int height)
{
    const Winograd *g = &w->w;
    Emit *e = w->e;
    const char *all = "", *in = "                ", *real = real_type(w->k);
    for (int p = 0; p < g->size[0]; p++) {
        for (int v = 0; v < w->vectors; v++)
            all = text(e, "%s%sconst vec b%d_%d = *(const vec *)(b + %lld);\n", all, in, p, v,
                       (long long)(p * g->size[1] * g->source_step + v * g->vector));
        for (int r = 0; r < height; r++) {
            all = text(e, "%s%sconst %s a%d_%d = a[%lld];", all, in, real, p, r,
                       (long long)(p * g->size[1] * g->weight_step + r * g->channels));
            for (int v = 0; v < w->vectors; v++)
                all = text(e, "%s x%d_%d += a%d_%d * b%d_%d;", all, p, r * w->vectors + v, p, r, p,
                           v);
            all = text(e, "%s\n", all);
        }
    }
    return all;
}

const char *winograd_sums_function(Wino *w, int height)
{
    const Winograd *g = &w->w;
    Emit *e = w->e;
    int sums = height * w->vectors;
    const char *zeros = "", *lines = "";
    for (int p = 0; p < g->size[0]; p++) {
        for (int i = 0; i < sums; i++)
            zeros = text(e, "%s%s x%d_%d = { 0 }", zeros, i ? "," : "            vec", p, i);
        zeros = text(e, "%s;\n", zeros);
    }
    for (int i = 0; i < sums; i++)
        lines = text(e, "%s            {\n%s            }\n", lines,
                     column_text(w, text(e, "x#_%d", i), text(e, "all[%d][#][j]", i), 16));
    const char *id = text(e, "%dx%d_%s_%lld_%lld%s", height, w->vectors,
                          winograd_id(w->k, g->tile, &w->f), (long long)w->f.channels,
                          (long long)g->panels, pooled_text(w, "_max%lldx%lld"));
    const Hole piece[] = {
        { "in_panels", winograd_in_panels(w) }, { "height", text(e, "%d", height) },
        { "vectors", text(e, "%d", w->vectors) }, { "sums", text(e, "%d", sums) },
        { "zeros", zeros }, { "steps", steps_text(w, height) }, { "lines", lines },
        { "ends", line_text(w) }, { "pooled", pooled_text(w, ", the largest of %lldx%lld,") } };
    return winograd_function(w, sums_text, "winograd_sums_", id, piece, 9);
}
