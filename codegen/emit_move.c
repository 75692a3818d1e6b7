/* codegen/emit_move.c: elements that change their place, layout or integer type.
 *
 * The idea: one loop nest over the places of the result, so that stores are in order; each op says
 * where the operand has the element. A task is a range of the result's leading axis. Of several
 * operands each has its own nest over what it fills. */
#include "codegen/emit.h"
#include <string.h>

/* ---- to a layout with blocks: one task, for the padding gets its zeros ---- */

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

/* The element of operand i at that place. */
static const char *element(Kern *k, int i, const Nest *at)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    const Type *from = ir_type(k->g, x->in[i]);
    const char *s = ir_is(k->g, x->in[i], OP_const)
        ? const_emit(k, k->out, x->in[i], &from->shape, at)
        : text(e, "%s[%s]", slot_read(k, x->in[i]), index_text(e, from, &from->shape, at));
    if (x->op == OP_cast) s = text(e, "(%s)%s", e->l->type[x->type.dtype], s);
    return x->op == OP_increment ? text(e, "%s + 1", s) : s;
}

/* And what follows it at the same place. */
static void store(Kern *k, const Nest *at, const char *value)
{
    const Type *t = ir_type(k->g, k->root);
    if (k->k->n_member > 1 && !ir_is(k->g, k->root, OP_increment)) {
        const char **before = names_save(k), *name = local_name(k, "v");
        out_line(k->out, "const %s %s = %s;", k->e->l->type[t->dtype], name, value);
        k->name[k->root.i] = name;
        members_emit(k, k->out, at);
        names_restore(k, before);
        return;
    }
    Place p[4];
    for (int i = 0, m = stores_of(k, k->root, p); i < m; i++)
        out_line(k->out, "%s[%s] = %s;", slot_write(k, p[i], t),
                 index_text(k->e, t, &t->shape, at), value);
}

static void emit_blocked(Kern *k, const Type *to)
{
    Emit *e = k->e;
    Out *o = k->out;
    Stored s[IR_MAX_RANK + 1];
    int blocked, n = stored_order(e, to, s, &blocked);
    const char *at[IR_MAX_RANK] = { "0" };
    for (int i = 0; i < to->shape.rank; i++) at[i] = "0";
    k->note = "One task.";
    out_open(o, "if (task == 0)");
    for (int i = 0; i < n; i++) {
        const char *var = text(e, "i%d%s", s[i].axis,
                               s[i].block    ? "_block"
                               : s[i].inside ? "_lane"
                                             : "");
        out_open(o, "for (int64_t %s = 0; %s < %s; %s++)", var, var, s[i].size, var);
        at[s[i].axis] = s[i].inside ? text(e, "(%s + %s)", at[s[i].axis], var)
                      : s[i].block ? text(e, "%s * %d", var, to->layout.width) : var;
    }
    Nest nest = { .rank = to->shape.rank };
    for (int i = 0; i < nest.rank; i++)
        nest.dim[i] = (NestDim){ extent_of(&to->shape, i, i + 1), at[i] };
    const char *value = element(k, 0, &nest);
    if (blocked >= 0)
        value = text(e, "%s < %s ? %s : 0", at[blocked],
                     extent_text(e, extent_of(&to->shape, blocked, blocked + 1)), value);
    store(k, &nest, value);
    for (int i = 0; i < n; i++) out_close(o, "");
    out_close(o, "");
}

/* ---- to the plain layout ---- */

/* Operand i fills the result from place `start` of the joined axis on. */
static void emit_operand(Kern *k, int i, int64_t start)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    const Shape *to = &x->type.shape, *from = &ir_type(k->g, x->in[i])->shape;
    const int64_t *order = x->op == OP_permute ? ir_attr(x, AT_order)->u.ints : NULL;
    int axis = ir_has(x, AT_axis) ? (int)ir_attr_int(x, AT_axis) : -1, loops = 0;
    int leading = ir_leading_axis(to);
    Nest put = { .rank = to->rank }, get = { .rank = from->rank };
    for (int a = 0; a < to->rank; a++) {
        bool joined = a == axis && x->op == OP_cat, leads = a == leading;
        int own = order ? (int)order[a] : a;
        Extent size = extent_of(joined ? from : to, a, a + 1);
        const char *var = leads || !extent_eq(size, extent(1, 0)) ? text(e, "i%d", a) : "0";
        const char *first = leads ? "begin" : "0", *end = leads ? "end" : extent_text(e, size);
        const char *at = var, *source = var, *offset = text(e, "%lld", (long long)start);
        if (joined && leads) {
            const char *stop = text(e, "%lld", (long long)(start + size.k));
            if (start) first = text(e, "begin > %s ? begin : %s", offset, offset);
            if (i + 1 < x->n_in) end = text(e, "smaller(end, %s)", stop);
            if (start) source = text(e, "%s - %s", var, offset);
        } else if (joined) {
            at = text_add(e, var, offset);
        }
        if (x->op == OP_slice && a == axis)
            source = text_add(e, var, text(e, "%lld", (long long)ir_attr_int(x, AT_from)));
        put.dim[a] = (NestDim){ extent_of(to, a, a + 1), at };
        get.dim[own] = (NestDim){ extent_of(from, own, own + 1), source };
        if (var[0] == '0') continue;
        out_open(k->out, "for (int64_t %s = %s; %s < %s; %s++)", var, first, var, end, var);
        loops++;
    }
    store(k, &put, element(k, i, &get));
    for (int a = 0; a < loops; a++) out_close(k->out, "");
}

/* The same as emit_operand for a block: its threads share out the elements, which they number in
 * the order of the result, or where several operands fill it in that of their own. */
static void emit_shared_out(Kern *k, int i, int64_t start)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    const Shape *to = &x->type.shape, *from = &ir_type(k->g, x->in[i])->shape;
    const Shape *space = x->op == OP_cat ? from : to;
    int axis = ir_has(x, AT_axis) ? (int)ir_attr_int(x, AT_axis) : -1, leads = ir_leading_axis(to);
    Extent each = to->rank ? extent_of(space, leads + 1, space->rank) : extent(1, 0);
    const char *first = to->rank ? "begin" : "0", *end = to->rank ? "end" : "1";
    const char *offset = text(e, "%lld", (long long)start);
    const char *index = extent_type(e, extent_of(from, 0, from->rank));
    if (!strcmp(index, "int")) index = extent_type(e, extent_of(to, 0, to->rank));
    if (x->op == OP_cat && axis == leads) {
        if (start) first = text(e, "(begin > %s ? begin - %s : 0)", offset, offset);
        end = text(e, "smaller(end - %s, %s)", offset,
                   extent_text(e, extent_of(from, axis, axis + 1)));
        if (!start) end = text(e, "smaller(end, %s)",
                               extent_text(e, extent_of(from, axis, axis + 1)));
    }
    each_open(k, k->out, index, "i", text_mul(e, first, each), text_mul(e, end, each));
    Nest flat = { 1, { { extent_of(space, 0, space->rank), "i" } } }, put = flat, get = flat;
    if (x->op == OP_cat || x->op == OP_slice || x->op == OP_permute) {
        static const char *const names[IR_MAX_RANK] = { "i0", "i1", "i2", "i3", "i4", "i5" };
        Nest at = places_of(k, space, index, "i", names);
        if (x->op == OP_cat) {
            put = at;
            put.dim[axis] = (NestDim){ extent_of(to, axis, axis + 1),
                                       text_add(e, at.dim[axis].var, offset) };
        } else {
            get = at;
        }
        const char *shift = text(e, "%lld", x->op == OP_slice
                                 ? (long long)ir_attr_int(x, AT_from) : 0);
        if (x->op == OP_slice)
            get.dim[axis] = (NestDim){ extent_of(from, axis, axis + 1),
                                       text_add(e, at.dim[axis].var, shift) };
        for (int a = 0; x->op == OP_permute && a < to->rank; a++)
            get.dim[ir_attr(x, AT_order)->u.ints[a]] = at.dim[a];
    }
    store(k, &put, element(k, i, &get));
    out_close(k->out, "");
}

/* Numbers that are counted, any of them. */
static void emit_counters(Kern *k)
{
    const Nest none = { 0 };
    const Val first = k->root;
    if (k->e->l->blocks) each_open(k, k->out, "int", "i", "0", "1");
    for (int i = 0; i < k->k->n_member; i++) {
        k->root = k->k->member[i];
        store(k, &none, element(k, 0, &none));
    }
    k->root = first;
    if (k->e->l->blocks) out_close(k->out, "");
}

void emit_move(Kern *k)
{
    Emit *e = k->e;
    const Node *x = ir_node(k->g, k->root);
    const Type *to = &x->type;
    if (to->layout.kind != LAYOUT_plain) {
        emit_blocked(k, to);
        return;
    }
    k->note = "One task.";
    if (to->shape.rank) {
        long long tile = (long long)k->tasks.tile_rows;
        int leading = ir_leading_axis(&to->shape);
        k->note = text(e, "A %s is %lld places of axis %d.", e->l->task, tile, leading);
        task_range(k, k->tasks.tile_rows, extent_of(&to->shape, leading, leading + 1));
    }
    if (ir_count_steps(k->g, k->k->member, k->k->n_member)) {
        emit_counters(k);
        return;
    }
    int64_t start = 0;
    for (int i = 0; i < x->n_in; i++) {
        if (e->l->blocks) emit_shared_out(k, i, start);
        else emit_operand(k, i, start);
        if (x->op == OP_cat)
            start += ir_type(k->g, x->in[i])->shape.dim[ir_attr_int(x, AT_axis)].k;
    }
}
