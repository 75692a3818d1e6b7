/* runtime/states.c: the state block: initial draws, and PyTorch's order at every border. It knows
 * nothing of kernels; how a state lies in the block is its rt_axis list alone. */
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

/* Visits `count` elements from `first` on in PyTorch's order; `put` writes into the block, else out
 * of it. */
static void move(const rt_state *s, char *stored, int64_t first, int64_t count, char *logical,
                 bool put)
{
    static const rt_axis scalar = { 1, 1, 0, 0 };
    size_t bytes = (size_t)rt_dtype_bytes(s->dtype);
    int inner = s->rank > 0 ? s->rank - 1 : 0;
    const rt_axis *last = s->rank > 0 ? &s->axis[inner] : &scalar;
    int64_t index[RT_MAX_RANK] = { 0 };
    for (int i = s->rank - 1; i >= 0 && count > 0; i--) {
        index[i] = first % s->axis[i].size;
        first /= s->axis[i].size;
    }
    while (count > 0) {
        int64_t base = 0, end = index[inner] + count;
        if (end > last->size)
            end = last->size;
        for (int i = 0; i < inner; i++)
            base += axis_offset(&s->axis[i], index[i]);
        count -= end - index[inner];
        for (int64_t i = index[inner]; i < end; i++, logical += bytes) {
            char *place = stored + (size_t)(base + axis_offset(last, i)) * bytes;
            copy_element(put ? place : logical, put ? logical : place, bytes);
        }
        index[inner] = 0;
        for (int i = inner - 1; i >= 0 && ++index[i] == s->axis[i].size; i--)
            index[i] = 0;
    }
}

/* Where the state starts; callers that hold a constant block only read. */
static char *in_block(const char *block, const rt_state *s)
{
    return (char *)(uintptr_t)(block + s->offset_bytes);
}

const void *rt_state_plain(const rt_state *s, const char *block)
{
    int64_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        const rt_axis *axis = &s->axis[i];
        if (axis->size > 1 && (axis->block != 1 || axis->outer != stride))
            return NULL;
        stride *= axis->size;
    }
    return in_block(block, s);
}

void rt_state_get(const rt_state *s, const char *block, int64_t first, int64_t count, void *to)
{
    const char *plain = rt_state_plain(s, block);
    int64_t bytes = rt_dtype_bytes(s->dtype);
    if (plain)
        memcpy(to, plain + first * bytes, (size_t)(count * bytes));
    else
        move(s, in_block(block, s), first, count, to, false);
}

void rt_state_put(const rt_state *s, char *block, int64_t first, int64_t count, const void *from)
{
    int64_t bytes = rt_dtype_bytes(s->dtype);
    if (rt_state_plain(s, block))
        memcpy(in_block(block, s) + first * bytes, from, (size_t)(count * bytes));
    else
        move(s, in_block(block, s), first, count, (char *)(uintptr_t)from, true);
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
    enum { PART_ELEMS = 1 << 15 };
    int64_t most = elems < PART_ELEMS ? elems : PART_ELEMS;
    void *values = rt_alloc_raw(e, most, rt_dtype_bytes(s->dtype), "an initial tensor");
    for (int64_t i = 0; values && i < most; i++)
        set_element(s->dtype, values, i, x);
    for (int64_t first = 0; values && first < elems; first += most)
        rt_state_put(s, p->state, first, elems - first < most ? elems - first : most, values);
    rt_free(values);
    return values != NULL;
}

/* Floats to the state's type, in PyTorch's order, into the block. */
static bool put_floats(rt_err *e, rt_prog *p, const rt_state *s, const float *from, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_put(s, p->state, 0, elems, from);
        return true;
    }
    void *wide = rt_alloc(e, elems, rt_dtype_bytes(s->dtype), "an initial tensor");
    if (!wide)
        return false;
    for (int64_t i = 0; i < elems; i++)
        set_element(s->dtype, wide, i, (double)from[i]);
    rt_state_put(s, p->state, 0, elems, wide);
    rt_free(wide);
    return true;
}

/* The state as it is, for draws that change it. States of integers are not drawn. */
static bool get_floats(rt_err *e, const rt_prog *p, const rt_state *s, float *to, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_get(s, p->state, 0, elems, to);
    } else if (s->dtype == RT_F64) {
        double *wide = rt_alloc_raw(e, elems, sizeof *wide, "an initial tensor");
        if (!wide)
            return false;
        rt_state_get(s, p->state, 0, elems, wide);
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

/* What the verb never looks at takes no memory: it is not written, so the system gives none. */
bool rt_states_open(rt_err *e, rt_prog *p)
{
    const rt_model *m = p->model;
    p->state = rt_alloc_pages(e, m->state_bytes, "the parameters");
    if (!p->state)
        return false;
    if (!reads_all(p)) {
        memset(p->state, 0, (size_t)m->state_bytes);
        return draw_all(e, p);
    }
    for (int i = 0; i < m->n_states; i++)
        if (m->states[i].role != RT_OPTIMIZER)
            memset(in_block(p->state, &m->states[i]), 0, (size_t)m->states[i].bytes);
    return true;
}
