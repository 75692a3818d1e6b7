/* frontend/shapes.c: the shape after a layer, and what to say where one does not fit.
 *
 * A layer's shape is known before its nodes are made, so that making nodes cannot fail on a user's
 * mistake. */
#include "frontend/lower.h"
#include <string.h>

static bool is_layer(const Mod *m, const char *name)
{
    return m->info && strcmp(m->info->name, name) == 0;
}

const char *fe_shape_text(Arena *a, const Shape *s, int64_t n)
{
    const char *text = "(";
    for (int i = 0; i < s->rank; i++) {
        Dim d = s->dim[i];
        const char *comma = i ? ", " : "";
        text = d.n && n == 0
                   ? (d.k == 1 ? arena_printf(a, "%s%sn", text, comma)
                               : arena_printf(a, "%s%s%lldn", text, comma, (long long)d.k))
                   : arena_printf(a, "%s%s%lld", text, comma, (long long)ir_dim_at(d, n));
    }
    return arena_printf(a, s->rank == 1 ? "%s,)" : "%s)", text);
}

void fe_note_chain(Interp *in, const Chain *c)
{
    enum { SHOWN = 24, WIDE = 48 };
    int from = c->n > SHOWN ? c->n - SHOWN : 0, width = 5;
    for (int i = from; i < c->n; i++) {
        int w = (int)strlen(c->step[i].text);
        if (w > width) width = w < WIDE ? w : WIDE;
    }
    const char *text = arena_printf(in->a, "      %-*s   %s", width, "input",
                                    fe_shape_text(in->a, &c->input, c->batch));
    if (from > 0) text = arena_printf(in->a, "%s\n      … %d layers", text, from);
    for (int i = from; i < c->n; i++) {
        const Step *s = &c->step[i];
        text = arena_printf(in->a, "%s\n%5u %-*.*s   %s", text, fe_place(in->d, s->at).line,
                            width, WIDE, s->text, fe_shape_text(in->a, &s->out, c->batch));
    }
    fe_note(in->d, (Span){ 0 }, "how the shape came about, batch %lld\n%s", (long long)c->batch,
            text);
}

typedef bool ShapeRule(Interp *in, const Mod *m, const Chain *c, Shape *s);

static int64_t sample_elems(const Shape *s)
{
    int64_t n = 1;
    for (int i = 1; i < s->rank; i++) n *= s->dim[i].k;
    return n;
}

static bool shape_linear(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int64_t takes = m->arg[0]->u.i, out = m->arg[1]->u.i, gets = s->dim[s->rank - 1].k;
    if (s->rank >= 2 && gets == takes) {
        s->dim[s->rank - 1] = ir_dim(out);
        return true;
    }
    fe_report(in->d, m->arg_at[0], DG(linear_features), (long long)takes, (long long)gets);
    fe_note_chain(in, c);
    if (s->rank > 2 && sample_elems(s) == takes)
        fe_help(in->d, "nn.Flatten() in front of it makes %lld features of %s", (long long)takes,
                fe_shape_text(in->a, s, c->batch));
    else
        fe_help(in->d, "in_features is %lld here: nn.Linear(%lld, %lld%s)", (long long)gets,
                (long long)gets, (long long)out, m->arg[2]->u.b ? "" : ", bias=False");
    return false;
}

/* Two tensors that differ in the size of the last axis at most. */
static bool shape_bilinear(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    Shape second = *c->second;
    for (int i = 0; i < 2; i++) {
        const Shape *x = i ? &second : s;
        if (x->rank >= 2 && x->dim[x->rank - 1].k == m->arg[i]->u.i) continue;
        fe_report(in->d, m->arg_at[i].src ? m->arg_at[i] : m->at, DG(bilinear_features), i + 1,
                  (long long)m->arg[i]->u.i, fe_shape_text(in->a, x, c->batch));
        fe_note_chain(in, c);
        return false;
    }
    second.dim[second.rank - 1] = s->dim[s->rank - 1];
    if (!ir_shape_eq(&second, s)) {
        fe_report(in->d, m->at, DG(forward_shape), "Bilinear",
                  arena_printf(in->a, "%s and %s differ in more than the last axis",
                               fe_shape_text(in->a, s, c->batch),
                               fe_shape_text(in->a, c->second, c->batch)));
        fe_note_chain(in, c);
        return false;
    }
    s->dim[s->rank - 1] = ir_dim(m->arg[2]->u.i);
    return true;
}

static bool shape_identity(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    (void)in, (void)m, (void)c, (void)s;
    return true;
}
#define shape_elementwise shape_identity
#define shape_gelu shape_identity
#define shape_dropout shape_identity
#define shape_alpha_dropout shape_identity
#define shape_rrelu shape_identity

void fe_flatten_range(const Mod *m, const Shape *s, int *from, int *to)
{
    int64_t a = m->arg[0]->u.i, b = m->arg[1]->u.i, r = s->rank;
    *from = (int)(a < -r || a >= r ? -1 : a < 0 ? a + r : a);
    *to = (int)(b < -r || b >= r ? -1 : b < 0 ? b + r : b);
}

static bool shape_flatten(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int from, to;
    fe_flatten_range(m, s, &from, &to);
    if (from < 0 || to < 0 || from > to) {
        fe_report(in->d, m->at, DG(flatten_range), (long long)m->arg[0]->u.i,
                  (long long)m->arg[1]->u.i, s->rank);
        fe_note_chain(in, c);
        return false;
    }
    if (from == 0 && to > 0) {
        fe_report(in->d, m->at, DG(flatten_batch));
        fe_note_chain(in, c);
        return false;
    }
    for (int i = from + 1; i <= to; i++) s->dim[from].k *= s->dim[i].k;
    memmove(&s->dim[from + 1], &s->dim[to + 1], sizeof s->dim[0] * (size_t)(s->rank - to - 1));
    s->rank = (uint8_t)(s->rank - (to - from));
    return true;
}

static bool misfit(Interp *in, const Mod *m, const Chain *c, int arg, const char *must)
{
    Fn fn = { .signature = m->info->signature };
    Call call = { .fn = &fn };
    fe_report(in->d, m->arg_at[arg].src ? m->arg_at[arg] : m->at, DG(bad_choice), m->info->name,
              fe_arg_name(in->a, &call, arg), must, fe_repr(in->a, m->arg[arg]));
    fe_note_chain(in, c);
    return false;
}

static bool shape_prelu(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int64_t slopes = m->arg[0]->u.i;
    if (slopes == 1 || (s->rank > 1 && s->dim[1].k == slopes)) return true;
    return misfit(in, m, c, 0, s->rank < 2 ? "1"
                  : arena_printf(in->a, "1 or %lld, the size of axis 1", (long long)s->dim[1].k));
}

int fe_axis(int64_t i, const Shape *s)
{
    return (int)(i < -s->rank || i >= s->rank ? -1 : i < 0 ? i + s->rank : i);
}

static bool shape_glu(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int axis = fe_axis(m->arg[0]->u.i, s);
    if (axis < 1 || s->dim[axis].k % 2 || s->rank == IR_MAX_RANK)
        return misfit(in, m, c, 0, "an axis of even size, and not the first");
    s->dim[axis].k /= 2;
    return true;
}

bool fe_unflatten(const Mod *m, Shape *s)
{
    const List *l = m->arg[1]->u.list;
    int axis = fe_axis(m->arg[0]->u.i, s), open = -1, n = l->n;
    int64_t known = 1;
    if (axis < 1 || s->rank + n - 1 > IR_MAX_RANK) return false;
    int64_t whole = s->dim[axis].k;
    memmove(&s->dim[axis + n], &s->dim[axis + 1],
            sizeof s->dim[0] * (size_t)(s->rank - axis - 1));
    for (int i = 0; i < n; i++) {
        int64_t size = l->item[i]->u.i;
        if (size == -1 && open >= 0) return false;
        if (size == -1) open = i;
        else if (__builtin_mul_overflow(known, size, &known)) return false;
        s->dim[axis + i] = ir_dim(size);
    }
    s->rank = (uint8_t)(s->rank + n - 1);
    if (open >= 0 && whole % known == 0) s->dim[axis + open] = ir_dim(whole / known);
    return open >= 0 ? whole % known == 0 : whole == known;
}

static bool shape_unflatten(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int axis = fe_axis(m->arg[0]->u.i, s);
    if (axis < 1) return misfit(in, m, c, 0, "an axis of the tensor, and not the first");
    long long whole = s->dim[axis].k;
    if (fe_unflatten(m, s)) return true;
    return misfit(in, m, c, 1, arena_printf(in->a, "sizes whose product is %lld, and a tensor of "
                                            "at most %d axes", whole, IR_MAX_RANK));
}

int fe_softmax_axis(const Mod *m, const Shape *s)
{
    const Value *v = m->arg[0];
    if (v->kind != V_INT) return s->rank == 1 || s->rank == 3 ? 0 : 1;
    return fe_axis(v->u.i, s);
}

static bool shape_softmax(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int axis = fe_softmax_axis(m, s);
    Span at = m->arg[0]->kind == V_INT ? m->arg_at[0] : m->at;
    if (axis < 0) {
        fe_report(in->d, at, DG(softmax_dim), m->info->name, (long long)m->arg[0]->u.i, s->rank);
    } else if (axis == 0) {
        fe_report(in->d, at, DG(softmax_batch), m->info->name);
        fe_help(in->d, "write %s(dim=%d)", m->info->name, s->rank - 1);
    } else {
        if (s->dim[axis].k == 1) fe_report(in->d, m->at, DG(softmax_one), m->info->name);
        return true;
    }
    fe_note_chain(in, c);
    return false;
}

#define shape_softmin shape_softmax
#define shape_channel_dropout fe_shape_channel_dropout
#define shape_conv fe_shape_conv
#define shape_conv_transpose fe_shape_conv_transpose
#define shape_max_pool fe_shape_pool
#define shape_avg_pool fe_shape_pool
#define shape_adaptive_max_pool fe_shape_adaptive_pool
#define shape_adaptive_avg_pool fe_shape_adaptive_pool
#define shape_pad fe_shape_pad
#define shape_upsample fe_shape_upsample
#define shape_pixel_shuffle fe_shape_pixel_shuffle
#define shape_pixel_unshuffle fe_shape_pixel_unshuffle
#define shape_local_response_norm fe_shape_local_response_norm
#define shape_instance_norm fe_shape_instance_norm
#define shape_batch_norm fe_shape_batch_norm
#define shape_layer_norm fe_shape_layer_norm
#define shape_group_norm fe_shape_group_norm

static ShapeRule *const rules[] = {
#define LAYER(name, signature, rule, ...) shape_##rule,
#include "frontend/layers.def"
#undef LAYER
};

bool fe_shape_layer(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    return rules[m->info - fe_layer](in, m, c, s);
}

/* ---- the input: as the file calls the model, or backwards from the first Linear ---- */

/* Does the layer give rows of n numbers where it gets rows of n? */
static bool keeps_rows(const Mod *m)
{
    static const char *const rule[] = { "elementwise", "identity", "gelu", "softmin", "softmax",
                                        "prelu", "rrelu", "dropout", "alpha_dropout",
                                        "layer_norm", "group_norm" };
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++)
        if (!strcmp(m->info->rule, rule[i])) return true;
    return is_layer(m, "BatchNorm1d");
}

/* 1: found; 0: go on; -1: cannot be told. */
static int first_linear(const Mod *m, int64_t *features)
{
    if (!m->info) {
        for (int i = 0; i < m->n_child; i++) {
            int r = first_linear(m->child[i], features);
            if (r) return r;
        }
        return 0;
    }
    if (is_layer(m, "Linear")) return *features = m->arg[0]->u.i, 1;
    if (is_layer(m, "Flatten")) return m->arg[0]->u.i == 1 && m->arg[1]->u.i == -1 ? 0 : -1;
    return keeps_rows(m) ? 0 : -1;
}

/* Does a Linear come before anything that makes rows of images? */
static bool takes_rows(const Mod *m)
{
    int64_t features;
    const Mod *first = m;
    while (!first->info && first->n_child > 0) first = first->child[0];
    return first_linear(m, &features) == 1 && !is_layer(first, "Flatten");
}

bool fe_input_shape(Interp *in, Roles *r)
{
    int64_t features;
    if (r->has_input) return true;
    if (r->model->sample.rank) {
        r->input = r->model->sample;
        return r->has_input = true;
    }
    if (!takes_rows(r->model) && fe_images_shape(r, &r->input)) return r->has_input = true;
    if (first_linear(r->model, &features) == 1) {
        r->input = (Shape){ .rank = 2, .dim = { ir_dim_n(1), ir_dim(features) } };
        return r->has_input = true;
    }
    fe_report(in->d, r->model->at, DG(no_input_shape), r->model_name);
    fe_help(
        in->d,
        "say the shape of one sample: input_shape = (1, 28, 28) in the file, or --input 1,28,28");
    return false;
}

/* ---- loss and model together ---- */

/* The layer that gives the model's values; null: there is none. *known: it is no other operation. */
static const Mod *last_layer(const Chain *c, bool *known)
{
    int i = c->n - 1;
    while (i > 0 && !ir_val_eq(c->step[i].y, c->y)) i--;
    for (*known = true; i >= 0; i--) {
        const Step *s = &c->step[i];
        if (s->same_values || (s->mod && (is_layer(s->mod, "Identity")
                                          || is_layer(s->mod, "Flatten")))) continue;
        *known = s->mod != NULL;
        return s->mod;
    }
    return NULL;
}

static bool gives_probabilities(const Mod *m)
{
    return m && (is_layer(m, "Sigmoid") || is_layer(m, "Hardsigmoid") || is_layer(m, "Softmax")
                 || is_layer(m, "Softmin"));
}

static void warn_pair(Interp *in, const Roles *r, const Chain *c)
{
    static const struct { const char *layer, *loss, *why, *help; } pairs[] = {
        { "Softmax", "CrossEntropyLoss", "it takes the softmax itself, so here it is taken twice",
          "remove the Softmax; prediction still gives scores whose largest is the class" },
        { "LogSoftmax", "CrossEntropyLoss",
          "it takes the log-softmax itself, so here it is taken twice",
          "remove the LogSoftmax, or use nn.NLLLoss()" },
        { "Sigmoid", "BCEWithLogitsLoss", "it takes the sigmoid itself, so here it is taken twice",
          "remove the Sigmoid, or use nn.BCELoss()" },
        { "Softmax", "NLLLoss", "it takes logarithms of probabilities, but here come probabilities",
          "write nn.LogSoftmax in place of nn.Softmax" },
        { "Softmax", "KLDivLoss",
          "it takes logarithms of probabilities, but here come probabilities",
          "write nn.LogSoftmax in place of nn.Softmax" },
    };
    bool known;
    const Mod *m = last_layer(c, &known);
    const char *loss = fe_loss[r->loss->row].name;
    if (!known) return;
    for (size_t i = 0; m && i < sizeof pairs / sizeof *pairs; i++)
        if (is_layer(m, pairs[i].layer) && strcmp(loss, pairs[i].loss) == 0) {
            fe_report(in->d, m->at, DG(loss_after), pairs[i].layer, loss, pairs[i].why);
            fe_note(in->d, r->loss->at, "the loss is here");
            fe_help(in->d, "%s", pairs[i].help);
            return;
        }
    if (strcmp(loss, "NLLLoss") == 0 && (!m || !is_layer(m, "LogSoftmax"))) {
        fe_report(in->d, r->loss->at, DG(loss_without), loss, "log-probabilities", "a LogSoftmax");
        if (m) fe_note(in->d, m->at, "the last layer is this one");
        fe_help(in->d, "end the model with nn.LogSoftmax(dim=1), or use nn.CrossEntropyLoss()");
    } else if (strcmp(loss, "BCELoss") == 0 && !gives_probabilities(m)) {
        fe_report(in->d, r->loss->at, DG(loss_without), loss, "probabilities", "a Sigmoid");
        if (m) fe_note(in->d, m->at, "the last layer is this one");
        fe_help(in->d, "end the model with nn.Sigmoid(), or use nn.BCEWithLogitsLoss()");
    }
}

void fe_check_loss(Interp *in, const Roles *r, const Chain *c)
{
    const Shape *out = &c->output;
    if (!r->loss) return;
    const LossInfo *loss = &fe_loss[r->loss->row];
    if (fe_of_classes(loss) && out->rank != 2) {
        fe_report(in->d, r->loss->at, DG(loss_rank), loss->name,
                  fe_shape_text(in->a, out, c->batch));
        fe_note_chain(in, c);
        fe_help(in->d, out->rank > 2
                ? "a class for each place is not in this version: nn.Flatten() and nn.Linear(…, "
                  "classes) at the model's end say one of each sample"
                : "end the model with nn.Flatten() and nn.Linear(…, classes)");
        return;
    }
    if (fe_of_classes(loss) && out->dim[1].k == 1) {
        fe_report(in->d, r->loss->at, DG(one_class), loss->name);
        fe_help(in->d,
                "for two classes give the model 2 outputs, or use nn.BCEWithLogitsLoss() with one");
    }
    if (fe_check_weights(in, r->loss, out)) warn_pair(in, r, c);
}
