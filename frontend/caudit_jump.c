/* frontend/caudit_jump.c: do the branches of a function meet?
 *
 * They are searched for jumps along each argument: where a comparison comes out another way, down to
 * two neighbouring numbers. */
#include "frontend/caudit_priv.h"
#include <math.h>

typedef struct Search {
    FeDiags *d;
    Arena *a;
    const AuditFunc *f;
    Tape *t;                             /* the point before is marked */
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
    double below = look(s, x, k, low);
    fe_tape_mark(s->t);
    for (double middle; middle = low / 2 + high / 2, middle > low && middle < high;) {
        double y = look(s, x, k, middle);
        if (fe_tape_flipped(s->t)) {
            high = middle;
        } else {
            low = middle, below = y;
            fe_tape_mark(s->t);
        }
    }
    double above = look(s, x, k, high), size = fmax(fabs(below), fabs(above));
    uint32_t n = fe_tape_flipped(s->t);
    if (!n || !s->f->place[n].len || !isfinite(size)
        || !(fabs(above - below) > 1e-6 * size + 1e-12)) return false;
    const CFunc *f = s->f->f;
    fe_report(s->d, s->f->place[n], DG(c_jump), f->name, arena_printf(s->a, "%.6g", below),
              arena_printf(s->a, "%.6g", above), fe_audit_point(s->a, f, x));
    return true;
}

/* Along argument k from x on, from `first` on in so many steps. */
static bool jumps_along(Search *s, double *x, int k, double first, double step, int steps)
{
    double before = first;
    look(s, x, k, before);
    fe_tape_mark(s->t);
    for (int i = 1; i <= steps; i++) {
        double here = first + step * i;
        look(s, x, k, here);
        if (fe_tape_flipped(s->t)) {
            if (narrow(s, x, k, before, here)) return true;
            look(s, x, k, here);
            fe_tape_mark(s->t);
        }
        before = here;
    }
    return false;
}

/* Argument k at the i-th of three numbers; of a parameter its first value, and two that it may get. */
static double around(const CUse *use, int k, int i)
{
    static const double any[] = { 0.7, -1.3, 2.1 }, learned[] = { 0, -0.7, 0.6 };
    const CArg *x = use ? &use->arg[k] : NULL;
    return !x || isnan(x->at) ? any[(i + k) % 3] : x->at + x->within * learned[i % 3];
}

/* -10 … 10, and as far as twice the numbers that a model gives, a threshold for one. */
static double far(const CUse *use, int n)
{
    double most = 10;
    for (int k = 0; k < n && use; k++)
        if (!isnan(use->arg[k].at)) most = fmax(most, 2 * fabs(use->arg[k].at));
    return fmin(ceil(most), 100);
}

/* Does anything in it compare, at a place that can be named? */
static bool has_branches(const AuditFunc *f)
{
    for (uint32_t i = 1; i <= f->f->value.i; i++)
        if (f->place[i].len) return true;
    return false;
}

void fe_audit_jumps(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use)
{
    if (!has_branches(f)) return;
    Arena *scratch = arena_new();
    Search s = { .d = d, .a = scratch, .f = f, .t = fe_tape(scratch, p, f->f->value, true) };
    bool said = false;
    double end = far(use, f->f->n_param);
    for (int i = 0; i < 3 * f->f->n_param && !said; i++) {
        const CArg *of = use ? &use->arg[i / 3] : NULL;
        double x[EX_MAX_ARGS];
        if (is_fixed(use, i / 3)) continue;
        for (int k = 0; k < f->f->n_param; k++) x[k] = around(use, k, i);
        said = of && !isnan(of->at)
             ? jumps_along(&s, x, i / 3, of->at - of->within, of->within / 40, 80)
             : jumps_along(&s, x, i / 3, -end, 0.25, (int)(8 * end));
    }
    arena_free(scratch);
}
