/* codegen/emit_pad.c: the values of padded and of stretched tensors, and what their adjoints add up.
 *
 * Which loops go over them, and which task has which, is emit_window.c's and emit_window_blocks.c's. */
#include "codegen/windows.h"
#include <string.h>

/* ---- padding ---- */

static const Snippet pad_snippet[PAD_COUNT] = {
#define PAD(name, ...) [PAD_##name] = SNIP_pad_##name,
#include "ir/pads.def"
#undef PAD
};

Pad win_pad(const Win *w)
{
    Pad p = ir_pad_of(w->x);
    reach(w->e, pad_snippet[p.mode]);
    return p;
}

/* at_row and at_col: where the value at row and col of the padded planes stands. */
static void write_sources(const Win *w, const Shape *plain, const Nest *padded)
{
    Pad p = win_pad(w);
    for (int i = 2 - p.rank; i < 2; i++) {
        const char *at = i ? win_col(padded) : win_row(padded);
        if (p.low[i] > 0) at = text(w->e, "%s - %lld", at, (long long)p.low[i]);
        if (p.low[i] < 0) at = text(w->e, "%s + %lld", at, (long long)-p.low[i]);
        out_line(w->o, "const int64_t %s = pad_%s(%s, %lld);", i ? "at_col" : "at_row",
                 ir_pad[p.mode].name, at, (long long)plain->dim[plain->rank - 2 + i].k);
    }
}

static const char *inside(const Win *w)
{
    Pad p = ir_pad_of(w->x);
    if (p.mode != PAD_constant) return NULL;
    return p.rank > 1 ? "at_row >= 0 && at_col >= 0" : "at_col >= 0";
}

const char *win_padded(const Win *w)
{
    const Attr *value = ir_attr(w->x, AT_value);
    write_sources(w, w->in, &w->nest);
    const char *s = win_element(w, 0, "at_row", "at_col");
    return inside(w) ? text(w->e, "%s ? %s : %s", inside(w), s,
                            literal(w->k, value ? value->u.r : 0)) : s;
}

void win_unpadded(const Win *w, const Nest *padded, const char *sum)
{
    write_sources(w, w->own, padded);
    if (inside(w)) out_line(w->o, "if (%s)", inside(w));
    out_line(w->o, "%s%s += %s;", inside(w) ? "    " : "", sum,
             win_element(w, 0, win_row(padded), win_col(padded)));
}

/* ---- stretching ---- */

void win_between(const Win *w, const Stretch *s, const char *axis, const char *at)
{
    const char *real = real_type(w->k);
    long long places = (long long)s->places;
    if (s->nearest && s->results % s->places == 0
        && s->scale * (double)(s->results / s->places) == 1) {
        out_line(w->o, "const int64_t at_%s = %s / %lld;", axis, at,
                 (long long)(s->results / s->places));
    } else if (s->nearest) {
        reach(w->e, SNIP_nearest);
        out_line(w->o, "const int64_t at_%s = nearest(%s, %lld, %s);", axis, at, places,
                 dialect_literal(w->e->l, DT_f32, s->scale, w->e->a));
    } else {
        reach(w->e, SNIP_between);
        reach(w->e, SNIP_smaller);
        out_line(w->o, "const double place_%s = between(%s, %s, %s, %lld);", axis, at,
                 dialect_literal(w->e->l, DT_f64, s->scale, w->e->a),
                 dialect_literal(w->e->l, DT_f64, s->shift, w->e->a), places);
        out_line(w->o, "const int64_t at_%s = (int64_t)place_%s;", axis, axis);
        out_line(w->o, "const int64_t next_%s = smaller(at_%s + 1, %lld);", axis, axis, places - 1);
        out_line(w->o, "const %s by_%s = (%s)(place_%s - (double)at_%s);", real, axis, real, axis,
                 axis);
    }
}

static void write_betweens(const Win *w, const Nest *wide)
{
    Stretch s[2];
    ir_stretch(w->k->g, w->x, s);
    if (w->own->rank == 4) win_between(w, &s[0], "row", win_row(wide));
    win_between(w, &s[1], "col", win_col(wide));
}

static bool is_linear(const Win *w) { return !strcmp(ir_attr_str(w->x, AT_mode), "linear"); }

const char *win_stretched(const Win *w)
{
    Emit *e = w->e;
    const char *one = literal(w->k, 1);
    write_betweens(w, &w->nest);
    if (!is_linear(w)) return win_element(w, 0, "at_row", "at_col");
    for (int i = 0; i < (w->own->rank == 4 ? 2 : 1); i++)
        out_line(w->o, "const %s %s = (%s - by_col) * %s + by_col * %s;", real_type(w->k),
                 i ? "below" : "above", one, win_element(w, 0, i ? "next_row" : "at_row", "at_col"),
                 win_element(w, 0, i ? "next_row" : "at_row", "next_col"));
    return w->own->rank == 4 ? text(e, "(%s - by_row) * above + by_row * below", one) : "above";
}

void win_unstretched(const Win *w, const Nest *wide, const char *sum)
{
    const char *value = win_element(w, 0, win_row(wide), win_col(wide)), *one = literal(w->k, 1);
    write_betweens(w, wide);
    if (!is_linear(w)) {
        out_line(w->o, "%s += %s;", sum, value);
        return;
    }
    const char *width = text(w->e, "%lld", (long long)w->own->dim[w->own->rank - 1].k);
    out_line(w->o, "const %s value = %s;", real_type(w->k), value);
    for (int i = 0; i < 4; i++) {
        if (w->own->rank == 3 && i > 1) break;
        const char *row = i > 1 ? "next_row" : "at_row", *col = i % 2 ? "next_col" : "at_col";
        const char *by_col = i % 2 ? "by_col" : text(w->e, "(%s - by_col)", one);
        const char *by_row = i > 1 ? "by_row" : text(w->e, "(%s - by_row)", one);
        if (w->own->rank == 4)
            out_line(w->o, "sums[%s * %s + %s] += %s * %s * value;", row, width, col, by_row,
                     by_col);
        else out_line(w->o, "sums[%s] += %s * value;", col, by_col);
    }
}
