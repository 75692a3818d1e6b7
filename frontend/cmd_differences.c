/* frontend/cmd_differences.c: `seqc check`: symbolic gradients against central differences.
 *
 * A gradient is a root `grad "key"` of a training graph, or a result d_key, d_input or d_output.
 * What it is the gradient of stands in the same graph: its loss, or its output weighted by the
 * cotangent. That number is interpreted in float64 at a small batch, with one element moved at a
 * time: of every tensor the one with the largest gradient and a few more, always the same ones. An
 * element at a kink (of a ReLU, say) has no derivative, is left out and counted. */
#include "frontend/cmd_check.h"
#include <math.h>
#include <string.h>

/* Elements of a tensor in one graph, and what all of them together may cost. */
enum { ELEMENTS = 7, EVALUATIONS = 5 };
static const double budget_flop = 2e9, node_flop = 2e4, grad_bound = 1e-5;

/* A number that a graph computes, as a function of one element. */
typedef struct Number {
    Graph *g;
    Trial trial;
    EvalIn in;
    const double *weight;            /* of its elements; null: it has one */
    int64_t elems;
    double *x, middle;
} Number;

/* What all graphs say about one tensor. */
typedef struct Tensor {
    const char *name, *graph, *place;    /* place: of the worst gradient */
    Type type;
    int64_t elements, left_out, at;
    double share, symbolic, differences;
} Tensor;

typedef struct Survey {
    Report *report;
    const Module *m;
    int64_t n;
    const Given *given;
    Arena *arena;
    Tensor *tensor;
    int n_tensor, cap_tensor;
    int64_t gradients;               /* in all graphs */
    double work;                     /* of one evaluation of each, in operations */
} Survey;

/* ---- which gradients there are ---- */

static const Root *result_of(const Graph *g, const char *name)
{
    for (int r = 0; r < g->n_root; r++)
        if (g->root[r].kind == ROOT_RETURN && !strcmp(g->root[r].name, name)) return &g->root[r];
    return NULL;
}

/* The tensor that root r is the gradient of; null if it is none. */
static const char *gradient_of(const Graph *g, const Root *r)
{
    if (r->kind == ROOT_GRAD) return ir_state(g->module, r->state)->key;
    return r->kind == ROOT_RETURN && !strncmp(r->name, "d_", 2) ? r->name + 2 : NULL;
}

/* What its gradients are gradients of. */
static const Root *number_of(const Graph *g)
{
    const Root *loss = result_of(g, "loss");
    return loss ? loss : result_of(g, "output");
}

/* ---- one number ---- */

/* A graph of that root alone. */
static Graph *graph_of(const Graph *from, const Root *root)
{
    Graph *g = ir_graph_add(ir_module_like(from->module), from->name);
    Arena *scratch = arena_new();
    bool *needed = arena_alloc(scratch, from->n_node, sizeof *needed);
    Val *map = arena_alloc(scratch, from->n_node, sizeof *map);
    needed[root->val.i] = true;
    for (uint32_t i = root->val.i; i > 0; i--)
        for (int k = 0; needed[i] && k < from->node[i].n_in; k++)
            needed[from->node[i].in[k].i] = true;
    for (uint32_t i = 1; i <= root->val.i; i++)
        if (needed[i]) map[i] = ir_copy_node(g, from, (Val){i}, map);
    ir_return(g, root->name, map[root->val.i]);
    arena_free(scratch);
    return g;
}

static double number_at(void *ctx, double step)
{
    Number *x = ctx;
    Arena *scratch = arena_new();
    *x->x = x->middle + step;
    const double *value = ir_eval(x->g, &x->in, scratch)[x->g->root[0].val.i];
    double sum = 0;
    for (int64_t i = 0; i < x->elems; i++)
        sum += x->weight ? x->weight[i] * value[i] : value[i];
    *x->x = x->middle;
    arena_free(scratch);
    return sum;
}

/* Its elements; null where the number does not depend on the tensor. */
static double *elements_of(Number *x, const char *name)
{
    if (!strcmp(name, "input")) return ir_trial_input(&x->trial, "x");
    if (!strcmp(name, "output")) return ir_trial_input(&x->trial, "output");
    State s = ir_state_find(x->g->module, name);
    return s.i ? ir_trial_state(&x->trial, s) : NULL;
}

/* ---- one gradient ---- */

static Tensor *tensor_named(Survey *s, const char *name, const Type *type)
{
    for (int i = 0; i < s->n_tensor; i++)
        if (!strcmp(s->tensor[i].name, name)) return &s->tensor[i];
    if (s->n_tensor == s->cap_tensor) {
        int cap = 2 * s->cap_tensor + 16;
        s->tensor = arena_grow(s->arena, s->tensor, (size_t)s->cap_tensor, (size_t)cap,
                               sizeof *s->tensor);
        s->cap_tensor = cap;
    }
    s->tensor[s->n_tensor] = (Tensor){ .name = name, .type = *type };
    return &s->tensor[s->n_tensor++];
}

static double largest(const double *x, int64_t n, int64_t *at)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i]) > most) {
            most = fabs(x[i]);
            if (at) *at = i;
        }
    return most;
}

/* The element to look at in turn k: first that of the largest gradient. */
static int64_t element(int64_t elems, int64_t first, int k)
{
    uint64_t mixed = ((uint64_t)k + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return k ? (int64_t)((mixed ^ mixed >> 29) % (uint64_t)elems) : first;
}

static void look_at(Tensor *t, Number *x, double *elements, const double *symbolic, int64_t i,
                    double size, const char *graph, const char *place)
{
    x->x = &elements[i];
    x->middle = elements[i];
    Slope s = ir_slope(number_at, x);
    t->elements++;
    t->left_out += !s.smooth;
    double share = s.smooth ? fabs(s.value - symbolic[i]) / size : 0;
    if (isnan(share)) share = isnan(s.value) && isnan(symbolic[i]) ? 0 : INFINITY;
    if (s.smooth && s.value == symbolic[i]) share = 0;
    if (share < t->share || (share == t->share && t->graph)) return;
    t->share = share;
    t->at = i;
    t->symbolic = symbolic[i];
    t->differences = s.value;
    t->graph = graph;
    t->place = place;
}

static const char *place_of(Survey *s, const Node *x)
{
    return x->loc.file ? arena_printf(s->arena, "%s:%u", s->m->file[x->loc.file], x->loc.line)
                       : "";
}

/* All gradients of one graph, or as many as the budget allows: every k-th tensor. */
static void survey_graph(Survey *s, const Graph *g)
{
    const Root *root = number_of(g);
    double all = 0;
    Arena *a = arena_new();
    Trial trial = check_trial(g, s->n, s->given, a);
    EvalIn in = ir_trial(&trial);
    double **value = ir_root_values(g, ir_eval(g, &in, a), a);
    Number x = { .g = graph_of(g, root) };
    x.trial = check_trial(x.g, s->n, s->given, a);
    x.in = ir_trial(&x.trial);
    x.elems = ir_elems_at(&ir_type(g, root->val)->shape, s->n);
    x.weight = !strcmp(root->name, "output") ? ir_trial_input(&trial, "cotangent") : NULL;
    for (int r = 0; r < g->n_root; r++)
        if (gradient_of(g, &g->root[r]))
            all = fmax(all, largest(value[r], ir_elems_at(&ir_type(g, g->root[r].val)->shape,
                                                          s->n), NULL));
    double each = budget_flop / EVALUATIONS / s->work;
    int count = each >= ELEMENTS ? ELEMENTS : each > 2 ? (int)each : 2;
    int64_t stride = each >= 2 ? 1 : (int64_t)(2 / each) + 1, turn = 0;
    for (int r = 0; r < g->n_root; r++) {
        const char *name = gradient_of(g, &g->root[r]);
        if (!name || turn++ % stride) continue;
        const Node *node = ir_node(g, g->root[r].val);
        int64_t elems = ir_elems_at(&node->type.shape, s->n), first = 0;
        double *elements = elements_of(&x, name);
        double size = largest(value[r], elems, &first) + 1e-3 * all;
        Tensor *t = tensor_named(s, name, &node->type);
        for (int k = 0; elements && elems > 0 && k < count && k < elems; k++)
            look_at(t, &x, elements, value[r], element(elems, first, k), size, g->name,
                    place_of(s, node));
    }
    ir_module_free(x.g->module);
    arena_free(a);
}

/* ---- the table ---- */

enum { MOST_LINES = 24 };

static void print_tensor(Survey *s, const Tensor *t)
{
    Arena *a = s->arena;
    const char *worst = t->share > 0 ? arena_printf(a, "  worst [%lld] in %s  %s", (long long)t->at,
                                                    t->graph, t->place) : "";
    const char *kinks = t->left_out ? arena_printf(a, ", %lld left out at kinks",
                                                   (long long)t->left_out) : "";
    if (t->share > grad_bound)
        worst = arena_printf(a, "%s: %.9g, differences say %.9g", worst, t->symbolic,
                             t->differences);
    check_line(s->report, t->name, t->share, grad_bound,
               arena_printf(a, "%lld elements%s%s", (long long)t->elements, kinks, worst));
}

/* Large models: what fails, and as many of the others as make a page. */
static void print_tensors(Survey *s)
{
    int64_t elements = 0, left_out = 0;
    int shown = 0;
    for (int i = 0; i < s->n_tensor; i++) {
        elements += s->tensor[i].elements;
        left_out += s->tensor[i].left_out;
    }
    printf("\ngradients against differences, interpreted at n = %lld: %lld elements of %d tensors, "
           "%lld left out at kinks\n", (long long)s->n, (long long)elements, s->n_tensor,
           (long long)left_out);
    for (int i = 0; i < s->n_tensor; i++) {
        bool fails = s->tensor[i].share > grad_bound;
        if (!fails && shown >= MOST_LINES) {
            s->report->compared++;
            continue;
        }
        shown += !fails;
        print_tensor(s, &s->tensor[i]);
    }
    if (s->n_tensor > MOST_LINES)
        printf("  …\n");
}

void check_gradients(Report *r, const Module *m, int64_t n, const Given *given)
{
    Survey s = { .report = r, .m = m, .n = n, .given = given, .arena = arena_new() };
    for (int i = 0; i < m->n_graph; i++) {
        const Graph *g = m->graph[i];
        double flop = 0;
        int64_t here = 0;
        for (uint32_t v = 1; v < g->n_node; v++)
            flop += ir_flop(g, (Val){v}) * (double)n / (double)m->capacity + node_flop;
        for (int k = 0; k < g->n_root && number_of(g); k++)
            here += gradient_of(g, &g->root[k]) != NULL;
        s.gradients += here;
        s.work += flop * (double)here;
    }
    for (int i = 0; i < m->n_graph && s.gradients; i++) {
        bool any = false;
        for (int k = 0; k < m->graph[i]->n_root && number_of(m->graph[i]); k++)
            any = any || gradient_of(m->graph[i], &m->graph[i]->root[k]);
        if (any) survey_graph(&s, m->graph[i]);
    }
    if (s.gradients) print_tensors(&s);
    arena_free(s.arena);
}
