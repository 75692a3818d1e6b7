/* ir/dot.c: graphs for graphviz. Kernels are clusters, states are boxes at the side, edges carry
 * shapes. A view: nothing is computed here. */
#include "ir/priv.h"
#include <string.h>

static const char *const fill[] = {
    [KIND_NONE] = "#ffffff", [KIND_LEAF] = "#eceff1", [KIND_VIEW] = "#fafafa",
    [KIND_MAP] = "#fff3cd",  [KIND_PROD] = "#cfe2ff", [KIND_REDUCE] = "#e2d9f3",
    [KIND_CONV] = "#b6d4fe", [KIND_WINDOW] = "#c5e8f7",
    [KIND_ROW] = "#f8d7da",  [KIND_MOVE] = "#d1e7dd", [KIND_NARROW] = "#cff4fc",
};

/* Printable ASCII stays; graphviz reads a backslash as an escape. */
static void label(Str *t, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            ir_str_fmt(t, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            ir_str_fmt(t, "\\\\x%02x", c);
        else
            ir_str_add(t, s, 1);
    }
}

static void node(Str *t, const Graph *g, int graph, const int *number, uint32_t i)
{
    const Node *x = &g->node[i];
    OpKind kind = ir_op[x->op].kind;
    char type[IR_TYPE_TEXT];
    const Attr *f = ir_attr(x, AT_f);
    ir_str_fmt(t, "  g%d_%u [label=\"", graph, i);
    if (x->op == OP_state) {
        label(t, ir_state(g->module, x->state)->key);
    } else {
        ir_str_fmt(t, "%%%d %s", number[i], ir_op[x->op].name);
        if (x->name) {
            ir_str_add(t, " ", 1);
            label(t, x->name);
        }
    }
    if (f) {
        ir_str_add(t, "\\n", 2);
        label(t, f->u.s);
    }
    ir_str_fmt(t, "\\n%s\" fillcolor=\"%s\"", ir_type_text(&x->type, type), fill[kind]);
    ir_str_fmt(t, "%s];\n",
               x->op == OP_state   ? " shape=cylinder"
               : kind == KIND_LEAF ? " shape=ellipse"
               : kind == KIND_VIEW ? " style=\"rounded,dashed,filled\""
                                   : "");
}

static void clusters(Str *t, const Graph *g, int graph, const int *number, bool *drawn)
{
    for (int k = 0; k < g->n_kernel; k++) {
        ir_str_fmt(t,
                   "  subgraph cluster_g%d_k%d {\n  label=\"k%d %s (%s)\"; style=rounded; "
                   "color=\"#90a4ae\";\n",
                   graph, k, k, ir_kernel_name(g, k, t->arena), ir_algo[g->kernel[k].algo].name);
        for (int i = 0; i < g->kernel[k].n_member; i++) {
            uint32_t v = g->kernel[k].member[i].i;
            if (!drawn[v])
                node(t, g, graph, number, v);
            drawn[v] = true;
        }
        ir_str_add(t, "  }\n", 4);
    }
}

static void edges(Str *t, const Graph *g, int graph)
{
    char shape[IR_TYPE_TEXT];
    for (uint32_t i = 1; i < g->n_node; i++)
        for (int j = 0; j < g->node[i].n_in; j++) {
            uint32_t from = g->node[i].in[j].i;
            ir_str_fmt(t, "  g%d_%u -> g%d_%u [label=\"%s\"];\n", graph, from, graph, i,
                       ir_shape_text(&g->node[from].type.shape, shape));
        }
}

static void roots(Str *t, const Graph *g, int graph)
{
    static const char *const word[] = {"return", "grad", "update"};
    for (int i = 0; i < g->n_root; i++) {
        const Root *r = &g->root[i];
        ir_str_fmt(t, "  g%d_root%d [label=\"%s ", graph, i, word[r->kind]);
        label(t, r->kind == ROOT_RETURN ? r->name : ir_state(g->module, r->state)->key);
        ir_str_fmt(t, "\" shape=plain style=\"\"];\n  g%d_%u -> g%d_root%d;\n", graph, r->val.i,
                   graph, i);
    }
}

static void print_graph(Str *t, const Graph *g, int graph)
{
    int *number = ir_numbers(g, t->arena);
    bool *drawn = arena_alloc(t->arena, g->n_node, sizeof *drawn);
    ir_str_fmt(t, " subgraph cluster_g%d {\n  label=\"", graph);
    label(t, g->name);
    ir_str_add(t, "\"; color=\"#ffffff\";\n", 20);
    clusters(t, g, graph, number, drawn);
    for (uint32_t i = 1; i < g->n_node; i++)
        if (!drawn[i])
            node(t, g, graph, number, i);
    edges(t, g, graph);
    roots(t, g, graph);
    ir_str_add(t, " }\n", 3);
}

void ir_print_dot(const Module *m, FILE *out, const char *const *graphs)
{
    Str t = {.arena = arena_new()};
    ir_str_fmt(
        &t,
        "digraph seqc {\n rankdir=TB; fontname=\"sans-serif\"; fontsize=11;\n"
        " node [shape=box style=\"rounded,filled\" fontname=\"sans-serif\" fontsize=10"
        " color=\"#607d8b\"];\n"
        " edge [fontname=\"sans-serif\" fontsize=8 color=\"#78909c\" fontcolor=\"#546e7a\"];\n");
    for (int i = 0; i < m->n_graph; i++)
        if (ir_prints_graph(m->graph[i]->name, graphs))
            print_graph(&t, m->graph[i], i);
    ir_str_add(&t, "}\n", 2);
    fwrite(t.s, 1, t.n, out);
    arena_free(t.arena);
}
