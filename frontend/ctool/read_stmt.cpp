/* frontend/ctool/read_stmt.cpp: statements. */
#include "frontend/ctool/reader.h"
#include <clang/AST/DeclCXX.h>

namespace ctool {
using namespace clang;

enum { MAX_ROUNDS = 4096 };

/* ---- is a place reached? ---- */

bool Reader::is_reached() const
{
    if (is_false(state->running))
        return false;
    for (const LoopState &l : state->loop)
        if (is_false(l.unbroken) || is_false(l.uncontinued))
            return false;
    return true;
}

/* Without the `return`s: the result alone depends on those. */
Val Reader::in_loops(size_t from)
{
    Val v = known_truth(true);
    for (size_t i = from; i < state->loop.size(); i++)
        v = nodes.both(v, nodes.both(state->loop[i].unbroken, state->loop[i].uncontinued));
    return v;
}

/* After a `break` of a loop around both, v is gone and may be assigned to; so it may after a
 * `continue`, but for one that the loop's head declares. */
Val Reader::in_loops_around(const Variable &v)
{
    Val here = in_loops(v.loops);
    return v.in_head ? nodes.both(state->loop[v.loops - 1].uncontinued, here) : here;
}

/* Will anyone read v after the branch that ended in s? Not where a loop was left that declares it. */
bool Reader::matters(const State &s, const Variable &v) const
{
    if (is_false(s.running))
        return false;
    for (size_t i = 0; i < v.loops; i++)
        if (is_false(s.loop[i].unbroken) ||
            (is_false(s.loop[i].uncontinued) && !(v.in_head && i + 1 == v.loops)))
            return false;
    return true;
}

State Reader::merged(const Val &c, const State &yes, const State &no, size_t returns)
{
    State s = no;
    for (auto &[name, v] : s.variable) {
        auto other = yes.variable.find(name);
        if (other == yes.variable.end())
            continue;
        const Variable &y = other->second;
        if (!matters(yes, y))
            continue;
        if (!matters(no, v)) {
            v = y;
            continue;
        }
        if (y.has != v.has)
            v.has = Has::SOME;
        else if (v.has == Has::VALUE)
            v.v = nodes.select(c, y.v, v.v);
    }
    s.running = nodes.select(c, yes.running, no.running);
    for (size_t i = 0; i < s.loop.size(); i++) {
        s.loop[i].unbroken = nodes.select(c, yes.loop[i].unbroken, no.loop[i].unbroken);
        s.loop[i].uncontinued = nodes.select(c, yes.loop[i].uncontinued, no.loop[i].uncontinued);
    }
    for (size_t i = returns; i < s.returns.size(); i++)
        s.returns[i].condition = nodes.both(nodes.either_not(c), s.returns[i].condition);
    for (size_t i = returns; i < yes.returns.size(); i++)
        s.returns.push_back({nodes.both(c, yes.returns[i].condition), yes.returns[i].v});
    return s;
}

/* ---- leaving ---- */

void Reader::leave(const ReturnStmt *s)
{
    if (!s->getRetValue()) {
        refuse(CT_VALUE, s, "`return` without a value");
        return;
    }
    Val v = full(s->getRetValue());
    if (failed())
        return;
    Val here = in_loops(0);
    state->returns.push_back({here, v});
    state->running = nodes.both(state->running, nodes.either_not(here));
}

Val Reader::result()
{
    Val v = state->returns.back().v;                     /* surely, where none before is taken */
    for (size_t i = state->returns.size() - 1; i-- > 0;)
        v = nodes.select(state->returns[i].condition, state->returns[i].v, v);
    return v;
}

/* ---- branches ---- */

void Reader::branch(const IfStmt *s)
{
    if (s->getInit() || s->getConditionVariable() || s->isConstexpr()) {
        refuse(CT_KIND, s, "this is no `if` of C");
        return;
    }
    Val c = truth(s->getCond());
    if (failed())
        return;
    if (c.known) {
        stmt(is_true(c) ? s->getThen() : s->getElse());
        return;
    }
    State yes = *state, no = *state, *outer = state;
    state = &yes;
    stmt(s->getThen());
    state = &no;
    stmt(s->getElse());
    state = outer;
    if (!failed())
        *state = merged(c, yes, no, state->returns.size());
}

/* ---- loops ---- */

bool Reader::loop_goes_on(const Expr *condition)
{
    if (!condition)
        return true;
    Val c = truth(condition);
    if (failed())
        return false;
    if (!c.known)
        refuse(CT_LOOP, condition, "how often this loop runs depends on the arguments",
               "loops are unrolled: count up to a constant, in a variable of the loop's own");
    return !failed() && is_true(c);
}

/* A variable of a loop's head or body is not seen outside. */
void Reader::loop(const Stmt *s, const Stmt *init, const Expr *condition, const Expr *step,
                  const Stmt *body, bool body_first)
{
    state->loop.push_back({known_truth(true), known_truth(true)});
    stmt(init);
    if (auto *head = dyn_cast_or_null<DeclStmt>(init))
        for (const Decl *d : head->decls())
            if (auto *v = dyn_cast<VarDecl>(d); v && state->variable.count(v))
                state->variable[v].in_head = true;
    for (unsigned n = 0; !failed() && is_reached(); n++) {
        if ((n > 0 || !body_first) && !loop_goes_on(condition))
            break;
        if (n == MAX_ROUNDS) {
            refuse(CT_LOOP, s, "this loop runs more than " + std::to_string(+MAX_ROUNDS) + " times",
                   "loops are unrolled");
            break;
        }
        stmt(body);
        state->loop.back().uncontinued = known_truth(true);
        if (step && !failed() && is_reached())
            full(step);
    }
    state->loop.pop_back();
    for (auto v = state->variable.begin(); v != state->variable.end();)
        v = v->second.loops > state->loop.size() ? state->variable.erase(v) : std::next(v);
}

/* ---- variables ---- */

void Reader::declare_variable(const VarDecl *v)
{
    QualType t = v->getType();
    std::string name = "`" + v->getNameAsString() + "`";
    if (!plain_attributes(v))
        return;
    if (t.isVolatileQualified()) {
        refuse(CT_EFFECT, v->getSourceRange(), name + " is volatile");
        return;
    }
    if (v->hasExternalStorage() || (v->hasGlobalStorage() && !t.isConstQualified())) {
        refuse(CT_EFFECT, v->getSourceRange(), name + " keeps its value from call to call",
               "a function's result depends on its arguments alone; `static const` is a constant");
        return;
    }
    if (v->hasGlobalStorage() || t->isConstantArrayType()) {
        if (!t.isConstQualified() && !t->getBaseElementTypeUnsafe()->isVoidType() &&
            !context.getBaseElementType(t).isConstQualified())
            refuse(CT_TYPE, v->getSourceRange(), "the array " + name + " is not const",
                   "arrays hold constants; values that are computed need variables");
        return;                      /* its elements are read where they are used */
    }
    std::optional<Type> type = type_of(t);
    if (!type) {
        refuse(CT_TYPE, v->getSourceRange(), name + " is a `" + t.getAsString() +
                                                 "`; variables are float, double or integers");
        return;
    }
    Variable x;
    x.loops = state->loop.size();
    x.v = known_int(*type, 0);
    x.v.type = *type;
    if (v->getInit()) {
        x.v = full(v->getInit());
        x.has = Has::VALUE;
    }
    state->variable[v] = x;
}

void Reader::declare(const DeclStmt *s)
{
    for (const Decl *d : s->decls()) {
        if (failed())
            return;
        if (auto *v = dyn_cast<VarDecl>(d))
            declare_variable(v);
        else if (!isa<TypedefDecl>(d) && !isa<StaticAssertDecl>(d) && !isa<EnumDecl>(d))
            refuse(CT_KIND, d->getSourceRange(), "this declaration is not read inside a function");
    }
}

/* ---- statements ---- */

static std::string words_of(const Stmt *s)
{
    if (isa<SwitchStmt>(s)) return "`switch`";
    if (isa<GotoStmt>(s) || isa<IndirectGotoStmt>(s)) return "`goto`";
    if (isa<LabelStmt>(s)) return "a label";
    if (isa<AsmStmt>(s)) return "assembly";
    if (isa<AttributedStmt>(s)) return "an attribute";
    return std::string("this statement (") + s->getStmtClassName() + ")";
}

void Reader::stmt(const Stmt *s)
{
    if (!s || !is_reached() || !spend(s))
        return;
    depth++;
    if (auto *block = dyn_cast<CompoundStmt>(s))
        for (const Stmt *x : block->body())
            stmt(x);
    else if (auto *e = dyn_cast<Expr>(s))
        full(e);
    else if (auto *r = dyn_cast<ReturnStmt>(s))
        leave(r);
    else if (auto *x = dyn_cast<DeclStmt>(s))
        declare(x);
    else if (auto *i = dyn_cast<IfStmt>(s))
        branch(i);
    else if (auto *f = dyn_cast<ForStmt>(s))
        loop(s, f->getInit(), f->getCond(), f->getInc(), f->getBody(), false);
    else if (auto *w = dyn_cast<WhileStmt>(s))
        loop(s, nullptr, w->getCond(), nullptr, w->getBody(), false);
    else if (auto *d = dyn_cast<DoStmt>(s))
        loop(s, nullptr, d->getCond(), nullptr, d->getBody(), true);
    else if (isa<BreakStmt>(s)) {
        LoopState &l = state->loop.back();       /* what has gone on to the next round is not here */
        l.unbroken = nodes.both(l.unbroken, nodes.either_not(l.uncontinued));
    } else if (isa<ContinueStmt>(s))
        state->loop.back().uncontinued = known_truth(false);
    else if (!isa<NullStmt>(s))
        refuse(CT_KIND, s, words_of(s) + " is not read",
               isa<SwitchStmt>(s) ? "write `if` and `else if`" : "");
    depth--;
}

} // namespace ctool
