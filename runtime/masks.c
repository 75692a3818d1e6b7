/* runtime/masks.c: dropout's masks as PyTorch draws them, for programs that were built so
 * (seqc build --dropout torch): from the one generator that also draws weights and shuffles, element
 * after element, mask after mask. A number of 53 bits below `keep` keeps.
 *
 * Checked against PyTorch 1.13 (tests/unit/test_masks.c); builds with MKL draw by other rules. */
#include "runtime/program.h"
#include <string.h>

static int64_t elems(const rt_bound *b, int i, int64_t n)
{
    return rt_value_elems(&b->graph->inputs[b->graph->masks[i].input], n);
}

bool rt_is_mask(const rt_graph *g, int input)
{
    for (int i = 0; i < g->n_masks; i++)
        if (g->masks[i].input == input)
            return true;
    return false;
}

bool rt_masks_open(rt_err *e, rt_bound *b)
{
    const rt_graph *g = b->graph;
    if (g->n_masks == 0)
        return true;
    b->in = rt_alloc(e, g->n_inputs, (int64_t)sizeof(void *), "a graph's inputs");
    b->mask = rt_alloc(e, g->n_masks, (int64_t)sizeof(void *), "the masks");
    for (int i = 0; b->in && b->mask && i < g->n_masks; i++) {
        b->mask[i] = rt_alloc(e, elems(b, i, b->prog->model->capacity),
                              rt_dtype_bytes(b->prog->model->real), "the masks");
        if (!b->mask[i])
            return false;
    }
    return b->in && b->mask;
}

void rt_masks_close(rt_bound *b)
{
    for (int i = 0; b->mask && i < b->graph->n_masks; i++)
        rt_free(b->mask[i]);
    rt_free(b->mask);
    rt_free(b->in);
    b->mask = NULL;
    b->in = NULL;
}

void rt_masks_fill(rt_bound *b, int64_t n)
{
    for (int i = 0; i < b->graph->n_masks; i++) {
        double keep = b->graph->masks[i].keep;
        for (int64_t k = 0, count = elems(b, i, n); k < count; k++) {
            bool kept = rt_random_u53(&b->prog->random) < keep;
            if (b->prog->model->real == RT_F64)
                ((double *)b->mask[i])[k] = kept;
            else
                ((float *)b->mask[i])[k] = kept;
        }
    }
}

void rt_masks_skip(const rt_bound *b, int64_t n)
{
    for (int i = 0; i < b->graph->n_masks; i++)
        for (int64_t k = 0, count = elems(b, i, n); k < count; k++)
            rt_random_u53(&b->prog->random);
}

const void *const *rt_masks_place(rt_bound *b, const void *const *given)
{
    const rt_graph *g = b->graph;
    for (int i = 0, mask = 0; i < g->n_inputs; i++)
        b->in[i] = rt_is_mask(g, i) ? b->mask[mask++] : *given++;
    return b->in;
}
