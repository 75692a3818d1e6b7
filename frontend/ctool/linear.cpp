/* linear.cpp: see linear.h. */
#include "frontend/ctool/linear.h"
#include <algorithm>

namespace certify {

static Int gcd(Int a, Int b)
{
    while (b) {
        const Int rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static Int floor_div(Int a, Int b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

Lin Lin::of(unsigned unknown)
{
    Lin l;
    l.terms.push_back({ unknown, 1 });
    return l;
}

Int Lin::factor(unsigned unknown) const
{
    for (const Term &t : terms)
        if (t.of == unknown) return t.by;
    return 0;
}

bool Lin::operator==(const Lin &o) const
{
    if (lost || o.lost || k != o.k || terms.size() != o.terms.size()) return false;
    for (size_t i = 0; i < terms.size(); i++)
        if (terms[i].of != o.terms[i].of || terms[i].by != o.terms[i].by) return false;
    return true;
}

Lin add(const Lin &a, const Lin &b, Int times)
{
    Lin r;
    Int product;
    r.lost = a.lost || b.lost || __builtin_mul_overflow(b.k, times, &product)
        || __builtin_add_overflow(a.k, product, &r.k);
    size_t i = 0, j = 0;
    while (!r.lost && (i < a.terms.size() || j < b.terms.size())) {
        const bool first = j == b.terms.size()
            || (i < a.terms.size() && a.terms[i].of <= b.terms[j].of);
        const bool second = i == a.terms.size()
            || (j < b.terms.size() && b.terms[j].of <= a.terms[i].of);
        Int by = first ? a.terms[i].by : 0;
        if (second)
            r.lost = __builtin_mul_overflow(b.terms[j].by, times, &product)
                || __builtin_add_overflow(by, product, &by);
        if (by) r.terms.push_back({ first ? a.terms[i].of : b.terms[j].of, by });
        i += first;
        j += second;
    }
    return r;
}

Lin scaled(const Lin &a, Int by) { return add(Lin(), a, by); }

Lin replaced(const Lin &a, unsigned unknown, const Lin &by)
{
    const Int factor = a.factor(unknown);
    return factor ? add(add(a, Lin::of(unknown), -factor), by, factor) : a;
}

void split(const Lin &a, Int by, Lin &whole, Lin &rest)
{
    whole = Lin(floor_div(a.k, by));
    rest = Lin(a.k - whole.k * by);
    whole.lost = rest.lost = a.lost;
    for (const Term &t : a.terms)
        if (t.by % by) rest.terms.push_back(t);
        else whole.terms.push_back({ t.of, t.by / by });
}

/* Divides by what all factors share; the number is rounded, which integers allow. */
static void tighten(Lin &a)
{
    Int shared = 0;
    for (const Term &t : a.terms) shared = gcd(shared, t.by);
    if (shared <= 1) return;
    for (Term &t : a.terms) t.by /= shared;
    a.k = floor_div(a.k, shared);
}

unsigned Unknowns::make(Range r)
{
    Unknown u;
    u.range = r;
    all.push_back(u);
    return size() - 1;
}

Range Facts::range(unsigned unknown) const
{
    const auto it = narrowed.find(unknown);
    return it == narrowed.end() ? (*unknowns)[unknown].range : it->second;
}

/* The least of k and factors of ends, or INT64_MIN where that is not known. */
static Int least(const Facts &facts, const Lin &a, unsigned without)
{
    __extension__ typedef __int128 Wide;
    Wide sum = a.k;
    for (const Term &t : a.terms) {
        if (t.of == without) continue;
        const Range r = facts.range(t.of);
        const Int end = t.by > 0 ? r.lo : r.hi;
        if (end == INT64_MIN || end == INT64_MAX) return INT64_MIN;
        sum += (Wide)t.by * end;
    }
    return sum <= INT64_MIN || sum >= INT64_MAX ? INT64_MIN : (Int)sum;
}

Range Facts::range(const Lin &a) const
{
    Range r;
    if (a.lost) return r;
    r.lo = least(*this, a, UINT32_MAX);
    const Int below = least(*this, scaled(a, -1), UINT32_MAX);
    r.hi = below == INT64_MIN ? INT64_MAX : -below;
    return r;
}

bool Facts::narrow(unsigned unknown, Range r)
{
    Range now = range(unknown);
    if (r.lo <= now.lo && r.hi >= now.hi) return false;
    now.lo = std::max(now.lo, r.lo);
    now.hi = std::min(now.hi, r.hi);
    if (now.lo > now.hi) broken = true;
    narrowed[unknown] = now;
    return true;
}

/* by * unknown >= -(the most that the rest may be), of each unknown in it; and what follows from that for
 * others, some steps far. */
void Facts::narrow_all(const Lin &a, int steps)
{
    const Lin negative = scaled(a, -1);
    for (const Term &t : a.terms) {
        const Int opposite = least(*this, negative, t.of);
        if (opposite == INT64_MIN) continue;
        Range r;
        if (t.by > 0) r.lo = -floor_div(-opposite, t.by);
        else r.hi = floor_div(-opposite, -t.by);
        if (!narrow(t.of, r) || broken || !steps) continue;
        for (size_t i = 0; i < known.size(); i++)
            if (known[i].terms.size() > 1 && known[i].factor(t.of)) narrow_all(Lin(known[i]), steps - 1);
        for (const Lin &f : (*unknowns)[t.of].facts) narrow_all(f, steps - 1);    /* of what it was made of */
    }
}

/* What is said is kept, and narrows ranges. */
void Facts::note(const Lin &at_least_0)
{
    Lin a = at_least_0;
    if (a.lost) return;
    tighten(a);
    if (a.terms.empty()) {
        if (a.k < 0) broken = true;
        return;
    }
    if (std::find(known.begin(), known.end(), a) == known.end()) known.push_back(a);
    narrow_all(a, 2);
}

void Facts::add(const Lin &at_least_0)
{
    note(at_least_0);
    if (!at_least_0.lost && !at_least_0.terms.empty()) keep_possible_cases(at_least_0.terms.back().of);
}

/* Whether a case may be the value here; `under` gets what it says. */
bool Facts::possible(const Case &c, unsigned unknown, Facts &under) const
{
    const Range r = range(unknown), v = range(c.value);
    if (v.hi < r.lo || v.lo > r.hi) return false;
    for (const Lin &w : c.when) {
        int steps = 40;
        Tried tried;
        if (search(Lin(-1) - w, { steps, 0, 1, tried })) return false;
        under.note(w);
    }
    for (const Lin &g : known) {
        if (!g.factor(unknown)) continue;
        const Lin said = replaced(g, unknown, c.value);
        under.note(said);
    }
    return !under.broken;
}

/* Where all cases but one have become impossible, what that one says is known. */
void Facts::keep_possible_cases(unsigned unknown)
{
    const auto cases = (*unknowns)[unknown].cases;
    const Case *left = nullptr;
    for (const Case &c : cases) {
        Facts under = *this;
        if (!possible(c, unknown, under)) continue;
        if (left) return;
        left = &c;
    }
    if (!left) {
        if (!cases.empty()) broken = true;
        return;
    }
    for (const Lin &w : left->when) add(w);
    note(Lin::of(unknown) - left->value);
    note(left->value - Lin::of(unknown));
    narrow(unknown, range(left->value));
    for (const Term &t : left->value.terms)    /* of which it may now be known what they are */
        if (t.of < unknown) keep_possible_cases(t.of);
}

bool Facts::by_cases(const Lin &a, unsigned unknown, Limits l) const
{
    if (!l.cases--) return false;
    const auto cases = (*unknowns)[unknown].cases;
    if (cases.empty()) return false;
    for (const Case &c : cases) {
        Facts under = *this;
        if (!possible(c, unknown, under)) continue;
        Tried tried;
        if (!under.search(replaced(a, unknown, c.value), { l.steps, l.cases, l.newer, tried })) return false;
    }
    return true;
}

bool Facts::Tried::insert(const Lin &a, int cases, int newer)
{
    uint64_t hash = 0;
    const auto mix = [&](uint64_t x) {
        hash = (hash ^ x) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    };
    mix((uint64_t)a.k);
    for (const Term &t : a.terms) {
        mix(t.of);
        mix((uint64_t)t.by);
    }
    const auto found = failed.emplace(hash, std::make_pair(cases, newer));
    if (found.second) return true;
    std::pair<int, int> &before = found.first->second;
    if (cases <= before.first && newer <= before.second) return false;
    before = { cases, newer };
    return true;
}

/* Unknowns of which something is said beside others: by conditions, or by what defines newer ones. */
void Facts::tie(const Lin &a, Tried &tried) const
{
    std::vector<unsigned> next;
    const auto reach = [&](const Lin &l) {
        for (const Term &t : l.terms) next.push_back(t.of);
    };
    reach(a);
    for (const Lin &g : known) {
        unsigned others = 0;
        for (const Term &t : g.terms) others += range(t.of).lo != range(t.of).hi;
        for (const Term &t : g.terms)
            if (others > 1) tried.tied.insert(t.of);
        reach(g);
    }
    std::set<unsigned> seen;
    while (!next.empty()) {
        const unsigned of = next.back();
        next.pop_back();
        if (!seen.insert(of).second) continue;
        const auto define = [&](const Lin &l) {
            for (const Term &t : l.terms)
                if (t.of != of) tried.tied.insert(t.of);
            reach(l);
        };
        const Unknown &u = (*unknowns)[of];
        if (!u.facts.empty() || !u.cases.empty()) tried.tied.insert(of);
        for (const Lin &f : u.facts) define(f);
        for (const Case &c : u.cases) {
            define(c.value);
            for (const Lin &w : c.when) define(w);
        }
    }
}

/* A term whose unknown is a number here, or not tied: it is at its end whatever the others are. */
const Term *Facts::independent(const Lin &a, Tried &tried) const
{
    if (!tried.ready) tie(a, tried);
    tried.ready = true;
    for (size_t i = 0; i + 1 < a.terms.size(); i++) {    /* the last one is next in any case */
        const Range r = range(a.terms[i].of);
        if (r.lo == r.hi || !tried.tied.count(a.terms[i].of)) return &a.terms[i];
    }
    return nullptr;
}

/* Where the newest is the quotient of what is in it, too: of = by * quotient + rest, the rest at its end. */
Lin Facts::without_rest(const Lin &a) const
{
    const Term &x = a.terms.back();
    const Division &d = *(*unknowns)[x.of].division;
    if (!d.positive || d.of.terms.empty()) return a;
    const Term &last = d.of.terms.back();
    const Int in = a.factor(last.of);
    Int most;
    if (!in || in % last.by || __builtin_mul_overflow(in / last.by, d.by - 1, &most)) return a;
    const Lin quotient = scaled(Lin::of(x.of), d.by);
    return certify::add(a, quotient - d.of, in / last.by) + Lin(most < 0 ? most : 0);
}

/* Terms that together are no more than one of the newest is alone, at their ends: where that is the
 * quotient of an index, they are what it leaves. */
Lin Facts::without_digits(const Lin &a) const
{
    __extension__ typedef __int128 Wide;
    const Term &x = a.terms.back();
    Lin most = a;
    Wide room = x.by < 0 ? -(Wide)x.by : x.by;
    for (const Term &t : a.terms) {
        const Range r = range(t.of);
        if (t.of == x.of || r.lo == INT64_MIN || r.hi == INT64_MAX) continue;
        const Wide width = ((Wide)r.hi - r.lo) * (t.by < 0 ? -(Wide)t.by : t.by);
        if (width >= room) continue;
        room -= width;
        most = replaced(most, t.of, Lin(t.by > 0 ? r.lo : r.hi));
    }
    return most;
}

bool Facts::search(Lin a, Limits l) const
{
    if (a.lost || l.steps-- <= 0) return false;
    tighten(a);
    if (a.terms.empty()) return a.k >= 0;
    const Range r = range(a);
    if (r.lo >= 0) return true;
    if (r.hi < 0) return false;
    if (!l.tried.insert(a, l.cases, l.newer)) return false;
    const Term *const free = independent(a, l.tried);
    if (free) {
        const Range ends = range(free->of);
        const Int end = free->by > 0 ? ends.lo : ends.hi;
        return end != INT64_MIN && end != INT64_MAX && search(replaced(a, free->of, Lin(end)), l);
    }
    const Term x = a.terms.back();
    if ((*unknowns)[x.of].division) {
        const Lin whole = without_rest(a), most = without_digits(a);
        if (!(whole == a) && search(whole, l)) return true;
        if (!(most == a) && search(most, l)) return true;
    }
    const auto by = [&](const Lin &g) {
        const Int own = g.factor(x.of);
        if (!own || (own > 0) != (x.by > 0)) return false;
        const Int shared = gcd(x.by, own);
        const Int up = (own < 0 ? -own : own) / shared, down = (x.by < 0 ? -x.by : x.by) / shared;
        /* Of integers up * a >= 1 - up is enough for a >= 0. */
        return search(certify::add(scaled(a, up) + Lin(up - 1), g, -down), l);
    };
    for (size_t i = known.size(); i-- > 0;)
        if (known[i].terms.back().of == x.of && by(known[i])) return true;
    const Lins facts = (*unknowns)[x.of].facts;
    for (const Lin &g : facts)
        if (by(g)) return true;
    const Range own = range(x.of);
    const Int end = x.by > 0 ? own.lo : own.hi;
    if (end != INT64_MIN && end != INT64_MAX && search(replaced(a, x.of, Lin(end)), l)) return true;
    if (by_cases(a, x.of, l)) return true;
    for (size_t i = l.newer-- > 0 ? known.size() : 0; i-- > 0;)
        if (known[i].terms.back().of > x.of && by(known[i])) return true;
    return false;
}

bool Facts::holds(const Lin &a) const
{
    int steps = 16000;
    for (const int cases : { 0, 5 }) {    /* most proofs need no cases, and what these try is much */
        Tried tried;
        if (broken || search(a, { steps, cases, 2, tried })) return true;
    }
    return false;
}

void Facts::sharpen(unsigned unknown)
{
    const auto at_most = [&](Int end) {
        int steps = 200;
        Tried tried;
        return search(Lin(end) - Lin::of(unknown), { steps, 1, 1, tried });
    };
    const Range r = range(unknown);
    Int low = r.lo, high = r.hi;
    if (low < 0 || high == INT64_MAX || low >= high || !at_most(high - 1)) return;
    while (low < high) {
        const Int middle = low + (high - low) / 2;
        if (at_most(middle)) high = middle;
        else low = middle + 1;
    }
    narrow(unknown, { r.lo, high });
}

unsigned Unknowns::quotient(const Division &d)
{
    std::vector<Int> key = { d.by, d.positive, d.of.k };
    for (const Term &t : d.of.terms) {
        key.push_back(t.of);
        key.push_back(t.by);
    }
    const auto it = quotients.find(key);
    if (it != quotients.end()) return it->second;
    const unsigned q = make({ d.positive ? 0 : INT64_MIN, INT64_MAX });
    const Lin rest = d.of - scaled(Lin::of(q), d.by);    /* of - by * q */
    all[q].facts.push_back(rest + Lin(d.positive ? 0 : d.by - 1));
    all[q].facts.push_back(Lin(d.by - 1) - rest);
    divisions.push_back(d);
    all[q].division = &divisions.back();
    return quotients[key] = q;
}

Lin Facts::quotient(const Lin &a, Int b)
{
    if (b == 1) return a;
    if (a.constant()) return Lin(a.k / b);
    Lin whole, rest;
    split(a, b, whole, rest);
    const bool positive = holds(a);
    if ((positive || rest.is(0)) && holds(rest) && holds(Lin(b - 1) - rest)) return whole;
    if (positive && a.k == 0 && a.terms.size() == 1 && a.terms[0].by == 1) {
        const Division *const d = (*unknowns)[a.terms[0].of].division;    /* (x / c) / b = x / (c b) */
        Int both;
        if (d && d->positive && !__builtin_mul_overflow(d->by, b, &both)) return quotient(Lin(d->of), both);
    }
    if (a.lost) return a;
    const unsigned q = unknowns->quotient({ a, b, positive });
    const Range r = range(a);
    narrow(q, { r.lo == INT64_MIN ? r.lo : r.lo / b, r.hi == INT64_MAX ? r.hi : r.hi / b });
    return Lin::of(q);
}

Lin Facts::one_of(const Cases &cases) const
{
    bool same = true;
    for (const Case &c : cases) same = same && c.value == cases[0].value;
    if (same) return cases[0].value;
    Range all = { INT64_MAX, INT64_MIN };
    std::vector<Facts> under(cases.size(), *this);
    for (size_t i = 0; i < cases.size(); i++) {
        for (const Lin &w : cases[i].when) under[i].note(w);
        const Range r = under[i].range(cases[i].value);
        all.lo = std::min(all.lo, r.lo);
        all.hi = std::max(all.hi, r.hi);
    }
    const unsigned x = unknowns->make(all);
    for (const Case &bound : cases) {    /* is one of them the least or the largest? */
        bool least = true, largest = true;
        for (size_t i = 0; i < cases.size(); i++) {
            least = least && under[i].holds(cases[i].value - bound.value);
            largest = largest && under[i].holds(bound.value - cases[i].value);
        }
        if (least) (*unknowns)[x].facts.push_back(Lin::of(x) - bound.value);
        if (largest) (*unknowns)[x].facts.push_back(bound.value - Lin::of(x));
    }
    (*unknowns)[x].cases = cases;
    return Lin::of(x);
}

}
