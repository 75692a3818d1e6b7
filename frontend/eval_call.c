/* frontend/eval_call.c: evaluates calls, displays and whatever is left; the entry of evaluation. */
#include "frontend/eval.h"
#include "frontend/tensor.h"
#include <string.h>

#define FN(path, signature, body) FnBody body;
#include "frontend/builtins.def"
#undef FN

static void add_arg(Call *c, ArgVal v)
{
    if (c->n_arg < FE_MAX_ARGS) c->arg[c->n_arg++] = v;
    c->n_given++;
}

static bool spread(Interp *in, Call *c, const Arg *a, Value *v, Value *all)
{
    if (v->kind == V_BAD) return false;
    bool walks = v->kind == V_LIST || v->kind == V_TUPLE || v->kind == V_DICT || v->kind == V_STR
        || v->kind == V_TENSOR;
    if (a->stars == 1 && walks) v = fe_items(in, v, a->value->at);
    if (!v) return false;
    if (a->stars == 1 && v->kind == V_MODULE && !v->u.mod->info
        && v->u.mod->holds != HOLDS_BY_CLASS) {
        for (int i = 0; i < v->u.mod->n_child; i++) {
            Value *child = fe_module_value(in, v->u.mod->child[i], a->value->at);
            add_arg(c, (ArgVal){ .v = child, .at = a->value->at });
            fe_push(in, all, child);
        }
        return true;
    }
    if (a->stars == 1 && (v->kind == V_LIST || v->kind == V_TUPLE)) {
        for (int i = 0; i < v->u.list->n; i++) {
            Value *item = v->u.list->item[i];
            add_arg(c, (ArgVal){ .v = item, .at = item->at.src ? item->at : a->value->at });
            if (!fe_push(in, all, item)) return false;
        }
        return true;
    }
    if (a->stars == 2 && v->kind == V_DICT) {
        for (int i = 0; i + 1 < v->u.list->n; i += 2)
            if (v->u.list->item[i]->kind == V_STR)
                add_arg(c, (ArgVal){ .name = v->u.list->item[i]->u.s, .name_at = a->value->at,
                                     .v = v->u.list->item[i + 1], .at = a->value->at });
        return true;
    }
    fe_report(in->d, a->value->at, DG(cannot_spread), a->stars == 1 ? "*" : "**", fe_kind_name(v));
    return false;
}

/* What takes data takes names that nobody defined, too: a snippet is not always whole. */
static bool takes_data(const Value *f)
{
    if (f->kind == V_DATA || f->kind == V_MODULE || f->kind == V_LOSS) return true;
    if (f->kind != V_FN) return false;
    const char *path = f->u.fn->path;
    return f->u.fn->signature == NULL && strncmp(path, "torch.", 6) == 0
        ? strncmp(path, "torch.nn.", 9) != 0
        : strcmp(path, "print") == 0 || strcmp(path, "torch.utils.data.DataLoader") == 0
            || f->u.fn->body == fe_make_dataset;
}

/* In --optimizer "Adam(lr=0.01)" the parameters are the model's. */
static void model_parameters(Interp *in, Call *c)
{
    double x;
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name && strcmp(c->arg[i].name, "params") == 0) return;
    if (c->n_arg >= FE_MAX_ARGS || (c->n_arg > 0 && !c->arg[0].name && !fe_number(c->arg[0].v, &x)))
        return;
    memmove(c->arg + 1, c->arg, (size_t)c->n_arg * sizeof *c->arg);
    c->arg[0] = (ArgVal){ .v = fe_parameters(in, in->model, c->at), .at = c->of_at };
    c->n_arg++, c->n_given++;
}

Value *fe_call(Interp *in, Call *c)
{
    if (in->option && in->model && c->fn->body == fe_make_optim) model_parameters(in, c);
    if (fe_gets_tensor(in, c)) {
        const Fn *fn = fe_tensor_fn(c->fn->path);
        if (!fn) return fe_not_in_forward(in, c->fn->path, c->of_at);
        c->fn = fn;
    }
    if (c->fn->body == fe_forward && c->fn->path[0] == '.') fe_add_self(in, c, c->self);
    if (c->fn->signature) {
        if (c->n_given > FE_MAX_ARGS) {
            fe_report(in->d, c->at, DG(many_args), c->name, c->n_given);
            return fe_bad(in, c->at);
        }
        if (!fe_bind_args(in, c)) return fe_bad(in, c->at);
    }
    return c->fn->body(in, c);
}

/* A tensor that the file itself gives a model shows what samples it takes. */
static void note_sample(Mod *m, const Call *c)
{
    const Value *v = c->n_arg > 0 ? c->arg[0].v : NULL;
    const Tensor *t = v && v->kind == V_TENSOR ? v->u.tensor : NULL;
    const Param *drawn = v && v->kind == V_DATA && v->self && v->self->kind == V_PARAM
        ? v->self->u.param : NULL;
    if (t && t->rank >= 2 && t->n > 0) m->sample = ir_shape(t->rank, t->dim);
    else if (drawn && drawn->rank >= 2) m->sample = ir_shape(drawn->rank, drawn->dim);
    else return;
    m->sample.dim[0] = ir_dim_n(1);
}

/* functools.partial(f, *arguments, **named) */
Value *fe_fn_partial(Interp *in, const Call *c)
{
    Value *v = fe_list(in, V_PARTIAL, c->at);
    const List *l = c->positional->u.list;
    if (l->n == 0) {
        fe_report(in->d, c->at, DG(missing), "partial", "func");
        return fe_bad(in, c->at);
    }
    for (int i = 0; i < l->n; i++)
        if (!fe_push(in, v, l->item[i])) return fe_bad(in, c->at);
    v->self = fe_list(in, V_DICT, c->at);
    for (int i = 0; i < c->n_arg; i++) {
        const ArgVal *x = &c->arg[i];
        if (x->name && !fe_dict_put(in, v->self, fe_str(in, x->name, strlen(x->name), x->name_at), x->v))
            return fe_bad(in, c->at);
    }
    return v;
}

/* Its arguments come before the call's; a name that the call gives counts. */
static Value *call_partial(Interp *in, const Value *f, const Call *c)
{
    const List *own = f->u.list, *given = c->positional->u.list, *named = f->self->u.list;
    Call all = { .at = c->at, .of_at = c->of_at, .positional = fe_list(in, V_LIST, c->at) };
    for (int i = 1; i < own->n + given->n; i++) {
        Value *v = i < own->n ? own->item[i] : given->item[i - own->n];
        add_arg(&all, (ArgVal){ .v = v, .at = v->at.src ? v->at : c->at });
        if (!fe_push(in, all.positional, v)) return fe_bad(in, c->at);
    }
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name) add_arg(&all, c->arg[i]);
    for (int i = 0; i + 1 < named->n; i += 2) {
        const char *name = named->item[i]->u.s;
        bool again = false;
        for (int k = 0; k < c->n_arg && !again; k++)
            again = c->arg[k].name && strcmp(c->arg[k].name, name) == 0;
        if (!again) add_arg(&all, (ArgVal){ .name = name, .name_at = c->at, .v = named->item[i + 1], .at = c->at });
    }
    return fe_call_any(in, own->item[0], &all);
}

Value *fe_call_any(Interp *in, Value *f, Call *c)
{
    switch (f->kind) {
    case V_BAD: return f;
    case V_DATA:
        if (fe_gets_tensor(in, c)) return fe_not_in_forward(in, f->u.s, c->of_at);
        return fe_data(in, f->u.s, c->at);
    case V_MODULE:
        if (in->trace) return fe_call_module(in, f->u.mod, c);
        note_sample(f->u.mod, c);
        return fe_data(in, "the result of a model", c->at);
    case V_LOSS: return fe_data(in, "the value of a loss", c->at);
    case V_DTYPE: return fe_data(in, "a tensor", c->at);
    case V_CLASS: return fe_make_object(in, f, c);
    case V_PARTIAL: return call_partial(in, f, c);
    case V_FUNC:
        if (f->self) fe_add_self(in, c, f->self);
        return fe_call_func(in, f->u.func, c);
    case V_FN: case V_METHOD: break;
    default:
        fe_report(in->d, c->of_at, DG(not_callable), fe_kind_name(f));
        return fe_bad(in, c->at);
    }
    c->fn = f->u.fn;
    c->name = fe_last_part(c->fn->path);
    c->self = f->kind == V_METHOD ? f->self : c->positional;
    return fe_call(in, c);
}

/* Sequential takes any number of layers: they go in as one list. */
static bool gather(Interp *in, const Expr *x, Call *c, Value *all)
{
    bool good = true;
    for (int i = 0; i < x->n_arg; i++) {
        const Arg *a = &x->arg[i];
        Value *v = fe_eval(in, a->value);
        good &= v->kind != V_BAD;
        if (a->stars == 0) {
            Span at = a->value->at;
            add_arg(c, (ArgVal){ a->name, a->name_at, at, v });
            if (!a->name && !fe_push(in, all, v)) good = false;
        } else {
            good &= spread(in, c, a, v, all);
        }
    }
    return good;
}

Value *fe_eval_call(Interp *in, const Expr *x)
{
    Value *f = fe_eval(in, x->of);
    Call c = { .at = x->at, .of_at = x->of->at };
    bool lenient = takes_data(f);
    bool types = f->kind == V_FN && strcmp(f->u.fn->path, "isinstance") == 0;
    in->types += types;
    in->lenient += lenient;
    in->quiet += f->kind == V_BAD;
    Value *all = fe_list(in, V_LIST, x->at);
    bool good = gather(in, x, &c, all);
    in->types -= types;
    in->lenient -= lenient;
    in->quiet -= f->kind == V_BAD;
    if (f->kind == V_BAD || !good) return fe_bad(in, x->at);
    if (f->kind == V_DATA && x->of->kind == X_ATTR && strcmp(x->of->text, "backward") == 0) {
        fe_report(in->d, x->at, DG(no_effect), "backward()");
        fe_help(in->d, "the generated program takes the training steps: PROGRAM train --data …");
    }
    c.positional = all;
    return fe_call_any(in, f, &c);
}

static Value *eval_dict(Interp *in, const Expr *x)
{
    Value *r = fe_list(in, V_DICT, x->at);
    for (int i = 0; i + 1 < x->n_item; i += 2) {
        bool star = x->item[i]->kind == X_STAR;
        Value *key = fe_eval(in, star ? x->item[i]->item[0] : x->item[i]);
        Value *v = star ? key : fe_eval(in, x->item[i + 1]);
        if (key->kind == V_BAD || v->kind == V_BAD) return fe_bad(in, x->at);
        if (star && key->kind != V_DICT) {
            fe_report(in->d, x->item[i]->at, DG(cannot_spread), "**", fe_kind_name(key));
            return fe_bad(in, x->at);
        }
        if (!star && !fe_dict_put(in, r, key, v)) return fe_bad(in, x->at);
        for (int k = 0; star && k + 1 < v->u.list->n; k += 2)
            if (!fe_dict_put(in, r, v->u.list->item[k], v->u.list->item[k + 1]))
                return fe_bad(in, x->at);
    }
    return r;
}

static Value *eval_display(Interp *in, const Expr *x)
{
    if (x->kind == X_DICT) return eval_dict(in, x);
    ValueKind kind = x->kind == X_TUPLE ? V_TUPLE : V_LIST;
    Value *r = fe_list(in, kind, x->at);
    bool bad = false, (*put)(Interp *, Value *, Value *) = x->kind == X_SET ? fe_set_put : fe_push;
    for (int i = 0; i < x->n_item; i++) {
        bool star = x->item[i]->kind == X_STAR;
        Value *v = fe_eval(in, star ? x->item[i]->item[0] : x->item[i]);
        if (star && v->kind != V_BAD) {
            v = fe_items(in, v, x->item[i]->at);
            if (v && v->kind == V_DATA) return v;
            if (!v) v = fe_bad(in, x->at);
        }
        bad |= v->kind == V_BAD;
        if (star && (v->kind == V_LIST || v->kind == V_TUPLE)) {
            for (int k = 0; k < v->u.list->n && !bad; k++)
                bad |= !put(in, r, v->u.list->item[k]);
        } else if (!bad) {
            bad = !put(in, r, v);
        }
    }
    r->u.list->is_set = x->kind == X_SET;
    return bad ? fe_bad(in, x->at) : r;
}

static Value *refused(Interp *in, const Expr *x)
{
    fe_report(in->d, x->at, (DiagId)x->u.i, "%s", x->text);
    return fe_bad(in, x->at);
}

static Value *eval(Interp *in, const Expr *x);

Value *fe_eval(Interp *in, const Expr *x)
{
    if (!fe_spend(in, 128, x->at)) return fe_bad(in, x->at);
    if (in->depth >= FE_MAX_EVAL) {
        fe_report(in->d, x->at, DG(recursion), FE_MAX_CALLS);
        return fe_bad(in, x->at);
    }
    in->depth++;
    Value *v = eval(in, x);
    in->depth--;
    return v;
}

static Value *eval(Interp *in, const Expr *x)
{
    switch (x->kind) {
    case X_BAD: return fe_bad(in, x->at);
    case X_INT: return fe_int(in, x->u.i, x->at);
    case X_FLOAT: return fe_float(in, x->u.f, x->at);
    case X_STR: return fe_str(in, x->text, x->text_len, x->at);
    case X_FSTR: return fe_fstring(in, x);
    case X_LAMBDA: return fe_make_func(in, x->fn, x->at);
    case X_COMP: return fe_comp(in, x);
    case X_REFUSED: return refused(in, x);
    case X_BYTES: return fe_data(in, "bytes", x->at);
    case X_NAME: return fe_eval_name(in, x);
    case X_TRUE: case X_FALSE: return fe_bool(in, x->kind == X_TRUE, x->at);
    case X_NONE: return fe_val(in, V_NONE, x->at);
    case X_ELLIPSIS:
    case X_SLICE:
    case X_STAR:
    case X_FIELD: return fe_data(in, "an ellipsis", x->at);
    case X_TUPLE: case X_LIST: case X_SET: case X_DICT: return eval_display(in, x);
    case X_CALL: return fe_eval_call(in, x);
    case X_ATTR: return fe_attr(in, fe_eval(in, x->of), x->text, x->at, x->name_at);
    case X_INDEX: return fe_eval_index(in, x);
    case X_UNARY: return fe_eval_unary(in, x);
    case X_BINARY: return fe_eval_binary(in, x);
    case X_COMPARE: return fe_eval_compare(in, x);
    case X_COND: return fe_eval_cond(in, x);
    case X_AND: case X_OR: {
        Value *a = fe_eval(in, x->item[0]);
        int t = fe_holds(in, a, x->item[0]->at);
        if (t < 0 && a->kind == V_TRACED) fe_condition_on(in, a, x->item[0]->at);
        if (t < 0) return a->kind == V_SYMBOL || a->kind == V_TRACED ? fe_bad(in, x->at) : a;
        return (t == 1) == (x->kind == X_OR) ? a : fe_eval(in, x->item[1]);
    }
    }
    return fe_bad(in, x->at);
}
