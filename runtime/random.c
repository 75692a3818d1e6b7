/* runtime/random.c: mt19937 and the draws that PyTorch's CPU generator makes of it.
 *
 * The rules were checked against PyTorch 1.13 bit for bit, normal draws within 2e-7
 * (tests/fixtures/make_random.py). In float64, uniform and normal tensors draw other numbers there;
 * the program draws in float32 and widens. */
#define _XOPEN_SOURCE 700
#include "runtime/random.h"
#include <math.h>
#include <string.h>

/* ---- the generator ---- */

enum { PERIOD = 397 };

void rt_random_seed(rt_random *r, uint64_t seed)
{
    r->word[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < RT_MT_WORDS; i++)
        r->word[i] = 1812433253u * (r->word[i - 1] ^ r->word[i - 1] >> 30) + i;
    r->next = RT_MT_WORDS;
    r->has_spare = false;
    r->spare = 0;
}

static inline uint32_t renewed(uint32_t word, uint32_t after, uint32_t far)
{
    uint32_t mixed = (word & 0x80000000u) | (after & 0x7fffffffu);
    return far ^ mixed >> 1 ^ (-(mixed & 1) & 0x9908b0dfu);
}

static void renew(rt_random *r)
{
    enum { TURN = RT_MT_WORDS - PERIOD };
    uint32_t *w = r->word;
    for (int i = 0; i < TURN; i++)
        w[i] = renewed(w[i], w[i + 1], w[i + PERIOD]);
    for (int i = TURN; i < RT_MT_WORDS - 1; i++)
        w[i] = renewed(w[i], w[i + 1], w[i - TURN]);
    w[RT_MT_WORDS - 1] = renewed(w[RT_MT_WORDS - 1], w[0], w[PERIOD - 1]);
    r->next = 0;
}

uint32_t rt_random_u32(rt_random *r)
{
    if (r->next >= RT_MT_WORDS)
        renew(r);
    uint32_t y = r->word[r->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

uint64_t rt_random_u64(rt_random *r)
{
    uint64_t high = rt_random_u32(r);
    return high << 32 | rt_random_u32(r);
}

double rt_random_u53(rt_random *r)
{
    return (double)(rt_random_u64(r) & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}

/* ---- tensors ---- */

static float unit_f32(rt_random *r) { return (float)(rt_random_u32(r) & 0xffffff) * 0x1p-24f; }

void rt_random_uniform(rt_random *r, float *out, int64_t n, double a, double b)
{
    float low = (float)a, range = (float)b - low;
    for (int64_t i = 0; i < n; i++) {
        float unit = unit_f32(r);
        /* Rounded once, as PyTorch's kernels for AVX2 and newer do; without AVX2 it rounds twice,
         * which differs in the last bit. */
        if (out)
            out[i] = fmaf(unit, range, low);
    }
}

/* 16 uniforms become 16 normals, in pairs j and j + 8 (Box and Muller). */
static void normal_block(float d[16], float mean, float std)
{
    for (int j = 0; j < 8; j++) {
        float u1 = 1 - d[j], u2 = d[j + 8];
        float radius = sqrtf(-2 * logf(u1)), angle = 2 * (float)M_PI * u2;
        d[j] = radius * cosf(angle) * std + mean;
        d[j + 8] = radius * sinf(angle) * std + mean;
    }
}

static void normal_large(rt_random *r, float *out, int64_t n, double mean, double std)
{
    for (int64_t i = 0; i < n; i++) {
        float unit = unit_f32(r);
        if (out)
            out[i] = unit;
    }
    int64_t whole = n / 16 * 16;
    for (int64_t i = 0; out && i < whole; i += 16)
        normal_block(out + i, (float)mean, (float)std);
    if (whole == n)
        return;
    /* The last 16 elements are drawn anew, those among them that are finished already included. */
    float last[16];
    for (int j = 0; j < 16; j++)
        last[j] = unit_f32(r);
    normal_block(last, (float)mean, (float)std);
    if (out)
        memcpy(out + n - 16, last, sizeof last);
}

static double normal_small(rt_random *r)
{
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    double u1 = rt_random_u53(r), u2 = rt_random_u53(r);
    double radius = sqrt(-2 * log1p(-u2)), angle = 2 * M_PI * u1;
    r->spare = radius * sin(angle);
    r->has_spare = true;
    return radius * cos(angle);
}

void rt_random_normal(rt_random *r, float *out, int64_t n, double mean, double std)
{
    if (n >= 16) {
        normal_large(r, out, n, mean, std);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double value = normal_small(r) * std + mean;
        if (out)
            out[i] = (float)value;
    }
}

/* ---- orders ---- */

void rt_random_perm(rt_random *r, int64_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    /* From here on PyTorch draws 64 bits, so that every remainder stays about equally likely. */
    bool wide = n >= UINT32_MAX / 20;
    for (int64_t i = 0; i < n - 1; i++) {
        uint64_t draw = wide ? rt_random_u64(r) : rt_random_u32(r);
        int64_t other = i + (int64_t)(draw % (uint64_t)(n - i)), kept = out[i];
        out[i] = out[other];
        out[other] = kept;
    }
}

static void skip(rt_random *r, int words)
{
    for (; words > 0; words--, r->next++)
        if (r->next >= RT_MT_WORDS)
            renew(r);
}

/* Two numbers of 64 bits: the seed that workers would get, and the sampler's. */
uint32_t rt_random_pass_seed(rt_random *r)
{
    skip(r, 3);
    return rt_random_u32(r);
}

void rt_random_epoch(rt_random *r, bool shuffle, int64_t *order, int64_t n)
{
    if (shuffle) {
        rt_random sampler;
        rt_random_seed(&sampler, rt_random_pass_seed(r));
        rt_random_perm(&sampler, order, n);
        return;
    }
    skip(r, 2);
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
}

/* ---- checkpoints ---- */

static void put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

void rt_random_save(const rt_random *r, uint8_t bytes[RT_RANDOM_BYTES])
{
    uint64_t spare;
    memcpy(&spare, &r->spare, sizeof spare);
    for (int i = 0; i < RT_MT_WORDS; i++)
        put(bytes + 4 * i, r->word[i], 4);
    put(bytes + 4 * RT_MT_WORDS, r->next, 4);
    put(bytes + 4 * RT_MT_WORDS + 4, r->has_spare, 4);
    put(bytes + 4 * RT_MT_WORDS + 8, spare, 8);
}

bool rt_random_load(rt_err *e, rt_random *r, const uint8_t *bytes, int64_t count)
{
    rt_random read;
    if (count != RT_RANDOM_BYTES)
        return rt_fail(e, RT_E_DATA, "a random state of %lld bytes; %d are needed",
                       (long long)count, RT_RANDOM_BYTES);
    uint32_t any = 0;
    for (int i = 0; i < RT_MT_WORDS; i++)
        any |= read.word[i] = (uint32_t)get(bytes + 4 * i, 4);
    read.next = (uint32_t)get(bytes + 4 * RT_MT_WORDS, 4);
    uint64_t has = get(bytes + 4 * RT_MT_WORDS + 4, 4);
    uint64_t spare = get(bytes + 4 * RT_MT_WORDS + 8, 8);
    read.has_spare = has == 1;
    memcpy(&read.spare, &spare, sizeof spare);
    /* All zeros would give zeros for ever. */
    if (!any || read.next > RT_MT_WORDS || has > 1 || (has && !isfinite(read.spare)))
        return rt_fail(e, RT_E_DATA, "a random state that is damaged");
    *r = read;
    return true;
}
