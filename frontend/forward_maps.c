/* frontend/forward_maps.c: functions of forward that work element by element. */
#include "frontend/forward.h"
#include <math.h>
#include <string.h>

static const Shape *shape_of(const Forward *f, Val v) { return &ir_type(f->g, v)->shape; }

Value *fe_form_map(const Forward *f)
{
    static const char *const other[][2] = { { "rsqrt", "1 / sqrt(a)" }, { "neg", "-a" },
                                            { "square", "a * a" }, { "reciprocal", "1 / a" } };
    const char *e = arena_printf(f->in->a, "%s(a)", f->name);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(f->name, other[i][0]) == 0) e = other[i][1];
    return fe_made(f, ir_map(f->g, e, IR_IN(f->x), f->loc), false);
}

Value *fe_form_arithmetic(const Forward *f)
{
    static const struct { const char *name; Oper op; } ops[] = {
        { "add", O_ADD }, { "sub", O_SUB }, { "mul", O_MUL }, { "div", O_DIV }, { "pow", O_POW } };
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

Value *fe_form_extreme(const Forward *f)
{
    Val b = fe_tensor_val(f->t, f->c->v[1], f->c->v_at[1]);
    if (!b.i) return fe_bad(f->in, f->at);
    Shape s = *shape_of(f, f->x);
    if (!fe_broadcast(&s, shape_of(f, b))) return fe_two_shapes(f, f->x, b);
    const char *e = f->name[1] == 'a' ? "max(a, b)" : "min(a, b)";
    return fe_made(f, ir_map(f->g, e, IR_IN(f->x, b), f->loc), false);
}

/* PyTorch keeps a NaN, and its derivative is 1 at the bounds. */
Value *fe_form_clamp(const Forward *f)
{
    double low = -INFINITY, high = INFINITY;
    Arena *a = f->in->a;
    bool min = fe_number(f->c->v[1], &low), max = fe_number(f->c->v[2], &high);
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
