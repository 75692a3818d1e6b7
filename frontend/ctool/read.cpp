/* frontend/ctool/read.cpp: functions: what they must be, and what is said where they are not. */
#include "frontend/ctool/reader.h"
#include <clang/AST/Attr.h>

namespace ctool {
using namespace clang;

/* A function may take this many statements and expressions, loops unrolled, and nest so deeply. */
enum { MAX_STEPS = 200000, MAX_DEPTH = 400, MAX_CALLS = 50 };

/* ---- what is said ---- */

Val Reader::refuse(CtKind kind, SourceRange at, const std::string &text, const std::string &help)
{
    if (!refusal)
        refusal = Report{kind, places.of(at), text, help, "", {}};
    return known_int(int_type, 0);
}

Val Reader::refuse(CtKind kind, const Stmt *at, const std::string &text, const std::string &help)
{
    return refuse(kind, at->getSourceRange(), text, help);
}

void Reader::note(SourceRange at, const std::string &text)
{
    if (refusal && refusal->note.empty()) {
        refusal->note = text;
        refusal->note_at = places.of(at);
    }
}

void Reader::warn_mixed(const Expr *at)
{
    mixed = true;
    if (warning)
        return;
    warning = Report{CT_PRECISION, places.of(at->getSourceRange()),
                     is_double ? "C rounds this to float; the expression stays as exact as the program"
                               : "C computes this in double and rounds it to float; the expression "
                                 "is float all along",
                     is_double ? "double throughout (exp, not expf) says what is meant"
                               : "float literals and functions (0.1f, expf) say what is meant",
                     "", {}};
}

bool Reader::spend(const Stmt *s)
{
    if (failed())
        return false;
    if (nodes.node.size() > max_nodes)
        refuse(CT_SIZE, s, "the function becomes more than " + std::to_string(max_nodes) +
                               " operations, counted with its loops unrolled");
    else if (++steps > MAX_STEPS)
        refuse(CT_SIZE, s, "the function takes more than " + std::to_string(+MAX_STEPS) +
                               " steps, counted with its loops unrolled");
    else if (depth > MAX_DEPTH)
        refuse(CT_SIZE, s, "this is nested too deeply");
    else
        nodes.at = places.of(s->getSourceRange());
    return !failed();
}

/* ---- types ---- */

std::optional<Type> Reader::type_of(QualType t) const
{
    t = t.getCanonicalType();
    if (t->isSpecificBuiltinType(BuiltinType::Float))
        return float_type;
    if (t->isSpecificBuiltinType(BuiltinType::Double))
        return double_type;
    if (!t->isIntegralOrEnumerationType() || t->isIncompleteType())
        return std::nullopt;
    uint64_t bits = t->isBooleanType() ? 1 : context.getTypeSize(t);
    if (bits > 64)
        return std::nullopt;
    return Type{Type::INT, static_cast<uint8_t>(bits), t->isSignedIntegerOrEnumerationType()};
}

/* ---- functions ---- */

/* Attributes that say nothing about what is computed. */
bool Reader::plain_attributes(const Decl *d)
{
    for (const Attr *a : d->attrs()) {
        switch (a->getKind()) {
        case attr::AlwaysInline: case attr::Const: case attr::NoInline: case attr::NoThrow:
        case attr::Pure: case attr::Unused: case attr::Used:
            continue;
        default:
            if (a->isImplicit())
                continue;
            SourceRange at = a->getRange();
            refuse(CT_KIND, at.isValid() ? at : d->getSourceRange(),
                   std::string("the attribute `") + a->getSpelling() + "` is not read");
            return false;
        }
    }
    return true;
}

/* Of an op and of a function that one calls. */
bool Reader::check_function(const FunctionDecl *f)
{
    std::string name = f->getNameAsString();
    for (const FunctionDecl *again : f->redecls())
        if (!plain_attributes(again))
            return false;
    if (!f->hasPrototype() || f->isVariadic())
        refuse(CT_TYPE, f->getLocation(), "`" + name + "` must say all its parameters, with types");
    else if (!type_of(f->getReturnType()))
        refuse(CT_TYPE, f->getReturnTypeSourceRange(),
               "`" + name + "` must return a float or double, not " +
                   (f->getReturnType()->isVoidType() ? "nothing"
                                                     : "`" + f->getReturnType().getAsString() + "`"));
    return !failed();
}

bool Reader::check_parameters(const FunctionDecl *f)
{
    std::string name = f->getNameAsString();
    std::optional<Type> type = type_of(f->getReturnType());
    if (!type->real()) {
        refuse(CT_TYPE, f->getReturnTypeSourceRange(),
               "`" + name + "` must return a float or double, not `" +
                   f->getReturnType().getAsString() + "`",
               "a function that others of this file call may be `static`, and return integers");
        return false;
    }
    is_double = *type == double_type;
    if (f->getNumParams() > EX_MAX_ARGS)
        refuse(CT_SIZE, f->getLocation(), "`" + name + "` has " + std::to_string(f->getNumParams()) +
                                              " parameters, at most " +
                                              std::to_string(+EX_MAX_ARGS) + " are possible");
    if (f->getNumParams() == 0)
        refuse(CT_TYPE, f->getLocation(), "`" + name + "` has no parameters");
    for (const ParmVarDecl *p : f->parameters()) {
        std::optional<Type> t = type_of(p->getType());
        std::string which = p->getName().empty() ? "a parameter" : "`" + p->getNameAsString() + "`";
        if (!t || !t->real() || p->getType().isVolatileQualified())
            refuse(CT_TYPE, p->getSourceRange(),
                   which + " must be a float or double, not `" + p->getType().getAsString() + "`");
        else if (!(*t == *type))
            refuse(CT_TYPE, p->getSourceRange(),
                   which + " is " + (is_double ? "float" : "double") + ", but `" + name +
                       "` returns " + (is_double ? "double" : "float"),
                   "the parameters and the result are all float or all double");
        else if (p->getName().empty())
            refuse(CT_TYPE, p->getSourceRange(), "a parameter of `" + name + "` has no name");
    }
    return !failed();
}

/* The value of f for these arguments; `at` is the call, or the function itself. */
Val Reader::run(const FunctionDecl *f, const std::vector<Val> &arg, const Stmt *at)
{
    const FunctionDecl *caller = running.empty() ? nullptr : running.back();
    for (const FunctionDecl *other : running)
        if (other == f)
            return refuse(CT_CALL, at, "`" + f->getNameAsString() + "` calls itself" +
                                           (caller == f ? "" : ", through others"));
    if (running.size() > MAX_CALLS)
        return refuse(CT_SIZE, at, "calls are nested too deeply");
    State own, *outer = state;
    own.running = known_truth(true);
    for (unsigned i = 0; i < f->getNumParams(); i++) {
        const ParmVarDecl *p = f->getParamDecl(i);
        if (!plain_attributes(p) || p->getType().isVolatileQualified())
            return refuse(CT_TYPE, p->getSourceRange(), "a parameter must not be volatile");
        own.variable[p] = Variable{arg[i], Has::VALUE, 0};
    }
    state = &own;
    running.push_back(f);
    stmt(f->getBody());
    running.pop_back();
    bool ended = is_false(own.running);
    Val v = ended && !failed() ? result() : known_int(int_type, 0);
    state = outer;
    if (failed())
        return v;
    if (!ended) {
        refuse(CT_VALUE, f->getBody()->getEndLoc(),
               "`" + f->getNameAsString() + "` may end here without a value",
               own.running.known ? "" : "let the last `return` have no condition");
    }
    return v;
}

bool Reader::read(const FunctionDecl *f)
{
    if (!check_function(f) || !check_parameters(f))
        return false;
    std::vector<Val> arg;
    for (unsigned i = 0; i < f->getNumParams(); i++)
        arg.push_back(nodes.arg(is_double ? double_type : float_type, static_cast<int>(i)));
    Val v = run(f, arg, f->getBody());
    if (failed())
        return false;
    value = nodes.node_of(v);
    return true;
}

} // namespace ctool
