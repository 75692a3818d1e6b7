/* tests/random/driver.c: random models through the compiler, many in one process and one unit.
 *
 *     random_driver emit FOLDER    each model through frontend, passes, interpreter and codegen
 *     random_driver brief FOLDER   the same; of the passes only OFF is left out for the interpreter
 *     random_driver run FOLDER     each model's graphs out of FOLDER/all.so and FOLDER/off.so
 *
 * FOLDER/list has a line NAME DTYPE OFF a model; NAME.py is its file, NAME.in its tensors
 * (safetensors of the model's real type): w.KEY, x1 and t1, a batch, x2 and t2, another one.
 * emit writes NAME.all.c (every pass) and NAME.off.c (without the pass OFF), and NAME.eval, what
 * the interpreter finds after the whole pipeline and without each pass; compare.py makes one shared
 * object of all NAME.all.c and one of all NAME.off.c. run writes NAME.run. Names of results are
 * VARIANT/WHAT; the order in which graphs run is `sequence`, for interpreter and programs alike.
 *
 * Every model runs in a process of its own, whose messages are in NAME.log: one that dies is the
 * only one lost. Fresh memory holds NaN, so that what was never written does not pass for zero. */
#define _GNU_SOURCE
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/files.h"
#include "runtime/program.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static rt_err err;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void need(bool ok) { if (!ok) fail(err.message); }

/* One of the few paths and names in use at a time. */
static const char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *say(const char *format, ...)
{
    static char text[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    va_list args;
    va_start(args, format);
    vsnprintf(text[turn], sizeof text[turn], format, args);
    va_end(args);
    return text[turn];
}

/* ---- what computes graphs: the interpreter, or a program ---- */

typedef struct Named { const char *name; const rt_tensor *value; } Named;

typedef struct Machine {
    bool (*has)(void *self, const char *graph);
    /* Runs a graph on n samples; what it returns is added to `out` under its own names. Updates of
     * states stay with the machine. */
    void (*run)(void *self, const char *graph, int64_t n, const Named *in, uint64_t step,
                rt_tensors *out);
    void (*states)(void *self, rt_tensors *out);     /* all but the optimizer's, by key */
    void *self;
} Machine;

/* Adds list's tensors to out under PREFIX and their names. */
static void keep(rt_tensors *out, const char *variant, const char *prefix, const rt_tensors *list)
{
    for (int64_t i = 0; i < list->count; i++) {
        const rt_tensor *t = &list->item[i];
        rt_tensor *copy = rt_tensors_add(&err, out, say("%s/%s.%s", variant, prefix, t->name),
                                         t->dtype, t->rank, t->shape, NULL);
        need(copy != NULL);
        memcpy(copy->data, t->data, (size_t)t->bytes);
    }
}

static const rt_tensor *get(const rt_tensors *list, const char *name)
{
    const rt_tensor *t = rt_tensors_find(list, name);
    if (!t) fail(say("no tensor %s", name));
    return t;
}

/* The output's gradient comes of the loss, which wants the output: so the graph runs twice. */
static void gradients(const Machine *m, const char *graph, const char *loss, const rt_tensors *in,
                      rt_tensors *result)
{
    rt_tensors first = { 0 }, of_loss = { 0 };
    const rt_tensor *x = get(in, "x1"), *t = get(in, "t1"), *zeros = get(in, "zeros");
    int64_t n = x->shape[0];
    m->run(m->self, graph, n, (Named[]){ { "x", x }, { "cotangent", zeros }, { 0 } }, 1, &first);
    const rt_tensor *output = get(&first, "output");
    m->run(m->self, loss, n, (Named[]){ { "output", output }, { "target", t }, { 0 } }, 1,
           &of_loss);
    m->run(m->self, graph, n,
           (Named[]){ { "x", x }, { "cotangent", get(&of_loss, "d_output") }, { 0 } }, 1, result);
    const rt_tensor *l = get(&of_loss, "loss");
    rt_tensor *copy = rt_tensors_add(&err, result, "loss", l->dtype, l->rank, l->shape, NULL);
    need(copy != NULL);
    memcpy(copy->data, l->data, (size_t)l->bytes);
    rt_tensors_free(&first);
    rt_tensors_free(&of_loss);
}

static void sequence(const Machine *m, const char *variant, const rt_tensors *in, bool prob,
                     rt_tensors *out)
{
    const char *const tail = prob ? "_prob" : "";
    for (int step = 0; step <= 2; step++) {
        rt_tensors r = { 0 };
        const int batch = step == 2 ? 2 : 1;
        const rt_tensor *x = get(in, say("x%d", batch)), *t = get(in, say("t%d", batch));
        const Named both[] = { { "x", x }, { "target", t }, { 0 } };
        m->run(m->self, say("%s%s", step ? "train" : "eval", tail), x->shape[0], both,
               (uint64_t)step, &r);
        keep(out, variant, step ? say("step%d", step) : "eval", &r);
        rt_tensors_free(&r);
        if (step) continue;
        m->run(m->self, "infer", x->shape[0], both, 0, &r);
        keep(out, variant, "infer", &r);
        rt_tensors_free(&r);
        for (int eval = 0; eval < 2; eval++) {
            const char *graph = eval ? "grad_eval" : "grad";
            if (!m->has(m->self, graph)) continue;
            gradients(m, graph, say("loss%s", tail), in, &r);
            keep(out, variant, graph, &r);
            rt_tensors_free(&r);
        }
    }
    rt_tensors r = { 0 };
    m->states(m->self, &r);
    keep(out, variant, "after", &r);
    rt_tensors_free(&r);
}

/* ---- the interpreter ---- */

typedef struct Interp {
    const Module *m;
    double **state;                   /* [n_state], PyTorch's order */
    const Named *in;
    uint64_t step;
    Arena *arena;                     /* of the states */
} Interp;

static const double *interp_input(void *self, const char *name)
{
    const Interp *p = self;
    for (const Named *in = p->in; in->name; in++)
        if (!strcmp(in->name, name)) return in->value->data;
    return NULL;
}

static const double *interp_state(void *self, State s)
{
    return ((const Interp *)self)->state[s.i];
}

static double interp_scalar(void *self, const char *name)
{
    const Interp *p = self;
    const Program *prog = &p->m->prog;
    for (int i = 0; i < prog->n_scalar; i++) {
        const ScalarDef *s = &prog->scalar[i];
        if (strcmp(s->name, name)) continue;
        Arena *a = arena_new();
        ExPool *pool = ex_pool(a);
        char why[EX_ERR];
        Ex f = ex_parse(pool, s->f, NULL, why);
        if (!f.i) fail(why);
        double own = prog->n_group ? prog->group[s->group].lr : -1, lr = own < 0 ? prog->lr : own;
        double value = ex_eval(pool, f, (double[EX_MAX_ARGS]){ lr, (double)p->step, 1 });
        arena_free(a);
        return value;
    }
    fail(say("no scalar %s", name));
    return 0;
}

static bool interp_has(void *self, const char *graph)
{
    return ir_graph_find(((Interp *)self)->m, graph) != NULL;
}

static void add_doubles(rt_tensors *out, const char *name, const Shape *s, int64_t n,
                        const double *from)
{
    int64_t shape[IR_MAX_RANK];
    for (int i = 0; i < s->rank; i++) shape[i] = ir_dim_at(s->dim[i], n);
    rt_tensor *t = rt_tensors_add(&err, out, name, RT_F64, s->rank, shape, NULL);
    need(t != NULL);
    memcpy(t->data, from, (size_t)t->bytes);
}

static void interp_run(void *self, const char *graph, int64_t n, const Named *in, uint64_t step,
                       rt_tensors *out)
{
    Interp *p = self;
    const Graph *g = ir_graph_find(p->m, graph);
    if (!g) fail(say("no graph %s", graph));
    p->in = in;
    p->step = step;
    const EvalIn e = { .n = n, .input = interp_input, .state = interp_state,
                       .scalar = interp_scalar, .ctx = p, .step = step,
                       .seed = (uint64_t)p->m->prog.seed };
    Arena *a = arena_new();
    double **value = ir_eval(g, &e, a);
    for (int i = 0; i < g->n_root; i++) {
        const Root *r = &g->root[i];
        const Shape *s = &ir_type(g, r->val)->shape;
        if (r->kind == ROOT_RETURN) add_doubles(out, r->name, s, n, value[r->val.i]);
    }
    for (int i = 0; i < g->n_root; i++) {
        const Root *r = &g->root[i];
        if (r->kind == ROOT_UPDATE)
            memcpy(p->state[r->state.i], value[r->val.i],
                   (size_t)ir_elems_at(&ir_type(g, r->val)->shape, n) * sizeof(double));
    }
    arena_free(a);
}

static void interp_states(void *self, rt_tensors *out)
{
    const Interp *p = self;
    for (uint32_t i = 1; i < p->m->n_state; i++)
        if (p->m->state[i].role != ROLE_OPTIMIZER)
            add_doubles(out, p->m->state[i].key, &p->m->state[i].type.shape, 1, p->state[i]);
}

/* Weights from the file; the optimizer's states as their draws say, which are constants. */
static void interp_open(Interp *p, const Module *m, const rt_tensors *in)
{
    *p = (Interp){ .m = m, .arena = arena_new() };
    p->state = arena_alloc(p->arena, m->n_state, sizeof *p->state);
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        int64_t n = ir_elems_at(&s->type.shape, 1);
        p->state[i] = arena_alloc(p->arena, (size_t)n, sizeof(double));
        if (s->role != ROLE_OPTIMIZER)
            memcpy(p->state[i], get(in, say("w.%s", s->key))->data, (size_t)n * sizeof(double));
        for (int k = 0; s->role == ROLE_OPTIMIZER && k < m->prog.n_draw; k++)
            if (m->prog.draw[k].state.i == i)
                for (int64_t e = 0; e < n; e++) p->state[i][e] = m->prog.draw[k].a;
    }
}

static void to_doubles(const rt_tensors *from, rt_tensors *to)
{
    for (int64_t i = 0; i < from->count; i++) {
        const rt_tensor *t = &from->item[i];
        rt_tensor *d = rt_tensors_add(&err, to, t->name, RT_F64, t->rank, t->shape, NULL);
        need(d != NULL);
        for (int64_t e = 0; e < t->elems; e++) ((double *)d->data)[e] = rt_tensor_number(t, e);
    }
}

/* ---- a program out of the shared object ---- */

typedef struct Run { rt_prog prog; } Run;

static bool run_has(void *self, const char *graph)
{
    return rt_find_graph(((Run *)self)->prog.model, graph) != NULL;
}

static void run_graph(void *self, const char *graph, int64_t n, const Named *in, uint64_t step,
                      rt_tensors *out)
{
    Run *r = self;
    rt_bound b;
    const rt_graph *g = rt_find_graph(r->prog.model, graph);
    if (!g) fail(say("no graph %s", graph));
    const void *data[4] = { 0 };
    for (int i = 0; i < g->n_inputs; i++)
        for (const Named *x = in; x->name; x++)
            if (!strcmp(x->name, g->inputs[i].name)) data[i] = x->value->data;
    need(rt_bind(&err, &b, &r->prog, g));
    rt_rates_set(&r->prog, r->prog.model->lr, &(rt_point){ 0 });
    need(rt_run(&err, &b, n, data, step));
    for (int i = 0; i < g->n_results; i++) {
        const rt_value *v = &g->results[i];
        int64_t shape[RT_MAX_RANK];
        for (int k = 0; k < v->rank; k++) shape[k] = v->dim[k].k * (v->dim[k].per_n ? n : 1);
        rt_tensor *t = rt_tensors_add(&err, out, v->name, v->dtype, v->rank, shape, NULL);
        need(t != NULL);
        memcpy(t->data, b.result[i], (size_t)t->bytes);
    }
    rt_unbind(&b);
}

static void run_states(void *self, rt_tensors *out)
{
    const Run *r = self;
    for (int i = 0; i < r->prog.model->n_states; i++) {
        const rt_state *s = &r->prog.model->states[i];
        int64_t shape[RT_MAX_RANK];
        if (s->role == RT_OPTIMIZER) continue;
        for (int k = 0; k < s->rank; k++) shape[k] = s->axis[k].size;
        rt_tensor *t = rt_tensors_add(&err, out, s->key, s->dtype, s->rank, shape, NULL);
        need(t != NULL);
        rt_state_get(s, r->prog.state, 0, t->elems, t->data);
    }
}

static void run_open(Run *r, const rt_model *m, const rt_tensors *in)
{
    *r = (Run){ .prog = { .model = m, .name = "random", .seed = m->seed } };
    r->prog.pool = rt_pool_open(1);
    need(r->prog.pool != NULL && rt_states_open(&err, &r->prog));
    for (int i = 0; i < m->n_states; i++)
        if (m->states[i].role != RT_OPTIMIZER)
            rt_state_put(&m->states[i], r->prog.state, 0, rt_state_elems(&m->states[i]),
                         get(in, say("w.%s", m->states[i].key))->data);
}

/* ---- the models of a folder ---- */

typedef struct Job {
    const char *folder;
    char name[32], dtype[8], off[32];
    bool brief;
    const rt_model *model[2];         /* with all passes, with one off */
} Job;

static const char *const variants[] = { "all", "off" };

static const char *path(const Job *j, const char *ending)
{
    return say("%s/%s.%s", j->folder, j->name, ending);
}

static void read_inputs(const Job *j, rt_tensors *in)
{
    need(rt_safetensors_read(&err, path(j, "in"), in));
}

static Module *compile(const Job *j)
{
    rt_buf text = { 0 };
    need(rt_file_read(&err, path(j, "py"), -1, &text));
    FeDiags *d = fe_diags_new();
    const FeOpts o = { .real = strcmp(j->dtype, "f64") ? DT_f32 : DT_f64 };
    Module *m = fe_compile(path(j, "py"), text.data, (size_t)text.length, &o, d);
    if (!m) {
        fe_diags_text(d, stderr, false);
        fail("refused");
    }
    return m;
}

/* The widest instruction set that this machine has; `narrow` the next one below. */
static const Target *choose_target(bool narrow)
{
    int i = 0;
    while (i + 1 < ir_n_targets && !rt_cpu_runs(ir_targets[i].features)) i++;
    return &ir_targets[narrow && i + 1 < ir_n_targets ? i + 1 : i];
}

/* All passes but one: "fuse" makes every node its own kernel, "plan" shares no memory, for programs
 * need what these two add; the others are left out. */
static Module *without(const Module *m, const char *off, bool narrow)
{
    PassCtx c = { .target = choose_target(narrow), .blas = BLAS_NONE,
                  .no_fuse = !strcmp(off, "fuse"), .no_reuse = !strcmp(off, "plan"),
                  .verify = !*off };
    const char *names[32];
    int n = 0;
    for (int i = 0; i < pass_count; i++)
        if (c.no_fuse || c.no_reuse || strcmp(pass_table[i].name, off))
            names[n++] = pass_table[i].name;
    char why[IR_ERR];
    Module *out = pass_run_list(m, &c, names, n, why);
    if (!out) fail(why);
    return out;
}

static void interpret(const Module *m, const char *off, const rt_tensors *in, rt_tensors *out)
{
    Interp p;
    Module *planned = without(m, off, false);
    interp_open(&p, planned, in);
    const Machine machine = { interp_has, interp_run, interp_states, &p };
    bool prob = m->prog.target == TARGET_CLASS && get(in, "t1")->rank > 1;
    const char *variant = *off ? arena_printf(p.arena, "no %s", off) : "interpreter";
    sequence(&machine, variant, in, prob, out);
    arena_free(p.arena);
    ir_module_free(planned);
}

static void emit(const Job *j)
{
    static const char *const off[] = { "",       "shape", "simplify", "tidy",
                                       "layout", "fuse",  "schedule" };
    Module *m = compile(j);
    for (int i = 0; i < 2; i++) {
        Module *planned = without(m, i ? j->off : "", i);
        FILE *f = fopen(path(j, say("%s.c", variants[i])), "w");
        if (!f) fail("no source can be written");
        const EmitOpts o = { .target = choose_target(i), .version = "test", .source = j->name };
        emit_program(planned, &o, f);
        if (fclose(f)) fail("the source cannot be written");
        ir_module_free(planned);
    }
    rt_tensors in = { 0 }, wide = { 0 }, out = { 0 };
    read_inputs(j, &in);
    to_doubles(&in, &wide);
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if (!j->brief || !i || !strcmp(off[i], j->off)) interpret(m, off[i], &wide, &out);
    need(rt_safetensors_write(&err, path(j, "eval"), &out));
}

static void run(const Job *j)
{
    rt_tensors in = { 0 }, out = { 0 };
    read_inputs(j, &in);
    rt_dtype t = get(&in, "t1")->dtype;
    for (int i = 0; i < 2; i++) {
        if (!j->model[i]) continue;
        Run r;
        run_open(&r, j->model[i], &in);
        const Machine machine = { run_has, run_graph, run_states, &r };
        bool prob = j->model[i]->target_kind == RT_TARGET_CLASS && t != RT_I64;
        sequence(&machine, variants[i], &in, prob, &out);
    }
    need(rt_safetensors_write(&err, path(j, "run"), &out));
}

/* In a process of its own, so that a death is one model's; the log says why. */
static void apart(const Job *j, void (*work)(const Job *))
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) fail("no process can be started");
    if (child) {
        int status = 0;
        waitpid(child, &status, 0);
        int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        printf("%s %d\n", j->name, code);
        return;
    }
    int log = open(path(j, "log"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(3);
    work(j);
    exit(0);
}

/* The models of a shared object by their names; null where it has none of this name. */
static const rt_model *find_model(void *unit, const char *name)
{
    if (!unit) return NULL;
    const rt_model *const *models = dlsym(unit, "unit_models");
    const char *const *names = dlsym(unit, "unit_names");
    for (int i = 0; models && names && names[i]; i++)
        if (!strcmp(names[i], name)) return models[i];
    return NULL;
}

static void *poisoned(size_t bytes)
{
    void *p = rt_os_real.alloc(bytes);
    return p ? memset(p, 0xff, bytes) : NULL;
}

int main(int argc, char **argv)
{
    bool brief = argc == 3 && !strcmp(argv[1], "brief");
    bool emits = brief || (argc == 3 && !strcmp(argv[1], "emit"));
    if (!emits && (argc != 3 || strcmp(argv[1], "run"))) {
        fprintf(stderr, "usage: random_driver emit|brief|run FOLDER\n");
        return 2;
    }
    rt_os.alloc = poisoned;
    Job j = { .folder = argv[2], .brief = brief };
    void *unit[2] = { 0 };
    for (int i = 0; !emits && i < 2; i++) {
        unit[i] = dlopen(say("%s/%s.so", j.folder, variants[i]), RTLD_NOW | RTLD_LOCAL);
        if (!unit[i]) fprintf(stderr, "%s\n", dlerror());
    }
    for (int i = 0; emits && i < 2; i++) {
        const char *march = choose_target(i)->march;
        printf("%s %s\n", variants[i], *march ? march : "generic");
    }
    /* The whole list at once: a child that ends moves an open file's place in the parent too. */
    rt_buf list = { 0 };
    need(rt_file_read(&err, say("%s/list", j.folder), -1, &list));
    for (char *line = strtok(list.data, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "%31s %7s %31s", j.name, j.dtype, j.off) != 3) fail("the list is broken");
        for (int i = 0; i < 2; i++) j.model[i] = find_model(unit[i], j.name);
        apart(&j, emits ? emit : run);
    }
    return 0;
}
