/* tests/cuda/library.c: a library `net` of `seqc emit --target cuda` at work, on the stand-in or a device:
 * library DATA OUT. Of DATA, lines of inputs and a class, it infers all samples, in two streams at a time
 * and by a recording of the call, and writes the outputs; or, where the library trains, takes a step a
 * batch and writes the params. What fails is given back and done again: "failed at STATUS". */
#include "net.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW = NET_IN_ELEMS / NET_BATCH, RESULT = NET_OUT_ELEMS / NET_BATCH, MOST = 4096 };
static float x[MOST][ROW], y[MOST][RESULT];
static int64_t label[MOST];
static int samples;
static net_params params;

#define CALL(name, symbol, parameters) static int (*name) parameters;
#include "runtime/cuda_driver.def"

/* What is open, to be given back. */
typedef struct Lane { void *stream, *graph, *exec; uint64_t in, out, workspace, target; } Lane;
static struct { void *context; int device; net_cuda cuda; uint64_t params; Lane lane[2]; } have;

#define TRY(call)                \
    do {                         \
        int status_ = (call);    \
        if (status_) return status_; \
    } while (0)

#define AT(type, address) ((type *)(uintptr_t)(address))

static int open_all(void *library)
{
    TRY(cuInit(0));
    TRY(cuDeviceGet(&have.device, 0));
    TRY(cuDevicePrimaryCtxRetain(&have.context, have.device));
    TRY(cuCtxSetCurrent(have.context));
    TRY(net_open(&have.cuda, dlsym, library, have.device));
    TRY(cuMemAlloc(&have.params, NET_DEVICE_BYTES));
    for (int i = 0; i < 2; i++) {
        Lane *l = &have.lane[i];
        TRY(cuStreamCreate(&l->stream, 1));
        TRY(cuMemAlloc(&l->in, NET_IN_ELEMS * sizeof(float)));
        TRY(cuMemAlloc(&l->out, NET_OUT_ELEMS * sizeof(float)));
#ifdef NET_TRAIN_WORKSPACE_BYTES
        TRY(cuMemAlloc(&l->target, NET_BATCH * sizeof *label));
        TRY(cuMemAlloc(&l->workspace, NET_TRAIN_WORKSPACE_BYTES));
#else
        TRY(cuMemAlloc(&l->workspace, NET_WORKSPACE_BYTES));
#endif
    }
    TRY(net_upload(&have.cuda, &net_weights, AT(net_params, have.params), have.lane[0].stream));
    return cuStreamSynchronize(have.lane[0].stream);
}

static void close_all(void)
{
    for (int i = 0; i < 2; i++) {
        const Lane *l = &have.lane[i];
        if (l->stream) cuStreamSynchronize(l->stream);
        if (l->exec) cuGraphExecDestroy(l->exec);
        if (l->graph) cuGraphDestroy(l->graph);
        if (l->in) cuMemFree(l->in);
        if (l->out) cuMemFree(l->out);
        if (l->target) cuMemFree(l->target);
        if (l->workspace) cuMemFree(l->workspace);
        if (l->stream) cuStreamDestroy(l->stream);
    }
    if (have.params) cuMemFree(have.params);
    net_close(&have.cuda);
    net_close(&have.cuda);               /* once more does no harm */
    if (have.context) cuDevicePrimaryCtxRelease(have.device);
    memset(&have, 0, sizeof have);
}

#ifdef NET_TRAIN_WORKSPACE_BYTES
static int compute(void)
{
    Lane *l = &have.lane[0];
    net_training t = { AT(net_params, have.params), AT(void, l->workspace), 0, NET_LR, 0, 0, 0 };
    for (int at = 0; at < samples; at += NET_BATCH) {
        t.n = samples - at < NET_BATCH ? samples - at : NET_BATCH;
        TRY(cuMemcpyHtoDAsync(l->in, x[at], (size_t)t.n * sizeof *x, l->stream));
        TRY(cuMemcpyHtoDAsync(l->target, label + at, (size_t)t.n * sizeof *label, l->stream));
        uint64_t before = t.step;
        int status = net_train_step(&have.cuda, &t, AT(const float, l->in), AT(const int64_t, l->target),
                                    AT(float, l->out), l->stream);
        if (t.step != before + !status) abort();
        TRY(status);
    }
    TRY(net_download(&have.cuda, AT(const net_params, have.params), &params, l->stream));
    return cuStreamSynchronize(l->stream);
}
static const void *result(size_t *bytes)
{
    *bytes = sizeof params - 64;         /* the sum in their head is that of the first ones */
    return (const char *)&params + 64;
}
#else
static int record(Lane *l)
{
    TRY(cuStreamBeginCapture(l->stream, 1));
    int status = net_forward(&have.cuda, AT(const net_params, have.params), AT(const float, l->in),
                             AT(float, l->out), AT(void, l->workspace), l->stream);
    int ended = cuStreamEndCapture(l->stream, &l->graph);
    if (status) return status;
    TRY(ended);
    return cuGraphInstantiate(&l->exec, l->graph, 0);
}

static int compute(void)
{
    for (int i = 0; i < 2; i++) TRY(record(&have.lane[i]));
    for (int at = 0; at < samples; at += NET_BATCH) {
        const Lane *l = &have.lane[at / NET_BATCH % 2];
        size_t n = (size_t)(samples - at < NET_BATCH ? samples - at : NET_BATCH);
        TRY(cuMemcpyHtoDAsync(l->in, x[at], n * sizeof *x, l->stream));
        if (at / NET_BATCH % 3)
            TRY(cuGraphLaunch(l->exec, l->stream));
        else
            TRY(net_forward(&have.cuda, AT(const net_params, have.params), AT(const float, l->in),
                            AT(float, l->out), AT(void, l->workspace), l->stream));
        TRY(cuMemcpyDtoHAsync(y[at], l->out, n * sizeof *y, l->stream));
    }
    TRY(cuStreamSynchronize(have.lane[0].stream));
    return cuStreamSynchronize(have.lane[1].stream);
}
static const void *result(size_t *bytes)
{
    *bytes = (size_t)samples * sizeof *y;
    return y;
}
#endif

static int run(void *library)
{
    int status = open_all(library);
    return status ? status : compute();
}

static void find_calls(void *library)
{
    static const struct { const char *symbol; void *call; } calls[] = {
#define CALL(name, symbol, parameters) { symbol, &name },
#include "runtime/cuda_driver.def"
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *address = dlsym(library, calls[i].symbol);
        memcpy(calls[i].call, &address, sizeof address);
    }
}

int main(int argc, char **argv)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    FILE *in = fopen(argv[1], "r"), *out = fopen(argv[2], "wb");
    long class;
    if (argc != 3 || !library || !in || !out) return 2;
    for (bool more = true; more && samples < MOST; samples += more) {
        for (int i = 0; i < ROW && more; i++) more = fscanf(in, "%f", &x[samples][i]) == 1;
        more = more && fscanf(in, "%ld", &class) == 1;
        label[samples] = class;
    }
    find_calls(library);
    int status = run(library);
    close_all();
    if (status) {
        printf("failed at %d\n", status);
        setenv("STANDIN_FAIL", "0", 1);
        status = run(library);
        close_all();
    }
    size_t bytes;
    const void *made = result(&bytes);
    fwrite(made, 1, bytes, out);
    return fclose(out) || status;
}
