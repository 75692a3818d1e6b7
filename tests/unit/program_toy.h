/* tests/unit/program_toy.h: two models written by hand as generated programs are. */
#ifndef SEQC_PROGRAM_TOY_H
#define SEQC_PROGRAM_TOY_H
#include "runtime/rt.h"

/* Linear(4, 3) with CrossEntropyLoss on indices and SGD with momentum 0.9; "0.weight" lies in
 * panels of two rows. At most 8 samples at once; accuracy. */
extern const rt_model toy_classes;
/* Predicts alone, a batch as its samples; what it says is larger by 1000 than toy_classes'. */
extern const rt_model toy_samples;
/* Linear(2, 1) with MSELoss and SGD; MAE and R². At most 16 samples at once. */
extern const rt_model toy_line;

/* toy_classes, but that things happen at a training step or, in `eval`, at a call, both counted
 * from 1; 0: never. */
typedef struct toy_events {
    int signal_step, signal_eval;    /* SIGTERM is raised */
    int signals;                     /* so often */
    int spoil_step;                  /* a NaN appears in the state of this index */
    int spoil_state;
} toy_events;
extern toy_events toy_event;
extern const rt_model toy_eventful;

#endif
