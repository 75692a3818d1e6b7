/* codegen/emit_grouped.c: convolutions in groups of few channels (depthwise above all), and their
 * adjoints.
 *
 * For each image and group, one after the other, the group's channels are framed (ir/frame.h):
 * copied into the worker's memory with the zeros around them that taps read. Then each element of a
 * line of results is the sum of all taps of all these channels, in one expression: lanes are
 * pixels, and what is read stays in the first cache. A weight's gradient has a line of sums for
 * each tap, whose columns are added up in double after every image; a task has whole groups.
 *
 * Not here: groups of many channels (emit_direct.c). */
#include "codegen/patches.h"

typedef struct Grouped {
    Kern *k;
    Emit *e;
    Out *o;
    Frame f;
    int64_t groups, rows, channels;        /* rows and channels of a group */
} Grouped;

/* The taps of a row of results, as its terms have them: [channels][taps]. */
static void write_taps(const Grouped *d)
{
    Emit *e = d->e;
    Out *o = d->o;
    long long taps = (long long)ir_frame_taps(&d->f), channels = (long long)d->channels;
    const char *weight = slot_read(d->k, d->f.weight), *real = real_type(d->k);
    out_line(o, "%s tap[%lld];", real, channels * taps);
    if (!d->f.turned) {
        out_line(o, "for (int64_t i = 0; i < %lld; i++)", channels * taps);
        out_line(o, "    tap[i] = %s[row * %lld + i];", weight, channels * taps);
        return;
    }
    out_open(o, "for (int64_t c = 0; c < %lld; c++)", channels);
    const char *at = text_add(e, text_mul(e, "group", extent(channels, 0)), "c");
    at = text_add(e, text_mul(e, at, extent(d->rows, 0)), d->rows > 1 ? "r" : "0");
    out_line(o, "const %s *const from = %s + %s;", real, weight,
             text_mul(e, at, extent(taps, 0)));
    out_line(o, "for (int64_t i = 0; i < %lld; i++)", taps);
    out_line(o, "    tap[c * %lld + i] = from[%lld - i];", taps, taps - 1);
    out_close(o, "");
}

static void write_line(const Grouped *d)
{
    Kern *k = d->k;
    Emit *e = d->e;
    Out *o = d->o;
    const Frame *f = &d->f;
    int64_t taps = ir_frame_taps(f);
    const char *real = real_type(k);
    const char *bias = f->bias.i ? text(e, "%s[row]", slot_read(k, f->bias)) : literal(k, 0);
    out_line(o, "const %s *const from = frame + line * %lld;", real,
             (long long)ir_frame_pixel(f, 1, 0));
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", (long long)f->pixels[1]);
    out_line(o, "%s sum = %s;", real, bias);
    for (int64_t i = 0; i < d->channels * taps; i++) {
        int64_t at = i / taps * ir_frame_plane(f) + ir_frame_tap(f, i % taps);
        out_line(o, "sum += tap[%lld] * from[%s];", (long long)i,
                 text_add(e, text(e, "%lld", (long long)at), "col"));
    }
    k->name[k->root.i] = "sum";
    const Shape *s = &ir_type(k->g, k->root)->shape;
    Nest nest = { 4, { { extent_of(s, 0, 1), "image" },
                       { extent(f->rows, 0), "row" },
                       { extent(f->pixels[0], 0), "line" },
                       { extent(f->pixels[1], 0), "col" } } };
    members_emit(k, o, &nest);
    out_close(o, "");
}

/* The group's channels of the image; its rows, one by one. */
static void open_rows(const Grouped *d)
{
    Emit *e = d->e;
    patches_frame(d->k, &d->f, "image", text_mul(e, "group", extent(d->channels, 0)),
                  text(e, "%lld", (long long)d->channels));
    out_open(d->o, "for (int64_t r = 0; r < %lld; r++)", (long long)d->rows);
    out_line(d->o, "const int64_t row = %s;",
             text_add(e, text_mul(e, "group", extent(d->rows, 0)), "r"));
}

static void write_results(const Grouped *d)
{
    Out *o = d->o;
    long long groups = (long long)d->groups;
    out_open(o, "for (int64_t at = begin; at < end; at++)");
    out_line(o, "const int64_t image = at / %lld, group = at %% %lld;", groups, groups);
    open_rows(d);
    write_taps(d);
    out_open(o, "for (int64_t line = 0; line < %lld; line++)", (long long)d->f.pixels[0]);
    write_line(d);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

/* Adds an image's products to the totals of a row, [channels][taps]. */
static void write_products(const Grouped *d, long long terms)
{
    Out *o = d->o;
    const Frame *f = &d->f;
    const char *real = real_type(d->k);
    long long width = (long long)f->pixels[1];
    out_line(o, "memset(sums, 0, %lld * sizeof *sums);", terms * width);
    out_open(o, "for (int64_t line = 0; line < %lld; line++)", (long long)f->pixels[0]);
    out_line(o, "const %s *const from = frame + line * %lld;", real,
             (long long)ir_frame_pixel(f, 1, 0));
    out_line(o, "const %s *const line_of_y", real);
    out_line(o, "    = %s + ((image * %lld + row) * %lld + line) * %lld;",
             slot_read(d->k, f->weight), (long long)f->rows, (long long)f->pixels[0], width);
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", width);
    for (int64_t i = 0, taps = ir_frame_taps(f); i < terms; i++)
        out_line(o, "sums[%lld + col] += line_of_y[col] * from[%lld + col];", (long long)i * width,
                 (long long)(i / taps * ir_frame_plane(f) + ir_frame_tap(f, i % taps)));
    out_close(o, "");
    out_close(o, "");
    out_open(o, "for (int64_t i = 0; i < %lld; i++)", terms);
    out_line(o, "double total = totals[r * %lld + i];", terms);
    if (d->e->m->real == DT_f32) out_line(o, "#pragma omp simd reduction(+:total)");
    out_line(o, "for (int64_t col = 0; col < %lld; col++)", width);
    out_line(o, "    total += %s;", text_double(d->e, text(d->e, "sums[i * %lld + col]", width)));
    out_line(o, "totals[r * %lld + i] = total;", terms);
    out_close(o, "");
}

static void write_weight(const Grouped *d)
{
    Kern *k = d->k;
    Out *o = d->o;
    long long terms = (long long)(d->channels * ir_frame_taps(&d->f)), rows = (long long)d->rows;
    out_open(o, "for (int64_t group = begin; group < end; group++)");
    out_line(o, "memset(totals, 0, %lld * sizeof *totals);", rows * terms);
    out_open(o, "for (int64_t image = 0; image < %s; image++)", patches_images(k, &d->f));
    open_rows(d);
    write_products(d, terms);
    out_close(o, "");
    out_close(o, "");
    out_open(o, "for (int64_t r = 0; r < %lld; r++)", rows);
    out_line(o, "const int64_t row = %s;",
             text_add(d->e, text_mul(d->e, "group", extent(d->rows, 0)), "r"));
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", terms);
    out_line(o, "const %s sum = (%s)totals[r * %lld + col];", real_type(k), real_type(k), terms);
    k->name[k->root.i] = "sum";
    Nest nest = { 2, { { extent(d->f.rows, 0), "row" }, { extent(terms, 0), "col" } } };
    members_emit(k, o, &nest);
    for (int i = 0; i < 3; i++) out_close(o, "");
}

void emit_grouped(Kern *k)
{
    Grouped d = { .k = k, .e = k->e, .o = k->out, .f = ir_frame(k->g, k->root),
                  .groups = ir_attr_int(ir_node(k->g, k->root), AT_groups) };
    bool weight = d.f.op == OP_conv_weight;
    ConvBytes b = conv_bytes(k);
    const Piece piece[] = { { "frame", b.frame }, { "sums", b.sums } };
    long long tile = (long long)k->tasks.tile_rows;
    d.rows = d.f.rows / d.groups;
    d.channels = d.f.channels / d.groups;
    k->note = text(k->e, weight ? "A task is %lld groups, with all images."
                                : "A task is %lld pairs of an image and a group.", tile);
    reach(k->e, SNIP_smaller);
    scratch_pieces(k, piece, 2);
    if (weight)
        out_line(d.o, "double *const totals = (double *)(scratch + %lld);",
                 (long long)(b.frame + b.sums));
    out_line(d.o, "memset(frame, 0, %lld);    /* what is around images stays so */",
             (long long)b.frame);
    out_line(d.o, "const int64_t begin = task * %lld, end = smaller(begin + %lld, %s);", tile, tile,
             extent_text(k->e, k->rows));
    if (weight) write_weight(&d);
    else write_results(&d);
}
