/* runtime/placed.c: a set in a device's memory, stored as it is here: rows of numbers or bytes, their
 * targets, the table of what bytes become, and the order of a pass. A training set and the part of
 * it that was put aside for validation are the same rows.
 *
 * Images that change at random and those that lie in files are not kept there, and no set that
 * leaves the driver less than a sixteenth of what is free. */
#include "runtime/program.h"
#include "runtime/steps.h"
#include <string.h>

enum { SPAN_BYTES = RT_ALIGN };      /* before the table */

static int64_t x_bytes(const rt_set *set)
{
    return set->rows * set->x_elems * (set->x_bytes ? 1 : rt_dtype_bytes(set->real));
}

static int64_t y_bytes(const rt_set *set)
{
    return set->rows * set->y_elems *
           (set->y_kind == RT_Y_INDEX ? (int64_t)sizeof(int64_t) : rt_dtype_bytes(set->real));
}

static int64_t table_bytes(const rt_set *set)
{
    return set->x_bytes ? set->table_groups * 256 * rt_dtype_bytes(set->real) : 0;
}

/* ---- rows that sets share ---- */

/* The copy of these rows, or an unused one, or null. */
static rt_copy *copy_of(rt_device *d, const void *from)
{
    for (int i = 0; i < RT_COPIES; i++)
        if (d->copy[i].from == from)
            return &d->copy[i];
    return NULL;
}

static char *copy_open(rt_err *e, rt_device *d, const void *from, int64_t bytes)
{
    rt_copy *c = copy_of(d, from);
    if (!c) {
        c = copy_of(d, NULL);
        char *there = rt_device_alloc(e, d, bytes, "the data set");
        if (!there ||
            !rt_device_send(e, d, d->stream, there, from, bytes, "sending the data set")) {
            rt_device_free(d, there, bytes);
            return NULL;
        }
        *c = (rt_copy){ .from = from, .there = there, .bytes = bytes };
    }
    c->users++;
    return c->there;
}

static void copy_close(rt_device *d, const char *there)
{
    rt_copy *c = d->copy;
    while (c->there != there)
        c++;
    if (--c->users > 0)
        return;
    rt_device_free(d, c->there, c->bytes);
    *c = (rt_copy){ 0 };
}

/* ---- a set ---- */

/* May the set take that much of what is free? Else says why not. */
static bool fits(rt_err *e, rt_placed *s, rt_device *d, const rt_set *set)
{
    enum { LEFT = 16 };
    char needs[RT_SIZE_TEXT], here[RT_SIZE_TEXT];
    size_t free = 0, total = 0;
    int64_t bytes = table_bytes(set) + s->order_bytes;
    bytes += copy_of(d, set->x) ? 0 : x_bytes(set);
    bytes += copy_of(d, set->y) ? 0 : y_bytes(set);
    if (!rt_driver_did(e, d->driver.cuMemGetInfo(&free, &total), "asked for its free memory"))
        return false;
    if (bytes > (int64_t)(free - free / LEFT))
        snprintf(s->why, sizeof s->why, "the set takes %s, and %s are free",
                 rt_size_text(needs, bytes), rt_size_text(here, (int64_t)free));
    return !s->why[0];
}

static bool place(rt_err *e, rt_placed *s, rt_device *d, const rt_set *set)
{
    s->x = copy_open(e, d, set->x, x_bytes(set));
    s->y = s->x ? copy_open(e, d, set->y, y_bytes(set)) : NULL;
    if (!s->y)
        return false;
    if (s->order_bytes > 0) {
        s->order = rt_device_alloc(e, d, s->order_bytes, "the order of the samples");
        s->rows = s->order ? rt_device_lock(e, d, s->order_bytes, "the order of the samples") : NULL;
        if (!s->rows)
            return false;
    }
    if (!set->x_bytes)
        return true;
    s->first_span = (int32_t)(set->x_elems / set->table_groups);
    s->table_bytes = SPAN_BYTES + table_bytes(set);
    s->span = rt_device_alloc(e, d, s->table_bytes, "what bytes become");
    s->table = s->span ? s->span + SPAN_BYTES : NULL;
    return s->table &&
           rt_device_send(e, d, d->stream, s->span, &s->first_span, (int64_t)sizeof s->first_span,
                          "sending what bytes become") &&
           rt_device_send(e, d, d->stream, s->table, set->table, table_bytes(set),
                          "sending what bytes become");
}

bool rt_placed_open(rt_err *e, rt_placed *s, rt_device *d, const rt_set *set, bool ordered)
{
    *s = (rt_placed){ 0 };
    if (set->path || set->changes || set->x_elems > INT32_MAX) {
        snprintf(s->why, sizeof s->why, "%s", set->path ? "images lie in files"
                                            : set->changes ? "images change" : "samples are large");
        return true;
    }
    if (ordered || set->pick)
        s->order_bytes = set->n * (int64_t)sizeof *s->rows;
    if (!fits(e, s, d, set))
        return s->why[0] != '\0';
    if (place(e, s, d, set))
        return true;
    bool full = e->code == RT_E_MEMORY;
    rt_placed_close(s, d);
    if (!full)
        return false;
    *e = (rt_err){ 0 };
    snprintf(s->why, sizeof s->why, "the device has no memory for the set");
    return true;
}

void rt_placed_close(rt_placed *s, rt_device *d)
{
    if (s->x)
        copy_close(d, s->x);
    if (s->y)
        copy_close(d, s->y);
    rt_device_free(d, s->order, s->order_bytes);
    rt_device_unlock(d, s->rows);
    rt_device_free(d, s->span, s->table_bytes);
    *s = (rt_placed){ 0 };
}

bool rt_placed_order(rt_err *e, rt_placed *s, const rt_device *d, const rt_set *set,
                     const int64_t *order)
{
    if (!s->order)
        return true;
    for (int64_t i = 0; i < set->n; i++) {
        int64_t at = order ? order[i] : i;
        s->rows[i] = set->pick ? set->pick[at] : at;
    }
    return rt_device_send(e, d, d->stream, s->order, s->rows, set->n * (int64_t)sizeof *s->rows,
                          "sending the order of the samples");
}
