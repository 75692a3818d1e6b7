/* frontend/cfuncs_clang.c: reads a C file by the module over Clang (frontend/ctool): its nodes become
 * expressions, what it refuses diagnostics in the C file.
 *
 * The module is opened here, for the first C file that has to be read, and stays open: nothing else
 * of seqc knows Clang. */
#include "frontend/caudit.h"
#include "frontend/ctool/ctool.h"
#include <dlfcn.h>
#include <string.h>

typedef struct Ctool { CtRead *read; CtFree *free; CtAbi *abi; } Ctool;

/* dlsym gives objects, whose bits are those of a function's pointer. */
static bool find(void *library, const char *name, void *to)
{
    void *p = dlsym(library, name);
    memcpy(to, &p, sizeof p);
    return p != NULL;
}

const char *fe_cfuncs_module(Arena *a, const FeOpts *o)
{
    return arena_printf(a, "%s/libseqc_ctool.so", o->home);
}

/* Null, or why not. */
static const char *open_ctool(const FeOpts *o, Arena *a, Ctool *t)
{
    if (!o->home) return "seqc's own library folder is not found";
    void *library = dlopen(fe_cfuncs_module(a, o), RTLD_LAZY | RTLD_LOCAL);
    if (!library) return "this seqc has no module over Clang";
    bool whole = find(library, "ct_abi", &t->abi) && t->abi() == CTOOL_ABI
              && find(library, "ct_read", &t->read) && find(library, "ct_free", &t->free);
    return whole ? NULL : "its module over Clang is another version's";
}

/* ---- diagnostics ---- */

/* src[file]: of diagnostics that are collected apart; a place in none stands for where the model names
 * the file. */
typedef struct Sources { uint16_t *src; uint32_t n; } Sources;

static Span span_of(FeDiags *d, const CtResult *r, Sources *s, CtPlace at)
{
    if (!at.len) return (Span){ 0 };
    const CtFile *f = &r->file[at.file];
    if (!s->src[at.file]) s->src[at.file] = fe_source(d, f->name, f->text, f->len);
    return (Span){ s->src[at.file], at.at, at.len };
}

static CPlace place_of(const Sources *s, Span at)
{
    for (uint32_t i = 0; i < s->n && at.src; i++)
        if (s->src[i] == at.src) return (CPlace){ (int)i, at.at, at.len };
    return (CPlace){ CPLACE_CALL, 0, 0 };
}

/* As long as what is kept may have it. */
static const char *kept(Arena *a, const char *text)
{
    size_t n = strlen(text);
    return arena_strn(a, text, n < CFUNCS_STRING ? n : CFUNCS_STRING);
}

/* audit: of n functions, whose warnings about derivatives are said where somebody takes them. */
static CSaid *all_said(Arena *a, const FeDiags *d, const Sources *s, const AuditFunc *audit, int n)
{
    CSaid *said = arena_alloc(a, (size_t)d->n_item + 1, sizeof *said);
    for (int i = 0; i < d->n_item; i++) {
        const Diag *x = &d->item[i];
        said[i] = (CSaid){ .id = x->id, .text = kept(a, x->text), .at = place_of(s, x->at),
                           .note_at = { CPLACE_CALL, 0, 0 } };
        for (int k = 0; k < n; k++)
            if (i >= audit[k].from && i < audit[k].to) said[i].function = audit[k].f->name;
        for (int k = 0; k < x->n_part; k++) {
            const DiagPart *part = &x->part[k];
            if (part->help) said[i].help = kept(a, part->text);
            else said[i].note = kept(a, part->text), said[i].note_at = place_of(s, part->at);
        }
    }
    return said;
}

static const CText *texts(Arena *a, const CtResult *r)
{
    CText *text = arena_alloc(a, r->n_file + 1, sizeof *text);
    for (uint32_t i = 0; i < r->n_file; i++) {
        const CtFile *f = &r->file[i];
        text[i] = (CText){ arena_str(a, f->name), arena_strn(a, f->text, f->len), f->len };
    }
    return text;
}

/* Of a file that is refused: all that was collected, errors that found no room there counted. */
static void say_errors(FeDiags *d, const FeDiags *own, const CFuncs *c, Span at)
{
    int errors = d->errors;
    fe_cfuncs_say(d, c, NULL, at);
    d->dropped += own->dropped;
    if (d->errors == errors) d->errors++;
}

static void report(FeDiags *d, Span at, CtKind kind, const char *text)
{
    switch (kind) {
    case CT_SYNTAX: fe_report(d, at, DG(c_syntax), text); break;
    case CT_INCLUDE: fe_report(d, at, DG(c_include), text); break;
    case CT_EFFECT: fe_report(d, at, DG(c_effect), text); break;
    case CT_TYPE: fe_report(d, at, DG(c_type), text); break;
    case CT_KIND: fe_report(d, at, DG(c_kind), text); break;
    case CT_LOOP: fe_report(d, at, DG(c_loop), text); break;
    case CT_CALL: fe_report(d, at, DG(c_call), text); break;
    case CT_INTEGER: fe_report(d, at, DG(c_integer), text); break;
    case CT_VALUE: fe_report(d, at, DG(c_value), text); break;
    case CT_SIZE: fe_report(d, at, DG(c_size), text); break;
    case CT_PRECISION: fe_report(d, at, DG(c_precision), text); break;
    }
}

static void report_all(FeDiags *d, const CtResult *r, Sources *s)
{
    for (uint32_t i = 0; i < r->n_diag; i++) {
        const CtDiag *x = &r->diag[i];
        report(d, span_of(d, r, s, x->at), x->kind, x->text);
        if (x->note) fe_note(d, span_of(d, r, s, x->note_at), "%s", x->note);
        if (x->help) fe_help(d, "%s", x->help);
    }
}

/* ---- functions ---- */

/* e[i] is node i, place[…] where a handle first stands in the file. */
static Ex expression(ExPool *p, const CtFunc *f, Ex *e)
{
    for (uint32_t i = 1; i < f->n_node; i++) {
        const CtNode *x = &f->node[i];
        switch (x->op) {
        case EX_NUM: e[i] = ex_num(p, x->num); break;
        case EX_INT: e[i] = ex_int(p, x->i); break;
        case EX_BOOL: e[i] = ex_bool(p, x->i != 0); break;
        case EX_ARG: e[i] = ex_arg(p, (int)x->i); break;
        default: e[i] = ex_op(p, x->op, e[x->in[0]], e[x->in[1]], e[x->in[2]]);
        }
    }
    return e[f->value];
}

/* of: what the audit wants to know, places by handle among it. */
static void function(FeDiags *d, Arena *a, const CtResult *r, Sources *s, ExPool *p, const CtFunc *f,
                     CFunc *out, AuditFunc *of)
{
    Span at = span_of(d, r, s, f->at);
    LineCol place = fe_place(d, at);
    *out = (CFunc){ .name = arena_str(a, f->name), .n_param = (int)f->n_param,
                    .param = arena_alloc(a, f->n_param + 1, sizeof *out->param),
                    .is_double = f->is_double, .line = (int)place.line, .column = (int)place.col };
    for (uint32_t i = 0; i < f->n_param; i++) out->param[i] = arena_str(a, f->param[i]);
    Ex *e = arena_alloc(a, f->n_node, sizeof *e);
    out->value = expression(p, f, e);
    out->at = place_of(s, at);
    Span *of_node = arena_alloc(a, (size_t)out->value.i + 1, sizeof *of_node);
    for (uint32_t i = f->n_node; i-- > 1;)
        if (e[i].i <= out->value.i && f->node[i].at.len)
            of_node[e[i].i] = span_of(d, r, s, f->node[i].at);
    out->compared = arena_alloc(a, f->n_node, sizeof *out->compared);
    for (uint32_t i = 1; i <= out->value.i; i++)
        if (of_node[i].len && fe_is_comparison(ex_node(p, (Ex){ i })->op))
            out->compared[out->n_compared++] = (CCompared){ i, place_of(s, of_node[i]) };
    *of = (AuditFunc){ out, f->mixed, f->zero_sign, at, of_node, 0, 0 };
}

/* c: without functions where something is an error. d: the diagnostics that are collected apart. */
static void functions(CFuncs *c, FeDiags *d, Arena *a, const CtResult *r, Sources *s, const char *source,
                      Compiled *compiled)
{
    AuditFunc *audit = arena_alloc(a, r->n_func + 1, sizeof *audit);
    c->pool = ex_pool(a);
    const char *slash = strrchr(source, '/');
    c->source = arena_str(a, slash ? slash + 1 : source);
    c->hash = fe_cfuncs_hash(a, r->file[0].text, r->file[0].len);
    c->include = arena_alloc(a, r->n_file, sizeof *c->include);
    for (uint32_t i = 1; i < r->n_file; i++) {
        const CtFile *f = &r->file[i];
        c->include[c->n_include++] = (CInclude){ arena_str(a, f->name),
                                                 fe_cfuncs_hash(a, f->text, f->len) };
    }
    c->f = arena_alloc(a, r->n_func + 1, sizeof *c->f);
    for (; d->errors == 0 && c->n < (int)r->n_func; c->n++)
        function(d, a, r, s, c->pool, &r->func[c->n], &c->f[c->n], &audit[c->n]);
    fe_audit(d, c->pool, audit, c->n, compiled);
    c->text = texts(a, r);
    c->said = all_said(a, d, s, audit, c->n);
    c->n_said = d->n_item;
}

CFuncs *fe_cfuncs_clang(FeDiags *d, Arena *a, const FeOpts *o, const CSource *source, Span at)
{
    Ctool t;
    Compiled *compiled = o->cc ? fe_compiled_begin(a, o->cc, source->path) : NULL;
    const char *why = open_ctool(o, a, &t);
    if (why) {
        fe_compiled_run(compiled, NULL, 0);
        fe_report(d, at, DG(own_clang), source->name, why);
        fe_help(d, "on Debian and Ubuntu: apt-get install libclang-dev llvm-dev clang g++, and build "
                   "seqc again; or bring .seqc/ from a machine that has them");
        return NULL;
    }
    FeDiags *own = fe_diags_new();
    CtResult *r = t.read(source->path, source->text, source->len, CFUNC_MAX_NODES);
    Sources s = { arena_alloc(a, r->n_file + 1, sizeof *s.src), r->n_file };
    CFuncs *c = arena_alloc(a, 1, sizeof *c);
    report_all(own, r, &s);
    if (own->errors) fe_compiled_run(compiled, NULL, 0);
    functions(c, own, a, r, &s, source->path, own->errors ? NULL : compiled);
    bool good = own->errors == 0;
    if (!good) say_errors(d, own, c, at);
    fe_diags_free(own);
    t.free(r);
    return good ? c : NULL;
}
