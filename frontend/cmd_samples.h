/* frontend/cmd_samples.h: samples of a data set in memory, as a program of the model would see them. */
#ifndef SEQC_CMD_SAMPLES_H
#define SEQC_CMD_SAMPLES_H
#include "frontend/cmd.h"

typedef struct Samples {
    const char *name;                /* of the set, for people */
    int64_t n, all;                  /* samples, of so many that the set has */
    int64_t elems;                   /* of one */
    double *x;                       /* [n][elems] */
    int64_t *label;                  /* [n] class indices; null: there are none */
} Samples;

/* At most so many samples of a file or folder, evenly from all of it: a tensor file (NPY, IDX) or, of
 * a model without a loss, any file of inputs; else what `eval` of the model's program takes, with its
 * labels. What --weights says about normalisation is done to them. 0 or an exit code; x is the
 * caller's to free by rt_free, label by rt_free. */
int cmd_samples(const Cmd *c, const Module *m, const char *path, int64_t most, Samples *out);
#endif
