/* samples/embedding/learn.c: a device that learns by itself: it trains the network `iris` from flowers
 * whose species are known, in memory that it has reserved, and tells those that it has not seen.
 *
 * Input: four numbers and 0, 1 or 2 a line. Every third flower is kept back. */
#include "iris.h"
#include <stdio.h>
#include <string.h>

enum { MOST = 200, EPOCHS = 60 };
IRIS_ALIGNED static iris_params params;
IRIS_ALIGNED static char workspace[IRIS_TRAIN_WORKSPACE_BYTES + IRIS_WORKSPACE_BYTES];
static float x[MOST][4];
static int64_t y[MOST];

/* How many of the flowers kept back it knows. */
static int test(int n, int *of)
{
    float in[IRIS_IN_ELEMS] = { 0 }, out[IRIS_OUT_ELEMS];
    int right = 0;
    *of = 0;
    for (int i = 2; i < n; i += 3) {
        int best = 0;
        memcpy(in, x[i], sizeof x[i]);
        iris_forward(&params, in, out, workspace);
        for (int k = 1; k < 3; k++)
            if (out[k] > out[best]) best = k;
        right += best == y[i];
        ++*of;
    }
    return right;
}

int main(void)
{
    iris_training t = { &params, workspace, 0, IRIS_LR, 0, 0, 0 };
    int n = 0, of;
    long species;
    while (n < MOST && scanf("%f%f%f%f%ld", &x[n][0], &x[n][1], &x[n][2], &x[n][3], &species) == 5)
        y[n++] = species;
    memcpy(&params, &iris_weights, sizeof params);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        float in[IRIS_BATCH][4], loss = 0;
        int64_t target[IRIS_BATCH];
        t.n = 0;
        for (int i = 0; i < n; i++) {
            int at = i * 67 % n;                 /* some order: 67 and 150 have no factor in common */
            if (at % 3 == 2) continue;
            memcpy(in[t.n], x[at], sizeof x[at]);
            target[t.n++] = y[at];
            if (t.n < IRIS_BATCH) continue;
            iris_train_step(&t, in[0], target, &loss);
            t.n = 0;
        }
        if (t.n) iris_train_step(&t, in[0], target, &loss);
    }
    int right = test(n, &of);
    printf("%d of %d, in %d bytes\n", right, of, (int)(sizeof params + sizeof workspace));
    return 0;
}
