/* walk.h: what the parts of the certificate share: values, memory, the walk through a program.
 *
 * The walk follows every path of each root, calls included, with integers as linear forms
 * (linear.h) and pointers as places in objects of known size. Floating point is not followed: a
 * value that depends on it is any of its type. A loop is walked once, for any of its turns. */
#ifndef SEQC_CTOOL_WALK_H
#define SEQC_CTOOL_WALK_H
#include <clang/AST/ASTContext.h>
#include <clang/AST/Expr.h>
#include <clang/AST/Stmt.h>
#include "frontend/ctool/linear.h"
#include <functional>
#include <set>
#include <string>

namespace certify {

/* Memory that a program may reach: a variable, or what a pointer of a root points to. */
struct Object {
    std::string name;
    Lin bytes;
    unsigned born;                            /* the unknowns there were */
    bool followed = false;                    /* holds integers or pointers that matter */
    const clang::VarDecl *table = nullptr;    /* a constant with an initializer */
};

/* Where a pointer may point: `at` bytes from its object's begin, to stay in begin to end. */
struct Place {
    const Object *object;    /* null: a null pointer */
    Lin at, begin, end;
    Lins when;               /* at least 0 if it points there */
};

struct Value {
    enum Kind { OTHER, INTEGER, POINTER, FUNCTION } kind = OTHER;
    Lin number;
    llvm::SmallVector<Place, 1> places;    /* of a pointer; none: anywhere */
    const clang::FunctionDecl *function = nullptr;

    static Value of(const Lin &);
    static Value to(const Object *, const Lin &at, const Lin &begin, const Lin &end);
    static Value anywhere();
    bool operator==(const Value &) const;
};

struct Stored {
    Value value;
    Lins when;
};

/* What an object's integers and pointers are: those at known offsets, and any of the others. */
struct Held {
    std::map<Int, Value> cells;
    std::vector<Stored> others;
    bool anything = false;
    bool operator==(const Held &) const;
};

struct State {
    std::map<const clang::VarDecl *, Value> variables;
    std::map<const Object *, Held> memory;
    Facts facts;
    explicit State(Unknowns &u) : facts(u) {}
};
using States = std::vector<State>;

/* What a path has come to know. */
Lins learned(const State &before, const State &after);

struct Returned {
    State state;
    Value value;
};

/* Where a statement leaves a state. */
struct Flow {
    States on, breaks, continues;
    std::vector<Returned> returns;
};

enum class Kind { ACCESS, LOOP, CALL };

/* A place of the text of which something was to be proved. */
struct Site {
    Kind kind;
    clang::SourceLocation at;
    std::string function;    /* that it stands in */
    std::string why;         /* empty: proved in every context */
    Int turns = 0;           /* of a loop, at most; -1: no number */
};

struct Loop {
    const clang::Stmt *site, *body;
    const clang::Expr *condition, *step;    /* or null */
};

/* What a loop changes, as its text says. */
struct Changes {
    std::vector<const clang::VarDecl *> variables;
    /* Those that the loop's step alone adds to, and what; of these, those that it subtracts from. */
    std::map<const clang::VarDecl *, const clang::Expr *> stepped;
    std::set<const clang::VarDecl *> down;
    bool memory = false;    /* integers or pointers in memory */
    bool rows = false;      /* it reads members of an array's elements */
};

/* What stays true of what a loop changes, from turn to turn. */
struct Shape {
    std::map<const clang::VarDecl *, Lin> steps;    /* added in each turn; of pointers in bytes */
    struct Open {
        bool up = false, down = false, kept = true;
        Range range;
        llvm::SmallVector<Place, 1> places;    /* of a pointer, beside where it was */
    };
    std::map<const clang::VarDecl *, Open> open;
    /* The first grows no faster than the second. */
    std::vector<std::pair<const clang::VarDecl *, const clang::VarDecl *>> slower;
    std::map<const Object *, Held> memory;
};

/* A statement and all that it has. */
void each(const clang::Stmt *, const std::function<void(const clang::Stmt *)> &does);
/* The variable that an expression names, or null. */
const clang::VarDecl *named(const clang::Expr *);

class Walk {
public:
    explicit Walk(clang::ASTContext &c) : context(c) {}
    void root(const clang::FunctionDecl *);

    std::map<const clang::Stmt *, Site> sites;
    std::set<const clang::FunctionDecl *> entered;

private:
    clang::ASTContext &context;
    Unknowns unknowns;
    std::deque<Object> objects;
    std::map<const clang::VarDecl *, const Object *> statics;
    std::map<const clang::Stmt *, Changes> changes;
    std::map<const clang::FunctionDecl *, std::set<const clang::VarDecl *>> addressed;
    std::vector<const clang::FunctionDecl *> stack;
    int quiet = 0;                                     /* more than 0: nothing is recorded */
    int logged = -1;                                   /* what is stored at this depth of quiet is kept */
    std::map<const Object *, std::vector<Stored>> log;
    std::set<const Object *> written;

    /* walk_report.cpp */
    void record(Kind, const clang::Stmt *, bool proved, const std::string &why);

    /* walk_memory.cpp */
    const Object *object(const std::string &name, const Lin &bytes, clang::QualType, const clang::VarDecl *);
    const Object *global(const clang::VarDecl *);
    bool follows(clang::QualType) const;
    Value unknown(clang::QualType, State &);
    Value fitted(const Lin &, clang::QualType, State &);
    Value computed(const Lin &, clang::QualType, State &);
    void access(const clang::Stmt *site, const Value &pointer, const Lin &bytes, const State &);
    Value load(const clang::Stmt *site, const Value &pointer, clang::QualType, State &);
    void store(const clang::Stmt *site, const Value &pointer, clang::QualType, const Value &, State &);
    void forget(const Value &pointer, State &);
    Value pointed(const clang::Expr *initializer, State &);
    Value table(const Object *, Int at, clang::QualType, State &);
    void fill(const Value &pointer, clang::QualType, const clang::Expr *initializer, State &);
    Stored renewed(const Stored &, unsigned since);
    Lins about(const State &, unsigned since) const;
    Value any_of(const std::vector<Stored> &, clang::QualType, State &);
    Value moved(const Value &pointer, const Lin &bytes) const;

    /* walk_value.cpp */
    Value value(const clang::Expr *, State &);
    Value variable(const clang::VarDecl *, State &);
    Value location(const clang::Expr *, State &, const clang::VarDecl **);
    Value subscript(const clang::ArraySubscriptExpr *, State &);
    Value member(const clang::MemberExpr *, State &);
    Value cast(const clang::CastExpr *, State &);
    Value read(const clang::Expr *, const Value &at, State &);
    Value unary(const clang::UnaryOperator *, State &);
    Value binary(const clang::BinaryOperator *, State &);
    Value arithmetic(clang::BinaryOperatorKind, const Value &, const Value &, clang::QualType left,
                     clang::QualType type, State &);
    Lin ratio(const Lin &a, const Lin &b, State &);
    Lin rest(const Lin &a, const Lin &b, State &);
    Value product(const Lin &, const Lin &, clang::QualType, State &);
    Value conditional(const clang::Expr *condition, const clang::Expr *yes, const clang::Expr *no,
                      clang::QualType, State &);
    void assign(const clang::Expr *to, const Value &, State &);
    void set(const clang::VarDecl *, const Value &, State &);
    void children(const clang::Stmt *, State &);
    Int size_of(clang::QualType) const;

    /* walk_calls.cpp */
    Value call(const clang::CallExpr *, State &);
    Value copied(const clang::ParmVarDecl *, const Value &from, State &);
    Value enter(const clang::FunctionDecl *, const std::vector<Value> &, State &, const clang::Stmt *site);
    bool library(const clang::CallExpr *, const std::string &name, const std::vector<Value> &, State &);

    /* walk_paths.cpp */
    void execute(const clang::Stmt *, State, Flow &);
    void choose(const clang::SwitchStmt *, State, Flow &);
    void declare(const clang::VarDecl *, State &);
    States assume(const clang::Expr *, bool, const State &);
    State joined(const State &base, States);
    bool same(const State &, const State &) const;
    Value merged(const std::vector<Stored> &, clang::QualType, const State &base);

    /* walk_changes.cpp */
    const Changes &changed(const Loop &);

    /* walk_loops.cpp */
    void loop(const Loop &, const State &, Flow &);
    bool each_turn(const Loop &, const State &, Flow &);
    bool step_of(const clang::VarDecl *, const Changes &, const State &before, Lin &by);
    State turn(const State &before, const Shape &, const Lin &number);
    States once(const Loop &, const State &head, Flow &, const Lin &number = Lin());

    /* walk_watch.cpp */
    void observe(const Loop &, const State &before, Shape &);
    bool watched(const clang::VarDecl *, const State &head, const std::map<const clang::VarDecl *, Lin> &at,
                 const States &back, unsigned since, Shape::Open &, Lin &by);
    void compare(const Loop &, const State &before, Shape &);
    void remember(const Loop &, const State &before, Shape &);
    bool confirmed(const State &before, const States &back, const Shape &, const Lin &number);

    /* walk_ends.cpp */
    bool bounded(const clang::Expr *, const Changes &, const State &head, const States &back, Int &turns,
                 const State &first);
    bool slack(const clang::Expr *, const State &, Lin &);
    void leave(const Loop &, const State &before, const States &back, const Shape &, Flow &);
};

}
#endif
