/* codegen/emit_gemm_back.c: both gradients of a linear layer, and its update.
 *
 *     d_x(n, k) = sum over o of d_y(n, o) w(o, k)       d_w(o, k) = sum over n of d_y(n, o) x(n, k)
 *
 * Where few samples meet weights that no cache holds, memory decides; so each block of the weights
 * is read once. They lie in panels, [o/32][k][32]. A task has some k's and goes from panel to
 * panel: it multiplies the panel's block by d_y, lanes are samples, and adds to its sums of d_x;
 * then the register tile makes the block's d_w, whose epilogue replaces the block and what the
 * optimizer keeps of it. The next panel's is asked for meanwhile. No other task has these sums, so
 * nothing depends on the number of threads.
 *
 * Not here: many samples, whose products pay for reading twice (emit_gemm.c). */
#include "codegen/patches.h"

typedef struct Grads {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;                             /* of d_w, transposed: rows are k's, columns o's */
    Back back;
    Extent rows, cols, n;
    int64_t tile, panel, samples;          /* rows of a task; columns of a panel; lanes of d_x */
    int height;
    const char *width;                     /* of this panel */
} Grads;

static const Type *type_of(const Grads *w, Val v) { return ir_type(w->k->g, v); }

/* Element (row, first column) of the panel in a tensor that lies as the weights do. */
static const char *block_at(Grads *w, Val v, const char *panel, const char *row)
{
    Emit *e = w->e;
    Extent lanes = extent(w->panel, 0);
    return text_add(e, text_add(e, slot_read(w->k, v),
                                text_mul(e, panel, extent_mul(w->rows, lanes))),
                    text_mul(e, row, lanes));
}

static void place(Grads *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    BackBytes b = ir_back_bytes(w->k->g, w->k->k);
    if (w->rows.k % w->tile == 0)
        out_line(o, "const int64_t row0 = task * %lld, rows = %lld;", (long long)w->tile,
                 (long long)w->tile);
    else
        out_line(o, "const int64_t row0 = task * %lld, rows = smaller(%lld, %s - row0);",
                 (long long)w->tile, (long long)w->tile, extent_text(e, w->rows));
    const Piece piece[] = { { "sums", b.sums }, { "turned", b.turned }, { "slopes", b.slopes },
                            { "block", b.block } };
    out_line(o, "/* d_x [rows][samples]; d_y of a panel, turned and as it is; x of the rows */");
    scratch_pieces(w->k, piece, 4);
    out_line(o, "memset(sums, 0, %lld * sizeof *sums);", (long long)(w->tile * w->samples));
    out_line(o, "pack_rows(%s, rows, %lld, %s, %s, block);", extent_text(e, w->n),
             (long long)w->tile, text_add(e, slot_read(w->k, w->p.a), "row0"),
             extent_text(e, w->rows));
    reach(e, SNIP_pack_rows);
}

/* d_y's columns of the panel, both ways. */
static void write_slopes(Grads *w)
{
    Emit *e = w->e;
    const char *n = extent_text(e, w->n), *l = extent_text(e, w->cols);
    const char *from = text_add(e, slot_read(w->k, w->p.b), "col0");
    reach(e, SNIP_pack_columns);
    out_line(w->o, "pack_columns(%s, %s, %lld, %s, %s, turned);", w->width, n,
             (long long)w->samples, from, l);
    out_line(w->o, "pack_rows(%s, %s, %lld, %s, %s, slopes);", n, w->width, (long long)w->panel,
             from, l);
}

/* The strip's part of d_x. */
static void add_d_x(Grads *w, const char *row)
{
    Emit *e = w->e;
    Out *o = w->o;
    long long samples = (long long)w->samples;
    int64_t vector = e->o->target->vector_bytes / ir_dtype_bytes(e->m->real);
    Val weight = ir_node(w->k->g, w->back.d_x)->in[1];
    out_line(o, "%s(%s, %s, %lld, 1, turned, %lld, strip);",
             micro_tile(e, w->height, (int)(w->samples / vector)), w->width,
             block_at(w, weight, "panel", row), (long long)w->panel, samples);
    out_line(o, "for (int64_t i = (r - top) * %lld; i < %lld; i++)", samples,
             w->height * samples);
    out_line(o, "    sums[top * %lld + i] += strip[i];", samples);
}

/* The strip's part of d_w, and its epilogue. */
static void update(Grads *w, const char *row)
{
    Kern *k = w->k;
    Emit *e = w->e;
    Out *o = w->o;
    const char **before = names_save(k);
    out_line(o, "%s(%s, block + top, 1, %lld, slopes, %lld, strip);",
             micro_tile(e, w->height, (int)k->k->micro[1]), extent_text(e, w->n),
             (long long)w->tile, (long long)w->panel);
    out_open(o, "for (int64_t i = r - top; i < %d; i++)", w->height);
    out_line(o, "const int64_t row = %s + i;", row);
    out_open(o, "for (int64_t j = 0; j < %s; j++)", w->width);
    out_line(o, "const %s sum = strip[i * %lld + j];", real_type(k), (long long)w->panel);
    k->name[w->back.d_w.i] = "sum";
    const char *col = text(e, "panel * %lld + j", (long long)w->panel);
    Nest nest = product_nest(&w->p, (NestDim){ w->rows, "row" }, (NestDim){ w->cols, col });
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
    names_restore(k, before);
}

/* Asks for the same rows of the next panel. */
static void ask_ahead(Grads *w, const char *row)
{
    Val stream[MAX_SLOTS];
    int64_t bytes;
    int n = streams_of(w->k, stream, &bytes);
    reach(w->e, SNIP_fetch);
    for (int i = 0; i < n; i++)
        out_line(w->o, "fetch(%s, %lld);", block_at(w, stream[i], "next", row),
                 (long long)w->height * w->panel);
}

static void write_panel(Grads *w)
{
    Emit *e = w->e;
    Out *o = w->o;
    long long panel = (long long)w->panel;
    const char *cols = extent_text(e, w->cols), *row = "row0 + top";
    out_open(o, "for (int64_t col0 = 0; col0 < %s; col0 += %lld)", cols, panel);
    out_line(o, "const int64_t panel = col0 / %lld, next = col0 + %lld < %s ? panel + 1 : panel;",
             panel, panel, cols);
    w->width = text(e, "%lld", panel);
    if (w->cols.k % w->panel) {
        out_line(o, "const int64_t width = smaller(%lld, %s - col0);", panel, cols);
        w->width = "width";
    }
    write_slopes(w);
    out_open(o, "for (int64_t r = 0; r < rows; r += %d)", w->height);
    out_line(o, "const int64_t top = smaller(r, rows - %d);    /* the last strip overlaps */",
             w->height);
    out_line(o, "%s strip[%lld] __attribute__((aligned(64)));", real_type(w->k),
             (long long)w->height * (w->panel > w->samples ? w->panel : w->samples));
    ask_ahead(w, row);
    add_d_x(w, row);
    update(w, row);
    out_close(o, "");
    out_close(o, "");
}

/* d_x of all samples, with its epilogue. */
static void write_d_x(Grads *w)
{
    Kern *k = w->k;
    Out *o = w->o;
    Product p = ir_product(k->g, w->back.d_x);
    out_open(o, "for (int64_t row = 0; row < %s; row++)", extent_text(w->e, w->n));
    out_open(o, "for (int64_t i = 0; i < rows; i++)");
    out_line(o, "const int64_t col = row0 + i;");
    out_line(o, "const %s sum = sums[i * %lld + row];", real_type(k), (long long)w->samples);
    k->name[w->back.d_x.i] = "sum";
    Nest nest = product_nest(&p, (NestDim){ w->n, "row" }, (NestDim){ w->rows, "col" });
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}

void emit_gemm_back(Kern *k)
{
    Emit *e = k->e;
    int64_t elem = ir_dtype_bytes(e->m->real), vector = e->o->target->vector_bytes / elem;
    Grads w = { .k = k, .e = e, .o = k->out, .p = ir_product(k->g, k->root),
                   .tile = k->tasks.tile_rows, .height = (int)k->k->micro[0] };
    ir_back(k->g, k->k->member, k->k->n_member, &w.back);
    w.rows = extent(w.p.m.k, w.p.m.n);
    w.cols = extent(w.p.l.k, w.p.l.n);
    w.n = extent(w.p.k.k, w.p.k.n);
    w.panel = type_of(&w, k->root)->layout.width;
    w.samples = (ir_dim_at(w.p.k, e->m->capacity) + vector - 1) / vector * vector;
    if (k->k->micro[1] * vector != w.panel)
        ir_die(e->m, "kernel k%d of %s: a register tile of %lld vectors is not a panel of %lld",
               k->index, k->g->name, (long long)k->k->micro[1], (long long)w.panel);
    k->note = text(e, "A task is %lld rows of all panels, in strips of %d.", (long long)w.tile,
                   w.height);
    reach(e, SNIP_vec);
    reach(e, SNIP_smaller);
    place(&w);
    write_panel(&w);
    write_d_x(&w);
}
