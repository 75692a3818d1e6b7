/* codegen/finish.c: the second stage of a kernel that sums scalars. It runs once, on the
 * caller's thread or by one warp: the tasks' partial sums are added in a fixed order, divided
 * where a mean is asked for, and the MAPs on scalars follow. */
#include "codegen/emit.h"

/* What the sum is divided by, or null. */
static const char *divisor(Kern *k, const Node *x)
{
    const Shape *s = &ir_type(k->g, x->in[0])->shape;
    if (x->op == OP_mean) {
        Extent n = extent(1, 0);
        const Attr *axes = ir_attr(x, AT_axes);
        for (int i = 0; i < axes->count; i++)
            n = extent_mul(n, extent_of(s, (int)axes->u.ints[i], (int)axes->u.ints[i] + 1));
        return extent_text(k->e, n);
    }
    bool mean = (x->op == OP_cross_entropy || x->op == OP_nll) && !ir_has(x, AT_total);
    return mean ? extent_text(k->e, extent_of(s, 0, 1)) : NULL;
}

static const char *task_count(Kern *k)
{
    const char *rows = extent_text(k->e, k->rows);
    if (!k->rows.n) return text(k->e, "%lld", (long long)k->tasks.count);
    return text(k->e, "(%s + %lld) / %lld", rows, (long long)k->tasks.tile_rows - 1,
                (long long)k->tasks.tile_rows);
}

void finish_emit(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->finish = out_new(e->a);
    for (uint32_t i = 0; i < k->g->n_node; i++) k->name[i] = NULL;
    int slots = ir_kernel_slots(k->g, k->k), s = 0;
    const char *parts = slot_parts(k, DT_f64);
    out_open(o, "%s", "");
    const char *zeros = "";
    for (int i = 0; i < slots; i++)
        zeros = text(e, "%s%s total%d = 0", zeros, i ? "," : "double", i);
    k->threads = IR_WARP;
    team_rows(k, o, IR_WARP);
    out_line(o, "%s;", zeros);
    along_open(k, o, "task", task_count(k));
    for (int i = 0; i < slots; i++) {
        const char *at = slots == 1 ? "task" : text(e, "task * %d + %d", slots, i);
        out_line(o, "total%d += %s[%s];", i, parts, at);
    }
    out_close(o, "");
    for (int i = 0; i < slots; i++) {
        const char *total = text(e, "total%d", i);
        team_join(k, o, JOIN_sum, DT_f64, total, total);
    }
    for (int i = 0; i < k->k->n_member; i++) {
        Val v = k->k->member[i];
        if (!ir_is_slot(k->g, k->k, v)) continue;
        const Node *x = ir_node(k->g, v);
        const char *by = divisor(k, x), *type = e->l->type[x->type.dtype];
        const char *name = local_name(k, "v"), *sum = text(e, "total%d", s++);
        if (by)
            out_line(o, "const %s %s = (%s)(%s / (double)%s);", type, name, type, sum,
                     text_atom(e, by));
        else out_line(o, "const %s %s = (%s)%s;", type, name, type, sum);
        k->name[v.i] = name;
    }
    Nest none = { 0 };
    Out *stores = team_stores(k, o);
    members_emit(k, stores, &none);
    team_store(k, o, stores);
    out_close(o, "");
}
