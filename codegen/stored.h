/* codegen/stored.h: elements as memory holds them. */
#ifndef SEQC_CODEGEN_STORED_H
#define SEQC_CODEGEN_STORED_H
#include "ir/ir.h"

void stored_put(DType d, void *p, int64_t i, double x);
double stored_get(DType d, const void *p, int64_t i);
/* Where element i of a tensor, in row-major order, lies by its axes (ir_stored_axes). */
int64_t stored_at(const Type *t, const StoredAxis axis[IR_MAX_RANK], int64_t i);

#endif
