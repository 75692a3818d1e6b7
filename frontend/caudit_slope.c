/* frontend/caudit_slope.c: is a function fit to be differentiated, and are its derivatives right?
 *
 * Derivatives are compared with differences in float64 where those say anything (caudit_differ.c), the
 * second ones with differences of the first. Where the function is finite they are evaluated in its
 * own precision, too, in which they may not be. */
#include "frontend/caudit_priv.h"
#include <math.h>
#include <string.h>

static double largest(const double *x, int n)
{
    double m = 0;
    for (int i = 0; i < n; i++) m = fmax(m, fabs(x[i]));
    return m;
}

/* ---- warnings ---- */

/* Of a size that training meets. */
static bool usual(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0 && !(fabs(x[i]) >= 1e-6 && fabs(x[i]) <= 1e6)) return false;
    return true;
}

/* How far from 0 a point's arguments are, but for those of one number; infinite: training meets no such
 * sizes. */
static double size_of(const double *x, int n, const CUse *use)
{
    double size = 0;
    for (int i = 0; i < n; i++) {
        if (is_fixed(use, i)) continue;
        if (!usual(&x[i], 1)) return (double)INFINITY;
        size = fmax(size, fabs(x[i]));
    }
    return size;
}

/* The point nearest to 0 where f is finite and its derivative by argument k is not. */
static void infinite(FeDiags *d, Arena *a, const AuditFunc *f, const CUse *use, const Points *p,
                     Tape *value, Tape *slope, int k)
{
    const double *worst = NULL;
    double least = (double)INFINITY;
    for (int i = 0; i < p->n; i++) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        double size = size_of(x, p->args, use);
        if (size >= least) continue;
        double y = fe_tape_run(value, x);
        if (usual(&y, 1) && !isfinite(fe_tape_run(slope, x))) worst = x, least = size;
    }
    if (!worst) return;
    double y = fe_tape_run(value, worst), s = fe_tape_run(slope, worst);
    fe_report(d, f->at, DG(c_slope), f->f->name, f->f->param[k], fe_audit_number(a, f->f, s),
              fe_audit_point(a, f->f, worst), fe_audit_number(a, f->f, y));
}

/* Where derivatives are compared. */
static bool near(const double *x, int n) { return largest(x, n) <= 100 && usual(x, n); }

/* Is a derivative that is no number at x one beside it, or f itself huge, so that it may be? */
static bool alone(Tape *value, Tape *slope, const double *x, int n, double differences)
{
    double y[EX_MAX_ARGS], all[] = { fe_tape_run(value, x), differences };
    for (int i = 0; i < n; i++) y[i] = x[i] + (0x1p-12 + 0x1p-16 * i) * fmax(1, fabs(x[i]));
    return !usual(all, 2) || isfinite(fe_tape_run(slope, y));
}

/* How far the derivative by argument k is from what differences give at x: its share of the larger
 * one. NaN: they say nothing there, or neither is far enough from 0 to tell. */
static double share_at(Tape *value, Tape *slope, const double *x, int n, int k, double bound,
                       double *symbolic, double *differences)
{
    static const double nothing = 1e-9;                  /* of a slope and its doubt: 0 */
    Estimate e;
    if (!fe_difference(value, x, n, k, 0.01 * bound, &e)) return NAN;
    double s = *symbolic = fe_tape_run(slope, x), apart = fabs(s - e.slope);
    double size = fmax(isfinite(s) ? fabs(s) : 0, fabs(e.slope));
    *differences = e.slope;
    if (!isfinite(s))
        return e.error <= 0.1 * bound * size && !alone(value, slope, x, n, e.slope) ? (double)INFINITY
                                                                                    : (double)NAN;
    double doubt = e.error + fe_tape_error(slope);
    if (apart <= doubt && doubt <= nothing && size <= nothing) return 0;
    return doubt <= 0.1 * bound * size ? apart / size : (double)NAN;
}

/* Every how many points, for so many pairs of formulas of so many steps together. */
static const double budget_steps = 3e6;

static int stride_of(const Points *p, int pairs, int steps)
{
    double all = 20.0 * p->n * pairs * steps;            /* evaluations of a difference */
    return all > budget_steps ? (int)(all / budget_steps) + 1 : 1;
}

/* f and its derivative by argument k, both in double. */
static void wrong(FeDiags *d, Arena *a, const AuditFunc *f, const Points *p, Tape *value, Tape *slope,
                  int k)
{
    static const double bound = 1e-4;
    int stride = stride_of(p, p->args, value->n + slope->n);
    for (int i = 0; i < p->n; i += stride) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        if (!near(x, p->args)) continue;
        double s, numeric, share = share_at(value, slope, x, p->args, k, bound, &s, &numeric);
        if (!isfinite(share) || share <= bound) continue;
        fe_report(d, f->at, DG(c_derivative), f->f->name, f->f->param[k],
                  fe_audit_number(a, f->f, s), fe_audit_point(a, f->f, x),
                  arena_printf(a, "%.6g", numeric));
        return;
    }
}

void fe_audit_slopes(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use, const Points *points,
                     Tape *t)
{
    Arena *scratch = arena_new();
    Tape *exact = fe_tape(scratch, p, f->f->value, true);
    for (int k = 0; k < f->f->n_param; k++) {
        if (use && !use->arg[k].slope) continue;
        Ex slope = ex_diff(p, f->f->value, k);
        infinite(d, scratch, f, use, points, t, fe_tape(scratch, p, slope, f->f->is_double), k);
        if (!use) wrong(d, scratch, f, points, exact, fe_tape(scratch, p, slope, true), k);
    }
    arena_free(scratch);
}

/* ---- both orders ---- */

enum { MAX_SECOND = 20000 };         /* steps of all second derivatives */

static void compare(Slopes *o, const Points *p, int stride, Tape *value, Tape *slope, int k, int of)
{
    for (int i = 0; i < p->n; i += stride) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        if (!near(x, p->args)) continue;
        double s = 0, numeric = 0;
        double share = share_at(value, slope, x, p->args, k, SLOPES_BOUND, &s, &numeric);
        o->compared += !isnan(share);
        o->left_out += isnan(share);
        if (isnan(share) || share <= o->share) continue;
        o->share = share, o->symbolic = s, o->differences = numeric;
        o->by[0] = of < 0 ? k : of, o->by[1] = of < 0 ? -1 : k;
        memcpy(o->at, x, (size_t)p->args * sizeof *x);
    }
}

bool fe_slopes(ExPool *p, const CFunc *f, const double *fixed, Derive *derive, Slopes order[2])
{
    Arena *scratch = arena_new();
    Points points;
    int n = f->n_param, most = 1, pairs = n * (n + 1) / 2;
    Ex slope[EX_MAX_ARGS];
    fe_audit_points(scratch, p, f, NULL, &points);
    for (int i = 0; i < points.n; i++)
        for (int k = 0; fixed && k < n; k++)
            if (!isnan(fixed[k])) points.x[(size_t)i * (size_t)n + (size_t)k] = fixed[k];
    memset(order, 0, 2 * sizeof *order);
    Tape *value = fe_tape(scratch, p, f->value, true);
    for (int k = 0; k < n; k++) {
        slope[k] = derive(p, f->value, k);
        Tape *t = fe_tape(scratch, p, slope[k], true);
        most = t->n > most ? t->n : most;
        compare(&order[0], &points, stride_of(&points, n, value->n + t->n), value, t, k, -1);
    }
    bool small = most <= MAX_SECOND / (pairs > 0 ? pairs : 1);
    for (int i = 0; i < n && small; i++)
        for (int k = i; k < n; k++) {
            Tape *first = fe_tape(scratch, p, slope[i], true);
            Tape *second = fe_tape(scratch, p, derive(p, slope[i], k), true);
            int stride = stride_of(&points, pairs, first->n + second->n);
            compare(&order[1], &points, stride, first, second, k, i);
        }
    arena_free(scratch);
    return small;
}
