/* tests/cuda/toy.cu: the kernels of device_toy.c: what tests/unit/program_toy.c computes, in the same
 * order, so that the bits are the same. */

/* "0.weight" lies in panels of two rows, "0.bias" behind it, then the same of the momentum. */
DEVICE int at(int c, int f) { return c / 2 * 8 + c % 2 + f * 2; }

/* Element i of y[n][3] of x[n][4]. */
DEVICE void forward(int64_t i, const float *x, const float *state, float *y, int64_t n)
{
    if (i >= 3 * n) return;
    int c = (int)(i % 3);
    float sum = state[16 + c];
    for (int f = 0; f < 4; f++) sum += x[i / 3 * 4 + f] * state[at(c, f)];
    y[i] = sum;
}

KERNEL(32) toy_forward(const float *__restrict__ x, const float *__restrict__ state,
                       float *__restrict__ y, int64_t n)
{
    forward((int64_t)blockIdx.x * 32 + threadIdx.x, x, state, y, n);
}

KERNEL(32) toy_add_one(float *__restrict__ y)
{
    if (threadIdx.x < 3) y[threadIdx.x] += 1;
}

KERNEL(32) toy_copy(const float *__restrict__ from, float *__restrict__ to)
{
    to[threadIdx.x] = from[threadIdx.x];
}

/* Mean cross entropy of y[n][3], its gradient, and how many are right: by one thread. */
DEVICE void cross_entropy(const float *y, const int64_t *target, float *loss, int64_t *correct,
                          float *d, int64_t n)
{
    if (threadIdx.x > 0) return;
    double total = 0;
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = y + i * 3;
        double largest = row[0], sum = 0;
        int best = 0;
        for (int c = 1; c < 3; c++)
            if (row[c] > largest) {
                largest = row[c];
                best = c;
            }
        for (int c = 0; c < 3; c++) sum += exp(row[c] - largest);
        total += log(sum) + largest - row[target[i]];
        right += best == target[i];
        for (int c = 0; c < 3; c++)
            d[i * 3 + c] = (float)((exp(row[c] - largest) / sum - (c == target[i])) / (double)n);
    }
    *loss = (float)(total / (double)n);
    *correct = right;
}

KERNEL(32) toy_loss(const float *__restrict__ y, const int64_t *__restrict__ target,
                    float *__restrict__ loss, int64_t *__restrict__ correct, float *__restrict__ d,
                    int64_t n)
{
    cross_entropy(y, target, loss, correct, d, n);
}

/* A step of SGD with momentum: thread 5 c + f a weight, f 4 the bias. */
DEVICE void update(const float *x, const float *d, float *state, const float *lr, int64_t n)
{
    int t = (int)threadIdx.x, c = t / 5, f = t % 5;
    if (t >= 15) return;
    int place = f < 4 ? at(c, f) : 16 + c;
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += d[i * 3 + c] * (f < 4 ? x[i * 4 + f] : 1.0f);
    state[32 + place] = 0.9f * state[32 + place] + sum;
    state[place] -= lr[0] * state[32 + place];
}

KERNEL(32) toy_update(const float *__restrict__ x, const float *__restrict__ d,
                      float *__restrict__ state, const float *__restrict__ lr, int64_t n)
{
    update(x, d, state, lr, n);
}

/* Gradients of x[n][4], the weight [3][4] and the bias [3] from d[n][3], in PyTorch's order. */
KERNEL(32) toy_gradients(const float *__restrict__ x, const float *__restrict__ d,
                         const float *__restrict__ state, float *__restrict__ d_x,
                         float *__restrict__ d_weight, float *__restrict__ d_bias, int64_t n)
{
    int t = (int)threadIdx.x, c = t / 5, f = t % 5;
    float sum = 0;
    for (int64_t i = 0; i < n && t < 15; i++) sum += d[i * 3 + c] * (f < 4 ? x[i * 4 + f] : 1.0f);
    if (t < 15 && f < 4) d_weight[c * 4 + f] = sum;
    if (t < 15 && f == 4) d_bias[c] = sum;
    for (int64_t i = t; i < 4 * n; i += 32) {
        sum = 0;
        for (int k = 0; k < 3; k++) sum += d[i / 4 * 3 + k] * state[at(k, (int)(i % 4))];
        d_x[i] = sum;
    }
}

typedef struct Row { int64_t at, n; uint64_t step; float lr; } Row;
typedef struct Control { uint64_t seed, step; int64_t next; float lr; } Control;

/* As generated kernels begin and end a step, by a thread an element. */
DEVICE void begin(int64_t i, Control *control, const Row *row)
{
    if (i > 0) return;
    control->step = row->step;
    control->lr = row->lr;
}

DEVICE void gather(int64_t i, const Row *row, const int64_t *order, const void *x,
                   const int32_t *span, const float *table, const int64_t *y, float *x_to,
                   int64_t *y_to, int64_t n)
{
    if (i >= 4 * n) return;
    int64_t at = order ? order[row->at + i / 4] : row->at + i / 4;
    x_to[i] = table ? table[i % 4 / *span * 256 + ((const uint8_t *)x)[4 * at + i % 4]]
                    : ((const float *)x)[4 * at + i % 4];
    if (i % 4 == 0) y_to[i / 4] = y[at];
}

KERNEL(32) toy_begin(Control *control, const Row *rows, const int64_t *order, const void *x,
    const int32_t *span, const float *table, const int64_t *y, float *x_to, int64_t *y_to,
    int64_t words, int64_t n)
{
    const Row *row = rows + control->next;
    if (words != 2) return;                              /* an index */
    int64_t i = (int64_t)blockIdx.x * 32 + threadIdx.x;
    begin(i, control, row);
    if (x) gather(i, row, order, x, span, table, y, x_to, y_to, n);
}

/* n steps by one block of 32 threads. */
KERNEL(32) toy_steps(Control *control, const Row *rows, double *report, const int64_t *order,
    const void *x, const int32_t *span, const float *table, const int64_t *y, float *x_to,
    int64_t *y_to, float *state, float *arena, const float *scalars, float *loss_to,
    int64_t *correct_to, int64_t n)
{
    float loss = 0;
    int64_t correct = 0;
    int thread = (int)threadIdx.x;
    (void)scalars, (void)loss_to, (void)correct_to;      /* of a step without rows */
    for (const Row *row = rows + control->next, *end = row + n; row < end; row++) {
        begin(thread, control, row);
        for (int64_t i = thread; i < 4 * row->n; i += 32)
            gather(i, row, order, x, span, table, y, x_to, y_to, row->n);
        __syncthreads();
        for (int64_t i = thread; i < 3 * row->n; i += 32) forward(i, x_to, state, arena, row->n);
        __syncthreads();
        cross_entropy(arena, y_to, &loss, &correct, arena + 24, row->n);
        if (thread == 0) {
            report[2 * (row - rows)] = (double)loss;
            report[2 * (row - rows) + 1] = (double)correct;
        }
        __syncthreads();
        update(x_to, arena + 24, state, &control->lr, row->n);
        __syncthreads();
    }
    if (thread == 0) control->next += n;
}

KERNEL(32) toy_end(Control *control, double *report, const float *loss, const int64_t *correct)
{
    if (threadIdx.x > 0) return;
    report[2 * control->next] = (double)*loss;
    report[2 * control->next + 1] = (double)*correct;
    control->next++;
}

/* What a run was told: seed, step, learning rate, n. */
KERNEL(32) toy_echo(const uint64_t *__restrict__ counters, const float *__restrict__ lr,
                    double *__restrict__ told, int64_t n)
{
    if (threadIdx.x > 0) return;
    told[0] = (double)counters[0];
    told[1] = (double)counters[1];
    told[2] = lr[0];
    told[3] = (double)n;
}

/* 100,000 bytes of shared memory, of which each thread uses the last ones. */
typedef struct Large_shared { float a[25000]; } Large_shared;
KERNEL(32) toy_large(double *__restrict__ told)
{
    SHARED(Large_shared, s);
    s->a[24968 + threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    if (threadIdx.x == 0) told[4] = s->a[24999];
}
