/* frontend/ctool/read_call.cpp: calls, of functions with a body and of those of <math.h>. */
#include "frontend/ctool/reader.h"
#include <cmath>
#include <cstring>

namespace ctool {
using namespace clang;

namespace {
struct Math {
    const char *name, *ex;
    int arity;
    float (*of_floats)(float, float);
    double (*of_doubles)(double, double);
};
}

/* What a known argument gives is what the program would compute. */
#define MATH1(name, ex) {#name, ex, 1, [](float a, float) { return ::name##f(a); }, \
                         [](double a, double) { return ::name(a); }},
#define MATH2(name, ex) {#name, ex, 2, [](float a, float b) { return ::name##f(a, b); }, \
                         [](double a, double b) { return ::name(a, b); }},
static const Math math[] = {
#include "frontend/ctool/math.def"
};
#undef MATH1
#undef MATH2

static ExOp op_named(const char *name)
{
    static const char *const names[] = {
#define EXFN(name, ...) #name,
#include "ir/exfuncs.def"
#undef EXFN
    };
    int op = EX_COUNT;
    for (const char *const *n = names + EX_COUNT - EX_exp; n > names; op--)
        if (std::strcmp(*--n, name) == 0)
            return static_cast<ExOp>(op - 1);
    return EX_NONE;
}

/* Of "expf" and "exp"; is_float says which. */
static const Math *math_named(const std::string &name, bool *is_float)
{
    for (const Math &m : math) {
        size_t n = std::strlen(m.name);
        *is_float = name.size() == n + 1 && name[n] == 'f';
        if (name.compare(0, n, m.name) == 0 && (name.size() == n || *is_float))
            return &m;
    }
    return nullptr;
}

/* ---- what expressions have no function for ---- */

Val Reader::composed(const std::string &name, Type t, const std::vector<Val> &arg,
                     const CallExpr *at)
{
    const Val &a = arg[0], &b = arg.size() > 1 ? arg[1] : arg[0], zero = known_real(t, 0);
    nodes.at = {};                                       /* branches of ours, not of the file's */
    if (name == "fmax" || name == "fmin") {              /* a where b is NaN, as torch.fmax */
        zero_sign = true;
        Val first = nodes.compare(name == "fmax" ? EX_GE : EX_LE, a, b);
        return nodes.select(nodes.either(first, nodes.compare(EX_NE, b, b)), a, b);
    }
    if (name == "fdim")
        return nodes.select(nodes.compare(EX_LE, a, b), zero, nodes.real(EX_SUB, t, a, b));
    if (name == "round") {                               /* a - trunc(a) is exact */
        Val whole = nodes.function(EX_trunc, t, a);
        Val rest = nodes.function(EX_abs, t, nodes.real(EX_SUB, t, a, whole));
        Val away = nodes.real(EX_ADD, t, whole, nodes.function(EX_sign, t, a));
        Val v = nodes.select(nodes.compare(EX_GE, rest, known_real(t, 0.5)), away, whole);
        v.precision = t == float_type ? Precision::IS_FLOAT : a.precision;
        return v;
    }
    return refuse(CT_CALL, at, "there is no expression for `" + name + "` of <math.h>");
}

/* ---- calls ---- */

Val Reader::call_math(const CallExpr *e, const FunctionDecl *f, const std::vector<Val> &arg)
{
    std::string name = f->getNameAsString();
    bool is_float;
    const Math *m = math_named(name, &is_float);
    Type t = is_float ? float_type : double_type;
    bool fits = m && static_cast<int>(arg.size()) == m->arity && !f->isImplicit() &&
                type_of(f->getReturnType()) == t;
    for (const Val &a : arg)
        fits = fits && a.type == t;
    if (m && !fits)
        return refuse(CT_CALL, e, "`" + name + "` is not declared as <math.h> does",
                      "#include <math.h>");
    if (!m) {
        bool fused = name == "fma" || name == "fmaf";
        refuse(CT_CALL, e, "`" + name + "` has no body here and is none of the functions of <math.h> "
                                        "that are read",
               fused ? "it rounds once, which no formula says: write a * b + c" : "");
        if (!f->isImplicit())
            note(f->getSourceRange(), "declared here");
        return none;
    }
    const Val *b = m->arity > 1 ? &arg[1] : nullptr;
    if (arg[0].known && (!b || b->known)) {
        double second = b ? b->real : 0;
        double x = is_float ? static_cast<double>(m->of_floats(static_cast<float>(arg[0].real),
                                                               static_cast<float>(second)))
                            : m->of_doubles(arg[0].real, second);
        return known_real(t, x);
    }
    ExOp op = op_named(m->ex);
    return op == EX_NONE ? composed(m->name, t, arg, e) : nodes.function(op, t, arg[0], b);
}

Val Reader::call(const CallExpr *e)
{
    const FunctionDecl *f = e->getDirectCallee();
    if (!f)
        return refuse(CT_CALL, e, "a call through a pointer is not read");
    if (e->hasStoredFPFeatures())
        return refuse(CT_KIND, e, "a pragma changes this call");
    const FunctionDecl *body = nullptr;
    if (f->hasBody(body))
        f = body;
    if (body && !check_function(f)) {
        note(e->getSourceRange(), "called here");
        return none;
    }
    if (body && f->getNumParams() != e->getNumArgs())
        return refuse(CT_CALL, e, "`" + f->getNameAsString() + "` takes another number of arguments");
    for (const ParmVarDecl *p : body ? f->parameters() : ArrayRef<ParmVarDecl *>())
        if (!type_of(p->getType())) {
            refuse(CT_TYPE, p->getSourceRange(),
                   "`" + p->getNameAsString() + "` must be a number, not `" +
                       p->getType().getAsString() + "`");
            note(e->getSourceRange(), "called here");
            return none;
        }
    std::vector<Val> arg;
    for (const Expr *a : e->arguments()) {
        if (!body && !type_of(a->getType()))
            return refuse(CT_TYPE, a, "`" + a->getType().getAsString() + "` is not read here");
        arg.push_back(expr(a));
        if (failed())
            return none;
    }
    nodes.at = places.of(e->getSourceRange());
    return body ? run(f, arg, e) : call_math(e, f, arg);
}

} // namespace ctool
