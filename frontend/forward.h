/* frontend/forward.h: what the files that run a model share. Private to the room. */
#ifndef SEQC_FRONTEND_FORWARD_H
#define SEQC_FRONTEND_FORWARD_H
#include "frontend/lower.h"

/* A layer that runs: `param` are its parameters where they are tensors of forward, as in
 * F.linear(x, w); null: its own. */
typedef struct Run {
    Mod *m;
    const char *path;
    bool training;
    const Val *param;
    Val second;                  /* the other tensor of a layer that takes two */
} Run;
bool fe_takes_two(const Mod *m);

/* ---- trace.c ---- */

Val fe_run_layer(Trace *t, const Run *r, Val x);         /* none: reported */
void fe_add_step(Trace *t, Step s);
bool fe_fits(Trace *t, Span at, const Shape *s);         /* so large a tensor; false: reported */

/* An operation that runs: of a row of forward.def, or of an operator. */
typedef struct Forward {
    const struct FormInfo *form; /* its row; null: an operator */
    Interp *in;
    Trace *t;
    Graph *g;
    const Call *c;               /* c->v by the signature, where the row has one */
    Span at;
    Loc loc;
    const char *name;            /* "cat", "+" */
    Val x;                       /* the first argument where that is a tensor */
    Value *x_value;
} Forward;

/* ---- forward.c ---- */

/* A tensor of this run as a value. of: the tensor whose memory it shares, or null. */
Value *fe_traced(Trace *t, Val v, const Value *of, Span at);
/* The node of a tensor, parameter, constant or number; none: reported. */
Val fe_tensor_val(Trace *t, const Value *v, Span at);
Val fe_any_val(Trace *t, const Value *v, Span at);       /* the same, of masks, too */
/* An operation without a row that begins: an operator. */
Forward fe_operation(Interp *in, const Call *c, const char *name, Span at);
/* What an operation gives: where gradients are off, a constant to derivatives. */
Val fe_result(Trace *t, Val y, Loc loc);
/* What to write for x.max(dim), where v is that, instead of a tensor. */
void fe_help_extremes(Interp *in, const Value *v);
/* The tensor's memory holds y now. */
void fe_change(Trace *t, Value *v, Val y);

/* The result of an operation, noted in the chain of shapes; `shares`: memory with x. */
Value *fe_made(const Forward *f, Val y, bool shares);
Value *fe_misfit(const Forward *f, const char *what);    /* reported, with the chain of shapes */
Val fe_reshaped(const Forward *f, Val x, Shape s);
/* An axis of s from 0, whose `more` counts places behind the last; -1: reported. */
int fe_axis_of(const Forward *f, const Value *v, const Shape *s, int more);

Value *fe_product(const Forward *f, Val a, Val b);       /* a @ b */
/* a op b, + to **; second: the value that b is of. */
Value *fe_combine(const Forward *f, Oper op, Val a, Val b, const Value *second);
Value *fe_two_shapes(const Forward *f, Val a, Val b);    /* do not fit together: reported */
const char *fe_owner_path(const Forward *f);             /* of the module whose forward runs */

/* f of tensors, which are broadcast: none of them may be missing unless that is reported. */
Value *fe_mapped(const Forward *f, const char *e, const Val *in, int n);

/* ---- forward_masks.c: what comparisons give ---- */

bool fe_is_mask(const Value *v);
Value *fe_as_mask(Value *v);                             /* v, which is one now */
Val fe_mask_val(Trace *t, const Value *v, const char *who, Span at);     /* none: it is no mask, reported */
Value *fe_mask_binary(Interp *in, Oper op, const Value *a, const Value *b, Span at);   /* null: not by this one */
Value *fe_mask_not(Interp *in, const Value *a, Span at);

/* ---- own_ops.c ---- */

Value *fe_call_own(Trace *t, Mod *m, const char *path, const Call *c);

/* ---- forward_shape.c ---- */

Value *fe_shape_tuple(Interp *in, const Shape *s, Span at);    /* x.shape */
List fe_rest(const Call *c);                             /* arguments behind the tensor, one by one or as a list */
/* Of an axis that does not count samples; -1: reported. more: as of fe_axis_of. */
int fe_fixed_axis(const Forward *f, const Value *v, const Shape *s, int more);
Val fe_expanded(const Forward *f, Val x, Shape to);      /* broadcast to a shape that it fits */
Shape fe_with_axis(Shape s, int axis);                   /* of one place, before that axis */
Val fe_cut(const Forward *f, Val x, int axis, int64_t from, int64_t to);
Val fe_join(const Forward *f, Val *part, int n, int axis);     /* overwrites part */

typedef Value *FormRule(const Forward *f);
#define FORM(name, forms, signature, rule, ...) FormRule fe_form_##rule;
#include "frontend/forward.def"
#undef FORM
typedef struct FormInfo { const char *name; FormRule *rule; int layer; } FormInfo;
bool fe_takes_mask(FormRule *rule);                      /* as its first argument */
bool fe_moves(FormRule *rule);                           /* so that a mask stays one */
#endif
