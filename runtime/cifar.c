/* runtime/cifar.c: reading CIFAR's binary files (see cifar.h). */
#include "runtime/cifar.h"
#include "runtime/load.h"
#include <inttypes.h>
#include <string.h>

bool rt_cifar_parse(rt_err *e, const char *name, rt_cifar_kind kind, const rt_buf *file,
                    rt_buf *images, rt_buf *labels)
{
    int64_t head = kind == RT_CIFAR100 ? 2 : 1, record = head + RT_CIFAR_BYTES;
    int64_t classes = kind == RT_CIFAR100 ? 100 : 10, n = file->length / record;
    if (n == 0 || file->length % record) {
        rt_fail(e, RT_E_DATA, "%s: %" PRId64 " bytes are no whole records of %" PRId64
                " bytes, as CIFAR-%" PRId64 " has them", name, file->length, record, classes);
        return rt_help(e, "is it the binary version, and whole?");
    }
    if (!rt_buf_reserve(e, images, n * RT_CIFAR_BYTES) || !rt_buf_reserve(e, labels, n))
        return false;
    for (int64_t i = 0; i < n; i++) {
        const char *at = file->data + i * record;
        uint8_t label = (uint8_t)at[head - 1];
        if (label >= classes)
            return rt_fail(e, RT_E_DATA, "%s: the label of record %" PRId64 " (the first is 0) is "
                           "%d, but CIFAR-%" PRId64 " has %" PRId64 " classes", name, i, label,
                           classes, classes);
        rt_buf_add(e, labels, &label, 1);
        rt_buf_add(e, images, at + head, RT_CIFAR_BYTES);
    }
    return true;
}

bool rt_cifar_names(rt_err *e, const char *name, const rt_buf *file, char ***names,
                    int64_t *count)
{
    enum { MOST = 100 };
    *count = 0;
    *names = rt_alloc(e, MOST, (int64_t)sizeof **names, "class names");
    const char *at = file->data, *end = at + file->length;
    bool ok = *names != NULL;
    while (ok && at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((line ? line : end) - at);
        while (length > 0 && (at[length - 1] == '\r' || at[length - 1] == ' '))
            length--;
        if (length > 0 && (*count == MOST || memchr(at, 0, length)))
            ok = rt_fail(e, RT_E_DATA, "%s: is no list of up to %d class names", name, MOST);
        else if (length > 0)
            ok = ((*names)[*count] = rt_strndup(e, at, length)) && ++*count;
        at = line ? line + 1 : end;
    }
    if (!ok) {
        rt_strings_free(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return ok;
}
