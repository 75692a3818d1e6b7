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

/* y[64][128] = x[64][64] w[128][64]', by a warpgroup: factors lie along k in lines of 128 bytes, whose
 * eight chunks are exchanged by the line's number. */
typedef struct Warpgroup_shared { uint32_t a[64][32], b[128][32]; } Warpgroup_shared;

DEVICE uint64_t described(const void *at, uint64_t leading, uint64_t stride, uint64_t swizzle)
{
    return (uint64_t)__cvta_generic_to_shared(at) / 16 | leading / 16 << 16 | stride / 16 << 32
         | swizzle << 62;
}

DEVICE void put_lines(uint32_t (*to)[32], const float *from, int lines)
{
    for (int e = (int)threadIdx.x; e < lines * 32; e += 128) {
        const int line = e / 32, word = e % 32;
        to[line][(word / 4 ^ line % 8) * 4 + word % 4] = to_bf16(from[2 * e], from[2 * e + 1]);
    }
}

/* Of tf32 a line has 32 numbers. */
DEVICE void put_tf32_lines(uint32_t (*to)[32], const float *from, int lines)
{
    for (int e = (int)threadIdx.x; e < lines * 32; e += 128)
        to[e / 32][(e % 32 / 4 ^ e / 32 % 8) * 4 + e % 4] = to_tf32(from[e]);
}

DEVICE void take_group(float *y, const float *sums)
{
    for (int i = 0; i < 64; i++) {
        const int t = (int)threadIdx.x % 128;                          /* row + 64 column */
        const int at = t % 4 * 128 + t / 4 % 8 + t / 32 * 16 + i % 2 * 64 + i / 2 % 2 * 8 + i / 4 * 512;
        y[at % 64 * 128 + at / 64] = sums[i];
    }
}

KERNEL(128) warpgroup(const float *__restrict__ x, const float *__restrict__ w, float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    put_lines(s->a, x, 64);
    put_lines(s->b, w, 128);
    proxy_fence();
    __syncthreads();
    const uint64_t a = described(s->a, 16, 1024, 1), b = described(s->b, 16, 1024, 1);
    for (uint64_t k = 0; k < 4; k++) {
        wgmma_fence();
        wgmma_bf16_128(sums, a + 2 * k, b + 2 * k);
        wgmma_end();
        if (k == 1) wgmma_wait_1();
    }
    wgmma_wait_all_128(sums);
    take_group(y, sums);
}

/* The same of tf32: x[64][32], w[128][32]. */
KERNEL(128) warpgroup_tf32(const float *__restrict__ x, const float *__restrict__ w,
                           float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    put_tf32_lines(s->a, x, 64);
    put_tf32_lines(s->b, w, 128);
    proxy_fence();
    __syncthreads();
    const uint64_t a = described(s->a, 16, 1024, 1), b = described(s->b, 16, 1024, 1);
    wgmma_fence();
    for (uint64_t k = 0; k < 4; k++) wgmma_tf32_128(sums, a + 2 * k, b + 2 * k);
    wgmma_end();
    wgmma_wait_all_128(sums);
    take_group(y, sums);
}

/* The same of two warpgroups, each with a step of 16 of k that threads copied: [chunk][line][8], not
 * swizzled. x and w hold pairs of bfloat16. Of y each has 64 rows. */
typedef struct Chunks_shared { uint32_t a[2][2][64][4], b[2][2][128][4]; } Chunks_shared;
DEVICE void multiply_others(const float *x, const float *w, float *y, bool late)
{
    SHARED(Chunks_shared, s);
    const int t = (int)threadIdx.x, group = t / 128;
    float sums[64] = { 0 };
    copy_16(s->a[group][t / 64 % 2][t % 64], x + 4 * t, true);
    copies_end();
    for (int chunk = 0; chunk < 2; chunk++)
        copy_16(s->b[group][chunk][t % 128], w + 4 * (group * 256 + chunk * 128 + t % 128), true);
    copies_end();
    copies_end();
    copies_wait();
    if (!late) proxy_fence();
    __syncthreads();
    if (late) proxy_fence();
    wgmma_fence();
    wgmma_bf16_128(sums, described(s->a[1 - group], 1024, 128, 0), described(s->b[1 - group], 2048, 128, 0));
    wgmma_end();
    wgmma_wait_all_128(sums);
    take_group(y + group * 8192, sums);
}

KERNEL(256) two_warpgroups(const float *__restrict__ x, const float *__restrict__ w,
                           float *__restrict__ y)
{
    multiply_others(x, w, y, false);
}

/* y[i] = x[i] of 1024, in four copies of 256 that arrive at two mbarriers in turn: 1: nobody waits; 2: for
 * the phase before; 3: what begins them is not shown. */
typedef struct Bulk_shared { float x[2][256]; uint64_t arrivals[2]; } Bulk_shared;
DEVICE void copy_in_bulk(int without, const float *x, float *y)
{
    SHARED(Bulk_shared, s);
    const int t = (int)threadIdx.x;
    if (t == 0) {
        for (int i = 0; i < 2; i++) barrier_init(&s->arrivals[i]);
        if (without != 3) barrier_fence();
    }
    __syncthreads();
    for (int step = 0; step < 4; step++) {
        if (t == 0) {
            barrier_expect(&s->arrivals[step % 2], 1024);
            bulk_copy(s->x[step % 2], x + 256 * step, 1024, &s->arrivals[step % 2]);
        }
        if (without != 1) barrier_wait(&s->arrivals[step % 2], without == 2 ? 1 - step / 2 : step / 2);
        for (int i = t; i < 256; i += 64) y[256 * step + i] = s->x[step % 2][i];
        __syncthreads();
    }
    if (without == 1 || without == 2)
        for (int i = 0; i < 2; i++) barrier_wait(&s->arrivals[i], 1);
}

KERNEL(64) bulk(const float *__restrict__ x, float *__restrict__ y) { copy_in_bulk(0, x, y); }
