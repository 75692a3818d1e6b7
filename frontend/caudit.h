/* frontend/caudit.h: whether a formula computes what its C function does, and whether it is fit to be
 * differentiated. Private to the room. */
#ifndef SEQC_FRONTEND_CAUDIT_H
#define SEQC_FRONTEND_CAUDIT_H
#include "frontend/cfuncs.h"

/* ---- caudit_run.c: what the C compiler makes of the file ---- */

typedef struct Compiled Compiled;
/* Begins to compile; null where no compiler can be started. cc may have words of its own. */
Compiled *fe_compiled_begin(Arena *a, const char *cc, const char *path);
/* A function and the points that it is asked for: in[n][n_param], out[n]. */
typedef struct CRun {
    const char *name;
    bool is_double;
    int n_param, n;
    const double *in;
    double *out;
} CRun;
/* Runs the compiled functions in a process of their own. Null, or why there is no result. Ends what
 * was begun; c may be null. */
const char *fe_compiled_run(Compiled *c, CRun *run, int n);

/* caudit_confine.c: from now on this process reads files and computes; false: that cannot be had here. */
bool fe_confine(void);

/* ---- caudit_eval.c: formulas, evaluated in float or double step by step, as C does ---- */

typedef double Binary(double a, double b);
typedef struct Step { uint32_t node; Binary *f; } Step;      /* f: of a function */
typedef struct Tape {
    const ExPool *pool;
    Step *step; int n;                   /* what the formula needs, in order */
    double *v; size_t n_v;               /* [handle]: of the last point; truths are 0 or 1 */
    double *error, *was;                 /* [handle]: of fe_tape_error; of fe_tape_mark */
    bool is_double;
    bool undefined;                      /* C leaves it undefined: an integer was too large */
} Tape;
Tape *fe_tape(Arena *a, const ExPool *p, Ex e, bool is_double);
double fe_tape_run(Tape *t, const double *arg);      /* the value of its last step */
/* How far rounding may have moved the last value of a tape of doubles: a bound to first order, NaN
 * where there is none. */
double fe_tape_error(Tape *t);

/* caudit_differ.c: derivatives by differences */

/* Remembers the last point; then: the first comparison that came out another way since, or 0, and
 * whether the last point lies on the same piece of the function: no comparison, sign, whole part or
 * quotient is another one, so that it is smooth in between but for roots and the like. */
void fe_tape_mark(Tape *t);
uint32_t fe_tape_flipped(const Tape *t);
bool fe_tape_same_piece(const Tape *t);

/* A slope and how far it may be off. */
typedef struct Estimate { double slope, error; } Estimate;
/* Of t, a tape of doubles, by argument k at x[n]; an error that is `enough` of the slope will do. False:
 * differences say nothing there. */
bool fe_difference(Tape *t, const double *x, int n, int k, double enough, Estimate *e);

/* ---- caudit_slope.c: first and second derivatives of a function, as `seqc check` asks for them ---- */

typedef Ex Derive(ExPool *p, Ex e, int arg);         /* ex_diff */
/* Derivatives of one order against differences of what they are derivatives of. share: of their
 * size, infinite where one is no number. */
typedef struct Slopes {
    double share, symbolic, differences; /* of the worst; by: its arguments, by[0] before by[1] */
    int by[2];
    double at[EX_MAX_ARGS];
    int64_t compared, left_out;          /* points and arguments; left out: kinks, jumps, rounding */
} Slopes;
#define SLOPES_BOUND 1e-6
/* Those of f: order[0] first, order[1] second. fixed: numbers that arguments keep, NaN: any; or null.
 * False: the second ones are too large, and none were compared. */
bool fe_slopes(ExPool *p, const CFunc *f, const double *fixed, Derive *derive, Slopes order[2]);
/* "x = 1, beta = inf" */
const char *fe_audit_point(Arena *a, const CFunc *f, const double *x);

/* ---- caudit.c ---- */

typedef struct AuditFunc {
    const CFunc *f;
    bool mixed, zero_sign;               /* as ctool.h has them */
    Span at;
    const Span *place;                   /* [handle] of its nodes; len 0: made for a function of C */
    int from, to;                        /* set by fe_audit: which reports are about derivatives */
} AuditFunc;
/* Warnings and errors about the functions of a file, whose compilation `c` has begun or is null. */
void fe_audit(FeDiags *d, ExPool *p, AuditFunc *f, int n, Compiled *c);
/* Slopes and jumps of a function as a model uses it. */
void fe_audit_used(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use);
#endif
