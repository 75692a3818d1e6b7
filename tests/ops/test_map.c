/* tests/ops/test_map.c: every elementwise op of ir/ops.def.
 *
 * Values and finite differences on ordinary points against the references in cases.h, PyTorch's
 * values and derivatives at the edges. An elementwise row without a line in cases.h fails. */
#include "tests/ops/cases.h"

/* ---- elementwise: references and finite differences ---- */

/* A node of that op on inputs a, b of one sample's number each. */
static Val map_node(Bench *b, Op op, const double *attr_value, const double *const *x, int *n_in)
{
    Val in[2] = {{0}};
    Attr attr[4] = {{0}};
    *n_in = op == OP_map ? 2 : ir_op[op].min_in;
    for (int i = 0; i < *n_in; i++)
        in[i] = fed_input(b, i ? "b" : "a", TYPE(DT_f64, -1), x[i]);
    if (op == OP_map)
        attr[0] = ir_str(AT_f, "a*a + b");
    int n_attr = op == OP_map ? 1 : real_attrs(op, attr_value, attr);
    if (op == OP_expand)
        return ir_add_typed(b->g, op, (Loc){0}, TYPE(DT_f64, -1), in, 1, attr, 0);
    return ir_add(b->g, op, (Loc){0}, in, *n_in, attr, n_attr);
}

static bool near_kink(const MapCase *c, const double *x)
{
    return (c->kink == KINK_A && fabs(x[0]) < 1e-3) ||
           (c->kink == KINK_DIFFERENCE && fabs(x[0] - x[1]) < 1e-3);
}

static void check_derivative(ExPool *p, Ex f, const MapCase *c, const char *name, const double *x,
                             int k)
{
    double h = 1e-5, up[2] = {x[0], x[1]}, down[2] = {x[0], x[1]};
    up[k] += h;
    down[k] -= h;
    if (near_kink(c, x))
        return;
    double wanted = (ex_eval(p, f, up) - ex_eval(p, f, down)) / (2 * h);
    double got = ex_eval(p, ex_diff(p, f, k), x);
    ck_assert_msg(fabs(got - wanted) <= 1e-7 * (1 + fabs(wanted)),
                  "%s by %c at %g %g: %.12g, differences say %.12g", name, 'a' + k, x[0], x[1], got,
                  wanted);
}

static void check_map(Op op, const double *attr)
{
    const MapCase *c = &map_case[op];
    double a[MAX_N], b[MAX_N];
    const double *x[2] = {a, b};
    fill(a, MAX_N, c->lo, c->hi);
    fill(b, MAX_N - 1, c->lo, c->hi);
    b[MAX_N - 1] = c->hi;
    Bench bench = bench_new(MAX_N);
    int n_in;
    Val v = map_node(&bench, op, attr, x, &n_in);
    const double *y = bench_run(&bench, v);
    ExPool *p = ex_pool(bench.arena);
    Ex f = ir_scalar_expr(p, ir_node(bench.g, v));
    for (int i = 0; i < MAX_N; i++) {
        double at[2] = {a[i], b[i]}, wanted = c->ref(at, attr);
        ck_assert_msg(fabs(y[i] - wanted) <= 1e-12 * fabs(wanted) + 1e-14,
                      "%s(%g, %g) = %.15g, not %.15g", ir_op[op].name, a[i], b[i], y[i], wanted);
        for (int k = 0; k < n_in; k++)
            check_derivative(p, f, c, ir_op[op].name, at, k);
    }
    bench_free(&bench);
}

START_TEST(elementwise_ops_match_their_references)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        if (ir_op[op].kind != KIND_MAP)
            continue;
        ck_assert_msg(map_case[op].ref != NULL, "%s has no case in tests/ops/cases.h",
                      ir_op[op].name);
        check_map((Op)op, map_case[op].attr[0]);
        if (map_case[op].attr[1][0] != 0)
            check_map((Op)op, map_case[op].attr[1]);
    }
}
END_TEST

/* ---- elementwise: PyTorch ---- */

static const char *const grad_rule[OP_COUNT] = {
#define OP(name, min_in, max_in, kind, shape, eval, grad, ...) [OP_##name] = #grad,
#include "ir/ops.def"
#undef OP
};

/* Zeros have PyTorch's sign, too, in values; the sign of a derivative that is zero means nothing.
 */
static bool value_matches(Op op, double got, double wanted)
{
    const MapCase *c = &map_case[op];
    if (got == 0 && wanted == 0 && !c->zero_unsigned)
        return signbit(got) == signbit(wanted);
    return near(got, wanted, 1e-12, c->torch_error + 1e-300);
}

START_TEST(elementwise_ops_match_pytorch)
{
    int rows[OP_COUNT] = {0};
    FILE *f = torch_rows();
    TorchRow r;
    while (torch_row(f, &r)) {
        Op op = op_named(r.op);
        const double *x[2] = {&r.in[0], &r.in[1]};
        Bench b = bench_new(1);
        int n_in;
        Val v = map_node(&b, op, r.attr, x, &n_in);
        ck_assert_int_eq(n_in, r.n_in);
        double y = bench_run(&b, v)[0];
        ck_assert_msg(value_matches(op, y, r.y), "%s(%g, %g) = %.15g, PyTorch has %.15g", r.op,
                      r.in[0], r.in[1], y, r.y);
        ExPool *p = ex_pool(b.arena);
        Ex e = ir_scalar_expr(p, ir_node(b.g, v));
        for (int k = 0; k < n_in && strcmp(grad_rule[op], "map") == 0; k++) {
            double d = ex_eval(p, ex_diff(p, e, k), r.in);
            ck_assert_msg(near(d, r.d[k], fmax(1e-10, map_case[op].torch_slope), 2e-16),
                          "d%s(%g, %g)/d%c = %.15g, PyTorch has %.15g", r.op, r.in[0], r.in[1],
                          'a' + k, d, r.d[k]);
        }
        rows[op]++;
        bench_free(&b);
    }
    fclose(f);
    for (int op = OP_NONE + 1; op < OP_COUNT; op++)
        ck_assert_msg(ir_op[op].kind != KIND_MAP || rows[op] || map_case[op].without_torch,
                      "%s has no row in tests/ops/torch_ops.txt", ir_op[op].name);
}
END_TEST

/* ---- broadcasting ---- */

START_TEST(maps_broadcast)
{
    Bench b = bench_new(2);
    double x[2 * 3 * 2], row[2], column[3], sample[2] = {100, 200}, one = 0.5;
    fill(x, 12, 0, 9);
    fill(row, 2, 0, 9);
    fill(column, 3, 0, 9);
    Val in[] = {fed_input(&b, "x", TYPE(DT_f64, -1, 3, 2), x),
                fed_input(&b, "row", TYPE(DT_f64, 2), row),
                fed_input(&b, "column", TYPE(DT_f64, 3, 1), column),
                fed_input(&b, "sample", TYPE(DT_f64, -1, 1, 1), sample),
                fed_input(&b, "one", type_of(DT_f64, 0, NULL), &one)};
    const double *y = bench_run(&b, ir_map(b.g, "a + b*c + d*e", in, 5, (Loc){0}));
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 2; j++)
                ck_assert(y[s * 6 + i * 2 + j] ==
                          x[s * 6 + i * 2 + j] + row[j] * column[i] + sample[s] * one);
    Val wide = ir_add_typed(b.g, OP_expand, (Loc){0}, TYPE(DT_f64, -1, 3, 2), &in[2], 1, NULL, 0);
    y = bench_run(&b, wide);
    for (int i = 0; i < 12; i++)
        ck_assert(y[i] == column[i / 2 % 3]);
    bench_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("map");
    TCase *t = tcase_create("map");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, elementwise_ops_match_their_references);
    tcase_add_test(t, elementwise_ops_match_pytorch);
    tcase_add_test(t, maps_broadcast);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
