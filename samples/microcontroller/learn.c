/* samples/microcontroller/learn.c: a device that learns which clothes images of 7x7 pixels show, from
 * images of which it is told, and then tells those that it has not seen. All that it has is 64 KB.
 *
 * Input: records of four letters a number: 49 pixels and a class. The first one says how many passes there
 * are, over how many images, and how many it tells after them. */
#include "board.h"
#include "clothes.h"

enum { BATCH = CLOTHES_BATCH, PIXELS = CLOTHES_IN_ELEMS / BATCH, CLASSES = CLOTHES_OUT_ELEMS / BATCH };
enum { PART = 1600 };                 /* images between two lines */
enum { STEP_BYTES = CLOTHES_TRAIN_WORKSPACE_BYTES, CALL_BYTES = CLOTHES_WORKSPACE_BYTES };

CLOTHES_ALIGNED static clothes_params params;
CLOTHES_ALIGNED static char workspace[STEP_BYTES > CALL_BYTES ? STEP_BYTES : CALL_BYTES];
static float in[CLOTHES_IN_ELEMS], out[CLOTHES_OUT_ELEMS];
static int64_t target[BATCH];

/* The next record's numbers; 0: there is none. */
static int read_record(int number[PIXELS + 1])
{
    char text[4 * (PIXELS + 1)];
    if (!board_read(text, sizeof text)) return 0;
    for (int i = 0; i <= PIXELS; i++) {
        number[i] = 0;
        for (int k = 0; k < 4; k++)
            if (text[4 * i + k] != ' ') number[i] = 10 * number[i] + text[4 * i + k] - '0';
    }
    return 1;
}

/* Images for the next call, of up to `most` records: how many there are. */
static int read_batch(int most)
{
    int number[PIXELS + 1], n = 0;
    while (n < most && n < BATCH && read_record(number)) {
        for (int i = 0; i < PIXELS; i++) in[n * PIXELS + i] = (float)number[i] / 128 - 0.5f;
        target[n++] = number[PIXELS];
    }
    return n;
}

static void learn(int records)
{
    clothes_training t = { &params, workspace, 0, CLOTHES_LR, 0, 0, 0 };
    float sum = 0, loss = 0;
    for (int n, seen = 0; (n = read_batch(records - seen)) > 0;) {
        t.n = n;
        clothes_train_step(&t, in, target, &loss);
        seen += n;
        sum += loss * (float)n;
        if (seen % PART) continue;
        board_write("images");
        board_write_number(seen);
        board_write("  loss in thousandths");
        board_write_number((int32_t)(sum / PART * 1000));
        board_write("\n");
        sum = 0;
    }
}

static int tell(int records)
{
    int right = 0;
    for (int n, seen = 0; (n = read_batch(records - seen)) > 0; seen += n) {
        clothes_forward(&params, in, out, workspace);
        for (int i = 0; i < n; i++) {
            const float *const score = out + i * CLASSES;
            int best = 0;
            for (int k = 1; k < CLASSES; k++)
                if (score[k] > score[best]) best = k;
            right += best == target[i];
        }
    }
    return right;
}

int main(void)
{
    int head[PIXELS + 1];
    if (!read_record(head)) return 1;
    params = clothes_weights;
    learn(head[0] * head[1]);
    board_write("right");
    board_write_number(tell(head[2]));
    board_write(" of");
    board_write_number(head[2]);
    board_write(", bytes");
    board_write_number((int32_t)(sizeof params + sizeof workspace + sizeof in + sizeof out
                                 + sizeof target));
    board_write("\n");
    return 0;
}
