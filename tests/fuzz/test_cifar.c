/* tests/fuzz/test_cifar.c: CIFAR's binary files, and the lists of their class names. The first byte
 * says which. */
#define _DEFAULT_SOURCE
#include "runtime/cifar.h"
#include "runtime/load.h"
#include "tests/fuzz/files.h"

#define REPLAY_NAME "cifar"
#define REPLAY_FOLDERS {"tests/fuzz/corpus/cifar", ""}
enum { REPLAY_MUTANTS = 100 };

static void records(rt_cifar_kind kind, const rt_buf *file)
{
    rt_err e = {0};
    rt_buf images = {0}, labels = {0};
    if (rt_cifar_parse(&e, "x.bin", kind, file, &images, &labels)) {
        must(labels.length > 0 && images.length == labels.length * RT_CIFAR_BYTES, "records");
        for (int64_t i = 0; i < labels.length; i++)
            must((uint8_t)labels.data[i] < (kind == RT_CIFAR10 ? 10 : 100), "a label");
    } else {
        must_explain(&e);
    }
    rt_buf_free(&images);
    rt_buf_free(&labels);
}

static void names(const rt_buf *file)
{
    rt_err e = {0};
    char **name;
    int64_t n;
    if (rt_cifar_names(&e, "x.txt", file, &name, &n))
        for (int64_t i = 0; i < n; i++)
            must(name[i][0] && !strchr(name[i], '\n'), "a name");
    else
        must_explain(&e);
    rt_strings_free(name, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rt_buf file = buf_of(data + (size > 0), size - (size > 0));
    int which = size ? data[0] % 3 : 0;
    if (which < 2)
        records(which ? RT_CIFAR100 : RT_CIFAR10, &file);
    else
        names(&file);
    rt_buf_free(&file);
    return 0;
}

#include "tests/fuzz/replay.h"
