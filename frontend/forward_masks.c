/* frontend/forward_masks.c: comparisons of tensors in forward, and what chooses by them.
 *
 * A mask is a tensor of 0 and 1 whose value says that it is one (Traced.mask): PyTorch has booleans there,
 * so it goes where these go and nowhere else. No derivative goes through it. */
#include "frontend/forward.h"
#include <string.h>

bool fe_is_mask(const Value *v) { return v->kind == V_TRACED && v->u.traced->mask; }

Value *fe_as_mask(Value *v)
{
    if (v->kind == V_TRACED) v->u.traced->mask = true;
    return v;
}

static FormRule *const moving[] = { fe_form_view, fe_form_squeeze, fe_form_unsqueeze, fe_form_permute,
                                    fe_form_transpose, fe_form_movedim, fe_form_expand, fe_form_narrow,
                                    fe_form_repeat, fe_form_select };

bool fe_moves(FormRule *rule)
{
    size_t i = 0, n = sizeof moving / sizeof *moving;
    while (i < n && moving[i] != rule) i++;
    return i < n;
}

bool fe_takes_mask(FormRule *rule)
{
    return fe_moves(rule) || rule == fe_form_same || rule == fe_form_like || rule == fe_form_size
        || rule == fe_form_where || rule == fe_form_logical;
}

/* ---- comparisons ---- */

/* NaN is equal to nothing. */
static const struct { Oper op; const char *name, *sign, *f; } compare[] = {
    { O_LT, "lt", "<", "a < b ? 1 : 0" },   { O_LE, "le", "<=", "a <= b ? 1 : 0" },
    { O_GT, "gt", ">", "a > b ? 1 : 0" },   { O_GE, "ge", ">=", "a >= b ? 1 : 0" },
    { O_EQ, "eq", "==", "a == b ? 1 : 0" }, { O_NE, "ne", "!=", "a == b ? 0 : 1" },
};
enum { N_COMPARE = sizeof compare / sizeof *compare };

Value *fe_traced_compare(Interp *in, Oper op, const Value *a, const Value *b, Span at)
{
    int i = 0;
    while (i < N_COMPARE && compare[i].op != op) i++;
    if (i == N_COMPARE) return NULL;
    Forward f = fe_operation(in, NULL, compare[i].sign, at);
    return fe_as_mask(fe_mapped(&f, compare[i].f, (Val[]){ fe_tensor_val(f.t, a, at), fe_tensor_val(f.t, b, at) }, 2));
}

Value *fe_form_compare(const Forward *f)
{
    int i = 0;
    while (strcmp(compare[i].name, f->name) != 0) i++;
    Val b = fe_tensor_val(f->t, f->c->v[1], f->c->v_at[1]);
    return fe_as_mask(fe_mapped(f, compare[i].f, (Val[]){ f->x, b }, 2));
}

/* ---- and, or, not ---- */

Val fe_mask_val(Trace *t, const Value *v, const char *who, Span at)
{
    if (v->kind == V_BAD) return (Val){ 0 };
    if (fe_is_mask(v)) return fe_any_val(t, v, at);
    fe_report(t->in->d, at, DG(forward_no_mask), who, fe_kind_name(v));
    return (Val){ 0 };
}

static Value *logic(const Forward *f, Oper op, Val a, Val b)
{
    const char *e = op == O_BITAND ? "min(a, b)" : op == O_BITOR ? "max(a, b)" : "abs(a - b)";
    return fe_as_mask(fe_mapped(f, e, (Val[]){ a, b }, 2));
}

/* Of two masks; + is or, and * and, as PyTorch has them. NULL: it is no operation of masks. */
Value *fe_mask_binary(Interp *in, Oper op, const Value *a, const Value *b, Span at)
{
    static const struct { Oper op; const char *sign; Oper means; } ops[] = {
        { O_BITAND, "&", O_BITAND }, { O_BITOR, "|", O_BITOR }, { O_BITXOR, "^", O_BITXOR },
        { O_MUL, "*", O_BITAND },    { O_ADD, "+", O_BITOR } };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].op != op) continue;
        Forward f = fe_operation(in, NULL, ops[i].sign, at);
        return logic(&f, ops[i].means, fe_mask_val(f.t, a, f.name, at), fe_mask_val(f.t, b, f.name, at));
    }
    return NULL;
}

Value *fe_mask_not(Interp *in, const Value *a, Span at)
{
    Forward f = fe_operation(in, NULL, "~", at);
    return fe_as_mask(fe_mapped(&f, "1 - a", (Val[]){ fe_mask_val(f.t, a, f.name, at) }, 1));
}

/* torch.logical_and and its kin */
Value *fe_form_logical(const Forward *f)
{
    const char *what = f->name + strlen("logical_");
    if (!fe_is_mask(f->x_value)) return fe_mask_val(f->t, f->x_value, f->name, f->at), fe_bad(f->in, f->at);
    if (strcmp(what, "not") == 0) return fe_as_mask(fe_mapped(f, "1 - a", &f->x, 1));
    Oper op = *what == 'a' ? O_BITAND : *what == 'o' ? O_BITOR : O_BITXOR;
    return logic(f, op, f->x, fe_mask_val(f->t, f->c->v[1], f->name, f->c->v_at[1]));
}

/* ---- chosen by a mask ---- */

static bool whole(const Value *v) { return v->kind == V_INT || v->kind == V_BOOL; }

Value *fe_form_where(const Forward *f)
{
    const Value *a = f->c->v[1], *b = f->c->v[2];
    if (!fe_is_mask(f->x_value)) return fe_mask_val(f->t, f->x_value, f->name, f->at), fe_bad(f->in, f->at);
    if (whole(a) && whole(b)) return fe_misfit(f, "two integers give integers: write 1.0 and 0.0");
    return fe_mapped(f, "a == 0 ? c : b", (Val[]){ f->x, fe_tensor_val(f->t, a, f->c->v_at[1]),
                                                 fe_tensor_val(f->t, b, f->c->v_at[2]) }, 3);
}

Value *fe_form_masked_fill(const Forward *f)
{
    Val mask = fe_mask_val(f->t, f->c->v[1], f->name, f->c->v_at[1]);
    return fe_mapped(f, "b == 0 ? a : c", (Val[]){ f->x, mask, fe_tensor_val(f->t, f->c->v[2], f->c->v_at[2]) }, 3);
}
