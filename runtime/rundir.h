/* runtime/rundir.h: the files of a training run: config.json, metrics.csv, metrics.jsonl,
 * steps.csv, best.safetensors, last.safetensors, epoch-0003.safetensors, curves.svg. */
#ifndef SEQC_RT_RUNDIR_H
#define SEQC_RT_RUNDIR_H
#include "runtime/program.h"

/* A text file that grows: lines gather in memory and are written by rt_log_flush. Starts as {0};
 * one that was never opened swallows what is put into it. */
typedef struct rt_log { bool open; int file; char *path; rt_buf text; } rt_log;

bool rt_log_open(rt_err *e, rt_log *log, const char *directory, const char *name);
bool rt_log_flush(rt_err *e, rt_log *log);
void rt_log_close(rt_log *log);

/* What of an older file stays: its header (null: it has none), then lines up to the first whose
 * number after `before` is above `most`, that holds `never` (null: anything may stand there), or
 * that is not whole. */
typedef struct rt_log_cut {
    const char *header, *before;
    int64_t most;
    const char *never;
} rt_log_cut;
/* Opens a log to go on behind what stays of it, which comes back in `kept`. */
bool rt_log_continue(rt_err *e, rt_log *log, const char *directory, const char *name,
                     const rt_log_cut *cut, rt_buf *kept);

/* ---- runs.c ---- */

/* The highest number below `limit` that runs/ has; 0: none. */
bool rt_runs_below(rt_err *e, int64_t limit, int64_t *highest);
/* Removes temporary files of processes that are gone. */
void rt_runs_clean(const char *directory);
/* "DIR/epoch-0003.safetensors" */
char *rt_numbered_path(rt_err *e, const char *directory, int64_t epoch);
/* Of the numbered checkpoints up to `newest`, the `keep` newest stay. */
void rt_runs_prune(const char *directory, int64_t newest, int64_t keep);

/* ---- goal.c ---- */

/* What `best` goes by: a loss (metric -1) or one of model->metrics. */
typedef struct rt_goal { bool val, higher; int metric; char name[RT_MONITOR_TEXT]; } rt_goal;

/* `name` null: the validation loss, without a validation set the training loss. */
bool rt_goal_open(rt_err *e, rt_goal *goal, const rt_model *m, const char *name, bool has_val);
double rt_goal_value(const rt_goal *goal, const rt_score *train, const rt_score *val);
/* Enters an epoch's scores into the point; true if it is the best so far. Patience counts epochs
 * since the last that was better by more than min_delta. */
bool rt_goal_reached(const rt_goal *goal, rt_point *point, const rt_score *train,
                     const rt_score *val, double min_delta);

/* ---- rundir.c ---- */

/* An epoch: a row of metrics.csv and metrics.jsonl, and a point of the curves. */
typedef struct rt_epoch {
    int64_t epoch;
    rt_score train, val;         /* val counts where the run has a validation set */
    double lr, seconds, rate;
    bool best;
} rt_epoch;

typedef struct rt_rundir {
    char *path;                  /* "runs/3" */
    char *best, *last, *curves;  /* paths in it */
    rt_log csv, jsonl, steps;
    rt_epoch *epoch;             /* [n_epochs], room for `capacity` */
    int64_t n_epochs, capacity;
    int64_t n_written;           /* of these have their rows in the logs */
    bool has_val;
} rt_rundir;

/* Makes the directory (`out` null: runs/N, the next free number) and opens the logs; with a point
 * it goes on in `out`, as if nothing behind the point had been. */
bool rt_rundir_open(rt_err *e, rt_rundir *r, const rt_prog *p, const char *out, bool has_val,
                    bool log_steps, const rt_point *point);
/* config.json: everything that is needed to make this run again; without `renew` one that is there
 * stays. */
bool rt_rundir_config(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_data *d,
                      const rt_settings *s, bool renew);
bool rt_rundir_epoch(rt_err *e, rt_rundir *r, const rt_epoch *epoch);
/* Writes the rows of new epochs, and what else the logs hold. */
bool rt_rundir_flush(rt_err *e, rt_rundir *r, const rt_prog *p);
/* The test set's score as the last line of metrics.jsonl. */
bool rt_rundir_test(rt_err *e, rt_rundir *r, const rt_prog *p, int64_t epoch, const rt_score *test);
/* curves.svg so far; `best` is the epoch to mark, from 1. */
bool rt_rundir_curves(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_settings *s,
                      int64_t best);
void rt_rundir_close(rt_rundir *r);

#endif
