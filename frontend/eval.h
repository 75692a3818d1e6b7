/* frontend/eval.h: evaluation by kind of expression, split over eval.c and eval_call.c. */
#ifndef SEQC_FRONTEND_EVAL_H
#define SEQC_FRONTEND_EVAL_H
#include "frontend/value.h"

Value *fe_eval_name(Interp *in, const Expr *x);
Value *fe_eval_unary(Interp *in, const Expr *x);
Value *fe_eval_binary(Interp *in, const Expr *x);
Value *fe_eval_compare(Interp *in, const Expr *x);
Value *fe_eval_cond(Interp *in, const Expr *x);
Value *fe_eval_index(Interp *in, const Expr *x);
Value *fe_eval_call(Interp *in, const Expr *x);
Value *fe_symbol_binary(Interp *in, Oper o, const Value *a, const Value *b, Span at);
Value *fe_symbol_unary(Interp *in, Oper o, const Value *a, Span at);
/* 1, 0; -1 after an error. */
int fe_symbol_compare(Interp *in, Oper o, const Value *a, const Value *b, Span at);
Value *fe_percent(Interp *in, Value *format, Value *v, Span at);
bool fe_slice_bounds(Interp *in, const Expr *s, int64_t n, int64_t b[3]);
#endif
