/* frontend/attrs.c: attributes of values, read and written, and the methods behind them. */
#include "frontend/lower.h"
#include "frontend/tensor.h"
#include <stdlib.h>
#include <string.h>

static Value *method(Interp *in, Value *self, const char *kind, const char *name, Span at)
{
    const Fn *fn = fe_fn(arena_printf(in->a, ".%s.%.100s", kind, name));
    if (!fn) return NULL;
    Value *v = fe_val(in, V_METHOD, at);
    v->u.fn = fn;
    v->self = self;
    return v;
}

static Value *no_attribute(Interp *in, const Value *v, const char *kind, const char *name, Span at)
{
    static const char *const module[] = { "weight",         "bias",   "parameters",
                                          "requires_grad_", "append", "named_parameters",
                                          "children",       "eval",   "train",
                                          "state_dict" };
    static const char *const param[] = { "requires_grad", "shape", "data", "grad", "numel" };
    static const char *const optim[] = { "step", "zero_grad", "state_dict" };
    Nearest n = { name, NULL, 0 };
    if (v->kind == V_MODULE)
        for (size_t i = 0; i < sizeof module / sizeof *module; i++) fe_consider(&n, module[i]);
    if (v->kind == V_PARAM)
        for (size_t i = 0; i < sizeof param / sizeof *param; i++) fe_consider(&n, param[i]);
    if (v->kind == V_OPTIM)
        for (size_t i = 0; i < sizeof optim / sizeof *optim; i++) fe_consider(&n, optim[i]);
    fe_report(in->d, at, DG(no_attribute), kind, name);
    if (v->kind == V_MODULE && v->u.mod->info && v->u.mod->n_param == 0
        && (strcmp(name, "weight") == 0 || strcmp(name, "bias") == 0))
        fe_help(in->d, "%s has no parameters; layers are counted from 0, activations included",
                kind);
    else if (fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
    return fe_bad(in, at);
}

Value *fe_module_value(Interp *in, Mod *m, Span at)
{
    Value *v = fe_val(in, V_MODULE, at);
    v->u.mod = m;
    return v;
}

static Value *module_attr(Interp *in, Value *self, const char *name, Span at, Span name_at)
{
    Mod *m = self->u.mod;
    Value *v = fe_find_attr(in, self, name, at);
    if (v) return v;
    if (strcmp(name, "training") == 0) return fe_bool(in, fe_is_training(in), at);
    if (m->info) {
        Fn fn = { .signature = m->info->signature };
        Call c = { .fn = &fn };
        int i = fe_arg(&c, name);
        if (strcmp(name, "bias") == 0 && m->n_param > 0) return fe_val(in, V_NONE, at);
        if (i >= 0 && m->arg[i]) return fe_kept_arg(in, m, i, at);
    }
    if (m->cls) return fe_no_member(in, m, name, name_at);
    return no_attribute(in, self, fe_module_name(m), name, name_at);
}

static Value *param_attr(Interp *in, Value *self, const char *name, Span at)
{
    Param *p = self->u.param;
    if (strcmp(name, "requires_grad") == 0) return fe_bool(in, !p->frozen, at);
    if (strcmp(name, "data") == 0) return self;
    if (strcmp(name, "ndim") == 0) return fe_int(in, p->rank, at);
    if (strcmp(name, "shape") == 0) {
        Value *t = fe_list(in, V_TUPLE, at);
        for (int i = 0; i < p->rank; i++) fe_push(in, t, fe_int(in, p->dim[i], at));
        return t;
    }
    Value *v = method(in, self, "param", name, at);
    if (v) return v;
    if (in->trace) return fe_traced_attr(in, self, name, at, at);
    static const char *const content[] = { "grad",    "T",       "min",    "max",   "mean",
                                           "std",     "sum",     "detach", "item",  "cpu",
                                           "numpy",   "tolist",  "clone",  "abs",   "norm",
                                           "view",    "reshape", "device", "dtype", "is_leaf",
                                           "grad_fn", "flatten", "t",      "var" };
    for (size_t i = 0; i < sizeof content / sizeof *content; i++)
        if (strcmp(name, content[i]) == 0) return fe_data(in, "the content of a parameter", at);
    return no_attribute(in, self, "a parameter", name, at);
}

Value *fe_attr(Interp *in, Value *v, const char *name, Span at, Span name_at)
{
    Value *r;
    if (strcmp(name, "__class__") == 0 && v->kind == V_MODULE) return fe_class_of(in, v, at);
    if (v->kind == V_FN && strcmp(name, "__init__") == 0
        && (r = method(in, v, "module", name, at)) != NULL) return r;
    if (strcmp(name, "__name__") == 0 && (v->kind == V_FN || v->kind == V_FUNC)) {
        const char *s = v->kind == V_FN ? fe_last_part(v->u.fn->path) : v->u.func->def->name;
        return fe_str(in, s, strlen(s), at);
    }
    switch (v->kind) {
    case V_BAD: return v;
    case V_SPACE: return fe_attr_of_space(in, v->u.s, name, at, name_at);
    case V_DATA: return fe_data(in, v->u.s, at);
    case V_MODULE: return module_attr(in, v, name, at, name_at);
    case V_PARAM: return param_attr(in, v, name, at);
    case V_TRACED: return fe_traced_attr(in, v, name, at, name_at);
    case V_SUPER: return fe_super(in, v, name, at, name_at);
    case V_CLASS: return fe_class_attr(in, v, name, at, name_at);
    case V_TENSOR: return fe_tensor_attr(in, v, name, at, name_at);
    case V_STR: if ((r = method(in, v, "str", name, at)) != NULL) return r;
        return fe_data(in, "the result of a method", at);
    case V_TUPLE:
        if (v->u.list->extremes && strcmp(name, "values") == 0) return v->u.list->item[0];
        if (v->u.list->extremes && strcmp(name, "indices") == 0) return v->u.list->item[1];
        if ((r = method(in, v, "tuple", name, at)) != NULL) return r;
        break;
    case V_LIST:
        if (!v->u.list->once && (r = method(in, v, "list", name, at)) != NULL) return r;
        break;
    case V_DICT: if ((r = method(in, v, "dict", name, at)) != NULL) return r; break;
    case V_SCHED:
        if ((r = method(in, v, "optim", name, at)) != NULL) return r;
        return fe_data(in, "a scheduler's content", at);
    case V_OPTIM:
        if ((r = method(in, v, "optim", name, at)) != NULL) return r;
        if (strcmp(name, "param_groups") == 0) return fe_data(in, "the groups of an optimizer", at);
        break;
    case V_LOSS:
        if (strcmp(name, "to") == 0 || strcmp(name, "cuda") == 0 || strcmp(name, "cpu") == 0)
            return method(in, v, "module", name, at);
        break;
    case V_IMAGES: return fe_data(in, "the content of a data set", at);
    case V_LOADER: if (strcmp(name, "batch_size") == 0) return fe_int(in, v->u.loader->batch, at);
        return fe_data(in, "a DataLoader's content", at);
    case V_DTYPE:
    case V_FLOAT:
    case V_INT: return fe_data(in, "the result of a method", at);
    default: break;
    }
    return no_attribute(in, v, fe_kind_name(v), name, name_at);
}

static Param **param_named(const Mod *m, const char *name)
{
    for (int i = 0; i < m->n_param; i++)
        if (strcmp(m->param[i]->name, name) == 0) return &m->param[i];
    return NULL;
}

/* layer.weight = nn.Parameter(…), of the same shape: the new one's draws come where it is made, and
 * the old one's are drawn and thrown away. */
static bool replace_param(Mod *m, const char *name, Param *p)
{
    Param **place = param_named(m, name);
    if (!place || p->owner || p->buffer || (*place)->rank != p->rank
        || memcmp((*place)->dim, p->dim, sizeof *p->dim * (size_t)p->rank) != 0)
        return false;
    p->name = (*place)->name;
    p->owner = m;
    *place = p;
    return true;
}

static void help_param(Interp *in, const Mod *m, const char *name, const Param *to)
{
    Param **place = param_named(m, name);
    if (to->owner) {
        fe_help(in->d, "one parameter for two layers: call F.linear(x, self.a.weight) in forward");
    } else if (place) {
        Shape s = ir_shape((*place)->rank, (*place)->dim);
        fe_help(in->d, "its shape is %s", fe_shape_text(in->a, &s, 0));
    }
}

void fe_set_attr(Interp *in, Value *v, const char *name, Value *to, Span at, Span name_at)
{
    if (v->kind == V_BAD || to->kind == V_BAD || v->kind == V_DATA || v->kind == V_SPACE) return;
    if (v->kind == V_PARAM && strcmp(name, "requires_grad") == 0) {
        int t = fe_truth(to);
        if (to->kind != V_BOOL) fe_report(in->d, at, DG(requires_grad_bool), fe_kind_name(to));
        else v->u.param->frozen = !t;
        return;
    }
    if (v->kind == V_MODULE && strcmp(name, "requires_grad") == 0) {
        fe_report(in->d, name_at, DG(module_requires_grad));
        fe_help(in->d,
                "write .requires_grad_(False), or set it on the parameters: model[0].weight");
        return;
    }
    bool layers_own = v->kind == V_MODULE && v->u.mod->info && param_named(v->u.mod, name);
    if (v->kind == V_MODULE && v->u.mod->cls && !layers_own) {
        fe_set_member(in, v, name, to, at, name_at);
        return;
    }
    if (v->kind == V_MODULE && to->kind == V_PARAM && replace_param(v->u.mod, name, to->u.param))
        return;
    fe_report(in->d, at, DG(cannot_set), name, fe_kind_name(v));
    if (v->kind == V_PARAM)
        fe_help(in->d,
                "nn.init.constant_(…) and the other functions of nn.init set a parameter's values");
    else if (v->kind == V_MODULE && to->kind == V_PARAM)
        help_param(in, v->u.mod, name, to->u.param);
    else if (v->kind == V_MODULE) fe_help(in->d, "write the layer where the Sequential is made");
}
