/* frontend/lower_loss.c: a loss as nodes.
 *
 * A loss of elements is an op of output and target, averaged or summed. A class loss with weights,
 * an ignored index or smoothed labels turns indices into what each class of a row counts (one_hot
 * and a map) and goes on as with probabilities; its mean divides by the sum of the weights of the
 * classes that were named, as PyTorch's does. */
#include "frontend/own.h"
#include "frontend/tensor.h"
#include <string.h>

const LossInfo fe_loss[] = {
#define LOSS(name, signature, rule, op, target, metrics, doc) \
    { #name, signature, LOSS_##rule, OP_##op, TARGET_##target, METRICS_##metrics },
#include "frontend/losses.def"
#undef LOSS
    { "c_loss", "", LOSS_elements, OP_map, TARGET_REAL, METRICS_ERRORS },
};
const int fe_own_loss = sizeof fe_loss / sizeof *fe_loss - 1;

typedef struct Site {
    Graph *g;
    Arena *a;
    const LossInfo *info;
    const LossObj *o;
    Loc loc;
    Val out, target;
} Site;

/* ---- arguments ---- */

static int place_in(const LossInfo *info, const char *name)
{
    Fn fn = { .signature = info->signature };
    Call c = { .fn = &fn };
    return fe_arg(&c, name);
}

static int place(const Site *s, const char *name) { return place_in(s->info, name); }

static double number(const Site *s, const char *name, double otherwise)
{
    int i = place(s, name);
    double x = otherwise;
    if (i >= 0) fe_number(s->o->arg[i], &x);
    return x;
}

static bool flag(const Site *s, const char *name, bool otherwise)
{
    int i = place(s, name);
    return i >= 0 ? s->o->arg[i]->u.b : otherwise;
}

bool fe_ignored_label(const LossObj *o, int64_t *label)
{
    int i = place_in(&fe_loss[o->row], "ignore_index");
    bool said = i >= 0 && o->given[i];
    if (said) *label = o->arg[i]->u.i;
    return said;
}

/* A tensor argument as a constant; none where there is no such argument or it is None. */
static Val tensor(const Site *s, const char *name)
{
    int i = place(s, name);
    if (i < 0 || s->o->arg[i]->kind != V_TENSOR) return (Val){ 0 };
    const Tensor *t = s->o->arg[i]->u.tensor;
    Type type = ir_type_of(ir_type(s->g, s->out)->dtype, ir_shape(t->rank, t->dim));
    return ir_const(s->g, type, t->x, (int)t->n, s->loc);
}

/* ---- pieces ---- */

static const char *text(const Site *s, double x) { return ir_real_string(x, s->a); }

/* Over all axes. */
static Val reduce(const Site *s, Op op, Val x)
{
    return fe_reduce_all(s->g, op, x, s->loc);
}

static Val over_classes(const Site *s, Val x)
{
    const int64_t axis = 1;
    return ir_add(s->g, OP_sum, s->loc, IR_IN(x),
                  IR_ATTRS(ir_ints(AT_axes, &axis, 1), ir_flag(AT_keep)));
}

static Val map2(const Site *s, const char *f, Val a, Val b)
{
    return ir_map(s->g, f, IR_IN(a, b), s->loc);
}

/* ---- losses of elements ---- */

static Val element(const Site *s)
{
    Op op = s->info->op;
    Attr attr[8];
    if (s->o->own) return fe_own_node(s->g, s->a, s->o->own, IR_IN(s->out, s->target), s->loc);
    if (flag(s, "log_target", false)) op = OP_kl_div_log;
    if (!flag(s, "log_input", true)) op = OP_poisson_nll_rate;
    Val p = tensor(s, "pos_weight");
    if (p.i)
        return ir_map(s->g, "(1 - b) * a - (1 + (c - 1) * b) * logsigmoid(a)",
                      IR_IN(s->out, s->target, p), s->loc);
    int n = fe_real_attrs(s->info->signature, op, s->o->arg, attr);
    Val e = ir_add(s->g, op, s->loc, IR_IN(s->out, s->target), attr, n);
    if (!flag(s, "full", false)) return e;
    /* Stirling's approximation of log(b!), where b is above 1 */
    return map2(s, "a + (b > 1 ? b * log(b) - b + 0.5 * log(6.283185307179586 * b) : 0)", e,
                s->target);
}

static Val element_loss(const Site *s)
{
    Val e = element(s), w = tensor(s, "weight");
    if (w.i) e = ir_add(s->g, OP_mul, s->loc, IR_IN(e, w), IR_NO_ATTRS);
    if (!s->o->batch_mean) return reduce(s, s->o->total ? OP_sum : OP_mean, e);
    const int64_t axis = 0;
    Val n = ir_add(s->g, OP_count, s->loc, IR_IN(e), IR_ATTRS(ir_ints(AT_axes, &axis, 1)));
    return ir_add(s->g, OP_div, s->loc, IR_IN(reduce(s, OP_sum, e), n), IR_NO_ATTRS);
}

/* ---- of a mean and a variance each ---- */

Shape fe_target_shape(const LossObj *o, const Shape *output)
{
    Shape s = *output;
    if (fe_loss[o->row].rule == LOSS_variances) s.dim[s.rank - 1].k /= 2;
    return s;
}

Val fe_half(Graph *g, Val x, int which, Loc loc)
{
    const Shape *s = &ir_type(g, x)->shape;
    int64_t half = s->dim[s->rank - 1].k / 2;
    return ir_add(g, OP_slice, loc, IR_IN(x),
                  IR_ATTRS(ir_int(AT_axis, s->rank - 1), ir_int(AT_from, which * half),
                           ir_int(AT_to, (which + 1) * half)));
}

/* log(v) / 2 + (mean - target)^2 / (2 v), where v is the variance and at least eps. PyTorch raises
 * it to eps behind the back of the derivative, and stops at a variance below 0: here that is NaN. */
static Val variance_loss(const Site *s)
{
    Val mean = fe_half(s->g, s->out, 0, s->loc), var = fe_half(s->g, s->out, 1, s->loc);
    const char *eps = text(s, number(s, "eps", 1e-6));
    Val raise = ir_map(s->g, arena_printf(s->a, "max(a, %s) - a + 0 * sqrt(a)", eps), IR_IN(var),
                       s->loc);
    raise = ir_add(s->g, OP_stop, s->loc, IR_IN(raise), IR_NO_ATTRS);
    const char *f = "0.5 * (log(c + d) + (a - b) * (a - b) / (c + d))";
    if (flag(s, "full", false)) f = arena_printf(s->a, "%s + 0.9189385332046727", f);
    Val e = ir_map(s->g, f, IR_IN(mean, s->target, var, raise), s->loc);
    return reduce(s, s->o->total ? OP_sum : OP_mean, e);
}

/* ---- class losses ---- */

static Val plain(const Site *s, Val target, bool total)
{
    Attr attr = ir_flag(AT_total);
    return ir_add(s->g, s->info->op, s->loc, IR_IN(s->out, target), &attr, total ? 1 : 0);
}

static Val one_hot(const Site *s)
{
    int64_t label = 0;
    bool ignores = fe_ignored_label(s->o, &label);
    Attr attr = ir_int(AT_ignore, label);
    return ir_add(s->g, OP_one_hot, s->loc, IR_IN(s->out, s->target), &attr, ignores);
}

/* What each class counts, from what the target says of it: smoothed towards `all` / classes, the
 * share of every class alike (`all` none: 1), and weighted. */
static Val counted(const Site *s, Val says, Val all, Val weight, double smooth)
{
    Val in[3] = { says };
    int n = 1;
    const char *f = "a";
    if (smooth > 0) {
        double each = smooth / (double)ir_type(s->g, s->out)->shape.dim[1].k;
        f = arena_printf(s->a, "a * %s + %s", text(s, 1 - smooth), text(s, each));
        if (all.i) f = arena_printf(s->a, "%s * b", f), in[n++] = all;
    }
    if (weight.i) {
        f = arena_printf(s->a, "(%s) * %c", f, 'a' + n);
        in[n++] = weight;
    }
    return n == 1 && smooth == 0 ? says : ir_map(s->g, f, in, n, s->loc);
}

static Val class_loss(const Site *s)
{
    bool index = !ir_dtype_real(ir_type(s->g, s->target)->dtype);
    bool logs = s->info->rule == LOSS_log_classes;
    int64_t label;
    bool ignores = index && fe_ignored_label(s->o, &label);
    double smooth = number(s, "label_smoothing", 0);
    Val weight = tensor(s, "weight"), none = { 0 };
    if (!weight.i && !ignores && smooth == 0) return plain(s, s->target, s->o->total);
    if (!index) return plain(s, counted(s, s->target, none, weight, smooth), s->o->total);
    Val hot = one_hot(s);
    Val named = ignores && smooth > 0 ? over_classes(s, hot) : none;
    Val q = counted(s, hot, named, weight, smooth);
    bool by_rows = !weight.i && !ignores;
    if (!logs && by_rows) return plain(s, q, s->o->total);
    /* Log-probabilities of other classes may be infinite. */
    Val sum = logs ? reduce(s, OP_sum, map2(s, "b == 0 ? 0 : -a * b", s->out, q))
                   : plain(s, q, true);
    if (s->o->total) return sum;
    Val by = weight.i ? ir_add(s->g, OP_mul, s->loc, IR_IN(hot, weight), IR_NO_ATTRS) : hot;
    return ir_add(s->g, OP_div, s->loc, IR_IN(sum, reduce(s, OP_sum, by)), IR_NO_ATTRS);
}

/* Of each class that is not the target's: what its score lacks to stay `margin` below, to the power
 * p, weighted as the target's class; the mean is over rows and all classes. */
static Val margin_loss(const Site *s)
{
    Val hot = one_hot(s), weight = tensor(s, "weight");
    Val in[4] = { hot, s->out, over_classes(s, map2(s, "a == 0 ? 0 : a * b", hot, s->out)) };
    int n = 3;
    const char *z = arena_printf(s->a, "(%s - c + b)", text(s, number(s, "margin", 1)));
    const char *f = number(s, "p", 1) == 2 ? arena_printf(s->a, "%s * %s", z, z) : z;
    if (weight.i) {
        in[n++] = over_classes(s, ir_add(s->g, OP_mul, s->loc, IR_IN(hot, weight), IR_NO_ATTRS));
        f = arena_printf(s->a, "%s * d", f);
    }
    if (s->o->total) {
        double classes = (double)ir_type(s->g, s->out)->shape.dim[1].k;
        f = arena_printf(s->a, "%s / %s", f, text(s, classes));
    }
    /* An index that names no class makes the row NaN. */
    f = arena_printf(s->a, "a == 0 ? (%s > 0 ? %s : 0) : a - 1", z, f);
    return reduce(s, s->o->total ? OP_sum : OP_mean, ir_map(s->g, f, in, n, s->loc));
}

Val fe_lower_counted(Graph *g, Arena *a, const LossObj *o, Val out, Val target, Loc loc)
{
    const Site s = { g, a, &fe_loss[o->row], o, loc, out, target };
    return reduce(&s, OP_sum, one_hot(&s));
}

Val fe_lower_loss(Graph *g, Arena *a, const LossObj *o, Val out, Val target, Loc loc)
{
    const Site s = { g, a, &fe_loss[o->row], o, loc, out, target };
    switch (s.info->rule) {
    case LOSS_elements: return element_loss(&s);
    case LOSS_variances: return variance_loss(&s);
    case LOSS_margins: return margin_loss(&s);
    default: return class_loss(&s);
    }
}
