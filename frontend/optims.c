/* frontend/optims.c: optimizers: whose parameters, in which groups, with which settings.
 *
 * A group is a dict of PyTorch's. Its entries are bound as arguments over those of the call, so
 * that both are checked by one signature. */
#include "frontend/value.h"
#include <math.h>
#include <string.h>

static const struct { const char *rule, *name; double value; } settings[] = {
#define OPTIMIZER(...)
#define OPT_SETTING(rule, name, value) { #rule, #name, value },
#define OPT_SLOT(...)
#define OPT_SCALAR(...)
#define OPT_LET(...)
#include "ir/optimizers.def"
#undef OPTIMIZER
#undef OPT_SETTING
#undef OPT_SLOT
#undef OPT_SCALAR
#undef OPT_LET
};
static const char *const optim_rule[] = {
#define OPTIM(name, rule, signature) #rule,
#include "frontend/optims.def"
#undef OPTIM
};

/* ---- parameters ---- */

static bool add_param(Interp *in, const Call *c, OptimObj *o, const Value *v)
{
    if (v->kind != V_PARAM) {
        fe_report(in->d, c->v_at[0], DIAG_not_parameters,
                  "%s takes parameters, but the list holds something else", c->name);
        fe_help(in->d, "write %s(model.parameters(), lr=…)", c->name);
        return false;
    }
    for (int i = 0; i < o->n_param; i++)
        if (o->param[i] == v->u.param) {
            fe_report(in->d, c->v_at[0], DG(parameter_twice), c->name, v->u.param->name);
            return false;
        }
    size_t n = (size_t)o->n_param;
    if ((n & (n - 1)) == 0)
        o->param = arena_grow(in->a, o->param, n, n ? 2 * n : 1, sizeof *o->param);
    o->param[o->n_param++] = v->u.param;
    return true;
}

/* The parameters of the bound call, or of its group. */
static bool take_params(Interp *in, const Call *c, OptimObj *o, bool is_group)
{
    const Value *v = c->v[0];
    int before = o->n_param;
    if (v->kind == V_MODULE) {
        fe_report(in->d, c->v_at[0], DG(module_as_params), c->name);
        fe_help(in->d, "write %s(model.parameters(), …)", c->name);
        return false;
    }
    if (v->kind == V_PARAM && is_group) return add_param(in, c, o, v);
    if (v->kind == V_PARAM) {
        fe_report(in->d, c->v_at[0], DG(param_not_list), c->name);
        fe_help(in->d, "write %s([…], …): a list, even of one", c->name);
        return false;
    }
    for (int i = 0; i < v->u.list->n; i++)
        if (!add_param(in, c, o, v->u.list->item[i])) return false;
    if (o->n_param > before) return true;
    fe_report(in->d, c->v_at[0], DG(no_parameters), c->name);
    return false;
}

/* ---- settings ---- */

static bool in_range(Interp *in, const Call *c, int i, const char *name, double x)
{
    bool share = strcmp(name, "rho") == 0;
    if (share && x > 1) {
        fe_report(in->d, c->v_at[i], DG(bad_choice), c->name, name, "a number in 0 … 1",
                  fe_repr(in->a, c->v[i]));
        return false;
    }
    if ((x >= 0 || strcmp(name, "dampening") == 0) && isfinite(x)) return true;
    fe_report(in->d, c->v_at[i], DG(negative_setting), c->name, name, fe_repr(in->a, c->v[i]));
    return false;
}

static bool take_betas(Interp *in, const Call *c, double beta[2])
{
    int i = fe_arg(c, "betas");
    if (i < 0) return true;
    const Value *v = c->v[i];
    bool good = (v->kind == V_TUPLE || v->kind == V_LIST) && v->u.list->n == 2
        && fe_number(v->u.list->item[0], &beta[0]) && fe_number(v->u.list->item[1], &beta[1])
        && beta[0] >= 0 && beta[0] < 1 && beta[1] >= 0 && beta[1] < 1;
    if (!good) fe_report(in->d, c->v_at[i], DG(bad_betas), c->name, fe_repr(in->a, v));
    return good;
}

static bool take_settings(Interp *in, const Call *c, const OptimObj *o, OptimGroup *g)
{
    double beta[2] = { 0, 0 };
    int lr = fe_arg(c, "lr");
    fe_number(c->v[lr], &g->lr);
    if (!in_range(in, c, lr, "lr", g->lr)) return false;
    if (o->own) return fe_own_settings(in, c, o->own, g);
    if (!take_betas(in, c, beta)) return false;
    /* With its decay decoupled, Adam is AdamW. */
    int decoupled = fe_arg(c, "decoupled_weight_decay");
    g->rule = optim_rule[o->row];
    if (strcmp(g->rule, "adam") == 0 && c->v[decoupled]->u.b) g->rule = "adamw";
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        if (strcmp(settings[k].rule, g->rule) != 0) continue;
        double x = settings[k].value;
        int i = fe_arg(c, settings[k].name);
        if (i >= 0) fe_number(c->v[i], &x);
        if (i >= 0 && !in_range(in, c, i, settings[k].name, x)) return false;
        if (strcmp(settings[k].name, "beta1") == 0) x = beta[0];
        if (strcmp(settings[k].name, "beta2") == 0) x = beta[1];
        g->setting[g->n_setting++] = (OptSetting){ settings[k].name, x, NULL };
    }
    int n = fe_arg(c, "nesterov"), d = fe_arg(c, "differentiable");
    if (d >= 0 && c->v[d]->u.b) {
        fe_report(in->d, c->v_at[d], DG(argument_not_here), c->name, "differentiable");
        return false;
    }
    if (n < 0 || !c->v[n]->u.b) return true;
    double momentum = 0, dampening = 0;
    fe_number(c->v[fe_arg(c, "momentum")], &momentum);
    fe_number(c->v[fe_arg(c, "dampening")], &dampening);
    if (momentum > 0 && dampening == 0) return true;
    fe_report(in->d, c->v_at[n], DG(nesterov));
    return false;
}

/* ---- groups ---- */

static bool take_group(Interp *in, const Call *c, OptimObj *o, bool is_group)
{
    size_t n = (size_t)o->n_group;
    if ((n & (n - 1)) == 0)
        o->group = arena_grow(in->a, o->group, n, n ? 2 * n : 1, sizeof *o->group);
    OptimGroup *g = &o->group[o->n_group++];
    *g = (OptimGroup){ .first = o->n_param, .at = is_group ? c->v_at[0] : c->at };
    if (!take_params(in, c, o, is_group) || !take_settings(in, c, o, g)) return false;
    g->n_param = o->n_param - g->first;
    return true;
}

static void put_arg(Call *c, const char *name, Span name_at, Value *v, Span at)
{
    if (c->n_arg < FE_MAX_ARGS) c->arg[c->n_arg++] = (ArgVal){ name, name_at, at, v };
    c->n_given = c->n_arg;
}

/* The call with the dict's entries in place of its own arguments. */
static bool take_dict(Interp *in, const Call *c, OptimObj *o, const Value *dict)
{
    Call g = { .fn = c->fn, .name = c->name, .at = c->at, .of_at = c->of_at };
    const List *l = dict->u.list;
    bool has_params = false;
    for (int i = 0; i + 1 < l->n; i += 2) {
        const Value *key = l->item[i];
        bool named = key->kind == V_STR;
        if (named && strcmp(key->u.s, "name") == 0) continue;   /* means nothing to PyTorch */
        if (named) put_arg(&g, key->u.s, key->at, l->item[i + 1], l->item[i + 1]->at);
        has_params = has_params || (named && strcmp(key->u.s, "params") == 0);
    }
    if (!has_params) {
        fe_report(in->d, dict->at, DG(parameter_groups), c->name);
        fe_help(in->d, "write {'params': model[0].parameters(), 'lr': 0.001}");
        return false;
    }
    for (int i = 1; fe_arg_name(in->a, c, i); i++) {
        const char *name = fe_arg_name(in->a, c, i);
        bool own = false;
        for (int k = 0; k < g.n_arg; k++) own = own || strcmp(g.arg[k].name, name) == 0;
        if (c->given[i] && !own) put_arg(&g, name, c->v_at[i], c->v[i], c->v_at[i]);
    }
    return fe_bind_args(in, &g) && take_group(in, &g, o, true);
}

static bool take_groups(Interp *in, const Call *c, OptimObj *o)
{
    const Value *v = c->v[0];
    bool is_list = v->kind == V_LIST || v->kind == V_TUPLE;
    if (!is_list || v->u.list->n == 0 || v->u.list->item[0]->kind != V_DICT)
        return take_group(in, c, o, false);
    for (int i = 0; i < v->u.list->n; i++) {
        if (v->u.list->item[i]->kind != V_DICT) {
            fe_report(in->d, v->u.list->item[i]->at, DG(parameter_groups), c->name);
            fe_help(in->d, "the first element is a dict, so all must be");
            return false;
        }
        if (!take_dict(in, c, o, v->u.list->item[i])) return false;
    }
    return true;
}

static Value *make(Interp *in, const Call *c, OptimObj o)
{
    Value *v = fe_val(in, V_OPTIM, c->at);
    v->u.optim = arena_alloc(in->a, 1, sizeof o);
    *v->u.optim = o;
    return take_groups(in, c, v->u.optim) ? v : fe_bad(in, c->at);
}

Value *fe_make_optim(Interp *in, const Call *c)
{
    return make(in, c, (OptimObj){ .row = c->fn->row, .at = c->at,
                                   .text = fe_call_text(in, c, "params", true) });
}

Value *fe_make_own_optim(Interp *in, const Call *c, const struct OwnRule *own, const char *text)
{
    return make(in, c, (OptimObj){ .own = own, .at = c->at, .text = text });
}
