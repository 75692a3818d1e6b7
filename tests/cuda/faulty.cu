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
