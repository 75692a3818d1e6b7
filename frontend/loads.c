/* frontend/loads.c: load_state_dict(load_file("base.safetensors")): initial weights that are read
 * from a file.
 *
 * The file is read when the program begins to train, not here: what it must hold is known from the
 * module that is loaded, whose keys may differ from those of the model that it becomes part of. */
#include "frontend/lower.h"
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

Value *fe_fn_load_file(Interp *in, const Call *c)
{
    const Value *file = c->v[0];
    if (file->len == 0 || file->len != strlen(file->u.s)) {
        fe_report(in->d, c->v_at[0], DG(bad_choice), c->name, "filename", "the name of a file",
                  fe_repr(in->a, file));
        return fe_bad(in, c->at);
    }
    Value *v = fe_data(in, "the tensors of a file", c->at);
    v->self = c->v[0];
    return v;
}

static bool push(Interp *in, LoadRec r, Span at)
{
    if (!fe_spend(in, (int64_t)sizeof r, at)) return false;
    if (in->n_load == in->cap_load) {
        int cap = in->cap_load ? 2 * in->cap_load : 16;
        in->load = arena_grow(in->a, in->load, (size_t)in->cap_load, (size_t)cap, sizeof *in->load);
        in->cap_load = cap;
    }
    in->load[in->n_load++] = r;
    return true;
}

/* `r` has what all rows share; `path` is the module's in the one that is loaded. */
static bool load_module(Interp *in, const Mod *m, const char *path, LoadRec r, Span at)
{
    const char *dot = *path ? "." : "";
    bool good = true;
    for (int i = 0; good && i < m->n_param + m->n_buffer; i++) {
        r.param = i < m->n_param ? m->param[i] : m->buffer[i - m->n_param];
        r.key = arena_printf(in->a, "%s%s%s", path, dot, r.param->name);
        good = push(in, r, at);
    }
    for (int i = 0; good && i < m->n_child; i++)
        good = load_module(in, m->child[i],
                           arena_printf(in->a, "%s%s%s", path, dot, m->child_name[i]), r, at);
    return good;
}

Value *fe_m_load(Interp *in, const Call *c)
{
    const Value *file = c->v[0]->kind == V_DATA ? c->v[0]->self : NULL;
    if (!file || file->kind != V_STR) {
        const Value *v = c->v[0];
        fe_report(in->d, c->v_at[0], DG(load_state),
                  v->kind == V_DATA ? arena_printf(in->a, "data (%s)", v->u.s) : fe_kind_name(v));
        fe_help(in->d, "from safetensors.torch import load_file; "
                       "model.load_state_dict(load_file('weights.safetensors'))");
        return fe_bad(in, c->at);
    }
    LoadRec r = { .file = file->u.s, .call = ++in->n_load_call, .strict = c->v[1]->u.b,
                  .n_draw = in->n_draw };
    if (!load_module(in, c->self->u.mod, "", r, c->at)) return fe_bad(in, c->at);
    return fe_data(in, "the keys that do not match", c->at);
}

/* What is drawn or loaded anew stays as it is, though a strict load wants its key in the file. */
void fe_lower_loads(Module *m, const Interp *in)
{
    for (int i = 0; i < in->n_load; i++) in->load[i].param->drawn = -1;
    for (int i = 0; i < in->n_draw; i++)
        if (in->draw[i].param) in->draw[i].param->drawn = i;
    for (int i = 0; i < in->n_load; i++) in->load[i].param->loaded = i;
    for (int i = 0; i < in->n_load; i++) {
        const LoadRec *r = &in->load[i];
        bool last = r->param->loaded == i && r->param->drawn < r->n_draw;
        State s = last ? r->param->state : (State){ 0 };
        if (s.i || r->strict) ir_load(m, (Load){ r->call, r->strict, r->file, r->key, s });
    }
}
