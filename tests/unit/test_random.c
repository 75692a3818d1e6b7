/* tests/unit/test_random.c: the generator against PyTorch's own draws, which are in
 * tests/fixtures/random.inc. */
#define _XOPEN_SOURCE 700
#include "runtime/random.h"
#include "tests/unit/rt_test.h"
#include <math.h>
#include "tests/fixtures/random.inc"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint64_t fnv(const void *data, size_t bytes)
{
    const unsigned char *b = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

static void same_bits(const float *got, const uint32_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(bits_of(got[i]) == want[i], "element %zu: %.9g, PyTorch has %.9g", i,
                      (double)got[i], (double)float_of(want[i]));
}

static void about(const float *got, const uint32_t *want, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++) {
        double w = float_of(want[i]);
        ck_assert_msg(fabs(got[i] - w) <= bound, "element %zu: %.9g, PyTorch has %.9g", i,
                      (double)got[i], w);
    }
}

static void next_uniforms(rt_random *r, const uint32_t want[2])
{
    float got[2];
    rt_random_uniform(r, got, 2, 0, 1);
    same_bits(got, want, 2);
}

START_TEST(uniform)
{
    rt_random r;
    float got[15];
    rt_random_seed(&r, 42);
    rt_random_uniform(&r, got, 15, 0, 1);
    same_bits(got, uniform_42, COUNT(uniform_42));
    rt_random_seed(&r, (uint64_t)-3);
    rt_random_uniform(&r, got, 5, 0, 1);
    same_bits(got, uniform_minus3, COUNT(uniform_minus3));
    rt_random_seed(&r, ((uint64_t)1 << 40) + 7);
    rt_random_uniform(&r, got, 5, 0, 1);
    same_bits(got, uniform_2p40_7, COUNT(uniform_2p40_7));
}
END_TEST

static double linear_bound(int64_t fan_in)
{
    return (float)(sqrt(3.0) * (sqrt(2.0 / 6) / sqrt((double)fan_in)));
}

START_TEST(linear_initialisation)
{
    static float w[784 * 256], b[256];
    rt_random r;
    rt_random_seed(&r, 1);
    rt_random_uniform(&r, w, 784 * 256, -linear_bound(784), linear_bound(784));
    same_bits(w, linear_weight_start, COUNT(linear_weight_start));
    ck_assert(fnv(w, sizeof w) == linear_weight_hash);
    rt_random_uniform(&r, b, 256, -(float)(1 / sqrt(784.0)), (float)(1 / sqrt(784.0)));
    ck_assert(fnv(b, sizeof b) == linear_bias_hash);
    rt_random_uniform(&r, w, 2560, -linear_bound(256), linear_bound(256));
    ck_assert(fnv(w, 2560 * sizeof *w) == linear2_weight_hash);
    rt_random_uniform(&r, b, 10, -1 / sqrt(256.0), 1 / sqrt(256.0));
    same_bits(b, linear2_bias, COUNT(linear2_bias));
}
END_TEST

START_TEST(uneven_interval)
{
    static float x[10000];
    rt_random r;
    rt_random_seed(&r, 5);
    rt_random_uniform(&r, x, 10000, -0.3, 1.4);
    ck_assert(fnv(x, sizeof x) == uneven_hash);
}
END_TEST

START_TEST(normal)
{
    rt_random r;
    float x[64];
    rt_random_seed(&r, 7);
    rt_random_normal(&r, x, 5, 0, 1);
    rt_random_normal(&r, x + 5, 4, 0, 1);
    about(x, normal_5_then_4, COUNT(normal_5_then_4), 3e-8 * 2);
    next_uniforms(&r, uniform_after_small);
    rt_random_seed(&r, 7);
    rt_random_normal(&r, x, 32, 0, 1);
    about(x, normal_32, COUNT(normal_32), 4e-7);
    rt_random_normal(&r, x, 37, 0.5, 2);
    about(x, normal_37, COUNT(normal_37), 1e-6);
    next_uniforms(&r, uniform_after_large);
}
END_TEST

START_TEST(thrown_away_draws_count)
{
    rt_random a, b;
    float x[37];
    for (int64_t n = 0; n <= 37; n++) {
        rt_random_seed(&a, 3);
        rt_random_seed(&b, 3);
        rt_random_normal(&a, x, n, 0, 1);
        rt_random_normal(&b, NULL, n, 0, 1);
        rt_random_uniform(&a, x, n, 0, 1);
        rt_random_uniform(&b, NULL, n, 0, 1);
        ck_assert(a.has_spare == b.has_spare && a.next == b.next);
        ck_assert(rt_random_u64(&a) == rt_random_u64(&b));
    }
}
END_TEST

START_TEST(permutations)
{
    static int64_t order[60000];
    rt_random r;
    rt_random_seed(&r, 3);
    rt_random_perm(&r, order, 10);
    ck_assert(!memcmp(order, perm_10, sizeof perm_10));
    rt_random_perm(&r, order, 60000);
    ck_assert(fnv(order, sizeof order) == perm_60000_hash);
    order[0] = 5;
    rt_random_perm(&r, order, 1);
    ck_assert_int_eq(order[0], 0);
    rt_random_perm(&r, order, 0);
}
END_TEST

START_TEST(loader)
{
    rt_random r;
    int64_t order[39];
    rt_random_seed(&r, 11);
    for (int pass = 0; pass < 3; pass++)
        rt_random_epoch(&r, true, order + 13 * pass, 13);
    ck_assert(!memcmp(order, loader_order, sizeof loader_order));
    next_uniforms(&r, uniform_after_loader_shuffled);
    rt_random_seed(&r, 11);
    for (int pass = 0; pass < 3; pass++)
        rt_random_epoch(&r, false, order, 13);
    for (int i = 0; i < 13; i++)
        ck_assert_int_eq(order[i], i);
    next_uniforms(&r, uniform_after_loader);
}
END_TEST

/* Passes that are foreseen are those that come one by one, whatever happens to the generator. */
START_TEST(orders)
{
    static const int64_t sizes[] = { 0, 1, 2, 3, 159, 227, 228, 229, 230, 500, 624, 625, 626, 700 };
    static rt_orders o;
    int64_t got[700], want[700];
    rt_random r, plain;
    for (size_t k = 0; k < COUNT(sizes); k++) {
        int64_t n = sizes[k];
        rt_random_seed(&r, k);
        plain = r;
        for (int pass = 0; pass < 3 * RT_AHEAD + 5; pass++) {
            if (pass == 20)    /* somebody else draws */
                ck_assert(rt_random_u32(&r) == rt_random_u32(&plain));
            rt_orders_next(&o, &r, pass != 30, got, n);
            rt_random_epoch(&plain, pass != 30, want, n);
            ck_assert_msg(!memcmp(got, want, (size_t)n * sizeof *got), "%d samples, pass %d",
                          (int)n, pass);
        }
        ck_assert(rt_random_u64(&r) == rt_random_u64(&plain));
    }
}
END_TEST

START_TEST(torch_dropout)
{
    rt_random r;
    rt_random_seed(&r, 9);
    for (size_t i = 0; i < COUNT(dropout_kept); i++)
        ck_assert_int_eq(rt_random_u53(&r) < 1 - 0.3, dropout_kept[i]);
}
END_TEST

START_TEST(state_comes_back)
{
    rt_random r, again;
    uint8_t bytes[RT_RANDOM_BYTES];
    float x[5], a[700], b[700];
    rt_random_seed(&r, 4);
    rt_random_normal(&r, x, 5, 0, 1);    /* leaves a spare value */
    rt_random_save(&r, bytes);
    memset(&again, 0xff, sizeof again);
    ck_assert(rt_random_load(NULL, &again, bytes, sizeof bytes));
    for (int i = 0; i < 2; i++)
        rt_random_normal(i ? &again : &r, i ? b : a, 15, 0, 1);
    ck_assert(!memcmp(a, b, 15 * sizeof *a));
    rt_random_uniform(&r, a, 700, 0, 1);
    rt_random_uniform(&again, b, 700, 0, 1);
    ck_assert(!memcmp(a, b, sizeof a));
}
END_TEST

START_TEST(damaged_state)
{
    rt_random r;
    rt_err e = {0};
    uint8_t bytes[RT_RANDOM_BYTES], kept[RT_RANDOM_BYTES];
    rt_random_seed(&r, 4);
    rt_random_save(&r, bytes);
    memcpy(kept, bytes, sizeof kept);
    ck_assert(!rt_random_load(&e, &r, bytes, sizeof bytes - 1));
    ck_assert_int_eq(e.code, RT_E_DATA);
    bytes[4 * RT_MT_WORDS + 1] = 0xff;    /* the position */
    ck_assert(!rt_random_load(&e, &r, bytes, sizeof bytes));
    memset(bytes, 0, sizeof bytes);
    ck_assert(!rt_random_load(&e, &r, bytes, sizeof bytes));
    rt_random_save(&r, bytes);
    ck_assert(!memcmp(bytes, kept, sizeof kept));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *c = case_create("draws as PyTorch's");
    tcase_add_test(c, uniform);
    tcase_add_test(c, linear_initialisation);
    tcase_add_test(c, uneven_interval);
    tcase_add_test(c, normal);
    tcase_add_test(c, thrown_away_draws_count);
    tcase_add_test(c, permutations);
    tcase_add_test(c, loader);
    tcase_add_test(c, orders);
    tcase_add_test(c, torch_dropout);
    tcase_add_test(c, state_comes_back);
    tcase_add_test(c, damaged_state);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
