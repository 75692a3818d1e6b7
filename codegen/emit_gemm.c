/* codegen/emit_gemm.c: C(row, col) = sum over k of A(row, k) B(k, col), tiled for one core.
 *
 * A task is a tile of rows and columns. It packs its columns of B once, as [k][lanes] for each
 * panel of lanes, so that the inner loop reads memory in order; A is read where it lies. The
 * register tile (micro_HxV: H rows, V vectors of columns) sums over k without touching memory. The
 * last strip of rows overlaps the one before it: a row's sum never depends on where its strip
 * begins. Every sum goes through one strip in the first cache, from which the epilogue reads.
 *
 * Where few rows meet long rows of B (a linear layer and a small batch), packing would cost as much
 * as the sums. Then B is read where it lies, and a vector holds neighbours in k: dots_HxC takes H
 * rows of A and C rows of B.
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
    bool panels;                           /* a tile has several panels */
    bool wide;                             /* so many that each is packed when it is its turn */
    bool sums;                             /* the tile's sums are kept until all are there */
    int64_t fewest;                        /* rows of the smallest tile that can occur */
    const char *real;
    const char *row0, *col0;               /* where the tile starts: variables, or 0 */
    const char *rows, *cols;               /* its size: variables, or numbers */
    const char *panel;                     /* first column of the panel */
    const char *b;                         /* those columns where they lie */
    bool dots;                             /* tiles of fewer than 4 rows take b as it lies */
    bool along;                            /* all tiles do: vectors along k */
} Gemm;

/* ---- register tiles ---- */

enum { DOTS = 4 };                         /* rows of b that a dots tile takes */

static const char *micro_name(const Gemm *g, int height)
{
    if (g->along) return text(g->e, "dots_%dx%d", height, DOTS);
    return text(g->e, "micro_%s_%dx%d", ir_dtype_name(g->e->m->real), height, g->vectors);
}

static void add_micro(Emit *e, const char *function)
{
    for (int i = 0; i < e->n_micro; i++)
        if (!strcmp(e->micro[i], function)) return;
    e->micro =
        arena_grow(e->a, e->micro, (size_t)e->n_micro, (size_t)e->n_micro + 1, sizeof *e->micro);
    e->micro[e->n_micro++] = function;
}

/* sums[height][lanes] = sum over k of a(row, k) b[k][lanes], a(row, k) at row_step and k_step. */
static void write_micro(Gemm *g, int height)
{
    Emit *e = g->e;
    Out *o = out_new(e->a);
    int v = g->vectors;
    out_line(o, "/* sums[%d][%lld]: %d rows of a times %d vector%s of columns. */", height,
             (long long)g->lanes, height, v, v > 1 ? "s" : "");
    out_line(o, "ONCE void %s(int64_t depth, const %s *restrict a,",
             micro_name(g, height), g->real);
    out_line(o, "    int64_t row_step, int64_t k_step, const %s *restrict b, %s *restrict sums)",
             g->real, g->real);
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
    add_micro(e, out_text(o));
}

/* add_pairs(a, b): sums of neighbours, those of a and then those of b. */
static void write_add_pairs(Gemm *g, int64_t vector)
{
    const char *even = "", *odd = "";
    for (int64_t i = 0; i < 2 * vector; i += 2) {
        even = text(g->e, "%s, %lld", even, (long long)i);
        odd = text(g->e, "%s, %lld", odd, (long long)i + 1);
    }
    add_micro(g->e, text(g->e,
                         "/* Sums of neighbours: those of a, then those of b. */\n"
                         "static inline vec add_pairs(vec a, vec b)\n{\n"
                         "    return __builtin_shufflevector(a, b%s)\n"
                         "         + __builtin_shufflevector(a, b%s);\n}\n", even, odd));
}

/* sums[height][DOTS]: products of rows of a and rows of b, both contiguous in k. */
static void write_dots(Gemm *g, int height)
{
    Emit *e = g->e;
    Out *o = out_new(e->a);
    int64_t vector = e->o->target->vector_bytes / ir_dtype_bytes(e->m->real);
    write_add_pairs(g, vector);
    out_line(o, "/* sums[%d][%d]: %d row%s of a times %d rows of b, a vector along k. */", height,
             DOTS, height, height > 1 ? "s" : "", DOTS);
    out_line(o, "ONCE void %s(int64_t depth, const %s *restrict a,",
             micro_name(g, height), g->real);
    out_line(o, "    int64_t a_step, const %s *restrict b, int64_t b_step, %s *restrict sums)",
             g->real, g->real);
    out_open(o, "%s", "");
    for (int i = 0; i < height; i++)
        out_line(o, "vec c%d_0 = { 0 }, c%d_1 = { 0 }, c%d_2 = { 0 }, c%d_3 = { 0 };", i, i, i, i);
    out_line(o, "int64_t k = 0;");
    out_open(o, "for (; k + %lld <= depth; k += %lld)", (long long)vector, (long long)vector);
    for (int j = 0; j < DOTS; j++)
        out_line(o, "const vec b%d = *(const vec *)(b + %d * b_step + k);", j, j);
    for (int i = 0; i < height; i++) {
        out_line(o, "const vec a%d = *(const vec *)(a + %d * a_step + k);", i, i);
        const char *s = "";
        for (int j = 0; j < DOTS; j++)
            s = text(e, "%s%sc%d_%d += a%d * b%d;", s, j ? " " : "", i, j, i, j);
        out_line(o, "%s", s);
    }
    out_close(o, "");
    for (int i = 0; i < height; i++) {
        const char *s = text(e, "add_pairs(add_pairs(c%d_0, c%d_1), add_pairs(c%d_2, c%d_3))", i, i,
                             i, i);
        if (vector > DOTS) {
            out_line(o, "vec s%d = %s;", i, s);
            for (int64_t v = vector; v > DOTS; v /= 2)
                out_line(o, "s%d = add_pairs(s%d, s%d);", i, i, i);
        } else {
            out_line(o, "const vec s%d = %s;", i, s);
        }
        out_line(o, "for (int j = 0; j < %d; j++)", DOTS);
        out_line(o, "    sums[%d + j] = s%d[j];", i * DOTS, i);
    }
    out_open(o, "for (; k < depth; k++)");
    out_line(o, "for (int i = 0; i < %d; i++)", height);
    out_line(o, "    for (int j = 0; j < %d; j++)", DOTS);
    out_line(o, "        sums[i * %d + j] += a[i * a_step + k] * b[j * b_step + k];", DOTS);
    out_close(o, "");
    out_close(o, "");
    add_micro(e, out_text(o));
}

static bool plain(const Gemm *g, Val v) { return ir_type(g->k->g, v)->layout.kind == LAYOUT_plain; }

/* ---- the tile's shape ---- */

/* Few rows, long sums, both operands contiguous along k. */
static bool along_k(const Gemm *g)
{
    enum { MOST_ROWS = 64, LEAST_DEPTH = 512 };
    int64_t vector = g->e->o->target->vector_bytes / ir_dtype_bytes(g->e->m->real);
    return g->p.tb && !g->p.ta && plain(g, g->p.b) && !g->depth.n && g->depth.k >= LEAST_DEPTH
        && g->k->tasks.rows <= MOST_ROWS && !g->l.n && g->l.k % DOTS == 0 && vector >= DOTS;
}

static void shape(Gemm *g)
{
    Kern *k = g->k;
    Emit *e = g->e;
    int64_t vector = e->o->target->vector_bytes / ir_dtype_bytes(e->m->real);
    g->tile_rows = k->tasks.tile_rows;
    g->tile_cols = k->tasks.tile_cols;
    g->vectors = k->k->micro[1] ? (int)k->k->micro[1] : 1;
    g->lanes = g->vectors * vector;
    if (!k->k->tile[0] || !k->k->tile[1] || g->tile_cols % g->lanes)
        ir_die(e->m, "kernel k%d of %s: a tile of %lld columns is not whole panels of %lld",
               k->index, k->g->name, (long long)g->tile_cols, (long long)g->lanes);
    g->panels = g->tile_cols > g->lanes;
    g->wide = g->tile_cols > IR_WIDE_COLS;
    g->sums = ir_keeps_sums(k->g, k->k);
    g->blocked = ir_dim_at(g->p.k, e->m->capacity) > IR_K_BLOCK;
    /* Strips of nearly equal height, none higher than the registers allow. */
    int64_t most = k->k->micro[0] ? k->k->micro[0] : 4;
    g->along = along_k(g);
    if (g->along) {
        g->lanes = DOTS;
        g->panels = true;
        most = e->o->target->registers >= 32 ? 4 : 2;
    }
    int64_t full = g->tile_rows < k->tasks.rows ? g->tile_rows : k->tasks.rows;
    int64_t strips = (full + most - 1) / most;
    g->height = (int)((full + strips - 1) / strips);
    g->dots = !g->along && g->p.tb && !g->p.ta && g->m.n && g->height >= 4 && plain(g, g->p.b);
    g->fewest = g->m.n ? 1 : g->m.k - (k->tasks.down - 1) * g->tile_rows;
}

/* Where the task's tile is and how large. What is the same for every task is a number. */
static void place(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *m = extent_text(e, g->m), *l = extent_text(e, g->l), *down = NULL;
    long long tr = (long long)g->tile_rows, tc = (long long)g->tile_cols;
    bool one_down = g->k->tasks.down == 1, one_across = g->k->tasks.across == 1;
    g->row0 = one_down ? "0" : "row0";
    g->col0 = one_across ? "0" : "col0";
    if (!one_down && !one_across) {
        down = g->m.n ? "down" : text(e, "%lld", (long long)g->k->tasks.down);
        if (g->m.n) out_line(o, "const int64_t down = (%s + %lld) / %lld;", m, tr - 1, tr);
    }
    if (!one_down)
        out_line(o, "const int64_t row0 = %s * %lld;", down ? text(e, "task %% %s", down) : "task",
                 tr);
    if (!one_across)
        out_line(o, "const int64_t col0 = %s * %lld;", down ? text(e, "task / %s", down) : "task",
                 tc);
    g->rows = "rows";
    if (one_down) g->rows = m;
    else if (!g->m.n && g->m.k % tr == 0) g->rows = text(e, "%lld", tr);
    else out_line(o, "const int64_t rows = smaller(%lld, %s - row0);", tr, m);
    g->cols = "cols";
    if (one_across && !g->l.n) g->cols = l;
    else if (!g->l.n && g->l.k % tc == 0) g->cols = text(e, "%lld", tc);
    else out_line(o, "const int64_t cols = smaller(%lld, %s - %s);", tc, l, g->col0);
    g->panel = g->panels ? text_add(e, g->col0, "j0") : g->col0;
}

/* The height of this tile's strips: a number where every tile has enough rows. */
static const char *height(Gemm *g)
{
    if (g->fewest >= g->height) return text(g->e, "%d", g->height);
    if (g->height > 4)
        out_line(g->o, "const int64_t height = %s >= %d ? %d : %s >= 4 ? 4 : 1;", g->rows,
                 g->height, g->height, g->rows);
    else
        out_line(g->o, "const int64_t height = %s >= %d ? %d : 1;", g->rows, g->height, g->height);
    return "height";
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

static const char *sum_of(Gemm *g, const char *a, const char *b)
{
    return text_atom(g->e, text_add(g->e, a, b));
}

/* Where the panel's columns are packed. */
static const char *packed(const Gemm *g)
{
    return g->panels && !g->wide ? "pack + j0 * depth" : "pack";
}

static void pack(Gemm *g, const char *width)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *into = packed(g), *k0 = g->blocked ? "k0" : "0";
    long long lanes = (long long)g->lanes;
    if (!plain(g, g->p.b)) {
        const char *k = sum_of(g, k0, "k"), *col = sum_of(g, g->panel, "j");
        out_open(o, "for (int64_t k = 0; k < depth; k++)");
        out_open(o, "for (int64_t j = 0; j < %lld; j++)", lanes);
        out_line(o, "(%s)[k * %lld + j] = j < %s ? %s : 0;", into, lanes, width,
                 g->p.tb ? element(g, g->p.b, col, k) : element(g, g->p.b, k, col));
        out_close(o, "");
        out_close(o, "");
        return;
    }
    const char *b = slot_read(g->k, g->p.b), *stride = row_stride(g, g->p.b);
    Extent ld = extent_of(&ir_type(g->k->g, g->p.b)->shape, 1, 2);
    const char *row = g->p.tb ? g->panel : k0, *col = g->p.tb ? k0 : g->panel;
    const char *from = text_add(e, text_add(e, b, text_mul(e, row, ld)), col);
    if (g->along) {
        g->b = local_name(g->k, "rows_b");
        out_line(o, "const %s *const %s = %s;", g->real, g->b, from);
        return;
    }
    reach(e, g->p.tb ? SNIP_pack_columns : SNIP_pack_rows);
    if (g->dots) {
        g->b = from;
        out_line(o, "if (%s >= 4)", g->rows);
        out_deeper(o, 1);
    }
    out_line(o, "%s(depth, %s, %lld, %s, %s, %s);", g->p.tb ? "pack_columns" : "pack_rows", width,
             lanes, from, stride, into);
    if (g->dots) out_deeper(o, -1);
}

/* Calls of the register tiles: the full height, then 4 rows or 1 where a tile may have fewer. */
static void strip(Gemm *g, const char *width)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *k0 = g->blocked ? "k0" : "0", *from = packed(g);
    const char *a = slot_read(g->k, g->p.a), *ld = row_stride(g, g->p.a);
    Extent by = extent_of(&ir_type(g->k->g, g->p.a)->shape, 1, 2);
    const char *at =
        g->p.ta ? text_add(e, text_add(e, a, text_mul(e, k0, by)), text_add(e, g->row0, "top"))
                : text_add(e, text_add(e, a, text_mul(e, sum_of(g, g->row0, "top"), by)), k0);
    const char *steps = g->p.ta ? text(e, "1, %s", ld) : text(e, "%s, 1", ld);
    if (g->along) {
        steps = text(e, "%s, %s", ld, g->b);
        from = row_stride(g, g->p.b);
    }
    int heights[3] = { g->height, 4, 1 };
    bool first = true;
    for (int i = 0; i < 3; i++) {
        if (i && (heights[i] >= g->height || g->fewest >= g->height)) continue;
        if (i == 2 && g->dots) {
            reach(e, SNIP_dot_rows);
            out_line(o, "else dot_rows(depth, %s, %s, %s, %s, strip);", at, g->b,
                     row_stride(g, g->p.b), width);
            break;
        }
        if (g->along) write_dots(g, heights[i]);
        else write_micro(g, heights[i]);
        bool last = g->height == 1 || g->fewest >= g->height || i == 2;
        const char *when = last ? "" : text(e, "if (height == %d) ", heights[i]);
        out_line(o, "%s%s%s(depth, %s, %s, %s, strip);", first ? "" : "else ", when,
                 micro_name(g, heights[i]), at, steps, from);
        first = false;
    }
}

/* ---- the task ---- */

/* The epilogue on one row: `acc` is the sum in column j. */
static void epilogue(Gemm *g, const char *acc, const char *width)
{
    Kern *k = g->k;
    Emit *e = g->e;
    Out *o = g->o;
    const char **before = names_save(k), *first = acc[1] == 't' ? g->panel : g->col0;
    const char *var = strcmp(first, "0") ? "j" : "col";
    out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", var, var, width, var);
    if (*var == 'j') out_line(o, "const int64_t col = %s + j;", first);
    Nest nest = { 2, { { g->m, "row" }, { g->l, "col" } } };
    const char *sum = text(e, "%s + %s]", acc, var);
    if (g->p.bias.i) {
        const Type *t = ir_type(k->g, g->p.bias);
        sum = text(e, "%s + %s[%s]", sum, slot_read(k, g->p.bias),
                   index_text(e, t, &ir_type(k->g, k->root)->shape, &nest));
    }
    out_line(o, "const %s sum = %s;", g->real, sum);
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    names_restore(k, before);
}

/* Then no index has a row in it. */
static bool one_row(const Gemm *g)
{
    return g->m.k == 1 && !g->m.n;
}

/* One block of k for one panel: pack, then strips, each into the epilogue or into the sums. */
static void write_panel(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    long long lanes = (long long)g->lanes;
    const char *width = g->cols;
    if (g->panels) {
        out_open(o, "for (int64_t j0 = 0; j0 < %s; j0 += %lld)", g->cols, lanes);
        bool whole = !g->l.n && g->l.k % lanes == 0;
        width = whole ? text(e, "%lld", lanes) : "width";
        if (!whole) out_line(o, "const int64_t width = smaller(%lld, %s - j0);", lanes, g->cols);
    }
    pack(g, width);
    const char *h = height(g);
    out_open(o, "for (int64_t r = 0; r < %s; r += %s)", g->rows, h);
    out_line(o, "const int64_t top = smaller(r, %s - %s);    /* the last strip overlaps */",
             g->rows, h);
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", g->real,
             (long long)(g->height * g->lanes));
    strip(g, width);
    out_open(o, "for (int64_t i = r - top; i < %s; i++)", h);
    const char *acc = text(e, "strip[i * %lld", lanes);
    if (g->sums) {
        out_open(o, "for (int64_t j = 0; j < %s; j++)", width);
        out_line(o, "%s *const s = sums + (top + i) * %lld + %sj;", g->real,
                 (long long)g->tile_cols, g->panels ? "j0 + " : "");
        out_line(o, g->blocked ? "*s = k0 ? *s + %s + j] : %s + j];" : "*s = %s + j];", acc, acc);
        out_close(o, "");
    } else {
        if (!one_row(g)) out_line(o, "const int64_t row = %s + i;", text_add(e, g->row0, "top"));
        epilogue(g, acc, width);
    }
    out_close(o, "");
    out_close(o, "");
    if (g->panels) out_close(o, "");
}

static void write_task(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *depth = extent_text(e, g->depth);
    if (!g->along) out_line(o, "%s *const pack = (%s *)scratch;", g->real, g->real);
    if (g->sums)
        out_line(o, "%s *const sums = (%s *)(scratch + %lld);", g->real, g->real,
                 (long long)ir_pack_bytes(g->k->g, g->k->k));
    if (g->blocked) {
        out_open(o, "for (int64_t k0 = 0; k0 < %s; k0 += %d)", depth, IR_K_BLOCK);
        out_line(o, "const int64_t depth = smaller(%d, %s - k0);", IR_K_BLOCK, depth);
    } else {
        out_line(o, "const int64_t depth = %s;", depth);
    }
    write_panel(g);
    if (g->blocked) out_close(o, "");
    if (!g->sums) return;
    out_open(o, "for (int64_t i = 0; i < %s; i++)", g->rows);
    if (!one_row(g)) out_line(o, "const int64_t row = %s;", text_add(e, g->row0, "i"));
    epilogue(g, text(e, "sums[i * %lld", (long long)g->tile_cols), g->cols);
    out_close(o, "");
}

/* So little work that packing and register tiles cost more than they save. */
static bool tiny(const Gemm *g)
{
    enum { TINY = 512 };                   /* multiply-adds */
    const Module *m = g->e->m;
    double n = (double)m->capacity;
    double work = (double)g->m.k * (double)g->l.k * (double)g->depth.k;
    for (int i = 0; i < g->m.n + g->l.n + g->depth.n; i++) work *= n;
    return work <= TINY && g->k->tasks.count == 1;
}

void emit_gemm(Kern *k)
{
    Gemm g = {
        .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root), .real = real_type(k)
    };
    g.m = extent(g.p.m.k, g.p.m.n);
    g.l = extent(g.p.l.k, g.p.l.n);
    g.depth = extent(g.p.k.k, g.p.k.n);
    if (!plain(&g, g.p.a) || tiny(&g)) {
        emit_loops(k);
        return;
    }
    shape(&g);
    k->note = text(k->e, "A task is %lld rows of %lld columns, in strips of %d rows.",
                   (long long)g.tile_rows, (long long)g.tile_cols, g.height);
    reach(k->e, SNIP_vec);
    reach(k->e, SNIP_smaller);
    place(&g);
    write_task(&g);
}
