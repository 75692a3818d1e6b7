/* frontend/trace.c: runs a model on a tensor that is a node of a graph.
 *
 * One walk checks and builds: each layer's shape rule says what comes out, or what is wrong, and
 * its rule of lower_layers.c adds nodes. A Sequential runs its children, an object of a class its
 * forward, whose values are tensors (V_TRACED) that forward.c computes with. */
#include "frontend/forward.h"
#include <string.h>

enum { MAX_ELEMS_LOG2 = 36 };

static bool size_ok(Interp *in, Span at, const Shape *s, int64_t batch)
{
    int64_t elems;
    if (ir_elems_ok(s, batch, &elems) && elems <= (int64_t)1 << MAX_ELEMS_LOG2) return true;
    fe_report(in->d, at, DG(activation_size), fe_shape_text(in->a, s, batch));
    return false;
}

void fe_add_step(Trace *t, Step s)
{
    Chain *c = &t->chain;
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 16;
        c->step = arena_grow(t->in->a, c->step, (size_t)c->cap, (size_t)cap, sizeof *c->step);
        c->cap = cap;
    }
    c->step[c->n++] = s;
}

bool fe_fits(Trace *t, Span at, const Shape *s)
{
    if (size_ok(t->in, at, s, t->chain.batch)) return true;
    fe_note_chain(t->in, &t->chain);
    return false;
}

Val fe_run_layer(Trace *t, const Run *r, Val x)
{
    Mod *m = r->m;
    Shape s = ir_type(t->g, x)->shape;
    t->chain.second = r->second.i ? &ir_type(t->g, r->second)->shape : NULL;
    if (!fe_shape_layer(t->in, m, &t->chain, &s) || !fe_fits(t, m->at, &s)) return (Val){ 0 };
    if (r->training && t->in->o->drawn_masks && !fe_check_draws(t->in, m)) return (Val){ 0 };
    Spot p = { t->g, t->in->a, m, r->path, fe_loc(t->g->module, t->in->d, m->at), r->training,
               r->param, r->second, t->in->o->drawn_masks };
    Val y = fe_lower_layer(&p, x);
    if (!ir_shape_eq(&ir_type(t->g, y)->shape, &s))
        ir_die(t->g->module, "%s: its shape rule and its nodes differ", m->text);
    if (!ir_val_eq(x, y)) y = fe_result(t, y, p.loc);
    fe_add_step(t, (Step){ m, r->path, m->text, m->at, s, y, false });
    return y;
}

/* ---- modules ---- */

static Value *run_module(Trace *t, Mod *m, const char *path, Call *c);

bool fe_takes_two(const Mod *m) { return m->info && strcmp(m->info->rule, "bilinear") == 0; }

static Val missing(Trace *t, const Mod *m, const Call *c, const char *what)
{
    fe_report(t->in->d, c->at, DG(missing), fe_module_name(m), what);
    if (fe_takes_two(m))
        fe_help(t->in->d, "a class calls it with two: self.layer(x1, x2); a layer of nn.Sequential "
                          "gets one tensor");
    else fe_help(t->in->d, "a module is called with a tensor: self.layer(x)");
    return (Val){ 0 };
}

/* Argument i of a module's call as a tensor of this run; none: reported. */
static Val input_of(Trace *t, const Mod *m, const Call *c, int i)
{
    Interp *in = t->in;
    int takes = 1 + fe_takes_two(m);
    if (c->n_given > takes) {
        fe_report(in->d, c->at, DG(too_many), fe_module_name(m), takes, takes > 1 ? "s" : "",
                  c->n_given);
        return (Val){ 0 };
    }
    bool named = i < c->n_given && c->arg[i].name
        && (takes > 1 || strcmp(c->arg[i].name, "input") != 0);
    if (i >= c->n_given || named) return missing(t, m, c, i ? "input2" : "input");
    const Value *v = c->arg[i].v;
    if (v->kind == V_BAD) return (Val){ 0 };
    if (fe_in_forward(in, v) && v->kind != V_SIZE) return fe_tensor_val(t, v, c->arg[i].at);
    fe_report(in->d, c->arg[i].at, DG(forward_type), fe_module_name(m), fe_kind_name(v));
    if (v->kind == V_MODULE)
        fe_help(in->d, "a layer is called with a tensor, and gives one: self.layer(x)");
    return (Val){ 0 };
}

/* Layers with `inplace=True` change their input, for all who hold it. */
static bool changes_input(const Mod *m)
{
    Fn fn = { .signature = m->info->signature };
    int i = fe_arg(&(Call){ .fn = &fn }, "inplace");
    return i >= 0 && m->arg[i] && fe_truth(m->arg[i]) == 1;
}

static Value *call_layer(Trace *t, Mod *m, const char *path, Call *c)
{
    Val x = input_of(t, m, c, 0), second = { 0 };
    if (x.i && fe_takes_two(m)) second = input_of(t, m, c, 1);
    if (!x.i || (fe_takes_two(m) && !second.i)) return fe_bad(t->in, c->at);
    Val y = fe_run_layer(t, &(Run){ m, path, t->training, NULL, second }, x);
    if (!y.i) return fe_bad(t->in, c->at);
    if (changes_input(m) && c->arg[0].v->kind == V_TRACED) {
        fe_change(t, c->arg[0].v, y);
        return c->arg[0].v;
    }
    return fe_traced(t, y, ir_val_eq(x, y) ? c->arg[0].v : NULL, c->at);
}

static Value *call_in_order(Trace *t, Mod *m, const char *path, Call *c)
{
    Val x = input_of(t, m, c, 0);
    if (!x.i) return fe_bad(t->in, c->at);
    Value *v = c->arg[0].v;
    for (int i = 0; i < m->n_child && v->kind != V_BAD; i++) {
        Call next = { .at = c->at, .of_at = c->of_at, .n_arg = 1, .n_given = 1,
                      .arg = { { .v = v, .at = c->arg[0].at } } };
        next.positional = fe_list(t->in, V_LIST, c->at);
        fe_push(t->in, next.positional, v);
        v = run_module(t, m->child[i], arena_printf(t->in->a, "%s%s%.200s", path,
                                                    *path ? "." : "", m->child_name[i]), &next);
    }
    return v;
}

/* "self.fc3" where the object holds it by that name. */
static const char *name_in(Interp *in, const Mod *object, const Mod *m)
{
    for (int i = 0; i < object->n_child; i++)
        if (object->child[i] == m) return arena_printf(in->a, "self.%s", object->child_name[i]);
    return "the layer";
}

/* What forward returns must be of use: PyTorch would go on with a layer or None, and stop later. */
static Value *check_result(Trace *t, const Mod *m, const Value *forward, Value *v)
{
    Interp *in = t->in;
    const FuncDef *def = forward->u.func->def;
    if (v->kind == V_MODULE) {
        const char *name = name_in(in, m, v->u.mod);
        fe_report(in->d, v->at, DG(forward_layer), fe_module_name(m), v->u.mod->text);
        fe_help(in->d, "call it with the tensor that it takes: return %s(x)", name);
        return fe_bad(in, v->at);
    }
    if (v->kind == V_NONE) {
        fe_report(in->d, def->at, DG(forward_none), fe_module_name(m));
        fe_help(in->d, "end it with the tensor that it gives: return x");
        return fe_bad(in, v->at);
    }
    return v;
}

static Value *call_object(Trace *t, Mod *m, Value *forward, Call *c)
{
    Mod *owner = t->owner;
    t->owner = m;
    Value *v = fe_call_any(t->in, forward, c);
    t->owner = owner;
    return v->kind == V_BAD ? v : check_result(t, m, forward, v);
}

static Value *run_module(Trace *t, Mod *m, const char *path, Call *c)
{
    Interp *in = t->in;
    Value *self = m->cls ? fe_module_value(in, m, m->at) : NULL;
    Value *forward = self ? fe_find_attr(in, self, "forward", c->at) : NULL;
    if (forward && forward->kind == V_FUNC) return call_object(t, m, forward, c);
    if (m->own) return fe_call_own(t, m, path, c);
    if (m->info) return call_layer(t, m, path, c);
    if (m->holds == HOLDS_IN_ORDER) return call_in_order(t, m, path, c);
    fe_report(in->d, m->cls ? m->cls->def->at : c->of_at, DG(no_forward), fe_module_name(m));
    if (m->cls) {
        fe_help(in->d, "def forward(self, x): says what the model gives for x");
        Nearest near = { "forward", NULL, 0 };
        for (int i = 0; i < m->cls->body->n; i++) fe_consider(&near, m->cls->body->local[i].name);
        if (fe_nearest(&near)) fe_help(in->d, "is `%s` meant to be it?", near.best);
    } else fe_help(in->d, "loop over it in forward: for layer in self.layers: x = layer(x)");
    return fe_bad(in, c->at);
}

/* A call in forward: `self.fc1(x)`. */
Value *fe_call_module(Interp *in, Mod *m, Call *c)
{
    Trace *t = in->trace;
    bool function = m->own && m->n_param == 0;   /* that stands in the file is no stray module */
    if (!m->path && !function) {
        fe_report(in->d, c->of_at, DG(stray_module), m->text);
        fe_note(in->d, m->at, "it is made here");
        fe_help(in->d, "make it in __init__ and keep it: self.name = …; a list of modules is "
                       "nn.ModuleList([…])");
        return fe_bad(in, c->at);
    }
    Running site = { in->site, c->at, m->text, NULL, NULL };
    if (!m->cls) in->site = &site;               /* a forward says that by itself */
    if (++in->calls > FE_MAX_CALLS) {
        fe_report(in->d, c->at, DG(recursion), FE_MAX_CALLS);
        in->calls--;
        return fe_bad(in, c->at);
    }
    Value *v = run_module(t, m, m->path ? m->path : "", c);
    in->calls--;
    if (!m->cls) in->site = site.up;
    return v;
}

/* super().forward(x) of a class whose base is nn.Sequential. */
Value *fe_m_in_order(Interp *in, const Call *c)
{
    Mod *m = c->self->u.mod;
    Call again = *c;
    if (!in->trace) return fe_data(in, "the result of a model", c->at);
    return call_in_order(in->trace, m, m->path ? m->path : "", &again);
}

/* The same where its base is a layer. */
Value *fe_m_of_layer(Interp *in, const Call *c)
{
    Mod *m = c->self->u.mod;
    Call again = *c;
    if (!in->trace) return fe_data(in, "the result of a model", c->at);
    return call_layer(in->trace, m, m->path ? m->path : "", &again);
}

Value *fe_m_forward(Interp *in, const Call *c)
{
    Call again = *c;
    return fe_call_any(in, c->self, &again);
}

bool fe_is_training(Interp *in)
{
    if (!in->trace) return true;
    in->trace->asked = true;
    return in->trace->training;
}

/* ---- the model ---- */

static void forget_calls(Mod *m)
{
    m->calls = 0;
    for (int i = 0; i < m->n_child; i++) forget_calls(m->child[i]);
}

/* A module whose parameters stand in two places of the model; null: there is none. */
static const Mod *shared(Interp *in, Mod *m, const char *path)
{
    const Mod *found = m->in_model && m->n_param + m->n_buffer > 0 ? m : NULL;
    if (!m->in_model) m->path = path;
    m->in_model = true;
    for (int i = 0; i < m->n_child && !found; i++)
        found = shared(in, m->child[i], arena_printf(in->a, "%s%s%.200s", path, *path ? "." : "",
                                                     m->child_name[i]));
    return found;
}

bool fe_check_model(Interp *in, const Roles *r)
{
    const Mod *twice = shared(in, r->model, "");
    if (twice) {
        fe_report(in->d, twice->at, DG(layer_twice), twice->text);
        fe_help(in->d, "make a layer for each place; in forward one layer may be called twice");
        return false;
    }
    return size_ok(in, r->model->at, &r->input, r->batch);
}

static bool refuse_output(Trace *t, const Value *v, const Shape *s, const char *help)
{
    fe_report(t->in->d, v->at, DG(forward_rows), fe_shape_text(t->in->a, s, 0));
    fe_note_chain(t->in, &t->chain);
    fe_help(t->in->d, "%s", help);
    return false;
}

/* A pair of means and variances, side by side; variances may be one for each sample. False:
 * reported. */
static bool take_pair(Trace *t, const Value *v)
{
    Val part[2];
    for (int i = 0; i < 2; i++) {
        const Value *x = v->u.list->item[i];
        part[i] = fe_tensor_val(t, x, x->at.src ? x->at : v->at);
        if (!part[i].i) return false;
    }
    Type mean = *ir_type(t->g, part[0]), var = *ir_type(t->g, part[1]);
    int last = mean.shape.rank - 1;
    Loc loc = fe_loc(t->g->module, t->in->d, v->at);
    if (last < 1 || mean.shape.dim[last].n)
        return refuse_output(t, v, &mean.shape, "means have an axis beside the batch's: (n, 1)");
    if (var.shape.rank == last + 1 && ir_dim_eq(var.shape.dim[last], ir_dim(1)))
        var.shape.dim[last] = mean.shape.dim[last];
    if (!ir_type_eq(&mean, &var)) {
        fe_report(t->in->d, v->at, DG(loss_pair));
        fe_note_chain(t->in, &t->chain);
        fe_help(t->in->d, "each mean has a variance, or each sample one: (n, 1)");
        return false;
    }
    if (!ir_type_eq(ir_type(t->g, part[1]), &var))
        part[1] = ir_add_typed(t->g, OP_expand, loc, var, IR_IN(part[1]), IR_NO_ATTRS);
    t->out = ir_add(t->g, OP_cat, loc, part, 2, IR_ATTRS(ir_int(AT_axis, last)));
    return true;
}

/* The model's result is a tensor with a row for each sample, or a pair of them where the loss takes
 * one. */
static bool take_output(Trace *t, const Roles *r, const Value *v)
{
    Interp *in = t->in;
    const LossInfo *loss = r->loss ? &fe_loss[r->loss->row] : NULL;
    bool wants_pair = loss && loss->rule == LOSS_variances;
    bool pair = (v->kind == V_TUPLE || v->kind == V_LIST) && v->u.list->n == 2;
    if (wants_pair && !pair) {
        fe_report(in->d, r->loss->at, DG(loss_pair));
        fe_help(in->d, "forward of the model ends with: return mean, var");
        return false;
    }
    if (!wants_pair && v->kind != V_TRACED) {
        fe_report(in->d, v->at, DG(forward_result), fe_module_name(r->model), fe_kind_name(v));
        fe_help_extremes(in, v);
        return false;
    }
    if (wants_pair && !take_pair(t, v)) return false;
    if (!wants_pair) t->out = fe_tensor_val(t, v, v->at);
    if (!t->out.i) return false;
    Shape s = t->chain.output = ir_type(t->g, t->out)->shape;
    t->chain.y = t->out;
    bool rows = s.rank > 0 && ir_dim_eq(s.dim[0], ir_dim_n(1));
    for (int i = 1; i < s.rank && rows; i++) rows = !s.dim[i].n;
    return rows || refuse_output(t, v, &s, "axis 0 counts the samples: x.view(x.size(0), -1) keeps "
                                           "it");
}

Trace *fe_run_model(Interp *in, Module *m, const Roles *r, bool training)
{
    Trace *t = arena_alloc(in->a, 1, sizeof *t);
    *t = (Trace){ .in = in, .g = ir_graph_add(m, training ? "train" : "eval"),
                  .training = training, .owner = r->model,
                  .chain = { .input = r->input, .batch = r->batch } };
    t->x = ir_input(t->g, "x", ir_type_of(m->real, r->input), (Loc){ 0, 0, 0 });
    forget_calls(r->model);
    Value *x = fe_traced(t, t->x, NULL, r->model->at);
    Call c = { .at = r->model->at, .of_at = r->model->at, .n_arg = 1, .n_given = 1,
               .arg = { { .v = x, .at = r->model->at } } };
    c.positional = fe_list(in, V_LIST, c.at);
    fe_push(in, c.positional, x);
    in->trace = t, in->spent = 0;
    int errors = in->d->errors;
    const Value *v = run_module(t, r->model, "", &c);
    bool good = v->kind != V_BAD && in->d->errors == errors && take_output(t, r, v);
    in->trace = NULL;
    return good ? t : NULL;
}
