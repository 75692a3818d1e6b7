/* frontend/forward_maps.c: functions of forward that work element by element. */
#include "frontend/forward.h"
#include <math.h>
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

/* The expression of a function: the one in the table, else the function of that name (ir/exfuncs.def). */
static const char *formula(const Forward *f, const char *const (*of)[2], int n, const char *args)
{
    size_t len = strcspn(f->name, "_");            /* exp_ is exp in place */
    for (int i = 0; i < n; i++)
        if (strncmp(f->name, of[i][0], len) == 0 && of[i][0][len] == 0) return of[i][1];
    return arena_printf(f->in->a, "%.*s(%s)", (int)len, f->name, args);
}

Value *fe_form_map(const Forward *f)
{
    static const char *const other[][2] = {
        { "rsqrt", "1 / sqrt(a)" }, { "neg", "-a" }, { "negative", "-a" }, { "absolute", "abs(a)" },
        { "square", "a * a" }, { "reciprocal", "1 / a" }, { "frac", "a - trunc(a)" }
    };
    const char *e = formula(f, other, sizeof other / sizeof *other, "a");
    return fe_made(f, ir_map(f->g, e, IR_IN(f->x), f->loc), false);
}

Value *fe_form_arithmetic(const Forward *f)
{
    static const struct { const char *name; Oper op; } ops[] = {
        { "add", O_ADD }, { "sub", O_SUB }, { "mul", O_MUL }, { "div", O_DIV }, { "tru", O_DIV },
        { "pow", O_POW } };
    int alpha = fe_arg(f->c, "alpha");
    double by = 1;
    Val b = fe_tensor_val(f->t, f->c->v[1], f->c->v_at[1]);
    if (alpha >= 0) fe_number(f->c->v[alpha], &by);
    if (b.i && by != 1)
        b = ir_map(f->g, arena_printf(f->in->a, "a * %s", ir_real_string(by, f->in->a)), IR_IN(b),
                   f->loc);
    size_t i = 0;
    while (strncmp(f->name, ops[i].name, 3) != 0) i++;
    return fe_combine(f, ops[i].op, f->x, b, f->c->v[1]);
}

Value *fe_mapped(const Forward *f, const char *e, const Val *in, int n)
{
    Shape s = { .rank = 0 };
    for (int i = 0; i < n; i++) {
        if (!in[i].i) return fe_bad(f->in, f->at);
        if (!ir_broadcast(&s, shape_of(f, in[i]))) return fe_two_shapes(f, in[0], in[i]);
    }
    if (!fe_fits(f->t, f->at, &s)) return fe_bad(f->in, f->at);
    return fe_made(f, ir_map(f->g, e, in, n, f->loc), false);
}

static Val argument(const Forward *f, int i) { return fe_tensor_val(f->t, f->c->v[i], f->c->v_at[i]); }

Value *fe_form_pair(const Forward *f)
{
    static const char *const other[][2] = { { "maximum", "max(a, b)" }, { "minimum", "min(a, b)" },
                                            { "logaddexp", "max(a, b) + log1p(exp(-abs(a - b)))" } };
    const char *e = formula(f, other, sizeof other / sizeof *other, "a, b");
    return fe_mapped(f, e, (Val[]){ f->x, argument(f, 1) }, 2);
}

/* torch.lerp(start, end, weight), whose weight is a number or a tensor. */
Value *fe_form_lerp(const Forward *f)
{
    return fe_mapped(f, "c < 0.5 ? a + c * (b - a) : b - (b - a) * (1 - c)",
                  (Val[]){ f->x, argument(f, 1), argument(f, 2) }, 3);
}

/* input + value * tensor1 * tensor2, or divided by it. */
Value *fe_form_addc(const Forward *f)
{
    double by = 1;
    fe_number(f->c->v[3], &by);
    const char *e = arena_printf(f->in->a, "a + %s * %s", ir_real_string(by, f->in->a),
                                 f->name[4] == 'm' ? "b * c" : "(b / c)");
    return fe_mapped(f, e, (Val[]){ f->x, argument(f, 1), argument(f, 2) }, 3);
}

/* PyTorch keeps a NaN, and its derivative is 1 at the bounds. */
Value *fe_form_clamp(const Forward *f)
{
    double low = -INFINITY, high = INFINITY;
    Arena *a = f->in->a;
    bool one = strncmp(f->name, "clamp_m", 7) == 0, only_max = one && f->name[7] == 'a';
    bool min = !only_max && fe_number(f->c->v[1], &low);
    bool max = only_max ? fe_number(f->c->v[1], &high) : !one && fe_number(f->c->v[2], &high);
    if (!min && !max) return fe_misfit(f, "at least one of `min` and `max` must be given");
    if (!(low <= high)) return fe_misfit(f, "`min` must not be above `max`");
    const char *e = "a";
    if (min) e = arena_printf(a, "a < %s ? %s : a", ir_real_string(low, a), ir_real_string(low, a));
    if (max)
        e = arena_printf(a, "a > %s ? %s : %s", ir_real_string(high, a), ir_real_string(high, a),
                         e);
    return fe_made(f, ir_map(f->g, e, IR_IN(f->x), f->loc), false);
}

Value *fe_form_filled(const Forward *f)
{
    const double x = f->name[0] == 'o';
    return fe_made(f, ir_const(f->g, *ir_type(f->g, f->x), &x, 1, f->loc), false);
}
