/* frontend/cmd_budget.c: --ram-budget: of the ways to compute a library, the fastest that writes to no
 * more than so many bytes.
 *
 * The passes run again: on pieces of the batch, from the whole of it down to single samples, whose
 * gradients are added up (passes/accumulate.c); for each with less and less memory that a kernel may take
 * for itself, as long as that decides. What lives at the same time is as little as any order of kernels
 * was found to need, always; where that is too much, less of it, and values that are computed again
 * (passes/remat.c). Of what fits, the predicted time decides. */
#include "codegen/codegen.h"
#include "frontend/cmd_emit.h"
#include "passes/passes.h"
#include "ir/tasks.h"
#include <string.h>

/* Where most is needed at once: what lives, and what the kernel takes for itself. */
typedef struct Peak { const Graph *g; int kernel; int64_t end_bytes, own_bytes; } Peak;

static int64_t workers(const Emission *e) { return e->opts.threads ? e->opts.threads : 1; }

static int64_t own_bytes(const Emission *e, const Graph *g, int k)
{
    return workers(e) * ir_worker_bytes(g, &g->kernel[k], e->opts.target->vector_bytes);
}

static void find_peak(const Emission *e, const Graph *g, Peak *p)
{
    for (int k = 0; g && k < g->n_kernel; k++) {
        int64_t own = own_bytes(e, g, k), end = own ? ir_workspace_place(g, k, own) + own : 0;
        for (int i = 0; i < g->n_buffer; i++) {
            const Buffer *b = &g->buffer[i];
            bool lives = ir_in_arena(b) && b->first <= k && k <= b->last;
            if (lives && b->offset_bytes + b->bytes > end) end = b->offset_bytes + b->bytes;
        }
        if (end > p->end_bytes) *p = (Peak){ g, k, end, own };
    }
}

static Peak peak_of(const Emission *e, const Module *m)
{
    Peak p = { .g = NULL };
    find_peak(e, ir_graph_find(m, "infer"), &p);
    for (int i = 0; i < 2 && e->opts.trains; i++)
        find_peak(e, ir_graph_find(m, i ? "apply" : "train"), &p);
    return p;
}

static const char *place_text(const Cmd *c, const Graph *g, Val v)
{
    Loc at = ir_node(g, v)->loc;
    return at.file ? arena_printf(c->arena, " (%s:%u)", g->module->file[at.file], at.line) : "";
}

/* A line for each value that lives at the peak, and for what the kernel takes. */
static const char *tensors_text(const Cmd *c, const Peak *p)
{
    Arena *a = c->arena;
    const char *s = "";
    for (int i = 0; i < p->g->n_buffer; i++) {
        const Buffer *b = &p->g->buffer[i];
        if (!ir_in_arena(b) || b->first > p->kernel || p->kernel > b->last) continue;
        const char *what = "sums that tasks share";
        if (b->val.i)
            what = arena_printf(a, "%s : %s%s", ir_op[ir_node(p->g, b->val)->op].name,
                                ir_type_string(ir_type(p->g, b->val), a),
                                place_text(c, p->g, b->val));
        s = arena_printf(a, "%s\n%10lld  %s", s, (long long)b->bytes, what);
    }
    if (p->own_bytes)
        s = arena_printf(a, "%s\n%10lld  what the kernel takes while it runs", s,
                         (long long)p->own_bytes);
    return s;
}

/* ---- ways ---- */

/* One of them: a piece of the batch at a time, and no more that a kernel takes than was needed. */
typedef struct Way { Module *m; int64_t piece, bytes; double us; } Way;

/* The module for pieces of so many samples, its kernels in order. */
static Module *ordered(const Emission *e, const PassCtx *ctx, int64_t piece)
{
    Module *start = e->start, *m;
    int64_t batch = start->capacity;
    start->capacity = piece;
    if (!e->opts.trains || piece == batch) {
        m = pass_run(start, ctx, "schedule");
    } else {
        Module *slopes = pass_run(start, ctx, "differentiate"), *sums = pass_accumulate(slopes);
        m = pass_run(sums, ctx, "schedule");
        ir_module_free(slopes);
        ir_module_free(sums);
    }
    start->capacity = batch;
    return m;
}

/* What a step takes, or an inference where nothing is trained, as predicted. */
static double predicted(const Emission *e, const Module *m, int64_t pieces)
{
    static const struct { const char *graph; bool each; } parts[] = {
        { "infer", true }, { "train", true }, { "apply", false }
    };
    double us = 0;
    for (int i = e->opts.trains ? 1 : 0; i < (e->opts.trains ? 3 : 1); i++) {
        const Graph *g = ir_graph_find(m, parts[i].graph);
        for (int k = 0; g && k < g->n_kernel; k++)
            us += g->kernel[k].us * (parts[i].each ? (double)pieces : 1);
    }
    return us;
}

static bool better(const Way *a, const Way *b, int64_t budget)
{
    if (!b->m) return true;
    bool fits = a->bytes <= budget;
    if (fits != (b->bytes <= budget)) return fits;
    return fits ? a->us < b->us : a->bytes < b->bytes;
}

/* A way with no more than so many bytes alive, which may make one of the best of it. Its bytes. */
static int64_t try_bytes(const Emission *e, PassCtx *ctx, const Module *in_order, int64_t piece,
                         int64_t most_bytes, Way *best, Peak *peak)
{
    ctx->most_arena_bytes = most_bytes;
    Way w = { .m = pass_run(in_order, ctx, NULL), .piece = piece };
    ctx->most_arena_bytes = 0;
    *peak = peak_of(e, w.m);
    w.bytes = emit_library_ram(w.m, &e->opts);
    w.us = predicted(e, w.m, e->start->capacity / piece);
    bool wins = better(&w, best, e->c->number[OPT_ram_budget]);
    ir_module_free(wins ? best->m : w.m);
    if (wins) *best = w;
    return w.bytes;
}

/* Values that are computed again: as few as make it fit, else as many as make it less. */
static void try_again(const Emission *e, PassCtx *ctx, const Module *in_order, int64_t piece,
                      int64_t bytes, int64_t arena_bytes, Way *best)
{
    enum { TRIES = 3 };               /* what lies between values may want a little more */
    int64_t budget = e->c->number[OPT_ram_budget];
    Peak p;
    for (int i = 0; i < TRIES && bytes > budget && arena_bytes > 1; i++) {
        arena_bytes -= bytes - budget;
        if (arena_bytes < 1 || i + 1 == TRIES) arena_bytes = 1;
        bytes = try_bytes(e, ctx, in_order, piece, arena_bytes, best, &p);
    }
}

/* Less and less that a kernel may take for itself, until all fits or that no longer decides. */
static void try_pieces(Emission *e, PassCtx *ctx, int64_t piece, Way *best)
{
    enum { LINE_BYTES = 64 };
    int64_t budget = e->c->number[OPT_ram_budget];
    e->opts.batch = e->start->capacity;
    for (ctx->most_scratch_bytes = 0;;) {
        Module *in_order = ordered(e, ctx, piece);
        Peak p;
        int64_t bytes = try_bytes(e, ctx, in_order, piece, 0, best, &p);
        int64_t before = ctx->most_scratch_bytes, own = p.own_bytes / workers(e);
        bool helps = own > LINE_BYTES && (!before || own <= before);
        if (bytes > budget) try_again(e, ctx, in_order, piece, bytes, p.end_bytes, best);
        ir_module_free(in_order);
        if (bytes <= budget || !helps) return;
        ctx->most_scratch_bytes = own - LINE_BYTES;
    }
}

static int refuse(const Emission *e, const Way *w, const char *why)
{
    const Cmd *c = e->c;
    Peak p = peak_of(e, w->m);
    const char *step = "";
    if (p.g)
        step = arena_printf(c->arena, "\nmost at once: k%d of %s, %s%s%s", p.kernel, p.g->name,
                            ir_kernel_name(p.g, p.kernel, c->arena),
                            place_text(c, p.g, ir_kernel_root(p.g, &p.g->kernel[p.kernel])),
                            tensors_text(c, &p));
    if (e->opts.trains)
        step = arena_printf(c->arena, "%s\n%10lld  weights and the optimizer's numbers", step,
                            (long long)emit_library_bytes(w->m, &e->opts));
    if (why)
        step = arena_printf(c->arena, "%s\nnote: a batch in pieces would take less, but %s", step, why);
    long long least = (long long)w->bytes;
    return cmd_fail(c, EXIT_REFUSED, "%s: it writes to %lld bytes at least, and --ram-budget has "
                    "%lld%s\nhelp: --ram-budget %lld is the smallest that works", c->file, least,
                    (long long)c->number[OPT_ram_budget], step, least);
}

/* Why the batch stays whole; null: it need not. */
static const char *whole(const Emission *e, const PassCtx *ctx)
{
    if (e->start->capacity == 1) return NULL;
    if (e->opts.threads) return "that is for one thread: leave --threads out";
    Module *m = e->opts.trains ? pass_run(e->start, ctx, "differentiate") : NULL;
    const char *why = pass_whole_batch(m ? m : e->start, e->c->arena);
    ir_module_free(m);
    return why;
}

int emission_fit(Emission *e, PassCtx *ctx)
{
    const char *why = whole(e, ctx);
    int64_t batch = e->start->capacity, budget = e->c->number[OPT_ram_budget];
    Way best = { .m = NULL };
    for (int64_t piece = batch; piece > 0 && (!why || piece == batch); piece--)
        if (batch % piece == 0) try_pieces(e, ctx, piece, &best);
    if (best.bytes > budget) {
        int code = refuse(e, &best, why);
        ir_module_free(best.m);
        return code;
    }
    e->opts.total = e->opts.trains && pass_loss_sum(ir_graph_find(best.m, "train")) == LOSS_TOTAL;
    e->m = best.m;
    return EXIT_OK;
}
