/* frontend/cmd_summary.c: `seqc summary`: a model as a table for people.
 * Memory is the plan's, for the whole batch. */
#include "frontend/cmd.h"
#include "passes/passes.h"
#include <string.h>

static void print_layers(const Cmd *c, const Module *m)
{
    Arena *a = c->arena;
    int n = m->prog.n_layer;
    double total = 0, *flop = arena_alloc(a, (size_t)n + 1, sizeof *flop);
    int64_t params = 0;
    cmd_layer_sums(m, ir_flop, flop);
    CmdRow *row = arena_alloc(a, (size_t)n + 2, sizeof *row);
    row[0] = (CmdRow){{"layer", "what", "output", "parameters", "FLOP"}};
    for (int i = 0; i < n; i++) {
        const Layer *l = &m->prog.layer[i];
        row[i + 1] = (CmdRow){{l->path, l->text, cmd_shape(a, &l->out.shape),
                            l->params ? cmd_commas(a, l->params) : "",
                            flop[i] > 0 ? cmd_big(a, flop[i]) : ""}};
        total += flop[i];
    }
    for (uint32_t s = 1; s < m->n_state; s++)
        if (m->state[s].role == ROLE_PARAM || m->state[s].role == ROLE_FROZEN)
            params += ir_elems_at(&m->state[s].type.shape, 1);
    row[n + 1] = (CmdRow){{"", "", "", cmd_commas(a, params), cmd_big(a, total)}};
    cmd_table(row, n + 2, 5, 3);
}

static double graph_flop(const Graph *g)
{
    double sum = 0;
    for (int k = 0; k < g->n_kernel; k++)
        sum += ir_kernel_flop(g, k);
    return sum;
}

static void print_graph(const Cmd *c, const Module *m, const char *name, const char *what)
{
    const Graph *g = ir_graph_find(m, name);
    if (!g)
        return;
    printf("%-11s %s FLOP, %d kernels, arena %s", what, cmd_big(c->arena, graph_flop(g)),
           g->n_kernel, cmd_bytes(c->arena, g->arena_bytes));
    if (g->arena_bytes == g->bound_bytes)
        printf(" (the lower bound)");
    else
        printf(" (lower bound %s)", cmd_bytes(c->arena, g->bound_bytes));
    if (g->by_sample)
        printf("; samples one by one, %s a thread",
               cmd_bytes(c->arena, ir_graph_find(m, "infer_one")->arena_bytes));
    if (g->kept_bytes)
        printf(", kept of weights %s", cmd_bytes(c->arena, g->kept_bytes));
    putchar('\n');
}

static void print_states(const Cmd *c, const Module *m)
{
    int64_t elems[4] = {0}, bytes[4] = {0};
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        elems[s->role] += ir_elems_at(&s->type.shape, 1);
        bytes[s->role] += ir_stored_bytes(&s->type, 1);
    }
    static const char *const name[] = {"trained", "frozen", "buffers", "optimizer"};
    for (int r = 0; r < 4; r++)
        if (elems[r])
            printf("%-11s %s numbers, %s\n", name[r], cmd_commas(c->arena, elems[r]),
                   cmd_bytes(c->arena, bytes[r]));
}

int cmd_summary(const Cmd *c)
{
    PassCtx ctx;
    Module *m = NULL;
    int code = cmd_pass_ctx(c, &ctx);
    if (!code)
        code = cmd_load(c, &m);
    if (code)
        return code;
    Module *planned = pass_run(m, &ctx, NULL);
    const Program *p = &m->prog;
    const char *slash = strrchr(c->file, '/');
    printf("%s  input %s, batch n <= %lld, %s, %s\n\n", slash ? slash + 1 : c->file,
           cmd_shape(c->arena, &p->input), (long long)m->capacity, ir_dtype_name(m->real),
           ctx.target->name);
    print_layers(c, m);
    putchar('\n');
    printf("%-11s %s\n", "loss", p->loss ? p->loss : "none: the program predicts only");
    if (p->loss)
        printf("%-11s %s\n", "optimizer", p->optimizer ? p->optimizer : "none");
    print_states(c, planned);
    print_graph(c, planned, "train", "training");
    print_graph(c, planned, "infer", "inference");
    ir_module_free(planned);
    ir_module_free(m);
    return EXIT_OK;
}
