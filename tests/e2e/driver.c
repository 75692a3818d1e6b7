/* tests/e2e/driver.c: a program around the library `net`: raw numbers in, raw numbers out.
 *
 *   driver INPUT OUTPUT [WEIGHTS]
 *
 * The workspace is full of NaN and stands between guards; a second call must give the same bits. */
#include "net.h"
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
    for (int i = 0; i < GUARD; i++)
        if (memory[i] != 0xff || memory[GUARD + NET_WORKSPACE_BYTES + i] != 0xff)
            return fail("the workspace is larger than it says");
    if (out[NET_OUT_ELEMS] != 7) return fail("the result is larger than it says");
    f = fopen(argv[2], "wb");
    if (!f || fwrite(out, sizeof *out, NET_OUT_ELEMS, f) != NET_OUT_ELEMS || fclose(f))
        return fail("the output cannot be written");
    return 0;
}
