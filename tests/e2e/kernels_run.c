/* tests/e2e/kernels_run.c: see the header. */
#define _GNU_SOURCE
#include "kernels_run.h"
#include "ir/trial.h"
#include "loaded.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

/* 0xff bytes are NaN in every real type and -1 in every integer one. */
enum { POISON = 0xff };

/* threads: in the emulator the order of threads, from 1. */
static double **run(const Replay *r, const Graph *g, const EvalIn *in, int threads, int fill,
                    Arena *a)
{
    rt_pool *pool = rt_pool_open(threads);
    int *order = emit_symbol(r, "seqc_order");
    ck_assert(pool != NULL);
    if (order) *order = threads - 1;
    ReplayHow how = { .fill = (unsigned char)fill, .workers = threads, .pool = pool };
    double **result = emit_run(r, g, in, &how, a);
    rt_pool_close(pool);
    return result;
}

static int64_t root_elems(const Graph *g, int r, int64_t n)
{
    return ir_elems_at(&ir_type(g, g->root[r].val)->shape, n);
}

/* Of plain float32, of the largest result. Clang contracts other products of a long sum than gcc: 2.4e-6 of 1,440
 * terms. */
static double plain_share(void)
{
    const char *cc = getenv("CC");
    return cc && strstr(cc, "clang") ? 3e-6 : 2e-6;
}

static void compare(const char *name, const Graph *g, int64_t n, double **want, double **got)
{
    bool single = g->module->real == DT_f32;
    for (int r = 0; r < g->n_root; r++) {
        const double *w = want[r];
        double most = 0;
        for (int64_t i = 0; i < root_elems(g, r, n); i++)
            if (isfinite(w[i])) most = fmax(most, fabs(w[i]));
        MathMode mode = g->module->math;
        double share = mode == MATH_bf16 ? 1e-2 : mode == MATH_tf32 ? 1.25e-3 : mode == MATH_fast ? 4e-5 : plain_share();
        double rel = single ? 1.3e-6 : 1e-13;
        double abs = single ? 1e-5 * fmin(most, 1) + share * most : 1e-13 * most;
        for (int64_t i = 0; i < root_elems(g, r, n); i++) {
            double x = got[r][i];
            bool same = isnan(w[i])   ? isnan(x)
                        : isinf(w[i]) ? x == w[i]
                                      : fabs(x - w[i]) <= rel * fabs(w[i]) + abs;
            if (!same)       /* an assertion that holds costs a system call */
                ck_abort_msg("%s, n = %lld: root %s element %lld is %.9g, should be %.9g", name,
                             (long long)n,
                             g->root[r].kind == ROOT_RETURN ? g->root[r].name : "(update)",
                             (long long)i, x, w[i]);
        }
    }
}

static void same_bits(const char *name, const char *what, const Graph *g, int64_t n, double **a,
                      double **b)
{
    for (int r = 0; r < g->n_root; r++)
        ck_assert_msg(memcmp(a[r], b[r], (size_t)root_elems(g, r, n) * sizeof **a) == 0,
                      "%s, n = %lld: %s changes bits", name, (long long)n, what);
}

/* A program, and perhaps another one of the same graphs that gives the same bits. */
typedef struct Programs { Module *m, *other; Replay *r, *r_other; } Programs;

static void check_graph(const char *name, const Programs *p, int graph)
{
    const Graph *g = p->m->graph[graph];
    const Replay *r = p->r;
    enum { ORDERS = 5 };
    bool emulated = emit_symbol(r, "seqc_order") != NULL;
    int64_t capacity = g->module->capacity, sizes[3] = { 1, capacity / 2 + 1, capacity };
    for (int i = 0; i < 3; i++) {
        Arena *a = arena_new();
        int64_t n = sizes[i] < capacity ? sizes[i] : capacity;
        Trial t = { .g = g, .n = n, .low = -1, .arena = a };
        EvalIn in = ir_trial(&t);
        double **want = ir_root_values(g, ir_eval(g, &in, a), a);
        double **one = run(r, g, &in, 1, POISON, a);
        compare(name, g, n, want, one);
        if (!strncmp(name, "codes", 5)) same_bits(name, "code", g, n, want, one);
        for (int threads = 2; threads <= (emulated ? ORDERS : 3); threads++)
            same_bits(name, emulated       ? "another order of threads"
                            : threads == 2 ? "a second thread"
                                           : "a third thread",
                      g, n, one, run(r, g, &in, threads, POISON, a));
        same_bits(name, "what memory held before", g, n, one, run(r, g, &in, 1, 0, a));
        if (p->other)
            same_bits(name, "another way", g, n, one,
                      run(p->r_other, p->other->graph[graph], &in, 1, POISON, a));
        arena_free(a);
    }
}

/* The generated function of the scalars and the interpreter's expressions. */
static void check_scalars(const char *name, const Module *m, const Replay *r)
{
    void (*scalars)(const double *, double, double, void *);
    void *symbol = emit_symbol(r, "seqc_scalars");
    memcpy(&scalars, &symbol, sizeof symbol);
    char raw[1024];
    Arena *a = arena_new();
    Trial t = { .g = m->graph[0], .n = 1, .arena = a };
    EvalIn in = ir_trial(&t);
    ck_assert_int_lt(m->prog.n_scalar, (int)sizeof raw / 8);
    scalars(trial_lr, TRIAL_STEP, TRIAL_STEPS, raw);
    for (int i = 0; i < m->prog.n_scalar; i++) {
        double want = in.scalar(in.ctx, m->prog.scalar[i].name);
        double x = m->real == DT_f32 ? (double)((float *)raw)[i] : ((double *)raw)[i];
        ck_assert_msg(fabs(x - want) <= (m->real == DT_f32 ? 1e-7 : 1e-15) * fabs(want),
                      "%s: scalar %s is %.17g, should be %.17g", name, m->prog.scalar[i].name, x,
                      want);
    }
    arena_free(a);
}

/* An algorithm that takes no time is chosen. */
static void prefer(void *algo, Candidates *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->choice[i].algo == *(const Algo *)algo) c->choice[i].seconds = 0;
}

/* From layout on to the end. */
static Module *planned(const char *name, const Module *m, Variant v)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "remat", "plan" };
    char err[IR_ERR];
    PassCtx c = { .target = v.cuda ? ir_gpu("cuda") : ir_target(v.march),
                  .blas = v.blas ? BLAS_OPENBLAS : BLAS_NONE,
                  .tier = v.one_block ? TIER_BLOCK : TIER_GRAPH,
                  .measure = v.algo ? prefer : NULL,
                  .tuning = &v.algo,
                  .most_arena_bytes = v.again,
                  .no_fuse = v.no_fuse };
    ck_assert(c.target != NULL);
    Module *p = pass_run_list(m, &c, steps, 5, err);
    ck_assert_msg(p != NULL, "%s: %s", name, err);
    ck_assert_msg(ir_verify(p, err), "%s: %s", name, err);
    return p;
}

static Replay *opened(const char *name, const Module *p, Variant v, Arena *a)
{
    const Target *t = v.cuda ? ir_gpu("cuda") : ir_target(v.march);
    return loaded_open(name, p, t, v.quick ? "-O0" : "-O1", v.flag, a);
}

void check_text(const char *name, const char *text, Variant v)
{
    ParseErr parse;
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s: %s", name, parse.text);
    Arena *a = arena_new();
    Programs p = { .m = planned(name, m, v) };
    p.r = opened(name, p.m, v, a);
    bool served = !v.algo;
    for (int i = 0; i < p.m->n_graph; i++)
        for (int k = 0; k < p.m->graph[i]->n_kernel; k++)
            served = served || p.m->graph[i]->kernel[k].algo == v.algo;
    ck_assert_msg(served, "%s: nothing is by %s", name, ir_algo[v.algo].name);
    bool again = v.again;
    if (v.one_block || v.again || v.as_unfused) {
        v.one_block = v.again = false;
        v.no_fuse = v.as_unfused;
        p.other = planned(name, m, v);
        p.r_other = opened(name, p.other, v, a);
    }
    for (int i = 0; i < p.m->n_graph && again; i++) {
        ck_assert_int_gt(p.m->graph[i]->n_kernel, p.other->graph[i]->n_kernel);
        ck_assert_int_lt(p.m->graph[i]->arena_bytes, p.other->graph[i]->arena_bytes * 9 / 10);
    }
    check_scalars(name, p.m, p.r);
    for (int i = 0; i < p.m->n_graph; i++) check_graph(name, &p, i);
    emit_close(p.r);
    if (p.other) emit_close(p.r_other);
    arena_free(a);
    ir_module_free(p.m);
    ir_module_free(p.other);
    ir_module_free(m);
}
