/* frontend/own.h: functions in C as layers, losses and optimizers. Private to the room. */
#ifndef SEQC_FRONTEND_OWN_H
#define SEQC_FRONTEND_OWN_H
#include "frontend/cfuncs.h"
#include "frontend/forward.h"

/* Of a formula's text, and of its derivatives': far below what an expression may have, as passes
 * multiply them. */
enum { OWN_MAX_TEXT = EX_MAX_TEXT / 4 };

/* A formula of operands, and the op of ir/ops.def that computes the same; OP_map: none does. */
typedef struct OwnForm {
    ExPool *pool;
    Ex f;
    Op op;
    Attr attr[8]; int n_attr;
} OwnForm;

/* A layer made by c_op. Operands: the tensors of a call, then the layer's parameters. */
typedef struct OwnOp {
    const char *function;
    OwnForm form;
    const char *tensor[EX_MAX_ARGS]; int n_tensor;   /* names in the C function */
} OwnOp;

/* own_ops.c */
/* The function that c_op("ops.c", "swish", …) and its like name; null: reported. */
const CFunc *fe_own_function(Interp *in, const Call *c, const CFuncs **file);
const char *fe_own_signature(Arena *a, const CFunc *f);  /* "swish(x, beta)" */
/* The model differentiates f so: what is to be said about its derivatives, and FeOwn. */
void fe_own_used(Interp *in, const CFuncs *file, const CFunc *f, const CUse *use, Span at);
/* The parameter of the C function that an argument names; -1: reported. */
int fe_own_argument(Interp *in, const Call *c, const CFunc *f, const ArgVal *x);
/* A finite number; false: reported. */
bool fe_own_number(Interp *in, const Call *c, const ArgVal *x, const char *wants, double *number);
/* The formula of n operands: the C function's argument i is operand arg[i], or where that is none
 * the number value[i]. False: it is too long, reported. */
bool fe_own_form(Interp *in, Span at, const CFunc *f, ExPool *pool, const Ex *arg,
                 const double *value, int n, OwnForm *o);
/* own_known.c: the op that computes e of n operands, with its attributes in o; OP_map: none does. value: of
 * e's arguments, those behind the operands; NaN: not known. */
Op fe_own_known(Interp *in, const ExPool *pool, Ex e, int n, const double *value, OwnForm *o);
Val fe_own_node(Graph *g, Arena *a, const OwnForm *o, const Val *in, int n, Loc loc);
#endif
