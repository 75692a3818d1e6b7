/* runtime/queue.c: the steps of a pass, where graphs run here: one at a time. Those of a device are
 * handed on to steps.c. */
#include "runtime/program.h"
#include "runtime/steps.h"

bool rt_queue_open(rt_err *e, rt_queue *q, rt_bound *graph, const rt_set *set, bool ordered,
                   int64_t batch)
{
    const rt_prog *p = graph->prog;
    *q = (rt_queue){ .graph = graph };
    bool ok = rt_batches_open(e, &q->batches, p->model, set);
    if (ok && p->device)
        ok = rt_stepping_open(e, q, set, ordered, batch);
    else if (ok)
        ok = (q->result = rt_alloc(e, graph->graph->n_results, (int64_t)sizeof *q->result,
                                   "a step's results")) != NULL;
    if (!ok)
        rt_queue_close(q);
    return ok;
}

void rt_queue_close(rt_queue *q)
{
    rt_stepping_close(q);
    rt_batches_close(&q->batches);
    rt_free(q->result);
    *q = (rt_queue){ 0 };
}

bool rt_queue_begin(rt_err *e, rt_queue *q, const rt_set *set, const int64_t *order, int64_t at,
                    int64_t batch)
{
    return rt_batches_begin(e, &q->batches, q->graph->prog, set, order, at, batch) &&
           (!q->device || rt_stepping_begin(e, q));
}

int64_t rt_queue_room(const rt_queue *q)
{
    return q->device ? rt_stepping_room(q) : 1;
}

void rt_queue_add(rt_queue *q, int64_t at, int64_t n, int64_t number)
{
    const rt_step step = { at, n, number, q->graph->prog->lr[0] };
    if (q->device)
        rt_stepping_add(q, &step);
    q->step = step;
    q->added++;
}

bool rt_queue_turn(rt_err *e, rt_queue *q, rt_report *done)
{
    *done = (rt_report){ 0 };
    if (q->device)
        return rt_stepping_turn(e, q, done);
    if (q->added == 0)
        return true;
    const rt_step *s = &q->step;
    const void *in[2];
    q->added = 0;
    if (!rt_batches_take(e, &q->batches, q->graph->prog, s->at, s->n, in))
        return false;
    rt_masks_draw(q->graph, s->n);
    if (!rt_run(e, q->graph, s->n, in, (uint64_t)s->number))
        return false;
    for (int i = 0; i < q->graph->graph->n_results; i++)
        q->result[i] = rt_result_real(q->graph, i);
    *done = (rt_report){ s, q->result, 1 };
    return true;
}

bool rt_queue_busy(const rt_queue *q)
{
    return q->device && rt_stepping_busy(q);
}
