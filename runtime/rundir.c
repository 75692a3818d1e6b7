/* runtime/rundir.c: the files of a training run. Logs grow by whole lines, which are numbers until
 * they are written; everything else is replaced atomically. An existing --out directory is used as
 * it stands, its files replaced one by one as new ones are ready. */
#define _XOPEN_SOURCE 700   /* mkdir */
#include "runtime/rundir.h"
#include "runtime/json.h"
#include "runtime/svg.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the directory ---- */

static bool make_directory(rt_err *e, const char *path)
{
    struct stat st;
    if (mkdir(path, 0777) == 0)
        return true;
    int error = errno;
    if (error == EEXIST)
        error = stat(path, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    return !error || rt_fail_errno(e, error, path, "the run directory cannot be made");
}

/* As `mkdir -p`. */
static bool make_path(rt_err *e, const char *path)
{
    char *copy = rt_strdup(e, path);
    bool ok = copy != NULL;
    for (char *c = copy; ok && *c; c++) {
        if (*c != '/' || c == copy)
            continue;
        *c = '\0';
        ok = make_directory(e, copy);
        *c = '/';
    }
    ok = ok && make_directory(e, copy);
    rt_free(copy);
    return ok;
}

/* mkdir decides, so two programs that start at once get two directories. */
static char *next_run(rt_err *e)
{
    if (!make_directory(e, "runs"))
        return NULL;
    int64_t n;
    if (!rt_runs_below(e, INT64_MAX, &n))
        return NULL;
    for (n++;; n++) {
        char *path = rt_format(e, "runs/%" PRId64, n);
        if (!path || mkdir(path, 0777) == 0)
            return path;
        int error = errno;
        if (error != EEXIST)
            rt_fail_errno(e, error, path, "the run directory cannot be made");
        rt_free(path);
        if (error != EEXIST)
            return NULL;
    }
}

/* "epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,samples_per_second,best" */
static bool csv_header(rt_err *e, const rt_rundir *r, const rt_model *m, rt_buf *to)
{
    bool ok = rt_buf_printf(e, to, "epoch,loss");
    for (int i = 0; ok && i < rt_metric_count(m); i++)
        ok = rt_buf_printf(e, to, ",%s", rt_metric_key(m->metrics[i]));
    ok = ok && (!r->has_val || rt_buf_printf(e, to, ",val_loss"));
    for (int i = 0; ok && r->has_val && i < rt_metric_count(m); i++)
        ok = rt_buf_printf(e, to, ",val_%s", rt_metric_key(m->metrics[i]));
    return ok && rt_buf_printf(e, to, ",lr,seconds,samples_per_second,best\n");
}

static const char steps_header[] = "step,epoch,loss,lr\n";

static bool open_logs(rt_err *e, rt_rundir *r, const rt_model *m, bool log_steps)
{
    return rt_log_open(e, &r->csv, r->path, "metrics.csv") &&
           rt_log_open(e, &r->jsonl, r->path, "metrics.jsonl") &&
           csv_header(e, r, m, &r->csv.text) && rt_log_flush(e, &r->csv) &&
           (!log_steps || (rt_log_open(e, &r->steps, r->path, "steps.csv") &&
                           rt_buf_printf(e, &r->steps.text, "%s", steps_header)));
}

/* The curves' points from the rows that a resumed run keeps. */
static bool recall(rt_err *e, rt_rundir *r, const rt_model *m, const char *rows)
{
    bool ok = true;
    for (const char *at = strchr(rows, '\n'); ok && at && at[1]; at = strchr(at + 1, '\n')) {
        rt_epoch epoch = { .epoch = 0 };
        rt_score *score[] = { &epoch.train, &epoch.val };
        char *end;
        strtoll(at + 1, &end, 10);
        for (int k = 0; k < (r->has_val ? 2 : 1); k++)
            for (int i = -1; i < rt_metric_count(m) && *end == ','; i++) {
                double value = strtod(end + 1, &end);
                *(i < 0 ? &score[k]->loss : &score[k]->value[i]) = value;
            }
        ok = rt_rundir_epoch(e, r, &epoch);
    }
    r->n_written = r->n_epochs;
    return ok;
}

/* Rows that the point does not know are cut off. */
static bool continue_logs(rt_err *e, rt_rundir *r, const rt_model *m, bool log_steps,
                          const rt_point *point)
{
    rt_buf header = { 0 }, rows = { 0 }, kept = { 0 };
    char *steps = rt_format(e, "%s/steps.csv", r->path);
    bool has_steps = false, ok = steps && csv_header(e, r, m, &header) &&
                                 rt_file_there(e, steps, &has_steps);
    const rt_log_cut csv = { header.data, "", point->epoch, NULL };
    const rt_log_cut jsonl = { NULL, "{\"epoch\": ", point->epoch, "\"test_loss\"" };
    const rt_log_cut step = { steps_header, "", point->step, NULL };
    ok = ok && rt_log_continue(e, &r->csv, r->path, "metrics.csv", &csv, &rows) &&
         (!rows.data || recall(e, r, m, rows.data)) && rt_log_flush(e, &r->csv) &&
         rt_log_continue(e, &r->jsonl, r->path, "metrics.jsonl", &jsonl, &kept) &&
         (!(log_steps || has_steps) ||
          rt_log_continue(e, &r->steps, r->path, "steps.csv", &step, &kept));
    rt_buf_free(&header);
    rt_buf_free(&rows);
    rt_buf_free(&kept);
    rt_free(steps);
    return ok;
}

bool rt_rundir_open(rt_err *e, rt_rundir *r, const rt_prog *p, const char *out, bool has_val,
                    bool log_steps, const rt_point *point)
{
    *r = (rt_rundir){ .has_val = has_val };
    if (out)
        r->path = make_path(e, out) ? rt_strdup(e, out) : NULL;
    else
        r->path = next_run(e);
    size_t length = r->path ? strlen(r->path) : 0;
    while (length > 1 && r->path[length - 1] == '/')
        r->path[--length] = '\0';
    bool ok = r->path && (r->best = rt_format(e, "%s/best.safetensors", r->path)) &&
              (r->last = rt_format(e, "%s/last.safetensors", r->path)) &&
              (r->curves = rt_format(e, "%s/curves.svg", r->path));
    if (ok)
        rt_runs_clean(r->path);
    ok = ok && (point ? continue_logs(e, r, p->model, log_steps, point)
                      : open_logs(e, r, p->model, log_steps));
    if (!ok)
        rt_rundir_close(r);
    return ok;
}

void rt_rundir_close(rt_rundir *r)
{
    rt_log_close(&r->csv);
    rt_log_close(&r->jsonl);
    rt_log_close(&r->steps);
    rt_free(r->path);
    rt_free(r->best);
    rt_free(r->last);
    rt_free(r->curves);
    rt_free(r->epoch);
    *r = (rt_rundir){ 0 };
}

/* ---- config.json ---- */

static bool text_member(rt_err *e, rt_buf *b, const char *key, const char *value)
{
    return rt_buf_printf(e, b, ",\n  \"%s\": ", key) &&
           (value ? rt_json_quote(e, b, value) : rt_buf_printf(e, b, "null"));
}

static bool int_member(rt_err *e, rt_buf *b, const char *key, int64_t value)
{
    return rt_buf_printf(e, b, ",\n  \"%s\": %" PRId64, key, value);
}

static bool real_member(rt_err *e, rt_buf *b, const char *key, double value)
{
    return rt_buf_printf(e, b, ",\n  \"%s\": ", key) && rt_json_real(e, b, value);
}

static bool bool_member(rt_err *e, rt_buf *b, const char *key, bool value)
{
    return rt_buf_printf(e, b, ",\n  \"%s\": %s", key, value ? "true" : "false");
}

static bool command_member(rt_err *e, rt_buf *b, const rt_prog *p)
{
    bool ok = rt_buf_printf(e, b, ",\n  \"command\": [");
    for (int i = 0; ok && i < p->argc; i++)
        ok = rt_buf_printf(e, b, i ? ", " : "") && rt_json_quote(e, b, p->argv[i]);
    return ok && rt_buf_printf(e, b, "]");
}

bool rt_rundir_config(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_data *d,
                      const rt_settings *s, bool renew)
{
    const rt_model *m = p->model;
    const rt_cli *cli = &p->cli;
    char *path = rt_format(e, "%s/config.json", r->path);
    bool there = false, known = path && rt_file_there(e, path, &there);
    if (!known || (there && !renew)) {
        rt_free(path);
        return known;
    }
    rt_buf b = { 0 };
    bool ok = rt_buf_printf(e, &b, "{\n  \"model\": ") && rt_json_quote(e, &b, m->name) &&
              text_member(e, &b, "seqc", m->version) && command_member(e, &b, p) &&
              text_member(e, &b, "loss", m->loss) &&
              text_member(e, &b, "optimizer", m->optimizer) &&
              int_member(e, &b, "parameters", rt_param_count(m)) &&
              int_member(e, &b, "trained_parameters", rt_trained_count(m)) &&
              text_member(e, &b, "real", rt_dtype_name(m->real)) &&
              int_member(e, &b, "seed", p->seed) && int_member(e, &b, "epochs", s->epochs) &&
              int_member(e, &b, "batch", s->batch) && real_member(e, &b, "lr", s->lr) &&
              bool_member(e, &b, "shuffle", s->shuffle) &&
              bool_member(e, &b, "drop_last", m->drop_last) &&
              text_member(e, &b, "weights", RT_OPT(cli, weights).text) &&
              text_member(e, &b, "data", RT_GIVEN(cli, data) ? RT_OPT(cli, data).text : m->root) &&
              text_member(e, &b, "labels", RT_OPT(cli, labels).text) &&
              text_member(e, &b, "target", RT_OPT(cli, columns).text) &&
              text_member(e, &b, "normalize", rt_norm_name(d->prep.norm)) &&
              text_member(e, &b, "val", RT_OPT(cli, val).text) &&
              real_member(e, &b, "val_split", RT_OPT(cli, val_split).r) &&
              int_member(e, &b, "train_samples", d->train.n) &&
              int_member(e, &b, "val_samples", d->val.n) &&
              int_member(e, &b, "test_samples", d->test.n) &&
              int_member(e, &b, "threads", rt_pool_threads(p->pool)) &&
              text_member(e, &b, "isa", m->isa) &&
              text_member(e, &b, "blas", p->blas[0] ? p->blas : NULL) &&
              text_member(e, &b, "device", p->device ? p->device->name : NULL) &&
              rt_buf_printf(e, &b, "\n}\n");
    ok = ok && rt_file_put(e, path, b.data, b.length);
    rt_free(path);
    rt_buf_free(&b);
    return ok;
}

/* ---- metrics ---- */

static bool json_score(rt_err *e, rt_buf *b, const rt_model *m, const char *prefix,
                       const rt_score *score)
{
    bool ok = rt_buf_printf(e, b, ", \"%sloss\": ", prefix) && rt_json_real(e, b, score->loss);
    for (int i = 0; ok && i < rt_metric_count(m); i++)
        ok = rt_buf_printf(e, b, ", \"%s%s\": ", prefix, rt_metric_key(m->metrics[i])) &&
             rt_json_real(e, b, score->value[i]);
    return ok;
}

static bool json_real(rt_err *e, rt_buf *b, const char *key, double value, int digits)
{
    return rt_buf_printf(e, b, ", \"%s\": ", key) && rt_buf_real(e, b, value, digits);
}

static bool csv_real(rt_err *e, rt_buf *b, double value, int digits)
{
    return rt_buf_add(e, b, ",", 1) && rt_buf_real(e, b, value, digits);
}

static bool csv_score(rt_err *e, rt_buf *b, const rt_model *m, const rt_score *score)
{
    bool ok = csv_real(e, b, score->loss, 9);
    for (int i = 0; ok && i < rt_metric_count(m); i++)
        ok = csv_real(e, b, score->value[i], 9);
    return ok;
}

bool rt_rundir_epoch(rt_err *e, rt_rundir *r, const rt_epoch *epoch)
{
    if (r->n_epochs == r->capacity) {
        int64_t capacity = r->capacity ? 2 * r->capacity : 64;
        rt_epoch *more = rt_alloc(e, capacity, (int64_t)sizeof(rt_epoch), "the curves");
        if (!more)
            return false;
        if (r->n_epochs > 0)
            memcpy(more, r->epoch, sizeof(rt_epoch) * (size_t)r->n_epochs);
        rt_free(r->epoch);
        r->epoch = more;
        r->capacity = capacity;
    }
    r->epoch[r->n_epochs++] = *epoch;
    return true;
}

static bool put_row(rt_err *e, rt_rundir *r, const rt_model *m, const rt_epoch *row)
{
    rt_buf *csv = &r->csv.text, *json = &r->jsonl.text;
    bool ok = rt_buf_printf(e, csv, "%" PRId64, row->epoch) && csv_score(e, csv, m, &row->train) &&
              (!r->has_val || csv_score(e, csv, m, &row->val)) &&
              csv_real(e, csv, row->lr, 9) && csv_real(e, csv, row->seconds, 6) &&
              csv_real(e, csv, row->rate, 6) && rt_buf_add(e, csv, row->best ? ",1\n" : ",0\n", 3);
    return ok && rt_buf_printf(e, json, "{\"epoch\": %" PRId64, row->epoch) &&
           json_score(e, json, m, "", &row->train) &&
           (!r->has_val || json_score(e, json, m, "val_", &row->val)) &&
           json_real(e, json, "lr", row->lr, 9) && json_real(e, json, "seconds", row->seconds, 6) &&
           json_real(e, json, "samples_per_second", row->rate, 6) &&
           rt_buf_printf(e, json, ", \"best\": %s}\n", row->best ? "true" : "false");
}

bool rt_rundir_flush(rt_err *e, rt_rundir *r, const rt_prog *p)
{
    for (; r->n_written < r->n_epochs; r->n_written++)
        if (!put_row(e, r, p->model, &r->epoch[r->n_written]))
            return false;
    return rt_log_flush(e, &r->csv) && rt_log_flush(e, &r->jsonl) && rt_log_flush(e, &r->steps);
}

bool rt_rundir_test(rt_err *e, rt_rundir *r, const rt_prog *p, int64_t epoch, const rt_score *test)
{
    rt_buf *json = &r->jsonl.text;
    return rt_buf_printf(e, json, "{\"epoch\": %" PRId64, epoch) &&
           json_score(e, json, p->model, "test_", test) && rt_buf_printf(e, json, "}\n") &&
           rt_log_flush(e, &r->jsonl);
}

/* ---- curves ---- */

/* One curve of all epochs: the loss for metric -1, else a metric, shares as percent. */
static void fill_curve(const rt_rundir *r, const rt_model *m, double *to, bool val, int metric)
{
    for (int64_t i = 0; i < r->n_epochs; i++) {
        const rt_score *score = val ? &r->epoch[i].val : &r->epoch[i].train;
        bool share = metric >= 0 && m->metrics[metric] == RT_ACCURACY;
        to[i] = metric < 0 ? score->loss : score->value[metric] * (share ? 100 : 1);
    }
}

bool rt_rundir_curves(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_settings *s,
                      int64_t best)
{
    const rt_model *m = p->model;
    int64_t n = r->n_epochs;
    char chain[RT_DIMS], subtitle[RT_DIMS + 160];
    bool has_metric = rt_metric_count(m) > 0;
    double *y = rt_alloc(e, 4 * n, (int64_t)sizeof *y, "the curves");
    if (!y)
        return false;
    for (int k = 0; k < 4; k++)
        if (k < 2 || has_metric)
            fill_curve(r, m, y + k * n, k % 2, k < 2 ? -1 : 0);
    snprintf(subtitle, sizeof subtitle, "%s, %.100s, batch %" PRId64, rt_shape_chain(chain, m),
             m->optimizer ? m->optimizer : "", s->batch);
    const char *metric = !has_metric ? NULL : m->metrics[0] == RT_ACCURACY ? "accuracy, %"
                       : m->metrics[0] == RT_MAE ? "mean absolute error" : "R²";
    rt_chart chart = {
        .title = m->name, .subtitle = subtitle, .n_epochs = n, .train_loss = y,
        .val_loss = r->has_val ? y + n : NULL, .metric = metric,
        .train_metric = has_metric ? y + 2 * n : NULL,
        .val_metric = has_metric && r->has_val ? y + 3 * n : NULL, .best = best,
    };
    rt_buf svg = { 0 };
    bool ok = rt_svg_curves(e, &chart, &svg) &&
              rt_file_put(e, r->curves, svg.data, svg.length);
    rt_buf_free(&svg);
    rt_free(y);
    return ok;
}
