/* passes/plan.c: where every stored value lies.
 *
 * needs   kernels in a valid order
 * keeps   nodes, roots, kernels and their order
 * breaks  nothing; adds buffers, state offsets, the lower bound
 *
 *     k0 { %4 %5 } …                 buffers train arena 141312 bound 141312 worker 0
 *     k3 { %12 %13 } …          ->   %5 @0 131072 k0..k3
 *     update "3.weight"=%17          %13 @0 131072 k3..k4 in %5, %17 state "3.weight" k4..k4
 *
 * Updates go into the states they replace, returns into the caller's memory, what evaluation keeps
 * (ir/kept.c) one after the other into memory of its own, the rest into one arena for all graphs:
 * live ranges by passes/memory.c, offsets by passes/offsets.c. A map may take
 * over the bytes of an operand that dies with it. Last it says whether programs run a batch of
 * `infer` as its samples. Sizes are at full capacity, rounded up to 64
 * bytes. */
#include "ir/tasks.h"
#include "passes/kernels.h"
#include "passes/rules.h"
#include "passes/stages.h"
#include <string.h>

/* A step over parameter, gradient and optimizer states reads them at equal places. Where those lie
 * at equal offsets modulo 4096 each store falsely hits a load to come (twice Adam's time,
 * measured): states of that size are put this much apart, modulo 4096. */
enum { ALIAS_BYTES = 4096, STAGGER_BYTES = 17 * 64, STAGGER_FROM_BYTES = 16384 };

/* The parameter of "key#slot"; none: no key of a slot. */
static State owner_of(const Module *m, const StateInfo *slot, Arena *a)
{
    const char *hash = strrchr(slot->key, '#');
    if (!hash) return (State){ 0 };
    return ir_state_find(m, arena_strn(a, slot->key, (size_t)(hash - slot->key)));
}

static void place_states(Module *m)
{
    Arena *scratch = arena_new();
    int *slots = arena_alloc(scratch, m->n_state, sizeof *slots);    /* of a parameter, so far */
    int64_t at = 0;
    for (uint32_t s = 1; s < m->n_state; s++) {
        StateInfo *x = &m->state[s];
        int64_t bytes = ir_round64(ir_stored_bytes(&x->type, m->capacity));
        State owner = owner_of(m, x, scratch);
        int nth = ++slots[owner.i];
        if (owner.i && x->role == ROLE_OPTIMIZER && bytes >= STAGGER_FROM_BYTES) {
            int64_t want = (m->state[owner.i].offset_bytes + nth * STAGGER_BYTES) % ALIAS_BYTES;
            at += (want - at % ALIAS_BYTES + ALIAS_BYTES) % ALIAS_BYTES;
        }
        x->offset_bytes = at;
        at += bytes;
    }
    m->state_bytes = at;
    arena_free(scratch);
}

static void plan_graph(Graph *to, const Graph *from, const PassCtx *ctx)
{
    Arena *a = arena_new();
    int64_t worker = 0;
    pass_copy_kernels(to, from, from->kernel, a);
    for (int i = 0; i < to->n_kernel; i++) {
        int64_t bytes = ir_worker_bytes(to, &to->kernel[i], pass_target(ctx)->vector_bytes);
        if (bytes > worker) worker = bytes;
    }
    Memory m = pass_memory(to, to->kernel, to->n_kernel, ctx, a);
    Range *r = pass_ranges(&m, a);
    int64_t bound, peak = pass_offsets(r, m.n_chain, &bound, a);
    if (ctx->no_reuse) peak = 0;
    for (int i = 0; i < m.n_chain && ctx->no_reuse; i++) {
        r[i].offset = peak;
        peak += r[i].bytes;
    }
    Buffer *b = arena_alloc(a, (size_t)m.n_keep + 1, sizeof *b);
    for (int64_t i = 0, kept = 0; i < m.n_keep; i++) {
        const Keep *x = &m.keep[i];
        b[i] = (Buffer){ x->kind, x->val, x->state, x->out,
                         x->chain < 0 ? 0 : r[x->chain].offset, x->bytes, x->first, x->last,
                         x->in_place_of };
        if (x->kind != BUF_KEPT) continue;
        b[i].offset_bytes = kept;
        kept += x->bytes;
    }
    ir_set_plan(to, b, m.n_keep, peak, bound, worker);
    arena_free(a);
}

/* ---- a batch as its samples ---- */

static double predicted_us(const Graph *g)
{
    double us = 0;
    for (int i = 0; i < g->n_kernel; i++) us += g->kernel[i].us;
    return us;
}

/* Where what lies between a batch's kernels is far more than a core's caches hold, and of a sample
 * is not, a thread takes a sample through all of them, unless its kernels compute longer. */
static bool goes_by_sample(const Graph *infer, const Graph *one, const Target *t)
{
    enum { FAR = 8, NEAR = 2 };      /* second caches */
    static const double longer = 1.02;
    double us = predicted_us(infer), sample_us = predicted_us(one);
    return !t->block_threads && infer->arena_bytes > FAR * t->l2_bytes
        && one->arena_bytes <= NEAR * t->l2_bytes && us > 0
        && sample_us * (double)infer->module->capacity <= longer * us && ir_may_go_by_sample(infer, one);
}

Module *pass_plan(const Module *in, const PassCtx *ctx)
{
    Module *m = pass_begin(in, "plan");
    place_states(m);
    for (int i = 0; i < in->n_graph; i++)
        plan_graph(ir_graph_add(m, in->graph[i]->name), in->graph[i], ctx);
    Graph *infer = ir_graph_find(m, "infer"), *one = ir_graph_find(m, "infer_one");
    if (infer && one) infer->by_sample = goes_by_sample(infer, one, pass_target(ctx));
    return m;
}
