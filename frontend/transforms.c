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

/* ---- lists that a data set takes ---- */

bool fe_check_steps(Interp *in, const Steps *s)
{
    bool tensor = false;
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
