/* codegen/program_contract.c: NAME.contract.c, what `seqc build --certify` proves a program's source
 * for: C functions that do with it what the runtime does (runtime/exec.c), with memory of exactly the
 * sizes that its tables say, for every number that the runtime allows. It compiles like any C. */
#include "codegen/program.h"
#include <string.h>

static const char *const head_text =
    " * What the runtime owes $source: each function here stands for all calls like its own. That\n"
    " * these stay inside the memory that they are given is what `seqc build --certify` proves.\n"
    " *\n"
    CONTRACT_FLAGS "$flags */\n"
    "#include \"runtime/rt.h\"\n"
    "\n";

static const char *const tasks_text =
    "/* Any thread computes any task: this one stands for each. */\n"
    "struct rt_pool { int64_t task; int worker; };\n"
    "\n"
    "static void any_task(rt_pool *pool, rt_task *task, const void *ctx, int64_t n_tasks)\n"
    "{\n"
    "    const int64_t i = pool->task;\n"
    "    if (i >= 0 && i < n_tasks) task(ctx, i, pool->worker);\n"
    "}\n"
    "#define rt_parallel any_task\n"
    "\n";

static const char *const main_text =
    "static int any_main(const rt_model *const *models, int argc, char **argv)\n"
    "{\n"
    "    (void)models, (void)argc, (void)argv;\n"
    "    return 0;\n"
    "}\n"
    "#define rt_main any_main\n"
    "\n";

static const char *const call_main_text =
    "\n"
    "int contract_main(int argc, char **argv)\n"
    "{\n"
    "    return main(argc, argv);\n"
    "}\n";

static const char *const bytes_text =
    "\n"
    "/* Of a tensor of n samples. */\n"
    "static int64_t bytes(const rt_value *v, int64_t n)\n"
    "{\n"
    "    static const int of[] = { 4, 8, 8, 4, 1, 1 };\n"
    "    int64_t elems = 1;\n"
    "    for (int i = 0; i < v->rank; i++) elems *= v->dim[i].k * (v->dim[i].per_n ? n : 1);\n"
    "    return elems * of[v->dtype];\n"
    "}\n";

static const char *const graph_begins =
    "\n"
    "void contract_$graph(int64_t n, int threads, int64_t task, int worker, uint64_t seed, uint64_t step)\n"
    "{\n"
    "    if (n < 1 || n > $most || threads < 1 || threads > RT_MAX_THREADS) return;\n"
    "    if (worker < 0 || worker >= threads) return;\n"
    "    const rt_graph *const g = &$model.graphs[$i];\n"
    "    rt_pool pool = { task, worker };\n"
    "    char state[$model.state_bytes], scalars_of[$model.n_scalars * (int64_t)sizeof($real)];\n"
    "    char kept[g->kept_bytes], arena[g->arena_bytes], workers[g->worker_bytes * threads];\n"
    "    const void *in[g->n_inputs];\n"
    "    void *out[g->n_results];\n";

static const char *const graph_ends =
    "    const rt_call c = { .n = n, .in = in, .out = out, .state = state, .kept = kept, .arena = arena,\n"
    "                        .workers = workers, .scalars = scalars_of, .seed = seed, .step = step,\n"
    "                        .pool = &pool };\n"
    "    if (g->keep) g->keep(&c);\n"
    "    g->run(&c);\n"
    "}\n";

static const char *const scalars_text =
    "\n"
    "void contract_scalars(double step, double steps)\n"
    "{\n"
    "    double lr[$model.n_lrs > 0 ? $model.n_lrs : 1];\n"
    "    char value[$model.n_scalars * (int64_t)sizeof($real)];\n"
    "    $model.scalars(lr, step, steps, value);\n"
    "}\n";

static const char *const schedule_text =
    "\n"
    "double contract_schedule(double lr, double done, double steps)\n"
    "{\n"
    "    return $model.schedule(lr, done, steps);\n"
    "}\n";

static void template(Out *o, const char *text, const Hole *holes, size_t n)
{
    out_template(o, text, holes, (int)n);
}

#define WITH(holes) holes, sizeof(holes) / sizeof *(holes)

/* Memory for each of n tensors. */
static void tensors(Out *o, const char *list, const char *table, int n, const char *samples)
{
    for (int i = 0; i < n; i++) {
        out_line(o, "    char %s_%d[bytes(&g->%s[%d], %s)];", list, i, table, i, samples);
        out_line(o, "    %s[%d] = %s_%d;", list, i, list, i);
    }
}

static void graph(Emit *e, Out *o, int i, const char *model)
{
    const Graph *g = e->m->graph[i];
    const char *const most = text(e, "%s.capacity", model);
    int inputs = 0, results = 0;
    for (uint32_t v = 1; v < g->n_node; v++) inputs += g->node[v].op == OP_input;
    for (int k = 0; k < g->n_root; k++) results += g->root[k].kind == ROOT_RETURN;
    const Hole holes[] = {
        { "graph", g->name },
        { "i", text(e, "%d", i) },
        { "model", model },
        { "most", strcmp(g->name, "infer_one") ? most : "1" },
        { "real", e->l->type[e->m->real] },
    };
    template(o, graph_begins, WITH(holes));
    tensors(o, "in", "inputs", inputs, "n");
    tensors(o, "out", "results", results, most);
    template(o, graph_ends, WITH(holes));
}

/* What a contract begins with, up to the source. */
static Out *begin(Emit *e, const char *source, const char *flags, const char *machine)
{
    Out *o = out_new(e->a);
    const Hole holes[] = { { "source", source }, { "flags", flags } };
    head_write(e, o, CONTRACT_END, machine);
    template(o, head_text, WITH(holes));
    return o;
}

void emit_program_contract(const Module *m, const EmitOpts *opts, const char *source, const char *flags,
                           FILE *out)
{
    Arena *a = arena_new();
    Emit e = { .m = m, .o = opts, .l = dialect_of(opts->target), .a = a };
    const char *model = opts->variant ? text(&e, "model_%s", opts->target->id) : "model";
    Out *o = begin(&e, source, flags, opts->target->name);
    out_raw(o, tasks_text);
    if (!opts->variant) out_raw(o, main_text);
    out_line(o, "#include %s", out_string(a, source));
    out_raw(o, bytes_text);
    for (int i = 0; i < m->n_graph; i++) graph(&e, o, i, model);
    const Hole holes[] = { { "model", model },
                           { "real", e.l->type[m->real] } };
    if (m->prog.n_scalar) template(o, scalars_text, WITH(holes));
    if (m->prog.schedule) template(o, schedule_text, WITH(holes));
    if (!opts->variant) out_raw(o, call_main_text);
    fputs(out_text(o), out);
    arena_free(a);
}

void emit_main_contract(const Module *m, const EmitOpts *variant, const char *source, const char *flags,
                        FILE *out)
{
    Arena *a = arena_new();
    Emit e = { .m = m, .o = variant, .l = &dialect_c, .a = a };
    Out *o = begin(&e, source, flags, "every processor");
    out_raw(o, main_text);
    out_line(o, "#include %s", out_string(a, source));
    out_raw(o, call_main_text);
    fputs(out_text(o), out);
    arena_free(a);
}
