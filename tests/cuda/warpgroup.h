/* tests/cuda/warpgroup.h: wgmma for the emulator: where a descriptor finds the elements of a factor in
 * shared memory, and what a warpgroup's accumulators are.
 *
 * After the tables of the PTX manual under "Matrix Descriptor Format", "Canonical Layouts", "Strides"
 * and "Matrix Fragments for wgmma.mma_async.m64nNk16" (of .bf16) and "… m64nNk8" (of .tf32). Elements
 * come in chunks of 16 bytes. Stored along k, eight rows lie together, each a line of 1, 2, 4 or 8 chunks
 * (swizzle none, 32, 64, 128 bytes); stored along rows, lines are along these and eight of k lie together.
 * What lies at an address is swizzled by the address itself: bits 4 to 6 of it, or fewer, are exchanged by
 * those three above. */
#ifndef SEQC_WARPGROUP_H
#define SEQC_WARPGROUP_H
#include "tests/cuda/fragments.h"

enum { WARPGROUP = 128, GROUP_ROWS = 64, GROUP_MOST_COLS = 256, GROUP_DEPTH = 16 };

typedef struct emu_descriptor {
    uint32_t start, leading, stride;     /* bytes */
    int chunks;                          /* of 16 bytes in a line: 1, 2, 4, 8 */
    int base;
} emu_descriptor;

static inline emu_descriptor emu_described(uint64_t bits)
{
    static const int chunks[] = { 1, 8, 4, 2 };
    return (emu_descriptor){ .start = (uint32_t)(bits & 0x3fff) << 4,
                             .leading = (uint32_t)(bits >> 16 & 0x3fff) << 4,
                             .stride = (uint32_t)(bits >> 32 & 0x3fff) << 4,
                             .chunks = chunks[bits >> 62],
                             .base = (int)(bits >> 49 & 7) };
}

/* Where element k of a row (of B: of a column) lies, in shared memory; `size`: bytes of an element;
 * along_k: the factor is stored so. */
static inline uint32_t emu_element_at(const emu_descriptor *d, int row, int k, int size, bool along_k)
{
    const uint32_t each = 16 / (uint32_t)size, line = 16 * (uint32_t)d->chunks;
    const uint32_t along = (uint32_t)(along_k ? k : row), across = (uint32_t)(along_k ? row : k);
    const uint32_t chunk = along / each, turn = chunk / (uint32_t)d->chunks;
    uint32_t at = d->start + along % each * (uint32_t)size + across % 8 * line;
    if (d->chunks == 1)
        at += along_k ? chunk * d->leading + across / 8 * d->stride
                      : chunk * d->stride + across / 8 * d->leading;
    else if (along_k)
        at += chunk * 16 + across / 8 * d->stride;
    else
        at += chunk % (uint32_t)d->chunks * 16 + turn * d->leading + across / 8 * d->stride;
    return at ^ (at >> 7 & (uint32_t)(d->chunks - 1)) << 4;
}

/* Where a thread of the warpgroup has the i-th of its accumulators. */
static inline int emu_group_row(int thread, int i)
{
    return thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
}

static inline int emu_group_col(int thread, int i)
{
    return i / 4 * 8 + thread % 4 * 2 + i % 2;
}

/* Factors as they were read, rows of A and columns of B. */
typedef struct emu_group_factors {
    double a[GROUP_ROWS][GROUP_DEPTH], b[GROUP_MOST_COLS][GROUP_DEPTH];
} emu_group_factors;

/* sums [WARPGROUP][cols / 2] += A B over `depth` of k: products are exact, their sum with an accumulator is
 * rounded once, as in emu_multiply. */
static inline void emu_group_multiply(const emu_group_factors *f, int depth, float *sums, int cols)
{
    for (int t = 0; t < WARPGROUP; t++)
        for (int i = 0; i < cols / 2; i++) {
            const double *a = f->a[emu_group_row(t, i)], *b = f->b[emu_group_col(t, i)];
            double sum = sums[t * (cols / 2) + i];
            for (int k = 0; k < depth; k++) sum += a[k] * b[k];
            sums[t * (cols / 2) + i] = (float)sum;
        }
}
#endif
