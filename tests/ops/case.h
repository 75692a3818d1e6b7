/* tests/ops/case.h: what the tests of ops share: elementwise cases, graphs with fed inputs,
 * PyTorch's rows.
 *
 * A new elementwise op needs one line in cases.h (an independent reference and where to try it)
 * and, if PyTorch has it, one in tests/fixtures/make_ops.py. */
#ifndef SEQC_TESTS_OPS_CASE_H
#define SEQC_TESTS_OPS_CASE_H
#include "ir/ir.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
enum { MAX_N = 8, MAX_FEED = 6 };

/* ---- a graph and what it is fed with ---- */

typedef struct Feed { const char *name; const double *x; } Feed;
typedef struct Bench {
    Module *m;
    Graph *g;
    Arena *arena;                        /* of results */
    Feed feed[MAX_FEED];
    int n_feed;
    int64_t n;
    uint64_t seed, step;
} Bench;

static inline Bench bench_new(int64_t n)
{
    Bench b = {.m = ir_module_new(), .arena = arena_new(), .n = n};
    b.m->capacity = MAX_N;
    b.m->real = DT_f64;
    b.g = ir_graph_add(b.m, "infer");
    return b;
}

static inline void bench_free(Bench *b)
{
    arena_free(b->arena);
    ir_module_free(b->m);
}

static inline const double *fed(const Bench *b, const char *name)
{
    for (int i = 0; i < b->n_feed; i++)
        if (strcmp(b->feed[i].name, name) == 0)
            return b->feed[i].x;
    return NULL;
}

static inline const double *feed_input(void *ctx, const char *name) { return fed(ctx, name); }
static inline double feed_scalar(void *ctx, const char *name) { return *fed(ctx, name); }

static inline const double *feed_state(void *ctx, State s)
{
    const Bench *b = ctx;
    return fed(b, ir_state(b->m, s)->key);
}

/* The values of v. */
static inline const double *bench_run(Bench *b, Val v)
{
    ir_return(b->g, "y", v);
    EvalIn in = {.n = b->n,
                 .input = feed_input,
                 .state = feed_state,
                 .scalar = feed_scalar,
                 .ctx = b,
                 .seed = b->seed,
                 .step = b->step};
    return ir_eval(b->g, &in, b->arena)[v.i];
}

/* A type from sizes; -1 is the batch axis n. */
static inline Type type_of(DType d, int rank, const int *size)
{
    Type t = {.dtype = d, .shape = {.rank = (uint8_t)rank}};
    for (int i = 0; i < rank; i++)
        t.shape.dim[i] = size[i] < 0 ? ir_dim_n(1) : ir_dim(size[i]);
    return t;
}
#define TYPE(d, ...) type_of(d, COUNT(((const int[]){__VA_ARGS__})), (const int[]){__VA_ARGS__})

static inline Val fed_input(Bench *b, const char *name, Type t, const double *x)
{
    b->feed[b->n_feed++] = (Feed){name, x};
    return ir_input(b->g, name, t, (Loc){0});
}

/* ---- numbers ---- */

/* The same numbers every run, in [lo, hi). */
static inline double number(uint64_t *state, double lo, double hi)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return lo + (hi - lo) * (double)(*state >> 33) * 0x1p-31;
}

static inline void fill(double *x, int n, double lo, double hi)
{
    uint64_t state = (uint64_t)n * 77 + 5;
    for (int i = 0; i < n; i++)
        x[i] = number(&state, lo, hi);
}

/* Relative, with an absolute part for what PyTorch itself rounds away; NaN and infinities exactly.
 */
static inline bool near(double got, double wanted, double relative, double absolute)
{
    if (isnan(got) || isnan(wanted))
        return isnan(got) && isnan(wanted);
    if (isinf(got) || isinf(wanted))
        return got == wanted;
    return fabs(got - wanted) <= relative * fabs(wanted) + absolute;
}

/* ---- PyTorch's rows ---- */

typedef struct TorchRow { char op[32]; int n_attr, n_in; double attr[4], in[4], y, d[4]; } TorchRow;

static inline int read_list(FILE *f, double *x)
{
    int n = 0;
    ck_assert(fscanf(f, "%d", &n) == 1 && n >= 0 && n <= 4);
    for (int i = 0; i < n; i++)
        ck_assert(fscanf(f, "%lf", &x[i]) == 1);
    return n;
}

/* The next row; false at the end. */
static inline bool torch_row(FILE *f, TorchRow *r)
{
    if (fscanf(f, " #%*[^\n]") < 0 || fscanf(f, "%31s", r->op) != 1)
        return false;
    r->n_attr = read_list(f, r->attr);
    r->n_in = read_list(f, r->in);
    ck_assert_int_eq(read_list(f, &r->y), 1);
    ck_assert_int_eq(read_list(f, r->d), r->n_in);
    return true;
}

static inline FILE *torch_rows(void)
{
    FILE *f = fopen("tests/ops/torch_ops.txt", "r");
    ck_assert_msg(f != NULL, "run from the source root: tests/ops/torch_ops.txt is not here");
    return f;
}

static inline Op op_named(const char *name)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++)
        if (strcmp(ir_op[op].name, name) == 0)
            return (Op)op;
    ck_abort_msg("no op %s", name);
}

/* An op's REAL attributes in the table's order, with these values. */
static inline int real_attrs(Op op, const double *value, Attr *attr)
{
    int n = 0;
    for (int id = 0; id < AT_COUNT; id++)
        if ((ir_op[op].required >> id & 1) && ir_attr_info[id].kind == ATK_REAL) {
            attr[n] = ir_real((AttrId)id, value[n]);
            n++;
        }
    return n;
}

#endif
