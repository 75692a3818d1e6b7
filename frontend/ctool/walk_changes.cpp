/* walk_changes.cpp: what a loop changes, as its text says: the variables that it assigns to, those that
 * its step alone adds to, whether it stores integers or pointers. */
#include "frontend/ctool/walk.h"
#include <algorithm>

using namespace clang;

namespace certify {

namespace {

/* The variables that a text assigns to, how often, and whether it stores integers or pointers. */
struct Assigned {
    std::map<const VarDecl *, int> times;
    std::set<const FunctionDecl *> seen;
    bool memory = false, rows = false;

    void in(const Stmt *text)
    {
        each(text, [&](const Stmt *s) {
            const BinaryOperator *const b = dyn_cast<BinaryOperator>(s);
            const UnaryOperator *const u = dyn_cast<UnaryOperator>(s);
            const MemberExpr *const m = dyn_cast<MemberExpr>(s);
            if (b && b->isAssignmentOp()) to(b->getLHS());
            if (u && u->isIncrementDecrementOp()) to(u->getSubExpr());
            const Expr *const of = m && !m->isArrow() ? m->getBase()->IgnoreParenImpCasts() : nullptr;
            rows = rows || (of && isa<ArraySubscriptExpr>(of));
            if (const CallExpr *const c = dyn_cast<CallExpr>(s)) through(c);
        });
    }
    void to(const Expr *e)
    {
        e = e->IgnoreParens();
        if (const VarDecl *const v = named(e)) times[v]++;
        else if (e->getType()->isPointerType() || e->getType()->isIntegralOrEnumerationType()) memory = true;
    }
    /* What a call stores through pointers, but none of the function's own variables. */
    void through(const CallExpr *c)
    {
        const FunctionDecl *f = c->getDirectCallee();
        if (!f || (!f->hasBody(f) && writes(c))) memory = true;
        if (!f || !f->hasBody(f) || !seen.insert(f).second) return;
        Assigned inside;
        inside.seen = seen;
        inside.in(f->getBody());
        memory = memory || inside.memory;
    }
    /* Whether a function without text may write integers or pointers of somebody else's. */
    static bool writes(const CallExpr *c)
    {
        for (const Expr *a : c->arguments()) {
            a = a->IgnoreParenImpCasts();
            const UnaryOperator *const u = dyn_cast<UnaryOperator>(a);
            if (u && u->getOpcode() == UO_AddrOf && named(u->getSubExpr())) continue;
            const QualType t = a->getType();
            if (!t->isPointerType() && !t->isArrayType()) continue;
            const QualType to = t->isPointerType() ? t->getPointeeType()
                                                   : QualType(t->getBaseElementTypeUnsafe(), 0);
            if (!to.isConstQualified() && !to->isRealFloatingType() && !to->isCharType()) return true;
        }
        return false;
    }
};

/* Steps of the form v++, v += e, one after the other. */
void steps(const Expr *e, Changes &c)
{
    e = e ? e->IgnoreParens() : nullptr;
    const BinaryOperator *const b = dyn_cast_or_null<BinaryOperator>(e);
    if (b && b->getOpcode() == BO_Comma) {
        steps(b->getLHS(), c);
        steps(b->getRHS(), c);
    } else if (const UnaryOperator *const u = dyn_cast_or_null<UnaryOperator>(e)) {
        const VarDecl *const v = u->isIncrementDecrementOp() ? named(u->getSubExpr()) : nullptr;
        if (v) c.stepped[v] = nullptr;
        if (v && u->isDecrementOp()) c.down.insert(v);
    } else if (b && (b->getOpcode() == BO_AddAssign || b->getOpcode() == BO_SubAssign)) {
        const VarDecl *const v = named(b->getLHS());
        if (v) c.stepped[v] = b->getRHS();
        if (v && b->getOpcode() == BO_SubAssign) c.down.insert(v);
    }
}
}

const Changes &Walk::changed(const Loop &l)
{
    const auto it = changes.find(l.site);
    if (it != changes.end()) return it->second;
    Changes &c = changes[l.site];
    Assigned a;
    a.in(l.body);
    a.in(l.condition);
    a.in(l.step);
    steps(l.step, c);
    for (const auto &t : a.times) {
        c.variables.push_back(t.first);
        if (t.second != 1) c.stepped.erase(t.first);
    }
    c.memory = a.memory;
    c.rows = a.rows;
    return c;
}

}
