/* passes/blocks.c: how kernels are cut for a GPU, whose tasks are blocks of threads. Products
 * have their tiles from passes/products.c; here the others get theirs, in the IR, so that plan
 * reserves by it and codegen obeys (codegen/team.c).
 *
 *     k1 { %8 %9 } row              k1 { %8 %9 } row tile 8x10
 *
 * A row is a warp's, a block's where it is long: then the tile has one row. So are the elements
 * that are reduced to one result. Where results lie next to each other and what they are sums of
 * too, a block has as many results as a warp has lanes. */
#include "passes/cost.h"

enum { LONG_ROW = 1024, ENOUGH_BLOCKS = 256, ELEMS_PER_THREAD = 4, SUMS_PER_THREAD = 16 };

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

void pass_blocks(Graph *g, const Target *t)
{
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
            k->tile[0] = rows_of_block(s.cols, t);
            k->tile[1] = most(s.cols, 1);
            break;
        case ALGO_reduce:
            if (ir_is_slot(g, k, root)) k->tile[0] = t->block_threads * SUMS_PER_THREAD;
            else k->tile[1] = results_of_block(g, root, s.rows, t);
            break;
        default: break;
        }
    }
}
