/* runtime/checkpoint.c: states to and from safetensors files: checkpoints, weights, and what the
 * model file loads. A part at a time both ways, so that a file needs no memory beside the states. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

/* ---- checkpoints: writing ---- */

/* A state of a block, for the writer. */
typedef struct placed { const rt_state *state; const char *block; } placed;

static void make_values(const void *source, int64_t first, int64_t elems, void *to)
{
    const placed *from = source;
    rt_state_get(from->state, from->block, first, elems, to);
}

/* A state that is plain is written as it lies. */
static bool add_state(rt_err *e, const placed *from, rt_tensors *list)
{
    const rt_state *s = from->state;
    int64_t shape[RT_MAX_RANK];
    for (int i = 0; i < s->rank; i++)
        shape[i] = s->axis[i].size;
    const void *plain = rt_state_plain(s, from->block);
    rt_tensor *t = rt_tensors_add(e, list, s->key, s->dtype, s->rank, shape,
                                  (void *)(uintptr_t)(plain ? plain : from->block));
    if (t && !plain) {
        t->data = NULL;
        t->make = make_values;
        t->source = from;
    }
    return t != NULL;
}

bool rt_states_save(rt_err *e, const rt_prog *p, const char *block, const char *path,
                    const rt_point *point, const rt_prep *prep)
{
    rt_tensors list = { 0 };
    placed *from = rt_alloc(e, p->model->n_states, (int64_t)sizeof *from, "the list of parameters");
    bool ok = from && rt_meta_set(e, &list, "format", "pt") &&
              rt_meta_set(e, &list, "seqc.version", p->model->version) &&
              rt_meta_set(e, &list, "seqc.model", p->model->name) &&
              rt_point_to_meta(e, point, p->model, &list) &&
              (!prep || rt_prep_to_meta(e, prep, &list));
    for (int i = 0; ok && i < p->model->n_states; i++) {
        from[i] = (placed){ &p->model->states[i], block };
        ok = add_state(e, &from[i], &list);
    }
    ok = ok && rt_safetensors_write(e, path, &list);
    rt_tensors_free(&list);
    rt_free(from);
    return ok;
}

/* ---- checkpoints: reading ---- */

enum { MAX_DIFFERENCES = 10 };

typedef struct Differences { int missing, unexpected, shape, listed; rt_buf text; } Differences;

static bool differ(rt_err *e, Differences *d, int *count, const char *what, const char *key,
                   const char *detail)
{
    ++*count;
    if (++d->listed > MAX_DIFFERENCES)
        return true;
    return rt_buf_printf(e, &d->text, "\nnote: %s %.80s %s", what, key, detail);
}

static bool is_float(rt_dtype d)
{
    return d == RT_F32 || d == RT_F64;
}

/* `key` is what the file calls the state. */
static bool compare_state(rt_err *e, const rt_state *s, const char *key, const rt_tensors *file,
                          Differences *d)
{
    char ours[RT_SHAPE_TEXT], theirs[RT_SHAPE_TEXT], both[2 * RT_SHAPE_TEXT + 32];
    int64_t shape[RT_MAX_RANK];
    for (int i = 0; i < s->rank; i++)
        shape[i] = s->axis[i].size;
    rt_shape_text(ours, shape, s->rank);
    const rt_tensor *t = rt_tensors_find(file, key);
    if (!t)
        return differ(e, d, &d->missing, "missing", key, ours);
    rt_shape_text(theirs, t->shape, t->rank);
    bool same_kind = t->dtype == s->dtype || (is_float(t->dtype) && is_float(s->dtype));
    if (t->rank != s->rank || memcmp(t->shape, shape, sizeof *shape * (size_t)s->rank) != 0) {
        snprintf(both, sizeof both, "%s, this program's is %s", theirs, ours);
        return differ(e, d, &d->shape, "different", key, both);
    }
    if (!same_kind) {
        snprintf(both, sizeof both, "%s, this program's is %s", rt_dtype_name(t->dtype),
                 rt_dtype_name(s->dtype));
        return differ(e, d, &d->shape, "different", key, both);
    }
    return true;
}

/* Is the file's tensor the model's, or "key#slot", an optimizer's beside another of the file? */
static bool is_known(const rt_model *m, const rt_tensors *file, const char *name)
{
    for (int i = 0; i < m->n_states; i++)
        if (m->states[i].role != RT_OPTIMIZER && strcmp(m->states[i].key, name) == 0)
            return true;
    const char *slot = strrchr(name, '#');
    for (int64_t i = 0; slot && i < file->count; i++) {
        const char *key = file->item[i].name;
        if (strlen(key) == (size_t)(slot - name) && memcmp(key, name, strlen(key)) == 0)
            return true;
    }
    return false;
}

/* The model's own states, or optimizer's slots. */
static bool compare_states(rt_err *e, const rt_model *m, const rt_tensors *file, bool slots,
                           Differences *d)
{
    bool ok = true;
    for (int i = 0; ok && i < m->n_states; i++)
        if ((m->states[i].role == RT_OPTIMIZER) == slots)
            ok = compare_state(e, &m->states[i], m->states[i].key, file, d);
    return ok;
}

static bool compare_rest(rt_err *e, const rt_model *m, const rt_tensors *file, Differences *d)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < file->count; i++) {
        char theirs[RT_SHAPE_TEXT];
        const rt_tensor *t = &file->item[i];
        if (!is_known(m, file, t->name))
            ok = differ(e, d, &d->unexpected, "unexpected", t->name,
                        rt_shape_text(theirs, t->shape, t->rank));
    }
    return ok;
}

/* Fails where there are differences: `wanted` says what the tensors should be. */
static bool refuse(rt_err *e, const char *path, const char *wanted, Differences *d)
{
    if (d->listed == 0)
        return true;
    if (d->listed > MAX_DIFFERENCES &&
        !rt_buf_printf(e, &d->text, "\nnote: and %d more", d->listed - MAX_DIFFERENCES))
        return false;
    return rt_fail(e, RT_E_DATA, "%.300s: these are not %.100s: %d tensors missing, "
                   "%d unexpected, %d different%s", path, wanted, d->missing, d->unexpected,
                   d->shape, d->text.data);
}

/* Float tensors of either width go into states of either. A part at a time, so that a large file
 * needs no memory beside the states. */
static bool put_tensor(rt_err *e, rt_prog *p, const rt_state *s, const rt_tensors *file,
                       const rt_tensor *t)
{
    enum { PART_ELEMS = 1 << 17 };
    int64_t most = t->elems < PART_ELEMS ? t->elems : PART_ELEMS;
    double *part = rt_alloc_raw(e, most, sizeof *part, "a part of the weights");
    bool ok = part != NULL;
    for (int64_t first = 0; ok && first < t->elems; first += most) {
        int64_t n = t->elems - first < most ? t->elems - first : most;
        ok = rt_tensor_get(e, file, t, first, n, part);
        if (t->dtype == RT_F32 && s->dtype == RT_F64)
            for (int64_t i = n - 1; i >= 0; i--)
                part[i] = (double)((float *)(void *)part)[i];
        else if (t->dtype == RT_F64 && s->dtype == RT_F32)
            for (int64_t i = 0; i < n; i++)
                ((float *)(void *)part)[i] = (float)part[i];
        if (ok)
            rt_state_put(s, p->state, first, n, part);
    }
    rt_free(part);
    p->changes++;
    return ok;
}

/* `point` null: the weights alone. */
static bool load(rt_err *e, rt_prog *p, const char *path, rt_point *point)
{
    const rt_model *m = p->model;
    rt_tensors file = { 0 };
    Differences d = { 0 };
    rt_prep prep = { 0 };
    char weights[120];
    snprintf(weights, sizeof weights, "weights of '%.100s'", m->name);
    if (!rt_safetensors_open(e, path, &file))
        return false;
    bool ok = compare_states(e, m, &file, false, &d) && compare_rest(e, m, &file, &d) &&
              refuse(e, path, weights, &d);
    if (ok && point)
        ok = rt_point_from_meta(e, &file, path, m, point) &&
             compare_states(e, m, &file, true, &d) && refuse(e, path, weights, &d);
    ok = ok && rt_prep_from_meta(e, &file, path, m, &prep);
    for (int i = 0; ok && i < m->n_states; i++)
        if (point || m->states[i].role != RT_OPTIMIZER)
            ok = put_tensor(e, p, &m->states[i], &file,
                            rt_tensors_find(&file, m->states[i].key));
    if (ok) {
        rt_prep_free(&p->prep);
        p->prep = prep;
    } else {
        rt_prep_free(&prep);
    }
    rt_buf_free(&d.text);
    rt_tensors_free(&file);
    return ok;
}

bool rt_states_load(rt_err *e, rt_prog *p, const char *path)
{
    return load(e, p, path, NULL);
}

bool rt_states_resume(rt_err *e, rt_prog *p, const char *path, rt_point *point)
{
    return load(e, p, path, point);
}

/* ---- what the model file loads ---- */

/* Does a row name the tensor? */
static bool is_wanted(const rt_load *row, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(row[i].key, name) == 0)
            return true;
    return false;
}

/* What differs between the rows of a call and the file, as load_state_dict sees it. */
static bool compare_rows(rt_err *e, const rt_model *m, const rt_load *row, int n,
                         const rt_tensors *file, Differences *d)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        bool is_there = rt_tensors_find(file, row[i].key) != NULL;
        if (row[i].state >= 0 && (is_there || row[i].strict))
            ok = compare_state(e, &m->states[row[i].state], row[i].key, file, d);
        else if (!is_there && row[i].strict)
            ok = differ(e, d, &d->missing, "missing", row[i].key, "");
    }
    for (int64_t i = 0; ok && row->strict && i < file->count; i++) {
        char theirs[RT_SHAPE_TEXT];
        const rt_tensor *t = &file->item[i];
        if (!is_wanted(row, n, t->name))
            ok = differ(e, d, &d->unexpected, "unexpected", t->name,
                        rt_shape_text(theirs, t->shape, t->rank));
    }
    return ok;
}

/* Rows of a call that need not be strict: what they took, and what they did not find. */
static void note_rows(rt_prog *p, const rt_load *row, int n, const rt_tensors *file)
{
    char missing[200] = "";
    int taken = 0, left = 0;
    for (int i = 0; i < n; i++) {
        size_t used = strlen(missing);
        if (rt_tensors_find(file, row[i].key))
            taken++;
        else if (left++ < 3)
            snprintf(missing + used, sizeof missing - used, "%s%.50s", used ? ", " : "",
                     row[i].key);
    }
    if (p->ui.quiet)
        return;
    rt_report_note(&p->ui, p->name, "%s: %d of its %" PRId64 " tensors are taken%s%s%s", row->file,
                   taken, file->count, left ? "; not there, and left as drawn: " : "", missing,
                   left > 3 ? ", …" : "");
}

static bool load_rows(rt_err *e, rt_prog *p, const rt_load *row, int n)
{
    rt_tensors file = { 0 };
    Differences d = { 0 };
    if (!rt_safetensors_open(e, row->file, &file))
        return false;
    bool compared = compare_rows(e, p->model, row, n, &file, &d);
    bool ok = compared && refuse(e, row->file, "the tensors that load_state_dict wants", &d);
    if (compared && !ok && d.unexpected > 0)
        rt_help(e, "strict=False passes over what is unexpected, such as an optimizer's state");
    for (int i = 0; ok && i < n; i++) {
        const rt_tensor *t = rt_tensors_find(&file, row[i].key);
        if (t && row[i].state >= 0)
            ok = put_tensor(e, p, &p->model->states[row[i].state], &file, t);
    }
    if (ok && !row->strict)
        note_rows(p, row, n, &file);
    rt_buf_free(&d.text);
    rt_tensors_free(&file);
    return ok;
}

bool rt_states_initial(rt_err *e, rt_prog *p)
{
    const rt_model *m = p->model;
    bool ok = true;
    for (int i = 0, n; ok && i < m->n_loads; i += n) {
        const rt_load *row = &m->loads[i];
        for (n = 1; i + n < m->n_loads && row[n].call == row->call; n++)
            if (strcmp(row[n].file, row->file) != 0)
                break;
        ok = load_rows(e, p, row, n);
    }
    return ok;
}
