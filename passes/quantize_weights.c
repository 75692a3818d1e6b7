/* passes/quantize_weights.c: the weights of a layer in integers.
 *
 * Each row of weights (what gives one channel) has codes of its own step: the largest is 127. A sum of
 * products of codes is, in steps of both factors, the sum of the reals' products and what the zero
 * point of x adds to each, which is known: it goes into what the sum starts from, with the bias. */
#include "passes/quantize.h"
#include <math.h>

enum { MOST_CODE = 127 };

/* A row of weights as its product reads it: `depth` codes. */
typedef struct Row { const double *w; int64_t depth, outer, inner; } Row;

/* Element k: PyTorch has the channels before the places, codes behind them. */
static double weight(const Row *r, int64_t k)
{
    return r->w[k % r->outer * r->inner + k / r->outer];
}

/* Weights' channels (outer) and the places of each: taps, or the places of what was flattened. */
static Row rows_of(const Quant *q, const Node *x, const double *w)
{
    const Shape *s = &ir_type(q->from, x->in[1])->shape, *image = q->image[x->in[0].i];
    Row r = { .w = w, .depth = ir_elems_at(s, 1) / s->dim[0].k };
    r.outer = x->op == OP_conv ? s->dim[1].k : image ? image->dim[1].k : r.depth;
    r.inner = r.depth / r.outer;
    return r;
}

/* The largest sum is the longest one and the bias. A bias that leaves no room makes steps larger. */
static double step_of(const Row *r, double bias, double step_x)
{
    double most = 0, room = (double)INT32_MAX - 1 - 255.0 * MOST_CODE * (double)r->depth;
    for (int64_t k = 0; k < r->depth; k++) most = fmax(most, fabs(r->w[k]));
    double step = fmax(most / MOST_CODE, fabs(bias) / step_x / room);
    return step > 0 ? step : 1;
}

static State add_state(Quant *q, const StateInfo *weight_of, const char *slot, Type t, int width,
                       const double *value)
{
    t.layout = (Layout){ LAYOUT_panel, width };
    State s = ir_state_add(q->m, arena_printf(q->a, "%s#%s", weight_of->key, slot), ROLE_FROZEN, t,
                           weight_of->loc);
    q->value[s.i] = value;
    return s;
}

/* [o,k], or [o,runs,run]: a run is a line of taps with their channels. */
static Type codes_type(const Quant *q, const Node *x, const Row *r, int width)
{
    Dim o = ir_type(q->from, x->in[1])->shape.dim[0];
    Type t = ir_type_of(DT_i8, (Shape){ .rank = 2, .dim = { o, ir_dim(r->depth) } });
    if (x->op == OP_conv) {
        int64_t runs = ir_window(q->from, x).axis[0].taps;
        t.shape = (Shape){ .rank = 3, .dim = { o, ir_dim(runs), ir_dim(r->depth / runs) } };
    }
    t.layout = (Layout){ LAYOUT_dots, width };
    return t;
}

/* Weights and bias with what the map behind the product does to them; the bias is new. */
static void fold(const Quant *q, const QuantLayer *layer, Row *r, double *bias, int64_t rows)
{
    if (ir_val_eq(layer->result, layer->product)) return;
    double *scale = arena_alloc(q->a, (size_t)rows, sizeof *scale);
    double *shift = arena_alloc(q->a, (size_t)rows, sizeof *shift);
    double *w = arena_alloc(q->a, (size_t)(rows * r->depth), sizeof *w);
    pass_fold_values(q, layer->result, layer->product, rows, scale, shift);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < r->depth; k++)
            w[i * r->depth + k] = scale[i] * r->w[i * r->depth + k];
        bias[i] = scale[i] * bias[i] + shift[i];
    }
    r->w = w;
}

void pass_quantize_weights(Quant *q, const QuantLayer *layer, Val in[4])
{
    const Node *x = ir_node(q->from, layer->product);
    State w = ir_node(q->from, x->in[1])->state;
    Row r = rows_of(q, x, q->in->state[w.i]);
    int64_t rows = ir_type(q->from, x->in[1])->shape.dim[0].k;
    double *bias = arena_alloc(q->a, (size_t)rows, sizeof *bias);
    for (int64_t i = 0; x->n_in > 2 && i < rows; i++)
        bias[i] = q->in->state[ir_node(q->from, x->in[2])->state.i][i];
    fold(q, layer, &r, bias, rows);
    Affine from = pass_affine(q->in->range[x->in[0].i]);
    Val end = q->end[layer->product.i];
    double step_y = end.i ? pass_affine(q->in->range[end.i]).step : 1;
    double *code = arena_alloc(q->a, (size_t)(rows * r.depth), sizeof *code);
    double *start = arena_alloc(q->a, (size_t)rows, sizeof *start);
    double *factor = arena_alloc(q->a, (size_t)rows, sizeof *factor);
    for (int64_t i = 0; i < rows; i++, r.w += r.depth) {
        double step = step_of(&r, bias[i], from.step), sum = 0;
        for (int64_t k = 0; k < r.depth; k++)
            sum += code[i * r.depth + k] = rint(weight(&r, k) / step);
        start[i] = rint(bias[i] / (from.step * step)) - from.zero * sum;
        factor[i] = (double)(float)(from.step * step / step_y);
    }
    int width = q->in->target->vector_bytes / 4 < 16 ? q->in->target->vector_bytes / 4 : 16;
    const StateInfo info = *ir_state(q->m, w);
    const Shape row = ir_shape(1, &rows);
    q->m->state[w.i].role = ROLE_FROZEN;
    q->m->state[w.i].type = codes_type(q, x, &r, width);
    q->value[w.i] = code;
    in[1] = ir_state_val(q->to, w);
    in[2] = ir_state_val(q->to, add_state(q, &info, "start", ir_type_of(DT_i32, row), width, start));
    in[3] = ir_state_val(q->to, add_state(q, &info, "factor", ir_type_of(DT_f32, row), width, factor));
}
