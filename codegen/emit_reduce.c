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
    Extent n = extent(1, 0);
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
    k->note = text(e, "A %s sums %lld elements; then the %ss are added in order.", e->l->task, tile,
                   e->l->task);
    task_range(k, k->tasks.tile_rows, elems);
    team_rows(k, o, k->threads);
    out_line(o, "double total = 0;");
    Nest nest = { 1, { { elems, "i" } } };
    free_order(k, o, "total");
    each_open(k, o, "int64_t", "i", "begin", "end");
    out_line(o, "total += %s;", text_double(e, value_emit(k, o, operand, &nest)));
    members_emit(k, o, &nest);
    out_close(o, "");
    team_join(k, o, JOIN_sum, DT_f64, "total", "total");
    Out *stores = team_stores(k, o);
    out_line(stores, "%s[task] = total;", slot_parts(k, DT_f64));
    team_store(k, o, stores);
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

/* Index texts of the groups that are reduced, or of those that are kept, out of their flat index. */
static void index_of(Emit *e, const Groups *g, bool reduced, const char *flat, const char **at)
{
    Extent below = extent(1, 0);
    int top = 0;
    while (top < g->n && g->group[top].reduced != reduced) top++;
    for (int i = g->n; i-- > 0;) {
        if (g->group[i].reduced != reduced) continue;
        const char *s = flat;
        if (below.k != 1 || below.n) s = text(e, "%s / %s", text_atom(e, s), extent_atom(e, below));
        if (i > top)
            s = text(e, "%s %% %s", s == flat ? text_atom(e, s) : s,
                     extent_atom(e, g->group[i].size));
        at[i] = s;
        below = extent_mul(below, g->group[i].size);
    }
}

/* Those of a result. */
static void kept_index(Emit *e, const Groups *g, const char *flat, const char **at)
{
    index_of(e, g, false, flat, at);
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
    out_line(o, "total += %s;", text_double(e, value_emit(k, o, operand, &nest)));
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
    out_line(o, "total[j] += %s;", text_double(e, value_emit(k, o, operand, &nest)));
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

/* The innermost group, which stays, cut in two where factors before the sum are broadcast along a part of it,
 * so that indices in a block of results need no division. */
static Groups cut_columns(const Kern *k, Val operand, const Groups *g)
{
    enum { LEAST = 8 };                            /* results of a block, or vectors have nothing to do */
    Groups r = *g;
    Extent *inner = &r.group[r.n - 1].size, run = *inner;
    for (int i = 0; i < k->k->n_member; i++) {
        Val v = k->k->member[i];
        if (ir_shape_eq(&ir_type(k->g, v)->shape, &ir_type(k->g, operand)->shape)) index_shorten(k, v, &run);
    }
    if (run.n || inner->n || run.k < LEAST || run.k >= inner->k || inner->k % run.k || r.n == IR_MAX_RANK) return r;
    inner->k /= run.k;
    r.group[r.n++] = (Group){ run, false };
    return r;
}

/* The innermost group stays: a block of neighbouring results together. */
static void emit_columns(Kern *k, Val operand, const Groups *all, Extent results)
{
    Emit *e = k->e;
    Out *o = k->out;
    enum { BLOCK = 256 };
    const Groups cut = cut_columns(k, operand, all), *g = &cut;
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

/* ---- in blocks ---- */

static Extent reduced_of(const Groups *g)
{
    Extent n = extent(1, 0);
    for (int i = 0; i < g->n; i++)
        if (g->group[i].reduced) n = extent_mul(n, g->group[i].size);
    return n;
}

/* The type of r, which is divided to find where an element lies. */
static const char *place_type(Kern *k, Val operand)
{
    const Shape *s = &ir_type(k->g, operand)->shape;
    return extent_type(k->e, extent_of(s, 0, s->rank));
}

/* The nest over the operand at element r of result `flat`. */
static Nest block_nest(Emit *e, const Groups *g, const char *flat)
{
    const char *at[IR_MAX_RANK] = { 0 };
    Nest nest = { .rank = g->n };
    kept_index(e, g, flat, at);
    index_of(e, g, true, "r", at);
    for (int i = 0; i < g->n; i++) nest.dim[i] = (NestDim){ g->group[i].size, at[i] };
    return nest;
}

static void write_addition(Kern *k, Val operand, const Groups *g)
{
    const char **before = names_save(k);
    Nest nest = block_nest(k->e, g, "i");
    out_line(k->out, "total += %s;", text_double(k->e, value_emit(k, k->out, operand, &nest)));
    members_emit(k, k->out, &nest);
    names_restore(k, before);
}

/* The result from `total`, and what follows it. */
static void write_result(Kern *k, Out *o, Extent results)
{
    DType d = ir_type(k->g, k->root)->dtype;
    Nest result = { 1, { { results, "i" } } };
    out_line(o, "const %s sum = %s;", k->e->l->type[d], result_text(k, "total"));
    k->name[k->root.i] = "sum";
    members_emit(k, o, &result);
}

/* The innermost group is reduced: its lanes walk a result's elements. */
static void emit_row_results(Kern *k, Val operand, const Groups *g, Extent results)
{
    Out *o = k->out;
    task_range(k, k->tasks.tile_cols, results);
    team_rows(k, o, k->tasks.tile_cols == 1 ? k->threads : IR_WARP);
    row_open(k, o, "i");
    out_line(o, "double total = 0;");
    flat_open(k, o, place_type(k, operand), "r", extent_text(k->e, reduced_of(g)));
    write_addition(k, operand, g);
    out_close(o, "");
    team_join(k, o, JOIN_sum, DT_f64, "total", "total");
    Out *stores = team_stores(k, o);
    write_result(k, stores, results);
    team_store(k, o, stores);
    out_close(o, "");
}

/* The innermost group stays: a lane has a result, the warps share out its elements, and the first
 * adds up what they found, in order. */
static void emit_column_results(Kern *k, Val operand, const Groups *g, Extent results)
{
    Emit *e = k->e;
    Out *o = k->out;
    int warps = k->threads / IR_WARP;
    bool several = k->tasks.tile_cols > IR_WARP;
    add_micro(e, text(e, "typedef struct { double total[%d][%d]; } Columns;\n", warps, IR_WARP));
    k->shared_bytes = (int64_t)k->threads * (int64_t)sizeof(double);
    task_range(k, k->tasks.tile_cols, results);
    out_line(o, "SHARED(Columns, shared);");
    out_line(o, "const int lane = (int)threadIdx.x %% %d, warp = (int)threadIdx.x / %d;", IR_WARP,
             IR_WARP);
    if (several) out_open(o, "for (int64_t first = begin; first < end; first += %d)", IR_WARP);
    out_line(o, "const int64_t i = %s + lane;", several ? "first" : "begin");
    out_line(o, "double total = 0;");
    out_open(o, "for (%s r = warp; i < end && r < %s; r += %d)", place_type(k, operand),
             extent_text(e, reduced_of(g)), warps);
    write_addition(k, operand, g);
    out_close(o, "");
    out_line(o, "shared->total[warp][lane] = total;");
    out_line(o, "__syncthreads();");
    out_open(o, "if (warp == 0 && i < end)");
    out_line(o, "for (int w = 1; w < %d; w++)", warps);
    out_deeper(o, 1);
    out_line(o, "total += shared->total[w][lane];");
    out_deeper(o, -1);
    write_result(k, o, results);
    out_close(o, "");
    if (several) {
        out_line(o, "__syncthreads();");
        out_close(o, "");
    }
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
    k->note = text(e, "A %s is %lld results, summed in double.", e->l->task, tile);
    bool stays = g.n && !g.group[g.n - 1].reduced;
    if (e->l->blocks) (stays ? emit_column_results : emit_row_results)(k, operand, &g, results);
    else (stays ? emit_columns : emit_rows)(k, operand, &g, results);
}
