/* frontend/datasets.c: torchvision.datasets: which data the program is for, and what is done to
 * its images in training and in tests.
 *
 * The training set is that of the training loader, else the first that is none for tests; the test
 * set is another one. The program reads its data itself: --data says where they are. */
#include "frontend/images.h"
#include <string.h>

static const SetInfo sets[] = {
#define DATASET(name, signature, channels, height, width, files) \
    { #name, channels, height, width, files },
#include "frontend/datasets.def"
#undef DATASET
};

static const Value *argument(const Call *c, const char *name)
{
    int i = fe_arg(c, name);
    return i < 0 ? NULL : c->v[i];
}

static bool has(const Call *c, const char *name)
{
    const Value *v = argument(c, name);
    return v && v->kind != V_NONE && !(v->kind == V_BOOL && !v->u.b);
}

/* ---- sizes ---- */

/* Of an image on its way; height and width 0: not known. */
typedef struct Size { int64_t channels, height, width; } Size;

/* As torchvision's Resize of one side. */
static void resize_shorter(Size *s, int64_t size, int64_t most)
{
    bool tall = s->width <= s->height;
    if (!s->height) return;
    int64_t along = tall ? s->height : s->width, across = tall ? s->width : s->height;
    int64_t small = size, large = size * along / across;
    if (most && large > most) small = most * small / large, large = most;
    s->height = tall ? large : small;
    s->width = tall ? small : large;
}

static void step_size(const Transform *t, Size *s)
{
    int64_t a = (int64_t)t->value[0], b = (int64_t)t->value[1];
    switch (t->kind) {
    case TRANSFORM_RESIZE:
        if (b) s->height = a, s->width = b;
        else resize_shorter(s, a, (int64_t)t->value[2]);
        break;
    case TRANSFORM_PAD:
        if (!s->height) break;
        s->width += a + (int64_t)t->value[2];
        s->height += b + (int64_t)t->value[3];
        break;
    case TRANSFORM_CENTER_CROP:
    case TRANSFORM_RANDOM_CROP:
    case TRANSFORM_RANDOM_RESIZED_CROP: s->height = a, s->width = b; break;
    case TRANSFORM_GRAYSCALE: s->channels = a; break;
    default: break;
    }
}

static Size size_of(const ImageSet *s)
{
    Size size = { s->info->channels, s->info->height, s->info->width };
    for (int i = 0; s->steps && i < s->steps->n; i++) step_size(&s->steps->item[i].t, &size);
    return size;
}

/* Do the steps fit the images that reach them? */
static bool check_sizes(Interp *in, const ImageSet *s)
{
    Size size = { s->info->channels, s->info->height, s->info->width };
    for (int i = 0; s->steps && i < s->steps->n; i++) {
        const ImageStep *x = &s->steps->item[i];
        int64_t n = x->t.kind == TRANSFORM_NORMALIZE ? (int64_t)x->t.value[0] : 1;
        Size was = size;
        step_size(&x->t, &size);
        if (n != 1 && n != size.channels) {
            fe_report(in->d, x->at, DG(transform_channels), (int)n, s->info->name,
                      (int)size.channels);
            return false;
        }
        if (x->t.kind == TRANSFORM_RANDOM_CROP && was.height
            && (was.height < size.height || was.width < size.width)) {
            fe_report(in->d, x->at, DG(transform_crop), (long long)size.height,
                      (long long)size.width, s->info->name, (long long)was.height,
                      (long long)was.width);
            fe_help(in->d, "padding=4 makes room, or transforms.Resize before it");
            return false;
        }
    }
    return true;
}

/* ---- making ---- */

static void note_download(Interp *in, const Call *c, const SetInfo *info)
{
    int i = fe_arg(c, "download");
    if (i < 0 || !c->v[i]->u.b || in->said_download) return;
    in->said_download = true;
    fe_report(in->d, c->v_at[i], DG(download));
    fe_help(in->d, "PROGRAM train --data FOLDER reads %s", info->files);
}

Value *fe_make_dataset(Interp *in, const Call *c)
{
    static const char *const others[] = { "target_transform", "loader", "is_valid_file",
                                          "allow_empty" };
    ImageSet *s = arena_alloc(in->a, 1, sizeof *s);
    const Value *train = argument(c, "train"), *transform = argument(c, "transform");
    *s = (ImageSet){ .info = &sets[c->fn->row], .at = c->at,
                     .train = !train ? TRI_UNSET : train->u.b ? TRI_YES : TRI_NO };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (has(c, others[k])) {
            fe_report(in->d, c->v_at[fe_arg(c, others[k])], DG(argument_not_here), c->name,
                      others[k]);
            return fe_bad(in, c->at);
        }
    if (has(c, "transform") && transform->kind != V_TRANSFORM) {
        fe_report(in->d, c->v_at[fe_arg(c, "transform")], DG(not_a_transform),
                  fe_kind_name(transform));
        fe_help(in->d, "transforms.Compose([…, transforms.ToTensor()]) of torchvision's own");
        return fe_bad(in, c->at);
    }
    const Value *root = argument(c, "root");
    if (root->kind == V_STR && root->len > 0) s->root = root->u.s;
    if (has(c, "transform")) s->steps = transform->u.steps;
    if (s->steps && (!fe_check_steps(in, s->steps) || !check_sizes(in, s)))
        return fe_bad(in, c->at);
    note_download(in, c, s->info);
    Value *v = fe_val(in, V_IMAGES, c->at);
    v->u.images = s;
    in->images = arena_grow(in->a, in->images, (size_t)in->n_images, (size_t)in->n_images + 1,
                            sizeof *in->images);
    in->images[in->n_images++] = s;
    return v;
}

/* ---- roles ---- */

void fe_choose_images(const Interp *in, Roles *r)
{
    const ImageSet *train = r->loader ? r->loader->images : NULL;
    for (int i = 0; i < in->n_images && !train; i++)
        if (in->images[i]->train != TRI_NO) train = in->images[i];
    for (int i = 0; i < in->n_images && !r->test_images; i++)
        if (in->images[i] != train && in->images[i]->train != TRI_YES)
            r->test_images = in->images[i];
    for (int i = 0; i < in->n_images && !r->test_images; i++)
        if (in->images[i] != train) r->test_images = in->images[i];
    r->train_images = train ? train : r->test_images;
}

bool fe_images_shape(const Roles *r, Shape *s)
{
    Size size = r->train_images ? size_of(r->train_images) : (Size){ 0 };
    if (!size.height || !size.width) return false;
    *s = (Shape){ .rank = 4, .dim = { ir_dim_n(1), ir_dim(size.channels), ir_dim(size.height),
                                      ir_dim(size.width) } };
    return true;
}

/* A step of training for tests: random ones are left out, parts become the middle or the whole. */
static bool settled(Transform *t)
{
    Transform was = *t;
    switch (t->kind) {
    case TRANSFORM_RANDOM_CROP: t->kind = TRANSFORM_CENTER_CROP; return true;
    case TRANSFORM_RANDOM_RESIZED_CROP:
        *t = (Transform){ .kind = TRANSFORM_RESIZE,
                          .value = { was.value[0], was.value[1], 0, was.value[6] } };
        return true;
    case TRANSFORM_RANDOM_HORIZONTAL_FLIP:
    case TRANSFORM_RANDOM_VERTICAL_FLIP:
    case TRANSFORM_RANDOM_ROTATION:
    case TRANSFORM_COLOR_JITTER:
    case TRANSFORM_RANDOM_ERASING: return false;
    default: return true;
    }
}

/* `settle`: the set is another one's, and of training. */
static void lower_steps(Module *m, const Steps *s, bool test, bool settle)
{
    for (int i = 0; s && i < s->n; i++) {
        Transform t = s->item[i].t;
        if (settle && !settled(&t)) continue;
        t.test = test;
        ir_transform(m, t);
    }
}

void fe_lower_images(Module *m, const Roles *r)
{
    const ImageSet *train = r->train_images, *test = r->test_images;
    if (!train) return;
    m->prog.data = ir_intern(m, train->info->name);
    m->prog.root = ir_intern(m, train->root);
    lower_steps(m, train->steps, false, false);
    lower_steps(m, test ? test->steps : train->steps, true, !test);
}
