/* tests/cuda/kernels.cu: kernels by hand, in the manner of generated ones. */
#ifdef __CUDACC__
#ifdef __CUDACC_RTC__
typedef long long int64_t;
#endif
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define SHARED(type, name) \
    extern __shared__ __align__(16) unsigned char shared_memory[]; \
    type *const name = (type *)shared_memory
#endif

KERNEL(128) scale(const float *__restrict__ x, float *__restrict__ y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * 128 + threadIdx.x;
    if (i < n) y[i] = fmaf(2.0f, x[i], 1.0f);
}

/* Each block sums 128 elements: inside warps by shuffles, then over the four warps. */
typedef struct Sum_shared { float warp[4]; } Sum_shared;
KERNEL(128) sum_by_shuffles(const float *__restrict__ x, float *__restrict__ sums, int64_t n)
{
    SHARED(Sum_shared, s);
    int64_t i = (int64_t)blockIdx.x * 128 + threadIdx.x;
    float sum = i < n ? x[i] : 0.0f;
    for (int step = 16; step > 0; step >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (threadIdx.x % 32 == 0) s->warp[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) sums[blockIdx.x] = (s->warp[0] + s->warp[1]) + (s->warp[2] + s->warp[3]);
}

typedef struct Tree_shared { float part[128]; } Tree_shared;
KERNEL(128) sum_by_memory(const float *__restrict__ x, float *__restrict__ sums, int64_t n)
{
    SHARED(Tree_shared, s);
    int t = (int)threadIdx.x;
    int64_t i = (int64_t)blockIdx.x * 128 + t;
    s->part[t] = i < n ? x[i] : 0.0f;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();
        if (t < half) s->part[t] += s->part[t + half];
    }
    if (t == 0) sums[blockIdx.x] = s->part[0];
}

/* y[n][24] = x[n][40] w[40][24]: tiles of 16 by 16, an element a thread. */
typedef struct Product_shared { float x[16][16], w[16][16]; } Product_shared;
KERNEL(256) product(const float *__restrict__ x, const float *__restrict__ w,
                    float *__restrict__ y, int64_t n)
{
    SHARED(Product_shared, s);
    int row = (int)threadIdx.x / 16, col = (int)threadIdx.x % 16;
    int64_t i = (int64_t)blockIdx.x * 16 + row;
    int j = (int)blockIdx.y * 16 + col;
    float sum = 0.0f;
    for (int k = 0; k < 40; k += 16) {
        s->x[row][col] = i < n && k + col < 40 ? x[i * 40 + k + col] : 0.0f;
        s->w[row][col] = j < 24 && k + row < 40 ? w[(k + row) * 24 + j] : 0.0f;
        __syncthreads();
        for (int l = 0; l < 16; l++) sum = fmaf(s->x[row][l], s->w[l][col], sum);
        __syncthreads();
    }
    if (i < n && j < 24) y[i * 24 + j] = sum;
}

/* counts[0]: how many are positive, by votes; counts[1]: the sum of x as integers, by atomics. */
KERNEL(64) count(const float *__restrict__ x, unsigned *__restrict__ counts, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * 64 + threadIdx.x;
    unsigned votes = __ballot_sync(0xffffffffu, i < n && x[i] > 0.0f);
    unsigned ones = 0;
    for (; votes; votes &= votes - 1) ones++;
    if (threadIdx.x % 32 == 0) atomicAdd(&counts[0], ones);
    if (i < n) atomicAdd(&counts[1], (unsigned)(int)x[i]);
}

/* Of each pair of lanes the first gets what the second has, and of the last eight lanes only. */
KERNEL(32) exchange(const int *__restrict__ x, int *__restrict__ y)
{
    int lane = (int)threadIdx.x, value = x[lane];
    int next = __shfl_down_sync(0xffffffffu, value, 1);
    if (lane >= 24) value = __shfl_sync(0xff000000u, value * 10, 24 + (lane & 3));
    __syncwarp(0xffffffffu);
    y[lane] = lane < 24 ? next : value;
}

/* step[0] += 1, by one thread: what a launch reads of the one before it. */
KERNEL(32) advance(unsigned long long *__restrict__ step)
{
    if (threadIdx.x == 0) step[0] += 1;
}
