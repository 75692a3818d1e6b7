/* codegen/epilogue.c: the one emitter of elementwise work. An algorithm says where an element is (a
 * loop nest) and what has a name already (the product's sum, a row's largest); this file writes the
 * loads, the MAP members' expressions and the stores. Bias, activation, mask, optimizer: all of
 * them are MAPs and come from here.
 *
 * All loads of an element stand before its stores, so a value may be written over one that it
 * reads. */
#include "codegen/twin.h"
#include <string.h>

bool value_in(const Kern *k, Val v) { return k->member[ir_view_base(k->g, v).i]; }

static const char *as_real(Kern *k, const Type *t, const char *s)
{
    return ir_dtype_real(t->dtype) ? s : text(k->e, "(%s)%s", real_type(k), s);
}

const char *const_emit(Kern *k, Out *o, Val v, const Shape *consumer, const Nest *nest)
{
    Emit *e = k->e;
    const Attr *values = ir_attr(ir_node(k->g, v), AT_values);
    const Type *t = ir_type(k->g, v);
    if (values->count == 1)
        return ir_dtype_real(t->dtype) ? literal(k, values->u.reals[0])
                                       : dialect_literal(e->l, t->dtype, values->u.reals[0], e->a);
    const char *name = local_name(k, "constant");
    out_open(o, "static const %s %s[] =", e->l->type[t->dtype], name);
    for (int i = 0; i < values->count;) {
        const char *line = "";
        for (int j = 0; j < 8 && i < values->count; j++, i++)
            line = text(e, "%s%s%s,", line, j ? " " : "",
                        dialect_literal(e->l, t->dtype, values->u.reals[i], e->a));
        out_line(o, "%s", line);
    }
    out_close(o, ";");
    return text(e, "%s[%s]", name, index_text(e, t, consumer, nest));
}

static const char *random_text(Kern *k, Val v, const Shape *consumer, const Nest *nest)
{
    Emit *e = k->e;
    const char *stream = ir_attr_str(ir_node(k->g, v), AT_stream);
    reach(e, SNIP_philox);
    return text(e, "uniform_%s(seed, 0x%08xu, step, %s)", ir_dtype_name(e->m->real),
                (unsigned)ir_stream_hash(stream), index_text(e, ir_type(k->g, v), consumer, nest));
}

static const char *count_text(Kern *k, Val v)
{
    const Node *x = ir_node(k->g, v);
    const Attr *axes = ir_attr(x, AT_axes);
    const Shape *s = &ir_type(k->g, x->in[0])->shape;
    Extent n = extent(1, 0);
    for (int i = 0; i < axes->count; i++) {
        int axis = (int)axes->u.ints[i];
        n = extent_mul(n, extent_of(s, axis, axis + 1));
    }
    return n.n ? text(k->e, "(%s)(%s)", real_type(k), extent_text(k->e, n))
               : literal(k, (double)n.k);
}

/* The value of `operand` as an elementwise reader of shape `consumer` sees it here. */
static const char *operand_emit(Kern *k, Out *o, Val operand, const Shape *consumer,
                                const Nest *nest)
{
    Val base = ir_view_base(k->g, operand);
    if (k->name[base.i]) return k->name[base.i];
    const Node *x = ir_node(k->g, base);
    if (value_in(k, base) && x->op != OP_random) return value_emit(k, o, base, nest);
    /* What a view shows: the view's shape over the base's elements. */
    Type t = *ir_type(k->g, operand);
    if (!ir_val_eq(base, operand)) t.layout = x->type.layout;
    const char *s;
    switch (x->op) {
    case OP_scalar: return text(k->e, k->e->l->blocks ? "*%s" : "%s", slot_read(k, base));
    case OP_const:
        s = as_real(k, &t, const_emit(k, o, base, consumer, nest));
        if (ir_attr(x, AT_values)->count == 1) return s;
        break;
    case OP_count: return count_text(k, base);
    case OP_random:
        if (ir_place(k->g, base).where == AT_NOWHERE || value_in(k, base)) {
            s = random_text(k, operand, consumer, nest);
            break;
        }
        /* fall through */
    default:
        s = text(k->e, "%s[%s]", slot_read(k, operand), index_text(k->e, &t, consumer, nest));
        s = as_real(k, &t, s);
        if (twin_lacks(k, base)) s = text(k->e, "%s ? %s : %s", slot_read(k, operand), s, literal(k, 0));
    }
    const char *name = local_name(k, "a");
    out_line(o, "const %s %s = %s;", real_type(k), name, s);
    /* A broadcast operand is another element for a reader of another shape: do not remember it. */
    if (ir_elems_at(&t.shape, 2) == ir_elems_at(consumer, 2)) k->name[base.i] = name;
    return name;
}

static Extent nest_elems(const Nest *nest)
{
    Extent space = extent(1, 0);
    for (int i = 0; i < nest->rank; i++) space = extent_mul(space, nest->dim[i].size);
    return space;
}

/* The loop nest for elements of that shape: a per-row value inside a loop over elements is found by
 * its row, a scalar by nothing. */
static const Nest *nest_for(const Kern *k, const Shape *s, const Nest *nest)
{
    static const Nest none = { 0 };
    Extent elems = extent_of(s, 0, s->rank);
    if (extent_eq(elems, nest_elems(nest))) return nest;
    return k->row_nest.rank && extent_eq(elems, k->row_nest.dim[0].size) ? &k->row_nest : &none;
}

/* A map that some launches do without: one of its operands then. */
static const char *asked_emit(Kern *k, Out *o, const Node *x, const char *asks, int else_, const Nest *nest)
{
    const char *args[EX_MAX_ARGS], *type = k->e->l->type[x->type.dtype];
    args[else_] = operand_emit(k, o, x->in[else_], &x->type.shape, nest);
    const char *name = local_name(k, "v"), **before = names_save(k);
    out_line(o, "%s %s = %s;", type, name, args[else_]);
    out_open(o, "if (%s)", asks);
    for (int i = 0; i < x->n_in; i++)
        if (i != else_) args[i] = operand_emit(k, o, x->in[i], &x->type.shape, nest);
    out_line(o, "%s = %s;", name, expr_emit(k, o, ir_scalar_expr(k->pool, x), args, x->type.dtype));
    out_close(o, "");
    names_restore(k, before);
    return name;
}

const char *value_emit(Kern *k, Out *o, Val v, const Nest *nest)
{
    Val base = ir_view_base(k->g, v);
    if (k->name[base.i]) return k->name[base.i];
    const Node *x = ir_node(k->g, base);
    OpKind kind = ir_op[x->op].kind;
    nest = nest_for(k, &x->type.shape, nest);
    if (value_in(k, base) && kind == KIND_ROW) {
        const char *s = k->row_value(k->row_ctx, x, nest), *name = local_name(k, "v");
        out_line(o, "const %s %s = %s;", k->e->l->type[x->type.dtype], name, s);
        return k->name[base.i] = name;
    }
    if (kind != KIND_MAP || !value_in(k, base)) {
        const char *s = operand_emit(k, o, v, &ir_type(k->g, v)->shape, nest);
        return k->name[base.i] = s;
    }
    const char *args[EX_MAX_ARGS], *asks = twin_asks(k, base);
    if (asks) return k->name[base.i] = asked_emit(k, o, x, asks, twin_operand(k, base), nest);
    for (int i = 0; i < x->n_in; i++) args[i] = operand_emit(k, o, x->in[i], &x->type.shape, nest);
    const char *s = expr_emit(k, o, ir_scalar_expr(k->pool, x), args, x->type.dtype);
    const char *name = local_name(k, "v");
    out_line(o, "const %s %s = %s;", k->e->l->type[x->type.dtype], name, s);
    return k->name[base.i] = name;
}

int stores_of(const Kern *k, Val v, Place out[4])
{
    int n = 0;
    for (int i = 0; i < k->g->n_buffer && n < 4; i++) {
        const Buffer *b = &k->g->buffer[i];
        if (!b->val.i || b->first != k->index) continue;
        if (!ir_val_eq(ir_view_base(k->g, b->val), v)) continue;
        out[n++] = (Place){ .where = b->kind == BUF_ARENA   ? AT_ARENA
                                     : b->kind == BUF_KEPT  ? AT_KEPT
                                     : b->kind == BUF_STATE ? AT_STATE
                                                            : AT_OUT,
                            .base = v,
                            .state = b->state,
                            .offset_bytes = b->offset_bytes,
                            .out = b->out };
    }
    return n;
}

void store_emit(Kern *k, Out *o, Val v, const Nest *nest)
{
    Place p[4];
    const Type *t = ir_type(k->g, v);
    for (int i = 0, n = stores_of(k, v, p); i < n; i++) {
        Type stored = *t;
        if (p[i].where == AT_STATE) stored = ir_state(k->e->m, p[i].state)->type;
        const char *array = slot_write(k, p[i], &stored);
        const char *s = k->name[v.i];
        const char *asks = twin_lacks_number(k, v) ? text(k->e, "if (%s) ", array) : "";
        out_line(o, "%s%s[%s] = %s;", asks, array, index_text(k->e, &stored, &t->shape, nest), s);
    }
}

void members_emit(Kern *k, Out *o, const Nest *nest)
{
    Extent space = extent(1, 0);
    for (int i = 0; i < nest->rank; i++) space = extent_mul(space, nest->dim[i].size);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < k->k->n_member; i++) {
            Val v = k->k->member[i];
            const Node *x = ir_node(k->g, v);
            Place p[4];
            if (!extent_eq(extent_of(&x->type.shape, 0, x->type.shape.rank), space)) continue;
            if (!stores_of(k, v, p)) continue;      /* others are computed where they are needed */
            OpKind kind = ir_op[x->op].kind;
            if (kind != KIND_MAP && kind != KIND_LEAF && kind != KIND_ROW && !k->name[v.i])
                continue;
            if (pass) store_emit(k, o, v, nest);
            else value_emit(k, o, v, nest);
        }
    }
}

int streams_of(Kern *k, Val out[MAX_SLOTS], int64_t *bytes)
{
    const Graph *g = k->g;
    int n = 0;
    *bytes = 0;
    for (int i = 0; i < k->k->n_member; i++) {
        const Node *x = ir_node(g, k->k->member[i]);
        if (ir_op[x->op].kind != KIND_MAP) continue;
        for (int j = 0; j < x->n_in; j++) {
            const Type *t = ir_type(g, x->in[j]);
            bool taken = !ir_is(g, x->in[j], OP_state) || n == MAX_SLOTS;
            taken = taken || !ir_type_eq(t, ir_type(g, k->root));
            for (int m = 0; m < n && !taken; m++) taken = ir_val_eq(out[m], x->in[j]);
            if (taken) continue;
            out[n++] = x->in[j];
            *bytes += ir_stored_bytes(t, 1);
        }
    }
    return n;
}

/* Constants are written out, and random numbers drawn, where they are read. */
static bool in_memory(const Graph *g, Val v)
{
    Place p = ir_place(g, ir_view_base(g, v));
    return p.where != AT_NOWHERE && p.where != AT_CONST;
}

int epilogue_streams(const Kern *k, Val like, Val out[MAX_SLOTS])
{
    const Graph *g = k->g;
    Place place[4];
    int n = 0;
    for (int i = 0; i < k->k->n_member; i++) {
        Val v = k->k->member[i];
        const Node *x = ir_node(g, v);
        bool map = ir_op[x->op].kind == KIND_MAP;
        for (int j = 0; j <= x->n_in; j++) {
            Val t = j < x->n_in ? x->in[j] : v;
            bool taken = n == MAX_SLOTS || !ir_type_eq(ir_type(g, t), ir_type(g, like));
            taken = taken || (j == x->n_in ? !stores_of(k, v, place)
                                           : !map || value_in(k, t) || !in_memory(g, t));
            for (int m = 0; m < n && !taken; m++) taken = ir_val_eq(out[m], t);
            if (!taken) out[n++] = t;
        }
    }
    return n;
}

void tile_place(Kern *k)
{
    Product p = ir_product(k->g, k->root);
    const char *m = extent_text(k->e, extent(p.m.k, p.m.n));
    const char *l = extent_text(k->e, extent(p.l.k, p.l.n));
    long long rows = (long long)k->tasks.tile_rows, cols = (long long)k->tasks.tile_cols;
    out_line(k->out, "const int64_t down = (%s + %lld) / %lld;", m, rows - 1, rows);
    out_line(k->out, "const int64_t row0 = task %% down * %lld, rows = smaller(%lld, %s - row0);",
             rows, rows, m);
    out_line(k->out, "const int64_t col0 = task / down * %lld, cols = smaller(%lld, %s - col0);",
             cols, cols, l);
}

void tile_epilogue(Kern *k, const char *tile, int64_t width)
{
    Emit *e = k->e;
    Out *o = k->out;
    Product p = ir_product(k->g, k->root);
    Extent m = extent(p.m.k, p.m.n), l = extent(p.l.k, p.l.n);
    Nest nest = product_nest(&p, (NestDim){ m, "row" }, (NestDim){ l, "col" });
    out_open(o, "for (int64_t i = 0; i < rows; i++)");
    /* A single row is in no index; a column always is. */
    if (!extent_eq(m, extent(1, 0))) out_line(o, "const int64_t row = row0 + i;");
    out_open(o, "for (int64_t j = 0; j < cols; j++)");
    out_line(o, "const int64_t col = col0 + j;");
    const char *sum = text(e, "%s[i * %lld + j]", tile, (long long)width);
    if (p.bias.i)
        sum = text(e, "%s + %s[%s]", sum, slot_read(k, p.bias),
                   index_text(e, ir_type(k->g, p.bias), &ir_type(k->g, k->root)->shape, &nest));
    out_line(o, "const %s sum = %s;", real_type(k), sum);
    k->name[k->root.i] = "sum";
    members_emit(k, o, &nest);
    out_close(o, "");
    out_close(o, "");
}
