/* passes/kernels.h: kernels while they are made: who reads what, which order holds, what is stored.
 * Private to the room; used by fuse, schedule, remat and
 * plan. */
#ifndef SEQC_KERNELS_H
#define SEQC_KERNELS_H
#include "passes/offsets.h"
#include "passes/passes.h"

/* Nodes that must come after a node, with kernel nodes only (views are seen through): its readers,
 * and the node whose value replaces a state that it reads. next[at[v] .. at[v + 1]) */
typedef struct Flow {
    Val *base;                       /* [n_node] through views to what has storage */
    bool *grouped;                   /* [n_node] a kernel has to compute it */
    uint32_t *next, *at;
    Val *update_of;                  /* [n_state] the value that replaces it; none: none */
} Flow;
Flow pass_flow(const Graph *g, Arena *a);

/* schedule.c: the graph's nodes and roots, and these kernels of it, in this order. */
void pass_copy_kernels(Graph *to, const Graph *from, const Kernel *k, Arena *a);

/* Whether members (ascending) are a kernel that generated code can run, and by which algorithm. */
bool pass_form(const Graph *g, const Flow *f, const Val *member, int n, Algo *algo);

/* Does a convolution read images there, not weights? */
bool pass_reads_images(const Graph *g, Val conv, int operand);

/* As many elements for every n. */
bool pass_same_elements(const Shape *a, const Shape *b);

/* A value that is stored between kernels. */
typedef struct Keep {
    BufKind kind;
    Val val, in_place_of;
    State state;
    int out;
    int64_t bytes;
    int first, last;
    int chain;                       /* BUF_ARENA: index of its Range; values in place share one */
} Keep;

typedef struct Memory { Keep *keep; int n_keep, n_chain; } Memory;

/* What the kernels, in this order, store and for how long. */
Memory pass_memory(const Graph *g, const Kernel *k, int n, const PassCtx *ctx, Arena *a);

/* The live ranges of its chains, [n_chain]. */
Range *pass_ranges(const Memory *m, Arena *a);

/* The least arena that the order can have. */
int64_t pass_bound(const Graph *g, const Kernel *k, int n, const PassCtx *ctx, Arena *a);
#endif
