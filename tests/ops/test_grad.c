/* tests/ops/test_grad.c: the gradients that passes/differentiate.c builds, op by op.
 *
 * A graph `grad` of one op on input "x" (and states) is differentiated; d_input and the states' d_…
 * are compared with central differences of the interpreter, and for elementwise ops at the edges
 * with PyTorch. Elementwise ops need no line here; any other op with a gradient rule does. */
#include "ir/trial.h"
#include "passes/passes.h"
#include "tests/ops/cases.h"
#include "tests/ops/windows.h"

enum { BATCH = 3, MAX_VALUES = 8, MAX_ELEMS = 192 };

/* ---- graphs of one op ---- */

static Val build_reshape(Graph *g, int variant)
{
    Val x = x_input(g, TYPE(DT_f64, -1, 2, 3));
    return variant ? (Val){0}
                   : ir_add_typed(g, OP_reshape, (Loc){0}, TYPE(DT_f64, -1, 6), &x, 1, NULL, 0);
}

static Val build_relayout(Graph *g, int variant)
{
    Type t = TYPE(DT_f64, -1, 5);
    t.layout = (Layout){LAYOUT_c, 4};
    Val x = x_input(g, TYPE(DT_f64, -1, 5));
    return variant ? (Val){0} : ir_add_typed(g, OP_relayout, (Loc){0}, t, &x, 1, NULL, 0);
}

static Val build_expand(Graph *g, int variant)
{
    Val x = x_input(g, variant ? TYPE(DT_f64, -1, 1, 2) : TYPE(DT_f64, 2, 1));
    if (variant > 1)
        return (Val){0};
    return ir_add_typed(g, OP_expand, (Loc){0},
                        variant ? TYPE(DT_f64, -1, 4, 2) : TYPE(DT_f64, -1, 2, 3), &x, 1, NULL, 0);
}

/* Operands that are broadcast, one that is used twice, one that nothing depends on. */
static Val build_map(Graph *g, int variant)
{
    static const char *const f[] = {"a*b*c + a*d", "a > 0.5 ? b*c : d - a",
                                    "exp(a*b)/(1.5 + sigmoid(c)) + floor(d)"};
    if (variant >= COUNT(f))
        return (Val){0};
    Val x = x_input(g, TYPE(DT_f64, -1, 2, 3));
    Val in[] = {x, param(g, "row", TYPE(DT_f64, 3)), param(g, "column", TYPE(DT_f64, 2, 1)),
                param(g, "one", type_of(DT_f64, 0, NULL))};
    return ir_map(g, f[variant], in, 4, (Loc){0});
}

static Val build_linear(Graph *g, int variant)
{
    if (variant > 1)
        return (Val){0};
    Val in[] = {x_input(g, TYPE(DT_f64, -1, 4)), param(g, "w", TYPE(DT_f64, 2, 4)),
                variant ? (Val){0} : param(g, "bias", TYPE(DT_f64, 2))};
    return ir_add(g, OP_linear, (Loc){0}, in, variant ? 2 : 3, NULL, 0);
}

static Val build_matmul(Graph *g, int variant)
{
    if (variant > 3)
        return (Val){0};
    int ta = variant & 1, tb = variant >> 1, n = 0;
    Attr attr[2];
    Val in[] = {x_input(g, ta ? TYPE(DT_f64, 4, -1) : TYPE(DT_f64, -1, 4)),
                param(g, "w", tb ? TYPE(DT_f64, 2, 4) : TYPE(DT_f64, 4, 2))};
    if (ta)
        attr[n++] = ir_flag(AT_ta);
    if (tb)
        attr[n++] = ir_flag(AT_tb);
    return ir_add(g, OP_matmul, (Loc){0}, in, 2, attr, n);
}

static Val build_reduction(Graph *g, Op op, int variant)
{
    static const struct { int n; int64_t axes[3]; } set[] = {
        {1, {0}}, {1, {1}}, {1, {2}}, {2, {0, 2}}, {2, {1, 2}}, {3, {0, 1, 2}}};
    if (variant >= 2 * COUNT(set))
        return (Val){0};
    Val x = x_input(g, TYPE(DT_f64, -1, 2, 3));
    Attr attr[] = {ir_ints(AT_axes, set[variant / 2].axes, set[variant / 2].n), ir_flag(AT_keep)};
    return ir_add(g, op, (Loc){0}, &x, 1, attr, 1 + variant % 2);
}

static Val build_sum(Graph *g, int variant) { return build_reduction(g, OP_sum, variant); }
static Val build_mean(Graph *g, int variant) { return build_reduction(g, OP_mean, variant); }

static Val build_over_axis(Graph *g, Op op, int variant)
{
    const Attr attr = ir_int(AT_axis, variant);
    Val x = x_input(g, TYPE(DT_f64, -1, 2, 4));
    return variant > 2 ? (Val){0} : ir_add(g, op, (Loc){0}, &x, 1, &attr, 1);
}

static Val build_softmax(Graph *g, int variant) { return build_over_axis(g, OP_softmax, variant); }
static Val build_log_softmax(Graph *g, int variant)
{
    return build_over_axis(g, OP_log_softmax, variant);
}

/* Indices, then probabilities that are a parameter themselves; mean, then total. */
static Val build_class_loss(Graph *g, Op op, int variant)
{
    if (variant >= (op == OP_nll ? 2 : 4))
        return (Val){0};
    Val in[2] = {x_input(g, variant < 2 ? TYPE(DT_f64, -1, 4) : TYPE(DT_f64, BATCH, 4))};
    in[1] = variant < 2 ? ir_input(g, "target", TYPE(DT_i64, -1), (Loc){0})
                        : param(g, "share", TYPE(DT_f64, BATCH, 4));
    const Attr attr = ir_flag(AT_total);
    return ir_add(g, op, (Loc){0}, in, 2, &attr, variant % 2);
}

static Val build_cross_entropy(Graph *g, int variant)
{
    return build_class_loss(g, OP_cross_entropy, variant);
}
static Val build_nll(Graph *g, int variant) { return build_class_loss(g, OP_nll, variant); }

/* The input, a parameter and the input again; the middle axis, then the last. */
static Val build_cat(Graph *g, int variant)
{
    Val x = x_input(g, TYPE(DT_f64, -1, 2, 2));
    Type t = variant ? TYPE(DT_f64, 1, 2, 3) : TYPE(DT_f64, 1, 1, 2);
    Type wide = variant ? TYPE(DT_f64, -1, 2, 3) : TYPE(DT_f64, -1, 1, 2);
    Val w = param(g, "w", t);
    const Attr axis = ir_int(AT_axis, variant ? 2 : 1);
    if (variant > 1)
        return (Val){0};
    Val in[] = {x, ir_add_typed(g, OP_expand, (Loc){0}, wide, &w, 1, NULL, 0), x};
    return ir_add(g, OP_cat, (Loc){0}, in, 3, &axis, 1);
}

/* From the start, in the middle, to the end, and all of it. */
static Val build_slice(Graph *g, int variant)
{
    static const int64_t part[][2] = {{0, 1}, {1, 3}, {2, 4}, {0, 4}};
    if (variant >= COUNT(part))
        return (Val){0};
    Val x = x_input(g, TYPE(DT_f64, -1, 4, 2));
    const Attr attr[] = {ir_int(AT_axis, 1), ir_int(AT_from, part[variant][0]),
                         ir_int(AT_to, part[variant][1])};
    return ir_add(g, OP_slice, (Loc){0}, &x, 1, attr, 3);
}

static Val build_permute(Graph *g, int variant)
{
    static const int64_t order[][3] = {{1, 2, 0}, {0, 2, 1}, {2, 1, 0}};
    if (variant >= COUNT(order))
        return (Val){0};
    Val x = x_input(g, TYPE(DT_f64, -1, 3, 2));
    const Attr attr = ir_ints(AT_order, order[variant], 3);
    return ir_add(g, OP_permute, (Loc){0}, &x, 1, &attr, 1);
}

static Build *const build[OP_COUNT] = {
    [OP_cat] = build_cat,
    [OP_slice] = build_slice,
    [OP_permute] = build_permute,
    [OP_conv] = build_conv,
    [OP_conv_transpose] = build_conv_transpose,
    [OP_conv_weight] = build_conv_weight,
    [OP_pool_take] = build_pool_take,
    [OP_pool_put] = build_pool_put,
    [OP_pool_sum] = build_pool_sum,
    [OP_pool_spread] = build_pool_spread,
    [OP_pad] = build_pad,
    [OP_pad_grad] = build_pad_grad,
    [OP_upsample] = build_upsample,
    [OP_upsample_grad] = build_upsample_grad,
    [OP_reshape] = build_reshape,
    [OP_relayout] = build_relayout,
    [OP_expand] = build_expand,
    [OP_map] = build_map,
    [OP_linear] = build_linear,
    [OP_matmul] = build_matmul,
    [OP_sum] = build_sum,
    [OP_mean] = build_mean,
    [OP_softmax] = build_softmax,
    [OP_log_softmax] = build_log_softmax,
    [OP_cross_entropy] = build_cross_entropy,
    [OP_nll] = build_nll,
};

static const char *const grad_rule[OP_COUNT] = {
#define OP(name, min_in, max_in, kind, shape, eval, grad, ...) [OP_##name] = #grad,
#include "ir/ops.def"
#undef OP
};

/* An elementwise op on x [n,2] and, for a second operand, a parameter [2] that is broadcast. */
static Val build_elementwise(Graph *g, Op op, const double *attr_value)
{
    Attr attr[4];
    Val in[2] = {x_input(g, TYPE(DT_f64, -1, 2))};
    if (ir_op[op].min_in == 2)
        in[1] = param(g, "b", TYPE(DT_f64, 2));
    return ir_add(g, op, (Loc){0}, in, ir_op[op].min_in, attr, real_attrs(op, attr_value, attr));
}

/* ---- values, and both ways to their derivatives ---- */

typedef struct Value { const char *name; bool real; int n; double x[MAX_ELEMS]; } Value;
typedef struct Case {
    const char *name;
    Module *m, *derived;
    Arena *arena;
    int64_t n;
    Value value[MAX_VALUES];
    int n_value;
} Case;

static Value *value_named(Case *c, const char *name)
{
    for (int i = 0; i < c->n_value; i++)
        if (strcmp(c->value[i].name, name) == 0)
            return &c->value[i];
    return NULL;
}

static const double *input_of(void *ctx, const char *name)
{
    Value *v = value_named(ctx, name);
    return v ? v->x : NULL;
}

static const double *state_of(void *ctx, State s)
{
    Case *c = ctx;
    return input_of(c, ir_state(c->m, s)->key);
}

static const Root *root_named(const Graph *g, const char *name)
{
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN && strcmp(g->root[i].name, name) == 0)
            return &g->root[i];
    return NULL;
}

static const double *result(Case *c, const Module *m, const char *name, int *n)
{
    const Graph *g = ir_graph_find(m, "grad");
    const Root *r = root_named(g, name);
    ck_assert_msg(r != NULL, "%s: no result %s", c->name, name);
    const EvalIn in = {.n = c->n, .input = input_of, .state = state_of, .ctx = c};
    *n = (int)ir_elems_at(&ir_type(g, r->val)->shape, c->n);
    return ir_eval(g, &in, c->arena)[r->val.i];
}

/* Ordinary values for every input and state. Targets are indices 0, 1, 2. */
static void give_values(Case *c, const Graph *g, double lo, double hi)
{
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (x->op != OP_input && x->op != OP_state)
            continue;
        Value *v = &c->value[c->n_value++];
        v->name = x->op == OP_input ? x->name : ir_state(g->module, x->state)->key;
        v->real = ir_dtype_real(x->type.dtype);
        v->n = (int)ir_elems_at(&x->type.shape, c->n);
        uint64_t seed = i * 1000 + 7;
        for (int k = 0; k < v->n; k++)
            v->x[k] = v->real ? number(&seed, lo, hi) : k % 3;
    }
}

/* Adds the cotangent, which nothing reads yet, and runs the pass. */
static void derive(Case *c, Graph *g, Val y, bool verify)
{
    Type t = *ir_type(g, y);
    t.layout = (Layout){LAYOUT_plain, 0};
    ir_input(g, "cotangent", t, (Loc){0});
    ir_return(g, "output", y);
    static const char *const pass[] = {"differentiate"};
    const PassCtx ctx = {.target = ir_target("x86-64"), .verify = verify};
    char err[IR_ERR];
    c->derived = pass_run_list(c->m, &ctx, pass, 1, err);
    ck_assert_msg(c->derived != NULL, "%s: %s", c->name, err);
}

static Graph *case_new(Case *c, const char *name, int64_t n)
{
    *c = (Case){.name = name, .m = ir_module_new(), .arena = arena_new(), .n = n};
    c->m->capacity = MAX_N;
    c->m->real = DT_f64;
    return ir_graph_add(c->m, "grad");
}

static void case_free(Case *c)
{
    arena_free(c->arena);
    ir_module_free(c->derived);
    ir_module_free(c->m);
}

static double weighted_output(Case *c)
{
    int n;
    const double *y = result(c, c->m, "output", &n), *weight = input_of(c, "cotangent");
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += weight[i] * y[i];
    return sum;
}

typedef struct Along { Case *c; double *x, middle; } Along;

static double output_along(void *ctx, double step)
{
    Along *l = ctx;
    *l->x = l->middle + step;
    double y = weighted_output(l->c);
    *l->x = l->middle;
    return y;
}

static void compare(Case *c, Value *v)
{
    char name[64];
    double wanted[MAX_ELEMS], size = 0;
    int n;
    snprintf(name, sizeof name, "d_%s", strcmp(v->name, "x") == 0 ? "input" : v->name);
    const double *got = result(c, c->derived, name, &n);
    ck_assert_int_eq(n, v->n);
    for (int i = 0; i < n; i++) {
        Slope s = ir_slope(output_along, &(Along){c, &v->x[i], v->x[i]});
        ck_assert_msg(s.smooth, "%s: %s[%d] has a kink at %.17g", c->name, name, i, v->x[i]);
        wanted[i] = s.value;
        size = fmax(size, fabs(wanted[i]));
    }
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(got[i] - wanted[i]) <= 1e-7 * (size + 1),
                      "%s: %s[%d] = %.12g, differences say %.12g", c->name, name, i, got[i],
                      wanted[i]);
}

/* Everything real but the cotangent is compared. */
static void compare_all(Case *c)
{
    for (int i = 0; i < c->n_value; i++)
        if (c->value[i].real && strcmp(c->value[i].name, "cotangent") != 0)
            compare(c, &c->value[i]);
}

/* ---- the tests ---- */

static void keep_from_kinks(Case *c, const MapCase *map)
{
    Value *x = value_named(c, "x"), *b = value_named(c, "b");
    for (int i = 0; i < x->n; i++)
        if ((map->kink == KINK_A && fabs(x->x[i]) < 1e-2) ||
            (map->kink == KINK_DIFFERENCE && fabs(x->x[i] - b->x[i % 2]) < 1e-2))
            x->x[i] += 0.05;
}

START_TEST(elementwise_gradients_match_differences)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++)
        for (int variant = 0; variant < 2 && ir_op[op].kind == KIND_MAP && !build[op]
                              && strcmp(grad_rule[op], "leaf") != 0; variant++) {
            const MapCase *map = &map_case[op];
            if (variant && map->attr[1][0] == 0)
                continue;
            Case c;
            Graph *g = case_new(&c, ir_op[op].name, BATCH);
            ck_assert_msg(map->ref != NULL, "%s has no case in tests/ops/cases.h", c.name);
            derive(&c, g, build_elementwise(g, (Op)op, map->attr[variant]), true);
            give_values(&c, g, map->lo, map->hi);
            keep_from_kinks(&c, map);
            compare_all(&c);
            case_free(&c);
        }
}
END_TEST

/* The derivative of x stop(x) is stop(x), not 2 x. */
START_TEST(no_derivative_goes_through_stop)
{
    Case c;
    int n;
    Graph *g = case_new(&c, "stop", BATCH);
    Val x = x_input(g, TYPE(DT_f64, -1, 2));
    Val still = ir_add(g, OP_stop, (Loc){0}, &x, 1, NULL, 0);
    derive(&c, g, ir_add(g, OP_mul, (Loc){0}, (Val[]){x, still}, 2, NULL, 0), true);
    give_values(&c, g, 1, 2);
    const double *d = result(&c, c.derived, "d_input", &n), *by = input_of(&c, "cotangent");
    ck_assert_int_eq(n, 2 * BATCH);
    for (int i = 0; i < n; i++) ck_assert(d[i] == by[i] * input_of(&c, "x")[i]);
    case_free(&c);
}
END_TEST

START_TEST(other_gradients_match_differences)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        bool rule = strcmp(grad_rule[op], "leaf") != 0 && strcmp(grad_rule[op], "none") != 0;
        ck_assert_msg(!rule || build[op] || ir_op[op].kind == KIND_MAP,
                      "%s has a gradient rule and no case in tests/ops/test_grad.c",
                      ir_op[op].name);
        for (int variant = 0; build[op]; variant++) {
            Case c;
            Graph *g = case_new(&c, ir_op[op].name, BATCH);
            Val y = build[op](g, variant);
            if (y.i) {
                derive(&c, g, y, true);
                give_values(&c, g, 0.1, 1.1);
                compare_all(&c);
            }
            case_free(&c);
            if (!y.i) {
                ck_assert_int_gt(variant, 0);
                break;
            }
        }
    }
}
END_TEST

/* The derivative of PyTorch's bce in the target forgets that the logarithms are clamped. */
static bool comparable(const TorchRow *r, int k)
{
    return strcmp(r->op, "bce") != 0 || k == 0 || (r->in[0] > 1e-40 && r->in[0] < 1);
}

START_TEST(elementwise_gradients_match_pytorch)
{
    FILE *f = torch_rows();
    TorchRow r;
    while (torch_row(f, &r)) {
        Case c;
        Graph *g = case_new(&c, r.op, 1);
        Op op = op_named(r.op);
        derive(&c, g, build_elementwise(g, op, r.attr), false);
        give_values(&c, g, 0, 1);
        const double relative = fmax(1e-10, map_case[op].torch_slope);
        for (int i = 0; i < 2; i++) {
            value_named(&c, "x")->x[i] = r.in[0];
            value_named(&c, "cotangent")->x[i] = 1;
            if (r.n_in == 2)
                value_named(&c, "b")->x[i] = r.in[1];
        }
        for (int k = 0; k < r.n_in; k++) {
            int n;
            const double *d = result(&c, c.derived, k ? "d_b" : "d_input", &n);
            for (int i = 0; i < n && comparable(&r, k); i++)
                ck_assert_msg(near(d[i], r.d[k], relative, 2e-16),
                              "%s(%g, %g): %s = %.15g, PyTorch has %.15g", r.op, r.in[0], r.in[1],
                              k ? "d_b" : "d_input", d[i], r.d[k]);
        }
        case_free(&c);
    }
    fclose(f);
}
END_TEST

/* Where a branch has no slope, no gradient gets through: not an infinite one, not a NaN. */
START_TEST(masks_stop_infinities)
{
    static const double x[2] = {-1, 2}, cotangent[][2] = {{INFINITY, 3}, {NAN, 4}};
    for (int i = 0; i < COUNT(cotangent); i++) {
        int n;
        Case c;
        Graph *g = case_new(&c, "relu", 1);
        derive(&c, g, build_elementwise(g, OP_relu, NULL), true);
        give_values(&c, g, 0, 1);
        memcpy(value_named(&c, "x")->x, x, sizeof x);
        memcpy(value_named(&c, "cotangent")->x, cotangent[i], sizeof x);
        const double *d = result(&c, c.derived, "d_input", &n);
        ck_assert(n == 2 && d[0] == 0 && d[1] == cotangent[i][1]);
        case_free(&c);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grad");
    TCase *t = tcase_create("grad");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, elementwise_gradients_match_differences);
    tcase_add_test(t, no_derivative_goes_through_stop);
    tcase_add_test(t, other_gradients_match_differences);
    tcase_add_test(t, elementwise_gradients_match_pytorch);
    tcase_add_test(t, masks_stop_infinities);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
