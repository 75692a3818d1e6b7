/* ir/priv.h: what the files of the room share and nobody else sees. */
#ifndef SEQC_IR_PRIV_H
#define SEQC_IR_PRIV_H
#include "ir/ir.h"

enum {
    IR_TYPE_TEXT = 192,              /* bytes that any type's text fits in */
    IR_MAX_WIDTH = 4096,             /* of a layout */
    IR_MAX_GRAPHS = 64,
    IR_MAX_FILES = 1000,
    IR_ALIGN_BYTES = 64              /* of every buffer and state */
};
/* Elements and samples that a type may have: the stored bytes of any type stay below 2^62. */
#define IR_MAX_ELEMS (INT64_C(1) << 46)
#define IR_MAX_CAPACITY INT64_C(0x7fffffff)

/* type.c */
const char *ir_type_text(const Type *t, char buf[IR_TYPE_TEXT]);
const char *ir_shape_text(const Shape *s, char buf[IR_TYPE_TEXT]);
/* A type that may stand in a module of that capacity; false and why. */
bool ir_type_sound(const Type *t, int64_t capacity, char err[IR_ERR]);
int64_t ir_round_bytes(int64_t bytes);                   /* up to IR_ALIGN_BYTES */

/* module.c */
const char *ir_intern_n(Module *m, const char *s, size_t n);
uint32_t ir_hash(const char *s, size_t n);               /* FNV-1a */

/* ops.c */
Op ir_op_named(const char *name, size_t len);            /* OP_NONE if unknown */
int ir_attr_named(const char *name, size_t len);         /* -1 if unknown */
DType ir_dtype_named(const char *name, size_t len);      /* DT_NONE if unknown */
extern const char *const ir_role_name[4], *const ir_draw_name[DRAW_COUNT], *const ir_target_name[4],
    *const ir_metric_name[3], *const ir_plateau_name[PLATEAU_COUNT];
typedef struct { const char *name; int axis; const char *doc; } LayoutInfo;
extern const LayoutInfo ir_layout[LAYOUT_COUNT];
/* The attributes that an op may carry: those of its row, and what `layout` chooses. */
uint64_t ir_attrs_allowed(Op op);
/* Of a few candidates, what the writer most likely meant; null if nothing is near. */
typedef struct Near { const char *text; size_t len; const char *best; int distance; } Near;
Near ir_near(const char *text, size_t len);
void ir_near_try(Near *n, const char *candidate);

/* shape.c */
typedef struct ShapeIn {
    const Graph *g;
    Op op;
    const Type *in[32];
    int n_in;
    const Attr *attr; int n_attr;
    const Type *given;               /* null: derive */
} ShapeIn;
/* The type of the result. False and what is wrong, without the op's name. */
bool ir_shape_derive(const ShapeIn *s, Type *out, char err[IR_ERR]);
bool ir_type_is_given(Op op);        /* the text or the caller says it */

/* build.c */
bool ir_attrs_check(Op op, const Attr *attr, int n_attr, char err[IR_ERR]);
bool ir_expr_check(const char *f, int n_in, Arena *a, const char **canonical, char err[IR_ERR]);

/* look_kernel.c */
/* Facts about all values of a graph with kernels. */
typedef struct Stored {
    Val *base;                       /* [n_node]: through views */
    int *by;                         /* [n_node]: the kernel that stores it; -1: none */
    int *last;                       /* [n_node]: the last kernel that reads it from outside; -1 */
    bool *rooted;                    /* [n_node]: a root reads it, through views */
    int *first_of;                   /* [n_node + 1]: where its kernels start in member_of */
    int *member_of;                  /* kernels of each node, ascending */
} Stored;
Stored ir_stored(const Graph *g, Arena *a);
bool ir_is_member(const Stored *s, Val v, int kernel);
int64_t ir_kernel_bytes_of(const Graph *g, int k, const Stored *s);

/* text.c */
/* A string that grows in an arena. */
typedef struct Str { Arena *arena; char *s; size_t n, cap; } Str;
void ir_str_add(Str *t, const char *s, size_t n);
void ir_str_fmt(Str *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ir_str_pad(Str *t, size_t count); /* blanks */
void ir_str_quoted(Str *t, const char *s); /* in quotes, with escapes */
void ir_str_name(Str *t, const char *s); /* bare where it can be, else quoted */
const char *ir_count_text(double x, const char *unit, char buf[32]);   /* 51.4 MFLOP */
bool ir_prints_graph(const char *name, const char *const *graphs);
int *ir_numbers(const Graph *g, Arena *a); /* [n_node]: printed numbers; -1: a state */
void ir_str_val(Str *t, const Graph *g, const int *number, Val v);
void ir_str_attr(Str *t, const Attr *x);

/* verify.c */
int ir_verify_where(const Module *m,
                    char err[IR_ERR]); /* -1: holds; 0: not; i + 1: graph i does not */
bool ir_root_check(const Graph *g, const Root *r, char err[IR_ERR]);
/* The settings that the group leaves out, with their defaults, in the rule's order. */
bool ir_group_complete(OptGroup *g, Arena *a, char err[IR_ERR]);
bool ir_group_check(const Module *m, const OptGroup *g, char err[IR_ERR]);
bool ir_scalar_check(const ScalarDef *d, char err[IR_ERR]);
/* Is it an expression of the three numbers that schedules and scalars read? */
bool ir_schedule_check(const char *what, const char *f, char err[IR_ERR]);

/* verify_kernels.c, verify_plan.c, verify_replay.c */
bool ir_verify_kernels(const Graph *g, char err[IR_ERR]);
bool ir_verify_plan(const Graph *g, char err[IR_ERR]);   /* places and lives of buffers */
/* Two independent proofs that no live values share a byte; places and lives must be verified. */
bool ir_verify_sweep(const Graph *g, char err[IR_ERR]);
bool ir_verify_replay(const Graph *g, char err[IR_ERR]);
bool ir_verify_states(const Module *m, char err[IR_ERR]);
/* %7, a state's key or scratch 3, for messages. */
const char *ir_buffer_text(const Graph *g, int buffer, char buf[64]);

/* transforms.c */
bool ir_transform_check(const Transform *t, char err[IR_ERR]);
bool ir_transforms_check(const Program *p, char err[IR_ERR]);   /* their order, too */
void ir_print_transform(Str *s, const Transform *t);

/* Writes a message and is false: `return ir_fail(err, …)`. */
bool ir_fail(char err[IR_ERR], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
