/* frontend/caudit_priv.h: what the files of the audit share; nobody else includes it. */
#ifndef SEQC_FRONTEND_CAUDIT_PRIV_H
#define SEQC_FRONTEND_CAUDIT_PRIV_H
#include "frontend/caudit.h"

/* x[n][args] */
typedef struct Points { double *x; int n, args; } Points;

/* use: or null, for arguments that may be any number. */
void fe_audit_points(Arena *a, const ExPool *p, const CFunc *f, const CUse *use, Points *out);
const char *fe_audit_number(Arena *a, const CFunc *f, double x);

/* Whether the model gives argument k one number. */
static inline bool is_fixed(const CUse *use, int k)
{
    return use && use->arg[k].at == use->arg[k].at && use->arg[k].within <= 0;
}

/* caudit_slope.c, caudit_jump.c. t: of f's value. use: or null. */
void fe_audit_slopes(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use, const Points *points,
                     Tape *t);
void fe_audit_jumps(FeDiags *d, ExPool *p, const AuditFunc *f, const CUse *use);
#endif
