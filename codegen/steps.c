/* codegen/steps.c: what lets a GPU take step after step without the host: text of kernels that stand
 * before and after those of a graph that trains or evaluates.
 *
 * The host sends rows, a row a step: which samples of a set, which step, what changes with it. `begin`
 * takes the next row and gathers its batch out of the set on the device; `end` leaves the step's
 * results in the next line of a report and goes on to the next row. Sets are stored as the host has
 * them (runtime/data.h): numbers, or bytes with a table of what each becomes. A set without memory
 * has its batches sent, and nothing is gathered.
 *
 * Each is a function of a block's number, for kernels that do several steps by themselves, and a
 * kernel of its own. That one copies targets as words, whatever they are, so that it is one for indices
 * and probabilities: NVIDIA's compiler takes some 50 ms for it. */
#include "codegen/program.h"
#include <string.h>

enum { GATHER_TILE = 1024 };      /* elements of a block: four a thread, on their way together */

/* ---- which graphs are steps ---- */

static const Type *input_type(const Graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input && !strcmp(g->node[i].name, name)) return &g->node[i].type;
    return NULL;
}

static bool is_batched(const Type *t)
{
    return t && t->shape.rank && t->shape.dim[0].n && t->shape.dim[0].k == 1;
}

/* Does it take a batch of samples with targets to numbers? */
bool steps_are(const Graph *g)
{
    static const char *const names[] = { "train", "train_prob", "eval", "eval_prob" };
    bool named = false;
    for (int i = 0; i < 4; i++) named = named || !strcmp(g->name, names[i]);
    for (int i = 0; i < g->n_root && named; i++)
        if (g->root[i].kind == ROOT_RETURN && ir_type(g, g->root[i].val)->shape.rank) return false;
    return named && is_batched(input_type(g, "x")) && is_batched(input_type(g, "target"));
}

/* "i64": of targets. */
static const char *gather_name(Emit *e, const Graph *g)
{
    (void)e;
    return ir_dtype_name(input_type(g, "target")->dtype);
}

static const char *begin_name(Emit *e, const Graph *g)
{
    (void)e, (void)g;
    return "begin_batch";
}

/* "loss_correct": the results, of which each name has one type in a module. */
static const char *results_name(Emit *e, const Graph *g)
{
    const char *s = "";
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN) s = text(e, "%s_%s", s, g->root[i].name);
    return out_ident(e->a, s + (*s == '_'));
}

static const char *end_name(Emit *e, const Graph *g)
{
    return text(e, "end_%s", results_name(e, g));
}

/* Has an earlier graph the same kernel, or function for whole steps? */
static bool is_repeated(Emit *e, int graph, const char *(*name)(Emit *, const Graph *))
{
    const Module *m = e->m;
    for (int i = 0; i < graph; i++) {
        const Graph *g = m->graph[i];
        if (!steps_are(g) || (name == gather_name && !g->one_block)) continue;
        if (!strcmp(name(e, g), name(e, m->graph[graph]))) return true;
    }
    return false;
}

/* ---- the text ---- */

/* Holes: $R the real type, $X elements of a sample's input, $T and $D the target's type and its name,
 * $index a type that counts a batch's elements. */
static const char *const rows_text =
    "/* What a step is told: the samples of the set's order from `at` on, how many, which step, and\n"
    " * what changes with it. */\n"
    "typedef struct Row {\n"
    "    int64_t at, n;\n"
    "    uint64_t step;\n"
    "$scalars"
    "} Row;\n"
    "/* What its kernels read of it. */\n"
    "typedef struct Control {\n"
    "    uint64_t seed, step;\n"
    "    int64_t next;                 /* the row of the next step, its line of the report */\n"
    "$scalars"
    "} Control;\n"
    "\n"
    "/* The row becomes what kernels read. */\n"
    "DEVICE void begin_step(const Row *row, Control *control)\n"
    "{\n"
    "    if (threadIdx.x == 0) control->step = row->step;\n"
    "$copy"
    "}\n"
    "\n"
    "/* Where sample i of a batch from `at` on is in the set. */\n"
    "DEVICE int64_t sample_of(const int64_t *order, int64_t at, int64_t i)\n"
    "{\n"
    "    return order ? order[at + i] : at + i;\n"
    "}\n"
    "\n"
    "/* A block's part of a batch's inputs, [n][$X], out of x[samples][$X]: numbers, or bytes with a\n"
    " * table of 256 numbers for each `span` elements of a sample. */\n"
    "DEVICE void gather_x(int64_t block, const int64_t *order, int64_t at, const void *x,\n"
    "    const int32_t *span, const $R *table, $R *to, int64_t n)\n"
    "{\n"
    "    const int64_t first = block * $tile, end = smaller(first + $tile, $X * n);\n"
    "    for ($index i = ($index)first + ($index)threadIdx.x; i < end; i += $threads) {\n"
    "        const $index k = i % $X;\n"
    "        const int64_t from = sample_of(order, at, i / $X) * $X + k;\n"
    "        to[i] = table ? table[k / *span * 256 + ((const uint8_t *)x)[from]]\n"
    "                      : ((const $R *)x)[from];\n"
    "    }\n"
    "}\n"
    "\n";

/* $targets elements of a batch's, $from where element i is in the set. */
static const char *const gather_text =
    "/* A block's part of a batch's targets, [n][$Y], out of y[samples][$Y]. */\n"
    "DEVICE void gather_$D(int64_t block, const int64_t *order, int64_t at,\n"
    "    const $T *y, $T *to, int64_t n)\n"
    "{\n"
    "    const int64_t first = block * $tile, end = smaller(first + $tile, $targets);\n"
    "    for ($index i = ($index)first + ($index)threadIdx.x; i < end; i += $threads)\n"
    "        to[i] = y[$from];\n"
    "}\n"
    "\n";

static const char *const begin_text =
    "/* A block's part of a batch's targets, [n][words] of 4 bytes, out of y[samples][words]. */\n"
    "DEVICE void gather_words(int64_t block, const int64_t *order, int64_t at, const uint32_t *y,\n"
    "    uint32_t *to, $index words, int64_t n)\n"
    "{\n"
    "    const int64_t first = block * $tile, end = smaller(first + $tile, words * n);\n"
    "    for ($index i = ($index)first + ($index)threadIdx.x; i < end; i += $threads)\n"
    "        to[i] = y[sample_of(order, at, i / words) * words + i % words];\n"
    "}\n"
    "\n"
    "/* A step begins. Without x its batch is there already. */\n"
    "KERNEL($threads) begin_batch(Control *control, const Row *rows, const int64_t *order,\n"
    "    const void *x, const int32_t *span, const $R *table, const uint32_t *y, $R *x_to,\n"
    "    uint32_t *y_to, int64_t words, int64_t n)\n"
    "{\n"
    "    const Row *row = rows + control->next;\n"
    "    if (blockIdx.x == 0) begin_step(row, control);\n"
    "    if (!x) return;\n"
    "    gather_x(blockIdx.x, order, row->at, x, span, table, x_to, n);\n"
    "    gather_words(blockIdx.x, order, row->at, y, y_to, ($index)words, n);\n"
    "}\n"
    "\n";

static const char *const end_text =
    "/* A line of the report. */\n"
    "DEVICE void report_$results(double *line$parameters)\n"
    "{\n"
    "$stores"
    "}\n"
    "\n"
    "/* A step ends. */\n"
    "KERNEL($threads) end_$results(Control *control, double *report$parameters)\n"
    "{\n"
    "    if (threadIdx.x > 0) return;\n"
    "    report_$results(report + control->next * $count$arguments);\n"
    "    control->next++;\n"
    "}\n"
    "\n";

static int64_t sample_elems(const Type *t)
{
    int64_t elems = 1;
    for (int i = 1; i < t->shape.rank; i++) elems *= t->shape.dim[i].k;
    return elems;
}

/* Of what any graph gathers for a sample: elements of its input, words of its targets. */
static int64_t most_gathered(Emit *e)
{
    int64_t most = 1;
    for (int i = 0; i < e->m->n_graph; i++) {
        const Graph *g = e->m->graph[i];
        if (!steps_are(g)) continue;
        const Type *x = input_type(g, "x"), *y = input_type(g, "target");
        int64_t elems = sample_elems(x), words = sample_elems(y) * ir_dtype_bytes(y->dtype) / 4;
        most = elems > most ? elems : most;
        most = words > most ? words : most;
    }
    return most;
}

/* The holes of a graph's text. */
enum { N_SIZES = 10 };
static void size_holes(Emit *e, const Graph *g, Hole holes[N_SIZES])
{
    const Type *x = input_type(g, "x"), *y = input_type(g, "target");
    int64_t x_elems = sample_elems(x), y_elems = sample_elems(y), capacity = e->m->capacity;
    bool few = most_gathered(e) <= (INT32_MAX - 2 * GATHER_TILE) / capacity, one = y_elems == 1;
    const char *size = text(e, "%lld", (long long)y_elems);
    const Hole all[N_SIZES] = {
        { "R", e->l->type[x->dtype] }, { "T", e->l->type[y->dtype] },
        { "D", ir_dtype_name(y->dtype) }, { "X", text(e, "%lld", (long long)x_elems) },
        { "Y", size }, { "index", few ? "int" : "int64_t" },
        { "targets", one ? "n" : text(e, "%s * n", size) },
        { "from", one ? "sample_of(order, at, i)"
                      : text(e, "sample_of(order, at, i / %s) * %s + i %% %s", size, size, size) },
        { "tile", text(e, "%d", GATHER_TILE) },
        { "threads", text(e, "%d", e->o->target->block_threads) },
    };
    memcpy(holes, all, sizeof all);
}

static void write_rows(Emit *e, Out *o, const Hole sizes[N_SIZES])
{
    const Program *p = &e->m->prog;
    const char *names = "", *real = e->l->type[e->m->real];
    for (int i = 0; i < p->n_scalar && i < 4; i++)
        names = text(e, "%s%s%s", names, i ? ", " : "", out_comment(e->a, p->scalar[i].name));
    if (p->n_scalar > 4) names = text(e, "%s ...", names);
    int n = p->n_scalar, threads = e->o->target->block_threads;
    const char *declared = text(e, "    %s scalar[%d];%*s/* %s */\n", real, n,
                                n < 10 ? 14 : n < 100 ? 13 : 12, "", names);
    const char *copy = text(e, n <= threads
        ? "    if (threadIdx.x < %d) control->scalar[threadIdx.x] = row->scalar[threadIdx.x];\n"
        : "    for (int i = (int)threadIdx.x; i < %d; i += %d) control->scalar[i] = row->scalar[i];\n",
                            n, threads);
    Hole holes[N_SIZES + 2] = { { "scalars", n ? declared : "" }, { "copy", n ? copy : "" } };
    memcpy(holes + 2, sizes, N_SIZES * sizeof *sizes);
    out_template(o, rows_text, holes, N_SIZES + 2);
}

static void write_end(Emit *e, Out *o, const Graph *g)
{
    const char *parameters = "", *arguments = "", *stores = "";
    int count = 0;
    for (int i = 0; i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_RETURN) continue;
        const char *name = out_ident(e->a, g->root[i].name);
        parameters = text(e, "%s,\n    const %s *%s", parameters,
                          e->l->type[ir_type(g, g->root[i].val)->dtype], name);
        arguments = text(e, "%s, %s", arguments, name);
        stores = text(e, "%s    line[%d] = (double)*%s;\n", stores, count++, name);
    }
    const Hole holes[] = { { "results", results_name(e, g) }, { "parameters", parameters },
                           { "arguments", arguments }, { "stores", stores },
                           { "count", text(e, "%d", count) },
                           { "threads", text(e, "%d", IR_WARP) } };
    out_template(o, end_text, holes, (int)(sizeof holes / sizeof *holes));
}

void steps_kernels(Emit *e, Out *o)
{
    bool any = false;
    for (int i = 0; i < e->m->n_graph; i++) {
        const Graph *g = e->m->graph[i];
        Hole sizes[N_SIZES];
        if (!steps_are(g)) continue;
        size_holes(e, g, sizes);
        reach(e, SNIP_smaller);
        if (!any) write_rows(e, o, sizes);
        if (g->one_block && !is_repeated(e, i, gather_name)) out_template(o, gather_text, sizes, N_SIZES);
        if (!is_repeated(e, i, begin_name)) out_template(o, begin_text, sizes, N_SIZES);
        if (!is_repeated(e, i, end_name)) write_end(e, o, g);
        any = true;
    }
}

/* ---- many steps in one launch ---- */

const char *steps_name(Emit *e, const Graph *g) { return text(e, "%s_steps", g->name); }

const char *steps_parameters(Emit *e, const Graph *g)
{
    static const char *const words =
        "Control *control, const Row *rows, double *report, const int64_t *order,\n"
        "    const void *x, const int32_t *span, const $R *table, const $T *y, $R *x_to, $T *y_to,\n"
        "    char *states, char *arena_there, const $R *scalars$results,\n"
        "    int64_t n)";
    Hole holes[N_SIZES + 1];
    Out *o = out_new(e->a);
    const char *results = "";
    int n = 0;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN)
            results = text(e, "%s, %s *out_there_%d", results,
                           e->l->type[ir_type(g, g->root[i].val)->dtype], n++);
    size_holes(e, g, holes);
    holes[N_SIZES] = (Hole){ "results", results };
    out_template(o, words, holes, N_SIZES + 1);
    return out_text(o);
}

/* In so many parts as there may be. */
static void write_gather(Out *o, const char *call, int64_t elems, int64_t capacity)
{
    if (elems * capacity > GATHER_TILE)
        out_line(o, "for (int64_t part = 0; part < (%lld * row->n + %d) / %d; part++)",
                 (long long)elems, GATHER_TILE - 1, GATHER_TILE);
    out_deeper(o, elems * capacity > GATHER_TILE);
    out_line(o, "%s", call);
    out_deeper(o, -(elems * capacity > GATHER_TILE));
}

void steps_gather(Emit *e, Out *o, const Graph *g, const Val input[2])
{
    const Type *x = input_type(g, "x"), *y = input_type(g, "target");
    int at_x = strcmp(ir_node(g, input[0])->name, "x") != 0;
    const char *part = sample_elems(x) * e->m->capacity > GATHER_TILE ? "part" : "0";
    write_gather(o, text(e, "gather_x(%s, order, row->at, x, span, table, in_%d, row->n);", part, at_x),
                 sample_elems(x), e->m->capacity);
    part = sample_elems(y) * e->m->capacity > GATHER_TILE ? "part" : "0";
    write_gather(o, text(e, "gather_%s(%s, order, row->at, y, in_%d, row->n);",
                         ir_dtype_name(y->dtype), part, 1 - at_x),
                 sample_elems(y), e->m->capacity);
}

void steps_report(Emit *e, Out *o, const Graph *g)
{
    const char *results = "";
    int n = 0;
    for (int i = 0; i < g->n_root; i++)
        if (g->root[i].kind == ROOT_RETURN) results = text(e, "%s, out_%d", results, n++);
    out_line(o, "if (threadIdx.x == 0) report_%s(report + i * %d%s);", results_name(e, g), n, results);
}

/* ---- what the runtime is told ---- */

/* The kernel of many steps, if there is one. */
static const char *whole_name(Emit *e, const Graph *g)
{
    const char *name = steps_name(e, g);
    for (int i = 0; i < e->n_fn; i++)
        if (!strcmp(e->fn[i]->main.name, name)) return text(e, "K_%s", name);
    return "-1";
}

/* A row of the kernels' tables, unless an earlier graph has it. */
static int kernel_row(Emit *e, Out *names, Out *rows, int graph,
                      const char *(*name)(Emit *, const Graph *), int threads)
{
    const char *kernel = name(e, e->m->graph[graph]);
    if (is_repeated(e, graph, name)) return 0;
    out_line(names, "K_%s,", kernel);
    out_line(rows, "{ \"%s\", %d, 0 },", kernel, threads);
    return 1;
}

int steps_tables(Emit *e, Out *names, Out *rows, Out *steps, int *n_steps)
{
    int kernels = 0;
    *n_steps = 0;
    for (int i = 0; i < e->m->n_graph; i++) {
        const Graph *g = e->m->graph[i];
        if (!steps_are(g)) continue;
        kernels += kernel_row(e, names, rows, i, begin_name, e->o->target->block_threads);
        kernels += kernel_row(e, names, rows, i, end_name, IR_WARP);
        out_line(steps, "{ \"%s\", K_%s, K_%s, %d, %s },", g->name, begin_name(e, g),
                 end_name(e, g), GATHER_TILE, whole_name(e, g));
        ++*n_steps;
    }
    return kernels;
}
