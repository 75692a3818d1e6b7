/* codegen/one_block.c: a graph whose kernels are one block's, in one launch (passes/blocks.c says
 * which). Kernels are functions of the block's threads, task after task; threads wait between two
 * that need each other's memory, and nowhere else. Sums are those of the same kernels launched one
 * by one, in the same order: the same bits.
 *
 * A graph is a function of a kernel that runs it once or, where it is such a graph, step after step
 * (steps.c). In shared memory, after what kernels share there, lie the arena and, for many steps,
 * results, inputs and states, as far as there is room.
 *
 * Where the time goes, reckoned (not measured) for 16-64-10 at batch 32 with momentum by the numbers
 * of an H200: 128 multiply-adds and 128 bytes of shared memory a cycle, 1.8 GHz, 30 cycles for an
 * answer of shared memory, 270 of the second cache.
 *
 *     products: 127,000 multiply-adds alone would be 1000 cycles; their factors' reads     3100
 *     the factors' way to the tiles                                                        1000
 *     35 barriers, of 40 cycles with what threads wait for each other                      1400
 *     the loss: a row a thread, 10 exponentials in turn, twice; its sums in double         1800
 *     the biases' gradients and updates                                                     900
 *     the next batch: row, order and sample, one load after the other                       900
 *
 * That is 9100 cycles, 5 us; launches of 12 kernels are 1.5 to 2 us each. So a thread has several
 * results of a product, and short rows alone. */
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
        bool here = ir_in_arena(b)
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

/* Calls a stage for each of its tasks, or once, where `tasks` is null. What threads share is free
 * for the next call when all have left the last. */
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

/* ---- the function ---- */

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

/* A parameter of the function: its declaration, which ends in its name; what it is; what a launch
 * gives for it. */
typedef struct Param { const char *decl, *what, *given; Where where; } Param;

typedef struct Whole {
    Emit *e;
    const GraphText *t;
    const KernelUse *u;
    const Stage *function;
    Param *param; int n_param;
    bool counted;                     /* it wants seed and step, too */
    int64_t shared_bytes;             /* what kernels share */
    bool moved;                       /* states come into shared memory, and go back */
} Whole;

static const char *name_of(const Param *p)
{
    const char *name = strrchr(p->decl, ' ') + 1;
    return *name == '*' ? name + 1 : name;
}

static void add(Whole *w, const char *decl, const char *what, const char *given, Where there)
{
    w->param[w->n_param++] = (Param){ decl, what, given, there };
}

/* Inputs in_0, in_1 … or results out_0 …, which the body has as an array of that name. */
static void add_values(Whole *w, Out *body, const char *type, const char *array, Where there,
                       const char *const *name, int n)
{
    Emit *e = w->e;
    const char *s = "";
    for (int i = 0; i < n; i++) {
        add(w, text(e, "%s *%s_%d", type, array, i), name[i], text(e, "c->%s[%d]", array, i), there);
        s = text(e, "%s%s%s_%d", s, i ? ", " : "", array, i);
    }
    out_line(body, "%s *const %s[] = { %s };", type, array, s);
}

static void find_parameters(Whole *w, Out *body)
{
    Emit *e = w->e;
    const Graph *g = w->t->g;
    size_t most = (size_t)(w->t->n_input + g->n_root + 4);
    const char **input = arena_alloc(e->a, most, sizeof *input);
    const char **result = arena_alloc(e->a, most, sizeof *result);
    int results = 0;
    w->param = arena_alloc(e->a, most, sizeof *w->param);
    for (int i = 0; i < w->t->n_input; i++) input[i] = ir_node(g, w->t->input[i])->name;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN) result[results++] = g->root[i].name;
    static const Param others[] = {
        { "char *state", "parameters, optimizer's slots", "c->state", AT_STATE },
        { "char *kept", "what is made of weights", "c->kept", AT_KEPT },
        { "char *arena", "what kernels leave for each other", "c->arena", AT_ARENA },
        { "const void *scalars", "learning rates and the like", "c->scalars", AT_SCALAR },
    };
    if (uses(w->t, w->u, AT_INPUT))
        add_values(w, body, "const void", "in", AT_INPUT, input, w->t->n_input);
    if (uses(w->t, w->u, AT_OUT)) add_values(w, body, "void", "out", AT_OUT, result, results);
    for (int i = 0; i < 4; i++)
        if (uses(w->t, w->u, others[i].where)) w->param[w->n_param++] = others[i];
}

/* Parameters, one a line, before n; without what the kernel has in shared memory. */
static const char *parameter_text(const Whole *w, bool arena, const char *others)
{
    Out *o = out_new(w->e->a);
    const char **decl = arena_alloc(w->e->a, (size_t)w->n_param, sizeof *decl);
    const char **what = arena_alloc(w->e->a, (size_t)w->n_param, sizeof *what);
    int n = 0;
    for (int i = 0; i < w->n_param; i++) {
        if (w->param[i].where == AT_ARENA && !arena) continue;
        decl[n] = w->param[i].decl;
        what[n++] = w->param[i].what;
    }
    graph_list(w->e, o, decl, what, n, ",");
    return text(w->e, "\n%s    %sint64_t n)", out_text(o), others);
}

static KernelFn *add_kernel(Whole *w, Stage main, const char *head, bool inlined)
{
    KernelFn *f = arena_alloc(w->e->a, 1, sizeof *f);
    main.threads = w->e->o->target->block_threads;
    *f = (KernelFn){ .main = main, .users = "", .first = w->t->g, .head = head,
                     .inlined = inlined };
    kernel_add(w->e, f);
    return f;
}

/* Kernels in order, of memory wherever it lies. */
static void write_function(Whole *w)
{
    Emit *e = w->e;
    GraphText inside = *w->t;
    inside.at = (Names){ .in = "in", .out = "out", .state = "state", .arena = "arena", .kept = "kept",
                         .scalars = "scalars", .n = "n", .seed = "seed", .step = "step" };
    Out *body = out_new(e->a);
    out_open(body, "%s", "");
    find_parameters(w, body);
    Out *calls = out_beside(e->a, body);
    write_kernels(e, calls, &inside, w->u);
    w->counted = out_mentions(out_text(calls), "seed") || out_mentions(out_text(calls), "step");
    out_raw(body, out_text(calls));
    out_close(body, "");
    const char *counters = w->counted ? "uint64_t seed, uint64_t step, " : "";
    Stage main = { .name = text(e, "%s_of_block", w->t->g->name),
                   .params = parameter_text(w, true, counters), .body = out_text(body) };
    const char *head = text(e, "/* All kernels of %s, by one block. Its threads wait where one needs "
                            "what\n * another left.", w->t->g->name);
    w->function = &add_kernel(w, main, head, true)->main;
}

/* Calls it: arguments by their names, those outside of shared memory where `there` is their list, by
 * number; but for the last ones. */
static void write_call(const Whole *w, Out *o, const char *const *there, const char *scalars,
                       const char *counters, const char *n)
{
    const char *s = "";
    for (int i = 0; i < w->n_param; i++) {
        const char *name = there && there[i] ? there[i] : name_of(&w->param[i]);
        s = text(w->e, "%s%s, ", s, w->param[i].where == AT_SCALAR ? scalars : name);
    }
    out_line(o, "%s(%s%s%s);", w->function->name, s, w->counted ? counters : "", n);
}

/* ---- one step ---- */

static void write_launch(const Whole *w, Out *o, const char *kernel, const char *const *given,
                         const char *const *what, int n)
{
    out_line(o, "static void run_%s(const rt_call *c)", w->t->g->name);
    out_open(o, "%s", "");
    out_line(o, "const void *const memory[] = {");
    graph_list(w->e, o, given, what, n, ",");
    out_line(o, "};");
    out_line(o, "rt_launch(c, K_%s, 1, memory, %d);", kernel, n);
    out_close(o, "");
}

/* A kernel that runs the graph once. */
static void write_once(Whole *w, Out *o)
{
    Emit *e = w->e;
    const Graph *g = w->t->g;
    bool arena = uses(w->t, w->u, AT_ARENA);
    bool here = arena && !copies(g)
             && w->shared_bytes + g->arena_bytes <= e->o->target->block_bytes;
    Out *body = out_new(e->a);
    out_open(body, "%s", "");
    if (here) out_line(body, "SHARED(char, block);");
    if (here) out_line(body, "char *const arena = block + %lld;", (long long)w->shared_bytes);
    write_call(w, body, NULL, "scalars", "counters[0], counters[1], ", "n");
    out_close(body, "");
    const char *counters = w->counted ? "const uint64_t *counters,  /* seed, step */\n    " : "";
    Stage main = { .name = text(e, "%s_in_one_block", g->name), .body = out_text(body),
                   .params = parameter_text(w, arena && !here, counters),
                   .shared_bytes = w->shared_bytes + (here ? g->arena_bytes : 0) };
    add_kernel(w, main, text(e, "/* Runs %s once.", g->name), false);
    const char **given = arena_alloc(e->a, (size_t)w->n_param + 1, sizeof *given);
    const char **what = arena_alloc(e->a, (size_t)w->n_param + 1, sizeof *what);
    int n = 0;
    for (int i = 0; i < w->n_param; i++) {
        if (w->param[i].where == AT_ARENA && (!arena || here)) continue;
        given[n] = w->param[i].given;
        what[n++] = w->param[i].what;
    }
    given[n] = "c->counters";
    what[n] = "seed, step";
    write_launch(w, o, main.name, given, what, n + w->counted);
}

/* ---- many steps ---- */

/* The next bytes of the block's shared memory, or -1 where there are not so many. */
static int64_t place(const Whole *w, int64_t *used, int64_t bytes)
{
    int64_t at = *used, end;
    if (__builtin_add_overflow(at, bytes, &end) || end > w->e->o->target->block_bytes - 63) return -1;
    *used = ir_round64(end);
    return at;
}

/* Declares a local pointer into shared memory, or where that is full the parameter's. */
static void write_local(Whole *w, Out *o, const char *type, const char *name, int64_t bytes,
                        const char *there, int64_t *used)
{
    int64_t at = place(w, used, bytes);
    bool plain = !strcmp(type, "char");
    if (at < 0) out_line(o, "%s *const %s = %s;", type, name, there);
    else if (plain) out_line(o, "char *const %s = block + %lld;", name, (long long)at);
    else out_line(o, "%s *const %s = (%s *)(block + %lld);", type, name, type, (long long)at);
}

/* States come into shared memory at first, and go back at last. */
static void write_states(const Whole *w, Out *o, const char *to, const char *from)
{
    out_line(o, "for (int64_t k = threadIdx.x; k < %lld; k += %d)",
             (long long)w->e->m->state_bytes / 8, w->e->o->target->block_threads);
    out_line(o, "    ((uint64_t *)%s)[k] = ((const uint64_t *)%s)[k];", to, from);
}

/* Where a step's values lie: results at first, which are small, then what is read most. */
static void write_places(Whole *w, Out *o)
{
    Emit *e = w->e;
    const Graph *g = w->t->g;
    int64_t used = w->shared_bytes;
    int results = 0;
    for (int i = 0; i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_RETURN) continue;
        const Type *t = ir_type(g, g->root[i].val);
        write_local(w, o, e->l->type[t->dtype], text(e, "out_%d", results),
                    ir_stored_bytes(t, g->module->capacity), text(e, "out_there_%d", results), &used);
        results++;
    }
    if (uses(w->t, w->u, AT_ARENA))
        write_local(w, o, "char", "arena", g->arena_bytes, "arena_there", &used);
    for (int i = 0; i < w->t->n_input; i++) {
        const Node *x = ir_node(g, w->t->input[i]);
        write_local(w, o, e->l->type[x->type.dtype], text(e, "in_%d", i),
                    ir_stored_bytes(&x->type, g->module->capacity),
                    !strcmp(x->name, "x") ? "x_to" : "y_to", &used);
    }
    int64_t at = place(w, &used, g->module->state_bytes);
    w->moved = at >= 0;
    if (!out_mentions(out_text(o), "arena_there")) out_line(o, "(void)arena_there;");
    if (!uses(w->t, w->u, AT_SCALAR)) out_line(o, "(void)scalars;");
    if (at < 0) out_line(o, "char *const state = states;");
    else out_line(o, "char *const state = block + %lld;", (long long)at);
    w->shared_bytes = used;
}

/* What the caller has of a step's values: of the function's parameters, by number; null: else. */
static const char **values_there(const Whole *w)
{
    const Graph *g = w->t->g;
    const char **there = arena_alloc(w->e->a, (size_t)w->n_param + 1, sizeof *there);
    int in = 0, out = 0;
    for (int i = 0; i < w->n_param; i++)
        switch (w->param[i].where) {
        case AT_INPUT:
            there[i] = strcmp(ir_node(g, w->t->input[in++])->name, "x") ? "y_to" : "x_to";
            break;
        case AT_OUT: there[i] = text(w->e, "out_there_%d", out++); break;
        case AT_STATE: there[i] = "states"; break;
        default: break;
        }
    return there;
}

/* The launch for one step: what the rows and the set are of is null. */
static void write_single(const Whole *w, Out *o, const char *kernel)
{
    Emit *e = w->e;
    const Graph *g = w->t->g;
    int x = strcmp(ir_node(g, w->t->input[0])->name, "x") != 0, n = 13, out = 0;
    const char **given = arena_alloc(e->a, (size_t)(n + g->n_root), sizeof *given);
    const char **what = arena_alloc(e->a, (size_t)(n + g->n_root), sizeof *what);
    const char *const first[] = {
        "c->counters", "0", "0", "0", "0", "0", "0", "0", text(e, "c->in[%d]", x),
        text(e, "c->in[%d]", 1 - x), "c->state", "c->arena", "c->scalars",
    };
    const char *const about[] = {
        "seed, step", "rows", "report", "order", "x", "span", "table", "y", "x", "target",
        "parameters, optimizer's slots", "what kernels leave for each other",
        "learning rates and the like",
    };
    memcpy(given, first, sizeof first);
    memcpy(what, about, sizeof about);
    for (int i = 0; i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_RETURN) continue;
        given[n] = text(e, "c->out[%d]", out++);
        what[n++] = g->root[i].name;
    }
    write_launch(w, o, kernel, given, what, n);
}

/* Does it take rows? Then its inputs are a batch and its targets. */
static bool takes_rows(const Whole *w)
{
    const Graph *g = w->t->g;
    bool whole = uses(w->t, w->u, AT_INPUT) && uses(w->t, w->u, AT_OUT) && uses(w->t, w->u, AT_STATE);
    return whole && steps_are(g) && w->t->n_input == 2 && !copies(g) && !g->kept_bytes;
}

/* A kernel that runs it for each of n rows, with batches out of the set, or once, on what is there. */
static void write_steps(Whole *w, Out *run)
{
    Emit *e = w->e;
    const Graph *g = w->t->g;
    Out *o = out_new(e->a);
    out_open(o, "%s", "");
    out_line(o, "SHARED(char, block);");
    write_places(w, o);
    out_open(o, "if (!rows)");
    write_call(w, o, values_there(w), "scalars", "control->seed, control->step, ", "n");
    out_line(o, "return;");
    out_close(o, "");
    if (w->moved) write_states(w, o, "state", "states");
    out_line(o, "const int64_t first = control->next;");
    out_open(o, "for (int64_t i = first; i < first + n; i++)");
    out_line(o, "const Row *const row = rows + i;");
    steps_gather(e, o, g, w->t->input);
    out_line(o, "__syncthreads();");
    write_call(w, o, NULL, "row->scalar", "control->seed, row->step, ", "row->n");
    out_line(o, "__syncthreads();");
    steps_report(e, o, g);
    out_close(o, "");
    if (w->moved) write_states(w, o, "states", "state");
    out_line(o, "if (threadIdx.x == 0) control->next = first + n;");
    out_close(o, "");
    Stage main = { .name = steps_name(e, g), .params = steps_parameters(e, g), .body = out_text(o),
                   .shared_bytes = w->shared_bytes };
    add_kernel(w, main, text(e, "/* Runs %s for each of n rows, from row `next` on, and without rows "
                             "once.", g->name), false);
    write_single(w, run, main.name);
}

void one_block(Emit *e, Out *o, const GraphText *t, const KernelUse *u)
{
    Whole w = { .e = e, .t = t, .u = u, .shared_bytes = shared_bytes(t, u) };
    write_function(&w);
    if (takes_rows(&w)) write_steps(&w, o);
    else write_once(&w, o);
}
