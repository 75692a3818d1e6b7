/* frontend/forward_layers.c: layers as functions of forward: F.relu(x), F.linear(x, w, b).
 *
 * A layer is made for the call, with the function's arguments, and runs as any other does. Its
 * random numbers are named by the module whose forward calls it. */
#include "frontend/forward.h"
#include <string.h>

enum {
#define LAYER(name, ...) ROW_##name,
#include "frontend/layers.def"
#undef LAYER
};

static const Val none = { 0 };

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

/* The layer with the function's arguments, by their names; the first so many are `given`. */
static Mod *layer_of(const Forward *f, int row, Call *own, Value *const *given, int n)
{
    Interp *in = f->in;
    const Call *c = f->c;
    Fn *fn = arena_alloc(in->a, 1, sizeof *fn);
    *fn = (Fn){ fe_layer[row].name, fe_layer[row].signature, NULL, row };
    *own = (Call){ .fn = fn, .name = arena_printf(in->a, "F.%s", f->name), .at = c->at,
                   .of_at = c->of_at, .positional = fe_list(in, V_LIST, c->at) };
    for (int i = 0; i < n; i++) {
        own->v[i] = given[i];
        own->v_at[i] = c->at;
        own->given[i] = true;
    }
    if (!fe_bind_by_names(in, own, c)) return NULL;
    Mod *m = arena_alloc(in->a, 1, sizeof *m);
    *m = (Mod){ .info = &fe_layer[row], .at = c->at,
                .text = fe_call_text(in, c, "training", false) };
    memcpy(m->arg, own->v, sizeof m->arg);
    memcpy(m->arg_at, own->v_at, sizeof m->arg_at);
    return m;
}

static Value *run_layer(const Forward *f, Mod *m, const Val *param, Val second)
{
    if (!m) return fe_bad(f->in, f->at);
    const char *path = fe_owner_path(f);
    bool training = f->t->training;
    int i = f->c->fn->signature ? fe_arg(f->c, "training") : -1;
    if (i >= 0) training = fe_truth(f->c->v[i]) == 1;
    path = arena_printf(f->in->a, "%s%sF.%s()", path, *path ? "." : "", f->name);
    if (f->t->owner) m->calls = f->t->owner->calls++;
    Val y = fe_run_layer(f->t, &(Run){ m, path, training, param, second }, f->x);
    if (!y.i) return fe_bad(f->in, f->at);
    return fe_traced(f->t, y, ir_val_eq(y, f->x) ? f->x_value : NULL, f->at);
}

Value *fe_form_layer(const Forward *f)
{
    Call own;
    int row = f->form->layer;
    Mod *m = layer_of(f, row, &own, NULL, 0);
    if (!m || !fe_check_layer(f->in, &own, m)) return fe_bad(f->in, f->at);
    return run_layer(f, m, NULL, none);
}

/* An argument as a tensor of that rank, or of any rank below 0; none: reported. */
static Val operand(const Forward *f, const char *name, int rank)
{
    int i = fe_arg(f->c, name);
    Val v = fe_tensor_val(f->t, f->c->v[i], f->c->v_at[i]);
    if (!v.i || rank < 0 || shape_of(f, v)->rank == rank) return v;
    fe_misfit(f, arena_printf(f->in->a, "`%s` has the shape %s, not %d ax%s", name,
                              fe_shape_text(f->in->a, shape_of(f, v), 0), rank,
                              rank == 1 ? "is" : "es"));
    return (Val){ 0 };
}

static bool is_given(const Forward *f, const char *name)
{
    return f->c->v[fe_arg(f->c, name)]->kind != V_NONE;
}

static void set_arg(const Forward *f, Mod *m, int i, Value *v)
{
    m->arg[i] = v;
    m->arg_at[i] = f->at;
}

/* weight, of that rank, and bias, as long as weight's first axis: how many; 0: reported. */
static int weight_and_bias(const Forward *f, int rank, Val param[2])
{
    param[0] = operand(f, "weight", rank);
    if (!param[0].i || !is_given(f, "bias")) return param[0].i ? 1 : 0;
    param[1] = operand(f, "bias", 1);
    if (!param[1].i) return 0;
    if (ir_dim_eq(shape_of(f, param[1])->dim[0], shape_of(f, param[0])->dim[0])) return 2;
    fe_two_shapes(f, param[0], param[1]);
    return 0;
}

/* A layer of so many parameters for the call. */
static Mod *layer_for(const Forward *f, int row, int n_param)
{
    Mod *m = arena_alloc(f->in->a, 1, sizeof *m);
    *m = (Mod){ .info = &fe_layer[row], .at = f->at, .n_param = n_param,
                .text = fe_call_text(f->in, f->c, "", false) };
    return m;
}

Value *fe_form_linear(const Forward *f)
{
    Val param[2];
    int n = weight_and_bias(f, 2, param);
    if (!n) return fe_bad(f->in, f->at);
    const Shape *w = shape_of(f, param[0]);
    Mod *m = layer_for(f, ROW_Linear, n);
    set_arg(f, m, 0, fe_int(f->in, w->dim[1].k, f->at));
    set_arg(f, m, 1, fe_int(f->in, w->dim[0].k, f->at));
    set_arg(f, m, 2, fe_bool(f->in, n > 1, f->at));
    return run_layer(f, m, param, none);
}

/* The layer's check makes parameters and draws them, as it does when a layer is constructed: here
 * they are nobody's. */
static bool check_without_params(const Forward *f, const Call *own, Mod *m, int n_param)
{
    int draws = f->in->n_draw;
    Param *unused[2];
    m->param = unused;
    bool good = fe_check_layer(f->in, own, m);
    f->in->n_draw = draws;
    m->param = NULL, m->n_param = n_param;
    return good;
}

Value *fe_form_conv(const Forward *f)
{
    Call own;
    Val param[2];
    int rank = f->form->layer == ROW_Conv1d ? 3 : 4, n = weight_and_bias(f, rank, param);
    if (!n) return fe_bad(f->in, f->at);
    const Shape *w = shape_of(f, param[0]);
    int64_t groups = f->c->v[fe_arg(f->c, "groups")]->u.i, channels;
    if (__builtin_mul_overflow(w->dim[1].k, groups, &channels)) channels = 0;
    Value *kernel = fe_list(f->in, V_TUPLE, f->at);
    for (int i = 2; i < rank; i++) fe_push(f->in, kernel, fe_int(f->in, w->dim[i].k, f->at));
    Value *given[] = { fe_int(f->in, channels, f->at), fe_int(f->in, w->dim[0].k, f->at), kernel };
    Mod *m = layer_of(f, f->form->layer, &own, given, 3);
    if (!m || !check_without_params(f, &own, m, n)) return fe_bad(f->in, f->at);
    return run_layer(f, m, param, none);
}

Value *fe_form_bilinear(const Forward *f)
{
    Val param[2], second = operand(f, "input2", -1);
    int n = second.i ? weight_and_bias(f, 3, param) : 0;
    if (!n) return fe_bad(f->in, f->at);
    const Shape *w = shape_of(f, param[0]);
    Mod *m = layer_for(f, ROW_Bilinear, n);
    set_arg(f, m, 0, fe_int(f->in, w->dim[1].k, f->at));
    set_arg(f, m, 1, fe_int(f->in, w->dim[2].k, f->at));
    set_arg(f, m, 2, fe_int(f->in, w->dim[0].k, f->at));
    return run_layer(f, m, param, second);
}

Value *fe_form_prelu(const Forward *f)
{
    Val w = operand(f, "weight", 1);
    if (!w.i) return fe_bad(f->in, f->at);
    Mod *m = layer_for(f, ROW_PReLU, 1);
    set_arg(f, m, 0, fe_int(f->in, shape_of(f, w)->dim[0].k, f->at));
    return run_layer(f, m, &w, none);
}

/* A norm whose parameters are the call's arguments, of so many axes; n_given arguments of the layer
 * are made here, and its argument `affine` is false. */
static Value *run_norm(const Forward *f, Value *const *given, int n_given, int affine)
{
    Call own;
    Val param[2] = { { 0 } };
    int n = 0;
    Mod *m = layer_of(f, f->form->layer, &own, given, n_given);
    if (!m) return fe_bad(f->in, f->at);
    own.v[affine] = m->arg[affine] = fe_bool(f->in, false, f->at);
    if (!fe_check_layer(f->in, &own, m)) return fe_bad(f->in, f->at);
    const Value *sizes = m->arg[0];
    int rank = sizes->kind == V_INT ? 1 : sizes->u.list->n;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "bias" : "weight";
        if (!is_given(f, name)) continue;
        if (i && !n) return fe_misfit(f, "a bias without a weight is not in this version");
        param[n] = operand(f, name, rank);
        if (!param[n++].i) return fe_bad(f->in, f->at);
    }
    m->n_param = n;
    return run_layer(f, m, param, none);
}

/* The normalised axes are those of the weight; the layer checks them against the tensor's. */
Value *fe_form_layer_norm(const Forward *f) { return run_norm(f, NULL, 0, 2); }

Value *fe_form_group_norm(const Forward *f)
{
    const Shape *s = shape_of(f, f->x);
    if (s->rank < 2) return fe_misfit(f, "it takes a tensor with channels: [n, channels, …]");
    Value *given[] = { f->c->v[1], fe_int(f->in, s->dim[1].k, f->at) };
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "bias" : "weight";
        if (!is_given(f, name)) continue;
        Val v = operand(f, name, 1);
        if (!v.i) return fe_bad(f->in, f->at);
        if (!ir_dim_eq(shape_of(f, v)->dim[0], s->dim[1])) return fe_two_shapes(f, f->x, v);
    }
    return run_norm(f, given, 2, 3);
}

/* x / max(|x|, eps), |x| the root of the sum of squares along an axis */
Value *fe_form_normalize(const Forward *f)
{
    const Shape s = *shape_of(f, f->x);
    double p = 0, eps = 0;
    int axis = fe_axis_of(f, f->c->v[2], &s, 0);
    if (axis < 0) return fe_bad(f->in, f->at);
    fe_number(f->c->v[1], &p);
    fe_number(f->c->v[3], &eps);
    if (p != 2) return fe_misfit(f, "only p=2 is in this version");
    const int64_t at = axis;
    Val sq = ir_add(f->g, OP_mul, f->loc, IR_IN(f->x, f->x), IR_NO_ATTRS);
    Val sum = ir_add(f->g, OP_sum, f->loc, IR_IN(sq),
                     IR_ATTRS(ir_ints(AT_axes, &at, 1), ir_flag(AT_keep)));
    const char *e = arena_printf(f->in->a, "a / max(sqrt(b), %s)", ir_real_string(eps, f->in->a));
    return fe_made(f, ir_map(f->g, e, IR_IN(f->x, sum), f->loc), false);
}
