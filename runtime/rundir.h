/* runtime/rundir.h: the files of a training run: config.json, metrics.csv, metrics.jsonl,
 * steps.csv, best.safetensors, last.safetensors, curves.svg. */
#ifndef SEQC_RT_RUNDIR_H
#define SEQC_RT_RUNDIR_H
#include "runtime/program.h"

/* A text file that grows: lines gather in memory and are written by rt_log_flush. Starts as {0};
 * one that was never opened swallows what is put into it. */
typedef struct rt_log { bool open; int file; char *path; rt_buf text; } rt_log;

bool rt_log_open(rt_err *e, rt_log *log, const char *directory, const char *name);
bool rt_log_flush(rt_err *e, rt_log *log);
void rt_log_close(rt_log *log);

/* What is kept of one epoch for curves.svg. */
typedef struct rt_epoch { rt_score train, val; } rt_epoch;

typedef struct rt_rundir {
    char *path;                  /* "runs/3" */
    char *best, *last, *curves;  /* paths in it */
    rt_log csv, jsonl, steps;
    rt_epoch *epoch;             /* [n_epochs], room for `capacity` */
    int64_t n_epochs, capacity;
    bool has_val;
} rt_rundir;

/* Makes the directory (`out` null: runs/N, the next free number) and opens the logs. */
bool rt_rundir_open(rt_err *e, rt_rundir *r, const rt_prog *p, const char *out, bool has_val,
                    bool log_steps);
/* config.json: everything that is needed to make this run again. */
bool rt_rundir_config(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_data *d,
                      const rt_settings *s);
/* A row for metrics.csv and metrics.jsonl, flushed, and a point for the curves. */
typedef struct rt_epoch_row {
    int64_t epoch;
    const rt_score *train, *val; /* val null: none */
    double lr, seconds, rate;
    bool best;
} rt_epoch_row;
bool rt_rundir_epoch(rt_err *e, rt_rundir *r, const rt_prog *p, const rt_epoch_row *row);
/* The test set's score as the last line of metrics.jsonl. */
bool rt_rundir_test(rt_err *e, rt_rundir *r, const rt_prog *p, int64_t epoch, const rt_score *test);
/* curves.svg so far; `best` is the epoch to mark, from 1. */
bool rt_rundir_curves(rt_err *e, const rt_rundir *r, const rt_prog *p, const rt_settings *s,
                      int64_t best);
void rt_rundir_close(rt_rundir *r);

#endif
