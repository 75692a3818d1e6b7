/* codegen/emit_winograd.c: 3x3 convolutions by Winograd's F(4x2), a third of the multiplications.
 *
 *     results = A' (sum over channels of (G w G') * (B' source B)) A        * is element by element
 *
 * of tiles of 4 lines and 2 columns. Along lines the points are 0, 5/8, -5/8, 3/2, -3/2 and
 * infinity, which keep sums near float32's own error (the usual 1, -1, 2, -2 do not); along columns
 * 0, 1, -1 and infinity. A task transforms its rows of weights once, then block after block of
 * tiles (ir/winograd.h): the source, channel by channel; at each of 24 points the product of
 * [rows][channels] and [channels][lanes] by the register tile of products; the results, row by
 * row, with the epilogue. Lanes are tiles in all of it. A source that is not finite makes all
 * results of its tiles NaN.
 *
 * Not here: other taps, strides and paddings (emit_patches.c).
 * Sources: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015; Barabasz et
 * al., Error Analysis and Improving the Accuracy of Winograd Convolution, 2020 (points). */
#include "codegen/patches.h"
#include "ir/winograd.h"

static const char source_text[] =
    "/* parts[24]$in_panels[$channels][$lanes] = B' x B of channels of images [$h][$w],\n"
    " * of `bands` lines of tiles from the one `band` on; points are $source_step apart.\n"
    " * lines: [6][$line] of a channel, after the transform along them. */\n"
    "ONCE void winograd_source_$id(int64_t channels, const $R *restrict x, int64_t band,\n"
    "    int64_t bands, $R *restrict lines, $R *restrict parts)\n"
    "{\n"
    "    static const $R none[$w] = { 0 };\n"
    "    for (int64_t c = 0; c < channels; c++)\n"
    "        for (int64_t b = 0; b < bands; b++) {\n"
    "            const int64_t image = (band + b) / $bands, y = (band + b) % $bands * 4 - 1;\n"
    "            const $R *line[6];\n"
    "            for (int i = 0; i < 6; i++)\n"
    "                line[i] = y + i < 0 || y + i >= $h ? none\n"
    "                        : x + ((image * $channels + c) * $h + y + i) * $w;\n"
    "            const $R *restrict const x0 = line[0], *restrict const x1 = line[1];\n"
    "            const $R *restrict const x2 = line[2], *restrict const x3 = line[3];\n"
    "            const $R *restrict const x4 = line[4], *restrict const x5 = line[5];\n"
    "            $R *restrict const to = lines + c * 6 * $line + $edge + b * $pitch;\n"
    "            for (int64_t i = 0; i < $w; i++) {\n"
    "                const $R s = x4[i] - ($R)2.25 * x2[i];\n"
    "                const $R t = ($R)0.625 * x3[i] - ($R)1.40625 * x1[i];\n"
    "                const $R u = x4[i] - ($R)0.390625 * x2[i];\n"
    "                const $R v = ($R)1.5 * x3[i] - ($R)0.5859375 * x1[i];\n"
    "                to[i] = ($R)0.87890625 * x0[i] - ($R)2.640625 * x2[i] + x4[i];\n"
    "                to[$line + i] = s + t;\n"
    "                to[2 * $line + i] = s - t;\n"
    "                to[3 * $line + i] = u + v;\n"
    "                to[4 * $line + i] = u - v;\n"
    "                to[5 * $line + i] = ($R)0.87890625 * x1[i] - ($R)2.640625 * x3[i] + x5[i];\n"
    "            }\n"
    "$odd"
    "        }\n"
    "    for (int64_t c = 0; c < channels; c++)\n"
    "        for (int i = 0; i < 6 * $panels; i++) {\n"
    "            const int point = i / $panels * 4, panel = i % $panels;\n"
    "            const $R *restrict const from\n"
    "                = lines + (c * 6 + i / $panels) * $line + $edge + panel * 2 * $lanes;\n"
    "            $R *restrict const to\n"
    "                = parts + point * $source_step + (panel * $channels + c) * $lanes;\n"
    "            for (int t = 0; t < $lanes; t++) {\n"
    "                const int tile = (panel * $lanes + t) % $across;    /* of its band */\n"
    "                const $R left = from[2 * t - 1], right = from[2 * t + 2];\n"
    "                const $R x0 = tile > 0 ? left : 0, x1 = from[2 * t], x2 = from[2 * t + 1];\n"
    "                const $R x3 = tile < $across - 1 ? right : 0;\n"
    "                to[t] = x0 - x2;\n"
    "                to[$source_step + t] = x1 + x2;\n"
    "                to[2 * $source_step + t] = x2 - x1;\n"
    "                to[3 * $source_step + t] = x3 - x1;\n"
    "            }\n"
    "        }\n"
    "}\n";

static const char results_text[] =
    "/* lines[4][$tiles tiles][2] = A' x A of a row of parts[24]$in_panels[$rows][$lanes], whose\n"
    " * points are $result_step apart. */\n"
    "ONCE void winograd_results_$id(const $R *restrict parts, $R *restrict lines)\n"
    "{\n"
    "    for (int panel = 0; panel < $panels; panel++) {\n"
    "        $R part[4][4][$lanes];\n"
    "        const int64_t step = 4 * $result_step;\n"
    "        for (int j = 0; j < 4; j++) {\n"
    "            const $R *restrict const x\n"
    "                = parts + j * $result_step + panel * $rows * $lanes;\n"
    "            for (int64_t t = 0; t < $lanes; t++) {\n"
    "                const $R x1 = x[step + t], x2 = x[2 * step + t];\n"
    "                const $R x3 = x[3 * step + t], x4 = x[4 * step + t];\n"
    "                const $R s = x1 + x2, d = x1 - x2, u = x3 + x4, v = x3 - x4;\n"
    "                part[0][j][t] = x[t] + s + u;\n"
    "                part[1][j][t] = ($R)0.625 * d + ($R)1.5 * v;\n"
    "                part[2][j][t] = ($R)0.390625 * s + ($R)2.25 * u;\n"
    "                part[3][j][t] = ($R)0.244140625 * d + ($R)3.375 * v + x[5 * step + t];\n"
    "            }\n"
    "        }\n"
    "        for (int i = 0; i < 4; i++) {\n"
    "            $R *restrict const to = lines + (i * $panels + panel) * 2 * $lanes;\n"
    "            for (int64_t t = 0; t < $lanes; t++) {\n"
    "                const $R s = part[i][1][t], d = part[i][2][t];\n"
    "                to[2 * t] = part[i][0][t] + s + d;\n"
    "                to[2 * t + 1] = s - d + part[i][3][t];\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n";

typedef struct Wino {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    Winograd w;
    int64_t tile_rows, tile_bands;
    int height, vectors;
    const char *row0, *rows;
} Wino;

/* Adds the function that the template makes for these shapes, named by what it depends on. */
static const char *add_function(Wino *w, const char *template, const char *name, const char *id)
{
    Emit *e = w->e;
    const Frame *f = &w->f;
    const Winograd *g = &w->w;
    int64_t elem = ir_dtype_bytes(e->m->real), tiles = g->panels * g->lanes;
    int64_t line = IR_TILE_COLUMNS * tiles + 2 * IR_LINE_EDGE;
    const char *odd = "";
    if (f->places[1] % 2)
        odd = text(e, "            for (int i = 0; i < 6; i++)\n"
                      "                to[i * %lld + %lld] = 0;\n", (long long)line,
                   (long long)f->places[1]);
    const Number number[] = {
        { "h", f->places[0] }, { "w", f->places[1] }, { "channels", f->channels },
        { "rows", w->tile_rows }, { "bands", g->bands }, { "across", g->across },
        { "panels", g->panels }, { "lanes", g->lanes }, { "pitch", IR_TILE_COLUMNS * g->across },
        { "line", line }, { "edge", IR_LINE_EDGE }, { "tiles", tiles },
        { "source_step", ir_point_step(g, f->channels, elem) },
        { "result_step", ir_point_step(g, w->tile_rows, elem) } };
    const Shaped shaped = { template, name, id, odd, g->panels };
    return shaped_function(w->k, &shaped, number, (int)(sizeof number / sizeof *number));
}

static const char *source_function(Wino *w)
{
    const Frame *f = &w->f;
    return add_function(w, source_text, "winograd_source_",
                        text(w->e, "%lldx%lldx%lld_%lld", (long long)f->channels,
                             (long long)f->places[0], (long long)f->places[1],
                             (long long)w->w.panels));
}

static const char *results_function(Wino *w)
{
    return add_function(w, results_text, "winograd_results_",
                        text(w->e, "%lld_%lld", (long long)w->tile_rows, (long long)w->w.panels));
}

/* Pieces of the worker's memory, as ir_worker_bytes has them. */
static void place_memory(Wino *w)
{
    WinogradBytes b = ir_winograd_bytes(&w->f, &w->w, w->tile_rows,
                                        ir_dtype_bytes(w->e->m->real));
    const Piece piece[] = { { "weights", b.weights }, { "source", b.source },
                            { "products", b.products }, { "lines", b.lines } };
    scratch_pieces(w->k, piece, 4);
}

/* The task's rows and bands. */
static void place(Wino *w)
{
    Emit *e = w->e;
    long long tile = (long long)w->tile_rows, down = (long long)w->k->tasks.down;
    long long bands = (long long)w->tile_bands;
    Extent all = extent_mul(extent_of(&ir_type(w->k->g, w->f.source)->shape, 0, 1),
                            extent(w->w.bands, 0));
    const char *task = "task";
    w->row0 = "0";
    w->rows = text(e, "%lld", (long long)w->f.rows);
    if (down > 1) {
        out_line(w->o, "const int64_t row0 = task %% %lld * %lld;", down, tile);
        w->row0 = "row0";
        w->rows = text(e, "%lld", tile);
        task = text(e, "task / %lld", down);
    }
    if (w->f.rows % tile) {
        out_line(w->o, "const int64_t rows = smaller(%lld, %lld - row0);", tile,
                 (long long)w->f.rows);
        w->rows = "rows";
    }
    out_line(w->o, "const int64_t begin = %s * %lld, end = smaller(begin + %lld, %s);", task, bands,
             bands, extent_text(e, all));
}

static void transform_weights(Wino *w)
{
    Emit *e = w->e;
    const Frame *f = &w->f;
    long long rows = (long long)f->rows, channels = (long long)f->channels;
    const char *weight = slot_read(w->k, f->weight), *from;
    reach(e, SNIP_winograd);
    if (f->turned) {
        from = text_add(e, text(e, "%s + 8", weight), text_mul(e, w->row0, extent(9, 0)));
        out_line(w->o, "winograd_weights(%s, %lld, %s, 9, %lld, -1, lines, weights);", w->rows,
                 channels, from, 9 * rows);
    } else {
        from = text_add(e, weight, text_mul(e, w->row0, extent(9 * channels, 0)));
        out_line(w->o, "winograd_weights(%s, %lld, %s, %lld, 9, 1, lines, weights);", w->rows,
                 channels, from, 9 * channels);
    }
}

/* At each point, panel by panel: products[point][panel][rows][lanes]. */
static void multiply(Wino *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    int64_t elem = ir_dtype_bytes(e->m->real), lanes = w->w.lanes;
    long long channels = (long long)w->f.channels, panels = (long long)w->w.panels;
    const char *rows = w->rows;
    const char *from = text(e, "source + point * %lld",
                            (long long)ir_point_step(&w->w, w->f.channels, elem));
    const char *to = text(e, "products + point * %lld",
                          (long long)ir_point_step(&w->w, w->tile_rows, elem));
    out_open(o, "for (int64_t point = 0; point < %d; point++)", IR_POINTS);
    out_open(o, "for (int64_t r = 0; r < %s; r += %d)", rows, w->height);
    out_line(o, "const int64_t top = smaller(r, %s - %d);    /* the last strip overlaps */", rows,
             w->height);
    if (panels > 1) {
        out_open(o, "for (int64_t panel = 0; panel < %lld; panel++)", panels);
        from = text(e, "%s + panel * %lld", from, channels * (long long)lanes);
        to = text(e, "%s + panel * %lld", to, (long long)(w->tile_rows * lanes));
    }
    out_line(o, "%s(%lld, weights + (point * %s + top) * %lld, %lld, 1,",
             micro_tile(e, w->height, w->vectors), channels, rows, channels, channels);
    out_line(o, "    %s, %lld, %s + top * %lld);", from, (long long)lanes, to, (long long)lanes);
    if (panels > 1) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

/* Results, line by line of a tile's four, and their epilogue. */
static void write_results(Wino *w)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long lanes = (long long)w->w.lanes, tiles = (long long)w->w.panels * lanes;
    const Shape *s = &ir_type(k->g, k->root)->shape;
    const char *lines = text(e, "%lld", (long long)f->pixels[0]);
    out_open(o, "for (int64_t r = 0; r < %s; r++)", w->rows);
    out_line(o, "const int64_t row = %s;", text_add(e, w->row0, "r"));
    out_line(o, "%s(products + r * %lld, lines);", results_function(w), lanes);
    out_open(o, "for (int64_t b = 0; b < bands; b++)");
    if (!extent_eq(extent_of(s, 0, 1), extent(1, 0)))
        out_line(o, "const int64_t image = (band + b) / %lld;", (long long)w->w.bands);
    out_line(o, "const int64_t top = (band + b) %% %lld * %d;", (long long)w->w.bands,
             IR_TILE_LINES);
    out_open(o, "for (int64_t line = top; line < %s; line++)",
             f->pixels[0] % IR_TILE_LINES ? text(e, "smaller(top + %d, %s)", IR_TILE_LINES, lines)
                                          : text(e, "top + %d", IR_TILE_LINES));
    out_line(o, "const %s *const from = lines + (line - top) * %lld + b * %lld;", real_type(k),
             2 * tiles, (long long)(2 * w->w.across));
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", (long long)f->pixels[1]);
    const char *sum = "from[col]";
    if (f->bias.i) sum = text(e, "%s + %s[row]", sum, slot_read(k, f->bias));
    out_line(o, "const %s sum = %s;", real_type(k), sum);
    k->name[k->root.i] = "sum";
    Nest nest = { 4, { { extent_of(s, 0, 1), "image" },
                       { extent(f->rows, 0), "row" },
                       { extent(f->pixels[0], 0), "line" },
                       { extent(f->pixels[1], 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 4; i++) out_close(o, "");
}

void emit_winograd(Kern *k)
{
    if (ir_is(k->g, k->root, OP_conv_weight)) {
        emit_winograd_weight(k);
        return;
    }
    Wino w = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
               .tile_rows = k->tasks.tile_rows };
    int64_t elem = ir_dtype_bytes(k->e->m->real);
    w.vectors = (int)k->k->micro[1];
    w.w = ir_winograd(&w.f, w.vectors * k->e->o->target->vector_bytes / elem, elem);
    w.height = (int)ir_strip(w.f.rows, w.tile_rows, k->k->micro[0]);
    w.tile_bands = k->tasks.tile_cols;
    k->note = text(k->e, "A task is %lld channels of %lld lines of 4x2 tiles, %lld at a time.",
                   (long long)w.tile_rows, (long long)w.tile_bands, (long long)w.w.block);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    place(&w);
    place_memory(&w);
    transform_weights(&w);
    long long block = (long long)w.w.block, lanes = (long long)w.w.lanes;
    out_open(w.o, "for (int64_t band = begin; band < end; band += %lld)", block);
    out_line(w.o, "const int64_t bands = smaller(%lld, end - band);", block);
    long long channels = (long long)w.f.channels;
    out_line(w.o, "for (int64_t c = 0; c < %lld; c += %d)", channels, IR_TOGETHER);
    out_line(w.o, "    %s(%s, %s + c * %lld, band, bands, lines, source + c * %lld);",
             source_function(&w),
             channels % IR_TOGETHER ? text(k->e, "smaller(%d, %lld - c)", IR_TOGETHER, channels)
                                    : text(k->e, "%d", IR_TOGETHER),
             slot_read(k, w.f.source), (long long)(w.f.places[0] * w.f.places[1]), lanes);
    multiply(&w);
    write_results(&w);
    out_close(w.o, "");
}
