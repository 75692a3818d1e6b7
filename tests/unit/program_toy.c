/* tests/unit/program_toy.c: a softmax classifier and a linear regression as generated programs give
 * them to the runtime: tables, and one function per graph. The kernels are naive on purpose. */
#define _POSIX_C_SOURCE 200809L
#include "program_toy.h"
#include <math.h>
#include <signal.h>
#include <string.h>

enum { F = 4, C = 3, CAP = 8, PANEL = 2 };

/* ---- Linear(4, 3), cross entropy ---- */

/* "0.weight" in panels of two rows: [2][4][2], the last row is padding. */
static const rt_state class_states[] = {
    { "0.weight", RT_PARAM, RT_F32, 2, { { C, PANEL, F * PANEL, 1 }, { F, 1, PANEL, 0 } }, 0, 64 },
    { "0.bias", RT_PARAM, RT_F32, 1, { { C, 1, 1, 0 } }, 64, 64 },
    { "0.weight#momentum", RT_OPTIMIZER, RT_F32, 2,
      { { C, PANEL, F * PANEL, 1 }, { F, 1, PANEL, 0 } }, 128, 64 },
    { "0.bias#momentum", RT_OPTIMIZER, RT_F32, 1, { { C, 1, 1, 0 } }, 192, 64 },
};

static int w_at(int c, int f)
{
    return c / PANEL * F * PANEL + c % PANEL + f * PANEL;
}

typedef struct Forward { const float *x, *w, *b; float *y; } Forward;

static void forward_task(const void *ctx, int64_t i, int worker)
{
    const Forward *g = ctx;
    (void)worker;
    for (int c = 0; c < C; c++) {
        float sum = g->b[c];
        for (int f = 0; f < F; f++)
            sum += g->x[i * F + f] * g->w[w_at(c, f)];
        g->y[i * C + c] = sum;
    }
}

static void forward(const rt_call *call, const char *states, float *y)
{
    Forward g = { call->in[0], (const float *)states, (const float *)(states + 64), y };
    rt_parallel(call->pool, forward_task, &g, call->n);
}

/* Evaluation reads what it made of the weights when they changed last: a copy. */
enum { KEPT = 128 };
static void class_keep(const rt_call *call)
{
    memcpy(call->kept, call->state, KEPT);
}

/* Mean loss of logits y; d (may be null) its gradient; *correct: samples that are right. */
static float cross_entropy(const float *y, const int64_t *target, int64_t n, float *d,
                           int64_t *correct)
{
    double loss = 0;
    *correct = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = y + i * C;
        double largest = row[0], sum = 0;
        int best = 0;
        for (int c = 1; c < C; c++)
            if (row[c] > largest) {
                largest = row[c];
                best = c;
            }
        for (int c = 0; c < C; c++)
            sum += exp(row[c] - largest);
        loss += log(sum) + largest - row[target[i]];
        *correct += best == target[i];
        for (int c = 0; d && c < C; c++)
            d[i * C + c] = (float)((exp(row[c] - largest) / sum - (c == target[i])) / (double)n);
    }
    return (float)(loss / (double)n);
}

/* dw [C][F] in PyTorch's order, db [C], dx [n][F]; dx may be null. */
static void backward(const rt_call *call, const float *d, float *dw, float *db, float *dx)
{
    const float *x = call->in[0], *w = (float *)call->state;
    memset(dw, 0, sizeof(float) * C * F);
    memset(db, 0, sizeof(float) * C);
    for (int64_t i = 0; i < call->n; i++)
        for (int c = 0; c < C; c++) {
            db[c] += d[i * C + c];
            for (int f = 0; f < F; f++)
                dw[c * F + f] += d[i * C + c] * x[i * F + f];
        }
    for (int64_t i = 0; dx && i < call->n; i++)
        for (int f = 0; f < F; f++) {
            dx[i * F + f] = 0;
            for (int c = 0; c < C; c++)
                dx[i * F + f] += d[i * C + c] * w[w_at(c, f)];
        }
}

static void class_train(const rt_call *call)
{
    float *y = (float *)call->arena, *d = y + CAP * C, dw[C * F], db[C];
    float *w = (float *)call->state, *b = w + 16, *mw = w + 32, *mb = w + 48;
    float lr = *(const float *)call->scalars;
    forward(call, call->state, y);
    *(float *)call->out[0] = cross_entropy(y, call->in[1], call->n, d, call->out[1]);
    backward(call, d, dw, db, NULL);
    for (int c = 0; c < C; c++) {
        mb[c] = 0.9f * mb[c] + db[c];
        b[c] -= lr * mb[c];
        for (int f = 0; f < F; f++) {
            int at = w_at(c, f);
            mw[at] = 0.9f * mw[at] + dw[c * F + f];
            w[at] -= lr * mw[at];
        }
    }
}

static void class_eval(const rt_call *call)
{
    float *y = (float *)call->arena;
    forward(call, call->kept, y);
    *(float *)call->out[0] = cross_entropy(y, call->in[1], call->n, NULL, call->out[1]);
}

static void class_infer(const rt_call *call)
{
    forward(call, call->kept, call->out[0]);
}

/* Another number than `infer` gives, so that it is seen who was asked. */
static void class_infer_one(const rt_call *call)
{
    forward(call, call->kept, call->out[0]);
    for (int c = 0; c < C; c++)
        ((float *)call->out[0])[c] += 1;
}

/* By way of the arena, where a sample of another thread must not come between. */
static void class_infer_alone(const rt_call *call)
{
    volatile float *y = (float *)call->arena;
    float *const out = call->out[0];
    forward(call, call->kept, out);
    for (int c = 0; c < C; c++)
        y[c] = call->n == 1 ? out[c] : NAN;
    for (int i = 0; i < 1000; i++)
        for (int c = 0; c < C; c++)
            y[c] = y[c] + 1;
    for (int c = 0; c < C; c++)
        out[c] = y[c];
}

static void class_loss(const rt_call *call)
{
    int64_t correct;
    *(float *)call->out[0] = cross_entropy(call->in[0], call->in[1], call->n, call->out[1],
                                           &correct);
}

static void class_grad(const rt_call *call)
{
    forward(call, call->state, call->out[0]);
    backward(call, call->in[1], call->out[2], call->out[3], call->out[1]);
}

static const rt_value class_x = { "x", RT_F32, 2, { { 1, true }, { F, false } } };
static const rt_value class_one = { "x", RT_F32, 2, { { 1, false }, { F, false } } };
static const rt_value class_xt[] = { { "x", RT_F32, 2, { { 1, true }, { F, false } } },
                                     { "target", RT_I64, 1, { { 1, true } } } };
static const rt_value class_xc[] = { { "x", RT_F32, 2, { { 1, true }, { F, false } } },
                                     { "cotangent", RT_F32, 2, { { 1, true }, { C, false } } } };
static const rt_value class_ot[] = { { "output", RT_F32, 2, { { 1, true }, { C, false } } },
                                     { "target", RT_I64, 1, { { 1, true } } } };
static const rt_value class_score[] = { { "loss", RT_F32, 0, { { 0 } } },
                                        { "correct", RT_I64, 0, { { 0 } } } };
static const rt_value class_out[] = { { "output", RT_F32, 2, { { 1, true }, { C, false } } } };
static const rt_value class_one_out = { "output", RT_F32, 2, { { 1, false }, { C, false } } };
static const rt_value class_d[] = { { "loss", RT_F32, 0, { { 0 } } },
                                    { "d_output", RT_F32, 2, { { 1, true }, { C, false } } } };
static const rt_value class_grads[] = { { "output", RT_F32, 2, { { 1, true }, { C, false } } },
                                        { "d_input", RT_F32, 2, { { 1, true }, { F, false } } },
                                        { "d_0.weight", RT_F32, 2, { { C, false }, { F, false } } },
                                        { "d_0.bias", RT_F32, 1, { { C, false } } } };
static const rt_graph class_graphs[] = {
    { "train", class_train, NULL, true, 2 * CAP * C * 4, 64, 0,
      2, 2, class_xt, class_score, 576, 1000, 0, NULL },
    { "eval", class_eval, class_keep, false, CAP * C * 4, 0, KEPT,
      2, 2, class_xt, class_score, 192, 400, 0, NULL },
    { "infer", class_infer, class_keep, false, 0, 0, KEPT, 1, 1, &class_x, class_out, 192, 400, 0, NULL },
    { "infer_one", class_infer_one, class_keep, false, 0, 0, KEPT, 1, 1, &class_one,
      &class_one_out, 24, 100, 0, NULL },
    { "loss", class_loss, NULL, false, 0, 0, 0, 2, 2, class_ot, class_d, 100, 400, 0, NULL },
    { "grad", class_grad, NULL, false, 0, 0, 0, 2, 4, class_xc, class_grads, 576, 1000, 0, NULL },
};

static const rt_draw class_draws[] = {
    { RT_DRAW_UNIFORM, 0, -0.5, 0.5, 0 },
    { RT_DRAW_UNIFORM, 1, -0.5, 0.5, 0 },
};
static const rt_layer class_layers[] = {
    { "0", "Linear(4, 3)", 2, { { 1, true }, { C, false } }, 15, 192 },
};
static const rt_metric class_metrics[] = { RT_ACCURACY };

static void lr_alone(const double *lr, double step, double steps, void *out)
{
    (void)step, (void)steps;
    *(float *)out = (float)*lr;
}

const rt_model toy_classes = {
    .abi = RT_ABI, .name = "toy", .version = "0.1", .loss = "CrossEntropyLoss()",
    .optimizer = "SGD(lr=0.1, momentum=0.9)", .isa = "any processor",
    .march = "any", .features = "", .real = RT_F32, .math = "strict",
    .capacity = CAP, .input_rank = 1, .target_rank = 0, .output_rank = 1, .input = { F },
    .output = { C }, .target_kind = RT_TARGET_INDEX, .n_classes = C, .states = class_states,
    .n_states = 4, .state_bytes = 256, .graphs = class_graphs, .n_graphs = 6,
    .draws = class_draws, .n_draws = 2, .layers = class_layers, .n_layers = 1,
    .metrics = class_metrics, .n_metrics = 1, .n_scalars = 1, .scalars = lr_alone, .lr = 0.1,
    .seed = 7, .has_seed = true, .batch = CAP, .shuffle = -1,
};

/* ---- the same, whose batches are inferred sample by sample ---- */

static const rt_graph alone_graphs[] = {
    { "infer", class_infer, class_keep, false, 0, 0, KEPT, 1, 1, &class_x, class_out, 192, 400, 0, NULL },
    { "infer_one", class_infer_alone, class_keep, false, 64, 0, KEPT, 1, 1, &class_one,
      &class_one_out, 24, 100, 0, NULL },
};

const rt_model toy_samples = {
    .abi = RT_ABI, .name = "toy", .version = "0.1", .isa = "any processor", .march = "any",
    .features = "", .real = RT_F32, .math = "strict", .capacity = CAP, .input_rank = 1,
    .output_rank = 1, .input = { F }, .output = { C }, .n_classes = C,
    .target_kind = RT_TARGET_INDEX, .states = class_states, .n_states = 4, .state_bytes = 256,
    .graphs = alone_graphs, .n_graphs = 2, .draws = class_draws, .n_draws = 2,
    .layers = class_layers, .n_layers = 1, .scalars = lr_alone, .batch = CAP, .shuffle = -1,
    .by_sample = true,
};

/* ---- the same, with events ---- */

toy_events toy_event;

static void raise_all(void)
{
    for (int i = 0; i < toy_event.signals; i++)
        raise(SIGTERM);
}

static void eventful_train(const rt_call *call)
{
    class_train(call);
    if (toy_event.spoil_step > 0 && call->step == (uint64_t)toy_event.spoil_step) {
        const rt_state *s = &class_states[toy_event.spoil_state];
        *(float *)(void *)(call->state + s->offset_bytes) = NAN;
    }
    if (toy_event.signal_step > 0 && call->step == (uint64_t)toy_event.signal_step)
        raise_all();
}

static void eventful_eval(const rt_call *call)
{
    static int calls;
    class_eval(call);
    if (++calls == toy_event.signal_eval)
        raise_all();
}

static const rt_graph eventful_graphs[] = {
    { "train", eventful_train, NULL, true, 2 * CAP * C * 4, 64, 0,
      2, 2, class_xt, class_score, 576, 1000, 0, NULL },
    { "eval", eventful_eval, class_keep, false, CAP * C * 4, 0, KEPT,
      2, 2, class_xt, class_score, 192, 400, 0, NULL },
};

const rt_model toy_eventful = {
    .abi = RT_ABI, .name = "toy", .version = "0.1", .loss = "CrossEntropyLoss()",
    .optimizer = "SGD(lr=0.1, momentum=0.9)", .isa = "any processor",
    .march = "any", .features = "", .real = RT_F32, .math = "strict",
    .capacity = CAP, .input_rank = 1, .target_rank = 0, .output_rank = 1, .input = { F },
    .output = { C }, .target_kind = RT_TARGET_INDEX, .n_classes = C, .states = class_states,
    .n_states = 4, .state_bytes = 256, .graphs = eventful_graphs, .n_graphs = 2,
    .draws = class_draws, .n_draws = 2, .layers = class_layers, .n_layers = 1,
    .metrics = class_metrics, .n_metrics = 1, .n_scalars = 1, .scalars = lr_alone, .lr = 0.1,
    .seed = 7, .has_seed = true, .batch = CAP, .shuffle = -1,
};

/* ---- Linear(2, 1), mean squared error ---- */

enum { LINE_F = 2, LINE_CAP = 16 };

static const rt_state line_states[] = {
    { "fc.weight", RT_PARAM, RT_F32, 2, { { 1, 1, LINE_F, 0 }, { LINE_F, 1, 1, 0 } }, 0, 64 },
    { "fc.bias", RT_PARAM, RT_F32, 1, { { 1, 1, 1, 0 } }, 64, 64 },
};

static float line_at(const rt_call *call, int64_t i)
{
    const float *x = call->in[0], *w = (float *)call->state;
    return x[i * LINE_F] * w[0] + x[i * LINE_F + 1] * w[1] + w[16];
}

static void line_score(const rt_call *call)
{
    const float *t = call->in[1];
    double square = 0, size = 0;
    for (int64_t i = 0; i < call->n; i++) {
        double d = (double)line_at(call, i) - t[i];
        square += d * d;
        size += fabs(d);
    }
    *(float *)call->out[0] = (float)(square / (double)call->n);
    *(double *)call->out[1] = size;
    *(double *)call->out[2] = square;
}

static void line_train(const rt_call *call)
{
    const float *x = call->in[0], *t = call->in[1];
    float *w = (float *)call->state, lr = *(const float *)call->scalars, dw[2] = { 0 }, db = 0;
    line_score(call);
    for (int64_t i = 0; i < call->n; i++) {
        float d = 2 * (line_at(call, i) - t[i]) / (float)call->n;
        dw[0] += d * x[i * LINE_F];
        dw[1] += d * x[i * LINE_F + 1];
        db += d;
    }
    w[0] -= lr * dw[0];
    w[1] -= lr * dw[1];
    w[16] -= lr * db;
}

static void line_infer(const rt_call *call)
{
    for (int64_t i = 0; i < call->n; i++)
        ((float *)call->out[0])[i] = line_at(call, i);
}

static const rt_value line_x = { "x", RT_F32, 2, { { 1, true }, { LINE_F, false } } };
static const rt_value line_xt[] = { { "x", RT_F32, 2, { { 1, true }, { LINE_F, false } } },
                                    { "target", RT_F32, 2, { { 1, true }, { 1, false } } } };
static const rt_value line_result[] = { { "loss", RT_F32, 0, { { 0 } } },
                                        { "abs_err", RT_F64, 0, { { 0 } } },
                                        { "sq_err", RT_F64, 0, { { 0 } } } };
static const rt_value line_out = { "output", RT_F32, 2, { { 1, true }, { 1, false } } };
static const rt_graph line_graphs[] = {
    { "train", line_train, NULL, true, 0, 0, 0, 2, 3, line_xt, line_result, 192, 256, 0, NULL },
    { "eval", line_score, NULL, false, 0, 0, 0, 2, 3, line_xt, line_result, 64, 192, 0, NULL },
    { "infer", line_infer, NULL, false, 0, 0, 0, 1, 1, &line_x, &line_out, 64, 192, 0, NULL },
};
static const rt_draw line_draws[] = {
    { RT_DRAW_UNIFORM, 0, -0.70710678, 0.70710678, 0 },
    { RT_DRAW_CONSTANT, 1, 0.25, 0, 0 },
};
static const rt_layer line_layers[] = {
    { "fc", "Linear(2, 1)", 2, { { 1, true }, { 1, false } }, 3, 64 },
};
static const rt_metric line_metrics[] = { RT_MAE, RT_R2 };

const rt_model toy_line = {
    .abi = RT_ABI, .name = "line", .version = "0.1", .loss = "MSELoss()",
    .optimizer = "SGD(lr=0.05)", .isa = "any processor",
    .march = "any", .features = "", .real = RT_F32, .math = "strict", .capacity = LINE_CAP,
    .input_rank = 1, .target_rank = 1, .output_rank = 1, .input = { LINE_F }, .target = { 1 },
    .output = { 1 }, .target_kind = RT_TARGET_REAL, .states = line_states, .n_states = 2,
    .state_bytes = 128, .graphs = line_graphs, .n_graphs = 3, .draws = line_draws, .n_draws = 2,
    .layers = line_layers, .n_layers = 1, .metrics = line_metrics, .n_metrics = 2,
    .n_scalars = 1, .scalars = lr_alone, .lr = 0.05, .epochs = 4, .batch = 8, .shuffle = 1,
};
