/* codegen/patches.c: an image's frame (ir/frame.h), and where its taps are. */
#include "codegen/patches.h"
#include <string.h>

/* Places [*first, *end) of the source are those that the frame has room for. */
static void inside(const Frame *f, int axis, int64_t room, int64_t *first, int64_t *end)
{
    int64_t low = f->low[axis], step = f->spread[axis];
    *first = low < 0 ? (-low + step - 1) / step : 0;
    *end = f->places[axis];
    while (*end > *first && (*end - 1) * step + low >= room) --*end;
    if (*end < *first) *end = *first;
}

/* One line of the source, phase by phase: columns first, first + phases, … */
static void write_line(Kern *k, Out *o, const Frame *f)
{
    Emit *e = k->e;
    int64_t first, end;
    inside(f, 1, f->phases * f->length, &first, &end);
    for (int64_t phase = 0; phase < f->phases; phase++) {
        int64_t at = first;
        while (at < end && (at * f->spread[1] + f->low[1]) % f->phases != phase) at++;
        int64_t stand = at * f->spread[1] + f->low[1];
        int64_t to = phase * f->length + stand / f->phases;
        int64_t count = (end - at + f->phases - 1) / f->phases;
        if (at >= end) continue;
        const char *from = text_shift(e, "from", at), *into = text_shift(e, "to", to);
        if (f->phases == 1 && f->spread[1] == 1) {
            out_line(o, "memcpy(%s, %s, %lld * sizeof *to);", into, from, (long long)count);
            continue;
        }
        out_line(o, "for (int64_t i = 0; i < %lld; i++)", (long long)count);
        const char *step = text_mul(e, "i", extent(f->spread[1], 0));
        const char *source = text_mul(e, "i", extent(f->phases, 0));
        out_line(o, "    to[%s] = from[%s];", text_shift(e, step, to), text_shift(e, source, at));
    }
}

/* for each channel, for each line of the source that the frame has room for */
static void open_lines(Kern *k, const Frame *f, const char *top, const char *channels)
{
    Out *o = k->out;
    long long spread = (long long)f->spread[0], places = (long long)f->places[0];
    if (top) {
        const char *edge = text_mul(k->e, top, extent(f->stride[0], 0));
        out_line(o, "const int64_t edge = %s;    /* where the frame begins */",
                 text_shift(k->e, edge, -f->low[0]));
    }
    out_open(o, "for (int64_t c = 0; c < %s; c++)", channels);
    if (!top) {
        int64_t begin, end;
        inside(f, 0, f->height, &begin, &end);
        out_open(o, "for (int64_t line = %lld; line < %lld; line++)", (long long)begin,
                 (long long)end);
        return;
    }
    const char *begin = "edge", *end = text(k->e, "edge + %lld", (long long)f->height);
    if (spread > 1) {
        begin = text(k->e, "(edge + %lld) / %lld", spread - 1, spread);
        end = text(k->e, "(%s) / %lld", text_shift(k->e, end, spread - 1), spread);
    }
    out_line(o, "const int64_t stop = smaller(%s, %lld);", end, places);
    out_open(o, "for (int64_t line = edge > 0 ? %s : 0; line < stop; line++)", begin);
}

void patches_frame(Kern *k, const Frame *f, const char *image, const char *first,
                   const char *channels)
{
    patches_band(k, f, NULL, image, first, channels);
}

void patches_band(Kern *k, const Frame *f, const char *top, const char *image, const char *first,
                  const char *channels)
{
    Emit *e = k->e;
    Out *o = k->out;
    int64_t pitch = f->phases * f->length;
    open_lines(k, f, top, channels);
    const char *from = text_add(e, text_mul(e, image, extent(f->channels, 0)),
                                text_add(e, first, "c"));
    from = text_add(e, text_mul(e, from, extent(f->places[0], 0)), "line");
    out_line(o, "const %s *const from = %s + %s;", real_type(k), slot_read(k, f->source),
             text_mul(e, from, extent(f->places[1], 0)));
    const char *to = text_mul(e, "line", extent(f->spread[0], 0));
    to = top ? text(e, "%s - edge", to) : text_shift(e, to, f->low[0]);
    out_line(o, "%s *const to = frame + c * %lld + %s;", real_type(k),
             (long long)ir_frame_plane(f), text_mul(e, to, extent(pitch, 0)));
    write_line(k, o, f);
    out_close(o, "");
    out_close(o, "");
}

ConvBytes conv_bytes(const Kern *k)
{
    return ir_conv_bytes(k->g, k->k, k->e->o->target->vector_bytes);
}

void scratch_pieces(Kern *k, const Piece *piece, int n)
{
    const char *real = real_type(k);
    long long at = 0;
    for (int i = 0; i < n; i++) {
        if (!piece[i].bytes) continue;
        const char *where = at ? text(k->e, "(scratch + %lld)", at) : "scratch";
        out_line(k->out, "%s *const %s = (%s *)%s;", real, piece[i].name, real, where);
        at += (long long)piece[i].bytes;
    }
}

/* Is there another function of that name? */
static bool taken(const Emit *e, const char *name, const char *function)
{
    for (int i = 0; i < e->n_micro; i++)
        if (out_mentions(e->micro[i], name) && strcmp(e->micro[i], function)) return true;
    return false;
}

const char *shaped_function(Kern *k, const Shaped *s)
{
    enum { MOST = 40 };
    Emit *e = k->e;
    Hole holes[MOST] = { { "R", real_type(k) }, { "id", s->id } };
    int n = 2;
    if (n + s->n_number + s->n_piece > MOST)
        ir_die(e->m, "codegen: %s has too many holes", s->name);
    for (int i = 0; i < s->n_number; i++)
        holes[n++] = (Hole){ s->number[i].name, text(e, "%lld", (long long)s->number[i].value) };
    for (int i = 0; i < s->n_piece; i++) holes[n++] = s->piece[i];
    for (int same = 2;; same++) {
        Out *o = out_new(e->a);
        const char *name = text(e, "%s%s", s->name, holes[1].text);
        out_template(o, s->text, holes, n);
        if (!taken(e, name, out_text(o))) {
            add_micro(e, out_text(o));
            return name;
        }
        holes[1].text = text(e, "%s_%d", s->id, same);
    }
}

void patches_taps(Kern *k, const Frame *f)
{
    enum { A_LINE = 12 };
    Emit *e = k->e;
    int64_t n = ir_frame_taps(f);
    out_open(k->out, "static const int32_t taps[] =");
    for (int64_t t = 0; t < n;) {
        const char *line = "";
        for (int i = 0; i < A_LINE && t < n; i++, t++)
            line = text(e, "%s%s%lld,", line, i ? " " : "", (long long)ir_frame_tap(f, t));
        out_line(k->out, "%s", line);
    }
    out_close(k->out, ";");
}

void patches_part(Kern *k, const char *name, const char *at, int64_t parts, int64_t tile,
                  int64_t all, const char **first, const char **count)
{
    Emit *e = k->e;
    *first = "0";
    *count = text(e, "%lld", (long long)(tile < all ? tile : all));
    if (parts == 1) return;
    *first = text(e, "%s0", name);
    out_line(k->out, "const int64_t %s = %s;", *first, text_mul(e, at, extent(tile, 0)));
    if (all % tile == 0) return;
    *count = text(e, "%ss", name);
    out_line(k->out, "const int64_t %s = smaller(%lld, %lld - %s);", *count, (long long)tile,
             (long long)all, *first);
}

void patches_rows(Kern *k, int64_t all, const char **row0, const char **rows)
{
    const Tasks *t = &k->tasks;
    patches_part(k, "row", text(k->e, "task %% %lld", (long long)t->down), t->down, t->tile_rows,
                 all, row0, rows);
}

const char *patches_images(Kern *k, const Frame *f)
{
    return extent_text(k->e, extent_of(&ir_type(k->g, f->source)->shape, 0, 1));
}

Nest patches_nest(Kern *k, const Frame *f, const char *image, const char *row, const char *pixel)
{
    const Shape *s = &ir_type(k->g, k->root)->shape;
    return (Nest){ 3, { { extent_of(s, 0, 1), image },
                        { extent(f->rows, 0), row },
                        { extent(ir_frame_pixels(f), 0), pixel } } };
}

int64_t patches_pooled_elems(const Frame *f, const Pooled *pool)
{
    return pool->taps[0] * f->pixels[1];
}

void patches_pooled_epilogue(Kern *k, const Frame *f, const Pooled *pool, const char *largest,
                             const char *col)
{
    const Shape *s = &ir_type(k->g, pool->take)->shape;
    if (f->bias.i) largest = text(k->e, "%s + %s[row]", largest, slot_read(k, f->bias));
    out_line(k->out, "const %s sum = %s;", real_type(k), largest);
    k->name[pool->take.i] = "sum";
    Nest nest = { 4, { { extent_of(s, 0, 1), "image" },
                       { extent(f->rows, 0), "row" },
                       { extent(pool->windows[0], 0), "line" },
                       { extent(pool->windows[1], 0), col } } };
    members_emit(k, k->out, &nest);
}

/* As in PyTorch, a NaN is larger than all before it. */
void patches_pooled(Kern *k, const Frame *f, const Pooled *pool, const char *row0,
                    const char *rows)
{
    Emit *e = k->e;
    Out *o = k->out;
    int64_t across = pool->taps[1], taps = pool->taps[0] * across;
    const char *real = real_type(k);
    out_open(o, "for (int64_t i = 0; i < %s; i++)", rows);
    out_line(o, "const int64_t row = %s;", text_add(e, row0, "i"));
    out_line(o, "const %s *const from = sums + i * %lld;", real,
             (long long)patches_pooled_elems(f, pool));
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", (long long)pool->windows[1]);
    for (int64_t tap = 0; tap < taps; tap++) {
        long long at = (long long)(tap / across * f->pixels[1] + tap % across);
        const char *value = text(e, "value%lld", (long long)tap);
        out_line(o, "const %s %s = from[%s];", real, value,
                 text_shift(e, text_mul(e, "col", extent(across, 0)), at));
        if (!tap) out_line(o, "%s best = value0;", real);
        else out_line(o, "best = ((%s > best) | (%s != %s)) ? %s : best;", value, value, value,
                      value);
    }
    patches_pooled_epilogue(k, f, pool, "best", "col");
    out_close(o, "");
    out_close(o, "");
}
