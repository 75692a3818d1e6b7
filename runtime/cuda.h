/* runtime/cuda.h: what a generated program for CUDA and the runtime say to each other, beside rt.h.
 *
 * Kernels come as images, machine code of several architectures and PTX; a graph's function is
 * plain C that launches them. All memory that its rt_call names is the device's. The launches of a
 * graph are recorded once for each n and replayed afterwards, so the function may depend on n and
 * on nothing else that changes from run to run: what does, lies in device memory (`scalars`,
 * `counters`). */
#ifndef SEQC_CUDA_H
#define SEQC_CUDA_H
#include "runtime/rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Code of all kernels for one architecture, or of some: then those beside it have the others. Machine
 * code for 8.6 runs on 8.6 and on later 8.x; PTX for 8.0 is translated by the driver for 8.0 and
 * everything later. What only derivatives launch (rt_cuda.n_seldom) may be apart, as PTX alone: it is
 * loaded when a graph of them is bound. */
typedef struct rt_cuda_image {
    int arch;                        /* 86: compute capability 8.6 */
    bool ptx;
    const unsigned char *bytes;      /* PTX ends with a zero byte */
    int64_t n_bytes;
    bool seldom;                     /* of such kernels alone */
} rt_cuda_image;

typedef struct rt_kernel {
    const char *name;                /* in the images */
    int threads;                     /* of a block */
    int shared_bytes;                /* dynamic shared memory of a block */
} rt_kernel;

/* A graph that takes a batch and its targets to numbers, and the kernels that stand before and after
 * its own where the device takes one step after the other. What they share with the host lies in
 * device memory; reals are the model's:
 *
 *   row      int64_t at, n; uint64_t step; real scalar[n_scalars], up to a multiple of 8 bytes
 *   control  uint64_t seed, step; int64_t next; real scalar[n_scalars]
 *   report   lines of doubles, the first element of each of the graph's results
 *
 *   begin(control, rows, order, x, span, table, y, x_to, y_to, words, n): takes row `next`, and samples
 *     order[at], order[at + 1] … of x and y, so many words of 4 bytes each, to the graph's inputs. order
 *     null: samples at, at + 1 …
 *     table null: x are reals; else bytes b, which become table[k / span][b] at element k of a sample;
 *     span is an int32_t. x null: the inputs are there
 *   end(control, report, results…): line `next`, and next is the one after it
 *   whole(control, rows, report, order, x, span, table, y, x_to, y_to, state, arena, scalars, results…,
 *     n): n steps by one block, each from begin to end, whatever n their rows say. x is not null. Rows
 *     null: one step of the n samples that are there, by the scalars, into the results */
typedef struct rt_steps {
    const char *graph;
    int begin, end;                  /* kernels */
    int block_elems;                 /* elements of inputs, and words of targets, that a block gathers */
    int whole;                       /* a kernel; -1: there is none */
} rt_steps;

typedef struct rt_cuda {
    const rt_kernel *kernels; int n_kernels;
    const rt_cuda_image *images;          /* ended by a row without bytes */
    const rt_steps *steps; int n_steps;
    int n_seldom;                         /* kernels, the last ones, that graphs of derivatives alone
                                             launch (rt_graph) */
} rt_cuda;

enum { RT_MAX_MEMORY = 160 };        /* of a kernel */

/* Launches kernel `kernel` of the model's table as so many blocks; nothing where that is none. Its
 * parameters are `count` pointers to device memory and, after them, n as an int64_t, which it may
 * leave out. The first failure is kept, and what follows it does nothing: the run fails. */
void rt_launch(const rt_call *call, int kernel, int64_t blocks, const void *const *memory,
               int count);

/* A parameter as a graph's table has it: `at` bytes behind a call's state, kept memory, arena or scalars;
 * its input or result `at`; its counters; `at` itself; or nothing. */
typedef enum rt_base {
    RT_NONE, RT_STATE, RT_KEPT, RT_ARENA, RT_SCALARS, RT_IN, RT_OUT, RT_COUNTERS, RT_NUMBER
} rt_base;
typedef struct rt_memory { rt_base base; int64_t at; } rt_memory;

static inline const void *rt_memory_of(const rt_call *call, rt_memory m)
{
    switch (m.base) {
    case RT_STATE: return call->state + m.at;
    case RT_KEPT: return call->kept + m.at;
    case RT_ARENA: return call->arena + m.at;
    case RT_SCALARS: return (const char *)call->scalars + m.at;
    case RT_IN: return call->in[m.at];
    case RT_OUT: return call->out[m.at];
    case RT_COUNTERS: return call->counters;
    case RT_NUMBER: return (const void *)(uintptr_t)m.at;
    default: return 0;
    }
}

/* rt_launch, of such parameters: the C compiler takes tables in half of the time that code takes it. */
static inline void rt_launch_table(const rt_call *call, int kernel, int64_t blocks, const rt_memory *table,
                                   int count)
{
    const void *memory[RT_MAX_MEMORY] = { 0 };
    for (int i = 0; i < count && i < RT_MAX_MEMORY; i++) memory[i] = rt_memory_of(call, table[i]);
    rt_launch(call, kernel, blocks, memory, count);
}

#ifdef __cplusplus
}
#endif
#endif
