/* passes/cost.h: what a kernel costs on a target, predicted. Private to the room; the model is in
 * cost.c's head. */
#ifndef SEQC_COST_H
#define SEQC_COST_H
#include "ir/tasks.h"
#include "passes/rules.h"

/* A product at capacity: m x l, summed over k. */
typedef struct Problem {
    int64_t m, l, k, elem_bytes, lanes;
    bool transposed_a, transposed_b;
    int64_t panel;                   /* lanes of a register tile that layouts ask for; 0: free */
    bool in_panels;                  /* columns need no packing */
    bool across;                     /* they are packed out of panels along k */
} Problem;

/* Accumulators that hide the latency of a fused multiply-add. */
enum { PASS_ACCUMULATORS = 8 };

/* Where the second operand and the result have these layouts, whatever their types say. */
Problem pass_problem(const Graph *g, Val root, Layout b, Layout result, const Target *t);
double pass_flop(const Problem *p);
/* Does gemm fill vectors along k (ir_narrow), and so pack nothing? */
bool pass_by_dots(const Problem *p);

/* Seconds of the product by the choice's algorithm on one thread. */
double pass_cost(const Problem *p, const Target *t, const Choice *c);

/* The same of a convolution by algorithm direct, patches or winograd. */
double pass_conv_cost(const Graph *g, Val root, const Target *t, const Choice *c);

/* cost_gpu.c: of a product on tensor cores, by mma.sync or of factors rounded before. */
double pass_gpu_seconds(const Problem *p, const Choice *c);

/* What it takes a convolution of a GPU more to change each element of an operand where it copies it, by so many
 * instructions, and what it reads of so many tensors more for that; what a kernel takes that does so before. */
double pass_gpu_prologue_seconds(const Graph *g, Val conv, const Choice *c, int operand, int instructions,
                                 int tensors);
double pass_gpu_map_seconds(int64_t bytes);

/* blocks.c: cuts each kernel of a graph into blocks of a GPU's threads. */
void pass_blocks(Graph *g, const PassCtx *ctx);
/* products.c: an algorithm's register tile, of at most so many sums, that cuts [size[0], size[1]]
 * results into at least `enough` blocks, if that can be. */
void pass_tile_results(Algo algo, const int64_t size[2], int64_t groups, int64_t elem_bytes,
                       int64_t enough, int64_t sums, int64_t tile[2], int64_t micro[2]);

/* Fills in what each kernel of a graph will take. */
void pass_predict(Graph *g, const Target *t);

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
#endif
