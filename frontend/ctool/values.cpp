/* frontend/ctool/values.cpp: nodes, and arithmetic on what is known. */
#include "frontend/ctool/values.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ctool {

/* ---- constants ---- */

Val known_real(Type t, double x)
{
    Val v;
    v.type = t;
    v.known = true;
    v.real = x;
    bool is_float = std::isnan(x) || static_cast<double>(static_cast<float>(x)) == x;
    v.precision = is_float ? Precision::IS_FLOAT : Precision::WIDE;
    return v;
}

Val known_int(Type t, int64_t i)
{
    Val v;
    v.type = t;
    v.known = true;
    v.integer = i;
    v.truth = i == 0 || i == 1;
    return v;
}

Val known_truth(bool b) { return known_int(int_type, b); }

int64_t lowest(Type t)
{
    return !t.is_signed ? 0 : t.bits == 64 ? INT64_MIN : -(INT64_C(1) << (t.bits - 1));
}

int64_t highest(Type t)
{
    int digits = t.bits - t.is_signed;
    return digits >= 63 ? INT64_MAX : (INT64_C(1) << digits) - 1;
}

/* A float is written with the fewest digits that read back as that float: 0.1f is 0.1, which a
 * float program reads as 0.1f, and a double one as what its author meant. */
static double written(const Val &v)
{
    if (v.type.kind != Type::FLOAT || !std::isfinite(v.real))
        return v.real;
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v.real);
        if (strtof(text, nullptr) == static_cast<float>(v.real))
            break;
    }
    return strtod(text, nullptr);
}

static bool same_bits(double a, double b)
{
    return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

/* ---- nodes ---- */

size_t Builder::Hash::operator()(const CtNode &x) const
{
    uint64_t bits;
    std::memcpy(&bits, &x.num, sizeof bits);
    uint64_t h = bits ^ static_cast<uint64_t>(x.i) * 31 ^ static_cast<uint64_t>(x.op);
    for (uint32_t in : x.in) {
        h = (h ^ in) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return static_cast<size_t>(h);
}

bool Builder::Same::operator()(const CtNode &x, const CtNode &y) const
{
    return x.op == y.op && x.i == y.i && same_bits(x.num, y.num) &&
           std::memcmp(x.in, y.in, sizeof x.in) == 0;
}

uint32_t Builder::make(ExOp op, uint32_t a, uint32_t b, uint32_t c, double num, int64_t i)
{
    CtNode x{op, {a, b, c}, std::isnan(num) ? NAN : num, i, at};
    auto next = static_cast<uint32_t>(node.size());
    auto [old, fresh] = number.try_emplace(x, next);
    if (fresh)
        node.push_back(x);
    return old->second;
}

Val Builder::made(Type t, uint32_t n, bool truth)
{
    Val v;
    v.type = t;
    v.node = n;
    v.truth = truth;
    return v;
}

Val Builder::arg(Type t, int i)
{
    Val v = made(t, make(EX_ARG, 0, 0, 0, 0, i));
    v.precision = t == double_type ? Precision::WIDE : Precision::IS_FLOAT;
    return v;
}

uint32_t Builder::node_of(const Val &v)
{
    if (!v.known)
        return v.node;
    if (v.type.real())
        return make(EX_NUM, 0, 0, 0, written(v));
    return make(v.truth ? EX_BOOL : EX_INT, 0, 0, 0, 0, v.integer);
}

uint32_t Builder::number_of(const Val &v)
{
    if (v.known)
        return make(EX_INT, 0, 0, 0, 0, v.integer);
    if (!v.truth)
        return v.node;
    return make(EX_SELECT, v.node, make(EX_INT, 0, 0, 0, 0, 1), make(EX_INT, 0, 0, 0, 0, 0));
}

/* ---- reals ---- */

template <class T> static T computed(ExOp op, T a, T b)
{
    switch (op) {
    case EX_ADD: return a + b;
    case EX_SUB: return a - b;
    case EX_MUL: return a * b;
    default: return a / b;
    }
}

/* What a double is that one operation gives. */
static Precision after(const Val &a, const Val &b)
{
    bool exact = a.precision == Precision::IS_FLOAT && b.precision == Precision::IS_FLOAT;
    return exact ? Precision::ONCE : Precision::WIDE;
}

Val Builder::real(ExOp op, Type t, const Val &a, const Val &b)
{
    bool is_float = t.kind == Type::FLOAT;
    if (a.known && b.known)
        return known_real(t, is_float ? static_cast<double>(computed(
                                            op, static_cast<float>(a.real), static_cast<float>(b.real)))
                                      : computed(op, a.real, b.real));
    Val v = made(t, make(op, node_of(a), node_of(b)));
    v.precision = is_float ? Precision::IS_FLOAT : after(a, b);
    return v;
}

Val Builder::negated(const Val &a)
{
    if (a.known)
        return known_real(a.type, -a.real);
    Val v = made(a.type, make(EX_NEG, a.node));
    v.precision = a.precision;
    return v;
}

Val Builder::function(ExOp op, Type t, const Val &a, const Val *b)
{
    Val v = made(t, make(op, node_of(a), b ? node_of(*b) : 0));
    bool keeps = op == EX_abs || op == EX_floor || op == EX_ceil || op == EX_trunc || op == EX_round;
    v.precision = t.kind == Type::FLOAT ? Precision::IS_FLOAT
                  : keeps               ? a.precision
                  : op == EX_sqrt       ? after(a, a)
                                        : Precision::WIDE;
    return v;
}

/* ---- truths ---- */

template <class T> static bool holds(ExOp op, T a, T b)
{
    switch (op) {
    case EX_LT: return a < b;
    case EX_LE: return a <= b;
    case EX_GT: return a > b;
    case EX_GE: return a >= b;
    case EX_EQ: return a == b;
    default: return a != b;
    }
}

Val Builder::compare(ExOp op, const Val &a, const Val &b)
{
    if (a.known && b.known)
        return known_truth(a.type.real() ? holds(op, a.real, b.real)
                                         : holds(op, a.integer, b.integer));
    if (a.type.real())
        return made(int_type, make(op, node_of(a), node_of(b)), true);
    bool equal = op == EX_EQ || op == EX_NE;
    if (equal && a.truth && b.known && b.truth)           /* (x > 0) == 0 */
        return is_true(b) == (op == EX_EQ) ? truth(a) : either_not(a);
    return made(int_type, make(op, number_of(a), number_of(b)), true);
}

Val Builder::truth(const Val &v)
{
    if (v.known)
        return known_truth(v.type.real() ? v.real != 0 : v.integer != 0);
    if (v.truth)
        return made(int_type, v.node, true);
    return compare(EX_NE, v, v.type.real() ? known_real(v.type, 0) : known_int(v.type, 0));
}

Val Builder::either_not(const Val &a)
{
    if (a.known)
        return known_truth(a.integer == 0);
    if (node[a.node].op == EX_NOT)
        return made(int_type, node[a.node].in[0], true);
    return made(int_type, make(EX_NOT, a.node), true);
}

Val Builder::logic(ExOp op, const Val &a, const Val &b)
{
    bool neutral = op == EX_AND;
    if (a.known)
        return is_true(a) == neutral ? b : a;
    if (b.known)
        return is_true(b) == neutral ? a : b;
    return a.node == b.node ? a : made(int_type, make(op, a.node, b.node), true);
}

Val Builder::both(const Val &a, const Val &b) { return logic(EX_AND, a, b); }
Val Builder::either(const Val &a, const Val &b) { return logic(EX_OR, a, b); }

Val Builder::select(const Val &c, const Val &a, const Val &b)
{
    if (c.known)
        return is_true(c) ? a : b;
    bool same = a.known == b.known &&
                (!a.known ? a.node == b.node && a.truth == b.truth
                          : a.integer == b.integer && same_bits(a.real, b.real));
    if (same)
        return a;
    if (node[c.node].op == EX_NOT)
        return select(either_not(c), b, a);
    if (!a.type.real() && a.truth && b.truth) {
        Val v = a.known   ? (is_true(a) ? either(c, b) : both(either_not(c), b))
                : b.known ? (is_true(b) ? either(either_not(c), a) : both(c, a))
                          : either(both(c, a), both(either_not(c), b));
        v.type = a.type;
        return v;
    }
    if (!a.type.real())
        return made(a.type, make(EX_SELECT, c.node, number_of(a), number_of(b)));
    Val v = made(a.type, make(EX_SELECT, c.node, node_of(a), node_of(b)));
    v.precision = a.precision > b.precision ? a.precision : b.precision;
    return v;
}

/* ---- integers that are not known ---- */

/* Is n made of constants that float has, by choices, sums and differences? Those are the same
 * computed as reals. Products and negations are not: of a 0 they may make -0. */
bool Builder::small(uint32_t n, int depth) const
{
    const CtNode &x = node[n];
    if (depth > 6)
        return false;
    if (x.op == EX_INT)
        return x.i > -(1 << 16) && x.i < 1 << 16;
    if (x.op == EX_SELECT)
        return small(x.in[1], depth + 1) && small(x.in[2], depth + 1);
    return (x.op == EX_ADD || x.op == EX_SUB) && small(x.in[0], depth + 1) &&
           small(x.in[1], depth + 1);
}

uint32_t Builder::real_of(Type t, uint32_t n)
{
    const CtNode x = node[n];
    if (x.op == EX_INT)
        return make(EX_NUM, 0, 0, 0, static_cast<double>(x.i));
    if (x.op == EX_SELECT) {
        uint32_t a = real_of(t, x.in[1]), b = real_of(t, x.in[2]);
        return make(EX_SELECT, x.in[0], a, b);
    }
    uint32_t a = real_of(t, x.in[0]), b = real_of(t, x.in[1]);
    return make(x.op, a, b);
}

Val Builder::to_real(Type t, const Val &v)
{
    bool is_float = t.kind == Type::FLOAT;
    if (v.known)
        return known_real(t, is_float ? static_cast<double>(static_cast<float>(v.integer))
                                      : static_cast<double>(v.integer));
    uint32_t n = number_of(v);
    Val out = made(t, small(n, 0) ? real_of(t, n) : make(EX_TO_REAL, n));
    out.precision = is_float || small(n, 0) ? Precision::IS_FLOAT : Precision::ONCE;
    return out;
}

Val Builder::to_int(Type t, const Val &v) { return made(t, make(EX_TO_INT, v.node)); }

Val Builder::integer(ExOp op, Type t, const Val &a, const Val &b)
{
    return made(t, op == EX_NEG ? make(op, number_of(a)) : make(op, number_of(a), number_of(b)));
}

} // namespace ctool
