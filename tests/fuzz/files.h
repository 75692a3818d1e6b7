/* tests/fuzz/files.h: what the harnesses of the runtime's files share: bytes as a buffer or as
 * a file in memory, a small model, and a look at what a reader accepted. */
#ifndef SEQC_FUZZ_FILES_H
#define SEQC_FUZZ_FILES_H
#include "runtime/data.h"
#include "runtime/files.h"
#include <stdlib.h>
#include <string.h>

/* Memory checkers see a byte too many only in a buffer that has none. */
static inline rt_buf buf_of(const uint8_t *data, size_t size)
{
    rt_buf b = {0};
    if (!rt_buf_add(NULL, &b, data, (int64_t)size))
        exit(RT_E_MEMORY);
    return b;
}

static inline void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* A refusal has its reason; no input of a few bytes may ask for memory that is not there. */
static inline void must_explain(const rt_err *e)
{
    must(e->code != RT_E_OK && e->code != RT_E_MEMORY && e->message[0], "a refusal has a reason");
}

/* Shape and size agree, and every byte is there. */
static inline void must_be_whole(const rt_tensor *t)
{
    int64_t elems;
    unsigned sum = 0;
    must(t->rank >= 0 && t->rank <= RT_FILE_RANK, "a tensor's rank");
    must(rt_elems(t->shape, t->rank, &elems) && elems == t->elems, "a tensor's elements");
    must(t->bytes == elems * rt_dtype_bytes(t->dtype), "a tensor's bytes");
    must(t->bytes == 0 || (uintptr_t)t->data % (uintptr_t)rt_dtype_bytes(t->dtype) == 0,
         "a tensor's alignment");
    for (int64_t i = 0; i < t->bytes; i++)
        sum += ((const unsigned char *)t->data)[i];
    must(sum < UINT32_MAX || t->bytes > 0, "bytes that can be read");
}

static inline void must_be_whole_list(const rt_tensors *list)
{
    for (int64_t i = 0; i < list->count; i++) {
        must_be_whole(&list->item[i]);
        must(rt_tensors_find(list, list->item[i].name) == &list->item[i], "a tensor's name");
    }
}

/* Three classes of four numbers, or numbers for a regression. */
static const rt_graph fuzz_graphs[] = {{.name = "train"}, {.name = "train_prob"}};
static const rt_metric fuzz_metrics[] = {RT_ACCURACY};
static const rt_model fuzz_classes = {
    .real = RT_F32, .input_rank = 1, .input = {4}, .output_rank = 1, .output = {3},
    .target_kind = RT_TARGET_CLASS, .n_classes = 3, .graphs = fuzz_graphs, .n_graphs = 2,
    .metrics = fuzz_metrics, .n_metrics = 1};
static const rt_model fuzz_regression = {
    .real = RT_F64, .input_rank = 1, .input = {2}, .output_rank = 1, .output = {1},
    .target_rank = 1, .target = {1}, .target_kind = RT_TARGET_REAL};

#endif
