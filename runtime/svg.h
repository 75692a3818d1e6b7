/* runtime/svg.h: the chart of a training run, curves.svg.
 *
 * One panel with the losses and, where there is a metric, a second one below it, over the same
 * epochs. Colours follow the reader's light or dark theme. */
#ifndef SEQC_RT_SVG_H
#define SEQC_RT_SVG_H
#include "runtime/base.h"

/* Arrays have n_epochs elements; what is not finite leaves a gap. Null: no such curve. */
typedef struct rt_chart {
    const char *title, *subtitle;        /* "fashion", "784-128-10, Adam(lr=0.001), batch 128" */
    int64_t n_epochs;
    const double *train_loss, *val_loss;
    const char *metric;                  /* "accuracy, %", "MAE"; null: no second panel */
    const double *train_metric, *val_metric;
    int64_t best;                        /* epoch that is marked, from 1; 0: none */
} rt_chart;

/* Appends the SVG text to `out`; the same chart gives the same bytes. */
bool rt_svg_curves(rt_err *e, const rt_chart *chart, rt_buf *out);

#endif
