/* codegen/emit_simt.c: products on a GPU's ordinary arithmetic.
 *
 * simt: a block has a tile of the result, each of its 16 x 16 threads a register tile of it.
 * Steps of k come through shared memory, as [k][row] and [k][column]: while the threads add up
 * the products of one step, the next is on its way to registers, from where it goes to the other
 * half of the shared memory. So there is one barrier a step. Beyond the ends of a factor there
 * are zeros.
 *
 * simt_dots: few results of long sums. A warp has one; its lanes walk k, along which both
 * factors lie together, and join their sums.
 *
 * Not here: sums split among blocks, tensor cores.
 * Source: CUTLASS, Efficient GEMM in CUDA, NVIDIA. */
#include "codegen/emit.h"

typedef struct Simt {
    Kern *k;
    Emit *e;
    Out *o;
    Product p;
    Extent m, l, depth;
    const char *real;
    Nest nest;                             /* of the result, by row and col */
} Simt;

static Simt simt_of(Kern *k)
{
    Simt s = { .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root),
               .real = real_type(k) };
    s.m = extent(s.p.m.k, s.p.m.n);
    s.l = extent(s.p.l.k, s.p.l.n);
    s.depth = extent(s.p.k.k, s.p.k.n);
    bool one_row = extent_eq(s.m, extent(1, 0));
    s.nest = product_nest(&s.p, (NestDim){ s.m, one_row ? "0" : "row" }, (NestDim){ s.l, "col" });
    return s;
}

/* The root's value from what is added up, and all that follows from it. */
static void epilogue(Simt *s, Out *o, const char *sum)
{
    Kern *k = s->k;
    Emit *e = s->e;
    if (s->p.bias.i)
        sum = text(e, "%s + %s[%s]", sum, slot_read(k, s->p.bias),
                   index_text(e, ir_type(k->g, s->p.bias), &ir_type(k->g, k->root)->shape,
                              &s->nest));
    const char *name = local_name(k, "v");
    out_line(o, "const %s %s = %s;", s->real, name, sum);
    k->name[k->root.i] = name;
    members_emit(k, o, &s->nest);
}

/* ---- simt ---- */

/* What a thread does for a factor: of `rows` rows (or columns) of the tile, stored along k or
 * across it, it fetches some elements and puts them into shared memory. */
static void write_fetch(Simt *s, int64_t rows, bool along)
{
    const char *way = along ? "along" : "across";
    const Hole holes[] = {
        { "R", s->real },
        { "rows", text(s->e, "%lld", (long long)rows) },
        { "each", text(s->e, "%lld", (long long)(rows * IR_SIMT_STEP / s->k->threads)) },
        { "threads", text(s->e, "%d", s->k->threads) },
        { "width", text(s->e, "%lld", (long long)(rows + IR_SIMT_PAD)) },
        { "step", text(s->e, "%d", IR_SIMT_STEP) },
        { "fetch", text(s->e, "fetch_%s_%lld", way, (long long)rows) },
        { "put", text(s->e, "put_%s_%lld", way, (long long)rows) },
        { "stored", along ? "[rows][depth]" : "[depth][rows]" },
        { "at", along ? "row * depth + k" : "k * rows + row" },
        { "row", along ? text(s->e, "e / %d", IR_SIMT_STEP)
                       : text(s->e, "e %% %lld", (long long)rows) },
        { "k", along ? text(s->e, "e %% %d", IR_SIMT_STEP)
                     : text(s->e, "e / %lld", (long long)rows) },
    };
    static const char *const words =
        "/* This thread's elements of $rows rows and $step of k of a matrix stored $stored: from\n"
        " * memory, zeros beyond its ends; and to shared memory. */\n"
        "DEVICE void $fetch(const $R *__restrict__ from, int64_t rows,\n"
        "    int64_t depth, int64_t row0, int64_t k0, $R next[$each])\n"
        "{\n"
        "    #pragma unroll\n"
        "    for (int i = 0; i < $each; i++) {\n"
        "        const int e = (int)threadIdx.x + $threads * i;\n"
        "        const int64_t row = row0 + $row, k = k0 + $k;\n"
        "        next[i] = row < rows && k < depth ? from[$at] : 0;\n"
        "    }\n"
        "}\n"
        "DEVICE void $put(const $R next[$each], $R to[$step][$width])\n"
        "{\n"
        "    #pragma unroll\n"
        "    for (int i = 0; i < $each; i++) {\n"
        "        const int e = (int)threadIdx.x + $threads * i;\n"
        "        to[$k][$row] = next[i];\n"
        "    }\n"
        "}\n";
    Out *o = out_new(s->e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(s->e, out_text(o));
}

/* The tile's shared memory, and the products of a step. */
static void write_tile(Simt *s, const char *name)
{
    const int64_t *tile = s->k->k->tile, *micro = s->k->k->micro;
    const Hole holes[] = {
        { "R", s->real },
        { "name", name },
        { "step", text(s->e, "%d", IR_SIMT_STEP) },
        { "rows", text(s->e, "%lld", (long long)(tile[0] + IR_SIMT_PAD)) },
        { "cols", text(s->e, "%lld", (long long)(tile[1] + IR_SIMT_PAD)) },
        { "h", text(s->e, "%lld", (long long)micro[0]) },
        { "w", text(s->e, "%lld", (long long)micro[1]) },
    };
    static const char *const words =
        "/* A step of both factors, twice. */\n"
        "typedef struct { $R a[2][$step][$rows], b[2][$step][$cols]; } Tile$name;\n"
        "/* sums += products of a step, of $h rows from `top` on and $w columns from `left` on. */\n"
        "DEVICE void add_products_$name(const Tile$name *tile, int half, int top,\n"
        "    int left, $R sums[$h][$w])\n"
        "{\n"
        "    #pragma unroll\n"
        "    for (int k = 0; k < $step; k++) {\n"
        "        $R a[$h], b[$w];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++) a[i] = tile->a[half][k][top + i];\n"
        "        #pragma unroll\n"
        "        for (int j = 0; j < $w; j++) b[j] = tile->b[half][k][left + j];\n"
        "        #pragma unroll\n"
        "        for (int i = 0; i < $h; i++)\n"
        "            #pragma unroll\n"
        "            for (int j = 0; j < $w; j++) sums[i][j] += a[i] * b[j];\n"
        "    }\n"
        "}\n";
    Out *o = out_new(s->e->a);
    out_template(o, words, holes, (int)(sizeof holes / sizeof *holes));
    add_micro(s->e, out_text(o));
}

/* row0 and col0: where the block's tile begins. */
static void place(Simt *s)
{
    const Tasks *t = &s->k->tasks;
    long long rows = (long long)t->tile_rows, cols = (long long)t->tile_cols;
    const char *down = text(s->e, "%lld", (long long)t->down);
    if (t->down > 1 && t->across > 1 && s->m.n) {
        out_line(s->o, "const int64_t down = (%s + %lld) / %lld;", extent_text(s->e, s->m),
                 rows - 1, rows);
        down = "down";
    }
    if (t->down == 1)
        out_line(s->o, "const int64_t row0 = 0, col0 = task * %lld;", cols);
    else if (t->across == 1)
        out_line(s->o, "const int64_t row0 = task * %lld, col0 = 0;", rows);
    else
        out_line(s->o, "const int64_t row0 = task %% %s * %lld, col0 = task / %s * %lld;", down,
                 rows, down, cols);
}

static const char *times(Emit *e, int64_t x)
{
    return x == 1 ? "" : text(e, " * %lld", (long long)x);
}

static const char *fetch_call(Simt *s, Val v, const char *way, Extent size, int factor,
                              const char *k0)
{
    return text(s->e, "fetch_%s_%lld(%s, %s, %s, %s, %s, next_%c);", way,
                (long long)s->k->k->tile[factor], slot_read(s->k, v), extent_text(s->e, size),
                extent_text(s->e, s->depth), factor ? "col0" : "row0", k0, factor ? 'b' : 'a');
}

static void write_stores(Simt *s)
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *tile = s->k->k->tile, *micro = s->k->k->micro;
    bool whole_rows = !s->m.n && s->m.k % tile[0] == 0;
    bool whole_cols = !s->l.n && s->l.k % tile[1] == 0;
    const char *inside = whole_rows ? "" : text(e, "row < %s", extent_text(e, s->m));
    if (!whole_cols)
        inside = text(e, "%s%scol < %s", inside, *inside ? " && " : "", extent_text(e, s->l));
    for (int i = 0; i < 2; i++) {
        out_line(o, "#pragma unroll");
        out_open(o, "for (int %c = 0; %c < %lld; %c++)", "ij"[i], "ij"[i], (long long)micro[i],
                 "ij"[i]);
    }
    out_line(o, "const int64_t row = row0 + top + i, col = col0 + left + j;");
    if (*inside) out_open(o, "if (%s)", inside);
    epilogue(s, o, "sums[i][j]");
    if (*inside) out_close(o, "");
    out_close(o, "");
    out_close(o, "");
}

void emit_simt(Kern *k)
{
    if (!k->e->l->blocks) {                    /* IR text that was cut for another machine */
        emit_loops(k);
        return;
    }
    Simt s = simt_of(k);
    Emit *e = k->e;
    Out *o = k->out;
    const int64_t *tile = k->k->tile, *micro = k->k->micro;
    const char *name = text(e, "%lldx%lld", (long long)tile[0], (long long)tile[1]);
    const char *way[2] = { s.p.ta ? "across" : "along", s.p.tb ? "along" : "across" };
    k->note = text(e, "A block is a tile of %s results, a thread %lldx%lld of them.", name,
                   (long long)micro[0], (long long)micro[1]);
    write_fetch(&s, tile[0], !s.p.ta);
    write_fetch(&s, tile[1], s.p.tb);
    write_tile(&s, name);
    k->shared_bytes = 2 * IR_SIMT_STEP * (tile[0] + tile[1] + 2 * IR_SIMT_PAD)
                    * ir_dtype_bytes(e->m->real);
    out_line(o, "SHARED(Tile%s, shared);", name);
    place(&s);
    out_line(o, "const int top = (int)threadIdx.x / %d%s;", IR_SIMT_SIDE, times(e, micro[0]));
    out_line(o, "const int left = (int)threadIdx.x %% %d%s;", IR_SIMT_SIDE, times(e, micro[1]));
    out_line(o, "%s sums[%lld][%lld] = { { 0 } }, next_a[%lld], next_b[%lld];", s.real,
             (long long)micro[0], (long long)micro[1],
             (long long)(tile[0] * IR_SIMT_STEP / k->threads),
             (long long)(tile[1] * IR_SIMT_STEP / k->threads));
    out_line(o, "%s", fetch_call(&s, s.p.a, way[0], s.m, 0, "0"));
    out_line(o, "%s", fetch_call(&s, s.p.b, way[1], s.l, 1, "0"));
    out_line(o, "int half = 0;");
    out_open(o, "for (int64_t k0 = %d; k0 < %s + %d; k0 += %d, half = 1 - half)", IR_SIMT_STEP,
             extent_text(e, s.depth), IR_SIMT_STEP, IR_SIMT_STEP);
    out_line(o, "put_%s_%lld(next_a, shared->a[half]);", way[0], (long long)tile[0]);
    out_line(o, "put_%s_%lld(next_b, shared->b[half]);", way[1], (long long)tile[1]);
    out_line(o, "__syncthreads();");
    out_line(o, "%s", fetch_call(&s, s.p.a, way[0], s.m, 0, "k0"));
    out_line(o, "%s", fetch_call(&s, s.p.b, way[1], s.l, 1, "k0"));
    out_line(o, "add_products_%s(shared, half, top, left, sums);", name);
    out_close(o, "");
    write_stores(&s);
}

/* ---- simt_dots ---- */

void emit_simt_dots(Kern *k)
{
    if (!k->e->l->blocks) {
        emit_loops(k);
        return;
    }
    Simt s = simt_of(k);
    Emit *e = k->e;
    Out *o = k->out;
    const char *rows = extent_text(e, s.m), *cols = extent_text(e, s.l);
    const char *depth = extent_text(e, s.depth), *row = s.nest.dim[0].var;
    int warps = k->threads / IR_WARP;
    if (k->tasks.tile_cols != warps)
        ir_die(e->m, "kernel k%d of %s: a block has %d results, not %lld", k->index, k->g->name,
               warps, (long long)k->tasks.tile_cols);
    k->note = text(e, "A block is %d results of one row, a warp one of them.", warps);
    out_line(o, "const int lane = (int)threadIdx.x %% %d, warp = (int)threadIdx.x / %d;", IR_WARP,
             IR_WARP);
    if (row[0] == '0') out_line(o, "const int64_t col = task * %d + warp;", warps);
    else out_line(o, "const int64_t row = task %% %s, col = task / %s * %d + warp;",
                  text_atom(e, rows), text_atom(e, rows), warps);
    out_line(o, "%s sum = 0;", s.real);
    out_open(o, "for (int64_t k = lane; k < %s && col < %s; k += %d)", depth, cols, IR_WARP);
    out_line(o, "sum += %s[%s] * %s[%s];", slot_read(k, s.p.a),
             text_add(e, text_mul(e, row, s.depth), "k"), slot_read(k, s.p.b),
             text_add(e, text_mul(e, "col", s.depth), "k"));
    out_close(o, "");
    k->lanes = IR_WARP;
    team_join(k, o, JOIN_sum, e->m->real, "sum", "sum");
    out_open(o, "if (lane == 0 && col < %s)", cols);
    epilogue(&s, o, "sum");
    out_close(o, "");
}
