/* passes/offsets.c: packs live ranges into as few bytes as it can.
 *
 * First fit in four rankings; where none reaches the lower bound, a bounded search for a packing
 * in exactly that many bytes, then for one closer to it. The search walks canonical layouts only:
 * ranges are put down in non-decreasing offset, each on the floor below it, and a branch dies when
 * some moment's floor plus the bytes still to place there exceeds the cap.
 * It does not change orders of execution and knows nothing of graphs.
 *
 * Source: Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine
 * Learning" (ASPLOS 2023), for canonical layouts and the floor bound. */
#include "passes/offsets.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef enum { BY_BYTES, BY_BUSIEST, BY_START, BY_AREA, N_RANKINGS } Ranking;

/* Beyond this many ranges the search costs more than it brings; first fit remains. */
enum { SEARCH_MAX_RANGES = 3000 };
/* Nodes for a search, shared out: few ranges are cheap to search, and need more of it. */
enum { SEARCH_SMALL = 200000 };

/* qsort passes no context: the key of a range travels with it. */
typedef struct { int64_t key[3]; int i; } Ranked;

static int by_key(const void *pa, const void *pb)
{
    const Ranked *a = pa, *b = pb;
    for (int k = 0; k < 3; k++)
        if (a->key[k] != b->key[k]) return a->key[k] < b->key[k] ? -1 : 1;
    return a->i < b->i ? -1 : 1;
}

static int64_t length(const Range *r) { return (int64_t)r->last - r->first + 1; }

static int64_t area(const Range *r)
{
    int64_t x;
    return __builtin_mul_overflow(r->bytes, length(r), &x) ? INT64_MAX : x;
}

static void rank_ranges(const Range *r, int n, const int64_t *busy, Ranking by, int *order,
                        Arena *scratch)
{
    Ranked *k = arena_alloc(scratch, (size_t)n, sizeof *k);
    for (int i = 0; i < n; i++) {
        int64_t first = 0;
        switch (by) {
        case BY_BUSIEST: first = -busy[i]; break;
        case BY_START:   first = r[i].first; break;
        case BY_AREA:    first = -area(&r[i]); break;
        default: break;
        }
        k[i] = (Ranked){ { first, -r[i].bytes, -length(&r[i]) }, i };
        if (by == BY_BUSIEST) {
            k[i].key[1] = -length(&r[i]);
            k[i].key[2] = -r[i].bytes;
        }
    }
    qsort(k, (size_t)n, sizeof *k, by_key);
    for (int i = 0; i < n; i++) order[i] = k[i].i;
}

static bool meet(const Range *a, const Range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Each range in the lowest gap that fits, in the given order. low lists the placed ones by
 * offset. */
static int64_t first_fit(Range *r, int n, const int *order, int *low)
{
    int64_t peak = 0;
    for (int k = 0; k < n; k++) {
        Range *x = &r[order[k]];
        int64_t at = 0;
        for (int j = 0; j < k; j++) {
            const Range *y = &r[low[j]];
            if (!meet(x, y)) continue;
            if (y->offset - at >= x->bytes) break;
            if (y->offset + y->bytes > at) at = y->offset + y->bytes;
        }
        x->offset = at;
        if (at + x->bytes > peak) peak = at + x->bytes;
        int j = k;
        for (; j > 0 && r[low[j - 1]].offset > at; j--) low[j] = low[j - 1];
        low[j] = order[k];
    }
    return peak;
}

/* ---- the search ---- */

typedef struct Search {
    Range *r;
    int n, n_moment;
    int64_t cap;
    long nodes, limit;
    int *order, *rank;               /* static preference, and its inverse */
    int64_t *low;                    /* lowest offset still open to each range */
    int *from, *to;                  /* first and last moment of each range */
    int64_t *floor, *unplaced;       /* of each moment: bytes used from below, bytes to place */
    int *near, *near_at;             /* ranges that meet i: near[near_at[i] .. near_at[i+1]) */
    int *cand;                       /* candidates, a stack shared by all depths */
    int64_t *undo;                   /* saved low and floor values, likewise */
    size_t n_cand, cap_cand, n_undo, cap_undo;
    Arena *scratch;
} Search;

typedef enum { SEARCH_NO, SEARCH_YES, SEARCH_LIMIT } Found;

static void push_undo(Search *s, int64_t value)
{
    if (s->n_undo == s->cap_undo) {
        size_t cap = s->cap_undo ? 2 * s->cap_undo : 256;
        s->undo = arena_grow(s->scratch, s->undo, s->cap_undo, cap, sizeof *s->undo);
        s->cap_undo = cap;
    }
    s->undo[s->n_undo++] = value;
}

/* Collects the unplaced ranges worth trying next, lowest offset first. Anything at or above the
 * ceiling would leave a hole that some unplaced range could have used. */
static size_t collect(Search *s, int64_t min_offset, int min_rank)
{
    size_t base = s->n_cand;
    if (base + (size_t)s->n > s->cap_cand) {
        size_t cap = 2 * (s->cap_cand + (size_t)s->n);
        s->cand = arena_grow(s->scratch, s->cand, s->cap_cand, cap, sizeof *s->cand);
        s->cap_cand = cap;
    }
    int64_t ceiling = INT64_MAX;
    for (int i = 0; i < s->n; i++)
        if (s->r[i].offset < 0 && s->low[i] + s->r[i].bytes < ceiling)
            ceiling = s->low[i] + s->r[i].bytes;
    for (int q = 0; q < s->n; q++) {
        int i = s->order[q];
        bool before = s->low[i] < min_offset || (s->low[i] == min_offset && q < min_rank);
        if (s->r[i].offset >= 0 || s->low[i] >= ceiling || before) continue;
        size_t j = s->n_cand++;
        for (; j > base && s->low[s->cand[j - 1]] > s->low[i]; j--) s->cand[j] = s->cand[j - 1];
        s->cand[j] = i;
    }
    return base;
}

/* Puts x on its floor. False if that already exceeds the cap somewhere. */
static bool put(Search *s, int x)
{
    int64_t at = s->low[x], end = at + s->r[x].bytes;
    bool fits = true;
    for (int j = s->near_at[x]; j < s->near_at[x + 1]; j++) {
        int y = s->near[j];
        push_undo(s, s->low[y]);
        if (s->r[y].offset >= 0 || s->low[y] >= end) continue;
        s->low[y] = end;
        if (end + s->r[y].bytes > s->cap) fits = false;
    }
    s->r[x].offset = at;
    for (int t = s->from[x]; t <= s->to[x]; t++) {
        push_undo(s, s->floor[t]);
        if (s->floor[t] < end) s->floor[t] = end;
        s->unplaced[t] -= s->r[x].bytes;
    }
    for (int t = 0; t < s->n_moment && fits; t++) {
        int64_t floor = s->floor[t] > at ? s->floor[t] : at;
        if (s->unplaced[t] && floor + s->unplaced[t] > s->cap) fits = false;
    }
    return fits;
}

static void take_back(Search *s, int x)
{
    for (int t = s->to[x]; t >= s->from[x]; t--) {
        s->floor[t] = s->undo[--s->n_undo];
        s->unplaced[t] += s->r[x].bytes;
    }
    for (int j = s->near_at[x + 1] - 1; j >= s->near_at[x]; j--)
        s->low[s->near[j]] = s->undo[--s->n_undo];
    s->r[x].offset = -1;
}

/* Depth is the number of ranges, at most SEARCH_MAX_RANGES. */
static Found descend(Search *s, int left, int64_t min_offset, int min_rank)
{
    if (!left) return SEARCH_YES;
    if (++s->nodes > s->limit) return SEARCH_LIMIT;
    size_t base = collect(s, min_offset, min_rank), end = s->n_cand;
    Found found = SEARCH_NO;
    for (size_t k = base; k < end && found == SEARCH_NO; k++) {
        int x = s->cand[k];
        int64_t at = s->low[x];
        if (at + s->r[x].bytes > s->cap) continue;
        if (put(s, x)) found = descend(s, left - 1, at, s->rank[x]);
        if (found != SEARCH_YES) take_back(s, x);
    }
    s->n_cand = base;
    return found;
}

/* The moments are the maximal sets of ranges that live together: a step where a range ends, with a
 * start since the last such step. */
static void find_moments(Search *s, int last)
{
    bool *starts = arena_alloc(s->scratch, (size_t)last + 1, sizeof *starts);
    bool *ends = arena_alloc(s->scratch, (size_t)last + 1, sizeof *ends);
    int *step = arena_alloc(s->scratch, (size_t)last + 1, sizeof *step);
    int *before = arena_alloc(s->scratch, (size_t)last + 1, sizeof *before);
    for (int i = 0; i < s->n; i++) {
        starts[s->r[i].first] = true;
        ends[s->r[i].last] = true;
    }
    bool open = false;
    for (int t = 0; t <= last; t++) {
        before[t] = s->n_moment;
        open = open || starts[t];
        if (ends[t] && open) {
            step[s->n_moment++] = t;
            open = false;
        }
    }
    s->floor = arena_alloc(s->scratch, (size_t)s->n_moment, sizeof *s->floor);
    s->unplaced = arena_alloc(s->scratch, (size_t)s->n_moment, sizeof *s->unplaced);
    for (int i = 0; i < s->n; i++) {
        s->from[i] = s->to[i] = before[s->r[i].first];
        while (s->to[i] + 1 < s->n_moment && step[s->to[i] + 1] <= s->r[i].last) s->to[i]++;
        for (int t = s->from[i]; t <= s->to[i]; t++) s->unplaced[t] += s->r[i].bytes;
    }
}

static void find_neighbours(Search *s)
{
    for (int fill = 0; fill < 2; fill++) {
        int count = 0;
        for (int i = 0; i < s->n; i++) {
            s->near_at[i] = count;
            for (int j = 0; j < s->n; j++) {
                if (j == i || !meet(&s->r[i], &s->r[j])) continue;
                if (fill) s->near[count] = j;
                count++;
            }
        }
        s->near_at[s->n] = count;
        if (!fill) s->near = arena_alloc(s->scratch, (size_t)count + 1, sizeof *s->near);
    }
}

static Found search(Range *r, int n, int last, int64_t cap, const int64_t *busy, Ranking by,
                    long limit)
{
    Arena *scratch = arena_new();
    size_t m = (size_t)n;
    Search s = { .r = r, .n = n, .cap = cap, .limit = limit, .scratch = scratch,
                 .order = arena_alloc(scratch, m, sizeof(int)),
                 .rank = arena_alloc(scratch, m, sizeof(int)),
                 .low = arena_alloc(scratch, m, sizeof(int64_t)),
                 .from = arena_alloc(scratch, m, sizeof(int)),
                 .to = arena_alloc(scratch, m, sizeof(int)),
                 .near_at = arena_alloc(scratch, m + 1, sizeof(int)) };
    rank_ranges(r, n, busy, by, s.order, scratch);
    for (int q = 0; q < n; q++) s.rank[s.order[q]] = q;
    find_moments(&s, last);
    find_neighbours(&s);
    for (int i = 0; i < n; i++) r[i].offset = -1;
    Found found = descend(&s, n, 0, 0);
    arena_free(scratch);
    return found;
}

/* ---- the portfolio ---- */

static int last_step(const Range *r, int n)
{
    int last = 0;
    for (int i = 0; i < n; i++)
        if (r[i].last > last) last = r[i].last;
    return last;
}

static int64_t *live_bytes(const Range *r, int n, int last, Arena *scratch)
{
    int64_t *live = arena_alloc(scratch, (size_t)last + 2, sizeof *live);
    for (int i = 0; i < n; i++) {
        live[r[i].first] += r[i].bytes;
        live[r[i].last + 1] -= r[i].bytes;
    }
    for (int t = 1; t <= last; t++) live[t] += live[t - 1];
    return live;
}

int64_t pass_lower_bound(const Range *r, int n, int *step, Arena *scratch)
{
    int last = last_step(r, n), at = 0;
    const int64_t *live = live_bytes(r, n, last, scratch);
    for (int t = 0; t <= last; t++)
        if (live[t] > live[at]) at = t;
    if (step) *step = at;
    return live[at];
}

typedef struct { Range *r; int n; int64_t peak, *best; } Keeper;

static void keep_better(Keeper *k, int64_t peak)
{
    if (peak >= k->peak) return;
    k->peak = peak;
    for (int i = 0; i < k->n; i++) k->best[i] = k->r[i].offset;
}

int64_t pass_offsets(Range *r, int n, int64_t *bound, Arena *scratch)
{
    *bound = 0;
    if (!n) return 0;
    int last = last_step(r, n);
    *bound = pass_lower_bound(r, n, NULL, scratch);
    const int64_t *live = live_bytes(r, n, last, scratch);
    int64_t *busy = arena_alloc(scratch, (size_t)n, sizeof *busy);
    for (int i = 0; i < n; i++)
        for (int t = r[i].first; t <= r[i].last; t++)
            if (live[t] > busy[i]) busy[i] = live[t];
    Keeper k = { r, n, INT64_MAX, arena_alloc(scratch, (size_t)n, sizeof(int64_t)) };
    int *order = arena_alloc(scratch, (size_t)n, sizeof *order);
    int *low = arena_alloc(scratch, (size_t)n, sizeof *low);
    for (int by = 0; by < N_RANKINGS && k.peak > *bound; by++) {
        rank_ranges(r, n, busy, (Ranking)by, order, scratch);
        keep_better(&k, first_fit(r, n, order, low));
    }
    long limit = n > SEARCH_MAX_RANGES ? 0 : 8L * n + 2000 + SEARCH_SMALL / n;
    static const Ranking prefer[] = { BY_BUSIEST, BY_AREA, BY_BYTES };
    for (int p = 0; p < 3 && limit && k.peak > *bound; p++) {
        Found found = search(r, n, last, *bound, busy, prefer[p], limit);
        if (found == SEARCH_YES) keep_better(&k, *bound);
        if (found == SEARCH_NO) break;
    }
    /* Halfway houses: a quarter of the gap at a time, until half a percent is left. */
    int64_t lo = *bound;
    for (int p = 0; p < 4 && limit && k.peak > *bound + *bound / 200; p++) {
        int64_t cap = lo + (k.peak - lo) / 4;
        if (search(r, n, last, cap, busy, BY_BUSIEST, limit / 2) == SEARCH_YES)
            keep_better(&k, cap);
        else
            lo = cap;
    }
    for (int i = 0; i < n; i++) r[i].offset = k.best[i];
    return k.peak;
}
