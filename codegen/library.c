/* codegen/library.c: a module's inference as a C library: NAME.h, NAME.c.
 *
 * The kernels are those of a program of the same target and batch, so results are the same to the
 * bit; here each is a loop over its tasks, on the caller's thread. All memory is the caller's: a
 * struct of weights, which nobody writes to, and a workspace, which keeps nothing between calls. So
 * there is no object that a call changes, and nothing that it needs of a system. */
#include "codegen/library.h"
#include <ctype.h>
#include <string.h>

/* ---- names and sizes ---- */

const char *emit_upper(const char *name, Arena *a)
{
    char *upper = arena_str(a, name);
    for (char *p = upper; *p; p++) *p = (char)toupper((unsigned char)*p);
    return upper;
}

/* Lines of memory of their own, so that a struct of them needs no padding of the compiler's. */
static void find_states(Library *l)
{
    const Module *m = l->e.m;
    bool *read = arena_alloc(l->e.a, m->n_state, sizeof *read);
    for (uint32_t i = 1; i < l->infer->n_node; i++)
        if (l->infer->node[i].op == OP_state) read[l->infer->node[i].state.i] = true;
    l->state = arena_alloc(l->e.a, m->n_state, sizeof *l->state);
    l->offset_bytes = arena_alloc(l->e.a, m->n_state + 1, sizeof *l->offset_bytes);
    int64_t at = LIBRARY_HEAD_BYTES;
    for (uint32_t i = 1; i < m->n_state; i++) {
        if (!read[i]) continue;
        l->state[l->n_state] = i;
        l->offset_bytes[l->n_state++] = at;
        at += ir_round64(ir_stored_bytes(&m->state[i].type, 1));
    }
    l->offset_bytes[l->n_state] = at;
}

Library library_of(const Module *m, const LibraryOpts *o, Arena *a)
{
    Library l = { .o = o, .infer = ir_graph_find(m, "infer") };
    EmitOpts *opts = arena_alloc(a, 1, sizeof *opts);
    *opts = (EmitOpts){ .target = o->target, .version = o->version, .source = o->source,
                        .name = o->name };
    l.e = (Emit){ .m = m, .o = opts, .l = &dialect_c, .a = a };
    find_states(&l);
    l.upper = emit_upper(o->name, a);
    l.elems = l.e.l->type[m->real];
    if (!l.infer->has_plan)
        ir_die(m, "graph infer has no plan: codegen wants the module after the last pass");
    return l;
}

/* Prefixed, so that it is no keyword; numbered where two keys become one identifier. */
const char *state_name(Emit *e, State s)
{
    const char *own = out_ident(e->a, ir_state(e->m, s)->key);
    int same = 1;
    for (uint32_t i = 1; i < s.i; i++)
        same += !strcmp(out_ident(e->a, e->m->state[i].key), own);
    while (*own == '_') own++;
    return same > 1 ? text(e, "w_%s_%d", own, same) : text(e, "w_%s", own);
}

int64_t library_room(const Library *l, int i)
{
    const StateInfo *s = &l->e.m->state[l->state[i]];
    return (l->offset_bytes[i + 1] - l->offset_bytes[i]) / ir_dtype_bytes(s->type.dtype);
}

int64_t library_params_bytes(const Library *l)
{
    return l->offset_bytes[l->n_state] + l->infer->kept_bytes;
}

int64_t library_workspace_bytes(const Library *l)
{
    int64_t bytes = l->infer->arena_bytes + l->infer->worker_bytes;
    return bytes ? bytes : LIBRARY_HEAD_BYTES;       /* an array of no bytes is not C */
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * LIBRARY_PRIME;
    return hash;
}

uint64_t library_model(const Library *l)
{
    const Module *m = l->e.m;
    uint64_t hash = LIBRARY_SUM;
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &m->state[l->state[i]];
        const char *type = ir_type_string(&s->type, l->e.a);
        hash = mix(hash, s->key, strlen(s->key) + 1);
        hash = mix(hash, type, strlen(type) + 1);
    }
    return mix(hash, &l->infer->kept_bytes, sizeof l->infer->kept_bytes);
}

/* ---- NAME.h ---- */

/* The name stands before what follows it without a blank between: it is filled in first. */
static const char *fill_names(Library *l, const char *template)
{
    Out *o = out_new(l->e.a);
    const char *end;
    for (; (end = strchr(template, '$')) != NULL; template = end + 2) {
        bool own = end[1] == 'n' || end[1] == 'N';
        bool whole = end[1] && !islower((unsigned char)end[2]);
        if (own && whole) {
            out_raw(o, text(&l->e, "%.*s%s", (int)(end - template), template,
                            end[1] == 'n' ? l->o->name : l->upper));
        } else {
            out_raw(o, text(&l->e, "%.*s", (int)(end + 1 - template), template));
            end--;
        }
    }
    out_raw(o, template);
    return out_text(o);
}

void library_text(Library *l, Out *o, const char *template, const Hole *more, int n)
{
    out_template(o, fill_names(l, template), more, n);
}

const char *library_dims(Library *l, const Shape *s)
{
    const char *t = "";
    for (int i = 0; i < s->rank; i++)
        t = text(&l->e, "%s[%lld]", t, (long long)ir_dim_at(s->dim[i], l->e.m->capacity));
    return *t ? t : "[1]";
}

static const Type *value_type(const Library *l, const char *name)
{
    const Graph *g = l->infer;
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name)) return &g->node[i].type;
    for (int i = 0; i < g->n_root; i++)
        if (!strcmp(g->root[i].name, name)) return ir_type(g, g->root[i].val);
    ir_die(l->e.m, "graph infer has no value %s", name);
}

static void define(Out *o, const char *name, const char *value, const char *what)
{
    int gap = 44 - (int)(strlen(name) + strlen(value));
    if (*what) out_line(o, "#define %s %s%*s/* %s */", name, value, gap > 2 ? gap : 2, "", what);
    else out_line(o, "#define %s %s", name, value);
}

static const char *count_of(Library *l, const Type *t)
{
    return text(&l->e, "%lld", (long long)ir_elems_at(&t->shape, l->e.m->capacity));
}

static void sizes(Library *l, Out *o)
{
    Emit *e = &l->e;
    const Type *in = value_type(l, "x"), *out = value_type(l, "output");
    define(o, text(e, "%s_ABI", l->upper), text(e, "%d", LIBRARY_ABI), "");
    define(o, text(e, "%s_BATCH", l->upper), text(e, "%lld", (long long)e->m->capacity),
           "samples of a call");
    define(o, text(e, "%s_IN_ELEMS", l->upper), count_of(l, in), library_dims(l, &in->shape));
    define(o, text(e, "%s_OUT_ELEMS", l->upper), count_of(l, out), library_dims(l, &out->shape));
    define(o, text(e, "%s_PARAMS_BYTES", l->upper),
           text(e, "%lld", (long long)library_params_bytes(l)), "");
    define(o, text(e, "%s_WORKSPACE_BYTES", l->upper),
           text(e, "%lld", (long long)library_workspace_bytes(l)), "");
    define(o, text(e, "%s_ALIGN", l->upper), "64", "of params and workspace, in bytes");
    library_text(l, o, "#define $N_ALIGNED __attribute__((aligned($N_ALIGN)))\n\n", NULL, 0);
}

/* What is over a tensor's elements is padding. */
static void members(Library *l, Out *o)
{
    const char **decl = arena_alloc(l->e.a, (size_t)l->n_state + 1, sizeof *decl);
    int width = 0;
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &l->e.m->state[l->state[i]];
        decl[i] = text(&l->e, "%s %s[%lld];", l->e.l->type[s->type.dtype],
                       state_name(&l->e, (State){ l->state[i] }), (long long)library_room(l, i));
        if ((int)strlen(decl[i]) > width) width = (int)strlen(decl[i]);
    }
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &l->e.m->state[l->state[i]];
        out_line(o, "%-*s  /* %s: %s */", width, decl[i], out_comment(l->e.a, s->key),
                 type_text(&l->e, &s->type));
    }
    if (l->infer->kept_bytes)
        out_line(o, "unsigned char prepared[%lld];  /* what kernels make of them */",
                 (long long)l->infer->kept_bytes);
}

static const char *const params_head =
    "/* Weights and what else the network has learnt, as its kernels read them. */\n"
    "typedef struct $n_params {\n"
    "    uint32_t magic, abi;    /* $N_MAGIC, $N_ABI */\n"
    "    uint64_t model;         /* which network, stored how: $N_MODEL */\n"
    "    uint64_t bytes, sum;    /* of all of it; FNV-1a of what follows this head, by words */\n"
    "    uint64_t unused[4];\n";

static const char *const forward_text =
    "/* out = the network of in, for $N_BATCH samples at once. Only `out` and the workspace are\n"
    " * written; what the workspace holds before and after a call means nothing. */\n"
    "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                void *workspace);\n"
    "\n";

static const char *const load_text =
    "/* Bytes of a file of weights, aligned to $N_ALIGN, as params; null where they are no such\n"
    " * file, another network's, or damaged. Nothing is copied: the bytes must stay. */\n"
    "const $n_params *$n_load(const void *bytes, size_t n);\n"
    "/* What is wrong with them. */\n"
    "typedef enum $n_fault {\n"
    "    $N_OK, $N_NO_BYTES, $N_UNALIGNED, $N_WRONG_SIZE, $N_NO_PARAMS, $N_OTHER_ABI,\n"
    "    $N_OTHER_MODEL, $N_DAMAGED\n"
    "} $n_fault;\n"
    "$n_fault $n_check(const void *bytes, size_t n);\n"
    "\n";

static void layer_declaration(Library *l, Out *o)
{
    size_t path = 1, kind = 1;
    const Program *p = &l->e.m->prog;
    for (int i = 0; i < p->n_layer; i++) {
        if (strlen(p->layer[i].path) >= path) path = strlen(p->layer[i].path) + 1;
        if (strlen(p->layer[i].text) >= kind) kind = strlen(p->layer[i].text) + 1;
    }
    const Hole holes[] = { { "count", text(&l->e, "%d", p->n_layer) },
                           { "path", text(&l->e, "%zu", path) },
                           { "kind", text(&l->e, "%zu", kind) },
                           { "rank", text(&l->e, "%d", IR_MAX_RANK) } };
    if (p->n_layer)
        library_text(l, o,
                       "/* Its layers, for people: the shape of a layer's output, elements of its\n"
                       " * parameters. */\n"
                       "#define $N_LAYERS $count\n"
                       "typedef struct $n_layer {\n"
                       "    char name[$path], kind[$kind];\n"
                       "    int rank;\n"
                       "    long shape[$rank], parameters;\n"
                       "} $n_layer;\n"
                       "extern const $n_layer $n_layers[$N_LAYERS];\n"
                       "\n", holes, 4);
}

static const char *const about_header =
    " *     $real in[$N_IN_ELEMS], out[$N_OUT_ELEMS];\n"
    " *     $N_ALIGNED char workspace[$N_WORKSPACE_BYTES];\n"
    " *     $n_forward($params, in, out, workspace);\n"
    " *\n"
    " * Nothing is allocated, and no call leaves anything behind: threads may call it at the same\n"
    " * time, each with a workspace of its own. */\n"
    "#ifndef $N_H\n"
    "#define $N_H\n"
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "#ifdef __cplusplus\n"
    "extern \"C\" {\n"
    "#endif\n"
    "\n";

void emit_library_header(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    bool loads = opts->weights == WEIGHTS_BIN;
    const char *params = loads ? "params" : text(&l.e, "&%s_weights", opts->name);
    const Hole holes[] = { { "real", l.elems }, { "params", params } };
    head_write(&l.e, o, ".h", opts->target->name);
    library_text(&l, o, about_header, holes, 2);
    sizes(&l, o);
    define(o, text(&l.e, "%s_MAGIC", l.upper), "UINT32_C(0x63716573)", "\"seqc\"");
    define(o, text(&l.e, "%s_MODEL", l.upper),
           text(&l.e, "UINT64_C(0x%016llx)", (unsigned long long)library_model(&l)), "");
    out_line(o, "%s", "");
    library_text(&l, o, params_head, NULL, 0);
    out_deeper(o, 1);
    members(&l, o);
    out_deeper(o, -1);
    library_text(&l, o, "} $n_params;\n", NULL, 0);
    if (!loads) library_text(&l, o, "extern const $n_params $n_weights;\n", NULL, 0);
    out_line(o, "%s", "");
    library_text(&l, o, forward_text, holes, 1);
    if (loads) library_text(&l, o, load_text, NULL, 0);
    layer_declaration(&l, o);
    library_text(&l, o, "#ifdef __cplusplus\n}\n#endif\n#endif\n", NULL, 0);
    fputs(out_text(o), out);
    arena_free(a);
}

/* ---- NAME.c ---- */

static const char *const source_head =
    " * A kernel computes a group of operations in tasks, one after the other. They are compiled\n"
    " * with $flags. */\n"
    "#include \"$n.h\"\n"
    "#include <math.h>\n"
    "#include <stdbool.h>\n"
    "\n"
    "#ifdef __cplusplus\n"
    "#define restrict __restrict\n"
    "#endif\n"
    "$known"
    "/* Loops whose sums may be added in any order: for compilers that are told so. */\n"
    "#ifdef $N_SIMD\n"
    "#define SIMD(how) PRAGMA(omp simd how)\n"
    "#define PRAGMA(text) _Pragma(#text)\n"
    "#else\n"
    "#define SIMD(how)\n"
    "#endif\n"
    "\n"
    "#if defined __cplusplus\n"
    "#define HOLDS(what) static_assert(what, #what)\n"
    "#elif __STDC_VERSION__ >= 201112L\n"
    "#define HOLDS(what) _Static_assert(what, #what)\n"
    "#else\n"
    "#define HOLDS(what) extern char holds[what ? 1 : -1]\n"
    "#endif\n"
    "HOLDS(sizeof($n_params) == $N_PARAMS_BYTES);\n"
    "HOLDS(sizeof($real) == $bytes);\n"
    "\n";

static const char *const load_source =
    "$n_fault $n_check(const void *bytes, size_t n)\n"
    "{\n"
    "    const $n_params *const p = (const $n_params *)bytes;\n"
    "    if (!bytes) return $N_NO_BYTES;\n"
    "    if ((uintptr_t)bytes % $N_ALIGN) return $N_UNALIGNED;\n"
    "    if (n < 64) return $N_WRONG_SIZE;\n"
    "    if (p->magic != $N_MAGIC) return $N_NO_PARAMS;\n"
    "    if (p->abi != $N_ABI) return $N_OTHER_ABI;\n"
    "    if (p->model != $N_MODEL) return $N_OTHER_MODEL;\n"
    "    if (n != $N_PARAMS_BYTES || p->bytes != $N_PARAMS_BYTES) return $N_WRONG_SIZE;\n"
    "    uint64_t sum = UINT64_C(0xcbf29ce484222325);\n"
    "    for (size_t i = 64; i < n; i += 8) {\n"
    "        uint64_t word;\n"
    "        __builtin_memcpy(&word, (const char *)bytes + i, 8);\n"
    "        sum = (sum ^ word) * UINT64_C(0x100000001b3);\n"
    "    }\n"
    "    return sum == p->sum ? $N_OK : $N_DAMAGED;\n"
    "}\n"
    "\n"
    "const $n_params *$n_load(const void *bytes, size_t n)\n"
    "{\n"
    "    return $n_check(bytes, n) == $N_OK ? (const $n_params *)bytes : 0;\n"
    "}\n"
    "\n";

static void layer_rows(Library *l, Out *o)
{
    const Program *p = &l->e.m->prog;
    if (!p->n_layer) return;
    out_open(o, "const %s_layer %s_layers[%s_LAYERS] =", l->o->name, l->o->name, l->upper);
    for (int i = 0; i < p->n_layer; i++) {
        const Layer *x = &p->layer[i];
        const char *shape = "";
        for (int k = 0; k < x->out.shape.rank; k++)
            shape = text(&l->e, "%s%s%lld", shape, k ? ", " : "",
                         (long long)ir_dim_at(x->out.shape.dim[k], l->e.m->capacity));
        out_line(o, "{ %s, %s, %d, { %s }, %lld },", out_string(l->e.a, x->path),
                 out_string(l->e.a, x->text), x->out.shape.rank, *shape ? shape : "0",
                 (long long)x->params);
    }
    out_close(o, ";");
}

/* The function itself, at the end of the kernels that it calls. */
static Out *forward(Library *l)
{
    Emit *e = &l->e;
    static const char *const own[][2] = { { "x", "in" }, { "output", "out" }, { NULL, NULL } };
    Names at = { .own = own, .state = "p", .arena = "arena", .kept = "p->prepared",
                 .workers = "scratch", .n = text(e, "%s_BATCH", l->upper) };
    Out *calls = out_new(e->a), *o = out_new(e->a);
    out_deeper(calls, 1);
    graph_calls(e, l->infer, &at, calls);
    const Hole holes[] = { { "real", l->elems } };
    library_text(l, o,
                   "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], "
                   "$real out[$N_OUT_ELEMS],\n"
                   "                void *workspace)\n"
                   "{\n", holes, 1);
    out_deeper(o, 1);
    bool arena = out_mentions(out_text(calls), "arena");
    bool scratch = out_mentions(out_text(calls), "scratch");
    if (arena) out_line(o, "char *const arena = (char *)workspace;");
    const char *before = l->infer->arena_bytes
                       ? text(e, " + %lld", (long long)l->infer->arena_bytes) : "";
    if (scratch) out_line(o, "char *const scratch = (char *)workspace%s;", before);
    if (!arena && !scratch) out_line(o, "(void)workspace;");
    if (!out_mentions(out_text(calls), "p")) out_line(o, "(void)p;");
    if (!out_mentions(out_text(calls), "in")) out_line(o, "(void)in;");
    out_raw(o, out_text(calls));
    out_deeper(o, -1);
    out_line(o, "}");
    return o;
}

/* Functions that compilers have within them: no header declares them, and a compiler that knows no
 * C library (-ffreestanding) does not call one for them. */
static const char *known_functions(Library *l, const char *kernels)
{
    static const char *const names[] = { "memcpy", "memset", "fabs", "fabsf", "copysign",
                                         "copysignf" };
    const char *s = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (out_mentions(kernels, names[i]))
            s = text(&l->e, "%s#define %s __builtin_%s\n", s, names[i], names[i]);
    return s;
}

/* Pragmas become macros, since some compilers warn of those that they do not know. */
static const char *without_pragmas(Library *l, const char *s)
{
    static const char pragma[] = "#pragma omp simd";
    Out *o = out_new(l->e.a);
    const char *at;
    for (; (at = strstr(s, pragma)) != NULL; s += strcspn(s, "\n")) {
        const char *how = at + sizeof pragma - 1;
        how += *how == ' ';
        out_raw(o, text(&l->e, "%.*sSIMD(%.*s)", (int)(at - s), s, (int)strcspn(how, "\n"), how));
        s = how;
    }
    out_raw(o, s);
    return out_text(o);
}

void emit_library_source(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a), *body = forward(&l), *kernels = out_new(a);
    snippets_all(&l.e, kernels);
    for (int i = 0; i < l.e.n_fn; i++) kernel_write(&l.e, kernels, l.e.fn[i]);
    const Hole holes[] = { { "real", l.elems },
                           { "known", known_functions(&l, out_text(kernels)) },
                           { "bytes", text(&l.e, "%lld", (long long)ir_dtype_bytes(m->real)) },
                           { "flags", emit_library_flags(m, opts, a) } };
    head_write(&l.e, o, ".c", opts->target->name);
    library_text(&l, o, source_head, holes, 4);
    out_raw(o, without_pragmas(&l, out_text(kernels)));
    out_raw(o, out_text(body));
    out_line(o, "%s", "");
    if (opts->weights == WEIGHTS_BIN) library_text(&l, o, load_source, NULL, 0);
    layer_rows(&l, o);
    fputs(out_text(o), out);
    arena_free(a);
}
