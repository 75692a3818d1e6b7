/* codegen/program.c: the whole file. Kernels come first in the order in which graphs reach them,
 * then the graphs (where each kernel's memory lies, and the calls in order), then the tables that
 * the runtime reads, and main. A program for several targets has a file for each, and main in one
 * of its own: that one runs before it is known what the processor has. The same module gives the
 * same bytes. */
#include "codegen/program.h"
#include <ctype.h>
#include <string.h>

/* ---- graphs ---- */

typedef struct GraphText {
    const Graph *g;
    Out *out;
    Val *input; int n_input;
    const char *arena;                /* where it is, as C */
} GraphText;

static int input_index(const GraphText *t, const char *name)
{
    for (int i = 0; i < t->n_input; i++)
        if (!strcmp(ir_node(t->g, t->input[i])->name, name)) return i;
    ir_die(t->g->module, "graph %s has no input %s", t->g->name, name);
}

static int scalar_index(const Module *m, const char *name)
{
    for (int i = 0; i < m->prog.n_scalar; i++)
        if (!strcmp(m->prog.scalar[i].name, name)) return i;
    ir_die(m, "nothing defines the scalar %s", name);
}

/* Where a parameter's memory is, as C; `what` says for people what it is. */
static const char *address(Emit *e, const GraphText *t, const Slot *s, const char **what)
{
    const char *type = e->l->type[s->type.dtype], *constant = s->written ? "" : "const ";
    *what = s->place.base.i ? text(e, "%%%d", ir_printed_number(t->g, s->place.base)) : "";
    switch (s->place.where) {
    case AT_SCALAR:
        *what = "";
        return text(e, "((const %s *)c->scalars)[%d]", type, scalar_index(e->m, s->place.name));
    case AT_INPUT:
        *what = s->place.name;
        return text(e, "(const %s *)c->in[%d]", type, input_index(t, s->place.name));
    case AT_STATE:
        *what = ir_state(e->m, s->place.state)->key;
        return text(e, "(%s%s *)(c->state + %lld)", constant, type,
                    (long long)ir_state(e->m, s->place.state)->offset_bytes);
    case AT_OUT: {
        int out = 0;
        for (int i = 0; i < t->g->n_root; i++)
            if (t->g->root[i].kind == ROOT_RETURN && out++ == s->place.out)
                *what = t->g->root[i].name;
        return text(e, "(%s%s *)c->out[%d]", constant, type, s->place.out);
    }
    default:
        if (s->note) *what = s->note;
        return text(e, "(%s%s *)(%s + %lld)", constant, type,
                    s->place.where == AT_KEPT ? "c->kept" : t->arena,
                    (long long)s->place.offset_bytes);
    }
}

/* f(fixed…, memory…); with what each argument is. */
static void call(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *stage,
                 const char *const (*fixed)[2])
{
    const char *line = text(e, "%s(", stage->name), *arg[MAX_SLOTS], *what[MAX_SLOTS];
    bool any = false;
    for (int i = 0; fixed[i][0]; i++) {
        if (!out_mentions(stage->body, fixed[i][0])) continue;
        line = text(e, "%s%s%s", line, any ? ", " : "", fixed[i][1]);
        any = true;
    }
    int n = 0, width = 0;
    for (int i = 0; i < u->n_slot; i++) {
        if (!out_mentions(stage->body, u->slot[i].name)) continue;
        arg[n] = address(e, t, &u->slot[i], &what[n]);
        if ((int)strlen(arg[n]) > width) width = (int)strlen(arg[n]);
        n++;
    }
    out_line(o, "%s%s", line, n ? any ? "," : "" : ");");
    out_deeper(o, 1);
    for (int i = 0; i < n; i++) {
        const char *end = i + 1 < n ? "," : ");";
        if (*what[i])
            out_line(o, "%s%s%*s/* %s */", arg[i], end,
                     width - (int)strlen(arg[i]) + (i + 1 < n ? 2 : 1), "",
                     out_comment(e->a, what[i]));
        else
            out_line(o, "%s%s", arg[i], end);
    }
    out_deeper(o, -1);
}

static void wrapper(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const char *name,
                    const Stage *stage)
{
    const char *scratch =
        text(e, "c->workers + worker * INT64_C(%lld)", (long long)t->g->worker_bytes);
    const char *const fixed[][2] = { { "task", "task" }, { "n", "c->n" }, { "scratch", scratch },
                                     { "seed", "c->seed" }, { "step", "c->step" }, { NULL, NULL } };
    out_line(o, "static void %s(const void *ctx, int64_t task, int worker)", name);
    out_open(o, "%s", "");
    out_line(o, "const rt_call *const c = (const rt_call *)ctx;");
    if (!out_mentions(stage->body, "task")) out_line(o, "(void)task;");
    if (!out_mentions(stage->body, "scratch")) out_line(o, "(void)worker;");
    call(e, o, t, u, stage, fixed);
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

static const char *ceil_text(Emit *e, Extent size, int64_t full, int64_t tile)
{
    if (tile >= full) return "1";
    if (!size.n) return text(e, "%lld", (long long)((full + tile - 1) / tile));
    const char *s =
        text_simple(extent_text(e, size)) ? "c->n" : text(e, "%lld * c->n", (long long)size.k);
    return text(e, "(%s + %lld) / %lld", s, (long long)tile - 1, (long long)tile);
}

/* What comes before the tasks of kernel i. */
static void run_first(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int i)
{
    out_line(o, "rt_parallel(c->pool, %s_prepare, c, %lld);", kernel_name(e, t, i),
             (long long)u->prepare_tasks);
}

static void run_kernel(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int i)
{
    const char *down = ceil_text(e, u->rows, u->tasks.rows, u->tasks.tile_rows);
    const char *across = ceil_text(e, u->cols, u->tasks.cols, u->tasks.tile_cols);
    const char *count = !strcmp(across, "1") ? down
                        : !strcmp(down, "1") ? across
                                             : text(e, "%s * %s", down, text_atom(e, across));
    const char *name = kernel_name(e, t, i);
    if (u->prepare_tasks && !ir_keeps_shared(t->g, i)) run_first(e, o, t, u, i);
    if (!strcmp(count, "1")) out_line(o, "%s(c, 0, 0);", name);
    else out_line(o, "rt_parallel(c->pool, %s, c, %s);", name, count);
    const char *const fixed[][2] = { { "n", "c->n" }, { NULL, NULL } };
    if (u->finish_tasks)
        out_line(o, "rt_parallel(c->pool, %s_finish, c, %lld);", name, (long long)u->finish_tasks);
    else if (u->fn->finish.name)
        call(e, o, t, u, &u->fn->finish, fixed);
}

/* A kernel of one task, on the thread that is here. */
static void run_one(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    const char *const fixed[][2] = { { "task", "0" }, { "n", "n" }, { "scratch", "c->workers" },
                                     { "seed", "c->seed" }, { "step", "c->step" }, { NULL, NULL } };
    const char *const n[][2] = { { "n", "n" }, { NULL, NULL } };
    u->fn->inlined = true;
    call(e, o, t, u, &u->fn->main, fixed);
    if (u->fn->finish.name) call(e, o, t, u, &u->fn->finish, n);
}

/* Is it no more work than some calls, and nothing for several threads? */
static bool is_small(const Graph *g, const KernelUse *u)
{
    enum { SMALL_FLOP = 20000 };
    double flop = 0;
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
    t->arena = "arena";
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

static GraphText graph_text(Emit *e, const Graph *g)
{
    GraphText t = { .g = g,
                    .out = out_new(e->a),
                    .arena = "c->arena",
                    .input = arena_alloc(e->a, g->n_node, sizeof(Val)) };
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input) t.input[t.n_input++] = (Val){ i };
    KernelUse *u = arena_alloc(e->a, (size_t)g->n_kernel + 1, sizeof *u);
    for (int i = 0; i < g->n_kernel; i++) u[i] = kernel_emit(e, g, i);
    Out *o = t.out;
    out_line(o, "/* ---- %s ---- */", g->name);
    out_line(o, "%s", "");
    bool small = is_small(g, u);
    for (int i = 0; i < g->n_kernel; i++)
        if (!small || ir_runs_once(g, i)) wrappers(e, o, &t, &u[i], i);
    if (g->kept_bytes) run_kept(e, o, &t, u);
    if (small) run_whole(e, o, &t, u);
    else run_kernels(e, o, &t, u);
    return t;
}

/* ---- kernels ---- */

static void write_kernel(Emit *e, Out *o, const KernelFn *f)
{
    const char *note = *f->users ? text(e, "\n * Also in %s.", f->users + 2) : "";
    out_raw(o, text(e, "%s%s */\n", f->head, note));
    const char *kernel = f->inlined ? e->l->inlined : e->l->kernel;
    const Stage *const stage[] = { &f->prepare, &f->main, &f->finish };
    for (int i = 0; i < 3; i++)
        if (stage[i]->name)
            out_raw(o, text(e, "%s %s(%s\n%s\n", kernel, stage[i]->name, stage[i]->params,
                            stage[i]->body));
}

/* ---- the head ---- */

static const char *const about =
    " * A kernel computes a group of operations, cut into tasks that any thread may run: which\n"
    " * task computes what follows from shapes alone, so any number of threads gives the same\n"
    " * bits. A graph is its kernels in order; then come the tables that the runtime reads%s. */\n";

static void head(Emit *e, Out *o, const char *isa)
{
    const Module *m = e->m;
    const Program *p = &m->prog;
    const char *name = out_comment(e->a, p->name ? p->name : "program");
    out_line(o, "/* %s.c: generated by seqc %s from %s. Change the model and build again.", name,
             e->o->version, out_comment(e->a, e->o->source));
    out_line(o, " *");
    if (p->loss)
        out_line(o, " * %s%s%s.", out_comment(e->a, p->loss), p->optimizer ? ", " : "",
                 p->optimizer ? out_comment(e->a, p->optimizer) : "");
    out_line(o, " * %s, math %s, batches of n <= %lld, %s.",
             m->real == DT_f32 ? "float32" : "float64", ir_math[m->math].name,
             (long long)m->capacity, isa);
    out_line(o, " *");
}

void emit_main(const Module *m, const EmitOpts *variant, int n, FILE *out)
{
    Arena *a = arena_new();
    Emit e = { .m = m, .o = &variant[0], .l = &dialect_c, .a = a };
    Out *o = out_new(a);
    const char *isa = variant[0].target->name;
    for (int i = 1; i < n; i++)
        isa = text(&e, "%s%s%s", isa, i + 1 < n ? ", " : " and ", variant[i].target->name);
    head(&e, o, isa);
    out_line(o, " * Each instruction set has a file of its own; the runtime takes the first that");
    out_line(o, " * the processor has. This file is compiled for all processors. */");
    out_line(o, "#include \"runtime/rt.h\"");
    out_line(o, "%s", "");
    tables_main(&e, o, variant, n);
    fputs(out_text(o), out);
    arena_free(a);
}

void emit_program(const Module *m, const EmitOpts *opts, FILE *out)
{
    Arena *a = arena_new();
    Emit e = { .m = m, .o = opts, .l = &dialect_c, .a = a };
    GraphText *t = arena_alloc(a, (size_t)m->n_graph + 1, sizeof *t);
    for (int i = 0; i < m->n_graph; i++) {
        if (!m->graph[i]->has_plan)
            ir_die(m, "graph %s has no plan: codegen wants the module after the last pass",
                   m->graph[i]->name);
        t[i] = graph_text(&e, m->graph[i]);
    }
    Out *tables = out_new(a);
    for (int i = 0; i < m->n_graph; i++) tables_graph(&e, tables, t[i].g, t[i].input, t[i].n_input);
    tables_program(&e, tables);
    bool single = m->real == DT_f32;
    const Hole holes[] = {
        { "R", single ? "float" : "double" },
        { "S", single ? "f32" : "f64" },
        { "F", single ? "f" : "" },
        { "function", e.l->function },
        { "vector_bytes", text(&e, "%d", opts->target->vector_bytes) },
        { "lanes",
          text(&e, "%lld", (long long)(opts->target->vector_bytes / ir_dtype_bytes(m->real))) }
    };
    Out *o = out_new(a);
    head(&e, o, opts->target->name);
    out_raw(o, text(&e, about, opts->variant ? "" : ",\n * and main"));
    tables_includes(&e, o);
    snippets_write(o, e.reached, holes, (int)(sizeof holes / sizeof *holes));
    for (int i = 0; i < e.n_micro; i++) out_raw(o, text(&e, "%s\n", e.micro[i]));
    for (int i = 0; i < e.n_fn; i++) write_kernel(&e, o, e.fn[i]);
    for (int i = 0; i < m->n_graph; i++) out_raw(o, text(&e, "%s\n", out_text(t[i].out)));
    out_raw(o, out_text(tables));
    fputs(out_text(o), out);
    arena_free(a);
}

bool emit_is_short(const Module *m, const Target *t)
{
    int64_t most = 4 * t->vector_bytes / ir_dtype_bytes(m->real);
    for (int i = 0; i < m->n_graph; i++)
        for (uint32_t v = 1; v < m->graph[i]->n_node; v++)
            if (ir_elems_at(&m->graph[i]->node[v].type.shape, m->capacity) > most) return false;
    return true;
}

bool emit_uses_blas(const Module *m)
{
    for (int i = 0; i < m->n_graph; i++)
        for (int k = 0; k < m->graph[i]->n_kernel; k++)
            if (m->graph[i]->kernel[k].algo == ALGO_blas) return true;
    return false;
}
