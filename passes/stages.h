/* passes/stages.h: the passes themselves, declared from the table. Private to the room. */
#ifndef SEQC_STAGES_H
#define SEQC_STAGES_H
#include "passes/passes.h"

#define PASS(name, needs, gives, doc) \
    Module *pass_##name(const Module *in, const PassCtx *ctx);
#include "passes/passes.def"
#undef PASS
#endif
