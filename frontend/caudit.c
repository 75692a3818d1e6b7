/* frontend/caudit.c: compares the formula of a C function with the function that the C compiler makes.
 *
 * Both are asked for the same points: numbers where C and formulas could part (the zeros, smallest
 * and largest numbers, infinities, NaN, and the function's own constants with their neighbours), one
 * by one and in mixtures, and random ones, equal arguments among them. A float or double function has
 * to agree in every bit, but for a NaN's; one that mixes both to five digits.
 *
 * What slopes and jumps there are is asked of any arguments when the file is read, and of those that a
 * model gives whenever it names the function: few points are enough then. */
#include "frontend/caudit_priv.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPECIAL = 64, MIXTURES = 700, RANDOM = 500, EQUAL = 100, USED = 50 };

/* ---- points ---- */

static uint64_t next_random(uint64_t *state)     /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* Half of them in -4 … 4, half over many magnitudes. */
static double random_number(uint64_t *state)
{
    uint64_t r = next_random(state);
    double x = (double)(r >> 11) * 0x1p-53 * 8 - 4;
    return r & 1 ? x : ldexp(x, (int)(r >> 1 & 63) - 32);
}

typedef struct Specials { double x[MAX_SPECIAL]; int n; } Specials;

static void special(Specials *s, double x)
{
    for (int i = 0; i < s->n; i++)
        if (memcmp(&s->x[i], &x, sizeof x) == 0) return;
    if (s->n < MAX_SPECIAL) s->x[s->n++] = x;
}

/* A number and its neighbours. */
static void specials_at(Specials *s, double c, bool wide)
{
    special(s, c);
    special(s, wide ? nextafter(c, DBL_MAX) : (double)nextafterf((float)c, FLT_MAX));
    special(s, wide ? nextafter(c, -DBL_MAX) : (double)nextafterf((float)c, -FLT_MAX));
}

static void specials(const ExPool *p, const CFunc *f, const CUse *use, Specials *s)
{
    static const double fixed[] = {
        0, 0.5, 1, 2, 3, 0.1, 10, 88, 100, 1e-3, 1e4, 1e10, 1e-20, 1e20, 16777216,
    };
    bool wide = f->is_double;
    const double extreme[] = {
        wide ? DBL_TRUE_MIN : (double)FLT_TRUE_MIN, wide ? DBL_MIN : (double)FLT_MIN,
        wide ? DBL_MAX : (double)FLT_MAX, (double)INFINITY, (double)NAN,
    };
    *s = (Specials){ .n = 0 };
    for (int k = 0; k < f->n_param && use; k++)
        if (!isnan(use->arg[k].at)) specials_at(s, use->arg[k].at, wide);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        special(s, fixed[i]), special(s, -fixed[i]);
    for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++)
        special(s, extreme[i]), special(s, -extreme[i]);
    for (uint32_t i = 1; i <= f->value.i; i++) {
        const ExNode *x = ex_node(p, (Ex){ i });
        if (x->op == EX_NUM) specials_at(s, x->u.num, wide);
    }
}

/* y, or what the model gives the argument instead. */
static double given(const CArg *x, double y, uint64_t *state)
{
    if (isnan(x->at)) return y;
    uint64_t r = x->within > 0 ? next_random(state) : 0;
    return r & 1 ? x->at + x->within * ((double)(r >> 11) * 0x1p-53 * 2 - 1) : x->at;
}

void fe_audit_points(Arena *a, const ExPool *p, const CFunc *f, const CUse *use, Points *out)
{
    Specials s;
    int args = f->n_param, alone = MAX_SPECIAL * args;
    int mixtures = use ? USED : MIXTURES, equals = use ? USED : EQUAL, random = use ? USED : RANDOM;
    uint64_t state = 0x9e3779b97f4a7c15u;
    specials(p, f, use, &s);
    size_t most = (size_t)(alone + MIXTURES + RANDOM + EQUAL);
    out->x = arena_alloc(a, most * (size_t)args, sizeof *out->x);
    out->n = 0, out->args = args;
    int total = s.n * args + (args > 1 ? mixtures + equals : 0) + random;
    for (int i = 0; i < total; i++) {
        double *x = out->x + (size_t)out->n++ * (size_t)args;
        double shared = random_number(&state);
        for (int k = 0; k < args; k++) {
            uint64_t r = next_random(&state);
            double y = random_number(&state);
            bool mixture = args > 1 && i < s.n * args + mixtures;
            bool equal = args > 1 && i < s.n * args + mixtures + equals;
            if (i < s.n * args) x[k] = i % args == k ? s.x[i / args] : y;
            else if (mixture) x[k] = r & 3 ? s.x[r / 4 % (uint64_t)s.n] : y;
            else x[k] = equal && (r & 1) ? shared : y;
            if (use) x[k] = given(&use->arg[k], x[k], &state);
            if (!f->is_double) x[k] = (double)(float)x[k];
        }
    }
}

/* ---- words ---- */

/* The fewest digits that say which number of its type it is. */
static const char *number(Arena *a, double x, bool is_double)
{
    char text[40];
    if (!is_double) x = (double)(float)x;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double y = strtod(text, NULL);
        if (strchr(text, 'e') && fabs(x) >= 1e-4 && fabs(x) < 1e6) continue;      /* 20, not 2e+01 */
        if (isnan(x) || (is_double ? y == x : (float)y == (float)x)) break;
    }
    return isnan(x) ? "nan" : arena_str(a, text);
}

const char *fe_audit_number(Arena *a, const CFunc *f, double x) { return number(a, x, f->is_double); }

/* "x = 1, beta = inf" */
const char *fe_audit_point(Arena *a, const CFunc *f, const double *x)
{
    const char *text = "";
    for (int i = 0; i < f->n_param; i++)
        text = arena_printf(a, "%s%s%s = %s", text, i ? ", " : "", f->param[i],
                            number(a, x[i], f->is_double));
    return text;
}

/* ---- comparison ---- */

static bool agree(const AuditFunc *f, double c, double formula)
{
    if (isnan(c) || isnan(formula)) return isnan(c) && isnan(formula);
    if (c == formula) return f->zero_sign || f->mixed || signbit(c) == signbit(formula);
    if (f->zero_sign && isinf(c) && c == -formula) return true;      /* 1 / fmax(0, -0) */
    return f->mixed && fabs(c - formula) <= 1e-5 * fmax(fabs(c), fabs(formula)) + (double)FLT_MIN;
}

static void compare(FeDiags *d, Arena *a, const AuditFunc *f, const Points *p, Tape *t,
                    const double *compiled)
{
    for (int i = 0; i < p->n; i++) {
        const double *x = p->x + (size_t)i * (size_t)p->args;
        double formula = fe_tape_run(t, x), c = compiled[i];
        if (t->undefined || agree(f, c, formula)) continue;
        const char *name = f->f->name, *of_c = fe_audit_number(a, f->f, c);
        const char *of_formula = fe_audit_number(a, f->f, formula), *at = fe_audit_point(a, f->f, x);
        if (f->mixed) {
            fe_report(d, f->at, DG(c_rounds), name, of_c, of_formula, at);
            fe_help(d, "float literals and functions (0.1f, expf) make both the same");
        } else {
            fe_report(d, f->at, DG(c_differs), name, of_c, of_formula, at);
        }
        return;
    }
}

/* What wants formulas alone is done while the C compiler runs. */
void fe_audit(FeDiags *d, ExPool *p, AuditFunc *f, int n, Compiled *c)
{
    Arena *scratch = arena_new();
    Points *points = arena_alloc(scratch, (size_t)n + 1, sizeof *points);
    CRun *run = arena_alloc(scratch, (size_t)n + 1, sizeof *run);
    Tape **tape = arena_alloc(scratch, (size_t)n + 1, sizeof *tape);
    for (int i = 0; i < n; i++) {
        fe_audit_points(scratch, p, f[i].f, NULL, &points[i]);
        tape[i] = fe_tape(scratch, p, f[i].f->value, f[i].f->is_double);
        f[i].from = d->n_item;
        fe_audit_slopes(d, p, &f[i], NULL, &points[i], tape[i]);
        fe_audit_jumps(d, p, &f[i], NULL);
        f[i].to = d->n_item;
        double *out = arena_alloc(scratch, (size_t)points[i].n, sizeof *out);
        run[i] = (CRun){ f[i].f->name, f[i].f->is_double, f[i].f->n_param, points[i].n, points[i].x,
                         out };
    }
    const char *why = fe_compiled_run(c, run, n);
    if (why && n) fe_report(d, (Span){ 0 }, DG(c_alone), why);
    for (int i = 0; i < n && !why; i++)
        compare(d, scratch, &f[i], &points[i], tape[i], run[i].out);
    arena_free(scratch);
}

void fe_audit_used(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use)
{
    Arena *scratch = arena_new();
    Points points;
    fe_audit_points(scratch, p, f->f, use, &points);
    fe_audit_slopes(d, p, f, use, &points, fe_tape(scratch, p, f->f->value, f->f->is_double));
    fe_audit_jumps(d, p, f, use);
    arena_free(scratch);
}
