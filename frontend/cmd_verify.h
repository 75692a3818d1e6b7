/* frontend/cmd_verify.h: what the files of `seqc verify` share. Who includes it includes
 * codegen/codegen.h and runtime/files.h before. */
#ifndef SEQC_CMD_VERIFY_H
#define SEQC_CMD_VERIFY_H
#include "frontend/cmd_check.h"
#include "frontend/cmd_emit.h"

typedef struct Verify Verify;

/* An inference, or a training step. */
typedef struct Case {
    const Verify *v;
    bool trains;
    double *x, *target;              /* null: made up */
    Trial trial;                     /* its graph, n, and what it is given */
    EvalIn in;
    double **got;                    /* [n_root] of the graph: what the library gave */
} Case;

struct Verify {
    const Cmd *c;
    Cmd emit;                        /* the command line that made the library */
    const char *dir, *name;
    Emission e;
    const Module *reference;         /* the interpreter's graphs */
    LibraryStates states;
    State *seen;                     /* [states.n]: what each is in the reference; none for sums of gradients */
    rt_tensors inputs;               /* of --inputs */
    Case *cases;                     /* first the inferences */
    int n_case, n_inference;
    double **weight;                 /* [n_state] of the reference: those compiled in; null: not there */
    bool intact;                     /* they have the sum that they were emitted with */
    Report report;
};

/* ---- cmd_verify_run.c: the library at work ---- */

/* Are they there? It settles how its weights come to it. An exit code. */
int verify_files(Verify *v);
/* Compiles the library and the program around it, and takes v->weight from it. An exit code. */
int verify_compile(Verify *v);
/* Runs the cases. *wrong: null, or what a call did that it must not. An exit code. */
int verify_run(Verify *v, const char **wrong);
/* The same, compiled by the compiler's sanitizers. *text: what they say, or why they were left out;
 * *clean: they found nothing. An exit code. */
int verify_sanitize(Verify *v, bool *clean, const char **text);
/* A case's roots in the order of its graph, of what stands at `at` as the library wrote it, or as
 * doubles. Returns what follows. */
const char *verify_take(const Verify *v, const Case *k, bool doubles, const char *at, double ***root);

/* ---- cmd_verify_torch.c ---- */

/* What PyTorch makes of the cases in float64, by the model file of --pytorch. */
typedef struct Torch {
    const char *version;             /* null: it is not asked for, or not there */
    const char *why;                 /* not; or no steps, where there are some */
    double ***root;                  /* [n_case], as Case.got; null: a step that it did not take */
} Torch;
/* An exit code. */
int verify_torch(const Verify *v, Torch *t);
#endif
