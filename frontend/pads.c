/* frontend/pads.c: padding, stretching, and layers that move elements between channels and space:
 * arguments, shapes, and what they become. */
#include "frontend/lower.h"
#include "ir/window.h"
#include <math.h>
#include <string.h>

static bool refuse(Interp *in, const Call *c, const char *name, const char *must)
{
    return fe_refuse(in, c, fe_arg(c, name), must);
}

/* ---- padding ---- */

static const char *pad_mode(const Mod *m)
{
    return m->info->name[2] == 'f' ? "reflect" : m->info->name[2] == 'p' ? "replicate" : "constant";
}

bool fe_check_pad(Interp *in, const Call *c, Mod *m)
{
    int64_t least = strcmp(pad_mode(m), "constant") == 0 ? -IR_MAX_WINDOW : 0;
    return fe_sizes_ok(in, c, 0, 2 * fe_spatial(m), least, IR_MAX_WINDOW)
        && (!fe_arg_of(m, "value") || isfinite(fe_number_of(m, "value"))
            || refuse(in, c, "value", "finite"));
}

/* PyTorch counts axes from the last: left, right, top, bottom. Here: before each, behind each. */
static void paddings(const Mod *m, int64_t padding[4])
{
    int rank = fe_spatial(m);
    int64_t given[4];
    fe_sizes(m, "padding", 2 * rank, given);
    for (int i = 0; i < rank; i++) {
        padding[i] = given[2 * (rank - 1 - i)];
        padding[rank + i] = given[2 * (rank - 1 - i) + 1];
    }
}

bool fe_shape_pad(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    int rank = fe_spatial(m);
    int64_t padding[4];
    if (!fe_spatial_shape(in, m, c, s)) return false;
    paddings(m, padding);
    for (int i = 0; i < rank; i++) {
        int64_t size = s->dim[2 + i].k, low = padding[i], high = padding[rank + i];
        bool fits = low + size + high >= 1 && low >= -size && high >= -size;
        if (strcmp(pad_mode(m), "reflect") == 0) fits = fits && low < size && high < size;
        if (!fits) {
            fe_report(in->d, m->arg_at[0], DG(pad_size), m->info->name, (long long)low,
                      (long long)high, rank == 1 ? "places" : i ? "columns" : "rows",
                      (long long)size);
            fe_note_chain(in, c);
            if (strcmp(pad_mode(m), "reflect") == 0)
                fe_help(in->d, "a mirror shows at most %lld of them", (long long)(size - 1));
            return false;
        }
        s->dim[2 + i] = ir_dim(low + size + high);
    }
    return true;
}

Val fe_lower_pad(const Spot *p, Val x)
{
    int64_t padding[4];
    paddings(p->m, padding);
    double value = fe_arg_of(p->m, "value") ? fe_number_of(p->m, "value") : 0;
    Attr attr[] = { ir_str(AT_mode, pad_mode(p->m)),
                    ir_ints(AT_padding, padding, 2 * fe_spatial(p->m)), ir_real(AT_value, value) };
    return ir_add(p->g, OP_pad, p->loc, IR_IN(x), attr, value != 0 ? 3 : 2);
}

/* ---- stretching ---- */

enum { MAX_SCALE = 1 << 16 };

static bool is_list(const Value *v) { return v->kind == V_TUPLE || v->kind == V_LIST; }

/* Numbers in (0, MAX_SCALE], one or a list of one or two. */
static bool scales_ok(Interp *in, const Call *c)
{
    const Value *v = c->v[fe_arg(c, "scale_factor")];
    int n = is_list(v) ? v->u.list->n : 1;
    bool good = n >= 1 && n <= 2;
    for (int i = 0; i < n && good; i++) {
        double x;
        good = fe_number(is_list(v) ? v->u.list->item[i] : v, &x) && x > 0 && x <= MAX_SCALE;
    }
    return good || v->kind == V_BAD || refuse(in, c, "scale_factor", "positive numbers");
}

bool fe_check_upsample(Interp *in, const Call *c, Mod *m)
{
    static const char *const modes[] = { "nearest", "linear", "bilinear" };
    const char *mode = fe_arg_of(m, "mode")->u.s;
    bool size = fe_arg_of(m, "size")->kind != V_NONE;
    bool scale = fe_arg_of(m, "scale_factor")->kind != V_NONE, known = false;
    for (int i = 0; i < 3; i++) known = known || strcmp(mode, modes[i]) == 0;
    if (!known) return refuse(in, c, "mode", "'nearest', 'linear' or 'bilinear'");
    if (size == scale) return refuse(in, c, "scale_factor", size ? "None beside a size" : "given");
    const Value *v = fe_arg_of(m, "size");
    int axes = size && is_list(v) ? v->u.list->n : 1;
    if (axes < 1 || axes > 2) return refuse(in, c, "size", "one or two sizes");
    if (size && !fe_sizes_ok(in, c, 0, axes, 1, IR_MAX_WINDOW)) return false;
    if (scale && !scales_ok(in, c)) return false;
    if (fe_arg_of(m, "align_corners")->kind != V_NONE && strcmp(mode, "nearest") == 0)
        return refuse(in, c, "align_corners", "None where mode is 'nearest'");
    return true;
}

/* The factor of an axis; 0: none is given. */
static double factor(const Mod *m, int axis)
{
    const Value *v = fe_arg_of(m, "scale_factor");
    double x = 0;
    if (v->kind != V_NONE) fe_number(is_list(v) ? v->u.list->item[axis] : v, &x);
    return x;
}

static int64_t stretched(const Mod *m, int axis, int rank, int64_t size)
{
    int64_t sizes[2];
    if (fe_sizes(m, "size", rank, sizes)) return sizes[axis];
    return (int64_t)floor((double)size * factor(m, axis));
}

bool fe_shape_upsample(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    const char *mode = fe_arg_of(m, "mode")->u.s;
    const Value *size = fe_arg_of(m, "size"), *scale = fe_arg_of(m, "scale_factor");
    const Value *given = size->kind != V_NONE ? size : scale;
    int rank = s->rank - 2;
    bool fits = strcmp(mode, "linear") == 0 ? rank == 1
              : strcmp(mode, "bilinear") == 0 ? rank == 2 : rank == 1 || rank == 2;
    fits = fits && (!is_list(given) || given->u.list->n == rank);
    for (int i = 0; i < rank && fits; i++) {
        int64_t k = s->dim[2 + i].k;
        fits = k <= (int64_t)1 << 31 && stretched(m, i, rank, k) >= 1;
        if (fits) s->dim[2 + i] = ir_dim(stretched(m, i, rank, k));
    }
    if (fits) return true;
    const char *takes = strcmp(mode, "linear") == 0 ? "(batch, channels, length)"
        : strcmp(mode, "bilinear") == 0 ? "(batch, channels, height, width)"
        : "(batch, channels, length) or (batch, channels, height, width) with a size for each";
    fe_report(in->d, m->at, DG(norm_shape), m->info->name, takes,
              fe_shape_text(in->a, s, c->batch));
    fe_note_chain(in, c);
    return false;
}

/* A factor counts where the sizes do not say the same; but not along an axis that keeps its size, or
 * where the nearest pixel is taken of one that doubles, as in PyTorch 2. */
Val fe_lower_upsample(const Spot *p, Val x)
{
    Type t = *ir_type(p->g, x);
    int rank = t.shape.rank - 2, n = 1;
    const char *mode = fe_arg_of(p->m, "mode")->u.s;
    double scale[2];
    bool counts = factor(p->m, 0) > 0 && !fe_flag_of(p->m, "recompute_scale_factor"), exact = true;
    bool nearest = strcmp(mode, "nearest") == 0;
    for (int i = 0; i < rank; i++) {
        int64_t size = t.shape.dim[2 + i].k, result = stretched(p->m, i, rank, size);
        t.shape.dim[2 + i] = ir_dim(result);
        bool by_sizes = nearest ? rank == 2 && (result == size || result == 2 * size)
                                : result == size;
        scale[i] = by_sizes ? (double)result / (double)size : factor(p->m, i);
        exact = exact && (double)size * scale[i] == (double)result;
    }
    Attr attr[3] = { ir_str(AT_mode, nearest ? "nearest" : "linear") };
    if (counts && !exact) attr[n++] = ir_reals(AT_scale, scale, rank);
    if (fe_flag_of(p->m, "align_corners")) attr[n++] = ir_flag(AT_corners);
    return ir_add_typed(p->g, OP_upsample, p->loc, t, IR_IN(x), attr, n);
}

/* ---- channels and pixels ---- */

bool fe_check_pixel_shuffle(Interp *in, const Call *c, Mod *m)
{
    (void)m;
    if (c->v[0]->u.i >= 1 && c->v[0]->u.i <= MAX_SCALE) return true;
    return refuse(in, c, fe_arg_name(in->a, c, 0), "from 1 to 65536");
}

static bool pixels(Interp *in, const Mod *m, const Chain *c, const Shape *s, const char *must)
{
    fe_report(in->d, m->arg_at[0], DG(norm_shape), m->info->name, must,
              fe_shape_text(in->a, s, c->batch));
    fe_note_chain(in, c);
    return false;
}

bool fe_shape_pixel_shuffle(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    long long r = m->arg[0]->u.i;
    if (s->rank != 4 || s->dim[1].k % (r * r) || s->dim[2].k > INT64_MAX / r
        || s->dim[3].k > INT64_MAX / r)
        return pixels(in, m, c, s, arena_printf(in->a, "(batch, channels, height, width) with a "
                                                "multiple of %lld channels", r * r));
    s->dim[1].k /= r * r;
    s->dim[2].k *= r;
    s->dim[3].k *= r;
    return true;
}

bool fe_shape_pixel_unshuffle(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    long long r = m->arg[0]->u.i;
    if (s->rank != 4 || s->dim[2].k % r || s->dim[3].k % r || s->dim[1].k > INT64_MAX / (r * r))
        return pixels(in, m, c, s, arena_printf(in->a, "(batch, channels, height, width) with "
                                                "height and width multiples of %lld", r));
    s->dim[1].k *= r * r;
    s->dim[2].k /= r;
    s->dim[3].k /= r;
    return true;
}

static Val reshape(const Spot *p, Val x, Shape s)
{
    return ir_add_typed(p->g, OP_reshape, p->loc, ir_type_of(p->g->module->real, s), IR_IN(x),
                        IR_NO_ATTRS);
}

static Val permute(const Spot *p, Val x, const int64_t *order)
{
    return ir_add(p->g, OP_permute, p->loc, IR_IN(x), IR_ATTRS(ir_ints(AT_order, order, 6)));
}

/* [n, c r r, h, w] as [n, c, r, r, h, w], its axes as [n, c, h, r, w, r], as [n, c, h r, w r] */
Val fe_lower_pixel_shuffle(const Spot *p, Val x)
{
    static const int64_t order[] = { 0, 1, 4, 2, 5, 3 };
    Shape s = ir_type(p->g, x)->shape;
    Dim r = ir_dim(p->m->arg[0]->u.i), c = ir_dim(s.dim[1].k / (r.k * r.k));
    Shape apart = { 6, { s.dim[0], c, r, r, s.dim[2], s.dim[3] } };
    Shape image = { 4, { s.dim[0], c, ir_dim(s.dim[2].k * r.k), ir_dim(s.dim[3].k * r.k) } };
    return reshape(p, permute(p, reshape(p, x, apart), order), image);
}

/* The same backwards. */
Val fe_lower_pixel_unshuffle(const Spot *p, Val x)
{
    static const int64_t order[] = { 0, 1, 3, 5, 2, 4 };
    Shape s = ir_type(p->g, x)->shape;
    Dim r = ir_dim(p->m->arg[0]->u.i), h = ir_dim(s.dim[2].k / r.k), w = ir_dim(s.dim[3].k / r.k);
    Shape apart = { 6, { s.dim[0], s.dim[1], h, r, w, r } };
    Shape image = { 4, { s.dim[0], ir_dim(s.dim[1].k * r.k * r.k), h, w } };
    return reshape(p, permute(p, reshape(p, x, apart), order), image);
}

/* ---- neighbouring channels ---- */

bool fe_check_local_response_norm(Interp *in, const Call *c, Mod *m)
{
    static const char *const numbers[] = { "alpha", "beta", "k" };
    if (c->v[0]->u.i < 1 || c->v[0]->u.i > IR_MAX_WINDOW)
        return refuse(in, c, "size", "from 1 to 2^20");
    for (int i = 0; i < 3; i++)
        if (!isfinite(fe_number_of(m, numbers[i]))) return refuse(in, c, numbers[i], "finite");
    return true;
}

bool fe_shape_local_response_norm(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    if (s->rank >= 3) return true;
    fe_report(in->d, m->at, DG(norm_shape), m->info->name, "(batch, channels, …)",
              fe_shape_text(in->a, s, c->batch));
    fe_note_chain(in, c);
    return false;
}

/* x / (k + alpha / size * sum of x * x over `size` channels) ^ beta: the sum is that of windows
 * over the channels as rows. */
Val fe_lower_local_response_norm(const Spot *p, Val x)
{
    Shape s = ir_type(p->g, x)->shape, rows = { 4, { s.dim[0], ir_dim(1), s.dim[1], ir_dim(1) } };
    int64_t size = p->m->arg[0]->u.i, kernel[] = { size, 1 }, one[] = { 1, 1 };
    int64_t padding[] = { size / 2, 0, (size - 1) / 2, 0 };
    for (int i = 2; i < s.rank; i++) rows.dim[3].k *= s.dim[i].k;
    Val squares = reshape(p, ir_map(p->g, "a * a", IR_IN(x), p->loc), rows);
    Val sums = ir_add(p->g, OP_pool_sum, p->loc, IR_IN(squares),
                      IR_ATTRS(ir_ints(AT_kernel, kernel, 2), ir_ints(AT_stride, one, 2),
                               ir_ints(AT_padding, padding, 4), ir_ints(AT_dilation, one, 2)));
    const char *f = arena_printf(p->a, "a / pow(%s + b * %s, %s)",
                                 ir_real_string(fe_number_of(p->m, "k"), p->a),
                                 ir_real_string(fe_number_of(p->m, "alpha") / (double)size, p->a),
                                 ir_real_string(fe_number_of(p->m, "beta"), p->a));
    return ir_map(p->g, f, IR_IN(x, reshape(p, sums, s)), p->loc);
}

bool fe_shape_channel_dropout(Interp *in, const Mod *m, const Chain *c, Shape *s)
{
    return fe_spatial_shape(in, m, c, s);
}
