/* frontend/transforms.c: torchvision.transforms as steps of ir/transforms.def.
 *
 * A value is a list of steps, so that Compose joins lists. Whether a list makes a tensor of an
 * image is asked where a data set takes it. */
#include "frontend/images.h"
#include <math.h>
#include <string.h>

enum { MAX_STEPS = 64 };

typedef bool TransformRule(Interp *in, const Call *c, Steps *s);

static bool add(Interp *in, const Call *c, Steps *s, Transform t)
{
    if (s->n == MAX_STEPS) {
        fe_report(in->d, c->at, DG(transforms_many), MAX_STEPS);
        return false;
    }
    s->item = arena_grow(in->a, s->item, (size_t)s->n, (size_t)s->n + 1, sizeof *s->item);
    s->item[s->n++] = (ImageStep){ t, c->name, c->at };
    return true;
}

static bool refuse(Interp *in, const Call *c, const char *name, const char *must)
{
    int i = fe_arg(c, name);
    fe_report(in->d, c->given[i] ? c->v_at[i] : c->at, DG(bad_choice), c->name, name, must,
              fe_repr(in->a, c->v[i]));
    return false;
}

/* Numbers of a tuple, a list or a tensor, or one number alone: how many; 0 where there are none or
 * more than `most`. */
static int numbers(const Value *v, int most, double *x)
{
    if (fe_number(v, x)) return 1;
    if (v->kind == V_TENSOR) {
        const Tensor *t = v->u.tensor;
        for (int i = 0; i < t->n && i < most; i++) x[i] = t->x[i];
        return t->rank == 1 && t->n <= most ? (int)t->n : 0;
    }
    if ((v->kind != V_TUPLE && v->kind != V_LIST) || v->u.list->n > most) return 0;
    for (int i = 0; i < v->u.list->n; i++)
        if (!fe_number(v->u.list->item[i], &x[i])) return 0;
    return v->u.list->n;
}

/* ---- from an image to a tensor ---- */

static bool rule_to_tensor(Interp *in, const Call *c, Steps *s)
{
    return add(in, c, s, (Transform){ .kind = TRANSFORM_TO_TENSOR });
}

/* One number or one for each of three channels; how many, 0 after an error. */
static int of_channels(Interp *in, const Call *c, const char *name, bool scale, double x[3])
{
    int n = numbers(c->v[fe_arg(c, name)], 3, x);
    bool good = n == 1 || n == 3;
    for (int i = 0; i < n; i++) good &= fabs(x[i]) <= 1e30 && (!scale || x[i] >= 1e-30);
    if (!good)
        refuse(in, c, name, scale ? "one number above 0 for each channel (1 or 3)"
                                  : "one number for each channel (1 or 3)");
    for (int i = n; i < 3; i++) x[i] = x[0];
    return good ? n : 0;
}

static bool rule_normalize(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_NORMALIZE };
    int means = of_channels(in, c, "mean", false, t.value + 1);
    int stds = means ? of_channels(in, c, "std", true, t.value + 4) : 0;
    t.value[0] = means > stds ? means : stds;
    return stds && add(in, c, s, t);
}

/* ---- on images ---- */

/* A size of one or two whole numbers, 1 to 32767; with one, *width is 0. */
static bool size_of(Interp *in, const Call *c, double *height, double *width)
{
    double x[2] = { 0, 0 };
    int n = numbers(c->v[fe_arg(c, "size")], 2, x);
    bool good = n > 0;
    for (int i = 0; i < n; i++) good &= x[i] >= 1 && x[i] <= 32767 && x[i] == floor(x[i]);
    *height = x[0];
    *width = n == 2 ? x[1] : 0;
    return good || refuse(in, c, "size", "one or two whole numbers from 1 to 32767");
}

static bool square(Interp *in, const Call *c, double *height, double *width)
{
    if (!size_of(in, c, height, width)) return false;
    if (*width == 0) *width = *height;
    return true;
}

/* By its name in InterpolationMode, or Pillow's number. */
static bool filter_of(Interp *in, const Call *c, bool cubic, double *filter)
{
    static const struct { const char *path; int64_t number; } filters[] = {
        { "torchvision.transforms.InterpolationMode.NEAREST", 0 },
        { "torchvision.transforms.InterpolationMode.BILINEAR", 2 },
        { "torchvision.transforms.InterpolationMode.BICUBIC", 3 },
    };
    const Value *v = c->v[fe_arg(c, "interpolation")];
    for (int i = 0; i < 2 + cubic; i++)
        if ((v->kind == V_INT && v->u.i == filters[i].number)
            || (v->kind == V_FN && strcmp(v->u.fn->path, filters[i].path) == 0)) {
            *filter = i;
            return true;
        }
    return refuse(in, c, "interpolation", cubic ? "InterpolationMode.NEAREST, BILINEAR or BICUBIC"
                                                : "InterpolationMode.NEAREST or BILINEAR");
}

/* Whole numbers of bytes for three channels. */
static bool fill_of(Interp *in, const Call *c, double fill[3])
{
    int n = numbers(c->v[fe_arg(c, "fill")], 3, fill);
    bool good = n == 1 || n == 3;
    for (int i = 0; i < n; i++) good &= fill[i] >= 0 && fill[i] <= 255 && fill[i] == floor(fill[i]);
    for (int i = n; i < 3; i++) fill[i] = fill[0];
    return good || refuse(in, c, "fill", "one or three whole numbers from 0 to 255");
}

/* low and high of a pair, in order and within bounds. */
static bool range_of(Interp *in, const Call *c, const char *name, double least, double most,
                     double x[2])
{
    double pair[2];
    if (numbers(c->v[fe_arg(c, name)], 2, pair) != 2 || !(pair[0] <= pair[1]) || pair[0] < least
        || pair[1] > most)
        return refuse(in, c, name, arena_printf(in->a, "two ascending numbers from %g to %g", least,
                                                most));
    memcpy(x, pair, sizeof pair);
    return true;
}

static bool probability(Interp *in, const Call *c, double *p)
{
    fe_number(c->v[fe_arg(c, "p")], p);
    return (*p >= 0 && *p <= 1) || refuse(in, c, "p", "from 0 to 1");
}

/* Leaves nothing out that would change the result. */
static bool absent(Interp *in, const Call *c, const char *name)
{
    const Value *v = c->v[fe_arg(c, name)];
    if (v->kind == V_NONE || (v->kind == V_BOOL && !v->u.b)) return true;
    fe_report(in->d, c->v_at[fe_arg(c, name)], DG(argument_not_here), c->name, name);
    return false;
}

static bool rule_resize(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RESIZE };
    const Value *most = c->v[fe_arg(c, "max_size")];
    if (!size_of(in, c, &t.value[0], &t.value[1]) || !filter_of(in, c, true, &t.value[3]))
        return false;
    if (most->kind == V_INT) t.value[2] = (double)most->u.i;
    bool fits = t.value[1] == 0 && t.value[2] > t.value[0] && t.value[2] <= 32767;
    if (most->kind == V_INT && !fits)
        return refuse(in, c, "max_size", "above `size`, which is one number then");
    return add(in, c, s, t);
}

static bool rule_center_crop(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_CENTER_CROP };
    return square(in, c, &t.value[0], &t.value[1]) && add(in, c, s, t);
}

/* One number, (left and right, top and bottom), or left, top, right, bottom. */
static bool pad(Interp *in, const Call *c, Steps *s)
{
    static const char *const modes[] = { "constant", "edge", "reflect", "symmetric" };
    Transform t = { .kind = TRANSFORM_PAD };
    double x[4] = { 0 };
    int n = numbers(c->v[fe_arg(c, "padding")], 4, x), mode = 0;
    const char *word = c->v[fe_arg(c, "padding_mode")]->u.s;
    bool good = n == 1 || n == 2 || n == 4;
    for (int i = 0; i < n; i++) good &= x[i] >= 0 && x[i] <= 32767 && x[i] == floor(x[i]);
    if (!good) return refuse(in, c, "padding", "1, 2 or 4 whole numbers from 0 to 32767");
    while (mode < 4 && strcmp(word, modes[mode]) != 0) mode++;
    if (mode == 4)
        return refuse(in, c, "padding_mode", "'constant', 'edge', 'reflect' or 'symmetric'");
    for (int i = 0; i < 4; i++) t.value[i] = x[n == 1 ? 0 : n == 2 ? i % 2 : i];
    t.value[4] = mode;
    return fill_of(in, c, t.value + 5) && add(in, c, s, t);
}

static bool rule_pad(Interp *in, const Call *c, Steps *s) { return pad(in, c, s); }

static bool rule_random_crop(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_CROP };
    bool padded = c->v[fe_arg(c, "padding")]->kind != V_NONE;
    return square(in, c, &t.value[0], &t.value[1]) && absent(in, c, "pad_if_needed")
        && (!padded || pad(in, c, s)) && add(in, c, s, t);
}

static bool rule_random_resized_crop(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_RESIZED_CROP };
    return square(in, c, &t.value[0], &t.value[1])
        && range_of(in, c, "scale", 0, 1e9, &t.value[2])
        && range_of(in, c, "ratio", 1e-9, 1e9, &t.value[4])
        && filter_of(in, c, true, &t.value[6]) && add(in, c, s, t);
}

static bool rule_horizontal_flip(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_HORIZONTAL_FLIP };
    return probability(in, c, t.value) && add(in, c, s, t);
}

static bool rule_vertical_flip(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_VERTICAL_FLIP };
    return probability(in, c, t.value) && add(in, c, s, t);
}

static bool rule_rotation(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_ROTATION };
    double degrees;
    if (fe_number(c->v[fe_arg(c, "degrees")], &degrees)) {
        if (!(degrees >= 0 && degrees <= 1e6))
            return refuse(in, c, "degrees", "at least 0, or a pair");
        t.value[0] = -degrees, t.value[1] = degrees;
    } else if (!range_of(in, c, "degrees", -1e6, 1e6, t.value)) {
        return false;
    }
    return filter_of(in, c, false, &t.value[2]) && absent(in, c, "expand")
        && absent(in, c, "center") && fill_of(in, c, t.value + 3) && add(in, c, s, t);
}

/* x means center - x to center + x. */
static bool jitter_of(Interp *in, const Call *c, const char *name, double center, double least,
                      double most, double x[2])
{
    double one;
    if (!fe_number(c->v[fe_arg(c, name)], &one)) return range_of(in, c, name, least, most, x);
    if (!(one >= 0 && center + one <= most))
        return refuse(in, c, name,
                      center == 0 ? "from 0 to 0.5, or a pair" : "at least 0, or a pair");
    x[0] = fmax(center - one, least);
    x[1] = center + one;
    return true;
}

static bool rule_color_jitter(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_COLOR_JITTER };
    return jitter_of(in, c, "brightness", 1, 0, 1e6, &t.value[0])
        && jitter_of(in, c, "contrast", 1, 0, 1e6, &t.value[2])
        && jitter_of(in, c, "saturation", 1, 0, 1e6, &t.value[4])
        && jitter_of(in, c, "hue", 0, -0.5, 0.5, &t.value[6]) && add(in, c, s, t);
}

static bool rule_grayscale(Interp *in, const Call *c, Steps *s)
{
    int64_t n = c->v[0]->u.i;
    if (n != 1 && n != 3) return refuse(in, c, "num_output_channels", "1 or 3");
    return add(in, c, s, (Transform){ .kind = TRANSFORM_GRAYSCALE, .value = { (double)n } });
}

static bool rule_erasing(Interp *in, const Call *c, Steps *s)
{
    Transform t = { .kind = TRANSFORM_RANDOM_ERASING };
    const Value *value = c->v[fe_arg(c, "value")];
    if (!probability(in, c, t.value) || !range_of(in, c, "scale", 0, 1, &t.value[1])
        || !range_of(in, c, "ratio", 1e-9, 1e9, &t.value[3])) return false;
    t.value[5] = value->kind == V_STR && strcmp(value->u.s, "random") == 0;
    if (t.value[5] != 0) return add(in, c, s, t);
    int n = numbers(value, 3, &t.value[6]);
    bool good = n == 1 || n == 3;
    for (int i = 0; i < n; i++) good &= fabs(t.value[6 + i]) <= 1e30;
    if (!good) return refuse(in, c, "value", "one number, one for each channel, or 'random'");
    for (int i = n; i < 3; i++) t.value[6 + i] = t.value[6];
    return add(in, c, s, t);
}

/* ---- lists ---- */

static bool rule_compose(Interp *in, const Call *c, Steps *s)
{
    const Value *v = c->v[0];
    if (v->kind != V_LIST && v->kind != V_TUPLE) return refuse(in, c, "transforms", "a list");
    for (int i = 0; i < v->u.list->n; i++) {
        const Value *part = v->u.list->item[i];
        if (part->kind != V_TRANSFORM) {
            fe_report(in->d, part->at.src ? part->at : c->at, DG(not_a_transform),
                      fe_kind_name(part));
            if (part->kind == V_FN)
                fe_help(in->d, "write %s with parentheses", fe_last_part(part->u.fn->path));
            return false;
        }
        for (int k = 0; k < part->u.steps->n; k++) {
            const ImageStep *x = &part->u.steps->item[k];
            Call of = { .name = x->name, .at = x->at };
            if (!add(in, &of, s, x->t)) return false;
        }
    }
    return true;
}

static TransformRule *const rules[] = {
#define IMAGE_TRANSFORM(name, signature, rule) rule_##rule,
#include "frontend/transforms.def"
#undef IMAGE_TRANSFORM
};

Value *fe_make_transform(Interp *in, const Call *c)
{
    Steps *s = arena_alloc(in->a, 1, sizeof *s);
    s->at = c->at;
    if (!rules[c->fn->row](in, c, s)) return fe_bad(in, c->at);
    Value *v = fe_val(in, V_TRANSFORM, c->at);
    v->u.steps = s;
    return v;
}

/* Does `t` do the same before `to` as behind it? What only moves pixels does, but not where it adds
 * zeros to what Normalize has shifted. */
static bool commutes(const Transform *t, const Transform *to)
{
    bool over = to->kind == TRANSFORM_TO_TENSOR || to->kind == TRANSFORM_NORMALIZE;
    if (t->kind == TRANSFORM_CENTER_CROP) return to->kind == TRANSFORM_TO_TENSOR;
    return over && (t->kind == TRANSFORM_RANDOM_HORIZONTAL_FLIP || t->kind == TRANSFORM_RANDOM_CROP
                    || t->kind == TRANSFORM_RANDOM_VERTICAL_FLIP);
}

/* Flips and crops may stand behind ToTensor: they are done before it. */
static void move_before(Steps *s)
{
    for (int i = 1; i < s->n; i++)
        for (int k = i; k > 0 && commutes(&s->item[k].t, &s->item[k - 1].t); k--) {
            ImageStep kept = s->item[k];
            s->item[k] = s->item[k - 1];
            s->item[k - 1] = kept;
        }
}

bool fe_check_steps(Interp *in, Steps *s)
{
    bool tensor = false;
    move_before(s);
    for (int i = 0; i < s->n; i++) {
        const ImageStep *x = &s->item[i];
        bool first = x->t.kind == TRANSFORM_TO_TENSOR;
        if (tensor != (first || !ir_transform_info[x->t.kind].tensor)) {
            tensor |= first;
            continue;
        }
        fe_report(in->d, x->at, DG(transform_order), x->name, tensor ? "after" : "before",
                  tensor ? "an image" : "a tensor");
        fe_help(in->d, first ? "leave the second one out" : "put it %s ToTensor()",
                tensor ? "before" : "behind");
        return false;
    }
    if (tensor) return true;
    fe_report(in->d, s->at, DG(transform_image));
    fe_help(in->d, "transforms.Compose([…, transforms.ToTensor()])");
    return false;
}
