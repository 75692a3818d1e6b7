/* frontend/layers.c: makes modules: checks a layer's arguments, makes its parameters, records
 * their draws.
 *
 * A layer draws when it is constructed, as in PyTorch, whether or not it becomes part of the
 * model. */
#include "frontend/lower.h"
#include <math.h>
#include <string.h>

#define FN(path, signature, body) Value *body(Interp *in, const Call *c);
#include "frontend/builtins.def"
#undef FN

typedef bool CheckRule(Interp *in, const Call *c, Mod *m);
static CheckRule check_linear, check_bilinear, check_identity, check_flatten, check_elementwise, check_gelu,
    check_softmax, check_dropout, check_prelu, check_rrelu, check_unflatten;
#define check_softmin check_softmax
#define check_glu check_identity
#define check_alpha_dropout check_dropout
#define check_channel_dropout check_dropout
#define check_conv fe_check_conv
#define check_conv_transpose fe_check_conv
#define check_max_pool fe_check_pool
#define check_avg_pool fe_check_pool
#define check_adaptive_max_pool fe_check_adaptive_pool
#define check_adaptive_avg_pool fe_check_adaptive_pool
#define check_pad fe_check_pad
#define check_upsample fe_check_upsample
#define check_pixel_shuffle fe_check_pixel_shuffle
#define check_pixel_unshuffle fe_check_pixel_shuffle
#define check_local_response_norm fe_check_local_response_norm
#define check_instance_norm fe_check_instance_norm
#define check_batch_norm fe_check_batch_norm
#define check_layer_norm fe_check_layer_norm
#define check_group_norm fe_check_group_norm

enum { SAME = false, DIFFERS = true };

const LayerInfo fe_layer[] = {
#define LAYER(name, signature, rule, op, evaluation, doc) \
    { #name, signature, #rule, OP_##op, evaluation, doc },
#include "frontend/layers.def"
#undef LAYER
};
static CheckRule *const check[] = {
#define LAYER(name, signature, rule, ...) check_##rule,
#include "frontend/layers.def"
#undef LAYER
};

/* ---- rules ---- */

int64_t fe_param_elems(const Param *p)
{
    int64_t n = 1;
    for (int i = 0; i < p->rank; i++) n *= p->dim[i];
    return n;
}

Param *fe_new_param(Interp *in, Mod *m, const char *name, int rank, const int64_t *dim)
{
    Param *p = arena_alloc(in->a, 1, sizeof *p);
    *p = (Param){ .name = name, .owner = m, .rank = rank, .at = m->at };
    for (int i = 0; i < rank; i++) p->dim[i] = dim[i];
    return p;
}

Param *fe_add_param(Interp *in, Mod *m, const char *name, int rank, const int64_t *dim)
{
    return m->param[m->n_param++] = fe_new_param(in, m, name, rank, dim);
}

void fe_draw_uniform(Interp *in, Param *p, double bound)
{
    float b = (float)bound;
    fe_draw(in, (DrawRec){ DRAW_UNIFORM, p, -(double)b, (double)b, fe_param_elems(p) });
}

int64_t fe_fan_in(const Param *p)
{
    return fe_param_elems(p) / p->dim[0];
}

void fe_draw_weight(Interp *in, Param *p)
{
    fe_draw_uniform(in, p, sqrt(3.0) * (sqrt(2.0 / 6.0) / sqrt((double)fe_fan_in(p))));
}

static bool positive(Interp *in, const Call *c, int i, const char *name)
{
    if (c->v[i]->u.i >= 1) return true;
    fe_report(in->d, c->v_at[i], DG(not_positive), c->name, name, (long long)c->v[i]->u.i);
    return false;
}

static bool check_linear(Interp *in, const Call *c, Mod *m)
{
    if (!positive(in, c, 0, "in_features") || !positive(in, c, 1, "out_features")) return false;
    int64_t k = c->v[0]->u.i, l = c->v[1]->u.i, elems;
    if (__builtin_mul_overflow(k, l, &elems) || elems > (int64_t)1 << 36) {
        fe_report(in->d, c->at, DG(too_large), c->name, (long long)l, (long long)k);
        return false;
    }
    fe_draw_weight(in, fe_add_param(in, m, "weight", 2, (int64_t[]){ l, k }));
    if (c->v[2]->u.b)
        fe_draw_uniform(in, fe_add_param(in, m, "bias", 1, &l), 1 / sqrt((double)k));
    return true;
}

/* weight [out, in1, in2], both drawn within 1 / sqrt(in1). */
static bool check_bilinear(Interp *in, const Call *c, Mod *m)
{
    static const char *const names[] = { "in1_features", "in2_features", "out_features" };
    int64_t size[3], elems = 1;
    for (int i = 0; i < 3; i++) {
        if (!positive(in, c, i, names[i])) return false;
        size[i] = c->v[i]->u.i;
        if (__builtin_mul_overflow(elems, size[i], &elems)) elems = INT64_MAX;
    }
    if (elems > (int64_t)1 << 36) {
        fe_report(in->d, c->at, DG(too_large), c->name, (long long)size[2], (long long)size[0]);
        return false;
    }
    double bound = 1 / sqrt((double)size[0]);
    Param *w = fe_add_param(in, m, "weight", 3, (int64_t[]){ size[2], size[0], size[1] });
    w->dim[2] = size[1];
    fe_draw_uniform(in, w, bound);
    if (c->v[3]->u.b) fe_draw_uniform(in, fe_add_param(in, m, "bias", 1, &size[2]), bound);
    return true;
}

static bool check_identity(Interp *in, const Call *c, Mod *m)
{
    (void)in, (void)c, (void)m;
    return true;
}

/* What PyTorch refuses, and what would divide by 0. */
static bool in_range(Interp *in, const Call *c, const Mod *m)
{
    double v[2] = { 0, 0 };
    for (int i = 0; i < 2 && m->arg[i]; i++) fe_number(m->arg[i], &v[i]);
    const char *must = NULL;
    int i = 0;
    switch (m->info->op) {
    case OP_softplus:
        if (v[0] != 0) return true;
        fe_report(in->d, c->v_at[0], DG(softplus_beta));
        return false;
    case OP_celu: if (v[0] == 0) must = "other than 0"; break;
    case OP_softshrink: if (v[0] < 0) must = "at least 0"; break;
    case OP_hardtanh: if (v[0] >= v[1]) i = 1, must = "above `min_val`"; break;
    default: break;
    }
    if (!must) return true;
    fe_report(in->d, c->given[i] ? c->v_at[i] : c->at, DG(bad_choice), c->name,
              fe_arg_name(in->a, c, i), must, fe_repr(in->a, c->v[i]));
    return false;
}

static bool check_elementwise(Interp *in, const Call *c, Mod *m)
{
    double x;
    for (int i = 0; i < FE_MAX_ARGS && m->arg[i]; i++)
        if (fe_number(m->arg[i], &x) && !isfinite(x)) {
            fe_report(in->d, c->v_at[i], DG(not_finite), c->name);
            return false;
        }
    return in_range(in, c, m);
}

static bool check_flatten(Interp *in, const Call *c, Mod *m)
{
    (void)m;
    if (c->v[0]->u.i != 0) return true;
    fe_report(in->d, c->given[0] ? c->v_at[0] : c->at, DG(flatten_batch));
    fe_help(in->d, "nn.Flatten() keeps axis 0, the samples of the batch, and merges the others");
    return false;
}

static bool check_gelu(Interp *in, const Call *c, Mod *m)
{
    (void)m;
    if (strcmp(c->v[0]->u.s, "none") == 0 || strcmp(c->v[0]->u.s, "tanh") == 0) return true;
    fe_report(in->d, c->v_at[0], DG(bad_choice), c->name, "approximate", "'none' or 'tanh'",
              fe_repr(in->a, c->v[0]));
    return false;
}

static bool check_softmax(Interp *in, const Call *c, Mod *m)
{
    (void)m;
    if (c->v[0]->kind == V_INT) return true;
    fe_report(in->d, c->of_at, DG(implicit_dim), c->name);
    fe_help(in->d, "write %s(dim=1)", c->name);
    return true;
}

bool fe_refuse(Interp *in, const Call *c, int i, const char *must)
{
    fe_report(in->d, c->given[i] ? c->v_at[i] : c->at, DG(bad_choice), c->name,
              fe_arg_name(in->a, c, i), must, fe_repr(in->a, c->v[i]));
    return false;
}

/* The slopes are drawn from nothing: they start equal. */
static bool check_prelu(Interp *in, const Call *c, Mod *m)
{
    double slope = 0;
    if (!positive(in, c, 0, "num_parameters")) return false;
    fe_number(c->v[1], &slope);
    if (c->v[0]->u.i > (int64_t)1 << 36) return fe_refuse(in, c, 0, "at most 2^36");
    if (!isfinite(slope)) return fe_refuse(in, c, 1, "finite");
    Param *p = fe_add_param(in, m, "weight", 1, &c->v[0]->u.i);
    fe_draw(in, (DrawRec){ DRAW_CONSTANT, p, slope, 0, fe_param_elems(p) });
    return true;
}

static bool check_rrelu(Interp *in, const Call *c, Mod *m)
{
    double low = 0, high = 0;
    (void)m;
    fe_number(c->v[0], &low);
    fe_number(c->v[1], &high);
    if (!isfinite(low)) return fe_refuse(in, c, 0, "finite");
    return (isfinite(high) && low <= high) || fe_refuse(in, c, 1, "finite and at least `lower`");
}

static bool check_unflatten(Interp *in, const Call *c, Mod *m)
{
    const Value *v = c->v[1];
    bool good = v->kind == V_TUPLE || v->kind == V_LIST;
    (void)m;
    for (int i = 0; good && i < v->u.list->n; i++)
        good = v->u.list->item[i]->kind == V_INT
            && (v->u.list->item[i]->u.i >= 1 || v->u.list->item[i]->u.i == -1);
    if (c->v[0]->u.i == 0) return fe_refuse(in, c, 0, "another axis than 0, which counts the samples");
    return (good && v->u.list->n > 0) || fe_refuse(in, c, 1, "a tuple of sizes");
}

static bool check_dropout(Interp *in, const Call *c, Mod *m)
{
    double p = 0;
    (void)m;
    fe_number(c->v[0], &p);
    if (p >= 0 && p <= 1) return true;
    fe_report(in->d, c->given[0] ? c->v_at[0] : c->at, DG(bad_probability), c->name,
              fe_repr(in->a, c->v[0]));
    return false;
}

/* ---- modules ---- */

enum { LAYER_PARAMS = 2, LAYER_BUFFERS = 3 };    /* that a layer has at most */

Mod *fe_new_module(Interp *in, Span at, const LayerInfo *info)
{
    Mod *m = arena_alloc(in->a, 1, sizeof *m);
    *m = (Mod){ .info = info, .at = at, .layers = info != NULL,
                .param = arena_alloc(in->a, LAYER_PARAMS, sizeof *m->param),
                .buffer = arena_alloc(in->a, LAYER_BUFFERS, sizeof *m->buffer) };
    if (in->n_mod == in->cap_mod) {
        int cap = in->cap_mod ? 2 * in->cap_mod : 32;
        in->mod = arena_grow(in->a, in->mod, (size_t)in->cap_mod, (size_t)cap, sizeof *in->mod);
        in->cap_mod = cap;
    }
    in->mod[in->n_mod++] = m;
    return m;
}

/* In an object of a class, which has any number of them. */
void fe_own_param(Interp *in, Mod *m, Param *p, bool buffer)
{
    Param ***list = buffer ? &m->buffer : &m->param;
    int *n = buffer ? &m->n_buffer : &m->n_param;
    *list = arena_grow(in->a, *list, (size_t)*n, (size_t)*n + 1, sizeof **list);
    (*list)[(*n)++] = p;
    p->owner = m;
}

const char *fe_call_text(Interp *in, const Call *c, const char *leave_out, bool named)
{
    const char *text = "";
    int left = c->fn->signature ? fe_arg(c, leave_out) : -1;
    for (int i = 0; i < c->n_arg; i++) {
        const ArgVal *x = &c->arg[i];
        bool list = x->v->kind == V_LIST || x->v->kind == V_TUPLE;
        if (list && x->v->u.list->n > 0) list = x->v->u.list->item[0]->kind == V_TRACED;
        if (x->v->kind == V_TRACED || x->v->kind == V_PARAM || list) continue;
        if (x->name ? strcmp(x->name, leave_out) == 0 : i == left) continue;
        const char *name = x->name ? x->name : named ? fe_arg_name(in->a, c, i) : NULL;
        text = arena_printf(in->a, "%s%s%s%s%s", text, *text ? ", " : "", name ? name : "",
                            name ? "=" : "", fe_repr(in->a, x->v));
    }
    return arena_printf(in->a, "%s(%s)", c->name, text);
}

static bool check_dtype(Interp *in, const Call *c)
{
    int i = fe_arg(c, "dtype");
    if (i < 0 || c->v[i]->kind != V_DTYPE) return true;
    bool f64 = in->o->real == DT_f64;
    const char *t = c->v[i]->u.s;
    if (f64 ? strcmp(t, "float64") == 0 || strcmp(t, "double") == 0
            : strcmp(t, "float32") == 0 || strcmp(t, "float") == 0) return true;
    fe_report(in->d, c->v_at[i], DG(other_dtype), t);
    fe_help(in->d, "the element type is an option of the compiler: --dtype f32 or --dtype f64");
    return false;
}

bool fe_check_layer(Interp *in, const Call *c, Mod *m) { return check[c->fn->row](in, c, m); }

Value *fe_make_layer(Interp *in, const Call *c)
{
    Mod *m = fe_new_module(in, c->at, &fe_layer[c->fn->row]);
    memcpy(m->arg, c->v, sizeof m->arg);
    memcpy(m->arg_at, c->v_at, sizeof m->arg_at);
    if (!check_dtype(in, c) || !check[c->fn->row](in, c, m)) return fe_bad(in, c->at);
    m->text = fe_call_text(in, c, "inplace", false);
    return fe_module_value(in, m, c->at);
}

/* An object of a class whose base is a layer becomes one, by super().__init__(…). */
static bool fill_layer(Interp *in, Mod *m, const Call *c)
{
    Call own = *c;
    own.fn = m->cls->layer, own.name = fe_last_part(own.fn->path);
    if (own.n_given > FE_MAX_ARGS) {
        fe_report(in->d, c->at, DG(many_args), own.name, c->n_given);
        return false;
    }
    if (!fe_bind_args(in, &own)) return false;
    m->info = &fe_layer[own.fn->row];
    m->layers = 1, m->n_param = m->n_buffer = 0;
    memcpy(m->arg, own.v, sizeof m->arg);
    memcpy(m->arg_at, own.v_at, sizeof m->arg_at);
    return check_dtype(in, &own) && check[own.fn->row](in, &own, m);
}

bool fe_append_child(Interp *in, Mod *m, Mod *child, const char *name, Span at)
{
    int depth = child->depth;
    for (const Mod *p = m; p; p = p->parent)
        if (p == child || p->in_several) {
            fe_report(in->d, at, DG(cannot_hold), fe_module_name(m),
                      p == child ? "what it is a part of" : "more, as it stands in several places");
            return false;
        } else if (++depth >= FE_MAX_DEPTH || p->layers + child->layers > FE_MAX_LAYERS) {
            fe_report(in->d, at, DG(model_too_big), FE_MAX_LAYERS, FE_MAX_DEPTH);
            return false;
        }
    size_t n = (size_t)m->n_child;
    if ((n & (n - 1)) == 0) {
        size_t cap = n ? 2 * n : 1;
        m->child = arena_grow(in->a, m->child, n, cap, sizeof *m->child);
        m->child_name = arena_grow(in->a, m->child_name, n, cap, sizeof *m->child_name);
    }
    m->child[n] = child;
    m->child_name[n] = name ? name : arena_printf(in->a, "%zu", n);
    m->n_child++;
    depth = child->depth;
    for (Mod *p = m; p; p = p->parent) {
        p->layers += child->layers;
        if (++depth > p->depth) p->depth = depth;
    }
    child->in_several = child->has_parent;
    if (!child->has_parent) child->parent = m;
    child->has_parent = true;
    return true;
}

/* Its first argument has no default. */
static bool needs_arguments(const Fn *fn)
{
    size_t n = strcspn(fn->signature, ",=*");
    return n > 0 && fn->signature[n] == ',';
}

static bool append_value(Interp *in, Mod *m, const Value *v, const char *name, Span at)
{
    if (v->kind == V_MODULE) return fe_append_child(in, m, v->u.mod, name, at);
    if (v->kind == V_BAD) return false;
    fe_report(in->d, at, DG(not_a_layer), v->kind == V_DATA ? v->u.s : fe_repr(in->a, v),
              v->kind == V_FN && v->u.fn->body == fe_make_layer ? "a class" : fe_kind_name(v));
    if (v->kind == V_FN && v->u.fn->body == fe_make_layer)
        fe_help(in->d, "a layer is made by calling its class: nn.%s",
                needs_arguments(v->u.fn) ? fe_signature(in->a, v->u.fn)
                : arena_printf(in->a, "%s()", fe_last_part(v->u.fn->path)));
    else if (v->kind == V_FN && strstr(v->u.fn->path, "functional"))
        fe_help(in->d, "torch.nn has a layer for such a function: nn.ReLU() for F.relu");
    else if (v->kind == V_LIST || v->kind == V_TUPLE)
        fe_help(in->d, "a star spreads a list: nn.Sequential(*layers)");
    return false;
}

static bool append_named(Interp *in, Mod *m, const Value *dict)
{
    const List *l = dict->u.list;
    for (int i = 0; i + 1 < l->n; i += 2) {
        const Value *key = l->item[i];
        if (key->kind != V_STR || key->len == 0 || strchr(key->u.s, '.')
            || key->len != strlen(key->u.s)) {
            fe_report(in->d, key->at, DG(bad_child_name), fe_repr(in->a, key));
            return false;
        }
        for (int k = 0; k < m->n_child; k++)
            if (strcmp(m->child_name[k], key->u.s) == 0) {
                fe_report(in->d, key->at, DG(bad_child_name), fe_repr(in->a, key));
                return false;
            }
        if (!append_value(in, m, l->item[i + 1], key->u.s, l->item[i + 1]->at)) return false;
    }
    return true;
}

static bool fill_sequential(Interp *in, Mod *m, const Call *c)
{
    const List *l = c->positional->u.list;
    bool good = true;
    for (int i = 0; i < c->n_arg; i++)
        if (c->arg[i].name) {
            fe_report(in->d, c->arg[i].name_at, DG(unknown_keyword), c->name, c->arg[i].name);
            fe_help(in->d, "layers have no names here; give nn.Sequential an OrderedDict for that");
            return false;
        }
    if (l->n == 1 && l->item[0]->kind == V_DICT) return append_named(in, m, l->item[0]);
    for (int i = 0; i < l->n && good; i++)
        good = append_value(in, m, l->item[i], NULL, i < c->n_arg ? c->arg[i].at : l->item[i]->at);
    return good;
}

Value *fe_make_sequential(Interp *in, const Call *c)
{
    Mod *m = fe_new_module(in, c->at, NULL);
    m->text = "Sequential";
    return fill_sequential(in, m, c) ? fe_module_value(in, m, c->at) : fe_bad(in, c->at);
}

/* A list of modules, or a dict of them by name. */
static bool fill_from(Interp *in, Mod *m, const Value *given, Span at)
{
    bool dict = m->holds == HOLDS_DICT;
    if (given->kind == V_NONE) return true;
    if (dict && given->kind == V_DICT) return append_named(in, m, given);
    if (dict) {
        fe_report(in->d, at, DG(wrong_type), fe_module_name(m), "modules", "a dict of modules",
                  fe_kind_name(given), ": ", fe_repr(in->a, given));
        return false;
    }
    Value copy = *given;
    const Value *all = fe_items(in, &copy, at);
    bool good = all && all->kind != V_DATA && all->kind != V_BAD;
    for (int i = 0; good && i < all->u.list->n; i++)
        good = append_value(in, m, all->u.list->item[i], NULL, at);
    return good;
}

bool fe_fill_module(Interp *in, Mod *m, const Call *c)
{
    if (m->holds == HOLDS_IN_ORDER) return fill_sequential(in, m, c);
    if (m->cls && m->cls->layer) return fill_layer(in, m, c);
    bool takes = m->holds == HOLDS_LIST || m->holds == HOLDS_DICT;
    if (c->n_given == 0) return true;
    if (takes && c->n_given == 1) return fill_from(in, m, c->arg[0].v, c->arg[0].at);
    fe_report(in->d, c->arg[0].at, DG(takes_none), fe_module_name(m), c->n_given);
    fe_help(in->d, "arguments are taken by def __init__(self, …):");
    return false;
}

Value *fe_make_module_list(Interp *in, const Call *c)
{
    Mod *m = fe_new_module(in, c->at, NULL);
    m->holds = strcmp(c->name, "ModuleDict") == 0 ? HOLDS_DICT : HOLDS_LIST;
    m->text = c->name;
    return fe_fill_module(in, m, c) ? fe_module_value(in, m, c->at) : fe_bad(in, c->at);
}

/* ---- methods ---- */

static Value *append(Interp *in, const Call *c, int i, const char *name)
{
    Mod *m = c->self->u.mod;
    bool of_class = m->holds == HOLDS_BY_CLASS || m->holds == HOLDS_DICT;
    if (m->info || m->in_several || (of_class && !name)) {
        fe_report(in->d, c->at, DG(cannot_append), fe_module_name(m));
        return fe_bad(in, c->at);
    }
    return append_value(in, m, c->v[i], name, c->v_at[i]) ? c->self : fe_bad(in, c->at);
}

Value *fe_m_append(Interp *in, const Call *c) { return append(in, c, 0, NULL); }

Value *fe_m_add_module(Interp *in, const Call *c)
{
    Mod *m = c->self->u.mod;
    const Value *key = c->v[0];
    bool good = key->len > 0 && key->len == strlen(key->u.s) && !strchr(key->u.s, '.');
    for (int i = 0; i < m->n_child && good; i++) good = strcmp(m->child_name[i], key->u.s) != 0;
    if (good) return append(in, c, 1, key->u.s);
    fe_report(in->d, c->v_at[0], DG(bad_child_name), fe_repr(in->a, key));
    return fe_bad(in, c->at);
}

Value *fe_m_requires_grad(Interp *in, const Call *c)
{
    const Value *all = fe_parameters(in, c->self->u.mod, c->at);
    for (int i = 0; i < all->u.list->n; i++) all->u.list->item[i]->u.param->frozen = !c->v[0]->u.b;
    return c->self;
}

Value *fe_p_numel(Interp *in, const Call *c)
{
    return fe_int(in, fe_param_elems(c->self->u.param), c->at);
}

Value *fe_p_size(Interp *in, const Call *c)
{
    const Param *p = c->self->u.param;
    if (strcmp(c->name, "dim") == 0) return fe_int(in, p->rank, c->at);
    if (c->v[0]->kind == V_INT && c->v[0]->u.i >= -p->rank && c->v[0]->u.i < p->rank)
        return fe_int(in, p->dim[c->v[0]->u.i < 0 ? c->v[0]->u.i + p->rank : c->v[0]->u.i], c->at);
    Value *t = fe_list(in, V_TUPLE, c->at);
    for (int i = 0; i < p->rank; i++) fe_push(in, t, fe_int(in, p->dim[i], c->at));
    return t;
}

Value *fe_p_requires_grad(Interp *in, const Call *c)
{
    (void)in;
    c->self->u.param->frozen = !c->v[0]->u.b;
    return c->self;
}
