/* passes/passes.h: the pipeline. Passes are functions from module to module; the table is
 * passes.def.
 *
 * Errors: none. A pass cannot fail on a verified module; a mistake of ours dies with the IR. */
#ifndef SEQC_PASSES_H
#define SEQC_PASSES_H
#include "ir/ir.h"

typedef enum { BLAS_AUTO, BLAS_OPENBLAS, BLAS_NONE } Blas;
/* How a GPU runs a graph: a launch a kernel, or one block all of them; auto: what is faster. */
typedef enum { TIER_AUTO, TIER_BLOCK, TIER_GRAPH } Tier;

/* A way to compute a product or a convolution, and the seconds that it takes on one thread. */
typedef struct Choice { Algo algo; int64_t tile[2], micro[2]; double seconds; } Choice;

/* The ways that come into question for a node whose second operand and result lie in these layouts,
 * whatever its types say. Another one than the first has to be a tenth faster. */
enum { PASS_MAX_CHOICES = 8 };
typedef struct Candidates {
    const Graph *g;
    Val root;
    Layout b, result;
    Choice choice[PASS_MAX_CHOICES];
    int n;
    bool measured;                    /* else `seconds` are predicted */
} Candidates;

typedef struct PassCtx {
    const Target *target;
    Blas blas;
    Tier tier;
    /* Puts what this machine takes in place of the predictions and sets `measured`, or leaves them.
     * null: predictions decide. */
    void (*measure)(void *tuning, Candidates *c);
    void *tuning;
    bool no_fuse;                     /* every node its own kernel: for comparisons */
    bool no_reuse;                    /* the plan shares no bytes: for comparisons */
    bool as_written;                  /* nothing is simplified, sums are plain loops: for comparisons */
    /* Bytes that a kernel may take for itself while it runs, where it has the choice; 0: any. */
    int64_t most_scratch_bytes;
    /* Bytes of values that live at a time, where computing some of them again makes it less; 0: any. */
    int64_t most_arena_bytes;
    bool verify;                      /* after every pass, with the text round trip */
    /* Called after every pass with its name; null: nobody looks. */
    void (*after)(void *ctx, const char *pass, const Module *m, double seconds);
    void *ctx;
} PassCtx;

/* x with these operands, computed by that choice into that layout; why: for its text, or null. */
Val pass_chosen(Graph *to, const Node *x, const Val *in, const Choice *c, Layout result,
                const char *why);

typedef Module *PassFn(const Module *in, const PassCtx *c);
typedef struct { const char *name, *needs, *gives, *doc; PassFn *run; } PassInfo;
extern const PassInfo pass_table[];   /* in the pipeline's order */
extern const int pass_count;

const PassInfo *pass_find(const char *name);           /* null if unknown */
/* Runs the pipeline after m's stage up to and including `stop` (null: all). The caller keeps `m`
 * and owns the result. */
Module *pass_run(const Module *m, const PassCtx *c, const char *stop);
/* Runs the named passes in that order. False and a message if the module lacks what one needs. */
Module *pass_run_list(const Module *m, const PassCtx *c, const char *const *names, int n,
                      char err[IR_ERR]);

/* accumulate.c: what a loss is over the samples of a batch. */
typedef enum { LOSS_MEAN, LOSS_TOTAL, LOSS_OTHER } LossSum;
LossSum pass_loss_sum(const Graph *train);
/* Why a training step, its gradients made, cannot be done in pieces of a batch; null: it can. In the
 * arena. */
const char *pass_whole_batch(const Module *m, Arena *a);
/* The same step in pieces: `train` adds a piece's gradients up, `apply` is the optimizer. */
Module *pass_accumulate(const Module *differentiated);

/* ---- a quantized model: other values come out, so this is no pass of the pipeline ---- */

/* Reals between low and high, and 0, as codes 0 to 255 (ir/ops.def). */
typedef struct Extremes { double low, high; } Extremes;
typedef struct Affine { double step, zero; } Affine;
Affine pass_affine(Extremes r);

/* A product of weights. */
typedef struct QuantLayer {
    Val product;
    Val result;                      /* the product, or the map behind it that scales its channels */
    const char *name;                /* its weights' key without ".weight" */
    const char *why;                 /* it stays real; null: it is computed in integers */
    bool coded;                      /* pass_quantize says: its result is codes, not reals */
    Val seen;                        /* then: the value of the real graph that it is */
} QuantLayer;
QuantLayer *pass_quantize_layers(const Graph *infer, int *n, Arena *a);

typedef struct QuantizeIn {
    const Target *target;
    const double *const *state;      /* [m->n_state]: values in PyTorch's order */
    const Extremes *range;             /* [infer->n_node]: of what layers read */
    QuantLayer *layer; int n_layer;
} QuantizeIn;
typedef struct Quantized {
    Module *m;                       /* the caller's, at stage tidy */
    const double *const *value;      /* [m->n_state] of its states, in the arena */
} Quantized;
/* Of a module at tidy with the graph infer alone. watched: the graph returns what each layer computes
 * as reals in PyTorch's order, too, as "layer0" and so on. */
Quantized pass_quantize(const Module *m, const QuantizeIn *in, bool watched, Arena *a);

/* The same with weights of 16 bits in linear layers, d bf16 or f16; layers by pass_half_layers. Ranges
 * are not read. */
QuantLayer *pass_half_layers(const Graph *infer, int *n, Arena *a);
Quantized pass_halves(const Module *m, DType d, const QuantizeIn *in, Arena *a);

/* Why one block runs a graph for a GPU, or does not. */
const char *pass_blocks_why(const Graph *g, const PassCtx *c);

/* The plan for people: peak, lower bound, the step and tensors at the peak, a map. */
void pass_print_plan(const Graph *g, FILE *out);
#endif
