/* walk_loops.cpp: a loop is walked once, in a state that stands for each of its turns.
 *
 * What the loop's step adds to is its first value plus so much a turn. Anything else that the body changes is
 * watched (walk_watch.cpp). Whether it ends is asked in walk_ends.cpp. */
#include "frontend/ctool/walk.h"
#include <algorithm>

using namespace clang;

namespace certify {

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

/* One turn from `head` on, turn `number` if that is told, whose condition holds: the states that go on to the
 * next one. */
States Walk::once(const Loop &l, const State &head, Flow &out, const Lin &number)
{
    Flow turn;
    States in;
    if (l.condition) in = assume(l.condition, true, head);
    else in.push_back(head);
    for (State &s : in)
        if (!number.terms.empty()) s.facts.sharpen(number.terms[0].of);
    for (State &s : in) execute(l.body, std::move(s), turn);
    for (State &s : turn.continues) turn.on.push_back(std::move(s));
    for (State &s : turn.breaks) out.on.push_back(std::move(s));
    for (Returned &r : turn.returns) out.returns.push_back(std::move(r));
    for (State &s : turn.on)
        if (l.step) value(l.step, s);
    return std::move(turn.on);
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

/* What the loop's step adds to a variable in each turn, of pointers in bytes; false: not the same in each. */
bool Walk::step_of(const VarDecl *v, const Changes &c, const State &before, Lin &by)
{
    const auto step = c.stepped.find(v);
    if (step == c.stepped.end()) return false;
    by = Lin(1);
    if (step->second) {
        State s = before;
        quiet++;
        const Value x = value(step->second, s);
        quiet--;
        if (x.kind != Value::INTEGER) return false;
        const Range r = before.facts.range(x.number);
        if (r.lo != r.hi) return false;
        by = Lin(r.lo);
        bool moves = false;    /* a step that the loop changes is none */
        each(step->second, [&](const Stmt *part) {
            const Expr *const e = dyn_cast<Expr>(part);
            const VarDecl *const used = e ? named(e) : nullptr;
            moves = moves || std::find(c.variables.begin(), c.variables.end(), used) != c.variables.end();
        });
        if (moves) return false;
    }
    if (c.down.count(v)) by = scaled(by, -1);
    if (v->getType()->isPointerType()) by = scaled(by, size_of(v->getType()->getPointeeType()));
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
        Lin by;
        if (it->second.kind != Value::OTHER && step_of(v, c, before, by)) shape.steps[v] = by;
        else shape.open[v];
    }
    if (!shape.open.empty() || c.memory) {
        observe(l, before, shape);
        if (!shape.open.empty()) compare(l, before, shape);
        if (!shape.memory.empty()) remember(l, before, shape);
    }
    const Lin number = Lin::of(unknowns.make({ 0, INT64_MAX }));
    const State head = turn(before, shape, number);
    Flow turns;
    const States back = once(l, head, turns, number);
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
