/* tests/cuda/test_emulator.c: the emulator itself: kernels by hand give what plain loops give, in
 * every order the same bits, and each planted mistake is found and named. */
#include "tests/cuda/emulator.h"
#include "tests/cuda/guarded.h"
#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cuda/kernels.cu"
#include "tests/cuda/tensor.cu"
#include "tests/cuda/faulty.cu"
#include "emulator_table.h"

enum { ORDERS = 5, N = 300 };

static const emu_kernel *find(const char *name)
{
    const emu_kernel *k = emu_kernels;
    while (k->name && strcmp(k->name, name) != 0) k++;
    ck_assert_msg(k->name != NULL, "no kernel %s", name);
    return k;
}

/* Two inputs, an output, and what a kernel is told of their length. */
typedef struct Job {
    const char *kernel;
    unsigned grid_x, grid_y;
    int shared_bytes;
    const void *in[2]; int n_in;
    void *out;
    long long n;
} Job;

static void run(const Job *job, int order)
{
    const emu_kernel *k = find(job->kernel);
    const void *const pointer[] = { job->n_in ? job->in[0] : job->out,
                                    job->n_in > 1 ? job->in[1] : job->out, job->out };
    void *arg[4];
    for (int i = 0; i <= job->n_in; i++) arg[i] = (void *)&pointer[i];
    arg[job->n_in + 1] = (void *)&job->n;
    emu_launch(k, job->grid_x, job->grid_y, k->threads, job->shared_bytes, arg, order);
}

static float *numbers(int n)
{
    float *x = malloc(sizeof *x * (size_t)n);
    uint32_t s = 7;
    for (int i = 0; i < n; i++) {
        s = s * 1664525u + 1013904223u;
        x[i] = (float)(s >> 8) / (1 << 22) - 2.0f;
    }
    return x;
}

/* The output, whose elements start as NaN, in all orders alike; the caller frees it. */
static float *in_all_orders(Job job, int elems)
{
    size_t bytes = sizeof(float) * (size_t)elems;
    float *first = malloc(bytes);
    for (int order = 0; order < ORDERS; order++) {
        guarded out = guarded_alloc(bytes);
        job.out = out.bytes;
        run(&job, order);
        ck_assert(guarded_intact(&out));
        if (order == 0) memcpy(first, out.bytes, bytes);
        ck_assert_msg(memcmp(first, out.bytes, bytes) == 0, "%s: order %d", job.kernel, order);
        guarded_free(&out);
    }
    return first;
}

START_TEST(elementwise)
{
    float *x = numbers(N);
    float *y = in_all_orders((Job){ "scale", 3, 1, 0, { x }, 1, NULL, N }, N);
    for (int i = 0; i < N; i++) ck_assert(y[i] == fmaf(2, x[i], 1));
    free(x);
    free(y);
}
END_TEST

START_TEST(both_sums)
{
    static const char *const kernel[] = { "sum_by_shuffles", "sum_by_memory" };
    float *x = numbers(N);
    for (int k = 0; k < 2; k++) {
        float *sums = in_all_orders((Job){ kernel[k], 3, 1, 512, { x }, 1, NULL, N }, 3);
        for (int b = 0; b < 3; b++) {
            double sum = 0;
            for (int i = b * 128; i < N && i < b * 128 + 128; i++) sum += x[i];
            ck_assert_double_eq_tol(sums[b], sum, 1e-5);
        }
        free(sums);
    }
    free(x);
}
END_TEST

START_TEST(products)
{
    enum { ROWS = 37, INNER = 40, COLS = 24 };
    float *x = numbers(ROWS * INNER), *w = numbers(INNER * COLS);
    Job job = { "product", 3, 2, (int)sizeof(Product_shared), { x, w }, 2, NULL, ROWS };
    float *y = in_all_orders(job, ROWS * COLS);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            double sum = 0;
            for (int k = 0; k < INNER; k++) sum += (double)x[i * INNER + k] * w[k * COLS + j];
            ck_assert_double_eq_tol(y[i * COLS + j], sum, 1e-4);
        }
    free(x);
    free(w);
    free(y);
}
END_TEST

START_TEST(votes_and_atomics)
{
    float *x = numbers(N);
    unsigned positive = 0, sum = 0;
    for (int i = 0; i < N; i++) {
        positive += x[i] > 0;
        sum += (unsigned)(int)x[i];
    }
    for (int order = 0; order < ORDERS; order++) {
        unsigned counts[2] = { 0 };
        run(&(Job){ "count", 5, 1, 0, { x }, 1, counts, N }, order);
        ck_assert_uint_eq(counts[0], positive);
        ck_assert_uint_eq(counts[1], sum);
    }
    free(x);
}
END_TEST

START_TEST(shuffles)
{
    int x[32], y[32];
    for (int i = 0; i < 32; i++) x[i] = 100 + i;
    for (int order = 0; order < ORDERS; order++) {
        run(&(Job){ "exchange", 1, 1, 0, { x }, 1, y, 0 }, order);
        for (int i = 0; i < 32; i++)
            ck_assert_int_eq(y[i], i < 24 ? x[i + 1] : 10 * x[24 + i % 4]);
    }
}
END_TEST

/* x rounded to so many bits of fraction: of halves the even one, or the one away from zero. */
static double rounded(double x, int bits, bool even)
{
    double unit = x == 0 ? 1 : ldexp(1, ilogb(x) - bits);
    return unit * (even ? nearbyint(x / unit) : round(x / unit));
}

/* A layout as the manual and CUTLASS write it, outermost last: elements of an index are `shape` times
 * those of the next, which lie `stride` apart. */
typedef struct Layout { int shape[3], stride[3]; } Layout;

static int laid(Layout l, int index)
{
    int at = 0;
    for (int i = 0; i < 3 && l.shape[i]; index /= l.shape[i++]) at += index % l.shape[i] * l.stride[i];
    return at;
}

/* The manual's examples of layouts, by which swizzle<bits, 4, 3> of bytes comes then. */
static const struct {
    const char *what;
    int size, swizzle_bits;
    uint32_t leading, stride;
    uint64_t mode;
    bool along_k;
    Layout row, k;
} layouts[] = {
    { "along k, not swizzled, tf32", 4, 0, 256, 128, 0, true,
      { { 8, 2 }, { 4, 32 } }, { { 4, 4 }, { 1, 64 } } },
    { "along k, 32 bytes, tf32", 4, 1, 16, 256, 3, true, { { 8, 2 }, { 8, 64 } }, { { 4, 4 }, { 1, 4 } } },
    { "along rows, not swizzled, bf16", 2, 0, 256, 128, 0, false,
      { { 8, 1, 2 }, { 1, 8, 64 } }, { { 8, 2 }, { 8, 128 } } },
    { "along rows, 32 bytes, bf16", 2, 1, 256, 512, 3, false,
      { { 8, 2, 2 }, { 1, 8, 128 } }, { { 8, 2 }, { 16, 256 } } },
    { "along rows, 64 bytes, bf16", 2, 2, 512, 1024, 2, false,
      { { 8, 4, 2 }, { 1, 8, 256 } }, { { 8, 2 }, { 32, 512 } } },
    /* these two by the rule: ((8,m),(T,2k)):((8T,SBO),(1,T)) and ((T,8,m),(8,k)):((1,T,LBO),(8T,SBO)) */
    { "along k, 128 bytes, bf16", 2, 3, 16, 1024, 1, true,
      { { 8, 2 }, { 64, 512 } }, { { 8, 2 }, { 1, 8 } } },
    { "along rows, 128 bytes, bf16", 2, 3, 2048, 1024, 1, false,
      { { 8, 8, 2 }, { 1, 8, 1024 } }, { { 8, 2 }, { 64, 512 } } },
};

START_TEST(descriptors)
{
    enum { START = 4096 };
    uint64_t bits = START / 16 | (uint64_t)layouts[_i].leading / 16 << 16
                  | (uint64_t)layouts[_i].stride / 16 << 32 | layouts[_i].mode << 62;
    emu_descriptor d = emu_described(bits);
    Layout row = layouts[_i].row, k = layouts[_i].k;
    int rows = 1, depth = 1;
    for (int i = 0; i < 3; i++) {
        rows *= row.shape[i] ? row.shape[i] : 1;
        depth *= k.shape[i] ? k.shape[i] : 1;
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < depth; j++) {
            uint32_t at = START + (uint32_t)((laid(row, i) + laid(k, j)) * layouts[_i].size);
            at ^= (at & ((1U << layouts[_i].swizzle_bits) - 1) << 7) >> 3;
            ck_assert_msg(emu_element_at(&d, i, j, layouts[_i].size, layouts[_i].along_k) == at,
                          "%s: row %d, k %d", layouts[_i].what, i, j);
        }
}
END_TEST

/* The largest difference of y[rows][cols] from the sums over k of x[rows][depth] w[cols][depth]', both
 * rounded to bfloat16 or tf32. */
static double far_from_group(bool tf32, const float *x, const float *w, const float *y, int rows, int depth)
{
    const int bits = tf32 ? 10 : 7;
    double most = 0;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 128; j++) {
            double sum = 0;
            for (int k = 0; k < depth; k++)
                sum += rounded(x[i * depth + k], bits, !tf32) * rounded(w[j * depth + k], bits, !tf32);
            double d = fabs(y[i * 128 + j] - sum);
            if (!(d <= most)) most = d;
        }
    return most;
}

START_TEST(warpgroups)
{
    int bytes = (int)sizeof(Warpgroup_shared);
    float *x = numbers(64 * 64), *w = numbers(128 * 64 + 100) + 100;
    for (int tf32 = 0; tf32 < 2; tf32++) {
        const char *kernel = tf32 ? "warpgroup_tf32" : "warpgroup";
        float *y = in_all_orders((Job){ kernel, 1, 1, bytes, { x, w }, 2, NULL, 0 }, 64 * 128);
        ck_assert_double_lt(far_from_group(tf32, x, w, y, 64, tf32 ? 32 : 64), 2e-5);
        free(y);
    }
    free(x);
    free(w - 100);
}
END_TEST

/* Factors of two warpgroups, [group][line][16], as pairs of bfloat16 in chunks of eight. */
static float *chunks(const float *x, int lines)
{
    uint32_t *pair = malloc(sizeof *pair * (size_t)(2 * lines * 8));
    for (int i = 0; i < 2 * lines * 8; i++) {
        int group = i / (lines * 8), line = i / 8 % lines, word = i % 8;
        pair[((group * 2 + word / 4) * lines + line) * 4 + word % 4] = to_bf16(x[2 * i], x[2 * i + 1]);
    }
    return (float *)(void *)pair;
}

START_TEST(two_warpgroups_of_copies)
{
    int bytes = (int)sizeof(Chunks_shared);
    float *x = numbers(2 * 64 * 16), *w = numbers(2 * 128 * 16 + 100) + 100;
    float *a = chunks(x, 64), *b = chunks(w, 128);
    float *y = in_all_orders((Job){ "two_warpgroups", 1, 1, bytes, { a, b }, 2, NULL, 0 }, 2 * 64 * 128);
    ck_assert_double_lt(far_from_group(false, x + 64 * 16, w + 128 * 16, y, 64, 16), 4e-6);
    ck_assert_double_lt(far_from_group(false, x, w, y + 64 * 128, 64, 16), 4e-6);
    free(x);
    free(w - 100);
    free(a);
    free(b);
    free(y);
}
END_TEST

/* The largest difference of y[16][8] from the sums over k of rounded factors. */
static double far_from_product(const float *x, const float *w, const float *y, int depth)
{
    bool even = depth == 16;
    int bits = even ? 7 : 10;
    double most = 0;
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            double sum = 0;
            for (int k = 0; k < depth; k++)
                sum += rounded(x[i * depth + k], bits, even) * rounded(w[k * 8 + j], bits, even);
            most = fmax(most, fabs(y[i * 8 + j] - sum));
        }
    return most;
}

START_TEST(tensor_cores)
{
    static const char *const kernel[] = { "tensor_tf32", "tensor_bf16" };
    float *x = numbers(16 * 16), *w = numbers(16 * 8 + 100) + 100;
    x[0] = 1 + 0x1p-8f;                  /* halves of a unit in the last place */
    x[1] = 1 + 3 * 0x1p-8f;
    x[2] = -1 - 0x1p-11f;
    x[3] = 1 + 3 * 0x1p-11f;
    for (int k = 0; k < 2; k++) {
        float *y = in_all_orders((Job){ kernel[k], 1, 1, 0, { x, w }, 2, NULL, 0 }, 16 * 8);
        ck_assert_double_lt(far_from_product(x, w, y, k ? 16 : 8), 4e-6);
        free(y);
    }
    free(x);
    free(w - 100);
}
END_TEST

START_TEST(roundings)
{
    ck_assert(emu_of_bits(to_tf32(1e-44f)) == 0 && isinf(emu_of_bits(to_tf32(-INFINITY))));
    ck_assert(isnan(emu_of_bits(to_tf32(NAN))) && isinf(emu_of_bits(to_tf32(3.4028235e38f))));
    ck_assert(to_tf32(-0.0f) == 0x80000000 && to_bf16(-0.0f, 1.0f) == 0x3f808000);
    ck_assert(isnan(emu_half(to_bf16(1, NAN), 1)) && emu_half(to_bf16(1, NAN), 0) == 1);
    ck_assert(isinf(emu_half(to_bf16(INFINITY, 0), 0)));
}
END_TEST

START_TEST(copies)
{
    float *x = numbers(N);
    int bytes = (int)sizeof(Copies_shared);
    float *y = in_all_orders((Job){ "reverse", 1, 1, bytes, { x }, 1, NULL, 150 }, 192);
    for (int i = 0; i < 192; i++) ck_assert(y[i] == (i < 150 ? x[149 - i] : 0));
    free(y);
    y = in_all_orders((Job){ "fours", 1, 1, bytes, { x }, 1, NULL, 0 }, 256);
    ck_assert_mem_eq(x, y, 256 * sizeof *x);
    free(y);
    free(x);
}
END_TEST

/* ---- planted mistakes ---- */

/* What the process says that runs this job, and how it ends. */
static int run_apart(const Job *job, char said[512])
{
    int pipes[2], status;
    ck_assert(pipe(pipes) == 0);
    pid_t child = fork();
    if (child == 0) {
        bool late = !strcmp(job->kernel, "nobody_waits") || !strcmp(job->kernel, "no_bulk_wait");
        dup2(pipes[1], 2);
        run(job, late ? EMU_BACKWARD : EMU_FORWARD);
        _exit(0);
    }
    close(pipes[1]);
    size_t used = 0;
    for (ssize_t got; (got = read(pipes[0], said + used, 511 - used)) > 0;) used += (size_t)got;
    said[used] = '\0';
    close(pipes[0]);
    ck_assert(waitpid(child, &status, 0) == child);
    return status;
}

static const struct { const char *kernel; int shared_bytes; const char *says; } mistakes[] = {
    { "half_a_barrier", 0, ", thread 0: deadlock: it waits at the barrier of line 41, and thread 40 "
                           "has ended" },
    { "two_barriers", 0, ", thread 0: deadlock: it waits at the barrier of line 48, and thread 40 "
                         "waits at the barrier of line 50" },
    { "lane_is_missing", 0, ", thread 32: deadlock: it waits in the shuffle of line 57, and thread "
                            "37 has ended" },
    { "not_in_mask", 0, ", thread 16: lane 16 calls a collective of the lanes 0000ffff, line 63" },
    { "beyond_shared", 128, ": something was written behind its 128 bytes of shared memory" },
    { "not_rounded", 0, ", thread 0: mma_tf32 of line 139 is given a number that was not rounded" },
    { "half_a_warp", 0, ", thread 32: deadlock: it waits in mma_bf16 of line 145, and thread 48 "
                        "has ended" },
    { "askew", 128, ", thread 1: copies 16 bytes that are not aligned to as many" },
    { "copy_to_memory", 128, ", thread 0: copies to where no shared memory is" },
    { "no_wgmma_fence", 24576, ", thread 0: multiplies without a wgmma_fence before, line 212" },
    { "not_rounded_either", 24576, ", thread 0: multiplies a number that was not rounded, line 292" },
    { "half_a_warpgroup", 24576, ", thread 0: deadlock: it waits in wgmma of line 219, and thread 64 "
                                 "has ended" },
    { "touched_too_early", 24576, ", thread 0: its accumulators are touched before wgmma_wait, line 228" },
    { "descriptor_outside", 24576, ", thread 0: a descriptor leads out of shared memory" },
    { "never_awaited", 24576, ": it ends while warpgroup 0's products are under way" },
    { "hidden_barrier", 2064, ", thread 0: there is no mbarrier where it looks for one" },
    { "too_many_bytes", 2064, ", thread 0: deadlock: it waits at the mbarrier of line 271" },
    { "wrong_phase", 2064, ", thread 0: deadlock: it waits at the mbarrier of line 200" },
    { "no_bulk_wait", 2064, ", thread 0: arrives at an mbarrier that expects nobody" },
    { "nobody_waits", 2064, ": it ends while 2 bulk copies are under way" },
    { "beyond_shared", 64, ", thread 0: 128 bytes of shared memory are used, 64 were asked for" },
};

START_TEST(named_mistakes)
{
    char said[512], says[512];
    float y[1024] = { 0 };
    Job job = { mistakes[_i].kernel, 1, 1, mistakes[_i].shared_bytes, { 0 }, 0, y, 64 };
    int status = run_apart(&job, said);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x", status);
    snprintf(says, sizeof says, "emulator: %s, block (0, 0)%s\n", job.kernel, mistakes[_i].says);
    size_t all = strlen(said), end = strlen(says);      /* a sanitizer may have spoken before */
    ck_assert_msg(all >= end && strcmp(said + all - end, says) == 0, "it says: %s", said);
}
END_TEST

/* How many of the orders give other bits than the first one. */
static int orders_that_differ(Job job, int elems)
{
    int differ = 0;
    float *first = malloc(sizeof *first * (size_t)elems), *y = malloc(sizeof *y * (size_t)elems);
    for (int order = 0; order < ORDERS; order++) {
        job.out = order ? y : first;
        memset(job.out, 0xff, sizeof *y * (size_t)elems);
        run(&job, order);
        differ += order && memcmp(first, y, sizeof *y * (size_t)elems) != 0;
    }
    free(first);
    free(y);
    return differ;
}

START_TEST(a_missing_barrier)
{
    float *x = numbers(N);
    ck_assert_int_eq(orders_that_differ((Job){ "sum_by_memory", 3, 1, 512, { x }, 1, NULL, N }, 3),
                     0);
    ck_assert_int_gt(orders_that_differ((Job){ "no_barrier", 3, 1, 512, { x }, 1, NULL, N }, 3), 0);
    free(x);
}
END_TEST

START_TEST(a_wrong_lane)
{
    float *x = numbers(16 * 8), *w = numbers(8 * 8), y[16 * 8];
    run(&(Job){ "wrong_lane", 1, 1, 0, { x, w }, 2, y, 0 }, EMU_FORWARD);
    ck_assert_double_gt(far_from_product(x, w, y, 8), 0.1);
    free(x);
    free(w);
}
END_TEST

START_TEST(a_missing_wait)
{
    float *x = numbers(32), y[32];
    for (int order = 0; order < ORDERS; order++) {
        run(&(Job){ "no_wait", 1, 1, 128, { x }, 1, y, 0 }, order);
        for (int i = 0; i < 32; i++) ck_assert(isnan(y[i]));
        run(&(Job){ "too_early", 1, 1, 128, { x }, 1, y, 0 }, order);
        for (int i = 0; i < 32; i++) ck_assert(isnan(y[i]));
    }
    ck_assert_int_gt(orders_that_differ((Job){ "others_copy", 1, 1, 128, { x }, 1, NULL, 0 }, 32), 0);
    free(x);
}
END_TEST

START_TEST(bulk_copies)
{
    int bytes = (int)sizeof(Bulk_shared);
    float *x = numbers(1024);
    float *y = in_all_orders((Job){ "bulk", 1, 1, bytes, { x }, 1, NULL, 0 }, 1024);
    ck_assert_mem_eq(x, y, 1024 * sizeof *x);
    free(x);
    free(y);
}
END_TEST

START_TEST(warpgroups_that_do_not_wait)
{
    enum { ELEMS = 2 * 64 * 128 };
    static const char *const kernel[] = { "no_proxy_fence", "stored_too_early", "late_proxy_fence" };
    float *x = numbers(64 * 64), *w = numbers(128 * 64), *y = malloc(ELEMS * sizeof *y);
    int bytes = (int)sizeof(Warpgroup_shared);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(orders_that_differ((Job){ kernel[i], 1, 1, bytes, { x, w }, 2, NULL, 0 },
                                         i < 2 ? ELEMS / 2 : ELEMS) > 0, "%s", kernel[i]);
    for (int order = 0; order < ORDERS; order++) {
        run(&(Job){ "no_wgmma_wait", 1, 1, bytes, { x, w }, 2, y, 0 }, order);
        for (int i = 0; i < ELEMS / 2; i++) ck_assert(isnan(y[i]));
        run(&(Job){ "wrong_chunk", 1, 1, bytes, { x, w }, 2, y, 0 }, order);
        ck_assert_double_gt(far_from_group(false, x, w, y, 64, 64), 0.1);
    }
    free(x);
    free(w);
    free(y);
}
END_TEST

START_TEST(another_blocks_results)
{
    float *x = numbers(32);
    ck_assert_int_gt(orders_that_differ((Job){ "other_block", 4, 1, 0, { x }, 1, NULL, 0 }, 128), 2);
    free(x);
}
END_TEST

/* Beside 300 floats there is room up to the alignment, beside 320 there is none. */
START_TEST(a_write_out_of_bounds)
{
    float *x = numbers(320);
    char said[512];
    guarded out = guarded_alloc(sizeof(float) * N);
    run(&(Job){ "too_far", 3, 1, 0, { x }, 1, out.bytes, N }, EMU_FORWARD);
    ck_assert(!guarded_intact(&out));
    guarded_free(&out);
    out = guarded_alloc(sizeof(float) * 320);
    int status = run_apart(&(Job){ "too_far", 3, 1, 0, { x }, 1, out.bytes, 320 }, said);
    ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) != 0, "status %x", status);
    guarded_free(&out);
    free(x);
}
END_TEST

START_TEST(an_unwritten_output)
{
    float *x = numbers(N);
    guarded out = guarded_alloc(sizeof(float) * N);
    run(&(Job){ "too_short", 3, 1, 0, { x }, 1, out.bytes, N }, EMU_FORWARD);
    const float *y = (const float *)(const void *)out.bytes;
    ck_assert(y[N - 2] == x[N - 2] && isnan(y[N - 1]));
    guarded_free(&out);
    free(x);
}
END_TEST

START_TEST(what_no_lane_and_nobody_gave)
{
    float y[32];
    run(&(Job){ "lane_outside", 1, 1, 0, { 0 }, 0, y, 0 }, EMU_FORWARD);
    ck_assert(isnan(y[0]) && isnan(y[15]) && y[16] == 1);
    run(&(Job){ "stale_shared", 1, 1, 128, { 0 }, 0, y, 0 }, EMU_FORWARD);
    ck_assert(y[30] == 1 && isnan(y[31]));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emulator");
    TCase *t = tcase_create("kernels");
    tcase_add_test(t, elementwise);
    tcase_add_test(t, both_sums);
    tcase_add_test(t, products);
    tcase_add_test(t, votes_and_atomics);
    tcase_add_test(t, shuffles);
    tcase_add_test(t, tensor_cores);
    tcase_add_loop_test(t, descriptors, 0, (int)(sizeof layouts / sizeof *layouts));
    tcase_add_test(t, warpgroups);
    tcase_add_test(t, two_warpgroups_of_copies);
    tcase_add_test(t, roundings);
    tcase_add_test(t, copies);
    suite_add_tcase(s, t);
    t = tcase_create("mistakes");
    tcase_add_loop_test(t, named_mistakes, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_test(t, a_missing_barrier);
    tcase_add_test(t, a_wrong_lane);
    tcase_add_test(t, a_missing_wait);
    tcase_add_test(t, bulk_copies);
    tcase_add_test(t, warpgroups_that_do_not_wait);
    tcase_add_test(t, another_blocks_results);
    tcase_add_test(t, a_write_out_of_bounds);
    tcase_add_test(t, an_unwritten_output);
    tcase_add_test(t, what_no_lane_and_nobody_gave);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
