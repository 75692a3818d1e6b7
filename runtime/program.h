/* runtime/program.h: what the parts of a program's face share: the open program, its states, its
 * graphs ready to run. Verbs are in train.c, verbs.c, info.c and bench.c. */
#ifndef SEQC_RT_PROGRAM_H
#define SEQC_RT_PROGRAM_H
#include "runtime/ahead.h"
#include "runtime/base.h"
#include "runtime/cli.h"
#include "runtime/data.h"
#include "runtime/device.h"
#include "runtime/point.h"
#include "runtime/pool.h"
#include "runtime/queue.h"
#include "runtime/random.h"
#include "runtime/report.h"
#include "runtime/rt.h"
#include "runtime/states.h"

/* One run of the program. Everything it points to is its own, but model and argv. */
typedef struct rt_prog {
    const rt_model *const *models;   /* as rt_main's */
    const rt_model *model;       /* the one that is taken */
    char blas[RT_BLAS_NAME];     /* "OpenBLAS SkylakeX"; empty where nothing calls it */
    const char *name;            /* of the program, for messages */
    int argc;
    char **argv;
    rt_cli cli;
    rt_ui ui;
    rt_device *device;           /* of a model for CUDA; null: graphs run here */
    rt_pool *pool;
    rt_studio *studios;          /* of its threads */
    rt_ahead *ahead;             /* of images in files; null: there are none yet, or one thread */
    int64_t seed;
    rt_random random;            /* the generator that PyTorch's default one is */
    char *state;                 /* the state block */
    int64_t changes;             /* of its contents, since it was opened */
    char *arena;                 /* of the largest graph that was bound; the device's, if any */
    int64_t arena_bytes;
    char *workers;
    int64_t workers_bytes;
    void *scalars;
    double *lr;                  /* of the groups, in the next step; zeros before training */
    double epoch_steps;          /* steps of an epoch */
    rt_prep prep;                /* of the weights that were loaded; {0}: none */
    bool has_weights;            /* weights were loaded, with or without a prep */
} rt_prog;

/* ---- states.c ---- */

/* Allocates the state block and draws the initial weights; optimizer's slots get no memory where the
 * verb has no use for them. */
bool rt_states_open(rt_err *e, rt_prog *p);
/* Bytes of all states of a role, padding included. */
int64_t rt_role_bytes(const rt_model *m, rt_role role);
int64_t rt_param_count(const rt_model *m);     /* trained and frozen ones */
int64_t rt_trained_count(const rt_model *m);

/* ---- checkpoint.c ---- */

/* All states of a block, in PyTorch's order, with the point and the prep, atomically. */
bool rt_states_save(rt_err *e, const rt_prog *p, const char *block, const char *path,
                    const rt_point *point, const rt_prep *prep);
/* The model's tensors and the preparation of inputs; optimizer's slots are left alone. A file of
 * another model is refused before anything is touched, and the message lists the differences. */
bool rt_states_load(rt_err *e, rt_prog *p, const char *path);

/* What the model file loads, over the draws. */
bool rt_states_initial(rt_err *e, rt_prog *p);

/* A checkpoint whole: optimizer's slots too, and the point it was saved at. Nothing is touched
 * before all of its header is found good: after that only the disk can fail (RT_E_IO). */
bool rt_states_resume(rt_err *e, rt_prog *p, const char *path, rt_point *point);

/* ---- finite.c ---- */

/* The first state of a block that holds a NaN or an infinity, or null; `count` (may be null): of how
 * many. */
const rt_state *rt_states_nonfinite(const rt_model *m, const char *block, int *count);
/* A look at the next part of the parameters, cheap enough for every step. Starts as {0}. */
typedef struct rt_look { int state; int64_t from_bytes; } rt_look;
const rt_state *rt_states_look(const rt_prog *p, rt_look *look);
/* The row of the layer table that owns "features.3.weight" or "0.bias#momentum", or null. */
const rt_layer *rt_layer_of(const rt_model *m, const char *key);

/* ---- keeper.c ---- */

/* A copy of the state block with the point it was made at; where the states are on a device, one
 * there. */
typedef struct rt_kept {
    char *copy, *there;
    rt_point point;
    bool pending, on_device;     /* pending: newer than the file; on_device: `there` is what pends */
    int64_t written;             /* the file's epoch; 0: there is none */
} rt_kept;
/* The two checkpoints that are renewed often. Starts with paths and prep, the caller's. */
typedef struct rt_keeper {
    const char *best_path, *last_path;
    const rt_prep *prep;
    rt_kept best, last;
} rt_keeper;
/* Saves the states as `last`, and as `best` where they are that: on the disk where that is due,
 * else as copies. What a failure leaves unwritten stays pending. */
bool rt_keep(rt_err *e, rt_keeper *k, rt_prog *p, const rt_point *point, bool best, bool due);
/* Writes what is pending. */
bool rt_keeper_flush(rt_err *e, rt_keeper *k, rt_prog *p);
void rt_keeper_close(rt_keeper *k, rt_prog *p);

/* ---- exec.c ---- */

/* The states that the last run left, in p->state: a device's are copied there. Whoever looks at them
 * after a run asks for it first. */
bool rt_states_fetch(rt_err *e, rt_prog *p);

/* Like rt_alloc_raw. Large blocks come in large pages, where the system has them: fewer table walks
 * in kernels, and what reads ahead does not stop at each page's end. */
char *rt_alloc_pages(rt_err *e, int64_t bytes, const char *what);

/* A graph, and what it keeps from one run to the next. */
typedef struct rt_ready {
    const rt_graph *graph;       /* null: there is none */
    char *kept;                  /* graph->kept_bytes; the device's, if any */
    int64_t kept_of;             /* prog->changes when that was filled; -1: not yet */
    rt_replay replay[RT_REPLAYS];    /* of the device */
    int next_replay;             /* which is replaced next */
} rt_ready;

/* A graph with room for its results. Those of equal name in several graphs are separate. */
typedef struct rt_bound {
    rt_prog *prog;
    const rt_graph *graph;
    rt_ready many, one;          /* it, and another that serves where n is 1, or each sample */
    void **mask;                 /* [graph->n_masks], likewise; null: there are none */
    const void **in;             /* then: [graph->n_inputs] of the next run */
    void **result;               /* [graph->n_results], room for `capacity` samples each */
    char **placed;               /* on the device: inputs, then results; likewise */
    int loss, counted, metric[RT_MAX_METRICS];   /* which of them these are; -1: none */
} rt_bound;

const rt_graph *rt_find_graph(const rt_model *m, const char *name);     /* or null */
bool rt_derives(const rt_graph *g);     /* are its results derivatives? */
bool rt_bind(rt_err *e, rt_bound *b, rt_prog *p, const rt_graph *graph);
void rt_unbind(rt_bound *b);
/* The memory that all graphs share; none may be bound. */
void rt_arena_free(rt_prog *p);
/* `in` by the graph's inputs that are no masks; step counts from 1. Fails where a device does. */
bool rt_run(rt_err *e, rt_bound *b, int64_t n, const void *const *in, uint64_t step);
/* The result of this name, or null. */
const void *rt_result(const rt_bound *b, const char *name);
/* Elements of a value for a batch of n. */
int64_t rt_value_elems(const rt_value *v, int64_t n);
int64_t rt_sample_elems(const int64_t *shape, int rank);

/* ---- masks.c ---- */

bool rt_is_mask(const rt_graph *g, int input);
bool rt_masks_open(rt_err *e, rt_bound *b);
void rt_masks_close(rt_bound *b);
void rt_masks_fill(rt_bound *b, int64_t n);
/* Draws the graph's masks for a batch of n, as PyTorch's dropout draws them; most graphs have none. */
static inline void rt_masks_draw(rt_bound *b, int64_t n)
{
    if (b->mask)
        rt_masks_fill(b, n);
}
/* Throws away what that draws. */
void rt_masks_skip(const rt_bound *b, int64_t n);
/* All inputs of the graph, out of `given`, those that are no masks. */
const void *const *rt_masks_place(rt_bound *b, const void *const *given);

/* ---- rates.c ---- */

int rt_group_count(const rt_model *m);
/* The groups' learning rates in the step after `point`; `lr` is where the first group's starts. */
void rt_rates_set(rt_prog *p, double lr, const rt_point *point);
/* Judges the loss of the epoch that `point` has just ended, where the model says what follows. */
void rt_plateau_step(const rt_model *m, rt_point *point);

/* ---- metrics.c ---- */

int rt_metric_count(const rt_model *m);
/* The first element of result i as a number. */
double rt_result_real(const rt_bound *b, int i);
/* The loss among the results of a step, by the graph's results; 0 where it has none. */
double rt_loss_of(const rt_bound *b, const double *result);
/* Adds the loss and what else graph `b` returned for a batch of n; a metric that it does not return
 * becomes NaN. */
void rt_tally_add(rt_tally *t, const rt_bound *b, const double *result, int64_t n);
/* `squares` is rt_data_target_squares of the set, or 0 where no metric is R². */
rt_score rt_tally_score(const rt_tally *t, const rt_model *m, int64_t y_elems, double squares);
double rt_set_squares(const rt_model *m, const rt_set *set);
const char *rt_metric_result(rt_metric metric); /* "correct", in graphs */
const char *rt_metric_key(rt_metric metric);   /* "accuracy", for files */
const char *rt_metric_name(rt_metric metric);  /* "acc", for lines */
/* The value alone: "96.3%" or "0.1234"; `exact`: "96.31%" "0.123412". Returns `text`. */
char *rt_metric_text(char text[RT_TEXT], rt_metric metric, double value, bool exact);

/* "train" or "train_prob": the graph of this name that serves the set's targets. */
const rt_graph *rt_graph_for(rt_err *e, const rt_model *m, const char *name, const rt_set *set);

/* What it takes to score a set without training on it. An empty set scores nothing. */
typedef struct rt_judge {
    rt_bound graph;
    rt_queue queue;
    const rt_set *set;
    int64_t batch;
    double squares;
} rt_judge;
/* In two parts: a device has its graphs first, then the sets that still fit. */
bool rt_judge_bind(rt_err *e, rt_judge *j, rt_prog *p, const rt_set *set, int64_t batch);
bool rt_judge_open(rt_err *e, rt_judge *j);
void rt_judge_close(rt_judge *j);
/* One pass in order, `batch` samples at a time; stops early, with a score of what it saw, after a
 * signal. `what` names the pass in the live line. */
bool rt_judge_run(rt_err *e, rt_judge *j, const char *what, rt_score *score);

/* ---- signals (program.c) ---- */

/* The first signal that was caught: SIGINT, SIGTERM, or 0. A second one ends the process. Training
 * alone catches them, once it has something to save. */
int rt_signal(void);
void rt_signals_catch(void);
void rt_signals_restore(void);

/* ---- verbs: return the exit code's failure through `e` ---- */

bool rt_verb_train(rt_err *e, rt_prog *p);
bool rt_verb_eval(rt_err *e, rt_prog *p);
bool rt_verb_predict(rt_err *e, rt_prog *p);
bool rt_verb_grad(rt_err *e, rt_prog *p);
bool rt_verb_info(rt_err *e, rt_prog *p);
bool rt_verb_bench(rt_err *e, rt_prog *p);

/* Opens the weights that --weights names; an error where `required` and none are named. */
bool rt_open_weights(rt_err *e, rt_prog *p, bool required);
int64_t rt_batch_size(const rt_prog *p);
/* Where --data says that the data are, else the model file; an error where neither does. */
bool rt_data_path(rt_err *e, const rt_prog *p, const char **path);
/* "AVX-512, AVX2", or as command lines say it "x86-64-v4, x86-64-v3"; returns `text`. */
char *rt_isa_list(char text[RT_DIMS], const rt_model *const *models, bool march);

/* ---- peak.c: what all threads of the pool reach together ---- */

/* GFLOP/s of `real` with multiply-adds; 0: no probe for this machine. */
double rt_peak_gflops(rt_pool *pool, rt_dtype real);
/* GB/s, read and written, of copying what no cache holds; 0: no memory for that. */
double rt_memory_gbytes(rt_pool *pool);
/* The median seconds from handing a task to each thread until all are done, none being left out. */
double rt_fork_join_seconds(rt_pool *pool);

#endif
