/* passes/simplify.c: folds constants, shares equal nodes, applies algebra, drops the dead.
 *
 * needs   nothing
 * keeps   what every root computes, bit for bit (NaN, infinities and -0 included); inputs
 * breaks  kernels and buffers are dropped
 *
 *     %1 = reshape %0 : f32[n,784]         %1 = neg %0
 *     %2 = reshape %1 : f32[n,1,28,28] ->  %2 = exp %1
 *     %3 = neg %2, %4 = neg %2             …
 *
 * One loop in order: each node is looked at with its operands already simplified, either becomes an
 * older value or is added. Equal nodes are one; two random nodes are equal if their streams are.
 * Chains of maps are left to fuse. `tidy` is the same pass, after the optimizer. */
#include "ir/window.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <string.h>

/* Constants that are written out element by element are folded up to this size. */
enum { FOLD_MAX_ELEMS = 4096 };

typedef struct Simp {
    bool derived;                    /* derivatives are there already */
    const Graph *from;
    Graph *to;
    Arena *scratch;
    ExPool *pool;
    uint32_t *slot, n_slot;          /* open addressing: nodes of `to`; 0 is free */
    int *readers;                    /* [from's n_node]; a root is one */
} Simp;

/* ---- equal nodes ---- */

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; s && *s; s++) h = mix(h, (unsigned char)*s);
    return h;
}

static uint64_t hash_node(const Node *x)
{
    uint64_t h = mix((uint64_t)x->op, x->state.i);
    for (int i = 0; i < x->n_in; i++) h = mix(h, x->in[i].i);
    for (int i = 0; i < x->n_attr; i++) {
        const Attr *a = &x->attr[i];
        AttrKind kind = ir_attr_info[a->id].kind;
        h = mix(h, (uint64_t)a->id);
        if (kind == ATK_STR || kind == ATK_EXPR) h = hash_text(h, a->u.s);
        if (kind == ATK_INT) h = mix(h, (uint64_t)a->u.i);
        if (kind == ATK_INTS)
            for (int k = 0; k < a->count; k++) h = mix(h, (uint64_t)a->u.ints[k]);
    }
    return hash_text(h, x->name);
}

static bool same_attr(const Attr *a, const Attr *b)
{
    size_t n = (size_t)a->count;
    if (a->id != b->id || a->count != b->count) return false;
    switch (ir_attr_info[a->id].kind) {
    case ATK_INT: return a->u.i == b->u.i;
    case ATK_REAL: return !memcmp(&a->u.r, &b->u.r, sizeof a->u.r);
    case ATK_INTS: return !n || !memcmp(a->u.ints, b->u.ints, n * sizeof *a->u.ints);
    case ATK_REALS: return !n || !memcmp(a->u.reals, b->u.reals, n * sizeof *a->u.reals);
    case ATK_STR: case ATK_EXPR: return !strcmp(a->u.s, b->u.s);
    default: return true;
    }
}

static bool same_node(const Node *a, const Node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_attr != b->n_attr || a->name != b->name
        || a->state.i != b->state.i || !ir_type_eq(&a->type, &b->type)) return false;
    for (int i = 0; i < a->n_in; i++)
        if (!ir_val_eq(a->in[i], b->in[i])) return false;
    for (int i = 0; i < a->n_attr; i++)
        if (!same_attr(&a->attr[i], &b->attr[i])) return false;
    return true;
}

/* The older equal of the newest node, which is then taken back, or v itself. */
static Val share(Simp *s, Val v)
{
    Graph *g = s->to;
    if (v.i + 1 != g->n_node) return v;
    const Node *x = ir_node(g, v);
    uint32_t at = (uint32_t)hash_node(x) & (s->n_slot - 1);
    for (; s->slot[at]; at = (at + 1) & (s->n_slot - 1)) {
        if (s->slot[at] == v.i) return v;
        if (!same_node(ir_node(g, (Val){ s->slot[at] }), x)) continue;
        g->n_node--;
        return (Val){ s->slot[at] };
    }
    s->slot[at] = v.i;
    return v;
}

/* ---- constants ---- */

static bool is_const(const Graph *g, Val v) { return ir_is(g, v, OP_const); }

static bool is_fill(const Graph *g, Val v)
{
    return is_const(g, v) && ir_attr(ir_node(g, v), AT_values)->count == 1;
}

static Val make_const(Simp *s, Type type, const double *values, int n, Loc loc)
{
    bool one = true;
    for (int i = 1; i < n; i++) one = one && !memcmp(&values[i], &values[0], sizeof *values);
    return share(s, ir_const(s->to, type, values, one ? 1 : n, loc));
}

/* A map of constants, element by element; none where they are too many or n is among the sizes. */
static Val fold_map(Simp *s, const Node *x, const Val *in)
{
    const double *values[EX_MAX_ARGS];
    bool fill[EX_MAX_ARGS];
    int64_t n = 1;
    for (int i = 0; i < x->n_in; i++) {
        if (!is_const(s->to, in[i])) return (Val){ 0 };
        const Attr *a = ir_attr(ir_node(s->to, in[i]), AT_values);
        fill[i] = a->count == 1;
        values[i] = a->u.reals;
        if (fill[i]) continue;
        if (!ir_shape_eq(&ir_type(s->to, in[i])->shape, &x->type.shape)) return (Val){ 0 };
        n = a->count;
    }
    if (n > FOLD_MAX_ELEMS) return (Val){ 0 };
    Ex f = ir_scalar_expr(s->pool, x);
    double *out = arena_alloc(s->scratch, (size_t)n, sizeof *out), args[EX_MAX_ARGS];
    for (int64_t e = 0; e < n; e++) {
        for (int i = 0; i < x->n_in; i++) args[i] = values[i][fill[i] ? 0 : e];
        out[e] = ex_eval(s->pool, f, args);
    }
    return make_const(s, x->type, out, (int)n, x->loc);
}

/* ---- elementwise ---- */

/* Whether the operands outside `without` still broadcast to the result's shape on their own. */
static bool still_spans(const Simp *s, const Node *x, const Val *in, uint32_t without)
{
    for (int i = 0; i < x->n_in; i++)
        if (!(without >> i & 1) && ir_shape_eq(&ir_type(s->to, in[i])->shape, &x->type.shape))
            return true;
    return false;
}

/* Operands that are one number go into the expression, unless nothing else says the shape. What an
 * expand repeats is repeated by the map as well. none: the node stays as it is. */
static Val simplify_map(Simp *s, const Node *x, Val *in)
{
    uint32_t numbers = 0;
    bool spread = false;
    for (int i = 0; i < x->n_in; i++) {
        if (ir_is(s->to, in[i], OP_expand) && still_spans(s, x, in, 1u << i)) {
            in[i] = ir_node(s->to, in[i])->in[0];
            spread = true;
        }
        if (is_fill(s->to, in[i]) && ir_dtype_real(ir_type(s->to, in[i])->dtype))
            numbers |= 1u << i;
    }
    if (numbers && !still_spans(s, x, in, numbers)) numbers = 0;
    if (!numbers && x->op != OP_map) {
        if (!spread) return (Val){ 0 };
        return share(s, ir_add(s->to, x->op, x->loc, in, x->n_in, x->attr, x->n_attr));
    }
    Ex f = ir_scalar_expr(s->pool, x), args[EX_MAX_ARGS];
    Ex tidy = ex_simplify(s->pool, f);
    for (int i = 0; i < x->n_in; i++)
        args[i] = numbers >> i & 1
            ? ex_num(s->pool, ir_attr(ir_node(s->to, in[i]), AT_values)->u.reals[0])
            : ex_arg(s->pool, i);
    Ex g = ex_simplify(s->pool, ex_subst(s->pool, tidy, args, x->n_in));
    if (g.i == f.i && !spread && ex_node(s->pool, g)->op != EX_ARG) return (Val){ 0 };
    uint32_t used = ex_args_used(s->pool, g);
    if (!still_spans(s, x, in, ~used)) return (Val){ 0 };
    return share(s, pass_emit_map(s->to, s->pool, s->scratch, g, in, x->n_in, x->type, x->loc));
}

/* ---- views, reductions, counts ---- */

static Val retype(Simp *s, Op op, const Node *x, Val in)
{
    while (ir_is(s->to, in, op)) in = ir_node(s->to, in)->in[0];
    if (ir_type_eq(ir_type(s->to, in), &x->type)) return in;
    if (is_fill(s->to, in) && op != OP_relayout)
        return make_const(s, x->type, ir_attr(ir_node(s->to, in), AT_values)->u.reals, 1, x->loc);
    /* A repeated scalar looks the same in any shape. */
    bool fills = op == OP_reshape && ir_is(s->to, in, OP_expand)
              && ir_type(s->to, ir_node(s->to, in)->in[0])->shape.rank == 0;
    if (fills) {
        op = OP_expand;
        in = ir_node(s->to, in)->in[0];
    }
    return share(s, ir_add_typed(s->to, op, x->loc, x->type, &in, 1, NULL, 0));
}

/* Planes of the result hold the elements of the operand's planes, once each, between zeros. */
static bool is_spread_out(const Graph *g, const Node *x)
{
    if (x->op != OP_pool_put) return false;
    Window w = ir_window(g, x);
    for (int i = 2 - w.rank; i < 2; i++)
        if (w.axis[i].adaptive || (w.axis[i].taps - 1) * w.axis[i].dilation >= w.axis[i].stride)
            return false;
    return true;
}

/* A sum or mean over axes of size 1 has nothing to do; sums of planes need no zeros. */
static Val simplify_reduce(Simp *s, const Node *x, Val in)
{
    const Attr *axes = ir_attr(x, AT_axes);
    const Type *t = ir_type(s->to, in);
    const Node *of = ir_node(s->to, in);
    int planes = 0;
    for (int i = 0; i < axes->count; i++) planes += axes->u.ints[i] >= 2;
    if (x->op == OP_sum && is_spread_out(s->to, of) && planes == t->shape.rank - 2)
        return share(s, ir_add(s->to, OP_sum, x->loc, of->in, 1, x->attr, x->n_attr));
    for (int i = 0; i < axes->count; i++)
        if (!ir_dim_eq(t->shape.dim[axes->u.ints[i]], ir_dim(1))) return (Val){ 0 };
    if (t->layout.kind != LAYOUT_plain || t->dtype != x->type.dtype) return (Val){ 0 };
    return retype(s, OP_reshape, x, in);
}

static Val simplify_count(Simp *s, const Node *x, Val in)
{
    const Shape *shape = &ir_type(s->to, in)->shape;
    const Attr *axes = ir_attr(x, AT_axes);
    double count = 1;
    for (int i = 0; i < axes->count; i++) {
        Dim d = shape->dim[axes->u.ints[i]];
        if (d.n) return (Val){ 0 };
        count *= (double)d.k;
    }
    return make_const(s, x->type, &count, 1, x->loc);
}

/* ---- moves ---- */

/* The operand of a cat where places [*from, *from + size) lie, from its own start on; or none. */
static Val operand_with(const Simp *s, const Node *cat, int64_t axis, int64_t *from, int64_t size)
{
    int64_t start = 0;
    for (int i = 0; i < cat->n_in; i++) {
        int64_t end = start + ir_type(s->to, cat->in[i])->shape.dim[axis].k;
        if (*from >= start && *from + size <= end) {
            *from -= start;
            return cat->in[i];
        }
        start = end;
    }
    return (Val){ 0 };
}

/* A part of a part, and a part of one operand of a cat, is a part of that. */
static Val simplify_slice(Simp *s, const Node *x, Val in)
{
    const Attr axis = *ir_attr(x, AT_axis);
    int64_t from = ir_attr_int(x, AT_from), size = ir_attr_int(x, AT_to) - from;
    for (Val next = in; next.i;) {
        const Node *of = ir_node(s->to, in = next);
        next = (Val){ 0 };
        if ((of->op != OP_slice && of->op != OP_cat) || ir_attr_int(of, AT_axis) != axis.u.i) break;
        if (of->op == OP_cat) {
            next = operand_with(s, of, axis.u.i, &from, size);
        } else {
            next = of->in[0];
            from += ir_attr_int(of, AT_from);
        }
    }
    if (ir_type_eq(ir_type(s->to, in), &x->type)) return in;
    if (is_fill(s->to, in))
        return make_const(s, x->type, ir_attr(ir_node(s->to, in), AT_values)->u.reals, 1, x->loc);
    const Attr attr[] = { axis, ir_int(AT_from, from), ir_int(AT_to, from + size) };
    return share(s, ir_add(s->to, OP_slice, x->loc, &in, 1, attr, 3));
}

/* Two orders are one; where only axes of size 1 move, the elements stay in order. */
static Val simplify_permute(Simp *s, const Node *x, Val in)
{
    const Attr *a = ir_attr(x, AT_order);
    int64_t order[IR_MAX_RANK], last = -1;
    for (int i = 0; i < a->count; i++) order[i] = a->u.ints[i];
    while (ir_is(s->to, in, OP_permute)) {
        const Node *of = ir_node(s->to, in);
        for (int i = 0; i < a->count; i++) order[i] = ir_attr(of, AT_order)->u.ints[order[i]];
        in = of->in[0];
    }
    bool in_order = true;
    for (int i = 0; i < a->count; i++) {
        if (ir_dim_eq(x->type.shape.dim[i], ir_dim(1))) continue;
        in_order = in_order && order[i] > last;
        last = order[i];
    }
    if (in_order || is_fill(s->to, in)) return retype(s, OP_reshape, x, in);
    const Attr attr = ir_ints(AT_order, order, a->count);
    return share(s, ir_add(s->to, OP_permute, x->loc, &in, 1, &attr, 1));
}

/* ---- windows ---- */

/* The largest of what relu leaves is what relu leaves of the largest: pooled, it is a quarter of the
 * work and of what the derivative has to keep. Where all of a window is at most 0 another tap is
 * found, whose derivative is 0 as well. */
static Val simplify_take(Simp *s, const Node *x, const Val *in)
{
    const Node relu = *ir_node(s->to, in[0]), index = *ir_node(s->to, in[1]);
    const Node *from = ir_node(s->from, x->in[1]);
    bool own = from->op == OP_pool_index && from->in[0].i == x->in[0].i
            && s->readers[x->in[0].i] == 2 && s->readers[x->in[1].i] == 1;
    if (!own || relu.op != OP_relu || index.op != OP_pool_index) return (Val){ 0 };
    Val plain = relu.in[0];
    Val found = share(s, ir_add(s->to, OP_pool_index, index.loc, &plain, 1, index.attr,
                                index.n_attr));
    Val take = share(s, ir_add(s->to, OP_pool_take, x->loc, IR_IN(plain, found), x->attr,
                               x->n_attr));
    return share(s, ir_add(s->to, OP_relu, relu.loc, IR_IN(take), IR_NO_ATTRS));
}

/* ---- broadcasts ---- */

/* A map broadcasts by itself. What others read, too, would be a tensor of its own: a derivative of a sum, in
 * both factors of the product that was summed. False: nothing is to be done. */
static bool without_expands(Simp *s, const Node *x, Val *in)
{
    bool any = false;
    for (int i = 0; i < x->n_in; i++) {
        if (!ir_is(s->to, in[i], OP_expand) || s->readers[x->in[i].i] < 2) continue;
        Val was = in[i];
        Shape all = { .rank = 0 };
        bool fits = true;
        in[i] = ir_node(s->to, was)->in[0];
        for (int k = 0; k < x->n_in && fits; k++) fits = ir_broadcast(&all, &ir_type(s->to, in[k])->shape);
        if (fits && ir_shape_eq(&all, &x->type.shape)) any = true;
        else in[i] = was;
    }
    return any;
}

static Val simplify_node(Simp *s, const Node *x, Val *in)
{
    Val v = { 0 };
    switch (x->op) {
    case OP_reshape: return retype(s, OP_reshape, x, in[0]);
    case OP_relayout: return retype(s, OP_relayout, x, in[0]);
    case OP_expand: return retype(s, OP_expand, x, in[0]);
    case OP_sum: case OP_mean: return simplify_reduce(s, x, in[0]);
    case OP_count: return simplify_count(s, x, in[0]);
    case OP_slice: return simplify_slice(s, x, in[0]);
    case OP_permute: return simplify_permute(s, x, in[0]);
    case OP_pool_take: return simplify_take(s, x, in);
    case OP_stop: return s->derived ? in[0] : (Val){ 0 };
    case OP_neg:
        if (ir_is(s->to, in[0], OP_neg)) return ir_node(s->to, in[0])->in[0];
        break;
    default: break;
    }
    if (ir_op[x->op].kind == KIND_MAP) {
        v = fold_map(s, x, in);
        if (!v.i) v = simplify_map(s, x, in);
        if (!v.i && without_expands(s, x, in))
            v = share(s, ir_add(s->to, x->op, x->loc, in, x->n_in, x->attr, x->n_attr));
    }
    return v;
}

static Val copy_shared(Simp *s, Val v, const Val *map)
{
    Node x = *ir_node(s->from, v);
    if (x.op == OP_state || x.op == OP_input || x.op == OP_scalar)
        return ir_copy_node(s->to, s->from, v, map);
    Val in[EX_MAX_ARGS], done = { 0 };
    for (int i = 0; i < x.n_in; i++) in[i] = map[x.in[i].i];
    if (x.n_in) done = simplify_node(s, &x, in);
    return done.i ? done : share(s, ir_copy_node(s->to, s->from, v, map));
}

static int *count_readers(const Graph *g, Arena *a)
{
    int *readers = arena_alloc(a, g->n_node, sizeof *readers);
    for (uint32_t i = 1; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++) readers[g->node[i].in[k].i]++;
    for (int r = 0; r < g->n_root; r++) readers[g->root[r].val.i]++;
    return readers;
}

static void simplify_graph(Graph *to, const Graph *from, bool derived)
{
    Arena *scratch = arena_new();
    Simp s = { .derived = derived, .from = from, .to = to, .scratch = scratch,
               .pool = ex_pool(scratch) };
    /* A node of `from` adds at most one node of `to`, a pooling three, of which two nodes of `from`
     * gave nothing that stays: so the table has room. */
    for (s.n_slot = 64; s.n_slot < 4 * from->n_node; s.n_slot *= 2) { }
    s.readers = count_readers(from, scratch);
    s.slot = arena_alloc(scratch, s.n_slot, sizeof *s.slot);
    const bool *live = ir_live(from, scratch);
    Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
    for (uint32_t i = 1; i < from->n_node; i++)
        if (live[i] || from->node[i].op == OP_input) map[i] = copy_shared(&s, (Val){ i }, map);
    ir_copy_roots(to, from, map);
    arena_free(scratch);
}

static Module *simplify(const Module *in, const char *stage)
{
    Module *m = pass_begin(in, stage), *out = pass_begin(in, stage);
    for (int i = 0; i < in->n_graph; i++) {
        Graph *g = ir_graph_add(m, in->graph[i]->name);
        simplify_graph(g, in->graph[i], strcmp(stage, "tidy") == 0);
        /* Nodes that lost their last reader on the way go with a second copy. */
        ir_copy_graph(ir_graph_add(out, g->name), g, NULL);
    }
    ir_module_free(m);
    return out;
}

Module *pass_simplify(const Module *in, const PassCtx *ctx)
{
    (void)ctx;
    return simplify(in, "simplify");
}

/* tidy: what the optimizer's maps left to share and drop. */
Module *pass_tidy(const Module *in, const PassCtx *ctx)
{
    (void)ctx;
    return simplify(in, "tidy");
}
