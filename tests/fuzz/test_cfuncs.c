/* tests/fuzz/test_cfuncs.c: functions in C as JSON: any bytes are refused with a reason, or are
 * functions that are written as bytes that read back the same. */
#define _DEFAULT_SOURCE
#include "frontend/cfuncs.h"
#include <string.h>

#define REPLAY_NAME "cfuncs"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/cfuncs", ""}
enum { REPLAY_MUTANTS = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    char err[CFUNCS_ERR];
    const CFuncs *c = fe_cfuncs_read(a, (const char *)data, size, err);
    if (c) {
        const char *json = fe_cfuncs_json(a, c);
        const CFuncs *back = fe_cfuncs_read(a, json, strlen(json), err);
        if (!back || strcmp(fe_cfuncs_json(a, back), json) != 0)
            ir_die(NULL, "'%s' does not read back: %s", json, err);
    } else if (!err[0])
        ir_die(NULL, "a mistake must have a reason");
    arena_free(a);
    return 0;
}

#include "tests/fuzz/replay.h"
