/* linear.h: integers as linear forms over unknowns, and what is known about these.
 *
 * An unknown is a number that the text does not say: a parameter, the turn of a loop, the result of
 * a division. It has a range, facts that define it (linear forms over itself and older unknowns that
 * are at least 0), and perhaps cases, of which one is its value. Facts adds what conditions say on
 * one path. Facts::holds answers whether a form is at least 0 there: it replaces the newest unknown
 * by a bound, until a number is left (Fourier and Motzkin, led by the question), so a "yes" is a
 * proof, and a "no" says nothing. All arithmetic is checked: what overflows is lost, and never holds. */
#ifndef SEQC_CTOOL_LINEAR_H
#define SEQC_CTOOL_LINEAR_H
#include <llvm/ADT/SmallVector.h>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace certify {

using Int = int64_t;

struct Term {
    unsigned of;    /* which unknown */
    Int by;         /* not 0 */
};

/* k + the sum of terms, which stand in the order of their unknowns. */
struct Lin {
    Int k = 0;
    bool lost = false;    /* an overflow: nothing is known about it */
    llvm::SmallVector<Term, 4> terms;

    Lin() = default;
    Lin(Int value) : k(value) {}
    static Lin of(unsigned unknown);
    bool constant() const { return !lost && terms.empty(); }
    bool is(Int value) const { return constant() && k == value; }
    Int factor(unsigned unknown) const;
    bool operator==(const Lin &o) const;
};
Lin add(const Lin &a, const Lin &b, Int times = 1);    /* a + times * b */
Lin scaled(const Lin &a, Int by);
inline Lin operator+(const Lin &a, const Lin &b) { return add(a, b); }
inline Lin operator-(const Lin &a, const Lin &b) { return add(a, b, -1); }
Lin replaced(const Lin &a, unsigned unknown, const Lin &by);
/* a's terms whose factors `by` divides, divided, and what is left of a. */
void split(const Lin &a, Int by, Lin &whole, Lin &rest);

struct Range {
    Int lo = INT64_MIN, hi = INT64_MAX;
    bool within(const Range &o) const { return lo >= o.lo && hi <= o.hi; }
};

using Lins = llvm::SmallVector<Lin, 2>;

/* One of the values that an unknown may have, and what is at least 0 then. */
struct Case {
    Lin value;
    Lins when;
};

using Cases = llvm::SmallVector<Case, 2>;

/* of / by as C has it. */
struct Division {
    Lin of;
    Int by;           /* more than 0 */
    bool positive;    /* of >= 0 wherever it is asked for */
};

struct Unknown {
    Range range;
    Lins facts;    /* always true; their newest unknown is this one */
    Cases cases;
    const Division *division = nullptr;
};

/* All unknowns of one certificate, in the order in which they came up. */
class Unknowns {
public:
    unsigned make(Range r = Range());
    unsigned size() const { return (unsigned)all.size(); }
    Unknown &operator[](unsigned i) { return all[i]; }
    const Unknown &operator[](unsigned i) const { return all[i]; }
    /* The same unknown for the same question. */
    unsigned quotient(const Division &);

private:
    std::deque<Unknown> all;
    std::map<std::vector<Int>, unsigned> quotients;
    std::deque<Division> divisions;
};

class Facts {
public:
    explicit Facts(Unknowns &u) : unknowns(&u) {}

    void add(const Lin &at_least_0);
    bool holds(const Lin &at_least_0) const;
    bool refuted(const Lin &at_least_0) const { return holds(Lin(-1) - at_least_0); }
    bool contradiction() const { return broken; }

    /* What is known of a value without looking further. */
    Range range(const Lin &) const;
    Range range(unsigned unknown) const;

    /* Brings the upper end of a number's range nearer, where facts do so together: as integers, which a sum
     * of these facts forgets. */
    void sharpen(unsigned unknown);

    /* a / b as C has it, b > 0. */
    Lin quotient(const Lin &a, Int b);
    /* One of the cases, each of which may add to these facts. */
    Lin one_of(const Cases &) const;

    std::vector<Lin> known;    /* what this path added, oldest first */

private:
    Unknowns *unknowns;
    std::unordered_map<unsigned, Range> narrowed;
    bool broken = false;

    void note(const Lin &at_least_0);
    /* Questions of one search that were asked before, with what was left to look further: what did not
     * hold does not now. By hashes: two of the same cost a proof, no more. */
    struct Tried {
        std::unordered_map<uint64_t, std::pair<int, int>> failed;
        std::set<unsigned> tied;    /* Facts::tie, once it is ready */
        bool ready = false;
        bool insert(const Lin &, int cases, int newer);
    };
    /* How far to look: replacements in all, cases within cases, bounds by newer unknowns in a row. */
    struct Limits {
        int &steps;
        int cases, newer;
        Tried &tried;
    };
    bool search(Lin at_least_0, Limits) const;
    void tie(const Lin &, Tried &) const;
    Lin without_digits(const Lin &) const;
    Lin without_rest(const Lin &) const;
    const Term *independent(const Lin &, Tried &) const;
    bool by_cases(const Lin &at_least_0, unsigned unknown, Limits) const;
    bool narrow(unsigned unknown, Range r);
    void narrow_all(const Lin &at_least_0, int steps);
    void keep_possible_cases(unsigned unknown);
    bool possible(const Case &c, unsigned unknown, Facts &under) const;
};

}
#endif
