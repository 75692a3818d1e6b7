/* runtime/launches.c: graphs on the device. A graph's function launches its kernels into a stream
 * that records them; the recording is kept, by n, and replayed: one call for a whole step, or for
 * several. What changes between runs lies in memory that is written before each: inputs, states
 * that were read from a file, counters and scalars. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

/* What a graph's function gets; its first member is all that it sees. */
typedef struct Launching {
    rt_call call;
    rt_device *device;
    rt_err *e;
    bool *failed;
} Launching;

void rt_launch(const rt_call *call, int kernel, int64_t blocks, const void *const *memory,
               int count)
{
    const Launching *l = (const Launching *)(const void *)call;
    const rt_device *d = l->device;
    const rt_kernel *k = &d->cuda->kernels[kernel];
    void *parameter[RT_MAX_MEMORY + 1];
    if (*l->failed || blocks <= 0)
        return;
    if (blocks > INT32_MAX || count > RT_MAX_MEMORY) {
        *l->failed = !rt_fail(l->e, RT_E_MEMORY, "kernel %.200s: more blocks or more memory than a "
                              "launch takes", k->name);
        return;
    }
    for (int i = 0; i < count; i++)
        parameter[i] = (void *)(uintptr_t)&memory[i];
    parameter[count] = (void *)(uintptr_t)&call->n;
    int status = d->driver.cuLaunchKernel(d->function[kernel], (unsigned)blocks, 1, 1,
                                          (unsigned)k->threads, 1, 1, (unsigned)k->shared_bytes,
                                          d->stream, parameter, NULL);
    char what[RT_DEVICE_TEXT];
    snprintf(what, sizeof what, "launching kernel %.160s", k->name);
    *l->failed = !rt_driver_did(l->e, status, what);
}

/* ---- memory of a bound graph ---- */

static int64_t value_bytes(const rt_value *v, int64_t n)
{
    return rt_value_elems(v, n) * rt_dtype_bytes(v->dtype);
}

/* Input i, or result i - n_inputs. */
static const rt_value *value_of(const rt_graph *g, int i)
{
    return i < g->n_inputs ? &g->inputs[i] : &g->results[i - g->n_inputs];
}

static int values(const rt_graph *g)
{
    return g->n_inputs + g->n_results;
}

bool rt_device_bind(rt_err *e, rt_bound *b)
{
    const rt_graph *g = b->graph;
    rt_prog *p = b->prog;
    b->placed = rt_alloc(e, values(g), (int64_t)sizeof *b->placed, "a graph's inputs and results");
    bool ok = b->placed && (!rt_derives(g) || rt_device_derives(e, p->device));
    for (int i = 0; ok && i < values(g); i++) {
        int64_t bytes = value_bytes(value_of(g, i), p->model->capacity);
        b->placed[i] = rt_device_alloc(e, p->device, bytes, "a graph's inputs and results");
        ok = b->placed[i] != NULL;
    }
    return ok;
}

static void forget(rt_device *d, rt_ready *r)
{
    for (int i = 0; i < RT_REPLAYS; i++)
        if (r->replay[i].exec)
            d->driver.cuGraphExecDestroy(r->replay[i].exec);
}

void rt_device_unbind(rt_bound *b)
{
    rt_prog *p = b->prog;
    forget(p->device, &b->many);
    forget(p->device, &b->one);
    for (int i = 0; b->placed && i < values(b->graph); i++)
        rt_device_free(p->device, b->placed[i],
                       value_bytes(value_of(b->graph, i), p->model->capacity));
    rt_free(b->placed);
}

void rt_device_too_small(rt_err *e, const rt_bound *b, int copies)
{
    const rt_graph *g = b->graph;
    const rt_prog *p = b->prog;
    int64_t batch = g->arena_bytes, fixed = p->model->state_bytes + g->kept_bytes, fits;
    size_t free = 0, total = 0;
    char all[RT_SIZE_TEXT];
    for (int i = 0; i < values(g); i++)
        batch += value_bytes(value_of(g, i), p->model->capacity) *
                 (i < g->n_inputs ? 1 + copies : 1);
    p->device->driver.cuMemGetInfo(&free, &total);
    double room = (double)free + (double)p->device->bytes - (double)fixed;
    fits = (int64_t)(room / (double)(batch + 1) * (double)p->model->capacity);
    rt_size_text(all, fixed + batch);
    if (fits >= p->model->capacity)      /* other graphs hold it, or it lies in pieces */
        rt_help(e, "'%s' needs %s in all: end what else uses the device", g->name, all);
    else if (fits > 0)
        rt_help(e, "'%s' needs %s in all for batches of %" PRId64 "; compile the model with "
                "--batch %" PRId64 ", about the largest that fits", g->name, all,
                p->model->capacity, fits);
    else
        rt_help(e, "'%s' needs %s in all, most of it for parameters: no batch fits", g->name, all);
}

int64_t rt_device_input_bytes(const rt_bound *b, int input)
{
    return value_bytes(value_of(b->graph, input), b->prog->model->capacity);
}

/* ---- to the device and back ---- */

bool rt_device_send(rt_err *e, const rt_device *d, void *stream, char *to, const void *from,
                    int64_t bytes, const char *what)
{
    uint64_t address = (uintptr_t)to;
    return bytes == 0 ||
           rt_driver_did(e, d->driver.cuMemcpyHtoDAsync(address, from, (size_t)bytes, stream), what);
}

bool rt_device_receive(rt_err *e, const rt_device *d, void *to, const char *from, int64_t bytes,
                       const char *what)
{
    uint64_t address = (uintptr_t)from;
    return bytes == 0 ||
           rt_driver_did(e, d->driver.cuMemcpyDtoHAsync(to, address, (size_t)bytes, d->stream), what);
}

static bool wait(rt_err *e, const rt_device *d, const char *what)
{
    return rt_driver_did(e, d->driver.cuStreamSynchronize(d->stream), what);
}

static bool send_all(rt_err *e, const rt_bound *b, const rt_graph *g, int64_t n,
                     const void *const *in, uint64_t step)
{
    rt_prog *p = b->prog;
    rt_device *d = p->device;
    uint64_t counters[RT_COUNTER_BYTES / 8] = { (uint64_t)p->seed, step };
    int64_t scalars = p->model->n_scalars * rt_dtype_bytes(p->model->real);
    memcpy(d->sent, counters, RT_COUNTER_BYTES);
    memcpy(d->sent + RT_COUNTER_BYTES, p->scalars, (size_t)scalars);
    bool ok = rt_device_send(e, d, d->stream, d->control, d->sent, RT_COUNTER_BYTES + scalars,
                             "sending scalars");
    for (int i = 0; ok && i < g->n_inputs; i++)
        ok = rt_device_send(e, d, d->stream, b->placed[i], in[i], value_bytes(&g->inputs[i], n),
                            "sending a batch");
    return ok;
}

static bool receive_all(rt_err *e, const rt_bound *b, const rt_graph *g, int64_t n)
{
    bool ok = true;
    for (int i = 0; ok && i < g->n_results; i++)
        ok = rt_device_receive(e, b->prog->device, b->result[i], b->placed[g->n_inputs + i],
                               value_bytes(&g->results[i], n), "receiving results");
    return ok && wait(e, b->prog->device, "running a graph");
}

static bool send_states(rt_err *e, rt_prog *p)
{
    rt_device *d = p->device;
    if (d->state_of == p->changes)
        return true;
    bool ok = rt_device_send(e, d, d->stream, d->state, p->state, p->model->state_bytes,
                             "sending the parameters");
    d->state_of = ok ? p->changes : -1;
    return ok;
}

bool rt_device_fetch(rt_err *e, rt_prog *p)
{
    rt_device *d = p->device;
    if (!d->newer)
        return true;
    d->newer = !rt_device_receive(e, d, p->state, d->state, p->model->state_bytes,
                                  "receiving the parameters") ||
               !wait(e, d, "receiving the parameters");
    return !d->newer;
}

bool rt_device_keep(rt_err *e, rt_prog *p, char **copy)
{
    rt_device *d = p->device;
    int64_t bytes = p->model->state_bytes;
    if (!*copy)
        *copy = rt_device_alloc(e, d, bytes, "a copy of the parameters");
    return *copy &&
           rt_driver_did(e, d->driver.cuMemcpyDtoDAsync((uintptr_t)*copy, (uintptr_t)d->state,
                                                        (size_t)bytes, d->stream),
                         "copying the parameters");
}

bool rt_device_kept(rt_err *e, rt_prog *p, const char *copy, char *block)
{
    const char *const what = "receiving a copy of the parameters";
    return rt_device_receive(e, p->device, block, copy, p->model->state_bytes, what) &&
           wait(e, p->device, what);
}

void rt_device_changed(rt_prog *p)
{
    p->device->state_of = ++p->changes;
    p->device->newer = true;
}

/* ---- recording and replaying ---- */

static bool record(rt_err *e, const rt_graph *g, const Launching *l, rt_replay *to)
{
    rt_device *d = l->device;
    const rt_launches *what = &to->what;
    void *graph = NULL;
    if (!rt_driver_did(e, d->driver.cuStreamBeginCapture(d->stream, RT_CU_THREADS_OWN),
                       "recording a graph"))
        return false;
    for (int64_t i = 0; i < what->times; i++) {
        if (what->begin)
            what->begin(&l->call, what->of);
        g->run(&l->call);
        if (what->end)
            what->end(&l->call, what->of);
    }
    int status = d->driver.cuStreamEndCapture(d->stream, &graph);
    bool ok = !*l->failed && rt_driver_did(e, status, "recording a graph") &&
              rt_driver_did(e, d->driver.cuGraphInstantiate(&to->exec, graph, 0),
                            "preparing a graph");
    if (graph)
        d->driver.cuGraphDestroy(graph);
    if (!ok)
        to->exec = NULL;
    return ok;
}

static bool alike(const rt_launches *a, const rt_launches *b)
{
    return a->n == b->n && a->times == b->times && a->in == b->in && a->of == b->of;
}

/* Their recording, which is made where there is none or the arena has moved. */
static void *replay_of(rt_err *e, rt_ready *r, const Launching *l, const rt_launches *what)
{
    rt_replay *to = &r->replay[r->next_replay];
    for (int i = 0; i < RT_REPLAYS; i++) {
        rt_replay *old = &r->replay[i];
        if (!old->exec || !alike(&old->what, what))
            continue;
        if (old->arena == l->call.arena)
            return old->exec;
        to = old;
    }
    if (to->exec)
        l->device->driver.cuGraphExecDestroy(to->exec);
    *to = (rt_replay){ .what = *what, .arena = l->call.arena };
    r->next_replay = (r->next_replay + 1) % RT_REPLAYS;
    return record(e, r->graph, l, to) ? to->exec : NULL;
}

static Launching launching(rt_err *e, const rt_bound *b, const rt_ready *r, int64_t n,
                           char *const *in, bool *failed)
{
    const rt_prog *p = b->prog;
    rt_device *d = p->device;
    const char *counters = d->control;
    *failed = false;
    return (Launching){ .call = { .n = n, .in = (const void *const *)in,
                                  .out = (void *const *)(b->placed + b->graph->n_inputs),
                                  .state = d->state, .kept = r->kept, .arena = p->arena,
                                  .scalars = counters + RT_COUNTER_BYTES,
                                  .counters = (const uint64_t *)(const void *)counters },
                        .device = d, .e = e, .failed = failed };
}

/* Before a graph's launches: the states are there, and what it keeps of them. */
static bool make_current(rt_err *e, rt_prog *p, rt_ready *r, const Launching *l)
{
    if (!send_states(e, p))
        return false;
    if (r->graph->keep && r->kept_of != p->changes) {
        r->graph->keep(&l->call);
        if (*l->failed)
            return false;
        r->kept_of = p->changes;
    }
    return true;
}

bool rt_device_replay(rt_err *e, rt_bound *b, rt_ready *r, const rt_launches *what)
{
    const rt_device *d = b->prog->device;
    bool failed;
    const Launching l = launching(e, b, r, what->n, what->in, &failed);
    void *exec = make_current(e, b->prog, r, &l) ? replay_of(e, r, &l, what) : NULL;
    return exec && rt_driver_did(e, d->driver.cuGraphLaunch(exec, d->stream), "starting a graph");
}

bool rt_device_launch(rt_err *e, rt_bound *b, rt_ready *r, int kernel, const void *const *memory,
                      int count, int64_t n)
{
    bool failed;
    const Launching l = launching(e, b, r, n, b->placed, &failed);
    if (!make_current(e, b->prog, r, &l))
        return false;
    rt_launch(&l.call, kernel, 1, memory, count);
    return !failed;
}

bool rt_device_run(rt_err *e, rt_bound *b, rt_ready *r, int64_t n, const void *const *in,
                   uint64_t step)
{
    const rt_launches what = { .n = n, .times = 1, .in = b->placed };
    bool ok = send_all(e, b, r->graph, n, in, step) && rt_device_replay(e, b, r, &what) &&
              receive_all(e, b, r->graph, n);
    if (!ok)         /* what was under way must not write to memory that its owner gives back */
        b->prog->device->driver.cuStreamSynchronize(b->prog->device->stream);
    if (ok && r->graph->updates)
        rt_device_changed(b->prog);
    return ok;
}
