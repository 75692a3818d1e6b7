/* passes/cost_gpu.c: what a product on tensor cores costs on a GPU, to tell where rounded copies of its
 * factors pay, and what a convolution's prologue does. The model, in seconds on an H200, for m x l x k in tiles of
 * r x c, of numbers of b bytes:
 *
 *   mma_bf16, mma_tf32     the longer of 2 m l k / (0.63 P) and 4 m l k (1/r + 1/c) / L
 *   wide_bf16, wide_tf32   the longer of 2 m l k / (0.8 P) and b m l k (1/r + 1/c) / L, and
 *                          (4 + b) (m + l) k / M + 2e-6 for the copies
 *
 * each times the blocks of whole waves over the blocks that there are. P = 989e12 operations a second of
 * the tensor cores in bfloat16, half of that in tf32, of which mma.sync reaches 63% and wgmma some 80%;
 * L = 7.4e12 bytes a second between multiprocessors and the second cache, M = 4.8e12 of memory; 132 blocks
 * run at a time. So factors in float32 are what limits large products: 128 x 128 of them take 237e12
 * operations a second, whatever the tensor cores could do; rounded to tf32 in 128 x 256 they take 316e12,
 * and to bfloat16 630e12.
 *
 * A map before a convolution of the same m x l x k takes, as a kernel of its own, 2e-6 and its operands and
 * results at M. Where it is a prologue, each element of an operand that a block copies, m l k / r or m l k / c,
 * takes I + i instructions: i of the maps, and I = 8 to keep whether it is there, to look at that, to load it from
 * shared memory and to store it (counted in PTX). A multiprocessor does 128 a cycle of 1.755 GHz, of which 80%
 * are reached. Every tensor of that size after the first is read as often, at L.
 *
 * Not measured here. Source: NVIDIA H200 data sheet; Luo et al., Benchmarking and Dissecting the Nvidia
 * Hopper GPU Architecture through Microbenchmarking; what public kernels with such tiles reach. */
#include "ir/tasks.h"
#include "ir/window.h"
#include "passes/cost.h"

static const double peak_bf16 = 989e12, mma_share = 0.63, wgmma_share = 0.8;
static const double cache_bytes = 7.4e12, memory_bytes = 4.8e12, launch_seconds = 2e-6;
enum { BLOCKS_AT_A_TIME = 132 };

double pass_gpu_seconds(const Problem *p, const Choice *c)
{
    int64_t wide = ir_wide_bytes(c->algo);
    double peak = ir_algo[c->algo].error == ERR_BF16 ? peak_bf16 : peak_bf16 / 2;
    double products = (double)p->m * (double)p->l * (double)p->k;
    double computes = 2 * products / peak / (wide ? wgmma_share : mma_share);
    double reads = products * (1.0 / (double)c->tile[0] + 1.0 / (double)c->tile[1])
                 * (double)(wide ? wide : 4) / cache_bytes;
    int64_t blocks = ceil_div(p->m, c->tile[0]) * ceil_div(p->l, c->tile[1]);
    double waves = (double)round_up(blocks, BLOCKS_AT_A_TIME) / (double)most(blocks, 1);
    double copies = (double)(4 + wide) * (double)(p->m + p->l) * (double)p->k / memory_bytes + launch_seconds;
    return waves * (computes > reads ? computes : reads) + (wide ? copies : 0);
}

/* Of a convolution as a product of a group: which of the operands is its first factor? */
static Problem conv_problem(const Graph *g, const Node *x, const Conv *c)
{
    int64_t taps = 1, windows = 1, places = 1, images = ir_dim_at(c->x.dim[0], g->module->capacity);
    for (int i = 0; i < 2; i++) {           /* sequences have one line */
        taps *= c->window.axis[i].taps;
        windows *= c->window.axis[i].windows;
        places *= c->window.axis[i].places;
    }
    int64_t in_per = c->w.dim[1].k, out_per = c->w.dim[0].k / c->groups;
    if (x->op == OP_conv_transpose)
        return (Problem){ .m = in_per, .l = images * places, .k = out_per * taps };
    if (x->op == OP_conv_weight) return (Problem){ .m = out_per, .l = in_per * taps, .k = images * windows };
    return (Problem){ .m = out_per, .l = images * windows, .k = in_per * taps };
}

double pass_gpu_prologue_seconds(const Graph *g, Val conv, const Choice *c, int operand, int instructions,
                                 int tensors)
{
    enum { CHANGE_INSTRUCTIONS = 8 };
    static const double instructions_a_second = 0.8 * BLOCKS_AT_A_TIME * 128 * 1.755e9;
    const Node *x = ir_node(g, conv);
    Conv of = ir_conv(g, x);
    Problem p = conv_problem(g, x, &of);
    Kernel k = { .algo = c->algo, .member = &conv, .n_member = 1, .tile = { c->tile[0], c->tile[1] },
                 .micro = { c->micro[0], c->micro[1] } };
    int64_t rows = ceil_div(p.m, c->tile[0]), cols = ceil_div(p.l, c->tile[1]);
    /* conv_weight's rows are channels of y's derivative, its second operand. */
    int64_t copied = operand ? cols * rows * c->tile[0] : rows * cols * c->tile[1];
    double loads = (double)of.groups * (double)copied * (double)p.k;
    int64_t blocks = most(ir_tasks_of(g, &k, g->module->capacity).count, 1);
    double waves = (double)round_up(blocks, BLOCKS_AT_A_TIME) / (double)blocks;
    double each = (CHANGE_INSTRUCTIONS + instructions) / instructions_a_second;
    double bytes = (double)ir_dtype_bytes(ir_type(g, conv)->dtype);
    return waves * loads * (each + (tensors - 1) * bytes / cache_bytes);
}

double pass_gpu_map_seconds(int64_t bytes) { return launch_seconds + (double)bytes / memory_bytes; }
