/* ir/ir.h: what a model file becomes. The public header of the room.
 *
 * A Module holds states (tensors that outlive a step), graphs over them, and the program (initial
 * draws, loss, metrics, schedule). Handles are indices, not pointers; a graph's nodes stand in
 * topological order; a node has one result. Passes are functions from module to module. The text
 * form is exact and is input: ir_print(ir_parse(ir_print(m))) is byte-identical.
 *
 * Ownership: everything in a module lives in its arena and dies with ir_module_free. Strings are
 * interned in the module: equal strings have equal pointers. */
#ifndef SEQC_IR_H
#define SEQC_IR_H
#include "ir/arena.h"
#include "ir/expr.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { IR_VERSION = 1, IR_MAX_RANK = 6, IR_ERR = 512 };
enum { IR_MAX_TOUCHED = 160 };          /* of a kernel: ir_touched */

/* ---- types ---- */

typedef enum {
    DT_NONE,
#define DTYPE(name, ...) DT_##name,
#include "ir/types.def"
#undef DTYPE
    DT_COUNT
} DType;

typedef enum {
#define LAYOUT(name, ...) LAYOUT_##name,
#include "ir/layouts.def"
#undef LAYOUT
    LAYOUT_COUNT
} LayoutKind;

/* k elements, or k times the samples of the batch: printed 784, n, 196n. k >= 1. */
typedef struct { int64_t k; bool n; } Dim;
typedef struct { uint8_t rank; Dim dim[IR_MAX_RANK]; } Shape;
typedef struct { LayoutKind kind; int width; } Layout;
typedef struct { DType dtype; Shape shape; Layout layout; } Type;

Dim ir_dim(int64_t k);                               /* a constant dimension */
Dim ir_dim_n(int64_t k);                             /* k * n */
Shape ir_shape(int rank, const int64_t *dims);       /* constant dimensions */
Type ir_type_of(DType d, Shape s);                   /* plain layout */
bool ir_dim_eq(Dim a, Dim b);
bool ir_shape_eq(const Shape *a, const Shape *b);
bool ir_type_eq(const Type *a, const Type *b);
int64_t ir_dim_at(Dim d, int64_t n);                 /* its size in a batch of n */
/* into becomes the shape of a map of both, by numpy's rule: axes are matched from the last, 1 stretches. False: they
 * do not fit. */
bool ir_broadcast(Shape *into, const Shape *from);
int64_t ir_elems_at(const Shape *s, int64_t n);      /* dies on overflow: frontends check first */
bool ir_elems_ok(const Shape *s, int64_t n, int64_t *elems);   /* false on overflow */
int64_t ir_stored_bytes(const Type *t, int64_t n);   /* padding of the layout included */
bool ir_has_n(const Shape *s);
int64_t ir_dtype_bytes(DType d);
bool ir_dtype_real(DType d);
const char *ir_dtype_name(DType d);
/* half.c: d is bf16 or f16. */
uint16_t ir_to_half(DType d, double x);
double ir_from_half(DType d, uint16_t half);

/* Where element (i_0, i_1, …) of a stored tensor lies: the sum over axes of
 * (i / block) * outer + (i % block) * inner, in elements, for a batch of n. */
typedef struct { int64_t size, block, outer, inner; } StoredAxis;
void ir_stored_axes(const Type *t, int64_t n, StoredAxis axis[IR_MAX_RANK]);

/* ---- handles and places ---- */

typedef struct { uint32_t i; } Val;       /* a node of a graph; 0 is none */
typedef struct { uint32_t i; } State;     /* a state of a module; 0 is none */
typedef struct { uint16_t file; uint32_t line, col; } Loc;   /* file 0: nowhere */

/* ---- ops and attributes ---- */

typedef enum {
    OP_NONE,
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} Op;

typedef enum {
    KIND_NONE, KIND_LEAF, KIND_VIEW, KIND_MAP, KIND_PROD, KIND_CONV, KIND_WINDOW, KIND_REDUCE,
    KIND_ROW, KIND_MOVE, KIND_NARROW
} OpKind;

typedef enum {
#define ATTR(name, ...) AT_##name,
#include "ir/attrs.def"
#undef ATTR
    AT_COUNT
} AttrId;

typedef enum { ATK_FLAG, ATK_INT, ATK_REAL, ATK_INTS, ATK_REALS, ATK_STR, ATK_EXPR } AttrKind;

typedef struct {
    AttrId id;
    int count;                       /* of INTS and REALS */
    union {
        int64_t i;                   /* INT */
        double r;                    /* REAL */
        const int64_t *ints;
        const double *reals;
        const char *s;               /* STR; EXPR as canonical text */
    } u;
} Attr;

typedef struct {
    const char *name;
    int min_in, max_in;
    OpKind kind;
    uint64_t required, optional;     /* bit AT_x */
    const char *scalar;              /* expression, or null */
    const char *doc;
} OpInfo;
extern const OpInfo ir_op[OP_COUNT];

#define IR_NOT_NEUTRAL INT64_MIN
typedef struct { const char *name; AttrKind kind; int64_t neutral; const char *doc; } AttrInfo;
extern const AttrInfo ir_attr_info[AT_COUNT];

/* ---- nodes and graphs ---- */

typedef struct Node {
    Op op;
    int n_in, n_attr;
    const Val *in;                   /* operands, all before this node */
    const Attr *attr;                /* ascending by id */
    const char *name;                /* of input, scalar; else null */
    State state;                     /* of OP_state; else none */
    Type type;
    Loc loc;
} Node;

typedef enum { ROOT_RETURN, ROOT_GRAD, ROOT_UPDATE } RootKind;

/* return loss=%7 | grad "1.weight" = %14 | update "1.weight" = %18. Grads stand between
 * differentiate and optimizer only. */
typedef struct Root { RootKind kind; const char *name; State state; Val val; } Root;

typedef enum {
    ALGO_NONE,
#define ALGO(name, ...) ALGO_##name,
#include "ir/algos.def"
#undef ALGO
    ALGO_COUNT
} Algo;

typedef enum {
#define ERROR_CLASS(name, ...) ERR_##name,
#include "ir/math.def"
    ERR_COUNT
} ErrorClass;                        /* strictest first */
typedef struct { double net; const char *doc; } ErrorInfo;
extern const ErrorInfo ir_error[ERR_COUNT];

typedef struct {
    const char *name;
    OpKind root;
    bool epilogue;
    ErrorClass error;
    enum { ON_ANY, ON_CPU, ON_GPU } machine;
    const char *doc;
} AlgoInfo;
extern const AlgoInfo ir_algo[ALGO_COUNT];

/* Precision modes. */
typedef enum {
#define MATH(name, ...) MATH_##name,
#include "ir/math.def"
    MATH_COUNT
} MathMode;
typedef struct { const char *name; ErrorClass loosest; const char *doc; } MathInfo;
extern const MathInfo ir_math[MATH_COUNT];
bool ir_admits(MathMode mode, Algo algo);

/* A group of nodes computed together. From `fuse` on in a valid order, from `schedule` on in the
 * order of execution. Views and leaves belong to no kernel; a `random`, a cheap map or a const
 * may be a member of several (it is computed again in each). */
typedef struct Kernel {
    Algo algo;
    int n_member;
    const Val *member;               /* ascending; a PROD's or REDUCE's root is the first such */
    int64_t tile[2];                 /* rows and columns of one task; 0: the algorithm's own */
    int64_t micro[2];                /* rows and vectors of the register tile */
    double us;                       /* predicted time at capacity on one thread; 0: not said */
} Kernel;

typedef enum {
    BUF_ARENA,     /* val in the arena at offset */
    BUF_STATE,     /* val is written into the state it updates */
    BUF_OUT,       /* val is written into the caller's result of that index */
    BUF_SCRATCH,   /* memory of one kernel in the arena: partial sums, one slot a task */
    BUF_KEPT       /* val, or such memory, where it stays while the states do: ir/kept.c */
} BufKind;

/* From `plan` on: where every stored value lies. first and last are kernels; a value that is
 * returned, or read by nobody later, ends with its kernel. */
typedef struct Buffer {
    BufKind kind;
    Val val;                         /* none: memory that a kernel's tasks share */
    State state;                     /* BUF_STATE */
    int out;                         /* BUF_OUT: index among the graph's ROOT_RETURN */
    int64_t offset_bytes, bytes;     /* bytes rounded up to 64, at full capacity */
    int first, last;
    Val in_place_of;                 /* BUF_ARENA: takes over that value's bytes; else none */
} Buffer;

static inline bool ir_in_arena(const Buffer *b)
{
    return b->kind == BUF_ARENA || b->kind == BUF_SCRATCH;
}

typedef struct Graph {
    struct Module *module;
    const char *name;                /* train eval infer loss grad grad_eval, and train_prob … */
    Node *node;    uint32_t n_node, cap_node;       /* node[0] is none */
    /* What has one node a name: inputs and scalars, and by State the states; 0: none yet. */
    Val *named;    int n_named, cap_named;
    Val *state;    uint32_t cap_state;
    Root *root;    int n_root, cap_root;
    bool has_kernels, has_plan;
    bool one_block;                  /* on a GPU: one block runs all kernels, in one launch */
    bool by_sample;                  /* infer, from `plan` on: programs run a batch by infer_one */
    Kernel *kernel; int n_kernel;
    Buffer *buffer; int n_buffer;
    int64_t arena_bytes, bound_bytes, worker_bytes, kept_bytes;
} Graph;

/* ---- states and the program ---- */

typedef enum { ROLE_PARAM, ROLE_FROZEN, ROLE_BUFFER, ROLE_OPTIMIZER } Role;

typedef struct StateInfo {
    const char *key;                 /* "1.weight"; optimizer's: "1.weight#momentum" */
    Role role;
    Type type;
    Loc loc;
    int64_t offset_bytes;            /* in the state block; -1 before plan */
} StateInfo;

typedef enum {
#define DRAW(kind, ...) DRAW_##kind,
#include "ir/draws.def"
#undef DRAW
    DRAW_COUNT
} DrawKind;
typedef struct DrawInfo { const char *name; bool state; int numbers; bool counted; } DrawInfo;
extern const DrawInfo ir_draw_info[DRAW_COUNT];

/* An initial draw, in program order (see runtime/rt.h for what each consumes). */
typedef struct Draw { DrawKind kind; State state; double a, b; int64_t elems; } Draw;

/* What a training program reads from a file over its draws: of a call of load_state_dict, a key of
 * the file and the state that it is for; none: it must be there (strict), but goes nowhere. */
typedef struct Load { int call; bool strict; const char *file, *key; State state; } Load;

typedef enum {
#define TRANSFORM(kind, ...) TRANSFORM_##kind,
#include "ir/transforms.def"
    TRANSFORM_COUNT
} TransformKind;
enum { TRANSFORM_VALUES = 9 };
/* tensor: to_tensor, and what stands behind it; fields: their names, blank-separated. */
typedef struct TransformInfo { const char *word; bool tensor; const char *fields, *doc; }
    TransformInfo;
extern const TransformInfo ir_transform_info[TRANSFORM_COUNT];

/* A step of what happens to an image before the model sees it, in training or in tests, with the
 * values of its kind's fields. */
typedef struct Transform { TransformKind kind; bool test; double value[TRANSFORM_VALUES]; }
    Transform;

/* A number that changes from step to step, as an expression of a = the learning rate of a group,
 * b = step (from 1), c = steps of an epoch, which the program evaluates in double: "lr" is a,
 * Adam's bias correction 1 - pow(0.9, b). */
typedef struct ScalarDef { const char *name, *f; int group; } ScalarDef;

/* A setting that changes on the way is an expression of b = step and c = steps of an epoch. */
typedef struct OptSetting { const char *name; double value; const char *f; } OptSetting;

/* An optimizer's rule for a group of parameters; `optimizer` expands it to maps and states. A rule
 * that is no row is IR_OWN_RULE: its settings are the parameter's new value and then that of each
 * slot, under the slots' names, as expressions of a = the parameter, b = its gradient, c … = the
 * slots before the step, and behind them lr and step. */
#define IR_OWN_RULE "own"
typedef struct OptGroup {
    const char *rule;                /* row of ir/optimizers.def: "sgd" "adam" "adamw"; or own */
    const OptSetting *setting; int n_setting;   /* momentum=0.9 …, all of the row's, in its order */
    const State *param; int n_param;
    double lr;                       /* its own; below 0: the program's */
    Loc loc;
} OptGroup;

/* Settings of the rule that cuts learning rates when the loss stays where it is: torch.optim's
 * ReduceLROnPlateau. factor 0: there is none. */
typedef enum {
    PLATEAU_factor, PLATEAU_patience, PLATEAU_threshold, PLATEAU_relative, PLATEAU_cooldown,
    PLATEAU_min_lr, PLATEAU_eps, PLATEAU_COUNT
} PlateauSetting;

typedef struct Layer {
    const char *path, *text;         /* "1", "Linear(784, 128)" */
    Type out;
    int64_t params;
    Loc loc;
} Layer;

typedef enum { TARGET_NONE, TARGET_CLASS, TARGET_INDEX, TARGET_REAL } TargetKind;
typedef enum { METRIC_ACCURACY, METRIC_MAE, METRIC_R2 } Metric;
typedef enum { TRI_UNSET = -1, TRI_NO = 0, TRI_YES = 1 } Tri;

/* An input of a graph that the program draws before each run: 1 with probability `keep`, else 0.
 * `name` is the input's: the dropout layer's path and call, "2#0". */
typedef struct Mask { const char *name; double keep; } Mask;

typedef struct Program {
    const char *name;                /* "fashion" */
    const char *loss, *optimizer;    /* as the user wrote them, for people; null: none */
    TargetKind target;
    int64_t n_classes;
    bool ignores;
    int64_t ignore;                  /* a label that counts nowhere, where `ignores` */
    double lr;                       /* of groups without their own */
    /* The learning rate of a group from a = what it is without a schedule, b = epochs, or steps,
     * done so far, c = steps of an epoch; null: constant. */
    const char *schedule;
    bool schedule_steps;             /* b counts steps */
    double plateau[PLATEAU_COUNT];
    double clip_norm, clip_value;    /* of gradients, norm first; 0: not clipped */
    int64_t batch;                   /* default batch; the capacity is Module.capacity */
    int64_t epochs, seed;            /* -1: not said */
    Tri shuffle;
    bool drop_last;
    int64_t least_batch;             /* that can be trained; 0: any. Batch norm wants two samples */
    Shape input, target_shape, output;   /* one sample's */
    const char *data;                /* the data set that the file names: "CIFAR10"; null: none */
    const char *root;                /* the folder where it says that it is; null: not said */
    Transform *transform; int n_transform, cap_transform;
    Draw *draw;          int n_draw, cap_draw;
    Load *load;          int n_load, cap_load;
    Mask *mask;          int n_mask, cap_mask;
    ScalarDef *scalar;   int n_scalar, cap_scalar;
    OptGroup *group;     int n_group, cap_group;
    Layer *layer;        int n_layer, cap_layer;
    Metric *metric;      int n_metric, cap_metric;
} Program;

typedef struct Module {
    Arena *arena;
    struct Intern *intern;
    const char **file;   int n_file, cap_file;       /* file[0] is none; base names */
    int64_t capacity;                /* n <= capacity */
    DType real;                      /* DT_f32 or DT_f64 */
    MathMode math;                   /* what layout may choose */
    StateInfo *state;    uint32_t n_state, cap_state;   /* state[0] is none */
    int64_t state_bytes;             /* -1 before plan */
    Graph **graph;       int n_graph, cap_graph;
    Program prog;
    const char *stage;               /* the last pass that ran; "shape" at first */
} Module;

/* ---- building ---- */

Module *ir_module_new(void);
void ir_module_free(Module *m);
const char *ir_intern(Module *m, const char *s);
uint16_t ir_file(Module *m, const char *path);           /* keeps the base name */
State ir_state_add(Module *m, const char *key, Role role, Type type, Loc loc);
State ir_state_find(const Module *m, const char *key);
StateInfo *ir_state(const Module *m, State s);
Graph *ir_graph_add(Module *m, const char *name);
Graph *ir_graph_find(const Module *m, const char *name); /* null if absent */
void ir_draw(Module *m, Draw d);
void ir_load(Module *m, Load l);
void ir_mask(Module *m, Mask x);                         /* one a name: found or added */
const Mask *ir_mask_find(const Module *m, const char *name);     /* null if absent */
void ir_transform(Module *m, Transform t);
/* Where its value stands; -1: the kind has no such field. */
int ir_transform_field(TransformKind kind, const char *name);
void ir_scalar_def(Module *m, const char *name, const char *f, int group);
void ir_layer(Module *m, Layer l);
void ir_metric(Module *m, Metric x);
void ir_group(Module *m, OptGroup g);                    /* copies its arrays */

Attr ir_flag(AttrId id);
Attr ir_int(AttrId id, int64_t i);
Attr ir_real(AttrId id, double r);
Attr ir_ints(AttrId id, const int64_t *v, int n);
Attr ir_reals(AttrId id, const double *v, int n);
Attr ir_str(AttrId id, const char *s);

/* Adds a node; its type is derived. Dies on a mistake: callers check what users can cause. */
Val ir_add(Graph *g, Op op, Loc loc, const Val *in, int n_in, const Attr *attr, int n_attr);
/* The same where the type is given (input, scalar, const, random, reshape, expand, relayout). */
Val ir_add_typed(Graph *g, Op op, Loc loc, Type type, const Val *in, int n_in,
                 const Attr *attr, int n_attr);
/* The same with the mistake as text instead of death: none and err. type null: derived. */
Val ir_try_add(Graph *g, Op op, Loc loc, const Type *type, const Val *in, int n_in,
               const Attr *attr, int n_attr, char err[IR_ERR]);
#define IR_IN(...) \
    (const Val[]){__VA_ARGS__}, (int)(sizeof((const Val[]){__VA_ARGS__}) / sizeof(Val))
#define IR_ATTRS(...) \
    (const Attr[]){__VA_ARGS__}, (int)(sizeof((const Attr[]){__VA_ARGS__}) / sizeof(Attr))
#define IR_NO_IN NULL, 0
#define IR_NO_ATTRS NULL, 0

Val ir_input(Graph *g, const char *name, Type t, Loc loc);       /* one a name: found or added */
Val ir_scalar(Graph *g, const char *name, Loc loc);              /* one a name: found or added */
Val ir_state_val(Graph *g, State s);                             /* one a state: found or added */
Val ir_const(Graph *g, Type t, const double *values, int n, Loc loc);
Val ir_map(Graph *g, const char *f, const Val *in, int n_in, Loc loc);
void ir_return(Graph *g, const char *name, Val v);
void ir_grad(Graph *g, State s, Val v);
void ir_update(Graph *g, State s, Val v);

/* ---- looking ---- */

const Node *ir_node(const Graph *g, Val v);
const Type *ir_type(const Graph *g, Val v);
const Attr *ir_attr(const Node *x, AttrId id);           /* null if absent */
bool ir_has(const Node *x, AttrId id);
int64_t ir_attr_int(const Node *x, AttrId id);           /* absent: the neutral one, or death */
const char *ir_attr_str(const Node *x, AttrId id);
bool ir_is(const Graph *g, Val v, Op op);
bool ir_val_eq(Val a, Val b);
/* The scalar expression of a MAP node, attributes put in; arguments are its operands. */
Ex ir_scalar_expr(ExPool *p, const Node *x);
/* Fills in the names of all REAL attributes, which expressions of ops may read; null-terminated. */
const char *const *ir_real_names(const char *names[AT_COUNT + 1]);
Val ir_view_base(const Graph *g, Val v);                 /* through VIEWs to what has storage */
bool *ir_live(const Graph *g, Arena *scratch);           /* [n_node]: reached by a root */
int ir_printed_number(const Graph *g, Val v);            /* the 7 of %7; -1 for a state */
double ir_flop(const Graph *g, Val v);                   /* full capacity; multiply, add: two */
double ir_multiply_adds(const Graph *g, Val v);          /* of products and convolutions, their own */
const char *ir_kernel_name(const Graph *g, int k, Arena *a);     /* "linear_relu" */
double ir_kernel_flop(const Graph *g, int k);
int64_t ir_kernel_bytes(const Graph *g, int k);          /* read and written outside the kernel */
int64_t *ir_kernels_bytes(const Graph *g, Arena *a);     /* of all kernels at once */
/* At least as many as the tensors and partial sums that a kernel of these members names. */
int ir_touched(const Graph *g, const Val *member, int n);

/* Where a value is found by a kernel that does not compute it. Views are seen through. */
typedef enum {
    AT_INPUT, AT_SCALAR, AT_CONST, AT_STATE, AT_ARENA, AT_KEPT, AT_OUT, AT_NOWHERE
} Where;
typedef struct {
    Where where;
    Val base;
    const char *name;
    State state;
    int64_t offset_bytes;
    int out;
} Place;
Place ir_place(const Graph *g, Val v);

/* ---- text ---- */

/* Exact text. graphs: null or a null-terminated list of names to print. */
void ir_print(const Module *m, FILE *out, const char *const *graphs);
char *ir_print_string(const Module *m, Arena *a);
/* Reads text; null and a "line:col: what" in err (with line and col apart) on a mistake. */
typedef struct { int line, col; char text[IR_ERR]; } ParseErr;
Module *ir_parse(const char *text, size_t len, ParseErr *err);
const char *ir_type_string(const Type *t, Arena *a);
const char *ir_real_string(double x, Arena *a);          /* the shortest that reads back */

void ir_print_dot(const Module *m, FILE *out, const char *const *graphs);
void ir_print_svg(const Module *m, FILE *out, const char *const *graphs);
void ir_print_json(const Module *m, FILE *out, const char *const *graphs);
void ir_print_table(const Module *m, FILE *out, const char *const *graphs);

/* ---- checking and evaluating ---- */

/* All invariants: order, types derived again, attributes, batch rules, kernels, buffers (no two
 * live values overlap, by two independent checkers). False and the first violation in err. */
bool ir_verify(const Module *m, char err[IR_ERR]);
/* Can a program be made of this verified module, which has been through all passes? Inputs and
 * results of the graphs that the runtime knows are what it gives and takes. */
bool ir_program_check(const Module *m, char err[IR_ERR]);

/* The float64 interpreter: what every other way to compute a graph is compared with. */
typedef struct EvalIn {
    int64_t n;                                 /* batch */
    const double *(*input)(void *ctx, const char *name);   /* in row-major order; null: missing */
    const double *(*state)(void *ctx, State s);            /* in PyTorch's order */
    double (*scalar)(void *ctx, const char *name);
    void *ctx;
    uint64_t seed, step;                       /* of random nodes */
    /* May change what a node has been found to be before others read it; null: nothing does. */
    void (*touch)(void *ctx, const Node *node, double *x, int64_t n);
    void *touch_ctx;
    bool rounds;                               /* factors, as the algorithms of the graph's kernels do */
} EvalIn;
/* values[v] of live nodes, in plain row-major order, in the arena. Dies on a missing input. */
double **ir_eval(const Graph *g, const EvalIn *in, Arena *a);

/* Element e of a random stream, as generated programs draw it: Philox4x32-10, key (seed low,
 * seed high xor fnv1a32(stream)), counter (e/4 low, high, step low, high), word e%4; the upper 24
 * bits over 2^24. e counts in PyTorch's order from the first sample of the step. */
double ir_random(uint64_t seed, const char *stream, uint64_t step, uint64_t e);
uint32_t ir_stream_hash(const char *stream);             /* fnv1a32 */

/* ---- copying: what passes are made of ---- */

/* A module with the same files, states, program and capacity, and no graphs. */
Module *ir_module_like(const Module *m);
/* Copies one node under map (old value to new one; operands must be mapped already). */
Val ir_copy_node(Graph *to, const Graph *from, Val v, const Val *map);
/* Copies all live nodes and the roots. map may be null or [n_node], zero where not yet mapped. */
void ir_copy_graph(Graph *to, const Graph *from, Val *map);
void ir_copy_roots(Graph *to, const Graph *from, const Val *map);
void ir_set_kernels(Graph *g, const Kernel *k, int n);   /* copies */
void ir_set_plan(Graph *g, const Buffer *b, int n, int64_t arena_bytes, int64_t bound_bytes,
                 int64_t worker_bytes);

/* ---- targets ---- */

typedef struct Target {
    const char *id, *march, *name;   /* x86_64_v4, "x86-64-v4", "AVX-512" */
    const char *machine;             /* "x86_64", "aarch64"; "": any */
    int vector_bytes;
    int accumulators;                /* sums of a register tile */
    int64_t l1_bytes, l2_bytes;
    int fma_per_cycle;
    int tile_per_cycle;              /* bfloat16 multiply-adds on matrix tiles; 0: it has none */
    const char *features;            /* names for the start check, blank-separated */
    int block_threads;               /* a GPU: of a block, which has a task together; else 0 */
    double block_flop;               /* a training step with no more is one block's … */
    int64_t block_bytes;             /* … where this shared memory holds all that it touches */
} Target;
extern const Target ir_targets[];                        /* processors */
extern const int ir_n_targets;
const Target *ir_target(const char *march);              /* by march or id; null if unknown */
const Target *ir_gpu(const char *id);                    /* null if unknown */
bool ir_serves(const Target *t, Algo algo);              /* can it be generated for that machine? */
/* Are a module's layouts and kernels, as far as it has them, for that machine? */
bool ir_target_check(const Module *m, const Target *t, char err[IR_ERR]);
bool ir_target_foreign(const Target *t);                 /* of another machine than this one */

/* A mistake of ours: prints what, the module's text where there is one, and aborts. */
_Noreturn void ir_die(const Module *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
