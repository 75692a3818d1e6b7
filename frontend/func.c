/* frontend/func.c: functions of the model file, lambdas and comprehensions.
 *
 * A function is run anew by each call; nothing is remembered between calls but what its arguments
 * and the names around it hold. Generator expressions are worked out at once and can be walked
 * once, like Python's. */
#include "frontend/eval.h"
#include "frontend/lower.h"
#include <string.h>

Value *fe_make_func(Interp *in, const FuncDef *def, Span at)
{
    Func *f = arena_alloc(in->a, 1, sizeof *f);
    bool method = in->frame && in->frame->is_class;
    *f = (Func){ .def = def, .closure = method ? in->frame->outer : in->frame,
                 .of = method ? in->frame->of : NULL };
    f->value = arena_alloc(in->a, (size_t)def->n_param + 1, sizeof(Value *));
    bool good = true;
    for (int i = 0; i < def->n_param; i++)
        if (def->param[i].value) {
            f->value[i] = fe_eval(in, def->param[i].value);
            good &= f->value[i]->kind != V_BAD;
        }
    if (!good) return fe_bad(in, at);
    Value *v = fe_val(in, V_FUNC, at);
    v->u.func = f;
    return v;
}

bool fe_no_grad(Interp *in, const Expr *x)
{
    static const char *const without[] = { "torch.no_grad", "torch.inference_mode" };
    const Value *v = fe_eval(in, x->kind == X_CALL ? x->of : x);
    const char *path = v->kind == V_FN ? v->u.fn->path : v->kind == V_DATA ? v->u.s : "";
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (strcmp(path, without[i]) == 0) return true;
    return false;
}

/* What a decorator makes of a function; false: it is none of those that are known here. */
static bool decorate(Interp *in, const Expr *x, Func *f)
{
    const Expr *name = x->kind == X_CALL ? x->of : x;
    if (name->kind == X_NAME && strcmp(name->text, "staticmethod") == 0) return f->is_static = true;
    if (name->kind == X_NAME && strcmp(name->text, "property") == 0) return f->is_property = true;
    return f->no_grad = fe_no_grad(in, x);
}

/* A function that an unknown decorator changes is data: nothing is known of what it does. */
Value *fe_make_decorated(Interp *in, const FuncDef *def, Span at)
{
    Value *v = fe_make_func(in, def, at);
    for (int i = def->n_decorator; i-- > 0 && v->kind == V_FUNC;)
        if (!decorate(in, def->decorator[i], v->u.func))
            return fe_data(in, "a decorated function", at);
    return v;
}

/* ---- arguments ---- */

static const char *signature(Arena *a, const FuncDef *d)
{
    const char *text = "";
    bool star = false;
    for (int i = 0; i < d->n_param && i < 20; i++) {
        const ParamDef *p = &d->param[i];
        if (p->by_name && p->stars == 0 && !star)
            text = arena_printf(a, "%s%s*", text, *text ? ", " : "");
        star |= p->by_name;
        text = arena_printf(a, "%s%s%s%s%s", text, *text ? ", " : "",
                            p->stars == 2 ? "**"
                            : p->stars    ? "*"
                                          : "",
                            p->name, p->value ? "=…" : "");
    }
    return arena_printf(a, "%s(%s)", d->name, text);
}

static bool wrong_call(Interp *in, const FuncDef *d)
{
    fe_note(in->d, d->at, "the function is %s", signature(in->a, d));
    return false;
}

static bool by_place(Interp *in, const Func *f, const Call *c, Value **v)
{
    const FuncDef *d = f->def;
    const List *given = c->positional->u.list;
    int next = 0, places = 0;
    for (int i = 0; i < d->n_param; i++) places += !d->param[i].by_name && d->param[i].stars == 0;
    for (int i = 0; i < d->n_param; i++) {
        const ParamDef *p = &d->param[i];
        if (p->stars == 0 && !p->by_name && next < given->n) v[i] = given->item[next++];
        if (p->stars != 1) continue;
        v[i] = fe_list(in, V_TUPLE, c->at);
        while (next < given->n)
            if (!fe_push(in, v[i], given->item[next++])) return false;
    }
    if (next == given->n) return true;
    fe_report(in->d, c->at, DG(too_many), d->name, places, places == 1 ? "" : "s", given->n);
    return wrong_call(in, d);
}

static bool by_name(Interp *in, const Func *f, const Call *c, Value **v)
{
    const FuncDef *d = f->def;
    Value *rest = NULL;
    for (int i = 0; i < d->n_param; i++)
        if (d->param[i].stars == 2) rest = v[i] = fe_list(in, V_DICT, c->at);
    for (int k = 0; k < c->n_arg; k++) {
        const ArgVal *x = &c->arg[k];
        int i = 0;
        if (!x->name) continue;
        while (i < d->n_param && (d->param[i].stars || strcmp(d->param[i].name, x->name) != 0)) i++;
        if (i < d->n_param && v[i]) {
            fe_report(in->d, x->name_at, DG(given_twice), d->name, x->name);
            return wrong_call(in, d);
        }
        if (i < d->n_param) v[i] = x->v;
        else if (rest) {
            fe_push(in, rest, fe_str(in, x->name, strlen(x->name), x->name_at));
            fe_push(in, rest, x->v);
        } else {
            Nearest n = { x->name, NULL, 0 };
            for (i = 0; i < d->n_param; i++) fe_consider(&n, d->param[i].name);
            fe_report(in->d, x->name_at, DG(unknown_keyword), d->name, x->name);
            if (fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
            return wrong_call(in, d);
        }
    }
    return true;
}

static bool bind(Interp *in, const Func *f, const Call *c, Frame *frame)
{
    const FuncDef *d = f->def;
    Value **v = arena_alloc(in->a, (size_t)d->n_param + 1, sizeof *v);
    if (c->n_given > c->n_arg && c->n_given - c->positional->u.list->n > FE_MAX_ARGS / 2) {
        fe_report(in->d, c->at, DG(many_args), d->name, c->n_given);
        return false;
    }
    if (!by_place(in, f, c, v) || !by_name(in, f, c, v)) return false;
    for (int i = 0; i < d->n_param; i++) {
        if (!v[i]) v[i] = f->value[i];
        if (!v[i]) {
            fe_report(in->d, c->of_at, DG(missing), d->name, d->param[i].name);
            return wrong_call(in, d);
        }
        fe_set_local(in, frame, d->param[i].name, v[i]);
    }
    return true;
}

void fe_add_self(Interp *in, Call *c, Value *self)
{
    Value *all = fe_list(in, V_LIST, c->at);
    fe_push(in, all, self);
    for (int i = 0; i < c->positional->u.list->n; i++)
        fe_push(in, all, c->positional->u.list->item[i]);
    c->positional = all;
    if (c->n_arg == FE_MAX_ARGS) c->n_arg--;      /* by position, from the list */
    memmove(c->arg + 1, c->arg, (size_t)c->n_arg * sizeof *c->arg);
    c->arg[0] = (ArgVal){ .v = self, .at = c->of_at };
    c->n_arg++, c->n_given++;
}

Value *fe_call_func(Interp *in, const Func *f, const Call *c)
{
    Frame *frame = arena_alloc(in->a, 1, sizeof *frame);   /* closures may outlive the call */
    *frame = (Frame){ .fn = f->def, .outer = f->closure, .of = f->of };
    if (in->calls >= FE_MAX_CALLS) {
        fe_report(in->d, c->at, DG(recursion), FE_MAX_CALLS);
        return fe_bad(in, c->at);
    }
    if (!fe_spend(in, 64 * (f->def->n_local + 4), c->at) || !bind(in, f, c, frame))
        return fe_bad(in, c->at);
    Running site = { in->site, c->at, f->def->name, NULL, NULL };
    Frame *caller = in->frame;
    int lenient = in->lenient, quiet = in->quiet, types = in->types;
    int errors = in->d->errors;
    Value *r = NULL;
    in->site = &site, in->frame = frame, in->calls++;
    in->lenient = in->quiet = in->types = 0;      /* those hold where the call stands */
    if (in->trace) in->trace->no_grad += f->no_grad;
    if (f->def->result) r = fe_eval(in, f->def->result);
    else if (fe_run_body(in, &f->def->body)) r = in->result;
    in->site = site.up, in->frame = caller, in->calls--;
    in->lenient = lenient, in->quiet = quiet, in->types = types;
    if (in->trace) in->trace->no_grad -= f->no_grad;
    in->result = NULL;
    if (in->d->errors > errors) return fe_bad(in, c->at);
    return r ? r : fe_val(in, V_NONE, c->at);
}

/* A value that a function of Python calls: key=, map, module.apply. */
Value *fe_call_value(Interp *in, Value *f, Value **arg, int n, Span at)
{
    Call c = { .at = at, .of_at = at, .n_given = n };
    c.positional = fe_list(in, V_LIST, at);
    for (int i = 0; i < n && i < FE_MAX_ARGS; i++) {
        c.arg[c.n_arg++] = (ArgVal){ .at = at, .v = arg[i] };
        fe_push(in, c.positional, arg[i]);
    }
    return fe_call_any(in, f, &c);
}

/* ---- comprehensions ---- */

/* 1: good; 0: an error; -1: it walks over data. */
static int walk(Interp *in, const Expr *x, int k, Value *to)
{
    if (k == x->n_clause) {
        Value *v = fe_eval(in, x->item[0]), *w = x->open == ':' ? fe_eval(in, x->item[1]) : NULL;
        if (v->kind == V_BAD || (w && w->kind == V_BAD)) return 0;
        if (w) return fe_dict_put(in, to, v, w);
        if (x->open == '{') return fe_set_put(in, to, v);
        return fe_push(in, to, v);
    }
    const Clause *c = &x->clause[k];
    Value *of = fe_eval(in, c->iter),
          *all = of->kind == V_BAD ? NULL : fe_items(in, of, c->iter->at);
    if (!all) return 0;
    if (all->kind != V_LIST && all->kind != V_TUPLE) return -1;
    int good = 1, errors = in->d->errors;
    for (int i = 0; i < all->u.list->n && good == 1; i++) {
        Running site = { in->site, c->target->at, NULL, c->target, all->u.list->item[i] };
        in->site = &site;
        fe_assign(in, c->target, all->u.list->item[i]);
        int keep = in->d->errors == errors;
        for (int j = 0; j < c->n_cond && keep == 1; j++) {
            const Value *t = fe_eval(in, c->cond[j]);
            keep = fe_truth(t);
            if (keep < 0) good = t->kind == V_BAD ? 0 : -1;
        }
        if (keep == 1) good = walk(in, x, k + 1, to);
        in->site = site.up;
        if (in->d->errors > errors || in->spent > FE_BUDGET) good = 0;
    }
    return good;
}

Value *fe_comp(Interp *in, const Expr *x)
{
    Frame *frame = arena_alloc(in->a, 1, sizeof *frame), *outer = in->frame;
    *frame = (Frame){ .outer = outer };
    Value *to = fe_list(in, x->open == ':' ? V_DICT : V_LIST, x->at);
    to->u.list->is_set = x->open == '{';
    in->frame = frame;
    int good = walk(in, x, 0, to);
    in->frame = outer;
    to->u.list->once = x->open == '(';
    return good == 1 ? to : good < 0 ? fe_data(in, "a list of data", x->at) : fe_bad(in, x->at);
}
