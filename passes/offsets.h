/* passes/offsets.h: where live ranges lie in one arena. Used by `plan`; tested alone. */
#ifndef SEQC_OFFSETS_H
#define SEQC_OFFSETS_H
#include "ir/arena.h"
#include <stdint.h>

/* Bytes that live in steps first .. last, both included. bytes is rounded up by the caller. */
typedef struct Range { int first, last; int64_t bytes, offset; } Range;

/* Sets every offset so that ranges that meet in time do not meet in memory; returns the peak, and
 * in *bound what no placement can undercut: the most bytes live in one step. Deterministic: budgets
 * are counted in search nodes, and every comparison is a total order. */
int64_t pass_offsets(Range *r, int n, int64_t *bound, Arena *scratch);

/* The most bytes live in one step, and that step. */
int64_t pass_lower_bound(const Range *r, int n, int *step, Arena *scratch);
#endif
