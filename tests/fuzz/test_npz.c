/* tests/fuzz/test_npz.c: NPZ archives. */
#define _DEFAULT_SOURCE
#include "tests/fuzz/files.h"

#define REPLAY_NAME "npz"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/npz", ""}
enum { REPLAY_MUTANTS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_tensors list;
    rt_buf file = buf_of(data, size);
    if (rt_npz_parse(&e, "x.npz", &file, &list))
        must_be_whole_list(&list);
    else
        must_explain(&e);
    rt_tensors_free(&list);
    return 0;
}

#include "tests/fuzz/replay.h"
