/* codegen/emit_patches_lanes.c: conv_weight where lines of taps are long (ir_frame_long_taps), with
 * taps in lanes: d_w(o, k) = sum over images and pixels of d_y(o, p) times what tap k of p reads.
 *
 * A task is some rows o and some channels, so that no sum is split between tasks. It frames an
 * image's channels (ir/frame.h) and packs what taps read of some pixels as [pixel][channel, tap],
 * lines of taps being copied whole. Then the register tile of products sums strips of rows over
 * these pixels, d_y being read where it lies, and each tile is added to the task's sums. */
#include "codegen/patches.h"

static const char pixels_text[] =
    "/* pack[pixels][$width]: what taps of pixels from `first` on read of channels of a frame.\n"
    " * Whole vectors are copied; what one writes beyond its line of taps the next writes over. */\n"
    "ONCE void pack_pixels_$id(int64_t channels, int64_t first, int64_t pixels,\n"
    "    const $R *restrict frame, $R *restrict pack)\n"
    "{\n"
    "    for (int64_t p = first; p < first + pixels; p++, pack += $width) {\n"
    "        const $R *from = frame + p / $columns * $down + p % $columns * $across;\n"
    "        for (int64_t c = 0; c < channels; c++, from += $plane)\n"
    "            for (int64_t i = 0; i < $taps_y; i++)\n"
    "                for (int64_t j = 0; j < $taps_x; j += $vector)\n"
    "                    *(vec *)(pack + (c * $taps_y + i) * $taps_x + j)\n"
    "                        = *(const vec *)(from + i * $line + j);\n"
    "    }\n"
    "}\n";

typedef struct Lanes {
    Kern *k;
    Emit *e;
    Out *o;
    const Frame *f;                        /* in order */
    int64_t lanes, width;                  /* of a panel; of all panels of a task */
    int height, vectors;
    const char *row0, *rows, *channel0, *channels;
} Lanes;

static void place(Lanes *w)
{
    const Tasks *t = &w->k->tasks;
    const char *down = text(w->e, t->across > 1 ? "task %% %lld" : "task", (long long)t->down);
    const char *across = text(w->e, t->down > 1 ? "task / %lld" : "task", (long long)t->down);
    patches_part(w->k, "row", down, t->down, t->tile_rows, w->f->rows, &w->row0, &w->rows);
    patches_part(w->k, "channel", across, t->across, t->tile_cols / ir_frame_taps(w->f),
                 w->f->channels, &w->channel0, &w->channels);
    ConvBytes b = conv_bytes(w->k);
    const Piece piece[] = { { "frame", b.frame }, { "pack", b.pack }, { "sums", b.sums } };
    scratch_pieces(w->k, piece, 3);
    out_line(w->o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    out_line(w->o, "memset(pack, 0, %lld);     /* lanes beyond the last tap are some numbers */",
             (long long)b.pack);
    out_line(w->o, "memset(sums, 0, %lld);", (long long)b.sums);
}

static const char *pixels_function(Lanes *w)
{
    const Frame *f = w->f;
    const Number number[] = {
        { "width", w->width }, { "columns", f->pixels[1] }, { "across", f->stride[1] },
        { "down", f->stride[0] * f->length }, { "plane", ir_frame_plane(f) },
        { "line", f->dilation[0] * f->length }, { "taps_y", f->taps[0] }, { "taps_x", f->taps[1] },
        { "vector", w->lanes / w->vectors } };
    const Shaped shaped = { .text = pixels_text, .name = "pack_pixels_", .number = number,
                            .n_number = sizeof number / sizeof *number,
                            .id = text(w->e, "%lldx%lld", (long long)f->taps[0],
                                       (long long)f->taps[1]) };
    return shaped_function(w->k, &shaped);
}

/* Strips of rows over the packed pixels, panel by panel. */
static void multiply(Lanes *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    long long pixels = (long long)ir_frame_pixels(w->f), lanes = (long long)w->lanes;
    const char *row = text_add(e, text_mul(e, "image", extent(w->f->rows, 0)), w->row0);
    out_open(o, "for (int64_t r = 0; r < %s; r += %d)", w->rows, w->height);
    out_line(o, "const int64_t top = smaller(r, %s - %d);    /* the last strip overlaps */",
             w->rows, w->height);
    out_line(o, "const %s *const slopes = %s + p0;", real_type(w->k),
             text_add(e, slot_read(w->k, w->f->weight),
                      text_mul(e, text_add(e, row, "top"), extent(pixels, 0))));
    out_open(o, "for (int64_t j0 = 0; j0 < %lld; j0 += %lld)", (long long)w->width, lanes);
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(w->k),
             w->height * lanes);
    out_line(o, "%s(pixels, slopes, %lld, 1, pack + j0, %lld, strip);",
             micro_tile(e, w->height, w->vectors), pixels, (long long)w->width);
    out_line(o, "for (int64_t i = r - top; i < %d; i++)", w->height);
    out_line(o, "    for (int64_t j = 0; j < %lld; j++)", lanes);
    out_line(o, "        sums[(top + i) * %lld + j0 + j] += strip[i * %lld + j];",
             (long long)w->width, lanes);
    out_close(o, "");
    out_close(o, "");
}

static void write_images(Lanes *w)
{
    Out *o = w->o;
    long long pixels = (long long)ir_frame_pixels(w->f);
    out_open(o, "for (int64_t image = 0; image < %s; image++)", patches_images(w->k, w->f));
    patches_frame(w->k, w->f, "image", w->channel0, w->channels);
    out_open(o, "for (int64_t p0 = 0; p0 < %lld; p0 += %d)", pixels, IR_PIXELS);
    out_line(o, "const int64_t pixels = smaller(%d, %lld - p0);", IR_PIXELS, pixels);
    out_line(o, "%s(%s, p0, pixels, frame, pack);", pixels_function(w), w->channels);
    multiply(w);
    out_close(o, "");
    out_close(o, "");
}

static void write_results(Lanes *w)
{
    Kern *k = w->k;
    Out *o = w->o;
    long long taps = (long long)ir_frame_taps(w->f);
    out_open(o, "for (int64_t i = 0; i < %s; i++)", w->rows);
    out_line(o, "const int64_t row = %s;", text_add(w->e, w->row0, "i"));
    out_open(o, "for (int64_t j = 0; j < %s; j++)",
             text_mul(w->e, w->channels, extent(taps, 0)));
    out_line(o, "const int64_t col = %s;",
             text_add(w->e, text_mul(w->e, w->channel0, extent(taps, 0)), "j"));
    out_line(o, "const %s sum = sums[i * %lld + j];", real_type(k), (long long)w->width);
    Nest nest = { 2, { { extent(w->f->rows, 0), "row" },
                       { extent(ir_frame_depth(w->f), 0), "col" } } };
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}

void emit_patches_lanes(Kern *k, const Frame *f)
{
    const Frame in_order = ir_frame_in_order(f);
    int64_t vector = k->e->o->target->vector_bytes / ir_dtype_bytes(k->e->m->real);
    Lanes w = { .k = k, .e = k->e, .o = k->out, .f = &in_order, .lanes = k->k->micro[1] * vector,
                .vectors = (int)k->k->micro[1],
                .height = (int)ir_strip(f->rows, k->tasks.tile_rows, k->k->micro[0]) };
    w.width = (k->tasks.tile_cols + w.lanes - 1) / w.lanes * w.lanes;
    k->note = text(k->e, "A task is %lld channels of results by %lld of x, taps in lanes; it adds\n"
                         " * up all images.",
                   (long long)k->tasks.tile_rows,
                   (long long)(k->tasks.tile_cols / ir_frame_taps(f)));
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    place(&w);
    write_images(&w);
    write_results(&w);
}
