/* certify.cpp: from a C file to a certificate: walks its roots, and says what stayed open.
 *
 * Needs: a file that includes the program and defines functions that call it, which say what a
 * caller may do: with which objects, of which sizes, for which numbers. What is proved is proved for
 * all that they allow. Floating point is not followed. Alignment, reads before writes, and what the
 * compiler makes of the text are not looked at. */
#include "frontend/ctool/certify.h"
#include "frontend/ctool/walk.h"
#include <clang/Frontend/ASTUnit.h>
#include <clang/Tooling/Tooling.h>
#include <llvm/Support/MemoryBuffer.h>

using namespace clang;

namespace certify {

void Walk::record(Kind kind, const Stmt *st, bool proved, const std::string &why)
{
    if (quiet) return;
    const auto found = sites.emplace(st, Site());
    Site &site = found.first->second;
    if (found.second) {
        site.kind = kind;
        site.at = context.getSourceManager().getExpansionLoc(st->getBeginLoc());
        site.function = stack.empty() ? "" : stack.back()->getNameAsString();
    }
    if (!proved && site.why.empty()) site.why = why;
}

namespace {

/* What a certificate points to. */
struct Text {
    std::deque<std::string> strings;
    std::vector<CertifyOpen> open;
    std::vector<CertifyFunction> functions;
    std::vector<const char *> deepest;
    const char *keep(const std::string &s)
    {
        strings.push_back(s);
        return strings.back().c_str();
    }
};

/* What a function declares on the stack, and which functions its text names. */
struct Frame {
    long long bytes = 0;
    std::vector<const FunctionDecl *> calls;
};

struct Program {
    ASTContext &context;
    std::vector<const FunctionDecl *> functions, roots;
    std::set<const FunctionDecl *> own;     /* of the file that calls the program */
    std::map<const FunctionDecl *, Frame> frames;
    std::set<const FunctionDecl *> held;    /* by tables, for somebody else to call */
    long long static_bytes = 0, constant_bytes = 0;

    explicit Program(ASTContext &c) : context(c)
    {
        const SourceManager &sm = context.getSourceManager();
        for (const Decl *d : context.getTranslationUnitDecl()->decls()) {
            const SourceLocation at = sm.getExpansionLoc(d->getLocation());
            const bool main = sm.isInMainFile(at);    /* the roots' own */
            if (at.isInvalid() || sm.isInSystemHeader(at)) continue;
            if (const VarDecl *const v = dyn_cast<VarDecl>(d)) variable(v, main);
            const FunctionDecl *const f = dyn_cast<FunctionDecl>(d);
            if (!f || !f->isThisDeclarationADefinition()) continue;
            functions.push_back(f);
            if (main) own.insert(f);
            if (main && f->isExternallyVisible()) roots.push_back(f);
            function(f, main);
        }
    }
    void variable(const VarDecl *v, bool of_root)
    {
        if (of_root || !v->hasGlobalStorage() || v->getType()->isIncompleteType()) return;
        if (v->isThisDeclarationADefinition() != VarDecl::Definition) return;
        each(v->getInit(), [&](const Stmt *s) {
            const DeclRefExpr *const r = dyn_cast<DeclRefExpr>(s);
            const FunctionDecl *f = r ? dyn_cast<FunctionDecl>(r->getDecl()) : nullptr;
            if (f && f->hasBody(f)) held.insert(f);
        });
        const bool constant = context.getBaseElementType(v->getType()).isConstQualified();
        (constant ? constant_bytes : static_bytes) += context.getTypeSizeInChars(v->getType()).getQuantity();
    }
    void function(const FunctionDecl *f, bool of_root)
    {
        Frame &frame = frames[f];
        const auto takes = [&](const VarDecl *v) {
            if (v->hasGlobalStorage()) variable(v, of_root);
            else if (!v->getType()->isVariableArrayType())
                frame.bytes += context.getTypeSizeInChars(v->getType()).getQuantity();
        };
        for (const ParmVarDecl *p : f->parameters()) takes(p);
        each(f->getBody(), [&](const Stmt *s) {
            if (const DeclStmt *const d = dyn_cast<DeclStmt>(s))
                for (const Decl *x : d->decls())
                    if (const VarDecl *const v = dyn_cast<VarDecl>(x)) takes(v);
            const DeclRefExpr *const r = dyn_cast<DeclRefExpr>(s);
            const FunctionDecl *called = r ? dyn_cast<FunctionDecl>(r->getDecl()) : nullptr;
            if (called && called->hasBody(called)) frame.calls.push_back(called);
        });
    }

    /* The deepest path from a function on, itself included; -1: it comes back to itself. */
    std::map<const FunctionDecl *, std::pair<long long, const FunctionDecl *>> depths;
    std::set<const FunctionDecl *> under;
    long long depth(const FunctionDecl *f)
    {
        const auto it = depths.find(f);
        if (it != depths.end()) return it->second.first;
        if (!under.insert(f).second) return -1;
        std::pair<long long, const FunctionDecl *> most = { 0, nullptr };
        for (const FunctionDecl *c : frames[f].calls) {
            const long long d = depth(c);
            if (d < 0) most.first = -1;
            else if (most.first >= 0 && d > most.first) most = { d, c };
        }
        under.erase(f);
        if (most.first >= 0) most.first += frames[f].bytes;
        depths[f] = most;
        return most.first;
    }
};

void count(const Walk &walk, const SourceManager &sm, Certificate &c)
{
    for (const auto &s : walk.sites) {
        const bool proved = s.second.why.empty();
        if (proved && sm.isInMainFile(s.second.at)) continue;    /* the contract's own */
        const Kind kind = s.second.kind;
        int &all = kind == Kind::ACCESS ? c.accesses : kind == Kind::LOOP ? c.loops : c.calls;
        int &well = kind == Kind::ACCESS ? c.accesses_proved
                  : kind == Kind::LOOP ? c.loops_bounded : c.calls_allowed;
        all++;
        well += proved;
        if (s.second.kind == Kind::LOOP && proved && c.most_turns >= 0)
            c.most_turns = s.second.turns < 0 ? -1 : std::max(c.most_turns, (long long)s.second.turns);
    }
}

void say(Text &text, const SourceManager &sm, SourceLocation at, const std::string &function,
         const std::string &why)
{
    const PresumedLoc p = sm.getPresumedLoc(sm.getExpansionLoc(at));
    text.open.push_back({ text.keep(p.isValid() ? p.getFilename() : "?"), p.isValid() ? (int)p.getLine() : 0,
                          p.isValid() ? (int)p.getColumn() : 0, text.keep(function), text.keep(why) });
}

void certify(ASTContext &context, Certificate &c, Text &text)
{
    Program program(context);
    Walk walk(context);
    for (const FunctionDecl *f : program.roots) walk.root(f);
    const SourceManager &sm = context.getSourceManager();
    count(walk, sm, c);
    for (const auto &s : walk.sites)
        if (!s.second.why.empty()) say(text, sm, s.second.at, s.second.function, s.second.why);
    const FunctionDecl *deepest = nullptr;
    for (const FunctionDecl *f : program.functions) {
        const std::string name = f->getNameAsString();
        const long long depth = program.depth(f);
        if (depth < 0) say(text, sm, f->getLocation(), name, "it may come to call itself");
        if (!walk.entered.count(f) && !program.own.count(f)) {    /* what is the file's own then never runs */
            if (f->isExternallyVisible() || program.held.count(f)) say(text, sm, f->getLocation(), name, "no root calls it");
            continue;
        }
        const bool root = program.own.count(f) != 0;
        text.functions.push_back({ text.keep(name), program.frames[f].bytes, depth, root });
        if (!root && (!deepest || depth > program.depth(deepest))) deepest = f;
    }
    for (const FunctionDecl *f = deepest; f && text.deepest.size() < 100; f = program.depths[f].second)
        text.deepest.push_back(text.keep(f->getNameAsString()));
    c.deepest_bytes = deepest ? program.depth(deepest) : 0;
    c.static_bytes = program.static_bytes;
    c.constant_bytes = program.constant_bytes;
    std::stable_sort(text.open.begin(), text.open.end(), [](const CertifyOpen &a, const CertifyOpen &b) {
        return a.line != b.line ? a.line < b.line : a.column < b.column;
    });
}

}
}

Certificate *certify_file(const char *path, const char *const *args, int n_args)
{
    Certificate *const c = new Certificate();
    certify::Text *const text = new certify::Text;
    c->abi = CERTIFY_ABI;
    c->memory = text;
    auto source = llvm::MemoryBuffer::getFile(path);
    std::vector<std::string> arguments = { "-std=gnu11", "-w", "-fsyntax-only", "-resource-dir",
                                           SEQC_CLANG_HEADERS };
    for (int i = 0; i < n_args; i++) arguments.push_back(args[i]);
    std::unique_ptr<ASTUnit> unit;
    if (source) unit = tooling::buildASTFromCodeWithArgs((*source)->getBuffer(), arguments, path, "seqc");
    if (!source) c->error = text->keep(source.getError().message());
    else if (!unit || unit->getDiagnostics().hasErrorOccurred()) c->error = "Clang does not accept the file";
    else certify::certify(unit->getASTContext(), *c, *text);
    c->functions = text->functions.data();
    c->n_functions = (int)text->functions.size();
    c->deepest = text->deepest.data();
    c->n_deepest = (int)text->deepest.size();
    c->open = text->open.data();
    c->n_open = (int)text->open.size();
    return c;
}

void certify_free(Certificate *c)
{
    if (!c) return;
    delete static_cast<certify::Text *>(c->memory);
    delete c;
}
