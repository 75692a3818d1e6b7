/* runtime/keeper.c: checkpoints of short epochs. Writing a file so that it survives a crash costs
 * milliseconds, which is more than an epoch of a small model takes. So a file is written at once if
 * the last time was long enough ago; else the states are copied, and the copy is written when the
 * next one is due, or at the end, whatever end that is. A crash loses half a second of work. */
#include "runtime/program.h"
#include <string.h>

#define APART_SECONDS 0.5

bool rt_keep(rt_err *e, rt_keeper *k, const rt_prog *p, const rt_stamp *stamp)
{
    double now = rt_now();
    k->pending = false;
    if (k->written == 0 || now - k->written >= APART_SECONDS) {
        k->written = now;
        return rt_states_save(e, p, p->state, k->path, stamp);
    }
    if (!k->copy)
        k->copy = rt_alloc_raw(e, p->model->state_bytes, 1, "a copy of the parameters");
    if (!k->copy)
        return false;
    memcpy(k->copy, p->state, (size_t)p->model->state_bytes);
    k->stamp = *stamp;
    k->pending = true;
    return true;
}

bool rt_keeper_flush(rt_err *e, rt_keeper *k, const rt_prog *p)
{
    bool pending = k->pending;
    k->pending = false;
    return !pending || rt_states_save(e, p, k->copy, k->path, &k->stamp);
}

void rt_keeper_close(rt_keeper *k)
{
    rt_free(k->copy);
    *k = (rt_keeper){ 0 };
}
