/* tests/ops/cases.h: an independent reference of each elementwise op, and where to try it.
 *
 * References are doubles, by other formulas than ir/ops.def where there is one. `lo` and `hi` bound
 * the arguments of the comparison; finite differences keep away from `kink` (a value of a, or of
 * a - b). The edges (zeros, infinities, NaN) are PyTorch's, in torch_ops.txt. */
#ifndef SEQC_TESTS_OPS_CASES_H
#define SEQC_TESTS_OPS_CASES_H
#include "tests/ops/case.h"

typedef double Reference(const double *x, const double *attr);
typedef struct MapCase {
    Reference *ref;
    double lo, hi;
    double attr[2][2];          /* two choices of the REAL attributes, in the table's order */
    enum { SMOOTH, KINK_A, KINK_DIFFERENCE } kink;
    const char *without_torch;  /* why torch_ops.txt has no row; else null */
    double torch_error;         /* absolute: what PyTorch's own formula loses by cancellation */
    double torch_slope;         /* relative: its derivative has a float constant, 1e-12 or 1 / 6 */
    bool zero_unsigned;         /* PyTorch's zero has the other sign */
} MapCase;

#define REF(name, formula) \
    static double ref_##name(const double *x, const double *attr) \
    { \
        const double a = x[0], b = x[1], p = attr[0], q = attr[1]; \
        (void)b, (void)p, (void)q; \
        return formula; \
    }

REF(relu, fmax(a, 0))
REF(leaky_relu, fmax(a, 0) + p * fmin(a, 0))
REF(elu, fmax(a, 0) + p * (exp(fmin(a, 0)) - 1))
REF(prelu, fmax(a, 0) + b * fmin(a, 0))
REF(sigmoid, 0.5 * (1 + tanh(a / 2)))
REF(tanh, sinh(a) / cosh(a))
REF(gelu, 0.5 * a * erfc(-a / sqrt(2)))
REF(gelu_tanh, a / (1 + exp(-2 * sqrt(0.5 / atan(1)) * (a + 0.044715 * pow(a, 3)))))
REF(silu, a / (1 + exp(-a)))
REF(softplus, a * p > q ? a : (fmax(a * p, 0) + log(1 + exp(-fabs(a * p)))) / p)
REF(softsign, a > 0 ? 1 - 1 / (1 + a) : 1 / (1 - a) - 1)
REF(relu6, fmin(fmax(a, 0), 6))
REF(selu, 1.0507009873554804934193349852946 *
          (fmax(a, 0) + 1.6732632423543772848170429916717 * (exp(fmin(a, 0)) - 1)))
REF(celu, fmax(a, 0) + fmin(0, p * (exp(a / p) - 1)))
REF(mish, a * ((1 + exp(a)) * (1 + exp(a)) - 1) / ((1 + exp(a)) * (1 + exp(a)) + 1))
REF(logsigmoid, -log(1 + exp(-a)))
REF(tanhshrink, a - sinh(a) / cosh(a))
REF(hardtanh, fmin(fmax(a, p), q))
REF(hardsigmoid, fmin(fmax(a / 6 + 0.5, 0), 1))
REF(hardswish, a * fmin(fmax(a / 6 + 0.5, 0), 1))
REF(hardshrink, fabs(a) > p ? a : 0)
REF(softshrink, copysign(fmax(fabs(a) - p, 0), a))
REF(threshold, a > p ? a : q)
REF(neg, 0 - a)
REF(exp, pow(2.718281828459045235360287, a))
REF(log, log10(a) * 2.302585092994045684)
REF(sqrt, pow(a, 0.5))
REF(abs, a < 0 ? -a : a)
REF(add, b + a)
REF(sub, -(b - a))
REF(mul, b * a)
REF(div, a * (1 / b))
REF(squared_error, pow(fmax(a, b) - fmin(a, b), 2))
REF(abs_error, fmax(a, b) - fmin(a, b))
REF(bce_logits, fmax(a, 0) - a * b + log(1 + exp(-fabs(a))))
REF(bce, -(b * log(a) + (1 - b) * log(1 - a)))
REF(smooth_l1, fabs(a - b) < p ? pow(a - b, 2) / (2 * p) : fabs(a - b) - p / 2)
REF(huber, fabs(a - b) < p ? pow(a - b, 2) / 2 : p * fabs(a - b) - p * p / 2)
REF(kl_div, b * (log(b) - a))
REF(kl_div_log, exp(b) * b - exp(b) * a)
REF(poisson_nll, pow(2.718281828459045235360287, a) - a * b)
REF(poisson_nll_rate, a - log(a + p) * b)
REF(hinge_embedding, b == 1 ? a : b == -1 ? fmax(0, p - a) : a + fmax(0, p - a))
REF(soft_margin, log(1 + exp(-b * a)))
REF(stop, a)
REF(expand, a)
REF(map, a * a + b)
#undef REF

/* `hi`, then the members that are not zero: so `...` is never empty, which C11 does not allow. */
#define CASE(name, from, ...) \
    [OP_##name] = {.ref = ref_##name, .lo = from, .hi = __VA_ARGS__}
static const MapCase map_case[OP_COUNT] = {
    CASE(relu, -4, 4, .kink = KINK_A, .zero_unsigned = true),
    CASE(leaky_relu, -4, 4, .attr = {{0.01}, {0.3}}, .kink = KINK_A),
    CASE(elu, -4, 4, .attr = {{1}, {1.5}}, .kink = KINK_A, .torch_error = 2e-16,
         .zero_unsigned = true),
    CASE(prelu, -4, 4, .kink = KINK_A),
    CASE(sigmoid, -6, 6, .kink = SMOOTH),
    CASE(tanh, -4, 4, .kink = SMOOTH),
    CASE(gelu, -4, 4, .kink = SMOOTH),
    CASE(gelu_tanh, -4, 4, .kink = SMOOTH),
    CASE(silu, -6, 6, .kink = SMOOTH),
    CASE(softplus, -6, 6, .attr = {{1, 20}, {0.7, 20}}),
    CASE(softsign, -4, 4, .kink = SMOOTH),
    CASE(relu6, -4, 12, .zero_unsigned = true),
    CASE(selu, -4, 4, .kink = KINK_A, .torch_error = 2e-16, .zero_unsigned = true),
    CASE(celu, -4, 4, .attr = {{1}, {1.5}}, .torch_error = 2e-16, .zero_unsigned = true),
    CASE(mish, -6, 6, .kink = SMOOTH, .zero_unsigned = true),
    CASE(logsigmoid, -6, 6, .kink = SMOOTH),
    CASE(tanhshrink, -4, 4, .kink = SMOOTH),
    CASE(hardtanh, -4, 4, .attr = {{-1, 1}, {0.5, 2}}),
    CASE(hardsigmoid, -6, 6, .torch_slope = 1e-7),
    CASE(hardswish, -6, 6, .zero_unsigned = true),
    CASE(hardshrink, -4, 4, .attr = {{0.5}, {1.7}}, .zero_unsigned = true),
    CASE(softshrink, -4, 4, .attr = {{0.5}, {1.7}}, .zero_unsigned = true),
    CASE(threshold, -4, 4, .attr = {{1, 20}, {-0.5, 0.1}}),
    CASE(neg, -4, 4, .kink = SMOOTH),
    CASE(exp, -4, 4, .kink = SMOOTH),
    CASE(log, 0.1, 9, .kink = SMOOTH),
    CASE(sqrt, 0.1, 9, .kink = SMOOTH),
    CASE(abs, -4, 4, .kink = KINK_A),
    CASE(add, -4, 4, .kink = SMOOTH),
    CASE(sub, -4, 4, .kink = SMOOTH),
    CASE(mul, -4, 4, .kink = SMOOTH),
    CASE(div, 0.5, 4, .kink = SMOOTH),
    CASE(squared_error, -4, 4, .kink = KINK_DIFFERENCE),
    CASE(abs_error, -4, 4, .kink = KINK_DIFFERENCE),
    CASE(bce_logits, 0.05, 4, .torch_error = 1e-14),
    CASE(smooth_l1, -4, 4, .attr = {{1}, {0.3}}, .kink = KINK_DIFFERENCE),
    CASE(huber, -4, 4, .attr = {{1}, {0.3}}, .kink = KINK_DIFFERENCE),
    CASE(kl_div, 0.1, 0.9),
    CASE(kl_div_log, -3, 3),
    CASE(poisson_nll, -3, 3),
    CASE(poisson_nll_rate, 0.1, 4, .attr = {{1e-8}, {0.5}}),
    CASE(hinge_embedding, -4, 4, .attr = {{1}, {0.3}}),
    CASE(soft_margin, -4, 4, .torch_error = 2e-16),
    CASE(bce, 0.1, 0.9, .torch_slope = 1e-8, .torch_error = 2e-16),
    CASE(stop, -4, 4, .without_torch = "x.detach()"),
    CASE(expand, -4, 4, .without_torch = "copies"),
    CASE(map, -4, 4, .without_torch = "any expression"),
};
#undef CASE

#endif
