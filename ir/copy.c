/* ir/copy.c: copying nodes, graphs and modules: what passes are made of.
 *
 * A pass walks the old graph once and fills a map from old values to new ones; what no root reaches
 * vanishes by not being copied. Strings are interned again, so the old module may be freed. */
#include "ir/priv.h"
#include <string.h>

static void copy_program(Module *to, const Program *p)
{
    Program *q = &to->prog;
    *q = *p;
    q->name = ir_intern(to, p->name);
    q->loss = ir_intern(to, p->loss);
    q->optimizer = ir_intern(to, p->optimizer);
    q->schedule = ir_intern(to, p->schedule);
    q->data = ir_intern(to, p->data);
    q->root = ir_intern(to, p->root);
    q->transform = NULL;
    q->draw = NULL;
    q->load = NULL;
    q->mask = NULL;
    q->scalar = NULL;
    q->group = NULL;
    q->layer = NULL;
    q->metric = NULL;
    q->n_mask = q->cap_mask = 0;
    q->n_draw = q->n_load = q->n_scalar = q->n_group = q->n_layer = q->n_metric = 0;
    q->cap_draw = q->cap_load = q->cap_scalar = q->cap_group = q->cap_layer = q->cap_metric = 0;
    q->n_transform = q->cap_transform = 0;
    for (int i = 0; i < p->n_transform; i++)
        ir_transform(to, p->transform[i]);
    for (int i = 0; i < p->n_draw; i++)
        ir_draw(to, p->draw[i]);
    for (int i = 0; i < p->n_load; i++)
        ir_load(to, p->load[i]);
    for (int i = 0; i < p->n_mask; i++)
        ir_mask(to, p->mask[i]);
    for (int i = 0; i < p->n_scalar; i++)
        ir_scalar_def(to, p->scalar[i].name, p->scalar[i].f, p->scalar[i].group);
    for (int i = 0; i < p->n_group; i++)
        ir_group(to, p->group[i]);
    for (int i = 0; i < p->n_layer; i++)
        ir_layer(to, p->layer[i]);
    for (int i = 0; i < p->n_metric; i++)
        ir_metric(to, p->metric[i]);
}

Module *ir_module_like(const Module *m)
{
    Module *to = ir_module_new();
    to->capacity = m->capacity;
    to->real = m->real;
    to->math = m->math;
    to->stage = ir_intern(to, m->stage);
    to->state_bytes = m->state_bytes;
    for (int i = 1; i < m->n_file; i++)
        ir_file(to, m->file[i]);
    for (uint32_t i = 1; i < m->n_state; i++) {
        const StateInfo *s = &m->state[i];
        State copy = ir_state_add(to, s->key, s->role, s->type, s->loc);
        to->state[copy.i].offset_bytes = s->offset_bytes;
    }
    copy_program(to, &m->prog);
    return to;
}

Val ir_copy_node(Graph *to, const Graph *from, Val v, const Val *map)
{
    const Node *x = ir_node(from, v);
    if (x->op == OP_state)
        return ir_state_val(to, x->state);
    if (x->op == OP_input)
        return ir_input(to, x->name, x->type, x->loc);
    if (x->op == OP_scalar)
        return ir_scalar(to, x->name, x->loc);
    Val in[32];
    for (int i = 0; i < x->n_in; i++) {
        in[i] = map[x->in[i].i];
        if (!in[i].i)
            ir_die(from->module, "graph %s: operand %d of %%%d (%s) is not copied yet", from->name,
                   i + 1, ir_printed_number(from, v), ir_op[x->op].name);
    }
    /* A product's layout is a choice that the type holds; other derived types follow operands. */
    bool keep_type = ir_type_is_given(x->op) || ir_op[x->op].kind == KIND_PROD;
    return keep_type ? ir_add_typed(to, x->op, x->loc, x->type, in, x->n_in, x->attr, x->n_attr)
                     : ir_add(to, x->op, x->loc, in, x->n_in, x->attr, x->n_attr);
}

void ir_copy_roots(Graph *to, const Graph *from, const Val *map)
{
    for (int i = 0; i < from->n_root; i++) {
        const Root *r = &from->root[i];
        Val v = map[r->val.i];
        if (r->kind == ROOT_RETURN)
            ir_return(to, r->name, v);
        else if (r->kind == ROOT_GRAD)
            ir_grad(to, r->state, v);
        else
            ir_update(to, r->state, v);
    }
}

/* Inputs are copied even where nothing reads them: they are the graph's signature. */
void ir_copy_graph(Graph *to, const Graph *from, Val *map)
{
    Arena *scratch = arena_new();
    bool *live = ir_live(from, scratch);
    if (!map)
        map = arena_alloc(scratch, from->n_node, sizeof *map);
    for (uint32_t i = 1; i < from->n_node; i++)
        if (!map[i].i && (live[i] || from->node[i].op == OP_input))
            map[i] = ir_copy_node(to, from, (Val){i}, map);
    ir_copy_roots(to, from, map);
    arena_free(scratch);
}

void ir_set_kernels(Graph *g, const Kernel *k, int n)
{
    Arena *a = g->module->arena;
    g->has_kernels = true;
    g->n_kernel = n;
    g->kernel = arena_grow(a, (void *)(uintptr_t)k, (size_t)n, (size_t)n + 1, sizeof *k);
    for (int i = 0; i < n; i++)
        g->kernel[i].member = arena_grow(a, (void *)(uintptr_t)k[i].member, (size_t)k[i].n_member,
                                         (size_t)k[i].n_member + 1, sizeof(Val));
}

/* Values in states and results take no arena: their offset is 0 and their size follows from the
 * type. */
void ir_set_plan(Graph *g, const Buffer *b, int n, int64_t arena_bytes, int64_t bound_bytes,
                 int64_t worker_bytes)
{
    g->has_plan = true;
    g->n_buffer = n;
    g->buffer =
        arena_grow(g->module->arena, (void *)(uintptr_t)b, (size_t)n, (size_t)n + 1, sizeof *b);
    g->arena_bytes = arena_bytes;
    g->bound_bytes = bound_bytes;
    g->worker_bytes = worker_bytes;
    g->kept_bytes = 0;
    for (int i = 0; i < n; i++) {
        Buffer *x = &g->buffer[i];
        if (x->kind == BUF_STATE || x->kind == BUF_OUT) {
            x->offset_bytes = 0;
            x->bytes = ir_round_bytes(ir_stored_bytes(ir_type(g, x->val), g->module->capacity));
        }
        if (x->kind != BUF_STATE)
            x->state.i = 0;
        if (x->kind != BUF_OUT)
            x->out = 0;
        if (x->kind == BUF_SCRATCH)
            x->val.i = 0;
        if (x->kind != BUF_ARENA)
            x->in_place_of.i = 0;
        if (x->kind == BUF_KEPT && x->offset_bytes + x->bytes > g->kept_bytes)
            g->kept_bytes = x->offset_bytes + x->bytes;
    }
}
