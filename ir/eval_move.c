/* ir/eval_move.c: the interpreter's rules of views and moves: elements that change their place. */
#include "ir/eval.h"
#include <string.h>

static int64_t elems(const Eval *e, const Shape *s) { return ir_elems_at(s, e->in->n); }

/* Views and layouts keep the logical elements in their order. */
void eval_copy(const Eval *e, const Node *x, double *out)
{
    memcpy(out, eval_operand(e, x, 0), (size_t)elems(e, &x->type.shape) * sizeof *out);
}

void eval_increment(const Eval *e, const Node *x, double *out)
{
    for (int64_t i = 0, n = elems(e, &x->type.shape); i < n; i++)
        out[i] = eval_operand(e, x, 0)[i] + 1;
}

/* Elements of the axes [first, end). */
static int64_t span(const Eval *e, const Shape *s, int first, int end)
{
    int64_t n = 1;
    for (int i = first; i < end; i++)
        n *= eval_size(e, s, i);
    return n;
}

/* From the axis on, the elements of an operand are one run of the result's. */
void eval_cat(const Eval *e, const Node *x, double *out)
{
    const Shape *to = &x->type.shape;
    int axis = (int)ir_attr_int(x, AT_axis);
    int64_t rows = span(e, to, 0, axis), row = span(e, to, axis, to->rank), at = 0;
    for (int k = 0; k < x->n_in; k++) {
        int64_t run = span(e, eval_shape(e, x, k), axis, to->rank);
        for (int64_t i = 0; i < rows; i++)
            memcpy(out + i * row + at, eval_operand(e, x, k) + i * run, (size_t)run * sizeof *out);
        at += run;
    }
}

void eval_slice(const Eval *e, const Node *x, double *out)
{
    const Shape *from = eval_shape(e, x, 0);
    int axis = (int)ir_attr_int(x, AT_axis);
    int64_t rows = span(e, from, 0, axis), row = span(e, from, axis, from->rank);
    int64_t run = span(e, &x->type.shape, axis, from->rank);
    int64_t skipped = ir_attr_int(x, AT_from) * span(e, from, axis + 1, from->rank);
    for (int64_t i = 0; i < rows; i++)
        memcpy(out + i * run, eval_operand(e, x, 0) + i * row + skipped,
               (size_t)run * sizeof *out);
}

void eval_permute(const Eval *e, const Node *x, double *out)
{
    const Shape *from = eval_shape(e, x, 0), *to = &x->type.shape;
    const int64_t *order = ir_attr(x, AT_order)->u.ints;
    for (int64_t i = 0, n = elems(e, to); i < n; i++) {
        int64_t at = 0, rest = i;
        for (int k = to->rank - 1; k >= 0; k--) {
            int64_t size = eval_size(e, to, k);
            at += rest % size * span(e, from, (int)order[k] + 1, from->rank);
            rest /= size;
        }
        out[i] = eval_operand(e, x, 0)[at];
    }
}
