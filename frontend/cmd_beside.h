/* frontend/cmd_beside.h: a library of another model than the file's, beside that: what `--quantize` and
 * `--store` share. */
#ifndef SEQC_CMD_BESIDE_H
#define SEQC_CMD_BESIDE_H
#include "frontend/cmd_emit.h"

/* A model at tidy, infer alone, and the values of its states. */
typedef struct Variety { Module *m; const double *const *value; } Variety;

/* What the options of both want of the model; `option` is the one that is given. 0 or an exit code. */
int beside_check(const Emission *e, const char *option);
/* The file's model from e->start, which keeps infer alone. */
Module *beside_tidy(Emission *e, const struct PassCtx *ctx);
/* The states' values of a planned module of it. 0 or an exit code. */
int beside_values(const Cmd *c, const Module *planned, const double ***value);
const char *beside_layer(const Cmd *c, const Module *m, const char *name);

/* How far something is from what it should be: sums of squares. */
typedef struct Noise { double signal, noise; } Noise;
void beside_noise(Noise *to, const double *real, const double *other, int64_t n);
double beside_decibels(Noise n);

/* Prints how large and how fast the library is beside that of the file's model, and, if `outputs`, how
 * far its outputs are from that one's on numbers made up. 0 or an exit code. */
int beside_print(const Emission *e, const struct PassCtx *ctx, Variety real, Variety other, bool outputs);
#endif
