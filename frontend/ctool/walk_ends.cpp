/* walk_ends.cpp: a loop ends if a comparison in its condition comes nearer to its end in each turn;
 * and what is known where it has ended. */
#include "frontend/ctool/walk.h"
#include <algorithm>

using namespace clang;

namespace certify {

/* How far a comparison is from its end: it holds while this is at least 0. */
bool Walk::slack(const Expr *e, const State &at, Lin &far)
{
    const BinaryOperator *const b = dyn_cast<BinaryOperator>(e->IgnoreParenImpCasts());
    if (!b || !b->isComparisonOp()) return false;
    State s = at;
    quiet++;
    const Value x = value(b->getLHS(), s), y = value(b->getRHS(), s);
    quiet--;
    if (x.kind != Value::INTEGER || y.kind != Value::INTEGER) return false;
    switch (b->getOpcode()) {
    case BO_LT: far = y.number - x.number - Lin(1); return true;
    case BO_LE: far = y.number - x.number; return true;
    case BO_GT: far = x.number - y.number - Lin(1); return true;
    case BO_GE:
    case BO_EQ: far = x.number - y.number; return true;
    default: return false;
    }
}

/* Whether a turn leaves an expression as it is. */
static bool stays(const Expr *e, const Changes &c)
{
    bool same = true;
    each(e, [&](const Stmt *part) {
        const Expr *const x = dyn_cast<Expr>(part);
        const UnaryOperator *const u = dyn_cast<UnaryOperator>(part);
        const VarDecl *const v = x ? named(x) : nullptr;
        const bool changed = v && std::find(c.variables.begin(), c.variables.end(), v) != c.variables.end();
        const bool reads = isa<ArraySubscriptExpr>(part) || (u && u->getOpcode() == UO_Deref)
                        || (isa<MemberExpr>(part) && c.memory);
        if (changed || reads) same = false;
    });
    return same;
}

bool Walk::bounded(const Expr *e, const Changes &of, const State &head, const States &back, Int &turns,
                   const State &first)
{
    e = e->IgnoreParenImpCasts();
    const BinaryOperator *const b = dyn_cast<BinaryOperator>(e);
    if (!b) return false;
    if (b->getOpcode() == BO_LAnd)
        return bounded(b->getLHS(), of, head, back, turns, first)
            || bounded(b->getRHS(), of, head, back, turns, first);
    if (b->getOpcode() == BO_LOr) {
        Int left = 0, right = 0;
        if (!bounded(b->getLHS(), of, head, back, left, first)
            || !bounded(b->getRHS(), of, head, back, right, first))
            return false;
        turns = left < 0 || right < 0 ? -1 : left + right;
        return true;
    }
    Lin now, then;
    if (!slack(e, head, now)) return false;
    const bool up = b->getOpcode() == BO_LT || b->getOpcode() == BO_LE;
    const Expr *const side = stays(b->getRHS(), of) ? b->getLHS() : nullptr;    /* it alone moves */
    bool nearer = true, farther = true;
    Int least = INT64_MAX;
    for (const State &s : back) {
        if (!slack(e, s, then)) return false;
        Lin by = now - then;
        if (side) {
            State at = head, later = s;
            quiet++;
            by = scaled(value(side, later).number - value(side, at).number, up ? 1 : -1);
            quiet--;
        }
        nearer = nearer && s.facts.holds(by - Lin(1));
        farther = farther && s.facts.holds(Lin(-1) - by);
        least = std::min(least, std::max((Int)1, s.facts.range(by).lo));
    }
    if (b->getOpcode() == BO_EQ) {    /* what only grows is equal once */
        turns = 1;
        return nearer || farther;
    }
    if (!nearer) return false;
    if (back.empty()) turns = 1;
    else if (slack(e, first, then)) {
        const Int far = first.facts.range(then).hi;
        turns = far == INT64_MAX ? -1 : far < 0 ? 0 : far / least + 1;
    }
    return true;
}

/* Where the loop ends because its condition does; `back`: states after a turn. */
void Walk::leave(const Loop &l, const State &before, const States &back, const Shape &shape, Flow &out)
{
    Lin number = Lin::of(unknowns.make({ 0, INT64_MAX }));
    State s = turn(before, shape, number);
    Lin first, then;
    bool close = slack(l.condition, before, first) && before.facts.holds(first + Lin(1));
    for (const State &b : back) close = close && slack(l.condition, b, then) && b.facts.holds(then + Lin(1));
    if (close && slack(l.condition, s, then)) s.facts.add(then + Lin(1));    /* no turn goes past the end */
    /* Before the last turn the condition held: said for conditions that only steps change. */
    const Expr *const c = l.condition->IgnoreParenImpCasts();
    const Expr *compared = c;
    if (const BinaryOperator *const b = dyn_cast<BinaryOperator>(c))
        if (b->getOpcode() == BO_LAnd) compared = b->getLHS()->IgnoreParenImpCasts();
    if (slack(compared, before, first) && slack(compared, s, then)) {
        const Lin moved = then - first;    /* -step * number */
        const Int step = -moved.factor(number.terms[0].of);
        if (step > 0 && moved == scaled(number, -step) && before.facts.holds(first + Lin(step))) {
            const bool alone = compared == c && out.on.empty();    /* nothing else ends it */
            if (alone && step == 1 && shape.open.empty()) s = turn(before, shape, first + Lin(1));
            else if (alone && first.constant()) s = turn(before, shape, Lin(first.k / step + 1));
            else s.facts.add(then + Lin(step));
        }
    }
    for (State &x : assume(l.condition, false, s)) out.on.push_back(std::move(x));
}

}
