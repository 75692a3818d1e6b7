/* runtime/states.c: the state block, and PyTorch's order at every border. It knows
 * nothing of kernels; how a state lies in the block is its rt_axis list alone. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

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

/* ---- the block ---- */

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
        return rt_states_draw(e, m, p->state, &p->random, p->seed, RT_GIVEN(&p->cli, seed));
    }
    for (int i = 0; i < m->n_states; i++)
        if (m->states[i].role != RT_OPTIMIZER)
            memset(p->state + m->states[i].offset_bytes, 0, (size_t)m->states[i].bytes);
    return true;
}
