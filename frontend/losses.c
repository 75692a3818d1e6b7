/* frontend/losses.c: makes losses: checks their arguments. lower_loss.c makes nodes of them. */
#include "frontend/lower.h"
#include "frontend/tensor.h"
#include <math.h>
#include <string.h>

static Span where(const Call *c, int i) { return c->given[i] ? c->v_at[i] : c->at; }

static bool refuse(Interp *in, const Call *c, int i, const char *must)
{
    fe_report(in->d, where(c, i), DG(bad_choice), c->name, fe_arg_name(in->a, c, i), must,
              fe_repr(in->a, c->v[i]));
    return false;
}

/* `size_average` and `reduce`, which PyTorch left behind. */
static bool kept(Interp *in, const Call *c, const char *name)
{
    int i = fe_arg(c, name);
    if (i < 0 || c->v[i]->kind == V_NONE) return true;
    fe_report(in->d, c->v_at[i], DG(argument_not_here), c->name, name);
    fe_help(in->d, "reduction='mean' or reduction='sum' says it");
    return false;
}

/* What numbers PyTorch takes: at least `low`, or above it; up to `high`. */
static const struct { const char *name, *must; double low, high; bool open; } ranges[] = {
    { "beta", "at least 0", 0, INFINITY, false },
    { "delta", "above 0", 0, INFINITY, true },
    { "eps", "above 0", 0, INFINITY, true },
    { "margin", "a finite number", -INFINITY, INFINITY, true },
    { "label_smoothing", "from 0 to 1", 0, 1, false },
    { "ignore_index", "within -2^53 and 2^53", -0x1p53, 0x1p53, false },
};

static bool check_numbers(Interp *in, const Call *c)
{
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        double x;
        int i = fe_arg(c, ranges[k].name);
        if (i < 0 || !fe_number(c->v[i], &x)) continue;
        bool good = isfinite(x) && x <= ranges[k].high
            && (ranges[k].open ? x > ranges[k].low : x >= ranges[k].low);
        if (!good) return refuse(in, c, i, ranges[k].must);
    }
    int p = fe_arg(c, "p");
    return p < 0 || c->v[p]->u.i == 1 || c->v[p]->u.i == 2 || refuse(in, c, p, "1 or 2");
}

/* Weights: None, or a constant of real numbers with at most one axis. */
static bool check_tensor(Interp *in, const Call *c, const char *name)
{
    int i = fe_arg(c, name);
    if (i < 0 || c->v[i]->kind == V_NONE) return true;
    const Value *v = c->v[i];
    const char *wants = "a tensor of real numbers";
    if (v->kind == V_DATA)
        fe_report(in->d, c->v_at[i], DG(needs_content), c->name, name, wants, v->u.s);
    else if (v->kind != V_TENSOR || v->u.tensor->numpy)
        return refuse(in, c, i, "a tensor");
    else if (v->u.tensor->type != EL_FLOAT32 && v->u.tensor->type != EL_FLOAT64)
        return refuse(in, c, i, wants);
    else if (v->u.tensor->rank > 1)
        return refuse(in, c, i, "a tensor with one axis");
    else return true;
    return false;
}

static bool check_reduction(Interp *in, const Call *c, LossObj *o)
{
    int i = fe_arg(c, "reduction");
    const char *s = c->v[i]->u.s;
    bool batch = strcmp(c->name, "KLDivLoss") == 0;
    o->total = strcmp(s, "sum") == 0;
    o->batch_mean = batch && strcmp(s, "batchmean") == 0;
    if (o->total || o->batch_mean || strcmp(s, "mean") == 0) return true;
    refuse(in, c, i, batch ? "'mean', 'batchmean' or 'sum'" : "'mean' or 'sum'");
    if (strcmp(s, "none") == 0)
        fe_help(in->d, "a training step needs one number; 'none' gives one per sample");
    return false;
}

Value *fe_make_loss(Interp *in, const Call *c)
{
    LossObj *o = arena_alloc(in->a, 1, sizeof *o);
    *o = (LossObj){ .row = c->fn->row, .at = c->at, .text = fe_call_text(in, c, "", true) };
    memcpy(o->arg, c->v, sizeof o->arg);
    memcpy(o->arg_at, c->v_at, sizeof o->arg_at);
    memcpy(o->given, c->given, sizeof o->given);
    bool good = kept(in, c, "size_average") && kept(in, c, "reduce")
        && check_tensor(in, c, "weight") && check_tensor(in, c, "pos_weight")
        && check_numbers(in, c) && check_reduction(in, c, o);
    if (!good) return fe_bad(in, c->at);
    Value *v = fe_val(in, V_LOSS, c->at);
    v->u.loss = o;
    return v;
}

/* ---- with the model ---- */

bool fe_check_weights(Interp *in, const LossObj *o, const Shape *out)
{
    static const char *const names[] = { "weight", "pos_weight" };
    Fn fn = { .signature = fe_loss[o->row].signature };
    Call c = { .fn = &fn };
    int64_t last = out->dim[out->rank - 1].k;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        int i = fe_arg(&c, names[k]);
        if (i < 0 || o->arg[i]->kind != V_TENSOR) continue;
        const Tensor *t = o->arg[i]->u.tensor;
        bool rows = fe_of_classes(&fe_loss[o->row]);
        if (rows ? t->rank == 1 && t->n == last : t->n == last || t->n == 1) continue;
        fe_report(in->d, o->arg_at[i], DG(bad_choice), fe_loss[o->row].name, names[k],
                  arena_printf(in->a, "a tensor of %lld numbers, one for each %s", (long long)last,
                               rows ? "class" : "output"), fe_repr(in->a, o->arg[i]));
        return false;
    }
    return true;
}
