/* walk_value.cpp: what an expression is, and what it does to a state. */
#include "frontend/ctool/walk.h"
#include <clang/AST/RecordLayout.h>

using namespace clang;

namespace certify {

static bool whole(QualType t) { return t->isIntegralOrEnumerationType(); }

Lins learned(const State &before, const State &after)
{
    return Lins(after.facts.known.begin() + (long)before.facts.known.size(), after.facts.known.end());
}

void Walk::children(const Stmt *e, State &s)
{
    for (const Stmt *c : e->children())
        if (const Expr *const x = dyn_cast_or_null<Expr>(c)) value(x, s);
}

/* A variable's object, or its value where its address is never taken. */
Value Walk::variable(const VarDecl *v, State &s)
{
    if (v->hasGlobalStorage()) {
        const Object *const o = global(v);
        return Value::to(o, Lin(0), Lin(0), o->bytes);
    }
    const auto it = s.variables.find(v);
    return it == s.variables.end() ? unknown(v->getType(), s) : it->second;
}

static bool in_memory(const VarDecl *v, const std::set<const VarDecl *> &addressed)
{
    return v->hasGlobalStorage() || v->getType()->isArrayType() || v->getType()->isRecordType()
        || addressed.count(v);
}

/* A pointer to what an lvalue names; of a variable that is not in memory, the variable. */
Value Walk::location(const Expr *e, State &s, const VarDecl **var)
{
    e = e->IgnoreParens();
    *var = nullptr;
    if (const DeclRefExpr *const d = dyn_cast<DeclRefExpr>(e)) {
        const VarDecl *const v = dyn_cast<VarDecl>(d->getDecl());
        if (!v) return Value::anywhere();
        if (!in_memory(v, addressed[stack.back()])) *var = v;
        return variable(v, s);
    }
    if (const UnaryOperator *const u = dyn_cast<UnaryOperator>(e)) {
        if (u->getOpcode() == UO_Deref) return value(u->getSubExpr(), s);
        if (u->getOpcode() == UO_Extension) return location(u->getSubExpr(), s, var);
    }
    if (const ArraySubscriptExpr *const a = dyn_cast<ArraySubscriptExpr>(e)) return subscript(a, s);
    if (const MemberExpr *const m = dyn_cast<MemberExpr>(e)) return member(m, s);
    if (const StringLiteral *const l = dyn_cast<StringLiteral>(e)) {
        const Object *const o = object("a string", Lin((Int)l->getByteLength() + 1), context.CharTy, nullptr);
        return Value::to(o, Lin(0), Lin(0), o->bytes);
    }
    if (const CompoundLiteralExpr *const l = dyn_cast<CompoundLiteralExpr>(e)) {
        const Object *const o = object("a literal", Lin(size_of(l->getType())), l->getType(), nullptr);
        const Value at = Value::to(o, Lin(0), Lin(0), o->bytes);
        fill(at, l->getType(), l->getInitializer(), s);
        return at;
    }
    if (const CastExpr *const c = dyn_cast<CastExpr>(e))
        if (c->isGLValue()) return location(c->getSubExpr(), s, var);
    children(e, s);
    return Value::anywhere();
}

/* The place of an element. Of an array whose length the type says, the subscript is proved here. */
Value Walk::subscript(const ArraySubscriptExpr *a, State &s)
{
    const Expr *const base = a->getBase()->IgnoreParens();
    const Value i = value(a->getIdx(), s);
    const Lin at = i.kind == Value::INTEGER ? i.number : Lin::of(unknowns.make());
    if (base->getType()->isVectorType()) {
        value(base, s);
        const Int lanes = base->getType()->castAs<VectorType>()->getNumElements();
        const bool inside = s.facts.holds(at) && s.facts.holds(Lin(lanes - 1) - at);
        record(Kind::ACCESS, a, inside, "an element of a vector of " + std::to_string(lanes));
        return Value();
    }
    const Value pointer = value(base, s);
    const Expr *const array = base->IgnoreParenImpCasts();
    if (const ConstantArrayType *const t = context.getAsConstantArrayType(array->getType())) {
        const Int n = (Int)t->getSize().getZExtValue();
        const bool inside = s.facts.holds(at) && s.facts.holds(Lin(n - 1) - at);
        const Range r = s.facts.range(at);
        if (n > 1 || inside || !isa<MemberExpr>(array))
            record(Kind::ACCESS, a, inside,
                   "the subscript may be " + (r.lo < 0 ? std::string("below 0") : std::to_string(r.hi))
                       + ", of an array of " + std::to_string(n));
    }
    return moved(pointer, scaled(at, size_of(a->getType())));
}

Value Walk::member(const MemberExpr *m, State &s)
{
    const FieldDecl *const f = dyn_cast<FieldDecl>(m->getMemberDecl());
    const VarDecl *var;
    Value v = m->isArrow() ? value(m->getBase(), s) : location(m->getBase(), s, &var);
    if (!f || v.kind != Value::POINTER) return Value::anywhere();
    const ASTRecordLayout &layout = context.getASTRecordLayout(f->getParent());
    v = moved(v, Lin((Int)layout.getFieldOffset(f->getFieldIndex()) / 8));
    const Lin bytes = Lin(size_of(f->getType()));
    if (m->isArrow()) access(m, v, bytes, s);
    for (Place &p : v.places) {    /* what goes on from here stays in the member */
        p.begin = p.at;
        p.end = p.at + bytes;
    }
    return v;
}

Value Walk::cast(const CastExpr *c, State &s)
{
    const Expr *const e = c->getSubExpr();
    const VarDecl *var;
    switch (c->getCastKind()) {
    case CK_LValueToRValue: {
        const Value at = location(e, s, &var);
        if (var || c->getType()->isRecordType()) return at;
        if (e->IgnoreParens()->getType()->isVectorType() || at.kind != Value::POINTER) {
            if (at.kind == Value::POINTER) access(e->IgnoreParens(), at, Lin(size_of(e->getType())), s);
            return Value();
        }
        return load(e->IgnoreParens(), at, c->getType(), s);
    }
    case CK_ArrayToPointerDecay: return location(e, s, &var);
    case CK_BuiltinFnToFnPtr:
    case CK_FunctionToPointerDecay: {
        Value v;
        const DeclRefExpr *const d = dyn_cast<DeclRefExpr>(e->IgnoreParens());
        v.kind = Value::FUNCTION;
        v.function = d ? dyn_cast<FunctionDecl>(d->getDecl()) : nullptr;
        return v;
    }
    case CK_NullToPointer:
        value(e, s);
        return Value::to(nullptr, Lin(0), Lin(0), Lin(0));
    case CK_IntegralCast: {
        const Value v = value(e, s);
        return v.kind == Value::INTEGER ? fitted(v.number, c->getType(), s) : unknown(c->getType(), s);
    }
    case CK_IntegralToBoolean: {
        const Value v = value(e, s);
        const bool truth = v.kind == Value::INTEGER && s.facts.range(v.number).within({ 0, 1 });
        return truth ? v : unknown(c->getType(), s);
    }
    case CK_NoOp:
    case CK_BitCast: {
        const Value v = value(e, s);
        if (c->getType()->isPointerType() && v.kind == Value::OTHER) return Value::anywhere();
        return whole(c->getType()) && v.kind != Value::INTEGER ? unknown(c->getType(), s) : v;
    }
    default:
        value(e, s);
        return unknown(c->getType(), s);
    }
}

void Walk::set(const VarDecl *var, const Value &v, State &s)
{
    const QualType type = var->getType();
    if (!whole(type) && !type->isPointerType()) return;
    const bool checked = !quiet || !type->isSignedIntegerOrEnumerationType();
    if (v.kind == Value::INTEGER) s.variables[var] = checked ? fitted(v.number, type, s) : v;
    else s.variables[var] = v.kind == Value::OTHER ? unknown(type, s) : v;
}

void Walk::assign(const Expr *to, const Value &v, State &s)
{
    const VarDecl *var;
    const Value at = location(to, s, &var);
    if (var) {
        set(var, v, s);
        return;
    }
    if (at.kind == Value::POINTER) store(to->IgnoreParens(), at, to->getType(), v, s);
}

/* What an lvalue in memory holds. */
Value Walk::read(const Expr *e, const Value &at, State &s)
{
    return at.kind == Value::POINTER ? load(e->IgnoreParens(), at, e->getType(), s) : Value();
}

Value Walk::unary(const UnaryOperator *u, State &s)
{
    const Expr *const e = u->getSubExpr();
    const VarDecl *var;
    if (u->isIncrementDecrementOp()) {
        const Int by = u->isIncrementOp() ? 1 : -1;
        const Value at = location(e, s, &var);
        const Value old = var ? at : read(e, at, s);
        Value now = old;
        if (old.kind == Value::INTEGER) now = computed(old.number + Lin(by), e->getType(), s);
        else if (old.kind == Value::POINTER)
            now = moved(old, Lin(by * size_of(e->getType()->getPointeeType())));
        if (var) set(var, now, s);
        else if (at.kind == Value::POINTER) store(e->IgnoreParens(), at, e->getType(), now, s);
        return u->isPrefix() ? now : old;
    }
    switch (u->getOpcode()) {
    case UO_AddrOf:
        if (const DeclRefExpr *const d = dyn_cast<DeclRefExpr>(e->IgnoreParens()))
            if (const FunctionDecl *const f = dyn_cast<FunctionDecl>(d->getDecl())) {
                Value v;
                v.kind = Value::FUNCTION;
                v.function = f;
                return v;
            }
        return location(e, s, &var);
    case UO_Deref: return location(u, s, &var);
    case UO_Minus:
    case UO_Not: {
        const Value v = value(e, s);
        if (v.kind != Value::INTEGER || !u->getType()->isSignedIntegerType()) return unknown(u->getType(), s);
        return computed(Lin(u->getOpcode() == UO_Not ? -1 : 0) - v.number, u->getType(), s);
    }
    case UO_Plus:
    case UO_Extension: return value(e, s);
    case UO_LNot: {
        const Value v = value(e, s);
        if (v.kind == Value::INTEGER && v.number.constant()) return Value::of(Lin(!v.number.k));
        return Value::of(Lin::of(unknowns.make({ 0, 1 })));
    }
    default:
        value(e, s);
        return unknown(u->getType(), s);
    }
}

/* a / b and a % b, a >= 0, of a b that is no number, but at least 1. Of the quotient a condition may say the
 * most: a < c * b. */
Lin Walk::ratio(const Lin &a, const Lin &b, State &s)
{
    Range r = { 0, s.facts.range(a).hi };
    if (r.hi != INT64_MAX) r.hi /= s.facts.range(b).lo;
    for (const Lin &known : s.facts.known) {
        if (a.terms.empty() || b.terms.empty()) break;
        const Term &x = a.terms.back(), &y = b.terms.back();
        const Int of_a = known.factor(x.of), of_b = known.factor(y.of);
        if (of_a >= 0 || of_b <= 0 || x.by <= 0 || y.by <= 0) continue;
        const Int most = (of_b / y.by * x.by - of_a - 1) / -of_a;
        if (most > 0 && most <= r.hi && s.facts.holds(scaled(b, most) - a - Lin(1))) r.hi = most - 1;
    }
    const unsigned whole = unknowns.make(r);
    unknowns[whole].facts.push_back(a - Lin::of(whole));
    return Lin::of(whole);
}

Lin Walk::rest(const Lin &a, const Lin &b, State &s)
{
    const Range x = s.facts.range(a), y = s.facts.range(b);
    const unsigned left = unknowns.make({ 0, std::min(x.hi, y.hi - 1) });
    unknowns[left].facts.push_back(b - Lin(1) - Lin::of(left));
    unknowns[left].facts.push_back(a - Lin::of(left));
    return Lin::of(left);
}

/* Two unknowns' product: case by case where one has few, else their ranges'. */
Value Walk::product(const Lin &a, const Lin &b, QualType type, State &s)
{
    const Range x = s.facts.range(a), y = s.facts.range(b);
    if (x.lo == x.hi) return computed(scaled(b, x.lo), type, s);
    if (y.lo == y.hi) return computed(scaled(a, y.lo), type, s);
    for (int turn = 0; turn < 2; turn++) {
        const Lin &one = turn ? b : a, &other = turn ? a : b;
        if (one.terms.size() != 1 || one.k || one.terms[0].by != 1) continue;
        Cases cases = unknowns[one.terms[0].of].cases;
        bool numbers = !cases.empty();
        for (Case &c : cases) {
            numbers = numbers && c.value.constant();
            if (!numbers) break;
            c.when.push_back(one - c.value);
            c.when.push_back(c.value - one);
            c.value = scaled(other, c.value.k);
        }
        if (numbers) return computed(s.facts.one_of(cases), type, s);
    }
    if (x.lo < 0 || y.lo < 0 || x.hi == INT64_MAX || y.hi == INT64_MAX) return unknown(type, s);
    Range r;
    if (__builtin_mul_overflow(x.lo, y.lo, &r.lo) || __builtin_mul_overflow(x.hi, y.hi, &r.hi))
        return unknown(type, s);
    return computed(Lin::of(unknowns.make(r)), type, s);
}

Value Walk::arithmetic(BinaryOperatorKind op, const Value &x, const Value &y, QualType left,
                       QualType type, State &s)
{
    const bool add = op == BO_Add, sub = op == BO_Sub;
    if (x.kind == Value::POINTER && y.kind == Value::INTEGER && (add || sub))
        return moved(x, scaled(y.number, (add ? 1 : -1) * size_of(left->getPointeeType())));
    if (y.kind == Value::POINTER && x.kind == Value::INTEGER && add)
        return moved(y, scaled(x.number, size_of(type->getPointeeType())));
    if (!whole(type)) return type->isPointerType() ? Value::anywhere() : Value();
    if (x.kind != Value::INTEGER || y.kind != Value::INTEGER) {
        if (BinaryOperator::isComparisonOp(op)) return Value::of(Lin::of(unknowns.make({ 0, 1 })));
        return unknown(type, s);
    }
    const Lin &a = x.number, &b = y.number;
    const Range r = s.facts.range(a), q = s.facts.range(b);
    switch (op) {
    case BO_Add: return computed(a + b, type, s);
    case BO_Sub: return computed(a - b, type, s);
    case BO_Mul:
        if (a.constant()) return computed(scaled(b, a.k), type, s);
        if (b.constant()) return computed(scaled(a, b.k), type, s);
        return product(a, b, type, s);
    case BO_Div:
    case BO_Rem: {
        if (q.lo != q.hi || q.lo <= 0) {
            if (r.lo < 0 || q.lo <= 0) return unknown(type, s);
            return computed(op == BO_Div ? ratio(a, b, s) : rest(a, b, s), type, s);
        }
        const Lin whole_part = s.facts.quotient(a, q.lo);
        return computed(op == BO_Div ? whole_part : certify::add(a, whole_part, -q.lo), type, s);
    }
    case BO_Shl:
        if (q.lo == q.hi && q.lo >= 0 && q.lo < 62) return computed(scaled(a, (Int)1 << q.lo), type, s);
        return unknown(type, s);
    case BO_Shr:
        if (q.lo == q.hi && q.lo >= 0 && q.lo < 62 && r.lo >= 0)
            return computed(s.facts.quotient(a, (Int)1 << q.lo), type, s);
        return unknown(type, s);
    case BO_And:
        if (r.lo < 0 && q.lo < 0) return unknown(type, s);
        return computed(Lin::of(unknowns.make({ 0, r.lo < 0 ? q.hi : q.lo < 0 ? r.hi
                                                   : std::min(r.hi, q.hi) })), type, s);
    case BO_Or:
    case BO_Xor: {
        if (r.lo < 0 || q.lo < 0 || std::max(r.hi, q.hi) >= (Int)1 << 61) return unknown(type, s);
        Int most = 1;
        while (most <= std::max(r.hi, q.hi)) most *= 2;
        return computed(Lin::of(unknowns.make({ 0, most - 1 })), type, s);
    }
    default: break;
    }
    if (!BinaryOperator::isComparisonOp(op) && !BinaryOperator::isLogicalOp(op)) return unknown(type, s);
    Lin yes;    /* at least 0 if so */
    switch (op) {
    case BO_LT: yes = b - a - Lin(1); break;
    case BO_GT: yes = a - b - Lin(1); break;
    case BO_LE: yes = b - a; break;
    case BO_GE: yes = a - b; break;
    case BO_EQ:
    case BO_NE:
        if (a == b) return Value::of(Lin(op == BO_EQ));
        if (s.facts.refuted(a - b) || s.facts.refuted(b - a)) return Value::of(Lin(op == BO_NE));
        return Value::of(Lin::of(unknowns.make({ 0, 1 })));
    default: return Value::of(Lin::of(unknowns.make({ 0, 1 })));
    }
    Case is = { Lin(1), {} }, is_not = { Lin(0), {} };
    is.when.push_back(yes);
    is_not.when.push_back(Lin(-1) - yes);
    if (s.facts.holds(yes)) return Value::of(Lin(1));
    if (s.facts.refuted(yes)) return Value::of(Lin(0));
    return Value::of(s.facts.one_of({ is, is_not }));
}

Value Walk::binary(const BinaryOperator *b, State &s)
{
    const BinaryOperatorKind op = b->getOpcode();
    if (op == BO_Assign) {
        if (b->getType()->isRecordType()) {
            const VarDecl *var;
            value(b->getRHS(), s);
            forget(location(b->getLHS(), s, &var), s);
            return Value();
        }
        const Value v = value(b->getRHS(), s);
        assign(b->getLHS(), v, s);
        return v;
    }
    if (op == BO_Comma) {
        value(b->getLHS(), s);
        return value(b->getRHS(), s);
    }
    if (const CompoundAssignOperator *const c = dyn_cast<CompoundAssignOperator>(b)) {
        const Value by = value(c->getRHS(), s);
        const VarDecl *var;
        const Value at = location(c->getLHS(), s, &var);
        const QualType type = c->getLHS()->getType();
        const Value old = var ? at : read(c->getLHS(), at, s);
        const BinaryOperatorKind plain = BinaryOperator::getOpForCompoundAssignment(op);
        const QualType computes = type->isPointerType() ? type : c->getComputationResultType();
        Value v = arithmetic(plain, old, by, type, computes, s);
        if (v.kind == Value::INTEGER && (!quiet || !type->isSignedIntegerOrEnumerationType()))
            v = fitted(v.number, type, s);
        if (var) {
            set(var, v, s);
        } else if (at.kind == Value::POINTER) {
            store(c->getLHS()->IgnoreParens(), at, type, v, s);
        }
        return v;
    }
    if (op == BO_LAnd || op == BO_LOr) {
        const State before = s;
        States after = assume(b->getLHS(), op == BO_LOr, s);    /* the right side is not asked */
        for (State &under : assume(b->getLHS(), op == BO_LAnd, before)) {
            value(b->getRHS(), under);
            after.push_back(under);
        }
        if (!after.empty()) s = joined(before, after);
        return Value::of(Lin::of(unknowns.make({ 0, 1 })));
    }
    const Value x = value(b->getLHS(), s), y = value(b->getRHS(), s);
    return arithmetic(op, x, y, b->getLHS()->getType(), b->getType(), s);
}

Value Walk::conditional(const Expr *condition, const Expr *yes, const Expr *no, QualType type, State &s)
{
    const State before = s;
    std::vector<Stored> values;
    States after;
    for (int turn = 0; turn < 2; turn++)
        for (State &under : assume(condition, turn == 0, before)) {
            const Value v = value(turn ? no : yes, under);
            values.push_back({ v, learned(before, under) });
            after.push_back(under);
        }
    if (after.empty()) return unknown(type, s);
    s = joined(before, after);
    return values.size() == 1 ? values[0].value : any_of(values, type, s);
}

Value Walk::value(const Expr *e, State &s)
{
    const VarDecl *var;
    Expr::EvalResult r;
    if (whole(e->getType()) && e->isPRValue() && !isa<CallExpr>(e) && e->EvaluateAsInt(r, context)
        && (r.Val.getInt().isSigned() || r.Val.getInt().getActiveBits() < 64))
        return Value::of(Lin(r.Val.getInt().getExtValue()));
    if (const ParenExpr *const p = dyn_cast<ParenExpr>(e)) return value(p->getSubExpr(), s);
    if (const CastExpr *const c = dyn_cast<CastExpr>(e)) return cast(c, s);
    if (const UnaryOperator *const u = dyn_cast<UnaryOperator>(e)) return unary(u, s);
    if (const BinaryOperator *const b = dyn_cast<BinaryOperator>(e)) return binary(b, s);
    if (const ConditionalOperator *const c = dyn_cast<ConditionalOperator>(e))
        return conditional(c->getCond(), c->getTrueExpr(), c->getFalseExpr(), c->getType(), s);
    if (const CallExpr *const c = dyn_cast<CallExpr>(e)) return call(c, s);
    if (isa<ArraySubscriptExpr>(e) || isa<MemberExpr>(e) || isa<DeclRefExpr>(e) || isa<StringLiteral>(e)
        || isa<CompoundLiteralExpr>(e))
        return location(e, s, &var);
    if (isa<UnaryExprOrTypeTraitExpr>(e)) return unknown(e->getType(), s);
    children(e, s);
    return unknown(e->getType(), s);
}

}
