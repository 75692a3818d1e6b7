/* runtime/initial.c: initial values: a model's draws, in their order, from one generator. */
#include "runtime/files.h"
#include "runtime/states.h"
#include <string.h>

static void set_element(rt_dtype type, void *to, int64_t i, double x)
{
    switch (type) {
    case RT_F32: ((float *)to)[i] = (float)x; break;
    case RT_F64: ((double *)to)[i] = x; break;
    case RT_I64: ((int64_t *)to)[i] = (int64_t)x; break;
    case RT_I32: ((int32_t *)to)[i] = (int32_t)x; break;
    case RT_U8: ((uint8_t *)to)[i] = (uint8_t)x; break;
    case RT_I8: ((int8_t *)to)[i] = (int8_t)x; break;
    }
}

/* A constant is exact in the state's own type; only what is drawn has float32's digits. */
static bool put_constant(rt_err *e, char *block, const rt_state *s, double x, int64_t elems)
{
    enum { PART_ELEMS = 1 << 15 };
    int64_t most = elems < PART_ELEMS ? elems : PART_ELEMS;
    void *values = rt_alloc_raw(e, most, rt_dtype_bytes(s->dtype), "an initial tensor");
    for (int64_t i = 0; values && i < most; i++)
        set_element(s->dtype, values, i, x);
    for (int64_t first = 0; values && first < elems; first += most)
        rt_state_put(s, block, first, elems - first < most ? elems - first : most, values);
    rt_free(values);
    return values != NULL;
}

static void put_element(char *block, const rt_state *s, int64_t place, double x)
{
    char value[sizeof(double)];
    set_element(s->dtype, value, 0, x);
    rt_state_put(s, block, place, 1, value);
}

/* Floats to the state's type, in PyTorch's order, into the block. */
static bool put_floats(rt_err *e, char *block, const rt_state *s, const float *from, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_put(s, block, 0, elems, from);
        return true;
    }
    void *wide = rt_alloc(e, elems, rt_dtype_bytes(s->dtype), "an initial tensor");
    if (!wide)
        return false;
    for (int64_t i = 0; i < elems; i++)
        set_element(s->dtype, wide, i, (double)from[i]);
    rt_state_put(s, block, 0, elems, wide);
    rt_free(wide);
    return true;
}

/* The state as it is, for draws that change it. States of integers are not drawn. */
static bool get_floats(rt_err *e, const char *block, const rt_state *s, float *to, int64_t elems)
{
    if (s->dtype == RT_F32) {
        rt_state_get(s, block, 0, elems, to);
    } else if (s->dtype == RT_F64) {
        double *wide = rt_alloc_raw(e, elems, sizeof *wide, "an initial tensor");
        if (!wide)
            return false;
        rt_state_get(s, block, 0, elems, wide);
        for (int64_t i = 0; i < elems; i++)
            to[i] = (float)wide[i];
        rt_free(wide);
    }
    return true;
}

static bool draw_state(rt_err *e, const rt_model *m, char *block, rt_random *random,
                       const rt_draw *draw)
{
    const rt_state *s = &m->states[draw->state];
    int64_t elems = rt_state_elems(s);
    if (draw->kind == RT_DRAW_CONSTANT)
        return put_constant(e, block, s, draw->a, elems);
    float *values = rt_alloc(e, elems, sizeof(float), "an initial tensor");
    if (!values)
        return false;
    int64_t rows = s->rank > 0 ? s->axis[0].size : 1;
    bool ok = get_floats(e, block, s, values, elems)
           && rt_draw_values(e, random, draw, values, elems, rows)
           && put_floats(e, block, s, values, elems);
    rt_free(values);
    return ok;
}

bool rt_states_draw(rt_err *e, const rt_model *m, char *block, rt_random *random, int64_t seed,
                    bool always)
{
    rt_random_seed(random, (uint64_t)seed);
    for (int i = 0; i < m->n_draws; i++) {
        const rt_draw *draw = &m->draws[i];
        switch (draw->kind) {
        case RT_DRAW_SEED:
            rt_random_seed(random, (uint64_t)(always ? seed : (int64_t)draw->a));
            break;
        case RT_DRAW_SKIP_UNIFORM:
            rt_random_uniform(random, NULL, draw->elems, draw->a, draw->b);
            break;
        case RT_DRAW_SKIP_NORMAL:
            rt_random_normal(random, NULL, draw->elems, draw->a, draw->b);
            break;
        case RT_DRAW_ELEMENT:
            put_element(block, &m->states[draw->state], (int64_t)draw->a, draw->b);
            break;
        default:
            if (!draw_state(e, m, block, random, draw))
                return false;
        }
    }
    return true;
}
