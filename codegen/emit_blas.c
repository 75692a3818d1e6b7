/* codegen/emit_blas.c: a tile of a product by OpenBLAS on this task's thread, then the epilogue on the
 * tile while it is in cache. k is never split between tasks, and OpenBLAS runs on one thread, so the
 * number of threads changes no bit. Operands are plain; layouts of its own OpenBLAS makes itself. */
#include "codegen/emit.h"

void emit_blas(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->out;
    Product p = ir_product(k->g, k->root);
    Extent m = extent(p.m.k, p.m.n), l = extent(p.l.k, p.l.n), depth = extent(p.k.k, p.k.n);
    long long tr = (long long)k->tasks.tile_rows, tc = (long long)k->tasks.tile_cols;
    const char *real = real_type(k), *mt = extent_text(e, m), *lt = extent_text(e, l);
    Extent lda = extent_of(&ir_type(k->g, p.a)->shape, 1, 2), ldb = extent_of(&ir_type(k->g, p.b)->shape, 1, 2);
    const char *a = slot_read(k, p.a), *b = slot_read(k, p.b);
    reach(e, SNIP_blas);
    reach(e, SNIP_smaller);
    k->note = text(e, "A task is %lld rows of %lld columns, by OpenBLAS.", tr, tc);
    out_line(o, "const int64_t down = (%s + %lld) / %lld, row0 = task %% down * %lld, col0 = task / down * %lld;",
             mt, tr - 1, tr, tr, tc);
    out_line(o, "const int64_t rows = smaller(%lld, %s - row0), cols = smaller(%lld, %s - col0);", tr, mt, tc, lt);
    out_line(o, "%s *const tile = (%s *)scratch;    /* [rows][%lld] */", real, real, tc);
    out_line(o, "cblas_%cgemm(ROW_MAJOR, %s, %s, (int)rows, (int)cols, (int)(%s), 1,", e->m->real == DT_f32 ? 's' : 'd',
             p.ta ? "TRANSPOSED" : "AS_IS", p.tb ? "TRANSPOSED" : "AS_IS", extent_text(e, depth));
    out_line(o, "            %s + %s, (int)(%s),", a, p.ta ? "row0" : text_mul(e, "row0", lda), extent_text(e, lda));
    out_line(o, "            %s + %s, (int)(%s), 0, tile, %lld);", b, p.tb ? text_mul(e, "col0", ldb) : "col0",
             extent_text(e, ldb), tc);
    out_open(o, "for (int64_t i = 0; i < rows; i++)");
    out_open(o, "for (int64_t j = 0; j < cols; j++)");
    out_line(o, "const int64_t row = row0 + i, col = col0 + j;");
    Nest nest = { 2, { { m, "row" }, { l, "col" } } };
    const char *sum = text(e, "tile[i * %lld + j]", tc);
    if (p.bias.i)
        sum = text(e, "%s + %s[%s]", sum, slot_read(k, p.bias),
                   index_text(e, ir_type(k->g, p.bias), &ir_type(k->g, k->root)->shape, &nest));
    out_line(o, "const %s sum = %s;", real, sum);
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}
