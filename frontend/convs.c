/* frontend/convs.c: Conv1d, Conv2d and their transposes: arguments, parameters and draws, shapes,
 * and what they become.
 *
 * Padding by other values than zeros is a `pad` in front of a convolution without padding, as in
 * PyTorch. padding='same' pads less before than behind where the sum is odd. */
#include "frontend/lower.h"
#include "ir/window.h"
#include <math.h>
#include <string.h>

enum { MAX_WEIGHT = 36 };                /* log2 of its elements */

/* ---- arguments ---- */

static bool is_transposed(const Mod *m) { return m->info->op == OP_conv_transpose; }

static bool refuse(Interp *in, const Call *c, const char *name, const char *must)
{
    return fe_refuse(in, c, fe_arg(c, name), must);
}

static bool groups_ok(Interp *in, const Call *c, int64_t in_channels, int64_t out_channels)
{
    int i = fe_arg(c, "groups");
    int64_t groups = c->v[i]->u.i;
    if (groups < 1) {
        fe_report(in->d, c->v_at[i], DG(not_positive), c->name, "groups", (long long)groups);
        return false;
    }
    if (in_channels % groups == 0 && out_channels % groups == 0) return true;
    bool first = in_channels % groups != 0;
    fe_report(in->d, c->v_at[i], DG(conv_groups), c->name, (long long)groups,
              (long long)(first ? in_channels : out_channels),
              first ? "in_channels" : "out_channels");
    return false;
}

/* padding and padding_mode. */
static bool padding_ok(Interp *in, const Call *c, const Mod *m, int rank)
{
    static const char *const modes[] = { "zeros", "reflect", "replicate", "circular" };
    int i = fe_arg(c, "padding"), k = 0;
    const char *mode = c->v[fe_arg(c, "padding_mode")]->u.s;
    if (is_transposed(m) && strcmp(mode, "zeros") != 0)
        return refuse(in, c, "padding_mode", "'zeros'");
    while (k < 4 && strcmp(mode, modes[k]) != 0) k++;
    if (k == 4)
        return refuse(in, c, "padding_mode", "'zeros', 'reflect', 'replicate' or 'circular'");
    if (c->v[i]->kind != V_STR || is_transposed(m))
        return fe_sizes_ok(in, c, i, rank, 0, IR_MAX_WINDOW);
    bool same = strcmp(c->v[i]->u.s, "same") == 0;
    if (!same && strcmp(c->v[i]->u.s, "valid") != 0)
        return refuse(in, c, "padding", "a size, 'same' or 'valid'");
    int64_t stride[2] = { 1, 1 };
    fe_sizes(m, "stride", rank, stride);
    return !same || (stride[0] == 1 && stride[rank - 1] == 1)
        || refuse(in, c, "stride", "1 where padding is 'same'");
}

/* Each step needs more than its last one's padding. */
static bool output_padding_ok(Interp *in, const Call *c, const Mod *m, int rank)
{
    int64_t more[2], stride[2], dilation[2];
    int i = fe_arg(c, "output_padding");
    if (!fe_sizes_ok(in, c, i, rank, 0, IR_MAX_WINDOW)) return false;
    fe_sizes(m, "output_padding", rank, more);
    fe_sizes(m, "stride", rank, stride);
    fe_sizes(m, "dilation", rank, dilation);
    for (int k = 0; k < rank; k++)
        if (more[k] >= stride[k] && more[k] >= dilation[k])
            return refuse(in, c, "output_padding", "less than stride or dilation");
    return true;
}

static bool weight_ok(Interp *in, const Call *c, const int64_t *dim, int rank)
{
    int64_t elems = 1;
    bool fits = true;
    for (int i = 0; i < rank; i++) fits = fits && !__builtin_mul_overflow(elems, dim[i], &elems);
    if (fits && elems <= (int64_t)1 << MAX_WEIGHT) return true;
    fe_report(in->d, c->at, DG(too_large), c->name, (long long)dim[0], (long long)dim[1]);
    return false;
}

bool fe_check_conv(Interp *in, const Call *c, Mod *m)
{
    static const char *const sizes[] = { "kernel_size", "stride", "dilation" };
    int rank = fe_spatial(m);
    int64_t channels[2];
    for (int i = 0; i < 2; i++) {
        channels[i] = c->v[i]->u.i;
        if (channels[i] >= 1) continue;
        fe_report(in->d, c->v_at[i], DG(not_positive), c->name, fe_arg_name(in->a, c, i),
                  (long long)channels[i]);
        return false;
    }
    for (int i = 0; i < 3; i++)
        if (!fe_sizes_ok(in, c, fe_arg(c, sizes[i]), rank, 1, IR_MAX_WINDOW)) return false;
    if (!groups_ok(in, c, channels[0], channels[1]) || !padding_ok(in, c, m, rank)) return false;
    if (is_transposed(m) && !output_padding_ok(in, c, m, rank)) return false;
    bool back = is_transposed(m);
    int64_t groups = c->v[fe_arg(c, "groups")]->u.i;
    int64_t dim[4] = { channels[!back], channels[back] / groups };
    fe_sizes(m, "kernel_size", rank, dim + 2);
    if (!weight_ok(in, c, dim, 2 + rank)) return false;
    Param *weight = fe_add_param(in, m, "weight", 2 + rank, dim);
    fe_draw_weight(in, weight);
    if (fe_flag_of(m, "bias"))
        fe_draw_uniform(in, fe_add_param(in, m, "bias", 1, &channels[1]),
                        1 / sqrt((double)fe_fan_in(weight)));
    return true;
}

/* ---- shapes ---- */

/* What the arguments say along each axis. */
typedef struct Geometry {
    int rank;
    int64_t kernel[2], stride[2], dilation[2], low[2], high[2], more[2];
} Geometry;

static Geometry geometry(const Mod *m)
{
    Geometry g = { .rank = fe_spatial(m) };
    fe_sizes(m, "kernel_size", g.rank, g.kernel);
    fe_sizes(m, "stride", g.rank, g.stride);
    fe_sizes(m, "dilation", g.rank, g.dilation);
    if (is_transposed(m)) fe_sizes(m, "output_padding", g.rank, g.more);
    const Value *padding = fe_arg_of(m, "padding");
    bool same = padding->kind == V_STR && strcmp(padding->u.s, "same") == 0;
    if (padding->kind != V_STR) fe_sizes(m, "padding", g.rank, g.low);
    for (int i = 0; i < g.rank; i++) {
        int64_t total = same ? g.dilation[i] * (g.kernel[i] - 1) : 2 * g.low[i];
        g.low[i] = total / 2;
        g.high[i] = total - g.low[i];
    }
    return g;
}

static bool channels_fit(Interp *in, const Mod *m, const Chain *c, const Shape *s)
{
    long long takes = m->arg[0]->u.i, gets = s->dim[1].k;
    if (takes == gets) return true;
    fe_report(in->d, m->arg_at[0], DG(norm_features), m->info->name, takes, "channels", gets);
    fe_note_chain(in, c);
    fe_help(in->d, "in_channels is the size of axis 1, %lld here: nn.%s(%lld, %lld, …)", gets,
            m->info->name, gets, (long long)m->arg[1]->u.i);
    return false;
}

static const char *axis_name(int rank, int axis)
{
    return rank == 1 ? "places" : axis == 0 ? "rows" : "columns";
}

/* The mirror or the other end must be there. */
static bool padded_fits(Interp *in, const Mod *m, const Chain *c, int64_t size, int64_t low,
                        int64_t high, int axis)
{
    const char *mode = fe_arg_of(m, "padding_mode")->u.s;
    int64_t most = strcmp(mode, "reflect") == 0 ? size - 1 : strcmp(mode, "circular") == 0 ? size
                                                                                           : high;
    if (low <= most && high <= most) return true;
    fe_report(in->d, m->at, DG(pad_size), m->info->name, (long long)low, (long long)high,
              axis_name(fe_spatial(m), axis), (long long)size);
    fe_note_chain(in, c);
    fe_help(in->d, "padding_mode='%s' goes up to %lld here", mode, (long long)most);
    return false;
}

bool fe_shape_conv(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    Geometry g = geometry(m);
    if (!fe_spatial_shape(in, m, c, s) || !channels_fit(in, m, c, s)) return false;
    for (int i = 0; i < g.rank; i++) {
        int64_t span = g.dilation[i] * (g.kernel[i] - 1) + 1, size = s->dim[2 + i].k;
        int64_t padded = size + g.low[i] + g.high[i];
        if (!padded_fits(in, m, c, size, g.low[i], g.high[i], i)) return false;
        if (span > padded) {
            fe_report(in->d, m->at, DG(window_size), m->info->name, (long long)span,
                      axis_name(g.rank, i), (long long)padded);
            fe_note_chain(in, c);
            fe_help(in->d, "the largest kernel_size that fits is %lld; padding=%lld makes this one "
                    "fit", (long long)((padded - 1) / g.dilation[i] + 1),
                    (long long)((span - size + 1) / 2));
            return false;
        }
        s->dim[2 + i] = ir_dim((padded - span) / g.stride[i] + 1);
    }
    s->dim[1] = ir_dim(m->arg[1]->u.i);
    return true;
}

bool fe_shape_conv_transpose(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    Geometry g = geometry(m);
    if (!fe_spatial_shape(in, m, c, s) || !channels_fit(in, m, c, s)) return false;
    for (int i = 0; i < g.rank; i++) {
        int64_t span = g.dilation[i] * (g.kernel[i] - 1) + 1, size;
        bool fits = s->dim[2 + i].k <= (int64_t)1 << MAX_WEIGHT;
        size = fits ? (s->dim[2 + i].k - 1) * g.stride[i] + span + g.more[i] - 2 * g.low[i] : 0;
        if (size < 1) {
            fe_report(in->d, m->at, DG(pad_size), m->info->name, (long long)g.low[i],
                      (long long)g.low[i], axis_name(g.rank, i), (long long)(size + 2 * g.low[i]));
            fe_note_chain(in, c);
            return false;
        }
        s->dim[2 + i] = ir_dim(size);
    }
    s->dim[1] = ir_dim(m->arg[1]->u.i);
    return true;
}

/* ---- graphs ---- */

static Val convolution(const Spot *p, Op op, Val x, const Geometry *g, Type type)
{
    int64_t padding[4];
    for (int i = 0; i < g->rank; i++) {
        padding[i] = g->low[i];
        padding[g->rank + i] = g->high[i];
    }
    Attr attr[] = { ir_ints(AT_stride, g->stride, g->rank),
                    ir_ints(AT_padding, padding, 2 * g->rank),
                    ir_ints(AT_dilation, g->dilation, g->rank),
                    ir_int(AT_groups, fe_arg_of(p->m, "groups")->u.i) };
    Val in[3] = { x };
    for (int i = 0; i < p->m->n_param; i++) in[1 + i] = fe_layer_param(p, i);
    int n = 1 + p->m->n_param;
    return op == OP_conv ? ir_add(p->g, op, p->loc, in, n, attr, 4)
                         : ir_add_typed(p->g, op, p->loc, type, in, n, attr, 4);
}

Val fe_lower_conv(const Spot *p, Val x)
{
    Geometry g = geometry(p->m);
    const char *mode = fe_arg_of(p->m, "padding_mode")->u.s;
    if (strcmp(mode, "zeros") != 0) {
        int64_t padding[4];
        for (int i = 0; i < g.rank; i++) {
            padding[i] = g.low[i];
            padding[g.rank + i] = g.high[i];
            g.low[i] = g.high[i] = 0;
        }
        x = ir_add(p->g, OP_pad, p->loc, IR_IN(x),
                   IR_ATTRS(ir_str(AT_mode, mode), ir_ints(AT_padding, padding, 2 * g.rank)));
    }
    return convolution(p, OP_conv, x, &g, (Type){ 0 });
}

/* The adjoint of the convolution with this padding, which leaves out what output_padding adds. */
Val fe_lower_conv_transpose(const Spot *p, Val x)
{
    Geometry g = geometry(p->m);
    Type t = *ir_type(p->g, x);
    t.shape.dim[1] = ir_dim(p->m->arg[1]->u.i);
    for (int i = 0; i < g.rank; i++) {
        int64_t span = g.dilation[i] * (g.kernel[i] - 1) + 1;
        int64_t size = (t.shape.dim[2 + i].k - 1) * g.stride[i] + span + g.more[i] - 2 * g.low[i];
        g.high[i] = g.low[i] - g.more[i];
        t.shape.dim[2 + i] = ir_dim(size);
    }
    return convolution(p, OP_conv_transpose, x, &g, t);
}
