/* runtime/bench.c: the verb `bench`: times of a training step and of an inference on made-up data,
 * and what share that is of what the machine can do. The median counts; the spread is that of the
 * middle four fifths. Training runs with learning rate 0, so that no number grows while the clock
 * runs; the work is the same. A device takes its steps one after the other, as in training. */
#include "runtime/program.h"
#include <stdlib.h>
#include <string.h>

enum { WARM = 3, MAX_INPUTS = 4, MOST_STEPS = 1024 };
#define LEAST_SECONDS 5e-5   /* shorter runs are timed in groups of about this length */
#define DEVICE_SECONDS 2e-2  /* of a device's steps, of which the last is waited for */
#define LARGE_BYTES 8e6      /* a step that moves less finds it in caches */

typedef struct Bench {
    rt_prog *p;
    int64_t steps;
    double peak;                 /* GFLOP/s; 0: unknown */
    double memory;               /* GB/s; 0: not measured, as no graph moves much */
    double *seconds;             /* [steps] */
} Bench;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Standard normal numbers, class indices in turn, or the shares 1 / classes. */
static void *make_input(rt_err *e, const rt_prog *p, const rt_value *v)
{
    const rt_model *m = p->model;
    int64_t elems = rt_value_elems(v, m->capacity);
    void *out = rt_alloc(e, elems, (int64_t)sizeof(double), "made-up data");
    float *draws = out ? rt_alloc(e, elems, (int64_t)sizeof(float), "made-up data") : NULL;
    if (!draws) {
        rt_free(out);
        return NULL;
    }
    rt_random random;
    rt_random_seed(&random, (uint64_t)p->seed);
    rt_random_normal(&random, draws, elems, 0, 1);
    bool target = strcmp(v->name, "target") == 0;
    bool shares = target && m->target_kind != RT_TARGET_REAL;
    /* Binary losses take targets from 0 to 1 only, which serve the others too. */
    for (int64_t i = 0; i < elems; i++) {
        double value = shares ? 1.0 / (double)(m->n_classes > 0 ? m->n_classes : 1)
                     : target ? (draws[i] > 0 ? 1.0 : 0.0) : (double)draws[i];
        if (v->dtype == RT_I64)
            ((int64_t *)out)[i] = m->n_classes > 0 ? i % m->n_classes : 0;
        else if (v->dtype == RT_F64)
            ((double *)out)[i] = value;
        else
            ((float *)out)[i] = (float)value;
    }
    rt_free(draws);
    return out;
}

/* What is timed: runs of a graph on n samples, or where there is a queue its steps. */
typedef struct Timed {
    rt_bound bound;
    int64_t n;
    void *in[MAX_INPUTS];
    const rt_value *value[MAX_INPUTS];   /* of in */
    rt_set set;
    rt_queue queue;
} Timed;

static bool run_group(rt_err *e, Timed *t, int64_t group)
{
    for (int64_t i = 0; i < group; i++) {
        rt_masks_draw(&t->bound, t->n);
        if (!rt_run(e, &t->bound, t->n, (const void *const *)t->in, (uint64_t)i + 1))
            return false;
    }
    return true;
}

static bool step_group(rt_err *e, Timed *t, int64_t group)
{
    rt_report done;
    int64_t added = 0;
    do {
        for (int64_t room = rt_queue_room(&t->queue); room > 0 && added < group; room--)
            rt_queue_add(&t->queue, 0, t->n, ++added);
        if (!rt_queue_turn(e, &t->queue, &done))
            return false;
    } while (done.count > 0 || rt_queue_busy(&t->queue));
    return true;
}

/* The seconds of one run among `group`. */
static bool time_group(rt_err *e, Timed *t, int64_t group, double *seconds)
{
    double start = rt_now();
    if (!(t->queue.device ? step_group(e, t, group) : run_group(e, t, group)))
        return false;
    *seconds = (rt_now() - start) / (double)group;
    return true;
}

static void put_share(double share, const char *whole)
{
    printf(share < 0.0995 ? ", %.1f%% of %s" : ", %.0f%% of %s", 100 * share, whole);
}

static void report(const Bench *b, const rt_graph *graph, const char *what, int64_t n)
{
    char median[RT_TEXT], low[RT_TEXT], high[RT_TEXT], rate[RT_TEXT];
    const double *s = b->seconds;
    double middle = s[b->steps / 2];
    double gflops = graph->flop * (double)n / (double)b->p->model->capacity / middle * 1e-9;
    rt_ui_clear(&b->p->ui);
    printf("%-15s batch %-5lld %9s  (%s to %s)  %7s  %6.4g GFLOP/s", what, (long long)n,
           rt_short_time_text(median, middle), rt_short_time_text(low, s[b->steps / 10]),
           rt_short_time_text(high, s[b->steps - 1 - b->steps / 10]),
           rt_rate_text(rate, (double)n / middle), gflops);
    if (b->peak > 0)
        put_share(gflops / b->peak, "peak");
    if (b->memory > 0 && graph->bytes >= LARGE_BYTES && n == b->p->model->capacity) {
        double gbytes = graph->bytes / middle * 1e-9;
        printf("; %.4g GB/s", gbytes);
        put_share(gbytes / b->memory, "memory's");
    }
    putchar('\n');
    fflush(stdout);
}

/* Fills b->seconds in order of size. */
static bool time_graph(rt_err *e, Bench *b, Timed *t, const char *what)
{
    bool queue = t->queue.device != NULL;
    double once = 1e9, start = rt_now(), seconds, least = queue ? DEVICE_SECONDS : LEAST_SECONDS;
    for (int i = 0; i < WARM; i++) {
        if (!time_group(e, t, queue ? MOST_STEPS / 32 : 1, &seconds))
            return false;
        once = seconds < once ? seconds : once;
    }
    int64_t group = once < least ? (int64_t)(least / (once + 1e-9)) + 1 : 1;
    for (int64_t i = 0; i < b->steps && rt_signal() == 0; i++) {
        if (!time_group(e, t, group, &b->seconds[i]))
            return false;
        rt_report_progress(&b->p->ui, &(rt_progress){ .what = what, .done = i + 1,
                                                      .total = b->steps, .start = start });
    }
    qsort(b->seconds, (size_t)b->steps, sizeof *b->seconds, by_size);
    return true;
}

/* Steps of a device: of a set that is the same batch again and again. */
static bool open_steps(rt_err *e, Timed *t)
{
    const rt_prog *p = t->bound.prog;
    const rt_value *x = t->value[0], *y = t->value[1];
    t->set = (rt_set){
        .n = t->n * MOST_STEPS, .rows = t->n, .x = t->in[0], .y = t->in[1],
        .x_elems = rt_value_elems(x, 1), .y_elems = rt_value_elems(y, 1), .real = p->model->real,
        .y_kind = y->dtype == RT_I64 ? RT_Y_INDEX : RT_Y_REAL,
    };
    return rt_queue_open(e, &t->queue, &t->bound, &t->set, false, t->n) &&
           rt_queue_begin(e, &t->queue, &t->set, NULL, 0, t->n);
}

static bool bench_graph(rt_err *e, Bench *b, const rt_graph *graph, const char *what, int64_t n)
{
    Timed t = { .n = n };
    bool ok = rt_bind(e, &t.bound, b->p, graph);
    for (int i = 0, given = 0; ok && i < graph->n_inputs && given < MAX_INPUTS; i++) {
        if (rt_is_mask(graph, i))
            continue;
        t.value[given] = &graph->inputs[i];
        t.in[given] = make_input(e, b->p, t.value[given]);
        ok = t.in[given++] != NULL;
    }
    if (ok && b->p->device && graph->updates)
        ok = open_steps(e, &t);
    ok = ok && time_graph(e, b, &t, what);
    if (ok && rt_signal() == 0)
        report(b, graph, what, n);
    rt_queue_close(&t.queue);
    for (int i = 0; i < MAX_INPUTS; i++)
        rt_free(t.in[i]);
    rt_unbind(&t.bound);
    return ok;
}

static void measure_machine(Bench *b)
{
    rt_pool *pool = b->p->pool;
    int threads = rt_pool_threads(pool);
    char text[RT_DEVICE_TEXT];
    double most = 0;
    if (b->p->device) {
        if (!b->p->ui.quiet)
            printf("%-15s %s\n", "device", rt_device_text(text, b->p->device));
        return;
    }
    for (int i = 0; i < b->p->model->n_graphs; i++)
        most = b->p->model->graphs[i].bytes > most ? b->p->model->graphs[i].bytes : most;
    b->peak = rt_peak_gflops(pool, b->p->model->real);
    b->memory = most >= LARGE_BYTES ? rt_memory_gbytes(pool) : 0;
    if (b->p->ui.quiet)
        return;
    if (b->peak > 0)
        printf("%-15s %.4g GFLOP/s of multiply-adds in registers, %d thread%s\n", "peak", b->peak,
               threads, threads == 1 ? "" : "s");
    if (b->memory > 0)
        printf("%-15s %.4g GB/s read and written by copying\n", "memory", b->memory);
    if (threads > 1)
        printf("%-15s %s to hand each thread a task and wait for all\n", "fork-join",
               rt_short_time_text(text, rt_fork_join_seconds(pool)));
}

bool rt_verb_bench(rt_err *e, rt_prog *p)
{
    const rt_model *m = p->model;
    Bench b = { .p = p, .steps = RT_GIVEN(&p->cli, steps) ? RT_OPT(&p->cli, steps).i
                                                          : RT_DEFAULT_STEPS };
    const rt_graph *train = rt_find_graph(m, "train"), *infer = rt_find_graph(m, "infer");
    int64_t batch = rt_batch_size(p);
    if (!train)
        train = rt_find_graph(m, "train_prob");
    b.seconds = rt_alloc(e, b.steps, (int64_t)sizeof *b.seconds, "the times");
    if (!b.seconds || !rt_open_weights(e, p, false)) {
        rt_free(b.seconds);
        return false;
    }
    measure_machine(&b);
    bool ok = (!train || bench_graph(e, &b, train, "training step", batch)) &&
              (!infer || bench_graph(e, &b, infer, "inference", batch)) &&
              (!infer || batch == 1 || bench_graph(e, &b, infer, "inference", 1));
    rt_free(b.seconds);
    return ok;
}
