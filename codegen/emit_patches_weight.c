/* codegen/emit_patches_weight.c: conv_weight, d_w(o, k) = sum over images and pixels of d_y(o, p)
 * times what tap k of pixel p reads.
 *
 * A task is some rows o and some channels, so that no sum is split between tasks. It frames an
 * image's channels (ir/frame.h) and packs what each tap reads of it as a row of pixels, so that
 * both operands are rows and vectors run along pixels; where lines are whole vectors nothing is
 * packed. Images whose rows are short are taken several at a time. Register tiles (dots_add_HxV: H
 * rows of d_y, V of patches; dots_lines_HxV: V taps in the frame) add up lanes in the worker's
 * memory; these are summed when all images are through. The last strips overlap, each with sums of
 * its own. */
#include "codegen/patches.h"

typedef struct Weight {
    Kern *k;
    Emit *e;
    Out *o;
    const Frame *f;
    int64_t tile_rows, tile_cols;
    int64_t lanes, step;                   /* step: elements between rows of patches */
    int64_t images;                        /* at a time */
    int height, width;
    bool in_place;                         /* d_y is read where it lies */
    bool in_lines;                         /* and the frame, too */
    const char *row0, *rows, *channel0, *channels;
} Weight;

static void shape(Weight *w)
{
    const Kern *k = w->k;
    int64_t elem = ir_dtype_bytes(k->e->m->real);
    w->tile_rows = k->tasks.tile_rows;
    w->tile_cols = k->tasks.tile_cols;
    w->lanes = k->e->o->target->vector_bytes / elem;
    w->images = ir_frame_images(w->f);
    w->step = ir_frame_row_bytes(w->f, elem) / elem;
    w->height = (int)ir_strip(w->f->rows, w->tile_rows, k->k->micro[0]);
    w->width = (int)ir_strip(ir_frame_depth(w->f), w->tile_cols, k->k->micro[1]);
    w->in_place = ir_frame_in_place(w->f);
    w->in_lines = ir_frame_weight_in_lines(w->f);
}

static const char *number(Emit *e, int64_t x) { return text(e, "%lld", (long long)x); }

static void place(Weight *w)
{
    Emit *e = w->e;
    const Tasks *t = &w->k->tasks;
    bool both = t->down > 1 && t->across > 1;
    const char *down = both ? text(e, "task %% %lld", (long long)t->down) : "task";
    const char *across = both ? text(e, "task / %lld", (long long)t->down) : "task";
    int64_t taps = ir_frame_taps(w->f);
    patches_part(w->k, "row", down, t->down, w->tile_rows, w->f->rows, &w->row0, &w->rows);
    patches_part(w->k, "channel", across, t->across, w->tile_cols / taps, w->f->channels,
                 &w->channel0, &w->channels);
    ConvBytes b = conv_bytes(w->k);
    const Piece piece[] = { { "frame", b.frame }, { "pack", b.pack }, { "sums", b.sums },
                            { "slopes", b.weights } };
    scratch_pieces(w->k, piece, 4);
    out_line(w->o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    out_line(w->o, "memset(sums, 0, %lld);", (long long)b.sums);
    if (!w->in_lines) return;
    long long columns = (long long)w->tile_cols;
    out_line(w->o, "int32_t read[%lld];    /* where in the frame */", columns);
    out_line(w->o, "for (int32_t q = 0; q < %lld; q++)", columns);
    out_line(w->o, "    read[q] = q / %lld * %lld + taps[q %% %lld];", (long long)taps,
             (long long)ir_frame_plane(w->f), (long long)taps);
}

/* Image `image` into the rows of patches, from their element `at` on. */
static void write_image(Weight *w, const char *image, const char *at)
{
    Emit *e = w->e;
    Out *o = w->o;
    const Frame *f = w->f;
    long long taps = (long long)ir_frame_taps(f), columns = (long long)f->pixels[1];
    patches_frame(w->k, f, image, w->channel0, w->channels);
    if (w->in_lines) return;
    out_open(o, "for (int64_t c = 0; c < %s; c++)", w->channels);
    out_open(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_line(o, "const %s *const from = frame + c * %lld + taps[tap];", real_type(w->k),
             (long long)ir_frame_plane(f));
    out_line(o, "%s *const to = pack + %s;", real_type(w->k),
             text_add(e, text(e, "(c * %lld + tap) * %lld", taps, (long long)w->step), at));
    out_line(o, "for (int64_t line = 0; line < %lld; line++)", (long long)f->pixels[0]);
    out_line(o, "    memcpy(to + line * %lld, from + line * %lld, %lld * sizeof *to);", columns,
             (long long)ir_frame_pixel(f, 1, 0), columns);
    out_close(o, "");
    out_close(o, "");
    if (w->in_place) return;
    long long pixels = (long long)ir_frame_pixels(f);
    const char *row = text_add(e, text_mul(e, image, extent(f->rows, 0)),
                               text_add(e, w->row0, "i"));
    out_line(o, "for (int64_t i = 0; i < %s; i++)", w->rows);
    out_line(o, "    memcpy(slopes + %s, %s + %s, %lld * sizeof *slopes);",
             text_add(e, text(e, "i * %lld", (long long)w->step), at),
             slot_read(w->k, f->weight), text_mul(e, row, extent(pixels, 0)), pixels);
}

/* Vectors go beyond the last pixel: zeros there in both operands, as 0 times infinity is none. */
static void write_tail(Weight *w)
{
    Emit *e = w->e;
    long long step = (long long)w->step, lanes = (long long)w->lanes;
    if (ir_frame_pixels(w->f) % lanes == 0) return;
    const struct { const char *array, *rows; } both[] = {
        { "slopes", w->rows },
        { "pack", text(e, "%s * %lld", text_atom(e, w->channels),
                       (long long)ir_frame_taps(w->f)) } };
    for (int i = 0; i < 2; i++) {
        out_line(w->o, "for (int64_t i = 0; i < %s; i++)", both[i].rows);
        out_line(w->o, "    for (int64_t j = depth; j < (depth + %lld) / %lld * %lld; j++)",
                 lanes - 1, lanes, lanes);
        out_line(w->o, "        %s[i * %lld + j] = 0;", both[i].array, step);
    }
}

/* for each tile of sums: top and left are its first row and patch. */
static void open_tiles(Weight *w)
{
    long long taps = (long long)ir_frame_taps(w->f);
    const char *cols = text(w->e, "%s * %lld", text_atom(w->e, w->channels), taps);
    out_line(w->o, "%s *tile = sums;", real_type(w->k));
    out_open(w->o, "for (int64_t r = 0; r < %s; r += %d)", w->rows, w->height);
    out_open(w->o, "for (int64_t q = 0; q < %s; q += %d, tile += %lld)", cols, w->width,
             (long long)w->height * w->width * w->lanes);
    out_line(w->o, "const int64_t top = smaller(r, %s - %d), left = smaller(q, %s - %d);", w->rows,
             w->height, cols, w->width);
}

static void close_tiles(Weight *w)
{
    out_close(w->o, "");
    out_close(w->o, "");
}

static void write_images(Weight *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    long long pixels = (long long)ir_frame_pixels(w->f), step = (long long)w->step;
    const char *slopes = "slopes", *depth = number(e, pixels);
    const char *all = patches_images(w->k, w->f);
    long long slope_step = step;
    if (w->images == 1) {
        out_open(o, "for (int64_t image = 0; image < %s; image++)", all);
        write_image(w, "image", "0");
    } else {
        out_open(o, "for (int64_t first = 0; first < %s; first += %lld)", all,
                 (long long)w->images);
        out_line(o, "const int64_t images = smaller(%lld, %s - first);", (long long)w->images,
                 all);
        out_open(o, "for (int64_t i0 = 0; i0 < images; i0++)");
        write_image(w, "(first + i0)", text(e, "i0 * %lld", pixels));
        out_close(o, "");
        depth = text(e, "images * %lld", pixels);
    }
    if (w->images > 1 || pixels % w->lanes) {
        out_line(o, "const int64_t depth = %s;", depth);
        depth = "depth";
    }
    write_tail(w);
    if (w->in_place) {
        slope_step = pixels;
        const char *row = text_add(e, text_mul(e, "image", extent(w->f->rows, 0)), w->row0);
        slopes = text_add(e, slot_read(w->k, w->f->weight), text_mul(e, row, extent(pixels, 0)));
        out_line(o, "const %s *const slopes = %s;", real_type(w->k), slopes);
    }
    open_tiles(w);
    const FrameLines lines = { w->f->pixels[0], w->f->pixels[1], ir_frame_pixel(w->f, 1, 0) };
    if (w->in_lines)
        out_line(o, "%s(slopes + top * %lld, %lld, frame, read + left, tile);",
                 micro_dots_lines(e, w->height, w->width, &lines), slope_step, slope_step);
    else
        out_line(o, "%s(%s, slopes + top * %lld, %lld, pack + left * %lld, %lld, tile);",
                 micro_dots_add(e, w->height, w->width), depth, slope_step, slope_step, step,
                 step);
    close_tiles(w);
    out_close(o, "");
}

/* All lanes of each sum, then its epilogue. */
static void write_results(Weight *w)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = w->o;
    long long taps = (long long)ir_frame_taps(w->f), lanes = (long long)w->lanes;
    const char *from = text_mul(e, w->channel0, extent(taps, 0));
    open_tiles(w);
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", w->height);
    out_open(o, "for (int64_t j = q - left; j < %d; j++)", w->width);
    out_line(o, "const int64_t row = %s, col = %s;",
             text_add(e, w->row0, "top + i"), text_add(e, from, "left + j"));
    out_line(o, "const %s *const lane = tile + (i * %d + j) * %lld;", real_type(k), w->width,
             lanes);
    out_line(o, "%s sum = 0;", real_type(k));
    out_line(o, "for (int l = 0; l < %lld; l++)", lanes);
    out_line(o, "    sum += lane[l];");
    Nest nest = { 2, { { extent(w->f->rows, 0), "row" },
                       { extent(w->f->channels * taps, 0), "col" } } };
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
    close_tiles(w);
}

void emit_patches_weight(Kern *k, const Frame *f)
{
    Weight w = { .k = k, .e = k->e, .o = k->out, .f = f };
    shape(&w);
    k->note = text(k->e, "A task is %lld channels of results by %lld of x; it adds up all images.",
                   (long long)w.tile_rows, (long long)(w.tile_cols / ir_frame_taps(f)));
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    patches_taps(k, f);
    place(&w);
    write_images(&w);
    out_open(k->out, "%s", "");            /* `tile` begins anew */
    write_results(&w);
    out_close(k->out, "");
}
