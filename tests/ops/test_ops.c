/* tests/ops/test_ops.c: every op of ir/ops.def that is not elementwise, against a reference here.
 *
 * Each has a function `check_*`; a row of ops.def without one fails the suite. Elementwise ops are in
 * test_map.c, convolutions and windows in test_window.c, those on codes in
 * test_int8.c, gradients that passes build in test_grad.c. */
#include "tests/ops/case.h"

/* ---- leaves and views ---- */

static void same(const double *got, const double *wanted, int n, double relative)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(near(got[i], wanted[i], relative, 0), "element %d: %.15g, not %.15g", i,
                      got[i], wanted[i]);
}

static void check_input(void)
{
    Bench b = bench_new(2);
    const double x[6] = {1, 2, 3, 4, 5, 6};
    same(bench_run(&b, fed_input(&b, "x", TYPE(DT_f64, -1, 3), x)), x, 6, 0);
    bench_free(&b);
}

static void check_state(void)
{
    Bench b = bench_new(2);
    const double x[3] = {7, -8, NAN};
    State s = ir_state_add(b.m, "1.weight", ROLE_PARAM, TYPE(DT_f64, 3), (Loc){0});
    b.feed[b.n_feed++] = (Feed){"1.weight", x};
    same(bench_run(&b, ir_state_val(b.g, s)), x, 3, 0);
    bench_free(&b);
}

static void check_scalar(void)
{
    Bench b = bench_new(2);
    const double x = 0.125;
    b.feed[b.n_feed++] = (Feed){"lr", &x};
    same(bench_run(&b, ir_scalar(b.g, "lr", (Loc){0})), &x, 1, 0);
    bench_free(&b);
}

static void check_const(void)
{
    Bench b = bench_new(2);
    const double each[4] = {1, -2, 3, INFINITY}, filled[4] = {5, 5, 5, 5};
    same(bench_run(&b, ir_const(b.g, TYPE(DT_f64, 2, 2), each, 4, (Loc){0})), each, 4, 0);
    same(bench_run(&b, ir_const(b.g, TYPE(DT_f64, -1, 2), filled, 1, (Loc){0})), filled, 4, 0);
    bench_free(&b);
}

/* Philox4x32-10 a second time, to be held against the known answers of its authors' library. */
static void philox_by_hand(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    for (uint32_t r = 0; r < 10; r++) {
        uint64_t left = a * UINT64_C(0xD2511F53), right = c * UINT64_C(0xCD9E8D57);
        a = (uint32_t)(right >> 32) ^ b ^ (key[0] + r * 0x9E3779B9u);
        c = (uint32_t)(left >> 32) ^ d ^ (key[1] + r * 0xBB67AE85u);
        b = (uint32_t)right;
        d = (uint32_t)left;
    }
    memcpy(out, (uint32_t[]){a, b, c, d}, 4 * sizeof *out);
}

static void check_philox(void)
{
    static const struct { uint32_t counter[4], key[2], word[4]; } known[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    uint32_t word[4];
    for (int i = 0; i < COUNT(known); i++) {
        philox_by_hand(known[i].counter, known[i].key, word);
        ck_assert_mem_eq(word, known[i].word, sizeof word);
    }
    ck_assert_uint_eq(ir_stream_hash(""), 0x811c9dc5);
    ck_assert_uint_eq(ir_stream_hash("foobar"), 0xbf9cf968);
    const uint64_t seed = 0x123456789abcdef0, step = 0xfedcba9876543210;
    const uint32_t key[2] = {0x9abcdef0, 0x12345678 ^ 0xbf9cf968};
    for (uint64_t e = 5; e < UINT64_MAX / 8; e = e * 7 + 3) {
        philox_by_hand(
            (uint32_t[]){(uint32_t)(e / 4), (uint32_t)(e / 4 >> 32), 0x76543210, 0xfedcba98}, key,
            word);
        ck_assert(ir_random(seed, "foobar", step, e) == (word[e % 4] >> 8) * 0x1p-24);
    }
}

static void check_random(void)
{
    check_philox();
    Bench b = bench_new(3);
    b.seed = 11;
    b.step = 5;
    const Attr stream = ir_str(AT_stream, "2#0");
    const double *u = bench_run(
        &b, ir_add_typed(b.g, OP_random, (Loc){0}, TYPE(DT_f64, -1, 4), NULL, 0, &stream, 1));
    double mean = 0;
    for (int i = 0; i < 12; i++) {
        ck_assert(u[i] == ir_random(11, "2#0", 5, (uint64_t)i));
        ck_assert(u[i] != ir_random(11, "2#1", 5, (uint64_t)i) &&
                  u[i] != ir_random(11, "2#0", 6, (uint64_t)i));
        ck_assert(u[i] != ir_random(12, "2#0", 5, (uint64_t)i));
    }
    for (uint64_t i = 0; i < 4096; i++) {
        double r = ir_random(11, "2#0", 5, i);
        ck_assert(r >= 0 && r < 1);
        mean += r / 4096;
    }
    ck_assert(fabs(mean - 0.5) < 0.02);
    bench_free(&b);
}

static void check_count(void)
{
    Bench b = bench_new(5);
    static const double x[5 * 3 * 2];
    const Attr axes = ir_ints(AT_axes, (const int64_t[]){0, 2}, 2);
    Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 3, 2), x);
    ck_assert(bench_run(&b, ir_add(b.g, OP_count, (Loc){0}, &v, 1, &axes, 1))[0] == 10);
    bench_free(&b);
}

static void check_reshape(void)
{
    Bench b = bench_new(2);
    const double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 2, 3), x);
    Val r = ir_add_typed(b.g, OP_reshape, (Loc){0}, TYPE(DT_f64, -1, 6), &v, 1, NULL, 0);
    same(bench_run(&b, r), x, 12, 0);
    bench_free(&b);
}

static void check_relayout(void)
{
    Bench b = bench_new(2);
    const double x[15] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    State s = ir_state_add(b.m, "w", ROLE_PARAM, TYPE(DT_f64, 5, 3), (Loc){0});
    b.feed[b.n_feed++] = (Feed){"w", x};
    Type t = TYPE(DT_f64, 5, 3);
    t.layout = (Layout){LAYOUT_panel, 4};
    Val v = ir_state_val(b.g, s);
    same(bench_run(&b, ir_add_typed(b.g, OP_relayout, (Loc){0}, t, &v, 1, NULL, 0)), x, 15, 0);
    bench_free(&b);
}

static Type integers(Type t)
{
    t.dtype = DT_i64;
    return t;
}

static void check_cast(void)
{
    Bench b = bench_new(2);
    const double x[4] = {0, -7, 3, 1 << 24};
    Val v = fed_input(&b, "k", integers(TYPE(DT_f64, -1, 2)), x);
    same(bench_run(&b, ir_add_typed(b.g, OP_cast, (Loc){0}, TYPE(DT_f64, -1, 2), &v, 1, NULL, 0)), x,
         4, 0);
    bench_free(&b);
}

static void check_increment(void)
{
    Bench b = bench_new(2);
    const double x[3] = {0, -1, 0x1p40}, y[3] = {1, 0, 0x1p40 + 1};
    Val v = fed_input(&b, "k", integers(TYPE(DT_f64, 3)), x);
    same(bench_run(&b, ir_add(b.g, OP_increment, (Loc){0}, &v, 1, NULL, 0)), y, 3, 0);
    bench_free(&b);
}

/* Element (i, j, k) of [n,2 or 3,2] is 100 i + 10 j + k, so that a value says where it was. */
static void places(double *x, int middle)
{
    for (int i = 0; i < 2 * middle * 2; i++)
        x[i] = 100 * (i / (2 * middle)) + 10 * (i / 2 % middle) + i % 2;
}

static void check_cat(void)
{
    double x[12], y[8];
    const double wanted[20] = {0,   1,   10,  11,  20,  21,  0,   1,   10,  11,
                               100, 101, 110, 111, 120, 121, 100, 101, 110, 111};
    const double last[16] = {0,   1,   0,   1,   10,  11,  10,  11,
                             100, 101, 100, 101, 110, 111, 110, 111};
    Bench b = bench_new(2);
    places(x, 3);
    places(y, 2);
    Attr axis = ir_int(AT_axis, 1);
    Val in[] = {fed_input(&b, "x", TYPE(DT_f64, -1, 3, 2), x),
                fed_input(&b, "y", TYPE(DT_f64, -1, 2, 2), y)};
    same(bench_run(&b, ir_add(b.g, OP_cat, (Loc){0}, in, 2, &axis, 1)), wanted, 20, 0);
    axis = ir_int(AT_axis, 2);
    in[0] = in[1];
    same(bench_run(&b, ir_add(b.g, OP_cat, (Loc){0}, in, 2, &axis, 1)), last, 16, 0);
    bench_free(&b);
}

static void check_slice(void)
{
    double x[12];
    const double wanted[8] = {10, 11, 20, 21, 110, 111, 120, 121};
    const double ones[6] = {1, 11, 21, 101, 111, 121};
    Bench b = bench_new(2);
    places(x, 3);
    Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 3, 2), x);
    const Attr middle[] = {ir_int(AT_axis, 1), ir_int(AT_from, 1), ir_int(AT_to, 3)};
    const Attr last[] = {ir_int(AT_axis, 2), ir_int(AT_from, 1), ir_int(AT_to, 2)};
    same(bench_run(&b, ir_add(b.g, OP_slice, (Loc){0}, &v, 1, middle, 3)), wanted, 8, 0);
    same(bench_run(&b, ir_add(b.g, OP_slice, (Loc){0}, &v, 1, last, 3)), ones, 6, 0);
    bench_free(&b);
}

static void check_permute(void)
{
    double x[12];
    const double wanted[12] = {0, 100, 1, 101, 10, 110, 11, 111, 20, 120, 21, 121};
    Bench b = bench_new(2);
    places(x, 3);
    Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 3, 2), x);
    const Attr order = ir_ints(AT_order, (const int64_t[]){1, 2, 0}, 3);
    same(bench_run(&b, ir_add(b.g, OP_permute, (Loc){0}, &v, 1, &order, 1)), wanted, 12, 0);
    bench_free(&b);
}

/* ---- products and reductions ---- */

static void check_linear(void)
{
    Bench b = bench_new(3);
    double x[3 * 4], w[2 * 4], bias[2];
    fill(x, 12, -2, 2);
    fill(w, 8, -2, 2);
    fill(bias, 2, -2, 2);
    Val in[] = {fed_input(&b, "x", TYPE(DT_f64, -1, 4), x),
                fed_input(&b, "w", TYPE(DT_f64, 2, 4), w),
                fed_input(&b, "bias", TYPE(DT_f64, 2), bias)};
    for (int n_in = 2; n_in <= 3; n_in++) {
        double wanted[6] = {0};
        for (int k = 3; k >= 0; k--)
            for (int i = 0; i < 6; i++)
                wanted[i] += x[i / 2 * 4 + k] * w[i % 2 * 4 + k];
        for (int i = 0; i < 6; i++)
            wanted[i] += n_in == 3 ? bias[i % 2] : 0;
        same(bench_run(&b, ir_add(b.g, OP_linear, (Loc){0}, in, n_in, NULL, 0)), wanted, 6, 1e-13);
    }
    bench_free(&b);
}

static void check_matmul(void)
{
    double a[2][3], c[3][4], at[3][2], ct[4][3], wanted[8] = {0};
    fill(&a[0][0], 6, -2, 2);
    fill(&c[0][0], 12, -2, 2);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 2; i++)
            at[k][i] = a[i][k];
        for (int j = 0; j < 4; j++)
            ct[j][k] = c[k][j];
        for (int i = 0; i < 8; i++)
            wanted[i] += a[i / 4][k] * c[k][i % 4];
    }
    for (int t = 0; t < 4; t++) {
        Bench b = bench_new(1);
        int ta = t & 1, tb = t >> 1;
        Val in[] = {fed_input(&b, "a", ta ? TYPE(DT_f64, 3, 2) : TYPE(DT_f64, 2, 3),
                              ta ? &at[0][0] : &a[0][0]),
                    fed_input(&b, "c", tb ? TYPE(DT_f64, 4, 3) : TYPE(DT_f64, 3, 4),
                              tb ? &ct[0][0] : &c[0][0])};
        Attr attr[2];
        int n = 0;
        if (ta)
            attr[n++] = ir_flag(AT_ta);
        if (tb)
            attr[n++] = ir_flag(AT_tb);
        same(bench_run(&b, ir_add(b.g, OP_matmul, (Loc){0}, in, 2, attr, n)), wanted, 8, 1e-13);
        bench_free(&b);
    }
}

/* All sets of axes of a [3,2,4] tensor, with and without `keep`. */
static void check_reduction(Op op)
{
    double x[3][2][4];
    fill(&x[0][0][0], 24, -2, 2);
    for (int set = 1; set < 16; set++) {
        int64_t axes[3];
        int n_axes = 0;
        double sum[3][2][4] = {{{0}}}, wanted[24];
        for (int k = 0; k < 3; k++)
            if (set >> k & 1)
                axes[n_axes++] = k;
        if (!n_axes)
            continue;
        int r0 = set & 1, r1 = set >> 1 & 1, r2 = set >> 2 & 1, n = 0;
        for (int i = 0; i < 24; i++)
            sum[r0 ? 0 : i / 8][r1 ? 0 : i / 4 % 2][r2 ? 0 : i % 4] += x[i / 8][i / 4 % 2][i % 4];
        for (int i = 0; i < (r0 ? 1 : 3); i++)
            for (int j = 0; j < (r1 ? 1 : 2); j++)
                for (int k = 0; k < (r2 ? 1 : 4); k++, n++)
                    wanted[n] =
                        sum[i][j][k] /
                        (op == OP_mean ? 24 / ((r0 ? 1 : 3) * (r1 ? 1 : 2) * (r2 ? 1 : 4)) : 1);
        Bench b = bench_new(3);
        Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 2, 4), &x[0][0][0]);
        Attr attr[] = {ir_ints(AT_axes, axes, n_axes), ir_flag(AT_keep)};
        Val r = ir_add(b.g, op, (Loc){0}, &v, 1, attr, set < 8 ? 1 : 2);
        ck_assert_int_eq(ir_type(b.g, r)->shape.rank, set < 8 ? 3 - n_axes : 3);
        ck_assert_int_eq((int)ir_elems_at(&ir_type(b.g, r)->shape, 3), n);
        same(bench_run(&b, r), wanted, n, 1e-13);
        bench_free(&b);
    }
}

static void check_sum(void) { check_reduction(OP_sum); }
static void check_mean(void) { check_reduction(OP_mean); }

/* ---- rows ---- */

/* softmax and its logarithm by the plain formula, along each axis; then with numbers that overflow
 * exp. */
static void check_softmax_op(Op op)
{
    double x[3][2][4], wanted[24];
    fill(&x[0][0][0], 24, -2, 2);
    for (int axis = 0; axis < 3; axis++) {
        for (int i = 0; i < 24; i++) {
            int at[3] = {i / 8, i / 4 % 2, i % 4}, size[3] = {3, 2, 4};
            double sum = 0, own = exp(x[at[0]][at[1]][at[2]]);
            for (at[axis] = 0; at[axis] < size[axis]; at[axis]++)
                sum += exp(x[at[0]][at[1]][at[2]]);
            wanted[i] = op == OP_softmax ? own / sum : log(own / sum);
        }
        Bench b = bench_new(3);
        Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 2, 4), &x[0][0][0]);
        const Attr attr = ir_int(AT_axis, axis);
        same(bench_run(&b, ir_add(b.g, op, (Loc){0}, &v, 1, &attr, 1)), wanted, 24, 1e-12);
        bench_free(&b);
    }
    const double far[9] = {1000, 0, -1000, NAN, 0, 0, -INFINITY, 0, 0};
    const double p[9] = {1, 0, 0, NAN, NAN, NAN, 0, 0.5, 0.5};
    const double logs[9] = {0, -1000, -2000, NAN, NAN, NAN, -INFINITY, -log(2), -log(2)};
    Bench b = bench_new(3);
    Val v = fed_input(&b, "x", TYPE(DT_f64, -1, 3), far);
    const Attr attr = ir_int(AT_axis, 1);
    same(bench_run(&b, ir_add(b.g, op, (Loc){0}, &v, 1, &attr, 1)), op == OP_softmax ? p : logs, 9,
         1e-12);
    bench_free(&b);
}

static void check_softmax(void) { check_softmax_op(OP_softmax); }
static void check_log_softmax(void) { check_softmax_op(OP_log_softmax); }

/* A class loss on [3,4] rows: target 0 is indices, 1 probabilities, 2 indices that name no class.
 */
static double loss_by_hand(Op op, const double *x, const double *index, const double *share,
                           bool total)
{
    double loss = 0;
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        for (int j = 0; j < 4; j++)
            sum += exp(x[i * 4 + j]);
        for (int j = 0; j < 4; j++) {
            double logp = op == OP_nll ? x[i * 4 + j] : x[i * 4 + j] - log(sum);
            loss -= logp * (share ? share[i * 4 + j] : index[i] == j);
        }
    }
    return total ? loss : loss / 3;
}

static const double *loss_node(Bench *b, Op op, const double *x, const double *target, bool share,
                               bool total)
{
    Val in[] = {fed_input(b, "x", TYPE(DT_f64, -1, 4), x),
                fed_input(b, "t", share ? TYPE(DT_f64, -1, 4) : TYPE(DT_i64, -1), target)};
    const Attr attr = ir_flag(AT_total);
    return bench_run(b, ir_add(b->g, op, (Loc){0}, in, 2, &attr, total));
}

static void check_class_loss(Op loss, Op grad)
{
    double x[12], share[12];
    const double index[3] = {2, 0, 3}, outside[][3] = {{2, 4, 0}, {-1, 0, 0}, {-100, 1, 1}};
    fill(x, 12, -2, 2);
    fill(share, 12, 0.1, 1);
    for (int way = 0; way < 4; way++) {
        bool with_share = way & 1, total = way & 2;
        if (with_share && loss == OP_nll)
            continue;
        const double *target = with_share ? share : index;
        Bench b = bench_new(3), g = bench_new(3);
        const double wanted = loss_by_hand(loss, x, index, with_share ? share : NULL, total);
        same(loss_node(&b, loss, x, target, with_share, total), &wanted, 1, 1e-12);
        const double *d = loss_node(&g, grad, x, target, with_share, total);
        for (int i = 0; i < 12; i++) {
            double up[12], down[12];
            memcpy(up, x, sizeof up);
            memcpy(down, x, sizeof down);
            up[i] += 1e-5;
            down[i] -= 1e-5;
            double slope = (loss_by_hand(loss, up, index, with_share ? share : NULL, total) -
                            loss_by_hand(loss, down, index, with_share ? share : NULL, total)) /
                           2e-5;
            ck_assert_msg(fabs(d[i] - slope) < 1e-8, "%s %d: %.12g, differences say %.12g",
                          ir_op[grad].name, i, d[i], slope);
        }
        bench_free(&b);
        bench_free(&g);
    }
    for (int i = 0; i < 3; i++) {
        Bench b = bench_new(3);
        ck_assert(isnan(loss_node(&b, loss, x, outside[i], false, false)[0]));
        bench_free(&b);
    }
}

/* Indices 2, 0, one that names no class, 1; then with 0 ignored. */
static void check_one_hot(void)
{
    const double x[12] = {NAN}, t[4] = {2, 0, 3, 1};
    const double wanted[2][12] = {{0, 0, 1, 1, 0, 0, NAN, NAN, NAN, 0, 1, 0},
                                  {0, 0, 1, 0, 0, 0, NAN, NAN, NAN, 0, 1, 0}};
    for (int ignoring = 0; ignoring < 2; ignoring++) {
        Bench b = bench_new(4);
        Val in[] = {fed_input(&b, "x", TYPE(DT_f64, -1, 3), x),
                    fed_input(&b, "target", TYPE(DT_i64, -1), t)};
        const Attr attr = ir_int(AT_ignore, 0);
        Val y = ir_add(b.g, OP_one_hot, (Loc){0}, in, 2, &attr, ignoring);
        same(bench_run(&b, y), wanted[ignoring], 12, 0);
        bench_free(&b);
    }
}

static void check_cross_entropy(void) { check_class_loss(OP_cross_entropy, OP_cross_entropy_grad); }
static void check_nll(void) { check_class_loss(OP_nll, OP_nll_grad); }

static void check_correct(void)
{
    /* right; a tie, whose first is meant; wrong; NaN is largest */
    const double x[16] = {0, 3, 1, 2, 5, 1, 5, 0, 9, 8, 7, 6, 0, 9, NAN, 1};
    const double index[4] = {1, 0, 3, 2};
    const double share[16] = {0, 1, 0, 0, 0.4, 0.1, 0.4, 0.1, 0.1, 0.2, 0.3, 0.4, 0, 0, 1, 0};
    Bench b = bench_new(4), p = bench_new(4);
    ck_assert(loss_node(&b, OP_correct, x, index, false, false)[0] == 3);
    ck_assert(loss_node(&p, OP_correct, x, share, true, false)[0] == 3);
    bench_free(&b);
    bench_free(&p);
    b = bench_new(4);     /* the first row's label counts nowhere */
    Val in[] = {fed_input(&b, "x", TYPE(DT_f64, -1, 4), x),
                fed_input(&b, "target", TYPE(DT_i64, -1), index)};
    const Attr ignore = ir_int(AT_ignore, 1);
    ck_assert(bench_run(&b, ir_add(b.g, OP_correct, (Loc){0}, in, 2, &ignore, 1))[0] == 2);
    bench_free(&b);
}

/* ---- every row has a test ---- */

typedef void Check(void);
static Check *const check[OP_COUNT] = {
    [OP_state] = check_state,
    [OP_input] = check_input,
    [OP_scalar] = check_scalar,
    [OP_const] = check_const,
    [OP_random] = check_random,
    [OP_count] = check_count,
    [OP_reshape] = check_reshape,
    [OP_relayout] = check_relayout,
    [OP_cast] = check_cast,
    [OP_increment] = check_increment,
    [OP_cat] = check_cat,
    [OP_slice] = check_slice,
    [OP_permute] = check_permute,
    [OP_linear] = check_linear,
    [OP_matmul] = check_matmul,
    [OP_sum] = check_sum,
    [OP_mean] = check_mean,
    [OP_softmax] = check_softmax,
    [OP_log_softmax] = check_log_softmax,
    [OP_cross_entropy] = check_cross_entropy,
    [OP_cross_entropy_grad] = check_cross_entropy,
    [OP_nll] = check_nll,
    [OP_nll_grad] = check_nll,
    [OP_one_hot] = check_one_hot,
    [OP_correct] = check_correct,
};

START_TEST(other_ops_match_their_references)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        OpKind kind = ir_op[op].kind;
        if (kind == KIND_MAP || kind == KIND_CONV || kind == KIND_WINDOW || kind == KIND_NARROW)
            continue;
        ck_assert_msg(check[op] != NULL, "%s has no check in tests/ops/test_ops.c", ir_op[op].name);
        check[op]();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ops");
    TCase *t = tcase_create("ops");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, other_ops_match_their_references);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
