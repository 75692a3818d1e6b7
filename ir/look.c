/* ir/look.c: questions about graphs. Nothing here changes one. */
#include "ir/priv.h"
#include "ir/int8.h"
#include <string.h>

const Node *ir_node(const Graph *g, Val v)
{
    if (!v.i || v.i >= g->n_node)
        ir_die(g->module, "graph %s: value handle %u of %u", g->name, v.i, g->n_node);
    return &g->node[v.i];
}

const Type *ir_type(const Graph *g, Val v)
{
    return &ir_node(g, v)->type;
}

const Attr *ir_attr(const Node *x, AttrId id)
{
    for (int i = 0; i < x->n_attr; i++)
        if (x->attr[i].id == id)
            return &x->attr[i];
    return NULL;
}

bool ir_has(const Node *x, AttrId id)
{
    return ir_attr(x, id) != NULL;
}

static const Attr *need_attr(const Node *x, AttrId id)
{
    const Attr *a = ir_attr(x, id);
    if (!a)
        ir_die(NULL, "%s has no attribute %s", ir_op[x->op].name, ir_attr_info[id].name);
    return a;
}

int64_t ir_attr_int(const Node *x, AttrId id)
{
    int64_t neutral = ir_attr_info[id].neutral;
    return ir_has(x, id) || neutral == IR_NOT_NEUTRAL ? need_attr(x, id)->u.i : neutral;
}

const char *ir_attr_str(const Node *x, AttrId id)
{
    return need_attr(x, id)->u.s;
}

bool ir_is(const Graph *g, Val v, Op op)
{
    return ir_node(g, v)->op == op;
}

bool ir_val_eq(Val a, Val b)
{
    return a.i == b.i;
}

Val ir_view_base(const Graph *g, Val v)
{
    while (ir_op[ir_node(g, v)->op].kind == KIND_VIEW)
        v = ir_node(g, v)->in[0];
    return v;
}

bool *ir_live(const Graph *g, Arena *scratch)
{
    bool *live = arena_alloc(scratch, g->n_node, sizeof *live);
    for (int i = 0; i < g->n_root; i++)
        live[g->root[i].val.i] = true;
    for (uint32_t i = g->n_node; i-- > 1;)
        for (int j = 0; live[i] && j < g->node[i].n_in; j++)
            live[g->node[i].in[j].i] = true;
    return live;
}

int ir_printed_number(const Graph *g, Val v)
{
    int number = 0;
    if (ir_is(g, v, OP_state))
        return -1;
    for (uint32_t i = 1; i < v.i; i++)
        number += g->node[i].op != OP_state;
    return number;
}

/* Operations per element of a row program: the largest, a difference, an exponential, a sum, a
 * quotient. */
enum { ROW_FLOP = 5 };

static double elems(const Graph *g, const Type *t)
{
    return (double)ir_elems_at(&t->shape, g->module->capacity);
}

/* Two for each tap of each window, of each pair of channels that see each other. */
static double conv_flop(const Graph *g, const Node *x)
{
    Conv c = ir_conv(g, x);
    Type y = ir_type_of(x->type.dtype, c.y);
    double taps = (double)(c.window.axis[0].taps * c.window.axis[1].taps);
    double bias = x->n_in > 2 ? elems(g, &x->type) : 0;
    return 2 * elems(g, &y) * (double)c.w.dim[1].k * taps + bias;
}

/* One for each place that an element reads or adds to. */
static double window_flop(const Graph *g, const Node *x)
{
    double most = elems(g, &x->type), in = elems(g, ir_type(g, x->in[0]));
    if (x->op != OP_pool_index && x->op != OP_pool_sum && x->op != OP_pool_spread)
        return most > in ? most : in;
    Window w = ir_window(g, x);
    double taps = (double)w.axis[0].taps * (double)w.axis[1].taps;
    return (x->op == OP_pool_spread ? in : most) * taps;
}

/* Multiply-adds of codes and halves count as those of reals. */
static double narrow_flop(const Graph *g, const Node *x)
{
    double most = elems(g, ir_type(g, x->in[0]));
    const Shape *w = x->n_in < 2 ? NULL : &ir_type(g, x->in[1])->shape;
    if (x->op == OP_linear_half) return 2 * elems(g, &x->type) * (double)w->dim[1].k;
    if (!w) return most > elems(g, &x->type) ? most : elems(g, &x->type);
    Codes c = ir_codes(g, x);
    return 2 * elems(g, &x->type) * (double)c.runs * (double)c.run;
}

double ir_flop(const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    double out = elems(g, &x->type);
    switch (ir_op[x->op].kind) {
    case KIND_PROD: {
        const Shape *a = &ir_type(g, x->in[0])->shape;
        int inner = x->op == OP_matmul && ir_has(x, AT_ta) ? 0 : 1;
        double k = (double)ir_dim_at(a->dim[inner], g->module->capacity);
        return 2 * out * k + (x->n_in > 2 ? out : 0);
    }
    case KIND_CONV:
        return conv_flop(g, x);
    case KIND_WINDOW:
        return window_flop(g, x);
    case KIND_MAP: {
        Arena *scratch = arena_new();
        ExPool *p = ex_pool(scratch);
        int cost = ex_cost(p, ir_scalar_expr(p, x));
        arena_free(scratch);
        return out * cost;
    }
    case KIND_REDUCE:
        return elems(g, ir_type(g, x->in[0]));
    case KIND_ROW:
        return ROW_FLOP * elems(g, ir_type(g, x->in[0]));
    case KIND_NARROW:
        return narrow_flop(g, x);
    case KIND_NONE:
    case KIND_LEAF:
    case KIND_VIEW:
    case KIND_MOVE:
        break;
    }
    return 0;
}

double ir_multiply_adds(const Graph *g, Val v)
{
    const Node *x = ir_node(g, v);
    OpKind kind = ir_op[x->op].kind;
    double bias = x->n_in > 2 && kind != KIND_NARROW ? elems(g, &x->type) : 0;
    bool product = kind == KIND_PROD || kind == KIND_CONV || (kind == KIND_NARROW && x->n_in > 1);
    return product ? (ir_flop(g, v) - bias) / 2 : 0;
}
