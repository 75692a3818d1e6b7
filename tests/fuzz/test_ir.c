/* tests/fuzz/test_ir.c: IR text: any bytes are refused with a place and a reason, or are a
 * verified module that prints as text that reads back the same. What becomes of such a module is
 * test_pipeline.c's. */
#define _DEFAULT_SOURCE
#include "tests/fuzz/pipeline.h"

#define REPLAY_NAME "ir"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/ir", ""}, FOLDERS_OF_IR
enum { REPLAY_MUTANTS = 120 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ParseErr err = {.line = -1};
    Module *m = ir_parse((const char *)data, size, &err);
    if (!m) {
        if (err.line < 1 || err.col < 1 || !err.text[0])
            ir_die(NULL, "a mistake must have a place and a reason");
        return 0;
    }
    char why[IR_ERR];
    if (!ir_verify(m, why))
        ir_die(m, "the parser took it: %s", why);
    must_round_trip(m);
    ir_module_free(m);
    return 0;
}

#include "tests/fuzz/replay.h"
