/* runtime/remote.c: see the header. A program without a command line, whose graphs are bound one at a
 * time. */
#include "runtime/remote.h"
#include "runtime/program.h"
#include <string.h>

struct rt_remote { rt_prog prog; };

bool rt_remote_find(rt_err *e, int *arch, char text[RT_REMOTE_TEXT])
{
    static const rt_cuda_image any[] = { { 0, true, (const unsigned char *)"", 1, false }, { 0 } };
    static const rt_cuda none = { .images = any };
    rt_device d;
    char name[RT_DEVICE_TEXT];
    if (!rt_device_find(e, &d, &none))
        return false;
    *arch = d.arch;
    snprintf(text, RT_REMOTE_TEXT, "%s", rt_device_text(name, &d));
    return true;
}

rt_remote_launch *rt_remote_launcher(void)
{
    return rt_launch;
}

rt_remote *rt_remote_open(rt_err *e, const rt_model *model)
{
    rt_remote *r = rt_alloc(e, 1, (int64_t)sizeof *r, "a program");
    if (!r)
        return NULL;
    r->prog.model = model;
    r->prog.state = rt_alloc(e, model->state_bytes, 1, "the parameters");
    if (r->prog.state && rt_device_open(e, &r->prog))
        return r;
    rt_remote_close(r);
    return NULL;
}

void rt_remote_close(rt_remote *r)
{
    if (!r)
        return;
    rt_prog *p = &r->prog;
    if (p->device)
        rt_arena_free(p);
    rt_device_close(p);
    rt_free(p->scalars);
    rt_free(p->lr);
    rt_free(p->state);
    rt_free(r);
}

static bool run(rt_err *e, rt_bound *b, const rt_call *call)
{
    rt_prog *p = b->prog;
    const rt_graph *g = b->graph;
    p->seed = (int64_t)call->seed;
    p->changes++;
    memcpy(p->state, call->state, (size_t)p->model->state_bytes);
    memcpy(p->scalars, call->scalars,
           (size_t)(p->model->n_scalars * rt_dtype_bytes(p->model->real)));
    if (!rt_device_run(e, b, &b->many, call->n, call->in, call->step) || !rt_states_fetch(e, p))
        return false;
    memcpy(call->state, p->state, (size_t)p->model->state_bytes);
    for (int i = 0; i < g->n_results; i++)
        memcpy(call->out[i], b->result[i], (size_t)(rt_value_elems(&g->results[i], call->n) *
                                                    rt_dtype_bytes(g->results[i].dtype)));
    return true;
}

bool rt_remote_run(rt_err *e, rt_remote *r, int graph, const rt_call *call)
{
    rt_bound b;
    if (!rt_bind(e, &b, &r->prog, &r->prog.model->graphs[graph]))
        return false;
    bool ok = run(e, &b, call);
    rt_unbind(&b);
    return ok;
}
