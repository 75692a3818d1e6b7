/* frontend/cmd_quantize.h: `seqc emit --quantize int8 --calibrate DATA`. */
#ifndef SEQC_CMD_QUANTIZE_H
#define SEQC_CMD_QUANTIZE_H
#include "frontend/cmd_emit.h"

/* Puts a quantized model in the place of e->start, with the values of its states, and prints what it
 * is beside the real one. An exit code. */
int emission_quantize(Emission *e, const struct PassCtx *ctx);
#endif
