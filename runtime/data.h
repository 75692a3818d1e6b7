/* runtime/data.h: the data set that a program trains on, evaluates or predicts.
 *
 * Loads CSV, NPY (with a file of labels), directories of IDX or CIFAR's files and folders of
 * images, checks them against the model, keeps 8-bit images as bytes, and hands out batches in the
 * model's own type. Everything that must be known again at prediction time (normalisation, class
 * names, columns) is an rt_prep, which travels in the weights' metadata. */
#ifndef SEQC_RT_DATA_H
#define SEQC_RT_DATA_H
#include "runtime/base.h"
#include "runtime/files.h"
#include "runtime/rt.h"
#include "runtime/transforms.h"

typedef enum rt_norm { RT_NORM_NONE, RT_NORM_ZSCORE, RT_NORM_MINMAX } rt_norm;
bool rt_norm_parse(rt_err *e, const char *text, rt_norm *norm);    /* RT_E_USAGE otherwise */
const char *rt_norm_name(rt_norm norm);

/* How raw values become the model's input: element i of a sample is in group i / (elems / groups),
 * x' = (x - shift[group]) * scale[group]; 8-bit values are x / 255 before that, unless the model
 * file says what becomes of them. Starts as {0}. */
typedef struct rt_prep {
    rt_norm norm;
    int64_t groups;              /* 0 where norm is RT_NORM_NONE */
    double *shift, *scale;       /* [groups] */
    char **classes;              /* [n_classes], each once; null: targets were indices */
    int64_t n_classes;
    char **columns;              /* [n_columns]: names of the input columns; null: no header */
    int64_t n_columns;
    char **targets;              /* [n_targets]: names of the target columns; null: no header */
    int64_t n_targets;
} rt_prep;

void rt_prep_free(rt_prep *p);                                     /* leaves {0} */
/* classes.c: gives names to classes that have none, where the model's data set has them. */
bool rt_name_classes(rt_err *e, const rt_model *m, rt_prep *prep);
/* Metadata keys "seqc.normalize", "seqc.shift", "seqc.scale", "seqc.classes", "seqc.columns",
 * "seqc.targets"; all but the first hold JSON lists. Reading checks everything against the model;
 * `path` is for messages. */
bool rt_prep_to_meta(rt_err *e, const rt_prep *p, rt_tensors *list);
bool rt_prep_from_meta(rt_err *e, const rt_tensors *list, const char *path, const rt_model *m,
                       rt_prep *out);

/* What the samples' targets are. */
typedef enum rt_y_kind {
    RT_Y_NONE,                   /* predict */
    RT_Y_INDEX,                  /* int64 class indices */
    RT_Y_REAL                    /* the model's real type: targets, or class probabilities */
} rt_y_kind;

/* PyTorch's default of `ignore_index`; here the model file says it where its data have such
 * labels. */
enum { RT_USUAL_IGNORE = -100 };
/* Is it a class, or the label that counts nowhere? */
bool rt_label_ok(const rt_model *m, int64_t label);
/* What to do about one that is neither; `otherwise` where it is not PyTorch's default. */
bool rt_label_help(rt_err *e, int64_t label, const char *otherwise);

/* Rows of samples. Sets made by a split share x and y and differ in `pick`. */
typedef struct rt_set {
    char *name;                  /* for people: "fashion-mnist", "iris.csv" */
    int64_t n;                   /* samples; 0: there is no such set */
    int64_t *pick;               /* [n] rows of x and y; null: all in order */
    int64_t rows;                /* that x and y have */
    bool x_bytes;                /* x is uint8_t, of an image; else the model's real type */
    char **path;                 /* [rows]: files of the images, and x is null; null: x has them */
    void *x;                     /* [rows][row_elems] */
    void *y;                     /* [rows][y_elems] */
    int64_t row_elems;           /* bytes: of a sample as it is stored; else x_elems */
    int64_t x_elems, y_elems;    /* of a sample for the model; y_elems 1 for a class index */
    rt_y_kind y_kind;
    int rank;                    /* one sample's shape as the file says it */
    int64_t shape[RT_FILE_RANK];
    double low, high;            /* range of the values after x/255, before normalisation */
    rt_dtype real;
    void *owner_x, *owner_y, *owner_path;    /* what rt_data_free releases; null where shared */
    char *note;                  /* for people: what was done to make it fit; null: nothing */
    rt_transforms transforms;    /* bytes: what is done to them; the model's */
    bool changes;                /* bytes: images that transforms change, beyond a table */
    rt_size stored, taken;       /* then: its size as it is stored, as the model takes it */
    uint64_t seed, epoch;        /* of random steps */
    void *table;                 /* bytes: [groups][256] of real, what each byte becomes */
    int64_t table_groups;
} rt_set;

typedef struct rt_data {
    rt_set train, val, test;     /* n == 0: none */
    rt_prep prep;
} rt_data;

typedef enum rt_purpose {
    RT_FOR_TRAIN,                /* train, val where asked for, test where a directory has one */
    RT_FOR_EVAL                  /* test alone: a directory's test set, else all there is */
} rt_purpose;

typedef struct rt_data_options {
    rt_purpose purpose;
    const char *data, *labels, *target, *val;    /* null: not given */
    double val_split;            /* share of the training rows, 0 <= share < 1 */
    rt_norm norm;                /* RT_FOR_TRAIN; RT_FOR_EVAL takes it from `prep` */
    uint64_t seed;               /* of the split, which draws from a generator of its own */
    const rt_prep *prep;         /* what the weights' metadata say; null: nothing */
} rt_data_options;

/* Loads and checks everything. Training from weights that have a prep keeps its classes, and its
 * normalisation unless `norm` asks for one. *d is {0} after a failure. */
bool rt_data_load(rt_err *e, rt_data *d, const rt_model *m, const rt_data_options *o);
/* Inputs alone, for predict: one NPY, CSV or IDX file, or an image. A CSV may hold further columns
 * where the prep knows the names of the inputs. */
bool rt_data_load_inputs(rt_err *e, rt_set *s, const rt_model *m, const char *path,
                         const rt_prep *prep);
void rt_set_free(rt_set *s);
void rt_data_free(rt_data *d);

/* n samples of a set, by their positions 0 .. set->n-1: index[0 .. n-1], or where that is null,
 * n from `first` on. images: [n][x_elems] bytes before the table, where they are made already. */
typedef struct rt_pick { const int64_t *index; int64_t first, n; const uint8_t *images; } rt_pick;
/* Copies samples to x_out [n][x_elems] of the model's real type and y_out [n][y_elems] of int64_t
 * or real; y_out may be null. Images are changed in the studio, which is one thread's. */
bool rt_data_gather(rt_err *e, const rt_set *s, rt_studio *studio, const rt_pick *pick,
                    void *x_out, void *y_out);

/* Sum over samples and elements of (target - its element's mean)^2, in double: R² divides by it. */
double rt_data_target_squares(const rt_set *s);

#endif
