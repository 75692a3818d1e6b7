/* tests/e2e/turns.h: which of many cases a run takes: every fifth, or all where $EVERY is 1, as `tests/run
 * --full` asks, or one is named by $ONLY. Where all that a case does takes ten times as long, $FEWER
 * leaves out all but every so many-eth of what takes longest (tests/full.sh: sanitizers). */
#ifndef SEQC_TEST_TURNS_H
#define SEQC_TEST_TURNS_H
#include <stdbool.h>
#include <stdlib.h>

/* Of n turns. */
static inline bool its_turn_of(int i, int n)
{
    const char *every = getenv("EVERY");
    return getenv("ONLY") || (every && atoi(every) == 1) || i % n == 0;
}

static inline int fewer(void)
{
    const char *n = getenv("FEWER");
    return n && !getenv("ONLY") && atoi(n) > 1 ? atoi(n) : 1;
}

static inline bool its_turn(int i) { return its_turn_of(i, 5); }
#endif
