/* tests/fuzz/test_safetensors.c: safetensors files, and what a program reads out of their
 * metadata. */
#define _DEFAULT_SOURCE
#include "runtime/point.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "safetensors"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/safetensors", ""}
enum { REPLAY_MUTANTS = 400 };

static void read_meta(const rt_tensors *list, const rt_model *m)
{
    rt_err e = {0};
    rt_prep prep = {0};
    rt_point point;
    if (!rt_point_from_meta(&e, list, "w.safetensors", m, &point))
        must_explain(&e);
    e = (rt_err){0};
    if (!rt_prep_from_meta(&e, list, "w.safetensors", m, &prep))
        must_explain(&e);
    rt_prep_free(&prep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_err e = {0};
    rt_tensors list;
    rt_buf file = buf_of(data, size);
    if (rt_safetensors_parse(&e, "w.safetensors", &file, &list)) {
        must_be_whole_list(&list);
        read_meta(&list, &fuzz_classes);
        read_meta(&list, &fuzz_regression);
    } else {
        must_explain(&e);
    }
    rt_tensors_free(&list);
    return 0;
}

#include "tests/fuzz/replay.h"
