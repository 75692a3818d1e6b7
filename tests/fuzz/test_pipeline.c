/* tests/fuzz/test_pipeline.c: a module that came from outside, as IR text (what begins with
 * "seqc") or as a model file, is printed in every form, goes through all passes, and becomes C. */
#define _DEFAULT_SOURCE
#include "tests/fuzz/pipeline.h"

#define REPLAY_NAME "pipeline"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/ir", ""}, {"tests/fuzz/corpus/model", ""}, \
    FOLDERS_OF_IR, {"tests/fixtures/models", ".py"}
enum { REPLAY_MUTANTS = 30 };

static Module *module_of(const uint8_t *data, size_t size)
{
    ParseErr err;
    if (size > 4 && !memcmp(data, "seqc", 4))
        return ir_parse((const char *)data, size, &err);
    FeDiags *d = fe_diags_new();
    Module *m = module_of_model(data, size, d);
    fe_diags_free(d);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Module *m = module_of(data, size);
    if (!m)
        return 0;
    must_round_trip(m);
    must_print(m);
    must_compile(m);
    ir_module_free(m);
    return 0;
}

#include "tests/fuzz/replay.h"
