/* runtime/cifar.h: the binary files of CIFAR-10 and CIFAR-100.
 *
 * A record is one byte of label (CIFAR-100: of its coarse class, then of its class) and 3072 bytes
 * of a 3x32x32 image. Source: A. Krizhevsky's page on the data sets, "Binary version". */
#ifndef SEQC_RT_CIFAR_H
#define SEQC_RT_CIFAR_H
#include "runtime/files.h"

enum { RT_CIFAR_BYTES = 3 * 32 * 32 };
typedef enum rt_cifar_kind { RT_CIFAR10, RT_CIFAR100 } rt_cifar_kind;

/* The records of one file, appended to images [n][3072] and labels [n]; `name` is for messages.
 * What they held stays after a failure. */
bool rt_cifar_parse(rt_err *e, const char *name, rt_cifar_kind kind, const rt_buf *file,
                    rt_buf *images, rt_buf *labels);
/* Names of classes, one a line, into *names [*count], which are the caller's to free. */
bool rt_cifar_names(rt_err *e, const char *name, const rt_buf *file, char ***names,
                    int64_t *count);

#endif
