/* tests/unit/test_ir_types.c: dimensions, shapes, sizes, stored layouts, and the type rule of every op
 * with the words it says when operands do not fit. Expected values are worked out by hand. */
#include "ir/ir.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static Type type2(DType d, Dim a, Dim b)
{
    Shape s = {.rank = 2, .dim = {a, b}};
    return ir_type_of(d, s);
}

static Type type1(DType d, Dim a)
{
    Shape s = {.rank = 1, .dim = {a}};
    return ir_type_of(d, s);
}

static Type type0(DType d)
{
    return ir_type_of(d, (Shape){.rank = 0});
}

START_TEST(sizes_at_a_batch)
{
    Shape s = {.rank = 3, .dim = {ir_dim_n(1), ir_dim(3), ir_dim_n(2)}};
    int64_t elems;
    ck_assert_int_eq(ir_dim_at(ir_dim(7), 100), 7);
    ck_assert_int_eq(ir_dim_at(ir_dim_n(7), 100), 700);
    ck_assert_int_eq(ir_elems_at(&s, 10), 10 * 3 * 20);
    ck_assert(ir_has_n(&s));
    ck_assert(ir_elems_ok(&s, 10, &elems));
    ck_assert(!ir_elems_ok(&s, INT64_MAX / 2, &elems));
    ck_assert(ir_dim_eq(ir_dim_n(2), ir_dim_n(2)));
    ck_assert(!ir_dim_eq(ir_dim_n(2), ir_dim(2)));
}
END_TEST

START_TEST(text_of_types)
{
    Arena *a = arena_new();
    Type t = type2(DT_f32, ir_dim_n(196), ir_dim(64));
    ck_assert_str_eq(ir_type_string(&t, a), "f32[196n,64]");
    t.shape.dim[0] = ir_dim_n(1);
    ck_assert_str_eq(ir_type_string(&t, a), "f32[n,64]");
    t.layout = (Layout){LAYOUT_panel, 32};
    ck_assert_str_eq(ir_type_string(&t, a), "f32[n,64]{panel32}");
    t = type0(DT_i64);
    ck_assert_str_eq(ir_type_string(&t, a), "i64[]");
    arena_free(a);
}
END_TEST

START_TEST(numbers_read_back)
{
    static const double x[] = {0.1, 1.0 / 3, 1e300, 5e-324, -0.035714287310838699, 123456789012345678.0};
    Arena *a = arena_new();
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        ck_assert(strtod(ir_real_string(x[i], a), NULL) == x[i]);
    ck_assert_str_eq(ir_real_string(0.1, a), "0.1");
    ck_assert_str_eq(ir_real_string(1, a), "1");
    ck_assert_str_eq(ir_real_string(-0.0, a), "-0");
    ck_assert_str_eq(ir_real_string(1e300 * 1e10, a), "inf");
    ck_assert_str_eq(ir_real_string(-1e300 * 1e10, a), "-inf");
    arena_free(a);
}
END_TEST

/* Where an element of a stored tensor lies, from the descriptor. */
static int64_t offset_of(const StoredAxis *axis, int rank, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < rank; i++)
        at += index[i] / axis[i].block * axis[i].outer + index[i] % axis[i].block * axis[i].inner;
    return at;
}

START_TEST(plain_axes)
{
    Type t = type2(DT_f32, ir_dim_n(1), ir_dim(5));
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(&t, 3, axis);
    for (int64_t i = 0; i < 3; i++)
        for (int64_t j = 0; j < 5; j++)
            ck_assert_int_eq(offset_of(axis, 2, (int64_t[]){i, j}), i * 5 + j);
    ck_assert_int_eq(ir_stored_bytes(&t, 3), 60);
}
END_TEST

/* panel4 of [6,3] is [2][3][4]: the naive index by hand. */
START_TEST(panel_axes)
{
    Type t = type2(DT_f32, ir_dim(6), ir_dim(3));
    StoredAxis axis[IR_MAX_RANK];
    t.layout = (Layout){LAYOUT_panel, 4};
    ir_stored_axes(&t, 1, axis);
    for (int64_t o = 0; o < 6; o++)
        for (int64_t i = 0; i < 3; i++)
            ck_assert_int_eq(offset_of(axis, 2, (int64_t[]){o, i}), (o / 4) * 12 + i * 4 + o % 4);
    ck_assert_int_eq(ir_stored_bytes(&t, 1), 2 * 3 * 4 * 4);
}
END_TEST

/* c16 of [n,20,2,3] is [n][2][2][3][16]. */
START_TEST(channel_axes)
{
    Type t = {.dtype = DT_f64, .shape = {.rank = 4, .dim = {{1, true}, {20, false}, {2, false}, {3, false}}},
              .layout = {LAYOUT_c, 16}};
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(&t, 2, axis);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t c = 0; c < 20; c++)
            for (int64_t w = 0; w < 3; w++)
                ck_assert_int_eq(offset_of(axis, 4, (int64_t[]){n, c, 1, w}),
                                 (((n * 2 + c / 16) * 2 + 1) * 3 + w) * 16 + c % 16);
    ck_assert_int_eq(ir_stored_bytes(&t, 2), 2 * 2 * 2 * 3 * 16 * 8);
}
END_TEST

/* ---- the rules of the ops ---- */

enum { MAX_INPUTS = 4 };
typedef struct Rule {
    Op op;
    Type in[MAX_INPUTS]; int n_in;
    Attr attr[3]; int n_attr;
    bool given; Type type;
    const char *says;                /* the type, or the message */
} Rule;

static const char *apply(const Rule *r, Module *m, Arena *a)
{
    Graph *g = ir_graph_find(m, "t");
    static char err[IR_ERR];
    static const char *const name[MAX_INPUTS] = {"a", "b", "c", "d"};
    Val in[MAX_INPUTS];
    g = g ? g : ir_graph_add(m, "t");
    for (int i = 0; i < r->n_in; i++)
        in[i] = ir_input(g, name[i], r->in[i], (Loc){0});
    Val v = ir_try_add(g, r->op, (Loc){0}, r->given ? &r->type : NULL, in, r->n_in, r->attr, r->n_attr, err);
    return v.i ? ir_type_string(ir_type(g, v), a) : err;
}

#define N ir_dim_n(1)
#define K(k) ir_dim(k)
#define F2(a, b) type2(DT_f32, a, b)
#define F1(a) type1(DT_f32, a)
#define F0 type0(DT_f32)

START_TEST(rules)
{
    const int64_t axis0[] = {0}, axis1[] = {1}, both[] = {0, 1}, twice[] = {1, 1}, far[] = {2};
    const int64_t swap[] = {1, 0};
    const double two[] = {1, 2}, half[] = {0.5};
    const Rule rule[] = {
        {OP_linear, {F2(N, K(3)), F2(K(5), K(3)), F1(K(5))}, 3, {{0}}, 0, false, F0, "f32[n,5]"},
        {OP_linear, {F2(N, K(3)), F2(K(5), K(4))}, 2, {{0}}, 0, false, F0,
         "linear: f32[n,3] and f32[5,4] do not match: inner sizes [3,4]"},
        {OP_linear, {F2(N, K(3)), F2(K(5), K(3)), F1(K(3))}, 3, {{0}}, 0, false, F0,
         "linear: bias f32[3] does not match weight f32[5,3]"},
        {OP_linear, {F2(N, K(3))}, 1, {{0}}, 0, false, F0, "linear takes 2 to 3 operands, not 1"},
        {OP_linear, {F1(N), F2(K(5), K(3))}, 2, {{0}}, 0, false, F0,
         "linear: operand 1 is f32[n], but must have 2 axes"},
        {OP_matmul, {F2(N, K(3)), F2(N, K(4))}, 2, {ir_flag(AT_ta)}, 1, false, F0, "f32[3,4]"},
        {OP_matmul, {F2(N, K(3)), F2(K(4), K(3))}, 2, {ir_flag(AT_tb)}, 1, false, F0, "f32[n,4]"},
        {OP_matmul, {F2(N, K(3)), type2(DT_f64, K(3), K(4))}, 2, {{0}}, 0, false, F0,
         "matmul: operands f32[n,3] and f64[3,4] differ in their element type"},
        {OP_add, {F2(N, K(3)), F1(K(3))}, 2, {{0}}, 0, false, F0, "f32[n,3]"},
        {OP_add, {F1(K(3)), F2(N, K(1))}, 2, {{0}}, 0, false, F0, "f32[n,3]"},
        {OP_add, {F2(N, K(3)), F0}, 2, {{0}}, 0, false, F0, "f32[n,3]"},
        {OP_add, {F2(N, K(3)), F2(K(256), K(3))}, 2, {{0}}, 0, false, F0,
         "add: operand 2, f32[256,3], does not broadcast with [n,3]"},
        {OP_add, {F1(N), type1(DT_i64, N)}, 2, {{0}}, 0, false, F0,
         "add: operand 2 is i64[n], but must be real"},
        {OP_add, {F1(N), type1(DT_f64, N)}, 2, {{0}}, 0, false, F0,
         "add: operand 2 is f64[n], but an earlier one has elements of f32"},
        {OP_map, {F1(N), F0}, 2, {ir_str(AT_f, "a*(b)")}, 1, false, F0, "f32[n]"},
        {OP_map, {F1(N)}, 1, {ir_str(AT_f, "a + b")}, 1, false, F0,
         "the expression \"a + b\" reads more than the 1 operand"},
        {OP_map, {F1(N)}, 1, {ir_str(AT_f, "a > 0")}, 1, false, F0,
         "the expression \"a > 0\" is not a real number"},
        {OP_map, {F1(N)}, 1, {{0}}, 0, false, F0, "map needs attribute f"},
        {OP_elu, {F1(N)}, 1, {ir_real(AT_beta, 1)}, 1, false, F0, "elu takes no attribute beta"},
        {OP_sum, {F2(N, K(3))}, 1, {ir_ints(AT_axes, axis0, 1)}, 1, false, F0, "f32[3]"},
        {OP_sum, {F2(N, K(3))}, 1, {ir_flag(AT_keep), ir_ints(AT_axes, axis1, 1)}, 2, false, F0, "f32[n,1]"},
        {OP_mean, {F2(N, K(3))}, 1, {ir_ints(AT_axes, both, 2)}, 1, false, F0, "f32[]"},
        {OP_sum, {F2(N, K(3))}, 1, {ir_ints(AT_axes, twice, 2)}, 1, false, F0, "sum: axes must ascend"},
        {OP_sum, {F2(N, K(3))}, 1, {ir_ints(AT_axes, far, 1)}, 1, false, F0,
         "sum: axis 2 is not one of the 2 of f32[n,3]"},
        {OP_mean, {type1(DT_i64, N)}, 1, {ir_ints(AT_axes, axis0, 1)}, 1, false, F0,
         "mean: operand 1 is i64[n], but must be real"},
        {OP_count, {type1(DT_i64, N)}, 1, {ir_ints(AT_axes, axis0, 1)}, 1, false, F0, "f32[]"},
        {OP_softmax, {F2(N, K(3))}, 1, {ir_int(AT_axis, 1)}, 1, false, F0, "f32[n,3]"},
        {OP_softmax, {F2(N, K(3))}, 1, {ir_int(AT_axis, -1)}, 1, false, F0,
         "softmax: axis -1 is not one of the 2 of f32[n,3]"},
        {OP_cross_entropy, {F2(N, K(3)), type1(DT_i64, N)}, 2, {{0}}, 0, false, F0, "f32[]"},
        {OP_cross_entropy, {F2(N, K(3)), F2(N, K(3))}, 2, {{0}}, 0, false, F0, "f32[]"},
        {OP_cross_entropy, {F2(N, K(3)), type1(DT_i64, K(3))}, 2, {{0}}, 0, false, F0,
         "cross_entropy: target i64[3] does not fit rows f32[n,3]: indices [n] or probabilities are wanted"},
        {OP_nll, {F2(N, K(3)), F2(N, K(3))}, 2, {{0}}, 0, false, F0,
         "nll: target f32[n,3] does not fit rows f32[n,3]: indices [n] are wanted"},
        {OP_nll_grad, {F2(N, K(3)), type1(DT_i64, N)}, 2, {{0}}, 0, false, F0, "f32[n,3]"},
        {OP_correct, {F2(N, K(3)), type1(DT_u8, N)}, 2, {{0}}, 0, false, F0, "i64[]"},
        {OP_reshape, {F2(N, K(12))}, 1, {{0}}, 0, true, F2(ir_dim_n(4), K(3)), "f32[4n,3]"},
        {OP_reshape, {F2(N, K(12))}, 1, {{0}}, 0, true, F2(N, K(13)),
         "reshape: f32[n,12] cannot become f32[n,13]: 12 elements a sample are not 13"},
        {OP_reshape, {F2(N, K(12))}, 1, {{0}}, 0, true, F2(K(4), K(3)),
         "reshape: f32[n,12] cannot become f32[4,3]: the batch must stay a factor"},
        {OP_reshape, {F2(N, K(12))}, 1, {{0}}, 0, false, F0, "reshape: its type must be given"},
        {OP_expand, {F1(K(3))}, 1, {{0}}, 0, true, F2(N, K(3)), "f32[n,3]"},
        {OP_expand, {F2(N, K(3))}, 1, {{0}}, 0, true, F1(K(3)), "expand: f32[n,3] does not broadcast to f32[3]"},
        {OP_const, {F0}, 0, {ir_reals(AT_values, two, 2)}, 1, true, F1(K(2)), "f32[2]"},
        {OP_const, {F0}, 0, {ir_reals(AT_values, two, 2)}, 1, true, F1(N), "const: 2 values do not fill f32[n]"},
        {OP_const, {F0}, 0, {ir_reals(AT_values, half, 1)}, 1, true, type0(DT_i64),
         "const: value 1 is 0.5, but the type is i64[]"},
        {OP_random, {F0}, 0, {ir_str(AT_stream, "s")}, 1, true, type1(DT_i64, N),
         "random: its type is i64[n], but must be real"},
        {OP_relu, {F1(N)}, 1, {{0}}, 0, true, F1(K(3)), "relu: its type is f32[n], not f32[3]"},
        {OP_matmul, {F2(N, K(3)), F2(K(3), K(4))}, 2, {ir_str(AT_algo, "row")}, 1, false, F0,
         "no algorithm \"row\" computes matmul"},
        {OP_cast, {type1(DT_i64, K(3))}, 1, {{0}}, 0, true, F1(K(3)), "f32[3]"},
        {OP_cast, {F1(K(3))}, 1, {{0}}, 0, true, F1(K(3)),
         "cast: operand 1 is f32[3], but must be integer"},
        {OP_cast, {type1(DT_i64, K(3))}, 1, {{0}}, 0, true, F1(K(4)),
         "cast: i64[3] cannot become f32[4]: only the element type may change, to a real"},
        {OP_increment, {type0(DT_i64)}, 1, {{0}}, 0, false, F0, "i64[]"},
        {OP_increment, {F0}, 1, {{0}}, 0, false, F0,
         "increment: operand 1 is f32[], but must be integer"},
        {OP_cat, {F2(N, K(3)), F2(N, K(4))}, 2, {ir_int(AT_axis, 1)}, 1, false, F0, "f32[n,7]"},
        {OP_cat, {F2(N, K(3)), F2(N, K(4))}, 2, {ir_int(AT_axis, 2)}, 1, false, F0,
         "cat: axis 2 is not one of the 2 of f32[n,3]"},
        {OP_cat, {F2(N, K(3)), F2(N, K(3))}, 2, {ir_int(AT_axis, 0)}, 1, false, F0,
         "cat: axis 0 of f32[n,3] is the batch's"},
        {OP_cat, {F2(K(2), K(3)), F2(N, K(3))}, 2, {ir_int(AT_axis, 0)}, 1, false, F0,
         "cat: axis 0 of f32[n,3] is the batch's"},
        {OP_cat, {F2(N, K(3)), F1(K(3))}, 2, {ir_int(AT_axis, 1)}, 1, false, F0,
         "cat: axis 1 is not one of the 1 of f32[3]"},
        {OP_cat, {F2(N, K(3)), F2(K(4), K(3))}, 2, {ir_int(AT_axis, 1)}, 1, false, F0,
         "cat: operands f32[n,3] and f32[4,3] differ in more than the size of axis 1"},
        {OP_cat, {F2(N, K(INT64_C(1) << 38)), F2(N, K(1))}, 2, {ir_int(AT_axis, 1)}, 1, false, F0,
         "cat: its result is too large or malformed: "
         "the type has more than 2^46 elements in a batch of 256"},
        {OP_slice, {F2(N, K(3))}, 1, {ir_int(AT_axis, 1), ir_int(AT_from, 1), ir_int(AT_to, 3)}, 3,
         false, F0, "f32[n,2]"},
        {OP_slice, {F2(N, K(3))}, 1, {ir_int(AT_axis, 0), ir_int(AT_from, 0), ir_int(AT_to, 1)}, 3,
         false, F0, "slice: axis 0 of f32[n,3] is the batch's"},
        {OP_slice, {F2(N, K(3))}, 1, {ir_int(AT_axis, 1), ir_int(AT_from, 1), ir_int(AT_to, 4)}, 3,
         false, F0, "slice: places 1 to 4 are not in axis 1 of f32[n,3]"},
        {OP_slice, {F2(N, K(3))}, 1, {ir_int(AT_axis, 1), ir_int(AT_from, 1), ir_int(AT_to, 1)}, 3,
         false, F0, "slice: places 1 to 1 are not in axis 1 of f32[n,3]"},
        {OP_permute, {F2(N, K(3))}, 1, {ir_ints(AT_order, swap, 2)}, 1, false, F0, "f32[3,n]"},
        {OP_permute, {F2(N, K(3))}, 1, {ir_ints(AT_order, twice, 2)}, 1, false, F0,
         "permute: order does not name each axis of f32[n,3] once"},
        {OP_permute, {F2(N, K(3))}, 1, {ir_ints(AT_order, axis0, 1)}, 1, false, F0,
         "permute: order does not name each axis of f32[n,3] once"},
        {OP_input, {F0}, 0, {{0}}, 0, true, F0, "input is not added as a plain node"},
    };
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        Module *m = ir_module_new();
        m->capacity = 256;
        ck_assert_str_eq(apply(&rule[i], m, m->arena), rule[i].says);
        ir_module_free(m);
    }
}
END_TEST

START_TEST(layouts_of_results)
{
    Module *m = ir_module_new();
    Type panel = F2(K(64), K(3)), plain = panel;
    char err[IR_ERR];
    panel.layout = (Layout){LAYOUT_panel, 32};
    State w = ir_state_add(m, "w", ROLE_PARAM, panel, (Loc){0});
    Graph *g = ir_graph_add(m, "t");
    Val x = ir_input(g, "x", plain, (Loc){0}), a = ir_state_val(g, w);
    Val moved = ir_add_typed(g, OP_relayout, (Loc){0}, panel, IR_IN(x), IR_NO_ATTRS);
    Val sum = ir_add(g, OP_add, (Loc){0}, IR_IN(a, moved), IR_NO_ATTRS);
    ck_assert(ir_type_eq(ir_type(g, sum), &panel));
    ck_assert(!ir_try_add(g, OP_add, (Loc){0}, NULL, IR_IN(a, x), IR_NO_ATTRS, err).i);
    ck_assert_str_eq(err, "add: operands f32[64,3]{panel32} and f32[64,3] differ in their layout");
    Val small = ir_input(g, "s", F2(K(64), K(64)), (Loc){0});
    Val product = ir_add_typed(g, OP_matmul, (Loc){0}, panel, IR_IN(small, a), IR_NO_ATTRS);
    ck_assert(ir_type_eq(ir_type(g, product), &panel));
    ck_assert(ir_type_eq(ir_type(g, ir_add(g, OP_matmul, (Loc){0}, IR_IN(small, a), IR_NO_ATTRS)), &plain));
    ir_module_free(m);
}
END_TEST

START_TEST(tables)
{
    ck_assert_ptr_nonnull(ir_target("x86-64-v3"));
    ck_assert_ptr_eq(ir_target("x86_64_v4"), ir_target("x86-64-v4"));
    ck_assert_ptr_null(ir_target("m68k"));
    ck_assert_str_eq(ir_op[OP_relu].name, "relu");
    ck_assert_int_eq(ir_op[OP_linear].kind, KIND_PROD);
    for (int a = ALGO_NONE + 1; a < ALGO_COUNT; a++) {
        ck_assert(ir_admits(MATH_bf16, (Algo)a));
        ck_assert(!ir_admits(MATH_strict, (Algo)a) || ir_algo[a].error <= ERR_SUM);
    }
    ck_assert(ir_admits(MATH_strict, ALGO_gemm));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ir_types");
    TCase *t = tcase_create("types");
    tcase_add_test(t, sizes_at_a_batch);
    tcase_add_test(t, text_of_types);
    tcase_add_test(t, numbers_read_back);
    tcase_add_test(t, plain_axes);
    tcase_add_test(t, panel_axes);
    tcase_add_test(t, channel_axes);
    tcase_add_test(t, rules);
    tcase_add_test(t, layouts_of_results);
    tcase_add_test(t, tables);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
