/* tests/e2e/kernels_run.c: see the header. */
#define _GNU_SOURCE
#include "kernels_run.h"
#include "loaded.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

static const double test_lr[8] = { 0.05, 0.03, 0.02, 0.01, 0.1, 0.2, 0.3, 0.4 };

typedef struct Data {                  /* values for inputs and states, in double and as stored */
    const Module *m;
    const Graph *g;
    const rt_model *model;
    int64_t n;
    double **state;                    /* [n_state], PyTorch's order */
    char *state_block;
    double **input;                    /* [n_node] */
    void **raw;                        /* [n_node] */
    double *scalar;
} Data;

static uint32_t lcg = 1;
static double draw(void)
{
    lcg = lcg * 1664525u + 1013904223u;
    return (double)(lcg >> 8) / 16777216.0 * 2 - 1;
}

static double round_to(DType d, double x) { return d == DT_f32 ? (double)(float)x : x; }

static void put(DType d, void *p, int64_t i, double x)
{
    switch (d) {
    case DT_f32: ((float *)p)[i] = (float)x; break;
    case DT_f64: ((double *)p)[i] = x; break;
    case DT_i64: ((int64_t *)p)[i] = (int64_t)x; break;
    case DT_i32: ((int32_t *)p)[i] = (int32_t)x; break;
    default: ((uint8_t *)p)[i] = (uint8_t)x;
    }
}

static double get(DType d, const void *p, int64_t i)
{
    switch (d) {
    case DT_f32: return (double)((const float *)p)[i];
    case DT_f64: return ((const double *)p)[i];
    case DT_i64: return (double)((const int64_t *)p)[i];
    case DT_i32: return (double)((const int32_t *)p)[i];
    default: return (double)((const uint8_t *)p)[i];
    }
}

static int64_t stored_at(const rt_state *s, int64_t e)
{
    int64_t at = 0;
    for (int i = s->rank; i-- > 0;) {
        int64_t x = e % s->axis[i].size;
        e /= s->axis[i].size;
        at += x / s->axis[i].block * s->axis[i].outer + x % s->axis[i].block * s->axis[i].inner;
    }
    return at;
}

static void *aligned(int64_t bytes, int fill)
{
    void *p = NULL;
    ck_assert(posix_memalign(&p, 64, (size_t)(bytes / 64 * 64 + 128)) == 0);
    memset(p, fill, (size_t)(bytes / 64 * 64 + 128));
    return p;
}

/* 0xff bytes are NaN in every real type and -1 in every integer one. */
enum { POISON = 0xff };

static void *fresh_state(const Data *d)
{
    char *block = aligned(d->model->state_bytes, 0);
    for (int s = 0; s < d->model->n_states; s++) {
        const rt_state *x = &d->model->states[s];
        Type t = d->m->state[s + 1].type;
        for (int64_t i = 0, n = ir_elems_at(&t.shape, 1); i < n; i++)
            put(t.dtype, block + x->offset_bytes, stored_at(x, i), d->state[s + 1][i]);
    }
    return block;
}

static const double *in_input(void *ctx, const char *name)
{
    const Data *d = ctx;
    for (uint32_t i = 1; i < d->g->n_node; i++)
        if (d->g->node[i].op == OP_input && !strcmp(d->g->node[i].name, name)) return d->input[i];
    return NULL;
}
static const double *in_state(void *ctx, State s) { return ((Data *)ctx)->state[s.i]; }
static double in_scalar(void *ctx, const char *name)
{
    const Data *d = ctx;
    for (int i = 0; i < d->m->prog.n_scalar; i++)
        if (!strcmp(d->m->prog.scalar[i].name, name)) return d->scalar[i];
    ck_abort_msg("no scalar %s", name);
}

/* Results of one run: roots in the graph's order. */
static void **run(const Data *d, const rt_graph *rg, int threads, int fill, uint64_t seed)
{
    const Graph *g = d->g;
    rt_pool *pool = rt_pool_open(threads);
    ck_assert(pool != NULL);
    char *state = fresh_state(d);
    char *arena = aligned(rg->arena_bytes, fill),
         *workers = aligned(rg->worker_bytes * threads, fill);
    const void *in[16];
    void *out[64];
    int n_in = 0, n_out = 0;
    for (uint32_t i = 1; i < g->n_node; i++)
        if (g->node[i].op == OP_input) in[n_in++] = d->raw[i];
    void **result = calloc((size_t)g->n_root, sizeof *result);
    for (int i = 0; i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_RETURN) continue;
        const Type *t = ir_type(g, g->root[i].val);
        result[i] = out[n_out++] = aligned(ir_elems_at(&t->shape, d->m->capacity) * 8, fill);
    }
    char scalars[1024];
    if (d->model->n_scalars) d->model->scalars(test_lr, 3, 10, scalars);
    rt_call call = { .n = d->n,
                     .in = in,
                     .out = out,
                     .state = state,
                     .arena = arena,
                     .workers = workers,
                     .scalars = scalars,
                     .seed = seed,
                     .step = 3,
                     .pool = pool };
    rg->run(&call);
    for (int i = 0; i < g->n_root; i++) {
        if (g->root[i].kind != ROOT_UPDATE) continue;
        const rt_state *s = &d->model->states[g->root[i].state.i - 1];
        Type t = d->m->state[g->root[i].state.i].type;
        int64_t n = ir_elems_at(&t.shape, 1);
        result[i] = aligned(n * 8, 0);
        for (int64_t e = 0; e < n; e++)
            put(t.dtype, result[i], e, get(t.dtype, state + s->offset_bytes, stored_at(s, e)));
    }
    rt_pool_close(pool);
    free(state);
    free(arena);
    free(workers);
    return result;
}

static void free_results(const Graph *g, void **r)
{
    for (int i = 0; i < g->n_root; i++) free(r[i]);
    free(r);
}

static int64_t root_elems(const Data *d, int i)
{
    return ir_elems_at(&ir_type(d->g, d->g->root[i].val)->shape, d->n);
}

static void compare(const char *name, const Data *d, double **want, void **got)
{
    for (int r = 0; r < d->g->n_root; r++) {
        const Type *t = ir_type(d->g, d->g->root[r].val);
        const double *w = want[d->g->root[r].val.i];
        double most = 0;
        for (int64_t i = 0; i < root_elems(d, r); i++)
            if (isfinite(w[i])) most = fmax(most, fabs(w[i]));
        bool single = d->m->real == DT_f32;
        double rel = single ? 1.3e-6 : 1e-13,
               abs = single ? 1e-5 * fmin(most, 1) + 2e-6 * most : 1e-13 * most;
        for (int64_t i = 0; i < root_elems(d, r); i++) {
            double x = get(t->dtype, got[r], i);
            bool same = isnan(w[i])   ? isnan(x)
                        : isinf(w[i]) ? x == w[i]
                                      : fabs(x - w[i]) <= rel * fabs(w[i]) + abs;
            ck_assert_msg(same, "%s, n = %lld: root %s element %lld is %.9g, should be %.9g", name,
                          (long long)d->n,
                          d->g->root[r].kind == ROOT_RETURN ? d->g->root[r].name : "(update)",
                          (long long)i, x, w[i]);
        }
    }
}

static void same_bits(const char *name, const char *what, const Data *d, void **a, void **b)
{
    for (int r = 0; r < d->g->n_root; r++) {
        const Type *t = ir_type(d->g, d->g->root[r].val);
        size_t bytes = (size_t)(root_elems(d, r) * ir_dtype_bytes(t->dtype));
        ck_assert_msg(memcmp(a[r], b[r], bytes) == 0, "%s, n = %lld: %s changes bits", name,
                      (long long)d->n, what);
    }
}

static void fill_data(Data *d, Arena *a)
{
    d->state = arena_alloc(a, d->m->n_state, sizeof(double *));
    for (uint32_t s = 1; s < d->m->n_state; s++) {
        const Type *t = &d->m->state[s].type;
        int64_t n = ir_elems_at(&t->shape, 1);
        d->state[s] = arena_alloc(a, (size_t)n, sizeof(double));
        bool squares = strstr(d->m->state[s].key, "_sq") != NULL;
        for (int64_t i = 0; i < n; i++)
            d->state[s][i] = !ir_dtype_real(t->dtype) ? floor(draw() * 100)
                             : round_to(t->dtype, squares ? draw() * 0.1 + 0.2 : draw());
    }
    d->input = arena_alloc(a, d->g->n_node, sizeof(double *));
    d->raw = arena_alloc(a, d->g->n_node, sizeof(void *));
    for (uint32_t i = 1; i < d->g->n_node; i++) {
        const Node *x = &d->g->node[i];
        if (x->op != OP_input) continue;
        int64_t n = ir_elems_at(&x->type.shape, d->m->capacity);
        d->input[i] = arena_alloc(a, (size_t)n, sizeof(double));
        d->raw[i] = arena_alloc(a, (size_t)n, 8);
        for (int64_t e = 0; e < n; e++) {
            double v = ir_dtype_real(x->type.dtype)
                           ? round_to(x->type.dtype, draw() * 2)
                           : floor((draw() + 1) / 2 * (double)d->m->prog.n_classes);
            if (!strcmp(x->name, "target") && ir_dtype_real(x->type.dtype))
                v = round_to(x->type.dtype, fabs(v) / 2);
            d->input[i][e] = v;
            put(x->type.dtype, d->raw[i], e, v);
        }
    }
    char raw[1024];
    d->scalar = arena_alloc(a, (size_t)d->m->prog.n_scalar + 1, sizeof(double));
    if (d->m->prog.n_scalar) d->model->scalars(test_lr, 3, 10, raw);
    for (int i = 0; i < d->m->prog.n_scalar; i++) d->scalar[i] = get(d->m->real, raw, i);
}

static void check_graph(const char *name, const Module *m, const Graph *g, const rt_model *model,
                        const rt_graph *rg)
{
    int64_t sizes[3] = { 1, m->capacity / 2 + 1, m->capacity };
    for (int i = 0; i < 3; i++) {
        Arena *a = arena_new();
        Data d = {
            .m = m, .g = g, .model = model, .n = sizes[i] < m->capacity ? sizes[i] : m->capacity
        };
        fill_data(&d, a);
        EvalIn in = { .n = d.n,
                      .input = in_input,
                      .state = in_state,
                      .scalar = in_scalar,
                      .ctx = &d,
                      .seed = UINT64_C(0x123456789abcdef),
                      .step = 3 };
        double **want = ir_eval(g, &in, a);
        void **one = run(&d, rg, 1, POISON, in.seed);
        compare(name, &d, want, one);
        for (int threads = 2; threads <= 3; threads++) {
            void **more = run(&d, rg, threads, POISON, in.seed);
            same_bits(name, threads == 2 ? "a second thread" : "a third thread", &d, one, more);
            free_results(g, more);
        }
        void **clean = run(&d, rg, 1, 0, in.seed);
        same_bits(name, "what memory held before", &d, one, clean);
        free_results(g, clean);
        free_results(g, one);
        arena_free(a);
    }
}

void check_text(const char *name, const char *text, Variant v)
{
    static const char *const steps[] = { "layout", "fuse", "schedule", "plan" };
    ParseErr parse;
    char err[IR_ERR];
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s: %s", name, parse.text);
    PassCtx c = { .target = ir_target(v.march),
                  .blas = v.blas ? BLAS_OPENBLAS : BLAS_NONE,
                  .no_fuse = v.no_fuse };
    ck_assert(c.target != NULL);
    Module *p = pass_run_list(m, &c, steps, 4, err);
    ck_assert_msg(p != NULL, "%s: %s", name, err);
    ck_assert_msg(ir_verify(p, err), "%s: %s", name, err);

    Loaded l = loaded_open(name, p, c.target);
    for (int i = 0; i < p->n_graph; i++)
        check_graph(name, p, p->graph[i], l.model, &l.model->graphs[i]);
    loaded_close(&l);
    ir_module_free(p);
    ir_module_free(m);
}
