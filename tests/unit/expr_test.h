/* tests/unit/expr_test.h: what the tests of scalar expressions share. */
#ifndef SEQC_TESTS_EXPR_TEST_H
#define SEQC_TESTS_EXPR_TEST_H
#include "ir/expr.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

static Arena *arena;
static ExPool *pool;

static inline void setup(void)
{
    arena = arena_new();
    pool = ex_pool(arena);
}

static inline void teardown(void)
{
    arena_free(arena);
}

static const char *const names[] = {"slope", "alpha", NULL};

static inline Ex parsed(const char *text)
{
    char err[EX_ERR];
    Ex e = ex_parse(pool, text, names, err);
    ck_assert_msg(e.i != 0, "'%s': %s", text, err);
    return e;
}

static inline const char *shown(Ex e)
{
    return e.i ? ex_print(arena, pool, e) : "none";
}

static inline bool same_bits(double x, double y)
{
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

static const double extremes[] = {0.0,   -0.0,   1,       -1,       0.5,       -0.5,  2,      3.75,
                                  -7.25, 1e-300, -1e-300, 5e-324,   -5e-324,   1e300, -1e300, 700,
                                  -700,  40,     -40,     INFINITY, -INFINITY, NAN};

#endif
