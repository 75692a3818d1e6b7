/* codegen/emit_winograd.c: convolutions by Winograd's algorithm (ir/winograd.h), with a third of
 * the multiplications or less.
 *
 * First tasks over rows of weights transform them, once a call, into memory that all tasks share.
 * A task goes block after block of tiles: the source, channel by channel; then, some rows at a
 * time, at each point the product of [rows][channels] and [channels][lanes] by the register tile of
 * products, and the results, row by row, with the epilogue. Lanes are tiles in all of it, of max
 * pooling too, whose windows lie within tiles. Where channels are few, two rows' sums and results
 * are made in one go (winograd_results.c). A source that is not finite makes all results of its
 * tiles NaN.
 *
 * Not here: strides, dilation, other taps (emit_patches.c). */
#include "codegen/vectors.h"
#include "codegen/winograd.h"
#include <string.h>

enum { LINE_BYTES = 64 };

static const char source_text[] =
    "/* parts[$points]$in_panels[$channels][$lanes] = B' x B of channels of images [$h][$w],\n"
    " * of `bands` lines of tiles from the one `band` on; points are $source_step apart.\n"
    " * lines: [$size_y][$line] of a channel, after the transform along them. `more`: as many\n"
    " * channels follow, and are asked for. */\n"
    "ONCE void winograd_source_$id(int64_t channels, bool more, const $R *restrict x,\n"
    "    int64_t band, int64_t bands, $R *restrict lines, $R *restrict parts)\n"
    "{\n"
    "    static const $R none[$w] = { 0 };\n"
    "    int32_t place[$tiles];                     /* where a tile begins on its line */\n"
    "    for (int32_t t = 0; t < $tiles; t++)\n"
    "        place[t] = t % $across * $tile_x;\n"
    "    for (int64_t c = 0; c < channels; c++)\n"
    "        for (int64_t b = 0; b < bands; b++) {\n"
    "            const int64_t image = (band + b) / $bands;\n"
    "            const int64_t y = (band + b) % $bands * $tile_y - $low;\n"
    "            const $R *line[$size_y];\n"
    "            for (int i = 0; i < $size_y; i++) {\n"
    "                line[i] = none;\n"
    "                if (y + i < 0 || y + i >= $h) continue;\n"
    "                line[i] = x + ((image * $channels + c) * $h + y + i) * $w;\n"
    "                if (more) ahead(line[i] + $together, $w);\n"
    "            }\n"
    "$names"
    "            $R *restrict const to = lines + c * $size_y * $line + $edge + b * $pitch;\n"
    "            for (int64_t i = 0; i < $w; i++) {\n"
    "$lines"
    "            }\n"
    "        }\n"
    "    for (int64_t c = 0; c < channels; c++)\n"
    "        for (int i = 0; i < $size_y * $panels; i++) {\n"
    "            const int point = i / $panels * $size_x, panel = i % $panels;\n"
    "            const int32_t *const begin = place + panel * $lanes;\n"
    "            const $R *restrict const from\n"
    "                = lines + (c * $size_y + i / $panels) * $line + $edge\n"
    "                + panel * $tile_x * $lanes;\n"
    "            $R *restrict const to\n"
    "                = parts + point * $source_step + (panel * $channels + c) * $lanes;\n"
    "            for (int t = 0; t < $lanes; t += $vector) {\n"
    "$places"
    "$columns"
    "            }\n"
    "        }\n"
    "}\n";

/* Column j of tiles, 0 where it is outside of its line: there stands another band's. The vectors of
 * a tile's own columns are dealt to them; columns beside it are its neighbours'. */
static const char *read_places(Wino *w)
{
    Emit *e = w->e;
    const Winograd *g = &w->w;
    int64_t tile = g->tile[1], low = w->f.low[1], width = w->f.places[1];
    bool odd = tile % 2 == 1;                   /* and then each column is read where it lies */
    const char *own[IR_MOST_POINTS], *all = "";
    const char *first = text_add(e, "from", text_mul(e, "t", extent(tile, 0)));
    for (int64_t k = 0; k < tile; k++) {
        const char *at = text_shift(e, first, odd ? k : k * g->vector);
        own[k] = text(e, "own%lld", (long long)k);
        all = text(e, "%s                const vec %s = %s;\n", all, own[k],
                   odd ? vec_strided(e, at, tile) : text(e, "*(const vec *)(%s)", at));
    }
    for (int64_t j = 0; j < g->size[1]; j++) {
        int64_t at = j - low, k = (at + low * tile) % tile;
        bool whole = at >= 0 && tile * (g->across - 1) + at < width;
        const char *x = odd ? own[k] : vec_dealt(e, own, tile, k);
        x = vec_moved(e, x, tile, (at - k) / tile, g->across, text_shift(e, first, k));
        if (!whole) x = vec_inside(e, x, "begin + t", at, width);
        all = text(e, "%s                const vec x%lld = %s;\n", all, (long long)j, x);
    }
    return all;
}

/* A name for each of the lines, for the compiler to know that nothing else is written there. */
static const char *name_lines(Wino *w)
{
    const char *all = "";
    for (int i = 0; i < w->w.size[0]; i++)
        all = text(w->e, "%s            const %s *restrict const x%d = line[%d];\n", all,
                   real_type(w->k), i, i);
    return all;
}

static const char *source_function(Wino *w)
{
    const Frame *f = &w->f;
    const Winograd *g = &w->w;
    Emit *e = w->e;
    const AxisTransform lines = { ir_winograd_matrix(IR_OF_SOURCE, g->tile[0], f->taps[0]),
                              real_type(w->k), "x#[i]",
                              text(e, "to[# * %lld + i]", (long long)g->line), 16 };
    const AxisTransform columns = { ir_winograd_matrix(IR_OF_SOURCE, g->tile[1], f->taps[1]),
                                "vec", "x#", text(e, "*(vec *)(to + # * %lld + t)",
                                                  (long long)g->source_step), 16 };
    const Hole piece[] = { { "in_panels", winograd_in_panels(w) }, { "names", name_lines(w) },
                           { "lines", points_text(w->k, &lines) }, { "places", read_places(w) },
                           { "columns", points_text(w->k, &columns) } };
    const char *id = text(e, "%s_%lldx%lldx%lld_%lld", winograd_id(w->k, g->tile, f),
                          (long long)f->channels, (long long)f->places[0], (long long)f->places[1],
                          (long long)g->panels);
    return winograd_function(w, source_text, "winograd_source_", id, piece, 5);
}

/* Pieces of the worker's memory, as ir_worker_bytes has them. */
static void place_memory(Wino *w)
{
    WinogradBytes b = ir_winograd_bytes(&w->f, &w->w, w->elem);
    const Piece piece[] = { { "source", b.source }, { "before", b.products },
                            { "lines", b.lines } };
    scratch_pieces(w->k, piece, 3);
    if (w->w.few) return;
    out_line(w->o, "%s *const products = before + %lld;    /* a strip may begin before it */",
             real_type(w->k), (long long)(w->w.group * w->w.lanes));
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

/* The first stage: rows of weights, to points. */
static void write_weights(Wino *w)
{
    enum { TASK_WEIGHTS = 1 << 15 };
    Kern *k = w->k;
    Emit *e = w->e;
    const Frame *f = &w->f;
    Out *o = k->prepare = k->out = out_new(e->a);
    long long taps = (long long)ir_frame_taps(f), channels = (long long)f->channels;
    long long rows = (long long)f->rows, width = (long long)w->w.channels;
    long long each = (TASK_WEIGHTS + taps * channels - 1) / (taps * channels);
    long long row = f->turned ? taps : taps * channels, channel = f->turned ? taps * rows : taps;
    out_open(o, "%s", "");
    if (each < rows) {
        out_line(o, "const int64_t row = task * %lld, rows = smaller(%lld, %lld - row);", each,
                 each, rows);
    } else {
        out_line(o, "const int64_t row = 0, rows = %lld;", rows);
    }
    out_line(o, "%s(rows, %lld, %s + row * %lld,", weights_function(k, f, &w->w), channels,
             slot_read(k, f->weight), row);
    out_line(o, "    %lld, %lld, %lld, %lld, %lld, %lld,", row, channel, width,
             f->turned ? (taps - 1) * width : 0, f->turned ? -width : width,
             (long long)w->w.weight_step);
    out_line(o, "    (%s *)scratch, %s + row * %lld);", real_type(k),
             slot_shared(k, e->m->real, "points", "weights, transformed"), width);
    out_close(o, "");
    k->prepare_tasks = (rows + each - 1) / each;
    k->out = w->o;
}

/* Weights of which a core's cache keeps too few from one task to the next. */
static bool asks_ahead(const Wino *w)
{
    return w->w.points * w->w.weight_step * w->elem > w->e->o->target->l2_bytes / 2;
}

/* Names the strip's weights, and those of the next strip of the group or of the next point. */
static void name_weights(Wino *w, const char *points)
{
    const Winograd *g = &w->w;
    long long strip = (long long)(w->height * g->channels), step = (long long)g->weight_step;
    const char *real = real_type(w->k), *row0 = w->row0;
    Extent width = extent(g->channels, 0);
    out_line(w->o, "const %s *const a = %s + point * %lld + %s;", real, points, step,
             text_mul(w->e, text_add(w->e, row0, "top"), width));
    if (!asks_ahead(w)) return;
    out_line(w->o, "const %s *const next = r + %d < end_row ? a + %lld", real, w->height, strip);
    out_line(w->o, "    : %s + (point + 1) %% %lld * %lld + %s;", points, (long long)g->points,
             step, text_mul(w->e, text_add(w->e, row0, "group"), width));
}

/* Asks for what the epilogue reads and writes of `height` rows and these bands: at a point, a part. */
static void ask_results(Wino *w, const char *band, const char *bands, const char *row, int height,
                        const char *point, int64_t points)
{
    Kern *k = w->k;
    Val stream[MAX_SLOTS], result = w->pool.take.i ? w->pool.take : k->root;
    const int64_t *size = w->pool.windows;
    const Planes planes = {
        ir_dim_at(ir_type(k->g, result)->shape.dim[0], w->e->m->capacity), w->f.rows,
        size[0] * size[1], w->w.bands, w->w.tile[0] / w->pool.taps[0] * size[1] };
    const char *asked[MAX_SLOTS];
    for (int i = 0, n = epilogue_streams(k, result, stream); i < n; i++) {
        Place place[4];
        bool stored = stores_of(k, stream[i], place) > 0, again = false;
        asked[i] = stored ? slot_write(k, place[0], ir_type(k->g, stream[i]))
                          : slot_read(k, stream[i]);
        for (int j = 0; j < i; j++) again = again || !strcmp(asked[i], asked[j]);
        if (!again)
            winograd_ask(k, &planes, asked[i], band, bands, text_add(w->e, w->row0, row), height,
                         point, points);
    }
}

/* The rows from `group` on at each point, panel by panel: products[point][panel][row][lanes]. */
static void multiply(Wino *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Winograd *g = &w->w;
    long long lanes = (long long)g->lanes, width = (long long)g->channels;
    int line = LINE_BYTES / (int)w->elem;
    bool ahead = asks_ahead(w);
    const char *from = text(e, "source + point * %lld", (long long)g->source_step);
    const char *to = text(e, "products + point * %lld", (long long)g->result_step);
    const char *shared = slot_shared(w->k, e->m->real, "points", "weights, transformed");
    out_open(o, "for (int64_t point = 0; point < %lld; point++)", (long long)g->points);
    out_open(o, "for (int64_t r = group; r < end_row; r += %d)", w->height);
    out_line(o, "const int64_t top = smaller(r, %s - %d);    /* the last strip overlaps */",
             w->rows, w->height);
    name_weights(w, shared);
    ask_results(w, "band", "bands", "r", w->height, "point", w->w.points);
    if (g->panels > 1) {
        out_open(o, "for (int64_t panel = 0; panel < panels; panel++)");
        from = text(e, "%s + panel * %lld", from, (long long)w->f.channels * lanes);
        to = text(e, "%s + panel * %lld", to, (long long)g->group * lanes);
    }
    out_line(o, "%s(%lld, a, %lld, 1,",
             ahead ? micro_tile_ahead(e, w->height, w->vectors)
                   : micro_tile(e, w->height, w->vectors), (long long)w->f.channels, width);
    out_line(o, "    %s, %lld, %s + (top - group) * %lld%s);", from, lanes, to, lanes,
             ahead ? text(e, ", next, %d", line) : "");
    if (g->panels > 1) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

/* The epilogue on a row's results in `lines`. */
static void write_epilogue(Wino *w)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long tiles = (long long)(w->w.panels * w->w.lanes);
    long long height = (long long)(w->w.tile[0] / w->pool.taps[0]);
    long long width = (long long)(w->w.tile[1] / w->pool.taps[1]);
    const int64_t *size = w->pool.windows;
    Val result = w->pool.take.i ? w->pool.take : k->root;
    const Shape *s = &ir_type(k->g, result)->shape;
    const char *lines = text(e, "%lld", (long long)size[0]);
    out_open(o, "for (int64_t b = 0; b < bands; b++)");
    if (!extent_eq(extent_of(s, 0, 1), extent(1, 0)))
        out_line(o, "const int64_t image = (band + b) / %lld;", (long long)w->w.bands);
    out_line(o, "const int64_t top = (band + b) %% %lld * %lld;", (long long)w->w.bands, height);
    out_open(o, "for (int64_t line = top; line < %s; line++)",
             size[0] == w->w.bands * height ? text(e, "top + %lld", height)
                                            : text(e, "smaller(top + %lld, %s)", height, lines));
    out_line(o, "const %s *const from = found + (line - top) * %lld + b * %lld;", real_type(k),
             width * tiles, width * (long long)w->w.across);
    out_line(o, "#pragma omp simd");       /* else gcc takes lines for lanes */
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", (long long)size[1]);
    const char *sum = "from[col]";
    if (f->bias.i) sum = text(e, "%s + %s[row]", sum, slot_read(k, f->bias));
    out_line(o, "const %s sum = %s;", real_type(k), sum);
    k->name[result.i] = "sum";
    Nest nest = { 4, { { extent_of(s, 0, 1), "image" },
                       { extent(f->rows, 0), "row" },
                       { extent(size[0], 0), "line" },
                       { extent(size[1], 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* Some rows at a time: products at all points, and results. */
static void write_groups(Wino *w)
{
    Out *o = w->o;
    out_open(o, "for (int64_t group = 0; group < %s; group += %lld)", w->rows,
             (long long)w->w.group);
    out_line(o, "const int64_t end_row = smaller(group + %lld, %s);", (long long)w->w.group,
             w->rows);
    multiply(w);
    out_open(o, "for (int64_t r = group; r < end_row; r++)");
    out_line(o, "const int64_t row = %s;", text_add(w->e, w->row0, "r"));
    out_line(o, "const %s *const found = lines;", real_type(w->k));
    out_line(o, "%s(products + (r - group) * %lld, lines);", winograd_results_function(w),
             (long long)w->w.lanes);
    write_epilogue(w);
    out_close(o, "");
    out_close(o, "");
}

/* Rows whose sums, at a column of points, fill the registers. So few sums are soon made that stores
 * would wait for memory: the next bands' are asked for. What is pooled is stored seldom enough. */
static void write_few(Wino *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    int64_t sums = w->w.size[0] * w->vectors, most = e->o->target->accumulators / sums;
    int height = (int)ir_strip(w->f.rows, w->tile_rows, most > 1 ? 2 : 1);
    const char *shared = slot_shared(w->k, e->m->real, "points", "weights, transformed");
    long long block = (long long)w->w.block;
    int64_t each = w->w.tile[0] * w->w.tile[1] * w->w.panels * w->w.lanes
                 / (w->pool.taps[0] * w->pool.taps[1]);
    out_open(o, "for (int64_t r = 0; r < %s; r += %d)", w->rows, height);
    if (!w->pool.index.i)
        ask_results(w, text(e, "band + %lld", block),
                    text(e, "smaller(%lld, end - band - %lld)", block, block), "r", height, "0", 1);
    out_line(o, "const int64_t first = smaller(r, %s - %d);    /* the last rows overlap */",
             w->rows, height);
    out_line(o, "%s(%s, source, lines);", winograd_sums_function(w, height),
             text_add(e, shared, text_mul(e, text_add(e, w->row0, "first"),
                                          extent(w->w.channels, 0))));
    out_open(o, "for (int64_t i = r - first; i < %d; i++)", height);
    out_line(o, "const int64_t row = %s + i;", text_add(e, w->row0, "first"));
    out_line(o, "const %s *const found = lines + i * %lld;", real_type(w->k), (long long)each);
    write_epilogue(w);
    out_close(o, "");
    out_close(o, "");
}

void emit_winograd(Kern *k)
{
    if (ir_is(k->g, k->root, OP_conv_weight)) {
        emit_winograd_weight(k);
        return;
    }
    Wino w = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
               .elem = ir_dtype_bytes(k->e->m->real), .tile_rows = k->tasks.tile_rows };
    w.vectors = (int)k->k->micro[1];
    w.pool = ir_pooled(k->g, k->k);
    w.w = ir_winograd(&w.f, k->k, k->e->o->target->vector_bytes / w.elem, w.elem);
    w.height = (int)ir_strip(w.f.rows, w.tile_rows, k->k->micro[0]);
    w.tile_bands = k->tasks.tile_cols;
    k->note = text(k->e, "A task is %lld channels of %lld lines of %lldx%lld tiles,\n"
                         " * %lld at a time.", (long long)w.tile_rows, (long long)w.tile_bands,
                   (long long)w.w.tile[0], (long long)w.w.tile[1], (long long)w.w.block);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    reach(k->e, SNIP_ahead);
    write_weights(&w);
    place(&w);
    place_memory(&w);
    long long block = (long long)w.w.block, lanes = (long long)w.w.lanes;
    out_open(w.o, "for (int64_t band = begin; band < end; band += %lld)", block);
    out_line(w.o, "const int64_t bands = smaller(%lld, end - band);", block);
    if (w.w.panels > 1 && !w.w.few)
        out_line(w.o, "const int64_t panels = (bands * %lld + %lld) / %lld;",
                 (long long)w.w.across, lanes - 1, lanes);
    long long channels = (long long)w.f.channels;
    out_line(w.o, "for (int64_t c = 0; c < %lld; c += %d)", channels, IR_TOGETHER);
    out_line(w.o, "    %s(%s, c + %d <= %lld, %s + c * %lld,", source_function(&w),
             channels % IR_TOGETHER ? text(k->e, "smaller(%d, %lld - c)", IR_TOGETHER, channels)
                                    : text(k->e, "%d", IR_TOGETHER),
             2 * IR_TOGETHER, channels,
             slot_read(k, w.f.source), (long long)(w.f.places[0] * w.f.places[1]));
    out_line(w.o, "        band, bands, lines, source + c * %lld);", lanes);
    if (w.w.few) write_few(&w);
    else write_groups(&w);
    out_close(w.o, "");
}

void emit_winograd_fast(Kern *k) { emit_winograd(k); }
