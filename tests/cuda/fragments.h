/* tests/cuda/fragments.h: tensor cores for the emulator: mma.sync on what the lanes of a warp hold, and
 * the conversions of its factors.
 *
 * Which lane has which element stands in the PTX manual under "Matrix Fragments for mma.m16n8k8" (of
 * .tf32) and "… mma.m16n8k16 with floating point type" (of .bf16): group is %laneid / 4, own %laneid
 * % 4. Products are exact, their sum with the element of C is rounded once, so it is at least as
 * exact as the hardware's. */
#ifndef SEQC_FRAGMENTS_H
#define SEQC_FRAGMENTS_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { FRAGMENT_ROWS = 16, FRAGMENT_COLS = 8, FRAGMENT_DEPTH = 16 };     /* the largest k */

/* A lane's registers: of C and then D [4], of A [4], of B [2]. */
typedef struct emu_fragments { float *sums; const uint32_t *a, *b; } emu_fragments;

static inline uint32_t emu_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float emu_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* cvt.rna.tf32.f32: to 10 bits of fraction, halves away from zero. */
static inline uint32_t to_tf32(float x)
{
    uint32_t bits = emu_bits_of(x);
    return isfinite(x) ? (bits + 0x1000) & ~UINT32_C(0x1fff)
                       : isnan(x) ? UINT32_C(0x7fffe000) : bits;
}

/* To 7 bits of fraction, halves to even. */
static inline uint32_t emu_bf16(float x)
{
    uint32_t bits = emu_bits_of(x);
    return isnan(x) ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* cvt.rn.bf16x2.f32 */
static inline uint32_t to_bf16(float low, float high)
{
    return emu_bf16(high) << 16 | emu_bf16(low);
}

/* Element i of a register of two. */
static inline double emu_half(uint32_t pair, int i)
{
    return emu_of_bits(i ? pair & UINT32_C(0xffff0000) : pair << 16);
}

typedef struct emu_matrices {
    double a[FRAGMENT_ROWS][FRAGMENT_DEPTH], b[FRAGMENT_DEPTH][FRAGMENT_COLS];
} emu_matrices;

static void emu_take_tf32(emu_matrices *m, const emu_fragments *f, int group, int own)
{
    for (int i = 0; i < 4; i++)
        m->a[i == 0 || i == 2 ? group : group + 8][i < 2 ? own : own + 4] = emu_of_bits(f->a[i]);
    for (int i = 0; i < 2; i++) m->b[i == 0 ? own : own + 4][group] = emu_of_bits(f->b[i]);
}

static void emu_take_bf16(emu_matrices *m, const emu_fragments *f, int group, int own)
{
    for (int i = 0; i < 8; i++) {
        int row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
        m->a[row][own * 2 + (i & 1) + (i < 4 ? 0 : 8)] = emu_half(f->a[i / 2], i & 1);
    }
    for (int i = 0; i < 4; i++)
        m->b[own * 2 + (i & 1) + (i < 2 ? 0 : 8)][group] = emu_half(f->b[i / 2], i & 1);
}

/* D = A B + C of a whole warp: m16n8k8 of tf32, m16n8k16 of bf16. */
static void emu_multiply(const emu_fragments *const lane[32], bool bf16)
{
    emu_matrices m;
    for (int l = 0; l < 32; l++) (bf16 ? emu_take_bf16 : emu_take_tf32)(&m, lane[l], l / 4, l % 4);
    for (int l = 0; l < 32; l++)
        for (int i = 0; i < 4; i++) {
            int row = i < 2 ? l / 4 : l / 4 + 8, col = l % 4 * 2 + (i & 1);
            double sum = lane[l]->sums[i];
            for (int k = 0; k < (bf16 ? 16 : 8); k++) sum += m.a[row][k] * m.b[k][col];
            lane[l]->sums[i] = (float)sum;
        }
}
#endif
