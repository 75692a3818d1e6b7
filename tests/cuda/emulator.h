/* tests/cuda/emulator.h: CUDA for one CPU thread: included before the text of a kernels.cu, it gives
 * meaning to what kernels may use, and emu_launch runs them.
 *
 * Each thread of a block is a fiber. A fiber runs until it waits, at a barrier or in a collective of
 * its warp, or ends; then the next one does. The order is a parameter, of blocks as of threads:
 * what one thread may only read after a barrier, in some order it reads before another has written
 * it. Shared memory is filled with NaN bits for every block. A mistake ends the process with a line
 * that names kernel, block and thread.
 *
 * Stricter than CUDA where that finds mistakes: every thread of the block must come to every
 * barrier, to the same one in the text; a lane that a shuffle reads must be in its mask, else NaN
 * bits come back; integers alone are added atomically; what a tensor core multiplies is rounded
 * before. A copy into shared memory leaves NaN bits there until its thread has waited for it. A
 * fiber's stack ends in a page that is not there.
 *
 * The functions of codegen/snippets_mma.c, which are PTX, are macros and functions here; those of
 * snippets_wgmma.c stand in shared.h, bulk.h and wgmma.h.
 *
 * Source: CUDA C++ Programming Guide, sections on synchronization, warp shuffle and warp vote; PTX
 * ISA, sections on mma, cp.async and wgmma. */
#ifndef SEQC_EMULATOR_H
#define SEQC_EMULATOR_H
#include "tests/cuda/module.h"
#include "tests/cuda/warpgroup.h"
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1           /* gcc's name for it */
#endif
#endif
#if defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum { FOUR_TURNS = 1, TWO_TURNS = 1 };  /* of `#pragma unroll`, which Clang knows, too: none side by side */
enum { EMU_THREADS = 1024, EMU_WARP = 32, EMU_PAGE = 4096 };
enum { EMU_COPIES = 256 };               /* of a thread, under way at once */
enum { EMU_PRODUCTS = 16 };              /* of a warpgroup */
enum { EMU_BARRIERS = 16, EMU_BULKS = 64 };      /* of a block */
enum { EMU_SHARED_START = 1024 };        /* where instructions find a block's shared memory */
enum { EMU_GUARD_BYTES = 256, EMU_STACK_BYTES = 256 << 10 };   /* the sanitizers want large ones */
enum { EMU_FORWARD, EMU_BACKWARD, EMU_SHUFFLED };   /* and every number from there on is an order */

typedef struct emu_index { unsigned x, y, z; } emu_index;

typedef enum emu_state {
    EMU_RUNS, EMU_AT_BARRIER, EMU_AT_SHUFFLE, EMU_AT_VOTE, EMU_AT_TF32, EMU_AT_BF16,
    EMU_AT_WGMMA, EMU_AT_WGMMA_WAIT, EMU_AT_ARRIVAL, EMU_ENDED
} emu_state;

/* what a thread says of a warpgroup's product; waiting, of the first group that it does not wait for */
typedef struct emu_asked { float *sums; uint64_t a, b; int cols, depth, turn; } emu_asked;

/* arrivals and bytes that end its phase; does its maker's fence show it to others? */
typedef struct emu_barrier {
    const uint64_t *at;
    int expected, bytes, phase, maker;
    bool shown;
} emu_barrier;

typedef struct emu_bulk { char *to; const char *from; int bytes; emu_barrier *barrier; } emu_bulk;

typedef struct emu_thread {
    void *stack;                 /* where it goes on */
    emu_index index;
    int number;                  /* in the block */
    emu_state state;
    int line;                    /* of the text, where it waits */
    unsigned mask;               /* lanes it waits for */
    int from;                    /* lane whose value it takes */
    uint64_t gives, gets;
    emu_fragments fragments;     /* that it gives a tensor core */
    int copies, group;           /* under way; the number of their group that is not ended */
    int arrived;                 /* that the asynchronous proxy does not see */
    emu_asked asked;
    int turn;                    /* of products, the same */
    bool fenced;
    emu_barrier *barrier;        /* where it waits for the end of the phase of that parity */
    int parity;
} emu_thread;

/* into shared memory; from null: zeros */
typedef struct emu_copy { char *to; const char *from; int bytes, group; } emu_copy;

typedef struct emu_product {
    uint64_t a, b;
    int cols, depth, turn;       /* of tf32 it has 8 of k, of bfloat16 16 */
    bool taken;                  /* its factors have been read */
    emu_group_factors factors;
} emu_product;

/* A warpgroup's products under way, and their accumulators. */
typedef struct emu_group {
    emu_product product[EMU_PRODUCTS];
    int n, cols;
    float sums[WARPGROUP * GROUP_MOST_COLS / 2];
} emu_group;

static struct {
    emu_thread thread[EMU_THREADS], *now;
    int order[EMU_THREADS];
    char *stacks;
    void *scheduler;             /* its stack */
    const void *scheduler_stack; /* for the sanitizer */
    size_t scheduler_bytes;
    const emu_kernel *kernel;
    void *const *arg;
    int threads;
    emu_index block, blocks;
    char *shared;
    int shared_bytes;
    char *shown, *hidden;        /* what the asynchronous proxy sees of it; bytes that others show it */
    uint64_t random;
    int launch_order;
    emu_copy copy[EMU_THREADS][EMU_COPIES], arrived[EMU_THREADS][EMU_COPIES];
    emu_group group[EMU_THREADS / WARPGROUP];
    emu_barrier barrier[EMU_BARRIERS];
    emu_bulk bulk[EMU_BULKS];
    int barriers, bulks;
    bool multiplies;             /* a warpgroup does, in this block */
} emu;

/* ---- what kernels see ---- */

#ifndef EMU_WARPS                        /* multiply, as on devices but sm_90 */
#define WARPGROUPS
#endif
#define KERNEL(threads) static void
#define DEVICE static inline
#define SUBROUTINE static
#define SHARED(type, name) type *const name = (type *)emu_shared(sizeof(type))
#define threadIdx (emu.now->index)
#define blockIdx (emu.block)
#define blockDim ((emu_index){ (unsigned)emu.threads, 1, 1 })
#define gridDim (emu.blocks)

#define __syncthreads() emu_wait(EMU_AT_BARRIER, 0, 0, __LINE__)
#define __syncwarp(...) /* without a mask: of all lanes */                                    \
    emu_wait(EMU_AT_VOTE, sizeof #__VA_ARGS__ > 1 ? __VA_ARGS__ + 0u : 0xffffffffu, 0, __LINE__)
#define __ballot_sync(mask, test) \
    ((unsigned)emu_collect(EMU_AT_VOTE, mask, (test) != 0, 0, __LINE__))
#define EMU_SHUFFLE(mask, value, from) __extension__ ({                                      \
    __typeof__(value) emu_value = (value);                                                   \
    uint64_t emu_bits = 0;                                                                   \
    _Static_assert(sizeof emu_value == 4 || sizeof emu_value == 8, "no type to be shuffled"); \
    memcpy(&emu_bits, &emu_value, sizeof emu_value);                                         \
    emu_bits = emu_collect(EMU_AT_SHUFFLE, mask, emu_bits, from, __LINE__);                  \
    memcpy(&emu_value, &emu_bits, sizeof emu_value);                                         \
    emu_value; })
#define __shfl_sync(mask, value, lane) EMU_SHUFFLE(mask, value, (int)(lane) & (EMU_WARP - 1))
#define __shfl_xor_sync(mask, value, lanes) EMU_SHUFFLE(mask, value, emu_lane() ^ (int)(lanes))
#define __shfl_down_sync(mask, value, by) \
    EMU_SHUFFLE(mask, value, emu_lane() + (emu_lane() + (int)(by) < EMU_WARP ? (int)(by) : 0))
#define atomicAdd(at, by) __extension__ ({                                                   \
    __typeof__(*(at)) *emu_at = (at), emu_was = *emu_at;                                     \
    _Static_assert((__typeof__(*emu_at))0.5f == 0, "atomic additions are of integers");      \
    *emu_at += (by);                                                                         \
    emu_was; })
#define mma_tf32(sums, a, b) emu_mma(EMU_AT_TF32, sums, a, b, __LINE__)
#define mma_bf16(sums, a, b) emu_mma(EMU_AT_BF16, sums, a, b, __LINE__)

static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }

/* ---- mistakes ---- */

static _Noreturn void emu_fail(const emu_thread *t, const char *format, ...)
{
    fprintf(stderr, "emulator: %s, block (%u, %u)", emu.kernel->name, emu.block.x, emu.block.y);
    if (t) fprintf(stderr, ", thread %d", t->number);
    fputs(": ", stderr);
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

static const char *emu_place(char text[80], const emu_thread *t)
{
    static const char *const what[] = { "runs on", "waits at the barrier", "waits in the shuffle",
                                        "waits in the vote", "waits in mma_tf32",
                                        "waits in mma_bf16", "waits in wgmma", "waits in wgmma_wait",
                                        "waits at the mbarrier", "has ended" };
    if (t->state == EMU_RUNS || t->state == EMU_ENDED) snprintf(text, 80, "%s", what[t->state]);
    else snprintf(text, 80, "%s of line %d", what[t->state], t->line);
    return text;
}

static uint64_t emu_random(void)         /* splitmix64 */
{
    uint64_t z = emu.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- stacks ---- */

/* Keeps the registers that a function must keep on this stack, and goes on on another one. */
void emu_switch(void **stack, void *to) __attribute__((visibility("hidden")));
#if defined __x86_64__
__asm__(".text\n.globl emu_switch\n.hidden emu_switch\n.type emu_switch, @function\n"
        "emu_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size emu_switch, . - emu_switch\n");
enum { EMU_FRAME = 8, EMU_FRAME_ENTRY = 6 };      /* words; the last keeps calls aligned */
#elif defined __aarch64__
__asm__(".text\n.globl emu_switch\n.hidden emu_switch\n.type emu_switch, %function\n"
        "emu_switch:\n"
        "sub sp, sp, #160\n"
        "stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
        "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
        "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\n"
        "ldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\nret\n"
        ".size emu_switch, . - emu_switch\n");
enum { EMU_FRAME = 20, EMU_FRAME_ENTRY = 11 };
#else
#error "the emulator knows the stacks of x86-64 and of 64-bit ARM"
#endif

static void emu_to_scheduler(void)
{
    emu_thread *me = emu.now;
#if defined __SANITIZE_ADDRESS__
    void *fake = NULL;
    bool over = me->state == EMU_ENDED;
    __sanitizer_start_switch_fiber(over ? NULL : &fake, emu.scheduler_stack, emu.scheduler_bytes);
    emu_switch(&me->stack, emu.scheduler);
    __sanitizer_finish_switch_fiber(fake, &emu.scheduler_stack, &emu.scheduler_bytes);
#else
    emu_switch(&me->stack, emu.scheduler);
#endif
}

static char *emu_stack(const emu_thread *t)
{
    return emu.stacks + (size_t)t->number * (EMU_STACK_BYTES + EMU_PAGE) + EMU_PAGE;
}

static void emu_to_thread(emu_thread *t)
{
    emu.now = t;
#if defined __SANITIZE_ADDRESS__
    void *fake;
    __sanitizer_start_switch_fiber(&fake, emu_stack(t), EMU_STACK_BYTES);
    emu_switch(&emu.scheduler, t->stack);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#else
    emu_switch(&emu.scheduler, t->stack);
#endif
}

static void emu_entry(void)
{
#if defined __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(NULL, &emu.scheduler_stack, &emu.scheduler_bytes);
#endif
    emu.kernel->call(emu.arg);
    emu.now->state = EMU_ENDED;
    emu_to_scheduler();
}

static void emu_map_stacks(void)
{
    size_t each = EMU_STACK_BYTES + EMU_PAGE;
    emu.stacks = (char *)mmap(NULL, each * EMU_THREADS, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < EMU_THREADS && emu.stacks != MAP_FAILED; i++)
        if (mprotect(emu.stacks + i * each, EMU_PAGE, PROT_NONE) != 0)
            emu.stacks = (char *)MAP_FAILED;
    if (emu.stacks == MAP_FAILED) emu_fail(NULL, "no memory for the threads' stacks");
}

/* ---- waiting ---- */

static inline int emu_lane(void) { return emu.now->number % EMU_WARP; }

static void emu_wait(emu_state state, unsigned mask, int from, int line)
{
    emu_thread *me = emu.now;
    if (state != EMU_AT_BARRIER && !(mask >> emu_lane() & 1))
        emu_fail(me, "lane %d calls a collective of the lanes %08x, line %d", emu_lane(), mask,
                 line);
    me->state = state;
    me->mask = mask;
    me->from = from;
    me->line = line;
    emu_to_scheduler();
}

static inline uint64_t emu_collect(emu_state state, unsigned mask, uint64_t gives, int from,
                                   int line)
{
    emu.now->gives = gives;
    emu_wait(state, mask, from, line);
    return emu.now->gets;
}

static inline void emu_mma(emu_state state, float *sums, const uint32_t *a, const uint32_t *b,
                           int line)
{
    for (int i = 0; i < 4 && state == EMU_AT_TF32; i++)
        if ((a[i] | (i < 2 ? b[i] : 0)) & 0x1fff)
            emu_fail(emu.now, "mma_tf32 of line %d is given a number that was not rounded", line);
    emu.now->fragments = (emu_fragments){ sums, a, b };
    emu_wait(state, 0xffffffffu, 0, line);
}

/* Does b wait in the same call as a? */
static bool emu_together(const emu_thread *a, const emu_thread *b)
{
    return a->state == b->state && a->line == b->line && a->mask == b->mask;
}

#include "tests/cuda/shared.h"
#ifndef EMU_PLAIN                        /* for kernels that have none of it: compiles faster */
#include "tests/cuda/bulk.h"
#include "tests/cuda/wgmma.h"
#else
static bool emu_release_arrivals(void) { return false; }
static bool emu_release_group(const emu_thread *first) { return first == NULL; }
static int emu_group_ahead(int order) { return order < 0 ? order : -1; }
#endif

/* Lets the block go on where all of it is at one barrier. */
static bool emu_release_block(void)
{
    for (int i = 0; i < emu.threads; i++)
        if (emu.thread[i].state != EMU_AT_BARRIER || !emu_together(&emu.thread[0], &emu.thread[i]))
            return false;
    for (int i = 0; i < emu.threads; i++) emu.thread[i].state = EMU_RUNS;
    return true;
}

/* Lets those go on whom lane `lane` of the warp waits for in a collective, if all are there. */
static bool emu_release_lanes(emu_thread *warp, int lanes, int lane)
{
    const emu_thread first = warp[lane];
    const emu_fragments *fragments[EMU_WARP];
    bool multiplies = first.state == EMU_AT_TF32 || first.state == EMU_AT_BF16;
    unsigned votes = 0;
    if (multiplies && lanes < EMU_WARP) return false;
    for (int i = 0; i < lanes; i++) {
        fragments[i] = &warp[i].fragments;
        if (!(first.mask >> i & 1)) continue;
        if (!emu_together(&first, &warp[i])) return false;
        votes |= (unsigned)(warp[i].gives != 0) << i;
    }
    if (multiplies) emu_multiply(fragments, first.state == EMU_AT_BF16);
    for (int i = 0; i < lanes; i++) {
        if (!(first.mask >> i & 1)) continue;
        bool there = warp[i].from < lanes && (first.mask >> warp[i].from & 1);
        warp[i].gets = first.state == EMU_AT_VOTE ? votes
                     : there ? warp[warp[i].from].gives : UINT64_MAX;
        warp[i].state = EMU_RUNS;
    }
    return true;
}

static bool emu_release(void)
{
    bool any = emu_release_arrivals() || emu_release_block();
    for (int w = 0; w < emu.threads && !any; w += EMU_WARP) {
        int lanes = emu.threads - w < EMU_WARP ? emu.threads - w : EMU_WARP;
        for (int i = 0; i < lanes; i++) {
            emu_state state = emu.thread[w + i].state;
            if (EMU_AT_SHUFFLE <= state && state <= EMU_AT_BF16)
                any = emu_release_lanes(&emu.thread[w], lanes, i) || any;
        }
    }
    return any;
}

/* Nobody can go on: says where one waits, and one that it waits for. */
static void emu_stuck(void)
{
    const emu_thread *waits = NULL, *other = NULL;
    for (int i = 0; i < emu.threads && !waits; i++)
        if (emu.thread[i].state != EMU_ENDED) waits = &emu.thread[i];
    if (!waits) return;
    bool block = waits->state == EMU_AT_BARRIER;
    bool group = waits->state == EMU_AT_WGMMA || waits->state == EMU_AT_WGMMA_WAIT;
    int many = block ? emu.threads : group ? WARPGROUP : EMU_WARP, first = waits->number / many * many;
    for (int i = first; i < emu.threads && i < first + many && !other; i++)
        if ((block || group || waits->mask >> (i - first) & 1) &&
            !emu_together(waits, &emu.thread[i]))
            other = &emu.thread[i];
    char here[80], there[80];
    if (!other) emu_fail(waits, "deadlock: it %s", emu_place(here, waits));
    emu_fail(waits, "deadlock: it %s, and thread %d %s", emu_place(here, waits), other->number,
             emu_place(there, other));
}

/* ---- blocks and grids ---- */

static char *emu_shared(size_t bytes)
{
    if (bytes > (size_t)emu.shared_bytes)
        emu_fail(emu.now, "%zu bytes of shared memory are used, %d were asked for", bytes,
                 emu.shared_bytes);
    return emu.shared;
}

/* The numbers 0 to n-1 in a launch's order; a shuffled one is another each time. */
static void emu_permute(int *number, int n, int order)
{
    for (int i = 0; i < n; i++) number[i] = order == EMU_BACKWARD ? n - 1 - i : i;
    for (int i = n - 1; order >= EMU_SHUFFLED && i > 0; i--) {
        int other = (int)(emu_random() % (unsigned)(i + 1)), was = number[i];
        number[i] = number[other];
        number[other] = was;
    }
}

static void emu_start_thread(int i)
{
    emu_thread *t = &emu.thread[i];
    *t = (emu_thread){ .index = { (unsigned)i, 0, 0 }, .number = i };
    uintptr_t *top = (uintptr_t *)(void *)(emu_stack(t) + EMU_STACK_BYTES) - EMU_FRAME;
#if defined __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(emu_stack(t), EMU_STACK_BYTES);    /* what the last one never left */
#endif
    memset(top, 0, EMU_FRAME * sizeof *top);
    top[EMU_FRAME_ENTRY] = (uintptr_t)emu_entry;
    t->stack = top;
}

static void emu_run_block(int order)
{
    memset(emu.shared, 0xff, (size_t)emu.shared_bytes);
    memset(emu.shared + emu.shared_bytes, 0xa5, EMU_GUARD_BYTES);
    memset(emu.shown, 0xff, (size_t)emu.shared_bytes);
    memset(emu.hidden, 0, (size_t)emu.shared_bytes);
    for (int g = 0; g < EMU_THREADS / WARPGROUP; g++) emu.group[g].n = 0;
    emu.barriers = emu.bulks = 0;
    emu.multiplies = false;
    for (int i = 0; i < emu.threads; i++) emu_start_thread(i);
    for (bool any = true; any || emu_release();) {
        int ahead = emu_group_ahead(order);
        any = false;
        emu_permute(emu.order, emu.threads, order);
        for (int i = 0; i < emu.threads; i++) {
            emu_thread *t = &emu.thread[emu.order[i]];
            if (t->state != EMU_RUNS || (ahead >= 0 && t->number / WARPGROUP != ahead)) continue;
            emu_to_thread(t);
            emu_release_group(&emu.thread[t->number / WARPGROUP * WARPGROUP]);
            any = true;
        }
    }
    emu_stuck();
    for (int g = 0; g < EMU_THREADS / WARPGROUP; g++)
        if (emu.group[g].n) emu_fail(NULL, "it ends while warpgroup %d's products are under way", g);
    if (emu.bulks) emu_fail(NULL, "it ends while %d bulk copies are under way", emu.bulks);
    for (int i = 0; i < EMU_GUARD_BYTES; i++)
        if ((unsigned char)emu.shared[emu.shared_bytes + i] != 0xa5)
            emu_fail(NULL, "something was written behind its %d bytes of shared memory",
                     emu.shared_bytes);
}

/* Runs a kernel on a grid of blocks, in one of the orders of blocks and threads. Ends the process
 * where the kernel is wrong. */
static void emu_launch(const emu_kernel *kernel, unsigned grid_x, unsigned grid_y, int threads,
                       int shared_bytes, void *const *arg, int order)
{
    emu.kernel = kernel;
    emu.arg = arg;
    emu.threads = threads;
    emu.block = (emu_index){ 0, 0, 0 };
    emu.blocks = (emu_index){ grid_x, grid_y, 1 };
    emu.shared_bytes = shared_bytes;
    emu.random = (uint64_t)order;
    emu.launch_order = order;
    if (threads != kernel->threads || threads < 1 || threads > EMU_THREADS)
        emu_fail(NULL, "launched with %d threads, made for %d", threads, kernel->threads);
    if (!emu.stacks) emu_map_stacks();
    int blocks = (int)(grid_x * grid_y), *number = (int *)malloc(sizeof(int) * (size_t)blocks);
    size_t room = ((size_t)shared_bytes + EMU_GUARD_BYTES + 1023) / 1024 * 1024;
    emu.shared = (char *)aligned_alloc(1024, room);
    emu.shown = (char *)malloc(room);
    emu.hidden = (char *)malloc(room);
    if (!number || !emu.shared || !emu.shown || !emu.hidden) emu_fail(NULL, "no memory to run it");
    emu_permute(number, blocks, order);
    for (int i = 0; i < blocks; i++) {
        emu.block = (emu_index){ (unsigned)number[i] % grid_x, (unsigned)number[i] / grid_x, 0 };
        emu_run_block(order);
    }
    free(number);
    free(emu.shared);
    free(emu.shown);
    free(emu.hidden);
    emu.shared = NULL;
}

#endif
