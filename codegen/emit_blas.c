/* codegen/emit_blas.c: a tile of a product by OpenBLAS on this task's thread, then the epilogue on
 * the tile while it is in cache. k is never split between tasks, and OpenBLAS runs on one thread,
 * so the number of threads changes no bit. */
#include "codegen/emit.h"

static bool plain(const Kern *k, Val v)
{
    return ir_type(k->g, v)->layout.kind == LAYOUT_plain;
}

/* The BLAS integer for an extent. */
static const char *blas_int(Emit *e, Extent x)
{
    return x.n ? text(e, "(int)(%s)", extent_text(e, x)) : extent_text(e, x);
}

/* Where the tile's part of an operand begins: its row or column `at` of stride `ld`. */
static const char *begin(Emit *e, const char *array, const char *at, bool is_row, Extent ld)
{
    return text(e, "%s + %s", array, is_row ? text_mul(e, at, ld) : at);
}

void emit_blas(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->out;
    Product p = ir_product(k->g, k->root);
    if (!plain(k, p.a) || !plain(k, p.b)) {
        emit_loops(k);
        return;
    }
    Extent depth = extent(p.k.k, p.k.n);
    Extent lda = extent_of(&ir_type(k->g, p.a)->shape, 1, 2);
    Extent ldb = extent_of(&ir_type(k->g, p.b)->shape, 1, 2);
    long long tr = (long long)k->tasks.tile_rows, tc = (long long)k->tasks.tile_cols;
    const char *real = real_type(k);
    const char *a = slot_read(k, p.a), *b = slot_read(k, p.b);
    reach(e, SNIP_blas);
    reach(e, SNIP_smaller);
    k->note = text(e, "A task is %lld rows of %lld columns, by OpenBLAS.", tr, tc);
    tile_place(k);
    out_line(o, "%s *const tile = (%s *)scratch;    /* [rows][%lld] */", real, real, tc);
    out_line(o, "cblas_%cgemm(ROW_MAJOR, %s, %s, (int)rows, (int)cols, %s, 1, %s, %s,",
             e->m->real == DT_f32 ? 's' : 'd', p.ta ? "TRANSPOSED" : "AS_IS",
             p.tb ? "TRANSPOSED" : "AS_IS", blas_int(e, depth), begin(e, a, "row0", !p.ta, lda),
             blas_int(e, lda));
    out_line(o, "            %s, %s, 0, tile, %lld);", begin(e, b, "col0", p.tb, ldb),
             blas_int(e, ldb), tc);
    tile_epilogue(k, "tile", tc);
}
