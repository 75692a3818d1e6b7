/* frontend/pools.c: max, average and adaptive pooling: arguments, shapes, and what they become.
 *
 * Max pooling is the tap of each window's largest element and the element there. An average is the
 * sum of a window divided by a number, or, where windows hold different numbers of elements, by a
 * constant for each row and one for each column. */
#include "frontend/lower.h"
#include "ir/window.h"
#include <string.h>

/* ---- arguments ---- */

static bool indices_ok(Interp *in, const Call *c)
{
    int i = fe_arg(c, "return_indices");
    if (i < 0 || !c->v[i]->u.b) return true;
    fe_report(in->d, c->v_at[i], DG(argument_not_here), c->name, "return_indices");
    return false;
}

bool fe_check_pool(Interp *in, const Call *c, Mod *m)
{
    int rank = fe_spatial(m), stride = fe_arg(c, "stride"), padding = fe_arg(c, "padding");
    int dilation = fe_arg(c, "dilation"), divisor = fe_arg(c, "divisor_override");
    int64_t kernel[2], pad[2];
    if (!indices_ok(in, c) || !fe_sizes_ok(in, c, 0, rank, 1, IR_MAX_WINDOW)) return false;
    if (c->v[stride]->kind != V_NONE && !fe_sizes_ok(in, c, stride, rank, 1, IR_MAX_WINDOW))
        return false;
    if (!fe_sizes_ok(in, c, padding, rank, 0, IR_MAX_WINDOW)) return false;
    if (dilation >= 0 && !fe_sizes_ok(in, c, dilation, rank, 1, IR_MAX_WINDOW)) return false;
    fe_sizes(m, "kernel_size", rank, kernel);
    fe_sizes(m, "padding", rank, pad);
    for (int i = 0; i < rank; i++)
        if (pad[i] > kernel[i] / 2) return fe_refuse(in, c, padding, "at most half of kernel_size");
    if (divisor >= 0 && c->v[divisor]->kind == V_INT && c->v[divisor]->u.i == 0)
        return fe_refuse(in, c, divisor, "other than 0");
    return true;
}

/* output_size: a size, None for the input's, or one of these for each axis. */
bool fe_check_adaptive_pool(Interp *in, const Call *c, Mod *m)
{
    const Value *v = c->v[0];
    int rank = fe_spatial(m);
    bool list = v->kind == V_TUPLE || v->kind == V_LIST;
    if (!indices_ok(in, c)) return false;
    if (!list) return v->kind == V_NONE || fe_sizes_ok(in, c, 0, rank, 1, IR_MAX_WINDOW);
    if (v->u.list->n != rank)
        return fe_refuse(in, c, 0, arena_printf(in->a, "a size or %d of them", rank));
    for (int i = 0; i < rank; i++) {
        const Value *x = v->u.list->item[i];
        bool good = x->kind == V_NONE || (x->kind == V_INT && x->u.i >= 1
                                          && x->u.i <= IR_MAX_WINDOW);
        if (!good && x->kind != V_BAD) fe_refuse(in, c, 0, "sizes of at least 1, or None");
        if (!good) return false;
    }
    return true;
}

/* ---- windows along one axis ---- */

typedef struct Along {
    int64_t places, windows, kernel, stride, dilation, low, high;
    bool adaptive;
} Along;

/* With ceil_mode a last window may reach beyond the padding, if it begins before that. */
static Along slide(const Mod *m, int axis, int64_t places)
{
    int rank = fe_spatial(m);
    int64_t kernel[2], stride[2], padding[2], dilation[2] = { 1, 1 };
    fe_sizes(m, "kernel_size", rank, kernel);
    if (!fe_sizes(m, "stride", rank, stride)) memcpy(stride, kernel, sizeof stride);
    fe_sizes(m, "padding", rank, padding);
    if (fe_arg_of(m, "dilation")) fe_sizes(m, "dilation", rank, dilation);
    Along a = { places, 0, kernel[axis], stride[axis], dilation[axis], padding[axis], 0, false };
    int64_t span = a.dilation * (a.kernel - 1) + 1, room = places + 2 * a.low - span;
    bool ceil = fe_flag_of(m, "ceil_mode");
    if (room + (ceil ? a.stride - 1 : 0) < 0) return a;
    a.windows = (room + (ceil ? a.stride - 1 : 0)) / a.stride + 1;
    if (ceil && (a.windows - 1) * a.stride >= places + a.low) a.windows--;
    a.high = (a.windows - 1) * a.stride + span - places - a.low;
    if (a.high < 0) a.high = 0;
    return a;
}

/* Windows that cut an axis evenly are ordinary ones. */
static Along adapt(const Mod *m, int axis, int64_t places)
{
    const Value *v = m->arg[0];
    if (v->kind == V_TUPLE || v->kind == V_LIST) v = v->u.list->item[axis];
    Along a = { places, v->kind == V_NONE ? places : v->u.i, 0, 0, 1, 0, 0, false };
    a.adaptive = places % a.windows != 0;
    a.kernel = a.stride = places / a.windows;
    return a;
}

static bool is_adaptive(const Mod *m) { return !fe_arg_of(m, "kernel_size"); }

static Along along(const Mod *m, int axis, int64_t places)
{
    return is_adaptive(m) ? adapt(m, axis, places) : slide(m, axis, places);
}

/* ---- shapes ---- */

static bool all_hold(const Along *a)
{
    WindowAxis w = { .places = a->places, .windows = a->windows, .taps = a->kernel,
                     .stride = a->stride, .dilation = a->dilation, .low = a->low };
    return ir_window_empty(&w) < 0;
}

/* Averages may have a number of elements for each window: a constant in the program. */
static bool few_windows(Interp *in, const Mod *m, const Chain *c, const Shape *s)
{
    if (m->info->op != OP_pool_sum) return true;
    for (int i = 2; i < s->rank; i++)
        if (s->dim[i].k > IR_MAX_WINDOW) {
            fe_report(in->d, m->at, DG(window_many), m->info->name, (long long)s->dim[i].k,
                      IR_MAX_WINDOW);
            fe_note_chain(in, c);
            return false;
        }
    return true;
}

bool fe_shape_pool(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int rank = fe_spatial(m);
    if (!fe_spatial_shape(in, m, c, s)) return false;
    for (int i = 0; i < rank; i++) {
        Along a = slide(m, i, s->dim[2 + i].k);
        if (a.windows < 1) {
            fe_report(in->d, m->at, DG(window_size), m->info->name,
                      (long long)(a.dilation * (a.kernel - 1) + 1),
                      rank == 1 ? "places" : i ? "columns" : "rows",
                      (long long)(a.places + 2 * a.low));
            fe_note_chain(in, c);
            fe_help(in->d, "the largest kernel_size that fits is %lld",
                    (long long)((a.places + 2 * a.low - 1) / a.dilation + 1));
            return false;
        }
        if (!all_hold(&a)) {
            fe_report(in->d, m->at, DG(window_empty), m->info->name);
            fe_note_chain(in, c);
            return false;
        }
        s->dim[2 + i] = ir_dim(a.windows);
    }
    return few_windows(in, m, c, s);
}

bool fe_shape_adaptive_pool(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    if (!fe_spatial_shape(in, m, c, s)) return false;
    for (int i = 0; i < fe_spatial(m); i++)
        s->dim[2 + i] = ir_dim(adapt(m, i, s->dim[2 + i].k).windows);
    return few_windows(in, m, c, s);
}

/* ---- graphs ---- */

/* The attributes point into store. */
typedef struct Windows {
    int rank, n_attr;
    Along axis[2];
    Attr attr[4];
    int64_t store[5][4];
} Windows;

static void windows(const Spot *p, Val x, Windows *w)
{
    const Shape *s = &ir_type(p->g, x)->shape;
    w->rank = fe_spatial(p->m);
    bool adaptive = false;
    for (int i = 0; i < w->rank; i++) {
        Along a = w->axis[i] = along(p->m, i, s->dim[2 + i].k);
        adaptive = adaptive || a.adaptive;
        w->store[0][i] = a.kernel;
        w->store[1][i] = a.stride;
        w->store[2][i] = a.low;
        w->store[2][w->rank + i] = a.high;
        w->store[3][i] = a.dilation;
        w->store[4][i] = a.windows;
    }
    w->n_attr = adaptive ? 1 : 4;
    w->attr[0] = adaptive ? ir_ints(AT_adaptive, w->store[4], w->rank)
                          : ir_ints(AT_kernel, w->store[0], w->rank);
    w->attr[1] = ir_ints(AT_stride, w->store[1], w->rank);
    w->attr[2] = ir_ints(AT_padding, w->store[2], 2 * w->rank);
    w->attr[3] = ir_ints(AT_dilation, w->store[3], w->rank);
}

Val fe_lower_max_pool(const Spot *p, Val x)
{
    Windows w;
    windows(p, x, &w);
    Val index = ir_add(p->g, OP_pool_index, p->loc, IR_IN(x), w.attr, w.n_attr);
    return ir_add(p->g, OP_pool_take, p->loc, IR_IN(x, index), w.attr, w.n_attr);
}

/* How many elements window o averages over along the axis. */
static double counted(const Mod *m, const Along *a, int64_t o)
{
    if (a->adaptive)
        return (double)(((o + 1) * a->places + a->windows - 1) / a->windows
                        - o * a->places / a->windows);
    int64_t begin = o * a->stride - a->low, end = begin + a->kernel;
    if (end > a->places + a->low) end = a->places + a->low;
    if (!is_adaptive(m) && !fe_flag_of(m, "count_include_pad")) {
        if (begin < 0) begin = 0;
        if (end > a->places) end = a->places;
    }
    return (double)(end - begin);
}

Val fe_lower_avg_pool(const Spot *p, Val x)
{
    Windows w;
    windows(p, x, &w);
    const Value *own = fe_arg_of(p->m, "divisor_override");
    Val in[3] = { ir_add(p->g, OP_pool_sum, p->loc, IR_IN(x), w.attr, w.n_attr) };
    double all = own && own->kind == V_INT ? (double)own->u.i : 1;
    int n = 1;
    for (int i = 0; i < w.rank && !(own && own->kind == V_INT); i++) {
        const Along *a = &w.axis[i];
        double *count = arena_alloc(p->a, (size_t)a->windows, sizeof *count);
        bool same = true;
        for (int64_t o = 0; o < a->windows; o++) {
            count[o] = counted(p->m, a, o);
            same = same && count[o] == count[0];
        }
        if (same) all *= count[0];
        else in[n++] = fe_axis_const(p, count, (int)a->windows, w.rank - 1 - i);
    }
    static const char *const by[] = { "", " * b", " * b * c" };
    const char *f = arena_printf(p->a, "a / (%s%s)", ir_real_string(all, p->a), by[n - 1]);
    return ir_map(p->g, f, in, n, p->loc);
}

Val fe_lower_adaptive_max_pool(const Spot *p, Val x) { return fe_lower_max_pool(p, x); }
Val fe_lower_adaptive_avg_pool(const Spot *p, Val x) { return fe_lower_avg_pool(p, x); }
