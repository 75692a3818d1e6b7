/* ir/trial.h: graphs on made-up values, how far two ways to compute them are apart, and slopes by
 * differences. For `seqc check` and the tests.
 *
 * Values depend on names alone: two modules with the same names see the same numbers. */
#ifndef SEQC_TRIAL_H
#define SEQC_TRIAL_H
#include "ir/ir.h"

typedef struct Trial {
    const Graph *g;
    int64_t n;                       /* batch */
    double low;                      /* inputs, but for targets, are in (low, 1) */
    /* Row-major values from elsewhere of an input or a state; null: made up. May be null itself. */
    const double *(*given)(void *ctx, const char *name, const Type *t);
    void *ctx;
    Arena *arena;                    /* of the values; the caller's */
    double **input, **state;         /* [n_node], [n_state]: null until asked for; may be changed */
} Trial;

enum { TRIAL_STEP = 3, TRIAL_STEPS = 10 };         /* where in which epoch */
static const uint64_t trial_seed = 0x123456789abcdef;
static const double trial_lr[] = { 0.05, 0.03, 0.02, 0.01, 0.1, 0.2, 0.3, 0.4 };   /* by groups */

/* g, n, low, given, ctx and arena are set; the trial must outlive what is returned. */
EvalIn ir_trial(Trial *t);
double *ir_trial_input(Trial *t, const char *name);      /* null if the graph has none */
double *ir_trial_state(Trial *t, State s);

/* Of ir_eval's values those of the roots: [n_root]. */
double **ir_root_values(const Graph *g, double *const *value, Arena *a);
/* The root of g that `like`, a root of `of`, is called; null: none. */
const Root *ir_root_like(const Graph *g, const Graph *of, const Root *like);

/* Same nodes, operands, attributes, types and roots: whatever layout, kernels and plan say, the
 * values are the same. */
bool ir_same_values(const Graph *a, const Graph *b);

/* Where two results differ most. Sizes are measured against the tensor's largest value, and a tenth
 * of the graph's largest, so that a sum that cancels to nothing is no mismatch. */
typedef struct Gap {
    double share;                    /* |a - b| over the size; infinite: one of them is no number */
    const Root *root;                /* of the first graph; null: nothing differs */
    int64_t at;
    double a, b;
} Gap;
/* Roots of ga against those of the same name of gb; values by ir_root_values. A gradient that has
 * become an update is left out; any other missing root is an infinite gap. */
Gap ir_gap(const Graph *ga, double *const *a, const Graph *gb, double *const *b, int64_t n);

/* f'(0) by central differences over the step and over half of it, extrapolated. Not smooth: the
 * slopes to the left and to the right disagree however small the step is. */
typedef double SlopeFn(void *ctx, double x);
typedef struct Slope { double value; bool smooth; } Slope;
Slope ir_slope(SlopeFn *f, void *ctx);
#endif
