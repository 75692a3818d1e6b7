/* ir/eval_rows.c: the interpreter's rules of ops over rows: softmax, class losses, counting.
 *
 * A target is one index a row, or probabilities of the rows' shape. An index that names no class
 * makes the loss and that row's derivative NaN. */
#include "ir/eval.h"
#include <math.h>

/* ---- softmax ---- */

/* Along `axis`: elements `stride` apart, shifted by the largest so that exp cannot overflow. */
static void softmax_row(const double *in, double *out, int64_t size, int64_t stride, bool logarithm)
{
    double top = in[0], sum = 0;
    for (int64_t j = 1; j < size; j++)
        if (in[j * stride] > top)
            top = in[j * stride];
    for (int64_t j = 0; j < size; j++)
        sum += exp(in[j * stride] - top);
    for (int64_t j = 0; j < size; j++)
        out[j * stride] =
            logarithm ? in[j * stride] - top - log(sum) : exp(in[j * stride] - top) / sum;
}

void eval_softmax(const Eval *e, const Node *x, double *out)
{
    const Shape *s = &x->type.shape;
    const double *in = eval_operand(e, x, 0);
    int axis = (int)ir_attr_int(x, AT_axis);
    int64_t outer = 1, size = eval_size(e, s, axis), inner = 1;
    for (int k = 0; k < axis; k++)
        outer *= eval_size(e, s, k);
    for (int k = axis + 1; k < s->rank; k++)
        inner *= eval_size(e, s, k);
    for (int64_t i = 0; i < outer; i++)
        for (int64_t k = 0; k < inner; k++)
            softmax_row(in + i * size * inner + k, out + i * size * inner + k, size, inner,
                        x->op == OP_log_softmax);
}

/* ---- targets ---- */

typedef struct {
    int64_t rows, classes;
    const double *in;                    /* [rows, classes] */
    const double *target;                /* [rows] or [rows, classes] */
    bool index;
    double scale;                        /* 1, or 1 / rows for the mean */
} Rows;

static Rows rows_of(const Eval *e, const Node *x)
{
    const Shape *s = eval_shape(e, x, 0);
    Rows r = {.rows = eval_size(e, s, 0), .classes = eval_size(e, s, 1),
              .in = eval_operand(e, x, 0), .target = eval_operand(e, x, 1)};
    r.index = eval_shape(e, x, 1)->rank == 1;
    r.scale = ir_has(x, AT_total) ? 1 : 1 / (double)r.rows;
    return r;
}

/* The row's index, or -1 where it names no class. */
static int64_t index_of(const Rows *r, int64_t row)
{
    double t = r->target[row];
    return t >= 0 && t < (double)r->classes ? (int64_t)t : -1;
}

/* What the target says of class j in that row: 1 or 0 of an index, or the probability. */
static double weight_of(const Rows *r, int64_t row, int64_t j)
{
    if (!r->index)
        return r->target[row * r->classes + j];
    return index_of(r, row) < 0 ? (double)NAN : index_of(r, row) == j;
}

/* -(sum over j of weight * log-probability): with an index it reads that element alone. */
static double row_loss(const Rows *r, int64_t row, const double *logs)
{
    if (r->index)
        return index_of(r, row) < 0 ? (double)NAN : -logs[index_of(r, row)];
    double sum = 0;
    for (int64_t j = 0; j < r->classes; j++)
        sum -= weight_of(r, row, j) * logs[j];
    return sum;
}

/* ---- losses ---- */

/* cross_entropy: loss of log_softmax(in). cross_entropy_grad: (softmax * sum of weights - weights)
 * times the scale. */
void eval_cross_entropy(const Eval *e, const Node *x, double *out)
{
    Rows r = rows_of(e, x);
    Arena *scratch = arena_new();
    double *row = arena_alloc(scratch, (size_t)r.classes, sizeof *row);
    for (int64_t i = 0; i < r.rows; i++) {
        const double *in = r.in + i * r.classes;
        softmax_row(in, row, r.classes, 1, x->op == OP_cross_entropy);
        if (x->op == OP_cross_entropy) {
            out[0] += row_loss(&r, i, row);
            continue;
        }
        double sum = 0;
        for (int64_t j = 0; j < r.classes; j++)
            sum += weight_of(&r, i, j);
        for (int64_t j = 0; j < r.classes; j++)
            out[i * r.classes + j] = (row[j] * sum - weight_of(&r, i, j)) * r.scale;
    }
    if (x->op == OP_cross_entropy)
        out[0] *= r.scale;
    arena_free(scratch);
}

void eval_nll(const Eval *e, const Node *x, double *out)
{
    Rows r = rows_of(e, x);
    for (int64_t i = 0; i < r.rows; i++) {
        if (x->op == OP_nll)
            out[0] += row_loss(&r, i, r.in + i * r.classes);
        else
            for (int64_t j = 0; j < r.classes; j++)
                out[i * r.classes + j] = 0 - weight_of(&r, i, j) * r.scale;
    }
    if (x->op == OP_nll)
        out[0] *= r.scale;
}

/* A row whose index is the ignored one is all 0. */
void eval_one_hot(const Eval *e, const Node *x, double *out)
{
    Rows r = rows_of(e, x);
    const Attr *ignore = ir_attr(x, AT_ignore);
    for (int64_t i = 0; i < r.rows; i++)
        for (int64_t j = 0; j < r.classes; j++)
            if (!ignore || r.target[i] != (double)ignore->u.i)
                out[i * r.classes + j] = weight_of(&r, i, j);
}

/* ---- counting ---- */

/* The first largest element; a NaN counts as largest, as in torch.argmax. */
static int64_t largest(const double *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t j = 1; j < n; j++)
        if (x[j] > x[best] || (isnan(x[j]) && !isnan(x[best])))
            best = j;
    return best;
}

void eval_correct(const Eval *e, const Node *x, double *out)
{
    Rows r = rows_of(e, x);
    const Attr *ignore = ir_attr(x, AT_ignore);
    for (int64_t i = 0; i < r.rows; i++) {
        if (ignore && r.index && r.target[i] == (double)ignore->u.i)
            continue;
        int64_t wanted = r.index ? index_of(&r, i) : largest(r.target + i * r.classes, r.classes);
        out[0] += largest(r.in + i * r.classes, r.classes) == wanted;
    }
}
