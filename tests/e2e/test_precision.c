/* tests/e2e/test_precision.c: every algorithm of products is as exact as its error class says.
 *
 * Each one computes products of many shapes in the three forms of a linear layer (forward, gradient
 * of the input, gradient of the weights), or convolutions in theirs, on uniform numbers, on normal
 * ones, and on such as training meets: sparse positive activations, weights as they are drawn,
 * gradients of which most are tiny. The largest error against float64 is compared with that of one
 * plain float32 sum (of each image, where images are summed over), or with the largest result. What
 * no float32 product would survive (infinities, NaN, numbers near the ends of the range) has to
 * come out as it does there. Each algorithm is compiled for the best instruction set that this processor
 * has, and for others in their turn (turns.h). Tensor cores are those of the emulator. SHOW=1 prints what was measured,
 * ONLY=winograd measures these alone, DRAWS=100 takes that many draws of the numbers of convolutions
 * and says how many are beyond the class. */
#define _GNU_SOURCE
#include "loaded.h"
#include "turns.h"
#include "ir/tasks.h"
#include "ir/tiles.h"
#include "ir/winograd.h"
#include "openblas.h"
#include "passes/passes.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A layer: batch x outputs x inputs. */
static const struct { int64_t n, out, in; } layer[] = {
    { 64, 96, 784 }, { 256, 10, 128 }, { 32, 100, 1024 }, { 128, 10, 1024 },
    { 16, 64, 640 }, { 32, 128, 256 }, { 33, 65, 131 },   { 1, 40, 1500 },
};
typedef enum { FORWARD, D_INPUT, D_WEIGHT, N_FORMS } Form;
static const char *const form_name[] = { "forward", "d_input", "d_weight" };
typedef enum { UNIFORM, NORMAL, TRAINING, EDGES, N_DATA } Data;
static const char *const data_name[] = { "uniform", "normal", "training", "edges" };
enum { N_GRAPHS = N_FORMS * (int)(sizeof layer / sizeof *layer) };

/* m x l, summed over k; strides of a[m][k] and b[k][l] as they are stored. */
typedef struct Shape3 { int64_t m, l, k, a_row, a_k, b_k, b_col; } Shape3;

static Shape3 shape_of(int i)
{
    int64_t n = layer[i / N_FORMS].n, out = layer[i / N_FORMS].out, in = layer[i / N_FORMS].in;
    switch ((Form)(i % N_FORMS)) {
    case FORWARD: return (Shape3){ n, out, in, in, 1, 1, in };       /* x[n,in] w[out,in]^T */
    case D_INPUT: return (Shape3){ n, in, out, out, 1, in, 1 };      /* dy[n,out] w[out,in] */
    default: return (Shape3){ out, in, n, 1, out, in, 1 };           /* dy[n,out]^T x[n,in] */
    }
}

/* All products as graphs of one module, with the algorithm asked for. */
static char *module_text(Algo algo, const Target *t)
{
    static const char *const op[] = { "linear %0, %1", "matmul %0, %1", "matmul %0, %1" };
    char *text = NULL, choice[128];
    size_t size;
    int lanes = t->vector_bytes / 4, rows = t->accumulators / 2;
    if (algo == ALGO_gemm)
        snprintf(choice, sizeof choice, "tile=[%d,%d] micro=[%d,2]", 10 * rows, 2 * lanes, rows);
    else if (ir_wide_bytes(algo))
        snprintf(choice, sizeof choice, "tile=[128,256] micro=[1,2]");
    else
        snprintf(choice, sizeof choice, "tile=[64,64]%s", ir_is_mma(algo) ? " micro=[2,2]" : "");
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "seqc.ir 1\nbatch n <= 1\nreal f32\nmath bf16\nstage layout\n");
    for (int i = 0; i < N_GRAPHS; i++) {
        Shape3 s = shape_of(i);
        bool ta = s.a_row == 1, tb = s.b_k == 1;
        fprintf(f, "\ngraph p%d\n%%0 = input \"x\" : f32[%d,%d]\n"
                "%%1 = input \"target\" : f32[%d,%d]\n"
                "%%2 = %s {%salgo=\"%s\" %s} : f32[%d,%d]\nreturn output=%%2\n", i,
                (int)(ta ? s.k : s.m), (int)(ta ? s.m : s.k), (int)(tb ? s.l : s.k),
                (int)(tb ? s.k : s.l), op[i % N_FORMS], ta ? "ta " : "", ir_algo[algo].name, choice,
                (int)s.m, (int)s.l);
    }
    fclose(f);
    return text;
}

static Module *planned(const char *text, const Target *t)
{
    static const char *const steps[] = { "fuse", "schedule", "plan" };
    ParseErr parse;
    char err[IR_ERR];
    Module *m = ir_parse(text, strlen(text), &parse);
    ck_assert_msg(m != NULL, "%s", parse.text);
    PassCtx c = { .target = t, .blas = BLAS_NONE };
    Module *p = pass_run_list(m, &c, steps, 3, err);
    ck_assert_msg(p != NULL, "%s", err);
    ir_module_free(m);
    return p;
}

/* ---- numbers ---- */

static uint32_t lcg;
static double uniform(void)
{
    lcg = lcg * 1664525u + 1013904223u;
    return (lcg >> 8) / 16777216.0 * 2 - 1;
}

static double normal(void)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += uniform();
    return sum / 2;
}

/* Element of the first factor, or (second) of the other one. Products of large edges are finite:
 * one that is not, a fused multiply-add sees as the number that it is. */
static float number(Data data, Form form, bool second, int64_t inputs)
{
    static const float edges[] = { INFINITY, -INFINITY, NAN, 1e18f, -1e18f, 1e-38f, 1e-44f };
    bool gradient = form != FORWARD && !second, weights = form != D_WEIGHT && second;
    switch (data) {
    case UNIFORM: return (float)uniform();
    case NORMAL: return (float)normal();
    case EDGES: return uniform() > -0.998 ? (float)normal() : edges[lcg / 1024 % 7];
    default: break;
    }
    if (weights) return (float)(uniform() / sqrt((double)inputs));
    if (gradient) return (float)(normal() * pow(10, -4 - 2 * uniform()));
    return uniform() > 0 ? 0 : (float)fabs(normal());                /* what ReLU lets through */
}

/* Numbers for an algorithm: rounded to 11 bits or 8, the tiniest edge is zero. */
static double *numbers(Arena *arena, Algo algo, Data data, Form form, bool second, int64_t n,
                       int64_t inputs)
{
    double *x = arena_alloc(arena, (size_t)n, sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = number(data, form, second, inputs);
    for (int64_t i = 0; i < n && ir_is_mma(algo); i++)
        if (fabs(x[i]) < 1e-40) x[i] = 0;
    return x;
}

/* The sums in double and in float, one after the other. The factors are floats. */
static void reference(Shape3 s, const double *a, const double *b, double *exact, float *plain)
{
    double *bd = malloc((size_t)(s.k * s.l) * sizeof *bd);
    float *bf = malloc((size_t)(s.k * s.l) * sizeof *bf);
    for (int64_t k = 0; k < s.k; k++)
        for (int64_t j = 0; j < s.l; j++)
            bf[k * s.l + j] = (float)(bd[k * s.l + j] = b[k * s.b_k + j * s.b_col]);
    for (int64_t i = 0; i < s.m; i++) {
        double *e = exact + i * s.l;
        float *p = plain + i * s.l;
        for (int64_t j = 0; j < s.l; j++) e[j] = p[j] = 0;
        for (int64_t k = 0; k < s.k; k++) {
            double x = a[i * s.a_row + k * s.a_k];
            for (int64_t j = 0; j < s.l; j++) {
                e[j] += x * bd[k * s.l + j];
                p[j] += (float)x * bf[k * s.l + j];
            }
        }
    }
    free(bd);
    free(bf);
}

/* ---- one product ---- */

typedef struct Worst { double of_plain, of_largest; } Worst;

/* The largest errors as shares of that of plain summation and of the largest result. */
static Worst errors(Shape3 s, const double *got, const double *exact, const float *plain)
{
    double error = 0, usual = 0, largest = 0;
    for (int64_t i = 0; i < s.m * s.l; i++) {
        error = fmax(error, isfinite(got[i]) ? fabs(got[i] - exact[i]) : INFINITY);
        usual = fmax(usual, fabs(plain[i] - exact[i]));
        largest = fmax(largest, fabs(exact[i]));
    }
    return (Worst){ error / usual, error / largest };
}

/* Not finite where float32 is not, and in the same way. */
static void same_edges(const char *what, Shape3 s, const double *got, const float *plain)
{
    for (int64_t i = 0; i < s.m * s.l; i++) {
        bool same = isnan(plain[i]) ? isnan(got[i])
                  : isinf(plain[i]) ? got[i] == plain[i] : isfinite(got[i]);
        if (!same)           /* an assertion that holds costs a system call */
            ck_abort_msg("%s: element %lld is %g, in float32 %g", what, (long long)i, got[i],
                         (double)plain[i]);
    }
}

/* Three parts do better than their class on sums that are long, and many enough to compare; but a
 * convolution of few channels adds up many short ones. */
static bool within(Algo algo, Shape3 s, Worst w)
{
    switch (ir_algo[algo].error) {
    case ERR_EXACT: case ERR_SUM: case ERR_FLOAT:
        if (algo == ALGO_bf16x6 && s.k >= 64 && s.m * s.l >= 1000) return w.of_plain <= 1.5;
        return w.of_plain <= 4;
    case ERR_FAST: return w.of_largest <= 1e-4;
    case ERR_TF32: return w.of_largest <= 1.25e-3;       /* 3 bits more than bfloat16 */
    default: return w.of_largest <= 1e-2;
    }
}

/* DRAWS counts, it refuses nothing: the largest of few errors of a plain sum varies, too. */
typedef struct Tally { int draws, beyond; double worst; } Tally;
static int draws(void)
{
    const char *n = getenv("DRAWS");
    return n && atoi(n) > 1 ? atoi(n) : 1;
}

static void show_tally(const char *what, Tally t)
{
    if (t.draws > 1)
        printf("%-60s %d of %d beyond its class, at most %.2f times plain float32 summation's\n", what,
               t.beyond, t.draws, t.worst);
}

static void check_errors(const char *what, Algo algo, Shape3 s, Worst w, Tally *t)
{
    t->draws++;
    t->beyond += !within(algo, s, w);
    t->worst = fmax(t->worst, w.of_plain);
    if (getenv("SHOW"))
        printf("%-60s %8.3f of plain float32 summation's, %.1e of the largest\n", what, w.of_plain,
               w.of_largest);
    if (draws() > 1) return;
    ck_assert_msg(within(algo, s, w), "%s: the largest error is %.3g times that of plain float32 "
                  "summation, %.2g of the largest result", what, w.of_plain, w.of_largest);
}

/* The algorithm, compiled for all instruction sets that this processor has; on tiles, which C
 * computes, for the first. */
typedef struct Built { const Target *target; Module *module; Replay *code; } Built;
enum { MOST_TARGETS = 16 };

static const double *factor(void *ctx, const char *name)
{
    const double *const *factors = ctx;
    return factors[!strcmp(name, "target")];
}

/* Tiles that C computes take their time: some layers for each algorithm. */
static bool its_layer(Algo algo, int i)
{
    return its_turn_of(i + (int)algo, ir_split_parts(algo) || ir_is_mma(algo) ? 6 : fewer());
}

static void check_product(Algo algo, int i, const Built *built, int n_built, rt_pool *pool)
{
    Shape3 s = shape_of(i);
    Form form = (Form)(i % N_FORMS);
    for (int data = 0; data < N_DATA; data++) {
        Arena *arena = arena_new();
        double *exact = arena_alloc(arena, (size_t)(s.m * s.l), sizeof *exact);
        float *plain = arena_alloc(arena, (size_t)(s.m * s.l), sizeof *plain);
        lcg = (uint32_t)(i * N_DATA + data + 1);
        double *a = numbers(arena, algo, (Data)data, form, false, s.m * s.k, s.k);
        double *b = numbers(arena, algo, (Data)data, form, true, s.k * s.l,
                            form == FORWARD ? s.k : s.l);
        reference(s, a, b, exact, plain);
        EvalIn in = { .n = 1, .input = factor, .ctx = (const double *[]){ a, b }, .step = 1 };
        ReplayHow how = { .fill = 0xff, .workers = 2, .pool = pool };
        for (int t = 0; t < n_built; t++) {
            char what[160];
            snprintf(what, sizeof what, "%s on %s, %s, %lld x %lld x %lld, %s", ir_algo[algo].name,
                     built[t].target->name, form_name[form], (long long)s.m, (long long)s.l,
                     (long long)s.k, data_name[data]);
            const Graph *g = built[t].module->graph[i];
            const double *got = emit_run(built[t].code, g, &in, &how, arena)[0];
            if (data == EDGES) same_edges(what, s, got, plain);
            else check_errors(what, algo, s, errors(s, got, exact, plain), &(Tally){ 0 });
        }
        arena_free(arena);
    }
}

/* ---- convolutions ---- */

/* n images of c channels, o channels of results; square images and taps. */
typedef struct Square { int n, c, o, size, taps, stride, pad; } Square;
static const Square conv[] = {
    { 4, 16, 24, 16, 3, 1, 1 }, { 6, 32, 64, 8, 3, 1, 1 },  { 2, 64, 40, 13, 3, 1, 1 },
    { 1, 200, 30, 9, 3, 1, 1 }, { 2, 3, 32, 32, 3, 1, 1 },  { 2, 24, 16, 27, 5, 1, 2 },
    { 3, 8, 16, 30, 3, 2, 1 },  { 2, 3, 20, 60, 11, 4, 2 }, { 3, 33, 20, 13, 5, 1, 2 },
    { 2, 20, 18, 12, 3, 1, 0 }, { 1, 130, 17, 6, 5, 1, 1 }, { 1, 200, 70, 7, 3, 1, 1 },
    { 2, 32, 32, 14, 5, 1, 2 }, { 2, 5, 9, 17, 7, 1, 3 },    { 2, 6, 5, 9, 4, 1, 1 },
    { 3, 6, 16, 12, 5, 1, 0 }, { 1, 2, 6, 28, 4, 1, 0 },    { 2, 3, 7, 40, 3, 1, 0 },
    { 2, 4, 5, 6, 2, 1, 0 },   { 5, 8, 9, 8, 5, 1, 2 },     { 40, 4, 8, 8, 3, 1, 1 },
    { 3, 1, 12, 7, 5, 1, 2 },  { 5, 400, 12, 13, 5, 1, 2 }, { 8, 300, 10, 14, 3, 1, 1 },
    { 4, 500, 24, 16, 3, 1, 1 },
};
enum { N_CONVS = N_FORMS * (int)(sizeof conv / sizeof *conv), OF_WINOGRAD = 4 };    /* the last */

static int results_of(const Square *l) { return (l->size + 2 * l->pad - l->taps) / l->stride + 1; }

/* Winograd's is for 3x3 and 5x5 taps side by side; gradients are taken piece by piece, whatever the
 * taps are. Sums have to be long enough, unless --math fast takes them. */
static bool takes(Algo algo, int i)
{
    const Square *l = &conv[i / N_FORMS];
    bool weight = i % N_FORMS == D_WEIGHT, three = l->taps == 3 && l->stride == 1;
    bool five = l->taps == 5;
    int channels = i % N_FORMS == FORWARD ? l->c : l->o;
    bool precise = weight ? l->stride == 1 && results_of(l) >= 8
                          : (three && channels >= 3) || (five && channels >= 8);
    if (ir_algo[algo].root != KIND_CONV) return false;
    if (i / N_FORMS >= N_CONVS / N_FORMS - OF_WINOGRAD && !ir_is_winograd(algo)) return false;
    if (!its_layer(algo, i / N_FORMS)) return false;
    if (algo == ALGO_implicit) return i % N_FORMS == FORWARD && l->stride == 1 && !l->pad;
    return algo == ALGO_patches || ir_is_tile_conv(algo) || ir_is_mma(algo)
        || (algo == ALGO_winograd && precise)
        || (algo == ALGO_winograd_fast && (three || five));
}

/* All of them as graphs of one module, in tiles that divide none of the sizes; those of gradients by
 * Winograd are as many as programs have, since each is one more term of the sums of all. */
static char *convs_text(Algo algo)
{
    static const char *const op[] = { "conv", "conv_transpose", "conv_weight" };
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "seqc.ir 1\nbatch n <= 1\nreal f32\nmath bf16\nstage layout\n");
    for (int i = 0; i < N_CONVS; i++) {
        const Square *l = &conv[i / N_FORMS];
        Form form = (Form)(i % N_FORMS);
        int out = results_of(l), cols = algo != ALGO_patches ? 3 : out * out;
        int all = form == D_INPUT ? l->c : l->o, rows = form == D_INPUT ? l->c : l->o - 3;
        char x[64], y[64], w[64];
        sprintf(x, "f32[%d,%d,%d,%d]", l->n, l->c, l->size, l->size);
        sprintf(y, "f32[%d,%d,%d,%d]", l->n, l->o, out, out);
        sprintf(w, "f32[%d,%d,%d,%d]", l->o, l->c, l->taps, l->taps);
        if (form == D_INPUT && algo == ALGO_patches) cols = 48;
        if (form == D_WEIGHT) cols = ir_is_winograd(algo) ? l->n * out / 8 + 1 : 2 * l->taps * l->taps;
        if (ir_is_tile_conv(algo)) rows = all < IR_SIDE ? all : IR_SIDE;
        if (ir_is_mma(algo)) rows = 32, cols = 64;
        if (algo == ALGO_implicit) cols = 3 * out;
        if (!takes(algo, i)) continue;
        fprintf(f, "\ngraph p%d\n%%0 = input \"x\" : %s\n%%1 = input \"target\" : %s\n"
                "%%2 = %s %%0, %%1 {stride=[%d,%d] padding=[%d,%d,%d,%d] dilation=[1,1] groups=1 "
                "algo=\"%s\" tile=[%d,%d] micro=[%d,%d]} : %s\nreturn output=%%2\n", i,
                form == D_INPUT ? y : x, form == D_WEIGHT ? y : w, op[form], l->stride, l->stride,
                l->pad, l->pad, l->pad, l->pad, ir_algo[algo].name,
                rows, cols, ir_is_mma(algo) ? 1 : 5,
                form == D_WEIGHT && algo == ALGO_patches ? 3 : 2,
                form == FORWARD ? y : form == D_INPUT ? x : w);
    }
    fclose(f);
    return text;
}

typedef struct Sums { Form form; const double *a, *b; double *exact; float *plain; } Sums;

/* Terms of n results, one after the other, from `a` on times from `b` on, each so far from the one before; the last
 * two are 0 for factors, or a result, that all of them have. */
static inline void add_up(double *restrict exact, float *restrict plain, const double *restrict a,
                          const double *restrict b, int n, int to, int of_a, int of_b)
{
    for (int q = 0; q < n; q++) {
        exact[q * to] += a[q * of_a] * b[q * of_b];
        plain[q * to] += (float)a[q * of_a] * (float)b[q * of_b];
    }
}

/* Those of a row of results from y on, and of the image from x on, by one tap. The usual step is a constant, for
 * the compiler. */
static void add_up_row(const Sums *s, int64_t y, int64_t x, int64_t w, int n, int step)
{
    double *e = s->exact;
    float *p = s->plain;
    if (s->form == FORWARD && step == 1) add_up(e + y, p + y, s->a + x, s->b + w, n, 1, 1, 0);
    else if (s->form == FORWARD) add_up(e + y, p + y, s->a + x, s->b + w, n, 1, step, 0);
    else if (s->form == D_WEIGHT) add_up(e + w, p + w, s->a + x, s->b + y, n, 0, step, 1);
    else if (step == 1) add_up(e + x, p + x, s->a + y, s->b + w, n, 1, 1, 0);
    else add_up(e + x, p + x, s->a + y, s->b + w, n, step, 1, 0);
}

/* All terms of image n, each result's by rows, and by columns in them. */
static void add_up_image(const Sums *s, const Square *l, int n)
{
    int out = results_of(l), step = l->stride;
    for (int o = 0; o < l->o; o++)
        for (int c = 0; c < l->c; c++)
            for (int p = 0; p < out; p++)
                for (int k = 0; k < l->taps; k++) {
                    int i = p * step + k - l->pad;
                    if (i < 0 || i >= l->size) continue;
                    int64_t y = ((int64_t)(n * l->o + o) * out + p) * out;
                    int64_t x = ((int64_t)(n * l->c + c) * l->size + i) * l->size;
                    int64_t w = ((int64_t)(o * l->c + c) * l->taps + k) * l->taps;
                    for (int turn = 0; turn < l->taps; turn++) {
                        int j = s->form == D_INPUT ? l->taps - 1 - turn : turn, left = j - l->pad;
                        int q = left < 0 ? (step - 1 - left) / step : 0;
                        int end = left < l->size ? (l->size - 1 - left) / step + 1 : 0;
                        if (end > out) end = out;
                        if (q < end)
                            add_up_row(s, y + q, x + q * step + left, w + j, end - q, step);
                    }
                }
}

static void check_conv(Algo algo, int i, int graph, const Built *built, int n_built,
                       rt_pool *pool)
{
    const Square *l = &conv[i / N_FORMS];
    Form form = (Form)(i % N_FORMS);
    int64_t out = results_of(l), of_x = (int64_t)l->n * l->c * l->size * l->size;
    int64_t of_y = l->n * l->o * out * out, of_w = (int64_t)l->o * l->c * l->taps * l->taps;
    int64_t size_a = form == D_INPUT ? of_y : of_x, size_b = form == D_WEIGHT ? of_y : of_w;
    int64_t size = form == FORWARD ? of_y : form == D_INPUT ? of_x : of_w;
    Shape3 s = { .m = size, .l = 1, .k = of_w / l->o };
    /* A zero around an image times infinity is NaN; transforms spread them over tiles. */
    bool edges = !l->pad && form != D_INPUT && !ir_is_winograd(algo);
    Tally tally[N_DATA][MOST_TARGETS] = { 0 };
    int n_data = edges ? N_DATA : EDGES;
    for (int turn = 0; turn < n_data * draws(); turn++) {
        int data = turn % n_data;
        Arena *arena = arena_new();
        double *exact = arena_alloc(arena, (size_t)size, sizeof *exact);
        float *plain = arena_alloc(arena, (size_t)size, sizeof *plain);
        float *image = arena_alloc(arena, (size_t)size, sizeof *image);
        lcg = (uint32_t)(i * N_DATA + data + 1) + 7919u * (uint32_t)(turn / n_data);
        double *a = numbers(arena, algo, (Data)data, form, false, size_a, s.k);
        double *b = numbers(arena, algo, (Data)data, form, true, size_b, s.k);
        for (int n = 0; n < l->n; n++) {
            memset(image, 0, (size_t)size * sizeof *image);
            add_up_image(&(Sums){ form, a, b, exact, image }, l, n);
            for (int64_t e = 0; e < size; e++) plain[e] += image[e];
        }
        EvalIn in = { .n = 1, .input = factor, .ctx = (const double *[]){ a, b }, .step = 1 };
        ReplayHow how = { .fill = 0xff, .workers = 2, .pool = pool };
        for (int t = 0; t < n_built; t++) {
            char what[160];
            snprintf(what, sizeof what, "%s on %s, %s, %d -> %d channels, %d x %d, %d taps, %s",
                     ir_algo[algo].name, built[t].target->name, form_name[form], l->c, l->o,
                     l->size, l->size, l->taps, data_name[data]);
            const Graph *g = built[t].module->graph[graph];
            const double *got = emit_run(built[t].code, g, &in, &how, arena)[0];
            if (data == EDGES) same_edges(what, s, got, plain);
            else check_errors(what, algo, s, errors(s, got, exact, plain), &tally[data][t]);
            if (turn / n_data == draws() - 1) show_tally(what, tally[data][t]);
        }
        arena_free(arena);
    }
}

/* Can this processor run what is compiled for t? */
static bool can_load(const Target *t)
{
    return rt_cpu_runs(t->features)
        || (t->tile_per_cycle && rt_cpu_runs(ir_target("x86-64-v4")->features));
}

static Built build_for(const Target *target, Algo algo, bool convs, Arena *arena)
{
    Built b = { .target = target };
    char *text = convs ? convs_text(algo) : module_text(algo, target);
    b.module = planned(text, target);
    free(text);
    for (int i = 0; i < b.module->n_graph; i++)
        ck_assert_msg(b.module->graph[i]->kernel[0].algo == algo, "%s: another one serves",
                      ir_algo[algo].name);
    b.code = loaded_open(ir_algo[algo].name, b.module, target, "-O1", NULL, arena);
    return b;
}

START_TEST(test_class)
{
    Built built[MOST_TARGETS];
    int n = 0;
    Algo algo = (Algo)_i;
    bool gpu = ir_algo[algo].machine == ON_GPU;
    bool convs = ir_algo[algo].root == KIND_CONV && algo != ALGO_direct
              && algo != ALGO_grouped;
    const char *only = getenv("ONLY");
    if (only && !strstr(ir_algo[algo].name, only)) return;
    if (!convs && (ir_algo[algo].root != KIND_PROD || (algo == ALGO_blas && !openblas()))) return;
    if (gpu && !ir_is_mma(algo)) return;               /* sums in the order of plain ones */
    if (algo == ALGO_gemm_back) return;                /* two products, by gemm's register tile */
    Arena *arena = arena_new();
    rt_pool *pool = rt_pool_open(2);
    ck_assert(pool != NULL);
    if (gpu) built[n++] = build_for(ir_gpu("cuda"), algo, convs, arena);
    for (int t = 0; t < ir_n_targets && n < MOST_TARGETS && !gpu; t++) {
        bool twin = ir_targets[t].tile_per_cycle && !ir_split_parts(algo);   /* of AVX-512 */
        if (!can_load(&ir_targets[t]) || twin || (n && ir_split_parts(algo))) continue;
        if (n && !its_turn(t + (int)algo)) continue;
        built[n++] = build_for(&ir_targets[t], algo, convs, arena);
    }
    ck_assert_int_gt(n, 0);
    for (int i = 0; i < N_GRAPHS && !convs; i++)
        if (its_layer(algo, i / N_FORMS)) check_product(algo, i, built, n, pool);
    for (int i = 0, graph = 0; i < N_CONVS; i++)
        if (takes(algo, i)) check_conv(algo, i, graph++, built, n, pool);
    for (int t = 0; t < n; t++) {
        emit_close(built[t].code);
        ir_module_free(built[t].module);
    }
    rt_pool_close(pool);
    arena_free(arena);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("precision");
    TCase *t = tcase_create("products");
    tcase_add_loop_test(t, test_class, ALGO_NONE + 1, ALGO_COUNT);
    tcase_set_timeout(t, 600);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
