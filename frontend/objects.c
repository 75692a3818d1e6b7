/* frontend/objects.c: loaders and the functions of nn.init. */
#include "frontend/value.h"
#include <math.h>
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

static bool kept(Interp *in, const Call *c, const char *name, bool same)
{
    int i = fe_arg(c, name);
    if (i < 0 || !c->given[i] || same) return true;
    fe_report(in->d, c->v_at[i], DG(argument_not_here), c->name, name);
    return false;
}

static bool is_none(const Call *c, const char *name)
{
    int i = fe_arg(c, name);
    return i < 0 || c->v[i]->kind == V_NONE;
}

static bool nonnegative(Interp *in, const Call *c, int i, const char *name, double x)
{
    if (x >= 0 && isfinite(x)) return true;
    fe_report(in->d, c->v_at[i], DG(negative_setting), c->name, name, fe_repr(in->a, c->v[i]));
    return false;
}

/* ---- loaders ---- */

Value *fe_make_loader(Interp *in, const Call *c)
{
    LoaderObj *o = arena_alloc(in->a, 1, sizeof *o);
    int b = fe_arg(c, "batch_size"), s = fe_arg(c, "shuffle"), d = fe_arg(c, "drop_last");
    if (c->v[b]->kind == V_INT && (c->v[b]->u.i < 1 || c->v[b]->u.i > 1 << 24)) {
        fe_report(in->d, c->v_at[b], DG(bad_batch), (long long)c->v[b]->u.i);
        return fe_bad(in, c->at);
    }
    if (!kept(in, c, "batch_sampler", is_none(c, "batch_sampler"))) return fe_bad(in, c->at);
    bool sampler = !is_none(c, "sampler");
    *o = (LoaderObj){ .at = c->at,
                      .batch = c->v[b]->kind == V_INT ? c->v[b]->u.i : 0,
                      .shuffle =
                          sampler || (c->v[s]->kind == V_BOOL && c->v[s]->u.b) ? TRI_YES : TRI_NO,
                      .drop_last = c->v[d]->u.b,
                      .images = c->v[0]->kind == V_IMAGES ? c->v[0]->u.images : NULL };
    Value *v = fe_val(in, V_LOADER, c->at);
    v->u.loader = o;
    return v;
}

/* ---- nn.init ---- */

static double arg(const Call *c, const char *name)
{
    double x = 0;
    fe_number(c->v[fe_arg(c, name)], &x);
    return x;
}

static bool gain_of(Interp *in, const Call *c, int i, double slope, double *gain)
{
    const char *f = c->v[i]->u.s;
    static const char *const one[] = { "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
        "conv_transpose2d", "conv_transpose3d", "sigmoid" };
    for (size_t k = 0; k < sizeof one / sizeof *one; k++)
        if (strcmp(f, one[k]) == 0) return *gain = 1, true;
    if (strcmp(f, "tanh") == 0) return *gain = 5.0 / 3, true;
    if (strcmp(f, "relu") == 0) return *gain = sqrt(2.0), true;
    if (strcmp(f, "leaky_relu") == 0) return *gain = sqrt(2 / (1 + slope * slope)), true;
    if (strcmp(f, "selu") == 0) return *gain = 0.75, true;
    fe_report(in->d, c->v_at[i], DG(bad_choice), c->name, "nonlinearity",
              "'linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu' or 'selu'",
              fe_repr(in->a, c->v[i]));
    return false;
}

Value *fe_fn_gain(Interp *in, const Call *c)
{
    double gain, slope = 0.01;
    fe_number(c->v[1], &slope);
    return gain_of(in, c, 0, slope, &gain) ? fe_float(in, gain, c->at) : fe_bad(in, c->at);
}

static bool matrix(Interp *in, const Call *c)
{
    const Param *p = c->v[0]->u.param;
    if (p->rank == 2) return true;
    fe_report(in->d, c->v_at[0], DG(init_rank), c->name, p->name, p->rank);
    fe_help(in->d, "nn.init.zeros_ or nn.init.constant_ suit a bias");
    return false;
}

/* Two axes or more: outputs first, and for each of them inputs, which `fan_in` counts. */
static bool weight(Interp *in, const Call *c)
{
    return c->v[0]->u.param->rank > 2 || matrix(in, c);
}

/* torch.nn.init: the taps of a convolution's window count on both sides. */
static double fan_out(const Param *p)
{
    return (double)p->dim[0] * (double)(fe_fan_in(p) / p->dim[1]);
}

/* Fills in the draws that the function makes: how many; 0 after an error. */
enum { MAX_DRAWS = 3 };
typedef int InitRule(Interp *in, const Call *c, DrawRec r[MAX_DRAWS]);

static int init_uniform(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    *r = (DrawRec){ .kind = DRAW_UNIFORM,
                    .a = (double)(float)arg(c, "a"),
                    .b = (double)(float)arg(c, "b") };
    if (r->a <= r->b && isfinite(r->a) && isfinite(r->b)) return true;
    fe_report(in->d, c->v_at[fe_arg(c, "b")], DG(empty_range), c->name);
    return false;
}

static int init_normal(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    *r = (DrawRec){ .kind = DRAW_NORMAL, .a = arg(c, "mean"), .b = arg(c, "std") };
    return nonnegative(in, c, fe_arg(c, "std"), "std", r->b);
}

static int init_constant(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    (void)in;
    *r = (DrawRec){ .kind = DRAW_CONSTANT, .a = arg(c, "val") };
    return true;
}

static int init_ones(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    (void)in, (void)c;
    *r = (DrawRec){ .kind = DRAW_CONSTANT, .a = 1 };
    return true;
}

static int init_zeros(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    (void)in, (void)c;
    *r = (DrawRec){ .kind = DRAW_CONSTANT, .a = 0 };
    return true;
}

static void spread_of(DrawRec *r, bool uniform, double std)
{
    double bound = (double)(float)(sqrt(3.0) * std);
    *r = uniform ? (DrawRec){ .kind = DRAW_UNIFORM, .a = -bound, .b = bound }
                 : (DrawRec){ .kind = DRAW_NORMAL, .a = 0, .b = std };
}

static bool xavier(Interp *in, const Call *c, DrawRec *r, bool uniform)
{
    if (!weight(in, c)) return false;
    const Param *p = c->v[0]->u.param;
    double fans = (double)fe_fan_in(p) + fan_out(p);
    spread_of(r, uniform, arg(c, "gain") * sqrt(2.0 / fans));
    return true;
}

static bool kaiming(Interp *in, const Call *c, DrawRec *r, bool uniform)
{
    double gain;
    int mode = fe_arg(c, "mode");
    const char *m = c->v[mode]->u.s;
    if (!weight(in, c) || !gain_of(in, c, fe_arg(c, "nonlinearity"), arg(c, "a"), &gain))
        return false;
    if (strcmp(m, "fan_in") != 0 && strcmp(m, "fan_out") != 0) {
        fe_report(in->d, c->v_at[mode], DG(bad_choice), c->name, "mode", "'fan_in' or 'fan_out'",
                  fe_repr(in->a, c->v[mode]));
        return false;
    }
    const Param *p = c->v[0]->u.param;
    spread_of(r, uniform, gain / sqrt(m[4] == 'i' ? (double)fe_fan_in(p) : fan_out(p)));
    return true;
}

static int init_xavier_uniform(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    return xavier(in, c, r, true);
}
static int init_xavier_normal(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    return xavier(in, c, r, false);
}
static int init_kaiming_uniform(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    return kaiming(in, c, r, true);
}
static int init_kaiming_normal(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    return kaiming(in, c, r, false);
}

static int init_eye(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    r[0] = (DrawRec){ .kind = DRAW_EYE };
    return matrix(in, c);
}

static int init_orthogonal(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    r[0] = (DrawRec){ .kind = DRAW_NORMAL, .a = 0, .b = 1 };
    r[1] = (DrawRec){ .kind = DRAW_ORTHOGONAL, .a = arg(c, "gain") };
    return weight(in, c) ? 2 : 0;
}

static int init_sparse(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    double share = arg(c, "sparsity");
    int i = fe_arg(c, "sparsity");
    if (!matrix(in, c) || !nonnegative(in, c, fe_arg(c, "std"), "std", arg(c, "std"))) return 0;
    if (!(share >= 0 && share <= 1)) {
        fe_report(in->d, c->v_at[i], DG(bad_probability), c->name, fe_repr(in->a, c->v[i]));
        return 0;
    }
    r[0] = (DrawRec){ .kind = DRAW_NORMAL, .a = 0, .b = arg(c, "std") };
    r[1] = (DrawRec){ .kind = DRAW_SPARSE, .a = ceil(share * (double)c->v[0]->u.param->dim[0]) };
    return 2;
}

static double normal_cdf(double x) { return (1 + erf(x / sqrt(2.0))) / 2; }

/* The inverse of the distribution function, at uniform numbers between its values at a and b. */
static int init_trunc_normal(Interp *in, const Call *c, DrawRec r[MAX_DRAWS])
{
    double mean = arg(c, "mean"), std = arg(c, "std"), a = arg(c, "a"), b = arg(c, "b");
    if (!nonnegative(in, c, fe_arg(c, "std"), "std", std)) return 0;
    double low = 2 * normal_cdf((a - mean) / std) - 1, high = 2 * normal_cdf((b - mean) / std) - 1;
    if (!(a < b) || std == 0) {
        fe_report(in->d, c->at, DG(empty_range), c->name);
        return 0;
    }
    r[0] = (DrawRec){ .kind = DRAW_UNIFORM, .a = (double)(float)low, .b = (double)(float)high };
    r[1] = (DrawRec){ .kind = DRAW_ERFINV, .a = std * sqrt(2.0), .b = mean };
    r[2] = (DrawRec){ .kind = DRAW_CLAMP, .a = a, .b = b };
    return 3;
}

static InitRule *const init_rule[] = {
#define INIT(name, signature, rule) init_##rule,
#include "frontend/inits.def"
#undef INIT
};

Value *fe_init(Interp *in, const Call *c)
{
    DrawRec r[MAX_DRAWS];
    int n = init_rule[c->fn->row](in, c, r);
    for (int i = 0; i < n; i++) {
        r[i].param = c->v[0]->u.param;
        r[i].elems = fe_param_elems(r[i].param);
        fe_draw(in, r[i]);
    }
    return n ? c->v[0] : fe_bad(in, c->at);
}

/* weight.data.normal_(0, 0.01) and friends: the same draws, as methods. */
Value *fe_p_init(Interp *in, const Call *c)
{
    double a = 0, b = 0;
    DrawRec r = { .kind = DRAW_CONSTANT, .param = c->self->u.param };
    if (c->name[0] != 'z') fe_number(c->v[0], &a);
    if (c->name[0] == 'u' || c->name[0] == 'n') fe_number(c->v[1], &b);
    if (c->name[0] == 'u') r.kind = DRAW_UNIFORM, a = (double)(float)a, b = (double)(float)b;
    if (c->name[0] == 'n') r.kind = DRAW_NORMAL;
    if ((r.kind == DRAW_NORMAL && !nonnegative(in, c, 1, "std", b))) return fe_bad(in, c->at);
    if (r.kind == DRAW_UNIFORM && !(a <= b)) {
        fe_report(in->d, c->v_at[1], DG(empty_range), c->name);
        return fe_bad(in, c->at);
    }
    r.a = a, r.b = b, r.elems = fe_param_elems(r.param);
    fe_draw(in, r);
    return c->self;
}
