/* runtime/exec.c: graphs made ready to run: memory for results and for what a graph keeps from one
 * run to the next; one arena and one scratch shared by all bound graphs, since one runs at a time
 * and neither keeps anything between runs. Of a model for CUDA that memory is the device's, and
 * launches.c runs its graphs. */
#define _DEFAULT_SOURCE   /* madvise */
#include "runtime/program.h"
#include <string.h>
#include <sys/mman.h>

int64_t rt_sample_elems(const int64_t *shape, int rank)
{
    int64_t elems = 1;
    for (int i = 0; i < rank; i++)
        elems *= shape[i];
    return elems;
}

int64_t rt_value_elems(const rt_value *v, int64_t n)
{
    int64_t elems = 1;
    for (int i = 0; i < v->rank; i++)
        elems *= v->dim[i].k * (v->dim[i].per_n ? n : 1);
    return elems;
}

const rt_graph *rt_find_graph(const rt_model *m, const char *name)
{
    for (int i = 0; i < m->n_graphs; i++)
        if (strcmp(m->graphs[i].name, name) == 0)
            return &m->graphs[i];
    return NULL;
}

bool rt_derives(const rt_graph *g)
{
    return strncmp(g->name, "grad", 4) == 0 || strncmp(g->name, "loss", 4) == 0;
}

char *rt_alloc_pages(rt_err *e, int64_t bytes, const char *what)
{
    char *memory = rt_alloc_raw(e, bytes, 1, what);
#ifdef MADV_HUGEPAGE
    enum { PAGE = 4096, LEAST = 4 << 20 };
    uintptr_t start = ((uintptr_t)memory + PAGE - 1) / PAGE * PAGE;
    if (memory && bytes >= LEAST)
        madvise((void *)start, (size_t)bytes - PAGE, MADV_HUGEPAGE);
#endif
    return memory;
}

/* Memory that graphs run in. */
static void give_back(rt_prog *p, char *memory, int64_t bytes)
{
    if (p->device)
        rt_device_free(p->device, memory, bytes);
    else
        rt_free(memory);
}

/* Contents need not survive: bound graphs look the pointer up when they run. */
static bool grow(rt_err *e, rt_prog *p, char **memory, int64_t *has, int64_t needs,
                 const char *what)
{
    if (needs <= *has)
        return true;
    give_back(p, *memory, *has);
    *has = 0;
    *memory = p->device ? rt_device_alloc(e, p->device, needs, what)
                        : rt_alloc_pages(e, needs, what);
    if (*memory)
        *has = needs;
    return *memory != NULL;
}

void rt_arena_free(rt_prog *p)
{
    give_back(p, p->arena, p->arena_bytes);
    give_back(p, p->workers, p->workers_bytes);
}

static int find_result(const rt_bound *b, const char *name)
{
    for (int i = 0; i < b->graph->n_results; i++)
        if (strcmp(b->graph->results[i].name, name) == 0)
            return i;
    return -1;
}

/* Memory for a graph to run in, if there is one, in so many arenas. */
static bool make_ready(rt_err *e, rt_ready *r, rt_prog *p, const rt_graph *graph, int arenas)
{
    *r = (rt_ready){ .graph = graph, .kept_of = -1 };
    if (!graph)
        return true;
    int64_t scratch = graph->worker_bytes * rt_pool_threads(p->pool), kept = 0;
    return grow(e, p, &p->arena, &p->arena_bytes, graph->arena_bytes * arenas, "the arena") &&
           grow(e, p, &p->workers, &p->workers_bytes, scratch, "the threads' scratch") &&
           grow(e, p, &r->kept, &kept, graph->kept_bytes, "what is made of weights");
}

/* What serves for a single sample as well as the graph: "infer_one" for "infer". */
static const rt_graph *of_one(const rt_model *m, const rt_graph *graph)
{
    return strcmp(graph->name, "infer") == 0 ? rt_find_graph(m, "infer_one") : NULL;
}

bool rt_bind(rt_err *e, rt_bound *b, rt_prog *p, const rt_graph *graph)
{
    const rt_graph *one = of_one(p->model, graph);
    bool samples = one && p->model->by_sample;
    *b = (rt_bound){ .prog = p, .graph = graph };
    if (!make_ready(e, &b->many, p, samples ? NULL : graph, 1) ||
        !make_ready(e, &b->one, p, one, samples ? rt_pool_threads(p->pool) : 1) ||
        (p->device && !rt_device_bind(e, b))) {
        if (p->device && e->code == RT_E_MEMORY)
            rt_device_too_small(e, b, 0);
        rt_unbind(b);
        return false;
    }
    if (!p->scalars)
        p->scalars = rt_alloc(e, p->model->n_scalars, (int64_t)sizeof(double), "the scalars");
    if (!p->lr)
        p->lr = rt_alloc(e, rt_group_count(p->model), (int64_t)sizeof *p->lr, "the learning rates");
    b->result = rt_alloc(e, graph->n_results, (int64_t)sizeof(void *), "a graph's results");
    bool ok = p->scalars && p->lr && b->result && rt_masks_open(e, b);
    for (int i = 0; ok && i < graph->n_results; i++) {
        const rt_value *v = &graph->results[i];
        b->result[i] = rt_alloc(e, rt_value_elems(v, p->model->capacity), rt_dtype_bytes(v->dtype),
                                "a graph's results");
        ok = b->result[i] != NULL;
    }
    b->loss = find_result(b, "loss");
    b->counted = find_result(b, "counted");
    for (int i = 0; i < rt_metric_count(p->model); i++)
        b->metric[i] = find_result(b, rt_metric_result(p->model->metrics[i]));
    if (!ok)
        rt_unbind(b);
    return ok;
}

void rt_unbind(rt_bound *b)
{
    for (int i = 0; b->result && i < b->graph->n_results; i++)
        rt_free(b->result[i]);
    rt_free(b->result);
    rt_masks_close(b);
    rt_ready *const ready[] = { &b->many, &b->one };
    for (int i = 0; i < 2 && b->prog; i++)
        if (ready[i]->graph)
            give_back(b->prog, ready[i]->kept, ready[i]->graph->kept_bytes);
    if (b->prog && b->prog->device)
        rt_device_unbind(b);
    *b = (rt_bound){ 0 };
}

/* ---- a batch as its samples ---- */

typedef struct Samples {
    const rt_graph *graph;       /* of one: an input, a result */
    const rt_call *batch;
    int64_t in_bytes, out_bytes; /* of a sample */
} Samples;

/* Tasks of the sample's kernels are for all threads, where the batch has a pool; else for this one,
 * which has an arena of its own. */
static void run_sample(const void *ctx, int64_t sample, int worker)
{
    const Samples *s = ctx;
    rt_call call = *s->batch;
    const void *const in[] = { (const char *)call.in[0] + sample * s->in_bytes };
    void *const out[] = { (char *)call.out[0] + sample * s->out_bytes };
    call.n = 1;
    call.in = in;
    call.out = out;
    call.arena += worker * s->graph->arena_bytes;
    call.workers += worker * s->graph->worker_bytes;
    s->graph->run(&call);
}

/* Fewer samples than threads go one after the other; the same bits. */
static void run_samples(const rt_graph *graph, const rt_call *batch)
{
    const rt_value *x = &graph->inputs[0], *y = &graph->results[0];
    rt_call alone = *batch;
    Samples s = { graph, &alone, rt_value_elems(x, 1) * rt_dtype_bytes(x->dtype),
                  rt_value_elems(y, 1) * rt_dtype_bytes(y->dtype) };
    if (batch->n >= rt_pool_threads(batch->pool)) {
        alone.pool = NULL;
        rt_parallel(batch->pool, run_sample, &s, batch->n);
    } else {
        for (int64_t i = 0; i < batch->n; i++)
            run_sample(&s, i, 0);
    }
}

bool rt_run(rt_err *e, rt_bound *b, int64_t n, const void *const *in, uint64_t step)
{
    rt_prog *p = b->prog;
    rt_ready *r = b->one.graph && (n == 1 || !b->many.graph) ? &b->one : &b->many;
    if (b->mask)
        in = rt_masks_place(b, in);
    if (p->model->scalars)
        p->model->scalars(p->lr, (double)step, p->epoch_steps, p->scalars);
    if (p->device)
        return rt_device_run(e, b, r, n, in, step);
    rt_call call = {
        .n = n, .in = in, .out = b->result, .state = p->state, .kept = r->kept,
        .arena = p->arena, .workers = p->workers, .scalars = p->scalars,
        .seed = (uint64_t)p->seed, .step = step, .pool = p->pool,
    };
    if (r->graph->keep && r->kept_of != p->changes) {
        r->graph->keep(&call);
        r->kept_of = p->changes;
    }
    if (r == &b->one && n > 1)
        run_samples(r->graph, &call);
    else
        r->graph->run(&call);
    p->changes += r->graph->updates;
    return true;
}

bool rt_states_fetch(rt_err *e, rt_prog *p)
{
    return !p->device || rt_device_fetch(e, p);
}

const void *rt_result(const rt_bound *b, const char *name)
{
    int i = find_result(b, name);
    return i < 0 ? NULL : b->result[i];
}
