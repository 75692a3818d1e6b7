/* runtime/verbs.c: eval and predict: saved weights on data. Both apply the normalisation and the
 * class names that training left in the weights' metadata. */
#include "runtime/program.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- eval ---- */

bool rt_verb_eval(rt_err *e, rt_prog *p)
{
    const rt_cli *cli = &p->cli;
    rt_data data = { 0 };
    rt_judge judge = { 0 };
    if (!rt_open_weights(e, p, true))
        return false;
    const char *path;
    if (!rt_data_path(e, p, &path))
        return false;
    rt_data_options o = {
        .purpose = RT_FOR_EVAL,
        .data = path,
        .labels = RT_OPT(cli, labels).text,
        .target = RT_OPT(cli, columns).text,
        .seed = (uint64_t)p->seed,
        .prep = &p->prep,
    };
    bool ok = rt_data_load(e, &data, p->model, &o) &&
              rt_judge_bind(e, &judge, p, &data.test, rt_batch_size(p)) && rt_judge_open(e, &judge);
    if (ok) {
        char count[RT_TEXT], time[RT_TEXT];
        double start = rt_now();
        rt_score score;
        ok = rt_judge_run(e, &judge, "eval", &score);
        if (ok && rt_signal() == 0) {
            rt_report_score(p, "", &score);
            printf("   %s, %s samples, %s\n", data.test.name ? data.test.name : "data",
                   rt_count_text(count, data.test.n), rt_time_text(time, rt_now() - start));
        }
    }
    rt_judge_close(&judge);
    rt_data_free(&data);
    return ok;
}

/* ---- predict ---- */

enum { TOP = 3, TOP_OF_ONE = 5 };    /* classes shown of many samples, and of one */

/* Raw outputs of all samples: [n][elems] of the model's real type. */
typedef struct Outputs { void *data; int64_t n, elems, bytes; } Outputs;

static double output_at(const rt_prog *p, const Outputs *o, int64_t sample, int64_t i)
{
    int64_t at = sample * o->elems + i;
    return p->model->real == RT_F64 ? ((const double *)o->data)[at]
                                    : (double)((const float *)o->data)[at];
}

static bool infer(rt_err *e, rt_prog *p, const rt_set *set, Outputs *o)
{
    const rt_model *m = p->model;
    int64_t batch = rt_batch_size(p), real = rt_dtype_bytes(m->real);
    rt_bound graph = { 0 };
    rt_batches batches = { 0 };
    const void *in[2];
    o->n = set->n;
    o->elems = rt_sample_elems(m->output, m->output_rank);
    if (!rt_mul(o->n, o->elems, &o->bytes) || !rt_mul(o->bytes, real, &o->bytes))
        return rt_fail(e, RT_E_MEMORY, "the outputs do not fit into memory");
    o->data = rt_alloc(e, o->bytes, 1, "the outputs");
    bool ok = o->data && rt_bind(e, &graph, p, rt_find_graph(m, "infer")) &&
              rt_batches_open(e, &batches, m, set) &&
              rt_batches_begin(e, &batches, p, set, NULL, 0, batch);
    double start = rt_now();
    for (int64_t at = 0; ok && at < set->n && rt_signal() == 0; at += batch) {
        int64_t n = set->n - at < batch ? set->n - at : batch;
        ok = rt_batches_take(e, &batches, p, at, n, in);
        if (!ok)
            break;
        rt_masks_draw(&graph, n);
        ok = rt_run(e, &graph, n, in, 1);
        if (!ok)
            break;
        memcpy((char *)o->data + at * o->elems * real, rt_result(&graph, "output"),
               (size_t)(n * o->elems * real));
        rt_report_progress(&p->ui, &(rt_progress){ .what = "predict", .done = at + n,
                                                   .total = set->n, .start = start });
    }
    rt_unbind(&graph);
    rt_batches_close(&batches);
    return ok;
}

static bool write_npy(rt_err *e, const rt_prog *p, const Outputs *o, const char *path)
{
    rt_tensor t = { .dtype = p->model->real, .rank = p->model->output_rank + 1, .shape = { o->n },
                    .elems = o->n * o->elems, .bytes = o->bytes, .data = o->data };
    for (int i = 0; i < p->model->output_rank; i++)
        t.shape[i + 1] = p->model->output[i];
    return rt_npy_write(e, path, &t);
}

/* Quoted where a comma, a quote or a line's end asks for it. */
static bool csv_text(rt_err *e, rt_buf *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n"))
        return rt_buf_printf(e, b, "%s", text);
    bool ok = rt_buf_add(e, b, "\"", 1);
    for (; ok && *text; text++)
        ok = rt_buf_add(e, b, text, 1) && (*text != '"' || rt_buf_add(e, b, "\"", 1));
    return ok && rt_buf_add(e, b, "\"", 1);
}

/* Columns are called by class where there are names, else y0, y1, … */
static bool csv_outputs(rt_err *e, const rt_prog *p, const Outputs *o, rt_buf *b)
{
    bool named = p->prep.n_classes == o->elems && p->model->n_classes == o->elems &&
                 p->prep.classes;
    int digits = p->model->real == RT_F64 ? 17 : 9;
    bool ok = true;
    for (int64_t i = 0; ok && i < o->elems; i++) {
        ok = i == 0 || rt_buf_add(e, b, ",", 1);
        ok = ok && (named ? csv_text(e, b, p->prep.classes[i])
                          : rt_buf_printf(e, b, "y%" PRId64, i));
    }
    ok = ok && rt_buf_add(e, b, "\n", 1);
    for (int64_t n = 0; ok && n < o->n; n++) {
        for (int64_t i = 0; ok && i < o->elems; i++)
            ok = (i == 0 || rt_buf_add(e, b, ",", 1)) &&
                 rt_buf_real(e, b, output_at(p, o, n, i), digits);
        ok = ok && rt_buf_add(e, b, "\n", 1);
    }
    return ok;
}

/* The most probable classes of one sample: softmax of its outputs, which serves logits and
 * log-probabilities alike. Equal ones in the order of the classes. */
static void print_classes(const rt_prog *p, const Outputs *o, int64_t sample, int width)
{
    double largest = -INFINITY, sum = 0;
    int64_t shown[TOP_OF_ONE], top = o->n == 1 ? TOP_OF_ONE : TOP;
    for (int64_t i = 0; i < o->elems; i++)
        largest = fmax(largest, output_at(p, o, sample, i));
    for (int64_t i = 0; i < o->elems; i++)
        sum += exp(output_at(p, o, sample, i) - largest);
    printf("%*" PRId64, width, sample + 1);
    for (int k = 0; k < top && k < o->elems; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < o->elems; i++) {
            bool taken = false;
            for (int j = 0; j < k; j++)
                taken = taken || shown[j] == i;
            if (!taken && (best < 0 ||
                           output_at(p, o, sample, i) > output_at(p, o, sample, best)))
                best = i;
        }
        shown[k] = best;
        double share = exp(output_at(p, o, sample, best) - largest) / sum;
        if (p->prep.classes && best < p->prep.n_classes)
            printf("  %s %.1f%%", p->prep.classes[best], 100 * share);
        else
            printf("  class %" PRId64 " %.1f%%", best, 100 * share);
    }
    putchar('\n');
}

static bool print_outputs(rt_err *e, rt_prog *p, const Outputs *o)
{
    rt_ui_clear(&p->ui);
    if (p->model->n_classes > 1 && p->model->n_classes == o->elems) {
        int width = 1;
        for (int64_t n = o->n; n >= 10; n /= 10)
            width++;
        for (int64_t n = 0; n < o->n; n++)
            print_classes(p, o, n, width);
        return true;
    }
    rt_buf b = { 0 };
    bool ok = csv_outputs(e, p, o, &b);
    if (ok)
        fwrite(b.data, 1, (size_t)b.length, stdout);
    rt_buf_free(&b);
    return ok;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool write_outputs(rt_err *e, rt_prog *p, const Outputs *o, const char *path)
{
    rt_buf b = { 0 };
    bool ok;
    if (ends_with(path, ".npy"))
        ok = write_npy(e, p, o, path);
    else
        ok = csv_outputs(e, p, o, &b) &&
             rt_file_put(e, path, b.data, b.length);
    rt_buf_free(&b);
    if (ok && !p->ui.quiet) {
        char count[RT_TEXT], dims[RT_DIMS];
        rt_ui_clear(&p->ui);
        printf("%s outputs of %s   %s\n", rt_count_text(count, o->n),
               rt_dims_text(dims, p->model->output, p->model->output_rank), path);
    }
    return ok;
}

bool rt_verb_predict(rt_err *e, rt_prog *p)
{
    const char *input = RT_OPT(&p->cli, input).text, *output = RT_OPT(&p->cli, output).text;
    if (!input)
        return rt_fail(e, RT_E_USAGE, "predict needs --input FILE") ||
               rt_help(e, "an NPY or CSV file with one sample a row, or a PNG or JPEG image");
    if (output && !ends_with(output, ".npy") && !ends_with(output, ".csv"))
        return rt_fail(e, RT_E_USAGE, "--output takes a name that ends in .npy or .csv, "
                       "not '%.80s'", output);
    if (!rt_open_weights(e, p, true) || !rt_name_classes(e, p->model, &p->prep))
        return false;
    rt_set set = { 0 };
    Outputs o = { 0 };
    bool ok = rt_data_load_inputs(e, &set, p->model, input, &p->prep);
    if (ok && set.note && !p->ui.quiet)
        fprintf(stderr, "note: %s\n", set.note);
    ok = ok && infer(e, p, &set, &o);
    if (ok && rt_signal() == 0)
        ok = output ? write_outputs(e, p, &o, output) : print_outputs(e, p, &o);
    rt_free(o.data);
    rt_set_free(&set);
    return ok;
}
