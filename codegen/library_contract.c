/* codegen/library_contract.c: NAME.contract.c, what `seqc emit --certify` proves a library for: C
 * functions that call the library's, with objects of exactly the sizes that its header asks for, for
 * every number that it allows. It compiles like any C, and says to people what a caller owes. */
#include "codegen/library.h"

static const char *const contract_head =
    " * What a caller of $n.c owes it: each function here stands for all calls like its own. That these\n"
    " * stay inside the objects that they are given is what `seqc emit --certify` proves. */\n"
    "#include \"$n.c\"\n"
    "\n";

static const char *const workers_text =
    "/* Any worker computes any task. */\n"
    "static void all_workers(void *pool, void (*task)(const void *call, int64_t i, int worker),\n"
    "                        const void *call, int64_t n)\n"
    "{\n"
    "    (void)pool;\n"
    "    for (int64_t i = 0; i < n; i++)\n"
    "        for (int worker = 0; worker < $N_THREADS; worker++)\n"
    "            task(call, i, worker);\n"
    "}\n"
    "\n";

static const char *const forward_text =
    "void contract_forward(void)\n"
    "{\n"
    "    static $n_params p;\n"
    "    static $real in[$N_IN_ELEMS], out[$N_OUT_ELEMS];\n"
    "    static char workspace[$N_WORKSPACE_BYTES];\n"
    "    $n_forward(&p, in, out, workspace);\n"
    "}\n"
    "\n";

static const char *const parallel_text =
    "void contract_forward_parallel(void)\n"
    "{\n"
    "    static $n_params p;\n"
    "    static $real in[$N_IN_ELEMS], out[$N_OUT_ELEMS];\n"
    "    static char workspace[$N_WORKSPACE_BYTES];\n"
    "    const $n_parallel by = { all_workers, 0 };\n"
    "    $n_forward_parallel(&p, in, out, workspace, &by);\n"
    "}\n"
    "\n";

static const char *const step_text =
    "void contract_train_step$how(int64_t n, double steps, uint64_t seed, uint64_t step)\n"
    "{\n"
    "    if (n < 1 || n > $N_BATCH) return;\n"
    "    static $n_params p;\n"
    "    $real in[n * ($N_IN_ELEMS / $N_BATCH)], loss;\n"
    "    $target target[n * ($N_TARGET_ELEMS / $N_BATCH)];\n"
    "    static char workspace[$N_TRAIN_WORKSPACE_BYTES];\n"
    "$by"
    "    $n_training t = { .params = &p, .workspace = workspace, .n = n, .lr = $N_LR,\n"
    "                      .steps = steps, .seed = seed, .step = step$given };\n"
    "    $n_train_step(&t, in, target, &loss);\n"
    "}\n"
    "\n";

static const char *const tensor_text =
    "    {\n"
    "        static char tensor[$bytes];    /* $key */\n"
    "        $n_get_params(&p, $i, tensor);\n"
    "        $n_set_params(&p, $i, tensor);\n"
    "    }\n";

static const char *const load_text =
    "void contract_load(size_t n)\n"
    "{\n"
    "    if (n > $N_PARAMS_BYTES) n = $N_PARAMS_BYTES + 1;    /* any other size is like that one */\n"
    "    static char bytes[$N_PARAMS_BYTES + 1];\n"
    "    if (n >= 64) $n_load(bytes, n);\n"
    "}\n"
    "\n";

static void steps(Library *l, Out *o, bool parallel)
{
    Emit *e = &l->e;
    const Hole holes[] = {
        { "how", parallel ? "_parallel" : "" },
        { "real", l->elems },
        { "target", e->l->type[library_value(l, l->train, "target")->dtype] },
        { "by", parallel ? text(e, "    const %s_parallel by = { all_workers, 0 };\n", l->o->name) : "" },
        { "given", parallel ? ", .by = &by" : "" },
    };
    library_text(l, o, step_text, holes, (int)(sizeof holes / sizeof *holes));
}

static void all_tensors(Library *l, Out *o)
{
    Emit *e = &l->e;
    library_text(l, o, "void contract_tensors(void)\n{\n    static $n_params p;\n", NULL, 0);
    for (int i = 0; i < l->n_state; i++) {
        const StateInfo *s = &e->m->state[l->state[i]];
        const Hole holes[] = {
            { "i", text(e, "%d", i) },
            { "bytes", text(e, "%lld", (long long)(ir_elems_at(&s->type.shape, 1)
                                                   * ir_dtype_bytes(s->type.dtype))) },
            { "key", out_comment(e->a, s->key) },
        };
        library_text(l, o, tensor_text, holes, (int)(sizeof holes / sizeof *holes));
    }
    out_raw(o, "}\n\n");
}

void emit_library_contract(const Module *m, const LibraryOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Library l = library_of(m, opts, a);
    Out *o = out_new(a);
    const Hole real[] = { { "real", l.elems } };
    head_write(&l.e, o, CONTRACT_END, opts->target->name);
    library_text(&l, o, contract_head, NULL, 0);
    if (opts->threads) library_text(&l, o, workers_text, NULL, 0);
    library_text(&l, o, forward_text, real, 1);
    if (opts->threads) library_text(&l, o, parallel_text, real, 1);
    if (l.train) {
        steps(&l, o, false);
        if (opts->threads) steps(&l, o, true);
        all_tensors(&l, o);
        if (m->prog.schedule)
            library_text(&l, o, "double contract_schedule(double lr, double done, double steps)\n{\n"
                         "    return $n_schedule(lr, done, steps);\n}\n\n", NULL, 0);
    }
    if (opts->weights == WEIGHTS_BIN) library_text(&l, o, load_text, NULL, 0);
    fputs(out_text(o), out);
    arena_free(a);
}
