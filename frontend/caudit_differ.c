/* frontend/caudit_differ.c: derivatives of formulas by differences in float64, with what they are worth.
 *
 * Central differences over three widths are extrapolated twice (Richardson). How far the result may
 * be off is the difference of the last two extrapolations and the rounding of the values, which a
 * running error analysis of the formula gives. A formula with branches has pieces, which are told
 * apart by what its nodes come to: differences are taken on one piece or not at all. */
#include "frontend/caudit.h"
#include <math.h>
#include <string.h>

void fe_tape_mark(Tape *t) { memcpy(t->was, t->v, t->n_v * sizeof *t->was); }

bool fe_is_comparison(ExOp op) { return op >= EX_LT && op <= EX_NE; }

uint32_t fe_tape_flipped(const Tape *t)
{
    for (int i = 0; i < t->n; i++) {
        uint32_t n = t->step[i].node;
        if (fe_is_comparison(ex_node(t->pool, (Ex){ n })->op) && t->v[n] != t->was[n]) return n;
    }
    return 0;
}

static int sign_of(double x) { return (x > 0) - (x < 0); }

/* Which piece of its own a node with these values is on. */
static double piece(const ExNode *x, uint32_t node, const double *v)
{
    double a = v[x->in[0].i], b = v[x->in[1].i];
    if (fe_is_comparison(x->op)) return v[node];
    switch (x->op) {
    case EX_floor: case EX_ceil: case EX_trunc: case EX_round: case EX_sign: case EX_TO_INT:
        return v[node];
    case EX_abs: return sign_of(a);
    case EX_max: case EX_min: return sign_of(a - b);
    case EX_fmod: return rint((a - v[node]) / b);
    case EX_copysign: return 2 * sign_of(a) + (signbit(b) != 0);
    case EX_atan2: return b < 0 ? 1 + (signbit(a) != 0) : 0;         /* the cut */
    default: return 0;
    }
}

bool fe_tape_same_piece(const Tape *t)
{
    for (int i = 0; i < t->n; i++) {
        uint32_t n = t->step[i].node;
        const ExNode *x = ex_node(t->pool, (Ex){ n });
        if (x->op >= EX_LT && !(piece(x, n, t->v) == piece(x, n, t->was))) return false;
    }
    return true;
}

/* ---- differences ---- */

enum { WIDTHS = 3 };

/* Values at x + by and x - by: their slope, and what they bend. False: not on the piece of x. */
typedef struct Pair { double slope, bend, rounding; } Pair;

static bool pair(Tape *t, const double *x, int n, int k, double here, double by, Pair *p)
{
    double y[EX_MAX_ARGS], v[2], error = 0;
    memcpy(y, x, (size_t)n * sizeof *y);
    for (int i = 0; i < 2; i++) {
        y[k] = i ? x[k] - by : x[k] + by;
        v[i] = fe_tape_run(t, y);
        if (!isfinite(v[i]) || !fe_tape_same_piece(t)) return false;
        error += fe_tape_error(t);
    }
    double wide = (x[k] + by) - (x[k] - by);
    *p = (Pair){ (v[0] - v[1]) / wide, fabs(v[0] - 2 * here + v[1]) / by, error / wide };
    return true;
}

/* False: another piece is near, or slopes on both sides do not approach each other, as at a kink. */
static bool extrapolated(Tape *t, const double *x, int n, int k, double here, double by, Estimate *e)
{
    Pair p[WIDTHS];
    for (int i = 0; i < WIDTHS; i++, by /= 2)
        if (!pair(t, x, n, k, here, by, &p[i])) return false;
    double wide = (4 * p[1].slope - p[0].slope) / 3, narrow = (4 * p[2].slope - p[1].slope) / 3;
    double rounding = 2 * p[2].rounding;
    *e = (Estimate){ (16 * narrow - wide) / 15, fabs(narrow - wide) + rounding };
    return p[2].bend <= 0.5 * p[0].bend + 4 * rounding;
}

/* A second, smaller width has to say the same: the first may be periods of a wave. */
bool fe_difference(Tape *t, const double *x, int n, int k, double enough, Estimate *e)
{
    static const double widths[] = { 0x1p-6, 0x1p-9, 0x1p-12, 0x1p-15, 0x1p-19 };
    double here = fe_tape_run(t, x);
    bool known = false, confirmed = false;
    if (!isfinite(here)) return false;
    fe_tape_mark(t);
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        Estimate next;
        if (!extrapolated(t, x, n, k, here, widths[i] * fmax(1, fabs(x[k])), &next)) continue;
        bool tells = next.error <= 1e-3 * fabs(next.slope) + 1e-9;
        bool same = known && fabs(next.slope - e->slope) <= 4 * (next.error + e->error);
        confirmed = tells ? same : confirmed;
        if (!known || (tells && !same) || next.error < e->error) *e = next;
        known = true;
        if (confirmed && e->error <= enough * fabs(e->slope)) break;
    }
    return confirmed && isfinite(e->slope) && isfinite(e->error);
}
