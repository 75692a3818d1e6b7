/* frontend/cmd_weights.c: values for a module's states: of a file of weights, or drawn as a program
 * of the model file would draw them. */
#include "frontend/cmd.h"
#include "runtime/files.h"
#include "runtime/states.h"
#include <stdlib.h>
#include <string.h>

int cmd_weights_read(const Cmd *c, const Module *m, rt_tensors *weights)
{
    rt_err e = { 0 };
    const char *path = c->text[OPT_weights];
    if (!rt_safetensors_read(&e, path, weights)) return cmd_fail_rt(c, &e);
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        if (s->role == ROLE_OPTIMIZER) continue;
        const rt_tensor *t = rt_tensors_find(weights, s->key);
        bool fits = t && t->rank == s->type.shape.rank;
        for (int k = 0; fits && k < t->rank; k++)
            fits = t->shape[k] == ir_dim_at(s->type.shape.dim[k], 1);
        if (!t) return cmd_fail(c, EXIT_REFUSED, "%s: it has no tensor \"%s\"", path, s->key);
        if (!fits)
            return cmd_fail(c, EXIT_REFUSED, "%s: \"%s\" has another shape than the model's %s",
                            path, s->key, ir_type_string(&s->type, c->arena));
    }
    return EXIT_OK;
}

/* ---- the block of all states, as a program has it ---- */

static rt_state state_row(const StateInfo *s)
{
    static const rt_role role[] = { RT_PARAM, RT_FROZEN, RT_BUFFER, RT_OPTIMIZER };
    static const rt_dtype dtype[DT_COUNT] = { [DT_f32] = RT_F32, [DT_f64] = RT_F64,
                                              [DT_i64] = RT_I64, [DT_i32] = RT_I32,
                                              [DT_u8] = RT_U8, [DT_i8] = RT_I8 };
    rt_state row = { .key = s->key, .role = role[s->role], .dtype = dtype[s->type.dtype],
                     .rank = s->type.shape.rank, .offset_bytes = s->offset_bytes,
                     .bytes = ir_stored_bytes(&s->type, 1) };
    StoredAxis axis[IR_MAX_RANK];
    ir_stored_axes(&s->type, 1, axis);
    for (int i = 0; i < row.rank; i++)
        row.axis[i] = (rt_axis){ axis[i].size, axis[i].block, axis[i].outer, axis[i].inner };
    return row;
}

static bool draw_states(rt_err *e, const Cmd *c, const Module *m, const rt_state *states,
                        char *block)
{
    const Program *p = &m->prog;
    rt_draw *draws = arena_alloc(c->arena, (size_t)p->n_draw + 1, sizeof *draws);
    for (int i = 0; i < p->n_draw; i++) {
        const Draw *d = &p->draw[i];
        draws[i] = (rt_draw){ (rt_draw_kind)d->kind, (int)d->state.i - 1, d->a, d->b, d->elems };
    }
    const rt_model model = { .states = states, .n_states = (int)m->n_state - 1, .draws = draws,
                             .n_draws = p->n_draw };
    rt_random random;
    return rt_states_draw(e, &model, block, &random, p->seed < 0 ? 0 : p->seed, false);
}

/* From the file's type to the state's. */
static bool put_tensor(rt_err *e, const rt_tensor *t, const rt_state *s, char *block)
{
    enum { PART_ELEMS = 1 << 16 };
    union { float f32; double f64; int64_t i64; } *part = rt_alloc_raw(e, PART_ELEMS, sizeof *part,
                                                                       "a part of a tensor");
    for (int64_t first = 0; part && first < t->elems; first += PART_ELEMS) {
        int64_t n = t->elems - first < PART_ELEMS ? t->elems - first : PART_ELEMS;
        for (int64_t i = 0; i < n; i++) {
            double x = rt_tensor_number(t, first + i);
            if (s->dtype == RT_F32) (&part->f32)[i] = (float)x;
            else if (s->dtype == RT_F64) (&part->f64)[i] = x;
            else (&part->i64)[i] = (int64_t)x;
        }
        rt_state_put(s, block, first, n, part);
    }
    rt_free(part);
    return part != NULL;
}

int cmd_states(const Cmd *c, const Module *m, char **block)
{
    rt_err e = { 0 };
    rt_tensors weights = { 0 };
    rt_state *states = arena_alloc(c->arena, m->n_state, sizeof *states);
    for (uint32_t i = 1; i < m->n_state; i++) states[i - 1] = state_row(&m->state[i]);
    int code = c->text[OPT_weights] ? cmd_weights_read(c, m, &weights) : EXIT_OK;
    *block = code ? NULL : rt_alloc(&e, m->state_bytes, 1, "the weights");
    bool ok = *block != NULL;
    ok = ok && draw_states(&e, c, m, states, *block);      /* optimizers' start, too */
    for (uint32_t i = 1; ok && c->text[OPT_weights] && i < m->n_state; i++) {
        const rt_tensor *t = rt_tensors_find(&weights, m->state[i].key);
        if (t) ok = put_tensor(&e, t, &states[i - 1], *block);
    }
    rt_tensors_free(&weights);
    return code ? code : ok ? EXIT_OK : cmd_fail_rt(c, &e);
}
