/* codegen/emit_simt.c: products and convolutions on a GPU's ordinary arithmetic.
 *
 * simt: a block has a tile of the result, each of its 16 x 16 threads a register tile of it. Steps
 * of k come through shared memory, as [k][row] and [k][column]: while the threads add up the
 * products of one step, the next is on its way to registers, from where it goes to the other half
 * of the shared memory. So there is one barrier a step. Beyond the ends of a factor there are
 * zeros.
 *
 * simt_conv: the same product of weights and patches, whose elements are looked up where windows
 * have them (ir/window.h); no patch is ever stored. Rows are channels of results, columns the
 * pixels of all images; of a weight columns are channels times taps, and k the pixels. A block is
 * of one group.
 *
 * Of a weight's gradient tiles are few and sums long: pixels are cut into parts (ir_simt_parts),
 * whose sums a second kernel adds up, in order, before the epilogue.
 *
 * simt_dots: few results of long sums. A warp has one; its lanes walk k, along which both factors
 * lie together, and join their sums.
 *
 * Not here: sums split among blocks, tensor cores.
 * Source: CUTLASS, Efficient GEMM in CUDA, NVIDIA. */
#include "codegen/emit.h"
#include "ir/window.h"

typedef struct Simt {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;                             /* of a product */
    Conv c;                                /* of a convolution */
    int64_t groups, parts;
    Extent m, l, depth;                    /* of a group */
    const char *first, *last;              /* what the block has of k */
    const char *real, *bias;               /* bias: an element's text, or null */
    Nest nest;                             /* of the result */
} Simt;

/* A factor, of `lines` rows or columns of the tile. along: threads fetch neighbours in k, else
 * neighbouring lines. */
typedef struct Factor Factor;
struct Factor {
    char name;                             /* a or b */
    const char *line;                      /* row or col */
    int64_t lines;
    Extent size;
    bool along;
    /* Writes what it needs to find its element of that line and of k, whose text it returns; and
     * the condition under which there is one, or "". */
    const char *(*element)(Simt *s, const Factor *f, const char **inside);
    Val operand;
};

/* The root's value from what is added up, and all that follows from it. */
static void epilogue(Simt *s, Out *o, const char *sum)
{
    Kern *k = s->k;
    const char *name = local_name(k, "v");
    out_line(o, s->bias ? "const %s %s = %s + %s;" : "const %s %s = %s;", s->real, name, sum,
             s->bias);
    k->name[k->root.i] = name;
    members_emit(k, o, &s->nest);
}

/* ---- the tile ---- */

static const char *times(Emit *e, int64_t x)
{
    return x == 1 ? "" : text(e, " * %lld", (long long)x);
}

/* The tile's shared memory, and the products of a step. */
static void write_tile(Simt *s, const char *name)
{
    const int64_t *tile = s->k->k->tile, *micro = s->k->k->micro;
    const Hole holes[] = {
        { "R", s->real },
        { "name", name },
        { "step", text(s->e, "%d", IR_SIMT_STEP) },
        { "rows", text(s->e, "%lld", (long long)(tile[0] + IR_SIMT_PAD)) },
        { "cols", text(s->e, "%lld", (long long)(tile[1] + IR_SIMT_PAD)) },
        { "h", text(s->e, "%lld", (long long)micro[0]) },
        { "w", text(s->e, "%lld", (long long)micro[1]) },
    };
    static const char *const words =
        "/* A step of both factors, twice. */\n"
        "typedef struct { $R a[2][$step][$rows], b[2][$step][$cols]; } Tile$name;\n"
        "/* sums += products of a step: $h rows from `top` on, $w columns from `left` on. */\n"
        "DEVICE void add_products_$name(const Tile$name *tile, int half, int top, int left,\n"
        "    $R sums[$h][$w])\n"
        "{\n"
        "    #pragma unroll\n"
        "    for (int k = 0; k < $step; k++) {\n"
        "        $R a[$h], b[$w];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++) a[i] = tile->a[half][k][top + i];\n"
        "        #pragma unroll\n"
        "        for (int j = 0; j < $w; j++) b[j] = tile->b[half][k][left + j];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++)\n"
        "            #pragma unroll\n"
        "            for (int j = 0; j < $w; j++) sums[i][j] += a[i] * b[j];\n"
        "    }\n"
        "}\n";
    Out *o = out_new(s->e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(s->e, out_text(o));
}

/* row0 and col0: where the block's tile begins, in its group. */
static void place(Simt *s)
{
    const Tasks *t = &s->k->tasks;
    long long rows = (long long)t->tile_rows, cols = (long long)t->tile_cols;
    const char *down = text(s->e, "%lld", (long long)t->down), *at = "task";
    if (t->down > 1 && t->across > 1) {
        if (s->m.n) {
            out_line(s->o, "const int64_t down = (%s + %lld) / %lld;", extent_text(s->e, s->m),
                     rows - 1, rows);
            down = "down";
        }
        at = text(s->e, "task %% %s", down);
    }
    if (s->parts > 1) {
        long long each = (long long)(t->down / s->parts), step = IR_SIMT_STEP * s->parts;
        const char *depth = extent_text(s->e, s->depth);
        if (each == 1) out_line(s->o, "const int64_t part = %s;", at);
        else out_line(s->o, "const int64_t part = %s / %lld;", text_atom(s->e, at), each);
        at = each == 1 ? "0" : text(s->e, "%s %% %lld", text_atom(s->e, at), each);
        out_line(s->o, "const int64_t share = (%s + %lld) / %lld * %d;", depth, step - 1, step,
                 IR_SIMT_STEP);
        out_line(s->o, "const int64_t first = part * share, last = smaller(first + share, %s);",
                 depth);
        reach(s->e, SNIP_smaller);
        s->first = "first";
        s->last = "last";
    }
    if (s->groups > 1) {
        long long each = (long long)(t->down / s->parts / s->groups);
        out_line(s->o, "const int64_t group = %s%s;", text_atom(s->e, at),
                 each > 1 ? text(s->e, " / %lld", each) : "");
        at = each > 1 ? text(s->e, "%s %% %lld", text_atom(s->e, at), each) : "0";
    } else if (t->down == s->parts) {
        at = "0";
    }
    out_line(s->o, "const int64_t row0 = %s;", text_mul(s->e, at, extent(rows, 0)));
    if (t->across == 1) out_line(s->o, "const int64_t col0 = 0;");
    else out_line(s->o, "const int64_t col0 = %s * %lld;",
                  t->down > 1 ? text(s->e, "task / %s", down) : "task", cols);
}

/* How many elements each thread fetches of it, a step. */
static long long fetched(const Simt *s, const Factor *f)
{
    return (long long)(f->lines * IR_SIMT_STEP / s->k->threads);
}

/* Opens the loop over a thread's elements of a step: line and k of the tile are `at` and `deep`. */
static void open_fetched(Simt *s, const Factor *f, const char **at, const char **deep)
{
    Emit *e = s->e;
    out_line(s->o, "#pragma unroll");
    out_open(s->o, "for (int i = 0; i < %lld; i++)", fetched(s, f));
    out_line(s->o, "const int e = (int)threadIdx.x + %d * i;", s->k->threads);
    long long side = f->along ? IR_SIMT_STEP : (long long)f->lines;
    const char *whole = text(e, "e / %lld", side), *rest = text(e, "e %% %lld", side);
    *at = f->along ? whole : rest;
    *deep = f->along ? rest : whole;
}

static void write_fetch(Simt *s, const Factor *f)
{
    Emit *e = s->e;
    const char *at, *deep, *inside;
    open_fetched(s, f, &at, &deep);
    out_line(s->o, "const int64_t %s = %s0 + %s, k = k0 + %s;", f->line, f->line, at, deep);
    const char *element = f->element(s, f, &inside);
    const char *there = text(e, "%s < %s && k < %s%s%s", f->line, extent_text(e, f->size), s->last,
                             *inside ? " && " : "", inside);
    out_line(s->o, "next_%c[i] = %s", f->name, there);
    out_line(s->o, "          ? %s : 0;", element);
    out_close(s->o, "");
}

static void write_put(Simt *s, const Factor *f)
{
    const char *at, *deep;
    open_fetched(s, f, &at, &deep);
    out_line(s->o, "shared->%c[half][%s][%s] = next_%c[i];", f->name, deep, at, f->name);
    out_close(s->o, "");
}

/* The loop over k: in turn t step t is fetched, step t - 1 added up, step t put where step t - 2
 * was. */
static void write_sums(Simt *s, const Factor f[2], const char *name)
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *micro = s->k->k->micro;
    out_line(o, "const int top = (int)threadIdx.x / %d%s;", IR_SIMT_SIDE, times(e, micro[0]));
    out_line(o, "const int left = (int)threadIdx.x %% %d%s;", IR_SIMT_SIDE, times(e, micro[1]));
    out_line(o, "%s sums[%lld][%lld] = { { 0 } }, next_a[%lld], next_b[%lld];", s->real,
             (long long)micro[0], (long long)micro[1], fetched(s, &f[0]), fetched(s, &f[1]));
    out_line(o, "int half = 0;");
    out_open(o, "for (int64_t k0 = %s; k0 < %s + %d; k0 += %d, half = 1 - half)", s->first, s->last,
             IR_SIMT_STEP, IR_SIMT_STEP);
    for (int i = 0; i < 2; i++) write_fetch(s, &f[i]);
    out_line(o, "if (k0 > %s) add_products_%s(shared, 1 - half, top, left, sums);", s->first, name);
    for (int i = 0; i < 2; i++) write_put(s, &f[i]);
    out_line(o, "__syncthreads();");
    out_close(o, "");
}

static const char *parts_of(Simt *s)
{
    return slot_shared(s->k, s->e->m->real, "parts", "sums, a result a part");
}

/* A part's sum, for the second kernel. */
static void write_part(Simt *s)
{
    Extent rows = s->nest.dim[0].size, cols = s->nest.dim[1].size;
    out_line(s->o, "%s[%s] = sums[i][j];", parts_of(s),
             text_add(s->e, text_mul(s->e, text_add(s->e, text_mul(s->e, "part", rows), "channel"),
                                     cols), "col"));
}

/* The second kernel: an element a thread. */
static void write_finish(Simt *s)
{
    Kern *k = s->k;
    Emit *e = s->e;
    Out *o = k->finish = out_new(e->a);
    const Shape *r = &ir_type(k->g, k->root)->shape;
    Extent elems = extent_of(r, 0, r->rank);
    for (uint32_t i = 0; i < k->g->n_node; i++) k->name[i] = NULL;
    k->finish_tasks = (elems.k + k->threads - 1) / k->threads;
    s->nest = (Nest){ 1, { { elems, "i" } } };
    out_open(o, "%s", "");
    out_line(o, "const int64_t i = task * %d + threadIdx.x;", k->threads);
    out_open(o, "if (i < %s)", extent_text(e, elems));
    out_line(o, "%s sum = 0;", s->real);
    out_line(o, "for (int64_t part = 0; part < %lld; part++)", (long long)s->parts);
    out_line(o, "    sum += %s[part * %s + i];", parts_of(s), extent_text(e, elems));
    epilogue(s, o, "sum");
    out_close(o, "");
    out_close(o, "");
}

/* where: writes what the nest's variables are, or null. */
static void write_stores(Simt *s, void (*where)(Simt *s))
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *tile = s->k->k->tile, *micro = s->k->k->micro;
    bool whole_rows = !s->m.n && s->m.k % tile[0] == 0;
    bool whole_cols = !s->l.n && s->l.k % tile[1] == 0;
    const char *inside = whole_rows ? "" : text(e, "row < %s", extent_text(e, s->m));
    if (!whole_cols)
        inside = text(e, "%s%scol < %s", inside, *inside ? " && " : "", extent_text(e, s->l));
    for (int i = 0; i < 2; i++) {
        out_line(o, "#pragma unroll");
        out_open(o, "for (int %c = 0; %c < %lld; %c++)", "ij"[i], "ij"[i], (long long)micro[i],
                 "ij"[i]);
    }
    out_line(o, "const int64_t row = row0 + top + i, col = col0 + left + j;");
    if (*inside) out_open(o, "if (%s)", inside);
    if (where) where(s);
    if (s->parts > 1) write_part(s);
    else epilogue(s, o, "sums[i][j]");
    if (*inside) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

static void write_product(Simt *s, const Factor f[2], void (*where)(Simt *s))
{
    Kern *k = s->k;
    const int64_t *tile = k->k->tile, *micro = k->k->micro;
    const char *name = text(s->e, "%lldx%lld", (long long)tile[0], (long long)tile[1]);
    k->note = text(s->e, "A block is a tile of %s results, a thread %lldx%lld of them.", name,
                   (long long)micro[0], (long long)micro[1]);
    if (s->parts > 1)
        k->note = text(s->e, "%s %lld parts of the pixels\n * have blocks of their own; then their "
                       "sums are added in order.", k->note, (long long)s->parts);
    write_tile(s, name);
    k->shared_bytes = 2 * IR_SIMT_STEP * (tile[0] + tile[1] + 2 * IR_SIMT_PAD)
                    * ir_dtype_bytes(s->e->m->real);
    out_line(s->o, "SHARED(Tile%s, shared);", name);
    s->first = "0";
    s->last = extent_text(s->e, s->depth);
    place(s);
    write_sums(s, f, name);
    write_stores(s, where);
    if (s->parts > 1) write_finish(s);
}

/* ---- simt ---- */

static Simt product_of(Kern *k)
{
    Simt s = { .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root), .groups = 1,
               .parts = 1, .real = real_type(k) };
    s.m = extent(s.p.m.k, s.p.m.n);
    s.l = extent(s.p.l.k, s.p.l.n);
    s.depth = extent(s.p.k.k, s.p.k.n);
    bool one_row = extent_eq(s.m, extent(1, 0));
    s.nest = product_nest(&s.p, (NestDim){ s.m, one_row ? "0" : "row" }, (NestDim){ s.l, "col" });
    if (s.p.bias.i)
        s.bias = text(s.e, "%s[%s]", slot_read(k, s.p.bias),
                      index_text(s.e, ir_type(k->g, s.p.bias), &ir_type(k->g, k->root)->shape,
                                 &s.nest));
    return s;
}

/* A matrix stored with its lines along k, or with k along its lines. */
static const char *matrix_element(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    *inside = "";
    return text(e, "%s[%s]", slot_read(s->k, f->operand),
                f->along ? text_add(e, text_mul(e, f->line, s->depth), "k")
                         : text_add(e, text_mul(e, "k", f->size), f->line));
}

void emit_simt(Kern *k)
{
    Simt s = product_of(k);
    const Factor f[2] = {
        { 'a', "row", k->k->tile[0], s.m, !s.p.ta, matrix_element, s.p.a },
        { 'b', "col", k->k->tile[1], s.l, s.p.tb, matrix_element, s.p.b },
    };
    write_product(&s, f, NULL);
}

/* ---- simt_conv ---- */

static const WindowAxis *rows_of(const Simt *s) { return &s->c.window.axis[0]; }
static const WindowAxis *cols_of(const Simt *s) { return &s->c.window.axis[1]; }
static int64_t taps_of(const Simt *s) { return rows_of(s)->taps * cols_of(s)->taps; }

/* Channels of x and of y that a group has. */
static int64_t in_per(const Simt *s) { return s->c.w.dim[1].k; }
static int64_t out_per(const Simt *s) { return s->c.w.dim[0].k / s->groups; }

/* Writes the two numbers of which `at` is made: first * size + second. */
static void split(Simt *s, const char *at, int64_t size, const char *first, const char *second)
{
    if (size == 1) out_line(s->o, "const int64_t %s = %s, %s = 0;", first, at, second);
    else out_line(s->o, "const int64_t %s = %s / %lld, %s = %s %% %lld;", first, at,
                  (long long)size, second, at, (long long)size);
}

/* A channel of all groups from one of this group. */
static const char *of_group(const Simt *s, int64_t per, const char *channel)
{
    if (s->groups == 1) return channel;
    return text_add(s->e, text_mul(s->e, "group", extent(per, 0)), channel);
}

/* The element of an image's channel at that row and column. */
static const char *image_element(Simt *s, Val v, const Shape *shape, const char *channel,
                                 const char *row, const char *col)
{
    Emit *e = s->e;
    const char *at = text_add(e, text_mul(e, "image", extent_of(shape, 1, 2)), channel);
    if (shape->rank == 4) at = text_add(e, text_mul(e, at, extent_of(shape, 2, 3)), row);
    at = text_add(e, text_mul(e, at, extent_of(shape, shape->rank - 1, shape->rank)), col);
    return text(e, "%s[%s]", slot_read(s->k, v), at);
}

/* Of "y" or "x", the place of a tap of a window on that axis; the condition that it is one. */
static const char *write_place(Simt *s, const WindowAxis *a, char axis)
{
    Emit *e = s->e;
    out_line(s->o, "const int64_t at_%c = window_%c%s + tap_%c%s - %lld;", axis, axis,
             times(e, a->stride), axis, times(e, a->dilation), (long long)a->low);
    return text(e, "at_%c >= 0 && at_%c < %lld", axis, axis, (long long)a->places);
}

/* The window of which a tap stands at a place. */
static const char *write_window(Simt *s, const WindowAxis *a, char axis)
{
    Emit *e = s->e;
    const char *whole = a->stride == 1 ? ""
                      : text(e, "below_%c %% %lld == 0 && ", axis, (long long)a->stride);
    out_line(s->o, "const int64_t below_%c = place_%c + %lld - tap_%c%s;", axis, axis,
             (long long)a->low, axis, times(e, a->dilation));
    out_line(s->o, "const int64_t at_%c = below_%c%s;", axis, axis,
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
    split(s, pixel, rows * cols, "image", lines ? "pixel" : x);
    if (lines) split(s, "pixel", cols, text(s->e, "%s_y", word), x);
}

/* channel, and the row and column of the tap, of a number of both. */
static void write_taps(Simt *s, const char *at)
{
    bool lines = s->c.window.rank > 1;
    split(s, at, taps_of(s), "channel", lines ? "tap" : "tap_x");
    if (lines) split(s, "tap", cols_of(s)->taps, "tap_y", "tap_x");
}

static const char *both(Simt *s, const char *of_rows, const char *of_cols)
{
    return s->c.window.rank > 1 ? text(s->e, "%s && %s", of_rows, of_cols) : of_cols;
}

/* conv: what tap k of channel k reads for a pixel; conv_weight: for pixel k what a tap reads. */
static const char *patch_element(Simt *s, const Factor *f, const char **inside)
{
    bool weight = ir_is(s->k->g, s->k->root, OP_conv_weight);
    write_pixel(s, weight ? "k" : f->line, false, "window");
    write_taps(s, weight ? f->line : "k");
    const char *of_rows = s->c.window.rank > 1 ? write_place(s, rows_of(s), 'y') : NULL;
    *inside = both(s, of_rows, write_place(s, cols_of(s), 'x'));
    return image_element(s, f->operand, &s->c.x, of_group(s, in_per(s), "channel"), "at_y", "at_x");
}

/* conv_transpose: the element of y whose window has tap k at a place. */
static const char *spread_element(Simt *s, const Factor *f, const char **inside)
{
    write_pixel(s, f->line, true, "place");
    write_taps(s, "k");
    const char *of_rows = s->c.window.rank > 1 ? write_window(s, rows_of(s), 'y') : NULL;
    *inside = both(s, of_rows, write_window(s, cols_of(s), 'x'));
    return image_element(s, f->operand, &s->c.y, of_group(s, out_per(s), "channel"), "at_y",
                         "at_x");
}

/* conv: weights of a channel of y. */
static const char *weight_element(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    *inside = "";
    return text(e, "%s[%s]", slot_read(s->k, f->operand),
                text_add(e, text_mul(e, of_group(s, out_per(s), "row"), s->depth), "k"));
}

/* conv_transpose: weights of a channel of x, row, and of channel and tap k of y. */
static const char *turned_element(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    *inside = "";
    split(s, "k", taps_of(s), "channel", "tap");
    const char *at = text_mul(e, of_group(s, out_per(s), "channel"), extent(in_per(s), 0));
    at = text_mul(e, text_add(e, at, "row"), extent(taps_of(s), 0));
    return text(e, "%s[%s]", slot_read(s->k, f->operand), text_add(e, at, "tap"));
}

/* conv_weight: y's derivative of a channel, row, at pixel k of all images. */
static const char *slope_element(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    int64_t pixels = rows_of(s)->windows * cols_of(s)->windows;
    *inside = "";
    split(s, "k", pixels, "image", "pixel");
    const char *at = text_add(e, text_mul(e, "image", extent_of(&s->c.y, 1, 2)),
                              of_group(s, out_per(s), "row"));
    return text(e, "%s[%s]", slot_read(s->k, f->operand),
                text_add(e, text_mul(e, at, extent(pixels, 0)), "pixel"));
}

/* The channel of a result, and of one that is no weight image, unless there is one, and pixel. */
static void write_where(Simt *s)
{
    bool to_x = ir_is(s->k->g, s->k->root, OP_conv_transpose);
    int64_t pixels = to_x ? rows_of(s)->places * cols_of(s)->places
                          : rows_of(s)->windows * cols_of(s)->windows;
    out_line(s->o, "const int64_t channel = %s;",
             of_group(s, to_x ? in_per(s) : out_per(s), "row"));
    if (s->nest.rank == 2) return;
    if (s->nest.dim[0].var[0] == '0') out_line(s->o, "const int64_t pixel = col;");
    else split(s, "col", pixels, "image", "pixel");
}

static Nest conv_nest(const Simt *s)
{
    const Shape *r = &ir_type(s->k->g, s->k->root)->shape;
    if (ir_is(s->k->g, s->k->root, OP_conv_weight))
        return (Nest){ 2, { { extent_of(r, 0, 1), "channel" },
                            { extent_of(r, 1, r->rank), "col" } } };
    Extent images = extent_of(r, 0, 1);
    return (Nest){ 3, { { images, extent_eq(images, extent(1, 0)) ? "0" : "image" },
                        { extent_of(r, 1, 2), "channel" },
                        { extent_of(r, 2, r->rank), "pixel" } } };
}

void emit_simt_conv(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    Simt s = { .k = k, .e = k->e, .o = k->out, .c = ir_conv(k->g, x), .real = real_type(k) };
    s.groups = s.c.groups;
    s.parts = ir_simt_parts(k->g, k->k);
    s.nest = conv_nest(&s);
    Extent images = extent_of(&s.c.x, 0, 1);
    const Shape *r = &x->type.shape;
    Extent pixels = extent_mul(images, extent_of(r, 2, r->rank));
    Extent taps = extent(taps_of(&s), 0);
    if (x->n_in > 2) s.bias = text(k->e, "%s[channel]", slot_read(k, x->in[2]));
    const int64_t *tile = k->k->tile;
    Factor a = { 'a', "row", tile[0], { 0, 0 }, true, weight_element, x->in[1] };
    Factor b = { 'b', "col", tile[1], { 0, 0 }, false, patch_element, x->in[0] };
    s.m = extent(out_per(&s), 0);
    s.l = pixels;
    s.depth = extent_mul(extent(in_per(&s), 0), taps);
    if (x->op == OP_conv_transpose) {
        a.element = turned_element;
        b.element = spread_element;
        s.m = extent(in_per(&s), 0);
        s.depth = extent_mul(extent(out_per(&s), 0), taps);
    } else if (x->op == OP_conv_weight) {
        a.element = slope_element;
        b.along = true;
        s.l = s.depth;
        s.depth = extent_mul(images, extent_of(&s.c.y, 2, s.c.y.rank));
    }
    a.size = s.m;
    b.size = s.l;
    write_product(&s, (const Factor[]){ a, b }, write_where);
}

/* ---- simt_dots ---- */

void emit_simt_dots(Kern *k)
{
    Simt s = product_of(k);
    Emit *e = k->e;
    Out *o = k->out;
    const char *rows = extent_text(e, s.m), *cols = extent_text(e, s.l);
    const char *depth = extent_text(e, s.depth), *row = s.nest.dim[0].var;
    int warps = k->threads / IR_WARP;
    if (k->tasks.tile_cols != warps)
        ir_die(e->m, "kernel k%d of %s: a block has %d results, not %lld", k->index, k->g->name,
               warps, (long long)k->tasks.tile_cols);
    k->note = text(e, "A block is %d results of one row, a warp one of them.", warps);
    out_line(o, "const int lane = (int)threadIdx.x %% %d, warp = (int)threadIdx.x / %d;", IR_WARP,
             IR_WARP);
    if (row[0] == '0') out_line(o, "const int64_t col = task * %d + warp;", warps);
    else out_line(o, "const int64_t row = task %% %s, col = task / %s * %d + warp;",
                  text_atom(e, rows), text_atom(e, rows), warps);
    out_line(o, "%s sum = 0;", s.real);
    out_open(o, "for (int64_t k = lane; k < %s && col < %s; k += %d)", depth, cols, IR_WARP);
    out_line(o, "sum += %s[%s] * %s[%s];", slot_read(k, s.p.a),
             text_add(e, text_mul(e, row, s.depth), "k"), slot_read(k, s.p.b),
             text_add(e, text_mul(e, "col", s.depth), "k"));
    out_close(o, "");
    k->lanes = IR_WARP;
    team_join(k, o, JOIN_sum, e->m->real, "sum", "sum");
    out_open(o, "if (lane == 0 && col < %s)", cols);
    epilogue(&s, o, "sum");
    out_close(o, "");
}
