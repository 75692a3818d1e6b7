/* frontend/cmd_samples.c: samples for calibration, by the runtime's own readers. */
#include "frontend/cmd_samples.h"
#include "runtime/data.h"
#include <string.h>

static int shape_numbers(const Shape *s, int64_t to[RT_MAX_RANK])
{
    for (int i = 0; i < s->rank; i++) to[i] = s->dim[i].k;
    return s->rank;
}

/* Of the model what readers ask for. */
static rt_model model_of(const Cmd *c, const Module *m)
{
    static const rt_target_kind kind[] = { RT_TARGET_NONE, RT_TARGET_CLASS, RT_TARGET_INDEX,
                                           RT_TARGET_REAL };
    const Program *p = &m->prog;
    rt_transform *steps = arena_alloc(c->arena, (size_t)p->n_transform + 1, sizeof *steps);
    rt_model r = { .name = p->name, .loss = p->loss, .real = m->real == DT_f64 ? RT_F64 : RT_F32,
                   .capacity = m->capacity, .target_kind = kind[p->target],
                   .n_classes = p->n_classes, .ignores = p->ignores, .ignore = p->ignore,
                   .data = p->data, .test = { .step = steps } };
    r.input_rank = shape_numbers(&p->input, r.input);
    r.target_rank = shape_numbers(&p->target_shape, r.target);
    r.output_rank = shape_numbers(&p->output, r.output);
    for (int i = 0; i < p->n_transform; i++) {
        const Transform *t = &p->transform[i];
        if (!t->test) continue;
        rt_transform *to = &steps[r.test.n++];
        to->kind = (rt_transform_kind)t->kind;
        memcpy(to->value, t->value, sizeof to->value);
    }
    return r;
}

static bool read_prep(rt_err *e, const Cmd *c, const rt_model *m, rt_prep *prep)
{
    rt_tensors weights = { 0 };
    const char *path = c->text[OPT_weights];
    if (!path) return true;
    bool ok = rt_safetensors_open(e, path, &weights) && rt_prep_from_meta(e, &weights, path, m, prep);
    rt_tensors_free(&weights);
    return ok;
}

/* Rows evenly from the set: [0, n) * all / n. */
static bool take(rt_err *e, const Cmd *c, const rt_set *s, int64_t most, Samples *out)
{
    rt_studio studio = { 0 };
    int64_t n = s->n < most ? s->n : most, *row = rt_alloc(e, n, sizeof *row, "places of samples");
    bool single = s->real == RT_F32, labels = s->y_kind == RT_Y_INDEX;
    void *raw = rt_alloc(e, n, s->x_elems * rt_dtype_bytes(s->real), "samples");
    *out = (Samples){ .name = arena_str(c->arena, s->name ? s->name : "data"), .n = n, .all = s->n,
                      .elems = s->x_elems,
                      .x = rt_alloc(e, n, s->x_elems * (int64_t)sizeof(double), "samples"),
                      .label = labels ? rt_alloc(e, n, sizeof(int64_t), "labels") : NULL };
    bool ok = row && raw && out->x && (out->label || !labels);
    for (int64_t i = 0; ok && i < n; i++) row[i] = (int64_t)((double)i * (double)s->n / (double)n);
    ok = ok && rt_data_gather(e, s, &studio, &(rt_pick){ .index = row, .n = n }, raw, out->label);
    for (int64_t i = 0; ok && i < n * s->x_elems; i++)
        out->x[i] = single ? (double)((const float *)raw)[i] : ((const double *)raw)[i];
    rt_studio_free(&studio);
    rt_free(raw);
    rt_free(row);
    return ok;
}

int cmd_samples(const Cmd *c, const Module *m, const char *path, int64_t most, Samples *out)
{
    rt_err e = { 0 };
    rt_data data = { 0 };
    rt_set inputs = { 0 };
    rt_prep prep = { 0 };
    rt_file_kind kind;
    rt_model model = model_of(c, m);
    *out = (Samples){ 0 };
    bool ok = rt_file_sniff(&e, path, &kind) && read_prep(&e, c, &model, &prep);
    bool alone = model.target_kind == RT_TARGET_NONE || kind == RT_FILE_NPY || kind == RT_FILE_IDX
              || kind == RT_FILE_GZIP || kind == RT_FILE_IMAGE;
    const rt_data_options o = { .purpose = RT_FOR_EVAL, .data = path, .prep = &prep };
    if (ok)
        ok = alone ? rt_data_load_inputs(&e, &inputs, &model, path, &prep)
                   : rt_data_load(&e, &data, &model, &o);
    ok = ok && take(&e, c, alone ? &inputs : &data.test, most, out);
    rt_set_free(&inputs);
    rt_data_free(&data);
    rt_prep_free(&prep);
    return ok ? EXIT_OK : cmd_fail_rt(c, &e);
}
