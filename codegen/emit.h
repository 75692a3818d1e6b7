/* codegen/emit.h: what the emitters of the room share. Nobody else includes it.
 *
 * One kernel is emitted as a C function of its memory (its parameters) and, where it sums scalars,
 * a second one that adds up what the tasks found. The function's text mentions no graph, offset or
 * value number, so that kernels of equal text are one function. A graph is then one small wrapper a
 * kernel, which knows where the memory lies, and a list of calls. */
#ifndef SEQC_EMIT_H
#define SEQC_EMIT_H
#include "codegen/codegen.h"
#include "codegen/dialect.h"
#include "codegen/out.h"
#include "codegen/sizes.h"
#include "ir/tasks.h"

/* k, or k times n once or more. role: what k is called where it is a kernel's parameter; null: a size. */
typedef struct { int64_t k; int n; const char *role; } Extent;

/* One loop variable of an iteration space, outermost first; `var` is a C expression. Where a layout
 * has blocks of 32 and loops walk them one by one, `block * 32 + part` needs no division. */
typedef struct { Extent size; const char *var; } NestDim;
enum { NEST_MAX = 2 * IR_MAX_RANK };
typedef struct { int rank; NestDim dim[NEST_MAX]; } Nest;

/* A parameter: one piece of memory. A value that is updated in place is one parameter. */
typedef struct Slot {
    Place place;
    Type type;                        /* of the first value seen in it */
    bool read, written, null;         /* null: there is none, which the kernel looks for */
    const char *base, *name;          /* weight, weight_2 */
    const char *note;                 /* what common memory of tasks holds */
} Slot;

/* A function: parameters with comments; body with its braces. No name: there is none. A kernel of
 * blocks has so many threads in each and so much memory that they share. */
typedef struct Stage {
    const char *name, *params, *body;
    int threads;
    int64_t shared_bytes;
    Sizes sizes;                      /* parameters after memory */
    bool there;                       /* another kernel's stage has this name and text */
} Stage;

/* A finished kernel, perhaps shared: what comes before all tasks, the tasks, what follows them. */
typedef struct KernelFn {
    Stage prepare, main, finish;
    const char *head;                 /* the comment above it */
    const char *users;                /* ", also in eval, infer" */
    const Graph *first;               /* graph that uses it */
    bool inlined;                     /* into graphs that are one function, or one block's */
    bool resized;                     /* used for other sizes than its own, too */
    bool seldom;                      /* no graph that is run often uses it */
    bool prepares;                    /* a library calls what comes before its tasks */
} KernelFn;

enum { MAX_SLOTS = 160 };
enum { BLOCK_ROOM_BYTES = 16 };       /* of what a warp leaves for the others: a number, a place */

typedef struct Emit {
    const Module *m;
    const EmitOpts *o;
    const Dialect *l;
    Arena *a;
    bool reached[SNIP_COUNT];
    KernelFn **fn; int n_fn;
    bool marks;                       /* numbers from shapes are marked (sizes.h) */
    const char **micro; int n_micro;  /* texts of register tiles, of structs of shared memory */
    struct Twin *twin; int n_twin;    /* kernels that may share one (twin.h); null: not looked for yet */
} Emit;

/* A kernel being emitted. */
typedef struct Kern {
    Emit *e;
    const Graph *g;
    int index;
    const Kernel *k;
    Val root;
    Tasks tasks;                      /* at capacity */
    Extent rows, cols;                /* of tasks, by n */
    Out *out, *prepare, *finish;      /* what comes before all tasks, and follows them, or null */
    int64_t prepare_tasks;
    int64_t finish_tasks;             /* tasks of its own; 0: it runs once */
    Slot slot[MAX_SLOTS]; int n_slot;
    bool *member;                     /* [n_node] */
    const char **name;                /* [n_node]: C name of a value where we are; null: not yet */
    ExPool *pool;
    struct { const char *word; int n; } local[64]; int n_local;    /* names in use */
    DType real;                       /* of literals and functions: the module's, or double */
    Nest row_nest;                    /* of per-row values in a row kernel; rank 0: none */
    const char *(*row_value)(void *ctx, const Node *x,
                             const Nest *nest); /* elements of ROW members */
    void *row_ctx;
    const char *note;                 /* how it is cut, for the head comment */
    int threads, lanes;               /* of a block, of a row in it; of C none */
    int64_t shared_bytes;             /* of the struct that it declares as `shared` */
    const struct Twin *twin;          /* what other kernels leave out of it; null: nothing */
} Kern;

/* ---- index.c ---- */

Extent extent(int64_t k, int n);
Extent extent_named(Extent x, const char *role);
Extent extent_mul(Extent a, Extent b);
Extent extent_of(const Shape *s, int first, int end);   /* product of dimensions */
bool extent_eq(Extent a, Extent b);
/* Rows and columns of a product as loops over the node's result. */
Nest product_nest(const Product *p, NestDim row, NestDim col);
const char *extent_text(Emit *e, Extent x);
/* A number that may be a parameter of that name, as sizes are (sizes.h), whatever it is. */
const char *size_text(Emit *e, int64_t x, const char *role);
/* The type of a place among so many elements: int where that is enough, as dividing is cheaper then. */
const char *extent_type(const Emit *e, Extent x);
const char *text_mul(Emit *e, const char *index, Extent by);
const char *text_add(Emit *e, const char *a, const char *b);
const char *text_shift(Emit *e, const char *s, int64_t by);         /* "s + 2", "s - 2" */
/* Where in a tensor of type t the element lies that an elementwise reader of shape `consumer` needs
 * at the place of `nest`, whose elements are the consumer's in row-major order. */
const char *index_text(Emit *e, const Type *t, const Shape *consumer, const Nest *nest);
/* The longest row of `consumer` along which a tensor of type t is contiguous or constant. */
Extent index_run(const Type *t, const Shape *consumer);
/* Shortens *run to what all operands of member v, and its stores, allow. */
void index_shorten(const struct Kern *k, Val v, Extent *run);
/* As a double, where the module's numbers are no doubles: what sums take in. */
const char *text_double(Emit *e, const char *s);
/* With parentheses unless it needs none as an operand of anything. */
const char *text_atom(Emit *e, const char *s);
const char *extent_atom(Emit *e, Extent x);
bool text_simple(const char *s);                         /* a name or a number */

/* ---- expr.c ---- */

/* Writes locals for what is shared and returns the rest as one C expression of type d. */
const char *expr_emit(Kern *k, Out *o, Ex e, const char *const *args, DType d);
const char *real_type(const Kern *k);
const char *literal(Kern *k, double x);

/* ---- kernel.c ---- */

const char *text(Emit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *fn_name(Emit *e, DType d, ExOp op);          /* and reaches its snippet */
void reach(Emit *e, Snippet s);
/* A new local name: a word gets a number from its second use on, a letter from its first. */
const char *local_name(Kern *k, const char *word);
/* The parameter that holds v outside, made on first use. */
const char *slot_read(Kern *k, Val v);
const char *slot_write(Kern *k, Place p, const Type *t);
/* The same by that name, before anybody has asked for it; one that no memory is for. */
const char *slot_named(Kern *k, Val v, const char *name);
const char *slot_null(Kern *k, const Type *t, const char *name, bool write);
/* The tasks' common memory: partial sums, or what the note says. */
const char *slot_parts(Kern *k, DType dtype);
const char *slot_shared(Kern *k, DType dtype, const char *name, const char *note);
/* The names that values have now, to go back to. */
const char **names_save(Kern *k);
void names_restore(Kern *k, const char **saved);
/* Emits (or shares) kernel i of g. */
typedef struct KernelUse {
    KernelFn *fn;
    const Slot *slot; int n_slot;
    Tasks tasks;
    Extent rows, cols;
    int64_t prepare_tasks, finish_tasks;
    Sizes sizes[3];                   /* of its stages, in their order */
} KernelUse;
KernelUse kernel_emit(Emit *e, const Graph *g, int i);
void kernel_add(Emit *e, KernelFn *f);                   /* to those of the file */
void kernel_used(Emit *e, KernelFn *f, const Graph *g);  /* by that graph, too */
bool same_place(Place a, Place b);
void sizes_mark(Kern *k, bool on);
/* kernel_head.c: the comment above it without its end; its name after "k5_". */
const char *kernel_head(Kern *k, const char *id);
const char *kernel_base(Kern *k, bool sized);            /* sized: for whatever sizes it is launched with */
const char *node_line(Emit *e, const Graph *g,
                      Val v); /* %5 = relu %4 : f32[n,128]   fashion.py:10 */
const char *type_text(Emit *e, const Type *t);           /* [n][784] */

/* ---- team.c ---- */

/* begin and end: the task's part of so many elements, results or rows, of `tile` each. */
void task_range(Kern *k, int64_t tile, Extent all);
/* Opens a loop over elements of the task that are independent of each other; type: of their places. */
void each_open(Kern *k, Out *o, const char *type, const char *var, const char *from, const char *end);
/* Writes where element `flat` of a shape is on its axes, which get these names ("0" where there is
 * one) and that type. */
Nest places_of(Kern *k, const Shape *s, const char *type, const char *flat, const char *const *name);
/* The loop over the task's rows, from begin to end; one along a row. */
void row_open(Kern *k, Out *o, const char *var);
void along_open(Kern *k, Out *o, const char *var, const char *end);
/* Of blocks: one along all parts of a row. type: that of var, int or int64_t. */
void flat_open(Kern *k, Out *o, const char *type, const char *var, const char *end);
/* Before a loop that adds to these sums: their order is free, in float. */
void free_order(Kern *k, Out *o, const char *sums);

/* Names the lanes that walk a row together: the block's threads, a warp's, or 1. In C they are one
 * thread, and the functions here and below write no more than what it does. */
void team_rows(Kern *k, Out *o, int lanes);
/* name = what the lanes' `found` are together: their sum, the largest, or of "&best, place" the
 * first place of the largest. */
typedef enum { JOIN_sum, JOIN_max, JOIN_first } Join;
void team_join(Kern *k, Out *o, Join what, DType d, const char *name, const char *found);
/* Before what all lanes have read is replaced. */
void team_wait(Kern *k, Out *o);
/* Text for stores of what is one for a row, to be written by team_store. */
Out *team_stores(Kern *k, Out *o);
void team_store(Kern *k, Out *o, const Out *stores);
/* Stores the task's total0, total1 … among the partial sums. */
void team_parts(Kern *k, Out *o, int slots);

/* ---- epilogue.c ---- */

/* The value of v at the place of nest, computed from loads, members and what has a name already. */
const char *value_emit(Kern *k, Out *o, Val v, const Nest *nest);
/* An element of a constant, as its own type: a number, or of a table that it writes. */
const char *const_emit(Kern *k, Out *o, Val v, const Shape *consumer, const Nest *nest);
/* The values and stores of all members with as many elements as `nest` that live in memory. */
void members_emit(Kern *k, Out *o, const Nest *nest);
/* row0, rows, col0, cols: where a product's task has its tile. */
void tile_place(Kern *k);
/* The epilogue of a product on a task's tile of sums, [rows][width], from row0 and col0 on. */
void tile_epilogue(Kern *k, const char *tile, int64_t width);
/* States of the root's type that maps read, each once, and their bytes: what streams through a
 * gradient's epilogue. */
int streams_of(Kern *k, Val out[MAX_SLOTS], int64_t *bytes);
/* Tensors in memory of the type of `like` that maps read, and members of it that are stored. */
int epilogue_streams(const Kern *k, Val like, Val out[MAX_SLOTS]);
/* The places where this kernel stores v. */
int stores_of(const Kern *k, Val v, Place out[4]);
/* loss.c: the one member with that op, where a kernel has a loss, its hits and perhaps its gradient, and no
 * more; none: 0. Whether a kernel, a loss for steps of training, is launched without memory for the gradient,
 * too, by what evaluates. */
Val loss_part(const Graph *g, const Kernel *k, Op op);
bool loss_may_lack_gradient(const Kern *k);
void store_emit(Kern *k, Out *o, Val v, const Nest *nest);
bool value_in(const Kern *k, Val v);                     /* computed by this kernel */

/* ---- micro.c ---- */

/* sums[height][lanes] = sum over k of a(row, k) b(k, lane) for so many vectors of lanes; a's rows
 * and k's are row_step and k_step apart, b's k's b_step. The name of the function. */
const char *micro_tile(Emit *e, int height, int vectors);
/* The same, asking for lines of memory that are read next, from `next` on, next_step apart. */
const char *micro_taps(Emit *e, int height, int vectors);
const char *micro_tile_ahead(Emit *e, int height, int vectors);
/* sums[height][cols]: products of rows of a and rows of b. */
const char *micro_dots(Emit *e, int height, int cols);
/* Adds such products to sums[height][cols][lanes of a vector], lane by lane. */
const char *micro_dots_add(Emit *e, int height, int cols);
typedef struct FrameLines { int64_t n, width, apart; } FrameLines;    /* of an image in its frame */
const char *micro_dots_lines(Emit *e, int height, int cols, const FrameLines *lines);

/* ---- the algorithms: emit_##algo ---- */
#define ALGO(name, ...) void emit_##name(Kern *k);
#include "ir/algos.def"
#undef ALGO
/* A function for kernels to call, or a type that they use, once whoever asks for it. */
void add_micro(Emit *e, const char *function);
/* A product of operands in any layout. */
void emit_loops(Kern *k);
/* The second stage: adds the tasks' partial sums in order; then members and stores of shape []. */
void finish_emit(Kern *k);

#endif
