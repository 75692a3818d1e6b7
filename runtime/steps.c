/* runtime/steps.c: steps of a pass on a device, which goes from one to the next by itself (cuda.h).
 *
 * This side fills rows for the next steps and sends them at once; the launches of several steps are
 * one recorded graph where their batches are alike, or one kernel's of a single block where the
 * program has that. What came of them is read when all are done, as a report; two reports are
 * under way at a time, so that the device has work while this side reads. A report grows as long as
 * it takes little time: a stop waits for what is under way.
 *
 * A set that is not on the device comes from here, batch after batch, gathered into page-locked
 * memory and sent by a stream of its own: two batches in turns, so that one is on its way while a
 * step reads the other. */
#include "runtime/program.h"
#include "runtime/steps.h"
#include <string.h>

enum { REPORTS = 2, SLOTS = 2, LINES = 1024, TOGETHER = 16 };
#define SHORT_SECONDS 0.02       /* a report that takes less may have twice the steps */
#define LONG_SECONDS 0.1         /* one that takes more gets half */

/* Counters as they are sent before a report: its first row is the next one. */
typedef struct Start { uint64_t seed, step; int64_t next; } Start;

/* All but `step` is page-locked. */
typedef struct Report {
    Start *start;
    char *row;                   /* [lines], as cuda.h says */
    double *result;              /* [lines][results] */
    rt_step *step;               /* [lines] */
    int64_t count;
    void *done;                  /* event: the results are here */
    double began;
} Report;

/* A batch from here. */
typedef struct Slot {
    char **here, **there;        /* [inputs], page-locked and on the device */
    void *sent, *read;           /* events: it is there; the step that reads it is done */
    bool used;
} Slot;

typedef struct rt_stepping {
    const rt_steps *kernels;
    rt_placed set;
    int x, y;                    /* which inputs are the samples and their targets */
    Report report[REPORTS];
    int64_t begun, known;        /* reports */
    int64_t lines, most;         /* steps of a report at most; of the next one */
    int64_t together;            /* steps of a recording */
    int64_t row_bytes, line_bytes;
    char *rows, *lines_there;    /* the device's, of both reports */
    char *locked;                /* what reports point to */
    double last;                 /* when the last report was known */
    Slot slot[SLOTS];
    int64_t sent;                /* batches */
    void *sender;                /* stream */
    rt_err late;                 /* why a batch could not be had, told after the steps before it */
    bool ended;
} rt_stepping;

/* ---- opening ---- */

static const rt_steps *kernels_of(const rt_cuda *cuda, const rt_graph *g)
{
    for (int i = 0; i < cuda->n_steps; i++)
        if (strcmp(cuda->steps[i].graph, g->name) == 0)
            return &cuda->steps[i];
    return NULL;
}

int64_t rt_steps_together(const rt_cuda *cuda, const rt_graph *g)
{
    const rt_steps *kernels = kernels_of(cuda, g);
    if (kernels && kernels->whole >= 0)
        return LINES;
    /* Within a half millisecond of some device, which hides the time from one launch to the next. */
    double seconds = g->flop / 1e13 + g->bytes / 1e12, fit = 5e-4 / (seconds + 1e-9);
    return fit >= TOGETHER ? TOGETHER : fit < 1 ? 1 : (int64_t)fit;
}

static int input_of(const rt_graph *g, const char *name)
{
    int i = 0;
    while (i < g->n_inputs - 1 && strcmp(g->inputs[i].name, name) != 0)
        i++;
    return i;
}

static char *take(char **from, int64_t bytes)
{
    char *at = *from;
    *from += bytes;
    return at;
}

/* The memory of reports, here and there. */
static bool open_reports(rt_err *e, rt_stepping *s, rt_device *d)
{
    const char *const what = "what steps are told and tell";
    int64_t rows = s->lines * s->row_bytes, lines = s->lines * s->line_bytes;
    s->rows = rt_device_alloc(e, d, REPORTS * (rows + lines), what);
    s->locked = s->rows ? rt_device_lock(e, d, REPORTS * ((int64_t)sizeof(Start) + rows + lines), what)
                        : NULL;
    if (!s->locked)
        return false;
    s->lines_there = s->rows + REPORTS * rows;
    char *free = s->locked;
    for (int i = 0; i < REPORTS; i++) {
        Report *r = &s->report[i];
        r->start = (Start *)(void *)take(&free, (int64_t)sizeof(Start));
        r->row = take(&free, rows);
        r->result = (double *)(void *)take(&free, lines);
        r->step = rt_alloc(e, s->lines, (int64_t)sizeof *r->step, what);
        if (!r->step || !rt_device_event(e, d, &r->done))
            return false;
    }
    return true;
}

static bool open_slot(rt_err *e, Slot *slot, const rt_bound *b, bool first)
{
    const rt_graph *g = b->graph;
    rt_device *d = b->prog->device;
    const char *const what = "batches on their way";
    slot->here = rt_alloc(e, g->n_inputs, (int64_t)sizeof *slot->here, what);
    slot->there = first ? b->placed : rt_alloc(e, g->n_inputs, (int64_t)sizeof *slot->there, what);
    if (!slot->here || !slot->there || !rt_device_event(e, d, &slot->sent) ||
        !rt_device_event(e, d, &slot->read))
        return false;
    for (int i = 0; i < g->n_inputs; i++) {
        int64_t bytes = rt_device_input_bytes(b, i);
        slot->here[i] = rt_device_lock(e, d, bytes, what);
        if (!first && slot->here[i])
            slot->there[i] = rt_device_alloc(e, d, bytes, what);
        if (!slot->here[i] || !slot->there[i])
            return false;
    }
    return true;
}

static void close_slot(Slot *slot, const rt_bound *b, bool first)
{
    rt_device *d = b->prog->device;
    for (int i = 0; slot->here && i < b->graph->n_inputs; i++)
        rt_device_unlock(d, slot->here[i]);
    for (int i = 0; !first && slot->there && i < b->graph->n_inputs; i++)
        rt_device_free(d, slot->there[i], rt_device_input_bytes(b, i));
    rt_device_event_free(d, slot->sent);
    rt_device_event_free(d, slot->read);
    rt_free(slot->here);
    if (!first)
        rt_free(slot->there);
}

static bool open_sender(rt_err *e, rt_stepping *s, const rt_bound *b)
{
    bool ok = rt_driver_did(e, b->prog->device->driver.cuStreamCreate(&s->sender, RT_CU_OWN_ORDER),
                            "opening a stream");
    for (int i = 0; ok && i < SLOTS; i++)
        ok = open_slot(e, &s->slot[i], b, i == 0);
    return ok;
}

static bool open_stepping(rt_err *e, rt_queue *q, const rt_set *set, bool ordered, int64_t batch)
{
    const rt_bound *b = q->graph;
    rt_prog *p = b->prog;
    rt_stepping *s = q->device = rt_alloc(e, 1, (int64_t)sizeof *s, "steps");
    if (!s)
        return false;
    s->kernels = kernels_of(p->model->cuda, b->graph);
    if (!s->kernels)
        return rt_fail(e, RT_E_DATA, "this program has no kernels for steps of '%s'",
                       b->graph->name);
    int64_t full = set->n / batch, steps = (set->n + batch - 1) / batch;
    s->x = input_of(b->graph, "x");
    s->y = input_of(b->graph, "target");
    s->row_bytes = (RT_ROW_BYTES + p->model->n_scalars * rt_dtype_bytes(p->model->real) + 7) / 8 * 8;
    s->line_bytes = b->graph->n_results * (int64_t)sizeof(double);
    s->lines = steps < LINES ? steps : LINES;
    if (!open_reports(e, s, p->device))
        return false;
    if (b->mask)
        snprintf(s->set.why, sizeof s->set.why, "masks are drawn here");
    else if (!rt_placed_open(e, &s->set, p->device, set, ordered))
        return false;
    s->together = s->set.x ? rt_steps_together(p->model->cuda, b->graph) : 1;
    s->together = s->together < full ? s->together : full > 0 ? full : 1;
    s->most = s->together < TOGETHER ? s->together : TOGETHER;
    return s->set.x || open_sender(e, s, b);
}

bool rt_stepping_open(rt_err *e, rt_queue *q, const rt_set *set, bool ordered, int64_t batch)
{
    if (open_stepping(e, q, set, ordered, batch))
        return true;
    if (e->code == RT_E_MEMORY)
        rt_device_too_small(e, q->graph, SLOTS - 1);
    return false;
}

void rt_stepping_close(rt_queue *q)
{
    rt_stepping *s = q->device;
    if (!s)
        return;
    rt_device *d = q->graph->prog->device;
    if (s->begun > s->known) {       /* after a failure: what is under way needs its memory */
        d->driver.cuStreamSynchronize(d->stream);
        if (s->sender)
            d->driver.cuStreamSynchronize(s->sender);
    }
    for (int i = 0; s->sender && i < SLOTS; i++)
        close_slot(&s->slot[i], q->graph, i == 0);
    if (s->sender)
        d->driver.cuStreamDestroy(s->sender);
    rt_placed_close(&s->set, d);
    for (int i = 0; i < REPORTS; i++) {
        rt_device_event_free(d, s->report[i].done);
        rt_free(s->report[i].step);
    }
    rt_device_unlock(d, s->locked);
    rt_device_free(d, s->rows, REPORTS * s->lines * (s->row_bytes + s->line_bytes));
    rt_free(s);
    q->device = NULL;
}

char *rt_stepping_text(char text[RT_STEPPING_TEXT], const rt_queue *q)
{
    const rt_stepping *s = q->device;
    if (s->set.x && s->kernels->whole >= 0)
        snprintf(text, RT_STEPPING_TEXT, "up to %lld a launch, by one block, data on the device",
                 (long long)s->lines);
    else if (s->set.x)
        snprintf(text, RT_STEPPING_TEXT, "%lld step%s a launch, data on the device",
                 (long long)s->together, s->together == 1 ? "" : "s");
    else
        snprintf(text, RT_STEPPING_TEXT, "a step a launch, batches sent ahead: %s", s->set.why);
    return text;
}

/* ---- a report's steps begin ---- */

static void launch_begin(const rt_call *call, const void *of)
{
    const rt_queue *q = of;
    const rt_stepping *s = q->device;
    const rt_placed *set = &s->set;
    const rt_value *x = &q->graph->graph->inputs[s->x], *y = &q->graph->graph->inputs[s->y];
    int64_t words = rt_value_elems(y, 1) * rt_dtype_bytes(y->dtype) / RT_WORD_BYTES;
    const void *const memory[] = {
        call->counters, s->rows, set->order, set->x, set->span, set->table, set->y,
        call->in[s->x], call->in[s->y], (const void *)(uintptr_t)words,
    };
    int64_t elems = rt_value_elems(x, call->n);
    elems = !set->x ? 1 : elems > words * call->n ? elems : words * call->n;
    rt_launch(call, s->kernels->begin, (elems - 1) / s->kernels->block_elems + 1, memory,
              (int)(sizeof memory / sizeof *memory));
}

static void launch_end(const rt_call *call, const void *of)
{
    const rt_queue *q = of;
    const rt_stepping *s = q->device;
    const void *memory[RT_MAX_MEMORY] = { call->counters, s->lines_there };
    int n = 2;
    for (int i = 0; i < q->graph->graph->n_results && n < RT_MAX_MEMORY; i++)
        memory[n++] = call->out[i];
    rt_launch(call, s->kernels->end, 1, memory, n);
}

static bool replay(rt_err *e, rt_queue *q, int64_t n, int64_t times, char *const *in)
{
    const rt_launches what = { .n = n, .times = times, .in = in, .begin = launch_begin,
                               .end = launch_end, .of = q };
    return rt_device_replay(e, q->graph, &q->graph->many, &what);
}

/* All steps of a report by one kernel. */
static bool begin_whole(rt_err *e, rt_queue *q, const Report *r)
{
    const rt_stepping *s = q->device;
    const rt_placed *set = &s->set;
    rt_bound *b = q->graph;
    const rt_device *d = b->prog->device;
    const void *memory[RT_MAX_MEMORY] = {
        d->control, s->rows, s->lines_there, set->order, set->x, set->span, set->table, set->y,
        b->placed[s->x], b->placed[s->y], d->state, b->prog->arena, d->control + RT_COUNTER_BYTES,
    };
    int n = 13;
    for (int i = 0; i < b->graph->n_results && n < RT_MAX_MEMORY; i++)
        memory[n++] = b->placed[b->graph->n_inputs + i];
    return rt_device_launch(e, b, &b->many, s->kernels->whole, memory, n, r->count);
}

/* Steps whose samples are on the device: as many together as are alike. */
static bool begin_placed(rt_err *e, rt_queue *q, const Report *r)
{
    const rt_stepping *s = q->device;
    bool ok = true;
    if (s->kernels->whole >= 0)
        return begin_whole(e, q, r);
    for (int64_t i = 0, times; ok && i < r->count; i += times) {
        int64_t n = r->step[i].n, end = i + s->together;
        times = end <= r->count && r->step[end - 1].n == n ? s->together : 1;
        ok = replay(e, q, n, times, q->graph->placed);
    }
    return ok;
}

/* The batch of a step into a slot, whose memory here is free again; masks too. */
static bool gather(rt_err *e, rt_queue *q, Slot *slot, const rt_step *step)
{
    const rt_stepping *s = q->device;
    rt_bound *b = q->graph;
    if (!rt_batches_put(e, &q->batches, b->prog, step->at, step->n, slot->here[s->x],
                        slot->here[s->y]))
        return false;
    rt_masks_draw(b, step->n);
    for (int i = 0; i < b->graph->n_masks; i++) {
        int input = b->graph->masks[i].input;
        memcpy(slot->here[input], b->mask[i],
               (size_t)(rt_value_elems(&b->graph->inputs[input], step->n) *
                        rt_dtype_bytes(b->graph->inputs[input].dtype)));
    }
    return true;
}

/* Sends a slot's batch when the step before last has read what lies there, and lets the steps wait
 * for it. */
static bool send_slot(rt_err *e, const rt_queue *q, Slot *slot, int64_t n)
{
    const rt_stepping *s = q->device;
    const rt_graph *g = q->graph->graph;
    const rt_device *d = q->graph->prog->device;
    const rt_driver *cu = &d->driver;
    const char *const what = "sending a batch";
    bool ok = !slot->used || rt_driver_did(e, cu->cuStreamWaitEvent(s->sender, slot->read, 0), what);
    for (int i = 0; ok && i < g->n_inputs; i++) {
        int64_t bytes = rt_value_elems(&g->inputs[i], n) * rt_dtype_bytes(g->inputs[i].dtype);
        ok = rt_device_send(e, d, s->sender, slot->there[i], slot->here[i], bytes, what);
    }
    slot->used = true;
    return ok && rt_driver_did(e, cu->cuEventRecord(slot->sent, s->sender), what) &&
           rt_driver_did(e, cu->cuStreamWaitEvent(d->stream, slot->sent, 0), what);
}

/* Steps whose samples come from here. One that cannot be had ends the pass before it. */
static bool begin_sent(rt_err *e, rt_queue *q, Report *r)
{
    rt_stepping *s = q->device;
    const rt_device *d = q->graph->prog->device;
    for (int64_t i = 0; i < r->count; i++) {
        Slot *slot = &s->slot[s->sent++ % SLOTS];
        int64_t n = r->step[i].n;
        if (slot->used && !rt_driver_did(e, d->driver.cuEventSynchronize(slot->sent),
                                         "sending a batch"))
            return false;
        if (!gather(e, q, slot, &r->step[i])) {
            s->late = *e;
            s->ended = true;
            *e = (rt_err){ 0 };
            r->count = i;
            break;
        }
        if (!send_slot(e, q, slot, n) || !replay(e, q, n, 1, slot->there) ||
            !rt_driver_did(e, d->driver.cuEventRecord(slot->read, d->stream), "running a step"))
            return false;
    }
    return true;
}

/* All of a report: rows there, steps, results here. */
static bool begin_report(rt_err *e, rt_queue *q)
{
    rt_stepping *s = q->device;
    rt_prog *p = q->graph->prog;
    rt_device *d = p->device;
    int64_t half = s->begun % REPORTS, first = half * s->lines;
    Report *r = &s->report[half];
    r->count = q->added;
    q->added = 0;
    r->began = rt_now();
    *r->start = (Start){ (uint64_t)p->seed, 0, first };
    s->begun++;
    bool ok = rt_device_send(e, d, d->stream, d->control, r->start, (int64_t)sizeof *r->start,
                             "sending what steps are told") &&
              rt_device_send(e, d, d->stream, s->rows + first * s->row_bytes, r->row,
                             r->count * s->row_bytes, "sending what steps are told") &&
              (s->set.x ? begin_placed(e, q, r) : begin_sent(e, q, r)) &&
              rt_device_receive(e, d, r->result, s->lines_there + first * s->line_bytes,
                                r->count * s->line_bytes, "receiving what steps tell") &&
              rt_driver_did(e, d->driver.cuEventRecord(r->done, d->stream), "running steps");
    if (ok && q->graph->graph->updates && r->count > 0)
        rt_device_changed(p);
    return ok;
}

/* ---- the queue ---- */

bool rt_stepping_begin(rt_err *e, rt_queue *q)
{
    rt_stepping *s = q->device;
    const rt_batches *b = &q->batches;
    s->ended = false;
    return !s->set.x || rt_placed_order(e, &s->set, q->graph->prog->device, b->set, b->order);
}

int64_t rt_stepping_room(const rt_queue *q)
{
    const rt_stepping *s = q->device;
    return s->ended || s->begun - s->known == REPORTS ? 0 : s->most - q->added;
}

void rt_stepping_add(rt_queue *q, const rt_step *step)
{
    const rt_stepping *s = q->device;
    const rt_prog *p = q->graph->prog;
    const Report *r = &s->report[s->begun % REPORTS];
    char *row = r->row + q->added * s->row_bytes;
    const int64_t told[] = { step->at, step->n, step->number };
    memcpy(row, told, sizeof told);
    if (p->model->scalars)
        p->model->scalars(p->lr, (double)step->number, p->epoch_steps, row + sizeof told);
    r->step[q->added] = *step;
}

/* The next report has more steps where the last one took little time. */
static void pace(rt_stepping *s, const Report *r)
{
    double now = rt_now(), seconds = now - (s->last > r->began ? s->last : r->began);
    s->last = now;
    if (seconds < SHORT_SECONDS && r->count == s->most)
        s->most = 2 * s->most < s->lines ? 2 * s->most : s->lines;
    else if (seconds > LONG_SECONDS && s->most > 1)
        s->most /= 2;
}

bool rt_stepping_turn(rt_err *e, rt_queue *q, rt_report *done)
{
    rt_stepping *s = q->device;
    const rt_device *d = q->graph->prog->device;
    bool added = q->added > 0;
    if (added && !begin_report(e, q))
        return false;
    if (s->begun == s->known) {
        if (s->ended)
            *e = s->late;
        return !s->ended;
    }
    if (added && s->begun - s->known < REPORTS && !s->ended)
        return true;
    Report *r = &s->report[s->known % REPORTS];
    if (!rt_driver_did(e, d->driver.cuEventSynchronize(r->done), "running steps"))
        return false;
    s->known++;
    pace(s, r);
    *done = (rt_report){ r->step, r->result, r->count };
    return true;
}

bool rt_stepping_busy(const rt_queue *q)
{
    const rt_stepping *s = q->device;
    return s->ended || s->begun > s->known;
}
