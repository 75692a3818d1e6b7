/* walk_memory.cpp: objects, what they hold, and whether an access stays inside one.
 *
 * What is stored at a known offset is known there; what is stored anywhere else joins what the whole
 * object may hold. A value that is read is one of those stored: whether it was stored before it is
 * read is not asked here. */
#include "frontend/ctool/walk.h"
#include <clang/AST/RecordLayout.h>

using namespace clang;

namespace certify {

Value Value::of(const Lin &l)
{
    Value v;
    v.kind = INTEGER;
    v.number = l;
    return v;
}

Value Value::to(const Object *o, const Lin &at, const Lin &begin, const Lin &end)
{
    Value v;
    v.kind = POINTER;
    v.places.push_back({ o, at, begin, end, {} });
    return v;
}

Value Value::anywhere()
{
    Value v;
    v.kind = POINTER;
    return v;
}

static bool same_lins(const Lins &a, const Lins &b)
{
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); i++)
        if (!(a[i] == b[i])) return false;
    return true;
}

bool Value::operator==(const Value &o) const
{
    if (kind != o.kind || function != o.function || places.size() != o.places.size()) return false;
    if (kind == INTEGER && !(number == o.number)) return false;
    for (size_t i = 0; i < places.size(); i++) {
        const Place &a = places[i], &b = o.places[i];
        if (a.object != b.object || !(a.at == b.at) || !(a.begin == b.begin) || !(a.end == b.end)
            || !same_lins(a.when, b.when))
            return false;
    }
    return true;
}

bool Held::operator==(const Held &o) const
{
    if (anything != o.anything || others.size() != o.others.size() || !(cells == o.cells)) return false;
    for (size_t i = 0; i < others.size(); i++)
        if (!(others[i].value == o.others[i].value)) return false;
    return true;
}

Int Walk::size_of(QualType t) const
{
    if (t->isVoidType() || t->isFunctionType()) return 1;
    return t->isIncompleteType() ? 0 : context.getTypeSizeInChars(t).getQuantity();
}

/* Whether what objects of this type hold matters: integers wider than a byte, and pointers. */
bool Walk::follows(QualType t) const
{
    t = context.getBaseElementType(t);
    if (t->isPointerType()) return true;
    if (t->isIntegralOrEnumerationType()) return size_of(t) > 1;
    const RecordType *const r = t->getAs<RecordType>();
    if (!r || !r->getDecl()->getDefinition()) return false;
    for (const FieldDecl *f : r->getDecl()->getDefinition()->fields())
        if (follows(f->getType())) return true;
    return false;
}

const Object *Walk::object(const std::string &name, const Lin &bytes, QualType type, const VarDecl *var)
{
    objects.emplace_back();
    Object &o = objects.back();
    o.name = name;
    o.bytes = bytes;
    o.born = unknowns.size();
    o.followed = follows(type);
    if (var && context.getBaseElementType(type).isConstQualified() && var->getAnyInitializer()) o.table = var;
    return &o;
}

const Object *Walk::global(const VarDecl *var)
{
    const Object *&o = statics[var];
    if (!o) {
        const VarDecl *const given = var->getInitializingDeclaration();
        QualType type = var->getType();
        for (const VarDecl *d : var->redecls())
            if (!d->getType()->isIncompleteType()) type = d->getType();
        o = object(var->getNameAsString(), Lin(size_of(type)), type, given ? given : var);
    }
    return o;
}

/* Any value of its type. */
Value Walk::unknown(QualType type, State &)
{
    if (type->isPointerType()) return Value::anywhere();
    if (!type->isIntegralOrEnumerationType()) return Value();
    Range r;
    const unsigned bits = type->isBooleanType() ? 1 : (unsigned)context.getIntWidth(type);
    if (type->isUnsignedIntegerOrEnumerationType() || type->isBooleanType()) {
        r.lo = 0;
        if (bits < 63) r.hi = ((Int)1 << bits) - 1;
    } else if (bits < 64) {
        r.hi = ((Int)1 << (bits - 1)) - 1;
        r.lo = -r.hi - 1;
    }
    return Value::of(Lin::of(unknowns.make(r)));
}

/* A result as C computes it. What a quiet walk finds with sums that do not overflow, the last one
 * confirms with sums that may; 64 bits are checked where a variable takes the result. */
Value Walk::computed(const Lin &number, QualType type, State &s)
{
    const bool taken = type->isSignedIntegerOrEnumerationType() && (quiet || size_of(type) == 8);
    return taken && !number.lost ? Value::of(number) : fitted(number, type, s);
}

/* The number if its type has room for it wherever this path leads, else any of the type. */
Value Walk::fitted(const Lin &number, QualType type, State &s)
{
    const Value any = unknown(type, s);
    if (number.lost || any.kind != Value::INTEGER) return any;
    Range room = unknowns[any.number.terms[0].of].range;
    room.lo = std::max(room.lo, -INT64_MAX / 2);    /* 64 bits: what is far from an overflow */
    room.hi = std::min(room.hi, INT64_MAX / 2);
    if (s.facts.range(number).within(room)) return Value::of(number);
    if (s.facts.holds(number - Lin(room.lo)) && s.facts.holds(Lin(room.hi) - number))
        return Value::of(number);
    return any;
}

Value Walk::moved(const Value &pointer, const Lin &bytes) const
{
    Value v = pointer;
    for (Place &p : v.places) p.at = p.at + bytes;
    return v;
}

static std::string shown(const Range &r)
{
    const std::string lo = r.lo == INT64_MIN ? "?" : std::to_string(r.lo);
    const std::string hi = r.hi == INT64_MAX ? "?" : std::to_string(r.hi);
    return lo == hi ? lo : lo + " to " + hi;
}

void Walk::access(const Stmt *site, const Value &pointer, const Lin &bytes, const State &s)
{
    if (quiet) return;
    std::string why;
    if (pointer.places.empty()) why = "where the pointer points is not known";
    for (const Place &p : pointer.places) {
        Facts under = s.facts;
        bool possible = true;
        for (const Lin &w : p.when) {
            possible = possible && !under.refuted(w);
            under.add(w);
        }
        if (!possible || under.contradiction()) continue;
        if (!p.object) {
            why = "the pointer may be null";
            continue;
        }
        if (under.holds(p.at - p.begin) && under.holds(p.end - p.at - bytes)) continue;
        const Range first = under.range(p.at - p.begin), last = under.range(p.at - p.begin + bytes - Lin(1));
        const Range size = under.range(p.end - p.begin);
        why = "bytes from " + shown(first) + " up to " + shown(last) + " of `" + p.object->name
            + "`, which has " + shown(size);
    }
    record(Kind::ACCESS, site, why.empty(), why);
}

/* The expression of an initializer that stands at an offset; null: zeros, or not told. */
static const Expr *element(const ASTContext &c, const Expr *e, QualType type, Int at, QualType *found)
{
    e = e->IgnoreParenImpCasts();
    const InitListExpr *list = dyn_cast<InitListExpr>(e);
    if (!list) {
        *found = type;
        return at ? nullptr : e;
    }
    if (!list->isSemanticForm() && list->getSemanticForm()) list = list->getSemanticForm();
    if (const ConstantArrayType *const a = c.getAsConstantArrayType(type)) {
        const Int size = c.getTypeSizeInChars(a->getElementType()).getQuantity();
        const Int i = size ? at / size : 0;
        *found = a->getElementType();
        return i < (Int)list->getNumInits() ? element(c, list->getInit((unsigned)i), *found, at % size, found)
                                            : nullptr;
    }
    const RecordType *const r = type->getAs<RecordType>();
    if (!r || r->getDecl()->isUnion()) return nullptr;
    const ASTRecordLayout &layout = c.getASTRecordLayout(r->getDecl());
    for (const FieldDecl *f : r->getDecl()->fields()) {
        const Int begin = (Int)layout.getFieldOffset(f->getFieldIndex()) / 8;
        if (at < begin || at >= begin + c.getTypeSizeInChars(f->getType()).getQuantity()) continue;
        *found = f->getType();
        return f->getFieldIndex() < list->getNumInits()
            ? element(c, list->getInit(f->getFieldIndex()), *found, at - begin, found) : nullptr;
    }
    return nullptr;
}

static bool number(const ASTContext &c, const Expr *e, Int &n)
{
    Expr::EvalResult r;
    if (!e || e->isValueDependent() || !e->EvaluateAsInt(r, c)) return false;
    if (r.Val.getInt().getActiveBits() > 63 && r.Val.getInt().isUnsigned()) return false;
    n = r.Val.getInt().getExtValue();
    return true;
}

/* The least and the largest number among the leaves of an initializer. */
static bool numbers(const ASTContext &c, const Expr *e, QualType type, Range &all)
{
    if (const InitListExpr *const list = dyn_cast<InitListExpr>(e->IgnoreParenImpCasts())) {
        const InitListExpr *const l
            = list->isSemanticForm() || !list->getSemanticForm() ? list : list->getSemanticForm();
        const ConstantArrayType *const a = c.getAsConstantArrayType(type);
        if (!a) return false;
        if (a->getSize().ugt(l->getNumInits())) {
            all.lo = std::min(all.lo, (Int)0);
            all.hi = std::max(all.hi, (Int)0);
        }
        for (const Expr *i : l->inits())
            if (!numbers(c, i, a->getElementType(), all)) return false;
        return true;
    }
    Int n;
    if (!number(c, e, n)) return false;
    all.lo = std::min(all.lo, n);
    all.hi = std::max(all.hi, n);
    return true;
}

/* The pointer that an initializer is, perhaps to a function; null: it is left out. */
Value Walk::pointed(const Expr *e, State &s)
{
    Int n;
    if (!e || (e->getType()->isIntegralOrEnumerationType() && number(context, e, n) && !n))
        return Value::to(nullptr, Lin(0), Lin(0), Lin(0));
    const DeclRefExpr *const d = dyn_cast<DeclRefExpr>(e->IgnoreParenCasts());
    const FunctionDecl *const f = d ? dyn_cast<FunctionDecl>(d->getDecl()) : nullptr;
    if (f) {
        Value v;
        v.kind = Value::FUNCTION;
        v.function = f;
        return v;
    }
    const Value v = value(e, s);
    return v.kind == Value::POINTER ? v : Value::anywhere();
}

/* What a constant holds; at < 0: at some offset. */
Value Walk::table(const Object *o, Int at, QualType type, State &s)
{
    const VarDecl *const var = o->table;
    if (type->isPointerType() && at >= 0) {
        QualType found;
        const Expr *const e = element(context, var->getAnyInitializer(), var->getType(), at, &found);
        if (!e || found->isPointerType()) return pointed(e, s);
    }
    if (!type->isIntegralOrEnumerationType()) return unknown(type, s);
    if (at >= 0) {
        QualType found;
        Int n;
        const Expr *const e = element(context, var->getAnyInitializer(), var->getType(), at, &found);
        if (e && found->isIntegralOrEnumerationType() && size_of(found) == size_of(type)
            && number(context, e, n))
            return Value::of(Lin(n));
        if (!e) return Value::of(Lin(0));
        return unknown(type, s);
    }
    Range r = { INT64_MAX, INT64_MIN };
    if (context.hasSameUnqualifiedType(context.getBaseElementType(var->getType()), type)
        && numbers(context, var->getAnyInitializer(), var->getType(), r))
        return Value::of(Lin::of(unknowns.make(r)));
    return unknown(type, s);
}

/* Facts of a path about unknowns that came up since. */
Lins Walk::about(const State &s, unsigned since) const
{
    Lins facts;
    for (const Lin &k : s.facts.known)
        if (k.terms.back().of >= since) facts.push_back(k);
    return facts;
}

/* The unknowns since that a form leans on. */
static void leans_on(const Unknowns &unknowns, const Lin &l, unsigned since, std::set<unsigned> &found)
{
    for (const Term &t : l.terms) {
        if (t.of < since || !found.insert(t.of).second) continue;
        const Unknown &u = unknowns[t.of];
        for (const Lin &f : u.facts) leans_on(unknowns, f, since, found);
        for (const Case &c : u.cases) {
            leans_on(unknowns, c.value, since, found);
            for (const Lin &w : c.when) leans_on(unknowns, w, since, found);
        }
    }
}

/* A stored value with unknowns of its own for those since: they may have been others then. */
Stored Walk::renewed(const Stored &old, unsigned since)
{
    std::set<unsigned> all;
    leans_on(unknowns, old.value.number, since, all);
    for (const Place &p : old.value.places) {
        for (const Lin *l : { &p.at, &p.begin, &p.end }) leans_on(unknowns, *l, since, all);
        for (const Lin &w : p.when) leans_on(unknowns, w, since, all);
    }
    for (const Lin &w : old.when) leans_on(unknowns, w, since, all);
    std::map<unsigned, unsigned> fresh;
    const auto lin = [&](const Lin &l) {
        Lin r = l;
        for (const Term &t : l.terms)
            if (t.of >= since)
                r = certify::add(certify::add(r, Lin::of(t.of), -t.by), Lin::of(fresh.at(t.of)), t.by);
        return r;
    };
    const auto lins = [&](const Lins &from) {
        Lins r;
        for (const Lin &l : from) r.push_back(lin(l));
        return r;
    };
    for (const unsigned u : all) {    /* in their order, which bounds follow */
        const Unknown was = unknowns[u];
        fresh[u] = unknowns.make(was.range);
        unknowns[fresh[u]].facts = lins(was.facts);
        for (const Case &c : was.cases) unknowns[fresh[u]].cases.push_back({ lin(c.value), lins(c.when) });
    }
    Stored now = old;
    now.value.number = lin(old.value.number);
    for (Place &p : now.value.places) {
        p.at = lin(p.at);
        p.begin = lin(p.begin);
        p.end = lin(p.end);
        p.when = lins(p.when);
    }
    now.when = lins(old.when);
    return now;
}

/* One of what was stored. */
Value Walk::any_of(const std::vector<Stored> &all, QualType type, State &s)
{
    if (all.empty()) return unknown(type, s);
    Value v;
    v.kind = all[0].value.kind;
    Cases cases;
    for (const Stored &one : all) {
        if (one.value.kind != v.kind) return unknown(type, s);
        if (v.kind == Value::INTEGER) cases.push_back({ one.value.number, one.when });
        if (v.kind == Value::FUNCTION && one.value.function != all[0].value.function) return unknown(type, s);
        if (v.kind == Value::POINTER && one.value.places.empty()) return Value::anywhere();
        for (Place p : one.value.places) {
            p.when.append(one.when.begin(), one.when.end());
            v.places.push_back(p);
        }
    }
    v.function = all[0].value.function;
    if (v.kind == Value::POINTER && v.places.size() > 8) return Value::anywhere();
    if (v.kind == Value::INTEGER) {
        if (cases.size() > 8) return unknown(type, s);
        if (cases.size() == 1)
            for (const Lin &w : cases[0].when) s.facts.add(w);
        v.number = s.facts.one_of(cases);
    }
    return v;
}

Value Walk::load(const Stmt *site, const Value &pointer, QualType type, State &s)
{
    access(site, pointer, Lin(size_of(type)), s);
    if (!type->isIntegralOrEnumerationType() && !type->isPointerType()) return Value();
    std::vector<Stored> found;
    for (const Place &p : pointer.places) {
        if (!p.object) continue;
        const Int at = p.at.constant() ? p.at.k : -1;
        if (p.object->table) {
            found.push_back({ table(p.object, at, type, s), p.when });
            continue;
        }
        const auto it = s.memory.find(p.object);
        if (!p.object->followed || it == s.memory.end() || it->second.anything) return unknown(type, s);
        const Held &h = it->second;
        for (const auto &cell : h.cells)
            if (at < 0 || cell.first == at) found.push_back({ cell.second, p.when });
        for (const Stored &o : h.others) {
            Stored now = renewed(o, p.object->born);
            now.when.append(p.when.begin(), p.when.end());
            found.push_back(now);
        }
    }
    const Value v = any_of(found, type, s);
    if (v.kind == Value::INTEGER) return fitted(v.number, type, s);
    return v;
}

void Walk::store(const Stmt *site, const Value &pointer, QualType type, const Value &v, State &s)
{
    access(site, pointer, Lin(size_of(type)), s);
    for (const Place &p : pointer.places) {
        if (!p.object || !p.object->followed) continue;
        written.insert(p.object);
        Held &h = s.memory[p.object];
        if (v.kind != Value::INTEGER && v.kind != Value::POINTER && v.kind != Value::FUNCTION) {
            if (type->isIntegralOrEnumerationType() || type->isPointerType() || type->isRecordType())
                h.anything = true;
            continue;
        }
        if (size_of(type) == 1) {    /* bytes of something wider */
            h.anything = true;
            continue;
        }
        if (quiet == logged) log[p.object].push_back({ v, about(s, p.object->born) });
        if (p.at.constant() && pointer.places.size() == 1) {
            h.cells[p.at.k] = v;
        } else {
            h.others.push_back({ v, about(s, p.object->born) });
            for (auto &cell : h.cells) h.others.push_back({ cell.second, about(s, p.object->born) });
            h.cells.clear();
        }
        if (h.others.size() > 16) h.anything = true;
    }
}

/* Somebody else wrote there. */
void Walk::forget(const Value &pointer, State &s)
{
    for (const Place &p : pointer.places)
        if (p.object && p.object->followed) {
            written.insert(p.object);
            s.memory[p.object].anything = true;
            if (quiet == logged) log[p.object].push_back({ Value(), {} });
        }
}

/* Stores an initializer; what it leaves out is 0. */
void Walk::fill(const Value &pointer, QualType type, const Expr *e, State &s)
{
    e = e->IgnoreParens();
    const bool matters = follows(type);
    const InitListExpr *list = dyn_cast<InitListExpr>(e);
    if (list && !list->isSemanticForm() && list->getSemanticForm()) list = list->getSemanticForm();
    if (const ConstantArrayType *const a = context.getAsConstantArrayType(type)) {
        const Int size = size_of(a->getElementType()), n = (Int)a->getSize().getZExtValue();
        if (!list) {
            if (matters) forget(pointer, s);
            return;
        }
        for (Int i = 0; i < n && (matters ? n <= 64 : i < (Int)list->getNumInits()); i++)
            if (i < (Int)list->getNumInits())
                fill(moved(pointer, Lin(i * size)), a->getElementType(), list->getInit((unsigned)i), s);
            else if (a->getElementType()->isIntegralOrEnumerationType())
                store(e, moved(pointer, Lin(i * size)), a->getElementType(), Value::of(Lin(0)), s);
        if (matters && n > 64) forget(pointer, s);
        return;
    }
    if (const RecordType *const r = type->getAs<RecordType>()) {
        if (!list) {
            value(e, s);
            if (matters) forget(pointer, s);
            return;
        }
        const ASTRecordLayout &layout = context.getASTRecordLayout(r->getDecl());
        for (const FieldDecl *f : r->getDecl()->fields()) {
            const Int at = (Int)layout.getFieldOffset(f->getFieldIndex()) / 8;
            if (f->getFieldIndex() < list->getNumInits())
                fill(moved(pointer, Lin(at)), f->getType(), list->getInit(f->getFieldIndex()), s);
        }
        return;
    }
    if (isa<ImplicitValueInitExpr>(e)) {
        if (type->isIntegralOrEnumerationType()) store(e, pointer, type, Value::of(Lin(0)), s);
        if (type->isPointerType()) store(e, pointer, type, Value::to(nullptr, Lin(0), Lin(0), Lin(0)), s);
        return;
    }
    if (list && list->getNumInits() == 1) e = list->getInit(0);
    store(e, pointer, type, value(e, s), s);
}

}
