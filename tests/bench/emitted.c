/* tests/bench/emitted.c: an inference of a library NET: the shortest of many, in nanoseconds, and the
 * bytes of its workspace. */
#define _POSIX_C_SOURCE 199309L
#include "net.h"
#include <stdio.h>
#include <time.h>

static float in[NET_IN_ELEMS], out[NET_OUT_ELEMS];
NET_ALIGNED static char workspace[NET_WORKSPACE_BYTES];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    enum { TURNS = 100, CALLS = 20 };
    double best = 1e18;
    for (int i = 0; i < NET_IN_ELEMS; i++) in[i] = (float)(i * 37 % 101) / 101;
    for (int turn = 0; turn < TURNS; turn++) {
        double start = now();
        for (int i = 0; i < CALLS; i++) net_forward(&net_weights, in, out, workspace);
        double took = (now() - start) / CALLS;
        if (took < best) best = took;
    }
    printf("%.0f %d %.9g\n", best, NET_WORKSPACE_BYTES, (double)out[0]);
    return 0;
}
