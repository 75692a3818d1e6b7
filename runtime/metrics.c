/* runtime/metrics.c: loss and metrics of a pass over a set. Sums are kept in double, in the order
 * of the batches; an epoch's loss is the mean over samples, whatever the size of the last batch.
 * Samples whose label the loss ignores are none. */
#include "runtime/program.h"
#include <math.h>

static const struct Metric { const char *result, *key, *shown; } metrics[] = {
    [RT_ACCURACY] = { "correct", "accuracy", "acc" },
    [RT_MAE] = { "abs_err", "mae", "mae" },
    [RT_R2] = { "sq_err", "r2", "r2" },
};

int rt_metric_count(const rt_model *m)
{
    return m->n_metrics < RT_MAX_METRICS ? m->n_metrics : RT_MAX_METRICS;
}

const char *rt_metric_result(rt_metric metric)
{
    return metrics[metric].result;
}

const char *rt_metric_key(rt_metric metric)
{
    return metrics[metric].key;
}

const char *rt_metric_name(rt_metric metric)
{
    return metrics[metric].shown;
}

char *rt_metric_text(char text[RT_TEXT], rt_metric metric, double value, bool exact)
{
    if (isnan(value))
        snprintf(text, RT_TEXT, "-");
    else if (metric == RT_ACCURACY)
        snprintf(text, RT_TEXT, exact ? "%.2f%%" : value < 0.9995 ? "%.1f%%" : "%.0f%%",
                 100 * value);
    else if (exact)
        snprintf(text, RT_TEXT, "%.6g", value);
    else
        rt_loss_text(text, value);
    return text;
}

double rt_result_real(const rt_bound *b, int i)
{
    if (i >= 0 && b->graph->results[i].dtype == RT_F32)
        return (double)*(const float *)b->result[i];
    if (i < 0)
        return 0;
    const void *at = b->result[i];
    switch (b->graph->results[i].dtype) {
    case RT_F32: return (double)*(const float *)at;
    case RT_F64: return *(const double *)at;
    case RT_I64: return (double)*(const int64_t *)at;
    case RT_I32: return *(const int32_t *)at;
    case RT_U8: return *(const uint8_t *)at;
    }
    return 0;
}

void rt_tally_add(rt_tally *t, const rt_bound *b, double loss, int64_t n)
{
    const rt_model *m = b->prog->model;
    if (b->counted >= 0)
        n = (int64_t)rt_result_real(b, b->counted);
    if (n == 0)    /* every label is ignored, and their mean is no number */
        return;
    t->loss += m->loss_is_sum ? loss : loss * (double)n;
    for (int i = 0, count = rt_metric_count(m); i < count; i++)
        t->sum[i] += b->metric[i] < 0 ? NAN : rt_result_real(b, b->metric[i]);
    t->n += n;
}

rt_score rt_tally_score(const rt_tally *t, const rt_model *m, int64_t y_elems, double squares)
{
    double n = (double)(t->n > 0 ? t->n : 1), each = (double)y_elems;
    double answers = m->target_kind == RT_TARGET_REAL ? n * each : n;
    rt_score score = { .loss = t->loss / n };
    for (int i = 0; i < rt_metric_count(m); i++) {
        switch (m->metrics[i]) {
        case RT_ACCURACY: score.value[i] = t->sum[i] / answers; break;
        case RT_MAE: score.value[i] = t->sum[i] / (n * each); break;
        case RT_R2: score.value[i] = squares > 0 ? 1 - t->sum[i] / squares : 0; break;
        }
    }
    return score;
}

double rt_set_squares(const rt_model *m, const rt_set *set)
{
    for (int i = 0; i < rt_metric_count(m); i++)
        if (m->metrics[i] == RT_R2 && set->n > 0 && set->y_kind == RT_Y_REAL)
            return rt_data_target_squares(set);
    return 0;
}

const rt_graph *rt_graph_for(rt_err *e, const rt_model *m, const char *name, const rt_set *set)
{
    char prob[32];
    snprintf(prob, sizeof prob, "%s_prob", name);
    bool floats = set->y_kind == RT_Y_REAL && m->target_kind != RT_TARGET_REAL;
    const rt_graph *graph = rt_find_graph(m, floats ? prob : name);
    if (!graph)
        rt_fail(e, RT_E_DATA, "%s: the targets are %s, which %s does not take",
                set->name ? set->name : "the data",
                floats ? "probabilities" : "class indices", m->loss ? m->loss : "this program");
    return graph;
}

/* ---- scoring a set ---- */

bool rt_judge_open(rt_err *e, rt_judge *j, rt_prog *p, const rt_set *set)
{
    *j = (rt_judge){ .set = set };
    if (set->n == 0)
        return true;
    const rt_graph *graph = rt_graph_for(e, p->model, "eval", set);
    if (!graph || !rt_bind(e, &j->graph, p, graph))
        return false;
    j->squares = rt_set_squares(p->model, set);
    return rt_batches_open(e, &j->batches, p->model, set);
}

void rt_judge_close(rt_judge *j)
{
    rt_unbind(&j->graph);
    rt_batches_close(&j->batches);
}

bool rt_judge_run(rt_err *e, rt_judge *j, int64_t batch, const char *what, rt_score *score)
{
    rt_prog *p = j->graph.prog;
    rt_tally tally = { 0 };
    double start = rt_now();
    if (!rt_batches_begin(e, &j->batches, p, j->set, NULL, 0, batch))
        return false;
    for (int64_t at = 0; at < j->set->n && rt_signal() == 0; at += batch) {
        int64_t n = j->set->n - at < batch ? j->set->n - at : batch;
        const void *in[2];
        if (!rt_batches_take(e, &j->batches, p, at, n, in))
            return false;
        rt_masks_draw(&j->graph, n);
        if (!rt_run(e, &j->graph, n, in, 1))
            return false;
        rt_tally_add(&tally, &j->graph, rt_result_real(&j->graph, j->graph.loss), n);
        rt_report_progress(&p->ui, &(rt_progress){ .what = what, .done = at + n,
                                                   .total = j->set->n, .start = start });
    }
    *score = rt_tally_score(&tally, p->model, j->set->y_elems, j->squares);
    return true;
}
