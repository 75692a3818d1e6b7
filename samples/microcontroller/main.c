/* samples/microcontroller/main.c: looks at images of 28x28 bytes, one after the other, and writes for each
 * the class that the network `lenet` finds, and its ten outputs in units of 1e-5.
 *
 * There is no operating system and no C library here: board.h is all. */
#include "board.h"
#include "lenet.h"

static unsigned char image[LENET_IN_ELEMS];
static float in[LENET_IN_ELEMS], out[LENET_OUT_ELEMS];
LENET_ALIGNED static char workspace[LENET_WORKSPACE_BYTES];

/* A blank and the number, in decimal, at `to`; where it ends. */
static char *put_number(char *to, int32_t x)
{
    char digits[12];
    int n = 0;
    uint32_t left = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    do digits[n++] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    *to++ = ' ';
    if (x < 0) *to++ = '-';
    while (n) *to++ = digits[--n];
    return to;
}

int main(void)
{
    while (board_read(image, sizeof image)) {
        char line[16 + 13 * LENET_OUT_ELEMS] = "class", *end = line + 5;
        int best = 0;
        for (int i = 0; i < LENET_IN_ELEMS; i++) in[i] = (float)image[i] / 255;
        lenet_forward(&lenet_weights, in, out, workspace);
        for (int i = 1; i < LENET_OUT_ELEMS; i++)
            if (out[i] > out[best]) best = i;
        end = put_number(end, best);
        for (int i = 0; i < LENET_OUT_ELEMS; i++) end = put_number(end, (int32_t)(out[i] * 1e5f));
        *end++ = '\n';
        *end = 0;
        board_write(line);
    }
    return 0;
}
