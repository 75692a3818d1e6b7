/* frontend/ctool/read_expr.cpp: expressions.
 *
 * Assignments inside an expression are read where C settles their order: the whole expression is one,
 * or the variable occurs once in it and is surely assigned. Others are refused (`order`). */
#include "frontend/ctool/reader.h"

namespace ctool {
using namespace clang;

/* ---- the order of assignments ---- */

/* The variable that e assigns to, if it does. */
static const Expr *assigned(const Expr *e)
{
    if (auto *b = dyn_cast<BinaryOperator>(e))
        return b->isAssignmentOp() ? b->getLHS()->IgnoreParens() : nullptr;
    if (auto *u = dyn_cast<UnaryOperator>(e))
        return u->isIncrementDecrementOp() ? u->getSubExpr()->IgnoreParens() : nullptr;
    return nullptr;
}

static const ValueDecl *named(const Expr *e)
{
    auto *d = e ? dyn_cast<DeclRefExpr>(e->IgnoreParens()) : nullptr;
    return d ? d->getDecl() : nullptr;
}

namespace {
struct Occurrence { int count = 0; const Expr *assignment = nullptr; bool maybe = false; };
using Occurrences = std::map<const ValueDecl *, Occurrence>;
}

/* Counts names in e; `maybe`: e is not surely evaluated. False: too deep. */
static bool count_names(const Expr *e, bool maybe, int depth, Occurrences &all)
{
    if (depth > 1000)
        return false;
    e = e->IgnoreParens();
    if (isa<UnaryExprOrTypeTraitExpr>(e))
        return true;                                      /* is not evaluated */
    if (auto *g = dyn_cast<GenericSelectionExpr>(e))
        return count_names(g->getResultExpr(), maybe, depth + 1, all);
    if (const ValueDecl *v = named(e))
        all[v].count++;
    if (const Expr *to = assigned(e)) {
        Occurrence &o = all[named(to)];
        o.assignment = e;
        o.maybe = o.maybe || maybe;
    }
    auto *b = dyn_cast<BinaryOperator>(e);
    bool chooses = isa<AbstractConditionalOperator>(e) || (b && b->isLogicalOp());
    bool first = true;
    for (const Stmt *child : e->children()) {
        auto *x = dyn_cast_or_null<Expr>(child);
        if (x && !count_names(x, maybe || (chooses && !first), depth + 1, all))
            return false;
        first = false;
    }
    return true;
}

bool Reader::order(const Expr *e)
{
    if (!in_order.insert(e).second)
        return true;
    Occurrences all;
    const Expr *own = assigned(e);
    bool readable = true;
    if (own && !isa<UnaryOperator>(e)) {
        readable = count_names(cast<BinaryOperator>(e)->getRHS(), false, 0, all);
        for (auto &[v, o] : all)
            if (o.assignment && v == named(own))
                o.count = 2;                              /* i = i++ */
    } else if (!own)
        readable = count_names(e, false, 0, all);
    if (!readable)
        refuse(CT_SIZE, e, "this is nested too deeply");
    for (const auto &[v, o] : all) {
        if (!o.assignment || (o.count <= 1 && !o.maybe))
            continue;
        refuse(CT_EFFECT, o.assignment,
               o.maybe ? "this assignment is made on a condition"
                       : "this assignment stands beside another use of `" +
                             (v ? v->getNameAsString() : "it") + "`",
               "make it a statement of its own");
    }
    return !failed();
}

/* ---- whole expressions ---- */

Val Reader::full(const Expr *e)
{
    const Expr *inner = e->IgnoreParens();
    if (auto *b = dyn_cast<BinaryOperator>(inner); b && b->getOpcode() == BO_Comma) {
        full(b->getLHS());
        return failed() ? none : full(b->getRHS());
    }
    return order(inner) ? expr(inner) : none;
}

Val Reader::truth(const Expr *e)
{
    Val v = full(e);
    if (!failed() && v.type == double_type && !v.known && v.precision != Precision::IS_FLOAT &&
        !is_double)
        warn_mixed(e);
    return failed() ? none : nodes.truth(v);
}

Val Reader::expr(const Expr *e)
{
    e = e->IgnoreParens();
    if (!spend(e))
        return none;
    depth++;
    Val v = read_kind(e);
    depth--;
    return failed() ? none : v;
}

static std::string words_of(const Expr *e)
{
    if (isa<StmtExpr>(e)) return "a block inside an expression";
    if (isa<CompoundLiteralExpr>(e)) return "a compound literal";
    if (isa<MemberExpr>(e)) return "a member of a struct or union";
    if (isa<StringLiteral>(e)) return "a string";
    if (isa<BinaryConditionalOperator>(e)) return "`?:` without a middle";
    if (isa<InitListExpr>(e)) return "a list of values";
    if (isa<VAArgExpr>(e)) return "`va_arg`";
    if (isa<AddrLabelExpr>(e)) return "the address of a label";
    return std::string("this expression (") + e->getStmtClassName() + ")";
}

Val Reader::read_kind(const Expr *e)
{
    if (auto *c = dyn_cast<CastExpr>(e)) return conversion(c);
    if (auto *d = dyn_cast<DeclRefExpr>(e)) return read_variable(d);
    if (auto *f = dyn_cast<FloatingLiteral>(e)) return read_literal(f);
    if (auto *a = dyn_cast<CompoundAssignOperator>(e)) return read_compound(a);
    if (auto *b = dyn_cast<BinaryOperator>(e)) return read_binary(b);
    if (auto *u = dyn_cast<UnaryOperator>(e)) return read_unary(u);
    if (auto *c = dyn_cast<ConditionalOperator>(e)) return read_conditional(c);
    if (auto *c = dyn_cast<CallExpr>(e)) return call(c);
    if (auto *a = dyn_cast<ArraySubscriptExpr>(e)) return read_element(a);
    if (auto *c = dyn_cast<ConstantExpr>(e)) return expr(c->getSubExpr());
    if (auto *s = dyn_cast<UnaryExprOrTypeTraitExpr>(e)) return read_sizeof(s);
    if (auto *g = dyn_cast<GenericSelectionExpr>(e)) return expr(g->getResultExpr());
    std::optional<Type> t = type_of(e->getType());
    if (isa<ImplicitValueInitExpr>(e) && t)
        return t->real() ? known_real(*t, 0) : known_int(*t, 0);
    if (auto *c = dyn_cast<CharacterLiteral>(e); c && t) return fitted(c->getValue(), *t, e);
    if (auto *i = dyn_cast<IntegerLiteral>(e)) {
        if (t && i->getValue().isIntN(63))
            return known_int(*t, static_cast<int64_t>(i->getValue().getZExtValue()));
        return refuse(CT_INTEGER, e, "this integer is too large");
    }
    return refuse(CT_KIND, e, words_of(e) + " is not read");
}

/* ---- leaves ---- */

Val Reader::read_literal(const FloatingLiteral *e)
{
    std::optional<Type> t = type_of(e->getType());
    if (!t)
        return refuse(CT_TYPE, e, "this number is a `" + e->getType().getAsString() +
                                      "`; float and double are read");
    return known_real(*t, *t == float_type ? static_cast<double>(e->getValue().convertToFloat())
                                           : e->getValue().convertToDouble());
}

Val Reader::read_sizeof(const UnaryExprOrTypeTraitExpr *e)
{
    Expr::EvalResult r;
    std::optional<Type> t = type_of(e->getType());
    if (!t || !e->EvaluateAsInt(r, context) || r.Val.getInt().getActiveBits() > 62)
        return refuse(CT_KIND, e, "this size is not known here");
    return known_int(*t, r.Val.getInt().getExtValue());
}

Val Reader::read_variable(const DeclRefExpr *e)
{
    std::string name = "`" + e->getDecl()->getNameAsString() + "`";
    std::optional<Type> t = type_of(e->getType());
    if (auto *c = dyn_cast<EnumConstantDecl>(e->getDecl()))
        return t ? fitted(c->getInitVal().getExtValue(), *t, e) : none;
    auto *v = dyn_cast<VarDecl>(e->getDecl());
    if (!v)
        return refuse(CT_KIND, e, name + " is no number");
    if (auto it = state->variable.find(v); it != state->variable.end()) {
        if (it->second.has == Has::VALUE)
            return it->second.v;
        refuse(CT_VALUE, e, name + (it->second.has == Has::NONE ? " has no value here"
                                                                : " may have no value here"));
        note(v->getSourceRange(), "declared here");
        return none;
    }
    if (!v->hasGlobalStorage()) {
        refuse(CT_VALUE, e, name + " is no constant");
        note(v->getSourceRange(), "declared here");
        return none;
    }
    const Expr *init = v->getAnyInitializer();
    QualType q = v->getType();
    if (!q.isConstQualified() || q.isVolatileQualified() || !init) {
        refuse(CT_EFFECT, e, name + " may change between calls",
               "a function's result depends on its arguments alone; `static const`, with its value, "
               "is a constant");
        note(v->getSourceRange(), "declared here");
        return none;
    }
    if (!t)
        return refuse(CT_TYPE, e, name + " is a `" + q.getAsString() + "`");
    return read_initial(v, init, {}, e);
}

/* ---- arrays ---- */

/* Element [index…] of v's initial value: of constants alone, since v may be read when variables have
 * changed. */
Val Reader::read_initial(const VarDecl *v, const Expr *e, const std::vector<int64_t> &index,
                         const Expr *at)
{
    if (!plain_attributes(v))
        return none;
    for (int64_t i : index) {
        auto *list = dyn_cast<InitListExpr>(e->IgnoreParens());
        if (!list)
            return refuse(CT_KIND, e, "this is no list of constants");
        if (list->isSyntacticForm() && list->getSemanticForm())
            list = list->getSemanticForm();
        e = i < list->getNumInits()  ? list->getInit(static_cast<unsigned>(i))
            : list->hasArrayFiller() ? list->getArrayFiller()
                                     : nullptr;
        if (!e || isa<DesignatedInitUpdateExpr>(e))
            return refuse(CT_KIND, at, "this element's value is not read");
        if (isa<ImplicitValueInitExpr>(e))
            break;                                        /* zeros, however deep */
    }
    State empty, *outer = state;
    empty.running = known_truth(true);
    state = &empty;
    std::optional<Type> t = type_of(at->getType());
    Val x = !t ? refuse(CT_TYPE, at, "this is a `" + at->getType().getAsString() + "`")
            : isa<ImplicitValueInitExpr>(e)
                ? (t->real() ? known_real(*t, 0) : known_int(*t, 0))
                : full(e);
    state = outer;
    if (!failed() && !x.known)
        refuse(CT_VALUE, at, "this is no constant");
    return x;
}

Val Reader::read_element(const ArraySubscriptExpr *e)
{
    std::vector<int64_t> index;
    const Expr *of = e;
    while (auto *s = dyn_cast<ArraySubscriptExpr>(of->IgnoreParenImpCasts())) {
        Val i = expr(s->getIdx());
        if (failed())
            return none;
        if (!i.known)
            return refuse(CT_INTEGER, s->getIdx(), "this index depends on the arguments",
                          "indices are constants, or counters of loops; `if` and `else` choose");
        QualType array = s->getBase()->IgnoreParenImpCasts()->getType();
        auto *sized = context.getAsConstantArrayType(array);
        if (!sized)
            return refuse(CT_KIND, s->getBase(), "only arrays of constants have elements here");
        if (i.integer < 0 || sized->getSize().ule(static_cast<uint64_t>(i.integer)))
            return refuse(CT_INTEGER, s->getIdx(),
                          "index " + std::to_string(i.integer) + " is outside of an array of " +
                              std::to_string(sized->getSize().getZExtValue()));
        index.insert(index.begin(), i.integer);
        of = s->getBase();
    }
    auto *d = dyn_cast<DeclRefExpr>(of->IgnoreParenImpCasts());
    auto *v = d ? dyn_cast<VarDecl>(d->getDecl()) : nullptr;
    if (!v)
        return refuse(CT_KIND, of, "only arrays of constants have elements here");
    const Expr *init = v->getAnyInitializer();
    if (!init || !context.getBaseElementType(v->getType()).isConstQualified() ||
        context.getBaseElementType(v->getType()).isVolatileQualified()) {
        refuse(CT_EFFECT, d, "the array `" + v->getNameAsString() +
                                 (init ? "` is not const" : "` has no values here"));
        note(v->getSourceRange(), "declared here");
        return none;
    }
    return read_initial(v, init, index, e);
}

/* ---- assignments ---- */

void Reader::assign(const Expr *to, const Val &v, const Expr *at)
{
    auto *d = dyn_cast<DeclRefExpr>(to->IgnoreParens());
    auto *name = d ? dyn_cast<VarDecl>(d->getDecl()) : nullptr;
    auto it = name ? state->variable.find(name) : state->variable.end();
    if (failed())
        return;
    if (it == state->variable.end()) {
        refuse(CT_EFFECT, at, name ? "`" + name->getNameAsString() + "` is not the function's own: "
                                         "the assignment would outlive the call"
                                   : "only variables are assigned to");
        return;
    }
    Variable &x = it->second;
    Val here = in_loops_around(x);
    if (here.known) {
        x.v = v;
        x.has = Has::VALUE;
    } else if (x.has == Has::VALUE)
        x.v = nodes.select(here, v, x.v);
    else
        x.has = Has::SOME;
}

/* ++ and --: of an integer in int at least, as C promotes it. */
Val Reader::read_step(const UnaryOperator *e)
{
    std::optional<Type> t = type_of(e->getType());
    if (!t)
        return refuse(CT_TYPE, e, "this steps a `" + e->getType().getAsString() + "`");
    Val old = expr(e->getSubExpr());
    if (failed())
        return none;
    Type wide = t->real() || t->bits >= 32 ? *t : int_type;
    Val one = t->real() ? known_real(*t, 1) : known_int(wide, 1);
    Val next = operation(e->isIncrementOp() ? BO_Add : BO_Sub, wide, converted(old, wide, e), one, e);
    if (!failed())
        next = converted(next, *t, e);
    assign(e->getSubExpr(), next, e);
    return e->isPostfix() ? old : next;
}

Val Reader::read_compound(const CompoundAssignOperator *e)
{
    std::optional<Type> to = type_of(e->getLHS()->getType());
    std::optional<Type> left = type_of(e->getComputationLHSType());
    std::optional<Type> result = type_of(e->getComputationResultType());
    if (!to || !left || !result)
        return refuse(CT_TYPE, e, "this computes in a `" +
                                      e->getComputationResultType().getAsString() + "`");
    Val b = expr(e->getRHS());
    Val a = failed() ? none : expr(e->getLHS());
    if (!failed())
        a = converted(a, *left, e);
    if (failed())
        return none;
    Val v = operation(BinaryOperator::getOpForCompoundAssignment(e->getOpcode()), *result, a, b, e);
    if (!failed())
        v = converted(v, *to, e);
    assign(e->getLHS(), v, e);
    return v;
}

/* ---- operators ---- */

Val Reader::read_unary(const UnaryOperator *e)
{
    if (e->isIncrementDecrementOp())
        return read_step(e);
    std::string sign = UnaryOperator::getOpcodeStr(e->getOpcode()).str();
    switch (e->getOpcode()) {
    case UO_Plus: case UO_Minus: case UO_LNot: case UO_Not: case UO_Extension: break;
    case UO_AddrOf: case UO_Deref:
        return refuse(CT_TYPE, e, "pointers are not read (`" + sign + "`)");
    default:
        return refuse(CT_TYPE, e, "`" + sign + "` makes a complex number");
    }
    Val v = expr(e->getSubExpr());
    if (failed() || e->getOpcode() == UO_Plus || e->getOpcode() == UO_Extension)
        return v;
    std::optional<Type> t = type_of(e->getType());
    if (!t)
        return refuse(CT_TYPE, e, "this is a `" + e->getType().getAsString() + "`");
    if (e->getOpcode() == UO_LNot) {
        if (!v.known && v.type == double_type && v.precision != Precision::IS_FLOAT && !is_double)
            warn_mixed(e);
        return nodes.either_not(nodes.truth(v));
    }
    if (t->real())
        return nodes.negated(v);
    if (e->getOpcode() == UO_Minus)
        return v.known || !t->is_signed ? integers(BO_Sub, *t, known_int(*t, 0), v, e)
                                        : nodes.integer(EX_NEG, *t, v, v);
    return v.known ? fitted(t->is_signed ? ~static_cast<__int128>(v.integer)
                                         : static_cast<__int128>(~static_cast<uint64_t>(v.integer)),
                            *t, e)
                   : refuse(CT_INTEGER, e, "`~` of an integer that depends on the arguments");
}

Val Reader::read_logic(const BinaryOperator *e)
{
    Val a = truth(e->getLHS());
    if (failed())
        return none;
    bool conjunction = e->getOpcode() == BO_LAnd;
    if (a.known && is_true(a) != conjunction)
        return a;                                         /* the other side is not evaluated */
    Val b = truth(e->getRHS());
    return failed() ? none : conjunction ? nodes.both(a, b) : nodes.either(a, b);
}

Val Reader::read_binary(const BinaryOperator *e)
{
    if (e->hasStoredFPFeatures())
        return refuse(CT_KIND, e, "a pragma changes this operation");
    if (e->isLogicalOp())
        return read_logic(e);
    if (e->getOpcode() == BO_Assign) {
        Val v = expr(e->getRHS());
        assign(e->getLHS(), v, e);
        return v;
    }
    if (e->getOpcode() == BO_Comma)
        return refuse(CT_KIND, e, "a comma inside an expression is not read",
                      "make it statements of their own");
    std::optional<Type> of = type_of(e->getLHS()->getType()), other = type_of(e->getRHS()->getType());
    if (!of || !other || !type_of(e->getType())) {
        QualType bad = !of ? e->getLHS()->getType() : e->getRHS()->getType();
        return refuse(CT_TYPE, e, "`" + e->getOpcodeStr().str() + "` of a `" + bad.getAsString() + "`");
    }
    Val a = expr(e->getLHS());
    Val b = failed() ? none : expr(e->getRHS());
    return failed() ? none : operation(e->getOpcode(), *type_of(e->getType()), a, b, e);
}

Val Reader::read_conditional(const ConditionalOperator *e)
{
    Val c = truth(e->getCond());
    if (failed())
        return none;
    if (!type_of(e->getType()))
        return refuse(CT_TYPE, e, "`?:` gives a `" + e->getType().getAsString() + "`");
    if (c.known)
        return expr(is_true(c) ? e->getTrueExpr() : e->getFalseExpr());
    Val a = expr(e->getTrueExpr());
    Val b = failed() ? none : expr(e->getFalseExpr());
    return failed() ? none : nodes.select(c, a, b);
}

} // namespace ctool
