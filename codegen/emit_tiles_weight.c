/* codegen/emit_tiles_weight.c: conv_weight on tiles of bfloat16, d_w(o, c, tap) = sum over images
 * and places of d_y(o, p) times what the tap reads of x(c, p).
 *
 * A task is some rows o and some channels, so that no sum is split between tasks. A pair is what
 * two images have at the same place, so that a tap moves x by whole rows of a tile: runs of 16
 * places of both images are what tiles sum over. x is framed and split as [part][16 channels]
 * [place][16], d_y as [32 rows][run][part][2][16][16], with zeros wherever runs go beyond a line.
 * Large images are taken in bands. Sums of two images are added up in the worker's memory until all
 * are through: one sum over all would be less exact.
 *
 * Pairs of images with unusual numbers are summed in plain float32, as in emit_tiles_conv.c. */
#include "codegen/tiles.h"

typedef struct Weight {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    TileConv t;
    long long frame;                       /* elements of one */
    const char *row0, *rows, *channel0, *channels;
    const char *top, *lines;               /* of the band */
} Weight;

static void place(Weight *w)
{
    Kern *k = w->k;
    const Tasks *t = &k->tasks;
    const char *across = text(w->e, "task / %lld", (long long)t->down);
    TileBytes b = ir_tile_bytes(&w->t);
    patches_rows(k, w->f.rows, &w->row0, &w->rows);
    patches_part(k, "channel", across, t->across, w->t.channels, w->f.channels, &w->channel0,
                 &w->channels);
    const TilePiece piece[] = { { "frames", b.frame, false }, { "source", b.parts, true },
                                { "places", b.line, false }, { "slopes", b.slopes, true },
                                { "sums", b.sums, false } };
    tiles_memory(k, piece, 5);
    w->frame = (long long)b.frame / 2 / 4;
    out_line(w->o, "memset(frames, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    out_line(w->o, "memset(places, 0, %lld);", (long long)b.line);
    out_line(w->o, "memset(sums, 0, %lld);", (long long)b.sums);
}

/* Frames of two images, the second of which may not be there, and their parts. */
static void write_frames(Weight *w)
{
    Out *o = w->o;
    long long plane = (long long)w->t.plane;
    out_open(o, "for (int64_t half = 0; half < 2; half++)");
    out_line(o, "float *const frame = frames + half * %lld;", w->frame);
    if (w->t.bands > 1) {
        out_line(o, "memset(frame, 0, %lld);", w->frame * 4);
        out_line(o, "if (half == images) break;");
    } else {
        out_open(o, "if (half == images)");
        out_line(o, "memset(frame, 0, %lld);", w->frame * 4);
        out_line(o, "break;");
        out_close(o, "");
    }
    patches_band(w->k, &w->t.band, w->t.bands > 1 ? "top" : NULL, "(first + half)", w->channel0,
                 w->channels);
    out_close(o, "");
    out_line(o, "bool usual = splits(split_images(%d, %s, frames, frames + %lld, %lld, %lld,",
             w->t.parts, w->channels, w->frame, (long long)ir_frame_plane(&w->t.band), plane);
    out_line(o, "    %lld, source));", (long long)w->t.deep * plane);
}

/* Image `image` of d_y, from the band's first line and row `row` of the task on. */
static const char *slope_text(Weight *w, const char *image, const char *row)
{
    Emit *e = w->e;
    const char *at = text_add(e, text_mul(e, image, extent(w->f.rows, 0)),
                              text_add(e, w->row0, row));
    at = text_mul(e, at, extent(ir_frame_pixels(&w->f), 0));
    at = text_add(e, at, text_mul(e, w->top, extent(w->f.pixels[1], 0)));
    return text_add(e, slot_read(w->k, w->f.weight), at);
}

/* Rows of d_y of both images, and their parts. */
static void write_slopes(Weight *w)
{
    Out *o = w->o;
    long long places = (long long)w->t.places, runs = places / IR_RUN;
    long long columns = (long long)w->f.pixels[1];
    out_line(o, "uint32_t largest = 0;");
    out_open(o, "for (int64_t r = 0; r < %s; r++)", w->rows);
    out_open(o, "for (int64_t half = 0; half < 2; half++)");
    out_line(o, "float *const to = places + half * %lld;", places);
    if (w->f.pixels[0] % w->t.band.pixels[0])
        out_line(o, "memset(to, 0, %lld);", places * 4);
    out_line(o, "for (int64_t line = 0; line < %s && half < images; line++)", w->lines);
    out_line(o, "    memcpy(to + line * %lld, %s + line * %lld, %lld * sizeof *to);",
             (long long)w->t.line, slope_text(w, "(first + half)", "r"), columns, columns);
    out_line(o, "if (half == images) memset(to, 0, %lld);", places * 4);
    out_close(o, "");
    out_open(o, "for (int64_t run = 0; run < %lld; run++)", runs);
    out_line(o, "const float *const at = places + run * 16;");
    out_line(o, "uint32_t *const to = slopes + (r / 32 * %lld + run) * %d + r %% 32 * 16;", runs,
             w->t.parts * IR_SIDE * IR_RUN);
    out_line(o, "const uint32_t l = split_pairs(%d, at, at + %lld, 1, to, %d);", w->t.parts, places,
             IR_SIDE * IR_RUN);
    out_line(o, "largest = largest > l ? largest : l;");
    out_close(o, "");
    out_close(o, "");
    out_line(o, "usual = usual && splits(largest);");
}

/* sums[32][32] += a times one tap of the source, over all runs. */
static const char *runs_function(Weight *w)
{
    static const char *const own[] = { "own", "own + 16", "own + 512", "own + 528" };
    const TileSide b = { "x", "y", "part", "64" };
    Out *o = out_new(w->e->a);
    const char *name = text(w->e, "tiles_%s_weight", ir_algo[w->k->k->algo].name);
    out_line(o, "/* sums[32][32] += a times what a tap reads of 32 channels, over runs of 16. */");
    out_line(o, "ONCE void %s(int64_t lines, int64_t across, int64_t pitch,", name);
    out_line(o, "    const uint32_t *a, const uint32_t *first, const uint32_t *second,");
    out_line(o, "    int64_t part, float *sums, int64_t row_step)");
    tiles_begin(o);
    if (w->t.parts == 1) out_line(o, "(void)part;");
    out_line(o, "const int64_t width = 32;");
    out_line(o, "float own[1024];    /* two images' */");
    for (int i = 0; i < 4; i++) out_line(o, "tile_zero(t, %d);", i);
    out_open(o, "for (int64_t line = 0; line < lines; line++)");
    out_line(o, "const uint32_t *x = first + line * pitch, *y = second + line * pitch;");
    out_open(o, "for (int64_t i = 0; i < across; i++, a += %d, x += 256, y += 256)",
             w->t.parts * IR_SIDE * IR_RUN);
    tiles_products(w->e, o, w->k->k->algo, &b);
    out_close(o, "");
    out_close(o, "");
    tiles_store(o, own);
    out_line(o, "for (int i = 0; i < 32; i++)");
    out_line(o, "    for (int j = 0; j < 32; j++) sums[i * row_step + j] += own[i * 32 + j];");
    out_close(o, "");
    add_micro(w->e, out_text(o));
    return name;
}

static void add_up(Weight *w)
{
    Out *o = w->o;
    const TileConv *t = &w->t;
    long long taps = (long long)ir_frame_taps(&w->f), plane = (long long)t->plane;
    long long deep = (long long)t->deep, each = (long long)t->tall * deep;
    long long a = (long long)t->places / IR_RUN * t->parts * IR_SIDE * IR_RUN;
    out_open(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_open(o, "if (usual)");
    out_open(o, "for (int64_t r = 0; r < %s; r += 32)", w->rows);
    out_open(o, "for (int64_t c = 0; c < %s; c += 32)", w->channels);
    out_line(o, "const uint32_t *const at = source + c * %lld + taps[tap] * 16;", plane);
    out_line(o, "%s(%lld, %lld, %lld, slopes + r / 32 * %lld,", runs_function(w),
             (long long)t->lines, (long long)t->across, (long long)t->pitch * IR_RUN, a);
    out_line(o, "    at, at + %lld, %lld, sums + tap * %lld + r * %lld + c, %lld);", plane * IR_RUN,
             deep * plane, each, deep, deep);
    out_close(o, "");
    out_close(o, "");
    out_close(o, "");
    out_open(o, "else");
    out_line(o, "for (int64_t half = 0; half < images; half++)");
    out_line(o, "    plain_places(%s, %s, %s, %lld, %s, %lld,", w->rows, w->channels,
             slope_text(w, "(first + half)", "0"), (long long)ir_frame_pixels(&w->f), w->lines,
             (long long)w->f.pixels[1]);
    out_line(o, "        frames + half * %lld + taps[tap], %lld, %lld, sums + tap * %lld, %lld);",
             w->frame, (long long)ir_frame_plane(&t->band), (long long)t->pitch, each, deep);
    out_close(o, "");
    out_close(o, "");
}

static void write_results(Weight *w)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = w->o;
    long long taps = (long long)ir_frame_taps(&w->f), deep = (long long)w->t.deep;
    out_open(o, "for (int64_t r = 0; r < %s; r++)", w->rows);
    out_line(o, "const int64_t row = %s;", text_add(e, w->row0, "r"));
    out_open(o, "for (int64_t c = 0; c < %s; c++)", w->channels);
    out_open(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_line(o, "const int64_t col = (%s) * %lld + tap;", text_add(e, w->channel0, "c"), taps);
    out_line(o, "const float sum = sums[tap * %lld + r * %lld + c];", (long long)w->t.tall * deep,
             deep);
    Nest nest = { 2, { { extent(w->f.rows, 0), "row" },
                       { extent(ir_frame_depth(&w->f), 0), "col" } } };
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

void emit_tiles_weight(Kern *k)
{
    Weight w = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root), .top = "0" };
    w.t = ir_tile_conv(&w.f, k->k);
    long long lines = (long long)w.t.band.pixels[0], all = (long long)w.f.pixels[0];
    const char *images = patches_images(k, &w.f);
    k->note = text(k->e, "A task is %lld channels of results by %lld of x, on tiles of bfloat16.",
                   (long long)w.t.rows, (long long)w.t.channels);
    reach(k->e, SNIP_tiles);
    reach(k->e, SNIP_split_images);
    patches_taps(k, &w.t.band);
    place(&w);
    out_line(w.o, "tiles_open();");
    out_open(w.o, "for (int64_t first = 0; first < %s; first += 2)", images);
    out_line(w.o, "const int64_t images = smaller(2, %s - first);", images);
    w.lines = text(k->e, "%lld", lines);
    if (w.t.bands > 1) {
        out_open(w.o, "for (int64_t top = 0; top < %lld; top += %lld)", all, lines);
        w.top = "top";
        if (all % lines) w.lines = text(k->e, "smaller(%lld, %lld - top)", lines, all);
    }
    write_frames(&w);
    write_slopes(&w);
    add_up(&w);
    if (w.t.bands > 1) out_close(w.o, "");
    out_close(w.o, "");
    out_line(w.o, "tiles_close();");
    write_results(&w);
}
