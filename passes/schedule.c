/* passes/schedule.c: the order of kernels.
 *
 * needs   kernels
 * keeps   kernels, nodes, roots
 * breaks  a plan is dropped
 *
 *     k0 { %4 } k1 { %5 } k2 { update } k3 …  ->  k0 k1 k3 k2 …, if less is live so
 *
 * Several list orders are made and the one with the lowest bound on memory is kept, the earlier of
 * equals; first the order as it came, so that a graph that gains nothing stays as it reads.
 * Dependencies: who computes before who reads, and who reads a state before who replaces it.
 * Every choice among ready kernels is a total order. */
#include "passes/kernels.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <string.h>

typedef enum { ORDER_AS_IS, ORDER_EARLY, ORDER_FREES, ORDER_NET, ORDER_GRADIENTS, N_ORDERS } Rule;

typedef struct Sched {
    const Graph *g;
    const Kernel *k;
    int n;
    Memory memory;
    int *next, *at, *waits;          /* next[at[k] .. at[k+1]): kernels that wait for k */
    int *reads, *reads_at;           /* indices into memory.keep of arena values that k reads */
    int *uses;                       /* [n_keep] readers still to come */
    int *kept;                       /* kernel k keeps memory.keep[kept[k] .. kept[k+1]) */
    bool *updates, *backward;        /* [n] */
    int64_t live, peak;
} Sched;

/* ---- dependencies ---- */

typedef struct Pairs { int *from, *to; int n, cap; Arena *a; } Pairs;

static void add_pair(Pairs *p, int from, int to)
{
    if (p->n == p->cap) {
        int cap = p->cap ? 2 * p->cap : 64;
        p->from = arena_grow(p->a, p->from, (size_t)p->cap, (size_t)cap, sizeof(int));
        p->to = arena_grow(p->a, p->to, (size_t)p->cap, (size_t)cap, sizeof(int));
        p->cap = cap;
    }
    p->from[p->n] = from;
    p->to[p->n++] = to;
}

static void add_edge(Pairs *p, int from, int to)
{
    if (from != to && from >= 0 && to >= 0) add_pair(p, from, to);
}

static bool has_member(const Kernel *k, Val v)
{
    for (int i = 0; i < k->n_member; i++)
        if (k->member[i].i == v.i) return true;
    return false;
}

/* Lists by their first number. */
static void index_pairs(const Pairs *p, int n, int **list, int **at, Arena *a)
{
    *at = arena_alloc(a, (size_t)n + 2, sizeof(int));
    *list = arena_alloc(a, (size_t)p->n + 1, sizeof(int));
    for (int i = 0; i < p->n; i++) (*at)[p->from[i] + 1]++;
    for (int i = 0; i < n; i++) (*at)[i + 1] += (*at)[i];
    int *fill = arena_alloc(a, (size_t)n + 1, sizeof(int));
    memcpy(fill, *at, (size_t)n * sizeof *fill);
    for (int i = 0; i < p->n; i++) (*list)[fill[p->from[i]]++] = p->to[i];
}

static void find_edges(Sched *s, Arena *a)
{
    const Graph *g = s->g;
    Flow f = pass_flow(g, a);
    int *by = arena_alloc(a, g->n_node, sizeof *by);
    int *keep = arena_alloc(a, g->n_node, sizeof *keep);
    for (uint32_t i = 0; i < g->n_node; i++) by[i] = keep[i] = -1;
    /* Who stores a value; others may compute it again for themselves. */
    for (int i = 0; i < s->memory.n_keep; i++) {
        const Keep *b = &s->memory.keep[i];
        if (!b->val.i) continue;
        if (b->kind == BUF_ARENA) keep[b->val.i] = i;
        by[b->val.i] = b->first;
    }
    Pairs edges = { .a = a }, reads = { .a = a };
    for (int k = 0; k < s->n; k++)
        for (int i = 0; i < s->k[k].n_member; i++) {
            const Node *x = ir_node(g, s->k[k].member[i]);
            for (int j = 0; j < x->n_in; j++) {
                Val v = f.base[x->in[j].i];
                const Node *from = ir_node(g, v);
                if (from->op == OP_state && f.update_of[from->state.i].i)
                    add_edge(&edges, k, by[f.update_of[from->state.i].i]);
                if (has_member(&s->k[k], v)) continue;
                add_edge(&edges, by[v.i], k);
                bool again = false;
                for (int r = reads.n; r-- > 0 && reads.from[r] == k;)
                    again = again || reads.to[r] == keep[v.i];
                if (keep[v.i] >= 0 && !again) add_pair(&reads, k, keep[v.i]);
            }
        }
    index_pairs(&edges, s->n, &s->next, &s->at, a);
    index_pairs(&reads, s->n, &s->reads, &s->reads_at, a);
    /* What is kept is listed kernel by kernel. */
    s->kept = arena_alloc(a, (size_t)s->n + 1, sizeof *s->kept);
    for (int i = 0; i < s->memory.n_keep; i++) s->kept[s->memory.keep[i].first + 1]++;
    for (int k = 0; k < s->n; k++) s->kept[k + 1] += s->kept[k];
    s->waits = arena_alloc(a, (size_t)s->n, sizeof *s->waits);
    s->uses = arena_alloc(a, (size_t)s->memory.n_keep + 1, sizeof *s->uses);
}

/* ---- list orders ---- */

/* What running kernel k now adds while it runs, and what stays different afterwards. */
static void effect(const Sched *s, int k, int64_t *up, int64_t *net)
{
    int64_t frees = 0, scratch = 0;
    *up = 0;
    for (int i = s->kept[k]; i < s->kept[k + 1]; i++) {
        const Keep *b = &s->memory.keep[i];
        if (b->kind == BUF_SCRATCH) scratch += b->bytes;
        if (b->kind == BUF_ARENA && !b->in_place_of.i) *up += b->bytes;
        if (b->kind == BUF_ARENA && !s->uses[i]) frees += b->bytes;
    }
    for (int r = s->reads_at[k]; r < s->reads_at[k + 1]; r++)
        if (s->uses[s->reads[r]] == 1) frees += s->memory.keep[s->reads[r]].bytes;
    *net = *up - frees;
    *up += scratch;
}

/* Lower goes first; the kernel's number decides among equals. */
static void keys(const Sched *s, Rule rule, int k, int64_t key[2])
{
    int64_t up, net;
    effect(s, k, &up, &net);
    int64_t peak = s->live + up > s->peak ? s->live + up : s->peak;
    key[0] = key[1] = 0;
    switch (rule) {
    case ORDER_EARLY: key[0] = s->updates[k] ? 0 : 1; break;
    case ORDER_FREES: key[0] = peak; key[1] = net; break;
    case ORDER_NET: key[0] = net; key[1] = up; break;
    case ORDER_GRADIENTS: key[0] = s->updates[k] ? 0 : s->backward[k] ? 1 : 2; key[1] = net; break;
    default: break;
    }
    if (rule == ORDER_GRADIENTS && key[0] == 2) key[1] = 0;
}

static void run(Sched *s, int k)
{
    int64_t up, net;
    effect(s, k, &up, &net);
    if (s->live + up > s->peak) s->peak = s->live + up;
    s->live += net;
    for (int r = s->reads_at[k]; r < s->reads_at[k + 1]; r++) s->uses[s->reads[r]]--;
    for (int e = s->at[k]; e < s->at[k + 1]; e++) s->waits[s->next[e]]--;
}

static void make_order(Sched *s, Rule rule, int *order, Arena *a)
{
    bool *done = arena_alloc(a, (size_t)s->n + 1, sizeof *done);
    memset(s->waits, 0, (size_t)s->n * sizeof *s->waits);
    memset(s->uses, 0, (size_t)s->memory.n_keep * sizeof *s->uses);
    s->live = s->peak = 0;
    for (int e = 0; e < s->at[s->n]; e++) s->waits[s->next[e]]++;
    for (int r = 0; r < s->reads_at[s->n]; r++) s->uses[s->reads[r]]++;
    for (int n = 0, low = 0; n < s->n; n++) {
        int best = -1;
        int64_t best_key[2] = { 0, 0 };
        while (done[low]) low++;
        for (int k = low; k < s->n; k++) {
            int64_t key[2];
            if (done[k] || s->waits[k]) continue;
            keys(s, rule, k, key);
            bool less = best < 0 || key[0] < best_key[0]
                     || (key[0] == best_key[0] && key[1] < best_key[1]);
            if (!less) continue;
            best = k;
            memcpy(best_key, key, sizeof key);
            if (rule == ORDER_AS_IS) break;
        }
        if (best < 0) ir_die(s->g->module, "schedule: kernels in a circle");
        done[best] = true;
        order[n] = best;
        run(s, best);
    }
}

static void classify(Sched *s, Arena *a)
{
    const Graph *g = s->g;
    uint32_t last_return = 0;
    s->updates = arena_alloc(a, (size_t)s->n, sizeof *s->updates);
    s->backward = arena_alloc(a, (size_t)s->n, sizeof *s->backward);
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_RETURN && g->root[r].val.i > last_return)
            last_return = g->root[r].val.i;
    for (int k = 0; k < s->n; k++)
        s->backward[k] = s->k[k].member[0].i > last_return;
    for (int i = 0; i < s->memory.n_keep; i++)
        if (s->memory.keep[i].kind == BUF_STATE) s->updates[s->memory.keep[i].first] = true;
}

void pass_copy_kernels(Graph *to, const Graph *from, const Kernel *k, Arena *a)
{
    Val *map = arena_alloc(a, from->n_node, sizeof *map);
    Kernel *copy = arena_alloc(a, (size_t)from->n_kernel + 1, sizeof *copy);
    ir_copy_graph(to, from, map);
    for (int i = 0; i < from->n_kernel; i++) {
        Val *member = arena_alloc(a, (size_t)k[i].n_member, sizeof *member);
        for (int j = 0; j < k[i].n_member; j++) member[j] = map[k[i].member[j].i];
        copy[i] = k[i];
        copy[i].member = member;
    }
    ir_set_kernels(to, copy, from->n_kernel);
    to->one_block = from->one_block;
}

/* The search for an order costs the square of the kernels; beyond this the order stays as it is. */
enum { MAX_SEARCHED = 2000 };

static void schedule_graph(Graph *to, const Graph *from, const PassCtx *ctx)
{
    Arena *a = arena_new();
    size_t n = (size_t)from->n_kernel;
    Sched s = { .g = from, .k = from->kernel, .n = from->n_kernel,
                .memory = pass_memory(from, from->kernel, from->n_kernel, ctx, a) };
    Kernel *best = arena_alloc(a, n + 1, sizeof *best), *now = arena_alloc(a, n + 1, sizeof *now);
    int *order = arena_alloc(a, n + 1, sizeof *order);
    int64_t best_bound = INT64_MAX;
    find_edges(&s, a);
    classify(&s, a);
    for (int rule = 0; rule < (n > MAX_SEARCHED ? 1 : N_ORDERS); rule++) {
        make_order(&s, (Rule)rule, order, a);
        for (size_t i = 0; i < n; i++) now[i] = from->kernel[order[i]];
        int64_t bound = pass_bound(from, now, from->n_kernel, ctx, a);
        if (bound >= best_bound) continue;
        best_bound = bound;
        memcpy(best, now, n * sizeof *best);
    }
    pass_copy_kernels(to, from, best, a);
    arena_free(a);
}

Module *pass_schedule(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "schedule");
    for (int i = 0; i < in->n_graph; i++)
        schedule_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], ctx);
    return m;
}
