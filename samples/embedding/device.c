/* samples/embedding/device.c: main.c on one of NVIDIA's devices: four numbers a line in, the name of the
 * species out. The network is `iris`, a library that `seqc emit --target cuda` wrote; device, memory and
 * stream are this program's. */
#include "iris.h"
#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const species[] = { "setosa", "versicolor", "virginica" };
static float in[IRIS_BATCH][4], out[IRIS_BATCH][3];

static void must(int status, const char *what)
{
    if (!status) return;
    fprintf(stderr, "device: %s: CUDA error %d\n", what, status);
    exit(3);
}

static void *memory(size_t bytes)
{
    CUdeviceptr address = 0;
    must(cuMemAlloc(&address, bytes), "no memory on the device");
    return (void *)(uintptr_t)address;
}

static void release(void *memory)
{
    must(cuMemFree((uintptr_t)memory), "giving memory back");
}

/* As many flowers as are left, up to a batch: what is over in `in` is those of the batch before. */
static int read_flowers(void)
{
    int n = 0;
    while (n < IRIS_BATCH && scanf("%f%f%f%f", &in[n][0], &in[n][1], &in[n][2], &in[n][3]) == 4) n++;
    return n;
}

static void tell(int n)
{
    for (int i = 0; i < n; i++) {
        int best = 0;
        for (int k = 1; k < 3; k++)
            if (out[i][k] > out[i][best]) best = k;
        printf("%s\n", species[best]);
    }
}

int main(void)
{
    CUdevice device;
    CUcontext context;
    CUstream stream;
    iris_cuda cuda;
    must(cuInit(0), "the driver");
    must(cuDeviceGet(&device, 0), "no device");
    must(cuDevicePrimaryCtxRetain(&context, device), "the device");
    must(cuCtxSetCurrent(context), "the device");
    must(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "a stream");
    const int status = iris_open(&cuda, dlsym, NULL, device);     /* the driver is linked with us */
    must(status, cuda.failed);

    iris_params *const params = (iris_params *)memory(IRIS_DEVICE_BYTES);
    void *const workspace = memory(IRIS_WORKSPACE_BYTES);
    float *const x = (float *)memory(sizeof in), *const y = (float *)memory(sizeof out);
    must(iris_upload(&cuda, &iris_weights, params, stream), "the weights");
    for (int n; (n = read_flowers()) > 0;) {
        must(cuMemcpyHtoDAsync((uintptr_t)x, in, sizeof in, stream), "the flowers");
        must(iris_forward(&cuda, params, x, y, workspace, stream), "the network");
        must(cuMemcpyDtoHAsync(out, (uintptr_t)y, sizeof out, stream), "the species");
        must(cuStreamSynchronize(stream), "the network");
        tell(n);
    }
    release(params);
    release(workspace);
    release(x);
    release(y);
    iris_close(&cuda);
    must(cuStreamDestroy(stream), "the stream");
    must(cuDevicePrimaryCtxRelease(device), "the device");
    return 0;
}
