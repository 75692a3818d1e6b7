/* codegen/emit_gemm.c: C(row, col) = sum over k of A(row, k) B(k, col), tiled for one core.
 *
 * A task is a tile of rows and columns. It packs its columns of B once, as [k][lanes] for each panel
 * of lanes, so that the inner loop reads memory in order; A is read where it lies. The register tile
 * (micro_HxV: H rows, V vectors of columns) sums over k without touching memory. The last strip of
 * rows overlaps the one before it: a row's sum never depends on where its strip begins.
 * Every sum goes through one strip in the first cache, from which the epilogue reads.
 *
 * Not here: layouts kept between steps, prefetching, splitting k between tasks.
 * Source: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008. */
#include "codegen/emit.h"
#include <string.h>

typedef struct Gemm {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;
    Extent m, l, depth;
    int64_t tile_rows, tile_cols, lanes;   /* lanes of one panel: vectors * elements of a vector */
    int height, vectors;
    bool blocked;                          /* several blocks of k */
    const char *real;
} Gemm;

/* ---- register tiles ---- */

static const char *micro_name(const Gemm *g, int height)
{
    return text(g->e, "micro_%s_%dx%d", ir_dtype_name(g->e->m->real), height, g->vectors);
}

/* sums[height][lanes] = a(row, k) * b[k][lanes] over k; a(row, k) = a[row * row_step + k * k_step]. */
static void write_micro(Gemm *g, int height)
{
    Emit *e = g->e;
    Out *o = out_new(e->a);
    int v = g->vectors;
    out_line(o, "/* sums[%d][%lld]: %d rows of a times %d vector%s of columns. */", height,
             (long long)g->lanes, height, v, v > 1 ? "s" : "");
    out_line(o, "static inline void %s(int64_t depth, const %s *restrict a, int64_t row_step,",
             micro_name(g, height), g->real);
    out_line(o, "    int64_t k_step, const %s *restrict b, %s *restrict sums)", g->real, g->real);
    out_open(o, "%s", "");
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < v; j++) s = text(e, "%s%s c%d_%d = { 0 }", s, j ? "," : "vec", i, j);
        out_line(o, "%s;", s);
    }
    out_open(o, "for (int64_t k = 0; k < depth; k++, a += k_step, b += %lld)", (long long)g->lanes);
    for (int j = 0; j < v; j++)
        out_line(o, "const vec b%d = *(const vec *)(b + %lld);", j, (long long)(j * g->lanes / v));
    for (int i = 0; i < height; i++) {
        const char *s = text(e, "const %s a%d = a[%d * row_step];", g->real, i, i);
        for (int j = 0; j < v; j++) s = text(e, "%s c%d_%d += a%d * b%d;", s, i, j, i, j);
        out_line(o, "%s", s);
    }
    out_close(o, "");
    for (int i = 0; i < height; i++) {
        const char *s = "";
        for (int j = 0; j < v; j++)
            s = text(e, "%s%s*(vec *)(sums + %lld) = c%d_%d;", s, j ? " " : "",
                     (long long)(i * g->lanes + j * g->lanes / v), i, j);
        out_line(o, "%s", s);
    }
    out_close(o, "");
    for (int i = 0; i < e->n_micro; i++)
        if (!strcmp(e->micro[i], out_text(o))) return;
    e->micro = arena_grow(e->a, e->micro, (size_t)e->n_micro, (size_t)e->n_micro + 1, sizeof *e->micro);
    e->micro[e->n_micro++] = out_text(o);
}

/* ---- the tile's shape ---- */

static void shape(Gemm *g)
{
    Kern *k = g->k;
    const Target *t = g->e->o->target;
    int64_t vector = t->vector_bytes / ir_dtype_bytes(g->e->m->real);
    g->tile_rows = k->tasks.tile_rows;
    g->tile_cols = k->tasks.tile_cols;
    g->vectors = k->k->micro[1] ? (int)k->k->micro[1] : 1;
    g->lanes = g->vectors * vector;
    if (!k->k->tile[0] || !k->k->tile[1] || g->tile_cols % g->lanes)
        ir_die(g->e->m, "kernel k%d of %s: a tile of %lld columns is not whole panels of %lld", k->index,
               k->g->name, (long long)g->tile_cols, (long long)g->lanes);
    /* Strips of nearly equal height, none higher than the registers allow. */
    int64_t most = k->k->micro[0] ? k->k->micro[0] : 4;
    int64_t rows = g->tile_rows < k->tasks.rows ? g->tile_rows : k->tasks.rows;
    int64_t strips = (rows + most - 1) / most;
    g->height = (int)((rows + strips - 1) / strips);
}

/* ---- operands ---- */

/* The element of a matrix of shape [rows, cols] in any layout. */
static const char *element(Gemm *g, Val v, const char *row, const char *col)
{
    const Type *t = ir_type(g->k->g, v);
    Nest nest = { 2, { { extent_of(&t->shape, 0, 1), row }, { extent_of(&t->shape, 1, 2), col } } };
    return text(g->e, "%s[%s]", slot_read(g->k, v), index_text(g->e, t, &t->shape, &nest));
}

static const char *row_stride(const Gemm *g, Val v)
{
    return extent_text(g->e, extent_of(&ir_type(g->k->g, v)->shape, 1, 2));
}

static bool plain(const Gemm *g, Val v) { return ir_type(g->k->g, v)->layout.kind == LAYOUT_plain; }

static void pack(Gemm *g, const char *width)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *into = g->tile_cols > g->lanes ? "pack + j0 * depth" : "pack";
    if (!plain(g, g->p.b)) {
        out_open(o, "for (int64_t k = 0; k < depth; k++)");
        out_open(o, "for (int64_t j = 0; j < %lld; j++)", (long long)g->lanes);
        const char *k = g->blocked ? "(k0 + k)" : "k", *col = "(col0 + j0 + j)";
        out_line(o, "(%s)[k * %lld + j] = j < %s ? %s : 0;", into, (long long)g->lanes, width,
                 g->p.tb ? element(g, g->p.b, col, k) : element(g, g->p.b, k, col));
        out_close(o, "");
        out_close(o, "");
        return;
    }
    const char *b = slot_read(g->k, g->p.b), *stride = row_stride(g, g->p.b);
    const char *k0 = g->blocked ? "k0" : "0";
    Extent ld = extent_of(&ir_type(g->k->g, g->p.b)->shape, 1, 2);
    const char *from = g->p.tb ? text_add(e, text_add(e, b, text_mul(e, "(col0 + j0)", ld)), k0)
                               : text_add(e, text_add(e, b, text_mul(e, k0, ld)), "col0 + j0");
    reach(e, g->p.tb ? SNIP_pack_columns : SNIP_pack_rows);
    out_line(o, "%s(depth, %s, %lld, %s, %s, %s);", g->p.tb ? "pack_columns" : "pack_rows", width,
             (long long)g->lanes, from, stride, into);
}

/* Calls of the register tiles: the full height, then 4 rows or 1 where a tile has fewer. */
static void strip(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *a = slot_read(g->k, g->p.a), *ld = row_stride(g, g->p.a);
    Extent by = extent_of(&ir_type(g->k->g, g->p.a)->shape, 1, 2);
    const char *k0 = g->blocked ? "k0" : "0";
    const char *at = g->p.ta ? text_add(e, text_add(e, a, text_mul(e, k0, by)), "row0 + top")
                             : text_add(e, text_add(e, a, text_mul(e, "(row0 + top)", by)), k0);
    const char *steps = g->p.ta ? text(e, "1, %s", ld) : text(e, "%s, 1", ld);
    const char *from = g->tile_cols > g->lanes ? "pack + j0 * depth" : "pack";
    int height[3] = { g->height, 4, 1 };
    bool first = true;
    for (int i = 0; i < 3; i++) {
        if (i && height[i] >= g->height) continue;
        write_micro(g, height[i]);
        bool last = g->height == 1 || i == 2;
        const char *when = last ? "" : text(e, "if (height == %d) ", height[i]);
        out_line(o, "%s%s%s(depth, %s, %s, %s, strip);", first ? "" : "else ", when,
                 micro_name(g, height[i]), at, steps, from);
        first = false;
    }
}

/* ---- the task ---- */

static void open_strips(Gemm *g)
{
    Out *o = g->o;
    out_open(o, "for (int64_t r = 0; r < rows; r += height)");
    out_line(o, "const int64_t top = smaller(r, rows - height);    /* the last strip overlaps */");
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", g->real, (long long)(g->height * g->lanes));
    strip(g);
}

/* The epilogue on rows of `from`, whose row i is row `row` of the result. */
static void epilogue(Gemm *g, const char *acc, const char *width)
{
    Kern *k = g->k;
    Out *o = g->o;
    const char **before = names_save(k);
    out_open(o, "for (int64_t j = 0; j < %s; j++)", width);
    out_line(o, "const int64_t col = col0 + j0 + j;");
    Nest nest = { 2, { { g->m, "row" }, { g->l, "col" } } };
    const char *sum = acc;
    if (g->p.bias.i) {
        Shape s = ir_type(k->g, k->root)->shape;
        const Type *t = ir_type(k->g, g->p.bias);
        sum = text(g->e, "%s + %s[%s]", acc, slot_read(k, g->p.bias), index_text(g->e, t, &s, &nest));
    }
    out_line(o, "const %s sum = %s;", g->real, sum);
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    names_restore(k, before);
}

static void tile_head(Gemm *g)
{
    Out *o = g->o;
    Emit *e = g->e;
    const char *m = extent_text(e, g->m), *l = extent_text(e, g->l);
    long long tr = (long long)g->tile_rows, tc = (long long)g->tile_cols;
    bool one_down = !g->m.n && g->k->tasks.down == 1;
    if (one_down)
        out_line(o, "const int64_t row0 = 0, col0 = task * %lld;", tc);
    else if (g->m.n)
        out_line(o, "const int64_t down = (%s + %lld) / %lld, row0 = task %% down * %lld, col0 = task / down * %lld;",
                 m, tr - 1, tr, tr, tc);
    else
        out_line(o, "const int64_t row0 = task %% %lld * %lld, col0 = task / %lld * %lld;",
                 (long long)g->k->tasks.down, tr, (long long)g->k->tasks.down, tc);
    bool whole = !g->m.n && g->m.k % tr == 0;
    out_line(o, whole ? "const int64_t rows = %lld%.0s;" : "const int64_t rows = smaller(%lld, %s - row0);", tr, m);
    if (g->l.n || g->l.k % tc)
        out_line(o, "const int64_t cols = smaller(%lld, %s - col0);", tc, l);
}

static void write_task(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    Kern *k = g->k;
    bool panels = g->tile_cols > g->lanes, whole = !g->l.n && g->l.k % g->tile_cols == 0;
    long long lanes = (long long)g->lanes, tc = (long long)g->tile_cols;
    const char *width = whole ? text(e, "%lld", lanes) : panels ? text(e, "smaller(%lld, cols - j0)", lanes) : "cols";
    const char *depth = extent_text(e, g->depth);
    out_line(o, "%s *const pack = (%s *)scratch;", g->real, g->real);
    if (g->blocked)
        out_line(o, "%s *const sums = (%s *)(scratch + %lld);", g->real, g->real,
                 (long long)ir_pack_bytes(k->g, k->k));
    if (g->height > 4)
        out_line(o, "const int64_t height = rows >= %d ? %d : rows >= 4 ? 4 : 1;", g->height, g->height);
    else
        out_line(o, g->height > 1 ? "const int64_t height = rows >= %d ? %d : 1;" : "const int64_t height = 1;",
                 g->height, g->height);
    if (g->blocked) {
        out_open(o, "for (int64_t k0 = 0; k0 < %s; k0 += %d)", depth, IR_K_BLOCK);
        out_line(o, "const int64_t depth = smaller(%d, %s - k0);", IR_K_BLOCK, depth);
    } else {
        out_line(o, "const int64_t depth = %s;", depth);
    }
    if (panels)
        out_open(o, "for (int64_t j0 = 0; j0 < %s; j0 += %lld)", whole ? text(e, "%lld", tc) : "cols", lanes);
    else
        out_line(o, "const int64_t j0 = 0;");
    if (panels && !whole) {
        out_line(o, "const int64_t width = %s;", width);
        width = "width";
    }
    pack(g, width);
    open_strips(g);
    out_open(o, "for (int64_t i = r - top; i < height; i++)");
    const char *acc = text(e, "strip[i * %lld + j]", lanes);
    if (g->blocked) {
        out_open(o, "for (int64_t j = 0; j < %lld; j++)", lanes);
        out_line(o, "%s *const s = sums + (top + i) * %lld + j0 + j;", g->real, tc);
        out_line(o, "*s = k0 ? *s + %s : %s;", acc, acc);
        out_close(o, "");
    } else {
        out_line(o, "const int64_t row = row0 + top + i;");
        epilogue(g, acc, width);
    }
    out_close(o, "");
    out_close(o, "");
    if (panels) out_close(o, "");
    if (!g->blocked) return;
    out_close(o, "");
    out_open(o, "for (int64_t i = 0; i < rows; i++)");
    out_line(o, "const int64_t row = row0 + i%s;", panels ? "" : ", j0 = 0");
    if (panels) out_line(o, "const int64_t j0 = 0;");
    epilogue(g, text(e, "sums[i * %lld + j]", tc), whole ? text(e, "%lld", tc) : "cols");
    out_close(o, "");
}

void emit_gemm(Kern *k)
{
    Gemm g = { .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root), .real = real_type(k) };
    g.m = extent(g.p.m.k, g.p.m.n);
    g.l = extent(g.p.l.k, g.p.l.n);
    g.depth = extent(g.p.k.k, g.p.k.n);
    g.blocked = ir_dim_at(g.p.k, k->e->m->capacity) > IR_K_BLOCK;
    shape(&g);
    k->note = text(k->e, "A task is %lld rows of %lld columns, computed in strips of %d rows.",
                   (long long)g.tile_rows, (long long)g.tile_cols, g.height);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    tile_head(&g);
    write_task(&g);
}
