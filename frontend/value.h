/* frontend/value.h: what a model file evaluates to. Private to the room.
 *
 * Values are pointers into the interpreter's arena. Lists and modules are shared and may change,
 * as in Python. V_DATA is what only exists when PyTorch runs (tensors of a data set, results of a
 * model): it may be passed on and is refused where its content is needed. V_BAD has been reported
 * already. */
#ifndef SEQC_FRONTEND_VALUE_H
#define SEQC_FRONTEND_VALUE_H
#include "frontend/ast.h"

typedef enum {
    V_BAD, V_NONE, V_BOOL, V_INT, V_FLOAT, V_STR, V_TUPLE, V_LIST, V_DICT, V_SPACE, V_FN, V_METHOD,
    V_SCHED, V_MODULE, V_PARAM, V_LOSS, V_OPTIM, V_LOADER, V_DTYPE, V_DATA, V_TENSOR,
    V_TRANSFORM, V_IMAGES,
    V_PARTIAL,                   /* functools.partial: u.list has the function and arguments by position, self
                                  * is a dict of those by name */
    V_FUNC, V_SYMBOL,            /* a number that is an expression of one that is not known yet */
    V_CLASS, V_SUPER,            /* of the file: a class; super() in a method of one */
    V_TRACED, V_SIZE,            /* in forward: a tensor that is a node; a multiple of the batch */
    V_GONE                       /* a deleted name */
} ValueKind;

enum { FE_MAX_ARGS = 24, FE_MAX_ITEMS = 100000, FE_MAX_LAYERS = 10000, FE_MAX_TEXT = 1 << 20 };
/* What an evaluation may take, about a byte a unit. */
enum { FE_BUDGET = 64 << 20, FE_MAX_CALLS = 60, FE_MAX_EVAL = 800 };

typedef struct Value Value;
typedef struct Mod Mod;
typedef struct Tensor Tensor;
typedef struct Class Class;
typedef struct Traced Traced;
typedef struct Interp Interp;
typedef struct Call Call;

typedef Value *FnBody(Interp *in, const Call *c);

/* A function or class that a model file may call. */
typedef struct Fn {
    const char *path;            /* "torch.nn.Linear"; of a method ".to" */
    const char *signature;       /* "in_features:int, bias:bool=True"; null: any arguments */
    FnBody *body;
    int row;                     /* of the table that it comes from */
} Fn;

/* layers.def */
typedef struct LayerInfo {
    const char *name, *signature, *rule;
    Op op;
    bool differs;                /* between training and evaluation */
    const char *doc;
} LayerInfo;

typedef struct Param {
    const char *name;            /* "weight" */
    Mod *owner;
    int rank;
    int64_t dim[IR_MAX_RANK];
    bool frozen;
    bool integer;                /* a buffer of one i64 */
    bool buffer;                 /* of an object of a class: saved, not trained */
    int drawn, loaded;           /* while lowering: the last draw and load into it */
    Span at;
    State state;                 /* set when the module is built */
} Param;

/* Modules that are no layers: a Sequential runs its children, a list or dict only holds them, an
 * object of a class runs its forward. */
typedef enum { HOLDS_IN_ORDER, HOLDS_LIST, HOLDS_DICT, HOLDS_BY_CLASS } Holds;

struct Mod {
    const LayerInfo *info;       /* null: it holds other modules */
    struct OwnOp *own;           /* own.h: of a layer that c_op made; or null */
    Holds holds;
    Class *cls;                  /* of the file, whose object it is; or null */
    struct Frame *attr;          /* of an object: what is neither a module nor a parameter */
    bool ready;                  /* of an object: nn.Module's __init__ was called */
    Span at;
    Value *arg[FE_MAX_ARGS];     /* by the signature's order */
    Span arg_at[FE_MAX_ARGS];
    const char *text;            /* "Linear(784, 128)" */
    Mod **child;
    const char **child_name;
    int n_child;
    bool has_parent;
    Mod *parent;                 /* the first one */
    bool in_several;             /* it stands in more than one place */
    Param **param; int n_param;
    Param **buffer; int n_buffer;     /* running statistics and the like: saved, not trained */
    int depth;                   /* of the containers below */
    int64_t layers;              /* leaves, repeated ones counted again */
    const char *path;            /* while lowering: where it stands in the model */
    int calls;                   /* while lowering: how often it ran in this graph */
    Shape sample;                /* with the batch, of what the file gives it; rank 0: nothing */
    bool in_model;
};

typedef struct LossObj {
    int row; Span at; const char *text;
    Value *arg[FE_MAX_ARGS];     /* by the signature's order */
    Span arg_at[FE_MAX_ARGS];
    bool given[FE_MAX_ARGS];
    bool total, batch_mean;      /* reduction 'sum', 'batchmean'; neither: 'mean' */
    struct OwnForm *own;         /* own.h: of output and target; null: its row says it */
} LossObj;
/* Parameters first … of the optimizer, and what holds for them. */
typedef struct OptimGroup {
    const char *rule;            /* of ir/optimizers.def */
    int first, n_param;
    Span at;
    double lr;
    OptSetting setting[16]; int n_setting;
} OptimGroup;
typedef struct OptimObj {
    int row; Span at; const char *text;
    const struct OwnRule *own;               /* own_optims.c; null: a row of optims.def */
    Param **param; int n_param;              /* of all groups */
    OptimGroup *group; int n_group;
} OptimObj;
/* f: of a, b, c as ir.h has it; momentum: as a setting that changes. part: of another one. factor:
 * f is a times something, as PyTorch steps it, too. */
typedef struct SchedObj {
    Span at;
    OptimObj *optim;
    const char *f, *momentum;
    bool steps, part, factor;
    double plateau[PLATEAU_COUNT];
    double *max_lr;              /* of the optimizer's groups; null: theirs */
} SchedObj;
typedef struct Steps Steps;      /* images.h: torchvision's transforms and data sets */
typedef struct ImageSet ImageSet;
/* images: the set that it loads; null: not known here. */
typedef struct LoaderObj {
    Span at; int64_t batch; Tri shuffle; bool drop_last; const ImageSet *images;
} LoaderObj;

/* once: a generator, which is empty after one walk. is_set: its order means nothing. view: of a
 * dict, without indices. extremes: .values and .indices, as x.max(dim) gives them. */
typedef struct List { Value **item; int n, cap; bool once, is_set, view, extremes; } List;

/* Names of a running function or comprehension (fn null); outer: where its text stands. */
typedef struct Local { const char *name; Value *v; } Local;
typedef struct Frame Frame;
/* is_class: of a class's body, whose names its functions do not see. of: the class whose method
 * runs. */
struct Frame {
    const FuncDef *fn;
    Frame *outer;
    Local *local; int n, cap;
    bool is_class;
    Class *of;
};
/* value: defaults. of: the class that it is a method of, or null. */
/* is_static, is_property: @staticmethod, @property. no_grad: what it computes is constant to
 * derivatives. */
typedef struct Func {
    const FuncDef *def;
    Frame *closure;
    Value **value;
    Class *of;
    bool is_static, is_property, no_grad;
} Func;

/* A class of the file. */
struct Class {
    const ClassDef *def;
    Frame *body;                 /* methods and attributes */
    Class *up;                   /* the class of the file that it extends, or null */
    Holds holds;                 /* what its base of torch.nn is */
    const Fn *layer;             /* that base where it is a layer: its objects are layers, too */
    bool used;                   /* an object was made, or a class of it */
};

/* Tensors that share memory, and how often one of them was changed in place. mask: of true and false. */
typedef struct Storage { int version; } Storage;
struct Traced { const Graph *g; Val v; Storage *store; int version; bool mask; };

/* What is running, for the notes of a diagnostic. */
typedef struct Running Running;
struct Running { const Running *up; Span at; const char *fn; const Expr *target; Value *item; };

struct Value {
    ValueKind kind;
    Span at;                     /* where it was made */
    uint32_t len;                /* V_STR; V_SYMBOL: nodes of its expression as a tree */
    union {
        bool b;
        int64_t i;
        double f;
        const char *s;           /* V_STR; path of V_SPACE; name of V_DTYPE; what V_DATA is */
        List *list;              /* V_TUPLE, V_LIST; V_DICT: key, value, … */
        const Fn *fn;
        Mod *mod;
        Param *param;
        LossObj *loss;
        OptimObj *optim;
        SchedObj *sched;
        LoaderObj *loader;
        Steps *steps;
        const ImageSet *images;
        Tensor *tensor;
        Func *func;
        Ex ex;
        Class *cls;              /* V_CLASS; V_SUPER: the class whose method says super() */
        Traced *traced;
    } u;
    Value *self;                 /* V_METHOD: fn is in u; V_FUNC: what it is a method of, or null;
                                  * V_SUPER: the object; V_DATA: the file that it is read from, or
                                  * the parameter that was drawn; V_SYMBOL: Interp.compared */
};

typedef struct ArgVal { const char *name; Span name_at, at; Value *v; } ArgVal;
struct Call {
    const Fn *fn;
    const char *name;            /* last part of the path: "Linear" */
    Span at, of_at;              /* the call; what is called */
    Value *self;
    Value *positional;           /* all arguments without a name, as a list */
    ArgVal arg[FE_MAX_ARGS];
    int n_arg;
    int n_given;                 /* with those beyond FE_MAX_ARGS */
    /* after binding, by the signature's order: */
    Value *v[FE_MAX_ARGS];
    Span v_at[FE_MAX_ARGS];
    bool given[FE_MAX_ARGS];
};

typedef struct DrawRec { DrawKind kind; Param *param; double a, b; int64_t elems; } DrawRec;

/* A tensor of load_state_dict, after n_draw draws: the file's key and what it is for. */
typedef struct LoadRec {
    Param *param;
    const char *file, *key;
    int call, n_draw;
    bool strict;
} LoadRec;

typedef struct Binding {
    const char *name;
    Value *v;
    bool defined, used;          /* by -D; was looked up */
    const char *overwritten;     /* a defined name that the file sets itself */
    Span at;
} Binding;

struct Interp {
    FeDiags *d;
    Arena *a;
    const char *path;            /* of the model file */
    const FeOpts *o;
    Binding *name; uint32_t n_name, cap_name;    /* in order of first binding */
    uint32_t *slot; uint32_t n_slot;             /* hash of names; 0 is free */
    const char **star; int n_star;               /* spaces imported whole */
    DrawRec *draw; int n_draw, cap_draw;
    LoadRec *load; int n_load, cap_load, n_load_call;
    Mod **mod; int n_mod, cap_mod;               /* all that were made */
    bool has_seed; int64_t seed;
    bool said_device, said_download;
    const ImageSet **images; int n_images;       /* all that were made */
    struct OwnFile *own_files;   /* own_ops.c: C files that were read */
    struct OwnUse *own_uses;     /* own_ops.c: of which all was said */
    struct OwnPatterns *own_patterns;            /* own_known.c: formulas of ops; null until asked for */
    int lenient;                 /* > 0: names that are not there are data */
    int quiet;                   /* > 0: inside a call that is already refused */
    bool said_vocabulary;
    bool option;                 /* evaluating --loss, --optimizer: bare class names are known */
    Mod *model;                  /* then: the model that was chosen, or null */
    int64_t spent;               /* of FE_BUDGET */
    Frame *frame;                /* null: the file's own names */
    const Running *site;
    int calls, depth;            /* functions, expressions that are being evaluated */
    struct Asking *asking;       /* null: no function of a symbol runs */
    struct ExPool *symbols;      /* their expressions */
    Value *compared;             /* true: a symbol was compared where that cannot be asked */
    int types;                   /* > 0: inside isinstance, where unknown classes are types */
    Value *result;               /* of the function that returns */
    struct Trace *trace;         /* of the model that runs; null: the file is evaluated */
};

/* value.c */
Value *fe_val(Interp *in, ValueKind kind, Span at);
Value *fe_int(Interp *in, int64_t i, Span at);
Value *fe_float(Interp *in, double f, Span at);
Value *fe_bool(Interp *in, bool b, Span at);
Value *fe_str(Interp *in, const char *s, size_t n, Span at);
Value *fe_data(Interp *in, const char *what, Span at);
Value *fe_bad(Interp *in, Span at);
Value *fe_list(Interp *in, ValueKind kind, Span at);
bool fe_push(Interp *in, Value *list, Value *item);      /* false: too long, reported */
const char *fe_repr(Arena *a, const Value *v);           /* as Python prints it, cut where long */
const char *fe_kind_name(const Value *v);                /* "a string" */
bool fe_number(const Value *v, double *x);               /* int, float or bool */
bool fe_equal(const Value *a, const Value *b);
int fe_truth(const Value *v);                            /* 1, 0, or -1: not known */

/* eval.c */
Value *fe_eval(Interp *in, const Expr *x);
void fe_condition_on(Interp *in, const Value *v, Span at);   /* that is not known: reported */
Value *fe_binary(Interp *in, Oper op, Value *a, Value *b, Span at);
Value *fe_call(Interp *in, Call *c);
Value *fe_call_any(Interp *in, Value *f, Call *c);       /* c: arguments and places */

/* interp.c */
bool fe_spend(Interp *in, int64_t units, Span at);       /* false: the budget is gone, reported */
void fe_assign(Interp *in, const Expr *x, Value *v);
void fe_run_import(Interp *in, const Stmt *s);
void fe_run_from(Interp *in, const Stmt *s);
Local *fe_local_name(const Frame *f, const char *name);  /* null: not there */
void fe_set_local(Interp *in, Frame *f, const char *name, Value *v);
Binding *fe_lookup(Interp *in, const char *name);        /* null: not bound */
Binding *fe_bind_name(Interp *in, const char *name, Value *v, Span at);
Value *fe_attr_of_space(Interp *in, const char *path, const char *name, Span at, Span name_at);

/* run.c */
void fe_run(Interp *in, const Script *s);
bool fe_run_body(Interp *in, const Script *s);           /* of a function; false: an error */
void fe_trace(FeDiags *d, void *interp);                 /* notes: what called what */

/* iter.c: walks. fe_items makes a list of what `for` walks over: null after an error; V_DATA where
 * that is only known when PyTorch runs. Generators are empty afterwards. */
Value *fe_items(Interp *in, Value *v, Span at);
bool fe_dict_put(Interp *in, Value *dict, Value *key, Value *v);
bool fe_set_put(Interp *in, Value *set, Value *v);
int fe_order(const Value *a, const Value *b, int depth); /* -1, 0, 1; 2: cannot be compared */

/* func.c */
Value *fe_make_func(Interp *in, const FuncDef *def, Span at);
Value *fe_make_decorated(Interp *in, const FuncDef *def, Span at);
bool fe_no_grad(Interp *in, const Expr *x);              /* is it torch.no_grad() or one that does the same? */
Value *fe_call_func(Interp *in, const Func *f, const Call *c);
void fe_add_self(Interp *in, Call *c, Value *self);      /* as the first argument */
Value *fe_call_value(Interp *in, Value *f, Value **arg, int n, Span at);
Value *fe_comp(Interp *in, const Expr *x);

/* symbols.c: f of b, a number that is not known yet, as an expression; null after an error. */
const char *fe_symbol_formula(Interp *in, Value *f, Span at);
Value *fe_symbol_call(Interp *in, const Call *c, const Value *const *arg, int n);
int fe_holds(Interp *in, const Value *v, Span at);       /* fe_truth, of a symbol too */

/* fstr.c */
Value *fe_fstring(Interp *in, const Expr *x);
/* v by a format such as ".3f"; null after an error. */
Value *fe_format(Interp *in, const Value *v, const char *format, Span at);

/* class.c */
Value *fe_make_class(Interp *in, const ClassDef *def);
Value *fe_make_object(Interp *in, Value *cls, const Call *c);
Value *fe_super(Interp *in, Value *super, const char *name, Span at, Span name_at);
Value *fe_find_attr(Interp *in, Value *object, const char *name, Span at);   /* null: none */
void fe_set_member(Interp *in, Value *object, const char *name, Value *to, Span at, Span name_at);
Value *fe_no_member(Interp *in, const Mod *m, const char *name, Span at);    /* reported */
bool fe_is_subclass(const Class *c, const Class *of);
Value *fe_class_attr(Interp *in, Value *cls, const char *name, Span at, Span name_at);
const char *fe_module_name(const Mod *m);                /* "Linear", "Sequential", "Net" */
const char *fe_base_name(const Mod *m);                  /* the same, of what torch.nn has */

/* trace.c */
Value *fe_call_module(Interp *in, Mod *m, Call *c);      /* while the model runs */
bool fe_is_training(Interp *in);

/* forward.c: operations on tensors while the model runs. */
enum { FORM_M = 1, FORM_T = 2, FORM_F = 4 };     /* a method, of torch, of torch.nn.functional */
Value *fe_forward(Interp *in, const Call *c);
bool fe_in_forward(const Interp *in, const Value *v);    /* a tensor, or a size of a batch */
bool fe_gets_tensor(const Interp *in, const Call *c);    /* one of its arguments is such a tensor */
const Fn *fe_tensor_fn(const char *path);                /* of torch.nn.functional, torch; or null */
Value *fe_not_in_forward(Interp *in, const char *path, Span at);     /* reported */
Value *fe_traced_attr(Interp *in, Value *v, const char *name, Span at, Span name_at);
Value *fe_traced_binary(Interp *in, Oper op, Value *a, Value *b, Span at);
Value *fe_traced_unary(Interp *in, Oper op, Value *a, Span at);
/* A mask; null: not by this operator. */
Value *fe_traced_compare(Interp *in, Oper op, const Value *a, const Value *b, Span at);
Value *fe_traced_index(Interp *in, Value *of, const Expr *key, Span at);
/* a += b and the like: a's memory changes. */
void fe_traced_in_place(Interp *in, Value *a, const Value *b, Span at);

/* methods.c */
Value *fe_class_of(Interp *in, const Value *v, Span at); /* V_DATA: a type without a name here */

/* attrs.c */
Value *fe_attr(Interp *in, Value *v, const char *name, Span at, Span name_at);
void fe_set_attr(Interp *in, Value *v, const char *name, Value *to, Span at, Span name_at);

/* args.c */
bool fe_bind_args(Interp *in, Call *c);                  /* by c->fn->signature */
bool fe_bind_by_names(Interp *in, Call *c, const Call *from);
int fe_arg(const Call *c, const char *name);             /* its place; -1 */
const char *fe_arg_name(Arena *a, const Call *c, int i); /* null beyond the last */
const char *fe_signature(Arena *a,
                         const Fn *fn); /* "Linear(in_features, out_features, bias=True)" */
void fe_wrong_type(Interp *in, const Call *c, int i, const char *name, const char *wants);
const char *fe_last_part(const char *path);

/* names.c */
typedef struct Nearest { const char *wanted, *best; int distance; } Nearest;
void fe_consider(Nearest *n, const char *name);          /* starts with { wanted, null, 0 } */
const char *fe_nearest(const Nearest *n);                /* null: nothing near enough */
typedef enum { SPACE_NONE, SPACE_STRICT, SPACE_NEAR, SPACE_DATA } SpaceKind;
SpaceKind fe_space(const char *path);
const char *fe_predeclared(const char *name);            /* a path, or null */
bool fe_known_elsewhere(const char *path,
                        const char **instead); /* PyTorch has it, this version not */
const Fn *fe_fn(const char *path);
void fe_consider_space(Nearest *n, const char *path);    /* all names in it */
const char *fe_names_here(Arena *a, const char *path, bool losses);   /* "SGD, Adam" */

/* builtins.c, layers.c, objects.c: bodies, listed in the tables */
extern const LayerInfo fe_layer[];
extern const int fe_n_layer;
Value *fe_make_layer(Interp *in, const Call *c);
Value *fe_make_sequential(Interp *in, const Call *c);
Value *fe_make_loss(Interp *in, const Call *c);
Value *fe_make_optim(Interp *in, const Call *c);
/* The same of a rule of one's own, whose settings are not a row's. */
Value *fe_make_own_optim(Interp *in, const Call *c, const struct OwnRule *own, const char *text);
/* The group's settings from a bound call; false: reported. */
bool fe_own_settings(Interp *in, const Call *c, const struct OwnRule *own, OptimGroup *g);
Value *fe_make_loader(Interp *in, const Call *c);
Value *fe_make_transform(Interp *in, const Call *c);
Value *fe_make_dataset(Interp *in, const Call *c);
Value *fe_make_schedule(Interp *in, const Call *c);
void fe_apply_schedule(Module *m, const SchedObj *s, OptimObj *o);
Value *fe_init(Interp *in, const Call *c);
void fe_draw(Interp *in, DrawRec r);
/* torch.randn(3, 4) * 0.02: what was drawn passes to the product, times the number. */
void fe_scale_draw(Interp *in, Value *a, Value *b, Value *product);
bool fe_append_child(Interp *in, Mod *m, Mod *child, const char *name, Span at);
Mod *fe_new_module(Interp *in, Span at, const LayerInfo *info);
bool fe_fill_module(Interp *in, Mod *m, const Call *c);   /* with what the call gives it */
void fe_own_param(Interp *in, Mod *m, Param *p, bool buffer);
Value *fe_parameters(Interp *in, Mod *m, Span at);
int64_t fe_param_elems(const Param *p);
int64_t fe_fan_in(const Param *p);                       /* inputs of an output of that weight */
/* "Adam(lr=0.01)", for people. With `named`, positional arguments get their names. */
const char *fe_call_text(Interp *in, const Call *c, const char *leave_out, bool named);
Value *fe_module_value(Interp *in, Mod *m, Span at);
#endif
