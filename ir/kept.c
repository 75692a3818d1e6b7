/* ir/kept.c: what evaluation keeps from one call to the next: whatever follows from states and
 * constants alone. It is computed when the states have changed, and lies in memory of its own. */
#include "ir/tasks.h"
#include "ir/tiles.h"
#include "ir/winograd.h"
#include <string.h>

bool ir_derives(const Graph *g)
{
    return !strncmp(g->name, "grad", 4) || !strncmp(g->name, "loss", 4);
}

bool ir_keeps(const Graph *g)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind != ROOT_RETURN) return false;
    return strncmp(g->name, "grad", 4) != 0;
}

static bool is_root(const Graph *g, Val v)
{
    for (int i = 0; i < g->n_root; i++)
        if (ir_val_eq(ir_view_base(g, g->root[i].val), v)) return true;
    return false;
}

static bool has_member(const Kernel *k, Val v)
{
    for (int i = 0; i < k->n_member; i++)
        if (ir_val_eq(k->member[i], v)) return true;
    return false;
}

/* Does it follow, whatever the batch, from what is kept and the kernel's other members? */
static bool follows(const Graph *g, const Kernel *k, Val v, const bool *kept)
{
    const Node *x = ir_node(g, v);
    if (ir_has_n(&x->type.shape) || is_root(g, v) || (!x->n_in && x->op != OP_const)) return false;
    for (int i = 0; i < x->n_in; i++) {
        Val in = ir_view_base(g, x->in[i]);
        if (ir_has_n(&ir_type(g, x->in[i])->shape) || (!kept[in.i] && !has_member(k, in)))
            return false;
    }
    return true;
}

static bool all_follow(const Graph *g, const Kernel *k, const bool *kept)
{
    for (int i = 0; i < k->n_member; i++)
        if (!follows(g, k, k->member[i], kept)) return false;
    return true;
}

/* What the memory that all tasks share is made of before the first of them; none: of no one. */
static Val shared_of(const Graph *g, const Kernel *k)
{
    if (!ir_is_winograd(k->algo) && !ir_is_tile_conv(k->algo)) return (Val){ 0 };
    Frame f = ir_frame(g, ir_kernel_root(g, k));
    return f.op == OP_conv_weight ? (Val){ 0 } : ir_view_base(g, f.weight);
}

Kept ir_kept(const Graph *g, const Kernel *k, int n, const int *by, Arena *a)
{
    Kept kept = { arena_alloc(a, (size_t)n + 1, sizeof *kept.whole),
                  arena_alloc(a, (size_t)n + 1, sizeof *kept.shared) };
    if (!ir_keeps(g)) return kept;
    bool *value = arena_alloc(a, g->n_node, sizeof *value);
    for (uint32_t v = 1; v < g->n_node; v++)
        value[v] = g->node[v].op == OP_state || g->node[v].op == OP_const;
    for (int at = 0; at < n; at++) {
        kept.whole[at] = all_follow(g, &k[at], value);
        for (int i = 0; i < k[at].n_member && kept.whole[at]; i++)
            if (by[k[at].member[i].i] == at) value[k[at].member[i].i] = true;
        kept.shared[at] = !kept.whole[at] && value[shared_of(g, &k[at]).i];
    }
    return kept;
}

static bool has_kept(const Graph *g, int k, bool value)
{
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        if (b->kind == BUF_KEPT && b->first == k && (b->val.i != 0) == value) return true;
    }
    return false;
}

bool ir_runs_once(const Graph *g, int k) { return has_kept(g, k, true); }
bool ir_keeps_shared(const Graph *g, int k) { return has_kept(g, k, false); }
