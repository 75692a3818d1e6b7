/* frontend/ctool/module.cpp: the module's functions in C: Clang parses a file, each function that it
 * defines for others is read, and what came of it is laid out as plain data.
 *
 * Clang gets no headers but those of headers.h and what stands beside the file, and its warnings are
 * off: what matters here is refused by the reader, in words that do not depend on Clang's version. */
#include "frontend/ctool/headers.h"
#include "frontend/ctool/reader.h"
#include <clang/Basic/DiagnosticLex.h>
#include <clang/Basic/Version.h>
#include <clang/Frontend/ASTUnit.h>
#include <clang/Lex/Lexer.h>
#include <clang/Tooling/Tooling.h>
#include <cstring>
#include <deque>

using namespace clang;
using namespace ctool;

namespace {

const char *const folder = "/seqc-headers";

/* What a result points to. */
struct Kept {
    CtResult result{};
    std::deque<std::string> text;
    std::vector<CtFile> file;
    std::vector<CtDiag> diag;
    std::vector<CtFunc> func;
    std::deque<std::vector<const char *>> param;
    std::deque<std::vector<CtNode>> node;

    const char *keep(std::string s)
    {
        text.push_back(std::move(s));
        return text.back().c_str();
    }
};

/* ---- places ---- */

class Files : public Places {
  public:
    Files(Kept &k, std::string p) : kept(k), path(std::move(p)) {}
    SourceManager *sources = nullptr;
    const LangOptions *language = nullptr;

    CtPlace of(SourceRange r) override
    {
        if (!sources || r.isInvalid())
            return {};
        SourceLocation begin = sources->getFileLoc(r.getBegin()), end = sources->getFileLoc(r.getEnd());
        auto [file, at] = sources->getDecomposedLoc(begin);
        auto [last_file, last] = sources->getDecomposedLoc(end);
        if (last_file != file || last < at)
            end = begin, last = at;
        unsigned length = language ? Lexer::MeasureTokenLength(end, *sources, *language) : 1;
        std::optional<uint32_t> index = number_of(file);
        if (!index)
            return {};
        return {*index, at, last - at + (length ? length : 1)};
    }

    /* Nothing for what stands in no file of the user's. */
    std::optional<uint32_t> number_of(FileID file)
    {
        if (file == sources->getMainFileID())
            return 0;
        auto old = number.find(file);
        if (old != number.end())
            return old->second;
        SourceLocation start = sources->getLocForStartOfFile(file);
        std::string name = sources->getFilename(start).str();
        if (!sources->getFileEntryForID(file) || name.rfind(folder, 0) == 0)
            return std::nullopt;
        std::string own = path.substr(0, path.rfind('/') + 1);      /* "" where there is none */
        if (!own.empty() && name.rfind(own, 0) == 0)
            name = name.substr(own.size());
        StringRef text = sources->getBufferData(file);
        auto next = static_cast<uint32_t>(kept.file.size());
        kept.file.push_back({kept.keep(name), kept.keep(text.str()), text.size()});
        return number[file] = next;
    }

    /* All that were read, whether something was said about them or not. */
    void number_all()
    {
        for (unsigned i = 1; i < sources->local_sloc_entry_size(); i++) {
            const SrcMgr::SLocEntry &entry = sources->getLocalSLocEntry(i);
            if (entry.isFile())
                number_of(sources->getFileID(SourceLocation::getFromRawEncoding(entry.getOffset())));
        }
    }

  private:
    Kept &kept;
    std::string path;
    std::map<FileID, uint32_t> number;
};

/* ---- diagnostics ---- */

void put(Kept &kept, const Report &r)
{
    kept.diag.push_back({r.kind, r.at, kept.keep(r.text),
                         r.help.empty() ? nullptr : kept.keep(r.help),
                         r.note.empty() || !r.note_at.len ? nullptr : kept.keep(r.note), r.note_at});
}

/* Clang's errors; its warnings are dropped, and notes but the first of an error. */
class Listener : public DiagnosticConsumer {
  public:
    Listener(Kept &k, Files &f) : kept(k), files(f) {}

    void BeginSourceFile(const LangOptions &l, const Preprocessor *) override { files.language = &l; }

    void HandleDiagnostic(DiagnosticsEngine::Level level, const Diagnostic &info) override
    {
        DiagnosticConsumer::HandleDiagnostic(level, info);
        llvm::SmallString<128> words;
        info.FormatDiagnostic(words);
        if (info.hasSourceManager())
            files.sources = &info.getSourceManager();
        CtPlace at = info.getLocation().isValid() && files.sources ? files.of(info.getLocation())
                                                                   : CtPlace{};
        Report r{CT_SYNTAX, at, words.str().str(), "", "", {}};
        if (level >= DiagnosticsEngine::Error) {
            if (info.getID() == diag::err_pp_file_not_found)
                r = missing_file(at, info.getArgStdStr(0));
            put(kept, r);
        } else if (level == DiagnosticsEngine::Note && last >= DiagnosticsEngine::Error &&
                   at.len && !kept.diag.empty() && !kept.diag.back().note) {
            kept.diag.back().note = kept.keep(r.text);
            kept.diag.back().note_at = at;
        }
        if (level != DiagnosticsEngine::Note)
            last = level;
    }

  private:
    Report missing_file(CtPlace at, const std::string &name)
    {
        bool own = at.len && kept.file[at.file].text[at.at] == '"';
        at.len = at.len ? static_cast<uint32_t>(name.size()) + 2 : 0;
        return {CT_INCLUDE, at,
                own ? "there is no file " + name + " beside this one" : "<" + name + "> is not read",
                headers_read, "", {}};
    }

    Kept &kept;
    Files &files;
    DiagnosticsEngine::Level last = DiagnosticsEngine::Ignored;
};

/* ---- functions ---- */

void keep_function(Kept &kept, const FunctionDecl *f, Reader &reader, Places &places)
{
    CtFunc out{};
    out.name = kept.keep(f->getNameAsString());
    out.at = places.of(f->getLocation());
    kept.param.emplace_back();
    for (const ParmVarDecl *p : f->parameters())
        kept.param.back().push_back(kept.keep(p->getNameAsString()));
    kept.node.push_back(std::move(reader.nodes.node));
    out.param = kept.param.back().data();
    out.n_param = f->getNumParams();
    out.node = kept.node.back().data();
    out.n_node = static_cast<uint32_t>(kept.node.back().size());
    out.value = reader.value;
    out.is_double = reader.is_double;
    out.mixed = reader.mixed;
    out.zero_sign = reader.zero_sign;
    kept.func.push_back(out);
}

void read_functions(Kept &kept, ASTContext &context, Files &files, uint32_t max_nodes)
{
    for (const Decl *d : context.getTranslationUnitDecl()->decls()) {
        auto *f = dyn_cast<FunctionDecl>(d);
        if (!f || !f->doesThisDeclarationHaveABody() || f->getStorageClass() == SC_Static ||
            !files.sources->isInMainFile(files.sources->getFileLoc(f->getLocation())))
            continue;
        Reader reader(context, files, max_nodes);
        if (reader.read(f))
            keep_function(kept, f, reader, files);
        if (reader.warning && !reader.refusal)
            put(kept, *reader.warning);
        if (reader.refusal)
            put(kept, *reader.refusal);
    }
}

void parse_and_read(Kept &kept, const std::string &path, const std::string &text,
                    uint32_t max_nodes)
{
    Files files(kept, path);
    Listener listener(kept, files);
    std::vector<std::string> args = {
        "-std=c11", "-fsyntax-only", "-nostdinc", "-isystem", folder, "-fno-builtin",
        "-Wno-everything", "-ferror-limit=20", "-ffp-contract=off"};
    tooling::FileContentMappings virtual_files;
    for (const Header &h : headers)
        virtual_files.emplace_back(std::string(folder) + "/" + h.name, h.text);
    std::unique_ptr<ASTUnit> unit = tooling::buildASTFromCodeWithArgs(
        text, args, path, "seqc", std::make_shared<PCHContainerOperations>(),
        tooling::getClangStripDependencyFileAdjuster(), virtual_files, &listener);
    if (!unit) {
        if (kept.diag.empty())
            put(kept, {CT_SYNTAX, {}, "Clang cannot read this file", "", "", {}});
        return;
    }
    files.sources = &unit->getSourceManager();
    files.language = &unit->getLangOpts();
    files.number_all();
    if (!unit->getDiagnostics().hasErrorOccurred())
        read_functions(kept, unit->getASTContext(), files, max_nodes);
}

} // namespace

/* ---- the functions in C ---- */

CtResult *ct_read(const char *path, const char *text, size_t len, uint32_t max_nodes)
{
    auto *kept = new Kept;
    kept->file.push_back({kept->keep(path), kept->keep(std::string(text, len)), len});
    parse_and_read(*kept, path, std::string(text, len), max_nodes);
    kept->result = {kept->file.data(), static_cast<uint32_t>(kept->file.size()),
                    kept->func.data(), static_cast<uint32_t>(kept->func.size()),
                    kept->diag.data(), static_cast<uint32_t>(kept->diag.size())};
    return &kept->result;
}

void ct_free(CtResult *r)
{
    if (r)
        delete reinterpret_cast<Kept *>(r);          /* the result is its first member */
}

int ct_abi(void) { return CTOOL_ABI; }

const char *ct_version(void) { return CLANG_VERSION_STRING; }
