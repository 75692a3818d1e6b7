/* runtime/idx.h: IDX files, the format of MNIST and its relatives, plain or packed by gzip. */
#ifndef SEQC_RT_IDX_H
#define SEQC_RT_IDX_H
#include "runtime/files.h"

/* A tensor without a name. Elements of 8 bits stay bytes; 32-bit integers, float and double are
 * turned from big endian. *out is {0} after a failure. `parse` takes `file` over. */
bool rt_idx_read(rt_err *e, const char *path, rt_tensor *out);
bool rt_idx_parse(rt_err *e, const char *name, rt_buf *file, rt_tensor *out);

#endif
