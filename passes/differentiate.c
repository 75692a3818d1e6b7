/* passes/differentiate.c: derivatives as ordinary nodes, by one loop backwards over each graph.
 *
 * needs   simplified graphs
 * keeps   every node and return of the graph
 * breaks  nothing; adds ROOT_GRAD (train), or returns d_input, d_KEY, d_output (grad, loss)
 *
 *     %4 = linear %3, "1.weight", "1.bias"    and the derivative %12 of %5 gives
 *     %5 = relu %4                            %13 = map %12, %5 {f="b <= 0 ? 0 : a"}
 *     …                                       %14 = matmul %13, %3 {ta}   grad "1.weight"=%14
 *
 * A rule per op stands under grad_##rule, its formula above it; d_y is the derivative of the
 * result, y the result. An elementwise op needs none: its scalar expression is differentiated, in
 * terms of y where that is provably the same, and multiplied by d_y, one map per operand. Only what
 * leads to a wanted leaf gets nodes: frozen parameters and, in train, the input cost nothing.
 * Rules of convolutions and windows are in diff_windows.c.
 * It does not order or share work: simplify and schedule do.
 * Kinks and NaN follow the expressions (ir/ops.def); source: PyTorch's derivatives. */
#include "ir/tasks.h"
#include "passes/diff.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <string.h>

bool diff_wants(const Diff *c, const Node *x, int i)
{
    return i < x->n_in && c->wanted[x->in[i].i];
}

void diff_add(Diff *c, Val v, Val d, Loc loc)
{
    Val *sum = &c->d[v.i];
    *sum = sum->i ? ir_add(c->g, OP_add, loc, IR_IN(*sum, d), IR_NO_ATTRS) : d;
}

static Val product(Diff *c, Loc loc, Val a, Val b, bool ta, bool tb)
{
    Attr attr[2];
    int n = 0;
    if (ta) attr[n++] = ir_flag(AT_ta);
    if (tb) attr[n++] = ir_flag(AT_tb);
    return ir_add(c->g, OP_matmul, loc, IR_IN(a, b), attr, n);
}

static Val reshape(Diff *c, Loc loc, Val v, Type type)
{
    if (ir_type_eq(ir_type(c->g, v), &type)) return v;
    return ir_add_typed(c->g, OP_reshape, loc, type, IR_IN(v), IR_NO_ATTRS);
}

static Val keep_sum(Diff *c, Loc loc, Val v, int64_t axis)
{
    const Attr attr[] = { ir_ints(AT_axes, &axis, 1), ir_flag(AT_keep) };
    return ir_add(c->g, OP_sum, loc, IR_IN(v), attr, 2);
}

/* ---- elementwise ---- */

/* d_y as an expression of its own operands. Derivatives of losses are scalars and quotients of
 * scalars; to read `2 * (a - b) / c` they go into the map that uses them. */
typedef struct Incoming { Ex e; int n; Val in[2]; } Incoming;

/* What v repeats, if that is a scalar; else v without the repetitions that broadcasting does. */
static Val before_expand(const Graph *g, Val v)
{
    Val at = v;
    while (ir_is(g, at, OP_expand) || ir_is(g, at, OP_reshape)) at = ir_node(g, at)->in[0];
    if (ir_type(g, at)->shape.rank == 0) return at;
    while (ir_is(g, v, OP_expand)) v = ir_node(g, v)->in[0];
    return v;
}

static Incoming incoming(Diff *c, Val d_y, bool through_expand)
{
    Graph *g = c->g;
    if (through_expand) d_y = before_expand(g, d_y);
    const Node *x = ir_node(g, d_y);
    bool scalar = x->type.shape.rank == 0;
    if (scalar && x->op == OP_const)
        return (Incoming){ ex_num(c->pool, ir_attr(x, AT_values)->u.reals[0]), 0, { { 0 } } };
    if (scalar && ir_op[x->op].kind == KIND_MAP && x->n_in <= 2) {
        Incoming r = { ir_scalar_expr(c->pool, x), x->n_in, { { 0 } } };
        for (int i = 0; i < x->n_in; i++) r.in[i] = x->in[i];
        return r;
    }
    return (Incoming){ ex_arg(c->pool, 0), 1, { d_y } };
}

/* e * d_y, with the factor taken into the branches of a select: `b <= 0 ? 0 : a`. A factor of 1 / x
 * divides: one rounding less. */
static Ex times(ExPool *p, Ex e, Ex d_y)
{
    const ExNode x = *ex_node(p, e), by = *ex_node(p, d_y);
    if (ex_is_num(p, e, 0) || ex_is_num(p, d_y, 1)) return e;
    if (ex_is_num(p, e, 1)) return d_y;
    if (x.op == EX_SELECT)
        return ex_op(p, EX_SELECT, x.in[0], times(p, x.in[1], d_y), times(p, x.in[2], d_y));
    if (x.op == EX_NEG) return ex_op(p, EX_NEG, times(p, x.in[0], d_y), (Ex){ 0 }, (Ex){ 0 });
    if (ex_is_num(p, e, -1)) return ex_op(p, EX_NEG, d_y, (Ex){ 0 }, (Ex){ 0 });
    if (x.op == EX_DIV && ex_is_num(p, x.in[0], 1))
        return ex_op(p, EX_DIV, d_y, x.in[1], (Ex){ 0 });
    if (by.op == EX_DIV && ex_is_num(p, by.in[0], 1))
        return ex_op(p, EX_DIV, e, by.in[1], (Ex){ 0 });
    if (x.op == EX_NUM || by.op != EX_ARG) return ex_op(p, EX_MUL, e, d_y, (Ex){ 0 });
    return ex_op(p, EX_MUL, d_y, e, (Ex){ 0 });
}

/* Whether an operand that e reads spans the whole result, so that a scalar d_y may stay a
 * scalar. */
static bool spans(const Diff *c, const Node *x, Ex e)
{
    uint32_t used = ex_args_used(c->pool, e);
    for (int i = 0; i <= x->n_in; i++) {
        const Shape *s = i < x->n_in ? &ir_type(c->g, x->in[i])->shape : &x->type.shape;
        if ((used >> i & 1) && ir_shape_eq(s, &x->type.shape)) return true;
    }
    return false;
}

static Ex shift_args(ExPool *p, Ex e, int n, int by)
{
    Ex args[EX_MAX_ARGS];
    for (int i = 0; i < n; i++) args[i] = ex_arg(p, i + by);
    return ex_subst(p, e, args, n);
}

/* More operands than these leave no names for y and d_y in the same expression. */
enum { MAX_JOINED = EX_MAX_ARGS - 3 };

/* d_x_i = sum to the shape of x_i of d_y * e, where e reads the operands and, as one more, y. */
static void map_operand(Diff *c, Val y, Val d_y, int i, Ex e)
{
    const Node x = *ir_node(c->g, y);
    if (ex_is_num(c->pool, e, 0)) return;
    Val in[EX_MAX_ARGS], d;
    if (x.n_in > MAX_JOINED) {
        d = pass_emit_map(c->g, c->pool, c->scratch, e, x.in, x.n_in, x.type, x.loc);
        d = ir_add(c->g, OP_mul, x.loc, IR_IN(d_y, d), IR_NO_ATTRS);
    } else {
        /* A tensor comes first, as what the rest is applied to; scalars come last. */
        Incoming by = incoming(c, d_y, spans(c, &x, e));
        bool lead = by.n == 1 && ir_type(c->g, by.in[0])->shape.rank > 0;
        int n = x.n_in + 1, at_d = lead ? 0 : n, at_x = lead ? 1 : 0;
        Ex f = times(c->pool, shift_args(c->pool, e, n, at_x),
                     shift_args(c->pool, by.e, by.n, at_d));
        for (int k = 0; k < by.n; k++) in[at_d + k] = by.in[k];
        for (int k = 0; k < n; k++) in[at_x + k] = k < x.n_in ? x.in[k] : y;
        d = pass_emit_map(c->g, c->pool, c->scratch, f, in, n + by.n, x.type, x.loc);
    }
    if (!ir_shape_eq(&ir_type(c->g, d)->shape, &x.type.shape))
        d = ir_add_typed(c->g, OP_expand, x.loc, x.type, IR_IN(d), IR_NO_ATTRS);
    diff_add(c, x.in[i], diff_sum_to(c, d, ir_type(c->g, x.in[i])->shape, x.loc), x.loc);
}

static void map_by_expression(Diff *c, Val y, Val d_y, int i)
{
    const Node *x = ir_node(c->g, y);
    Ex f = ir_scalar_expr(c->pool, x), e = ex_diff(c->pool, f, i);
    if (ex_args_used(c->pool, f) == 1u << i && ex_args_used(c->pool, e) && x->n_in < EX_MAX_ARGS) {
        Ex in_y = ex_in_output(c->pool, f, e, i, x->n_in);
        if (in_y.i) e = in_y;
    }
    map_operand(c, y, d_y, i, e);
}

static void grad_map(Diff *c, Val y, Val d_y)
{
    for (int i = 0; i < ir_node(c->g, y)->n_in; i++)
        if (diff_wants(c, ir_node(c->g, y), i)) map_by_expression(c, y, d_y, i);
}

/* y = bce(a, b):  d_a = d_y (a - b) / max((1 - a) a, 1e-12), as PyTorch has it */
static void grad_bce(Diff *c, Val y, Val d_y)
{
    char err[EX_ERR];
    Ex e = ex_parse(c->pool, "(a - b) / max((1 - a) * a, 1e-12)", NULL, err);
    if (diff_wants(c, ir_node(c->g, y), 0)) map_operand(c, y, d_y, 0, e);
    if (diff_wants(c, ir_node(c->g, y), 1)) map_by_expression(c, y, d_y, 1);
}

/* y = x, repeated:  d_x = sum of d_y over what was repeated */
static void grad_expand(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    diff_add(c, x.in[0], diff_sum_to(c, d_y, ir_type(c->g, x.in[0])->shape, x.loc), x.loc);
}

/* ---- the rest, a rule each ---- */

static void grad_leaf(Diff *c, Val y, Val d_y) { (void)c; (void)y; (void)d_y; }

static void grad_none(Diff *c, Val y, Val d_y)
{
    (void)d_y;
    ir_die(c->g->module, "differentiate: `%s` has no derivative", ir_op[ir_node(c->g, y)->op].name);
}

/* y = x with another shape or layout:  d_x = d_y with x's */
static void grad_reshape(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    diff_add(c, x.in[0], reshape(c, x.loc, d_y, *ir_type(c->g, x.in[0])), x.loc);
}

static void grad_relayout(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Type t = *ir_type(c->g, x.in[0]);
    diff_add(c, x.in[0], ir_add_typed(c->g, OP_relayout, x.loc, t, IR_IN(d_y), IR_NO_ATTRS), x.loc);
}

static Val filled(Graph *g, const Type *t, double x, Loc loc)
{
    return ir_const(g, ir_type_of(t->dtype, t->shape), &x, 1, loc);
}

static Val slice(Diff *c, Loc loc, Val v, int64_t axis, int64_t from, int64_t to)
{
    const Attr attr[] = { ir_int(AT_axis, axis), ir_int(AT_from, from), ir_int(AT_to, to) };
    return ir_add(c->g, OP_slice, loc, IR_IN(v), attr, 3);
}

/* y = x_0, x_1, … one after the other:  d_x_i = the part of d_y where x_i is */
static void grad_cat(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    int64_t axis = ir_attr_int(&x, AT_axis), at = 0;
    for (int i = 0; i < x.n_in; i++) {
        int64_t end = at + ir_type(c->g, x.in[i])->shape.dim[axis].k;
        if (diff_wants(c, &x, i)) diff_add(c, x.in[i], slice(c, x.loc, d_y, axis, at, end), x.loc);
        at = end;
    }
}

/* y = a part of x:  d_x = d_y between zeros */
static void grad_slice(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    const Attr axis = *ir_attr(&x, AT_axis);
    Type zeros = *ir_type(c->g, x.in[0]);
    Dim *size = &zeros.shape.dim[axis.u.i];
    int64_t before = ir_attr_int(&x, AT_from), after = size->k - ir_attr_int(&x, AT_to);
    Val part[3];
    int n = 0;
    *size = ir_dim(before);
    if (before) part[n++] = filled(c->g, &zeros, 0, x.loc);
    part[n++] = d_y;
    *size = ir_dim(after);
    if (after) part[n++] = filled(c->g, &zeros, 0, x.loc);
    if (n > 1) d_y = ir_add(c->g, OP_cat, x.loc, part, n, &axis, 1);
    diff_add(c, x.in[0], d_y, x.loc);
}

/* y = x with its axes in another order:  d_x = d_y with them back */
static void grad_permute(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    const Attr *order = ir_attr(&x, AT_order);
    int64_t back[IR_MAX_RANK];
    for (int i = 0; i < order->count; i++) back[order->u.ints[i]] = i;
    const Attr attr = ir_ints(AT_order, back, order->count);
    diff_add(c, x.in[0], ir_add(c->g, OP_permute, x.loc, IR_IN(d_y), &attr, 1), x.loc);
}

/* y = x w' + b:  d_w = d_y' x,  d_b = sum of d_y over the rows,  d_x = d_y w */
static void grad_linear(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    if (diff_wants(c, &x, 1))
        diff_add(c, x.in[1], product(c, x.loc, d_y, x.in[0], true, false), x.loc);
    if (diff_wants(c, &x, 2))
        diff_add(c, x.in[2], diff_sum_to(c, d_y, ir_type(c->g, x.in[2])->shape, x.loc), x.loc);
    if (diff_wants(c, &x, 0))
        diff_add(c, x.in[0], product(c, x.loc, d_y, x.in[1], false, false), x.loc);
}

/* y = A B, with A = a or a', B = b or b':
 * d_A = d_y B', so d_a = d_y B' or B d_y';  d_B = A' d_y, so d_b = A' d_y or d_y' A */
static void grad_matmul(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    bool ta = ir_has(&x, AT_ta), tb = ir_has(&x, AT_tb);
    Val a = x.in[0], b = x.in[1];
    if (diff_wants(c, &x, 1))
        diff_add(c, b, tb ? product(c, x.loc, d_y, a, true, ta)
                        : product(c, x.loc, a, d_y, !ta, false), x.loc);
    if (diff_wants(c, &x, 0))
        diff_add(c, a, ta ? product(c, x.loc, b, d_y, tb, true)
                        : product(c, x.loc, d_y, b, false, !tb), x.loc);
}

/* d_y of a reduction, with the reduced axes back as 1 and then as they were. */
static Val spread(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Type to = *ir_type(c->g, x.in[0]);
    const Attr *axes = ir_attr(&x, AT_axes);
    Type kept = to;
    bool leading = true;
    for (int i = 0; i < axes->count; i++) {
        kept.shape.dim[axes->u.ints[i]] = ir_dim(1);
        leading = leading && axes->u.ints[i] == i;
    }
    /* Broadcasting counts axes from the last, so leading ones come back by themselves. */
    if (!leading && !ir_has(&x, AT_keep)) d_y = reshape(c, x.loc, d_y, kept);
    return ir_add_typed(c->g, OP_expand, x.loc, to, IR_IN(d_y), IR_NO_ATTRS);
}

/* y = sum of x over axes:  d_x = d_y, repeated along them */
static void grad_sum(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    diff_add(c, x.in[0], spread(c, y, d_y), x.loc);
}

/* y = mean of x over axes:  d_x = d_y / count, repeated along them */
static void grad_mean(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    const Shape *s = &ir_type(c->g, x.in[0])->shape;
    const Attr *axes = ir_attr(&x, AT_axes);
    bool with_n = false;
    double count = 1;
    for (int i = 0; i < axes->count; i++) {
        with_n = with_n || s->dim[axes->u.ints[i]].n;
        count *= (double)s->dim[axes->u.ints[i]].k;
    }
    Val in[] = { d_y, { 0 } };
    Ex by = ex_num(c->pool, count), top = ex_arg(c->pool, 0);
    if (with_n) {
        Attr attr = ir_ints(AT_axes, axes->u.ints, axes->count);
        in[1] = ir_add(c->g, OP_count, x.loc, IR_IN(x.in[0]), &attr, 1);
        by = ex_arg(c->pool, 1);
    }
    if (pass_is_filled(c->g, d_y, 1)) top = ex_num(c->pool, 1);
    Ex f = ex_op(c->pool, EX_DIV, top, by, (Ex){ 0 });
    Val d = pass_emit_map(c->g, c->pool, c->scratch, f, in, with_n ? 2 : 1, x.type, x.loc);
    diff_add(c, x.in[0], spread(c, y, d), x.loc);
}

/* y = softmax(x):  d_x = y (d_y - sum(d_y y)) */
static void grad_softmax(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Val dot = ir_add(c->g, OP_mul, x.loc, IR_IN(d_y, y), IR_NO_ATTRS);
    dot = keep_sum(c, x.loc, dot, ir_attr_int(&x, AT_axis));
    diff_add(c, x.in[0], ir_map(c->g, "b * (a - c)", IR_IN(d_y, y, dot), x.loc), x.loc);
}

/* y = log_softmax(x):  d_x = d_y - exp(y) sum(d_y) */
static void grad_log_softmax(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Val sum = keep_sum(c, x.loc, d_y, ir_attr_int(&x, AT_axis));
    diff_add(c, x.in[0], ir_map(c->g, "a - exp(b) * c", IR_IN(d_y, y, sum), x.loc), x.loc);
}

static Val scaled(Diff *c, Val v, Val d_y, Loc loc)
{
    if (pass_is_filled(c->g, d_y, 1)) return v;
    return ir_add(c->g, OP_mul, loc, IR_IN(v, d_y), IR_NO_ATTRS);
}

/* y = cross_entropy(x, t):  d_x = d_y (softmax(x) - onehot(t)) / n,  d_t = -d_y log_softmax(x) / n;
 * no / n where y is a total */
static void grad_cross_entropy(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Graph *g = c->g;
    if (diff_wants(c, &x, 0))
        diff_add(c, x.in[0], scaled(c, ir_add(g, OP_cross_entropy_grad, x.loc, x.in, 2, x.attr,
                                            x.n_attr), d_y, x.loc), x.loc);
    if (!diff_wants(c, &x, 1)) return;
    Attr axis = ir_int(AT_axis, 1);
    Val d = ir_add(g, OP_log_softmax, x.loc, x.in, 1, &axis, 1);
    if (ir_has(&x, AT_total)) {
        d = ir_add(g, OP_neg, x.loc, IR_IN(d), IR_NO_ATTRS);
    } else {
        Attr rows = ir_ints(AT_axes, (const int64_t[]){ 0 }, 1);
        Val n = ir_add(g, OP_count, x.loc, x.in, 1, &rows, 1);
        d = ir_map(g, "-a / b", IR_IN(d, n), x.loc);
    }
    diff_add(c, x.in[1], scaled(c, d, d_y, x.loc), x.loc);
}

/* y = nll(x, t):  d_x = -d_y onehot(t) / n; no / n where y is a total */
static void grad_nll(Diff *c, Val y, Val d_y)
{
    const Node x = *ir_node(c->g, y);
    Val d = ir_add(c->g, OP_nll_grad, x.loc, x.in, 2, x.attr, x.n_attr);
    diff_add(c, x.in[0], scaled(c, d, d_y, x.loc), x.loc);
}

static GradRule *const rules[OP_COUNT] = {
#define AB(id) 0
#define OP(name, lo, hi, kind, shape, eval, grad, required, optional, scalar, doc) \
    [OP_##name] = grad_##grad,
#include "ir/ops.def"
#undef OP
#undef AB
};

/* ---- the loop ---- */

/* Follows everything from which a wanted leaf can be reached. `count` and `one_hot` read a shape
 * there, not values. */
static void mark_wanted(Diff *c, const bool *leaf)
{
    for (uint32_t i = 1; i < c->n_forward; i++) {
        const Node *x = ir_node(c->g, (Val){ i });
        if (!ir_dtype_real(x->type.dtype) || x->op == OP_count || x->op == OP_one_hot
            || x->op == OP_stop) continue;
        c->wanted[i] = leaf[i];
        for (int k = 0; k < x->n_in; k++) c->wanted[i] = c->wanted[i] || c->wanted[x->in[k].i];
    }
}

static void backwards(Diff *c, Val from, Val seed)
{
    if (!c->wanted[from.i]) return;
    c->d[from.i] = seed;
    for (uint32_t i = from.i; i > 0; i--)
        if (c->wanted[i] && c->d[i].i) rules[ir_node(c->g, (Val){ i })->op](c, (Val){ i }, c->d[i]);
}

static const Root *find_return(const Graph *g, const char *name)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN && !strcmp(g->root[i].name, name)) return &g->root[i];
    return NULL;
}

static Val find_input(const Graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name)) return (Val){ i };
    return (Val){ 0 };
}

/* Every returned derivative exists, be it zero: callers ask by name. */
static void return_derivative(Diff *c, Val leaf, const char *name)
{
    const Node x = *ir_node(c->g, leaf);
    Val d = c->d[leaf.i];
    if (!d.i) d = filled(c->g, &x.type, 0, x.loc);
    ir_return(c->g, arena_printf(c->scratch, "d_%s", name), d);
}

static void add_roots(Diff *c, GraphKind kind, const Val *param)
{
    Graph *g = c->g;
    const Module *m = g->module;
    if (kind != GRAPH_TRAIN) {
        const char *name = kind == GRAPH_LOSS ? "output" : "x";
        Val in = find_input(g, name);
        if (in.i && ir_dtype_real(ir_type(g, in)->dtype))
            return_derivative(c, in, kind == GRAPH_LOSS ? "output" : "input");
    }
    for (uint32_t s = 1; s < m->n_state && kind != GRAPH_LOSS; s++) {
        if (m->state[s].role != ROLE_PARAM) continue;
        if (kind == GRAPH_TRAIN) {
            if (param[s].i && c->d[param[s].i].i) ir_grad(g, (State){ s }, c->d[param[s].i]);
        } else if (param[s].i) {
            return_derivative(c, param[s], m->state[s].key);
        } else {
            const char *name = arena_printf(c->scratch, "d_%s", m->state[s].key);
            ir_return(g, name, filled(g, &m->state[s].type, 0, m->state[s].loc));
        }
    }
}

static void differentiate(Graph *g, Arena *scratch)
{
    GraphKind kind = pass_graph_kind(g);
    const Root *y = find_return(g, kind == GRAPH_GRAD ? "output" : "loss");
    if (kind == GRAPH_PLAIN || !y || !ir_dtype_real(ir_type(g, y->val)->dtype)) return;
    Val from = y->val, seed = find_input(g, "cotangent");
    if (kind == GRAPH_GRAD && !seed.i) return;
    const Module *m = g->module;
    size_t n = g->n_node;
    Diff c = { g, scratch, ex_pool(scratch), g->n_node,
               arena_alloc(scratch, n, sizeof(bool)), arena_alloc(scratch, n, sizeof(Val)) };
    bool *leaf = arena_alloc(scratch, n, sizeof *leaf);
    Val *param = arena_alloc(scratch, m->n_state, sizeof *param);
    for (uint32_t i = 1; i < n; i++) {
        const Node *x = &g->node[i];
        if (x->op == OP_state && kind != GRAPH_LOSS && ir_state(m, x->state)->role == ROLE_PARAM) {
            leaf[i] = true;
            param[x->state.i] = (Val){ i };
        }
        if (x->op == OP_input && kind == GRAPH_GRAD) leaf[i] = !strcmp(x->name, "x");
        if (x->op == OP_input && kind == GRAPH_LOSS) leaf[i] = !strcmp(x->name, "output");
    }
    mark_wanted(&c, leaf);
    if (kind != GRAPH_GRAD) seed = filled(g, ir_type(g, from), 1, ir_node(g, from)->loc);
    backwards(&c, from, seed);
    add_roots(&c, kind, param);
}

Module *pass_differentiate(const Module *in, const PassCtx *ctx)
{
    (void)ctx;
    Module *m = pass_begin(in, "differentiate"), *out = pass_begin(in, "differentiate");
    Arena *scratch = arena_new();
    for (int i = 0; i < in->n_graph; i++) {
        Graph *g = ir_graph_add(m, in->graph[i]->name);
        ir_copy_graph(g, in->graph[i], NULL);
        differentiate(g, scratch);
        /* Rules make what most readers need and some do not: the second copy drops it. */
        ir_copy_graph(ir_graph_add(out, g->name), g, NULL);
    }
    arena_free(scratch);
    ir_module_free(m);
    return out;
}
