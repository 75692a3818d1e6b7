/* runtime/load_array.c: NPY and IDX files as data sets (see load.h).
 *
 * Bytes stay bytes. Other numbers become the model's real type, in place where they have it
 * already. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/idx.h"
#include "runtime/load.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- one file ---- */

static bool read_array(rt_err *e, const char *path, rt_tensor *t)
{
    rt_file_kind kind;
    if (!rt_file_sniff(e, path, &kind))
        return false;
    switch (kind) {
    case RT_FILE_NPY: return rt_npy_read(e, path, t);
    case RT_FILE_IDX:
    case RT_FILE_GZIP: return rt_idx_read(e, path, t);
    case RT_FILE_DIRECTORY:
        return rt_fail(e, RT_E_DATA, "%s: is a directory; an NPY or IDX file is needed here", path);
    case RT_FILE_ZIP:
        rt_fail(e, RT_E_DATA, "%s: is an archive (NPZ or zip)", path);
        return rt_help(e, "store its arrays one by one: np.save('x.npy', archive['x'])");
    case RT_FILE_SAFETENSORS:
        return rt_fail(e, RT_E_DATA, "%s: is a weight file, not data", path);
    case RT_FILE_IMAGE:
        rt_fail(e, RT_E_DATA, "%s: is one image; predict takes one", path);
        return rt_help(e, "images to train on lie in a folder for each class, and those in "
                          "--data FOLDER");
    case RT_FILE_TEXT: break;
    }
    return rt_fail(e, RT_E_DATA, "%s: is neither an NPY nor an IDX file", path);
}

/* The tensor's elements as real numbers; takes its memory over where they are that already. */
static bool take_real(rt_err *e, rt_tensor *t, rt_dtype real, const char *what, void **data,
                      void **owner)
{
    if (t->dtype == real) {
        *data = t->data;
        *owner = t->owner;
        t->owner = NULL;
        return true;
    }
    *data = *owner = rt_alloc_raw(e, t->elems, rt_dtype_bytes(real), what);
    for (int64_t i = 0; *data && i < t->elems; i++)
        rt_real_put(*data, real, i, rt_tensor_number(t, i));
    return *data != NULL;
}

/* ---- inputs ---- */

/* The shape without its ones; returns the rank. */
static int squeeze(const int64_t *shape, int rank, int64_t *out)
{
    int count = 0;
    for (int i = 0; i < rank; i++)
        if (shape[i] != 1)
            out[count++] = shape[i];
    return count;
}

bool rt_shapes_agree(const int64_t *a, int rank_a, const int64_t *b, int rank_b)
{
    int64_t a_elems, b_elems, a_plain[RT_FILE_RANK], b_plain[RT_FILE_RANK];
    if (!rt_elems(a, rank_a, &a_elems) || !rt_elems(b, rank_b, &b_elems) || a_elems != b_elems)
        return false;
    int a_count = squeeze(a, rank_a, a_plain), b_count = squeeze(b, rank_b, b_plain);
    if (a_count <= 1 || b_count <= 1)
        return true;
    return a_count == b_count && !memcmp(a_plain, b_plain, (size_t)a_count * sizeof *a_plain);
}

static bool wrong_shape(rt_err *e, const rt_needs *needs, const rt_tensor *t, const char *path)
{
    const rt_model *m = needs->model;
    char have[RT_SHAPE_TEXT], want[RT_SHAPE_TEXT];
    rt_fail(e, RT_E_DATA, "%s: samples of shape %s, but the model takes %s", path,
            rt_shape_text(have, t->shape + 1, t->rank - 1),
            rt_shape_text(want, m->input, m->input_rank));
    if (t->rank == 4 && m->input_rank == 3 && t->shape[3] == m->input[0]
        && t->shape[1] == m->input[1] && t->shape[2] == m->input[2])
        return rt_help(e, "PyTorch's order is channels first: x.transpose(0, 3, 1, 2)");
    return rt_help(e, "the first axis counts the samples");
}

static bool take_inputs(rt_err *e, rt_set *s, const rt_needs *needs, rt_tensor *t,
                        const char *path)
{
    const rt_model *m = needs->model;
    bool single = t->rank == m->input_rank && t->rank < RT_FILE_RANK
               && !memcmp(t->shape, m->input, (size_t)t->rank * sizeof *t->shape)
               && !(t->rank > 1 && rt_shapes_agree(t->shape + 1, t->rank - 1, m->input, t->rank));
    if (single) {    /* one sample without a batch axis */
        memmove(t->shape + 1, t->shape, (size_t)t->rank++ * sizeof *t->shape);
        t->shape[0] = 1;
    }
    if (t->rank < 1)
        return rt_fail(e, RT_E_DATA, "%s: is a single number", path);
    bool changes = t->dtype == RT_U8
                && (rt_transforms_change(&m->train) || rt_transforms_change(&m->test));
    if (!changes && !rt_shapes_agree(t->shape + 1, t->rank - 1, m->input, m->input_rank))
        return wrong_shape(e, needs, t, path);
    if (t->shape[0] < 1)
        return rt_fail(e, RT_E_DATA, "%s: holds no samples", path);
    s->n = s->rows = t->shape[0];
    s->rank = t->rank - 1;
    memcpy(s->shape, t->shape + 1, (size_t)s->rank * sizeof *s->shape);
    s->x_bytes = t->dtype == RT_U8;
    s->row_elems = t->elems / s->n;
    return take_real(e, t, s->x_bytes ? RT_U8 : s->real, path, &s->x, &s->owner_x);
}

/* ---- targets ---- */

static bool take_indices(rt_err *e, rt_set *s, const rt_needs *needs, const rt_tensor *t,
                         const char *path)
{
    int64_t *y = rt_alloc_raw(e, t->elems, (int64_t)sizeof *y, path);
    s->y = s->owner_y = y;
    for (int64_t i = 0; y && i < t->elems; i++) {
        y[i] = t->dtype == RT_I64 ? ((const int64_t *)t->data)[i] : (int64_t)rt_tensor_number(t, i);
        if (rt_label_ok(needs->model, y[i]))
            continue;
        rt_fail(e, RT_E_DATA, "%s: the label of sample %" PRId64 " (the first is 0) is %" PRId64
                ", but the model's %" PRId64 " classes are 0 to %" PRId64, path,
                i / needs->y_elems, y[i], needs->classes, needs->classes - 1);
        return rt_label_help(e, y[i], "has the model enough outputs?");
    }
    s->y_kind = RT_Y_INDEX;
    s->y_elems = needs->y_elems;
    return y != NULL;
}

static bool wrong_targets(rt_err *e, const rt_needs *needs, const rt_tensor *t, const char *path)
{
    char shape[RT_SHAPE_TEXT];
    rt_shape_text(shape, t->shape, t->rank);
    bool real = t->dtype == RT_F32 || t->dtype == RT_F64;
    rt_fail(e, RT_E_DATA, "%s: targets of shape %s and dtype %s do not fit the model's loss", path,
            shape, rt_dtype_name(t->dtype));
    if (needs->index && real && t->elems == t->shape[0])
        return rt_help(e, "class indices are integers: y.astype('int64')");
    if (needs->probabilities && !real)
        return rt_help(e, "integers are one class index a sample; probabilities or one-hot rows "
                          "are floats: y.astype('float32')");
    if (needs->probabilities)
        return rt_help(e, "it takes one integer a sample, or %" PRId64 " probabilities",
                       needs->classes);
    return rt_help(e, "it takes %" PRId64 " number%s a sample%s", needs->y_elems,
                   needs->y_elems == 1 ? "" : "s", needs->index ? ", integers" : "");
}

static bool take_targets(rt_err *e, rt_set *s, const rt_needs *needs, rt_tensor *t,
                         const char *x_path, const char *path)
{
    bool real = t->dtype == RT_F32 || t->dtype == RT_F64;
    if (t->rank < 1 || t->shape[0] != s->n)
        return rt_fail(e, RT_E_DATA, "%s: %" PRId64 " targets, but %s has %" PRId64 " samples",
                       path, t->rank < 1 ? 1 : t->shape[0], x_path, s->n);
    int64_t each = t->elems / s->n;
    if (needs->index && !real && each == needs->y_elems)
        return take_indices(e, s, needs, t, path);
    bool fits = needs->index ? real && needs->probabilities && each == needs->classes
                             : each == needs->y_elems;
    if (!fits)
        return wrong_targets(e, needs, t, path);
    s->y_kind = RT_Y_REAL;
    s->y_elems = each;
    if (!take_real(e, t, s->real, path, &s->y, &s->owner_y))
        return false;
    for (int64_t i = 0; i < s->n * each; i++)
        if (!isfinite(rt_real_get(s->y, s->real, i)))
            return rt_fail(e, RT_E_DATA, "%s: the target of sample %" PRId64 " (the first is 0) "
                           "is %g", path, i / each, rt_real_get(s->y, s->real, i));
    return true;
}

bool rt_take_arrays(rt_err *e, rt_set *s, const rt_needs *needs, rt_tensor *x, const char *x_path,
                    rt_tensor *y, const char *y_path)
{
    *s = (rt_set){.real = needs->model->real, .x_elems = needs->x_elems,
                  .transforms = needs->model->test};
    bool ok = take_inputs(e, s, needs, x, x_path)
           && (!y || take_targets(e, s, needs, y, x_path, y_path));
    if (!ok)
        rt_set_free(s);
    return ok;
}

bool rt_load_arrays(rt_err *e, rt_set *s, const rt_needs *needs, const char *x_path,
                    const char *y_path)
{
    rt_tensor x = {0}, y = {0};
    *s = (rt_set){0};
    bool ok = read_array(e, x_path, &x) && (!y_path || read_array(e, y_path, &y))
           && rt_take_arrays(e, s, needs, &x, x_path, y_path ? &y : NULL, y_path);
    rt_tensor_free(&x);
    rt_tensor_free(&y);
    return ok;
}
