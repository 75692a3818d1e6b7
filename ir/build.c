/* ir/build.c: adding nodes, inputs and roots to a graph.
 *
 * A node that is added has been checked: operands before it, attributes of its op, type derived.
 * What users can cause is checked by callers or asked with ir_try_add; the rest is a mistake of
 * ours and dies. */
#include "ir/priv.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_IN = 26, MAX_ATTR = 16 };

Attr ir_flag(AttrId id)
{
    return (Attr){.id = id};
}

Attr ir_int(AttrId id, int64_t i)
{
    return (Attr){.id = id, .u.i = i};
}

Attr ir_real(AttrId id, double r)
{
    return (Attr){.id = id, .u.r = r};
}

Attr ir_ints(AttrId id, const int64_t *v, int n)
{
    return (Attr){.id = id, .count = n, .u.ints = v};
}

Attr ir_reals(AttrId id, const double *v, int n)
{
    return (Attr){.id = id, .count = n, .u.reals = v};
}

Attr ir_str(AttrId id, const char *s)
{
    return (Attr){.id = id, .u.s = s};
}

static bool chosen_attr_ok(Op op, const Attr *a, char err[IR_ERR])
{
    if (a->id == AT_algo) {
        for (int i = ALGO_NONE + 1; i < ALGO_COUNT; i++)
            if (!strcmp(ir_algo[i].name, a->u.s) && ir_algo[i].root == ir_op[op].kind)
                return true;
        return ir_fail(err, "no algorithm \"%.100s\" computes %s", a->u.s, ir_op[op].name);
    }
    if (a->id == AT_tile || a->id == AT_micro) {
        bool good = a->count == 2;
        for (int i = 0; good && i < 2; i++)
            good = a->u.ints[i] >= 0 && a->u.ints[i] <= IR_MAX_CAPACITY;
        return good || ir_fail(err, "%s takes two sizes", ir_attr_info[a->id].name);
    }
    return true;
}

/* attr ascends by id. */
bool ir_attrs_check(Op op, const Attr *attr, int n_attr, char err[IR_ERR])
{
    uint64_t seen = 0, allowed = ir_attrs_allowed(op);
    for (int i = 0; i < n_attr; i++) {
        uint64_t bit = UINT64_C(1) << attr[i].id;
        const char *name = ir_attr_info[attr[i].id].name;
        if (seen & bit)
            return ir_fail(err, "attribute %s is given twice", name);
        if (!(allowed & bit))
            return ir_fail(err, "%s takes no attribute %s", ir_op[op].name, name);
        if (!chosen_attr_ok(op, &attr[i], err))
            return false;
        seen |= bit;
    }
    uint64_t missing = ir_op[op].required & ~seen;
    for (int id = 0; id < AT_COUNT; id++)
        if (missing >> id & 1)
            return ir_fail(err, "%s needs attribute %s", ir_op[op].name, ir_attr_info[id].name);
    return true;
}

static int by_id(const void *a, const void *b)
{
    return (int)((const Attr *)a)->id - (int)((const Attr *)b)->id;
}

/* Does it say what its absence says too? */
static bool is_neutral(Op op, const Attr *a)
{
    const AttrInfo *info = &ir_attr_info[a->id];
    if (info->neutral == IR_NOT_NEUTRAL || !(ir_op[op].optional >> a->id & 1))
        return false;
    for (int i = 0; i < a->count; i++)
        if (a->u.ints[i] != info->neutral)
            return false;
    return info->kind == ATK_INTS || a->u.i == info->neutral;
}

/* The module's own copy of an attribute. */
static Attr attr_kept(Module *m, Attr a)
{
    size_t n = (size_t)a.count;
    switch (ir_attr_info[a.id].kind) {
    case ATK_INTS:
        a.u.ints = arena_grow(m->arena, (void *)(uintptr_t)a.u.ints, n, n + 1, sizeof *a.u.ints);
        break;
    case ATK_REALS:
        a.u.reals = arena_grow(m->arena, (void *)(uintptr_t)a.u.reals, n, n + 1, sizeof *a.u.reals);
        break;
    case ATK_STR:
    case ATK_EXPR:
        a.u.s = ir_intern(m, a.u.s);
        break;
    case ATK_FLAG:
    case ATK_INT:
    case ATK_REAL:
        break;
    }
    return a;
}

/* Leaves are looked up by name again and again: in these tables, not among all nodes. */
static void index_leaf(Graph *g, const Node *x, Val v)
{
    Arena *a = g->module->arena;
    if (x->op == OP_state) {
        if (x->state.i >= g->cap_state) {
            uint32_t cap = g->module->n_state + g->cap_state;
            g->state = arena_grow(a, g->state, g->cap_state, cap, sizeof *g->state);
            g->cap_state = cap;
        }
        g->state[x->state.i] = v;
    } else if (x->op == OP_input || x->op == OP_scalar) {
        if (g->n_named == g->cap_named) {
            int cap = 2 * g->cap_named + 8;
            g->named = arena_grow(a, g->named, (size_t)g->n_named, (size_t)cap, sizeof *g->named);
            g->cap_named = cap;
        }
        g->named[g->n_named++] = v;
    }
}

static Val push_node(Graph *g, const Node *x)
{
    if (g->n_node == g->cap_node) {
        if (g->cap_node > UINT32_MAX / 2)
            ir_die(NULL, "too many nodes");
        g->node =
            arena_grow(g->module->arena, g->node, g->n_node, g->cap_node * 2, sizeof *g->node);
        g->cap_node *= 2;
    }
    g->node[g->n_node] = *x;
    index_leaf(g, x, (Val){g->n_node});
    return (Val){g->n_node++};
}

Val ir_try_add(Graph *g, Op op, Loc loc, const Type *type, const Val *in, int n_in,
               const Attr *attr, int n_attr, char err[IR_ERR])
{
    Module *m = g->module;
    const OpInfo *info = &ir_op[op];
    Attr sorted[MAX_ATTR];
    ShapeIn s = {.g = g, .op = op, .n_in = n_in, .attr = sorted, .n_attr = n_attr, .given = type};
    Node x = {.op = op, .n_in = n_in, .n_attr = n_attr, .loc = loc};
    char why[IR_ERR];
    if (op == OP_NONE || op >= OP_COUNT || op == OP_state || op == OP_input || op == OP_scalar)
        return ir_fail(err, "%s is not added as a plain node", info->name), (Val){0};
    if (n_in < info->min_in || n_in > info->max_in)
        return ir_fail(err, "%s takes %d%s%.0d operand%s, not %d", info->name, info->min_in,
                       info->max_in > info->min_in ? " to " : "",
                       info->max_in > info->min_in ? info->max_in : 0,
                       info->max_in == 1 ? "" : "s", n_in), (Val){0};
    if (n_attr < 0 || n_attr > MAX_ATTR)
        return ir_fail(err, "%s has %d attributes", info->name, n_attr), (Val){0};
    for (int i = 0; i < n_in; i++) {
        if (!in[i].i || in[i].i >= g->n_node)
            return ir_fail(err, "operand %d of %s is not a node", i + 1, info->name), (Val){0};
        s.in[i] = &g->node[in[i].i].type;
    }
    for (int i = 0; i < n_attr; i++)
        sorted[i] = attr[i];
    qsort(sorted, (size_t)n_attr, sizeof *sorted, by_id);
    if (!ir_attrs_check(op, sorted, n_attr, err))
        return (Val){0};
    for (int i = 0; i < n_attr; i++)
        if (ir_attr_info[sorted[i].id].kind == ATK_EXPR
            && !ir_expr_check(sorted[i].u.s, n_in, m->arena, &sorted[i].u.s, err))
            return (Val){0};
    if (!ir_shape_derive(&s, &x.type, why))
        return ir_fail(err, "%s: %.480s", info->name, why), (Val){0};
    Val *operands = arena_alloc(m->arena, (size_t)n_in + 1, sizeof *operands);
    if (n_in)
        memcpy(operands, in, (size_t)n_in * sizeof *in);
    Attr *kept = arena_alloc(m->arena, (size_t)n_attr + 1, sizeof *kept);
    x.n_attr = 0;
    for (int i = 0; i < n_attr; i++)
        if (!is_neutral(op, &sorted[i]))
            kept[x.n_attr++] = attr_kept(m, sorted[i]);
    x.in = operands;
    x.attr = kept;
    return push_node(g, &x);
}

Val ir_add_typed(Graph *g, Op op, Loc loc, Type type, const Val *in, int n_in, const Attr *attr,
                 int n_attr)
{
    char err[IR_ERR];
    Val v = ir_try_add(g, op, loc, &type, in, n_in, attr, n_attr, err);
    if (!v.i)
        ir_die(g->module, "graph %s: %s", g->name, err);
    return v;
}

Val ir_add(Graph *g, Op op, Loc loc, const Val *in, int n_in, const Attr *attr, int n_attr)
{
    char err[IR_ERR];
    Val v = ir_try_add(g, op, loc, NULL, in, n_in, attr, n_attr, err);
    if (!v.i)
        ir_die(g->module, "graph %s: %s", g->name, err);
    return v;
}

/* The input or scalar of that name, found or added. */
static Val named_leaf(Graph *g, Op op, const char *name, Type t, Loc loc)
{
    char err[IR_ERR];
    ShapeIn s = {.g = g, .op = op, .given = &t};
    Node x = {.op = op, .name = ir_intern(g->module, name), .loc = loc};
    for (int i = 0; i < g->n_named; i++) {
        const Node *y = ir_node(g, g->named[i]);
        if (y->op != op || y->name != x.name)
            continue;
        if (!ir_type_eq(&y->type, &t))
            ir_die(g->module, "%s \"%s\" has two types", ir_op[op].name, name);
        return g->named[i];
    }
    if (!ir_shape_derive(&s, &x.type, err))
        ir_die(g->module, "%s \"%s\": %s", ir_op[op].name, name, err);
    return push_node(g, &x);
}

Val ir_input(Graph *g, const char *name, Type t, Loc loc)
{
    return named_leaf(g, OP_input, name, t, loc);
}

Val ir_scalar(Graph *g, const char *name, Loc loc)
{
    return named_leaf(g, OP_scalar, name, ir_type_of(g->module->real, (Shape){.rank = 0}), loc);
}

Val ir_state_val(Graph *g, State s)
{
    if (s.i < g->cap_state && g->state[s.i].i)
        return g->state[s.i];
    const StateInfo *info = ir_state(g->module, s);
    Node x = {.op = OP_state, .state = s, .type = info->type, .loc = info->loc};
    return push_node(g, &x);
}

Val ir_const(Graph *g, Type t, const double *values, int n, Loc loc)
{
    return ir_add_typed(g, OP_const, loc, t, IR_NO_IN, IR_ATTRS(ir_reals(AT_values, values, n)));
}

Val ir_map(Graph *g, const char *f, const Val *in, int n_in, Loc loc)
{
    return ir_add(g, OP_map, loc, in, n_in, IR_ATTRS(ir_str(AT_f, f)));
}

static void push_root(Graph *g, Root r)
{
    if (!r.val.i || r.val.i >= g->n_node)
        ir_die(g->module, "graph %s: a root of no node", g->name);
    if (g->n_root == g->cap_root) {
        int cap = g->cap_root ? g->cap_root * 2 : 8;
        g->root =
            arena_grow(g->module->arena, g->root, (size_t)g->n_root, (size_t)cap, sizeof *g->root);
        g->cap_root = cap;
    }
    g->root[g->n_root++] = r;
}

void ir_return(Graph *g, const char *name, Val v)
{
    push_root(g, (Root){ROOT_RETURN, ir_intern(g->module, name), {0}, v});
}

void ir_grad(Graph *g, State s, Val v)
{
    ir_state(g->module, s);
    push_root(g, (Root){ROOT_GRAD, NULL, s, v});
}

void ir_update(Graph *g, State s, Val v)
{
    ir_state(g->module, s);
    push_root(g, (Root){ROOT_UPDATE, NULL, s, v});
}

/* The expression of a map: real, and of operands that are there. Its canonical text, in a, is what
 * is kept. */
bool ir_expr_check(const char *f, int n_in, Arena *a, const char **canonical, char err[IR_ERR])
{
    char why[EX_ERR];
    Arena *scratch = arena_new();
    ExPool *p = ex_pool(scratch);
    Ex e = ex_parse(p, f ? f : "", NULL, why);
    bool ok = true;
    if (!e.i)
        ok = ir_fail(err, "the expression \"%.200s\": %s", f ? f : "", why);
    else if (ex_node(p, e)->type != EXT_REAL)
        ok = ir_fail(err, "the expression \"%.200s\" is not a real number", f);
    else if (n_in < EX_MAX_ARGS && ex_args_used(p, e) >> n_in)
        ok = ir_fail(err, "the expression \"%.200s\" reads more than the %d operand%s", f, n_in,
                     n_in == 1 ? "" : "s");
    else
        *canonical = ex_print(a, p, e);
    arena_free(scratch);
    return ok;
}
