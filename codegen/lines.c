/* codegen/lines.c: see the header. */
#include "codegen/lines.h"

static bool single(Extent x) { return x.k == 1 && !x.n; }

const char *const *line_names(int rank)
{
    static const char *const with_rows[] = { "image", "channel", "row", "col" };
    static const char *const without[] = { "image", "channel", "col" };
    return rank == 4 ? with_rows : without;
}

Nest lines_open(Kern *k, const Shape *s, int leading, const char *const *name)
{
    Emit *e = k->e;
    Nest nest = { .rank = s->rank };
    task_range(k, k->tasks.tile_rows, k->rows);
    out_open(k->out, "for (int64_t line = begin; line < end; line++)");
    for (int i = 0; i < s->rank; i++) {
        Extent size = extent_of(s, i, i + 1);
        nest.dim[i] = (NestDim){ size, single(size) ? "0" : name[i] };
        if (single(size) || i >= leading) continue;
        Extent below = extent_of(s, i + 1, leading);
        const char *at = single(below) ? "line" : text(e, "line / %s", extent_atom(e, below));
        if (i) at = text(e, "%s %% %s", at, extent_atom(e, size));
        out_line(k->out, "const int64_t %s = %s;", name[i], at);
    }
    return nest;
}

void line_open(Out *o, Emit *e, const Nest *nest, int leading)
{
    for (int i = leading; i < nest->rank; i++) {
        const char *var = nest->dim[i].var;
        if (!single(nest->dim[i].size))
            out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", var, var,
                     extent_text(e, nest->dim[i].size), var);
    }
}

void line_close(Out *o, const Nest *nest, int leading)
{
    for (int i = leading; i < nest->rank; i++)
        if (!single(nest->dim[i].size)) out_close(o, "");
}

void line_epilogue(Kern *k, const Nest *nest, int leading, const char *sum)
{
    line_open(k->out, k->e, nest, leading);
    out_line(k->out, "const %s sum = %s;", real_type(k), sum);
    k->name[k->root.i] = "sum";
    members_emit(k, k->out, nest);
    line_close(k->out, nest, leading);
}

const char *row_at(Emit *e, const char *array, const Shape *s, const char *image,
                   const char *channel, const char *row)
{
    const char *at = text_add(e, text_mul(e, image, extent_of(s, 1, 2)), channel);
    if (s->rank == 4) at = text_add(e, text_mul(e, at, extent_of(s, 2, 3)), row);
    return text_add(e, array, text_mul(e, at, extent_of(s, s->rank - 1, s->rank)));
}

const char *place_text(Emit *e, const WindowAxis *a, const char *window, const char *tap)
{
    const char *s = a->windows > 1 ? text_mul(e, window, extent(a->stride, 0)) : "0";
    s = text_add(e, s, a->taps > 1 ? text_mul(e, tap, extent(a->dilation, 0)) : "0");
    return a->low ? text(e, "%s - %lld", s, (long long)a->low) : s;
}
