/* codegen/one_block.c: a graph whose kernels are one block's, in one launch (passes/blocks.c says
 * which). Kernels are functions of the block's threads, task after task; threads wait between two
 * that need each other's memory, and nowhere else. The arena lies in shared memory where it fits,
 * after what kernels share there. Sums are those of the same kernels launched one by one, in the same
 * order: the same bits. */
#include "codegen/program.h"
#include <string.h>

/* ---- who waits for whom ---- */

/* Bytes of one place that a kernel reads or writes. */
typedef struct Touch { Place place; int64_t bytes; bool written; } Touch;

/* What has been touched since the threads waited last, and whether what they share has been. */
typedef struct Open { Touch *touch; int n; bool shared; } Open;

/* Of the arena's values at that place the kernel sees one, whose buffer says how long it is. */
static int64_t slot_bytes(const Graph *g, int kernel, const Slot *s)
{
    int64_t bytes = ir_stored_bytes(&s->type, g->module->capacity);
    for (int i = 0; i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        bool here = (b->kind == BUF_ARENA || b->kind == BUF_SCRATCH)
                 && b->offset_bytes == s->place.offset_bytes && b->first <= kernel
                 && kernel <= b->last;
        if (here && b->bytes > bytes) bytes = b->bytes;
    }
    return bytes;
}

/* Memory of the arena without a value of its own is common memory of tasks. */
static Where where(const Slot *s)
{
    return s->place.where == AT_NOWHERE ? AT_ARENA : s->place.where;
}

static bool meet(const Touch *a, const Touch *b)
{
    if (a->place.where != b->place.where || !(a->written || b->written)) return false;
    switch (a->place.where) {
    case AT_ARENA: case AT_KEPT:
        return a->place.offset_bytes < b->place.offset_bytes + b->bytes
            && b->place.offset_bytes < a->place.offset_bytes + a->bytes;
    case AT_STATE: return a->place.state.i == b->place.state.i;
    case AT_OUT: return a->place.out == b->place.out;
    default: return false;               /* inputs and scalars are read alone */
    }
}

static Touch touch_of(const Graph *g, int kernel, const Slot *s)
{
    Touch t = { s->place, 0, s->written };
    t.place.where = where(s);
    if (t.place.where == AT_ARENA || t.place.where == AT_KEPT) t.bytes = slot_bytes(g, kernel, s);
    return t;
}

static bool must_wait(const Open *open, const Graph *g, int kernel, const KernelUse *u)
{
    for (int i = 0; i < u->n_slot; i++) {
        Touch t = touch_of(g, kernel, &u->slot[i]);
        for (int j = 0; j < open->n; j++)
            if (meet(&open->touch[j], &t)) return true;
    }
    return false;
}

static void wait(Out *o, Open *open)
{
    out_line(o, "__syncthreads();");
    open->n = 0;
    open->shared = false;
}

/* ---- kernels in order ---- */

/* Calls a stage for each of its tasks, or once, where `tasks` is null. What threads share is free for
 * the next call when all have left the last. */
static void write_stage(Emit *e, Out *o, const GraphText *t, const KernelUse *u, const Stage *s,
                        const char *tasks, Open *open)
{
    bool once = !tasks, several = tasks && strcmp(tasks, "1") != 0, shares = s->shared_bytes > 0;
    const char *const fixed[][2] = { { "task", several ? "task" : "0" }, { "n", t->at.n },
                                     { "seed", t->at.seed }, { "step", t->at.step },
                                     { NULL, NULL } };
    if (several) out_open(o, "for (int64_t task = 0; task < %s; task++)", tasks);
    if (shares && (several || open->shared)) wait(o, open);
    open->shared |= shares;
    graph_call(e, o, t, u, s, once ? fixed + 1 : fixed);
    if (several) out_close(o, "");
}

static void write_kernel(Emit *e, Out *o, const GraphText *t, const KernelUse *u, int kernel,
                         Open *open)
{
    const Stage *main = &u->fn->main, *finish = &u->fn->finish;
    const char *tasks = graph_tasks(e, t, u);
    bool waits = strcmp(tasks, "1") != 0 && main->shared_bytes;      /* before each of them */
    if (!waits && must_wait(open, t->g, kernel, u)) wait(o, open);
    write_stage(e, o, t, u, main, tasks, open);
    if (finish->name) {
        bool warp = finish->threads < main->threads;
        wait(o, open);
        if (warp) out_open(o, "if (threadIdx.x < %d)", finish->threads);
        tasks = u->finish_tasks ? text(e, "%lld", (long long)u->finish_tasks) : NULL;
        write_stage(e, o, t, u, finish, tasks, open);
        if (warp) out_close(o, "");
    }
    open->touch = arena_grow(e->a, open->touch, (size_t)open->n, (size_t)(open->n + u->n_slot) + 1,
                             sizeof *open->touch);
    for (int i = 0; i < u->n_slot; i++)
        open->touch[open->n++] = touch_of(t->g, kernel, &u->slot[i]);
}

static void write_kernels(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    Open open = { 0 };
    for (int i = 0; i < t->g->n_kernel; i++)
        if (!ir_runs_once(t->g, i)) write_kernel(e, o, t, &u[i], i, &open);
}

/* What kernels share at most, in whole lines. */
static int64_t shared_bytes(const GraphText *t, const KernelUse *u)
{
    int64_t most = 0;
    for (int i = 0; i < t->g->n_kernel; i++) {
        const Stage *const stage[] = { &u[i].fn->main, &u[i].fn->finish };
        for (int k = 0; k < 2; k++)
            if (stage[k]->shared_bytes > most) most = stage[k]->shared_bytes;
    }
    return ir_round64(most);
}

/* ---- the kernel ---- */

/* Does a kernel copy what it reads into shared memory, out of memory that is not? */
static bool copies(const Graph *g)
{
    for (int i = 0; i < g->n_kernel; i++)
        if (ir_is_mma(g->kernel[i].algo)) return true;
    return false;
}

/* Is any of the graph's kernels given something there? */
static bool uses(const GraphText *t, const KernelUse *u, Where there)
{
    for (int i = 0; i < t->g->n_kernel; i++)
        for (int k = 0; k < u[i].n_slot && !ir_runs_once(t->g, i); k++)
            if (where(&u[i].slot[k]) == there) return true;
    return false;
}

/* Its parameters: declaration, what a launch gives for it, what it is. */
typedef struct List { const char **decl, **arg, **what; int n; } List;

static void add(List *l, const char *decl, const char *arg, const char *what)
{
    l->decl[l->n] = decl;
    l->arg[l->n] = arg;
    l->what[l->n++] = what;
}

/* Parameters in_0, in_1 … or out_0 …, which the body has as an array of this name. */
static void add_values(Emit *e, Out *body, List *l, const char *type, const char *array,
                       const char *const *name, int n)
{
    const char *s = "";
    for (int i = 0; i < n; i++) {
        add(l, text(e, "%s *%s_%d", type, array, i), text(e, "c->%s[%d]", array, i), name[i]);
        s = text(e, "%s%s%s_%d", s, i ? ", " : "", array, i);
    }
    out_line(body, "%s *const %s[] = { %s };", type, array, s);
}

static List parameters(Emit *e, Out *body, const GraphText *t, const KernelUse *u, bool arena)
{
    const Graph *g = t->g;
    size_t most = (size_t)(t->n_input + g->n_root + 5);
    List l = { arena_alloc(e->a, most, sizeof *l.decl), arena_alloc(e->a, most, sizeof *l.arg),
               arena_alloc(e->a, most, sizeof *l.what), 0 };
    const char **input = arena_alloc(e->a, most, sizeof *input);
    const char **result = arena_alloc(e->a, most, sizeof *result);
    int results = 0;
    for (int i = 0; i < t->n_input; i++) input[i] = ir_node(g, t->input[i])->name;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN) result[results++] = g->root[i].name;
    if (uses(t, u, AT_INPUT)) add_values(e, body, &l, "const void", "in", input, t->n_input);
    if (uses(t, u, AT_OUT)) add_values(e, body, &l, "void", "out", result, results);
    if (uses(t, u, AT_STATE)) add(&l, "char *state", "c->state", "parameters, optimizer's slots");
    if (uses(t, u, AT_KEPT)) add(&l, "char *kept", "c->kept", "what is made of weights");
    if (arena) add(&l, "char *arena", "c->arena", "what kernels leave for each other");
    if (uses(t, u, AT_SCALAR))
        add(&l, "const void *scalars", "c->scalars", "learning rates and the like");
    return l;
}

static const char *parameter_text(Emit *e, const List *l)
{
    Out *o = out_new(e->a);
    graph_list(e, o, l->decl, l->what, l->n, ",");
    return text(e, "\n%s    int64_t n)", out_text(o));
}

static void write_launch(Emit *e, Out *o, const GraphText *t, const char *kernel, const List *l)
{
    out_line(o, "static void run_%s(const rt_call *c)", t->g->name);
    out_open(o, "%s", "");
    out_line(o, "const void *const memory[] = {");
    graph_list(e, o, l->arg, l->what, l->n, ",");
    out_line(o, "};");
    out_line(o, "rt_launch(c, K_%s, 1, memory, %d);", kernel, l->n);
    out_close(o, "");
}

void one_block(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    const Graph *g = t->g;
    int64_t shared = shared_bytes(t, u);
    bool arena = uses(t, u, AT_ARENA);
    bool here = arena && !copies(g) && shared + g->arena_bytes <= e->o->target->block_bytes;
    GraphText inside = *t;
    inside.at = (Names){ .in = "in", .out = "out", .state = "state", .arena = "arena", .kept = "kept",
                         .scalars = "scalars", .n = "n", .seed = "counters[0]",
                         .step = "counters[1]" };
    Out *body = out_new(e->a);
    out_open(body, "%s", "");
    Out *calls = out_beside(e->a, body);
    List l = parameters(e, body, t, u, arena && !here);
    if (here) out_line(body, "SHARED(char, block);");
    if (here) out_line(body, "char *const arena = block + %lld;", (long long)shared);
    write_kernels(e, calls, &inside, u);
    if (out_mentions(out_text(calls), "counters"))
        add(&l, "const uint64_t *counters", "c->counters", "seed, step");
    out_raw(body, out_text(calls));
    out_close(body, "");
    Stage main = { .name = text(e, "%s_in_one_block", g->name), .params = parameter_text(e, &l),
                   .body = out_text(body), .threads = e->o->target->block_threads,
                   .shared_bytes = shared + (here ? g->arena_bytes : 0) };
    KernelFn *f = arena_alloc(e->a, 1, sizeof *f);
    *f = (KernelFn){ .main = main, .users = "", .first = g, .last = g,
                     .head = text(e, "/* All kernels of %s, by one block. Its threads wait where one "
                                  "needs what\n * another left.", g->name) };
    kernel_add(e, f);
    write_launch(e, o, t, main.name, &l);
}
