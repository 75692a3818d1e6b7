/* codegen/emit_implicit.c: a convolution as a product with patches of an image, none of which is
 * copied: where lines have no padding and strides are 1, what a tap reads of neighbouring pixels are
 * neighbours in the image, too.
 *
 * A task is some images, or lines of one, and rows of weights: channels of results. A band is as many
 * lines as a register tile has vectors, and these are neighbours in each of them. The last vectors of
 * a line, and the last band, overlap those before them. Where lines are shorter than a vector, it has of
 * what follows them, which is left out, or at the image's end of what is before: no tap reads beyond
 * the last element.
 *
 * The last strip of rows overlaps the one before it, so a sum never depends on where strips begin. The
 * order of a sum is that of algorithm patches.
 *
 * Not here: groups, padding, strides, long sums (ir_implicit_fit). */
#include "codegen/patches.h"

typedef struct Implicit {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    Pooled pool;
    int height, vectors;
    int64_t lanes;                         /* of a vector */
    const char *row0, *rows;               /* of the task: expressions or numbers */
} Implicit;

/* What is done with a sum: the epilogue, or it is kept for the pooling. */
static void write_result(Implicit *p)
{
    Kern *k = p->k;
    Out *o = p->o;
    long long columns = (long long)p->f.pixels[1];
    bool several = p->vectors > 1;
    const char *at = several ? text(p->e, "(i * %d + v)", p->vectors) : "i";
    const char *sum = text(p->e, "strip[%s * %lld + col - shift]", at, (long long)p->lanes);
    if (p->pool.index.i) {
        out_line(o, "sums[(top + i) * %lld + (upper - begin%s) * %lld + col] = %s;",
                 (long long)patches_pooled_elems(&p->f, &p->pool), several ? " + v" : "", columns,
                 sum);
        return;
    }
    const char **before = names_save(k);
    Nest nest = patches_nest(k, &p->f, "image", "row",
                             text(p->e, "%s * %lld + col", several ? "(upper + v)" : "upper", columns));
    if (p->f.bias.i) sum = text(p->e, "%s + %s[row]", sum, slot_read(k, p->f.bias));
    out_line(o, "const %s sum = %s;", real_type(k), sum);
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    names_restore(k, before);
}

/* Strips of rows over one vector of each line of a band, and what is new of it. */
static void write_strips(Implicit *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    const Frame *f = &p->f;
    long long lanes = (long long)p->lanes, depth = (long long)ir_frame_depth(f);
    const char *row = text_add(e, p->row0, "top");
    out_open(o, "for (int64_t r = 0; r < %s; r += %d)", p->rows, p->height);
    out_line(o, "const int64_t top = smaller(r, %s - %d);    /* the last strip overlaps */",
             p->rows, p->height);
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(p->k),
             (long long)(p->height * p->vectors) * lanes);
    out_line(o, "%s(%lld, %s, %lld, %lld, taps, source + upper * %lld + shift, %lld, %lld, strip);",
             micro_taps(e, p->height, p->vectors), (long long)f->channels,
             text_add(e, slot_read(p->k, f->weight), text_mul(e, row, extent(depth, 0))), depth,
             (long long)ir_frame_taps(f), (long long)f->places[1], (long long)f->places[1],
             (long long)ir_frame_plane(f));
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", p->height);
    if (!p->pool.index.i) out_line(o, "const int64_t row = %s + i;", text_add(e, p->row0, "top"));
    if (p->vectors > 1)
        out_open(o, "for (int64_t v = band - upper; v < smaller(%d, end - upper); v++)", p->vectors);
    out_open(o, "for (int64_t col = left; col < stop; col++)");
    write_result(p);
    for (int i = p->vectors > 1 ? 4 : 3; i > 0; i--) out_close(o, "");
}

/* Lines from `begin` to `end`. */
static void write_bands(Implicit *p)
{
    Out *o = p->o;
    const Frame *f = &p->f;
    long long lanes = (long long)p->lanes, columns = (long long)f->pixels[1];
    out_open(o, "for (int64_t band = begin; band < end; band += %d)", p->vectors);
    out_line(o, "const int64_t upper = smaller(band, %lld);    /* the last band overlaps */",
             (long long)f->pixels[0] - p->vectors);
    out_open(o, "for (int64_t left = 0; left < %lld; left += %lld)", columns, lanes);
    out_line(o, "const int64_t stop = smaller(left + %lld, %lld);", lanes, columns);
    if (columns >= lanes)
        out_line(o, "const int64_t shift = smaller(left, %lld);", columns - lanes);
    else
        out_line(o, "const int64_t shift = smaller(0, %lld - upper * %lld);    /* the image's end */",
                 (long long)(ir_frame_span(f) - (p->vectors - 1) * f->places[1]) - lanes,
                 (long long)f->places[1]);
    write_strips(p);
    out_close(o, "");
    out_close(o, "");
}

/* Lines from `begin` to `end` of each of the task's images. */
static void write_images(Implicit *p)
{
    Emit *e = p->e;
    Out *o = p->o;
    const Frame *f = &p->f;
    int64_t tile = p->k->tasks.tile_cols / f->pixels[1], lines = f->pixels[0];
    long long down = (long long)p->k->tasks.down;
    const char *task = down == 1 ? "task" : text(e, "task / %lld", down);
    if (tile < lines) {
        long long parts = (long long)((lines + tile - 1) / tile);
        out_line(o, "const int64_t image = %s / %lld, begin = %s %% %lld * %lld;", task, parts,
                 task, parts, (long long)tile);
        out_line(o, "const int64_t end = smaller(begin + %lld, %lld);", (long long)tile,
                 (long long)lines);
    } else {
        int64_t images = tile / lines;
        out_line(o, "const int64_t first = %s;", text_mul(e, task, extent(images, 0)));
        out_open(o, "for (int64_t image = first; image < smaller(first + %lld, %s); image++)",
                 (long long)images, patches_images(p->k, f));
        if (!p->pool.index.i)
            out_line(o, "const int64_t begin = 0, end = %lld;", (long long)lines);
    }
    out_line(o, "const %s *const source = %s + %s;", real_type(p->k), slot_read(p->k, f->source),
             text_mul(e, "image", extent(f->channels * ir_frame_plane(f), 0)));
    if (p->pool.index.i) {
        out_open(o, "for (int64_t line = 0; line < %lld; line++)", (long long)p->pool.windows[0]);
        out_line(o, "const int64_t begin = line * %lld, end = begin + %lld;",
                 (long long)p->pool.taps[0], (long long)p->pool.taps[0]);
    }
    write_bands(p);
    if (p->pool.index.i) {
        patches_pooled(p->k, f, &p->pool, p->row0, p->rows);
        out_close(o, "");
    }
    if (tile >= lines) out_close(o, "");
}

void emit_implicit(Kern *k)
{
    Implicit p = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
                   .pool = ir_pooled(k->g, k->k), .vectors = (int)k->k->micro[1] };
    ConvBytes b = conv_bytes(k);
    p.height = (int)ir_strip(p.f.rows, k->tasks.tile_rows, k->k->micro[0]);
    p.lanes = k->e->o->target->vector_bytes / ir_dtype_bytes(k->e->m->real);
    k->note = text(k->e, "A task is %lld channels at %lld pixels, in strips of %d channels.",
                   (long long)k->tasks.tile_rows, (long long)k->tasks.tile_cols, p.height);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    patches_taps(k, &p.f);
    patches_rows(k, p.f.rows, &p.row0, &p.rows);
    scratch_pieces(k, &(Piece){ "sums", b.sums }, 1);
    write_images(&p);
}
