/* frontend/caudit_slope.c: is a function fit to be differentiated, and is its derivative right?
 *
 * Derivatives are compared with differences in float64 where those say anything: not across a branch,
 * nor where two widths disagree. They are evaluated in the function's own precision where the
 * function is finite and they may not be. Branches are searched for jumps: along each argument, where
 * a comparison comes out another way, down to two neighbouring numbers. */
#include "frontend/caudit_priv.h"
#include <math.h>
#include <string.h>

enum { MAX_ARG = EX_MAX_ARGS };

/* ---- branches ---- */

/* The first comparison that comes out another way in `now` than in `was`; 0: none. */
static uint32_t flipped(const Tape *t, const double *was)
{
    for (int i = 0; i < t->n; i++) {
        uint32_t n = t->step[i].node;
        ExOp op = ex_node(t->pool, (Ex){ n })->op;
        if (op >= EX_LT && op <= EX_NE && t->v[n] != was[n]) return n;
    }
    return 0;
}

/* ---- derivatives ---- */

static double largest(const double *x, int n)
{
    double m = 0;
    for (int i = 0; i < n; i++) m = fmax(m, fabs(x[i]));
    return m;
}

/* Of a size that training meets. */
static bool usual(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (x[i] != 0 && !(fabs(x[i]) >= 1e-6 && fabs(x[i]) <= 1e6)) return false;
    return true;
}

/* The point nearest to 0 where f is finite and its derivative by argument k is not. */
static void infinite(FeDiags *d, Arena *a, const AuditFunc *f, const Points *p, Tape *value,
                     Tape *slope, int k)
{
    const double *worst = NULL;
    for (int i = 0; i < p->n; i++) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        if (!usual(x, p->args) || (worst && largest(x, p->args) >= largest(worst, p->args)))
            continue;
        double y = fe_tape_run(value, x);
        if (usual(&y, 1) && !isfinite(fe_tape_run(slope, x))) worst = x;
    }
    if (!worst) return;
    double y = fe_tape_run(value, worst), s = fe_tape_run(slope, worst);
    fe_report(d, f->at, DG(c_slope), f->f->name, f->f->param[k], fe_audit_number(a, f->f, s),
              fe_audit_point(a, f->f, worst), fe_audit_number(a, f->f, y));
}

/* NaN where another branch is taken there than at x, whose values are `was`. */
static double moved(Tape *t, const double *was, const double *x, int n, int k, double by)
{
    double y[MAX_ARG];
    memcpy(y, x, (size_t)n * sizeof *y);
    y[k] += by;
    double v = fe_tape_run(t, y);
    return flipped(t, was) ? (double)NAN : v;
}

/* What central differences of two widths make together. False where they say nothing: they disagree,
 * or slopes on both sides do not approach each other, as at a kink. was: room for t's values. */
static bool difference(Tape *t, double *was, const double *x, int n, int k, double *slope,
                       double *error)
{
    double side[2], middle[2], h = 1e-4 * fmax(1, fabs(x[k])), here = fe_tape_run(t, x);
    memcpy(was, t->v, t->n_v * sizeof *was);
    for (int i = 0; i < 2; i++, h /= 2) {
        double above = moved(t, was, x, n, k, h), below = moved(t, was, x, n, k, -h);
        middle[i] = (above - below) / (2 * h);
        side[i] = fabs(above - 2 * here + below) / h;
    }
    *slope = (4 * middle[1] - middle[0]) / 3;
    *error = fabs(middle[1] - middle[0]);
    return isfinite(*slope) && *error <= 1e-4 * fabs(*slope) + 1e-7
        && side[1] <= 0.7 * side[0] + 1e-6 * (fabs(*slope) + 1);
}

/* f and its derivative by argument k, both in double. */
static void wrong(FeDiags *d, Arena *a, const AuditFunc *f, const Points *p, Tape *value, Tape *slope,
                  int k)
{
    double *was = arena_alloc(a, value->n_v, sizeof *was);
    for (int i = 0; i < p->n; i++) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        double numeric, error;
        if (!(largest(x, p->args) <= 100) || !difference(value, was, x, p->args, k, &numeric, &error))
            continue;
        double y = fe_tape_run(value, x), s = fe_tape_run(slope, x);
        double noise = 1e-11 * (fabs(y) + 1) / fmax(1, fabs(x[k])) * 1e4;
        if (!isfinite(s) || fabs(s - numeric) <= 1e-4 * fabs(numeric) + 10 * error + noise) continue;
        fe_report(d, f->at, DG(c_derivative), f->f->name, f->f->param[k],
                  fe_audit_number(a, f->f, s), fe_audit_point(a, f->f, x),
                  arena_printf(a, "%.6g", numeric));
        return;
    }
}

void fe_audit_slopes(FeDiags *d, ExPool *p, const AuditFunc *f, const Points *points,
                     Tape *t)
{
    Arena *scratch = arena_new();
    Tape *exact = fe_tape(scratch, p, f->f->value, true);
    for (int k = 0; k < f->f->n_param; k++) {
        Ex slope = ex_diff(p, f->f->value, k);
        infinite(d, scratch, f, points, t, fe_tape(scratch, p, slope, f->f->is_double), k);
        wrong(d, scratch, f, points, exact, fe_tape(scratch, p, slope, true), k);
    }
    arena_free(scratch);
}

/* ---- jumps ---- */

typedef struct Search {
    FeDiags *d;
    Arena *a;
    const AuditFunc *f;
    Tape *t;
    double *was;                         /* t->v of the point before */
} Search;

static double look(Search *s, double *x, int k, double at)
{
    x[k] = at;
    return fe_tape_run(s->t, x);
}

/* Some branch changes between low and high: where, and does the value jump there? True: that was
 * said. */
static bool narrow(Search *s, double *x, int k, double low, double high)
{
    size_t bytes = s->t->n_v * sizeof *s->was;
    double below = look(s, x, k, low);
    memcpy(s->was, s->t->v, bytes);
    for (double middle; middle = low / 2 + high / 2, middle > low && middle < high;) {
        double y = look(s, x, k, middle);
        if (flipped(s->t, s->was)) {
            high = middle;
        } else {
            low = middle, below = y;
            memcpy(s->was, s->t->v, bytes);
        }
    }
    double above = look(s, x, k, high), size = fmax(fabs(below), fabs(above));
    uint32_t n = flipped(s->t, s->was);
    if (!n || !s->f->place[n].len || !isfinite(size)
        || !(fabs(above - below) > 1e-6 * size + 1e-12)) return false;
    const CFunc *f = s->f->f;
    fe_report(s->d, s->f->place[n], DG(c_jump), f->name, arena_printf(s->a, "%.6g", below),
              arena_printf(s->a, "%.6g", above), fe_audit_point(s->a, f, x));
    return true;
}

/* Along argument k from x on, -10 … 10. */
static bool jumps_along(Search *s, double *x, int k)
{
    enum { STEPS = 80 };
    double before = -10;
    look(s, x, k, before);
    memcpy(s->was, s->t->v, s->t->n_v * sizeof *s->was);
    for (int i = 1; i <= STEPS; i++) {
        double here = -10 + 0.25 * i;
        look(s, x, k, here);
        if (flipped(s->t, s->was) && narrow(s, x, k, before, here)) return true;
        look(s, x, k, here);
        memcpy(s->was, s->t->v, s->t->n_v * sizeof *s->was);
        before = here;
    }
    return false;
}

void fe_audit_jumps(FeDiags *d, ExPool *p, const AuditFunc *f)
{
    static const double around[] = { 0.7, -1.3, 2.1 };
    Arena *scratch = arena_new();
    Search s = { .d = d, .a = scratch, .f = f, .t = fe_tape(scratch, p, f->f->value, true) };
    s.was = arena_alloc(scratch, s.t->n_v, sizeof *s.was);
    bool said = false;
    for (int i = 0; i < 3 * f->f->n_param && !said; i++) {
        double x[MAX_ARG];
        for (int k = 0; k < f->f->n_param; k++) x[k] = around[(i + k) % 3];
        said = jumps_along(&s, x, i / 3);
    }
    arena_free(scratch);
}
