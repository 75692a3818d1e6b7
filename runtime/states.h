/* runtime/states.h: the states of a model in their block: what they start with, and PyTorch's order at
 * every border. A program and, for weights that it writes into sources, the compiler use it. */
#ifndef SEQC_RT_STATES_H
#define SEQC_RT_STATES_H
#include "runtime/random.h"
#include "runtime/rt.h"

/* Elements [first, first + count) of a state in PyTorch's order, out of the block or into it, in the
 * state's dtype. */
void rt_state_get(const rt_state *s, const char *block, int64_t first, int64_t count, void *to);
void rt_state_put(const rt_state *s, char *block, int64_t first, int64_t count, const void *from);
/* Where it lies in the block in PyTorch's order, as in a file; null where its order is another. */
const void *rt_state_plain(const rt_state *s, const char *block);
int64_t rt_state_elems(const rt_state *s);

/* The model's draws into a block of zeros, by a generator that starts at `seed`; always: in place of
 * the seeds that the draws set, too (the model file may set one several times). */
bool rt_states_draw(rt_err *e, const rt_model *m, char *block, rt_random *random, int64_t seed,
                    bool always);
/* draws.c: a draw, other than of a constant, into x, which holds what the draws before it left, in
 * PyTorch's order. */
bool rt_draw_values(rt_err *e, rt_random *r, const rt_draw *draw, float *x, int64_t elems,
                    int64_t rows);

#endif
