/* frontend/cmd_check.h: what the files of `seqc check` share. */
#ifndef SEQC_CMD_CHECK_H
#define SEQC_CMD_CHECK_H
#include "frontend/cmd.h"
#include "ir/trial.h"

/* What values of float64 may be off by, as a share of their tensor's largest. */
#define CHECK_SAME 1e-11
/* And those that a module's generated code computes: in float32 the loosest of its algorithms decides
 * (ir/math.def). */
double check_bound(const Module *m);

/* The model's own values by name, where they are not made up: weights from a file, and for a loss
 * the outputs that the model gives. */
typedef struct Given {
    const struct rt_tensors *weights;                 /* null: none */
    const double *output;                             /* of n samples; null: none */
    Arena *arena;                                     /* of values */
} Given;

typedef struct Report {
    const Cmd *c;
    int compared, failed;
    const char *first;               /* the first comparison that failed; null: none */
} Report;

/* One line of the table: what was compared, the largest error, its bound, where it is. `share` is
 * relative, see ir_gap; false if it is over the bound. */
bool check_line(Report *r, const char *what, double share, double bound, const char *where);
/* The trial of a graph at batch n. */
Trial check_trial(const Graph *g, int64_t n, const Given *given, Arena *a);
/* "1.weight" or loss, and where its value comes from: " model.py:19". In the arena. */
const char *check_root_text(const Graph *g, const Root *r, Arena *a);

/* ---- values ---- */

/* All roots of all graphs at one batch. */
typedef struct Values { const Module *m; int64_t n; double ***root; } Values;
/* By the interpreter. known: of another module at the same batch, for graphs that are the same; or
 * null. */
Values check_values(const Module *m, int64_t n, const Given *given, const Values *known);
/* What the loss graphs are asked about: the model's own outputs. */
const double *check_outputs(const Module *m, int64_t n, const Given *given);

typedef struct Worst { Gap gap; const Graph *g; } Worst;
const char *check_worst_text(const Worst *w, double bound, Arena *a);

typedef struct Check {
    const Cmd *c;
    const struct PassCtx *ctx;
    CmdTarget target;
    int arch;                        /* of the device; 0: code is for a processor */
    const char *device;              /* what it is called; null likewise */
    Report report;
    Given given;
    struct CheckFunction *function;  /* of the model's own and built-in functions, see below */
    int64_t small, batch[2];
    int n_batch;
    Module *start, *derived, *done;  /* as read; after differentiate; after all passes */
    Values small_values;             /* of `done` at the small batch */
} Check;

/* Every gradient of a module that has some, by central differences at batch n. */
void check_gradients(Report *r, const Module *m, int64_t n, const Given *given);

/* ---- kinks: cmd_kinks.c ---- */

/* What was computed of a graph: `got` [n_root], as its roots stand. */
typedef struct Computed { const Graph *g; int64_t n; const EvalIn *in; double **got; } Computed;
/* Its roots as `want` has them, but with kinks where rounding has them: then what was computed is within
 * the bound. In the arena; null: no kinks explain it. */
double **check_kinks(const Computed *k, double *const *want, double bound, Arena *a);
/* In (-1, 1), of a generator that passes all tests (Steele, Lea, Flood: splitmix64, OOPSLA 2014). */
double check_drawn(uint64_t *state);

/* ---- derivatives of elementwise functions: cmd_slopes.c ---- */

/* FeOwn of a Check: compares the derivatives of a C function of the model and remembers how far off
 * they are. */
FeOwn check_own;
/* Adds lines for those, and for the built-in functions of its graphs. */
void check_functions(Check *k);

/* ---- the device that generated code for CUDA runs on: cmd_device.c ---- */

/* Its architecture and what it is called, asked for in a process of its own. An exit code. */
int check_device(const Cmd *c, int *arch, const char **text);
/* How emit_run runs graphs of an object for CUDA, in a process of its own, which ends with an exit
 * code and a message where the device fails. */
struct ReplayHow;
struct Replay;
struct ReplayHow check_device_open(const Cmd *c, const struct Replay *r);
void check_device_close(struct ReplayHow how);

/* ---- generated code ---- */

/* The pipeline with a pass that is left out, or one that does less. */
typedef struct Variant {
    const char *name, *without;      /* without: a pass; null: all run */
    bool no_fuse, no_reuse;
    Module *m;                       /* null: the text is past that pass */
    bool alike;                      /* the same text as that of all passes */
} Variant;

/* Writes the variants' sources and starts to compile them, as many at a time as there are
 * processors. An exit code. */
int check_code_start(const Check *k, const Variant *list, int n, const struct CompileOpts *o);
/* Waits for them, runs them, for CUDA on the device, and adds their lines. An exit code. */
int check_code_run(Check *k);
/* Waits for compilers that are still at work: what they write has to go with its folder. */
void check_code_end(void);
#endif
