/* frontend/ctool/reader.h: reads one C function as an expression of its parameters.
 *
 * The function is run on values that are nodes. Where a condition is not known both ways are taken,
 * each on a copy of the variables, which then become choices. What follows an early `return` runs
 * as well: an expression has no effects, and the first `return` that is reached gives the result.
 * After a `break` or `continue` on an unknown condition, assignments to what is seen outside the
 * loop become choices, too. Loops are unrolled: their conditions must be known.
 *
 * Only what is named here is read. Everything else ends the function with one diagnostic. */
#ifndef SEQC_CTOOL_READER_H
#define SEQC_CTOOL_READER_H
#include "frontend/ctool/values.h"
#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>
#include <clang/AST/Stmt.h>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace ctool {

/* After a refusal. */
inline const Val none = known_int(int_type, 0);

struct Report {
    CtKind kind;
    CtPlace at;
    std::string text, help, note;
    CtPlace note_at{};
};

/* Where a piece of source stands: by file of the result. */
class Places {
  public:
    virtual ~Places() = default;
    virtual CtPlace of(clang::SourceRange r) = 0;
};

/* A variable may have a value on all ways, on none, or on some only. */
enum class Has : uint8_t { NONE, SOME, VALUE };

struct Variable {
    Val v;
    Has has = Has::NONE;
    size_t loops = 0;                /* how many are around it where it is declared */
    bool in_head = false;            /* of the innermost of them: it lives on in the next round */
};

/* Is this place reached in the loop: no `break` before, no `continue` before? */
struct LoopState { Val unbroken, uncontinued; };

/* condition: that of its place, if no `return` before it is taken. */
struct Return { Val condition, v; };

struct State {
    std::map<const clang::VarDecl *, Variable> variable;
    std::vector<LoopState> loop;
    Val running;                     /* no `return` yet */
    std::vector<Return> returns;     /* the first whose condition holds is the result */
};

class Reader {
  public:
    Reader(clang::ASTContext &ast, Places &where, uint32_t most_nodes)
        : context(ast), places(where), max_nodes(most_nodes) {}

    /* Reads f, or leaves a report. */
    bool read(const clang::FunctionDecl *f);

    Builder nodes;
    uint32_t value = 0;
    bool is_double = false, mixed = false, zero_sign = false;
    std::optional<Report> refusal, warning;

  private:
    clang::ASTContext &context;
    Places &places;
    uint32_t max_nodes;
    State *state = nullptr;
    std::vector<const clang::FunctionDecl *> running;     /* functions, outermost first */
    std::set<const clang::Stmt *> in_order;               /* whose assignments were looked at */
    unsigned steps = 0, depth = 0;

    /* read.cpp: functions, what is refused */
    bool failed() const { return refusal.has_value(); }
    Val refuse(CtKind kind, clang::SourceRange at, const std::string &text,
               const std::string &help = "");
    Val refuse(CtKind kind, const clang::Stmt *at, const std::string &text,
               const std::string &help = "");
    void note(clang::SourceRange at, const std::string &text);
    void warn_mixed(const clang::Expr *at);
    bool spend(const clang::Stmt *s);
    bool plain_attributes(const clang::Decl *d);
    bool check_function(const clang::FunctionDecl *f);
    bool check_parameters(const clang::FunctionDecl *f);
    std::optional<Type> type_of(clang::QualType t) const;
    Val run(const clang::FunctionDecl *f, const std::vector<Val> &arg, const clang::Stmt *at);

    /* read_expr.cpp */
    Val full(const clang::Expr *e);              /* with its assignments */
    Val expr(const clang::Expr *e);
    Val truth(const clang::Expr *e);
    Val read_kind(const clang::Expr *e);
    Val read_variable(const clang::DeclRefExpr *e);
    Val read_unary(const clang::UnaryOperator *e);
    Val read_step(const clang::UnaryOperator *e);
    Val read_binary(const clang::BinaryOperator *e);
    Val read_compound(const clang::CompoundAssignOperator *e);
    Val read_logic(const clang::BinaryOperator *e);
    Val read_conditional(const clang::ConditionalOperator *e);
    Val read_sizeof(const clang::UnaryExprOrTypeTraitExpr *e);
    Val read_literal(const clang::FloatingLiteral *e);
    Val read_element(const clang::ArraySubscriptExpr *e);
    Val read_initial(const clang::VarDecl *v, const clang::Expr *e, const std::vector<int64_t> &index,
                     const clang::Expr *at);
    void assign(const clang::Expr *to, const Val &v, const clang::Expr *at);
    bool order(const clang::Expr *e);

    /* read_int.cpp: conversions, and operations on integers */
    Val conversion(const clang::CastExpr *e);
    Val converted(const Val &v, Type to, const clang::Expr *at);
    Val to_integer(const Val &v, Type to, const clang::Expr *at);
    Val operation(clang::BinaryOperatorKind op, Type t, const Val &a, const Val &b,
                  const clang::Expr *at);
    Val integers(clang::BinaryOperatorKind op, Type t, const Val &a, const Val &b,
                 const clang::Expr *at);
    Val known_integers(clang::BinaryOperatorKind op, Type t, int64_t a, int64_t b,
                       const clang::Expr *at);
    Val fitted(__int128 i, Type t, const clang::Expr *at);

    /* read_call.cpp */
    Val call(const clang::CallExpr *e);
    Val call_math(const clang::CallExpr *e, const clang::FunctionDecl *f, const std::vector<Val> &arg);
    Val composed(const std::string &name, Type t, const std::vector<Val> &arg,
                 const clang::CallExpr *at);

    /* read_stmt.cpp */
    void stmt(const clang::Stmt *s);
    void declare(const clang::DeclStmt *s);
    void declare_variable(const clang::VarDecl *v);
    void branch(const clang::IfStmt *s);
    void loop(const clang::Stmt *s, const clang::Stmt *init, const clang::Expr *condition,
              const clang::Expr *step, const clang::Stmt *body, bool body_first);
    bool loop_goes_on(const clang::Expr *condition);
    void leave(const clang::ReturnStmt *s);
    Val result();                                /* of the function that has ended */
    Val in_loops(size_t from);                   /* neither left nor cut short, from loop `from` on */
    Val in_loops_around(const Variable &v);      /* of those in which v may be assigned to */
    bool is_reached() const;                     /* false: surely not */
    State merged(const Val &c, const State &yes, const State &no, size_t returns);
    bool matters(const State &s, const Variable &v) const;
};

} // namespace ctool
#endif
