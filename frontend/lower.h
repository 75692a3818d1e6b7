/* frontend/lower.h: from the values of a model file to a module. Private to the room. */
#ifndef SEQC_FRONTEND_LOWER_H
#define SEQC_FRONTEND_LOWER_H
#include "frontend/value.h"

/* losses.def */
typedef enum {
    METRICS_NONE, METRICS_ACCURACY, METRICS_ERRORS, METRICS_HALVES, METRICS_LOGITS, METRICS_SIGNS
} Metrics;
/* Of elements, and of elements and a variance each; the others of rows [n,c] and a class each. */
typedef enum {
    LOSS_elements, LOSS_variances, LOSS_classes, LOSS_log_classes, LOSS_margins
} LossRule;
typedef struct LossInfo {
    const char *name, *signature;
    LossRule rule;
    Op op;
    TargetKind target;
    Metrics metrics;
} LossInfo;
extern const LossInfo fe_loss[];
extern const int fe_own_loss;                            /* the row of losses that c_loss made */
static inline bool fe_of_classes(const LossInfo *loss) { return loss->rule >= LOSS_classes; }

/* What a file (with the command line) says. */
typedef struct Roles {
    const char *model_name;
    Mod *model;
    LossObj *loss;               /* null: none */
    OptimObj *optim;
    SchedObj *schedule;          /* null: none */
    double clip_norm, clip_value;            /* 0: not clipped */
    LoaderObj *loader;
    const ImageSet *train_images, *test_images;   /* null: none */
    int64_t batch, epochs, seed; /* epochs, seed: -1 not said */
    Shape input;                 /* with the batch as axis 0 */
    bool has_input;
} Roles;

/* roles.c: false after an error. */
bool fe_roles(Interp *in, Roles *r);
void fe_unused_defines(Interp *in);

/* trace.c: one step of a run, as the chain of shapes shows it. */
typedef struct Step {
    const Mod *mod;              /* null: an operation of forward */
    const char *path, *text;
    Span at;
    Shape out;
    Val y;
    bool same_values;            /* in another order or shape */
} Step;
typedef struct Chain {
    Step *step; int n, cap;
    Shape input, output;
    const Shape *second;         /* of the other tensor, where a layer takes two */
    Val y;                       /* the model's result */
    int64_t batch;
} Chain;
/* A run of the model on a tensor that is a node: it checks shapes and builds. */
typedef struct Trace {
    Interp *in;
    Graph *g;
    bool training;
    bool asked;                  /* forward read self.training */
    int no_grad;                 /* > 0: in a function that is decorated with torch.no_grad() */
    Mod *owner;                  /* whose forward runs */
    Chain chain;
    Val x, out;
} Trace;
bool fe_check_model(Interp *in, const Roles *r);         /* before; false: reported */
Trace *fe_run_model(Interp *in, Module *m, const Roles *r, bool training);   /* null: reported */

/* shapes.c */
bool fe_input_shape(Interp *in, Roles *r);               /* infers it where it is not said */
/* Of a layer from s, that of its input, to that of its result; false: reported. */
bool fe_shape_layer(Interp *in, const Mod *m, const Chain *c, Shape *s);
const char *fe_shape_text(Arena *a, const Shape *s, int64_t n);
int fe_axis(int64_t i, const Shape *s);                  /* from 0; -1: not one of its axes */
bool fe_unflatten(const Mod *m, Shape *s);               /* false: the sizes do not fit */
int fe_softmax_axis(const Mod *m, const Shape *s);       /* from 0; may be out of range */
void fe_flatten_range(const Mod *m, const Shape *s, int *from, int *to);
void fe_check_loss(Interp *in, const Roles *r, const Chain *c);   /* warnings and misfits */

/* losses.c */
bool fe_check_weights(Interp *in, const LossObj *o, const Shape *out);

/* lower_loss.c */
/* The label that counts nowhere; false: the file names none. */
bool fe_ignored_label(const LossObj *o, int64_t *label);
/* How many samples of the batch have another label. */
Val fe_lower_counted(Graph *g, Arena *a, const LossObj *o, Val out, Val target, Loc loc);
/* What a target has as many elements as: the output, or the means in it. */
Shape fe_target_shape(const LossObj *o, const Shape *output);
Val fe_half(Graph *g, Val x, int which, Loc loc);        /* of the last axis */
Val fe_lower_loss(Graph *g, Arena *a, const LossObj *o, Val out, Val target, Loc loc);

/* The note with one line a layer, as far as the shapes are known. */
void fe_note_chain(Interp *in, const Chain *c);

/* What a layer's rules see: the layer, and the graph in which it runs. */
typedef struct Spot {
    Graph *g;
    Arena *a;
    Mod *m;
    const char *path;            /* "1": the name of its random streams */
    Loc loc;
    bool training;
    const Val *param;            /* the parameters as tensors; null: the layer's own */
    Val second;                  /* the other tensor of a layer that takes two */
    bool drawn_masks;            /* FeOpts.drawn_masks */
} Spot;
Val fe_layer_param(const Spot *p, int i);

/* layers.c: the arguments of a layer that stands alone, as F.relu; false: reported. */
bool fe_check_layer(Interp *in, const Call *c, Mod *m);

/* lower_layers.c */
Val fe_lower_layer(const Spot *p, Val x);                /* whose shapes fit */
/* Can its random numbers come in PyTorch's order? False: reported. */
bool fe_check_draws(Interp *in, const Mod *m);
/* An op's REAL attributes from the arguments of the same names: how many. */
int fe_real_attrs(const char *signature, Op op, Value *const *arg, Attr attr[8]);

/* layers.c */
/* Reports that argument i must be something else; false. */
bool fe_refuse(Interp *in, const Call *c, int i, const char *must);
Param *fe_new_param(Interp *in, Mod *m, const char *name, int rank, const int64_t *dim);
Param *fe_add_param(Interp *in, Mod *m, const char *name, int rank, const int64_t *dim);
void fe_draw_uniform(Interp *in, Param *p, double bound);
void fe_draw_weight(Interp *in, Param *p);               /* as Linear and convolutions do */

/* spatial.c: sizes along the axes after samples and channels. */
int fe_spatial(const Mod *m);                            /* 1 or 2, by the class's name */
/* Is argument i an integer, or one for each of `count` axes, each in [lo, hi]? False: reported. */
bool fe_sizes_ok(Interp *in, const Call *c, int i, int count, int64_t lo, int64_t hi);
/* Such an argument, once for each axis. False: it is None. */
bool fe_sizes(const Mod *m, const char *name, int count, int64_t *size);
const Value *fe_arg_of(const Mod *m, const char *name);  /* null: it has none of that name */
/* Argument i as an attribute of the layer, as PyTorch keeps it: conv.kernel_size[0]. */
Value *fe_kept_arg(Interp *in, const Mod *m, int i, Span at);
double fe_number_of(const Mod *m, const char *name);
bool fe_flag_of(const Mod *m, const char *name);
/* Has s so many axes after the channels? False: reported. */
bool fe_spatial_shape(Interp *in, const Mod *m, const Chain *c, const Shape *s);
const char *fe_sizes_text(Arena *a, const int64_t *size, int n);   /* 3x5 */
/* A constant of one axis, as elements of a tensor with `behind` more axes meet it. */
Val fe_axis_const(const Spot *p, const double *value, int n, int behind);

typedef bool CheckFn(Interp *in, const Call *c, Mod *m);
typedef bool ShapeFn(Interp *in, const Mod *m, const Chain *c, Shape *s);
typedef Val LowerFn(const Spot *p, Val x);
/* convs.c, pools.c, pads.c */
CheckFn fe_check_conv, fe_check_pool, fe_check_adaptive_pool, fe_check_pad, fe_check_upsample,
    fe_check_pixel_shuffle, fe_check_local_response_norm;
ShapeFn fe_shape_conv, fe_shape_conv_transpose, fe_shape_pool, fe_shape_adaptive_pool, fe_shape_pad,
    fe_shape_upsample, fe_shape_pixel_shuffle, fe_shape_pixel_unshuffle,
    fe_shape_local_response_norm, fe_shape_channel_dropout;
LowerFn fe_lower_conv, fe_lower_conv_transpose, fe_lower_max_pool, fe_lower_avg_pool,
    fe_lower_adaptive_max_pool, fe_lower_adaptive_avg_pool, fe_lower_pad, fe_lower_upsample,
    fe_lower_pixel_shuffle, fe_lower_pixel_unshuffle, fe_lower_local_response_norm;

/* norms.c */
bool fe_check_instance_norm(Interp *in, const Call *c, Mod *m);
bool fe_shape_instance_norm(Interp *in, const Mod *m, const Chain *c, Shape *s);
Val fe_lower_instance_norm(const Spot *p, Val x);
bool fe_check_batch_norm(Interp *in, const Call *c, Mod *m);
bool fe_check_layer_norm(Interp *in, const Call *c, Mod *m);
bool fe_check_group_norm(Interp *in, const Call *c, Mod *m);
int64_t fe_least_batch(const Chain *c);                  /* that can be trained; 0: any */
void fe_check_norms(Interp *in, const Roles *r, const Chain *c);   /* with the batch */
bool fe_shape_batch_norm(Interp *in, const Mod *m, const Chain *c, Shape *s);
bool fe_shape_layer_norm(Interp *in, const Mod *m, const Chain *c, Shape *s);
bool fe_shape_group_norm(Interp *in, const Mod *m, const Chain *c, Shape *s);
Val fe_lower_batch_norm(const Spot *p, Val x);
Val fe_lower_layer_norm(const Spot *p, Val x);
Val fe_lower_group_norm(const Spot *p, Val x);

/* datasets.c */
void fe_choose_images(const Interp *in, Roles *r);
/* What the training set's images are to the model, with the batch; false: not known. */
bool fe_images_shape(const Roles *r, Shape *s);
void fe_lower_images(Module *m, const Roles *r);

/* loads.c */
void fe_lower_loads(Module *m, const Interp *in);        /* after states have been made */

/* lower.c */
Val fe_reduce_all(Graph *g, Op op, Val x, Loc loc);      /* over all axes */
Module *fe_lower(Interp *in, const char *path, Roles *r);    /* null: reported */
Loc fe_loc(Module *m, const FeDiags *d, Span at);
#endif
