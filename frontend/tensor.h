/* frontend/tensor.h: small tensors that a model file holds as constants. Private to the room.
 *
 * Elements are doubles in row-major order, already rounded to the element type. A tensor with more
 * than FE_MAX_TENSOR elements, or with an integer that a double cannot hold, is V_DATA instead. */
#ifndef SEQC_FRONTEND_TENSOR_H
#define SEQC_FRONTEND_TENSOR_H
#include "frontend/value.h"

/* In the order of promotion. */
typedef enum { EL_BOOL, EL_UINT8, EL_INT32, EL_INT64, EL_FLOAT32, EL_FLOAT64, EL_OTHER } ElemType;

enum { FE_TENSOR_RANK = 6, FE_MAX_TENSOR = 1000000 };

struct Tensor {
    ElemType type;
    bool numpy;                  /* an array: numpy's rules of promotion, scalars are numbers */
    bool shared;                 /* another tensor sees the same memory: not changed in place */
    int rank;
    int64_t dim[FE_TENSOR_RANK], n;
    double *x;
};

/* tensor.c. The results are V_TENSOR, V_DATA where the content is not kept, or V_BAD. */
Value *fe_tensor(Interp *in, ElemType type, bool numpy, int rank, const int64_t *dim, Span at);
bool fe_tensor_put(Tensor *t, int64_t i, double x);      /* false: the type cannot hold it */
Value *fe_tensor_from(Interp *in, Value *v, ElemType type, bool numpy, Span at);
Value *fe_tensor_binary(Interp *in, Oper op, Value *a, Value *b, Span at);
Value *fe_tensor_unary(Interp *in, Oper op, Value *a, Span at);
Value *fe_tensor_index(Interp *in, Value *of, const Expr *key, Span at);
bool fe_tensor_assign(Interp *in, Value *of, const Expr *key, Value *to, Span at);
Value *fe_tensor_row(Interp *in, Value *of, int64_t i, Span at);
Value *fe_tensor_attr(Interp *in, Value *v, const char *name, Span at, Span name_at);
Value *fe_tensor_list(Interp *in, const Tensor *t, Span at);
Value *fe_scalar(Interp *in, ElemType type, double x, Span at);
ElemType fe_elem_type(const char *name);                 /* of a V_DTYPE; EL_OTHER */
const char *fe_elem_name(ElemType type);                 /* "float32" */
Value *fe_shape_value(Interp *in, int rank, const int64_t *dim, Span at);
#endif
