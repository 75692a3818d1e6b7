/* tests/passes/test_offsets.c: thousands of random sets of live ranges through passes/offsets.c.
 *
 * Two independent checkers: no two ranges that meet in time meet in memory, and a replay that
 * stamps every byte block with its writer and asks at each last step who wrote it. */
#include "passes/offsets.h"
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int below(int n) { return (int)(next_random() % (uint64_t)n); }

enum { BLOCK = 64, MAX_RANGES = 64 };

static int random_ranges(Range *r)
{
    int n = 1 + below(MAX_RANGES - 1), steps = 1 + below(40), size = 1 + below(60);
    for (int i = 0; i < n; i++) {
        int first = below(steps), length = below(4) ? below(6) : below(steps);
        int last = first + length < steps ? first + length : steps - 1;
        r[i] = (Range){ first, last, (int64_t)BLOCK * (1 + below(size)), -1 };
    }
    return n;
}

static bool overlap(const Range *a, const Range *b)
{
    bool time = a->first <= b->last && b->first <= a->last;
    return time && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static void check_replay(const Range *r, int n, int64_t peak)
{
    int *owner = malloc((size_t)(peak / BLOCK + 1) * sizeof *owner), last = 0;
    for (int i = 0; i < n; i++)
        if (r[i].last > last) last = r[i].last;
    for (int t = 0; t <= last; t++) {
        for (int i = 0; i < n; i++)
            for (int64_t b = 0; r[i].first == t && b < r[i].bytes / BLOCK; b++)
                owner[r[i].offset / BLOCK + b] = i;
        for (int i = 0; i < n; i++)
            for (int64_t b = 0; r[i].last == t && b < r[i].bytes / BLOCK; b++)
                if (owner[r[i].offset / BLOCK + b] != i)
                    ck_abort_msg("range %d is overwritten", i);
    }
    free(owner);
}

static int64_t naive_bound(const Range *r, int n)
{
    int64_t most = 0;
    for (int t = 0; t < 64; t++) {
        int64_t live = 0;
        for (int i = 0; i < n; i++)
            if (r[i].first <= t && t <= r[i].last) live += r[i].bytes;
        if (live > most) most = live;
    }
    return most;
}

START_TEST(random_sets)
{
    Range r[MAX_RANGES], again[MAX_RANGES];
    double worst = 1;
    int at_bound = 0, sets = 500;
    state = 88172645463325252u + (uint64_t)_i * 7919;
    for (int k = 0; k < sets; k++) {
        Arena *a = arena_new();
        int n = random_ranges(r);
        int64_t bound, bound_again;
        memcpy(again, r, sizeof r);
        int64_t peak = pass_offsets(r, n, &bound, a);
        ck_assert_int_eq(bound, naive_bound(r, n));
        ck_assert_int_ge(peak, bound);
        for (int i = 0; i < n; i++) {
            ck_assert_int_ge(r[i].offset, 0);
            ck_assert_int_eq(r[i].offset % BLOCK, 0);
            ck_assert_int_le(r[i].offset + r[i].bytes, peak);
            for (int j = 0; j < i; j++)
                if (overlap(&r[i], &r[j])) ck_abort_msg("ranges %d and %d overlap", i, j);
        }
        check_replay(r, n, peak);
        ck_assert_int_eq(pass_offsets(again, n, &bound_again, a), peak);
        ck_assert_mem_eq(r, again, (size_t)n * sizeof *r);
        if ((double)peak / (double)bound > worst) worst = (double)peak / (double)bound;
        at_bound += peak == bound;
        arena_free(a);
    }
    ck_assert_double_le(worst, 1.04);
    ck_assert_int_ge(at_bound, sets * 9 / 10);
}
END_TEST

/* First fit by size needs more than the bound here; the search does not. */
START_TEST(search_beats_first_fit)
{
    Range r[] = { { 0, 1, 64 * 2, 0 }, { 1, 2, 64 * 3, 0 }, { 2, 4, 64 * 2, 0 },
                  { 0, 0, 64 * 3, 0 }, { 3, 4, 64 * 3, 0 }, { 4, 5, 64, 0 }, { 3, 3, 64, 0 } };
    int64_t bound;
    Arena *a = arena_new();
    ck_assert_int_eq(pass_offsets(r, 7, &bound, a), bound);
    ck_assert_int_eq(bound, 64 * 6);
    arena_free(a);
}
END_TEST

START_TEST(edges)
{
    int64_t bound;
    Arena *a = arena_new();
    ck_assert_int_eq(pass_offsets(NULL, 0, &bound, a), 0);
    ck_assert_int_eq(bound, 0);
    Range one = { 3, 3, 64, -1 };
    ck_assert_int_eq(pass_offsets(&one, 1, &bound, a), 64);
    ck_assert_int_eq(one.offset, 0);
    Range many[4000];
    for (int i = 0; i < 4000; i++) many[i] = (Range){ i, i + 2, 64 * (1 + i % 7), -1 };
    ck_assert_int_ge(pass_offsets(many, 4000, &bound, a), bound);
    arena_free(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("offsets");
    TCase *t = tcase_create("offsets");
    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, random_sets, 0, 6);
    tcase_add_test(t, search_beats_first_fit);
    tcase_add_test(t, edges);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
