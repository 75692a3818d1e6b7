/* runtime/gather.c: batches out of a set (see data.h). Rows are copied, bytes looked up in the
 * table that normalisation made: one load a pixel, whatever was asked for. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/load.h"
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { AHEAD = 2 };   /* samples */

/* Samples come in any order, so no processor guesses which is next: it is asked for two ahead. */
static inline void fetch(const char *x, int64_t bytes)
{
    enum { LINE = 64, AT_MOST = 4096 };
    for (int64_t k = 0; k < bytes && k < AT_MOST; k += LINE)
        __builtin_prefetch(x + k);
}

/* out[k] = table[x[k]] for the first so many of n, which it returns. The processor may be newer
 * than the one that this file is compiled for.
 *
 * Two registers are a table of 32 by the low five bits of an index; the three bits above choose
 * among eight of them. That takes less than half the time of loads at sixteen addresses. */
#ifdef __x86_64__
#define AVX512 __attribute__((target("avx512f")))

AVX512 static inline __m512 of_32(const float *table, __m512i at)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(table), at, _mm512_loadu_ps(table + 16));
}

AVX512 static inline __m512 choose(__m512i at, int bit, __m512 low, __m512 high)
{
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(bit)), low, high);
}

AVX512 static inline __m512 of_128(const float *table, __m512i at)
{
    __m512 low = choose(at, 32, of_32(table, at), of_32(table + 32, at));
    __m512 high = choose(at, 32, of_32(table + 64, at), of_32(table + 96, at));
    return choose(at, 64, low, high);
}

AVX512 static int64_t look_up_sixteens(const float *restrict table, const uint8_t *restrict x,
                                       int64_t n, float *restrict out)
{
    int64_t k = 0;
    for (; k + 16 <= n; k += 16) {
        __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(x + k)));
        _mm512_storeu_ps(out + k, choose(at, 128, of_128(table, at), of_128(table + 128, at)));
    }
    return k;
}
#endif

static int64_t look_up_some(const float *table, const uint8_t *x, int64_t n, float *out)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return look_up_sixteens(table, x, n, out);
#endif
    (void)table, (void)x, (void)n, (void)out;
    return 0;
}

/* A sample's bytes; group g of the table serves `span` bytes. */
static void look_up_f32(const rt_set *s, const uint8_t *restrict x, float *restrict out)
{
    int64_t span = s->x_elems / s->table_groups;
    const float *restrict table = s->table;
    for (int64_t g = 0; g < s->table_groups; g++, table += 256, x += span, out += span)
        for (int64_t k = look_up_some(table, x, span, out); k < span; k++)
            out[k] = table[x[k]];
}

static void look_up_f64(const rt_set *s, const uint8_t *restrict x, double *restrict out)
{
    int64_t span = s->x_elems / s->table_groups;
    const double *restrict table = s->table;
    for (int64_t g = 0; g < s->table_groups; g++, table += 256, x += span, out += span)
        for (int64_t k = 0; k < span; k++)
            out[k] = table[x[k]];
}

/* ---- rows: x and y of n samples, whose rows in the set are given ---- */

static void look_up_row(const rt_set *s, const uint8_t *x, void *out)
{
    if (s->real == RT_F32)
        look_up_f32(s, x, out);
    else
        look_up_f64(s, x, out);
}

/* Each image through the steps before ToTensor, the table, and the steps behind it. */
static bool change_rows(rt_err *e, const rt_set *s, rt_studio *studio, const int64_t *row,
                        const uint8_t *images, int64_t n, char *out)
{
    int64_t bytes = s->x_elems * rt_dtype_bytes(s->real);
    for (int64_t i = 0; i < n; i++, out += bytes) {
        rt_shot shot = {s->seed, s->epoch, row[i]};
        rt_image x;
        if (!images && !rt_set_image(e, s, studio, &shot, &x))
            return false;
        look_up_row(s, images ? images + i * s->x_elems : x.plane, out);
        rt_transforms_erase(&s->transforms, &shot, s->real, s->taken, out);
    }
    return true;
}

static void look_up_rows(const rt_set *s, const int64_t *row, int64_t n, char *out)
{
    const uint8_t *x = s->x;
    int64_t elems = s->x_elems, bytes = elems * rt_dtype_bytes(s->real);
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            fetch((const char *)x + row[i + AHEAD] * elems, elems);
        look_up_row(s, x + row[i] * elems, out + i * bytes);
    }
}

static inline __attribute__((always_inline)) void copy_few(const int64_t *row, int64_t n,
                                                           const char *from, char *to,
                                                           int64_t bytes)
{
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * bytes, from + row[i] * bytes, (size_t)bytes);
}

/* For the size of a few numbers a call would cost more than the copy. */
static void copy_rows(const int64_t *row, int64_t n, const char *from, char *to, int64_t bytes)
{
    switch (bytes) {
    case 4: copy_few(row, n, from, to, 4); return;
    case 8: copy_few(row, n, from, to, 8); return;
    case 12: copy_few(row, n, from, to, 12); return;
    case 16: copy_few(row, n, from, to, 16); return;
    case 32: copy_few(row, n, from, to, 32); return;
    case 64: copy_few(row, n, from, to, 64); return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            fetch(from + row[i + AHEAD] * bytes, bytes);
        memcpy(to + i * bytes, from + row[i] * bytes, (size_t)bytes);
    }
}

static bool gather_x(rt_err *e, const rt_set *s, rt_studio *studio, const int64_t *row,
                     const uint8_t *images, int64_t n, char *out)
{
    if (s->changes)
        return change_rows(e, s, studio, row, images, n, out);
    if (s->x_bytes)
        look_up_rows(s, row, n, out);
    else
        copy_rows(row, n, s->x, out, s->x_elems * rt_dtype_bytes(s->real));
    return true;
}

bool rt_data_gather(rt_err *e, const rt_set *s, rt_studio *studio, const rt_pick *pick,
                    void *x_out, void *y_out)
{
    enum { BLOCK = 256 };
    const int64_t *index = pick->index, first = pick->first, n = pick->n;
    int64_t real_bytes = rt_dtype_bytes(s->real), x_bytes = s->x_elems * real_bytes;
    int64_t y_bytes = s->y_elems * (s->y_kind == RT_Y_INDEX ? 8 : real_bytes);
    for (int64_t at = 0, some; at < n; at += some) {
        int64_t own[BLOCK];
        const int64_t *row = own;
        some = n - at < BLOCK ? n - at : BLOCK;
        if (index && !s->pick)
            row = index + at;
        else
            for (int64_t i = 0; i < some; i++) {
                int64_t place = index ? index[at + i] : first + at + i;
                own[i] = s->pick ? s->pick[place] : place;
            }
        const uint8_t *images = pick->images ? pick->images + at * s->x_elems : NULL;
        if (!gather_x(e, s, studio, row, images, some, (char *)x_out + at * x_bytes))
            return false;
        if (y_out && s->y)
            copy_rows(row, some, s->y, (char *)y_out + at * y_bytes, y_bytes);
    }
    return true;
}

double rt_data_target_squares(const rt_set *s)
{
    double total = 0;
    if (s->y_kind != RT_Y_REAL || !s->n)
        return 0;
    for (int64_t k = 0; k < s->y_elems; k++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < s->n; i++)
            sum += rt_real_get(s->y, s->real, (s->pick ? s->pick[i] : i) * s->y_elems + k);
        double mean = sum / (double)s->n;
        for (int64_t i = 0; i < s->n; i++) {
            int64_t row = s->pick ? s->pick[i] : i;
            double difference = rt_real_get(s->y, s->real, row * s->y_elems + k) - mean;
            squares += difference * difference;
        }
        total += squares;
    }
    return total;
}
