/* frontend/cmd_check.h: what the files of `seqc check` share. */
#ifndef SEQC_CMD_CHECK_H
#define SEQC_CMD_CHECK_H
#include "frontend/cmd.h"
#include "ir/trial.h"

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

/* Every gradient of a module that has some, by central differences at batch n. */
void check_gradients(Report *r, const Module *m, int64_t n, const Given *given);
#endif
