/* tests/e2e/turns.h: which of many cases a run takes: every fifth, or all where $EVERY is 1, as `tests/run
 * --full` asks, or one is named by $ONLY. */
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

static inline bool its_turn(int i) { return its_turn_of(i, 5); }
#endif
