/* frontend/cmd_quantize.h: `seqc emit --quantize int8 --calibrate DATA`, and `--store bf16|fp16`. */
#ifndef SEQC_CMD_QUANTIZE_H
#define SEQC_CMD_QUANTIZE_H
#include "frontend/cmd_emit.h"

/* Puts a quantized model in the place of e->start, with the values of its states, and prints what it
 * is beside the real one. An exit code. */
int emission_quantize(Emission *e, const struct PassCtx *ctx);
/* The same of --store bf16|fp16. */
int emission_store(Emission *e, const struct PassCtx *ctx);
#endif
