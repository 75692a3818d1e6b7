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
    return v && v->kind != V_NONE;
}

/* Means and deviations must be as many as the channels that reach them. */
static bool check_channels(Interp *in, const ImageSet *s)
{
    for (int i = 0; s->steps && i < s->steps->n; i++) {
        const ImageStep *x = &s->steps->item[i];
        int64_t n = x->t.kind == TRANSFORM_NORMALIZE ? (int64_t)x->t.value[0] : 1;
        if (n == 1 || n == s->info->channels) continue;
        fe_report(in->d, x->at, DG(transform_channels), (int)n, s->info->name,
                  (int)s->info->channels);
        return false;
    }
    return true;
}

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
    static const char *const others[] = { "target_transform", "loader", "is_valid_file" };
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
    if (has(c, "transform")) s->steps = transform->u.steps;
    if (s->steps && (!fe_check_steps(in, s->steps) || !check_channels(in, s)))
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
    const ImageSet *set = r->train_images;
    if (!set || !set->info->height) return false;
    *s = (Shape){ .rank = 4, .dim = { ir_dim_n(1), ir_dim(set->info->channels),
                                      ir_dim(set->info->height), ir_dim(set->info->width) } };
    return true;
}

static void lower_steps(Module *m, const Steps *s, bool test)
{
    for (int i = 0; s && i < s->n; i++) {
        Transform t = s->item[i].t;
        t.test = test;
        ir_transform(m, t);
    }
}

void fe_lower_images(Module *m, const Roles *r)
{
    const ImageSet *test = r->test_images ? r->test_images : r->train_images;
    if (!r->train_images) return;
    m->prog.data = ir_intern(m, r->train_images->info->name);
    lower_steps(m, r->train_images->steps, false);
    lower_steps(m, test->steps, true);
}
