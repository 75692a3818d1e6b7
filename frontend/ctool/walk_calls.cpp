/* walk_calls.cpp: functions of the program are walked where they are called, with what they get; of
 * others only those of a list may be called, which allocate nothing and come back. */
#include "frontend/ctool/walk.h"

using namespace clang;

namespace certify {

void each(const Stmt *s, const std::function<void(const Stmt *)> &does)
{
    if (!s) return;
    does(s);
    for (const Stmt *c : s->children()) each(c, does);
}

/* Variables whose address a function takes. */
static std::set<const VarDecl *> addresses(const Stmt *body)
{
    std::set<const VarDecl *> found;
    each(body, [&](const Stmt *s) {
        const UnaryOperator *const u = dyn_cast<UnaryOperator>(s);
        if (!u || u->getOpcode() != UO_AddrOf) return;
        if (const VarDecl *const v = named(u->getSubExpr())) found.insert(v);
    });
    return found;
}

const VarDecl *named(const Expr *e)
{
    const DeclRefExpr *const d = dyn_cast<DeclRefExpr>(e->IgnoreParens());
    return d ? dyn_cast<VarDecl>(d->getDecl()) : nullptr;
}

/* Functions of the C library, and what compilers have for them, that only compute. */
static bool computes(const std::string &name)
{
    static const char *const names[] = {
#define CALL(name) #name, #name "f", "__builtin_" #name, "__builtin_" #name "f",
#include "frontend/ctool/calls.def"
#undef CALL
    };
    for (const char *n : names)
        if (name == n) return true;
    return false;
}

bool Walk::library(const CallExpr *c, const std::string &name, const std::vector<Value> &args, State &s)
{
    std::string plain = name;
    if (plain.rfind("__builtin_", 0) == 0) plain = plain.substr(10);
    const bool copy = plain == "memcpy" || plain == "memmove", set = plain == "memset";
    if ((copy || set) && args.size() == 3) {
        const Lin bytes = args[2].kind == Value::INTEGER ? args[2].number : Lin::of(unknowns.make());
        access(c, args[0], bytes, s);
        if (copy) access(c, args[1], bytes, s);
        forget(args[0], s);
        return true;
    }
    return plain == "prefetch" || plain == "expect" || computes(name);
}

Value Walk::call(const CallExpr *c, State &s)
{
    const Value callee = value(c->getCallee(), s);
    std::vector<Value> args;
    for (const Expr *a : c->arguments()) args.push_back(value(a, s));
    const FunctionDecl *f = callee.function;
    if (!f) {
        record(Kind::CALL, c, false, "a call of a function that is not known here");
        return unknown(c->getType(), s);
    }
    const FunctionDecl *with_body;
    if (f->hasBody(with_body)) return enter(with_body, args, s, c);
    const std::string name = f->getNameAsString();
    const bool allowed = library(c, name, args, s);
    record(Kind::CALL, c, allowed,
           "a call of `" + name + "`, which is not among the functions that only compute");
    if (!allowed)
        for (const Value &a : args) forget(a, s);
    return unknown(c->getType(), s);
}

/* A record that a function gets: an object of its own, which holds what the caller's does. */
Value Walk::copied(const ParmVarDecl *p, const Value &from, State &s)
{
    const Object *const o = object(p->getNameAsString(), Lin(size_of(p->getType())), p->getType(), nullptr);
    if (o->followed) {
        const Place *const place = from.places.size() == 1 ? &from.places[0] : nullptr;
        const auto held = place && place->at.is(0) ? s.memory.find(place->object) : s.memory.end();
        Held all;
        if (held != s.memory.end() && place->object->bytes == o->bytes) all = held->second;
        else all.anything = true;
        s.memory[o] = all;
    }
    return Value::to(o, Lin(0), Lin(0), o->bytes);
}

Value Walk::enter(const FunctionDecl *f, const std::vector<Value> &args, State &s, const Stmt *site)
{
    for (const FunctionDecl *on : stack)
        if (on == f) {
            record(Kind::CALL, site, false, "`" + f->getNameAsString() + "` calls itself");
            return unknown(f->getReturnType(), s);
        }
    if (site) record(Kind::CALL, site, true, "");
    if (!addressed.count(f)) addressed[f] = addresses(f->getBody());
    entered.insert(f);
    stack.push_back(f);
    State before = s;
    for (unsigned i = 0; i < f->getNumParams(); i++) {
        const ParmVarDecl *const p = f->getParamDecl(i);
        if (p->getType()->isRecordType()) {
            before.variables[p] = copied(p, i < args.size() ? args[i] : Value(), before);
            continue;
        }
        set(p, i < args.size() ? args[i] : Value(), before);
        if (addressed[f].count(p)) {
            const Object *const o
                = object(p->getNameAsString(), Lin(size_of(p->getType())), p->getType(), nullptr);
            if (o->followed) before.memory[o].cells[0] = before.variables[p];
            before.variables[p] = Value::to(o, Lin(0), Lin(0), o->bytes);
        }
    }
    Flow out;
    execute(f->getBody(), before, out);
    for (State &x : out.on) out.returns.push_back({ std::move(x), Value() });
    stack.pop_back();
    if (out.returns.empty()) return unknown(f->getReturnType(), s);
    States all;
    std::vector<Stored> values;
    for (Returned &r : out.returns) {
        values.push_back({ r.value, learned(before, r.state) });
        all.push_back(std::move(r.state));
    }
    State after = joined(before, std::move(all));
    for (auto it = after.variables.begin(); it != after.variables.end();)    /* the function's own are gone */
        it = s.variables.count(it->first) ? std::next(it) : after.variables.erase(it);
    const Value v = values.size() == 1 ? values[0].value : any_of(values, f->getReturnType(), after);
    s = std::move(after);
    return v;
}

/* A root takes nothing: what it calls, and with what, is its text. */
void Walk::root(const FunctionDecl *f)
{
    State s(unknowns);
    std::vector<Value> args;
    for (const ParmVarDecl *p : f->parameters()) {
        stack.push_back(f);
        args.push_back(unknown(p->getType(), s));
        stack.pop_back();
    }
    enter(f, args, s, nullptr);
}

}
