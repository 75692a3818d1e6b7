/* codegen/emit_winograd_weight.c: conv_weight of 3x3 taps by Winograd's F(4x2).
 *
 *     d_w = G' (sum over tiles of (B' x B) * (A d_y A')) G          * is element by element
 *
 * with the points of emit_winograd.c. At each point that is a product of matrices [rows][tiles] and
 * [tiles][channels] by the register tile of products: lanes are channels of x, so x is turned round
 * first, band by band, to [line][column][channel]; d_y's tiles lie side by side. A task adds up the
 * products of its bands in the kernel's own memory. When all are through, tasks over rows of
 * results add these sums up in the order of tasks and transform them back. */
#include "codegen/patches.h"
#include "ir/winograd.h"

static const char source_text[] =
    "/* parts[24]$in_panels[..][$lanes] = B' x B of the $across tiles of a band, from its lines\n"
    " * frame[6][$columns][$channels]; points are $source_step apart. */\n"
    "ONCE void winograd_source_$id(const $R *restrict frame, $R *restrict parts)\n"
    "{\n"
    "    for (int64_t tile = 0; tile < $across; tile++)\n"
    "        for (int64_t c = 0; c < $channels; c += $vector) {\n"
    "            const $R *const from = frame + 2 * tile * $channels + c;\n"
    "            $R *const to\n"
    "                = parts + (c / $lanes * $tiles + tile) * $lanes + c % $lanes;\n"
    "            vec part[6][4];\n"
    "            for (int j = 0; j < 4; j++) {\n"
    "                vec x[6];\n"
    "                for (int i = 0; i < 6; i++)\n"
    "                    x[i] = *(const vec *)(from + (i * $columns + j) * $channels);\n"
    "                const vec s = x[4] - ($R)2.25 * x[2];\n"
    "                const vec t = ($R)0.625 * x[3] - ($R)1.40625 * x[1];\n"
    "                const vec u = x[4] - ($R)0.390625 * x[2];\n"
    "                const vec v = ($R)1.5 * x[3] - ($R)0.5859375 * x[1];\n"
    "                part[0][j] = ($R)0.87890625 * x[0] - ($R)2.640625 * x[2] + x[4];\n"
    "                part[1][j] = s + t;\n"
    "                part[2][j] = s - t;\n"
    "                part[3][j] = u + v;\n"
    "                part[4][j] = u - v;\n"
    "                part[5][j] = ($R)0.87890625 * x[1] - ($R)2.640625 * x[3] + x[5];\n"
    "            }\n"
    "            for (int i = 0; i < 6; i++) {\n"
    "                const vec *const x = part[i];\n"
    "                *(vec *)(to + 4 * i * $source_step) = x[0] - x[2];\n"
    "                *(vec *)(to + (4 * i + 1) * $source_step) = x[1] + x[2];\n"
    "                *(vec *)(to + (4 * i + 2) * $source_step) = x[2] - x[1];\n"
    "                *(vec *)(to + (4 * i + 3) * $source_step) = x[3] - x[1];\n"
    "            }\n"
    "        }\n"
    "}\n";

static const char slopes_text[] =
    "/* parts[24][..][$tiles] = A y A' of a row y of images [$h][$w], of `bands` lines of\n"
    " * tiles from the one `band` on; points are $slope_step apart. lines[6][$line]: what is\n"
    " * between the two. */\n"
    "ONCE void winograd_slopes_$id(const $R *restrict y, int64_t band, int64_t bands,\n"
    "    $R *restrict lines, $R *restrict parts)\n"
    "{\n"
    "    static const $R none[$w] = { 0 };\n"
    "    for (int64_t b = 0; b < bands; b++) {\n"
    "        const int64_t image = (band + b) / $bands, top = (band + b) % $bands * 4;\n"
    "        const $R *line[4];\n"
    "        for (int i = 0; i < 4; i++)\n"
    "            line[i] = top + i < $h ? y + (image * $rows * $h + top + i) * $w : none;\n"
    "        const $R *restrict const y0 = line[0], *restrict const y1 = line[1];\n"
    "        const $R *restrict const y2 = line[2], *restrict const y3 = line[3];\n"
    "        $R *restrict const to = lines + b * $pitch;\n"
    "        for (int64_t i = 0; i < $w; i++) {\n"
    "            const $R s = y0[i] + ($R)0.390625 * y2[i];\n"
    "            const $R t = ($R)0.625 * y1[i] + ($R)0.244140625 * y3[i];\n"
    "            const $R u = y0[i] + ($R)2.25 * y2[i];\n"
    "            const $R v = ($R)1.5 * y1[i] + ($R)3.375 * y3[i];\n"
    "            to[i] = y0[i];\n"
    "            to[$line + i] = s + t;\n"
    "            to[2 * $line + i] = s - t;\n"
    "            to[3 * $line + i] = u + v;\n"
    "            to[4 * $line + i] = u - v;\n"
    "            to[5 * $line + i] = y3[i];\n"
    "        }\n"
    "$odd"
    "    }\n"
    "    for (int i = 0; i < 6; i++) {\n"
    "        const $R *restrict const from = lines + i * $line;\n"
    "        $R *restrict const to = parts + 4 * i * $slope_step;\n"
    "        for (int t = 0; t < $tiles; t++) {\n"
    "            const $R left = from[2 * t], right = from[2 * t + 1];\n"
    "            to[t] = left;\n"
    "            to[$slope_step + t] = left + right;\n"
    "            to[2 * $slope_step + t] = left - right;\n"
    "            to[3 * $slope_step + t] = right;\n"
    "        }\n"
    "    }\n"
    "}\n";

typedef struct Weight {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    WinogradWeight w;
    int64_t elem, channels;                /* channels: of whole panels */
    int64_t tile_rows;                     /* of the second stage */
} Weight;

/* Adds the function that the template makes for these shapes, named by what it depends on. */
static const char *add_function(Weight *w, const char *template, const char *name, const char *id)
{
    Emit *e = w->e;
    const Frame *f = &w->f;
    const WinogradWeight *g = &w->w;
    int64_t line = IR_TILE_COLUMNS * g->tiles;
    const char *odd = "";
    if (f->pixels[1] % 2)
        odd = text(e, "        for (int i = 0; i < 6; i++)\n            to[i * %lld + %lld] = 0;\n",
                   (long long)line, (long long)f->pixels[1]);
    const Number number[] = {
        { "h", f->pixels[0] }, { "w", f->pixels[1] }, { "rows", f->rows },
        { "channels", w->channels }, { "bands", g->bands }, { "across", g->across },
        { "lanes", g->lanes }, { "tiles", g->tiles }, { "columns", g->columns },
        { "pitch", IR_TILE_COLUMNS * g->across }, { "line", line },
        { "source_step", g->source_step }, { "slope_step", g->slope_step },
        { "vector", e->o->target->vector_bytes / w->elem } };
    const Shaped shaped = { template, name, id, odd, g->panels };
    return shaped_function(w->k, &shaped, number, (int)(sizeof number / sizeof *number));
}

static const char *source_function(Weight *w)
{
    return add_function(w, source_text, "winograd_source_",
                        text(w->e, "%lldx%lldx%lld", (long long)w->channels,
                             (long long)w->w.across, (long long)w->w.tiles));
}

static const char *slopes_function(Weight *w)
{
    return add_function(w, slopes_text, "winograd_slopes_",
                        text(w->e, "%lldx%lldx%lld_%lld", (long long)w->f.rows,
                             (long long)w->f.pixels[0], (long long)w->f.pixels[1],
                             (long long)w->w.tiles));
}

/* Pieces of the worker's memory, as ir_worker_bytes has them, and the task's sums. */
static void place(Weight *w)
{
    WeightBytes b = ir_winograd_weight_bytes(&w->w, w->elem);
    const Piece piece[] = { { "frame", b.frame }, { "source", b.source }, { "slopes", b.slopes },
                            { "lines", b.lines } };
    Extent all = extent_mul(extent_of(&ir_type(w->k->g, w->f.source)->shape, 0, 1),
                            extent(w->w.bands, 0));
    long long bands = (long long)w->k->tasks.tile_cols;
    out_line(w->o, "const int64_t begin = task * %lld, end = smaller(begin + %lld, %s);", bands,
             bands, extent_text(w->e, all));
    scratch_pieces(w->k, piece, 4);
    out_line(w->o, "%s *const sums = %s + task * %lld;", real_type(w->k),
             slot_parts(w->k, w->e->m->real), (long long)w->w.sum_elems);
    out_line(w->o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    out_line(w->o, "memset(sums, 0, %lld);", (long long)(w->w.sum_elems * w->elem));
}

/* The six lines of band b, and its tiles. */
static void write_source(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long channels = (long long)w->channels, columns = (long long)f->places[1];
    long long lines = (long long)f->places[0], bands = (long long)w->w.bands;
    reach(e, SNIP_pack_columns);
    out_open(o, "for (int64_t b = 0; b < bands; b++)");
    out_line(o, "const int64_t image = (band + b) / %lld;", bands);
    out_line(o, "const int64_t top = (band + b) %% %lld * %d - 1;", bands, IR_TILE_LINES);
    out_open(o, "for (int i = 0; i < 6; i++)");
    out_line(o, "const int64_t line = top + i;");
    out_line(o, "%s *const to = frame + (i * %lld + 1) * %lld;", real_type(w->k),
             (long long)w->w.columns, channels);
    out_open(o, "if (line < 0 || line >= %lld)", lines);
    out_line(o, "memset(to, 0, %lld * sizeof *to);", columns * channels);
    out_close(o, " else {");
    out_deeper(o, 1);
    out_line(o, "pack_columns(%lld, %lld, %lld, %s + (image * %lld + line) * %lld, %lld, to);",
             columns, (long long)f->channels, channels, slot_read(w->k, f->source),
             (long long)f->channels * lines, columns, lines * columns);
    out_close(o, "");
    out_close(o, "");
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
    int64_t height = ir_strip(f->rows, f->rows, w->k->k->micro[0]);
    const char *from = text(e, "source + point * %lld", (long long)w->w.source_step);
    const char *panel = "point";
    out_open(o, "for (int64_t point = 0; point < %d; point++)", IR_POINTS);
    out_open(o, "for (int64_t r = 0; r < %lld; r += %lld)", rows, (long long)height);
    out_line(o, "const int64_t top = smaller(r, %lld - %lld);    /* the last strip overlaps */",
             rows, (long long)height);
    if (panels > 1) {
        out_open(o, "for (int64_t panel = 0; panel < %lld; panel++)", panels);
        from = text(e, "%s + panel * %lld", from, tiles * lanes);
        panel = text(e, "(point * %lld + panel)", panels);
    }
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(w->k),
             (long long)height * lanes);
    out_line(o, "%s *const to = sums + %s * %lld + top * %lld;", real_type(w->k), panel,
             rows * lanes, lanes);
    out_line(o, "%s(bands * %lld, slopes + point * %lld + top * %lld, %lld, 1,",
             micro_tile(e, (int)height, (int)w->k->k->micro[1]), (long long)w->w.across,
             (long long)w->w.slope_step, tiles, tiles);
    out_line(o, "    %s, %lld, strip);", from, lanes);
    out_line(o, "for (int64_t i = (r - top) * %lld; i < %lld; i++)", lanes,
             (long long)height * lanes);
    out_line(o, "    to[i] += strip[i];");
    if (panels > 1) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

static void write_tasks(Weight *w)
{
    Out *o = w->o;
    const Frame *f = &w->f;
    long long block = (long long)w->w.block;
    out_open(o, "for (int64_t band = begin; band < end; band += %lld)", block);
    out_line(o, "const int64_t bands = smaller(%lld, end - band);", block);
    write_source(w);
    out_line(o, "for (int64_t r = 0; r < %lld; r++)", (long long)f->rows);
    out_line(o, "    %s(%s + r * %lld, band, bands, lines, slopes + r * %lld);",
             slopes_function(w), slot_read(w->k, f->weight),
             (long long)(f->pixels[0] * f->pixels[1]), (long long)w->w.tiles);
    multiply(w);
    out_close(o, "");
}

/* The second stage: sums of tasks, G' and G, the epilogue. */
static void write_results(Weight *w)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = k->out;
    const Frame *f = &w->f;
    const char *real = real_type(k), *parts = slot_parts(k, e->m->real);
    long long rows = (long long)f->rows, lanes = (long long)w->w.lanes;
    long long panels = (long long)w->w.panels, tile = (long long)w->tile_rows;
    long long bands = (long long)k->tasks.tile_cols;
    Extent all = extent_mul(extent_of(&ir_type(k->g, f->source)->shape, 0, 1),
                            extent(w->w.bands, 0));
    reach(e, SNIP_winograd_back);
    out_open(o, "for (int64_t row = task * %lld; row < smaller(task * %lld + %lld, %lld); row++)",
             tile, tile, tile, rows);
    out_open(o, "for (int64_t c0 = 0; c0 < %lld; c0 += %lld)", (long long)f->channels, lanes);
    out_line(o, "%s point[%d][%lld] = { { 0 } }, tap[9][%lld];", real, IR_POINTS, lanes, lanes);
    out_open(o, "for (int64_t part = 0; part < (%s + %lld) / %lld; part++)", extent_text(e, all),
             bands - 1, bands);
    out_open(o, "for (int64_t p = 0; p < %d; p++)", IR_POINTS);
    out_line(o, "const %s *const from = %s + part * %lld", real, parts,
             (long long)w->w.sum_elems);
    const char *panel = panels > 1 ? text(e, "(p * %lld + c0 / %lld)", panels, lanes) : "p";
    out_line(o, "    + (%s * %lld + row) * %lld;", panel, rows, lanes);
    out_line(o, "for (int64_t i = 0; i < %lld; i++)", lanes);
    out_line(o, "    point[p][i] += from[i];");
    out_close(o, "");
    out_close(o, "");
    out_line(o, "winograd_back(%lld, &point[0][0], &tap[0][0]);", lanes);
    out_open(o, "for (int64_t i = 0; i < smaller(%lld, %lld - c0); i++)", lanes,
             (long long)f->channels);
    out_open(o, "for (int64_t j = 0; j < 9; j++)");
    out_line(o, "const int64_t col = (c0 + i) * 9 + j;");
    out_line(o, "const %s sum = tap[j][i];", real);
    for (uint32_t i = 0; i < k->g->n_node; i++) k->name[i] = NULL;
    k->name[k->root.i] = "sum";
    Nest nest = { 2, { { extent(f->rows, 0), "row" }, { extent(f->channels * 9, 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 4; i++) out_close(o, "");
}

void emit_winograd_weight(Kern *k)
{
    Weight w = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
                 .elem = ir_dtype_bytes(k->e->m->real), .tile_rows = k->k->tile[0] };
    int64_t lanes = k->k->micro[1] * k->e->o->target->vector_bytes / w.elem;
    w.w = ir_winograd_weight(&w.f, lanes, w.elem);
    w.channels = w.w.panels * lanes;
    k->note = text(k->e, "A task adds up %lld lines of 4x2 tiles, %lld at a time; then %lld\n"
                         " * channels of results are one.", (long long)k->tasks.tile_cols,
                   (long long)w.w.block, (long long)w.tile_rows);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    place(&w);
    write_tasks(&w);
    Out *first = k->out;
    k->finish = k->out = out_new(k->e->a);
    out_open(k->out, "%s", "");
    write_results(&w);
    out_close(k->out, "");
    k->out = first;
    k->finish_tasks = (w.f.rows + w.tile_rows - 1) / w.tile_rows;
}
