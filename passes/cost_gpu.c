/* passes/cost_gpu.c: what a product on tensor cores costs on a GPU, to tell where rounded copies of its
 * factors pay. The model, in seconds on an H200, for m x l x k in tiles of r x c, of numbers of b bytes:
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
 * Not measured here. Source: NVIDIA H200 data sheet; Luo et al., Benchmarking and Dissecting the Nvidia
 * Hopper GPU Architecture through Microbenchmarking; what public kernels with such tiles reach. */
#include "ir/tasks.h"
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
