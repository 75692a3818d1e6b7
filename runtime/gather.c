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
static void fetch(const rt_set *s, const int64_t *index, int64_t place)
{
    enum { LINE = 64, AT_MOST = 4096 };
    int64_t bytes = s->x_elems * (s->x_bytes ? 1 : rt_dtype_bytes(s->real));
    int64_t at = index ? index[place] : place, row = s->pick ? s->pick[at] : at;
    const char *x = (const char *)s->x + row * bytes;
    for (int64_t k = 0; k < bytes && k < AT_MOST; k += LINE)
        __builtin_prefetch(x + k);
}

/* out[k] = table[x[k]] for the first so many of n, which it returns. The processor may be newer
 * than the one that this file is compiled for. */
#ifdef __x86_64__
__attribute__((target("avx512f")))
static int64_t look_up_sixteens(const float *table, const uint8_t *x, int64_t n, float *out)
{
    int64_t k = 0;
    for (; k + 16 <= n; k += 16) {
        __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(x + k)));
        _mm512_storeu_ps(out + k, _mm512_i32gather_ps(at, table, 4));
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

/* The sizes of numbers, which a call would cost more than the copy. */
static void copy(char *to, const char *from, int64_t bytes)
{
    if (bytes == 4)
        memcpy(to, from, 4);
    else if (bytes == 8)
        memcpy(to, from, 8);
    else
        memcpy(to, from, (size_t)bytes);
}

void rt_data_gather(const rt_set *s, const int64_t *index, int64_t first, int64_t n, void *x_out,
                    void *y_out)
{
    int64_t real_bytes = rt_dtype_bytes(s->real);
    int64_t y_bytes = s->y_elems * (s->y_kind == RT_Y_INDEX ? 8 : real_bytes);
    int64_t x_bytes = s->x_elems * real_bytes;
    for (int64_t i = 0; i < n; i++) {
        int64_t place = index ? index[i] : first + i;
        int64_t row = s->pick ? s->pick[place] : place;
        char *to = (char *)x_out + i * x_bytes;
        if (index && i + AHEAD < n)
            fetch(s, index, i + AHEAD);
        if (!s->x_bytes)
            copy(to, (const char *)s->x + row * x_bytes, x_bytes);
        else if (s->real == RT_F32)
            look_up_f32(s, (const uint8_t *)s->x + row * s->x_elems, (float *)(void *)to);
        else
            look_up_f64(s, (const uint8_t *)s->x + row * s->x_elems, (double *)(void *)to);
        if (y_out && s->y)
            copy((char *)y_out + i * y_bytes, (const char *)s->y + row * y_bytes, y_bytes);
    }
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
