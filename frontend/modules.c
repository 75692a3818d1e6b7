/* frontend/modules.c: walks over a module: its parameters, children, all modules in it.
 *
 * In PyTorch's order, each module and parameter once however often it stands in the tree. */
#include "frontend/value.h"
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

typedef struct Walk { Interp *in; Value *list; bool named; Span at; } Walk;

static void give(Walk *w, const char *name, Value *v)
{
    Value *item = v;
    if (w->named) {
        item = fe_list(w->in, V_TUPLE, w->at);
        fe_push(w->in, item, fe_str(w->in, name, strlen(name), w->at));
        fe_push(w->in, item, v);
    }
    fe_push(w->in, w->list, item);
}

/* Is it among those that were given already? Its cost is part of the budget. */
static bool seen(const Walk *w, const void *thing)
{
    const List *l = w->list->u.list;
    if (!fe_spend(w->in, l->n / 16, w->at)) return true;
    for (int i = 0; i < l->n; i++) {
        const Value *v = w->named ? l->item[i]->u.list->item[1] : l->item[i];
        if (v->kind == V_PARAM ? v->u.param == thing : v->u.mod == thing) return true;
    }
    return false;
}

static const char *join(Walk *w, const char *prefix, const char *name)
{
    if (!w->named) return "";
    return *prefix ? arena_printf(w->in->a, "%.1000s.%.200s", prefix, name) : name;
}

static void parameters(Walk *w, Mod *m, const char *prefix, bool recurse)
{
    for (int i = 0; i < m->n_param; i++) {
        if (seen(w, m->param[i])) continue;
        Value *p = fe_val(w->in, V_PARAM, w->at);
        p->u.param = m->param[i];
        give(w, join(w, prefix, m->param[i]->name), p);
    }
    for (int i = 0; recurse && i < m->n_child; i++)
        parameters(w, m->child[i], join(w, prefix, m->child_name[i]), true);
}

Value *fe_parameters(Interp *in, Mod *m, Span at)
{
    Walk w = { in, fe_list(in, V_LIST, at), false, at };
    parameters(&w, m, "", true);
    return w.list;
}

static void modules(Walk *w, Mod *m, const char *prefix)
{
    if (seen(w, m)) return;
    give(w, prefix, fe_module_value(w->in, m, w->at));
    for (int i = 0; i < m->n_child; i++) modules(w, m->child[i], join(w, prefix, m->child_name[i]));
}

static Walk begin(Interp *in, const Call *c)
{
    return (Walk){ in, fe_list(in, V_LIST, c->at), strncmp(c->name, "named", 5) == 0, c->at };
}

/* Generators: empty once they were walked. */
static Value *generator(Walk *w)
{
    w->list->u.list->once = true;
    return w->list;
}

Value *fe_mod_parameters(Interp *in, const Call *c)
{
    Walk w = begin(in, c);
    bool recurse = c->v[w.named ? 1 : 0]->u.b;
    parameters(&w, c->self->u.mod, w.named ? c->v[0]->u.s : "", recurse);
    return generator(&w);
}

Value *fe_mod_children(Interp *in, const Call *c)
{
    Walk w = begin(in, c);
    const Mod *m = c->self->u.mod;
    for (int i = 0; i < m->n_child; i++)
        if (!seen(&w, m->child[i]))
            give(&w, m->child_name[i], fe_module_value(in, m->child[i], c->at));
    return generator(&w);
}

/* Of a ModuleDict. */
Value *fe_mod_items(Interp *in, const Call *c)
{
    const Mod *m = c->self->u.mod;
    Value *list = fe_list(in, V_LIST, c->at);
    if (m->info || m->holds != HOLDS_DICT) {
        fe_report(in->d, c->of_at, DG(no_attribute), fe_module_name(m), c->name);
        return fe_bad(in, c->at);
    }
    for (int i = 0; i < m->n_child; i++) {
        Value *key = fe_str(in, m->child_name[i], strlen(m->child_name[i]), c->at);
        Value *v = fe_module_value(in, m->child[i], c->at), *pair = fe_list(in, V_TUPLE, c->at);
        fe_push(in, pair, key);
        fe_push(in, pair, v);
        fe_push(in, list, c->name[0] == 'i' ? pair : c->name[0] == 'k' ? key : v);
    }
    return list;
}

Value *fe_mod_walk(Interp *in, const Call *c)
{
    Walk w = begin(in, c);
    modules(&w, c->self->u.mod, "");
    return generator(&w);
}

/* Children first, as PyTorch does: initialisations draw in this order. */
static bool apply(Interp *in, Mod *m, Value *fn, Span at)
{
    for (int i = 0; i < m->n_child; i++)
        if (!apply(in, m->child[i], fn, at)) return false;
    Value *v = fe_module_value(in, m, at);
    return fe_call_value(in, fn, &v, 1, at)->kind != V_BAD;
}

Value *fe_mod_apply(Interp *in, const Call *c)
{
    if (c->v[0]->kind == V_DATA) {
        fe_report(in->d, c->v_at[0], DG(needs_content), c->name, "fn", "a function", c->v[0]->u.s);
        return fe_bad(in, c->at);
    }
    return apply(in, c->self->u.mod, c->v[0], c->at) ? c->self : fe_bad(in, c->at);
}

Value *fe_mod_extend(Interp *in, const Call *c)
{
    Value *all = fe_items(in, c->v[0], c->v_at[0]),
          *f = fe_attr(in, c->self, "append", c->at, c->at);
    if (!all || all->kind == V_DATA) return fe_bad(in, c->at);
    for (int i = 0, n = all->u.list->n; i < n; i++)
        if (fe_call_value(in, f, &all->u.list->item[i], 1, c->at)->kind == V_BAD)
            return fe_bad(in, c->at);
    return c->self;
}
