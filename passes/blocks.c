/* passes/blocks.c: how kernels are cut for a GPU, whose tasks are blocks of threads. Products
 * have their tiles from passes/products.c; here the others get theirs, in the IR, so that plan
 * reserves by it and codegen obeys (codegen/team.c).
 *
 *     k1 { %8 %9 } row              k1 { %8 %9 } row tile 8x10
 *
 * A row is a warp's, a block's where it is long: then the tile has one row; a thread's where it is
 * short. So are the elements that are reduced to one result. Where results lie next to each other
 * and what they are sums of too, a block has as many results as a warp has lanes.
 *
 * A small training step is one block's (codegen/one_block.c): launches would take longer. Then
 * tiles are as large as results are, where that changes no sum's order: the same bits. */
#include "passes/cost.h"
#include "passes/kernels.h"

enum { SHORT_ROW = 16, LONG_ROW = 1024 };
enum { ENOUGH_BLOCKS = 256, ELEMS_PER_THREAD = 4, SUMS_PER_THREAD = 16 };

/* As many elements for a thread as leave enough blocks. */
static int64_t elems_of_block(int64_t elems, const Target *t)
{
    int64_t each = most(elems / (t->block_threads * ENOUGH_BLOCKS), 1);
    return t->block_threads * least(each, ELEMS_PER_THREAD);
}

/* Rows, or results, of a block: one for each warp, or one alone. */
static int64_t rows_of_block(int64_t length, const Target *t)
{
    return length > LONG_ROW ? 1 : t->block_threads / IR_WARP;
}

/* Does a reduction keep the innermost axis? */
static bool keeps_last(const Graph *g, Val root)
{
    const Node *x = ir_node(g, root);
    const Shape *s = &ir_type(g, x->in[0])->shape;
    const Attr *axes = ir_attr(x, AT_axes);
    int last = s->rank;
    while (last-- > 0 && ir_dim_eq(s->dim[last], ir_dim(1))) continue;
    for (int i = 0; i < axes->count; i++)
        if (axes->u.ints[i] == last) return false;
    return last >= 0;
}

static int64_t results_of_block(const Graph *g, Val root, int64_t length, const Target *t)
{
    return keeps_last(g, root) ? IR_WARP : rows_of_block(length, t);
}

/* ---- one block ---- */

static bool is_training_step(const Graph *g)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_UPDATE) return true;
    return false;
}

static bool convolves(const Graph *g)
{
    for (int i = 0; i < g->n_kernel; i++)
        if (ir_algo[g->kernel[i].algo].root == KIND_CONV) return true;
    return false;
}

static bool copies(const Graph *g)
{
    for (int i = 0; i < g->n_kernel; i++)
        if (ir_is_mma(g->kernel[i].algo)) return true;
    return false;
}

static int64_t planned_bytes(const Graph *g, const PassCtx *ctx)
{
    const Module *m = g->module;
    Arena *scratch = arena_new();
    int64_t bytes = pass_bound(g, g->kernel, g->n_kernel, ctx, scratch);
    for (uint32_t i = 1; i < m->n_state; i++)
        if (__builtin_add_overflow(bytes, ir_round64(ir_stored_bytes(&m->state[i].type, m->capacity)),
                                   &bytes))
            bytes = INT64_MAX;
    arena_free(scratch);
    return bytes;
}

/* Why one block is no place for it; null: it is one. */
static const char *why_not(const Graph *g, const PassCtx *ctx)
{
    const Target *t = pass_target(ctx);
    double flop = 0;
    if (ctx->tier != TIER_AUTO) return ctx->tier == TIER_BLOCK ? NULL : "as asked";
    for (int i = 0; i < g->n_kernel; i++) flop += ir_kernel_flop(g, i);
    if (!is_training_step(g)) return "it is no training step";
    if (convolves(g)) return "sums over pixels are cut for many blocks";
    if (copies(g)) return "tensor cores take what lies in the device's memory";
    if (flop > t->block_flop) return "it computes too much for one";
    return planned_bytes(g, ctx) > t->block_bytes ? "it touches too much memory for one" : NULL;
}

/* A register tile wants no more of a thread's registers: all of the step's code lies together. */
enum { MOST_SUMS = 32 };

/* One tile for all results, as far as that goes. */
static void widen(const Graph *g, Kernel *k, const Tasks *s)
{
    Val root = ir_kernel_root(g, k);
    switch (k->algo) {
    case ALGO_simt:
        pass_tile_results(k->algo, (const int64_t[]){ s->rows, s->cols }, 1,
                          ir_dtype_bytes(ir_type(g, root)->dtype), 1, MOST_SUMS, k->tile, k->micro);
        break;
    case ALGO_map: case ALGO_move: case ALGO_window: k->tile[0] = most(s->rows, 1); break;
    case ALGO_reduce:                     /* one result has all threads, or several a warp each */
        if (!ir_is_slot(g, k, root) && k->tile[1] > 1)
            k->tile[1] = round_up(s->cols, k->tile[1]);
        break;
    default: break;
    }
}

void pass_blocks(Graph *g, const PassCtx *ctx)
{
    const Target *t = pass_target(ctx);
    g->one_block = !why_not(g, ctx);
    for (int i = 0; i < g->n_kernel; i++) {
        Kernel *k = &g->kernel[i];
        Val root = ir_kernel_root(g, k);
        Tasks s = ir_tasks(g, i, g->module->capacity);
        switch (k->algo) {
        case ALGO_map: case ALGO_move: case ALGO_window:
            k->tile[0] = most(elems_of_block(s.rows * s.cols, t) / most(s.cols, 1), 1);
            k->tile[1] = most(s.cols, 1);
            break;
        case ALGO_row:
            k->tile[0] = s.cols <= SHORT_ROW ? t->block_threads : rows_of_block(s.cols, t);
            k->tile[1] = most(s.cols, 1);
            break;
        case ALGO_reduce:
            if (ir_is_slot(g, k, root)) k->tile[0] = t->block_threads * SUMS_PER_THREAD;
            else k->tile[1] = results_of_block(g, root, s.rows, t);
            break;
        default: break;
        }
        if (g->one_block) widen(g, k, &s);
    }
}

const char *pass_blocks_why(const Graph *g, const PassCtx *ctx)
{
    if (!g->one_block) return why_not(g, ctx);
    return ctx->tier == TIER_BLOCK ? "as asked" : "it is small";
}
