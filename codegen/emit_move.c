/* codegen/emit_move.c: the same tensor in another stored layout or element type, and integers that
 * count. The loop runs over the places of
 * the result, so that stores are in order and the padding of blocked layouts gets its zeros. */
#include "codegen/emit.h"

/* Places of the stored result, outermost first: blocks of the blocked axis count as an axis. */
typedef struct { int axis; const char *size; bool block, inside; } Stored;

static int stored_order(Emit *e, const Type *t, Stored s[IR_MAX_RANK + 1], int *blocked)
{
    StoredAxis ax[IR_MAX_RANK];
    ir_stored_axes(t, 1, ax);
    int n = 0;
    *blocked = -1;
    for (int i = 0; i < t->shape.rank; i++) {
        Extent size = extent_of(&t->shape, i, i + 1);
        long long block = (long long)ax[i].block;
        if (block > 1) {
            *blocked = i;
            const char *blocks =
                size.n ? text(e, "(%s + %lld) / %lld", extent_text(e, size), block - 1, block)
                       : text(e, "%lld", (size.k + block - 1) / block);
            s[n++] = (Stored){ i, blocks, true, false };
        } else {
            s[n++] = (Stored){ i, extent_text(e, size), false, false };
        }
    }
    if (*blocked >= 0)
        s[n++] = (Stored){ *blocked, text(e, "%lld", (long long)ax[*blocked].block), false, true };
    return n;
}

void emit_move(Kern *k)
{
    Emit *e = k->e;
    Out *o = k->out;
    const Node *x = ir_node(k->g, k->root);
    Stored s[IR_MAX_RANK + 1];
    int blocked, n = stored_order(e, &x->type, s, &blocked);
    const char *at[IR_MAX_RANK] = { "0" };
    for (int i = 0; i < x->type.shape.rank; i++) at[i] = "0";
    k->note = "One task.";
    out_open(o, "if (task == 0)");
    for (int i = 0; i < n; i++) {
        const char *var = text(e, "i%d%s", s[i].axis,
                               s[i].block    ? "_block"
                               : s[i].inside ? "_lane"
                                             : "");
        out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", var, var, s[i].size, var);
        at[s[i].axis] = s[i].inside ? text(e, "(%s + %s)", at[s[i].axis], var)
                      : s[i].block ? text(e, "%s * %d", var, x->type.layout.width) : var;
    }
    Nest nest = { .rank = x->type.shape.rank };
    for (int i = 0; i < nest.rank; i++)
        nest.dim[i] = (NestDim){ extent_of(&x->type.shape, i, i + 1), at[i] };
    const Type *from = ir_type(k->g, x->in[0]);
    const char *value =
        text(e, "%s[%s]", slot_read(k, x->in[0]), index_text(e, from, &x->type.shape, &nest));
    if (x->op == OP_cast) value = text(e, "(%s)%s", e->l->type[x->type.dtype], value);
    if (x->op == OP_increment) value = text(e, "%s + 1", value);
    if (blocked >= 0)
        value = text(e, "%s < %s ? %s : 0", at[blocked],
                     extent_text(e, extent_of(&x->type.shape, blocked, blocked + 1)), value);
    Place p[4];
    for (int i = 0, m = stores_of(k, k->root, p); i < m; i++)
        out_line(o, "%s[%s] = %s;", slot_write(k, p[i], &x->type),
                 index_text(e, &x->type, &x->type.shape, &nest), value);
    for (int i = 0; i < n; i++) out_close(o, "");
    out_close(o, "");
}
