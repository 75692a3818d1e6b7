/* frontend/class.c: classes of the model file, their objects, and the attributes of these.
 *
 * A class is a module: its last base is nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict or a layer.
 * As in PyTorch, an attribute that is a module or a parameter becomes part of the object, in the
 * order of assignment, and needs nn.Module's __init__ before it. What other classes describe (data
 * sets, settings) is data preparation. */
#include "frontend/tensor.h"
#include <string.h>

/* ---- classes ---- */

const char *fe_base_name(const Mod *m)
{
    static const char *const name[] = { "Sequential", "ModuleList", "ModuleDict", "Module" };
    return m->info ? m->info->name : name[m->holds];
}

const char *fe_module_name(const Mod *m) { return m->cls ? m->cls->def->name : fe_base_name(m); }

bool fe_is_subclass(const Class *c, const Class *of)
{
    while (c && c != of) c = c->up;
    return c != NULL;
}

/* What a class of torch.nn that can be a base holds; -1: it cannot. */
static int base_of(const Value *v)
{
    static const struct { const char *path; Holds holds; } bases[] = {
        { "torch.nn.Module", HOLDS_BY_CLASS }, { "torch.nn.Sequential", HOLDS_IN_ORDER },
        { "torch.nn.ModuleList", HOLDS_LIST }, { "torch.nn.ModuleDict", HOLDS_DICT } };
    for (size_t i = 0; v->kind == V_FN && i < sizeof bases / sizeof *bases; i++)
        if (strcmp(v->u.fn->path, bases[i].path) == 0) return (int)bases[i].holds;
    return -1;
}

static bool run_body(Interp *in, Class *c)
{
    Frame *outer = in->frame;
    c->body = arena_alloc(in->a, 1, sizeof *c->body);
    *c->body = (Frame){ .outer = outer, .is_class = true, .of = c };
    in->frame = c->body;
    bool good = fe_run_body(in, &c->def->body);
    in->frame = outer;
    return good;
}

Value *fe_make_class(Interp *in, const ClassDef *def)
{
    Value *base = def->n_base == 1 ? fe_eval(in, def->base[0]) : NULL;
    Class *c = arena_alloc(in->a, 1, sizeof *c);
    *c = (Class){ .def = def };
    if (base && base->kind == V_BAD) return base;
    if (base && base->kind == V_CLASS) {
        c->up = base->u.cls, c->holds = c->up->holds, c->layer = c->up->layer;
        c->up->used = true;
    } else if (base && base_of(base) >= 0) {
        c->holds = (Holds)base_of(base);
    } else if (base && base->kind == V_FN && base->u.fn->body == fe_make_layer) {
        c->holds = HOLDS_BY_CLASS, c->layer = base->u.fn;
    } else if (base && (base->kind == V_DATA || base->kind == V_SPACE)) {
        return fe_data(in, arena_printf(in->a, "the class `%s`", def->name), def->at);
    } else {
        fe_report(in->d, def->n_base ? def->base[0]->at : def->at, DG(class), def->name);
        fe_help(in->d, "a model is a class of nn.Module: class %s(nn.Module):", def->name);
        return fe_bad(in, def->at);
    }
    if (def->decorated) {
        fe_report(in->d, def->at, DG(class), def->name);
        fe_help(in->d, "write it without the decorator");
        return fe_bad(in, def->at);
    }
    if (!run_body(in, c)) return fe_bad(in, def->at);
    Value *v = fe_val(in, V_CLASS, def->at);
    v->u.cls = c;
    return v;
}

/* What the class, or one that it is made of, has by that name; null: nothing. */
static Value *in_class(const Class *c, const char *name)
{
    for (; c; c = c->up) {
        const Local *l = fe_local_name(c->body, name);
        if (l && l->v) return l->v;
    }
    return NULL;
}

/* A function of a class, as a method of its object; a property is what its function gives. */
static Value *bound(Interp *in, Value *v, Value *object, Span at)
{
    if (!v || v->kind != V_FUNC || !object || v->u.func->is_static) return v;
    if (v->u.func->is_property) return fe_call_value(in, v, &object, 1, at);
    Value *m = fe_val(in, V_FUNC, at);
    m->u.func = v->u.func;
    m->self = object;
    return m;
}

static Value *builtin(Interp *in, Value *self, const char *name, Span at)
{
    const Fn *fn = fe_fn(arena_printf(in->a, ".module.%.100s", name));
    if (!fn) return NULL;
    Value *v = fe_val(in, V_METHOD, at);
    v->u.fn = fn;
    v->self = self;
    return v;
}

/* ---- objects ---- */

Value *fe_make_object(Interp *in, Value *cls, const Call *c)
{
    Class *of = cls->u.cls;
    Mod *m = fe_new_module(in, c->at, NULL);
    Call init = *c;
    Fn named = { .path = of->def->name, .signature = "" };
    Value *object = fe_module_value(in, m, c->at);
    of->used = true;
    m->cls = of, m->holds = of->holds;
    m->attr = arena_alloc(in->a, 1, sizeof *m->attr);
    *m->attr = (Frame){ .of = of };
    init.name = of->def->name, init.fn = &named;
    m->text = fe_call_text(in, &init, "", false);
    Value *f = bound(in, in_class(of, "__init__"), object, c->at);
    if (!f) {
        m->ready = true;
        return fe_fill_module(in, m, &init) ? object : fe_bad(in, c->at);
    }
    init = *c;
    return fe_call_any(in, f, &init)->kind == V_BAD ? fe_bad(in, c->at) : object;
}

/* nn.Module.__init__, by super().__init__() or by its name with self. */
Value *fe_m_init(Interp *in, const Call *c)
{
    Value *self = c->self;
    if (self->kind != V_MODULE) {
        const List *l = c->positional->u.list;
        self = l->n > 0 ? l->item[0] : NULL;
        if (!self || self->kind != V_MODULE || !self->u.mod->cls) {
            fe_report(in->d, c->at, DG(missing), "Module.__init__", "self");
            return fe_bad(in, c->at);
        }
    }
    self->u.mod->ready = true;
    bool good = self != c->self || fe_fill_module(in, self->u.mod, c);
    return good ? fe_val(in, V_NONE, c->at) : fe_bad(in, c->at);
}

/* super() in a method: the class whose method it is, and its object. */
Value *fe_fn_super(Interp *in, const Call *c)
{
    const List *l = c->positional->u.list;
    Frame *f = in->frame;
    while (f && !(f->fn && f->of)) f = f->outer;
    const Local *self = f && f->fn->n_param > 0 ? fe_local_name(f, f->fn->param[0].name) : NULL;
    Class *of = f ? f->of : NULL;
    Value *object = self ? self->v : NULL;
    if (l->n == 2) of = l->item[0]->kind == V_CLASS ? l->item[0]->u.cls : NULL, object = l->item[1];
    if (!of || !object || object->kind != V_MODULE || !fe_is_subclass(object->u.mod->cls, of)) {
        fe_report(in->d, c->at, DG(super));
        fe_help(in->d, "in a method of a class: super().__init__()");
        return fe_bad(in, c->at);
    }
    Value *v = fe_val(in, V_SUPER, c->at);
    v->u.cls = of;
    v->self = object;
    return v;
}

static Value *unknown(Interp *in, const Mod *m, const Class *cls, const char *name, Span at)
{
    static const char *const usual[] = { "parameters", "named_parameters", "children", "training",
                                         "modules", "train", "eval", "register_buffer", "apply",
                                         "state_dict", "load_state_dict", "forward" };
    Nearest n = { name, NULL, 0 };
    for (int i = 0; m && i < m->n_child; i++) fe_consider(&n, m->child_name[i]);
    for (int i = 0; m && i < m->n_param; i++) fe_consider(&n, m->param[i]->name);
    for (int i = 0; m && i < m->n_buffer; i++) fe_consider(&n, m->buffer[i]->name);
    for (int i = 0; m && m->attr && i < m->attr->n; i++) fe_consider(&n, m->attr->local[i].name);
    for (const Class *c = cls; c; c = c->up)
        for (int i = 0; i < c->body->n; i++) fe_consider(&n, c->body->local[i].name);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) fe_consider(&n, usual[i]);
    fe_report(in->d, at, DG(no_attribute), cls->def->name, name);
    if (fe_nearest(&n)) fe_help(in->d, "did you mean `%s`?", n.best);
    return fe_bad(in, at);
}

Value *fe_no_member(Interp *in, const Mod *m, const char *name, Span at)
{
    return unknown(in, m, m->cls, name, at);
}

Value *fe_super(Interp *in, Value *super, const char *name, Span at, Span name_at)
{
    Value *v = bound(in, in_class(super->u.cls->up, name), super->self, at);
    const Mod *m = super->self->u.mod;
    bool forward = strcmp(name, "forward") == 0;
    const char *runs = m->info ? "forward_of_layer" : m->holds == HOLDS_IN_ORDER ? "forward_in_order" : name;
    if (!v) v = builtin(in, super->self, forward ? runs : name, at);
    return v ? v : unknown(in, NULL, super->u.cls, name, name_at);
}

Value *fe_class_attr(Interp *in, Value *cls, const char *name, Span at, Span name_at)
{
    Value *v = in_class(cls->u.cls, name);
    if (strcmp(name, "__name__") == 0)
        return fe_str(in, cls->u.cls->def->name, strlen(cls->u.cls->def->name), at);
    return v ? v : unknown(in, NULL, cls->u.cls, name, name_at);
}

/* ---- attributes ---- */

static Value *param_value(Interp *in, Param *p, Span at)
{
    Value *v = fe_val(in, V_PARAM, at);
    v->u.param = p;
    return v;
}

Value *fe_find_attr(Interp *in, Value *object, const char *name, Span at)
{
    Mod *m = object->u.mod;
    for (int i = 0; i < m->n_param; i++)
        if (strcmp(m->param[i]->name, name) == 0) return param_value(in, m->param[i], at);
    for (int i = 0; i < m->n_child; i++)
        if (strcmp(m->child_name[i], name) == 0) return fe_module_value(in, m->child[i], at);
    if (m->cls) {
        const Local *l = fe_local_name(m->attr, name);
        if (l && l->v) return l->v;
        for (int i = 0; i < m->n_buffer; i++)
            if (strcmp(m->buffer[i]->name, name) == 0) return param_value(in, m->buffer[i], at);
        Value *v = bound(in, in_class(m->cls, name), object, at);
        if (v) return v;
    }
    return builtin(in, object, name, at);
}

/* The place of a name among the object's modules; -1: none of them has it. */
static int child_place(const Mod *m, const char *name)
{
    int i = m->n_child - 1;
    while (i >= 0 && strcmp(m->child_name[i], name) != 0) i--;
    return i;
}

/* self.name = module */
static void set_child(Interp *in, Mod *m, const char *name, Mod *child, Span at)
{
    int i = child_place(m, name);
    Local *l = fe_local_name(m->attr, name);
    if (l) l->v = NULL;
    if (i < 0) {
        fe_append_child(in, m, child, name, at);
        return;
    }
    /* It takes the old one's place. Appended last, it is moved there. */
    if (!fe_append_child(in, m, child, name, at)) return;
    m->child[i] = m->child[--m->n_child];
}

/* self.name = nn.Parameter(…) */
static void set_param(Interp *in, Mod *m, const char *name, Param *p, Span at)
{
    if (p->owner && !(p->owner == m && strcmp(p->name, name) == 0)) {
        fe_report(in->d, at, DG(param_twice), p->name);
        fe_help(in->d, "use the one parameter in both places of forward");
        return;
    }
    if (p->owner) return;
    p->name = name;
    for (int i = 0; i < m->n_param; i++)
        if (strcmp(m->param[i]->name, name) == 0) {
            m->param[i] = p;
            p->owner = m;
            return;
        }
    fe_own_param(in, m, p, false);
}

static bool is_buffer(const Mod *m, const char *name)
{
    for (int i = 0; i < m->n_buffer; i++)
        if (strcmp(m->buffer[i]->name, name) == 0) return true;
    return false;
}

void fe_set_member(Interp *in, Value *object, const char *name, Value *to, Span at, Span name_at)
{
    Mod *m = object->u.mod;
    bool module = to->kind == V_MODULE, param = to->kind == V_PARAM && !to->u.param->buffer;
    if ((module || param) && !m->ready) {
        fe_report(in->d, at, DG(before_init), module ? "module" : "parameters");
        fe_help(in->d, "begin __init__ with super().__init__()");
        return;
    }
    if (module) {
        set_child(in, m, name, to->u.mod, at);
    } else if (param) {
        set_param(in, m, name, to->u.param, at);
    } else if (is_buffer(m, name)) {
        fe_report(in->d, name_at, DG(buffer_update), name);
    } else if (child_place(m, name) >= 0 && to->kind != V_NONE) {
        fe_report(in->d, name_at, DG(not_a_module), fe_kind_name(to), name);
    } else {
        fe_set_local(in, m->attr, name, to);
    }
}

/* ---- parameters and buffers ---- */

enum { MAX_VALUES = 4096 };

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

/* A tensor that the file holds, or that is drawn, becomes the values of a new parameter. Elements that are
 * unequal are as many lines of the program. */
static Value *param_of(Interp *in, const Call *c, const Value *v, Span at)
{
    if (v->kind == V_DATA && v->self && v->self->kind == V_PARAM && !v->self->u.param->owner) {
        v->self->u.param->at = c->at;
        return v->self;
    }
    Param *p = arena_alloc(in->a, 1, sizeof *p);
    *p = (Param){ .name = c->name, .at = c->at };
    if (v->kind != V_TENSOR) {
        if (v->kind == V_DATA)
            fe_report(in->d, at, DG(needs_content), c->name, "data", "a tensor", v->u.s);
        else
            fe_report(in->d, at, DG(wrong_type), c->name, "data",
                      "a tensor such as torch.zeros(3)", fe_kind_name(v), ": ", fe_repr(in->a, v));
        return fe_bad(in, c->at);
    }
    const Tensor *t = v->u.tensor;
    int64_t unequal = 0;
    for (int64_t i = 1; i < t->n; i++) unequal += !same_bits(t->x[i], t->x[0]);
    if (unequal > MAX_VALUES) {
        fe_report(in->d, at, DG(param_values), c->name, (long long)unequal, MAX_VALUES);
        fe_help(in->d, "torch.zeros, torch.full, torch.rand and torch.randn make tensors that "
                       "a program can make too; register_buffer(…, persistent=False) keeps "
                       "any values");
        return fe_bad(in, c->at);
    }
    p->rank = t->rank;
    for (int i = 0; i < t->rank; i++) {
        p->dim[i] = t->dim[i];
        if (t->dim[i] < 1) {
            fe_report(in->d, at, DG(not_positive), c->name, "a size", (long long)t->dim[i]);
            return fe_bad(in, c->at);
        }
    }
    fe_draw(in, (DrawRec){ DRAW_CONSTANT, p, t->x[0], 0, fe_param_elems(p) });
    for (int64_t i = 1; i < t->n; i++)
        if (!same_bits(t->x[i], t->x[0])) fe_draw(in, (DrawRec){ DRAW_ELEMENT, p, (double)i, t->x[i], 1 });
    return param_value(in, p, c->at);
}

Value *fe_fn_parameter(Interp *in, const Call *c)
{
    Value *v = param_of(in, c, c->v[0], c->v_at[0]);
    if (v->kind == V_PARAM) v->u.param->frozen = !c->v[1]->u.b;
    return v;
}

Value *fe_m_register_parameter(Interp *in, const Call *c)
{
    fe_set_attr(in, c->self, c->v[0]->u.s, c->v[1], c->at, c->v_at[0]);
    return fe_val(in, V_NONE, c->at);
}

/* What is not saved is a constant of forward. */
Value *fe_m_register_buffer(Interp *in, const Call *c)
{
    Mod *m = c->self->u.mod;
    const char *name = c->v[0]->u.s;
    if (!m->cls) {
        fe_report(in->d, c->at, DG(cannot_append), fe_module_name(m));
        return fe_bad(in, c->at);
    }
    if (!m->ready) {
        fe_report(in->d, c->at, DG(before_init), "buffer");
        fe_help(in->d, "begin __init__ with super().__init__()");
        return fe_bad(in, c->at);
    }
    if (c->v[1]->kind == V_NONE || (c->v[1]->kind == V_TENSOR && !c->v[2]->u.b)) {
        fe_set_local(in, m->attr, name, c->v[1]);
        return fe_val(in, V_NONE, c->at);
    }
    Value *v = param_of(in, c, c->v[1], c->v_at[1]);
    if (v->kind != V_PARAM) return v;
    const Tensor *t = c->v[1]->kind == V_TENSOR ? c->v[1]->u.tensor : NULL;
    if (t && t->type < EL_FLOAT32) {
        fe_report(in->d, c->v_at[1], DG(buffer_type), fe_elem_name(t->type));
        fe_help(in->d, "persistent=False keeps it as a constant");
        return fe_bad(in, c->at);
    }
    v->u.param->name = name;
    v->u.param->buffer = true;
    fe_own_param(in, m, v->u.param, true);
    return fe_val(in, V_NONE, c->at);
}
