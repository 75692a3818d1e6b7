/* samples/on_device/main.c: a device that learns to tell pieces of clothing apart, from images of 7 by 7
 * pixels whose kind it is told, in 64 KB: weights, the optimizer's momentum, sums of gradients and all
 * that a step or an inference takes. Samples come from outside, a batch at a time; every fifth is kept
 * back, to see what it has learnt.
 *
 *     learn FILE.csv        a line of names, then 49 numbers from 0 to 255 and the kind a line */
#include "kinds.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 20, PIXELS = KINDS_IN_ELEMS / KINDS_BATCH, KINDS = KINDS_OUT_ELEMS / KINDS_BATCH };
enum { WORKSPACE = KINDS_RAM_BYTES - KINDS_PARAMS_BYTES };       /* a step's, or an inference's */

#if KINDS_RAM_BYTES > 65536
#error "emit it with --ram-budget 64k"
#endif

KINDS_ALIGNED static kinds_params params;
KINDS_ALIGNED static char workspace[WORKSPACE];

typedef struct Batch { int64_t n, kind[KINDS_BATCH]; float x[KINDS_IN_ELEMS]; } Batch;

/* The number of a kind, in the order in which they are met; -1: there are more than the network has. */
static int number(const char *name)
{
    static char known[KINDS][16];
    for (int i = 0; i < KINDS; i++) {
        if (!*known[i]) strncpy(known[i], name, sizeof known[i] - 1);
        if (!strcmp(known[i], name)) return i;
    }
    return -1;
}

static void take(Batch *b, char *line)
{
    char *at = line;
    for (int i = 0; i < PIXELS; i++) b->x[b->n * PIXELS + i] = (float)strtol(at + (i > 0), &at, 10) / 255;
    at[strcspn(at, "\r\n")] = '\0';
    int kind = *at == ',' ? number(at + 1) : -1;
    if (kind < 0) {
        fprintf(stderr, "learn: no sample: %.40s\n", line);
        exit(1);
    }
    b->kind[b->n++] = kind;
}

/* How many of a batch the network knows; all of the batch is computed, however many samples it has. */
static int known(const Batch *b)
{
    static float out[KINDS_OUT_ELEMS];
    int right = 0;
    kinds_forward(&params, b->x, out, workspace);
    for (int i = 0; i < b->n; i++) {
        const float *const y = out + i * KINDS;
        int best = 0;
        for (int k = 1; k < KINDS; k++)
            if (y[k] > y[best]) best = k;
        right += best == b->kind[i];
    }
    return right;
}

/* Goes through the file once, and learns from the samples, or counts those kept back that it knows. */
static int pass(FILE *f, kinds_training *t, int *of)
{
    static Batch b;
    char line[400];
    int right = 0;
    float loss;
    rewind(f);
    *of = 0;
    b.n = 0;
    for (long row = -1;; row++) {
        bool more = fgets(line, sizeof line, f) != NULL;
        if (more && (row < 0 || (row % 5 == 4) == (t != NULL))) continue;
        if (more) take(&b, line);
        if (b.n < KINDS_BATCH && more) continue;
        if (b.n && t) {
            t->n = b.n;
            kinds_train_step(t, b.x, b.kind, &loss);
        } else if (b.n) {
            right += known(&b);
        }
        *of += (int)b.n;
        b.n = 0;
        if (!more) return right;
    }
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    kinds_training t = { &params, workspace, 0, KINDS_LR, 0, 0, 0 };
    int of;
    if (!f) {
        fprintf(stderr, "learn: it wants a file of samples\n");
        return 1;
    }
    memcpy(&params, &kinds_weights, sizeof params);
    for (int epoch = 0; epoch < EPOCHS; epoch++) pass(f, &t, &of);
    int right = pass(f, NULL, &of);
    printf("%d of %d, in %d bytes\n", right, of, (int)(sizeof params + sizeof workspace));
    fclose(f);
    return 0;
}
