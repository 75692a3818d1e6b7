/* codegen/emit_window.c: pooling, padding and stretching, and their adjoints.
 *
 * A result that is made of places is computed where it stands, element by element: a task is some
 * lines of results. An adjoint adds elements up where they belong: a task is some planes, which it
 * gathers in its scratch, in the order of the elements. What stands where: ir/window.h. */
#include "codegen/windows.h"
#include <string.h>

const char *win_element(const Win *w, int i, const char *row, const char *col)
{
    const Type *t = ir_type(w->k->g, w->x->in[i]);
    const char *at = row_at(w->e, "0", &t->shape, w->nest.dim[0].var, w->nest.dim[1].var, row);
    return text(w->e, "%s[%s]", slot_read(w->k, w->x->in[i]), text_add(w->e, at, col));
}

/* ---- windows ---- */

/* Loops over the taps of the window at row and col; `at_row` and `at_col` are their places. Taps on
 * padding are skipped. */
static void open_tap(const Win *w, const WindowAxis *a, const char *window, const char *tap,
                     const char *at)
{
    Out *o = w->o;
    const char *taps = text(w->e, "%lld", (long long)a->taps), *begin = NULL;
    if (a->adaptive) {
        long long places = (long long)a->places, windows = (long long)a->windows;
        begin = text(w->e, "%s_begin", at);
        out_line(o, "const %s %s = %s * %lld / %lld;", w->index, begin, window, places, windows);
        out_line(o, "const %s %s_end = ((%s + 1) * %lld + %lld) / %lld;", w->index, at, window, places,
                 windows - 1, windows);
        taps = text(w->e, "%s_end - %s", at, begin);
    }
    out_open(o, "for (%s %s = 0; %s < %s; %s++)", w->index, tap, tap, taps, tap);
    out_line(o, "const %s %s = %s;", w->index, at,
             begin ? text(w->e, "%s + %s", begin, tap) : place_text(w->e, a, window, tap));
    if (ir_window_inside(a)) return;
    out_line(o, "if (%s < 0 || %s >= %lld)", at, at, (long long)a->places);
    out_line(o, "    continue;");
}

static void open_taps(const Win *w, const Window *win, const Nest *windows)
{
    if (win->rank > 1) open_tap(w, &win->axis[0], win_row(windows), "i", "at_row");
    open_tap(w, &win->axis[1], win_col(windows), "j", "at_col");
}

static void close_taps(const Win *w, const Window *win)
{
    out_close(w->o, "");
    if (win->rank > 1) out_close(w->o, "");
}

/* A tap's number in its window. */
static const char *tap_number(const Win *w, const Window *win)
{
    return win->rank > 1 ? text(w->e, "i * %lld + j", (long long)win->axis[1].taps) : "j";
}

/* Windows of few taps, none of them on padding, are written tap by tap: without branches vectors
 * hold neighbouring windows. */
enum { MAX_WRITTEN_OUT = 16 };

static bool is_plain(const Window *win)
{
    int64_t taps = 1;
    for (int i = 2 - win->rank; i < 2; i++) {
        if (win->axis[i].adaptive || !ir_window_inside(&win->axis[i])) return false;
        taps *= win->axis[i].taps;
    }
    return taps <= MAX_WRITTEN_OUT;
}

static int tap_count(const Window *win)
{
    return (int)((win->rank > 1 ? win->axis[0].taps : 1) * win->axis[1].taps);
}

/* Row and column where a tap of the window at row and col stands. */
static void tap_place(const Win *w, const Window *win, const Nest *windows, int tap,
                      const char *at[2])
{
    const WindowAxis *a = win->axis;
    int across = (int)a[1].taps;
    at[0] = win->rank > 1
          ? place_text(w->e, &a[0], win_row(windows), text(w->e, "%d", tap / across)) : "0";
    at[1] = place_text(w->e, &a[1], win_col(windows), text(w->e, "%d", tap % across));
}

static const char *tap_element(const Win *w, const Window *win, int tap)
{
    const char *at[2];
    if (w->wide) {
        const WindowAxis *a = &win->axis[1];
        long long inside = (long long)(tap % a->taps * a->dilation);
        return text(w->e, "lines[%d][%s]", (int)(tap / a->taps),
                    text_shift(w->e, text_mul(w->e, win_col(&w->nest), extent(a->stride, 0)), inside));
    }
    if (w->flat) {
        long long across = (long long)win->axis[1].taps, width = (long long)win->axis[1].places;
        const char *inside = text(w->e, "%lld", tap / across * width + tap % across);
        return text(w->e, "%s[%s]", slot_read(w->k, w->x->in[0]), text_add(w->e, "at", inside));
    }
    tap_place(w, win, &w->nest, tap, at);
    return win_element(w, 0, at[0], at[1]);
}

/* Somebody reads which tap was found: a derivative. */
static bool is_tap_stored(const Win *w)
{
    Place p[4];
    return stores_of(w->k, w->k->root, p) > 0;
}

/* Max pooling whose largest value somebody takes here. */
static bool is_taken(const Win *w)
{
    for (int i = 0; i < w->k->k->n_member; i++)
        if (ir_is(w->k->g, w->k->k->member[i], OP_pool_take)) return true;
    return false;
}

/* Names of what the root and, in max pooling, who takes what it found are worth here. */
static void name_found(const Win *w)
{
    const char *type = w->e->l->type[w->x->type.dtype];
    for (int i = 0; i < w->k->k->n_member; i++) {
        Val v = w->k->k->member[i];
        if (ir_is(w->k->g, v, OP_pool_take)) w->k->name[v.i] = "best";
    }
    if (!is_tap_stored(w)) return;
    out_line(w->o, "const %s tap = (%s)found;", type, type);
    w->k->name[w->k->root.i] = "tap";
}

/* write_index of a plain window. */
static void write_out_index(const Win *w, const Window *win)
{
    Out *o = w->o;
    const char *real = real_type(w->k);
    int n = tap_count(win);
    bool stored = is_tap_stored(w);
    out_line(o, "%s best = %s;", real, tap_element(w, win, 0));
    if (stored) out_line(o, "int32_t found = 0;");
    for (int i = 1; i < n; i++) {
        out_line(o, "const %s value%d = %s;", real, i, tap_element(w, win, i));
        out_line(o, "const bool larger%d = (value%d > best) | (value%d != value%d);", i, i, i, i);
        out_line(o, "best = larger%d ? value%d : best;", i, i);
        if (stored) out_line(o, "found = larger%d ? %d : found;", i, i);
    }
}

static const char *write_out_total(const Win *w, const Window *win)
{
    const char *total = "";
    for (int i = 0; i < tap_count(win); i++)
        total = text(w->e, "%s%s(double)%s", total, i ? " + " : "", tap_element(w, win, i));
    return text(w->e, "(%s)(%s)", real_type(w->k), total);
}

/* As in PyTorch, a NaN is larger than all before it. */
static void write_index(const Win *w, const Window *win)
{
    Out *o = w->o;
    out_line(o, "%s best = 0;", real_type(w->k));
    out_line(o, "int32_t found = -1;");
    open_taps(w, win, &w->nest);
    out_line(o, "const %s value = %s;", real_type(w->k), win_element(w, 0, "at_row", "at_col"));
    out_open(o, "if (found < 0 || value > best || value != value)");
    out_line(o, "best = value;");
    out_line(o, "found = (int32_t)(%s);", tap_number(w, win));
    out_close(o, "");
    close_taps(w, win);
}

/* Where the tap of the window at row and col stands: at_row, at_col. */
static void write_found(const Win *w, const Window *win, const Nest *windows)
{
    const char *tap[2] = { "0", "tap" };
    const char *window[2] = { win_row(windows), win_col(windows) };
    if (win->rank > 1) {
        tap[0] = text(w->e, "tap / %lld", (long long)win->axis[1].taps);
        tap[1] = text(w->e, "tap %% %lld", (long long)win->axis[1].taps);
    }
    for (int i = 2 - win->rank; i < 2; i++) {
        const WindowAxis *a = &win->axis[i];
        const char *at = a->adaptive
            ? text(w->e, "%s * %lld / %lld + %s", window[i], (long long)a->places,
                   (long long)a->windows, tap[i])
            : place_text(w->e, a, window[i], text_atom(w->e, tap[i]));
        out_line(w->o, "const %s %s = %s;", w->index, i ? "at_col" : "at_row", at);
    }
}

static const char *tap_of(const Win *w, const Nest *windows)
{
    return win_element(w, 1, win_row(windows), win_col(windows));
}

static const char *write_gathered(const Win *w)
{
    Window win = ir_window(w->k->g, w->x);
    Out *o = w->o;
    switch (w->x->op) {
    case OP_pool_index:
        if (is_plain(&win)) write_out_index(w, &win);
        else write_index(w, &win);
        name_found(w);
        return NULL;
    case OP_pool_take:
        out_line(o, "const %s tap = %s;", w->index, tap_of(w, &w->nest));
        write_found(w, &win, &w->nest);
        return win_element(w, 0, "at_row", "at_col");
    default:
        if (is_plain(&win)) return write_out_total(w, &win);
        out_line(o, "double total = 0;");
        open_taps(w, &win, &w->nest);
        out_line(o, "total += %s;", text_double(w->e, win_element(w, 0, "at_row", "at_col")));
        close_taps(w, &win);
        return text(w->e, "(%s)total", real_type(w->k));
    }
}

/* Windows that do not overlap: each tap's element is written, not added to. */
static bool is_disjoint(const Win *w, Window *win)
{
    if (w->x->op != OP_pool_put && w->x->op != OP_pool_spread) return false;
    *win = ir_window(w->k->g, w->x);
    for (int i = 2 - win->rank; i < 2; i++)
        if ((win->axis[i].taps - 1) * win->axis[i].dilation >= win->axis[i].stride) return false;
    return is_plain(win);
}

/* Every place of a plane is a tap. */
static bool is_covering(const Window *win)
{
    for (int i = 2 - win->rank; i < 2; i++)
        if (win->axis[i].taps * win->axis[i].windows != win->axis[i].places) return false;
    return true;
}

/* A row of taps after the other, since vectors of one row of places are stored together. */
static void write_disjoint(const Win *w, const Window *win, const Nest *windows, int64_t width)
{
    bool put = w->x->op == OP_pool_put;
    int across = (int)win->axis[1].taps;
    Nest rows = *windows;
    rows.rank--;
    line_open(w->o, w->e, &rows, 2);
    for (int i = 0; i < tap_count(win); i++) {
        const char *at[2];
        tap_place(w, win, windows, i, at);
        if (i % across == 0)
            line_open(w->o, w->e, windows, rows.rank);
        if (i == 0 || (i % across == 0 && win->axis[1].windows > 1)) {    /* in a scope of its own */
            out_line(w->o, "const %s value = %s;", real_type(w->k),
                     win_element(w, 0, win_row(windows), win_col(windows)));
            if (put) out_line(w->o, "const int32_t tap = %s;", tap_of(w, windows));
        }
        const char *to = text_add(w->e, text_mul(w->e, at[0], extent(width, 0)), at[1]);
        if (put) out_line(w->o, "sums[%s] = tap == %d ? value : %s;", to, i, literal(w->k, 0));
        else out_line(w->o, "sums[%s] = value;", to);
        if (i % across == across - 1) line_close(w->o, windows, rows.rank);
    }
    line_close(w->o, &rows, 2);
}

static void write_scattered(const Win *w, const Nest *windows, const char *sum)
{
    Window win = ir_window(w->k->g, w->x);
    const char *value = win_element(w, 0, win_row(windows), win_col(windows));
    if (w->x->op == OP_pool_put) {
        out_line(w->o, "const int64_t tap = %s;", tap_of(w, windows));
        write_found(w, &win, windows);
        out_line(w->o, "%s += %s;", sum, value);
        return;
    }
    out_line(w->o, "const %s value = %s;", real_type(w->k), value);
    open_taps(w, &win, windows);
    out_line(w->o, "%s += value;", sum);
    close_taps(w, &win);
}

/* ---- tasks ---- */

/* Short lines of windows that cover their planes without a gap: lines follow each other in operand
 * and result, so vectors run across them. */
static bool is_flat(const Win *w, Window *win)
{
    enum { SHORT = 8 };
    if (w->x->op != OP_pool_index && w->x->op != OP_pool_sum) return false;
    *win = ir_window(w->k->g, w->x);
    for (int i = 2 - win->rank; i < 2; i++)
        if (win->axis[i].windows * win->axis[i].stride != win->axis[i].places
            || win->axis[i].taps != win->axis[i].stride || win->axis[i].dilation != 1) return false;
    return is_plain(win) && win->axis[1].windows < SHORT;
}

static void open_flat(Win *w, const Window *win)
{
    Out *o = w->o;
    const WindowAxis *a = win->axis;
    long long tile = (long long)w->k->tasks.tile_rows * a[1].windows, cols = a[1].windows;
    long long down = win->rank > 1 ? a[0].stride : 1;
    Extent elems = extent_of(w->own, 0, w->own->rank);
    w->flat = true;
    w->nest = (Nest){ 1, { { elems, "i" } } };
    reach(w->e, SNIP_smaller);
    out_line(o, "const int64_t begin = task * %lld, end = smaller(begin + %lld, %s);", tile, tile,
             extent_text(w->e, elems));
    out_line(o, "#pragma omp simd");
    out_open(o, "for (int64_t i = begin; i < end; i++)");
    out_line(o, "const int64_t at = i / %lld * %lld + i %% %lld * %lld;", cols,
             down * (long long)a[1].places, cols, (long long)a[1].stride);
}

void win_line(Win *w)
{
    const char *value = w->x->op == OP_pad      ? win_padded(w)
                      : w->x->op == OP_upsample ? win_stretched(w)
                                                : write_gathered(w);
    if (value) {
        out_line(w->o, "const %s sum = %s;", real_type(w->k), value);
        w->k->name[w->k->root.i] = "sum";
    }
    members_emit(w->k, w->o, &w->nest);
}

/* Max pooling's windows of a line, in whole vectors, where lines are no whole ones: gcc would leave
 * the rest to shorter vectors, and that to single windows. */
static int64_t in_vectors(const Win *w, Window *win)
{
    enum { MOST_COPIED = 4096 };
    if (w->x->op != OP_pool_index) return 0;
    *win = ir_window(w->k->g, w->x);
    int64_t vector = w->e->o->target->vector_bytes / ir_dtype_bytes(w->e->m->real);
    int64_t windows = win->axis[1].windows, wide = 1;
    if (!is_plain(win) || windows < 4) return 0;
    while (wide < windows && wide < vector) wide *= 2;
    wide = (windows + wide - 1) / wide * wide;
    bool few = wide * win->axis[1].stride * tap_count(win) <= MOST_COPIED;
    return few && wide > windows ? wide : 0;
}

/* Windows are looked for in copies of the lines that they read, with zeros behind them; then comes
 * the epilogue of those that there are. */
static void gather_wide(Win *w, const Window *win)
{
    Emit *e = w->e;
    Out *o = w->o;
    const WindowAxis *a = win->axis;
    const char *real = real_type(w->k);
    long long down = win->rank > 1 ? (long long)a[0].taps : 1, wide = (long long)w->wide;
    int64_t pitch = w->wide * a[1].stride + (a[1].taps - 1) * a[1].dilation;    /* vectors fit */
    long long copied = (long long)(a[1].places < pitch ? a[1].places : pitch);
    bool stored = is_tap_stored(w), taken = is_taken(w);
    out_line(o, "%s lines[%lld][%lld] = { { 0 } };", real, down, (long long)pitch);
    w->nest = lines_open(w->k, w->own, w->leading, line_names(w->own->rank));
    const char *row = win->rank > 1 ? place_text(e, &a[0], win_row(&w->nest), "i") : "0";
    out_line(o, "for (int i = 0; i < %lld; i++)", down);
    out_line(o, "    memcpy(lines[i], &%s, %lld * sizeof lines[i][0]);", win_element(w, 0, row, "0"),
             copied);
    if (taken) out_line(o, "%s largest[%lld];", real, wide);
    if (stored) out_line(o, "int32_t taps[%lld];", wide);
    out_open(o, "for (int64_t col = 0; col < %lld; col++)", wide);
    write_out_index(w, win);
    if (taken) out_line(o, "largest[col] = best;");
    if (stored) out_line(o, "taps[col] = found;");
    out_close(o, "");
    line_open(o, e, &w->nest, w->leading);
    if (taken) out_line(o, "const %s best = largest[col];", real);
    if (stored) out_line(o, "const int32_t found = taps[col];");
    name_found(w);
    members_emit(w->k, o, &w->nest);
    line_close(o, &w->nest, w->leading);
    out_close(o, "");
}

static void gather(Win *w)
{
    Window win;
    w->leading = w->own->rank - 1;
    w->k->note = text(w->e, "A task is %lld lines of results.", (long long)w->k->tasks.tile_rows);
    if (is_flat(w, &win)) {
        open_flat(w, &win);
        win_line(w);
        out_close(w->o, "");
        return;
    }
    if ((w->wide = in_vectors(w, &win)) != 0) {
        gather_wide(w, &win);
        return;
    }
    w->nest = lines_open(w->k, w->own, w->leading, line_names(w->own->rank));
    line_open(w->o, w->e, &w->nest, w->leading);
    win_line(w);
    line_close(w->o, &w->nest, w->leading);
    out_close(w->o, "");
}

static void scatter(Win *w)
{
    Out *o = w->o;
    const char *real = real_type(w->k);
    long long size = (long long)w->k->tasks.cols;
    long long width = (long long)w->own->dim[w->own->rank - 1].k;
    w->leading = 2;
    w->k->note = text(w->e, "A task is %lld planes of results.", (long long)w->k->tasks.tile_rows);
    out_line(o, "%s *const sums = (%s *)scratch;    /* [%lld] */", real, real, size);
    w->nest = lines_open(w->k, w->own, 2, line_names(w->own->rank));
    Window win;
    bool disjoint = is_disjoint(w, &win);
    if (!disjoint || !is_covering(&win)) {
        out_line(o, "for (int64_t i = 0; i < %lld; i++)", size);
        out_line(o, "    sums[i] = 0;");
    }
    Nest from = w->nest;                     /* over the operand: its planes are the result's */
    for (int i = 2; i < from.rank; i++) {
        from.dim[i].size = extent_of(w->in, i, i + 1);
        from.dim[i].var = w->in->dim[i].k == 1 ? "0" : line_names(from.rank)[i];
    }
    const char *sum = w->own->rank == 4 ? text(w->e, "sums[at_row * %lld + at_col]", width)
                                        : "sums[at_col]";
    if (disjoint) {
        write_disjoint(w, &win, &from, width);
    } else {
        line_open(o, w->e, &from, 2);
        if (w->x->op == OP_pad_grad) win_unpadded(w, &from, sum);
        else if (w->x->op == OP_upsample_grad) win_unstretched(w, &from, sum);
        else write_scattered(w, &from, sum);
        line_close(o, &from, 2);
    }
    const char *at = win_col(&w->nest);
    if (w->own->rank == 4)
        at = text_add(w->e, text_mul(w->e, win_row(&w->nest), extent(width, 0)), at);
    line_epilogue(w->k, &w->nest, 2, text(w->e, "sums[%s]", at));
    out_close(o, "");
}

void emit_window(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    Win w = { .k = k, .e = k->e, .o = k->out, .x = x, .own = &x->type.shape,
              .in = &ir_type(k->g, x->in[0])->shape, .index = "int64_t" };
    if (k->e->l->blocks) win_in_blocks(&w);
    else if (ir_by_planes(x->op)) scatter(&w);
    else gather(&w);
}
