/* codegen/emit_patches.c: a convolution as a product of its weights and patches of an image.
 *
 * A task is some images, or some pixels of one, and rows of weights: channels of results. It
 * frames an image (ir/frame.h): copies it into the worker's memory with the zeros around it that
 * its taps read. Then a panel of pixels after the other: what their taps read is packed as
 * [channel][tap][lanes], and the register tile of products (micro_HxV) sums strips of rows over it.
 * Weights are read where they lie; those of conv_transpose are turned round first. Where lines of
 * results are whole panels nothing is packed: the register tile reads the frame (micro_lines.c).
 *
 * The last strip of rows overlaps the one before it, so a sum never depends on where strips begin.
 * Where k is long it is packed in blocks of whole channels, and sums are kept between blocks; so
 * are those of the lines that a line of max pooling reads.
 *
 * Not here: groups; pixels of several images in one panel.
 * Source: Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, 2014 (3.1). */
#include "codegen/patches.h"

typedef struct Patches {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    Pooled pool;
    int64_t tile_rows, tile_pixels;
    int64_t lanes;                         /* of a panel */
    int height, vectors;
    bool blocked;                          /* several blocks of channels */
    bool in_lines;                         /* the frame is read where it lies */
    const char *row0, *rows;               /* of the task: expressions or numbers */
} Patches;

static int64_t vector_of(const Kern *k)
{
    return k->e->o->target->vector_bytes / ir_dtype_bytes(k->e->m->real);
}

/* Of the register tile that pools: rows in whole strips, as far as half of the registers fill the
 * time that a sum takes. */
static int pooling_height(const Patches *p)
{
    int64_t each = p->pool.taps[0] * p->pool.taps[1], rows = p->tile_rows;
    int64_t most = ir_strip(p->f.rows, rows, (p->e->o->target->accumulators - 1) / each);
    int64_t height = most;
    for (int64_t h = most - 1; 2 * h >= most; h--)
        if ((rows + h - 1) / h * h < (rows + height - 1) / height * height) height = h;
    return (int)height;
}

static void shape(Patches *p)
{
    const Kernel *k = p->k->k;
    p->height = (int)ir_strip(p->f.rows, p->tile_rows, k->micro[0]);
    p->vectors = (int)k->micro[1];
    p->pool = ir_pooled(p->k->g, k);
    p->in_lines = ir_patches_in_lines(p->k->g, k);
    if (p->in_lines && p->pool.index.i) {
        p->height = pooling_height(p);
        p->vectors = (int)p->pool.taps[1];
    }
    p->lanes = p->vectors * vector_of(p->k);
    p->blocked = ir_frame_block(&p->f) < p->f.channels;
}

/* weight [channels][rows][taps] as [rows][channels][taps], taps from the last to the first. */
static void turn_weights(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    long long taps = (long long)ir_frame_taps(&p->f), depth = (long long)ir_frame_depth(&p->f);
    out_open(o, "for (int64_t i = 0; i < %s; i++)", p->rows);
    out_open(o, "for (int64_t c = 0; c < %lld; c++)", (long long)p->f.channels);
    const char *row = text_mul(e, "c", extent(p->f.rows, 0));
    row = text_add(e, row, text_add(e, p->row0, "i"));
    out_line(o, "const %s *const from = %s + (%s) * %lld;", real_type(p->k),
             slot_read(p->k, p->f.weight), row, taps);
    out_line(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_line(o, "    turned[i * %lld + c * %lld + tap] = from[%lld - tap];", depth, taps, taps - 1);
    out_close(o, "");
    out_close(o, "");
}

/* Pieces of the worker's memory, as ir_worker_bytes has them. */
static void place_memory(Patches *p)
{
    ConvBytes b = conv_bytes(p->k);
    const Piece piece[] = { { "frame", b.frame }, { "pack", b.pack }, { "sums", b.sums },
                            { "turned", b.weights } };
    scratch_pieces(p->k, piece, 4);
    out_line(p->o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
}

/* The epilogue on so many pixels of a strip's row i: `acc` is the sum in column j. */
static void epilogue(Patches *p, const char *acc, const char *width)
{
    Kern *k = p->k;
    Out *o = p->o, *body = out_beside(p->e->a, o);
    const char **before = names_save(k), *sum = text(p->e, "%s + j]", acc);
    Nest nest = patches_nest(k, &p->f, "image", "row", "p0 + j");
    if (p->f.bias.i) sum = text(p->e, "%s + %s[row]", sum, slot_read(k, p->f.bias));
    out_deeper(body, 1);
    out_line(body, "const %s sum = %s;", real_type(k), sum);
    k->name[k->root.i] = "sum";
    members_emit(k, body, &nest);
    out_open(o, "for (int64_t j = 0; j < %s; j++)", width);
    out_raw(o, out_text(body));
    out_close(o, "");
    names_restore(k, before);
}

/* The same of a panel, whose loops the compiler knows to be whole vectors where it is full. */
static void panel_epilogue(Patches *p, const char *acc)
{
    Out *o = p->o;
    int64_t pixels = ir_frame_pixels(&p->f);
    bool full = pixels >= p->lanes, rest = pixels % p->lanes || p->tile_pixels % p->lanes;
    if (full && rest) out_open(o, "if (width == %lld)", (long long)p->lanes);
    if (full) epilogue(p, acc, text(p->e, "%lld", (long long)p->lanes));
    if (full && rest) {
        out_close(o, "");
        out_open(o, "else");
    }
    if (rest || !full) epilogue(p, acc, "width");
    if (full && rest) out_close(o, "");
}

/* Asks for what the epilogue writes of a row in the next panel: rows lie so far apart that each is a
 * page of its own. */
static void ask_results(Patches *p, const char *row)
{
    Kern *k = p->k;
    Val stream[MAX_SLOTS];
    const Type *t = ir_type(k->g, k->root);
    int64_t bytes = ir_elems_at(&t->shape, p->e->m->capacity) * ir_dtype_bytes(t->dtype);
    if (bytes <= p->e->o->target->l2_bytes / 2) return;
    long long pixels = (long long)ir_frame_pixels(&p->f);
    for (int i = 0, n = epilogue_streams(k, k->root, stream); i < n; i++) {
        Place place[4];
        if (!stores_of(k, stream[i], place)) continue;
        out_line(p->o, "__builtin_prefetch(%s + (image * %lld + %s) * %lld + smaller(p0 + %lld, %lld), 1);",
                 slot_write(k, place[0], ir_type(k->g, stream[i])), (long long)p->f.rows, row, pixels,
                 (long long)(2 * p->lanes), pixels - 1);
    }
}

/* For each strip of rows [height][width]. Returns where its weights are. */
static const char *open_strips(Patches *p, long long width)
{
    Emit *e = p->e;
    const char *weights = p->f.turned ? "turned" : slot_read(p->k, p->f.weight);
    const char *row = text_add(e, p->f.turned ? "0" : p->row0, "top");
    out_open(p->o, "for (int64_t r = 0; r < %s; r += %d)", p->rows, p->height);
    out_line(p->o, "const int64_t top = smaller(r, %s - %d);    /* the last strip overlaps */",
             p->rows, p->height);
    out_line(p->o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(p->k),
             (long long)p->height * width);
    return text_add(e, weights, text_mul(e, row, extent(ir_frame_depth(&p->f), 0)));
}

/* Strips of rows over the packed patches of one block of channels. */
static void write_strips(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    long long depth = (long long)ir_frame_depth(&p->f), lanes = (long long)p->lanes;
    const char *at = open_strips(p, lanes);
    if (p->blocked) at = text(e, "%s + c0 * %lld", at, (long long)ir_frame_taps(&p->f));
    out_line(o, "%s(%s, %s, %lld, 1, pack, %lld, strip);", micro_tile(e, p->height, p->vectors),
             p->blocked ? text(e, "channels * %lld", (long long)ir_frame_taps(&p->f))
                        : text(e, "%lld", depth),
             at, depth, lanes);
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", p->height);
    if (p->blocked) {
        out_open(o, "for (int64_t j = 0; j < %lld; j++)", lanes);
        out_line(o, "%s *const s = sums + (top + i) * %lld + j;", real_type(p->k), lanes);
        out_line(o, "*s = c0 ? *s + strip[i * %lld + j] : strip[i * %lld + j];", lanes, lanes);
        out_close(o, "");
    } else if (p->pool.index.i) {
        out_line(o, "for (int64_t j = 0; j < width; j++)");
        out_line(o, "    sums[(top + i) * %lld + p0 - begin + j] = strip[i * %lld + j];",
                 (long long)patches_pooled_elems(&p->f, &p->pool), lanes);
    } else {
        out_line(o, "const int64_t row = %s + i;", text_add(e, p->row0, "top"));
        ask_results(p, "row");
        panel_epilogue(p, text(e, "strip[i * %lld", lanes));
    }
    out_close(o, "");
    out_close(o, "");
}

/* Strips over pixels from p0 on, all on one line. */
static void write_in_line(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    long long columns = (long long)p->f.pixels[1], lanes = (long long)p->lanes;
    out_open(o, "for (int64_t p0 = begin; p0 < end; p0 += %lld)", lanes);
    out_line(o, "const %s *const from = frame + p0 / %lld * %lld + p0 %% %lld;", real_type(p->k),
             columns, (long long)ir_frame_pixel(&p->f, 1, 0), columns);
    const char *weights = open_strips(p, lanes);
    out_line(o, "%s(%s, from, strip);", lines_tile(p->k, &p->f, NULL, p->height, p->vectors),
             weights);
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", p->height);
    out_line(o, "const int64_t row = %s + i;", text_add(e, p->row0, "top"));
    epilogue(p, text(e, "strip[i * %lld", lanes), text(e, "%lld", lanes));
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* Strips over windows of `line` from col0 on, which the register tile pools. */
static void write_windows(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    long long across = (long long)p->pool.taps[1], windows = (long long)p->lanes / across;
    long long down = (long long)ir_frame_pixel(&p->f, p->pool.taps[0], 0);
    out_open(o, "for (int64_t col0 = 0; col0 < %lld; col0 += %lld)",
             (long long)p->pool.windows[1], windows);
    const char *weights = open_strips(p, windows);
    out_line(o, "%s(%s, frame + line * %lld + col0 * %lld, strip);",
             lines_tile(p->k, &p->f, &p->pool, p->height, p->vectors), weights, down, across);
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", p->height);
    out_line(o, "const int64_t row = %s + i;", text_add(e, p->row0, "top"));
    out_line(o, "#pragma omp simd");       /* else gcc takes rows for lanes */
    out_open(o, "for (int64_t j = 0; j < %lld; j++)", windows);
    patches_pooled_epilogue(p->k, &p->f, &p->pool, text(e, "strip[i * %lld + j]", windows), "col0 + j");
    for (int i = 0; i < 4; i++) out_close(o, "");
}

/* Panels of pixels, each from p0 on. */
static void write_panels(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    const Frame *f = &p->f;
    long long lanes = (long long)p->lanes, plane = (long long)ir_frame_plane(f);
    out_open(o, "for (int64_t p0 = begin; p0 < end; p0 += %lld)", lanes);
    out_line(o, "const int64_t width = smaller(%lld, end - p0);", lanes);
    out_line(o, "int32_t from[%lld], to[%lld];", lanes, lanes);
    out_line(o, "const int runs = find_runs(p0, p0 + width, %lld, %lld, from, to);",
             (long long)f->pixels[1], (long long)ir_frame_pixel(f, 1, 0));
    const char *channels = text(e, "%lld", (long long)f->channels), *at = "frame";
    if (p->blocked) {
        long long block = (long long)ir_frame_block(f);
        out_open(o, "for (int64_t c0 = 0; c0 < %s; c0 += %lld)", channels, block);
        out_line(o, "const int64_t channels = smaller(%lld, %s - c0);", block, channels);
        channels = "channels";
        at = text(e, "frame + c0 * %lld", plane);
    }
    reach(e, SNIP_patches);
    out_line(o, "pack_patches(%s, %lld, %s, %lld, taps, runs, from, to, %lld, pack);", channels,
             plane, at, (long long)ir_frame_taps(f), lanes);
    write_strips(p);
    if (p->blocked) {
        out_close(o, "");
        out_open(o, "for (int64_t i = 0; i < %s; i++)", p->rows);
        out_line(o, "const int64_t row = %s;", text_add(e, p->row0, "i"));
        epilogue(p, text(e, "sums[i * %lld", lanes), "width");
        out_close(o, "");
    }
    out_close(o, "");
}

/* Pixels from `begin` to `end` of each of the task's images. */
static void write_images(Patches *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    long long pixels = (long long)ir_frame_pixels(&p->f), tile = (long long)p->tile_pixels;
    long long down = (long long)p->k->tasks.down;
    const char *task = down == 1 ? "task" : text(e, "task / %lld", down);
    if (tile < pixels) {
        long long parts = (pixels + tile - 1) / tile;
        out_line(o, "const int64_t image = %s / %lld, begin = %s %% %lld * %lld;", task, parts,
                 task, parts, tile);
        out_line(o, "const int64_t end = smaller(begin + %lld, %lld);", tile, pixels);
    } else {
        long long images = tile / pixels;
        out_line(o, "const int64_t first = %s;", text_mul(e, task, extent(images, 0)));
        out_open(o, "for (int64_t image = first; image < smaller(first + %lld, %s); image++)",
                 images, patches_images(p->k, &p->f));
        if (!p->pool.index.i) out_line(o, "const int64_t begin = 0, end = %lld;", pixels);
    }
    patches_frame(p->k, &p->f, "image", "0", text(e, "%lld", (long long)p->f.channels));
    if (p->pool.index.i)
        out_open(o, "for (int64_t line = 0; line < %lld; line++)", (long long)p->pool.windows[0]);
    long long pooled = (long long)patches_pooled_elems(&p->f, &p->pool);
    if (p->pool.index.i && !p->in_lines)
        out_line(o, "const int64_t begin = line * %lld, end = begin + %lld;", pooled, pooled);
    if (!p->in_lines) write_panels(p);
    else if (p->pool.index.i) write_windows(p);
    else write_in_line(p);
    if (p->pool.index.i && !p->in_lines)
        patches_pooled(p->k, &p->f, &p->pool, p->row0, p->rows);
    if (p->pool.index.i) out_close(o, "");
    if (tile >= pixels) out_close(o, "");
}

void emit_patches(Kern *k)
{
    Patches p = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
                  .tile_rows = k->tasks.tile_rows, .tile_pixels = k->tasks.tile_cols };
    if (ir_is(k->g, k->root, OP_conv_weight)) {
        if (ir_frame_long_taps(&p.f)) emit_patches_lanes(k, &p.f);
        else emit_patches_weight(k, &p.f);
        return;
    }
    shape(&p);
    k->note = text(k->e, "A task is %lld channels at %lld pixels, in strips of %d channels.",
                   (long long)p.tile_rows, (long long)p.tile_pixels, p.height);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    if (!p.in_lines) patches_taps(k, &p.f);
    patches_rows(k, p.f.rows, &p.row0, &p.rows);
    place_memory(&p);
    if (p.f.turned) turn_weights(&p);
    write_images(&p);
}
