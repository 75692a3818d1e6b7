/* runtime/train.h: one training run, shared by its loop (train.c), its ends (finish.c) and its
 * second beginnings (resume.c). */
#ifndef SEQC_RT_TRAIN_H
#define SEQC_RT_TRAIN_H
#include "runtime/rundir.h"

/* What could not be written, by what it is. */
typedef enum rt_place {
    RT_CHECKPOINTS, RT_NUMBERED, RT_LOGS, RT_CURVES, RT_N_PLACES
} rt_place;
typedef struct rt_unwritten { int64_t times; bool still; } rt_unwritten;

typedef struct rt_train {
    rt_prog *p;
    rt_settings set;
    int64_t patience, save_every, keep, overfit;   /* 0: not asked for */
    double min_delta, max_seconds, deadline;       /* deadline 0: none */
    rt_data data;
    rt_rundir run;
    rt_bound graph;
    rt_queue queue;
    rt_judge val, test;
    rt_keeper keeper;
    rt_goal goal;
    rt_point point;
    rt_look look;
    double squares;              /* of the training targets */
    int64_t *order;              /* [data.train.n] */
    rt_orders orders;
    char *resumed, *directory;   /* the checkpoint that this run goes on from, and where it lies */
    bool best_elsewhere;         /* best.safetensors is not the epoch that the point calls best */
    double saved, drawn;         /* when logs and checkpoints were written last, and the curves */
    rt_unwritten unwritten[RT_N_PLACES];
} rt_train;

/* ---- resume.c ---- */

/* Finds and loads the checkpoint that --resume names and takes over what shapes its run; settings
 * that contradict it are refused. Without --resume, or where `auto` finds none, it does nothing. */
bool rt_resume_open(rt_err *e, rt_train *t);
/* Do the data and the number of epochs fit it? */
bool rt_resume_check(rt_err *e, const rt_train *t);
/* Is best.safetensors the one that the checkpoint speaks of? Else best starts anew. */
bool rt_resume_best(rt_err *e, rt_train *t);
/* The command that goes on from last.safetensors, as a shell reads it. */
bool rt_resume_command(rt_err *e, const rt_train *t, rt_buf *to);

/* ---- finish.c ---- */

/* Notes a write of the run's files that failed: the first of its kind is said, training goes on.
 * False where it cannot. */
bool rt_train_survives(rt_err *e, rt_train *t, rt_place place, bool ok);
/* Writes what is still in memory alone; after a failure too, whose message stays. */
bool rt_train_flush(rt_err *e, rt_train *t);
/* Fails for a loss or a state that is no number. */
bool rt_train_numeric(rt_err *e, const rt_train *t, double loss);
/* The ends: by a signal or the clock, in the middle; and after the last epoch. */
bool rt_train_stopped(rt_err *e, rt_train *t);
bool rt_train_done(rt_err *e, rt_train *t, bool early);
/* --dry-run: one step, one batch of validation, and what a run would do. */
bool rt_train_dry(rt_err *e, rt_train *t);

/* train.c: the steps of an epoch, from where the point stands up to sample `end` or a reason to
 * stop. */
bool rt_train_pass(rt_err *e, rt_train *t, int64_t end, double start);

#endif
