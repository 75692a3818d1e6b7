/* frontend/lower.c: builds the module: states, draws, graphs, program.
 *
 * Needs a model whose shapes fit; cannot fail. Graphs are as ir.h lists them, forward only. */
#include "frontend/lower.h"
#include <math.h>
#include <string.h>

typedef struct Lower {
    Module *m;
    FeDiags *d;
    Interp *in;
    Roles *r;
    Shape input, output;
} Lower;

Loc fe_loc(Module *m, const FeDiags *d, Span at)
{
    if (at.src == 0) return (Loc){ 0, 0, 0 };
    LineCol p = fe_place(d, at);
    return (Loc){ ir_file(m, fe_source_name(d, at.src)), p.line, p.col };
}

/* ---- layers ---- */

typedef struct Spot {
    Lower *l;
    Graph *g;
    Mod *m;
    const char *path;
    Loc loc;
    bool training;
} Spot;
typedef Val LowerRule(const Spot *p, Val x);

static Val reshape(const Spot *p, Val x, Shape s)
{
    return ir_add_typed(p->g, OP_reshape, p->loc, ir_type_of(p->l->m->real, s), IR_IN(x),
                        IR_NO_ATTRS);
}

/* Rows of the last axis become a matrix where there are more axes. */
static Val lower_linear(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape, flat = { .rank = 2, .dim = { s.dim[0], s.dim[s.rank - 1] } };
    for (int i = 1; i + 1 < s.rank; i++) flat.dim[0].k *= s.dim[i].k;
    if (s.rank > 2) x = reshape(p, x, flat);
    Val in[3] = { x };
    for (int i = 0; i < p->m->n_param; i++) in[i + 1] = ir_state_val(p->g, p->m->param[i]->state);
    Val y = ir_add(p->g, OP_linear, p->loc, in, 1 + p->m->n_param, IR_NO_ATTRS);
    if (s.rank == 2) return y;
    s.dim[s.rank - 1] = ir_dim(p->m->arg[1]->u.i);
    return reshape(p, y, s);
}

static Val lower_identity(const Spot *p, Val x)
{
    (void)p;
    return x;
}

static Val lower_flatten(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    int from, to;
    fe_flatten_range(p->m, &s, &from, &to);
    if (from == to) return x;
    for (int i = from + 1; i <= to; i++) s.dim[from].k *= s.dim[i].k;
    memmove(&s.dim[from + 1], &s.dim[to + 1], sizeof s.dim[0] * (size_t)(s.rank - to - 1));
    s.rank = (uint8_t)(s.rank - (to - from));
    return reshape(p, x, s);
}

int fe_real_attrs(const char *signature, Op op, Value *const *arg, Attr attr[8])
{
    Fn fn = { .signature = signature };
    Call c = { .fn = &fn };
    int n = 0;
    for (int id = 0; id < AT_COUNT && n < 8; id++) {
        if (!(ir_op[op].required >> id & 1)) continue;
        double v = 0;
        int i = fe_arg(&c, ir_attr_info[id].name);
        if (i >= 0) fe_number(arg[i], &v);
        attr[n++] = ir_real((AttrId)id, v);
    }
    return n;
}

static Val lower_elementwise(const Spot *p, Val x)
{
    Attr attr[8];
    int n = fe_real_attrs(p->m->info->signature, p->m->info->op, p->m->arg, attr);
    return ir_add(p->g, p->m->info->op, p->loc, IR_IN(x), attr, n);
}

static Val lower_gelu(const Spot *p, Val x)
{
    Op op = strcmp(p->m->arg[0]->u.s, "tanh") == 0 ? OP_gelu_tanh : OP_gelu;
    return ir_add(p->g, op, p->loc, IR_IN(x), IR_NO_ATTRS);
}

static Val lower_softmax(const Spot *p, Val x)
{
    int axis = fe_softmax_axis(p->m, &ir_type(p->g, x)->shape);
    return ir_add(p->g, p->m->info->op, p->loc, IR_IN(x), IR_ATTRS(ir_int(AT_axis, axis)));
}

static Val lower_softmin(const Spot *p, Val x)
{
    return lower_softmax(p, ir_add(p->g, OP_neg, p->loc, IR_IN(x), IR_NO_ATTRS));
}

/* PyTorch broadcasts the slopes along axis 1. */
static Val lower_prelu(const Spot *p, Val x)
{
    Val w = ir_state_val(p->g, p->m->param[0]->state);
    int64_t dim[IR_MAX_RANK] = { p->m->param[0]->dim[0] };
    int rank = ir_type(p->g, x)->shape.rank;
    for (int i = 1; i < rank; i++) dim[i] = 1;
    if (rank > 2 && dim[0] > 1) w = reshape(p, w, ir_shape(rank - 1, dim));
    return ir_add(p->g, OP_prelu, p->loc, IR_IN(x, w), IR_NO_ATTRS);
}

/* Half an axis; what does not belong to it is masked out of a sum of the two halves. */
static Val half(const Spot *p, Val x, int axis, int which)
{
    Shape s = ir_type(p->g, x)->shape;
    const double mask[2] = { which == 0, which == 1 };
    int64_t dim[IR_MAX_RANK] = { 2 };
    const int64_t at = axis;
    for (int i = 1; i < s.rank - axis; i++) dim[i] = 1;
    Type t = ir_type_of(p->l->m->real, ir_shape(s.rank - axis, dim));
    Val m = ir_const(p->g, t, mask, 2, p->loc);
    Val kept = ir_map(p->g, "b == 0 ? 0 : a", IR_IN(x, m), p->loc);
    return ir_add(p->g, OP_sum, p->loc, IR_IN(kept), IR_ATTRS(ir_ints(AT_axes, &at, 1)));
}

static Val lower_glu(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    int axis = fe_axis(p->m->arg[0]->u.i, &s);
    memmove(&s.dim[axis + 1], &s.dim[axis], sizeof s.dim[0] * (size_t)(s.rank - axis));
    s.dim[axis] = ir_dim(2);
    s.dim[axis + 1].k /= 2;
    s.rank++;
    x = reshape(p, x, s);
    return ir_map(p->g, "a * sigmoid(b)", IR_IN(half(p, x, axis, 0), half(p, x, axis, 1)), p->loc);
}

static Val lower_unflatten(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape;
    fe_unflatten(p->m, &s);
    return reshape(p, x, s);
}

/* Uniform numbers of x's shape, others for each call of the layer. */
static Val random(const Spot *p, Val x, int call)
{
    const char *stream = arena_printf(p->l->in->a, "%s#%d", p->path, call);
    return ir_add_typed(p->g, OP_random, p->loc, *ir_type(p->g, x), IR_NO_IN,
                        IR_ATTRS(ir_str(AT_stream, stream)));
}

/* A slope between lower and upper for each element; their mean in evaluation. */
static Val lower_rrelu(const Spot *p, Val x)
{
    double low = 0, high = 0;
    fe_number(p->m->arg[0], &low);
    fe_number(p->m->arg[1], &high);
    int call = p->m->calls++;
    Arena *a = p->l->in->a;
    if (!p->training)
        return ir_add(p->g, OP_leaky_relu, p->loc, IR_IN(x),
                      IR_ATTRS(ir_real(AT_negative_slope, (low + high) / 2)));
    const char *f = arena_printf(a, "a <= 0 ? a * (%s + b * %s) : a", ir_real_string(low, a),
                                 ir_real_string(high - low, a));
    return ir_map(p->g, f, IR_IN(x, random(p, x, call)), p->loc);
}

/* Keeps where u >= p and scales by 1 / (1 - p); PyTorch's p = 1 multiplies by zero. */
static Val lower_dropout(const Spot *p, Val x)
{
    double share = 0;
    fe_number(p->m->arg[0], &share);
    int call = p->m->calls++;
    if (!p->training || share == 0) return x;
    Arena *a = p->l->in->a;
    if (share == 1) return ir_map(p->g, "a * 0.0", IR_IN(x), p->loc);
    const char *f = arena_printf(a, "b < %s ? 0 : a * %s", ir_real_string(share, a),
                                 ir_real_string(1 / (1 - share), a));
    return ir_map(p->g, f, IR_IN(x, random(p, x, call)), p->loc);
}

/* What is dropped becomes SELU's value far left of 0; then a line restores mean and variance. */
static Val lower_alpha_dropout(const Spot *p, Val x)
{
    const double far = 1.7580993408473766;
    double share = 0;
    fe_number(p->m->arg[0], &share);
    int call = p->m->calls++;
    if (!p->training || share == 0) return x;
    Arena *a = p->l->in->a;
    if (share == 1) return ir_map(p->g, "a * 0.0", IR_IN(x), p->loc);
    double scale = 1 / sqrt((far * far * share + 1) * (1 - share)), shift = far * scale * share;
    const char *f = arena_printf(a, "b < %s ? %s : a * %s + %s", ir_real_string(share, a),
                                 ir_real_string(shift - far * scale, a), ir_real_string(scale, a),
                                 ir_real_string(shift, a));
    return ir_map(p->g, f, IR_IN(x, random(p, x, call)), p->loc);
}

static Norm norm(const Spot *p)
{
    return (Norm){ p->g, p->l->in->a, p->m, p->loc, p->training };
}

static Val lower_batch_norm(const Spot *p, Val x)
{
    Norm n = norm(p);
    return fe_lower_batch_norm(&n, x);
}

static Val lower_layer_norm(const Spot *p, Val x)
{
    Norm n = norm(p);
    return fe_lower_layer_norm(&n, x);
}

static Val lower_group_norm(const Spot *p, Val x)
{
    Norm n = norm(p);
    return fe_lower_group_norm(&n, x);
}

static LowerRule *const rules[] = {
#define LAYER(name, signature, rule, ...) lower_##rule,
#include "frontend/layers.def"
#undef LAYER
};

static void forget_calls(Mod *m)
{
    m->calls = 0;
    for (int i = 0; i < m->n_child; i++) forget_calls(m->child[i]);
}

static Val lower_module(Lower *l, Graph *g, Mod *m, const char *path, Val x, bool training)
{
    if (m->info) {
        Spot p = { l, g, m, path, fe_loc(l->m, l->d, m->at), training };
        return rules[m->info - fe_layer](&p, x);
    }
    for (int i = 0; i < m->n_child; i++)
        x = lower_module(l, g, m->child[i],
                         arena_printf(l->in->a, "%s%s%s", path, *path ? "." : "", m->child_name[i]),
                         x, training);
    return x;
}

static Val forward(Lower *l, Graph *g, bool training)
{
    Val x = ir_input(g, "x", ir_type_of(l->m->real, l->input), (Loc){ 0, 0, 0 });
    forget_calls(l->r->model);
    return lower_module(l, g, l->r->model, "", x, training);
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
    Shape s = l->output;
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
    Val x = ir_input(g, "x", ir_type_of(l->m->real, l->input), (Loc){ 0, 0, 0 });
    Val t = target(l, g, loss, prob);
    forget_calls(l->r->model);
    Val out = lower_module(l, g, l->r->model, "", x, training);
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
    Val out = forward(l, g, training);
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
    for (int i = 0; i < c->n; i++) {
        const Step *s = &c->step[i];
        int64_t params = 0;
        for (int k = 0; k < s->mod->n_param; k++) params += fe_param_elems(s->mod->param[k]);
        ir_layer(l->m,
                 (Layer){ ir_intern(l->m, s->path), ir_intern(l->m, s->mod->text),
                          ir_type_of(l->m->real, s->out), params, fe_loc(l->m, l->d, s->mod->at) });
    }
    if (!r->loss) return;
    const LossInfo *loss = &fe_loss[r->loss->row];
    p->loss = ir_intern(l->m, r->loss->text);
    p->target = loss->target;
    p->ignores = fe_ignored_label(r->loss, &p->ignore);
    if (loss->rule != LOSS_elements) p->n_classes = l->output.dim[1].k;
    else p->target_shape = p->output;
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
        graph_with_loss(l, "train", true, false);
        if (prob) graph_with_loss(l, "train_prob", true, true);
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

Module *fe_lower(Interp *in, const char *path, Roles *r, const Chain *c)
{
    Lower l = { .m = ir_module_new(), .d = in->d, .in = in, .r = r, .input = c->input };
    l.output = c->n ? c->step[c->n - 1].out : c->input;
    l.m->real = in->o->real == DT_f64 ? DT_f64 : DT_f32;
    l.m->capacity = r->batch;
    l.m->stage = ir_intern(l.m, "shape");
    ir_file(l.m, fe_source_name(in->d, 1));
    bool differs = false;
    for (int i = 0; i < c->n; i++) differs |= c->step[i].mod->info->differs;
    add_states(&l, r->model, "");
    fill_program(&l, path, c);
    add_draws(&l);
    fe_lower_loads(l.m, in);
    if (r->optim) add_optimizer(&l);
    add_graphs(&l, differs);
    return l.m;
}
