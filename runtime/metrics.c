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
    const void *at = b->result[i];
    switch (b->graph->results[i].dtype) {
    case RT_F32: return (double)*(const float *)at;
    case RT_F64: return *(const double *)at;
    case RT_I64: return (double)*(const int64_t *)at;
    case RT_I32: return *(const int32_t *)at;
    case RT_U8: return *(const uint8_t *)at;
    case RT_I8: return *(const int8_t *)at;
    }
    return 0;
}

double rt_loss_of(const rt_bound *b, const double *result)
{
    return b->loss < 0 ? 0 : result[b->loss];
}

void rt_tally_add(rt_tally *t, const rt_bound *b, const double *result, int64_t n)
{
    const rt_model *m = b->prog->model;
    if (b->counted >= 0)
        n = (int64_t)result[b->counted];
    if (n == 0)    /* every label is ignored, and their mean is no number */
        return;
    double loss = rt_loss_of(b, result);
    t->loss += m->loss_is_sum ? loss : loss * (double)n;
    for (int i = 0, count = rt_metric_count(m); i < count; i++)
        t->sum[i] += b->metric[i] < 0 ? NAN : result[b->metric[i]];
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

bool rt_judge_bind(rt_err *e, rt_judge *j, rt_prog *p, const rt_set *set, int64_t batch)
{
    *j = (rt_judge){ .set = set, .batch = batch };
    if (set->n == 0)
        return true;
    const rt_graph *graph = rt_graph_for(e, p->model, "eval", set);
    j->squares = rt_set_squares(p->model, set);
    return graph && rt_bind(e, &j->graph, p, graph);
}

bool rt_judge_open(rt_err *e, rt_judge *j)
{
    return j->set->n == 0 || rt_queue_open(e, &j->queue, &j->graph, j->set, false, j->batch);
}

void rt_judge_close(rt_judge *j)
{
    rt_queue_close(&j->queue);
    rt_unbind(&j->graph);
}

bool rt_judge_run(rt_err *e, rt_judge *j, const char *what, rt_score *score)
{
    rt_prog *p = j->graph.prog;
    rt_tally tally = { 0 };
    rt_report done;
    double start = rt_now();
    int64_t at = 0, seen = 0, results = j->graph.graph->n_results;
    if (!rt_queue_begin(e, &j->queue, j->set, NULL, 0, j->batch))
        return false;
    do {
        int64_t room = rt_signal() == 0 ? rt_queue_room(&j->queue) : 0;
        for (; room > 0 && at < j->set->n; room--, at += j->batch) {
            int64_t left = j->set->n - at;
            rt_queue_add(&j->queue, at, left < j->batch ? left : j->batch, 1);
        }
        if (!rt_queue_turn(e, &j->queue, &done))
            return false;
        for (int64_t i = 0; i < done.count; i++) {
            rt_tally_add(&tally, &j->graph, done.result + i * results, done.step[i].n);
            seen += done.step[i].n;
        }
        rt_report_progress(&p->ui, &(rt_progress){ .what = what, .done = seen,
                                                   .total = j->set->n, .start = start });
    } while (done.count > 0 || rt_queue_busy(&j->queue));
    *score = rt_tally_score(&tally, p->model, j->set->y_elems, j->squares);
    return true;
}
