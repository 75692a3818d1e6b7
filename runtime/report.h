/* runtime/report.h: what a program's user sees while it works: the header, the live line, the epoch
 * lines. Numbers are made in text.c; files of a run in rundir.c. */
#ifndef SEQC_RT_REPORT_H
#define SEQC_RT_REPORT_H
#include "runtime/base.h"
#include "runtime/rt.h"
#include "runtime/text.h"

struct rt_prog;
struct rt_score;
struct rt_data;
struct rt_queue;
struct rt_set;

/* How to talk: decided once from the options, the streams and the environment. */
typedef struct rt_ui {
    bool quiet;                  /* results and errors only */
    bool live;                   /* a live line on stderr */
    bool color;                  /* on stdout */
    bool utf8;                   /* the terminal's locale says so */
    bool shown;                  /* a live line stands there now */
    double last;                 /* when it was drawn */
} rt_ui;

void rt_ui_open(rt_ui *ui, bool quiet, bool no_progress);
/* Erases the live line, so that a permanent one may follow. */
void rt_ui_clear(rt_ui *ui);

/* "fashion: error: …" and its notes, on stderr; the same for what the run survives. */
void rt_report_error(rt_ui *ui, const char *program, const rt_err *e);
void rt_report_warning(rt_ui *ui, const char *program, const rt_err *e);
/* "fashion: note: …" on stderr. */
void rt_report_note(rt_ui *ui, const char *program, const char *format, ...) RT_PRINTF(3, 4);

/* What the header says beyond the model; `data` null: no data line (`info`). */
typedef struct rt_settings {
    int64_t epochs, batch;
    double lr;
    bool shuffle;
} rt_settings;
/* Three lines, model, data, memory; of a model for CUDA a fourth, its steps. */
void rt_report_header(struct rt_prog *p, const struct rt_data *data, const rt_settings *s,
                      const struct rt_queue *steps);

/* The live line: `done` of `total` samples of epoch `epoch` of `epochs`, since `start` (rt_now).
 * Draws at most ten times a second. Epoch 0: a pass without training, named by `what`. */
typedef struct rt_progress {
    const char *what;
    int64_t epoch, epochs, done, total;
    double loss, start;
} rt_progress;
void rt_report_progress(rt_ui *ui, const rt_progress *progress);

/* The permanent line of an epoch. `val` null: no validation. */
typedef struct rt_epoch_line {
    int64_t epoch, epochs;
    const struct rt_score *train, *val;
    bool best;
    double seconds, rate, eta;   /* rate in samples a second; eta below 1: not said */
} rt_epoch_line;
void rt_report_epoch(struct rt_prog *p, const rt_epoch_line *epoch);
/* "loss 0.110312, acc 97.03%": a score on stdout after `label`; the line is not ended. */
void rt_report_score(struct rt_prog *p, const char *label, const struct rt_score *score);

/* Bytes that a set's samples take. */
int64_t rt_set_bytes(const struct rt_set *set);
/* "784-128-10": input and the outputs of layers with weights. */
char *rt_shape_chain(char text[RT_DIMS], const rt_model *m);

#endif
