/* samples/embedding/main.c: a program of its own that knows irises: four numbers a line in, the name of
 * the species and how sure it is out. The network is `iris`, a library that seqc wrote. */
#include "iris.h"
#include <math.h>
#include <stdio.h>

static const char *const species[IRIS_OUT_ELEMS] = { "setosa", "versicolor", "virginica" };

int main(void)
{
    float in[IRIS_IN_ELEMS], out[IRIS_OUT_ELEMS];
    IRIS_ALIGNED char workspace[IRIS_WORKSPACE_BYTES];
    while (scanf("%f%f%f%f", &in[0], &in[1], &in[2], &in[3]) == IRIS_IN_ELEMS) {
        iris_forward(&iris_weights, in, out, workspace);
        int best = 0;
        float sum = 0;
        for (int i = 1; i < IRIS_OUT_ELEMS; i++)
            if (out[i] > out[best]) best = i;
        for (int i = 0; i < IRIS_OUT_ELEMS; i++) sum += expf(out[i] - out[best]);
        printf("%-10s %.1f%%\n", species[best], 100 / (double)sum);
    }
    return 0;
}
