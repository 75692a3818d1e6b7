/* tests/e2e/driver_train.c: a program that trains the library `net`: two passes over samples in batches of
 * NET_BATCH, the last one smaller, in order.
 *
 *   driver_train SAMPLES INPUTS TARGETS LOSSES TENSORS
 *
 * Files hold raw numbers; TENSORS gets, tensor by tensor, its key's length, its key, its count, and
 * its elements in PyTorch's order as doubles. The workspace is full of NaN and stands between guards;
 * what is set to what was got must be the same bits. */
#include "net.h"
#ifdef NET_THREADS
#include "net_threads.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef NET_INDEX
typedef int64_t target_type;
#else
typedef float target_type;
#endif

enum { GUARD = 4096, IN = NET_IN_ELEMS / NET_BATCH, TARGET = NET_TARGET_ELEMS / NET_BATCH };
NET_ALIGNED static net_params params, before;
NET_ALIGNED static unsigned char memory[NET_TRAIN_WORKSPACE_BYTES + 2 * GUARD];

static int fail(const char *what)
{
    fprintf(stderr, "driver_train: %s\n", what);
    return 1;
}

static void *read_all(const char *path, size_t bytes)
{
    FILE *f = fopen(path, "rb");
    void *p = malloc(bytes);
    if (!f || !p || fread(p, 1, bytes, f) != bytes) exit(fail(path));
    fclose(f);
    return p;
}

static int write_tensors(const char *path)
{
    FILE *f = fopen(path, "wb");
    for (int i = 0; f && i < NET_TENSORS; i++) {
        const net_tensor *t = &net_tensors[i];
        int64_t length = (int64_t)strlen(t->key), count = t->elems;
        char *x = (char *)malloc((size_t)t->elems * (size_t)t->element);
        net_get_params(&params, i, x);
        net_set_params(&params, i, x);
        fwrite(&length, sizeof length, 1, f);
        fwrite(t->key, 1, (size_t)length, f);
        fwrite(&count, sizeof count, 1, f);
        for (long e = 0; e < t->elems; e++) {
            double y = t->element == 4 ? (double)((float *)(void *)x)[e]
                                       : (double)((int64_t *)(void *)x)[e];
            fwrite(&y, sizeof y, 1, f);
        }
        free(x);
    }
    return f && !fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 6) return fail("SAMPLES INPUTS TARGETS LOSSES TENSORS");
    long samples = atol(argv[1]);
    float *x = (float *)read_all(argv[2], sizeof *x * (size_t)(samples * IN));
    target_type *y = (target_type *)read_all(argv[3], sizeof *y * (size_t)(samples * TARGET));
    FILE *losses = fopen(argv[4], "wb");
#ifdef NET_THREADS
    static net_pool pool;
    if (net_pool_open(&pool, NET_THREADS) != NET_THREADS) return fail("no threads");
    const net_parallel by = net_pool_parallel(&pool);
    net_training t = { &params, memory + GUARD, 0, NET_LR, 0, 0, 0, &by };
#else
    net_training t = { &params, memory + GUARD, 0, NET_LR, 0, 0, 0 };
#endif
    memcpy(&params, &net_weights, sizeof params);
    memset(memory, 0xff, sizeof memory);
    t.steps = (double)((samples + NET_BATCH - 1) / NET_BATCH);
    for (int epoch = 0; epoch < 2; epoch++) {
        for (long at = 0; at < samples; at += NET_BATCH) {
            float loss;
#ifdef NET_SCHEDULED
            const double rate[] = NET_LR;
            for (int i = 0; i < NET_RATES; i++)
                t.lr[i] = net_schedule(rate[i], NET_SCHEDULED ? (double)t.step : epoch, t.steps);
#endif
            t.n = samples - at < NET_BATCH ? samples - at : NET_BATCH;
            net_train_step(&t, x + at * IN, y + at * TARGET, &loss);
            if (!losses || fwrite(&loss, sizeof loss, 1, losses) != 1) return fail("no losses");
        }
    }
#ifdef NET_THREADS
    net_pool_close(&pool);
#endif
    for (int i = 0; i < GUARD; i++)
        if (memory[i] != 0xff || memory[GUARD + NET_TRAIN_WORKSPACE_BYTES + i] != 0xff)
            return fail("the workspace is larger than it says");
    before = params;
    if (fclose(losses) || !write_tensors(argv[5])) return fail("the results cannot be written");
    if (memcmp(&before, &params, sizeof params)) return fail("what was set is not what was got");
    free(x);
    free(y);
    return 0;
}
