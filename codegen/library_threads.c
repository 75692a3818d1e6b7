/* codegen/library_threads.c: a library whose tasks run on several threads. Its functions hand tasks to
 * what the caller gives them, a NAME_parallel, so that a project's own threads can serve; NAME_threads.c
 * is a pool of POSIX threads that does. As in a program, which tasks there are follows from shapes
 * alone: any number of threads gives the same bits. */
#include "codegen/library.h"
#include <string.h>

const char *const library_parallel_text =
    "/* Who computes the tasks of a call: run(pool, task, call, n) calls task(call, i, worker) once for each\n"
    " * i below n, in any order, and returns when all are done; no two that run at the same time have the\n"
    " * same worker, which is below $N_THREADS. $n_threads.h has one. */\n"
    "typedef struct $n_parallel {\n"
    "    void (*run)(void *pool, void (*task)(const void *call, int64_t i, int worker),\n"
    "                const void *call, int64_t n);\n"
    "    void *pool;\n"
    "} $n_parallel;\n"
    "\n";

const char *const library_forward_parallel =
    "/* The same on several threads, to the bit. */\n"
    "void $n_forward_parallel(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                         void *workspace, const $n_parallel *by);\n"
    "\n";

static const char *const run_tasks =
    "/* Without anybody to hand them to, the caller's thread computes all tasks. */\n"
    "static void run_tasks(const $n_parallel *by, void (*task)(const void *call, int64_t i, int worker),\n"
    "                      const void *call, int64_t n)\n"
    "{\n"
    "    if (by) by->run(by->pool, task, call, n);\n"
    "    else\n"
    "        for (int64_t i = 0; i < n; i++) task(call, i, 0);\n"
    "}\n"
    "\n";

void library_run_tasks(Library *l, Out *o) { library_text(l, o, run_tasks, NULL, 0); }

static const char *const infer_text =
    "/* A call, as its tasks see it. */\n"
    "typedef struct infer_call {\n"
    "    const $n_parallel *by;\n"
    "    const $n_params *p;\n"
    "    const $real *in;\n"
    "    $real *out;\n"
    "    char *arena, *kept;\n"
    "} infer_call;\n"
    "\n"
    "$tasks\n"
    "void $n_forward_parallel(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                         void *workspace, const $n_parallel *by)\n"
    "{\n"
    "    char *const memory = (char *)workspace;\n"
    "    const infer_call call = { by, p, in, out, memory, memory + $kept };\n"
    "    const infer_call *const c = &call;\n"
    "$calls\n"
    "}\n"
    "\n"
    "void $n_forward(const $n_params *p, const $real in[$N_IN_ELEMS], $real out[$N_OUT_ELEMS],\n"
    "                void *workspace)\n"
    "{\n"
    "    $n_forward_parallel(p, in, out, workspace, 0);\n"
    "}\n"
    "\n";

static const char *const train_text =
    "/* A step, as its tasks see it. */\n"
    "typedef struct train_call {\n"
    "    const $n_parallel *by;\n"
    "    $n_params *p;\n"
    "    const $real *in;\n"
    "    const $target *target;\n"
    "    $real *loss;\n"
    "    char *arena, *kept;\n"
    "    const $real *values;    /* what changes from step to step */\n"
    "    int64_t n;\n"
    "    uint64_t seed, step;\n"
    "} train_call;\n"
    "\n"
    "$tasks\n"
    "void $n_train_step($n_training *t, const $real *in, const $target *target, $real *loss)\n"
    "{\n"
    "    char *const memory = (char *)t->workspace;\n"
    "    $real values[$values];\n"
    "    t->step++;\n"
    "    $scalars;\n"
    "    const train_call call = { t->by, t->params, in, target, loss, memory, memory + $kept,\n"
    "                              values, t->n, t->seed, t->step };\n"
    "    const train_call *const c = &call;\n"
    "$calls\n"
    "}\n"
    "\n";

/* Without the end of its last line, which the template has. */
static const char *lines(Emit *e, const Out *o)
{
    const char *s = out_text(o);
    return text(e, "%.*s", (int)strlen(s) - (*s != 0), s);
}

Out *library_parallel(Library *l, const Graph *g)
{
    static const char *const own[][2] = { { "x", "c->in" }, { "output", "c->out" },
                                          { "target", "c->target" }, { "loss", "c->loss" },
                                          { NULL, NULL } };
    Emit *e = &l->e;
    bool trains = g == l->train;
    const Names at = { .own = own, .keeps = !l->train, .full = !trains,
                       .call = trains ? "train_call" : "infer_call", .parallel = "run_tasks(c->by",
                       .state = "c->p", .arena = "c->arena", .n_workers = l->o->threads,
                       .kept = l->train ? "c->kept" : "c->p->prepared", .scalars = "c->values",
                       .n = trains ? "c->n" : text(e, "%s_BATCH", l->upper), .seed = "c->seed",
                       .step = "c->step" };
    Out *o = out_new(e->a), *tasks = out_new(e->a), *calls = out_new(e->a);
    out_deeper(calls, 1);
    graph_calls(e, g, &at, tasks, calls);
    int n = e->m->prog.n_scalar;
    const Hole holes[] = {
        { "real", l->elems },
        { "target", l->train ? e->l->type[library_value(l, l->train, "target")->dtype] : "" },
        { "tasks", lines(e, tasks) },
        { "calls", lines(e, calls) },
        { "kept", text(e, "%lld", (long long)library_arena_bytes(l, g)) },
        { "values", text(e, "%d", n ? n : 1) },
        { "scalars", n ? "scalars(t->lr, (double)t->step, t->steps, values)" : "values[0] = 0" },
    };
    library_text(l, o, trains ? train_text : infer_text, holes, (int)(sizeof holes / sizeof *holes));
    return o;
}
