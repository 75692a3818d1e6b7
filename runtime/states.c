/* runtime/states.c: the state block: initial draws, PyTorch's order at every border, checkpoints.
 * It knows nothing of kernels; how a state lies in the block is its rt_axis list alone. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

/* ---- one state to and from PyTorch's order ---- */

int64_t rt_state_elems(const rt_state *s)
{
    int64_t elems = 1;
    for (int i = 0; i < s->rank; i++)
        elems *= s->axis[i].size;
    return elems;
}

static int64_t axis_offset(const rt_axis *axis, int64_t i)
{
    return i / axis->block * axis->outer + i % axis->block * axis->inner;
}

static void copy_element(char *to, const char *from, size_t bytes)
{
    switch (bytes) {   /* constant sizes become plain moves */
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, bytes);
    }
}

/* Visits all elements in PyTorch's order; `put` writes into the block, else out of it. */
static void move(const rt_state *s, char *stored, char *logical, bool put)
{
    static const rt_axis scalar = { 1, 1, 0, 0 };
    size_t bytes = (size_t)rt_dtype_bytes(s->dtype);
    const rt_axis *last = s->rank > 0 ? &s->axis[s->rank - 1] : &scalar;
    int64_t index[RT_MAX_RANK] = { 0 }, rows = 1;
    for (int i = 0; i + 1 < s->rank; i++)
        rows *= s->axis[i].size;
    for (int64_t row = 0; row < rows; row++) {
        int64_t base = 0;
        for (int i = 0; i + 1 < s->rank; i++)
            base += axis_offset(&s->axis[i], index[i]);
        for (int64_t i = 0; i < last->size; i++, logical += bytes) {
            char *place = stored + (size_t)(base + axis_offset(last, i)) * bytes;
            copy_element(put ? place : logical, put ? logical : place, bytes);
        }
        for (int i = s->rank - 2; i >= 0 && ++index[i] == s->axis[i].size; i--)
            index[i] = 0;
    }
}

/* Where the state starts; callers that hold a constant block only read. */
static char *in_block(const char *block, const rt_state *s)
{
    return (char *)(uintptr_t)(block + s->offset_bytes);
}

/* Does it lie in the block exactly as in a file? */
static bool is_plain(const rt_state *s)
{
    int64_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        const rt_axis *axis = &s->axis[i];
        if (axis->size > 1 && (axis->block != 1 || axis->outer != stride))
            return false;
        stride *= axis->size;
    }
    return true;
}

static size_t plain_bytes(const rt_state *s)
{
    return (size_t)(rt_state_elems(s) * rt_dtype_bytes(s->dtype));
}

void rt_state_get(const rt_state *s, const char *block, void *logical)
{
    if (is_plain(s))
        memcpy(logical, in_block(block, s), plain_bytes(s));
    else
        move(s, in_block(block, s), logical, false);
}

void rt_state_put(const rt_state *s, char *block, const void *logical)
{
    if (is_plain(s))
        memcpy(in_block(block, s), logical, plain_bytes(s));
    else
        move(s, in_block(block, s), (char *)(uintptr_t)logical, true);
}

/* ---- sums over states ---- */

int64_t rt_role_bytes(const rt_model *m, rt_role role)
{
    int64_t bytes = 0;
    for (int i = 0; i < m->n_states; i++)
        bytes += m->states[i].role == role ? m->states[i].bytes : 0;
    return bytes;
}

int64_t rt_trained_count(const rt_model *m)
{
    int64_t count = 0;
    for (int i = 0; i < m->n_states; i++)
        count += m->states[i].role == RT_PARAM ? rt_state_elems(&m->states[i]) : 0;
    return count;
}

int64_t rt_param_count(const rt_model *m)
{
    int64_t count = rt_trained_count(m);
    for (int i = 0; i < m->n_states; i++)
        count += m->states[i].role == RT_FROZEN ? rt_state_elems(&m->states[i]) : 0;
    return count;
}

/* ---- initial values ---- */

static void set_element(rt_dtype type, void *to, int64_t i, double x)
{
    switch (type) {
    case RT_F32: ((float *)to)[i] = (float)x; break;
    case RT_F64: ((double *)to)[i] = x; break;
    case RT_I64: ((int64_t *)to)[i] = (int64_t)x; break;
    case RT_I32: ((int32_t *)to)[i] = (int32_t)x; break;
    case RT_U8: ((uint8_t *)to)[i] = (uint8_t)x; break;
    }
}

/* A constant is exact in the state's own type; only what is drawn has float32's digits. */
static bool put_constant(rt_err *e, rt_prog *p, const rt_state *s, double x, int64_t elems)
{
    void *values = rt_alloc(e, elems, rt_dtype_bytes(s->dtype), "an initial tensor");
    for (int64_t i = 0; values && i < elems; i++)
        set_element(s->dtype, values, i, x);
    if (values)
        rt_state_put(s, p->state, values);
    rt_free(values);
    return values != NULL;
}

/* Floats to the state's type, in PyTorch's order, into the block. */
static bool put_floats(rt_err *e, rt_prog *p, const rt_state *s, const float *from, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_put(s, p->state, from);
        return true;
    }
    void *wide = rt_alloc(e, elems, rt_dtype_bytes(s->dtype), "an initial tensor");
    if (!wide)
        return false;
    for (int64_t i = 0; i < elems; i++)
        set_element(s->dtype, wide, i, (double)from[i]);
    rt_state_put(s, p->state, wide);
    rt_free(wide);
    return true;
}

/* The state as it is, for draws that change it. States of integers are not drawn. */
static bool get_floats(rt_err *e, const rt_prog *p, const rt_state *s, float *to, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_get(s, p->state, to);
    } else if (s->dtype == RT_F64) {
        double *wide = rt_alloc_raw(e, elems, sizeof *wide, "an initial tensor");
        if (!wide)
            return false;
        rt_state_get(s, p->state, wide);
        for (int64_t i = 0; i < elems; i++)
            to[i] = (float)wide[i];
        rt_free(wide);
    }
    return true;
}

static bool draw_state(rt_err *e, rt_prog *p, const rt_draw *draw)
{
    const rt_state *s = &p->model->states[draw->state];
    int64_t elems = rt_state_elems(s);
    if (draw->kind == RT_DRAW_CONSTANT)
        return put_constant(e, p, s, draw->a, elems);
    float *values = rt_alloc(e, elems, sizeof(float), "an initial tensor");
    if (!values)
        return false;
    int64_t rows = s->rank > 0 ? s->axis[0].size : 1;
    bool ok = get_floats(e, p, s, values, elems)
           && rt_draw_values(e, &p->random, draw, values, elems, rows)
           && put_floats(e, p, s, values, elems);
    rt_free(values);
    return ok;
}

/* --seed replaces the seeds that the model file sets; it may set one several times. */
static bool draw_all(rt_err *e, rt_prog *p)
{
    rt_random_seed(&p->random, (uint64_t)p->seed);
    for (int i = 0; i < p->model->n_draws; i++) {
        const rt_draw *draw = &p->model->draws[i];
        switch (draw->kind) {
        case RT_DRAW_SEED:
            rt_random_seed(&p->random,
                           (uint64_t)(RT_GIVEN(&p->cli, seed) ? p->seed : (int64_t)draw->a));
            break;
        case RT_DRAW_SKIP_UNIFORM:
            rt_random_uniform(&p->random, NULL, draw->elems, draw->a, draw->b);
            break;
        case RT_DRAW_SKIP_NORMAL:
            rt_random_normal(&p->random, NULL, draw->elems, draw->a, draw->b);
            break;
        default:
            if (!draw_state(e, p, draw))
                return false;
        }
    }
    return true;
}

/* Does the verb read every state that it uses from a file? What training draws moves the generator
 * that shuffles its samples. */
static bool reads_all(const rt_prog *p)
{
    rt_verb verb = p->cli.verb;
    return RT_GIVEN(&p->cli, weights)
        && (verb == RT_VERB_eval || verb == RT_VERB_predict || verb == RT_VERB_grad);
}

bool rt_states_open(rt_err *e, rt_prog *p)
{
    p->state = rt_alloc(e, p->model->state_bytes, 1, "the parameters");
    return p->state && (reads_all(p) || draw_all(e, p));
}

/* ---- checkpoints: writing ---- */

/* A state that is plain needs no copy. */
static bool add_state(rt_err *e, const char *block, const rt_state *s, rt_tensors *list)
{
    int64_t shape[RT_MAX_RANK];
    for (int i = 0; i < s->rank; i++)
        shape[i] = s->axis[i].size;
    bool plain = is_plain(s);
    rt_tensor *t = rt_tensors_add(e, list, s->key, s->dtype, s->rank, shape,
                                  plain ? in_block(block, s) : NULL);
    if (t && !plain)
        rt_state_get(s, block, t->data);
    return t != NULL;
}

bool rt_states_save(rt_err *e, const rt_prog *p, const char *block, const char *path,
                    const rt_point *point, const rt_prep *prep)
{
    rt_tensors list = { 0 };
    bool ok = rt_meta_set(e, &list, "format", "pt") &&
              rt_meta_set(e, &list, "seqc.version", p->model->version) &&
              rt_meta_set(e, &list, "seqc.model", p->model->name) &&
              rt_point_to_meta(e, point, p->model, &list) &&
              (!prep || rt_prep_to_meta(e, prep, &list));
    for (int i = 0; ok && i < p->model->n_states; i++)
        ok = add_state(e, block, &p->model->states[i], &list);
    ok = ok && rt_safetensors_write(e, path, &list);
    rt_tensors_free(&list);
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

/* Float tensors of either width go into states of either. */
static bool put_tensor(rt_err *e, rt_prog *p, const rt_state *s, const rt_tensor *t)
{
    if (t->dtype == s->dtype) {
        rt_state_put(s, p->state, t->data);
        return true;
    }
    if (t->dtype == RT_F32)
        return put_floats(e, p, s, t->data, t->elems);
    float *narrow = rt_alloc_raw(e, t->elems, sizeof(float), "a tensor of the weights");
    if (!narrow)
        return false;
    for (int64_t i = 0; i < t->elems; i++)
        narrow[i] = (float)((const double *)t->data)[i];
    rt_state_put(s, p->state, narrow);
    rt_free(narrow);
    return true;
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
    if (!rt_safetensors_read(e, path, &file))
        return false;
    bool ok = compare_states(e, m, &file, false, &d) && compare_rest(e, m, &file, &d) &&
              refuse(e, path, weights, &d);
    if (ok && point)
        ok = rt_point_from_meta(e, &file, path, m, point) &&
             compare_states(e, m, &file, true, &d) && refuse(e, path, weights, &d);
    ok = ok && rt_prep_from_meta(e, &file, path, m, &prep);
    for (int i = 0; ok && i < m->n_states; i++)
        if (point || m->states[i].role != RT_OPTIMIZER)
            ok = put_tensor(e, p, &m->states[i], rt_tensors_find(&file, m->states[i].key));
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
    if (!rt_safetensors_read(e, row->file, &file))
        return false;
    bool compared = compare_rows(e, p->model, row, n, &file, &d);
    bool ok = compared && refuse(e, row->file, "the tensors that load_state_dict wants", &d);
    if (compared && !ok && d.unexpected > 0)
        rt_help(e, "strict=False passes over what is unexpected, such as an optimizer's state");
    for (int i = 0; ok && i < n; i++) {
        const rt_tensor *t = rt_tensors_find(&file, row[i].key);
        if (t && row[i].state >= 0)
            ok = put_tensor(e, p, &p->model->states[row[i].state], t);
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
