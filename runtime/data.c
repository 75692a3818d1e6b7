/* runtime/data.c: from paths and options to the sets that a program works on (see data.h).
 *
 * Order: load, split, take statistics over the training rows, prepare all rows. The split draws
 * from a generator of its own, so that initial weights and shuffles are those of a run without one;
 * rows keep the file's order on both sides. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/load.h"
#include "runtime/random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

bool rt_needs_of(rt_err *e, const rt_model *m, rt_needs *needs)
{
    static const char suffix[] = "_prob";
    *needs = (rt_needs){.model = m, .y_elems = 1};
    if (!rt_elems(m->input, m->input_rank, &needs->x_elems)
        || !rt_elems(m->target, m->target_rank, &needs->y_elems))
        return rt_fail(e, RT_E_DATA, "the model's shapes are impossible");
    needs->index = m->target_kind == RT_TARGET_CLASS || m->target_kind == RT_TARGET_INDEX;
    needs->classes = needs->index ? m->n_classes : 0;
    for (int i = 0; i < m->n_graphs; i++) {
        const char *name = m->graphs[i].name;
        size_t length = strlen(name);
        if (length >= sizeof suffix && !strcmp(name + length + 1 - sizeof suffix, suffix))
            needs->probabilities = m->target_kind == RT_TARGET_CLASS;
    }
    return true;
}

bool rt_label_ok(const rt_model *m, int64_t label)
{
    return (label >= 0 && label < m->n_classes) || (m->ignores && label == m->ignore);
}

bool rt_label_help(rt_err *e, int64_t label, const char *otherwise)
{
    if (label != RT_USUAL_IGNORE)
        return rt_help(e, "class indices count from 0; %s", otherwise);
    return rt_help(e, "labels that count nowhere are named in the model file: ignore_index=%d",
                   RT_USUAL_IGNORE);
}

/* ---- freeing ---- */

void rt_set_free(rt_set *s)
{
    rt_free(s->name);
    rt_free(s->pick);
    rt_free(s->owner_x);
    rt_free(s->owner_y);
    rt_free(s->owner_path);
    rt_free(s->note);
    rt_free(s->table);
    *s = (rt_set){0};
}

void rt_data_free(rt_data *d)
{
    rt_set_free(&d->train);
    rt_set_free(&d->val);
    rt_set_free(&d->test);
    rt_prep_free(&d->prep);
}

/* ---- looking at sets ---- */

static bool not_finite(rt_err *e, const rt_set *s, const char *path, int64_t at)
{
    rt_fail(e, RT_E_DATA, "%s: element %" PRId64 " of sample %" PRId64 " (the first is 0) is %g",
            path, at % s->x_elems, at / s->x_elems, rt_real_get(s->x, s->real, at));
    return rt_help(e, "fill such values in or take their samples out before training");
}

bool rt_set_range(rt_err *e, rt_set *s, const char *path, bool finite)
{
    int64_t elems = s->rows * (s->x_bytes ? s->row_elems : s->x_elems);
    s->high = 1;
    if (s->path)    /* they are not read before they are needed */
        return true;
    if (s->x_bytes) {
        const uint8_t *x = s->x;
        uint8_t low = 255, high = 0;
        for (int64_t i = 0; i < elems; i++) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
        s->low = low / 255.0;
        s->high = high / 255.0;
        return true;
    }
    s->low = INFINITY;
    s->high = -INFINITY;
    for (int64_t i = 0; i < elems; i++) {
        double value = rt_real_get(s->x, s->real, i);
        if (finite && !isfinite(value))
            return not_finite(e, s, path, i);
        s->low = value < s->low ? value : s->low;
        s->high = value > s->high ? value : s->high;
    }
    return true;
}

/* The last part of a path, without slashes at its end. */
static char *last_part(rt_err *e, const char *path)
{
    size_t end = strlen(path), start;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        ;
    return start == end ? rt_strdup(e, path) : rt_strndup(e, path + start, end - start);
}

static bool finish_set(rt_err *e, rt_set *s, const char *path, bool finite)
{
    if (!s->n)
        return true;
    s->name = last_part(e, path);
    return s->name && rt_set_range(e, s, path, finite);
}

/* ---- splitting ---- */

/* The same rows, other ones of them, for validation; owns nothing but its picks, name and table. */
static bool make_view(rt_err *e, const rt_set *from, rt_set *view, int64_t *pick, int64_t n,
                      const rt_needs *needs, const rt_prep *p)
{
    *view = *from;
    view->transforms = needs->model->test;
    view->pick = pick;
    view->n = n;
    view->owner_x = view->owner_y = view->owner_path = view->table = NULL;
    view->name = rt_strdup(e, from->name);
    return view->name && (!view->x_bytes || rt_prep_apply(e, p, needs, view));
}

/* Chooses the validation rows: *val gets `n_val` picks, the training set those of the rest. */
static bool choose_rows(rt_err *e, rt_set *train, double share, uint64_t seed, int64_t **val,
                        int64_t *n_val)
{
    int64_t n = train->n, chosen = (int64_t)floor((double)n * share + 0.5);
    if (chosen < 1 || chosen >= n)
        return rt_fail(e, RT_E_DATA, "--val-split %g of %" PRId64 " rows leaves %s without any",
                       share, n, chosen < 1 ? "validation" : "training");
    rt_random r;
    rt_random_seed(&r, seed);
    int64_t *order = rt_alloc_raw(e, n, (int64_t)sizeof *order, "the split");
    bool *is_val = rt_alloc(e, n, (int64_t)sizeof *is_val, "the split");
    *val = rt_alloc_raw(e, chosen, (int64_t)sizeof **val, "the split");
    train->pick = rt_alloc_raw(e, n - chosen, (int64_t)sizeof *train->pick, "the split");
    bool ok = order && is_val && *val && train->pick;
    if (ok) {
        rt_random_perm(&r, order, n);
        for (int64_t i = 0; i < chosen; i++)
            is_val[order[i]] = true;
        train->n = *n_val = 0;
        for (int64_t i = 0; i < n; i++) {
            if (is_val[i])
                (*val)[(*n_val)++] = i;
            else
                train->pick[train->n++] = i;
        }
    }
    rt_free(order);
    rt_free(is_val);
    return ok;
}

/* ---- loading ---- */

static bool is_array(rt_file_kind kind)
{
    return kind != RT_FILE_TEXT && kind != RT_FILE_DIRECTORY;
}

/* Options that belong to another kind of file. */
static bool check_options(rt_err *e, const rt_data_options *o, rt_file_kind kind)
{
    if (o->target && kind != RT_FILE_TEXT)
        return rt_fail(e, RT_E_USAGE, "--target names columns of a CSV file, but %s is none",
                       o->data);
    if (o->labels && !is_array(kind)) {
        rt_fail(e, RT_E_USAGE, "--labels belongs to an NPY file, but %s is a %s", o->data,
                kind == RT_FILE_TEXT ? "CSV file" : "directory");
        return rt_help(e, kind == RT_FILE_TEXT ? "--target names the columns with the targets"
                                               : "a directory has its labels in IDX files");
    }
    if (is_array(kind) && !o->labels) {
        rt_fail(e, RT_E_USAGE, "%s holds samples without targets", o->data);
        return rt_help(e, "give the targets in a file of their own: --labels y.npy");
    }
    return true;
}

/* Sets of one path: `first` is what is trained on or evaluated, `test` a directory's other part. */
static bool load_path(rt_err *e, rt_data *d, rt_set *first, rt_set *test, const rt_needs *needs,
                      const rt_data_options *o, const char *path, rt_file_kind kind)
{
    if (kind == RT_FILE_TEXT) {
        const rt_csv_job job = {path, o->target, true,
                                o->purpose == RT_FOR_EVAL || first != &d->train};
        return rt_load_csv(e, first, needs, &job, &d->prep);
    }
    if (is_array(kind))
        return rt_load_arrays(e, first, needs, path, o->labels);
    return rt_load_directory(e, first, test, needs, path, o->purpose == RT_FOR_EVAL, &d->prep);
}

static bool load_val(rt_err *e, rt_data *d, const rt_needs *needs, const rt_data_options *o)
{
    rt_file_kind kind;
    rt_data_options plain = *o;
    if (!rt_file_sniff(e, o->val, &kind))
        return false;
    if (is_array(kind)) {
        rt_fail(e, RT_E_USAGE, "--val %s: an array brings no targets with it", o->val);
        return rt_help(e, "--val takes a CSV file or a directory; --val-split SHARE takes rows of "
                          "the training data");
    }
    if (kind == RT_FILE_DIRECTORY)
        plain.target = NULL;
    rt_set other = {0};
    bool ok = load_path(e, d, &d->val, &other, needs, &plain, o->val, kind);
    if (ok && !d->val.n) {
        d->val = other;    /* a directory with nothing but a test set */
        other = (rt_set){0};
    }
    rt_set_free(&other);
    if (ok && d->val.y_kind != d->train.y_kind)
        ok = rt_fail(e, RT_E_DATA, "%s: has class indices where %s has probabilities, or the other "
                     "way round", o->val, o->data);
    return ok && finish_set(e, &d->val, o->val, true);
}

static bool load_train(rt_err *e, rt_data *d, const rt_needs *needs, const rt_data_options *o,
                       rt_file_kind kind)
{
    int64_t *val = NULL, n_val = 0;
    if (!load_path(e, d, &d->train, &d->test, needs, o, o->data, kind))
        return false;
    if (!d->train.n) {
        rt_fail(e, RT_E_DATA, "%s: has a test set, but none for training", o->data);
        return rt_help(e, "train-images-idx3-ubyte and train-labels-idx1-ubyte, or CIFAR's "
                          "data_batch_1.bin, are missing");
    }
    if (!finish_set(e, &d->train, o->data, true) || !finish_set(e, &d->test, o->data, true)
        || (o->val && !load_val(e, d, needs, o)))
        return false;
    if (o->val_split > 0 && !choose_rows(e, &d->train, o->val_split, o->seed, &val, &n_val)) {
        rt_free(val);
        return false;
    }
    d->train.transforms = needs->model->train;
    d->train.seed = o->seed;
    bool ok = rt_norm_fits(e, o->norm, &d->train);
    ok = ok && (o->norm == RT_NORM_NONE || rt_prep_measure(e, &d->prep, &d->train, o->norm));
    ok = ok && rt_prep_apply(e, &d->prep, needs, &d->train)
      && (!d->test.n || rt_prep_apply(e, &d->prep, needs, &d->test))
      && (!d->val.n || rt_prep_apply(e, &d->prep, needs, &d->val));
    if (!ok)
        rt_free(val);
    return ok && (!val || make_view(e, &d->train, &d->val, val, n_val, needs, &d->prep));
}

static bool load_eval(rt_err *e, rt_data *d, const rt_needs *needs, const rt_data_options *o,
                      rt_file_kind kind)
{
    bool ok = load_path(e, d, &d->train, &d->test, needs, o, o->data, kind);
    if (ok && !d->test.n) {
        d->test = d->train;
        d->train = (rt_set){0};
    }
    rt_set_free(&d->train);
    return ok && finish_set(e, &d->test, o->data, true)
        && rt_prep_apply(e, &d->prep, needs, &d->test);
}

bool rt_data_load(rt_err *e, rt_data *d, const rt_model *m, const rt_data_options *o)
{
    rt_needs needs;
    rt_file_kind kind;
    *d = (rt_data){0};
    if (m->target_kind == RT_TARGET_NONE)
        return rt_fail(e, RT_E_USAGE, "this program has no loss, so it can predict only");
    if (!(o->val_split >= 0 && o->val_split < 1))
        return rt_fail(e, RT_E_USAGE, "--val-split %g: a share from 0 up to, not including, 1",
                       o->val_split);
    if (o->val && o->val_split > 0)
        return rt_fail(e, RT_E_USAGE, "--val and --val-split: one of them");
    bool ok = rt_needs_of(e, m, &needs) && rt_file_sniff(e, o->data, &kind)
           && check_options(e, o, kind) && (!o->prep || rt_prep_copy(e, o->prep, &d->prep));
    ok = ok && (o->purpose == RT_FOR_TRAIN ? load_train(e, d, &needs, o, kind)
                                           : load_eval(e, d, &needs, o, kind));
    if (!ok)
        rt_data_free(d);
    return ok;
}

bool rt_data_load_inputs(rt_err *e, rt_set *s, const rt_model *m, const char *path,
                         const rt_prep *prep)
{
    rt_needs needs;
    rt_file_kind kind;
    rt_prep none = {0};
    *s = (rt_set){0};
    if (!rt_needs_of(e, m, &needs) || !rt_file_sniff(e, path, &kind))
        return false;
    if (kind == RT_FILE_DIRECTORY)
        return rt_fail(e, RT_E_DATA, "%s: is a directory; predict takes one NPY, CSV or IDX file, "
                       "or an image", path);
    rt_prep known;
    if (!rt_prep_copy(e, prep ? prep : &none, &known))
        return false;
    const rt_csv_job job = {path, NULL, false, true};
    bool ok = (kind == RT_FILE_TEXT    ? rt_load_csv(e, s, &needs, &job, &known)
               : kind == RT_FILE_IMAGE ? rt_load_photo(e, s, &needs, path)
                                       : rt_load_arrays(e, s, &needs, path, NULL))
           && finish_set(e, s, path, false) && rt_prep_apply(e, &known, &needs, s);
    rt_prep_free(&known);
    if (!ok)
        rt_set_free(s);
    return ok;
}
