/* runtime/prep_meta.c: an rt_prep as strings in a weight file's metadata, and back (see data.h).
 *
 * Lists are JSON; numbers have 17 digits, so that they come back as they were. What is read was
 * written by someone else and is checked against the model. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/csv.h"
#include "runtime/json.h"
#include "runtime/load.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static bool set_numbers(rt_err *e, rt_tensors *list, const char *key, const double *value,
                        int64_t count)
{
    rt_buf b = {0};
    bool ok = rt_buf_printf(e, &b, "[");
    for (int64_t i = 0; ok && i < count; i++)
        ok = rt_buf_printf(e, &b, i ? ",%.17g" : "%.17g", value[i]);
    ok = ok && rt_buf_printf(e, &b, "]") && rt_meta_set(e, list, key, b.data);
    rt_buf_free(&b);
    return ok;
}

static bool set_strings(rt_err *e, rt_tensors *list, const char *key, char *const *value,
                        int64_t count)
{
    rt_buf b = {0};
    if (!value)
        return true;
    bool ok = rt_buf_printf(e, &b, "[");
    for (int64_t i = 0; ok && i < count; i++)
        ok = rt_buf_printf(e, &b, i ? "," : "") && rt_json_quote(e, &b, value[i]);
    ok = ok && rt_buf_printf(e, &b, "]") && rt_meta_set(e, list, key, b.data);
    rt_buf_free(&b);
    return ok;
}

bool rt_prep_to_meta(rt_err *e, const rt_prep *p, rt_tensors *list)
{
    bool ok = rt_meta_set(e, list, "seqc.normalize", rt_norm_name(p->norm))
           && set_strings(e, list, "seqc.classes", p->classes, p->n_classes)
           && set_strings(e, list, "seqc.columns", p->columns, p->n_columns)
           && set_strings(e, list, "seqc.targets", p->targets, p->n_targets);
    if (ok && p->norm != RT_NORM_NONE)
        ok = set_numbers(e, list, "seqc.shift", p->shift, p->groups)
          && set_numbers(e, list, "seqc.scale", p->scale, p->groups);
    return ok;
}

/* ---- reading ---- */

/* Elements of the JSON list behind a key, as strings or as double; a missing key leaves null. */
typedef struct wanted { const char *path, *key; rt_json_kind kind; } wanted;

static bool take_element(rt_err *e, const rt_json *j, rt_json_kind kind, rt_buf *out)
{
    if (j->kind != kind)
        return rt_json_fail(e, j, kind == RT_JSON_STRING ? "a string is expected"
                                                         : "a number is expected");
    if (kind == RT_JSON_NUMBER) {
        double value;
        if (!rt_parse_number(j->text.data, j->text.length, &value))
            return rt_json_fail(e, j, "this number is too large");
        return rt_buf_add(e, out, &value, (int64_t)sizeof value);
    }
    char *copy = rt_strdup(e, j->text.data);
    if (copy && rt_buf_add(e, out, &copy, (int64_t)sizeof copy))
        return true;
    rt_free(copy);
    return false;
}

static bool read_list(rt_err *e, const rt_tensors *list, const wanted *w, void **value,
                      int64_t *count)
{
    const char *text = rt_meta_get(list, w->key);
    if (!text)
        return true;
    char *label = rt_format(e, "%s: metadata '%s'", w->path, w->key);
    if (!label)
        return false;
    rt_json j;
    rt_buf out = {0};
    rt_json_open(&j, label, text, (int64_t)strlen(text));
    bool ok = rt_json_want(e, &j, RT_JSON_ARRAY) && rt_buf_add(e, &out, "", 0);
    while (ok && (ok = rt_json_next(e, &j)) && j.kind != RT_JSON_ARRAY_END)
        ok = take_element(e, &j, w->kind, &out);
    ok = ok && rt_json_next(e, &j);
    int64_t size = w->kind == RT_JSON_NUMBER ? (int64_t)sizeof(double) : (int64_t)sizeof(char *);
    *count = out.length / size;
    *value = out.data;
    rt_json_close(&j);
    rt_free(label);
    return ok;
}

static bool refuse(rt_err *e, const char *path, const char *what)
{
    rt_fail(e, RT_E_DATA, "%s: its metadata do not fit this model: %s", path, what);
    return rt_help(e, "the file may belong to another model");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Does no name stand twice among the classes? */
static bool all_differ(rt_err *e, const char *path, const rt_prep *p)
{
    char **sorted = rt_alloc_raw(e, p->n_classes, (int64_t)sizeof *sorted, "class names");
    bool ok = sorted != NULL;
    if (ok && p->n_classes) {
        memcpy(sorted, p->classes, (size_t)p->n_classes * sizeof *sorted);
        qsort(sorted, (size_t)p->n_classes, sizeof *sorted, by_text);
    }
    for (int64_t i = 1; ok && i < p->n_classes; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            ok = refuse(e, path, "seqc.classes names one twice");
    rt_free(sorted);
    return ok;
}

static bool check(rt_err *e, const char *path, const rt_needs *needs, const rt_prep *p,
                  int64_t n_scales)
{
    if (p->norm != RT_NORM_NONE
        && (p->groups < 1 || p->groups != n_scales || needs->x_elems % p->groups))
        return refuse(e, path, "seqc.shift and seqc.scale do not match the input's size");
    if (p->classes && (p->n_classes < 1 || p->n_classes > needs->classes))
        return refuse(e, path, "seqc.classes has another number of classes");
    if (!all_differ(e, path, p))
        return false;
    if (p->columns && p->n_columns != needs->x_elems)
        return refuse(e, path, "seqc.columns has another number of inputs");
    return !p->targets || p->n_targets > 0 || refuse(e, path, "seqc.targets is empty");
}

bool rt_prep_from_meta(rt_err *e, const rt_tensors *list, const char *path, const rt_model *m,
                       rt_prep *out)
{
    const char *norm = rt_meta_get(list, "seqc.normalize");
    void *shift = NULL, *scale = NULL, *classes = NULL, *columns = NULL, *targets = NULL;
    int64_t n_scales = 0;
    rt_needs needs;
    *out = (rt_prep){0};
    if (!rt_needs_of(e, m, &needs))
        return false;
    if (norm && !rt_norm_parse(NULL, norm, &out->norm))
        return refuse(e, path, "seqc.normalize is neither none, zscore nor minmax");
    const struct { wanted w; void **value; int64_t *count; } fields[] = {
        {{path, "seqc.shift", RT_JSON_NUMBER}, &shift, &out->groups},
        {{path, "seqc.scale", RT_JSON_NUMBER}, &scale, &n_scales},
        {{path, "seqc.classes", RT_JSON_STRING}, &classes, &out->n_classes},
        {{path, "seqc.columns", RT_JSON_STRING}, &columns, &out->n_columns},
        {{path, "seqc.targets", RT_JSON_STRING}, &targets, &out->n_targets},
    };
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof fields / sizeof *fields; i++)
        ok = read_list(e, list, &fields[i].w, fields[i].value, fields[i].count);
    out->shift = shift;
    out->scale = scale;
    out->classes = classes;
    out->columns = columns;
    out->targets = targets;
    if (!needs.classes) {    /* a program without a class loss has no use for their names */
        rt_strings_free(out->classes, out->n_classes);
        out->classes = NULL;
        out->n_classes = 0;
    }
    ok = ok && check(e, path, &needs, out, n_scales);
    if (ok && out->norm == RT_NORM_NONE) {
        rt_free(shift);
        rt_free(scale);
        out->shift = out->scale = NULL;
        out->groups = 0;
    }
    if (!ok)
        rt_prep_free(out);
    return ok;
}
