/* frontend/spatial.c: arguments that are sizes along the axes after samples and channels: one
 * integer for all of them, or one for each. Shared by convolutions, pooling and padding. */
#include "frontend/lower.h"
#include <string.h>

int fe_spatial(const Mod *m)
{
    const char *digit = strpbrk(m->info->name, "12");
    return digit ? *digit - '0' : 0;
}

const Value *fe_arg_of(const Mod *m, const char *name)
{
    Call c = { .fn = &(Fn){ .signature = m->info->signature } };
    int i = fe_arg(&c, name);
    return i < 0 ? NULL : m->arg[i];
}

double fe_number_of(const Mod *m, const char *name)
{
    double x = 0;
    fe_number(fe_arg_of(m, name), &x);
    return x;
}

bool fe_flag_of(const Mod *m, const char *name)
{
    const Value *v = fe_arg_of(m, name);
    return v && v->kind == V_BOOL && v->u.b;
}

static bool is_list(const Value *v) { return v->kind == V_TUPLE || v->kind == V_LIST; }

bool fe_sizes_ok(Interp *in, const Call *c, int i, int count, int64_t lo, int64_t hi)
{
    const Value *v = c->v[i];
    const char *wants = count == 1 ? "an integer"
                      : arena_printf(in->a, "an integer or %d of them", count);
    int n = is_list(v) ? v->u.list->n : 1;
    if (v->kind == V_BAD) return false;
    for (int k = 0; k < n; k++) {
        const Value *x = is_list(v) ? v->u.list->item[k] : v;
        if (x->kind == V_BAD) return false;
        if (x->kind == V_INT && x->u.i >= lo && x->u.i <= hi) continue;
        if (x->kind != V_INT)
            fe_wrong_type(in, c, i, fe_arg_name(in->a, c, i), wants);
        else
            fe_report(in->d, c->v_at[i], DG(bad_choice), c->name, fe_arg_name(in->a, c, i),
                      arena_printf(in->a, x->u.i < lo ? "at least %lld" : "at most %lld",
                                   (long long)(x->u.i < lo ? lo : hi)),
                      fe_repr(in->a, v));
        return false;
    }
    if (!is_list(v) || n == count) return true;
    fe_report(in->d, c->v_at[i], DG(bad_choice), c->name, fe_arg_name(in->a, c, i), wants,
              fe_repr(in->a, v));
    return false;
}

bool fe_sizes(const Mod *m, const char *name, int count, int64_t *size)
{
    const Value *v = fe_arg_of(m, name);
    if (v->kind == V_NONE) return false;
    for (int k = 0; k < count; k++) size[k] = is_list(v) ? v->u.list->item[k]->u.i : v->u.i;
    return true;
}

static Value *repeated(Interp *in, Value *v, int n, Span at)
{
    Value *t = fe_list(in, V_TUPLE, at);
    for (int i = 0; i < n; i++) fe_push(in, t, v);
    return t;
}

/* PyTorch keeps one size for all axes as a tuple in layers that convolve or pad and in AvgPool1d, as it was given
 * where others pool; a pooling's stride is the kernel's size where none is given, a scale is a float. */
Value *fe_kept_arg(Interp *in, const Mod *m, int i, Span at)
{
    static const char *const sizes[] = { "kernel_size", "stride", "dilation", "padding", "output_padding" };
    Call c = { .fn = &(Fn){ .signature = m->info->signature } };
    bool pad = m->info->op == OP_pad, pool = fe_arg(&c, "ceil_mode") >= 0;
    bool tuple = !pool || strcmp(m->info->name, "AvgPool1d") == 0;
    const char *name = fe_arg_name(in->a, &c, i);
    Value *v = m->arg[i];
    if (pool && strcmp(name, "stride") == 0 && v->kind == V_NONE) v = m->arg[fe_arg(&c, "kernel_size")];
    if (v->kind != V_INT) return v;
    if (strcmp(name, "scale_factor") == 0) return fe_float(in, (double)v->u.i, at);
    if (strcmp(name, "normalized_shape") == 0) return repeated(in, v, 1, at);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        if (tuple && strcmp(name, sizes[k]) == 0)
            return repeated(in, v, fe_spatial(m) * (pad ? 2 : 1), at);
    return v;
}

const char *fe_sizes_text(Arena *a, const int64_t *size, int n)
{
    return n == 1 ? arena_printf(a, "%lld", (long long)size[0])
                  : arena_printf(a, "%lldx%lld", (long long)size[0], (long long)size[1]);
}

bool fe_spatial_shape(Interp *in, const Mod *m, const Chain *c, const Shape *s)
{
    int rank = fe_spatial(m);
    if (s->rank == rank + 2) return true;
    fe_report(in->d, m->at, DG(norm_shape), m->info->name,
              rank == 1 ? "(batch, channels, length)" : "(batch, channels, height, width)",
              fe_shape_text(in->a, s, c->batch));
    fe_note_chain(in, c);
    if (s->rank == rank + 1)
        fe_help(in->d, "nn.Unflatten(1, (1, %lld)) in front of it adds an axis of one channel; "
                "input_shape, where the file says it, lists the channels first",
                (long long)s->dim[1].k);
    return false;
}

Val fe_axis_const(const Spot *p, const double *value, int n, int behind)
{
    Shape s = { .rank = (uint8_t)(1 + behind), .dim = { ir_dim(n) } };
    for (int i = 1; i <= behind; i++) s.dim[i] = ir_dim(1);
    return ir_const(p->g, ir_type_of(p->g->module->real, s), value, n, p->loc);
}
