/* ir/trial.c: values made up for a graph, and how far two results are apart. The rules are in the
 * header. */
#include "ir/trial.h"
#include <math.h>
#include <string.h>

/* ---- values ---- */

static uint64_t hash(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++) h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return h;
}

/* In (0, 1), from a name's hash and a number. */
static double fraction(uint64_t name, int64_t i)
{
    uint64_t h = name ^ (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 31;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    return (double)(h % 1000 + 1) / 1002;
}

static double stored(const Type *t, double x) { return t->dtype == DT_f32 ? (double)(float)x : x; }

/* Class indices; each row of probabilities sums to 1; anything else is in (0, 1). */
static void make_target(const Trial *t, const Type *type, double *x, int64_t n)
{
    const Program *p = &t->g->module->prog;
    int64_t classes = p->n_classes > 0 ? p->n_classes : 3;
    int rank = type->shape.rank;
    int64_t row = rank ? ir_dim_at(type->shape.dim[rank - 1], t->n) : 1;
    bool shares = ir_dtype_real(type->dtype) && p->target == TARGET_CLASS;
    uint64_t seed = hash("target");
    for (int64_t i = 0; i < n; i++) {
        x[i] = fraction(seed, i);
        if (!ir_dtype_real(type->dtype)) x[i] = floor(x[i] * (double)classes);
    }
    for (int64_t i = 0; shares && i < n; i += row) {
        double sum = 0;
        for (int64_t k = 0; k < row; k++) sum += x[i + k];
        for (int64_t k = 0; k < row; k++) x[i + k] /= sum;
    }
}

/* The mean and half the width of what a state begins with, from its last draw. */
static void range_of(const Module *m, State s, double *mean, double *half)
{
    *mean = *half = 0.5;
    if (ir_state(m, s)->role == ROLE_OPTIMIZER) {        /* slots may be squares */
        *mean = 0.15;
        *half = 0.05;
    }
    for (int i = 0; i < m->prog.n_draw; i++) {
        const Draw *d = &m->prog.draw[i];
        if (!ir_draw_info[d->kind].state || d->kind == DRAW_ELEMENT || d->state.i != s.i) continue;
        *mean = d->kind == DRAW_UNIFORM ? (d->a + d->b) / 2 : d->a;
        *half = d->kind == DRAW_UNIFORM ? (d->b - d->a) / 2
              : d->kind == DRAW_NORMAL  ? sqrt(3) * d->b
                                        : 0.1;
    }
}

double *ir_trial_input(Trial *t, const char *name)
{
    for (uint32_t i = 1; i < t->g->n_node; i++) {
        const Node *node = &t->g->node[i];
        if (node->op != OP_input || strcmp(node->name, name)) continue;
        if (t->input[i]) return t->input[i];
        int64_t n = ir_elems_at(&node->type.shape, t->n);
        double *x = t->input[i] = arena_alloc(t->arena, (size_t)n + 1, sizeof *x);
        const double *given = t->given ? t->given(t->ctx, name, &node->type) : NULL;
        if (given) memcpy(x, given, (size_t)n * sizeof *x);
        else if (!strcmp(name, "target") || !ir_dtype_real(node->type.dtype))
            make_target(t, &node->type, x, n);
        else
            for (int64_t e = 0; e < n; e++)
                x[e] = t->low + (1 - t->low) * fraction(hash(name), e);
        for (int64_t e = 0; e < n; e++) x[e] = stored(&node->type, x[e]);
        return x;
    }
    return NULL;
}

double *ir_trial_state(Trial *t, State s)
{
    const Module *m = t->g->module;
    const StateInfo *info = ir_state(m, s);
    if (t->state[s.i]) return t->state[s.i];
    int64_t n = ir_elems_at(&info->type.shape, 1);
    double *x = t->state[s.i] = arena_alloc(t->arena, (size_t)n + 1, sizeof *x), mean, half;
    const double *given = t->given ? t->given(t->ctx, info->key, &info->type) : NULL;
    bool real = ir_dtype_real(info->type.dtype);
    uint64_t seed = hash(info->key);
    range_of(m, s, &mean, &half);
    for (int64_t i = 0; i < n; i++) {
        double f = fraction(seed, i);
        x[i] = given ? given[i] : real ? mean + half * (2 * f - 1)
             : info->type.dtype == DT_i8 ? floor(f * 255) - 127 : floor(f * 100);
        x[i] = stored(&info->type, x[i]);
    }
    return x;
}

static const double *input_of(void *ctx, const char *name) { return ir_trial_input(ctx, name); }
static const double *state_of(void *ctx, State s) { return ir_trial_state(ctx, s); }

static double scalar_of(void *ctx, const char *name)
{
    const Trial *t = ctx;
    const Program *p = &t->g->module->prog;
    for (int i = 0; i < p->n_scalar; i++) {
        const ScalarDef *d = &p->scalar[i];
        if (strcmp(d->name, name)) continue;
        char err[EX_ERR];
        Arena *scratch = arena_new();
        ExPool *pool = ex_pool(scratch);
        int groups = (int)(sizeof trial_lr / sizeof *trial_lr);
        double arg[EX_MAX_ARGS] = { trial_lr[d->group % groups], TRIAL_STEP, TRIAL_STEPS };
        double x = ex_eval(pool, ex_parse(pool, d->f, NULL, err), arg);
        arena_free(scratch);
        return x;
    }
    return fraction(hash(name), 0);
}

EvalIn ir_trial(Trial *t)
{
    t->input = arena_alloc(t->arena, t->g->n_node, sizeof *t->input);
    t->state = arena_alloc(t->arena, t->g->module->n_state, sizeof *t->state);
    return (EvalIn){ .n = t->n, .input = input_of, .state = state_of, .scalar = scalar_of, .ctx = t,
                     .seed = trial_seed, .step = TRIAL_STEP };
}

/* ---- alike ---- */

static bool same_attr(const Attr *a, const Attr *b)
{
    if (a->id != b->id || a->count != b->count) return false;
    switch (ir_attr_info[a->id].kind) {
    case ATK_FLAG: return true;
    case ATK_INT: return a->u.i == b->u.i;
    case ATK_REAL: return !memcmp(&a->u.r, &b->u.r, sizeof a->u.r);
    case ATK_INTS: return !memcmp(a->u.ints, b->u.ints, (size_t)a->count * sizeof *a->u.ints);
    case ATK_REALS: return !memcmp(a->u.reals, b->u.reals, (size_t)a->count * sizeof *a->u.reals);
    case ATK_STR: case ATK_EXPR: return !strcmp(a->u.s, b->u.s);
    }
    return false;
}

/* What layout chooses comes after all that has a meaning. */
static int meaningful(const Node *x)
{
    int n = 0;
    while (n < x->n_attr && x->attr[n].id < AT_algo) n++;
    return n;
}

static const char *name_of(const Graph *g, const Node *x)
{
    return x->op == OP_state ? ir_state(g->module, x->state)->key : x->name ? x->name : "";
}

static bool same_node(const Graph *ga, const Node *a, const Graph *gb, const Node *b)
{
    int n = meaningful(a);
    bool same = a->op == b->op && a->n_in == b->n_in && n == meaningful(b)
             && a->type.dtype == b->type.dtype && ir_shape_eq(&a->type.shape, &b->type.shape)
             && !strcmp(name_of(ga, a), name_of(gb, b));
    for (int i = 0; same && i < a->n_in; i++) same = a->in[i].i == b->in[i].i;
    for (int i = 0; same && i < n; i++) same = same_attr(&a->attr[i], &b->attr[i]);
    return same;
}

bool ir_same_values(const Graph *a, const Graph *b)
{
    bool same = a->n_node == b->n_node && a->n_root == b->n_root;
    for (uint32_t i = 1; same && i < a->n_node; i++)
        same = same_node(a, &a->node[i], b, &b->node[i]);
    for (int r = 0; same && r < a->n_root; r++)
        same = ir_root_like(b, a, &a->root[r]) == &b->root[r]
            && a->root[r].val.i == b->root[r].val.i;
    return same;
}

/* ---- gaps ---- */

double **ir_root_values(const Graph *g, double *const *value, Arena *a)
{
    double **root = arena_alloc(a, (size_t)g->n_root + 1, sizeof *root);
    for (int r = 0; r < g->n_root; r++) root[r] = value[g->root[r].val.i];
    return root;
}

const Root *ir_root_like(const Graph *g, const Graph *of, const Root *like)
{
    for (int r = 0; r < g->n_root; r++) {
        const Root *x = &g->root[r];
        if (x->kind != like->kind) continue;
        if (x->kind == ROOT_RETURN && !strcmp(x->name, like->name)) return x;
        if (x->kind != ROOT_RETURN && !strcmp(ir_state(g->module, x->state)->key,
                                              ir_state(of->module, like->state)->key))
            return x;
    }
    return NULL;
}

static double largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) most = fmax(most, fabs(x[i]));
    return most;
}

/* Of equal infinities and of two that are no numbers nothing; else the difference over the size. */
static double share(double a, double b, double size)
{
    if (a == b || (isnan(a) && isnan(b))) return 0;
    double d = fabs(a - b) / size;
    return isnan(d) ? INFINITY : d;
}

Gap ir_gap(const Graph *ga, double *const *a, const Graph *gb, double *const *b, int64_t n)
{
    Gap worst = { 0 };
    double all = 0;
    for (int r = 0; r < ga->n_root; r++)
        all = fmax(all, largest(a[r], ir_elems_at(&ir_type(ga, ga->root[r].val)->shape, n)));
    for (int r = 0; r < ga->n_root; r++) {
        const Root *root = &ga->root[r], *like = ir_root_like(gb, ga, root);
        int64_t elems = ir_elems_at(&ir_type(ga, root->val)->shape, n);
        double size = largest(a[r], elems) + 0.1 * all;
        if (!like && root->kind != ROOT_GRAD) return (Gap){ INFINITY, root, 0, NAN, NAN };
        for (int64_t i = 0; like && i < elems; i++) {
            double x = a[r][i], y = b[like - gb->root][i], s = share(x, y, size);
            if (s > worst.share) worst = (Gap){ s, root, i, x, y };
        }
    }
    return worst;
}

/* ---- slopes ---- */

/* Steps to try: where the widest meets a kink, a smaller one may not. */
static const double steps[] = { 1e-3, 1e-4, 1e-5 };
static const double roundoff = 1e-15;              /* of a graph's number, relative */

Slope ir_slope(SlopeFn *f, void *ctx)
{
    double middle = f(ctx, 0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        double h = steps[i], up = f(ctx, h), down = f(ctx, -h);
        double half_up = f(ctx, h / 2), half_down = f(ctx, -h / 2);
        double wide = (up - down) / (2 * h), narrow = (half_up - half_down) / h;
        /* A bend of a smooth curve shrinks with the step, that of a kink does not. */
        double bend = (up - 2 * middle + down) / h;
        double half_bend = (half_up - 2 * middle + half_down) / (h / 2);
        double noise = 8 * roundoff * (fabs(middle) + fabs(up)) / h;
        double slack = 1e-6 * (fabs(narrow) + fabs(wide)) + noise;
        bool smooth = fabs(narrow - wide) <= slack + 1e-3 * fabs(bend)
                   && fabs(half_bend - bend / 2) <= slack + 0.05 * fabs(bend);
        if (smooth) return (Slope){ (4 * narrow - wide) / 3, true };
    }
    return (Slope){ NAN, false };
}
