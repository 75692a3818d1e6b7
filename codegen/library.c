/* codegen/library.c: a module's inference, and its training step, as a C library: its names and
 * sizes. NAME.h is written by library_header.c, NAME.c by library_source.c, the rest by others
 * beside them.
 *
 * Kernels are those of a program; here each is a loop over its tasks, on the caller's thread. All
 * memory is the caller's: a struct of weights, which inference does not write to, and a workspace,
 * which keeps nothing between calls. So there is no object that a call changes unseen, and nothing
 * that it needs of a system. */
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
    const Graph *const graph[] = { l->infer, l->train, l->apply };
    for (int k = 0; k < 3 && graph[k]; k++)
        for (uint32_t i = 1; i < graph[k]->n_node; i++)
            if (graph[k]->node[i].op == OP_state) read[graph[k]->node[i].state.i] = true;
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
    Library l = { .o = o, .infer = ir_graph_find(m, "infer"),
                  .train = o->trains ? ir_graph_find(m, "train") : NULL,
                  .apply = o->trains ? ir_graph_find(m, "apply") : NULL };
    EmitOpts *opts = arena_alloc(a, 1, sizeof *opts);
    *opts = (EmitOpts){ .target = o->target, .version = o->version, .source = o->source,
                        .name = o->name };
    l.e = (Emit){ .m = m, .o = opts, .l = &dialect_c, .a = a };
    l.gpu = o->target->block_threads > 0;
    l.blas = graph_uses_blas(l.infer) || (l.train && graph_uses_blas(l.train));
    find_states(&l);
    l.upper = emit_upper(o->name, a);
    l.elems = l.e.l->type[m->real];
    if (!l.infer->has_plan)
        ir_die(m, "graph infer has no plan: codegen wants the module after the last pass");
    return l;
}

static const char *plain_name(Emit *e, uint32_t i)
{
    const char *name = out_ident(e->a, e->m->state[i].key);
    return name + strspn(name, "_");
}

/* Prefixed, so that it is no keyword; with its number where two keys become one identifier. */
const char *state_name(Emit *e, State s)
{
    const char *own = plain_name(e, s.i);
    int same = 0;
    for (uint32_t i = 1; i < e->m->n_state; i++) same += !strcmp(plain_name(e, i), own);
    return same > 1 ? text(e, "w%u_%s", s.i, own) : text(e, "w_%s", own);
}

int64_t library_room(const Library *l, int i)
{
    const StateInfo *s = &l->e.m->state[l->state[i]];
    return (l->offset_bytes[i + 1] - l->offset_bytes[i]) / ir_dtype_bytes(s->type.dtype);
}

int64_t library_params_bytes(const Library *l)
{
    return l->offset_bytes[l->n_state] + library_prepared_bytes(l);
}

/* On a GPU it is the device that makes it. */
int64_t library_prepared_bytes(const Library *l)
{
    return l->train || l->gpu ? 0 : l->infer->kept_bytes;
}

int64_t library_batch(const Library *l) { return l->o->batch ? l->o->batch : l->e.m->capacity; }
bool library_in_pieces(const Library *l) { return library_batch(l) > l->e.m->capacity; }

int library_workers(const Library *l) { return l->o->threads ? l->o->threads : 1; }

int64_t library_arena_bytes(const Library *l, const Graph *g)
{
    if (l->gpu) return ir_round64(g->arena_bytes);
    return ir_workspace_bytes(g, l->o->target->vector_bytes, library_workers(l));
}

int64_t library_workspace_bytes(const Library *l, const Graph *g)
{
    int64_t bytes = library_arena_bytes(l, g) + (l->train ? g->kept_bytes : 0);
    int64_t after = g == l->train && l->apply ? library_workspace_bytes(l, l->apply) : 0;
    if (after > bytes) bytes = after;
    if (l->gpu && g == l->train) bytes = ir_round64(bytes) + library_control_bytes(l);
    return bytes ? bytes : LIBRARY_HEAD_BYTES;       /* an array of no bytes is not C */
}

int64_t library_ram_bytes(const Library *l)
{
    int64_t infer = library_workspace_bytes(l, l->infer);
    if (!l->train) return infer;
    int64_t step = library_workspace_bytes(l, l->train);
    return library_params_bytes(l) + (step > infer ? step : infer);
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
    int64_t prepared = library_prepared_bytes(l);
    return mix(hash, &prepared, sizeof prepared);
}

/* ---- text ---- */

/* The name stands before what follows it without a blank between: it is filled in first. */
const char *library_names(Library *l, const char *template)
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
    out_template(o, library_names(l, template), more, n);
}

const char *library_dims(Library *l, const Shape *s)
{
    const char *t = "";
    for (int i = 0; i < s->rank; i++)
        t = text(&l->e, "%s[%lld]", t, (long long)ir_dim_at(s->dim[i], library_batch(l)));
    return *t ? t : "[1]";
}

const Type *library_value(const Library *l, const Graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name)) return &g->node[i].type;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN && !strcmp(g->root[i].name, name))
            return ir_type(g, g->root[i].val);
    ir_die(l->e.m, "graph %s has no value %s", g->name, name);
}

/* One of a library's sizes. */
static int64_t measure(const Module *m, const LibraryOpts *o, int64_t (*size)(const Library *l))
{
    Arena *a = arena_new();
    Library l = library_of(m, o, a);
    int64_t bytes = size(&l);
    arena_free(a);
    return bytes;
}

static int64_t infer_bytes(const Library *l) { return library_workspace_bytes(l, l->infer); }
static int64_t train_bytes(const Library *l) { return library_workspace_bytes(l, l->train); }

int64_t emit_library_bytes(const Module *m, const LibraryOpts *o)
{
    return measure(m, o, library_params_bytes);
}

int64_t emit_library_ram(const Module *m, const LibraryOpts *o)
{
    return measure(m, o, library_ram_bytes);
}

int64_t emit_library_workspace(const Module *m, const LibraryOpts *o, const char *graph)
{
    return measure(m, o, strcmp(graph, "train") ? infer_bytes : train_bytes);
}
