/* runtime/load_image.c: image files as data: folders of them, and one to predict (see load.h).
 *
 * Images of a folder are read when a batch needs them, by the thread that makes its sample. */
#include "runtime/decode.h"
#include "runtime/folder.h"
#include "runtime/load.h"
#include <inttypes.h>
#include <string.h>

enum { FILE_LIMIT_BYTES = 1 << 28 };

static bool read_image(rt_err *e, const char *path, rt_studio *studio, rt_image *x)
{
    return rt_file_read(e, path, FILE_LIMIT_BYTES, &studio->file)
        && rt_image_decode(e, path, &studio->file, &studio->pixels, &studio->scratch, x);
}

/* Will an image of this size be what the model takes? */
static bool becomes(rt_err *e, const rt_transforms *t, const char *path, const rt_image *x,
                    rt_size want)
{
    rt_size size = {x->channels, x->height, x->width};
    if (!rt_transforms_size(e, t, path, &size))
        return false;
    if (size.channels == want.channels && size.height == want.height && size.width == want.width)
        return true;
    rt_fail(e, RT_E_DATA, "%s: an image of %dx%d (height, width) becomes (%d, %d, %d), but the "
            "model takes (%d, %d, %d)", path, x->height, x->width, size.channels, size.height,
            size.width, want.channels, want.height, want.width);
    return rt_help(e, size.channels != want.channels
                          ? "Grayscale in the model file's transform makes one channel"
                          : "Resize with both sides, or CenterCrop behind it, in the model file's "
                            "transform");
}

bool rt_set_image(rt_err *e, const rt_set *s, rt_studio *studio, const rt_shot *shot, rt_image *x)
{
    const char *path = s->path ? s->path[shot->row] : NULL;
    if (path) {
        if (!read_image(e, path, studio, x) || !becomes(e, &s->transforms, path, x, s->taken))
            return false;
    } else {
        *x = (rt_image){s->stored.channels, s->stored.height, s->stored.width,
                        (uint8_t *)s->x + shot->row * s->row_elems};
    }
    return rt_transforms_image(e, &s->transforms, shot, studio, x);
}

/* ---- folders ---- */

/* Numbers of classes by the names that the weights know. */
static bool relabel(rt_err *e, const rt_folder *f, const rt_prep *prep, const char *path)
{
    char shown[RT_SHOW_TEXT];
    int64_t *number = rt_alloc(e, f->n_classes, (int64_t)sizeof *number, "classes");
    for (int64_t i = 0; number && i < f->n_classes; i++) {
        int64_t k = 0;
        while (k < prep->n_classes && strcmp(prep->classes[k], f->classes[i]))
            k++;
        number[i] = k;
        if (k < prep->n_classes)
            continue;
        rt_free(number);
        return rt_fail(e, RT_E_DATA, "%s: the folder %s is a class that the model was not trained "
                       "on", path, rt_show(shown, f->classes[i], strlen(f->classes[i])));
    }
    for (int64_t i = 0; number && i < f->n; i++)
        f->label[i] = number[f->label[i]];
    rt_free(number);
    return number != NULL;
}

static bool check_folder(rt_err *e, const rt_folder *f, const rt_needs *needs, const char *path)
{
    char shape[RT_SHAPE_TEXT];
    const rt_model *m = needs->model;
    if (!needs->index)
        return rt_fail(e, RT_E_DATA, "%s: folders of images say classes, but the model's loss "
                       "takes numbers", path);
    if (m->input_rank != 3 || (m->input[0] != 1 && m->input[0] != 3))
        return rt_fail(e, RT_E_DATA, "%s: holds images, but the model takes %s", path,
                       rt_shape_text(shape, m->input, m->input_rank));
    if (f->n_classes <= needs->classes)
        return true;
    return rt_fail(e, RT_E_DATA, "%s: %" PRId64 " folders are as many classes, but the model has %"
                   PRId64, path, f->n_classes, needs->classes);
}

bool rt_load_folder(rt_err *e, rt_set *s, const rt_needs *needs, const char *path, rt_prep *prep)
{
    rt_folder f = {0};
    const int64_t *input = needs->model->input;
    if (!rt_folder_list(e, path, &f))
        return false;
    bool ok = check_folder(e, &f, needs, path) && (!prep->classes || relabel(e, &f, prep, path));
    if (ok) {
        *s = (rt_set){.real = needs->model->real, .x_elems = needs->x_elems, .n = f.n, .rows = f.n,
                      .x_bytes = true, .path = f.path, .owner_path = f.path, .y = f.label,
                      .owner_y = f.label, .y_kind = RT_Y_INDEX, .y_elems = 1, .rank = 3,
                      .shape = {input[0], input[1], input[2]}, .transforms = needs->model->test};
        f.path = NULL;
        f.label = NULL;
        if (!prep->classes) {
            prep->classes = f.classes;
            prep->n_classes = f.n_classes;
            f.classes = NULL;
        }
    }
    rt_folder_free(&f);
    return ok;
}

/* ---- one image ---- */

/* Puts in `y` what of the image x the transforms can make the model's input of. */
static bool fit(rt_err *e, const rt_needs *needs, const char *path, rt_studio *studio, rt_image x,
                rt_image *y, char **note)
{
    const rt_model *m = needs->model;
    rt_size want = {(int)m->input[0], (int)m->input[1], (int)m->input[2]};
    rt_size made = {3, x.height, x.width};
    bool known = rt_transforms_size(NULL, &m->test, path, &made);
    rt_image grey = {want.channels == 1 && (!known || made.channels == 3) ? 1 : 3, x.height,
                     x.width, NULL};
    if (!rt_buf_reserve(e, &studio->front, (int64_t)grey.channels * x.height * x.width))
        return false;
    grey.plane = (uint8_t *)studio->front.data;
    if (grey.channels == 1)
        rt_image_grey(&x, &grey);
    else
        grey = x;
    *y = grey;
    if (becomes(NULL, &m->test, path, &grey, want))
        return true;
    *y = (rt_image){grey.channels, want.height, want.width, NULL};
    if (!rt_buf_reserve(e, &studio->back, (int64_t)y->channels * y->height * y->width))
        return false;
    y->plane = (uint8_t *)studio->back.data;
    *note = rt_format(e, "%s: %dx%d (height, width) was resized to %dx%d: the model file's "
                      "transform does not make the model's input of it", path, x.height, x.width,
                      y->height, y->width);
    return *note && rt_image_resize(e, &grey, y, RT_BILINEAR, &studio->scratch)
        && becomes(e, &m->test, path, y, want);
}

bool rt_load_photo(rt_err *e, rt_set *s, const rt_needs *needs, const char *path)
{
    const rt_model *m = needs->model;
    char shape[RT_SHAPE_TEXT], *note = NULL;
    rt_studio studio = {0};
    rt_image x, y;
    rt_tensor t = {0};
    bool sized = m->input_rank == 3 && (m->input[0] == 1 || m->input[0] == 3)
              && m->input[1] <= RT_IMAGE_SIDE && m->input[2] <= RT_IMAGE_SIDE;
    if (!sized)
        return rt_fail(e, RT_E_DATA, "%s: is an image, but the model takes %s", path,
                       rt_shape_text(shape, m->input, m->input_rank));
    bool ok = read_image(e, path, &studio, &x) && fit(e, needs, path, &studio, x, &y, &note)
           && rt_tensor_make(e, &t, RT_U8, 4, (int64_t[]){1, y.channels, y.height, y.width});
    if (ok)
        memcpy(t.data, y.plane, (size_t)t.bytes);
    ok = ok && rt_take_arrays(e, s, needs, &t, path, NULL, NULL);
    if (ok) {
        s->note = note;
        note = NULL;
    }
    rt_free(note);
    rt_tensor_free(&t);
    rt_studio_free(&studio);
    return ok;
}
