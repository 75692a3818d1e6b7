/* runtime/rt.h: what a generated program and the runtime say to each other.
 *
 * A generated program is tables plus functions: an `rt_model` that describes states, graphs,
 * initial draws and defaults, and one function per graph. `rt_main` is the program's face: it reads
 * the command line and the data, draws weights, runs graphs, writes runs. The runtime knows no
 * model.
 *
 * Threads: a graph function splits a kernel into tasks with `rt_parallel`; which task computes what
 * depends on shapes alone, so any thread count gives the same bits. */
#ifndef SEQC_RT_H
#define SEQC_RT_H
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RT_ABI 12
enum { RT_MAX_RANK = 6, RT_ALIGN = 64, RT_BLAS_NAME = 80, RT_MAX_THREADS = 1024 };

/* A program and a library of different ABI do not link: the program refers to this name. */
#define RT_ABI_SYMBOL rt_abi_12
extern const int RT_ABI_SYMBOL;

typedef enum rt_dtype { RT_F32, RT_F64, RT_I64, RT_I32, RT_U8, RT_I8 } rt_dtype;

/* A dimension is `k`, or `k` times the samples of the batch. */
typedef struct rt_dim { int64_t k; bool per_n; } rt_dim;

/* ---- states: tensors that outlive a step ---- */

/* One logical axis in PyTorch's order and where it lies: element i of it is
 * (i / block) * outer + (i % block) * inner elements from the start. Plain axes have block 1. */
typedef struct rt_axis { int64_t size, block, outer, inner; } rt_axis;

typedef enum rt_role {
    RT_PARAM,     /* trained */
    RT_FROZEN,    /* a parameter with requires_grad = False */
    RT_BUFFER,    /* belongs to the model, not trained: running statistics */
    RT_OPTIMIZER  /* momentum and the like; key is the parameter's, '#', the name of the slot */
} rt_role;

typedef struct rt_state {
    const char *key;             /* PyTorch's state-dict key, UTF-8, may hold any character */
    rt_role role;
    rt_dtype dtype;
    int rank;
    rt_axis axis[RT_MAX_RANK];
    int64_t offset_bytes, bytes; /* place in the state block, padding of the layout included */
} rt_state;

/* ---- graphs ---- */

typedef struct rt_pool rt_pool;

/* What one run of a graph gets. All memory is the caller's, aligned to RT_ALIGN. Of a model for CUDA
 * it is device memory, `workers` and `pool` are null, and seed and step, which change from run to
 * run, are found through `counters` alone. */
typedef struct rt_call {
    int64_t n;               /* samples in the batch, 1 .. capacity */
    const void *const *in;   /* by rt_graph.inputs; tensors in PyTorch's order */
    void *const *out;        /* by rt_graph.results; each with room for `capacity` samples */
    char *state;             /* the state block */
    char *kept;              /* rt_graph.kept_bytes; what the graph's `keep` left there */
    char *arena;             /* rt_graph.arena_bytes; contents undefined */
    char *workers;           /* scratch: worker w owns [w * worker_bytes, (w+1) * worker_bytes) */
    const void *scalars;     /* model->n_scalars elements of the model's real type */
    uint64_t seed, step;     /* key and high counter of counter-based random numbers; step from 1 */
    rt_pool *pool;
    const uint64_t *counters;   /* CUDA: seed and step, in device memory */
} rt_call;

/* A tensor that goes in or out of a graph. dim[0] of a batched tensor is {1, true}. */
typedef struct rt_value {
    const char *name;        /* in: "x" "target" "cotangent" "output"; out: "loss" "d_1.weight" */
    rt_dtype dtype;
    int rank;
    rt_dim dim[RT_MAX_RANK];
} rt_value;

/* An input that the runtime draws before a run, and nobody else gives: each element is 1 with
 * probability `keep`, else 0. */
typedef struct rt_mask { int input; double keep; } rt_mask;

/* Names of graphs that the runtime looks for. `_prob` serves float targets of a class loss.
 *   train      one training step: x target -> loss and metrics; updates parameters
 *   eval       x target -> loss and metrics, evaluation behaviour
 *   infer      x -> output, evaluation behaviour
 *   infer_one  the same for one sample; absent where `infer` serves as well. by_sample: it serves a
 *              batch, too, a thread a sample
 *   loss       output target -> loss d_output
 *   grad       x cotangent -> output d_input d_<key>…, training behaviour
 *   grad_eval  the same with evaluation behaviour; absent where it is the same graph
 * The last three (and loss_prob) are derivatives, which are asked for seldom. */
typedef struct rt_graph {
    const char *name;
    void (*run)(const rt_call *call);
    void (*keep)(const rt_call *call);   /* fills call->kept; before the first run, and before one
                                            after a change of states. null: it keeps nothing */
    bool updates;            /* it changes states */
    int64_t arena_bytes, worker_bytes, kept_bytes;
    int n_inputs, n_results;
    const rt_value *inputs, *results;
    double flop;             /* at full batch, multiply and add counted as two */
    double bytes;            /* read and written by its kernels at full batch */
    int n_masks;
    const rt_mask *masks;    /* in the order in which they are drawn */
} rt_graph;

/* Runs task(ctx, i, worker) for i in 0 .. n_tasks-1, each once, on the pool's threads and the
 * caller's; returns when all are done. worker is 0 .. threads-1. Tasks must not start tasks. */
typedef void rt_task(const void *ctx, int64_t i, int worker);
void rt_parallel(rt_pool *pool, rt_task *task, const void *ctx, int64_t n_tasks);

/* ---- the program ---- */

typedef enum rt_draw_kind {
    RT_DRAW_SEED,      /* start the generator anew with seed a (an integer) */
    RT_DRAW_UNIFORM,   /* float32 uniform in [a, b) as PyTorch draws it */
    RT_DRAW_NORMAL,    /* mean a, standard deviation b */
    RT_DRAW_CONSTANT,  /* all elements a; draws nothing */
    RT_DRAW_ELEMENT,   /* the element at place a becomes b; draws nothing */
    RT_DRAW_SKIP_UNIFORM, /* as many uniform draws as the tensor has elements, thrown away */
    RT_DRAW_SKIP_NORMAL,
    RT_DRAW_ERFINV,    /* what was drawn, x, becomes a erfinv(x) + b */
    RT_DRAW_CLAMP,     /* what was drawn is kept within a and b */
    RT_DRAW_ORTHOGONAL, /* what was drawn becomes orthogonal, times a */
    RT_DRAW_EYE,       /* the identity matrix */
    RT_DRAW_SPARSE     /* a elements of each drawn column become 0; draws an order for each */
} rt_draw_kind;

/* In program order: later draws into a state replace earlier ones but consumed the same numbers.
 * states that no draw names start as zeros. SKIP kinds use `elems` and no state (index -1). */
typedef struct rt_draw { rt_draw_kind kind; int state; double a, b; int64_t elems; } rt_draw;

/* A tensor of a call of load_state_dict, read over the draws when training begins without other
 * weights. strict: the file has these keys and no others. state -1: not the model's. */
typedef struct rt_load {
    int call;
    bool strict;
    const char *file, *key;
    int state;
} rt_load;

/* What is done to an image before the model sees it, as torchvision.transforms does it; its values
 * are those of the module's text form (ir/transforms.def). The first three are for tensors. */
typedef enum rt_transform_kind {
    RT_TO_TENSOR,              /* no value; bytes become x / 255 */
    RT_NORMALIZE,              /* channels, means, standard deviations, three of each */
    RT_RANDOM_ERASING,         /* p, scale, ratio (low, high), is it noise?, values */
    RT_RESIZE,                 /* height, width (0: of the shorter side), most, filter */
    RT_CENTER_CROP,            /* height, width */
    RT_PAD,                    /* left, top, right, bottom, mode, fill of three channels */
    RT_RANDOM_CROP,            /* height, width */
    RT_RANDOM_RESIZED_CROP,    /* height, width, scale, ratio (low, high), filter */
    RT_RANDOM_HORIZONTAL_FLIP, /* p */
    RT_RANDOM_VERTICAL_FLIP,   /* p */
    RT_RANDOM_ROTATION,        /* angles (low, high), filter, fill of three channels */
    RT_COLOR_JITTER,           /* brightness, contrast, saturation, hue (low, high) */
    RT_GRAYSCALE               /* channels */
} rt_transform_kind;
enum { RT_TRANSFORM_VALUES = 9 };
typedef struct rt_transform {
    rt_transform_kind kind;
    double value[RT_TRANSFORM_VALUES];
} rt_transform;
/* n 0: the model file says nothing, and bytes become x / 255. */
typedef struct rt_transforms { const rt_transform *step; int n; } rt_transforms;

typedef enum rt_target_kind {
    RT_TARGET_NONE,    /* no loss: the program has no train and eval */
    RT_TARGET_CLASS,   /* one class index a sample; float probabilities where *_prob graphs exist */
    RT_TARGET_INDEX,   /* class indices only */
    RT_TARGET_REAL     /* a tensor of the output's shape */
} rt_target_kind;

/* A metric over an epoch, made of sums over samples that graphs return beside "loss", and where
 * labels are ignored "counted", how many samples have another one.
 *   RT_ACCURACY  results "correct": share of samples, where targets are real of their elements,
 *                shown as percent, higher is better
 *   RT_MAE       "abs_err": sum over elements of |output - target|, divided by their number
 *   RT_R2        "sq_err": 1 - that / the total sum of squares, which the runtime takes from the
 *                targets in double */
typedef enum rt_metric { RT_ACCURACY, RT_MAE, RT_R2 } rt_metric;

/* A row of the layer table, for people. */
typedef struct rt_layer {
    const char *path;        /* "1", "features.3" */
    const char *text;        /* "Linear(784, 128)" */
    int rank;
    rt_dim dim[RT_MAX_RANK]; /* of its output */
    int64_t params;          /* own parameters */
    double flop;             /* of the forward pass at full batch */
} rt_layer;

/* Learning rates that are cut when the loss stays where it is, as PyTorch's ReduceLROnPlateau
 * does. factor 0: they are not. relative: is the threshold? */
typedef struct rt_plateau {
    double factor, patience, threshold, relative, cooldown, min_lr, eps;
} rt_plateau;

typedef struct rt_model {
    int abi;                         /* RT_ABI */
    const char *name, *version;      /* "fashion", seqc's version */
    const char *loss, *optimizer;    /* as the user wrote them: "CrossEntropyLoss()"; null: none */
    const char *isa, *march;         /* what the kernels were compiled for: "AVX-512" to people,
                                        "x86-64-v4" on command lines */
    const char *features;            /* what the processor must have for it: "avx512f avx512vl" */
    /* Makes the BLAS that kernels call ready and names it; false: it must not be called by several
     * threads. null: nothing calls one. */
    bool (*open_blas)(char name[RT_BLAS_NAME]);
    rt_dtype real;                   /* RT_F32 or RT_F64: inputs, weights, outputs, scalars */
    const char *math;                /* how exact products are: seqc's --math */
    int64_t capacity;                /* largest batch */
    int input_rank, target_rank, output_rank;
    int64_t input[RT_MAX_RANK], target[RT_MAX_RANK], output[RT_MAX_RANK];   /* one sample's shape */
    rt_target_kind target_kind;
    int64_t n_classes;               /* class losses: number of classes, else 0 */
    bool ignores; int64_t ignore;    /* is there a label that counts nowhere? which */
    const rt_state *states;   int n_states;   int64_t state_bytes;
    const rt_graph *graphs;   int n_graphs;
    const rt_draw *draws;     int n_draws;
    const rt_load *loads;     int n_loads;
    const rt_layer *layers;   int n_layers;
    const rt_metric *metrics; int n_metrics;
    int n_scalars;                   /* what changes from step to step: lr, bias corrections */
    /* `lr` by groups; `steps`: of an epoch */
    void (*scalars)(const double *lr, double step, double steps, void *out);
    double lr;                       /* the optimizer's; 0 where there is none */
    const double *lrs; int n_lrs;    /* of its groups of parameters; null: one group */
    double (*schedule)(double lr, double done, double steps);   /* null: constant */
    bool schedule_steps;             /* `done` counts steps, not epochs */
    rt_plateau plateau;
    int64_t epochs;                  /* the file's num_epochs, 0: not said */
    int64_t seed; bool has_seed;     /* torch.manual_seed or `seed` */
    int64_t batch;                   /* default batch, <= capacity */
    int shuffle;                     /* 1, 0 as the file's DataLoader says; -1 not said */
    bool drop_last;
    bool loss_is_sum;                /* graphs return the batch's sum (reduction='sum') */
    int64_t least_batch;             /* that can be trained (batch normalisation); 0: any */
    const char *data;                /* the data set that the file names, "CIFAR10"; null: none */
    const char *root;                /* where the file says that it is; null: it does not */
    rt_transforms train, test;       /* of 8-bit images: in training; in all else */
    bool by_sample;                  /* infer_one runs batches of `infer`, sample by sample */
    const struct rt_cuda *cuda;      /* kernels of a model for CUDA (cuda.h); null: graphs are C */
} rt_model;

/* The whole program; returns its exit code. Never exits by itself. Owns nothing after return.
 * models: one for each instruction set, best first, then null. They differ in kernels and in how
 * states are stored. The first that the processor has is taken. */
int rt_main(const rt_model *const *models, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
