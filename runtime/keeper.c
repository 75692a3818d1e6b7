/* runtime/keeper.c: checkpoints of short epochs. Writing a file so that it survives a crash costs
 * milliseconds, which is more than an epoch of a small model takes. So files are written only when
 * they are due; else the states are copied, and the copies are written when the next ones are due,
 * or at the end, whatever end that is. A crash loses half a second of work. States on a device are
 * copied there, which waits for nothing, and come here for a file alone.
 *
 * What a line announces is on the disk when the line appears: "saved PATH" of --save-every, and the
 * lines with a path at the end of a run. The `*` of an epoch's line says which epoch is the best so
 * far and announces no file.
 *
 * `best` is always written before a `last` that knows of it, so that a run resumed from `last`
 * never misses the best weights it speaks of. */
#include "runtime/program.h"
#include <string.h>

static bool has_copy(rt_err *e, const rt_prog *p, rt_kept *kept)
{
    if (!kept->copy)
        kept->copy = rt_alloc_raw(e, p->model->state_bytes, 1, "a copy of the parameters");
    return kept->copy != NULL;
}

/* Nobody has looked at a device's copy: numbers that are none do not replace a good file. */
static bool flush_one(rt_err *e, rt_keeper *k, rt_prog *p, rt_kept *kept, const char *path)
{
    if (kept->pending && kept->on_device) {
        if (!has_copy(e, p, kept) || !rt_device_kept(e, p, kept->there, kept->copy))
            return false;
        kept->on_device = false;
        kept->pending = !rt_states_nonfinite(p->model, kept->copy, NULL);
    }
    if (!kept->pending)
        return true;
    if (!rt_states_save(e, p, kept->copy, path, &kept->point, k->prep))
        return false;
    kept->pending = false;
    kept->written = kept->point.epoch;
    return true;
}

/* On the device if the states are there and it has room. */
static bool copy_states(rt_err *e, rt_prog *p, const rt_point *point, rt_kept *kept)
{
    rt_err full = { 0 };
    bool there = p->device && p->device->newer && rt_device_keep(&full, p, &kept->there);
    if (full.code == RT_E_IO)
        return rt_fail(e, RT_E_IO, "%s", full.message);
    if (!there) {
        if (!has_copy(e, p, kept) || !rt_states_fetch(e, p))
            return false;
        memcpy(kept->copy, p->state, (size_t)p->model->state_bytes);
    }
    kept->on_device = there;
    kept->point = *point;
    kept->pending = true;
    return true;
}

/* Straight from the states, which a failure moves into the copy. */
static bool write_now(rt_err *e, rt_keeper *k, rt_prog *p, const rt_point *point, rt_kept *kept,
                      const char *path)
{
    kept->pending = false;
    if (rt_states_fetch(e, p) && rt_states_save(e, p, p->state, path, point, k->prep)) {
        kept->written = point->epoch;
        return true;
    }
    copy_states(NULL, p, point, kept);
    return false;
}

bool rt_keep(rt_err *e, rt_keeper *k, rt_prog *p, const rt_point *point, bool best, bool due)
{
    if (!due)
        return (!best || copy_states(e, p, point, &k->best)) &&
               copy_states(e, p, point, &k->last);
    if (best ? write_now(e, k, p, point, &k->best, k->best_path)
             : flush_one(e, k, p, &k->best, k->best_path))
        return write_now(e, k, p, point, &k->last, k->last_path);
    copy_states(NULL, p, point, &k->last);
    return false;
}

bool rt_keeper_flush(rt_err *e, rt_keeper *k, rt_prog *p)
{
    return flush_one(e, k, p, &k->best, k->best_path) && flush_one(e, k, p, &k->last, k->last_path);
}

void rt_keeper_close(rt_keeper *k, rt_prog *p)
{
    rt_kept *const kept[] = { &k->best, &k->last };
    for (int i = 0; i < 2; i++) {
        rt_free(kept[i]->copy);
        if (kept[i]->there)
            rt_device_free(p->device, kept[i]->there, p->model->state_bytes);
    }
    *k = (rt_keeper){ 0 };
}
