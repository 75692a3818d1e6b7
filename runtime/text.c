/* runtime/text.c: numbers, sizes and times as people read them, and JSON numbers. It never asks the
 * locale: what is written is the same everywhere. Sizes count in 1000s, as disks do. */
#define _XOPEN_SOURCE 700   /* clock_gettime */
#include "runtime/text.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

char *rt_count_text(char text[RT_TEXT], int64_t count)
{
    char digits[RT_TEXT];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count), at = 0;
    for (int i = 0; i < length; i++) {
        bool first = i == 0 || (i == 1 && digits[0] == '-');
        if (!first && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

char *rt_rate_text(char text[RT_TEXT], double per_second)
{
    static const char unit[] = { 0, 'k', 'M', 'G' };
    int k = 0;
    if (!(per_second >= 0))
        per_second = 0;
    for (; per_second >= 999.5 && k < 3; k++)
        per_second /= 1000;
    const char *format = k > 0 && per_second < 9.95 ? "%.1f" : "%.0f";
    int length = snprintf(text, 16, format, per_second);
    snprintf(text + length, 8, unit[k] ? "%c/s" : "/s", unit[k]);
    return text;
}

char *rt_time_text(char text[RT_TEXT], double seconds)
{
    if (!(seconds >= 0) || seconds > 8.64e8)
        snprintf(text, RT_TEXT, "-");
    else if (seconds < 0.0995)
        snprintf(text, RT_TEXT, "%.1fms", 1e3 * seconds);
    else if (seconds < 9.995)
        snprintf(text, RT_TEXT, "%.2fs", seconds);
    else if (seconds < 59.5)
        snprintf(text, RT_TEXT, "%.0fs", seconds);
    else if (seconds < 3599.5)
        snprintf(text, RT_TEXT, "%dm%02ds", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else
        snprintf(text, RT_TEXT, "%dh%02dm", (int)(seconds / 60 + 0.5) / 60,
                 (int)(seconds / 60 + 0.5) % 60);
    return text;
}

/* "1.2e-5", "2.6e29": no plus and no zeros before the exponent's digits. */
static void exponent_text(char text[RT_TEXT], double value)
{
    snprintf(text, RT_TEXT, "%.1e", value);
    char *from = strchr(text, 'e') + 1, *to = from;
    if (*from == '-')
        to++;
    from++;
    while (*from == '0' && from[1])
        from++;
    memmove(to, from, strlen(from) + 1);
}

char *rt_loss_text(char text[RT_TEXT], double loss)
{
    double size = fabs(loss);
    if (!isfinite(loss))
        snprintf(text, RT_TEXT, isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf");
    else if ((loss != 0 && size < 0.001) || size >= 999999.5)
        exponent_text(text, loss);
    else
        snprintf(text, RT_TEXT, "%.*f",
                 size < 9.99995 ? 4 : size < 99.9995 ? 3 : size < 999.995 ? 2
                                  : size < 9999.95 ? 1 : 0, loss);
    return text;
}

char *rt_bytes_text(char text[RT_TEXT], int64_t bytes)
{
    static const char *const unit[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    if (bytes < 1000) {
        snprintf(text, RT_TEXT, "%" PRId64 " B", bytes);
        return text;
    }
    double value = (double)bytes / 1000;
    int k = 0;
    for (; value >= 999.5 && k < 5; k++)
        value /= 1000;
    snprintf(text, RT_TEXT, value < 9.95 ? "%.1f %s" : "%.0f %s", value, unit[k]);
    return text;
}

char *rt_short_time_text(char text[RT_TEXT], double seconds)
{
    static const struct { double factor; const char *unit; } scale[] = {
        { 1, "s" }, { 1e3, "ms" }, { 1e6, "us" }, { 1e9, "ns" },
    };
    int k = 0;
    while (k < 3 && seconds * scale[k].factor < 0.9995)
        k++;
    double value = seconds * scale[k].factor;
    snprintf(text, RT_TEXT, value < 9.995 ? "%.2f %s" : value < 99.95 ? "%.1f %s" : "%.0f %s",
             value, scale[k].unit);
    return text;
}

/* Appends to a text of RT_DIMS bytes; what does not fit ends in "...". */
static void append(char text[RT_DIMS], const char *more)
{
    size_t used = strlen(text), need = strlen(more);
    if (used + need < RT_DIMS - 4)
        memcpy(text + used, more, need + 1);
    else if (used + 4 <= RT_DIMS && (used < 3 || strcmp(text + used - 3, "...") != 0))
        memcpy(text + used, "...", 4);
}

char *rt_dims_text(char text[RT_DIMS], const int64_t *shape, int rank)
{
    char one[RT_TEXT];
    text[0] = '\0';
    for (int i = 0; i < rank; i++) {
        snprintf(one, sizeof one, "%s%" PRId64, i ? "x" : "", shape[i]);
        append(text, one);
    }
    if (rank == 0)
        append(text, "scalar");
    return text;
}

char *rt_dim_text(char text[RT_DIMS], const rt_dim *dim, int rank)
{
    char one[RT_TEXT];
    text[0] = '\0';
    for (int i = 0; i < rank; i++) {
        const char *before = i ? " x " : "";
        if (dim[i].per_n && dim[i].k == 1)
            snprintf(one, sizeof one, "%sn", before);
        else
            snprintf(one, sizeof one, "%s%" PRId64 "%s", before, dim[i].k, dim[i].per_n ? "n" : "");
        append(text, one);
    }
    if (rank == 0)
        append(text, "scalar");
    return text;
}

bool rt_json_real(rt_err *e, rt_buf *to, double value)
{
    return isfinite(value) ? rt_buf_real(e, to, value, 9) : rt_buf_add(e, to, "null", 4);
}

double rt_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
