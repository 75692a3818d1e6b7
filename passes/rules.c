/* passes/rules.c: building maps so that they read well, and small questions about graphs. */
#include "passes/rules.h"
#include <string.h>

GraphKind pass_graph_kind(const Graph *g)
{
    static const struct { const char *prefix; GraphKind kind; } kinds[] = {
        { "train", GRAPH_TRAIN }, { "grad", GRAPH_GRAD }, { "loss", GRAPH_LOSS },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(g->name, kinds[i].prefix, len)) continue;
        if (g->name[len] == '\0' || g->name[len] == '_') return kinds[i].kind;
    }
    return GRAPH_PLAIN;
}

bool pass_is_filled(const Graph *g, Val v, double x)
{
    const Node *c = ir_node(g, v);
    if (c->op != OP_const) return false;
    const Attr *values = ir_attr(c, AT_values);
    for (int i = 0; i < values->count; i++)
        if (values->u.reals[i] != x) return false;
    return values->count > 0;
}

/* The op that an expression of a and b is, if people have a word for it. */
static Op arithmetic(const char *f)
{
    static const Op ops[] = { OP_neg, OP_add, OP_sub, OP_mul, OP_div };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ir_op[ops[i]].scalar, f)) return ops[i];
    return OP_map;
}

Val pass_emit_map(Graph *g, ExPool *p, Arena *scratch, Ex f, const Val *in, int n_in, Type type,
                  Loc loc)
{
    uint32_t used = ex_args_used(p, f);
    Val list[EX_MAX_ARGS];
    Ex args[EX_MAX_ARGS] = { { 0 } };
    int n = 0;
    for (int i = 0; i < n_in; i++) {
        if (!(used >> i & 1)) continue;
        int same = 0;
        while (same < n && !ir_val_eq(list[same], in[i])) same++;
        if (same == n) list[n++] = in[i];
        args[i] = ex_arg(p, same);
    }
    f = ex_simplify(p, ex_subst(p, f, args, n_in));
    const ExNode *top = ex_node(p, f);
    if (!n && top->op == EX_NUM) return ir_const(g, type, &top->u.num, 1, loc);
    if (n == 1 && top->op == EX_ARG && ir_type_eq(ir_type(g, list[0]), &type)) return list[0];
    const char *text = ex_print(scratch, p, f);
    Op op = arithmetic(text);
    if (op == OP_map) return ir_map(g, text, list, n, loc);
    return ir_add(g, op, loc, list, n, IR_NO_ATTRS);
}

Val pass_sum_to(Graph *g, Val v, Shape to, Loc loc)
{
    const Type *t = ir_type(g, v);
    if (ir_shape_eq(&t->shape, &to)) return v;
    int64_t axes[IR_MAX_RANK];
    int n_axes = 0, lead = t->shape.rank - to.rank;
    for (int i = 0; i < t->shape.rank; i++)
        if (i < lead || !ir_dim_eq(t->shape.dim[i], to.dim[i - lead])) axes[n_axes++] = i;
    DType dtype = t->dtype;
    /* With as many axes as before no view stands between the sum and its readers. */
    Attr attr[] = { ir_ints(AT_axes, axes, n_axes), ir_flag(AT_keep) };
    if (n_axes) v = ir_add(g, OP_sum, loc, IR_IN(v), attr, lead == 0 && to.rank ? 2 : 1);
    if (ir_shape_eq(&ir_type(g, v)->shape, &to)) return v;
    return ir_add_typed(g, OP_reshape, loc, ir_type_of(dtype, to), IR_IN(v), IR_NO_ATTRS);
}

void pass_copy_but_gradients(Graph *to, const Graph *from, Val *map)
{
    int kept = 0;
    ir_copy_graph(to, from, map);
    for (int i = 0; i < to->n_root; i++)
        if (to->root[i].kind != ROOT_GRAD) to->root[kept++] = to->root[i];
    to->n_root = kept;
}

Module *pass_begin(const Module *m, const char *stage)
{
    Module *to = ir_module_like(m);
    to->stage = ir_intern(to, stage);
    return to;
}
