/* codegen/load.c: generated code in this process, to be laid beside the interpreter.
 *
 * The source gets an end that stands in for the runtime's library and gives each graph a plain
 * entry. States, inputs, results and memory are laid out here by the plan, as the runtime does it.
 * It does not judge what comes out: that is ir/trial.h's. For `--tune` it says how long it takes. A
 * GPU's graphs are run by whoever knows the device, on that same memory (ReplayHow.run). */
#define _POSIX_C_SOURCE 200809L
#include "codegen/codegen.h"
#include "codegen/stored.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const stand_in =
    "\n/* In place of the runtime's library. */\n"
    "const int RT_ABI_SYMBOL = RT_ABI;\n"
    "typedef void parallel_fn(rt_pool *, rt_task *, const void *, int64_t);\n"
    "extern parallel_fn *seqc_parallel;\n"
    "parallel_fn *seqc_parallel;\n"
    "void rt_parallel(rt_pool *pool, rt_task *task, const void *ctx, int64_t n)\n"
    "{\n"
    "    if (seqc_parallel) seqc_parallel(pool, task, ctx, n);\n"
    "    else for (int64_t i = 0; i < n; i++) task(ctx, i, 0);\n"
    "}\n"
    "int rt_main(const rt_model *const *m, int argc, char **argv)\n"
    "{ (void)m; (void)argv; return argc; }\n"
    "extern void seqc_scalars(const double *, double, double, void *);\n"
    "void seqc_scalars(const double *lr, double step, double steps, void *out)\n"
    "{ if (model.scalars) model.scalars(lr, step, steps, out); }\n"
    "extern void seqc_graph(int, bool, int64_t, const void *const *, void *const *, char *,\n"
    "                       char *, char *, char *, const void *, uint64_t, uint64_t, void *);\n"
    "void seqc_graph(int graph, bool changed, int64_t n, const void *const *in, void *const *out,\n"
    "                char *state, char *kept, char *arena, char *workers, const void *scalars,\n"
    "                uint64_t seed, uint64_t step, void *pool)\n"
    "{\n"
    "    const rt_graph *g = &model.graphs[graph];\n"
    "    const uint64_t counters[2] = { seed, step };\n"
    "    rt_call c = { n, in, out, state, kept, arena, workers, scalars, seed, step,\n"
    "                  (rt_pool *)pool, counters };\n"
    "    if (changed && g->keep) g->keep(&c);\n"
    "    if (out) g->run(&c);\n"
    "}\n";

static const char *const launching =
    "\n/* Whoever opens this says how kernels are launched. */\n"
    "extern const rt_model *const seqc_model;\n"
    "const rt_model *const seqc_model = &model;\n"
    "typedef void launch_fn(const rt_call *, int, int64_t, const void *const *, int);\n"
    "extern launch_fn *seqc_launcher;\n"
    "launch_fn *seqc_launcher;\n"
    "void rt_launch(const rt_call *c, int kernel, int64_t blocks, const void *const *memory,\n"
    "               int count)\n"
    "{ seqc_launcher(c, kernel, blocks, memory, count); }\n";

void emit_replay(const Module *m, const EmitOpts *o, FILE *out)
{
    emit_program(m, o, out);
    fputs(stand_in, out);
}

void emit_replay_cuda(const Module *m, const EmitOpts *o, const char *images_c, FILE *out)
{
    emit_replay(m, o, out);
    fputs(launching, out);
    fprintf(out, "#include \"%s\"\n", images_c);
}

/* changed: the states are other ones than in the call before. out null: it keeps, and does not run. */
typedef void GraphFn(int graph, bool changed, int64_t n, const void *const *in, void *const *out,
                     char *state, char *kept, char *arena, char *workers, const void *scalars,
                     uint64_t seed, uint64_t step, void *pool);

struct Replay { const Module *m; void *object; GraphFn *graph; };

void *emit_symbol(const Replay *r, const char *name) { return dlsym(r->object, name); }

Replay *emit_open(const Module *planned, const char *object, char **message, Arena *a)
{
    Replay *r = arena_alloc(a, 1, sizeof *r);
    r->m = planned;
    r->object = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    void *graph = r->object ? dlsym(r->object, "seqc_graph") : NULL;
    if (!graph) {
        *message = arena_str(a, dlerror());
        return NULL;
    }
    memcpy(&r->graph, &graph, sizeof graph);       /* ISO C has no cast from data to function */
    return r;
}

void emit_close(Replay *r)
{
    if (r) dlclose(r->object);
}

/* ---- memory ---- */

/* Aligned, in the arena, with room for a vector after the end. */
static void *room(Arena *a, int64_t bytes, unsigned char fill)
{
    enum { ALIGN = 64, SPARE = 64 };
    char *p = arena_alloc(a, (size_t)bytes + ALIGN + SPARE, 1);
    p += (ALIGN - (uintptr_t)p % ALIGN) % ALIGN;
    memset(p, fill, (size_t)bytes + SPARE);
    return p;
}

/* ---- a run ---- */

void emit_state_put(const Module *m, State s, const double *value, char *block)
{
    const StateInfo *x = ir_state(m, s);
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(&x->type, 1, axis);
    for (int64_t i = 0, n = ir_elems_at(&x->type.shape, 1); i < n; i++)
        stored_put(x->type.dtype, block + x->offset_bytes, stored_at(&x->type, axis, i), value[i]);
}

static char *make_states(const Module *m, const EvalIn *in, Arena *a)
{
    char *block = room(a, m->state_bytes, 0);
    for (uint32_t s = 1; s < m->n_state; s++)
        emit_state_put(m, (State){ s }, in->state(in->ctx, (State){ s }), block);
    return block;
}

static void *make_scalars(const Module *m, const EvalIn *in, Arena *a)
{
    char *block = room(a, m->prog.n_scalar * (int64_t)sizeof(double), 0);
    for (int i = 0; i < m->prog.n_scalar; i++)
        stored_put(m->real, block, i, in->scalar(in->ctx, m->prog.scalar[i].name));
    return block;
}

static const void **make_inputs(const Graph *g, const EvalIn *in, Arena *a)
{
    const void **list = arena_alloc(a, g->n_node, sizeof *list);
    int count = 0;
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        if (x->op != OP_input) continue;
        int64_t n = ir_elems_at(&x->type.shape, in->n);
        void *raw = room(a, n * ir_dtype_bytes(x->type.dtype), 0);
        const double *value = in->input(in->ctx, x->name);
        for (int64_t e = 0; e < n; e++) stored_put(x->type.dtype, raw, e, value[e]);
        list[count++] = raw;
    }
    return list;
}

double *emit_state_get(const Module *m, State s, const char *block, Arena *a)
{
    const StateInfo *x = ir_state(m, s);
    int64_t n = ir_elems_at(&x->type.shape, 1);
    double *value = arena_alloc(a, (size_t)n + 1, sizeof *value);
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(&x->type, 1, axis);
    for (int64_t i = 0; i < n; i++)
        value[i] = stored_get(x->type.dtype, block + x->offset_bytes, stored_at(&x->type, axis, i));
    return value;
}

/* What a graph runs on. */
typedef struct Memory {
    char *state, *kept, *arena, *workers;
    void **out;                              /* by the graph's ROOT_RETURN */
    const void **in;                         /* by its inputs */
} Memory;

static Memory make_memory(const Module *m, const Graph *g, const ReplayHow *how, Arena *a)
{
    Memory x = { .kept = room(a, g->kept_bytes, how->fill),
                 .arena = room(a, g->arena_bytes, how->fill),
                 .workers = room(a, g->worker_bytes * how->workers, how->fill),
                 .out = arena_alloc(a, (size_t)g->n_root + 1, sizeof *x.out) };
    int n = 0;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN)
            x.out[n++] = room(a, ir_stored_bytes(ir_type(g, g->root[i].val), m->capacity),
                              how->fill);
    return x;
}

static int index_of(const Module *m, const Graph *g)
{
    for (int i = 0; i < m->n_graph; i++)
        if (m->graph[i] == g) return i;
    ir_die(m, "replay: graph %s is another module's", g->name);
}

double **emit_run(const Replay *r, const Graph *g, const EvalIn *in, const ReplayHow *how,
                  Arena *a)
{
    const Module *m = r->m;
    Arena *scratch = arena_new();
    Memory x = make_memory(m, g, how, scratch);
    x.state = make_states(m, in, scratch);
    x.in = make_inputs(g, in, scratch);
    const void *scalars = make_scalars(m, in, scratch);
    if (how->run)
        how->run(how->pool, index_of(m, g), in->n, x.in, x.out, x.state, scalars, in->seed, in->step);
    else
        r->graph(index_of(m, g), true, in->n, x.in, x.out, x.state, x.kept, x.arena, x.workers,
                 scalars, in->seed, in->step, how->pool);
    double **value = arena_alloc(a, (size_t)g->n_root + 1, sizeof *value);
    int n_out = 0;
    for (int i = 0; i < g->n_root; i++) {
        const Root *root = &g->root[i];
        if (root->kind != ROOT_RETURN) {
            value[i] = emit_state_get(m, root->state, x.state, a);
            continue;
        }
        const Type *t = ir_type(g, root->val);
        int64_t n = ir_elems_at(&t->shape, in->n);
        value[i] = arena_alloc(a, (size_t)n + 1, sizeof(double));
        for (int64_t e = 0; e < n; e++) value[i][e] = stored_get(t->dtype, x.out[n_out], e);
        n_out++;
    }
    arena_free(scratch);
    return value;
}

void emit_keep(const Replay *r, const Graph *g, char *state, char *kept)
{
    Arena *a = arena_new();
    Memory x = make_memory(r->m, g, &(ReplayHow){ .workers = 1 }, a);
    r->graph(index_of(r->m, g), true, r->m->capacity, NULL, NULL, state, kept, x.arena, x.workers,
             NULL, 0, 1, NULL);
    arena_free(a);
}

/* ---- the time of a run ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double emit_seconds(const Replay *r, const Graph *g, double least_seconds)
{
    enum { SMALL = 0x3c, LEAST_RUNS = 3 };       /* floats of these bytes are small and normal */
    const Module *m = r->m;
    Arena *a = arena_new();
    Memory x = make_memory(m, g, &(ReplayHow){ .fill = SMALL, .workers = 1 }, a);
    x.state = room(a, m->state_bytes, SMALL);
    x.in = arena_alloc(a, g->n_node, sizeof *x.in);
    int n_in = 0;
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input)
            x.in[n_in++] = room(a, ir_stored_bytes(&g->node[i].type, m->capacity), SMALL);
    double best = 0, start = now();
    for (int k = 0; k < LEAST_RUNS || now() - start < least_seconds; k++) {
        double before = now();
        r->graph(index_of(m, g), k == 0, m->capacity, x.in, x.out, x.state, x.kept, x.arena,
                 x.workers, NULL, 0, 1, NULL);
        double took = now() - before;
        if (k == 0 || took < best) best = took;
    }
    arena_free(a);
    return best;
}
