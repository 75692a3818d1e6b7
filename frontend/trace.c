/* frontend/trace.c: runs a model on a tensor that is a node of a graph.
 *
 * One walk checks and builds: each layer's shape rule says what comes out, or what is wrong, and
 * its rule of lower_layers.c adds nodes. */
#include "frontend/lower.h"

enum { MAX_ELEMS_LOG2 = 36 };

static bool size_ok(Interp *in, Span at, const Shape *s, int64_t batch)
{
    int64_t elems;
    if (ir_elems_ok(s, batch, &elems) && elems <= (int64_t)1 << MAX_ELEMS_LOG2) return true;
    fe_report(in->d, at, DG(activation_size), fe_shape_text(in->a, s, batch));
    return false;
}

static void add_step(Trace *t, Step s)
{
    Chain *c = &t->chain;
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 16;
        c->step = arena_grow(t->in->a, c->step, (size_t)c->cap, (size_t)cap, sizeof *c->step);
        c->cap = cap;
    }
    c->step[c->n++] = s;
}

static Val run_layer(Trace *t, Mod *m, const char *path, Val x)
{
    Shape s = ir_type(t->g, x)->shape;
    if (!fe_shape_layer(t->in, m, &t->chain, &s)) return (Val){ 0 };
    if (!size_ok(t->in, m->at, &s, t->chain.batch)) {
        fe_note_chain(t->in, &t->chain);
        return (Val){ 0 };
    }
    Spot p = { t->g, t->in->a, m, path, fe_loc(t->g->module, t->in->d, m->at), t->training };
    Val y = fe_lower_layer(&p, x);
    if (!ir_shape_eq(&ir_type(t->g, y)->shape, &s))
        ir_die(t->g->module, "%s: its shape rule and its nodes differ", m->text);
    add_step(t, (Step){ m, path, s });
    return y;
}

/* The result; none: reported. */
static Val run_module(Trace *t, Mod *m, const char *path, Val x)
{
    if (m->info) return run_layer(t, m, path, x);
    for (int i = 0; i < m->n_child && x.i; i++)
        x = run_module(t, m->child[i], arena_printf(t->in->a, "%s%s%.200s", path, *path ? "." : "",
                                                    m->child_name[i]), x);
    return x;
}

static void forget_calls(Mod *m)
{
    m->calls = 0;
    for (int i = 0; i < m->n_child; i++) forget_calls(m->child[i]);
}

/* A layer whose parameters stand in two places of the model; null: there is none. */
static const Mod *shared(Mod *m)
{
    const Mod *found = m->in_model && m->n_param > 0 ? m : NULL;
    m->in_model = true;
    for (int i = 0; i < m->n_child && !found; i++) found = shared(m->child[i]);
    return found;
}

bool fe_check_model(Interp *in, const Roles *r)
{
    const Mod *twice = shared(r->model);
    if (twice) {
        fe_report(in->d, twice->at, DG(layer_twice), twice->text);
        fe_help(in->d, "make a layer for each place");
        return false;
    }
    return size_ok(in, r->model->at, &r->input, r->batch);
}

Trace *fe_run_model(Interp *in, Module *m, const Roles *r, bool training)
{
    Trace *t = arena_alloc(in->a, 1, sizeof *t);
    *t = (Trace){ .in = in, .g = ir_graph_add(m, training ? "train" : "eval"),
                  .training = training, .chain = { .input = r->input, .batch = r->batch } };
    Val x = ir_input(t->g, "x", ir_type_of(m->real, r->input), (Loc){ 0, 0, 0 });
    forget_calls(r->model);
    t->out = run_module(t, r->model, "", x);
    if (!t->out.i) return NULL;
    t->chain.output = ir_type(t->g, t->out)->shape;
    return t;
}
