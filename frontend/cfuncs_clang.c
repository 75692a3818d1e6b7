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

/* Null, or why not. */
static const char *open_ctool(const FeOpts *o, Arena *a, Ctool *t)
{
    if (!o->home) return "seqc's own library folder is not found";
    const char *path = arena_printf(a, "%s/libseqc_ctool.so", o->home);
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library) return "this seqc has no module over Clang";
    bool whole = find(library, "ct_abi", &t->abi) && t->abi() == CTOOL_ABI
              && find(library, "ct_read", &t->read) && find(library, "ct_free", &t->free);
    return whole ? NULL : "its module over Clang is another version's";
}

/* ---- diagnostics ---- */

typedef struct Sources { uint16_t *src; uint32_t n; Span call; } Sources;

/* Where the C file has it; of what stands nowhere there, where the model names the file. */
static Span span_of(FeDiags *d, const CtResult *r, Sources *s, CtPlace at)
{
    if (!at.len) return s->call;
    const CtFile *f = &r->file[at.file];
    if (!s->src[at.file]) s->src[at.file] = fe_source(d, f->name, f->text, f->len);
    return (Span){ s->src[at.file], at.at, at.len };
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
    Span *of_node = arena_alloc(a, (size_t)out->value.i + 1, sizeof *of_node);
    for (uint32_t i = f->n_node; i-- > 1;)
        if (e[i].i <= out->value.i && f->node[i].at.len)
            of_node[e[i].i] = span_of(d, r, s, f->node[i].at);
    *of = (AuditFunc){ out, f->mixed, f->zero_sign, at, of_node };
}

static CFuncs *functions(FeDiags *d, Arena *a, const CtResult *r, Sources *s, const char *source,
                         Compiled *compiled)
{
    CFuncs *c = arena_alloc(a, 1, sizeof *c);
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
    AuditFunc *audit = arena_alloc(a, r->n_func + 1, sizeof *audit);
    for (; c->n < (int)r->n_func; c->n++)
        function(d, a, r, s, c->pool, &r->func[c->n], &c->f[c->n], &audit[c->n]);
    fe_audit(d, c->pool, audit, c->n, compiled, s->call);
    return c;
}

const CFuncs *fe_cfuncs_clang(FeDiags *d, Arena *a, const FeOpts *o, const CSource *source, Span at)
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
    int errors = d->errors;
    CtResult *r = t.read(source->path, source->text, source->len, CFUNC_MAX_NODES);
    Sources s = { arena_alloc(a, r->n_file, sizeof *s.src), r->n_file, at };
    report_all(d, r, &s);
    const CFuncs *c = d->errors == errors ? functions(d, a, r, &s, source->path, compiled) : NULL;
    if (!c) fe_compiled_run(compiled, NULL, 0);
    t.free(r);
    return d->errors == errors ? c : NULL;
}
