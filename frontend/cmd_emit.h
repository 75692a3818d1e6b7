/* frontend/cmd_emit.h: what `seqc emit` and `seqc verify` share: a library, from its options to the
 * planned module. Who includes it includes codegen/codegen.h before: headers see no other room. */
#ifndef SEQC_CMD_EMIT_H
#define SEQC_CMD_EMIT_H
#include "frontend/cmd.h"

typedef struct Emission {
    const Cmd *c;
    Module *start, *m;               /* before the passes, of a library's graphs alone; planned */
    LibraryOpts opts;
    int arch[CMD_MAX_ARCHS];         /* of opts, of a GPU */
    const char *dir;
    const double *const *value;      /* of the states, where they are neither drawn nor of --weights */
    char *params;                    /* bytes of them */
    int64_t bytes;
    LibraryFile file;                /* that is being written */
} Emission;

/* Reads c's model, settles what its options say and runs the passes. An exit code; emission_free in
 * any case. */
int emission_plan(Emission *e, const Cmd *c);
void emission_free(Emission *e);
/* cmd_report.c: prints what the library takes, of one whose files are written. An exit code. */
int emission_report(const Emission *e);

/* NAME.contract.c beside the library in `dir`, and its certificate (cmd_certify.h). */
int certify_library(const Emission *e, const Cmd *c, const char *dir);

/* The passes over e->start, so that the library writes to no more than --ram-budget. */
int emission_fit(Emission *e, struct PassCtx *ctx);

/* Begins the line of NAME.ir that has the options of the library beside it. */
#define EMISSION_OPTIONS "# seqc emit "
#endif
