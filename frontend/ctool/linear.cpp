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

void Facts::narrow(unsigned unknown, Range r)
{
    Range now = range(unknown);
    if (r.lo <= now.lo && r.hi >= now.hi) return;
    now.lo = std::max(now.lo, r.lo);
    now.hi = std::min(now.hi, r.hi);
    if (now.lo > now.hi) broken = true;
    narrowed[unknown] = now;
}

/* What is said is kept, and narrows the range of each unknown in it. */
void Facts::note(const Lin &at_least_0)
{
    Lin a = at_least_0;
    if (a.lost) return;
    tighten(a);
    if (a.terms.empty()) {
        if (a.k < 0) broken = true;
        return;
    }
    known.push_back(a);
    const Lin negative = scaled(a, -1);
    for (const Term &t : a.terms) {    /* by * unknown >= -(the most that the rest may be) */
        const Int opposite = least(*this, negative, t.of);
        if (opposite == INT64_MIN) continue;
        Range r;
        if (t.by > 0) r.lo = -floor_div(-opposite, t.by);
        else r.hi = floor_div(-opposite, -t.by);
        narrow(t.of, r);
    }
}

void Facts::add(const Lin &at_least_0)
{
    const size_t before = known.size();
    note(at_least_0);
    if (known.size() > before) keep_possible_cases(known.back().terms.back().of);
}

/* Whether a case may be the value here; `under` gets what it says. */
bool Facts::possible(const Case &c, unsigned unknown, Facts &under) const
{
    const Range r = range(unknown), v = range(c.value);
    if (v.hi < r.lo || v.lo > r.hi) return false;
    for (const Lin &w : c.when) {
        int steps = 40;
        if (search(Lin(-1) - w, { steps, 0, 1 })) return false;
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
    narrow(unknown, range(left->value));
    known.push_back(Lin::of(unknown) - left->value);
    known.push_back(left->value - Lin::of(unknown));
}

bool Facts::by_cases(const Lin &a, unsigned unknown, Limits l) const
{
    if (!l.cases--) return false;
    const auto cases = (*unknowns)[unknown].cases;
    if (cases.empty()) return false;
    for (const Case &c : cases) {
        Facts under = *this;
        if (!possible(c, unknown, under)) continue;
        if (!under.search(replaced(a, unknown, c.value), l)) return false;
    }
    return true;
}

bool Facts::search(Lin a, Limits l) const
{
    if (a.lost || l.steps-- <= 0) return false;
    tighten(a);
    if (a.terms.empty()) return a.k >= 0;
    const Range r = range(a);
    if (r.lo >= 0) return true;
    if (r.hi < 0) return false;
    const Term x = a.terms.back();
    const auto by = [&](const Lin &g) {
        const Int own = g.factor(x.of);
        if (!own || (own > 0) != (x.by > 0)) return false;
        const Int shared = gcd(x.by, own);
        const Int up = (own < 0 ? -own : own) / shared, down = (x.by < 0 ? -x.by : x.by) / shared;
        return search(certify::add(scaled(a, up), g, -down), l);
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
    int steps = 2000;
    return broken || search(a, { steps, 5, 2 });
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
