/* frontend/own_optims.c: c_optimizer of `from seqc import c_optimizer`: functions in C become an
 * optimizer's rule.
 *
 * c_optimizer("ops.c", "lion", model.parameters(), state=1, lr=1e-4, beta=0.9) takes the new value
 * of a parameter from lion(p, g, m, lr, beta): the parameter, its gradient, `state` values that the
 * optimizer keeps of it, which start at 0, and by their names lr, step (from 1) and other numbers.
 * The new value of the state m comes from the function lion_m, whose parameters have the same
 * names. All read the values from before the step; one may call another. */
#include "frontend/own.h"
#include <string.h>

enum { MAX_STATES = 8, MAX_NAMES = FE_MAX_ARGS - 2 };

/* f[0]: of the parameter; f[i]: of the state i. */
typedef struct OwnRule {
    const CFuncs *file;
    const CFunc *f[1 + MAX_STATES];
    int n_state;
    const char *number[MAX_NAMES]; int n_number;     /* lr among them, step not */
} OwnRule;

/* The place of a name among the parameter, the gradient and the states; -1: it is a number. */
static int place_of(const OwnRule *r, const char *name)
{
    for (int i = 0; i < 2 + r->n_state; i++)
        if (strcmp(r->f[0]->param[i], name) == 0) return i;
    return -1;
}

static bool add_numbers(Interp *in, const Call *c, OwnRule *r, const CFunc *f)
{
    for (int i = 0; i < f->n_param; i++) {
        int k = 0;
        if (place_of(r, f->param[i]) >= 0 || strcmp(f->param[i], "step") == 0) continue;
        while (k < r->n_number && strcmp(r->number[k], f->param[i]) != 0) k++;
        if (k < r->n_number) continue;
        if (k == MAX_NAMES) {
            fe_report(in->d, c->at, DG(many_args), f->name, f->n_param);
            return false;
        }
        r->number[r->n_number++] = f->param[i];
    }
    return true;
}

/* The functions of the new states, found by name; false: reported. */
static bool take_states(Interp *in, const Call *c, OwnRule *r)
{
    const CFunc *f = r->f[0];
    if (f->n_param < 2 + r->n_state) {
        fe_report(in->d, c->at, DG(own_rule_names), fe_own_signature(in->a, f), r->n_state,
                  r->n_state == 1 ? "" : "s");
        return false;
    }
    if (!add_numbers(in, c, r, f)) return false;
    for (int i = 0; i < r->n_state; i++) {
        const char *state = f->param[2 + i];
        const char *name = arena_printf(in->a, "%s_%s", f->name, state);
        r->f[1 + i] = fe_cfunc(r->file, name);
        if (!r->f[1 + i]) {
            fe_report(in->d, c->arg[1].at, DG(own_function), c->arg[0].v->u.s, name);
            fe_help(in->d, "the new value of the state `%s` comes from a function %s", state, name);
            return false;
        }
        if (!add_numbers(in, c, r, r->f[1 + i])) return false;
    }
    for (int k = 0; k < r->n_number; k++)
        if (strcmp(r->number[k], "lr") == 0) return true;
    fe_report(in->d, c->at, DG(own_no_lr), fe_own_signature(in->a, f));
    return false;
}

/* "state" as it is given, or 0; false: reported. */
static bool count_states(Interp *in, const Call *c, OwnRule *r)
{
    for (int k = 2; k < c->n_arg; k++) {
        const ArgVal *x = &c->arg[k];
        if (!x->name || strcmp(x->name, "state") != 0) continue;
        if (x->v->kind == V_INT && x->v->u.i >= 0 && x->v->u.i <= MAX_STATES) {
            r->n_state = (int)x->v->u.i;
            return true;
        }
        fe_report(in->d, x->at, DG(bad_choice), c->name, "state",
                  arena_printf(in->a, "an integer from 0 to %d", (int)MAX_STATES),
                  fe_repr(in->a, x->v));
        return false;
    }
    return true;
}

Value *fe_fn_c_optimizer(Interp *in, const Call *c)
{
    OwnRule *r = arena_alloc(in->a, 1, sizeof *r);
    r->f[0] = fe_own_function(in, c, &r->file);
    if (!r->f[0] || !count_states(in, c, r) || !take_states(in, c, r)) return fe_bad(in, c->at);
    /* Bound by a signature of its own, so that numbers and groups are as any optimizer's. */
    const char *signature = "params:params, *, state:int=0";
    for (int k = 0; k < r->n_number; k++)
        signature = arena_printf(in->a, "%s, %.38s:real", signature, r->number[k]);
    Fn *fn = arena_alloc(in->a, 1, sizeof *fn);
    *fn = (Fn){ c->fn->path, signature, c->fn->body, 0 };
    Call own = { .fn = fn, .name = c->name, .at = c->at, .of_at = c->of_at,
                 .positional = fe_list(in, V_LIST, c->at), .n_arg = c->n_arg - 2,
                 .n_given = c->n_given - 2 };
    memcpy(own.arg, c->arg + 2, sizeof *c->arg * (size_t)own.n_arg);
    if (!fe_bind_args(in, &own)) return fe_bad(in, c->at);
    return fe_make_own_optim(in, &own, r, fe_call_text(in, c, "params", false));
}

/* One function as text of the IR: its arguments by name, numbers put in. */
static const char *formula(Interp *in, const Call *c, const OwnRule *r, const CFunc *f)
{
    Ex args[EX_MAX_ARGS] = { { 0 } };
    ExPool *pool = r->file->pool;
    int lr = 2 + r->n_state;
    for (int i = 0; i < f->n_param; i++) {
        const char *name = f->param[i];
        double x = 0;
        int place = place_of(r, name);
        if (place < 0 && strcmp(name, "lr") == 0) place = lr;
        if (place < 0 && strcmp(name, "step") == 0) place = lr + 1;
        if (place < 0) fe_number(c->v[fe_arg(c, name)], &x);
        args[i] = place < 0 ? ex_num(pool, x) : ex_arg(pool, place);
    }
    Ex e = ex_stable(pool, ex_subst(pool, f->value, args, f->n_param));
    const char *text = ex_print(in->a, pool, e);
    if (strlen(text) <= OWN_MAX_TEXT) return text;
    fe_report(in->d, c->at, DG(own_size), f->name, (int)OWN_MAX_TEXT);
    return NULL;
}

bool fe_own_settings(Interp *in, const Call *c, const OwnRule *r, OptimGroup *g)
{
    g->rule = IR_OWN_RULE;
    for (int i = 0; i <= r->n_state; i++) {
        const char *name = r->f[0]->param[i ? 1 + i : 0], *f = formula(in, c, r, r->f[i]);
        if (!f) return false;
        g->setting[g->n_setting++] = (OptSetting){ name, 0, f };
    }
    return true;
}
