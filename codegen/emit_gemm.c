/* codegen/emit_gemm.c: C(row, col) = sum over k of A(row, k) B(k, col), tiled for one core.
 *
 * A task is a tile of rows and columns. Its columns of B come in panels of lanes, as [k][lanes], so
 * that the inner loop reads memory in order: weights may be stored so, rows of B may be read where
 * they lie (ir_rows_in_place), other columns are packed. A is read where it lies. The register
 * tile (micro_HxV: H rows, V vectors of columns) sums over k without touching memory. The last
 * strip of rows overlaps the one before it: a row's sum never depends on where its strip begins.
 * Every sum goes through one strip in the first cache, from which the epilogue reads.
 *
 * A weight's gradient whose result lies in panels is computed as its transpose: its columns are the
 * weight's rows, which lie together there. Where no cache holds what its epilogue updates, that is
 * asked for while the sums are computed; so is what few rows read of large panels next.
 *
 * Where few rows meet long rows of B that is in no panels (a linear layer and a small batch),
 * packing would cost as much as the sums; and few columns fill no vector. Then B is read where it
 * lies, and a vector holds neighbours in k: dots_HxC takes H rows of A and C rows of B.
 *
 * Not here: splitting k between tasks.
 * Source: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008. */
#include "codegen/emit.h"
#include <string.h>

enum { LINE_BYTES = 64 };

/* How a tile gets at its columns of B. */
typedef enum {
    B_PACKED,                              /* copied to the worker's memory */
    B_PANELS,                              /* they are stored in panels of just these lanes */
    B_ROWS,                                /* rows where they lie; a part of a panel is packed */
    B_DOTS                                 /* rows where they lie, vectors along k */
} Access;

typedef struct Gemm {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;
    Extent m, l, depth;
    int64_t tile_rows, tile_cols, lanes;   /* lanes of one panel: vectors * elements of a vector */
    int height, vectors;
    Access access;
    bool blocked;                          /* several blocks of k */
    bool panels;                           /* a tile has several panels */
    bool wide;                             /* so many that each is packed when it is its turn */
    bool sums;                             /* the tile's sums are kept until all are there */
    bool few;                              /* tiles of fewer than 4 rows take b as it lies */
    int64_t ahead;                         /* bytes of the panel's next block that a strip asks for at each
                                              k, or 0 */
    int64_t fewest;                        /* rows of the smallest tile that can occur */
    const char *real;
    const char *row0, *col0;               /* where the tile starts: variables, or 0 */
    const char *rows, *cols;               /* its size: variables, or numbers */
    const char *panel;                     /* first column of the panel */
    const char *b, *b_step;                /* those columns, and how far its k's are apart */
    const char *rows_b;                    /* those columns where they lie */
} Gemm;

static const Layout *layout_of(const Gemm *g, Val v) { return &ir_type(g->k->g, v)->layout; }
static bool plain(const Gemm *g, Val v) { return layout_of(g, v)->kind == LAYOUT_plain; }

static int64_t vector_of(const Gemm *g)
{
    return g->e->o->target->vector_bytes / ir_dtype_bytes(g->e->m->real);
}

/* ---- the tile's shape ---- */

/* Columns that a tile of dots takes, so that all tiles take as many; 0: no number will do. */
static int dots_cols(const Gemm *g)
{
    static const struct { int cols, lanes; } tries[] = {
        { 4, 4 }, { 5, 8 }, { 3, 4 }, { 2, 2 }, { 1, 1 }
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        if (g->l.k % tries[i].cols == 0 && vector_of(g) >= tries[i].lanes) return tries[i].cols;
    return 0;
}

/* Long sums of few rows or of few columns, both operands contiguous along k. */
static bool along_k(const Gemm *g)
{
    enum { MOST_ROWS = 64, LEAST_DEPTH = 512, LEAST_COLS = 4 };
    if (!g->p.tb || g->p.ta || !plain(g, g->p.b) || g->depth.n || g->l.n) return false;
    int cols = dots_cols(g);
    bool few = g->depth.k >= LEAST_DEPTH && g->k->tasks.rows <= MOST_ROWS && cols >= LEAST_COLS;
    bool narrow = ir_narrow(g->l.k, g->depth.k, vector_of(g)) && (cols > 1 || g->l.k == 1);
    return few || narrow;
}

/* Strips of nearly equal height, none higher than the registers allow. */
static int64_t strips(const Gemm *g, int64_t most, int64_t *height)
{
    int64_t full = g->tile_rows < g->k->tasks.rows ? g->tile_rows : g->k->tasks.rows;
    int64_t n = (full + most - 1) / most;
    *height = (full + n - 1) / n;
    return n;
}

static bool rows_in_place(const Gemm *g, int64_t n_strips)
{
    int64_t elem = ir_dtype_bytes(g->e->m->real), n = g->e->m->capacity;
    return !g->p.tb && plain(g, g->p.b)
        && ir_rows_in_place(n_strips, ir_dim_at(g->p.k, n), ir_dim_at(g->p.l, n) * elem,
                            g->lanes * elem, g->e->o->target);
}

/* So few rows that memory decides, which the processor reads while it multiplies only if it is told
 * to: each strip asks for a line of each of the panel's rows, or where that would be too much for its own
 * part of the block. */
static int64_t asks_ahead(const Gemm *g, int64_t n_strips)
{
    enum { MOST_STRIPS = 4 };
    int64_t elem = ir_dtype_bytes(g->e->m->real), share = g->lanes * elem / n_strips / elem * elem;
    bool asks = g->blocked && share <= LINE_BYTES && n_strips <= MOST_STRIPS && g->access == B_PANELS
        && ir_stored_bytes(ir_type(g->k->g, g->p.b), 1) > g->e->o->target->l2_bytes;
    return asks ? share : 0;
}

static void shape(Gemm *g)
{
    enum { MOST_DOTS = 8 };                /* rows: more hide no latency */
    Kern *k = g->k;
    Emit *e = g->e;
    g->tile_rows = k->tasks.tile_rows;
    g->tile_cols = k->tasks.tile_cols;
    g->vectors = k->k->micro[1] ? (int)k->k->micro[1] : 1;
    g->lanes = g->vectors * vector_of(g);
    if (!k->k->tile[0] || !k->k->tile[1] || g->tile_cols % g->lanes)
        ir_die(e->m, "kernel k%d of %s: a tile of %lld columns is not whole panels of %lld",
               k->index, k->g->name, (long long)g->tile_cols, (long long)g->lanes);
    g->panels = g->tile_cols > g->lanes;
    g->wide = g->tile_cols > IR_WIDE_COLS;
    g->sums = ir_keeps_sums(k->g, k->k);
    g->blocked = ir_dim_at(g->p.k, e->m->capacity) > IR_K_BLOCK;
    int64_t most = k->k->micro[0] ? k->k->micro[0] : 4, height;
    if (along_k(g)) {
        g->access = B_DOTS;
        g->lanes = dots_cols(g);
        g->panels = g->l.k > g->lanes;
        most = (e->o->target->accumulators - 3) / g->lanes;
        if (most > MOST_DOTS) most = MOST_DOTS;
    }
    int64_t n = strips(g, most, &height);
    g->height = (int)height;
    if (g->access != B_DOTS)
        g->access = ir_in_panels(k->g, &g->p) ? B_PANELS : rows_in_place(g, n) ? B_ROWS : B_PACKED;
    g->ahead = asks_ahead(g, n);
    g->few = g->access == B_PACKED && g->p.tb && !g->p.ta && g->m.n && g->height >= 4
          && plain(g, g->p.b);
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

static Extent columns_of(const Gemm *g, Val v)
{
    return extent_of(&ir_type(g->k->g, v)->shape, 1, 2);
}

static const char *row_stride(const Gemm *g, Val v) { return extent_text(g->e, columns_of(g, v)); }

static const char *sum_of(Gemm *g, const char *a, const char *b)
{
    return text_atom(g->e, text_add(g->e, a, b));
}

/* Where element (row, col) of a plain matrix lies, or the panel that begins with that row. */
static const char *at(Gemm *g, Val v, const char *row, const char *col)
{
    Emit *e = g->e;
    return text_add(e, text_add(e, slot_read(g->k, v), text_mul(e, row, columns_of(g, v))), col);
}

/* Panels whose rows are along k: [k][lanes] is transposed out of them, one after the other. */
static void pack_across(Gemm *g, const char *k0, const char *width, const char *into)
{
    Emit *e = g->e;
    int block = layout_of(g, g->p.b)->width;
    long long lanes = (long long)g->lanes;
    const char *k = sum_of(g, k0, "k");
    out_line(g->o, "for (int64_t k = 0; k < depth; k += %d)", block);
    out_deeper(g->o, 1);
    out_line(g->o, "pack_columns(smaller(%d, depth - k), %s, %lld, %s, %d, %s);", block, width,
             lanes, at(g, g->p.b, k, text_mul(e, g->panel, extent(block, 0))), block,
             text_add(e, into, text(e, "k * %lld", lanes)));
    out_deeper(g->o, -1);
    reach(e, SNIP_pack_columns);
}

static void pack_plain(Gemm *g, const char *width, const char *into)
{
    Emit *e = g->e;
    reach(e, g->p.tb ? SNIP_pack_columns : SNIP_pack_rows);
    out_line(g->o, "%s(depth, %s, %lld, %s, %s, %s);", g->p.tb ? "pack_columns" : "pack_rows",
             width, (long long)g->lanes, g->rows_b, row_stride(g, g->p.b), into);
}

/* Makes b and b_step the columns of this panel. */
static void columns(Gemm *g, const char *width)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *k0 = g->blocked ? "k0" : "0", *lanes = text(e, "%lld", (long long)g->lanes);
    const char *into = g->panels && !g->wide ? "pack + j0 * depth" : "pack";
    g->b = into;
    g->b_step = lanes;
    if (!plain(g, g->p.b) && g->access == B_PACKED) {
        pack_across(g, k0, width, into);
        return;
    }
    g->rows_b = at(g, g->p.b, g->p.tb ? g->panel : k0, g->p.tb ? k0 : g->panel);
    switch (g->access) {
    case B_PANELS:
        g->b = "b";
        out_line(o, "const %s *const b = %s;", g->real,
                 at(g, g->p.b, g->panel, text_mul(e, k0, extent(g->lanes, 0))));
        return;
    case B_DOTS:
        g->b = local_name(g->k, "rows_b");
        out_line(o, "const %s *const %s = %s;", g->real, g->b, g->rows_b);
        g->rows_b = g->b;
        g->b_step = row_stride(g, g->p.b);
        return;
    case B_ROWS:
        g->b_step = row_stride(g, g->p.b);
        g->b = g->rows_b;
        if (!strcmp(width, lanes)) return;
        out_line(o, "const %s *b = %s;", g->real, g->rows_b);
        out_line(o, "int64_t b_step = %s;", g->b_step);
        g->b = "b";
        g->b_step = "b_step";
        out_open(o, "if (%s < %s)", width, lanes);
        pack_plain(g, width, into);
        out_line(o, "b = %s;", into);
        out_line(o, "b_step = %s;", lanes);
        out_close(o, "");
        return;
    case B_PACKED:
        if (g->few) {
            out_line(o, "if (%s >= 4)", g->rows);
            out_deeper(o, 1);
        }
        pack_plain(g, width, into);
        if (g->few) out_deeper(o, -1);
    }
}

/* Makes `next` the strip's lines, or its part, of the next block of k; behind the last one, where it
 * follows, of the next panel's first. */
static void name_next(Gemm *g)
{
    Emit *e = g->e;
    Out *o = g->o;
    long long elems = (long long)(g->ahead / ir_dtype_bytes(e->m->real));
    const char *part = text(e, g->ahead == LINE_BYTES ? "%lld" : "(%lld * depth)", elems);
    out_line(o, "const int64_t k1 = k0 + depth < %s || %s < %s ? k0 + depth : k0;",
             extent_text(e, g->depth), text_shift(e, g->panel, g->lanes), extent_text(e, g->l));
    out_line(o, "const %s *const next = %s + r / %d * %s;", g->real,
             at(g, g->p.b, g->panel, text_mul(e, "k1", extent(g->lanes, 0))), g->height, part);
}

static int64_t next_step(const Gemm *g)
{
    return g->ahead == LINE_BYTES ? g->lanes : g->ahead / ir_dtype_bytes(g->e->m->real);
}

/* Calls of the register tiles: the full height, then 4 rows or 1 where a tile may have fewer. */
static void strip(Gemm *g, const char *width)
{
    Emit *e = g->e;
    Out *o = g->o;
    const char *k0 = g->blocked ? "k0" : "0", *ld = row_stride(g, g->p.a);
    const char *row = sum_of(g, g->row0, "top");
    const char *a = at(g, g->p.a, g->p.ta ? k0 : row, g->p.ta ? text_add(e, g->row0, "top") : k0);
    const char *steps = g->access == B_DOTS ? ld : text(e, g->p.ta ? "1, %s" : "%s, 1", ld);
    int heights[3] = { g->height, 4, 1 };
    bool first = true, several = g->height > 1 && g->fewest < g->height;
    if (several) {
        out_line(o, "const %s *const a = %s;", g->real, a);
        a = "a";
    }
    for (int i = 0; i < 3; i++) {
        if (i && (heights[i] >= g->height || g->fewest >= g->height)) continue;
        if (i == 2 && g->few) {
            reach(e, SNIP_dot_rows);
            out_line(o, "else dot_rows(depth, %s, %s, %s, %s, strip);", a, g->rows_b,
                     row_stride(g, g->p.b), width);
            break;
        }
        bool ahead = g->ahead && !i;
        const char *tile = g->access == B_DOTS ? micro_dots(e, heights[i], (int)g->lanes)
                         : ahead               ? micro_tile_ahead(e, heights[i], g->vectors)
                                               : micro_tile(e, heights[i], g->vectors);
        bool last = !several || i == 2;
        const char *when = last ? "" : text(e, "if (height == %d) ", heights[i]);
        out_line(o, "%s%s%s(depth, %s, %s, %s, %s, strip%s);", first ? "" : "else ", when, tile, a,
                 steps, g->b, g->b_step, ahead ? text(e, ", next, %lld", (long long)next_step(g)) : "");
        first = false;
    }
}

/* ---- the task ---- */

/* The epilogue on one row: `acc` is the sum in column j. */
static void epilogue(Gemm *g, const char *acc, const char *width)
{
    Kern *k = g->k;
    Emit *e = g->e;
    Out *o = g->o, *body = out_beside(e->a, o);
    const char **before = names_save(k), *first = acc[1] == 't' ? g->panel : g->col0;
    bool from0 = !strcmp(first, "0"), one_panel = acc[1] == 't' || !g->panels;
    bool in_panel = g->p.transposed && one_panel && !from0;
    const char *var = from0 ? "col" : "j", *lanes = text(e, "%lld", (long long)g->lanes);
    NestDim row = { g->m, "row" }, col = { g->l, "col" };
    if (in_panel) col.var = text(e, "panel * %s + j", lanes);
    Nest nest = product_nest(&g->p, row, col);
    const char *sum = text(e, "%s + %s]", acc, var);
    out_deeper(body, 1);
    if (g->p.bias.i) {
        const Type *t = ir_type(k->g, g->p.bias);
        sum = text(e, "%s + %s[%s]", sum, slot_read(k, g->p.bias),
                   index_text(e, t, &ir_type(k->g, k->root)->shape, &nest));
    }
    out_line(body, "const %s sum = %s;", g->real, sum);
    k->name[k->root.i] = "sum";
    members_emit(k, body, &nest);
    out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", var, var, width, var);
    if (!from0 && !in_panel) out_line(o, "const int64_t col = %s + j;", first);
    out_raw(o, out_text(body));
    out_close(o, "");
    names_restore(k, before);
}

/* Asks for the strip's part of what streams through. */
static void fetch(Gemm *g)
{
    Emit *e = g->e;
    Val stream[MAX_SLOTS];
    int64_t bytes;
    int n = streams_of(g->k, stream, &bytes);
    if (!g->p.transposed || g->sums || bytes < e->o->target->l2_bytes) return;
    reach(e, SNIP_fetch);
    Extent lanes = extent(g->lanes, 0), whole = extent_mul(g->m, lanes);
    const char *panel = strcmp(g->panel, "0") ? text_mul(e, "panel", whole) : "0";
    const char *where = text_add(e, panel, text_mul(e, text_add(e, g->row0, "top"), lanes));
    for (int i = 0; i < n; i++)
        out_line(g->o, "fetch(%s, %lld);", text_add(e, slot_read(g->k, stream[i]), where),
                 (long long)(g->height * g->lanes));
}

/* Then no index has a row in it. */
static bool one_row(const Gemm *g)
{
    return g->m.k == 1 && !g->m.n;
}

/* Which panel of the result this is. */
static void number_panel(Gemm *g)
{
    if (g->p.transposed && strcmp(g->panel, "0"))
        out_line(g->o, "const int64_t panel = %s / %lld;", text_atom(g->e, g->panel),
                 (long long)g->lanes);
}

/* One block of k for one panel: its columns, then strips, each into the epilogue or the sums. */
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
    if (g->panels) number_panel(g);
    columns(g, width);
    const char *h = height(g);
    out_open(o, "for (int64_t r = 0; r < %s; r += %s)", g->rows, h);
    out_line(o, "const int64_t top = smaller(r, %s - %s);    /* the last strip overlaps */",
             g->rows, h);
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", g->real,
             (long long)(g->height * g->lanes));
    fetch(g);
    if (g->ahead) name_next(g);
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
    Out *body = out_beside(e->a, o);
    g->o = body;
    const char *packed = text(e, "%lld", (long long)ir_pack_bytes(g->k->g, g->k->k));
    const char *free = text_add(e, "scratch", packed);
    if (g->sums)
        out_line(body, "%s *const sums = (%s *)%s;", g->real, g->real, text_atom(e, free));
    if (!g->panels) number_panel(g);
    if (g->blocked) {
        out_open(body, "for (int64_t k0 = 0; k0 < %s; k0 += %d)", depth, IR_K_BLOCK);
        out_line(body, "const int64_t depth = smaller(%d, %s - k0);", IR_K_BLOCK, depth);
    } else {
        out_line(body, "const int64_t depth = %s;", depth);
    }
    write_panel(g);
    if (g->blocked) out_close(body, "");
    if (g->sums) {
        out_open(body, "for (int64_t i = 0; i < %s; i++)", g->rows);
        if (!one_row(g)) out_line(body, "const int64_t row = %s;", text_add(e, g->row0, "i"));
        epilogue(g, text(e, "sums[i * %lld", (long long)g->tile_cols), g->cols);
        out_close(body, "");
    }
    if (out_mentions(out_text(body), "pack"))
        out_line(o, "%s *const pack = (%s *)scratch;", g->real, g->real);
    out_raw(o, out_text(body));
}

/* So little work that packing and register tiles cost more than they save, most where sums are so
 * short that the compiler unrolls them. */
static bool tiny(const Gemm *g)
{
    enum { TINY = 512, SHORT = 8, TINY_SHORT = 4096 };    /* multiply-adds; depth */
    const Module *m = g->e->m;
    double n = (double)m->capacity;
    double work = (double)g->m.k * (double)g->l.k * (double)g->depth.k;
    for (int i = 0; i < g->m.n + g->l.n + g->depth.n; i++) work *= n;
    bool is_short = !g->depth.n && g->depth.k <= SHORT;
    return work <= (is_short ? TINY_SHORT : TINY) && g->k->tasks.count == 1;
}

/* Layouts of which the register tile makes something: panels of its lanes, or to be packed. */
static bool readable(const Gemm *g)
{
    int64_t lanes = (g->k->k->micro[1] ? g->k->k->micro[1] : 1) * vector_of(g);
    const Layout *b = layout_of(g, g->p.b);
    if (!plain(g, g->p.a) || b->kind == LAYOUT_c) return false;
    if (g->p.transposed && layout_of(g, g->k->root)->width != lanes) return false;
    return plain(g, g->p.b) || (g->p.tb ? b->width == lanes : IR_K_BLOCK % b->width == 0);
}

void emit_gemm(Kern *k)
{
    Gemm g = {
        .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root), .real = real_type(k)
    };
    g.m = extent(g.p.m.k, g.p.m.n);
    g.l = extent(g.p.l.k, g.p.l.n);
    g.depth = extent(g.p.k.k, g.p.k.n);
    if (!readable(&g) || tiny(&g)) {
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
