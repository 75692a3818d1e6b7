/* runtime/ahead.h: images of files, read and changed ahead of the step that needs them.
 *
 * Threads of their own prepare the next few batches while the step computes; whoever takes a batch
 * that is not ready helps. What an image becomes depends on the set and its row alone, so it does
 * not matter who makes it, or when. */
#ifndef SEQC_RT_AHEAD_H
#define SEQC_RT_AHEAD_H
#include "runtime/data.h"

typedef struct rt_ahead rt_ahead;

/* Null: no memory, or no thread can be started. Closing null is fine. */
rt_ahead *rt_ahead_open(int threads);
void rt_ahead_close(rt_ahead *a);

/* What will be taken: positions at .. total - 1 of the order (null: of the set), `batch` at a time.
 * Earlier plans are forgotten. The set and the order must stay as they are until the next plan, or a rest. */
bool rt_ahead_plan(rt_err *e, rt_ahead *a, const rt_set *set, const int64_t *order, int64_t at,
                   int64_t total, int64_t batch);
/* Forgets the plan, of which batches may be left that nobody takes: the set and the order may change. */
void rt_ahead_rest(rt_ahead *a);
/* The images of the next planned batch, [n][x_elems] bytes before the table, valid until the next
 * call. *images is null where `pick` is not that batch. Fails as the first of its images does that
 * cannot be made. */
bool rt_ahead_take(rt_err *e, rt_ahead *a, const rt_set *set, const rt_pick *pick,
                   const uint8_t **images);

#endif
