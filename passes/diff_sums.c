/* passes/diff_sums.c: the derivative of what was repeated: a sum over its repetitions.
 *
 *     %5 = map %1, %2, %3 {f="a*(c*b)"}, n rows      %5 = mul %1, %2
 *     %6 = sum %5 {axes=[0]}                     ->  %6 = sum %5 {axes=[0]}
 *                                                    %7 = mul %6, %3    if %3 is the same in all rows
 *
 * Factors that are the same wherever the sum goes stand before it. So the sums of batch norm's
 * derivatives are two, as in PyTorch: of d_y, and of d_y times what is centred. Only derivatives are
 * formed so: what a model writes is summed as it is written. */
#include "passes/diff.h"
#include "passes/rules.h"

/* Values of a product, and places that are looked at for them. */
enum { MOST = EX_MAX_ARGS - 2, MOST_LOOKS = 256 };

/* A product: e of the values in. */
typedef struct Factors { Ex e; Val in[MOST]; int n; } Factors;

typedef struct Splitting {
    Diff *c;
    Shape from, to;                  /* of what is summed, and its sum's */
    Factors within, before;          /* the sum; `before` without values: nothing can be taken out */
    bool full;                       /* too many values */
    int looks;
} Splitting;

static void multiply(Splitting *s, Factors *f, Ex e)
{
    f->e = f->e.i ? ex_op(s->c->pool, EX_MUL, f->e, e, (Ex){ 0 }) : e;
}

static Ex operand(Splitting *s, Factors *f, Val v)
{
    int i = 0;
    while (i < f->n && !ir_val_eq(f->in[i], v)) i++;
    s->full = s->full || i == MOST;
    if (s->full) return ex_arg(s->c->pool, 0);
    if (i == f->n) f->in[f->n++] = v;
    return ex_arg(s->c->pool, i);
}

/* Is v one number for all that is added up to the same sum? */
static bool is_constant(const Splitting *s, Val v)
{
    const Shape *v_shape = &ir_type(s->c->g, v)->shape;
    int beyond = s->from.rank - v_shape->rank, lead = s->from.rank - s->to.rank;
    if (v_shape->rank > s->to.rank) return false;
    for (int i = lead; i < s->from.rank; i++) {
        bool summed = !ir_dim_eq(s->from.dim[i], s->to.dim[i - lead]);
        if (summed && i >= beyond && !ir_dim_eq(v_shape->dim[i - beyond], ir_dim(1))) return false;
    }
    return true;
}

static bool is_product(const Splitting *s, Val v)
{
    const Node *x = ir_node(s->c->g, v);
    if (ir_op[x->op].kind != KIND_MAP) return false;
    ExOp top = ex_node(s->c->pool, ir_scalar_expr(s->c->pool, x))->op;
    return top == EX_MUL || top == EX_NEG;
}

/* Is one of the factors of e, which reads the operands of x, a constant? Products in which none is
 * stay whole: others may read them. */
static bool has_constant(Splitting *s, const Node *x, Ex e)
{
    if (s->looks++ > MOST_LOOKS) return false;
    const ExNode top = *ex_node(s->c->pool, e);
    if (top.op == EX_MUL) return has_constant(s, x, top.in[0]) || has_constant(s, x, top.in[1]);
    if (top.op == EX_NEG) return has_constant(s, x, top.in[0]);
    if (top.op != EX_ARG) return false;
    Val v = x->in[top.u.arg];
    const Node *of = ir_node(s->c->g, v);
    return is_constant(s, v)
        || (is_product(s, v) && has_constant(s, of, ir_scalar_expr(s->c->pool, of)));
}

/* The factors of e. */
static void split(Splitting *s, const Node *x, Ex e)
{
    ExPool *p = s->c->pool;
    const ExNode top = *ex_node(p, e);
    if (top.op == EX_MUL) {
        split(s, x, top.in[0]);
        split(s, x, top.in[1]);
    } else if (top.op == EX_NEG) {
        multiply(s, &s->before, ex_num(p, -1));
        split(s, x, top.in[0]);
    } else if (top.op == EX_NUM) {
        multiply(s, &s->before, e);
    } else if (top.op == EX_ARG) {
        Val v = x->in[top.u.arg];
        const Node *of = ir_node(s->c->g, v);
        if (is_constant(s, v)) {
            multiply(s, &s->before, operand(s, &s->before, v));
        } else if (is_product(s, v) && has_constant(s, of, ir_scalar_expr(p, of))) {
            split(s, of, ir_scalar_expr(p, of));
        } else {
            multiply(s, &s->within, operand(s, &s->within, v));
        }
    } else {
        Ex arg[EX_MAX_ARGS] = { { 0 } };
        uint32_t used = ex_args_used(p, e);
        for (int i = 0; i < x->n_in; i++)
            if (used >> i & 1) arg[i] = operand(s, &s->within, x->in[i]);
        multiply(s, &s->within, ex_subst(p, e, arg, x->n_in));
    }
}

static Val product_of(Splitting *s, const Factors *f, Type type, Loc loc)
{
    return pass_emit_map(s->c->g, s->c->pool, s->c->scratch, f->e, f->in, f->n, type, loc);
}

Val diff_sum_to(Diff *c, Val v, Shape to, Loc loc)
{
    Graph *g = c->g;
    const Type type = *ir_type(g, v);
    Splitting s = { .c = c, .from = type.shape, .to = to };
    if (ir_shape_eq(&type.shape, &to) || !is_product(&s, v)) return pass_sum_to(g, v, to, loc);
    const Node *x = ir_node(g, v);
    split(&s, x, ir_scalar_expr(c->pool, x));
    if (s.full || !s.before.n || s.before.n == MOST || !s.within.n) return pass_sum_to(g, v, to, loc);
    Val within = product_of(&s, &s.within, type, loc);
    if (!ir_shape_eq(&ir_type(g, within)->shape, &type.shape)) return pass_sum_to(g, v, to, loc);
    Factors all = { .in = { pass_sum_to(g, within, to, loc) }, .n = 1 };
    Ex arg[MOST];
    for (int i = 0; i < s.before.n; i++) {
        all.in[all.n] = s.before.in[i];
        arg[i] = ex_arg(c->pool, all.n++);
    }
    all.e = ex_op(c->pool, EX_MUL, ex_arg(c->pool, 0),
                  ex_subst(c->pool, s.before.e, arg, s.before.n), (Ex){ 0 });
    return product_of(&s, &all, ir_type_of(type.dtype, to), loc);
}
