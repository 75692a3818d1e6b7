/* codegen/emit_map.c: one loop over elements. Where an operand is broadcast the loop runs along
 * rows, the longest along which every operand is contiguous or constant. A task is a range of
 * elements; of a matrix in panels, a range of the panels' rows, whose padding is left alone. */
#include "codegen/emit.h"

/* Panels of [rows, cols]: line l is what panel l / cols holds of column l % cols. */
static void emit_panels(Kern *k, const Type *t)
{
    Emit *e = k->e;
    Out *o = k->out;
    Extent rows = extent_of(&t->shape, 0, 1), cols = extent_of(&t->shape, 1, t->shape.rank);
    const char *lines = text_atom(e, extent_text(e, cols)), *width = text(e, "%d", t->layout.width);
    k->note = text(e, "A task is %lld times %s elements.", (long long)k->tasks.tile_rows, width);
    reach(e, SNIP_smaller);
    out_line(o, "const int64_t lines = (%s + %d) / %s * %s;", extent_text(e, rows),
             t->layout.width - 1, width, lines);
    out_line(o, "const int64_t begin = task * %lld, end = smaller(begin + %lld, lines);",
             (long long)k->tasks.tile_rows, (long long)k->tasks.tile_rows);
    out_open(o, "for (int64_t line = begin; line < end; line++)");
    out_line(o, "const int64_t panel = line / %s, col = line %% %s;", lines, lines);
    out_open(o, "for (int64_t j = 0; j < smaller(%s, %s - panel * %s); j++)", width,
             extent_text(e, rows), width);
    Nest nest = { 2, { { rows, text(e, "panel * %s + j", width) }, { cols, "col" } } };
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}

void emit_map(Kern *k)
{
    const Type *t = ir_type(k->g, k->root);
    if (t->layout.kind == LAYOUT_panel) {
        emit_panels(k, t);
        return;
    }
    Emit *e = k->e;
    Out *o = k->out;
    Extent elems = k->rows, run = elems;
    /* A thread among several has no row to itself: each element finds its own place. */
    for (int i = 0; i < k->k->n_member && !e->l->blocks; i++)
        index_shorten(k, k->k->member[i], &run);
    /* Rows of one kernel have to divide each other; where they do not, every element finds itself.
     */
    for (int i = 0; i < k->k->n_member; i++) {
        const Shape *s = &ir_type(k->g, k->k->member[i])->shape;
        bool found = extent_eq(run, elems);
        for (int a = 0; a <= s->rank; a++) found |= extent_eq(extent_of(s, a, s->rank), run);
        if (!found) run = elems;
    }
    k->note = text(e, "A %s is %lld elements.", e->l->task, (long long)k->tasks.tile_rows);
    task_range(k, k->tasks.tile_rows, elems);
    const char *type = extent_type(e, elems);
    if (extent_eq(run, elems)) {
        Nest nest = { 1, { { elems, "i" } } };
        each_open(k, o, type, "i", "begin", "end");
        members_emit(k, o, &nest);
        out_close(o, "");
        return;
    }
    Extent rows = extent(run.k ? elems.k / run.k : 0, elems.n - run.n);
    Nest nest = { 2, { { rows, "row" }, { run, "col" } } };
    const char *cols = extent_text(e, run);
    if (run.k == 1 && !run.n) {              /* every element is a row */
        each_open(k, o, type, "row", "begin", "end");
        members_emit(k, o, &nest);
        out_close(o, "");
        return;
    }
    const char *width = text_atom(e, cols);
    out_open(o, "for (int64_t i = begin, stop; i < end; i = stop)");
    out_line(o, "const int64_t row = i / %s, first = row * %s;", width, width);
    out_line(o, "stop = smaller(first + %s, end);", cols);
    out_open(o, "for (int64_t col = i - first; col < stop - first; col++)");
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}
