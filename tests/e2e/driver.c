/* tests/e2e/driver.c: a program around the library `net`: raw numbers in, raw numbers out.
 *
 *   driver INPUT OUTPUT [WEIGHTS]
 *
 * The workspace is full of NaN and stands between guards; a second call must give the same bits, and so
 * must calls on several threads, whoever computes which task. */
#include "net.h"
#ifdef NET_THREADS
#include "net_threads.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef NET_DOUBLE
typedef double real;
#else
typedef float real;
#endif

enum { GUARD = 4096 };
static real in[NET_IN_ELEMS], out[NET_OUT_ELEMS + 1], again[NET_OUT_ELEMS + 1];
NET_ALIGNED static unsigned char memory[NET_WORKSPACE_BYTES + 2 * GUARD];

static int fail(const char *what)
{
    fprintf(stderr, "driver: %s\n", what);
    return 1;
}

#ifdef NET_LOADED
/* A file's bytes at an aligned place of a buffer that stays. */
static const net_params *weights_of(const char *path)
{
    NET_ALIGNED static unsigned char bytes[NET_PARAMS_BYTES];
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f) fclose(f);
    return net_load(bytes, got);
}
#endif

#ifdef NET_THREADS
/* All tasks on this thread, the last one first, as workers in turns. */
static void backwards(void *calls, void (*task)(const void *call, int64_t i, int worker),
                      const void *call, int64_t n)
{
    ++*(int *)calls;
    while (n-- > 0) task(call, n, (int)(n % NET_THREADS));
}

static int same_by(const net_params *params, const net_parallel *by)
{
    memset(again, 0xff, sizeof *again * NET_OUT_ELEMS);
    memset(memory + GUARD, 0xff, NET_WORKSPACE_BYTES);
    net_forward_parallel(params, in, again, memory + GUARD, by);
    return !memcmp(out, again, sizeof out);
}

static int same_on_threads(const net_params *params)
{
    static net_pool pool;
    int calls = 0;
    const net_parallel by = { backwards, &calls };
    int same = same_by(params, NULL) && same_by(params, &by);
    for (int threads = 1; threads <= NET_THREADS; threads++) {
        if (net_pool_open(&pool, threads) != threads) return 0;
        const net_parallel pooled = net_pool_parallel(&pool);
        for (int i = 0; i < 20; i++) same = same && same_by(params, &pooled);
        net_pool_close(&pool);
    }
    return same;
}
#endif

int main(int argc, char **argv)
{
    if (argc < 3) return fail("INPUT OUTPUT [WEIGHTS]");
    FILE *f = fopen(argv[1], "rb");
    if (!f || fread(in, sizeof *in, NET_IN_ELEMS, f) != NET_IN_ELEMS) return fail("no input");
    fclose(f);
#ifdef NET_LOADED
    const net_params *params = argc > 3 ? weights_of(argv[3]) : NULL;
    if (!params) return fail("no weights");
#else
    const net_params *params = &net_weights;
#endif
    memset(memory, 0xff, sizeof memory);
    out[NET_OUT_ELEMS] = again[NET_OUT_ELEMS] = 7;
    net_forward(params, in, out, memory + GUARD);
    net_forward(params, in, again, memory + GUARD);
    if (memcmp(out, again, sizeof out)) return fail("a second call gives other bits");
#ifdef NET_THREADS
    if (!same_on_threads(params)) return fail("threads give other bits");
#endif
    for (int i = 0; i < GUARD; i++)
        if (memory[i] != 0xff || memory[GUARD + NET_WORKSPACE_BYTES + i] != 0xff)
            return fail("the workspace is larger than it says");
    if (out[NET_OUT_ELEMS] != 7) return fail("the result is larger than it says");
    f = fopen(argv[2], "wb");
    if (!f || fwrite(out, sizeof *out, NET_OUT_ELEMS, f) != NET_OUT_ELEMS || fclose(f))
        return fail("the output cannot be written");
    return 0;
}
