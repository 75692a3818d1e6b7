/* ir/pooled.c: max pooling in the kernel of the convolution that it reads. */
#include "ir/tasks.h"
#include "ir/winograd.h"

static Pooled pooled_by(const Graph *g, Val conv, Val index, Val take)
{
    Pooled p = { .index = index, .take = take, .taps = { 1, 1 } };
    Frame f = ir_frame(g, conv);
    for (int i = 0; i < 2; i++) p.windows[i] = f.pixels[i];
    if (!index.i) return p;
    Window w = ir_window(g, ir_node(g, index));
    for (int i = 0; i < 2; i++) {
        p.taps[i] = w.axis[i].taps;
        p.windows[i] = w.axis[i].windows;
    }
    return p;
}

Pooled ir_pooled(const Graph *g, const Kernel *k)
{
    Val conv = ir_kernel_root(g, k), index = { 0 }, take = { 0 };
    for (int i = 0; i < k->n_member; i++) {
        const Node *x = ir_node(g, k->member[i]);
        if (x->op == OP_pool_index && ir_val_eq(x->in[0], conv)) index = k->member[i];
        if (x->op == OP_pool_take && index.i && ir_val_eq(x->in[0], conv)
            && ir_val_eq(x->in[1], index)) take = k->member[i];
    }
    return pooled_by(g, conv, take.i ? index : take, take);
}

static bool side_by_side(const WindowAxis *a)
{
    return !a->adaptive && a->taps == a->stride && a->dilation == 1 && ir_window_inside(a);
}

bool ir_pools(const Graph *g, const Kernel *k, Val index)
{
    enum { MOST_BYTES = 1 << 18 };
    Val conv = ir_kernel_root(g, k);
    const Node *x = ir_node(g, index);
    if (x->op != OP_pool_index || !ir_val_eq(x->in[0], conv) || ir_is(g, conv, OP_conv_weight))
        return false;
    Window w = ir_window(g, x);
    Frame f = ir_frame(g, conv);
    if (w.rank != 2 || !side_by_side(&w.axis[0]) || !side_by_side(&w.axis[1])) return false;
    if (ir_is_winograd(k->algo)) {
        WinogradTile t = ir_winograd_tile(&f, k->algo);
        return t.lines && t.lines % w.axis[0].taps == 0 && t.columns % w.axis[1].taps == 0;
    }
    int64_t bytes = k->tile[0] * w.axis[0].taps * f.pixels[1]
                  * ir_dtype_bytes(ir_type(g, conv)->dtype);
    return (k->algo == ALGO_patches || k->algo == ALGO_implicit) && k->tile[1] % ir_frame_pixels(&f) == 0
        && ir_frame_block(&f) >= f.channels && bytes <= MOST_BYTES;
}
