/* frontend/own_losses.c: c_loss of `from seqc import c_loss`: a function in C of a prediction, a
 * target and numbers becomes a loss of elements, averaged or summed. */
#include "frontend/own.h"
#include <math.h>
#include <string.h>

static bool take_reduction(Interp *in, const Call *c, const ArgVal *x, LossObj *o)
{
    const char *s = x->v->kind == V_STR ? x->v->u.s : "";
    o->total = strcmp(s, "sum") == 0;
    if (o->total || strcmp(s, "mean") == 0) return true;
    fe_report(in->d, x->at, DG(bad_choice), c->name, "reduction", "'mean' or 'sum'",
              fe_repr(in->a, x->v));
    return false;
}

/* The numbers that the call gives; false: reported. */
static bool take_numbers(Interp *in, const Call *c, const CFunc *f, LossObj *o,
                         double value[EX_MAX_ARGS])
{
    for (int i = 0; i < f->n_param; i++) value[i] = NAN;
    for (int k = 2; k < c->n_arg; k++) {
        const ArgVal *x = &c->arg[k];
        if (x->name && strcmp(x->name, "reduction") == 0) {
            if (!take_reduction(in, c, x, o)) return false;
            continue;
        }
        int i = fe_own_argument(in, c, f, x);
        if (i < 0 || !fe_own_number(in, c, x, "a number", &value[i])) return false;
    }
    return true;
}

Value *fe_fn_c_loss(Interp *in, const Call *c)
{
    const CFuncs *file = NULL;
    const CFunc *f = fe_own_function(in, c, &file);
    if (!f) return fe_bad(in, c->at);
    LossObj *o = arena_alloc(in->a, 1, sizeof *o);
    *o = (LossObj){ .row = fe_own_loss, .at = c->at, .text = fe_call_text(in, c, "", false) };
    double value[EX_MAX_ARGS];
    if (!take_numbers(in, c, f, o, value)) return fe_bad(in, c->at);
    Ex arg[EX_MAX_ARGS] = { { 0 } };
    CUse use;
    int n = 0;
    for (int i = 0; i < f->n_param; i++) {
        use.arg[i] = (CArg){ .at = value[i], .slope = isnan(value[i]) && n == 0 };   /* the prediction */
        if (!isnan(value[i])) continue;
        if (n == 2) {
            fe_report(in->d, c->of_at, DG(missing), c->name, f->param[i]);
            fe_help(in->d, "the function is %s: after prediction and target come numbers",
                    fe_own_signature(in->a, f));
            return fe_bad(in, c->at);
        }
        arg[i] = ex_arg(file->pool, n++);
    }
    if (n < 2) {
        fe_report(in->d, c->at, DG(own_loss_pair), fe_own_signature(in->a, f), n);
        return fe_bad(in, c->at);
    }
    o->own = arena_alloc(in->a, 1, sizeof *o->own);
    if (!fe_own_form(in, c->at, f, file->pool, arg, value, n, o->own)) return fe_bad(in, c->at);
    fe_own_used(in, file, f, &use, c->at);
    Value *v = fe_val(in, V_LOSS, c->at);
    v->u.loss = o;
    return v;
}
