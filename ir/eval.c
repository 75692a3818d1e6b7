/* ir/eval.c: the float64 interpreter, what every other way to compute a graph is compared with.
 *
 * Each rule is the op's definition as nested loops, in double, without layouts, fusion or threads:
 * it is meant to be obviously right, not fast. Integers (targets, counts) are held as doubles too.
 * Rules of ops over rows are in eval_rows.c, of moves and views in eval_move.c, of windows in
 * eval_window.c. At NaN and infinity the rules do what PyTorch does. */
#include "ir/eval.h"
#include <math.h>
#include <string.h>

static int64_t elems(const Eval *e, const Shape *s) { return ir_elems_at(s, e->in->n); }

/* ---- leaves and views ---- */

static const double *leaf_source(const Eval *e, const Node *x)
{
    if (x->op == OP_state)
        return e->in->state ? e->in->state(e->in->ctx, x->state) : NULL;
    return e->in->input ? e->in->input(e->in->ctx, x->name) : NULL;
}

static void eval_leaf(const Eval *e, const Node *x, double *out)
{
    const Module *m = e->g->module;
    if (x->op == OP_scalar) {
        if (!e->in->scalar)
            ir_die(m, "interpreter: no value of scalar \"%s\"", x->name);
        out[0] = e->in->scalar(e->in->ctx, x->name);
        return;
    }
    const double *from = leaf_source(e, x);
    if (!from)
        ir_die(m, "interpreter: no value of %s \"%s\"", ir_op[x->op].name,
               x->op == OP_state ? ir_state(m, x->state)->key : x->name);
    memcpy(out, from, (size_t)elems(e, &x->type.shape) * sizeof *out);
}

static void eval_const(const Eval *e, const Node *x, double *out)
{
    const Attr *a = ir_attr(x, AT_values);
    for (int64_t i = 0, n = elems(e, &x->type.shape); i < n; i++)
        out[i] = a->u.reals[a->count == 1 ? 0 : i];
}

static void eval_random(const Eval *e, const Node *x, double *out)
{
    const char *stream = ir_attr_str(x, AT_stream);
    for (int64_t i = 0, n = elems(e, &x->type.shape); i < n; i++)
        out[i] = ir_random(e->in->seed, stream, e->in->step, (uint64_t)i);
}

/* How many elements the axes of `axes` span. */
static double count_of(const Eval *e, const Node *x)
{
    const Attr *axes = ir_attr(x, AT_axes);
    double n = 1;
    for (int k = 0; k < axes->count; k++)
        n *= (double)eval_size(e, eval_shape(e, x, 0), (int)axes->u.ints[k]);
    return n;
}

static void eval_count(const Eval *e, const Node *x, double *out) { out[0] = count_of(e, x); }

/* ---- elementwise ---- */

/* The element of an operand of shape `from` that is broadcast to element i of shape `to`. */
static int64_t broadcast_from(const Eval *e, const Shape *to, const Shape *from, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = 1; k <= to->rank; k++) {
        int64_t size = eval_size(e, to, to->rank - k), index = i % size;
        i /= size;
        if (k > from->rank)
            continue;
        int64_t own = eval_size(e, from, from->rank - k);
        if (own != 1)
            at += index * stride;
        stride *= own;
    }
    return at;
}

static void eval_map(const Eval *e, const Node *x, double *out)
{
    Arena *scratch = arena_new();
    ExPool *p = ex_pool(scratch);
    Ex f = ir_scalar_expr(p, x);
    const Shape *to = &x->type.shape;
    bool whole[EX_MAX_ARGS];
    for (int k = 0; k < x->n_in; k++)
        whole[k] = ir_shape_eq(eval_shape(e, x, k), to);
    for (int64_t i = 0, n = elems(e, to); i < n; i++) {
        double arg[EX_MAX_ARGS];
        for (int k = 0; k < x->n_in; k++)
            arg[k] = eval_operand(e, x, k)[whole[k] ? i : broadcast_from(e, to, eval_shape(e, x, k),
                                                                        i)];
        out[i] = ex_eval(p, f, arg);
    }
    arena_free(scratch);
}

/* ---- products ---- */

/* out[i,j] = b[j] + sum over c of x[i,c] w[j,c] */
static void eval_linear(const Eval *e, const Node *x, double *out)
{
    const double *in = eval_operand(e, x, 0), *w = eval_operand(e, x, 1);
    const double *bias = x->n_in > 2 ? eval_operand(e, x, 2) : NULL;
    int64_t m = eval_size(e, &x->type.shape, 0), l = eval_size(e, &x->type.shape, 1);
    int64_t inner = eval_size(e, eval_shape(e, x, 0), 1);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < l; j++) {
            double sum = 0;
            for (int64_t c = 0; c < inner; c++)
                sum += in[i * inner + c] * w[j * inner + c];
            out[i * l + j] = bias ? sum + bias[j] : sum;
        }
}

/* out[i,j] = sum over c of a[i,c] b[c,j], where ta and tb swap the indices of their operand */
static void eval_matmul(const Eval *e, const Node *x, double *out)
{
    const double *a = eval_operand(e, x, 0), *b = eval_operand(e, x, 1);
    bool ta = ir_has(x, AT_ta), tb = ir_has(x, AT_tb);
    int64_t m = eval_size(e, &x->type.shape, 0), l = eval_size(e, &x->type.shape, 1);
    int64_t inner = eval_size(e, eval_shape(e, x, 0), ta ? 0 : 1);
    for (int64_t i = 0; i < m; i++)
        for (int64_t c = 0; c < inner; c++) {
            double a_ic = a[ta ? c * m + i : i * inner + c];
            for (int64_t j = 0; j < l; j++)
                out[i * l + j] += a_ic * b[tb ? j * inner + c : c * l + j];
        }
}

/* ---- reductions ---- */

/* sum and mean: every element is added to the result at its indices without the reduced axes. */
static void eval_reduce(const Eval *e, const Node *x, double *out)
{
    const Shape *s = eval_shape(e, x, 0);
    const Attr *axes = ir_attr(x, AT_axes);
    const double *in = eval_operand(e, x, 0);
    bool reduced[IR_MAX_RANK] = {false};
    for (int k = 0; k < axes->count; k++)
        reduced[axes->u.ints[k]] = true;
    for (int64_t i = 0, n = elems(e, s); i < n; i++) {
        int64_t at = 0, stride = 1, rest = i;
        for (int k = s->rank - 1; k >= 0; k--) {
            int64_t size = eval_size(e, s, k);
            if (!reduced[k]) {
                at += rest % size * stride;
                stride *= size;
            }
            rest /= size;
        }
        out[at] += in[i];
    }
    if (x->op == OP_mean)
        for (int64_t i = 0, n = elems(e, &x->type.shape); i < n; i++)
            out[i] /= count_of(e, x);
}

/* ---- factors that are rounded ---- */

/* x to so many bits of fraction: halves to even numbers, as bfloat16's are, or away from zero, as tf32's. */
static double rounded(double x, int bits, bool even)
{
    int exponent;
    if (!(fabs(x) > 0 && fabs(x) < HUGE_VAL)) return x;
    frexp(x, &exponent);
    double units = ldexp(x, bits + 1 - exponent);
    return ldexp(even ? rint(units) : round(units), exponent - bits - 1);
}

/* By value: the class of the algorithm that computes it; null: none rounds its factors. */
static ErrorClass *classes(const Graph *g, Arena *a)
{
    ErrorClass *class = NULL;
    for (int k = 0; k < g->n_kernel; k++) {
        const Kernel *kernel = &g->kernel[k];
        const AlgoInfo *algo = &ir_algo[kernel->algo];
        if (algo->error != ERR_TF32 && algo->error != ERR_BF16) continue;
        if (!class) class = arena_alloc(a, g->n_node, sizeof *class);
        for (int i = 0; i < kernel->n_member; i++)
            if (ir_op[ir_node(g, kernel->member[i])->op].kind == algo->root)
                class[kernel->member[i].i] = algo->error;
    }
    return class;
}

/* The rule, of factors that are rounded to that class. */
static void round_factors(Eval *e, const Node *x, ErrorClass class, EvalRule *rule, double *out)
{
    double *was[2];
    for (int i = 0; i < 2; i++) {
        double **value = &e->value[x->in[i].i], *from = was[i] = *value;
        int64_t n = elems(e, eval_shape(e, x, i));
        *value = arena_alloc(e->arena, (size_t)(n > 0 ? n : 1), sizeof(double));
        for (int64_t k = 0; k < n; k++)
            (*value)[k] = rounded(from[k], class == ERR_BF16 ? 7 : 10, class == ERR_BF16);
    }
    rule(e, x, out);
    for (int i = 1; i >= 0; i--) e->value[x->in[i].i] = was[i];
}

/* ---- the table ---- */

static EvalRule *const rule[OP_COUNT] = {
#define OP(name, min_in, max_in, kind, shape, eval, ...) [OP_##name] = eval_##eval,
#include "ir/ops.def"
#undef OP
};

double **ir_eval(const Graph *g, const EvalIn *in, Arena *a)
{
    Eval e = {g, in, a, arena_alloc(a, g->n_node, sizeof(double *))};
    bool *live = ir_live(g, a);
    const ErrorClass *class = in->rounds ? classes(g, a) : NULL;
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (!live[i])
            continue;
        int64_t n = elems(&e, &x->type.shape);
        e.value[i] = arena_alloc(a, (size_t)(n > 0 ? n : 1), sizeof(double));
        if (class && class[i]) round_factors(&e, x, class[i], rule[x->op], e.value[i]);
        else rule[x->op](&e, x, e.value[i]);
        if (in->touch) in->touch(in->touch_ctx, x, e.value[i], n);
    }
    return e.value;
}
