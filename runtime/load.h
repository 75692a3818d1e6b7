/* runtime/load.h: the parts of loading data; for runtime/data.c and its neighbours alone. */
#ifndef SEQC_RT_LOAD_H
#define SEQC_RT_LOAD_H
#include "runtime/data.h"
#include "runtime/files.h"

/* What the model takes and gives, in numbers that loaders need. */
typedef struct rt_needs {
    const rt_model *model;
    int64_t x_elems;             /* of one sample */
    int64_t y_elems;             /* of one target: 1 for a class index */
    int64_t classes;             /* 0: no class loss */
    bool probabilities;          /* class probabilities may serve as targets */
    bool index;                  /* class indices may */
} rt_needs;
bool rt_needs_of(rt_err *e, const rt_model *m, rt_needs *needs);

/* A CSV file as a set. `target` is --target or null. With targets, classes that the prep knows
 * number the names, else names found in the file are put into it. Without (predict), y is left
 * out. `keep_columns`: the prep's columns must all be there (eval), else they follow the file. */
typedef struct rt_csv_job {
    const char *path, *target;
    bool with_targets, keep_columns;
} rt_csv_job;
bool rt_load_csv(rt_err *e, rt_set *s, const rt_needs *needs, const rt_csv_job *job,
                 rt_prep *prep);

/* NPY or IDX files; y_path null: no targets. */
bool rt_load_arrays(rt_err *e, rt_set *s, const rt_needs *needs, const char *x_path,
                    const char *y_path);
/* The same of tensors in memory, which it takes over as far as it needs them; y null: no targets.
 * Paths are for messages. */
bool rt_take_arrays(rt_err *e, rt_set *s, const rt_needs *needs, rt_tensor *x, const char *x_path,
                    rt_tensor *y, const char *y_path);
/* The IDX or CIFAR files of a directory, or its folders of images; a set that is not there keeps
 * n == 0, neither there is an error. `one` loads the test set alone, or the training set where
 * there is no other. Names of classes go into a prep that has none. */
bool rt_load_directory(rt_err *e, rt_set *train, rt_set *test, const rt_needs *needs,
                       const char *path, bool one, rt_prep *prep);

/* A folder of folders of images, whose names go into a prep that has none. */
bool rt_load_folder(rt_err *e, rt_set *s, const rt_needs *needs, const char *path, rt_prep *prep);
/* An image file as a set of one; where the model's transforms do not make its input of that size,
 * the image is resized first, and the set's note says so. */
bool rt_load_photo(rt_err *e, rt_set *s, const rt_needs *needs, const char *path);
/* Row shot->row of a set that changes, before the table: in the studio, or in the set itself. */
bool rt_set_image(rt_err *e, const rt_set *s, rt_studio *studio, const rt_shot *shot, rt_image *x);

/* Same number of elements, and the same shape where both sides have more than one axis. */
bool rt_shapes_agree(const int64_t *a, int rank_a, const int64_t *b, int rank_b);

/* Range of x into low and high; with `finite` set, NaN and infinity are errors. */
bool rt_set_range(rt_err *e, rt_set *s, const char *path, bool finite);

/* May the set be normalised by its statistics? Not where the model file says what is done. */
bool rt_norm_fits(rt_err *e, rt_norm norm, const rt_set *s);
bool rt_prep_copy(rt_err *e, const rt_prep *from, rt_prep *to);
/* Statistics over the set's rows; replaces what the prep had. */
bool rt_prep_measure(rt_err *e, rt_prep *p, const rt_set *s, rt_norm norm);
/* Makes all rows of x what the model sees: in place, or by the table of a set of bytes. Once a set;
 * sets that share rows are made of one that is prepared (rt_set_view). */
bool rt_prep_apply(rt_err *e, const rt_prep *p, const rt_needs *needs, rt_set *s);

void rt_strings_free(char **strings, int64_t count);

/* Element i of an array of real numbers. */
double rt_real_get(const void *array, rt_dtype real, int64_t i);
void rt_real_put(void *array, rt_dtype real, int64_t i, double value);

#endif
