/* frontend/norms.c: batch, layer, group and instance normalisation: arguments, shapes, and what
 * they become.
 *
 * They are means and maps; fuse joins those into kernels again. The mean is taken twice: a float32
 * mean of values near 10000 is wrong by up to 0.0005, so the differences from it are centred once
 * more. No derivative goes through the first mean, because the result does not depend on it; nor
 * from the variance through the second, because differences from the mean add up to 0.
 *
 * In training batch norm normalises by the batch's own variance (divided by its size) and moves
 * running_var towards the unbiased one (divided by the size less 1), as PyTorch does. In evaluation
 * it is a map in the epilogue of the product before it: folded into that product's weights it would
 * save 1% of an inference of 784-256-256-10 (tests/bench/results). */
#include "frontend/lower.h"
#include <math.h>
#include <string.h>

enum { MAX_ELEMS_LOG2 = 36 };

/* ---- arguments ---- */

static void fill_ones(Interp *in, Param *p)
{
    fe_draw(in, (DrawRec){ DRAW_CONSTANT, p, 1, 0, fe_param_elems(p) });
}

static void add_affine(Interp *in, Mod *m, int rank, const int64_t *dim, bool bias)
{
    fill_ones(in, fe_add_param(in, m, "weight", rank, dim));
    if (bias) fe_add_param(in, m, "bias", rank, dim);
}

static bool size_ok(Interp *in, const Call *c, int i, int64_t size)
{
    if (size >= 1 && size <= (int64_t)1 << MAX_ELEMS_LOG2) return true;
    if (size < 1)
        fe_report(in->d, c->v_at[i], DG(not_positive), c->name, fe_arg_name(in->a, c, i),
                  (long long)size);
    else
        fe_report(in->d, c->v_at[i], DG(too_large), c->name, (long long)size, 1LL);
    return false;
}

/* eps stands under a root. */
static bool numbers_ok(Interp *in, const Call *c, const Mod *m)
{
    static const char *const names[] = { "eps", "momentum" };
    for (int k = 0; k < 2; k++) {
        double x;
        int i = fe_arg(c, names[k]);
        if (i < 0 || !fe_number(m->arg[i], &x)) continue;
        if (!isfinite(x)) {
            fe_report(in->d, c->v_at[i], DG(not_finite), c->name);
            return false;
        }
        if (k == 0 && x < 0) {
            fe_report(in->d, c->v_at[i], DG(bad_choice), c->name, names[k], "at least 0",
                      fe_repr(in->a, m->arg[i]));
            return false;
        }
    }
    return true;
}

/* InstanceNorm has no argument for it. */
static bool has_bias(const Mod *m) { return !fe_arg_of(m, "bias") || fe_flag_of(m, "bias"); }

bool fe_check_batch_norm(Interp *in, const Call *c, Mod *m)
{
    int64_t features = c->v[0]->u.i;
    if (!size_ok(in, c, 0, features) || !numbers_ok(in, c, m)) return false;
    if (fe_flag_of(m, "affine")) add_affine(in, m, 1, &features, has_bias(m));
    if (!fe_flag_of(m, "track_running_stats")) return true;
    m->buffer[0] = fe_new_param(in, m, "running_mean", 1, &features);
    m->buffer[1] = fe_new_param(in, m, "running_var", 1, &features);
    m->buffer[2] = fe_new_param(in, m, "num_batches_tracked", 0, NULL);
    m->buffer[2]->integer = true;
    m->n_buffer = 3;
    fill_ones(in, m->buffer[1]);
    return true;
}

bool fe_check_instance_norm(Interp *in, const Call *c, Mod *m)
{
    return fe_check_batch_norm(in, c, m);
}

/* normalized_shape as sizes: how many; 0 after an error. */
static int normalized_shape(Interp *in, const Call *c, int64_t dim[IR_MAX_RANK])
{
    const Value *v = c->v[0];
    int64_t elems = 1;
    if (v->kind == V_INT) {
        dim[0] = v->u.i;
        return size_ok(in, c, 0, dim[0]) ? 1 : 0;
    }
    if (v->kind != V_TUPLE && v->kind != V_LIST) {
        if (v->kind != V_BAD)
            fe_wrong_type(in, c, 0, "normalized_shape", "an integer or a list of integers");
        return 0;
    }
    const List *l = v->u.list;
    if (l->n < 1 || l->n >= IR_MAX_RANK) {
        fe_report(in->d, c->v_at[0], DG(norm_axes), (long long)l->n, IR_MAX_RANK - 1);
        return 0;
    }
    for (int i = 0; i < l->n; i++) {
        const Value *x = l->item[i];
        if (x->kind != V_INT) {
            fe_wrong_type(in, c, 0, "normalized_shape", "an integer or a list of integers");
            return 0;
        }
        dim[i] = x->u.i;
        if (!size_ok(in, c, 0, dim[i])) return 0;
        if (__builtin_mul_overflow(elems, dim[i], &elems)) elems = INT64_MAX;
        if (!size_ok(in, c, 0, elems)) return 0;
    }
    return l->n;
}

bool fe_check_layer_norm(Interp *in, const Call *c, Mod *m)
{
    int64_t dim[IR_MAX_RANK];
    int rank = normalized_shape(in, c, dim);
    if (!rank || !numbers_ok(in, c, m)) return false;
    if (fe_flag_of(m, "elementwise_affine")) add_affine(in, m, rank, dim, fe_flag_of(m, "bias"));
    return true;
}

bool fe_check_group_norm(Interp *in, const Call *c, Mod *m)
{
    int64_t groups = c->v[0]->u.i, channels = c->v[1]->u.i;
    if (!size_ok(in, c, 0, groups) || !size_ok(in, c, 1, channels) || !numbers_ok(in, c, m))
        return false;
    if (channels % groups != 0) {
        fe_report(in->d, c->v_at[0], DG(norm_groups), (long long)channels, (long long)groups);
        return false;
    }
    if (fe_flag_of(m, "affine")) add_affine(in, m, 1, &channels, fe_flag_of(m, "bias"));
    return true;
}

/* ---- shapes ---- */

static bool misfit(Interp *in, const Mod *m, const Chain *c, const Shape *s, const char *takes)
{
    fe_report(in->d, m->arg_at[0], DG(norm_shape), m->info->name, takes,
              fe_shape_text(in->a, s, c->batch));
    fe_note_chain(in, c);
    return false;
}

static bool features_fit(Interp *in, const Mod *m, const Chain *c, const Shape *s)
{
    long long features = m->arg[0]->u.i, gets = s->dim[1].k;
    if (gets == features) return true;
    fe_report(in->d, m->arg_at[0], DG(norm_features), m->info->name, features, "features", gets);
    fe_note_chain(in, c);
    fe_help(in->d, "num_features is the size of axis 1, %lld here: nn.%s(%lld)", gets,
            m->info->name, gets);
    return false;
}

bool fe_shape_batch_norm(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    if (fe_spatial(m) == 1 && (s->rank < 2 || s->rank > 3)) {
        misfit(in, m, c, s, "(batch, features) or (batch, features, length)");
        if (s->rank == 4) fe_help(in->d, "nn.BatchNorm2d(%lld) is for images",
                                  (long long)s->dim[1].k);
        return false;
    }
    if (fe_spatial(m) == 2 && !fe_spatial_shape(in, m, c, s)) return false;
    return features_fit(in, m, c, s);
}

static int64_t spatial_elems(const Shape *s)
{
    int64_t n = 1;
    for (int i = 2; i < s->rank; i++) n *= s->dim[i].k;
    return n;
}

/* PyTorch stops where a channel has one value, whose variance says nothing. */
bool fe_shape_instance_norm(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    if (!fe_spatial_shape(in, m, c, s) || !features_fit(in, m, c, s)) return false;
    if (spatial_elems(s) > 1) return true;
    fe_report(in->d, m->at, DG(norm_one), m->info->name, "channel of a sample");
    fe_note_chain(in, c);
    return false;
}

/* The sizes that LayerNorm wants last. */
static int last_sizes(const Mod *m, int64_t dim[IR_MAX_RANK])
{
    const Value *v = m->arg[0];
    if (v->kind == V_INT) return dim[0] = v->u.i, 1;
    for (int i = 0; i < v->u.list->n; i++) dim[i] = v->u.list->item[i]->u.i;
    return v->u.list->n;
}

bool fe_shape_layer_norm(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int64_t dim[IR_MAX_RANK];
    int k = last_sizes(m, dim);
    bool fits = k < s->rank;
    const char *takes = "(…";
    for (int i = 0; i < k; i++) {
        fits = fits && s->dim[s->rank - k + i].k == dim[i];
        takes = arena_printf(in->a, "%s, %lld", takes, (long long)dim[i]);
    }
    if (fits) return true;
    misfit(in, m, c, s, arena_printf(in->a, "%s)", takes));
    long long last = s->dim[s->rank - 1].k;
    if (k == 1)
        fe_help(in->d, "normalized_shape is the size of the last axis: nn.LayerNorm(%lld)", last);
    else fe_help(in->d, "normalized_shape lists the sizes of the last axes, without the batch");
    return false;
}

bool fe_shape_group_norm(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    long long channels = m->arg[1]->u.i;
    if (s->rank < 2) return misfit(in, m, c, s, "(batch, channels, …)");
    if (s->dim[1].k == channels) return true;
    fe_report(in->d, m->arg_at[1], DG(norm_features), m->info->name, channels, "channels",
              (long long)s->dim[1].k);
    fe_note_chain(in, c);
    fe_help(in->d, "num_channels is the size of axis 1, %lld here", (long long)s->dim[1].k);
    return false;
}

/* The first layer that cannot be trained with one sample; null: none. */
static const Step *wants_two(const Chain *c)
{
    for (int i = 0; i < c->n; i++) {
        const Step *s = &c->step[i];
        bool norm = s->mod && strncmp(s->mod->info->name, "BatchNorm", 9) == 0;
        if (norm && spatial_elems(&s->out) == 1) return s;
    }
    return NULL;
}

int64_t fe_least_batch(const Chain *c) { return wants_two(c) ? 2 : 0; }

void fe_check_norms(Interp *in, const Roles *r, const Chain *c)
{
    const Step *s = r->loss && c->batch == 1 ? wants_two(c) : NULL;
    if (!s) return;
    fe_report(in->d, s->mod->at, DG(norm_one), s->mod->info->name,
              s->out.rank == 4 ? "channel" : "feature");
    fe_help(in->d, "set batch_size to 2 or more, or give --batch");
}

/* ---- graphs ---- */

/* Which axes a statistic is over. */
typedef enum { OVER_BATCH, OVER_BATCH_AND_LENGTH, OVER_BATCH_AND_PLANE, OVER_LAST } Over;
static const struct { int64_t axis[3]; int n; bool keep; } spans[] = {
    [OVER_BATCH] = { { 0 }, 1, false },
    [OVER_BATCH_AND_LENGTH] = { { 0, 2 }, 2, false },
    [OVER_BATCH_AND_PLANE] = { { 0, 2, 3 }, 3, false },
    [OVER_LAST] = { { 1 }, 1, true },
};

static Val reshape(const Spot *p, Val x, Shape s)
{
    Type t = ir_type_of(ir_type(p->g, x)->dtype, s);
    if (ir_type_eq(ir_type(p->g, x), &t)) return x;
    return ir_add_typed(p->g, OP_reshape, p->loc, t, IR_IN(x), IR_NO_ATTRS);
}

/* A value per feature, [c], as elements of [n,c,l] or [n,c,h,w] meet it. */
static Val beside(const Spot *p, Over over, Val v)
{
    if (over != OVER_BATCH_AND_LENGTH && over != OVER_BATCH_AND_PLANE) return v;
    return reshape(p, v, (Shape){ (uint8_t)spans[over].n, { ir_type(p->g, v)->shape.dim[0],
                                                            ir_dim(1), ir_dim(1) } });
}

static Val mean(const Spot *p, Over over, Val x)
{
    Attr attr[] = { ir_ints(AT_axes, spans[over].axis, spans[over].n), ir_flag(AT_keep) };
    return ir_add(p->g, OP_mean, p->loc, IR_IN(x), attr, spans[over].keep ? 2 : 1);
}

static Val map(const Spot *p, const char *f, const Val *in, int n)
{
    return ir_map(p->g, f, in, n, p->loc);
}

typedef struct Moments {
    Val first, rest;             /* the mean is their sum */
    Val centred, var;            /* x less its mean; the mean of its squares */
} Moments;

static Val stop(const Spot *p, Val x)
{
    return ir_add(p->g, OP_stop, p->loc, IR_IN(x), IR_NO_ATTRS);
}

static Moments moments(const Spot *p, Over over, Val x)
{
    Moments r;
    r.first = stop(p, mean(p, over, x));
    Val first = beside(p, over, r.first);
    r.rest = mean(p, over, map(p, "a - b", IR_IN(x, first)));
    Val rest = beside(p, over, r.rest);
    r.centred = map(p, "a - b - c", IR_IN(x, first, rest));
    Val again = map(p, "a - b - c", IR_IN(x, first, stop(p, rest)));
    r.var = mean(p, over, map(p, "a * a", IR_IN(again)));
    return r;
}

static Val inverse_root(const Spot *p, Val var)
{
    const char *eps = ir_real_string(fe_number_of(p->m, "eps"), p->a);
    return map(p, arena_printf(p->a, "1 / sqrt(a + %s)", eps), IR_IN(var));
}

static Val param(const Spot *p, int i, Shape s)
{
    return reshape(p, fe_layer_param(p, i), s);
}

/* x scale weight + bias, with what there is of them, in one map. */
static Val scaled(const Spot *p, Val x, Val scale, const Val *affine)
{
    static const char *const f[] = { "a * b", "a * b * c", "a * b * c + d" };
    Val in[4] = { x, scale, affine[0], affine[1] };
    int n = p->m->n_param;
    return map(p, f[n], in, n + 2);
}

/* running' = (1 - share) running + share now; momentum None: share is 1 / batches, so that the
 * result is the mean over all batches. */
static void track(const Spot *p, Over over, Val x, const Moments *now)
{
    Graph *g = p->g;
    State state[3];
    Val old[3];
    for (int i = 0; i < 3; i++) {
        state[i] = p->m->buffer[i]->state;
        old[i] = ir_state_val(g, state[i]);
    }
    Attr axes = ir_ints(AT_axes, spans[over].axis, spans[over].n);
    Val count = ir_add(g, OP_count, p->loc, IR_IN(x), &axes, 1);
    Val batches = ir_add(g, OP_increment, p->loc, IR_IN(old[2]), IR_NO_ATTRS);
    Val new_mean, new_var;
    if (fe_arg_of(p->m, "momentum")->kind == V_NONE) {
        Type real = { .dtype = g->module->real };
        Val k = ir_add_typed(g, OP_cast, p->loc, real, IR_IN(batches), IR_NO_ATTRS);
        new_mean = map(p, "a * (1 - 1 / d) + (b + c) / d", IR_IN(old[0], now->first, now->rest, k));
        new_var = map(p, "a * (1 - 1 / d) + b * (c / (c - 1)) / d",
                      IR_IN(old[1], now->var, count, k));
    } else {
        double momentum = fe_number_of(p->m, "momentum");
        const char *share = ir_real_string(momentum, p->a);
        const char *kept = ir_real_string(1 - momentum, p->a);
        new_mean = map(p, arena_printf(p->a, "a * %s + (b + c) * %s", kept, share),
                       IR_IN(old[0], now->first, now->rest));
        new_var = map(p, arena_printf(p->a, "a * %s + b * (c / (c - 1)) * %s", kept, share),
                      IR_IN(old[1], now->var, count));
    }
    ir_update(g, state[0], new_mean);
    ir_update(g, state[1], new_var);
    ir_update(g, state[2], batches);
}

/* By running statistics: (x - mean) scale + bias, with a scale per feature. */
static Val by_running(const Spot *p, Over over, Val x)
{
    Val var = ir_state_val(p->g, p->m->buffer[1]->state), scale;
    if (p->m->n_param) {
        const char *eps = ir_real_string(fe_number_of(p->m, "eps"), p->a);
        scale = map(p, arena_printf(p->a, "a / sqrt(b + %s)", eps),
                    IR_IN(ir_state_val(p->g, p->m->param[0]->state), var));
    } else {
        scale = inverse_root(p, var);
    }
    Val in[4] = { x, beside(p, over, ir_state_val(p->g, p->m->buffer[0]->state)),
                  beside(p, over, scale) };
    if (p->m->n_param < 2) return map(p, "(a - b) * c", in, 3);
    in[3] = beside(p, over, ir_state_val(p->g, p->m->param[1]->state));
    return map(p, "(a - b) * c + d", in, 4);
}

Val fe_lower_batch_norm(const Spot *p, Val x)
{
    int rank = ir_type(p->g, x)->shape.rank;
    Over over = rank == 2 ? OVER_BATCH : rank == 3 ? OVER_BATCH_AND_LENGTH : OVER_BATCH_AND_PLANE;
    if (!p->training && p->m->n_buffer) return by_running(p, over, x);
    Moments now = moments(p, over, x);
    Val affine[2] = { { 0 } };
    for (int i = 0; i < p->m->n_param; i++)
        affine[i] = beside(p, over, ir_state_val(p->g, p->m->param[i]->state));
    Val y = scaled(p, now.centred, beside(p, over, inverse_root(p, now.var)), affine);
    if (p->m->n_buffer && p->training) track(p, over, x, &now);
    return y;
}

/* [rows, cols] of axes 0 … k-1 and the others; all but axis 0 are constants. */
static Shape rows_of(const Shape *s, int k)
{
    Shape r = { 2, { s->dim[0], ir_dim(1) } };
    for (int i = 1; i < s->rank; i++) r.dim[i >= k].k *= s->dim[i].k;
    return r;
}

Val fe_lower_layer_norm(const Spot *p, Val x)
{
    int64_t sizes[IR_MAX_RANK];
    Shape s = ir_type(p->g, x)->shape, rows = rows_of(&s, s.rank - last_sizes(p->m, sizes));
    Val affine[2] = { { 0 } };
    Moments now = moments(p, OVER_LAST, reshape(p, x, rows));
    for (int i = 0; i < p->m->n_param; i++)
        affine[i] = param(p, i, (Shape){ 1, { rows.dim[1] } });
    return reshape(p, scaled(p, now.centred, inverse_root(p, now.var), affine), s);
}

/* A row is a group of channels; weight and bias are a channel's. */
static Val by_groups(const Spot *p, Val x, int64_t groups, Moments *of_rows)
{
    Shape s = ir_type(p->g, x)->shape, rows = rows_of(&s, 1), planes = rows_of(&s, 2);
    rows.dim[0].k *= groups;
    rows.dim[1].k /= groups;
    Moments now = *of_rows = moments(p, OVER_LAST, reshape(p, x, rows));
    Val y = map(p, "a * b", IR_IN(now.centred, inverse_root(p, now.var)));
    if (!p->m->n_param) return reshape(p, y, s);
    /* [n,c] or [n,c,l] */
    planes = (Shape){ planes.dim[1].k > 1 ? 3 : 2, { s.dim[0], s.dim[1], planes.dim[1] } };
    Shape each = { planes.rank == 3 ? 2 : 1, { s.dim[1], ir_dim(1) } };
    Val in[3] = { reshape(p, y, planes), param(p, 0, each) };
    if (p->m->n_param > 1) in[2] = param(p, 1, each);
    return reshape(p, map(p, in[2].i ? "a * b + c" : "a * b", in, p->m->n_param + 1), s);
}

Val fe_lower_group_norm(const Spot *p, Val x)
{
    Moments now;
    return by_groups(p, x, p->m->arg[0]->u.i, &now);
}

/* running' = (1 - share) running + share times the mean over the batch of what the samples have.
 * Unlike batch norm's, momentum=None leaves them as they are, and no batches are counted. */
static void track_samples(const Spot *p, Val x, const Moments *now)
{
    if (fe_arg_of(p->m, "momentum")->kind == V_NONE) return;
    Shape s = ir_type(p->g, x)->shape, each = { 2, { s.dim[0], s.dim[1] } };
    double share = fe_number_of(p->m, "momentum"), count = (double)spatial_elems(&s);
    const char *unbiased =
        arena_printf(p->a, "a * %s", ir_real_string(count / (count - 1), p->a));
    Val of_sample[2] = { map(p, "a + b", IR_IN(now->first, now->rest)),
                         map(p, unbiased, IR_IN(now->var)) };
    for (int i = 0; i < 2; i++) {
        State state = p->m->buffer[i]->state;
        Val of_batch = mean(p, OVER_BATCH, reshape(p, of_sample[i], each));
        const char *f = arena_printf(p->a, "a * %s + b * %s", ir_real_string(1 - share, p->a),
                                     ir_real_string(share, p->a));
        ir_update(p->g, state, map(p, f, IR_IN(ir_state_val(p->g, state), of_batch)));
    }
}

Val fe_lower_instance_norm(const Spot *p, Val x)
{
    Moments now;
    Over over = fe_spatial(p->m) == 1 ? OVER_BATCH_AND_LENGTH : OVER_BATCH_AND_PLANE;
    if (!p->training && p->m->n_buffer) return by_running(p, over, x);
    Val y = by_groups(p, x, p->m->arg[0]->u.i, &now);
    if (p->m->n_buffer && p->training) track_samples(p, x, &now);
    return y;
}
