/* codegen/emit_tiles_conv.c: convolutions on tiles of bfloat16: conv_bf16x6, conv_bf16x3,
 * conv_bf16x1; parts and their products as in emit_tiles.c.
 *
 * A first stage splits the weights, 32 rows a task: [tap][32 channels][part][2 tiles]. Then a task
 * is a band of lines of an image, or some images, and rows of weights. It frames the band and
 * splits it to pairs of channels: [part][pair][plane]. What tap t reads of a run of 16 places, for
 * 16 pairs, is a tile: its rows are `plane` apart and t's distance from the run. So no patch is
 * copied, and a number is split once for all taps. Four tiles of sums are 32 rows by two runs; all
 * taps and channels are summed before they are stored. A tile's rows begin anywhere, each in two
 * lines of the cache: loading them takes less time than the products of parts.
 *
 * Blocks of unusual numbers (infinities, NaN, the ends of the range) are summed in plain float32.
 * Not here: groups; channels much fewer than 32, as tiles are as deep: patches serve them. */
#include "codegen/tiles.h"

typedef struct Tiled {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    TileConv t;
    const char *row0, *rows;
} Tiled;

static int64_t row_step(const Tiled *c)
{
    int64_t taps = ir_frame_taps(&c->f);
    return c->f.turned ? taps : taps * c->f.channels;
}

static int64_t channel_step(const Tiled *c)
{
    int64_t taps = ir_frame_taps(&c->f);
    return c->f.turned ? taps * c->f.rows : taps;
}

/* Where tap 0 of row `row` lies, and the steps to the next row, channel and tap. */
static const char *weights_text(Tiled *c, const char *row)
{
    long long taps = (long long)ir_frame_taps(&c->f);
    const char *from = text_add(c->e, slot_read(c->k, c->f.weight),
                                text_mul(c->e, row, extent(row_step(c), 0)));
    if (c->f.turned) from = text(c->e, "%s + %lld", from, taps - 1);
    return text(c->e, "%s, %lld, %lld, %d", from, (long long)row_step(c),
                (long long)channel_step(c), c->f.turned ? -1 : 1);
}

void tiles_memory(Kern *k, const TilePiece *piece, int n)
{
    long long at = 0;
    for (int i = 0; i < n; i++) {
        const char *type = piece[i].words ? "uint32_t" : real_type(k);
        out_line(k->out, "%s *const %s = (%s *)%s;", type, piece[i].name, type,
                 at ? text(k->e, "(scratch + %lld)", at) : "scratch");
        at += (long long)piece[i].bytes;
    }
}

/* Place of run `run` in the frame. */
static const char *run_text(Emit *e, const TileConv *t, const char *run)
{
    if (t->lines == 1) return text_mul(e, run, extent(IR_RUN, 0));
    if (t->across == 1) return text_mul(e, run, extent(t->pitch, 0));
    return text(e, "%s / %lld * %lld + %s %% %lld * %d", run, (long long)t->across,
                (long long)t->pitch, run, (long long)t->across, IR_RUN);
}

/* sums of a run, or of two: all taps of all channels, 32 at a time. */
static const char *runs_function(Tiled *c, bool two)
{
    const char *const sums[] = { "sums", two ? "other" : NULL, "sums + 16 * width",
                                 two ? "other + 16 * width" : NULL };
    const TileSide b = { "x", two ? "y" : NULL, "part", "plane * 4" };
    Out *o = out_new(c->e->a);
    const char *name = text(c->e, "tiles_%s%s", ir_algo[c->k->k->algo].name, two ? "_2" : "");
    out_line(o, "/* sums[32][16]%s = a times what taps read at %s of 16 places. */",
             two ? " and others" : "", two ? "two runs" : "a run");
    out_line(o, "ONCE void %s(int64_t n_taps, const int32_t *taps, int64_t steps,", name);
    out_line(o, "    const uint32_t *a, const uint32_t *first, %sint64_t plane, int64_t part,",
             two ? "const uint32_t *second, " : "");
    out_line(o, "    float *sums, %sint64_t width)", two ? "float *other, " : "");
    tiles_begin(o);
    if (c->t.parts == 1) out_line(o, "(void)part;");
    for (int i = 0; i < 4; i++)
        if (sums[i]) out_line(o, "tile_zero(t, %d);", i);
    out_open(o, "for (int64_t tap = 0; tap < n_taps; tap++)");
    out_line(o, "const uint32_t *x = first + taps[tap]%s;", two ? ", *y = second + taps[tap]" : "");
    out_open(o, "for (int64_t i = 0; i < steps; i++, a += %d, x += 16 * plane%s)",
             c->t.parts * IR_SIDE * IR_RUN, two ? ", y += 16 * plane" : "");
    tiles_products(c->e, o, c->k->k->algo, &b);
    out_close(o, "");
    out_close(o, "");
    tiles_store(o, sums);
    out_close(o, "");
    add_micro(c->e, out_text(o));
    return name;
}

/* The first stage: the parts of 32 rows of weights. */
static void write_weights(Tiled *c)
{
    Kern *k = c->k;
    Emit *e = c->e;
    Out *o = k->prepare = k->out = out_new(e->a);
    long long rows = (long long)c->f.rows;
    const char *shared = slot_shared(k, DT_i32, "parts", "the parts of weights");
    out_open(o, "%s", "");
    out_line(o, "uint32_t *const to = (uint32_t *)%s + task * %lld;", shared,
             (long long)ir_tile_weight_words(&c->t));
    out_line(o, "to[0] = split_weights(%d, smaller(32, %lld - task * 32), %lld, %lld,", c->t.parts,
             rows, (long long)c->f.channels, (long long)ir_frame_taps(&c->f));
    out_line(o, "    %s, (float *)scratch, to + 16);", weights_text(c, "task * 32"));
    out_close(o, "");
    k->prepare_tasks = (rows + IR_SIDE - 1) / IR_SIDE;
    k->out = c->o;
}

/* Pairs that no channels fill, to the next 32, are zeros. */
static void clear_rest(Tiled *c)
{
    long long pairs = (long long)(c->f.channels + 1) / 2, all = (long long)c->t.deep / 2;
    long long plane = (long long)c->t.plane;
    if (pairs == all) return;
    out_line(c->o, "for (int p = 0; p < %d; p++)", c->t.parts);
    out_line(c->o, "    memset(source + p * %lld + %lld, 0, %lld);", all * plane, pairs * plane,
             (all - pairs) * plane * 4);
}

/* The epilogue of a row's sums. */
static void write_results(Tiled *c)
{
    Kern *k = c->k;
    Emit *e = c->e;
    Out *o = c->o;
    const Shape *s = &ir_type(k->g, k->root)->shape;
    long long all = (long long)c->f.pixels[0], lines = (long long)c->t.band.pixels[0];
    const char *count = text(e, "%lld", lines), *line = "i";
    if (c->t.bands > 1) {
        line = "top + i";
        if (all % lines) count = text(e, "smaller(%lld, %lld - top)", lines, all);
    }
    out_open(o, "for (int64_t r = 0; r < height; r++)");
    out_line(o, "const int64_t row = %s;", text_add(e, c->row0, "block + r"));
    out_open(o, "for (int64_t i = 0; i < %s; i++)", count);
    out_line(o, "const float *const from = sums + r * %lld + i * %lld;", (long long)c->t.places,
             (long long)c->t.line);
    out_line(o, "const int64_t line = %s;", line);
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", (long long)c->f.pixels[1]);
    const char *sum = "from[col]";
    if (c->f.bias.i) sum = text(e, "%s + %s[row]", sum, slot_read(k, c->f.bias));
    out_line(o, "const float sum = %s;", sum);
    k->name[k->root.i] = "sum";
    Nest nest = { 4, { { extent_of(s, 0, 1), "image" },
                       { extent(c->f.rows, 0), "row" },
                       { extent(all, 0), "line" },
                       { extent(c->f.pixels[1], 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* 32 rows of results of a band, which is framed and split. */
static void write_rows(Tiled *c)
{
    Emit *e = c->e;
    Out *o = c->o;
    const TileConv *t = &c->t;
    long long taps = (long long)ir_frame_taps(&c->f), runs = (long long)t->places / IR_RUN;
    long long plane = (long long)t->plane, part = (long long)t->deep / 2 * plane;
    long long steps = (long long)t->deep / IR_SIDE, places = (long long)t->places;
    const char *shared = slot_shared(c->k, DT_i32, "parts", "the parts of weights");
    out_open(o, "for (int64_t block = 0; block < %s; block += 32)", c->rows);
    out_line(o, "const int64_t height = smaller(32, %s - block);", c->rows);
    out_line(o, "const uint32_t *const w = (const uint32_t *)%s + (%s) / 32 * %lld;", shared,
             text_add(e, c->row0, "block"), (long long)ir_tile_weight_words(t));
    out_open(o, "if (usual && splits(w[0]))");
    if (runs > 1) {
        out_open(o, "for (int64_t run = 0; run < %lld; run += 2)", runs - 1);
        out_line(o, "%s(%lld, taps, %lld, w + 16, source + %s,", runs_function(c, true), taps,
                 steps, run_text(e, t, "run"));
        out_line(o, "    source + %s, %lld, %lld,", run_text(e, t, "(run + 1)"), plane, part);
        out_line(o, "    sums + run * 16, sums + run * 16 + 16, %lld);", places);
        out_close(o, "");
    }
    if (runs % 2) {
        out_line(o, "%s(%lld, taps, %lld, w + 16, source + %s, %lld, %lld,",
                 runs_function(c, false), taps, steps,
                 run_text(e, t, text(e, "%lld", runs - 1)), plane, part);
        out_line(o, "    sums + %lld, %lld);", places - IR_RUN, places);
    }
    out_close(o, "");
    out_open(o, "else");
    out_line(o, "plain_taps(height, %lld, %lld, taps, %s,", (long long)c->f.channels, taps,
             weights_text(c, text_add(e, c->row0, "block")));
    out_line(o, "    frame, %lld, %lld, %lld, %lld, sums);", (long long)ir_frame_plane(&t->band),
             (long long)t->lines, (long long)t->pitch, (long long)t->across * IR_RUN);
    out_close(o, "");
    write_results(c);
    out_close(o, "");
}

/* Opens the loop over the task's images; of parts of one, `top` is the first line. */
static void open_images(Tiled *c)
{
    Emit *e = c->e;
    Out *o = c->o;
    long long tile = (long long)c->k->tasks.tile_cols, down = (long long)c->k->tasks.down;
    long long bands = (long long)c->t.bands, images = tile / (long long)c->f.pixels[0];
    const char *task = down == 1 ? "task" : text(e, "task / %lld", down);
    if (bands > 1) {
        out_line(o, "const int64_t image = %s / %lld, top = %s %% %lld * %lld;", task, bands, task,
                 bands, tile);
        out_open(o, "%s", "");
        return;
    }
    out_line(o, "const int64_t first = %s;", text_mul(e, task, extent(images, 0)));
    out_open(o, "for (int64_t image = first; image < smaller(first + %lld, %s); image++)", images,
             patches_images(c->k, &c->f));
}

static void emit_conv(Kern *k)
{
    Tiled c = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root) };
    if (c.f.op == OP_conv_weight) {
        emit_tiles_weight(k);
        return;
    }
    Emit *e = k->e;
    c.t = ir_tile_conv(&c.f, k->k);
    TileBytes b = ir_tile_bytes(&c.t);
    k->note = text(e, "A task is %lld channels at %lld lines, on tiles of bfloat16.",
                   (long long)k->tasks.tile_rows, (long long)k->tasks.tile_cols);
    reach(e, SNIP_tiles);
    reach(e, SNIP_split_taps);
    reach(e, SNIP_smaller);
    write_weights(&c);
    patches_taps(k, &c.t.band);
    patches_rows(k, c.f.rows, &c.row0, &c.rows);
    const TilePiece piece[] = { { "frame", b.frame, false }, { "source", b.parts, true },
                                { "sums", b.sums, false } };
    tiles_memory(k, piece, 3);
    out_line(c.o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    clear_rest(&c);
    out_line(c.o, "tiles_open();");
    open_images(&c);
    const char *channels = text(e, "%lld", (long long)c.f.channels);
    patches_band(k, &c.t.band, c.t.bands > 1 ? "top" : NULL, "image", "0", channels);
    long long plane = (long long)c.t.plane;
    out_line(c.o, "const bool usual");
    out_line(c.o, "    = splits(split_channels(%d, %s, frame, %lld, %lld, %lld, source));",
             c.t.parts, channels, (long long)ir_frame_plane(&c.t.band), plane,
             (long long)c.t.deep / 2 * plane);
    write_rows(&c);
    out_close(c.o, "");
    out_line(c.o, "tiles_close();");
}

void emit_conv_bf16x6(Kern *k) { emit_conv(k); }
void emit_conv_bf16x3(Kern *k) { emit_conv(k); }
void emit_conv_bf16x1(Kern *k) { emit_conv(k); }
