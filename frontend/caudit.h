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
    bool is_double;
    bool undefined;                      /* C leaves it undefined: an integer was too large */
} Tape;
Tape *fe_tape(Arena *a, const ExPool *p, Ex e, bool is_double);
double fe_tape_run(Tape *t, const double *arg);      /* the value of its last step */

/* ---- caudit.c ---- */

typedef struct AuditFunc {
    const CFunc *f;
    bool mixed, zero_sign;               /* as ctool.h has them */
    Span at;
    const Span *place;                   /* [handle] of its nodes; len 0: made for a function of C */
} AuditFunc;
/* Warnings and errors about the functions of a file, whose compilation `c` has begun or is null. */
void fe_audit(FeDiags *d, ExPool *p, const AuditFunc *f, int n, Compiled *c, Span call);
#endif
