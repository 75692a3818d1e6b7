/* codegen/emit_window_blocks.c: pooling, padding, stretching and their adjoints where a task is a block
 * of threads: each thread computes elements of the result, and nobody else writes them. So an adjoint
 * gathers what emit_window.c's scatters: it walks over all elements that were made of its own. */
#include "codegen/windows.h"
#include <string.h>

static const char *const axis_name[] = { "row", "col" };

/* Loops over the windows with a tap at the place, and says which: from_row and tap_row, say. */
static void open_windows_at(const Win *w, const WindowAxis *a, const char *axis, const char *place)
{
    Out *o = w->o;
    long long places = (long long)a->places, windows = (long long)a->windows;
    if (a->adaptive) {
        out_line(o, "const %s last_%s = ((%s + 1) * %lld - 1) / %lld;", w->index, axis, place, windows,
                 places);
        out_open(o, "for (%s from_%s = %s * %lld / %lld; from_%s <= last_%s; from_%s++)", w->index,
                 axis, place, windows, places, axis, axis, axis);
        if (w->x->op == OP_pool_put)
            out_line(o, "const %s tap_%s = %s - from_%s * %lld / %lld;", w->index, axis, place, axis,
                     places, windows);
        return;
    }
    out_open(o, "for (%s tap_%s = 0; tap_%s < %lld; tap_%s++)", w->index, axis, axis,
             (long long)a->taps, axis);
    out_line(o, "const %s below_%s = %s + %lld - tap_%s * %lld;", w->index, axis,
             place, (long long)a->low, axis, (long long)a->dilation);
    out_line(o, "const %s from_%s = below_%s / %lld;", w->index, axis, axis, (long long)a->stride);
    out_line(o, "if (below_%s < 0 || below_%s %% %lld != 0 || from_%s >= %lld)", axis, axis,
             (long long)a->stride, axis, windows);
    out_line(o, "    continue;");
}

/* Loops over elements of the padded axis that have the place's value. */
static void open_padded_at(const Win *w, const Pad *p, int i, const char *place)
{
    const Shape *plain = w->own, *padded = w->in;
    const char *axis = axis_name[i], *at = text(w->e, "from_%s", axis);
    out_open(w->o, "for (int64_t from_%s = 0; from_%s < %lld; from_%s++)", axis, axis,
             (long long)padded->dim[padded->rank - 2 + i].k, axis);
    out_line(w->o, "if (pad_%s(%s, %lld) != %s)", ir_pad[p->mode].name,
             text_shift(w->e, at, -p->low[i]), (long long)plain->dim[plain->rank - 2 + i].k, place);
    out_line(w->o, "    continue;");
}

/* Loops over elements of the stretched axis that are made of the place, and with which weight. */
static void open_stretched_at(const Win *w, const Stretch *s, int i, const char *place)
{
    const char *axis = axis_name[i], *real = real_type(w->k), *zero = literal(w->k, 0);
    out_open(w->o, "for (int64_t from_%s = 0; from_%s < %lld; from_%s++)", axis, axis,
             (long long)s->results, axis);
    win_between(w, s, axis, text(w->e, "from_%s", axis));
    if (s->nearest) {
        out_line(w->o, "if (at_%s != %s)", axis, place);
        out_line(w->o, "    continue;");
        return;
    }
    out_line(w->o, "if (at_%s != %s && next_%s != %s)", axis, place, axis, place);
    out_line(w->o, "    continue;");
    out_line(w->o, "const %s share_%s = (at_%s == %s ? %s - by_%s : %s)", real, axis, axis, place,
             literal(w->k, 1), axis, zero);
    out_line(w->o, "    + (next_%s == %s ? by_%s : %s);", axis, place, axis, zero);
}

/* What an adjoint adds up at the place of the nest. */
static void gather_scattered(const Win *w)
{
    Out *o = w->o;
    int first = w->own->rank == 4 ? 0 : 1;
    const char *place[] = { win_row(&w->nest), win_col(&w->nest) };
    bool pools = w->x->op == OP_pool_put || w->x->op == OP_pool_spread;
    bool padded = w->x->op == OP_pad_grad;
    Window win = { 0 };
    Stretch s[2];
    Pad p;
    if (pools) win = ir_window(w->k->g, w->x);
    else if (padded) p = win_pad(w);
    else ir_stretch(w->k->g, w->x, s);
    out_line(o, "%s sum = 0;", real_type(w->k));
    for (int i = first; i < 2; i++) {
        if (pools) open_windows_at(w, &win.axis[i], axis_name[i], place[i]);
        else if (padded) open_padded_at(w, &p, i, place[i]);
        else open_stretched_at(w, &s[i], i, place[i]);
    }
    const char *row = first ? "0" : "from_row", *value = win_element(w, 0, row, "from_col");
    const char *tap = first ? "tap_col"
                    : text(w->e, "tap_row * %lld + tap_col", (long long)win.axis[1].taps);
    if (w->x->op == OP_pool_put)
        out_line(o, "if (%s == %s)", win_element(w, 1, row, "from_col"), tap);
    if (!pools && !padded && !s[1].nearest)
        value = text(w->e, "%sshare_col * %s", first ? "" : "share_row * ", value);
    out_line(o, w->x->op == OP_pool_put ? "    sum += %s;" : "sum += %s;", value);
    for (int i = first; i < 2; i++) out_close(o, "");
    w->k->name[w->k->root.i] = "sum";
    members_emit(w->k, o, &w->nest);
}

/* Of windows int, where that is enough; adaptive ones multiply places by windows. What pads or stretches
 * calls functions of int64_t. */
static const char *place_type(const Win *w)
{
    Op op = w->x->op;
    if (op == OP_pad || op == OP_pad_grad || op == OP_upsample || op == OP_upsample_grad) return w->index;
    Window win = ir_window(w->k->g, w->x);
    for (int i = 2 - win.rank; i < 2; i++) {
        const WindowAxis *a = &win.axis[i];
        if (a->adaptive && a->places >= INT32_MAX / 2 / (a->windows + 1)) return w->index;
    }
    const char *in = extent_type(w->e, extent_of(w->in, 0, w->in->rank));
    return strcmp(in, "int") ? in : extent_type(w->e, extent_of(w->own, 0, w->own->rank));
}

void win_in_blocks(Win *w)
{
    Kern *k = w->k;
    Extent each = extent(k->tasks.cols, 0);
    k->note = text(w->e, "A block is %lld elements.",
                   (long long)(k->tasks.tile_rows * k->tasks.cols));
    task_range(k, k->tasks.tile_rows, k->rows);
    w->index = place_type(w);
    each_open(k, w->o, w->index, "element", text_mul(w->e, "begin", each), text_mul(w->e, "end", each));
    w->nest = places_of(k, w->own, w->index, "element", line_names(w->own->rank));
    if (ir_by_planes(w->x->op)) gather_scattered(w);
    else win_line(w);
    out_close(w->o, "");
}
