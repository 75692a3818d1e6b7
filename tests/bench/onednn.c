/* tests/bench/onednn.c: oneDNN 2's convolutions for tests/bench/run, which compiles this where
 * dnnl.h is. It answers lines "N CI CO SIZE TAPS forward|d-input|d-weight" with the median seconds
 * of that primitive: float32, images of SIZE x SIZE, TAPS x TAPS taps, stride 1, as many pixels out
 * as in. The library chooses all three layouts, so that no time goes into reorders, and the faster
 * of its direct and Winograd algorithms counts; "direct" is the first of them alone. OMP_NUM_THREADS
 * says how many threads.
 * Source: oneapi-src.github.io/oneDNN/v2, "Convolution". */
#define _XOPEN_SOURCE 700
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMES = 15, ALGORITHMS = 2 };

typedef struct Layer { dnnl_dim_t n, in, out, size, taps; char what[16]; } Layer;
typedef struct Timed {
    Layer layer;
    int n_primitive;
    dnnl_primitive_t primitive[ALGORITHMS];
    dnnl_exec_arg_t arg[ALGORITHMS][3];
} Timed;

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static dnnl_memory_desc_t any(dnnl_dim_t outer, dnnl_dim_t channels, dnnl_dim_t size)
{
    const dnnl_dims_t dim = { outer, channels, size, size };
    dnnl_memory_desc_t desc;
    dnnl_memory_desc_init_by_tag(&desc, 4, dim, dnnl_f32, dnnl_format_tag_any);
    return desc;
}

static dnnl_status_t describe(dnnl_primitive_desc_t *made, const Layer *l, const char *what,
                              dnnl_alg_kind_t algorithm, dnnl_primitive_desc_t forward)
{
    const dnnl_dims_t stride = { 1, 1 }, pad = { l->taps / 2, l->taps / 2 };
    const dnnl_memory_desc_t x = any(l->n, l->in, l->size), w = any(l->out, l->in, l->taps),
                             y = any(l->n, l->out, l->size);
    dnnl_convolution_desc_t desc;
    dnnl_status_t s;
    if (strcmp(what, "forward") == 0)
        s = dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, algorithm, &x, &w,
                                               NULL, &y, stride, pad, pad);
    else if (strcmp(what, "d-input") == 0)
        s = dnnl_convolution_backward_data_desc_init(&desc, algorithm, &x, &w, &y, stride, pad,
                                                     pad);
    else
        s = dnnl_convolution_backward_weights_desc_init(&desc, algorithm, &x, &w, NULL, &y, stride,
                                                        pad, pad);
    return s != dnnl_success ? s : dnnl_primitive_desc_create(made, &desc, NULL, engine, forward);
}

/* Memory of the layout that the primitive wants, with numbers between -0.5 and 0.5. */
static dnnl_memory_t memory(dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(pd, what, 0);
    dnnl_memory_t made = NULL;
    void *bytes = NULL;
    if (!desc || dnnl_memory_create(&made, desc, engine, DNNL_MEMORY_ALLOCATE) != dnnl_success ||
        dnnl_memory_get_data_handle(made, &bytes) != dnnl_success)
        exit(1);
    size_t count = dnnl_memory_desc_get_size(desc) / sizeof(float);
    for (size_t i = 0; i < count; i++)
        ((float *)bytes)[i] = (float)(i * 37 % 101) / 101 - 0.5f;
    return made;
}

static void add(Timed *t, dnnl_alg_kind_t algorithm)
{
    static const struct {
        const char *what;
        struct { int arg; dnnl_query_t query; } use[3];
    } uses[] = {
        { "forward", { { DNNL_ARG_SRC, dnnl_query_src_md },
                       { DNNL_ARG_WEIGHTS, dnnl_query_weights_md },
                       { DNNL_ARG_DST, dnnl_query_dst_md } } },
        { "d-input", { { DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md },
                       { DNNL_ARG_WEIGHTS, dnnl_query_weights_md },
                       { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md } } },
        { "d-weight", { { DNNL_ARG_SRC, dnnl_query_src_md },
                        { DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md },
                        { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md } } },
    };
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    dnnl_primitive_t *p = &t->primitive[t->n_primitive];
    int row = 0;
    while (row < 2 && strcmp(uses[row].what, t->layer.what) != 0)
        row++;
    if (describe(&forward, &t->layer, "forward", algorithm, NULL) != dnnl_success ||
        describe(&pd, &t->layer, t->layer.what, algorithm, forward) != dnnl_success ||
        dnnl_primitive_create(p, pd) != dnnl_success)
        return;
    for (int i = 0; i < 3; i++)
        t->arg[t->n_primitive][i] =
            (dnnl_exec_arg_t){ uses[row].use[i].arg, memory(pd, uses[row].use[i].query) };
    t->n_primitive++;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const Timed *t, int which)
{
    double seconds[TIMES];
    for (int i = 0; i < TIMES; i++) {
        double start = now();
        dnnl_primitive_execute(t->primitive[which], stream, 3, t->arg[which]);
        dnnl_stream_wait(stream);
        seconds[i] = now() - start;
    }
    qsort(seconds, TIMES, sizeof *seconds, ascending);
    return seconds[TIMES / 2];
}

int main(void)
{
    enum { MOST = 64 };
    static Timed timed[MOST];
    int n = 0;
    Layer l = { 0 };
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success)
        return 1;
    while (scanf("%ld %ld %ld %ld %ld %15s", &l.n, &l.in, &l.out, &l.size, &l.taps, l.what) == 6) {
        int at = 0;
        while (at < n && memcmp(&timed[at].layer, &l, sizeof l) != 0)
            at++;
        if (at == MOST)
            return 1;
        Timed *t = &timed[at];
        if (at == n) {
            t->layer = l;
            add(t, dnnl_convolution_direct);
            add(t, dnnl_convolution_winograd);
            n++;
        }
        double best = 0, direct = 0;
        for (int i = 0; i < t->n_primitive; i++) {
            double seconds = median(t, i);
            direct = i == 0 ? seconds : direct;
            best = i == 0 || seconds < best ? seconds : best;
        }
        if (t->n_primitive == 0)
            printf("{\"missing\": \"this convolution\"}\n");
        else
            printf("{\"seconds\": %.9g, \"direct\": %.9g}\n", best, direct);
        fflush(stdout);
        memset(&l, 0, sizeof l);
    }
    return 0;
}
