/* tests/cuda/tensor.cu: a tensor core's products and copies into shared memory, by hand. Where a lane
 * finds its elements is written here as strides of its two numbers, as CUTLASS has it; the emulator
 * follows the cases of the PTX manual. */

/* y[16][8] = x[16][8] w[8][8] */
KERNEL(32) tensor_tf32(const float *__restrict__ x, const float *__restrict__ w,
                       float *__restrict__ y)
{
    const int t = (int)threadIdx.x % 4, g = (int)threadIdx.x / 4;
    uint32_t a[4], b[2];
    float sums[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        const int at = t * 16 + g + i % 2 * 8 + i / 2 * 64;            /* row + 16 k */
        a[i] = to_tf32(x[at % 16 * 8 + at / 16]);
    }
    for (int i = 0; i < 2; i++) {
        const int at = t * 8 + g + i * 32;                             /* column + 8 k */
        b[i] = to_tf32(w[at / 8 * 8 + at % 8]);
    }
    mma_tf32(sums, a, b);
    for (int i = 0; i < 4; i++) {
        const int at = t * 32 + g + i % 2 * 16 + i / 2 * 8;            /* row + 16 column */
        y[at % 16 * 8 + at / 16] = sums[i];
    }
}

/* y[16][8] = x[16][16] w[16][8] */
KERNEL(32) tensor_bf16(const float *__restrict__ x, const float *__restrict__ w,
                       float *__restrict__ y)
{
    const int t = (int)threadIdx.x % 4, g = (int)threadIdx.x / 4;
    uint32_t a[4], b[2];
    float sums[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        const int at = t * 32 + g + i % 2 * 8 + i / 2 * 128;           /* row + 16 k */
        const float *from = x + at % 16 * 16 + at / 16;
        a[i] = to_bf16(from[0], from[1]);
    }
    for (int i = 0; i < 2; i++) {
        const int at = t * 16 + g + i * 64;                            /* column + 8 k */
        const float *from = w + at / 8 * 8 + at % 8;
        b[i] = to_bf16(from[0], from[8]);
    }
    mma_bf16(sums, a, b);
    for (int i = 0; i < 4; i++) {
        const int at = t * 32 + g + i % 2 * 16 + i / 2 * 8;
        y[at % 16 * 8 + at / 16] = sums[i];
    }
}

/* y[i] = x[n - 1 - i], 0 from n on; of four groups of 64 copies the first three arrive in turn. */
typedef struct Copies_shared { float x[4][64]; } Copies_shared;
KERNEL(64) reverse(const float *__restrict__ x, float *__restrict__ y, int64_t n)
{
    SHARED(Copies_shared, s);
    const int t = (int)threadIdx.x;
    for (int group = 0; group < 4; group++) {
        const int64_t from = n - 1 - (group * 64 + t);
        copy_4(&s->x[group][t], x + from, from >= 0);
        copies_end();
        if (group == 0) continue;
        copies_wait();
        __syncthreads();
        y[(group - 1) * 64 + t] = s->x[group - 1][t];
    }
}

/* y[i] = x[i] of 256, by copies of 16 bytes that other threads asked for. */
KERNEL(64) fours(const float *__restrict__ x, float *__restrict__ y)
{
    SHARED(Copies_shared, s);
    const int t = (int)threadIdx.x;
    copy_16(&s->x[0][0] + 4 * t, x + 4 * t, true);
    copies_end();
    copies_end();
    copies_wait();
    __syncthreads();
    for (int i = 0; i < 4; i++) y[64 * i + t] = s->x[i][t];
}
