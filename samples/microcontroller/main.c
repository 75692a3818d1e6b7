/* samples/microcontroller/main.c: looks at images of 28x28 bytes, one after the other, and writes for each
 * the class that the network `lenet` finds, and its ten outputs in units of 1e-5.
 *
 * There is no operating system and no C library here: board.h is all. */
#include "board.h"
#include "lenet.h"

static unsigned char image[LENET_IN_ELEMS];
static float in[LENET_IN_ELEMS], out[LENET_OUT_ELEMS];
LENET_ALIGNED static char workspace[LENET_WORKSPACE_BYTES];

int main(void)
{
    while (board_read(image, sizeof image)) {
        int best = 0;
        for (int i = 0; i < LENET_IN_ELEMS; i++) in[i] = (float)image[i] / 255;
        lenet_forward(&lenet_weights, in, out, workspace);
        for (int i = 1; i < LENET_OUT_ELEMS; i++)
            if (out[i] > out[best]) best = i;
        board_write("class");
        board_write_number(best);
        for (int i = 0; i < LENET_OUT_ELEMS; i++) board_write_number((int32_t)(out[i] * 1e5f));
        board_write("\n");
    }
    return 0;
}
