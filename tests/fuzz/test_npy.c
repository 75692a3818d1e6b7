/* tests/fuzz/test_npy.c: NPY files. */
#define _DEFAULT_SOURCE
#include "tests/fuzz/files.h"

#define REPLAY_NAME "npy"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/npy", ""}
enum { REPLAY_MUTANTS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_tensor t;
    rt_buf file = buf_of(data, size);
    if (rt_npy_parse(&e, "x.npy", &file, &t))
        must_be_whole(&t);
    else
        must_explain(&e);
    rt_tensor_free(&t);
    return 0;
}

#include "tests/fuzz/replay.h"
