/* runtime/grad.c: the verb `grad`: output, loss and all gradients of one batch, as a file of named
 * tensors that other programs can check. Inputs are taken as they are: no normalisation.
 *
 * Graph `grad` wants the gradient of the output, which the loss gives only once the output is
 * known. So with --target it runs twice: with a zero gradient for the output, then with what graph
 * `loss` makes of it. Both runs have the same random numbers. */
#include "runtime/program.h"
#include <inttypes.h>
#include <string.h>

typedef struct Grad {
    rt_prog *p;
    rt_set x;
    int64_t n;
    rt_bound graph, loss;
    void *input;                 /* [n][input] of the model's real type */
    void *cotangent;             /* [n][output], likewise */
    void *target;                /* [n] of int64_t or [n][target] of real */
    bool with_loss;
} Grad;

static void *to_real(rt_err *e, rt_dtype real, const rt_tensor *t)
{
    void *out = rt_alloc(e, t->elems, rt_dtype_bytes(real), "a tensor");
    for (int64_t i = 0; out && i < t->elems; i++) {
        if (real == RT_F64)
            ((double *)out)[i] = rt_tensor_number(t, i);
        else
            ((float *)out)[i] = (float)rt_tensor_number(t, i);
    }
    return out;
}

/* Must the file's tensor be (n, shape…)? A lone output may be left out: (n) for (n, 1). */
static bool has_shape(const rt_tensor *t, int64_t n, const int64_t *shape, int rank)
{
    if (t->rank == 1 && rank == 1 && shape[0] == 1)
        return t->shape[0] == n;
    return t->rank == rank + 1 && t->shape[0] == n &&
           memcmp(t->shape + 1, shape, sizeof *shape * (size_t)rank) == 0;
}

static bool wrong_shape(rt_err *e, const char *path, const rt_tensor *t, int64_t n,
                        const int64_t *shape, int rank, const char *what)
{
    char theirs[RT_SHAPE_TEXT], ours[RT_SHAPE_TEXT];
    int64_t full[RT_MAX_RANK + 1] = { n };
    memcpy(full + 1, shape, sizeof *shape * (size_t)rank);
    return rt_fail(e, RT_E_DATA, "%.300s: %s has shape %s, but the batch asks for %s", path, what,
                   rt_shape_text(theirs, t->shape, t->rank), rt_shape_text(ours, full, rank + 1));
}

static bool read_input(rt_err *e, Grad *g, const char *path)
{
    const rt_model *m = g->p->model;
    if (!rt_data_load_inputs(e, &g->x, m, path, NULL))
        return false;
    g->n = g->x.n;
    if (g->n > m->capacity)
        return rt_fail(e, RT_E_DATA, "%.300s: %" PRId64 " samples, but one batch of this program "
                       "holds at most %" PRId64, path, g->n, m->capacity);
    g->input = rt_alloc(e, g->n * g->x.x_elems, rt_dtype_bytes(m->real), "the inputs");
    return g->input && rt_data_gather(e, &g->x, g->p->studios, &(rt_pick){ .n = g->n },
                                      g->input, NULL);
}

static bool read_cotangent(rt_err *e, Grad *g, const char *path)
{
    const rt_model *m = g->p->model;
    rt_tensor t = { 0 };
    if (!rt_npy_read(e, path, &t))
        return false;
    bool ok = has_shape(&t, g->n, m->output, m->output_rank) ||
              wrong_shape(e, path, &t, g->n, m->output, m->output_rank, "the cotangent");
    g->cotangent = ok ? to_real(e, m->real, &t) : NULL;
    rt_tensor_free(&t);
    return g->cotangent != NULL;
}

static bool read_indices(rt_err *e, Grad *g, const char *path, const rt_tensor *t)
{
    const rt_model *m = g->p->model;
    int64_t *index = rt_alloc(e, t->elems, (int64_t)sizeof *index, "the targets");
    for (int64_t i = 0; index && i < t->elems; i++) {
        index[i] = (int64_t)rt_tensor_number(t, i);
        if (!rt_label_ok(m, index[i])) {
            rt_fail(e, RT_E_DATA, "%.300s: target %" PRId64 " of sample %" PRId64
                    " is no class; they are 0 to %" PRId64, path, index[i], i + 1,
                    m->n_classes - 1);
            rt_free(index);
            return false;
        }
    }
    g->target = index;
    return index != NULL;
}

/* Integers are class indices where the loss knows classes, floats are what the output is. */
static bool read_target(rt_err *e, Grad *g, const char *path)
{
    const rt_model *m = g->p->model;
    rt_tensor t = { 0 };
    if (m->target_kind == RT_TARGET_NONE)
        return rt_fail(e, RT_E_USAGE, "this program has no loss, so --target means nothing") ||
               rt_help(e, "give the gradient of the output: --cotangent FILE");
    if (!rt_npy_read(e, path, &t))
        return false;
    bool floats = t.dtype == RT_F32 || t.dtype == RT_F64;
    bool classes = m->target_kind != RT_TARGET_REAL;
    const char *name = classes && floats ? "loss_prob" : "loss";
    const rt_graph *graph = rt_find_graph(m, name);
    bool real = !classes || floats;
    const int64_t *shape = classes && floats ? m->output : m->target;
    int rank = classes && floats ? m->output_rank : m->target_rank;
    bool ok = graph || rt_fail(e, RT_E_DATA, "%.300s: the targets are %s, which %s does not take",
                               path, rt_dtype_name(t.dtype), m->loss ? m->loss : "this program");
    ok = ok && (has_shape(&t, g->n, shape, rank) ||
                wrong_shape(e, path, &t, g->n, shape, rank, "the target"));
    if (ok && real)
        ok = (g->target = to_real(e, m->real, &t)) != NULL;
    else if (ok)
        ok = read_indices(e, g, path, &t);
    rt_tensor_free(&t);
    g->with_loss = true;
    return ok && rt_bind(e, &g->loss, g->p, graph);
}

static bool run_grad(rt_err *e, Grad *g)
{
    return rt_run(e, &g->graph, g->n, (const void *[]){ g->input, g->cotangent }, 1);
}

/* Leaves the cotangent that belongs to the target. */
static bool run_loss(rt_err *e, Grad *g)
{
    const rt_model *m = g->p->model;
    int64_t bytes = rt_sample_elems(m->output, m->output_rank) * g->n * rt_dtype_bytes(m->real);
    g->cotangent = rt_alloc(e, bytes, 1, "the output's gradient");
    if (!g->cotangent || !run_grad(e, g) ||
        !rt_run(e, &g->loss, g->n, (const void *[]){ rt_result(&g->graph, "output"), g->target }, 1))
        return false;
    memcpy(g->cotangent, rt_result(&g->loss, "d_output"), (size_t)bytes);
    return true;
}

static bool add_value(rt_err *e, rt_tensors *list, const Grad *g, const rt_bound *b, int i)
{
    const rt_value *v = &b->graph->results[i];
    int64_t shape[RT_MAX_RANK];
    for (int k = 0; k < v->rank; k++)
        shape[k] = v->dim[k].k * (v->dim[k].per_n ? g->n : 1);
    return rt_tensors_add(e, list, v->name, v->dtype, v->rank, shape, b->result[i]) != NULL;
}

static bool write_results(rt_err *e, const Grad *g, const char *path)
{
    rt_tensors list = { 0 };
    bool ok = true;
    for (int i = 0; ok && g->with_loss && i < g->loss.graph->n_results; i++)
        if (strcmp(g->loss.graph->results[i].name, "loss") == 0)
            ok = add_value(e, &list, g, &g->loss, i);
    for (int i = 0; ok && i < g->graph.graph->n_results; i++)
        ok = add_value(e, &list, g, &g->graph, i);
    ok = ok && rt_safetensors_write(e, path, &list);
    if (ok && !g->p->ui.quiet)
        printf("%" PRId64 " tensors of a batch of %" PRId64 "   %s\n", list.count, g->n, path);
    rt_tensors_free(&list);
    return ok;
}

bool rt_verb_grad(rt_err *e, rt_prog *p)
{
    const rt_cli *cli = &p->cli;
    Grad g = { .p = p };
    const rt_graph *graph = RT_GIVEN(cli, eval) ? rt_find_graph(p->model, "grad_eval") : NULL;
    if (!graph)
        graph = rt_find_graph(p->model, "grad");
    if (!RT_GIVEN(cli, input) || !RT_GIVEN(cli, output))
        return rt_fail(e, RT_E_USAGE, "grad needs --input FILE and -o FILE");
    if (RT_GIVEN(cli, targets) == RT_GIVEN(cli, cotangent))
        return rt_fail(e, RT_E_USAGE, "grad needs either --target FILE or --cotangent FILE");
    bool ok = rt_open_weights(e, p, true) && read_input(e, &g, RT_OPT(cli, input).text) &&
              rt_bind(e, &g.graph, p, graph);
    if (ok && g.n < p->model->least_batch && strcmp(graph->name, "grad") == 0)
        ok = rt_fail(e, RT_E_DATA, "%" PRId64 " sample, but batch normalisation needs %" PRId64
                     " in training (more than 1 value per channel)", g.n, p->model->least_batch) ||
             rt_help(e, "give more rows, or --eval");
    if (ok)
        rt_masks_draw(&g.graph, g.n);
    if (ok && RT_GIVEN(cli, targets))
        ok = read_target(e, &g, RT_OPT(cli, targets).text) && run_loss(e, &g);
    else if (ok)
        ok = read_cotangent(e, &g, RT_OPT(cli, cotangent).text);
    ok = ok && run_grad(e, &g) && write_results(e, &g, RT_OPT(cli, output).text);
    rt_unbind(&g.graph);
    rt_unbind(&g.loss);
    rt_free(g.input);
    rt_free(g.cotangent);
    rt_free(g.target);
    rt_set_free(&g.x);
    return ok;
}
