/* codegen/emit_simt_conv.c: simt_conv, conv_mma_tf32 and conv_mma_bf16, convolutions and their gradients
 * as the product of emit_simt.c.
 *
 * One factor's elements are looked up where windows have them (ir/window.h); no patch is ever
 * stored. Rows are channels of results, columns the pixels of all images; of a weight columns are
 * channels times taps, and k the pixels. A block is of one group. */
#include "codegen/simt.h"
#include <string.h>

static const WindowAxis *rows_of(const Simt *s) { return &s->c.window.axis[0]; }
static const WindowAxis *cols_of(const Simt *s) { return &s->c.window.axis[1]; }
static int64_t taps_of(const Simt *s) { return rows_of(s)->taps * cols_of(s)->taps; }

/* Channels of x and of y that a group has. */
static int64_t in_per(const Simt *s) { return s->c.w.dim[1].k; }
static int64_t out_per(const Simt *s) { return s->c.w.dim[0].k / s->groups; }

/* Writes the two numbers of which `at` is made: first * size + second. role: of the size; null: it stays a
 * number, as those of taps, which each element is divided by. */
static void split(Simt *s, const char *at, int64_t size, const char *role, const char *first,
                  const char *second)
{
    const char *by = role ? size_text(s->e, size, role) : text(s->e, "%lld", (long long)size);
    if (size == 1) out_line(s->o, "const %s %s = %s, %s = 0;", s->index, first, at, second);
    else out_line(s->o, "const %s %s = %s / %s, %s = %s %% %s;", s->index, first, at, by, second, at, by);
}

/* A channel of all groups from one of this group. */
static const char *of_group(const Simt *s, int64_t per, const char *channel)
{
    if (s->groups == 1) return channel;
    return text_add(s->e, text_mul(s->e, s->group, extent(per, 0)), channel);
}

/* Where in images a channel's element at that row and column is. */
static const char *image_place(Simt *s, const Shape *shape, const char *channel)
{
    Emit *e = s->e;
    const int width = shape->rank - 1;
    const Extent channels = extent_named(extent_of(shape, 1, 2), "in_channels");
    const Extent cols = extent_named(extent_of(shape, width, width + 1), "in_width");
    const char *at = text_add(e, text_mul(e, "image", channels), channel);
    if (shape->rank == 4)
        at = text_add(e, text_mul(e, at, extent_named(extent_of(shape, 2, 3), "in_height")), "at_y");
    return text_add(e, text_mul(e, at, cols), "at_x");
}

/* That there is such a place of an axis, of a size that may be a parameter: then by one comparison, as the
 * compiler has it for a number. */
static const char *within(Simt *s, const char *at, char axis, int64_t size)
{
    const char *end = size_text(s->e, size, axis == 'y' ? "in_height" : "in_width");
    if (!strchr(end, SIZE_MARK) || strcmp(s->index, "int"))
        return text(s->e, "%s >= 0 && %s < %s", at, at, end);
    reach(s->e, SNIP_within);
    return text(s->e, "is_within(%s, %s)", at, end);
}

/* Of "y" or "x", the place of a tap of a window on that axis; the condition that it is one. */
static const char *write_place(Simt *s, const WindowAxis *a, char axis)
{
    Emit *e = s->e;
    const char *stride = e->marks ? text(e, " * %s", size_text(e, a->stride, "stride"))
                                  : simt_times(e, a->stride);
    out_line(s->o, "const %s at_%c = window_%c%s + tap_%c%s - %s;", s->index, axis, axis, stride, axis,
             simt_times(e, a->dilation), size_text(e, a->low, "low"));
    return within(s, text(e, "at_%c", axis), axis, a->places);
}

/* The window of which a tap stands at a place. */
static const char *write_window(Simt *s, const WindowAxis *a, char axis)
{
    Emit *e = s->e;
    const char *whole = a->stride == 1 ? ""
                      : text(e, "below_%c %% %lld == 0 && ", axis, (long long)a->stride);
    out_line(s->o, "const %s below_%c = place_%c + %lld - tap_%c%s;", s->index, axis, axis,
             (long long)a->low, axis, simt_times(e, a->dilation));
    out_line(s->o, "const %s at_%c = below_%c%s;", s->index, axis, axis,
             a->stride == 1 ? "" : text(e, " / %lld", (long long)a->stride));
    return text(e, "below_%c >= 0 && %sat_%c < %lld", axis, whole, axis, (long long)a->windows);
}

/* image, and row and column with those names, of a pixel of all images. */
static void write_pixel(Simt *s, const char *pixel, bool places, const char *word)
{
    const WindowAxis *r = rows_of(s), *c = cols_of(s);
    int64_t rows = places ? r->places : r->windows, cols = places ? c->places : c->windows;
    const char *x = text(s->e, "%s_x", word);
    bool lines = s->c.window.rank > 1;
    split(s, pixel, rows * cols, "pixels", "image", lines ? "pixel" : x);
    if (lines) split(s, "pixel", cols, "width", text(s->e, "%s_y", word), x);
}

/* channel, and the row and column of the tap, of a number of both. */
static void write_taps(Simt *s, const char *at)
{
    bool lines = s->c.window.rank > 1;
    split(s, at, taps_of(s), NULL, "channel", lines ? "tap" : "tap_x");
    if (lines) split(s, "tap", cols_of(s)->taps, NULL, "tap_y", "tap_x");
}

static const char *both(Simt *s, const char *of_rows, const char *of_cols)
{
    return s->c.window.rank > 1 ? text(s->e, "%s && %s", of_rows, of_cols) : of_cols;
}

static void window_of_line(Simt *s, const Factor *f) { write_pixel(s, f->line, false, "window"); }
static void place_of_line(Simt *s, const Factor *f) { write_pixel(s, f->line, true, "place"); }
static void taps_of_line(Simt *s, const Factor *f) { write_taps(s, f->line); }

static void window_of_k(Simt *s, const Factor *f)
{
    (void)f;
    write_pixel(s, "k", false, "window");
}

static void taps_of_k(Simt *s, const Factor *f)
{
    (void)f;
    write_taps(s, "k");
}

/* The channel of all groups that an element is of: of x and of y, and of y where it is a row's. */
static const char *x_channel(Simt *s) { return of_group(s, in_per(s), "channel"); }
static const char *y_channel(Simt *s) { return of_group(s, out_per(s), "channel"); }
static const char *row_channel(Simt *s) { return of_group(s, out_per(s), "row"); }

/* conv: what tap k of channel k reads for a pixel; conv_weight: for pixel k what a tap reads. */
static const char *patch_place(Simt *s, const Factor *f, const char **inside)
{
    (void)f;
    const char *of_rows = s->c.window.rank > 1 ? write_place(s, rows_of(s), 'y') : NULL;
    *inside = both(s, of_rows, write_place(s, cols_of(s), 'x'));
    return image_place(s, &s->c.x, x_channel(s));
}

/* conv_transpose: the element of y whose window has tap k at a place. */
static const char *spread_place(Simt *s, const Factor *f, const char **inside)
{
    (void)f;
    const char *of_rows = s->c.window.rank > 1 ? write_window(s, rows_of(s), 'y') : NULL;
    *inside = both(s, of_rows, write_window(s, cols_of(s), 'x'));
    return image_place(s, &s->c.y, y_channel(s));
}

/* conv: weights of a channel of y. */
static const char *weight_place(Simt *s, const Factor *f, const char **inside)
{
    (void)f;
    *inside = "";
    return text_add(s->e, text_mul(s->e, row_channel(s), s->depth), "k");
}

static void tap_of_k(Simt *s, const Factor *f)
{
    (void)f;
    split(s, "k", taps_of(s), NULL, "channel", "tap");
}

/* conv_transpose: weights of a channel of x, row, and of channel and tap k of y. */
static const char *turned_place(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    (void)f;
    *inside = "";
    const char *at = text_mul(e, y_channel(s), extent(in_per(s), 0));
    at = text_mul(e, text_add(e, at, "row"), extent(taps_of(s), 0));
    return text_add(e, at, "tap");
}

static int64_t windows_of(const Simt *s) { return rows_of(s)->windows * cols_of(s)->windows; }

static void pixel_of_k(Simt *s, const Factor *f)
{
    (void)f;
    split(s, "k", windows_of(s), "pixels", "image", "pixel");
}

/* conv_weight: y's derivative of a channel, row, at pixel k of all images. */
static const char *slope_place(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    (void)f;
    *inside = "";
    const Extent channels = extent_named(extent_of(&s->c.y, 1, 2), "channels");
    const char *at = text_add(e, text_mul(e, "image", channels), row_channel(s));
    return text_add(e, text_mul(e, at, extent_named(extent(windows_of(s), 0), "pixels")), "pixel");
}

static void channel_of_row(Simt *s)
{
    bool to_x = ir_is(s->k->g, s->k->root, OP_conv_transpose);
    out_line(s->o, "const %s channel = %s;", s->index,
             of_group(s, to_x ? in_per(s) : out_per(s), "row"));
}

/* Of a result that is no weight: image, unless there is one, and pixel. */
static void pixel_of_col(Simt *s)
{
    bool to_x = ir_is(s->k->g, s->k->root, OP_conv_transpose);
    int64_t pixels = to_x ? rows_of(s)->places * cols_of(s)->places : windows_of(s);
    if (s->nest.rank == 2) return;
    if (s->nest.dim[0].var[0] == '0') out_line(s->o, "const %s pixel = col;", s->index);
    else split(s, "col", pixels, "pixels", "image", "pixel");
}

static Nest conv_nest(const Simt *s)
{
    const Shape *r = &ir_type(s->k->g, s->k->root)->shape;
    if (ir_is(s->k->g, s->k->root, OP_conv_weight))
        return (Nest){ 2, { { extent_named(extent_of(r, 0, 1), "channels"), "channel" },
                            { extent_named(extent_of(r, 1, r->rank), "cols"), "col" } } };
    Extent images = extent_of(r, 0, 1);
    return (Nest){ 3, { { images, extent_eq(images, extent(1, 0)) ? "0" : "image" },
                        { extent_of(r, 1, 2), "channel" },
                        { extent_of(r, 2, r->rank), "pixel" } } };
}

/* Of the factors that maps make: where their channel and image are known from. Of b k is channels times taps, of a
 * weight its lines are. */
static void place_maps(const Simt *s, Factor *a, Factor *b)
{
    const Node *x = ir_node(s->k->g, s->k->root);
    const bool weight = x->op == OP_conv_weight;
    b->mapped = value_in(s->k, b->operand);
    b->channel_of_k = !weight;
    b->taps = taps_of(s);
    b->channels = x->op == OP_conv_transpose ? out_per(s) : in_per(s);
    b->pixels = x->op == OP_conv_transpose ? rows_of(s)->places * cols_of(s)->places : windows_of(s);
    if (!weight) return;
    a->mapped = value_in(s->k, a->operand);
    a->fours = a->fours && !a->mapped;
    a->taps = 1;
    a->channels = out_per(s);
    a->pixels = windows_of(s);
}

void emit_simt_conv(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    Simt s = { .k = k, .e = k->e, .o = k->out, .c = ir_conv(k->g, x), .real = real_type(k) };
    s.groups = s.c.groups;
    s.group = ir_is_mma(k->k->algo) ? "conv_group" : "group";
    s.parts = ir_simt_parts(k->g, k->k);
    s.nest = conv_nest(&s);
    Extent images = extent_of(&s.c.x, 0, 1);
    const Shape *r = &x->type.shape;
    Extent pixels = extent_mul(images, extent_of(r, 2, r->rank));
    Extent taps = extent(taps_of(&s), 0);
    if (x->n_in > 2) s.bias = text(k->e, "%s[channel]", slot_read(k, x->in[2]));
    Factor a = { .name = 'a', .line = "row", .lines = k->k->tile[0], .along = true,
                 .place = weight_place, .operand = x->in[1] };
    Factor b = { .name = 'b', .line = "col", .lines = k->k->tile[1], .of_line = window_of_line,
                 .of_k = taps_of_k, .place = patch_place, .operand = x->in[0] };
    s.m = extent(out_per(&s), 0);
    s.l = pixels;
    s.depth = extent_mul(extent(in_per(&s), 0), taps);
    if (x->op == OP_conv_transpose) {
        a.of_k = tap_of_k;
        a.place = turned_place;
        b.of_line = place_of_line;
        b.place = spread_place;
        s.m = extent(in_per(&s), 0);
        s.depth = extent_mul(extent(out_per(&s), 0), taps);
    } else if (x->op == OP_conv_weight) {
        a.of_k = pixel_of_k;
        a.place = slope_place;
        b.along = true;
        b.of_line = taps_of_line;
        b.of_k = window_of_k;
        s.m = extent_named(s.m, "rows");
        s.l = extent_named(s.depth, "cols");
        s.depth = extent_named(extent_mul(images, extent_of(&s.c.y, 2, s.c.y.rank)), "pixels");
    }
    a.size = s.m;
    b.size = s.l;
    if (x->op == OP_conv) a.fours = s.depth.k % 4 == 0;
    if (x->op == OP_conv_weight) a.fours = extent_of(&s.c.y, 2, s.c.y.rank).k % 4 == 0;
    place_maps(&s, &a, &b);
    s.of_row = channel_of_row;
    s.of_col = pixel_of_col;
    simt_product(&s, (const Factor[]){ a, b });
}

void emit_conv_mma_tf32(Kern *k) { emit_simt_conv(k); }
void emit_conv_mma_bf16(Kern *k) { emit_simt_conv(k); }
