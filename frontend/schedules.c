/* frontend/schedules.c: schedulers of learning rates, as an expression of a = a group's rate, b =
 * epochs (or steps) done, c = steps of an epoch (ir/ir.h); ReduceLROnPlateau as its settings.
 *
 * PyTorch steps a scheduler in the user's loop; here the usual place is meant: after every epoch,
 * and for OneCycleLR after every step. */
#include "frontend/value.h"
#include <math.h>
#include <string.h>

typedef bool ScheduleRule(Interp *in, const Call *c, SchedObj *s);
enum { MAX_MILESTONES = 64, MAX_FORMULA = 4000 };

static const char *real(Interp *in, double x) { return ir_real_string(x, in->a); }

static bool out_of_range(Interp *in, const Call *c, const char *name, const char *wants)
{
    int i = fe_arg(c, name);
    fe_report(in->d, c->v_at[i], DG(schedule_range), c->name, name, wants,
              fe_repr(in->a, c->v[i]));
    return false;
}

/* Arguments of all schedulers by their names. */
static bool check_numbers(Interp *in, const Call *c)
{
    static const struct { const char *name; double low, high; const char *wants; } range[] = {
        { "step_size", 1, 1e15, "at least 1" },
        { "T_max", 1, 1e15, "at least 1" },
        { "T_0", 1, 1e15, "at least 1" },
        { "T_mult", 1, 1e15, "at least 1" },
        { "total_iters", 1, 1e15, "at least 1" },
        { "total_steps", 1, 1e15, "at least 1" },
        { "epochs", 1, 1e15, "at least 1" },
        { "gamma", 0, 1e15, "a number not below 0" },
        { "power", 0, 1e15, "a number not below 0" },
        { "eta_min", 0, 1e15, "a number not below 0" },
        { "min_lr", 0, 1e15, "a number not below 0" },
        { "eps", 0, 1e15, "a number not below 0" },
        { "threshold", 0, 1e15, "a number not below 0" },
        { "patience", 0, 1e15, "at least 0" },
        { "cooldown", 0, 1e15, "at least 0" },
        { "start_factor", 1e-300, 1, "above 0 and at most 1" },
        { "end_factor", 0, 1, "a number in 0 … 1" },
        { "factor", 0, 1, "a number in 0 … 1" },
        { "pct_start", 0, 1, "a number in 0 … 1" },
        { "base_momentum", 0, 1, "a number in 0 … 1" },
        { "max_momentum", 0, 1, "a number in 0 … 1" },
        { "div_factor", 1e-300, 1e300, "above 0" },
        { "final_div_factor", 1e-300, 1e300, "above 0" },
        { "last_epoch", -1, -1, "-1: a resumed run knows where it stood" },
    };
    for (size_t k = 0; k < sizeof range / sizeof *range; k++) {
        double x;
        int i = fe_arg(c, range[k].name);
        if (i < 0 || !fe_number(c->v[i], &x)) continue;
        if (!(x >= range[k].low && x <= range[k].high))
            return out_of_range(in, c, range[k].name, range[k].wants);
    }
    return true;
}

/* Known numbers and canonical text instead of the arguments' names. */
static bool set_formula(Interp *in, const Call *c, SchedObj *s, const char *text)
{
    ExPool *p = ex_pool(in->a);
    const char *names[FE_MAX_ARGS + 1] = { NULL };
    char err[EX_ERR];
    for (int i = 0; i < FE_MAX_ARGS; i++) names[i] = fe_arg_name(in->a, c, i);
    Ex e = strlen(text) > MAX_FORMULA ? (Ex){ 0 } : ex_parse(p, text, names, err);
    if (!e.i) {
        fe_report(in->d, c->at, DG(schedule_long), c->name);
        return false;
    }
    for (int i = 0; i < FE_MAX_ARGS && names[i]; i++) {
        double x;
        if (fe_number(c->v[i], &x)) e = ex_name_value(p, e, names[i], x);
    }
    s->f = ex_print(in->a, p, ex_simplify(p, e));
    return true;
}

static const char *const formula[] = {
#define SCHEDULER(name, signature, rule, text) text,
#include "frontend/schedulers.def"
#undef SCHEDULER
};

/* PyTorch makes a rate from the one before; those of a cosine are no multiples of it. */
static bool rule_formula(Interp *in, const Call *c, SchedObj *s)
{
    s->factor = fe_arg(c, "eta_min") < 0;
    return set_formula(in, c, s, formula[c->fn->row]);
}

/* Ascending epochs; their number, or -1 after an error. */
static int milestones(Interp *in, const Call *c, int64_t at[MAX_MILESTONES])
{
    const Value *v = c->v[fe_arg(c, "milestones")];
    bool good = (v->kind == V_LIST || v->kind == V_TUPLE) && v->u.list->n <= MAX_MILESTONES;
    for (int i = 0; good && i < v->u.list->n; i++) {
        const Value *x = v->u.list->item[i];
        good = x->kind == V_INT && x->u.i >= 1 && (i == 0 || x->u.i > at[i - 1]);
        if (good) at[i] = x->u.i;
    }
    if (good) return v->u.list->n;
    out_of_range(in, c, "milestones", "a list of up to 64 ascending epochs");
    return -1;
}

static bool rule_milestones(Interp *in, const Call *c, SchedObj *s)
{
    int64_t at[MAX_MILESTONES];
    int n = milestones(in, c, at);
    double gamma = 0;
    fe_number(c->v[fe_arg(c, "gamma")], &gamma);
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(in->a, "%sb < %lld ? a * %s : ", text, (long long)at[i],
                            real(in, pow(gamma, i)));
    s->factor = true;
    return n >= 0
        && set_formula(in, c, s, arena_printf(in->a, "%sa * %s", text, real(in, pow(gamma, n))));
}

/* The row's formula of how far a cosine has come, from 0 to 1: each one is T_mult times as long as
 * that before it. Behind a billion epochs there is no other. */
static bool rule_restarts(Interp *in, const Call *c, SchedObj *s)
{
    double length = 0, times = 0, from = 0;
    fe_number(c->v[fe_arg(c, "T_0")], &length);
    fe_number(c->v[fe_arg(c, "T_mult")], &times);
    const char *along = times > 1 ? "" : "b / T_0 - floor(b / T_0)";
    for (; times > 1 && from + length < 1e9; from += length, length *= times)
        along = arena_printf(in->a, "%sb < %s ? (b - %s) / %s : ", along, real(in, from + length),
                             real(in, from), real(in, length));
    if (times > 1)
        along = arena_printf(in->a, "%s(b - %s) / %s", along, real(in, from), real(in, length));
    const char *text = formula[c->fn->row], *rest = strstr(text, "%s");
    return set_formula(in, c, s, arena_printf(in->a, "%.*s%s%s", (int)(rest - text), text, along,
                                              rest + 2));
}

/* Between two numbers, as `along` goes from 0 to 1. */
static const char *anneal(Interp *in, bool cosine, double from, double to, const char *along)
{
    if (cosine)
        return arena_printf(in->a, "%s + %s * (1.0 + cos(3.141592653589793 * (%s)))", real(in, to),
                            real(in, (from - to) / 2), along);
    return arena_printf(in->a, "%s + %s * (%s)", real(in, from), real(in, to - from), along);
}

typedef struct Phase { const char *end; double from, to; } Phase;

/* The phases of a cycle one after another, in terms of `done`, steps that are done. */
static const char *cycle(Interp *in, bool cosine, const Phase *p, int n, const char *done)
{
    const char *text = "", *start = "0.0";
    for (int i = 0; i < n; i++) {
        const char *length = arena_printf(in->a, "(%s - %s)", p[i].end, start);
        const char *along = arena_printf(in->a, "%s == 0 ? 1.0 : (min(%s, %s) - %s) / %s", length,
                                         done, p[i].end, start, length);
        const char *value = anneal(in, cosine, p[i].from, p[i].to, along);
        text = i + 1 < n ? arena_printf(in->a, "%s%s <= %s ? %s : ", text, done, p[i].end, value)
                         : arena_printf(in->a, "%s%s", text, value);
        start = p[i].end;
    }
    return text;
}

/* The number of steps: a number, or epochs times c where the steps of an epoch are data. */
static const char *total_steps(Interp *in, const Call *c)
{
    double total, epochs, steps;
    const Value *per_epoch = c->v[fe_arg(c, "steps_per_epoch")];
    if (fe_number(c->v[fe_arg(c, "total_steps")], &total)) return real(in, total);
    if (fe_number(c->v[fe_arg(c, "epochs")], &epochs)) {
        if (fe_number(per_epoch, &steps) && steps >= 1) return real(in, epochs * steps);
        if (per_epoch->kind == V_DATA) return arena_printf(in->a, "(%s * c)", real(in, epochs));
    }
    fe_report(in->d, c->at, DG(one_cycle_steps));
    return NULL;
}

static bool take_max_lr(Interp *in, const Call *c, SchedObj *s)
{
    int i = fe_arg(c, "max_lr"), n = s->optim->n_group;
    const Value *v = c->v[i];
    bool list = v->kind == V_LIST || v->kind == V_TUPLE, good = !list || v->u.list->n == n;
    s->max_lr = arena_alloc(in->a, (size_t)n, sizeof *s->max_lr);
    for (int k = 0; k < n && good; k++)
        good = fe_number(list ? v->u.list->item[k] : v, &s->max_lr[k]) && s->max_lr[k] > 0
            && isfinite(s->max_lr[k]);
    return good || out_of_range(in, c, "max_lr", "a number above 0, or one for each group");
}

/* Rates are shares of max_lr, which takes the place of the optimizer's. */
static bool rule_one_cycle(Interp *in, const Call *c, SchedObj *s)
{
    double pct = 0, div = 1, last = 1, low = 0, high = 0;
    const char *how = c->v[fe_arg(c, "anneal_strategy")]->u.s;
    bool cosine = strcmp(how, "cos") == 0, three = c->v[fe_arg(c, "three_phase")]->u.b;
    if (!cosine && strcmp(how, "linear") != 0)
        return out_of_range(in, c, "anneal_strategy", "'cos' or 'linear'");
    const char *total = total_steps(in, c);
    if (!total || !take_max_lr(in, c, s)) return false;
    fe_number(c->v[fe_arg(c, "pct_start")], &pct);
    fe_number(c->v[fe_arg(c, "div_factor")], &div);
    fe_number(c->v[fe_arg(c, "final_div_factor")], &last);
    fe_number(c->v[fe_arg(c, "base_momentum")], &low);
    fe_number(c->v[fe_arg(c, "max_momentum")], &high);
    const char *up = arena_printf(in->a, "(%s * %s - 1.0)", real(in, pct), total);
    const char *down = arena_printf(in->a, "(%s * %s - 2.0)", real(in, 2 * pct), total);
    const char *end = arena_printf(in->a, "(%s - 1.0)", total);
    Phase rate[3] = { { up, 1 / div, 1 },
                      { three ? down : end, 1, three ? 1 / div : 1 / div / last },
                      { end, 1 / div, 1 / div / last } };
    Phase momentum[3] = { { up, high, low }, { three ? down : end, low, high },
                          { end, high, high } };
    if (c->v[fe_arg(c, "cycle_momentum")]->u.b) {
        SchedObj of = { 0 };
        if (!set_formula(in, c, &of, cycle(in, cosine, momentum, three ? 3 : 2, "(b - 1.0)")))
            return false;
        s->momentum = of.f;
    }
    s->steps = true;
    const char *share = cycle(in, cosine, rate, three ? 3 : 2, "b");
    return set_formula(in, c, s, arena_printf(in->a, "a * (%s)", share));
}

/* Each scheduler from its milestone on, counting from there. */
static bool rule_sequence(Interp *in, const Call *c, SchedObj *s)
{
    int64_t at[MAX_MILESTONES];
    const Value *v = c->v[fe_arg(c, "schedulers")];
    bool list = (v->kind == V_LIST || v->kind == V_TUPLE) && v->u.list->n > 0;
    int n = list ? milestones(in, c, at) : 0;
    if (n < 0) return false;
    bool good = list && v->u.list->n == n + 1;
    const char *text = "";
    for (int i = 0; good && i <= n; i++) {
        const Value *x = v->u.list->item[i];
        good = x->kind == V_SCHED && x->u.sched->f && !x->u.sched->steps
            && x->u.sched->optim == s->optim;
        if (!good) break;
        x->u.sched->part = true;
        ExPool *p = ex_pool(in->a);
        char err[EX_ERR];
        Ex from = i ? ex_op(p, EX_SUB, ex_arg(p, 1), ex_num(p, (double)at[i - 1]), (Ex){ 0 })
                    : ex_arg(p, 1);
        Ex e = ex_subst(p, ex_parse(p, x->u.sched->f, NULL, err),
                        (const Ex[]){ ex_arg(p, 0), from }, 2);
        const char *one = ex_print(in->a, p, ex_simplify(p, e));
        text = i < n ? arena_printf(in->a, "%sb < %lld ? %s : ", text, (long long)at[i], one)
                     : arena_printf(in->a, "%s%s", text, one);
    }
    return good ? set_formula(in, c, s, text)
                : out_of_range(in, c, "schedulers",
                               "schedulers of that optimizer that count epochs, one more than "
                               "there are milestones");
}

/* The function's value multiplies the first rate. */
static bool rule_lambda(Interp *in, const Call *c, SchedObj *s)
{
    Value *f = c->v[fe_arg(c, "lr_lambda")];
    if (f->kind != V_FUNC) return out_of_range(in, c, "lr_lambda", "one function of the epoch");
    const char *text = fe_symbol_formula(in, f, c->at);
    return text && set_formula(in, c, s, arena_printf(in->a, "a * (%s)", text));
}

/* All at once: each changes what the one before it makes. */
static bool rule_chain(Interp *in, const Call *c, SchedObj *s)
{
    const Value *v = c->v[0];
    bool good = (v->kind == V_LIST || v->kind == V_TUPLE) && v->u.list->n > 0;
    const char *text = "a";
    for (int i = 0; good && i < v->u.list->n; i++) {
        const Value *x = v->u.list->item[i];
        good = x->kind == V_SCHED && x->u.sched->factor && x->u.sched->optim == s->optim
            && strlen(text) <= MAX_FORMULA;
        if (!good) break;
        x->u.sched->part = true;
        ExPool *p = ex_pool(in->a);
        char err[EX_ERR];
        Ex before = ex_parse(p, text, NULL, err);
        text = ex_print(in->a, p, ex_subst(p, ex_parse(p, x->u.sched->f, NULL, err),
                                           (const Ex[]){ before, ex_arg(p, 1) }, 2));
    }
    s->factor = true;
    return good ? set_formula(in, c, s, text)
                : out_of_range(in, c, "schedulers",
                               "schedulers of one optimizer that multiply its rates, no cosine and "
                               "no sequence");
}

static bool rule_plateau(Interp *in, const Call *c, SchedObj *s)
{
    static const char *const name[PLATEAU_COUNT] = {
        "factor", "patience", "threshold", NULL, "cooldown", "min_lr", "eps",
    };
    const char *mode = c->v[fe_arg(c, "threshold_mode")]->u.s;
    if (strcmp(c->v[fe_arg(c, "mode")]->u.s, "min") != 0)
        return out_of_range(in, c, "mode", "'min': it watches the validation loss");
    if (strcmp(mode, "rel") != 0 && strcmp(mode, "abs") != 0)
        return out_of_range(in, c, "threshold_mode", "'rel' or 'abs'");
    for (int i = 0; i < PLATEAU_COUNT; i++)
        if (name[i]) fe_number(c->v[fe_arg(c, name[i])], &s->plateau[i]);
    s->plateau[PLATEAU_relative] = strcmp(mode, "rel") == 0;
    if (!(s->plateau[PLATEAU_factor] > 0) || s->plateau[PLATEAU_factor] >= 1)
        return out_of_range(in, c, "factor", "above 0 and below 1");
    return true;
}

static ScheduleRule *const rules[] = {
#define SCHEDULER(name, signature, rule, text) rule_##rule,
#include "frontend/schedulers.def"
#undef SCHEDULER
};

/* The optimizer that is given, or that of the first of the schedulers; null after an error. */
static OptimObj *optimizer_of(Interp *in, const Call *c)
{
    int i = fe_arg(c, "optimizer"), all = fe_arg(c, "schedulers");
    const Value *v = c->v[i], *list = all < 0 ? NULL : c->v[all];
    if (v->kind == V_OPTIM) return v->u.optim;
    if (v->kind == V_NONE && list && (list->kind == V_LIST || list->kind == V_TUPLE)
        && list->u.list->n > 0 && list->u.list->item[0]->kind == V_SCHED)
        return list->u.list->item[0]->u.sched->optim;
    if (v->kind != V_BAD) fe_wrong_type(in, c, i, "optimizer", "an optimizer");
    return NULL;
}

Value *fe_make_schedule(Interp *in, const Call *c)
{
    OptimObj *optim = optimizer_of(in, c);
    if (!optim) return fe_bad(in, c->at);
    SchedObj *s = arena_alloc(in->a, 1, sizeof *s);
    *s = (SchedObj){ .at = c->at, .optim = optim };
    if (!check_numbers(in, c) || !rules[c->fn->row](in, c, s)) return fe_bad(in, c->at);
    Value *v = fe_val(in, V_SCHED, c->at);
    v->u.sched = s;
    return v;
}

/* ---- into the program ---- */

void fe_apply_schedule(Module *m, const SchedObj *s, OptimObj *o)
{
    Program *p = &m->prog;
    p->schedule = ir_intern(m, s->f);
    p->schedule_steps = s->steps;
    memcpy(p->plateau, s->plateau, sizeof p->plateau);
    for (int k = 0; k < o->n_group; k++) {
        OptimGroup *g = &o->group[k];
        if (s->max_lr) g->lr = s->max_lr[o == s->optim ? k : 0];
        for (int i = 0; i < g->n_setting && s->momentum && !o->own; i++)
            if (strcmp(g->setting[i].name, "momentum") == 0
                || strcmp(g->setting[i].name, "beta1") == 0)
                g->setting[i].f = s->momentum;
    }
}
