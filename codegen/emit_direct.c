/* codegen/emit_direct.c: convolutions and their adjoints by their definition, on tensors in
 * PyTorch's order.
 *
 * The innermost loop runs along neighbouring columns under one tap. For results a task has a line
 * of sums in its scratch and goes through the channels and taps for it. For a weight's gradient
 * each tap has such a line, whose columns are summed in double after every sample. What stands
 * where: ir/window.h. Padding is never read: a tap's columns begin and end where it stands on
 * places. */
#include "codegen/lines.h"

typedef struct Direct {
    Kern *k;
    Emit *e;
    Out *o;
    Conv c;
    const WindowAxis *row, *col;
    const char *a, *b;               /* the operands' parameters */
    int64_t in_per, out_per;         /* channels of a group: of x, of y */
    Nest nest;                       /* over the result */
    int leading;
} Direct;

static const char *var(const Direct *d, int axis) { return d->nest.dim[axis].var; }
static bool has_rows(const Direct *d) { return d->c.window.rank > 1; }

/* The `member`th of the other side's channels that channel `own` sees; its side has own_per a
 * group, the other one per. */
static const char *seen(const Direct *d, const char *own, int64_t own_per, int64_t per,
                        const char *member)
{
    Emit *e = d->e;
    if (d->c.groups == 1) return member;
    const char *group = own_per == 1 ? own : text(e, "%s / %lld", own, (long long)own_per);
    return text_add(e, text_mul(e, group, extent(per, 0)), per > 1 ? member : "0");
}

static void open_channels(const Direct *d, const char *name, int64_t count)
{
    out_open(d->o, "for (int64_t %s = 0; %s < %lld; %s++)", name, name, (long long)count, name);
}

/* Loops over the rows of taps; `at` is the row of the other side, unless there is none. */
static void open_rows(const Direct *d, const char *row, bool from_places)
{
    const WindowAxis *a = d->row;
    Out *o = d->o;
    long long stride = (long long)a->stride, rows = (long long)a->windows;
    if (!has_rows(d)) return;
    out_open(o, "for (int64_t i = 0; i < %lld; i++)", (long long)a->taps);
    if (!from_places) {
        out_line(o, "const int64_t at = %s;", place_text(d->e, a, row, "i"));
        if (ir_window_inside(a)) return;
        out_line(o, "if (at < 0 || at >= %lld)", (long long)a->places);
    } else {
        out_line(o, "const int64_t below = %s;",
                 text_add(d->e, row, text(d->e, "%lld - i * %lld", (long long)a->low,
                                          (long long)a->dilation)));
        if (stride == 1) out_line(o, "const int64_t at = below;");
        else out_line(o, "const int64_t at = below / %lld;", stride);
        if (stride == 1) out_line(o, "if (at < 0 || at >= %lld)", rows);
        else out_line(o, "if (below < 0 || below %% %lld || at >= %lld)", stride, rows);
    }
    out_line(o, "    continue;");
}

static void close_rows(const Direct *d)
{
    if (has_rows(d)) out_close(d->o, "");
}

/* Loops over a row's taps and over the windows whose tap is a place: `statement` adds. */
static void write_taps(const Direct *d, const char *statement)
{
    const WindowAxis *a = d->col;
    Out *o = d->o;
    long long windows = (long long)a->windows;
    out_open(o, "for (int64_t j = 0; j < %lld; j++)", (long long)a->taps);
    if (ir_window_inside(a)) {
        out_line(o, "for (int64_t col = 0; col < %lld; col++)", windows);
    } else {
        reach(d->e, SNIP_columns);
        out_line(o, "const int64_t shift = %s;", place_text(d->e, a, "0", "j"));
        out_line(o, "const int64_t first = first_column(shift, %lld);", (long long)a->stride);
        out_line(o, "const int64_t last = smaller(%lld, end_column(shift, %lld, %lld));", windows,
                 (long long)a->stride, (long long)a->places);
        out_line(o, "for (int64_t col = first; col < last; col++)");
    }
    out_line(o, "    %s", statement);
    out_close(o, "");
}

static const char *place_of_col(const Direct *d) { return place_text(d->e, d->col, "col", "j"); }

/* The row of taps between a channel of y and the `member`th that it sees. */
static void write_row_of_taps(const Direct *d, const char *out, const char *member)
{
    out_line(d->o, "const %s *const taps = %s;", real_type(d->k),
             row_at(d->e, d->b, &d->c.w, out, member, "i"));
}

static void write_from(const Direct *d, const char *array, const Shape *s, const char *channel)
{
    out_line(d->o, "const %s *const from = %s;", real_type(d->k),
             row_at(d->e, array, s, var(d, 0), channel, "at"));
}

/* Lines of sums that begin with the bias, or 0. */
static void open_lines(Direct *d)
{
    const Node *x = ir_node(d->k->g, d->k->root);
    const Shape *s = &x->type.shape;
    long long width = (long long)s->dim[s->rank - 1].k;
    d->leading = s->rank - 1;
    const char *bias = x->n_in > 2 ? slot_read(d->k, x->in[2]) : NULL;
    out_line(d->o, "%s *const sums = (%s *)scratch;    /* [%lld] */", real_type(d->k),
             real_type(d->k), width);
    d->nest = lines_open(d->k, s, d->leading, line_names(s->rank));
    out_line(d->o, "for (int64_t col = 0; col < %lld; col++)", width);
    out_line(d->o, "    sums[col] = %s;",
             bias ? text(d->e, "%s[%s]", bias, var(d, 1)) : literal(d->k, 0));
}

static const char *row_var(const Direct *d) { return has_rows(d) ? var(d, 2) : "0"; }

static void write_conv(Direct *d)
{
    open_lines(d);
    open_channels(d, "c", d->in_per);
    open_rows(d, row_var(d), false);
    write_from(d, d->a, &d->c.x, seen(d, var(d, 1), d->out_per, d->in_per, "c"));
    write_row_of_taps(d, var(d, 1), "c");
    write_taps(d, text(d->e, "sums[col] += from[%s] * taps[j];", place_of_col(d)));
    close_rows(d);
    out_close(d->o, "");
}

static void write_transpose(Direct *d)
{
    Emit *e = d->e;
    open_lines(d);
    open_channels(d, "c", d->out_per);
    const char *own = var(d, 1), *out = seen(d, own, d->in_per, d->out_per, "c");
    open_rows(d, row_var(d), true);
    write_from(d, d->a, &d->c.y, out);
    write_row_of_taps(d, out, d->c.groups == 1 ? own
                      : d->in_per == 1 ? "0" : text(e, "%s %% %lld", own, (long long)d->in_per));
    write_taps(d, text(e, "sums[%s] += from[col] * taps[j];", place_of_col(d)));
    close_rows(d);
    out_close(d->o, "");
}

static void write_weight(Direct *d)
{
    static const char *const with_rows[] = { "out", "in", "i", "j" };
    static const char *const without[] = { "out", "in", "j" };
    Emit *e = d->e;
    Out *o = d->o;
    const char *real = real_type(d->k);
    long long taps = (long long)(d->row->taps * d->col->taps), width = (long long)d->col->windows;
    d->leading = 2;
    out_line(o, "double *const totals = (double *)scratch;    /* [%lld] */", taps);
    out_line(o, "%s *const sums = (%s *)(totals + %lld);    /* [%lld][%lld] */", real, real, taps,
             taps, width);
    d->nest = lines_open(d->k, &d->c.w, 2, has_rows(d) ? with_rows : without);
    out_line(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_line(o, "    totals[tap] = 0;");
    out_open(o, "for (int64_t image = 0; image < %s; image++)",
             extent_text(e, extent_of(&d->c.x, 0, 1)));
    out_line(o, "for (int64_t j = 0; j < %lld; j++)", taps * width);
    out_line(o, "    sums[j] = 0;");
    if (has_rows(d))
        out_open(o, "for (int64_t row = 0; row < %lld; row++)", (long long)d->row->windows);
    out_line(o, "const %s *const line_of_y = %s;", real,
             row_at(e, d->b, &d->c.y, "image", var(d, 0), "row"));
    open_rows(d, "row", false);
    out_line(o, "const %s *const from = %s;", real,
             row_at(e, d->a, &d->c.x, "image",
                    seen(d, var(d, 0), d->out_per, d->in_per, var(d, 1)), "at"));
    out_line(o, "%s *const to = %s;", real,
             has_rows(d) ? text(e, "sums + i * %lld", (long long)d->col->taps * width) : "sums");
    write_taps(d, text(e, "to[j * %lld + col] += line_of_y[col] * from[%s];", width,
                       place_of_col(d)));
    close_rows(d);
    if (has_rows(d)) out_close(o, "");
    out_open(o, "for (int64_t tap = 0; tap < %lld; tap++)", taps);
    out_line(o, "double total = totals[tap];");
    if (e->m->real == DT_f32) out_line(o, "#pragma omp simd reduction(+:total)");
    out_line(o, "for (int64_t col = 0; col < %lld; col++)", width);
    out_line(o, "    total += %s;", text_double(e, text(e, "sums[tap * %lld + col]", width)));
    out_line(o, "totals[tap] = total;");
    out_close(o, "");
    out_close(o, "");
}

void emit_direct(Kern *k)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    Direct d = { .k = k, .e = e, .o = k->out, .c = ir_conv(k->g, x) };
    d.row = &d.c.window.axis[0];
    d.col = &d.c.window.axis[1];
    d.in_per = d.c.w.dim[1].k;
    d.out_per = d.c.w.dim[0].k / d.c.groups;
    d.a = slot_read(k, x->in[0]);
    d.b = slot_read(k, x->in[1]);
    bool weight = x->op == OP_conv_weight;
    k->note = text(e, "A task is %lld %s.", (long long)k->tasks.tile_rows,
                   weight ? "pairs of channels, with all taps" : "lines of results");
    if (weight) write_weight(&d);
    else if (x->op == OP_conv) write_conv(&d);
    else write_transpose(&d);
    const char *col = var(&d, d.nest.rank - 1), *tap = col, *real = real_type(k);
    if (has_rows(&d)) tap = text_add(e, text_mul(e, var(&d, 2), extent(d.col->taps, 0)), col);
    line_epilogue(k, &d.nest, d.leading,
                  weight ? text(e, "(%s)totals[%s]", real, tap) : text(e, "sums[%s]", col));
    out_close(k->out, "");
}
