/* frontend/ctool/values.h: values of C as nodes of an expression.
 *
 * A value has C's type and is either known (a constant, computed here as C computes it, in its own
 * type) or the number of a node. Nodes are hash-consed and nothing is simplified but what a constant
 * decides: the bits stay C's. A comparison is an int in C and a truth here; it becomes the numbers 0
 * and 1 only where something computes with it.
 *
 * A double says how it stands to float, for functions that mix both: it is exactly a float, or the
 * result of one operation on such, which rounds to what float's own operation gives, or neither. */
#ifndef SEQC_CTOOL_VALUES_H
#define SEQC_CTOOL_VALUES_H
#include "frontend/ctool/ctool.h"
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace ctool {

struct Type {
    enum Kind : uint8_t { FLOAT, DOUBLE, INT } kind = INT;
    uint8_t bits = 32;               /* of an INT: 1 of _Bool, 8 … 64 */
    bool is_signed = true;

    bool real() const { return kind != INT; }
    bool operator==(const Type &t) const
    {
        return kind == t.kind && (real() || (bits == t.bits && is_signed == t.is_signed));
    }
};
constexpr Type float_type = {Type::FLOAT, 32, true};
constexpr Type double_type = {Type::DOUBLE, 64, true};
constexpr Type int_type = {Type::INT, 32, true};
constexpr Type bool_type = {Type::INT, 1, false};

enum class Precision : uint8_t { IS_FLOAT, ONCE, WIDE };

struct Val {
    Type type;
    bool known = false;
    bool truth = false;              /* an INT whose node is a bool, or that is known as 0 or 1 */
    Precision precision = Precision::IS_FLOAT;      /* of a DOUBLE */
    double real = 0;                 /* known; of a FLOAT exactly a float */
    int64_t integer = 0;
    uint32_t node = 0;               /* not known */
};

Val known_real(Type t, double x);
Val known_int(Type t, int64_t i);
Val known_truth(bool b);
inline bool is_true(const Val &v) { return v.known && v.integer != 0; }
inline bool is_false(const Val &v) { return v.known && v.integer == 0; }

/* The range of an integer type; what an unsigned one of 64 bits has above int64_t is not counted. */
int64_t lowest(Type t);
int64_t highest(Type t);

/* Builds the nodes of one function. `at` is where the next ones come from. */
class Builder {
  public:
    std::vector<CtNode> node{CtNode{}};
    CtPlace at{};

    Val arg(Type t, int i);
    uint32_t node_of(const Val &v);                       /* makes one of a constant */

    /* Reals; a and b of the type t. */
    Val real(ExOp op, Type t, const Val &a, const Val &b);
    Val negated(const Val &a);
    /* A function of arguments that are not all known. */
    Val function(ExOp op, Type t, const Val &a, const Val *b = nullptr);
    Val compare(ExOp op, const Val &a, const Val &b);     /* of one type, real or integer */

    /* Truths. */
    Val truth(const Val &v);                              /* v != 0 */
    Val either_not(const Val &a);
    Val both(const Val &a, const Val &b);
    Val either(const Val &a, const Val &b);
    Val select(const Val &c, const Val &a, const Val &b); /* a and b of one type */

    Val to_real(Type t, const Val &v);                    /* of an integer */
    Val to_int(Type t, const Val &v);                     /* of a real that is not known */
    Val integer(ExOp op, Type t, const Val &a, const Val &b);   /* not known */

  private:
    struct Hash { size_t operator()(const CtNode &x) const; };
    struct Same { bool operator()(const CtNode &x, const CtNode &y) const; };
    std::unordered_map<CtNode, uint32_t, Hash, Same> number;

    uint32_t make(ExOp op, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0, double num = 0,
                  int64_t i = 0);
    Val made(Type t, uint32_t node, bool truth = false);
    Val logic(ExOp op, const Val &a, const Val &b);
    bool small(uint32_t n, int depth) const;
    uint32_t real_of(Type t, uint32_t n);
    uint32_t number_of(const Val &v);                     /* the node of an integer, no truth */
};

} // namespace ctool
#endif
