/* frontend/lower_layers.c: what layers become: nodes of a graph, by the rule of their row.
 *
 * Shapes fit already (shapes.c), so that nothing here can fail. Normalisations are in norms.c. */
#include "frontend/lower.h"
#include <math.h>
#include <string.h>

typedef Val LowerRule(const Spot *p, Val x);

static Val reshape(const Spot *p, Val x, Shape s)
{
    return ir_add_typed(p->g, OP_reshape, p->loc, ir_type_of(p->g->module->real, s), IR_IN(x),
                        IR_NO_ATTRS);
}

Val fe_layer_param(const Spot *p, int i)
{
    return p->param ? p->param[i] : ir_state_val(p->g, p->m->param[i]->state);
}

/* Rows of the last axis become a matrix where there are more axes. */
static Val lower_linear(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape, flat = { .rank = 2, .dim = { s.dim[0], s.dim[s.rank - 1] } };
    for (int i = 1; i + 1 < s.rank; i++) flat.dim[0].k *= s.dim[i].k;
    if (s.rank > 2) x = reshape(p, x, flat);
    Val in[3] = { x };
    for (int i = 0; i < p->m->n_param; i++) in[i + 1] = fe_layer_param(p, i);
    Val y = ir_add(p->g, OP_linear, p->loc, in, 1 + p->m->n_param, IR_NO_ATTRS);
    if (s.rank == 2) return y;
    s.dim[s.rank - 1] = ir_dim(p->m->arg[1]->u.i);
    return reshape(p, y, s);
}

/* y = x1 A x2 + b, summed over x1's axis last: A x2 for all rows is one product with A's planes one
 * below the other. */
static Val lower_bilinear(const Spot *p, Val x)
{
    Val w = fe_layer_param(p, 0), second = p->second;
    Shape s = ir_type(p->g, x)->shape, planes = ir_type(p->g, w)->shape;
    Dim rows = { 1, s.dim[0].n }, out = planes.dim[0], in1 = planes.dim[1], in2 = planes.dim[2];
    for (int i = 0; i + 1 < s.rank; i++) rows.k *= s.dim[i].k;
    w = reshape(p, w, (Shape){ 2, { ir_dim(out.k * in1.k), in2 } });
    second = reshape(p, second, (Shape){ 2, { rows, in2 } });
    Val y = ir_add(p->g, OP_linear, p->loc, IR_IN(second, w), IR_NO_ATTRS);
    y = reshape(p, y, (Shape){ 3, { rows, out, in1 } });
    x = reshape(p, x, (Shape){ 3, { rows, ir_dim(1), in1 } });
    y = ir_add(p->g, OP_mul, p->loc, IR_IN(y, x), IR_NO_ATTRS);
    const int64_t last = 2;
    y = ir_add(p->g, OP_sum, p->loc, IR_IN(y), IR_ATTRS(ir_ints(AT_axes, &last, 1)));
    if (p->m->n_param > 1)
        y = ir_add(p->g, OP_add, p->loc, IR_IN(y, fe_layer_param(p, 1)), IR_NO_ATTRS);
    s.dim[s.rank - 1] = out;
    return reshape(p, y, s);
}

static Val lower_identity(const Spot *p, Val x)
{
    (void)p;
    return x;
}

static Val lower_flatten(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    int from, to;
    fe_flatten_range(p->m, &s, &from, &to);
    if (from == to) return x;
    for (int i = from + 1; i <= to; i++) s.dim[from].k *= s.dim[i].k;
    memmove(&s.dim[from + 1], &s.dim[to + 1], sizeof s.dim[0] * (size_t)(s.rank - to - 1));
    s.rank = (uint8_t)(s.rank - (to - from));
    return reshape(p, x, s);
}

int fe_real_attrs(const char *signature, Op op, Value *const *arg, Attr attr[8])
{
    Fn fn = { .signature = signature };
    Call c = { .fn = &fn };
    int n = 0;
    for (int id = 0; id < AT_COUNT && n < 8; id++) {
        if (!(ir_op[op].required >> id & 1)) continue;
        double v = 0;
        int i = fe_arg(&c, ir_attr_info[id].name);
        if (i >= 0) fe_number(arg[i], &v);
        attr[n++] = ir_real((AttrId)id, v);
    }
    return n;
}

static Val lower_elementwise(const Spot *p, Val x)
{
    Attr attr[8];
    int n = fe_real_attrs(p->m->info->signature, p->m->info->op, p->m->arg, attr);
    return ir_add(p->g, p->m->info->op, p->loc, IR_IN(x), attr, n);
}

static Val lower_gelu(const Spot *p, Val x)
{
    Op op = strcmp(p->m->arg[0]->u.s, "tanh") == 0 ? OP_gelu_tanh : OP_gelu;
    return ir_add(p->g, op, p->loc, IR_IN(x), IR_NO_ATTRS);
}

static Val lower_softmax(const Spot *p, Val x)
{
    int axis = fe_softmax_axis(p->m, &ir_type(p->g, x)->shape);
    return ir_add(p->g, p->m->info->op, p->loc, IR_IN(x), IR_ATTRS(ir_int(AT_axis, axis)));
}

static Val lower_softmin(const Spot *p, Val x)
{
    return lower_softmax(p, ir_add(p->g, OP_neg, p->loc, IR_IN(x), IR_NO_ATTRS));
}

/* PyTorch broadcasts the slopes along axis 1. */
static Val lower_prelu(const Spot *p, Val x)
{
    Val w = fe_layer_param(p, 0);
    int64_t dim[IR_MAX_RANK] = { p->m->arg[0]->u.i };
    int rank = ir_type(p->g, x)->shape.rank;
    for (int i = 1; i < rank; i++) dim[i] = 1;
    if (rank > 2 && dim[0] > 1) w = reshape(p, w, ir_shape(rank - 1, dim));
    return ir_add(p->g, OP_prelu, p->loc, IR_IN(x, w), IR_NO_ATTRS);
}

/* Half an axis; what does not belong to it is masked out of a sum of the two halves. */
static Val half(const Spot *p, Val x, int axis, int which)
{
    Shape s = ir_type(p->g, x)->shape;
    const double mask[2] = { which == 0, which == 1 };
    int64_t dim[IR_MAX_RANK] = { 2 };
    const int64_t at = axis;
    for (int i = 1; i < s.rank - axis; i++) dim[i] = 1;
    Type t = ir_type_of(p->g->module->real, ir_shape(s.rank - axis, dim));
    Val m = ir_const(p->g, t, mask, 2, p->loc);
    Val kept = ir_map(p->g, "b == 0 ? 0 : a", IR_IN(x, m), p->loc);
    return ir_add(p->g, OP_sum, p->loc, IR_IN(kept), IR_ATTRS(ir_ints(AT_axes, &at, 1)));
}

static Val lower_glu(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    int axis = fe_axis(p->m->arg[0]->u.i, &s);
    memmove(&s.dim[axis + 1], &s.dim[axis], sizeof s.dim[0] * (size_t)(s.rank - axis));
    s.dim[axis] = ir_dim(2);
    s.dim[axis + 1].k /= 2;
    s.rank++;
    x = reshape(p, x, s);
    return ir_map(p->g, "a * sigmoid(b)", IR_IN(half(p, x, axis, 0), half(p, x, axis, 1)), p->loc);
}

static Val lower_unflatten(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    fe_unflatten(p->m, &s);
    return reshape(p, x, s);
}

/* Uniform numbers of that shape, others for each call of the layer. */
static Val random_of(const Spot *p, Shape s, int call)
{
    const char *stream = arena_printf(p->a, "%s#%d", p->path, call);
    return ir_add_typed(p->g, OP_random, p->loc, ir_type_of(p->g->module->real, s), IR_NO_IN,
                        IR_ATTRS(ir_str(AT_stream, stream)));
}

static Val random(const Spot *p, Val x, int call)
{
    return random_of(p, ir_type(p->g, x)->shape, call);
}

/* A slope between lower and upper for each element; their mean in evaluation. */
static Val lower_rrelu(const Spot *p, Val x)
{
    double low = 0, high = 0;
    fe_number(p->m->arg[0], &low);
    fe_number(p->m->arg[1], &high);
    int call = p->m->calls++;
    Arena *a = p->a;
    if (!p->training)
        return ir_add(p->g, OP_leaky_relu, p->loc, IR_IN(x),
                      IR_ATTRS(ir_real(AT_negative_slope, (low + high) / 2)));
    const char *f = arena_printf(a, "a <= 0 ? a * (%s + b * %s) : a", ir_real_string(low, a),
                                 ir_real_string(high - low, a));
    return ir_map(p->g, f, IR_IN(x, random(p, x, call)), p->loc);
}

/* What is below `share` where dropout drops: uniform numbers, or a mask of zeros and ones. */
static Val chances(const Spot *p, Shape s, int call, double share)
{
    if (!p->drawn_masks) return random_of(p, s, call);
    const char *name = arena_printf(p->a, "%s#%d", p->path, call);
    ir_mask(p->g->module, (Mask){ name, 1 - share });
    return ir_input(p->g, name, ir_type_of(p->g->module->real, s), p->loc);
}

/* Keeps where u >= p and scales by 1 / (1 - p); PyTorch's p = 1 multiplies by zero. The first
 * `axes` axes have a u each. */
static Val dropped(const Spot *p, Val x, int axes)
{
    double share = 0;
    fe_number(p->m->arg[0], &share);
    int call = p->m->calls++;
    if (!p->training || share == 0) return x;
    Arena *a = p->a;
    if (share == 1) return ir_map(p->g, "a * 0.0", IR_IN(x), p->loc);
    const char *f = arena_printf(a, "b < %s ? 0 : a * %s", ir_real_string(share, a),
                                 ir_real_string(1 / (1 - share), a));
    Shape s = ir_type(p->g, x)->shape;
    for (int i = axes; i < s.rank; i++) s.dim[i] = ir_dim(1);
    return ir_map(p->g, f, IR_IN(x, chances(p, s, call, share)), p->loc);
}

static Val lower_dropout(const Spot *p, Val x) { return dropped(p, x, IR_MAX_RANK); }
static Val lower_channel_dropout(const Spot *p, Val x) { return dropped(p, x, 2); }

/* What is dropped becomes SELU's value far left of 0; then a line restores mean and variance. */
static Val lower_alpha_dropout(const Spot *p, Val x)
{
    const double far = 1.7580993408473766;
    double share = 0;
    fe_number(p->m->arg[0], &share);
    int call = p->m->calls++;
    if (!p->training || share == 0) return x;
    Arena *a = p->a;
    if (share == 1) return ir_map(p->g, "a * 0.0", IR_IN(x), p->loc);
    double scale = 1 / sqrt((far * far * share + 1) * (1 - share)), shift = far * scale * share;
    const char *f = arena_printf(a, "b < %s ? %s : a * %s + %s", ir_real_string(share, a),
                                 ir_real_string(shift - far * scale, a), ir_real_string(scale, a),
                                 ir_real_string(shift, a));
    Shape s = ir_type(p->g, x)->shape;
    return ir_map(p->g, f, IR_IN(x, chances(p, s, call, share)), p->loc);
}

#define lower_conv fe_lower_conv
#define lower_conv_transpose fe_lower_conv_transpose
#define lower_max_pool fe_lower_max_pool
#define lower_avg_pool fe_lower_avg_pool
#define lower_adaptive_max_pool fe_lower_adaptive_max_pool
#define lower_adaptive_avg_pool fe_lower_adaptive_avg_pool
#define lower_pad fe_lower_pad
#define lower_upsample fe_lower_upsample
#define lower_pixel_shuffle fe_lower_pixel_shuffle
#define lower_pixel_unshuffle fe_lower_pixel_unshuffle
#define lower_local_response_norm fe_lower_local_response_norm
#define lower_instance_norm fe_lower_instance_norm
#define lower_batch_norm fe_lower_batch_norm
#define lower_layer_norm fe_lower_layer_norm
#define lower_group_norm fe_lower_group_norm

static LowerRule *const rules[] = {
#define LAYER(name, signature, rule, ...) lower_##rule,
#include "frontend/layers.def"
#undef LAYER
};

/* PyTorch draws a slope only where the input is not positive: how many, nobody knows before. */
bool fe_check_draws(Interp *in, const Mod *m)
{
    if (rules[m->info - fe_layer] != lower_rrelu) return true;
    fe_report(in->d, m->at, DG(draws_by_data), m->info->name);
    fe_help(in->d, "leave --dropout torch out, or use nn.LeakyReLU");
    return false;
}

Val fe_lower_layer(const Spot *p, Val x) { return rules[p->m->info - fe_layer](p, x); }
