/* passes/memory.c: what kernels in an order store, how long, and who may take over whose bytes.
 *
 * A value is stored if a kernel that does not compute it reads it, or a root. Of several kernels
 * that compute it (random numbers) the last before its first outside reader stores it.
 * It does not choose orders or offsets. */
#include "ir/tasks.h"
#include "passes/kernels.h"
#include "passes/offsets.h"

typedef struct Facts {
    const Graph *g;
    const Kernel *k;
    int n;
    Val *base;                       /* [n_node] */
    int *by, *first, *last;          /* [n_node] storing kernel, outside readers; -1: none */
    int *root;                       /* [n_node] index of the root that it is; -1 */
    int *uses;                       /* [n_node] kernels that read it from outside */
    Kept kept;
} Facts;

static bool has_member(const Kernel *k, Val v)
{
    for (int i = 0; i < k->n_member; i++)
        if (k->member[i].i == v.i) return true;
    return false;
}

static void count_reader(Facts *f, const Kernel *k, int at, int member)
{
    const Node *x = ir_node(f->g, k->member[member]);
    for (int i = 0; i < x->n_in; i++) {
        Val v = f->base[x->in[i].i];
        if (has_member(k, v)) continue;
        if (f->first[v.i] < 0) f->first[v.i] = at;
        if (f->last[v.i] != at) f->uses[v.i]++;
        f->last[v.i] = at;
    }
}

static Facts gather(const Graph *g, const Kernel *k, int n, Arena *a)
{
    size_t m = g->n_node;
    Facts f = { .g = g, .k = k, .n = n, .base = arena_alloc(a, m, sizeof(Val)) };
    int **const list[] = { &f.by, &f.first, &f.last, &f.root, &f.uses };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        *list[i] = arena_alloc(a, m, sizeof(int));
    for (uint32_t i = 1; i < m; i++) {
        const Node *x = &g->node[i];
        f.base[i] = ir_op[x->op].kind == KIND_VIEW ? f.base[x->in[0].i] : (Val){ i };
        f.by[i] = f.first[i] = f.last[i] = f.root[i] = -1;
    }
    for (int r = 0; r < g->n_root; r++) f.root[f.base[g->root[r].val.i].i] = r;
    for (int at = 0; at < n; at++)
        for (int i = 0; i < k[at].n_member; i++) count_reader(&f, &k[at], at, i);
    for (int at = 0; at < n; at++)
        for (int i = 0; i < k[at].n_member; i++) {
            uint32_t v = k[at].member[i].i;
            bool read = f.first[v] >= 0;
            if (!read && f.root[v] < 0) continue;
            if (f.by[v] < 0 || !read || at < f.first[v]) f.by[v] = at;
        }
    f.kept = ir_kept(g, k, n, f.by, a);
    return f;
}

/* ---- in place ---- */

/* Reader x of kernel k reads `in` exactly at the element that it writes, and writes over that
 * element only after reading it. Products and reductions read ahead; their maps do not, but a map
 * before the root of a reduction reads what many results need. */
static bool reads_in_step(const Graph *g, const Kernel *k, const Node *x, Val in, Val root, Val v)
{
    const Shape *s = &ir_type(g, in)->shape;
    if (ir_op[x->op].kind != KIND_MAP) return false;
    if (k->algo == ALGO_map)
        return ir_shape_eq(s, &x->type.shape);
    const Shape *frame = &ir_type(g, root)->shape;
    return v.i >= root.i && ir_shape_eq(s, frame) && ir_shape_eq(&x->type.shape, frame);
}

/* A row program reads elements of its rows alone, before the loop that stores them and in it at the
 * same place. */
static bool reads_own_row(const Graph *g, const Node *x, Val in, Val root, Val v)
{
    const Shape *frame = &ir_type(g, ir_node(g, root)->in[0])->shape;
    OpKind kind = ir_op[x->op].kind;
    return (kind == KIND_MAP || kind == KIND_REDUCE)
        && ir_shape_eq(&ir_type(g, in)->shape, frame) && ir_shape_eq(&ir_type(g, v)->shape, frame);
}

static bool may_take(const Facts *f, int at, Val v, Val old)
{
    const Kernel *k = &f->k[at];
    bool rows = k->algo == ALGO_row;
    bool maps = rows || k->algo == ALGO_map || k->algo == ALGO_reduce || k->algo == ALGO_window
             || ir_algo[k->algo].root == KIND_CONV || ir_algo[k->algo].root == KIND_PROD;
    if (!maps || f->last[old.i] != at) return false;
    Val root = ir_kernel_root(f->g, k);
    const Type *new_type = ir_type(f->g, v), *old_type = ir_type(f->g, old);
    if (new_type->dtype != old_type->dtype
        || !pass_same_elements(&new_type->shape, &old_type->shape)) return false;
    if (k->algo != ALGO_map && !rows && !ir_shape_eq(&new_type->shape, &ir_type(f->g, root)->shape))
        return false;
    for (int i = 0; i < k->n_member; i++) {
        const Node *x = ir_node(f->g, k->member[i]);
        for (int j = 0; j < x->n_in; j++)
            if (f->base[x->in[j].i].i == old.i
                && !(rows ? reads_own_row(f->g, x, x->in[j], root, v)
                          : reads_in_step(f->g, k, x, x->in[j], root, k->member[i])))
                return false;
    }
    return true;
}

/* ---- the list ---- */

typedef struct Lists { Memory m; int *keep_of; bool *given; } Lists;

static BufKind kind_of_root(const Facts *f, int root)
{
    if (root < 0) return BUF_ARENA;
    return f->g->root[root].kind == ROOT_UPDATE ? BUF_STATE : BUF_OUT;
}

static int out_index(const Graph *g, int root)
{
    int out = 0;
    for (int r = 0; r < root; r++) out += g->root[r].kind == ROOT_RETURN;
    return out;
}

/* Takes over the bytes of an operand that dies here, if it can. */
static void take_over(const Facts *f, Lists *l, Keep *b, int at)
{
    const Kernel *k = &f->k[at];
    for (int i = 0; i < k->n_member; i++) {
        const Node *x = ir_node(f->g, k->member[i]);
        for (int j = 0; j < x->n_in; j++) {
            Val old = f->base[x->in[j].i];
            int from = l->keep_of[old.i];
            if (from < 0 || l->given[old.i] || l->m.keep[from].kind != BUF_ARENA) continue;
            if (f->by[old.i] == at || !may_take(f, at, b->val, old)) continue;
            l->given[old.i] = true;
            b->in_place_of = old;
            b->chain = l->m.keep[from].chain;
            return;
        }
    }
}

static void keep_values(const Facts *f, Lists *l, int at, bool in_place)
{
    const Kernel *k = &f->k[at];
    for (int i = 0; i < k->n_member; i++) {
        Val v = k->member[i];
        if (f->by[v.i] != at) continue;
        int root = f->root[v.i];
        Keep b = { .kind = kind_of_root(f, root), .val = v, .first = at, .chain = -1,
                   .bytes = ir_round64(ir_stored_bytes(ir_type(f->g, v), f->g->module->capacity)),
                   .last = f->last[v.i] > at ? f->last[v.i] : at };
        if (b.kind == BUF_ARENA && f->kept.whole[at]) b.kind = BUF_KEPT;
        if (b.kind == BUF_STATE) b.state = f->g->root[root].state;
        if (b.kind == BUF_OUT) b.out = out_index(f->g, root);
        if (b.kind == BUF_ARENA && in_place) take_over(f, l, &b, at);
        if (b.kind == BUF_ARENA && b.chain < 0) b.chain = l->m.n_chain++;
        l->keep_of[v.i] = l->m.n_keep;
        l->m.keep[l->m.n_keep++] = b;
    }
}

Memory pass_memory(const Graph *g, const Kernel *k, int n, const PassCtx *ctx, Arena *a)
{
    Facts f = gather(g, k, n, a);
    size_t cap = g->n_node + (size_t)n;
    Lists l = { { arena_alloc(a, cap, sizeof(Keep)), 0, 0 },
                arena_alloc(a, g->n_node, sizeof(int)), arena_alloc(a, g->n_node, sizeof(bool)) };
    for (uint32_t i = 0; i < g->n_node; i++) l.keep_of[i] = -1;
    for (int at = 0; at < n; at++) {
        keep_values(&f, &l, at, !ctx->no_reuse);
        int64_t scratch = ir_scratch_bytes(g, &k[at]);
        if (!scratch) continue;
        Keep b = { .kind = BUF_KEPT, .bytes = scratch, .first = at, .last = at, .chain = -1 };
        if (!f.kept.shared[at]) {
            b.kind = BUF_SCRATCH;
            b.chain = l.m.n_chain++;
        }
        l.m.keep[l.m.n_keep++] = b;
    }
    return l.m;
}

Range *pass_ranges(const Memory *m, Arena *a)
{
    Range *r = arena_alloc(a, (size_t)m->n_chain + 1, sizeof *r);
    for (int i = 0; i < m->n_keep; i++) {
        const Keep *b = &m->keep[i];
        if (b->chain < 0) continue;
        Range *to = &r[b->chain];
        if (!to->bytes) *to = (Range){ b->first, b->last, b->bytes, 0 };
        if (b->last > to->last) to->last = b->last;
    }
    return r;
}

int64_t pass_bound(const Graph *g, const Kernel *k, int n, const PassCtx *ctx, Arena *a)
{
    Memory m = pass_memory(g, k, n, ctx, a);
    return m.n_chain ? pass_lower_bound(pass_ranges(&m, a), m.n_chain, NULL, a) : 0;
}
