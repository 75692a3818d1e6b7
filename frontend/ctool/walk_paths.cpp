/* walk_paths.cpp: statements, conditions, and where paths meet.
 *
 * Paths stay apart while they differ in what a variable is, up to so many; then each difference
 * becomes a value with cases, which remember what held on their path. */
#include "frontend/ctool/walk.h"

using namespace clang;

namespace certify {

enum { PATHS = 8 };

bool Walk::same(const State &a, const State &b) const
{
    for (const auto &v : b.variables) {
        const auto it = a.variables.find(v.first);
        if (it == a.variables.end() || !(it->second == v.second)) return false;
    }
    for (const auto &m : b.memory) {
        const auto it = a.memory.find(m.first);
        if (it == a.memory.end() || !(it->second == m.second)) return false;
    }
    return true;
}

Value Walk::merged(const std::vector<Stored> &all, QualType type, const State &base)
{
    State s = base;
    return any_of(all, type, s);
}

/* One state for all of these, which come from `base`. */
State Walk::joined(const State &base, States all)
{
    if (all.size() == 1) return all[0];
    State s = base;
    std::vector<Lins> when;
    for (const State &one : all) when.push_back(learned(base, one));
    for (auto &v : s.variables) {
        std::vector<Stored> values;
        bool differ = false, lost = false;
        for (size_t i = 0; i < all.size(); i++) {
            const auto it = all[i].variables.find(v.first);
            if (it == all[i].variables.end()) {
                lost = true;
                break;
            }
            differ = differ || !(it->second == all[0].variables[v.first]);
            values.push_back({ it->second, when[i] });
        }
        if (lost) v.second = unknown(v.first->getType(), s);
        else v.second = differ ? any_of(values, v.first->getType(), s) : values[0].value;
    }
    for (size_t i = 0; i < all.size(); i++)
        for (const auto &m : all[i].memory) {
            Held &h = s.memory[m.first];
            if (i == 0) h = Held();
            if (h == m.second) continue;
            h.anything = h.anything || m.second.anything;
            for (const auto &cell : m.second.cells) {
                const auto it = h.cells.find(cell.first);
                if (it == h.cells.end() && i == 0) {
                    h.cells.insert(cell);
                } else if (it == h.cells.end() || !(it->second == cell.second)) {
                    h.others.push_back({ cell.second, when[i] });
                }
            }
            for (const Stored &o : m.second.others) h.others.push_back(o);
            if (h.others.size() > 16) h.anything = true;
        }
    return s;
}

/* The states in which a condition is as said. */
States Walk::assume(const Expr *e, bool is, const State &before)
{
    e = e->IgnoreParens();
    if (const ImplicitCastExpr *const c = dyn_cast<ImplicitCastExpr>(e))
        if (c->getCastKind() == CK_IntegralToBoolean || c->getCastKind() == CK_IntegralCast
            || c->getCastKind() == CK_NoOp)
            return assume(c->getSubExpr(), is, before);
    if (const UnaryOperator *const u = dyn_cast<UnaryOperator>(e))
        if (u->getOpcode() == UO_LNot) return assume(u->getSubExpr(), !is, before);
    const BinaryOperator *const b = dyn_cast<BinaryOperator>(e);
    if (b && b->isLogicalOp()) {
        const bool both = (b->getOpcode() == BO_LAnd) == is;    /* both sides are as said, or one is */
        States all;
        for (const State &left : assume(b->getLHS(), is, before)) {
            if (!both) {
                all.push_back(left);
                continue;
            }
            const States right = assume(b->getRHS(), is, left);
            all.insert(all.end(), right.begin(), right.end());
        }
        if (!both)
            for (const State &left : assume(b->getLHS(), !is, before)) {
                const States right = assume(b->getRHS(), is, left);
                all.insert(all.end(), right.begin(), right.end());
            }
        return all;
    }
    State s = before;
    if (b && b->isComparisonOp()) {
        const Value x = value(b->getLHS(), s), y = value(b->getRHS(), s);
        if (x.kind == Value::INTEGER && y.kind == Value::INTEGER) {
            const Lin less = y.number - x.number, more = x.number - y.number;
            BinaryOperatorKind op = b->getOpcode();
            if (!is) op = BinaryOperator::negateComparisonOp(op);
            if (op == BO_LT) s.facts.add(less - Lin(1));
            if (op == BO_GT) s.facts.add(more - Lin(1));
            if (op == BO_LE || op == BO_EQ) s.facts.add(less);
            if (op == BO_GE || op == BO_EQ) s.facts.add(more);
            if (op == BO_NE) {
                if (less.is(0)) return {};
                if (s.facts.holds(less)) s.facts.add(less - Lin(1));
                else if (s.facts.holds(more)) s.facts.add(more - Lin(1));
            }
            const Lin said = op == BO_LT ? less - Lin(1) : op == BO_GT ? more - Lin(1)
                           : op == BO_GE ? more : op == BO_NE ? Lin(0) : less;
            if (s.facts.contradiction() || s.facts.refuted(said)) return {};
        }
        return { s };
    }
    const Value v = value(e, s);
    if (v.kind == Value::INTEGER) {
        if (v.number.constant()) {
            if ((v.number.k != 0) != is) return {};
        } else if (!is) {
            s.facts.add(v.number);
            s.facts.add(scaled(v.number, -1));
        } else if (s.facts.holds(v.number)) {
            s.facts.add(v.number - Lin(1));
        }
        if (s.facts.contradiction()) return {};
    } else if (v.kind == Value::POINTER && v.places.size() == 1) {
        if ((v.places[0].object != nullptr) != is) return {};
    } else if (v.kind == Value::FUNCTION && !is) {
        return {};
    }
    return { s };
}

void Walk::declare(const VarDecl *v, State &s)
{
    const QualType type = v->getType();
    if (v->hasGlobalStorage()) return;
    if (type->isArrayType() || type->isRecordType() || addressed[stack.back()].count(v)) {
        Lin bytes = Lin(size_of(type));
        if (const VariableArrayType *const a = context.getAsVariableArrayType(type)) {
            const Value n = value(a->getSizeExpr(), s);
            bytes = n.kind == Value::INTEGER ? scaled(n.number, size_of(a->getElementType())) : Lin(0);
        }
        const Object *const o = object(v->getNameAsString(), bytes, type, nullptr);
        const Value at = Value::to(o, Lin(0), Lin(0), bytes);
        s.variables[v] = at;
        if (v->getInit()) {
            if (o->followed) s.memory[o] = Held();
            fill(at, type, v->getInit(), s);
        } else if (o->followed) {
            s.memory[o] = Held();
        }
        return;
    }
    set(v, v->getInit() ? value(v->getInit(), s) : unknown(type, s), s);
}

/* One vector instruction that computes with registers alone: without addresses there is no memory. */
static bool computes(const GCCAsmStmt *a)
{
    const StringRef text = a->getAsmString()->getString();
    bool plain = !a->getNumClobbers() && (text.substr(0, 1) == "v" || text.substr(0, 8) == "pmaddwd ");
    plain = plain && text.find_first_of("([;\n") == StringRef::npos;
    for (const Stmt *s : a->children()) {
        const Expr *const e = dyn_cast_or_null<Expr>(s);
        plain = plain && e && (e->getType()->isVectorType() || e->getType()->isRealFloatingType());
    }
    for (unsigned i = 0; i < a->getNumOutputs(); i++)
        plain = plain && a->getOutputConstraint(i).find_first_of("mop<>gX") == StringRef::npos;
    for (unsigned i = 0; i < a->getNumInputs(); i++)
        plain = plain && a->getInputConstraint(i).find_first_of("mop<>gX") == StringRef::npos;
    return plain;
}

/* Each label's statements, and those behind them, as far as a break. */
void Walk::choose(const SwitchStmt *st, State s, Flow &out)
{
    const Value v = value(st->getCond(), s);
    const CompoundStmt *const body = dyn_cast<CompoundStmt>(st->getBody());
    if (!body || v.kind != Value::INTEGER) {
        record(Kind::CALL, st, false, "a switch that is not read");
        out.on.push_back(std::move(s));
        return;
    }
    bool all = false;    /* there is a default */
    States on;
    for (const Stmt *each : body->body()) {
        const Stmt *inner = each;
        for (; const SwitchCase *const label = dyn_cast<SwitchCase>(inner); inner = label->getSubStmt()) {
            State under = s;
            const CaseStmt *const one = dyn_cast<CaseStmt>(label);
            if (one && !one->getRHS()) {
                const Value at = value(one->getLHS(), under);
                under.facts.add(v.number - at.number);
                under.facts.add(at.number - v.number);
            }
            all = all || !one;
            if (!under.facts.contradiction()) on.push_back(std::move(under));
        }
        Flow step;
        for (State &x : on) execute(inner, std::move(x), step);
        on = std::move(step.on);
        for (State &x : step.breaks) out.on.push_back(std::move(x));
        for (State &x : step.continues) out.continues.push_back(std::move(x));
        for (Returned &x : step.returns) out.returns.push_back(std::move(x));
    }
    for (State &x : on) out.on.push_back(std::move(x));
    if (!all) out.on.push_back(std::move(s));
}

void Walk::execute(const Stmt *st, State s, Flow &out)
{
    if (!st || isa<NullStmt>(st)) {
        out.on.push_back(std::move(s));
    } else if (const CompoundStmt *const c = dyn_cast<CompoundStmt>(st)) {
        const State base = s;
        States on = { std::move(s) };
        for (const Stmt *each : c->body()) {
            Flow step;
            for (State &one : on) execute(each, std::move(one), step);
            on = std::move(step.on);
            if (on.size() > PATHS) on = { joined(base, std::move(on)) };
            for (State &x : step.breaks) out.breaks.push_back(std::move(x));
            for (State &x : step.continues) out.continues.push_back(std::move(x));
            for (Returned &x : step.returns) out.returns.push_back(std::move(x));
            if (on.empty()) return;
        }
        for (State &x : on) out.on.push_back(std::move(x));
    } else if (const DeclStmt *const d = dyn_cast<DeclStmt>(st)) {
        for (const Decl *each : d->decls())
            if (const VarDecl *const v = dyn_cast<VarDecl>(each)) declare(v, s);
        out.on.push_back(std::move(s));
    } else if (const IfStmt *const i = dyn_cast<IfStmt>(st)) {
        Flow both;
        for (const State &under : assume(i->getCond(), true, s)) execute(i->getThen(), under, both);
        const size_t first = both.on.size();
        for (const State &under : assume(i->getCond(), false, s)) execute(i->getElse(), under, both);
        bool unchanged = first > 0 && both.on.size() > first;
        for (const State &x : both.on) unchanged = unchanged && same(x, s);
        if (unchanged) both.on = { s };
        for (State &x : both.on) out.on.push_back(std::move(x));
        for (State &x : both.breaks) out.breaks.push_back(std::move(x));
        for (State &x : both.continues) out.continues.push_back(std::move(x));
        for (Returned &x : both.returns) out.returns.push_back(std::move(x));
    } else if (const ForStmt *const f = dyn_cast<ForStmt>(st)) {
        Flow begun;
        execute(f->getInit(), std::move(s), begun);
        for (const State &x : begun.on) loop({ f, f->getBody(), f->getCond(), f->getInc() }, x, out);
    } else if (const WhileStmt *const w = dyn_cast<WhileStmt>(st)) {
        loop({ w, w->getBody(), w->getCond(), nullptr }, s, out);
    } else if (const DoStmt *const o = dyn_cast<DoStmt>(st)) {
        Flow first;    /* the first turn, then the rest */
        execute(o->getBody(), std::move(s), first);
        for (State &x : first.continues) first.on.push_back(std::move(x));
        for (State &x : first.breaks) out.on.push_back(std::move(x));
        for (Returned &x : first.returns) out.returns.push_back(std::move(x));
        for (const State &x : first.on) loop({ o, o->getBody(), o->getCond(), nullptr }, x, out);
    } else if (const ReturnStmt *const r = dyn_cast<ReturnStmt>(st)) {
        const Value v = r->getRetValue() ? value(r->getRetValue(), s) : Value();
        out.returns.push_back({ std::move(s), v });
    } else if (const SwitchStmt *const one = dyn_cast<SwitchStmt>(st)) {
        choose(one, std::move(s), out);
    } else if (const GCCAsmStmt *const g = dyn_cast<GCCAsmStmt>(st); g && computes(g)) {
        out.on.push_back(std::move(s));
    } else if (isa<BreakStmt>(st)) {
        out.breaks.push_back(std::move(s));
    } else if (isa<ContinueStmt>(st)) {
        out.continues.push_back(std::move(s));
    } else if (const AttributedStmt *const a = dyn_cast<AttributedStmt>(st)) {
        execute(a->getSubStmt(), std::move(s), out);
    } else if (const Expr *const e = dyn_cast<Expr>(st)) {
        value(e, s);
        out.on.push_back(std::move(s));
    } else {
        record(Kind::CALL, st, false, std::string("a statement that is not read: ") + st->getStmtClassName());
        out.on.push_back(std::move(s));
    }
}

}
