/* passes/layout.c: algorithm, tile and register tile of each product.
 *
 * needs   nothing
 * keeps   nodes, roots, types: every tensor stays in PyTorch's order
 * breaks  earlier choices are made anew
 *
 *     %4 = linear %3, "1.weight", "1.bias" : f32[n,128]
 *     %4 = linear %3, "1.weight", "1.bias" {algo="gemm", tile=[140,32], micro=[14,2]} : f32[n,128]
 *
 * Tiles follow from shapes at capacity and from the target, never from the number of threads. An
 * algorithm other than our own has to be a tenth faster: each costs size and start-up time.
 * OpenBLAS is counted with the kernels that it certainly has: on a CPU that is newer than itself it
 * falls back to those of SSE3 (0.3.21 on a server of 2023: a fifth of gemm's speed).
 *
 * The model, in cycles, for m x l x k on vectors of v lanes and f fused multiply-adds a cycle:
 *   gemm  m l' k / (v f e) + p l' k t + A, where l' is l in whole register tiles, e = 0.85
 *         (less where the register tile has fewer than 8 accumulators to hide latency), p the
 *         cycles to pack one element, t the tasks that pack the same columns, and A = the first
 *         operand once for each panel at 8 bytes a cycle where it exceeds half of L2, as far as
 *         computing does not hide it
 *   blas  m l k / (4 0.9 m/(m+32) l/(l+32)) + 2000 t: near the peak of SSE on large products, a
 *         third of it at 16 rows. */
#include "ir/tasks.h"
#include "passes/rules.h"
#include "passes/stages.h"

static const double clock_hz = 3e9;
enum { BLAS_CALL_CYCLES = 2000, BYTES_PER_CYCLE = 8, MIN_ACCUMULATORS = 8 };
enum { BLAS_SURE_BYTES = 16 };                     /* the vectors that OpenBLAS surely has */

/* Work that is worth a task of its own, and tasks that are enough for any machine. */
static const double task_flop = 2e6;
enum { ENOUGH_TASKS = 16, ROWS_PER_PACK = 128 };

typedef struct Problem {
    int64_t m, l, k, elem_bytes, lanes;
    bool transposed_a, transposed_b;
} Problem;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static Problem problem(const Graph *g, Val root, const Target *t)
{
    Product p = ir_product(g, root);
    int64_t n = g->module->capacity, bytes = ir_dtype_bytes(ir_type(g, root)->dtype);
    return (Problem){ most(ir_dim_at(p.m, n), 1), most(ir_dim_at(p.l, n), 1),
                      most(ir_dim_at(p.k, n), 1), bytes, most(t->vector_bytes / bytes, 1), p.ta,
                      p.tb };
}

static double flop(const Problem *p) { return 2.0 * (double)p->m * (double)p->l * (double)p->k; }

/* ---- tiles ---- */

/* A weight gradient that no cache holds is written (and its optimizer's tensors read and written)
 * row by row: wide tiles, whose sums stay in L2. Where sums are long, narrow tiles hide memory. */
static void tile_wide(const Problem *p, const Target *t, Choice *c)
{
    enum { COLS = 1024, DEEPEST = 256 };
    int64_t rows = c->micro[0], panel = c->tile[1];
    if (!p->transposed_a || p->k > DEEPEST || p->l <= IR_WIDE_COLS) return;
    if (p->m * p->l * p->elem_bytes <= 2 * t->l2_bytes) return;
    int64_t across = ceil_div(p->l, COLS), tall = 128;
    while (tall > 2 * rows && ceil_div(p->m, tall) * across < 2 * ENOUGH_TASKS) tall /= 2;
    c->tile[0] = least(round_up(tall, rows), round_up(p->m, rows));
    c->tile[1] = round_up(ceil_div(p->l, across), panel);
}

/* Accumulators fill the registers but for the operands: 14x2 and 28x1 of 32, 6x2 and 12x1 of 16.
 * Few rows take more vectors, so that latency stays hidden; rows are split evenly, without tiny
 * tails. */
static void tile_gemm(const Problem *p, const Target *t, Choice *c)
{
    int64_t across = ceil_div(p->l, p->lanes), vectors = across < 2 ? 1 : 2;
    while (vectors < across && p->m * vectors < MIN_ACCUMULATORS && vectors < 8) vectors *= 2;
    int64_t held = t->registers >= 32 ? 28 : 12, rows = most(held / vectors, 1);
    rows = ceil_div(p->m, ceil_div(p->m, least(rows, p->m)));
    int64_t cols = vectors * p->lanes, panels = ceil_div(p->l, cols);
    int64_t down = most(least(ceil_div(ENOUGH_TASKS, panels),
                              (int64_t)(flop(p) / task_flop) / panels), 1);
    int64_t tall = most(ceil_div(p->m, down), p->transposed_b ? ROWS_PER_PACK : 4 * rows);
    int64_t depth = least(p->k, IR_K_BLOCK);
    tall = least(tall, most(t->l2_bytes / 2 / (depth * p->elem_bytes), 4 * rows));
    c->micro[0] = rows;
    c->micro[1] = vectors;
    c->tile[0] = round_up(least(tall, p->m), rows);
    c->tile[1] = cols;
    tile_wide(p, t, c);
}

/* Squarish tiles, halved while there are few of them and each is still worth a call. */
static void tile_blas(const Problem *p, const Target *t, Choice *c)
{
    (void)t;
    int64_t rows = least(p->m, 256), cols = least(p->l, 512);
    while (ceil_div(p->m, rows) * ceil_div(p->l, cols) < ENOUGH_TASKS
           && 2.0 * (double)(rows * cols) * (double)p->k > 8 * task_flop) {
        if (rows > cols) rows = round_up(ceil_div(rows, 2), 16);
        else cols = round_up(ceil_div(cols, 2), 16);
        if (rows <= 16 && cols <= 16) break;
    }
    c->tile[0] = rows;
    c->tile[1] = cols;
    c->micro[0] = c->micro[1] = 0;
}

/* ---- costs, in seconds ---- */

static double peak_per_cycle(const Problem *p, const Target *t)
{
    return (double)p->lanes * t->fma_per_cycle;
}

static double cost_gemm(const Problem *p, const Target *t, const Choice *c)
{
    double m = (double)p->m, k = (double)p->k, padded = (double)round_up(p->l, c->tile[1]);
    double hidden = (double)least(c->micro[0] * c->micro[1], MIN_ACCUMULATORS) / MIN_ACCUMULATORS;
    double compute = m * padded * k / (peak_per_cycle(p, t) * 0.85 * hidden);
    double pack = (p->transposed_b ? 1.0 : 0.25) * padded * k
                * (double)ceil_div(p->m, c->tile[0]);
    double a_bytes = m * k * (double)p->elem_bytes;
    double reread = a_bytes > (double)t->l2_bytes / 2
                  ? a_bytes * padded / (double)c->tile[1] / BYTES_PER_CYCLE : 0;
    return ((compute > reread ? compute : reread) + pack) / clock_hz;
}

static double cost_blas(const Problem *p, const Target *t, const Choice *c)
{
    double m = (double)p->m, l = (double)p->l;
    double share = 0.9 * m / (m + 32) * l / (l + 32);
    double tasks = (double)(ceil_div(p->m, c->tile[0]) * ceil_div(p->l, c->tile[1]));
    double sure = BLAS_SURE_BYTES / (double)p->elem_bytes, peak = peak_per_cycle(p, t);
    double compute = m * l * (double)p->k / ((peak < sure ? peak : sure) * share);
    return (compute + BLAS_CALL_CYCLES * tasks) / clock_hz;
}

/* Products are not maps, rows, reductions or moves. */
#define cost_map NULL
#define cost_row NULL
#define cost_reduce NULL
#define cost_move NULL
#define tile_map NULL
#define tile_row NULL
#define tile_reduce NULL
#define tile_move NULL

static const struct {
    void (*tile)(const Problem *p, const Target *t, Choice *c);
    double (*cost)(const Problem *p, const Target *t, const Choice *c);
} candidates[ALGO_COUNT] = {
#define ALGO(name, ...) [ALGO_##name] = { tile_##name, cost_##name },
#include "ir/algos.def"
#undef ALGO
};

Choice pass_choose_product(const Graph *g, Val root, const PassCtx *ctx)
{
    const Target *t = ctx->target ? ctx->target : &ir_targets[ir_n_targets - 1];
    Problem p = problem(g, root, t);
    Choice best = { ALGO_gemm, { 0, 0 }, { 0, 0 } };
    tile_gemm(&p, t, &best);
    double own = cost_gemm(&p, t, &best);
    for (int a = ALGO_NONE + 1; a < ALGO_COUNT; a++) {
        if (a == ALGO_gemm || !candidates[a].cost) continue;
        if (a == ALGO_blas && ctx->blas == BLAS_NONE) continue;
        Choice c = { (Algo)a, { 0, 0 }, { 0, 0 } };
        candidates[a].tile(&p, t, &c);
        bool asked = a == ALGO_blas && ctx->blas == BLAS_OPENBLAS;
        if (asked || candidates[a].cost(&p, t, &c) < 0.9 * own) best = c;
    }
    return best;
}

static Val choose(Graph *to, const Graph *from, Val v, const Val *map, const PassCtx *ctx)
{
    const Node *x = ir_node(from, v);
    Val in[EX_MAX_ARGS];
    Attr attr[8];
    int n = 0;
    for (int i = 0; i < x->n_in; i++) in[i] = map[x->in[i].i];
    for (int i = 0; i < x->n_attr; i++)
        if (x->attr[i].id < AT_algo) attr[n++] = x->attr[i];
    Choice c = pass_choose_product(from, v, ctx);
    attr[n++] = ir_str(AT_algo, ir_algo[c.algo].name);
    attr[n++] = ir_ints(AT_tile, c.tile, 2);
    if (c.micro[0]) attr[n++] = ir_ints(AT_micro, c.micro, 2);
    return ir_add_typed(to, x->op, x->loc, x->type, in, x->n_in, attr, n);
}

Module *pass_layout(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "layout");
    for (int i = 0; i < in->n_graph; i++) {
        const Graph *from = in->graph[i];
        Graph *to = ir_graph_add(m, from->name);
        Arena *scratch = arena_new();
        const bool *live = ir_live(from, scratch);
        Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
        for (uint32_t v = 1; v < from->n_node; v++) {
            const Node *x = &from->node[v];
            if (!live[v] && x->op != OP_input) continue;
            map[v] = ir_op[x->op].kind == KIND_PROD
                ? choose(to, from, (Val){ v }, map, ctx)
                : ir_copy_node(to, from, (Val){ v }, map);
        }
        ir_copy_roots(to, from, map);
        arena_free(scratch);
    }
    return m;
}
