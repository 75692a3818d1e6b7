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
#include "codegen/winograd_weight.h"

/* Of d_y, of all images. */
static Extent all_lines(const WeightKern *w)
{
    return extent_mul(extent_of(&ir_type(w->k->g, w->f.source)->shape, 0, 1),
                      extent(w->f.pixels[0], 0));
}

/* The task's rows, line of points, and lines of d_y. */
static void place(WeightKern *w)
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
static const char *band_from(const WeightKern *w, const char *line)
{
    long long height = (long long)w->f.pixels[0], tile = (long long)w->w.tile[0];
    if (height % tile == 0) return text(w->e, "(%s + %lld) / %lld", line, tile - 1, tile);
    return text(w->e, "%s / %lld * %lld + (%s %% %lld + %lld) / %lld", line, height,
                (long long)w->w.bands, line, height, tile - 1, tile);
}

/* Parts of the worker's memory, as ir_worker_bytes has them, and the task's sums of the piece. */
static void place_piece(WeightKern *w, int64_t sums_before)
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
    Extent line = extent(w->w.sum_elems / w->w.size[0], 0);      /* of points */
    if (w->w.cut) at = text_add(e, at, text_mul(e, "point_y", line));
    out_line(o, "%s *const sums = %s;", real_type(w->k),
             text_add(e, slot_parts(w->k, e->m->real), at));
    out_line(o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
}

/* Lines of the frame from columns that taps read, [columns][channels]; `from`: [channels] such
 * columns, `step` apart. */
static void turn_round(WeightKern *w, const char *from, int64_t step, const char *to)
{
    const Frame *f = &w->f;
    long long before = f->low[1] < 0 ? (long long)-f->low[1] : 0;
    out_line(w->o, "pack_columns(%lld, %lld, %lld,", (long long)f->places[1] - before,
             (long long)f->channels, (long long)w->channels);
    out_line(w->o, "    %s, %lld, %s);", text_shift(w->e, from, before), (long long)step, to);
}

/* All lines that a band's tiles read. */
static void write_frame(WeightKern *w)
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
static void write_source(WeightKern *w)
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
        out_line(o, "%s(%s + image * %lld, top, point_y, lines);", winograd_line_function(w),
                 slot_read(w->k, f->source),
                 (long long)(f->channels * f->places[0] * f->places[1]));
        turn_round(w, "lines", f->places[1],
                   f->low[1] > 0 ? text(e, "frame + %lld", (long long)(f->low[1] * w->channels))
                                 : "frame");
    } else {
        write_frame(w);
    }
    out_line(o, "%s(frame, source + b * %lld);", winograd_source_function(w),
             (long long)(w->w.across * w->w.lanes));
    out_close(o, "");
}

/* Asks for the strip's part of what the next block reads of d_y, and as large a part of x. (Where
 * points are cut that is slower: many rows are between two blocks.) */
static void ask_next(WeightKern *w, int64_t height)
{
    Kern *k = w->k;
    const Frame *f = &w->f;
    int64_t n = ir_dim_at(ir_type(k->g, f->source)->shape.dim[0], w->e->m->capacity);
    int64_t points = w->w.points, block = w->w.block;
    int64_t strips = (w->tile_rows + height - 1) / height;
    int64_t share = (f->channels + strips - 1) / strips;
    const Planes x = { n, f->channels, f->places[0] * f->places[1], w->w.bands,
                       w->w.tile[0] * f->places[1] };
    const Planes d_y = { n, f->rows, ir_frame_pixels(f), w->w.bands, w->w.tile[0] * f->pixels[1] };
    const char *next = text(w->e, "band + %lld", (long long)block);
    const char *bands = text(w->e, "smaller(%lld, end - band - %lld)", (long long)block,
                             (long long)block);
    winograd_ask(k, &x, slot_read(k, f->source), next, bands,
                 text(w->e, "r / %lld * %lld", (long long)height, (long long)share), share, "point",
                 points);
    winograd_ask(k, &d_y, slot_read(k, f->weight), next, bands, text_add(w->e, w->row0, "r"),
                 height, "point", points);
}

/* At each point, panel by panel: sums[point][panel][rows][lanes]. */
static void multiply(WeightKern *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long rows = (long long)f->rows, lanes = (long long)w->w.lanes;
    long long panels = (long long)w->w.panels, tiles = (long long)w->w.tiles;
    int64_t height = ir_strip(f->rows, w->tile_rows, w->k->k->micro[0]);
    const char *from = text(e, "source + point * %lld", (long long)w->w.source_step);
    const char *to = text(e, "sums + point * %lld", (long long)w->w.sum_step);
    out_open(o, "for (int64_t point = 0; point < %lld; point++)",
             (long long)(w->w.point_lines * w->w.size[1]));
    out_open(o, "for (int64_t r = 0; r < %s; r += %lld)", w->rows, (long long)height);
    out_line(o, "const int64_t top = smaller(r, %s - %lld);    /* the last strip overlaps */",
             w->rows, (long long)height);
    if (!w->w.cut) ask_next(w, height);
    if (panels > 1) {
        out_open(o, "for (int64_t panel = 0; panel < %lld; panel++)", panels);
        from = text(e, "%s + panel * %lld", from, tiles * lanes);
        to = text(e, "%s + panel * %lld", to, rows * lanes);
    }
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(w->k),
             (long long)height * lanes);
    out_line(o, "%s *const to = %s + (%s) * %lld;", real_type(w->k), to,
             text_add(e, w->row0, "top"), lanes);
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
static void write_bands(WeightKern *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = &w->f;
    long long block = (long long)w->w.block;
    out_open(o, "for (int64_t band = begin; band == begin || band < end; band += %lld)", block);
    out_line(o, "const int64_t bands = smaller(%lld, end - band);", block);
    write_source(w);
    out_line(o, "for (int64_t r = 0; r < %s; r++)", w->rows);
    out_line(o, "    %s(%s + (%s) * %lld, %sband, bands, lines,", winograd_slopes_function(w),
             slot_read(w->k, f->weight), text_add(e, w->row0, "r"),
             (long long)(f->pixels[0] * f->pixels[1]), w->w.cut ? "point_y, " : "");
    out_line(o, "        slopes + r * %lld);", (long long)w->w.tiles);
    multiply(w);
    out_close(o, "");
}

/* A piece's taps of a row: its sums in the order of lines, G' and G. */
static void write_taps(WeightKern *w, const WinogradPiece *p, int64_t sums_before)
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
    const char *row = panels > 1 ? text(e, "c0 * %lld + row * %lld", (long long)w->f.rows, lanes)
                                 : text(e, "row * %lld", lanes);
    out_line(o, "const %s *const from = %s", real,
             text_shift(e, text(e, "%s + part * %lld", parts, (long long)w->sum_elems),
                        sums_before));
    out_line(o, "    + p * %lld + %s;", (long long)w->w.sum_step, row);
    reach(e, SNIP_ahead);
    out_line(o, "ahead(from + %lld, %lld);    /* two rows on */", 2 * lanes, lanes);
    out_line(o, "for (int64_t i = 0; i < %lld; i++)", lanes);
    out_line(o, "    point[p][i] += from[i];");
    out_close(o, "");
    out_close(o, "");
    out_line(o, "%s(%lld, &point[0][0], &tap[%lld][0]);", winograd_back_function(w), lanes,
             (long long)(p->first[0] * w->taps_x + p->first[1]));
}

/* Makes piece i the one at hand. Returns how many sums stand before its own. */
static int64_t take_piece(WeightKern *w, int i)
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

/* The first stage's block for piece i: each of its lines of points, where these are cut, is the
 * turn of a task. */
static void write_piece(WeightKern *w, int i)
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

/* Asks for what the epilogue of the next row reads. */
static void ask_ahead(WeightKern *w, int64_t taps)
{
    Val stream[MAX_SLOTS];
    int64_t bytes;
    int n = streams_of(w->k, stream, &bytes);
    for (int i = 0; i < n; i++) {
        reach(w->e, SNIP_fetch);
        out_line(w->o, "fetch(%s + (row + 1) * %lld + c0 * %lld, %lld);",
                 slot_read(w->k, stream[i]), (long long)(w->f.channels * taps), (long long)taps,
                 (long long)(w->w.lanes * taps));
    }
}

/* The second stage, with the epilogue. */
static void write_results(WeightKern *w)
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
    ask_ahead(w, taps);
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
    WeightKern w = { .k = k, .e = k->e, .o = k->out, .elem = ir_dtype_bytes(k->e->m->real),
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
