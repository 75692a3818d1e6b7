/* codegen/winograd.c: see the header; the matrices are ir/winograd.c's. */
#include "codegen/winograd.h"
#include <math.h>
#include <string.h>

/* `form` with the number in place of #. */
static const char *numbered(Emit *e, const char *form, int number)
{
    const char *at = strchr(form, '#');
    return text(e, "%.*s%d%s", (int)(at - form), form, number, at + 1);
}

/* coefficient * term, as the next one of a sum; "" begins it. */
static const char *plus_term(Kern *k, const char *sum, double coefficient, const char *term)
{
    Emit *e = k->e;
    const char *sign = coefficient < 0 ? *sum ? " - " : "-" : *sum ? " + " : "";
    double size = fabs(coefficient);
    if (size == 0) return sum;
    if (size == 1) return text(e, "%s%s%s", sum, sign, term);
    return text(e, "%s%s%s * %s", sum, sign, literal(k, size), term);
}

/* Is this row with the next one a pair: the same but for the signs of odd values? */
static bool paired(const WinogradMatrix *m, int row)
{
    if (row + 1 >= m->points) return false;
    for (int v = 0; v < m->values; v++)
        if (m->at[row + 1][v] != (v % 2 ? -m->at[row][v] : m->at[row][v])) return false;
    return true;
}

static const char *sum_of(Kern *k, const AxisTransform *t, int row, int first, int step)
{
    const char *sum = "";
    for (int v = first; v < t->matrix.values; v += step)
        sum = plus_term(k, sum, t->matrix.at[row][v], numbered(k->e, t->in, v));
    return sum;
}

const char *point_text(Kern *k, const AxisTransform *t, int point)
{
    return sum_of(k, t, point, 0, 1);
}

const char *points_text(Kern *k, const AxisTransform *t)
{
    Emit *e = k->e;
    const char *all = "";
    for (int p = 0; p < t->matrix.points; p++) {
        const char *to = numbered(e, t->to, p);
        if (!paired(&t->matrix, p)) {
            all = text(e, "%s%*s%s = %s;\n", all, t->indent, "", to, point_text(k, t, p));
            continue;
        }
        all = text(e, "%s%*sconst %s s%d = %s;\n", all, t->indent, "", t->type, p,
                   sum_of(k, t, p, 0, 2));
        all = text(e, "%s%*sconst %s t%d = %s;\n", all, t->indent, "", t->type, p,
                   sum_of(k, t, p, 1, 2));
        all = text(e, "%s%*s%s = s%d + t%d;\n", all, t->indent, "", to, p, p);
        p++;
        all = text(e, "%s%*s%s = s%d - t%d;\n", all, t->indent, "", numbered(e, t->to, p), p - 1,
                   p - 1);
    }
    return all;
}

const char *values_text(Kern *k, const AxisTransform *t)
{
    Emit *e = k->e;
    const char *all = "";
    for (int p = 0; p < t->matrix.points; p++) {
        if (!paired(&t->matrix, p)) continue;
        const char *a = numbered(e, t->in, p), *b = numbered(e, t->in, p + 1);
        all = text(e, "%s%*sconst %s s%d = %s + %s, t%d = %s - %s;\n", all, t->indent, "", t->type,
                   p, a, b, p, a, b);
        p++;
    }
    for (int v = 0; v < t->matrix.values; v++) {
        const char *sum = "";
        for (int p = 0; p < t->matrix.points; p++) {
            bool both = paired(&t->matrix, p);
            const char *term = both ? text(e, "%c%d", v % 2 ? 't' : 's', p)
                                    : numbered(e, t->in, p);
            sum = plus_term(k, sum, t->matrix.at[p][v], term);
            p += both;
        }
        all = text(e, "%s%*s%s = %s;\n", all, t->indent, "", numbered(e, t->to, v), sum);
    }
    return all;
}

const char *winograd_id(Kern *k, const int64_t tile[2], const Frame *f)
{
    return text(k->e, "%lldx%lld_%lldx%lld", (long long)tile[0], (long long)tile[1],
                (long long)f->taps[0], (long long)f->taps[1]);
}

/* Inlined, as gcc takes a function that does nothing else for one that does nothing. */
static const char ask_text[] =
    "/* Asks for line `point`, and every $points-th further, of `bands` bands of $n planes of\n"
    " * x[..][$planes][$plane]. */\n"
    "static INLINED void winograd_ask_$id(const $R *x, int64_t band, int64_t bands, int64_t first,\n"
    "    int64_t point)\n"
    "{\n"
    "    const int64_t last = smaller(first + $n, $planes);\n"
    "    for (int64_t i = point; i < bands * $lines; i += $points) {\n"
    "        const int64_t b = band + i / $lines, at = b % $bands * $band + i % $lines * $line;\n"
    "        for (int64_t p = first; p < last; p++)\n"
    "            __builtin_prefetch(x + (b / $bands * $planes + p) * $plane + at, 0, 2);\n"
    "    }\n"
    "}\n";

void winograd_ask(Kern *k, const Planes *p, const char *x, const char *band, const char *bands,
                  const char *first, int64_t n, const char *point, int64_t points)
{
    enum { LINE_BYTES = 64 };
    int64_t elem = ir_dtype_bytes(k->e->m->real), line = LINE_BYTES / elem;
    if (p->images * p->planes * p->plane * elem <= k->e->o->target->l2_bytes / 2) return;
    const Number number[] = { { "planes", p->planes }, { "plane", p->plane }, { "bands", p->bands },
                              { "band", p->band }, { "n", n }, { "points", points },
                              { "lines", (p->band + line - 1) / line }, { "line", line } };
    const char *id = text(k->e, "%lldx%lld_%lldx%lld", (long long)n, (long long)p->planes,
                          (long long)p->plane, (long long)points);
    const Shaped shaped = { ask_text, "winograd_ask_", id, number, 8, NULL, 0 };
    reach(k->e, SNIP_inlined);
    out_line(k->out, "%s(%s, %s, %s, %s, %s);", shaped_function(k, &shaped), x, band, bands, first,
             point);
}

/* Taps are brought side by side along channels first. */
static const char weights_text[] =
    "/* parts[$points] = G w G' of rows of weights w[channels][$taps], channels being so far\n"
    " * apart; points are `step` elements apart, rows `width`: channels in whole vectors. `line` is\n"
    " * [$taps][width]; taps follow each other in it from `first` on, `next` elements apart. */\n"
    "ONCE void winograd_weights_$id(int64_t rows, int64_t channels, const $R *restrict w,\n"
    "    int64_t row_step, int64_t channel_step, int64_t width, int64_t first, int64_t next,\n"
    "    int64_t step, $R *restrict line, $R *restrict parts)\n"
    "{\n"
    "    for (int64_t r = 0; r < rows; r++, w += row_step, parts += width) {\n"
    "        pack_columns($taps, channels, width, w, channel_step, line);\n"
    "        for (int64_t c = 0; c < width; c += $vector) {\n"
    "            const $R *const from = line + first + c;\n"
    "            $R *const to = parts + c;\n"
    "            vec x[$taps_y][$size_x];\n"
    "            for (int64_t i = 0; i < $taps_y; i++) {\n"
    "$columns"
    "            }\n"
    "            for (int64_t j = 0; j < $size_x; j++) {\n"
    "$lines"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n";

const char *weights_function(Kern *k, const Frame *f, const Winograd *w)
{
    Emit *e = k->e;
    const AxisTransform columns = {
        .matrix = ir_winograd_matrix(IR_OF_TAPS, w->tile[1], f->taps[1]), .type = "vec",
        .in = text(e, "(*(const vec *)(from + (i * %lld + #) * next))", (long long)f->taps[1]),
        .to = "x[i][#]", .indent = 16 };
    const AxisTransform lines = {
        .matrix = ir_winograd_matrix(IR_OF_TAPS, w->tile[0], f->taps[0]), .type = "vec",
        .in = "x[#][j]", .to = text(e, "*(vec *)(to + (# * %lld + j) * step)",
                                    (long long)w->size[1]), .indent = 16 };
    const Number number[] = { { "points", w->points }, { "taps", ir_frame_taps(f) },
                              { "taps_y", f->taps[0] }, { "size_x", w->size[1] },
                              { "vector", w->vector } };
    const Hole piece[] = { { "columns", points_text(k, &columns) },
                           { "lines", points_text(k, &lines) } };
    const Shaped shaped = { weights_text, "winograd_weights_", winograd_id(k, w->tile, f), number,
                            5, piece, 2 };
    reach(e, SNIP_vec);
    reach(e, SNIP_pack_columns);
    return shaped_function(k, &shaped);
}
