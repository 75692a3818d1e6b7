/* tests/ops/test_window.c: convolutions, pooling, padding and stretching against references here.
 *
 * The references of what reads places copy the padded planes and slide over the copy. An adjoint's
 * reference is the transpose of that map, found by giving it one unit vector after the other. */
#include "tests/ops/case.h"

enum { IMAGES = 2, MOST = 1024 };
/* An op with the types of its operands, of which b may be null, and of its result. */
typedef struct Text { const char *op, *a, *b, *type; } Text;

static Module *parse(Text t, Arena *a, ParseErr *err)
{
    char *text = arena_printf(a, "seqc.ir 1\nbatch n <= 4\nreal f64\nstage shape\n\n"
                              "graph infer\n%%0 = input \"a\" : %s\n%s%s\n%%2 = %s : %s\n"
                              "return y=%%2\n", t.a, t.b ? "%1 = input \"b\" : " : "",
                              t.b ? t.b : "", t.op, t.type);
    return ir_parse(text, strlen(text), err);
}

/* The elements of the op on these operands. */
static void run(Text t, const double *a, const double *b, double *out)
{
    Bench bench = {.arena = arena_new(), .n = IMAGES,
                   .feed = {{"a", a}, {"b", b}}, .n_feed = 2};
    ParseErr err;
    bench.m = parse(t, bench.arena, &err);
    ck_assert_msg(bench.m != NULL, "%s: %s", t.op, err.text);
    const Graph *g = bench.m->graph[0];
    EvalIn in = {.n = IMAGES, .input = feed_input, .ctx = &bench};
    Val y = g->root[0].val;
    memcpy(out, ir_eval(g, &in, bench.arena)[y.i],
           (size_t)ir_elems_at(&ir_type(g, y)->shape, IMAGES) * sizeof *out);
    bench_free(&bench);
}

static void same(const char *what, const double *got, const double *wanted, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(near(got[i], wanted[i], 1e-12, 1e-13), "%s: element %d is %.15g, not %.15g",
                      what, i, got[i], wanted[i]);
}

/* wanted[i] = the sum over j of y[j] times what the map makes of unit vector i at j. */
typedef void Linear(void *ctx, const double *x, double *y);
static void transpose(Linear *map, void *ctx, int n_x, int n_y, const double *y, double *wanted)
{
    static double unit[MOST], image[MOST];
    for (int i = 0; i < n_x; i++) {
        memset(unit, 0, sizeof unit);
        unit[i] = 1;
        map(ctx, unit, image);
        wanted[i] = 0;
        for (int j = 0; j < n_y; j++)
            wanted[i] += y[j] * image[j];
    }
}

/* ---- convolutions ---- */

typedef struct ConvCase {
    const char *attrs;                   /* as the text has them */
    int rank, in, out, groups;
    int size[2], kernel[2], stride[2], low[2], high[2], dilation[2];   /* rows, columns */
    double *w, *x;                       /* the operand that is held fast */
} ConvCase;

static int windows(const ConvCase *c, int axis)
{
    return (c->size[axis] + c->low[axis] + c->high[axis] - c->dilation[axis]
            * (c->kernel[axis] - 1) - 1) / c->stride[axis] + 1;
}

static void ref_conv(const ConvCase *c, const double *x, const double *w, double *y)
{
    static double padded[MOST];
    int height = c->size[0] + c->low[0] + c->high[0], width = c->size[1] + c->low[1] + c->high[1];
    int per = c->in / c->groups, at = 0;
    for (int n = 0; n < IMAGES; n++)
        for (int o = 0; o < c->out; o++) {
            int group = o / (c->out / c->groups);
            for (int i = 0; i < windows(c, 0); i++)
                for (int j = 0; j < windows(c, 1); j++)
                    y[at + i * windows(c, 1) + j] = 0;
            for (int k = 0; k < per; k++) {
                const double *plane = x + (n * c->in + group * per + k) * c->size[0] * c->size[1];
                memset(padded, 0, sizeof padded);
                for (int i = 0; i < c->size[0]; i++)
                    memcpy(padded + (i + c->low[0]) * width + c->low[1], plane + i * c->size[1],
                           (size_t)c->size[1] * sizeof *padded);
                ck_assert_int_le(height * width, MOST);
                for (int i = 0; i < windows(c, 0); i++)
                    for (int j = 0; j < windows(c, 1); j++)
                        for (int t = 0; t < c->kernel[0] * c->kernel[1]; t++) {
                            int row = i * c->stride[0] + t / c->kernel[1] * c->dilation[0];
                            int col = j * c->stride[1] + t % c->kernel[1] * c->dilation[1];
                            y[at + i * windows(c, 1) + j] += padded[row * width + col]
                                * w[(o * per + k) * c->kernel[0] * c->kernel[1] + t];
                        }
            }
            at += windows(c, 0) * windows(c, 1);
        }
}

static void of_x(void *ctx, const double *x, double *y)
{
    const ConvCase *c = ctx;
    ref_conv(c, x, c->w, y);
}

static void of_w(void *ctx, const double *w, double *y)
{
    const ConvCase *c = ctx;
    ref_conv(c, c->x, w, y);
}

static const char *sizes(Arena *a, const char *lead, int channels, int rows, int cols, int rank)
{
    if (rank == 1)
        return arena_printf(a, "f64[%s,%d,%d]", lead, channels, cols);
    return arena_printf(a, "f64[%s,%d,%d,%d]", lead, channels, rows, cols);
}

static void check_conv_case(ConvCase c)
{
    static double x[MOST], w[MOST], y[MOST], got[MOST], wanted[MOST];
    Arena *a = arena_new();
    int n_x = IMAGES * c.in * c.size[0] * c.size[1];
    int n_w = c.out * c.in / c.groups * c.kernel[0] * c.kernel[1];
    int n_y = IMAGES * c.out * windows(&c, 0) * windows(&c, 1);
    ck_assert(n_x <= MOST && n_w <= MOST && n_y <= MOST);
    fill(x, n_x, -2, 2);
    fill(w, n_w, -2, 2);
    fill(y, n_y, -2, 2);
    c.x = x;
    c.w = w;
    const char *tx = sizes(a, "n", c.in, c.size[0], c.size[1], c.rank);
    const char *tw = sizes(a, arena_printf(a, "%d", c.out), c.in / c.groups, c.kernel[0],
                           c.kernel[1], c.rank);
    const char *ty = sizes(a, "n", c.out, windows(&c, 0), windows(&c, 1), c.rank);
    const char *attrs = arena_printf(a, "{%s groups=%d}", c.attrs, c.groups);
    run((Text){arena_printf(a, "conv %%0, %%1 %s", attrs), tx, tw, ty}, x, w, got);
    ref_conv(&c, x, w, wanted);
    same(c.attrs, got, wanted, n_y);
    run((Text){arena_printf(a, "conv_transpose %%0, %%1 %s", attrs), ty, tw, tx}, y, w, got);
    transpose(of_x, &c, n_x, n_y, y, wanted);
    same("conv_transpose", got, wanted, n_x);
    run((Text){arena_printf(a, "conv_weight %%0, %%1 %s", attrs), tx, ty, tw}, x, y, got);
    transpose(of_w, &c, n_w, n_y, y, wanted);
    same("conv_weight", got, wanted, n_w);
    arena_free(a);
}

START_TEST(convolutions)
{
    const ConvCase cases[] = {
        {"stride=[1,1] padding=[0,0,0,0] dilation=[1,1]", 2, 3, 2, 1, {4, 5}, {3, 2}, {1, 1},
         {0}, {0}, {1, 1}, NULL, NULL},
        {"stride=[2,1] padding=[1,0,0,2] dilation=[1,3]", 2, 4, 6, 2, {7, 6}, {3, 2}, {2, 1},
         {1, 0}, {0, 2}, {1, 3}, NULL, NULL},
        {"stride=[3,2] padding=[4,2,5,2] dilation=[2,1]", 2, 2, 4, 2, {3, 5}, {2, 5}, {3, 2},
         {4, 2}, {5, 2}, {2, 1}, NULL, NULL},
        {"stride=[2] padding=[2,1] dilation=[2]", 1, 3, 3, 3, {1, 9}, {1, 4}, {1, 2}, {0, 2},
         {0, 1}, {1, 2}, NULL, NULL},
    };
    for (int i = 0; i < COUNT(cases); i++)
        check_conv_case(cases[i]);
    /* A bias is added to every element of its channel. */
    const double x[4] = {1, 2, 3, 4}, b[2] = {10, 20};
    double got[8];
    Bench bench = bench_new(1);
    Val in[] = {fed_input(&bench, "x", TYPE(DT_f64, 1, 1, 4), x),
                fed_input(&bench, "w", TYPE(DT_f64, 2, 1, 1), (const double[]){1, -1}),
                fed_input(&bench, "b", TYPE(DT_f64, 2), b)};
    const Attr attr[] = {ir_ints(AT_stride, (const int64_t[]){1}, 1),
                         ir_ints(AT_padding, (const int64_t[]){0, 0}, 2),
                         ir_ints(AT_dilation, (const int64_t[]){1}, 1), ir_int(AT_groups, 1)};
    memcpy(got, bench_run(&bench, ir_add(bench.g, OP_conv, (Loc){0}, in, 3, attr, 4)), sizeof got);
    same("bias", got, (const double[]){11, 12, 13, 14, 19, 18, 17, 16}, 8);
    bench_free(&bench);
}
END_TEST

/* ---- pooling ---- */

/* Windows on planes of 5 x 6, one channel: begin and length of each along both axes. */
typedef struct PoolCase {
    const char *attrs;
    int rows, cols, taps;                /* windows, and a row's taps in a tap's number */
    int begin[2][6], length[2][6], step[2];
} PoolCase;
enum { H = 5, W = 6 };

static const PoolCase pool_cases[] = {
    {"kernel=[2,3] stride=[2,2] padding=[1,0,0,1] dilation=[1,1]", 3, 3, 3,
     {{-1, 1, 3}, {0, 2, 4}}, {{2, 2, 2}, {3, 3, 3}}, {1, 1}},
    {"kernel=[2,2] stride=[1,3] padding=[1,0,0,0] dilation=[3,2]", 3, 2, 2,
     {{-1, 0, 1}, {0, 3}}, {{2, 2, 2}, {2, 2}}, {3, 2}},
    {"adaptive=[3,4]", 3, 4, 3, {{0, 1, 3}, {0, 1, 3, 4}}, {{2, 3, 2}, {2, 2, 2, 2}}, {1, 1}},
};

typedef struct PoolRef { const PoolCase *c; const double *index; } PoolRef;

/* The place of a tap of a window; -1: it has none. */
static int place(const PoolCase *c, int window, int tap_row, int tap_col)
{
    int r = window / c->cols % c->rows, k = window % c->cols;
    int i = c->begin[0][r] + tap_row * c->step[0], j = c->begin[1][k] + tap_col * c->step[1];
    bool is = tap_row < c->length[0][r] && tap_col < c->length[1][k] && i >= 0 && i < H && j >= 0
           && j < W;
    return is ? window / (c->rows * c->cols) * H * W + i * W + j : -1;
}

static void ref_sum(void *ctx, const double *x, double *y)
{
    const PoolRef *p = ctx;
    for (int w = 0; w < IMAGES * p->c->rows * p->c->cols; w++) {
        y[w] = 0;
        for (int t = 0; t < 16; t++)
            if (place(p->c, w, t / 4, t % 4) >= 0)
                y[w] += x[place(p->c, w, t / 4, t % 4)];
    }
}

static void ref_take(void *ctx, const double *x, double *y)
{
    const PoolRef *p = ctx;
    for (int w = 0; w < IMAGES * p->c->rows * p->c->cols; w++)
        y[w] = x[place(p->c, w, (int)p->index[w] / p->c->taps, (int)p->index[w] % p->c->taps)];
}

/* The first of the largest, where there is no NaN. */
static void ref_index(const PoolCase *c, const double *x, double *index)
{
    for (int w = 0; w < IMAGES * c->rows * c->cols; w++) {
        double best = -INFINITY;
        for (int t = 15; t >= 0; t--) {
            int at = place(c, w, t / 4, t % 4);
            if (at < 0 || x[at] < best)
                continue;
            best = x[at];
            index[w] = t / 4 * c->taps + t % 4;
        }
    }
}

START_TEST(pooling)
{
    for (int i = 0; i < COUNT(pool_cases); i++) {
        const PoolCase *c = &pool_cases[i];
        double x[IMAGES * H * W], y[IMAGES * 12], index[IMAGES * 12], got[IMAGES * H * W],
            wanted[IMAGES * H * W];
        int n = IMAGES * c->rows * c->cols, places = IMAGES * H * W;
        Arena *a = arena_new();
        PoolRef p = {c, index};
        fill(x, places, -2, 2);
        fill(y, n, -2, 2);
        for (int j = 0; j < places; j += 7)
            x[j] = 2;                    /* ties */
        const char *wide = "f64[n,1,5,6]", *narrow = arena_printf(a, "f64[n,1,%d,%d]", c->rows,
                                                                  c->cols);
        const char *taps = arena_printf(a, "u8[n,1,%d,%d]", c->rows, c->cols);
        run((Text){arena_printf(a, "pool_index %%0 {%s}", c->attrs), wide, NULL, taps}, x, NULL,
            got);
        ref_index(c, x, index);
        same("pool_index", got, index, n);
        run((Text){arena_printf(a, "pool_take %%0, %%1 {%s}", c->attrs), wide, taps, narrow}, x,
            index, got);
        ref_take(&p, x, wanted);
        same("pool_take", got, wanted, n);
        run((Text){arena_printf(a, "pool_put %%0, %%1 {%s}", c->attrs), narrow, taps, wide}, y,
            index, got);
        transpose(ref_take, &p, places, n, y, wanted);
        same("pool_put", got, wanted, places);
        run((Text){arena_printf(a, "pool_sum %%0 {%s}", c->attrs), wide, NULL, narrow}, x, NULL,
            got);
        ref_sum(&p, x, wanted);
        same("pool_sum", got, wanted, n);
        run((Text){arena_printf(a, "pool_spread %%0 {%s}", c->attrs), narrow, NULL, wide}, y, NULL,
            got);
        transpose(ref_sum, &p, places, n, y, wanted);
        same("pool_spread", got, wanted, places);
        arena_free(a);
    }
    /* As in PyTorch: NaN is largest; where all are -inf the first is. */
    const double x[2 * 4] = {1, NAN, 3, -1, -INFINITY, -INFINITY, -INFINITY, 4};
    double got[4];
    run((Text){"pool_index %0 {kernel=[2] stride=[2] padding=[0,0] dilation=[1]}", "f64[n,1,4]",
               NULL, "u8[n,1,2]"}, x, NULL, got);
    same("edges", got, (const double[]){1, 0, 0, 1}, 4);
    run((Text){"pool_index %0 {kernel=[300] stride=[300] padding=[297,0] dilation=[1]}",
               "f64[n,1,4]", NULL, "i32[n,1,1]"}, x, NULL, got);
    same("wide", got, (const double[]){298, 297}, 2);
}
END_TEST

/* ---- padding and stretching ---- */

typedef struct PadCase { const char *mode; int rows[2], cols[2]; } PadCase;   /* before, behind */

/* Places on an endless axis; -1: none. */
static int endless(const char *mode, int at, int size)
{
    int round = 2 * size - 2;
    if (strcmp(mode, "reflect") == 0)
        return (at % round + round) % round < size ? (at % round + round) % round
                                                   : round - (at % round + round) % round;
    if (strcmp(mode, "circular") == 0)
        return (at + 7 * size) % size;
    if (strcmp(mode, "replicate") == 0)
        return (int)fmin(fmax(at, 0), size - 1);
    return at >= 0 && at < size ? at : -1;
}

static void ref_pad(void *ctx, const double *x, double *y)
{
    const PadCase *c = ctx;
    for (int n = 0; n < IMAGES; n++)
        for (int i = -c->rows[0]; i < H + c->rows[1]; i++)
            for (int j = -c->cols[0]; j < W + c->cols[1]; j++) {
                int row = endless(c->mode, i, H), col = endless(c->mode, j, W);
                *y++ = row < 0 || col < 0 ? 0 : x[n * H * W + row * W + col];
            }
}

START_TEST(padding)
{
    const PadCase cases[] = {{"constant", {2, -1}, {0, 3}}, {"reflect", {4, 2}, {1, 5}},
                             {"replicate", {7, 0}, {2, 3}}, {"circular", {5, 1}, {0, 6}},
                             {"reflect", {-1, 2}, {3, -2}}};
    for (int i = 0; i < COUNT(cases); i++) {
        PadCase c = cases[i];
        double x[IMAGES * H * W], y[MOST], got[MOST], wanted[MOST];
        int height = H + c.rows[0] + c.rows[1], width = W + c.cols[0] + c.cols[1];
        int places = IMAGES * H * W, n = IMAGES * height * width;
        Arena *a = arena_new();
        const char *attrs = arena_printf(a, "mode=\"%s\" padding=[%d,%d,%d,%d]", c.mode, c.rows[0],
                                         c.cols[0], c.rows[1], c.cols[1]);
        const char *wide = arena_printf(a, "f64[n,1,%d,%d]", height, width);
        fill(x, places, -2, 2);
        fill(y, n, -2, 2);
        run((Text){arena_printf(a, "pad %%0 {%s}", attrs), "f64[n,1,5,6]", NULL, wide}, x, NULL,
            got);
        ref_pad(&c, x, wanted);
        same(attrs, got, wanted, n);
        run((Text){arena_printf(a, "pad_grad %%0 {%s}", attrs), wide, NULL, "f64[n,1,5,6]"}, y,
            NULL, got);
        transpose(ref_pad, &c, places, n, y, wanted);
        same("pad_grad", got, wanted, places);
        arena_free(a);
    }
    const double x[4] = {1, 2, 3, 4};
    double got[10];
    run((Text){"pad %0 {mode=\"constant\" padding=[1,2] value=-7.5}", "f64[n,1,2]", NULL,
               "f64[n,1,5]"}, x, NULL, got);
    same("value", got, (const double[]){-7.5, 1, 2, -7.5, -7.5, -7.5, 3, 4, -7.5, -7.5}, 10);
}
END_TEST

/* Between which columns, and how far, column j of a stretched row of W stands. */
typedef struct StretchCase {
    const char *attrs;
    int height, width;
    double scale[2], shift[2];
} StretchCase;

static double at_most(double x, double most) { return fmin(fmax(x, 0), most); }

static void ref_stretch(void *ctx, const double *x, double *y)
{
    const StretchCase *c = ctx;
    for (int n = 0; n < IMAGES; n++)
        for (int i = 0; i < c->height; i++)
            for (int j = 0; j < c->width; j++, y++) {
                double row = at_most(i * c->scale[0] + c->shift[0], H - 1);
                double col = at_most(j * c->scale[1] + c->shift[1], W - 1);
                *y = 0;
                for (int k = 0; k < H * W; k++)      /* a hat around every place */
                    *y += fmax(0, 1 - fabs(row - k / W)) * fmax(0, 1 - fabs(col - k % W))
                        * x[n * H * W + k];
            }
}

/* What torch.nn.functional.interpolate of 1.13 takes from a row of 5 in 7 places, with a factor of
 * 1.5, with one of 0.7, and from one of 3 in 7. */
static const struct { const char *attrs; int from, to, at[7]; } nearest[] = {
    {"mode=\"nearest\"", 5, 7, {0, 0, 1, 2, 2, 3, 4}},
    {"mode=\"nearest\" scale=[1.5]", 5, 7, {0, 0, 1, 2, 2, 3, 4}},
    {"mode=\"nearest\" scale=[0.7]", 5, 3, {0, 1, 2}},
    {"mode=\"nearest\"", 3, 6, {0, 0, 1, 1, 2, 2}},
};

START_TEST(stretching)
{
    const StretchCase cases[] = {
        {"mode=\"linear\"", 7, 12, {5. / 7, 0.5}, {2.5 / 7 - 0.5, 0.25 - 0.5}},
        {"mode=\"linear\" corners", 1, 11, {0, 0.5}, {0}},
        {"mode=\"linear\" scale=[2.5,0.6]", 12, 3, {0.4, 1 / 0.6}, {0.2 - 0.5, 0.5 / 0.6 - 0.5}},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        StretchCase c = cases[i];
        double x[IMAGES * H * W], y[MOST], got[MOST], wanted[MOST];
        int places = IMAGES * H * W, n = IMAGES * c.height * c.width;
        Arena *a = arena_new();
        const char *wide = arena_printf(a, "f64[n,1,%d,%d]", c.height, c.width);
        fill(x, places, -2, 2);
        fill(y, n, -2, 2);
        run((Text){arena_printf(a, "upsample %%0 {%s}", c.attrs), "f64[n,1,5,6]", NULL, wide}, x,
            NULL, got);
        ref_stretch(&c, x, wanted);
        same(c.attrs, got, wanted, n);
        run((Text){arena_printf(a, "upsample_grad %%0 {%s}", c.attrs), wide, NULL, "f64[n,1,5,6]"},
            y, NULL, got);
        transpose(ref_stretch, &c, places, n, y, wanted);
        same("upsample_grad", got, wanted, places);
        arena_free(a);
    }
    for (int i = 0; i < COUNT(nearest); i++) {
        double x[10], y[14], got[14], wanted[14] = {0};
        int from = nearest[i].from, to = nearest[i].to;
        Arena *a = arena_new();
        const char *narrow = arena_printf(a, "f64[n,1,%d]", from);
        const char *wide = arena_printf(a, "f64[n,1,%d]", to);
        fill(x, 10, -2, 2);
        fill(y, 14, -2, 2);
        run((Text){arena_printf(a, "upsample %%0 {%s}", nearest[i].attrs), narrow, NULL, wide}, x,
            NULL, got);
        for (int j = 0; j < 2 * to; j++)
            ck_assert(got[j] == x[j / to * from + nearest[i].at[j % to]]);
        run((Text){arena_printf(a, "upsample_grad %%0 {%s}", nearest[i].attrs), wide, NULL, narrow},
            y, NULL, got);
        for (int j = 0; j < 2 * to; j++)
            wanted[j / to * from + nearest[i].at[j % to]] += y[j];
        same(nearest[i].attrs, got, wanted, 2 * from);
        arena_free(a);
    }
}
END_TEST

/* ---- what has no shape is refused ---- */

#define CONV "{stride=[1,1] padding=[0,0,0,0] dilation=[1,1] groups=1}"
#define X "f64[n,4,5,5]"
static const struct { Text text; const char *says; } wrong[] = {
    {{"conv %0, %1 " CONV, X, "f64[2,3,3,3]", X},
     "1 groups of 3 channels are not the 4 of the data"},
    {{"conv %0, %1 " CONV, X, "f64[2,4,6,3]", X}, "a kernel that spans 6 does not fit into 5"},
    {{"conv %0, %1 " CONV, X, "f64[2,4,3]", X},
     "data [n,4,5,5] and weight [2,4,3] differ in their axes"},
    {{"conv %0, %1 " CONV, X, "f64[n,4,3,3]", X}, "a weight has no batch axis"},
    {{"conv %0, %1 " CONV, "f64[2,4n,5,5]", "f64[2,4,3,3]", X}, "axis 1 must have a constant size"},
    {{"conv %0, %1 " CONV, "f64[n,4]", "f64[2,4]", X},
     "2 axes: samples, channels, and one or two to slide on are wanted"},
    {{"conv %0, %1 " CONV, X, "f32[2,4,3,3]", X},
     "operands f64[n,4,5,5] and f32[2,4,3,3] differ in their element type"},
    {{"conv %0, %1 {stride=[1,1] padding=[0,0,0,0] dilation=[1,1] groups=2}", X, "f64[3,2,3,3]", X},
     "2 groups do not divide 3 channels"},
    {{"conv %0, %1 {stride=[1,1] padding=[0,0,0,0] dilation=[1,1] groups=0}", X, "f64[3,2,3,3]", X},
     "0 groups of 2 channels are not the 4 of the data"},
    {{"conv %0, %1 {stride=[1] padding=[0,0,0,0] dilation=[1,1] groups=1}", X, "f64[3,4,3,3]", X},
     "stride has 1 numbers, not 2"},
    {{"conv %0, %1 {stride=[1,0] padding=[0,0,0,0] dilation=[1,1] groups=1}", X, "f64[3,4,3,3]", X},
     "stride has 0, but its numbers go from 1 to 1048576"},
    {{"conv %0, %1 {stride=[1,1] padding=[0,0,0,0] dilation=[1,9223372036854775807] groups=1}", X,
      "f64[3,4,3,3]", X},
     "dilation has 9223372036854775807, but its numbers go from 1 to 1048576"},
    {{"conv %0, %1 {stride=[1,1] padding=[0,-1,0,0] dilation=[1,1] groups=1}", X, "f64[3,4,3,3]", X},
     "padding of -1 before an axis"},
    {{"conv %0, %1 " CONV, X, "f64[2,4,2000000,3]", X},
     "a kernel of 2000000, but 1048576 is the most"},
    {{"conv %0, %1 " CONV, "f64[1,1,32768,2147483647]", "f64[1,1,32768,1048576]", X},
     "34359738368 taps on lines of 2146435072 are too many"},
    {{"conv_transpose %0, %1 " CONV, "f64[n,2,3,3]", "f64[2,4,3,3]", "f64[n,4,6,5]"},
     "operand 1 is [n,2,3,3], but [n,2,4,3] follows"},
    {{"conv_weight %0, %1 " CONV, X, "f64[n,2,3,3]", "f64[2,4,2,3]"},
     "operand 2 is [n,2,3,3], but [n,2,4,3] follows"},
    {{"conv_weight %0, %1 " CONV, X, "f64[n,2,3,3]", "f32[2,4,3,3]"},
     "the result f32[2,4,3,3] and operand f64[n,4,5,5] differ in element type or layout"},
    {{"pool_index %0", X, NULL, "u8[n,4,5,5]"}, "attribute kernel is missing"},
    {{"pool_index %0 {adaptive=[3,3]}", X, NULL, "i32[n,4,3,3]"},
     "its type is u8[n,4,3,3], not i32[n,4,3,3]"},
    {{"pool_index %0 {adaptive=[0,3]}", X, NULL, "u8[n,4,3,3]"},
     "adaptive has 0, but its numbers go from 1 to 1048576"},
    {{"pool_take %0, %1 {adaptive=[3,3]}", X, "u8[n,4,3,2]", "f64[n,4,3,3]"},
     "taps are u8[n,4,3,2], but those of these windows are u8[n,4,3,3]"},
    {{"pool_put %0, %1 {adaptive=[3,3]}", "f64[n,4,3,2]", "u8[n,4,3,3]", X},
     "operand 1 is [n,4,3,2], but [n,4,3,3] follows"},
    {{"pool_sum %0 {kernel=[2] stride=[1] padding=[1,1] dilation=[3]}", "f64[n,1,2]", NULL,
      "f64[n,1,1]"}, "window 0 holds padding only"},
    {{"pool_sum %0 {kernel=[1] stride=[2] padding=[0,2] dilation=[1]}", "f64[n,1,2]", NULL,
      "f64[n,1,2]"}, "window 1 holds padding only"},
    {{"pool_index %0 {kernel=[60000,60000] stride=[1,1] padding=[0,0,0,0] dilation=[1,1]}",
      "f64[1,1,60000,60000]", NULL, "u8[1,1,1,1]"},
     "a window has 3600000000 elements, which are too many"},
    {{"pad %0 {mode=\"mirror\" padding=[1,1,1,1]}", X, NULL, X}, "\"mirror\" is no way to pad"},
    {{"pad %0 {mode=\"reflect\" padding=[1,1,1,1] value=1}", X, NULL, X},
     "reflect padding has no value of its own"},
    {{"pad %0 {mode=\"reflect\" padding=[5,0,0,0]}", X, NULL, X},
     "reflect padding of 5 is more than the 4 places of an axis of 5"},
    {{"pad %0 {mode=\"circular\" padding=[0,0,6,0]}", X, NULL, X},
     "circular padding of 6 is more than the 5 places of an axis of 5"},
    {{"pad %0 {mode=\"constant\" padding=[-3,0,-2,0]}", X, NULL, X},
     "padding of -3 and -2 leaves nothing of an axis of 5"},
    {{"pad %0 {mode=\"constant\" padding=[0,-9,0,9]}", X, NULL, X},
     "padding of -9 and 9 does not fit an axis of 5"},
    {{"pad %0 {mode=\"constant\" padding=[1,1]}", X, NULL, X}, "padding has 2 numbers for 4 axes"},
    {{"upsample %0 {mode=\"cubic\"}", X, NULL, "f64[n,4,10,10]"}, "\"cubic\" is no way to stretch"},
    {{"upsample %0 {mode=\"linear\"}", X, NULL, "f64[n,5,10,10]"},
     "f64[n,4,5,5] cannot become f64[n,5,10,10]: only spatial axes are stretched"},
    {{"upsample %0 {mode=\"linear\" scale=[2]}", X, NULL, "f64[n,4,10,10]"},
     "1 scales for 4 axes"},
    {{"upsample %0 {mode=\"linear\" scale=[2,-1]}", X, NULL, "f64[n,4,10,10]"},
     "scale -1 is not between 0 and 1048576"},
    {{"upsample %0 {mode=\"linear\"}", "f64[4,5]", NULL, "f64[4,5]"},
     "operand 1 is f64[4,5], but must have 3 or 4 axes"},
};

START_TEST(refused)
{
    for (int i = 0; i < COUNT(wrong); i++) {
        Arena *a = arena_new();
        ParseErr err;
        Module *m = parse(wrong[i].text, a, &err);
        ck_assert_msg(m == NULL, "%s is taken", wrong[i].text.op);
        ck_assert_msg(strstr(err.text, wrong[i].says) != NULL, "%s: %s", wrong[i].text.op,
                      err.text);
        arena_free(a);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("window");
    TCase *t = tcase_create("window");
    tcase_add_test(t, convolutions);
    tcase_add_test(t, pooling);
    tcase_add_test(t, padding);
    tcase_add_test(t, stretching);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
