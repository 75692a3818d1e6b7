/* tests/cuda/faulty.cu: kernels with a mistake each, which the tests must find. */

/* As sum_by_memory, but nobody waits between writing the parts and adding them. */
typedef struct Race_shared { float part[128]; } Race_shared;
KERNEL(128) no_barrier(const float *__restrict__ x, float *__restrict__ sums, int64_t n)
{
    SHARED(Race_shared, s);
    int t = (int)threadIdx.x;
    int64_t i = (int64_t)blockIdx.x * 128 + t;
    s->part[t] = i < n ? x[i] : 0.0f;
    for (int half = 64; half > 0; half >>= 1) {
        if (t < half) s->part[t] += s->part[t + half];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = s->part[0];
}

/* Reads what another block writes. */
KERNEL(32) other_block(const float *__restrict__ x, float *__restrict__ y)
{
    int b = (int)blockIdx.x, t = (int)threadIdx.x;
    y[b * 32 + t] = b > 0 ? y[(b - 1) * 32 + t] + 1.0f : x[t];
}

/* The last block does not stop at n. */
KERNEL(128) too_far(const float *__restrict__ x, float *__restrict__ y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * 128 + threadIdx.x;
    if (i <= n) y[i] = x[i % n];
}

/* Leaves the last element out. */
KERNEL(128) too_short(const float *__restrict__ x, float *__restrict__ y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * 128 + threadIdx.x;
    if (i < n - 1) y[i] = x[i];
}

KERNEL(64) half_a_barrier(float *__restrict__ y)
{
    if (threadIdx.x < 40) __syncthreads();
    y[threadIdx.x] = 1.0f;
}

KERNEL(64) two_barriers(float *__restrict__ y)
{
    if (threadIdx.x < 40)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 1.0f;
}

KERNEL(64) lane_is_missing(float *__restrict__ y)
{
    float sum = 1.0f;
    if (threadIdx.x != 37) sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    y[threadIdx.x] = sum;
}

KERNEL(32) not_in_mask(float *__restrict__ y)
{
    y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0);
}

KERNEL(32) lane_outside(float *__restrict__ y)
{
    float sum = 1.0f;
    if (threadIdx.x < 16) sum = __shfl_sync(0x0000ffffu, sum, 20);
    y[threadIdx.x] = sum;
}

typedef struct Small_shared { float part[32]; } Small_shared;
KERNEL(32) beyond_shared(float *__restrict__ y)
{
    SHARED(Small_shared, s);
    float *part = s->part;
    part[threadIdx.x + 1] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = s->part[threadIdx.x];
}

KERNEL(32) stale_shared(float *__restrict__ y)
{
    SHARED(Small_shared, s);
    if (threadIdx.x < 31) s->part[threadIdx.x] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = s->part[threadIdx.x];
}

/* As tensor_tf32, but the second and third register of A are each other's. */
KERNEL(32) wrong_lane(const float *__restrict__ x, const float *__restrict__ w,
                      float *__restrict__ y)
{
    const int t = (int)threadIdx.x % 4, g = (int)threadIdx.x / 4;
    const uint32_t a[4] = { to_tf32(x[g * 8 + t]), to_tf32(x[g * 8 + t + 4]),
                            to_tf32(x[(g + 8) * 8 + t]), to_tf32(x[(g + 8) * 8 + t + 4]) };
    const uint32_t b[2] = { to_tf32(w[t * 8 + g]), to_tf32(w[(t + 4) * 8 + g]) };
    float sums[4] = { 0 };
    mma_tf32(sums, a, b);
    for (int i = 0; i < 4; i++) y[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
}

/* Reads what it has asked for, but not waited for. */
KERNEL(32) no_wait(const float *__restrict__ x, float *__restrict__ y)
{
    SHARED(Small_shared, s);
    copy_4(&s->part[threadIdx.x], x + threadIdx.x, true);
    copies_end();
    __syncthreads();
    y[threadIdx.x] = s->part[threadIdx.x];
}

/* The same of the group that ended last, which a wait lets go on. */
KERNEL(32) too_early(const float *__restrict__ x, float *__restrict__ y)
{
    SHARED(Small_shared, s);
    copy_4(&s->part[threadIdx.x], x + threadIdx.x, true);
    copies_end();
    copies_wait();
    __syncthreads();
    y[threadIdx.x] = s->part[threadIdx.x];
}

/* Reads what other threads' copies bring, without a barrier. */
KERNEL(32) others_copy(const float *__restrict__ x, float *__restrict__ y)
{
    SHARED(Small_shared, s);
    copy_4(&s->part[threadIdx.x], x + threadIdx.x, true);
    copies_end();
    copies_end();
    copies_wait();
    y[threadIdx.x] = s->part[31 - threadIdx.x];
}

KERNEL(32) not_rounded(float *__restrict__ y)
{
    const uint32_t a[4] = { 0, 0, 0, 0x3dcccccd }, b[2] = { 0, 0 };
    mma_tf32(y + 4 * threadIdx.x, a, b);
}

KERNEL(64) half_a_warp(float *__restrict__ y)
{
    const uint32_t zero[4] = { 0, 0, 0, 0 };
    if (threadIdx.x < 48) mma_bf16(y, zero, zero);
}

KERNEL(32) askew(const float *__restrict__ x)
{
    SHARED(Small_shared, s);
    if (threadIdx.x == 1) copy_16(&s->part[1], x, true);
}

KERNEL(32) copy_to_memory(float *__restrict__ y)
{
    copy_4(y, y + 1, true);
}

/* As warpgroup, but 1: what is stored is not shown to the proxy; 2: the accumulators are read before they
 * are waited for; 3: a line is stored again before; 4: chunks are not where they are looked for. */
DEVICE void warpgroup_without(int what, const float *x, const float *w, float *y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    put_lines(s->a, x, 64);
    put_lines(s->b, w, 128);
    if (what == 4) s->a[threadIdx.x % 64][0] = s->a[threadIdx.x % 64][4];
    if (what != 1) proxy_fence();
    __syncthreads();
    wgmma_fence();
    wgmma_bf16_128(sums, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
    wgmma_end();
    if (what == 3) s->b[threadIdx.x][0] = 0x3f803f80;
    if (what == 2) take_group(y, sums);
    wgmma_wait_all_128(sums);
    if (what != 2) take_group(y, sums);
}

KERNEL(128) no_proxy_fence(const float *__restrict__ x, const float *__restrict__ w,
                           float *__restrict__ y)
{
    warpgroup_without(1, x, w, y);
}

KERNEL(128) no_wgmma_wait(const float *__restrict__ x, const float *__restrict__ w,
                          float *__restrict__ y)
{
    warpgroup_without(2, x, w, y);
}

KERNEL(128) stored_too_early(const float *__restrict__ x, const float *__restrict__ w,
                             float *__restrict__ y)
{
    warpgroup_without(3, x, w, y);
}

KERNEL(128) wrong_chunk(const float *__restrict__ x, const float *__restrict__ w,
                        float *__restrict__ y)
{
    warpgroup_without(4, x, w, y);
}

KERNEL(256) late_proxy_fence(const float *__restrict__ x, const float *__restrict__ w,
                             float *__restrict__ y)
{
    multiply_others(x, w, y, true);
}

KERNEL(128) no_wgmma_fence(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    wgmma_bf16_128(y, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
}

KERNEL(128) half_a_warpgroup(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    wgmma_fence();
    if (threadIdx.x < 64) wgmma_bf16_128(y, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
}

KERNEL(128) touched_too_early(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    for (int k = 0; k < 2; k++) {
        wgmma_fence();
        wgmma_bf16_128(sums, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
        sums[0] = 1;
    }
    wgmma_end();
    wgmma_wait_all_128(sums);
    y[threadIdx.x] = sums[0];
}

KERNEL(128) descriptor_outside(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    wgmma_fence();
    wgmma_bf16_128(sums, described(s->a, 16, 1024, 1), described(s->b, 16, 2048, 1));
    wgmma_end();
    wgmma_wait_all_128(sums);
    y[threadIdx.x] = sums[0];
}

KERNEL(128) never_awaited(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    float sums[64] = { 0 };
    wgmma_fence();
    wgmma_bf16_128(sums, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
    wgmma_end();
    y[threadIdx.x] = sums[0];
}

KERNEL(64) no_bulk_wait(float *y) { copy_in_bulk(1, y, y); }
KERNEL(64) wrong_phase(float *y) { copy_in_bulk(2, y, y); }
KERNEL(64) hidden_barrier(float *y) { copy_in_bulk(3, y, y); }

KERNEL(64) too_many_bytes(float *__restrict__ y)
{
    SHARED(Bulk_shared, s);
    if (threadIdx.x == 0) {
        barrier_init(&s->arrivals[0]);
        barrier_fence();
        barrier_expect(&s->arrivals[0], 32);
        bulk_copy(s->x[0], y, 16, &s->arrivals[0]);
    }
    __syncthreads();
    barrier_wait(&s->arrivals[0], 0);
}

KERNEL(64) nobody_waits(float *__restrict__ y)
{
    SHARED(Bulk_shared, s);
    if (threadIdx.x > 0) return;
    barrier_init(&s->arrivals[0]);
    barrier_fence();
    barrier_expect(&s->arrivals[0], 32);
    bulk_copy(s->x[0], y, 16, &s->arrivals[0]);
    bulk_copy(s->x[1], y, 16, &s->arrivals[0]);
}

KERNEL(128) not_rounded_either(float *__restrict__ y)
{
    SHARED(Warpgroup_shared, s);
    for (int i = (int)threadIdx.x; i < 64 * 32; i += 128) s->a[i / 32][i % 32] = 0x3dcccccd;
    proxy_fence();
    __syncthreads();
    wgmma_fence();
    wgmma_tf32_128(y, described(s->a, 16, 1024, 1), described(s->b, 16, 1024, 1));
    wgmma_end();
    wgmma_wait_all_128(y);
}
