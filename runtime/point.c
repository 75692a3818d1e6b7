/* runtime/point.c: an rt_point as strings in a checkpoint's metadata, and back (see point.h).
 *
 * Numbers have 17 digits, so that they come back as they were; the generator is hexadecimal. What
 * is read may have been written by anyone. */
#include "runtime/point.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { COUNT, SEED, REAL, SCORE } Kind;   /* SCORE: a loss and the model's metrics */

static const struct Field { const char *key; Kind kind; size_t offset; } fields[] = {
    { "seqc.epoch", COUNT, offsetof(rt_point, epoch) },
    { "seqc.step", COUNT, offsetof(rt_point, step) },
    { "seqc.at", COUNT, offsetof(rt_point, at) },
    { "seqc.tally", SCORE, offsetof(rt_point, tally) },
    { "seqc.tally_samples", COUNT, offsetof(rt_point, tally.n) },
    { "seqc.loss", REAL, offsetof(rt_point, loss) },
    { "seqc.best_epoch", COUNT, offsetof(rt_point, best_epoch) },
    { "seqc.best", REAL, offsetof(rt_point, best) },
    { "seqc.best_score", SCORE, offsetof(rt_point, best_score) },
    { "seqc.anchor", REAL, offsetof(rt_point, anchor) },
    { "seqc.wait", COUNT, offsetof(rt_point, wait) },
    { "seqc.seed", SEED, offsetof(rt_point, seed) },
    { "seqc.batch", COUNT, offsetof(rt_point, batch) },
    { "seqc.rows", COUNT, offsetof(rt_point, rows) },
    { "seqc.val_rows", COUNT, offsetof(rt_point, val_rows) },
    { "seqc.shuffle", COUNT, offsetof(rt_point, shuffle) },
    { "seqc.lr", REAL, offsetof(rt_point, lr) },
    /* from here on: of models with a ReduceLROnPlateau */
    { "seqc.plateau", REAL, offsetof(rt_point, plateau) },
    { "seqc.plateau_bad", COUNT, offsetof(rt_point, bad) },
    { "seqc.plateau_cooldown", COUNT, offsetof(rt_point, cooldown) },
    { "seqc.plateau_cuts", COUNT, offsetof(rt_point, cuts) },
};
enum { N_FIELDS = sizeof fields / sizeof *fields, N_PLATEAU_FIELDS = 4 };

static int field_count(const rt_model *m)
{
    return m->plateau.factor > 0 ? N_FIELDS : N_FIELDS - N_PLATEAU_FIELDS;
}

/* Both ways of looking at a score: a loss, then the metrics. */
_Static_assert(offsetof(rt_tally, sum) == sizeof(double) && offsetof(rt_tally, loss) == 0 &&
               offsetof(rt_score, value) == sizeof(double) && offsetof(rt_score, loss) == 0,
               "a tally begins as a score does");

static int reals_of(const struct Field *f, const rt_model *m)
{
    int metrics = m->n_metrics < RT_MAX_METRICS ? m->n_metrics : RT_MAX_METRICS;
    return f->kind == REAL ? 1 : f->kind == SCORE ? 1 + metrics : 0;
}

/* ---- writing ---- */

static bool field_to_meta(rt_err *e, const rt_point *point, const struct Field *f,
                          const rt_model *m, rt_tensors *list)
{
    const char *from = (const char *)point + f->offset;
    int64_t whole;
    double real;
    rt_buf text = { 0 };
    bool ok = true;
    if (reals_of(f, m) == 0) {
        memcpy(&whole, from, sizeof whole);
        ok = rt_buf_printf(e, &text, "%" PRId64, whole);
    }
    for (int i = 0; ok && i < reals_of(f, m); i++) {
        memcpy(&real, from + sizeof real * (size_t)i, sizeof real);
        ok = rt_buf_printf(e, &text, i ? " %.17g" : "%.17g", real);
    }
    ok = ok && rt_meta_set(e, list, f->key, text.data);
    rt_buf_free(&text);
    return ok;
}

bool rt_point_to_meta(rt_err *e, const rt_point *point, const rt_model *m, rt_tensors *list)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t random[RT_RANDOM_BYTES];
    char hex[2 * RT_RANDOM_BYTES + 1];
    bool ok = true;
    for (int i = 0; ok && i < field_count(m); i++)
        ok = field_to_meta(e, point, &fields[i], m, list);
    rt_random_save(&point->random, random);
    for (int i = 0; i < RT_RANDOM_BYTES; i++) {
        hex[2 * i] = digit[random[i] >> 4];
        hex[2 * i + 1] = digit[random[i] & 15];
    }
    hex[2 * RT_RANDOM_BYTES] = '\0';
    return ok && rt_meta_set(e, list, "seqc.monitor", point->monitor) &&
           rt_meta_set(e, list, "seqc.random", hex);
}

/* ---- reading ---- */

static bool refuse(rt_err *e, const char *path, const char *key, const char *text)
{
    char shown[RT_SHOW_TEXT];
    if (!text) {
        rt_fail(e, RT_E_DATA, "%.300s: does not say where its training stood ('%s' is missing)",
                path, key);
        return rt_help(e, "--weights %.300s starts a new run from its weights", path);
    }
    return rt_fail(e, RT_E_DATA, "%.300s: its metadata are damaged: '%s' is %s", path, key,
                   rt_show(shown, text, strlen(text)));
}

static bool read_whole(const char *text, bool negative, char *to)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    int64_t whole = n;
    if (end == text || *end || errno || text[0] == ' ' || (n < 0 && !negative))
        return false;
    memcpy(to, &whole, sizeof whole);
    return true;
}

static bool read_reals(const char *text, int count, char *to)
{
    for (int i = 0; i < count; i++, to += sizeof(double)) {
        char *end;
        double real = strtod(text, &end);
        if (end == text || (*end != '\0' && *end != ' '))
            return false;
        memcpy(to, &real, sizeof real);
        text = end;
    }
    return *text == '\0';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_random(const char *text, rt_random *random)
{
    uint8_t bytes[RT_RANDOM_BYTES];
    if (strlen(text) != 2 * RT_RANDOM_BYTES)
        return false;
    for (int i = 0; i < RT_RANDOM_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return rt_random_load(NULL, random, bytes, RT_RANDOM_BYTES);
}

bool rt_point_from_meta(rt_err *e, const rt_tensors *list, const char *path, const rt_model *m,
                        rt_point *point)
{
    *point = (rt_point){ 0 };
    for (int i = 0; i < field_count(m); i++) {
        const struct Field *f = &fields[i];
        const char *text = rt_meta_get(list, f->key);
        char *to = (char *)point + f->offset;
        int reals = reals_of(f, m);
        if (!text || !(reals ? read_reals(text, reals, to)
                             : read_whole(text, f->kind == SEED, to)))
            return refuse(e, path, f->key, text);
    }
    const char *monitor = rt_meta_get(list, "seqc.monitor");
    if (!monitor || strlen(monitor) >= RT_MONITOR_TEXT)
        return refuse(e, path, "seqc.monitor", monitor);
    memcpy(point->monitor, monitor, strlen(monitor) + 1);
    const char *random = rt_meta_get(list, "seqc.random");
    if (!random || !read_random(random, &point->random))
        return refuse(e, path, "seqc.random", random);
    if (point->at > point->rows || point->best_epoch > point->epoch ||
        point->cuts > point->epoch || !isfinite(point->lr) ||
        point->epoch > INT64_MAX / 2 || point->step > INT64_MAX / 2)
        return rt_fail(e, RT_E_DATA, "%.300s: its metadata contradict themselves", path);
    return true;
}
