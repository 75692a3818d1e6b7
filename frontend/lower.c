/* frontend/lower.c: builds the module: states, draws, graphs, program.
 *
 * The model runs twice (trace.c), in training and in evaluation; all graphs, which ir.h lists, are
 * made of copies of these two runs, forward only. */
#include "frontend/lower.h"
#include <string.h>

typedef struct Lower {
    Module *m;
    FeDiags *d;
    Interp *in;
    Roles *r;
    Trace *run[2];               /* the model in evaluation and in training */
    Shape input, output;
} Lower;

Loc fe_loc(Module *m, const FeDiags *d, Span at)
{
    if (at.src == 0) return (Loc){ 0, 0, 0 };
    LineCol p = fe_place(d, at);
    return (Loc){ ir_file(m, fe_source_name(d, at.src)), p.line, p.col };
}

/* ---- the model in a graph ---- */

/* The nodes of a run that `out` needs and, where the graph is a step, the updates of states. */
static bool *needed(const Trace *t, bool step, Arena *a)
{
    const Graph *g = t->g;
    bool *live = arena_alloc(a, g->n_node, sizeof *live);
    live[t->out.i] = true;
    for (int i = 0; i < g->n_root && step; i++) live[g->root[i].val.i] = true;
    for (uint32_t i = g->n_node; i-- > 1;)
        for (int k = 0; live[i] && k < g->node[i].n_in; k++) live[g->node[i].in[k].i] = true;
    return live;
}

/* The model's output in g. A step moves running statistics: `grad` looks and leaves no trace. */
static Val place_model(Lower *l, Graph *g, bool training, bool step)
{
    const Trace *t = l->run[training];
    Arena *a = l->in->a;
    Val *map = arena_alloc(a, t->g->n_node, sizeof *map);
    const bool *live = needed(t, step, a);
    for (uint32_t i = 1; i < t->g->n_node; i++)
        if (live[i]) map[i] = ir_copy_node(g, t->g, (Val){ i }, map);
    for (int i = 0; i < t->g->n_root && step; i++)
        ir_update(g, t->g->root[i].state, map[t->g->root[i].val.i]);
    return map[t->out.i];
}

/* ---- losses ---- */

Val fe_reduce_all(Graph *g, Op op, Val x, Loc loc)
{
    int64_t axes[IR_MAX_RANK];
    int rank = ir_type(g, x)->shape.rank;
    for (int i = 0; i < rank; i++) axes[i] = i;
    return ir_add(g, op, loc, IR_IN(x), IR_ATTRS(ir_ints(AT_axes, axes, rank)));
}

static Val target(Lower *l, Graph *g, const LossInfo *loss, bool prob)
{
    Shape s = fe_target_shape(l->r->loss, &l->output);
    bool indices = loss->target != TARGET_REAL && !prob;
    if (indices) s.rank = 1;
    return ir_input(g, "target", ir_type_of(indices ? DT_i64 : l->m->real, s), (Loc){ 0, 0, 0 });
}

static Val loss_value(Lower *l, Graph *g, Val out, Val t)
{
    return fe_lower_loss(g, l->in->a, l->r->loss, out, t, fe_loc(l->m, l->d, l->r->loss->at));
}

/* 1 where output a and target b are on the same side, else 0. */
static const char *const same_side[] = {
    [METRICS_HALVES] = "a > 0.5 ? (b > 0.5 ? 1.0 : 0.0) : b > 0.5 ? 0.0 : 1.0",
    [METRICS_LOGITS] = "a > 0 ? (b > 0.5 ? 1.0 : 0.0) : b > 0.5 ? 0.0 : 1.0",
    [METRICS_SIGNS] = "a > 0 ? (b > 0 ? 1.0 : 0.0) : b > 0 ? 0.0 : 1.0",
};

static void add_metrics(Lower *l, Graph *g, Val out, Val t)
{
    const LossInfo *loss = &fe_loss[l->r->loss->row];
    Loc none = { 0, 0, 0 };
    if (loss->metrics == METRICS_ACCURACY) {
        int64_t label = 0;
        bool ignores = fe_ignored_label(l->r->loss, &label) && ir_type(g, t)->dtype == DT_i64;
        Attr attr = ir_int(AT_ignore, label);
        ir_return(g, "correct", ir_add(g, OP_correct, none, IR_IN(out, t), &attr, ignores));
        if (ignores)
            ir_return(g, "counted", fe_lower_counted(g, l->in->a, l->r->loss, out, t, none));
    } else if (loss->metrics == METRICS_ERRORS) {
        if (loss->rule == LOSS_variances) out = fe_half(g, out, 0, none);
        Val abs = ir_add(g, OP_abs_error, none, IR_IN(out, t), IR_NO_ATTRS);
        ir_return(g, "abs_err", fe_reduce_all(g, OP_sum, abs, none));
        Val sq = ir_add(g, OP_squared_error, none, IR_IN(out, t), IR_NO_ATTRS);
        ir_return(g, "sq_err", fe_reduce_all(g, OP_sum, sq, none));
    } else if (loss->metrics != METRICS_NONE) {
        Val same = ir_map(g, same_side[loss->metrics], IR_IN(out, t), none);
        ir_return(g, "correct", fe_reduce_all(g, OP_sum, same, none));
    }
}

static void graph_with_loss(Lower *l, const char *name, bool training, bool prob)
{
    const LossInfo *loss = &fe_loss[l->r->loss->row];
    Graph *g = ir_graph_add(l->m, name);
    ir_input(g, "x", ir_type_of(l->m->real, l->input), (Loc){ 0, 0, 0 });
    Val t = target(l, g, loss, prob);
    Val out = place_model(l, g, training, training);
    ir_return(g, "loss", loss_value(l, g, out, t));
    add_metrics(l, g, out, t);
}

static void graph_of_loss(Lower *l, const char *name, bool prob)
{
    const LossInfo *loss = &fe_loss[l->r->loss->row];
    Graph *g = ir_graph_add(l->m, name);
    Val out = ir_input(g, "output", ir_type_of(l->m->real, l->output), (Loc){ 0, 0, 0 });
    ir_return(g, "loss", loss_value(l, g, out, target(l, g, loss, prob)));
}

static void graph_of_output(Lower *l, const char *name, bool training, bool cotangent)
{
    Graph *g = ir_graph_add(l->m, name);
    ir_input(g, "x", ir_type_of(l->m->real, l->input), (Loc){ 0, 0, 0 });
    Val out = place_model(l, g, training, false);
    if (cotangent) ir_input(g, "cotangent", *ir_type(g, out), (Loc){ 0, 0, 0 });
    ir_return(g, "output", out);
}

/* ---- states, draws, program ---- */

static void add_state(Lower *l, Param *p, Role role, const char *prefix)
{
    const char *key = arena_printf(l->in->a, "%s%s%s", prefix, *prefix ? "." : "", p->name);
    Type t = ir_type_of(p->integer ? DT_i64 : l->m->real, ir_shape(p->rank, p->dim));
    p->state = ir_state_add(l->m, key, role, t, fe_loc(l->m, l->d, p->at));
}

static void add_states(Lower *l, Mod *m, const char *prefix)
{
    for (int i = 0; i < m->n_param; i++)
        add_state(l, m->param[i], m->param[i]->frozen ? ROLE_FROZEN : ROLE_PARAM, prefix);
    for (int i = 0; i < m->n_buffer; i++) add_state(l, m->buffer[i], ROLE_BUFFER, prefix);
    for (int i = 0; i < m->n_child; i++)
        add_states(l, m->child[i], arena_printf(l->in->a, "%s%s%s", prefix, *prefix ? "." : "",
                                                m->child_name[i]));
}

/* What is drawn for tensors outside the model is drawn and thrown away, so that the rest stays
 * equal. */
static void add_draws(Lower *l)
{
    for (int i = 0; i < l->in->n_draw; i++) {
        DrawRec r = l->in->draw[i];
        State s = r.param ? r.param->state : (State){ 0 };
        if (r.kind != DRAW_SEED && s.i == 0) {
            if (r.kind == DRAW_UNIFORM) r.kind = DRAW_SKIP_UNIFORM;
            if (r.kind == DRAW_NORMAL) r.kind = DRAW_SKIP_NORMAL;
            if (r.kind == DRAW_SPARSE) {     /* an order of the rows for each column */
                r.kind = DRAW_SKIP_UNIFORM;
                r.elems = (r.param->dim[0] - 1) * r.param->dim[1];
            }
            if (!ir_draw_info[r.kind].counted) continue;
            r.a = r.b = 0;
        }
        ir_draw(l->m, (Draw){ r.kind, s, r.a, r.b, ir_draw_info[r.kind].counted ? r.elems : 0 });
    }
}

static void add_optimizer(Lower *l)
{
    OptimObj *o = l->r->optim;
    Program *p = &l->m->prog;
    if (l->r->schedule) fe_apply_schedule(l->m, l->r->schedule, o);
    State *param = arena_alloc(l->in->a, (size_t)o->n_param, sizeof *param);
    p->optimizer = ir_intern(l->m, o->text);
    p->lr = o->group[0].lr;
    ir_scalar_def(l->m, "lr", "a", 0);
    for (int k = 0; k < o->n_group; k++) {
        const OptimGroup *g = &o->group[k];
        int n = 0;
        for (int i = g->first; i < g->first + g->n_param; i++)
            if (o->param[i]->state.i && !o->param[i]->frozen) param[n++] = o->param[i]->state;
        ir_group(l->m, (OptGroup){ g->rule, g->setting, g->n_setting, param, n,
                                   g->lr == p->lr ? -1 : g->lr, fe_loc(l->m, l->d, g->at) });
    }
    p->clip_norm = l->r->clip_norm, p->clip_value = l->r->clip_value;
}

static Shape sample_of(const Shape *s)
{
    Shape r = { .rank = (uint8_t)(s->rank - 1) };
    for (int i = 1; i < s->rank; i++) r.dim[i - 1] = s->dim[i];
    return r;
}

static const char *program_name(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    if (n > 3 && strcmp(base + n - 3, ".py") == 0) n -= 3;
    return n ? arena_strn(a, base, n) : "model";
}

static void fill_program(Lower *l, const char *path, const Chain *c)
{
    Program *p = &l->m->prog;
    const Roles *r = l->r;
    p->name = ir_intern(l->m, program_name(l->in->a, path));
    p->batch = l->m->capacity;
    p->epochs = r->epochs, p->seed = r->seed;
    p->shuffle = r->loader ? r->loader->shuffle : TRI_UNSET;
    p->drop_last = r->loader && r->loader->drop_last;
    p->least_batch = fe_least_batch(c);
    p->input = sample_of(&l->input);
    p->output = sample_of(&l->output);
    fe_lower_images(l->m, r);
    for (int i = 0; i < c->n; i++) {
        const Step *s = &c->step[i];
        int64_t params = 0;
        bool first = s->mod && s->mod->path;         /* a layer that runs again has them no more */
        for (int k = 0; k < i && first; k++) first = c->step[k].mod != s->mod;
        for (int k = 0; first && k < s->mod->n_param; k++)
            params += fe_param_elems(s->mod->param[k]);
        ir_layer(l->m, (Layer){ ir_intern(l->m, s->path), ir_intern(l->m, s->text),
                                ir_type_of(l->m->real, s->out), params, fe_loc(l->m, l->d, s->at) });
    }
    if (!r->loss) return;
    const LossInfo *loss = &fe_loss[r->loss->row];
    p->loss = ir_intern(l->m, r->loss->text);
    p->target = loss->target;
    p->ignores = fe_ignored_label(r->loss, &p->ignore);
    Shape target = fe_target_shape(r->loss, &l->output);
    if (fe_of_classes(loss)) p->n_classes = l->output.dim[1].k;
    else p->target_shape = sample_of(&target);
    if (loss->metrics == METRICS_ERRORS) {
        ir_metric(l->m, METRIC_MAE);
        ir_metric(l->m, METRIC_R2);
    } else if (loss->metrics != METRICS_NONE) {
        ir_metric(l->m, METRIC_ACCURACY);
    }
}

static void add_graphs(Lower *l, bool differs)
{
    if (l->r->loss) {
        bool prob = fe_loss[l->r->loss->row].target == TARGET_CLASS;
        bool trains = l->r->optim != NULL;
        if (trains) graph_with_loss(l, "train", true, false);
        if (trains && prob) graph_with_loss(l, "train_prob", true, true);
        graph_with_loss(l, "eval", false, false);
        if (prob) graph_with_loss(l, "eval_prob", false, true);
        graph_of_output(l, "infer", false, false);
        graph_of_loss(l, "loss", false);
        if (prob) graph_of_loss(l, "loss_prob", true);
    } else {
        graph_of_output(l, "infer", false, false);
    }
    graph_of_output(l, "grad", true, true);
    if (differs) graph_of_output(l, "grad_eval", false, true);
}

/* Both runs of the model; false: reported. */
static bool run_model(Lower *l)
{
    for (int training = 0; training < 2; training++) {
        l->run[training] = fe_run_model(l->in, l->m, l->r, training);
        if (!l->run[training]) return false;
    }
    l->m->n_graph = 0;                       /* the runs are what graphs are copied from */
    return true;
}

static bool build(Lower *l, const char *path)
{
    if (!fe_check_model(l->in, l->r)) return false;
    add_states(l, l->r->model, "");
    if (!run_model(l)) return false;
    const Chain *c = &l->run[1]->chain;
    l->output = c->output;
    fe_check_loss(l->in, l->r, c);
    if (l->in->o->inference && fe_least_batch(c) > l->m->capacity) {
        l->r->loss = NULL;               /* one sample of batch normalisation trains nothing */
        l->r->optim = NULL;
    }
    fe_check_norms(l->in, l->r, c);
    if (l->d->errors > 0) return false;
    bool differs = l->run[0]->asked || l->run[1]->asked;
    for (int i = 0; i < c->n; i++) differs |= c->step[i].mod && c->step[i].mod->info->differs;
    fill_program(l, path, c);
    add_draws(l);
    fe_lower_loads(l->m, l->in);
    if (l->r->optim) add_optimizer(l);
    add_graphs(l, differs);
    return true;
}

Module *fe_lower(Interp *in, const char *path, Roles *r)
{
    Lower l = { .m = ir_module_new(), .d = in->d, .in = in, .r = r, .input = r->input };
    l.m->real = in->o->real == DT_f64 ? DT_f64 : DT_f32;
    l.m->capacity = r->batch;
    l.m->stage = ir_intern(l.m, "shape");
    ir_file(l.m, fe_source_name(in->d, 1));
    if (build(&l, path)) return l.m;
    ir_module_free(l.m);
    return NULL;
}
