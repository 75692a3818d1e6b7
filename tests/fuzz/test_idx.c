/* tests/fuzz/test_idx.c: IDX files, plain and packed by gzip. */
#define _DEFAULT_SOURCE
#include "runtime/idx.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "idx"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/idx", ""}
enum { REPLAY_MUTANTS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_tensor t;
    rt_buf file = buf_of(data, size);
    if (rt_idx_parse(&e, "x-idx3-ubyte", &file, &t))
        must_be_whole(&t);
    else
        must_explain(&e);
    rt_tensor_free(&t);
    return 0;
}

#include "tests/fuzz/replay.h"
