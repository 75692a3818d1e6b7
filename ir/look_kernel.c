/* ir/look_kernel.c: questions about kernels and places.
 *
 * A value is stored where someone outside its kernel reads it: another kernel that does not compute
 * it too, or a root. Of several kernels that compute it the last before the first such reader
 * stores it. */
#include "ir/priv.h"
#include <limits.h>
#include <string.h>

/* member_of as one array with a start for each node: counted, summed, filled. */
static void index_members(const Graph *g, Stored *s, Arena *a)
{
    s->first_of = arena_alloc(a, g->n_node + 1, sizeof *s->first_of);
    for (int k = 0; k < g->n_kernel; k++)
        for (int i = 0; i < g->kernel[k].n_member; i++)
            s->first_of[g->kernel[k].member[i].i + 1]++;
    for (uint32_t i = 0; i < g->n_node; i++)
        s->first_of[i + 1] += s->first_of[i];
    int *at = arena_grow(a, s->first_of, g->n_node, g->n_node, sizeof *at);
    s->member_of = arena_alloc(a, (size_t)s->first_of[g->n_node] + 1, sizeof *s->member_of);
    for (int k = 0; k < g->n_kernel; k++)
        for (int i = 0; i < g->kernel[k].n_member; i++)
            s->member_of[at[g->kernel[k].member[i].i]++] = k;
}

bool ir_is_member(const Stored *s, Val v, int kernel)
{
    int low = s->first_of[v.i], high = s->first_of[v.i + 1];
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (s->member_of[middle] == kernel)
            return true;
        if (s->member_of[middle] < kernel)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

Stored ir_stored(const Graph *g, Arena *a)
{
    Stored s = {
        .base = arena_alloc(a, g->n_node, sizeof *s.base),
        .by = arena_alloc(a, g->n_node, sizeof *s.by),
        .last = arena_alloc(a, g->n_node, sizeof *s.last),
        .rooted = arena_alloc(a, g->n_node, sizeof *s.rooted),
    };
    int *first = arena_alloc(a, g->n_node, sizeof *first);
    index_members(g, &s, a);
    for (uint32_t i = 1; i < g->n_node; i++) {
        const Node *x = &g->node[i];
        s.base[i] = ir_op[x->op].kind == KIND_VIEW ? s.base[x->in[0].i] : (Val){i};
        s.by[i] = s.last[i] = -1;
        first[i] = INT_MAX;
    }
    for (int i = 0; i < g->n_root; i++)
        s.rooted[s.base[g->root[i].val.i].i] = true;
    for (int k = 0; k < g->n_kernel; k++)
        for (int i = 0; i < g->kernel[k].n_member; i++) {
            const Node *x = &g->node[g->kernel[k].member[i].i];
            for (int j = 0; j < x->n_in; j++) {
                Val v = s.base[x->in[j].i];
                if (ir_is_member(&s, v, k))
                    continue;
                first[v.i] = k < first[v.i] ? k : first[v.i];
                s.last[v.i] = k > s.last[v.i] ? k : s.last[v.i];
            }
        }
    for (uint32_t i = 1; i < g->n_node; i++) {
        int begin = s.first_of[i], end = s.first_of[i + 1];
        if (begin == end || (first[i] == INT_MAX && !s.rooted[i]))
            continue;
        s.by[i] = s.member_of[end - 1];
        for (int j = begin; j < end && s.member_of[j] < first[i]; j++)
            s.by[i] = s.member_of[j];
    }
    return s;
}

int ir_touched(const Graph *g, const Val *member, int n)
{
    int64_t touched = 0;
    for (int i = 0; i < n; i++) touched += 2 + ir_node(g, member[i])->n_in;
    return touched > INT32_MAX ? INT32_MAX : (int)touched;
}

enum { NAME_OPS = 3 };

/* "linear_relu": the first few different ops, leaves left out. */
const char *ir_kernel_name(const Graph *g, int k, Arena *a)
{
    const Kernel *kernel = &g->kernel[k];
    Op seen[NAME_OPS];
    int n = 0;
    bool more = false;
    char *name = NULL;
    for (int i = 0; i < kernel->n_member; i++) {
        Op op = g->node[kernel->member[i].i].op;
        bool known = ir_op[op].kind == KIND_LEAF && kernel->n_member > 1;
        for (int j = 0; j < n && !known; j++)
            known = seen[j] == op;
        more |= !known && n == NAME_OPS;
        if (known || n == NAME_OPS)
            continue;
        seen[n++] = op;
        name = name ? arena_printf(a, "%s_%s", name, ir_op[op].name) : arena_str(a, ir_op[op].name);
    }
    return !name ? "leaves" : more ? arena_printf(a, "%s_more", name) : name;
}

double ir_kernel_flop(const Graph *g, int k)
{
    double flop = 0;
    for (int i = 0; i < g->kernel[k].n_member; i++)
        flop += ir_flop(g, g->kernel[k].member[i]);
    return flop;
}

/* Scalars, counts, random numbers and constants of one value are no traffic. */
static int64_t traffic_bytes(const Graph *g, Val v)
{
    const Node *x = &g->node[v.i];
    const Attr *values = ir_attr(x, AT_values);
    if (x->op == OP_scalar || x->op == OP_count || x->op == OP_random
        || (values && values->count == 1))
        return 0;
    return ir_stored_bytes(&x->type, g->module->capacity);
}

static void add_bytes(int64_t *total, int64_t bytes)
{
    if (__builtin_add_overflow(*total, bytes, total))
        *total = INT64_MAX;
}

int64_t ir_kernel_bytes_of(const Graph *g, int k, const Stored *s)
{
    const Kernel *kernel = &g->kernel[k];
    int64_t total = 0;
    int n_read = 0, cap = 0;
    for (int i = 0; i < kernel->n_member; i++)
        cap += g->node[kernel->member[i].i].n_in;
    Arena *scratch = arena_new();
    uint32_t *read = arena_alloc(scratch, (size_t)cap + 1, sizeof *read);
    for (int i = 0; i < kernel->n_member; i++) {
        Val v = kernel->member[i];
        const Node *x = &g->node[v.i];
        if (s->by[v.i] == k)
            add_bytes(&total, traffic_bytes(g, v));
        for (int j = 0; j < x->n_in; j++) {
            Val from = s->base[x->in[j].i];
            bool counted = ir_is_member(s, from, k);
            for (int r = 0; r < n_read && !counted; r++)
                counted = read[r] == from.i;
            if (counted)
                continue;
            read[n_read++] = from.i;
            add_bytes(&total, traffic_bytes(g, from));
        }
    }
    arena_free(scratch);
    return total;
}

int64_t ir_kernel_bytes(const Graph *g, int k)
{
    Arena *scratch = arena_new();
    Stored s = ir_stored(g, scratch);
    int64_t bytes = ir_kernel_bytes_of(g, k, &s);
    arena_free(scratch);
    return bytes;
}

int64_t *ir_kernels_bytes(const Graph *g, Arena *a)
{
    int64_t *bytes = arena_alloc(a, (size_t)g->n_kernel + 1, sizeof *bytes);
    Stored s = ir_stored(g, a);
    for (int k = 0; k < g->n_kernel; k++)
        bytes[k] = ir_kernel_bytes_of(g, k, &s);
    return bytes;
}

Place ir_place(const Graph *g, Val v)
{
    Place p = {.where = AT_NOWHERE, .base = ir_view_base(g, v)};
    const Node *x = ir_node(g, p.base);
    p.name = x->name;
    p.state = x->state;
    if (x->op == OP_input)
        p.where = AT_INPUT;
    else if (x->op == OP_scalar)
        p.where = AT_SCALAR;
    else if (x->op == OP_const)
        p.where = AT_CONST;
    else if (x->op == OP_state)
        p.where = AT_STATE;
    for (int i = 0; p.where == AT_NOWHERE && i < g->n_buffer; i++) {
        const Buffer *b = &g->buffer[i];
        static const Where where[] = {[BUF_ARENA] = AT_ARENA, [BUF_STATE] = AT_STATE,
                                      [BUF_OUT] = AT_OUT, [BUF_KEPT] = AT_KEPT};
        if (!b->val.i || b->val.i != p.base.i)
            continue;
        p.where = where[b->kind];
        p.offset_bytes = b->offset_bytes;
        p.state = b->state;
        p.out = b->out;
    }
    if (p.where == AT_STATE)
        p.offset_bytes = ir_state(g->module, p.state)->offset_bytes;
    return p;
}
