/* frontend/cmd_kinks.c: is a difference what kinks make of rounding?
 *
 * Where relu's operand is nearly zero, or two numbers of a maximum are nearly equal, rounding decides
 * which side a number is on. The value hardly changes by that, a gradient does, far beyond any bound;
 * and there is no right one. So the graph is interpreted again with each number that it comes to
 * disturbed as rounding may disturb it. That takes some kinks on their other side, and tells what each
 * adds to which gradient. The difference is explained if a sum of these changes is what it is, in all
 * tensors of the step at once: a gradient that is wrong in itself is no such sum, however small. */
#include "frontend/cmd_check.h"
#include <math.h>

/* How often it is disturbed; what share of the bound by, then two and four times as much; how often a
 * change may be in the sum: as often as tells apart kinks that came together, not so often that
 * rounding itself adds up to an error. */
enum { RUNS = 16, BOUND_PARTS = 256, MOST_TIMES = 4 };
/* A change of which earlier ones leave no more than this is one of theirs: the rest is rounding, which must not
 * be taken for a direction of its own, as all that comes later would lose what it has along it. */
static const double LEAST_NEW = 1e-10;
/* What the changes take at most: of large models there are fewer. */
static const double MOST_BYTES = 2e9;

double check_drawn(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

typedef struct Disturbance { uint64_t drawn; double share; } Disturbance;

static void disturb(void *ctx, const Node *node, double *x, int64_t n)
{
    Disturbance *d = ctx;
    for (int64_t i = 0; ir_dtype_real(node->type.dtype) && i < n; i++)
        x[i] *= 1 + d->share * check_drawn(&d->drawn);
}

static int64_t elems_of(const Computed *k, int r)
{
    const Graph *g = k->g;
    return ir_elems_at(&ir_type(g, g->root[r].val)->shape, k->n);
}

/* Of two sets of roots, each in units of what its tensor may be off by. */
static double product(const Computed *k, const double *unit, double *const *x, double *const *y)
{
    double sum = 0;
    for (int r = 0; r < k->g->n_root; r++)
        for (int64_t i = 0; i < elems_of(k, r); i++) sum += x[r][i] * y[r][i] / (unit[r] * unit[r]);
    return sum;
}

/* x += factor * y */
static void add(const Computed *k, double **x, double factor, double *const *y)
{
    for (int r = 0; r < k->g->n_root; r++)
        for (int64_t i = 0; i < elems_of(k, r); i++) x[r][i] += factor * y[r][i];
}

/* d = x - y */
static void subtract(const Computed *k, double **d, double *const *x, double *const *y)
{
    for (int r = 0; r < k->g->n_root; r++)
        for (int64_t i = 0; i < elems_of(k, r); i++) d[r][i] = x[r][i] - y[r][i];
}

static double **difference(const Computed *k, double *const *x, double *const *y, Arena *a)
{
    const int n_root = k->g->n_root;
    double **d = arena_alloc(a, (size_t)n_root + 1, sizeof *d);
    for (int r = 0; r < n_root; r++) d[r] = arena_alloc(a, (size_t)elems_of(k, r) + 1, sizeof **d);
    subtract(k, d, x, y);
    return d;
}

/* As ir_gap measures them; all have some. */
static double *units(const Computed *k, double *const *want, Arena *a)
{
    const int n_root = k->g->n_root;
    double *unit = arena_alloc(a, (size_t)n_root + 1, sizeof *unit), all = 1e-300;
    for (int r = 0; r < n_root; r++) {
        for (int64_t i = 0; i < elems_of(k, r); i++) unit[r] = fmax(unit[r], fabs(want[r][i]));
        all = fmax(all, unit[r]);
    }
    for (int r = 0; r < n_root; r++) unit[r] += 0.1 * all;
    return unit;
}

static double **interpret(const Computed *k, Disturbance *d, Arena *a)
{
    const Graph *g = k->g;
    EvalIn in = *k->in;
    if (d) {
        in.touch = disturb;
        in.touch_ctx = d;
    }
    Arena *scratch = arena_new();
    double **root = ir_root_values(g, ir_eval(g, &in, scratch), scratch);
    double **zero = arena_alloc(scratch, (size_t)g->n_root + 1, sizeof *zero);
    for (int r = 0; r < g->n_root; r++)
        zero[r] = arena_alloc(scratch, (size_t)elems_of(k, r) + 1, sizeof **zero);
    root = difference(k, root, zero, a);
    arena_free(scratch);
    return root;
}

double **check_kinks(const Computed *k, double *const *want, double bound, Arena *a)
{
    const Graph *g = k->g;
    double *unit = units(k, want, a), size[RUNS], **change[RUNS], elems = 1;
    for (int r = 0; r < g->n_root; r++) elems += (double)elems_of(k, r);
    const int runs = (int)fmin(RUNS, MOST_BYTES / (8 * elems));
    double **left = difference(k, k->got, want, a), **plain = interpret(k, NULL, a);
    double **smooth = difference(k, k->got, left, a);
    if (!isfinite(product(k, unit, left, left))) return NULL;
    for (int i = 0; i < runs; i++) {
        Disturbance d = { (uint64_t)i + 1, bound / BOUND_PARTS * (double)(1 << i % 3) };
        change[i] = interpret(k, &d, a);
        add(k, change[i], -1, plain);
        const double whole = product(k, unit, change[i], change[i]);
        /* What the ones before have not: so that each is fitted once and for all. */
        for (int j = 0; j < i; j++)
            if (size[j] > 0) add(k, change[i], -product(k, unit, change[i], change[j]) / size[j], change[j]);
        size[i] = product(k, unit, change[i], change[i]);
        if (!(size[i] > LEAST_NEW * whole) || !isfinite(size[i])) {
            size[i] = 0;
            continue;
        }
        double times = product(k, unit, left, change[i]) / size[i];
        add(k, left, -fmax(-MOST_TIMES, fmin(MOST_TIMES, times)), change[i]);
        subtract(k, smooth, k->got, left);
        if (ir_gap(g, smooth, g, k->got, k->n).share <= bound) return smooth;
    }
    return NULL;
}
