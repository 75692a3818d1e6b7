/* frontend/ctool/read_int.cpp: conversions, and the operators of numbers.
 *
 * Integers that are known are computed as C computes them, in their own width; what C leaves
 * undefined is refused. Integers that depend on the arguments (comparisons, conversions of floats)
 * are signed and have no division, since an expression has none. */
#include "frontend/ctool/reader.h"
#include <cmath>

namespace ctool {
using namespace clang;

static std::string name_of(Type t)
{
    return t.bits == 1 ? "_Bool"
                       : std::string(t.is_signed ? "" : "unsigned ") + std::to_string(+t.bits) + " bits";
}

/* ---- conversions ---- */

/* The value of a known computation: unsigned types wrap, signed ones must hold it. */
Val Reader::fitted(__int128 i, Type t, const Expr *at)
{
    if (!t.is_signed && t.bits < 64)
        i &= (static_cast<__int128>(1) << t.bits) - 1;
    else if (!t.is_signed)
        i &= static_cast<__int128>(UINT64_MAX);
    if (i < lowest(t) || i > highest(t))
        return refuse(CT_INTEGER, at, "the integer overflows: its type has " + name_of(t));
    return known_int(t, static_cast<int64_t>(i));
}

Val Reader::to_integer(const Val &v, Type to, const Expr *at)
{
    if (to.bits == 1) {
        Val b = nodes.truth(v);
        b.type = to;
        return b;
    }
    if (v.known && v.type.real()) {
        if (!(v.real > static_cast<double>(lowest(to)) - 1 && v.real < 0x1p63) ||
            std::trunc(v.real) > static_cast<double>(highest(to)))
            return refuse(CT_INTEGER, at, "the number does not fit into an integer of " + name_of(to));
        return known_int(to, static_cast<int64_t>(v.real));
    }
    if (v.known)
        return fitted(v.integer, to, at);
    if (v.truth) {
        Val b = v;
        b.type = to;
        return b;
    }
    if (!to.is_signed || to.bits < 32 || (!v.type.real() && v.type.bits > to.bits))
        return refuse(CT_INTEGER, at,
                      "this conversion to an integer of " + name_of(to) + " depends on the arguments",
                      "convert to int; floorf, ceilf, truncf and rintf need no integers");
    if (v.type.real()) {
        if (v.precision != Precision::IS_FLOAT && !is_double)
            warn_mixed(at);
        return nodes.to_int(to, v);
    }
    Val i = v;
    i.type = to;
    return i;
}

Val Reader::converted(const Val &v, Type to, const Expr *at)
{
    if (v.type == to)
        return v;
    if (!to.real())
        return to_integer(v, to, at);
    if (!v.type.real())
        return nodes.to_real(to, v);
    if (v.known)
        return known_real(to, to == float_type ? static_cast<double>(static_cast<float>(v.real))
                                               : v.real);
    if (to == float_type && (v.precision == Precision::WIDE ||
                             (is_double && v.precision == Precision::ONCE)))
        warn_mixed(at);
    Val x = v;
    x.type = to;
    x.precision = Precision::IS_FLOAT;
    return x;
}

Val Reader::conversion(const CastExpr *e)
{
    const Expr *sub = e->getSubExpr();
    if (e->hasStoredFPFeatures())
        return refuse(CT_KIND, e, "a pragma changes this conversion");
    switch (e->getCastKind()) {
    case CK_LValueToRValue: case CK_NoOp:
        return expr(sub);
    case CK_ToVoid:
        expr(sub);
        return none;
    case CK_FloatingCast: case CK_IntegralCast: case CK_IntegralToFloating:
    case CK_FloatingToIntegral: case CK_FloatingToBoolean: case CK_IntegralToBoolean:
        break;
    default:
        return refuse(CT_TYPE, e, "`" + sub->getType().getAsString() + "` is not read here");
    }
    std::optional<Type> to = type_of(e->getType());
    if (!to || !type_of(sub->getType()))
        return refuse(CT_TYPE, e, "this is a `" + (to ? sub->getType() : e->getType()).getAsString() +
                                      "`; numbers are float, double or integers");
    Val v = expr(sub);
    return failed() ? none : converted(v, *to, e);
}

/* ---- operators ---- */

static ExOp comparison(BinaryOperatorKind op)
{
    switch (op) {
    case BO_LT: return EX_LT;
    case BO_LE: return EX_LE;
    case BO_GT: return EX_GT;
    case BO_GE: return EX_GE;
    case BO_EQ: return EX_EQ;
    default: return EX_NE;
    }
}

static ExOp arithmetic(BinaryOperatorKind op)
{
    switch (op) {
    case BO_Add: return EX_ADD;
    case BO_Sub: return EX_SUB;
    case BO_Mul: return EX_MUL;
    case BO_Div: return EX_DIV;
    default: return EX_NONE;
    }
}

static std::string sign_of(BinaryOperatorKind op)
{
    return "`" + BinaryOperator::getOpcodeStr(op).str() + "`";
}

Val Reader::known_integers(BinaryOperatorKind op, Type t, int64_t a, int64_t b, const Expr *at)
{
    __int128 x = a, y = b;
    bool divides = op == BO_Div || op == BO_Rem, shifts = op == BO_Shl || op == BO_Shr;
    if (divides && b == 0)
        return refuse(CT_INTEGER, at, "an integer is divided by 0");
    if (shifts && (b < 0 || b >= t.bits || a < 0))
        return refuse(CT_INTEGER, at, "C does not define this shift");
    switch (op) {
    case BO_Add: return fitted(x + y, t, at);
    case BO_Sub: return fitted(x - y, t, at);
    case BO_Mul: return fitted(x * y, t, at);
    case BO_Div: return fitted(x / y, t, at);
    case BO_Rem: return fitted(x % y, t, at);
    case BO_Shl: return fitted(x << b, t, at);
    case BO_Shr: return fitted(x >> b, t, at);
    case BO_And: return fitted(x & y, t, at);
    case BO_Or: return fitted(x | y, t, at);
    case BO_Xor: return fitted(x ^ y, t, at);
    default: return refuse(CT_KIND, at, sign_of(op) + " of integers is not read");
    }
}

Val Reader::integers(BinaryOperatorKind op, Type t, const Val &a, const Val &b, const Expr *at)
{
    if (BinaryOperator::isComparisonOp(op)) {
        bool mixed_sign = (!a.type.is_signed && !a.truth && !a.known) ||
                          (!b.type.is_signed && !b.truth && !b.known);
        return mixed_sign ? refuse(CT_INTEGER, at, "unsigned integers that depend on the arguments")
                          : nodes.compare(comparison(op), a, b);
    }
    if (a.known && b.known)
        return known_integers(op, t, a.integer, b.integer, at);
    if (a.truth && b.truth && (op == BO_And || op == BO_Or)) {
        Val x = nodes.truth(a), y = nodes.truth(b);
        Val v = op == BO_And ? nodes.both(x, y) : nodes.either(x, y);
        v.type = t;
        return v;
    }
    ExOp ex = arithmetic(op);
    if (ex == EX_NONE || ex == EX_DIV || !t.is_signed)
        return refuse(CT_INTEGER, at,
                      sign_of(op) + " of " + (t.is_signed ? "" : "unsigned ") +
                          "integers that depend on the arguments",
                      "compute with floats: floorf, fmodf");
    return nodes.integer(ex, t, a, b);
}

Val Reader::operation(BinaryOperatorKind op, Type t, const Val &a, const Val &b, const Expr *at)
{
    nodes.at = places.of(at->getSourceRange());
    if (!a.type.real())
        return integers(op, t, a, b, at);
    if (BinaryOperator::isComparisonOp(op)) {
        bool exact = a.precision == Precision::IS_FLOAT && b.precision == Precision::IS_FLOAT;
        if (a.type == double_type && !is_double && !exact && !(a.known && b.known))
            warn_mixed(at);
        return nodes.compare(comparison(op), a, b);
    }
    ExOp ex = arithmetic(op);
    return ex == EX_NONE ? refuse(CT_KIND, at, sign_of(op) + " of floats is not read")
                         : nodes.real(ex, a.type, a, b);
}

} // namespace ctool
