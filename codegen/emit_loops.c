/* codegen/emit_loops.c: a product by three plain loops: for operands in layouts that the fast
 * algorithms do not read, and for tiny products, where the C compiler sees all there is. Right for
 * every layout. */
#include "codegen/emit.h"

static const char *element(Kern *k, Val v, const char *row, const char *col)
{
    const Type *t = ir_type(k->g, v);
    Nest nest = { 2, { { extent_of(&t->shape, 0, 1), row }, { extent_of(&t->shape, 1, 2), col } } };
    return text(k->e, "%s[%s]", slot_read(k, v), index_text(k->e, t, &t->shape, &nest));
}

/* The loops over rows and columns of the task's tile. */
static void open_tile(Kern *k, Extent m, Extent l)
{
    Emit *e = k->e;
    Out *o = k->out;
    long long tr = (long long)k->tasks.tile_rows, tc = (long long)k->tasks.tile_cols;
    const char *rows = extent_text(e, m), *cols = extent_text(e, l);
    if (k->tasks.count == 1) {
        k->note = "By plain loops.";
        out_open(o, "for (int64_t row = 0; row < %s; row++)", rows);
        out_open(o, "for (int64_t col = 0; col < %s; col++)", cols);
        return;
    }
    k->note = text(e, "A task is %lld rows of %lld columns, by plain loops.", tr, tc);
    reach(e, SNIP_smaller);
    out_line(o, "const int64_t down = (%s + %lld) / %lld;", rows, tr - 1, tr);
    out_line(o, "const int64_t row0 = task %% down * %lld, col0 = task / down * %lld;", tr, tc);
    out_open(o, "for (int64_t row = row0; row < smaller(row0 + %lld, %s); row++)", tr, rows);
    out_open(o, "for (int64_t col = col0; col < smaller(col0 + %lld, %s); col++)", tc, cols);
}

void emit_loops(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->out;
    Product p = ir_product(k->g, k->root);
    Extent m = extent(p.m.k, p.m.n), l = extent(p.l.k, p.l.n), depth = extent(p.k.k, p.k.n);
    const char *real = real_type(k);
    open_tile(k, m, l);
    Nest nest = product_nest(&p, (NestDim){ m, "row" }, (NestDim){ l, "col" });
    const char *bias = literal(k, 0);
    if (p.bias.i)
        bias = text(e, "%s[%s]", slot_read(k, p.bias),
                    index_text(e, ir_type(k->g, p.bias), &ir_type(k->g, k->root)->shape, &nest));
    out_line(o, "%s sum = %s;", real, bias);
    /* The order of this sum is free. A short one is better left to vectors along rows. */
    if (depth.n || depth.k >= 16) free_order(k, o, "sum");
    out_open(o, "for (int64_t k = 0; k < %s; k++)", extent_text(e, depth));
    const char *a = p.ta ? element(k, p.a, "k", "row") : element(k, p.a, "row", "k");
    out_line(o, "sum += %s * %s;", a,
             p.tb ? element(k, p.b, "col", "k") : element(k, p.b, "k", "col"));
    out_close(o, "");
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}
