/* codegen/emit_simt.c: products on a GPU, and the tile that convolutions share.
 *
 * simt: a block has a tile of the result, each of its 16 x 16 threads a register tile of it. Steps
 * of k come through shared memory, as [k][row] and [k][column]: while the threads add up the
 * products of one step, the next is on its way to the other half of the shared memory, copied behind
 * the threads' backs, or through registers where one block has all of a graph. So there is one
 * barrier a step. Beyond the ends of a factor there are zeros. A thread's columns are neighbours, so
 * sums go back through shared memory: then neighbouring threads have those that lie together.
 *
 * mma_tf32, mma_bf16: the same around sums of tensor cores (emit_mma.c). wide_tf32, wide_bf16: these of
 * factors that were rounded before (emit_wide.c).
 *
 * Where tiles are few and sums long, a block may have a part of k (ir_simt_parts), whose sums a second
 * kernel adds up, in order, before the epilogue.
 *
 * simt_dots: few results of long sums. A warp has one; its lanes walk k, along which both factors
 * lie together, and join their sums.
 *
 * Source: CUTLASS, Efficient GEMM in CUDA, NVIDIA. */
#include "codegen/simt.h"
#include "codegen/twin.h"
#include <string.h>

/* The root's value from what is added up, and all that follows from it. */
static void epilogue(Simt *s, Out *o, const char *sum)
{
    Kern *k = s->k;
    const char *name = local_name(k, "v");
    out_line(o, s->bias ? "const %s %s = %s + %s;" : "const %s %s = %s;", s->real, name, sum,
             s->bias);
    k->name[k->root.i] = name;
    members_emit(k, o, &s->nest);
}

/* ---- places ---- */

static const char wide_index[] = "int64_t";

/* A block looks at places beyond the ends of factors, too, up to a tile or a step. */
static const char *index_type(const Simt *s)
{
    enum { BEYOND = 256 };
    const Graph *g = s->k->g;
    int64_t capacity = g->module->capacity, most = 0, side = 0;
    const Extent size[] = { s->m, s->l, s->depth };
    for (int i = 0; i < s->k->k->n_member; i++) {
        const Node *x = ir_node(g, s->k->k->member[i]);
        for (int j = -1; j < x->n_in; j++) {
            const Type *t = j < 0 ? &x->type : ir_type(g, x->in[j]);
            int64_t elems = ir_elems_at(&t->shape, capacity);
            if (elems > most) most = elems;
        }
    }
    if (ir_wide_bytes(s->k->k->algo)) {
        int64_t words = ir_scratch_bytes(g, s->k->k) / 4;         /* rounded, with zeros beyond the ends */
        if (words > most) most = words;
    }
    for (int i = 0; i < 3; i++) {
        int64_t elems = size[i].k;
        for (int n = 0; n < size[i].n; n++) elems *= capacity;
        if (elems > side) side = elems;
    }
    bool fits = most < INT32_MAX / 2 / s->parts && side < INT32_MAX / 2 / BEYOND;
    return fits ? "int" : wide_index;
}

/* To a place from task and n, which are int64_t. */
static const char *cast(const Simt *s) { return s->index == wide_index ? "" : "(int)"; }

static const char *place_text(Simt *s, const char *at)
{
    if (!strcmp(at, "0") || out_mentions(at, "block")) return at;
    return text(s->e, "%s%s", cast(s), text_atom(s->e, at));
}

/* ---- the tile ---- */

const char *simt_times(Emit *e, int64_t x)
{
    return x == 1 ? "" : text(e, " * %lld", (long long)x);
}

static const char *tile_name(const Simt *s)
{
    const int64_t *tile = s->k->k->tile;
    return text(s->e, "%lldx%lldx%lld", (long long)tile[0], (long long)tile[1], (long long)s->step);
}

/* The type of the tile's shared memory, and the products of a step. */
static const char *write_type(Simt *s)
{
    const int64_t *tile = s->k->k->tile, *micro = s->k->k->micro;
    const char *name = tile_name(s);
    const Hole holes[] = {
        { "R", s->real },
        { "name", name },
        { "step", text(s->e, "%lld", (long long)s->step) },
        { "rows", text(s->e, "%lld", (long long)(tile[0] + IR_SIMT_PAD)) },
        { "cols", text(s->e, "%lld", (long long)(tile[1] + IR_SIMT_PAD)) },
        { "h", text(s->e, "%lld", (long long)micro[0]) },
        { "w", text(s->e, "%lld", (long long)micro[1]) },
    };
    static const char *const words =
        "/* A step of both factors, twice. */\n"
        "typedef struct { $R a[2][$step][$rows], b[2][$step][$cols]; } Tile$name;\n"
        "/* sums += products of a step: $h rows from `top` on, $w columns from `left` on. */\n"
        "DEVICE void add_products_$name(const Tile$name *tile, int half, int top, int left,\n"
        "    $R sums[$h][$w])\n"
        "{\n"
        "    #pragma unroll FOUR_TURNS\n"
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
    s->k->shared_bytes = 2 * s->step * (tile[0] + tile[1] + 2 * IR_SIMT_PAD)
                       * ir_dtype_bytes(s->e->m->real);
    return text(s->e, "Tile%s", name);
}

/* The block's part of k: whole steps, as many as there are for each part. */
static void place_part(Simt *s, const char *part)
{
    Emit *e = s->e;
    const char *parts = size_text(e, s->parts, "n_parts"), *depth = extent_text(e, s->depth);
    const char *all = text(e, "(%s + %d) / %d", depth, IR_PART_STEP - 1, IR_PART_STEP);
    out_line(s->o, "const %s part = %s;", s->index, part);
    out_line(s->o, "const %s steps = %s(%s) + %s - 1, share = steps / %s * %d;", s->index, cast(s), all,
             parts, parts, IR_PART_STEP);
    out_line(s->o, "const %s first = part * share, last = %ssmaller(first + share, %s);", s->index,
             cast(s), depth);
    reach(e, SNIP_smaller);
    s->first = "first";
    s->last = "last";
}

/* row0 and col0: where the block's tile begins, in its group. */
static void place(Simt *s)
{
    Emit *e = s->e;
    const Tasks *t = &s->k->tasks;
    const bool block = s->parts > 1 && s->index != wide_index;    /* an int: sizes may divide it */
    const char *task = block ? "block" : "task", *at = task;
    const char *down = t->down == s->parts ? size_text(e, s->parts, "n_parts")
                                           : text(e, "%lld", (long long)t->down);
    if (block) out_line(s->o, "const int block = (int)task;");
    if (t->down > 1 && t->across > 1) {
        if (s->m.n) {
            out_line(s->o, "const int64_t down = (%s + %lld) / %lld;", extent_text(e, s->m),
                     (long long)t->tile_rows - 1, (long long)t->tile_rows);
            down = "down";
        }
        at = text(e, "%s %% %s", task, down);
    }
    if (s->parts > 1) {
        long long each = (long long)(t->down / s->parts);
        place_part(s, place_text(s, each == 1 ? at : text(e, "%s / %lld", text_atom(e, at), each)));
        at = each == 1 ? "0" : text(e, "%s %% %lld", text_atom(e, at), each);
    }
    if (s->groups > 1) {
        long long each = (long long)(t->down / s->parts / s->groups);
        const char *group = each > 1 ? text(e, "%s / %lld", text_atom(e, at), each) : at;
        out_line(s->o, "const %s %s = %s;", s->index, s->group, place_text(s, group));
        at = each > 1 ? text(e, "%s %% %lld", text_atom(e, at), each) : "0";
    } else if (t->down == s->parts) {
        at = "0";
    }
    if (!strcmp(at, "0")) out_line(s->o, "const %s row0 = 0;", s->index);
    else out_line(s->o, "const %s row0 = %s * %lld;", s->index, place_text(s, at),
                  (long long)t->tile_rows);
    const char *across = t->down > 1 ? text(e, "%s / %s", task, down) : task;
    if (t->across == 1) out_line(s->o, "const %s col0 = 0;", s->index);
    else out_line(s->o, "const %s col0 = %s * %lld;", s->index, place_text(s, across),
                  (long long)t->tile_cols);
}

/* The loop over k: in turn t step t is fetched, step t - 1 added up, step t put where step t - 2
 * was. Copies go there at once: all have passed the barrier after what was read of it. */
static void write_sums(Simt *s, const Factor f[2])
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *micro = s->k->k->micro;
    long long step = (long long)s->step;
    int side = (int)ir_block_tile(s->k->k->algo).side;
    out_line(o, "const int top = (int)threadIdx.x / %d%s;", side, simt_times(e, micro[0]));
    out_line(o, "const int left = (int)threadIdx.x %% %d%s;", side, simt_times(e, micro[1]));
    bool copied = simt_is_copied(s);
    const char *next = "";
    for (int i = 0; i < 2; i++)
        if (!copied) next = text(e, "%s, next_%c[%lld]", next, f[i].name, simt_fetched(s, &f[i]));
    out_line(o, "%s sums[%lld][%lld] = { { 0 } }%s;", s->real, (long long)micro[0],
             (long long)micro[1], next);
    out_line(o, "int half = 0;");
    bool apart = !f[0].along || !f[1].along;     /* from lines of results, which have these names */
    if (apart) out_open(o, "%s", "");
    for (int i = 0; i < 2; i++)
        if (!f[i].along) simt_line(s, &f[i]);
    out_open(o, "for (%s k0 = %s; k0 < %s + %lld; k0 += %lld, half = 1 - half)", s->index, s->first,
             s->last, step, step);
    for (int i = 0; i < 2; i++)
        if (f[i].mapped) mapped_declare(s, &f[i], simt_fetched(s, &f[i]));
    if (copied) out_open(o, "if (k0 < %s)", s->last);
    for (int i = 0; i < 2; i++) simt_fetch(s, &f[i]);
    if (copied) out_close(o, "");
    out_line(o, "if (k0 > %s) add_products_%s(shared, 1 - half, top, left, sums);", s->first,
             tile_name(s));
    if (copied) {
        reach(e, SNIP_copies);
        out_line(o, "copies_wait_all();");
    }
    for (int i = 0; i < 2; i++) {
        if (!copied) simt_put(s, &f[i]);
        if (f[i].mapped) simt_change(s, &f[i]);
    }
    out_line(o, "__syncthreads();");
    out_close(o, "");
    if (apart) out_close(o, "");
}

static const char *parts_of(Simt *s)
{
    return slot_shared(s->k, s->e->m->real, "parts", "sums, a result a part");
}

/* A part's sum, for the second kernel. */
static void write_part(Simt *s, const char *sum)
{
    const NestDim *row = &s->nest.dim[0], *col = &s->nest.dim[1];
    const char *line = text_add(s->e, text_mul(s->e, "part", row->size), row->var);
    out_line(s->o, "%s[%s] = %s;", parts_of(s),
             text_add(s->e, text_mul(s->e, line, col->size), col->var), sum);
}

/* The second kernel: an element a thread, which reads so many parts of its sum ahead. What is added for
 * those that are not there changes no sum: none is -0. */
static void write_finish(Simt *s)
{
    enum { AHEAD = 16 };
    Kern *k = s->k;
    Emit *e = s->e;
    Out *o = k->finish = out_new(e->a);
    const Shape *r = &ir_type(k->g, k->root)->shape;
    Extent elems = extent_of(r, 0, r->rank);
    sizes_mark(k, true);
    for (uint32_t i = 0; i < k->g->n_node; i++) k->name[i] = NULL;
    for (int i = 0; i < k->n_local; i++) k->local[i].n = 0;      /* those of other kernels have equal names */
    k->finish_tasks = (elems.k + k->threads - 1) / k->threads;
    s->nest = (Nest){ 1, { { elems, "i" } } };
    const char *parts = size_text(e, s->parts, "n_parts");
    out_open(o, "%s", "");
    out_line(o, "const %s i = %s * %d + (int)threadIdx.x;", s->index, place_text(s, "task"),
             k->threads);
    out_open(o, "if (i < %s)", extent_text(e, elems));
    out_line(o, "%s sum = 0;", s->real);
    out_open(o, "for (int part = 0; part < %s; part += %d)", parts, AHEAD);
    out_line(o, "%s ahead[%d];", s->real, AHEAD);
    out_line(o, "#pragma unroll");
    out_line(o, "for (int j = 0; j < %d; j++)", AHEAD);
    out_line(o, "    ahead[j] = part + j < %s ? %s[(part + j) * %s + i] : 0;", parts, parts_of(s),
             extent_text(e, elems));
    out_line(o, "#pragma unroll");
    out_line(o, "for (int j = 0; j < %d; j++) sum += ahead[j];", AHEAD);
    out_close(o, "");
    epilogue(s, o, "sum");
    sizes_mark(k, false);
    out_close(o, "");
    out_close(o, "");
}

/* A value of the result that a thread has in `sum`. */
static void write_store(Simt *s, const char *sum)
{
    if (s->parts > 1) write_part(s, sum);
    else epilogue(s, s->o, sum);
}

/* Opens what depends on a row or column: `place`, and that it is one; returns what is to be closed. */
static int open_side(Simt *s, const char *line, const char *place, Extent size, int64_t tile,
                     void (*of)(Simt *s))
{
    bool whole = !size.n && size.k % tile == 0;
    out_line(s->o, "const %s %s = %s0 + %s;", s->index, line, line, place);
    if (!whole) out_open(s->o, "if (%s < %s)", line, extent_text(s->e, size));
    if (of) of(s);
    return !whole;
}

static int open_row(Simt *s, const char *place)
{
    return open_side(s, "row", place, s->m, s->k->k->tile[0], s->of_row);
}

static int open_col(Simt *s, const char *place)
{
    return open_side(s, "col", place, s->l, s->k->k->tile[1], s->of_col);
}

static void open_unrolled(Simt *s, char variable, const char *end)
{
    out_line(s->o, "#pragma unroll");
    out_open(s->o, "for (int %c = 0; %c < %s; %c++)", variable, variable, end, variable);
}

static void write_stores(Simt *s)
{
    const int64_t *micro = s->k->k->micro;
    bool mma = ir_is_mma(s->k->k->algo), wide = ir_wide_bytes(s->k->k->algo);
    int open = 2 + mma;
    open_unrolled(s, 'j', wide ? wide_bound(s, 1) : text(s->e, "%lld", (long long)micro[1]));
    if (!mma) open += open_col(s, "left + j");
    open_unrolled(s, 'i', wide ? wide_bound(s, 0) : text(s->e, "%lld", (long long)micro[0]));
    if (mma) {
        open_unrolled(s, 'e', "4");
        open += open_col(s, "left + 8 * j + 2 * own + e % 2");
        open += open_row(s, "top + 16 * i + e / 2 * 8 + group");
        write_store(s, "sums[i][j][e]");
    } else {
        open += open_row(s, "top + i");
        write_store(s, "sums[i][j]");
    }
    while (open--) out_close(s->o, "");
}

/* Do sums go back through shared memory? In how many parts, then, as large as the factors were; both have to
 * come out even, which those of a text's own tiles may not. */
static int64_t turns(const Simt *s)
{
    const Kernel *k = s->k->k;
    int64_t rows = k->tile[0], cols = k->tile[1], turns = 1;
    bool own = k->algo == ALGO_simt || k->algo == ALGO_simt_conv;
    if (!own || k->micro[1] == 1 || s->k->g->one_block) return 0;
    while (rows * (cols + IR_SIMT_PAD) / turns > 2 * s->step * (rows + cols + 2 * IR_SIMT_PAD))
        turns *= 2;
    return s->k->threads % cols || k->micro[0] % turns ? 0 : turns;
}

/* Is nothing read for results but their sums? Then few of them wait for memory. So it is in a step of
 * training, too, where what evaluates has more on them. */
static bool is_stored_alone(const Simt *s)
{
    const Kernel *k = s->k->k;
    bool no_epilogue = ir_val_eq(k->member[k->n_member - 1], s->k->root);
    return s->parts > 1 || (no_epilogue && !s->bias) || twin_alone(s->k);
}

/* A thread has one column of them, and rows. */
static void write_stores_together(Simt *s, int64_t turns)
{
    Emit *e = s->e;
    Out *o = s->o;
    const int64_t *micro = s->k->k->micro;
    long long cols = (long long)s->k->k->tile[1], wide = cols + IR_SIMT_PAD;
    long long high = (long long)(micro[0] / turns), side = (long long)ir_block_tile(s->k->k->algo).side;
    out_line(o, "%s (*const results)[%lld] = (%s (*)[%lld])shared;", s->real, wide, s->real, wide);
    if (turns > 1) {
        open_unrolled(s, 'r', text(e, "%lld", (long long)turns));
        out_line(o, "if (r > 0) __syncthreads();");
    }
    open_unrolled(s, 'i', text(e, "%lld", high));
    out_line(o, "#pragma unroll");
    out_line(o, "for (int j = 0; j < %lld; j++)", (long long)micro[1]);
    out_deeper(o, 1);
    out_line(o, "results[(int)threadIdx.x / %lld%s + i][left + j] = sums[%s][j];", side,
             simt_times(e, high), turns > 1 ? text(e, "%lld * r + i", high) : "i");
    out_deeper(o, -1);
    out_close(o, "");
    out_line(o, "__syncthreads();");
    int open = 1 + (turns > 1) + open_col(s, text(e, "(int)threadIdx.x %% %lld", cols));
    out_line(o, "#pragma unroll %s", is_stored_alone(s) ? "TWO_TURNS" : "FOUR_TURNS");
    out_open(o, "for (int own = 0; own < %lld; own++)", side * high * cols / s->k->threads);
    out_line(o, "const int i = (int)threadIdx.x / %lld + %lld * own;", cols, s->k->threads / cols);
    open += open_row(s, turns == 1 ? "i" : text(e, "i / %lld%s + %lld * r + i %% %lld", high,
                                                simt_times(e, micro[0]), high, high));
    write_store(s, text(e, "results[i][(int)threadIdx.x %% %lld]", cols));
    while (open--) out_close(o, "");
}

void simt_product(Simt *s, const Factor f[2])
{
    Kern *k = s->k;
    const int64_t *tile = k->k->tile, *micro = k->k->micro;
    bool mma = ir_is_mma(k->k->algo), wide = ir_wide_bytes(k->k->algo);
    s->step = ir_block_step(k->g, k->k);
    s->index = index_type(s);
    k->note = wide ? wide_note(s) : text(s->e, "A block is a tile of %lldx%lld results, a %s %lldx%lld %s.",
                   (long long)tile[0], (long long)tile[1], mma ? "warp" : "thread",
                   (long long)micro[0], (long long)micro[1], mma ? "fragments of 16x8" : "of them");
    if (s->parts > 1)
        k->note = text(s->e, "%s %lld parts of %s\n * have blocks of their own; then their sums are "
                       "added in order.", k->note, (long long)s->parts,
                       ir_op[ir_node(k->g, k->root)->op].kind == KIND_CONV ? "the pixels" : "k");
    out_line(s->o, "SHARED(%s, shared);", wide ? wide_type(s) : mma ? mma_type(s, f) : write_type(s));
    s->first = "0";
    s->last = extent_text(s->e, s->depth);
    place(s);
    if (wide) wide_sums(s, f);
    else if (mma) mma_sums(s, f);
    else write_sums(s, f);
    if (turns(s)) write_stores_together(s, turns(s));
    else write_stores(s);
    if (s->parts > 1) write_finish(s);
}

/* ---- simt ---- */

static Simt product_of(Kern *k)
{
    Simt s = { .k = k, .e = k->e, .o = k->out, .p = ir_product(k->g, k->root), .groups = 1,
               .parts = ir_simt_parts(k->g, k->k), .real = real_type(k) };
    s.m = extent(s.p.m.k, s.p.m.n);
    s.l = extent(s.p.l.k, s.p.l.n);
    s.depth = extent(s.p.k.k, s.p.k.n);
    bool one_row = extent_eq(s.m, extent(1, 0));
    s.nest = product_nest(&s.p, (NestDim){ s.m, one_row ? "0" : "row" }, (NestDim){ s.l, "col" });
    if (s.p.bias.i)
        s.bias = text(s.e, "%s[%s]", slot_read(k, s.p.bias),
                      index_text(s.e, ir_type(k->g, s.p.bias), &ir_type(k->g, k->root)->shape,
                                 &s.nest));
    return s;
}

/* A matrix stored with its lines along k, or with k along its lines. */
static const char *matrix_place(Simt *s, const Factor *f, const char **inside)
{
    Emit *e = s->e;
    *inside = "";
    return f->along ? text_add(e, text_mul(e, f->line, s->depth), "k")
                    : text_add(e, text_mul(e, "k", f->size), f->line);
}

void emit_simt(Kern *k)
{
    Simt s = product_of(k);
    Factor f[2] = {
        { .name = 'a', .line = "row", .size = s.m, .along = !s.p.ta, .operand = s.p.a },
        { .name = 'b', .line = "col", .size = s.l, .along = s.p.tb, .operand = s.p.b },
    };
    for (int i = 0; i < 2; i++) {
        f[i].lines = k->k->tile[i];
        f[i].fours = (f[i].along ? s.depth.k : f[i].size.k) % 4 == 0;
        f[i].place = matrix_place;
    }
    simt_product(&s, f);
}

void emit_mma_tf32(Kern *k) { emit_simt(k); }
void emit_mma_bf16(Kern *k) { emit_simt(k); }
void emit_wide_bf16(Kern *k) { emit_simt(k); }
void emit_wide_tf32(Kern *k) { emit_simt(k); }

/* ---- simt_dots ---- */

void emit_simt_dots(Kern *k)
{
    Simt s = product_of(k);
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
    s.index = index_type(&s);
    if (row[0] == '0') {
        out_line(o, "const %s col = %s * %d + warp;", s.index, place_text(&s, "task"), warps);
    } else {
        const char *each = text_atom(e, rows);
        out_line(o, "const %s row = %s;", s.index, place_text(&s, text(e, "task %% %s", each)));
        out_line(o, "const %s col = %s * %d + warp;", s.index,
                 place_text(&s, text(e, "task / %s", each)), warps);
    }
    out_line(o, "%s sum = 0;", s.real);
    out_open(o, "for (%s k = lane; k < %s && col < %s; k += %d)", s.index, depth, cols, IR_WARP);
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
