/* ir/window.c: see the header. Sizes come from texts that anyone may write: everything is bounded
 * before it is multiplied. Sources: torch.nn.Conv2d, MaxPool2d, AdaptiveAvgPool2d, Upsample. */
#include "ir/window.h"
#include "ir/priv.h"
#include <math.h>
#include <string.h>

enum { FIRST = 2 };                      /* the first spatial axis, after samples and channels */

/* ---- windows ---- */

int64_t ir_window_begin(const WindowAxis *a, int64_t o)
{
    return a->adaptive ? o * a->places / a->windows : o * a->stride - a->low;
}

int64_t ir_window_taps(const WindowAxis *a, int64_t o)
{
    if (!a->adaptive)
        return a->taps;
    return ((o + 1) * a->places + a->windows - 1) / a->windows - ir_window_begin(a, o);
}

bool ir_window_inside(const WindowAxis *a)
{
    int64_t last = (a->windows - 1) * a->stride + (a->taps - 1) * a->dilation - a->low;
    return a->adaptive || (!a->low && last < a->places);
}

/* Windows begin in ascending order: those that begin before the axis are looked at, and the last. */
int64_t ir_window_empty(const WindowAxis *a)
{
    for (int64_t o = 0; !a->adaptive && o < a->windows && ir_window_begin(a, o) < 0; o++) {
        int64_t begin = ir_window_begin(a, o), tap = (a->dilation - 1 - begin) / a->dilation;
        if (tap >= a->taps || begin + tap * a->dilation >= a->places)
            return o;
    }
    return ir_window_begin(a, a->windows - 1) < a->places ? -1 : a->windows - 1;
}

static const Attr *find(const Attr *attr, int n, AttrId id)
{
    for (int i = 0; i < n; i++)
        if (attr[i].id == id)
            return &attr[i];
    return NULL;
}

/* An attribute with a number from lo to IR_MAX_WINDOW for each of `count`, at most 4. */
static bool numbers(const Attr *attr, int n_attr, AttrId id, int count, int64_t lo,
                    const int64_t **value, char err[IR_ERR])
{
    static const int64_t neutral[][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}};
    const Attr *a = find(attr, n_attr, id);
    if (!a && ir_attr_info[id].neutral == IR_NOT_NEUTRAL)
        return ir_fail(err, "attribute %s is missing", ir_attr_info[id].name);
    if (!a)
        return *value = neutral[ir_attr_info[id].neutral], true;
    if (a->count != count)
        return ir_fail(err, "%s has %d numbers, not %d", ir_attr_info[id].name, a->count, count);
    for (int i = 0; i < count; i++)
        if (a->u.ints[i] < lo || a->u.ints[i] > IR_MAX_WINDOW)
            return ir_fail(err, "%s has %lld, but its numbers go from %lld to %d",
                           ir_attr_info[id].name, (long long)a->u.ints[i], (long long)lo,
                           IR_MAX_WINDOW);
    *value = a->u.ints;
    return true;
}

/* Axes from the third on with constant sizes: their number, or 0 and why. */
static int spatial(const Shape *s, char err[IR_ERR])
{
    int rank = s->rank - FIRST;
    for (int i = 1; i < s->rank; i++)
        if (s->dim[i].n || s->dim[i].k > IR_MAX_CAPACITY)
            return ir_fail(err, "axis %d must have a constant size", i);
    if (rank == 1 || rank == 2)
        return rank;
    return ir_fail(err, "%d axes: samples, channels, and one or two to slide on are wanted",
                   s->rank);
}

static const WindowAxis still = {.places = 1, .windows = 1, .taps = 1, .stride = 1, .dilation = 1};

/* Windows in whose number an axis is cut, as evenly as it goes. */
static bool read_adaptive(const Attr *attr, int n_attr, int rank, Window *w, char err[IR_ERR])
{
    const int64_t *windows;
    if (!numbers(attr, n_attr, AT_adaptive, rank, 1, &windows, err))
        return false;
    for (int i = 0; i < rank; i++) {
        WindowAxis *a = &w->axis[2 - rank + i];
        a->adaptive = true;
        a->windows = windows[i];
        a->taps = a->places / windows[i] + (a->places % windows[i] ? 2 : 0);
    }
    return true;
}

bool ir_window_read(const Attr *attr, int n_attr, const Shape *wide, const Shape *kernel,
                    Window *w, char err[IR_ERR])
{
    int rank = spatial(wide, err);
    const int64_t *stride, *padding, *dilation, *taps = NULL;
    if (!rank || (kernel && !spatial(kernel, err)))
        return false;
    *w = (Window){.rank = rank, .axis = {still, still}};
    for (int i = 0; i < rank; i++)
        w->axis[2 - rank + i].places = wide->dim[FIRST + i].k;
    if (!kernel && find(attr, n_attr, AT_adaptive))
        return read_adaptive(attr, n_attr, rank, w, err);
    if (!numbers(attr, n_attr, AT_stride, rank, 1, &stride, err)
        || !numbers(attr, n_attr, AT_padding, 2 * rank, -IR_MAX_WINDOW, &padding, err)
        || !numbers(attr, n_attr, AT_dilation, rank, 1, &dilation, err)
        || (!kernel && !numbers(attr, n_attr, AT_kernel, rank, 1, &taps, err)))
        return false;
    for (int i = 0; i < rank; i++) {
        WindowAxis *a = &w->axis[2 - rank + i];
        a->taps = kernel ? kernel->dim[FIRST + i].k : taps[i];
        a->stride = stride[i];
        a->dilation = dilation[i];
        a->low = padding[i];
        if (a->low < 0)
            return ir_fail(err, "padding of %lld before an axis", (long long)a->low);
        if (a->taps > IR_MAX_WINDOW)
            return ir_fail(err, "a kernel of %lld, but %d is the most", (long long)a->taps,
                           IR_MAX_WINDOW);
        int64_t padded = a->places + padding[i] + padding[rank + i];
        int64_t span = (a->taps - 1) * a->dilation + 1;
        if (span > padded)
            return ir_fail(err, "a kernel that spans %lld does not fit into %lld", (long long)span,
                           (long long)padded);
        a->windows = (padded - span) / a->stride + 1;
    }
    return true;
}

/* Which of a node's shapes is which; the node's own is given apart. */
static void roles(Op op, const Shape *first, const Shape *second, const Shape *own,
                  const Shape **wide, const Shape **narrow, const Shape **kernel)
{
    bool to_wide = op == OP_conv_transpose || op == OP_pool_put || op == OP_pool_spread;
    *wide = to_wide ? own : first;
    *narrow = to_wide ? first : own;
    *kernel = op == OP_conv || op == OP_conv_transpose ? second : NULL;
    if (op == OP_conv_weight) {
        *narrow = second;
        *kernel = own;
    }
}

static const Shape *shape_of(const Graph *g, const Node *x, int i)
{
    return i < x->n_in ? &ir_type(g, x->in[i])->shape : NULL;
}

Window ir_window(const Graph *g, const Node *x)
{
    const Shape *wide, *narrow, *kernel;
    char err[IR_ERR];
    Window w;
    roles(x->op, shape_of(g, x, 0), shape_of(g, x, 1), &x->type.shape, &wide, &narrow, &kernel);
    if (!ir_window_read(x->attr, x->n_attr, wide, kernel, &w, err))
        ir_die(g->module, "%s: %s", ir_op[x->op].name, err);
    return w;
}

Conv ir_conv(const Graph *g, const Node *x)
{
    const Shape *wide, *narrow, *kernel;
    roles(x->op, shape_of(g, x, 0), shape_of(g, x, 1), &x->type.shape, &wide, &narrow, &kernel);
    return (Conv){*wide, *narrow, *kernel, ir_attr_int(x, AT_groups), ir_window(g, x)};
}

/* ---- padding ---- */

const PadInfo ir_pad[PAD_COUNT] = {
#define PAD(name, source, doc) {#name, #source, doc},
#include "ir/pads.def"
#undef PAD
};

int64_t ir_pad_source(PadMode mode, int64_t at, int64_t size)
{
    switch (mode) {
#define PAD(name, source, doc) case PAD_##name: return source;
#include "ir/pads.def"
#undef PAD
    case PAD_COUNT: break;
    }
    return -1;
}

PadMode ir_pad_named(const char *name)
{
    int mode = 0;
    while (mode < PAD_COUNT && strcmp(ir_pad[mode].name, name))
        mode++;
    return (PadMode)mode;
}

Pad ir_pad_of(const Node *x)
{
    const Attr *padding = ir_attr(x, AT_padding);
    Pad p = {.mode = ir_pad_named(ir_attr_str(x, AT_mode)), .rank = padding->count / 2};
    for (int i = 0; i < p.rank; i++) {
        p.low[2 - p.rank + i] = padding->u.ints[i];
        p.high[2 - p.rank + i] = padding->u.ints[p.rank + i];
    }
    return p;
}

/* ---- stretching ---- */

/* torch.nn.functional.interpolate computes the place of the nearest one in float. */
static int64_t nearest(const Stretch *s, int64_t i)
{
    if (s->results == s->places || s->results == 2 * s->places)
        return i * s->places / s->results;
    int64_t at = (int64_t)floorf((float)i * (float)s->scale);
    return at < s->places ? at : s->places - 1;
}

Between ir_stretch_source(const Stretch *s, int64_t i)
{
    if (s->nearest)
        return (Between){nearest(s, i), nearest(s, i), 0};
    double place = (double)i * s->scale + s->shift;
    if (place < 0)
        place = 0;
    int64_t at = (int64_t)place < s->places ? (int64_t)place : s->places - 1;
    int64_t next = at + 1 < s->places ? at + 1 : at;
    double weight = place - (double)at;
    return (Between){at, next, weight < 1 ? weight : 1};
}

void ir_stretch(const Graph *g, const Node *x, Stretch axis[2])
{
    const Shape *from = shape_of(g, x, 0), *to = &x->type.shape;
    const Attr *scale = ir_attr(x, AT_scale);
    if (x->op == OP_upsample_grad) {
        from = &x->type.shape;
        to = shape_of(g, x, 0);
    }
    bool linear = !strcmp(ir_attr_str(x, AT_mode), "linear"), corners = ir_has(x, AT_corners);
    int rank = to->rank - FIRST;
    for (int i = 0; i < 2; i++) {
        int own = i - (2 - rank);
        Stretch *s = &axis[i];
        *s = (Stretch){.places = 1, .results = 1, .nearest = true, .scale = 1};
        if (own < 0)
            continue;
        s->places = from->dim[FIRST + own].k;
        s->results = to->dim[FIRST + own].k;
        s->nearest = !linear;
        s->scale = scale ? 1 / scale->u.reals[own] : (double)s->places / (double)s->results;
        if (corners)
            s->scale = s->results > 1 ? (double)(s->places - 1) / (double)(s->results - 1) : 0;
        s->shift = linear && !corners ? s->scale / 2 - 0.5 : 0;
    }
}
