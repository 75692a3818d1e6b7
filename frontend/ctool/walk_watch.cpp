/* walk_watch.cpp: what stays true, from turn to turn, of what a loop changes in other ways than by its step.
 *
 * A walk in which it may be anything says whether it grows, by how much, within what range; those
 * observations are then what the last walk knows. That one of two grows no faster than the other is
 * guessed, and dropped unless a turn keeps it. */
#include "frontend/ctool/walk.h"
#include <algorithm>

using namespace clang;

namespace certify {

/* What one turn, from `head` to one of `back`, does to a variable that was `at` when it began; true: it adds
 * `by`, always. */
bool Walk::watched(const VarDecl *var, const State &head, const std::map<const VarDecl *, Lin> &at,
                   const States &back, unsigned since, Shape::Open &o, Lin &by)
{
    const Value &then = head.variables.at(var);
    const auto began = at.find(var);
    bool constant = !back.empty();
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
            change = began == at.end() ? now.places[0].at : now.places[0].at - began->second;
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
            for (const Term &t : p.at.terms)
                depends = depends || (began != at.end() && began->second.factor(t.of));
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
    if (!constant && then.kind == Value::POINTER && o.places.size() > 6) o.kept = false;
    return constant;
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
        Lin by;
        if (watched(it->first, head, at, back, since, it->second, by)) {
            shape.steps[it->first] = by;
            it = shape.open.erase(it);
        } else {
            ++it;
        }
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

}
