/* ir/eval_int8.c: the interpreter's rules of ops on codes.
 *
 * Here floats are float32, as in the op's definition: so generated code computes the same codes, and
 * the same float of a sum, to the bit. A product of two floats is exact in double, and a quotient that
 * is rounded to double first is the float's (Figueroa, 1995). */
#include "ir/eval.h"
#include "ir/int8.h"
#include <math.h>

/* The nearest integer within low and high, ties to even; low where y is no number. */
static double rounded(float y, double low, double high)
{
    double x = y > (float)low ? (double)y : low;
    return rint(x < high ? x : high);
}

void eval_quantize(const Eval *e, const Node *x, double *out)
{
    const double *in = eval_operand(e, x, 0);
    double step = (double)(float)ir_attr(x, AT_step)->u.r, zero = ir_attr(x, AT_zero_point)->u.r;
    for (int64_t i = 0, n = ir_elems_at(&x->type.shape, e->in->n); i < n; i++)
        out[i] = zero + rounded((float)((double)(float)in[i] / step), -zero, 255 - zero);
}

/* What becomes of a sum, modulo 2^32, of result `at`. */
static double finished(const Eval *e, const Node *x, const Codes *c, int64_t at, int64_t sum)
{
    uint32_t word = (uint32_t)sum;
    float total = (float)(word < 0x80000000u ? (int64_t)word : (int64_t)word - INT64_C(0x100000000));
    float y = (float)((double)total * (double)(float)eval_operand(e, x, 3)[at]);
    return c->coded ? c->zero_point + rounded(y, c->low, c->high) : (double)y;
}

static int64_t start_of(const Eval *e, const Node *x, int64_t at)
{
    return (int64_t)eval_operand(e, x, 2)[at];
}

/* out[i,j] = start[j] + sum over k of x[i,k] w[j,k] */
void eval_linear_int8(const Eval *e, const Node *x, double *out)
{
    const double *in = eval_operand(e, x, 0), *w = eval_operand(e, x, 1);
    Codes c = ir_codes(e->g, x);
    int64_t rows = eval_size(e, &c.x, 0);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < c.results; j++) {
            int64_t sum = start_of(e, x, j);
            for (int64_t k = 0; k < c.channels; k++)
                sum += (int64_t)in[i * c.channels + k] * (int64_t)w[j * c.channels + k];
            out[i * c.results + j] = finished(e, x, &c, j, sum);
        }
}

/* The code at a place of a channel; padding's outside. */
static double code_at(const Codes *c, const double *image, int64_t row, int64_t col, int64_t channel)
{
    const WindowAxis *a = c->window.axis;
    if (row < 0 || row >= a[0].places || col < 0 || col >= a[1].places)
        return c->padding;
    return image[(row * a[1].places + col) * c->channels + channel];
}

/* out[n,p,o] = start[o] + sum over taps and channels of x[n,p + tap,c] w[o,tap,c] */
void eval_conv_int8(const Eval *e, const Node *x, double *out)
{
    Codes c = ir_codes(e->g, x);
    const WindowAxis *row = &c.window.axis[0], *col = &c.window.axis[1];
    const double *in = eval_operand(e, x, 0), *w = eval_operand(e, x, 1);
    int64_t windows = row->windows * col->windows, places = row->places * col->places;
    int64_t depth = c.runs * c.run;
    for (int64_t p = 0; p < eval_size(e, &c.x, 0) * windows; p++) {
        const double *image = in + p / windows * places * c.channels;
        int64_t top = ir_window_begin(row, p % windows / col->windows);
        int64_t left = ir_window_begin(col, p % col->windows);
        for (int64_t o = 0; o < c.results; o++) {
            int64_t sum = start_of(e, x, o);
            for (int64_t k = 0; k < depth; k++) {
                int64_t tap = k / c.channels;
                double code = code_at(&c, image, top + tap / col->taps * row->dilation,
                                      left + tap % col->taps * col->dilation, k % c.channels);
                sum += (int64_t)code * (int64_t)w[o * depth + k];
            }
            out[p * c.results + o] = finished(e, x, &c, o, sum);
        }
    }
}

void eval_pool_max(const Eval *e, const Node *x, double *out)
{
    Window w;
    char err[IR_ERR];
    const Shape *s = eval_shape(e, x, 0);
    if (!ir_int8_window(x->attr, x->n_attr, s, &w, err))
        ir_die(e->g->module, "pool_max: %s", err);
    const WindowAxis *row = &w.axis[0], *col = &w.axis[1];
    int64_t channels = s->dim[s->rank - 1].k, windows = row->windows * col->windows;
    const Codes c = {.window = w, .channels = channels};   /* padding is code 0, which is the least */
    for (int64_t i = 0, n = ir_elems_at(&x->type.shape, e->in->n); i < n; i++) {
        int64_t p = i / channels, r = p % windows / col->windows, q = p % col->windows;
        const double *image = eval_operand(e, x, 0) + p / windows * row->places * col->places * channels;
        for (int64_t a = 0; a < ir_window_taps(row, r); a++)
            for (int64_t b = 0; b < ir_window_taps(col, q); b++) {
                double code = code_at(&c, image, ir_window_begin(row, r) + a * row->dilation,
                                      ir_window_begin(col, q) + b * col->dilation, i % channels);
                if (code > out[i])
                    out[i] = code;
            }
    }
}
