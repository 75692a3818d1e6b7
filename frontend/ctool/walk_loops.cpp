/* walk_loops.cpp: a loop is walked once, in a state that stands for each of its turns.
 *
 * What the loop's step adds to is its first value plus so much a turn. Anything else that the body
 * changes is watched: a walk in which it may be anything says whether it grows, by how much, within
 * what range; those observations are then what the last walk knows. That one of two grows no faster
 * than the other is guessed, and dropped unless a turn keeps it. A loop ends if a comparison in its
 * condition comes nearer to its end in each turn. */
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

/* The state in which turn `number` begins. */
State Walk::turn(const State &before, const Shape &shape, const Lin &number)
{
    State s = before;
    std::map<const VarDecl *, Lin> grown;
    for (const auto &step : shape.steps) {
        Value &v = s.variables[step.first];
        const Lin by = number.constant() ? scaled(step.second, number.k) : scaled(number, step.second.k);
        if (v.kind == Value::INTEGER) v.number = v.number + by;
        else v = moved(v, by);
        grown[step.first] = by;
    }
    for (const auto &o : shape.open) {
        Value &v = s.variables[o.first];
        const Value first = v;
        if (first.kind == Value::POINTER) {
            for (const Place &p : o.second.places) v.places.push_back(p);
            if (!o.second.kept) v = Value::anywhere();
            continue;
        }
        v = unknown(o.first->getType(), s);
        if (first.kind != Value::INTEGER || v.kind != Value::INTEGER) continue;
        const Lin change = v.number - first.number;
        const Range r = s.facts.range(first.number);
        s.facts.add(v.number - Lin(std::min(r.lo, o.second.range.lo)));
        s.facts.add(Lin(std::max(r.hi, o.second.range.hi)) - v.number);
        if (o.second.up) s.facts.add(change);
        if (o.second.down) s.facts.add(scaled(change, -1));
        grown[o.first] = change;
    }
    for (const auto &pair : shape.slower) s.facts.add(grown[pair.second] - grown[pair.first]);
    for (const auto &m : shape.memory) s.memory[m.first] = m.second;
    return s;
}

/* One turn from `head` on, whose condition holds: the states that go on to the next one. */
States Walk::once(const Loop &l, const State &head, Flow &out)
{
    Flow turn;
    States in;
    if (l.condition) in = assume(l.condition, true, head);
    else in.push_back(head);
    for (State &s : in) execute(l.body, std::move(s), turn);
    for (State &s : turn.continues) turn.on.push_back(std::move(s));
    for (State &s : turn.breaks) out.on.push_back(std::move(s));
    for (Returned &r : turn.returns) out.returns.push_back(std::move(r));
    for (State &s : turn.on)
        if (l.step) value(l.step, s);
    return std::move(turn.on);
}

/* A walk in which all that is open may be anything: what one turn does to it. */
void Walk::observe(const Loop &l, const State &before, Shape &shape)
{
    const unsigned since = unknowns.size();
    std::set<const Object *> outer = written;
    State head = before;
    States back;
    std::map<const VarDecl *, Lin> at;    /* what each was when the turn began */
    quiet++;
    for (size_t stores = SIZE_MAX; stores != shape.memory.size();) {    /* until no other object is written */
        stores = shape.memory.size();
        Shape any;
        for (const auto &step : shape.steps) any.steps.insert(step);
        any.memory = shape.memory;
        written.clear();
        head = turn(before, any, Lin::of(unknowns.make({ 0, INT64_MAX })));
        at.clear();
        for (auto &o : shape.open) {
            Value &v = head.variables[o.first];
            if (v.kind == Value::POINTER && v.places.size() == 1 && v.places[0].object) {
                at[o.first] = Lin::of(unknowns.make());
                v.places[0].at = at[o.first];
            } else {
                v = unknown(o.first->getType(), head);
                if (v.kind == Value::INTEGER) at[o.first] = v.number;
            }
        }
        Flow out;
        back = once(l, head, out);
        for (const Object *o : written)
            if (!shape.memory.count(o) && (before.memory.count(o) || o->born < since))
                shape.memory[o].anything = true;
    }
    quiet--;
    for (auto it = shape.open.begin(); it != shape.open.end();) {
        const VarDecl *const var = it->first;
        Shape::Open &o = it->second;
        const Value &first = before.variables.at(var), &then = head.variables.at(var);
        bool constant = !back.empty();
        Lin by;
        o.up = o.down = true;
        o.range = { INT64_MAX, INT64_MIN };
        for (size_t i = 0; i < back.size(); i++) {
            const Value &now = back[i].variables.at(var);
            Lin change = Lin::of(0);
            if (now.kind == Value::INTEGER && then.kind == Value::INTEGER) {
                change = now.number - then.number;
                const Range r = back[i].facts.range(now.number);
                if (!change.is(0)) o.range = { std::min(o.range.lo, r.lo), std::max(o.range.hi, r.hi) };
            } else if (now.kind == Value::POINTER && then.kind == Value::POINTER && now.places.size() == 1
                       && then.places.size() == 1 && now.places[0].object == then.places[0].object
                       && now.places[0].begin == then.places[0].begin) {
                change = now.places[0].at - at[var];
            } else {
                change.lost = true;
            }
            if (i == 0) by = change;
            constant = constant && change.constant() && change == by;
            o.up = o.up && back[i].facts.holds(change);
            o.down = o.down && back[i].facts.holds(scaled(change, -1));
            if (now.kind != Value::POINTER || change.is(0)) continue;
            if (now.places.empty()) o.kept = false;
            for (const Place &p : now.places) {    /* another place: where it was set to */
                bool depends = p.at.lost;
                for (const Term &t : p.at.terms) depends = depends || (at.count(var) && at[var].factor(t.of));
                if (depends) {
                    o.kept = false;
                    continue;
                }
                Stored place;
                place.value.kind = Value::POINTER;
                place.value.places.push_back(p);
                place.when = about(back[i], since);
                place = renewed(place, since);
                Place copy = place.value.places[0];
                copy.when.append(place.when.begin(), place.when.end());
                o.places.push_back(copy);
            }
        }
        if (constant) {
            shape.steps[var] = by;
            it = shape.open.erase(it);
            continue;
        }
        if (first.kind == Value::POINTER && o.places.size() > 6) o.kept = false;
        ++it;
    }
    outer.insert(written.begin(), written.end());
    written = outer;
}

/* What the loop's objects hold: what was there, and what any turn stores. */
void Walk::remember(const Loop &l, const State &before, Shape &shape)
{
    const unsigned since = unknowns.size();
    std::map<const Object *, std::vector<Stored>> outer;
    outer.swap(log);
    const int outer_logged = logged;
    quiet++;
    logged = quiet;
    const State head = turn(before, shape, Lin::of(unknowns.make({ 0, INT64_MAX })));
    Flow out;
    once(l, head, out);
    quiet--;
    for (auto &m : shape.memory) {    /* what was there, and what was stored by any turn */
        const auto was = before.memory.find(m.first);
        Held h;
        if (was != before.memory.end()) h = was->second;
        for (const auto &cell : h.cells) h.others.push_back({ cell.second, {} });
        h.cells.clear();
        for (const Stored &s : log[m.first]) {
            if (s.value.kind == Value::OTHER) h.anything = true;
            h.others.push_back(renewed(s, since));
        }
        if (h.others.size() > 16) h.anything = true;
        m.second = h;
    }
    log.swap(outer);
    logged = outer_logged;
}

/* Whether the states after a turn are as the shape says of the next one. */
bool Walk::confirmed(const State &before, const States &back, const Shape &shape, const Lin &number)
{
    const State next = turn(before, shape, number + Lin(1));
    for (const State &b : back) {
        std::map<const VarDecl *, Lin> grown;
        for (const auto &step : shape.steps) {
            const Value &now = b.variables.at(step.first);
            if (!(now == next.variables.at(step.first))) return false;
            if (now.kind == Value::INTEGER)
                grown[step.first] = now.number - before.variables.at(step.first).number;
        }
        for (const auto &o : shape.open) {
            const Value &first = before.variables.at(o.first), &now = b.variables.at(o.first);
            if (first.kind != Value::INTEGER || now.kind != Value::INTEGER) continue;
            const Lin change = now.number - first.number;
            const Range r = before.facts.range(first.number);
            grown[o.first] = change;
            const Int lo = std::min(r.lo, o.second.range.lo), hi = std::max(r.hi, o.second.range.hi);
            if ((o.second.up && !b.facts.holds(change))
                || (o.second.down && !b.facts.holds(scaled(change, -1)))
                || (lo != INT64_MIN && !b.facts.holds(now.number - Lin(lo)))
                || (hi != INT64_MAX && !b.facts.holds(Lin(hi) - now.number)))
                return false;
        }
        for (const auto &pair : shape.slower)
            if (!b.facts.holds(grown[pair.second] - grown[pair.first])) return false;
    }
    return true;
}

/* Which of two grows no faster than the other: guessed, and kept while a turn keeps it. */
void Walk::compare(const Loop &l, const State &before, Shape &shape)
{
    for (const auto &slow : shape.open) {
        if (!slow.second.up || before.variables.at(slow.first).kind != Value::INTEGER) continue;
        for (const auto &fast : shape.open)
            if (fast.first != slow.first && fast.second.up
                && before.variables.at(fast.first).kind == Value::INTEGER)
                shape.slower.push_back({ slow.first, fast.first });
        for (const auto &fast : shape.steps)
            if (fast.second.k > 0 && before.variables.at(fast.first).kind == Value::INTEGER)
                shape.slower.push_back({ slow.first, fast.first });
    }
    for (size_t tried = 0; tried != shape.slower.size() && !shape.slower.empty();) {
        tried = shape.slower.size();
        quiet++;
        const State head = turn(before, shape, Lin::of(unknowns.make({ 0, INT64_MAX })));
        Flow out;
        const States back = once(l, head, out);
        quiet--;
        for (size_t i = shape.slower.size(); i-- > 0;) {
            const auto pair = shape.slower[i];
            bool kept = true;
            for (const State &b : back) {
                const Lin slow = b.variables.at(pair.first).number - before.variables.at(pair.first).number;
                const Lin fast = b.variables.at(pair.second).number - before.variables.at(pair.second).number;
                kept = kept && b.facts.holds(fast - slow);
            }
            if (!kept) shape.slower.erase(shape.slower.begin() + (long)i);
        }
    }
}

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

/* A few turns, one after the other, where each reads a row of its own; false: their number is open. */
bool Walk::each_turn(const Loop &l, const State &before, Flow &out)
{
    States now = { before };
    Flow done;
    Int turns = 0;
    for (; !now.empty(); turns++) {
        States next;
        for (const State &s : now) {
            if (assume(l.condition, true, s).empty()) {
                done.on.push_back(s);
                continue;
            }
            if (turns == 8 || !assume(l.condition, false, s).empty()) return false;
            for (State &x : once(l, s, done)) next.push_back(std::move(x));
        }
        now = std::move(next);
    }
    record(Kind::LOOP, l.site, true, "");
    if (!quiet) sites[l.site].turns = std::max(sites[l.site].turns, turns);
    for (State &x : done.on) out.on.push_back(std::move(x));
    for (Returned &x : done.returns) out.returns.push_back(std::move(x));
    return true;
}

void Walk::loop(const Loop &l, const State &before, Flow &out)
{
    const Changes &c = changed(l);
    if (c.rows && l.condition && each_turn(l, before, out)) return;
    Shape shape;
    for (const VarDecl *v : c.variables) {
        const auto it = before.variables.find(v);
        if (it == before.variables.end() || addressed[stack.back()].count(v)) continue;    /* a turn's own */
        const auto step = c.stepped.find(v);
        Lin by = Lin(1);
        bool known = step != c.stepped.end() && it->second.kind != Value::OTHER;
        if (known && step->second) {
            State s = before;
            quiet++;
            const Value x = value(step->second, s);
            quiet--;
            known = x.kind == Value::INTEGER;
            if (known) {
                const Range r = before.facts.range(x.number);
                known = r.lo == r.hi;
                by = Lin(r.lo);
            }
            each(step->second, [&](const Stmt *part) {    /* a step that the loop changes is none */
                const Expr *const e = dyn_cast<Expr>(part);
                const VarDecl *const used = e ? named(e) : nullptr;
                known = known && std::find(c.variables.begin(), c.variables.end(), used) == c.variables.end();
            });
        }
        if (!known) {
            shape.open[v];
            continue;
        }
        if (c.down.count(v)) by = scaled(by, -1);
        if (it->second.kind == Value::POINTER) by = scaled(by, size_of(v->getType()->getPointeeType()));
        shape.steps[v] = by;
    }
    if (!shape.open.empty() || c.memory) {
        observe(l, before, shape);
        if (!shape.open.empty()) compare(l, before, shape);
        if (!shape.memory.empty()) remember(l, before, shape);
    }
    const Lin number = Lin::of(unknowns.make({ 0, INT64_MAX }));
    const State head = turn(before, shape, number);
    Flow turns;
    const States back = once(l, head, turns);
    if (!quiet && !confirmed(before, back, shape, number))
        record(Kind::LOOP, l.site, false, "what changes from turn to turn could not be followed");
    Int most = -1;
    const bool ends = l.condition ? bounded(l.condition, c, head, back, most, before) : back.empty();
    record(Kind::LOOP, l.site, ends, "nothing in its condition comes nearer to an end in each turn");
    if (!quiet && sites.count(l.site)) {
        Int &known = sites[l.site].turns;
        known = known < 0 || most < 0 ? -1 : std::max(known, most);
    }
    for (State &x : turns.on) out.on.push_back(std::move(x));
    for (Returned &x : turns.returns) out.returns.push_back(std::move(x));
    if (l.condition) {
        Flow end;
        if (!turns.on.empty()) end.on.push_back(before);    /* it may have been left by a break */
        const size_t skip = end.on.size();
        leave(l, before, back, shape, end);
        for (size_t i = skip; i < end.on.size(); i++) out.on.push_back(std::move(end.on[i]));
    }
}

}
