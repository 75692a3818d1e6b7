/* frontend/roles.c: which value is the model, the loss, the optimizer, the loader.
 *
 * By type; where two fit, the conventional name decides, else the command line must. */
#include "frontend/lower.h"
#include <stdlib.h>
#include <string.h>

typedef struct RoleInfo {
    ValueKind kind;
    const char *what, *option;
    const char *usual[6];
} RoleInfo;

static const RoleInfo model_role = { V_MODULE, "model", "--model NAME", { "model", "net" } };
static const RoleInfo loss_role = {
    V_LOSS, "loss", "--loss EXPR", { "criterion", "loss", "loss_fn" }
};
static const RoleInfo optim_role = { V_OPTIM, "optimizer", "--optimizer EXPR",
    { "optimizer", "optimiser", "opt" } };
static const RoleInfo schedule_role = { V_SCHED, "scheduler", "SequentialLR joins several",
    { "scheduler", "lr_scheduler", "sched" } };
static const RoleInfo loader_role = { V_LOADER, "DataLoader", NULL,
    { "trainloader", "train_loader", "train_dataloader", "dataloader", "train_iter" } };

enum { MAX_FIT = 64 };
typedef struct Fit { Binding *b[MAX_FIT]; int n; } Fit;

static bool is_candidate(const Binding *b, ValueKind kind)
{
    return b->v->kind == kind && !(kind == V_MODULE && b->v->u.mod->has_parent)
        && !(kind == V_SCHED && b->v->u.sched->part);
}

static Fit candidates(Interp *in, ValueKind kind)
{
    Fit f = { .n = 0 };
    for (uint32_t i = 0; i < in->n_name && f.n < MAX_FIT; i++) {
        Binding *b = &in->name[i];
        if (!is_candidate(b, kind)) continue;
        bool seen = false;
        for (int k = 0; k < f.n && !seen; k++) seen = f.b[k]->v->u.mod == b->v->u.mod;
        if (!seen) f.b[f.n++] = b;
    }
    return f;
}

static Binding *usual(Interp *in, const RoleInfo *r)
{
    for (size_t i = 0; i < sizeof r->usual / sizeof *r->usual && r->usual[i]; i++) {
        Binding *b = fe_lookup(in, r->usual[i]);
        if (b && is_candidate(b, r->kind)) return b;
    }
    return NULL;
}

/* Null: none, or several, which is reported where there is an option that decides. */
static Binding *choose(Interp *in, const RoleInfo *r)
{
    Fit f = candidates(in, r->kind);
    Binding *b = f.n == 1 ? f.b[0] : usual(in, r);
    if (b || f.n == 0) return b;
    if (!r->option) {
        b = f.b[0];
        fe_report(in->d, b->at, DG(several_loaders), b->name);
    } else {
        fe_report(in->d, f.b[f.n - 1]->at, DG(several), f.n, r->what);
    }
    for (int i = 0; i < f.n && i < 8; i++)
        fe_note(in->d, f.b[i]->at, "`%s` is %s", f.b[i]->name, fe_repr(in->a, f.b[i]->v));
    if (r->option)
        fe_help(in->d, "name one of them `%s`, or say which: %s", r->usual[0], r->option);
    return b;
}

/* A file with one class and no object of it means the object without arguments; of several, which
 * may be parts of it, that of the conventional name. False: reported. */
static bool make_model(Interp *in, Roles *r)
{
    const Binding *only = NULL, *usual = NULL;
    int n = 0;
    for (uint32_t i = 0; i < in->n_name; i++) {
        const Binding *b = &in->name[i];
        if (b->v->kind != V_CLASS || b->v->u.cls->used) continue;
        only = b;
        if (strcmp(b->name, "Net") == 0 || strcmp(b->name, "Model") == 0) usual = b;
        n++;
    }
    if (n == 0) return true;
    if (n > 1 && usual) {
        only = usual;
    } else if (n > 1) {
        fe_report(in->d, only->at, DG(several_classes), n);
        fe_help(in->d, "make the model: model = %s()", only->name);
        return false;
    }
    Call c = { .at = only->at, .of_at = only->at, .positional = fe_list(in, V_LIST, only->at) };
    fe_report(in->d, only->at, DG(class_made), only->name);
    Value *v = fe_call_any(in, only->v, &c);
    if (v->kind == V_MODULE) r->model = v->u.mod, r->model_name = "model";
    return v->kind == V_MODULE;
}

static bool choose_model(Interp *in, Roles *r)
{
    Binding *b;
    if (in->o->model) {
        b = fe_lookup(in, in->o->model);
        if (b && b->v->kind == V_MODULE) {
            r->model = b->v->u.mod, r->model_name = b->name;
            return true;
        }
        Nearest n = { in->o->model, NULL, 0 };
        for (uint32_t i = 0; i < in->n_name && i < 2000; i++)
            if (in->name[i].v->kind == V_MODULE) fe_consider(&n, in->name[i].name);
        fe_report(in->d, (Span){ 0 }, DG(no_such_model), in->o->model);
        Fit f = candidates(in, V_MODULE);
        const char *near = fe_nearest(&n);
        if (near) fe_help(in->d, "did you mean --model %s?", near);
        for (int i = 0; i < f.n && i < 8 && !near; i++)
            fe_note(in->d, f.b[i]->at, "`%s` is %s", f.b[i]->name, fe_repr(in->a, f.b[i]->v));
        return false;
    }
    int errors = in->d->errors;
    b = choose(in, &model_role);
    if (b) {
        r->model = b->v->u.mod, r->model_name = b->name;
        return true;
    }
    if (in->d->errors > errors || !make_model(in, r)) return false;
    if (r->model) return true;
    fe_report(in->d, (Span){ 0 }, DG(no_model));
    fe_help(in->d, "a model is a layer or a Sequential that has a name: model = "
                   "nn.Sequential(nn.Linear(4, 2))");
    return false;
}

/* The value of an option's expression; null after an error. */
static Value *option_value(Interp *in, const char *option, const char *text, ValueKind kind)
{
    uint16_t src = fe_source(in->d, option, text, strlen(text));
    Expr *x = fe_parse_expr(in->d, src, in->a);
    in->option = true;
    Value *v = fe_eval(in, x);
    bool cls = v->kind == V_FN && v->u.fn->body == (kind == V_LOSS ? fe_make_loss : fe_make_optim);
    if (cls) {
        Call c = {
            .fn = v->u.fn, .name = fe_last_part(v->u.fn->path), .at = x->at, .of_at = x->at
        };
        v = fe_call(in, &c);
    }
    in->option = false;
    if (v->kind == kind) return v;
    if (v->kind != V_BAD)
        fe_report(in->d, x->at, DG(option_kind), option, kind == V_LOSS ? "a loss" : "an optimizer",
                  fe_kind_name(v));
    return NULL;
}

static bool choose_loss(Interp *in, Roles *r)
{
    int errors = in->d->errors;
    if (in->o->loss) {
        Value *v = option_value(in, "--loss", in->o->loss, V_LOSS);
        if (v) r->loss = v->u.loss;
        return v != NULL;
    }
    Binding *b = choose(in, &loss_role);
    if (b) r->loss = b->v->u.loss;
    return in->d->errors == errors;
}

static bool owns(const Mod *m, const Param *p)
{
    for (int i = 0; i < m->n_param; i++)
        if (m->param[i] == p) return true;
    for (int i = 0; i < m->n_child; i++)
        if (owns(m->child[i], p)) return true;
    return false;
}

static bool choose_optim(Interp *in, Roles *r)
{
    int errors = in->d->errors;
    if (in->o->optimizer) {
        Value *v = option_value(in, "--optimizer", in->o->optimizer, V_OPTIM);
        if (v) r->optim = v->u.optim;
        if (!v) return false;
    } else {
        Binding *b = choose(in, &optim_role);
        if (b) r->optim = b->v->u.optim;
    }
    if (in->d->errors > errors) return false;
    if (!r->optim) return true;
    bool mine = false, trains = false;
    for (int i = 0; i < r->optim->n_param && !trains; i++)
        if (owns(r->model, r->optim->param[i])) {
            mine = true;
            trains |= !r->optim->param[i]->frozen;
        }
    if (mine && !trains) {
        fe_report(in->d, r->optim->at, DG(nothing_trains));
        fe_help(in->d, "give the layers that should learn requires_grad = True again");
    }
    if (mine) return true;
    fe_report(in->d, r->optim->at, DG(optimizer_of_other), r->model_name);
    fe_note(in->d, r->model->at, "`%s` is made here", r->model_name);
    fe_note(in->d, r->optim->param[0]->at, "the optimizer's parameters belong to this layer");
    fe_help(in->d, "make the optimizer after the model, from %s.parameters()", r->model_name);
    return false;
}

/* OneCycleLR changes the momentum of each group, where the optimizer has such a setting. */
static bool has_momentum(const OptimObj *o)
{
    for (int i = 0; i < o->group[0].n_setting; i++)
        if (strcmp(o->group[0].setting[i].name, "momentum") == 0
            || strcmp(o->group[0].setting[i].name, "beta1") == 0) return true;
    return false;
}

static bool choose_schedule(Interp *in, Roles *r)
{
    int errors = in->d->errors;
    Binding *b = choose(in, &schedule_role);
    if (!b || !r->optim) return in->d->errors == errors;
    SchedObj *s = b->v->u.sched;
    if (s->optim != r->optim && !in->o->optimizer) {
        fe_report(in->d, s->at, DG(schedule_of_other));
        fe_note(in->d, s->optim->at, "that optimizer is made here");
    } else if (s->momentum && !has_momentum(r->optim)) {
        fe_report(in->d, s->at, DG(no_momentum), r->optim->text);
    }
    r->schedule = s;
    return in->d->errors == errors;
}

/* ---- plain variables ---- */

/* An integer variable; the default where it is not there or is data. */
static int64_t variable(Interp *in, const char *name, int64_t low, int64_t high, int64_t otherwise)
{
    Binding *b = fe_lookup(in, name);
    if (!b || b->v->kind == V_DATA || b->v->kind == V_BAD || b->v->kind == V_NONE) return otherwise;
    b->used = true;
    if (b->v->kind == V_INT && b->v->u.i >= low && b->v->u.i <= high) return b->v->u.i;
    fe_report(in->d, b->at, DG(bad_variable), name, (long long)low, (long long)high,
              fe_repr(in->a, b->v));
    return otherwise;
}

/* A variable that bounds gradients; 0 where it is not there. */
static double clip_variable(Interp *in, const char *name)
{
    Binding *b = fe_lookup(in, name);
    double x = 0;
    if (!b || b->v->kind == V_DATA || b->v->kind == V_BAD || b->v->kind == V_NONE) return 0;
    b->used = true;
    if (fe_number(b->v, &x) && b->v->kind != V_BOOL && x > 0) return x;
    fe_report(in->d, b->at, DG(bad_clip), name, fe_repr(in->a, b->v));
    return 0;
}

static bool set_input(Interp *in, Roles *r, const int64_t *dim, int n, Span at)
{
    if (n > IR_MAX_RANK - 1) {
        fe_report(in->d, at, DG(input_rank), n, IR_MAX_RANK - 1);
        return false;
    }
    r->input = (Shape){ .rank = (uint8_t)(n + 1) };
    r->input.dim[0] = ir_dim_n(1);
    for (int i = 0; i < n; i++) {
        if (dim[i] < 1 || dim[i] > (int64_t)1 << 32) {
            fe_report(in->d, at, DG(input_size), (long long)dim[i]);
            return false;
        }
        r->input.dim[i + 1] = ir_dim(dim[i]);
    }
    r->has_input = true;
    return true;
}

static bool input_option(Interp *in, Roles *r)
{
    int64_t dim[IR_MAX_RANK + 1];
    int n = 0;
    const char *p = in->o->input;
    while (n <= IR_MAX_RANK) {
        char *end;
        dim[n++] = strtoll(p, &end, 10);
        if (end == p) break;
        p = end;
        if (*p == 0) return set_input(in, r, dim, n, (Span){ 0 });
        if (*p++ != ',') break;
    }
    fe_report(in->d, (Span){ 0 }, DG(input_option), in->o->input);
    return false;
}

static bool input_variable(Interp *in, Roles *r)
{
    Binding *b = fe_lookup(in, "input_shape");
    int64_t dim[IR_MAX_RANK];
    int n = 0;
    if (!b || b->v->kind == V_DATA) return true;
    b->used = true;
    const Value *v = b->v;
    bool seq = v->kind == V_TUPLE || v->kind == V_LIST, good = seq || v->kind == V_INT;
    if (v->kind == V_INT) dim[n++] = v->u.i;
    for (int i = 0; seq && good && i < v->u.list->n && n < IR_MAX_RANK; i++) {
        good = v->u.list->item[i]->kind == V_INT;
        dim[n++] = good ? v->u.list->item[i]->u.i : 0;
    }
    if (good && n > 0) return set_input(in, r, dim, n, b->at);
    fe_report(in->d, b->at, DG(input_variable), fe_repr(in->a, v));
    return false;
}

bool fe_roles(Interp *in, Roles *r)
{
    *r = (Roles){ 0 };
    if (!choose_model(in, r)) return false;
    in->model = r->model;
    bool good = choose_loss(in, r);
    good &= choose_optim(in, r);
    good &= choose_schedule(in, r);
    int errors = in->d->errors;
    Binding *loader = choose(in, &loader_role);
    if (loader) r->loader = loader->v->u.loader;
    fe_choose_images(in, r);
    int64_t batch = variable(in, "batch_size", 1, 1 << 24, 0);
    if (in->o->batch < 0 || in->o->batch > 1 << 24) {
        fe_report(in->d, (Span){ 0 }, DG(bad_batch), (long long)in->o->batch);
        good = false;
    }
    r->batch = in->o->batch ? in->o->batch : r->loader && r->loader->batch ? r->loader->batch
             : batch ? batch : 32;
    r->epochs = variable(in, "num_epochs", 0, 1 << 30, -1);
    r->clip_norm = clip_variable(in, "clip_grad_norm");
    r->clip_value = clip_variable(in, "clip_grad_value");
    int64_t seed = variable(in, "seed", 0, (int64_t)1 << 53, -1);
    r->seed = in->has_seed ? in->seed : seed;
    good &= in->o->input ? input_option(in, r) : input_variable(in, r);
    return good && in->d->errors == errors;
}

void fe_unused_defines(Interp *in)
{
    for (uint32_t i = 0; i < in->n_name; i++)
        if (in->name[i].defined && !in->name[i].used)
            fe_report(in->d, (Span){ 0 }, DG(define_unused), in->name[i].name);
}
