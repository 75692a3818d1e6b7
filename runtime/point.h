/* runtime/point.h: where a training run stands: all that a resumed run needs beside the states and
 * the preparation of inputs. It travels in a checkpoint's metadata, as strings "seqc.…". */
#ifndef SEQC_RT_POINT_H
#define SEQC_RT_POINT_H
#include "runtime/files.h"
#include "runtime/random.h"
#include "runtime/rt.h"

enum { RT_MAX_METRICS = 8, RT_MONITOR_TEXT = 32 };

/* Loss and metrics of a pass over a set. `value` by model->metrics: a share for RT_ACCURACY. */
typedef struct rt_score { double loss; double value[RT_MAX_METRICS]; } rt_score;

/* Sums while the pass runs. Starts as {0}. */
typedef struct rt_tally { double loss, sum[RT_MAX_METRICS]; int64_t n; } rt_tally;

typedef struct rt_point {
    int64_t epoch, step;         /* done so far */
    int64_t at;                  /* samples of the next epoch that are done */
    rt_tally tally;              /* of these */
    rt_random random;            /* as it was when that epoch began: the shuffle is drawn again */
    double loss;                 /* of the last whole epoch, validation's where there is one; NaN */
    int64_t best_epoch;          /* 0: none yet */
    double best;                 /* the monitored value then */
    rt_score best_score;
    double anchor;               /* the value from which patience counts */
    int64_t wait;                /* epochs since then */
    double plateau;              /* the loss that learning rates wait to see beaten (rates.c) */
    int64_t bad, cooldown, cuts; /* epochs without that; epochs that do not count; cuts so far */
    /* What shapes the run and may not change on the way, but for the learning rate. */
    int64_t seed, batch, rows, val_rows, shuffle;
    double lr;
    char monitor[RT_MONITOR_TEXT];
} rt_point;

bool rt_point_to_meta(rt_err *e, const rt_point *point, const rt_model *m, rt_tensors *list);
/* Everything is checked; a file that holds weights alone is told apart from a damaged one. */
bool rt_point_from_meta(rt_err *e, const rt_tensors *list, const char *path, const rt_model *m,
                        rt_point *point);

#endif
