/* passes/shared_maps.c: maps that several row programs compute, each for itself, so that nobody stores them. It is
 * what groups.c does when all groups are found, before prologue.c. */
#include "passes/groups.h"
#include <stdlib.h>
#include <string.h>

static bool is_row_program(const Groups *f, uint32_t group)
{
    return group && f->group[group].n > 1 && pass_is_row(f, &f->group[group]);
}

static bool is_root(const Groups *f, uint32_t v)
{
    for (int r = 0; r < f->g->n_root; r++)
        if (f->flow.base[f->g->root[r].val.i].i == v) return true;
    return false;
}

/* v is computed from one tensor of its size that another kernel stores, and from small ones. */
static bool follows_stored(const Groups *f, uint32_t v)
{
    enum { SMALL = 16 };
    const Node *x = &f->g->node[v];
    int64_t all = ir_elems_at(&x->type.shape, 1);
    int large = 0;
    for (int k = 0; k < x->n_in; k++) {
        Val base = f->flow.base[x->in[k].i];
        bool is_large = ir_elems_at(&ir_type(f->g, base)->shape, 1) > all / SMALL;
        if (ir_is(f->g, base, OP_state) && f->flow.update_of[f->g->node[base.i].state.i].i)
            return false;
        bool stored = f->of[base.i] ? f->of[base.i] != f->of[v] : ir_is(f->g, base, OP_input);
        if (is_large && !stored) return false;
        large += is_large;
    }
    return large == 1 && pass_is_cheap(f, v);
}

/* The group with v as one member more, if that is a row program; else null. */
static Val *with_member(Groups *f, uint32_t group, uint32_t v)
{
    const Group *x = &f->group[group];
    Algo algo;
    Val *all = arena_alloc(f->scratch, (size_t)x->n + 1, sizeof *all);
    memcpy(all, x->member, (size_t)x->n * sizeof *all);
    all[x->n] = (Val){ v };
    if (pass_too_wide(f, all, x->n + 1)) return NULL;
    qsort(all, (size_t)x->n + 1, sizeof *all, pass_by_handle);
    return pass_form(f->g, &f->flow, all, x->n + 1, &algo) && algo == ALGO_row ? all : NULL;
}

static bool has(const Group *x, uint32_t v)
{
    for (int i = 0; i < x->n; i++)
        if (x->member[i].i == v) return true;
    return false;
}

/* What batch norm centred is a subtraction, which its derivative's kernel does again: that costs
 * less than storing it. All outside readers of v must be row programs that can have it. */
static void share(Groups *f, uint32_t v)
{
    for (int apply = 0; apply < 2; apply++)
        for (uint32_t e = f->reader_at[v]; e < f->reader_at[v + 1]; e++) {
            uint32_t group = f->of[f->reader[e]];
            if (group == f->of[v] || has(&f->group[group], v)) continue;
            Val *all = is_row_program(f, group) ? with_member(f, group, v) : NULL;
            if (!all) return;
            if (apply) f->group[group] = (Group){ all, f->group[group].n + 1 };
        }
}

void pass_share_maps(Groups *f)
{
    for (uint32_t v = 1; v < f->g->n_node; v++)
        if (f->of[v] && ir_op[f->g->node[v].op].kind == KIND_MAP && is_row_program(f, f->of[v])
            && !is_root(f, v) && follows_stored(f, v)) share(f, v);
}
