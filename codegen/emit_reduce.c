/* codegen/emit_reduce.c: sums and means over axes, with MAPs before (on the operand's elements) and
 * after (on the result's). Sums are kept in double and in a fixed order.
 *
 * A result of several elements: a task is a range of results, each summed whole. Where the
 * innermost axes stay, a block of neighbouring results is summed together, so that memory is read
 * in rows. A single result: a task sums a range of elements; the second stage adds up the tasks. */
#include "codegen/emit.h"
#include <string.h>

/* Axes of the operand, neighbours of equal kind merged. */
typedef struct { Extent size; bool reduced; } Group;
typedef struct { int n; Group group[IR_MAX_RANK]; } Groups;

static Groups groups_of(const Shape *s, const Attr *axes)
{
    Groups r = { 0 };
    uint64_t reduced = 0;
    for (int i = 0; i < axes->count; i++) reduced |= UINT64_C(1) << axes->u.ints[i];
    for (int i = 0; i < s->rank; i++) {
        bool is = reduced >> i & 1;
        Extent size = extent_of(s, i, i + 1);
        if (size.k == 1 && !size.n) continue;
        if (r.n && r.group[r.n - 1].reduced == is)
            r.group[r.n - 1].size = extent_mul(r.group[r.n - 1].size, size);
        else
            r.group[r.n++] = (Group){ size, is };
    }
    return r;
}

static const char *divisor(Kern *k)
{
    const Node *x = ir_node(k->g, k->root);
    if (x->op != OP_mean) return NULL;
    Extent n = { 1, 0 };
    Groups g = groups_of(&ir_type(k->g, x->in[0])->shape, ir_attr(x, AT_axes));
    for (int i = 0; i < g.n; i++)
        if (g.group[i].reduced) n = extent_mul(n, g.group[i].size);
    return extent_text(k->e, n);
}

/* The result's value from its sum in double. */
static const char *result_text(Kern *k, const char *sum)
{
    Emit *e = k->e;
    DType d = ir_type(k->g, k->root)->dtype;
    const char *by = divisor(k);
    if (by) sum = text(e, "%s / (double)%s", sum, text_atom(e, by));
    if (d == DT_f64) return sum;
    return text(e, by ? "(%s)(%s)" : "(%s)%s", e->l->type[d], sum);
}

static void emit_total(Kern *k, Val operand)
{
    Emit *e = k->e;
    Out *o = k->out;
    const Shape *s = &ir_type(k->g, operand)->shape;
    Extent elems = extent_of(s, 0, s->rank);
    long long tile = (long long)k->tasks.tile_rows;
    k->note = text(e, "A task sums %lld elements; then the tasks are added in order.", tile);
    task_range(k, k->tasks.tile_rows, elems);
    out_line(o, "double total = 0;");
    Nest nest = { 1, { { elems, "i" } } };
    free_order(k, o, "total");
    each_open(k, o, "i", "begin", "end");
    out_line(o, "total += %s;", value_emit(k, o, operand, &nest));
    members_emit(k, o, &nest);
    out_close(o, "");
    out_line(o, "%s[task] = total;", slot_parts(k, DT_f64));
}

/* The nest over the operand when the kept groups have the given index texts. */
static Nest operand_nest(Emit *e, const Groups *g, const char *const *at)
{
    Nest nest = { .rank = g->n };
    for (int i = 0; i < g->n; i++)
        nest.dim[i] =
            (NestDim){ g->group[i].size, g->group[i].reduced ? text(e, "r%d", i) : at[i] };
    return nest;
}

/* Index texts of the kept groups out of the flat index of a result. */
static void kept_index(Emit *e, const Groups *g, const char *flat, const char **at)
{
    Extent below = { 1, 0 };
    int top = 0;
    while (top < g->n && g->group[top].reduced) top++;
    for (int i = g->n; i-- > 0;) {
        if (g->group[i].reduced) continue;
        const char *s = flat;
        if (below.k != 1 || below.n) s = text(e, "%s / %s", text_atom(e, s), extent_atom(e, below));
        if (i > top)
            s = text(e, "%s %% %s", s == flat ? text_atom(e, s) : s,
                     extent_atom(e, g->group[i].size));
        at[i] = s;
        below = extent_mul(below, g->group[i].size);
    }
}

static void open_reduced(Kern *k, const Groups *g)
{
    for (int i = 0; i < g->n; i++) {
        if (!g->group[i].reduced) continue;
        if (i == g->n - 1) free_order(k, k->out, "total");
        out_open(k->out, "for (int64_t r%d = 0; r%d < %s; r%d++)", i, i,
                 extent_text(k->e, g->group[i].size), i);
    }
}

static void close_reduced(Out *o, const Groups *g)
{
    for (int i = 0; i < g->n; i++)
        if (g->group[i].reduced) out_close(o, "");
}

/* The innermost group is reduced: one result after the other. */
static void emit_rows(Kern *k, Val operand, const Groups *g, Extent results)
{
    Emit *e = k->e;
    Out *o = k->out;
    const char *at[IR_MAX_RANK] = { 0 };
    task_range(k, k->tasks.tile_cols, results);
    kept_index(e, g, "i", at);
    row_open(k, o, "i");
    out_line(o, "double total = 0;");
    const char **before = names_save(k);
    open_reduced(k, g);
    Nest nest = operand_nest(e, g, at);
    out_line(o, "total += %s;", value_emit(k, o, operand, &nest));
    members_emit(k, o, &nest);
    close_reduced(o, g);
    names_restore(k, before);
    const DType d = ir_type(k->g, k->root)->dtype;
    out_line(o, "const %s sum = %s;", e->l->type[d], result_text(k, "total"));
    k->name[k->root.i] = "sum";
    Nest result = { 1, { { results, "i" } } };
    members_emit(k, o, &result);
    out_close(o, "");
}

/* The sums of one block of `width` neighbouring results, the first of them at `first`. */
static void write_block(Kern *k, Val operand, const Groups *g, Extent results, const char *first,
                        const char *width, int64_t block)
{
    Emit *e = k->e;
    Out *o = k->out;
    Extent inner = g->group[g->n - 1].size;
    const char *at[IR_MAX_RANK] = { 0 }, *j = text_add(e, first, "j");
    out_line(o, "double total[%lld] = { 0 };", (long long)block);
    const char **before = names_save(k);
    open_reduced(k, g);
    if (extent_eq(inner, results)) {
        kept_index(e, g, j, at);
    } else { /* the row of results is the same for the whole block */
        kept_index(e, g, first, at);
        at[g->n - 1] = text(e, "%s %% %s + j", first, extent_atom(e, inner));
    }
    Nest nest = operand_nest(e, g, at);
    out_open(o, "for (int64_t j = 0; j < %s; j++)", width);
    out_line(o, "total[j] += %s;", value_emit(k, o, operand, &nest));
    members_emit(k, o, &nest);
    out_close(o, "");
    close_reduced(o, g);
    names_restore(k, before);
    out_open(o, "for (int64_t j = 0; j < %s; j++)", width);
    const DType d = ir_type(k->g, k->root)->dtype;
    out_line(o, "const %s sum = %s;", e->l->type[d], result_text(k, "total[j]"));
    k->name[k->root.i] = "sum";
    Nest result = { 1, { { results, j } } };
    members_emit(k, o, &result);
    out_close(o, "");
}

/* The innermost group stays: a block of neighbouring results together. */
static void emit_columns(Kern *k, Val operand, const Groups *g, Extent results)
{
    Emit *e = k->e;
    Out *o = k->out;
    enum { BLOCK = 256 };
    Extent inner = g->group[g->n - 1].size;
    bool one_row = extent_eq(inner, results);
    if (one_row && !results.n && results.k <= BLOCK && k->tasks.across == 1) {
        write_block(k, operand, g, results, "0", extent_text(e, results), results.k);
        return;
    }
    int64_t block = k->tasks.tile_cols < BLOCK ? k->tasks.tile_cols : BLOCK;
    if (!inner.n && inner.k < block) block = inner.k;
    task_range(k, k->tasks.tile_cols, results);
    out_open(o, "for (int64_t first = begin, width; first < end; first += width)");
    const char *cols = extent_atom(e, inner);
    const char *stop = one_row ? "end" : text(e, "smaller(end, (first / %s + 1) * %s)", cols, cols);
    out_line(o, "width = smaller(%lld, %s - first);", (long long)block, stop);
    write_block(k, operand, g, results, "first", "width", block);
    out_close(o, "");
}

void emit_reduce(Kern *k)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    Val operand = x->in[0];
    if (ir_is_slot(k->g, k->k, k->root)) {
        emit_total(k, operand);
        return;
    }
    Groups g = groups_of(&ir_type(k->g, operand)->shape, ir_attr(x, AT_axes));
    Extent results = extent_of(&x->type.shape, 0, x->type.shape.rank);
    long long tile = (long long)k->tasks.tile_cols;
    k->note = text(e, "A task is %lld results, summed in double.", tile);
    if (g.n && !g.group[g.n - 1].reduced) emit_columns(k, operand, &g, results);
    else emit_rows(k, operand, &g, results);
}
