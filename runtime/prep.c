/* runtime/prep.c: normalisation, and what must be known again at prediction time (see data.h).
 *
 * Statistics are taken in double over the training rows, as differences from the first row, so that
 * a constant column has a spread of exactly 0; it is shifted to 0 and not scaled. The standard
 * deviation divides by n. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include "runtime/json.h"
#include "runtime/load.h"
#include "runtime/transforms.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TABLE_GROUPS = 1024 };    /* more groups of bytes than this become real numbers at once */

static const char *const norm_names[] = {
    [RT_NORM_NONE] = "none", [RT_NORM_ZSCORE] = "zscore", [RT_NORM_MINMAX] = "minmax"};

bool rt_norm_parse(rt_err *e, const char *text, rt_norm *norm)
{
    char shown[RT_SHOW_TEXT];
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, norm_names[i])) {
            *norm = (rt_norm)i;
            return true;
        }
    rt_fail(e, RT_E_USAGE, "--normalize %s: no such normalisation",
            rt_show(shown, text, strlen(text)));
    return rt_help(e, "none, zscore or minmax");
}

const char *rt_norm_name(rt_norm norm) { return norm_names[norm]; }

double rt_real_get(const void *array, rt_dtype real, int64_t i)
{
    return real == RT_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

void rt_real_put(void *array, rt_dtype real, int64_t i, double value)
{
    if (real == RT_F32)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

void rt_strings_free(char **strings, int64_t count)
{
    for (int64_t i = 0; strings && i < count; i++)
        rt_free(strings[i]);
    rt_free(strings);
}

void rt_prep_free(rt_prep *p)
{
    rt_free(p->shift);
    rt_free(p->scale);
    rt_strings_free(p->classes, p->n_classes);
    rt_strings_free(p->columns, p->n_columns);
    rt_strings_free(p->targets, p->n_targets);
    *p = (rt_prep){0};
}

static bool copy_strings(rt_err *e, char *const *from, int64_t count, char ***to, int64_t *to_count)
{
    if (!from)
        return true;
    *to = rt_alloc(e, count, (int64_t)sizeof **to, "names");
    *to_count = *to ? count : 0;
    for (int64_t i = 0; *to && i < count; i++)
        if (!((*to)[i] = rt_strdup(e, from[i])))
            return false;
    return *to != NULL;
}

static bool alloc_groups(rt_err *e, rt_prep *p, int64_t groups)
{
    rt_free(p->shift);
    rt_free(p->scale);
    p->groups = groups;
    p->shift = rt_alloc(e, groups, (int64_t)sizeof(double), "normalisation");
    p->scale = rt_alloc(e, groups, (int64_t)sizeof(double), "normalisation");
    return p->shift && p->scale;
}

bool rt_prep_copy(rt_err *e, const rt_prep *from, rt_prep *to)
{
    *to = (rt_prep){.norm = from->norm};
    bool ok = copy_strings(e, from->classes, from->n_classes, &to->classes, &to->n_classes)
           && copy_strings(e, from->columns, from->n_columns, &to->columns, &to->n_columns)
           && copy_strings(e, from->targets, from->n_targets, &to->targets, &to->n_targets);
    if (ok && from->groups) {
        ok = alloc_groups(e, to, from->groups);
        if (ok) {
            memcpy(to->shift, from->shift, (size_t)from->groups * sizeof(double));
            memcpy(to->scale, from->scale, (size_t)from->groups * sizeof(double));
        }
    }
    if (!ok)
        rt_prep_free(to);
    return ok;
}

/* ---- statistics ---- */

/* Columns of a table and of flat samples each have their own statistics, channels of images too;
 * a grey image without a channel is one channel. */
static int64_t groups_of(const rt_set *s)
{
    if (s->rank >= 3)
        return s->shape[0];
    return s->rank == 2 && s->x_bytes ? 1 : s->x_elems;
}

static double value_at(const rt_set *s, int64_t i)
{
    return s->x_bytes ? ((const uint8_t *)s->x)[i] / 255.0 : rt_real_get(s->x, s->real, i);
}

static int64_t row_of(const rt_set *s, int64_t i) { return s->pick ? s->pick[i] : i; }

/* Sums of (x - base) and (x - base)^2 a group, base in p->shift. */
static void add_up(const rt_set *s, const rt_prep *p, double *sum, double *squares)
{
    int64_t span = s->x_elems / p->groups;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t at = row_of(s, i) * s->x_elems;
        for (int64_t g = 0; g < p->groups; g++)
            for (int64_t k = 0; k < span; k++) {
                double difference = value_at(s, at++) - p->shift[g];
                sum[g] += difference;
                squares[g] += difference * difference;
            }
    }
}

static bool measure_zscore(rt_err *e, rt_prep *p, const rt_set *s)
{
    double *sum = rt_alloc(e, 2 * p->groups, (int64_t)sizeof *sum, "normalisation");
    if (!sum)
        return false;
    double *squares = sum + p->groups;
    int64_t span = s->x_elems / p->groups;
    double count = (double)s->n * (double)span;
    for (int64_t g = 0; g < p->groups; g++)
        p->shift[g] = value_at(s, row_of(s, 0) * s->x_elems + g * span);
    add_up(s, p, sum, squares);
    for (int64_t g = 0; g < p->groups; g++) {
        p->shift[g] += sum[g] / count;
        sum[g] = squares[g] = 0;
    }
    /* Once more from the mean, where nothing cancels; that of a constant group is its base. */
    add_up(s, p, sum, squares);
    for (int64_t g = 0; g < p->groups; g++) {
        double mean = sum[g] / count, variance = squares[g] / count - mean * mean;
        p->scale[g] = variance > 0 ? 1 / sqrt(variance) : 1;
    }
    rt_free(sum);
    return true;
}

static void measure_minmax(rt_prep *p, const rt_set *s)
{
    int64_t span = s->x_elems / p->groups;
    for (int64_t g = 0; g < p->groups; g++)
        p->shift[g] = p->scale[g] = value_at(s, row_of(s, 0) * s->x_elems + g * span);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t at = row_of(s, i) * s->x_elems;
        for (int64_t g = 0; g < p->groups; g++)
            for (int64_t k = 0; k < span; k++) {
                double value = value_at(s, at++);
                p->shift[g] = value < p->shift[g] ? value : p->shift[g];
                p->scale[g] = value > p->scale[g] ? value : p->scale[g];
            }
    }
    for (int64_t g = 0; g < p->groups; g++) {
        double range = p->scale[g] - p->shift[g];
        p->scale[g] = range > 0 ? 1 / range : 1;
    }
}

bool rt_prep_measure(rt_err *e, rt_prep *p, const rt_set *s, rt_norm norm)
{
    if (!alloc_groups(e, p, groups_of(s)))
        return false;
    p->norm = norm;
    if (norm == RT_NORM_ZSCORE)
        return measure_zscore(e, p, s);
    measure_minmax(p, s);
    return true;
}

/* ---- applying ---- */

static double prepared(const rt_prep *p, int64_t group, double value)
{
    return p->norm == RT_NORM_NONE ? value : (value - p->shift[group]) * p->scale[group];
}

/* The sizes of images that transforms change: as stored, as the model takes them. */
static bool plan_changes(rt_err *e, const rt_needs *needs, rt_set *s)
{
    const rt_model *m = needs->model;
    char stored[RT_SHAPE_TEXT], made[RT_SHAPE_TEXT], want[RT_SHAPE_TEXT];
    if (s->path) {    /* what each becomes is known when it is read */
        s->changes = true;
        s->taken = (rt_size){(int)m->input[0], (int)m->input[1], (int)m->input[2]};
        return true;
    }
    bool grey = s->rank == 2 || (s->rank == 3 && s->shape[0] == 1);
    rt_shape_text(stored, s->shape, s->rank);
    rt_shape_text(want, m->input, m->input_rank);
    s->changes = rt_transforms_change(&s->transforms);
    if (!s->changes)
        return rt_shapes_agree(s->shape, s->rank, m->input, m->input_rank)
            || rt_fail(e, RT_E_DATA, "%s: samples of shape %s, but the model takes %s", s->name,
                       stored, want);
    bool image = (grey || (s->rank == 3 && s->shape[0] == 3))
              && s->shape[s->rank - 1] <= RT_IMAGE_SIDE && s->shape[s->rank - 2] <= RT_IMAGE_SIDE;
    if (!image)
        return rt_fail(e, RT_E_DATA, "%s: samples of shape %s are no images, which the model "
                       "file's transforms change", s->name, stored) ||
               rt_help(e, "an image is (height, width), or with 1 or 3 channels before them");
    s->stored = (rt_size){grey ? 1 : 3, (int)s->shape[s->rank - 2], (int)s->shape[s->rank - 1]};
    s->taken = s->stored;
    if (!rt_transforms_size(e, &s->transforms, s->name, &s->taken))
        return false;
    int64_t shape[3] = {s->taken.channels, s->taken.height, s->taken.width};
    return rt_shapes_agree(shape, 3, m->input, m->input_rank)
        || rt_fail(e, RT_E_DATA, "%s: transforms make %s of images %s, but the model takes %s",
                   s->name, rt_shape_text(made, shape, 3), stored, want);
}

bool rt_norm_fits(rt_err *e, rt_norm norm, const rt_set *s)
{
    if (norm == RT_NORM_NONE || !s->x_bytes
        || !(s->path || rt_transforms_channels(&s->transforms)
             || rt_transforms_change(&s->transforms)))
        return true;
    rt_fail(e, RT_E_USAGE, "--normalize %s, but the model file says what is done to its images",
            rt_norm_name(norm));
    return rt_help(e, "leave --normalize out, or the transforms in the model file");
}

/* Are the images' channels those that Normalize is for? */
static bool fits_normalize(rt_err *e, const rt_set *s, int64_t channels)
{
    int64_t has = s->changes ? s->taken.channels : s->rank < 3 ? 1 : s->shape[0];
    bool flat = !s->changes && s->rank < 2 && channels && s->x_elems % channels == 0;
    return channels <= 1 || has == channels || flat
        || rt_fail(e, RT_E_DATA, "%s: images of %" PRId64 " channel%s, but Normalize in the model "
                   "file is for %" PRId64, s->name, has, has == 1 ? "" : "s", channels);
}

static bool make_table(rt_err *e, const rt_prep *p, rt_set *s, int64_t channels)
{
    s->table_groups = channels ? channels : p->norm == RT_NORM_NONE ? 1 : p->groups;
    s->table = rt_alloc_raw(e, s->table_groups * 256, rt_dtype_bytes(s->real), "a table of bytes");
    for (int64_t i = 0; s->table && i < s->table_groups * 256; i++)
        rt_real_put(s->table, s->real, i,
                    channels ? rt_transforms_value(&s->transforms, s->real, i / 256, (int)(i % 256))
                             : prepared(p, i / 256, (double)(i % 256) / 255.0));
    return s->table != NULL;
}

static bool widen_bytes(rt_err *e, rt_set *s)
{
    int64_t elems = s->x_elems * s->rows;
    void *wide = rt_alloc_raw(e, elems, rt_dtype_bytes(s->real), "the data as real numbers");
    if (!wide)
        return false;
    for (int64_t i = 0; i < elems; i++)
        rt_real_put(wide, s->real, i, value_at(s, i));
    rt_free(s->owner_x);
    s->x = s->owner_x = wide;
    s->x_bytes = false;
    return true;
}

bool rt_prep_apply(rt_err *e, const rt_prep *p, const rt_needs *needs, rt_set *s)
{
    bool many = p->norm != RT_NORM_NONE && p->groups > TABLE_GROUPS;
    int64_t channels = s->x_bytes ? rt_transforms_channels(&s->transforms) : 0;
    if (!rt_norm_fits(e, p->norm, s)
        || (s->x_bytes && (!plan_changes(e, needs, s) || !fits_normalize(e, s, channels))))
        return false;
    if (s->x_bytes && !many)
        return make_table(e, p, s, channels);
    if (s->x_bytes && !widen_bytes(e, s))
        return false;
    if (p->norm == RT_NORM_NONE)
        return true;
    int64_t span = s->x_elems / p->groups, at = 0;
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t g = 0; g < p->groups; g++)
            for (int64_t k = 0; k < span; k++, at++)
                rt_real_put(s->x, s->real, at, prepared(p, g, rt_real_get(s->x, s->real, at)));
    return true;
}
