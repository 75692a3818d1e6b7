/* runtime/finite.c: is every number of the states one? Looking is a pass over memory, so a step
 * looks at half a megabyte of parameters at most, which is all of them in most models; larger ones
 * take turns. An epoch's end and every checkpoint look at everything; states on a device are looked at
 * for checkpoints alone, when they are here. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

enum { LOOK_BYTES = 512 << 10, CHUNK = 16 };

/* Exponents of all ones overflow into the sign when one is added: no branch per element. */
static bool finite_f32(const char *at, int64_t elems)
{
    uint32_t word[CHUNK], any = 0;
    for (; elems >= CHUNK; elems -= CHUNK, at += sizeof word) {
        memcpy(word, at, sizeof word);
        for (int k = 0; k < CHUNK; k++)
            any |= (word[k] & 0x7f800000u) + 0x00800000u;
    }
    for (; elems > 0; elems--, at += sizeof *word) {
        memcpy(word, at, sizeof *word);
        any |= (*word & 0x7f800000u) + 0x00800000u;
    }
    return any >> 31 == 0;
}

static bool finite_f64(const char *at, int64_t elems)
{
    uint64_t word, any = 0;
    for (int64_t i = 0; i < elems; i++) {
        memcpy(&word, at + 8 * i, sizeof word);
        any |= (word & 0x7ff0000000000000u) + 0x0010000000000000u;
    }
    return any >> 63 == 0;
}

/* The whole block of a state may be looked at: padding holds zeros. */
static bool finite(const rt_state *s, const char *block, int64_t from, int64_t bytes)
{
    const char *at = block + s->offset_bytes + from;
    return s->dtype == RT_F32 ? finite_f32(at, bytes / 4)
         : s->dtype == RT_F64 ? finite_f64(at, bytes / 8) : true;
}

const rt_state *rt_states_nonfinite(const rt_model *m, const char *block, int *count)
{
    const rt_state *first = NULL;
    int n = 0;
    for (int i = 0; i < m->n_states; i++) {
        const rt_state *s = &m->states[i];
        if (finite(s, block, 0, s->bytes))
            continue;
        first = first ? first : s;
        n++;
    }
    if (count)
        *count = n;
    return first;
}

/* The first parameter that is not finite. */
static const rt_state *look_at_all(const rt_prog *p)
{
    const rt_state *end = p->model->states + p->model->n_states;
    for (const rt_state *s = p->model->states; s < end; s++)
        if (s->role != RT_OPTIMIZER && !finite(s, p->state, 0, s->bytes))
            return s;
    return NULL;
}

const rt_state *rt_states_look(const rt_prog *p, rt_look *look)
{
    int64_t left = LOOK_BYTES;
    if (p->device)
        return NULL;
    if (p->model->state_bytes <= left)
        return look_at_all(p);
    for (int seen = 0; seen <= p->model->n_states && left > 0 && p->model->n_states > 0; seen++) {
        const rt_state *s = &p->model->states[look->state];
        int64_t rest = s->role == RT_OPTIMIZER ? 0 : s->bytes - look->from_bytes;
        int64_t bytes = rest < left ? rest : left;
        if (!finite(s, p->state, look->from_bytes, bytes))
            return s;
        left -= bytes;
        look->from_bytes += bytes;
        if (bytes == rest)
            *look = (rt_look){ (look->state + 1) % p->model->n_states, 0 };
    }
    return NULL;
}

/* Operations of forward have the path of the module that does them, and no parameters. */
const rt_layer *rt_layer_of(const rt_model *m, const char *key)
{
    const char *slot = strchr(key, '#'), *end = slot ? slot : key + strlen(key);
    while (end > key && *end != '.')
        end--;
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i].params > 0 && strlen(m->layers[i].path) == (size_t)(end - key) &&
            memcmp(m->layers[i].path, key, (size_t)(end - key)) == 0)
            return &m->layers[i];
    return NULL;
}
