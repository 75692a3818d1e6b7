/* tests/cuda/device_toy.c: the host side of toy.cu, as generated programs have it. */
#include "tests/cuda/device_toy.h"
#include "tests/unit/program_toy.h"
#include <string.h>

enum { C = 3, CAP = 8, LOGITS = CAP * C * 4 };   /* bytes of a batch's logits, rounded: 96 */

#define KERNELS_1(KERNEL) \
    KERNEL(toy_forward, 0) KERNEL(toy_add_one, 0) KERNEL(toy_copy, 0) KERNEL(toy_loss, 0) \
    KERNEL(toy_begin, 0) KERNEL(toy_end, 0)
#define KERNELS_2(KERNEL) \
    KERNEL(toy_update, 0) KERNEL(toy_echo, 0) KERNEL(toy_large, 100000) KERNEL(toy_steps, 0)
#define KERNELS(KERNEL)                                                                      \
    KERNEL(toy_update, 0) KERNEL(toy_forward, 0) KERNEL(toy_add_one, 0) KERNEL(toy_copy, 0)  \
    KERNEL(toy_loss, 0) KERNEL(toy_echo, 0) KERNEL(toy_large, 100000) KERNEL(toy_begin, 0)   \
    KERNEL(toy_end, 0) KERNEL(toy_steps, 0) KERNEL(toy_gradients, 0)
#define NUMBER(name, shared_bytes) K_##name,
#define ENTRY(name, shared_bytes) ".visible .entry " #name "()\n"
#define ROW(name, shared_bytes) { #name, 32, shared_bytes },
enum { KERNELS(NUMBER) N_KERNELS };
static const rt_kernel kernels[] = { KERNELS(ROW) };

/* Two images have the kernels of 9.0, which are found in one or the other; one that of derivatives, for
 * all devices. */
static const unsigned char ptx[] = "// in the manner of PTX";
static const char part_1[] = "//\n" KERNELS_1(ENTRY), part_2[] = "//\n" KERNELS_2(ENTRY);
static const char derives[] = "//\n.version 9.0\n" ENTRY(toy_gradients, 0);
static const rt_cuda_image images[] = {
    { 80, false, ptx, sizeof ptx, false }, { 89, false, ptx, sizeof ptx, false },
    { 90, false, (const unsigned char *)part_1, 1000, false },
    { 90, false, (const unsigned char *)part_2, 24, false },
    { 80, true, ptx, sizeof ptx, false },
    { 80, true, (const unsigned char *)derives, 48, true }, { 0 },
};
/* As nvcc makes them: with all kernels. */
static const rt_cuda_image whole_images[] = { { 90, false, ptx, sizeof ptx, false }, { 0 } };
static const rt_steps step_kernels[] = {
    { "train", K_toy_begin, K_toy_end, 32, -1 }, { "eval", K_toy_begin, K_toy_end, 32, -1 },
};
static const rt_cuda cuda = { kernels, N_KERNELS, images, step_kernels, 2, 1 };
static const rt_steps whole_steps[] = {
    { "train", K_toy_begin, K_toy_end, 32, K_toy_steps }, { "eval", K_toy_begin, K_toy_end, 32, -1 },
};
static const rt_cuda whole_cuda = { kernels, N_KERNELS, whole_images, whole_steps, 2, 1 };

static void forward(const rt_call *c, const void *state, const void *y)
{
    const void *const m[] = { c->in[0], state, y };
    rt_launch(c, K_toy_forward, (3 * c->n + 31) / 32, m, 3);
}

static void loss(const rt_call *c, const void *y, const void *of, const void *correct,
                 const void *d)
{
    const void *const m[] = { y, c->in[1], of, correct, d };
    rt_launch(c, K_toy_loss, 1, m, 5);
}

static void run_train(const rt_call *c)
{
    const void *const m[] = { c->in[0], c->arena + LOGITS, c->state, c->scalars };
    forward(c, c->state, c->arena);
    loss(c, c->arena, c->out[0], c->out[1], c->arena + LOGITS);
    rt_launch(c, K_toy_update, 1, m, 4);
}

static void keep(const rt_call *c)
{
    const void *const m[] = { c->state, c->kept };
    rt_launch(c, K_toy_copy, 1, m, 2);
}

static void run_eval(const rt_call *c)
{
    forward(c, c->kept, c->arena);
    loss(c, c->arena, c->out[0], c->out[1], c->arena + LOGITS);
}

static void run_infer(const rt_call *c)
{
    forward(c, c->kept, c->out[0]);
}

static void run_infer_one(const rt_call *c)
{
    const void *const m[] = { c->out[0] };
    forward(c, c->kept, c->out[0]);
    rt_launch(c, K_toy_add_one, 1, m, 1);
}

static void run_loss(const rt_call *c)
{
    loss(c, c->in[0], c->out[0], c->arena, c->out[1]);
}

static void run_grad(const rt_call *c)
{
    const void *const m[] = { c->in[0], c->in[1], c->state, c->out[1], c->out[2], c->out[3] };
    forward(c, c->state, c->out[0]);
    rt_launch(c, K_toy_gradients, 1, m, 6);
}

const rt_model *toy_cuda(void)
{
    static const struct {
        const char *name;
        void (*run)(const rt_call *call);
        int64_t arena_bytes;
    } on[] = {
        { "train", run_train, 2 * LOGITS }, { "eval", run_eval, 2 * LOGITS },
        { "infer", run_infer, 0 },          { "infer_one", run_infer_one, 0 },
        { "loss", run_loss, 64 },           { "grad", run_grad, 0 },
    };
    enum { N = sizeof on / sizeof *on };
    static rt_graph graphs[N];
    static rt_model model;
    for (int i = 0; i < N; i++) {
        graphs[i] = toy_classes.graphs[i];
        if (strcmp(graphs[i].name, on[i].name) != 0) return NULL;
        graphs[i].run = on[i].run;
        graphs[i].keep = graphs[i].keep ? keep : NULL;
        graphs[i].arena_bytes = on[i].arena_bytes;
        graphs[i].worker_bytes = 0;
    }
    model = toy_classes;
    model.graphs = graphs;
    model.cuda = &cuda;
    model.isa = "CUDA";
    return &model;
}

const rt_model *toy_whole(void)
{
    static rt_model model;
    model = *toy_cuda();
    model.cuda = &whole_cuda;
    return &model;
}

static void run_echo(const rt_call *c)
{
    const void *const m[] = { c->counters, c->scalars, c->out[0] };
    rt_launch(c, K_toy_echo, 1, m, 3);
    rt_launch(c, K_toy_large, 1, m + 2, 1);
}

const rt_model *toy_echo(void)
{
    static const rt_value told = { "told", RT_F64, 1, { { 5, false } } };
    static const rt_graph graph = { .name = "echo", .run = run_echo, .n_results = 1,
                                    .results = &told };
    static rt_model model;
    model = toy_classes;
    model.graphs = &graph;
    model.n_graphs = 1;
    model.cuda = &cuda;
    return &model;
}
