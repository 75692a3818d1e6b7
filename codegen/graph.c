/* codegen/graph.c: a graph as a function: where each kernel's memory lies, and the calls in
 * order, or the launches where kernels are a GPU's. */
#include "codegen/program.h"
#include <string.h>

const Names names_call = {
    .call = "rt_call", .parallel = "rt_parallel(c->pool", .launch = "rt_launch_table(c", .in = "c->in",
    .out = "c->out", .state = "c->state", .arena = "c->arena", .kept = "c->kept",
    .workers = "c->workers", .scalars = "c->scalars", .n = "c->n", .seed = "c->seed",
    .step = "c->step", .counters = "c->counters"
};

static int input_index(const GraphText *t, const char *name)
{
    for (int i = 0; i < t->n_input; i++)
        if (!strcmp(ir_node(t->g, t->input[i])->name, name)) return i;
    ir_die(t->g->module, "graph %s has no input %s", t->g->name, name);
}

/* What a file without arrays of them calls an input or a result. */
static const char *own_name(const GraphText *t, const char *name)
{
    for (const char *const (*own)[2] = t->at.own; (*own)[0]; own++)
        if (!strcmp((*own)[0], name)) return (*own)[1];
    ir_die(t->g->module, "graph %s: nothing is called %s", t->g->name, name);
}

static int scalar_index(const Module *m, const char *name)
{
    for (int i = 0; i < m->prog.n_scalar; i++)
        if (!strcmp(m->prog.scalar[i].name, name)) return i;
    ir_die(m, "nothing defines the scalar %s", name);
}

/* Where a parameter's memory is, as C, without its type; `what` says for people what it is. */
static const char *memory(Emit *e, const GraphText *t, const Slot *s, const char **what)
{
    *what = s->place.base.i ? text(e, "%%%d", ir_printed_number(t->g, s->place.base)) : "";
    switch (s->place.where) {
    case AT_SCALAR:
        *what = s->place.name;
        return text(e, "(const %s *)%s + %d", e->l->type[s->type.dtype], t->at.scalars,
                    scalar_index(e->m, s->place.name));
    case AT_INPUT:
        *what = s->place.name;
        if (t->at.own) return own_name(t, s->place.name);
        return text(e, "%s[%d]", t->at.in, input_index(t, s->place.name));
    case AT_STATE:
        *what = ir_state(e->m, s->place.state)->key;
        if (t->at.own) return text(e, "%s->%s", t->at.state, state_name(e, s->place.state));
        return text(e, "%s + %lld", t->at.state,
                    (long long)ir_state(e->m, s->place.state)->offset_bytes);
    case AT_OUT: {
        int out = 0;
        for (int i = 0; i < t->g->n_root; i++)
            if (t->g->root[i].kind == ROOT_RETURN && out++ == s->place.out)
                *what = t->g->root[i].name;
        if (t->at.own) return own_name(t, *what);
        return text(e, "%s[%d]", t->at.out, s->place.out);
    }
    default:
        if (s->note) *what = s->note;
        if (s->null) {
            *what = "none";
            return "0";
        }
        return text(e, "%s + %lld", s->place.where == AT_KEPT ? t->at.kept : t->at.arena,
                    (long long)s->place.offset_bytes);
    }
}

/* The parameter itself. */
static const char *address(Emit *e, const GraphText *t, const Slot *s, const char **what)
{
    const char *type = e->l->type[s->type.dtype], *at = memory(e, t, s, what);
    bool offset = s->place.where != AT_INPUT && s->place.where != AT_OUT;
    if (t->at.own && (!offset || s->place.where == AT_STATE)) {
        *what = "";                    /* its name says it, and it has its type */
        return at;
    }
    if (s->place.where == AT_SCALAR) {
        const char *name = *what;
        *what = e->l->blocks ? name : "";
        int i = scalar_index(e->m, s->place.name);
        if (t->at.own) return text(e, "%s[%d]", t->at.scalars, i);
        return text(e, e->l->blocks ? "(const %s *)%s + %d" : "((const %s *)%s)[%d]", type,
                    t->at.scalars, i);
    }
    return text(e, offset ? "(%s%s *)(%s)" : "(%s%s *)%s",
                s->written && s->place.where != AT_INPUT ? "" : "const ", type, at);
}

void graph_list(Emit *e, Out *o, const char *const *arg, const char *const *what, int n,
                const char *end)
{
    int width = 0;
    for (int i = 0; i < n; i++)
        if ((int)strlen(arg[i]) > width) width = (int)strlen(arg[i]);
    out_deeper(o, 1);
    for (int i = 0; i < n; i++) {
        bool last = i + 1 == n;
        const char *after = last ? end : ",";
        int gap = width - (int)strlen(arg[i]) + (last && strlen(end) > 1 ? 1 : 2);
        if (*what[i])
            out_line(o, "%s%s%*s/* %s */", arg[i], after, gap, "", out_comment(e->a, what[i]));
        else
            out_line(o, "%s%s", arg[i], after);
    }
    out_deeper(o, -1);
}

void graph_call(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *stage,
                const char *const (*fixed)[2])
{
    const char *line = text(e, "%s(", stage->name), *arg[MAX_SLOTS], *what[MAX_SLOTS];
    bool any = false;
    for (int i = 0; fixed[i][0]; i++) {
        if (!out_mentions(stage->body, fixed[i][0])) continue;
        line = text(e, "%s%s%s", line, any ? ", " : "", fixed[i][1]);
        any = true;
    }
    int n = 0;
    for (int i = 0; i < u->n_slot; i++) {
        if (!out_mentions(stage->body, u->slot[i].name)) continue;
        arg[n] = address(e, t, &u->slot[i], &what[n]);
        n++;
    }
    out_line(o, "%s%s", line, n ? any ? "," : "" : ");");
    graph_list(e, o, arg, what, n, ");");
}

/* The same as a row of a launch's table (rt_memory). */
static const char *row(Emit *e, const GraphText *t, const Slot *s)
{
    const Place *p = &s->place;
    const char *base = p->where == AT_SCALAR ? "SCALARS" : p->where == AT_INPUT ? "IN"
                     : p->where == AT_STATE ? "STATE" : p->where == AT_OUT ? "OUT" : s->null ? "NONE"
                     : p->where == AT_KEPT ? "KEPT" : "ARENA";
    int64_t at = p->offset_bytes;
    if (p->where == AT_SCALAR) at = scalar_index(e->m, p->name) * ir_dtype_bytes(s->type.dtype);
    else if (p->where == AT_INPUT) at = input_index(t, p->name);
    else if (p->where == AT_STATE) at = ir_state(e->m, p->state)->offset_bytes;
    else if (p->where == AT_OUT) at = p->out;
    else if (s->null) at = 0;
    return text(e, "{ RT_%s, %lld }", base, (long long)at);
}

/* The same as a launch of so many blocks: its parameters are memory, in a list of that name, and
 * sizes, each eight bytes, and n. */
static void launch(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *stage,
                   const Sizes *sizes, const char *list, const char *blocks)
{
    const char *arg[MAX_SLOTS + SIZES_MOST + 1], *what[MAX_SLOTS + SIZES_MOST + 1];
    const bool table = !t->at.own;
    int n = 0;
    for (int i = 0; i < u->n_slot; i++) {
        if (!out_mentions(stage->body, u->slot[i].name)) continue;
        arg[n] = memory(e, t, &u->slot[i], &what[n]);
        if (table) arg[n] = row(e, t, &u->slot[i]);
        n++;
    }
    for (int i = 0; i < sizes->n; i++) {
        arg[n] = text(e, table ? "{ RT_NUMBER, %s }" : "(const void *)(uintptr_t)%s",
                      size_value(&sizes->size[i], e->a));
        what[n++] = sizes->size[i].name;
    }
    if (out_mentions(stage->body, "counters")) {
        arg[n] = table ? "{ RT_COUNTERS, 0 }" : t->at.counters;
        what[n++] = "seed, step";
    }
    out_line(o, "%s %s[] = {", table ? "static const rt_memory" : "const void *const", list);
    graph_list(e, o, arg, what, n, ",");
    out_line(o, "};");
    out_line(o, "%s, K_%s, %s, %s, %d);", t->at.launch, stage->name, blocks, list, n);
}

static void wrapper(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const char *name,
                    const Stage *stage)
{
    const Names *at = &t->at;
    const char *scratch =
        text(e, "%s + worker * INT64_C(%lld)", at->workers,
             (long long)(at->n_workers ? at->worker_bytes : t->g->worker_bytes));
    const char *const fixed[][2] = { { "task", "task" }, { "n", at->n }, { "scratch", scratch },
                                     { "seed", at->seed }, { "step", at->step }, { NULL, NULL } };
    out_line(o, "static void %s(const void *ctx, int64_t task, int worker)", name);
    out_open(o, "%s", "");
    out_line(o, "const %s *const c = (const %s *)ctx;", at->call, at->call);
    if (!out_mentions(stage->body, "task")) out_line(o, "(void)task;");
    if (!out_mentions(stage->body, "scratch")) out_line(o, "(void)worker;");
    graph_call(e, o, t, u, stage, fixed);
    out_close(o, "");
    out_line(o, "%s", "");
}

static const char *kernel_name(Emit *e, const GraphText *t, int i)
{
    return text(e, "%s_%d", t->g->name, i);
}

static void wrappers(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int i)
{
    const char *name = kernel_name(e, t, i);
    if (u->prepare_tasks) wrapper(e, o, t, u, text(e, "%s_prepare", name), &u->fn->prepare);
    wrapper(e, o, t, u, name, &u->fn->main);
    if (u->finish_tasks) wrapper(e, o, t, u, text(e, "%s_finish", name), &u->fn->finish);
}

static const char *ceil_text(Emit *e, const GraphText *t, Extent size, int64_t full, int64_t tile)
{
    if (tile >= full) return "1";
    if (!size.n) return text(e, "%lld", (long long)((full + tile - 1) / tile));
    const char *s = text_simple(extent_text(e, size))
                  ? t->at.n : text(e, "%lld * %s", (long long)size.k, t->at.n);
    if (tile == 1) return s;
    return text(e, "(%s + %lld) / %lld", s, (long long)tile - 1, (long long)tile);
}

/* What comes before the tasks of kernel i. */
static void run_first(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int i)
{
    out_line(o, "%s, %s_prepare, c, %lld);", t->at.parallel, kernel_name(e, t, i),
             (long long)u->prepare_tasks);
}

const char *graph_tasks(Emit *e, const GraphText *t, const KernelUse *u)
{
    if (t->at.full) return text(e, "%lld", (long long)u->tasks.count);
    const char *down = ceil_text(e, t, u->rows, u->tasks.rows, u->tasks.tile_rows);
    const char *across = ceil_text(e, t, u->cols, u->tasks.cols, u->tasks.tile_cols);
    if (!strcmp(across, "1")) return down;
    return !strcmp(down, "1") ? across : text(e, "%s * %s", down, text_atom(e, across));
}

static void run_kernel(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int i)
{
    const char *count = graph_tasks(e, t, u), *name = kernel_name(e, t, i);
    if (e->l->blocks) {
        if (u->fn->prepare.name)
            launch(e, o, t, u, &u->fn->prepare, &u->sizes[0], text(e, "m%d_prepare", i),
                   text(e, "%lld", (long long)u->prepare_tasks));
        launch(e, o, t, u, &u->fn->main, &u->sizes[1], text(e, "m%d", i), count);
        if (u->fn->finish.name)
            launch(e, o, t, u, &u->fn->finish, &u->sizes[2], text(e, "m%d_finish", i),
                   text(e, "%lld", u->finish_tasks ? (long long)u->finish_tasks : 1));
        return;
    }
    bool kept = ir_keeps_shared(t->g, i) && (!t->at.own || t->at.keeps);
    if (u->prepare_tasks && !kept) run_first(e, o, t, u, i);
    if (!strcmp(count, "1")) out_line(o, "%s(c, 0, 0);", name);
    else out_line(o, "%s, %s, c, %s);", t->at.parallel, name, count);
    const char *const fixed[][2] = { { "n", t->at.n }, { NULL, NULL } };
    if (u->finish_tasks)
        out_line(o, "%s, %s_finish, c, %lld);", t->at.parallel, name, (long long)u->finish_tasks);
    else if (u->fn->finish.name)
        graph_call(e, o, t, u, &u->fn->finish, fixed);
}

/* A kernel of one task, on the thread that is here. */
static void run_one(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    const char *const fixed[][2] = { { "task", "0" }, { "n", "n" }, { "scratch", "c->workers" },
                                     { "seed", "c->seed" }, { "step", "c->step" }, { NULL, NULL } };
    const char *const n[][2] = { { "n", "n" }, { NULL, NULL } };
    u->fn->inlined = true;
    graph_call(e, o, t, u, &u->fn->main, fixed);
    if (u->fn->finish.name) graph_call(e, o, t, u, &u->fn->finish, n);
}

/* Is it no more work than some calls, and nothing for several threads? */
static bool is_small(const Graph *g, const KernelUse *u, bool blocks)
{
    enum { SMALL_FLOP = 20000 };
    double flop = 0;
    if (blocks) return false;
    for (int i = 0; i < g->n_kernel; i++) {
        if (ir_runs_once(g, i)) continue;
        if (u[i].tasks.count != 1 || u[i].prepare_tasks || u[i].finish_tasks) return false;
        flop += ir_kernel_flop(g, i);
    }
    return g->n_kernel && flop <= SMALL_FLOP;
}

/* One function, twice: where the batch is full the compiler knows how often its loops turn, and the
 * arena, if small, is the function's own: what nobody reads from memory need not go there. */
static void run_whole(Emit *e, Out *o, GraphText *t, const KernelUse *u)
{
    enum { OWN_BYTES = 4096 };
    const char *name = t->g->name;
    long long full = (long long)e->m->capacity, bytes = (long long)t->g->arena_bytes;
    bool own = bytes > 0 && bytes <= OWN_BYTES;
    t->at.arena = "arena";
    reach(e, SNIP_inlined);
    out_line(o, "static INLINED void all_of_%s(const rt_call *c, int64_t n, char *arena)", name);
    out_open(o, "%s", "");
    if (!bytes || t->g->kept_bytes) out_line(o, "(void)arena;");
    for (int i = 0; i < t->g->n_kernel; i++)
        if (!ir_runs_once(t->g, i)) run_one(e, o, t, &u[i]);
    out_close(o, "");
    out_line(o, "%s", "");
    out_line(o, "static void run_%s(const rt_call *c)", name);
    out_open(o, "%s", "");
    if (full > 1) out_open(o, "if (c->n == %lld)", full);
    if (own) out_line(o, "char arena[%lld] __attribute__((aligned(RT_ALIGN)));", bytes);
    out_line(o, "all_of_%s(c, %lld, %s);", name, full, own ? "arena" : "c->arena");
    if (full > 1) {
        out_close(o, " else {");
        out_deeper(o, 1);
        out_line(o, "all_of_%s(c, c->n, c->arena);", name);
        out_close(o, "");
    }
    out_close(o, "");
}

static void run_kernels(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    const Graph *g = t->g;
    bool any = false;
    out_line(o, "static void run_%s(const rt_call *c)", g->name);
    out_open(o, "%s", "");
    for (int i = 0; i < g->n_kernel; i++) {
        if (ir_runs_once(g, i)) continue;
        run_kernel(e, o, t, &u[i], i);
        any = true;
    }
    if (!any) out_line(o, "(void)c;");
    out_close(o, "");
}

/* What the graph keeps from one call to the next. */
static void run_kept(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    const Graph *g = t->g;
    out_line(o, "/* Once, when weights have changed. */");
    out_line(o, "static void keep_%s(const rt_call *c)", g->name);
    out_open(o, "%s", "");
    for (int i = 0; i < g->n_kernel; i++) {
        if (ir_runs_once(g, i)) run_kernel(e, o, t, &u[i], i);
        if (ir_keeps_shared(g, i)) run_first(e, o, t, &u[i], i);
    }
    out_close(o, "");
    out_line(o, "%s", "");
}

/* ---- without the runtime ---- */

/* A stage's tasks, one after the other, or the one that there is. */
static void loop_tasks(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *s,
                       const char *tasks)
{
    bool one = !strcmp(tasks, "1");
    const char *const fixed[][2] = { { "task", one ? "0" : "task" }, { "n", t->at.n },
                                     { "scratch", t->at.workers }, { "seed", t->at.seed },
                                     { "step", t->at.step }, { NULL, NULL } };
    if (!one) {
        out_line(o, "for (int64_t task = 0; task < %s; task++)", tasks);
        out_deeper(o, 1);
    }
    graph_call(e, o, t, u, s, fixed);
    if (!one) out_deeper(o, -1);
}

static void loop_kernel(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    if (u->prepare_tasks)
        loop_tasks(e, o, t, u, &u->fn->prepare, text(e, "%lld", (long long)u->prepare_tasks));
    loop_tasks(e, o, t, u, &u->fn->main, graph_tasks(e, t, u));
    const char *const once[][2] = { { "n", t->at.n }, { NULL, NULL } };
    if (u->finish_tasks)
        loop_tasks(e, o, t, u, &u->fn->finish, text(e, "%lld", (long long)u->finish_tasks));
    else if (u->fn->finish.name)
        graph_call(e, o, t, u, &u->fn->finish, once);
}

void graph_launches(Emit *e, const Graph *g, const Names *at, bool once, Out *o)
{
    const GraphText t = { .g = g, .at = *at };
    for (int i = 0; i < g->n_kernel; i++) {
        if (at->keeps && ir_runs_once(g, i) != once) continue;
        const KernelUse u = kernel_emit(e, g, i);
        run_kernel(e, o, &t, &u, i);
    }
}

void graph_calls(Emit *e, const Graph *g, const Names *at, Out *tasks, Out *o)
{
    GraphText t = { .g = g, .at = *at };
    for (int i = 0; i < g->n_kernel; i++) {
        if (at->keeps && ir_runs_once(g, i)) continue;
        KernelUse u = kernel_emit(e, g, i);
        int64_t bytes = ir_worker_bytes(g, &g->kernel[i], e->o->target->vector_bytes);
        t.at.worker_bytes = bytes;
        t.at.workers = text_shift(e, at->arena, ir_workspace_place(g, i, at->n_workers * bytes));
        if (at->keeps && ir_keeps_shared(g, i)) u.prepare_tasks = 0;
        if (u.prepare_tasks) u.fn->prepares = true;
        if (!at->parallel) {
            loop_kernel(e, o, &t, &u);
        } else {
            wrappers(e, tasks, &t, &u, i);
            run_kernel(e, o, &t, &u, i);
        }
    }
}

GraphText graph_text(Emit *e, const Graph *g)
{
    GraphText t = { .g = g,
                    .out = out_new(e->a),
                    .at = names_call,
                    .input = arena_alloc(e->a, g->n_node, sizeof(Val)) };
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input) t.input[t.n_input++] = (Val){ i };
    KernelUse *u = arena_alloc(e->a, (size_t)g->n_kernel + 1, sizeof *u);
    for (int i = 0; i < g->n_kernel; i++) u[i] = kernel_emit(e, g, i);
    Out *o = t.out;
    out_line(o, "/* ---- %s ---- */", g->name);
    out_line(o, "%s", "");
    bool blocks = e->l->blocks, small = is_small(g, u, blocks);
    for (int i = 0; i < g->n_kernel && !blocks; i++)
        if (!small || ir_runs_once(g, i)) wrappers(e, o, &t, &u[i], i);
    if (g->kept_bytes) run_kept(e, o, &t, u);
    if (g->one_block) one_block(e, o, &t, u);
    else if (small) run_whole(e, o, &t, u);
    else run_kernels(e, o, &t, u);
    return t;
}
